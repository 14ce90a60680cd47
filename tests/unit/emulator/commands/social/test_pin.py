"""VERIFY, CHANGE PIN and PIN CHANGE/UNBLOCK (Part 5, 6.3, 6.8 and 6.14; Part 7, 5.6 to 5.8, 9 and 13.3)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.model.settings import PinSettings, Settings
from emulator.commands.social.pin import is_pin
from keys.records import KeyRef, KeyState
from tests.kit.card import PIN_CN, SSSE, HandmadeBench, handmade
from tests.kit.reference import Reference

REFUSE = Settings(pin=PinSettings(ill_formed="refuse"))
WRONG = bytes.fromhex("111111")
OTHER = bytes.fromhex("8642")


def change(bench: HandmadeBench, current: bytes, new: bytes) -> str:
    data = current + b"\xff" + new
    return bench.send(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data)


def enciphered(bench: HandmadeBench, new: bytes) -> tuple[bytes, bytes]:
    """A fresh challenge, and the new PIN enciphered with its session key."""
    rules = Reference(bench.key_suite("STK"))
    challenge = bench.challenge()
    session = rules.session_key(bench.key_value("STK", bench.key_suite("STK")), challenge)
    return challenge, rules.encrypt(session, new)


def replace_pin(bench: HandmadeBench, new: bytes) -> str:
    """PIN CHANGE with P2 01, after PUK was proven."""
    challenge, data = enciphered(bench, new)
    return bench.send(bench.secured("84240001", data, challenge=challenge))


# -- the form of a PIN (Part 5, 6.3.1) ---------------------------------------------------------------


@given(st.binary(max_size=10))
def test_a_pin_is_4_to_16_digits_with_at_most_one_filler_at_the_end(value: bytes) -> None:
    digits = value.hex()
    if digits.endswith("f"):
        digits = digits[:-1]
    good = 4 <= len(digits) <= 16 and len(value) <= 8 and all(digit in "0123456789" for digit in digits)
    assert is_pin(value) is good


@pytest.mark.parametrize("digits", ["1234", "12345F", "1234567890123456", "123456789012345F", "0000"])
def test_these_are_pins(digits: str) -> None:
    assert is_pin(bytes.fromhex(digits))


@pytest.mark.parametrize("digits", ["", "12", "123F", "12FF", "1F34", "F123", "A123", "123456789012345678", "FFFF"])
def test_these_are_none(digits: str) -> None:
    assert not is_pin(bytes.fromhex(digits))


# -- VERIFY (Part 5, 6.14) -----------------------------------------------------------------------------


def test_the_right_pin_is_verified_and_restores_the_counter() -> None:
    """Part 7, 5.8."""
    bench = HandmadeBench()
    assert bench.verify(WRONG) == "63C2"
    assert bench.verify() == "9000"
    assert bench.tries("PIN") == 3
    assert bench.session.proofs == {KeyRef(SSSE, "PIN")}


@pytest.mark.clause("Part 4, 6.4", "guessing the PIN ends with its counter")
def test_a_wrong_pin_counts_down_to_63c0_and_then_6983() -> None:
    """Part 5, 6.14.5; Part 7, 5.8."""
    bench = HandmadeBench()
    assert [bench.verify(WRONG) for _ in range(5)] == ["63C2", "63C1", "63C0", "6983", "6983"]
    assert bench.verify() == "6983"


@pytest.mark.parametrize("tries", [1, 3, 6, 15])
def test_the_issuer_chooses_how_many_tries_there_are(tries: int) -> None:
    """Part 7, 5.8; Part 5, table 47: x up to F."""
    bench = HandmadeBench(tries=tries)
    assert [bench.verify(WRONG) for _ in range(tries)] == [f"63C{left:X}" for left in range(tries - 1, -1, -1)]
    assert bench.verify() == "6983"


def test_a_beginning_and_a_continuation_of_the_pin_are_wrong() -> None:
    bench = HandmadeBench(pin=bytes.fromhex("12345F"))
    assert bench.verify(bytes.fromhex("1234")) == "63C2"
    assert bench.verify(bytes.fromhex("12345F")) == "9000"
    assert bench.verify(bytes.fromhex("123450")) == "63C2"


def test_without_data_the_card_tells_how_many_tries_are_left() -> None:
    """Part 5, 6.14.5: 63Cx, the counter stays, whether or not the PIN was verified before."""
    bench = HandmadeBench()
    bench.verify(WRONG)
    assert [bench.send("0020000000") for _ in range(5)] == ["63C2"] * 5
    assert bench.send("00200000") == "63C2"
    bench.verify()
    assert bench.send("0020000000") == "63C3"
    assert bench.session.proofs


@pytest.mark.parametrize(("setting", "word"), [("63C0", "63C0"), ("6983", "6983")])
def test_without_data_a_locked_pin_answers_what_the_profile_says(setting: str, word: str) -> None:
    """Part 5, 6.14.5, second paragraph, against Part 7, 5.8."""
    bench = HandmadeBench(Settings(pin=PinSettings(query_when_locked=setting)))  # type: ignore[arg-type]
    for _ in range(3):
        bench.verify(WRONG)
    assert bench.send("0020000000") == word


def test_without_a_pin_nothing_is_asked_for_and_nothing_is_right() -> None:
    """Part 5, 6.14.5; Part 7, 5.6."""
    bench = HandmadeBench(pin=b"")
    assert bench.send("0020000000") == "9000"
    assert [bench.verify(WRONG) for _ in range(5)] == ["63C3"] * 5
    assert not bench.session.proofs


def test_a_dead_pin_is_no_empty_one() -> None:
    """Part 4, 7.5: locking erases it, and must open nothing that an empty PIN opens."""
    made = handmade(pin=b"")
    assert HandmadeBench(contents=made).word("00B2017C04") == "9000"
    at = (KeyRef(SSSE, "PIN"), 1)
    bench = HandmadeBench(contents=replace(made, keys={**made.keys, at: replace(made.keys[at], state=KeyState.DEAD)}))
    assert bench.word("00B2017C04") == "6982"
    assert bench.send("0020000000") == "6A88"
    assert bench.verify() == "6A88"


NO_PINS = ["ABCDEF", "123F", "12FF", "7391", "FFFFFFFF", "739154FF", "739154FFFFFFFFFF", "0000", "F739154F"]


@pytest.mark.parametrize("data", NO_PINS)
def test_what_is_no_pin_is_another_one_and_takes_a_try(data: str) -> None:
    """Part 7, 5.8 and Part 5, 6.14.5: what is given is the PIN or it is not, whatever its form."""
    bench = HandmadeBench()
    assert [bench.verify(bytes.fromhex(data)) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]


@pytest.mark.parametrize("data", ["ABCDEF", "123F", "12FF", "FFFFFFFF", "739154FFFFFFFFFF"])
def test_where_the_profile_says_so_what_is_no_pin_is_refused_without_a_try(data: str) -> None:
    """``pin.ill_formed = "refuse"``: the 6984 of table 48."""
    bench = HandmadeBench(REFUSE)
    assert bench.verify(bytes.fromhex(data)) == "6984"
    assert bench.tries("PIN") == 3


@pytest.mark.parametrize("length", [1, 9, 16])
def test_a_pin_has_2_to_8_bytes(length: int) -> None:
    """Part 5, table 46."""
    assert HandmadeBench().verify(bytes(length)) == "6700"


def test_a_wrong_pin_later_does_not_take_back_what_was_verified() -> None:
    """The state lasts until power-off (Part 7, 5.8)."""
    bench = HandmadeBench()
    bench.verify()
    for _ in range(4):
        bench.verify(WRONG)
    assert bench.word("00B2017C04") == "9000"


def test_the_pin_of_the_environment_serves_its_applications() -> None:
    """Part 7, 5."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    assert bench.word("00B2012C04") == "6982"
    assert bench.verify() == "9000"
    assert bench.word("00B2012C04") == "9000"


