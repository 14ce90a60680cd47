"""The coding `fmcos`, as its clients send it (FMCOS 2.0 user manual, FMCOS2.0用户手册; clauses are of that).

The dialogue is written from the layouts of 7.1 to 7.13.
"""

import importlib
import os
import sys
from collections.abc import Callable
from typing import Any, Final

import pytest

from cardfs.issuing.issue import blank, issue
from cardfs.life import FMCOS_LIFE, LIFE, Authority, Operation
from cardfs.memory import fmcos_heads as heads
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.securing import securing
from cardfs.model.files import CommandSet, Phase
from cardfs.profile.inputs import IssueError
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from emulator.commands.fmcos.rows import FMCOS_ROWS
from emulator.commands.sets import SETS
from emulator.trace.describe import describe
from emulator.trace.mask import MASK
from keys.records import KeyRef
from tests.kit.card import MF, masked_by, scripted
from tests.kit.fmcos import (
    APP,
    BY_CODE,
    DATA,
    LINE,
    MASTER,
    PIN,
    SINGLE,
    TRIPLE,
    FmcosBench,
    application,
    create,
    directory,
    fmcos_contents,
    key,
    write_key,
)


@pytest.fixture(name="bench")
def _bench() -> FmcosBench:
    return application(FmcosBench())


# -- the dialogue -----------------------------------------------------------------------------------


def test_a_card_is_built_as_a_client_of_fmcos_builds_one() -> None:
    bench = FmcosBench()
    fci = bench.ok("00A40000023F0000")
    assert fci == b"\x6f\x15\x84\x0e1PAY.SYS.DDF01\xa5\x03\x88\x01\x01"  # 7.4.5, the example
    bench.ok(bench.authenticated(0, b"\xff" * 8))
    bench.ok("800E000000")
    bench.ok(create(0x0001, "3F004000F0FFFF"))
    bench.ok(write_key(0x39, b"\xff" * 16))
    bench.ok(directory(0x3F01, b"fileTest"))
    assert bench.ok(b"\x00\xa4\x04\x00\x08fileTest") == b"\x6f\x0a\x84\x08fileTest"
    bench.ok(create(0x0001, "3F020095F0FFFF"))
    bench.ok(write_key(0x39, MASTER))
    bench.ok(bench.load("84D40100", key(0xF6, 0xF0, 0xF0, 0xFF, 0xFF, LINE)))
    bench.ok(create(0x0015, "280004F0F0FFFF"))
    bench.ok("00D695000401020304")
    assert bench.ok("00A40000023F01").hex() == "6f138408" + b"fileTest".hex() + "a5079f0c0401020304"  # table 7.2
    bench.ok(bench.authenticated(0, MASTER, 4))
    bench.ok("800E000000")
    assert bench.word("00A40000020015") == "6A82"
    assert bench.word("00D695000401020304") == "6A82"


@pytest.mark.parametrize(("access", "cipher", "most"), [("A8", False, 256), ("E8", True, 255)])
def test_a_long_file_is_read_in_parts_under_line_protection(
    bench: FmcosBench, access: str, cipher: bool, most: int
) -> None:
    """7.5: without an Le as much as goes at once, enciphered what LD can count; MAC and parts come behind."""
    bench.ok(create(0x0014, f"{access}0180F0F0FF7F"))
    content = bytes(at % 251 for at in range(0x180))
    path = f"{APP}/0014"
    bench.card.image.contents[path] = content
    command = bench.mac("04B09400")
    challenge = bench.card.session.challenge
    assert challenge is not None
    parts, answer = "", bench.send(command)
    while answer[-4:-2] == "61":
        parts += answer[:-4]
        answer = bench.send("00C00000" + answer[-2:])
    assert answer[-4:] == "9000"
    whole = bytes.fromhex(parts + answer[:-4])
    data, mac = whole[:-4], whole[-4:]
    assert mac == TRIPLE.key_load_mac(LINE, challenge, data)
    assert (TRIPLE.decrypt(LINE, data) if cipher else data) == content[:most]


