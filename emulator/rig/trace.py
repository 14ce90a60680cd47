"""`Trace`: what passed between readers and cards, newest last."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol, Self

from ..trace.errors import TraceError
from ..trace.event import Event
from ..trace.text import event_lines

if TYPE_CHECKING:
    from ..judge.rule import Finding
    from .replay import Reader, Step, Virtual

LIMIT: Final = 10_000
"""Events that a trace keeps; older ones are dropped."""


class Recorder(Protocol):
    """What takes the events of a card: a `Trace`, or a display."""

    @property
    def unmasked(self) -> bool:
        """Whether events keep the bytes without masks, too."""

    def record(self, event: Event) -> None:
        """Take an event that is whole."""

    def later(self, report: Callable[[], None], size: int) -> None:
        """Take a command that ``report`` describes, now or later: it passes the event to `keep`."""

    def keep(self, event: Event) -> None:
        """Take the event of a command that `later` was given."""


class Trace:
    """A record of commands with their meaning and the reasons of refusals; secrets are masked.

    Args:
        limit: how many events it keeps; older ones are dropped. None for no limit.
        unmasked: whether the bytes without masks are kept, too: PINs, and keys that are loaded. They are shown nowhere,
            but `save` writes them, and `replay` needs them.

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

    def __init__(self, limit: int | None = LIMIT, *, unmasked: bool = False) -> None:
        self._unmasked = unmasked
        self._events: deque[Event] = deque(maxlen=limit)
        self._waiting: deque[Callable[[], None]] = deque(maxlen=limit)
        self._lock = threading.RLock()
        self._watchers: list[Callable[[Event], None]] = []

    @classmethod
    def read(cls, path: str | PathLike[str], *, profile: str | PathLike[str] | None = None, psam: str = "") -> Self:
        """Read a file: JSON lines, a dump of apdu4j, a log of pcscd, or a capture (pcapng) of cards.

        Args:
            path: the file; what it is shows from its contents.
            profile: card type by which commands are described that have bytes only; None leaves them so.
            psam: name of the reader with the PSAM, or its beginning, for that.

        Raises:
            TraceError: it cannot be read, or is damaged; an `SscardError`, one sentence with the place.
            InputError: there is no such profile.
        """
        from ..formats.forms import read_events  # noqa: PLC0415 - whoever records reads no file
        from .explain import Explainer  # noqa: PLC0415

        events = read_events(path)
        trace = cls(None)
        trace._events.extend(events if profile is None else Explainer(profile, psam).events(events))
        return trace

    @staticmethod
    def explain(command: bytes, answer: bytes | None = None, *, profile: str | PathLike[str] = "ssc-2.0") -> Event:
        """Describe one command by its bytes, with its answer or without, as `sscard explain` does.

        Args:
            command: the command APDU.
            answer: response data and status word.
            profile: card type.

        Returns:
            the event; which file is meant and what was proven before is not known.

        Raises:
            InputError: there is no such profile.

        Example:
            >>> import sscard
            >>> event = sscard.Trace.explain(bytes.fromhex("0084010008"), bytes.fromhex("6A86"))
            >>> event.name, event.clause, event.reason
            ('GET CHALLENGE', 'Part 5, table 5', 'in ssc-2.0 GET CHALLENGE has P1 00 with P2 00')
        """
        from .explain import Explainer  # noqa: PLC0415 - as in `read`

        return Explainer(profile).alone(command, answer)

    @property
    def unmasked(self) -> bool:
        """Whether the bytes without masks are kept, too."""
        return self._unmasked

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

    def save(self, path: str | PathLike[str], *, form: str = "jsonl", replace: bool = False) -> None:
        """Write the events to a file, secrets masked unless the trace is an unmasked one.

        Args:
            path: the file. A masked trace replaces what is there. An unmasked one has mode 0600.
            form: ``jsonl``, ``text``, ``scriptor``, ``apdu4j`` or ``pcapng``.
            replace: whether an unmasked trace may replace a file.

        Raises:
            TraceError: there is no such form, or it cannot hold these events, or a file is in the way.
            OSError: the file cannot be written.
        """
        from ..formats.forms import write_events  # noqa: PLC0415 - as in `read`

        written = b"".join(write_events([event.bare() for event in self.events], form))
        if not self.unmasked:
            Path(path).write_bytes(written)
            return
        if replace:
            Path(path).unlink(missing_ok=True)
        try:
            number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise TraceError(f"{path}: the file exists already, and an unmasked trace replaces none unasked") from None
        with os.fdopen(number, "wb") as file:
            file.write(written)

    def replay(self, target: "Virtual | Reader", reader: str = "") -> "list[Step]":
        """Send the commands again to a card; return what differs. The trace must be an unmasked one.

        Random numbers that were recorded are drawn again by a virtual card, so that recorded authentications verify.

        Args:
            target: a card, which stays as it is, or a reader with a card: `Reader`, `PcscReader`.
            reader: name of the reader whose commands are meant, or its beginning, if the trace has several.

        Returns:
            a `Step` for each command whose answer differs, or that was not sent; an empty list for none.

        Raises:
            ReplayError: a command is masked; an `SscardError`.
            TraceError: commands are of several readers.

        Example:
            >>> import sscard
            >>> card = sscard.Card.issue()
            >>> card.trace = sscard.Trace(unmasked=True)
            >>> before = card.fork()
            >>> answer = card.transmit(bytes.fromhex("0084000008"))
            >>> card.trace.replay(before)
            []
        """
        from .replay import replay  # noqa: PLC0415 - as in `read`

        events = [event.bare() for event in self.events]
        return [step for step in replay(lambda: events, target, reader=reader) if not step.same]

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

    @property
    def unmasked(self) -> bool:
        return self._whole.unmasked

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