def test_a_try_is_charged_before_the_comparison_and_durably() -> None:
    """Part 7, 5.8 and 6.6: what is in the store when the comparison starts."""
    bench = HandmadeBench()
    seen: list[int] = []
    write = bench.store.write

    def watch(changes: dict[tuple[str, str], object], **more: bool) -> None:
        write(changes, **more)  # type: ignore[arg-type]
        seen.append(int(bench.store.cells["tries", f"{SSSE}#PIN.1"].meta))

    bench.store.write = watch  # type: ignore[assignment,method-assign]
    assert bench.verify(WRONG) == "63C2"
    assert seen == [2]
    assert bench.verify() == "9000"
    assert seen == [2, 1, 3]


# -- CHANGE PIN (Part 5, 6.3) --------------------------------------------------------------------------


@pytest.mark.parametrize("new", ["8642", "12345F", "1234567890123456"])
def test_the_holder_changes_the_pin_and_the_counter_is_restored(new: str) -> None:
    """Part 5, 6.3.1."""
    bench = HandmadeBench()
    bench.verify(WRONG)
    assert change(bench, PIN_CN, bytes.fromhex(new)) == "9000"
    assert bench.tries("PIN") == 3
    assert bench.verify() == "63C2"
    assert bench.verify(bytes.fromhex(new)) == "9000"


