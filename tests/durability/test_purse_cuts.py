"""Power cuts (防拔) in the commands of passbook and purse: before and after every write of every one that writes.

The card that is inserted again is the one before the command or the one after it; only a try that was
charged stays spent. Whether a trade was done GET TRANSACTION PROVE tells (FMCOS 2.0 manual, 8.13.5).
"""

import shutil
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from cardfs.memory.cells import TRIES, read_cells, write_cells
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell, CellKey, MemoryStore, Store
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from emulator.card.row import Row
from emulator.commands.financial.purse.rows import PURSE_ROWS
from tests.kit.purse import ED, EP, PIN, PurseBench, contents, flipped, money

Cells = dict[CellKey, Cell]
Prepare = Callable[[PurseBench], bytes]


@dataclass(frozen=True)
class Scenario:
    """A command to be cut: how the card gets to it, and what it answers.

    Attributes:
        proof: of a trade the command that asks for its proof afterwards.
    """

    name: str
    prepare: Prepare
    word: str = "9000"
    proof: str = ""
    alone: bool = False

    def __str__(self) -> str:
        return self.name


def failed(times: int, prepare: Prepare) -> Prepare:
    """After failures."""

    def after(bench: PurseBench) -> bytes:
        for _ in range(times):
            bench.ask(flipped(prepare(bench)))
        return prepare(bench)

    return after


def wrong(prepare: Prepare) -> Prepare:
    """With a wrong MAC."""
    return lambda bench: flipped(prepare(bench))


def composite(bench: PurseBench) -> bytes:
    """A composite purchase that writes two files."""
    said, _ = bench.initialize(3, EP, 0, 5)
    bench.ask("80DCA1C802A1FF")
    bench.ask("80DC01BC0444444444")
    return bench.debit(said, 5, 9)