@pytest.mark.parametrize(("at", "cipher"), [(0, False), (1, False), (2, True)])
def test_binary_and_record_files_of_every_structure_and_protection(bench: FmcosBench, at: int, cipher: bool) -> None:
    """7.5 to 7.9; 11.2 to 11.4."""

    def write(header: str, data: bytes) -> None:
        if at:
            assert bench.protected("04" + header, data, cipher=cipher) == "9000", bench.reason
        else:
            bench.ok(bytes.fromhex("00" + header) + bytes((len(data),)) + data)

    def read(header: str, le: str) -> bytes:
        return bench.read("04" + header, le, cipher=cipher) if at else bench.ok(f"00{header}{le}")

    bench.ok(f"00A4000002{2 + at:04X}")
    write("D60004", DATA)
    assert read("B00004", "10") == DATA
    assert read(f"B0{0x82 + at:02X}06", "04") == DATA[2:6]
    fixed, variable, cyclic = (first + at << 3 | 4 for first in (5, 8, 11))
    write(f"DC01{fixed:02X}", DATA)
    write(f"E200{fixed:02X}", DATA[::-1])
    assert [read(f"B2{number:02X}{fixed:02X}", "00") for number in (1, 2)] == [DATA, DATA[::-1]]
    for record in (bytes((0xF7, 16)) + DATA, b"\xf8\x05" + DATA[:5]):
        write(f"E200{variable:02X}", record)
    assert read(f"B202{variable:02X}", "07") == b"\xf8\x05" + DATA[:5]
    assert read(f"B2F7{variable & 0xF8:02X}", "00")[2:] == DATA
    for record in (DATA, DATA[::-1], DATA[:8] * 2):
        write(f"E200{cyclic:02X}", record)
    assert [read(f"B2{number:02X}{cyclic:02X}", "00") for number in (1, 2)] == [DATA[:8] * 2, DATA[::-1]]
    write(f"DC00{cyclic & 0xF8 | 3:02X}", DATA)  # the note to 7.8.2
    assert read(f"B201{cyclic:02X}", "00") == DATA


@pytest.mark.parametrize(
    ("kind", "access", "update", "read"),
    [
        ("28", "FF", "none", "none"),
        ("A8", "FF", "mac", "none"),
        ("E8", "FF", "mac+cipher", "none"),
        ("A8", "7F", "mac", "mac"),
        ("E8", "7F", "mac+cipher", "mac+cipher"),
    ],
)
def test_how_a_file_is_secured_follows_from_its_type_and_access_byte(
    bench: FmcosBench, kind: str, access: str, update: str, read: str
) -> None:
    """11.2 and 7.13.3, as people see it."""
    bench.ok(create(0x001C, f"{kind}0010F0F0FF{access}"))
    image = bench.card.image
    assert securing(image, image.efs[f"{APP}/001C"]) == (update, read)
    assert bench.word("00B09C0001") == ("9000" if read == "none" else "6987")
    assert bench.word("00D69C000100") == ("9000" if update == "none" else "6987")


def test_external_authenticate_has_the_values_of_the_manual() -> None:
    """7.1.5, the example: key 01 02 ... 08 with identifier 01, challenge BB 83 BF F3."""
    bench = FmcosBench(random=scripted("BB83BFF3"))
    bench.ok("800E000000")
    bench.ok(create(0x0001, "3F004000F0FFFF"))
    bench.ok(write_key(0x39, SINGLE, identifier=1))
    assert bench.challenge(4).hex().upper() == "BB83BFF3"
    bench.ok("008200010874B0047DD681D96C")


