"""Reasons of refusals about files and keys: what would be right, and where it is.

A reason never repeats bytes that the terminal sent, and never shows anything of a key or a PIN.
"""

from collections.abc import Callable, Iterable
from typing import Final

from cardfs.memory.image import Image
from cardfs.model.errors import FileUnknown, StructureMismatch
from cardfs.model.files import Ef, Structure
from keys.errors import KeyUnknown
from keys.records import Key, KeyRef, Usage

MOST: Final = 4
"""How many things a reason lists; it counts the rest."""
_RUNS: Final = 8
"""How many ranges of numbers a reason lists."""
_WORKS: Final = {
    Structure.TRANSPARENT: "READ BINARY and UPDATE BINARY work on it",
    Structure.INTERNAL: "no command of files works on it",
}


def listed(names: Iterable[str], last: str = "and") -> str:
    """Return names joined for a sentence, each once: ``DF01, DF02 and 3 more``."""
    each = list(dict.fromkeys(names))
    if len(each) > MOST + 1:
        each = [*each[:MOST], f"{len(each) - MOST} more"]
    return f" {last} ".join(filter(None, (", ".join(each[:-1]), each[-1]))) if each else ""


def numbers(allowed: Iterable[int]) -> str:
    """Return bytes in hex, neighbours as ranges: ``00, 02, 10 to 1F``; the first 8 ranges if there are more."""
    these = sorted(set(allowed))
    step = these[1] - these[0] if len(these) > MOST else 1
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


def no_key(image: Image, owner: str, what: str, has: Callable[[KeyRef, Key], bool]) -> KeyUnknown:
    """Return the refusal of a key that a DF lacks; the reason names the DFs that have one.

    Args:
        owner: path of the DF.
        what: what the reason calls the key.
        has: whether a key is one of those.
    """
    others = (
        image.dfs[ref.owner].label for (ref, _), key in image.keys.items() if ref.owner != owner and has(ref, key)
    )
    return KeyUnknown(f"{image.label(owner)} has no {what}{_theirs(others)}")


def of(usage: Usage) -> Callable[[KeyRef, Key], bool]:
    """Return a test for keys with a usage, for `no_key`."""
    return lambda _, key: key.usage is usage


def no_file(image: Image, here: str, sfi: int) -> FileUnknown:
    """Return the refusal of a short identifier that a DF lacks; the reason names the DFs that have it."""
    others = (image.dfs[ef.parent].label for ef in image.efs.values() if ef.sfi == sfi)
    return FileUnknown(f"{image.label(here)} has no EF with SFI {sfi:02X}{_theirs(others)}")


def _theirs(labels: Iterable[str]) -> str:
    each = list(dict.fromkeys(labels))
    return f"; {listed(each)} {'has' if len(each) == 1 else 'have'} one" if each else ""


def no_df(image: Image, here: str, fid: int) -> FileUnknown:
    """Return the refusal of a file identifier that selects no DF from the current one."""
    dfs = [df.label for df in image.dfs.values() if df.fid == fid]
    efs = [image.label(ef.path) for ef in image.efs.values() if ef.fid == fid]
    if dfs:
        return FileUnknown(f"{image.label(here)} does not reach {listed(dfs)}: SELECT the DF above it first")
    if efs:
        return FileUnknown(f"{listed(efs)} has this identifier and is no DF: SELECT its DF, then the EF with P1 02")
    return FileUnknown("no file of this card has this identifier")


def no_ef(image: Image, here: str, fid: int) -> FileUnknown:
    """Return the refusal of a file identifier that no EF of the current DF has."""
    dfs = [df.label for df in image.dfs.values() if df.fid == fid]
    others = (image.dfs[ef.parent].label for ef in image.efs.values() if ef.fid == fid)
    more = f"; {listed(dfs)} has it: P1 00 selects a DF" if dfs else _theirs(others)
    return FileUnknown(f"{image.label(here)} has no EF with this identifier{more}")


def no_name(image: Image, here: str, name: bytes, *, following: bool) -> FileUnknown:
    """Return the refusal of a name that selects no DF from the current one.

    Args:
        name: the name, or the beginning of one.
        following: whether SELECT asked for the next DF of that name.
    """
    if following:
        return FileUnknown("no further DF has this name")
    whole = [df.label for df in image.dfs.values() if df.name == name]
    begun = [df.label for df in image.dfs.values() if df.name.startswith(name)]
    if whole:
        return FileUnknown(f"{listed(whole)} has this name, but cannot be selected by it from {image.label(here)}")
    if begun:
        return FileUnknown(f"the name of {listed(begun)} begins so, but a part of it selects nothing from here")
    return FileUnknown("no DF of this card has this name")


def misfit(image: Image, ef: Ef) -> StructureMismatch:
    """Return the refusal of a command that does not fit the structure of an EF; the reason names commands that do."""
    works = _WORKS.get(ef.structure, "READ RECORD and UPDATE RECORD work on it")
    return StructureMismatch(f"{image.label(ef.path)} is {ef.structure}: {works}")
