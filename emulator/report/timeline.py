"""The timeline of a report: one lane for each reader, in the order of the trace, as an SVG image."""

from collections.abc import Iterator, Sequence
from html import escape
from typing import Final

from ..trace.visible import visible
from .content import Content
from .texts import Texts

WIDTH: Final = 1080
LEFT: Final = 110
LANE: Final = 30
TOP: Final = 22
MOST_MARKS: Final = 3000
"""Refusals that are marked; more would be a grey area."""

READERS: Final = 4


def timeline(report: Content, readers: Sequence[str], texts: Texts) -> str:
    """Return the image: bars while a card has power, marks of refusals, faults, findings, insertions."""
    height = TOP + LANE * len(readers) + 8
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(texts.timeline)}">'
        + "".join(_Lanes(report, readers, texts).parts())
        + "</svg>"
    )


class _Lanes:
    def __init__(self, report: Content, readers: Sequence[str], texts: Texts) -> None:
        self._report = report
        self._readers = readers
        self._t = texts
        self._last = max(2, len(report.events))

    def parts(self) -> Iterator[str]:
        for place, reader in enumerate(self._readers):
            y = TOP + LANE * place + LANE / 2
            name = reader if len(reader) <= 16 else f"{reader[:15]}…"
            yield f'<text x="4" y="{y + 4}">{_text(name or self._t.only_reader)}</text>'
            yield f'<line class="lane" x1="{LEFT}" x2="{WIDTH - 8}" y1="{y}" y2="{y}"/>'
        yield from self._sessions()
        yield from self._marks()
        yield from self._findings()

    def _x(self, line: int) -> float:
        return round(LEFT + (WIDTH - LEFT - 14) * (line - 1) / (self._last - 1), 1)

    def _y(self, reader: str) -> float:
        return TOP + LANE * self._readers.index(reader) + LANE / 2

    def _sessions(self) -> Iterator[str]:
        began: dict[str, int] = {}
        for line, event in enumerate(self._report.events, 1):
            if event.kind in ("power on", "command", "reset"):
                began.setdefault(event.reader, line)
            elif event.kind in ("power off", "removed", "inserted") and event.reader in began:
                yield self._bar(event.reader, began.pop(event.reader), line)
        for reader, line in began.items():
            yield self._bar(reader, line, len(self._report.events))

    def _bar(self, reader: str, first: int, last: int) -> str:
        x, y = self._x(first), self._y(reader) - 7
        wide = max(1.5, round(self._x(last) - x, 1))
        colour = f"r{self._readers.index(reader) % READERS}"
        return f'<rect class="bar {colour}" x="{x}" y="{y}" width="{wide}" height="14" rx="2"/>'

    def _marks(self) -> Iterator[str]:
        left = MOST_MARKS
        for line, event in enumerate(self._report.events, 1):
            x, y = self._x(line), self._y(event.reader)
            if event.kind == "inserted":
                yield self._mark("swap", x, y, 13, event.fields)
            elif event.kind == "fault":
                yield self._mark("strike", x, y, 12, f"{self._t.fault}: {event.fields}")
            elif event.refused and left:
                left -= 1
                yield self._mark("refusal", x, y, 7, f"{line}: {event.name} {event.sw}")

    @staticmethod
    def _mark(kind: str, x: float, y: float, half: int, title: str) -> str:
        place = f'x1="{x}" x2="{x}" y1="{y - half}" y2="{y + half}"'
        return f'<line class="{kind}" {place}><title>{_text(title)}</title></line>'

    def _findings(self) -> Iterator[str]:
        for finding in self._report.findings[:MOST_MARKS]:
            line = min(finding.line, len(self._report.events))
            x, y = self._x(line), self._y(self._report.events[line - 1].reader) - 9
            title = finding.zh if self._t.lang != "en" else finding.text
            yield (
                f'<a href="#L{line}"><path class="{finding.severity}" d="M{x} {y}l-5.5 -9h11z">'
                f"<title>{line}: {_text(title)}</title></path></a>"
            )


def _text(text: str) -> str:
    return escape(visible(text))
