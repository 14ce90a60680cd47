"""Debit/credit as issuing makes it: lists that fill the logs, records that scripts replace, objects that may be added.

The layouts of both logs are those that the card itself names, 9F4F and DF4F, worked out by hand here.
"""

from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.model.files import CardContents
from cardfs.profile.inputs import Document, IssueError
from cardfs.profile.loader import DEMO, load_profile
from tests.kit.debit import DEBIT, IssuedDebitBench, walk

LOAD_LOG: Final = f"{DEBIT}/EF0C"
MERCHANT: Final = IssuedDebitBench.MERCHANT.hex()


def issued(kind: str = "both", pin: str = "739154", profile: str = "pboc", **values: Any) -> CardContents:
    return issue(
        load_profile(profile, {"settings": {"financial": {"kind": kind}}}),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region="519900", serial="000001AC", pin=pin, seed="debit", values=Document("--value", values)),
    )


def bench(**values: Any) -> IssuedDebitBench:
    return IssuedDebitBench(card_contents=issued(**values))


# -- the logs -----------------------------------------------------------------------------------------


def test_the_log_knows_time_and_merchant_of_an_approved_transaction() -> None:
    here = bench(electronic_cash_balance=5000)
    here.start(700, cash=True)
    assert here.ac("TC", 700, date="260615", kind="09").kind == "TC"
    amounts = "000000000700" + "000000000000"
    wanted = "260615" + "101112" + amounts + "0156" + "0156" + MERCHANT + "09" + "0001"
    assert here.log()[0].hex() == wanted
    assert here.ask("00B2015C00") == wanted.upper() + "9000"


def test_the_log_knows_them_after_the_second_cryptogram_too() -> None:
    here = bench()
    here.online(700)
    assert here.arpc() == "9000"
    assert here.ac("TC", 700, code="00").kind == "TC"
    assert here.log()[0].hex()[6:12] == "101112"
    assert MERCHANT in here.log()[0].hex()


def test_a_script_that_loads_electronic_cash_is_noted_where_the_fci_says() -> None:
    here = bench(electronic_cash_balance=1200)
    fci = walk(walk(walk(here.select()[:-4])["6F"])["A5"])
    assert walk(fci["BF0C"]) == {"9F4D": "0B0A", "DF4D": "0C0A"}
    assert here.data("DF4F") == "9A039F21039F1A029F4E149F3602"
    here.start(100)
    here.ac("ARQC", 100, date="260616")
    assert here.arpc() == "9000"
    assert here.ac("TC", 100, code="00", date="260616").kind == "TC"
    assert here.ask(here.script("04DA9F79", bytes.fromhex("000000005000").hex())) == "9000"
    wanted = "9F79" + "000000001200" + "000000005000" + "260616" + "101112" + "0156" + MERCHANT.upper() + "0001"
    assert here.ask("00B2016400") == wanted + "9000"
    assert here.log(LOAD_LOG) == (bytes.fromhex(wanted),)


# -- records ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("sfi", "number"), [(1, 1), (1, 2), (2, 1), (2, 2), (3, 1), (3, 2), (3, 3), (3, 4), (3, 5)])
def test_a_script_replaces_any_record_however_long(sfi: int, number: int) -> None:
    here = bench()
    here.online(100)
    read = f"00B2{number:02X}{sfi << 3 | 4:02X}00"
    before = here.ask(read)
    assert before[-4:] == "9000"
    record = before[:-6] + f"{int(before[-6:-4], 16) ^ 0xFF:02X}"
    answer = here.ask(here.script(f"04DC{number:02X}{sfi << 3 | 4:02X}", record))
    assert answer == "9000", f"a record of {len(record) // 2} bytes"
    assert here.ask(read) == record + "9000"


# -- objects and PINs that issuing gives -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "tag", "found"),
    [
        ("offline_count_other_currency", 7, "9F53", "07"),
        ("additional_processes", {"hex": "40000000"}, "9F68", "40000000"),
        ("verification_limit", 30000, "9F6B", "000000030000"),
        ("conversion_factor", {"hex": "27000000"}, "9F73", "27000000"),
        ("offline_amount_both_limit", 150000, "9F75", "000000150000"),
        ("second_currency", {"hex": "0344"}, "9F76", "0344"),
    ],
)
def test_an_object_that_a_card_need_not_have_is_there_when_issuing_gives_it(
    name: str, value: Any, tag: str, found: str
) -> None:
    plain, more = bench(), bench(**{name: value})
    for here in (plain, more):
        here.start(100)
    assert plain.data(tag) == "6A88"
    assert more.data(tag) == found


def test_a_card_that_signs_refusals_can_be_issued() -> None:
    for values, first in (({}, "80"), ({"signed_refusals": 1}, "77")):
        here = bench(**values)
        here.start(100)
        assert here.generate("10", here.cdol(100))[:2] == first


@pytest.mark.parametrize("kind", ["edep", "debit_credit", "both"])
@pytest.mark.parametrize("profile", ["pboc", "ssc-3.0"])
def test_a_pin_that_no_terminal_could_send_is_refused(kind: str, profile: str) -> None:
    digits = "7391546280917"
    with pytest.raises(IssueError, match="at most 12 digits") as caught:
        issued(kind, digits, profile)
    assert digits not in str(caught.value)
    issued(kind, digits[:12], profile)
    issued(kind, "", profile)


def test_a_card_without_a_financial_environment_takes_16_digits() -> None:
    assert issued("none", "7391546280917354", "ssc-2.0").keys


def test_twelve_digits_open_both_applications() -> None:
    here = IssuedDebitBench(card_contents=issued(pin="739154628091"))
    here.start(100)
    assert here.ask("0020008008" + "2C739154628091FF") == "9000"
    here.ask("00A4040009A0000000038698070100")
    assert here.ask("0020000006" + "739154628091") == "9000"
