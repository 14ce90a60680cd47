"""The live panel in a browser: what is clicked is seen by PC/SC clients, what these do is seen in the panel."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, expect

import sscard
from emulator.control.server import Server
from emulator.trace.event import Event
from tests.kit import child
from tests.kit.browser import LIMIT, browser
from tests.kit.places import ROOT

pytestmark = pytest.mark.pcsc

SSCARD: Final = Path(sys.executable).with_name("sscard")
SELECT_SSSE: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
WRONG_PIN: Final = "0020000003999999"
CHALLENGE: Final = "0084000008"

CLIENT: Final = """
import json, sys
from smartcard import scard

code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
assert not code, code
readers = sorted(scard.SCardListReaders(context, [])[1])
for line in sys.stdin:
    place, wish = json.loads(line)
    reader = readers[place]
    if wish in ("present", "empty"):
        state = scard.SCARD_STATE_UNAWARE
        flag = scard.SCARD_STATE_PRESENT if wish == "present" else scard.SCARD_STATE_EMPTY
        for _ in range(20):
            code, states = scard.SCardGetStatusChange(context, 1000, [(reader, state)])
            state, atr = states[0][1:]
            if state & flag:
                break
        print(json.dumps(bytes(atr).hex().upper() if state & flag else "late"), flush=True)
        continue
    code, card, protocol = scard.SCardConnect(context, reader, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T0)
    assert not code, scard.SCardGetErrorMessage(code)
    answers = []
    for apdu in wish:
        code, answer = scard.SCardTransmit(card, protocol, list(bytes.fromhex(apdu)))
        answers.append(bytes(answer).hex().upper())
    scard.SCardDisconnect(card, scard.SCARD_LEAVE_CARD)
    print(json.dumps(answers), flush=True)
"""
"""A program of somebody else: it waits for a card, or sends commands to one."""


class Bench:
    """A rig on PC/SC with a panel, and a client of it in another process."""

    def __init__(self, address: str, client: "subprocess.Popen[str]") -> None:
        self.address = address
        self._client = client

    def _ask(self, place: int, wish: object) -> Any:
        assert self._client.stdin is not None
        assert self._client.stdout is not None
        self._client.stdin.write(json.dumps([place, wish]) + "\n")
        self._client.stdin.flush()
        return json.loads(self._client.stdout.readline())

    def atr(self, place: int) -> str:
        """Wait until the client sees a card; return its answer to reset."""
        found: str = self._ask(place, "present")
        return found

    def empty(self, place: int) -> bool:
        """Return whether the client sees the reader empty, soon."""
        return bool(self._ask(place, "empty") == "")

    def send(self, place: int, *apdus: str) -> list[str]:
        """Send commands as the client."""
        answers: list[str] = self._ask(place, apdus)
        return answers


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with browser() as started:
        yield started


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    command = [SSCARD, "rig", "--panel", *("--reader", "demo", "--reader", "psam", "--reader", "empty")]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with child.start(command, limit=300, stdout=subprocess.PIPE, text=True) as rig:
        assert rig.stdout is not None
        lines = {}
        while "PC/SC" not in lines:
            name, _, value = rig.stdout.readline().strip().partition(" ")
            lines[name] = value.strip()
        variable, _, path = lines["PC/SC"].partition("=")
        env = child.environment(**{variable: path})
        with child.start([sys.executable, "-c", CLIENT], limit=300, env=env, **pipes) as client:
            yield Bench(lines["panel"], client)
        rig.terminate()


@contextmanager
def opened(chromium: Browser, address: str, *, refusals: int = 0, **options: Any) -> Iterator[Page]:
    """Open the panel; a script's error or a line on the console fails the test, but for so many ``refusals``."""
    context = chromium.new_context(**{"locale": "en-GB", "viewport": {"width": 1280, "height": 800}, **options})
    context.set_default_timeout(LIMIT)
    page = context.new_page()
    wrong: list[str] = []

    def said(message: ConsoleMessage) -> None:
        # A look at a card that has just been taken out is refused, as it should be.
        if not message.location["url"].endswith("/card"):
            wrong.append(message.text)

    page.on("console", said)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(address)
    expect(page.locator("#link")).to_have_attribute("data-link", "on")
    try:
        yield page
    finally:
        context.close()
    refused = [
        line for line in wrong if line.startswith("Failed to load resource: the server responded with a status of 4")
    ]
    assert (len(refused), sorted(set(wrong) - set(refused))) == (refusals, [])


