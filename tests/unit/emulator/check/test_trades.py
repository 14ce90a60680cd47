"""Checks of trades: a mutant card fails each check and only it."""

import pytest

from emulator.check.check import Check
from emulator.check.trades import TRADES
from tests.kit.mutants import MUTANTS, checked


@pytest.mark.parametrize("check", TRADES, ids=lambda check: check.id)
def test_a_mutant_fails_this_check_and_no_other(check: Check) -> None:
    report = checked(MUTANTS[check.id])
    assert [outcome.id for outcome in report.failed] == [check.id]
    (failed,) = report.failed
    assert failed.why
    assert failed.clause == check.clause
