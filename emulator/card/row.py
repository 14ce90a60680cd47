"""A row of the command table: one command as data (Part 5, 5.3).

A row holds what the gate checks before the handler runs: class, parameters, lengths. ``status_words`` are
all status words that the command can answer; each has a test.
"""

from collections.abc import Callable, Container
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cardfs.model.settings import Settings

from .context import Answer, Context
from .describer import Describer
from .secret import Policy
from .session import Prepared, Session

NO_DATA: Final[Container[int]] = frozenset((0,))
ANY_LE: Final[Container[int]] = range(1, 65537)
COMMON: Final = (0x6A81, 0x6E00)
GATED: Final = (*COMMON, 0x6700, 0x6A86, 0x9303)


def _zero(p1: int, p2: int) -> bool:
    return not p1 and not p2


def _always(_settings: Settings) -> bool:
    return True


class Drawn(NamedTuple):
    """Where the end of response data has a random number of the card, and what is computed from it.

    Attributes:
        length: bytes of the random number; None for all that there are.
        computed: bytes behind it that are computed from it.
    """

    length: int | None = None
    computed: int = 0

    def random(self, total: int) -> range:
        """Return the places of the random number in response data of ``total`` bytes."""
        end = total - self.computed
        return range(0 if self.length is None else max(0, end - self.length), max(0, end))

    def all(self, total: int) -> range:
        """Return the places of the random number and of what is computed from it."""
        return range(self.random(total).start, total)


def any_sequence(_trade: Prepared | None) -> bool:
    """Return True: the command may come after any other."""
    return True


@dataclass(frozen=True, slots=True)
class Row:
    """One command.

    Attributes:
        name, zh: its name in the standard, in English and in Chinese.
        cla, ins: class and instruction byte.
        clause: where the standard has it.
        handler: runs it: takes the context, returns the answer or raises the refusal.
        parameters: returns whether P1 and P2 are among those of the command.
        lc: allowed lengths of the data field.
        le: allowed Le when the command can answer data, else None.
        status_words: the status words that it can answer; 63C0, 6100 and 6C00 stand for their families.
        data_or_not: whether it may come with or without data, so that under T=0 P3 00 means no data.
        takes_challenge: whether the challenge is used up by it; a secured command always takes it.
        writes: whether it can change the non-volatile memory.
        reads: whether it only reads a file.
        keeps_trade: whether a trade that an INITIALIZE command began goes on after it, if it succeeds or
            only names the right Le (6Cxx); every other command ends the trade (Part 5, 7, table 49).
        p1: the P1 that distinguishes it from other rows of its class and instruction; None if it is the only one.
        in_sequence: returns whether it may come after what an INITIALIZE command prepared (None: after anything else);
            checked before parameters and lengths (Part 5, 7).
        while_suspended: whether it works in an application that a temporary APPLICATION BLOCK has locked.
        failure_locks: whether a memory that fails under it locks the card (Part 5, table 53).
        selects: whether it selects a DF or an EF; then it works in a locked application, too (Part 7, 13.2).
        fetches: whether it answers data that wait, unchanged (GET RESPONSE).
        ends_an_application: whether its repetition in the application that it has locked may succeed (Part 5, 6.1.5).
        draws: where the whole response data hold a random number of the card; None if there is none.
        completes_trade: whether its data prove what an INITIALIZE command has drawn.
        refused: returns the session after a refusal: if the first step of a sequence is refused, nothing of an
            earlier sequence may remain for the second step; None if the session stays.
        enabled: returns whether a card with these settings has it.
        secret: what of its data field and of its answer is never shown to people.
        describe: what it means, for people.
    """

    name: str
    zh: str
    cla: int
    ins: int
    clause: str
    handler: Callable[[Context], Answer]
    status_words: tuple[int, ...]
    parameters: Callable[[int, int], bool] = _zero
    lc: Container[int] = NO_DATA
    le: Container[int] | None = None
    data_or_not: bool = False
    takes_challenge: bool = False
    writes: bool = False
    reads: bool = False
    keeps_trade: bool = False
    p1: int | None = None
    in_sequence: Callable[[Prepared | None], bool] = any_sequence
    while_suspended: bool = False
    failure_locks: bool = False
    selects: bool = False
    fetches: bool = False
    ends_an_application: bool = False
    draws: Drawn | None = None
    completes_trade: bool = False
    refused: Callable[[Session], Session] | None = None
    enabled: Callable[[Settings], bool] = _always
    secret: Policy = field(kw_only=True)
    describe: Describer = field(kw_only=True)

    @property
    def secured(self) -> bool:
        """Return whether the class announces secure messaging (Part 4, 8.1)."""
        return self.cla & 0x0F == 0x04
