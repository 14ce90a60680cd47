"""What the shells ask of a card: the seam between the reader link and the core."""

from typing import Protocol


class Insertable(Protocol):
    """Anything that can sit in a reader slot.

    Bytes in, bytes out; no call may block for input. ``transmit`` takes one whole command APDU and
    always answers with at least two bytes, the status word last (Part 5, 5.2).
    """

    @property
    def atr(self) -> bytes:
        """The answer to reset (复位应答; Part 2, 8), 2 to 33 bytes; asking changes nothing."""
        ...

    def power_on(self) -> None:
        """Cold reset: a new session begins."""
        ...

    def power_off(self) -> None:
        """Loss of power: everything volatile is gone."""
        ...

    def reset(self) -> None:
        """Warm reset: a new session begins."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU: response data followed by SW1 SW2."""
        ...


class CardRemoved(Exception):
    """The card left the reader in the middle of a command: whoever waits gets no answer.

    A card raises it out of ``transmit``. The link then hangs up, as a reader loses a card that is pulled out.
    """


class AsIs(bytes):
    """An answer that goes on the wire as it is, also one that no card would give: under two bytes, or too long."""
