"""A card in a slot, held by this process or by one of its own; and how `sscard` starts itself."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..reader.vpcd import HOST, PORT
from . import interrupt
from .trace_display import TraceDisplay

if TYPE_CHECKING:
    from cardfs.model.files import CardContents

    from ..cards import Card
    from ..ports import Insertable
    from ..reader.vpcd import Watcher
    from ..reader.vpicc import VpiccLink

_ENDS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def own_command(*arguments: str) -> list[str]:
    """Return the command line that starts this `sscard`, whatever Python files the folder or PYTHONPATH have."""
    root = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({root!r}); from emulator.cli import run; run()"
    return [sys.executable, "-E", "-P", "-c", start, *arguments]


@contextmanager
def open_card(source: "Path | CardContents", display: TraceDisplay | None) -> "Iterator[Insertable]":
    """Yield a card from an image file, or a new one in memory; traced if there is a display."""
    from cardfs.memory.image import Image

    from ..cards import Card

    memory = Image.open(source) if isinstance(source, Path) else Image.in_memory(source)
    try:
        card = Card(memory)
        yield card if display is None else _traced(card, display)
    finally:
        memory.close()


def _traced(card: "Card", display: TraceDisplay) -> "Insertable":
    from ..trace.traced import Traced

    return Traced(card, display, later=display.later)


def link_text(event: object) -> str:
    """Return one sentence for people on an event of the link to the reader (`emulator.reader.events`)."""
    from ..reader import vpcd

    match event:
        case vpcd.Connected(host, port):
            return f"in the reader at {host}:{port}" if host else f"in the reader that called port {port}"
        case vpcd.Disconnected(reason, 0):
            return f"out of the reader: {reason}"
        case vpcd.Disconnected(reason, again):
            return f"out of the reader: {reason}; trying again in {again:g} s"
        case vpcd.Unreachable(host, port, reason):
            return (
                f"no reader listens at {host}:{port} ({reason}): waiting for pcscd, which starts its readers when the "
                "first program asks for one; `sscard exec` starts its own"
            )
        case vpcd.Unnoticed(port):
            return f"connected to port {port}, but the reader asks for nothing; another card may be in this slot"
        case vpcd.Failed(error):
            return f"a defect of this program: the card answered 6F00 ({type(error).__name__})"
    return str(event)


def serve(
    source: "Path | CardContents",
    slot: int,
    trace: Path | None,
    *,
    host: str = HOST,
    port: int = PORT,
    quiet: bool = True,
    service: str | None = None,
    vpicc: bool = False,
) -> None:
    """Hold a card in a slot until a signal ends it, or with ``vpicc`` until the reader goes away.

    Args:
        source: an image file, or the contents of a card that lives in memory only.
        slot: number of the slot, 0 to 15.
        trace: file to which the trace is appended; None for none.
        host, port: where the driver listens for slot 0.
        quiet: whether no trace goes to the terminal.
        service: path of the socket of the reader's pcscd; None for that of this process's PC/SC clients.
        vpicc: whether vsmartcard's own emulator is the link; without ``host`` in its reversed mode.
    """
    from keys.ciphers import warm_up

    from ..reader.vpcd import Connected, Slot

    display = None if quiet and trace is None else TraceDisplay(trace, quiet=quiet)

    def watch(event: object) -> None:
        if display:
            display.note(link_text(event))
        if isinstance(event, Connected):
            threading.Thread(target=warm_up, daemon=True).start()

    try:
        with open_card(source, display) as card:
            link = (
                _vpicc(card, host, port + slot, watch)
                if vpicc
                else Slot(card, slot, host=host, port=port, watch=watch, service=service)
            )
            with ended_by_a_signal(link.close):
                link.run()
    finally:
        if display:
            display.close()


def _vpicc(card: "Insertable", host: str, port: int, watch: "Watcher") -> "VpiccLink":
    from ..reader.vpicc import VpiccLink

    return VpiccLink(card, host, port, watch=watch)


def end_cleanly(status: int) -> None:
    """End with this status on a signal that comes before anything runs that has a better answer to it."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: sys.exit(status))


@contextmanager
def ended_by_a_signal(end: Callable[[], None]) -> Iterator[None]:
    """Call ``end`` on a signal, for what the block waits for; a second signal ends the process at once.

    After the block Ctrl-C raises `Interrupted`, when all is in order.
    """
    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        for each in _ENDS:
            signal.signal(each, interrupt.end if each == signal.SIGINT else signal.SIG_DFL)
        received.append(number)
        end()

    for number in _ENDS:
        signal.signal(number, handle)
    yield
    if signal.SIGINT in received:
        raise interrupt.Interrupted
