"""Record rules (Part 3, 5.3), pure and through the card (Part 5, 6.10 and 6.13)."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.model.errors import NoSpace, RecordLengthWrong, RecordUnknown, TlvWrong
from cardfs.model.files import Ef, Records, Structure
from cardfs.model.records import Mode, find, span, written
from cardfs.model.rules import FREE_RULE
from cardfs.model.settings import ReadSettings, Settings, TransportSettings
from tests.kit.card import RECORDS, SSSE, CardBench, HandmadeBench

LINEAR = Ef("3F00/EF01", 0xEF01, 1, Structure.LINEAR_VARIABLE, FREE_RULE, FREE_RULE, size=100, max_records=6)
FIXED = replace(LINEAR, structure=Structure.LINEAR_FIXED, record_length=4, max_records=3, tlv=False)
CYCLIC = replace(FIXED, structure=Structure.CYCLIC)
APDU = Settings(transport=TransportSettings(level="apdu"))
# RECORDS have the tags 01 02 01 03.

tags = st.integers(1, 4)
files = st.lists(tags, max_size=6).map(lambda found: tuple(bytes((tag, 1, at)) for at, tag in enumerate(found)))


# -- which record is meant, pure -------------------------------------------------------------------


@given(files, tags, st.one_of(st.none(), st.integers(0, 5)))
def test_next_and_previous_are_the_nearest_places_with_the_identifier(
    records: Records, tag: int, pointer: int | None
) -> None:
    """Part 3, 5.3.1."""
    if pointer is not None and pointer >= len(records):
        pointer = None
    places = [at for at, record in enumerate(records) if record[0] == tag]
    after = [at for at in places if pointer is None or at > pointer]
    before = [at for at in places if pointer is None or at < pointer]
    assert find(LINEAR, records, Mode.FIRST, tag, pointer) == (places[0] if places else None)
    assert find(LINEAR, records, Mode.LAST, tag, pointer) == (places[-1] if places else None)
    assert find(LINEAR, records, Mode.NEXT, tag, pointer) == (after[0] if after else None)
    assert find(LINEAR, records, Mode.PREVIOUS, tag, pointer) == (before[-1] if before else None)


@given(files, st.one_of(st.none(), st.integers(0, 5)))
def test_identifier_00_means_any_record_in_number_order(records: Records, pointer: int | None) -> None:
    """Part 3, 5.3.1."""
    if pointer is not None and pointer >= len(records):
        pointer = None
    count = len(records)
    following = 0 if pointer is None else pointer + 1
    preceding = count - 1 if pointer is None else pointer - 1
    assert find(LINEAR, records, Mode.FIRST, 0, pointer) == (0 if count else None)
    assert find(LINEAR, records, Mode.LAST, 0, pointer) == (count - 1 if count else None)
    assert find(LINEAR, records, Mode.NEXT, 0, pointer) == (following if following < count else None)
    assert find(LINEAR, records, Mode.PREVIOUS, 0, pointer) == (preceding if preceding >= 0 and count else None)


@given(files, st.integers(0, 9), st.one_of(st.none(), st.integers(0, 5)))
def test_a_number_is_the_place_and_00_the_current_record(records: Records, number: int, pointer: int | None) -> None:
    """Part 3, 5.3.2."""
    place = pointer if number == 0 else number - 1
    expected = place if place is not None and place < len(records) else None
    assert find(LINEAR, records, Mode.NUMBER, number, pointer) == expected


def test_records_without_tlv_have_no_identifier_but_00() -> None:
    """Part 3, 5.3.1: only simple-TLV records have one."""
    records = (b"AAAA", b"BBBB")
    assert find(FIXED, records, Mode.FIRST, ord("A"), None) is None
    assert find(FIXED, records, Mode.LAST, 0, None) == 1


@given(st.lists(st.integers(2, 120), min_size=1, max_size=8), st.integers(1, 8))
def test_a_span_has_all_records_to_the_last(lengths: list[int], start: int) -> None:
    """Part 5, table 32: modes 101 and 110."""
    records = tuple(bytes((at,)) * length for at, length in enumerate(lengths))
    if start > len(records):
        with pytest.raises(RecordUnknown):
            span(LINEAR, records, Mode.TO_LAST, start, None)
        return
    for mode, order in ((Mode.TO_LAST, records[start - 1 :]), (Mode.FROM_LAST, records[start - 1 :][::-1])):
        assert span(LINEAR, records, mode, start, None) == (b"".join(order), start - 1)


# -- what writing does, pure -----------------------------------------------------------------------


@given(files, st.integers(1, 9), st.binary(max_size=9))
def test_writing_by_number_replaces_or_appends_the_next_one(records: Records, number: int, value: bytes) -> None:
    """Part 5, 6.13.1: in order of numbers; a gap is 6A83."""
    record = bytes((9, len(value))) + value
    if number > len(records) + 1:
        with pytest.raises(RecordUnknown):
            written(LINEAR, records, Mode.NUMBER, number, None, record)
        return
    if number > 6:
        with pytest.raises(NoSpace):
            written(LINEAR, records, Mode.NUMBER, number, None, record)
        return
    new, place = written(LINEAR, records, Mode.NUMBER, number, None, record)
    assert place == number - 1
    assert new == (*records[: number - 1], record, *records[number:])


@given(files, tags, st.sampled_from([Mode.FIRST, Mode.LAST, Mode.NEXT, Mode.PREVIOUS]))
def test_writing_by_identifier_replaces_or_appends(records: Records, tag: int, mode: Mode) -> None:
    """Part 5, 6.13.1: an identifier that is not there is a new record."""
    record = bytes((tag, 2, 0xFF, 0xFF))
    place = find(LINEAR, records, mode, tag, None)
    if place is None and len(records) == 6:
        with pytest.raises(NoSpace):
            written(LINEAR, records, mode, tag, None, record)
        return
    new, at = written(LINEAR, records, mode, tag, None, record)
    assert at == (len(records) if place is None else place)
    assert new[at] == record
    assert len(new) == len(records) + (place is None)
    assert all(new[other] == records[other] for other in range(len(records)) if other != at)


@given(st.lists(st.binary(min_size=4, max_size=4), max_size=9))
def test_a_cyclic_file_keeps_the_newest_records_newest_first(history: list[bytes]) -> None:
    """Part 3, 5.3.2; Part 5, 6.13.1."""
    records: Records = ()
    for record in history:
        records, place = written(CYCLIC, records, Mode.PREVIOUS, 0, None, record)
        assert place == 0
    assert records == tuple(reversed(history))[:3]


def test_a_cyclic_file_is_not_appended_to_in_another_way() -> None:
    """Part 5, 6.13.1: only with 「上一个实例」."""
    for mode, p1 in ((Mode.NUMBER, 1), (Mode.FIRST, 0), (Mode.LAST, 0), (Mode.NEXT, 0)):
        with pytest.raises(RecordUnknown):
            written(CYCLIC, (), mode, p1, None, b"AAAA")
    new, place = written(CYCLIC, (b"AAAA", b"BBBB"), Mode.NUMBER, 2, None, b"CCCC")
    assert (new, place) == ((b"AAAA", b"CCCC"), 1)


@pytest.mark.parametrize("record", ["", "01", "0101", "010100FF", "01FF", "0300"])
def test_a_tlv_record_fits_its_length_and_its_identifier(record: str) -> None:
    """Part 5, table 45: Lc 与 TLV 结构不符."""
    with pytest.raises(TlvWrong):
        written(LINEAR, (), Mode.FIRST, 1, None, bytes.fromhex(record))


def test_an_empty_value_is_a_record_and_a_number_takes_any_tag() -> None:
    """Part 3, 5.3.1."""
    assert written(LINEAR, (), Mode.FIRST, 1, None, b"\x01\x00")[0] == (b"\x01\x00",)
    assert written(LINEAR, (), Mode.NUMBER, 1, None, b"\x03\x00")[0] == (b"\x03\x00",)
    assert written(LINEAR, (), Mode.FIRST, 0, None, b"\x03\x00")[0] == (b"\x03\x00",)


@pytest.mark.parametrize("ef", [FIXED, CYCLIC], ids=["fixed", "cyclic"])
@pytest.mark.parametrize("record", [b"", b"AAA", b"AAAAA"])
def test_every_record_of_a_fixed_or_cyclic_file_has_one_length(ef: Ef, record: bytes) -> None:
    """Part 3, 5.1.2."""
    with pytest.raises(RecordLengthWrong):
        written(ef, (b"BBBB",), Mode.NUMBER, 1, None, record)
    with pytest.raises(RecordLengthWrong):
        written(ef, (b"BBBB",), Mode.PREVIOUS, 0, None, record)


def test_a_linear_file_has_an_end_in_records_and_in_bytes() -> None:
    """Part 5, table 45: 文件中存储空间不够."""
    six = tuple(bytes((1, 1, at)) for at in range(6))
    with pytest.raises(NoSpace):
        written(LINEAR, six, Mode.NUMBER, 7, None, b"\x01\x00")
    with pytest.raises(NoSpace):
        written(replace(LINEAR, size=18), six, Mode.NUMBER, 1, None, b"\x01\x02ab")
    assert len(written(replace(LINEAR, size=19), six, Mode.NUMBER, 1, None, b"\x01\x02ab")[0]) == 6
    with pytest.raises(NoSpace):
        written(FIXED, (b"AAAA",) * 3, Mode.NUMBER, 4, None, b"BBBB")


# -- READ RECORD through the card ------------------------------------------------------------------

EF05 = "00A4020002EF05"


def opened(settings: Settings | None = None, sfi: int = 5) -> HandmadeBench:
    """The card with a file of the SSSE selected."""
    bench = HandmadeBench(settings)
    assert bench.send(f"00A4020002EF{sfi:02X}") == "9000"
    return bench


def read(bench: HandmadeBench, p1: int, mode: int, sfi: int = 0) -> str:
    """READ RECORD; the record in hex, or the status word."""
    answer = bench.ask(f"00B2{p1:02X}{sfi << 3 | mode:02X}00")
    return answer[:-4] if answer[-4:] == "9000" else answer


def texts(*places: int) -> list[str]:
    return [RECORDS[at].hex().upper() for at in places]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_record_is_read_by_number_from_the_current_file_and_by_sfi(number: int) -> None:
    """Part 5, table 32, mode 100."""
    assert [read(opened(), number, 0b100)] == texts(number - 1)
    assert [read(HandmadeBench(), number, 0b100, sfi=5)] == texts(number - 1)


def test_a_number_behind_the_last_record_is_not_found() -> None:
    """Part 5, table 33."""
    assert read(opened(), 5, 0b100) == "6A83"
    assert read(opened(), 0xFE, 0b100) == "6A83"


def test_from_a_record_to_the_last_and_from_the_last_to_it() -> None:
    """Part 5, table 32, modes 101 and 110."""
    assert read(opened(), 2, 0b101) == "".join(texts(1, 2, 3))
    assert read(opened(), 2, 0b110) == "".join(texts(3, 2, 1))
    assert read(opened(), 4, 0b101) == read(opened(), 4, 0b110) == texts(3)[0]
    assert read(opened(), 5, 0b101) == read(opened(), 5, 0b110) == "6A83"


@pytest.mark.parametrize("settings", [None, APDU])
def test_several_records_come_whole_also_over_256_bytes(settings: Settings | None) -> None:
    """Part 5, table 32: 「读到最后一个记录」; 6.6.1: what one answer does not carry comes in parts. Six of 60 bytes."""
    bench = opened(settings, 0x12)
    for mode, order in ((0b101, range(1, 7)), (0b110, range(6, 0, -1))):
        whole = "".join(bytes((at, 58)).hex().upper() + "00" * 58 for at in order)
        assert bench.send(f"00B2010{mode:X}00") == whole[:512] + "6168"
        assert bench.send("00C0000069") == "6C68"
        assert bench.send("00C0000068") == whole[512:] + "9000"
        assert bench.send("00C0000001") == "6F00"
        assert read(bench, 1, mode) == whole


@pytest.mark.parametrize("le", [0x01, 0x80, 0xFF])
def test_a_le_below_256_of_a_longer_answer_gets_6c00(le: int) -> None:
    """Part 2, 9.3.2.1: the right Le is 00, and then the parts come."""
    bench = opened(None, 0x12)
    assert bench.send(f"00B20105{le:02X}") == "6C00"
    assert bench.send("00B2010500")[-4:] == "6168"


def test_every_record_of_an_issued_file_comes() -> None:
    """DF02/EF05 has 436 bytes of records: 256, and 180 (B4) by GET RESPONSE."""
    bench = CardBench()
    bench.select_df("DF02")
    bench.verify()
    records = bench.card.image.contents[f"{SSSE}/DF02/EF05"]
    assert isinstance(records, tuple)
    whole = b"".join(records).hex().upper()
    assert len(whole) == 2 * 436
    assert bench.send("00B2012D00") == whole[:512] + "61B4"
    assert bench.send("00C00000B4") == whole[512:] + "9000"


def test_another_command_drops_what_has_not_come() -> None:
    bench = opened(None, 0x12)
    assert bench.send("00B2010500")[-4:] == "6168"
    assert bench.send("0084000008")[-4:] == "9000"
    assert bench.send("00C0000068") == "6F00"


def test_first_last_next_and_previous_by_identifier() -> None:
    """Part 5, table 32, modes 000 to 011; Part 3, 5.3.1."""
    bench = opened()
    assert [read(bench, 1, 0b000)] == texts(0)
    assert [read(bench, 1, 0b010)] == texts(2)
    assert read(bench, 1, 0b010) == "6A83"
    assert [read(bench, 1, 0b011)] == texts(0)
    assert read(bench, 1, 0b011) == "6A83"
    assert [read(bench, 1, 0b001)] == texts(2)
    assert read(bench, 9, 0b000) == "6A83"


def test_without_a_current_record_next_is_the_first_and_previous_the_last() -> None:
    """Part 3, 5.3.1."""
    assert [read(opened(), 1, 0b010)] == texts(0)
    assert [read(opened(), 1, 0b011)] == texts(2)


def test_identifier_00_walks_over_all_records() -> None:
    """Part 3, 5.3.1."""
    bench = opened()
    assert [read(bench, 0, 0b010) for _ in range(5)] == [*texts(0, 1, 2, 3), "6A83"]
    assert [read(bench, 0, 0b011) for _ in range(4)] == [*texts(2, 1, 0), "6A83"]
    assert [read(bench, 0, 0b001), read(bench, 0, 0b000)] == texts(3, 0)


def test_number_00_is_the_current_record() -> None:
    """Part 3, 5.3.2; Part 5, table 31."""
    bench = opened()
    assert read(bench, 0, 0b100) == "6A83"
    assert read(bench, 0, 0b101) == "6A83"
    read(bench, 2, 0b000)
    assert [read(bench, 0, 0b100)] == texts(1)
    assert read(bench, 0, 0b101) == "".join(texts(1, 2, 3))
    assert read(bench, 0, 0b110) == "".join(texts(3, 2, 1))


def test_reading_by_number_leaves_the_pointer_and_by_identifier_moves_it() -> None:
    """Part 3, 5.3."""
    bench = opened()
    read(bench, 2, 0b000)
    read(bench, 4, 0b100)
    read(bench, 1, 0b101)
    assert bench.session.pointer == 1
    assert [read(bench, 0, 0b010)] == texts(2)


def test_a_reference_that_fails_leaves_the_pointer() -> None:
    """Nothing is changed by a command that is refused."""
    bench = opened()
    read(bench, 2, 0b000)
    read(bench, 9, 0b000)
    assert bench.session.pointer == 1
    assert bench.send("00B20102FF") == "6C03"
    assert bench.session.pointer == 1


def test_selecting_and_a_valid_sfi_clear_the_pointer() -> None:
    """Part 3, 5.3; this project's choice of what "may change" means."""
    bench = opened()
    read(bench, 2, 0b000)
    bench.send(EF05)
    assert bench.session.pointer is None
    read(bench, 2, 0b000)
    read(bench, 1, 0b100, sfi=5)
    assert bench.session.pointer is None
    assert [read(bench, 1, 0b010, sfi=5), read(bench, 1, 0b010, sfi=5)] == texts(0, 0)


