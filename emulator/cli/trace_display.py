"""The display of a card's trace, in a thread of its own beside the thread that answers the reader."""

import queue
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

from .output import LOOK, open_trace, print_message, standard_output, write_line

if TYPE_CHECKING:
    from ..trace.event import Event

BREATH: Final = 0.01
"""Seconds without a command after which the trace is shown: the answer leaves before its trace line."""

LONGEST_BREATH: Final = 0.25
"""Seconds after which the trace is shown even while commands keep coming."""

SWITCH_INTERVAL: Final = 0.0005
"""Seconds that an answer may have to wait for the thread that shows the trace."""

MOST: Final = 8192
"""Commands that may wait to be shown; above half of it the thread stops waiting for a terminal that does not read."""

MOST_BYTES: Final = 16 << 20
"""Bytes of commands and answers that may wait to be shown."""

SHOW_TO_THE_END: Final = 0.5
WRITE_TO_THE_END: Final = 0.9
"""Seconds that terminal and file may take for the rest of the trace when the card is pulled out: processor time of this
thread plus time spent waiting for a reader. What is read is shown to its end, however busy the machine is."""

STUCK: Final = 1.5
"""Seconds after which a write is given up from which the system does not return."""

LONGEST_END: Final = 10.0
"""Seconds that `TraceDisplay.close` takes at most."""

Waiting = tuple[Callable[[], None], int]


