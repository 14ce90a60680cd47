"""The image file: cells in an SQLite database, one writer at a time."""

import contextlib
import os
import sqlite3
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

from ..model.errors import DamagedImage, ImageError, LogError, StoreFailed
from .locking import is_locked, lock
from .log import MARK, Mark, allocate_log, log_of, read_mark, require_own_log, salt_of
from .store import Cell, CellKey

APPLICATION_ID: Final = 0x53534344  # "SSCD"
SCHEMA_VERSION: Final = 1
_SCHEMA: Final = """
CREATE TABLE cell (
    kind TEXT NOT NULL,          -- card, df, ef, contents, key, tries, dictionary, names; log: see cardfs/memory/log.py
    path TEXT NOT NULL,          -- FIDs from the MF down; keys: DF path # name . version
    meta TEXT NOT NULL,          -- JSON, readable
    data BLOB NOT NULL,          -- contents of files, values of keys
    PRIMARY KEY (kind, path)
) WITHOUT ROWID
"""
_PUT: Final = "INSERT OR REPLACE INTO cell VALUES (?, ?, ?, ?)"
_SETTLE_AFTER: Final = 200
"""Writes after which the log is brought home into the image file and starts over."""
_SETTLE_AGAIN: Final = 50
"""Writes after which that is tried again when another process was in the way: each try waits for it."""
_in_use: Final[set[tuple[int, int]]] = set()
"""Device and inode of each image that this process has in use. Closing any descriptor of such a file would drop
the locks that SQLite holds on it, so it is not even opened to look."""


