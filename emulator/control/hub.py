"""Events of a rig for those who follow them: numbered, kept for a while, and read by each follower in its own time.

A follower has no queue, only the number of the last event that it got. So one that does not read costs nothing, and
one that has fallen behind what is kept is dropped.
"""

import asyncio
import contextlib
import json
import threading
from collections import deque
from itertools import takewhile
from typing import Any, Final

from ..rig.trace import LIMIT, Trace
from ..trace.event import Event
from ..trace.visible import visible
from .controller import event_table
from .operations import SIGNALS

BATCH: Final = 256
"""Events that are sent to a follower in one piece."""


class Follower:
    """Who reads events as they come; made and used in the event loop.

    Attributes:
        at: number of the last event that it got.
    """

    def __init__(self, hub: "Hub", at: int) -> None:
        self.at = at
        self._hub = hub
        self._loop = asyncio.get_running_loop()
        self._news = asyncio.Event()
        self._woken = False

    def wake(self) -> None:
        """Let `next` look for events; called in any thread, with the lock of the hub."""
        if not self._woken:
            self._woken = True
            # Without a loop the server has ended; this may be the thread of a card, which goes on.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._news.set)

    async def next(self, patience: float) -> str | None:
        """Return the next events; a comment after ``patience`` seconds without one; None at the end.

        The end is that of the hub, or of a follower that has not read for so long that events are no longer kept.
        """
        try:
            await asyncio.wait_for(self._news.wait(), patience)
        except TimeoutError:
            return ": still here\n\n"
        self._news.clear()
        self._woken = False
        events, first = self._hub.batch(self.at)
        if self._hub.ended or first > self.at + 1:
            return None
        if not events:
            return ": nothing new\n\n"
        self.at = events[-1][0]
        if len(events) == BATCH:
            self.wake()
        return "".join(_line(*each) for each in events)


class Hub:
    """The events of a trace, numbered from 1.

    Args:
        trace: the trace of the rig.
        limit: how many events are kept for who asks later.

    Attributes:
        ended: whether `close` was called: every stream ends.
    """

    def __init__(self, trace: Trace, limit: int = LIMIT) -> None:
        self.ended = False
        self._kept: deque[tuple[int, Event]] = deque(maxlen=limit)
        self._number = 0
        self._followers: set[Follower] = set()
        self._lock = threading.Lock()
        self._end = trace.watch(self._take, past=True)

    def after(self, number: int = 0) -> list[tuple[int, Event]]:
        """Return the events with higher numbers, as far as they are kept."""
        with self._lock:
            return self._after(number)

    def batch(self, number: int) -> tuple[list[tuple[int, Event]], int]:
        """Return the next events after one, `BATCH` at most, and the number of the first event that is kept."""
        with self._lock:
            first = self._kept[0][0] if self._kept else self._number + 1
            return self._after(number)[:BATCH], first

    def _after(self, number: int) -> list[tuple[int, Event]]:
        found = list(takewhile(lambda each: each[0] > number, reversed(self._kept)))
        found.reverse()
        return found

    def follow(self, after: int | None = None) -> Follower:
        """Return a follower that gets every event from now on.

        Args:
            after: first those since this number, as far as they are kept; since the first if there was none such yet.
        """
        with self._lock:
            if after is None:
                at = self._number
            else:
                first = self._kept[0][0] if self._kept else self._number + 1
                at = max(after if after <= self._number else 0, first - 1)
            follower = Follower(self, at)
            self._followers.add(follower)
            if at < self._number or self.ended:
                follower.wake()
        return follower

    def leave(self, follower: Follower) -> None:
        """Wake a follower no more."""
        with self._lock:
            self._followers.discard(follower)

    def close(self) -> None:
        """End all streams; do nothing the second time."""
        if self.ended:
            return
        self._end()
        self.ended = True
        with self._lock:
            for follower in self._followers:
                follower.wake()

    def _take(self, event: Event) -> None:
        with self._lock:
            self._number += 1
            self._kept.append((self._number, event))
            for follower in self._followers:
                follower.wake()


def numbered(number: int, event: Event) -> dict[str, Any]:
    """Return an event with its number and its signal, as a table."""
    return {"number": number, "signal": SIGNALS.get(event.kind, event.kind), **event_table(event)}


def _line(number: int, event: Event) -> str:
    data = visible(json.dumps(numbered(number, event), ensure_ascii=False))
    return f"id: {number}\nevent: {SIGNALS.get(event.kind, event.kind)}\ndata: {data}\n\n"
