"""VERIFY, CHANGE PIN, RELOAD PIN and PIN UNBLOCK of passbook and purse."""

from typing import Final

from keys import purse as crypto
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ....card.context import DONE, FAILED_TRY, Answer, Context
from ....card.tries import compare, require_tries
from ....status import DataWrong, LengthWrong, TradeMacWrong
from ...social.pin import split
from .keyring import FoundKey, counted, counted_mac, replace_pin, the_key, trade_key

LENGTHS: Final = range(2, 7)
FILL: Final = b"\xff"


def _the_pin(ctx: Context, identifier: int) -> FoundKey:
    return trade_key(ctx, Usage.PIN, identifier)


def verify(ctx: Context) -> Answer:
    """VERIFY (校验个人密码): compare the PIN, bytes FF at its end apart."""
    pin = _the_pin(ctx, ctx.command.p2)
    failed = _compare(ctx, pin, ctx.command.data)
    if failed is not None:
        return failed
    ctx.session.proofs = ctx.session.proofs | {pin.at[0]}
    return DONE


def change_pin(ctx: Context) -> Answer:
    """CHANGE PIN (修改个人密码): the holder gives the old PIN, FF, the new PIN, all in clear."""
    pin = _the_pin(ctx, ctx.command.p2)
    old, new = split(ctx, lambda part: len(part) in LENGTHS)
    failed = _compare(ctx, pin, old)
    if failed is not None:
        return failed
    if len(new) not in LENGTHS:
        raise DataWrong("a PIN has 2 to 6 bytes")
    replace_pin(ctx, pin, new)
    return DONE


def reload_pin(ctx: Context) -> Answer:
    """RELOAD PIN (重装个人密码): the issuer gives a new PIN, its MAC under DRPK covers the PIN alone."""
    pin, found = _the_pin(ctx, ctx.command.p2), the_key(ctx, Usage.PIN_RELOAD)
    new, mac = ctx.command.data[:-MAC_LENGTH], ctx.command.data[-MAC_LENGTH:]
    key = found.key
    expected = crypto.reload_mac(key.suite, ctx.image.tac_expanded(found.at), new)
    failed = counted(ctx, found, expected, mac, TradeMacWrong(f"the MAC does not verify under {key.name}"))
    if failed is not None:
        return failed
    replace_pin(ctx, pin, new)
    return DONE


def pin_unblock(ctx: Context) -> Answer:
    """PIN UNBLOCK (个人密码解锁): the issuer gives the PIN anew, enciphered and with a MAC under DPUK."""
    pin, found = _the_pin(ctx, ctx.command.p1), the_key(ctx, Usage.PIN_UNBLOCK)
    key, enciphered = found.key, ctx.command.data[:-MAC_LENGTH]
    if len(enciphered) % key.suite.block:
        raise LengthWrong(f"a PIN enciphered under {key.name} has whole blocks")
    failed = counted_mac(ctx, found)
    if failed is not None:
        return failed
    new = crypto.decipher(key.suite, ctx.image.expanded(found.at), enciphered)
    if len(new) not in LENGTHS:
        raise DataWrong("a PIN has 2 to 6 bytes")
    replace_pin(ctx, pin, new)
    return DONE


def _compare(ctx: Context, pin: FoundKey, given: bytes) -> Answer | None:
    """Compare the PIN, bytes FF at its end apart; return None if it is right, else the answer.

    Raises:
        MethodBlocked
    """
    require_tries(ctx, pin.at, "the PIN")
    expected = pin.key.value.rstrip(FILL) if pin.key.value else None
    left = compare(ctx, pin.at, expected, given.rstrip(FILL))
    if left is None:
        return None
    return Answer(word=FAILED_TRY | left, reason="the PIN is wrong")
