"""Data elements between people and bytes (V2.0 notice, 7 and 8).

People write text, dates, digits and whole amounts in fen; ``{ hex = "..." }`` gives exact bytes. What
`decode` gives back can be written again: bytes that are no proper value come out as ``{hex: ...}``.
"""

import datetime
import re
from dataclasses import replace
from typing import Any, Final

from . import tlv
from .files import Element

Value = str | int | dict[str, Any]

WEIGHTS: Final = (3, 7, 9, 10, 5, 8, 4, 2)
"""Weights of the card number's check character (V2.0 notice, annex A)."""

PIN_MIN_DIGITS: Final = 4
PIN_MAX_DIGITS: Final = 16

_DATE: Final = re.compile(r"([0-9]{4})-?([0-9]{2})-?([0-9]{2})")
_CARD_NUMBER: Final = re.compile(r"[A-Z0-9]{8}")
_NUMBER_LENGTH: Final = 4
"""A ``b`` element up to this many bytes is a number to people; a longer one is just bytes."""


class CodecError(ValueError):
    """A value does not fit its element; the message names the reason."""


# -- values to bytes ----------------------------------------------------------------------------


def encode(element: Element, value: object, *, an_fill: int = 0x00, b_fill: int = 0x00) -> bytes:
    """Encode a value in the element's full length.

    Args:
        value: text, a number, a date, ``{hex: ...}``, of a B-TLV a table of its inner elements.
        an_fill: byte that fills ``an`` on the right (setting ``data.an_fill``).
        b_fill: byte that fills ``b``; of a transparent file the setting ``data.unwritten_byte``.

    Raises:
        CodecError: the value does not fit.
    """
    if isinstance(value, dict) and "hex" in value:
        return fill(element, _from_hex(value, element), an_fill, b_fill)
    if element.type == "B-TLV":
        return _encode_tlv(element, value, an_fill)
    if isinstance(value, (dict, list, bool, float)) or value is None:
        raise CodecError(f"{_kind(value)} was not expected here")
    if element.type == "an":
        return fill(element, _encode_an(value), an_fill)
    if element.type == "cn":
        return fill(element, _encode_cn(element, value), an_fill)
    return _encode_b(element, value)


def empty(element: Element, *, an_fill: int = 0x00) -> bytes:
    """Return the value of an element without contents: an all filler, cn all FF, b zero, inner elements empty."""
    if element.fields:
        return b"".join(tlv.encode(field.tag or 0, empty(field, an_fill=an_fill)) for field in element.fields)
    return fill(element, b"", an_fill)


def fill(element: Element, data: bytes, an_fill: int = 0x00, b_fill: int = 0x00) -> bytes:
    """Fill on the right to the full length: an and b with their fillers, cn with FF (V2.0 notice, 7)."""
    missing = element.length - len(data)
    if missing < 0:
        coding = " in GB 18030" if element.type == "an" else ""
        raise CodecError(f"{len(data)} bytes{coding}, but only {element.length} fit")
    if element.type == "B-TLV" and missing and data:
        raise CodecError(f"{len(data)} bytes, but this B-TLV has exactly {element.length}")
    filler = {"an": an_fill, "cn": 0xFF}.get(element.type, b_fill)
    return data + bytes((filler,)) * missing


def _from_hex(value: dict[str, Any], element: Element) -> bytes:
    text = value["hex"]
    if len(value) != 1 or not isinstance(text, str):
        raise CodecError('write exact bytes as { hex = "..." }')
    try:
        data = bytes.fromhex(text)
    except ValueError:
        raise CodecError("write two hexadecimal digits for each byte in hex") from None
    if len(data) > element.length:
        raise CodecError(f"{len(data)} bytes, but only {element.length} fit")
    return data


def _encode_an(value: object) -> bytes:
    if isinstance(value, datetime.date):
        raise CodecError("a date was not expected here")
    if not isinstance(value, str):
        raise CodecError(f'characters stand in quotes: write "{value}" for an element of type an')
    try:
        return value.encode("gb18030")
    except UnicodeEncodeError as error:
        raise CodecError(f"GB 18030 cannot write {value[error.start : error.end]!r}") from None


