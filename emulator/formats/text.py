"""Plain lines for people, as `sscard` shows them."""

from collections.abc import Iterable, Iterator

from ..trace.event import Event
from ..trace.text import event_lines
from ..trace.visible import visible


def write(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the lines of each event."""
    for event in events:
        yield visible("".join(f"{line}\n" for line in event_lines(event))).encode()