def test_a_valid_sfi_makes_the_file_current() -> None:
    """Part 3, 5.3."""
    bench = HandmadeBench()
    assert read(bench, 1, 0b100) == "6986"
    read(bench, 1, 0b100, sfi=5)
    assert bench.session.ef == f"{SSSE}/EF05"
    assert [read(bench, 2, 0b100)] == texts(1)


@pytest.mark.parametrize("p2", [0b111, 5 << 3 | 0b111, 31 << 3 | 0b100, 31 << 3])
def test_reserved_modes_and_sfi_31_are_refused(p2: int) -> None:
    """Part 5, table 32; SFI 1 to 30 (Part 3, 5.2)."""
    assert opened().send(f"00B201{p2:02X}00") == "6A86"
    assert opened().send(f"00DC01{p2:02X}040102FFFF") == "6A86"


@pytest.mark.parametrize("mode", range(7))
def test_number_and_identifier_ff_are_reserved(mode: int) -> None:
    """Part 3, 5.3."""
    assert opened().send(f"00B2FF{mode:02X}00") == "6A86"
    assert opened().send(f"00DCFF{mode:02X}040102FFFF") == "6A86"


def test_a_cyclic_file_is_read_newest_first() -> None:
    """Part 3, 5.3.2."""
    bench = opened(sfi=0x0A)
    assert [bytes.fromhex(read(bench, at, 0b100)) for at in (1, 2)] == [b"new", b"old"]
    assert bytes.fromhex(read(bench, 0, 0b000)) == b"new"
    assert bytes.fromhex(read(bench, 0, 0b001)) == b"old"


