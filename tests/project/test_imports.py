"""What importing a part of the project loads; what its text may not hold.

The counts of modules and cycles are in `test_figures.py`; how long an import takes is measured by `scripts/bench`.
"""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import emulator
from tests.kit import child

EMULATOR = Path(emulator.__file__).parent

_TERMINAL = """
import sys
import emulator.terminal
print(*sorted(sys.modules))
"""


def test_a_terminal_is_imported_without_a_card() -> None:
    """A program of a terminal waits for it at every start."""
    everything = child.run([sys.executable, "-c", _TERMINAL], env=child.unmeasured()).stdout
    assert not {
        "emulator.card.engine",
        "emulator.trace.traced",
        "cardfs.memory.image",
        "cardfs.memory.store",
        "sqlite3",
    } & set(everything.split())


_FACE = """
import sys
before = set(sys.modules)
import sscard
print(*sorted(set(sys.modules) - before))
"""


def test_the_face_loads_nothing_behind_it() -> None:
    """A name of it is loaded when it is used."""
    loaded = child.run([sys.executable, "-c", _FACE], env=child.unmeasured()).stdout
    assert {name for name in loaded.split() if name.startswith(("keys", "cardfs", "emulator"))} == set()


_CARD = """
import sys
before = set(sys.modules)
import emulator.card.engine, emulator.cards
print(*sorted(set(sys.modules) - before))
"""


def test_a_card_is_imported_without_what_files_readers_and_threads_need() -> None:
    """The core works with bytes: its memory, its reader and its clock are others' business."""
    loaded = set(child.run([sys.executable, "-c", _CARD], env=child.unmeasured()).stdout.split())
    assert "emulator.card.engine" in loaded
    assert not {"sqlite3", "fcntl", "socket", "subprocess", "threading", "tempfile"} & loaded


# -- one place that compares secrets --------------------------------------------------------------

COMPARING = "card/tries.py"
SECRET_NAMES = re.compile(r"(?:^|_)(?:expected|given|secret|mac[123]?|tac|cryptogram)$")
SECRET_CALLS = re.compile(r"mac|tac\b|cryptogram|authentication_data|session_key|encrypt")
HOLDERS = re.compile(r"(?:^|_)(?:key|pin|puk|master|maintenance)$")


def _last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_secret(node: ast.expr) -> bool:
    """Whether an expression is a key, a PIN, or what only their owner can compute."""
    if isinstance(node, ast.Subscript):
        return _is_secret(node.value)
    if isinstance(node, ast.Tuple | ast.List | ast.Set):
        return any(_is_secret(each) for each in node.elts)
    if isinstance(node, ast.Call):
        return bool(SECRET_CALLS.search(_last_name(node.func)))
    if isinstance(node, ast.Attribute) and node.attr == "value":
        return bool(HOLDERS.search(_last_name(node.value)))
    return bool(SECRET_NAMES.search(_last_name(node)))


def _comparisons(text: str) -> Iterator[str]:
    """Everything in a module that compares a secret, or takes what could."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.ImportFrom | ast.Import):
            yield from (name.name for name in node.names if name.name in ("same", "hmac", "compare_digest"))
        elif isinstance(node, ast.Attribute) and node.attr == "compare_digest":
            yield ast.unparse(node)
        elif isinstance(node, ast.Compare) and any(
            isinstance(op, ast.Eq | ast.NotEq | ast.In | ast.NotIn) for op in node.ops
        ):
            sides = [side for side in (node.left, *node.comparators) if not isinstance(side, ast.Constant)]
            if any(_is_secret(side) for side in sides):
                yield ast.unparse(node)


@pytest.mark.parametrize(
    "text",
    [
        "from keys.records import KeyRef, same",
        "import hmac",
        "if pin.value == given: pass",
        "if suite.mac(session, data) != data[-4:]: pass",
        "ok = ctx.command.data[-4:] in (mac2, old)",
        "if given[:4] == command.data: pass",
    ],
)
def test_a_comparison_of_secrets_is_recognised(text: str) -> None:
    """The search below would find it."""
    assert list(_comparisons(text))


def test_secrets_are_compared_in_one_module() -> None:
    """Charge, compare, restore: what compares for itself could forget to charge."""
    modules = [path for part in ("card", "commands") for path in (EMULATOR / part).rglob("*.py")]
    assert len(modules) > 50
    found = {path.relative_to(EMULATOR).as_posix(): list(_comparisons(path.read_text())) for path in modules}
    assert {name: each for name, each in found.items() if each} == {COMPARING: ["same"]}
