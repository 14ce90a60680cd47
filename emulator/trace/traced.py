"""Trace the commands of a card.

`Traced` stands between reader link and card and passes bytes on unchanged; the card does not know of it.
"""

import time
from collections.abc import Callable
from typing import Protocol

from cardfs.memory.image import Image

from ..card.engine import Outcome
from ..ports import Insertable
from .describe import describe, fetches
from .event import Event, Sink

Later = Callable[[Callable[[], None], int], None]
"""Takes a function that reports one event, and the number of bytes that it holds until it is called.

It may be called at any time and from any thread, but in order, or dropped.
"""


def at_once(report: Callable[[], None], _size: int) -> None:
    """Report an event at once, before the answer is sent."""
    report()


class Answering(Insertable, Protocol):
    """What answers the commands that are traced: the engine, or what stands before it."""

    @property
    def image(self) -> Image:
        """The card's memory."""
        ...

    @property
    def last(self) -> Outcome | None:
        """What happened to the last command."""
        ...


class Traced:
    """A card that sends an event for every command and every reset to a sink (an `emulator.ports.Insertable`).

    Args:
        card: the card; its answers are passed on unchanged. `attach` puts another one in its place.
        sink: takes the events in order.
        clock: returns seconds since 1970.
        later: calls the reports; it may do so later, since describing takes longer than most answers.
        reader: which reader the card is in, for events of several readers.
        timer: returns seconds, of which the difference is how long the card took.
    """

    def __init__(
        self,
        card: Answering,
        sink: Sink,
        clock: Callable[[], float] = time.time,
        *,
        later: Later = at_once,
        reader: str = "",
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._card = card
        self._sink = sink
        self._clock = clock
        self._later = later
        self._reader = reader
        self._timer = timer
        self._origin: Outcome | None = None

    def attach(self, card: Answering) -> None:
        """Trace another card from now on, or the same one behind something else."""
        self._card = card

    @property
    def atr(self) -> bytes:
        """Return the answer to reset."""
        return self._card.atr

    def power_on(self) -> None:
        """Reset cold, and report it."""
        self._card.power_on()
        self.report("power on")

    def power_off(self) -> None:
        """Cut the power, and report it."""
        self._card.power_off()
        self.report("power off")

    def reset(self) -> None:
        """Reset warm, and report it."""
        self._card.reset()
        self.report("reset")

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU, and report its event."""
        timer = self._timer
        started = timer()
        response = self._card.transmit(command)
        seconds = timer() - started
        outcome = self._card.last
        if outcome is not None:
            if not fetches(outcome):
                self._origin = outcome
            # The files as they are now: the next command may delete them before this one is described.
            now, image, origin, reader = self._clock(), self._card.image.snapshot(), self._origin, self._reader
            self._later(
                lambda: self._sink(describe(outcome, image, origin, now, seconds, reader)),
                len(command) + len(response),
            )
        return response

    def report(self, kind: str) -> None:
        """Give a reset to the sink: ``power on``, ``power off`` or ``reset``."""
        self._origin = None
        event = Event(self._clock(), kind, reader=self._reader)
        self._later(lambda: self._sink(event), 0)