def test_an_empty_file_has_no_records() -> None:
    """Part 5, table 33; Part 3, 6.5.2 for an empty directory."""
    bench = opened(sfi=0x11)
    assert {read(bench, p1, mode) for p1 in (0, 1) for mode in range(7)} == {"6A83"}


@pytest.mark.parametrize("mode", range(7))
def test_a_transparent_file_has_no_records(mode: int) -> None:
    """Part 5, tables 33 and 45."""
    assert opened(sfi=7).send(f"00B201{mode:02X}00") == "6981"


# -- Le (Part 5, 6.10.4; Part 2, 9.3.2.1) ----------------------------------------------------------


def test_every_le_that_is_not_the_length_is_answered_6cxx() -> None:
    bench = opened()
    for le in range(256):
        assert bench.send(f"00B20204{le:02X}") == (texts(1)[0] + "9000" if le == 5 else "6C05")


def test_a_shorter_le_reads_the_beginning_where_the_profile_says_so() -> None:
    """Part 5, 6.10.1: 「一个记录起始部分的数据」; Le 00 is 6Cxx in any case (6.10.4)."""
    bench = opened(Settings(read=ReadSettings(le_mismatch="shorter")))
    assert bench.send("00B2020403") == texts(1)[0][:6] + "9000"
    assert bench.send("00B2020405") == texts(1)[0] + "9000"
    assert bench.send("00B2020406") == "6C05"
    assert bench.send("00B2020400") == "6C05"


