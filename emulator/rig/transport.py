"""How commands reach the cards of a rig: in this process, or through PC/SC and the virtual reader.

Both have the same methods, and `emulator.rig.reader` knows no difference between them.
"""

import gc
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ..ports import CardRemoved, Insertable
from ..reader.errors import StackError
from ..terminal import Connection, TerminalError
from ..terminal.errors import NO_CARD
from .errors import RigError
from .route import ROUTE

if TYPE_CHECKING:
    from .pyscard import RigReader


Note = Callable[[str], None]
"""Hears that a fault took a card out, ``removed``, or that it came back by itself, ``inserted``."""


class Transport(Protocol):
    """Where the cards of a rig are.

    Attributes:
        names: the readers by name, in order.
        locks: held while a card works on a command or a reset, by reader.
    """

    names: list[str]
    locks: "list[threading.RLock]"

    def insert(self, place: int, card: Insertable, note: "Note") -> None:
        """Put a card into an empty reader; return when clients see it. ``note`` hears what it does by itself."""

    def remove(self, place: int) -> None:
        """Pull the card out; return when clients see that."""

    def replace(self, place: int, card: Insertable) -> bool:
        """Put another card in the place of one without clients noticing; return whether that was possible."""

    def reset(self, place: int) -> None:
        """Reset the card warm, as another program would."""

    def present(self, place: int) -> bool:
        """Return whether a card is in the reader: a fault may have taken it out."""

    def owns(self, name: str) -> bool:
        """Return whether a reader that PC/SC shows outside of the rig is one of these."""

    def is_stale(self, place: int) -> bool:
        """Return whether clients know another answer to reset than the card in the reader gives now."""

    def open(self, place: int) -> Connection:
        """Reset the card cold and return a connection for a terminal; raise `TerminalError` if there is none."""

    def share(self, place: int) -> Connection:
        """Return a connection beside which other programs may use the card; raise `TerminalError` if there is none."""

    def connect(self, place: int) -> Any:
        """Return a connected connection of pyscard."""

    def inherit(self, *paths: str) -> None:
        """See to it that files are removed if this process dies before `close`."""

    def look_after(self) -> None:
        """Report once if the readers are gone."""

    def close(self) -> None:
        """Take everything down."""