class SqliteStore:
    """An image file: one SQLite database, mode 0600, one writer at a time.

    Write-ahead logging with full synchronisation: a commit is on the disk when `write` returns. The image file is
    marked with the log that belongs to it; see `cardfs.memory.log`.
    """

    def __init__(self, path: Path, *, writable: bool = True) -> None:
        """Open an existing image.

        Raises:
            LogError: it was copied without its log, or another log lies beside it.
            ImageError: missing, no image, made by a newer version, damaged, or in use by another process.
        """
        self._path = path
        self._place = str(path.absolute())
        self._lock = -1
        self._inode = (-1, -1)
        self._marked = False
        self._unsettled = 0
        _require(path, writable)
        if writable:
            self._claim()
        try:
            self._require_log()
            self._connection = self._open(path, writable)
        except BaseException:
            self._release()
            raise
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    @classmethod
    def create(cls, path: Path, cells: Iterable[tuple[CellKey, Cell]], *, replace: bool = False) -> None:
        """Write a new image file, whole or not at all.

        Args:
            replace: whether it takes the place of a file that is there, with its log.

        Raises:
            ImageError: the file exists and is not to be replaced, or cannot be written.
        """
        temporary = path.with_name(f".{path.name}.{os.getpid()}.new")
        try:
            os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            connection = sqlite3.connect(temporary, isolation_level=None)
            try:
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
                connection.execute("BEGIN")
                connection.execute(_SCHEMA)
                connection.execute(_PUT, (MARK, "", Mark().text(), b""))
                connection.executemany(
                    "INSERT INTO cell VALUES (?, ?, ?, ?)", ((*key, cell.meta, cell.data) for key, cell in cells)
                )
                connection.execute("COMMIT")
                connection.execute("PRAGMA journal_mode = WAL")
            finally:
                connection.close()
            if replace:
                temporary.replace(path)
                remove_log(path)
                return
            if not path.exists():
                # A log without its image belongs to a card that was deleted, and must not enter the new one.
                remove_log(path)
            os.link(temporary, path)
        except FileExistsError:
            raise ImageError(path, "the file exists already") from None
        except (OSError, sqlite3.Error) as error:
            raise ImageError(path, f"the image cannot be written: {_why(error)}") from error
        finally:
            # On a read-only file system even this is refused, and names a file that the user does not know.
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)

    def load(self) -> dict[CellKey, Cell]:
        try:
            rows = self._connection.execute(
                "SELECT kind, path, meta, data FROM cell WHERE kind != ?", (MARK,)
            ).fetchall()
        except sqlite3.Error as error:
            raise DamagedImage(self._path, _why(error)) from error
        for kind, path, meta, data in rows:
            if (type(kind), type(path), type(meta), type(data)) != (str, str, str, bytes):
                raise DamagedImage(self._path, "text and bytes are mixed up", f"{kind} {path}")
        return {(kind, path): Cell(meta, data) for kind, path, meta, data in rows}

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        if self._lock >= 0 and not self._in_place():
            raise StoreFailed(f"{self._path}: the image was moved or deleted, so nothing written to it would last")
        try:
            if not self._marked:
                self._begin()
            if len(changes) == 1:
                # SQLite makes a transaction of a statement that comes alone.
                ((key, cell),) = changes.items()
                self._change(key, cell)
            else:
                self._change_all(changes)
        except sqlite3.Error as error:
            raise StoreFailed(f"{self._path}: the image cannot be written: {_why(error)}") from error
        self._unsettled += 1
        if erases or self._unsettled >= _SETTLE_AFTER:
            # The write is durable. What cannot be brought home now, with a full disk, is tried again later.
            self._unsettled = _SETTLE_AFTER - _SETTLE_AGAIN
            with contextlib.suppress(sqlite3.Error):
                self._settle()

    def _change(self, key: CellKey, cell: Cell | None) -> None:
        if cell is None:
            self._connection.execute("DELETE FROM cell WHERE kind = ? AND path = ?", key)
        else:
            self._connection.execute(_PUT, (*key, cell.meta, cell.data))

    def _change_all(self, changes: Mapping[CellKey, Cell | None]) -> None:
        """Write all changes in one transaction."""
        execute = self._connection.execute
        execute("BEGIN IMMEDIATE")
        try:
            for key, cell in changes.items():
                self._change(key, cell)
            execute("COMMIT")
        except BaseException:
            if self._connection.in_transaction:
                execute("ROLLBACK")
            raise

    def close(self) -> None:
        if self._lock >= 0:
            with contextlib.suppress(sqlite3.Error):
                self._end()
        self._connection.close()
        # Only now: closing any descriptor of the file earlier would drop SQLite's own locks on it.
        self._release()

    def _end(self) -> None:
        """Mark the image as out of use, whether this process or one that was killed had marked it."""
        mark = read_mark(self._connection)
        if mark is None or not mark.in_use:
            return
        self._put_mark(mark._replace(in_use=False))
        if not self._in_place():
            # SQLite leaves the log of a moved image where it was; what was written is brought home.
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _begin(self) -> None:
        """Mark the image as in use, with its log, before the card writes for the first time.

        Raises:
            sqlite3.Error: nothing may be written.
        """
        # A log has no salt before something is in it, and of a header that a killed process left SQLite may make anew.
        self._put_mark(Mark(in_use=True))
        if not self._settle():
            raise sqlite3.OperationalError("another process reads the image")
        self._marked = True

    def _settle(self) -> bool:
        """Bring what is in the log home into the image file and let the log start over, empty.

        The image is marked with the salt of the log first, so that there is no moment at which the two do not know
        each other. Of values that were replaced no copy stays in either.

        Returns:
            whether it was done; another process that reads the image may be in the way.
        """
        self._put_mark(Mark(in_use=True, salt=salt_of(self._path)))
        (busy, _, _) = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        if not busy:
            self._unsettled = 0
            allocate_log(self._path)
        return not busy

    def _put_mark(self, mark: Mark) -> None:
        self._connection.execute(_PUT, (MARK, "", mark.text(), b""))

    def _in_place(self) -> bool:
        """Return whether the open file is still the one with its name."""
        try:
            found = os.stat(self._place)  # noqa: PTH116 - each write waits for it
        except OSError:
            return False
        # Nobody else gets the inode of a file that this process has open.
        return (found.st_dev, found.st_ino) == self._inode

    @staticmethod
    def _open(path: Path, writable: bool) -> sqlite3.Connection:
        mode = "rw" if writable else "ro"
        if not writable and not log_of(path).is_file():
            # Nobody has the card in use: reading needs no log of its own, and leaves none behind.
            mode += "&immutable=1"
        try:
            connection = sqlite3.connect(
                f"{path.absolute().as_uri()}?mode={mode}", uri=True, isolation_level=None, check_same_thread=False
            )
        except sqlite3.Error as error:
            raise ImageError(path, f"the image cannot be opened: {_why(error)}") from error
        return connection

    def _check(self) -> None:
        execute = self._connection.execute
        try:
            (application,) = execute("PRAGMA application_id").fetchone()
            (version,) = execute("PRAGMA user_version").fetchone()
            (page,) = execute("PRAGMA page_size").fetchone()
            execute("PRAGMA synchronous = FULL")
            execute("PRAGMA busy_timeout = 2000")
            execute("PRAGMA secure_delete = ON")
            execute("PRAGMA wal_autocheckpoint = 0")
        except sqlite3.OperationalError as error:
            # Not the file is at fault: the disk is full, or the folder takes no log.
            raise ImageError(self._path, f"the image cannot be opened: {_why(error)}") from error
        except sqlite3.Error as error:
            raise ImageError(self._path, f"this is not a card image: {_why(error)}") from error
        if application != APPLICATION_ID:
            raise ImageError(self._path, "this is not a card image")
        # SQLite takes the missing end of a cut page for zeros. A log that waits to be played back may mend it.
        if self._path.stat().st_size % page and salt_of(self._path) is None:
            raise DamagedImage(self._path, "its end is missing")
        if version > SCHEMA_VERSION:
            raise ImageError(
                self._path,
                f"the image has schema {version}, but this sscard reads up to {SCHEMA_VERSION}; use a newer one",
            )

    def _claim(self) -> None:
        """Take the image for this process, so that it has one writer."""
        try:
            if not _is_in_use(self._path):
                self._lock = os.open(self._path, os.O_RDONLY)
                lock(self._lock)
                found = os.fstat(self._lock)
                self._inode = (found.st_dev, found.st_ino)
                _in_use.add(self._inode)
                return
        except OSError as error:
            if self._lock < 0:
                raise ImageError(self._path, f"the image cannot be opened: {_why(error)}") from None
            self._release()
        raise ImageError(self._path, "another process has this card in use; end it first")

    def _release(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
            _in_use.discard(self._inode)

    def _require_log(self) -> None:
        """Refuse an image without its log; while another has it in use, the two that lie there belong together."""
        if self._lock < 0 and _is_in_use(self._path):
            return
        try:
            require_own_log(self._path)
        except LogError:
            # The card that another process inserted or took out just now may look so for a moment.
            if self._lock >= 0 or not _is_locked(self._path):
                raise


def remove_log(path: Path) -> None:
    """Remove a log that does not belong to an image any more."""
    for leftover in ("-wal", "-shm"):
        path.with_name(path.name + leftover).unlink(missing_ok=True)


def _is_in_use(path: Path) -> bool:
    found = path.stat()
    return (found.st_dev, found.st_ino) in _in_use


def _is_locked(path: Path) -> bool:
    """Return whether another process has an image in use."""
    with path.open("rb") as file:
        return is_locked(file.fileno())


def _require(path: Path, writable: bool) -> None:
    """Refuse what cannot be opened before SQLite tries: of a read-only image it would leave a read-only log."""
    try:
        found = path.is_file()
    except OSError as error:
        raise ImageError(path, f"the image cannot be opened: {_why(error)}") from None
    if not found:
        raise ImageError(path, "there is no such image file")
    if writable and not os.access(path, os.W_OK):
        raise ImageError(path, "the image is read-only, and a card must be able to write")
    if writable and not os.access(path.absolute().parent, os.W_OK):
        raise ImageError(path, "the folder is read-only, and a card in use keeps a log beside its image")
    if not os.access(path, os.R_OK):
        raise ImageError(path, "the image cannot be opened: permission denied")


def _why(error: Exception) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error) or type(error).__name__
    text = " ".join(text.split())  # SQLite quotes from a broken schema, line by line
    return text[:1].lower() + text[1:]
