"""APDU cases and what T=0, T=1 and whole APDUs make of them (Part 2, 9; Part 5, 6.6)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.model.settings import Settings, SmSettings, TransportSettings
from emulator.card.apdu import Command, parse
from emulator.card.session import Session
from tests.kit.card import LONG_FILE, ORIGINAL, RECORDS, SSSE, SSSE_NAME, HandmadeBench

APDU = Settings(transport=TransportSettings(level="apdu"))
EXTENDED = Settings(transport=TransportSettings(level="apdu", extended=True))
SELECT_DF = "00A4000002DF01"
FCI = "6F088406D15600000500"
RECORD = RECORDS[0].hex().upper()
INTERNAL = "0088000010" + "1122334455667788" + ORIGINAL.hex()


def command(header: bytes, data: bytes, le: int | None, le_zero: bool) -> Command:
    """What parsing should give."""
    cla, ins, p1, p2 = header
    return Command(cla, ins, p1, p2, data, le, le_zero)


# -- parsing (Part 2, 9.4) -------------------------------------------------------------------------


@given(st.binary(min_size=4, max_size=4), st.binary(max_size=255), st.one_of(st.none(), st.integers(1, 256)))
def test_the_four_short_cases_are_read_back(header: bytes, data: bytes, le: int | None) -> None:
    """Part 2, 9.4, table 20."""
    raw = header + (bytes((len(data),)) + data if data else b"") + (b"" if le is None else bytes((le & 0xFF,)))
    assert parse(raw) == command(header, data, le, le == 256)


@given(
    st.binary(min_size=4, max_size=4),
    st.binary(max_size=600),
    st.one_of(st.none(), st.integers(1, 65536)),
)
def test_the_extended_cases_are_read_back_where_they_are_allowed(header: bytes, data: bytes, le: int | None) -> None:
    """ISO/IEC 7816-4, 5.1."""
    if not data and le is None:
        return
    raw = header + b"\x00" + (len(data).to_bytes(2) + data if data else b"")
    raw += b"" if le is None else (le & 0xFFFF).to_bytes(2)
    assert parse(raw, extended=True) == command(header, data, le, le == 65536)
    refused = parse(raw)
    assert refused is not None
    assert not refused.well_formed


@given(st.binary(max_size=300), st.booleans())
def test_any_bytes_are_a_command_or_too_short(raw: bytes, extended: bool) -> None:
    parsed = parse(raw, extended=extended)
    assert (parsed is None) is (len(raw) < 4)
    if parsed is not None:
        assert parsed.header == raw[:4]
        assert parsed.data in raw


@pytest.mark.parametrize(
    "raw", ["00B201040000", "00B2010402FF", "00A4000003DF01", "00A4000002DF010000", "00A400000000"]
)
def test_lengths_that_contradict_the_whole_are_6700(raw: str) -> None:
    """Part 5, table 5."""
    parsed = parse(bytes.fromhex(raw))
    assert parsed is not None
    assert not parsed.well_formed
    assert HandmadeBench().send(raw) == "6700"


@pytest.mark.parametrize("raw", ["", "00", "00A4", "00A400"])
def test_fewer_than_four_bytes_are_6700(raw: str) -> None:
    assert HandmadeBench().send(raw) == "6700"


@given(st.binary(max_size=40))
def test_any_bytes_get_at_least_two_and_never_a_defect(raw: bytes) -> None:
    answer = HandmadeBench().send(raw)  # `send` looks that there was no defect
    assert len(answer) >= 4


# -- T=0 (Part 2, 9.3) -----------------------------------------------------------------------------


@pytest.mark.parametrize("apdu", ["00200000", "0020000000"])
def test_case_1_answers_a_word_with_and_without_p3(apdu: str) -> None:
    """Part 2, 9.3.1.1: P3 is 00 on the wire."""
    assert HandmadeBench().send(apdu) == "63C3"


def test_case_2_answers_data_for_the_right_le_and_6cxx_else() -> None:
    """Part 2, 9.3.2.1."""
    bench = HandmadeBench()
    assert bench.send("00B2012C04") == RECORD + "9000"
    for le in ("00", "03", "05", "FF"):
        assert bench.send(f"00B2012C{le}") == "6C04"
    assert bench.send("00B2012C") == "6C04"


def test_case_3_answers_a_word() -> None:
    """Part 2, 9.3.1.3."""
    assert HandmadeBench().send("00DC012C040102FFFF") == "9000"


@pytest.mark.parametrize("le", ["", "00", "0A", "05"])
def test_case_4_answers_61xx_and_never_9000(le: str) -> None:
    """Part 2, 9.3.1.4 and 9.3.2.2: whatever Le is, T=0 does not carry it."""
    bench = HandmadeBench()
    assert bench.send(SELECT_DF + le) == "610A"
    assert bench.send("00C000000A") == FCI + "9000"
    assert bench.send(INTERNAL + le) == "6108"


def test_an_error_replaces_61xx_and_6cxx() -> None:
    """Part 2, 9.3.2."""
    bench = HandmadeBench()
    assert bench.send("00A4000002DF0900") == "6A82"
    assert bench.send("00B2013400") == "6982"


def test_select_without_data_waits_for_get_response() -> None:
    """P3 00 cannot be told from Lc 00, and Le of SELECT is 00 always (Part 5, table 34)."""
    bench = HandmadeBench()
    assert bench.send("00A4000000") == "6104"
    assert bench.send("00C0000004") == "6F02A5009000"


# -- GET RESPONSE (Part 5, 6.6; Part 2, 9.3.3) -----------------------------------------------------


def waiting(settings: Settings | None = None) -> HandmadeBench:
    bench = HandmadeBench(settings)
    assert bench.send(SELECT_DF) == "610A"
    return bench


def test_get_response_hands_out_the_data_once() -> None:
    bench = waiting()
    assert bench.send("00C000000A") == FCI + "9000"
    assert bench.send("00C000000A") == "6F00"


def test_a_smaller_le_hands_out_a_part_and_says_how_many_are_left() -> None:
    """Part 5, table 20."""
    bench = waiting()
    assert bench.send("00C0000001") == "6F6109"
    assert bench.send("00C0000003") == "0884066106"
    assert bench.send("00C0000007") == "6C06"
    assert bench.send("00C0000006") == "D156000005009000"
    assert bench.send("00C0000001") == "6F00"


def test_a_smaller_le_is_wrong_where_the_profile_says_so() -> None:
    """Part 2, 9.3.2.1: 6CLicc for every Le that differs."""
    bench = waiting(Settings(transport=TransportSettings(get_response_short="6Cxx")))
    assert bench.send("00C0000009") == "6C0A"
    assert bench.send("00C000000A") == FCI + "9000"


@pytest.mark.parametrize("apdu", ["00C0000000", "00C00000", "00C000000B", "00C00000FF"])
def test_a_wrong_le_answers_6cxx_and_keeps_the_data(apdu: str) -> None:
    """Part 5, 6.6.4 and table 21; Part 2, 9.3.2.1."""
    bench = waiting()
    assert [bench.send(apdu) for _ in range(3)] == ["6C0A"] * 3
    assert bench.send("00C000000A") == FCI + "9000"


@pytest.mark.parametrize("le", ["00", "01", "0A"])
def test_with_nothing_waiting_it_answers_6f00(le: str) -> None:
    """Part 5, 6.6.4."""
    bench = HandmadeBench()
    bench.send("00A4020002EF05")
    assert bench.send(f"00C00000{le}") == "6F00"


@pytest.mark.parametrize(
    "other",
    [
        "0084000008",
        "0020000000",
        "00A4020002EF05",
        "00A4000002DF09",
        "00A4010002DF01",
        "00B2012C00",
        "00B201FF00",
        "0020000001FF",
        "0033000000",
        "80C000000A",
        "FF00000000",
        "00B201040000",
        "00",
        "",
    ],
)
def test_any_other_command_drops_the_data_also_one_that_fails(other: str) -> None:
    """This project's choice; the standard has GET RESPONSE follow at once."""
    bench = waiting()
    bench.send(other)
    assert bench.send("00C000000A") == "6F00"


