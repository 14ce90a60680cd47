"""A security module whose power is cut at any write: no trade number twice, no half key, no free try."""

from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from emulator.cards import Card
from emulator.commands.psam.rows import PSAM_ROWS
from keys.generate import SeededRandom
from tests.kit.card import contents
from tests.kit.psam import APPLICATION, CHANGE_PLAIN, NEW_PLAIN, PsamBench, mac2, spoil_mac

CREDITED: Final = '[settings.psam]\nsequence_step = "credit"'


class Torn(PsamBench):
    """A module on memory that loses power."""

    def __init__(self, memory: MemoryStore, suite: str = "3DES") -> None:
        tearing = TearingStore(memory)
        super().__init__(suite, card_contents=read_cells(dict(memory.load())), store=tearing)
        self.tearing = tearing


def memory(overrides: str = "") -> MemoryStore:
    return MemoryStore(dict(write_cells(contents("psam", overrides))))


Way = Callable[[PsamBench], str]


def purchase(bench: PsamBench) -> str:
    return bench.init_sam()


def credit(bench: PsamBench) -> str:
    number = int(bench.ask(bench.init_sam())[:8], 16)
    return f"8072000004{mac2(bench, number)}"


def create(bench: PsamBench) -> str:
    bench.prove_kid(1)
    return bench.load(NEW_PLAIN[bench.suite])


def change(bench: PsamBench) -> str:
    bench.prove_kid(1)
    return bench.load(CHANGE_PLAIN, change=True)


def wrong_load(bench: PsamBench) -> str:
    bench.prove_kid(1)
    return bench.load(NEW_PLAIN[bench.suite], spoil=spoil_mac)


def refused_load(bench: PsamBench) -> str:
    bench.prove_kid(1)
    return bench.load("2724000000000000" + "C0" * 16 if bench.suite == "3DES" else "2724000300000000" + "C0" * 16)


def right(bench: PsamBench) -> str:
    bench.send(bench.authentication(1, wrong=True))
    return bench.authentication(1)


def wrong(bench: PsamBench) -> str:
    return bench.authentication(1, wrong=True)


def binary(bench: PsamBench) -> str:
    bench.select_environment()
    bench.prove_kid(0, "PSAMDDFMK")
    return "00D69600" + "06519900000002"


def record(bench: PsamBench) -> str:
    bench.select_environment()
    bench.prove_kid(0, "PSAMDDFMK")
    return "00DC010C18" + "6116" + "AA" * 22


WAYS: Final[dict[str, tuple[Way, str, int, str]]] = {
    # How far, settings, how many writes, the word without a cut.
    "INIT SAM FOR PURCHASE": (purchase, "", 1, "6108"),
    "CREDIT SAM FOR PURCHASE": (credit, CREDITED, 1, "9000"),
    "CREATE KEY": (create, "", 2, "9000"),
    "CHANGE KEY": (change, "", 2, "9000"),
    "EXTERNAL AUTHENTICATION": (right, "", 2, "9000"),
    "UPDATE BINARY": (binary, "", 1, "9000"),
    "UPDATE RECORD": (record, "", 1, "9000"),
    "a wrong authentication": (wrong, "", 1, "63C2"),
    "a wrong load": (wrong_load, "", 1, "6988"),
    "a refused load": (refused_load, "", 2, "6A80"),
}


def test_every_row_that_writes_is_cut() -> None:
    assert {row.name for row in PSAM_ROWS if row.writes} == {name for name in WAYS if name.isupper()}


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("name", list(WAYS))
def test_a_cut_leaves_the_state_before_or_after_a_write_and_nothing_between(name: str, suite: str) -> None:
    way, overrides, writes, word = WAYS[name]
    bench = Torn(memory(overrides), suite)
    command, before = way(bench), bench.tearing.writes
    assert bench.send(command) == word
    assert bench.tearing.writes - before == writes
    for write in range(1, writes + 1):
        for moment in Moment:
            inside = memory(overrides)
            bench = Torn(inside, suite)
            command = way(bench)
            start = dict(inside.load())
            bench.tearing.cut(write, moment)
            with pytest.raises(PowerCut):
                bench.card.transmit(bytes.fromhex(command))
            left = dict(inside.load())
            if (write, moment) == (1, Moment.BEFORE):
                assert left == start
            elif (write, moment) == (writes, Moment.AFTER):
                assert left != start or word == "6A80"
            # Whatever was left is a whole card with a try fewer, never more, and a key that is whole or not there.
            again = Torn(inside, suite)
            image = again.card.image
            assert all(image.tries[at] <= key.tries_max for at, key in image.keys.items() if key.tries_max)
            listed = image.contents[f"{APPLICATION[suite]}/0011"]
            assert isinstance(listed, bytes)
            loaded = f"{APPLICATION[suite]}#27/30.1" in {path for _, path in left}
            assert loaded is (bytes((0x27, 0x30)) in listed)


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("name", ["a wrong authentication", "a wrong load"])
def test_a_cut_before_the_answer_gives_no_free_try(name: str, suite: str) -> None:
    """The try is charged before the comparison: cut off right then, the guess has cost one."""
    way, overrides, _, _ = WAYS[name]
    inside = memory(overrides)
    bench = Torn(inside, suite)
    command = way(bench)
    bench.tearing.cut(1, Moment.AFTER)
    with pytest.raises(PowerCut):
        bench.card.transmit(bytes.fromhex(command))
    assert 2 in Torn(inside, suite).card.image.tries.values()


