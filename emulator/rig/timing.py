"""How slowly a card answers: bytes over its contacts or through the air, and the time that it computes.

The time on the way is counted from the bytes. The time in the card is a model (`WORK`), not a measurement of a certain
product: what a card of this kind may take, so that a terminal's limits and its patience are tried.
"""

import time
from collections.abc import Mapping
from typing import Final, NamedTuple

from cardfs.model.errors import hint
from keys.errors import SscardError

from ..card.row import Row

ETU: Final = 12
"""Elementary time units of a character under T=0: ten, and a guard time of two (Part 2, 9; ISO/IEC 7816-3)."""


class TimingError(SscardError, ValueError):
    """There is no such timing; one sentence with those that there are."""


class Wire(NamedTuple):
    """How long bytes take on their way.

    Attributes:
        character: seconds that one byte takes.
        overhead: seconds of one exchange beside its bytes, for each block.
        block: most bytes of a block; longer commands and answers take several.
        under_t0: whether a header of five, a procedure byte and the data pass one by one (T=0).
        text, zh: what it stands for.
    """

    character: float
    overhead: float
    block: int
    under_t0: bool
    text: str
    zh: str

    def seconds(self, command: bytes, answer: bytes) -> float:
        """Return how long a command and its answer are on the way."""
        if self.under_t0:
            data = len(command) - 5 if len(command) > 5 else max(0, len(answer) - 2)
            return (5 + (1 + data if data > 0 else 0) + 2) * self.character
        blocks = -(-len(command) // self.block) + -(-len(answer) // self.block)
        return (len(command) + len(answer)) * self.character + blocks * self.overhead


TIMINGS: Final[Mapping[str, Wire]] = {
    "contact-9600": Wire(
        ETU / 9600,
        0,
        65536,
        True,
        "contacts at 9600 bit/s, T=0: 12 etu a character",
        "接触式 9600 bit/s，T=0，每字符 12 etu",
    ),
    "contact-115200": Wire(
        ETU / 115200,
        0,
        65536,
        True,
        "contacts at 115,200 bit/s, T=0: 12 etu a character",
        "接触式 115200 bit/s，T=0，每字符 12 etu",
    ),
    "contactless-106": Wire(
        9 / 106_000,
        0.0006,
        253,
        False,
        "ISO/IEC 14443 at 106 kbit/s: 9 bits a byte, and 0.6 ms a block of 253 bytes for its frame",
        "ISO/IEC 14443，106 kbit/s：每字节 9 位，每块（253 字节）另加 0.6 ms 的帧开销",
    ),
}
"""Every way by its name; ``none`` stands for no waiting at all."""

NONE: Final = "none"


class Work(NamedTuple):
    """How long a card takes for a sort of command.

    Attributes:
        seconds: time of one command.
        text, zh: which commands.
    """

    seconds: float
    text: str
    zh: str


WORK: Final[Mapping[str, Work]] = {
    "any": Work(0.002, "any command", "任何命令"),
    "selects": Work(0.004, "one that selects a file, besides", "选择文件的命令另加"),
    "ciphers": Work(0.008, "one that uses a challenge or secure messaging, besides", "使用随机数或安全报文的命令另加"),
    "writes": Work(0.012, "one that can change the non-volatile memory, besides", "可能写非易失性存储器的命令另加"),
}
"""The model of the time in the card; what applies is added up."""


def work(row: Row | None) -> float:
    """Return the seconds that a card takes for a command."""
    seconds = WORK["any"].seconds
    if row is not None:
        seconds += WORK["selects"].seconds if row.selects else 0
        seconds += WORK["ciphers"].seconds if row.takes_challenge or row.secured else 0
        seconds += WORK["writes"].seconds if row.writes else 0
    return seconds


def wire(name: str) -> Wire | None:
    """Return a way by its name; None for ``none``.

    Raises:
        TimingError: there is none of this name.
    """
    if name == NONE:
        return None
    if name not in TIMINGS:
        raise TimingError(f"there is no timing {name!r}{hint(name, (*TIMINGS, NONE))}")
    return TIMINGS[name]


def wait(way: Wire, row: Row | None, command: bytes, answer: bytes, started: float) -> None:
    """Wait until a command has taken as long as on a real card.

    Args:
        started: what `time.perf_counter` returned when the command came.
    """
    left = way.seconds(command, answer) + work(row) - (time.perf_counter() - started)
    if left > 0:
        time.sleep(left)
