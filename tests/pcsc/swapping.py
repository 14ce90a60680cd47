"""Cards swapped faster than pcscd polls, under a terminal that never rests: none may be lost.

Each function swaps so many cards in one slot and returns what it saw; an assertion that fails is the end of
it. `test_swaps` runs a few of each kind, ``scripts/soak`` hundreds.
"""

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final

from smartcard import scard

from emulator.reader.vpcd import Slot
from tests.kit.places import ROOT
from tests.pcsc.harness import EchoCard, PcscError, PcscStack, Terminal, checked

PATIENCE: Final = 10.0
"""Seconds that a card may take until a terminal can talk to it: as long as `Stack` waits for one."""

COMMAND: Final = bytes.fromhex("00a4000002ef05")
ENDS: Final = (scard.SCARD_LEAVE_CARD, scard.SCARD_RESET_CARD, scard.SCARD_UNPOWER_CARD)
Swaps = Callable[[PcscStack, int, int, random.Random], Counter[str]]


class SlowCard(EchoCard):
    """Takes its time for each command, so that it can be pulled out in the middle of one."""

    def __init__(self, tag: bytes) -> None:
        super().__init__(tag)
        self.asked = threading.Event()

    def transmit(self, command: bytes) -> bytes:
        self.asked.set()
        time.sleep(0.02)
        return self.tag + command + b"\x90\x00"


class Traffic:
    """A terminal at a reader: connects, gives commands, ends in one way or another, and again."""

    def __init__(self, reader: str, chance: random.Random) -> None:
        self.reader = reader
        self.chance = chance
        self._answers: dict[bytes, threading.Event] = {}
        self._done = False
        self._thread = threading.Thread(target=self._run)

    @contextmanager
    def running(self) -> Iterator["Traffic"]:
        """Let the terminal work until the block ends."""
        self._thread.start()
        try:
            yield self
        finally:
            self._done = True
            self._thread.join(PATIENCE)
            assert not self._thread.is_alive()

    def await_answer(self, tag: bytes) -> float:
        """Wait until a card that answers so is heard of; return how many seconds it took."""
        began = time.monotonic()
        assert self._answers.setdefault(tag, threading.Event()).wait(PATIENCE), f"no word of {tag!r} in {self.reader}"
        return time.monotonic() - began

    def _run(self) -> None:
        while not self._done:
            with suppress(PcscError):
                self._talk()

    def _talk(self) -> None:
        try:
            terminal = Terminal(self.reader)
        except PcscError:
            time.sleep(0.005)
            raise
        try:
            for _ in range(self.chance.randrange(1, 40)):
                answer = terminal.transmit(COMMAND)
                self._answers.setdefault(answer.partition(COMMAND)[0], threading.Event()).set()
        finally:
            scard.SCardDisconnect(terminal.card, self.chance.choice(ENDS))
            scard.SCardReleaseContext(terminal.context)


def _tag(number: int) -> bytes:
    return b"card %d " % number


def in_mid_command(stack: PcscStack, slot: int, count: int, chance: random.Random) -> Counter[str]:
    """Pull a card while it computes, and put the next one in before pcscd can have looked."""
    seen: Counter[str] = Counter()
    with Traffic(stack.readers[slot], chance).running() as traffic:
        for number in range(count):
            card = SlowCard(_tag(number))
            link = Slot(card, slot, connect=stack.dial, service=stack.socket_path).start()
            try:
                late = traffic.await_answer(card.tag)
                card.asked.clear()
                assert card.asked.wait(PATIENCE)
            finally:
                link.close()
            _count(seen, late)
            time.sleep(chance.uniform(0, 0.4))
    stack.wait_until_empty([slot])
    return seen


def inserted_at_once(stack: PcscStack, slot: int, count: int, chance: random.Random) -> Counter[str]:
    """Close a link and insert the next card at once, as programs do."""
    seen: Counter[str] = Counter()
    with Traffic(stack.readers[slot], chance).running() as traffic:
        for number in range(count):
            began = time.monotonic()
            with stack.insert(EchoCard(_tag(number)), slot):
                traffic.await_answer(_tag(number))
                _count(seen, time.monotonic() - began)
                time.sleep(chance.uniform(0, 0.1))
    stack.wait_until_empty([slot])
    return seen


