"""The pages of the checks for cards are those of the table, and each check is described whole in both languages."""

import re

import pytest

from emulator.check.check import NEEDS, Check
from emulator.check.checks import CHECKS
from tests.kit.checkbook import PAGES, page

SOURCE = re.compile(
    r"(?:Part (?:[2-9]|10)|V2\.0 notice|terminal interface|FMCOS 2\.0 manual|EMV Book [1-3]), .+|JR/T 0025"
)


@pytest.mark.parametrize("language", PAGES)
def test_the_page_is_the_one_that_the_table_makes(language: str) -> None:
    """`python -m tests.kit.checkbook` writes it."""
    assert PAGES[language].read_text(encoding="utf-8") == page(language)


@pytest.mark.parametrize("check", CHECKS.values(), ids=lambda check: check.id)
def test_a_check_is_described_whole(check: Check) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", check.id)
    assert check.title.isascii()
    assert not check.title.endswith(".")
    assert re.search(r"[一-鿿]", check.zh)
    assert all(SOURCE.fullmatch(each) for each in check.clause.split("; ")), check.clause
    assert check.needs <= set(NEEDS)
