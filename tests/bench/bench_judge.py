"""How fast a trace is judged: 100,000 exchanges from a file, in the memory of one session."""

import tracemalloc
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from emulator.formats.forms import read_events
from emulator.judge.judge import judge
from emulator.trace.reading import read_lines
from tests.bench.measure import Row, leave
from tests.kit.judged import JudgeBench, select

EXCHANGES: Final = 100_000
MOST_SECONDS: Final = 10.0
MOST_MEMORY: Final = 1.0
"""MB by which 100,000 exchanges may exceed what the first thousand need."""


def write_trace(path: Path) -> int:
    """Write a trace of at least 100,000 exchanges, purchases and readings; return how many there are."""
    with JudgeBench() as bench:
        for _ in range(3):
            bench.genuine()
            bench.u(select("EF06"))
            for number in (1, 2, 3):
                bench.u(f"00B2{number:02X}0400")
            bench.verify()
            bench.pay()
            bench.end()
        exchanges = len(bench.rig.trace.commands)
        bench.rig.trace.save(path)
    block = path.read_bytes()
    times = -(-EXCHANGES // exchanges)
    with path.open("wb") as file:
        for _ in range(times):
            file.write(block)
    return times * exchanges


def bench_a_trace_from_a_file(benchmark: Any, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    exchanges = write_trace(path)
    began = perf_counter()
    found = sum(1 for _ in judge(read_events(path)))
    seconds = perf_counter() - began
    benchmark.pedantic(lambda: sum(1 for _ in judge(islice(read_events(path), 2000))), rounds=5)
    note = f"{seconds:.2f} s for {exchanges:,}, {found} findings"
    bound = EXCHANGES / MOST_SECONDS
    leave(
        benchmark,
        Row("exchanges judged, from a file", exchanges / seconds, "/s", bound=bound, at_least=True, note=note),
    )


def bench_memory_of_a_long_trace(benchmark: Any, tmp_path: Path) -> None:
    path = tmp_path / "trace.jsonl"
    write_trace(path)

    def most(lines: Iterator[bytes]) -> float:
        tracemalloc.start()
        for _ in judge(read_lines(lines, "trace")):
            pass
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak / 1e6

    with path.open("rb") as file:
        short = most(islice(file, 1000))
        file.seek(0)
        long = most(iter(file))
    benchmark.pedantic(lambda: None, rounds=1)
    note = f"over {short:.2f} MB for the first 1,000 events"
    leave(
        benchmark, Row("memory that 100,000 exchanges add", max(0.0, long - short), "MB", bound=MOST_MEMORY, note=note)
    )
