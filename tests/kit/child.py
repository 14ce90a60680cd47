"""Start programs from tests: in an environment of their own, with a limit, and none is left behind.

What a machine is used to (PYTHONUNBUFFERED, a locale, a PIN in SSCARD_PIN) reaches no program that a test
starts, so it can neither hide a fault nor make one. `project/test_limits.py` checks that tests start programs here
alone, and that nothing waits without a limit.
"""

import contextlib
import os
import select
import subprocess
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Final

LIMIT: Final = 60.0
"""Seconds that a program gets if the test names none."""

TODAY: Final = "2026-11-27"
"""The date of terminals that tests start, so that the demo cards are valid for ever (`sscard terminal --date`)."""

_PASSED_ON: Final = ("PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH")
_HABITS: Final = (
    *("PYTHON", "SSCARD_", "PCSCLITE_", "LC_", "LANG", "CLICOLOR", "TTY_"),
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "PAGER", "TZ"),
)


def environment(**changes: str) -> dict[str, str]:
    """Return the environment of a program: where programs and files are, UTF-8, and ``changes``."""
    # A measurement of coverage goes on in the programs.
    passed_on = {
        name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith("COVERAGE_")
    }
    return passed_on | {"LANG": "C.UTF-8", "SSCARD_DATE": TODAY} | changes


def unmeasured() -> dict[str, str]:
    """Return the environment of a program whose imports or start are looked at: no measurement goes on in it."""
    return {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}


def forget_habits() -> None:
    """Take out of this process's environment what the machine is used to; what the product starts inherits it."""
    for name in [name for name in os.environ if name.startswith(_HABITS)]:
        del os.environ[name]
    os.environ["LANG"] = "C.UTF-8"
    os.environ["SSCARD_DATE"] = TODAY


def run(
    command: Sequence[object], *, limit: float = LIMIT, env: Mapping[str, str] | None = None, **options: Any
) -> "subprocess.CompletedProcess[str]":
    """Run a program until it ends; return its status, output and errors as text.

    Raises:
        subprocess.TimeoutExpired: it ran for more than ``limit`` seconds, and was killed.
    """
    given: dict[str, Any] = _TEXT | options
    if "input" in given:
        del given["stdin"]
    return subprocess.run(_arguments(command), timeout=limit, env=_given(env), **given)  # noqa: PLW1510 - in `_TEXT`


def start(
    command: Sequence[object], *, limit: float = LIMIT, env: Mapping[str, str] | None = None, **options: Any
) -> "AbstractContextManager[subprocess.Popen[Any]]":
    """Start a program for the time of a ``with`` block; see `limited` for how it ends."""
    given: dict[str, Any] = {"stdin": subprocess.DEVNULL} | options
    return limited(subprocess.Popen(_arguments(command), env=_given(env), **given), limit)


@contextmanager
def limited(process: "subprocess.Popen[Any]", limit: float = LIMIT) -> "Iterator[subprocess.Popen[Any]]":
    """Hold a program that runs already; at the end of the block its pipes are closed and its end is waited for.

    Whatever the block waits for, the program is killed ``limit`` seconds after the block began, and the
    block then fails. It is killed at once if the block fails.
    """
    late = threading.Event()

    def end() -> None:
        late.set()
        process.kill()

    guard = threading.Timer(limit, end)
    guard.daemon = True
    guard.start()
    try:
        yield process
        _close(process)
        process.wait(limit + 5)
    finally:
        guard.cancel()
        process.kill()
        _close(process)
        process.wait(5)
        assert not late.is_set(), f"{process.args!r} had not ended after {limit:g} s"


def spawn(command: list[str]) -> int:
    """Start a program that outlives the call, without output; return its number, for `reap`."""
    nothing = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    return os.posix_spawnp(command[0], command, environment(), file_actions=[nothing])


def reap(children: Collection[int], limit: float = LIMIT) -> tuple[int, int]:
    """Wait until one of the forked processes has ended; return its number and exit code."""
    files = {os.pidfd_open(child): child for child in children}
    try:
        ended, _, _ = select.select(list(files), [], [], limit)
    finally:
        for file in files:
            os.close(file)
    assert ended, f"none of {children} ended within {limit:g} s"
    pid, status = os.waitpid(files[ended[0]], os.WNOHANG)
    return pid, os.waitstatus_to_exitcode(status)


_TEXT: Final[dict[str, Any]] = {
    "stdin": subprocess.DEVNULL,
    "stdout": subprocess.PIPE,
    "stderr": subprocess.PIPE,
    "encoding": "utf-8",
    "check": False,
}


def _arguments(command: Sequence[object]) -> list[str]:
    """Return the command line as text."""
    return [str(each) for each in command]


def _given(env: Mapping[str, str] | None) -> Mapping[str, str]:
    """Return the environment to use: the one given, or the default."""
    return environment() if env is None else env


def _close(process: "subprocess.Popen[Any]") -> None:
    """Close the pipes of a program, also one that reads no more."""
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            with contextlib.suppress(BrokenPipeError):
                stream.close()
