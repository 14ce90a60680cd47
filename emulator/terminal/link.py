"""The terminal's way to a card: readers, connections, and what T=0 asks of a terminal."""

from collections.abc import Callable
from typing import Final, Protocol

from ..ports import CardRemoved, Insertable
from .errors import NO_ANSWER, NO_CARD, TerminalError

Channel = Callable[[bytes], bytes]
"""Takes one command APDU, returns the response APDU; raises `TerminalError` if the card is gone."""

MOST_PARTS: Final = 256
"""Most GET RESPONSE commands for one answer; a card that announces more for ever is given up."""


class Connection(Protocol):
    """A card with power, freshly reset."""

    @property
    def atr(self) -> bytes:
        """Return the answer to reset."""

    def transmit(self, command: bytes) -> bytes:
        """Send one command APDU and return the response; raise `TerminalError` if the card is gone."""

    def close(self) -> None:
        """Take the power from the card."""


class Reader(Protocol):
    """A reader: a card can be in it."""

    @property
    def name(self) -> str:
        """Return its name, for people."""

    def open(self) -> Connection:
        """Reset the card cold and return the connection; raise `TerminalError` if there is no card, or no reader."""


class InProcess:
    """A reader of this process with a card in it, for `Terminal`; no PC/SC takes part.

    Args:
        card: a card, or anything else with the five methods of `Insertable`.
        name: what people call the reader.

    Example:
        >>> import sscard
        >>> card, psam = sscard.Card.issue(), sscard.Card.issue("psam")
        >>> terminal = sscard.Terminal(sscard.InProcess(card), sscard.InProcess(psam))
        >>> terminal.read_basic().fields["name"]
        '测试甲'
    """

    def __init__(self, card: Insertable, name: str = "this process") -> None:
        self.card = card
        self.name = name

    def open(self) -> "InProcess":
        """Reset the card cold."""
        self.card.power_on()
        return self

    @property
    def atr(self) -> bytes:
        """Return the answer to reset."""
        return self.card.atr

    def transmit(self, command: bytes) -> bytes:
        """Return the card's response to one command APDU; raise `TerminalError` if it is pulled out."""
        try:
            return self.card.transmit(command)
        except CardRemoved as error:
            raise TerminalError(f"the reader lost the card: {error}", NO_CARD) from None

    def close(self) -> None:
        """Take the power from the card."""
        self.card.power_off()


def exchange(channel: Channel, command: bytes) -> tuple[bytes, int]:
    """Send one command; fetch what waits (61xx) and repeat with the right Le (6Cxx), as T=0 asks (Part 2, 9.3).

    Args:
        channel: sends one command APDU and returns the answer, status word last: ``card.transmit``.
        command: the command APDU.

    Returns:
        response data and status word, an integer.

    Raises:
        TerminalError: the card gave no answer.

    Example:
        >>> import sscard
        >>> card = sscard.Card.issue()
        >>> data, word = sscard.exchange(card.transmit, bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
        >>> len(data), f"{word:04X}"
        (30, '9000')
    """
    answer = channel(command)
    if len(answer) >= 2 and answer[-2] == 0x6C:
        # What is sent stays (case 4); only Le is put right, or added.
        sent = 5 + command[4] if len(command) > 5 else 4
        answer = channel(command[:sent] + answer[-1:])
    data = b""
    for _ in range(MOST_PARTS):
        if len(answer) < 2 or answer[-2] != 0x61:
            break
        data += answer[:-2]
        answer = channel(bytes((0x00, 0xC0, 0x00, 0x00, answer[-1])))
    if len(answer) < 2:
        raise TerminalError("the card gave no answer: was it pulled out?", NO_ANSWER)
    return data + answer[:-2], int.from_bytes(answer[-2:])
