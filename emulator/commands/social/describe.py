"""Describers of the commands of the social-security environment; other command sets share those for files."""

from collections.abc import Callable
from typing import Final

from cardfs.memory.image import Image
from cardfs.memory.securing import securing
from cardfs.model.codecs import decode_fields
from cardfs.model.elements import find_element, name_text, read_record, value_text
from cardfs.model.files import Protection
from cardfs.model.records import Mode
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ...card.apdu import BY_NAME, Command
from ...card.describer import Describer, Exchange
from .authenticate import VERSION_AT
from .binary import BY_SFI
from .pin import UNBLOCK

_MODE_TEXTS: Final = (
    "first with tag {:02X}",
    "last with tag {:02X}",
    "next with tag {:02X}",
    "previous with tag {:02X}",
    "record {}",
    "record {} to the last",
    "the last to record {}",
)
_NEXT: Final = 0x02
"""P2 of a SELECT for the next DF that matches."""


# -- files ------------------------------------------------------------------------------------------


def _file(exchange: Exchange, sfi: int) -> str | None:
    """Return the path of the EF with a short identifier, or of the current one if it is 0."""
    if not sfi:
        return exchange.ef
    ef = exchange.image.ef_by_sfi(exchange.df, sfi)
    return ef.path if ef else None


def record_file(exchange: Exchange) -> str | None:
    """Return the path of the EF that a record command means (SFI in P2); None if there is none."""
    return _file(exchange, exchange.command.p2 >> 3)


def binary_file(exchange: Exchange) -> str | None:
    """Return the path of the EF that a command for a transparent file means (SFI in P1); None if there is none."""
    p1 = exchange.command.p1
    return _file(exchange, p1 & 0x1F if p1 & BY_SFI else 0)


def _protection(exchange: Exchange, path: str | None, *, read: bool) -> Protection:
    """Return how the data that a command reads or writes are protected on the line."""
    ef = exchange.image.efs.get(path or "")
    if ef is None or not exchange.command.secured:
        return Protection.NONE
    protection = securing(exchange.image, ef)
    return protection.read if read else protection.update


def _written(command: Command) -> bytes:
    """Return the data that a command writes: its data field, without the MAC of a secured one."""
    return command.data[:-MAC_LENGTH] if command.secured else command.data


def record_text(image: Image, path: str | None, record: bytes, number: int = 0) -> str:
    """Return the meaning of a record: ``holder_name 测试甲``; empty if the file has no data elements.

    Args:
        path: path of the EF, None if there is none.
        number: number of the record from 1; 0 if it is not known.
    """
    elements = image.dictionary.get(path or "", ())
    if path is None or not elements:
        return ""
    if not image.efs[path].tlv:
        return value_text(decode_fields(elements, record))
    element = find_element(elements, record, number)
    if element is None:
        return ""
    # The other records of the file are not at hand when a command is described.
    meaning, value = read_record(element, record, None)
    return f"{meaning.name} {value_text(value)}"


def _which(command: Command) -> str:
    """Return which record P1 and P2 mean: ``record 3``."""
    mode = command.p2 & 7
    if mode == Mode.NUMBER and not command.p1:
        return "the current record"
    return _MODE_TEXTS[mode].format(command.p1) if mode < len(_MODE_TEXTS) else f"mode {mode}"


def _record(exchange: Exchange, record: bytes, *, enciphered: bool) -> str:
    command = exchange.command
    which, mode = _which(command), command.p2 & 7
    if enciphered:
        return f"{which}: enciphered"
    number = command.p1 if mode == Mode.NUMBER else 0
    known = bool(record) and mode <= Mode.NUMBER
    text = record_text(exchange.image, record_file(exchange), record, number) if known else ""
    return f"{which}: {text}" if text else which


def _without_mac(exchange: Exchange) -> bytes:
    """Return what a reading with a MAC answers, without the MAC; that of a long answer comes with its last part."""
    return exchange.data[:-MAC_LENGTH] if exchange.word == 0x9000 else exchange.data


def _read_record(exchange: Exchange) -> str:
    return _record(exchange, exchange.data, enciphered=False)


def _read_record_with_mac(exchange: Exchange) -> str:
    enciphered = _protection(exchange, record_file(exchange), read=True) is Protection.CIPHER
    return _record(exchange, _without_mac(exchange), enciphered=enciphered and bool(exchange.data))


def _update_record(exchange: Exchange) -> str:
    enciphered = _protection(exchange, record_file(exchange), read=False) is Protection.CIPHER
    return _record(exchange, _written(exchange.command), enciphered=enciphered)


def _append_record(exchange: Exchange) -> str:
    return f"{len(_written(exchange.command))} bytes" if exchange.fits else ""


