"""Send the commands of a trace to a card again, and report by command what it answers otherwise.

A virtual card draws the random numbers that were recorded, so that what was computed from them is right again. Another
card draws its own: they are not compared, and a command that proves a recorded one is not sent to it, since a wrong
proof costs a try.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import islice
from os import PathLike
from typing import Any, Final, Protocol, runtime_checkable

from keys.errors import SscardError
from keys.generate import RandomSource, system_random

from ..card.apdu import GET_RESPONSE, Command
from ..card.row import Drawn, Row
from ..formats.single import of_reader, one_card
from ..trace.event import MASK, Event
from .foreign import DEFAULT_PROFILE, Foreign, structure

_GET_CHALLENGE: Final = 0x84
_LOOK: Final = 8
"""Events within which the data of a command are fetched."""


class ReplayError(SscardError):
    """A trace cannot be replayed; the text is one sentence that says why."""


class Driven(Protocol):
    """What a replay needs of a virtual card."""

    random: RandomSource

    @property
    def atr(self) -> bytes:
        """The answer to reset."""

    def power_on(self) -> None:
        """Reset it cold."""

    def power_off(self) -> None:
        """Take its power away."""

    def reset(self) -> None:
        """Reset it warm."""

    def transmit(self, command: bytes) -> bytes:
        """Return the answer to one command APDU."""

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command has now, and the command as parsed."""

    def record_to(self, trace: Any, /) -> None:
        """Record events from now on."""


@runtime_checkable
class Virtual(Protocol):
    """A virtual card: `sscard.Card`."""

    def fork(self) -> Driven:
        """Return another card with the same memory."""


class Reader(Protocol):
    """A reader with a card: `sscard.PcscReader`, `sscard.Reader`."""

    def open(self) -> Any:
        """Reset the card cold and return a connection."""


@dataclass(frozen=True, slots=True)
class Step:
    """A command that was replayed, or a reset whose answer differs.

    Attributes:
        number: which command of the trace it is, from 1; of a reset that of the command before.
        event: the command with what the card answers now, secrets masked.
        recorded: the recorded answer in hex, status word last; masked as that of the event.
        text: what differs, or why it was not sent; empty if it answers the same.
        sent: whether it was sent.
    """

    number: int
    event: Event
    recorded: str
    text: str = ""
    sent: bool = True

    @property
    def same(self) -> bool:
        """Return whether the card answers as recorded."""
        return not self.text

    def table(self) -> dict[str, Any]:
        """Return the step as a table that JSON can write; no answer if it was not sent."""
        event = self.event
        return {
            "number": self.number,
            "kind": event.kind,
            "name": event.name,
            "file": event.file,
            "fields": event.fields,
            "sent": self.sent,
            "apdu": event.apdu,
            "recorded": self.recorded,
            "answered": event.answer + event.sw,
            "text": self.text,
            "reason": event.reason,
        }

    def __str__(self) -> str:
        """Return the step as lines for people."""
        event = self.event
        what = f"command {self.number}  {event.name}" if event.kind == "command" else event.kind
        lines = [f"{what}{f'  {event.file}' if event.file else ''}  {event.fields}".rstrip()]
        if event.apdu:
            lines.append(f"  sent      {event.apdu}" if self.sent else f"  not sent  {event.apdu}")
        lines.append(f"  recorded  {self.recorded}")
        if self.sent:
            lines.append(f"  answered  {event.answer}{event.sw}")
        lines.append(f"  {'differs ' if self.sent else 'why     '}  {self.text}")
        if event.reason and self.sent:
            lines.append(f"  why       {event.reason}")
        return "\n".join(lines)


# -- where commands go --------------------------------------------------------------------------------


