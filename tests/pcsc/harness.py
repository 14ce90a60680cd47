"""What the PC/SC tests stand on: a stack with cards in it, a terminal, and a card that needs no image.

A test has three ways to a card, and all lead through the stack's own pcscd::

    with stack.card(card), stack.terminal() as terminal:      # pyscard, in this process
        assert terminal.transmit(command) == answer

    done = stack.run(["opensc-tool", "-a"], cards=[card])     # a foreign client, inside the stack

    stack.run([...], cards=[Path("my.sscard")])               # the same, held by `sscard insert`

A card object stays in the test's own process: the test can look at it while a client talks to it.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Self

from smartcard import scard

from emulator.ports import Insertable
from emulator.reader.machine import find_program
from emulator.reader.stack import Stack
from emulator.reader.vpcd import Slot, Watcher
from tests.kit import child
from tests.kit.places import ROOT

ATR = bytes.fromhex("3b6500002063cb6800")
CLIENT_TIMEOUT = 30.0
NO_FOLDER = os.geteuid() != 0 and not Path("/run/pcscd").is_dir()
"""Whether an ordinary user of a machine on which no pcscd ever ran can have no stack without namespaces."""
REFUSAL = "unshare: unshare failed: Operation not permitted"
"""What a machine without namespaces prints."""


def stub(folder: Path, name: str, script: str) -> None:
    """Put a program of this name into a folder, a shell script."""
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


class EchoCard:
    """Answers every command with itself and 9000, and remembers what the reader did to it."""

    def __init__(self, tag: bytes = b"", atr: bytes = ATR) -> None:
        self.tag = tag
        self.atr = atr
        self.calls: list[str] = []

    def power_on(self) -> None:
        self.calls.append("on")

    def power_off(self) -> None:
        self.calls.append("off")

    def reset(self) -> None:
        self.calls.append("reset")

    def transmit(self, command: bytes) -> bytes:
        self.calls.append(command.hex())
        return self.tag + command + b"\x90\x00"


class PcscError(Exception):
    """A call of the PC/SC library failed; ``code`` is its result, unsigned."""

    def __init__(self, code: int) -> None:
        super().__init__(scard.SCardGetErrorMessage(code))
        self.code = code & 0xFFFFFFFF


def checked(result: Any) -> Any:
    """Return what a call of the PC/SC library gave beside its code; PcscError for a failure."""
    code, *rest = result if isinstance(result, list | tuple) else (result,)
    if code != scard.SCARD_S_SUCCESS:
        raise PcscError(code)
    return rest[0] if len(rest) == 1 else rest


class Terminal:
    """A program that has connected to a card; bytes in, bytes out, as they are on the wire.

    61xx and 6Cxx are returned as they come: neither PC/SC nor this class fetches what they announce.
    """

    def __init__(self, reader: str, protocol: int = scard.SCARD_PROTOCOL_T0) -> None:
        self.reader = reader
        self.protocol = protocol
        self.context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        try:
            self.card, _ = checked(scard.SCardConnect(self.context, reader, scard.SCARD_SHARE_SHARED, protocol))
        except PcscError:
            scard.SCardReleaseContext(self.context)
            raise

    @property
    def atr(self) -> bytes:
        return bytes(checked(scard.SCardStatus(self.card))[3])

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU; return response data and status word."""
        return bytes(checked(scard.SCardTransmit(self.card, self.protocol, list(command))))

    def reset(self) -> None:
        """Warm reset, and stay connected."""
        self._reconnect(scard.SCARD_RESET_CARD)

    def unpower(self) -> None:
        """Take the card's power and give it back: a cold reset."""
        self._reconnect(scard.SCARD_UNPOWER_CARD)

    def _reconnect(self, how: int) -> None:
        checked(scard.SCardReconnect(self.card, scard.SCARD_SHARE_SHARED, self.protocol, how))

    def close(self) -> None:
        scard.SCardDisconnect(self.card, scard.SCARD_LEAVE_CARD)
        scard.SCardReleaseContext(self.context)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class PcscStack(Stack):
    """A private PC/SC stack with what tests do to it."""

    @contextmanager
    def card(self, card: Insertable, slot: int = 0, *, watch: Watcher = lambda _: None) -> Iterator[Slot]:
        """Hold a card of this process in a slot; the slot is empty again when the block has ended."""
        with self.insert(card, slot, watch=watch) as link:
            yield link
        self.wait_until_empty([slot])

    @contextmanager
    def image(self, image: Path, slot: int = 0) -> Iterator[None]:
        """Hold a card image in a slot, by the command line, in a process of its own."""
        self.wait_until_empty([slot])
        process = self.hold([sys.executable, "-m", "emulator.cli", "insert", str(image), "--slot", str(slot)])
        try:
            self.wait_for_cards([slot])
            yield
        finally:
            self.release(process)
            self.wait_until_empty([slot])

    def terminal(self, slot: int = 0, protocol: int = scard.SCARD_PROTOCOL_T0) -> Terminal:
        """Connect to the card in a slot, from this process; close it, or use it as a context manager."""
        return Terminal(self.readers[slot], protocol)

    def start(
        self, command: Sequence[object], *, limit: float = child.LIMIT, **options: Any
    ) -> "AbstractContextManager[subprocess.Popen[Any]]":
        """Start a client inside for the time of a ``with`` block, as `child.start` does outside."""
        given: dict[str, Any] = {"stdin": subprocess.DEVNULL, "env": child.environment()} | options
        return child.limited(self.popen([str(each) for each in command], **given), limit)

    def run(
        self,
        command: Sequence[str],
        *,
        cards: Sequence[Insertable | Path] = (),
        limit: float = CLIENT_TIMEOUT,
        **options: Any,
    ) -> "subprocess.CompletedProcess[str]":
        """Run a client inside until it ends, with the n-th card in slot n; return status and output."""
        with ExitStack() as held:
            for slot, card in enumerate(cards):
                held.enter_context(self.image(card, slot) if isinstance(card, Path) else self.card(card, slot))
            options = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True} | options
            with self.start(command, limit=max(limit, child.LIMIT), **options) as process:
                output, errors = process.communicate(timeout=limit)
            return subprocess.CompletedProcess(list(command), process.returncode, output, errors)

    def python(self, script: str, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a Python script inside."""
        return self.run([sys.executable, "-c", script], **options)


UNSHARE = str(find_program("unshare"))
READ_ONLY = "mount -t tmpfs -o ro,mode=755 tmpfs"
NEW = "mount -t tmpfs -o mode=755 tmpfs"


def machine(
    stack: PcscStack,
    setup: str,
    script: str,
    env: dict[str, str],
    *,
    user: bool = False,
    limit: float = CLIENT_TIMEOUT,
) -> "subprocess.CompletedProcess[str]":
    """Run a script on a machine of its own, as root or as an ordinary user, who may do there what others may."""
    inner = [UNSHARE, "--user", "--map-user=1000", "--"] if user else []
    prepared = f'ip link set lo up; {setup}; exec "$@"'
    command = [UNSHARE, "--mount", "--net", "sh", "-c", prepared, "sh", *inner, "sh", "-c", script]
    return stack.run(command, env=env, limit=limit, stderr=subprocess.PIPE)


RUN = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
from emulator.reader.stack import StackError, run
try:
    sys.exit(run(sys.argv[1:]))
except StackError as error:
    sys.exit(f"error: {{error}}")
"""


def marked(seconds: int) -> list[int]:
    """Return the processes, of all the machine, that sleep for exactly so many seconds."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if entry.read_bytes() == b"sleep\0%d\0" % seconds:
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


def gone(seconds: int) -> bool:
    """Tell whether the marked processes end, within the time that a kill takes."""
    deadline = time.monotonic() + 5
    while marked(seconds) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not marked(seconds)


def mark() -> int:
    """Return a number of seconds that no other process sleeps for."""
    return 100_000 + time.time_ns() // 1000 % 1_000_000_000
