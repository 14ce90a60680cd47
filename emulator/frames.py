"""The wire format of the virtual reader driver vpcd: frames out of bytes and back, without a socket.

A frame is a length (uint16, big endian) and a payload. A payload of exactly one byte is a control frame,
any other an APDU.
"""

from dataclasses import dataclass, field
from typing import Final

MAX_PAYLOAD: Final = 0xFFFF


@dataclass(frozen=True, slots=True)
class PowerOff:
    """The reader takes the power away (00)."""


@dataclass(frozen=True, slots=True)
class PowerOn:
    """The reader powers the card: a cold reset (01)."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The reader resets the powered card: a warm reset (02)."""


@dataclass(frozen=True, slots=True)
class GetAtr:
    """The reader asks for the ATR (04), several times a second, to see whether a card is there."""


@dataclass(frozen=True, slots=True)
class Apdu:
    """A command APDU as the application sent it, or an unknown frame of one byte.

    The bytes stay out of ``repr``: a PIN may be among them.
    """

    command: bytes = field(repr=False)


Frame = PowerOff | PowerOn | Reset | GetAtr | Apdu

_CONTROL: Final[dict[bytes, Frame]] = {
    b"\x00": PowerOff(),
    b"\x01": PowerOn(),
    b"\x02": Reset(),
    b"\x04": GetAtr(),
}


class Decoder:
    """Cuts the driver's byte stream into frames, however the stream was split or joined."""

    __slots__ = ("_buffer",)

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Take the next bytes of the stream; return the frames they complete, oldest first."""
        buffer = self._buffer
        buffer += data
        frames: list[Frame] = []
        while len(buffer) >= 2:
            end = 2 + (buffer[0] << 8 | buffer[1])
            if len(buffer) < end:
                break
            payload = bytes(buffer[2:end])
            del buffer[:end]
            frames.append(_CONTROL.get(payload) or Apdu(payload))
        return frames


def encode(payload: bytes) -> bytes:
    """Put the length before a payload of 1 to 65,535 bytes; ValueError for any other size."""
    if not 1 <= len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"a frame holds 1 to {MAX_PAYLOAD} bytes, not {len(payload)}")
    return len(payload).to_bytes(2, "big") + payload