def test_where_whole_apdus_travel_the_data_are_cut_to_le() -> None:
    """Part 2, 9.3.1.2: the first Le bytes, the status as it is."""
    bench = opened(APDU)
    assert bench.send("00B2020403") == texts(1)[0][:6] + "9000"
    for le in ("05", "06", "00", ""):
        assert bench.send(f"00B20204{le}") == texts(1)[0] + "9000"


# -- UPDATE RECORD through the card ----------------------------------------------------------------


def write(bench: HandmadeBench, p1: int, mode: int, record: str, sfi: int = 0) -> str:
    return bench.send(f"00DC{p1:02X}{sfi << 3 | mode:02X}{len(record) // 2:02X}{record}")


def contents(bench: HandmadeBench, sfi: int = 5) -> list[str]:
    records = bench.card.image.contents[f"{SSSE}/EF{sfi:02X}"]
    assert isinstance(records, tuple)
    return [record.hex().upper() for record in records]


def test_a_record_is_replaced_by_number_and_may_change_its_length() -> None:
    """Part 5, table 44."""
    bench = opened()
    assert write(bench, 2, 0b100, "0204AABBCCDD") == "9000"
    assert contents(bench) == [texts(0)[0], "0204AABBCCDD", *texts(2, 3)]
    assert write(HandmadeBench(), 2, 0b100, "0200", sfi=5) == "9000"


