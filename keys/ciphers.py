"""Block ciphers, one block or many, always from a library.

pycryptodome serves DES and 3DES, OpenSSL (through cryptography) serves SM4. pycryptodome refuses a
double-length key whose halves are equal; such test keys are common and the standard does not
refuse them, and since ``E(K, D(K, E(K, x))) = E(K, x)`` plain DES computes the same thing.
"""

from collections.abc import Callable
from functools import cache
from types import ModuleType
from typing import Any, Final, Protocol

_PARITY_BITS: Final = bytes.maketrans(bytes(range(256)), bytes(b & 0xFE for b in range(256)))


class ExpandedKey(Protocol):
    """A cipher under one key that is expanded once; whole blocks in, whole blocks out; for one thread at a time."""

    def encrypt(self, data: bytes, /) -> bytes:
        """Encipher whole blocks, each on its own (ECB)."""
        ...

    def decrypt(self, data: bytes, /) -> bytes:
        """Decipher whole blocks, each on its own (ECB)."""
        ...

    def cbc(self, initial: bytes, data: bytes, /) -> bytes:
        """Encipher at least one block in CBC from ``initial``: one block, or empty for zero."""
        ...

    def mac_block(self, initial: bytes, data: bytes, /) -> bytes:
        """Compute the last block of a MAC that meets the whole key; ``initial`` and ``data`` as in `cbc`.

        CBC; of a double-length DES key, whose left half chains, only the last block meets both halves
        (ISO/IEC 9797-1, algorithms 1 and 3; Part 4, figure 5B).
        """
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

    def expand(self, key: bytes) -> ExpandedKey:
        """Expand a key, which costs more than a computation with it; each form when it is first needed."""
        ...


def halves_equal(key: bytes) -> bool:
    """Return whether both halves of a 16-byte key are one DES key, parity bits apart."""
    plain = without_parity(key)
    return plain[:8] == plain[8:]


def without_parity(key: bytes) -> bytes:
    """Return a DES key with all parity bits cleared, so that equal keys are equal bytes."""
    return key.translate(_PARITY_BITS)


class _Chain:
    """CBC under one key, message after message in one context of the library.

    The context goes on from the last block of the message before; that block, XORed into the first one of the
    next message, takes itself out again.
    """

    __slots__ = ("_block", "_last", "_update")

    def __init__(self, update: Callable[[bytes], bytes], block: int) -> None:
        """Chain with ``update``, which starts from zero."""
        self._update = update
        self._block = block
        self._last = 0

    def __call__(self, initial: bytes, data: bytes) -> bytes:
        block = self._block
        if not data or len(data) % block or len(initial) not in (0, block):
            raise ValueError(f"data and initial value are not a whole number of {block}-byte blocks")
        mask = self._last ^ int.from_bytes(initial) if initial else self._last
        if mask:
            data = (int.from_bytes(data[:block]) ^ mask).to_bytes(block) + data[block:]
        enciphered = self._update(data)
        self._last = int.from_bytes(enciphered[-block:])
        return enciphered