def _binary(exchange: Exchange, length: int) -> str:
    elements = exchange.image.dictionary.get(binary_file(exchange) or "", ())
    what = f" of {elements[0].name}" if len(elements) == 1 else ""
    return f"{length} bytes at {_offset(exchange)}{what}" if length else f"at {_offset(exchange)}{what}"


def _offset(exchange: Exchange) -> int:
    command = exchange.command
    return command.p2 if command.p1 & BY_SFI else command.p1 << 8 | command.p2


def _read_binary(exchange: Exchange) -> str:
    return _binary(exchange, len(exchange.data))


def _read_binary_with_mac(exchange: Exchange) -> str:
    length = len(_without_mac(exchange))
    if length and _protection(exchange, binary_file(exchange), read=True) is Protection.CIPHER:
        return f"{length} bytes, enciphered, at {_offset(exchange)}"
    return _binary(exchange, length)


def _update_binary(exchange: Exchange) -> str:
    length = len(_written(exchange.command))
    if _protection(exchange, binary_file(exchange), read=False) is Protection.CIPHER:
        return f"{length} bytes, enciphered, at {_offset(exchange)}"
    return _binary(exchange, length)


def _select(exchange: Exchange) -> str:
    command = exchange.command
    following = ", next" if command.p2 == _NEXT else ""
    if command.p1 == BY_NAME:
        return f"name {name_text(command.data)}{following}"
    return f"FID {command.data.hex().upper() or 'none: MF'}{following}"


def _response(exchange: Exchange) -> str:
    return f"{len(exchange.data)} bytes" if exchange.data else ""


# -- keys and PINs ----------------------------------------------------------------------------------


def _challenge(exchange: Exchange) -> str:
    return f"{len(exchange.data)} random bytes" if exchange.word == 0x9000 else ""


def version(exchange: Exchange) -> str:
    """Return the key version that an authentication names: `` version 2``; empty if it names none."""
    data = exchange.command.data
    return f" version {data[VERSION_AT]}" if exchange.fits and len(data) > VERSION_AT else ""


def _external(exchange: Exchange) -> str:
    kid, image = exchange.command.p2, exchange.image
    ref = image.ref_by_kid(exchange.df if kid & 0x80 else image.environment(exchange.df), kid)
    return f"{ref.name if ref else 'key'} {kid:02X}{version(exchange)}"


def _internal(exchange: Exchange) -> str:
    image = exchange.image
    owners = (exchange.df, image.environment(exchange.df))
    found = (image.ref_by_usage(owner, Usage.INTERNAL_AUTH) for owner in owners)
    ref = next((each for each in found if each is not None), None)
    return f"{ref.name if ref else 'no key'}{version(exchange)}"


def _verify(exchange: Exchange) -> str:
    if not exchange.command.well_formed:
        return ""
    return "PIN masked" if exchange.command.data else "no PIN: how many tries?"


def _pin_change(exchange: Exchange) -> str:
    return "unblock the PIN" if exchange.command.p2 == UNBLOCK else "replace the PIN, which is masked"


def text(value: str) -> Callable[[Exchange], str]:
    """Return fields that are always the same text."""
    return lambda _exchange: value


def current_df(exchange: Exchange) -> str:
    """Return the label of the current DF."""
    return exchange.image.label(exchange.df)


SELECT: Final = Describer(_select, file=lambda exchange: exchange.ef)
READ_RECORD: Final = Describer(_read_record, record_file)
READ_RECORD_WITH_MAC: Final = Describer(_read_record_with_mac, record_file)
"""A READ RECORD whose answer ends in a MAC."""
UPDATE_RECORD: Final = Describer(_update_record, record_file)
APPEND_RECORD: Final = Describer(_append_record, record_file)
READ_BINARY: Final = Describer(_read_binary, binary_file)
READ_BINARY_WITH_MAC: Final = Describer(_read_binary_with_mac, binary_file)
UPDATE_BINARY: Final = Describer(_update_binary, binary_file)
GET_RESPONSE: Final = Describer(_response)
GET_CHALLENGE: Final = Describer(_challenge)
EXTERNAL_AUTHENTICATION: Final = Describer(_external)
INTERNAL_AUTHENTICATION: Final = Describer(_internal)
VERIFY: Final = Describer(_verify)
CHANGE_PIN: Final = Describer(text("PINs masked"))
PIN_CHANGE_UNBLOCK: Final = Describer(_pin_change)
APPLICATION_BLOCK: Final = Describer(lambda exchange: f"{current_df(exchange)} for ever")
CARD_BLOCK: Final = Describer(text("the card for ever"))
