"""A child process that goes on with a function of this one: it costs no start and no import.

`Forked` has what `emulator.reader.stack` uses of `subprocess.Popen`.
"""

import contextlib
import math
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from typing import IO

from . import stack_enter as enter


class Forked:
    """A process that runs a function and ends: with status 0, or with 2 after writing the error as one line.

    Args:
        function: called in the child, which keeps none of the parent's signal handlers; its standard input and
            output are /dev/null.
        errors: file that gets its standard error.
        prepare: called in the child, before the function.

    The child gets SIGTERM when the thread that made it ends. Make it before there are other threads: they are
    not in the child, and the locks they hold stay locked.
    """

    def __init__(self, function: Callable[[], object], errors: IO[bytes], prepare: Callable[[], object]) -> None:
        self.returncode: int | None = None
        parent = os.getpid()
        for stream in (sys.stdout, sys.stderr):
            stream.flush()  # or the child would write it once more
        self.pid = os.fork()
        if not self.pid:
            self._become(function, errors, prepare, parent)

    def _become(
        self, function: Callable[[], object], errors: IO[bytes], prepare: Callable[[], object], parent: int
    ) -> None:
        """Call the function and end; never return."""
        status = 2
        try:
            for number in enter.PASSED_ON:
                signal.signal(number, signal.SIG_DFL)
            os.setsid()
            null = os.open(os.devnull, os.O_RDWR)
            for source, target in ((null, 0), (null, 1), (errors.fileno(), 2)):
                os.dup2(source, target)
            enter.end_with_parent(parent, signal.SIGTERM)
            prepare()
            function()
            status = 0
        except BaseException as error:  # nobody above may go on in this process
            with contextlib.suppress(OSError):
                os.write(2, f"{error or type(error).__name__}\n".encode(errors="replace"))
        finally:
            os._exit(status)

    def poll(self) -> int | None:
        """Return the exit status, -n after signal n, or None while it runs."""
        if self.returncode is None and (ended := os.waitpid(self.pid, os.WNOHANG))[0]:
            self.returncode = os.waitstatus_to_exitcode(ended[1])
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for the end and return the status; raise `subprocess.TimeoutExpired` after ``timeout`` seconds."""
        end, pause = time.monotonic() + (math.inf if timeout is None else timeout), 0.001
        while (status := self.poll()) is None:
            if time.monotonic() > end:
                raise subprocess.TimeoutExpired([f"process {self.pid}"], timeout or 0)
            time.sleep(pause)
            pause = min(2 * pause, 0.05)
        return status

    def terminate(self) -> None:
        """Ask it to end: SIGTERM."""
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End it: SIGKILL."""
        self._send(signal.SIGKILL)

    def _send(self, number: signal.Signals) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)