def test_internal_authenticate_has_the_values_of_the_manual() -> None:
    """7.3.5, examples 1 to 3."""
    bench = FmcosBench()
    bench.ok("800E000000")
    bench.ok(create(0x0001, "3F004000F0FFFF"))
    bench.ok(write_key(0x30, bytes.fromhex("1122334455667788"), identifier=1))
    bench.ok(write_key(0x31, bytes.fromhex("1122334455667788"), identifier=2))
    bench.ok(write_key(0x32, bytes.fromhex("1122334455667788"), identifier=3))
    assert bench.ok("00880001080102030405060708").hex().upper() == "178F59F8578E0D3F"
    assert bench.ok("0088010208178F59F8578E0D3F").hex().upper() == "0102030405060708"
    assert bench.ok("00880203080102030405060708").hex().upper() == "A82A8CEB"
    # 7.3.5, the note: no key of that type.
    assert [bench.word(f"0088{at}08" + "00" * 8) for at in ("0101", "0201", "0002")] == ["6A88"] * 3


def test_internal_authenticate_with_keys_of_two_halves() -> None:
    """7.3: the algorithm is that of the key; against an independent computation."""
    bench = FmcosBench()
    bench.ok("800E000000")
    bench.ok(create(0x0001, "3F008000F0FFFF"))
    for kind in (0x30, 0x31, 0x32):
        bench.ok(write_key(kind, LINE, identifier=1))
    assert bench.ok(b"\x00\x88\x00\x01\x10" + DATA) == TRIPLE.blocks(LINE, DATA)
    assert bench.ok(b"\x00\x88\x01\x01\x10" + TRIPLE.blocks(LINE, DATA)) == DATA
    assert bench.ok(b"\x00\x88\x02\x01\x10" + DATA) == TRIPLE.key_load_mac(LINE, bytes(8), DATA)


def test_aligned_data_come_with_a_block_of_padding_or_without(bench: FmcosBench) -> None:
    """11.4.1 has none; clients that pad always are understood."""
    for tail in (b"", b"\x80" + bytes(7)):
        cipher = TRIPLE.blocks(LINE, b"\x07" + DATA[:7] + tail)
        bench.ok(bench.mac("04D68400", cipher))
        assert bench.ok(bench.mac("04B08400", le=b"\x07"))[:8] == TRIPLE.blocks(LINE, b"\x07" + DATA[:7])


# -- a blank card, and nothing for others -----------------------------------------------------------


def test_a_blank_card_has_an_mf_and_its_master_key() -> None:
    card = fmcos_contents()
    assert [df.phase for df in card.dfs.values()] == [Phase.PERSONALISING]
    assert [(ref.name, each.value) for (ref, _), each in card.keys.items()] == [("AUTH00", b"\xff" * 16)]
    assert read_cells(dict(write_cells(card))).contents == card.contents
    bench = FmcosBench()
    bench.ok(bench.authenticated(0, b"\xff" * 16))
    assert bench.card.session.proofs >= {heads.state(MF, 0xF)}


def test_the_master_key_of_a_blank_card_takes_its_state_to_be_replaced() -> None:
    bench = FmcosBench()
    new = key(0x39, 0xF0, 0xF1, 0x0F, 0x55, MASTER)
    assert bench.word(b"\x80\xd4\x39\x00\x15" + new) == "6982"
    bench.ok(bench.authenticated(0, b"\xff" * 8))
    bench.ok(b"\x80\xd4\x39\x00\x15" + new)
    assert bench.word(bench.authenticated(0, b"\xff" * 8)) == "63C4"
    bench.ok(bench.authenticated(0, MASTER))


def test_no_other_card_has_a_row_of_it() -> None:
    for name in ("t514", "none"):
        table = SETS.table(load_profile("ssc-2.0", {"settings": {"personalisation": {"cos": name}}}).settings)
        assert not {id(row) for row in table.rows.values()} & {id(row) for row in FMCOS_ROWS}


def test_its_rows_replace_those_of_the_standard_and_leave_the_others() -> None:
    table = SETS.table(fmcos_contents().info.settings)
    for code, row in BY_CODE.items():
        assert table.rows[code[0] << 8 | code[1]] is row
    rows = {
        row.cla << 8 | row.ins: row
        for row in SETS.rows[CommandSet.SOCIAL]
        if row.enabled(fmcos_contents().info.settings)
    }
    others = {row for row in rows.values() if (row.cla, row.ins) not in BY_CODE}
    assert {row for row in table.rows.values() if row not in SETS.codings["fmcos"]} == others


