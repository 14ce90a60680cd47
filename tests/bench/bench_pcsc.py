"""Round trips through a real pcscd: the card against a card that does nothing, in turn, in one client."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from cardfs.memory.image import Image
from emulator.cards import Card
from emulator.reader.stack import Stack
from emulator.reader.vpcd import PORT
from tests.bench.bench_process import SELECT, read_record
from tests.bench.measure import Row, leave
from tests.kit import child
from tests.kit.card import contents

HERE = Path(__file__).parent
ROUNDS = 4000
BOUND = 1.25


def noop(slot: int) -> list[str]:
    """Start of a command that holds an independent no-op card in a slot; its ATR and its answers follow."""
    return [sys.executable, "-I", str(HERE / "noop.py"), str(PORT + slot)]


def bench_round_trips(benchmark: Any, tmp_path: Path) -> None:
    image = tmp_path / "card.sscard"
    Image.create(image, contents())
    twin = Card(Image.in_memory(contents()))
    read = (twin.transmit(SELECT), read_record(twin))[1]
    commands = {"SELECT": SELECT, "READ RECORD": read}
    answers = [f"{command.hex()}={twin.transmit(command).hex()}" for command in commands.values()]
    with Stack(2) as stack:
        cli = [sys.executable, "-m", "emulator.cli", "insert", str(image)]
        trace = tmp_path / "trace"
        stack.hold([*noop(1), twin.atr.hex(), *answers])
        rows = [row for quiet in (True, False) for row in _measure(stack, [*cli, *_how(quiet, trace)], commands, quiet)]
    benchmark.pedantic(lambda: None)  # the times are taken inside the client
    leave(benchmark, *rows)


def _how(quiet: bool, trace: Path) -> list[str]:
    return ["--quiet"] if quiet else ["--trace", str(trace)]


def _measure(stack: Stack, inserter: list[str], commands: dict[str, bytes], quiet: bool) -> list[Row]:
    holder = stack.hold(inserter)
    stack.wait_for_cards([0, 1])
    client = [sys.executable, str(HERE / "client.py"), str(ROUNDS), *stack.readers[:2]]
    command = [*client, *(each.hex() for each in commands.values())]
    with child.limited(stack.popen(command, stdout=subprocess.PIPE), 300) as process:
        output, _ = process.communicate(timeout=300)
    assert process.returncode == 0
    stack.release(holder)
    stack.wait_until_empty([0])
    rows = []
    for name, result in zip(commands, json.loads(output), strict=True):
        assert len(result["answers"]) == 1, "both cards answer the same"
        ours, noop = result["medians"]
        what = f"{name} through PC/SC" + ("" if quiet else ", traced")
        bound = BOUND if quiet else None
        rows.append(Row(what, ours * 1e6, "us", noop * 1e6, ours / noop, bound, note="against a no-op card"))
    return rows
