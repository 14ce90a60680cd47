"""`sscard check` over PC/SC: a card in a reader that is not the program's own."""

import json
import sys
from pathlib import Path

import pytest

import sscard
from tests.kit import child
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

SSCARD = Path(sys.executable).with_name("sscard")


def test_a_card_in_a_reader_is_checked_and_stays_as_it_is(stack: PcscStack, tmp_path: Path) -> None:
    card = sscard.Card.issue(pin="4711")
    before = card.snapshot()
    found = tmp_path / "out.json"
    with stack.card(card):
        done = child.run(
            [SSCARD, "check", "--reader", stack.readers[0], "--json", found],
            env=child.environment(PCSCLITE_CSOCK_NAME=stack.socket_path),
        )
    assert (done.returncode, done.stderr) == (0, "")
    table = json.loads(found.read_text())
    assert (table["profile"], table["counts"]["failed"]) == ("ssc-2.0", 0)
    assert table["counts"]["passed"] > 40
    assert card.snapshot() == before
