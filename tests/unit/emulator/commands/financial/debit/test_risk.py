"""Card risk management: each check by a transaction, its bit of the results against the digest's table (section 7)."""

from typing import Any, Final

import pytest

from tests.kit.debit import CASH, CDOL1, DEBIT, OBJECTS, WRONG_BLOCK, Answered, DebitBench

BITS: Final[dict[str, tuple[int, int]]] = {
    # name: byte 1 to 3, bit 8 to 1
    "issuer authentication failed": (1, 4),
    "offline PIN done": (1, 3),
    "offline PIN failed": (1, 2),
    "unable to go online": (1, 1),
    "last online transaction not completed": (2, 8),
    "PIN tries exceeded": (2, 7),
    "velocity exceeded": (2, 6),
    "new card": (2, 5),
    "issuer authentication failed last time": (2, 4),
    "not performed": (2, 3),
    "blocked because of PIN tries": (2, 2),
    "SDA failed last time": (2, 1),
    "script failed": (3, 4),
    "DDA failed last time": (3, 3),
    "DDA performed": (3, 2),
}
"""Digest, 7, the table of CVR bits; the types of the cryptograms and the script count are apart."""


def told(found: Answered) -> set[str]:
    """The names of the bits that are set."""
    raw = bytes.fromhex(found.cvr)
    return {name for name, (byte, bit) in BITS.items() if raw[byte - 1] >> (bit - 1) & 1}


def first(
    objects: dict[str, str], wanted: str = "TC", *, amount: int = 1000, **more: Any
) -> tuple[DebitBench, Answered]:
    """A first cryptogram of a card with these data objects."""
    bench = DebitBench(objects)
    bench.start(amount)
    return bench, bench.ac(wanted, amount, **more)


def test_a_card_with_nothing_to_say_does_what_the_terminal_asks() -> None:
    for wanted in ("AAC", "TC", "ARQC"):
        found = first({}, wanted)[1]
        assert (found.kind, told(found), found.cid & 0x0F) == (wanted, set(), 0)


# -- before the first cryptogram -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "more", "bit", "kind"),
    [
        # what the last transaction left
        ({"C2": "8000"}, {}, "last online transaction not completed", "ARQC"),
        ({"C2": "4000"}, {}, "issuer authentication failed last time", "TC"),
        ({"C2": "4000", "9F52": "8000"}, {}, "issuer authentication failed last time", "ARQC"),
        ({"C2": "4000", "9F52": "7FFF"}, {}, "issuer authentication failed last time", "TC"),
        ({"C2": "2000"}, {}, "SDA failed last time", "TC"),
        ({"C2": "1000"}, {}, "DDA failed last time", "TC"),
        ({"C2": "0800"}, {}, "script failed", "TC"),
        ({"C2": "0800", "9F52": "0008"}, {}, "script failed", "ARQC"),
        ({"C2": "0800", "9F52": "FFF7"}, {}, "script failed", "TC"),
        # consecutive transactions: counter 6 is 5 after the last one online
        ({"9F36": "0006", "9F58": "05"}, {}, "velocity exceeded", "ARQC"),
        # another currency, another country
        ({"9F53": "02", "C4": "02"}, {"currency": "0840"}, "velocity exceeded", "ARQC"),
        ({"9F53": "00"}, {"currency": "0840"}, "velocity exceeded", "ARQC"),
        ({"9F72": "02", "C5": "02"}, {"country": "0840"}, "velocity exceeded", "ARQC"),
        # amounts
        ({"9F54": "000000003000", "C3": "000000002001"}, {}, "velocity exceeded", "ARQC"),
        ({"9F75": "000000003000", "C6": "000000002001"}, {}, "velocity exceeded", "ARQC"),
        ({"9F13": "0000"}, {}, "new card", "TC"),
        ({"9F13": "0000", "9F52": "0200"}, {}, "new card", "ARQC"),
        ({"9F13": "0000", "9F52": "FDFF"}, {}, "new card", "TC"),
    ],
)
def test_a_check_sets_its_bit_and_asks_for_what_the_card_wants(
    objects: dict[str, str], more: dict[str, Any], bit: str, kind: str
) -> None:
    bench = DebitBench(objects)
    bench.start(currency=more.get("currency", "0156"))
    found = bench.ac("TC", **more)
    assert told(found) == {bit}
    assert found.kind == kind