def test_the_next_number_appends_and_a_gap_does_not() -> None:
    """Part 5, 6.13.1."""
    bench = opened()
    assert write(bench, 6, 0b100, "0501EE") == "6A83"
    assert write(bench, 5, 0b100, "0501EE") == "9000"
    assert contents(bench) == [*texts(0, 1, 2, 3), "0501EE"]


@pytest.mark.parametrize("mode", [0b000, 0b001, 0b010, 0b011])
def test_an_identifier_that_is_not_there_appends_and_the_new_record_is_current(mode: int) -> None:
    """Part 5, 6.13.1; Part 3, 5.3.1."""
    bench = opened()
    assert write(bench, 5, mode, "0501EE") == "9000"
    assert contents(bench) == [*texts(0, 1, 2, 3), "0501EE"]
    assert bench.session.pointer == 4


@pytest.mark.parametrize(("mode", "place"), [(0b000, 0), (0b001, 2), (0b010, 0), (0b011, 2)])
def test_an_identifier_that_is_there_replaces_and_moves_the_pointer(mode: int, place: int) -> None:
    """Part 5, table 44; Part 3, 5.3: each reference by identifier."""
    bench = opened()
    assert write(bench, 1, mode, "0101EE") == "9000"
    expected = texts(0, 1, 2, 3)
    expected[place] = "0101EE"
    assert contents(bench) == expected
    assert bench.session.pointer == place


