"""Command `check`: whether a card does what the standard has, on any PC/SC reader or as an image."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from .errors import UsageFault
from .group import main
from .images import is_demo_psam
from .targets import Target, require_no_image, write_file
from .traces import LANGUAGE

if TYPE_CHECKING:
    from ..check.check import Outcome
    from ..check.run import Report

_MARKS: Final = {"passed": "ok", "failed": "FAILED", "not tested": "not tested"}
_ZH: Final = {"passed": "通过", "failed": "失败", "not tested": "未测试"}


@main.command()
@click.option("--reader", help="PC/SC reader with the card: name or its beginning.")
@click.option("--card", "source", metavar="IMAGE", help="A copy of a card image, demo, psam or catalogue:ID instead.")
@click.option("--psam", help="PSAM for purchases: a PC/SC reader; with --card a card, or demo.")
@click.option("--roots", type=click.Path(path_type=Path), help="TOML file of root keys.")
@click.option("--pin", envvar="SSCARD_PIN", show_envvar=True, help="The PIN; it is used with --allow-writes only.")
@click.option(
    "--financial-pin",
    envvar="SSCARD_FINANCIAL_PIN",
    show_envvar=True,
    help="The PIN of the financial applications.  [default: --pin; none for a physical social-security card]",
)
@click.option("--profile", help="Type of card: a shipped name or a TOML file.  [default: recognised]")
@click.option("--allow-writes", is_flag=True, help="Also run checks that write, or may cost a try.")
@click.option("--group", "groups", multiple=True, metavar="GROUP", help="Run this group only; repeatable.")
@click.option("--json", "json_file", type=Target(), metavar="FILE", help="Write the results as JSON.")
@click.option("--junit", "junit_file", type=Target(), metavar="FILE", help="Write the results as JUnit XML.")
@click.option("--force", is_flag=True, help="Replace files that exist.")
@LANGUAGE
def check(
    reader: str | None,
    source: str | None,
    psam: str | None,
    roots: Path | None,
    json_file: Path | None,
    junit_file: Path | None,
    language: str,
    *,
    allow_writes: bool,
    force: bool,
    **asked: Any,
) -> None:
    """Check whether a card does what the standard has, command by command.

    A card in a reader is not written and loses no try unless --allow-writes is given. The status is 1 if a check
    failed, 0 if none did.
    """
    if (reader is None) == (source is None):
        raise UsageFault("name the card: --reader NAME or --card IMAGE, one of them")

    files = ((json_file, "--json"), (junit_file, "--junit"))
    for path, option in files:
        if path is not None:  # before the checks, which take a while
            require_no_image(path, option, force=force)

    def show(outcome: "Outcome") -> None:
        click.echo("\n".join(_lines(outcome, language)))

    asked["progress"] = show
    if source is not None:
        report = _image(source, psam, roots, **asked)
    else:
        report = _reader(reader or "", psam, roots, allow_writes=allow_writes, **asked)
    for (path, option), text in zip(files, (report.json(), report.junit()), strict=True):
        if path is not None:
            write_file(path, text, option, force=force)
    counts = report.counts
    marks = _ZH if language == "zh" else {each: each for each in _ZH}
    click.echo(f"{report.profile}: " + ", ".join(f"{counts[each]} {mark}" for each, mark in marks.items()))
    sys.exit(0 if report.ok else 1)


def _lines(outcome: "Outcome", language: str) -> "list[str]":
    """Return the lines of an outcome: what, and why not."""
    zh = language == "zh"
    mark = _ZH[outcome.result] if zh else _MARKS[outcome.result]
    lines = [f"{mark}  {outcome.id}: {outcome.zh if zh else outcome.title} ({outcome.clause})"]
    if outcome.why:
        lines.append(f"    {outcome.why_zh if zh else outcome.why}")
    if outcome.command:
        lines.append(f"    {outcome.command} -> {outcome.answer}")
    return lines


def _image(source: str, psam: str | None, roots: Path | None, **asked: Any) -> "Report":
    """Check copies of a virtual card."""
    from ..rig.rig import Rig

    module = "psam" if psam and is_demo_psam(Path(psam)) else psam
    with Rig([source, module or "empty"], roots=roots) as rig:
        given = rig.readers[1].card
        if given is not None and not given.is_psam:
            raise UsageFault(f"--psam: {psam} is a user card, no PSAM; `--psam demo` makes one")
        return rig.check(rig.readers[0], **asked)


def _reader(reader: str, psam: str | None, roots: Path | None, **asked: Any) -> "Report":
    """Check the card in a PC/SC reader."""
    from cardfs.issuing.roots import load_roots

    from ..check.run import run
    from ..terminal.pcsc import PcscReader, reader_named

    place, module = reader_named(reader), reader_named(psam) if psam else None
    if place == module:
        raise UsageFault(f"--psam: {module!r} is the reader with the card; name the reader of the PSAM")
    return run(
        PcscReader(place),
        psam=PcscReader(module) if module else None,
        roots=load_roots(roots) if roots else None,
        **asked | {"pin": asked["pin"] or ""},
    )