def test_a_new_61xx_replaces_the_old_data() -> None:
    bench = waiting()
    assert bench.send(INTERNAL) == "6108"
    assert bench.send("00C000000A") == "6C08"


@pytest.mark.parametrize("p1p2", ["0100", "0001", "FFFF"])
def test_get_response_has_no_parameters_and_a_wrong_one_keeps_the_data(p1p2: str) -> None:
    """Part 5, table 19."""
    bench = waiting()
    assert bench.send(f"00C0{p1p2}0A") == "6A86"
    assert bench.send("00C000000A") == FCI + "9000"


def test_a_6cxx_changes_nothing() -> None:
    """Part 2, 9.3.2.1: nothing but the word; the file of the SFI is not current yet, the pointer where it was."""
    bench = HandmadeBench()
    bench.send("00A4020002EF05")
    assert bench.ask("00B2020000")[-4:] == "9000"
    bench.challenge()
    session, cells = bench.session, bench.cells()
    for apdu in ("00B2010200", "00B20102FF", "00B2016400", "00B20164FF", "00B0872D00", "00B08D00FF", "00B2010500"):
        assert bench.send(apdu)[:2] == "6C", apdu
        assert (bench.session, bench.cells()) == (session, cells), apdu


# -- answers of 256 bytes and more (Part 5, 6.6.1; Part 2, 9.3) ---------------------------------------