@pytest.fixture
def page(chromium: Browser, bench: Bench) -> Iterator[Page]:
    with opened(chromium, bench.address) as page:
        yield page


@contextmanager
def served(**options: Any) -> Iterator[tuple[sscard.Rig, Server]]:
    """Serve the panel of a rig in this process."""
    with sscard.Rig(**{"readers": ["demo"], "seed": 1, **options}) as rig, Server(rig, panel=True) as server:
        yield rig, server


def reader(page: Page, place: int) -> Locator:
    return page.locator(f"[data-reader='{place}']")


def pressed(page: Page, within: Locator, name: str) -> None:
    within.get_by_role("button", name=name, exact=True).click()


# Clicks and clients -----------------------------------------------------------------------------------


def test_a_client_sees_the_card_that_a_click_inserts_and_removes(page: Page, bench: Bench) -> None:
    assert bench.empty(2)
    pressed(page, reader(page, 2), "Insert")
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Card type").select_option("ssc-2.0-sm4")
    pressed(page, dialog, "Insert")
    expect(reader(page, 2).locator(".kind")).to_have_text("ssc-2.0-sm4")
    shown = reader(page, 2).locator(".atr").inner_text()
    assert bench.atr(2) == shown.replace(" ", "")
    pressed(page, reader(page, 2), "Swap")
    dialog.get_by_label("New PSAM").check()
    pressed(page, dialog, "Swap")
    expect(reader(page, 2)).to_contain_text("PSAM")
    assert bench.atr(2) == reader(page, 2).locator(".atr").inner_text().replace(" ", "") != shown.replace(" ", "")
    pressed(page, reader(page, 2), "Remove")
    expect(reader(page, 2).locator(".kind")).to_have_text("empty")
    assert bench.empty(2)


def test_a_refusal_of_the_control_is_shown_where_it_was_asked_for(chromium: Browser) -> None:
    with served(readers=["empty"]) as (_, server), opened(chromium, server.address, refusals=1) as page:
        pressed(page, reader(page, 0), "Insert")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("radio", name="Image file or test card").check()
        dialog.locator("#image").fill("no-such.sscard")
        pressed(page, dialog, "Insert")
        expect(dialog.locator("#insert-error")).to_contain_text("there is no such image file")


def test_a_test_card_of_the_catalogue_is_chosen_and_put_in(chromium: Browser) -> None:
    with served(readers=["empty"]) as (rig, server), opened(chromium, server.address) as page:
        pressed(page, reader(page, 0), "Insert")
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("radio", name="Image file or test card").check()
        expect(page.locator("#images option[value='catalogue:pin-locked']")).to_have_text("PIN locked")
        dialog.locator("#image").fill("catalogue:pin-locked")
        pressed(page, dialog, "Insert")
        expect(reader(page, 0).locator(".kind")).to_have_text("ssc-2.0")
        tries = {key["name"]: key["tries"] for df in rig.card.state()["directories"] for key in df["keys"]}
        assert (tries["PIN"], tries["PUK"]) == (0, 3)


