"""The turns of a trade: its second command follows its first directly, and nothing else comes between."""

from collections.abc import Callable
from typing import Final

import pytest

from emulator.card.row import Row
from emulator.commands.financial.purse.rows import PURSE_ROWS
from tests.kit.purse import ED, EP, PurseBench, money, ready

# -- turns --------------------------------------------------------------------------------------------------

Begin = Callable[[PurseBench], bytes]
BEGUN: Final[dict[str, Begin]] = {
    "load": lambda bench: bench.load(EP, 5),
    "purchase": lambda bench: bench.spend(1, EP, 5, 6),
    "cash": lambda bench: bench.spend(2, ED, 5, 4),
    "composite": lambda bench: bench.spend(3, EP, 5, 9),
    "unload": lambda bench: bench.unload(5),
    "limit": lambda bench: bench.limit(5),
}
"""INITIALIZE; returns the command that completes it."""
IN_BETWEEN: Final[dict[str, str]] = {
    "SELECT": "00A40000023F01",
    "READ BINARY 00": "00B0950004",
    "READ BINARY 04": "04B095000400000000",
    "READ RECORD 00": "00B2019C00",
    "READ RECORD 04": "04B2019C0400000000",
    "UPDATE BINARY 00": "00D6960001FF",
    "UPDATE BINARY 04": "04D6950005FF00000000",
    "UPDATE RECORD 00": "00DC01BC0441414141",
    "UPDATE RECORD 04": "04DC019C05FF00000000",
    "APPEND RECORD 00": "00E200BC0441414141",
    "APPEND RECORD 04": "04E2009C05FF00000000",
    "GET CHALLENGE": "0084000004",
    "EXTERNAL AUTHENTICATION": "0082000108" + "00" * 8,
    "INTERNAL AUTHENTICATION": "0088000208" + "00" * 8,
    "VERIFY": "0020000003123456",
    "RELOAD PIN": "805E00000812345600000000",
    "CHANGE PIN": "805E010007123456FF123456",
    "PIN UNBLOCK": "842400000C" + "00" * 12,
    "APPLICATION BLOCK": "841E00000400000000",
    "APPLICATION UNBLOCK": "841800000400000000",
    "CARD BLOCK": "841600000400000000",
    "GET BALANCE": "805C000204",
    "INITIALIZE FOR LOAD": "805000020B010000000500112233445500",
    "INITIALIZE FOR PURCHASE": "805001020B000000000500112233445500",
    "INITIALIZE FOR CASH WITHDRAW": "805002010B000000000500112233445500",
    "INITIALIZE FOR CAPP PURCHASE": "805003020B000000000500112233445500",
    "INITIALIZE FOR UPDATE": "80500401070100112233445500",
    "INITIALIZE FOR UNLOAD": "805005010B010000000500112233445500",
    "CREDIT FOR LOAD": "805200000B" + "00" * 11 + "04",
    "DEBIT FOR PURCHASE": "805401000F" + "00" * 15 + "08",
    "DEBIT FOR UNLOAD": "805403000B" + "00" * 11 + "04",
    "UPDATE OVERDRAW LIMIT": "805800000E" + "00" * 14 + "04",
    "UPDATE CAPP DATA CACHE": "80DCA1C806A10000000000",
    "GET TRANSACTION PROVE": "805A0002020003",
    "an unknown command": "80FF000000",
    "a fragment": "80",
}


def _named(row: Row) -> str:
    both = [each for each in PURSE_ROWS if each.name == row.name]
    return row.name if len(both) == 1 else f"{row.name} {row.cla:02X}"


def test_every_row_stands_in_the_table_of_turns() -> None:
    rows = {_named(row) for row in PURSE_ROWS} - {"GET RESPONSE"}
    assert rows == set(IN_BETWEEN) - {"an unknown command", "a fragment"}


@pytest.mark.parametrize("name", BEGUN)
@pytest.mark.parametrize("other", IN_BETWEEN)
def test_any_other_command_ends_a_trade(name: str, other: str) -> None:
    bench = ready()
    command = BEGUN[name](bench)
    bench.ask(IN_BETWEEN[other])
    word = bench.word(command)
    if name == "composite" and other == "UPDATE CAPP DATA CACHE":
        assert word == "9000"
        return
    # Another trade that has begun wants its own MAC; one of another kind is out of turn.
    begins = other.startswith("INITIALIZE")
    assert word in (("6901", "9302") if begins else ("6901",)), word
    assert bench.file(2)[:8] == money(10000, 3, 4)[:8]
    assert bench.file(1)[:11] == money(10000, 1, 2, 0)[:11]


@pytest.mark.parametrize("name", BEGUN)
@pytest.mark.parametrize("reset", ["power_on", "reset", "power_off"])
def test_a_reset_ends_a_trade(name: str, reset: str) -> None:
    bench = ready()
    command = BEGUN[name](bench)
    getattr(bench.card, reset)()
    bench.select()
    bench.pin()
    assert bench.word(command) == "6901"


@pytest.mark.parametrize("name", BEGUN)
@pytest.mark.parametrize("other", BEGUN)
def test_only_its_own_command_completes_a_trade(name: str, other: str) -> None:
    bench = ready()
    command = BEGUN[other](bench)
    BEGUN[name](bench)
    same = {"purchase", "cash", "composite"}
    # The debit of purchases is one command, but its MAC is of another trade.
    expected = "9302" if name == other or {name, other} <= same else "6901"
    assert bench.word(command) == expected
    assert bench.word(BEGUN[name](bench)) == "9000"
    assert bench.word(command) == "6901"


def test_a_trade_goes_on_after_the_answer_is_fetched() -> None:
    bench = ready(t1=False)
    answer = bench.send("805001020B000000000500112233445500")
    assert answer == "610F"
    said = bytes.fromhex(bench.send("00C000000F"))
    assert bench.send(bench.debit(said[:-2], 5, 6)) == "6108"
    assert bench.send("00C0000008")[-4:] == "9000"
    assert bench.balance(EP) == 9995
