"""The table: every check has a mutant, and cards of every shipped type pass."""

import pytest

import sscard
from emulator.check.check import CheckError
from emulator.check.checks import CHECKS, GROUPS, chosen
from emulator.check.run import run
from tests.kit.mutant import PIN, ROOTS, card
from tests.kit.mutants import MUTANTS


def test_every_check_has_a_mutant() -> None:
    assert set(MUTANTS) == set(CHECKS)
    assert len(CHECKS) == sum(len(group.checks) for group in GROUPS) >= 40


@pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0", "psam", "pboc"])
def test_a_card_of_a_shipped_type_passes(profile: str) -> None:
    whole = card(profile)
    report = run(fork=whole.fork, psam=sscard.InProcess(card("psam").fork()), roots=ROOTS, pin=PIN)
    assert report.profile == profile  # recognised
    assert [(outcome.id, outcome.why) for outcome in report.failed] == []
    for outcome in report.outcomes:
        if outcome.result == "not tested":
            words = (f"{profile} has no ", "no financial environment", "are free: free-files")
            assert any(each in outcome.why for each in words), outcome


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4", "ssc-3.0"])
def test_a_card_with_a_financial_environment_passes_all(profile: str) -> None:
    whole = card(profile, financial="both")
    report = run(fork=whole.fork, roots=ROOTS, pin=PIN, groups=["firewall", "financial", "purse"])
    assert report.profile == profile
    assert [(outcome.id, outcome.why) for outcome in report.failed] == []
    assert [each.id for each in report.outcomes if each.result == "not tested"] == ["financial-contactless"]


def test_groups_are_chosen_by_name() -> None:
    assert [group.id for group in chosen(["keys", "firewall"])] == ["firewall", "keys"]
    assert chosen([]) == GROUPS
    with pytest.raises(CheckError, match=r"^there is no group 'key'; did you mean 'keys'\?$"):
        chosen(["key"])
