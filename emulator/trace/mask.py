"""What of a command and of an answer is secret, and how it is masked."""

from typing import Final

from cardfs.memory.image import Image
from cardfs.model.files import CommandSet

from ..card.engine import Outcome
from ..commands.financial.debit.describe import OPEN as OPEN_DEBIT
from ..commands.financial.purse.describe import OPEN_TRADES
from ..commands.medical.describe import is_trade
from ..commands.psam import describe as psam

MASK: Final = "**"
HEADER: Final = 4

_BUT_MAC: Final = slice(None, -4)
_ENCIPHERED: Final = 12
"""Least length of enciphered data with their MAC; anything shorter was not enciphered."""
_SECRET_DATA: Final[dict[int, slice]] = {
    0x20: slice(None),  # VERIFY: the PIN
    0x5E: slice(None),  # CHANGE PIN: both PINs
    0x24: _BUT_MAC,  # PIN CHANGE/UNBLOCK: the enciphered PIN; the MAC stays
    0xD4: _BUT_MAC,  # WRITE KEY: the enciphered key; the MAC stays
    0x82: slice(None, 8),  # EXTERNAL AUTHENTICATION: the cryptogram; the original data stay
}
"""Parts of the data field that are masked, by instruction and whatever the class is."""

_OPEN: Final = frozenset((0xA4, 0xB0, 0xB2, 0xD6, 0xDC, 0x84, 0x88, 0xC0, 0x1E, 0x16, 0xE1))
"""Instructions whose data field holds no secret; of any other, known or not, everything is masked."""

_INTERNAL_AUTHENTICATION: Final = 0x88
_CREATE: Final = 0xE0
_CREATE_OPEN: Final = (0x01, 0x05)
"""Functions of CREATE FILE without a secret: a file, the historical bytes."""


def masked_command(raw: bytes) -> str:
    """A command in hex with its secrets masked; what cannot be read as a command is masked whole."""
    if len(raw) <= HEADER + 1 or _is_open(raw):
        return raw.hex().upper()
    lc, body = raw[HEADER], raw[HEADER + 1 :]
    if not lc or len(body) not in (lc, lc + 1):
        # Where the data begin is anybody's guess, so they may be anywhere after the header.
        return raw[:HEADER].hex().upper() + MASK * (len(raw) - HEADER)
    part = _SECRET_DATA.get(raw[1])
    if part is None or (part == _BUT_MAC and (raw[0] & 0x0F != 0x04 or lc < _ENCIPHERED)):
        part = slice(None)
    shown = [f"{byte:02X}" for byte in body]
    # What looks like Le may be the last byte of a PIN whose Lc is wrong.
    for at in range(len(body) if part == slice(None) else lc)[part]:
        shown[at] = MASK
    return raw[: HEADER + 1].hex().upper() + "".join(shown)


def _is_open(raw: bytes) -> bool:
    return (
        raw[1] in _OPEN
        or is_trade(raw[0], raw[1])
        or psam.is_open(raw)
        or (raw[1] == _CREATE and raw[2] in _CREATE_OPEN)
    )


def is_open_trade(outcome: Outcome, image: Image) -> bool:
    """Whether it is a trade of passbook or purse, or of debit/credit: amounts, terminals, times, MACs, no secret."""
    row, command = outcome.row, outcome.command
    known = {CommandSet.PURSE: OPEN_TRADES, CommandSet.DEBIT: OPEN_DEBIT}.get(image.dfs[outcome.df].command_set)
    if row is None or command is None or known is None:
        return False
    return row.ins in known and command.well_formed and len(command.data) in row.lc


def masked_answer(outcome: Outcome, origin: Outcome | None) -> str:
    data = outcome.response[:-2]
    hidden = origin is not None and len(origin.raw) > HEADER and psam.hides_answer(origin.raw)
    if hidden or (origin is not None and len(origin.raw) > 1 and origin.raw[1] == _INTERNAL_AUTHENTICATION):
        return MASK * len(data)
    return data.hex().upper()
