"""What a driven card costs in process: without a fault, with a trace, over whole flows of a terminal."""

from collections.abc import Callable
from typing import Any, Final

import pytest

import sscard
from cardfs.memory.image import Image
from emulator import cards
from emulator.terminal import InProcess
from tests.bench.flow import flow as run_flow
from tests.bench.measure import Row, leave, pairs
from tests.kit.card import SSSE_NAME, contents
from tests.kit.terminal import psam_contents

SELECT: Final = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
FLOWS: Final = {"read-basic": "basic data with PSAM", "debit": "purchase with PSAM"}
NO_FAULT: Final = 1.03
TRACED: Final = 1.25
UNTRACED: Final = 1.03
"""Off is as never on; what is over 1.00 is noise."""


def driven(profile: str) -> sscard.Card:
    """A card of the public face in memory."""
    return sscard.Card(Image.in_memory(psam_contents() if profile == "psam" else contents(profile)))


@pytest.mark.parametrize(
    ("what", "command"), [("SELECT by name", SELECT), ("GET CHALLENGE", bytes.fromhex("0084000008"))]
)
def bench_no_fault_armed(benchmark: Any, what: str, command: bytes) -> None:
    engine, card = cards.Card(Image.in_memory(contents())), driven("ssc-2.0")
    card.disarm(card.fault("pull", nth=1_000_000))
    assert card.transmit(command)[-2] in (0x61, 0x90)
    measured = pairs(lambda: card.transmit(command), lambda: engine.transmit(command), rounds=400)
    benchmark.pedantic(lambda: None)  # the times are taken above, pair by pair
    note = "against the engine alone, no fault armed any more"
    times = (measured.one * 1e6, measured.other * 1e6, measured.ratio)
    leave(benchmark, Row(f"{what}, a card that can be driven", times[0], "us", *times[1:], NO_FAULT, note=note))


def flows(flow: str, *traces: sscard.Trace | None) -> list[Callable[[], None]]:
    """Return for each trace, or None, a flow of a terminal with cards that record in it."""

    def made(trace: sscard.Trace | None) -> Callable[[], None]:
        card, psam = driven("ssc-2.0"), driven("psam")
        card.trace = psam.trace = trace
        return lambda: run_flow(flow, InProcess(card), InProcess(psam))

    return [made(trace) for trace in traces]


@pytest.mark.parametrize("flow", FLOWS)
def bench_a_trace_over_a_flow(benchmark: Any, flow: str) -> None:
    kept, read = sscard.Trace(), sscard.Trace()
    plain, other, traced, described = flows(flow, None, None, kept, read)

    def whole() -> None:
        described()
        assert read.events
        read.clear()

    benchmark.pedantic(lambda: None)  # the times are taken below, pair by pair
    rows = []
    for what, one, bound, note in (
        ("trace off", other, UNTRACED, "against another pair of cards that never had one"),
        ("trace on", traced, TRACED, "a command is described when somebody looks"),
        ("trace on and read", whole, None, "every event described"),
    ):
        measured = pairs(one, plain, rounds=60, calls=10)
        times = (measured.one * 1e3, measured.other * 1e3, measured.ratio)
        rows.append(Row(f"{FLOWS[flow]} in process, {what}", times[0], "ms", *times[1:], bound, note=note))
    assert kept.commands
    leave(benchmark, *rows)