def test_an_armed_fault_strikes_a_client_and_a_pulled_card_is_gone_in_the_panel(page: Page, bench: Bench) -> None:
    page.get_by_role("tab", name="Faults").click()
    form = page.locator("#arm")
    for choices, one in (("commands", "GET CHALLENGE"), ("labels", "DF04/EF05"), ("key-names", "RKSSSE")):
        expect(page.locator(f"#{choices} option[value='{one}']")).to_have_count(1)
    form.get_by_label("Kind").select_option("status")
    form.get_by_label("sw").fill("6581")
    form.get_by_label("On command").fill("GET CHALLENGE")
    pressed(page, form, "Arm")
    expect(page.locator("#armed")).to_contain_text("status on='GET CHALLENGE' sw=6581")
    expect(reader(page, 0)).to_contain_text("1 fault")
    assert bench.send(0, CHALLENGE)[0] == "6581"
    expect(page.locator("#armed")).to_contain_text("fired 1×")
    expect(page.locator(".row.fault").last).to_contain_text("The status word, without data")
    assert len(bench.send(0, CHALLENGE)[0]) == 20, "the fault struck once"
    pressed(page, page.locator("#armed"), "Disarm")
    expect(page.locator("#armed")).to_contain_text("No fault is armed.")

    form.get_by_label("Kind").select_option("pull")
    form.get_by_label("moment").select_option("after")
    form.get_by_label("On command").fill("GET CHALLENGE")
    pressed(page, form, "Arm")
    expect(page.locator("#armed")).to_contain_text("pull on='GET CHALLENGE' moment=after")
    bench.send(0, CHALLENGE)
    expect(reader(page, 0).locator(".kind")).to_have_text("empty")
    assert bench.empty(0)
    page.get_by_role("button", name="Reset all").click()
    expect(reader(page, 0).locator(".kind")).to_have_text("ssc-2.0")
    assert bench.atr(0)


def test_what_a_client_does_is_shown_as_it_happens(page: Page, bench: Bench) -> None:
    page.get_by_role("button", name="Clear", exact=True).click()
    page.get_by_role("tab", name="Snapshots").click()
    page.get_by_role("button", name="Take a snapshot").click()
    expect(page.locator("#snapshots")).to_contain_text("Snapshot ")
    page.get_by_role("tab", name="State").click()
    answers = bench.send(0, SELECT_SSSE, WRONG_PIN)
    assert answers[0][:2] == "61"
    assert answers[1] == "63C2"
    rows = page.locator(".row")
    expect(rows.filter(has_text="VERIFY")).to_have_class(re.compile(r"\brefused\b"))
    expect(rows.filter(has_text="VERIFY")).to_contain_text("the PIN is wrong")
    expect(rows.filter(has_text="SELECT")).to_have_class(re.compile(r"\bnormal\b"))
    expect(page.locator("#state")).to_contain_text("SSSE/PIN: 2 of 3 tries left.")
    page.get_by_role("tab", name="Snapshots").click()
    page.get_by_role("button", name="Restore").last.click()
    page.get_by_role("tab", name="State").click()
    expect(page.locator("#state .tile").first).to_contain_text("3/3")


def test_the_panel_sends_as_a_client_does_and_shows_files(page: Page, bench: Bench) -> None:
    page.get_by_label("Command APDU").fill("00 84 00 00 04")
    pressed(page, page.locator("#send"), "Send")
    expect(page.locator(".row").last).to_contain_text("GET CHALLENGE")
    page.get_by_role("tab", name="Files").click()
    files = page.locator("#files")
    files.locator("summary", has_text="EF06").first.click()
    expect(files).to_contain_text("测试甲")
    assert bench.atr(0)


def test_eight_tabs_of_one_browser_work_beside_each_other(chromium: Browser) -> None:
    """A browser opens six connections to a server; each tab needs one for what is clicked."""
    with served() as (rig, server):
        context = chromium.new_context(locale="en-GB")
        context.set_default_timeout(LIMIT)
        tabs = [context.new_page() for _ in range(8)]
        for tab in tabs:
            tab.goto(server.address, wait_until="commit")
        for tab in tabs:
            expect(tab.locator("#link")).to_have_attribute("data-link", "on")
        rig.card.transmit(bytes.fromhex(CHALLENGE))
        for tab in tabs:
            expect(tab.locator(".row").last).to_contain_text("GET CHALLENGE")
        tabs[0].close()
        pressed(tabs[7], reader(tabs[7], 0), "Remove")
        for tab in tabs[1:]:
            expect(reader(tab, 0).locator(".kind")).to_have_text("empty")
            expect(tab.locator("#count")).to_have_text(f"{len(rig.trace)}")
        context.close()


