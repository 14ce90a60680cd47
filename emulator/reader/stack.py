"""A PC/SC stack of one's own: pcscd and the virtual reader for one process tree.

`run` does for readers what xvfb-run does for screens: it starts a stack, puts cards into it, runs a
command inside, and takes everything down again. `Stack` is the same for programs that want to keep the
stack and start more than one command, or hold the card themselves.

The stack lives in namespaces of its own (users, mounts, network, processes): it needs no privilege, many
run at once, and the machine's own pcscd neither sees nor disturbs it. When its first process ends, the
kernel ends all others, so nothing is left behind, however the owner dies. Inside there is no network but
the loopback.

Where namespaces are refused, it is still private: a pcscd with a socket and free ports of its own. Whoever
reaches those ports can insert a card, and the stack says so.

Where that is not possible either, the stack is shared with the machine, and says so: the running pcscd if it
has the virtual reader, else one of our own that all of the machine can see.
"""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, Self, Union

from keys.errors import SscardError

from ..ports import Insertable
from . import stack_enter as enter
from . import stack_init as init
from .forked import Forked
from .vpcd import Slot, Watcher

Mode = Literal["private", "own", "running"]

MAX_SLOTS: Final = 16
"""pcscd serves no more readers."""

TIMEOUT: Final = 30.0
"""Seconds that the stack may take to start, and then each card to be seen: a busy machine needs some of them."""

EMPTY_TIMEOUT: Final = 5.0
GRACE: Final = 3.0
"""Seconds that a process of the stack has to end by itself."""

_INIT_SCRIPT: Final = str(Path(init.__file__).resolve())
_ENTER_SCRIPT: Final = str(Path(enter.__file__).resolve())
_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"
_DRIVERS: Final = (
    "/usr/lib/pcsc/drivers/serial/libifdvpcd.so*",
    "/usr/lib/*/pcsc/drivers/serial/libifdvpcd.so*",
    "/usr/lib64/pcsc/drivers/serial/libifdvpcd.so*",
    "/usr/local/lib/pcsc/drivers/serial/libifdvpcd.so*",
)


Holder = Union["subprocess.Popen[bytes]", Forked]
Inserter = Sequence[str] | Callable[["Stack"], object]
"""What holds a card: a command, or a function of the stack that goes on in a process of its own (`Forked`)."""


class StackError(SscardError):
    """There is no PC/SC stack to be had, or a card did not get into it; the text is one sentence.

    Example:
        >>> import sscard
        >>> sscard.Stack(17)
        Traceback (most recent call last):
        ...
        emulator.reader.stack.StackError: a PC/SC stack has 1 to 16 slots, not 17
    """


def find_program(name: str) -> str | None:
    """Return the path of a program, also from where only root's PATH looks."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}")


def find_driver(configurations: Path = Path("/etc/reader.conf.d")) -> Path | None:
    """Return the vpcd driver: what pcscd's configuration names, else where packages put it."""
    with contextlib.suppress(OSError):
        for file in sorted(configurations.iterdir()):
            for line in file.read_text(errors="replace").splitlines():
                name, _, value = line.strip().partition(" ")
                library = Path(value.strip().strip('"'))
                if name == "LIBPATH" and "vpcd" in library.name and library.is_file():
                    return library
    return next((path for pattern in _DRIVERS for path in sorted(Path("/").glob(pattern[1:]))), None)


def _report(line: str) -> None:
    sys.stderr.write(f"sscard: {line}\n")


