"""Selecting the financial environment and its proximity payment system environment (JR/T 0025)."""

from typing import Final

from cardfs.model.errors import CardBlocked
from cardfs.model.fci import directory
from cardfs.model.fci import fci as template
from cardfs.model.files import Df

from ...card.context import Answer, Context, Selection


def fci(_ctx: Context, df: Df) -> bytes:
    """Return the FCI: ``6F {84 name, A5 {88 SFI of the directory, more}}``; the PPSE has BF0C instead of 88."""
    return template(df.name, directory(df.directory_sfi) + df.proprietary)


def _entered(_ctx: Context, _df: Df) -> None:
    """Do nothing: the environment has no state."""


def _locked(_ctx: Context, df: Df) -> Answer:
    """Refuse the selection: CARD BLOCK of one of the applications has locked the environment."""
    raise CardBlocked(f"{df.label} is permanently locked")


SELECTION: Final = Selection(fci, _entered, _locked)
