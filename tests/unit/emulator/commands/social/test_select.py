"""SELECT and the FCI (Part 5, 6.11; Part 3, 5.2 and 6)."""

from dataclasses import replace

import pytest

from cardfs.model.settings import SelectSettings, Settings
from tests.kit.card import AIDS, MF, PSE, PSE_NAME, SSSE, SSSE_NAME, CardBench, HandmadeBench, handmade

BY_NAME = "00A40400"
NEXT = "00A40402"
APPLICATIONS = "D156000005"


def by_name(name: bytes, header: str = BY_NAME) -> bytes:
    return bytes.fromhex(header) + bytes((len(name),)) + name


def fci(bench: HandmadeBench, apdu: str | bytes) -> str:
    answer = bench.ask(apdu)
    assert answer[-4:] == "9000", bench.reason
    return answer[:-4]


def test_the_environment_answers_the_fci_of_the_published_trace() -> None:
    """Part 5, table 36; trace of a test-region card: 6F1C 840F ... A509 88011E 9F0C03860103."""
    name = SSSE_NAME.hex().upper()
    assert fci(HandmadeBench(), by_name(SSSE_NAME)) == f"6F1C840F{name}A50988011E9F0C03860101"
    assert CardBench("ssc-2.0-sm4").ask(by_name(SSSE_NAME)) == f"6F1C840F{name}A50988011E9F0C038601039000"


def test_another_environment_has_no_issuer_data() -> None:
    """Part 5, table 37."""
    assert (
        fci(HandmadeBench(), by_name(b"1PAY.SYS.DDF01")) == "6F15840E" + b"1PAY.SYS.DDF01".hex().upper() + "A503880101"
    )


def test_an_application_answers_its_name_only() -> None:
    """Part 5, table 38."""
    assert fci(HandmadeBench(), "00A4000002DF01") == "6F088406D15600000500"


def test_an_mf_without_name_answers_an_fci_without_one() -> None:
    """The standard is silent; with the setting it answers 3F00."""
    assert fci(HandmadeBench(), "00A40000023F00") == "6F02A500"
    bench = HandmadeBench(Settings(select=SelectSettings(mf_fci="fid")))
    assert fci(bench, "00A40000023F00") == "6F0684023F00A500"


def test_an_ef_answers_no_data() -> None:
    """Part 5, 6.11.1."""
    bench = HandmadeBench()
    assert bench.send("00A4020002EF05") == "9000"
    assert bench.session.ef == f"{SSSE}/EF05"


