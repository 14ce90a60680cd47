"""Ctrl-C: one line and status 130, whenever it comes."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.kit import child
from tests.kit.cli import SSCARD
from tests.kit.places import ROOT

WAIT = "import time\nprint('ready', flush=True)\ntime.sleep(60)\n"
"""A module that holds up whoever imports it."""
BURIED = f"class Buried:\n    def __del__(self):\n        {WAIT.replace(chr(10), chr(10) + ' ' * 8)}\nBuried()\n"
"""A module that does it where the interpreter swallows exceptions."""


@pytest.fixture
def launcher(tmp_path: Path) -> list[str]:
    """The program as it is installed: beside its interpreter, and called by a link."""
    folder = tmp_path / "bin"
    folder.mkdir()
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    program = folder / "sscard"
    program.write_bytes((ROOT / "scripts" / "sscard").read_bytes())
    program.chmod(0o755)
    link = tmp_path / "sscard"
    link.symlink_to(program)
    return [str(link)]


def interrupted(command: list[str], modules: Path, *arguments: object) -> tuple[int, str]:
    """Start a program, send it Ctrl-C when a module of ours holds it up; its status and errors."""
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    environment = child.environment(PYTHONPATH=str(modules))
    with child.start([*command, *map(str, arguments)], env=environment, **given) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=child.LIMIT)
    return process.returncode, errors


def test_the_launcher_is_the_program(launcher: list[str], tmp_path: Path) -> None:
    done = child.run([*launcher, "--version"], cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("sscard, version ")
    assert child.run([*launcher, "show", "missing"]).returncode == 2


def test_ctrl_c_before_python_has_begun(launcher: list[str]) -> None:
    """It is put off until somebody answers it well."""
    if child.run(["env", "--block-signal=INT", "true"]).returncode:
        pytest.skip("this env cannot put signals off")
    python = Path(launcher[0]).parent / "bin" / "python"
    python.write_text(python.read_text().replace("exec", "kill -INT $$\nexec"))
    done = child.run([*launcher, "doctor"])
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "sscard: interrupted\n")


@pytest.mark.parametrize("module", ["sitecustomize", "click", "rich"])
def test_ctrl_c_while_the_program_is_loading(module: str, launcher: list[str], tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(WAIT)
    assert interrupted(launcher, tmp_path, "doctor") == (130, "sscard: interrupted\n")


@pytest.mark.parametrize("module", ["click", "rich"])
def test_ctrl_c_while_the_package_is_loading(module: str, tmp_path: Path) -> None:
    (tmp_path / f"{module}.py").write_text(WAIT)
    assert interrupted(SSCARD, tmp_path, "doctor") == (130, "sscard: interrupted\n")


def test_ctrl_c_that_the_interpreter_swallows(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text(BURIED)
    assert interrupted(SSCARD, tmp_path, "doctor") == (130, "sscard: interrupted\n")


def test_ctrl_c_for_the_second_time_ends_at_once(tmp_path: Path) -> None:
    (tmp_path / "rich.py").write_text(
        f"try:\n    {WAIT.replace(chr(10), chr(10) + ' ' * 4)}\nfinally:\n    while True: pass\n"
    )
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    environment = child.environment(PYTHONPATH=str(tmp_path))
    with child.start([*SSCARD, "doctor"], env=environment, **given) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=child.LIMIT)
    assert (process.returncode, errors) == (130, "sscard: interrupted\n")


def test_who_is_started_to_ignore_ctrl_c_goes_on(tmp_path: Path) -> None:
    (tmp_path / "click.py").write_text(WAIT.replace("60", "0.5") + "raise SystemExit(7)\n")
    command = ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *SSCARD]
    assert interrupted(command, tmp_path, "doctor") == (7, "")


def test_ctrl_c_while_a_script_is_awaited(tmp_path: Path) -> None:
    card, script = tmp_path / "card.sscard", tmp_path / "script"
    assert child.run([*SSCARD, "blank", card]).returncode == 0
    os.mkfifo(script)
    given: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
    # The script is open here when the program has opened it.
    with child.start([*SSCARD, "apdu", card, script], **given) as process, script.open("w") as written:
        written.write("reset\n")
        written.flush()
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=child.LIMIT)
    assert (process.returncode, errors) == (130, "sscard: interrupted\n")
