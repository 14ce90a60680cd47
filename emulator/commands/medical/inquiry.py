"""GET BALANCE, GET TRANSACTION PROOF, UPDATE and GET STARTING DAY (Part 5, 7.3, 7.4, 7.7 and 7.8)."""

from dataclasses import replace
from typing import Final

from cardfs.model.errors import AccessDenied, ConditionsUnmet
from keys.records import Usage
from keys.trades import LOAD_TYPE, PURCHASE_TYPE

from ...card.context import DONE, Answer, Context
from ...card.reasons import numbers
from ...status import LengthWrong, ParametersWrong, ProofMissing
from .money import open_account, write_money
from .state import BINARY_TYPES, require_pin
from .year import is_day

ACCOUNT: Final = 0x01
SELF_PAID: Final = 0x02
FUND: Final = 0x03
BALANCES: Final = (ACCOUNT, SELF_PAID, FUND)

_ASCII: Final = {kind[0]: kind for kind in (LOAD_TYPE, PURCHASE_TYPE)}
_BINARY: Final = {binary[0]: kind for kind, binary in BINARY_TYPES.items()}
PROOF_TYPES: Final = {"both": {**_BINARY, **_ASCII}, "binary": _BINARY, "ascii": _ASCII}
"""P2 of GET TRANSACTION PROOF and the trade type that it means (setting ``trade.proof_type_byte``)."""


def get_balance(ctx: Context) -> Answer:
    """Answer the balance, 4 bytes, or a total with its payment year, 6 bytes (读取余额; Part 5, 7.3).

    Raises:
        LengthWrong: Le does not fit P2.
        ConditionsUnmet: there is no money file.
        AccessDenied: the PIN is not verified.
    """
    which = ctx.command.p2
    length = 4 if which == ACCOUNT else 6
    if ctx.command.le != length:
        raise LengthWrong(f"Le is {length} for P2 {which:02X}")
    money = open_account(ctx.image, ctx.session.df).shown
    require_pin(ctx)
    _go_on(ctx)
    amount = {ACCOUNT: money.balance, SELF_PAID: money.self_paid, FUND: money.fund}[which]
    return Answer((amount.to_bytes(4) + money.year)[:length])


def get_transaction_proof(ctx: Context) -> Answer:
    """Answer MAC and TAC of the last trade, 8 bytes, after its answer was lost (取交易认证码; Part 5, 7.4; Part 7, 14).

    Raises:
        ParametersWrong: P2 is not a trade type of this card.
        ConditionsUnmet: there is no money file.
        ProofMissing: the last trade had another type or number.
    """
    kind = PROOF_TYPES[ctx.settings.trade.proof_type_byte].get(ctx.command.p2)
    if kind is None:
        raise ParametersWrong(f"the trade types in P2 are {numbers(PROOF_TYPES[ctx.settings.trade.proof_type_byte])}")
    proof = open_account(ctx.image, ctx.session.df).money.proof
    # Part 5, table 62 does not say which: what INITIALIZE answered, or the counter after the trade.
    asked = int.from_bytes(ctx.command.data)
    sequence = asked - (ctx.settings.trade.proof_sequence == "after")
    if proof is None or (proof.kind, proof.sequence) != (kind, sequence):
        raise ProofMissing(f"the last trade was not one of type {kind.decode()} with number {asked}")
    _go_on(ctx)
    return Answer(proof.mac + proof.tac)


def update_starting_day(ctx: Context) -> Answer:
    """Replace the first day of the payment year (修改年度起始日期; Part 5, 7.7).

    Raises:
        ConditionsUnmet: there is no money file or no payment year, or the data are not a day.
        AccessDenied: the key for the starting day is not proven.
    """
    account = open_account(ctx.image, ctx.session.df)
    if account.account_only:
        raise ConditionsUnmet("in an account-only application there is no payment year (Part 7, 12)")
    ref = ctx.image.ref_by_usage(ctx.session.df, Usage.START_DAY)
    if ref is None:
        raise AccessDenied("there is no key here for changing the starting day")
    ctx.require_proof(ref, "UPDATE STARTING DAY")
    if not is_day(ctx.command.data):
        raise ConditionsUnmet("the data are not a day mmdd")
    ctx.change().put_contents(account.path, write_money(replace(account.money, starting_day=ctx.command.data)))
    return DONE


def get_starting_day(ctx: Context) -> Answer:
    """Answer the first day of the payment year, mmdd, 2 bytes (读取年度起始日期; Part 5, 7.8)."""
    return Answer(open_account(ctx.image, ctx.session.df).shown.starting_day)


def _go_on(ctx: Context) -> None:
    """Keep the prepared trade for the next command (Part 5, table 49), if ``trade.init_lifetime`` says so."""
    if ctx.settings.trade.init_lifetime == "keeps":
        ctx.session.trade = ctx.trade
