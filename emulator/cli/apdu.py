"""Command `apdu`: a script of hex APDUs on a card, without a reader."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import UsageFault
from .group import IMAGE, TRACE, main
from .output import open_trace, write_line

if TYPE_CHECKING:
    from ..trace.event import Event


@main.command()
@IMAGE
@click.argument("script", type=click.File("rb"), default="-")
@TRACE
@click.option("--raw", is_flag=True, help="Print commands, secrets masked, and answers in hex only.")
def apdu(image: Path, script: Any, trace: Path | None, *, raw: bool) -> None:
    """Run a script of hex APDUs on a card, without a reader.

    One APDU a line, spaces allowed; '#' starts a comment; a line 'reset' is a power cycle. An answer
    that waits (61xx) is fetched only if the script says so.
    """
    from cardfs.memory.image import Image

    from ..cards import Card
    from ..trace.traced import Traced
    from .console import console, trace_text

    commands = _script(script)
    out = console()
    stream = open_trace(trace)

    masked = ""

    def show(event: "Event") -> None:
        nonlocal masked
        masked = event.apdu
        if stream:
            write_line(stream, event.json())
        if not raw:
            out.print(trace_text(event), soft_wrap=True)

    memory = Image.open(image)
    try:
        card: Card = Card(memory)
        traced = Traced(card, show)
        for command in commands:
            if command is None:
                traced.power_off()
                traced.power_on()
                continue
            answer = traced.transmit(command)
            if raw:
                click.echo(f"{masked} > {answer.hex().upper()}")
    finally:
        memory.close()
        if stream:
            stream.close()


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
