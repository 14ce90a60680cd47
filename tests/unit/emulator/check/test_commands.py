"""Checks of commands and their parameters: a mutant card fails each check and only it."""

import pytest

from emulator.check.check import Check
from emulator.check.commands import FUNCTIONS, PARAMETERS
from tests.kit.mutants import assert_fails_alone


@pytest.mark.parametrize("check", FUNCTIONS + PARAMETERS, ids=lambda check: check.id)
def test_a_mutant_fails_this_check_and_no_other(check: Check) -> None:
    assert_fails_alone(check)
