"""The answer to reset (复位应答; Part 2, 8): building and checking."""

from dataclasses import dataclass
from typing import Final

HISTORICAL_LENGTH: Final = 13
MAX_LENGTH: Final = 33
"""TS and at most 32 characters after it (Part 2, 8.3)."""

HEADS: Final = {
    # TS, T0 with 13 historical bytes, TB1 no programming voltage, TC1 no extra guard time (Part 2, table 7).
    "T=0": bytes.fromhex("3B6D0000"),
    # The same, then TD1 and TD2 for T=1, TA3 information field of 254 bytes, TB3 waiting times (ISO/IEC 7816-3, 8).
    "T=1": bytes.fromhex("3BED00008131FE45"),
}


@dataclass(frozen=True, slots=True)
class AtrPlan:
    """What the card type fixes of the ATR; region and serial belong to the card.

    Attributes:
        head: TS to the last interface byte, before the historical bytes.
        manufacturer: T1 to T7: chip manufacturer 2, COS 3, card manufacturer 2 (Part 2, table 16).
    """

    head: bytes
    manufacturer: bytes

    def historical(self, region: str, serial: bytes) -> bytes:
        """Return the 13 historical bytes: T1 to T7, four digits of the region code, serial TA to TD."""
        return self.manufacturer + bytes.fromhex(region[:4]) + serial

    def build(self, historical: bytes) -> bytes:
        """Return the whole ATR, with the check byte TCK if the head calls for one."""
        return _checked(self.head + historical)


def check_head(head: bytes) -> None:
    """Refuse a head that no reader could take with 13 historical bytes.

    Raises:
        ValueError: the head has another form; the message names what is wrong.
    """
    if len(head) < 2 or head[0] != 0x3B:
        raise ValueError("an ATR begins with TS = 3B (Part 2, 8.3.1) and T0")
    if head[1] & 0x0F != HISTORICAL_LENGTH:
        raise ValueError(f"T0 announces {head[1] & 0x0F} historical bytes, but a card has {HISTORICAL_LENGTH}")
    end = 2 + len(_interface(head)[0])
    if end != len(head):
        raise ValueError(f"T0 and the TD characters announce {end} characters, but the head has {len(head)}")
    if len(head) + HISTORICAL_LENGTH + needs_check(head) > MAX_LENGTH:
        raise ValueError(f"the ATR would be longer than {MAX_LENGTH} characters")


def protocols(head: bytes) -> tuple[int, ...]:
    """Return the protocol types that the TD characters name, in order; ``(0,)`` if they name none."""
    return _interface(head)[1] or (0,)


def historical_bytes(atr: bytes) -> bytes:
    """Return the historical bytes of a whole ATR; fewer than announced if it is cut short."""
    at = 2 + len(_interface(atr)[0]) if len(atr) > 1 else len(atr)
    return atr[at : at + (atr[1] & 0x0F)] if at < len(atr) else b""


def with_historical(atr: bytes, historical: bytes) -> bytes:
    """Return the ATR with other historical bytes, as many as before, and the TCK that fits them."""
    at = 2 + len(_interface(atr)[0])
    return _checked(atr[:at] + historical)


def _checked(atr: bytes) -> bytes:
    """Append the check byte TCK where the interface characters call for one (Part 2, 8.3.3.11)."""
    if not needs_check(atr):
        return atr
    check = 0
    for byte in atr[1:]:
        check ^= byte
    return atr + bytes((check,))


def needs_check(head: bytes) -> bool:
    """Return whether a TCK ends the ATR: if it names another type than T=0 (Part 2, 8.3.3.11)."""
    return any(protocols(head))


def _interface(head: bytes) -> tuple[bytes, tuple[int, ...]]:
    """Walk the interface characters: all of them as announced (short ones padded), and the types."""
    at, mark, types = 2, head[1], []
    while True:
        at += (mark & 0x70).bit_count()
        if not mark & 0x80:
            break
        mark = head[at] if at < len(head) else 0
        types.append(mark & 0x0F)
        at += 1
    return head[2:at].ljust(at - 2, b"\x00"), tuple(types)
