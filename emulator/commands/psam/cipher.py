"""DELIVERY SESSION KEY and CIPHER DATA (Part 9, 9.7 and 9.8)."""

from typing import Final

from cardfs.model.errors import ConditionsUnmet
from cardfs.model.psam_keys import LEVELS_MAX, Head, psam_ref
from keys.diversify import diversify
from keys.records import Key, KeyRef, Usage
from keys.suites import FACTOR_LENGTH

from ...card.context import DONE, Answer, Context
from ...status import DataWrong, LengthWrong, TradeStateWrong
from .state import Delivered, RunningMac, application, block_length, not_there, remember, state_of

ENCRYPT_LAST: Final = 0x00
MAC_LAST: Final = 0x01
ENCRYPT_MORE: Final = 0x02
MAC_NEXT: Final = 0x03
MAC_ONLY: Final = 0x05
MAC_FIRST: Final = 0x07
FUNCTIONS: Final = frozenset((ENCRYPT_LAST, MAC_LAST, ENCRYPT_MORE, MAC_NEXT, MAC_ONLY, MAC_FIRST))
FINISHING: Final = frozenset((ENCRYPT_LAST, MAC_LAST, MAC_ONLY))
"""The functions that end a computation (Part 9, 9.8.2)."""
LONGEST: Final = {8: 0x40, 16: 0x80}
"""Greatest length of the data by block length, in bytes (Part 9, table 25)."""

_ENCRYPTS: Final = frozenset((Usage.ENCRYPTION, Usage.MAC_ENC))
_MACS: Final = frozenset((Usage.MAC, Usage.MAC_ENC, Usage.LOAD))
"""A load key is among them: the standard has no command of its own for the MACs of a load."""


def parameters_delivery(p1: int, _p2: int) -> bool:
    """Return whether P1 is a usage byte: a type of Part 9, 6.3, and 0 to 3 levels."""
    return Head(p1, 0, 0).kind is not None and p1 >> 5 <= LEVELS_MAX


def delivery_session_key(ctx: Context) -> Answer:
    """Diversify a key, derive its session key and store it in the session (产生过程密钥; Part 9, 9.7).

    Data: the factors of the third, second and first level, 8 bytes each, as many as the key has levels, then the
    session factor of one block. No answer data.

    Raises:
        LengthWrong: the data are not whole factors and a session factor.
        ConditionsUnmet: no application is selected, or the key does not serve this.
        KeyUnknown: there is no such key.
        DataWrong: the key has another number of levels.
    """
    command, block = ctx.command, block_length(ctx)
    levels, rest = divmod(len(command.data) - block, FACTOR_LENGTH)
    if rest or not 0 <= levels <= LEVELS_MAX:
        raise LengthWrong(f"the data are not 0 to 3 factors of 8 bytes and a session factor of {block}")
    key = find_key(ctx, command.p1, command.p2)
    if key.usage not in _ENCRYPTS | _MACS:
        raise ConditionsUnmet(f"{key.name} is a {key.usage} key: it gives no session key for other computations")
    if levels != key.levels:
        raise DataWrong(f"{key.name} takes {key.levels} factors, as many as its levels above the card, not {levels}")
    child = diversified(ctx, key, command.data[:-block])
    delivered = Delivered(
        key.name,
        key.usage,
        key.suite_name,
        key.suite.session_key(child, command.data[-block:]),
        encrypts=key.usage in _ENCRYPTS,
        macs=key.usage in _MACS,
    )
    remember(ctx, state_of(ctx)._replace(delivered=delivered))
    return DONE


def find_key(ctx: Context, usage: int, identifier: int) -> Key:
    """Return the key of the current application with a usage byte and an identifier (Part 9, 6.3).

    Raises:
        ConditionsUnmet: no application is selected.
        KeyUnknown: there is no such key.
    """
    ref = psam_ref(application(ctx), usage, identifier)
    key = ctx.image.keys.get((ref, 1))
    if key is None:
        raise not_there(ctx, ref.name)
    return key


def diversified(ctx: Context, key: Key, factors: bytes) -> bytes:
    """Return a user card's key, diversified from a key of the current application (Part 9, 7.3).

    Args:
        factors: 8 bytes for each level, the lowest level first; they are applied from the highest level down.
    """
    expanded = ctx.image.expanded((KeyRef(ctx.session.df, key.name), 1))
    parts = [factors[at : at + FACTOR_LENGTH] for at in range(0, len(factors), FACTOR_LENGTH)]
    return diversify(key.suite, key.value, reversed(parts), expanded)


def cipher_data(ctx: Context) -> Answer:
    """Encipher data, or compute a MAC, with the temporary key (数据加密和 MAC 计算; Part 9, 9.8); the caller pads.

    Returns:
        The cipher, as long as the data; of a MAC nothing but at its end, and then the MAC (``psam.mac_answer``).

    Raises:
        TradeStateWrong: there is no temporary key, it has served already, or no MAC is running.
        ConditionsUnmet: the key that it comes from does not serve this.
        LengthWrong: the data are not whole blocks.
    """
    key, p1, data = state_of(ctx).delivered, ctx.command.p1, ctx.command.data
    if key is None:
        raise TradeStateWrong("there is no session key: send DELIVERY SESSION KEY first")
    is_mac = bool(p1 & 1)
    if key.usage not in (_MACS if is_mac else _ENCRYPTS):
        raise ConditionsUnmet(f"{key.name} is a {key.usage} key and does not {'make MACs' if is_mac else 'encipher'}")
    if not (key.macs if is_mac else key.encrypts):
        raise TradeStateWrong(f"the session key of {key.name} has done its {'MAC' if is_mac else 'encryption'}")
    block = key.suite.block
    if len(data) % block or not (2 if p1 == MAC_ONLY else 1) * block <= len(data) <= LONGEST[block]:
        raise LengthWrong(f"P1 {p1:02X} takes whole blocks of {block} bytes, not {len(data)} bytes")
    answer = _mac(ctx, key, p1, data) if is_mac else key.suite.cipher.encrypt(key.session, data)
    if p1 in FINISHING:
        remember(ctx, state_of(ctx)._replace(delivered=_after(ctx, key, is_mac=is_mac)))
    return Answer(answer)


def _mac(ctx: Context, key: Delivered, p1: int, data: bytes) -> bytes:
    """Run one step of a CBC-MAC; with P1 05 and 07 the first block of the data is the initial value."""
    block = key.suite.block
    if p1 in (MAC_ONLY, MAC_FIRST):
        state, data = data[:block], data[block:]
    elif isinstance(ctx.trade, RunningMac):
        state = ctx.trade.state
    else:
        raise TradeStateWrong("no MAC is running: P1 07 begins one, and any other command ends it")
    if data:
        state = key.suite.cipher.cbc(key.session, state, data)[-block:]
    if p1 not in FINISHING:
        ctx.session.trade = RunningMac(state)
        return b""
    return key.suite.truncate(state) if ctx.settings.psam.mac_answer == "mac4" else state


def _after(ctx: Context, key: Delivered, *, is_mac: bool) -> Delivered | None:
    """Return what remains of the temporary key after a computation, or None (``psam.session_key_lifetime``)."""
    lifetime = ctx.settings.psam.session_key_lifetime
    if lifetime == "until_next_delivery":
        return key
    if lifetime == "single":
        return None
    left = key._replace(macs=False) if is_mac else key._replace(encrypts=False)
    return left if left.macs or left.encrypts else None
