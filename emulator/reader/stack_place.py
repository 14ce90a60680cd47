"""Where a PC/SC stack lives: namespaces prepared for it, or a folder and ports of its own.

Used by the stack's first process only, which has the standard library and pyscard alone.
"""

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import tempfile
from pathlib import Path
from typing import Final

IPC: Final = Path("/run/pcscd")
COMM: Final = IPC / "pcscd.comm"
FIRST_PORT: Final = 35963
LONGEST_PATH: Final = 100
"""Bytes that the path of a socket may have, with a little room."""

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
            with contextlib.suppress(OSError):  # what this process may not see it cannot show
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


def make_folder() -> Path:
    """Make a new folder that everybody may read and only its owner may write: pcscd need not be root."""
    for parent in (tempfile.gettempdir(), "/tmp"):  # noqa: S108  # a fresh folder in it
        if len(os.fsencode(parent)) < LONGEST_PATH - 30:
            break
    folder = Path(tempfile.mkdtemp(prefix="sscard-", dir=parent))
    folder.chmod(0o755)
    os.umask(0o022)
    return folder


def claim_ports(count: int) -> list[socket.socket]:
    """Bind ``count`` free TCP ports in a row and return their sockets; raise `Refused` if there are none.

    Nobody else can bind these ports but a program that lets others reuse its address, as the driver does.
    """
    for _ in range(100):
        claims: list[socket.socket] = []
        try:
            for place in range(count):
                claims.append(socket.socket())
                claims[-1].bind(("0.0.0.0", claims[0].getsockname()[1] + place if place else 0))  # noqa: S104
        except (OSError, OverflowError):
            for claim in claims:
                claim.close()
        else:
            for claim in claims:
                claim.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            return claims
    raise Refused(f"there are no {count} free ports in a row")


def prepare_namespaces() -> None:
    """Give the new namespaces what pcscd needs: loopback, an empty /run/pcscd, no real readers, a /proc.

    Raises:
        Refused: the kernel allows the namespaces, but nothing in them.
    """
    try:
        _loopback_up()
        _make_room()
        _hide_real_readers()
    except OSError as error:
        raise Refused(f"the kernel refuses mounts and a network of its own: {error}") from None
    # So that ps shows the stack's processes; refused where parts of /proc are masked.
    with contextlib.suppress(OSError):
        _mount("proc", "/proc", "proc")


def require_folder() -> None:
    """Make sure that the folder exists without which no pcscd starts; raise `Refused` if it cannot be made."""
    try:
        IPC.mkdir(exist_ok=True)
    except OSError:
        raise Refused(f"there is no {IPC}: make it as root, with `mkdir {IPC}`") from None
