"""Personalisation of keys: install, update and retire them (Part 4, 7; Part 10, 5)."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from cardfs.life import Authority, Edge, Operation, controlling_key, edge_for, find_edge
from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import DfKind
from keys.certificates import EXPONENTS
from keys.errors import KeyUnknown, MacMissing
from keys.generate import is_odd, is_short, is_weak
from keys.records import Key, KeyRef, KeyState, Usage
from keys.suites import SUITES, Suite

from ...card.context import Context
from ...status import DataWrong
from ..social.pin import is_pin
from .authority import MASTER_USAGES, allow, controller, without
from .files import RESERVED_KIDS

EXPONENT_LENGTH: Final = 3


@dataclass(frozen=True, slots=True)
class KeyLoad:
    """A key to load, as a coding has read it from a command.

    Attributes:
        usage: what it is for.
        kid: its identifier; None if it has none.
        version: 1 to 3.
        suite_name: its cipher suite; empty for a PIN.
        tries: maximum of its try counter, 0 for no counter.
        value: the secret; never shown.
        name: its name, if the coding gives one; else that of the card's own list.
        algorithm: see `Key`.
    """

    usage: Usage
    kid: int | None
    version: int
    suite_name: str
    tries: int
    value: bytes
    name: str = ""
    algorithm: int | None = None

    def __repr__(self) -> str:
        return f"KeyLoad({self.usage}, version {self.version})"


def loading_edge(ctx: Context, *, update: bool, retire: bool = False) -> Edge:
    """Return the edge that allows to load a key in the current DF, before it is known which key.

    The command has the usage of the key only in its cipher. In each phase all loads take one authority, so any
    of the possible operations leads to the controlling key.

    Args:
        update: whether a key is replaced, else a new one installed.
        retire: whether a key is retired.

    Raises:
        LifeForbids: no load is allowed in this phase.
    """
    image, here = ctx.image, ctx.session.df
    candidates = _RETIRES if retire else _UPDATES if update else _INSTALLS
    found = (edge for operation in candidates if (edge := find_edge(image, here, operation)))
    return next(found, None) or edge_for(image, here, candidates[0])


_RETIRES: Final = (Operation.RETIRE_KEY,)
_INSTALLS: Final = (Operation.INSTALL_KEY, Operation.INSTALL_MASTER)
_UPDATES: Final = (Operation.UPDATE_KEY, Operation.UPDATE_MASTER, Operation.UPDATE_TRANSPORT)


def operation_for(usage: Usage, *, update: bool) -> Operation:
    """Return the operation of installing or updating a key with a usage."""
    if usage is Usage.TRANSPORT:
        return Operation.UPDATE_TRANSPORT
    if usage is Usage.MASTER:
        return Operation.UPDATE_MASTER if update else Operation.INSTALL_MASTER
    return Operation.UPDATE_KEY if update else Operation.INSTALL_KEY


def load_key(
    ctx: Context, load: KeyLoad, edge: Edge, *, update: bool, check: Callable[[Context, KeyLoad], None] | None = None
) -> None:
    """Store a key that has been deciphered and verified, and set its try counter to its maximum.

    A new value ends the proof of the old one; a new master key also ends the control of the key before.

    Args:
        edge: the edge of this operation.
        update: whether the key replaces one of its identifier and version, else it is new.
        check: raises `DataWrong` for a value that cannot be such a key; `check_value` if None.

    Raises:
        DataWrong: a new key that exists already, or a value that cannot be such a key.
        KeyUnknown: an update of a key that does not exist.
    """
    image, here = ctx.image, ctx.session.df
    ref = KeyRef(here, load.name or image.key_name(here, load.kid, load.usage))
    at = (ref, load.version)
    present = image.keys.get(at)
    if update and (present is None or present.usage is not load.usage or present.state is not KeyState.ACTIVE):
        raise KeyUnknown(f"there is no {ref.name} version {load.version} to update")
    if not update and (present is not None or _identifier_taken(ctx, ref, load)):
        raise DataWrong(f"{ref.name} version {load.version} exists already, or another key has its identifier")
    (check or check_value)(ctx, load)
    change = ctx.change()
    fields = (ref.name, load.usage, load.suite_name, load.value, load.kid, load.version, load.tries)
    change.put_key(ref, Key(*fields, algorithm=load.algorithm))
    change.restore(at)
    # What the old value proved ends with it.
    ctx.session = without(ctx.session, ref)
    if load.usage in MASTER_USAGES:
        # And so does the control of the key before.
        ctx.session = without(ctx.session, controller(ctx, edge))
        if edge.operation is Operation.INSTALL_MASTER and edge.kind is DfKind.MF:
            _hide_transport_key(ctx)
    if edge.following is not edge.phase:
        change.put_df(replace(image.dfs[here], phase=edge.following))


def set_transport_key(ctx: Context, value: bytes) -> None:
    """Set the transport key of a blank card, in clear (Part 10, 5.1.1).

    Raises:
        LifeForbids, AccessDenied, KeyUnknown
        MacMissing: ``personalisation.plain_keys`` does not allow it.
        DataWrong: the value cannot be such a key.
    """
    allow(ctx, Operation.SET_TRANSPORT)
    if not ctx.settings.personalisation.plain_keys:
        raise MacMissing("this card does not accept keys in clear")
    ref = controlling_key(ctx.image, ctx.session.df, Authority.TRANSPORT)
    if ref is None:
        raise KeyUnknown("the card has no transport key")
    key = ctx.image.key(ref, 1)
    check_value(ctx, KeyLoad(key.usage, None, 1, key.suite_name, key.tries_max, value))
    ctx.change().put_key(ref, replace(key, value=value))
    ctx.change().restore((ref, 1))
    ctx.session = without(ctx.session, ref)


def retire_key(ctx: Context, load: KeyLoad) -> None:
    """Retire a version of a key for good, and erase its value (Part 4, 7.5).

    Its record stays, so that commands that need it are refused and it cannot be loaded again.

    Args:
        load: usage, identifier and version of the key; the value is ignored.

    Raises:
        ConditionsUnmet: it is a master key, without which nobody would be in control.
        KeyUnknown: there is no such key, or it is retired already.
    """
    if load.usage in MASTER_USAGES:
        raise ConditionsUnmet("a master key can be replaced, not retired")
    ref = KeyRef(ctx.session.df, ctx.image.key_name(ctx.session.df, load.kid, load.usage))
    key = ctx.image.key(ref, load.version).require(load.usage)
    ctx.change().put_key(ref, replace(key, value=b"", state=KeyState.RETIRED))
    ctx.session = without(ctx.session, ref)


def check_value(ctx: Context, load: KeyLoad) -> None:
    """Check a new key: identifier, length, parity, weak values (Part 4, 7.2).

    Raises:
        DataWrong: the value cannot be such a key.
    """
    if load.kid in RESERVED_KIDS or (load.kid is not None and load.usage in (*MASTER_USAGES, Usage.PIN)):
        raise DataWrong("this key cannot have this identifier")
    if load.usage is Usage.PIN:
        if load.version != 1:
            raise DataWrong("a PIN has version 1")
        if load.suite_name or (load.value and not is_pin(load.value)):
            raise DataWrong("the value is not a PIN in cn of 4 to 16 digits")
        return
    suite = SUITES.get(load.suite_name)
    if load.usage is Usage.DATA_AUTH:
        _check_private_key(load, suite)
        return
    if suite is None or len(load.value) != suite.key_length:
        raise DataWrong("the key does not have the length of its cipher")
    settings = ctx.settings.personalisation
    if settings.weak_keys != "accept" and is_weak(suite, load.value):
        raise DataWrong("this is a weak DES key")
    if settings.weak_keys == "refuse-short" and is_short(suite, load.value):
        raise DataWrong("both halves of the key are equal, so it is no stronger than DES")
    if settings.parity == "check" and not is_odd(suite, load.value):
        raise DataWrong("the key does not have odd parity")


def _check_private_key(load: KeyLoad, suite: Suite | None) -> None:
    """Check an RSA key: the public exponent in 3 bytes, then two odd primes of one length; raise `DataWrong`."""
    primes = load.value[EXPONENT_LENGTH:]
    half = len(primes) // 2
    odd = half and primes[half - 1] & primes[-1] & 1
    if suite is None or len(primes) % 2 or not odd or int.from_bytes(load.value[:EXPONENT_LENGTH]) not in EXPONENTS:
        raise DataWrong("the value is not an RSA key: exponent in 3 bytes, two primes of one length")


def _identifier_taken(ctx: Context, ref: KeyRef, load: KeyLoad) -> bool:
    """Return whether a key of this name has another usage or another identifier."""
    others = (ctx.image.keys[ref, version] for version in ctx.image.versions(ref))
    return any(key.usage is not load.usage or key.kid != load.kid for key in others)


def _hide_transport_key(ctx: Context) -> None:
    """Retire the transport key, which the card master key replaces; its value stays for DELETE STRUCTURE."""
    for (ref, _), key in ctx.image.keys.items():
        if key.usage is Usage.TRANSPORT:
            ctx.change().put_key(ref, replace(key, state=KeyState.RETIRED))
