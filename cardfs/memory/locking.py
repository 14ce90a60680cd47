"""The lock of an image file: one process that writes, whatever the system offers for it."""

import os
from importlib import import_module
from typing import Any, Final

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

_MSVCRT: Final[Any] = None if fcntl else import_module("msvcrt")
"""Of Windows: a lock of some bytes, which nobody else can read or write then."""

_PLACE: Final = 0x7FFF_FFF0
"""Where that lock is on Windows: behind all that an image holds, and behind SQLite's own locks at 1 GiB."""


def lock(number: int) -> None:
    """Lock an open file until it is closed; raise `OSError` if another process has locked it."""
    if fcntl:
        # Of the whole file; the locks of SQLite, which are of another sort, do not touch it.
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        _lock_bytes(number, _MSVCRT.LK_NBLCK)


def is_locked(number: int) -> bool:
    """Return whether another process has locked an open file."""
    try:
        if fcntl:
            fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
        else:
            _lock_bytes(number, _MSVCRT.LK_NBLCK)
            _lock_bytes(number, _MSVCRT.LK_UNLCK)
    except OSError:
        return True
    return False


def _lock_bytes(number: int, how: int) -> None:
    os.lseek(number, _PLACE, os.SEEK_SET)
    _MSVCRT.locking(number, how, 1)
