"""A card that does nothing: fixed answers, in a slot of a virtual reader.

``noop.py ATR [--slot=N] COMMAND=ANSWER...``; the slot is 1 if none is given.
"""

import sys

from emulator.vpcd import Slot


class NoopCard:
    """Answers each command it was told of with the same bytes every time."""

    def __init__(self, atr: bytes, answers: dict[bytes, bytes]) -> None:
        self.atr = atr
        self._answers = answers

    def power_on(self) -> None:
        """Nothing to do."""

    def power_off(self) -> None:
        """Nothing to do."""

    def reset(self) -> None:
        """Nothing to do."""

    def transmit(self, command: bytes) -> bytes:
        """The fixed answer."""
        return self._answers.get(command, b"\x6d\x00")


if __name__ == "__main__":
    told = [each.partition("=") for each in sys.argv[2:] if not each.startswith("--slot=")]
    slots = [int(each.partition("=")[2]) for each in sys.argv[2:] if each.startswith("--slot=")]
    known = {bytes.fromhex(command): bytes.fromhex(answer) for command, _, answer in told}
    Slot(NoopCard(bytes.fromhex(sys.argv[1]), known), slots[0] if slots else 1).run()
