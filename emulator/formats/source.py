"""The lines of a file, each within a limit, so that no file of whatever kind fills the memory."""

from collections.abc import Iterator
from typing import BinaryIO, Final

from ..trace.errors import TraceError
from ..trace.event import Event

LONGEST: Final = 1 << 20
"""Bytes of the longest line."""


def lines(stream: BinaryIO, name: str) -> Iterator[bytes]:
    """Yield the lines of a file; raise `TraceError` for one that is longer than any exchange can be."""
    number = 0
    while line := stream.readline(LONGEST):
        number += 1
        if len(line) == LONGEST:
            raise TraceError(f"{name}, line {number}: longer than {LONGEST} bytes: this is not a trace")
        yield line


def exchange(apdu: str, response: str, time: float = 0.0, seconds: float = 0.0, reader: str = "") -> Event:
    """Return the event of a command of which nothing is known but its bytes; `emulator.rig.explain` describes it.

    Args:
        apdu: the command in hex.
        response: the answer in hex, status word last, two bytes or more.
        time: seconds since 1970, or since the beginning where the file has no date.
        seconds: how long the answer took.
        reader: which reader the card is in.
    """
    return Event(time, "command", apdu=apdu, answer=response[:-4], sw=response[-4:], seconds=seconds, reader=reader)


def unanswered(apdu: str, time: float = 0.0, reader: str = "") -> Event:
    """Return the note on a command without an answer; its header is shown, and no data, which may be secret."""
    more = "…" if len(apdu) > 8 else ""
    return Event(time, "note", fields=f"no answer to {apdu[:8]}{more}: was the card pulled out?", reader=reader)