def test_it_takes_a_card_of_the_des_family_and_is_not_issued_whole() -> None:
    settings = {"settings": {"personalisation": {"cos": "fmcos"}}}
    with pytest.raises(IssueError, match="DES and 3DES"):
        blank(load_profile("ssc-2.0-sm4", settings))
    with pytest.raises(IssueError, match="make a blank one"):
        issue(load_profile("ssc-2.0", settings), None, None)  # type: ignore[arg-type]


# -- states and permissions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("byte", "states"),
    [
        ("F0", range(16)),
        ("F1", range(1, 16)),
        ("FA", range(10, 16)),
        ("53", range(3, 6)),  # 5.2, the example
        ("50", range(6)),
        ("88", range(8, 9)),
        ("35", ()),
        ("EF", ()),
        ("00", range(16)),
        ("05", ()),
    ],
)
def test_a_permission_byte_asks_for_states_of_the_directory(byte: str, states: Any) -> None:
    """5.2; 0Y asks for the MF's state, which is 0 here."""
    bench = FmcosBench()
    bench.ok(directory(0x3F01))
    bench.ok("00A40000023F01")
    bench.ok(create(0x0001, "3F020095F0FFFF"))
    for value in range(1, 16):
        data = key(0x39, 0xF0, 0xF0, value, 0xFF, SINGLE)
        bench.ok(bytes((0x80, 0xD4, 0x01, value, len(data))) + data)
    bench.ok(create(0x0002, f"280008{byte}F0FFFF"))
    for value in range(16):
        bench.ok("00A40000023F00")
        bench.ok("00A40000023F01")
        if value:
            bench.ok(bench.authenticated(value, SINGLE))
        assert bench.word("00B0820008") == ("9000" if value in states else "6982"), (byte, value)


def test_the_state_of_the_mf_lasts_and_that_of_another_directory_does_not(bench: FmcosBench) -> None:
    """5.1 and 5.2."""
    bench.ok(create(0x0101, "2800080505FFFF"))
    bench.ok("00A40000020101")
    assert bench.word("00B0000008") == "6982"
    bench.ok("00A40000023F00")
    bench.ok(bench.authenticated(0, b"\xff" * 8))
    bench.ok("00A40000023F01")
    bench.ok("00A40000020101")
    bench.ok("00B0000008")
    bench.ok(b"\x00\x20\x00\x00\x03" + PIN)
    assert heads.state(APP, 0xA) in bench.card.session.proofs
    bench.ok("00A40000023F01")
    assert bench.word("00B0960008") == "6982"
    bench.ok("00A40000023F00")
    assert heads.state(MF, 0xF) in bench.card.session.proofs
    bench.card.reset()
    assert bench.card.session.proofs == frozenset()


def test_a_new_state_replaces_the_one_before(bench: FmcosBench) -> None:
    bench.ok(bench.authenticated(0, MASTER))
    bench.ok("00B0960008")
    data = key(0x3A, 0xF0, 0xEF, 0x01, 0x33, PIN)
    bench.ok(b"\x80\xd4\x01\x05" + bytes((len(data),)) + data)
    bench.ok(b"\x00\x20\x00\x05\x03" + PIN)
    assert bench.word("00B0960008") == "6982"
    assert "needs state 5 to F; proven: state 0, state 1" in bench.reason


def test_an_empty_directory_is_open_until_it_is_left() -> None:
    """4.3."""
    bench = FmcosBench()
    bench.ok(directory(0x3F01, create_erase="EFEF"))
    bench.ok("00A40000023F01")
    bench.ok(create(0x0001, "3F010095EFFFFF"))
    bench.ok(write_key(0x39, MASTER))
    bench.ok(create(0x0002, "280008EFEFFFFF"))
    bench.ok("00D6820002BEEF")
    assert bench.ok("00B0820002").hex() == "beef"
    bench.ok("00A40000023F01")
    assert [bench.word(each) for each in ("00B0820002", "00D6820002BEEF", create(0x0003, "280008F0F0FFFF"))] == [
        "6982"
    ] * 3
    assert bench.word(write_key(0x39, MASTER, identifier=1)) == "6982"
    bench.ok(bench.authenticated(0, MASTER))
    assert bench.word("800E000000") == "6982"


