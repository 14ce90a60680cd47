"""The terminal's read, in process: over every shipped card, both transports, and cards that are none."""

import tomllib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfs.issuing.roots import Roots, load_roots
from cardfs.memory.image import Image
from cardfs.model.settings import CryptoSettings
from cardfs.profile.loader import DEMO, shipped_profiles
from emulator.cards import Card
from emulator.terminal import Channel, Reading, TerminalError, algorithm_of, exchange, read_card
from tests.kit.card import HISTORICAL, PSE, REGION, CardBench, HandmadeBench, contents
from tests.kit.terminal import psam_contents

PROFILES = {"ssc-1.0": ("3DES", "1.00"), "ssc-2.0": ("3DES", "2.00"), "ssc-2.0-sm4": ("SM4", "2.00")}
PROFILES["ssc-3.0"] = ("SM4", "3.00")
ATR = bytes.fromhex("3B6D0000") + HISTORICAL
APDU_TRANSPORT = '[settings.transport]\nlevel = "apdu"'
T1 = '[atr]\nprotocol = "T=1"'


def demo_roots() -> Roots:
    """The demo root keys."""
    return load_roots(DEMO / "roots.toml")


def other_roots(*names: str) -> Roots:
    """The demo root keys, but those of some names are other ones."""
    roots = demo_roots()
    values = {at: bytes(16) if at[0] in names else value for at, value in roots.values.items()}
    return Roots("other", roots.level, values)


def read(profile: str, roots: Roots | None, overrides: str = "") -> Reading:
    """Read a demo card."""
    card = Card(Image.in_memory(contents(profile, overrides)))
    reading = read_card(card.transmit, card.atr, roots)
    assert card.bug is None
    return reading


def values(reading: Reading) -> dict[str, str]:
    """What was read, by element name."""
    return {item.name: item.value for item in reading.items}


# Every shipped card ---------------------------------------------------------------------------------


def test_every_shipped_profile_is_here() -> None:
    assert set(PROFILES) == {name for name in shipped_profiles() if name.startswith("ssc-")}