class Stack:
    """A private PC/SC stack: pcscd and virtual readers, from entry to exit of a ``with`` block.

    Args:
        slots: how many readers it has, 1 to 16.
        tell: gets a sentence when the stack is not a private one; by default it goes to standard error.
        private_only: refuse a stack that others can reach, too.
        timeout: seconds that the stack may take to start, and then each card to be seen.

    Attributes, after entry:
        mode: ``private``, ``own`` or ``running``.
        readers: the PC/SC names of the slots in order.
        port: TCP port of slot 0.

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
        report: Callable[[str], None] = _report,
        private_only: bool = False,
        timeout: float = TIMEOUT,
    ) -> None:
        if not 1 <= slots <= MAX_SLOTS:
            raise StackError(f"a PC/SC stack has 1 to {MAX_SLOTS} slots, not {slots}")
        self.readers: list[str] = []
        self.mode: Mode = "private"
        self.pid = 0
        self.port = init.FIRST_PORT
        self._slots = slots
        self._spaces: list[str] = []
        self._service = str(init.COMM)
        self._report = report
        self._private_only = private_only
        self._timeout = timeout
        self._lock = threading.Lock()
        self._control: socket.socket | None = None
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
        runs = _answers(init.COMM)
        if self._private_only or not (runs or may_start_pcscd()):
            raise StackError(f"no private PC/SC stack here ({refusal})")
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
        except _Refused as refused:
            return str(refused)
        return ""

    def _launch(self, way: "Mode | Literal['apart']", wrapper: Sequence[str]) -> None:
        """Start the first process and wait until the readers are there."""
        settings: dict[str, Any] = {"mode": way, "slots": self._slots, "timeout": self._timeout}
        # All that it needs beside the standard library is pyscard: `-S` saves it what sites do at the start.
        settings["path"] = [each for each in sys.path if each.endswith(("site-packages", "dist-packages"))]
        if way != "running":
            settings |= {"pcscd": _pcscd(way), "driver": str(_driver())}
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        # Over this socket the stack learns of our death: no child but the first process may hold it.
        self._control = ours
        with theirs, tempfile.TemporaryFile() as errors:
            command = [sys.executable, "-I", "-S", _INIT_SCRIPT, str(theirs.fileno()), json.dumps(settings)]
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
            # The first process has the time, and says what it waited for; this is for one that hangs.
            ours.settimeout(self._timeout + GRACE)
            try:
                packet = ours.recv(65536)
            except TimeoutError:
                raise StackError(f"the PC/SC stack was not ready within {self._timeout:g} s") from None
            finally:
                ours.settimeout(None)
            answer: dict[str, Any] = (
                json.loads(packet) if packet else {"failed": _last_message(self._init, errors), "refused": True}
            )
        if "failed" in answer:
            self.close()
            raise (_Refused if answer["refused"] else StackError)(answer["failed"])
        self.mode, self.pid, self.readers = "private" if way == "apart" else way, answer["pid"], answer["readers"]
        self.port = answer["port"]
        self._service = answer["socket"]

    def close(self) -> None:
        """Take the stack down, with everything that runs in it."""
        for process in self._holders:
            process.terminate()
        for process in list(self._holders):
            self.release(process)
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._init is not None:
            _bury(self._init)
            self._init = None

    def _ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
        with self._lock:
            if self._control is None:
                raise StackError("the PC/SC stack is closed")
            # To start pcscd again takes as long as to start it, after an end that takes its time, too.
            self._control.settimeout(self._timeout + 2 * GRACE)
            try:
                self._control.send(json.dumps(request).encode())
                packet, files, _, _ = socket.recv_fds(self._control, 65536, 1)
            except TimeoutError:
                # Its answer would be taken for that to the next request: this is the stack's end.
                self._control.close()
                self._control = None
                raise StackError("the PC/SC stack is gone (it does not answer)") from None
            except OSError as error:
                raise StackError(f"the PC/SC stack is gone ({error.strerror})") from None
        if not packet:
            raise StackError("the PC/SC stack is gone")
        answer: dict[str, Any] = json.loads(packet)
        if "failed" in answer:
            raise StackError(answer["failed"])
        return answer, files

    # Cards

    def insert(self, card: Insertable, slot: int = 0, *, watch: Watcher = lambda _: None) -> Slot:
        """Put a card that lives in this process into a slot, and wait until PC/SC sees it.

        Close the returned `Slot` to pull the card out.
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
        """Start a process that holds a card in the stack until the stack closes; do not wait for the card."""
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
        """End a process that holds a card: the card is pulled out."""
        holder.terminate()
        _bury(holder)
        self._holders.pop(holder).close()

    def wait_for_cards(self, slots: Sequence[int], timeout: float | None = None) -> None:
        """Wait until PC/SC sees a card in each slot; StackError when a holder ends, or the time runs out."""
        timeout = self._timeout if timeout is None else timeout
        late = self._wait(slots, True, timeout)
        if late:
            raise StackError(f"PC/SC sees no card in {' and '.join(late)} after {timeout:g} s")

    def wait_until_empty(self, slots: Sequence[int], timeout: float = EMPTY_TIMEOUT) -> None:
        """Wait until PC/SC sees no card in any of the slots; StackError when the time runs out.

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
                    raise StackError(_last_message(process, errors))
            waiting = self._ask({"wait": waiting, "present": present, "timeout": 0.25})[0]["waiting"]
        return waiting

    def dial(self, _host: str, port: int) -> socket.socket:
        """Connect to a port inside the stack; OSError when nobody listens."""
        try:
            answer, files = self._ask({"connect": port})
        except StackError as error:
            raise ConnectionRefusedError(str(error)) from None
        if not files:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return socket.socket(fileno=files[0])

    # Commands

    def popen(self, command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        """Start a command inside; arguments, pipes and signals as with `subprocess.Popen`.

        The process is one that stands at the stack's door: it passes signals on to the command, and ends
        with the command's status (128 + n after signal n, 127 for no such command).
        """
        settings = json.dumps({"pid": self.pid, "spaces": self._spaces})
        environment = self._environment(options.pop("env", None) or os.environ)
        entrance = [sys.executable, "-I", "-S", _ENTER_SCRIPT, settings]
        return subprocess.Popen([*entrance, *command], env=environment, **options)  # noqa: S603

    def call(self, command: Sequence[str]) -> int:
        """Run a command inside on this process's terminal; return its exit status.

        Signals sent to this process meanwhile are passed on to the command.
        """
        process = self.popen(command)
        if threading.current_thread() is not threading.main_thread():
            return process.wait()
        process.returncode = enter.shepherd(process.pid, self._look_after)
        return process.returncode

    def _look_after(self) -> None:
        """Tell when a card or the readers are gone, once for each."""
        for process, errors in self._holders.items():
            if process.returncode is None and process.poll() is not None:
                self._report(f"a card is out of its reader: {_last_message(process, errors)}")
        if not self._reported:
            try:
                self._ask({"look": True})
            except StackError as error:
                self._reported = True
                self._report(f"the readers are gone: {error}")

    @property
    def namespaces(self) -> bool:
        """Whether the stack lives in namespaces of its own."""
        return bool(self._spaces)

    @property
    def openness(self) -> str:
        """Say who else can insert a card, where the network is the machine's."""
        return f"whoever reaches ports {self.port} to {self.port + len(self.readers) - 1} can insert a card"

    @property
    def socket_path(self) -> str:
        """Where clients outside of the stack reach its pcscd: the value for PCSCLITE_CSOCK_NAME."""
        return f"/proc/{self.pid}/root{init.COMM}" if self._spaces else self._service

    def _environment(self, outside: Mapping[str, str]) -> dict[str, str]:
        """Return the environment with what leads a PC/SC client, and a card, to this stack."""
        led = {name: value for name, value in outside.items() if name not in ("PCSCLITE_CSOCK_NAME", "SSCARD_PORT")}
        if self._service != str(init.COMM):
            led |= {"PCSCLITE_CSOCK_NAME": self._service, "SSCARD_PORT": str(self.port)}
        return led

    def restart_pcscd(self) -> None:
        """End the stack's pcscd and start another one; return when it shows the readers."""
        if self.mode == "running":
            raise StackError("the running pcscd is not the stack's to restart")
        self.readers = self._ask({"restart": True})[0]["readers"]


