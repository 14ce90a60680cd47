"""Whole flows of a terminal over two readers: against as many exchanges with cards that do nothing.

What a card must not lose, it writes durably; how long that takes is the disk's affair. So the no-op cards write a page
durably wherever the card does, and nothing more: without that the disk would be measured. Images in memory stand beside
those on a disk, and what cards with contacts would need for the same bytes, under T=0 at 9600 bit/s.
"""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from cardfs.memory import cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.model.files import CardContents
from emulator.cards import Card
from emulator.reader.stack import Stack
from emulator.terminal import InProcess
from tests.bench.bench_pcsc import noop
from tests.bench.flow import flow as run_flow
from tests.bench.measure import Row, leave
from tests.kit import child
from tests.kit.card import contents
from tests.kit.terminal import psam_contents

HERE = Path(__file__).parent
ROUNDS, STARTS = 30, 3
MEMORY = Path("/dev/shm")  # noqa: S108 - a file system in memory
BOUND = 1.6
ETU = 1 / 9600
"""Seconds, with F = 372, D = 1 and a clock of 3.57 MHz (Part 2, 8)."""
CHARACTER = 12
"""Etu of a character: ten, and a guard time of two."""


def characters(command: bytes, answer: bytes) -> int:
    """Characters of one exchange under T=0 (Part 2, 9; ISO/IEC 7816-3, 10.3).

    A header of five, a procedure byte where data follow in either direction, the data, and SW1 SW2. A command
    without P3 on the PC/SC side has one on the wire.
    """
    data = len(command) - 5 if len(command) > 5 else len(answer) - 2
    return 5 + (1 + data if data > 0 else 0) + 2


def physical(log: list[tuple[str, str, str]]) -> float:
    """Seconds that contacts need for the exchanges; cards that compute and readers are left out."""
    return sum(characters(bytes.fromhex(c), bytes.fromhex(a)) for _, c, a in log) * CHARACTER * ETU


@pytest.mark.parametrize(("flow", "what"), [("read-basic", "basic data with PSAM"), ("debit", "purchase with PSAM")])
@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])
def bench_a_flow(benchmark: Any, tmp_path: Path, profile: str, flow: str, what: str) -> None:
    made = {"card": contents(profile), "psam": psam_contents()}
    suite = made["card"].info.suite
    writes = durable_writes(made, flow)
    rows, log = [], []
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as memory:
        for folder, where in ((Path(memory), "in memory"), (tmp_path, "on a disk")):
            # Where the processes lie in memory, and on which cores, differs from start to start.
            results = [measure(folder / str(start), made, flow, writes) for start in range(STARTS)]
            ours, noop = (median([time for each in results for time in each[name]]) for name in ("ours", "noop"))
            log = results[0]["log"]
            label = f"{what}, {suite}, {len(log)} exchanges, images {where}"
            count = sum(number for each in writes.values() for number in each.values())
            note = f"against no-op cards with {count} durable writes, power cycles included"
            rows.append(Row(label, ours * 1e3, "ms", noop * 1e3, ours / noop, BOUND, note=note))
    benchmark.pedantic(lambda: None)  # the times are taken inside the client
    label, note = f"{what}, {suite}, contacts at 9600 bit/s", "computed from the bytes, T=0, 12 etu"
    leave(benchmark, *rows, Row(label, physical(log) * 1e3, "ms", note=note))


class Counted(MemoryStore):
    """A memory that counts its writes by the header of the command that makes them."""

    def __init__(self, card: CardContents) -> None:
        super().__init__(dict(cells.write_cells(card)))
        self.header = b""
        self.writes: Counter[bytes] = Counter()

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        self.writes[self.header] += 1
        super().write(changes, erases=erases)


class Counting(InProcess):
    """A reader in process that tells the memory of its card which command runs."""

    def __init__(self, card: CardContents) -> None:
        self.store = Counted(card)
        super().__init__(Card(Image(card, self.store)))

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on."""
        self.store.header = command[:4]
        return super().transmit(command)


def durable_writes(made: dict[str, CardContents], flow: str) -> dict[str, Counter[bytes]]:
    """Return for each card how often which commands of a flow write, by their headers; seen in process."""
    readers = {name: Counting(each) for name, each in made.items()}
    run_flow(flow, readers["card"], readers["psam"])
    return {name: reader.store.writes for name, reader in readers.items()}


def measure(
    folder: Path, made: dict[str, CardContents], flow: str, writes: dict[str, Counter[bytes]]
) -> dict[str, Any]:
    """Run a client in a stack with both cards and two that do nothing."""
    folder.mkdir()
    for name, each in made.items():
        Image.create(folder / name, each)
    atr = made["card"].info.atr.hex()
    environment = {"PYTHONPATH": str(HERE.parents[1]), "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}
    insert = [sys.executable, "-m", "emulator.cli", "insert", "--quiet"]
    with Stack(4) as stack:
        for slot, name in enumerate(made):
            stack.hold([*insert, str(folder / name), "--slot", str(slot)])
        for slot, name in enumerate(made, 2):
            needed = [f"{header.hex()}+{count}" for header, count in writes[name].items()]
            stack.hold([*noop(slot), atr, *needed, str(folder / f"{name}.noop")])
        stack.wait_for_cards(range(4))
        client = [sys.executable, str(HERE / "flow.py"), flow, str(ROUNDS), *stack.readers]
        with child.limited(stack.popen(client, stdout=subprocess.PIPE, env=environment), 300) as process:
            output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    result: dict[str, Any] = json.loads(output)
    return result
