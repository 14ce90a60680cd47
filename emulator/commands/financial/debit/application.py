"""The parts of a debit/credit application: its selection, its data object lists in FCI and records, and its keys."""

from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Final

from cardfs.model import tlv
from cardfs.model.errors import ConditionsUnmet, IssuerDataWrong
from cardfs.model.fci import fci as template
from cardfs.model.files import Df
from cardfs.model.tlv import Field
from keys.certificates import RsaPrivateKey
from keys.ciphers import ExpandedKey
from keys.cryptograms import session_key
from keys.errors import KeyUnknown
from keys.records import Key, KeyId, KeyRef, KeyState, Usage
from keys.suites import Suite

from ....card.context import Answer, Context, Selection
from ...social.select import make_current
from .state import SessionKey, State, remember

ISSUER_DATA: Final = 0xBF0C
PDOL: Final = 0x9F38
CDOL1: Final = 0x8C
CDOL2: Final = 0x8D
DDOL: Final = 0x9F49
NATIONAL: Final = 0xDF69
"""Tag of the algorithms that the terminal supports; 01: the national ones."""
BLOCKED: Final = 0x6283

_EXPONENT: Final = 3


# -- SELECT --------------------------------------------------------------------------------------


def fci(ctx: Context, df: Df) -> bytes:
    """Return the FCI of an application (EMV Book 1, 11.3.4)."""
    return ctx.image.parsed(df.path, df, _template)


def _template(df: Df) -> bytes:
    return template(df.name, df.proprietary)


def entered(ctx: Context, _df: Df) -> None:
    """Begin with an empty state: a selection ends the transaction before."""
    remember(ctx, State({}))


def locked(ctx: Context, df: Df) -> Answer:
    """Answer the SELECT of a blocked application: 6283 and the FCI; it becomes current, so that it can be unblocked."""
    make_current(ctx, df)
    entered(ctx, df)
    return Answer(fci(ctx, df), BLOCKED, f"{df.label} is locked")


SELECTION: Final = Selection(fci, entered, locked)


# -- lists ---------------------------------------------------------------------------------------


def here(ctx: Context) -> Df:
    """Return the current application."""
    return ctx.image.dfs[ctx.session.df]


def fci_object(ctx: Context, *path: int) -> bytes | None:
    """Return the value of a data object in tag A5 of the application's FCI, or None.

    Args:
        path: its tag, after the tags of the templates around it.

    Raises:
        IssuerDataWrong: tag A5 does not hold whole objects.
    """
    try:
        return _object_of(here(ctx).proprietary, *path)
    except tlv.TlvError as error:
        raise IssuerDataWrong(f"tag A5 of the FCI holds no whole data objects: {error}") from None


def read_list(tag: int, value: bytes) -> tuple[Field, ...]:
    """Return the entries of a data object list (EMV Book 3, 5.4).

    Args:
        tag: tag of the list, for the reason.

    Raises:
        IssuerDataWrong: the list does not hold whole entries.
    """
    try:
        return tlv.fields(value)
    except tlv.TlvError as error:
        raise IssuerDataWrong(f"data object {tag:X} is no list of data objects: {error}") from None


def pdol(ctx: Context) -> tuple[Field, ...]:
    """Return the PDOL of the FCI; empty if it has none.

    Raises:
        IssuerDataWrong: see `read_list`.
    """
    return read_list(PDOL, fci_object(ctx, PDOL) or b"")


def listed(ctx: Context, files: bytes, tag: int) -> tuple[Field, ...] | None:
    """Return a data object list from the records that the AFL names, or None.

    Args:
        files: the AFL, four bytes for each file.
        tag: tag of the list.

    Raises:
        IssuerDataWrong: see `read_list`.
    """
    for at in range(0, len(files), 4):
        sfi, first, last = files[at] >> 3, files[at + 1], files[at + 2]
        ef = ctx.image.ef_by_sfi(ctx.session.df, sfi)
        records = ctx.image.contents[ef.path] if ef else ()
        for record in records[max(first - 1, 0) : last]:
            value = _object_in(record, tag) if isinstance(record, bytes) else None
            if value is not None:
                return read_list(tag, value)
    return None