class Seat:
    """What sits in a reader: the card, which may be another one later; a fault may take it out.

    Args:
        card: the card.
        lock: held while the card works, so that nobody changes its memory meanwhile.
        note: hears that a fault took the card out, and that it came back.

    Attributes:
        away: whether the card left in the middle of a command.
        since: when that was, in seconds of `time.monotonic`.
        back: after how many seconds it returns by itself; None for never.
        powered: whether the card has power.
        told: the answer to reset that clients know; None before anybody has asked.
        lost: whether the card has left by itself, and got no power since.
    """

    def __init__(self, card: Insertable, lock: "threading.RLock", note: Note) -> None:
        self.card = card
        self._lock = lock
        self._note = note
        self.lost = False
        self.away = False
        self.since = 0.0
        self.back: float | None = None
        self.powered = False
        self.told: bytes | None = None

    @property
    def present(self) -> bool:
        """Whether the card is in the reader."""
        if self.away and self.back is not None and time.monotonic() >= self.since + self.back:
            self.away = False
        return not self.away

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self.card.atr

    def power_on(self) -> None:
        """Cold reset; raise `CardRemoved` if the card is gone."""
        self.powered = True
        with self._leaving(), self._lock:
            self.card.power_on()
            self.told = self.card.atr
        if self.lost:
            self.lost = self.away = False
            self._note("inserted")

    def power_off(self) -> None:
        """Loss of power."""
        self.powered = False
        with self._lock:
            self.card.power_off()

    def reset(self) -> None:
        """Warm reset; raise `CardRemoved` if the card is gone."""
        with self._leaving(), self._lock:
            self.card.reset()
            self.told = self.card.atr

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on; raise `CardRemoved` if a fault takes the card out."""
        try:
            with self._lock:
                return self.card.transmit(command)
        except CardRemoved as removed:
            self._leave(removed)
            raise

    @contextmanager
    def _leaving(self) -> Iterator[None]:
        """Take note of a card that is lost in the block."""
        try:
            yield
        except CardRemoved as removed:
            self._leave(removed)
            raise

    def _leave(self, removed: CardRemoved) -> None:
        self.lost = self.away = True
        self.since, self.back = time.monotonic(), removed.back
        self._note("removed")

    def with_card(self, card: Insertable) -> "Seat":
        """Return a seat of the same reader with another card."""
        return Seat(card, self._lock, self._note)


def _is_stale(seat: Seat | None) -> bool:
    return seat is not None and seat.present and seat.told not in (None, seat.card.atr)


# -- in this process ----------------------------------------------------------------------------------


class ProcessTransport:
    """Readers of this process: no PC/SC takes part."""

    def __init__(self, count: int) -> None:
        self.names = [f"sscard {place}" for place in range(count)]
        self.locks = [threading.RLock() for _ in range(count)]
        self._seats: list[Seat | None] = [None] * count

    def insert(self, place: int, card: Insertable, note: Note) -> None:
        """Put a card in."""
        self._seats[place] = Seat(card, self.locks[place], note)

    def remove(self, place: int) -> None:
        """Take the card out, and its power away."""
        seat, self._seats[place] = self._seats[place], None
        if seat is not None:
            seat.power_off()

    def replace(self, place: int, card: Insertable) -> bool:
        """Put another card in."""
        seat = self._seats[place]
        if seat is None:
            return False
        seat.power_off()
        self._seats[place] = seat.with_card(card)
        return True

    def reset(self, place: int) -> None:
        """Reset the card warm; raise `TerminalError` if there is none."""
        seat = self._seat(place)
        with _as_lost():
            seat.reset()

    def present(self, place: int) -> bool:
        """Return whether there is a card."""
        seat = self._seats[place]
        return seat is not None and seat.present

    def owns(self, name: str) -> bool:  # noqa: ARG002 - as others have it
        """Return False: PC/SC shows none of these."""
        return False

    def is_stale(self, place: int) -> bool:
        """Return whether the card has told another answer to reset than it would now."""
        return _is_stale(self._seats[place])

    def open(self, place: int) -> "ProcessConnection":
        """Reset the card cold."""
        seat = self._seat(place)
        with _as_lost():
            seat.power_on()
        return ProcessConnection(seat, lambda: self._seats[place] is seat and seat.present)

    def share(self, place: int) -> "ProcessConnection":
        """Reset the card cold: in this process nobody else uses it."""
        return self.open(place)

    def connect(self, place: int) -> Any:
        """Return a connected connection in the manner of pyscard."""
        connection = self.pyscard_readers()[place].createConnection()
        connection.connect()
        return connection

    def pyscard_readers(self) -> "list[RigReader]":
        """Return the readers in the manner of pyscard."""
        from .pyscard import RigReader  # noqa: PLC0415 - pyscard is loaded for who uses it

        return [RigReader(name, partial(self.open, place)) for place, name in enumerate(self.names)]

    def inherit(self, *paths: str) -> None:
        """Do nothing: what is in this process alone has nobody to leave files to."""

    def look_after(self) -> None:
        """Do nothing: readers of this process do not go."""

    def close(self) -> None:
        """Take all cards out."""
        for place in range(len(self.names)):
            self.remove(place)

    def _seat(self, place: int) -> Seat:
        seat = self._seats[place]
        if seat is None or not seat.present:
            raise TerminalError(f"no card in {self.names[place]!r}", NO_CARD)
        return seat


@contextmanager
def _as_lost() -> Iterator[None]:
    """Raise the `TerminalError` of a card that is lost in the block."""
    try:
        yield
    except CardRemoved as removed:
        raise TerminalError(f"the reader lost the card: {removed}", NO_CARD) from None


class ProcessConnection:
    """A card with power in a reader of this process.

    Args:
        seat: the card in the reader.
        holds: whether it is there still.
    """

    def __init__(self, seat: Seat, holds: Callable[[], bool]) -> None:
        self._seat = seat
        self._holds = holds
        self._lost = False

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._seat.atr

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU and return the answer; raise `TerminalError` if the card is gone."""
        if self._lost or not self._holds():
            self._lost = True
            raise TerminalError("the reader lost the card: it was removed", NO_CARD)
        try:
            return self._seat.transmit(command)
        except CardRemoved as removed:
            self._lost = True
            raise TerminalError(f"the reader lost the card: {removed}", NO_CARD) from None

    def reset(self) -> None:
        """Reset the card warm; raise `TerminalError` if it is lost."""
        with _as_lost():
            self._seat.reset()

    def close(self) -> None:
        """Take the power from the card."""
        if self._holds():
            self._seat.power_off()