def run(
    command: Sequence[str],
    inserters: Sequence[Inserter] = (),
    *,
    slots: int = 2,
    report: Callable[[str], None] = _report,
    timeout: float = TIMEOUT,
) -> int:
    """Run a command in a PC/SC stack with cards in its slots; return the command's exit status.

    Each of ``inserters`` is a command or a function that holds a card in the slot of its place in the sequence
    (the n-th in slot n) until it is ended; the command starts when PC/SC sees all cards. Raises `StackError`,
    before the command has started, also when the stack, or then a card, is not there after ``timeout`` seconds.
    """
    with _terminable(), Stack(max(slots, len(inserters)), report=report, timeout=timeout) as stack:
        stack.wait_until_empty(range(len(inserters)))
        for inserter in inserters:
            stack.hold(inserter)
        stack.wait_for_cards(range(len(inserters)))
        return stack.call(command)


# Helpers --------------------------------------------------------------------------------------------


class _Refused(Exception):
    """This way of building a stack is not open here; another may be."""


def may_start_pcscd() -> bool:
    """Tell whether this process may start a pcscd for the whole machine: in its folder, or where that is made."""
    return os.access(init.IPC if init.IPC.is_dir() else init.IPC.parent, os.W_OK)


def _pcscd(way: str) -> list[str]:
    path = find_program("pcscd")
    if path is None:
        raise StackError("pcscd is not installed (on Debian and Ubuntu: apt install pcscd)")
    # Version 1 calls the feature libsystemd, version 2 systemd.
    if way == "apart" and "systemd" not in _output_of(path, "--version"):
        raise _Refused("this pcscd does not take over a socket")
    # The policy daemon that newer versions ask knows nothing of a private stack, and refuses everybody.
    polkit = "--disable-polkit"
    return [path, polkit] if polkit in _output_of(path, "--help") else [path]


def _output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=GRACE)  # noqa: S603
    return done.stdout + done.stderr


def _driver() -> Path:
    path = find_driver()
    if path is None:
        raise StackError("the vpcd driver is not installed (on Debian and Ubuntu: apt install vsmartcard-vpcd)")
    return path


def _answers(path: Path) -> bool:
    """Tell whether a pcscd listens at a socket; one that systemd starts on demand counts."""
    with socket.socket(socket.AF_UNIX) as sock:
        try:
            sock.connect(str(path))
        except OSError:
            return False
    return True


def _bury(process: Holder) -> None:
    """Wait for a process that was asked to end, and kill it if it does not."""
    try:
        process.wait(GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _last_message(process: Holder, errors: IO[bytes]) -> str:
    """Return the last line of what a process that ends by itself wrote to its standard error."""
    status = process.wait()
    errors.seek(0)
    printed = errors.read().decode(errors="replace").strip().split("\n")[-1].strip().removeprefix("sscard: ")
    end = f"its process was ended by signal {-status}" if status < 0 else f"its process ended with status {status}"
    return printed or end


@contextlib.contextmanager
def _terminable() -> Any:
    """Let SIGTERM and SIGHUP end the block by an exception, so that the stack is closed properly."""

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
