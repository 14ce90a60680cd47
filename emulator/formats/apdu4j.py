"""Dumps of apdu4j: ``# ATR: HEX`` and ``# PROTOCOL: T=0``, other comments, then a command and its answer by turns.

A dump holds one card. What it cannot hold stands in comments, which apdu4j passes over: resets, and which bytes are
masked.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import BinaryIO, Final

from cardfs.model.atr import protocols

from ..trace.errors import TraceError
from ..trace.event import Event
from . import masks
from .single import one_card
from .source import exchange, lines, unanswered

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_TOOK: Final = re.compile(r"# (\d+)ms(?: (.+))?")
_COMMAND: Final = re.compile(rb"(?:[0-9A-Fa-f]{2}){4,}")
_ATR: Final = "# ATR:"
_PROTOCOL: Final = "# PROTOCOL:"
_HEADER: Final = (_ATR.encode(), _PROTOCOL.encode())
_RESETS: Final = {f"# {kind}": kind for kind in ("reset", "power off")}


def begins(head: bytes) -> bool:
    """Return whether a file that begins so may be one."""
    filled = (line.strip() for line in head.split(b"\n") if line.strip())
    first = next((line for line in filled if not line.startswith(b"#") or line.startswith(_HEADER)), b"")
    return first.startswith(_HEADER) or bool(_COMMAND.fullmatch(first))


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
            return Event(0.0, "power on", answer=_hex(line.removeprefix(_ATR)))
        if line in _RESETS:
            return Event(0.0, _RESETS[line])
        took = _TOOK.fullmatch(line)
        if took and self.command:
            self._seconds = int(took[1]) / 1000
            if took[2]:
                # apdu4j writes what went wrong there, and no answer follows.
                command, self.command = self.command, ""
                return unanswered(command)
        elif "masked: " in line:
            self._note = line
        return None

    def bytes_of(self, line: str) -> Event | None:
        """Take a line of hex; return the exchange that it completes. Raise ValueError."""
        shown, self._note = masks.masked(_hex(line), self._note), ""
        if not self.command:
            if len(shown) < 8:
                raise ValueError("a command has four bytes at least")
            self.command, self._seconds = shown, 0.0
            return None
        if len(shown) < 4:
            raise ValueError("an answer has a status word of two bytes at least")
        command, self.command = self.command, ""
        return exchange(command, shown, seconds=self._seconds)


def _hex(text: str) -> str:
    digits = "".join(text.split())
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
        if event.kind == "command":
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
    yield f"{_ATR} {event.answer}"
    if first:
        with suppress(ValueError, IndexError):
            yield f"{_PROTOCOL} T={protocols(bytes.fromhex(event.answer))[0]}"
        yield "#"


def _exchange(event: Event) -> Iterator[str]:
    for shown in (event.apdu, event.answer + event.sw):
        note = masks.note(shown)
        if note:
            yield f"# {note}"
        yield masks.filled(shown)
        if shown is event.apdu:
            yield f"# {event.seconds * 1000:.0f}ms"


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
