"""Describers of the trade commands and their answers; amounts in fen.

Nothing here is secret: amounts, numbers, times, and MACs under session keys that are used once.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ...card.apdu import Command
from ...card.describer import Describer, nothing
from .inquiry import ACCOUNT, FUND, PROOF_TYPES, SELF_PAID

_KINDS: Final = {b"1": "load", b"2": "purchase"}


def _describer(asked: Callable[[Command], str], answered: Mapping[int, Callable[[bytes], str]]) -> Describer:
    """Return a describer from the fields of a command, and from those of its answers by their length in bytes."""

    def answer(data: bytes) -> str:
        return answered.get(len(data), nothing)(data)

    return Describer(lambda exchange: asked(exchange.command), answer=answer)


def _fen(data: bytes) -> str:
    return f"{int.from_bytes(data)} fen"


def _time(data: bytes) -> str:
    text = data.hex()
    return f"{text[:4]}-{text[4:6]}-{text[6:8]} {text[8:10]}:{text[10:12]}:{text[12:]}"


def _day(data: bytes) -> str:
    return f"{data.hex()[:2]}-{data.hex()[2:]}"


def _load(command: Command) -> str:
    data = command.data
    if len(data) != 0x0B:
        return ""
    return f"key {data[0]}, amount {_fen(data[1:5])}, terminal {data[5:].hex()}"


def _purchase(command: Command) -> str:
    data = command.data
    if len(data) != 0x13:
        return ""
    amounts = f"account {_fen(data[1:5])}, self-paid {_fen(data[5:9])}, fund {_fen(data[9:13])}"
    return f"key {data[0]}, {amounts}, terminal {data[13:].hex()}"


def _credit(command: Command) -> str:
    return f"host time {_time(command.data[:7])}" if len(command.data) == 0x0B else ""


def _debit(command: Command) -> str:
    data = command.data
    return f"terminal sequence {int.from_bytes(data[:4])}, {_time(data[4:11])}" if len(data) == 0x0F else ""


def _balance(command: Command) -> str:
    return {ACCOUNT: "account", SELF_PAID: "self-paid of the year", FUND: "fund of the year"}.get(command.p2, "")


def _proof(command: Command) -> str:
    kind = PROOF_TYPES["both"].get(command.p2)
    if kind is None or len(command.data) != 2:
        return ""
    return f"{_KINDS[kind]} {int.from_bytes(command.data)}"


def _new_day(command: Command) -> str:
    return f"year begins {_day(command.data)}" if len(command.data) == 2 else ""


def _mac_tac(*names: str) -> Callable[[bytes], str]:
    return lambda data: ", ".join(f"{name} {data[4 * at : 4 * at + 4].hex().upper()}" for at, name in enumerate(names))


def _load_begun(data: bytes) -> str:
    return (
        f"balance {_fen(data[:4])}, load {int.from_bytes(data[4:6])}, key version {data[6]}, algorithm {data[7]:02X}, "
        f"random {data[8:12].hex().upper()}, MAC1 {data[12:].hex().upper()}"
    )


def _purchase_begun(data: bytes) -> str:
    return (
        f"balance {_fen(data[:4])}, self-paid {_fen(data[4:8])}, fund {_fen(data[8:12])}, "
        f"year {data[12:14].hex()}, purchase {int.from_bytes(data[14:16])}, "
        f"key version {data[16]}, algorithm {data[17]:02X}, random {data[18:].hex().upper()}"
    )


def _total(data: bytes) -> str:
    return f"{_fen(data[:4])}, year {data[4:].hex()}"


CREDIT_FOR_LOAD: Final = _describer(_credit, {4: _mac_tac("TAC")})
DEBIT_FOR_PURCHASE: Final = _describer(_debit, {8: _mac_tac("TAC", "MAC2")})
GET_BALANCE: Final = _describer(_balance, {4: _fen, 6: _total})
GET_TRANSACTION_PROOF: Final = _describer(_proof, {8: _mac_tac("MAC", "TAC")})
INITIALIZE_FOR_LOAD: Final = _describer(_load, {16: _load_begun})
INITIALIZE_FOR_PURCHASE: Final = _describer(_purchase, {22: _purchase_begun})
UPDATE_STARTING_DAY: Final = _describer(_new_day, {})
GET_STARTING_DAY: Final = _describer(nothing, {2: lambda data: f"year begins {_day(data)}"})
