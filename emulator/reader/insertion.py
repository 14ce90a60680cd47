"""Whether the reader has seen the card come, or takes it for the card before it. No socket, no clock."""

from typing import Final

from .frames import GET_ATR, POWER_OFF, POWER_ON, RESET

FEWEST_POLLS: Final = 2
"""How often pcscd asks for the ATR of a card that it has seen come, before it gives it power."""

MOST_POLLS: Final = 24


class Insertion:
    """Follows the first frames after a card was put in: a reader that saw it come gives it power after a poll or two.

    A reader that did not see the card before it go takes this one for that one. It polls it and gives no
    power, sends it what is meant for the other, and may show an empty slot for ever. Signals prove nothing:
    pcscd may still reset, or turn off, what it has already missed. Only for drivers that begin by a poll,
    as pcscd's does.

    Attributes:
        seen: whether the card has its power, and the reader nothing more to prove.
    """

    def __init__(self) -> None:
        self.seen = False
        self._allowed = FEWEST_POLLS
        self.begin()

    def begin(self) -> None:
        """Start over: the card was put into the slot again."""
        self.seen, self._polled, self._polls = False, False, 0

    def refuses(self, frame: bytes) -> bool:
        """Take the next frame of a card that is not yet ``seen``; return whether it is meant for another card."""
        if frame == POWER_ON:
            self.seen, self._allowed = True, FEWEST_POLLS
        elif frame == GET_ATR:
            if self._polls == self._allowed:
                # Some readers give power only to a card that somebody uses: leave those more and more time.
                self._allowed = min(2 * self._allowed, MOST_POLLS)
                return True
            self._polled, self._polls = True, self._polls + 1
        elif frame in (POWER_OFF, RESET):
            self._polls = 0
        else:
            self.seen = not self._polled
            return self._polled
        return False
