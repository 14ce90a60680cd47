"""Keys of a security module (社会保障PSAM卡): how records name them, and where they stand (Part 9, 6).

The cells of a key have its value; the key file itself holds the 8-byte heads of its records in order:
``usage 1 || identifier or version 1 || 00 || algorithm 1 || permission 0000 || 0000``. One identifier may
occur with several usages, so a key is called by both: ``28/12``.
"""

from typing import Final, NamedTuple

from keys.records import KeyRef, Usage
from keys.suites import SUITES

HEAD_LENGTH: Final = 8
ROOT_LEVELS: Final = {"third": 1, "second": 2}
"""Levels above the card's of the roots that a module ordinarily has (Part 9, appendix B, note **)."""
LEVELS_MAX: Final = 3

TYPES: Final[dict[Usage, int]] = {
    Usage.PURCHASE: 0x02,
    Usage.MAC: 0x06,
    Usage.ENCRYPTION: 0x07,
    Usage.MAC_ENC: 0x08,
    Usage.LOAD: 0x09,
    Usage.TAC: 0x0C,
}
"""Type of a key, the right five bits of its usage byte (Part 9, 6.3)."""
USAGES: Final = {kind: usage for usage, kind in TYPES.items()}

ALGORITHMS: Final = {0x00: "3DES", 0x01: "DES", 0x03: "SM4"}
"""Suites by algorithm byte (Part 9, 6.2). 02 is SSF33, which is not public; the standard has no SM4, 03 is free."""
ALGORITHM_BYTES: Final = {name: byte for byte, name in ALGORITHMS.items()}

FILE_KEYS: Final = {0x11: 0x01, 0x12: 0x02, 0x13: 0x03}
"""Key files by the low byte of their FID, and the identifier of the own key that gives the right to write them."""
DIRECTORY_FILE: Final = 0x0001
PUBLIC_FILE: Final = 0x0015
TERMINAL_FILE: Final = 0x0016
SEQUENCE_FILE: Final = 0x0019
FCI_DATA_LENGTH: Final = 2
"""The last bytes of file 0015: data of the FCI that the issuer chooses (Part 9, 5.2)."""

_NATIONAL, _PROVINCIAL, _CITY = FILE_KEYS
_RANGES: Final = (
    (range(0x00, 0x10), _NATIONAL),
    (range(0x10, 0x18), _PROVINCIAL),
    (range(0x18, 0x20), _CITY),
    (range(0x20, 0x40), _NATIONAL),
    (range(0x40, 0x80), _PROVINCIAL),
    (range(0x80, 0xC0), _CITY),
)


class Head(NamedTuple):
    """The head of a key record (Part 9, 6.1)."""

    usage: int
    identifier: int
    algorithm: int

    @property
    def levels(self) -> int:
        """Return how many diversification levels the key is above the card's."""
        return self.usage >> 5

    @property
    def kind(self) -> Usage | None:
        """Return what the key is for; None for a type that the standard does not have."""
        return USAGES.get(self.usage & 0x1F)

    def encode(self) -> bytes:
        """Return the 8 bytes of the head."""
        return bytes((self.usage, self.identifier, 0, self.algorithm, 0, 0, 0, 0))


def heads(contents: bytes) -> list[Head]:
    """Return the heads of the records in a key file."""
    return [Head(contents[at], contents[at + 1], contents[at + 3]) for at in range(0, len(contents), HEAD_LENGTH)]


def room_taken(contents: bytes) -> int:
    """Return how many bytes the records of a key file take, heads and values."""
    return sum(HEAD_LENGTH + SUITES[ALGORITHMS[each.algorithm]].key_length for each in heads(contents))


def usage_byte(usage: Usage, levels: int) -> int:
    """Return the usage byte (用途): levels in the left three bits, type in the others (Part 9, 6.2)."""
    return levels << 5 | TYPES[usage]


def psam_ref(df: str, usage: int, identifier: int) -> KeyRef:
    """Return the reference of a key of a security module: its DF, usage byte and identifier, or version."""
    return KeyRef(df, f"{usage:02X}/{identifier:02X}")


def file_for(usage: Usage, identifier: int) -> int | None:
    """Return the FID of the key file that a key belongs into (Part 9, appendix A), or None for reserved identifiers.

    Purchase keys have a version in the place of the identifier, and are national ones (appendix B).
    """
    if usage is Usage.PURCHASE:
        return _NATIONAL
    return next((file for identifiers, file in _RANGES if identifier in identifiers), None)
