"""GET PROCESSING OPTIONS, GET DATA and GET CHALLENGE (EMV Book 3, 6.5.6 to 6.5.8)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from cardfs.model import tlv
from cardfs.model.errors import IssuerDataWrong
from cardfs.model.fci import LONGEST
from keys.errors import KeyUnknown

from ....card.context import Answer, Context
from ....status import DataWrong, LengthWrong
from . import objects
from .application import agreed, here, pdol, pin
from .objects import Last, Objects
from .state import Cash, Stage, State, remember, state_of

COMMAND_TEMPLATE: Final = 0x83
_TEMPLATE: Final = bytes((COMMAND_TEMPLATE,))
FORMAT_1: Final = 0x80
FORMAT_2: Final = 0x77

AMOUNT: Final = 0x9F02
CURRENCY: Final = 0x5F2A
CASH_INDICATOR: Final = 0x9F7A
LAST_COUNTER: Final = 0xFFFF


def get_processing_options(ctx: Context) -> Answer:
    """Begin a transaction: count it, and answer AIP and AFL (取处理选项; EMV Book 3, 6.5.8).

    Data: template 83 with the values of the PDOL. The counter is written before anything is answered, so no value
    ever serves two transactions. At its end the application is locked for good.

    Raises:
        ConditionsUnmet: a transaction has begun, or data objects are missing.
        DataWrong: the data are not one template 83, or the amount is not in digits.
        LengthWrong: the values are not as long as the PDOL.
        IssuerDataWrong
    """
    before = state_of(ctx, Stage.SELECTED)
    dol = pdol(ctx)
    values = _values(ctx.command.data)
    if len(values) != tlv.total(dol):
        raise LengthWrong(f"the PDOL asks for {tlv.total(dol)} bytes, {len(values)} came")
    terminal = tlv.split(dol, values)
    store = objects.load(ctx)
    cash = _cash(ctx, store, terminal)
    options = store.need(objects.AIP) + store.need(objects.AFL)
    if cash is Cash.PAYS:
        options = store.get(objects.CASH_OPTIONS) or options
    counter = min(store.number(objects.ATC) + 1, LAST_COUNTER)
    objects.save(ctx, store.with_values({objects.ATC: counter.to_bytes(2)}))
    if counter == LAST_COUNTER:
        ctx.change().put_df(replace(here(ctx), blocked=True))
        return Answer(
            word=0x6985, reason="the transaction counter is at its end: the application is permanently locked"
        )
    state = State(
        {},
        Stage.INITIATED,
        counter,
        profile=options[:2],
        files=options[2:],
        pdol=values,
        terminal=terminal,
        cash=cash,
        national=agreed(ctx, terminal),
        # A PIN that came since the selection belongs to this transaction.
        results=before.results,
        verified=before.verified,
    )
    remember(ctx, state)
    if store.get(objects.OPTIONS_FORMAT) == bytes((FORMAT_2,)):
        body = tlv.encode(objects.AIP, options[:2]) + tlv.encode(objects.AFL, options[2:])
        return Answer(_answerable(FORMAT_2, body, objects.AFL))
    return Answer(_answerable(FORMAT_1, options, objects.AFL))


def _answerable(tag: int, value: bytes, cause: int) -> bytes:
    """Return a TLV object for an answer.

    Args:
        cause: tag of the data object that the reason names.

    Raises:
        IssuerDataWrong: it is too long for one answer.
    """
    whole = tlv.encode(tag, value)
    if len(whole) > LONGEST:
        raise IssuerDataWrong(f"data object {cause:X} makes an answer of {len(whole)} bytes, one has at most {LONGEST}")
    return whole


def _values(data: bytes) -> bytes:
    """Return the value of template 83; raise `DataWrong` if the data are something else."""
    if data[:1] == _TEMPLATE and len(data) > 1 and len(data) == 2 + data[1] < 0x82:
        return data[2:]
    try:
        found = list(tlv.objects(data))
    except ValueError as error:
        raise DataWrong("the data are not a whole template 83") from error
    if len(found) != 1 or found[0][0] != COMMAND_TEMPLATE or tlv.encode(*found[0]) != data:
        raise DataWrong("the data are not one template 83")
    return found[0][1]


def _cash(ctx: Context, store: Objects, terminal: Mapping[int, bytes]) -> Cash:
    """Return whether this is a payment with electronic cash.

    It is if the terminal wants it, the currency is the card's, balance and limit of one payment suffice, and
    no earlier transaction makes the card ask for the issuer.
    """
    balance = store.amount(objects.CASH)
    if balance is None or terminal.get(CASH_INDICATOR) != b"\x01":
        return Cash.NO
    if terminal.get(CURRENCY, store.get(objects.CURRENCY)) != store.get(objects.CURRENCY):
        return Cash.NO
    known = pin(ctx)
    if store.last & (Last.ISSUER_FAILED | Last.SCRIPT_FAILED) or (known and ctx.image.locked((known[0], 1))):
        return Cash.NO
    return Cash.PAYS if affordable(store, amount(terminal)) else Cash.SHORT


def affordable(store: Objects, wanted: int) -> bool:
    """Return whether balance and limit of one payment suffice for an amount of electronic cash."""
    single = store.amount(objects.CASH_SINGLE)
    return wanted <= (store.amount(objects.CASH) or 0) and (single is None or wanted <= single)


def amount(terminal: Mapping[int, bytes]) -> int:
    """Return the authorised amount, 9F02; 0 if the terminal sent none.

    Raises:
        DataWrong: it is not in digits.
    """
    text = terminal.get(AMOUNT, b"\x00").hex()
    if not text.isdecimal():
        raise DataWrong("the authorised amount is not in digits")
    return int(text)


def get_data(ctx: Context) -> Answer:
    """Answer one data object (取数据; EMV Book 3, 6.5.7).

    Raises:
        KeyUnknown: GET DATA does not answer this tag, or the card lacks it.
        ConditionsUnmet, IssuerDataWrong
    """
    tag = ctx.command.p1 << 8 | ctx.command.p2
    value = _data(ctx, tag)
    if value is None:
        raise KeyUnknown(f"GET DATA answers no data object {tag:04X} here")
    return Answer(_answerable(tag, value, tag))


def _data(ctx: Context, tag: int) -> bytes | None:
    if tag == objects.PIN_TRIES:
        known = pin(ctx)
        return None if known is None else bytes((ctx.image.left((known[0], 1)),))
    store = objects.load(ctx)
    if tag == objects.AVAILABLE:
        return objects.digits(store.available)
    return store.raw(tag) if tag in objects.READABLE else None


def get_challenge(ctx: Context) -> Answer:
    """Answer 4 or 8 random bytes (取随机数; EMV Book 3, 6.5.6); 8 if Le is 00."""
    command = ctx.command
    challenge = ctx.random(8 if command.le_zero else command.le or 8)
    ctx.session.challenge = challenge
    return Answer(challenge)
