"""Events of the trace as plain lines."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Literal, NamedTuple
from unicodedata import east_asian_width

from ..chinese.chinese import chinese
from ..status import explain
from .event import Event, split_time

Language = Literal["en", "zh"]
"""What people read: English or Chinese."""

KINDS_ZH: Final[Mapping[str, str]] = {
    "power on": "上电",
    "power off": "下电",
    "reset": "热复位",
    "inserted": "插入卡片",
    "removed": "拔出卡片",
    "note": "说明",
    "fault": "故障",
}
"""Kinds of events in Chinese."""

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


class Words(NamedTuple):
    """What stands around the texts of an event: its kind, where it was, and what comes before a reason."""

    kind: str
    where: str
    why: str


def worded(event: Event, language: Language) -> tuple[Event, Words]:
    """Return an event with its texts in a language, and the words around them; the fields of a command stay."""
    if language == "en":
        return event, Words(event.kind, f" in {event.file}" if event.file else "", "why: ")
    said = replace(
        event,
        name=event.zh or event.name,
        fields=chinese(event.fields) if event.kind == "note" else event.fields,
        meaning=explain(int(event.sw, 16)).zh if event.sw else "",
        reason=chinese(event.reason),
    )
    return said, Words(KINDS_ZH.get(event.kind, event.kind), f"（{event.file}）" if event.file else "", "原因：")


def padded(text: str, width: int) -> str:
    """Return a text with spaces up to a width; a Chinese character is two columns wide."""
    if text.isascii():
        return text.ljust(width)
    return text + " " * (width - sum(2 if east_asian_width(each) in "WF" else 1 for each in text))


def event_lines(event: Event, language: Language = "en") -> Iterator[str]:
    """Yield the lines of one event: time, name and fields; the bytes; the reason if the card refused."""
    event, words = worded(event, language)
    time = time_text(event.time)
    at = f"  [{event.reader}]" if event.reader else ""
    if event.kind == "fault":
        yield f"{time}  {words.kind} {event.fields}{words.where}{at}"
        yield f"{'':{INDENT}}> {event.apdu}  {event.reason}"
        return
    if event.kind != "command":
        yield f"{time}  {words.kind}{f' {event.fields}' if event.fields else ''}{at}"
        return
    yield f"{time}  {padded(event.name, 24)}{event.file:<10} {event.fields}".rstrip() + at
    answer = f"{event.answer} {event.sw}" if event.answer else event.sw
    clause = f" ({event.clause})" if event.clause else ""
    yield f"{'':{INDENT}}> {event.apdu}" + (f"  < {answer} {event.meaning}".rstrip() if answer else " ") + clause
    if event.refused and event.reason:
        yield f"{'':{INDENT}}{words.why}{event.reason}"
