"""Command `apdu`: a script of hex APDUs on a card, without a reader."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .errors import UsageFault
from .faults import fault_options, scenario_of
from .group import IMAGE, TRACE, main, require_unmasked, unmasked_options
from .images import card_of
from .output import open_trace, print_message, write_line
from .trace_display import note

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..rig.card import Card
    from ..rig.trace import Trace
    from ..trace.event import Event

_OUT: Final = "out of the reader"
"""Stands for the answer in raw output."""


@main.command()
@IMAGE
@click.argument("script", type=click.File("rb"), default="-")
@TRACE
@unmasked_options
@click.option("--raw", is_flag=True, help="Print commands, secrets masked, and answers in hex only.")
@fault_options
def apdu(
    image: Path, script: Any, trace: Path | None, *, unmasked: bool, force: bool, raw: bool, **conditions: Any
) -> None:
    """Run a script of hex APDUs on a card, without a reader.

    One APDU a line, spaces allowed; '#' starts a comment; a line 'reset' is a power cycle, and puts a card back that
    a fault has taken out. An answer that waits (61xx) is fetched only if the script says so.
    """
    from keys.generate import system_random

    from ..rig.trace import Trace
    from .console import console, trace_text

    scenario = scenario_of(1, **conditions)
    commands = _script(script)
    out = console()
    require_unmasked(trace, unmasked=unmasked, force=force)
    stream = open_trace(trace)

    def show(event: "Event") -> None:
        if stream:
            write_line(stream, event.bare().json())
        if not raw:
            out.print(trace_text(event), soft_wrap=True)

    shown = Trace(limit=1, unmasked=unmasked)
    shown.watch(show)
    card = card_of(image, scenario.random_of(0) if scenario else system_random)
    try:
        card.record_to(shown)
        if scenario:
            scenario.prepare(card, 0)
        for masked, answer in _answers(card, shown, commands):
            if raw:
                click.echo(f"{masked} > {answer}")
    finally:
        card.close()
        if stream:
            stream.close()
    for sentence in scenario.unfired(0) if scenario else ():
        print_message(sentence)


def _answers(card: "Card", trace: "Trace", commands: list[bytes | None]) -> "Iterator[tuple[str, str]]":
    """Send commands; yield each, secrets masked, with its answer, or with a word of why there is none."""
    from ..ports import CardRemoved
    from ..trace.mask import masked_command

    out = False
    for command in commands:
        if command is None:
            if not out:
                card.power_off()
            card.power_on()
            out = False
        elif out:
            masked = masked_command(command, None, None)
            trace.record(note(f"no answer to {masked}: the card is out of the reader"))
            yield masked, _OUT
        else:
            try:
                answer = card.transmit(command).hex().upper()
                yield trace.events[-1].apdu, answer
            except CardRemoved as removed:
                masked, out = trace.events[-1].apdu, True
                trace.record(note(f"the card is out of the reader: {removed}; a line 'reset' puts it back"))
                yield masked, _OUT


def _script(script: Any) -> list[bytes | None]:
    """Return the commands of a script, None for a reset; raise `UsageFault` for a line that is not hex."""
    from cardfs.profile.inputs import decode_text

    name = getattr(script, "name", "<stdin>")
    if script.isatty():
        click.echo("Waiting for APDUs in hex, one a line; Ctrl-D ends the script and runs it.", err=True)
    text = decode_text(script.read(), name)
    lines = [(number, line.split("#")[0].strip()) for number, line in enumerate(text.splitlines(), 1)]
    return [_script_line(name, number, line) for number, line in lines if line]


def _script_line(name: str, number: int, line: str) -> bytes | None:
    if line.lower() == "reset":
        return None
    try:
        return bytes.fromhex(line)
    except ValueError:
        raise UsageFault(f"{name}: line {number}: write hex digits, two for each byte") from None
