"""An independent computation of the standard's crypto, for expected values.

Written from the clauses, block by block, on OpenSSL's DES and on an SM4 of its own: nothing here comes
from the code under test, and nothing of the code under test is used here.
"""

import warnings
from functools import lru_cache

from cryptography.hazmat.primitives.ciphers import Cipher, modes

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES


def xor(left: bytes, right: bytes) -> bytes:
    """XOR two byte strings of one length."""
    return bytes(a ^ b for a, b in zip(left, right, strict=True))


def _des(key: bytes, block: bytes, *, decrypt: bool = False) -> bytes:
    """One block under a key of 8 or 16 bytes: K, or E(KL, D(KR, E(KL, x)))."""
    cipher = Cipher(TripleDES(key * 3 if len(key) == 8 else key + key[:8]), modes.ECB())  # noqa: S305
    way = cipher.decryptor() if decrypt else cipher.encryptor()
    return way.update(block) + way.finalize()


def _times(left: int, right: int) -> int:
    """Multiply in GF(2^8) modulo x^8 + x^7 + x^6 + x^5 + x^4 + x^2 + 1."""
    product = 0
    while right:
        product ^= left if right & 1 else 0
        left = left << 1 ^ (0x1F5 if left & 0x80 else 0)
        right >>= 1
    return product


def _affine(byte: int) -> int:
    """Return the affine map of the SM4 S-box (GB/T 32907, as a matrix of rotated 0xA7)."""
    rows = (((0xA7 << at) | (0xA7 >> (8 - at))) & 0xFF for at in range(8))
    return sum(((row & byte).bit_count() & 1) << at for at, row in enumerate(rows)) ^ 0xD3


def _inverse(byte: int) -> int:
    """Return the inverse in GF(2^8), the 254th power; 0 for 0."""
    power = 1
    for _ in range(254):
        power = _times(power, byte)
    return power


_BOX = bytes(_affine(_inverse(_affine(byte))) for byte in range(256))
"""The S-box of GB/T 32907, from its definition: affine, inverse, affine."""


def _rotate(word: int, by: int) -> int:
    """Rotate a word of 32 bits to the left."""
    return (word << by | word >> (32 - by)) & 0xFFFFFFFF


def _substitute(word: int) -> int:
    """Apply the S-box to each byte of a word."""
    return int.from_bytes(word.to_bytes(4).translate(_BOX))


@lru_cache(maxsize=256)
def _sm4_rounds(key: bytes) -> tuple[int, ...]:
    """Round keys of GB/T 32907, 7.3."""
    words = [int.from_bytes(key[at : at + 4]) for at in range(0, 16, 4)]
    words = [word ^ fixed for word, fixed in zip(words, (0xA3B1BAC6, 0x56AA3350, 0x677D9197, 0xB27022DC), strict=True)]
    for at in range(32):
        fixed = int.from_bytes(bytes((4 * at + byte) * 7 & 0xFF for byte in range(4)))
        mixed = _substitute(words[-3] ^ words[-2] ^ words[-1] ^ fixed)
        words.append(words[-4] ^ mixed ^ _rotate(mixed, 13) ^ _rotate(mixed, 23))
    return tuple(words[4:])


def _sm4(key: bytes, block: bytes, *, decrypt: bool = False) -> bytes:
    """One block, round by round (GB/T 32907, 7.1)."""
    words = [int.from_bytes(block[at : at + 4]) for at in range(0, 16, 4)]
    rounds = _sm4_rounds(key)
    for each in reversed(rounds) if decrypt else rounds:
        mixed = _substitute(words[-3] ^ words[-2] ^ words[-1] ^ each)
        spread = mixed ^ _rotate(mixed, 2) ^ _rotate(mixed, 10) ^ _rotate(mixed, 18) ^ _rotate(mixed, 24)
        words.append(words[-4] ^ spread)
    return b"".join(word.to_bytes(4) for word in reversed(words[-4:]))


