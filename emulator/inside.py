"""The first process of a private PC/SC stack: prepares its place, runs pcscd, answers its owner.

`emulator.stack` starts this file as a script, ``inside.py FD SETTINGS``, so it needs nothing but the
standard library and pyscard. It serves requests on the control socket FD until the other end closes: JSON
objects, a packet each way, a request at a time. As process 1 of a process namespace it takes everything in
the stack along when it ends.
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
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

IPC: Final = Path("/run/pcscd")
COMM: Final = IPC / "pcscd.comm"
READER: Final = "Virtual PCD"
FIRST_PORT: Final = 35963
RUNNING_TIMEOUT: Final = 3.0
UNPOLLED: Final = 1.0
"""Seconds within which pcscd has certainly looked at an empty slot: it does so every 0.4 s."""

_MS_BIND, _MS_REC = 0x1000, 0x4000
_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 1


class Trouble(Exception):
    """The stack cannot be built; the text is the sentence for the user."""


class Refused(Trouble):
    """The stack cannot be built in this way, because the kernel refuses it; another way may be open."""


def _mount(source: str, target: str, kind: str | None, flags: int = 0, data: str | None = None) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    texts = [text.encode() if text else None for text in (source, target, kind, data)]
    if libc.mount(*texts[:3], ctypes.c_ulong(flags), texts[3]) < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"mount on {target}: {os.strerror(code)}")


def _make_room() -> None:
    """Give the stack an empty /run/pcscd of its own, where the machine may have none to mount on."""
    if not IPC.is_dir():
        # Nobody here may create it, and root should not leave it behind: a /run that shows the same,
        # and has room for one directory more.
        old = os.open("/run", os.O_PATH)
        _mount("tmpfs", "/run", "tmpfs", data="mode=755")
        for source in Path(f"/proc/self/fd/{old}").iterdir():
            target = Path("/run", source.name)
            with contextlib.suppress(OSError):  # an entry we may not see is one we cannot show
                if source.is_symlink():
                    target.symlink_to(source.readlink())
                    continue
                if source.is_dir():
                    target.mkdir()
                else:
                    target.touch()
                _mount(str(source), str(target), None, _MS_BIND | _MS_REC)
        os.close(old)
        IPC.mkdir()
    _mount("tmpfs", str(IPC), "tmpfs", data="mode=755")


def _hide_real_readers() -> None:
    """Leave pcscd no USB driver: it must not take readers away from the machine's own pcscd."""
    for bundle in Path("/usr/lib/pcsc/drivers").glob("*.bundle"):
        _mount("tmpfs", str(bundle), "tmpfs", data="mode=755")


def _loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        request = fcntl.ioctl(sock, _SIOCGIFFLAGS, struct.pack("16sH22x", b"lo", 0))
        (flags,) = struct.unpack_from("H", request, 16)
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sH22x", b"lo", flags | _IFF_UP))


