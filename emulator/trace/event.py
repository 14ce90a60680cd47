"""Events of the trace, and where they go: one event for each command, reset or note."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Protocol

from .visible import visible

ACCEPTED: Final = ("90", "61", "6C")
"""How status words begin that are no refusal."""


@dataclass(frozen=True, slots=True)
class Event:
    """One line of the trace.

    Attributes:
        time: seconds since 1970.
        kind: ``command``, ``power on``, ``power off``, ``reset`` or ``note``.
        fields: what the command says, decoded.
        apdu, answer: hex, secrets masked.
        sw: four hex digits; ``meaning`` and ``clause`` say it in words.
        reason: why the card refused.
        seconds: how long the card took.
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

    @property
    def refused(self) -> bool:
        """Whether it is a command that the card refused; data that wait (61xx) and a right Le (6Cxx) are none."""
        return self.kind == "command" and not self.sw.startswith(ACCEPTED)

    def json(self) -> str:
        """One JSON object on one line."""
        shown = {name: value for name, value in asdict(self).items() if value not in ("", 0.0)}
        shown["time"] = datetime.fromtimestamp(self.time).astimezone().isoformat(timespec="microseconds")
        if self.seconds:
            shown["seconds"] = round(self.seconds, 6)  # what lies below is the clock's
        return visible(json.dumps(shown, ensure_ascii=False))


Sink = Callable[[Event], None]


class _Stream(Protocol):
    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...


class JsonLines:
    """A sink that writes JSON lines to a text stream."""

    def __init__(self, stream: _Stream) -> None:
        self._stream = stream

    def __call__(self, event: Event) -> None:
        self._stream.write(event.json() + "\n")
        self._stream.flush()
