"""Load: INITIALIZE FOR LOAD and CREDIT FOR LOAD (帐户划入; Part 5, 7.1 and 7.5; Part 7, 11)."""

from dataclasses import replace
from typing import Final

from cardfs.model.errors import ConditionsUnmet
from keys.records import Usage
from keys.suites import MAC_LENGTH
from keys.trades import LOAD_TYPE, load_mac1, load_mac2, load_session_key, load_tac

from ...card.context import Answer, Context
from ...card.session import Prepared
from ...card.tries import compare_once
from ...status import CounterExhausted, TradeMacWrong
from .money import AMOUNT_MAX, COUNTER_MAX, Proof, commit_trade, open_account, require_log, trade_record
from .state import Load, algorithm_byte, mac_type, record_sequence, require_pin, trade_key

RANDOM_LENGTH: Final = 4
NO_MAC: Final = bytes(MAC_LENGTH)
"""The MAC in the proof of a load, whose last answer has a TAC only."""


def is_prepared(trade: Prepared | None) -> bool:
    """Return whether the card is in the state "load"."""
    return isinstance(trade, Load)


def initialize_for_load(ctx: Context) -> Answer:
    """Begin a load (帐户划入初始化; Part 5, 7.5; Part 7, 11.2).

    Data: key index 1, amount 4, terminal 6. Answer: balance 4, sequence 2, key index 1, algorithm 1, random 4, MAC1 4.

    Raises:
        ConditionsUnmet: there is no money file or trade file, or the new balance would not fit.
        AccessDenied, KeyIndexUnknown, CounterExhausted
    """
    data = ctx.command.data
    index, amount, terminal = data[0], data[1:5], data[5:]
    account = open_account(ctx.image, ctx.session.df)
    require_log(ctx.image, account)
    require_pin(ctx)
    at, key, tac_key = trade_key(ctx, Usage.LOAD, index)
    money = account.money
    if money.load_counter >= COUNTER_MAX:
        raise CounterExhausted("the counter of loads is at its limit")
    if money.balance + int.from_bytes(amount) > AMOUNT_MAX:
        raise ConditionsUnmet("the balance would not fit into its 4 bytes")
    random = ctx.random(RANDOM_LENGTH)
    balance, sequence = money.balance.to_bytes(4), money.load_counter.to_bytes(2)
    session = load_session_key(key.suite, ctx.image.expanded(at), random, sequence)
    mac1 = load_mac1(key.suite, session, balance, amount, mac_type(ctx, LOAD_TYPE), terminal)
    ctx.session.trade = Load(key.suite, session, tac_key, amount, terminal)
    return Answer(balance + sequence + bytes((index,)) + algorithm_byte(ctx, key) + random + mac1)


def credit_for_load(ctx: Context) -> Answer:
    """Load the account (帐户划入; Part 5, 7.1; Part 7, 11.7 to 11.9). Data: host time 7, MAC2 4. Answer: TAC 4.

    Raises:
        TradeMacWrong: MAC2 does not verify.
    """
    trade = ctx.trade
    assert isinstance(trade, Load)  # noqa: S101 - the gate lets nothing else through
    time, mac2 = ctx.command.data[:-MAC_LENGTH], ctx.command.data[-MAC_LENGTH:]
    kind, amount, terminal = mac_type(ctx, LOAD_TYPE), trade.amount, trade.terminal
    if not compare_once(load_mac2(trade.suite, trade.session, amount, kind, terminal, time), mac2):
        raise TradeMacWrong("MAC2 does not verify")
    account = open_account(ctx.image, ctx.session.df)
    old = account.money
    new = old.balance + int.from_bytes(amount)
    counted = new if ctx.settings.trade.load_tac_balance == "new" else old.balance
    sequence = old.load_counter.to_bytes(2)
    dtk = ctx.image.keys[trade.tac_key]
    expanded = ctx.image.tac_expanded(trade.tac_key)
    tac = load_tac(dtk.suite, expanded, counted.to_bytes(4), sequence, amount, kind, terminal, time)
    proof = Proof(LOAD_TYPE, old.load_counter, NO_MAC, tac)
    money = replace(old, load_counter=old.load_counter + 1, balance=new, proof=proof)
    length = require_log(ctx.image, account).record_length
    record = trade_record(record_sequence(ctx, old.load_counter), LOAD_TYPE, terminal, time, amount + bytes(8), length)
    commit_trade(ctx.image, ctx.change(), account, money, record)
    return Answer(tac)
