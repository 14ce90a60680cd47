"""Bytes that a trace masks (``**``), in forms that have bytes only: they stand as FF, and a note says which."""

import re
from collections.abc import Iterator
from typing import Final

from ..trace.event import MASK

FILL: Final = "FF"
_NOTE: Final = re.compile(r"masked: bytes ([\d, -]+) stand as FF")
_RUN: Final = re.compile(r"(\d+)-(\d+)")
_MASKED: Final = re.compile(r"(?:\*\*)+")


def filled(shown: str) -> str:
    """Return hex in which FF stands for each masked byte."""
    return shown.replace(MASK, FILL)


def note(shown: str) -> str:
    """Return the note that names the masked bytes of hex, counted from 1; empty if there are none."""
    if MASK not in shown:
        return ""
    runs = [f"{match.start() // 2 + 1}-{match.end() // 2}" for match in _MASKED.finditer(shown)]
    return f"masked: bytes {', '.join(runs)} stand as FF"


def masked(shown: str, text: str, first: int = 0, behind: int = 0) -> str:
    """Return hex with the bytes masked that a note in a text names; unchanged if there is none.

    Args:
        shown: in hex.
        text: may hold a note.
        first: bytes at the beginning that are never masked: the header of a command.
        behind: bytes at the end that are never masked: the status word of an answer.
    """
    found = _NOTE.search(text)
    if found is None:
        return shown
    digits = [shown[at : at + 2] for at in range(0, len(shown), 2)]
    for at in _places(found[1]):
        if first <= at < len(digits) - behind:
            digits[at] = MASK
    return "".join(digits)


def masked_command(shown: str, text: str) -> str:
    """Return a command in hex, masked as a note in a text says."""
    return masked(shown, text, first=4)


def masked_answer(shown: str, text: str) -> str:
    """Return an answer in hex with the status word at its end, masked as a note in a text says."""
    return masked(shown, text, behind=2)


def _places(runs: str) -> Iterator[int]:
    for first, last in _RUN.findall(runs):
        yield from range(int(first) - 1, min(int(last), 1 << 17))
