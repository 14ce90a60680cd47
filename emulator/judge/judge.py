"""`Judge`: runs the rules over a trace, event by event, with memory that does not grow."""

from collections.abc import Iterable, Iterator
from typing import Final

from ..trace.event import Event
from .exchange import Exchange
from .rule import Finding, Rule, Seen
from .rules import RULES
from .side import Desk, Session, Side
from .update import BOOKING_INSTRUCTIONS, MEDICAL, PULLING, begin, is_psam, take

MISSING: Final = "missing here"
"""Text of a note that a trace has gaps."""

Chosen = tuple[Rule, ...]


def judge(events: Iterable[Event], rules: Iterable[Rule] | None = None) -> Iterator[Finding]:
    """Yield what a terminal did wrong, as the events come.

    Args:
        events: of a trace, in order; readers are told apart by their names.
        rules: the rules to look for; all if left out.
    """
    one = Judge(rules)
    for event in events:
        yield from one.take(event)
    yield from one.finish()


class Judge:
    """Looks at events one after the other.

    Args:
        rules: the rules to look for; all if left out.
    """

    def __init__(self, rules: Iterable[Rule] | None = None) -> None:
        self._rules = tuple(RULES.values() if rules is None else rules)
        self._desk = Desk()
        self._by_name: dict[tuple[str, bool], Chosen] = {}
        self._ends = tuple(rule for rule in self._rules if rule.end is not None)

    def take(self, event: Event) -> list[Finding]:
        """Look at the next event; return what is wrong with what it completes."""
        desk = self._desk
        desk.line += 1
        side = desk.side(event.reader)
        if event.kind == "command":
            return self._command(event, side)
        if event.kind == "fault":
            _lose(event, side, desk)
            return []
        found: list[Finding] = []
        if event.kind == "note":
            if MISSING in event.fields:
                for each in desk.sides.values():
                    each.session = None
            return found
        if event.kind == "inserted" and side.session is not None and side.session.fresh:
            # PC/SC gives a card its power before anybody hears that it is there.
            self._change(event, side)
            side.inserted = 0
            return found
        found = self._end(side, pulled=event.kind == "removed")
        if event.kind in ("power on", "reset"):
            begin(side, desk, whole=True)
        elif event.kind in ("inserted", "removed"):
            self._change(event, side)
        return found

    def _change(self, event: Event, side: Side) -> None:
        if event.kind == "inserted" and not side.uncertain:
            side.another_card(self._desk.line)
        side.inserted = self._desk.line if event.kind == "inserted" else 0

    def _command(self, event: Event, side: Side) -> list[Finding]:
        if not side.psam and is_psam(event):
            side.psam = True
        desk = self._desk
        session = side.session or begin(side, desk, whole=False)
        x = Exchange(desk.line, event)
        found = []
        for rule in self._of(x.name, psam=side.psam):
            if rule.social and session.foreign:
                continue
            seen = rule.check(x, side, session, desk)  # type: ignore[misc]  # chosen so
            if seen is not None:
                found.append(self._finding(rule, seen, side))
        take(x, side, session, desk)
        return found

    def _of(self, name: str, *, psam: bool) -> Chosen:
        """Return the rules that look at commands of a name."""
        chosen = self._by_name.get((name, psam))
        if chosen is None:
            known = any(name in rule.on for rule in self._rules)
            key = (name if known else "", psam)
            chosen = self._by_name.get(key)
            if chosen is None:
                chosen = self._by_name[key] = tuple(
                    rule
                    for rule in self._rules
                    if rule.check is not None and (not rule.on or name in rule.on) and rule.psam in (None, psam)
                )
        return chosen

    def _end(self, side: Side, *, pulled: bool = False) -> list[Finding]:
        """End the session of a reader."""
        session = side.session
        if session is None:
            return []
        session.pulled = session.pulled or pulled
        found = [
            self._finding(rule, seen, side)
            for rule in self._ends
            if rule.psam in (None, side.psam) and not (rule.social and session.foreign)
            for seen in rule.end(side, session, self._desk)  # type: ignore[misc]  # chosen so
        ]
        side.session = None
        return found

    def finish(self) -> list[Finding]:
        """Look at the end of the trace; return what is wrong with it."""
        self._desk.over = True
        found = []
        for side in self._desk.sides.values():
            side.session = side.session or Session(self._desk.line)
            found += self._end(side)
        return found

    def _finding(self, rule: Rule, seen: Seen, side: Side) -> Finding:
        return Finding(
            rule.id,
            rule.severity,
            side.reader,
            seen.line or self._desk.line,
            seen.text,
            seen.zh,
            rule.clause,
            rule.better,
            rule.better_zh,
        )


def _lose(event: Event, side: Side, desk: Desk) -> None:
    """Take a fault: after some the terminal has no answer, and the session ends without its fault."""
    if event.name not in PULLING or side.session is None:
        return
    side.session.pulled = True
    trade = side.session.trade
    if trade is None or not event.apdu.startswith(f"{MEDICAL:02X}") or event.apdu[2:4] not in BOOKING_INSTRUCTIONS:
        return
    trade.sent = trade.sent or desk.line
    if not trade.answer:
        side.uncertain = trade
