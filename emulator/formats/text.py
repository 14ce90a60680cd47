"""Plain lines for people, as `sscard` shows them."""

from collections.abc import Iterable, Iterator

from ..trace.event import Event
from ..trace.text import Language, event_lines
from ..trace.visible import visible


def write(events: Iterable[Event], language: Language = "en") -> Iterator[bytes]:
    """Yield the lines of each event, in a language."""
    for event in events:
        yield visible("".join(f"{line}\n" for line in event_lines(event, language))).encode()