@pytest.mark.parametrize("apdu", ["00A40000", "00A4000000", "00A40000023F00"])
def test_no_data_and_3f00_both_select_the_mf(apdu: str) -> None:
    """Part 5, 6.11.2."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    assert bench.send(apdu) == "6104"
    assert bench.session.df == MF


@pytest.mark.parametrize(
    ("start", "fid", "found"),
    [
        ("3F00", "DDF1", SSSE),
        ("3F00", "DF01", f"{SSSE}/DF01"),
        ("3F00", "DF02", f"{SSSE}/DF02"),
        ("DDF1", "DF01", f"{SSSE}/DF01"),
        ("DDF1", "DDF1", SSSE),
        ("DDF1", "DDF2", PSE),
        ("DDF1", "DF09", None),
        ("DF01", "DF02", f"{SSSE}/DF02"),
        ("DF01", "DF01", f"{SSSE}/DF01"),
        ("DF01", "DDF1", SSSE),
        ("DF01", "3F00", MF),
        ("DF01", "DDF2", PSE),
        ("DDF2", "DF01", f"{PSE}/DF01"),
        ("DDF2", "DF02", f"{SSSE}/DF02"),
    ],
)
def test_a_df_is_found_by_fid_from_everywhere_the_nearest_first(start: str, fid: str, found: str | None) -> None:
    """Part 3, 5.2.2; Part 5, table 35."""
    bench = HandmadeBench()
    _go_by_fid(bench, start, fid, found)


@pytest.mark.parametrize(
    ("start", "fid", "found"),
    [
        ("3F00", "DDF1", SSSE),
        ("3F00", "DF01", None),
        ("DDF1", "DF01", f"{SSSE}/DF01"),
        ("DDF1", "DDF2", PSE),
        ("DF01", "DF02", f"{SSSE}/DF02"),
        ("DF01", "DF01", f"{SSSE}/DF01"),
        ("DF01", "DDF1", SSSE),
        ("DF01", "3F00", MF),
        ("DF01", "DDF2", None),
        ("DDF2", "DF02", None),
    ],
)
def test_where_the_profile_says_so_a_df_is_found_by_fid_here_below_beside_and_above_only(
    start: str, fid: str, found: str | None
) -> None:
    """``select.fids = "near"``: ISO 7816-4, where a FID is unique in its DF."""
    _go_by_fid(HandmadeBench(Settings(select=SelectSettings(fids="near"))), start, fid, found)


def _go_by_fid(bench: HandmadeBench, start: str, fid: str, found: str | None) -> None:
    if start != "DDF1":
        assert bench.word(f"00A4000002{start}") == "9000"
    before = bench.session.df
    assert bench.word(f"00A4000002{fid}") == ("9000" if found else "6A82")
    assert bench.session.df == (found or before)


def test_the_same_fid_in_two_environments_is_that_of_the_own_one() -> None:
    """Part 4, 5.5."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    assert bench.session.df == f"{SSSE}/DF01"
    assert bench.word(by_name(b"1PAY.SYS.DDF01")) == "9000"
    assert bench.word("00A4000002DF01") == "9000"
    assert bench.session.df == f"{PSE}/DF01"


@pytest.mark.parametrize("start", ["3F00", "DDF1", "DF01", "DDF2"])
@pytest.mark.clause("Part 4, 5.1", "MF, environments and applications are found by their names")
def test_the_environments_are_found_by_name_from_everywhere(start: str) -> None:
    """Part 5, 6.11.3 from the MF; this project's choice from elsewhere."""
    for name, path in ((SSSE_NAME, SSSE), (b"1PAY.SYS.DDF01", PSE)):
        bench = HandmadeBench()
        assert bench.word(f"00A4000002{start}") == "9000"
        assert bench.word(by_name(name)) == "9000"
        assert bench.session.df == path


@pytest.mark.parametrize("start", ["3F00", "DDF1", "DF01", "DDF2", "315041592E5359532E4444463031", "A000000333"])
def test_every_df_is_found_by_its_name_from_everywhere(start: str) -> None:
    """Part 3, 5.2.1: 「卡中的任何 ADF 或 DDF 可通过其 DF 名查询」; after the reset the MF is current."""
    everything = {SSSE_NAME: SSSE, PSE_NAME: PSE, bytes.fromhex("A000000333"): f"{PSE}/DF01"}
    everything |= {aid: f"{SSSE}/{df}" for df, aid in AIDS.items()}
    for name, path in everything.items():
        bench = HandmadeBench()
        bench.card.reset()
        assert bench.word(f"00A4000002{start}" if len(start) == 4 else by_name(bytes.fromhex(start))) == "9000"
        assert bench.word(by_name(name)) == "9000"
        assert bench.session.df == path


def test_an_issued_card_finds_its_applications_straight_after_the_reset() -> None:
    """Part 3, 5.2.1 and 5.2.2: DF04 by its AID (Part 6, table 2) and by its FID."""
    for apdu in ("00A4040006D15600000503", "00A4000002DF04"):
        bench = CardBench()
        assert bench.ask(apdu) == "6F088406D156000005039000"
        assert bench.verify() == "9000"
        assert bench.word("00B2012C00") == "9000"


