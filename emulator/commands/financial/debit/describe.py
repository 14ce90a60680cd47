"""Describers of the commands of debit/credit."""

from typing import Final

from cardfs.model import tlv

from ....card.describer import Describer, Exchange
from ...social.describe import current_df, text
from .issuer import CRYPTOGRAM_LENGTH

ASKED: Final = {0x00: "AAC", 0x40: "TC", 0x80: "ARQC"}
NAMES: Final = {
    0x9F13: "last online ATC",
    0x9F17: "PIN tries",
    0x9F36: "ATC",
    0x9F4F: "log format",
    0x9F51: "currency",
    0x9F52: "default action",
    0x9F53: "limit of transactions in another currency",
    0x9F54: "limit of the amount offline",
    0x9F58: "lower limit of transactions offline",
    0x9F59: "upper limit of transactions offline",
    0x9F5C: "upper limit of the amount offline",
    0x9F5D: "available offline",
    0x9F6D: "reset threshold of electronic cash",
    0x9F72: "limit of transactions in another country",
    0x9F77: "limit of electronic cash",
    0x9F78: "limit of one payment with electronic cash",
    0x9F79: "balance of electronic cash",
}
PIN_CHANGES: Final = (
    "unblock the PIN",
    "replace the PIN with the help of the current one; both masked",
    "replace the PIN, which is masked",
)


def _options(exchange: Exchange) -> str:
    length = len(exchange.command.data) - 2
    return f"{length} bytes for the PDOL" if length > 0 else ""


def _generate(exchange: Exchange) -> str:
    p1 = exchange.command.p1
    signed = ", signed" if p1 & 0x10 else ""
    return f"{ASKED.get(p1 & 0xC0, 'no cryptogram')} is asked for{signed}"


def _tag(exchange: Exchange) -> int:
    return exchange.command.p1 << 8 | exchange.command.p2


def _put_data(exchange: Exchange) -> str:
    tag = _tag(exchange)
    return f"{tag:04X} {NAMES.get(tag, '')}".strip()


def _get_data(exchange: Exchange) -> str:
    value = tlv.find(exchange.data, _tag(exchange)) if exchange.word == 0x9000 else None
    return _put_data(exchange) + (f" {value.hex().upper()}" if value else "")


def _pin_change(exchange: Exchange) -> str:
    p2 = exchange.command.p2
    return PIN_CHANGES[p2] if p2 < len(PIN_CHANGES) else ""


def _issuer(exchange: Exchange) -> str:
    code = exchange.command.data[CRYPTOGRAM_LENGTH:] if exchange.fits else b""
    return f"issuer's answer {code.decode('ascii', 'replace')!r}" if code else "issuer's answer"


GET_PROCESSING_OPTIONS: Final = Describer(_options)
GENERATE_AC: Final = Describer(_generate)
GET_DATA: Final = Describer(_get_data)
PUT_DATA: Final = Describer(_put_data)
PIN_CHANGE_UNBLOCK: Final = Describer(_pin_change)
EXTERNAL_AUTHENTICATE: Final = Describer(_issuer)
APPLICATION_BLOCK: Final = Describer(lambda exchange: f"{current_df(exchange)} until it is unblocked")
APPLICATION_UNBLOCK: Final = Describer(current_df)
CARD_BLOCK: Final = Describer(text("the financial environment for ever"))
