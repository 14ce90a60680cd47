"""A PC/SC stack of one's own: pcscd and the virtual reader for one process tree.

`run` does for readers what xvfb-run does for screens: it starts a stack, puts cards into it, runs a
command in it, and takes everything down again. `Stack` is the same for programs that want to keep the
stack and start more than one command, or hold the card themselves.

The stack lives in namespaces of its own (users, mounts, network, processes): it needs no privilege, many
run at once, and the machine's own pcscd neither sees nor disturbs it. When its first process ends, the
kernel ends all others, so nothing is left behind, however the owner dies. In it there is no network but
the loopback.

Where namespaces are refused, it is still private: a pcscd with a socket and free ports of its own. Whoever
reaches those ports can insert a card, and the stack reports that.

Where that is not possible either, the stack is shared with the machine, and reports that: the running pcscd if it
has the virtual reader, else one of our own that all of the machine can see.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, Self

from ..ports import Insertable
from . import stack_enter as enter
from .control import Control
from .errors import StackError, WayClosed
from .forked import Forked
from .machine import connection_error, find_program, may_start_pcscd, pcscd_command, require_driver
from .processes import GRACE, Holder, await_end, last_message, terminable
from .stack_place import COMM, FIRST_PORT
from .vpcd import Slot, Watcher

__all__ = ["MAX_SLOTS", "TIMEOUT", "Inserter", "Mode", "Stack", "StackError", "run"]

Mode = Literal["private", "own", "running"]
"""Whose pcscd it is: the stack's alone, one of ours that all of the machine can see, or the machine's."""

MAX_SLOTS: Final = 16
"""pcscd serves no more readers."""

TIMEOUT: Final = 30.0
"""Seconds that the stack may take to start, and then each card to be seen: a busy machine needs some of them."""

EMPTY_TIMEOUT: Final = 5.0

_ROOT: Final = str(Path(__file__).resolve().parents[2])
_INIT: Final = f"import sys; sys.path.append({_ROOT!r}); from emulator.reader.stack_init import main; sys.exit(main())"
"""What the first process runs; this project is all that it has beside the standard library and pyscard."""

_ENTER: Final = str(Path(enter.__file__).resolve())

Inserter = Sequence[str] | Callable[["Stack"], object]
"""What holds a card: a command, or a function of the stack that goes on in a process of its own (`Forked`)."""


def _print(line: str) -> None:
    sys.stderr.write(f"sscard: {line}\n")


class Stack:
    """A private PC/SC stack: pcscd and virtual readers, from entry to exit of a ``with`` block.

    Args:
        slots: number of slots, 1 to 16.
        report: gets a sentence if the stack is not a private one, and if it loses a card or its readers; by default
            the sentence goes to standard error.
        private_only: raise if no private stack is possible, instead of sharing one.
        timeout: seconds that the stack may take to start, and each card to be seen.

    Attributes, after entry:
        mode: whose pcscd it is.
        readers: PC/SC names of the slots, in order.
        port: TCP port of slot 0.
        pid: process id of the stack's first process, as this process sees it.

    Raises:
        StackError: on entry, if no stack is possible, or no private one and ``private_only`` asks for it.

    Example:
        >>> import sscard
        >>> with sscard.Stack(1) as stack, stack.insert(sscard.Card.issue()):
        ...     status = stack.call(["opensc-tool", "-a"])  # any PC/SC program
        ...     print(stack.readers[0], status)
        Virtual PCD 00 00 0
    """

    def __init__(
        self,
        slots: int = 2,
        *,
        report: Callable[[str], None] = _print,
        private_only: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        if not 1 <= slots <= MAX_SLOTS:
            raise StackError(f"a PC/SC stack has 1 to {MAX_SLOTS} slots, not {slots}")
        self.readers: list[str] = []
        self.mode: Mode = "private"
        self.pid = 0
        self.port = FIRST_PORT
        self._slots = slots
        self._spaces: list[str] = []
        self._service = str(COMM)
        self._folder = ""
        self._report = report
        self._private_only = private_only
        self._timeout = timeout
        self._control: Control | None = None
        self._init: subprocess.Popen[bytes] | None = None
        self._holders: dict[Holder, IO[bytes]] = {}
        self._reported = False

    def __enter__(self) -> Self:
        try:
            self._open()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # Building and taking down

    def _open(self) -> None:
        refusal = self._open_in_namespaces()
        if not refusal:
            return
        more = self._refusal("apart")
        if not more:
            self._report(f"no namespaces here ({refusal}): {self.openness}")
            return
        refusal = f"{refusal}; {more}"
        runs = not connection_error(COMM)
        if self._private_only or not (runs or may_start_pcscd()):
            way_out = "" if self._private_only else "; `sscard doctor` shows what is missing"
            raise StackError(f"no private PC/SC stack here ({refusal}){way_out}")
        what = "the running pcscd" if runs else "a pcscd that all of the machine can see"
        self._report(f"no private PC/SC stack here ({refusal}); using {what}")
        refusal = self._refusal("running" if runs else "own")
        if refusal:
            raise StackError(f"pcscd could not be started ({refusal})")

    def _open_in_namespaces(self) -> str:
        """Build the stack in namespaces; return why they are refused, nothing if they are not."""
        unshare = find_program("unshare")
        if unshare is None:
            return "unshare is not installed"
        # Root needs no user namespace, and keeps its rights over the machine's files without one.
        for users in ([], ["user"]) if os.geteuid() == 0 else (["user"],):
            options = ["--map-root-user" for _ in users]
            refusal = self._refusal(
                "private", [unshare, *options, "--mount", "--net", "--pid", "--fork", "--kill-child"]
            )
            if not refusal:
                self._spaces = [*users, "mnt", "net", "pid"]
                break
        return refusal

    def _refusal(self, way: "Mode | Literal['apart']", wrapper: Sequence[str] = ()) -> str:
        """Build the stack in one way; return why that is refused, nothing if it is not."""
        try:
            self._launch(way, wrapper)
        except WayClosed as closed:
            return str(closed)
        return ""

    def _launch(self, way: "Mode | Literal['apart']", wrapper: Sequence[str]) -> None:
        """Start the first process and wait until the readers are there."""
        settings: dict[str, Any] = {"mode": way, "slots": self._slots, "timeout": self._timeout}
        # It needs pyscard, found here: `-S` saves it what site packages do at the start.
        settings["path"] = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
        if way != "running":
            settings |= {"pcscd": pcscd_command(takes_socket=way == "apart"), "driver": str(require_driver())}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Over this socket the stack learns of our death: no child but the first process may hold it. To start pcscd
        # again takes as long as to start it, after an end that takes its time, too.
        self._control = Control(ours, self._timeout + 2 * GRACE)
        with theirs, tempfile.TemporaryFile() as errors:
            command = [sys.executable, "-I", "-S", "-c", _INIT, str(theirs.fileno()), json.dumps(settings)]
            self._init = subprocess.Popen(  # noqa: S603
                [*wrapper, *command],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,
                env=self._environment(os.environ),
            )
            theirs.close()
            # The first process has a limit and reports what it waited for; this one is for a process that hangs.
            try:
                packet = self._control.first_packet(self._timeout + GRACE)
            except TimeoutError:
                raise StackError(f"the PC/SC stack was not ready within {self._timeout:g} s") from None
            answer: dict[str, Any] = (
                json.loads(packet) if packet else {"failed": last_message(self._init, errors), "refused": True}
            )
        if "failed" in answer:
            self.close()
            raise (WayClosed if answer["refused"] else StackError)(answer["failed"])
        self.mode, self.pid, self.readers = "private" if way == "apart" else way, answer["pid"], answer["readers"]
        self.port = answer["port"]
        self._service = answer["socket"]
        self._folder = answer["folder"]

    def look(self) -> None:
        """Do nothing if the stack works; raise `StackError` if its first process or its pcscd has ended."""
        self._ask({"look": True})

    def inherit(self, *paths: str) -> None:
        """Let the stack remove folders and files of its owner, these alone, if the owner dies without closing it."""
        self._ask({"orphans": paths})

    def close(self) -> None:
        """Take the stack down, with everything that runs in it."""
        for process in self._holders:
            process.terminate()
        # Not a second time: a holder takes a second signal as "at once", and would leave its log and its trace behind.
        while self._holders:
            process, errors = self._holders.popitem()
            await_end(process)
            errors.close()
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._init is not None:
            await_end(self._init)
            self._init = None
        if self._folder:
            # The first process does so, too; unless it was killed.
            shutil.rmtree(self._folder, ignore_errors=True)

    def _ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        if self._control is None:
            raise StackError("the PC/SC stack is closed")
        return self._control.ask(request)[0]

    # Cards

    def insert(self, card: Insertable, slot: int = 0, *, watch: Watcher = lambda _: None) -> Slot:
        """Put a card that lives in this process into a slot, and wait until PC/SC sees it.

        Args:
            card: a card, or anything else with the five methods of `Insertable`.
            slot: number of the slot, from 0.
            watch: gets the events of the link (`emulator.reader.events`).

        Returns:
            the slot; close it to pull the card out.

        Raises:
            StackError: the slot holds a card already, or PC/SC does not see this one in time.
        """
        self.wait_until_empty([slot])
        link = Slot(card, slot, port=self.port, watch=watch, connect=self.dial, service=self.socket_path).start()
        try:
            self.wait_for_cards([slot])
        except BaseException:
            link.close()
            raise
        return link

    def hold(self, inserter: Inserter) -> Holder:
        """Start a process that holds a card until `release` or the stack's end; do not wait for the card to be seen.

        Args:
            inserter: a command, or a function that gets the stack and runs in a process of its own.

        Returns:
            the process, for `release`.
        """
        # To a file: nobody reads along, and a full pipe would stop the card.
        errors = tempfile.TemporaryFile()  # noqa: SIM115  # closed by `release`
        process: Holder
        if callable(inserter):
            process = Forked(lambda: inserter(self), errors, self._move_in)
        else:
            process = self.popen(
                inserter, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
        self._holders[process] = errors
        return process

    def _move_in(self) -> None:
        """Let a fork of this process reach the stack's readers, and no longer stand for its owner."""
        if self._control is not None:
            self._control.close()
        enter.join(self.pid, [kind for kind in self._spaces if kind in ("user", "net")])

    def release(self, holder: Holder) -> None:
        """End a process that holds a card, one that `hold` returned: the card is pulled out."""
        holder.terminate()
        await_end(holder)
        self._holders.pop(holder).close()

    def wait_for_cards(self, slots: Sequence[int], timeout: float | None = None) -> None:
        """Wait until PC/SC sees a card in each slot; raise `StackError` if a holder ends or the time runs out."""
        timeout = self._timeout if timeout is None else timeout
        late = self._wait(slots, True, timeout)
        if late:
            raise StackError(f"PC/SC sees no card in {' and '.join(late)} after {timeout:g} s")

    def wait_until_empty(self, slots: Sequence[int], timeout: float = EMPTY_TIMEOUT) -> None:
        """Wait until PC/SC sees no card in any of the slots; raise `StackError` when the time runs out.

        PC/SC notices a pulled card late. Who does not wait takes the old card for the new one.
        """
        full = self._wait(slots, False, timeout)
        if full:
            raise StackError(f"{' and '.join(full)} already hold{'s' if len(full) == 1 else ''} a card")

    def _wait(self, slots: Sequence[int], present: bool, timeout: float) -> list[str]:
        deadline = time.monotonic() + timeout
        waiting = [self.readers[slot] for slot in slots]
        while waiting and time.monotonic() < deadline:
            for process, errors in self._holders.items():
                if process.poll() is not None:
                    raise StackError(last_message(process, errors))
            waiting = self._ask({"wait": waiting, "present": present, "timeout": 0.25})["waiting"]
        return waiting

    def reset(self, slot: int) -> None:
        """Reset the card in a slot, as another program would; raise `StackError` if PC/SC does not do it."""
        failed = self._ask({"reset": self.readers[slot]})["failed_code"]
        if failed:
            raise StackError(f"{self.readers[slot]}: {failed}")

    def unpower(self, slot: int) -> bool:
        """Take the power from the card in a slot; return whether that was possible: no program is connected to it."""
        return not self._ask({"unpower": self.readers[slot]})["failed_code"]

    def dial(self, host: str, port: int) -> socket.socket:
        """Return a connection to a port of the stack, whatever the host; raise `OSError` if nobody listens."""
        if self._control is None:
            raise ConnectionRefusedError("the PC/SC stack is closed")
        return self._control.dial(host, port)

    # Commands

    def popen(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """Start a command in the stack, with the options of `subprocess.Popen`.

        The returned process is `emulator.reader.stack_enter`: it passes signals on to the command, and ends
        with the command's status (128 + n after signal n, 127 for no such command).
        """
        settings = json.dumps({"pid": self.pid, "spaces": self._spaces, "owner": os.getpid()})
        environment = self._environment(options.pop("env", None) or os.environ)
        entrance = [sys.executable, "-I", "-S", _ENTER, settings]
        return subprocess.Popen([*entrance, *command], env=environment, **options)  # noqa: S603

    def call(self, command: Sequence[str]) -> int:
        """Run a command in the stack on this process's terminal; return its exit status, 128 + n after signal n.

        Signals sent to this process meanwhile are passed on to the command.
        """
        process = self.popen(command)
        if threading.current_thread() is not threading.main_thread():
            return process.wait()
        process.returncode = enter.shepherd(process.pid, self.look_after)
        return process.returncode

    def look_after(self) -> None:
        """Report when a card or the readers are gone, once for each."""
        for process, errors in self._holders.items():
            if process.returncode is None and process.poll() is not None:
                self._report(f"a card is out of its reader: {last_message(process, errors)}")
        if not self._reported:
            try:
                self.look()
            except StackError as error:
                self._reported = True
                self._report(f"the readers are gone: {error}")

    @property
    def namespaces(self) -> bool:
        """Return whether the stack lives in namespaces of its own."""
        return bool(self._spaces)

    @property
    def openness(self) -> str:
        """Return who else can insert a card, in words; only without namespaces."""
        return f"whoever reaches ports {self.port} to {self.port + len(self.readers) - 1} can insert a card"

    @property
    def socket_path(self) -> str:
        """Return the path of pcscd's socket for clients outside of the stack: the value for PCSCLITE_CSOCK_NAME."""
        return f"/proc/{self.pid}/root{COMM}" if self._spaces else self._service

    def _environment(self, outside: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with what leads a PC/SC client, and a card, to this stack."""
        led = {name: value for name, value in outside.items() if name not in ("PCSCLITE_CSOCK_NAME", "SSCARD_PORT")}
        if self._service != str(COMM):
            led |= {"PCSCLITE_CSOCK_NAME": self._service, "SSCARD_PORT": str(self.port)}
        return led

    def restart_pcscd(self) -> None:
        """End the stack's pcscd and start another one; return when it shows the readers.

        Raises:
            StackError: it is the machine's, or it does not start in time.
        """
        if self.mode == "running":
            raise StackError("the machine's running pcscd is not restarted")
        self.readers = self._ask({"restart": True})["readers"]


def run(
    command: Sequence[str],
    inserters: Sequence[Inserter] = (),
    *,
    slots: int = 2,
    report: Callable[[str], None] = _print,
    timeout: float = TIMEOUT,
) -> int:
    """Run a command in a PC/SC stack with cards in its slots; return the command's exit status.

    Args:
        command: program and arguments; started when PC/SC sees all cards.
        inserters: commands or functions, each of which holds a card until it is ended, the n-th in slot n.
        slots: the fewest slots that the stack has.
        report: as for `Stack`.
        timeout: seconds that the stack, and then the cards, may take.

    Raises:
        StackError: no stack, or a card did not get into it; the command was not started.
    """
    with terminable(), Stack(max(slots, len(inserters)), report=report, timeout=timeout) as stack:
        stack.wait_until_empty(range(len(inserters)))
        for inserter in inserters:
            stack.hold(inserter)
        stack.wait_for_cards(range(len(inserters)))
        return stack.call(command)
