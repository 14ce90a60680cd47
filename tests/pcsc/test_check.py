"""`sscard check` over PC/SC: a card in a reader that is not the program's own."""

import json
import sys
from pathlib import Path

import pytest

import sscard
from emulator.terminal import TerminalError, pcsc
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


def test_one_reader_is_not_taken_for_card_and_psam(stack: PcscStack) -> None:
    done = child.run(
        [SSCARD, "check", "--reader", stack.readers[0], "--psam", stack.readers[0], "--allow-writes"],
        env=child.environment(PCSCLITE_CSOCK_NAME=stack.socket_path),
    )
    assert done.returncode == 2
    assert done.stderr.startswith(f"sscard: --psam: {stack.readers[0]!r} is the reader with the card")


def test_the_transaction_of_another_program_is_waited_for_with_a_limit(
    stack: PcscStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pcsc, "PATIENCE", 0.5)
    with stack.card(sscard.Card.issue()):
        first = pcsc.PcscConnection(stack.readers[0], cold=True)
        try:
            with pytest.raises(TerminalError, match=r"another program has had the card for itself for 0\.5 seconds"):
                pcsc.PcscConnection(stack.readers[0], cold=False)
            assert first.transmit(bytes.fromhex("0084000008"))[-2:] == b"\x90\x00"
        finally:
            first.close()
        pcsc.PcscConnection(stack.readers[0], cold=True).close()
