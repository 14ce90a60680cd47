"""The first process of a PC/SC stack: prepares its place, runs pcscd, answers its owner.

`emulator.reader.stack` starts `main` in a Python without site packages, with arguments FD and SETTINGS, so it needs
only the standard library, `emulator.reader.stack_place` and pyscard. It serves requests on the control socket FD until
the other end closes: JSON objects, a packet each way, a request at a time. As process 1 of a process namespace it
takes everything in the stack along when it ends.

Without namespaces a stack can still be apart from the machine's: pcscd takes over a socket that is bound for it,
as from systemd, and has a reader configuration and free ports of its own. Clients find it by PCSCLITE_CSOCK_NAME.
"""

import contextlib
import ctypes
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

from .stack_place import (
    COMM,
    FIRST_PORT,
    IPC,
    Refused,
    Trouble,
    claim_ports,
    make_folder,
    prepare_namespaces,
    require_folder,
)

READER: Final = "Virtual PCD"
RUNNING_TIMEOUT: Final = 3.0
UNPOLLED: Final = 1.0
"""Seconds within which pcscd has certainly looked at an empty slot: it does so every 0.4 s."""

SOCKET_FD: Final = 3
"""File descriptor at which pcscd expects the socket that it takes over (sd_listen_fds)."""

NOBODY: Final = 65534
_PR_SET_PDEATHSIG: Final = 1


def _lead_nowhere(number: int) -> None:
    """Occupy a file descriptor with /dev/null, so that nothing else gets its number."""
    null = os.open(os.devnull, os.O_RDWR | os.O_CLOEXEC)
    if null != number:
        os.dup2(null, number, inheritable=False)
        os.close(null)


