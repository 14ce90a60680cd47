"""Commands `trace`, `explain` and `replay`: recorded exchanges, of ours and of other tools."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .errors import UsageFault
from .group import main
from .helping import GroupedHelp
from .targets import Target, replaced

if TYPE_CHECKING:
    from ..rig.card import Card
    from ..rig.replay import Reader
    from ..trace.event import Event
    from ..trace.text import Language

FILE: Final = click.Path(path_type=Path, dir_okay=False)
BINARY: Final = ("pcapng",)
"""Forms that are not for a terminal."""
_FORMS: Final = ("text", "jsonl", "scriptor", "apdu4j", "pcapng")
_OF: Final = click.option("--of", "reader", default="", help="Name of the one reader that is meant, or its beginning.")
PROFILE: Final = click.option(
    "--profile", help="Card type by which to describe commands that have bytes only.  [default: ssc-2.0]"
)
PSAM: Final = click.option("--psam", default="", help="Name of the reader with the PSAM, or its beginning.")
LANGUAGE: Final = click.option(
    "--language", type=click.Choice(["en", "zh"]), default="en", show_default=True, help="English or Chinese."
)


@main.group("trace", cls=GroupedHelp)
def trace_group() -> None:
    """Work with traces: convert them for other tools."""


@trace_group.command("convert")
@click.argument("trace", type=FILE)
@click.option("--to", "form", type=click.Choice(_FORMS), required=True, help="Form of the output.")
@click.option("--out", type=Target(), help="File to write.  [default: standard output]")
@click.option("--force", is_flag=True, help="Replace the file of --out.")
@_OF
@click.option(
    "--profile", help="Card type by which to describe commands that have bytes only; without it they stay so."
)
@PSAM
def convert(
    trace: Path, form: str, out: Path | None, reader: str, profile: str | None, psam: str, *, force: bool
) -> None:
    """Convert a trace for another tool.

    TRACE is a file of JSON lines, a dump of apdu4j, a log of `pcscd --debug --apdu`, or a capture (pcapng) of cards;
    its contents show which. Masked bytes stay masked, and are FF where a form knows no mask. The output has the
    permissions of TRACE.
    """
    from ..formats.forms import write_events

    events = _events(trace, reader)
    if profile is not None:
        from ..rig.explain import Explainer

        events = Explainer(profile, psam).events(events)
    written = write_events(events, form)
    if out is None:
        if form in BINARY and sys.stdout.isatty():
            raise UsageFault(f"--to {form}: this is no text for a terminal; name a file with --out")
        _print(written)
        return
    if out.exists() and trace.exists() and out.samefile(trace):
        raise UsageFault(f"{out}: --out names the trace itself; name another file")
    mode = trace.stat().st_mode & 0o666 if trace.exists() else 0o600
    with replaced(out, "--out", force=force, mode=mode) as file:
        file.writelines(written)


def _events(trace: Path, reader: str) -> "Iterator[Event]":
    """Return the events of a file, of one reader if it is named."""
    from ..formats.forms import read_events
    from ..formats.single import of_reader

    events = read_events(trace)
    return of_reader(events, reader) if reader else events


def _print(pieces: Iterable[bytes]) -> None:
    sys.stdout.flush()
    output = sys.stdout.buffer
    for piece in pieces:
        output.write(piece)
    output.flush()


@main.command()
@click.argument("subject", metavar="TRACE|HEX")
@click.argument("answer", metavar="[ANSWER]", default="")
@_OF
@PROFILE
@PSAM
@LANGUAGE
def explain(subject: str, answer: str, reader: str, profile: str | None, psam: str, language: "Language") -> None:
    """Explain a trace, also of a physical card, or one command: what it means, and why it was refused.

    TRACE is any file that `sscard trace convert` reads. Commands of other tools' files have bytes only: they are
    described as those of a card of the type --profile, with a reason where the bytes decide it. HEX is a command,
    ANSWER its answer with the status word.
    """
    from ..rig.explain import Explainer
    from ..rig.foreign import DEFAULT_PROFILE
    from ..trace.text import event_lines

    path = Path(subject)
    if path.exists() or _bytes(subject) is None:
        if not path.exists() and (answer or not subject.strip("0123456789abcdefABCDEF ")):
            raise UsageFault(f"{subject}: a command has hex digits, two for each byte, and four bytes at least")
        if answer:
            raise UsageFault(f"{answer}: only a command in hex has an answer beside it, and {subject} is a file")
        _show(Explainer(profile or DEFAULT_PROFILE, psam).events(_events(path, reader)), language)
        return
    response = _bytes(answer, 2) if answer else None
    if answer and response is None:
        raise UsageFault(f"{answer}: an answer has hex digits, two for each byte, with the status word at its end")
    event = Explainer(profile or DEFAULT_PROFILE).alone(_bytes(subject) or b"", response)
    click.echo("\n".join(re.sub(" {3,}", "  ", line.strip()) for line in event_lines(event, language)))


def _show(events: "Iterable[Event]", language: "Language") -> None:
    """Print events, with colours on a terminal."""
    from ..formats.text import write

    if not sys.stdout.isatty():
        _print(write(events, language))
        return
    from .console import console, trace_text

    out = console()
    for event in events:
        out.print(trace_text(event, language), soft_wrap=True)


def _bytes(text: str, least: int = 4) -> bytes | None:
    """Return the bytes of hex digits, None if they are none, or fewer than ``least``."""
    try:
        found = bytes.fromhex(text)
    except ValueError:
        return None
    return found if len(found) >= least else None


@main.command()
@click.argument("trace", type=FILE)
@click.option("--reader", "name", help="Name of the PC/SC reader with the card to ask, or its beginning.")
@click.option("--card", "image", type=FILE, help="Card image or catalogue:ID to ask; it stays as it is.")
@click.option("--of", "reader", default="", help="Name of the one reader of the trace that is meant, or its beginning.")
@PROFILE
@click.option(
    "--json", "as_json", is_flag=True, help="Print one JSON object a line for each command with a difference."
)
@click.pass_context
def replay(
    ctx: click.Context,
    trace: Path,
    name: str | None,
    image: Path | None,
    reader: str,
    profile: str | None,
    *,
    as_json: bool,
) -> None:
    """Send the commands of a trace again, and print by command what the card answers otherwise.

    The trace must be an unmasked one (`--unmasked`). A virtual card (--card) draws the random numbers that were
    recorded. A card in a reader draws its own: they are not compared, and what proves a recorded one is not sent. The
    status is 1 if anything differs.
    """
    from ..formats.forms import read_events
    from ..rig import replay as replaying
    from ..rig.foreign import DEFAULT_PROFILE
    from ..trace.visible import visible

    if (name is None) == (image is None):
        raise UsageFault("replay: name the card to ask, with --card IMAGE or with --reader NAME")
    target = _in_reader(name) if name is not None else _of_image(image or Path())
    counts = {"same": 0, "differs": 0, "not sent": 0}
    steps = replaying.replay(lambda: read_events(trace), target, reader=reader, profile=profile or DEFAULT_PROFILE)
    for step in steps:
        counts["same" if step.same else "differs" if step.sent else "not sent"] += 1
        if not step.same:
            click.echo(visible(json.dumps(step.table(), ensure_ascii=False)) if as_json else str(step))
    same, differs, unsent = counts.values()
    more = f", {unsent} not sent" if unsent else ""
    if not as_json:
        click.echo(f"{same + differs + unsent} commands: {same} answered as recorded, {differs} otherwise{more}")
    ctx.exit(1 if differs or unsent else 0)


def _of_image(image: Path) -> "Card":
    from ..naming import resolve
    from ..rig.catalogue.making import make
    from ..rig.stock import Stock

    return resolve(image, made=make, file=Stock().copy)


def _in_reader(name: str) -> "Reader":
    from ..terminal import TerminalError
    from ..terminal.pcsc import PcscReader, reader_named

    try:
        return PcscReader(reader_named(name))
    except TerminalError as error:
        raise UsageFault(str(error)) from None
