"""Cards swapped faster than pcscd polls: a few of each kind; and a card that sits still stays where it is."""

import os
import random
import signal
import sys
import time
from contextlib import ExitStack
from pathlib import Path

import pytest
from smartcard import scard

from emulator.reader.vpcd import SILENCE, Connected, Event
from tests.kit import child
from tests.pcsc.harness import EchoCard, PcscStack
from tests.pcsc.swapping import COMMAND, KINDS

pytestmark = pytest.mark.pcsc

BUSY = "import time\nend = time.monotonic() + 4\nwhile time.monotonic() < end: pass"


def pcscd_of(stack: PcscStack) -> int:
    """Return the number of a private stack's pcscd, as this process sees it."""
    children = Path(f"/proc/{stack.pid}/task/{stack.pid}/children").read_text().split()
    (found,) = (int(pid) for pid in children if Path(f"/proc/{pid}/comm").read_text() == "pcscd\n")
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_no_card_is_lost(stack: PcscStack, kind: str) -> None:
    count = 1 if kind == "commands of one byte" else 3
    seen = KINDS[kind](stack, 0, count, random.Random(kind))  # noqa: S311 - moments of a test
    assert seen["done"] == count


def turn_off(stack: PcscStack, card: EchoCard) -> None:
    """Use a card, and take its power, as a terminal does that ends: the last frame before the next poll is OFF."""
    terminal = stack.terminal()
    assert terminal.transmit(COMMAND) == COMMAND + b"\x90\x00"
    scard.SCardDisconnect(terminal.card, scard.SCARD_UNPOWER_CARD)
    scard.SCardReleaseContext(terminal.context)
    deadline = time.monotonic() + 5
    while card.calls[-1] != "off":  # nobody waits for the card to take a signal
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_a_card_stays_while_pcscd_is_stopped(stack: PcscStack) -> None:
    events: list[Event] = []
    card = EchoCard()
    with stack.card(card, watch=events.append):
        pcscd = pcscd_of(stack)
        turn_off(stack, card)
        os.kill(pcscd, signal.SIGSTOP)
        try:
            time.sleep(SILENCE + 1)
        finally:
            os.kill(pcscd, signal.SIGCONT)
        turn_off(stack, card)
    assert [type(event) for event in events] == [Connected]


def test_a_card_stays_while_the_machine_is_busy(stack: PcscStack) -> None:
    events: list[Event] = []
    card = EchoCard()
    with stack.card(card, watch=events.append), ExitStack() as running:
        command = [sys.executable, "-I", "-S", "-c", BUSY]
        busy = [running.enter_context(child.start(command)) for _ in range(4 * (os.cpu_count() or 1))]
        while any(process.poll() is None for process in busy):
            turn_off(stack, card)
    assert [type(event) for event in events] == [Connected]
