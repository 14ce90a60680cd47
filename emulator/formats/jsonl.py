"""JSON lines, as `--trace` and `Trace.save` write them."""

from collections.abc import Iterable, Iterator
from typing import BinaryIO

from ..trace.event import Event
from ..trace.reading import read_lines
from .source import lines


def begins(head: bytes) -> bool:
    """Return whether a file that begins so may be one."""
    return head.lstrip().startswith(b"{")


def read(stream: BinaryIO, name: str) -> Iterator[Event]:
    """Yield the events; raise `TraceError` for a line that is not one of a trace."""
    return read_lines(lines(stream, name), name)


def write(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield a line for each event."""
    for event in events:
        yield f"{event.json()}\n".encode()
