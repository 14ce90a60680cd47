"""Commands that work with readers: insert, exec, read, doctor."""

import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..reader.vpcd import HOST, PORT
from .errors import UsageFault
from .faults import fault_options, scenario_of
from .group import IMAGE, TRACE, main, require_unmasked, unmasked_options
from .images import DEMO_PSAM, is_demo_psam, source_of
from .inserting import end_cleanly, found_command, serve
from .issuing import demo_contents
from .output import open_trace, print_message
from .targets import Target

if TYPE_CHECKING:
    from cardfs.model.files import CardContents

    from ..reader.stack import Stack
    from ..rig.card import Card as RigCard
    from ..rig.scenario import Scenario

_COLUMNS = 80


@main.command()
@IMAGE
@click.option("--slot", type=click.IntRange(0, 15), default=0, show_default=True, help="Slot of the virtual reader.")
@click.option("--host", default=HOST, show_default=True, help="Host of pcscd with the virtual reader.")
@click.option(
    "--port",
    type=click.IntRange(1, 65535),
    default=PORT,
    envvar="SSCARD_PORT",
    show_default=True,
    help="Port of slot 0; `sscard exec` gives its own as SSCARD_PORT.",
)
@click.option(
    "--link",
    type=click.Choice(["own", "vpicc"]),
    default="own",
    show_default=True,
    help="Who talks to the reader: this program, or vsmartcard's own emulator (python3-virtualsmartcard).",
)
@click.option(
    "--reversed",
    "is_reversed",
    is_flag=True,
    help="Wait on --port for a reader in vsmartcard's reversed mode; with --link vpicc.",
)
@click.option("--quiet", is_flag=True, help="Show no trace.")
@TRACE
@unmasked_options
@fault_options
def insert(
    image: Path,
    slot: int,
    host: str,
    port: int,
    link: str,
    trace: Path | None,
    *,
    is_reversed: bool,
    quiet: bool,
    unmasked: bool,
    force: bool,
    **conditions: Any,
) -> None:
    """Put a card into the virtual reader of a running pcscd, until Ctrl-C, or until a fault takes it out."""
    if is_reversed and link != "vpicc":
        raise UsageFault("--reversed: only vsmartcard's own link has this mode; add --link vpicc")
    require_unmasked(trace, unmasked=unmasked, force=force)
    end_cleanly(0)
    serve(
        source_of(image),
        slot,
        trace,
        host="" if is_reversed else host,
        port=port,
        quiet=quiet,
        vpicc=link == "vpicc",
        scenario=scenario_of(1, **conditions),
        unmasked=unmasked,
    )


@main.command(
    "exec",
    options_metavar="[OPTIONS] --",
    context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
)
@click.option(
    "--card",
    "cards",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Card image or catalogue:ID for the next slot.",
)
@click.option(
    "--psam",
    "psams",
    multiple=True,
    type=click.Path(path_type=Path),
    help="PSAM behind the cards: image, catalogue:ID, or demo.",
)
@click.option("--trace", type=Target(), help="Write the cards' trace to this file, as JSON lines.")
@unmasked_options
@click.option(
    "--timeout",
    type=click.FloatRange(0.1, 3600),
    help="Seconds for the stack to start, and again for the cards to be seen.  [default: 30]",
)
@fault_options
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED)
def execute(
    cards: tuple[Path, ...],
    psams: tuple[Path, ...],
    trace: Path | None,
    timeout: float | None,
    command: tuple[str, ...],
    *,
    unmasked: bool,
    force: bool,
    **conditions: Any,
) -> None:
    """Run COMMAND in a private PC/SC stack with cards inserted; end with its status.

    Without --card, a new demo card is made for the run, and without --psam a PSAM for it; both are thrown
    away. `--psam demo` makes such a PSAM for a card of yours. A fault is one of the first card, or with
    reader=1 of the second; a timing is that of all cards, or with reader=1 of the second.
    """
    from ..cards import Card  # noqa: F401 - once, for all processes that hold a card
    from ..reader.stack import TIMEOUT, run

    end_cleanly(128 + signal.SIGTERM)
    images: list[Path | RigCard | None] = [source_of(path) for path in cards]
    if not images:
        images = [None]
        psams = psams or (DEMO_PSAM,)
    images += [None if is_demo_psam(path) else source_of(path) for path in psams]
    scenario = scenario_of(len(images), **conditions)
    _check_images([image for image in images if isinstance(image, Path)])
    # What is made for the run is in no file: nothing can be left behind.
    first_psam = len(images) - len(psams)
    sources = [
        image
        or demo_contents("psam" if slot >= first_psam else "ssc-2.0", scenario.seed_of(slot) if scenario else None)
        for slot, image in enumerate(images)
    ]
    names = [f"slot {slot}" if len(sources) > 1 else "" for slot in range(len(sources))]
    require_unmasked(trace, unmasked=unmasked, force=force)
    # Open until the end: whoever reads a named pipe sees no end before the cards write into it.
    opened = open_trace(trace)
    with tempfile.TemporaryFile() as notes:
        try:
            holders = [
                partial(
                    _hold, source, slot, names[slot], trace and trace.absolute(), scenario, notes.fileno(), unmasked
                )
                for slot, source in enumerate(sources)
            ]
            status = run(found_command(command), holders, timeout=timeout or TIMEOUT)
        finally:
            if opened:
                opened.close()
        notes.seek(0)
        for line in notes.read().decode().splitlines():
            print_message(line)
    sys.exit(status)


