"""Power cuts in a whole personalisation: the machine goes on where it was, or starts again (Part 10, 5.1 and 5.2)."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from cardfs.memory.cells import read_cells
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import MemoryStore
from cardfs.memory.tearing import Moment, PowerCut
from tests.kit.cuts import Built, Cells, TornBench, built
from tests.kit.scenarios import (
    CARD_KEY,
    ENVIRONMENT_KEY,
    Recording,
    Scenario,
    Way,
    cut_off,
    fixed,
    going,
    spent,
    taken,
    uncut,
)


def torn_states(whole: Built) -> Iterator[tuple[int, Cells]]:
    """Every different card that a cut in a whole personalisation can leave, and the step that was cut.

    That after a cut at a write the card is as the writes before left it is what the tests above show.
    """
    for at, step in enumerate(whole.steps):
        recording = Recording(whole.cells[at])
        bench = TornBench(recording)
        whole.do(bench, whole.way_to(at))
        start = len(recording.states)
        whole.do(bench, [step])
        for state in recording.states[start:]:
            yield at, state


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0", "pboc"])
def test_a_personalisation_cut_at_any_write_goes_on_where_it_was(profile: str) -> None:
    """The machine finds the step done or not done, and the card it gets is the one that nothing disturbed."""
    whole = built(profile)
    seen = 0
    for at, state in torn_states(whole):
        seen += 1
        done = state == whole.cells[at + 1] != whole.cells[at]
        assert done or state == whole.cells[at] or spent(whole.cells[at], state), whole.steps[at].title
        following = min(at + done, len(whole.steps) - 1)
        if done and following == at:
            continue
        bench = TornBench(MemoryStore(state))
        whole.do(bench, [*whole.way_to(following), whole.steps[following]])
        assert bench.cells() == whole.cells[following + 1], whole.steps[at].title
    assert seen > len(whole.steps)


@pytest.mark.parametrize("moment", Moment)
def test_a_personalisation_cut_again_and_again_ends_with_the_same_card(moment: Moment, tmp_path: Path) -> None:
    """On an image file, power is cut at the 1st, 2nd, 3rd... write after each insertion, and the machine goes on."""
    whole = built()
    path = tmp_path / "card.sscard"
    SqliteStore.create(path, whole.cells[0].items())
    at = cuts = 0
    while at < len(whole.steps):
        with closing(SqliteStore(path)) as store:
            bench = TornBench(store)
            whole.do(bench, whole.way_to(at))
            cuts += 1
            bench.store.cut(cuts, moment)
            try:
                while at < len(whole.steps):
                    whole.do(bench, whole.steps[at : at + 1])
                    at += 1
            except PowerCut:
                at += store.load() == whole.cells[at + 1] != whole.cells[at]
    assert cuts > 20
    with closing(SqliteStore(path)) as store:
        assert store.load() == whole.cells[-1]


@pytest.mark.parametrize(
    ("before", "way", "again"),
    [
        ("load a temporary EMK", (CARD_KEY,), "load CMK"),
        ("replace EMK", ("DDF1", ENVIRONMENT_KEY), "create DF01"),
        ("create DF04/EF05", ("DDF1", ENVIRONMENT_KEY), "create DF01"),
    ],
)
def test_a_personalisation_that_was_cut_can_start_again(before: str, way: Way, again: str) -> None:
    """DELETE STRUCTURE, itself cut at every write, then everything from there on (Part 10, 5.1.1 and 5.2.3)."""
    whole = built()
    scenario = Scenario("start again", taken(before), going(way, fixed("80E1000300")))
    for write in range(1, len(uncut(scenario)[0])):
        for moment in Moment:
            survivor = MemoryStore(scenario.cells())
            cut_off(scenario, survivor, write, moment)
            bench = TornBench(survivor)
            if survivor.load() == scenario.cells():
                assert bench.send(scenario.prepare(bench)) == "9000"
            bench.card.power_on()
            at = whole.at(again)
            whole.do(bench, whole.way_to(at))
            whole.do(bench, whole.steps[at:])
            assert bench.cells() == whole.cells[-1]


@pytest.mark.parametrize("profile", ["ssc-2.0", "pboc"])
def test_a_card_being_built_finds_the_same_files_and_keys_as_one_inserted_again(profile: str) -> None:
    """What is found through identifiers and names is kept up to date with each command, and made anew on insertion."""
    whole = built(profile)
    bench = TornBench(MemoryStore(whole.cells[0]))
    for step in whole.steps:
        whole.do(bench, [step])
        image, anew = bench.card.image, Image(read_cells(bench.cells()), MemoryStore())
        for name in vars(anew):
            if name not in ("store", "_cached", "_parsed"):
                assert getattr(image, name) == getattr(anew, name), (step.title, name)