class _ExpandedDes:
    """A DES or 3DES key, and its forms in the library as they are needed."""

    __slots__ = ("_blocks", "_chain", "_halves", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._blocks: Any = None
        self._chain: _Chain | None = None
        self._halves: tuple[_ExpandedDes, _ExpandedDes] | None = None

    def encrypt(self, data: bytes, /) -> bytes:
        enciphered: bytes = (self._blocks or self._open()).encrypt(data)
        return enciphered

    def decrypt(self, data: bytes, /) -> bytes:
        deciphered: bytes = (self._blocks or self._open()).decrypt(data)
        return deciphered

    def cbc(self, initial: bytes, data: bytes, /) -> bytes:
        if self._chain is None:
            module, key = _des(self._key)
            self._chain = _Chain(module.new(key, module.MODE_CBC, bytes(8)).encrypt, 8)
        return self._chain(initial, data)

    def mac_block(self, initial: bytes, data: bytes, /) -> bytes:
        if len(self._key) == 8:
            return self.cbc(initial, data)[-8:]
        # E(KL, D(KR, E(KL, x))) of the last block is the whole key's cipher; two halves are expanded sooner than it.
        if self._halves is None:
            self._halves = _ExpandedDes(self._key[:8]), _ExpandedDes(self._key[8:])
        left, right = self._halves
        return left.cbc(b"", right.decrypt(left.cbc(initial, data)[-8:]))

    def _open(self) -> Any:
        module, key = _des(self._key)
        self._blocks = module.new(key, module.MODE_ECB)
        return self._blocks


class _ExpandedSm4:
    """An SM4 key, and its contexts as they are needed; in ECB the library keeps no state between whole blocks."""

    __slots__ = ("_chain", "_decrypt", "_encrypt", "_key")

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._encrypt: Callable[[bytes], bytes] | None = None
        self._decrypt: Callable[[bytes], bytes] | None = None
        self._chain: _Chain | None = None

    def encrypt(self, data: bytes, /) -> bytes:
        if self._encrypt is None:
            self._encrypt = _sm4(self._key).encryptor().update
        return self._encrypt(_whole(data))

    def decrypt(self, data: bytes, /) -> bytes:
        if self._decrypt is None:
            self._decrypt = _sm4(self._key).decryptor().update
        return self._decrypt(_whole(data))

    def cbc(self, initial: bytes, data: bytes, /) -> bytes:
        if self._chain is None:
            self._chain = _Chain(_sm4(self._key, chained=True).encryptor().update, 16)
        return self._chain(initial, data)

    def mac_block(self, initial: bytes, data: bytes, /) -> bytes:
        return self.cbc(initial, data)[-16:]


class _Cipher:
    """Computations that expand their key for themselves."""

    __slots__ = ("encrypt", "expand")

    def __init__(self, expand: Callable[[bytes], ExpandedKey], encrypt: Callable[[bytes, bytes], bytes]) -> None:
        self.expand: Final = expand
        self.encrypt: Final = encrypt

    def decrypt(self, key: bytes, data: bytes) -> bytes:
        return self.expand(key).decrypt(data)

    def cbc(self, key: bytes, initial: bytes, data: bytes) -> bytes:
        return self.expand(key).cbc(initial, data)


@cache
def _pycryptodome() -> tuple[ModuleType, ModuleType]:
    from Crypto.Cipher import DES, DES3

    return DES, DES3


@cache
def _openssl() -> Any:
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    return Cipher, algorithms.SM4, modes.ECB(), modes.CBC(bytes(16))


def _des(key: bytes) -> tuple[Any, bytes]:
    """Return the library's module for a key, and the key as that module takes it."""
    single, triple = _pycryptodome()
    if len(key) == 8:
        return single, key
    return (single, key[:8]) if halves_equal(key) else (triple, key)


def _encrypt_des(key: bytes, data: bytes) -> bytes:
    module, whole = _des(key)
    enciphered: bytes = module.new(whole, module.MODE_ECB).encrypt(data)
    return enciphered


def _encrypt_sm4(key: bytes, data: bytes) -> bytes:
    enciphered: bytes = _sm4(key).encryptor().update(_whole(data))
    return enciphered


def _sm4(key: bytes, *, chained: bool = False) -> Any:
    cipher, sm4, ecb, cbc = _openssl()
    return cipher(sm4(key), cbc if chained else ecb)


def _whole(data: bytes) -> bytes:
    # The library would keep a partial block back and answer short without a word.
    if len(data) % 16:
        raise ValueError("data is not a whole number of 16-byte blocks")
    return data


def warm_up() -> None:
    """Load the libraries now, so that the first command that computes does not wait for it."""
    _pycryptodome()
    _openssl()


DES_CIPHER: Final[BlockCipher] = _Cipher(_ExpandedDes, _encrypt_des)
"""DES under 8-byte keys, 3DES in E-D-E under 16-byte keys (KL || KR)."""
SM4_CIPHER: Final[BlockCipher] = _Cipher(_ExpandedSm4, _encrypt_sm4)
"""SM4 under 16-byte keys."""