@pytest.mark.parametrize("overrides", ["", APDU_TRANSPORT, T1], ids=["T=0", "apdu", "T=1"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_shipped_card_is_genuine_and_shows_its_holder(profile: str, overrides: str) -> None:
    reading = read(profile, demo_roots(), overrides)
    assert (reading.algorithm, reading.version) == PROFILES[profile]
    assert reading.region == REGION
    assert (reading.genuine, reading.notes) == (True, [])
    holder = tomllib.loads((DEMO / ("holder-1.0.toml" if profile == "ssc-1.0" else "holder.toml")).read_text())
    read_values = values(reading)
    for name in ("social_security_number", "sex", "ethnic_group", "birth_place"):
        assert read_values[name] == holder[name], name
    assert read_values["holder_name"] == holder["name"] == "测试甲"
    assert read_values["birth_date"] == holder["birth_date"].isoformat()


WITH_MAC = '[settings.sm]\nread_commands = "per-file"\n[[ef]]\nid = "SSSE/EF06"\nsecured = { read = "mac" }\n'


@pytest.mark.parametrize("overrides", ["", T1], ids=["T=0", "T=1"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_holder_file_that_takes_a_mac_is_read_with_one(profile: str, overrides: str) -> None:
    """Part 4, 8.5, case 2: under STK, which the terminal has the root of."""
    reading = read(profile, demo_roots(), WITH_MAC + overrides)
    assert reading.notes == []
    assert values(reading) == values(read(profile, demo_roots(), overrides))


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4"])
def test_a_holder_file_that_takes_a_mac_is_not_read_without_its_key(profile: str) -> None:
    for roots, word in ((None, "6987, MAC missing"), (other_roots("STK"), "6988, secure messaging data wrong")):
        reading = read(profile, roots, WITH_MAC)
        assert reading.notes == [f"EF06 could not be read: {word}"]
        assert "holder_name" not in values(reading)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_issuers_data_are_read_with_both_names(profile: str) -> None:
    by_name = {item.name: item for item in read(profile, None).items}
    card = by_name["card_identification_code"]
    assert (card.file, card.zh, card.value) == ("EF05", "卡的识别码", "519900D156000005000001ACFFFFFFFF")
    assert card.raw[0] == 0x01
    assert (by_name["issue_date"].value, by_name["expiry_date"].value) == ("2024-01-01", "2034-01-01")


def test_t1_and_apdu_cards_are_what_they_say() -> None:
    assert Card(Image.in_memory(contents("ssc-2.0", T1))).atr[4] & 0x0F == 1
    card = CardBench("ssc-2.0", APDU_TRANSPORT)
    assert card.send("00A40000023F00")[:4] != "6104"
    assert card.send("00A40000023F00")[-4:] == "9000"


@pytest.mark.parametrize("refused", ["none", "7378312E73682EC9E7BBE1B1A3D5CF"], ids=["3DES and SM4", "SM4 alone"])
def test_a_security_module_is_no_user_card(refused: str) -> None:
    module = Card(Image.in_memory(psam_contents()))

    def channel(command: bytes) -> bytes:
        return b"\x6a\x82" if refused in command.hex().upper() else module.transmit(command)

    with pytest.raises(TerminalError, match=r"^this is a security module \(PSAM\), not a user card$") as caught:
        read_card(channel, module.atr, demo_roots())
    assert caught.value.code == -1


# Roots ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_with_other_roots_the_card_is_not_genuine(profile: str) -> None:
    reading = read(profile, other_roots("IRK"))
    assert reading.genuine is False
    assert reading.proof == "the card does not know the issuer's key of these roots"


@pytest.mark.parametrize("profile", PROFILES)
def test_without_roots_nothing_is_said_about_the_card(profile: str) -> None:
    reading = read(profile, None)
    assert (reading.genuine, reading.proof) == (None, "")
    assert "card_number" in values(reading)


def test_roots_without_irk_leave_the_question_open() -> None:
    roots = demo_roots()
    reading = read("ssc-2.0", Roots("few", "nation", {at: key for at, key in roots.values.items() if at[0] != "IRK"}))
    assert reading.genuine is None
    assert reading.proof.startswith("not checked: the roots have no IRK")


def test_a_card_of_another_serial_is_not_genuine_under_a_copied_atr() -> None:
    """Keys come from the historical bytes: who copies an ATR only does not copy the card."""
    card = Card(Image.in_memory(contents()))
    other = card.atr[:-1] + bytes((card.atr[-1] ^ 1,))
    assert read_card(card.transmit, other, demo_roots()).genuine is False


# EF06 of version 3.0 --------------------------------------------------------------------------------


def test_the_holder_of_a_3_0_card_needs_rksss_and_says_so() -> None:
    """Terminal interface, 10.2."""
    reading = read("ssc-3.0", None)
    assert "holder_name" not in values(reading)
    assert reading.notes == ["EF06 could not be read: 6982, security status not satisfied"]


def test_a_wrong_rksss_is_said_with_the_word_of_the_card() -> None:
    reading = read("ssc-3.0", other_roots("RKSSSE"))
    assert reading.genuine is True
    assert (
        reading.notes[-1]
        == "EF06 needs RKSSSE, and authentication with it failed: 63C2, verification failed, tries left: 2"
    )
    assert "holder_name" not in values(reading)


def test_a_2_0_card_needs_no_key_for_its_holder() -> None:
    assert values(read("ssc-2.0", None))["holder_name"] == "测试甲"


# The algorithm --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fci", "algorithm"),
    [
        ("6F1C840F7378312E73682EC9E7BBE1B1A3D5CFA50988011E9F0C03860101", "3DES"),
        ("6F08A5069F0C03860102", "SSF33"),
        ("6F0BA5099F0C06500100860103", "SM4"),  # behind another object
        ("6F0BA5099F0C06500486010300", ""),  # the value of another object
        ("6F08A5069F0C03860107", ""),
        ("6F08A5069F0C038601", ""),  # cut
        ("", ""),
    ],
)
def test_the_algorithm_comes_from_the_fci(fci: str, algorithm: str) -> None:
    """Part 5, 6.11.4: tag 86 within 9F0C."""
    assert algorithm_of(bytes.fromhex(fci)) == algorithm


# Cards that are none --------------------------------------------------------------------------------


def test_a_card_without_sssse_is_named_as_such() -> None:
    refusing: Channel = lambda _: b"\x6a\x82"  # noqa: E731
    with pytest.raises(TerminalError, match=r"^the card has no social-security environment: 6A82, file not found$"):
        read_card(refusing, ATR, demo_roots())


def test_a_locked_card_is_named_as_such() -> None:
    card = HandmadeBench()
    card.lock_card()
    with pytest.raises(TerminalError, match="6A81, function not supported here, or the card is locked"):
        read_card(card.card.transmit, card.card.atr, demo_roots())


def test_another_kind_of_card_is_read_as_far_as_it_goes() -> None:
    """The card made by hand has an SSSE and other files under the same numbers."""
    card = HandmadeBench()
    assert PSE in card.card.image.dfs
    reading = read_card(card.card.transmit, card.card.atr, demo_roots())
    assert reading.algorithm == "3DES"
    assert reading.genuine is not True


@pytest.mark.parametrize("answer", [b"", b"\x90", b"\x61"])
def test_a_mute_card_was_pulled_out(answer: bytes) -> None:
    with pytest.raises(TerminalError, match=r"^the card gave no answer: was it pulled out\?$"):
        read_card(lambda _: answer, ATR, demo_roots())


def test_a_card_that_falls_silent_halfway_was_pulled_out() -> None:
    card = Card(Image.in_memory(contents()))
    for silent_after in range(1, 12):
        left = iter(range(silent_after))

        def channel(command: bytes, left: Any = left) -> bytes:
            return card.transmit(command) if next(left, None) is not None else b""

        with pytest.raises(TerminalError, match="was it pulled out"):
            read_card(channel, card.atr, demo_roots())


def test_an_answer_in_pieces_is_put_together() -> None:
    answers = iter((b"\x61\x02", b"ab\x61\x03", b"cde\x90\x00"))
    sent: list[bytes] = []

    def channel(command: bytes) -> bytes:
        sent.append(command)
        return next(answers)

    assert exchange(channel, b"\x00\xa4\x04\x00\x01a") == (b"abcde", 0x9000)
    assert sent[1:] == [b"\x00\xc0\x00\x00\x02", b"\x00\xc0\x00\x00\x03"]


def test_a_wrong_length_is_repeated_once_with_the_right_one() -> None:
    answers = iter((b"\x6c\x03", b"abc\x90\x00"))
    assert exchange(lambda _: next(answers), b"\x00\xb2\x01\x04\x00") == (b"abc", 0x9000)
    assert exchange(lambda _: b"\x6c\x03", b"\x00\xb2\x01\x04\x00") == (b"", 0x6C03)


@pytest.mark.parametrize("answer", ["6110", "00006110", "9000", "00009000", "FF029000", "3000009000", "6C05", "6300"])
def test_a_card_that_says_one_thing_for_ever_is_left_at_last(answer: str) -> None:
    always: Channel = lambda _: bytes.fromhex(answer)  # noqa: E731
    try:
        reading = read_card(always, ATR, demo_roots())
    except TerminalError:
        return
    assert reading.genuine is not True
    assert len(reading.items) <= 2 * 254


Answers = st.lists(st.binary(max_size=20) | st.sampled_from((b"\x90\x00", b"\x61\x05", b"\x6c\x05")), max_size=40)


@settings(max_examples=200, deadline=None)
@given(answers=Answers)
def test_no_answer_of_a_card_breaks_the_terminal(answers: list[bytes]) -> None:
    waiting = iter(answers)
    channel: Callable[[bytes], bytes] = lambda _: next(waiting, b"\x6a\x82")  # noqa: E731
    with suppress(TerminalError):
        read_card(channel, ATR, demo_roots())


@settings(max_examples=100, deadline=None)
@given(record=st.binary(min_size=1, max_size=60))
def test_no_record_breaks_the_terminal(record: bytes) -> None:
    card = Card(Image.in_memory(contents()))

    def channel(command: bytes) -> bytes:
        if command[1] == 0xB2:
            return record + b"\x90\x00" if command[2] < 4 else b"\x6a\x83"
        return card.transmit(command)

    reading = read_card(channel, card.atr, demo_roots())
    assert [item.raw for item in reading.items] == [record] * 6


@pytest.mark.parametrize("atr", [b"", b"\x3b\x00", b"\x3b\x65\x00\x00\x20\x63\xcb\x68\x00", b"\x3b\xff"])
def test_an_atr_of_another_kind_proves_nothing(atr: bytes) -> None:
    card = Card(Image.in_memory(contents()))
    reading = read_card(card.transmit, atr, demo_roots())
    assert reading.genuine is None
    assert values(reading)["holder_name"] == "测试甲"


def test_a_region_that_diversifies_in_its_own_way_is_proven_with_its_rules() -> None:
    """Setting crypto.level3_factor: T8 to TD and two zero bytes at the third level."""
    rules = "settings.crypto.level3_factor = 'T8..TD+0000'"
    card = Card(Image.in_memory(contents("ssc-3.0", rules)))
    assert read_card(card.transmit, card.atr, demo_roots()).genuine is False
    reading = read_card(card.transmit, card.atr, demo_roots(), CryptoSettings(level3_factor="T8..TD+0000"))
    assert reading.genuine is True
    assert {item.file for item in reading.items} == {"EF05", "EF06"}
