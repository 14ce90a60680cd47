"""Amounts, times and types of a trade, and what is left of one whose end is not known (terminal interface, 8)."""

import datetime
import re
from dataclasses import dataclass
from typing import Final, NamedTuple

from .errors import INPUT_WRONG, TerminalError
from .settings import TerminalSettings

APPLICATION: Final = "DF04"
"""Where the account is: medical insurance."""

LOAD, PURCHASE = "1", "2"
"""Types of trade (交易类型; V2.0 notice, 8.5.3.2)."""

LARGEST: Final = 4294967295
"""Amounts are smaller than 42949672.95 yuan (terminal interface, 8.1.2)."""

_PARTS: Final = ((0, 4), (4, 6), (6, 8), (8, 10), (10, 12), (12, 14))
"""Where year, month, day, hour, minute and second stand in a time."""

_AMOUNT: Final = re.compile(r"([0-9]{1,8})\.([0-9]{2})")


class Uncertain(NamedTuple):
    """A trade that a card may or may not have booked: the parameters of `TradeFunctions.proof`.

    Attributes:
        card_info: ``identification code|card number|``.
        trade: `LOAD` or `PURCHASE`.
        sequence: the card's trade sequence, four hex digits.
    """

    card_info: str
    trade: str
    sequence: str


@dataclass(frozen=True, slots=True)
class PendingPurchase:
    """A purchase between INITIALIZE and DEBIT FOR PURCHASE.

    Attributes:
        amounts: account, self-paid and fund amount as the card gets them, in fen, four bytes each.
        time: ``YYYYMMDDHHMMSS``.
        terminal: terminal number, twelve digits.
        head: random (four bytes) and purchase sequence (two bytes) of the card.
        version, algorithm: of DPK, as the card names them.
    """

    amounts: bytes
    time: str
    terminal: str
    head: bytes
    version: int
    algorithm: int

    @property
    def sequence(self) -> str:
        """Return the card's purchase sequence, four hex digits."""
        return self.head[4:].hex().upper()


def yuan(text: str) -> int:
    """Return an amount in fen from a text in yuan with two decimals; raise `TerminalError` (-23) if it is not one.

    The largest amount is 42949672.94 yuan (terminal interface, 8.1.2).
    """
    match = _AMOUNT.fullmatch(text)
    fen = int(match[1] + match[2]) if match else LARGEST
    if fen >= LARGEST:
        raise TerminalError(f"{text!r} is not an amount in yuan with two decimals below 42949672.95", INPUT_WRONG)
    return fen


def in_yuan(fen: int) -> str:
    """Return an amount in yuan with two decimals, as the national functions write it."""
    return f"{fen // 100}.{fen % 100:02d}"


def moment(text: str) -> str:
    """Return a time ``YYYYMMDDHHMMSS`` as it is; raise `TerminalError` (-23) if there is no such moment."""
    try:
        if not re.fullmatch("[0-9]{14}", text):
            raise ValueError
        # Not strptime, which takes as long as two commands of a card.
        year, month, day, hour, minute, second = (int(text[at:end]) for at, end in _PARTS)
        datetime.datetime(year, month, day, hour, minute, second)
    except ValueError:
        raise TerminalError(f"{text!r} is not a time YYYYMMDDHHMMSS", INPUT_WRONG) from None
    return text


def kind_byte(trade: str, settings: TerminalSettings) -> bytes:
    """Return the trade type as MACs and TACs have it, one byte (setting ``terminal.type_byte``)."""
    return trade.encode() if settings.type_byte == "ascii" else bytes((int(trade),))


def recorded(record: bytes, settings: TerminalSettings) -> tuple[int, int]:
    """Return total, and account plus fund, in fen, from a record of a purchase (terminal interface, 9.1.2).

    The total is the sum of the three amounts, whoever wrote the record. Only under ``last-two`` a record without an
    account amount has the total in place of the self-paid amount, and the fund's amount is a part of it. Records of
    20 bytes have the account amount only (Part 7, 12).
    """
    account, self_paid, fund = (int.from_bytes(record[at : at + 4]) for at in (16, 20, 24))
    if settings.debit_amounts == "last-two" and not account and fund <= self_paid:
        return self_paid, fund
    return account + self_paid + fund, account + fund


def pay_info(text: str, settings: TerminalSettings) -> tuple[bytes, str]:
    """Read pPayInfo and return the card's three amounts, by the setting ``terminal.debit_amounts``, and the time.

    The standard leaves open how three amounts follow from two. ``last-two``: account 0, then both as they
    are, since by the standard MAC and TAC cover "the last two amounts". ``account`` and ``fund``: the second
    amount is paid from the account, or from the fund, and the holder pays the rest.

    Args:
        text: ``total amount|account plus fund amount|YYYYMMDDHHMMSS|``, in yuan (terminal interface, 8.1.2).

    Returns:
        account, self-paid and fund amount in fen, four bytes each; the time.

    Raises:
        TerminalError: the text is not a payment (-23).
    """
    values = text.split("|")
    if len(values) != 4 or values[3]:
        raise TerminalError("the payment is not 'total amount|account plus fund amount|time|'", INPUT_WRONG)
    total, covered, time = yuan(values[0]), yuan(values[1]), moment(values[2])
    if covered > total:
        raise TerminalError("account and fund together pay more than the total amount", INPUT_WRONG)
    rest = total - covered
    three = {"last-two": (0, total, covered), "account": (covered, rest, 0), "fund": (0, rest, covered)}
    return b"".join(amount.to_bytes(4) for amount in three[settings.debit_amounts]), time
