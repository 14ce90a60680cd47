"""The rows of the financial environment itself, and of all its applications until personalisation ends.

It shares its handlers with the social-security environment: selection, reading, challenges and the proof of the
master key. The applications add commands of their own.
"""

from dataclasses import replace
from typing import Any, Final

from ...card.row import Row
from ..social import rows as social

_LOCKED: Final = 0x9303


def _same(row: Row, *more: int, **changes: Any) -> Row:
    """Return a row of the social-security environment without the status word of a locked application.

    A locked environment cannot be selected, and no application locks itself here.
    """
    status_words = (*(word for word in row.status_words if word != _LOCKED), *more)
    return replace(row, status_words=status_words, **changes)


FINANCIAL_ROWS: Final[tuple[Row, ...]] = (
    # 6283 and 9303: an application, or another environment, is locked.
    _same(social.SELECT, 0x6283, _LOCKED),
    _same(social.READ_RECORD),
    _same(social.READ_BINARY),
    _same(social.GET_CHALLENGE),
    # The key in control only (P2 00): the environment opens no file to any other.
    _same(social.EXTERNAL_AUTHENTICATION, parameters=lambda p1, p2: not p1 and not p2, lc=frozenset((0x10,))),
    _same(social.GET_RESPONSE),
)
