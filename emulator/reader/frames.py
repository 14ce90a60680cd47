"""The wire format of the virtual reader driver vpcd: frames out of a byte stream and back, without a socket.

A frame is a length (uint16, big endian) and a payload. A payload of exactly one byte is a control frame,
any other an APDU.
"""

from collections.abc import Callable
from typing import Final

MAX_PAYLOAD: Final = 0xFFFF

POWER_OFF: Final = b"\x00"
"""The reader takes the power away."""

POWER_ON: Final = b"\x01"
"""The reader powers the card: a cold reset."""

RESET: Final = b"\x02"
"""The reader resets the powered card: a warm reset."""

GET_ATR: Final = b"\x04"
"""The reader asks for the ATR, several times a second, to see whether a card is there."""

Receive = Callable[[int], bytes]
"""Returns 1 to n of the next bytes, none at the end, as `socket.socket.recv` does."""


def read_frame(receive: Receive) -> bytes | None:
    """Read the payload of the next frame and no byte more; return None if the stream ends before its end.

    The driver sends length and payload apart, so that asking for just these costs nothing.
    """
    head = receive(2)
    if len(head) == 1:
        head += receive(1)
    if len(head) < 2:
        return None
    length = head[0] << 8 | head[1]
    payload = receive(length) if length else b""
    while len(payload) < length:
        more = receive(length - len(payload))
        if not more:
            return None
        payload += more
    return payload


def encode(payload: bytes) -> bytes:
    """Return a payload with its length before it, 3 to 65,537 bytes; raise `ValueError` unless it has 1 to 65,535."""
    length = len(payload)
    if not 0 < length <= MAX_PAYLOAD:
        raise ValueError(f"a frame holds 1 to {MAX_PAYLOAD} bytes, not {length}")
    return length.to_bytes(2) + payload
