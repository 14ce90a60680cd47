"""Readers of a rig for programs that use pyscard, without PC/SC: `smartcard.System.readers()` and connections.

`CardRequest`, and the monitoring of cards built on it, call PC/SC by themselves: they are refused with a sentence.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol

from smartcard.CardConnection import CardConnection
from smartcard.CardRequest import CardRequest
from smartcard.Exceptions import CardConnectionException, NoCardException
from smartcard.reader.Reader import Reader
from smartcard.reader.ReaderFactory import ReaderFactory

from ..terminal import Connection, TerminalError
from .errors import RigError

UNAVAILABLE = (
    "pyscard's CardRequest calls PC/SC by itself, so a rig in process cannot serve it: "
    'connect with createConnection(), or make the rig with transport="pcsc"'
)
_REMOVED = 0x80100069
_NO_CARD = 0x8010000C


class Powered(Connection, Protocol):
    """A card with power, which can be reset warm."""

    def reset(self) -> None:
        """Reset the card warm."""


Open = Callable[[], Powered]
"""Gives the card in a reader power; raises `TerminalError` if there is none."""


class RigConnection(CardConnection):  # type: ignore[misc]  # pyscard has no types
    """A connection of pyscard to a card of this process."""

    def __init__(self, reader: "RigReader") -> None:
        super().__init__(reader)
        self._opened: Powered | None = None

    def connect(self, protocol: Any = None, mode: Any = None, disposition: Any = None) -> None:
        """Give the card power; raise NoCardException if there is none."""
        super().connect(protocol, mode, disposition)
        try:
            self._opened = self.reader.open()
        except TerminalError as error:
            raise NoCardException(str(error), hresult=_NO_CARD) from None

    def reconnect(self, protocol: Any = None, mode: Any = None, disposition: Any = None) -> None:
        """Reset the card warm."""
        super().reconnect(protocol, mode, disposition)
        self._require().reset()

    def disconnect(self) -> None:
        """Take the power from the card; do nothing if it has none."""
        super().disconnect()
        if self._opened is not None:
            self._opened.close()
            self._opened = None

    def getATR(self) -> list[int]:  # noqa: N802 - pyscard's name
        """Return the answer to reset."""
        return list(self._require().atr)

    def doTransmit(  # noqa: N802 - pyscard's name
        self,
        command: Sequence[int],
        protocol: Any = None,  # noqa: ARG002
    ) -> tuple[list[int], int, int]:
        """Send a command; return response data, SW1 and SW2."""
        try:
            answer = self._require().transmit(bytes(command))
        except TerminalError as error:
            raise CardConnectionException(str(error), hresult=_REMOVED) from None
        if len(answer) < 2:
            raise CardConnectionException(f"the card answered {len(answer)} bytes")
        return list(answer[:-2]), answer[-2], answer[-1]

    def _require(self) -> Powered:
        if self._opened is None:
            raise CardConnectionException("Card not connected")
        return self._opened


class RigReader(Reader):  # type: ignore[misc]  # pyscard has no types
    """A reader of pyscard for a reader of this process."""

    def __init__(self, name: str, open_card: Open) -> None:
        super().__init__(name)
        self.open = open_card

    def createConnection(self) -> RigConnection:  # noqa: N802 - pyscard's name
        """Return a connection, not yet connected."""
        return RigConnection(self)


@contextmanager
def serve(found: Sequence[RigReader]) -> Iterator[None]:
    """Let pyscard find these readers, and no others, until the end of the block."""

    def refuse(*_: Any, **__: Any) -> None:
        raise RigError(UNAVAILABLE)

    methods, request = ReaderFactory.factorymethods[:], CardRequest.__init__
    ReaderFactory.factorymethods[:] = [lambda _groups: list(found)]
    CardRequest.__init__ = refuse
    try:
        yield
    finally:
        ReaderFactory.factorymethods[:] = methods
        CardRequest.__init__ = request