def test_an_open_mf_is_left_too() -> None:
    bench = FmcosBench()
    bench.ok("800E000000")
    bench.ok(create(0x0002, "280008EFEFFFFF"))
    bench.ok("00B0820002")
    bench.ok(directory(0x3F01))
    bench.ok("00A40000023F01")
    bench.ok("00A40000023F00")
    assert bench.word("00B0820002") == "6982"


def test_a_key_is_used_only_in_the_state_that_it_asks_for(bench: FmcosBench) -> None:
    assert bench.word(bench.authenticated(1, SINGLE)) == "6982"
    data = key(0x3A, 0xF0, 0xEF, 0x01, 0x33, PIN)
    bench.ok(b"\x80\xd4\x01\x05" + bytes((len(data),)) + data)
    bench.ok(b"\x00\x20\x00\x05\x04" + PIN + b"\xff")  # 7.10.2: bytes FF at the end do not count
    bench.ok(bench.authenticated(1, SINGLE))


def test_files_of_one_directory_are_out_of_reach_of_another(bench: FmcosBench) -> None:
    bench.ok("00A40000023F00")
    bench.ok(directory(0x3F02, b"other"))
    bench.ok("00A40000023F02")
    assert bench.word("00A40000020100") == "6A82"
    assert bench.word(bench.authenticated(0, MASTER)) == "6A88"


# -- keys -------------------------------------------------------------------------------------------


def test_a_protected_key_is_added_and_updated_enciphered_only(bench: FmcosBench) -> None:
    """7.12.5, example 3."""
    plain = key(0xF9, 0xF0, 0xF0, 0x0B, 0x55, SINGLE)
    assert bench.word(b"\x80\xd4\x01\x03" + bytes((len(plain),)) + plain) == "6987"
    bench.ok(bench.load("84D40103", plain))
    assert bench.word(b"\x80\xd4\x39\x03" + bytes((len(plain),)) + b"\x39" + plain[1:]) == "6987"
    bench.ok(bench.load("84D4F903", key(0x39, 0xF0, 0xF0, 0x0B, 0x55, SINGLE[::-1])))
    bench.ok(b"\x80\xd4\x39\x03" + bytes((len(plain),)) + b"\x39" + plain[1:])
    bench.ok(bench.authenticated(3, SINGLE))
    assert heads.state(APP, 0xB) in bench.card.session.proofs


def test_the_first_master_key_of_a_directory_may_come_under_the_one_above() -> None:
    bench = FmcosBench()
    bench.ok(directory(0x3F01))
    bench.ok("00A40000023F01")
    bench.ok(create(0x0001, "3F020095F0FFFF"))
    above = b"\xff" * 16
    bench.ok(bench.load("84D40100", key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, MASTER), above))
    assert bench.word(bench.load("84D40101", key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, SINGLE), above)) == "6988"
    bench.ok(bench.load("84D40101", key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, SINGLE)))


def test_a_recorded_load_cannot_be_repeated(bench: FmcosBench) -> None:
    recorded = bench.load("84D43900", key(0x39, 0xF0, 0xF0, 0x0A, 0x33, MASTER))
    bench.ok(recorded)
    assert bench.word(recorded) == "6984"
    bench.challenge()
    assert bench.word(recorded) == "6988"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda bench: bench.load("84D40103", key(0x39, 0xF0, 0xF0, 0x0A, 0x33, SINGLE)), "AUTH00"),
        (lambda bench: bench.mac("04D68300", DATA), "LINE00"),
        (lambda bench: bench.mac("04B08300", le=b"\x10"), "LINE00"),
    ],
)
def test_a_wrong_mac_changes_nothing_and_is_counted(
    bench: FmcosBench, make: Callable[[FmcosBench], bytes], name: str
) -> None:
    before = bench.cells()
    wrong = bytearray(make(bench))
    wrong[8] ^= 1
    assert bench.word(bytes(wrong)) == "6988"
    after = bench.cells()
    assert {at for at in after if after[at] != before[at]} == {("tries", f"{APP}#{name}.1")}
    assert bench.card.image.tries[KeyRef(APP, name), 1] == 2
    bench.ok(make(bench))
    assert bench.card.image.tries[KeyRef(APP, name), 1] == 3


