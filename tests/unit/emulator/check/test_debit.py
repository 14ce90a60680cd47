"""Checks of debit/credit: a mutant card fails each check and only it, and what a card may be fails none."""

from dataclasses import replace
from typing import Any, Final

import pytest

import sscard
from cardfs.model import tlv
from cardfs.profile.loader import load_profile
from emulator.check.check import Check
from emulator.check.debit import DEBIT_CHECKS
from emulator.check.run import Report, run
from emulator.rig.catalogue.making import make
from tests.kit.mutant import PIN, ROOTS, card
from tests.kit.mutants import assert_fails_alone

DEBIT: Final = "3F00/DDF2/3F02"
OBJECTS, LOG, LOAD_LOG = f"{DEBIT}/0001", f"{DEBIT}/EF0B", f"{DEBIT}/EF0C"
OTHER: Final = replace(
    ROOTS, values={name: bytes(byte ^ 0x5A for byte in value) for name, value in ROOTS.values.items()}
)


def checked(one: sscard.Card, **more: Any) -> Report:
    """Check a card that is there once, as a physical one is."""
    return run(sscard.InProcess(one), groups=["debit"], **{"roots": ROOTS, "pin": PIN, "allow_writes": True, **more})


def reasons(report: Report) -> set[str]:
    """Why something was not tested, power cuts aside."""
    found = {each.why for each in report.outcomes if each.result == "not tested" and "-cut-" not in each.id}
    return {why for why in found if "virtual cards" not in why}


def written(one: sscard.Card, before: Any) -> set[str]:
    """Return the files that have other contents than before."""
    return {path for path, content in before.contents.items() if one.contents.contents[path] != content}


def changed(before: Any, after: Any) -> set[int]:
    """Return the tags of the data objects that are other ones than before."""
    old, new = (dict(tlv.objects(each.contents[OBJECTS])) for each in (before, after))
    return {tag for tag in old if old[tag] != new[tag]}


@pytest.mark.parametrize("check", DEBIT_CHECKS, ids=lambda check: check.id)
def test_a_mutant_fails_this_check_and_no_other(check: Check) -> None:
    assert_fails_alone(check)


# -- cards that are right -------------------------------------------------------------------------


def test_debit_credit_with_sm4_beside_social_security_passes_everything() -> None:
    report = run(fork=card("ssc-3.0", financial="both").fork, roots=ROOTS, pin=PIN, groups=["debit"])
    assert report.counts == {"passed": len(DEBIT_CHECKS), "failed": 0, "not tested": 0}


@pytest.mark.parametrize(
    "values",
    [
        {"cryptogram_version": {"hex": "011703"}},
        {"options_format": {"hex": "77"}, "signed_refusals": 1},
        {"application_currency": {"hex": "0344"}, "default_action": {"hex": "FFFC"}},
        {"electronic_cash_balance": 100000, "electronic_cash_reset_threshold": 100000},
        {"last_transaction": {"hex": "E800"}, "electronic_cash_balance": 500},
    ],
    ids=" ".join,
)
def test_other_values_pass_everything(values: dict[str, Any]) -> None:
    report = run(fork=card("pboc", values=values).fork, roots=ROOTS, pin=PIN, groups=["debit"])
    assert report.counts == {"passed": len(DEBIT_CHECKS), "failed": 0, "not tested": 0}


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"values": {"interchange_profile": {"hex": "0000"}}}, "the AIP has no issuer authentication"),
        ({"values": {"cryptogram_version": {"hex": "010100"}}}, "9F10 has no part of the issuer"),
        ({"values": {"electronic_cash_limit": 0}}, "the limit of electronic cash is 0"),
        (
            {"values": {"electronic_cash_single_limit": 0}},
            "no record has tag 9F74: the card does not take this for a payment with electronic cash",
        ),
        (
            {"values": {"transaction_counter": {"hex": "FFF0"}}},
            "the transaction counter is near its end, where the card would lock itself",
        ),
        (
            {"values": {"failures": {"hex": "6464"}}},
            "the card takes no answer of the issuer any more: too many before were wrong",
        ),
        (
            {"settings": {"emv": {"failure_limit": 1}}},
            "EXTERNAL AUTHENTICATE came before and was refused with 6985",
        ),
        (
            {"settings": {"select": {"partial_names": False}}},
            "the card finds no application by the beginning of its name",
        ),
    ],
)
def test_what_a_card_need_not_have_is_not_tested(options: dict[str, Any], why: str) -> None:
    report = run(fork=card("pboc", **options).fork, roots=ROOTS, pin=PIN, groups=["debit"])
    assert report.ok, [(each.id, each.why) for each in report.failed]
    assert why in reasons(report)