def test_a_file_here_comes_before_a_df_elsewhere_with_its_fid() -> None:
    """P1 00 finds an EF of the current DF, too (``select.ef_with_p1_00``)."""
    made = handmade()
    far = replace(made.dfs[f"{PSE}/DF01"], path=f"{PSE}/EF05", fid=0xEF05)
    bench = HandmadeBench(contents=replace(made, dfs={**made.dfs, far.path: far}))
    assert bench.send("00A4000002EF05") == "9000"
    assert bench.session.ef == f"{SSSE}/EF05"
    assert bench.word("00A40000023F00") == "9000"
    assert bench.word("00A4000002EF05") == "9000"
    assert bench.session.df == far.path


def test_where_the_profile_says_so_a_name_is_found_in_its_own_environment_only() -> None:
    """``select.names = "environment"``."""
    bench = HandmadeBench(Settings(select=SelectSettings(names="environment")))
    assert bench.word(by_name(bytes.fromhex("A000000333"))) == "6A82"
    assert bench.word(by_name(b"1PAY.SYS.DDF01")) == "9000"
    assert bench.word(by_name(AIDS["DF01"])) == "6A82"
    assert bench.word(by_name(bytes.fromhex("A000000333"))) == "9000"
    assert bench.word("00A40000023F00") == "9000"
    assert bench.word(by_name(AIDS["DF01"])) == "6A82"


def test_an_application_is_found_by_name_from_its_neighbour() -> None:
    """Part 3, 6.5."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    assert bench.word(by_name(AIDS["DF02"])) == "9000"
    assert bench.session.df == f"{SSSE}/DF02"


@pytest.mark.parametrize("apdu", ["00A4020002EF05", "00A4000002EF05"])
def test_an_ef_is_found_by_fid_with_p1_02_and_with_p1_00(apdu: str) -> None:
    """Part 5, table 35; readers use P1 00 as well."""
    bench = HandmadeBench()
    assert bench.send(apdu) == "9000"
    assert bench.session.ef == f"{SSSE}/EF05"


def test_p1_00_finds_no_ef_where_the_profile_says_so() -> None:
    bench = HandmadeBench(Settings(select=SelectSettings(ef_with_p1_00=False)))
    assert bench.send("00A4000002EF05") == "6A82"
    assert bench.send("00A4020002EF05") == "9000"


@pytest.mark.parametrize("fid", ["EF1E", "EF0B", "DF01", "3F00"])
def test_p1_02_finds_efs_of_the_current_df_and_no_internal_file(fid: str) -> None:
    """Part 5, table 35; the money file is reached by the trade commands only (Part 6, 6.6)."""
    assert HandmadeBench().send(f"00A4020002{fid}") == "6A82"


def test_a_selection_that_fails_leaves_the_old_one_in_place() -> None:
    """This project's choice; the standard is silent."""
    bench = HandmadeBench()
    bench.send("00A4020002EF05")
    bench.send("00B2020005")
    before = bench.session
    for apdu in ("00A4000002DF09", "00A4020002EF1E", "00A4040006D15600000599", "00A4010002DF01", "00A4000003DF0101"):
        assert bench.send(apdu) in ("6A82", "6A86", "6700")
        assert bench.session == before


@pytest.mark.parametrize(
    ("apdu", "word"),
    [
        ("00A4000001DF", "6700"),
        ("00A4000003DF0101", "6700"),
        ("00A4020000", "6700"),
        ("00A4040000", "6700"),
        ("00A4040004D1560000", "6700"),
        ("00A4040011" + "31" * 17, "6700"),
        ("00A4000002DF01", "610A"),
        ("00A4040005D156000005", "610A"),
        ("00A4040010" + "31" * 16, "6A82"),
    ],
)
def test_lc_fits_p1_or_the_answer_is_6700(apdu: str, word: str) -> None:
    """Part 5, tables 34 and 39."""
    assert HandmadeBench().send(apdu) == word


