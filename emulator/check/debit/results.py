"""What GENERATE AC answers, and what the card tells the issuer in 9F10."""

from typing import Final, NamedTuple

from cardfs.model import tlv

from ..bench import all_objects, find_object
from ..check import Failed
from .rows import before

AAC, TC, ARQC = 0x00, 0x40, 0x80
_NAMES: Final = {AAC: "AAC", TC: "TC", ARQC: "ARQC"}
KIND: Final = 0xC0
FORMAT_1, FORMAT_2 = 0x80, 0x77
COUNTER: Final = 0x9F36
ISSUER_FAILED, PIN_DONE, PIN_FAILED = 0x080000, 0x040000, 0x020000
LAST_INCOMPLETE, LAST_ISSUER_FAILED, SCRIPT_FAILED = 0x008000, 0x000800, 0x000008
FIRST_AND_SECOND: Final = 0xF00000
"""Bits of the card verification results (CVR; JR/T 0025)."""
MAC_LENGTH: Final = 4
_HEAD: Final = 8
"""Bytes of 9F10 before the part of the issuer."""


class Cryptogram(NamedTuple):
    """What GENERATE AC answered.

    Attributes:
        cid: cryptogram information data. ``counter``: ATC, 2 bytes. ``value``: the cryptogram, 8 bytes; empty if a
            signature is in its place.
        issuer_data: issuer application data, 9F10.
        signature: tag 9F4B. ``signed``: the data objects of the answer without it, as they came.
    """

    cid: int
    counter: bytes
    value: bytes
    issuer_data: bytes
    signature: bytes = b""
    signed: bytes = b""

    @property
    def kind(self) -> int:
        """Return `AAC`, `TC` or `ARQC`."""
        return self.cid & KIND

    @property
    def name(self) -> str:
        """Return the name of its kind."""
        return _NAMES.get(self.kind, "C0")

    @property
    def results(self) -> bytes:
        """Return the card verification results (CVR), 3 bytes."""
        return self.issuer_data[4:7]


def cryptogram(answer: bytes) -> Cryptogram:
    """Take the answer to GENERATE AC apart (EMV Book 3, 6.5.5.4); raise `Failed` if it has another form."""
    what = "the answer to GENERATE AC"
    body = find_object(answer, what, FORMAT_1)
    if body is not None:
        if len(body) < 11:
            raise Failed(f"the answer to GENERATE AC has {len(body)} bytes, not 11 or more")
        return Cryptogram(body[0], body[1:3], body[3:11], body[11:])
    inner = find_object(answer, what, FORMAT_2)
    if inner is None:
        raise Failed("the answer to GENERATE AC is neither template 80 nor 77")
    parts = all_objects(inner, what)
    found = dict(parts)
    cid, counter, value, signature = (found.get(tag, b"") for tag in (0x9F27, COUNTER, 0x9F26, 0x9F4B))
    if len(cid) != 1 or len(counter) != 2 or (len(value) != 8 and not signature):
        raise Failed("template 77 of GENERATE AC lacks 9F27, 9F36, or 9F26 and 9F4B")
    signed = b"".join(tlv.encode(tag, each) for tag, each in parts if tag != 0x9F4B)
    return Cryptogram(cid[0], counter, value, found.get(0x9F10, b""), signature, signed)


def require_issuer_data(found: Cryptogram) -> bytes:
    """Return the issuer's part of 9F10, its identifier first; empty if there is none. Raise `Failed` for another form.

    The form: ``07``, key index, cryptogram version, ``03``, card verification results 3, algorithm, and perhaps a
    length and the issuer's part.
    """
    data = found.issuer_data
    if len(data) < _HEAD or data[0] != 0x07 or data[3] != 0x03:
        raise Failed("9F10 does not begin with 07, key index, cryptogram version, 03, results and algorithm")
    rest = data[_HEAD:]
    if rest and rest[0] != len(rest) - 1:
        raise Failed(f"the issuer's part of 9F10 has {len(rest) - 1} bytes, but its length says {rest[0]}")
    return rest[1:]


def require_results(found: Cryptogram, wanted: int) -> None:
    """Raise `Failed` unless the verification results tell so of the first and the second cryptogram."""
    with before():
        require_issuer_data(found)
    decided = int.from_bytes(found.results) & FIRST_AND_SECOND
    if decided != wanted:
        raise Failed(f"the verification results in 9F10 tell of the cryptograms {decided:06X}, not {wanted:06X}")


def told(found: Cryptogram, bit: int, what: str) -> None:
    """Raise `Failed` unless the verification results have a bit."""
    with before():
        require_issuer_data(found)
    if not int.from_bytes(found.results) & bit:
        raise Failed(f"the verification results in 9F10 do not tell that {what}")