@pytest.mark.parametrize(
    ("make", "word"),
    [
        (lambda bench: bench.load("84D40100", key(0x39, 0xF0, 0xF0, 0x0A, 0x33, SINGLE)), "6A80"),
        (lambda bench: bench.mac("04D68370", DATA), "6B00"),
        (lambda bench: bench.mac("04D68400", DATA), "6A80"),
        (lambda bench: bench.mac("04B08370", le=b"\x10"), "6B00"),
    ],
)
def test_a_refusal_after_a_right_mac_is_not_counted(
    bench: FmcosBench, make: Callable[[FmcosBench], bytes], word: str
) -> None:
    before = bench.cells()
    assert bench.word(make(bench)) == word
    assert bench.cells() == before


def test_a_key_is_updated_by_its_type_and_length_alone(bench: FmcosBench) -> None:
    """7.12.3."""
    for header, value in (("80D43902", SINGLE), ("80D43600", SINGLE), ("80D43A00", PIN + PIN)):
        kind = int(header[4:6], 16)
        data = key(kind, 0xF0, 0xF0, 0x0A, 0x33, value)
        word = bench.word(bytes.fromhex(header) + bytes((len(data),)) + data)
        assert word == ("6A88" if header.endswith("02") else "6700")
    other = key(0x36, 0xF0, 0xF0, 0x0A, 0x33, MASTER)
    assert bench.word(b"\x80\xd4\x39\x00" + bytes((len(other),)) + other) == "6700"


def test_no_key_comes_in_clear_where_the_card_wants_none() -> None:
    bench = FmcosBench(fmcos_contents("personalisation plain_keys False"))
    bench.ok(directory(0x3F01))
    bench.ok("00A40000023F01")
    bench.ok(create(0x0001, "3F020095F0FFFF"))
    assert bench.word(write_key(0x39, MASTER)) == "6987"


def test_no_secret_stands_in_the_trace_or_in_the_heads(bench: FmcosBench) -> None:
    table = SETS.table(bench.card.image.info.settings)
    for apdu, secret in (
        (write_key(0x39, MASTER), MASTER),
        (b"\x00\x20\x00\x00\x03" + PIN, PIN),
        (bench.authenticated(0, MASTER), TRIPLE.blocks(MASTER, bench.card.session.challenge or b"")),
    ):
        shown = masked_by(table, apdu)
        assert secret.hex().upper() not in shown
        assert shown.endswith(MASK)
    loaded = bench.load("84D40103", key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, SINGLE))
    assert masked_by(table, loaded)[10:] == MASK * 16 + loaded[-4:].hex().upper()
    values = [each.value for each in bench.card.image.keys.values()]
    for path, held in bench.card.image.contents.items():
        flat = held if isinstance(held, bytes) else b"".join(held)
        assert not any(value in flat for value in values), path


def test_the_trace_says_nothing_of_p1_that_another_coding_means(bench: FmcosBench) -> None:
    for apdu in (write_key(0x39, SINGLE, identifier=3), create(0x0200, "280008F0F0FFFF")):
        bench.ok(apdu)
        assert bench.card.last is not None
        event = describe(bench.card.last, bench.card.image, None, 0.0)
        assert (event.fields, event.clause[:5]) == ("", "FMCOS")