def test_a_wrong_current_pin_costs_a_try_and_changes_nothing() -> None:
    """Part 5, table 11; Part 7, 9.5."""
    bench = HandmadeBench()
    assert [change(bench, WRONG, OTHER) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert change(bench, PIN_CN, OTHER) == "6983"


def test_both_longest_pins_fit() -> None:
    """Part 5, table 10: 8 + 1 + 8 bytes."""
    longest = bytes.fromhex("1234567890123456")
    bench = HandmadeBench(pin=longest)
    assert change(bench, longest, bytes.fromhex("6543210987654321")) == "9000"
    assert bench.verify(bytes.fromhex("6543210987654321")) == "9000"


def test_the_pin_may_be_removed_and_set_again() -> None:
    """Part 5, 6.3.3: either part may be absent."""
    bench = HandmadeBench()
    assert change(bench, PIN_CN, b"") == "9000"
    assert bench.send("0020000000") == "9000"
    assert change(bench, WRONG, OTHER) == "63C3"
    assert change(bench, b"", OTHER) == "9000"
    assert bench.verify(OTHER) == "9000"
    assert change(bench, b"", PIN_CN) == "63C2"


def test_a_filler_at_the_end_of_the_current_pin_is_no_separator() -> None:
    """Part 5, 6.3.2: 12 34 5F FF 86 42."""
    odd = bytes.fromhex("12345F")
    bench = HandmadeBench(pin=odd)
    assert change(bench, odd, OTHER) == "9000"
    assert bench.verify(OTHER) == "9000"


@pytest.mark.parametrize("data", ["7391FF54FF8642", "73915AFF8642", "FFFFFF", "12FF34", "12FF12FF", "00FF8642"])
def test_a_current_pin_that_is_none_is_a_wrong_one(data: str) -> None:
    """Part 7, 9.5: the current PIN is verified, whatever its form and that of the new one (Part 5, table 11)."""
    bench = HandmadeBench()
    assert [_change(bench, data) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    bench = HandmadeBench(REFUSE)
    assert _change(bench, data) == "6A80"
    assert bench.tries("PIN") == 3


@pytest.mark.parametrize(
    "data", ["739154864200", "739154FFFF8642", "739154FF86", "739154FFABCD", "739154FFFFFFFFFFFF8642"]
)
@pytest.mark.parametrize("settings", [None, REFUSE])
def test_without_a_separator_or_a_new_pin_nothing_happens(data: str, settings: Settings | None) -> None:
    """Part 5, table 12: 6A80; the current PIN was right, so no try is gone."""
    bench = HandmadeBench(settings)
    assert bench.verify(WRONG) == "63C2"
    assert _change(bench, data) == "6A80"
    assert bench.tries("PIN") == 2
    assert bench.verify() == "9000"


def test_a_new_pin_that_is_none_gives_an_empty_pin_no_try() -> None:
    """Nothing is compared where no PIN is set, so nothing comes back."""
    bench = HandmadeBench(pin=b"")
    assert _change(bench, "FF12FF") == "6A80"
    assert bench.tries("PIN") == 3


def _change(bench: HandmadeBench, data: str) -> str:
    return bench.send(f"805E0100{len(data) // 2:02X}{data}")


def test_there_is_no_pin_to_change_in_the_mf() -> None:
    """Part 5, table 12, which has no 6A88 as table 48 has."""
    bench = HandmadeBench()
    assert bench.word("00A40000023F00") == "9000"
    assert change(bench, PIN_CN, OTHER) == "6A81"
    assert bench.verify() == "6A88"


@pytest.mark.parametrize("length", [1, 2, 18, 32])
def test_change_pin_takes_3_to_17_bytes(length: int) -> None:
    """Part 5, table 10."""
    assert HandmadeBench().send(f"805E0100{length:02X}" + "12" * length) == "6700"


def test_changing_the_pin_does_not_verify_it() -> None:
    """Part 5, 6.3.1 names two effects: the new PIN and the counter."""
    bench = HandmadeBench()
    assert change(bench, PIN_CN, OTHER) == "9000"
    assert not bench.session.proofs
    assert bench.word("00B2017C04") == "6982"


# -- PIN CHANGE/UNBLOCK (Part 5, 6.8) --------------------------------------------------------------------


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_unblocking_restores_the_counter_and_keeps_the_pin(suite: str) -> None:
    """Part 5, table 25."""
    bench = HandmadeBench(suite=suite)
    for _ in range(3):
        bench.verify(WRONG)
    bench.prove(("PUK",))
    assert bench.send(bench.secured("84240000")) == "9000"
    assert bench.verify() == "9000"


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("new", ["8642", "12345F", "12345678901234", "1234567890123456"])
def test_a_locked_pin_is_replaced_and_its_counter_restored(suite: str, new: str) -> None:
    """Part 5, 6.8.3."""
    bench = HandmadeBench(suite=suite)
    for _ in range(3):
        bench.verify(WRONG)
    bench.prove(("PUK",))
    assert replace_pin(bench, bytes.fromhex(new)) == "9000"
    assert bench.tries("PIN") == 3
    assert bench.verify(bytes.fromhex(new)) == "9000"


@pytest.mark.parametrize(("suite", "digits", "lc"), [("3DES", 14, 0x0C), ("3DES", 16, 0x14), ("SM4", 4, 0x14)])
def test_lc_follows_from_the_block_length(suite: str, digits: int, lc: int) -> None:
    """Part 5, table 26."""
    bench = HandmadeBench(suite=suite)
    bench.prove(("PUK",))
    challenge, data = enciphered(bench, bytes.fromhex("1" * digits))
    command = bench.secured("84240001", data, challenge=challenge)
    assert command[4] == lc
    assert bench.send(command) == "9000"


def test_a_16_byte_suite_takes_no_block_of_8_bytes() -> None:
    """Part 5, table 26 with Part 4, 8.3."""
    bench = HandmadeBench(suite="SM4")
    bench.prove(("PUK",))
    assert bench.send(bench.secured("84240001", bytes(8))) == "6700"


@pytest.mark.parametrize("header", ["84240000", "84240001"])
@pytest.mark.parametrize("length", [1, 5, 9, 12, 24])
def test_other_lengths_are_refused(header: str, length: int) -> None:
    """Part 5, table 26."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    assert bench.send(bench.secured(header, bytes(length))) == "6700"


def test_unblocking_takes_no_new_pin() -> None:
    """Part 5, table 26: Lc 04 for P2 00."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    challenge, data = enciphered(bench, OTHER)
    assert bench.send(bench.secured("84240000", data, challenge=challenge)) == "6700"


@pytest.mark.parametrize(
    ("form", "lc04", "ld00"), [("both", "9000", "9000"), ("lc04", "9000", "6A80"), ("ld00", "6700", "9000")]
)
def test_the_pin_is_emptied_in_the_form_that_the_profile_names(form: str, lc04: str, ld00: str) -> None:
    """Part 5, 6.8.3: a PIN element of length zero."""
    settings = Settings(pin=PinSettings(empty_form=form))  # type: ignore[arg-type]
    bench = HandmadeBench(settings)
    bench.prove(("PUK",))
    assert bench.send(bench.secured("84240001")) == lc04
    assert bench.send("0020000000") == ("9000" if lc04 == "9000" else "63C3")
    bench = HandmadeBench(settings)
    bench.prove(("PUK",))
    assert replace_pin(bench, b"") == ld00
    assert bench.send("0020000000") == ("9000" if ld00 == "9000" else "63C3")


@pytest.mark.clause("Part 4, 8.3.3.2", "LD is at least 1")
def test_ld_is_at_least_1_in_the_16_byte_suite() -> None:
    """Part 4, 8.3.3.2."""
    bench = HandmadeBench(suite="SM4")
    bench.prove(("PUK",))
    assert replace_pin(bench, b"") == "6A80"
    bench.prove(("PUK",))
    assert bench.send(bench.secured("84240001")) == "9000"
    assert bench.send("0020000000") == "9000"


def test_a_wrong_mac_costs_the_unblock_key_a_try_and_locks_it_at_last() -> None:
    """Part 7, 13.3."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    for left in (2, 1, 0):
        command = bench.secured("84240000")
        assert bench.send(command[:-1] + bytes((command[-1] ^ 1,))) == "6988"
        assert bench.tries("PUK") == left
    assert bench.send(bench.secured("84240000")) == "6985"
    assert bench.authenticate("PUK") == "6983"


def test_a_right_mac_restores_the_counter_of_the_unblock_key() -> None:
    """Part 7, 6.6 and 13.3."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    command = bench.secured("84240000")
    bench.send(command[:-1] + bytes((command[-1] ^ 1,)))
    assert bench.tries("PUK") == 2
    assert bench.send(bench.secured("84240000")) == "9000"
    assert bench.tries("PUK") == 3


def test_a_new_pin_that_is_none_costs_nothing_and_changes_nothing() -> None:
    """Part 5, table 27: 6A80, after the MAC was right."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    before = bench.cells()
    for bad in ("ABCD", "12", "123F", "FFFF"):
        assert replace_pin(bench, bytes.fromhex(bad)) == "6A80"
    assert bench.cells() == before
    assert bench.verify() == "9000"


@pytest.mark.parametrize("bit", range(0, 17 * 8, 5))
def test_one_flipped_bit_is_refused_and_changes_nothing_but_the_try(bit: int) -> None:
    """Part 4, 8.2; Part 5, table 27."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    challenge, data = enciphered(bench, OTHER)
    command = bytearray(bench.secured("84240001", data, challenge=challenge))
    command[bit // 8] ^= 1 << bit % 8
    before = bench.cells()
    expected = "6988" if bit >= 40 else ("6E00", "6D00", "6A86", "6A86", "6700")[bit // 8]
    word = bench.send(bytes(command))
    assert word == expected or (bit // 8 == 1 and word == "6E00")
    if word == "6988":
        assert bench.tries("PUK") == 2
    else:
        assert bench.cells() == before
    assert bench.verify() == "9000"


def test_the_challenge_of_the_authentication_does_not_serve_the_command() -> None:
    """Part 7, 13: a new challenge."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    assert bench.send(bench.secured("84240000", challenge=bytes(8))) == "6984"


def test_a_challenge_serves_one_secured_command() -> None:
    """Part 5, 6.5.1."""
    bench = HandmadeBench()
    bench.prove(("PUK",))
    command = bench.secured("84240000")
    assert bench.send(command) == "9000"
    assert bench.send(command) == "6984"


def test_without_the_unblock_key_proven_nothing_is_unblocked() -> None:
    """Part 7, 13.3: PUK and no other right."""
    bench = HandmadeBench()
    bench.prove(("PIN", "UK", "BK", "RK"))
    assert bench.send(bench.secured("84240000")) == "6982"
    assert bench.tries("PUK") == 3


def test_pin_commands_work_with_an_application_selected() -> None:
    """This project's choice: the environment's STK and PUK."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    bench.prove(("PUK",))
    assert replace_pin(bench, OTHER) == "9000"
    assert bench.verify(OTHER) == "9000"