def of_length(length: int, settings: Settings | None = None) -> tuple[HandmadeBench, str]:
    """A card whose file 12 has records of so many bytes together, and these bytes."""
    bench, whole = HandmadeBench(settings), bytes(at % 251 for at in range(length))
    bench.card.image.contents[f"{SSSE}/EF12"] = tuple(whole[at : at + 100] for at in range(0, length, 100))
    return bench, whole.hex().upper()


@pytest.mark.parametrize(
    ("length", "parts"),
    [
        # Le of the command and of each GET RESPONSE, how many bytes come, and the word that comes with them.
        (255, [(0xFF, 255, "9000")]),
        (256, [(0x00, 256, "9000")]),
        (257, [(0x00, 256, "6101"), (0x01, 1, "9000")]),
        (511, [(0x00, 256, "61FF"), (0xFF, 255, "9000")]),
        (512, [(0x00, 256, "6100"), (0x00, 256, "9000")]),
        (513, [(0x00, 256, "6100"), (0x00, 256, "6101"), (0x01, 1, "9000")]),
        (768, [(0x00, 256, "6100"), (0x00, 256, "6100"), (0x00, 256, "9000")]),
        (900, [(0x00, 256, "6100"), (0x00, 256, "6100"), (0x00, 256, "6184"), (0x84, 132, "9000")]),
    ],
)
def test_a_long_answer_comes_in_parts_and_none_is_lost(length: int, parts: list[tuple[int, int, str]]) -> None:
    """61 00: 256 bytes wait, or more."""
    bench, whole = of_length(length)
    got, header = "", "00B20195"
    for le, count, word in parts:
        answer = bench.send(f"{header}{le:02X}")
        assert (len(answer) - 4, answer[-4:]) == (2 * count, word)
        got, header = got + answer[:-4], "00C00000"
    assert got == whole
    assert bench.send("00C0000000") == "6F00"


def test_a_wrong_le_for_256_bytes_gets_6c00() -> None:
    """Part 2, 9.3.2.1: 00 is 256."""
    for length in (256, 300):
        bench, _ = of_length(length)
        assert bench.send("00B20195FF") == "6C00"
    assert of_length(255)[0].send("00B2019500") == "6CFF"


@pytest.mark.parametrize(("setting", "word"), [("61xx", None), ("6Cxx", "6C00")])
def test_a_le_below_256_bytes_that_wait_follows_the_setting(setting: str, word: str | None) -> None:
    """``transport.get_response_short``."""
    bench, whole = of_length(600, Settings(transport=TransportSettings(get_response_short=setting)))  # type: ignore[arg-type]
    assert bench.send("00B2019500")[-4:] == "6100"
    assert bench.send("00C00000FF") == (word or whole[512:1022] + "6159")
    if word:
        assert bench.send("00C0000000") == whole[512:1024] + "6158"
        assert bench.send("00C0000057") == "6C58"


@pytest.mark.parametrize("settings", [APDU, EXTENDED])
def test_where_whole_apdus_travel_a_short_one_carries_256_bytes_too(settings: Settings) -> None:
    bench, whole = of_length(300, settings)
    assert bench.send("00B2019500") == whole[:512] + "612C"
    assert bench.send("00C000002C") == whole[512:] + "9000"
    if settings is EXTENDED:
        assert bench.send("00B20195000000") == whole + "9000"


