"""Key records: what a card stores of a key, and what a rule or a proof points at."""

import hmac
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, NamedTuple

from .errors import KeyUnknown
from .suites import SUITES, Suite


class Word(StrEnum):
    """An enumeration whose members are looked up often: hashed as the strings that they are, without a detour."""

    __hash__ = str.__hash__


class Usage(Word):
    """The one function of a key (一密钥一功能; Part 4, 7.1)."""

    TRANSPORT = "transport"
    MASTER = "master"
    PIN = "pin"
    INTERNAL_AUTH = "internal-auth"
    EXTERNAL_AUTH = "external-auth"
    PIN_UNBLOCK = "pin-unblock"
    CARD_BLOCK = "card-block"
    APP_BLOCK = "app-block"
    START_DAY = "start-day"
    MAC_ENC = "mac-enc"
    LOAD = "load"
    PURCHASE = "purchase"
    TAC = "tac"
    MAC = "mac"
    ENCRYPTION = "encryption"
    UNLOAD = "unload"
    OVERDRAFT = "overdraft"
    PIN_RELOAD = "pin-reload"
    CRYPTOGRAM = "cryptogram"
    DATA_AUTH = "data-auth"

    @property
    def proves(self) -> bool:
        """Return whether EXTERNAL AUTHENTICATION accepts the key: general ones and those with one special purpose."""
        return self in _PROVING

    @property
    def can_lock(self) -> bool:
        """Return whether failures lock the key; they never lock the lock keys (Part 7, 13.1 and 13.2)."""
        return self not in _NEVER_LOCKING


_PROVING = frozenset(
    (Usage.EXTERNAL_AUTH, Usage.PIN_UNBLOCK, Usage.CARD_BLOCK, Usage.APP_BLOCK, Usage.START_DAY),
)


_NEVER_LOCKING = frozenset((Usage.CARD_BLOCK, Usage.APP_BLOCK))


class KeyState(Word):
    """Where a key is in its life."""

    ACTIVE = "active"
    RETIRED = "retired"
    DEAD = "dead"


class KeyRef(NamedTuple):
    """What a rule or a proof points at: the path of the owning DF and the key's name there.

    Two keys with one name in two DFs are two things. Versions of one key prove one right.
    """

    owner: str
    name: str


KeyId = tuple[KeyRef, int]
"""One version of a key."""


@dataclass(frozen=True, slots=True)
class Key:
    """One version of a key, or the PIN, as the card stores it.

    Attributes:
        name: as in the key list, ``UK1DF04``; unique in its DF.
        usage: its one function.
        suite_name: ``DES``, ``3DES`` or ``SM4``; empty for the PIN.
        value: the secret; never printed. For the PIN its cn bytes, empty when none is set.
        kid: key identifier, P2 of EXTERNAL AUTHENTICATION (Part 5, table 14); None if it has none.
        version: 1, 2 or 3.
        tries_max: the limit of its try counter, 1 to 15, or 0 for none. How many are left is state of
            the card and stands beside the keys.
        levels: how many diversification levels a PSAM's key is above the card's (Part 9, 6.3).
        algorithm: algorithm identifier that purse commands answer, where it is a matter of the key; else None.
    """

    name: str
    usage: Usage
    suite_name: str
    value: bytes = field(repr=False)
    kid: int | None = None
    version: int = 1
    tries_max: int = 0
    state: KeyState = KeyState.ACTIVE
    levels: int = 0
    algorithm: int | None = None

    @property
    def suite(self) -> Suite:
        """Return the cipher suite of this key; raise `KeyError` for a PIN, which has none."""
        return SUITES[self.suite_name]

    def require(self, *usages: Usage) -> "Key":
        """Return this key if its function is one of ``usages`` and it is alive.

        Raises:
            KeyUnknown: asked for another function, or retired or dead.
        """
        if self.usage not in usages:
            wanted = " or ".join(usages)
            raise KeyUnknown(f"{self.name} is a {self.usage} key, and the command needs a {wanted} key")
        if self.state is not KeyState.ACTIVE:
            raise KeyUnknown(f"{self.name} version {self.version} is {self.state}")
        return self


same: Final[Callable[[bytes, bytes], bool]] = hmac.compare_digest
"""Compare two secrets in constant time; return whether they are equal."""
