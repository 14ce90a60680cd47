"""Charge, compare, restore: the one rule for every secret that a terminal presents (Part 7, 5.8, 6.6 and 13.3).

1. Charge: a try is taken, durably, before anything is compared. A power cut after that never gives it back.
2. Compare, in constant time, here and nowhere else in the card.
3. Wrong: the try stays spent. Right: the key is noted in `Context.charged`, and the engine restores its counter to
   the maximum together with the other changes of the command, or refunds the one try if the command is refused later.

`compare` is for keys and PINs with a try counter, `compare_counted` for failures that an application counts itself.
`compare_once` is for MACs without a counter: they depend on a challenge or a trade that serves one command only, and
that has left the session before the handler runs.
"""

from collections.abc import Callable

from cardfs.memory.contents import UNLIMITED
from keys.errors import MacWrong, MethodBlocked
from keys.records import Key, KeyId, same
from keys.suites import MAC_LENGTH

from .context import Context


def require_tries(ctx: Context, at: KeyId, name: str) -> None:
    """Refuse a key or PIN whose try counter is at zero.

    Args:
        at: the key with its version.
        name: what the reason calls it.

    Raises:
        MethodBlocked: no tries are left.
    """
    if ctx.image.tries.get(at) == 0:
        raise MethodBlocked(f"{name} is locked: no tries left")


def compare(ctx: Context, at: KeyId, expected: bytes | None, given: bytes, *, counts: bool = True) -> int | None:
    """Charge a try of a key or PIN, then compare the value that came with the right one, in constant time.

    Args:
        at: the key with its version, not locked.
        expected: the right value; None if there is none, so that no value is right.
        given: the value that came, of any length.
        counts: whether failures count; a key without a counter has `UNLIMITED` tries in any case.

    Returns:
        None if the value is right, else how many tries are left: the x of 63Cx.

    Raises:
        StoreFailed: nothing was charged, so nothing was compared.
    """
    left = ctx.image.charge(at) if counts else ctx.image.keys[at].tries_max or UNLIMITED
    if expected is None or not same(expected, given):
        return left
    if counts:
        ctx.charged = at
    return None


def compare_counted(expected: bytes, given: bytes, count: Callable[[], None]) -> bool:
    """Count a failure, then compare in constant time; if the value is right, the handler resets the count.

    Args:
        expected, given: the right value, and the one that came.
        count: writes the failure durably, or raises.

    Returns:
        Whether the value is right.
    """
    count()
    return same(expected, given)


def compare_once(expected: bytes, given: bytes) -> bool:
    """Return whether a MAC is right that the terminal cannot try twice, since its challenge or trade is used up."""
    return same(expected, given)


def unwrap(ctx: Context, key: Key, session_key: bytes, at: KeyId | None = None) -> bytes:
    """Verify the MAC of the command under a session key, and return the data before it (Part 4, 8.2 and 8.5).

    The MAC covers CLA to Lc, with the secure-messaging nibble and the MAC's own 4 bytes counted,
    and the data before it.

    Args:
        key: the key that the session key comes from; its suite computes the MAC.
        at: the key that a wrong MAC costs a try; None if it costs none.

    Raises:
        MacWrong: the MAC does not verify.
        StoreFailed: the try could not be charged, so nothing was compared.
    """
    data, mac, covered = split(ctx)
    expected = key.suite.mac(session_key, covered)
    right = compare_once(expected, mac) if at is None else compare(ctx, at, expected, mac) is None
    if not right:
        raise wrong_mac(key)
    return data


def split(ctx: Context) -> tuple[bytes, bytes, bytes]:
    """Return the data of a secured command, its MAC of 4 bytes, and what that MAC covers: CLA to Lc and the data."""
    command = ctx.command
    data = command.data[:-MAC_LENGTH]
    return data, command.data[-MAC_LENGTH:], command.header + bytes((len(command.data),)) + data


def wrong_mac(key: Key) -> MacWrong:
    """Return the refusal of a command whose MAC does not verify under a key."""
    return MacWrong(f"the MAC does not verify under {key.name} with this challenge")