@pytest.mark.parametrize("p1p2", ["0100", "0300", "0500", "0800", "0001", "0003", "0404", "FF00", "00FF"])
def test_other_parameters_are_refused(p1p2: str) -> None:
    """Part 5, tables 34 and 35."""
    assert HandmadeBench().send(f"00A4{p1p2}02DF01") == "6A86"


# -- partial names (Part 5, 6.11.5) ----------------------------------------------------------------


def walk(bench: HandmadeBench, name: str, first: str = BY_NAME) -> list[str]:
    """Select by the beginning of a name again and again; the DFs in turn."""
    found: list[str] = []
    header = first
    while True:
        answer = bench.ask(by_name(bytes.fromhex(name), header))
        if answer == "6A82":
            return found
        assert answer[-4:] == "9000"
        found.append(bench.session.df[-4:])
        header = NEXT
        assert len(found) < 9


def test_every_df_with_a_partial_name_is_found_once_and_then_none() -> None:
    bench = HandmadeBench()
    assert walk(bench, APPLICATIONS) == ["DF01", "DF02", "DF03"]
    assert bench.word(by_name(bytes.fromhex(APPLICATIONS), NEXT)) == "6A82"


def test_a_walk_may_be_repeated_from_the_first() -> None:
    bench = HandmadeBench()
    assert walk(bench, APPLICATIONS) == walk(bench, APPLICATIONS) == ["DF01", "DF02", "DF03"]


def test_a_whole_name_is_taken_before_a_longer_one() -> None:
    """Part 3, 6.5.1."""
    bench = HandmadeBench()
    bench.select_df("DF02")
    assert bench.word(by_name(AIDS["DF01"])) == "9000"
    assert bench.session.df == f"{SSSE}/DF01"
    assert bench.word(by_name(AIDS["DF01"], NEXT)) == "6A82"


@pytest.mark.parametrize(
    "between",
    ["0084000008", "00A4020002EF05", "00A4000002DF02", "00A4040006D15600000599", "0033000000", "FF", "00A4010000"],
)
def test_another_command_in_between_ends_the_walk(between: str) -> None:
    """「在没有应用层命令干扰的情况下」; also a command that fails or that the card does not know."""
    bench = HandmadeBench()
    assert bench.word(by_name(bytes.fromhex(APPLICATIONS))) == "9000"
    assert bench.word(by_name(bytes.fromhex(APPLICATIONS), NEXT)) == "9000"
    assert bench.session.df == f"{SSSE}/DF02"
    bench.send(between)
    assert bench.session.scan is None
    # A new walk begins with what is not selected already.
    assert bench.word(by_name(bytes.fromhex(APPLICATIONS), NEXT)) == "9000"
    assert bench.session.df == f"{SSSE}/DF01"


def test_get_response_does_not_end_the_walk() -> None:
    """It belongs to the transport and not to the application (Part 2, 9.3.2)."""
    bench = HandmadeBench()
    for header, found in ((BY_NAME, "DF01"), (NEXT, "DF02"), (NEXT, "DF03")):
        assert bench.send(by_name(bytes.fromhex(APPLICATIONS), header)) == "610A"
        assert bench.send("00C0000000") == "6C0A"
        assert bench.send("00C000000A")[-4:] == "9000"
        assert bench.session.df[-4:] == found


def test_another_name_begins_another_walk() -> None:
    bench = HandmadeBench()
    walk(bench, APPLICATIONS)
    assert bench.word(by_name(SSSE_NAME[:5], NEXT)) == "9000"
    assert bench.session.df == SSSE


def test_partial_names_find_nothing_where_the_profile_says_so() -> None:
    """Part 5, 6.11.5 does not demand them."""
    bench = HandmadeBench(Settings(select=SelectSettings(partial_names=False)))
    assert bench.word(by_name(bytes.fromhex(APPLICATIONS))) == "6A82"
    assert bench.word(by_name(AIDS["DF02"])) == "9000"


