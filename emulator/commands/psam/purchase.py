"""INIT SAM FOR PURCHASE and CREDIT SAM FOR PURCHASE (Part 9, 9.9 and 9.10; Part 7, 12.3 and 12.6).

File 0019 holds the sequence number of the next trade. The card stores the next number before it answers this one, so
that a loss of power never brings it back (``psam.sequence_step``: with ``credit`` the step comes with MAC2, and a
number whose trade was not credited is answered again).
"""

from typing import Final

from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import child
from cardfs.model.psam_keys import LEVELS_MAX, SEQUENCE_FILE, TERMINAL_FILE, psam_ref, usage_byte
from keys.errors import CardError, KeyUnknown
from keys.records import Key, Usage
from keys.suites import FACTOR_LENGTH, SUITES
from keys.trades import purchase_mac1, purchase_mac2, purchase_session_key

from ...card.context import DONE, Answer, Context
from ...card.tries import compare_once
from ...status import DataWrong, LengthWrong, TradeMacWrong, TradeStateWrong
from .cipher import diversified
from .state import Purchase, application, not_there, remember, state_of

FIXED: Final = 0x1C
"""Length of the data before the factors."""
LENGTHS: Final = frozenset(FIXED + FACTOR_LENGTH * levels for levels in (1, 2, 3))
EXHAUSTED: Final = 0xFFFFFFFF
"""In file 0019: every number has been used."""


def init_sam(ctx: Context) -> Answer:
    """Begin a purchase (MAC1 计算; Part 9, 9.9): derive the card's purchase key and SESPK, and answer MAC1.

    Data: card random 4, card sequence 2, amounts 4 + 4 + 4, trade type 1, date 4, time 3, key version 1,
    algorithm 1, factors of the third, second and first level, 8 each. Answer: sequence number 4, MAC1 4.

    Raises:
        ConditionsUnmet: no application is selected, or all sequence numbers are used.
        KeyUnknown: there is no such purchase key, or it has another algorithm.
        LengthWrong, DataWrong: the key has another number of levels (``psam.level_error_init_sam``).
    """
    data = ctx.command.data
    key = _purchase_key(ctx, data[0x1A], (len(data) - FIXED) // FACTOR_LENGTH)
    if ctx.settings.psam.check_algorithm_byte and data[0x1B] != key.algorithm:
        raise KeyUnknown(f"{key.name} is a key of algorithm {key.algorithm:02X}, not {data[0x1B]:02X}")
    sequence = _sequence(ctx)
    if sequence == EXHAUSTED:
        raise ConditionsUnmet("all terminal trade sequence numbers are used: this module makes no more purchases")
    suite, card_key, number = key.suite, diversified(ctx, key, data[FIXED:]), sequence.to_bytes(4)
    session = purchase_session_key(suite, card_key, data[:4], data[4:6], number)
    amounts = data[6:0x12]
    terminal = ctx.image.contents[child(ctx.environment, TERMINAL_FILE)]
    assert isinstance(terminal, bytes)  # noqa: S101 - its structure is transparent
    mac1 = purchase_mac1(suite, session, amounts, data[0x12:0x13], terminal, data[0x13:0x1A])
    if ctx.settings.psam.sequence_step == "init":
        _step(ctx, sequence)
    remember(ctx, state_of(ctx)._replace(purchase=Purchase(key.suite_name, session, amounts, sequence)))
    return Answer(number + mac1)


def credit_sam(ctx: Context) -> Answer:
    """End a purchase (校验 MAC2; Part 9, 9.10). SESPK serves once, whether MAC2 is right or wrong.

    Raises:
        TradeStateWrong: no purchase has begun.
        TradeMacWrong: MAC2 does not verify, and ``psam.mac2_error`` does not answer 63CF.
    """
    purchase = state_of(ctx).purchase
    if purchase is None:
        raise TradeStateWrong("there is no purchase to credit: send INIT SAM FOR PURCHASE first")
    remember(ctx, state_of(ctx)._replace(purchase=None))
    expected = purchase_mac2(SUITES[purchase.suite_name], purchase.session, purchase.amounts)
    if not compare_once(expected, ctx.command.data):
        reason = f"MAC2 of purchase {purchase.sequence} does not verify"
        if ctx.settings.psam.mac2_error == "63CF":
            return Answer(word=0x63CF, reason=reason)
        raise TradeMacWrong(reason)
    if ctx.settings.psam.sequence_step == "credit":
        _step(ctx, purchase.sequence)
    return DONE


def _purchase_key(ctx: Context, version: int, factors: int) -> Key:
    """Return the purchase key with a version; the number of factors gives its levels (Part 9, 9.9.2).

    Raises:
        ConditionsUnmet: no application is selected.
        KeyUnknown: there is no purchase key with this version.
        LengthWrong, DataWrong: there is one with another number of levels.
    """
    here = application(ctx)
    found = {
        levels: ctx.image.keys.get((psam_ref(here, usage_byte(Usage.PURCHASE, levels), version), 1))
        for levels in range(LEVELS_MAX + 1)
    }
    key = found[factors]
    if key is not None:
        return key
    there = [levels for levels, each in found.items() if each is not None]
    if not there:
        raise not_there(ctx, f"of version {version:02X} for purchases")
    refusal: type[CardError] = LengthWrong if ctx.settings.psam.level_error_init_sam == "6700" else DataWrong
    raise refusal(
        f"the purchase key {version:02X} takes {there[0]} factors, as many as its levels above the card, not {factors}"
    )


def _sequence(ctx: Context) -> int:
    contents = ctx.image.contents[child(ctx.session.df, SEQUENCE_FILE)]
    assert isinstance(contents, bytes)  # noqa: S101 - its structure is transparent
    return int.from_bytes(contents)


def _step(ctx: Context, sequence: int) -> None:
    ctx.change().put_contents(child(ctx.session.df, SEQUENCE_FILE), (sequence + 1).to_bytes(4))
