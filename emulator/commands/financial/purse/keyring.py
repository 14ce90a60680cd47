"""The keys of a purse application: look-up by usage and index, MACs, and the lock after too many failures."""

from dataclasses import replace
from typing import NamedTuple

from cardfs.memory.fmcos_heads import USAGES, key_file, key_heads, pack_keys, right
from cardfs.model.errors import AccessDenied, ApplicationBlocked
from cardfs.model.files import child
from keys.errors import CardError, KeyUnknown
from keys.purse import line_mac
from keys.records import Key, KeyId, KeyRef, KeyState, Usage

from ....card.context import Answer, Context
from ....card.reasons import numbers
from ....card.tries import compare, compare_once, split, wrong_mac
from ....status import KeyIndexUnknown
from ...fmcos_state import prepare, require


class FoundKey(NamedTuple):
    """A key of the application.

    Attributes:
        at: its reference and version.
        key: the key.
        version, algorithm: bytes that INITIALIZE answers; the card itself does not use them.
    """

    at: KeyId
    key: Key
    version: int
    algorithm: int


def find(ctx: Context, usage: Usage, index: int | None = None) -> FoundKey | None:
    """Return the key of the current application with a usage and an index, or None.

    Args:
        index: identifier of the key; None for the lowest there is.

    Raises:
        AccessDenied: it is an FMCOS key whose right of use does not hold.
    """
    image = ctx.image
    if image.info.settings.personalisation.cos == "fmcos":
        return _fmcos_key(ctx, usage, index)
    best = None
    for at in image.keys_for(ctx.session.df, usage):
        key = image.keys[at]
        if key.state is KeyState.ACTIVE and (index is None or index == (key.kid or 0)):
            place = (key.kid or 0, -key.version)
            if best is None or place < best[0]:
                best = place, at, key
    if best is None:
        return None
    _, at, key = best
    return FoundKey(at, key, key.version, key.algorithm or 0)


def _fmcos_key(ctx: Context, usage: Usage, index: int | None) -> FoundKey | None:
    """Return a key by its head, which has the bytes of version and algorithm, or None (FMCOS manual, 7.12.3)."""
    prepare(ctx)
    owner = ctx.session.df
    for head in sorted(key_heads(ctx.image, owner), key=lambda each: each.identifier):
        if USAGES[head.kind] is usage and index in (None, head.identifier):
            ref = KeyRef(owner, head.name)
            require(ctx, right(head.use, owner, ctx.image.root), f"the use of {head.name}")
            return FoundKey((ref, 1), ctx.image.key(ref, 1).require(usage), head.next, head.tries)
    return None


def missing(ctx: Context, usage: Usage, what: str) -> str:
    """Return a sentence on a key that the current application lacks, and on those of that usage that it has."""
    here = ctx.session.df
    kids = [key.kid for (ref, _), key in ctx.image.keys.items() if ref.owner == here and key.usage is usage]
    there = numbers(kid for kid in kids if kid is not None)
    return f"{ctx.image.label(here)} has no {what}{f', but {there}' if there else ''}"


def trade_key(ctx: Context, usage: Usage, index: int) -> FoundKey:
    """Return a trade key by its index.

    Raises:
        KeyIndexUnknown: there is none.
        AccessDenied: see `find`.
    """
    found = find(ctx, usage, index)
    if found is None:
        raise KeyIndexUnknown(missing(ctx, usage, f"{usage} key with index {index:02X}"))
    return found


def the_key(ctx: Context, usage: Usage) -> FoundKey:
    """Return the one key of the application with a usage.

    Raises:
        KeyUnknown: there is none.
        AccessDenied: see `find`.
    """
    found = find(ctx, usage)
    if found is None:
        raise KeyUnknown(missing(ctx, usage, f"{usage} key"))
    return found


# -- the PIN ------------------------------------------------------------------------------------------


