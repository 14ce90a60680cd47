"""Who shows the trace of a card in a reader, beside the card's work."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .output import open_trace, say, standard_output, write_line

if TYPE_CHECKING:
    from emulator.trace import Event

BREATH: Final = 0.01
"""Seconds without a command after which the trace is shown: an answer goes before its telling."""

LONGEST_BREATH: Final = 0.25
SWITCH_INTERVAL: Final = 0.0005
"""Seconds that an answer may have to wait for the thread that shows the trace."""

MOST: Final = 8192
"""Commands that wait to be told; from half of it on nobody waits for a terminal that does not read."""

MOST_BYTES: Final = 16 << 20
WAIT_TO_THE_END: Final = 0.5
"""Seconds that a terminal which takes nothing is waited for when the card is pulled out."""
TELL_TO_THE_END: Final = 1.6
"""Seconds for all that is left then; on a busy machine the first line alone may take one."""

Waiting = tuple[Callable[[], None], int]


class Teller:
    """Shows events from a thread of its own, so that no answer waits for a terminal or a file.

    What comes faster than it is read is dropped, from the terminal before it is from the file, and the number of
    what was dropped is shown in its place.

    Attributes:
        quiet: whether events go to the trace file only.
    """

    def __init__(self, trace: Path | None, *, quiet: bool) -> None:
        self.quiet = quiet
        self._file = open_trace(trace)
        self._waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._taken = self._told = 0
        self._missing = self._unshown = self._unwritten = 0
        self._closed: float | None = None
        self._render: Callable[[Event], str] | None = None
        sys.setswitchinterval(SWITCH_INTERVAL)
        self._thread = threading.Thread(target=self._run, name="trace", daemon=True)
        self._thread.start()

    def __call__(self, event: "Event") -> None:
        """Show and write an event, in the thread of this object."""
        if self._writes():
            self._write(event)
        if not self.quiet and not self._skips():
            self._show(event)

    def later(self, tell: Callable[[], None], size: int) -> None:
        """Take what is to be told when the card has time; drop what nobody would see, or what is too much."""
        if self.quiet and not self._writes():
            return
        if self._waiting.qsize() >= MOST or self._taken - self._told > MOST_BYTES:
            self._missing += 1
            return
        if self._missing:
            self._waiting.put((self._miss(), 0))
        self._taken += size
        self._waiting.put((tell, size))

    def note(self, text: str) -> None:
        """Show a sentence between the commands."""
        self.later(lambda: self(_note(text)), 0)

    def close(self) -> None:
        """Show what is left, as far as it is read in the time that an end may take, then end."""
        if self._missing:
            self._waiting.put((self._miss(), 0))
        self._closed = time.monotonic()
        self._waiting.put(None)
        self._thread.join(TELL_TO_THE_END + 0.1)
        lost = max(self._unshown, self._unwritten) + (self._waiting.qsize() if self._thread.is_alive() else 0)
        if lost:
            say(f"the last {lost} lines of the trace are lost: nobody read them in time", patience=0.1)
        if self._file and not self._thread.is_alive():
            self._file.close()

    # -- in the thread of this object ---------------------------------------------------------

    def _run(self) -> None:
        waiting = self._waiting.get()
        while waiting is not None:
            self._breathe()
            while waiting is not None:
                self._tell(*waiting)
                if self._waiting.empty():
                    break
                waiting = self._waiting.get()
            if waiting is not None:
                waiting = self._waiting.get()

    def _tell(self, tell: Callable[[], None], size: int) -> None:
        # What cannot be shown to anybody need not be told either.
        if self._writes() or not (self.quiet or self._skips()):
            try:
                tell()
            except Exception as error:  # whatever a bug raises: the trace goes on
                self(_note(f"a defect of this program, a line of the trace is lost: {type(error).__name__}"))
        self._told += size

    def _skips(self) -> bool:
        """Wait until the terminal takes a line; tell whether it does not, and this line is to be left out."""
        outlet = standard_output()
        skipped = self._past(TELL_TO_THE_END) or (outlet is not None and not outlet.takes(self._stops_showing))
        self._unshown += skipped
        return skipped

    def _breathe(self) -> None:
        """Wait for a moment without commands."""
        end, seen = time.monotonic() + LONGEST_BREATH, -1
        while seen != (seen := self._waiting.qsize()) and time.monotonic() < end and self._closed is None:
            time.sleep(BREATH)

    def _writes(self) -> bool:
        return self._file is not None and not self._file.gone()

    def _miss(self) -> Callable[[], None]:
        missing, self._missing = self._missing, 0
        return lambda: self(_note(f"{missing} commands are missing here: they came faster than they could be told"))

    def _past(self, seconds: float) -> bool:
        """Tell whether the card was pulled out so long ago."""
        return self._closed is not None and time.monotonic() > self._closed + seconds

    def _crowded(self) -> bool:
        return self._waiting.qsize() > MOST // 2 or self._taken - self._told > MOST_BYTES // 2

    def _stops_showing(self) -> bool:
        return self._past(WAIT_TO_THE_END) or self._crowded()

    def _stops_writing(self) -> bool:
        return self._past(TELL_TO_THE_END) or self._crowded()

    def _write(self, event: "Event") -> None:
        if self._file is None or self._past(TELL_TO_THE_END):
            self._unwritten += 1
            return
        lines = event.json()
        if self._unwritten:
            lines = f"{_note(_unread(self._unwritten)).json()}\n{lines}"
        written = write_line(self._file, lines, self._stops_writing)
        self._unwritten = 0 if written else self._unwritten + 1

    def _show(self, event: "Event") -> None:
        self._render = self._render or _renderer()
        text = self._render(event)
        if self._unshown:
            text = self._render(_note(_unread(self._unshown))) + text
        outlet = standard_output()
        try:
            if outlet is None:
                sys.stdout.write(text)
            elif outlet.offer(text.encode(sys.stdout.encoding, "backslashreplace"), self._stops_showing):
                self._unshown = 0
            else:
                self._unshown += 1
        except OSError as error:
            # The terminal is gone, or the disk is full. The card stays in the reader.
            say(f"the trace is shown no longer: {error.strerror}")
        self.quiet = outlet is not None and outlet.gone()


def _unread(lines: int) -> str:
    return f"{lines} lines are missing here: nobody read them in time"


def _note(text: str) -> "Event":
    from emulator.trace import Event

    return Event(time.time(), "note", fields=text)


def _renderer() -> "Callable[[Event], str]":
    from .console import console, trace_text

    out = console()

    def render(event: "Event") -> str:
        with out.capture() as shown:
            out.print(trace_text(event), soft_wrap=True)
        return shown.get()

    return render
