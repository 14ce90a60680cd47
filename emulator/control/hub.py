"""Events of a rig for those who follow them: numbered, kept for a while, and sent to each follower."""

import asyncio
import json
import threading
from collections import deque
from typing import Any, Final

from ..rig.trace import LIMIT, Trace
from ..trace.event import Event
from ..trace.visible import visible
from .controller import event_table

MOST_WAITING: Final = 4096
"""Events that wait for a follower who does not read; at more he is dropped."""

SIGNALS: Final = {
    "inserted": "card ready",
    "power on": "card powered",
    "removed": "card removed",
    "fault": "fault fired",
}
"""What the automation of a terminal waits for, by the kind of event; the others are called by their kind."""


class Follower:
    """Who reads events as they come.

    Attributes:
        dropped: whether he has not read in time, and gets no more.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: asyncio.Queue[str | None] = asyncio.Queue(MOST_WAITING)
        self.dropped = False

    def send(self, text: str | None) -> None:
        """Pass on one event, or the end; called in any thread."""
        self._loop.call_soon_threadsafe(self._put, text)

    def _put(self, text: str | None) -> None:
        try:
            self._queue.put_nowait(text)
        except asyncio.QueueFull:
            self.dropped = True

    async def next(self, patience: float) -> str | None:
        """Return the next event; a comment after ``patience`` seconds without one; None at the end."""
        if self.dropped:
            return None
        try:
            return await asyncio.wait_for(self._queue.get(), patience)
        except TimeoutError:
            return ": still here\n\n"


class Hub:
    """The events of a trace, numbered from 1.

    Args:
        trace: the trace of the rig.
        limit: how many events are kept for who asks later.
    """

    def __init__(self, trace: Trace, limit: int = LIMIT) -> None:
        self._kept: deque[tuple[int, Event]] = deque(maxlen=limit)
        self._number = 0
        self._followers: set[Follower] = set()
        self._lock = threading.Lock()
        for event in trace.events:
            self._take(event)
        self._end = trace.watch(self._take)

    def after(self, number: int = 0) -> list[tuple[int, Event]]:
        """Return the events with higher numbers, as far as they are kept."""
        with self._lock:
            return [each for each in self._kept if each[0] > number]

    def follow(self, follower: Follower, after: int | None = None) -> None:
        """Send a follower every event from now on; with ``after`` first those since that number."""
        with self._lock:
            if after is not None:
                for number, event in self._kept:
                    if number > after:
                        follower.send(_line(number, event))
            self._followers.add(follower)

    def leave(self, follower: Follower) -> None:
        """Send a follower nothing more."""
        with self._lock:
            self._followers.discard(follower)

    def close(self) -> None:
        """End all streams."""
        self._end()
        with self._lock:
            for follower in self._followers:
                follower.send(None)
            self._followers.clear()

    def _take(self, event: Event) -> None:
        with self._lock:
            self._number += 1
            self._kept.append((self._number, event))
            if not self._followers:
                return
            text = _line(self._number, event)
            for follower in tuple(self._followers):
                if follower.dropped:
                    self._followers.discard(follower)
                else:
                    follower.send(text)


def numbered(number: int, event: Event) -> dict[str, Any]:
    """Return an event with its number and its signal, as a table."""
    return {"number": number, "signal": SIGNALS.get(event.kind, event.kind), **event_table(event)}


def _line(number: int, event: Event) -> str:
    data = visible(json.dumps(numbered(number, event), ensure_ascii=False))
    return f"id: {number}\nevent: {SIGNALS.get(event.kind, event.kind)}\ndata: {data}\n\n"