class TraceDisplay:
    """Shows events from a thread of its own, so that no answer waits for a terminal or a file.

    Lines that come faster than they are read are dropped, from the terminal before the file, and their number is shown
    in their place.

    Args:
        trace: the file of ``--trace``, to be appended to; None for none.
        quiet: whether nothing goes to the terminal.
        unmasked: whether the file gets PINs and keys, too; the terminal never does.

    Raises:
        UsageFault: the file cannot be written, or holds something else than a trace.

    Attributes:
        quiet: whether events go to the trace file only.
        unmasked: whether the file gets the bytes without masks.
    """

    def __init__(self, trace: Path | None, *, quiet: bool, unmasked: bool = False) -> None:
        self.quiet = quiet
        self.unmasked = unmasked
        self._file = open_trace(trace)
        self._waiting: queue.SimpleQueue[Waiting | None] = queue.SimpleQueue()
        self._taken = self._processed = 0
        self._missing = self._unshown = self._unwritten = 0
        self._closed = False
        self._worked: float | None = None
        self._waited = 0.0
        self._writing: float | None = None
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

    keep = __call__

    def record(self, event: "Event") -> None:
        """Queue an event that is whole."""
        self.later(lambda: self(event), 0)

    def later(self, report: Callable[[], None], size: int) -> None:
        """Queue a call that shows an event; drop it if nobody would see it, or if too much is waiting.

        Args:
            report: called in the thread of this object when no command is under way.
            size: bytes of command and answer that the call keeps in memory.
        """
        if self.quiet and not self._writes():
            return
        if self._waiting.qsize() >= MOST or self._taken - self._processed > MOST_BYTES:
            self._missing += 1
            return
        if self._missing:
            self._waiting.put((self._miss(), 0))
        self._taken += size
        self._waiting.put((report, size))

    def note(self, text: str, reader: str = "") -> None:
        """Show a sentence between the commands, about a reader if it is named."""
        self.later(lambda: self(note(text, reader)), 0)

    def close(self) -> None:
        """Show what is left, as far as it is read in time, and end the thread; print how many lines were lost."""
        if self._missing:
            self._waiting.put((self._miss(), 0))
        self._closed = True
        self._waiting.put(None)
        self._await_end()
        lost = max(self._unshown, self._unwritten) + (self._waiting.qsize() if self._thread.is_alive() else 0)
        if lost:
            print_message(f"the last {lost} lines of the trace are lost: nobody read them in time", patience=0.1)
        if self._file and not self._thread.is_alive():
            self._file.close()

    def _await_end(self) -> None:
        end = time.monotonic() + LONGEST_END
        while self._thread.is_alive() and time.monotonic() < end:
            self._thread.join(0.05)
            began = self._writing
            if began is not None and time.monotonic() > began + STUCK:
                return

    # -- in the thread of this object ---------------------------------------------------------

    def _run(self) -> None:
        waiting = self._waiting.get()
        while waiting is not None:
            self._breathe()
            while waiting is not None:
                self._process(*waiting)
                if self._waiting.empty():
                    break
                waiting = self._waiting.get()
            if waiting is not None:
                waiting = self._waiting.get()

    def _process(self, show: Callable[[], None], size: int) -> None:
        # What nobody can see need not be described either.
        if self._writes() or not (self.quiet or self._skips()):
            try:
                show()
            except Exception as error:  # whatever a bug raises: the trace goes on
                self(note(f"a defect of this program: a line of the trace is lost ({type(error).__name__})"))
        self._processed += size

    def _skips(self) -> bool:
        """Wait until the terminal takes a line; return True if it does not, and this line is to be left out."""
        outlet = standard_output()
        skipped = self._past(SHOW_TO_THE_END) or (outlet is not None and not outlet.takes(self._stops_showing))
        self._unshown += skipped
        return skipped

    def _breathe(self) -> None:
        """Wait for a moment without commands."""
        end, seen = time.monotonic() + LONGEST_BREATH, -1
        while seen != (seen := self._waiting.qsize()) and time.monotonic() < end and not self._closed:
            time.sleep(BREATH)

    def _writes(self) -> bool:
        return self._file is not None and not self._file.gone()

    def _miss(self) -> Callable[[], None]:
        missing, self._missing = self._missing, 0
        return lambda: self(note(f"{missing} commands are missing here: they came faster than they could be shown"))

    def _past(self, seconds: float) -> bool:
        """Return whether the end has taken so long: processor time and waiting for a reader, since `close`."""
        if not self._closed:
            return False
        if self._worked is None:
            self._worked = time.thread_time()
        return time.thread_time() - self._worked + self._waited > seconds

    def _waits(self) -> None:
        """Count the time until the next check of whether the reader reads."""
        self._waited += LOOK if self._closed else 0.0

    def _crowded(self) -> bool:
        return self._waiting.qsize() > MOST // 2 or self._taken - self._processed > MOST_BYTES // 2

    def _stops_showing(self) -> bool:
        self._waits()
        return self._past(SHOW_TO_THE_END) or self._crowded()

    def _stops_writing(self) -> bool:
        self._waits()
        return self._past(WRITE_TO_THE_END) or self._crowded()

    def _write(self, event: "Event") -> None:
        if self._file is None or self._past(WRITE_TO_THE_END):
            self._unwritten += 1
            return
        lines = event.bare().json()
        if self._unwritten:
            lines = f"{note(_unread(self._unwritten)).json()}\n{lines}"
        self._writing = time.monotonic()
        written = write_line(self._file, lines, self._stops_writing)
        self._writing = None
        self._unwritten = 0 if written else self._unwritten + 1

    def _show(self, event: "Event") -> None:
        self._render = self._render or _renderer()
        text = self._render(event)
        if self._unshown:
            text = self._render(note(_unread(self._unshown))) + text
        outlet = standard_output()
        self._writing = time.monotonic()
        try:
            if outlet is None:
                sys.stdout.write(text)
            elif outlet.offer(text.encode(sys.stdout.encoding, "backslashreplace"), self._stops_showing):
                self._unshown = 0
            else:
                self._unshown += 1
        except OSError as error:
            # The terminal is gone, or the disk is full. The card stays in the reader.
            print_message(f"the trace is not shown any more: {error.strerror}")
        self._writing = None
        self.quiet = outlet is not None and outlet.gone()


def _unread(lines: int) -> str:
    return f"{lines} lines are missing here: nobody read them in time"


def note(text: str, reader: str = "") -> "Event":
    """Return a sentence as an event that happens now."""
    from ..trace.event import Event

    return Event(time.time(), "note", fields=text, reader=reader)


def _renderer() -> "Callable[[Event], str]":
    from .console import console, trace_text

    out = console()

    def render(event: "Event") -> str:
        with out.capture() as shown:
            out.print(trace_text(event), soft_wrap=True)
        return shown.get()

    return render
