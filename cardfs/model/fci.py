"""File control information (FCI), which SELECT of a DF answers (Part 3, 5.1; Part 5, 6.11.4; EMV Book 1, 11.3.4)."""

from functools import lru_cache
from typing import Final

from . import tlv

TEMPLATE: Final = 0x6F
NAME: Final = 0x84
PROPRIETARY: Final = 0xA5
DIRECTORY_SFI: Final = 0x88
ISSUER_DATA: Final = 0x9F0C
ALGORITHM: Final = 0x86
VERSION: Final = 0x9F08
LABEL: Final = 0x50
PRIORITY: Final = 0x87
PURSE_DATA: Final = 0x0015
"""The file of public data (公共应用基本数据文件), which the FCI of a purse shows under tag 9F0C."""
LONGEST: Final = 256
"""Bytes that one answer carries: Le is one byte (Part 2, 9.3)."""


@lru_cache(maxsize=64)
def fci(name: bytes | None, proprietary: bytes | None) -> bytes:
    """Build an FCI: ``6F {84 name, A5 {proprietary}}``; a part that is None is left out.

    Cached, since SELECT answers the same few again and again.
    """
    body = b"" if name is None else tlv.encode(NAME, name)
    if proprietary is not None:
        body += tlv.encode(PROPRIETARY, proprietary)
    return tlv.encode(TEMPLATE, body)


def directory(sfi: int | None) -> bytes:
    """Build tag 88, the SFI of a directory file; nothing without one."""
    return b"" if sfi is None else tlv.encode(DIRECTORY_SFI, bytes((sfi,)))


def issuer_data(data: bytes) -> bytes:
    """Build tag 9F0C, what the issuer adds (发卡方自定义FCI数据); nothing without data."""
    return tlv.encode(ISSUER_DATA, data) if data else b""


def version(value: str) -> bytes:
    """Build tag 9F08, the version of an application, as ``edep.fci_version`` has it; nothing for ``none``."""
    return b"" if value == "none" else tlv.encode(VERSION, bytes.fromhex(value))


def fits(name: bytes, *proprietary: bytes) -> bool:
    """Return whether one answer carries an FCI with this name and these objects in tag A5."""
    return len(fci(name, b"".join(proprietary))) <= LONGEST
