"""Texts of the page in both languages; what the trace and the judge say comes from themselves."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from ..trace.text import KINDS_ZH, Language


class Texts(NamedTuple):
    """Texts of the page; those that are functions take numbers or a place."""

    lang: str
    title: str
    subtitle: str
    verdicts: Mapping[str, str]
    severities: Mapping[str, str]
    number_of: Callable[[int, str], str]
    tiles: Mapping[str, str]
    findings: str
    no_findings: str
    better: str
    seen: str
    times: Callable[[int], str]
    line: Callable[[int], str]
    timeline: str
    timeline_note: str
    reader: str
    only_reader: str
    cards: str
    card: str
    identification: str
    version: str
    number: str
    lines: str
    exchanges: str
    refusals: str
    result: str
    good: str
    changed: str
    unchanged: str
    place: str
    before: str
    after: str
    nothing: str
    exchange: str
    session: Callable[[int], str]
    counted: Callable[[int, int, int], str]
    reason: str
    fault: str
    kinds: Mapping[str, str]
    shows: Mapping[str, str]
    theme: str
    expand: str
    left_out: Callable[[int], str]
    made: Callable[[str, str], str]
    not_judged: str


_SEVERITIES: Final = {"error": "错误", "warning": "警告", "note": "提示"}

TEXTS: Final[Mapping[Language, Texts]] = {
    "en": Texts(
        lang="en",
        title="Test report of a terminal",
        subtitle="Exchange with social-security cards, judged by the rules of the standard",
        verdicts={"failed": "Failed", "warnings": "Passed, with warnings", "passed": "Passed"},
        severities={"error": "error", "warning": "warning", "note": "note"},
        number_of=lambda n, severity: f"{n} {severity}{'s' if n != 1 else ''}",
        tiles={
            "error": "errors",
            "warning": "warnings",
            "note": "notes",
            "exchanges": "exchanges",
            "refusals": "refusals",
            "cards": "cards",
            "faults": "faults injected",
            "duration": "duration",
        },
        findings="Findings",
        no_findings="The terminal broke no rule, as far as the trace shows.",
        better="Good way",
        seen="Seen",
        times=lambda n: f"{n} times" if n > 1 else "once",
        line=lambda n: f"line {n}",
        timeline="Timeline",
        timeline_note="In the order of the trace. Bar: the card has power. Each mark leads to its line.",
        reader="reader",
        only_reader="reader",
        cards="Cards",
        card="card",
        identification="identification code",
        version="version",
        number="card number",
        lines="lines",
        exchanges="exchanges",
        refusals="refusals",
        result="result",
        good="no findings",
        changed="What changed on the cards",
        unchanged="nothing changed",
        place="place",
        before="before",
        after="after",
        nothing="nothing",
        exchange="Exchange",
        session=lambda n: f"Session {n}",
        counted=lambda commands, refusals, findings: ", ".join(
            f"{n} {word}{'s' if n != 1 else ''}"
            for n, word in ((commands, "exchange"), (refusals, "refusal"), (findings, "finding"))
            if n or word == "exchange"
        ),
        reason="why",
        fault="fault",
        kinds={
            "power on": "power on",
            "power off": "power off",
            "reset": "warm reset",
            "inserted": "card inserted",
            "removed": "card removed",
            "note": "note",
            "fault": "fault",
        },
        shows={"all": "All", "main": "Without T=0 details", "refused": "Refusals", "found": "Findings"},
        theme="Light / dark",
        expand="Open all",
        left_out=lambda n: (
            f"{n} events without finding, refusal or fault are left out: the trace is too long for a page."
        ),
        made=lambda program, time: f"Made by {program} on {time}.",
        not_judged="What a trace does not show is not judged: what the terminal did in an HSM, showed to the "
        "holder, or kept for itself.",
    ),
    "zh": Texts(
        lang="zh-CN",
        title="终端测试报告",
        subtitle="终端与社会保障卡的交互，按规范的规则判定",
        verdicts={"failed": "不通过", "warnings": "通过，有警告", "passed": "通过"},
        severities=_SEVERITIES,
        number_of=lambda n, severity: f"{n} {_SEVERITIES[severity]}",
        tiles={
            "error": "错误",
            "warning": "警告",
            "note": "提示",
            "exchanges": "命令",
            "refusals": "拒绝",
            "cards": "卡片",
            "faults": "注入的故障",
            "duration": "用时",
        },
        findings="判定结果",
        no_findings="就跟踪记录所见，终端没有违反任何规则。",
        better="正确做法",
        seen="所见",
        times=lambda n: f"{n} 次",
        line=lambda n: f"第 {n} 行",
        timeline="时间线",
        timeline_note="从左到右按跟踪记录的顺序。横条表示卡片上电。点击标记跳到相应行。",
        reader="读写器",
        only_reader="读写器",
        cards="卡片",
        card="卡片",
        identification="卡的识别码",
        version="规范版本",
        number="卡号",
        lines="行",
        exchanges="命令",
        refusals="拒绝",
        result="结果",
        good="没有问题",
        changed="卡片上的变化",
        unchanged="没有变化",
        place="位置",
        before="之前",
        after="之后",
        nothing="无",
        exchange="交互过程",
        session=lambda n: f"会话 {n}",
        counted=lambda commands, refusals, findings: "，".join(
            f"{n} {word}"
            for n, word in ((commands, "条命令"), (refusals, "次拒绝"), (findings, "个结果"))
            if n or word == "条命令"
        ),
        reason="原因",
        fault="故障",
        kinds=KINDS_ZH,
        shows={"all": "全部", "main": "不含 T=0 细节", "refused": "拒绝", "found": "判定结果"},
        theme="浅色 / 深色",
        expand="全部展开",
        left_out=lambda n: f"跟踪记录过长，省略了 {n} 个没有结果、拒绝和故障的事件。",
        made=lambda program, time: f"由 {program} 生成于 {time}。",
        not_judged="跟踪记录中看不到的不作判定：终端在加密机中的计算、向持卡人显示的内容、自身保存的内容。",
    ),
}
