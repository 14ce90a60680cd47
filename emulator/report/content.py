"""What a report holds, whatever its form: sections of the run, cards, findings, counts, verdict."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from ..judge.judge import judge
from ..judge.rule import SEVERITIES, Finding
from ..judge.update import is_psam
from ..trace.event import Event
from .changes import Change, State, changes

Verdict = Literal["failed", "warnings", "passed"]

_ELEMENT: Final = re.compile(r"(card_identification_code|specification_version|card_number) (\S+)")


class States(NamedTuple):
    """A card's state before and after it was in a reader.

    Attributes:
        reader: name of the reader.
        before, after: tables of `emulator.rig.state.card_table`.
    """

    reader: str
    before: State
    after: State


class Row(NamedTuple):
    """One event of the run, and what the judge found at it."""

    line: int
    event: Event
    findings: Sequence[Finding]


@dataclass(slots=True)
class Section:
    """What passed from the first power on to the last power off: mostly one function of the terminal.

    Attributes:
        rows: the events, in order.
        session: whether a card had power; events between two sessions stand alone.
    """

    rows: list[Row] = field(default_factory=list)
    session: bool = False

    @property
    def commands(self) -> int:
        """Return how many commands there are."""
        return sum(row.event.kind == "command" for row in self.rows)

    @property
    def refusals(self) -> int:
        """Return how many commands the card refused."""
        return sum(row.event.refused for row in self.rows)

    @property
    def findings(self) -> int:
        """Return how many findings there are."""
        return sum(len(row.findings) for row in self.rows)

    @property
    def faults(self) -> int:
        """Return how many faults struck."""
        return sum(row.event.kind == "fault" for row in self.rows)

    @property
    def readers(self) -> tuple[str, ...]:
        """Return the readers in it, by name."""
        return tuple(dict.fromkeys(row.event.reader for row in self.rows))

    @property
    def seconds(self) -> float:
        """Return how long it took."""
        return self.rows[-1].event.time - self.rows[0].event.time if self.rows else 0.0


@dataclass(slots=True)
class Visit:
    """A card in a reader.

    Attributes:
        reader: name of the reader.
        first, last: lines of its first and last event.
        kind: card type, where the trace names it.
        psam: whether it is a PSAM.
        identification, version, number: what the terminal read of it; empty if it did not.
        commands, refusals: how many.
        found: findings by severity.
        changed: what is not as it was; None if the states are not known.
    """

    reader: str
    first: int
    last: int
    kind: str = ""
    psam: bool = False
    identification: str = ""
    version: str = ""
    number: str = ""
    commands: int = 0
    refusals: int = 0
    found: Counter[str] = field(default_factory=Counter)
    changed: list[Change] | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """A run as a report shows it.

    Attributes:
        events: all of it.
        findings: of the judge, by line.
        sections: the events in groups.
        visits: the cards, in the order in which they came.
        faults: how many faults struck.
    """

    events: Sequence[Event]
    findings: Sequence[Finding]
    sections: Sequence[Section]
    visits: Sequence[Visit]
    faults: int

    @property
    def counts(self) -> dict[str, int]:
        """Return how many findings there are of each severity."""
        counted = Counter(finding.severity for finding in self.findings)
        return {severity: counted[severity] for severity in SEVERITIES}

    @property
    def verdict(self) -> Verdict:
        """Return ``failed`` if there is an error, ``warnings`` if there are warnings only, else ``passed``."""
        counts = self.counts
        return "failed" if counts["error"] else "warnings" if counts["warning"] else "passed"

    @property
    def commands(self) -> int:
        """Return how many commands there are."""
        return sum(section.commands for section in self.sections)

    @property
    def refusals(self) -> int:
        """Return how many commands were refused."""
        return sum(section.refusals for section in self.sections)

    @property
    def seconds(self) -> float:
        """Return how long the run took."""
        return self.events[-1].time - self.events[0].time if self.events else 0.0


def content(events: Iterable[Event], states: Iterable[States] = ()) -> Content:
    """Judge a run, and put it in order.

    Args:
        events: of the trace.
        states: of the cards that were in readers, in order; none of a bare trace.
    """
    everything = tuple(events)
    findings = tuple(sorted(judge(everything), key=lambda each: (each.line, SEVERITIES.index(each.severity))))
    at: dict[int, list[Finding]] = {}
    for finding in findings:
        at.setdefault(min(finding.line, len(everything)), []).append(finding)
    rows = [Row(line, event, at.get(line, ())) for line, event in enumerate(everything, 1)]
    visits = list(_visits(rows))
    _add_states(visits, states)
    return Content(
        everything, findings, tuple(_sections(rows)), visits, sum(event.kind == "fault" for event in everything)
    )


# -- sections -------------------------------------------------------------------------------------------


def _sections(rows: Iterable[Row]) -> Iterator[Section]:
    powered: set[str] = set()
    section = Section()
    for row in rows:
        kind, reader = row.event.kind, row.event.reader
        begins = kind in ("power on", "reset", "command") and not powered
        if begins and section.rows and not (kind == "command" and section.session):
            yield section
            section = Section()
        if begins or kind in ("power on", "reset"):
            powered.add(reader)
            section.session = True
        section.rows.append(row)
        if kind in ("power off", "removed"):
            powered.discard(reader)
            if not powered and section.session:
                yield section
                section = Section()
    if section.rows:
        yield section


# -- cards ----------------------------------------------------------------------------------------------


def _visits(rows: Iterable[Row]) -> Iterator[Visit]:
    """Yield every card that was in a reader, in the order in which they came."""
    current: dict[str, Visit] = {}
    pulled: set[str] = set()
    order: list[Visit] = []
    struck = ""
    for row in rows:
        event, reader = row.event, row.event.reader
        if event.kind == "note":
            continue
        known = dict(_ELEMENT.findall(event.fields)) if event.kind == "command" else {}
        visit = current.get(reader)
        comes = event.kind == "inserted" and reader not in pulled
        if visit is None or (comes and (visit.commands or visit.kind)) or _differs(visit, known):
            visit = current[reader] = Visit(reader, row.line, row.line)
            order.append(visit)
        if comes:  # PC/SC may give a card its power before anybody hears that it is there
            visit.kind = event.fields
        _add(visit, row, known)
        if event.kind == "inserted":
            pulled.discard(reader)
        elif event.kind == "removed" and struck == reader:
            pulled.add(reader)  # by a fault: it comes back by itself
        elif event.kind == "removed":
            del current[reader]
        struck = reader if event.kind == "fault" else ""
    yield from order


def _differs(visit: Visit, known: dict[str, str]) -> bool:
    code = known.get("card_identification_code", "")
    return bool(code and visit.identification and code != visit.identification)


def _add(visit: Visit, row: Row, known: dict[str, str]) -> None:
    event = row.event
    visit.last = row.line
    visit.found.update(finding.severity for finding in row.findings)
    if event.kind != "command":
        return
    visit.commands += 1
    visit.refusals += event.refused
    visit.psam = visit.psam or is_psam(event)
    visit.identification = known.get("card_identification_code", visit.identification)
    visit.version = known.get("specification_version", visit.version)
    visit.number = known.get("card_number", visit.number)


def _add_states(visits: list[Visit], states: Iterable[States]) -> None:
    """Give the cards their states; the last ones if the beginning of the trace is gone."""
    by_reader: dict[str, list[States]] = {}
    for each in states:
        by_reader.setdefault(each.reader, []).append(each)
    for visit in reversed(visits):
        left = by_reader.get(visit.reader)
        if left:
            _, before, after = left.pop()
            visit.kind = visit.kind or str(after["profile"])
            visit.changed = changes(before, after)
