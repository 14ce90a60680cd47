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
    """Compare the PIN without FF at its end (校验个人密码; manual, 7.10).

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyIndexUnknown, AccessDenied, MethodBlocked
    """
    pin = _the_pin(ctx, ctx.command.p2)
    failed = _compare(ctx, pin, ctx.command.data)
    if failed is not None:
        return failed
    ctx.session.proofs = ctx.session.proofs | {pin.at[0]}
    return DONE


def change_pin(ctx: Context) -> Answer:
    """Replace the PIN (修改个人密码; manual, 8.6). Data: the old PIN, FF, the new PIN, in clear.

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyIndexUnknown, AccessDenied, MethodBlocked
        DataWrong: the data do not have this form, or the new PIN not 2 to 6 bytes.
    """
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
    """Set a new PIN of the issuer (重装个人密码; manual, 8.5). Data: the PIN, and its MAC under DRPK.

    Raises:
        KeyIndexUnknown, KeyUnknown, AccessDenied
        TradeMacWrong: the MAC does not verify; the last failure locks the application.
    """
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
    """Set the PIN anew and restore its tries (个人密码解锁; manual, 8.4). Data: cipher and MAC under DPUK.

    Raises:
        KeyIndexUnknown, KeyUnknown, AccessDenied, ChallengeUnusable
        LengthWrong: the cipher is not whole blocks.
        MacWrong: the MAC does not verify; the last failure locks the application.
        CipherDataWrong, DataWrong: the deciphered data are not a PIN.
    """
    pin, found = _the_pin(ctx, ctx.command.p1), the_key(ctx, Usage.PIN_UNBLOCK)
    key, enciphered = found.key, ctx.command.data[:-MAC_LENGTH]
    if len(enciphered) % key.suite.block:
        raise LengthWrong(f"a PIN enciphered under {key.name} must have whole blocks")
    failed = counted_mac(ctx, found)
    if failed is not None:
        return failed
    new = crypto.decipher(key.suite, ctx.image.expanded(found.at), enciphered)
    if len(new) not in LENGTHS:
        raise DataWrong("a PIN has 2 to 6 bytes")
    replace_pin(ctx, pin, new)
    return DONE


def _compare(ctx: Context, pin: FoundKey, given: bytes) -> Answer | None:
    """Compare the PIN without FF at its end; return None if it is right, else the answer.

    Raises:
        MethodBlocked
    """
    require_tries(ctx, pin.at, "the PIN")
    expected = pin.key.value.rstrip(FILL) if pin.key.value else None
    left = compare(ctx, pin.at, expected, given.rstrip(FILL))
    if left is None:
        return None
    return Answer(word=FAILED_TRY | left, reason="the PIN is wrong")
