"""`Reader`: a reader of a rig, with a card in it or empty."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

from ..card.engine import Outcome
from ..terminal import Connection, TerminalError
from ..terminal.errors import NO_ANSWER
from .card import Card, Snapshot
from .errors import RigError
from .fault import Fault
from .trace import Trace
from .transport import Transport

STILL: Final = 5.0
"""Seconds that a command may take before what waits for its end is refused."""


class Owner(Protocol):
    """What a reader asks of its rig.

    Attributes:
        trace: what passed between all readers and cards.
    """

    @property
    def trace(self) -> Trace:
        """What passed between all readers and cards."""

    def require_free(self, card: Card) -> None:
        """Refuse a card that is in a reader already; raise `RigError`."""

    def watch(self, card: Card, reader: str) -> None:
        """Record what a card does from now on in the trace of the rig."""

    def note(self, kind: str, reader: str, what: str) -> None:
        """Record that something happened to a reader."""


class Reader:
    """A reader of a rig; a rig makes it. A terminal takes it for its own.

    Every method returns when clients see what it did: nobody has to sleep. What it says of a card, `fault`, `last`
    and others, is said of the card in it; after the card has left, of the one that was in it last.

    Attributes:
        place: its number in the rig, from 0.
        name: its name; that of PC/SC, if the rig is on PC/SC.

    Example:
        >>> import sscard
        >>> with sscard.Rig(["demo", "empty"]) as rig:
        ...     card = rig.readers[0].remove()
        ...     moved = rig.readers[1].insert(card)
        ...     rig.readers[0].card is None, rig.readers[1].card is card
        (True, True)
    """

    def __init__(self, rig: Owner, transport: Transport, place: int) -> None:
        self.place = place
        self.name = transport.names[place]
        self._rig = rig
        self._transport = transport
        self._card: Card | None = None
        self._latest: Card | None = None
        self._before: Trace | None = None
        self._connection: Any = None

    @property
    def card(self) -> Card | None:
        """The card in the reader; None if it is empty, also after a fault has taken the card out for good."""
        return self._card if self._transport.present(self.place) else None

    def insert(self, card: Card | None = None) -> Card:
        """Put a card in; return it.

        Args:
            card: the card; if left out the one that was in this reader last, pulled or taken out by a fault.

        Raises:
            RigError: there is a card already, or this one is in another reader, or none was ever here.
            StackError: PC/SC does not see it in time.
        """
        if self._transport.present(self.place):
            raise RigError(f"{self.name!r} holds a card already: remove it first, or swap")
        card = card or self._known()
        self._rig.require_free(card)
        self.let_go()
        self._take(card)
        self._transport.insert(self.place, card, self._note)
        self._rig.note("inserted", self.name, card.profile)
        return card

    def remove(self) -> Card:
        """Pull the card out; return it.

        Raises:
            RigError: the reader is empty.
        """
        card = self._card
        if card is None:
            raise RigError(f"{self.name!r} is empty")
        was_there = self._transport.present(self.place)
        card.interrupt()
        self.let_go()
        self._transport.remove(self.place)
        if was_there:
            self._rig.note("removed", self.name, card.profile)
        return card

    def swap(self, card: Card) -> Card:
        """Pull the card out, if there is one, and put another one in; clients see both. Return the new one."""
        self._rig.require_free(card)
        if self._card is not None:
            self.remove()
        elif self._transport.present(self.place):
            self._transport.remove(self.place)
        return self.insert(card)

    def replace(self, card: Card) -> Card:
        """Put another card in the place of this one without any client noticing: the quickest way to a fresh card.

        Where that is not possible, because a program is connected, it is a `swap`. Return the new card.
        """
        self._rig.require_free(card)
        if not self._transport.present(self.place):
            return self.swap(card)
        self._disconnect()
        if not self._transport.replace(self.place, card):
            return self.swap(card)
        self.let_go()
        self._take(card)
        self._rig.note("inserted", self.name, card.profile)
        return card

    def reset(self) -> None:
        """Reset the card warm, as another program would; who is connected through PC/SC is told.

        Raises:
            SscardError: the reader is empty.
        """
        self._transport.reset(self.place)

    def open(self) -> Connection:
        """Reset the card cold and return a connection, for a terminal; raise `TerminalError` if there is no card."""
        return self._transport.open(self.place)

    def connect(self) -> Any:
        """Return a connection of pyscard, connected; ``transmit`` takes a list and returns data, SW1 and SW2.

        Raises:
            smartcard.Exceptions.NoCardException: there is no card.
        """
        return self._transport.connect(self.place)

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU the way a client does and return the answer, status word last.

        The connection stays open until the card leaves the reader.

        Raises:
            TerminalError: there is no card, or it went.
        """
        if self._connection is None:
            self._connection = self._transport.share(self.place)
        try:
            answer: bytes = self._connection.transmit(command)
        except Exception:
            self._disconnect()
            raise
        if not answer:
            # PC/SC tells of success where a card was pulled out in the middle of a command.
            self._disconnect()
            raise TerminalError("the card gave no answer: was it pulled out?", NO_ANSWER)
        return answer

    # -- the card in it -----------------------------------------------------------------------

    def _known(self) -> Card:
        if self._latest is None:
            raise RigError(f"{self.name!r} is empty")
        return self._latest

    def fault(self, name: str | Fault, **chosen: Any) -> Fault:
        """Arm a fault of the card; see `Card.fault`. Raise `RigError` if there was never a card."""
        return self._known().fault(name, **chosen)

    def disarm(self, fault: Fault | None = None) -> None:
        """Take a fault of the card away, or all of them."""
        self._known().disarm(fault)

    def snapshot(self) -> Snapshot:
        """Return the memory of the card as it is now; see `Card.snapshot`."""
        return self._known().snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Put the memory of the card back; see `Card.restore`."""
        self._known().restore(snapshot)

    @property
    def last(self) -> Outcome | None:
        """What happened to the last command, with the reason for a refusal; None before the first."""
        return self._known().last

    @property
    def atr(self) -> bytes:
        """The answer to reset of the card, 2 to 33 bytes."""
        return self._known().atr

    @property
    def trace(self) -> Trace:
        """What passed in this reader, whatever card was in it."""
        return self._rig.trace.of(self.name)

    @contextmanager
    def still(self, limit: float = STILL) -> Iterator[None]:
        """Let no command reach the card during the block, so that its memory can be looked at and changed.

        Raises:
            RigError: a command is under way that takes longer than ``limit`` seconds.
        """
        lock = self._transport.locks[self.place]
        if not lock.acquire(timeout=limit):
            raise RigError(f"{self.name!r} is busy: its card has worked on a command for {limit:g} s")
        try:
            yield
        finally:
            lock.release()

    def _note(self, kind: str) -> None:
        """Record that a fault took the card out, or that it came back."""
        if self._card is not None:
            self._rig.note(kind, self.name, self._card.profile)

    def _take(self, card: Card) -> None:
        self._card = self._latest = card
        self._before = card.trace
        self._rig.watch(card, self.name)

    def let_go(self) -> None:
        """Take the card for gone: end the connection of `transmit`, and record in the rig's trace no more."""
        self._disconnect()
        if self._card is not None:
            self._card.trace = self._before
        self._card = None

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __repr__(self) -> str:
        """Name the reader and what is in it."""
        return f"<Reader {self.name!r} {self.card or 'empty'}>"
