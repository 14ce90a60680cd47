"""Command `spy`: a physical card in a reader of a private stack, seen and described on the way."""

import os
import signal
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import UsageFault
from .faults import fault_options, scenario_of
from .group import TRACE, main, require_unmasked, unmasked_options
from .inserting import end_cleanly, run_beside, wait_for_a_signal
from .output import print_message
from .trace_display import TraceDisplay

if TYPE_CHECKING:
    from ..rig.relay import Relay
    from ..rig.rig import Rig
    from ..rig.scenario import Scenario


@main.command(
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option("--from", "source", required=True, metavar="READER", help="PC/SC reader with the physical card.")
@click.option("--profile", default="ssc-2.0", show_default=True, help="What type of card it is taken for.")
@click.option("--slot", type=click.IntRange(0, 15), default=0, show_default=True, help="Slot of the virtual reader.")
@click.option("--quiet", is_flag=True, help="Show no trace.")
@TRACE
@unmasked_options
@fault_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND...]")
def spy(
    source: str,
    profile: str,
    slot: int,
    trace: Path | None,
    command: tuple[str, ...],
    *,
    quiet: bool,
    unmasked: bool,
    force: bool,
    **conditions: Any,
) -> None:
    """Put the card of another reader into a virtual one, and show what passes.

    With COMMAND run it where it finds the virtual reader, and end with its status; its output is alone on the
    terminal. Without one say where the reader is, and show the trace until Ctrl-C. Faults strike on the wire only.
    """
    from ..rig.relay import Relay
    from ..rig.rig import Rig

    if conditions["seed"] is not None:
        raise UsageFault("--seed: a physical card draws its own random numbers")
    require_unmasked(trace, unmasked=unmasked, force=force)
    end_cleanly(128 + signal.SIGTERM if command else 0)
    plan = scenario_of(1, **conditions)
    with closing(Relay(source, profile)) as relay:
        if plan is not None:
            plan.prepare(relay, 0)
        with closing(TraceDisplay(trace, quiet=quiet or bool(command), unmasked=unmasked)) as display:
            with Rig([*["empty"] * slot, relay], transport="pcsc", unmasked=unmasked) as rig:
                status = _run(rig, relay, display, command)
            _report_unfired(plan)
    sys.exit(status)


def _run(rig: "Rig", relay: "Relay", display: TraceDisplay, command: tuple[str, ...]) -> int:
    for event in rig.trace.events:
        display.record(event)
    end = rig.trace.watch(display.record)
    try:
        return run_beside(command, rig.look_after) if command else _wait(rig, relay)
    finally:
        end()


def _wait(rig: "Rig", relay: "Relay") -> int:
    """Print where the reader is, and wait for a signal."""
    click.echo(f"card     {relay.name}{'' if relay.present else ': no card yet'}")
    click.echo(f"reader   {rig.readers[-1].name}")
    click.echo(f"PC/SC    PCSCLITE_CSOCK_NAME={os.environ.get('PCSCLITE_CSOCK_NAME', '')}")
    sys.stdout.flush()
    wait_for_a_signal(rig.look_after)
    return 0


def _report_unfired(plan: "Scenario | None") -> None:
    for sentence in plan.unfired(0) if plan is not None else ():
        print_message(sentence)
