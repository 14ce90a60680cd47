"""Refusals of the file system, errors of images, and the nearest right name; see `keys.errors` for the root."""

import difflib
from collections.abc import Iterable
from os import PathLike
from typing import Final

from keys.errors import CardError, SscardError


class FileUnknown(CardError):
    """No file with that identifier, short identifier or name here (未找到文件)."""


class NoCurrentEf(CardError):
    """The command works on the current EF and there is none (无当前基本文件)."""


class StructureMismatch(CardError):
    """The command does not fit the structure of the file (命令与文件结构不相容)."""


class AccessDenied(CardError):
    """The access rule of the file does not hold (不满足安全状态)."""


class ConditionsUnmet(CardError):
    """The command is not possible in this state of the card (使用条件不满足)."""


class LifeForbids(CardError):
    """The phase of the life cycle does not allow the operation (使用条件不满足)."""


class IssuerDataWrong(CardError):
    """The data that the issuer wrote on the card do not let this command work (使用条件不满足)."""


class RecordUnknown(CardError):
    """No such record, or no current record (未找到记录)."""


class RecordLengthWrong(CardError):
    """The record does not have the one length of a fixed or cyclic file."""


class TlvWrong(CardError):
    """The length of the data does not match their TLV structure (Lc 与 TLV 结构不符)."""


class NoSpace(CardError):
    """The file has no space for this record (文件中存储空间不够)."""


class OffsetOutside(CardError):
    """The offset, or the end of the data to write, lies outside the EF (偏移地址超出了EF)."""


class ApplicationBlocked(CardError):
    """The application is permanently locked (应用被永久锁定; Part 7, 13.2)."""


class CardBlocked(CardError):
    """The card is permanently locked (Part 5, 6.2.1)."""


class StoreFailed(CardError):
    """The non-volatile memory did not take the change (内存失败); nothing changed."""


class ImageError(SscardError):
    """An image cannot be opened or created.

    The text is one sentence, ``path: reason``.

    Attributes:
        path: path of the image file.
        reason: why, as a clause without full stop.

    Example:
        >>> import sscard
        >>> sscard.Card.open("none.sscard")
        Traceback (most recent call last):
        ...
        cardfs.model.errors.ImageError: none.sscard: there is no such image file
    """

    def __init__(self, path: str | PathLike[str], reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


class DamagedImage(ImageError):
    """A part of an image cannot be read, or does not fit the others.

    Attributes:
        place: kind and path of the cell, ``tries 3F00/DDF1#PIN.1``; empty if it is the file as a whole.
    """

    def __init__(self, path: str | PathLike[str], damage: str, place: str = "") -> None:
        super().__init__(
            path, f"the image is damaged: {place}: {damage}" if place else f"the image is damaged: {damage}"
        )
        self.args = (path, damage, place)
        self.place = place


class LogError(ImageError):
    """The write-ahead log of an image is missing, or belongs to another image."""


# -- names that there are not ------------------------------------------------------------------

LONGEST: Final = 200
"""Characters of a name beyond which nobody looks for the one that was meant."""
FEW: Final = 20
"""Names that a sentence can list."""


def nearest(name: str, names: Iterable[str]) -> str:
    """Return the most similar name, whatever its case; empty if none is similar.

    Example:
        >>> nearest("DEMO", ["demo", "psam"])
        'demo'
    """
    known = {each.casefold(): each for each in names}
    close = difflib.get_close_matches(name[:LONGEST].casefold(), known, n=1)
    return known[close[0]] if close else ""


def hint(name: str, names: Iterable[str]) -> str:
    """Return the end of a sentence: the most similar name, else all if they are few.

    Example:
        >>> "there is no fault 'pul'" + hint("pul", ["pull", "pad"])
        "there is no fault 'pul'; did you mean 'pull'?"
        >>> hint("x", ["pull", "pad"])
        '; there are: pull, pad'
    """
    names = list(names)
    near = nearest(name, names)
    if near:
        return f"; did you mean {near!r}?"
    return f"; there are: {', '.join(names) or 'none'}" if len(names) < FEW else ""
