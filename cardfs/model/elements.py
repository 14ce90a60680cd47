"""Data elements for people: which one a record holds, what it means, and values and names on one line.

The V2.0 notice changed the meaning of some elements (annex C). A card of version 1.0 keeps its files. Where an
element is written in its new meaning, hexadecimal E fills it on the right, and whoever reads it knows the new meaning
by an EE at its end. An element that has no room for that, since the new meaning is as long as the old one, changes
together with another one, whose end decides for both.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Final

from . import tlv
from .codecs import Value, decode, decode_record
from .files import Element

FILLER: Final = 0xEE


def find_element(elements: tuple[Element, ...], record: bytes, number: int = 0) -> Element | None:
    """Find the data element of a record ``tag || length || value`` by its tag.

    Args:
        elements: those of the file, in the order of its records.
        number: number of the record, from 1; 0 if it is not known. Of several elements with one tag it chooses.

    Returns:
        the element; None if the record is empty or the file has no element with this tag.
    """
    if record and 0 < number <= len(elements) and elements[number - 1].tag == record[0]:
        return elements[number - 1]
    return next((each for each in elements if record and each.tag == record[0]), None)


def ends_new(value: bytes) -> bool:
    """Return whether a value ends as those of the new meaning do."""
    return value[-1:] == bytes((FILLER,))


def decides_itself(element: Element) -> bool:
    """Return whether the end of its own value decides the meaning, and not that of the element ``together``."""
    return element.later is not None and element.later.length != element.length


def meant(element: Element, value: bytes, value_of: Callable[[int], bytes]) -> tuple[Element, bytes]:
    """Find what a value means.

    Args:
        element: as the card type has it. ``value_of``: gives the value of another element of the file by its tag.

    Returns:
        the element in the meaning that the value has, and the value without the filler.
    """
    later = element.later
    if later is None:
        return element, value
    if decides_itself(element):
        return (later, value[: later.length]) if ends_new(value) else (element, value)
    return (later if ends_new(value_of(element.together or 0)) else element), value


def read_record(element: Element, record: bytes, records: Iterable[bytes] | None) -> tuple[Element, Value]:
    """Decode ``tag || length || value`` for people, in the meaning that it has.

    Args:
        records: those of its file; None if they are not known. An element that only they could decide then has both
            names, ``old|new``.
    """
    value = tlv.record_value(record)
    later = element.later
    if later is None or value is None or record[0] != element.tag:
        return element, decode_record(element, record)
    if records is None and not decides_itself(element):
        either = replace(element, name=f"{element.name}|{later.name}", zh=f"{element.zh}|{later.zh}")
        return either, decode(element, value)
    found = {each[0]: each[2:] for each in records or () if len(each) > 2}
    meaning, short = meant(element, value, lambda tag: found.get(tag, b""))
    return meaning, decode(meaning, short)


def filled(element: Element, value: bytes) -> bytes:
    """Fill a value of the new meaning as old cards have it: to the old length, with at least one filler.

    The annex gives 4B and 4F of DF02/EF06 more characters than they had bytes: they grow.
    """
    if not decides_itself(element):
        return value
    return value + bytes((FILLER,)) * max(element.length - len(value), 1)


def value_text(value: object) -> str:
    """Write a decoded value on one line: ``{hex: ...}`` as its digits, a table as ``name value, name value``."""
    if isinstance(value, dict):
        if set(value) == {"hex"}:
            return str(value["hex"])
        return ", ".join(f"{name} {value_text(inner)}" for name, inner in value.items())
    return str(value)


def name_text(name: bytes) -> str:
    """Write a DF name as text in GB 18030 if it is printable, else in hex."""
    try:
        text = name.decode("gb18030")
    except UnicodeDecodeError:
        return name.hex().upper()
    return text if text.isprintable() else name.hex().upper()
