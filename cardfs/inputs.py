"""What people write: TOML files, and errors that name file, place and reason in one sentence."""

import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


class InputError(ValueError):
    """Something that a person wrote cannot be used; the text is one sentence, without any secret."""


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
    try:
        return Document(path.name, tomllib.loads(path.read_text(encoding="utf-8")), path.parent)
    except OSError as reason:
        raise error(f"{path}: {reason.strerror or reason}") from reason
    except UnicodeDecodeError as reason:
        raise error(f"{path.name}: not UTF-8 at byte {reason.start}") from reason
    except tomllib.TOMLDecodeError as reason:
        raise error(f"{path.name}: {reason}") from reason