@pytest.mark.parametrize(
    ("objects", "more"),
    [
        ({"C2": "4000", "82": "7900"}, {}),  # no issuer authentication in the AIP
        ({"C2": "2000", "82": "3D00"}, {}),  # no SDA
        ({"C2": "1000", "82": "5D00"}, {}),  # no DDA
        ({"9F36": "0005", "9F58": "05"}, {}),
        ({"9F36": "FF00", "9F58": ""}, {}),
        ({"9F53": "02", "C4": "01"}, {"currency": "0840"}),
        ({"9F53": "00", "C4": "09"}, {}),
        ({"9F53": "", "C4": "09"}, {"currency": "0840"}),
        ({"9F72": "02", "C5": "01"}, {"country": "0840"}),
        ({"9F72": "00", "C5": "09"}, {}),
        ({"9F72": "", "C5": "09"}, {"country": "0840"}),
        ({"9F54": "000000003000", "C3": "000000002000"}, {}),
        ({"9F54": "", "C3": "000999999999"}, {}),
        ({"9F54": "000000000001", "C3": "000000002000"}, {"currency": "0840"}),
        ({"9F75": "000000003000", "C6": "000000002000"}, {}),
        ({"9F75": "000000000001", "C6": "000000002000"}, {"currency": "0978"}),
        ({"9F13": "0001"}, {}),
    ],
)
def test_at_its_limit_a_check_says_nothing(objects: dict[str, str], more: dict[str, Any]) -> None:
    bench = DebitBench(objects)
    bench.start(currency=more.get("currency", "0156"))
    found = bench.ac("TC", **more)
    assert (found.kind, told(found)) == ("TC", set())


@pytest.mark.parametrize(("spent", "kind"), [("000000002750", "TC"), ("000000002751", "ARQC")])
def test_the_second_currency_counts_after_conversion(spent: str, kind: str) -> None:
    """9F73: a decimal place, then 7 digits: 6 0 725000 is 0.725000; 100.00 of the other are 72.50."""
    bench = DebitBench({"9F75": "000000010000", "C6": spent, "9F76": "0840", "9F73": "60725000"})
    bench.start(10000, currency="0840")
    found = bench.ac("TC", 10000, currency="0840")
    assert found.kind == kind
    assert told(found) == ({"velocity exceeded"} if kind == "ARQC" else set())
    if kind == "TC":
        assert bench.object("C6") == "000000010000"
        assert bench.object("C3") == "000000000000"
        assert bench.object("C4") == "01"


def test_a_second_currency_without_a_factor_counts_as_it_is() -> None:
    bench = DebitBench({"9F75": "000000010000", "9F76": "0840"})
    bench.start(10000, currency="0840")
    assert bench.ac("TC", 10000, currency="0840").kind == "TC"
    assert bench.object("C6") == "000000010000"


@pytest.mark.parametrize(
    ("action", "kind", "blocked"),
    [
        ("0000", "TC", False),
        ("0040", "AAC", False),
        ("0020", "ARQC", False),
        ("0060", "AAC", False),
        ("0004", "AAC", True),
    ],
)
def test_a_pin_used_up_before_is_what_the_default_action_makes_of_it(action: str, kind: str, blocked: bool) -> None:
    bench = DebitBench({"9F52": action})
    bench.start()
    for _ in range(3):
        bench.send("0020008008" + WRONG_BLOCK)
    bench.start()
    found = bench.ac("TC")
    assert (found.kind, told(found)) == (kind, {"PIN tries exceeded"})
    assert bench.card.image.dfs[DEBIT].suspended is blocked


def test_what_the_terminal_refuses_no_check_turns_into_a_request() -> None:
    found = first({"C2": "8000"}, "AAC")[1]
    assert (found.kind, told(found)) == ("AAC", {"last online transaction not completed"})


def test_the_count_of_script_commands_is_told() -> None:
    assert first({"C2": "0003"})[1].cvr == "900030"
    assert first({"C2": "080F"})[1].cvr == "9000F8"


def test_a_terminal_that_sends_no_currency_and_country_is_at_home() -> None:
    bench = DebitBench({"9F53": "00", "9F72": "00", "C1": "011700"}, pdol="", cdol1="9F02069F3704")
    bench.select()
    bench.options(values="")
    assert Answered(bench.generate("40", "00000000100011223344")).cvr == "900000"