def _hold(
    source: "Path | CardContents | RigCard",
    slot: int,
    name: str,
    trace: Path | None,
    scenario: "Scenario | None",
    notes: int,
    unmasked: bool,
    stack: "Stack",
) -> None:
    """Hold a card in a slot of a stack; what is to be told at the end goes into the file ``notes``."""
    serve(
        source,
        slot,
        trace,
        port=stack.port,
        service=stack.socket_path,
        scenario=scenario,
        reader=slot,
        name=name,
        report=lambda sentence: _note(notes, sentence),
        unmasked=unmasked,
    )


def _note(notes: int, sentence: str) -> None:
    os.write(notes, f"{sentence}\n".encode())


def _check_images(images: list[Path]) -> None:
    """Raise an error for an image that is named twice or cannot be opened, before a stack is built."""
    from cardfs.memory.image import Image

    seen: set[Path] = set()
    for path in images:
        if path.resolve() in seen:
            raise UsageFault(f"{path}: named twice; a card can be in one slot only")
        seen.add(path.resolve())
    for path in images:
        Image.open(path, writable=False).close()


@main.command()
@click.option("--reader", help="Name of the reader, or its beginning.  [default: the first with a card]")
@click.option("--roots", type=click.Path(path_type=Path), help="TOML file of root keys.  [default: public test keys]")
@click.option("--profile", default="ssc-2.0", show_default=True, help="Card type, for its way of diversifying keys.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def read(reader: str | None, roots: Path | None, profile: str, *, as_json: bool) -> None:
    """Read a card through PC/SC as a terminal does: select, authenticate, issuer and holder data."""
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.loader import DEMO, load_profile

    from ..terminal import TerminalError, read_card
    from ..terminal.pcsc import open_reader

    keys = load_roots(roots or DEMO / "roots.toml")
    rules = load_profile(profile).settings.crypto
    try:
        with open_reader(reader) as (name, atr, channel):
            reading = read_card(channel, atr, keys, rules)
    except TerminalError as error:
        raise UsageFault(str(error)) from None
    if as_json:
        click.echo(_reading_json(name, reading))
        return
    from .console import console, reading_table

    out = console()
    out.print(f"reader     {name}")
    for part in reading_table(reading):
        out.print(part)


def _reading_json(reader: str, reading: Any) -> str:
    import json

    return json.dumps(
        {
            "reader": reader,
            "atr": reading.atr.hex().upper(),
            "algorithm": reading.algorithm,
            "version": reading.version,
            "region": reading.region,
            "genuine": reading.genuine,
            "proof": reading.proof,
            "elements": [
                {
                    "file": item.file,
                    "name": item.name,
                    "zh": item.zh,
                    "value": item.value,
                    "raw": item.raw.hex().upper(),
                }
                for item in reading.items
            ],
            "notes": reading.notes,
        },
        ensure_ascii=False,
        indent=2,
    )


@main.command()
def doctor() -> None:
    """Show what PC/SC needs on this machine, what is missing, and how to get it."""
    from rich.table import Table

    from ..reader.doctor import examine, way
    from .console import console

    checks = examine()
    table = Table(header_style="bold")
    for column in ("", "what", "found", "how to get it"):
        table.add_column(column, overflow="fold")
    for check in checks:
        mark = "ok" if check.ok else ("missing" if check.needed else "-")
        table.add_row(mark, check.name, check.found, check.remedy)
    out = console()
    # A table that is piped is read in a terminal, or in somebody's report.
    out.print(table, width=None if out.is_terminal else _COLUMNS)
    where = way(checks)
    if not where:
        raise UsageFault("a card cannot be inserted and read here yet: see what is missing above")
    click.echo(f"A card can be inserted and read here, {where}.")
