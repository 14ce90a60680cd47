"""The options `--fault`, `--timing`, `--scenario` and `--seed` of commands that use cards."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from ..rig.scenario import Scenario

_OPTIONS = (
    click.option(
        "--fault",
        "faults",
        multiple=True,
        metavar="FAULT",
        help="Let something go wrong on purpose: 'power-cut on=\"UPDATE RECORD\" moment=after'.",
    ),
    click.option(
        "--timing",
        "timings",
        multiple=True,
        metavar="NAME",
        help="Answer as slowly as contact-9600, contact-115200 or contactless-106.  [default: none]",
    ),
    click.option(
        "--scenario",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Faults, timing and seed from a TOML file.",
    ),
    click.option("--seed", help="Draw the card's random numbers from this seed: the same ones each time."),
)


def fault_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the four options to a command that uses cards, and return it; `scenario_of` reads them."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def scenario_of(
    cards: int, *, faults: tuple[str, ...], timings: tuple[str, ...], scenario: Path | None, seed: str | None
) -> "Scenario | None":
    """Read the options; None if none is given. What an option says lies over the file.

    Args:
        cards: how many there are.

    Raises:
        ScenarioError: something in them is wrong, or meant for a card that is not there; names option or file.
    """
    if scenario is None and seed is None and not faults and not timings:
        return None
    from ..rig.scenario import Scenario, read_options, read_scenario

    found = (read_scenario(scenario) if scenario else Scenario()) + read_options(faults, timings, seed)
    found.require_cards(range(cards))
    return found