# Many rows, and text from anywhere --------------------------------------------------------------------


def many(count: int, first: int = 0) -> Iterator[Event]:
    """Events as a busy card makes them; every tenth is a refusal with a second line."""
    for number in range(first, first + count):
        word, reason = ("6A82", "there is no such file") if number % 10 == 0 else ("9000", "")
        yield Event(
            1_700_000_000 + number / 1000, "command", "READ RECORD", "SSSE/EF05", f"record {number}",
            "00B2010400", "0102", word, "meaning", "Part 5", reason, 0.001, "sscard 0", "读记录",
        )  # fmt: skip


def test_ten_thousand_rows_scroll(chromium: Browser) -> None:
    with served() as (rig, server):
        for event in many(10_000):
            rig.trace.record(event)
        with opened(chromium, server.address) as page:
            count = page.locator("#count")
            expect(count).to_have_text("10000")
            expect(page.locator(".row").last).to_contain_text("record 9999")
            assert page.locator(".row").count() < 100, "only those in sight are in the page"
            median = page.evaluate(
                """async () => {
                  const list = document.getElementById("exchange");
                  const took = [];
                  for (let step = 0; step < 50; step++) {
                    const before = performance.now();
                    list.scrollTop = list.scrollHeight * Math.abs(Math.sin(step));
                    list.dispatchEvent(new Event("scroll"));
                    list.offsetHeight;
                    took.push(performance.now() - before);
                    await new Promise(requestAnimationFrame);
                  }
                  list.scrollTop = 0;
                  return took.sort((a, b) => a - b)[took.length >> 1];
                }"""
            )
            assert median < 100, "milliseconds for a screen of rows; mostly 3"
            expect(page.get_by_text("record 0", exact=True)).to_be_visible()
            follow = page.get_by_role("button", name="Follow new events")
            expect(follow).to_be_visible()
            # The list stays where somebody has scrolled to, while events come.
            for event in many(5, 10_000):
                rig.trace.record(event)
            expect(count).to_have_text("10005")
            assert page.locator("#exchange").evaluate("list => list.scrollTop") == 0
            follow.click()
            expect(page.locator(".row", has_text="record 10004")).to_be_visible()
            for event in many(2000, 10_005):
                rig.trace.record(event)
            expect(page.locator(".row", has_text="record 12004")).to_be_visible()
            assert int(count.inner_text()) <= 11_000, "older ones are dropped"
            page.get_by_role("searchbox").fill("12004 00b2")
            expect(count).to_have_text(re.compile(r"^1 of "))
            expect(page.locator(".row")).to_have_count(1)


def test_text_from_a_card_stays_text(chromium: Browser) -> None:
    script = "<script>window.struck=1</script><img src=x onerror=window.struck=1>"
    with served(readers=["empty"]) as (rig, server):
        rig.readers[0].insert(rig.issue(values={"name": "<b>&amp;<i>"}))
        rig.trace.record(
            Event(
                1e9,
                "command",
                script,
                script,
                script,
                script,
                script,
                "6A82",
                script,
                script,
                script,
                1,
                script,
                script,
            )
        )
        rig.trace.record(Event(1e9, "fault", script, script, script, "00B2", reason=script))
        rig.trace.record(Event(1e9, script, fields=script))
        with opened(chromium, server.address) as page:
            for row in page.locator(".row").all():
                row.locator(".line").click()
            expect(page.locator(".opened").first).to_contain_text("window.struck=1")
            page.get_by_role("tab", name="Files").click()
            page.locator("#files summary", has_text="EF06").first.click()
            expect(page.locator("#files")).to_contain_text("<b>&amp;<i>")
            assert page.locator("main img, main b, main i, main script").count() == 0
            assert page.evaluate("window.struck") is None