@pytest.mark.parametrize(
    "settings", [{"arpc_error": "63Cx", "pin_block_key": "enc"}, {"script_chaining": True, "failure_limit": 2}]
)
def test_other_settings_pass_everything(settings: dict[str, Any]) -> None:
    one = card("pboc", settings={"emv": settings})
    assert run(fork=one.fork, roots=ROOTS, pin=PIN, groups=["debit"]).counts["passed"] == len(DEBIT_CHECKS)


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("debit-aac", {"the PIN is locked", "the card answered AAC when it was asked for ARQC"}),
        ("debit-suspended", {"debit/credit is locked"}),
    ],
)
def test_a_locked_application_or_pin_is_no_failure(name: str, why: set[str]) -> None:
    report = run(fork=make(name).fork, roots=ROOTS, pin=PIN, groups=["debit"])
    assert report.ok
    assert reasons(report) == why


@pytest.mark.parametrize(
    ("name", "check"),
    [("certificate-wrong", "debit-issuer-certificate"), ("signature-wrong", "debit-static")],
)
def test_a_card_that_is_wrong_on_purpose_fails_what_is_wrong(name: str, check: str) -> None:
    report = run(fork=make(name).fork, roots=ROOTS, pin=PIN, groups=["debit"])
    assert [each.id for each in report.failed] == [check]


def test_debit_credit_that_is_expected_and_not_there_fails() -> None:
    report = run(fork=card("ssc-2.0").fork, profile=load_profile("pboc"), groups=["debit"])
    assert [each.id for each in report.failed] == ["debit-select"]


# -- a card that is there once --------------------------------------------------------------------


@pytest.mark.parametrize("balance", [0, 500, 100000])
def test_a_card_is_as_before_but_for_counters_and_logs(balance: int) -> None:
    one = card("pboc", values={"electronic_cash_balance": balance}).fork()
    before = one.contents
    assert checked(one).ok
    after = one.contents
    assert written(one, before) == {OBJECTS, LOG, LOAD_LOG}
    assert (after.tries, after.keys, after.dfs) == (before.tries, before.keys, before.dfs)
    assert changed(before, after) == {0x9F36, 0x9F13}


def test_without_root_keys_the_transaction_counter_moves_and_nothing_else() -> None:
    one = card("pboc").fork()
    before = one.contents
    for roots, why in (
        (None, "needs root keys: --roots"),
        (OTHER, "the root keys are not those of this card: no cryptogram of debit/credit comes from them"),
    ):
        report = checked(one, roots=roots)
        assert report.ok
        assert reasons(report) == {why}
    assert written(one, before) == {OBJECTS}
    assert one.contents.tries == before.tries
    assert changed(before, one.contents) == {0x9F36}


def test_another_pin_spends_one_try_of_this_application() -> None:
    one = card("pboc").fork()
    report = checked(one, pin="999999")
    assert report.ok
    assert reasons(report) == {"VERIFY was refused with 63C2: is this the PIN of debit/credit?"}
    assert {ref.owner: left for (ref, _), left in one.contents.tries.items() if ref.name == "PIN"} == {
        DEBIT: 2,
        "3F00/DDF2/3F01": 3,
    }


def test_the_last_tries_of_a_pin_are_left_alone() -> None:
    one = card("pboc").fork()
    wrong = bytes.fromhex("0020008008" + "26111111FFFFFFFF")
    one.power_on()
    sscard.exchange(one.transmit, bytes.fromhex("00A4040008A000000333010101"))
    for _ in range(2):
        assert sscard.exchange(one.transmit, wrong)[1] & 0xFFF0 == 0x63C0
    one.power_off()
    tries = one.contents.tries
    report = checked(one)
    assert report.ok
    assert reasons(report) == {"the PIN has one try left, which no check spends"}
    assert one.contents.tries == tries
