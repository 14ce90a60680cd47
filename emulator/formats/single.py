"""What forms have in common that hold one card only."""

from collections.abc import Iterable, Iterator

from ..trace.errors import TraceError
from ..trace.event import Event
from ..trace.visible import quoted


def one_card(events: Iterable[Event]) -> Iterator[Event]:
    """Yield events of one reader; raise `TraceError` at the first command of another one."""
    reader: str | None = None
    for event in events:
        if event.kind == "command":
            if reader is None:
                reader = event.reader
            elif event.reader != reader:
                raise TraceError(
                    f"the trace has commands in {quoted(reader)} and in {quoted(event.reader)}, and one card is "
                    "wanted: choose a reader (--of)"
                )
        yield event


def of_reader(events: Iterable[Event], wanted: str) -> Iterator[Event]:
    """Yield the events of one reader.

    Args:
        events: of several readers.
        wanted: its name, or the beginning of it.

    Raises:
        TraceError: no event is of such a reader; at the end.
    """
    others: set[str] = set()
    found = False
    for event in events:
        if event.reader.startswith(wanted):
            found = True
            yield event
        elif len(others) < 16:
            others.add(event.reader)
    if not found:
        there = ", ".join(quoted(each) for each in sorted(others)) or "no reader at all"
        raise TraceError(f"the trace has no reader that begins with {wanted!r}; there are {there}")
