"""Output whose reader may go away or stop reading: standard output and error, and the file of a trace.

All of it goes through `Outlet` to a file descriptor. A failed write is never tried again, so no buffer is left that
fails at the end of the process.
"""

import contextlib
import io
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, TextIO

from ..trace.visible import one_line, visible
from .errors import UsageFault
from .interrupt import is_read
from .targets import require_trace

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD: Final = (0, 1, 2)
LOOK: Final = 0.05
"""Seconds between two checks of whether to give up waiting for a slow reader."""

_TERMINAL_PIECE: Final = 256
"""Bytes that a terminal ready for more takes at once."""

_PIPE_PIECE: Final[int] = getattr(select, "PIPE_BUF", 512)
"""Bytes that a pipe ready for more takes at once; Windows names no number."""


class Outlet(io.FileIO):
    """A file descriptor that leads to /dev/null after the first failure.

    A reader that went away, as `head` does, is no error: nothing is wrong. Any other failure is raised once.
    """

    _gone = False
    _rest = b""

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write, or drop what nobody reads any more; return the number of bytes.

        Raises:
            OSError: the first failure other than a reader that went away.
        """
        try:
            written = super().write(data)
        except OSError as error:
            self.drop()
            if not isinstance(error, BrokenPipeError):
                raise
            written = memoryview(data).nbytes
        return written or 0

    def drop(self) -> None:
        """Lead everything that follows to /dev/null."""
        self._gone, self._rest = True, b""
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)

    def gone(self) -> bool:
        """Return whether everything goes to /dev/null by now."""
        return self._gone

    def takes(self, give_up: Callable[[], bool]) -> bool:
        """Wait until the other side takes more; return False if ``give_up`` came first."""
        waits = 0.0
        while not is_read(self.fileno(), waits * 1000):
            if give_up():
                return False
            waits = LOOK
        return True

    def offer(self, data: bytes, give_up: Callable[[], bool]) -> bool:
        """Write all of ``data`` and return True, or nothing and return False if ``give_up`` came first.

        Data that was cut in the middle is finished before anything else is written.

        Args:
            data: the bytes.
            give_up: asked every 0.05 seconds while the other side does not read.
        """
        piece = _TERMINAL_PIECE if self.isatty() else _PIPE_PIECE
        left = memoryview(self._rest + data)
        while left:
            if not self.takes(give_up):
                begun = len(left) < len(data)
                self._rest = bytes(left if begun else left[: len(left) - len(data)])
                return begun
            left = left[self.write(left[:piece]) :]
        self._rest = b""
        return True


class _Stream(io.TextIOWrapper):
    """Standard output or error: what could move the cursor is shown by its number."""

    def write(self, text: str, /) -> int:
        """Write a text that may have come out of a card."""
        return super().write(visible(text))

    def write_styled(self, text: str) -> int:
        """Write a text whose escape sequences are ours."""
        return super().write(text)


class Styled(io.TextIOBase):
    """Standard output or error for a caller that styles its text and has already replaced control characters."""

    def __init__(self, *, stderr: bool = False) -> None:
        self._stderr = stderr

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self._stderr else sys.stdout

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """Return the encoding of the stream."""
        return self._stream.encoding

    def write(self, text: str, /) -> int:
        """Write a text as it is."""
        stream = self._stream
        return stream.write_styled(text) if isinstance(stream, _Stream) else stream.write(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return whether it is a terminal."""
        return self._stream.isatty()


def prepare() -> None:
    """Make standard output and error of this process safe against readers that go away.

    A character that the output cannot show becomes its number; nothing fails.
    """
    for number in _STANDARD:
        try:
            os.fstat(number)
        except OSError:
            # Closed by the caller: no file of ours may take its place and be written into.
            os.open(os.devnull, os.O_RDWR)
    sys.stdin = sys.stdin or io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)))
    # A stream that is not the process's own belongs to whoever put it there.
    if sys.stdout is sys.__stdout__:
        sys.stdout = _stream(1, sys.stdout)
    if sys.stderr is sys.__stderr__:
        sys.stderr = _stream(2, sys.stderr)


def _stream(number: int, before: object) -> io.TextIOWrapper:
    outlet = Outlet(number, "w", closefd=False)
    terminal = number == 2 or outlet.isatty()
    encoding = before.encoding if isinstance(before, io.TextIOWrapper) else None
    return _Stream(io.BufferedWriter(outlet), encoding, "backslashreplace", line_buffering=terminal)


def standard_output() -> Outlet | None:
    """Return the outlet of standard output, None if a caller has put another stream in its place."""
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return outlet if isinstance(outlet, Outlet) else None


def print_message(sentence: str, *, patience: float | None = None) -> None:
    """Print one sentence on standard error, if anybody reads it; wait at most ``patience`` seconds for that."""
    outlet = getattr(getattr(sys.stderr, "buffer", None), "raw", None)
    if patience is not None and isinstance(outlet, Outlet) and not is_read(outlet.fileno(), patience * 1000):
        return
    # The message of a child process that holds a card has the prefix already.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"sscard: {one_line(sentence.removeprefix('sscard: '))}\n")
        sys.stderr.flush()


def open_trace(path: Path | None) -> Outlet | None:
    """Open the file of ``--trace``, to be appended to; None for no file.

    Raises:
        UsageFault: it cannot be written, or holds something else than a trace.
    """
    if path is None:
        return None
    try:
        require_trace(path)
        return Outlet(path, "a")
    except OSError as error:
        raise UsageFault(f"{path}: the trace cannot be written: {error.strerror}") from None


def write_line(trace: Outlet, line: str, give_up: Callable[[], bool] = lambda: False) -> bool:
    """Append a line to a trace; print once that the trace ends, if it cannot be written.

    Returns:
        whether it was written, or nobody will read it any more; False when ``give_up`` came first.
    """
    if trace.gone():
        return True
    reason = "Broken pipe"
    try:
        written = trace.offer(f"{line}\n".encode(), give_up)
    except OSError as error:
        written, reason = True, str(error.strerror)
    if trace.gone():
        # A full disk, or a pipe that nobody reads. The card goes on.
        print_message(f"{trace.name!s}: the trace ends here: {reason}")
    return written
