"""The clock of a rig: the machine's, or one that stands still so that the same script gives the same transcript."""

import datetime
import time
from collections.abc import Callable
from typing import Final

from .errors import RigError

When = str | float | datetime.datetime | datetime.date | None
"""ISO 8601 text, seconds since 1970, a date, or a time; None for the machine's own clock."""


class Clock:
    """A clock that terminal and trace of a rig read.

    Args:
        when: the moment at which it stands; None for the machine's own clock.

    Raises:
        RigError: the text is no date and no time.
    """

    def __init__(self, when: When = None) -> None:
        self.fixed: Final = when is not None
        self._moment = _moment(when) if when is not None else None

    def now(self) -> float:
        """Return the seconds since 1970."""
        return time.time() if self._moment is None else self._moment.timestamp()

    def today(self) -> datetime.date:
        """Return the date."""
        return datetime.date.today() if self._moment is None else self._moment.date()

    @property
    def timer(self) -> Callable[[], float]:
        """Return what measures how long a command takes; on a clock that stands still none takes any time."""
        return (lambda: 0.0) if self.fixed else time.perf_counter


def _moment(when: str | float | datetime.datetime | datetime.date) -> datetime.datetime:
    if isinstance(when, datetime.datetime):
        return when
    if isinstance(when, datetime.date):
        return datetime.datetime(when.year, when.month, when.day)
    try:
        return datetime.datetime.fromtimestamp(when) if isinstance(when, float | int) else _read(when)
    except (ValueError, OverflowError, OSError):
        raise RigError(f"clock: {when!r} is neither a date, 2026-03-01, nor a time, 2026-03-01T09:30") from None


def _read(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text)