# -- creating and erasing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("apdu", "word", "why"),
    [
        (create(0x001B, "2F0208F000FF18"), "6A80", "purse"),
        (create(0x001B, "310008F0F0FFFF"), "6A80", "types of files"),
        (create(0x001B, "680008F0F0FFFF"), "6A80", "types of files"),
        (create(0x001B, "2A0110F0F0FFFF"), "6A80", "not possible"),  # 7.13.5: less than two records
        (create(0x001B, "2A02F9F0F0FFFF"), "6A80", "not possible"),  # 4.1.3: records of 248 bytes at most
        (create(0x001B, "28FFFFF0F0FFFF"), "6A84", "left"),
        (create(0x001B, "280008F0F0FFFF00"), "6700", "7"),
        (create(0x0002, "280008F0F0FFFF"), "6A86", "already"),
        (create(0xFFFF, "280008F0F0FFFF"), "6A86", "already"),
        (create(0x3F00, "380800F0F095FFFF6162636465"), "6A86", "already"),
        (create(0x0200, "3F0100F0F0FFFF"), "6A86", "key file already"),
        (create(0x3F02, "380010F0F095FFFF" + b"\xd1appl".hex()), "6A80", "exists"),
    ],
)
def test_what_cannot_be_created_is_refused(bench: FmcosBench, apdu: bytes, word: str, why: str) -> None:
    before = bench.cells()
    assert bench.word(apdu) == word
    assert why in bench.reason or word == "6700"
    assert bench.cells() == before


def test_the_key_file_is_the_first_of_its_directory() -> None:
    """4.1.3."""
    bench = FmcosBench()
    bench.ok("800E000000")
    bench.ok(create(0x0002, "280008F0F0FFFF"))
    assert bench.word(create(0x0001, "3F004000F0FFFF")) == "6985"


def test_directories_have_three_levels() -> None:
    """7.13.5."""
    bench = FmcosBench()
    for at, size in ((1, 0x1000), (2, 0x0800)):
        bench.ok(directory(0x3F00 | at, b"level%d" % at, size=size))
        bench.ok(f"00A40000023F{at:02X}")
    assert bench.word(directory(0x3F03, b"level3", size=0x100)) == "6A80"


def test_the_space_of_a_directory_is_that_of_its_files_and_their_heads() -> None:
    """4.2, read as a limit of each directory, by a setting."""
    bench = FmcosBench(fmcos_contents("personalisation space directory"))
    bench.ok(directory(0x3F01, size=100))
    bench.ok("00A40000023F01")
    bench.ok(create(0x0002, "2A0209F0F0FFFF"))  # 11 + 2 * 10
    assert bench.word(create(0x0003, "28003BF0F0FFFF")) == "6A84"
    bench.ok(create(0x0003, "28003AF0F0FFFF"))  # 11 + 58
    assert bench.word(create(0x0004, "280001F0F0FFFF")) == "6A84"


def test_erasing_takes_what_is_below_and_leaves_the_directory_with_its_rights(bench: FmcosBench) -> None:
    """7.11."""
    bench.ok(directory(0x0F01, b"below", size=0x40))
    assert bench.word("800E000000") == "6982"
    bench.ok(bench.authenticated(0, MASTER))
    bench.ok("800E000000")
    image = bench.card.image
    assert image.files_below(APP) == [heads.heads_path(APP)]
    assert not [ref for ref, _ in image.keys if ref.owner.startswith(APP)]
    assert Image(read_cells(bench.cells()), bench.store).contents == image.contents
    assert heads.file_heads(image, APP)[0].second == 0xFA
    bench.ok(create(0x0001, "3F020095F0FFFF"))
    bench.ok(write_key(0x39, SINGLE))
    bench.ok("00A40000023F00")
    bench.ok("800E000000")
    assert image.files_below(MF) == [heads.heads_path(MF)]
    assert not image.keys


def test_a_record_keeps_its_length(bench: FmcosBench) -> None:
    """4.3."""
    bench.ok("00DC014404AA021122")
    assert bench.word("00DC014405AA03112233") == "6700"
    bench.ok("00DC014404AA023344")
    assert bench.ok("00B2014400").hex() == "aa023344"


# -- life cycle and power ---------------------------------------------------------------------------


def test_the_table_of_its_life_asks_no_key_and_shares_no_card_with_the_other() -> None:
    assert {edge.authority for edge in FMCOS_LIFE} == {Authority.DIRECTORY}
    assert {edge.following for edge in FMCOS_LIFE} == {Phase.PERSONALISING}
    assert Authority.DIRECTORY not in {edge.authority for edge in LIFE}
    assert Operation.CREATE_DDF not in {edge.operation for edge in FMCOS_LIFE}


