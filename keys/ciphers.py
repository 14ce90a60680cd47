"""Block ciphers, one block or many, always from a library.

pycryptodome serves DES and 3DES, OpenSSL (through cryptography) serves SM4. pycryptodome refuses a
double-length key whose halves are equal; such test keys are common and the standard does not
refuse them, and since ``E(K, D(K, E(K, x))) = E(K, x)`` plain DES computes the same thing.
"""

from functools import cache
from types import ModuleType
from typing import Any, Final, Protocol

_PARITY_BITS: Final = bytes.maketrans(bytes(range(256)), bytes(b & 0xFE for b in range(256)))


class Keyed(Protocol):
    """A cipher under one key that has been expanded once; whole blocks in, whole blocks out."""

    def encrypt(self, data: bytes, /) -> bytes:
        """Encipher whole blocks, each on its own (ECB)."""
        ...

    def decrypt(self, data: bytes, /) -> bytes:
        """Decipher whole blocks, each on its own (ECB)."""
        ...


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

    def keyed(self, key: bytes) -> Keyed:
        """Expand a key, which costs more than a computation with it; for one thread at a time."""
        ...


def halves_equal(key: bytes) -> bool:
    """Tell whether both halves of a 16-byte key are one DES key, parity bits apart."""
    plain = without_parity(key)
    return plain[:8] == plain[8:]


def without_parity(key: bytes) -> bytes:
    """The same DES key with all parity bits cleared, so that equal keys are equal bytes."""
    return key.translate(_PARITY_BITS)


class _Des:
    """DES under 8-byte keys, 3DES in E-D-E under 16-byte keys (KL || KR)."""

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        module, key = _des(key)
        return bytes(module.new(key, module.MODE_ECB).encrypt(data))

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        module, key = _des(key)
        return bytes(module.new(key, module.MODE_ECB).decrypt(data))

    def cbc(self, key: bytes, initial: bytes, data: bytes) -> bytes:
        module, key = _des(key)
        return bytes(module.new(key, module.MODE_CBC, initial).encrypt(data))

    def keyed(self, key: bytes) -> Keyed:
        module, key = _des(key)
        made: Keyed = module.new(key, module.MODE_ECB)
        return made


class _Sm4:
    """SM4 under 16-byte keys."""

    def encrypt(self, key: bytes, data: bytes) -> bytes:
        return bytes(_sm4(key, data, None).encryptor().update(data))

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        return bytes(_sm4(key, data, None).decryptor().update(data))

    def cbc(self, key: bytes, initial: bytes, data: bytes) -> bytes:
        return bytes(_sm4(key, data, initial).encryptor().update(data))

    def keyed(self, key: bytes) -> Keyed:
        return _KeyedSm4(key)


class _KeyedSm4:
    """Both directions of one key; the library keeps no state between whole blocks in ECB."""

    def __init__(self, key: bytes) -> None:
        cipher = _sm4(key, b"", None)
        self._encryptor, self._decryptor = cipher.encryptor(), cipher.decryptor()

    def encrypt(self, data: bytes, /) -> bytes:
        return self._update(self._encryptor, data)

    def decrypt(self, data: bytes, /) -> bytes:
        return self._update(self._decryptor, data)

    @staticmethod
    def _update(context: Any, data: bytes) -> bytes:
        if len(data) % 16:
            raise ValueError("data is not a whole number of 16-byte blocks")
        return bytes(context.update(data))


@cache
def _pycryptodome() -> tuple[ModuleType, ModuleType]:
    from Crypto.Cipher import DES, DES3

    return DES, DES3


@cache
def _openssl() -> Any:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher, algorithms.SM4, modes.ECB(), modes.CBC


def _des(key: bytes) -> tuple[Any, bytes]:
    """The library's module for a key, and the key as that module takes it."""
    single, triple = _pycryptodome()
    if len(key) == 8:
        return single, key
    return (single, key[:8]) if halves_equal(key) else (triple, key)


def _sm4(key: bytes, data: bytes, initial: bytes | None) -> Any:
    # The library would keep a partial block back and answer short without a word.
    if len(data) % 16:
        raise ValueError("data is not a whole number of 16-byte blocks")
    cipher, sm4, ecb, cbc = _openssl()
    return cipher(sm4(key), ecb if initial is None else cbc(initial))


def warm_up() -> None:
    """Load the libraries now, so that the first command that computes does not wait for it."""
    _pycryptodome()
    _openssl()


DES_CIPHER: Final[BlockCipher] = _Des()
SM4_CIPHER: Final[BlockCipher] = _Sm4()
