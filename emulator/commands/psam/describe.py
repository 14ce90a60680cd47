"""What the trace says of a security module's commands, and which of their bytes are secret."""

from collections.abc import Callable
from typing import Final

from cardfs.memory.image import Image
from cardfs.model.psam_keys import psam_ref

from . import cipher

Teller = Callable[[bytes, str, Image], str]
"""From a whole command, the path of the DF it ran in, and the image, to words."""

CIPHER_DATA: Final = b"\x80\xfa"
_OPEN: Final = frozenset((b"\xbf\xec", b"\xbf\xde", b"\x80\x70", b"\x80\x72"))
"""CLA and INS of commands without a secret: factors, amounts, MACs of trades."""


def is_open(raw: bytes) -> bool:
    """Whether a command of four bytes or more holds no secret.

    What CIPHER DATA enciphers may be a PIN; what it makes a MAC of has been enciphered before.
    """
    return raw[:2] in _OPEN or (raw[:2] == CIPHER_DATA and bool(raw[2] & 1) and raw[2] in cipher.FUNCTIONS)


def hides_answer(raw: bytes) -> bool:
    """Whether the answer to a command is a cryptogram: what a terminal proves a key with, or an enciphered PIN."""
    return raw[:2] == CIPHER_DATA and not raw[2] & 1


def key_label(image: Image, df: str, usage: int, identifier: int) -> str:
    """How people call a key: ``28/12 UKSSSE``."""
    ref = psam_ref(df, usage, identifier)
    name = image.names.get(df, {}).get(ref.name, "")
    return f"{ref.name} {name}".rstrip()


def _delivery(raw: bytes, df: str, image: Image) -> str:
    levels = raw[2] >> 5
    return f"{key_label(image, df, raw[2], raw[3])}, {levels} level{'' if levels == 1 else 's'}"


def _cipher(raw: bytes, _df: str, _image: Image) -> str:
    return _FUNCTIONS.get(raw[2], "")


_FUNCTIONS: Final = {
    cipher.ENCRYPT_LAST: "encipher, the end",
    cipher.ENCRYPT_MORE: "encipher, more to come",
    cipher.MAC_ONLY: "MAC",
    cipher.MAC_FIRST: "MAC, the beginning",
    cipher.MAC_NEXT: "MAC, more of it",
    cipher.MAC_LAST: "MAC, the end",
}


def _load(verb: str) -> Teller:
    return lambda raw, _df, _image: f"{verb} in file 00{raw[3]:02X}, which is masked"


def _init(raw: bytes, _df: str, _image: Image) -> str:
    data = raw[5:]
    if len(data) < 0x1C:
        return ""
    amounts = [int.from_bytes(data[at : at + 4]) for at in (6, 10, 14)]
    account, paid, fund = (f"{amount / 100:.2f}" for amount in amounts)
    return f"account {account}, self-paid {paid}, fund {fund}, key version {data[0x1A]}"


TELLERS: Final[dict[str, Teller]] = {
    "INITIALIZE ENVIRONMENT": lambda raw, _df, _image: f"card of province {raw[5:6].hex().upper()}",
    "CREATE KEY": _load("a new key"),
    "CHANGE KEY": _load("another value for a key"),
    "DELIVERY SESSION KEY": _delivery,
    "CIPHER DATA": _cipher,
    "INIT SAM FOR PURCHASE": _init,
    "CREDIT SAM FOR PURCHASE": lambda raw, _df, _image: f"MAC2 {raw[5:9].hex().upper()}",
}
