"""GENERATE AC (生成应用密文; EMV Book 3, 6.5.5): the card decides, and answers its decision as a cryptogram."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from cardfs.model import tlv
from cardfs.model.errors import ConditionsUnmet
from keys import cryptograms
from keys.records import Usage

from ....card.context import Answer, Context
from ....status import LengthWrong
from . import objects, risk, signing
from .application import CDOL1, CDOL2, here, need_list, pin, session
from .completion import complete
from .log import log_transaction
from .objects import Ada, Last, Objects
from .reading import amount
from .risk import Findings
from .state import Cash, Cvr, Stage, State, remember, state_of

AAC: Final = 0x00
TC: Final = 0x40
ARQC: Final = 0x80
KIND: Final = 0xC0
SIGN: Final = 0x10
ADVICE: Final = 0x08
PIN_REASON: Final = 0x02

TVR: Final = 0x95
TVR_SDA_FAILED: Final = 0x40
TVR_DDA_FAILED: Final = 0x08 | 0x04
RESPONSE_CODE: Final = 0x8A
NOT_ONLINE: Final = (b"Y3", b"Z3")

CID: Final = 0x9F27
ATC: Final = 0x9F36
ISSUER_DATA: Final = 0x9F10

TRIPLE_DES_ID: Final = 0x01


_UNDECIDED: Final = ~(Cvr.FIRST | Cvr.SECOND)
_FIRST: Final = {
    AAC: Cvr.SECOND_NONE,
    TC: Cvr.SECOND_NONE | Cvr.FIRST_TC,
    ARQC: Cvr.SECOND_NONE | Cvr.FIRST_ARQC,
}
"""Bits of the card verification results after the first cryptogram, by its kind."""


def parameters(p1: int, p2: int) -> bool:
    """Return whether P1 asks for one of three cryptograms, signed or not, and P2 is 00 (EMV Book 3, table 12)."""
    return not p2 and not p1 & ~(KIND | SIGN) and p1 & KIND != KIND


def generate_ac(ctx: Context) -> Answer:
    """Answer the first or the second cryptogram of a transaction; there is no third.

    Data: the values of CDOL1 or CDOL2. Answer: template 80 with CID, ATC, cryptogram and issuer application data, or
    if signed template 77.

    Raises:
        ConditionsUnmet: the transaction is not at this stage, or data objects or lists are missing.
        LengthWrong: the data are not as long as the CDOL.
        DataWrong: the authorised amount is not in digits.
        IssuerDataWrong, KeyUnknown
    """
    state = state_of(ctx, Stage.INITIATED, Stage.FIRST)
    if state.stage is Stage.FIRST and not state.online:
        raise ConditionsUnmet("the card did not ask for the issuer, so there is no second cryptogram")
    asked, signed = ctx.command.p1 & KIND, bool(ctx.command.p1 & SIGN)
    if signed and not risk.supports(state, risk.CDA):
        raise ConditionsUnmet("the AIP has no combined data authentication")
    first = state.stage is Stage.INITIATED
    dol = need_list(ctx, state.files, CDOL1 if first else CDOL2)
    values = ctx.command.data
    if len(values) != tlv.total(dol):
        raise LengthWrong(f"the CDOL asks for {tlv.total(dol)} bytes, {len(values)} came")
    latest = tlv.split(dol, values)
    if first:
        return _first(ctx, state._replace(cdol1=values), asked, latest, signed=signed)
    state = state._replace(terminal={**state.terminal, **latest})
    return _second(ctx, state, asked, latest, values, signed=signed)


def _first(ctx: Context, state: State, asked: int, latest: Mapping[int, bytes], *, signed: bool) -> Answer:
    store, begun = objects.load(ctx), state
    state = state._replace(terminal={**begun.terminal, **latest})
    found = risk.first_checks(store, begun, state.terminal, tc=asked == TC, pin_dead=_pin_dead(ctx, state))
    if here(ctx).suspended or asked == AAC or found.decline:
        kind = AAC
    else:
        kind = ARQC if asked == ARQC or found.online else TC
    results = (state.results | found.results) & _UNDECIDED | _FIRST[kind]
    flags = store.last
    if kind == AAC:
        flags |= failed_authentication(latest)
    elif kind == ARQC:
        flags |= Last.ONLINE_PENDING
    store = store.with_last(flags, store.scripts)
    if kind != ARQC:
        store = _counted(store, state, approved=kind == TC)
    if found.block:
        ctx.change().put_df(replace(here(ctx), suspended=True))
    # A blocked application asks for its issuer with an AAC.
    open_end = kind == ARQC or (kind == AAC and here(ctx).suspended)
    state = state._replace(results=results, online=kind == ARQC, stage=Stage.FIRST if open_end else Stage.DONE)
    cid = kind | (_advice(store, state) if kind == AAC else 0)
    return _answer(ctx, store, state, latest, cid, [state.cdol1], signed=signed)


def _second(
    ctx: Context, state: State, asked: int, latest: Mapping[int, bytes], values: bytes, *, signed: bool
) -> Answer:
    if asked == ARQC:
        raise ConditionsUnmet("the second cryptogram must be a TC or an AAC")
    store = objects.load(ctx)
    code = latest.get(RESPONSE_CODE, state.code)
    if code in NOT_ONLINE:
        found = risk.offline_checks(store, state, state.terminal, pin_dead=_pin_dead(ctx, state))
        store, state, kind, advice = _offline_end(store, state, asked, found, latest)
    else:
        outcome = complete(store, state, code, wanted=asked == TC)
        store, state, advice = outcome.store, outcome.state, outcome.advice
        kind = TC if outcome.approved else AAC
    cid = kind | (ADVICE if advice else 0)
    if kind == TC:
        log_transaction(ctx, store, state.terminal)
    state = state._replace(stage=Stage.DONE)
    return _answer(ctx, store, state, latest, cid, [state.cdol1, values], signed=signed, second=True)


def _offline_end(
    store: Objects, state: State, asked: int, found: Findings, latest: Mapping[int, bytes]
) -> tuple[Objects, State, int, bool]:
    """Return data objects, state, kind of cryptogram and advice if the terminal could not reach the issuer."""
    kind = AAC if asked == AAC or found.decline else TC
    results = (state.results | found.results) & ~Cvr.SECOND | (Cvr.SECOND_TC if kind == TC else 0)
    flags = store.last | (failed_authentication(latest) if kind == AAC else Last.NONE)
    store = _spent(store.with_last(flags, store.scripts), state, approved=kind == TC)
    advice = kind == AAC and bool(store.actions & Ada.DECLINED_ADVICE)
    return store, state._replace(results=results), kind, advice


def _pin_dead(ctx: Context, state: State) -> bool:
    known = pin(ctx)
    return known is not None and not state.verified and ctx.image.locked((known[0], 1))


def failed_authentication(latest: Mapping[int, bytes]) -> int:
    """Return which offline data authentication has failed by the terminal's verification results: bits of `Last`.

    Args:
        latest: values of the latest CDOL by tag.
    """
    tvr = (latest.get(TVR) or b"\x00")[0]
    flags = Last.SDA_FAILED if tvr & TVR_SDA_FAILED else Last.NONE
    return flags | (Last.DDA_FAILED if tvr & TVR_DDA_FAILED else Last.NONE)


def _counted(store: Objects, state: State, *, approved: bool) -> Objects:
    """Return the data objects after a transaction that ends offline with its first cryptogram.

    Electronic cash changes its balance and no counter of debit/credit.
    """
    if state.cash is not Cash.PAYS:
        return _spent(store, state, approved=approved)
    if not approved:
        return store
    balance = (store.amount(objects.CASH) or 0) - amount(state.terminal)
    return store.with_values({objects.CASH: objects.digits(balance)})


def _spent(store: Objects, state: State, *, approved: bool) -> Objects:
    """Return the data objects with the offline counters and, if approved, the amounts of a transaction added."""
    changes = {}
    for mine, theirs, counter, _ in risk.ABROAD:
        if risk.abroad(store, state.terminal, mine, theirs):
            changes[counter] = bytes((min(store.number(counter) + 1, 0xFF),))
    if approved:
        own, both = risk.spendings(store, state.terminal)
        changes[objects.SPENT] = objects.digits((store.amount(objects.SPENT) or 0) + own)
        changes[objects.SPENT_BOTH] = objects.digits((store.amount(objects.SPENT_BOTH) or 0) + both)
    return store.with_values(changes)


def _advice(store: Objects, state: State) -> int:
    """Return the bits of the CID that ask for an advice on a refusal, and for its reason."""
    actions = store.actions
    if state.verified and state.results & Cvr.PIN_EXCEEDED and actions & Ada.PIN_EXCEEDED_ADVICE:
        return ADVICE | PIN_REASON
    return ADVICE if actions & Ada.DECLINED_ADVICE else 0


def _answer(
    ctx: Context,
    store: Objects,
    state: State,
    latest: Mapping[int, bytes],
    cid: int,
    cdols: list[bytes],
    *,
    signed: bool,
    second: bool = False,
) -> Answer:
    """Return the answer with the cryptogram, and write the data objects and the state of the transaction."""
    kind = cid & KIND
    signed = signed and (kind != AAC or store.get(objects.SIGN_REFUSALS) == b"\x01")
    if signed:
        state = state._replace(results=state.results | Cvr.DDA_DONE)
    cryptogram = _cryptogram(ctx, store, state)
    data = issuer_data(ctx, store, state)
    counter = state.atc.to_bytes(2)
    if signed:
        answered = {CID: bytes((cid,)), ATC: counter, ISSUER_DATA: data}
        answer = signing.combined(ctx, state, cdols, latest, cryptogram, answered)
    else:
        answer = tlv.encode(0x80, bytes((cid,)) + counter + cryptogram + data)
    if not second:
        state = state._replace(first=cryptogram, chain=cryptogram)
        if kind == TC:
            log_transaction(ctx, store, state.terminal)
    objects.save(ctx, store)
    remember(ctx, state)
    return Answer(answer)


def _cryptogram(ctx: Context, store: Objects, state: State) -> bytes:
    version = store.need(objects.CRYPTOGRAM)[1]
    results = b"\x03" + int(state.results).to_bytes(3)
    try:
        data = cryptograms.cryptogram_data(version, state.terminal, state.profile, state.atc, results)
    except ValueError as error:
        raise ConditionsUnmet(f"the data object lists of the card lack what its cryptogram needs: {error}") from error
    return cryptograms.application_cryptogram(*session(ctx, Usage.CRYPTOGRAM, state), data)


def issuer_data(ctx: Context, store: Objects, state: State) -> bytes:
    """Return the issuer application data, 9F10: key index, version, results, algorithm, and the issuer's part.

    Raises:
        ConditionsUnmet, IssuerDataWrong: a data object is missing or wrong.
        KeyUnknown: there is no MAC key.
    """
    index, version, kind = store.need(objects.CRYPTOGRAM)
    suite, key = session(ctx, Usage.MAC, state)
    algorithm = ctx.settings.emv.sm4_algorithm_id if suite.name == "SM4" else TRIPLE_DES_ID
    head = bytes((0x07, index, version, 0x03)) + int(state.results).to_bytes(3) + bytes((algorithm,))
    value = _discretionary(store, kind)
    if not value:
        return head
    mac = cryptograms.discretionary_mac(suite, key, state.atc, value)
    return head + bytes((1 + len(value) + len(mac), kind)) + value + mac


def _discretionary(store: Objects, kind: int) -> bytes:
    """Return the issuer discretionary data: the last 5 bytes of one or two amounts; empty for kind 0."""
    # All amounts must have their form, whichever of them the issuer has chosen.
    cash, spent, limit = store.amount(objects.CASH) or 0, store.need(objects.SPENT), store.amount(objects.AMOUNT_LIMIT)
    available, digits = store.available, objects.digits
    match kind:
        case 1:
            return digits(cash)[-5:]
        case 2:
            return spent[-5:]
        case 3:
            return digits(cash)[-5:] + spent[-5:]
        case 4:
            return spent[-5:] + digits(limit or 0)[-5:]
        case 5:
            return digits(available)[-5:]
    return b""