class Init:
    """The stack's first process: owns pcscd, knows the readers, answers the process that started it."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self.control = control
        self.settings = settings
        self.mode: str = settings["mode"]
        self.timeout: float = settings["timeout"]
        self.pcscd: subprocess.Popen[bytes] | None = None
        self.folder = Path()
        self.port = FIRST_PORT
        self.claims: list[socket.socket] = []
        self.empty_since: dict[str, float] = {}
        self.orphans: list[str] = []

    def run(self) -> None:
        """Build the stack, then serve it until the control socket closes."""
        # Before there is another /proc: the number by which the outside knows this process.
        pid = int(Path("/proc/self").readlink().name)
        try:
            if self.mode == "private":
                prepare_namespaces()
                self.folder = IPC / "sscard"
                self.folder.mkdir()
            elif self.mode in ("apart", "own"):
                self.folder = make_folder()
            if self.mode == "apart":
                self.prepare_apart()
            if self.mode != "running":
                self.configure()
                self.start()
            readers = self.find_readers(RUNNING_TIMEOUT if self.mode == "running" else self.timeout)
            folder = str(self.folder) if self.mode in ("apart", "own") else ""
            self.send(
                {
                    "pid": pid,
                    "readers": readers,
                    "port": self.port,
                    "socket": str(self.socket_path()),
                    "folder": folder,
                }
            )
            self.serve()
        except (Trouble, OSError, ImportError) as error:
            self.send({"failed": str(error), "refused": self.mode == "apart" or isinstance(error, Refused)})
        finally:
            self.stop()
            if self.mode in ("apart", "own"):
                shutil.rmtree(self.folder, ignore_errors=True)
            for path in self.orphans:
                shutil.rmtree(path, ignore_errors=True)
                with contextlib.suppress(OSError):
                    Path(path).unlink()

    def prepare_apart(self) -> None:
        """Claim ports, and see to the folder without which no pcscd starts."""
        require_folder()
        self.claims = claim_ports((self.settings["slots"] + 1) // 2 * 2)
        self.port = self.claims[0].getsockname()[1]
        # Before the PC/SC library is loaded: it asks once.
        os.environ["PCSCLITE_CSOCK_NAME"] = str(self.socket_path())

    def socket_path(self) -> Path:
        """Return the path of the socket at which clients in the stack reach pcscd."""
        return self.folder / "pcscd.comm" if self.mode == "apart" else COMM

    def configure(self) -> None:
        """Write pcscd's reader configuration: one reader for each pair of slots.

        The driver keeps its slots in static memory, so each reader but the first needs its own copy of it.
        """
        driver = Path(self.settings["driver"])
        text = []
        for pair in range((self.settings["slots"] + 1) // 2):
            name, path = READER, driver
            if pair:
                # pcscd numbers the readers of one driver, and these look to it like so many drivers.
                name = f"{READER} {pair + 1}"
                path = self.folder / f"libifdvpcd-{pair}.so"
                shutil.copyfile(driver, path)
            port = f"0x{self.port + 2 * pair:04X}"
            text.append(f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{port}\nLIBPATH {path}\nCHANNELID {port}\n')
        conf = self.folder / "reader.conf.d"
        conf.mkdir()
        (conf / "vpcd").write_text("\n".join(text))

    def start(self) -> None:
        """Start pcscd on the stack's own reader configuration; raise `OSError` if it cannot be executed."""
        command = [*self.settings["pcscd"], "-f", "-c", str(self.folder / "reader.conf.d")]
        if self.mode == "apart":
            self.bind()
        with (self.folder / "pcscd.log").open("wb") as log:
            # As root in the machine's own place it would take the real readers, and overwrite pcscd.pid.
            users = [NOBODY, None] if self.mode == "apart" and os.geteuid() == 0 else [None]
            for user in users:
                try:
                    self.pcscd = subprocess.Popen(  # noqa: S603
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=log,
                        stderr=log,
                        pass_fds=[SOCKET_FD] if self.mode == "apart" else [],
                        user=user,
                        group=user,
                        extra_groups=None if user is None else [],
                        preexec_fn=self.become,  # noqa: PLW1509  # this process has no threads
                    )
                except OSError:
                    if user is None:
                        raise
                else:
                    break
        if self.mode == "apart":
            _lead_nowhere(SOCKET_FD)  # pcscd alone holds the socket: where it ends, clients are refused

    def become(self) -> None:
        """Prepare the child that becomes pcscd: let it end with this process, and take over what systemd hands over."""
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        for name in [name for name in os.environ if name.startswith(("PCSCLITE_", "LISTEN_"))]:
            del os.environ[name]
        if self.mode == "apart":
            os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}

    def bind(self) -> None:
        """Bind the socket that pcscd takes over."""
        path = self.socket_path()
        path.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
            listener.listen(16)
            os.dup2(listener.fileno(), SOCKET_FD)

    def stop(self) -> None:
        """End pcscd, within two seconds; do nothing if it does not run."""
        if self.pcscd is not None and self.pcscd.poll() is None:
            self.pcscd.terminate()
            try:
                self.pcscd.wait(2)
            except subprocess.TimeoutExpired:
                self.pcscd.kill()
                self.pcscd.wait()

    def find_readers(self, timeout: float) -> list[str]:
        """Wait until pcscd shows the virtual reader; return the PC/SC names of its slots in order.

        Raises:
            Trouble: pcscd ended, or does not show them within ``timeout`` seconds.
        """
        from smartcard import scard  # noqa: PLC0415  # only this process needs it, and late

        deadline, wanted = time.monotonic() + timeout, self.settings["slots"]
        names: list[str] = []
        while time.monotonic() < deadline:
            if self.pcscd is not None and self.pcscd.poll() is not None:
                raise Trouble(f"pcscd ended at once ({self.last_message()})")
            code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
            if code == scard.SCARD_S_SUCCESS:
                _, found = scard.SCardListReaders(context, [])
                names = sorted(name for name in found if name.startswith(READER))
                if len(names) < wanted:
                    notice = ("\\\\?PnP?\\Notification", scard.SCARD_STATE_UNAWARE)
                    scard.SCardGetStatusChange(context, 100, [notice])
                scard.SCardReleaseContext(context)
            if len(names) >= wanted:
                return names
            time.sleep(0.005)  # pcscd's socket announces itself to nobody
        if self.mode == "running":
            raise Trouble(
                f"the running pcscd has {len(names) or 'no'} slots of a virtual reader, and {wanted} are needed"
            )
        raise Trouble(f"pcscd shows no virtual reader after {timeout:g} s ({self.last_message()})")

    def last_message(self) -> str:
        """Return the last line of pcscd's log, without its time and place."""
        with contextlib.suppress(OSError):
            lines = (self.folder / "pcscd.log").read_text(errors="replace").split("\n")
            spoken = [line.strip() for line in lines if line.strip()]
            if spoken:
                return spoken[-1].split("() ", 1)[-1]
        return "it printed nothing"

    # Requests

    def send(self, message: dict[str, Any]) -> None:
        """Send an answer to the owner."""
        with contextlib.suppress(OSError):  # the other end may be gone: the next receive shows it
            self.control.send(json.dumps(message).encode())

    def serve(self) -> None:
        """Answer requests and bury orphans until the other end closes."""
        while True:
            ready, _, _ = select.select([self.control], [], [], 0.5)
            if os.getpid() == 1:
                self.bury()
            if not ready:
                continue
            packet = self.control.recv(65536)
            if not packet:
                return
            self.answer(json.loads(packet))

    def answer(self, request: dict[str, Any]) -> None:
        """Answer one request."""
        if "connect" in request:
            self.connect(request["connect"])
        elif self.pcscd is not None and self.pcscd.poll() is not None and "restart" not in request:
            self.send({"failed": f"pcscd ended ({self.last_message()})"})
        elif "wait" in request:
            self.send({"waiting": self.wait(request["wait"], request["present"], request["timeout"])})
        elif "reset" in request:
            self.send({"failed_code": self.disconnect(request["reset"], power=True)})
        elif "unpower" in request:
            self.send({"failed_code": self.disconnect(request["unpower"], power=False)})
        elif "orphans" in request:
            self.orphans = request["orphans"]
            self.send({})
        elif "look" in request:
            self.send({})
        elif "restart" in request:
            self.stop()
            self.start()
            self.send({"readers": self.find_readers(self.timeout)})

    def bury(self) -> None:
        """Reap what was orphaned in the stack, and leave pcscd to its own wait."""
        with contextlib.suppress(ChildProcessError):
            while (info := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)) is not None:
                if self.pcscd is not None and info.si_pid == self.pcscd.pid:
                    self.pcscd.poll()
                else:
                    os.waitpid(info.si_pid, 0)

    def connect(self, port: int) -> None:
        """Connect to a port of the stack and send the socket to the owner, or the error number."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            try:
                sock.connect(("127.0.0.1", port))
            except OSError as error:
                self.send({"errno": error.errno})
            else:
                socket.send_fds(self.control, [b"{}"], [sock.fileno()])

    def wait(self, readers: list[str], present: bool, timeout: float) -> list[str]:
        """Wait at most ``timeout`` seconds until every reader holds a card, or none does; return those that differ."""
        from smartcard import scard  # noqa: PLC0415

        code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if code != scard.SCARD_S_SUCCESS:
            return readers
        deadline = time.monotonic() + timeout
        states = [(name, scard.SCARD_STATE_UNAWARE) for name in readers]
        differing = readers
        while differing:
            left = deadline - time.monotonic()
            if left <= 0:
                break
            code, seen = scard.SCardGetStatusChange(context, max(1, int(left * 1000)), states)
            if code not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT):
                break
            states = [(name, state) for name, state, _ in seen]
            differing = [name for name, state in states if not self.settled(name, state, present)]
        scard.SCardReleaseContext(context)
        return differing

    def disconnect(self, reader: str, *, power: bool) -> str:
        """Connect to a card and let go of it with a reset, or alone with it and take its power; return what failed.

        With a card whose answer to reset names no protocol nobody can connect, but to the reader alone: that resets it.
        """
        from smartcard import scard  # noqa: PLC0415

        mode = scard.SCARD_SHARE_SHARED if power else scard.SCARD_SHARE_EXCLUSIVE
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM)
        if code == scard.SCARD_S_SUCCESS:
            code, card, _ = scard.SCardConnect(context, reader, mode, protocols)
            if power and code & 0xFFFFFFFF == scard.SCARD_E_PROTO_MISMATCH & 0xFFFFFFFF:
                code, card, _ = scard.SCardConnect(context, reader, scard.SCARD_SHARE_DIRECT, 0)
            if code == scard.SCARD_S_SUCCESS:
                code = scard.SCardDisconnect(card, scard.SCARD_RESET_CARD if power else scard.SCARD_UNPOWER_CARD)
            scard.SCardReleaseContext(context)
        return "" if code == scard.SCARD_S_SUCCESS else str(scard.SCardGetErrorMessage(code)).rstrip(".")

    def settled(self, reader: str, state: int, present: bool) -> bool:
        """Return whether a slot holds a card, or is empty and pcscd has seen that.

        A client whose reset fails makes pcscd report "no card" before its next poll; a card that comes before that
        poll is taken for the one that went. Insertions and removals that were seen are counted in the upper half
        of the state: an even number is an empty slot, unless pcscd began with a card in it.
        """
        if bool(state & 0x20) is not present:  # SCARD_STATE_PRESENT
            self.empty_since.pop(reader, None)
            return False
        if present or not state >> 16 & 1:
            return True
        return time.monotonic() - self.empty_since.setdefault(reader, time.monotonic()) > UNPOLLED


def main() -> int:
    """Build the stack that the arguments describe, and serve it; return the exit status 0."""
    # The caller's terminal is not ours: the stack ends when its owner closes it, not by Ctrl-C.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    settings = json.loads(sys.argv[2])
    sys.path += settings["path"]
    control_fd = int(sys.argv[1])
    if control_fd <= SOCKET_FD:
        control_fd = fcntl.fcntl(control_fd, fcntl.F_DUPFD_CLOEXEC, SOCKET_FD + 1)
    _lead_nowhere(SOCKET_FD)
    with socket.socket(fileno=control_fd) as control:
        Init(control, settings).run()
    return 0
