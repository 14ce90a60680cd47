"""The rows of the financial environment itself, and of all its applications until personalisation ends.

What it has in common with the social-security environment is the same code: selecting, reading, challenges,
and the proof of its master key. The applications bring commands of their own.
"""

from dataclasses import replace
from typing import Any, Final

from ...card.row import Row
from ..social.rows import ROWS
from . import selection as entry

__all__ = ["PAYMENT_ROWS", "entry"]

_LOCKED: Final = 0x9303
_COMMON: Final = {(row.name, row.cla): row for row in ROWS}


def _same(name: str, *more: int, **changes: Any) -> Row:
    """A row of the social-security environment, but for the word of a locked application.

    Where the environment itself is locked nobody can be, and no application locks itself here.
    """
    row = _COMMON[name, 0x00]
    return replace(row, status_words=(*(word for word in row.status_words if word != _LOCKED), *more), **changes)


PAYMENT_ROWS: Final[tuple[Row, ...]] = (
    # 6283 and 9303: an application, or an environment of the other world, is locked.
    _same("SELECT", 0x6283, _LOCKED),
    _same("READ RECORD"),
    _same("READ BINARY"),
    _same("GET CHALLENGE"),
    # The key in control only (P2 00): the environment opens no file to any other.
    _same("EXTERNAL AUTHENTICATION", parameters=lambda p1, p2: not p1 and not p2, lc=frozenset((0x10,))),
    _same("GET RESPONSE"),
)
