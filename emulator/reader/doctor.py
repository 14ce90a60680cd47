"""What a PC/SC stack needs from the machine, and where to get what is missing.

Every check looks, and leaves nothing changed. A check that is not ``ok`` and not ``needed`` closes one way only:
readers live in a private stack with or without namespaces, in the running pcscd, or in one of our own, and one
way is enough.
"""

import contextlib
import importlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .errors import StackError
from .machine import connection_error, find_driver, find_program, may_start_pcscd
from .stack import Stack
from .stack_place import COMM, IPC
from .vpcd import PORT

TIMEOUT: Final = 10.0


@dataclass(frozen=True, slots=True)
class Check:
    """The result of one check.

    Attributes:
        name: what was looked for.
        ok: whether it is there.
        found: what was found.
        remedy: how to get it, for people; empty if it is there.
        needed: whether nothing works without it.
    """

    name: str
    ok: bool
    found: str
    remedy: str
    needed: bool = True


def examine() -> list[Check]:
    """Run all checks, cheapest first, in about a second, and return their results."""
    return [check() for check in _CHECKS]


def way(checks: Sequence[Check]) -> str:
    """Return where `Stack` inserts and reads a card here, for people; empty if there is no way."""
    good = {check.name for check in checks if check.ok}
    if not all(check.ok for check in checks if check.needed):
        return ""
    if "private stack" in good:
        return "in a private stack" if "namespaces" in good else "in a private stack without namespaces"
    if "running pcscd" in good:
        return "in the running pcscd" if {"PC/SC service", "vpcd port"} <= good else ""
    return "in a pcscd of its own that all of the machine can see" if "own pcscd" in good else ""


def usable(checks: Sequence[Check]) -> bool:
    """Return whether a card can be inserted and read here."""
    return bool(way(checks))


def _result(name: str, ok: bool, found: str, remedy: str, *, needed: bool = True) -> Check:
    return Check(name, ok, found, "" if ok else remedy, needed)


def _pcscd() -> Check:
    path = find_program("pcscd")
    return _result("pcscd", path is not None, path or "not installed", "apt install pcscd")


def _driver() -> Check:
    path = find_driver()
    found = str(path) if path else "not installed"
    return _result("vpcd driver", path is not None, found, "apt install vsmartcard-vpcd")


def _reader_conf() -> Check:
    folder = Path("/etc/reader.conf.d")
    named = [path for path in sorted(folder.glob("*")) if path.is_file() and "vpcd" in path.read_text(errors="replace")]
    found = str(named[0]) if named else f"no file for vpcd in {folder}"
    return _result("reader.conf", bool(named), found, "apt install --reinstall vsmartcard-vpcd", needed=False)


def _unshare() -> Check:
    path = find_program("unshare")
    return _result("unshare", path is not None, path or "not installed", "apt install util-linux", needed=False)


def _namespaces() -> Check:
    path = find_program("unshare")
    remedy = (
        "start the container with --privileged or --cap-add SYS_ADMIN"
        if os.geteuid() == 0
        else "allow user namespaces: sysctl kernel.unprivileged_userns_clone=1, and on Ubuntu "
        "kernel.apparmor_restrict_unprivileged_userns=0"
    )
    if path is None:
        return _result(
            "namespaces", False, "not tried: unshare is not installed", "apt install util-linux", needed=False
        )
    found = "refused"
    # Some machines hand out the namespace and refuse everything in it: try what the stack will do.
    for users in ([], ["--map-root-user"]) if os.geteuid() == 0 else (["--map-root-user"],):
        trial = subprocess.run(  # noqa: S603
            [path, *users, "--mount", "--net", "--pid", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/tmp"],  # noqa: S108
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
        if trial.returncode == 0:
            return _result("namespaces", True, "allowed", "", needed=False)
        found = trial.stderr.strip().split("\n")[-1]
    return _result("namespaces", False, found, remedy, needed=False)


def _pyscard() -> Check:
    remedy = "pip install pyscard (to build it: apt install gcc swig libpcsclite-dev python3-dev)"
    try:
        module = importlib.import_module("smartcard.scard")
    except ImportError as error:
        return _result("pyscard", False, str(error), remedy)
    return _result("pyscard", True, str(module.__file__), remedy)


def _private() -> Check:
    remedy = "see above: it needs pcscd, the driver and pyscard; and namespaces, or a folder /run/pcscd"
    try:
        with Stack(private_only=True, report=lambda _: None) as stack:
            how = "in namespaces" if stack.namespaces else f"without namespaces: {stack.openness}"
            return _result("private stack", True, f"works {how}", remedy, needed=False)
    except StackError as error:
        return _result("private stack", False, str(error), remedy, needed=False)


def _running() -> Check:
    found = connection_error(COMM)
    ok = not found
    return _result("running pcscd", ok, found or str(COMM), "systemctl start pcscd, or run pcscd as root", needed=False)


def _own() -> Check:
    if not connection_error(COMM):
        return _result("own pcscd", False, "not needed: one runs already", "nothing to do", needed=False)
    ok = may_start_pcscd()
    found = "may be started" if ok else f"no permission to write {IPC}"
    return _result("own pcscd", ok, found, "run as root", needed=False)


def _port() -> Check:
    remedy = "start pcscd with the vpcd driver: the port is open only while it runs"
    # Read, not dialled: to the driver every connection is a card.
    listening = f":{PORT:04X} 00000000:0000 0A"
    with contextlib.suppress(OSError):
        if listening in Path("/proc/net/tcp").read_text():
            return _result("vpcd port", True, f"{PORT} is open", remedy, needed=False)
    return _result("vpcd port", False, f"nothing listens at {PORT}", remedy, needed=False)


def _context() -> Check:
    # In a process of its own: the PC/SC library remembers a failure for the life of its process.
    script = (
        "import json\nfrom smartcard import scard\ncode, context = scard.SCardEstablishContext(0)\n"
        "names = scard.SCardListReaders(context, [])[1] if code == 0 else []\n"
        "print(json.dumps([code, scard.SCardGetErrorMessage(code), names]))"
    )
    remedy = "start pcscd, or use sscard exec, which starts its own"
    try:
        trial = subprocess.run(  # noqa: S603
            [sys.executable, "-I", "-c", script], capture_output=True, text=True, check=False, timeout=TIMEOUT
        )
        code, message, names = json.loads(trial.stdout)
    except (ValueError, subprocess.TimeoutExpired):
        return _result("PC/SC service", False, "PC/SC does not answer", remedy, needed=False)
    found = f"{len(names)} readers: {', '.join(names)}" if code == 0 else message
    return _result("PC/SC service", code == 0, found, remedy, needed=False)


_CHECKS: Final[tuple[Callable[[], Check], ...]] = (
    _pcscd,
    _driver,
    _reader_conf,
    _unshare,
    _namespaces,
    _pyscard,
    _private,
    _running,
    _port,
    _context,
    _own,
)