_object_of: Final = lru_cache(maxsize=64)(tlv.find)
"""Cached, since FCIs seldom change."""


@lru_cache(maxsize=256)
def _object_in(record: bytes, tag: int) -> bytes | None:
    with suppress(tlv.TlvError):
        return tlv.find(record, tlv.RECORD_TEMPLATE, tag)
    # An issuer may write any record; one that is not a template has no list.
    return None


def need_list(ctx: Context, files: bytes, tag: int) -> tuple[Field, ...]:
    """Return a data object list as `listed` does, where the command cannot do without it.

    Raises:
        ConditionsUnmet: no record has it.
        IssuerDataWrong: see `read_list`.
    """
    found = listed(ctx, files, tag)
    if found is None:
        raise ConditionsUnmet(f"no record of the application has the list {tag:X}")
    return found


# -- keys ----------------------------------------------------------------------------------------


def find(ctx: Context, usage: Usage, national: bool) -> KeyId:
    """Return the identity of the application's key with a usage; of two, the one with the agreed cipher.

    Args:
        national: whether the national cipher, SM4, was agreed on.

    Raises:
        KeyUnknown: there is none, or it is dead.
    """
    keys = ctx.image.keys
    alive = [at for at in ctx.image.keys_for(ctx.session.df, usage) if keys[at].state is KeyState.ACTIVE]
    if not alive:
        raise KeyUnknown(f"{here(ctx).label} has no {usage} key")
    return next((at for at in alive if (keys[at].suite_name == "SM4") is national), alive[0])


def secret(ctx: Context, usage: Usage, national: bool) -> Key:
    """Return the key that `find` finds; raise `KeyUnknown` as it does."""
    return ctx.image.keys[find(ctx, usage, national)]


def session(ctx: Context, usage: Usage, state: State) -> tuple[Suite, ExpandedKey]:
    """Return cipher suite and session key of the transaction for the key with a usage; derived once and cached.

    Raises:
        KeyUnknown: see `find`.
    """
    derived = state.sessions.get(usage)
    if derived is None or ctx.image.keys.get(derived.at) is not derived.key:
        at = find(ctx, usage, state.national)
        key = ctx.image.keys[at]
        expanded = key.suite.expand(session_key(key.suite, ctx.image.expanded(at), state.atc))
        derived = state.sessions[usage] = SessionKey(at, key, expanded)
    return derived.key.suite, derived.expanded


def agreed(ctx: Context, terminal: Mapping[int, bytes]) -> bool:
    """Return whether the national algorithms serve this transaction: they do if terminal and card have them."""
    return terminal.get(NATIONAL) == b"\x01" and any(
        ctx.image.keys[at].suite_name == "SM4" for at in ctx.image.keys_for(ctx.session.df, Usage.CRYPTOGRAM)
    )


def signer(ctx: Context) -> RsaPrivateKey:
    """Return the card's RSA key; raise `KeyUnknown` if there is none."""
    return ctx.image.cached(find(ctx, Usage.DATA_AUTH, False), _rsa)


def _rsa(key: Key) -> RsaPrivateKey:
    """Return the RSA key in a key's value: the public exponent in 3 bytes, then two primes of one length."""
    value = key.value
    middle = (_EXPONENT + len(value)) // 2
    return RsaPrivateKey(value[_EXPONENT:middle], value[middle:], int.from_bytes(value[:_EXPONENT]))


def pin(ctx: Context) -> tuple[KeyRef, Key] | None:
    """Return the PIN of the application or of its environment, or None."""
    try:
        return ctx.pin()
    except KeyUnknown:
        return None