# -- what an offline end leaves ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wanted", "more", "left"),
    [
        ("TC", {}, {"C3": "000000001500", "C6": "000000001700"}),
        ("AAC", {}, {}),
        ("ARQC", {}, {"C2": "8000"}),
        ("TC", {"currency": "0840"}, {"C4": "04"}),
        ("AAC", {"currency": "0840"}, {"C4": "04"}),
        ("ARQC", {"currency": "0840"}, {"C2": "8000"}),
        ("TC", {"country": "0840"}, {"C3": "000000001500", "C6": "000000001700", "C5": "05"}),
        ("AAC", {"country": "0840"}, {"C5": "05"}),
        ("AAC", {"tvr": "4000000000"}, {"C2": "2000"}),
        ("AAC", {"tvr": "0800000000"}, {"C2": "1000"}),
        ("AAC", {"tvr": "0400000000"}, {"C2": "1000"}),
        ("AAC", {"tvr": "8000000000"}, {}),
        ("TC", {"tvr": "4C00000000"}, {"C3": "000000001500", "C6": "000000001700"}),
    ],
)
def test_the_first_cryptogram_counts_what_it_has_to(wanted: str, more: dict[str, Any], left: dict[str, str]) -> None:
    before = {"C3": "000000000500", "C6": "000000000700", "C4": "03", "C5": "04"}
    bench, found = first(before, wanted, **more)
    assert found.kind == wanted
    expected = {**OBJECTS, **before, **left}
    for tag in ("C2", "C3", "C4", "C5", "C6", "9F13"):
        assert bench.object(tag) == expected[tag], tag


def test_counters_stay_at_their_largest() -> None:
    before = {"C3": "999999999999", "C6": "999999999999", "C4": "FF", "C5": "FF"}
    bench, found = first(before, country="0840")
    assert (found.kind, bench.object("C3"), bench.object("C6"), bench.object("C5")) == (
        "TC",
        "999999999999",
        "999999999999",
        "FF",
    )
    bench, _ = first(before, currency="0840")
    assert bench.object("C4") == "FF"


@pytest.mark.parametrize(
    ("action", "wrong_pins", "cid"),
    [("0000", 3, 0x00), ("1000", 0, 0x08), ("0800", 3, 0x0A), ("0800", 2, 0x00), ("1800", 3, 0x0A), ("EFFF", 0, 0x00)],
)
def test_a_refusal_asks_for_advice_as_the_default_action_says(action: str, wrong_pins: int, cid: int) -> None:
    """EMV Book 3, table 14: b4 advice, b3 to b1 010 PIN try limit exceeded."""
    bench = DebitBench({"9F52": f"{int(action, 16) & ~0x0084:04X}"})
    bench.start()
    for _ in range(wrong_pins):
        bench.send("0020008008" + WRONG_BLOCK)
    assert bench.ac("AAC").cid == cid


def test_a_pin_used_up_before_is_no_reason_of_this_refusal() -> None:
    bench = DebitBench({"9F52": "0800"})
    bench.start()
    for _ in range(3):
        bench.send("0020008008" + WRONG_BLOCK)
    bench.start()
    found = bench.ac("AAC")
    assert (found.cid, told(found)) == (0x00, {"PIN tries exceeded"})


def test_no_advice_with_an_approval() -> None:
    assert first({"9F52": "1C00"})[1].cid == 0x40


# -- the issuer was asked ------------------------------------------------------------------------


def second(
    objects: dict[str, str], wanted: str = "TC", *, code: str = "00", issuer: str = "good", said: str = ""
) -> tuple[DebitBench, Answered]:
    """A second cryptogram after the issuer was asked; ``issuer`` is good, wrong or silent."""
    bench = DebitBench({"C3": "000000000500", "C4": "01", **objects})
    bench.online()
    if issuer != "silent":
        assert bench.arpc(said or code, wrong=issuer == "wrong") == ("9000" if issuer == "good" else "6300")
    return bench, bench.ac(wanted, code=code)


RESET: Final = ("0000", "000000000000", "00", "0001")


def memory(bench: DebitBench) -> tuple[str, str, str, str]:
    """Flags and counts, amount spent, counter abroad, counter of the last transaction online."""
    return bench.object("C2"), bench.object("C3"), bench.object("C4"), bench.object("9F13")


@pytest.mark.parametrize("code", ["00", "10", "11", "01", "02", "Y1"])
def test_codes_that_approve(code: str) -> None:
    bench, found = second({"9F13": "0001", "9F36": "0006"}, code=code)
    assert (found.kind, found.cvr) == ("TC", "600000")
    assert memory(bench) == ("0000", "000000000000", "00", "0007")


