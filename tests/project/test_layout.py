"""Where tests stand: the unit tests mirror the packages, little lies loose, and what tests share is in the kit."""

import ast
import re
from pathlib import Path

import pytest

from tests.kit.places import ROOT, TESTS

UNIT = TESTS / "unit"
KINDS = {"bench", "conformance", "data", "durability", "kit", "pcsc", "project", "security", "soak", "unit"}


def mirrored(test: Path) -> Path:
    """Return the module or package that a unit test is named after: ``unit/keys/test_suites.py`` → ``keys/suites``."""
    return ROOT / test.relative_to(UNIT).with_name(test.stem.removeprefix("test_"))


@pytest.mark.parametrize("test", sorted(UNIT.rglob("*.py")), ids=lambda test: str(test.relative_to(UNIT)))
def test_a_unit_test_has_the_place_and_the_name_of_its_module(test: Path) -> None:
    if test.name == "__init__.py":
        assert test.parent == UNIT or (ROOT / test.parent.relative_to(UNIT)).is_dir()
    else:
        assert test.name.startswith("test_")
        module = mirrored(test)
        assert module.with_suffix(".py").is_file() or (module / "__init__.py").is_file()


def test_each_kind_of_test_has_its_folder_and_few_files_lie_beside_them() -> None:
    assert {each.name for each in TESTS.iterdir() if each.is_dir() and each.name != "__pycache__"} == KINDS
    assert len(list(TESTS.glob("*.py"))) <= 5
    assert list(TESTS.glob("test_*.py")) == []


@pytest.mark.parametrize("path", sorted(TESTS.rglob("*.py")), ids=lambda path: str(path.relative_to(TESTS)))
def test_nothing_imports_a_test(path: Path) -> None:
    """What two tests need is in the kit; `pcsc/harness.py` serves the tests with a reader."""
    text = path.read_text(encoding="utf-8")
    assert re.findall(r"^\W*(?:from \S*\btest_\w+ import|import \S*\btest_).*", text, re.MULTILINE) == []


@pytest.mark.parametrize("path", sorted((TESTS / "kit").glob("*.py")), ids=lambda path: path.name)
def test_the_kit_says_what_it_is(path: Path) -> None:
    """Every module, class, function and method of it; functions in functions may go without."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found: list[ast.Module | ast.ClassDef | ast.FunctionDef] = [tree] if tree.body else []
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    for body in (tree.body, *(each.body for each in classes)):
        found += [node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef)]
    assert [ast.unparse(each).splitlines()[0] for each in found if not ast.get_docstring(each)] == []