class Reference:
    """The rules of one suite: ``DES``, ``3DES`` or ``SM4``."""

    def __init__(self, suite: str) -> None:
        """Compute with DES and triple DES, or with SM4 if ``suite`` says so."""
        self.block = 16 if suite == "SM4" else 8
        self._one = _sm4 if suite == "SM4" else _des

    def blocks(self, key: bytes, data: bytes, *, decrypt: bool = False) -> bytes:
        """ECB over whole blocks."""
        step = self.block
        return b"".join(self._one(key, data[at : at + step], decrypt=decrypt) for at in range(0, len(data), step))

    def session_key(self, key: bytes, challenge: bytes) -> bytes:
        """Part 4, 8.4."""
        return self._one(key, challenge.ljust(self.block, b"\x00"))

    def auth(self, key: bytes, challenge: bytes, original: bytes) -> bytes:
        """Part 4, 9.3."""
        session = self.session_key(key, challenge)
        if self.block == 8:
            return self._one(session, original)
        whole = self._one(session, original + bytes(8))
        return xor(whole[:8], whole[8:])

    def mac(self, session: bytes, data: bytes) -> bytes:
        """Part 4, 8.2."""
        data += b"\x80"
        data += bytes(-len(data) % self.block)
        state = bytes(self.block)
        for at in range(0, len(data), self.block):
            state = self._one(session, xor(state, data[at : at + self.block]))
        if self.block == 8:
            return state[:4]
        return xor(xor(state[0:4], state[4:8]), xor(state[8:12], state[12:16]))

    def encrypt(self, session: bytes, plain: bytes) -> bytes:
        """Part 4, 8.3."""
        data = bytes([len(plain)]) + plain
        if len(data) % self.block:
            data += b"\x80"
            data += bytes(-len(data) % self.block)
        return self.blocks(session, data)

    def decrypt(self, session: bytes, enciphered: bytes) -> bytes:
        """Part 4, 8.3.4: decipher, then cut with LD; of well-formed data only."""
        plain = self.blocks(session, enciphered, decrypt=True)
        return plain[1 : 1 + plain[0]]

    def key_load_mac(self, key: bytes, challenge: bytes, data: bytes) -> bytes:
        """Part 9, 7.1.3 (figures 5A and 5B) and 7.2.3: from the challenge, under the master key itself."""
        data += b"\x80"
        data += bytes(-len(data) % self.block)
        blocks = [data[at : at + self.block] for at in range(0, len(data), self.block)]
        state = challenge.ljust(self.block, b"\x00")
        if self.block == 16:
            for block in blocks:
                state = _sm4(key, xor(state, block))
            return bytes(
                a ^ b ^ c ^ d for a, b, c, d in zip(state[:4], state[4:8], state[8:12], state[12:], strict=True)
            )
        for block in blocks:
            state = _des(key[:8], xor(state, block))
        if len(key) == 16:
            # Figure 5B: the last block goes on through D(KR) and E(KL).
            state = _des(key[:8], _des(key[8:], state, decrypt=True))
        return state[:4]

    def tac_key(self, key: bytes) -> tuple["Reference", bytes]:
        """Part 7, 15."""
        if self.block == 8 and len(key) == 16:
            return Reference("DES"), xor(key[:8], key[8:])
        return self, key

    def child(self, key: bytes, factor: bytes) -> bytes:
        """Part 9, 7.1.1 and 7.2.1."""
        if len(key) == 8:
            return self._one(key, factor)
        return self.blocks(key, factor + bytes(255 - byte for byte in factor))


def card_key(suite: str, root: bytes, region: str, historical: bytes) -> bytes:
    """Return a card's key from the national root (Part 9, 7.3): province, city, card."""
    rules = Reference(suite)
    key = rules.child(root, region[:2].encode() + b"0000sh")
    key = rules.child(key, region.encode() + b"sx")
    return rules.child(key, historical[5:])
