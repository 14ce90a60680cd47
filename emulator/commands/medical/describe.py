"""What the trade commands and their answers say, in words for the trace; amounts in fen.

Nothing here is secret: amounts, numbers, times, and MACs under session keys that are used once.
"""

from collections.abc import Callable
from typing import Final

from ...card.apdu import Command
from .inquiry import ACCOUNT, FUND, PROOF_TYPES, SELF_PAID
from .rows import CLA, TRADE_ROWS

_INSTRUCTIONS: Final = frozenset(row.ins for row in TRADE_ROWS)
_KINDS: Final = {b"1": "load", b"2": "purchase"}


def is_trade(cla: int, ins: int) -> bool:
    """Tell whether class and instruction are those of a trade command."""
    return cla == CLA and ins in _INSTRUCTIONS


def tell_trade(name: str, command: Command, data: bytes) -> str:
    """Say what a trade command asks for and, if its data come at once, what it is answered.

    Args:
        name: of its row. ``data``: of the response.
    """
    parts = (_ASKED[name](command), tell_answer(name, data))
    return "; ".join(part for part in parts if part)


def tell_answer(name: str, data: bytes) -> str:
    """Say what the whole data of an answer mean; empty for anything else."""
    teller = _ANSWERED.get((name, len(data)))
    return teller(data) if teller else ""


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


_ASKED: Final[dict[str, Callable[[Command], str]]] = {
    "CREDIT FOR LOAD": _credit,
    "DEBIT FOR PURCHASE": _debit,
    "GET BALANCE": _balance,
    "GET TRANSACTION PROOF": _proof,
    "INITIALIZE FOR LOAD": _load,
    "INITIALIZE FOR PURCHASE": _purchase,
    "UPDATE STARTING DAY": _new_day,
    "GET STARTING DAY": lambda _: "",
}
_ANSWERED: Final[dict[tuple[str, int], Callable[[bytes], str]]] = {
    ("CREDIT FOR LOAD", 4): _mac_tac("TAC"),
    ("DEBIT FOR PURCHASE", 8): _mac_tac("TAC", "MAC2"),
    ("GET BALANCE", 4): _fen,
    ("GET BALANCE", 6): lambda data: f"{_fen(data[:4])}, year {data[4:].hex()}",
    ("GET TRANSACTION PROOF", 8): _mac_tac("MAC", "TAC"),
    ("INITIALIZE FOR LOAD", 16): lambda data: (
        f"balance {_fen(data[:4])}, load {int.from_bytes(data[4:6])}, "
        f"key version {data[6]}, algorithm {data[7]:02X}, random {data[8:12].hex().upper()}, "
        f"MAC1 {data[12:].hex().upper()}"
    ),
    ("INITIALIZE FOR PURCHASE", 22): lambda data: (
        f"balance {_fen(data[:4])}, self-paid {_fen(data[4:8])}, fund {_fen(data[8:12])}, "
        f"year {data[12:14].hex()}, purchase {int.from_bytes(data[14:16])}, "
        f"key version {data[16]}, algorithm {data[17]:02X}, random {data[18:].hex().upper()}"
    ),
    ("GET STARTING DAY", 2): lambda data: f"year begins {_day(data)}",
}
