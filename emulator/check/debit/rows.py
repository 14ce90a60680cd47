"""What the checks of debit/credit are made of: needs, their form, and what stands around a thing that is checked."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from ..bench import Bench
from ..check import Check, Failed, Need, NotTested, Part

DEBIT: Final[tuple[Part, ...]] = ("debit",)
WRITES: Final = frozenset[Need](("writes",))
ROOTS: Final = frozenset[Need](("writes", "roots"))
PIN: Final = frozenset[Need](("writes", "financial-pin"))
CUT: Final = frozenset[Need](("ours", "writes"))
CUT_PIN: Final = frozenset[Need](("ours", "writes", "financial-pin"))
CUT_ROOTS: Final = frozenset[Need](("ours", "writes", "roots"))
OWN: Final = "JR/T 0025"


def debit_check(
    name: str, title: str, zh: str, clause: str, run: Callable[[Bench], None], needs: frozenset[Need] = frozenset()
) -> Check:
    """Return a check of debit/credit; its name without ``debit-``."""
    return Check(f"debit-{name}", title, zh, clause, run, needs, DEBIT)


@contextmanager
def before() -> Iterator[None]:
    """Raise `NotTested` in the place of `Failed`, for what comes before the thing that is checked."""
    try:
        yield
    except Failed as reason:
        raise NotTested(str(reason)) from None


@contextmanager
def aside(b: Bench) -> Iterator[None]:
    """Keep the exchange before as the one that a failure shows."""
    shown = b.command, b.answer
    try:
        yield
    finally:
        b.command, b.answer = shown