def verify(pin: str) -> Prepare:
    """VERIFY, in clear."""
    return lambda _bench: bytes((0x00, 0x20, 0x00, 0x00, len(pin) // 2)) + bytes.fromhex(pin)


def rightful(apdu: str) -> Prepare:
    """A plain update after the authentication it needs."""
    return lambda bench: (bench.authenticated(), bytes.fromhex(apdu))[1]


def unblock(bench: PurseBench) -> bytes:
    """APPLICATION UNBLOCK of a locked application."""
    if not bench.df.suspended:
        bench.ask(bench.protected("841E0000"))
    return bench.protected("84180000")


def plain(apdu: str) -> Prepare:
    """A command that needs nothing."""
    return lambda _bench: bytes.fromhex(apdu)


def line(header: str, data: str = "") -> Prepare:
    """A command with a MAC."""
    return lambda bench: bench.protected(header, bytes.fromhex(data))


SCENARIOS: Final = (
    Scenario("load of the passbook", lambda bench: bench.load(ED, 5), proof="805A0001020002"),
    Scenario("load of the purse", lambda bench: bench.load(EP, 5), proof="805A0002020004"),
    Scenario("unload", lambda bench: bench.unload(5), proof="805A0003020002"),
    Scenario("purchase from the passbook", lambda bench: bench.spend(1, ED, 5, 5), proof="805A0005020003"),
    Scenario("purchase from the purse", lambda bench: bench.spend(1, EP, 5, 6), proof="805A0006020005"),
    Scenario("cash", lambda bench: bench.spend(2, ED, 5, 4), proof="805A0004020003"),
    Scenario("composite purchase", composite, proof="805A0009020005"),
    Scenario("overdraft limit", lambda bench: bench.limit(5), proof="805A0007020002"),
    Scenario("UPDATE BINARY", rightful("00D6960001FF")),
    Scenario("UPDATE BINARY, secured", line("04D69500", "AABB")),
    Scenario("UPDATE RECORD", plain("00DC01BC0444444444")),
    Scenario("UPDATE RECORD, secured", line("04DC02CC", "A2FF")),
    Scenario("APPEND RECORD", plain("00E200BC0444444444")),
    Scenario("APPEND RECORD, secured", line("04E200CC", "A4")),
    Scenario("EXTERNAL AUTHENTICATION", failed(1, lambda bench: bench.external())),
    Scenario("EXTERNAL AUTHENTICATION, wrong", wrong(lambda bench: bench.external()), "63C2"),
    Scenario("VERIFY", failed(2, verify("123456"))),
    Scenario("VERIFY, wrong", verify("999999"), "63C2"),
    Scenario("CHANGE PIN", plain("805E010007123456FF112233")),
    Scenario("CHANGE PIN, wrong", plain("805E010007999999FF112233"), "63C2"),
    Scenario("RELOAD PIN", failed(1, lambda bench: bench.reload(b"\x22\x33"))),
    Scenario("RELOAD PIN, wrong", wrong(lambda bench: bench.reload(b"\x22\x33")), "9302"),
    Scenario("RELOAD PIN, wrong for the last time", wrong(failed(2, lambda bench: bench.reload(PIN))), "9303"),
    Scenario("PIN UNBLOCK", failed(1, lambda bench: bench.unblock(PIN))),
    Scenario("PIN UNBLOCK, wrong", wrong(lambda bench: bench.unblock(PIN)), "6988"),
    Scenario("PIN UNBLOCK, wrong for the last time", wrong(failed(2, lambda bench: bench.unblock(PIN))), "9303"),
    Scenario("PIN UNBLOCK to what is no PIN", lambda bench: bench.unblock(b"\x12"), "6A80"),
    Scenario("APPLICATION BLOCK, temporary", line("841E0000")),
    Scenario("APPLICATION BLOCK, permanent", line("841E0001")),
    Scenario("APPLICATION UNBLOCK", unblock),
    Scenario("APPLICATION UNBLOCK, wrong", wrong(unblock), "6988"),
    Scenario("APPLICATION UNBLOCK, wrong for the last time", wrong(failed(2, unblock)), "9303"),
    Scenario("CARD BLOCK", line("84160000")),
    Scenario("CARD BLOCK of a card that is nothing else", line("84160000"), alone=True),
)
TRADES: Final = [each for each in SCENARIOS if each.proof]


class Recording(MemoryStore):
    """Memory that remembers itself after each write."""

    def __init__(self, cells: Mapping[CellKey, Cell]) -> None:
        super().__init__(dict(cells))
        self.states = [self.load()]

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        super().write(changes, erases=erases)
        self.states.append(self.load())


def fresh(scenario: Scenario) -> Cells:
    """The card that a scenario begins with."""
    card = contents(passbook=money(1000, 1, 2, 0), purse=money(1000, 3, 4), alone=scenario.alone)
    return dict(write_cells(card))


def bench_on(store: Store) -> PurseBench:
    """A card in a reader, the application selected and the PIN verified if it can be."""
    bench = PurseBench(card_contents=read_cells(dict(store.load())), store=store)
    bench.pin()
    return bench


def uncut(scenario: Scenario) -> tuple[list[Cells], str, Row | None]:
    """The memory before the command and after each of its writes, the answer, and the row."""
    store = Recording(fresh(scenario))
    bench = bench_on(store)
    command = scenario.prepare(bench)
    start = len(store.states) - 1
    answer = bench.ask(command)
    assert bench.card.last is not None
    return store.states[start:], answer, bench.card.last.row


def cut(scenario: Scenario, survivor: Store, write: int, moment: Moment) -> None:
    """The same command, and power goes at one of its writes."""
    torn = TearingStore(survivor)
    bench = bench_on(torn)
    command = scenario.prepare(bench)
    torn.cut(write, moment)
    with pytest.raises(PowerCut):
        bench.card.transmit(command)


def spent(before: Cells, after: Cells) -> bool:
    """Whether nothing but try counters differs, and none has gone up."""
    changed = {at for at in before | after if before.get(at) != after.get(at)}
    return all(kind == TRIES and int(after[kind, path].meta) < int(before[kind, path].meta) for kind, path in changed)


@pytest.mark.parametrize("row", [row for row in PURSE_ROWS if row.writes], ids=lambda row: f"{row.cla:02X} {row.name}")
def test_every_row_that_writes_has_a_scenario_that_really_does(row: Row) -> None:
    found = [uncut(scenario) for scenario in SCENARIOS]
    states = [each for each, answer, its in found if its is row and answer[-4:] == "9000"]
    assert any(len(each) > 1 for each in states)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_command_is_one_transaction_after_at_most_one_charge(scenario: Scenario) -> None:
    (old, *rest), answer, _ = uncut(scenario)
    assert answer[-4:] == scenario.word
    assert 1 <= len(rest) <= 2
    assert all(spent(old, state) for state in rest[:-1])
    if scenario.word not in ("9000", "9303"):
        assert rest[-1] == old or spent(old, rest[-1])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_card_cut_at_any_write_is_the_old_or_the_new_one(scenario: Scenario) -> None:
    states, _, _ = uncut(scenario)
    for write in range(1, len(states)):
        for moment in Moment:
            survivor = MemoryStore(fresh(scenario))
            cut(scenario, survivor, write, moment)
            assert survivor.load() == states[write - (moment is Moment.BEFORE)], (write, moment)
            again = PurseBench(card_contents=read_cells(survivor.load()), store=survivor)
            assert not again.card.session.proofs
            assert again.card.session.trade is None


@pytest.mark.parametrize("scenario", TRADES, ids=str)
@pytest.mark.parametrize("moment", Moment)
def test_after_a_cut_the_proof_tells_whether_the_trade_was_done(
    scenario: Scenario, moment: Moment, tmp_path: Path
) -> None:
    """On an image file that nobody has closed."""
    _, answer, _ = uncut(scenario)
    whole, torn = tmp_path / "whole.sscard", tmp_path / "torn.sscard"
    SqliteStore.create(whole, fresh(scenario).items())
    with closing(SqliteStore(whole)) as store:
        cut(scenario, store, 1, moment)
        for suffix in ("", "-wal"):
            if Path(f"{whole}{suffix}").exists():
                shutil.copy(f"{whole}{suffix}", f"{torn}{suffix}")
    with closing(SqliteStore(torn)) as survivor:
        again = PurseBench(card_contents=read_cells(survivor.load()), store=survivor)
        said = again.ask(scenario.proof)
        if moment is Moment.BEFORE:
            assert said == "9406"
            assert not again.file(0x18)
            assert (again.balance(ED), again.balance(EP)) == (1000, 1000)
        else:
            assert said[-4:] == "9000"
            codes = bytes.fromhex(said[:-4])
            # MAC and TAC as the lost answer had them, there with the TAC first; zero where the trade has none.
            lost = bytes.fromhex(answer[:-4])
            assert codes in (lost[4:] + lost[:4], bytes(4) + lost, lost + bytes(4))
            assert len(again.file(0x18)) == 1
            assert (again.balance(ED), again.balance(EP)) != (1000, 1000)


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.name.endswith("for the last time")], ids=str)
def test_a_cut_before_the_lock_gives_no_further_try(scenario: Scenario) -> None:
    survivor = MemoryStore(fresh(scenario))
    cut(scenario, survivor, 1, Moment.AFTER)
    again = PurseBench(card_contents=read_cells(survivor.load()), store=survivor)
    # The right MAC, too, comes too late.
    right: dict[str, Prepare] = {
        "RELOAD": lambda bench: bench.reload(PIN),
        "PIN": lambda bench: bench.unblock(PIN),
        "APPLICATION": lambda bench: bench.protected("84180000"),
    }
    assert again.word(right[scenario.name.split()[0]](again)) == "9303"
    assert again.df.blocked


@pytest.mark.parametrize("scenario", [SCENARIOS[0], SCENARIOS[4]], ids=str)
def test_a_trade_that_power_cut_before_its_end_can_be_done_again(scenario: Scenario) -> None:
    survivor = MemoryStore(fresh(scenario))
    cut(scenario, survivor, 1, Moment.BEFORE)
    again = bench_on(survivor)
    again.do(scenario.prepare(again))
    assert again.ask(scenario.proof)[-4:] == "9000"


def test_power_that_fails_is_no_status_word() -> None:
    store: Any = TearingStore(MemoryStore(fresh(SCENARIOS[0])))
    bench = bench_on(store)
    command = bench.load(ED, 5)
    store.cut(1, Moment.AFTER)
    with pytest.raises(PowerCut):
        bench.card.transmit(command)
