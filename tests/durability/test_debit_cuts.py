"""Power cuts (防拔) in debit/credit: before and after every write of every command that writes.

Whatever the moment, the card is the one before the command or the one after it; only a failure that was counted
before its comparison stays counted, and a counter that an answer has shown never serves again.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import pytest

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from emulator.cards import Card
from emulator.commands.financial.debit.rows import DEBIT_ROWS
from keys.generate import SeededRandom
from tests.kit.debit import CASH, LOAD_FORMAT, LOG, PIN_BLOCK, STORE, WRONG_BLOCK, DebitBench, contents, walk

Cells = dict[CellKey, Cell]
OBJECTS: Final = {**CASH, "DF4F": LOAD_FORMAT}


@dataclass(frozen=True)
class Scenario:
    """A command to be cut: what brings the card there, and what it answers uncut."""

    name: str
    prepare: Callable[["Torn"], bytes]
    word: str = "9000"
    suite: str = "3DES"
    counter: str = "0000"
    action: str = "0000"

    def __str__(self) -> str:
        return self.name

    def cells(self) -> Cells:
        return _cells(self.suite, self.counter, self.action)


@cache
def _cells(suite: str, counter: str, action: str) -> Cells:
    return dict(write_cells(contents({**OBJECTS, "9F36": counter, "9F52": action}, suite=suite)))


class Torn(DebitBench):
    """The card on a memory whose power can be cut."""

    def __init__(self, cells: Cells) -> None:
        made = read_cells(dict(cells))
        super().__init__(card_contents=made)
        self.torn = TearingStore(MemoryStore(dict(cells)))
        self.card = Card(Image(made, self.torn), SeededRandom("torn"))


def plain(apdu: str) -> Callable[[Torn], bytes]:
    return lambda _: bytes.fromhex(apdu)


def selected(apdu: str) -> Callable[[Torn], bytes]:
    def prepare(bench: Torn) -> bytes:
        bench.select()
        return bytes.fromhex(apdu)

    return prepare


def begun(apdu: str, *, cash: bool = False, wrong_pins: int = 0) -> Callable[[Torn], bytes]:
    def prepare(bench: Torn) -> bytes:
        bench.start(cash=cash)
        for _ in range(wrong_pins):
            bench.send("0020008008" + WRONG_BLOCK)
        return bytes.fromhex(apdu)

    return prepare


def generated(
    p1: str, *, cash: bool = False, code: str = "", wrong: bool = False, **more: Any
) -> Callable[[Torn], bytes]:
    """GENERATE AC; with a code the second one, after the issuer's proof."""

    def prepare(bench: Torn) -> bytes:
        bench.start(cash=cash)
        if code:
            bench.ac("ARQC", **more)
            if code not in ("Y3", "Z3"):
                bench.arpc(wrong=wrong)
        values = bench.cdol(code=code, **more)
        return bytes.fromhex(f"80AE{p1}00{len(values) // 2:02X}{values}")

    return prepare


def proof(*, wrong: bool = False, again: bool = False) -> Callable[[Torn], bytes]:
    def prepare(bench: Torn) -> bytes:
        bench.online()
        if again:
            bench.arpc()
        return bench.proof(wrong=wrong)

    return prepare


def script(header: str, data: str = "", *, wrong: bool = False, pin: str = "") -> Callable[[Torn], bytes]:
    def prepare(bench: Torn) -> bytes:
        bench.start()
        bench.send("0020008008" + WRONG_BLOCK)
        bench.ac("ARQC")
        bench.arpc()
        bench.ac("TC", code="00")
        return bench.script(header, bench.sealed_pin(pin) if pin else data, wrong=wrong)

    return prepare


OPTIONS: Final = "80A800000B8309" + "01" + "000000001000" + "0156"
SCENARIOS: Final = [
    Scenario("GET PROCESSING OPTIONS", selected(OPTIONS), "6110"),
    Scenario("GET PROCESSING OPTIONS at the end of the counter", selected(OPTIONS), "6985", counter="FFFE"),
    Scenario("VERIFY", begun("0020008008" + PIN_BLOCK)),
    Scenario("VERIFY after a failure", begun("0020008008" + PIN_BLOCK, wrong_pins=1)),
    Scenario("VERIFY a wrong PIN", begun("0020008008" + WRONG_BLOCK), "63C2"),
    Scenario("VERIFY the last wrong PIN", begun("0020008008" + WRONG_BLOCK, wrong_pins=2), "63C0", action="0080"),
    Scenario("GENERATE AC: AAC", generated("00", tvr="4800000000", country="0840"), "6120"),
    Scenario("GENERATE AC: TC", generated("40"), "6120"),
    Scenario("GENERATE AC: ARQC", generated("80"), "6120"),
    Scenario("GENERATE AC: electronic cash", generated("40", cash=True), "6120"),
    Scenario("GENERATE AC: electronic cash, SM4", generated("40", cash=True), "6120", suite="SM4"),
    Scenario("GENERATE AC: the second TC", generated("40", code="00"), "6120"),
    Scenario("GENERATE AC: the second AAC", generated("00", code="05"), "6120"),
    Scenario("GENERATE AC: the second TC, not online", generated("40", code="Y3"), "6120"),
    Scenario("GENERATE AC: the second one after a failure", generated("40", code="00", wrong=True), "6120"),
    Scenario("EXTERNAL AUTHENTICATE", proof()),
    Scenario("EXTERNAL AUTHENTICATE wrong", proof(wrong=True), "6300"),
    Scenario("EXTERNAL AUTHENTICATE again", proof(again=True), "6985"),
    Scenario("CARD BLOCK", script("84160000")),
    Scenario("APPLICATION UNBLOCK", script("84180000")),
    Scenario("APPLICATION BLOCK", script("841E0000")),
    Scenario("PIN CHANGE/UNBLOCK", script("84240000")),
    Scenario("PIN CHANGE/UNBLOCK with a new PIN", script("84240002", pin="2468")),
    Scenario("PUT DATA", script("04DA9F58", "05")),
    Scenario("PUT DATA: load", script("04DA9F79", "000000050000")),
    Scenario("PUT DATA: load, SM4", script("04DA9F79", "000000050000"), suite="SM4"),
    Scenario("PUT DATA: too much", script("04DA9F79", "000000999999"), "6A80"),
    Scenario("PUT DATA with a wrong MAC", script("04DA9F58", "05", wrong=True), "6988"),
    Scenario("UPDATE RECORD", script("04DC010C", "7003500141")),
    Scenario("UPDATE RECORD: none there", script("04DC090C", "7003500141"), "6A83"),
]


