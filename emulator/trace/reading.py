"""Read traces: files of JSON lines, as `--trace` and `Trace.save` write them."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import datetime
from operator import attrgetter
from typing import Any, Final

import msgspec

from .errors import TraceError
from .event import LATEST, Event
from .visible import quoted

KINDS: Final = frozenset(("command", "power on", "power off", "reset", "fault", "note", "inserted", "removed"))
"""What an event can be."""

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2}|\*\*)*")
_WORD: Final = re.compile(r"[0-9A-Fa-f]{4}")
_HEADER: Final = re.compile(r"[0-9A-Fa-f]*")
_HEADER_DIGITS: Final = 8


_FIELDS: Final = [each for each in fields(Event) if each.name not in ("time", "kind", "plain")]
"""What a line may have beside time and kind, and an event in the same order; fields that are empty are left out."""

_Line: Final[Any] = msgspec.defstruct(
    "_Line", [("time", datetime), ("kind", str), *((each.name, each.type, each.default) for each in _FIELDS)]
)
_DECODER: Final = msgspec.json.Decoder(_Line)
_values: Final = attrgetter(*(each.name for each in _FIELDS))


def read_lines(lines: Iterable[bytes], name: str) -> Iterator[Event]:
    """Yield the events of lines, in order.

    Args:
        lines: JSON objects in UTF-8, one a line.
        name: of the file, for errors.

    Raises:
        TraceError: a line is not one of a trace.
    """
    for number, line in enumerate(lines, 1):
        try:
            yield _event(line)
        except (msgspec.MsgspecError, ValueError, OverflowError, RecursionError) as error:
            cut = "" if line.endswith(b"\n") else "the file ends in the middle of a line: "
            raise TraceError(f"{name}, line {number}: {cut}{_reason(line, error)}") from None


def _event(line: bytes) -> Event:
    """Return the event of a line; raise ValueError, or `msgspec.MsgspecError`, if it is none."""
    read = _DECODER.decode(line)
    if read.kind not in KINDS:
        raise ValueError(f"{quoted(read.kind)} is no kind of event")
    if not 0 <= read.time.timestamp() < LATEST:
        raise ValueError("the time lies before 1970 or after 9998")
    if not 0 <= read.seconds < LATEST:
        raise ValueError(f"seconds must lie between 0 and {LATEST:.0f}")
    if read.kind == "command":
        _require_command(read)
    elif not _HEX.fullmatch(read.answer):
        raise ValueError("answer must be hexadecimal")
    return Event(read.time.timestamp(), read.kind, *_values(read))


def _require_command(read: Any) -> None:
    """Refuse a command without hexadecimal bytes in the right places."""
    if not (
        _HEX.fullmatch(read.apdu) and _HEADER.fullmatch(read.apdu[:_HEADER_DIGITS]) and _HEX.fullmatch(read.answer)
    ):
        raise ValueError("apdu and answer must be hexadecimal, with ** for a masked byte")
    if not _WORD.fullmatch(read.sw):
        raise ValueError("a command has a status word sw of four hexadecimal digits")


def _reason(line: bytes, error: Exception) -> str:
    """Say what is wrong with a line, without repeating it: it may be of anything."""
    if not line.strip():
        return "the line is empty"
    if isinstance(error, RecursionError):
        return "this is not an event of a trace (its values are nested too deep)"
    text = str(error)
    if isinstance(error, msgspec.MsgspecError) and not isinstance(error, msgspec.ValidationError):
        return f"this is not JSON ({text})"
    return f"this is not an event of a trace ({text})"
