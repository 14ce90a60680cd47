"""The report for machines: JUnit XML and JSON."""

import json
import re
from os import PathLike
from pathlib import Path
from typing import Any, Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from ..judge.rules import RULES
from ..trace.visible import visible
from .content import Content, Visit

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped."""


def junit(report: Content, name: str) -> str:
    """Return JUnit XML: one test case for each rule, failed if it found an error; its findings as text.

    Args:
        report: the run.
        name: name of the test suite.
    """
    by_rule: dict[str, list[str]] = {}
    for finding in report.findings:
        place = f"line {finding.line}" + (f", {finding.reader}" if finding.reader else "")
        by_rule.setdefault(finding.rule, []).append(f"{place}: {finding.text} ({finding.clause}). {finding.better}")
    errors = [rule for rule in by_rule if RULES[rule].severity == "error"]
    suite = Element(
        "testsuite",
        name=_text(name),
        tests=str(len(RULES)),
        failures=str(len(errors)),
        errors="0",
        skipped="0",
        time=f"{report.seconds:.3f}",
    )
    for rule in RULES.values():
        case = SubElement(suite, "testcase", classname=f"sscard.judge.{rule.severity}", name=rule.id, time="0")
        found = by_rule.get(rule.id)
        if found is None:
            continue
        what = SubElement(case, "failure" if rule.severity == "error" else "system-out")
        if rule.severity == "error":
            what.set("message", _text(f"{rule.title}: {len(found)} time{'s' if len(found) > 1 else ''}"))
            what.set("type", rule.id)
        what.text = _text("\n".join(found))
    root = Element("testsuites", name=_text(name), tests=str(len(RULES)), failures=str(len(errors)), errors="0")
    root.append(suite)
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def write(path: str | PathLike[str] | None, text: str) -> None:
    """Write a file in UTF-8; do nothing without a path; OSError."""
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")


def _text(text: str) -> str:
    return _FORBIDDEN.sub("\ufffd", visible(text))


def as_json(report: Content, title: str) -> str:
    """Return the report as JSON: verdict, counts, cards with what changed, findings; the trace itself is not in it."""
    table = {
        "title": title,
        "verdict": report.verdict,
        "counts": report.counts,
        "exchanges": report.commands,
        "refusals": report.refusals,
        "faults": report.faults,
        "seconds": round(report.seconds, 6),
        "cards": [_visit(visit) for visit in report.visits],
        "findings": [finding.table() for finding in report.findings],
    }
    return visible(json.dumps(table, ensure_ascii=False, indent=2)) + "\n"


def _visit(visit: Visit) -> dict[str, Any]:
    table: dict[str, Any] = {
        "reader": visit.reader,
        "profile": visit.kind,
        "psam": visit.psam,
        "identification_code": visit.identification,
        "version": visit.version,
        "card_number": visit.number,
        "first_line": visit.first,
        "last_line": visit.last,
        "exchanges": visit.commands,
        "refusals": visit.refusals,
        "findings": dict(visit.found),
    }
    if visit.changed is not None:
        table["changes"] = [change._asdict() for change in visit.changed]
    return table