def _encode_cn(element: Element, value: object) -> bytes:
    if element.format == "amount" and value != "":
        return _amount_digits(element, value)
    if isinstance(value, int):
        raise CodecError(f'digits stand in quotes: write "{value}" for an element of type cn')
    text = _date_digits(value) if element.format == "date" else _plain_digits(value)
    if element.format == "region" and len(text) not in (0, 6):
        raise CodecError(f"a region code has six digits (GB/T 2260), this one has {len(text)}")
    data = to_cn(text)
    if len(data) > element.length:
        raise CodecError(f"{len(text)} digits, but only {2 * element.length} fit")
    return data


def _amount_digits(element: Element, value: object) -> bytes:
    """Encode an amount in fen, with leading zeros to the full length."""
    fen = int(value) if isinstance(value, str) and value.isascii() and value.isdigit() else value
    if not isinstance(fen, int) or fen < 0:
        raise CodecError("an amount is a whole number of fen")
    text = f"{fen:0{2 * element.length}d}"
    if len(text) > 2 * element.length:
        raise CodecError(f"{len(text)} digits, but only {2 * element.length} fit")
    return bytes.fromhex(text)


def _date_digits(value: object) -> str:
    """Return the eight digits YYYYMMDD of a date, or the empty text for the empty text (V2.0 notice, 8.1.1.5)."""
    if isinstance(value, datetime.date) and not isinstance(value, datetime.datetime):
        return f"{value.year:04d}{value.month:02d}{value.day:02d}"
    if value == "":
        return ""
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    try:
        assert match is not None  # noqa: S101 - caught below with the impossible dates
        datetime.date(int(match[1]), int(match[2]), int(match[3]))
    except (AssertionError, ValueError):
        raise CodecError(f"{str(value)!r} is not a date; write 2024-01-31 or 20240131") from None
    return match[1] + match[2] + match[3]


def _plain_digits(value: object) -> str:
    if isinstance(value, datetime.datetime):
        return f"{value:%Y%m%d%H%M%S}"
    if isinstance(value, datetime.date):
        return f"{value:%Y%m%d}"
    if not isinstance(value, str) or not (value.isascii() and (value.isdigit() or not value)):
        raise CodecError(f"{str(value)!r} does not consist of digits, as an element of type cn does")
    return value


def _encode_b(element: Element, value: object) -> bytes:
    if not isinstance(value, int) or element.length > _NUMBER_LENGTH:
        wanted = "a whole number or " if element.length <= _NUMBER_LENGTH else ""
        raise CodecError(f'write binary data as {wanted}{{ hex = "..." }}')
    if not 0 <= value < 1 << 8 * element.length:
        raise CodecError(f"{value} does not fit into {element.length} bytes")
    return value.to_bytes(element.length)


def _encode_tlv(element: Element, value: object, an_fill: int) -> bytes:
    if not isinstance(value, dict):
        raise CodecError(f"write a table of {', '.join(field.name for field in element.fields)}")
    known = {field.name: field for field in element.fields}
    for name in value:
        if name not in known:
            raise CodecError(f"no element {name!r} in this B-TLV; it holds {', '.join(known)}")
    result = b""
    for name, field in known.items():
        try:
            data = encode(field, value[name], an_fill=an_fill) if name in value else empty(field, an_fill=an_fill)
        except CodecError as error:
            raise CodecError(f"{name}: {error}") from None
        result += tlv.encode(field.tag or 0, data)
    return result


def _kind(value: object) -> str:
    return {dict: "a table", list: "a list", bool: "true or false", float: "a fraction"}.get(type(value), "nothing")


# -- bytes to values ----------------------------------------------------------------------------


def decode(element: Element, data: bytes, *, an_fill: int = 0x00) -> Value:
    """Decode a value for people; never raises.

    Gives text for an and cn, a number for amounts and short b, a table for a B-TLV, and ``{hex: ...}``
    for bytes that are no proper value, so that `encode` always gives ``data`` back.
    """
    try:
        value = _decode(element, data, an_fill)
        if encode(element, value, an_fill=an_fill) == data:
            return value
    except (ValueError, LookupError):
        pass
    return {"hex": data.hex().upper()}


def decode_record(element: Element, record: bytes, *, an_fill: int = 0x00) -> Value:
    """Decode ``tag || length || value``; another tag or length gives the whole record as ``{hex: ...}``."""
    value = tlv.record_value(record)
    if value is None or record[0] != element.tag:
        return {"hex": record.hex().upper()}
    return decode(element, value, an_fill=an_fill)


