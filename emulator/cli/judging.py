"""Commands `judge` and `report`: what a terminal did wrong, by a trace."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .group import main
from .targets import Target, write_file
from .traces import LANGUAGE, PROFILE, PSAM

if TYPE_CHECKING:
    from ..judge.rule import Finding
    from ..trace.event import Event
    from ..trace.text import Language

FILE: Final = click.argument(
    "record", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), metavar="TRACE"
)
RULE: Final = click.option("--rule", "rules", multiple=True, metavar="ID", help="Look for this rule only; repeatable.")
_MARGIN: Final = "    "


@main.command()
@FILE
@RULE
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line for each finding.")
@PROFILE
@PSAM
@LANGUAGE
def judge(
    record: Path, rules: tuple[str, ...], profile: str | None, psam: str, language: str, *, as_json: bool
) -> None:
    """Say what a terminal did wrong, by a trace that `--trace` or a rig wrote; '-' is standard input.

    Logs of physical cards are judged, too: of apdu4j, of pcscd, of Wireshark. They have bytes only, and are described
    as those of a card of the type --profile.

    The status is 1 if there is an error among the findings, 0 if there is none.
    """
    from ..judge.judge import judge as run
    from ..judge.rules import chosen

    found: Counter[str] = Counter()
    for finding in run(events_of(record, profile, psam), chosen(rules)):
        found[finding.severity] += 1
        if as_json:
            click.echo(json.dumps(finding.table(), ensure_ascii=False))
        else:
            click.echo("\n".join(lines_of(finding, language)))
    if not as_json:
        click.echo(summary(found, language))
    sys.exit(1 if found["error"] else 0)


def events_of(trace: Path, profile: str | None, psam: str) -> "Iterator[Event]":
    """Yield the events of a trace file of any form that is read, of JSON lines on standard input for ``-``.

    Raises:
        TraceError: it is none.
    """
    from ..formats import jsonl
    from ..formats.forms import read_events
    from ..rig.explain import described
    from ..rig.foreign import DEFAULT_PROFILE

    events = jsonl.read(sys.stdin.buffer, "<stdin>") if str(trace) == "-" else read_events(trace)
    return described(events, profile or DEFAULT_PROFILE, psam)


def lines_of(finding: "Finding", language: str) -> Iterator[str]:
    """Yield the lines of a finding: place and rule, what was seen, the good way."""
    at = f"  [{finding.reader}]" if finding.reader else ""
    if language == "zh":
        yield f"第 {finding.line} 行  {SEVERITIES[finding.severity]}  {finding.rule}{at}"
        yield f"{_MARGIN}{finding.zh}（{finding.clause}）"
        yield f"{_MARGIN}应当：{finding.better_zh}"
        return
    yield f"line {finding.line}  {finding.severity}  {finding.rule}{at}"
    yield f"{_MARGIN}{finding.text} ({finding.clause})"
    yield f"{_MARGIN}better: {finding.better}"


@main.command()
@FILE
@click.option("--out", type=Target(), required=True, help="Write the page to this file.")
@click.option("--junit", type=Target(), help="Also write JUnit XML, with a test case for each rule.")
@click.option("--json", "json_file", type=Target(), help="Also write JSON: verdict, cards, findings.")
@click.option("--title", default="", help="Title of the page.")
@click.option("--force", is_flag=True, help="Replace existing files.")
@PROFILE
@PSAM
@LANGUAGE
def report(
    record: Path,
    out: Path,
    junit: Path | None,
    json_file: Path | None,
    title: str,
    profile: str | None,
    psam: str,
    language: "Language",
    *,
    force: bool,
) -> None:
    """Make a report from a trace: one HTML page with cards, exchange, and what the terminal did wrong.

    The page needs no other file and loads nothing. The status is 0, whatever was found: `judge` has a verdict.
    """
    from ..report.content import content
    from ..report.forms import as_json
    from ..report.forms import junit as as_junit
    from ..report.page import page

    made = content(events_of(record, profile, psam))
    name = record.name if str(record) != "-" else ""
    write_file(out, page(made, language, title=title, name=name), "--out", force=force)
    if junit:
        write_file(junit, as_junit(made, title or name or "sscard"), "--junit", force=force)
    if json_file:
        write_file(json_file, as_json(made, title), "--json", force=force)
    click.echo(f"{out}: {summary(Counter(each.severity for each in made.findings), language)}")


SEVERITIES: Final = {"error": "错误", "warning": "警告", "note": "提示"}


def summary(found: "Counter[str]", language: str) -> str:
    """Return how many findings there are of each severity."""
    if not found:
        return "没有发现问题" if language == "zh" else "nothing found"
    if language == "zh":
        return "，".join(f"{zh} {found[name]} 处" for name, zh in SEVERITIES.items() if found[name])
    return ", ".join(f"{found[name]} {name}{'s' if found[name] > 1 else ''}" for name in SEVERITIES if found[name])