def objects(cells: Cells) -> dict[str, str]:
    return walk(cells["contents", STORE].data.hex().upper())


def charged(old: Cells, new: Cells) -> bool:
    """Whether nothing differs but a count of failures, or tries of the PIN."""
    before, after = objects(old), objects(new)
    if {key: cell for key, cell in old.items() if key[1] != STORE and key[0] != "tries"} != {
        key: cell for key, cell in new.items() if key[1] != STORE and key[0] != "tries"
    }:
        return False
    tries = all(int(new[key].meta) <= int(cell.meta) for key, cell in old.items() if key[0] == "tries")
    return tries and {**before, "C7": ""} == {**after, "C7": ""} and after["C7"] >= before["C7"]


class Recording(MemoryStore):
    """A memory that keeps every state it was in."""

    def __init__(self, cells: Cells) -> None:
        super().__init__(dict(cells))
        self.states = [dict(cells)]

    def write(self, changes: Any, *, erases: bool = False) -> None:
        super().write(changes, erases=erases)
        self.states.append(dict(self.load()))


def uncut(scenario: Scenario) -> tuple[list[Cells], str]:
    """The states that a command leads through, and its word."""
    bench = Torn(scenario.cells())
    recording = Recording(scenario.cells())
    bench.card = Card(Image(read_cells(dict(scenario.cells())), recording), SeededRandom("torn"))
    command = scenario.prepare(bench)
    start = len(recording.states) - 1
    word = bench.send(command)[-4:]
    return recording.states[start:], word


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_uncut_a_command_is_one_transaction_after_at_most_one_charge(scenario: Scenario) -> None:
    (old, *rest), word = uncut(scenario)
    assert word == scenario.word
    assert 1 <= len(rest) <= 2
    assert all(charged(old, state) for state in rest[:-1])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
@pytest.mark.parametrize("moment", Moment)
def test_a_card_cut_at_any_write_is_the_old_or_the_new_one(scenario: Scenario, moment: Moment) -> None:
    states, _ = uncut(scenario)
    for write in range(1, len(states)):
        bench = Torn(scenario.cells())
        command = scenario.prepare(bench)
        bench.torn.cut(write, moment)
        with pytest.raises(PowerCut):
            bench.card.transmit(command)
        found = dict(bench.torn.store.load())
        assert found == states[write - (moment is Moment.BEFORE)]
        assert found in (states[0], states[-1]) or charged(states[0], found)
        again = Torn(found)
        assert again.word("00A4040008A000000333010101") in ("9000", "6283", "6A81")


@pytest.mark.parametrize("moment", Moment)
def test_no_counter_serves_two_transactions(moment: Moment) -> None:
    """Power is cut in each GET PROCESSING OPTIONS but the last; every cryptogram has a counter of its own."""
    cells = _cells("3DES", "0000", "0000")
    seen: list[int] = []
    for _ in range(4):
        bench = Torn(cells)
        bench.select()
        bench.torn.cut(1, moment)
        with pytest.raises(PowerCut):
            bench.options()
        bench = Torn(dict(bench.torn.store.load()))
        bench.start()
        seen.append(bench.ac("ARQC").atc)
        cells = dict(bench.torn.store.load())
    assert seen == ([2, 4, 6, 8] if moment is Moment.AFTER else [1, 2, 3, 4])


@pytest.mark.parametrize("moment", Moment)
def test_balance_and_log_change_together_and_only_with_an_answer(moment: Moment) -> None:
    scenario = next(each for each in SCENARIOS if each.name == "GENERATE AC: electronic cash")
    bench = Torn(scenario.cells())
    command = scenario.prepare(bench)
    bench.torn.cut(1, moment)
    with pytest.raises(PowerCut):
        bench.card.transmit(command)
    found = dict(bench.torn.store.load())
    paid = moment is Moment.AFTER
    assert objects(found)["9F79"] == ("000000009000" if paid else "000000010000")
    assert bool(found["contents", LOG].data) is paid
    assert objects(found)["9F36"] == "0001"


def test_every_row_that_writes_has_its_scenarios() -> None:
    names = {scenario.name.split(":")[0] for scenario in SCENARIOS}
    for row in DEBIT_ROWS:
        assert row.writes == any(name.startswith(row.name) for name in names), row.name


def test_a_row_that_does_not_write_writes_nothing() -> None:
    """SELECT, READ RECORD, GET DATA, GET CHALLENGE, GET RESPONSE, and what is refused."""
    bench = Torn(_cells("3DES", "0000", "0000"))
    bench.start()
    before = dict(bench.torn.store.load())
    for command in ("00B2010C00", "80CA9F3600", "0084000008", "00C0000000", "008800000411223344"):
        bench.word(command)
    bench.select()
    assert dict(bench.torn.store.load()) == before
