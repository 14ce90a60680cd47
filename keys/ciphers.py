"""Block ciphers, one block or many, always from a library.

pycryptodome serves DES and 3DES, OpenSSL (through cryptography) serves SM4. pycryptodome refuses a
double-length key whose halves are equal; such test keys are common and the standard does not
refuse them, and since ``E(K, D(K, E(K, x))) = E(K, x)`` plain DES computes the same thing.
"""

from typing import Final, Protocol

from Crypto.Cipher import DES, DES3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

_PARITY_BITS: Final = bytes.maketrans(bytes(range(256)), bytes(b & 0xFE for b in range(256)))
_ECB: Final = modes.ECB()


class BlockCipher(Protocol):
    """One block cipher under keys that the caller holds; whole blocks in, whole blocks out.

    A partial block or a key of another length is a ``ValueError``.
    """

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        """Encipher whole blocks, each on its own (ECB)."""
        ...

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        """Decipher whole blocks, each on its own (ECB)."""
        ...

    def cbc(self, key: bytes, initial: bytes, data: bytes) -> bytes:
        """Encipher whole blocks in CBC from ``initial``, one block."""
        ...


def halves_equal(key: bytes) -> bool:
    """Tell whether both halves of a 16-byte key are one DES key, parity bits apart."""
    plain = key.translate(_PARITY_BITS)
    return plain[:8] == plain[8:]


class _Des:
    """DES under 8-byte keys, 3DES in E-D-E under 16-byte keys (KL || KR)."""

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        return bytes(self._ecb(key).encrypt(data))

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        return bytes(self._ecb(key).decrypt(data))

    def cbc(self, key: bytes, initial: bytes, data: bytes) -> bytes:
        if len(key) == 8:
            return bytes(DES.new(key, DES.MODE_CBC, initial).encrypt(data))
        if halves_equal(key):
            return bytes(DES.new(key[:8], DES.MODE_CBC, initial).encrypt(data))
        return bytes(DES3.new(key, DES3.MODE_CBC, initial).encrypt(data))

    def _ecb(self, key: bytes):  # type: ignore[no-untyped-def]
        if len(key) == 8:
            return DES.new(key, DES.MODE_ECB)
        if halves_equal(key):
            return DES.new(key[:8], DES.MODE_ECB)
        return DES3.new(key, DES3.MODE_ECB)


class _Sm4:
    """SM4 under 16-byte keys."""

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        self._whole(data)
        return Cipher(algorithms.SM4(key), _ECB).encryptor().update(data)

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        self._whole(data)
        return Cipher(algorithms.SM4(key), _ECB).decryptor().update(data)

    def cbc(self, key: bytes, initial: bytes, data: bytes) -> bytes:
        self._whole(data)
        return Cipher(algorithms.SM4(key), modes.CBC(initial)).encryptor().update(data)

    @staticmethod
    def _whole(data: bytes) -> None:
        # The library would keep a partial block back and answer short without a word.
        if len(data) % 16:
            raise ValueError("data is not a whole number of 16-byte blocks")


DES_CIPHER: Final[BlockCipher] = _Des()
SM4_CIPHER: Final[BlockCipher] = _Sm4()