def killed(stack: PcscStack, slot: int, count: int, chance: random.Random) -> Counter[str]:
    """End the process that holds a card by SIGKILL, and start it again at once."""
    seen: Counter[str] = Counter()
    with Traffic(stack.readers[slot], chance).running() as traffic:
        for number in range(count):
            began = time.monotonic()
            command = [sys.executable, "-c", HOLD, _tag(number).decode(), slot]
            with stack.start(command, start_new_session=True) as holder:
                try:
                    traffic.await_answer(_tag(number))
                    _count(seen, time.monotonic() - began)
                    time.sleep(chance.uniform(0, 0.1))
                finally:
                    os.killpg(holder.pid, signal.SIGKILL)
    stack.wait_until_empty([slot])
    return seen


HOLD: Final = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from emulator.reader.vpcd import Slot
from tests.pcsc.harness import EchoCard
Slot(EchoCard(sys.argv[1].encode()), int(sys.argv[2])).run()
"""


def one_byte(stack: PcscStack, slot: int, count: int, chance: random.Random) -> Counter[str]:
    """Send commands of one byte that the driver takes for its own signals; the next client is served."""
    seen: Counter[str] = Counter()
    with stack.card(EchoCard(), slot):
        for _ in range(count):
            byte = chance.choice((b"\x00", b"\x01", b"\x02"))
            terminal = _patient_terminal(stack.readers[slot])
            assert terminal.transmit(COMMAND) == COMMAND + b"\x90\x00"
            began = time.monotonic()
            with suppress(PcscError):
                assert terminal.transmit(byte) in (b"\x67\x00", b"")
            _count(seen, time.monotonic() - began)
            terminal.close()
            seen[byte.hex()] += 1
    return seen


def _patient_terminal(reader: str) -> Terminal:
    """Connect to the card in a reader as soon as there is one."""
    deadline = time.monotonic() + PATIENCE
    while True:
        context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        state = checked(scard.SCardGetStatusChange(context, 0, [(reader, scard.SCARD_STATE_UNAWARE)]))[0][1]
        if not state & scard.SCARD_STATE_PRESENT:
            scard.SCardGetStatusChange(context, 500, [(reader, state)])
        scard.SCardReleaseContext(context)
        with suppress(PcscError):
            terminal = Terminal(reader)
            # The first command may fall to a card that is just being pulled.
            with suppress(PcscError):
                if terminal.transmit(COMMAND):
                    return terminal
            terminal.close()
        assert time.monotonic() < deadline, f"no card in {reader}"


def _count(seen: Counter[str], seconds: float) -> None:
    seen["done"] += 1
    seen["late"] += seconds > 1
    seen["slowest_ms"] = max(seen["slowest_ms"], round(seconds * 1000))


KINDS: Final[dict[str, Swaps]] = {
    "pulled in mid-command": in_mid_command,
    "closed and inserted at once": inserted_at_once,
    "killed and started again": killed,
    "commands of one byte": one_byte,
}


def main(kind: str, count: str, slots: str) -> None:
    """Swap so many cards in each of so many slots at the same time; print what was seen."""
    results: list[Any] = []

    def work(slot: int) -> None:
        try:
            results.append(KINDS[kind](stack, slot, int(count), random.Random(f"{kind} {slot}")))  # noqa: S311
        except BaseException as error:
            results.append(error)
            raise

    with PcscStack(int(slots)) as stack:
        os.environ["PCSCLITE_CSOCK_NAME"] = stack.socket_path
        threads = [threading.Thread(target=work, args=(slot,)) for slot in range(int(slots))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60 + int(count) * 2 * PATIENCE)
            assert not thread.is_alive()
    total: Counter[str] = Counter()
    for result in results:
        if isinstance(result, BaseException):
            sys.exit(f"{kind}: lost: {result}")
        slowest = max(total["slowest_ms"], result["slowest_ms"])
        total.update(result)
        total["slowest_ms"] = slowest
    print(f"{kind}: {dict(total)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
