"""The report as one HTML page that needs nothing else: style and script are in it, and it loads nothing."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from html import escape
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from ..chinese.chinese import chinese
from ..judge.rule import SEVERITIES, Finding
from ..judge.rules import RULES
from ..status import explain
from ..trace.event import Event
from ..trace.text import Language
from ..trace.visible import visible
from .changes import Change
from .content import Content, Row, Section, Visit
from .texts import TEXTS, Texts
from .timeline import timeline

MOST_ROWS: Final = 12_000
"""Rows of a page; of a longer run those without finding, refusal or fault are left out."""

OPEN: Final = 400
"""Rows up to which all sessions of a page are open at first; of a longer run those with findings or faults are."""

MOST_LINES: Final = 12
"""Lines that are named of a rule that was broken more often."""

READERS: Final = 4
"""Colours of readers."""

_POWER: Final = frozenset(("power on", "power off", "reset", "inserted", "removed", "note"))
_HERE: Final = Path(__file__).parent


def page(report: Content, language: Language = "en", *, title: str = "", name: str = "") -> str:
    """Return the page.

    Args:
        report: the run.
        language: ``en`` or ``zh``.
        title: instead of the usual one.
        name: what was judged: the file of the trace.
    """
    return "".join(_Page(report, TEXTS[language], title, name).parts())


def text(value: object) -> str:
    """Return a text for HTML: whatever a card sent stays text."""
    return escape(visible(str(value)))


class _Page:
    """Makes the parts of a page, in order."""

    def __init__(self, report: Content, texts: Texts, title: str, name: str) -> None:
        self._report = report
        self._t = texts
        self._title = title or texts.title
        self._name = name
        self._readers = sorted({event.reader for event in report.events})
        first = report.events[0].time if report.events else 0.0
        self._began = first
        self._stands = all(event.time == first for event in report.events)

    def parts(self) -> Iterator[str]:
        t = self._t
        yield (
            f'<!DOCTYPE html>\n<html lang="{t.lang}">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; "
            "script-src 'unsafe-inline'; img-src data:\">\n"
            f"<title>{text(self._title)}: {t.verdicts[self._report.verdict]}</title>\n"
            f'<link rel="icon" href="data:,">\n<style>\n{_file("report.css")}</style>\n</head>\n'
            '<body data-show="all">\n<main>\n'
        )
        yield self._head()
        yield from self._findings()
        yield f"<h2>{t.timeline}</h2>\n"
        yield f'<div class="card timeline">{timeline(self._report, self._readers, t)}</div>\n'
        yield f'<p class="faint">{t.timeline_note}</p>\n'
        yield from self._cards()
        yield from self._exchange()
        made = t.made(f"sscard {_version()}", f"{datetime.now().astimezone():%Y-%m-%d %H:%M}")
        yield f"<footer><p>{text(made)} {t.not_judged}</p></footer>\n</main>\n"
        yield f"<script>\n{_file('report.js')}</script>\n</body>\n</html>\n"

    # -- head ---------------------------------------------------------------------------------

    def _head(self) -> str:
        report, t = self._report, self._t
        when = f"{datetime.fromtimestamp(self._began).astimezone():%Y-%m-%d %H:%M:%S}" if report.events else ""
        about = " · ".join(filter(None, (text(self._name), when)))
        values: dict[str, str | int] = {
            **report.counts,
            "exchanges": report.commands,
            "refusals": report.refusals,
            "cards": sum(not visit.psam for visit in report.visits),
            "faults": report.faults,
            "duration": _duration(report.seconds),
        }
        tiles = "".join(
            f'<li class="{key}{"" if value else " zero"}"><b>{value}</b>{t.tiles[key]}</li>'
            for key, value in values.items()
        )
        return (
            f'<header><div><h1>{text(self._title)}</h1><p class="sub">{t.subtitle}</p>'
            f'<p class="faint">{about}</p></div>'
            f'<div class="verdict {report.verdict}">{t.verdicts[report.verdict]}</div></header>\n'
            f'<ul class="tiles">{tiles}</ul>\n'
        )

    # -- findings -----------------------------------------------------------------------------

    def _findings(self) -> Iterator[str]:
        t = self._t
        yield f"<h2>{t.findings}</h2>\n"
        by_rule: dict[str, list[Finding]] = {}
        for finding in self._report.findings:
            by_rule.setdefault(finding.rule, []).append(finding)
        if not by_rule:
            yield f'<p class="card finding good">{t.no_findings}</p>\n'
        for found in sorted(by_rule.values(), key=lambda each: (SEVERITIES.index(each[0].severity), each[0].line)):
            yield self._finding(found)

    def _finding(self, found: Sequence[Finding]) -> str:
        t, one = self._t, found[0]
        rule, chinese = RULES[one.rule], t.lang != "en"
        seen = "".join(
            f"<li>{self._link(each.line)}{self._reader(each.reader)}: {text(each.zh if chinese else each.text)}</li>"
            for each in found[:MOST_LINES]
        )
        more = ", ".join(self._link(each.line) for each in found[MOST_LINES : 10 * MOST_LINES])
        return (
            f'<section class="card finding {one.severity}"><h3><span class="badge {one.severity}">'
            f"{t.severities[one.severity]}</span>{text(rule.zh if chinese else rule.title)}<code>{one.rule}</code>"
            f'<span class="faint">{t.times(len(found))}</span></h3><dl>'
            f"<dt>{t.seen}</dt><dd><ul>{seen}{f'<li>{more} …</li>' if more else ''}</ul></dd>"
            f"<dt>{t.better}</dt><dd>{text(one.better_zh if chinese else one.better)} "
            f'<span class="clause">({text(one.clause)})</span></dd></dl></section>\n'
        )

    def _link(self, line: int) -> str:
        line = min(line, len(self._report.events))
        return f'<a href="#L{line}">{self._t.line(line)}</a>'

    def _reader(self, name: str) -> str:
        return f' <span class="reader {self._colour(name)}">{text(name)}</span>' if name else ""

    def _colour(self, name: str) -> str:
        return f"r{self._readers.index(name) % READERS}"

    # -- cards --------------------------------------------------------------------------------

    def _cards(self) -> Iterator[str]:
        t = self._t
        if not self._report.visits:
            return
        heads = (
            "",
            t.reader,
            t.card,
            t.identification,
            t.number,
            t.version,
            t.lines,
            t.exchanges,
            t.refusals,
            t.result,
        )
        numbers = (t.exchanges, t.refusals)
        cells = "".join(f"<th{' class=n' if head in numbers else ''}>{head}</th>" for head in heads)
        yield f'<h2>{t.cards}</h2>\n<div class="card scroll"><table><thead><tr>{cells}</tr></thead><tbody>\n'
        for place, visit in enumerate(self._report.visits, 1):
            yield self._visit(place, visit)
        yield "</tbody></table></div>\n"
        if any(visit.changed is not None for visit in self._report.visits):
            yield f"<h2>{t.changed}</h2>\n"
            for place, visit in enumerate(self._report.visits, 1):
                if visit.changed is not None:
                    yield self._changes(place, visit, visit.changed)

    def _visit(self, place: int, visit: Visit) -> str:
        t = self._t
        found = "".join(
            f'<span class="badge {severity}">{t.number_of(visit.found[severity], severity)}</span> '
            for severity in SEVERITIES
            if visit.found[severity]
        )
        good = f'<span class="badge good">{t.good}</span>'
        code = f"<code>{text(visit.identification)}</code>" if visit.identification else ""
        return (
            f'<tr><td class="n">{place}</td><td>{self._reader(visit.reader)}</td>'
            f"<td>{text(visit.kind or ('PSAM' if visit.psam else t.card))}</td><td>{code}</td>"
            f"<td>{text(visit.number)}</td><td>{text(visit.version)}</td>"
            f'<td><a href="#L{visit.first}">{visit.first}</a>–{visit.last}</td>'
            f'<td class="n">{visit.commands}</td><td class="n">{visit.refusals}</td>'
            f"<td>{found or good}</td></tr>\n"
        )

    def _changes(self, place: int, visit: Visit, changed: Iterable[Change]) -> str:
        t = self._t
        title = f'<h3 class="sub">{place} · {text(visit.kind)}{self._reader(visit.reader)}'
        rows = "".join(
            f"<tr><td class=place>{text(change.place)}</td><td>{self._value(change.before, 'del')}</td>"
            f"<td>{self._value(change.after, 'ins')}</td></tr>\n"
            for change in changed
        )
        if not rows:
            return f'{title} <span class="faint">{t.unchanged}</span></h3>\n'
        return (
            f'{title}</h3><div class="card scroll"><table><thead><tr><th>{t.place}</th><th>{t.before}</th>'
            f"<th>{t.after}</th></tr></thead><tbody>{rows}</tbody></table></div>\n"
        )

    def _value(self, value: str, tag: str) -> str:
        return f"<{tag}>{text(value)}</{tag}>" if value else f'<span class="faint">{self._t.nothing}</span>'

    # -- exchange -----------------------------------------------------------------------------

    def _exchange(self) -> Iterator[str]:
        t = self._t
        shows = "".join(
            f'<button type="button" data-show="{key}" aria-pressed="{str(key == "all").lower()}">{label}</button>'
            for key, label in t.shows.items()
        )
        yield (
            f'<h2>{t.exchange}</h2>\n<div class="controls">{shows}<span class="gap"></span>'
            f'<button type="button" id="expand">{t.expand}</button>'
            f'<button type="button" id="theme">{t.theme}</button></div>\n'
        )
        long, short = len(self._report.events) > MOST_ROWS, len(self._report.events) <= OPEN
        number = 0
        for section in self._report.sections:
            number += section.session
            rows = [row for row in section.rows if not long or _matters(row)]
            if rows:
                yield self._section(number, section, rows, open_=short or bool(section.findings or section.faults))
        left_out = sum(not _matters(row) for section in self._report.sections for row in section.rows) if long else 0
        if left_out:
            yield f'<p class="faint">{t.left_out(left_out)}</p>\n'

    def _section(self, number: int, section: Section, rows: Iterable[Row], *, open_: bool) -> str:
        t = self._t
        if section.session:
            readers = "".join(self._reader(name) for name in section.readers)
            about = t.counted(section.commands, section.refusals, 0)
            about += "" if self._stands else f" · {_duration(section.seconds)}"
            found: dict[str, int] = {}
            for row in section.rows:
                for finding in row.findings:
                    found[finding.severity] = found.get(finding.severity, 0) + 1
            badges = "".join(
                f'<span class="badge {each}">{t.number_of(found[each], each)}</span>'
                for each in SEVERITIES
                if each in found
            )
            head = f'<b>{t.session(number)}</b>{readers}<span class="faint">{about}</span>{badges}'
        else:
            events = (row.event for row in section.rows[:MOST_LINES])
            head = "".join(
                f"{self._reader(each.reader)}<span class=faint>{self._label(each)}</span>" for each in events
            )
        body = "".join(self._row(row) for row in rows)
        return (
            f'<details class="card session"{" open" if open_ else ""}><summary>{head}</summary>'
            f'<div class="rows">\n{body}</div></details>\n'
        )

    def _row(self, row: Row) -> str:
        event, line = row.event, row.line
        kinds = ["row", *_classes(event)]
        if row.findings:
            kinds.append("found")
        at = "" if self._stands else f"+{event.time - self._began:.3f}"
        more = "".join(self._more(event)) + "".join(self._call(finding) for finding in row.findings)
        return (
            f'<div class="{" ".join(kinds)}" id="L{line}"><span class="no"><a href="#L{line}">{line}</a></span>'
            f'<span class="at">{at}</span><span class="reader {self._colour(event.reader)}">{text(event.reader)}</span>'
            f'<span class="name">{self._label(event)}</span><span class="file" title="{text(event.file)}">'
            f'{text(event.file)}</span><span class="sw">{self._word(event)}</span>'
            f"{f'<div class=more>{more}</div>' if more else ''}</div>\n"
        )

    def _label(self, event: Event) -> str:
        if event.kind != "command":
            label = self._t.kinds.get(event.kind, event.kind)
            fields = self._said(event.fields) if event.kind == "note" else event.fields
            return f"{label} <small>{text(fields)}</small>" if fields else label
        if self._t.lang == "en" or not event.zh:
            return text(event.name)
        return f"{text(event.zh)}<small>{text(event.name)}</small>"

    def _said(self, sentence: str) -> str:
        """Return a sentence of the trace in the language of the page."""
        return sentence if self._t.lang == "en" else chinese(sentence)

    def _word(self, event: Event) -> str:
        if not event.sw:
            return ""
        meaning = event.meaning if self._t.lang == "en" else explain(int(event.sw, 16)).zh
        return f"<b>{text(event.sw)}</b>{text(meaning)}"

    def _more(self, event: Event) -> Iterator[str]:
        if event.kind == "command" and event.fields and not event.sw.startswith("6C"):
            yield f"<p>{text(event.fields)}</p>"
        if event.apdu:
            answer = f" &lt; {text(event.answer)} {text(event.sw)}" if event.sw else ""
            yield f'<p class="wire">&gt; {text(event.apdu)}{answer}</p>'
        if event.reason and (event.refused or event.kind == "fault"):
            clause = f" ({text(event.clause)})" if event.clause else ""
            yield f'<p class="why">{self._t.reason}: {text(self._said(event.reason))}{clause}</p>'

    def _call(self, finding: Finding) -> str:
        t = self._t
        chinese = t.lang != "en"
        return (
            f'<p class="call {finding.severity}"><b>{t.severities[finding.severity]}</b> '
            f"{text(finding.zh if chinese else finding.text)} "
            f'<span class="clause">({text(finding.clause)})</span></p>'
        )


def _classes(event: Event) -> Iterator[str]:
    """Yield how a row looks."""
    if event.kind in _POWER:
        yield "power"
    elif event.kind == "fault":
        yield "fault"
    if event.refused:
        yield "refused"
    if event.kind in _POWER or event.name == "GET RESPONSE" or event.sw.startswith("6C"):
        yield "minor"


def _matters(row: Row) -> bool:
    """Return whether a row stays on the page of a long run."""
    return bool(row.findings) or row.event.refused or row.event.kind in ("fault", "inserted", "removed")


def _duration(seconds: float) -> str:
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    return f"{seconds:.1f} s" if seconds < 120 else f"{seconds / 60:.0f} min"


def _file(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _version() -> str:
    try:
        return version("sscard")
    except PackageNotFoundError:
        return "0"