def decode_fields(fields: tuple[Element, ...], record: bytes, *, an_fill: int = 0x00) -> dict[str, Value]:
    """Decode a record that is its fields one after the other; bytes left over come as ``rest``.

    Fields with tags are data objects in any order.
    """
    if fields and fields[0].tag is not None:
        return _decode_objects(fields, record, an_fill)
    result: dict[str, Value] = {}
    at = 0
    for field in fields:
        result[field.name] = decode(field, record[at : at + field.length], an_fill=an_fill)
        at += field.length
    if record[at:]:
        result["rest"] = {"hex": record[at:].hex().upper()}
    return result


def _decode_objects(fields: tuple[Element, ...], record: bytes, an_fill: int) -> dict[str, Value]:
    known = {field.tag: field for field in fields}
    result: dict[str, Value] = {}
    try:
        for tag, value in tlv.walk(record):
            field = known.get(tag) or Element(f"tag {tag:02X}", "", "b", len(value))
            shown = decode(replace(field, length=len(value)), value, an_fill=an_fill)
            result[field.name] = {"hex": value.hex().upper()} if field.type == "b" else shown
    except ValueError:
        return {"hex": record.hex().upper()}
    return result


def _decode(element: Element, data: bytes, an_fill: int) -> Value:
    if element.type == "B-TLV":
        return _decode_tlv(element, data, an_fill)
    if element.type == "an":
        return _decode_an(element, data, an_fill)
    if element.type == "b":
        if len(data) > _NUMBER_LENGTH:
            raise ValueError
        return int.from_bytes(data)
    digits = from_cn(data)
    if element.format == "amount" and digits:
        return int(digits)
    if element.format == "date" and len(digits) == 8:
        return f"{digits[:4]}-{digits[4:6]}-{digits[6:]}"
    return digits


def _decode_an(element: Element, data: bytes, an_fill: int) -> str:
    # With the filler "0" a code that ends in 0 cannot be distinguished from a filled one; it is shown whole.
    strip = an_fill == 0x00 or element.format == "text"
    text = (data.rstrip(bytes((an_fill,))) if strip else data).decode("gb18030")
    if not all(char.isprintable() for char in text):
        raise ValueError
    return text


def _decode_tlv(element: Element, data: bytes, an_fill: int) -> Value:
    found = list(tlv.objects(data))
    if not found or [tag for tag, _ in found] != [field.tag for field in element.fields]:
        raise ValueError
    pairs = zip(element.fields, found, strict=True)
    return {field.name: decode(field, value, an_fill=an_fill) for field, (_, value) in pairs}


# -- cn, PIN, card number -----------------------------------------------------------------------


def to_cn(digits: str) -> bytes:
    """Write digits in BCD, a nibble F on the right if their number is odd."""
    return bytes.fromhex(digits + "F" * (len(digits) % 2))


def from_cn(data: bytes) -> str:
    """Read BCD digits, without the fillers F on the right.

    Raises:
        ValueError: another nibble is no digit.
    """
    digits = data.hex().rstrip("f")
    if digits and not digits.isdigit():
        raise ValueError("not BCD")
    return digits


def pin_to_cn(pin: str) -> bytes:
    """Write a PIN in cn, whole bytes (Part 5, 6.3.1); the empty text is no PIN.

    Raises:
        CodecError: not 4 to 16 digits. The PIN itself is not in the text.
    """
    if pin and not (pin.isascii() and pin.isdigit() and PIN_MIN_DIGITS <= len(pin) <= PIN_MAX_DIGITS):
        raise CodecError(f"a PIN has {PIN_MIN_DIGITS} to {PIN_MAX_DIGITS} digits")
    return to_cn(pin)


def check_character(body: str) -> str:
    """Compute the check character of a card number from its 8 letters and digits (V2.0 notice, annex A).

    Raises:
        CodecError: not 8 upper-case letters or digits.
    """
    if not _CARD_NUMBER.fullmatch(body):
        raise CodecError("the body of a card number has 8 digits or upper-case letters")
    total = sum(int(char, 36) * weight for char, weight in zip(body, WEIGHTS, strict=True))
    return {10: "X", 11: "0"}.get(check := 11 - total % 11, str(check))


def card_number(text: str) -> str:
    """Return a card number of 9 characters: 8 are completed, of 9 the check character is verified.

    A hyphen before the check character may be written (V2.0 notice, annex A1.2).

    Raises:
        CodecError: it is wrong.
    """
    plain = text.replace("-", "")
    complete = plain[:8] + check_character(plain[:8])
    if plain not in (complete, complete[:8]):
        raise CodecError(f"the check character of card number {text!r} is wrong; it should be {complete[8]}")
    return complete
