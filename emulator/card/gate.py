"""The gate: checks before a handler runs, and refusals that name what would be right (Part 5, 5.3)."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Final

from cardfs.memory.image import Image
from keys.errors import CardError

from ..status import LengthWrong, UnknownClass, UnknownInstruction
from .apdu import Command
from .reasons import MOST, listed, numbers
from .row import ANY_LE, Row
from .table import Table

_LONGEST: Final = 256


def fits(row: Row, command: Command) -> bool:
    """Return whether P1, P2, Lc and Le of a command are among those of its row."""
    try:
        check_lengths(row, command)
    except LengthWrong:
        return False
    return row.parameters(command.p1, command.p2)


def check_lengths(row: Row, command: Command) -> None:
    """Refuse a command whose Lc or Le is not among those of its row (Part 5, 5.1).

    Raises:
        LengthWrong: its reason names the lengths that would be right.
    """
    if not command.well_formed:
        raise LengthWrong("Lc does not agree with the length of the command")
    if len(command.data) not in row.lc:
        raise LengthWrong(lengths(row))
    le = command.le
    if row.le is None:
        # Five bytes that end in 00 are a command with Lc 00.
        if le is not None and (command.data or not command.le_zero):
            raise LengthWrong("the command answers no data, so it has no Le")
    elif row.le is not ANY_LE and (le is None or le not in row.le):
        raise LengthWrong(answers(row))


# -- reasons of refusals -----------------------------------------------------------------------------


def lengths(row: Row) -> str:
    """Return a sentence on the Lc that a command takes: ``VERIFY has Lc 00, 02 to 08``."""
    return f"{row.name} has Lc {numbers(each for each in range(_LONGEST) if each in row.lc) or '00'}"


def answers(row: Row) -> str:
    """Return a sentence on the Le that a command takes."""
    allowed = [each for each in range(1, _LONGEST + 1) if row.le is not None and each in row.le]
    if len(allowed) == _LONGEST:
        return f"{row.name} answers data, so it needs an Le"
    return f"{row.name} has Le {numbers(each & 0xFF for each in allowed)}"


def parameters(rows: Sequence[Row]) -> str:
    """Return a sentence on the P1 and P2 that rows take: ``SELECT has P1 00, 02, 04 with P2 00, 02``."""
    names = listed(row.name for row in rows)
    return f"{names} {'has' if len(rows) == 1 else 'have'} {_parameters(*(row.parameters for row in rows))}"


@cache
def _parameters(*allowed: Callable[[int, int], bool]) -> str:
    by_second: dict[frozenset[int], list[int]] = {}
    for p1 in range(_LONGEST):
        second = frozenset(p2 for check in allowed for p2 in range(_LONGEST) if check(p1, p2))
        if second:
            by_second.setdefault(second, []).append(p1)
    return "; ".join(
        f"P1 {_any(first)} with P2 {_low_bits(second) or _any(second)}" for second, first in by_second.items()
    )


def _any(allowed: Iterable[int]) -> str:
    these = frozenset(allowed)
    return "of any value" if len(these) == _LONGEST else numbers(these)


def _low_bits(these: frozenset[int]) -> str:
    """Describe P2 as a short identifier with a mode (Part 5, tables 37 and 40); return "" if it is not one."""
    sfis, modes = {each >> 3 for each in these}, {each & 7 for each in these}
    whole = these == {sfi << 3 | mode for sfi in sfis for mode in modes}
    return f"8 x SFI + {numbers(modes)}, SFI {numbers(sfis)}" if whole and len(modes) < 8 and len(sfis) > MOST else ""


def no_command(image: Image, here: str, command: Command, table_of: Callable[[str], Table]) -> CardError:
    """Return the refusal of a command that the current DF does not have.

    The reason names the DFs that have it, else the classes or commands that come closest.

    Args:
        here: path of the current DF.
        table_of: returns the command table of a DF by its path.
    """
    cla, ins = command.cla, command.ins
    table = table_of(here)
    kind = UnknownClass if cla not in table.classes or ins in table.instructions else UnknownInstruction
    places = {path: row for path in image.dfs if (row := table_of(path).find(cla, ins, command.p1))}
    if places:
        labels = listed(image.dfs[path].label for path in places)
        names = listed((row.name for row in places.values()), "or")
        return kind(f"{names} works in {labels}, not in {image.label(here)}: SELECT it first")
    others = [row for row in table.rows.values() if row.ins == ins]
    if others:
        return kind(f"{listed(row.name for row in others)} has class {numbers(row.cla for row in others)} here")
    if kind is UnknownClass:
        return kind(f"no command of this card has this class; the classes here are {numbers(table.classes)}")
    return kind("no command of this card has this instruction")
