"""The pages of the judge's rules in both languages, made from `RULES`.

python -m tests.kit.rulebook    write docs/reference/judge.md and docs/zh/reference/judge.md
"""

from typing import Final

from emulator.judge.rule import Rule
from emulator.judge.rules import GROUPS, RULES
from tests.kit.places import ROOT

PAGES: Final = {"en": ROOT / "docs/reference/judge.md", "zh": ROOT / "docs/zh/reference/judge.md"}

_HEAD: Final = {
    "en": """# Rules of the judge

`sscard judge TRACE` looks through a trace for what the *terminal* did wrong; so does `rig.trace.judge()` in Python,
and the report. [Judge a terminal](../how-to/judge-a-terminal.md) shows how. This page is made from the table of the
{count} rules.

A finding names the line of the trace, the reader, what was seen, the clause, and the good way. Readers are told apart
by the field `reader` of the trace; without it there is one reader. Which commands and files a line means is taken from
what the card said of it: a trace of any terminal will do, but it must be one of this project's cards.

| severity | meaning |
|---|---|
| error | breaks the standard, or harms holder, card or money; the exit status of `sscard judge` is 1 |
| warning | may do harm, or does so with other cards |
| note | costs time |

`--rule ID` looks for one rule only and can be repeated, `--json` prints one JSON object a line for each finding,
`--language zh` prints Chinese. A trace that is cut or foreign is refused with file and line, and exit status 2.

Nobody is accused of what is right on some card of the standard. Where a rule depends on the card, as whether a file is
free to read, the card's own answer decides: what it carries out was allowed.

What a trace does not show is not judged: whether the terminal compared the card's proof in an HSM, what it showed to
the holder, whether it looked at its black list. What happened before the trace begins, where lines are missing, and
after a card was pulled out, is nobody's fault.
""",
    "zh": """# 判定规则

`sscard judge TRACE` 在跟踪记录中查找*终端*的错误；Python 中是 `rig.trace.judge()`。用法见
[判定终端](../how-to/judge-a-terminal.md)。本页由 {count} 条规则的表生成。

每个结果给出跟踪记录的行号、读写器、所见情况、条款和正确做法。读写器按跟踪记录的字段
`reader` 区分，没有该字段时视为一个读写器。命令和文件的含义取自卡片一侧的记录，适用于任何终端，但卡须为本项目的卡。

| 级别 | 含义 |
|---|---|
| error（错误） | 违反规范，或损害持卡人、卡片或资金；`sscard judge` 的退出状态为 1 |
| warning（警告） | 可能造成损害，或对其他卡造成损害 |
| note（提示） | 浪费时间 |

`--rule ID` 只查找一条规则，可以重复；`--json` 每行输出一个 JSON 对象；`--language zh`
输出中文。被截断的文件或其他内容的文件会被拒绝，给出文件和行号，退出状态为 2。

在规范的某种卡上正确的做法，不会被判为错误。规则取决于卡片时（例如文件是否可自由读取），以卡片的应答为准：卡片执行了的，就是允许的。

跟踪记录中看不到的不作判定：终端是否用加密机比对了卡片的鉴别数据、向持卡人显示了什么、是否检查了黑名单。跟踪记录开始之前、缺行之处以及卡片被拔出之后的情况，不算终端的错误。
""",
}
_COLUMNS: Final = {
    "en": "| rule | severity | what is wrong | the good way | clause |\n|---|---|---|---|---|\n",
    "zh": "| 规则 | 级别 | 错误 | 正确做法 | 条款 |\n|---|---|---|---|---|\n",
}


def page(language: str) -> str:
    """Return the page in a language, ``en`` or ``zh``."""
    text = _HEAD[language].format(count=len(RULES))
    for title, zh, rules in GROUPS:
        text += f"\n## {title if language == 'en' else zh}\n\n{_COLUMNS[language]}"
        text += "".join(_row(rule, language) for rule in rules)
    return text


def _row(rule: Rule, language: str) -> str:
    """Return the row of a rule."""
    if language == "zh":
        return f"| `{rule.id}` | {rule.severity} | {rule.zh}。{rule.wrong_zh} | {rule.better_zh} | {rule.clause} |\n"
    return f"| `{rule.id}` | {rule.severity} | {rule.title}. {rule.wrong} | {rule.better} | {rule.clause} |\n"


if __name__ == "__main__":
    for language, path in PAGES.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(page(language), encoding="utf-8")
