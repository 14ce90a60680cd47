"""READ BINARY and UPDATE BINARY (Part 5, 6.9 and 6.12)."""

import pytest

from cardfs.model.settings import Settings, SmSettings, TransportSettings
from tests.kit.card import LONG_FILE, SSSE, HandmadeBench

APDU = Settings(transport=TransportSettings(level="apdu"))
SECURED = Settings(sm=SmSettings(update_commands="per-file"))
EF07 = "00A4020002EF07"


def part(start: int, end: int) -> str:
    return LONG_FILE[start:end].hex().upper() + "9000"


def test_a_shorter_le_reads_that_many_bytes() -> None:
    """Part 5, 6.9.1 and table 28: 或部分内容."""
    bench = HandmadeBench()
    assert bench.send("00B0870005") == part(0, 5)
    assert bench.send("00B0870305") == part(3, 8)


def test_le_00_reads_256_bytes() -> None:
    """Part 5, 6.9.4."""
    assert HandmadeBench().send("00B0870000") == part(0, 256)
    assert HandmadeBench().send("00B0872C00") == part(44, 300)
    assert HandmadeBench().send("00B0930000") == part(0, 256)


def test_le_00_with_fewer_bytes_left_says_how_many_under_t0() -> None:
    """Part 5, 6.9.4 with Part 2, 9.3.2.1."""
    bench = HandmadeBench()
    assert bench.send("00B0872D00") == "6CFF"
    assert bench.send("00B0872DFF") == part(45, 300)
    assert HandmadeBench(APDU).send("00B0872D00") == part(45, 300)


def test_an_le_beyond_the_end_says_how_many_bytes_are_there() -> None:
    """Part 5, table 30."""
    bench = HandmadeBench()
    bench.send(EF07)
    assert bench.send("00B0012810") == "6C04"
    assert bench.send("00B0012804") == part(296, 300)
    bench = HandmadeBench(APDU)
    bench.send(EF07)
    assert bench.send("00B0012810") == part(296, 300)


@pytest.mark.parametrize(("offset", "word"), [("012B", "9000"), ("012C", "6B00"), ("7FFF", "6B00")])
def test_an_offset_behind_the_last_byte_is_outside(offset: str, word: str) -> None:
    """Part 5, table 30."""
    bench = HandmadeBench()
    bench.send(EF07)
    assert bench.send(f"00B0{offset}01")[-4:] == word


def test_the_offset_of_the_current_file_has_15_bits() -> None:
    """Part 5, table 29: P1 * 256 + P2."""
    bench = HandmadeBench()
    bench.send(EF07)
    assert bench.send("00B0010A02") == part(0x10A, 0x10C)


def test_a_valid_sfi_makes_the_file_current() -> None:
    """Part 5, table 29; Part 3, 5.3."""
    bench = HandmadeBench()
    assert bench.send("00B0000001") == "6986"
    assert bench.send("00B0870A01") == part(10, 11)
    assert bench.session.ef == f"{SSSE}/EF07"
    assert bench.send("00B0000001") == part(0, 1)


@pytest.mark.parametrize("p1", ["80", "9F", "A7", "C7", "E7", "FF"])
def test_other_forms_of_p1_are_refused(p1: str) -> None:
    """Part 5, tables 29 and 41; SFI 1 to 30 (Part 3, 5.2)."""
    bench = HandmadeBench()
    bench.send(EF07)
    assert bench.send(f"00B0{p1}0001") == "6A86"
    assert bench.send(f"00D6{p1}000100") == "6A86"


@pytest.mark.parametrize("sfi", [0x05, 0x09, 0x0A])
def test_a_file_of_records_is_not_read_or_written_so(sfi: int) -> None:
    """Part 5, tables 30 and 42."""
    assert HandmadeBench().send(f"00B0{0x80 | sfi:02X}0001") == "6981"
    assert HandmadeBench().send(f"00D6{0x80 | sfi:02X}000100") == "6981"


def test_an_internal_file_is_not_found() -> None:
    """Part 6, 6.6: the trade commands only."""
    assert HandmadeBench().send("00B08B0001") == "6A82"


@pytest.mark.parametrize(("offset", "data"), [(0, "AA"), (7, "0102030405"), (250, "FF" * 50)])
def test_an_update_replaces_bytes_in_place_and_nothing_else(offset: int, data: str) -> None:
    """Part 5, 6.12.1."""
    bench = HandmadeBench()
    new = bytes.fromhex(data)
    assert bench.send(f"00D687{offset:02X}{len(new):02X}{data}") == "9000"
    expected = LONG_FILE[:offset] + new + LONG_FILE[offset + len(new) :]
    assert bench.card.image.contents[f"{SSSE}/EF07"] == expected
    assert bench.ask("00B0870000")[:-4] == expected[:256].hex().upper()


@pytest.mark.parametrize("offset", ["012B", "012C", "7FFF"])
def test_an_update_beyond_the_end_changes_nothing(offset: str) -> None:
    """Part 5, table 42; the file keeps its length."""
    bench = HandmadeBench()
    bench.send(EF07)
    before = bench.cells()
    assert bench.send(f"00D6{offset}020000") == "6B00"
    assert bench.cells() == before


def test_an_update_of_the_last_byte_is_possible() -> None:
    bench = HandmadeBench()
    bench.send(EF07)
    assert bench.send("00D6012B01EE") == "9000"
    assert bench.send("00B0012B01") == "EE9000"


def test_reading_and_writing_need_their_own_rights() -> None:
    """Part 6, 6: reading behind RK, writing behind UK."""
    bench = HandmadeBench()
    bench.prove(("UK",))
    assert bench.word("00B0880004") == "6982"
    assert bench.word("00D6880001AA") == "9000"
    bench = HandmadeBench()
    bench.prove(("RK",))
    assert bench.word("00B0880004") == "9000"
    assert bench.word("00D6880001AA") == "6982"


def test_secured_updates_are_off_by_default() -> None:
    """Part 7, 7.3: the applications of the standard do not use them; tables 40 and 42: CLA 04, and 6A81."""
    assert HandmadeBench().send(HandmadeBench().secured("04D68D00", b"\xaa")) == "6A81"
    assert HandmadeBench().send("00D68D0001AA") == "9000"


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.clause("Part 4, 8.2.1", "the MAC is the last element of the data field")
@pytest.mark.clause("Part 4, 8.5", "a command with data")
def test_a_secured_update_writes_the_data_without_the_mac(suite: str) -> None:
    """Part 4, 8.5."""
    bench = HandmadeBench(SECURED, suite=suite)
    assert bench.send(bench.secured("04D68D02", b"\xaa\xbb")) == "9000"
    assert bench.send("00B08D0005") == "0001AABB049000"


@pytest.mark.clause("Part 4, 8.1", "which updates are secured is settled before")
def test_a_file_without_secured_updates_refuses_class_04() -> None:
    bench = HandmadeBench(SECURED)
    assert bench.send(bench.secured("04D68700", b"\xaa")) == "6A81"
    assert bench.send("00D6870001AA") == "9000"


def test_the_maintenance_key_of_the_application_protects_its_files() -> None:
    """Part 6, table 3: STK01 in DF01, and neither STK nor nothing."""
    bench = HandmadeBench(SECURED)
    bench.select_df("DF01")
    assert bench.send(bench.secured("04DC0134", bytes.fromhex("0102FFFF"), "STK")) == "6988"
    assert bench.send(bench.secured("04DC0134", bytes.fromhex("0102FFFF"), "STK01")) == "9000"
