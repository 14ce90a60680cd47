"""Describers of the commands of a security module."""

from typing import Final

from cardfs.memory.image import Image
from cardfs.model.psam_keys import psam_ref

from ...card.describer import Describer, Exchange, Fields
from ...card.secret import DATA_AND_ANSWER, OPEN, by_p1
from ..social.describe import version
from . import cipher

CIPHER_SECRET: Final = by_p1(
    dict.fromkeys((cipher.MAC_ONLY, cipher.MAC_FIRST, cipher.MAC_NEXT, cipher.MAC_LAST), OPEN), DATA_AND_ANSWER
)
"""Policy of CIPHER DATA. Data to encipher may be a PIN, and the cipher may be what a terminal proves a key with. Data
under a MAC are enciphered already."""


def key_label(image: Image, df: str, usage: int, identifier: int) -> str:
    """Return the name of a key for people: ``28/12 UKSSSE``."""
    ref = psam_ref(df, usage, identifier)
    name = image.names.get(df, {}).get(ref.name, "")
    return f"{ref.name} {name}".rstrip()


def _external(exchange: Exchange) -> str:
    kid = exchange.command.p2
    return f"{'own' if kid else 'master'} key {kid:02X}{version(exchange)}"


def _delivery(exchange: Exchange) -> str:
    usage, identifier = exchange.command.p1, exchange.command.p2
    levels = usage >> 5
    return f"{key_label(exchange.image, exchange.df, usage, identifier)}, {levels} level{'' if levels == 1 else 's'}"


_FUNCTIONS: Final = {
    cipher.ENCRYPT_LAST: "encipher, the end",
    cipher.ENCRYPT_MORE: "encipher, more to come",
    cipher.MAC_ONLY: "MAC",
    cipher.MAC_FIRST: "MAC, the beginning",
    cipher.MAC_NEXT: "MAC, more of it",
    cipher.MAC_LAST: "MAC, the end",
}


def _load(verb: str) -> Fields:
    return lambda exchange: f"{verb} in file 00{exchange.command.p2:02X}, which is masked"


def _init(exchange: Exchange) -> str:
    data = exchange.command.data
    if not exchange.fits:
        return ""
    amounts = [int.from_bytes(data[at : at + 4]) for at in (6, 10, 14)]
    account, paid, fund = (f"{amount / 100:.2f}" for amount in amounts)
    return f"account {account}, self-paid {paid}, fund {fund}, key version {data[0x1A]}"


EXTERNAL_AUTHENTICATION: Final = Describer(_external)
INITIALIZE_ENVIRONMENT: Final = Describer(
    lambda exchange: f"card of province {exchange.command.data.hex().upper()}" if exchange.fits else ""
)
CREATE_KEY: Final = Describer(_load("a new key"))
CHANGE_KEY: Final = Describer(_load("another value for a key"))
DELIVERY_SESSION_KEY: Final = Describer(_delivery)
CIPHER_DATA: Final = Describer(lambda exchange: _FUNCTIONS.get(exchange.command.p1, ""))
INIT_SAM: Final = Describer(_init)
CREDIT_SAM: Final = Describer(lambda exchange: f"MAC2 {exchange.command.data.hex().upper()}" if exchange.fits else "")
