"""What people write: TOML files, and errors that name file, place and reason in one sentence."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from keys.errors import SscardError

DEEPEST: Final = 16
"""Levels of tables and arrays that a TOML file may have; profiles have five."""


class InputError(SscardError, ValueError):
    """An input cannot be used: a profile, a holder, root keys or an option; one sentence, without any secret.

    Example:
        >>> import sscard
        >>> sscard.Card.issue(pin="12")
        Traceback (most recent call last):
        ...
        cardfs.profile.inputs.IssueError: pin: a PIN has 4 to 16 digits
    """


class ProfileError(InputError):
    """A profile is wrong: ``ssc-x.toml: ef[7].update: no key 'STX' at or above SSSE/DF01``."""


class IssueError(InputError):
    """An input to issuing is wrong: ``holder.toml: DF01/EF05 household_address: 90 bytes in GB 18030, 80 fit``."""


@dataclass(frozen=True, slots=True)
class Document:
    """A TOML file as read.

    Attributes:
        name: how errors call it, mostly the file's name.
        data: its tables; never printed, they may hold keys.
        folder: what relative paths in it stand on; None if it does not come from a file.
        lenient: whether names that the profile does not have are passed over, as for a built-in holder.
    """

    name: str
    data: dict[str, Any] = field(repr=False)
    folder: Path | None = None
    lenient: bool = False


def read_document(path: Path, error: type[InputError]) -> Document:
    """Read a TOML file; a missing, unreadable or malformed one raises ``error``."""
    text = read_text(path, error)
    try:
        return Document(path.name, parse_toml(text), path.parent)
    except TomlWrong as reason:
        raise error(f"{path.name}: {_no_toml(text) or reason}") from None


def read_text(path: Path, error: type[Exception]) -> str:
    """Read a text file in UTF-8, with or without a byte order mark; what is wrong raises ``error``."""
    try:
        return decode_text(path.read_bytes(), path.name, error)
    except OSError as reason:
        raise error(f"{path}: {reason.strerror or reason}") from reason


def decode_text(data: bytes, name: str, error: type[Exception]) -> str:
    """Decode UTF-8, with or without a byte order mark; another encoding raises ``error``, which says which."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        at = reason.start
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise error(f"{name}: this is UTF-16; save it as UTF-8")
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        text = "\0"
    # What is text in GB 18030 has Chinese characters, and none that is for private use or controls something.
    if all(char.isprintable() or char.isspace() for char in text):
        raise error(f"{name}: this is GBK; save it as UTF-8")
    raise error(f"{name}: not UTF-8 at byte {at}")


class TomlWrong(ValueError):
    """A text is no TOML, or more than anybody writes; the text says why."""


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        TomlWrong: it is none, or nested too deep, or holds a number of too many digits.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as reason:
        raise TomlWrong(str(reason)) from None
    except RecursionError:
        raise TomlWrong(f"nested deeper than {DEEPEST} levels") from None
    except ValueError:
        # Python refuses to read numbers of some thousand digits.
        raise TomlWrong("a number has too many digits") from None
    level: list[Any] = [data]
    for _ in range(DEEPEST):
        level = [
            below
            for each in level
            for below in (each.values() if isinstance(each, dict) else each)
            if isinstance(below, dict | list)
        ]
        if not level:
            return data
    raise TomlWrong(f"nested deeper than {DEEPEST} levels")


def _no_toml(text: str) -> str:
    """Say what a text is that somebody took for TOML; nothing if it looks like TOML."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and not any(mark in line for line in lines for mark in ("=", "[")) and all("," in line for line in lines):
        return 'this is a table with commas (CSV), no TOML file; write name = "value", one a line'
    return ""
