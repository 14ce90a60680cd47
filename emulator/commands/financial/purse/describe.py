"""What the trace says of the commands of passbook and purse; amounts are in fen."""

from collections.abc import Callable
from typing import Final

from cardfs.memory.image import Image
from keys.suites import MAC_LENGTH

from ....card.apdu import Command
from ....card.engine import Outcome
from .trade import KINDS

Teller = Callable[[Outcome, Image], str]
TRADES: Final = {
    0x01: "load of the passbook",
    0x02: "load of the purse",
    0x03: "unload",
    0x04: "cash",
    0x05: "purchase from the passbook",
    0x06: "purchase from the purse",
    0x07: "overdraft limit",
    0x09: "composite purchase",
}
OPEN_TRADES: Final = frozenset((0x18, 0x50, 0x52, 0x54, 0x58, 0x5A, 0x5C))
"""Instructions of which nothing is secret."""
ACCOUNTS: Final = {0x01: "passbook", 0x02: "purse"}


def _by_command(tell: Callable[[Command], str]) -> Teller:
    """Say it from the command alone, if it has its length."""

    def teller(outcome: Outcome, _image: Image) -> str:
        row, command = outcome.row, outcome.command
        if row is None or command is None or not command.well_formed or len(command.data) not in row.lc:
            return ""
        return tell(command)

    return teller


def _initialize(command: Command) -> str:
    kind = KINDS.get((command.p1, command.p2))
    name = TRADES[kind.code] if kind else f"account {command.p2:02X}"
    data = command.data
    amount = f", {int.from_bytes(data[1:5])} fen" if len(data) == 11 else ""
    return f"{name}, key {data[0]:02X}{amount}, terminal {data[-6:].hex().upper()}"


def _time(data: bytes) -> str:
    return f"time {data.hex()}"


def _balance(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    name = ACCOUNTS.get(command.p2, "") if command is not None else ""
    data = outcome.response[:-2]
    return f"{name} {int.from_bytes(data)} fen" if data else name


def _prove(command: Command) -> str:
    name = TRADES.get(command.p2, f"trade {command.p2:02X}")
    return f"{name}, counter {int.from_bytes(command.data)}"


def _pin(command: Command) -> str:
    return f"PIN {command.p2:02X} masked"


def _cache(command: Command) -> str:
    which = f"record {command.p1}" if command.p2 & 7 else f"identifier {command.p1:02X}"
    return f"{which}, {len(command.data)} bytes"


def _append(command: Command) -> str:
    length = len(command.data) - (MAC_LENGTH if command.secured else 0)
    return f"{max(length, 0)} bytes"


PURSE_TELLERS: Final[dict[str, Teller]] = {
    **{
        f"INITIALIZE FOR {name}": _by_command(_initialize)
        for name in ("LOAD", "PURCHASE", "CASH WITHDRAW", "CAPP PURCHASE", "UPDATE", "UNLOAD")
    },
    "CREDIT FOR LOAD": _by_command(lambda command: _time(command.data[:7])),
    "DEBIT FOR UNLOAD": _by_command(lambda command: _time(command.data[:7])),
    "DEBIT FOR PURCHASE": _by_command(
        lambda command: f"terminal sequence {int.from_bytes(command.data[:4])}, {_time(command.data[4:11])}"
    ),
    "UPDATE OVERDRAW LIMIT": _by_command(
        lambda command: f"new limit {int.from_bytes(command.data[:3])} fen, {_time(command.data[3:10])}"
    ),
    "GET BALANCE": _balance,
    "GET TRANSACTION PROVE": _by_command(_prove),
    "UPDATE CAPP DATA CACHE": _by_command(_cache),
    "APPEND RECORD": _by_command(_append),
    "EXTERNAL AUTHENTICATION": _by_command(lambda command: f"key {command.p2:02X}"),
    "INTERNAL AUTHENTICATION": _by_command(lambda command: f"key {command.p2:02X}"),
    "VERIFY": _by_command(_pin),
    "CHANGE PIN": _by_command(_pin),
    "RELOAD PIN": _by_command(_pin),
    "PIN UNBLOCK": _by_command(lambda command: f"PIN {command.p1:02X} masked"),
    "APPLICATION BLOCK": lambda outcome, image: (
        f"{image.label(outcome.df)} {'for ever' if outcome.command and outcome.command.p2 else 'until it is unblocked'}"
    ),
    "APPLICATION UNBLOCK": lambda outcome, image: image.label(outcome.df),
    "CARD BLOCK": lambda outcome, image: f"{image.label(image.environment(outcome.df))} for ever",
}
"""By the name of the row."""