# -- whole APDUs: the setting, and T=1 -------------------------------------------------------------


@pytest.mark.parametrize(("settings", "t1"), [(APDU, False), (None, True), (APDU, True)])
def test_where_whole_apdus_travel_data_come_at_once(settings: Settings | None, t1: bool) -> None:
    """Part 2, 9.3 is of T=0 only."""
    bench = HandmadeBench(settings, t1=t1)
    assert bench.send(SELECT_DF) == FCI + "9000"
    assert bench.send(SELECT_DF + "00") == FCI + "9000"
    assert bench.send(SELECT_DF + "04") == FCI[:8] + "9000"
    assert bench.send("00A4000000") == "6F02A5009000"
    assert bench.send(b"\x00\xa4\x04\x00\x0f" + SSSE_NAME)[-4:] == "9000"
    assert bench.send("00B2012C00") == RECORD + "9000"
    assert bench.send("00B2012C") == RECORD + "9000"
    assert bench.send("00B2012CFF") == RECORD + "9000"
    assert bench.send("00B2012C02") == RECORD[:4] + "9000"
    assert bench.send(INTERNAL)[-4:] == "9000"
    assert len(bench.send(INTERNAL)) == 20
    assert bench.send("00C0000000") == "6F00"


def test_errors_are_the_same_where_whole_apdus_travel() -> None:
    bench = HandmadeBench(APDU)
    for apdu, word in (("00A4000002DF09", "6A82"), ("00B2013400", "6982"), ("0084000005", "6700")):
        assert bench.send(apdu) == word


# -- extended APDUs --------------------------------------------------------------------------------


EXTENDED_COMMANDS = ("00B2012C000000", "00A40000000002DF01", "00A40000000002DF010000", "00B0870000012C")


@pytest.mark.parametrize("apdu", EXTENDED_COMMANDS)
def test_extended_apdus_are_refused_by_default(apdu: str) -> None:
    """The standard has short lengths only (Part 5, 5.1)."""
    bench = HandmadeBench()
    assert bench.send(apdu) == "6700"
    assert bench.session == Session(SSSE)


def test_extended_apdus_work_where_the_profile_allows_them() -> None:
    bench = HandmadeBench(EXTENDED)
    assert bench.send("00B2012C000000") == RECORD + "9000"
    assert bench.send("00A40000000002DF01") == FCI + "9000"
    assert bench.send("00A40000000002DF010000") == FCI + "9000"
    bench.select_ssse()
    assert bench.send("00B0870000012C") == LONG_FILE.hex().upper() + "9000"
    assert bench.send("00B08700000000") == LONG_FILE.hex().upper() + "9000"
    update = bytes(reversed(LONG_FILE))
    assert bench.send(bytes.fromhex("00D6870000") + len(update).to_bytes(2) + update) == "9000"
    assert bench.card.image.contents[f"{SSSE}/EF07"] == update


def test_an_extended_le_reads_at_once_what_a_short_one_reads_in_parts() -> None:
    bench = HandmadeBench(EXTENDED)
    assert len(bench.send("00B20195000000")) == 6 * 120 + 4
    assert bench.send("00B2019500")[-4:] == "6168"


@pytest.mark.parametrize("apdu", ["00B2012C0000", "00A4000000000000", "00A40000000003DF01", "00A40000000000DF01"])
def test_extended_lengths_that_contradict_the_whole_are_6700(apdu: str) -> None:
    assert HandmadeBench(EXTENDED).send(apdu) == "6700"


@pytest.mark.parametrize("header", ["04D68D00", "04DC0164"])
@pytest.mark.parametrize("length", [256, 300, 65535])
def test_a_secured_command_is_no_longer_than_its_mac_can_count(header: str, length: int) -> None:
    """The MAC covers an Lc of one byte (Part 4, 8.2.4)."""
    bench = HandmadeBench(Settings(transport=EXTENDED.transport, sm=SmSettings(update_commands="per-file")))
    bench.challenge()
    assert bench.send(bytes.fromhex(f"{header}00{length:04X}") + bytes(length)) == "6700"
    short = bench.secured(header, bytes.fromhex("0102F1F2"), "STK")
    assert bench.send(short[:4] + b"\x00\x00" + short[4:]) == "9000"
