"""VERIFY, CHANGE PIN and PIN CHANGE/UNBLOCK (Part 5, 6.3, 6.8 and 6.14; Part 7, 5.6 to 5.8, 9 and 13.3)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cardfs.model.errors import ConditionsUnmet
from keys.errors import KeyUnknown
from keys.records import Key, KeyId, Usage
from keys.suites import MAC_LENGTH

from ...card.context import DONE, FAILED_TRY, Answer, Context
from ...card.reasons import numbers
from ...card.tries import compare, require_tries, unwrap
from ...status import DataWrong, FunctionMissing, LengthWrong, PinFormWrong

SEPARATOR: Final = 0xFF
MIN_DIGITS: Final = 4
MAX_PIN_LENGTH: Final = 8
UNBLOCK: Final = 0x00
CHANGE: Final = 0x01


def is_pin(value: bytes) -> bool:
    """Return whether bytes are a PIN in cn: 4 to 16 digits, only the last nibble may be F (Part 5, 6.3.1)."""
    digits = value.hex().removesuffix("f")
    return len(value) <= MAX_PIN_LENGTH and len(digits) >= MIN_DIGITS and digits.isdecimal()


def verify(ctx: Context) -> Answer:
    """Compare the PIN (校验个人密码; Part 5, 6.14); without data, answer how many tries are left.

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyUnknown: there is no PIN here.
        MethodBlocked: no tries are left.
        PinFormWrong: the data are not a PIN, and ``pin.ill_formed`` refuses that.
    """
    ref, pin = ctx.pin()
    at = (ref, 1)
    given = ctx.command.data
    if not given:
        return _query(ctx, at, pin)
    require_tries(ctx, at, "the PIN")
    if ctx.settings.pin.ill_formed == "refuse" and not is_pin(given):
        raise PinFormWrong("the data are not a PIN in cn of 4 to 16 digits")
    left = _compare(ctx, at, pin, given)
    if left is not None:
        return _wrong(pin, left)
    ctx.session.proofs |= {ref}
    return DONE


def _query(ctx: Context, at: KeyId, pin: Key) -> Answer:
    """Answer a VERIFY without data: 9000 if no PIN is set, else 63Cx with the tries that are left."""
    if not pin.value:
        return DONE
    if ctx.settings.pin.query_when_locked == "6983":
        require_tries(ctx, at, "the PIN")
    return Answer(word=FAILED_TRY | ctx.image.left(at), reason="a PIN is set, and the command has none")


def change_pin(ctx: Context) -> Answer:
    """Replace the PIN: the holder gives the current and the new one, in clear (修改个人密码; Part 5, 6.3).

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        FunctionMissing: there is no PIN here.
        MethodBlocked: no tries are left.
        DataWrong: the data are not ``current || FF || new``.
    """
    try:
        ref, pin = ctx.pin()
    except KeyUnknown as error:
        # Table 12 has no 6A88.
        raise FunctionMissing(error.reason) from error
    at = (ref, 1)
    require_tries(ctx, at, "the PIN")
    current, new = split(ctx, lambda part: not part or is_pin(part))
    if current or pin.value:
        left = _compare(ctx, at, pin, current)
        if left is not None:
            return _wrong(pin, left)
    if new and not is_pin(new):
        raise DataWrong("the new PIN is not one in cn of 4 to 16 digits")
    change = ctx.change()
    change.put_key(ref, replace(pin, value=new))
    # Also where no PIN was set, so that none was compared.
    change.restore(at)
    return DONE


def pin_change_unblock(ctx: Context) -> Answer:
    """Reset the try counter of the PIN, and with P2 01 replace the PIN (个人密码修改/解锁; Part 5, 6.8; Part 7, 13).

    The unblock key must be proven; the MAC and the cipher of the new PIN are under the environment's maintenance key
    with a new challenge. A wrong MAC costs the unblock key a try.

    Raises:
        KeyUnknown, ChallengeUnusable, AccessDenied, MacWrong
        LengthWrong: Lc does not fit P2 or the cipher.
        ConditionsUnmet: the unblock key has no tries left.
        CipherDataWrong, DataWrong: the deciphered data are not a PIN.
    """
    environment = ctx.environment
    changes = ctx.command.p2 == CHANGE
    _check_length(ctx, changes=changes)
    ref, pin = ctx.pin()
    puk_ref, puk = ctx.key_for(Usage.PIN_UNBLOCK, environment)
    _, maintenance = ctx.key_for(Usage.MAC_ENC, environment)
    if (len(ctx.command.data) - MAC_LENGTH) % maintenance.suite.block:
        raise LengthWrong(f"a PIN enciphered under {maintenance.name} must have whole blocks")
    session_key = ctx.session_key(maintenance)
    ctx.require_proof(puk_ref, "PIN CHANGE/UNBLOCK")
    if ctx.image.locked((puk_ref, 1)):
        raise ConditionsUnmet(f"{puk.name} is locked: no tries left")
    # A wrong MAC costs the unblock key a try (Part 7, 13.3).
    enciphered = unwrap(ctx, maintenance, session_key, (puk_ref, 1))
    change = ctx.change()
    if changes:
        value = _new_pin(ctx, maintenance, session_key, enciphered)
        change.put_key(ref, replace(pin, value=value))
    change.restore((ref, 1))
    return DONE


def _compare(ctx: Context, at: KeyId, pin: Key, given: bytes) -> int | None:
    """Compare the PIN; return None if it is right, else the tries that are left.

    With no PIN set the comparison fails and the counter stays (Part 5, 6.14.5).
    """
    return compare(ctx, at, pin.value, given) if pin.value else ctx.image.left(at)


def _wrong(pin: Key, left: int) -> Answer:
    """Return the answer to a wrong PIN: 63Cx with the tries that are left."""
    reason = "the PIN is wrong" if pin.value else "no PIN is set, so none can be right"
    return Answer(word=FAILED_TRY | left, reason=reason)


def split(ctx: Context, good: Callable[[bytes], bool]) -> tuple[bytes, bytes]:
    """Split the data ``current || FF || new`` (Part 5, 6.3.2) where both parts are good, else at the first FF.

    If no split gives two good parts, ``pin.ill_formed`` decides: refuse, or compare the current PIN as any other.

    Args:
        good: whether a part can be a PIN.

    Raises:
        DataWrong: there is no FF, or no good split and ``pin.ill_formed`` refuses that.
    """
    data = ctx.command.data
    places = [at for at, byte in enumerate(data) if byte == SEPARATOR]
    whole = [at for at in places if good(data[:at]) and good(data[at + 1 :])]
    if not places or (not whole and ctx.settings.pin.ill_formed == "refuse"):
        raise DataWrong("the data are not current PIN || FF || new PIN")
    at = (whole or places)[0]
    return data[:at], data[at + 1 :]


def _check_length(ctx: Context, *, changes: bool) -> None:
    """Refuse an Lc that does not fit P2 (Part 5, table 26): `LengthWrong`."""
    allowed = {MAC_LENGTH}
    if changes:
        allowed = {0x0C, 0x14}
        if ctx.settings.pin.empty_form != "ld00":
            allowed.add(MAC_LENGTH)
    if len(ctx.command.data) not in allowed:
        raise LengthWrong(f"with P2 {ctx.command.p2:02X} Lc is {numbers(allowed)}")


def _new_pin(ctx: Context, maintenance: Key, session_key: bytes, enciphered: bytes) -> bytes:
    """Return the deciphered new PIN; an empty one removes the PIN (Part 5, 6.8.3)."""
    if not enciphered:
        return b""
    pin = maintenance.suite.decrypt_data(session_key, enciphered)
    # LD is at least 1 in the 16-byte suite (Part 4, 8.3.3.2).
    empty_allowed = ctx.settings.pin.empty_form != "lc04" and maintenance.suite.block == 8
    if not is_pin(pin) and not (not pin and empty_allowed):
        raise DataWrong("the deciphered data are not a PIN in cn of 4 to 16 digits")
    return pin
