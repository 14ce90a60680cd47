"""Describers of the commands of passbook and purse; amounts are in fen."""

from collections.abc import Callable
from typing import Final

from ....card.apdu import Command
from ....card.describer import Describer, Exchange
from ...social.describe import current_df
from .manage import TEMPORARY
from .trade import KINDS

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
ACCOUNTS: Final = {0x01: "passbook", 0x02: "purse"}


def _by_command(fields: Callable[[Command], str]) -> Describer:
    """Return a describer from the fields of the command alone; they are empty if its length is wrong."""
    return Describer(lambda exchange: fields(exchange.command) if exchange.fits else "")


def _initialize(command: Command) -> str:
    kind = KINDS.get((command.p1, command.p2))
    name = TRADES[kind.code] if kind else f"account {command.p2:02X}"
    data = command.data
    amount = f", {int.from_bytes(data[1:5])} fen" if len(data) == 11 else ""
    return f"{name}, key {data[0]:02X}{amount}, terminal {data[-6:].hex().upper()}"


def _time(data: bytes) -> str:
    return f"time {data.hex()}"


def _balance(exchange: Exchange) -> str:
    name, data = ACCOUNTS.get(exchange.command.p2, ""), exchange.data
    return f"{name} {int.from_bytes(data)} fen" if data else name


def _prove(command: Command) -> str:
    name = TRADES.get(command.p2, f"trade {command.p2:02X}")
    return f"{name}, counter {int.from_bytes(command.data)}"


def _pin(command: Command) -> str:
    return f"PIN {command.p2:02X} masked"


def _cache(command: Command) -> str:
    which = f"record {command.p1}" if command.p2 & 7 else f"identifier {command.p1:02X}"
    return f"{which}, {len(command.data)} bytes"


def _application_block(exchange: Exchange) -> str:
    until = "until it is unblocked" if exchange.command.p2 == TEMPORARY else "for ever"
    return f"{current_df(exchange)} {until}"


INITIALIZE: Final = _by_command(_initialize)
CREDIT_FOR_LOAD: Final = _by_command(lambda command: _time(command.data[:7]))
DEBIT_FOR_UNLOAD: Final = CREDIT_FOR_LOAD
DEBIT_FOR_PURCHASE: Final = _by_command(
    lambda command: f"terminal sequence {int.from_bytes(command.data[:4])}, {_time(command.data[4:11])}"
)
UPDATE_OVERDRAW_LIMIT: Final = _by_command(
    lambda command: f"new limit {int.from_bytes(command.data[:3])} fen, {_time(command.data[3:10])}"
)
GET_BALANCE: Final = Describer(_balance)
GET_TRANSACTION_PROVE: Final = _by_command(_prove)
UPDATE_CAPP_DATA_CACHE: Final = _by_command(_cache)
AUTHENTICATION: Final = _by_command(lambda command: f"key {command.p2:02X}")
PIN: Final = _by_command(_pin)
PIN_UNBLOCK: Final = _by_command(lambda command: f"PIN {command.p1:02X} masked")
APPLICATION_BLOCK: Final = Describer(_application_block)
APPLICATION_UNBLOCK: Final = Describer(current_df)
CARD_BLOCK: Final = Describer(
    lambda exchange: f"{exchange.image.label(exchange.image.environment(exchange.df))} for ever"
)
