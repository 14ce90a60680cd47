"""Each fault through PC/SC, again and again in one stack: what the client sees, and a plain read after each.

``python -m tests.pcsc.faulting COUNT [FAULT...]`` prints a line for each fault. `test_faults` runs a few of each,
``scripts/soak`` hundreds. A process of its own, because the PC/SC library asks only once where pcscd is.
"""

import gc
import sys
import time
import warnings
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

import sscard
from emulator.rig.kinds import KINDS
from tests.kit.card import SSSE_NAME

SELECT: Final = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
CHALLENGE: Final = bytes.fromhex("0084000008")
RIGHT: Final = bytes.fromhex("0020000003123456")
WRONG: Final = bytes.fromhex("0020000003999999")
PATIENCE: Final = 10.0
"""Seconds that a card may take to be back."""


class Bench:
    """A rig on PC/SC with one reader, and a fresh card for every time.

    Attributes:
        reader: the reader.
        seen: what clients saw, counted.
    """

    def __init__(self, rig: sscard.Rig) -> None:
        self.rig = rig
        self.reader = rig.readers[0]
        self.seen: Counter[str] = Counter()
        self._fresh = rig.card.fork()

    def card(self) -> sscard.Card:
        """Put a fresh card into the reader, in the place of the one before."""
        return self.reader.replace(self._fresh.fork())

    def send(self, command: bytes) -> tuple[bytes, int]:
        """Send a command as a client does; return data and status word."""
        return sscard.exchange(self.reader.transmit, command)

    def word(self, command: bytes) -> str:
        """Send a command; return the status word."""
        return f"{self.send(command)[1]:04X}"

    def raw(self, command: bytes) -> str:
        """Send one command as it is; return the bytes that the client got, or the error that it got."""
        try:
            return self.reader.transmit(command).hex().upper()
        except sscard.TerminalError as error:
            return str(error)

    def read(self) -> None:
        """Read as any program does: select, a record, a challenge."""
        expect(self.word(SELECT), "9000")
        expect(self.word(bytes.fromhex("00B2072C00")), "9000")
        data, word = self.send(CHALLENGE)
        expect((len(data), word), (8, 0x9000))

    def is_back(self) -> None:
        """Read once more, as soon as the card is back by itself."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.read()
            except sscard.TerminalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.02)

    def gone(self, answer: str) -> None:
        """Check that a client lost the card, and count how that was told."""
        if answer not in ("the card gave no answer: was it pulled out?",) and "the reader lost the card" not in answer:
            raise AssertionError(f"the client was told: {answer}")
        self.seen[answer] += 1


def expect(got: Any, wanted: Any) -> None:
    """Refuse something else than what was wanted; `assert` may be switched off."""
    if got != wanted:
        raise AssertionError(f"{got!r}, not {wanted!r}")


def power_cut(bench: Bench, number: int) -> None:
    moment, left = (("before", "63C2"), ("after", "63C1"))[number % 2]
    card = bench.card()
    bench.word(SELECT)
    fault = card.fault("power-cut", on="VERIFY", moment=moment)
    bench.gone(bench.raw(WRONG))
    expect(fault.fired, 1)
    expect(bench.reader.card, None)
    bench.reader.insert(card)
    bench.read()
    expect(bench.word(WRONG), left)


def partial_batch(bench: Bench, _number: int) -> None:
    card = bench.card()
    bench.word(SELECT)
    card.fault("partial-batch", on="VERIFY")
    bench.gone(bench.raw(WRONG))
    bench.reader.insert(card)


def pull(bench: Bench, number: int) -> None:
    moment, left = (("before", "63C2"), ("after", "63C1"))[number % 2]
    card = bench.card()
    bench.word(SELECT)
    card.fault("pull", on="VERIFY", moment=moment)
    bench.gone(bench.raw(WRONG))
    bench.reader.insert(card)
    bench.read()
    expect(bench.word(WRONG), left)


def lost_answer(bench: Bench, _number: int) -> None:
    card = bench.card()
    bench.word(SELECT)
    card.fault("lost-answer", on="VERIFY")
    bench.gone(bench.raw(WRONG))
    bench.is_back()
    expect(bench.reader.card, card)
    expect(bench.word(WRONG), "63C1")


def memory_failure(bench: Bench, _number: int) -> None:
    card = bench.card()
    bench.word(SELECT)
    card.fault("memory-failure", on="VERIFY")
    expect(bench.word(RIGHT), "6581")
    expect(bench.word(RIGHT), "9000")


def status(bench: Bench, _number: int) -> None:
    bench.card().fault("status", on="GET CHALLENGE", sw="6F12")
    expect(bench.raw(CHALLENGE), "6F12")


def tries_left(bench: Bench, _number: int) -> None:
    card = bench.card()
    bench.word(SELECT)
    card.fault("tries-left", on="VERIFY", tries=1)
    expect(bench.word(WRONG), "63C0")
    expect(bench.word(RIGHT), "6983")


def key_expired(bench: Bench, _number: int) -> None:
    card = bench.card()
    bench.word(SELECT)
    card.fault("key-expired", on="VERIFY")
    bench.seen[bench.word(RIGHT)] += 1
    expect(bench.word(RIGHT), "9000")


def stuck_random(bench: Bench, _number: int) -> None:
    card = bench.card()
    card.fault("stuck-random", value="A5")
    expect([bench.raw(CHALLENGE) for _ in range(2)], ["A5" * 8 + "9000"] * 2)
    card.disarm()


def wrong_mac(bench: Bench, _number: int) -> None:
    card = bench.card()
    right = bench.send(SELECT)[0]
    card.fault("wrong-mac", on="SELECT")
    wrong, word = bench.send(SELECT)
    expect((wrong[:-1], wrong[-1] ^ right[-1], word), (right[:-1], 1, 0x9000))


def delay(bench: Bench, _number: int) -> None:
    bench.card().fault("delay", seconds=0.1)
    began = time.monotonic()
    bench.raw(CHALLENGE)
    expect(time.monotonic() - began >= 0.1, True)


def spoiled(name: str, length: int, **chosen: object) -> Callable[[Bench, int], None]:
    """Return a run of a fault that leaves a challenge with another length."""

    def run(bench: Bench, _number: int) -> None:
        fault = bench.card().fault(name, on="GET CHALLENGE", **chosen)
        expect(len(bench.raw(CHALLENGE)), 2 * length)
        expect(fault.fired, 1)

    return run


def garbage_atr(bench: Bench, _number: int) -> None:
    card = bench.card()
    fault = card.fault("garbage-atr")
    bench.reader.insert(bench.reader.remove())
    bench.seen[bench.raw(CHALLENGE)] += 1
    expect(fault.fired > 0, True)
    card.disarm(fault)
    bench.reader.insert(bench.reader.remove())


RUNS: Final[dict[str, Callable[[Bench, int], None]]] = {
    "power-cut": power_cut,
    "memory-failure": memory_failure,
    "partial-batch": partial_batch,
    "status": status,
    "tries-left": tries_left,
    "key-expired": key_expired,
    "stuck-random": stuck_random,
    "wrong-mac": wrong_mac,
    "delay": delay,
    "truncate": spoiled("truncate", 7, bytes=3),
    "one-byte": spoiled("one-byte", 1),
    "pad": spoiled("pad", 40, bytes=30),
    "lost-answer": lost_answer,
    "pull": pull,
    "garbage-atr": garbage_atr,
}
"""What is done for each fault; each time a plain read follows."""


def main(count: str, *names: str) -> None:
    """Run faults so often each, all in one stack; print what was seen."""
    warnings.simplefilter("error")
    expect(set(RUNS), set(KINDS))
    with sscard.Rig(["demo"], transport="pcsc", seed="faulting") as rig:
        bench = Bench(rig)
        for name in names or RUNS:
            bench.seen.clear()
            began = time.monotonic()
            for number in range(int(count)):
                try:
                    RUNS[name](bench, number)
                    bench.read()
                except Exception as error:
                    sys.exit(f"{name}, time {number + 1}: lost: {type(error).__name__}: {error}")
            seconds = (time.monotonic() - began) / int(count)
            print(
                f"{name}: {count} times, {seconds:.2f} s each, a plain read after each; {dict(bench.seen)}", flush=True
            )
    gc.collect()


if __name__ == "__main__":
    main(*sys.argv[1:])
