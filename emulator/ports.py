"""What the reader link asks of a card: the interface between both."""

from typing import Protocol

from keys.errors import SscardError


class Insertable(Protocol):
    """Anything that can sit in a reader slot.

    Bytes in, bytes out; no call may block for input. ``transmit`` takes one whole command APDU and
    always answers with at least two bytes, the status word last (Part 5, 5.2).
    """

    @property
    def atr(self) -> bytes:
        """Return the answer to reset (复位应答; Part 2, 8), 2 to 33 bytes. Reading it changes nothing."""
        ...

    def power_on(self) -> None:
        """Reset cold: begin a new session."""
        ...

    def power_off(self) -> None:
        """Cut the power: forget everything volatile."""
        ...

    def reset(self) -> None:
        """Reset warm: begin a new session."""
        ...

    def transmit(self, command: bytes) -> bytes:
        """Answer one command APDU: response data followed by SW1 SW2.

        Raises:
            CardRemoved: the card left the reader while it worked.
        """
        ...


class CardRemoved(SscardError):
    """The card left the reader in the middle of a command: the terminal gets no answer.

    Raised by ``transmit``. The link then hangs up, as a reader loses a card that is pulled out.

    Attributes:
        back: seconds after which the card comes back by itself; None if it stays out until somebody inserts it.

    Example:
        >>> import sscard
        >>> card = sscard.Card.issue()
        >>> fault = card.fault("pull", on="GET CHALLENGE")
        >>> try:
        ...     card.transmit(bytes.fromhex("0084000008"))
        ... except sscard.CardRemoved as error:
        ...     print(error)
        the card was pulled out before the command
    """

    def __init__(self, text: str = "the card was pulled out in the middle of a command", *, back: float | None = None):
        super().__init__(text)
        self.back = back


class AsIs(bytes):
    """An answer that is sent unchanged, even if no card would give it: shorter than two bytes, or too long."""
