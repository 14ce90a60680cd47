"""What can be wrong with an image file, each as a function that breaks one."""

import sqlite3
from contextlib import closing
from pathlib import Path

from cardfs.memory.sqlite import SCHEMA_VERSION


def names(folder: Path) -> list[str]:
    """Return what lies in a folder."""
    return sorted(each.name for each in folder.iterdir())


def _missing(path: Path) -> None:
    """Delete the file."""
    path.unlink()


def _directory(path: Path) -> None:
    """Put a folder in its place."""
    path.unlink()
    path.mkdir()


def _empty(path: Path) -> None:
    """Leave a file of no bytes."""
    path.write_bytes(b"")


def _text(path: Path) -> None:
    """Write text over it."""
    path.write_text("this is a shopping list, " * 100)


def _foreign(path: Path) -> None:
    """Put another program's database in its place."""
    path.unlink()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmark (title TEXT)")
        connection.commit()


def _newer(path: Path) -> None:
    """Give it the schema of a later version."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")


def _no_table(path: Path) -> None:
    """Drop the table of cells."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DROP TABLE cell")


def _not_a_card(path: Path) -> None:
    """Delete the cell that says what card it is."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM cell WHERE kind = 'card'")


def _no_json(path: Path) -> None:
    """Break the JSON of its directories."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE cell SET meta = '{' WHERE kind = 'df'")


def _other_types(path: Path) -> None:
    """Give its keys JSON of another shape."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE cell SET meta = '[1, 2]' WHERE kind = 'key'")


def _null(path: Path) -> None:
    """Give its keys text for bytes."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("UPDATE cell SET data = 'text' WHERE kind = 'key'")


def _no_mf(path: Path) -> None:
    """Delete its directories."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("DELETE FROM cell WHERE kind = 'df'")


def _half(path: Path) -> None:
    """Cut the file in half."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def _scribbled(path: Path) -> None:
    """Overwrite all but the first page."""
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xa5" * (len(data) - 4096)
    path.write_bytes(data)


def _head(path: Path) -> None:
    """Leave the first 50 bytes."""
    path.write_bytes(path.read_bytes()[:50])


DAMAGES = [_missing, _directory, _empty, _text, _foreign, _newer, _no_table, _not_a_card, _no_json, _other_types]


DAMAGES += [_null, _no_mf, _half, _scribbled, _head]
