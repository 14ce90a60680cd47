"""A card on a system that lacks what Linux has, in a reader of this one: `issue` and `insert --host` in such a Python.

What CPython on Windows does not have is hidden from the child: modules, names of `os`, `signal`, `socket` and
`select`. Windows' own lock of files is played by `msvcrt` below.
"""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.kit import child
from tests.kit.places import ROOT
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

CRIPPLED = f"""
import fcntl as unix, os, select, signal, socket, sqlite3, subprocess, sys, tempfile, types

msvcrt = types.ModuleType("msvcrt")
msvcrt.LK_UNLCK, msvcrt.LK_LOCK, msvcrt.LK_NBLCK = 0, 1, 2

def locking(number, mode, size):
    assert size == 1 and os.lseek(number, 0, os.SEEK_CUR) > 1 << 30
    unix.flock(number, unix.LOCK_UN if mode == msvcrt.LK_UNLCK else unix.LOCK_EX | unix.LOCK_NB)

msvcrt.locking = locking
sys.modules["msvcrt"] = msvcrt
for name in ("fcntl", "termios", "tty", "pty", "pwd", "grp", "resource", "syslog", "readline", "curses", "crypt"):
    sys.modules[name] = None
LACKING = {{
    os: "fork forkpty geteuid getuid getgid getegid setsid setuid setgid chown fchown fchmod mkfifo mknod O_CLOEXEC "
    "O_NONBLOCK O_NOFOLLOW O_DIRECTORY WNOHANG wait3 wait4 pidfd_open posix_spawn posix_spawnp pread pwrite fdatasync "
    "sched_getaffinity statvfs getpgid setpgid killpg openpty uname sysconf pipe2 get_blocking set_blocking",
    signal: "SIGHUP SIGQUIT SIGUSR1 SIGUSR2 SIGALRM SIGPIPE SIGCHLD SIGKILL SIGWINCH SIGTSTP SIGCONT SIGTTIN SIGTTOU "
    "alarm setitimer pthread_sigmask pthread_kill sigwait pause siginterrupt",
    socket: "AF_UNIX AF_NETLINK TCP_QUICKACK SOCK_SEQPACKET SOCK_CLOEXEC recv_fds send_fds socketpair SCM_RIGHTS "
    "SO_REUSEPORT",
    select: "poll epoll POLLIN POLLOUT PIPE_BUF",
}}
for module, names in LACKING.items():
    for name in names.split():
        if hasattr(module, name):
            delattr(module, name)
sys.path.insert(0, {str(ROOT)!r})
from emulator.cli import run
sys.argv[0] = "sscard"
run()
"""


def crippled(*arguments: object) -> list[str]:
    return [sys.executable, "-E", "-P", "-c", CRIPPLED, *map(str, arguments)]


@contextmanager
def inserted(stack: PcscStack, image: Path) -> "Iterator[subprocess.Popen[Any]]":
    stack.wait_until_empty([0])
    command = crippled("insert", image, "--host", "127.0.0.1", "--port", stack.port)
    # The stack's ports are in its own network: the card's process is inside, as if its host were another machine.
    with stack.start(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            stack.wait_for_cards([0])
            yield process
        finally:
            process.terminate()
            process.communicate(timeout=30)
    stack.wait_until_empty([0])


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "my.sscard"
    done = child.run(crippled("issue", path, "--pin", "4711"))
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    return path


def test_a_card_made_and_held_there_is_read_here(stack: PcscStack, image: Path) -> None:
    select = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
    with inserted(stack, image) as process:
        with stack.terminal() as terminal:
            assert terminal.transmit(bytes.fromhex(select)).hex() == "611e"
            assert terminal.transmit(bytes.fromhex("00200000024712")).hex() == "63c2"
        read = stack.run([sys.executable, "-m", "emulator.cli", "read"])
        assert "测试甲" in read.stdout
        assert process.poll() is None
    # Written durably, and read again by a system that lacks nothing.
    shown = child.run([sys.executable, "-m", "emulator.cli", "show", str(image), "SSSE"])
    assert shown.returncode == 0
    assert [line for line in shown.stdout.splitlines() if " PIN " in line and "2 of 3" in line]


def test_a_card_in_use_there_is_in_use_for_everybody_there(stack: PcscStack, image: Path) -> None:
    with inserted(stack, image):
        for again in (crippled("apdu", image), [sys.executable, "-m", "emulator.cli", "apdu", str(image)]):
            done = child.run(again, input="0084000008\n")
            assert done.returncode == 2
            assert done.stderr == f"sscard: {image}: another process has this card in use; end it first\n"
        looked = child.run(crippled("show", image))
        assert looked.returncode == 0
    free = child.run(crippled("apdu", image, "--raw"), input="00A40000023F00\n")
    assert (free.returncode, free.stdout.strip()[-4:]) == (0, "6104")


def test_scripts_and_traces_work_there(image: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    done = child.run(crippled("apdu", image, "--trace", trace), input="0084000008\n00B2012C00\n")
    assert done.returncode == 0
    assert "MF has no EF with SFI 05" in done.stdout
    assert len(trace.read_text().splitlines()) >= 2
