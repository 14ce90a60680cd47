"""Secure messaging on files: updates with a MAC or enciphered as well, and reading with a MAC (Part 4, 8).

Whole commands are compared with `tests/data/secured-commands.json`, which the openssl command line made.
"""

import json
import tomllib
from typing import Any, Final

import pytest

from cardfs.memory.cells import ef_cell
from cardfs.memory.securing import Securing, securing
from cardfs.model.files import Protection
from cardfs.model.settings import BlockSettings, Settings, SmSettings, TransportSettings
from cardfs.profile.inputs import ProfileError
from cardfs.profile.loader import load_profile
from tests.kit.card import LONG_FILE, RECORDS, SSSE, HandmadeBench, handmade, scripted
from tests.kit.issuer import stage
from tests.kit.places import DATA
from tests.kit.reference import Reference

VECTORS: Final[list[dict[str, Any]]] = json.loads((DATA / "secured-commands.json").read_text())
BOTH: Final = SmSettings(update_commands="per-file", read_commands="per-file")
ON: Final = Settings(sm=BOTH)
WHOLE: Final = Settings(sm=BOTH, transport=TransportSettings(level="apdu"))
BY_HAND: Final = '[settings.sm]\nupdate_commands = "per-file"\nread_commands = "per-file"\n'
RECORD: Final = RECORDS[0].hex().upper()
NEW: Final = bytes.fromhex("0102F1F2")
suites = pytest.mark.parametrize("suite", ["DES", "3DES", "SM4"])


def card(suite: str, settings: Settings = ON, **more: Any) -> HandmadeBench:
    """A card whose maintenance keys are of a suite: single-length DES, double-length, or SM4."""
    return HandmadeBench(settings, suite="SM4" if suite == "SM4" else "3DES", maintenance=suite, **more)


def contents(bench: HandmadeBench, name: str) -> Any:
    return bench.card.image.contents[f"{SSSE}/{name}"]


