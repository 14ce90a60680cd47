"""What the plug-in for pytest costs: a fresh card for each test, in process and over PC/SC, and a run without any."""

import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import pytest

from cardfs.memory.image import Image
from emulator.cards import Card
from emulator.reader.stack import Stack
from emulator.rig.testing import Bench, Pool
from tests.bench.measure import Pairs, Row, leave, pairs
from tests.kit import child
from tests.kit.card import contents

CHALLENGE = bytes.fromhex("0084000008")
PROCESS_BOUND = 1.2
SWAP_BOUND = 5.0
ISOLATED_BOUND = 0.4 + 0.1
STACK_BOUND = 1.1
LOAD_BOUND = 1.1
STARTS = 15


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool(print)
    yield made
    made.close()


def fixture(pool: Pool, *, pcsc: bool, **wishes: object) -> float:
    """Seconds of the fixture `card` or `pcsc_card` before and after a test, without those of the test itself."""
    began = perf_counter()
    bench = Bench(pool, wishes, Path())
    reader = bench.rig(bench.kind(pcsc=pcsc), ["card"]).reader_of(psam=False)
    made = perf_counter()
    assert len(reader.transmit(CHALLENGE)) == 10
    used = perf_counter()
    bench.complaints(faults=True)
    bench.close()
    return perf_counter() - used + made - began


def bare_stack() -> float:
    """Seconds of a stack in which a card is inserted, and nothing is done."""
    card = Card(Image.in_memory(contents()))
    began = perf_counter()
    with Stack(1) as stack, stack.insert(card):
        pass
    return perf_counter() - began


def bench_a_fresh_card_in_process(benchmark: Any, pool: Pool) -> None:
    data = contents()

    def bare() -> None:
        assert len(Card(Image.in_memory(data)).transmit(CHALLENGE)) == 10

    measured = pairs(lambda: fixture(pool, pcsc=False), bare, rounds=40, calls=10)
    benchmark.pedantic(lambda: None)  # the times are taken in pairs
    note = "against building image and card"
    leave(benchmark, _row("fixture `card`", measured, PROCESS_BOUND, note))


def bench_a_fresh_card_by_hot_swap(benchmark: Any, pool: Pool) -> None:
    times = [(fixture(pool, pcsc=True), fixture(pool, pcsc=False)) for _ in range(210)][10:]
    ones, others = zip(*times, strict=True)
    measured = Pairs(median(ones), median(others), median(a / b for a, b in times))
    benchmark.pedantic(lambda: None)
    leave(benchmark, _row("fixture `pcsc_card` by hot swap", measured, SWAP_BOUND, "against `card`"))


def bench_a_fresh_card_in_a_stack_of_its_own(benchmark: Any, pool: Pool) -> None:
    times = [(fixture(pool, pcsc=True, isolate=True), bare_stack()) for _ in range(12)][1:]
    ones, others = zip(*times, strict=True)
    measured = Pairs(median(ones), median(others), median(a / b for a, b in times))
    benchmark.pedantic(lambda: None)
    note = "a poll of pcscd takes 0.4 s"
    leave(
        benchmark,
        Row("fixture `pcsc_card`, isolated", measured.one, "s", bound=ISOLATED_BOUND, note=note),
        _row("the same", measured, STACK_BOUND, "against a bare stack: start, insertion, end"),
    )


@pytest.mark.parametrize("options", [("--version",), ("--version", "--version"), ("-q",)], ids=" ".join)
def bench_a_run_without_a_card(benchmark: Any, tmp_path: Path, options: tuple[str, ...]) -> None:
    """Version 9 of pytest loads no plug-in at all for ``--version``, and all of them for the others."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    times: dict[bool, list[float]] = {True: [], False: []}
    for at in range(2 * STARTS + 2):
        with_it = bool(at % 2)
        began = perf_counter()
        child.run(command if with_it else [*command, "-p", "no:sscard"], cwd=tmp_path, env=child.unmeasured())
        times[with_it].append(perf_counter() - began)
    pairwise = Pairs(
        median(times[True][1:]),
        median(times[False][1:]),
        median(a / b for a, b in zip(times[True][1:], times[False][1:], strict=True)),
    )
    benchmark.pedantic(lambda: None)  # the times are taken above, process by process
    leave(benchmark, _row(f"pytest {' '.join(options)}", pairwise, LOAD_BOUND, "against `-p no:sscard`"))


def _row(what: str, measured: Pairs, bound: float, note: str) -> Row:
    return Row(what, measured.one * 1e3, "ms", measured.other * 1e3, measured.ratio, bound, note=note)
