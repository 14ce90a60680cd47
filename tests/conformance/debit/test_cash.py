"""Electronic cash (电子现金) and the transaction log."""

from typing import Any

import pytest

from tests.kit.debit import CASH, CDOL1, LOG, PDOL, WRONG_BLOCK, Answered, DebitBench

CASH_OPTIONS = "800E7D000801010010010300180101009000"
PLAIN_OPTIONS = "800A7D0008010100100103009000"


def balance(bench: DebitBench) -> int:
    return int(bench.object("9F79"))


# -- who gets it ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "objects", "more"),
    [
        (10000, {}, {}),  # all there is
        (0, {}, {}),
        (50000, {"9F79": "000000090000"}, {}),  # the limit of one payment
        (60000, {"9F79": "000000090000", "9F78": ""}, {}),
    ],
)
def test_a_payment_gets_its_own_files(amount: int, objects: dict[str, str], more: dict[str, Any]) -> None:
    bench = DebitBench({**CASH, **objects})
    assert bench.start(amount, cash=True, **more) == CASH_OPTIONS


@pytest.mark.parametrize(
    ("amount", "objects", "more"),
    [
        (1000, {}, {"cash": False}),
        (1000, {}, {"currency": "0840"}),
        (1000, {"C2": "4000"}, {}),
        (1000, {"C2": "0800"}, {}),
        (10001, {}, {}),
        (50001, {"9F79": "000000090000"}, {}),
        (1000, {"9F79": ""}, {}),
    ],
)
def test_who_does_not_get_it_is_served_as_debit_and_credit(
    amount: int, objects: dict[str, str], more: dict[str, Any]
) -> None:
    bench = DebitBench({**CASH, **objects})
    assert bench.start(amount, **{"cash": True, **more}) == PLAIN_OPTIONS


def test_a_card_without_files_for_cash_serves_it_with_the_others() -> None:
    bench = DebitBench({**CASH, "C8": ""})
    assert bench.start(cash=True) == PLAIN_OPTIONS
    assert bench.ac("TC").kind == "TC"
    assert balance(bench) == 9000


def test_with_a_pin_used_up_there_is_no_cash() -> None:
    bench = DebitBench(CASH)
    bench.start(cash=True)
    for _ in range(3):
        bench.send("0020008008" + WRONG_BLOCK)
    assert bench.start(cash=True) == PLAIN_OPTIONS


# -- paying --------------------------------------------------------------------------------------


def test_a_payment_takes_the_amount_and_touches_no_counter_of_debit_and_credit() -> None:
    counters = {"C3": "000000000500", "C4": "03", "C5": "04", "C6": "000000000700", "9F54": "000000000000"}
    bench = DebitBench({**CASH, **counters, "9F58": "00", "C2": "8003", "9F13": "0000", "9F52": "0200"})
    bench.start(2500, cash=True)
    found = bench.ac("TC", 2500, country="0840")
    assert (found.kind, found.cvr) == ("TC", "900000")
    assert balance(bench) == 7500
    assert found.iad[8:15].hex().upper() == "0A01" + "0000007500"
    assert {tag: bench.object(tag) for tag in counters} == counters
    assert (bench.object("C2"), bench.object("9F13")) == ("8003", "0000")


@pytest.mark.parametrize("wanted", ["AAC", "ARQC"])
def test_what_is_no_payment_takes_nothing(wanted: str) -> None:
    bench = DebitBench(CASH)
    bench.start(2500, cash=True)
    assert bench.ac(wanted, 2500).kind == wanted
    assert balance(bench) == 10000
    assert bench.log() == ()


@pytest.mark.parametrize("code", ["00", "Y3"])
def test_a_payment_that_went_online_is_paid_from_the_account(code: str) -> None:
    bench = DebitBench(CASH)
    bench.start(2500, cash=True)
    bench.ac("ARQC", 2500)
    assert bench.arpc(code) == "9000"
    assert bench.ac("TC", 2500, code=code).kind == "TC"
    assert balance(bench) == 10000


@pytest.mark.parametrize("more", [{"amount": 2501}, {"amount": 2499}, {"currency": "0840"}])
def test_what_changed_since_the_beginning_is_refused(more: dict[str, Any]) -> None:
    bench = DebitBench(CASH)
    bench.start(2500, cash=True)
    assert bench.ac("TC", **{"amount": 2500, **more}).kind == "AAC"
    assert balance(bench) == 10000


def test_results_and_random_number_may_change_since_the_beginning() -> None:
    bench = DebitBench(CASH, pdol=PDOL + "95059F3704")
    bench.select()
    bench.options(values="01" + f"{2500:012d}" + "0156" + "0000000000" + "55667788")
    assert bench.ac("TC", 2500, tvr="0000008000").kind == "TC"


@pytest.mark.parametrize("amount", [10001, 50001])
@pytest.mark.parametrize(
    ("terminal", "kind"),
    [("", "ARQC"), ("22", "ARQC"), ("21", "ARQC"), ("11", "ARQC"), ("23", "AAC"), ("26", "AAC"), ("13", "AAC")],
)
def test_too_little_or_too_much_at_once(amount: int, terminal: str, kind: str) -> None:
    """Online, or a refusal where the terminal type (EMV Book 4, annex A1) says that it cannot."""
    bench = DebitBench(
        {**CASH, "9F79": "000000090000" if amount > 50000 else "000000010000"}, cdol1=CDOL1 + "9F3501" * bool(terminal)
    )
    assert bench.start(amount, cash=True) == PLAIN_OPTIONS
    found = Answered(bench.generate("40", bench.cdol(amount) + terminal))
    assert found.kind == kind
    assert found.cvr == {"ARQC": "A0", "AAC": "80"}[kind] + "2000"


