"""What a PC/SC stack takes from this machine: programs, the driver, a pcscd that runs already."""

import contextlib
import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Final

from .errors import StackError, WayClosed
from .stack_place import IPC

_SYSTEM_PATH: Final = "/usr/local/sbin:/usr/sbin:/sbin"
_DRIVERS: Final = (
    "/usr/lib/pcsc/drivers/serial/libifdvpcd.so*",
    "/usr/lib/*/pcsc/drivers/serial/libifdvpcd.so*",
    "/usr/lib64/pcsc/drivers/serial/libifdvpcd.so*",
    "/usr/local/lib/pcsc/drivers/serial/libifdvpcd.so*",
)
_TIMEOUT: Final = 3.0
"""Seconds that pcscd may take to print its version or its help."""


def find_program(name: str) -> str | None:
    """Return the path of a program, also if only root's PATH has it; None if it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:{_SYSTEM_PATH}")


def find_driver(configurations: Path = Path("/etc/reader.conf.d")) -> Path | None:
    """Return the vpcd driver: what pcscd's configuration names, else where packages put it; None if there is none."""
    with contextlib.suppress(OSError):
        for file in sorted(configurations.iterdir()):
            for line in file.read_text(errors="replace").splitlines():
                name, _, value = line.strip().partition(" ")
                library = Path(value.strip().strip('"'))
                if name == "LIBPATH" and "vpcd" in library.name and library.is_file():
                    return library
    return next((path for pattern in _DRIVERS for path in sorted(Path("/").glob(pattern[1:]))), None)


def pcscd_command(*, takes_socket: bool) -> list[str]:
    """Return the command that starts pcscd, with the options that this version needs.

    Args:
        takes_socket: whether it has to take over a socket that is bound for it, as from systemd.

    Raises:
        StackError: pcscd is not installed.
        WayClosed: it cannot take over a socket.
    """
    path = find_program("pcscd")
    if path is None:
        raise StackError("pcscd is not installed (on Debian and Ubuntu: apt install pcscd)")
    # Version 1 calls the feature libsystemd, version 2 systemd.
    if takes_socket and "systemd" not in output_of(path, "--version"):
        raise WayClosed("this pcscd does not take over a socket")
    # The policy daemon that newer versions ask knows nothing of a private stack, and refuses everybody.
    polkit = "--disable-polkit"
    return [path, polkit] if polkit in output_of(path, "--help") else [path]


def output_of(*command: str) -> str:
    """Return what a command prints, on standard output and error."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=_TIMEOUT)  # noqa: S603
    return done.stdout + done.stderr


def require_driver() -> Path:
    """Return the vpcd driver; raise `StackError` if it is not installed."""
    path = find_driver()
    if path is None:
        raise StackError("the vpcd driver is not installed (on Debian and Ubuntu: apt install vsmartcard-vpcd)")
    return path


def connection_error(path: Path) -> str:
    """Return why no pcscd can be reached at a socket, empty if one can; one that systemd starts on demand counts."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
    except OSError as error:
        return f"{path}: {error.strerror}"
    return ""


def may_start_pcscd() -> bool:
    """Return whether this process may start a pcscd for the whole machine, that is, write its folder or make it."""
    return os.access(IPC if IPC.is_dir() else IPC.parent, os.W_OK)
