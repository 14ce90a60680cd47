"""Trace the commands of a card.

`Traced` stands between reader link and card and passes bytes on unchanged; the card does not know of it.
"""

import time
from collections.abc import Callable
from functools import partial
from typing import Protocol

from cardfs.memory.image import Image

from ..card.engine import Outcome
from ..ports import Insertable
from .describe import describe
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
        unmasked: whether events also keep the bytes without masks, PINs and keys included.
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
        unmasked: bool = False,
    ) -> None:
        self._card = card
        self._sink = sink
        self._clock = clock
        self._later = later
        self._reader = reader
        self._timer = timer
        self._unmasked = unmasked
        self._origin: Outcome | None = None
        self._show = self._describe  # bound once, not for each command

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
        card, timer = self._card, self._timer
        started = timer()
        response = card.transmit(command)
        seconds = timer() - started
        outcome = card.last
        if outcome is not None:
            if outcome.row is None or not outcome.row.fetches:
                self._origin = outcome
            # The files as they are now: the next command may delete them before this one is described. What waits is
            # one flat object: thousands of them are walked through by the garbage collector.
            report = partial(self._show, outcome, card.image.snapshot(), self._origin, self._clock(), seconds)
            self._later(report, len(command) + len(response))
        return response

    def _describe(self, outcome: Outcome, image: Image, origin: Outcome | None, now: float, seconds: float) -> None:
        """Give the event of a command to the sink."""
        self._sink(describe(outcome, image, origin, now, seconds, self._reader, unmasked=self._unmasked))

    def report(self, kind: str, atr: bytes = b"") -> None:
        """Give a reset to the sink.

        Args:
            kind: ``power on``, ``power off`` or ``reset``.
            atr: the answer to reset that the reader got, if it is not that of the card.
        """
        self._origin = None
        answer = b"" if kind == "power off" else atr or self._card.atr
        self._later(partial(self._describe_reset, self._clock(), kind, answer), 0)

    def _describe_reset(self, now: float, kind: str, atr: bytes) -> None:
        self._sink(Event(now, kind, answer=atr.hex().upper(), reader=self._reader))
