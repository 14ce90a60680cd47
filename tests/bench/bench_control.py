"""What control costs: a call beside the change in PC/SC that it waits for, and the start of the server."""

import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import sscard
from emulator.control.client import Client
from emulator.control.server import Server
from tests.bench.measure import Row, leave
from tests.kit import child

ROUNDS = 15
CALL = 2.0
"""Milliseconds that a call may cost beside what it waits for."""

START = 1.0
"""Seconds from the first line of the server's code to its first answer."""


class _Timed:
    """A method of a reader, with the seconds that its last call took."""

    def __init__(self, method: Callable[..., object]) -> None:
        self.method = method
        self.seconds = 0.0

    def __call__(self, *arguments: object) -> object:
        began = time.perf_counter()
        try:
            return self.method(*arguments)
        finally:
            self.seconds = time.perf_counter() - began


def bench_calls(benchmark: Any, monkeypatch: Any) -> None:
    with sscard.Rig(["demo"], transport="pcsc") as rig, Server(rig) as server:
        client, reader = Client(server.address), rig.readers[0]
        waits = {name: _Timed(getattr(reader, name)) for name in ("remove", "insert")}
        for name, timed in waits.items():
            monkeypatch.setattr(reader, name, timed)
        client.ask("GET", "/readers/0")
        rows = []
        costs: dict[str, list[float]] = {name: [] for name in waits}
        events: dict[str, list[float]] = {name: [] for name in waits}
        for _ in range(ROUNDS):
            for name, timed in waits.items():
                seconds = _seconds(lambda name=name: client.ask("POST", f"/readers/0/{name}"))  # type: ignore[misc]
                costs[name].append(seconds - timed.seconds)
                events[name].append(timed.seconds)
        for name in waits:
            note = f"beside {median(events[name]) * 1e3:.0f} ms that PC/SC takes"
            rows.append(Row(f"control: {name}", median(costs[name]) * 1e3, "ms", bound=CALL, note=note))
        look = median(_seconds(lambda: client.ask("GET", "/readers/0")) for _ in range(200))
        rows.append(Row("control: show a reader", look * 1e3, "ms", bound=CALL))
    benchmark.pedantic(lambda: None)  # the times are taken above
    leave(benchmark, *rows)


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


STARTED = """
import json, time
import sscard
with sscard.Rig(["demo"]) as rig:
    began = time.perf_counter()
    from emulator.control.client import Client
    from emulator.control.server import Server
    with Server(rig) as server:
        assert Client(server.address).ask("GET", "/readers/0")["card"]
        print(json.dumps(time.perf_counter() - began))
"""


def bench_start(benchmark: Any) -> None:
    runs = []
    for _ in range(5):
        done = child.run([sys.executable, "-c", STARTED], env=child.unmeasured())
        assert done.returncode == 0, done.stderr
        runs.append(json.loads(done.stdout))
    benchmark.pedantic(lambda: None)
    leave(benchmark, Row("control: server up", median(runs), "s", bound=START, note="to its first answer"))
