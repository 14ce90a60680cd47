"""Command `issue`: a card image from a profile, a holder and root keys."""

from pathlib import Path
from typing import Any

import click

from .errors import UsageFault
from .group import main
from .issuing import DEMO_NOTE, authority_json, issue_contents, issue_inputs, load_kind, write_image
from .targets import Target, require_free, require_no_image, write_file


@main.command()
@click.argument("image", type=Target(), default=Path("card.sscard"))
@click.option("--profile", default="ssc-2.0", show_default=True, help="Card type: a shipped name or a TOML file.")
@issue_inputs
@click.option("--force", is_flag=True, help="Replace an existing image, and an existing file of --ca-out.")
@click.option(
    "--ca-out",
    type=Target(),
    help="Write the certification authority's public key, which terminals need for debit/credit, as JSON.",
)
@click.option("--list-profiles", is_flag=True, help="List the shipped card types and end.")
def issue(image: Path, *, force: bool, ca_out: Path | None, list_profiles: bool, **inputs: Any) -> None:
    """Make a card image from a profile, a holder and root keys.

    IMAGE is card.sscard if none is given.
    """
    from cardfs.profile.loader import load_profile, shipped_profiles

    if list_profiles:
        for name in shipped_profiles():
            click.echo(f"{name:<14} {load_profile(name).title}")
        return
    require_free(image, force=force)
    if ca_out:
        require_no_image(ca_out, "--ca-out", force=force)
        if ca_out.resolve() == image.resolve():
            raise UsageFault(f"{ca_out}: the card itself, which --ca-out never replaces; name another file")
    contents = issue_contents(**inputs)
    key = authority_json(contents, inputs["roots"]) if ca_out else ""
    write_image(image, contents, force=force)
    click.echo(f"{image}: {contents.info.profile}, {contents.info.suite}, ATR {contents.info.atr.hex().upper()}")
    if ca_out:
        write_file(ca_out, key, "--ca-out", force=force)
        click.echo(f"{ca_out}: the certification authority's public key")
    if inputs["roots"] is None:
        click.echo(f"note: {DEMO_NOTE}", err=True)
    _note_missing_keys(contents.info.profile, **inputs)


def _note_missing_keys(name: str, *, profile: str, roots: Path | None, settings: tuple[str, ...], **_: Any) -> None:
    """Print which keys a security module was issued without; only CREATE KEY can add them later."""
    from cardfs.issuing.psam import missing_roots
    from cardfs.issuing.roots import load_roots
    from cardfs.profile.loader import DEMO

    kind = load_kind(profile, settings)
    missing = missing_roots(kind, load_roots(roots or DEMO / "roots.toml")) if kind.is_psam else []
    if missing:
        click.echo(f"note: {name} was issued without {', '.join(missing)}: the root keys lack them", err=True)
