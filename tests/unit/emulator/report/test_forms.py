"""JUnit XML and JSON: the same findings as on the page, whole, whatever a trace holds."""

import json
from pathlib import Path
from xml.etree import ElementTree

from emulator.judge.rules import RULES
from emulator.report.content import content
from emulator.report.forms import as_json, junit
from emulator.trace.event import Event
from tests.kit.judged import VERIFY, JudgeBench


def test_junit_has_a_case_for_each_rule_and_failures_for_errors() -> None:
    with JudgeBench() as bench:
        bench.power()
        bench.u(VERIFY)
        bench.end()
        made = content(bench.rig.trace)
    root = ElementTree.fromstring(junit(made, "run 1"))  # noqa: S314 - our own
    suite = root.find("testsuite")
    assert suite is not None
    assert (suite.get("name"), suite.get("tests"), suite.get("failures")) == ("run 1", str(len(RULES)), "1")
    cases = {case.get("name"): case for case in suite}
    assert set(cases) == set(RULES)
    failure = cases["environment-not-selected"].find("failure")
    assert failure is not None
    assert failure.get("message") == "The environment SSSE is not selected: 1 time"
    assert "line 4, sscard 0: VERIFY was refused (6A88)" in (failure.text or "")
    warning = cases["pin-tries-not-asked"].find("system-out")
    assert warning is not None
    assert len(cases["pin-tries-not-asked"]) == 1
    assert [len(case) for name, case in cases.items() if len(case)] == [1, 1]


def test_junit_is_whole_whatever_a_trace_holds() -> None:
    nasty = ']]>\x00\x1b\ufffe<&"\ud800'
    event = Event(1.0, "command", nasty, "SSSE", nasty, "00CA000000", "", "6D00", reader=nasty)
    text = junit(content([event]), nasty)
    root = ElementTree.fromstring(text)  # noqa: S314 - our own
    case = root.find(".//testcase[@name='unknown-command']/system-out")
    assert case is not None
    assert "]]>" in (case.text or "")


def test_json_has_cards_findings_and_changes(tmp_path: Path) -> None:
    with JudgeBench() as bench:
        bench.genuine()
        bench.verify()
        bench.pay()
        bench.end()
        bench.rig.report(tmp_path / "r.html", title="t", json=tmp_path / "r.json", junit=tmp_path / "r.xml")
        findings = bench.findings()
    table = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert (table["title"], table["verdict"], table["findings"]) == ("t", "passed", [each.table() for each in findings])
    psam, card = table["cards"]
    assert (psam["psam"], card["psam"]) == (True, False)
    assert card["identification_code"].startswith("519900D156000005")
    assert (card["version"], card["profile"]) == ("2.00", "ssc-2.0")
    assert [change["place"] for change in card["changes"]] == ["DF04/EF01", "DF04/EF08 #1"]
    assert [change["place"] for change in psam["changes"]] == ["DF01/EF19"]
    assert (tmp_path / "r.xml").exists()


def test_a_bare_trace_has_no_changes() -> None:
    with JudgeBench() as bench:
        bench.genuine()
        bench.end()
        table = json.loads(as_json(content(bench.rig.trace), ""))
    assert all("changes" not in card for card in table["cards"])
