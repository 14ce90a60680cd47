"""What people write: TOML files, and errors that name file, place and reason in one sentence."""

import re
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

import msgspec

from keys.errors import SscardError

from ..model.errors import hint

DEEPEST: Final = 16
"""Levels of tables and arrays that a TOML file may have; profiles have five."""


class InputError(SscardError, ValueError):
    """An input cannot be used: a profile, a holder, root keys or an option.

    The text is one sentence, ``place: reason``, without any secret.

    Attributes:
        place: file and position in it, or the name of an input: ``ssc-x.toml: ef[7].update``, ``region``.
        reason: what is wrong there.

    Example:
        >>> import sscard
        >>> sscard.Card.issue(pin="12")
        Traceback (most recent call last):
        ...
        cardfs.profile.inputs.IssueError: pin: a PIN has 4 to 16 digits
    """

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(place, reason)
        self.place, self.reason = place, reason

    def __str__(self) -> str:
        return f"{self.place}: {self.reason}"


class ProfileError(InputError):
    """A profile is wrong: ``ssc-x.toml: ef[7].update: no key 'STX' at or above SSSE/DF01``."""


class IssueError(InputError):
    """An input to issuing is wrong: ``holder.toml: DF01/EF05 address: 90 bytes in GB 18030, but only 80 fit``."""


class NoSuchElement(IssueError):
    """A value was given for a data element that the card type does not have.

    Attributes:
        name: what was taken for the name of a data element.
        hint: what might help, as the end of the sentence: ``; did you mean 'phone_number'?``.
    """

    def __init__(self, place: str, name: str, hint: str = "") -> None:
        super().__init__(place, f"no such data element{hint}")
        self.args = (place, name, hint)
        self.name, self.hint = name, hint


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


def read_document(path: Path, error: type[InputError] = InputError) -> Document:
    """Read a TOML file.

    Raises:
        error: the file is missing, unreadable or malformed.
    """
    text = read_text(path, error)
    try:
        return Document(path.name, parse_toml(text), path.parent)
    except TomlWrong as reason:
        raise error(path.name, _no_toml(text) or str(reason)) from None


def read_text(path: Path, error: type[InputError] = InputError) -> str:
    """Read a text file in UTF-8, with or without a byte order mark.

    Raises:
        error: the file cannot be read, or has another encoding.
    """
    try:
        return decode_text(path.read_bytes(), path.name, error)
    except OSError as reason:
        raise error(str(path), reason.strerror or str(reason)) from reason


def decode_text(data: bytes, name: str, error: type[InputError] = InputError) -> str:
    """Decode UTF-8, with or without a byte order mark.

    Args:
        data: the bytes.
        name: how errors call the file.

    Raises:
        error: the bytes have another encoding; the text names it, if it can be detected.
    """
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as reason:
        at = reason.start
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise error(name, "this is UTF-16; save it as UTF-8")
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        text = "\0"
    # What is text in GB 18030 has Chinese characters, and none that is for private use or controls something.
    if all(char.isprintable() or char.isspace() for char in text):
        raise error(name, "this is GBK; save it as UTF-8")
    raise error(name, f"not UTF-8 at byte {at}; save it as UTF-8")


class TomlWrong(ValueError):
    """A text is not TOML, or exceeds a limit; the message names the reason."""


def parse_toml(text: str) -> dict[str, Any]:
    """Read TOML.

    Raises:
        TomlWrong: the text is not TOML, is nested too deep, or holds a number of too many digits.
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
    """Return what a text is if it is clearly something else than TOML, else the empty text."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if lines and not any(mark in line for line in lines for mark in ("=", "[")) and all("," in line for line in lines):
        return 'this is a table with commas (CSV), no TOML file; write name = "value", one a line'
    return ""


# -- typed values --------------------------------------------------------------------------------


class Misfit(ValueError):
    """Data do not fit the type that they should have.

    Attributes:
        path: keys from the root, ``.read.le_mismatch``; empty for the root itself.
        reason: what is wrong there.
        unknown: the key that the table at ``path`` must not have, else empty.
        missing: the key that the table at ``path`` needs, else empty.
        bad_key: the key that is not among those allowed as keys of the table at ``path``, else empty.
    """

    def __init__(self, path: str, reason: str, *, unknown: str = "", missing: str = "", bad_key: str = "") -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason
        self.unknown, self.missing, self.bad_key = unknown, missing, bad_key

    @property
    def key(self) -> str:
        """Return the first key of the path; empty if there is none."""
        return re.split(r"[.\[]", self.path.lstrip("."), maxsplit=1)[0]


_MESSAGE: Final = re.compile(r"(?P<reason>.*?)(?: - at (?P<key>`key` in )?`\$(?P<path>.*?)`)?", re.DOTALL)
_UNKNOWN: Final = re.compile(r"unknown field `([^`]*)`")
_MISSING: Final = re.compile(r"required field `([^`]*)`")
_QUOTED: Final = re.compile(r"'([^']*)'")

T = TypeVar("T")


def convert(data: object, kind: type[T]) -> T:
    """Convert tables and lists to a typed value.

    Raises:
        Misfit: they do not fit. msgspec gives its reasons as text only, and this is the one place that reads it.
    """
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        match = _MESSAGE.fullmatch(str(error))
        assert match is not None  # noqa: S101 - the pattern takes every text
        reason, path = match["reason"], match["path"] or ""
        unknown, missing = _UNKNOWN.search(reason), _MISSING.search(reason)
        bad_key = _QUOTED.search(reason) if match["key"] else None
        value = _QUOTED.search(reason) if reason.startswith("Invalid enum value") else None
        if value and (choices := _choices(kind, path)):
            reason += hint(value[1], choices)
    raise Misfit(
        path,
        reason[:1].lower() + reason[1:],
        unknown=unknown[1] if unknown else "",
        missing=missing[1] if missing else "",
        bad_key=bad_key[1] if bad_key else "",
    )


def _choices(kind: Any, path: str) -> list[str]:
    """Return the words that a value can be, from its place in a type; nothing where that is not known."""
    for name in re.findall(r"\w+", path):
        if not (isinstance(kind, type) and issubclass(kind, msgspec.Struct)):
            return []
        kind = {each.encode_name: each.type for each in msgspec.structs.fields(kind)}.get(name)
    return [str(each) for each in get_args(kind)] if get_origin(kind) is Literal else []
