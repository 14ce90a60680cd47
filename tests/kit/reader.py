"""A stand-in for a card in a reader."""

from dataclasses import dataclass, field

ATR = bytes.fromhex("3b6500002063cb6800")
OK = b"\x90\x00"


@dataclass
class FakeCard:
    """Answers what it is told to, and remembers what it was asked."""

    atr: bytes = ATR
    replies: dict[bytes, bytes | Exception] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)

    def power_on(self) -> None:
        """Note it."""
        self.calls.append("on")

    def power_off(self) -> None:
        """Note it."""
        self.calls.append("off")

    def reset(self) -> None:
        """Note it."""
        self.calls.append("reset")

    def transmit(self, command: bytes) -> bytes:
        """Return the prepared reply, or the command itself with 9000; raise a prepared exception."""
        self.calls.append(command.hex())
        reply = self.replies.get(command, command + OK)
        if isinstance(reply, Exception):
            raise reply
        return reply
