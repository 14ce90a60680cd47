"""The reference pages of the catalogue, made from its data.

python -m tests.kit.catalogue_page    write them
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, get_args

from emulator.rig.catalogue.entries import Entry, Group, groups
from emulator.rig.catalogue.steps import Step
from tests.kit.places import ROOT
from tests.kit.tables import Language

PAGES: Final[Mapping[Language, Path]] = {
    "en": ROOT / "docs/reference/catalogue.md",
    "zh": ROOT / "docs/zh/reference/catalogue.md",
}
BEGIN, END = "<!-- catalogue -->", "<!-- /catalogue -->"
HEADS: Final[Mapping[Language, str]] = {
    "en": "| `catalogue:` | card | what it is for | what a right terminal does | how it is made | clause | returns |",
    "zh": "| `catalogue:` | 卡 | 用途 | 正确的终端 | 制作方法 | 条款 | 返回值 |",
}
STEP_HEADS: Final[Mapping[Language, str]] = {"en": "| step | what is done |", "zh": "| 步骤 | 做什么 |"}
STEP_TITLES: Final[Mapping[Language, str]] = {"en": "Steps", "zh": "步骤"}
_LONGEST: Final = 60


def tables(language: Language) -> str:
    """Return what stands between the two comments of a page: the groups, and the steps."""
    parts = [_group(group, language) for group in groups()]
    rows = [f"| `{tag}` | {text} |" for tag, text in step_texts(language).items()]
    head = STEP_HEADS[language]
    parts.append("\n".join((f"## {STEP_TITLES[language]}", "", head, "|---|---|", *rows)))
    return "\n\n".join(parts)


def step_texts(language: Language) -> dict[str, str]:
    """Return what each step does, by its name; a docstring has the English, and in brackets the Chinese."""
    found = {}
    for kind in get_args(Step):
        match = re.fullmatch(r"(.*?) \((.*)\)(.*)\.?", str(kind.__doc__).strip())
        assert match, kind
        found[str(kind.__struct_config__.tag)] = match[1] if language == "en" else match[2]
    return found


def _group(group: Group, language: Language) -> str:
    """Return a group with its table."""
    head = HEADS[language]
    title = group.title if language == "en" else group.zh
    rows = [_row(entry, language) for entry in group.entries]
    return "\n".join((f"## {title}", "", head, "|---" * (head.count("|") - 1) + "|", *rows))


def _row(entry: Entry, language: Language) -> str:
    """Return the row of a card."""
    english = language == "en"
    cells = (
        f"`{entry.id}`",
        entry.title if english else entry.zh,
        entry.purpose if english else entry.purpose_zh,
        entry.right if english else entry.right_zh,
        made(entry),
        entry.clause,
        ", ".join(map(str, entry.codes)),
    )
    return f"| {' | '.join(each.replace('|', '&#124;') for each in cells)} |"


def made(entry: Entry) -> str:
    """Return how a card is made, in the words of the data; what is as usual is left out."""
    table = entry.table()
    parts = [f"`{table.get('profile', 'ssc-2.0')}`"]
    names = ("region", "serial", "pin", "financial", "issue_date", "expiry_date", "card_number", "timing")
    parts += [f"{name} {table[name] or 'none'}" for name in names if name in table]
    for name in ("settings", "values", "changes"):
        parts += [f"{name} {_shown(table[name])}"] if name in table else []
    parts += [_step(step) for step in table.get("steps", ())]
    parts += [f"fault {fault}" for fault in entry.faults]
    return "; ".join(parts)


def _shown(table: Mapping[str, Any]) -> str:
    """Return tables as words: ``pin: tries=6``."""
    words = []
    for name, value in table.items():
        if isinstance(value, dict):
            words.append(f"{name}: {_shown(value)}")
        elif isinstance(value, list):
            words.append(f"{name} {', '.join(_shown(each) for each in value)}")
        else:
            words.append(f"{name}={value}")
    return " ".join(words)


def _step(step: Mapping[str, Any]) -> str:
    """Return a step as words: ``wrong-pin left=0``."""
    words = [f"{name}={str(value)[:_LONGEST]}" for name, value in step.items() if name != "step"]
    return " ".join((str(step["step"]), *words))


def filled(text: str, language: Language) -> str:
    """Return the text of a page with its tables made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{tables(language)}\n\n{END}{after}"


def main() -> None:
    """Write the tables of both pages."""
    for language, page in PAGES.items():
        page.write_text(filled(page.read_text(encoding="utf-8"), language), encoding="utf-8")


if __name__ == "__main__":
    main()
