"""The pages of the judge's rules are those of the table, and each rule is told whole in both languages."""

import re

import pytest

from emulator.judge.rule import SEVERITIES, Rule
from emulator.judge.rules import RULES
from tests.kit.rulebook import PAGES, page

SOURCE = re.compile(r"(?:Part (?:[2-9]|10)|V2\.0 notice|terminal interface), (.+)")
PLACE = re.compile(r"[A-Z]?\d+(\.\d+)*( \(table \d+\))?|table \d+|tables \d+ to \d+|appendix [A-C]")


@pytest.mark.parametrize("language", PAGES)
def test_the_page_is_the_one_that_the_table_makes(language: str) -> None:
    """`python -m tests.kit.rulebook` writes it."""
    assert PAGES[language].read_text(encoding="utf-8") == page(language)


@pytest.mark.parametrize("rule", RULES.values(), ids=lambda rule: rule.id)
def test_a_rule_is_told_whole(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
    assert rule.severity in SEVERITIES
    for text in (rule.title, rule.wrong, rule.better):
        assert text.isascii()
        assert text[0].isupper() or text[0].isdigit()
    for text in (rule.wrong, rule.better):
        assert text.endswith(".")
    for text in (rule.zh, rule.wrong_zh, rule.better_zh):
        assert re.search(r"[一-鿿]", text), text
    for text in (rule.wrong_zh, rule.better_zh):
        assert text.endswith("。")
    assert not rule.title.endswith(".")
    assert not rule.zh.endswith("。")
    for source in rule.clause.split("; "):
        named = SOURCE.fullmatch(source)
        assert named, source
        for place in re.split(r" and |, ", named[1]):
            assert PLACE.fullmatch(place), place
    assert (rule.check is None) <= (rule.end is not None)
