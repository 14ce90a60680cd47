"""Events of the trace as plain lines."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from .event import Event

INDENT: Final = 14


def event_lines(event: Event) -> Iterator[str]:
    """Yield the lines of one event: time, name and fields; the bytes; the reason if the card refused."""
    time = datetime.fromtimestamp(event.time).strftime("%H:%M:%S.%f")[:12]
    at = f"  [{event.reader}]" if event.reader else ""
    if event.kind == "fault":
        where = f" in {event.file}" if event.file else ""
        yield f"{time}  fault {event.fields}{where}{at}"
        yield f"{'':{INDENT}}> {event.apdu}  {event.reason}"
        return
    if event.kind != "command":
        yield f"{time}  {event.kind}{f' {event.fields}' if event.fields else ''}{at}"
        return
    yield f"{time}  {event.name:<24}{event.file:<10} {event.fields}".rstrip() + at
    answer = f"{event.answer} {event.sw}" if event.answer else event.sw
    clause = f" ({event.clause})" if event.clause else ""
    yield f"{'':{INDENT}}> {event.apdu}  < {answer} {event.meaning}{clause}"
    if event.refused and event.reason:
        yield f"{'':{INDENT}}why: {event.reason}"