def release_connections(names: Collection[str]) -> None:
    """End connections of pyscard that this process has left open: they complain when they outlive their stack.

    Args:
        names: readers; also one of the same name in another stack loses its connections.
    """
    for each in _open_connections(names):
        with suppress(Exception):  # whatever became of the card
            each.disconnect()
        with suppress(Exception):
            each.release()
        each.hcontext = None  # what could not be released now would be tried again at its end


def _open_connections(names: Collection[str]) -> list[Any]:
    """Return the connections of pyscard in this process to readers of these names, also those in cycles of garbage."""
    pyscard = sys.modules.get("smartcard.pcsc.PCSCCardConnection")
    if pyscard is None:
        return []
    kind = pyscard.PCSCCardConnection
    # By the exact type, which asks no object anything.
    found = [each for each in gc.get_objects() if type(each) is kind]
    return [each for each in found if each.hcontext is not None and str(each.reader) in names]


# -- through PC/SC ------------------------------------------------------------------------------------


class PcscTransport:
    """Readers of a private PC/SC stack, or of the machine's where there is no private one.

    Args:
        count: how many readers, 1 to 16.
        report: gets a sentence if the stack is not a private one.

    Raises:
        StackError: no stack is possible; the sentence of `sscard doctor` says what is missing.
    """

    def __init__(self, count: int, report: Callable[[str], None]) -> None:
        from ..reader.stack import Stack  # noqa: PLC0415 - a rig in process needs none
        from ..reader.vpcd import Slot  # noqa: PLC0415

        self.stack = Stack(count, report=report)
        self.stack.__enter__()
        self.names = self.stack.readers[:count]  # the driver has two at least
        self.locks = [threading.RLock() for _ in range(count)]
        self._slots: list[Slot | None] = [None] * count
        self._seats: list[Seat | None] = [None] * count
        self._connections: list[Any] = []
        self._reached = False
        ROUTE.enter(self.stack.socket_path)
        self.inherit()

    def insert(self, place: int, card: Insertable, note: Note) -> None:
        """Put a card in and wait until PC/SC sees it; first until it has seen that the one before is gone."""
        self._close_slot(place)
        seat = Seat(card, self.locks[place], note)
        self._slots[place] = self.stack.insert(seat, place)
        self._seats[place] = seat

    def remove(self, place: int) -> None:
        """Pull the card out and wait until PC/SC sees the reader empty."""
        self._close_slot(place)
        self.stack.wait_until_empty([place])

    def _close_slot(self, place: int) -> None:
        slot, self._slots[place] = self._slots[place], None
        self._seats[place] = None
        if slot is not None:
            slot.close()

    def replace(self, place: int, card: Insertable) -> bool:
        """Put another card behind the link; only where nobody is connected, and after its power was taken away.

        PC/SC keeps the answer to reset of a card until the card loses its power.
        """
        self.release()
        seat = self._seats[place]
        if seat is None or not seat.present or not (self._is_at_rest(seat) or self.stack.unpower(place)):
            return False
        seat.card = card
        return True

    @staticmethod
    def _is_at_rest(seat: Seat) -> bool:
        """Return whether nobody is connected: PC/SC asks for the answer to reset again when somebody comes."""
        return not seat.powered

    def reset(self, place: int) -> None:
        """Reset the card through PC/SC: whoever is connected is told."""
        self.stack.reset(place)

    def present(self, place: int) -> bool:
        """Return whether PC/SC sees a card: one that comes back by itself is there when it gets power."""
        seat = self._seats[place]
        return seat is not None and not seat.lost

    def owns(self, name: str) -> bool:
        """Return whether it is one of these: where no stack is private they stand beside the machine's."""
        return name in self.names and ROUTE.leads_outside_to(self.stack.socket_path)

    def is_stale(self, place: int) -> bool:
        """Return whether PC/SC shows another answer to reset: it keeps what it was told when the card got power."""
        return _is_stale(self._seats[place])

    def open(self, place: int) -> Connection:
        """Reset the card cold through PC/SC."""
        from ..terminal.pcsc import PcscConnection  # noqa: PLC0415

        self._require_library()
        return PcscConnection(self.names[place], cold=True)

    def share(self, place: int) -> Connection:
        """Connect through PC/SC as one program of several."""
        from ..terminal.pcsc import PcscConnection  # noqa: PLC0415

        self._require_library()
        return PcscConnection(self.names[place], cold=False, shared=True)

    def connect(self, place: int) -> Any:
        """Return a connected connection of pyscard."""
        from smartcard.System import readers  # noqa: PLC0415

        self._require_library()
        reader = next(each for each in readers() if str(each) == self.names[place])
        connection = reader.createConnection()
        self._connections.append(connection)
        connection.connect()
        return connection

    def inherit(self, *paths: str) -> None:
        """Let the stack remove files if this process dies before `close`."""
        self.stack.inherit(ROUTE.folder, *paths)

    def look_after(self) -> None:
        """Report once if the readers are gone."""
        self.stack.look_after()

    def release(self) -> None:
        """Let go of the connections that `connect` has made: pyscard complains of those that outlive their stack."""
        for connection in self._connections:
            with suppress(Exception):  # whatever became of the card
                connection.disconnect()
            with suppress(Exception):
                connection.release()
        self._connections.clear()

    def vacate(self) -> None:
        """Take the power from the cards, for somebody else to use the readers; end what this process left connected."""
        self.release()
        for place in range(len(self.names)):
            seat = self._seats[place]
            if seat is not None and seat.present and not self._is_at_rest(seat) and not self.stack.unpower(place):
                release_connections(self.names)
                self.stack.unpower(place)

    def close(self) -> None:
        """Take the stack down."""
        self.release()
        release_connections(self.names)  # while there is a pcscd: later they complain
        for place in range(len(self.names)):
            self._close_slot(place)
        with suppress(StackError):  # it may be gone already
            self.stack.inherit()
        ROUTE.leave(self.stack.socket_path)
        self.stack.close()

    def _require_library(self) -> None:
        """Refuse a PC/SC library of this process that has asked for pcscd before there was this stack."""
        if self._reached:
            return
        from ..terminal.pcsc import reader_names  # noqa: PLC0415

        found: list[str] = []
        with suppress(TerminalError):
            found = reader_names()
        if not set(self.names) <= set(found):
            where = os.environ.get("PCSCLITE_CSOCK_NAME", "")
            raise RigError(
                "the PC/SC library of this process has asked for pcscd before the rig was there, and asks only once: "
                f"make the rig first, or set PCSCLITE_CSOCK_NAME={where} before the process starts"
            )
        self._reached = True
