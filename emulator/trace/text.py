"""Events of the trace as plain lines."""

from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final

from .event import Event, split_time

INDENT: Final = 14
_YEAR: Final = 31_536_000
"""Seconds; a smaller time counts from the beginning of a recording that has no date."""


def time_text(time: float) -> str:
    """Return the time of an event to the millisecond, twelve characters; blank if it has none."""
    if not time:
        return " " * 12
    second, microseconds = split_time(time)
    return f"{_clock(second)}.{microseconds // 1000:03}"


@lru_cache(1024)
def _clock(second: int) -> str:
    return datetime.fromtimestamp(second, UTC if second < _YEAR else None).strftime("%H:%M:%S")


def event_lines(event: Event) -> Iterator[str]:
    """Yield the lines of one event: time, name and fields; the bytes; the reason if the card refused."""
    time = time_text(event.time)
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
    yield f"{'':{INDENT}}> {event.apdu}" + (f"  < {answer} {event.meaning}".rstrip() if answer else " ") + clause
    if event.refused and event.reason:
        yield f"{'':{INDENT}}why: {event.reason}"
