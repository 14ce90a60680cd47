"""TLV: the one place that writes and reads tags, lengths and values.

BER-TLV (B-TLV; Part 3, 5.1; ISO/IEC 8825-1; EMV Book 3, annex B): a tag of one byte, or of more if its five low bits
are set; a length up to 127 in one byte, a longer one behind 81 or 82. FCIs, templates and their data objects.

Simple TLV (Part 3, 5.3.1): tag and length of one byte each. Records of a TLV file.

Data object lists (DOL; EMV Book 3, 5.4): tags, each with one byte that says how long a value is wanted.

Tags are numbers, ``0x9F38``. What cannot be read is a `TlvError`.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

RECORD_TEMPLATE: Final = 0x70
_MORE: Final = 0x1F
"""These bits of a first byte all set: the tag has a second byte."""
_FURTHER: Final = 0x80
"""b8 of a later byte of a tag: another one follows."""
_LONG: Final = 0x80
_LONGEST: Final = 0xFFFF
_WIDEST_TAG: Final = 4


class TlvError(ValueError):
    """The data end within a tag, a length or a value, or have a form that no card writes."""


# -- BER-TLV -------------------------------------------------------------------------------------


def encode(tag: int, value: bytes) -> bytes:
    """Write one object.

    Raises:
        TlvError: the value has more than 65,535 bytes.
    """
    length = len(value)
    if length < _LONG:
        return tag_bytes(tag) + bytes((length,)) + value
    if length > _LONGEST:
        raise TlvError(f"object {tag:X} would have {length} bytes")
    width = 1 if length < 0x100 else 2
    return tag_bytes(tag) + bytes((_LONG | width,)) + length.to_bytes(width) + value


def places(data: bytes) -> Iterator[tuple[int, slice]]:
    """Walk the objects of a template: tags, and where values stand.

    Zeros between objects and after the last one are filling.

    Raises:
        TlvError
    """
    at, end = 0, len(data)
    while at < end:
        if not data[at]:
            at += 1
            continue
        tag, at = _tag(data, at)
        length, at = _length(data, at, tag)
        if at + length > end:
            raise TlvError(f"object {tag:X} has {length} bytes, but only {end - at} are there")
        yield tag, slice(at, at + length)
        at += length


def objects(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the objects of a template: tags and values, as `places` does."""
    return ((tag, data[place]) for tag, place in places(data))


def walk(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Walk the objects of a record, as `places` does; a template 70 is opened."""
    for tag, value in objects(data):
        if tag == RECORD_TEMPLATE:
            yield from walk(value)
        else:
            yield tag, value


def find(data: bytes, *path: int) -> bytes | None:
    """Return the value of an object, looked up through the templates around it, or None.

    Raises:
        TlvError: the data are cut before it.
    """
    for tag in path:
        if tag_bytes(tag) not in data:
            return None
        for each, place in places(data):
            if each == tag:
                data = data[place]
                break
        else:
            return None
    return data


def tag_bytes(tag: int) -> bytes:
    """Write a tag."""
    return tag.to_bytes(1 if tag < 0x100 else (tag.bit_length() + 7) // 8)


def _tag(data: bytes, at: int) -> tuple[int, int]:
    first = data[at]
    if first & _MORE != _MORE:
        return first, at + 1
    end = at + 2
    while data[end - 1 : end] >= bytes((_FURTHER,)) and end - at < _WIDEST_TAG:
        end += 1
    if end > len(data):
        raise TlvError(f"the data end within tag {data[at:].hex().upper()}")
    return int.from_bytes(data[at:end]), end


def _length(data: bytes, at: int, tag: int) -> tuple[int, int]:
    if at >= len(data):
        raise TlvError(f"the data end before the length of object {tag:X}")
    first = data[at]
    if first < _LONG:
        return first, at + 1
    width = first - _LONG
    if width not in (1, 2):
        raise TlvError(f"object {tag:X} has a length that begins with {first:02X}")
    if at + 1 + width > len(data):
        raise TlvError(f"the data end within the length of object {tag:X}")
    return int.from_bytes(data[at + 1 : at + 1 + width]), at + 1 + width


# -- simple TLV ----------------------------------------------------------------------------------


def encode_record(tag: int, value: bytes) -> bytes:
    """Write the record of a TLV file: tag and length of one byte each, and the value of at most 255 bytes."""
    return bytes((tag, len(value))) + value


def record_value(record: bytes) -> bytes | None:
    """Return the value of a record ``tag || length || value``; None if its length is another."""
    return record[2:] if len(record) >= 2 and record[1] == len(record) - 2 else None


# -- data object lists ---------------------------------------------------------------------------


class Field(NamedTuple):
    """One entry of a data object list: what the terminal has to send."""

    tag: int
    length: int


@lru_cache(maxsize=64)
def fields(dol: bytes) -> tuple[Field, ...]:
    """Read a data object list (数据对象列表, DOL).

    Raises:
        TlvError: it ends within an entry.
    """
    found, at = [], 0
    while at < len(dol):
        tag, at = _tag(dol, at)
        if at == len(dol):
            raise TlvError(f"the list ends before the length of {tag:X}")
        found.append(Field(tag, dol[at]))
        at += 1
    return tuple(found)


def total(dol: tuple[Field, ...]) -> int:
    """Return how many bytes a terminal sends for a list."""
    return sum([length for _, length in dol])


def split(dol: tuple[Field, ...], values: bytes) -> dict[int, bytes]:
    """Give the values that came for a list their tags; they have exactly the length of the list."""
    found, at = {}, 0
    for tag, length in dol:
        found[tag] = values[at : at + length]
        at += length
    return found
