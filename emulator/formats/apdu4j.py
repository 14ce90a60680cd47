"""Dumps of apdu4j: ``# ATR: HEX`` and ``# PROTOCOL: T=0``, other comments, then a command and its answer by turns.

A dump holds one card. What it cannot hold stands in comments, which apdu4j passes over: resets, and which bytes are
masked.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, Final

from cardfs.model.atr import protocols

from ..trace.errors import TraceError
from ..trace.event import Event
from . import masks
from .single import one_card
from .source import exchange, lines, unanswered

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_TOOK: Final = re.compile(r"# (?:Received in )?(?:(\d{1,9})s)?(\d{1,12})ms(?: (.+))?")
"""How long the card took; apdu4j of before 2026 writes the longer form, from a second on with the seconds apart."""
_BYTES: Final = re.compile(rb"(?:[0-9A-Fa-f]{2})+")
_SHORT: Final = 8
"""Digits of a command that is whole."""
_ATR: Final = "# ATR:"
_PROTOCOL: Final = "# PROTOCOL:"
_HEADER: Final = (_ATR.encode(), _PROTOCOL.encode())
_RESETS: Final = {f"# {kind}": kind for kind in ("reset", "power off")}


def begins(head: bytes) -> bool:
    """Return whether a file that begins so may be one."""
    filled = (line.strip() for line in head.split(b"\n") if line.strip())
    told = (line for line in filled if not line.startswith(b"#") or line.startswith(_HEADER))
    first, second = next(told, b""), next(told, b"")
    if not _BYTES.fullmatch(first):
        return first.startswith(_HEADER)
    # Hardly any digits may be a text of any kind.
    return len(first) >= _SHORT or bool(len(second) >= 4 and _BYTES.fullmatch(second))


class _Reader:
    """The dump, line by line.

    Attributes:
        command: the command whose answer has not come yet; empty for none.
    """

    def __init__(self) -> None:
        self.command = ""
        self._seconds = 0.0
        self._note = ""

    def comment(self, line: str) -> Event | None:
        """Take a comment; return the event that it stands for."""
        if line.startswith(_ATR):
            return Event(0.0, "power on", answer=self._masked(masks.masked, line.removeprefix(_ATR)))
        if line in _RESETS:
            return Event(0.0, _RESETS[line])
        took = _TOOK.fullmatch(line)
        if took and self.command:
            self._seconds = int(took[1] or 0) + int(took[2]) / 1000
            if took[3]:
                # apdu4j writes what went wrong there, and no answer follows.
                command, self.command = self.command, ""
                return unanswered(command)
        elif "masked: " in line:
            self._note = line
        return None

    def bytes_of(self, line: str) -> Event | None:
        """Take a line of hex; return the exchange that it completes. Raise ValueError."""
        if not self.command:
            self.command, self._seconds = self._masked(masks.masked_command, line), 0.0
            return None
        shown = self._masked(masks.masked_answer, line)
        if len(shown) < 4:
            raise ValueError("an answer has a status word of two bytes at least")
        command, self.command = self.command, ""
        return exchange(command, shown, seconds=self._seconds)

    def _masked(self, mask: Callable[[str, str], str], text: str) -> str:
        """Return the hex digits of a line, masked as the comment before says."""
        digits = _hex(text)
        if not self._note:
            return digits
        shown, self._note = mask(digits, self._note), ""
        return shown


def _hex(text: str) -> str:
    digits = text if text.isalnum() else "".join(text.split())
    if not _HEX.fullmatch(digits):
        raise ValueError("hex digits are expected, two for each byte")
    return digits.upper()


def read(stream: BinaryIO, name: str) -> Iterator[Event]:
    """Yield the events; raise `TraceError` where the file is not a dump, or is cut off."""
    reader, number = _Reader(), 0
    for number, raw in enumerate(lines(stream, name), 1):
        line = raw.decode("utf-8", "replace").strip()
        try:
            event = reader.comment(line) if line.startswith("#") else reader.bytes_of(line) if line else None
        except ValueError as error:
            raise TraceError(f"{name}, line {number}: this is not a line of an apdu4j dump ({error})") from None
        if event is not None:
            yield event
    if reader.command:
        raise TraceError(f"{name}, line {number}: the file ends after a command without its answer: it is cut off")


def write(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the lines; raise `TraceError` for a trace of several readers."""
    begun = False
    for event in one_card(events):
        if event.kind == "command" and not event.apdu:
            yield _lines([f"# a command without bytes, answered {event.answer}{event.sw}"])
        elif event.kind == "command":
            begun = True
            yield _lines(_exchange(event))
        elif event.kind in ("power on", "reset") and event.answer:
            yield _lines(_head(event, first=not begun))
            begun = True
        elif event.kind in ("power on", "reset", "power off"):
            yield _lines([f"# {'reset' if event.kind == 'power on' else event.kind}"])


def _head(event: Event, *, first: bool) -> Iterator[str]:
    if not first and event.kind == "reset":
        yield "# reset"
        return
    yield from _noted(event.answer, _ATR)
    if first:
        with suppress(ValueError, IndexError):
            yield f"{_PROTOCOL} T={protocols(bytes.fromhex(event.answer))[0]}"
        yield "#"


def _exchange(event: Event) -> Iterator[str]:
    yield from _noted(event.apdu)
    yield f"# {event.seconds * 1000:.0f}ms"
    yield from _noted(event.answer + event.sw)


def _noted(shown: str, before: str = "") -> Iterator[str]:
    """Yield the line of bytes, and before it which of them are masked."""
    note = masks.note(shown)
    if note:
        yield f"# {note}"
    yield f"{before} {masks.filled(shown)}".lstrip()


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
