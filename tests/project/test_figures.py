"""The figures of the project's structure stay in their bounds; `scripts/figures` prints them."""

from pathlib import Path

import grimp
import pytest

from tests.kit.figures import Figure, circles, figures, loose_modules, package_circles

MEASURED = {each.name: each for each in figures()}


@pytest.mark.parametrize("figure", MEASURED.values(), ids=MEASURED)
def test_a_figure_stays_in_its_bound(figure: Figure) -> None:
    assert figure.met is not False, f"{figure.value}, not {figure.bound}: {'; '.join(figure.items)}"


def test_something_was_measured() -> None:
    """A measurement that finds nothing anywhere would keep every bound."""
    modules = MEASURED["modules of the project that `import emulator.terminal` loads"]
    assert {"emulator.terminal.psam", "cardfs.profile.loader"} <= set(modules.items)
    assert MEASURED["functions over complexity 12, with a reason beside them"].items


def test_a_circle_is_found_once_with_all_its_modules() -> None:
    imports = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": ["d"], "f": ["a", "g"], "g": []}
    assert circles(imports) == ["a, b, c", "d, e"]
    assert circles({"a": ["b", "c"], "b": ["c"], "c": []}) == []


def test_a_circle_of_folders_is_found_where_no_file_is_in_one() -> None:
    """``p.x.one`` uses ``p.y``, which uses ``p.x.two``: the files are in order, the folders are not."""
    graph = grimp.ImportGraph()
    for module in ("p", "p.x", "p.x.one", "p.x.two", "p.y"):
        graph.add_module(module)
    graph.add_import(importer="p.x.one", imported="p.y")
    graph.add_import(importer="p.y", imported="p.x.two")
    assert circles({each: graph.find_modules_directly_imported_by(each) for each in graph.modules}) == []
    assert package_circles(graph) == ["p.x, p.y"]


def test_loose_modules_are_those_of_the_folder_itself(tmp_path: Path) -> None:
    for name in ("__init__.py", "loose.py", "package/module.py", "data.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert loose_modules([tmp_path]) == [f"{tmp_path.name}/loose.py"]
