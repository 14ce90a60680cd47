"""The pages of the checks for cards in both languages, made from `GROUPS`.

python -m tests.kit.checkbook    write docs/reference/checks.md and docs/zh/reference/checks.md
"""

from typing import Final

from emulator.check.check import Check
from emulator.check.checks import CHECKS, GROUPS
from tests.kit.places import ROOT

PAGES: Final = {"en": ROOT / "docs/reference/checks.md", "zh": ROOT / "docs/zh/reference/checks.md"}

_HEAD: Final = {
    "en": """# Checks for cards

`sscard check` tries these {count} checks with a card; [Check a card](../how-to/check.md) shows how. This page is made
from the table of the checks. Each is proven by a mutant card, which fails it and no other.

The groups follow the public outline of LD/T 6001.2, .3 and .5. Of these only the tables of contents are public: the
clauses are those of the card standard, and passing is no conformity to LD/T 6001. The text of JR/T 0025, which the
financial environment follows, was not at hand: of its checks the clauses are those of the FMCOS 2.0 manual and of EMV.

A card is checked by the groups that fit it: a PSAM by its own, a card with a financial environment by the last ones as
well.

What a check needs besides the card: *roots*, root keys; *pin*, the PIN; *financial-pin*, that of the financial
applications; *psam*, a PSAM; *writes*, that it may write or cost a try (`--allow-writes`; always with virtual cards,
which are copied); *ours*, a virtual card, whose power is cut. What is missing makes it *not tested*.
""",
    "zh": """# 卡片检查项

`sscard check` 用一张卡做这 {count} 项检查，用法见
[检查一张卡](../how-to/check.md)。本页由检查项的表生成。每一项都由一张变异卡证明：该卡只有这一项失败。

分组依照 LD/T 6001.2、.3 和 .5
的公开目录。这些标准公开的只有目录：条款出自卡规范，通过检查并不表示符合 LD/T 6001。金融环境依照
JR/T 0025，其文本未能取得：相应检查项的条款出自 FMCOS 2.0 手册和 EMV。

一张卡只做适合它的分组：PSAM 做它自己的一组，带金融环境的卡还做最后几组。

除卡之外的需要：*roots* 根密钥；*pin* 个人密码；*financial-pin* 金融应用的个人密码；*psam* PSAM；*ours*
虚拟卡，其电源会被切断；*writes* 允许写入或消耗尝试次数（虚拟卡检查的是副本，总是允许，其他卡需要
`--allow-writes`）。缺少时结果为“未测试”。
""",
}
_COLUMNS: Final = {
    "en": "| check | what the card does | needs | clause |\n|---|---|---|---|\n",
    "zh": "| 检查项 | 卡片应当 | 需要 | 条款 |\n|---|---|---|---|\n",
}


def page(language: str) -> str:
    """Return the page in a language, ``en`` or ``zh``."""
    text = _HEAD[language].format(count=len(CHECKS))
    for group in GROUPS:
        title = f"{group.title} (`{group.id}`)" if language == "en" else f"{group.zh}（`{group.id}`）"
        text += f"\n## {title}\n\n{_COLUMNS[language]}"
        text += "".join(_row(check, language) for check in group.checks)
    return text


def _row(check: Check, language: str) -> str:
    """Return the row of a check."""
    title = check.title if language == "en" else check.zh
    return f"| `{check.id}` | {title} | {' '.join(sorted(check.needs))} | {check.clause} |\n"


if __name__ == "__main__":
    for language, path in PAGES.items():
        path.write_text(page(language), encoding="utf-8")
