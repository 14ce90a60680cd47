"""Test cards in readers: `exec` with a card and a PSAM of the catalogue, and faults of theirs."""

import json
import sys
from pathlib import Path

import pytest

from tests.kit import child

pytestmark = pytest.mark.pcsc

SSCARD = Path(sys.executable).with_name("sscard")


def terminal(card: str, psam: str, *command: str) -> dict[str, object]:
    """Run a function of the terminal in a stack with these cards; return what it prints as JSON."""
    done = child.run(
        [
            *(SSCARD, "exec", "--card", f"catalogue:{card}", "--psam", f"catalogue:{psam}", "--", SSCARD, "terminal"),
            *(*command, "--pin", "123456", "--date", "2026-03-01", "--json"),
        ]
    )
    found: dict[str, object] = json.loads(done.stdout)
    return found


def test_a_card_and_a_psam_of_the_catalogue_in_readers() -> None:
    assert terminal("pin-locked", "psam", "verify-pin")["code"] == -52
    assert terminal("card-3.0", "psam-no-rkssse", "read-basic")["code"] == -2203
    assert terminal("card-t1", "psam", "read-basic")["historical_bytes"] == "00814A44468660519900000042"


def test_a_card_whose_fault_takes_it_out() -> None:
    assert terminal("pulled-before-booking", "psam", "debit", "12.50")["code"] in (-2, -4)


def test_an_unknown_card_ends_before_a_stack_is_built() -> None:
    done = child.run([SSCARD, "exec", "--card", "catalogue:pin-lockd", "--", "true"])
    assert (done.returncode, done.stderr) == (
        2,
        "sscard: catalogue:pin-lockd: the catalogue has no such card; did you mean catalogue:pin-locked?\n",
    )
