"""The write-ahead log of an image: how an image file and its log know each other.

While a card is in use, what it has acknowledged lies in a log beside its image (``card.sscard-wal``). So the two
belong together: an image that was copied without its log has lost writes, and a log that is played back over
another image destroys it. A *mark* in the image file says whether the card is in use and which log is its own.

SQLite names each log by a number in its header, the salt, and adds 1 to it whenever the log starts over (SQLite
file format, 4.1). The image is marked with the log's salt, and only then the log starts over; so a log belongs to
an image if its salt is the one of the mark or the next. All of this is read from the image file *alone*, before
SQLite plays anything back.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any, Final, NamedTuple

from ..model.errors import LogError

MARK: Final = "log"
"""Kind of the cell that holds the mark."""
_MAGIC: Final = (0x377F0682, 0x377F0683)
_HEADER: Final = 32
_ALLOCATED: Final = 1 << 20
"""Bytes that an empty log is given."""


class Mark(NamedTuple):
    """The mark of an image file: the state of its log.

    Attributes:
        in_use: whether a log must lie beside it.
        salt: which log is its own; None if it never had one.
    """

    in_use: bool = False
    salt: int | None = None

    def text(self) -> str:
        """Return it as JSON."""
        return json.dumps(self._asdict(), separators=(",", ":"))


def log_of(image: Path) -> Path:
    """Return the path of the log beside an image in use."""
    return image.with_name(f"{image.name}-wal")


def salt_of(image: Path) -> int | None:
    """Read which log lies beside an image; None if there is none, or one that holds nothing."""
    try:
        with log_of(image).open("rb") as file:
            header = file.read(_HEADER)
    except FileNotFoundError:
        return None
    if len(header) < _HEADER or int.from_bytes(header[:4]) not in _MAGIC:
        return None
    return int.from_bytes(header[16:20])


def allocate_log(image: Path) -> None:
    """Give an empty log its disk space beforehand, filled with zeros, which SQLite takes for no log at all.

    A write into space that is there waits for its own bytes only. A log that grows with each write waits for the file
    system's books, too. On a disk without so much room it stays empty: the image needs what is left.
    """
    with contextlib.suppress(OSError), log_of(image).open("r+b", buffering=0) as file:
        if file.write(bytes(_ALLOCATED)) < _ALLOCATED:
            file.truncate(0)
        os.fsync(file.fileno())


def require_own_log(image: Path) -> None:
    """Return if an image that is not in use has the log that its mark names, or none.

    An image without a mark was last used before there were marks; it is taken as it is.

    Raises:
        LogError: its log is missing, or the log beside it is not its own.
    """
    mark = _mark_alone(image)
    if mark is None:
        return
    log = log_of(image)
    if not log.exists():
        if mark.in_use:
            raise LogError(
                image,
                f"its last writes are missing: it was copied or moved without its log while the card was in "
                f"use or after its process was killed; bring {log.name} from the same place, or copy the card again "
                "when it is out of the reader",
            )
        return
    salt = salt_of(image)
    if salt is None or (mark.salt is not None and (salt - mark.salt) % (1 << 32) <= 1):
        return
    if log.stat().st_size <= _ALLOCATED and _holds_no_more(image):
        # The card was killed when it was about to write for the first time.
        return
    more = "bring the log that belongs to it" if mark.in_use else "move the log away to use the image as it is"
    raise LogError(
        image,
        f"{log.name} beside it is the log of another image, or of another state of this one, and would "
        f"destroy it; {more}",
    )


def read_mark(connection: sqlite3.Connection) -> Mark | None:
    """Read the mark of an image; None if it has none that can be read.

    Raises:
        sqlite3.Error
    """
    rows = connection.execute("SELECT meta FROM cell WHERE kind = ?", (MARK,)).fetchall()
    try:
        mark = Mark(**json.loads(rows[0][0])) if rows else None
    except (ValueError, TypeError, RecursionError):
        return None
    return mark if mark is None or mark.salt is None or isinstance(mark.salt, int) else None


_ALONE: Final = "mode=ro&immutable=1"
"""How SQLite reads an image file without its log."""


def _mark_alone(image: Path) -> Mark | None:
    """Read the mark in the image file alone; return None if it is no image, which opening reports better."""
    try:
        with closing(_connect(image, _ALONE)) as connection:
            return read_mark(connection)
    except sqlite3.Error:
        return None


def _holds_no_more(image: Path) -> bool:
    """Return whether the log adds nothing to the image but a mark, tried in a copy."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "card"
        shutil.copyfile(image, copy)
        shutil.copyfile(log_of(image), log_of(copy))
        try:
            return _cells(image, _ALONE) == _cells(copy, "mode=rw")
        except sqlite3.Error:
            return False


def _cells(image: Path, parameters: str) -> list[Any]:
    """Return every cell but the mark."""
    with closing(_connect(image, parameters)) as connection:
        return connection.execute("SELECT * FROM cell WHERE kind != ? ORDER BY kind, path", (MARK,)).fetchall()


def _connect(image: Path, parameters: str) -> sqlite3.Connection:
    return sqlite3.connect(f"{image.absolute().as_uri()}?{parameters}", uri=True)
