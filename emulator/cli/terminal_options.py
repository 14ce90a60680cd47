"""The options that every function of `sscard terminal` takes."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import click

_KINDS: Final = "Type of card: 1 contact, 2 contactless, 3 contact first, 4 contactless first.  [default: 3]"

_DATE: Final = "Date on which cards must be valid.  [default: today]"

_SHARED: Final = (
    click.option("--reader", help="Reader of the user card: name or its beginning.  [default: the first with one]"),
    click.option("--psam-reader", help="Reader of the PSAM: name or its beginning.  [default: the first with one]"),
    click.option("--no-psam", is_flag=True, help="Work without a PSAM."),
    click.option("--type", "kind", type=click.Choice(["1", "2", "3", "4"]), default="3", help=_KINDS),
    click.option("--contactless-reader", help="Reader of contactless cards: name or its beginning.  [default: none]"),
    click.option("--hsm", "hsm", flag_value="software", help="Let the software HSM compute in place of a PSAM."),
    click.option("--hsm-stdin", "hsm", flag_value="stdin", help="Let your HSM compute: print steps, read answers."),
    click.option("--hsm-auto", "hsm", flag_value="auto", help="Let the software HSM compute where the PSAM cannot."),
    click.option(
        "--roots",
        type=click.Path(path_type=Path),
        help="TOML file of the HSM's root keys.  [default: public test keys]",
    ),
    click.option("--card-info", help="Identification code|card number| that the card must have.  [default: any]"),
    click.option("--pin", envvar="SSCARD_PIN", show_envvar=True, help="The PIN.  [default: ask]"),
    click.option("--new-pin", envvar="SSCARD_NEW_PIN", show_envvar=True, help="The new PIN.  [default: ask]"),
    click.option("--date", envvar="SSCARD_DATE", show_envvar=True, metavar="YYYY-MM-DD", help=_DATE),
    click.option("--settings", type=click.Path(path_type=Path), help="TOML file of the terminal's settings."),
    click.option(
        "--set", "sets", multiple=True, metavar="TOML", help="Change a setting: terminal.debit_amounts=account"
    ),
    click.option("--json", "as_json", is_flag=True, help="Print JSON."),
    click.option("--raw", is_flag=True, help="Print the output text of the standard (pOutInfo)."),
)


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that every function of the terminal takes to a command, and return it."""
    for option in reversed(_SHARED):
        command = option(command)
    return command
