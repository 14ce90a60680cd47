"""Whether a card may be used at this terminal (IC 卡有效性检查; Part 7, 5.4; Part 8, 7).

Five checks of the issuer's file: black list, institution, category, version, validity. What a terminal
supports, and whether a check warns or refuses, are settings of the terminal.
"""

import datetime
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from cardfs.profile.inputs import InputError

from .errors import CONDITIONS_UNMET, WRONG_CARD, TerminalError
from .settings import TerminalSettings

Clock = Callable[[], datetime.date]
Issuer = Callable[[int], bytes]
"""Returns an element of the issuer's file SSSE/EF05 by its tag, as the card has it; empty if it has none."""

CATEGORY, INSTITUTION, ISSUE_DATE, EXPIRY_DATE = 0x02, 0x04, 0x05, 0x06
OLDEST_VERSION: Final = "1.0"
"""Version of a card that names none (terminal interface, 10.2)."""

_FIRST_CODE_DIGITS: Final = 32
_LISTED: Final = re.compile(r"([0-9A-Fa-f]*)\|([^|]*)\|")
_RANGE: Final = re.compile(r"([0-9A-Z]{1,9})-([0-9A-Z]{1,9})")


class Finding(NamedTuple):
    """What a check found against a card.

    Attributes:
        check: ``black-list``, ``institution``, ``category``, ``version`` or ``validity``.
        text: one sentence for people.
        code: what a national function returns where the check refuses. Table A.1 has no code of its own for any of
            them: a kind of card that is not supported is -1 (卡类型不对), the others are -27013 (不满足使用条件).
    """

    check: str
    text: str
    code: int


class BlackList(NamedTuple):
    """Cards that must not be used (黑名单; Part 8, 7.1).

    Attributes:
        cards: identification code and card number, either may be empty.
        ranges: first and last card number of each range (卡号区段).
    """

    cards: frozenset[tuple[str, str]] = frozenset()
    ranges: tuple[tuple[str, str], ...] = ()

    def has(self, identification: str, number: str) -> bool:
        """Return whether a card is on the list, by itself or in a range (Part 8, 7.2).

        Args:
            identification: card identification code, 32 hex digits in capitals.
            number: card number.
        """
        ways = ((identification, number), (identification, ""), ("", number))
        return not self.cards.isdisjoint(ways) or any(
            len(first) == len(number) and first <= number <= last for first, last in self.ranges
        )


def load_black_list(path: Path) -> BlackList:
    """Read a black list: a text file in UTF-8, one record a line, ``#`` begins a comment (Part 8, 7.1).

    ``identification code|card number|`` is one card; without either part, every card that has the other.
    ``first card number-last card number`` is a range.

    Raises:
        InputError: the file cannot be read, or a line is neither; names file and line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except OSError as reason:
        raise InputError(str(path), reason.strerror or str(reason)) from reason
    except UnicodeDecodeError as reason:
        raise InputError(path.name, f"not UTF-8 at byte {reason.start}; save it as UTF-8") from reason
    cards, ranges = set(), []
    for at, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if not text:
            continue
        place = f"{path.name}, line {at}"
        span = _RANGE.fullmatch(text)
        if span is None:
            cards.add(_card(text, place))
        elif len(span[1]) != len(span[2]) or span[1] > span[2]:
            raise InputError(place, f"{text} is not a range: write the first and the last card number, equally long")
        else:
            ranges.append((span[1], span[2]))
    return BlackList(frozenset(cards), tuple(ranges))


def _card(text: str, place: str) -> tuple[str, str]:
    match = _LISTED.fullmatch(text)
    if match is None:
        raise InputError(
            place, f"{text!r} is not a record: write 'identification code|card number|' or 'first number-last number'"
        )
    code, number = match[1].upper(), match[2].strip()
    if len(code) not in (0, _FIRST_CODE_DIGITS) or not (code or number):
        raise InputError(f"{place}: {text!r}", f"an identification code has {_FIRST_CODE_DIGITS} hexadecimal digits")
    return code, number


class Checks:
    """The checks of a terminal.

    Args:
        settings: ``terminal.card_check`` and what the terminal supports.
        clock: returns today's date.

    Raises:
        InputError: the black list cannot be read.
    """

    def __init__(self, settings: TerminalSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._black_list = load_black_list(Path(settings.black_list)) if settings.black_list else BlackList()

    def run(self, identification: str, number: str, version: str, issuer: Issuer) -> tuple[Finding, ...]:
        """Check a card.

        Args:
            identification: card identification code, 32 hex digits.
            number: card number.
            version: of the specification, as ``2.0``; empty for 1.0.
            issuer: reads further elements.

        Returns:
            what was found against the card; empty if the checks are off.

        Raises:
            TerminalError: something was found, and the setting ``terminal.card_check`` is ``refuse``.
        """
        how = self._settings.card_check
        if how == "off":
            return ()
        found = tuple(self._find(identification, number, version, issuer))
        if found and how == "refuse":
            raise TerminalError("; ".join(each.text for each in found), found[0].code)
        return found

    def _find(self, identification: str, number: str, version: str, issuer: Issuer) -> Iterator[Finding]:
        settings = self._settings
        if self._black_list.has(identification, number):
            yield Finding("black-list", "the card is on the black list", CONDITIONS_UNMET)
        supported = settings.institutions.split()
        institution = issuer(INSTITUTION).hex().upper() if supported else ""
        if supported and not institution.startswith(tuple(supported)):
            text = f"the terminal does not support cards of the institution {institution or 'that is not named'}"
            yield Finding("institution", text, CONDITIONS_UNMET)
        category = _characters(issuer(CATEGORY)) if settings.categories else ""
        if settings.categories and (not category or category not in settings.categories):
            text = f"the terminal does not support cards of category {category or 'none'}"
            yield Finding("category", text, WRONG_CARD)
        edition = version[:3] or OLDEST_VERSION
        if edition not in settings.versions.split():
            yield Finding("version", f"the terminal does not support cards of version {edition}", WRONG_CARD)
        outside = _outside(_date(issuer(ISSUE_DATE)), _date(issuer(EXPIRY_DATE)), self._clock())
        if outside:
            yield Finding("validity", outside, CONDITIONS_UNMET)


def _outside(issued: datetime.date | None, expires: datetime.date | None, today: datetime.date) -> str:
    """Return why a card is not valid today, empty if it is; the last day belongs to the validity."""
    if expires is None:
        return "the card has no date of expiry"
    if today > expires:
        return f"the card expired on {expires} (today is {today})"
    if issued is not None and today < issued:
        return f"the card is not valid before {issued} (today is {today})"
    return ""


def _date(digits: bytes) -> datetime.date | None:
    """Read a date in cn, ``YYYYMMDD``; return None if there is no such date."""
    text = digits.hex()
    try:
        return datetime.date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def _characters(data: bytes) -> str:
    return data.rstrip(b"\0 ").decode("ascii", "replace")
