"""The command line in tests: run it here or as a process, and read its refusals."""

import signal
import socket
import subprocess
import sys
import unicodedata
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from click.testing import CliRunner, Result

from emulator.cli import main
from tests.kit import child
from tests.kit.card import SSSE_NAME

SSCARD = [sys.executable, "-m", "emulator.cli"]
SELECT_SSSE = "00A404000F" + SSSE_NAME.hex().upper()
SAME = ("--seed", "one", "--region", "519900", "--serial", "000001AC")


def sscard(*arguments: object, stdin: str | bytes | None = None) -> Result:
    """Run a subcommand in this process; an exception of the program fails the test."""
    result = CliRunner().invoke(main, [str(each) for each in arguments], input=stdin)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def process(*arguments: object, **options: Any) -> "subprocess.CompletedProcess[str]":
    """Run a subcommand as a process."""
    return child.run([*SSCARD, *arguments], **options)


def refused(result: "Result | subprocess.CompletedProcess[str]") -> str:
    """Check that a refusal is one sentence on standard error, with status 2; return it."""
    status = result.exit_code if isinstance(result, Result) else result.returncode
    assert (status, result.stdout) == (2, ""), result
    assert result.stderr.startswith("sscard: "), result.stderr
    assert result.stderr.count("\n") == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr.removeprefix("sscard: ").rstrip("\n")


class Reader:
    """The driver's end of the link, without pcscd."""

    def __init__(self, image: Path, *options: str) -> None:
        """Start `sscard insert` and take its connection, as the driver does."""
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(20)
        port = self._server.getsockname()[1]
        command = [*SSCARD, "insert", str(image), "--port", str(port), *options]
        self._running = ExitStack()
        pipes: dict[str, Any] = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "encoding": "utf-8"}
        self.process = self._running.enter_context(child.start(command, **pipes))
        self._link, _ = self._server.accept()
        self._link.settimeout(20)

    def take_again(self) -> None:
        """Take the connection of a card that has left and comes back."""
        self._link.close()
        self._link, _ = self._server.accept()
        self._link.settimeout(20)

    def send(self, payload: bytes) -> None:
        """Send one frame."""
        self.send_raw(len(payload).to_bytes(2) + payload)

    def send_raw(self, frames: bytes) -> None:
        """Send bytes as they are."""
        self._link.sendall(frames)

    def receive(self, most: int) -> bytes:
        """Return up to ``most`` bytes."""
        return self._link.recv(most)

    def ask(self, payload: bytes) -> bytes:
        """Send one frame and return the payload of the answer."""
        self.send(payload)
        length = int.from_bytes(self._link.recv(2, socket.MSG_WAITALL))
        return self._link.recv(length, socket.MSG_WAITALL)

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """End the card's process by a signal; its status and what it wrote."""
        self.process.send_signal(number)
        output, errors = self.process.communicate(timeout=20)
        self._running.close()
        self._link.close()
        self._server.close()
        return self.process.returncode, output, errors


NAME = "\x1b]0;title\x07\x9b3m\u202e\u200f\n"
"""As much of it as a name has room for."""


def harmless(text: str) -> bool:
    """Return whether a text is nothing but characters and lines."""
    return not [each for each in text if each != "\n" and unicodedata.category(each) in ("Cc", "Cf", "Zl", "Zp")]
