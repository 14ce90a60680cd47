"""Key generation (Part 4, 7.2) and the random source as a port."""

import hashlib
import os
from collections.abc import Iterable
from typing import Final, Protocol

from .ciphers import halves_equal, without_parity
from .suites import Suite

# FIPS 74 / NIST SP 800-67: the four weak and the twelve semi-weak keys of DES, odd parity.
WEAK_DES_KEYS: Final = frozenset(
    bytes.fromhex(key)
    for key in (
        "0101010101010101 FEFEFEFEFEFEFEFE E0E0E0E0F1F1F1F1 1F1F1F1F0E0E0E0E "
        "011F011F010E010E 1F011F010E010E01 01E001E001F101F1 E001E001F101F101 "
        "01FE01FE01FE01FE FE01FE01FE01FE01 1FE01FE00EF10EF1 E01FE01FF10EF10E "
        "1FFE1FFE0EFE0EFE FE1FFE1FFE0EFE0E E0FEE0FEF1FEF1FE FEE0FEE0FEF1FEF1"
    ).split()
)


_WEAK_WITHOUT_PARITY: Final = frozenset(without_parity(key) for key in WEAK_DES_KEYS)


class RandomSource(Protocol):
    """Where challenges and keys come from."""

    def __call__(self, length: int, /) -> bytes:
        """Return ``length`` random bytes."""
        ...


def system_random(length: int, /) -> bytes:
    """Draw from the operating system, which stands for the chip's physical source (Part 4, 7.2)."""
    return os.urandom(length)


class SeededRandom:
    """A reproducible stream for tests and for issuing the same card twice; never for real secrets."""

    def __init__(self, seed: str) -> None:
        self._state = hashlib.sha256(seed.encode()).digest()
        self._pool = b""

    def __call__(self, length: int, /) -> bytes:
        while len(self._pool) < length:
            self._state = hashlib.sha256(self._state).digest()
            self._pool += hashlib.sha256(self._state + b"out").digest()
        drawn, self._pool = self._pool[:length], self._pool[length:]
        return drawn


class ScriptedRandom:
    """Random numbers that a test has chosen: each call gets the next value.

    Args:
        values: byte strings or hex; a call takes as many bytes as it asks for from one value, which must be as long.
        then: where bytes come from when the values are used up.

    Example:
        >>> import sscard
        >>> from keys.generate import ScriptedRandom
        >>> card = sscard.Card.issue(random=ScriptedRandom(["0102030405060708"]))
        >>> card.transmit(bytes.fromhex("0084000008")).hex()
        '01020304050607089000'
    """

    def __init__(self, values: Iterable[bytes | str], then: RandomSource = system_random) -> None:
        self._values = [bytes.fromhex(each) if isinstance(each, str) else bytes(each) for each in values]
        self._then = then

    def __call__(self, length: int, /) -> bytes:
        """Return the next value; raise ValueError if it has another length."""
        if not self._values:
            return self._then(length)
        value = self._values.pop(0)
        if len(value) != length:
            raise ValueError(f"{length} random bytes were asked for, and the next value has {len(value)}")
        return value


def odd_parity(key: bytes) -> bytes:
    """Set the lowest bit of every byte so that each has an odd number of ones, as DES keys are written."""
    return bytes(byte & 0xFE | (byte >> 1).bit_count() % 2 ^ 1 for byte in key)


def is_weak(suite: Suite, key: bytes) -> bool:
    """Return whether a DES key, or a half of a double-length one, is weak or semi-weak."""
    if suite.block != 8:
        return False
    plain = without_parity(key)
    return any(plain[at : at + 8] in _WEAK_WITHOUT_PARITY for at in range(0, len(key), 8))


def is_short(suite: Suite, key: bytes) -> bool:
    """Return whether a double-length DES key has equal halves, and so the key space of a single-length one."""
    return suite.block == 8 and len(key) == 16 and halves_equal(key)


def is_odd(suite: Suite, key: bytes) -> bool:
    """Return whether a DES key has odd parity, as DES keys are written; for keys of other ciphers always true."""
    return suite.block != 8 or odd_parity(key) == key


def generate_key(suite: Suite, random: RandomSource = system_random) -> bytes:
    """Generate a key with odd parity (DES family), drawing again until it is not weak."""
    while True:
        key = random(suite.key_length)
        if suite.block == 8:
            key = odd_parity(key)
        if not is_weak(suite, key) and not is_short(suite, key):
            return key
