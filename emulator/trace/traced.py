"""A card whose commands are traced.

`Traced` stands between reader link and card, bytes in and bytes out; the card knows nothing of it.
"""

import time
from collections.abc import Callable

from ..card.engine import Card, Outcome
from .describe import describe, fetches
from .event import Event, Sink

Later = Callable[[Callable[[], None], int], None]
"""Takes a call that describes one command, to be made at any time, from any thread, in order; or drops it.

The number says about how many bytes are held until then.
"""


def at_once(report: Callable[[], None], _size: int) -> None:
    """Describe a command before its answer goes out."""
    report()


class Traced:
    """A card that gives an event for every command and every reset to a sink; itself something that can be inserted.

    Args:
        card: the card. Its answers stay as they are.
        sink: takes the events in order.
        clock: returns seconds since 1970.
        later: may put off the describing, which takes longer than most answers.
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
        """The answer to reset."""
        return self._card.atr

    def power_on(self) -> None:
        """Cold reset."""
        self._card.power_on()
        self._report("power on")

    def power_off(self) -> None:
        """Loss of power."""
        self._card.power_off()
        self._report("power off")

    def reset(self) -> None:
        """Warm reset."""
        self._card.reset()
        self._report("reset")

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU, and give its event to the sink."""
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
