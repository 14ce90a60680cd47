"""Command `demo`: a card is made, read and paid with in a private reader."""

import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from .group import TRACE, main
from .inserting import end_cleanly, ended_by_a_signal, link_text, open_card, own_command
from .issuing import DEMO_NOTE, demo_contents
from .targets import Target
from .trace_display import TraceDisplay

if TYPE_CHECKING:
    from ..reader.stack import Stack

DEMO_IMAGE: Final = Path("demo.sscard")
DEMO_PIN: Final = "123456"
LOADED: Final = (
    "The answer:\nalgorithm|key|balance, in fen|counter|amount, in fen|type, 1 a load|terminal|time|proof (TAC)|"
)
"""The fields of a load, in the order of its raw line."""


@main.command()
@click.argument("image", type=Target(), default=DEMO_IMAGE)
@click.option("--once", is_flag=True, help="End after reading and paying.")
@TRACE
def demo(image: Path, trace: Path | None, *, once: bool) -> None:
    """Make a demo card if there is none, put it into a private reader, read it, pay with it; trace until Ctrl-C.

    IMAGE is demo.sscard if none is given. The account is loaded before the purchase. A PSAM, made for the run, secures
    the purchase from a second reader.
    """
    end_cleanly(0)
    from cardfs.memory.image import Image

    from ..reader.stack import Stack

    pays = image.name == DEMO_IMAGE.name
    if not image.exists():
        pays = True
        Image.create(image, demo_contents())
        click.echo(f"Made {image}: an invented holder, PIN 123456; {DEMO_NOTE}.")
    display = TraceDisplay(trace, quiet=True)
    try:
        with open_card(image, display) as card, Stack(2) as stack:
            click.echo(f"A {stack.mode} PC/SC stack with reader {stack.readers[0]!r}; inserting the card.")
            link = stack.insert(card, 0, watch=lambda event: display.note(link_text(event)))
            try:
                status = stack.call(own_command("read"))
                # Never on a card that was there before: a wrong PIN costs it a try.
                if not status and pays:
                    _pay(stack)
                if once or status:
                    sys.exit(status)
                click.echo(
                    "\nThe card stays in the reader until Ctrl-C. Other programs of yours reach it, for instance:"
                )
                click.echo(f"  PCSCLITE_CSOCK_NAME={stack.socket_path} opensc-tool -a\n")
                display.quiet = False
                _wait_for_interrupt(threading.Event())
            finally:
                link.close()
    finally:
        display.close()


def _pay(stack: "Stack") -> None:
    """Load the card's account, as its issuer does, and pay from it: a PSAM in the second reader computes."""
    from cardfs.memory.image import Image

    from ..cards import Card

    link = stack.insert(Card(Image.in_memory(demo_contents("psam"))), 1)
    options = ["--pin", DEMO_PIN, "--reader", stack.readers[0], "--psam-reader", stack.readers[1]]
    steps = {
        f"The account gets 100.00 yuan; the issuer's host has the key, here a software HSM. {LOADED}": [
            *("load", "100", "--raw")
        ],
        "It holds now, in yuan:": ["balance"],
        f"A purchase of 12.50 yuan, 10.00 of them from the account; a PSAM in {stack.readers[1]!r} computes.": [
            *("debit", "12.50", "10.00", "--set", "terminal.debit_amounts=account")
        ],
        "Now it holds:": ["balance"],
    }
    try:
        for title, command in steps.items():
            click.echo(f"\n{title}")
            # What failed is not tried again: a wrong PIN costs a try every time.
            if stack.call(own_command("terminal", *command, *options)):
                break
    finally:
        link.close()


def _wait_for_interrupt(done: threading.Event) -> None:
    with ended_by_a_signal(done.set):
        done.wait()
