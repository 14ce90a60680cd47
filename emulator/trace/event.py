"""Events of the trace, and sinks for them: one event for each command, reset or note."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from math import modf
from typing import Any, Final, Protocol

from .visible import visible

MASK: Final = "**"
"""Stands for a secret byte in hex."""

ACCEPTED: Final = ("90", "61", "6C")
"""First bytes of the status words that are not refusals."""


LATEST: Final = 253_370_764_800.0
"""The first second of 9999: no clock of a trace shows it, and some zones could not."""


class Plain:
    """The bytes of a command and its answer as they passed, PINs and keys included; never printed.

    Attributes:
        apdu, answer: the command, and the response data without status word, in hex.
    """

    __slots__ = ("answer", "apdu")

    def __init__(self, apdu: str, answer: str) -> None:
        self.apdu = apdu
        self.answer = answer

    def __repr__(self) -> str:
        """Show no byte."""
        return "<bytes that are not shown>"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the trace.

    Attributes:
        time: seconds since 1970.
        kind: ``command``, ``power on``, ``power off``, ``reset``, ``fault``, ``note``; of a rig ``inserted`` and
            ``removed``, too.
        name: name of the command in the standard, or its instruction byte.
        zh: its Chinese name in the standard.
        file: label of the file that it means.
        fields: fields of command and answer, decoded.
        apdu, answer: the command, and the response data without status word, in hex with secrets masked; of a
            ``power on`` and a ``reset`` the answer to reset.
        sw: the status word, four hex digits.
        meaning, clause: what the status word means, and where the standard says so.
        reason: why the card refused, in one sentence.
        seconds: how long the card took.
        reader: which reader the card is in, where there are several.
        plain: the bytes without masks, where somebody has asked for them; `bare` puts them in.
    """

    time: float
    kind: str
    name: str = ""
    file: str = ""
    fields: str = ""
    apdu: str = ""
    answer: str = ""
    sw: str = ""
    meaning: str = ""
    clause: str = ""
    reason: str = ""
    seconds: float = 0.0
    reader: str = ""
    zh: str = ""
    plain: Plain | None = field(default=None, repr=False, compare=False)

    @property
    def refused(self) -> bool:
        """Return whether it is a command that the card refused; 61xx and 6Cxx are not refusals."""
        return self.kind == "command" and not self.sw.startswith(ACCEPTED)

    def bare(self) -> "Event":
        """Return the event with the bytes that passed, secrets included, if they were kept; else the event itself."""
        if self.plain is None:
            return self
        return replace(self, apdu=self.plain.apdu, answer=self.plain.answer, plain=None)

    def table(self) -> dict[str, Any]:
        """Return the event as a table that JSON can write, without fields that are empty; the time in seconds."""
        return {name: value for name in _SHOWN if (value := getattr(self, name)) not in ("", 0.0)}

    def json(self) -> str:
        """Return the event as a JSON object on one line, without fields that are empty; the time in ISO 8601."""
        second, microseconds = split_time(self.time)
        begin, zone = _iso(second)
        moment = f"{begin}.{microseconds:06}{zone}"
        shown = {"time": moment} | self.table() | {"time": moment}  # the time comes first, also if it is 0
        if self.seconds:
            shown["seconds"] = round(self.seconds, 6)  # what lies below is the clock's
        return visible(_encode(shown))


def split_time(time: float) -> tuple[int, int]:
    """Return the whole seconds of a time, and the microseconds after them, rounded as `datetime` does."""
    rest, whole = modf(time)
    microseconds = round(rest * 1e6)
    return (int(whole), microseconds) if microseconds < 1_000_000 else (int(whole) + 1, 0)


@lru_cache(1024)
def _iso(second: int) -> tuple[str, str]:
    """Return a second in ISO 8601 without the zone, and the zone; many events are of the same second."""
    text = datetime.fromtimestamp(second).astimezone().isoformat()
    return text[:19], text[19:]


_encode: Final = json.JSONEncoder(ensure_ascii=False).encode
_SHOWN: Final = tuple(name for name in Event.__slots__ if name != "plain")


Sink = Callable[[Event], None]
"""Takes each event, in order."""


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...


class JsonLines:
    """A sink that writes each event as a JSON line to a text stream, and flushes it."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        self._stream.write(event.json() + "\n")
        self._stream.flush()