@pytest.mark.parametrize(
    ("amount", "terminal", "kind"),
    [
        (8000, "22", "TC"),  # exactly the threshold is left
        (8001, "22", "ARQC"),
        (8001, "23", "TC"),  # offline only: what is there may be spent
        (10000, "23", "TC"),
        (8001, "", "TC"),  # the terminal has looked itself
    ],
)
def test_the_reset_threshold_sends_a_terminal_online_that_can(amount: int, terminal: str, kind: str) -> None:
    bench = DebitBench(CASH, cdol1=CDOL1 + "9F3501" * bool(terminal))
    assert bench.start(amount, cash=True) == CASH_OPTIONS
    found = Answered(bench.generate("40", bench.cdol(amount) + terminal))
    assert (found.kind, found.cvr[2:]) == (kind, "2000" if kind == "ARQC" else "0000")
    assert balance(bench) == (10000 - amount if kind == "TC" else 10000)


@pytest.mark.parametrize(("qualifiers", "kind"), [("08000000", "TC"), ("00000000", "ARQC"), ("F7000000", "ARQC")])
def test_terminal_transaction_qualifiers_say_it_too(qualifiers: str, kind: str) -> None:
    bench = DebitBench(CASH, pdol=PDOL + "9F6604")
    bench.select()
    bench.options(values=f"01{8001:012d}0156" + qualifiers)
    assert bench.ac("TC", 8001).kind == kind


def test_a_terminal_that_names_no_amount_at_first_cannot_take_more_than_there_is() -> None:
    bench = DebitBench(CASH, pdol="9F7A01")
    for amount, kind, left in ((10001, "ARQC", 10000), (10000, "TC", 0), (1, "ARQC", 0)):
        bench.select()
        assert bench.options(values="01") == CASH_OPTIONS
        found = bench.ac("TC", amount)
        assert (found.kind, balance(bench)) == (kind, left)


@pytest.mark.parametrize(("flags", "cvr"), [("2000", "900100"), ("1000", "900004")])
def test_failed_data_authentication_is_told_with_a_payment_too(flags: str, cvr: str) -> None:
    bench = DebitBench({**CASH, "C2": flags})
    bench.start(cash=True)
    assert bench.ac("TC").cvr == cvr


# -- the log -------------------------------------------------------------------------------------


def test_every_approved_transaction_is_logged_newest_first() -> None:
    """9A 9F21 9F02 9F03 9F1A 5F2A 9F4E 9C 9F36; what nobody knows is 00."""
    bench = DebitBench(CASH)
    bench.start(2500, cash=True)
    bench.ac("TC", 2500, kind="09")
    bench.start(300)
    bench.ac("AAC", 300)
    bench.online(700)
    bench.arpc()
    bench.ac("TC", 700, other=50, code="00")

    def record(amount: int, other: int, kind: str, counter: str) -> str:
        return f"261123000000{amount:012d}{other:012d}01560156{'00' * 20}{kind}{counter}"

    expected = [record(700, 50, "00", "0003"), record(2500, 0, "09", "0001")]
    assert [each.hex().upper() for each in bench.log()] == expected
    assert bench.ask("00B2015C00") == expected[0] + "9000"
    assert bench.ask("00B2025C00") == expected[1] + "9000"
    assert bench.word("00B2035C00") == "6A83"


@pytest.mark.parametrize("end", ["AAC", "TC"])
def test_a_refused_second_cryptogram_is_not_logged(end: str) -> None:
    bench = DebitBench()
    bench.online()
    bench.arpc("05" if end == "AAC" else "00")
    assert bench.ac("TC", code="00").kind == end
    assert len(bench.log()) == (end == "TC")


def test_the_log_turns() -> None:
    bench = DebitBench({"9F58": ""})
    for amount in range(1, 6):
        bench.start(amount)
        assert bench.ac("TC", amount).kind == "TC"
    assert [int(each[6:12].hex()) for each in bench.log()] == [5, 4, 3]


@pytest.mark.parametrize(("objects", "log"), [({"9F4F": ""}, True), ({}, False)])
def test_a_card_without_a_log_pays_all_the_same(objects: dict[str, str], log: bool) -> None:
    bench = DebitBench(objects, log=log)
    bench.start()
    assert bench.ac("TC").kind == "TC"
    assert bench.card.image.contents.get(LOG, ()) == ()


def test_lengths_of_the_log_are_its_own() -> None:
    """A number is cut or filled on the left."""
    bench = DebitBench({"9F4F": "9F02029F36039F79079A0390039F1A1B"}, pdol="")
    bench.select()
    bench.options(values="")
    bench.ac("TC", 123456)
    record = bench.log()[0].hex().upper()
    assert record.startswith("3456" + "000001" + "00" * 7 + "261123" + "000000" + "00" * 25 + "0156")
