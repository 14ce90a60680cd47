"""Files that commands write: --force replaces an existing one, and only a new card replaces a card image."""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import BinaryIO, Final

import click

from .errors import UsageFault

_IMAGE: Final = b"SQLite format 3\0"
"""How every card image begins."""

_FIRST_LINE: Final = 1 << 16
"""Bytes within which the first line of a trace ends."""


class Target(click.Path):
    """The type of an option or argument that names a file to be written.

    The command asks `require_free` or `require_trace` before it writes.
    """

    def __init__(self) -> None:
        super().__init__(path_type=Path, dir_okay=False)


def require_free(path: Path, *, force: bool) -> None:
    """Raise `UsageFault` if a file exists already, unless ``force`` allows replacing it."""
    if path.exists() and not force:
        raise UsageFault(f"{path}: the file exists already; --force replaces it")


def require_no_image(path: Path, option: str, *, force: bool) -> None:
    """Check where a file other than a card image is to be written.

    Args:
        path: the file.
        option: option that names it, for the error.
        force: whether an existing file may be replaced.

    Raises:
        UsageFault: a card image is there, or a file that may not be replaced, or its folder does not exist.
    """
    if _begins(path) == _IMAGE:
        raise UsageFault(f"{path}: a card image, which {option} never replaces; name another file")
    require_free(path, force=force)
    if not path.parent.is_dir():
        raise UsageFault(f"{path}: there is no folder {path.parent}; make it first")


def write_file(path: Path, text: str, option: str, *, force: bool) -> None:
    """Write a text file in UTF-8, whole or not at all.

    Raises:
        UsageFault: as `require_no_image`, or the file cannot be written.
    """
    with replaced(path, option, force=force, mode=0o666) as file:
        file.write(text.encode())


def replaced(path: Path, option: str, *, force: bool, mode: int) -> AbstractContextManager[BinaryIO]:
    """Return a block that writes a file whole or not at all: the new file replaces an old one at its end.

    Args:
        path: the file.
        option: option that names it, for the error.
        force: whether an existing file may be replaced.
        mode: permissions of the new file.

    Raises:
        UsageFault: as `require_no_image`, or the file cannot be written.
    """
    require_no_image(path, option, force=force)
    return _replaced(path, option, mode)


@contextmanager
def _replaced(path: Path, option: str, mode: int) -> Iterator[BinaryIO]:
    new = path.with_name(f".{path.name}.{os.getpid()}.new")
    try:
        with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
            yield file
        new.replace(path)
    except OSError as error:
        raise UsageFault(f"{path}: {option} cannot be written: {error.strerror}") from None
    finally:
        new.unlink(missing_ok=True)


def make_private(path: Path, option: str, *, force: bool) -> None:
    """Make an empty file that only its owner can read; a named pipe stays as it is.

    Raises:
        UsageFault: as `require_no_image`, or the file cannot be written.
    """
    if path.exists() and not path.is_file():
        return
    with replaced(path, option, force=force, mode=0o600):
        pass


def require_trace(path: Path) -> None:
    """Raise `UsageFault` if a file exists and is no trace, so that none may be appended to it."""
    if not path.is_file() or not path.stat().st_size:
        return
    if _begins(path) == _IMAGE:
        raise UsageFault(f"{path}: a card image, to which --trace never writes; name another file")
    with path.open("rb") as file:
        line = file.readline(_FIRST_LINE)
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        event = None
    if not isinstance(event, dict) or not {"time", "kind"} <= event.keys():
        raise UsageFault(f"{path}: this file is not a trace, and --trace appends only to one; name another file")


def _begins(path: Path) -> bytes:
    """Return the first bytes of a file, nothing if it is no ordinary file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(len(_IMAGE))
