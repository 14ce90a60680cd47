"""`sscard exec`: whose Python files run, who is told when a card or pcscd dies, and what stays behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.kit import child
from tests.soak.__main__ import kills, starts

pytestmark = pytest.mark.pcsc

SSCARD = Path(sys.executable).with_name("sscard")
TRAP = "raise SystemExit('a file of this folder was run')\n"
NAMES = ("keys.py", "cardfs.py", "random.py", "select.py", "click.py", "json.py")


@pytest.fixture
def trapped(tmp_path: Path) -> Path:
    """A folder with Python files that bear names of ours, of the libraries, and of Python."""
    for name in NAMES:
        (tmp_path / name).write_text(TRAP)
    return tmp_path


def test_no_python_file_of_the_folder_is_run(trapped: Path) -> None:
    done = child.run([SSCARD, "exec", "--", SSCARD, "read"], cwd=trapped)
    assert (done.returncode, done.stderr) == (0, "")
    assert "测试甲" in done.stdout
    done = child.run([SSCARD, "demo", "--once"], cwd=trapped)
    assert (done.returncode, done.stderr) == (0, "")
    assert "90.00" in done.stdout


def test_exec_finds_sscard_without_an_environment_and_runs_no_file_of_the_folder(trapped: Path) -> None:
    done = child.run([SSCARD, "exec", "--", "sscard", "read"], cwd=trapped, env=child.environment(PATH="/usr/bin:/bin"))
    assert (done.returncode, done.stderr) == (0, "")
    assert "测试甲" in done.stdout


def test_a_package_on_pythonpath_does_not_hide_ours_and_stays_the_commands(tmp_path: Path) -> None:
    for name in ("keys", "cardfs"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("MARK = 'the folder'\n")
    script = "import keys, cardfs; print(keys.MARK, cardfs.MARK)"
    environment = child.environment(PYTHONPATH=".")
    done = child.run([SSCARD, "exec", "--", sys.executable, "-c", script], cwd=tmp_path, env=environment)
    assert (done.returncode, done.stdout, done.stderr) == (0, "the folder the folder\n", "")


# What dies meanwhile ----------------------------------------------------------------------------------


@contextmanager
def running(*options: object, tmp: Path) -> Iterator["subprocess.Popen[str]"]:
    """`sscard exec` of a command that goes on until its input ends, and then ends with status 5."""
    command = [SSCARD, "exec", *options, "--", "sh", "-c", "echo ready; cat; exit 5"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with child.start(command, text=True, env=child.environment(TMPDIR=str(tmp)), **pipes) as outer:
        assert outer.stdout is not None
        assert outer.stdout.readline() == "ready\n"
        yield outer


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below one, as this process sees them."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        for each in (task / "children").read_text().split():
            yield int(each)
            yield from descendants(int(each))


def named(outer: "subprocess.Popen[str]", pattern: str) -> list[int]:
    """Return the processes of a stack whose command line matches."""
    lines = {pid: Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ") for pid in descendants(outer.pid)}
    return [pid for pid, line in lines.items() if re.search(pattern, line)]


def told(outer: "subprocess.Popen[str]") -> str:
    """Return the next line that is told; the command goes on, and its status stays."""
    assert outer.stderr is not None
    assert outer.stdin is not None
    line: str = outer.stderr.readline()
    assert outer.poll() is None
    outer.stdin.close()
    assert outer.wait(child.LIMIT) == 5
    return line


def test_a_card_that_dies_is_told(tmp_path: Path) -> None:
    with running(tmp=tmp_path) as outer:
        first, _ = named(outer, "sscard exec")
        os.kill(first, signal.SIGKILL)
        assert told(outer) == "sscard: a card is out of its reader: its process was ended by signal 9\n"


def test_a_pcscd_that_dies_is_told(tmp_path: Path) -> None:
    with running(tmp=tmp_path) as outer:
        (pcscd,) = named(outer, "^/(usr/)?sbin/pcscd ")
        os.kill(pcscd, signal.SIGKILL)
        assert told(outer).startswith("sscard: the readers are gone: pcscd ended (")


def test_a_killed_exec_leaves_nothing(tmp_path: Path) -> None:
    with running(tmp=tmp_path) as outer:
        below = list(descendants(outer.pid))
        assert len(below) > 4
        outer.kill()
        deadline = time.monotonic() + 5
        while alive := [pid for pid in below if Path(f"/proc/{pid}").exists()]:
            assert time.monotonic() < deadline, alive
            time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


# Limits -----------------------------------------------------------------------------------------------


def test_the_limit_is_an_option() -> None:
    done = child.run([SSCARD, "exec", "--timeout", "0.1", "--", "true"])
    assert done.returncode == 2
    assert re.search(r"^sscard: .* after 0.1 s", done.stderr), done.stderr
    done = child.run([SSCARD, "exec", "--timeout", "0", "--", "true"])
    assert done.returncode == 2
    assert "'--timeout': 0.0 is not in the range" in done.stderr


def test_several_start_at_once() -> None:
    assert starts("", 4, 60) == "4 saw both cards"


def test_none_is_left_by_kills_at_any_moment() -> None:
    assert kills("", 4, 60) == "4 left nothing"
