"""Ctrl-C: one line and exit status 130, whenever it comes; a second one ends the process at once."""

import os
import select
import signal
import sys

STATUS = 130
_LINE = b"sscard: interrupted\n"
_PATIENCE = 100
"""Milliseconds that the line may wait for a reader of standard error."""


class Interrupted(SystemExit):
    """Ctrl-C, on its way out through whatever has to be put in order; `run` prints the line at the end."""

    def __init__(self) -> None:
        super().__init__(STATUS)


def is_read(number: int, patience: float) -> bool:
    """Return whether a file descriptor takes data within ``patience`` milliseconds; True where nobody can know."""
    if not hasattr(select, "poll"):  # Windows
        return True
    poll = select.poll()
    poll.register(number, select.POLLOUT)
    return bool(poll.poll(patience))


def end_at_once() -> None:
    """End this process on Ctrl-C at once from now on: nothing is under way yet. `scripts/sscard` does it before.

    A process that was started to ignore Ctrl-C goes on ignoring it.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, end)
        sys.unraisablehook = _unraisable


def unwind() -> None:
    """Raise `Interrupted` on Ctrl-C from now on, so that files, readers and processes are put in order."""
    if signal.getsignal(signal.SIGINT) is end:
        signal.signal(signal.SIGINT, _raise)


def print_message() -> None:
    """Print that it was Ctrl-C, if anybody reads that."""
    if is_read(2, _PATIENCE):
        try:
            # On a terminal the characters ^C stand at the beginning of the line.
            os.write(2, b"\n" + _LINE if os.isatty(2) else _LINE)
        except OSError:
            return


def end(_number: int = signal.SIGINT, _frame: object = None) -> None:
    """End the process, with the line."""
    print_message()
    os._exit(STATUS)


def _raise(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGINT, end)
    raise Interrupted


def _unraisable(unraisable: "sys.UnraisableHookArgs") -> None:
    """End the process where the interpreter has swallowed `Interrupted`, in a destructor or a callback."""
    if isinstance(unraisable.exc_value, Interrupted):
        end()
    sys.__unraisablehook__(unraisable)