def test_the_pages_policy_forbids_scripts_within_pages(chromium: Browser) -> None:
    with served() as (_, server):
        context = chromium.new_context()
        answer = context.request.get(server.address)
        assert answer.headers["content-security-policy"].startswith("default-src 'self';")
        assert re.search(r"<script(?! type=\"module\" src=)|<style| style=| on\w+=", answer.text()) is None
        context.close()


# Languages, colours, keys -----------------------------------------------------------------------------

KEYS: Final = """async () => {
  const { TEXTS } = await import("./texts.js");
  const paths = (table, at) => Object.entries(table).flatMap(([name, value]) =>
    value && typeof value === "object" && !Array.isArray(value) ? paths(value, `${at}.${name}`) : [`${at}.${name}`]);
  const own = ["usages", "structures", "phases", "conditions", "profiles", "phrases", "values"];
  const shared = (table) => paths(table, "").filter((path) => !own.includes(path.split(".")[1]));
  return Object.values(TEXTS).map((table) => shared(table).sort());
}"""


def test_both_languages_have_every_text(chromium: Browser) -> None:
    with served(readers=["demo", "psam", "empty"]) as (rig, server):
        rig.card.transmit(bytes.fromhex("00A40000023F00"))
        rig.card.transmit(bytes.fromhex(WRONG_PIN))
        with opened(chromium, server.address, locale="zh-CN") as page:
            english, chinese = page.evaluate(KEYS)
            assert english == chinese
            assert page.locator("html").get_attribute("lang") == "zh-CN"
            expect(page.locator("#exchange-title")).to_have_text("命令交互")
            row = page.locator(".row.refused").last
            expect(row).to_contain_text("校验个人密码")
            expect(row.locator(".why")).to_have_text("MF 没有个人密码；SSSE 有")
            row.locator(".line").click()
            expect(row.locator(".opened")).to_contain_text("引用数据未找到")
            expect(row.locator(".opened")).to_contain_text("MF 没有个人密码；SSSE 有")
            page.locator("#filter").fill("没有个人密码")
            expect(page.locator(".row")).to_have_count(1)
            page.locator("#filter").fill("")
            page.get_by_role("tab", name="故障").click()
            expect(page.locator("#parameter-sw")).to_have_attribute("placeholder", "4 位十六进制数")
            page.get_by_role("button", name="English").click()
            expect(page.locator("#exchange-title")).to_have_text("Exchange")
            expect(page.locator(".row.refused").last).to_contain_text("VERIFY")
            expect(page.locator(".row.refused").last.locator(".why")).to_have_text("MF has no PIN; SSSE has one")
            assert page.locator("html").get_attribute("lang") == "en"
            for tab in ("state", "files", "faults", "snapshots"):
                page.locator(f"#tab-{tab}").click()
                assert "undefined" not in page.locator("body").inner_text()
            page.reload()
            expect(page.locator("#exchange-title")).to_have_text("Exchange")


def test_the_colours_follow_the_system_until_somebody_chooses(chromium: Browser) -> None:
    with served() as (_, server), opened(chromium, server.address, color_scheme="dark") as page:
        root = page.locator("html")
        expect(root).to_have_attribute("data-theme", "dark")
        page.emulate_media(color_scheme="light")
        expect(root).to_have_attribute("data-theme", "light")
        page.keyboard.press("d")
        page.keyboard.press("d")
        expect(root).to_have_attribute("data-theme", "dark")
        page.reload()
        expect(root).to_have_attribute("data-theme", "dark")