# -- independent vectors ----------------------------------------------------------------------------


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["id"]))
@pytest.mark.clause("Part 4, 8.5", "case 2 ends in Lc, MAC and Le, case 3 in its data and the MAC: whole commands")
@pytest.mark.clause("Part 4, 8.3.2", "LD, data and padding of an update, aligned and not")
def test_a_card_takes_the_commands_that_an_independent_computation_makes(vector: dict[str, Any]) -> None:
    """Part 4, 8.2 to 8.5; challenges of 4, 8 and 16 bytes (Part 4, 8.4)."""
    challenge, command = vector["challenge"], vector["command"]
    bench = card(vector["suite"], values={"STK": bytes.fromhex(vector["key"])}, random=scripted(challenge))
    assert bench.challenge(len(challenge) // 2) == bytes.fromhex(challenge)
    if vector["case"] == 2:
        # Under T=0 data that come in make case 4: 61xx, then GET RESPONSE (Part 2, 9.4 and 9.3.2.2).
        length = len(vector["answer"]) // 2
        assert bench.send(command) == f"61{length:02X}"
        assert bench.send(f"00C00000{length:02X}") == vector["answer"] + "9000"
        return
    assert bench.send(command) == "9000"
    plain = bytes.fromhex(vector["plain"])
    header = bytes.fromhex(vector["header"])
    if header[1] == 0xDC:
        assert contents(bench, f"EF{header[3] >> 3:02X}")[0] == plain
    else:
        file = contents(bench, f"EF{header[2] & 0x1F:02X}")
        assert file == LONG_FILE[: header[3]] + plain + LONG_FILE[header[3] + len(plain) : 16]


def test_the_vectors_cover_every_form() -> None:
    forms = {(each["suite"], each["case"], each["enciphered"], each["header"][2:4]) for each in VECTORS}
    forms_of_one = {
        (2, False, "B2"),
        (2, False, "B0"),
        (3, False, "DC"),
        (3, False, "D6"),
        (3, True, "DC"),
        (3, True, "D6"),
    }
    assert forms == {(suite, *form) for suite in ("DES", "3DES", "SM4") for form in forms_of_one}
    assert {len(each["challenge"]) // 2 for each in VECTORS} == {4, 8, 16}


# -- reading ----------------------------------------------------------------------------------------


@suites
@pytest.mark.clause("Part 4, 8.5", "case 2: reading with a MAC, which T=0 carries as case 4")
def test_reading_with_a_mac_answers_the_data_plain(suite: str) -> None:
    """Part 4, 8.5, case 2; 8.1 to 8.3 secure what is sent to the card, not its answer."""
    bench = card(suite)
    assert bench.ask(bench.secured("04B201B4")) == RECORD + "9000"
    assert bench.ask(bench.secured("04B09704")) == LONG_FILE[4:16].hex().upper() + "9000"
    bench.prove(["RK"])
    assert bench.send(bench.secured("04B09900")) == "6100"
    assert bench.send("00C0000000") == LONG_FILE[:256].hex().upper() + "9000"


@suites
def test_le_behind_the_mac_is_how_much_is_read(suite: str) -> None:
    """Part 4, 8.5: Lc MAC Le; Le is not under the MAC (8.2.4), and counts as it does without one."""
    bench = card(suite, WHOLE)
    assert bench.send(bench.secured("04B09704") + b"\x03") == LONG_FILE[4:7].hex().upper() + "9000"
    assert bench.send(bench.secured("04B201B4") + b"\x00") == RECORD + "9000"
    assert bench.send(bench.secured("04B201B4") + b"\x02") == RECORD[:4] + "9000"
    assert bench.send(bench.secured("04B201B4")) == RECORD + "9000"
    bench = card(suite)
    assert bench.ask(bench.secured("04B09704") + b"\x03") == LONG_FILE[4:7].hex().upper() + "9000"
    assert bench.ask(bench.secured("04B201B4") + b"\x00") == RECORD + "9000"


def test_under_t1_the_data_come_at_once() -> None:
    bench = HandmadeBench(ON, t1=True)
    assert bench.send(bench.secured("04B201B4") + b"\x00") == RECORD + "9000"


@pytest.mark.parametrize("plain", ["00B201B404", "00B0970004", "00B201B400", "00B0970000"])
@pytest.mark.clause("Part 4, 8.1", "which files are read under secure messaging is settled before")
def test_a_file_that_is_read_with_a_mac_is_read_no_other_way(plain: str) -> None:
    """Part 7, 7.4: the MAC is missing."""
    assert HandmadeBench(ON).send(plain) == "6987"
    assert HandmadeBench(ON).send(plain[:8] + "00") == "6987"
    bench = HandmadeBench(ON)
    bench.prove(["RK", "UK"])
    assert bench.send(plain) == "6987"
    assert bench.send("04" + plain[2:8]) == bench.send("04" + plain[2:8] + "00") == "6984"
    bench.challenge()
    assert bench.send("04" + plain[2:8]) == "6987"


@pytest.mark.parametrize("mode", range(7))
@pytest.mark.parametrize("by_sfi", [True, False])
def test_no_mode_of_read_record_leads_around_the_mac(mode: int, by_sfi: bool) -> None:
    bench = HandmadeBench(ON)
    bench.send("00A4020002EF16")
    p2 = (0x16 << 3 if by_sfi else 0) | mode
    assert bench.send(f"00B201{p2:02X}00") == "6987"
    assert bench.send(f"00B200{p2:02X}00") == "6987"


def test_files_without_it_are_read_as_on_any_card() -> None:
    plain, on = HandmadeBench(), HandmadeBench(ON)
    for apdu in ("00B2012C04", "00B2012C00", "00B2092C04", "00B0870004", "00B0870000", "00B2013404", "00B201F404"):
        assert plain.send(apdu) == on.send(apdu)
    assert plain.session == on.session


def test_it_is_off_by_default() -> None:
    """Part 5, tables 28 and 31 have CLA 00 alone; Part 7, 7.3: the applications of the standard do not use it."""
    bench = HandmadeBench()
    assert bench.send("00B201B404") == RECORD + "9000"
    assert bench.send("00B0970402") == LONG_FILE[4:6].hex().upper() + "9000"
    assert bench.send(bench.secured("04B201B4")) == bench.send(bench.secured("04B09700")) == "6E00"
    assert bench.send("00DC01B404" + NEW.hex()) == bench.send("00D6970001AA") == "9000"


def test_each_direction_has_its_switch() -> None:
    """Either may be on alone."""
    bench = HandmadeBench(Settings(sm=SmSettings(read_commands="per-file")))
    assert bench.send("00B201B404") == "6987"
    assert bench.send("00DC01B404" + NEW.hex()) == "9000"
    bench = HandmadeBench(Settings(sm=SmSettings(update_commands="per-file")))
    assert bench.send("00B201B404") == RECORD + "9000"
    assert bench.send("00DC01B404" + NEW.hex()) == "6987"


def test_a_read_key_alone_reads_nothing_and_a_mac_alone_neither() -> None:
    """Rule and secure messaging are two things: 6982 before the MAC is looked at, 6987 after."""
    bench = HandmadeBench(ON)
    assert bench.send(bench.secured("04B201C4")) == "6982"
    bench.prove(["RK"])
    assert bench.send("00B201C404") == "6987"
    assert bench.ask(bench.secured("04B201C4")) == RECORD + "9000"


@suites
@pytest.mark.parametrize("header", ["04B201B4", "04B09700"])
@pytest.mark.clause("Part 4, 8.4.1", "a recorded reading is refused")
def test_a_reading_is_answered_once(suite: str, header: str) -> None:
    """A session key is used once: no challenge 6984, another one 6988; nothing is answered."""
    bench = card(suite)
    before = bench.cells()
    command = bench.secured(header)
    assert bench.word(command) == "9000"
    assert bench.send(command) == "6984"
    bench.challenge()
    assert bench.send(command) == "6988"
    bench.challenge()
    assert bench.send(bench.secured(header, key="STK01")) == "6988"
    assert bench.cells() == before


def test_waiting_data_are_for_get_response_that_comes_next() -> None:
    """Another command in between ends them, also a refused reading."""
    bench = HandmadeBench(ON)
    assert bench.send(bench.secured("04B201B4")) == "6104"
    assert bench.send("00B201B404") == "6987"
    assert bench.send("00C0000004") == "6F00"


def test_the_maintenance_key_of_the_application_reads_its_files() -> None:
    """Part 6, table 3: STK01 in DF01; in DF02 there is none (6A81)."""
    bench = HandmadeBench(ON)
    bench.select_df("DF01")
    assert bench.send(bench.secured("04B2013C", key="STK")) == "6988"
    assert bench.ask(bench.secured("04B2013C", key="STK01")) == RECORD + "9000"
    bench.select_df("DF02")
    assert bench.send(bench.secured("04B20144")) == "6A81"


def test_in_a_locked_application_nothing_is_read() -> None:
    """Part 7, 13.2; its keys are dead (Part 4, 7.5), also where its other files can still be read."""
    bench = HandmadeBench(ON)
    bench.lock_application()
    assert bench.send("04B2013C0400000000") == bench.send("00B2013C04") == "9303"
    bench = HandmadeBench(Settings(sm=BOTH, block=BlockSettings(ef_readable=True)))
    bench.lock_application()
    assert bench.send("00B2013C04") == "6987"
    bench.send("0084000008")
    assert bench.send("04B2013C0400000000") == "6A81"


# -- updates ----------------------------------------------------------------------------------------


@suites
@pytest.mark.parametrize("length", range(1, 17))
@pytest.mark.clause("Part 4, 8.1", "the data of an update are enciphered where the file says so")
@pytest.mark.clause("Part 4, 8.3.4.1", "what an update brings is cut with LD")
def test_an_enciphered_update_writes_what_was_enciphered(suite: str, length: int) -> None:
    """Part 4, 8.3: LD || data || padding, whole blocks of either length."""
    bench = card(suite)
    data = bytes(range(0xC0, 0xC0 + length))
    command = bench.secured("04D69700", data, enciphered=True)
    assert data not in command or length == 1
    assert bench.send(command) == "9000"
    assert contents(bench, "EF17") == data + LONG_FILE[length:16]


def _wrapped(bench: HandmadeBench, header: str, block: bytes, *, suite: str) -> bytes:
    """A command whose MAC is right over a deciphered block that may be anything."""
    challenge = bench.challenge()
    rules = Reference(suite)
    session = rules.session_key(bench.key_value("STK", suite), challenge)
    return bench.secured(header, rules.blocks(session, block), challenge=challenge)


@suites
@pytest.mark.clause("Part 4, 8.3.3.2", "LD is at least 1")
def test_a_cipher_that_is_not_ld_data_padding_is_refused_after_its_mac(suite: str) -> None:
    """Part 5, tables 42 and 45: 6988, 安全报文数据项不正确; nothing is written."""
    block = 16 if suite == "SM4" else 8
    bench = card(suite)
    before = bench.cells()
    for deciphered in (
        b"\x00\x80" + bytes(block - 2),  # LD 00
        b"\x02\xaa\xbb\x81" + bytes(block - 4),  # another byte than 80
        b"\x02\xaa\xbb" + bytes(block - 3),  # no 80
        b"\x02\xaa\xbb\x80" + bytes(block - 5) + b"\x01",  # 80 and not 00
        bytes((block,)) + bytes(block - 1),  # LD beyond the end
        b"\xff" + bytes(block - 1),
        bytes((block - 1,)) + bytes(block - 1) + b"\x80" + bytes(block - 1),  # a block of padding
        b"\x01\xaa\x80" + bytes(block - 3) + bytes(block),
    ):
        assert bench.send(_wrapped(bench, "04D69700", deciphered, suite=suite)) == "6988", deciphered.hex()
        assert bench.send(_wrapped(bench, "04DC01B4", deciphered, suite=suite)) == "6988", deciphered.hex()
    # Not whole blocks; plain data where a cipher is due.
    assert bench.send(bench.secured("04D69700", bytes(block - 1))) == "6988"
    assert bench.send(bench.secured("04D69700", b"\xaa")) == "6988"
    assert bench.cells() == before
    good = bytes((block - 1,)) + bytes(range(1, block))
    assert bench.send(_wrapped(bench, "04D69700", good, suite=suite)) == "9000"


@suites
def test_data_in_clear_under_a_mac_are_not_written_to_an_enciphered_file(suite: str) -> None:
    bench = card(suite)
    before = bench.cells()
    assert bench.send(bench.secured("04DC01B4", NEW)) == "6988"
    assert bench.send("00DC01B404" + NEW.hex()) == bench.send("00D6970001AA") == "6987"
    assert bench.cells() == before
    assert bench.send(bench.secured("04DC01B4", NEW, enciphered=True)) == "9000"
    assert contents(bench, "EF16")[0] == NEW


def test_enciphered_records_keep_the_checks_of_records() -> None:
    """TLV, space, number and place are checked on what was deciphered (Part 5, table 45)."""
    bench = HandmadeBench(ON)
    for header, data, word in (
        ("04DC01B4", "0103FFFF", "6A85"),
        ("04DC09B4", "0102FFFF", "6A83"),
        ("04DC05B4", "0518" + "00" * 24, "6A84"),
        ("04D6970F", "FFFF", "6B00"),
    ):
        assert bench.send(bench.secured(header, bytes.fromhex(data), enciphered=True)) == word


@pytest.mark.parametrize("settings", [Settings(), ON])
@pytest.mark.parametrize(("header", "data"), [("04DC012C", NEW), ("04D68700", b"\xaa\xbb")])
def test_class_04_on_a_file_without_secure_messaging_is_not_supported(
    settings: Settings, header: str, data: bytes
) -> None:
    """Part 5, tables 40 and 43 list CLA 04, so it is not wrong; tables 42 and 45 have 6A81, 功能不被支持."""
    bench = HandmadeBench(settings)
    before = bench.cells()
    assert bench.send(bench.secured(header, data)) == "6A81"
    assert "without secure messaging" in bench.reason
    assert bench.cells() == before
    if settings.sm.read_commands == "per-file":
        assert bench.send(bench.secured("04B2012C")) == bench.send(bench.secured("04B08700")) == "6A81"


def test_the_word_for_it_can_be_another() -> None:
    bench = HandmadeBench(Settings(status={"securing_unsupported": "6E00"}))
    assert bench.send(bench.secured("04DC012C", NEW)) == "6E00"


# -- profiles, images, creating ---------------------------------------------------------------------


def profile(secured: str, file: str = "DF01/EF05", base: str = "ssc-2.0") -> Any:
    return load_profile(base, tomllib.loads(f'{BY_HAND}[[ef]]\nid = "{file}"\nsecured = {secured}\n'))


@pytest.mark.parametrize(
    ("secured", "expected"),
    [
        ("false", ("none", "none")),
        ("true", ("mac", "none")),
        ("{}", ("none", "none")),
        ('{ update = "mac" }', ("mac", "none")),
        ('{ update = "mac+cipher" }', ("mac+cipher", "none")),
        ('{ read = "mac" }', ("none", "mac")),
        ('{ update = "mac+cipher", read = "mac" }', ("mac+cipher", "mac")),
        ('{ update = "none", read = "none" }', ("none", "none")),
    ],
)
def test_a_profile_says_it_for_each_direction(secured: str, expected: tuple[str, str]) -> None:
    ef = profile(secured).efs["3F00/DDF1/DF01/EF05"]
    assert (ef.secured_update, ef.secured_read) == expected


@pytest.mark.parametrize(
    ("secured", "message"),
    [
        ('"mac"', "overrides: ef[0].secured: expected `bool | object`, got `str`"),
        ('{ update = "cipher" }', "secured.update: invalid enum value 'cipher'"),
        ('{ read = "mac+cipher" }', "secured.read: invalid enum value 'mac+cipher'"),
        ('{ write = "mac" }', "secured: object contains unknown field `write`"),
    ],
)
def test_what_a_profile_cannot_say_is_refused_by_place(secured: str, message: str) -> None:
    with pytest.raises(ProfileError) as caught:
        profile(secured)
    assert message in str(caught.value)


def test_a_file_of_another_command_set_has_no_table() -> None:
    """Passbook and purse have line protection of their own manual, which `true` names."""
    overrides = tomllib.loads(
        '[settings.financial]\nkind = "edep"\n[[ef]]\nid = "EDEP/0015"\nsecured = { read = "mac" }\n'
    )
    with pytest.raises(ProfileError, match=r"ef\[0\]\.secured: a table is for files of the MF and the social-security"):
        load_profile("ssc-2.0", overrides)


def test_cells_of_cards_that_have_it_and_of_all_others() -> None:
    """What older images hold stays true or false, byte for byte; only more than that is a table."""
    efs = handmade().efs
    assert '"secured":false' in ef_cell(efs[f"{SSSE}/EF05"]).meta
    assert '"secured":true' in ef_cell(efs[f"{SSSE}/EF0C"]).meta
    assert '"secured":{"read":"mac","update":"mac+cipher"}' in ef_cell(efs[f"{SSSE}/EF16"]).meta


def test_what_holds_on_a_card_is_file_and_setting_together() -> None:
    made = handmade(ON)
    image = HandmadeBench(contents=made).card.image
    assert securing(image, image.efs[f"{SSSE}/EF16"]) == Securing(Protection.CIPHER, Protection.MAC)
    assert securing(image, image.efs[f"{SSSE}/EF0C"]) == Securing(Protection.MAC, Protection.NONE)
    image = HandmadeBench().card.image
    assert {securing(image, ef) for ef in image.efs.values()} == {Securing(Protection.NONE, Protection.NONE)}


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize(
    ("flags", "update", "read"),
    [
        (0x01, Protection.NONE, Protection.NONE),
        (0x02, Protection.MAC, Protection.NONE),
        (0x06, Protection.CIPHER, Protection.NONE),
        (0x08, Protection.NONE, Protection.MAC),
        (0x0F, Protection.CIPHER, Protection.MAC),
    ],
)
def test_create_file_says_it_in_its_flags(suite: str, flags: int, update: Protection, read: Protection) -> None:
    """The coding t514: 02 a MAC, 04 a cipher as well, 08 reading takes a MAC; then the commands that do so work."""
    bench = stage("personalising", suite, BY_HAND, at=SSSE)
    assert bench.prove() == "9000"
    assert bench.create_ef(0xEF19, sfi=0x19, flags=flags, read=b"\x01\x00", update=b"\x01\x00") == "9000"
    ef = bench.card.image.efs[f"{SSSE}/EF19"]
    assert (ef.secured_update, ef.secured_read) == (update, read)
    enciphered = update is Protection.CIPHER
    if update is Protection.NONE:
        assert bench.send("00D6990002A1A2") == "9000"
    else:
        assert bench.send("00D6990002A1A2") == "6987"
        assert bench.send(bench.secured("04D69900", b"\xa1\xa2", enciphered=enciphered)) == "9000"
    if read is Protection.NONE:
        assert bench.send("00B0990002") == "A1A29000"
    else:
        assert bench.send("00B0990002") == "6987"
        assert bench.ask(bench.secured("04B09900") + b"\x02") == "A1A29000"


@pytest.mark.parametrize("flags", [0x04, 0x0C, 0x10, 0x80])
def test_flags_that_are_none_make_no_file(flags: int) -> None:
    """A cipher without a MAC is nothing that Part 4, 8.2 has."""
    bench = stage("personalising", at=SSSE)
    assert bench.prove() == "9000"
    assert bench.create_ef(0xEF19, sfi=0x19, flags=flags) == "6A80"
