"""Command `cards`: the catalogue of test cards, listed and filtered."""

from typing import TYPE_CHECKING

import click

from .errors import UsageFault
from .group import main

if TYPE_CHECKING:
    from ..rig.catalogue.entries import Entry


@main.command(context_settings={"ignore_unknown_options": True})
@click.argument("filters", nargs=-1, metavar="[FILTER]...")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: all that an entry says.")
def cards(filters: tuple[str, ...], *, as_json: bool) -> None:
    """List the test cards that go by the name catalogue:ID wherever a card image does.

    With FILTERs list those that have every word, in either language: in id, title, purpose, clause or code, -52 for
    example. A card that is named by its id is shown whole.
    """
    from ..rig.catalogue.entries import matching

    filters = tuple(word.removeprefix("catalogue:") for word in filters)
    found = matching(filters)
    if not found:
        raise UsageFault(f"no test card has all of: {' '.join(filters)}; `sscard cards` lists them all")
    exact = [entry for entry in found if filters == (entry.id,)]
    if as_json:
        import json

        click.echo(json.dumps([entry.table() for entry in exact or found], ensure_ascii=False, indent=2))
    elif len(exact or found) == 1:
        _show((exact or found)[0])
    else:
        _list(found)


def _list(entries: "list[Entry]") -> None:
    from .console import console, grid

    rows = ([each.id, each.title, each.zh, " ".join(map(str, each.codes))] for each in entries)
    console().print(grid(("catalogue:", "card", "卡", "returns"), rows), soft_wrap=True)
    click.echo(f"{len(entries)} cards")


def _show(entry: "Entry") -> None:
    click.echo(f"catalogue:{entry.id}  {entry.title}  {entry.zh}")
    for title, text in (
        ("what for", entry.purpose),
        ("用途", entry.purpose_zh),
        ("right", entry.right),
        ("正确做法", entry.right_zh),
        ("clause", entry.clause),
        ("day", str(entry.date)),
        ("faults", "; ".join(entry.faults)),
        ("timing", "" if entry.timing == "none" else entry.timing),
    ):
        if text:
            click.echo(f"  {title}: {text}")
    for call in entry.calls:
        click.echo(f"  {' '.join((call.function, *call.arguments))[:100]} -> {call.code} {call.message}".rstrip())