@pytest.mark.parametrize(("code", "said"), [("05", ""), ("Z1", ""), ("51", ""), ("00", "05"), ("05", "00")])
def test_codes_that_refuse_also_in_issuer_authentication(code: str, said: str) -> None:
    bench, found = second({}, code=code, said=said)
    assert (found.kind, found.cvr) == ("AAC", "200000")
    assert memory(bench) == ("0000", "000000000500", "01", "0001")


def test_a_terminal_that_refuses_gets_its_refusal_and_the_issuer_has_spoken() -> None:
    bench, found = second({"C2": "3807"}, "AAC")
    assert (found.kind, found.cvr[:2]) == ("AAC", "20")
    assert memory(bench) == ("0000", "000000000500", "01", "0001")


@pytest.mark.parametrize(
    ("objects", "wanted", "kind", "bits", "left", "advice"),
    [
        # mandatory, and silent
        ({}, "TC", "TC", {"not performed"}, ("C000", "000000000500", "01", "0001"), 0),
        ({"9F52": "2000"}, "TC", "AAC", {"not performed"}, ("C000", "000000000500", "01", "0001"), 0),
        ({"9F52": "2400"}, "TC", "AAC", {"not performed"}, ("C000", "000000000500", "01", "0001"), 8),
        ({"9F52": "5BFF"}, "TC", "TC", {"not performed"}, ("C000", "000000000500", "01", "0001"), 0),
        ({}, "AAC", "AAC", {"not performed"}, ("C000", "000000000500", "01", "0001"), 0),
        # optional, and silent
        ({"9F56": "00"}, "TC", "TC", {"not performed"}, RESET, 0),
        ({"9F56": "00", "9F52": "2000"}, "TC", "TC", {"not performed"}, RESET, 0),
        ({"9F56": "00"}, "AAC", "AAC", {"not performed"}, ("0000", "000000000500", "01", "0001"), 0),
        # not in the AIP
        ({"82": "7900"}, "TC", "TC", set(), RESET, 0),
        ({"82": "7900"}, "AAC", "AAC", set(), ("0000", "000000000500", "01", "0001"), 0),
    ],
)
def test_a_silent_issuer(
    objects: dict[str, str], wanted: str, kind: str, bits: set[str], left: tuple[str, str, str, str], advice: int
) -> None:
    bench, found = second({"9F52": "0000", **objects}, wanted, issuer="silent")
    assert (found.kind, told(found), found.cid & 0x0F) == (kind, bits, advice)
    assert memory(bench) == left


@pytest.mark.parametrize(
    ("action", "kind", "advice"), [("0000", "TC", 0), ("4000", "AAC", 0), ("4400", "AAC", 8), ("BBFF", "TC", 0)]
)
def test_an_issuer_that_failed_counts_nothing_anew(action: str, kind: str, advice: int) -> None:
    bench, found = second({"9F52": action}, issuer="wrong")
    assert (found.kind, told(found), found.cid & 0x0F) == (kind, {"issuer authentication failed"}, advice)
    assert memory(bench) == ("C000", "000000000500", "01", "0001")


def test_flags_of_the_past_end_with_a_good_issuer() -> None:
    bench, _ = second({"C2": "780F"})
    assert bench.object("C2") == "0000"


def test_without_a_code_in_the_list_the_one_of_issuer_authentication_counts() -> None:
    bench = DebitBench(cdol2=CDOL1)
    bench.online()
    assert bench.arpc("05") == "9000"
    assert Answered(bench.generate("40", bench.cdol())).kind == "AAC"


# -- the terminal could not go online ------------------------------------------------------------


