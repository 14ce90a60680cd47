"""What may be chosen for one card beside its type, its holder and its root keys."""

import datetime
from dataclasses import dataclass, field
from typing import Final

from keys.generate import RandomSource, SeededRandom, system_random

from ..profile.inputs import Document, IssueError

DEMO_PIN: Final = "123456"
DEMO_REGION: Final = "110000"
ISSUE_DATE: Final = datetime.date(2024, 1, 1)
"""Date of issue if none is given: a fixed one, since the same inputs give the same card."""
VALID_YEARS: Final = 10


@dataclass(frozen=True, slots=True)
class IssueOptions:
    """The choices for one card; every one has a default.

    Attributes:
        region: application city code (应用城市代码), six digits (GB/T 2260).
        serial: TA to TD of the historical bytes, eight hexadecimal digits; of a security module up to 20 digits.
            Drawn if empty.
        pin: 4 to 16 digits, at most 12 with a financial environment, or empty for a card without PIN. Never printed.
        seed: draws come from it instead of the operating system, so that the same inputs give the same card.
        issue_date, expiry_date: first and last day; they come before those of the holder's file.
        card_number: eight or nine characters; it comes before that of the holder's file, too.
        values: single values that take the place of those of the holder's file, in the same form.
    """

    region: str = DEMO_REGION
    serial: str = ""
    pin: str = field(default=DEMO_PIN, repr=False)
    seed: str | None = None
    issue_date: datetime.date | None = None
    expiry_date: datetime.date | None = None
    card_number: str = ""
    values: Document | None = None

    def random(self) -> RandomSource:
        """Return the source of all that is drawn for this card; each call starts the seed anew."""
        return system_random if self.seed is None else SeededRandom(self.seed)

    def require_region(self) -> str:
        """Return the region code.

        Raises:
            IssueError: it is not six digits.
        """
        if len(self.region) != 6 or not (self.region.isascii() and self.region.isdigit()):
            raise IssueError("region", f"write six digits, not {self.region!r}")
        return self.region


def years_later(day: datetime.date) -> datetime.date:
    """Return the last day of a card that is issued on ``day``: `VALID_YEARS` later, 28 February for the 29th."""
    year = min(day.year + VALID_YEARS, datetime.MAXYEAR)
    try:
        return day.replace(year=year)
    except ValueError:
        return day.replace(year=year, day=28)
