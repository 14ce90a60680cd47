"""What the trace says of the commands of debit/credit; amounts are in fen."""

from collections.abc import Callable
from typing import Final

from cardfs.memory.image import Image
from cardfs.model import tlv

from ....card.engine import Outcome

Teller = Callable[[Outcome, Image], str]
OPEN: Final = frozenset((0xA8, 0xAE, 0xDA, 0x16, 0x18, 0x1E))
"""Instructions of which nothing is secret: terminal data, cryptograms of one transaction, limits, MACs."""
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


def _options(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    return f"{len(command.data) - 2} bytes for the PDOL" if command is not None and len(command.data) > 2 else ""


def _generate(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    if command is None:
        return ""
    signed = ", signed" if command.p1 & 0x10 else ""
    return f"{ASKED.get(command.p1 & 0xC0, 'no cryptogram')} is asked for{signed}"


def _data(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    if command is None:
        return ""
    tag = command.p1 << 8 | command.p2
    name = NAMES.get(tag, "")
    value = tlv.find(outcome.response[:-2], tag) if outcome.word == 0x9000 and not command.secured else None
    shown = f" {value.hex().upper()}" if value else ""
    return f"{tag:04X} {name}".strip() + shown


def _pin_change(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    return PIN_CHANGES[command.p2] if command is not None and command.p2 < len(PIN_CHANGES) else ""


def _issuer(outcome: Outcome, _image: Image) -> str:
    command = outcome.command
    code = command.data[8:10] if command is not None and len(command.data) == 10 else b""
    return f"issuer's answer {code.decode('ascii', 'replace')!r}" if code else "issuer's answer"


DEBIT_TELLERS: Final[dict[str, Teller]] = {
    "GET PROCESSING OPTIONS": _options,
    "GENERATE AC": _generate,
    "GET DATA": _data,
    "PUT DATA": _data,
    "PIN CHANGE/UNBLOCK": _pin_change,
    "EXTERNAL AUTHENTICATE": _issuer,
    "APPLICATION BLOCK": lambda outcome, image: f"{image.label(outcome.df)} until it is unblocked",
    "APPLICATION UNBLOCK": lambda outcome, image: image.label(outcome.df),
    "CARD BLOCK": lambda *_: "the financial environment for ever",
}