class _Target(Protocol):
    """A card to which commands are sent."""

    def restart(self, kind: str) -> bytes:
        """Cut the power or reset the card; return its answer to reset."""

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command has now, and the command as parsed."""

    def send(self, raw: bytes, random: bytes) -> Event:
        """Send a command; the card draws a random number if it can be told which. Return the event, unmasked, too."""

    def close(self) -> None:
        """Let the card go."""


class _Recorded:
    """Random numbers that were recorded; where none was, new ones."""

    def __init__(self) -> None:
        self.next = b""

    def __call__(self, length: int, /) -> bytes:
        """Return the recorded number, once, if it is as long as is asked for."""
        drawn, self.next = self.next, b""
        return drawn if len(drawn) == length else system_random(length)


class _Latest:
    """Keeps the latest event, with its bytes without masks."""

    unmasked: Final = True

    def __init__(self) -> None:
        self.event = Event(0.0, "note")

    def keep(self, event: Event) -> None:
        self.event = event

    record = keep

    def later(self, report: Callable[[], None], size: int) -> None:  # noqa: ARG002 - it counts commands, not bytes
        report()


class _OnCard:
    """A fork of a virtual card: the card itself does not change."""

    def __init__(self, card: Virtual) -> None:
        self._random = _Recorded()
        self._card = card.fork()
        self._card.random = self._random
        self._latest = _Latest()
        self._card.record_to(self._latest)

    def restart(self, kind: str) -> bytes:
        act = {"power off": self._card.power_off, "reset": self._card.reset}.get(kind, self._card.power_on)
        act()
        return self._card.atr

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        return self._card.find_row(raw)

    def send(self, raw: bytes, random: bytes) -> Event:
        self._random.next = random
        self._card.transmit(raw)
        return self._latest.event

    def close(self) -> None:
        self._card.record_to(None)


class _InReader:
    """A card in a reader, which may be a physical one."""

    def __init__(self, reader: Reader, profile: str | PathLike[str]) -> None:
        self._reader = reader
        self._seen = Foreign(structure(profile))
        self._connection: Any = reader.open()

    def restart(self, kind: str) -> bytes:
        self._seen.restart()
        if kind == "reset" and self._connection is not None:
            self._connection.reset()
        else:
            self.close()
            if kind != "power off":
                self._connect()
        return b"" if self._connection is None else bytes(self._connection.atr)

    def _connect(self) -> None:
        self._connection = self._reader.open()

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        return self._seen.find_row(raw)

    def send(self, raw: bytes, random: bytes) -> Event:  # noqa: ARG002 - it draws its own
        if self._connection is None:
            self._connect()
        return self._seen.describe(raw, self._connection.transmit(raw), unmasked=True)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


# -- what was recorded --------------------------------------------------------------------------------


class _Tape:
    """Recorded events, with a look at those that come."""

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = iter(events)
        self._coming: deque[Event] = deque()

    def __iter__(self) -> Iterator[Event]:
        while self._coming or self._fill(1):
            yield self._coming.popleft()

    def _fill(self, count: int) -> bool:
        self._coming.extend(islice(self._events, count - len(self._coming)))
        return bool(self._coming)

    def data_of(self, event: Event) -> str:
        """Return the whole response data of a command in hex, also if GET RESPONSE fetches them; empty for none."""
        if event.sw == "9000" or not event.sw.startswith("61"):
            return event.answer if event.sw == "9000" else ""
        self._fill(_LOOK)
        data = event.answer
        for coming in self._coming:
            if coming.kind != "command" or int(coming.apdu[2:4] or "0", 16) != GET_RESPONSE:
                break
            data += coming.answer
            if coming.sw == "9000":
                return data
        return ""


def require_unmasked(events: Iterable[Event]) -> None:
    """Refuse a trace that cannot be replayed whole, before anything is sent.

    Raises:
        ReplayError: a command is masked, or there is none.
        TraceError: commands are of several readers.
    """
    number = 0
    for event in one_card(events):
        if event.kind == "command":
            number += 1
            if MASK in event.apdu:
                name = event.name[:40] or event.apdu[:8]
                raise ReplayError(
                    f"command {number} of the trace, {name}, is masked, so it cannot be replayed: record with "
                    "--unmasked (Python: Trace(unmasked=True))"
                )
    if not number:
        raise ReplayError("the trace has no command")


def replay(
    events: Callable[[], Iterable[Event]],
    target: Virtual | Reader,
    *,
    reader: str = "",
    profile: str | PathLike[str] = DEFAULT_PROFILE,
) -> Iterator[Step]:
    """Send the commands of a trace again; yield each with what differs. Resets and losses of power are replayed, too.

    Args:
        events: returns the events; called twice, first to check them. Memory does not grow with them.
        target: a virtual card, which stays as it is (a fork of it is used), or a reader with a card.
        reader: name of the reader whose commands are meant, or its beginning, if the trace has several.
        profile: card type for which the card in a reader is taken.

    Raises:
        ReplayError: a command is masked, or there is none.
        TraceError: the events are of several readers, or of another one.
        TerminalError: the card in the reader is gone, or was never there.
    """
    chosen = partial(of_reader, wanted=reader) if reader else iter
    require_unmasked(chosen(events()))
    at: _Target = _OnCard(target) if isinstance(target, Virtual) else _InReader(target, profile)
    try:
        yield from _Replay(at, _Tape(chosen(events()))).steps()
    finally:
        at.close()


class _Replay:
    """A replay under way.

    Attributes:
        other: of the two kinds of random numbers, challenges and those of trades, the ones that are not as recorded.
    """

    def __init__(self, target: _Target, tape: _Tape) -> None:
        self._target = target
        self._tape = tape
        self._number = 0
        self._drawn: tuple[str, Drawn] | None = None
        self._unsent_before = False
        self._other: set[str] = set()

    def steps(self) -> Iterator[Step]:
        """Yield the commands, and the resets whose answer differs."""
        for event in self._tape:
            if event.kind == "command":
                self._number += 1
                yield self._command(event)
            elif event.kind in ("power on", "power off", "reset"):
                yield from self._restart(event)

    def _restart(self, event: Event) -> Iterator[Step]:
        self._other.clear()
        self._drawn = None
        self._unsent_before = False
        atr = self._target.restart(event.kind).hex().upper()
        if event.answer and atr != event.answer:
            now = Event(event.time, event.kind, answer=atr)
            yield Step(self._number, now, event.answer, _differences(event.answer, atr, ()))

    def _command(self, event: Event) -> Step:
        raw = bytes.fromhex(event.apdu)
        row, command = self._target.find_row(raw)
        if row is None or not row.fetches:
            self._drawn = None if row is None or row.draws is None else (_kind(row), row.draws)
        proves = _proves(row, command)
        if self._unsent_before and row is not None and row.fetches:
            return self._unsent(event, raw, row, "it fetches the answer of a command that was not sent")
        self._unsent_before = proves in self._other
        if self._unsent_before:
            text = f"it proves the recorded {proves}, and the card has drawn another one: a wrong proof may cost a try"
            return self._unsent(event, raw, row, text)
        now = self._target.send(raw, self._random(event))
        bare = now.bare()
        recorded, answered = event.answer + event.sw, bare.answer + bare.sw
        skipped = self._skipped(event.answer, bare.answer) if event.sw == bare.sw == "9000" else ()
        text = _differences(recorded, answered, skipped)
        shown = MASK * (len(event.answer) // 2) + event.sw if MASK in now.answer else recorded
        return Step(self._number, now, shown, text)

    def _unsent(self, event: Event, raw: bytes, row: Row | None, text: str) -> Step:
        name = row.name if row else ""
        now = Event(event.time, "command", name, apdu=raw[:5].hex().upper() + MASK * len(raw[5:]))
        return Step(self._number, now, event.sw, text, sent=False)

    def _random(self, event: Event) -> bytes:
        """Return the random number that the card shall draw for a command; empty if none was recorded."""
        data = self._tape.data_of(event) if self._drawn else ""
        if self._drawn is None or MASK in data:
            return b""
        whole = bytes.fromhex(data)
        return bytes(whole[place] for place in self._drawn[1].random(len(whole)))

    def _skipped(self, recorded: str, answered: str) -> tuple[int, ...]:
        """Return the places of bytes that a card draws or computes from that, where it has drawn another number."""
        if self._drawn is None:
            return ()
        kind, drawn = self._drawn
        total = len(recorded) // 2
        random = drawn.random(total)
        if recorded[2 * random.start : 2 * random.stop] == answered[2 * random.start : 2 * random.stop]:
            self._other.discard(kind)
            return ()
        self._other.add(kind)
        return tuple(drawn.all(total))


def _kind(row: Row) -> str:
    return "challenge" if row.ins == _GET_CHALLENGE else "random number of the trade"


def _proves(row: Row | None, command: Command | None) -> str:
    """Return which recorded random number the data of a command prove; empty for none."""
    if row is None or command is None:
        return ""
    if row.completes_trade:
        return "random number of the trade"
    return "challenge" if row.takes_challenge or command.secured else ""


def _differences(recorded: str, answered: str, skipped: Iterable[int]) -> str:
    """Return what differs between two answers in hex, status word last; empty if nothing does."""
    if recorded[-4:] != answered[-4:]:
        return f"{answered[-4:] or 'nothing'}, recorded {recorded[-4:] or 'nothing'}"
    if len(recorded) != len(answered):
        return f"{len(answered) // 2} bytes, recorded {len(recorded) // 2}"
    left = set(skipped)
    pairs = (
        (place, recorded[2 * place : 2 * place + 2], answered[2 * place : 2 * place + 2])
        for place in range(len(recorded) // 2)
    )
    other = [place for place, before, now in pairs if before not in (now, MASK) and place not in left]
    if not other:
        return ""
    runs = ", ".join(_run(first, last) for first, last in _runs(other))
    return f"{'byte' if len(other) == 1 else 'bytes'} {runs} of {len(recorded) // 2}"


def _runs(places: list[int]) -> Iterator[tuple[int, int]]:
    first = last = places[0]
    for place in places[1:]:
        if place != last + 1:
            yield first, last
            first = place
        last = place
    yield first, last


def _run(first: int, last: int) -> str:
    return f"{first + 1}" if first == last else f"{first + 1}-{last + 1}"
