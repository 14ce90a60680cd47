"""A card in a slot, held by this process or by one of its own; and how `sscard` starts itself."""

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..reader.vpcd import HOST, PORT
from . import interrupt
from .output import print_message
from .trace_display import TraceDisplay

if TYPE_CHECKING:
    from cardfs.memory.image import Image
    from cardfs.model.files import CardContents

    from ..ports import Insertable
    from ..reader.vpcd import Watcher
    from ..reader.vpicc import VpiccLink
    from ..rig.card import Card
    from ..rig.scenario import Scenario

_ENDS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP."""


def own_command(*arguments: str) -> list[str]:
    """Return the command line that starts this `sscard`, whatever Python files the folder or PYTHONPATH have."""
    root = str(Path(__file__).parents[2])
    start = f"import sys; sys.path.append({root!r}); from emulator.cli import run; run()"
    return [sys.executable, "-E", "-P", "-c", start, *arguments]


def found_command(command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command, with this `sscard` where the search path has none: the environment need not be active."""
    import shutil

    if command[0] == "sscard" and shutil.which("sscard") is None:
        return (*own_command(), *command[1:])
    return command


def run_beside(command: tuple[str, ...], look: Callable[[], object], variables: Mapping[str, str] | None = None) -> int:
    """Run a command beside this process; return its exit status, 128 + n after signal n.

    The command ends with this process, whatever happens to it, and nothing that it has started goes on after it.

    Args:
        command: program and arguments.
        look: called now and then while it runs.
        variables: what is more in its environment.
    """
    import json
    import subprocess

    from ..reader import stack_enter as enter

    before = enter.children()
    enter.adopt_orphans()
    settings = json.dumps({"pid": os.getpid(), "spaces": [], "owner": os.getpid()})
    entrance = [sys.executable, "-I", "-S", str(Path(enter.__file__).resolve()), settings]
    environment = {**os.environ, **(variables or {})}
    process = subprocess.Popen([*entrance, *found_command(command)], env=environment)  # noqa: S603
    process.returncode = enter.shepherd(process.pid, look)
    enter.end_descendants(before)
    return process.returncode


@contextmanager
def open_card(
    source: "Path | CardContents | Card",
    display: TraceDisplay | None,
    scenario: "Scenario | None" = None,
    reader: int = 0,
    name: str = "",
) -> "Iterator[Insertable]":
    """Yield a card from an image file, or a new one in memory.

    Args:
        source: the image file, the contents of the new card, or the card itself.
        display: gets its events; None for none.
        scenario: what goes wrong with it, and how slowly it answers; None for nothing and at once.
        reader: number of its reader in the scenario.
        name: name of its reader in the trace; empty where there is only one.

    Raises:
        ImageError: the file cannot be used.
        ScenarioError: a fault is of a key that this card does not have.
    """
    from cardfs.memory.image import Image
    from cardfs.model.files import CardContents

    if not isinstance(source, Path | CardContents):
        if scenario and scenario.seed is not None:
            source.random = scenario.random_of(reader)
        yield _prepared(source, display, scenario, reader, name)
        return
    memory = Image.open(source) if isinstance(source, Path) else Image.in_memory(source)
    try:
        yield (
            _plain(memory) if display is None and scenario is None else _driven(memory, display, scenario, reader, name)
        )
    finally:
        memory.close()


def _plain(memory: "Image") -> "Insertable":
    """Return the engine alone: where nobody looks and nothing goes wrong, nothing else is loaded."""
    from ..cards import Card

    return Card(memory)


def _driven(
    memory: "Image", display: TraceDisplay | None, scenario: "Scenario | None", reader: int, name: str
) -> "Insertable":
    from keys.generate import system_random

    from ..rig.card import Card

    card = Card(memory, random=scenario.random_of(reader) if scenario else system_random)
    return _prepared(card, display, scenario, reader, name)


def _prepared(
    card: "Card", display: TraceDisplay | None, scenario: "Scenario | None", reader: int, name: str
) -> "Insertable":
    card.record_to(display, name)
    if scenario:
        scenario.prepare(card, reader)
    return card


def link_text(event: object) -> str:
    """Return one sentence for people on an event of the link to the reader (`emulator.reader.events`)."""
    from ..reader import vpcd

    match event:
        case vpcd.Connected(host, port):
            return f"in the reader at {host}:{port}" if host else f"in the reader that called port {port}"
        case vpcd.Disconnected(reason, 0) | vpcd.Removed(reason):
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
    source: "Path | CardContents | Card",
    slot: int,
    trace: Path | None,
    *,
    host: str = HOST,
    port: int = PORT,
    quiet: bool = True,
    service: str | None = None,
    vpicc: bool = False,
    scenario: "Scenario | None" = None,
    reader: int = 0,
    name: str = "",
    report: Callable[[str], None] = print_message,
    unmasked: bool = False,
) -> None:
    """Hold a card in a slot until a signal ends it or a fault takes it out, with ``vpicc`` until the reader goes away.

    Args:
        source: an image file, the contents of a card that lives in memory only, or a card.
        slot: number of the slot, 0 to 15.
        trace: file to which the trace is appended; None for none.
        host, port: where the driver listens for slot 0.
        quiet: whether no trace goes to the terminal.
        service: path of the socket of the reader's pcscd; None for that of this process's PC/SC clients.
        vpicc: whether vsmartcard's own emulator is the link; without ``host`` in its reversed mode.
        scenario: what goes wrong with the card, and how slowly it answers.
        reader: number of its reader in the scenario.
        name: name of its reader in the trace; empty where there is only one.
        report: gets a sentence for each fault that has not struck when the card is out again.
        unmasked: whether the trace file gets PINs and keys, too.
    """
    from keys.ciphers import warm_up

    from ..reader.vpcd import Connected, Removed, Slot

    display = None if quiet and trace is None else TraceDisplay(trace, quiet=quiet, unmasked=unmasked)

    def watch(event: object) -> None:
        if display:
            display.note(link_text(event), name)
        if isinstance(event, Connected):
            threading.Thread(target=warm_up, daemon=True).start()
        elif isinstance(event, Removed):
            print_message(event.reason)

    try:
        with open_card(source, display, scenario, reader, name) as card:
            link = (
                _vpicc(card, host, port + slot, watch)
                if vpicc
                else Slot(card, slot, host=host, port=port, watch=watch, service=service)
            )
            try:
                with ended_by_a_signal(link.close):
                    link.run()
            finally:
                for sentence in scenario.unfired(reader) if scenario else ():
                    report(sentence)
    finally:
        if display:
            display.close()


def _vpicc(card: "Insertable", host: str, port: int, watch: "Watcher") -> "VpiccLink":
    from ..reader.vpicc import VpiccLink

    return VpiccLink(card, host, port, watch=watch)


def end_cleanly(status: int) -> None:
    """End with this status on a signal that comes before anything runs that has a better answer to it."""
    for number in _ENDS[1:]:
        signal.signal(number, lambda *_: sys.exit(status))


def wait_for_a_signal(look: Callable[[], object]) -> None:
    """Wait until a signal comes.

    Args:
        look: called now and then meanwhile.
    """
    ended = threading.Event()
    with ended_by_a_signal(ended.set):
        # Not for ever in one call: a handler runs between two of them only.
        while not ended.wait(0.2):
            look()


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
