"""Checks of files and the firewall: a mutant card fails each check and only it."""

import pytest

from emulator.check.check import Check
from emulator.check.files import FIREWALL, STRUCTURE
from tests.kit.mutants import assert_fails_alone


@pytest.mark.parametrize("check", FIREWALL + STRUCTURE, ids=lambda check: check.id)
def test_a_mutant_fails_this_check_and_no_other(check: Check) -> None:
    assert_fails_alone(check)
