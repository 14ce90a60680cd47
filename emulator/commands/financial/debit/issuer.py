"""EXTERNAL AUTHENTICATE and VERIFY: authentication of issuer and holder (EMV Book 3, 6.5.4 and 6.5.12)."""

from dataclasses import replace
from typing import Final

from cardfs.model.errors import ConditionsUnmet, IssuerDataWrong
from keys import cryptograms
from keys.errors import MethodBlocked
from keys.records import Usage

from ....card.context import DONE, FAILED_TRY, Answer, Context
from ....card.tries import compare, compare_counted
from . import objects, risk
from .application import here, session
from .objects import Ada, Last
from .state import Cvr, Issuer, Stage, remember, state_of

CRYPTOGRAM_LENGTH: Final = 8
ISSUER_FAILED: Final = 0x6300
LOCKED_BEFORE: Final = 0x6984
MOST_TRIES: Final = 0x0F


def external_authenticate(ctx: Context) -> Answer:
    """Compare the issuer's response cryptogram, once in a transaction (外部认证; EMV Book 3, 6.5.4).

    Data: ARPC 8, authorisation response code 2. A second attempt fails the issuer authentication like a wrong one.
    Failures in a row are counted durably before the comparison; at their limit every attempt is refused.

    Returns:
        9000, 6985 for a second attempt; for a wrong one 6300 or 63Cx (``emv.arpc_error``).

    Raises:
        ConditionsUnmet: the stage is wrong, the AIP lacks issuer authentication, or the limit is reached.
        KeyUnknown, IssuerDataWrong
    """
    state = state_of(ctx, Stage.FIRST)
    if not risk.supports(state, risk.ISSUER):
        raise ConditionsUnmet("the AIP has no issuer authentication")
    store = objects.load(ctx)
    failures, macs = store.need(objects.FAILURES)
    limit = ctx.settings.emv.failure_limit
    if failures >= limit:
        raise ConditionsUnmet(f"issuer authentication has failed {failures} times in a row")
    last, scripts = store.last, store.scripts
    if state.issuer is not Issuer.MISSING:
        objects.save(ctx, store.with_last(last | Last.ISSUER_FAILED, scripts))
        remember(ctx, state._replace(issuer=Issuer.FAILED, results=state.results | Cvr.ISSUER_FAILED))
        return Answer(word=0x6985, reason="issuer authentication has already run in this transaction")
    given, code = ctx.command.data[:CRYPTOGRAM_LENGTH], ctx.command.data[CRYPTOGRAM_LENGTH : CRYPTOGRAM_LENGTH + 2]
    expected = cryptograms.response_cryptogram(*session(ctx, Usage.CRYPTOGRAM, state), state.first, code)
    counted = {objects.FAILURES: bytes((failures + 1, macs))}
    if not compare_counted(expected, given, lambda: objects.save_at_once(ctx, store.with_values(counted))):
        objects.save(ctx, store.with_last(last | Last.ISSUER_FAILED, scripts).with_values(counted))
        remember(ctx, state._replace(issuer=Issuer.FAILED, results=state.results | Cvr.ISSUER_FAILED))
        word = ISSUER_FAILED
        if ctx.settings.emv.arpc_error == "63Cx":
            word = FAILED_TRY | min(limit - failures - 1, MOST_TRIES)
        return Answer(word=word, reason="the issuer's cryptogram does not verify")
    good = {objects.LAST: bytes((last & ~Last.ISSUER_FAILED, scripts)), objects.FAILURES: bytes((0, macs))}
    objects.save(ctx, store.with_values(good))
    remember(ctx, state._replace(issuer=Issuer.GOOD, code=code))
    return DONE


def verify(ctx: Context) -> Answer:
    """Compare the PIN in a plain PIN block (校验; EMV Book 3, 6.5.12): ``2L``, the digits, F up to 8 bytes.

    Returns:
        9000, or 63Cx with the tries that are left; if none were left, 6984 the first time in a transaction, then 6983.

    Raises:
        ConditionsUnmet: the stage is wrong.
        KeyUnknown: there is no PIN.
        IssuerDataWrong: the PIN on the card or the data objects are wrong.
    """
    state = state_of(ctx, Stage.SELECTED, Stage.INITIATED)
    ref, pin = ctx.pin()
    at = (ref, 1)
    results = state.results | Cvr.PIN_DONE
    if ctx.image.locked(at):
        remember(ctx, state._replace(verified=True, results=results | Cvr.PIN_FAILED | Cvr.PIN_EXCEEDED))
        if state.verified:
            return ctx.refuse(MethodBlocked("the PIN is locked"))
        return Answer(word=LOCKED_BEFORE, reason="the PIN was locked before this transaction")
    if not pin.value:
        return Answer(word=FAILED_TRY | ctx.image.left(at), reason="no PIN is set, so none can be right")
    # Wrong data on the card refuse the command before a try is charged.
    expected, blocks = pin_block(pin.value), bool(objects.load(ctx).actions & Ada.PIN_EXCEEDED_BLOCK)
    left = compare(ctx, at, expected, ctx.command.data)
    if left is None:
        remember(ctx, state._replace(verified=True, results=results & ~Cvr.PIN_FAILED))
        return DONE
    results |= Cvr.PIN_FAILED
    if not left:
        results |= Cvr.PIN_EXCEEDED
        if blocks:
            results |= Cvr.PIN_BLOCKED
            ctx.change().put_df(replace(here(ctx), suspended=True))
    remember(ctx, state._replace(verified=True, results=results))
    return Answer(word=FAILED_TRY | left, reason="the PIN is wrong")


def pin_block(pin: bytes) -> bytes:
    """Return the plain PIN block, 8 bytes, of a PIN in cn (EMV Book 3, table 24).

    Raises:
        IssuerDataWrong: the PIN has more than 14 digits.
    """
    number = pin.hex().removesuffix("f")
    if len(number) > 2 * cryptograms.PIN_BLOCK_LENGTH - 2:
        raise IssuerDataWrong(f"the PIN on the card has {len(number)} digits, too many for a PIN block")
    return bytes.fromhex(f"2{len(number):X}{number}".ljust(2 * cryptograms.PIN_BLOCK_LENGTH, "f"))
