"""Selecting the financial environment and its proximity payment system environment (JR/T 0025)."""

from typing import Final

from cardfs.errors import CardBlocked
from cardfs.files import Df, Regime

from ..context import Answer, Context
from ..entry import ENTRIES, Entry


def fci(_ctx: Context, df: Df) -> bytes:
    """Build the FCI: ``6F {84 name, A5 {88 SFI of the directory, more}}``; the PPSE has BF0C instead of 88."""
    directory = b"" if df.directory_sfi is None else _tlv(0x88, bytes((df.directory_sfi,)))
    return _tlv(0x6F, _tlv(0x84, df.name) + _tlv(0xA5, directory + df.proprietary))


def _entered(_ctx: Context, _df: Df) -> None:
    """Nothing begins with the selection of the environment."""


def _locked(_ctx: Context, df: Df) -> Answer:
    """What is locked here was so by CARD BLOCK of one of the applications."""
    raise CardBlocked(f"{df.label} is permanently locked")


def _tlv(tag: int, value: bytes) -> bytes:
    return bytes((tag, len(value))) + value


ENTRY: Final = Entry(fci, _entered, _locked)
ENTRIES[Regime.PAYMENT] = ENTRY
