"""What a rule is, and what it finds."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

from .exchange import Exchange
from .side import Desk, Session, Side

Severity = Literal["error", "warning", "note"]
SEVERITIES: Final[tuple[Severity, ...]] = ("error", "warning", "note")


class Seen(NamedTuple):
    """What a rule saw.

    Attributes:
        text, zh: one sentence in English and in Chinese.
        line: where; 0 for the event that is looked at.
    """

    text: str
    zh: str
    line: int = 0


Check = Callable[[Exchange, Side, Session, Desk], Seen | None]
"""Looks at a command, before what it changes is known; returns what is wrong, None if nothing is."""

EndCheck = Callable[[Side, Session, Desk], Iterator[Seen]]
"""Looks at a session that ends; yields what is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that a terminal must not do.

    Attributes:
        id: its name, as `sscard judge --rule` takes it.
        severity: ``error`` for what breaks the standard or harms holder, card or money; ``warning`` for what may;
            ``note`` for what costs time.
        title, zh: what is wrong, in a few words, in English and in Chinese.
        clause: where the standard says so.
        wrong, wrong_zh: what the terminal does wrong and what comes of it.
        better, better_zh: what a right terminal does.
        check: looks at commands; None for a rule about the end of a session.
        on: names of the commands that it looks at; empty for all.
        end: looks at sessions that end; None for a rule about commands.
        psam: whether it is about PSAMs (True), user cards (False) or both (None).
        social: whether it is about the social-security environment of an issued card only.
    """

    id: str
    severity: Severity
    title: str
    zh: str
    clause: str
    wrong: str
    wrong_zh: str
    better: str
    better_zh: str
    check: Check | None = None
    on: frozenset[str] = frozenset()
    end: EndCheck | None = None
    psam: bool | None = False
    social: bool = True


@dataclass(frozen=True, slots=True)
class Finding:
    """What the judge found.

    Attributes:
        rule: name of the rule.
        severity: ``error``, ``warning`` or ``note``.
        reader: in which reader; empty where there is only one.
        line: number of the event in the trace, from 1: the line of its file.
        text, zh: what was seen, in English and in Chinese.
        clause: where the standard says that it is wrong.
        better, better_zh: what a right terminal does.
    """

    rule: str
    severity: Severity
    reader: str
    line: int
    text: str
    zh: str
    clause: str
    better: str
    better_zh: str

    def table(self) -> dict[str, Any]:
        """Return the finding as a table that JSON can write."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
