"""`Reader`: a reader of a rig, with a card in it or empty."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol, overload

from ..card.engine import Outcome
from ..terminal import Connection, TerminalError
from ..terminal.errors import NO_ANSWER
from .any_card import AnyCard
from .card import Card, Snapshot
from .errors import RigError
from .fault import Fault
from .relay import Relay
from .trace import Trace
from .transport import Transport

STILL: Final = 5.0
"""Seconds that a command may take before what waits for its end is refused."""
BREATH: Final = 0.05
"""Seconds after which a card that comes or goes by itself looks whether it still belongs to its reader."""


class Owner(Protocol):
    """What a reader asks of its rig.

    Attributes:
        trace: what passed between all readers and cards.
    """

    @property
    def trace(self) -> Trace:
        """What passed between all readers and cards."""

    def require_free(self, card: AnyCard) -> None:
        """Refuse a card that is in a reader already; raise `RigError`."""

    def watch(self, card: AnyCard, reader: str) -> None:
        """Record what a card does from now on in the trace of the rig."""

    def leave(self, card: AnyCard, reader: str) -> None:
        """Take what a card is now for what it was when it left."""

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
        self._card: AnyCard | None = None
        self._latest: AnyCard | None = None
        self._before: Trace | None = None
        self._connection: Any = None
        self._lock = threading.RLock()  # a physical card comes and goes in a thread of its own

    @property
    def card(self) -> Card | None:
        """The virtual card in the reader; None if there is none, also after a fault has taken it out for good."""
        return self._card if isinstance(self._card, Card) and self._transport.present(self.place) else None

    @property
    def inserted(self) -> AnyCard | None:
        """What is in the reader, a `Card` or the relay to a physical one; None if it is empty."""
        return self._card if self._transport.present(self.place) else None

    @property
    def relay(self) -> Relay | None:
        """The relay in the reader, also while its physical card is out of it; None without one."""
        return self._card if isinstance(self._card, Relay) else None

    @property
    def is_stale(self) -> bool:
        """Whether clients know an answer to reset that the card gives no more.

        A fault had spoiled it, or the card has got another one with its memory.
        """
        return self._card is not None and self._transport.is_stale(self.place)

    @overload
    def insert(self, card: Card | None = None) -> Card: ...

    @overload
    def insert(self, card: AnyCard) -> AnyCard: ...

    def insert(self, card: AnyCard | None = None) -> AnyCard:
        """Put a card in; return it.

        A relay whose physical card is out of its reader leaves this one empty until that card is there.

        Args:
            card: a `Card`, or what `Rig.relay` returns; if left out the one that was in this reader last, pulled or
                taken out by a fault.

        Raises:
            RigError: there is a card already, or this one is in another reader, or none was ever here.
            StackError: PC/SC does not see it in time.
        """
        with self._lock:
            if self._transport.present(self.place):
                raise RigError(f"{self.name!r} holds a card already: remove it first, or swap")
            card = card or self._known()
            self._rig.require_free(card)
            self.let_go()
            self._take(card)
            if card.present:
                self._transport.insert(self.place, card, self._note)
                self._note("inserted")
            card.entered(self)
            return card

    def follow(self, card: AnyCard, *, present: bool) -> None:
        """Let a card that went by itself leave the reader, or come back into it; do nothing for another card.

        Raises:
            StackError: PC/SC does not see it in time.
        """
        while not self._lock.acquire(timeout=BREATH):
            if self._card is not card:
                return  # whoever has the lock waits for this thread to end
        try:
            if self._card is not card:
                return
            self._disconnect()
            here = self._transport.present(self.place)
            self._transport.remove(self.place)
            if here:
                self._note("removed")
            if present:
                self._transport.insert(self.place, card, self._note)
                self._note("inserted")
        finally:
            self._lock.release()

    def remove(self) -> AnyCard:
        """Pull the card out; return it.

        Raises:
            RigError: the reader is empty.
        """
        card = self._card
        if card is None:
            raise RigError(f"{self.name!r} is empty")
        with self._lock:
            was_there = self._transport.present(self.place)
            card.interrupt()
            self.let_go()
            self._transport.remove(self.place)
            if was_there:
                self._rig.note("removed", self.name, card.profile)
            return card

    @overload
    def swap(self, card: Card) -> Card: ...

    @overload
    def swap(self, card: AnyCard) -> AnyCard: ...

    def swap(self, card: AnyCard) -> AnyCard:
        """Pull the card out, if there is one, and put another one in; clients see both. Return the new one."""
        with self._lock:
            self._rig.require_free(card)
            if self._card is not None:
                self.remove()
            elif self._transport.present(self.place):
                self._transport.remove(self.place)
            return self.insert(card)

    @overload
    def replace(self, card: Card) -> Card: ...

    @overload
    def replace(self, card: AnyCard) -> AnyCard: ...

    def replace(self, card: AnyCard) -> AnyCard:
        """Put another card in the place of this one without any client noticing: the quickest way to a fresh card.

        Where that is not possible, because a program is connected, it is a `swap`. Return the new card.
        """
        with self._lock:
            self._rig.require_free(card)
            if not card.present or not self._transport.present(self.place):
                return self.swap(card)
            self._disconnect()
            if not self._transport.replace(self.place, card):
                return self.swap(card)
            self.let_go()
            self._take(card)
            self._note("inserted")
            card.entered(self)
            return card

    def reset(self) -> None:
        """Reset the card warm, as another program would; who is connected through PC/SC is told.

        Raises:
            SscardError: the reader is empty.
        """
        self._transport.reset(self.place)

    def renew(self) -> None:
        """Pull the card out and put it in again if it `is_stale`, faults and timing as they are; else do nothing.

        Raises:
            StackError: PC/SC does not see it in time.
        """
        with self._lock:
            if self.is_stale:
                card = self.remove()
                timing = card.timing
                self.insert(card)
                card.timing = timing

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

    def _known(self) -> AnyCard:
        if self._latest is None:
            raise RigError(f"{self.name!r} is empty")
        return self._latest

    def _memory(self) -> Card:
        card = self._known()
        if not isinstance(card, Card):
            raise RigError(f"nobody looks into the memory of a physical card: {card!r}")
        return card

    def fault(self, name: str | Fault, **chosen: Any) -> Fault:
        """Arm a fault of the card; see `Card.fault`. Raise `RigError` if there was never a card."""
        return self._known().fault(name, **chosen)

    def disarm(self, fault: Fault | None = None) -> None:
        """Take a fault of the card away, or all of them; clients see the card's own answer to reset again."""
        self._known().disarm(fault)
        self.renew()

    def snapshot(self) -> Snapshot:
        """Return the memory of the card as it is now; see `Card.snapshot`."""
        return self._memory().snapshot()

    def restore(self, snapshot: Snapshot) -> None:
        """Put the memory of the card back; see `Card.restore`. Clients see its answer to reset."""
        self._memory().restore(snapshot)
        self.renew()

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

    def _take(self, card: AnyCard) -> None:
        self._card = self._latest = card
        self._before = card.trace
        self._rig.watch(card, self.name)

    def let_go(self) -> None:
        """Take the card for gone: end the connection of `transmit`, and record in the rig's trace no more."""
        with self._lock:
            self._disconnect()
            card, self._card = self._card, None
        if card is not None:
            card.trace = self._before
            self._rig.leave(card, self.name)
            card.left()

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def __repr__(self) -> str:
        """Name the reader and what is in it."""
        return f"<Reader {self.name!r} {self.card or 'empty'}>"
