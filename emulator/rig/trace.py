"""`Trace`: what passed between readers and cards, newest last."""

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from ..trace.event import Event
from ..trace.text import event_lines

if TYPE_CHECKING:
    from ..judge.rule import Finding

LIMIT: Final = 10_000
"""Events that a trace keeps; older ones are dropped."""


class Recorder(Protocol):
    """What takes the events of a card: a `Trace`, or a display."""

    def record(self, event: Event) -> None:
        """Take an event that is whole."""

    def later(self, report: Callable[[], None], size: int) -> None:
        """Take a command that ``report`` describes, now or later: it passes the event to `keep`."""

    def keep(self, event: Event) -> None:
        """Take the event of a command that `later` was given."""


class Trace:
    """A record of commands with their meaning and the reasons of refusals; secrets are masked.

    Args:
        limit: how many events it keeps; older ones are dropped.

    Iterating gives the events, oldest first.

    Example:
        >>> import sscard
        >>> card = sscard.Card.issue()
        >>> card.trace = sscard.Trace()
        >>> answer = card.transmit(bytes.fromhex("0020000003123456"))
        >>> event = card.trace.events[-1]
        >>> event.name, event.apdu, event.sw, event.reason
        ('VERIFY', '0020000003******', '6A88', 'MF has no PIN; SSSE has one')
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._events: deque[Event] = deque(maxlen=limit)
        self._waiting: deque[Callable[[], None]] = deque(maxlen=limit)
        self._lock = threading.RLock()
        self._watchers: list[Callable[[Event], None]] = []

    def record(self, event: Event) -> None:
        """Take an event; called in whatever thread the card answers."""
        with self._lock:
            self._describe()
            self._keep(event)

    def later(self, report: Callable[[], None], size: int) -> None:  # noqa: ARG002 - it counts commands, not bytes
        """Take a command that is described when somebody looks: at once where somebody watches.

        Args:
            report: describes it and passes the event to `keep`.
            size: bytes that it holds until then.
        """
        self._waiting.append(report)
        if self._watchers:
            with self._lock:
                self._describe()

    def keep(self, event: Event) -> None:
        """Take the event of a command that `later` was given."""
        self._keep(event)

    def _describe(self) -> None:
        while self._waiting:
            self._waiting.popleft()()

    def _keep(self, event: Event) -> None:
        self._events.append(event)
        for watch in tuple(self._watchers):
            watch(event)

    def watch(self, sink: Callable[[Event], None], *, past: bool = False) -> Callable[[], None]:
        """Let a function get every event from now on; return what ends that.

        Args:
            sink: the function; called in whatever thread the card answers.
            past: whether it gets the events so far first.
        """
        with self._lock:
            self._describe()
            for event in self._events if past else ():
                sink(event)
            self._watchers.append(sink)

        def end() -> None:
            with self._lock:
                self._watchers.remove(sink)

        return end

    @property
    def events(self) -> tuple[Event, ...]:
        """The events so far, oldest first."""
        with self._lock:
            self._describe()
            return tuple(self._events)

    @property
    def commands(self) -> tuple[Event, ...]:
        """The commands among the events, without resets and notes."""
        return tuple(event for event in self.events if event.kind == "command")

    @property
    def refusals(self) -> tuple[Event, ...]:
        """The commands that the card refused."""
        return tuple(event for event in self.commands if event.refused)

    def __iter__(self) -> Iterator[Event]:
        """Give the events, oldest first."""
        return iter(self.events)

    def __len__(self) -> int:
        """Return how many events there are."""
        return len(self.events)

    def __str__(self) -> str:
        """Return the events as `sscard` shows them, without colours."""
        return self.text()

    def text(self, last: int | None = None) -> str:
        """Return the events as `sscard` shows them, without colours.

        Args:
            last: how many commands, and what lies between them; all if left out.
        """
        events = self.events
        if last is not None:
            places = [place for place, event in enumerate(events) if event.kind == "command"]
            events = events[places[-last] :] if len(places) > last else events
        return "\n".join(line for event in events for line in event_lines(event))

    def of(self, reader: str) -> "Trace":
        """Return what of this trace belongs to one reader, also what comes later."""
        return _Part(self, reader)

    def save(self, path: str | PathLike[str]) -> None:
        """Write the events as JSON lines, secrets masked; OSError."""
        Path(path).write_text("".join(event.json() + "\n" for event in self.events), encoding="utf-8")

    def judge(self, rules: Iterable[str] = ()) -> "list[Finding]":
        """Return what the terminal did wrong, as far as the trace shows it (`sscard judge`).

        Args:
            rules: names of the rules to look for; all if left out.

        Returns:
            findings with ``rule``, ``severity`` (``error``, ``warning``, ``note``), ``reader``, ``line`` (number of the
            event, from 1), ``text``, ``clause`` and ``better``.

        Raises:
            SscardError: there is no such rule.

        Example:
            >>> import sscard
            >>> with sscard.Rig(["demo"]) as rig:
            ...     send = rig.readers[0].open().transmit
            ...     answer = send(bytes.fromhex("0020000003123456"))
            ...     print([finding.rule for finding in rig.trace.judge()][0])
            environment-not-selected
        """
        from ..judge.judge import judge  # noqa: PLC0415 - the rules are loaded for who asks
        from ..judge.rules import chosen  # noqa: PLC0415

        return list(judge(self.events, chosen(rules)))

    def clear(self) -> None:
        """Forget the events."""
        with self._lock:
            self._waiting.clear()
            self._events.clear()

    def drop(self, reader: str) -> None:
        """Forget the events of one reader."""
        with self._lock:
            self._describe()
            others = [event for event in self._events if event.reader != reader]
            self._events.clear()
            self._events.extend(others)


class _Part(Trace):
    """What of a trace belongs to one reader."""

    def __init__(self, whole: Trace, reader: str) -> None:
        super().__init__(0)
        self._whole = whole
        self._reader = reader

    def record(self, event: Event) -> None:
        self._whole.record(event)

    def later(self, report: Callable[[], None], size: int) -> None:
        self._whole.later(report, size)

    def keep(self, event: Event) -> None:
        self._whole.keep(event)

    def watch(self, sink: Callable[[Event], None], *, past: bool = False) -> Callable[[], None]:
        return self._whole.watch(lambda event: sink(event) if event.reader == self._reader else None, past=past)

    @property
    def events(self) -> tuple[Event, ...]:
        return tuple(event for event in self._whole.events if event.reader == self._reader)

    def clear(self) -> None:
        self._whole.drop(self._reader)