@pytest.mark.parametrize(
    ("objects", "more", "bits", "kind"),
    [
        ({}, {}, set(), "TC"),
        ({"9F36": "0006", "9F59": "05"}, {}, {"velocity exceeded"}, "AAC"),
        ({"9F36": "0005", "9F59": "05"}, {}, set(), "TC"),
        ({"9F36": "0FFF", "9F59": "", "9F58": ""}, {}, set(), "TC"),
        ({"9F13": "0000"}, {}, {"new card"}, "TC"),
        ({"9F13": "0000", "9F52": "0100"}, {}, {"new card"}, "AAC"),
        ({"9F13": "0000", "9F52": "FEFF"}, {}, {"new card"}, "TC"),
        ({"9F5C": "000000001499"}, {}, {"velocity exceeded"}, "AAC"),
        ({"9F5C": "000000001500"}, {}, set(), "TC"),
        ({"9F5C": "000000001500", "C6": "000000000500"}, {}, set(), "TC"),
        ({"9F5C": "000000001500", "C6": "000000000501"}, {}, {"velocity exceeded"}, "AAC"),
        ({"9F5C": "000000000001"}, {"currency": "0840"}, set(), "TC"),
    ],
)
@pytest.mark.parametrize("code", ["Y3", "Z3"])
def test_the_last_checks(objects: dict[str, str], more: dict[str, Any], bits: set[str], kind: str, code: str) -> None:
    bench = DebitBench({"C3": "000000000500", **objects})
    bench.start(currency=more.get("currency", "0156"))
    bench.ac("ARQC", **more)
    found = bench.ac("TC", code=code, **more)
    assert (found.kind, told(found)) == (kind, bits | {"unable to go online"})


@pytest.mark.parametrize("action", ["0000", "0010"])
def test_a_pin_used_up_before_where_nobody_could_be_asked(action: str) -> None:
    bench = DebitBench({"9F52": action})
    bench.start()
    for _ in range(3):
        bench.send("0020008008" + WRONG_BLOCK)
    bench.online()
    found = bench.ac("TC", code="Y3")
    assert found.kind == ("AAC" if action == "0010" else "TC")
    assert told(found) == {"unable to go online", "PIN tries exceeded"}


@pytest.mark.parametrize(
    ("wanted", "more", "left"),
    [
        ("TC", {}, {"C3": "000000001500", "C6": "000000001000"}),
        ("AAC", {}, {}),
        ("TC", {"currency": "0840"}, {"C4": "01"}),
        ("AAC", {"country": "0840"}, {"C5": "01"}),
        ("AAC", {"tvr": "4000000000"}, {"C2": "A000"}),
        ("AAC", {"tvr": "0800000000"}, {"C2": "9000"}),
    ],
)
def test_what_an_end_without_the_issuer_leaves(wanted: str, more: dict[str, Any], left: dict[str, str]) -> None:
    """The next transaction is still to be online: nobody has answered this one."""
    before = {"C3": "000000000500"}
    bench = DebitBench(before)
    bench.start()
    bench.ac("ARQC", **more)
    assert bench.ac(wanted, code="Y3", **more).kind == wanted
    expected = {**OBJECTS, **before, "C2": "8000", **left}
    for tag in ("C2", "C3", "C4", "C5", "C6", "9F13"):
        assert bench.object(tag) == expected[tag], tag


@pytest.mark.parametrize(("action", "advice"), [("1000", 8), ("0000", 0)])
def test_a_refusal_that_nobody_else_made_is_told_too(action: str, advice: int) -> None:
    bench = DebitBench({"9F52": action})
    bench.online()
    assert bench.ac("AAC", code="Z3").cid == advice


# -- the issuer's proof --------------------------------------------------------------------------


def test_a_second_proof_counts_as_a_failure() -> None:
    bench = DebitBench()
    bench.online()
    assert bench.arpc() == "9000"
    assert bench.object("C2") == "8000"
    assert bench.arpc() == "6985"
    assert bench.object("C2") == "C000"
    assert told(bench.ac("TC", code="00")) == {"issuer authentication failed"}
    bench.start()
    assert told(bench.ac("ARQC")) == {"last online transaction not completed", "issuer authentication failed last time"}


def test_a_proof_takes_away_the_failure_of_the_last_time() -> None:
    bench = DebitBench({"C2": "4000"})
    bench.online()
    assert bench.arpc() == "9000"
    assert bench.object("C2") == "8000"


def test_there_is_no_proof_where_the_aip_has_none() -> None:
    bench = DebitBench({"82": "7900"})
    bench.online()
    before = bench.cells()
    assert bench.arpc() == "6985"
    assert bench.cells() == before


def test_failures_of_the_issuer_are_counted_until_one_is_right() -> None:
    bench = DebitBench({"C7": "0005"})
    for failures in (1, 2):
        bench.online()
        assert bench.arpc(wrong=True) == "6300"
        assert bench.object("C7") == f"{failures:02X}05"
    bench.online()
    assert bench.arpc() == "9000"
    assert bench.object("C7") == "0005"


def test_cash_needs_the_card_to_have_it() -> None:
    assert "9F79" in CASH
    bench = DebitBench()
    assert bench.start(cash=True) == "800A7D0008010100100103009000"