# -- the public client ------------------------------------------------------------------------------

CLIENT: Final = os.environ.get("FMCOS_CLIENT", "")
"""Folder of a checkout of the public client fmcos.py; without one there is no such test."""

if CLIENT:

    class _Connection:
        """What the client talks to."""

        def __init__(self, card: Card) -> None:
            self._card = card
            self._answer = b""

        def sendToNfc(self, command: list[int]) -> None:  # noqa: N802 - the client's name
            self._answer = self._card.transmit(bytes(command))

        def nfcGetRecData(self) -> bytes:  # noqa: N802 - the client's name
            return self._answer

    def test_the_public_client_drives_the_card(monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(CLIENT)
        client: Any = importlib.import_module("fmcos")
        kinds, protections, files = client.KeyType, client.Protection, client.CPUFileType
        driver = client.FMCOS(_Connection(FmcosBench().card), fmcos_debug=True)

        def ok(answer: bytes) -> bytes:
            assert driver.is_success(answer), answer.hex()
            return answer[:-2]

        def add(kind: Any, value: bytes, identifier: int = 0, **more: Any) -> None:
            more = {"change_rights": 0xF0, "error_counter": 0x33, "followup_status": 0xAA, **more}
            ok(driver.cmd_write_key(1, identifier, kind, 0xF0, value, **more))

        ok(driver.cmd_select("3f00"))
        ok(driver.cmd_external_authenticate(0))
        ok(driver.cmd_erase_df())
        ok(driver.cmd_create_directory(0x3F01, 0x1000, 0xF0, 0xFA, 0x95, b"clientDF"))
        ok(driver.cmd_select(name=b"clientDF"))
        ok(driver.cmd_create_keyfile(0x0001, 0x200, 0x95, 0xF0))
        add(kinds.ExternalAuthenticationKey, MASTER)
        both = {"extauth_key": MASTER, "protection": protections.LineProtectEncrypt}
        add(kinds.FileLineProtectionKey, LINE, **both)
        add(kinds.ExternalAuthenticationKey, LINE, 2, **both)
        add(kinds.PinKey, PIN)
        ok(driver.cmd_verify_pin(0, PIN))
        kinds_of_file = files.BinFile, files.FixLength, files.VariableLength, files.LoopFile
        structures = tuple(zip(kinds_of_file, (0x50, 0x0210, 0x50, 0x0210), strict=True))
        for at, protection in enumerate((None, protections.LineProtect, protections.LineProtectEncrypt)):
            way: dict[str, Any] = {} if protection is None else {"key": LINE, "protection": protection}
            end = -6 if protection is protections.LineProtect else -2
            fid = 2 + 4 * at
            for kind, size in structures:
                access = 0x7F if way else 0xFF
                ok(driver.cmd_create_file(fid, kind, size, 0xF0, 0xF0, access, protection=protection))
                fid += 1
            fid -= 4
            ok(driver.cmd_select(f"{fid:04x}"))
            ok(driver.cmd_update_binary(0, 0, DATA, **way))
            assert driver.cmd_read_binary(0, 0, 0x10, **way)[:end] == DATA
            ok(driver.cmd_update_record(1, fid + 1, DATA, **way))
            assert driver.cmd_read_record(1, fid + 1, **way)[:end] == DATA
            ok(driver.cmd_append_record(fid + 2, DATA, use_tlv=True, **way))
            assert driver.cmd_read_record(1, fid + 2, 0x10, has_tlv=True, **way)[:end] == DATA
            ok(driver.cmd_append_record(fid + 3, DATA, **way))
            assert driver.cmd_read_record(1, fid + 3, **way)[:end] == DATA
        ok(driver.cmd_external_authenticate(0, MASTER))
        ok(driver.cmd_erase_df())
        sys.modules.pop("fmcos")
        sys.modules.pop("utils", None)
