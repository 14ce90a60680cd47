"""Masking: a command and its answer in hex, with ``**`` for each secret byte."""

from ..card.apdu import HEADER_LENGTH, Command
from ..card.engine import Outcome
from ..card.row import Row
from ..card.secret import NONE, UNKNOWN, WHOLE, Secret
from .event import MASK

__all__ = ["MASK", "fits", "masked_answer", "masked_command", "secret_of"]


def secret_of(row: Row | None, command: Command | None) -> Secret:
    """Return what of a command is secret; everything if the card has no such command."""
    return UNKNOWN if row is None or command is None else row.secret(command)


def fits(row: Row, command: Command) -> bool:
    """Return whether the data field has a length that the command may have."""
    return command.well_formed and len(command.data) in row.lc


def masked_command(raw: bytes, row: Row | None, command: Command | None) -> str:
    """Write a command in hex, with its secrets masked.

    The header is always shown, and a fifth byte if it is the last. If the length bytes contradict the length, or are
    extended, everything after the header is masked.

    Args:
        raw: the whole command.
        row: its row; None if the card has no such command.
        command: as parsed; None if it has less than four bytes.
    """
    if len(raw) <= HEADER_LENGTH + 1:
        return raw.hex().upper()
    known = row is not None and command is not None and fits(row, command)
    secret = secret_of(row, command)
    if secret.any_length or (known and secret.data == NONE):
        return raw.hex().upper()
    lc, body = raw[HEADER_LENGTH], raw[HEADER_LENGTH + 1 :]
    if not lc or len(body) not in (lc, lc + 1):
        # It is not known where the data begin, so they may be anywhere after the header.
        return raw[:HEADER_LENGTH].hex().upper() + MASK * (len(raw) - HEADER_LENGTH)
    shown = [f"{byte:02X}" for byte in body]
    # What looks like Le may be the last byte of a PIN whose Lc is wrong.
    for at in range(len(body))[secret.data if known and len(body) == lc else WHOLE]:
        shown[at] = MASK
    return raw[: HEADER_LENGTH + 1].hex().upper() + "".join(shown)


def masked_answer(outcome: Outcome, source: Outcome | None) -> str:
    """Write response data in hex, masked if they are secret.

    Args:
        source: the command that produced the data; None if it is not known, and then all are masked.
    """
    data = outcome.response[:-2]
    secret = UNKNOWN if source is None else secret_of(source.row, source.command)
    return MASK * len(data) if secret.answer else data.hex().upper()
