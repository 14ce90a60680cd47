"""A script for `scriptor` of pcsc-tools, which sends it to a card again: commands, and the rest as comments."""

import re
from collections.abc import Iterable, Iterator
from typing import Final

from ..trace.event import MASK, Event
from ..trace.visible import one_line
from .single import one_card

FIRST: Final = "# commands for scriptor (pcsc-tools): scriptor THIS-FILE"
"""The first line."""

_STOPS: Final = re.compile("exit", re.IGNORECASE)
"""What ends scriptor wherever it stands, also in a comment."""


def begins(head: bytes) -> bool:
    """Return whether a file that begins so is one of ours."""
    return head.startswith(FIRST.encode())


def write(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the lines; a masked command is a comment. Raise `TraceError` for a trace of several readers."""
    yield f"{FIRST}\n".encode()
    sent = False
    for event in one_card(events):
        if event.kind == "command":
            sent = True
            yield _lines(_command(event))
        elif event.kind in ("reset", "power on") and sent:
            yield b"reset\n"
        elif event.kind not in ("reset", "power on"):
            yield _lines([_comment(f"{event.kind} {event.fields}".rstrip())])


def _command(event: Event) -> Iterator[str]:
    what = " ".join(part for part in (event.name, event.file, event.fields) if part)
    if what:
        yield _comment(what)
    bytes_of = " ".join(event.apdu[at : at + 2] for at in range(0, len(event.apdu), 2))
    if MASK in event.apdu:
        yield _comment(f"masked, so it is not sent: {event.apdu}")
    else:
        yield bytes_of or _comment("a command without bytes, so it is not sent")
    why = f"  why: {event.reason}" if event.reason else ""
    yield _comment(f"< {event.answer} {event.sw}{why}" if event.answer else f"< {event.sw}{why}")


def _comment(text: str) -> str:
    return f"# {_STOPS.sub('e-x-i-t', one_line(text))}"


def _lines(texts: Iterable[str]) -> bytes:
    return "".join(f"{text}\n" for text in texts).encode()
