"""What the file system refuses, in its own words; see `keys.errors` for the root."""

from os import PathLike

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
    """The command makes no sense in this state of the card (使用条件不满足)."""


class LifeForbids(CardError):
    """This phase of the card's life does not allow it (使用条件不满足)."""


class IssuerDataWrong(CardError):
    """What the issuer has written on the card is nothing that this command can work with (使用条件不满足)."""


class RecordUnknown(CardError):
    """No such record, or no current record (未找到记录)."""


class RecordLengthWrong(CardError):
    """A record of a fixed or cyclic file has exactly one length, and this is not it."""


class TlvWrong(CardError):
    """The length of the data does not match their TLV structure (Lc 与 TLV 结构不符)."""


class NoSpace(CardError):
    """The file has no space for this record (文件中存储空间不够)."""


class OffsetOutside(CardError):
    """The offset, or the end of the data to write, lies outside the EF (偏移地址超出了EF)."""


class ApplicationBlocked(CardError):
    """The application is permanently locked (应用被永久锁定; Part 7, 13.2)."""


class CardBlocked(CardError):
    """The card is locked for ever (Part 5, 6.2.1)."""


class StoreFailed(CardError):
    """The non-volatile memory did not take the change (内存失败); nothing changed."""


class ImageError(SscardError):
    """An image cannot be opened or made.

    The text is one sentence, ``path: reason``.

    Attributes:
        path: of the image file.
        reason: why.

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
    """The write-ahead log of an image is missing, or the one that lies beside it is another's."""
