"""Enter a PC/SC stack: run a command in its namespaces as if it ran here.

`emulator.reader.stack` starts this file as a script, ``stack_enter.py SETTINGS COMMAND...``, so it needs only the
standard library. It enters the namespaces of process SETTINGS.pid, runs the command there, passes signals
on to it, and ends with its exit status (128 + n after signal n).
"""

import contextlib
import ctypes
import errno
import json
import os
import signal
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Any, Final

GRACE: Final = 3.0
"""Seconds that a command has to end by itself when the owner of its stack is gone."""

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36
PASSED_ON: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
)


def _libc(call: str, *arguments: int) -> None:
    """Make a system call that Python 3.11 lacks."""
    libc = ctypes.CDLL(None, use_errno=True)
    if getattr(libc, call)(*arguments) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{call}: {os.strerror(code)}")


def join(pid: int, kinds: Sequence[str]) -> None:
    """Move this process into namespaces of process ``pid``; of the kind ``pid`` only its children.

    Raises:
        OSError: there is no such process, or the kernel refuses.
    """
    for space in [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY) for kind in kinds]:
        _libc("setns", space, 0)
        os.close(space)


def end_with_parent(parent: int, number: signal.Signals) -> None:
    """Let this process get a signal when the thread that made it ends; end it if that is too late."""
    _libc("prctl", _PR_SET_PDEATHSIG, number)
    if os.getppid() not in (parent, 0):  # 0: the parent is out of sight, in another process namespace
        os._exit(1)


def enter(settings: dict[str, Any], command: list[str]) -> int:
    """Run a command in the namespaces of a stack.

    Args:
        settings: ``pid`` of the stack's first process, ``spaces``, the kinds of its namespaces, and ``owner``, the
            process that started this one.
        command: program and arguments.

    Returns:
        the exit status, 128 + n after signal n.

    Raises:
        OSError: the stack is gone.
    """
    here, spaces = Path.cwd(), settings["spaces"]
    join(settings["pid"], spaces)
    if spaces:
        os.chdir(here)
    else:
        # No namespace dies with its first process here, so everyone looks after their own.
        _libc("prctl", _PR_SET_PDEATHSIG, signal.SIGTERM)
        adopt_orphans()
    owner, parent = settings["owner"], os.getpid()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})
    child = os.fork()
    if child == 0:
        _execute(command, mask, parent)
    if spaces:
        return shepherd(child)
    status = shepherd(child, _Orphan(child, owner).look)
    end_descendants()
    return status


class _Orphan:
    """Sees to it that a command ends after the owner of its stack, also if it goes on after SIGTERM.

    Args:
        child: the command.
        owner: its owner's process.
    """

    def __init__(self, child: int, owner: int) -> None:
        self.child = child
        self.owner = owner
        self.since = 0.0

    def look(self) -> None:
        """Kill the command some time after its owner is gone."""
        if os.getppid() == self.owner:
            return
        self.since = self.since or time.monotonic()
        if time.monotonic() - self.since > GRACE:
            os.kill(self.child, signal.SIGKILL)


def _execute(command: list[str], mask: set[Any], parent: int) -> None:
    """Become the command, with the signals as they were outside of Python; never return."""
    try:
        end_with_parent(parent, signal.SIGKILL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if not command[0]:
            raise FileNotFoundError
        os.execvp(command[0], command)  # noqa: S606
    except OSError as error:
        status, why = _refusal(command[0], error)
        with contextlib.suppress(OSError):
            os.write(2, f"sscard: {command[0]}: {why}\n".encode(errors="surrogateescape"))
        os._exit(status)
    finally:
        os._exit(126)


def _refusal(name: str, error: OSError) -> tuple[int, str]:
    """Return status and reason of a command that does not run: 127 if there is none, 126 if it cannot be executed."""
    placed = "/" in name
    folders = [""] if placed else os.environ.get("PATH", os.defpath).split(":")
    there = any(os.access(Path(folder, name), os.F_OK) for folder in folders)
    if not name or not (there or (placed and error.errno == errno.EACCES)):
        return 127, "there is no such command"
    if error.errno == errno.ENOENT:
        return 126, "cannot be executed: the program that its first line names is missing"
    return 126, f"cannot be executed: {error.strerror}"


def shepherd(child: int, look: Callable[[], object] = lambda: None) -> int:
    """Wait for a child; pass on the signals sent to this process alone; return the exit status.

    ``look`` is called now and then meanwhile, at least once a second. A signal of the terminal (Ctrl-C) reaches
    the child by itself: passing it on would double it. A child ended by signal n gives 128 + n. Leaves the
    signal mask as it found it.
    """
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {*PASSED_ON, signal.SIGCHLD})
    try:
        while True:
            done, status = os.waitpid(child, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                return code if code >= 0 else 128 - code
            # Not for ever: another thread may have swallowed the news of the child's end.
            info = signal.sigtimedwait({*PASSED_ON, signal.SIGCHLD}, 0.5)
            if info is not None and info.si_signo != signal.SIGCHLD and info.si_code <= 0:
                os.kill(child, info.si_signo)
            look()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def adopt_orphans() -> None:
    """Let this process be the parent of what its descendants leave behind, for `end_descendants`."""
    _libc("prctl", _PR_SET_CHILD_SUBREAPER, 1)


def children() -> list[int]:
    """Return the child processes of this process, whatever thread made them."""
    found = []
    for task in Path("/proc/self/task").iterdir():
        with contextlib.suppress(OSError):
            found += [int(pid) for pid in (task / "children").read_text().split()]
    return found


def end_descendants(spared: Collection[int] = ()) -> None:
    """Kill what the command left behind; as a subreaper this process inherits all of it.

    Args:
        spared: child processes that are none of the command's.
    """
    done = set(spared)
    while left := set(children()) - done:
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except OSError:  # somebody else's by now, as under sudo
                done.add(pid)


def main() -> int:
    """Run the command of the command line; return its exit status, 2 if the stack is gone."""
    settings, *command = sys.argv[1:]
    try:
        return enter(json.loads(settings), command)
    except OSError as error:
        sys.stderr.write(f"sscard: the PC/SC stack is gone ({error.strerror})\n")
        return 2


if __name__ == "__main__":
    sys.exit(main())