def test_writing_by_number_leaves_the_pointer() -> None:
    """Part 3, 5.3: a reference by number does not touch it."""
    bench = opened()
    read(bench, 2, 0b000)
    write(bench, 4, 0b100, "0301EE")
    write(bench, 5, 0b100, "0501EE")
    assert bench.session.pointer == 1


def test_the_current_record_is_written_and_stays_current() -> None:
    """Part 5, 6.13.1: 「在修改记录成功后重新设定记录指针」."""
    bench = opened()
    assert write(bench, 0, 0b100, "0201EE") == "6A83"
    read(bench, 2, 0b000)
    assert write(bench, 0, 0b100, "0201EE") == "9000"
    assert contents(bench)[1] == "0201EE"
    assert bench.session.pointer == 1


@pytest.mark.parametrize("mode", [0b101, 0b110, 0b111])
def test_modes_over_several_records_do_not_write(mode: int) -> None:
    """Part 5, table 44: RFU."""
    assert write(opened(), 1, mode, "0101EE") == "6A86"


def test_a_cyclic_file_turns_over_and_its_newest_record_is_current() -> None:
    """Part 5, 6.13.1; Part 3, 5.3.2."""
    bench = opened(sfi=0x0A)
    for record in ("414141", "424242", "434343"):
        assert write(bench, 0, 0b011, record) == "9000"
        assert bench.session.pointer == 0
    assert contents(bench, 0x0A) == ["434343", "424242", "414141"]
    assert read(bench, 1, 0b100) == "434343"
    assert read(bench, 0, 0b100) == "434343"
    assert read(bench, 0, 0b010) == "424242"


def test_a_cyclic_file_of_tlv_records_checks_their_form() -> None:
    """Part 5, table 45."""
    bench = opened(sfi=0x15)
    assert write(bench, 1, 0b011, "0102AAAA") == "9000"
    assert write(bench, 1, 0b011, "0202AAAA") == "6A85"
    assert write(bench, 1, 0b011, "0103AAAA") == "6A85"
    assert write(bench, 1, 0b011, "0101AA") == "6A85"
    assert contents(bench, 0x15) == ["0102AAAA", "0102EEEE"]


def test_a_record_of_another_length_does_not_fit_a_fixed_or_cyclic_file() -> None:
    """Part 3, 5.1.2: 6700."""
    assert write(opened(sfi=9), 1, 0b100, "414141") == "6700"
    assert write(opened(sfi=0x0A), 0, 0b011, "41414141") == "6700"


def test_a_fixed_file_takes_as_many_records_as_it_holds() -> None:
    """Part 5, table 45."""
    bench = opened(sfi=9)
    assert write(bench, 3, 0b100, "43434343") == "9000"
    assert write(bench, 4, 0b100, "44444444") == "6A84"


@pytest.mark.parametrize(
    ("p1", "mode", "record", "word"),
    [
        (9, 0b100, "0101EE", "6A83"),
        (1, 0b100, "0102EE", "6A85"),
        (1, 0b000, "0201EE", "6A85"),
        (5, 0b100, "0521" + "EE" * 33, "6A84"),
    ],
)
def test_an_update_that_is_refused_changes_nothing(p1: int, mode: int, record: str, word: str) -> None:
    """Part 5, table 45."""
    bench = opened()
    read(bench, 2, 0b000)
    before, session = bench.cells(), bench.session
    assert write(bench, p1, mode, record) == word
    assert (bench.cells(), bench.session) == (before, session)


def test_what_was_written_is_there_after_a_loss_of_power() -> None:
    bench = opened()
    write(bench, 2, 0b100, "0201EE")
    bench.card.power_off()
    bench.card.power_on()
    bench.select_ssse()
    assert read(bench, 2, 0b100, sfi=5) == "0201EE"