@pytest.mark.parametrize("apdu", ["00A4000202DF01", "00A4020202EF05", "00A40002023F00"])
def test_there_is_no_second_file_with_one_identifier(apdu: str) -> None:
    """Part 3, 5.2.2: identifiers are unique."""
    assert HandmadeBench().send(apdu) == "6A82"


# -- a locked application (Part 7, 13.2) -----------------------------------------------------------


def test_a_locked_application_answers_9303_by_any_way_and_its_neighbours_do_not() -> None:
    bench = HandmadeBench()
    bench.lock_application()
    assert bench.word("00A4000002DF01") == "9303"
    assert bench.word("00A4020002EF05") == "9303"
    assert bench.word("00A4020002EF3F") == "9303"
    assert bench.word("00A4000002DF02") == "9000"
    assert bench.word("00A4000002DF01") == "9303"
    assert bench.word("00A4000002DF02") == "9000"
    assert bench.word(by_name(AIDS["DF01"])) == "9303"
    bench.card.reset()
    bench.select_ssse()
    assert bench.word("00A4000002DF01") == "9303"


@pytest.mark.parametrize("chosen", ["00A4000002DF01", by_name(AIDS["DF01"]).hex()])
def test_after_select_of_a_locked_application_nothing_reads_the_directory_before(chosen: str) -> None:
    """Part 7, 13.2: once the application is selected, every command but SELECT of another one answers 9303."""
    bench = HandmadeBench()
    bench.lock_application()
    bench.card.reset()
    bench.select_ssse()
    assert bench.word("00A4020002EF05") == "9000"
    assert bench.send("00B2010404") == "0102A1A29000"
    assert bench.send(chosen) == "9303"
    for apdu in ("00B2012C04", "00B2010404", "00B0870004", "00DC012C040102FFFF", "00200000037391 54", "0084000008"):
        assert bench.send(apdu) == "9303", apdu
    assert bench.session.df == f"{SSSE}/DF01"
    assert bench.word("00A4000002DDF1") == "9000"
    assert bench.send("00B2012C04") == "0102A1A29000"


def test_a_walk_over_a_partial_name_passes_a_locked_application_once() -> None:
    """Part 5, 6.11.5: every DF with the name is found, and none twice."""
    bench = HandmadeBench()
    bench.lock_application()
    bench.card.reset()
    bench.select_ssse()
    beginning = AIDS["DF01"][:5]
    words = [bench.word(by_name(beginning))] + [bench.word(by_name(beginning, "00A40402")) for _ in range(3)]
    assert words == ["9303", "9000", "9000", "6A82"]


def test_an_issued_card_with_a_locked_application_reads_nothing_in_its_place() -> None:
    """Part 7, 13.2, on a card as issued: DF03 is locked, SSSE/EF05 was read instead."""
    bench = CardBench()
    bench.select_df("DF03")
    bench.prove(("LKDF03",))
    assert bench.send(bench.secured("841E0001", key="STKDF03")) == "9000"
    bench.card.reset()
    bench.select_ssse()
    assert bench.send("00A4000002DF03") == "9303"
    assert bench.send("00B2012C12") == "9303"


def test_no_such_file_comes_before_a_locked_application() -> None:
    """The order of checks: 6A82 before 9303."""
    bench = HandmadeBench()
    bench.lock_application()
    assert bench.word("00A4000002DF09") == "6A82"


def test_what_cannot_be_selected_is_told_apart_from_what_is_not_there() -> None:
    """Part 6, 6.6: the word is the same, people are told which it is."""
    bench = CardBench()
    bench.select_df("DF04")
    assert bench.word("00A4020002EF01") == "6A82"
    assert bench.reason == "DF04/EF01 is internal: no command selects it"
    assert bench.word("00A4020002EF3F") == "6A82"
    assert bench.reason == "DF04 has no EF with this identifier"
