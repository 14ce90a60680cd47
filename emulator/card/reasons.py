"""Parts of the reasons for refusals: what would be right, and where what is missing here is to be found.

A reason says no bytes again that the terminal has sent, and nothing of a key or a PIN.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import TYPE_CHECKING, Final

from cardfs.memory.image import Image
from cardfs.model.errors import FileUnknown, StructureMismatch
from cardfs.model.files import Ef, Structure
from keys.errors import CardError, KeyUnknown
from keys.records import Key, KeyRef, Usage

from ..status import UnknownClass, UnknownInstruction
from .apdu import Command

if TYPE_CHECKING:
    from .row import Row
    from .table import Table

_MOST: Final = 4
"""Things that are listed; of more the first ones are."""
_LONGEST: Final = 256
_RUNS: Final = 8
"""Ranges that are listed."""
_WORKS: Final = {
    Structure.TRANSPARENT: "READ BINARY and UPDATE BINARY work on it",
    Structure.INTERNAL: "no command of files works on it",
}


def listed(names: Iterable[str], last: str = "and") -> str:
    """Join names for a sentence: ``DF01, DF02 and 3 more``."""
    each = list(dict.fromkeys(names))
    if len(each) > _MOST + 1:
        each = [*each[:_MOST], f"{len(each) - _MOST} more"]
    return f" {last} ".join(filter(None, (", ".join(each[:-1]), each[-1]))) if each else ""


def numbers(allowed: Iterable[int]) -> str:
    """Name bytes in hex, neighbours as a range: ``00, 02, 10 to 1F``; of many the first ones."""
    these = sorted(set(allowed))
    step = these[1] - these[0] if len(these) > _MOST else 1
    if step > 1 and these == list(range(these[0], these[-1] + 1, step)):
        return f"{these[0]:02X} to {these[-1]:02X} in steps of {step}"
    runs: list[list[int]] = []
    for each in these:
        if runs and each == runs[-1][1] + 1:
            runs[-1][1] = each
        else:
            runs.append([each, each])
    parts = [f"{a:02X}" if a == b else f"{a:02X}{',' if b == a + 1 else ' to'} {b:02X}" for a, b in runs]
    return ", ".join(parts) if len(parts) <= _RUNS else f"{', '.join(parts[:_RUNS])} and more"


def lengths(row: "Row") -> str:
    """Say which Lc a command has."""
    return f"{row.name} has Lc {numbers(each for each in range(_LONGEST) if each in row.lc) or '00'}"


def answers(row: "Row") -> str:
    """Say which Le a command has."""
    allowed = [each for each in range(1, _LONGEST + 1) if row.le is not None and each in row.le]
    if len(allowed) == _LONGEST:
        return f"{row.name} answers data, so it has an Le"
    return f"{row.name} has Le {numbers(each & 0xFF for each in allowed)}"


def parameters(rows: "Sequence[Row]") -> str:
    """Say which P1 and P2 the table of a command has: ``SELECT has P1 00, 02, 04 with P2 00, 02``."""
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
    """Say it by the three low bits where P2 is a short identifier with a mode (Part 5, tables 37 and 40)."""
    sfis, modes = {each >> 3 for each in these}, {each & 7 for each in these}
    whole = these == {sfi << 3 | mode for sfi in sfis for mode in modes}
    return f"8 x SFI + {numbers(modes)}, SFI {numbers(sfis)}" if whole and len(modes) < 8 and len(sfis) > _MOST else ""


def no_command(image: Image, here: str, command: Command, table_of: "Callable[[str], Table]") -> CardError:
    """The refusal of a command that is none here: it says where it is one, or what comes next to it."""
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
        return kind(f"no command of this card has this class; here are {numbers(table.classes)}")
    return kind("no command of this card has this instruction")


def no_key(image: Image, owner: str, what: str, has: Callable[[KeyRef, Key], bool]) -> KeyUnknown:
    """The refusal of a key that a DF has not: it says which other ones have one."""
    others = (
        image.dfs[ref.owner].label for (ref, _), key in image.keys.items() if ref.owner != owner and has(ref, key)
    )
    return KeyUnknown(f"{image.label(owner)} has no {what}{_theirs(others)}")


def of(usage: Usage) -> Callable[[KeyRef, Key], bool]:
    """Tell of a key whether it has a function."""
    return lambda _, key: key.usage is usage


def no_file(image: Image, here: str, sfi: int) -> FileUnknown:
    """The refusal of a short identifier that a DF has not: it says which other ones have it."""
    others = (image.dfs[ef.parent].label for ef in image.efs.values() if ef.sfi == sfi)
    return FileUnknown(f"{image.label(here)} has no EF with SFI {sfi:02X}{_theirs(others)}")


def _theirs(labels: Iterable[str]) -> str:
    each = list(dict.fromkeys(labels))
    return f"; {listed(each)} {'has' if len(each) == 1 else 'have'} one" if each else ""


def no_df(image: Image, here: str, fid: int) -> FileUnknown:
    """The refusal of an identifier by which no DF is selected from here."""
    dfs = [df.label for df in image.dfs.values() if df.fid == fid]
    efs = [image.label(ef.path) for ef in image.efs.values() if ef.fid == fid]
    if dfs:
        return FileUnknown(f"{image.label(here)} does not see {listed(dfs)}: SELECT what is above it first")
    if efs:
        return FileUnknown(f"no DF has this identifier, but {listed(efs)}: SELECT its DF, and then the EF with P1 02")
    return FileUnknown("no file of this card has this identifier")


def no_ef(image: Image, here: str, fid: int) -> FileUnknown:
    """The refusal of an identifier that no EF of the current DF has."""
    dfs = [df.label for df in image.dfs.values() if df.fid == fid]
    others = (image.dfs[ef.parent].label for ef in image.efs.values() if ef.fid == fid)
    more = f"; {listed(dfs)} has it: P1 00 selects a DF" if dfs else _theirs(others)
    return FileUnknown(f"{image.label(here)} has no EF with this identifier{more}")


def no_name(image: Image, here: str, name: bytes, *, following: bool) -> FileUnknown:
    """The refusal of a name by which no DF is selected from here."""
    if following:
        return FileUnknown("no further DF has this name")
    whole = [df.label for df in image.dfs.values() if df.name == name]
    begun = [df.label for df in image.dfs.values() if df.name.startswith(name)]
    if whole:
        return FileUnknown(f"{listed(whole)} has this name, but is not selected by it from {image.label(here)}")
    if begun:
        return FileUnknown(f"the name of {listed(begun)} begins so, but is not selected by a part of it from here")
    return FileUnknown("no DF of this card has this name")


def misfit(image: Image, ef: Ef) -> StructureMismatch:
    """The refusal of a command that does not fit the structure of a file."""
    works = _WORKS.get(ef.structure, "READ RECORD and UPDATE RECORD work on it")
    return StructureMismatch(f"{image.label(ef.path)} is {ef.structure}: {works}")
