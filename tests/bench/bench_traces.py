"""What is done with recorded traces: exchanges a second, read from a file and written to one."""

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from emulator.formats.forms import read_events, write_events
from emulator.formats.text import write
from emulator.rig.explain import Explainer
from emulator.rig.replay import replay
from emulator.trace.event import Event
from tests.bench.measure import Row, leave
from tests.kit.traces import Day, recorded_day

LEAST: Final = 10_000
"""Exchanges a second: 100,000 in under ten seconds."""
REPEATED: Final = 60
ROUNDS: Final = 3


@pytest.fixture(scope="module")
def day() -> Day:
    return recorded_day()


def rate(run: Callable[[], object], commands: int) -> float:
    """Return the exchanges a second of the best of some rounds."""
    best = 0.0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        run()
        best = max(best, commands / (time.perf_counter() - began))
    return best


def file_of(day: Day, form: str, folder: Path) -> tuple[Path, int]:
    """Write a day of the card, many times over, in a form; return the file and how many commands are in it."""
    events = [event.bare() for event in day.trace if event.reader == day.readers[0]] * REPEATED
    path = folder / f"trace.{form}"
    with path.open("wb") as file:
        file.writelines(write_events(events, form))
    return path, sum(event.kind == "command" for event in events)


def spent(pieces: Iterable[bytes]) -> None:
    for _ in pieces:
        pass


@pytest.mark.parametrize("form", ["text", "jsonl", "scriptor", "apdu4j", "pcapng"])
def bench_convert(benchmark: Any, day: Day, tmp_path: Path, form: str) -> None:
    path, commands = file_of(day, "jsonl", tmp_path)
    benchmark.pedantic(lambda: None)  # the time is taken below
    measured = rate(lambda: spent(write_events(read_events(path), form)), commands)
    leave(benchmark, Row(f"trace convert --to {form}", measured, "exchanges/s", bound=LEAST, at_least=True))


@pytest.mark.parametrize("form", ["jsonl", "apdu4j", "pcapng"])
def bench_explain(benchmark: Any, day: Day, tmp_path: Path, form: str) -> None:
    path, commands = file_of(day, form, tmp_path)
    explainer = Explainer()
    benchmark.pedantic(lambda: None)  # the time is taken below
    measured = rate(lambda: spent(write(explainer.events(read_events(path)))), commands)
    leave(benchmark, Row(f"explain a file of {form}", measured, "exchanges/s", bound=LEAST, at_least=True))


@pytest.mark.parametrize("form", ["apdu4j", "pcapng"])
def bench_convert_described(benchmark: Any, day: Day, tmp_path: Path, form: str) -> None:
    """A card and a PSAM in one file that has bytes only, described while it is converted."""
    events = [event.bare() for event in day.trace] * REPEATED
    if form == "apdu4j":  # it holds one reader
        events = [replace(event, reader="") for event in events]
    path = tmp_path / "trace"
    with path.open("wb") as file:
        file.writelines(write_events(events, form))
    commands = sum(event.kind == "command" for event in events)
    explainer = Explainer(psam=day.readers[1])
    benchmark.pedantic(lambda: None)  # the time is taken below
    measured = rate(lambda: spent(write_events(explainer.events(read_events(path)), "jsonl")), commands)
    row = Row(f"trace convert --profile of {form}, two cards", measured, "exchanges/s", bound=LEAST, at_least=True)
    leave(benchmark, row)


def bench_replay(benchmark: Any, day: Day) -> None:
    events: list[Event] = [event.bare() for event in day.trace]
    commands = sum(event.kind == "command" for event in events if event.reader == day.readers[0])

    def whole() -> None:
        assert all(step.same for step in replay(lambda: events, day.card, reader=day.readers[0]))

    benchmark.pedantic(lambda: None)  # the time is taken below
    leave(benchmark, Row("replay on a card in memory", rate(whole, commands), "exchanges/s"))
