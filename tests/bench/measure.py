"""How the benchmarks measure: interleaved pairs, medians, and rows for one table."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from statistics import median
from time import perf_counter
from typing import Any, Final, Literal, NamedTuple

Verdict = Literal["ok", "over", "info"]

ROWS: Final = "rows"
"""Name under which a benchmark leaves its rows in ``benchmark.extra_info``."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table.

    Attributes:
        what: what was measured.
        measured, reference: in ``unit``; the reference was measured in the same run.
        bound: what the ratio may be at most if there is a reference, else what ``measured`` may be at
            most, or with ``at_least`` must be at least; None for information only.
    """

    what: str
    measured: float
    unit: str
    reference: float | None = None
    ratio: float | None = None
    bound: float | None = None
    at_least: bool = False
    note: str = ""

    @property
    def verdict(self) -> Verdict:
        """``ok`` or ``over``; ``info`` without a bound."""
        if self.bound is None:
            return "info"
        value = self.measured if self.ratio is None else self.ratio
        return "ok" if (value >= self.bound if self.at_least else value <= self.bound) else "over"


def leave(benchmark: Any, *rows: Row) -> None:
    """Leave rows for the table."""
    benchmark.extra_info[ROWS] = [asdict(row) | {"verdict": row.verdict} for row in rows]


class Pairs(NamedTuple):
    """Medians of seconds a call, and the median of the ratios pair by pair."""

    one: float
    other: float
    ratio: float


def pairs(one: Callable[[], object], other: Callable[[], object], *, rounds: int = 200, calls: int = 100) -> Pairs:
    """Time two functions in turn, so that whatever else the machine does meets both alike."""
    ones, others = [], []
    timed(one, calls)
    timed(other, calls)
    for at in range(rounds):
        if at % 2:
            ones.append(timed(one, calls))
            others.append(timed(other, calls))
        else:
            others.append(timed(other, calls))
            ones.append(timed(one, calls))
    return Pairs(median(ones), median(others), median(a / b for a, b in zip(ones, others, strict=True)))


def timed(function: Callable[[], object], calls: int) -> float:
    """Seconds a call."""
    began = perf_counter()
    for _ in range(calls):
        function()
    return (perf_counter() - began) / calls