@pytest.mark.parametrize("locale", ["en-GB", "zh-CN"])
def test_a_narrow_window_shows_all_of_its_width(chromium: Browser, locale: str) -> None:
    narrow = {"width": 420, "height": 860}
    with served() as (rig, server), opened(chromium, server.address, locale=locale, viewport=narrow) as page:
        rig.card.transmit(bytes.fromhex(WRONG_PIN))
        expect(page.locator(".row.refused")).to_be_visible()
        for tab in ("state", "files", "faults", "snapshots"):
            page.locator(f"#tab-{tab}").click()
            assert page.evaluate("document.documentElement.scrollWidth") == 420
        page.evaluate("scrollTo(0, 0)")
        for button in ("rig-reset", "language", "theme", "help"):
            expect(page.locator(f"#{button}")).to_be_in_viewport(ratio=1)


def test_everything_goes_by_keyboard(chromium: Browser) -> None:
    with served(readers=["demo", "empty"]) as (rig, server), opened(chromium, server.address) as page:
        rig.card.transmit(bytes.fromhex(CHALLENGE))
        press = page.keyboard.press
        expect(page.locator(".row").last).to_contain_text("GET CHALLENGE")
        press("1")
        expect(reader(page, 1)).to_have_class(re.compile("selected"))
        press("i")
        expect(page.locator("#insert-go")).to_be_focused()
        press("Enter")
        expect(reader(page, 1).locator(".kind")).to_have_text("ssc-2.0")
        expect(page.locator("#insert")).to_be_hidden()
        press("r")
        expect(reader(page, 1).locator(".kind")).to_have_text("empty")
        press("/")
        expect(page.locator("#filter")).to_be_focused()
        page.keyboard.type("challenge")
        expect(page.locator(".row")).to_have_count(1)
        press("Escape")
        page.locator("#exchange").focus()
        press("ArrowUp")
        press("Enter")
        row = page.locator(".row[aria-selected=true]")
        expect(row).to_have_attribute("aria-expanded", "true")
        assert page.locator("#exchange").get_attribute("aria-activedescendant") == row.get_attribute("id")
        press("Space")
        expect(row).to_have_attribute("aria-expanded", "false")
        press("f")
        expect(page.locator("#faults")).to_be_visible()
        page.locator("#tab-faults").focus()
        press("ArrowRight")
        expect(page.locator("#tab-snapshots")).to_be_focused()
        press("?")
        expect(page.locator("#keys")).to_be_visible()
        press("Escape")
        expect(page.locator("#keys")).to_be_hidden()
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", "what has the focus is marked"


@pytest.mark.parametrize(
    ("locale", "page_of"), [("en-GB", "docs/how-to/panel.md"), ("zh-CN", "docs/zh/how-to/panel.md")]
)
def test_the_page_has_the_keys_that_the_panel_has(chromium: Browser, locale: str, page_of: str) -> None:
    text = (ROOT / page_of).read_text("utf-8")
    written = [
        (re.findall(r"`(.*?)`|(…)", keys), does) for keys, does in re.findall(r"^\| (`.*) \| (.*) \|$", text, re.M)
    ]
    with served(readers=["empty"]) as (_, server), opened(chromium, server.address, locale=locale) as page:
        page.keyboard.press("?")
        shown = zip(page.locator("#shortcuts dt").all(), page.locator("#shortcuts dd").all(), strict=True)
        keys = [(dt.locator("kbd").all_inner_texts(), dd.inner_text()) for dt, dd in shown]
    assert [([key or more for key, more in found], does) for found, does in written] == keys


def test_a_rig_that_comes_back_is_followed_again(chromium: Browser) -> None:
    with sscard.Rig(["demo"], seed=1) as rig:
        with Server(rig, panel=True) as server:
            context = chromium.new_context(locale="en-GB")
            page = context.new_page()
            page.goto(server.address)
            expect(page.locator("#link")).to_have_attribute("data-link", "on")
            port = int(server.address.rpartition(":")[2])
        expect(page.locator("#link")).to_have_attribute("data-link", "off")
        rig.card.transmit(bytes.fromhex(CHALLENGE))
        with Server(rig, port=port, panel=True):
            expect(page.locator(".row").last).to_contain_text("GET CHALLENGE")
            expect(page.locator("#link")).to_have_attribute("data-link", "on")
        context.close()
