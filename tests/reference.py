"""An independent computation of the standard's crypto, for expected values.

Written from the clauses, block by block, on OpenSSL's DES and on a second SM4: nothing here comes
from the code under test, and nothing of the code under test is used here.
"""

import warnings

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

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


def _sm4(key: bytes, block: bytes, *, decrypt: bool = False) -> bytes:
    cipher = Cipher(algorithms.SM4(key), modes.ECB())  # noqa: S305
    way = cipher.decryptor() if decrypt else cipher.encryptor()
    return way.update(block) + way.finalize()


class Reference:
    """The rules of one suite: ``DES``, ``3DES`` or ``SM4``."""

    def __init__(self, suite: str) -> None:
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

    def child(self, key: bytes, factor: bytes) -> bytes:
        """Part 9, 7.1.1 and 7.2.1."""
        if len(key) == 8:
            return self._one(key, factor)
        return self.blocks(key, factor + bytes(255 - byte for byte in factor))


def card_key(suite: str, root: bytes, region: str, historical: bytes) -> bytes:
    """A card's key from the national root (Part 9, 7.3): province, city, card."""
    rules = Reference(suite)
    key = rules.child(root, region[:2].encode() + b"0000sh")
    key = rules.child(key, region.encode() + b"sx")
    return rules.child(key, historical[5:])