# -- the terminal trade sequence ------------------------------------------------------------------------


def number_given(bench: PsamBench) -> int | None:
    """Begin a purchase; the number if one came out."""
    answer = bench.ask(bench.init_sam())
    assert answer[-4:] == "9000"
    return int(answer[:8], 16)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(["trade", "cut before", "cut after", "abandon", "power", "wrong"]), min_size=1, max_size=10
    ),
    st.sampled_from(["3DES", "SM4"]),
)
def test_no_number_is_given_out_twice(acts: list[str], suite: str) -> None:
    """psam.sequence_step = init: whatever happens, also losses of power at the write itself."""
    inside = memory()
    bench = Torn(inside, suite)
    given_out: list[int] = []
    for act in acts:
        if act.startswith("cut"):
            bench.tearing.cut(1, Moment.BEFORE if act == "cut before" else Moment.AFTER)
            with pytest.raises(PowerCut):
                bench.card.transmit(bytes.fromhex(bench.init_sam()))
            bench = Torn(inside, suite)
            continue
        if act == "power":
            bench = Torn(inside, suite)
            continue
        number = number_given(bench)
        assert number is not None
        given_out.append(number)
        if act == "trade":
            assert bench.send(f"8072000004{mac2(bench, number)}") == "9000"
        elif act == "wrong":
            assert bench.send("807200000400000000") == "9302"
            assert bench.send(f"8072000004{mac2(bench, number)}") == "6901"
    assert len(set(given_out)) == len(given_out)
    assert given_out == sorted(given_out)
    # A cut after the write loses its number, one before does not: no other is lost.
    lost = acts.count("cut after")
    assert bench.sequence() == f"{1 + len(given_out) + lost:08X}"


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.sampled_from(["trade", "cut before", "cut after", "abandon", "power", "wrong"]), min_size=1, max_size=10
    ),
    st.sampled_from(["3DES", "SM4"]),
)
def test_no_number_is_credited_twice(acts: list[str], suite: str) -> None:
    """psam.sequence_step = credit: a number serves again only if its trade was not credited."""
    inside = memory(CREDITED)
    bench = Torn(inside, suite)
    credited: list[int] = []
    for act in acts:
        if act == "power":
            bench = Torn(inside, suite)
            continue
        number = number_given(bench)
        assert number is not None
        assert number == 1 + len(credited)
        if act == "abandon":
            continue
        if act == "wrong":
            assert bench.send("807200000400000000") == "9302"
            continue
        command = f"8072000004{mac2(bench, number)}"
        if act == "trade":
            assert bench.send(command) == "9000"
            credited.append(number)
            continue
        bench.tearing.cut(1, Moment.BEFORE if act == "cut before" else Moment.AFTER)
        with pytest.raises(PowerCut):
            bench.card.transmit(bytes.fromhex(command))
        if act == "cut after":
            credited.append(number)
        bench = Torn(inside, suite)
    assert credited == list(range(1, 1 + len(credited)))


def test_the_step_is_durable_before_the_answer_leaves() -> None:
    """Under T=0 the number waits for GET RESPONSE; by then the memory has taken the step."""
    inside = memory()
    bench = Torn(inside)
    assert bench.send(bench.init_sam()) == "6108"
    assert Torn(inside).sequence() == "00000002"
    assert bench.send("00C0000008")[:8] == "00000001"


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_the_two_environments_count_apart(suite: str) -> None:
    bench = PsamBench(suite)
    assert number_given(bench) == 1
    other = PsamBench("SM4" if suite == "3DES" else "3DES", card_contents=contents("psam"))
    other.card = Card(Image(read_cells(dict(bench.store.load())), bench.store), SeededRandom("again"))
    other.select_application()
    assert number_given(other) == 1
    assert number_given(other) == 2
    other.suite = suite
    other.select_application()
    assert number_given(other) == 2
