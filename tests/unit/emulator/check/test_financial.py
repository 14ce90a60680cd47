"""Checks of the financial environment: a mutant card fails each check and only it."""

import pytest

from emulator.check.check import Check
from emulator.check.financial import FINANCIAL_CHECKS
from tests.kit.mutants import assert_fails_alone


@pytest.mark.parametrize("check", FINANCIAL_CHECKS, ids=lambda check: check.id)
def test_a_mutant_fails_this_check_and_no_other(check: Check) -> None:
    assert_fails_alone(check)
