"""Access rules: expressions over the PIN and keys (Part 6, tables 4 to 8).

A rule is written as text in a profile, ``(PIN & RK3DF03) | UK4DF03``, ``free`` or ``never``, and is
resolved once to alternatives: each a set of proofs that together open the file. ``&`` binds
tighter than ``|``.
"""

import re
from collections.abc import Callable, Iterable, Set
from dataclasses import dataclass
from typing import Final

from keys.records import KeyRef

FREE: Final = "free"
NEVER: Final = "never"
PIN: Final = "PIN"
MAX_ALTERNATIVES: Final = 64
"""Ways in which one rule may be satisfied; those of the standard have at most four."""
MAX_LENGTH: Final = 1000
"""Characters of a rule."""
MAX_DEPTH: Final = 16
"""Brackets within brackets."""
_TOKEN: Final = re.compile(r"\s*(?:(?P<name>[A-Za-z][A-Za-z0-9_]*)|(?P<sign>[&|()]))")


class RuleSyntax(ValueError):
    """The text of a rule cannot be read; the message quotes what is wrong."""


@dataclass(frozen=True, slots=True)
class Rule:
    """An access rule, resolved.

    Attributes:
        text: the expression in its one canonical form, for people.
        alternatives: sets of proofs; the rule holds when all of one set are proven. No set at all
            means never, one empty set means free.
    """

    text: str
    alternatives: tuple[frozenset[KeyRef], ...]

    def holds(self, proofs: Set[KeyRef]) -> bool:
        """Return whether the proofs open the file."""
        for needed in self.alternatives:  # noqa: SIM110 - every reading asks, and a loop answers in half the time
            if needed <= proofs:
                return True
        return False

    @property
    def refs(self) -> frozenset[KeyRef]:
        """Return every key and PIN that the rule names."""
        return frozenset().union(*self.alternatives) if self.alternatives else frozenset()


FREE_RULE: Final = Rule(FREE, (frozenset(),))
NEVER_RULE: Final = Rule(NEVER, ())


def parse_rule(text: str, resolve: Callable[[str], KeyRef]) -> Rule:
    """Read a rule and resolve its names.

    Args:
        text: the expression.
        resolve: from a name (``PIN`` or a key) to what it points at; may raise ``LookupError``.

    Raises:
        RuleSyntax: not an expression.
        LookupError: from ``resolve``.
    """
    parser = _Parser(text, resolve)
    return make_rule(parser.parse())


def _absorbed(alternatives: Iterable[frozenset[KeyRef]]) -> list[frozenset[KeyRef]]:
    """Drop each alternative that asks for more than another one."""
    ordered = sorted(set(alternatives), key=lambda each: (len(each), sorted(each)))
    return [each for at, each in enumerate(ordered) if not any(other <= each for other in ordered[:at])]


def make_rule(alternatives: Iterable[frozenset[KeyRef]]) -> Rule:
    """Return the rule with these alternatives; equal rules get equal texts."""
    ordered = tuple(sorted(alternatives, key=lambda each: (len(each), sorted(each))))
    if not ordered:
        return NEVER_RULE
    if not ordered[0]:
        return FREE_RULE
    # What the PIN opens comes first, as in the standard's tables.
    shown = sorted(ordered, key=lambda each: (all(ref.name != PIN for ref in each), len(each), sorted(each)))
    parts = [" & ".join(sorted((ref.name for ref in each), key=lambda name: (name != PIN, name))) for each in shown]
    text = " | ".join(f"({part})" if "&" in part and len(parts) > 1 else part for part in parts)
    return Rule(text, ordered)


class _Parser:
    """Recursive descent over ``or := and ('|' and)*``, ``and := atom ('&' atom)*``."""

    def __init__(self, text: str, resolve: Callable[[str], KeyRef]) -> None:
        self._text = text
        self._resolve = resolve
        self._tokens = self._scan(text)
        self._at = 0
        self._depth = 0

    def parse(self) -> list[frozenset[KeyRef]]:
        result = self._either()
        if self._peek():
            raise RuleSyntax(f"{self._peek()!r} was not expected in rule {self._text!r}")
        return result

    @staticmethod
    def _scan(text: str) -> list[str]:
        if len(text) > MAX_LENGTH:
            raise RuleSyntax(f"a rule has at most {MAX_LENGTH} characters, this one has {len(text)}")
        tokens, at = [], 0
        end = len(text.rstrip())
        while at < end:
            match = _TOKEN.match(text, at)
            if match is None:
                raise RuleSyntax(f"{text[at:].strip()[:1]!r} was not expected in rule {text!r}")
            tokens.append(match["name"] or match["sign"])
            at = match.end()
        return tokens

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        token = self._peek()
        self._at += 1
        return token

    def _either(self) -> list[frozenset[KeyRef]]:
        result = self._both()
        while self._peek() == "|":
            self._next()
            result = self._bounded([*result, *self._both()])
        return result

    def _both(self) -> list[frozenset[KeyRef]]:
        result = self._atom()
        while self._peek() == "&":
            self._next()
            right = self._atom()
            result = self._bounded([one | other for one in result for other in right])
        return result

    def _bounded(self, alternatives: list[frozenset[KeyRef]]) -> list[frozenset[KeyRef]]:
        """Limit the alternatives at each step, so that no rule takes long."""
        result = _absorbed(alternatives)
        if len(result) > MAX_ALTERNATIVES:
            raise RuleSyntax(f"a rule can be satisfied in at most {MAX_ALTERNATIVES} ways, and this one in more")
        return result

    def _atom(self) -> list[frozenset[KeyRef]]:
        part = self._next()
        if part == "(":
            self._depth += 1
            if self._depth > MAX_DEPTH:
                raise RuleSyntax(f"a rule has at most {MAX_DEPTH} brackets within each other")
            result = self._either()
            self._depth -= 1
            if self._next() != ")":
                raise RuleSyntax(f"a closing bracket is missing in rule {self._text!r}")
            return result
        if part == FREE:
            return [frozenset()]
        if part == NEVER:
            return []
        if not part or part in "&|)":
            raise RuleSyntax(f"a name is missing in rule {self._text!r}")
        return [frozenset((self._resolve(part),))]
