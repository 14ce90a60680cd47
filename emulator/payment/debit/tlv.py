"""BER-TLV objects and data object lists, as cards and terminals of EMV write them (EMV Book 3, annex B and 5.4)."""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

_TWO_BYTES = 0x1F


class Field(NamedTuple):
    """One entry of a data object list: what the terminal has to send."""

    tag: int
    length: int


def places(data: bytes) -> Iterator[tuple[int, slice]]:
    """Walk the objects of a template: tags, and where values stand; 00 between objects and after the last is filling.

    Raises:
        ValueError: the data end within an object.
    """
    at, end = 0, len(data)
    while at < end:
        if not data[at]:
            at += 1
            continue
        tag, at = _tag(data, at)
        length, at = _length(data, at)
        if at + length > end:
            raise ValueError(f"object {tag:X} has {length} bytes, {end - at} are there")
        yield tag, slice(at, at + length)
        at += length


def objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the objects of a template: tags and values.

    Raises:
        ValueError: the data end within an object.
    """
    return ((tag, data[place]) for tag, place in places(data))


def find(data: bytes, *path: int) -> bytes | None:
    """The value of an object, looked up through the templates around it, or None.

    Raises:
        ValueError: the data end within an object before it.
    """
    for tag in path:
        if _tag_bytes(tag) not in data:
            return None
        for each, place in places(data):
            if each == tag:
                data = data[place]
                break
        else:
            return None
    return data


def tlv(tag: int, value: bytes) -> bytes:
    """Write one object; its length takes one byte up to 127, else two (81)."""
    long = b"\x81" if len(value) > 0x7F else b""
    return _tag_bytes(tag) + long + bytes((len(value),)) + value


@lru_cache(maxsize=64)
def fields(dol: bytes) -> tuple[Field, ...]:
    """Read a data object list (数据对象列表, DOL).

    Raises:
        ValueError: it ends within an entry.
    """
    found, at = [], 0
    while at < len(dol):
        tag, at = _tag(dol, at)
        length, at = _length(dol, at)
        found.append(Field(tag, length))
    return tuple(found)


def total(dol: tuple[Field, ...]) -> int:
    """How many bytes a terminal sends for a list."""
    return sum(field.length for field in dol)


def split(dol: tuple[Field, ...], values: bytes) -> dict[int, bytes]:
    """Give the values that came for a list their tags; they have exactly the length of the list."""
    found, at = {}, 0
    for tag, length in dol:
        found[tag] = values[at : at + length]
        at += length
    return found


def _tag_bytes(tag: int) -> bytes:
    return tag.to_bytes(2 if tag > 0xFF else 1)


def _tag(data: bytes, at: int) -> tuple[int, int]:
    if data[at] & _TWO_BYTES != _TWO_BYTES:
        return data[at], at + 1
    if at + 1 >= len(data):
        raise ValueError("the data end within a tag")
    return data[at] << 8 | data[at + 1], at + 2


def _length(data: bytes, at: int) -> tuple[int, int]:
    if at >= len(data):
        raise ValueError("the data end before a length")
    if data[at] == 0x81 and at + 1 < len(data):
        return data[at + 1], at + 2
    return data[at], at + 1
