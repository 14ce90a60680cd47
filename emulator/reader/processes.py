"""Processes of a PC/SC stack: how they end, and what they print before."""

import contextlib
import signal
import subprocess
import threading
from collections.abc import Iterator
from typing import IO, Final, Union

from .forked import Forked

GRACE: Final = 3.0
"""Seconds that a process of the stack has to end by itself."""

Holder = Union["subprocess.Popen[bytes]", Forked]
"""A process that holds a card in a slot."""


def await_end(process: Holder) -> None:
    """Wait for a process that was asked to end, and kill it if it does not end in time."""
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def last_message(process: Holder, errors: IO[bytes]) -> str:
    """Wait for the end of a process; return the last line of its standard error, or how it ended if that is empty."""
    status = process.wait()
    errors.seek(0)
    line = errors.read().decode(errors="replace").strip().split("\n")[-1].strip().removeprefix("sscard: ")
    end = f"its process was ended by signal {-status}" if status < 0 else f"its process ended with status {status}"
    return line or end


@contextlib.contextmanager
def terminable() -> Iterator[None]:
    """Let SIGTERM and SIGHUP raise `SystemExit` in the block, so that what it has opened is closed."""

    def leave(number: int, _: object) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
