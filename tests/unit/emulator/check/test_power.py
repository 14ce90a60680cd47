"""Checks of tear protection: a mutant card fails each check and only it."""

import pytest

from emulator.check.check import Check
from emulator.check.power import POWER
from tests.kit.mutants import assert_fails_alone


@pytest.mark.parametrize("check", POWER, ids=lambda check: check.id)
def test_a_mutant_fails_this_check_and_no_other(check: Check) -> None:
    assert_fails_alone(check)
