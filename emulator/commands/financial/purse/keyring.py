"""The keys of a purse application: found by function and index, their MACs, what too many failures do."""

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
        at: where it stands among the card's keys.
        version, algorithm: bytes that INITIALIZE answers; the card itself does not look at them.
    """

    at: KeyId
    key: Key
    version: int
    algorithm: int


def find(ctx: Context, usage: Usage, index: int | None = None) -> FoundKey | None:
    """Find the key of the current application with a function and an index; without an index the lowest.

    Raises:
        AccessDenied: an FMCOS key whose right of use does not hold.
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
    """Find a key by its head, which has the bytes of version and algorithm (7.12.3)."""
    prepare(ctx)
    owner = ctx.session.df
    for head in sorted(key_heads(ctx.image, owner), key=lambda each: each.identifier):
        if USAGES[head.kind] is usage and index in (None, head.identifier):
            ref = KeyRef(owner, head.name)
            require(ctx, right(head.use, owner, ctx.image.root), f"the use of {head.name}")
            return FoundKey((ref, 1), ctx.image.key(ref, 1).require(usage), head.next, head.tries)
    return None


def missing(ctx: Context, usage: Usage, what: str) -> str:
    """Say what is missing in the current application, and what there is."""
    here = ctx.session.df
    kids = [key.kid for (ref, _), key in ctx.image.keys.items() if ref.owner == here and key.usage is usage]
    there = numbers(kid for kid in kids if kid is not None)
    return f"{ctx.image.label(here)} has no {what}{f', but {there}' if there else ''}"


def trade_key(ctx: Context, usage: Usage, index: int) -> FoundKey:
    """Find a trade key by index: `KeyIndexUnknown`."""
    found = find(ctx, usage, index)
    if found is None:
        raise KeyIndexUnknown(missing(ctx, usage, f"{usage} key with index {index:02X}"))
    return found


def the_key(ctx: Context, usage: Usage) -> FoundKey:
    """Find the one key of the application with a function: `KeyUnknown`."""
    found = find(ctx, usage)
    if found is None:
        raise KeyUnknown(missing(ctx, usage, f"{usage} key"))
    return found


# -- the PIN ------------------------------------------------------------------------------------------


def require_pin(ctx: Context) -> None:
    """Refuse what takes the holder's PIN, if the application has one: `AccessDenied`."""
    owner, keys = ctx.session.df, ctx.image.keys
    pins = [ref for ref in ctx.image.pins if ref.owner == owner]
    if any(ref in ctx.session.proofs for ref in pins):
        return
    if all(not keys[ref, 1].value and keys[ref, 1].state is KeyState.ACTIVE for ref in pins):
        # No PIN was ever there, or none is set.
        return
    raise AccessDenied("the PIN is not verified")


def replace_pin(ctx: Context, pin: FoundKey, value: bytes) -> None:
    """Replace a PIN, all its tries given back."""
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
    """Where the MAC of a command starts: at the challenge, or by ``edep.command_iv`` at zero.

    Raises:
        ChallengeUnusable: there is none, or none that this key can use.
    """
    if ctx.settings.edep.command_iv == "zero":
        return b""
    return found.key.suite.check_challenge(ctx.require_challenge())


def unwrap(ctx: Context, found: FoundKey) -> bytes:
    """Verify the MAC of the command, and return its data without it; a wrong one costs no try.

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
    """Compare the MAC at the end of the command as `counted` does.

    Raises:
        ChallengeUnusable: nothing was compared, so nothing is charged.
        MacWrong
    """
    _, mac, covered = split(ctx)
    return counted(ctx, found, _mac(ctx, found, covered), mac, wrong_mac(found.key))


def counted(ctx: Context, found: FoundKey, expected: bytes, given: bytes, refusal: CardError) -> Answer | None:
    """Compare what proves a key, charged; the last failure locks the application for good.

    Returns:
        None if it is right, else what to answer.

    Raises:
        CardError: ``refusal``, while tries are left.
    """
    if ctx.image.locked(found.at):
        # Power went between the last failure and the lock.
        return lock(ctx, f"{found.key.name} has no tries left")
    left = compare(ctx, found.at, expected, given)
    if left is None:
        return None
    if left:
        raise refusal
    return lock(ctx, f"{refusal.reason}, once too often")


def lock(ctx: Context, reason: str) -> Answer:
    """Lock the application for good; its keys are dead with it."""
    lock_for_good(ctx)
    return ctx.refuse(ApplicationBlocked(f"{reason}: locked for ever"))


def lock_for_good(ctx: Context) -> None:
    """Mark the application as permanently locked, and end its keys."""
    here = ctx.session.df
    change = ctx.change()
    change.put_df(replace(ctx.image.dfs[here], blocked=True, suspended=False))
    change.kill_keys((here,))
