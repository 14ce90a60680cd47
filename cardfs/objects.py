"""Data objects: tags of one or two bytes, a length of one byte, or 81 and one byte (EMV Book 3, annex B)."""

from collections.abc import Iterator
from typing import Final

TEMPLATE: Final = 0x70
LONG: Final = 0x1F
"""These bits all set: the tag has a second byte."""


def data_object(tag: int, value: bytes) -> bytes:
    """Write one data object."""
    length = bytes((len(value),)) if len(value) < 0x80 else bytes((0x81, len(value)))
    return tag.to_bytes(2 if tag > 0xFF else 1) + length + value


def walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Read data objects one after the other, without the zeros that fill a file; a template 70 is opened.

    Raises:
        ValueError: no data objects.
    """
    at = 0
    while at < len(data):
        if not data[at]:
            if data[at:].strip(b"\x00"):
                raise ValueError("something stands behind the filling")
            return
        width = 2 if data[at] & LONG == LONG else 1
        tag, at = int.from_bytes(data[at : at + width]), at + width
        if data[at : at + 1] == b"\x81":
            at += 1
        if at >= len(data) or at + 1 + data[at] > len(data):
            raise ValueError("a data object is cut short")
        value, at = data[at + 1 : at + 1 + data[at]], at + 1 + data[at]
        if tag == TEMPLATE:
            yield from walk(value)
        else:
            yield tag, value
