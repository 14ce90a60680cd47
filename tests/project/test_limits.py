"""Nothing in the tests waits without a limit, and no program gets what the machine is used to.

A program that a test starts and that hangs, or a socket that stays silent, is a failure and no endless run.
"""

import ast
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from tests.kit import child
from tests.kit.places import TESTS

PROGRAMS: Final = ("run", "call", "check_call", "check_output", "getoutput", "getstatusoutput", "Popen")
OF_OS: Final = ("system", "popen", "wait", "wait3", "wait4", "waitpid", "waitid")
WAITS: Final = ("wait", "join", "get", "acquire", "result")
"""Methods that wait for ever if they get no argument."""
OF_SOCKETS: Final = ("accept", "recv", "recv_into", "recvfrom", "recv_fds", "recvmsg")

EXEMPT: Final = (
    TESTS / "kit/child.py",  # starts programs for all others
    TESTS / "bench/noop.py",  # a card in a process of its own, which the stack ends
)


def sources() -> list[Path]:
    """The files of the tests that must have limits."""
    return [path for path in sorted(TESTS.rglob("*.py")) if path not in EXEMPT]


def unlimited(source: str) -> Iterator[str]:
    """The lines of a source that start a program by other means than `child`, or wait without a limit."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        called, name = ast.unparse(node.func), node.func.attr
        named = {keyword.arg for keyword in node.keywords}
        if (
            called in {f"subprocess.{each}" for each in PROGRAMS}
            or called in {f"os.{each}" for each in OF_OS}
            or (name == "communicate" and "timeout" not in named)
            or (name in WAITS and not node.args and not named)
            or (name in OF_SOCKETS and ".settimeout(" not in source)
            or (name == "popen" and f"limited({ast.unparse(node)}" not in ast.unparse(ast.parse(source)))
        ):
            yield f"{node.lineno}: {ast.unparse(node)}"


@pytest.mark.parametrize("path", sources(), ids=lambda path: str(path.relative_to(TESTS)))
def test_no_test_waits_without_a_limit(path: Path) -> None:
    assert list(unlimited(path.read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    "line",
    [
        "subprocess.run(['true'], timeout=1)",
        "subprocess.Popen(['true'])",
        "os.waitpid(1, 0)",
        "process.communicate('text')",
        "process.wait()",
        "thread.join()",
        "queue.get()",
        "server.accept()",
        "link.recv(2)",
        "stack.popen(['true'])",
    ],
)
def test_what_waits_without_a_limit_is_found(line: str) -> None:
    assert list(unlimited(f"x = 1\n{line}\n")) == [f"2: {line}"]


def test_what_has_a_limit_is_let_through() -> None:
    lines = ("process.wait(5)", "''.join(words)", "{}.get('key')", "child.limited(stack.popen(['true']))")
    assert list(unlimited("\n".join(lines))) == []
    assert list(unlimited("link.settimeout(5)\nlink.recv(2)")) == []


# The helper -----------------------------------------------------------------------------------------


def test_a_program_gets_nothing_that_the_machine_is_used_to(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PYTHONUNBUFFERED", "PYTHONPATH", "SSCARD_PIN", "LC_ALL", "FORCE_COLOR", "OF_NO_CONCERN"):
        monkeypatch.setenv(name, "1")
    got = child.run([sys.executable, "-c", "import os; print(*os.environ)"], env=child.unmeasured()).stdout.split()
    assert set(got) <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_CTYPE", "LD_LIBRARY_PATH", "SSCARD_DATE"}
    assert "PYTHONPATH" in child.environment(PYTHONPATH="here")
    child.forget_habits()
    assert [name for name in os.environ if name.startswith(("PYTHON", "SSCARD_", "LC_", "FORCE_"))] == ["SSCARD_DATE"]


def test_the_process_of_the_tests_has_no_habits_either() -> None:
    """What the product starts by itself inherits them; all it gets is the date of its terminals."""
    found = {
        name: text for name, text in os.environ.items() if name.startswith(("PYTHON", "SSCARD_", "LC_", "COLUMNS"))
    }
    assert found == {"SSCARD_DATE": child.TODAY}


def test_a_program_that_hangs_is_killed_and_fails_the_test() -> None:
    began = time.monotonic()
    sleeper = child.start(["sleep", "60"], limit=0.2, stdout=subprocess.PIPE)
    with pytest.raises(AssertionError, match=r"had not ended after 0\.2 s"), sleeper as process:
        process.communicate(timeout=30)
    with pytest.raises(subprocess.TimeoutExpired):
        child.run(["sleep", "60"], limit=0.2)
    assert time.monotonic() - began < 5


def test_a_program_does_not_outlive_a_test_that_fails() -> None:
    with pytest.raises(ZeroDivisionError), child.start(["sleep", "60"]) as process:
        raise ZeroDivisionError
    assert process.returncode == -9


def test_a_child_that_does_not_end_is_told() -> None:
    sleeper = child.spawn(["sleep", "60"])
    with pytest.raises(AssertionError, match="none of"):
        child.reap([sleeper], limit=0.1)
    os.kill(sleeper, 9)
    assert child.reap([sleeper]) == (sleeper, -9)


def test_a_test_named_after_a_place_in_memory_is_refused(pytestconfig: pytest.Config) -> None:
    class Item:
        nodeid = f"tests/test_x.py::test_x[{object()}]"

    with pytest.raises(pytest.UsageError, match="needs an id of its own"):
        pytestconfig.hook.pytest_collection_modifyitems(session=None, config=pytestconfig, items=[Item()])
