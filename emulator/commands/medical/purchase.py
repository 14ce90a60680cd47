"""Purchase: INITIALIZE FOR PURCHASE and DEBIT FOR PURCHASE (医疗消费; Part 5, 7.2 and 7.6; Part 7, 12)."""

from dataclasses import replace
from typing import Final

from keys.records import Usage
from keys.suites import MAC_LENGTH
from keys.trades import PURCHASE_TYPE, purchase_mac1, purchase_mac2, purchase_session_key, purchase_tac

from ...card.context import Answer, Context
from ...card.session import Prepared
from ...card.tries import compare_once
from ...status import BalanceShort, CounterExhausted, TradeMacWrong
from .load import RANDOM_LENGTH
from .money import COUNTER_MAX, Proof, commit_trade, open_account, require_log, trade_record
from .state import Purchase, algorithm_byte, mac_type, record_sequence, require_pin, trade_key
from .year import settle

_TERMINAL_SEQUENCE: Final = slice(0, 4)
_TIME: Final = slice(4, 11)
_DATE: Final = 4


def is_prepared(trade: Prepared | None) -> bool:
    """Return whether the card is in the state "purchase"."""
    return isinstance(trade, Purchase)


def initialize_for_purchase(ctx: Context) -> Answer:
    """Begin a purchase (医疗消费初始化; Part 5, 7.6; Part 7, 12.2).

    Data: key index 1, amounts of account, self-paid and fund 4 each, terminal 6. Answer: balance 4, totals 4 and 4,
    payment year 2, sequence 2, key index 1, algorithm 1, random 4.

    Raises:
        ConditionsUnmet: there is no money file or trade file.
        AccessDenied, KeyIndexUnknown, BalanceShort, CounterExhausted
    """
    data = ctx.command.data
    index, amounts, terminal = data[0], data[1:13], data[13:]
    account = open_account(ctx.image, ctx.session.df)
    require_log(ctx.image, account)
    require_pin(ctx)
    at, key, tac_key = trade_key(ctx, Usage.PURCHASE, index)
    money = account.shown
    if money.balance < int.from_bytes(amounts[:4]):
        raise BalanceShort("the balance is smaller than the amount that the account shall pay")
    if money.purchase_counter >= COUNTER_MAX:
        raise CounterExhausted("the counter of purchases is at its limit")
    random = ctx.random(RANDOM_LENGTH)
    ctx.session.trade = Purchase(at, tac_key, random, amounts, terminal)
    totals = b"".join(amount.to_bytes(4) for amount in (money.balance, money.self_paid, money.fund))
    sequence = money.purchase_counter.to_bytes(2)
    return Answer(totals + money.year + sequence + bytes((index,)) + algorithm_byte(ctx, key) + random)


def debit_for_purchase(ctx: Context) -> Answer:
    """Pay (医疗消费; Part 5, 7.2; Part 7, 12.5 and 12.6).

    Data: terminal sequence 4, time 7, MAC1 4. Answer: TAC 4, MAC2 4.

    Raises:
        TradeMacWrong: MAC1 does not verify.
        ConditionsUnmet: the date is not in digits, or a total would not fit.
    """
    trade, data = ctx.trade, ctx.command.data
    assert isinstance(trade, Purchase)  # noqa: S101 - the gate lets nothing else through
    terminal_sequence, time = data[_TERMINAL_SEQUENCE], data[_TIME]
    kind, amounts, terminal = mac_type(ctx, PURCHASE_TYPE), trade.amounts, trade.terminal
    account = open_account(ctx.image, ctx.session.df)
    old = account.money
    suite = ctx.image.keys[trade.key].suite
    sequence = old.purchase_counter.to_bytes(2)
    derived = purchase_session_key(suite, ctx.image.expanded(trade.key), trade.random, sequence, terminal_sequence)
    session = suite.expand(derived)
    if not compare_once(purchase_mac1(suite, session, amounts, kind, terminal, time), data[-MAC_LENGTH:]):
        raise TradeMacWrong("MAC1 does not verify")
    paid, self_paid, fund = (int.from_bytes(amounts[at : at + 4]) for at in (0, 4, 8))
    money = old if account.account_only else settle(old, self_paid, fund, time[:_DATE])
    mac2 = purchase_mac2(suite, session, amounts)
    dtk = ctx.image.keys[trade.tac_key]
    tac = purchase_tac(
        dtk.suite, ctx.image.tac_expanded(trade.tac_key), amounts, kind, terminal, terminal_sequence, time
    )
    money = replace(
        money,
        balance=old.balance - paid,
        purchase_counter=old.purchase_counter + 1,
        proof=Proof(PURCHASE_TYPE, old.purchase_counter, mac2, tac),
    )
    length = require_log(ctx.image, account).record_length
    record = trade_record(record_sequence(ctx, old.purchase_counter), PURCHASE_TYPE, terminal, time, amounts, length)
    commit_trade(ctx.image, ctx.change(), account, money, record)
    return Answer(tac + mac2)
