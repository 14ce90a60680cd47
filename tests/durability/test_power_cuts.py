"""Power cuts (防拔), enumerated: before and after every write of every command that writes.

Whatever the moment, the card that is inserted again is the one before the command or the one after it,
never a mixture; only a try that was charged for stays spent (Part 7, 5.8, 6.6 and 14; Part 4, 5 to 7).
"""

import hmac
import shutil
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest

from cardfs.life import EDGES, phase_of
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell, MemoryStore, Store
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from emulator.card import tries
from emulator.card.table import Row
from emulator.commands.sets import SETS
from emulator.commands.social.rows import ROWS
from emulator.reader.vpcd import answer
from tests.kit.card import PIN_CN
from tests.kit.cuts import Cells, TornBench
from tests.kit.scenarios import (
    SCENARIOS,
    Recording,
    Scenario,
    cut_off,
    handmade_cells,
    spent,
    uncut,
)

# -- the store that loses power -------------------------------------------------------------------


def test_without_a_cut_the_store_is_the_one_inside() -> None:
    inside = MemoryStore(handmade_cells("3DES"))
    store = TearingStore(inside)
    assert store.load() == inside.load()
    store.write({("card", ""): None})
    assert ("card", "") not in inside.load()
    assert store.writes == 1
    store.close()


def test_writes_are_counted_from_when_the_cut_is_set() -> None:
    store = TearingStore(MemoryStore())
    store.write({})
    store.cut(2, Moment.AFTER)
    store.write({})
    with pytest.raises(PowerCut, match="after write 3"):
        store.write({("x", ""): Cell("", b"")})
    assert ("x", "") in store.store.load()
    with pytest.raises(PowerCut, match="no power"):
        store.write({})
    with pytest.raises(ValueError, match="from 1"):
        store.cut(0, Moment.BEFORE)


@pytest.mark.parametrize("moment", Moment)
def test_a_power_cut_is_no_status_word_neither_on_the_card_nor_on_the_link(moment: Moment) -> None:
    bench = TornBench(MemoryStore(handmade_cells("3DES")))
    bench.select_ssse()
    bench.store.cut(1, moment)
    events: list[object] = []
    with pytest.raises(PowerCut):
        answer(bench.card, bytes((0x00, 0x20, 0x00, 0x00, len(PIN_CN))) + PIN_CN, events.append)
    assert not events
    assert not issubclass(PowerCut, Exception)


# -- every row has its scenarios ------------------------------------------------------------------

WRITING: Final = [
    (coding, row) for coding, rows in (("standard", ROWS), *SETS.codings.items()) for row in rows if row.writes
]


@pytest.mark.parametrize(
    "row",
    [row for _, row in WRITING],
    ids=[f"{coding} {row.cla:02X}{row.ins:02X} {row.name}" for coding, row in WRITING],
)
def test_every_row_that_writes_has_a_scenario_that_really_does(row: Row) -> None:
    reached = [scenario for scenario in SCENARIOS if uncut(scenario)[2] is row]
    if 0x9000 not in row.status_words:
        # It stands in the table only to be refused.
        assert not reached
        return
    # A reading under line protection writes nothing but the counter of its key, twice.
    assert any(scenario.word == "9000" and len(_different(uncut(scenario)[0])) > 1 for scenario in reached)


def _different(states: Iterable[Cells]) -> list[Cells]:
    result: list[Cells] = []
    for state in states:
        if state not in result:
            result.append(state)
    return result


def test_every_edge_of_the_life_of_a_card_has_a_scenario() -> None:
    assert {scenario.edge for scenario in SCENARIOS if scenario.edge} == set(EDGES)


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.edge], ids=str)
def test_a_scenario_is_where_it_says(scenario: Scenario) -> None:
    bench = TornBench(MemoryStore(scenario.cells()))
    scenario.prepare(bench)
    image, here = bench.card.image, bench.card.session.df
    assert scenario.edge is not None
    assert (image.dfs[here].kind, phase_of(image, here)) == scenario.edge[1:]


# -- every moment of every command ----------------------------------------------------------------


WRONG: Final = tuple(each for each in SCENARIOS if each.word[:3] == "63C" or each.word == "6988")
"""Commands with a wrong secret."""


@pytest.mark.parametrize("scenario", WRONG, ids=str)
def test_a_try_is_spent_durably_when_a_wrong_secret_is_compared(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one comparison, in one place; where a failure costs a try, the store has it by then."""
    states, _, _ = uncut(scenario)
    recording = Recording(scenario.cells())
    bench = TornBench(recording)
    command = scenario.prepare(bench)
    before, seen = recording.load(), []

    def compare(expected: bytes, given: bytes) -> bool:
        seen.append(recording.load())
        return hmac.compare_digest(expected, given)

    monkeypatch.setattr(tries, "same", compare)
    assert bench.send(command)[-4:] == scenario.word
    assert len(seen) == 1
    counted = spent(states[0], states[-1])
    assert spent(before, seen[0]) if counted else seen[0] == before
    assert recording.load() == seen[0]


@pytest.mark.parametrize("scenario", WRONG, ids=str)
def test_a_command_with_a_wrong_secret_succeeds_where_everything_is_the_same(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other comparison stands behind that one: a handler that compared for itself would refuse here."""
    bench = TornBench(Recording(scenario.cells()))
    command = scenario.prepare(bench)
    monkeypatch.setattr(tries, "same", lambda _expected, _given: True)
    assert bench.send(command)[-4:] == "9000"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_uncut_the_command_is_one_transaction_after_at_most_one_charge(scenario: Scenario) -> None:
    (old, *rest), word, _ = uncut(scenario)
    assert word == scenario.word
    assert 1 <= len(rest) <= 2
    assert all(spent(old, state) for state in rest[:-1])
    if word != "9000":
        assert rest[-1] == old or spent(old, rest[-1])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_card_cut_at_any_write_is_the_old_or_the_new_one(scenario: Scenario) -> None:
    states, _, _ = uncut(scenario)
    for write in range(1, len(states)):
        for moment in Moment:
            survivor = MemoryStore(scenario.cells())
            found = cut_off(scenario, survivor, write, moment)
            before = states[0]
            expected = states[write - (moment is Moment.BEFORE)]
            assert found == expected, (write, moment)
            assert found in (before, states[-1]) or spent(before, found)
            inserted_again(survivor)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_same_with_an_image_file(scenario: Scenario, tmp_path: Path) -> None:
    """The process is gone: the file and its log lie there as they were, and nobody has closed them."""
    states, _, _ = uncut(scenario)
    whole, torn = tmp_path / "whole.sscard", tmp_path / "torn.sscard"
    SqliteStore.create(whole, scenario.cells().items())
    for write in range(1, len(states)):
        for moment in Moment:
            work = Path(shutil.copy(whole, tmp_path / "work.sscard"))
            with closing(SqliteStore(work)) as store:
                cut_off(scenario, store, write, moment)
                for suffix in ("", "-wal"):
                    if Path(f"{work}{suffix}").exists():
                        shutil.copy(f"{work}{suffix}", f"{torn}{suffix}")
            with closing(SqliteStore(torn)) as survivor:
                assert survivor.load() == states[write - (moment is Moment.BEFORE)], (write, moment)
                inserted_again(survivor)


def inserted_again(store: Store) -> None:
    """A new card is made of what survived: it is whole, and it remembers nothing volatile (Part 4, 7.5)."""
    bench = TornBench(store)
    assert dict(write_cells(read_cells(store.load()))) == store.load()
    assert not bench.card.session.proofs
    assert bench.word("00A40000023F00") in ("9000", "6A81")
