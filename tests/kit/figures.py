"""The figures of the project's structure, measured, with the bounds that it keeps.

`scripts/figures` prints them, and `project/test_figures.py` keeps them.
"""

import json
import sys
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

import grimp

from . import child
from .places import ROOT, TESTS

PACKAGES: Final = ("emulator", "cardfs", "keys")
MOST_MODULES: Final = 50
FOREIGN: Final = ("sqlite3", "fcntl", "socket", "subprocess")
FEWEST_CONTRACTS: Final = 5
MOST_LOOSE: Final = 10
MOST_FLAT_TESTS: Final = 5
README_LINES: Final = 200

_TERMINAL: Final = "import sys, emulator.terminal; print(*sys.modules)"
_ENGINE: Final = """
import importlib, pkgutil, sys
before = set(sys.modules)
import emulator.card
for each in pkgutil.walk_packages(emulator.card.__path__, "emulator.card."):
    importlib.import_module(each.name)
print(*set(sys.modules) - before)
"""


class Figure(NamedTuple):
    """One figure.

    Attributes:
        name: what is measured.
        value: what was measured.
        bound: what it has to be, for people.
        kept: whether it is so; None for a figure that is reported only.
        items: what was counted, if the number alone helps nobody to mend it.
    """

    name: str
    value: str
    bound: str
    met: bool | None
    items: tuple[str, ...] = ()


def figures() -> list[Figure]:
    """Measure everything; takes a few seconds."""
    graph = grimp.build_graph(*PACKAGES, exclude_type_checking_imports=False, cache_dir=None)
    terminal = [name for name in _loaded(_TERMINAL) if name.partition(".")[0] in PACKAGES]
    foreign = sorted(set(FOREIGN) & set(_loaded(_ENGINE)))
    contracts = len(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"])
    loose = loose_modules(ROOT / name for name in ("emulator", "cardfs"))
    flat = sorted(path.name for path in TESTS.glob("test_*.py"))
    files = circles({each: graph.find_modules_directly_imported_by(each) for each in graph.modules})
    packages = package_circles(graph)
    complicated, unnamed = _complicated("--ignore-noqa"), _complicated()
    readme = len((ROOT / "README.md").read_text().splitlines())
    return [
        _most("modules of the project that `import emulator.terminal` loads", terminal, MOST_MODULES),
        _most(f"modules among {', '.join(FOREIGN)} that the engine (emulator.card) loads", foreign, 0),
        Figure("import contracts", str(contracts), f"at least {FEWEST_CONTRACTS}", contracts >= FEWEST_CONTRACTS),
        _most("loose modules in emulator/ and cardfs/", loose, MOST_LOOSE),
        _most("test files flat in tests/", flat, MOST_FLAT_TESTS),
        _most("import cycles between files, those for types too", files, 0),
        _most("import cycles between packages", packages, 0),
        _most("functions over complexity 12 that are no named exception", unnamed, 0),
        Figure("functions over complexity 12, with a reason beside them", str(len(complicated)), "", None, complicated),
        Figure("lines of README.md", str(readme), f"at most {README_LINES}", readme <= README_LINES),
    ]


def _most(name: str, found: Iterable[str], most: int) -> Figure:
    """Make a figure that counts what was found, and may count ``most``."""
    items = tuple(found)
    return Figure(name, str(len(items)), f"at most {most}" if most else "0", len(items) <= most, items)


def _loaded(script: str) -> list[str]:
    """Run a script in a process of its own and return the words that it prints."""
    return child.run([sys.executable, "-c", script], cwd=ROOT, env=child.unmeasured(), check=True).stdout.split()


def loose_modules(folders: Iterable[Path]) -> list[str]:
    """Return the modules that lie in folders themselves and not in a package there."""
    return sorted(
        f"{folder.name}/{path.name}" for folder in folders for path in folder.glob("*.py") if path.stem != "__init__"
    )


def circles(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Return the import cycles, each once as the modules that reach each other, joined by ``, ``.

    Args:
        imports: what each module imports directly.
    """
    reached = {module: _reached(module, imports) for module in imports}
    found = {tuple(sorted(each for each in reached[module] if module in reached[each])) for module in imports}
    return sorted(", ".join(each) for each in found if each)


def _reached(start: str, imports: Mapping[str, Iterable[str]]) -> set[str]:
    """Return everything that a module imports, by whatever way; itself only if it is in a cycle."""
    reached: set[str] = set()
    waiting = [*imports.get(start, ())]
    while waiting:
        module = waiting.pop()
        if module not in reached:
            reached.add(module)
            waiting += imports.get(module, ())
    return reached


def package_circles(graph: grimp.ImportGraph) -> list[str]:
    """Return the cycles between what stands side by side in a package: folders with all that is in them, and files."""
    found: list[str] = []
    for package in sorted(graph.modules):
        children = graph.find_children(package)
        parts = {module: each for each in children for module in (each, *graph.find_descendants(each))}
        imports: dict[str, set[str]] = {each: set() for each in children}
        for module, part in parts.items():
            others = {parts.get(each, part) for each in graph.find_modules_directly_imported_by(module)}
            imports[part] |= others - {part}
        found += circles(imports)
    return found


def _complicated(*options: str) -> tuple[str, ...]:
    """Return the functions that ruff finds too complicated, as ``file:line: name``."""
    ruff = Path(sys.executable).with_name("ruff")
    command = [ruff, "check", "--select", "C901", "--output-format", "json", "--exit-zero", *options, "."]
    found = json.loads(child.run(command, cwd=ROOT, check=True).stdout)
    return tuple(
        f"{Path(each['filename']).relative_to(ROOT)}:{each['location']['row']}: {each['message']}" for each in found
    )


def main() -> int:
    """Print the figures; return 1 if one is out of its bound."""
    measured = figures()
    for each in measured:
        mark = {True: "ok  ", False: "BAD ", None: "    "}[each.met]
        print(f"{mark}{each.value:>5}  {each.name}{f' ({each.bound})' if each.bound else ''}")
        if each.met is False or (each.met is None and each.items):
            print(*(f"{'':11}{item}" for item in each.items), sep="\n")
    return int(any(each.met is False for each in measured))


if __name__ == "__main__":
    sys.exit(main())