class Init:
    """The stack's first process: owns pcscd, knows the readers, answers the process that started it."""

    def __init__(self, control: socket.socket, settings: dict[str, Any]) -> None:
        self.control = control
        self.settings = settings
        self.mode: str = settings["mode"]
        self.timeout: float = settings["timeout"]
        self.pcscd: subprocess.Popen[bytes] | None = None
        self.work = Path()
        self.empty_since: dict[str, float] = {}

    def run(self) -> None:
        """Build the stack, then serve it until the control socket closes."""
        # Before there is another /proc: the number by which the outside knows this process.
        pid = int(Path("/proc/self").readlink().name)
        try:
            if self.mode == "private":
                self.prepare()
                self.work = IPC / "sscard"
                self.work.mkdir()
            elif self.mode == "own":
                self.work = Path(tempfile.mkdtemp(prefix="sscard-"))
            if self.mode != "running":
                self.configure()
                self.start()
            readers = self.find_readers(RUNNING_TIMEOUT if self.mode == "running" else self.timeout)
            self.send({"pid": pid, "readers": readers})
            self.serve()
        except (Trouble, OSError, ImportError) as error:
            self.send({"failed": str(error), "refused": isinstance(error, Refused)})
        finally:
            self.stop()
            if self.mode == "own":
                shutil.rmtree(self.work, ignore_errors=True)

    def prepare(self) -> None:
        try:
            _loopback_up()
            _make_room()
            _hide_real_readers()
        except OSError as error:
            raise Refused(f"the kernel refuses it a place of its own: {error}") from None
        # So that ps shows the stack's processes; refused where parts of /proc are masked.
        with contextlib.suppress(OSError):
            _mount("proc", "/proc", "proc")

    def configure(self) -> None:
        """Write one entry for each pair of slots; the driver keeps its slots in static memory, so each
        entry but the first needs a copy of the driver of its own."""
        driver = Path(self.settings["driver"])
        text = []
        for pair in range((self.settings["slots"] + 1) // 2):
            name, path = READER, driver
            if pair:
                # pcscd numbers the readers of one driver, and these look to it like so many drivers.
                name = f"{READER} {pair + 1}"
                path = self.work / f"libifdvpcd-{pair}.so"
                shutil.copyfile(driver, path)
            port = f"0x{FIRST_PORT + 2 * pair:04X}"
            text.append(f'FRIENDLYNAME "{name}"\nDEVICENAME /dev/null:{port}\nLIBPATH {path}\nCHANNELID {port}\n')
        conf = self.work / "reader.conf.d"
        conf.mkdir()
        (conf / "vpcd").write_text("\n".join(text))

    def start(self) -> None:
        """Start pcscd on the stack's own reader configuration."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PCSCLITE_", "LISTEN_"))}
        with (self.work / "pcscd.log").open("wb") as log:
            self.pcscd = subprocess.Popen(  # noqa: S603
                [*self.settings["pcscd"], "-f", "-c", str(self.work / "reader.conf.d")],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
            )

    def stop(self) -> None:
        if self.pcscd is not None and self.pcscd.poll() is None:
            self.pcscd.terminate()
            try:
                self.pcscd.wait(2)
            except subprocess.TimeoutExpired:
                self.pcscd.kill()
                self.pcscd.wait()

    def find_readers(self, timeout: float) -> list[str]:
        """Wait until pcscd shows the virtual reader; return the names of its slots in order."""
        from smartcard import scard  # noqa: PLC0415  # only this process needs it, and late

        deadline, wanted = time.monotonic() + timeout, self.settings["slots"]
        names: list[str] = []
        while time.monotonic() < deadline:
            if self.pcscd is not None and self.pcscd.poll() is not None:
                raise Trouble(f"pcscd ended at once ({self.last_words()})")
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
            raise Trouble(f"the running pcscd has {len(names) or 'no'} slots of a virtual reader, not {wanted}")
        raise Trouble(f"pcscd shows no virtual reader after {timeout:g} s ({self.last_words()})")

    def last_words(self) -> str:
        """Return the last line of pcscd's log, without its time and place."""
        with contextlib.suppress(OSError):
            lines = (self.work / "pcscd.log").read_text(errors="replace").split("\n")
            spoken = [line.strip() for line in lines if line.strip()]
            if spoken:
                return spoken[-1].split("() ", 1)[-1]
        return "it said nothing"

    # Requests

    def send(self, message: dict[str, Any]) -> None:
        with contextlib.suppress(OSError):  # the other end may be gone: the next receive will tell
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
            request = json.loads(packet)
            if "connect" in request:
                self.connect(request["connect"])
            elif self.pcscd is not None and self.pcscd.poll() is not None and "restart" not in request:
                self.send({"failed": f"pcscd ended ({self.last_words()})"})
            elif "wait" in request:
                self.send({"waiting": self.wait(request["wait"], request["present"], request["timeout"])})
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
        """Hand a connection to a port of the stack to the outside."""
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
            try:
                sock.connect(("127.0.0.1", port))
            except OSError as error:
                self.send({"errno": error.errno})
            else:
                socket.send_fds(self.control, [b"{}"], [sock.fileno()])

    def wait(self, readers: list[str], present: bool, timeout: float) -> list[str]:
        """Wait until every reader holds a card, or none does; return those that still differ."""
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

    def settled(self, reader: str, state: int, present: bool) -> bool:
        """Tell whether a slot holds a card, or is empty and pcscd has seen that.

        A client whose reset fails makes pcscd say "no card" before its next poll; a card that comes before that
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
    """Build the stack that the arguments describe, and serve it."""
    # The caller's terminal is not ours: the stack ends when its owner closes it, not by Ctrl-C.
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    settings = json.loads(sys.argv[2])
    sys.path += settings["path"]
    with socket.socket(fileno=int(sys.argv[1])) as control:
        Init(control, settings).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
