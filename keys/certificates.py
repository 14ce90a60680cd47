"""Offline data authentication with RSA and SHA-1: keys, certificates and signatures (EMV Book 2, 5 and 6).

A signature lets the terminal recover what was signed (EMV Book 2, A2.1). So a certificate carries the leftmost part of
the public key that it certifies, and only the remainder is stored beside it. Three keys make a chain: the certification
authority signs the issuer's key, the issuer signs the card's key or its static data, and the card signs what a terminal
sends.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Final

from .generate import RandomSource, system_random

EXPONENTS: Final = (3, 65537)
"""The public exponents that EMV Book 2, B2.1, allows."""

SHORTEST_BITS: Final = 512
LONGEST_BITS: Final = 1984
"""EMV Book 2, D1: a modulus has at most 248 bytes."""

_HEADER: Final = b"\x6a"
_TRAILER: Final = b"\xbc"
_FILLER: Final = b"\xbb"
_AROUND: Final = 22
"""Bytes of a signed block that are not its fields: header, SHA-1 and trailer (EMV Book 2, A2.1.2)."""

_ISSUER_CERTIFICATE: Final = b"\x02"
_STATIC_DATA: Final = b"\x03"
_CARD_CERTIFICATE: Final = b"\x04"
_DYNAMIC_DATA: Final = b"\x05"
_SHA1: Final = b"\x01"
_RSA: Final = b"\x01"


def _sha1(data: bytes) -> bytes:
    return hashlib.sha1(data, usedforsecurity=False).digest()


# -- keys ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class RsaPublicKey:
    """An RSA public key.

    Attributes:
        modulus: big-endian, without a leading 00.
        exponent: 3 or 65537.
    """

    modulus: bytes
    exponent: int

    @property
    def length(self) -> int:
        """Length of the modulus in bytes."""
        return len(self.modulus)

    @property
    def exponent_bytes(self) -> bytes:
        """Return the exponent as tags 9F32 and 9F47 have it: 03 or 010001 (EMV Book 2, B2.1)."""
        return self.exponent.to_bytes((self.exponent.bit_length() + 7) // 8)


@dataclass(frozen=True)
class RsaPrivateKey:
    """An RSA private key as its two primes.

    Attributes:
        p: first prime, big-endian.
        q: second prime, big-endian.
        exponent: of the public key, 3 or 65537.
    """

    p: bytes = field(repr=False)
    q: bytes = field(repr=False)
    exponent: int

    @property
    def public(self) -> RsaPublicKey:
        """Return the public half."""
        modulus = int.from_bytes(self.p) * int.from_bytes(self.q)
        return RsaPublicKey(modulus.to_bytes((modulus.bit_length() + 7) // 8), self.exponent)

    @property
    def length(self) -> int:
        """Length of the modulus, and so of a signature, in bytes."""
        return self.public.length

    def transform(self, block: bytes) -> bytes:
        """Raise one block to the private exponent, to sign it or to decipher it (EMV Book 2, B2.1).

        Raises:
            ValueError: the block has not the length of the modulus, or is not smaller than it.
        """
        p, q, first_exponent, second_exponent, inverse = self._numbers
        length = self.length
        value = int.from_bytes(block)
        if len(block) != length or value >= p * q:
            raise ValueError(f"a block of {length} bytes below the modulus is wanted, not {len(block)} bytes")
        # Two exponentiations of half the length cost a quarter of one (Chinese remainder theorem).
        first = pow(value, first_exponent, p)
        second = pow(value, second_exponent, q)
        return (second + (first - second) * inverse % p * q).to_bytes(length)

    @cached_property
    def _numbers(self) -> tuple[int, int, int, int, int]:
        """Both primes, the private exponent modulo each less one, and the inverse of the second modulo the first."""
        p, q = int.from_bytes(self.p), int.from_bytes(self.q)
        return p, q, pow(self.exponent, -1, p - 1), pow(self.exponent, -1, q - 1), pow(q, -1, p)


def generate_rsa(bits: int, random: RandomSource = system_random, *, exponent: int = 3) -> RsaPrivateKey:
    """Generate a key; a seeded source gives the same key every time.

    Only candidates are drawn from ``random``; the witnesses of the primality test are not. So a key depends on the
    source and this rule, and not on how a library draws.

    Args:
        bits: length of the modulus, 512 to 1984 and a multiple of 16.
        random: where the candidates come from.
        exponent: 3 or 65537.

    Raises:
        ValueError: a length or an exponent that EMV cards do not have.
    """
    if not SHORTEST_BITS <= bits <= LONGEST_BITS or bits % 16:
        raise ValueError(f"a modulus has {SHORTEST_BITS} to {LONGEST_BITS} bits, a multiple of 16, not {bits}")
    if exponent not in EXPONENTS:
        raise ValueError(f"a public exponent is 3 or 65537, not {exponent}")
    p = _prime(bits // 2, exponent, random)
    q = _prime(bits // 2, exponent, random)
    while p == q:
        q = _prime(bits // 2, exponent, random)
    return RsaPrivateKey(p, q, exponent)


def _prime(bits: int, exponent: int, random: RandomSource) -> bytes:
    from Crypto.Math.Primality import PROBABLY_PRIME, test_probable_prime

    while True:
        # With both highest bits set the product of two primes has all its bits.
        candidate = int.from_bytes(random(bits // 8)) | 0b11 << (bits - 2) | 1
        # The exponent is prime, so it has an inverse exactly when it does not divide p - 1.
        if (candidate - 1) % exponent and test_probable_prime(candidate) == PROBABLY_PRIME:
            return candidate.to_bytes(bits // 8)


# -- the certification authority -----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AuthorityKey:
    """A certification authority's public key as terminals hold it (EMV Book 2, 11.2.2).

    Attributes:
        rid: registered application provider identifier, 5 bytes.
        index: tag 8F of the card, 0 to 255.
        public: the key.
    """

    rid: bytes
    index: int
    public: RsaPublicKey

    @property
    def check_value(self) -> bytes:
        """Return SHA-1 over RID, index, modulus and exponent, 20 bytes (EMV Book 2, 11.2.2)."""
        return _sha1(self.rid + bytes((self.index,)) + self.public.modulus + self.public.exponent_bytes)


# -- certificates --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Certificate:
    """A certified public key as a card stores it.

    Attributes:
        certificate: tag 90 of an issuer's key, 9F46 of a card's; as long as the signer's modulus.
        remainder: tag 92 or 9F48, what of the modulus has no place in the certificate; often empty.
        exponent: tag 9F32 or 9F47.
    """

    certificate: bytes
    remainder: bytes
    exponent: bytes


def certify_issuer(
    authority: RsaPrivateKey, issuer: RsaPublicKey, *, identifier: str, expiry: date, serial: bytes
) -> Certificate:
    """Return the Issuer Public Key Certificate (EMV Book 2, 5.1).

    Args:
        authority: the certification authority's key.
        issuer: the key to certify, not longer than the authority's.
        identifier: leftmost 3 to 8 digits of the PANs that the issuer gives out.
        expiry: a day of the last month of validity.
        serial: certificate serial number, 3 bytes.

    Raises:
        ValueError: a key too long, or fields of another length.
    """
    head = _ISSUER_CERTIFICATE + _digits(identifier, 3, 8, 4) + _validity(expiry, serial)
    return _certify(authority, issuer, head, b"")


def certify_card(
    issuer: RsaPrivateKey, card: RsaPublicKey, *, pan: str, expiry: date, serial: bytes, static: bytes
) -> Certificate:
    """Return the ICC Public Key Certificate (EMV Book 2, 6.1).

    Args:
        issuer: the issuer's key.
        card: the key to certify, not longer than the issuer's.
        pan: application PAN, up to 19 digits.
        expiry: a day of the last month of validity.
        serial: certificate serial number, 3 bytes.
        static: static data to be authenticated (EMV Book 3, 10.3); the terminal hashes them, too.

    Raises:
        ValueError: a key too long, or fields of another length.
    """
    head = _CARD_CERTIFICATE + _digits(pan, 8, 19, 10) + _validity(expiry, serial)
    return _certify(issuer, card, head, static)


def _digits(digits: str, fewest: int, most: int, length: int) -> bytes:
    """Encode digits as compressed numeric: left, with F on the right."""
    if not fewest <= len(digits) <= most or not (digits.isascii() and digits.isdigit()):
        raise ValueError(f"{fewest} to {most} digits are wanted")
    return bytes.fromhex(digits.ljust(2 * length, "F"))


def _validity(expiry: date, serial: bytes) -> bytes:
    if len(serial) != 3:
        raise ValueError(f"a certificate serial number has 3 bytes, not {len(serial)}")
    return bytes.fromhex(f"{expiry:%m%y}") + serial


def _certify(signer: RsaPrivateKey, key: RsaPublicKey, head: bytes, static: bytes) -> Certificate:
    if key.length > signer.length:
        raise ValueError(f"a key of {signer.length} bytes certifies none of {key.length} bytes")
    head += _SHA1 + _RSA + bytes((key.length, len(key.exponent_bytes)))
    room = signer.length - _AROUND - len(head)
    remainder = key.modulus[room:]
    signed = _sign(signer, head + key.modulus[:room], remainder + key.exponent_bytes + static)
    return Certificate(signed, remainder, key.exponent_bytes)


# -- signatures ----------------------------------------------------------------------------------


def sign_static(issuer: RsaPrivateKey, code: bytes, static: bytes) -> bytes:
    """Return the Signed Static Application Data, tag 93 (EMV Book 2, 5.1).

    Args:
        issuer: the issuer's key.
        code: data authentication code of the issuer, 2 bytes.
        static: static data to be authenticated (EMV Book 3, 10.3).

    Raises:
        ValueError: a code of another length.
    """
    if len(code) != 2:
        raise ValueError(f"a data authentication code has 2 bytes, not {len(code)}")
    return _sign(issuer, _STATIC_DATA + _SHA1 + code, static)


def dynamic_data(number: bytes) -> bytes:
    """Build the ICC dynamic data of INTERNAL AUTHENTICATE: the ICC dynamic number (EMV Book 2, 6.5.1).

    Raises:
        ValueError: the number has not 2 to 8 bytes.
    """
    if not 2 <= len(number) <= 8:
        raise ValueError(f"an ICC dynamic number has 2 to 8 bytes, not {len(number)}")
    return bytes((len(number),)) + number


def combined_data(number: bytes, cid: int, cryptogram: bytes, transaction_hash: bytes) -> bytes:
    """Build the ICC dynamic data of GENERATE AC with CDA (EMV Book 2, 6.6.1).

    Args:
        number: ICC dynamic number, 2 to 8 bytes.
        cid: cryptogram information data of the answer.
        cryptogram: the application cryptogram, 8 bytes.
        transaction_hash: from `transaction_data_hash`, 20 bytes.

    Raises:
        ValueError: a field of another length.
    """
    if len(cryptogram) != 8 or len(transaction_hash) != 20:
        raise ValueError("a cryptogram has 8 bytes and a transaction data hash code 20")
    return dynamic_data(number) + bytes((cid,)) + cryptogram + transaction_hash


def transaction_data_hash(pdol: bytes, cdols: Sequence[bytes], answer: bytes) -> bytes:
    """Compute the transaction data hash code, 20 bytes (EMV Book 2, 6.6.1).

    Args:
        pdol: the values that GET PROCESSING OPTIONS brought, without tag 83.
        cdols: the values that each GENERATE AC of the transaction has brought so far.
        answer: the data objects of this answer, tags and lengths included, without template 77 and without tag 9F4B.
    """
    return _sha1(pdol + b"".join(cdols) + answer)


def sign_dynamic(card: RsaPrivateKey, dynamic: bytes, terminal: bytes) -> bytes:
    """Return the Signed Dynamic Application Data, tag 9F4B (EMV Book 2, 6.5.1 and 6.6.1).

    Args:
        card: the card's key.
        dynamic: from `dynamic_data` or `combined_data`.
        terminal: for INTERNAL AUTHENTICATE the values that the DDOL names; for CDA the unpredictable number.

    Raises:
        ValueError: the key is too short for the dynamic data.
    """
    return _sign(card, _DYNAMIC_DATA + _SHA1 + bytes((len(dynamic),)) + dynamic, terminal)


def _sign(key: RsaPrivateKey, fields: bytes, beside: bytes) -> bytes:
    """Sign fields so that they can be recovered, with what stands beside them in the hash (EMV Book 2, A2.1.2)."""
    room = key.length - _AROUND
    if len(fields) > room:
        raise ValueError(f"a key of {key.length} bytes signs {room} bytes, not {len(fields)}")
    filled = fields.ljust(room, _FILLER)
    return key.transform(_HEADER + filled + _sha1(filled + beside) + _TRAILER)
