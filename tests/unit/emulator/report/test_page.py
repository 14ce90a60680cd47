"""The page: in headless Chromium without an error, in both languages; what a card sends stays text."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser

import sscard
from emulator.report.content import content
from emulator.report.page import MOST_ROWS, page
from emulator.report.texts import TEXTS
from emulator.trace.event import Event
from emulator.trace.text import Language
from tests.kit.browser import browser as started_browser
from tests.kit.cli import refused
from tests.kit.cli import sscard as run
from tests.kit.judged import VERIFY, JudgeBench, select

NASTY = '<script>document.title="taken"</script><img src=x onerror=alert(1)>&amp;"\'\u202e'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


def mistakes(bench: JudgeBench) -> None:
    """A PIN without asking, a wrong one ignored, and a card that is pulled out by a fault."""
    bench.genuine()
    bench.u(VERIFY.replace("123456", "999999"))
    bench.use("DF01")
    bench.u(select("EF05"))
    bench.u("00B2010400")
    bench.rig.card.fault("pull", on="GET CHALLENGE", back=0.0)
    with pytest.raises(sscard.TerminalError):
        bench.u("0084000008")
    bench.end()
    bench.genuine()
    bench.end()


@pytest.fixture(scope="module")
def bench() -> Iterator[JudgeBench]:
    with JudgeBench() as made:
        mistakes(made)
        yield made


@pytest.mark.parametrize("language", TEXTS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_opens_without_errors_and_shows_all(
    browser: Browser, bench: JudgeBench, tmp_path: Path, language: Language, scheme: Literal["light", "dark"]
) -> None:
    path = tmp_path / "report.html"
    bench.rig.report(path, language=language)
    texts = TEXTS[language]
    view = browser.new_page(color_scheme=scheme)
    view.set_default_timeout(20_000)
    said: list[str] = []
    asked: list[str] = []
    view.on("console", lambda message: said.append(message.text))
    view.on("pageerror", lambda error: said.append(str(error)))
    view.on("request", lambda request: asked.append(request.url))
    view.goto(path.as_uri())
    assert view.locator("html").get_attribute("lang") == texts.lang
    assert view.locator(".verdict").inner_text() == texts.verdicts["failed"]
    assert view.title() == f"{texts.title}: {texts.verdicts['failed']}"
    findings = bench.findings()
    assert view.locator("section.finding").count() == len({each.rule for each in findings}) == 2
    rows = view.locator(".row")
    assert rows.count() == len(bench.rig.trace)
    assert view.locator(".row .call").count() == len(findings)
    line = next(each.line for each in findings if each.rule == "wrong-pin-ignored")
    expected = next(each.zh if language == "zh" else each.text for each in findings if each.line == line)
    assert expected in view.locator(f"#L{line} .call").inner_text()
    view.locator(f'section.finding a[href="#L{line}"]').click()
    assert view.url.endswith(f"#L{line}")
    view.locator('button[data-show="found"]').click()
    assert view.locator(".row:visible").count() == len({each.line for each in findings})
    view.locator('button[data-show="all"]').click()
    before = view.evaluate("getComputedStyle(document.body).backgroundColor")
    view.locator("#theme").click()
    assert view.evaluate("getComputedStyle(document.body).backgroundColor") != before
    view.set_viewport_size({"width": 390, "height": 800})
    assert view.evaluate("document.documentElement.scrollWidth") <= 390
    assert view.pdf(prefer_css_page_size=True).startswith(b"%PDF-")
    assert said == []
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    view.close()


def test_states_before_and_after_are_shown_as_what_changed(tmp_path: Path) -> None:
    with JudgeBench() as fresh:
        mistakes(fresh)
        fresh.rig.readers[0].remove()
        fresh.rig.report(tmp_path / "report.html")
        text = (tmp_path / "report.html").read_text(encoding="utf-8")
        bare = page(content(fresh.rig.trace))
    assert "<td class=place>SSSE/PIN</td>" in text
    assert "<del>active, 3 of 3 tries</del>" in text
    assert "<ins>active, 2 of 3 tries</ins>" in text
    assert text.count("<tr><td class=place>") == 1
    assert TEXTS["en"].changed not in bare


def test_a_chinese_page_says_in_chinese_why_a_card_refused_and_what_a_fault_did(bench: JudgeBench) -> None:
    text, english = (page(content(bench.rig.trace), language) for language in ("zh", "en"))
    for chinese, sentence in (
        ("个人密码错误", "the PIN is wrong"),
        ("读取 DF01/EF05 需要个人密码或 RK1DF01；已验证：无", "DF01/EF05 read needs PIN | RK1DF01; proven: nothing"),
        ("在命令执行之前或之后卡被拔出读写器。", "The card is pulled out of the reader before or after"),
    ):
        assert (f"原因: {chinese}" in text, sentence in text) == (True, False)
        assert (f"why: {sentence}" in english, chinese in english) == (True, False)


@pytest.mark.parametrize("language", TEXTS)
def test_what_a_card_or_a_trace_sends_stays_text(browser: Browser, tmp_path: Path, language: Language) -> None:
    """Every field of an event may hold anything: a trace may come from anybody."""
    event = Event(
        1.0, "command", NASTY, NASTY, NASTY, "0084000008", "00", "6D00", NASTY, NASTY, NASTY, 0.0, NASTY, NASTY
    )
    events = [Event(1.0, "inserted", fields=NASTY, reader=NASTY), event, Event(1.0, "note", fields=NASTY)]
    path = tmp_path / "report.html"
    path.write_text(page(content(events), language, title=NASTY, name=NASTY), encoding="utf-8")
    assert "\u202e" not in path.read_text(encoding="utf-8")
    view = browser.new_page()
    said: list[str] = []
    view.on("dialog", lambda dialog: said.append(dialog.message))
    view.on("console", lambda message: said.append(message.text))
    view.goto(path.as_uri())
    assert view.title().startswith("<script>document.title=")
    assert view.locator("img").count() == 0
    assert view.locator("script").count() == 1
    assert said == []
    view.close()


def test_a_clean_run_passes_and_an_empty_one_is_no_failure() -> None:
    with JudgeBench() as bench:
        bench.genuine()
        bench.end()
        made = content(bench.rig.trace)
    assert (made.verdict, made.counts) == ("passed", {"error": 0, "warning": 0, "note": 0})
    assert TEXTS["en"].no_findings in page(made)
    assert TEXTS["zh"].no_findings in page(made, "zh")
    assert content([]).verdict == "passed"
    assert page(content([])).endswith("</html>\n")


def test_a_long_run_shows_what_matters() -> None:
    with JudgeBench() as bench:
        mistakes(bench)
        events = list(bench.rig.trace)
    filler = [Event(1.0, "note", fields="nothing")] * MOST_ROWS
    text = page(content([*events, *filler]))
    assert "events without finding, refusal or fault are left out" in text
    assert len(re.findall(r'class="row', text)) < len(events)
    assert text.count('class="call ') == len(bench.findings())


# -- the command ----------------------------------------------------------------------------------------


def test_the_command_writes_page_junit_and_json(bench: JudgeBench, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    bench.rig.trace.save(trace)
    out, junit, found = (tmp_path / name for name in ("r.html", "r.xml", "r.json"))
    done = run("report", trace, "--out", out, "--junit", junit, "--json", found, "--language", "zh", "--title", "验收")
    assert (done.exit_code, done.output) == (0, f"{out}: 错误 1 处，警告 1 处\n")
    assert "<h1>验收</h1>" in out.read_text(encoding="utf-8")
    assert junit.read_text(encoding="utf-8").startswith("<?xml")
    assert found.read_text(encoding="utf-8").startswith("{")
    assert refused(run("report", trace, "--out", out)) == f"{out}: the file exists already; --force replaces it"
    assert run("report", trace, "--out", out, "--force").exit_code == 0
    image = tmp_path / "c.sscard"
    sscard.Card.issue().save(image)
    assert "a card image, which --out never replaces" in refused(run("report", trace, "--out", image, "--force"))
    trace.write_text("no trace\n")
    assert f"{trace}: this is no trace of a form that is read" in refused(
        run("report", trace, "--out", tmp_path / "none.html")
    )
    assert not (tmp_path / "none.html").exists()
