"""Events of the trace, and sinks for them: one event for each command, reset or note."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

from .visible import visible

ACCEPTED: Final = ("90", "61", "6C")
"""First bytes of the status words that are not refusals."""


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
        apdu, answer: the command, and the response data without status word, in hex with secrets masked.
        sw: the status word, four hex digits.
        meaning, clause: what the status word means, and where the standard says so.
        reason: why the card refused, in one sentence.
        seconds: how long the card took.
        reader: which reader the card is in, where there are several.
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

    @property
    def refused(self) -> bool:
        """Return whether it is a command that the card refused; 61xx and 6Cxx are not refusals."""
        return self.kind == "command" and not self.sw.startswith(ACCEPTED)

    def json(self) -> str:
        """Return the event as a JSON object on one line, without fields that are empty; the time in ISO 8601."""
        shown = {name: value for name, value in asdict(self).items() if value not in ("", 0.0)}
        shown["time"] = datetime.fromtimestamp(self.time).astimezone().isoformat(timespec="microseconds")
        if self.seconds:
            shown["seconds"] = round(self.seconds, 6)  # what lies below is the clock's
        return visible(json.dumps(shown, ensure_ascii=False))


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
