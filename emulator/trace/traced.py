"""Trace the commands of a card.

`Traced` stands between reader link and card and passes bytes on unchanged; the card does not know of it.
"""

import time
from collections.abc import Callable

from ..card.engine import Card, Outcome
from .describe import describe, fetches
from .event import Event, Sink

Later = Callable[[Callable[[], None], int], None]
"""Takes a function that reports one event, and the number of bytes that it holds until it is called.

It may be called at any time and from any thread, but in order, or dropped.
"""


def at_once(report: Callable[[], None], _size: int) -> None:
    """Report an event at once, before the answer is sent."""
    report()


class Traced:
    """A card that sends an event for every command and every reset to a sink (an `emulator.ports.Insertable`).

    Args:
        card: the card; its answers are passed on unchanged.
        sink: takes the events in order.
        clock: returns seconds since 1970.
        later: calls the reports; it may do so later, since describing takes longer than most answers.
    """

    def __init__(
        self, card: Card, sink: Sink, clock: Callable[[], float] = time.time, *, later: Later = at_once
    ) -> None:
        self._card = card
        self._sink = sink
        self._clock = clock
        self._later = later
        self._origin: Outcome | None = None

    @property
    def atr(self) -> bytes:
        """Return the answer to reset."""
        return self._card.atr

    def power_on(self) -> None:
        """Reset cold, and report it."""
        self._card.power_on()
        self._report("power on")

    def power_off(self) -> None:
        """Cut the power, and report it."""
        self._card.power_off()
        self._report("power off")

    def reset(self) -> None:
        """Reset warm, and report it."""
        self._card.reset()
        self._report("reset")

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU, and report its event."""
        started = time.perf_counter()
        response = self._card.transmit(command)
        seconds = time.perf_counter() - started
        outcome = self._card.last
        if outcome is not None:
            if not fetches(outcome):
                self._origin = outcome
            # The files as they are now: the next command may delete them before this one is described.
            now, image, origin = self._clock(), self._card.image.snapshot(), self._origin
            self._later(
                lambda: self._sink(describe(outcome, image, origin, now, seconds)), len(command) + len(response)
            )
        return response

    def _report(self, kind: str) -> None:
        self._origin = None
        event = Event(self._clock(), kind)
        self._later(lambda: self._sink(event), 0)
