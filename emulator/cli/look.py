"""Commands that look into an image: show, keys."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .errors import UsageFault
from .group import IMAGE, main
from .images import memory_of

if TYPE_CHECKING:
    from cardfs.issuing.origins import Origins
    from cardfs.memory.image import Image

_COLUMN: Final = 32
"""Hex digits of the longest key that stands in a table."""


@main.command()
@IMAGE
@click.argument("directory", default="", metavar="[DF]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(image: Path, directory: str, *, as_json: bool) -> None:
    """Show a card's files with rules and contents, and the states of its keys; never a key's value.

    With DF, show only that directory: DF04, SSSE, SSSE/DF04, or its file identifier.
    """
    from ..rig.state import card_table
    from .console import console, df_tree, image_tree

    card = memory_of(image)
    try:
        df = find_df(card, image, directory) if directory else ""
        if as_json:
            click.echo(json.dumps(card_table(card, df), ensure_ascii=False, indent=2))
        else:
            console().print(df_tree(card, df) if df else image_tree(card))
    finally:
        card.close()


@main.command()
@IMAGE
@click.argument("name", default="")
@click.option("--roots", type=click.Path(path_type=Path), help="TOML file of root keys.  [default: public test keys]")
@click.option("--region", default="", help="Application city code, six digits.  [default: that of the card]")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def keys(image: Path, name: str, roots: Path | None, region: str, *, as_json: bool) -> None:
    """Print the values of a card's keys and PINs, and the root keys they come from.

    With NAME, print only those of that name or directory: UK1DF04, PIN, DF04. No other command shows key values.
    """
    from cardfs.issuing.origins import Origins
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.loader import DEMO

    from .console import console, grid

    root_keys = load_roots(roots or DEMO / "roots.toml")
    card = memory_of(image)
    try:
        try:
            origins = Origins(card, root_keys, region)
        except ValueError as error:
            raise UsageFault(f"--region: {error}") from None
        rows = _key_rows(card, origins, name)
        if not rows:
            known = ", ".join(sorted({ref.name for ref, _ in card.keys})) or "none"
            raise UsageFault(f"{image}: no key, and no directory with keys, is named {name!r}; its keys: {known}")
    finally:
        card.close()
    if as_json:
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    short = [row for row in rows if len(row["value"]) <= _COLUMN]
    columns = ("key", "KID", "version", "cipher", "state", "value", "root", "value of the root")
    console().print(grid(columns, ([str(each) for each in row.values()] for row in short)), soft_wrap=True)
    for row in rows:
        if row not in short:
            click.echo(f"{row['key']}, RSA, exponent and two primes: {row['value']}; root {row['root'] or 'unknown'}")
    if any(not row["root"] and row["cipher"] for row in rows):
        click.echo(f"note: where no root is shown, no root of {root_keys.source} derives the key", err=True)


def _key_rows(card: "Image", origins: "Origins", name: str) -> list[dict[str, Any]]:
    """Return what is printed of each key, in the order of directories, by column name."""
    rows = []
    names = df_names(card)
    for (ref, version), key in sorted(card.keys.items()):
        df, label = names[ref.owner], card.dfs[ref.owner].label
        known = (ref.name, df, label, f"{df}/{ref.name}", f"{label}/{ref.name}")
        if name and name.casefold() not in (each.casefold() for each in known):
            continue
        origin = origins.of(key)
        value = key.value.hex().upper()
        rows.append(
            {
                "key": f"{df}/{ref.name}",
                "kid": "" if key.kid is None else f"{key.kid:02X}",
                "version": version,
                "cipher": key.suite_name,
                "state": str(key.state),
                # A PIN is shown as its digits, without the filler.
                "value": value if key.suite_name else value.rstrip("F"),
                "root": origin.name if origin else "",
                "root_value": origin.value.hex().upper() if origin else "",
            }
        )
    return rows


def find_df(card: "Image", image: Path, name: str) -> str:
    """Return the path of the DF of this name: ``DF04``, ``SSSE/DF04``, a path, or a file identifier.

    Args:
        card: the card.
        image: its file, for the error.
        name: what the user typed; case does not count.

    Raises:
        UsageFault: there is none, or there are several; names those that there are.
    """
    wanted = name.strip("/").casefold()
    names = df_names(card)
    for known in (
        {path: {names[path], path, _in_environment(card, path)} for path in card.dfs},
        {path: {df.label, f"{df.fid:04X}"} for path, df in card.dfs.items()},
    ):
        found = [path for path, each in known.items() if wanted in {text.casefold() for text in each}]
        if len(found) == 1:
            return found[0]
        if found:
            several = ", ".join(names[path] for path in found)
            raise UsageFault(f"{image}: several directories are named {name}; name one of them in full: {several}")
    raise UsageFault(f"{image}: there is no directory {name}; there are {', '.join(names.values())}")


def df_names(card: "Image") -> dict[str, str]:
    """Return the name of each DF by path: its label, with the environment if another has the same: ``MF/DF01``."""
    labels = Counter(df.label for df in card.dfs.values())
    return {path: df.label if labels[df.label] == 1 else _in_environment(card, path) for path, df in card.dfs.items()}


def _in_environment(card: "Image", path: str) -> str:
    return f"{card.dfs[card.environment(path)].label}/{card.dfs[path].label}"
