"""Suites: a block cipher with the rules that the standard ties to its block length (Part 4, 8).

A suite is chosen by the *key*, never by an ``if`` elsewhere: on one and the same card the
authentication keys are double-length while the maintenance keys are single-length (Part 9,
appendix B), and each brings its own rules along.
"""

from dataclasses import dataclass
from typing import Final

from .ciphers import DES_CIPHER, SM4_CIPHER, BlockCipher, ExpandedKey
from .errors import ChallengeUnusable, CipherDataWrong

MAC_LENGTH: Final = 4
AUTHENTICATION_LENGTH: Final = 8
FACTOR_LENGTH: Final = 8


def _xor(left: bytes, right: bytes) -> bytes:
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


_ZEROS: Final = bytes(8)
_PADDING: Final = tuple(b"\x80" + bytes(zeros) for zeros in range(16))
_INVERTED: Final = bytes(range(0xFF, -1, -1))


def complement(data: bytes) -> bytes:
    """Invert every bit."""
    return data.translate(_INVERTED)


def pad(data: bytes, block: int) -> bytes:
    """Append 80 and then 00 up to a whole block; an aligned input gets a block of its own (Part 4, 8.2.3)."""
    return data + _PADDING[-(len(data) + 1) % block]


@dataclass(frozen=True, slots=True)
class Suite:
    """The crypto rules of one kind of key.

    Attributes:
        name: as profiles write it: ``DES``, ``3DES`` or ``SM4``.
        block: block length in bytes, 8 or 16.
        key_length: length of a stored key in bytes.
        session_length: length of a session key in bytes.
    """

    name: str
    block: int
    key_length: int
    session_length: int
    cipher: BlockCipher

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return suite, (self.name,)

    # -- session keys and authentication ------------------------------------------------------

    def check_challenge(self, challenge: bytes) -> bytes:
        """Return a challenge that keys of this suite can use.

        Raises:
            ChallengeUnusable: it is longer than a block, or empty.
        """
        if not 0 < len(challenge) <= self.block:
            raise ChallengeUnusable(f"a {self.name} key takes a challenge of at most {self.block} bytes")
        return challenge

    def expand(self, key: bytes) -> ExpandedKey:
        """Expand a long-term key, so that many computations with it cost less."""
        return self.cipher.expand(key)

    def expanded(self, key: bytes | ExpandedKey) -> ExpandedKey:
        """Expand a key, unless it is expanded."""
        return self.cipher.expand(key) if isinstance(key, bytes) else key

    def session_key(self, key: bytes | ExpandedKey, challenge: bytes) -> bytes:
        """Derive the session key (过程密钥) from a challenge of 4 bytes up to a block (Part 4, 8.4).

        Raises:
            ChallengeUnusable: the challenge is longer than a block, or empty.
        """
        if len(challenge) != self.block:
            challenge = self.check_challenge(challenge).ljust(self.block, b"\x00")
        return self.expanded(key).encrypt(challenge)

    def authentication_data(self, key: bytes | ExpandedKey, challenge: bytes, original: bytes) -> bytes:
        """Compute the 8 bytes that prove knowledge of ``key`` (Part 4, 9.3); ``original`` has 8 bytes."""
        session = self.session_key(key, challenge)
        if self.block == AUTHENTICATION_LENGTH:
            return self.cipher.encrypt(session, original)
        enciphered = self.cipher.encrypt(session, original + _ZEROS)
        return _xor(enciphered[:8], enciphered[8:])

    # -- MAC and encryption under a session key -----------------------------------------------

    def truncate(self, block: bytes) -> bytes:
        """Cut a last CBC block to a MAC of 4 bytes (Part 4, 8.2.4).

        8-byte block: the leftmost 4 bytes. 16-byte block: the four 4-byte words XORed together.
        """
        if self.block == 8:
            return block[:MAC_LENGTH]
        return _xor(_xor(block[:4], block[4:8]), _xor(block[8:12], block[12:]))

    def mac(self, session: bytes | ExpandedKey, data: bytes, initial: bytes = b"") -> bytes:
        """Compute the 4-byte MAC of ``data`` under a session key (Part 4, 8.2); no initial value means zero."""
        return self.truncate(self.expanded(session).cbc(initial, pad(data, self.block))[-self.block :])

    def data_block(self, plain: bytes) -> bytes:
        """Form ``LD || plain``, padded only when not aligned (Part 4, 8.3.2); at most 255 bytes."""
        block = bytes([len(plain)]) + plain
        return pad(block, self.block) if len(block) % self.block else block

    def encrypt_data(self, session: bytes | ExpandedKey, plain: bytes) -> bytes:
        """Encipher a `data_block` (Part 4, 8.3)."""
        return self.expanded(session).encrypt(self.data_block(plain))

    def decrypt_data(self, session: bytes | ExpandedKey, enciphered: bytes) -> bytes:
        """Undo `encrypt_data` (Part 4, 8.3.4); under a session key, or for a key load an expanded long-term key.

        Raises:
            CipherDataWrong: no whole blocks, an LD that does not fit, or padding that is not 80 00...
        """
        if not enciphered or len(enciphered) % self.block:
            raise CipherDataWrong("the cipher data are not whole blocks")
        plain = self.expanded(session).decrypt(enciphered)
        end = 1 + plain[0]
        rest = plain[end:]
        if end > len(plain) or len(rest) >= self.block or (rest and rest != b"\x80" + bytes(len(rest) - 1)):
            raise CipherDataWrong("the deciphered data are not LD || data || padding")
        return plain[1:end]

    # -- long-term keys -----------------------------------------------------------------------

    def diversify(self, key: bytes | ExpandedKey, factor: bytes) -> bytes:
        """Derive the child of ``key`` for an 8-byte factor (密钥分散; Part 9, 7.1.1 and 7.2.1)."""
        if len(factor) != FACTOR_LENGTH:
            raise ValueError(f"a diversification factor has 8 bytes, not {len(factor)}")
        block = factor if self.key_length == 8 else factor + complement(factor)
        return self.cipher.encrypt(key, block) if isinstance(key, bytes) else key.encrypt(block)

    def check_value(self, key: bytes) -> bytes:
        """Compute the key check value (密钥校验值): the first 3 bytes of an enciphered zero block."""
        return self.cipher.encrypt(key, bytes(self.block))[:3]

    def tac_key(self, key: bytes) -> tuple["Suite", bytes]:
        """Derive the suite and key that compute a TAC from DTK (Part 7, 15).

        8-byte block: left half XOR right half, used as a single-length key. 16-byte block: the key itself.
        """
        if self.block == 8 and len(key) == 16:
            return DES, _xor(key[:8], key[8:])
        return self, key

    def expand_tac(self, key: bytes) -> ExpandedKey:
        """Expand what `tac_key` derives from DTK; MACs under it go by this suite."""
        rules, derived = self.tac_key(key)
        return rules.expand(derived)

    # -- key loading --------------------------------------------------------------------------

    def key_load_mac(self, key: bytes | ExpandedKey, challenge: bytes, data: bytes) -> bytes:
        """Compute the MAC of a key-load command (Part 9, 7.1.3 and 7.2.3).

        Unlike `mac`: the initial value is the challenge, 00 on the right up to a block; the key is the
        controlling master key itself; a double-length key enters the last block with both halves.
        """
        initial = challenge + bytes(self.block - len(challenge))
        return self.truncate(self.expanded(key).mac_block(initial, pad(data, self.block)))


DES: Final = Suite("DES", block=8, key_length=8, session_length=8, cipher=DES_CIPHER)
TRIPLE_DES: Final = Suite("3DES", block=8, key_length=16, session_length=8, cipher=DES_CIPHER)
SM4: Final = Suite("SM4", block=16, key_length=16, session_length=16, cipher=SM4_CIPHER)

SUITES: Final[dict[str, Suite]] = {each.name: each for each in (DES, TRIPLE_DES, SM4)}


def suite(name: str) -> Suite:
    """Find a suite by name; an unknown one is a ``KeyError``."""
    return SUITES[name]
