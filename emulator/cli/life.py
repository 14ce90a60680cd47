"""Commands for the life of a card: blank cards and the issuing machine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .errors import UsageFault
from .group import main
from .issuing import issue_contents, issue_inputs, load_kind, write_image
from .targets import Target

if TYPE_CHECKING:
    from ..terminal import Channel


@main.command()
@click.argument("image", type=Target(), default=Path("blank.sscard"))
@click.option("--profile", default="ssc-2.0", show_default=True, help="Card type: a shipped name or a TOML file.")
@click.option(
    "--set", "settings", multiple=True, metavar="TOML", help="Change a value of the profile: settings.pin.tries=6"
)
@click.option(
    "--with-financial",
    type=click.Choice(["edep", "debit_credit", "both", "none"]),
    is_flag=False,
    flag_value="both",
    help="Prepare the card for a financial environment (settings.financial.kind).",
)
@click.option("--force", is_flag=True, help="Replace an existing image.")
def blank(image: Path, profile: str, settings: tuple[str, ...], with_financial: str | None, *, force: bool) -> None:
    """Make a blank card, as it leaves the chip manufacturer: an MF and a transport key, to be personalised.

    IMAGE is blank.sscard if none is given.
    """
    from cardfs.issuing.issue import blank as make

    contents = make(load_kind(profile, settings, with_financial))
    write_image(image, contents, force=force)
    click.echo(f"{image}: blank, {contents.info.suite}, ATR {contents.info.atr.hex().upper()}")


@main.command()
@click.argument("source", metavar="SCRIPT|PROFILE")
@click.option("--reader", help="Name of the reader, or its beginning.  [default: the first with a card]")
@issue_inputs
def personalise(source: str, reader: str | None, **inputs: Any) -> None:
    """Build a card over PC/SC, command by command, from a profile or a script.

    PROFILE is a shipped name or a TOML file, and has to be the one that the blank card was made from: a card
    over PC/SC does not show its type. Another cipher or manufacturer's key is refused at the first command; otherwise
    the card gets the files of PROFILE, and keeps the settings of its own type.

    A SCRIPT is a text file of hex APDUs, one a line, each with the status word that it must get after
    an arrow, 9000 if none is given: 80E00200 -> 9000.
    """
    from ..personaliser import PersonaliseError
    from ..terminal import TerminalError
    from ..terminal.pcsc import open_reader

    path = Path(source)
    is_script = path.is_file() and path.suffix != ".toml"
    run = _script(path) if is_script else _profile(source, inputs)
    try:
        with open_reader(reader) as (name, _, channel):
            count = run(channel)
    except (TerminalError, PersonaliseError) as error:
        raise UsageFault(str(error)) from None
    click.echo(f"{name}: {count} commands, all answered as expected")


def _profile(source: str, inputs: dict[str, Any]) -> "Callable[[Channel], int]":
    from ..personaliser import Personaliser

    contents = issue_contents(profile=source, **inputs)
    manufacturer_key = bytes.fromhex(contents.info.settings.personalisation.maker_key)

    def run(channel: "Channel") -> int:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        from .console import console

        columns = (TextColumn("{task.description:<40}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console()) as bar:
            task = bar.add_task("", total=None)
            return Personaliser(channel, contents, manufacturer_key).run(
                lambda title, done, total: bar.update(task, description=title, completed=done, total=total)
            )

    return run


def _script(path: Path) -> "Callable[[Channel], int]":
    from cardfs.profile.inputs import read_text

    from ..terminal import exchange

    steps: list[tuple[int, bytes, int]] = []
    for number, line in enumerate(read_text(path).splitlines(), 1):
        text, _, wanted = line.split("#")[0].partition("->")
        if not text.strip():
            continue
        try:
            steps.append((number, bytes.fromhex(text), int(wanted.strip() or "9000", 16)))
        except ValueError:
            raise UsageFault(
                f"{path}: line {number}: write a command in hex and, after an arrow, its status word: 80E00200 -> 9000"
            ) from None

    def run(channel: "Channel") -> int:
        for number, command, wanted in steps:
            _, word = exchange(channel, command)
            if word != wanted:
                raise UsageFault(f"{path}: line {number}: the card answered {word:04X}, not {wanted:04X}")
        return len(steps)

    return run