def require_pin(ctx: Context) -> None:
    """Refuse a command that takes the holder's PIN, if the application has one that is set.

    Raises:
        AccessDenied: it is not verified.
    """
    owner, keys = ctx.session.df, ctx.image.keys
    pins = [ref for ref in ctx.image.pins if ref.owner == owner]
    if any(ref in ctx.session.proofs for ref in pins):
        return
    if all(not keys[ref, 1].value and keys[ref, 1].state is KeyState.ACTIVE for ref in pins):
        # There is no PIN, or none is set.
        return
    raise AccessDenied("the PIN is not verified")


def replace_pin(ctx: Context, pin: FoundKey, value: bytes) -> None:
    """Replace a PIN, and set its try counter to its maximum."""
    ref, _ = pin.at
    change = ctx.change()
    change.put_key(ref, replace(pin.key, value=value))
    change.restore(pin.at)
    if ctx.settings.personalisation.cos == "fmcos":
        # The head of the key has its length.
        file = key_file(ctx.image, ref.owner)
        heads = key_heads(ctx.image, ref.owner)
        new = tuple(head._replace(length=len(value)) if head.name == ref.name else head for head in heads)
        if file is not None:
            change.put_contents(child(ref.owner, file.fid), pack_keys(new, file.size))


# -- line protection ----------------------------------------------------------------------------------


def initial_value(ctx: Context, found: FoundKey) -> bytes:
    """Return the initial value of a MAC: the challenge, or b"" for zero, as ``edep.command_iv`` chooses.

    Raises:
        ChallengeUnusable: there is no challenge, or one longer than a block of the key's cipher.
    """
    if ctx.settings.edep.command_iv == "zero":
        return b""
    return found.key.suite.check_challenge(ctx.require_challenge())


def unwrap(ctx: Context, found: FoundKey) -> bytes:
    """Verify the MAC of the command, and return the data before it; a wrong MAC costs no try.

    The MAC covers CLA to Lc, its own 4 bytes counted, and the data before it.

    Raises:
        ChallengeUnusable, MacWrong
    """
    data, mac, covered = split(ctx)
    if not compare_once(_mac(ctx, found, covered), mac):
        raise wrong_mac(found.key)
    return data


def _mac(ctx: Context, found: FoundKey, covered: bytes) -> bytes:
    return line_mac(found.key.suite, ctx.image.expanded(found.at), initial_value(ctx, found), covered)


# -- failures that lock the application ---------------------------------------------------------------


def counted_mac(ctx: Context, found: FoundKey) -> Answer | None:
    """Verify the MAC at the end of the command, charged as in `counted`.

    Returns:
        None if it is right, else the answer.

    Raises:
        ChallengeUnusable: nothing was compared, so nothing is charged.
        MacWrong: it is wrong, and tries are left.
    """
    _, mac, covered = split(ctx)
    return counted(ctx, found, _mac(ctx, found, covered), mac, wrong_mac(found.key))


def counted(ctx: Context, found: FoundKey, expected: bytes, given: bytes, refusal: CardError) -> Answer | None:
    """Compare the value that proves a key, charged; the last failure locks the application for good.

    Args:
        expected, given: the right value, and the one that came.
        refusal: raised if the value is wrong and tries are left.

    Returns:
        None if it is right, else the answer of an application that is now locked.

    Raises:
        CardError: ``refusal``.
    """
    if ctx.image.locked(found.at):
        # The power was cut between the last failure and the lock.
        return lock(ctx, f"{found.key.name} has no tries left")
    left = compare(ctx, found.at, expected, given)
    if left is None:
        return None
    if left:
        raise refusal
    return lock(ctx, f"{refusal.reason}, and no tries are left")


def lock(ctx: Context, reason: str) -> Answer:
    """Lock the application for good, and return the answer of a locked one."""
    lock_for_good(ctx)
    return ctx.refuse(ApplicationBlocked(f"{reason}: the application is permanently locked"))


def lock_for_good(ctx: Context) -> None:
    """Lock the current application for good, and retire its keys."""
    here = ctx.session.df
    change = ctx.change()
    change.put_df(replace(ctx.image.dfs[here], blocked=True, suspended=False))
    change.kill_keys((here,))
