"""Output whose reader may go away: standard output and error, and the file of a trace.

All of it goes through `_Outlet` to a file descriptor, without a second buffer below it. What could not be
written is never tried again, so nothing is left over that fails at the end of the process.
"""

import contextlib
import io
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .errors import UsageFault

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

_STANDARD: Final = (0, 1, 2)


class _Outlet(io.FileIO):
    """A file descriptor that leads to nowhere after the first failure.

    A reader that went away, as `head` does, is no error: nothing is wrong. Any other failure is raised once.
    """

    gone = False

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write, or drop what nobody reads any more; return the number of bytes."""
        try:
            written = super().write(data)
        except OSError as error:
            self.drop()
            if not isinstance(error, BrokenPipeError):
                raise
            written = memoryview(data).nbytes
        return written if written is not None else 0

    def drop(self) -> None:
        """Let everything that follows go to nowhere."""
        self.gone = True
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, self.fileno())
        os.close(null)


def prepare() -> None:
    """Make standard output and error of this process safe against readers that go away.

    An output without Chinese characters shows them by number, and does not fail.
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
    outlet = _Outlet(number, "w", closefd=False)
    terminal = number == 2 or outlet.isatty()
    encoding = before.encoding if isinstance(before, io.TextIOWrapper) else None
    return io.TextIOWrapper(io.BufferedWriter(outlet), encoding, "backslashreplace", line_buffering=terminal)


def nobody_reads() -> bool:
    """Tell whether standard output leads to nowhere by now."""
    outlet = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    return isinstance(outlet, _Outlet) and outlet.gone


def say(sentence: str) -> None:
    """Say one sentence on standard error, if anybody reads it."""
    # A process of ours that held a card may have said it first.
    with contextlib.suppress(OSError):
        sys.stderr.write(f"sscard: {sentence.removeprefix('sscard: ')}\n")
        sys.stderr.flush()


class TraceFile(io.TextIOBase):
    """The file of ``--trace``, written a line at a time; a line that fails is not tried again.

    Attributes:
        ended: whether nothing more is written, because it failed once.
    """

    ended = False

    def __init__(self, path: Path) -> None:
        try:
            self._file = path.open("ab", buffering=0)
        except OSError as error:
            raise UsageFault(f"{path}: the trace cannot be written: {error.strerror}") from None

    def write(self, text: str, /) -> int:
        """Append a text; say once that the trace ends, when it cannot be written, and drop all that follows."""
        data = memoryview(text.encode())
        try:
            while data and not self.ended:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            # A full disk, or a pipe that nobody reads. The card goes on.
            say(f"the trace ends here: {error.strerror}")
            self.ended = True
        return len(text)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def open_trace(path: Path | None) -> TraceFile | None:
    """Open the file of ``--trace``; `UsageFault` if it cannot be written."""
    return TraceFile(path) if path else None
