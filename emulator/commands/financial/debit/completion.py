"""The second cryptogram after the issuer was asked (联机处理后的交易结束): who decides, and what is reset."""

from typing import Final, NamedTuple

from . import objects, risk
from .objects import Ada, Last, Objects
from .state import Cvr, Issuer, State

APPROVING: Final = frozenset((b"00", b"10", b"11", b"01", b"02", b"Y1"))
"""Response codes that approve, or send the holder to his bank; all others refuse."""
MANDATORY: Final = 0x80
_NOTHING: Final = objects.digits(0)


class Outcome(NamedTuple):
    """How a transaction ends.

    Attributes:
        advice: whether the refusal is to be told to the issuer.
    """

    store: Objects
    state: State
    approved: bool
    advice: bool = False


def complete(store: Objects, state: State, code: bytes, *, wanted: bool) -> Outcome:
    """Decide after the issuer has answered.

    Args:
        code: authorisation response code that the terminal sends.
        wanted: whether the terminal asks for a TC.
    """
    supported = risk.supports(state, risk.ISSUER)
    missing = supported and state.issuer is Issuer.MISSING
    mandatory = bool(store.number(objects.ISSUER_INDICATOR) & MANDATORY)
    accepted = wanted and code in APPROVING
    if state.issuer is Issuer.GOOD:
        accepted = accepted and state.code in APPROVING
    refused = accepted and _refuses(store, state, missing=missing, mandatory=mandatory)
    approved = accepted and not refused
    flags, scripts = store.last, store.scripts
    if missing and mandatory:
        flags |= Last.ISSUER_FAILED
    if not supported or state.issuer is Issuer.GOOD or (missing and not mandatory):
        # The issuer has spoken, as far as this card can ask: nothing of the past is open any more.
        if not refused:
            flags, scripts = flags & Last.ISSUER_FAILED, 0
        if approved:
            store = _reset(store, state)
    results = state.results & ~Cvr.SECOND | (Cvr.SECOND_TC if approved else 0)
    if missing:
        results |= Cvr.ISSUER_MISSING
    advice = refused and bool(store.actions & Ada.ISSUER_FAILED_ADVICE)
    return Outcome(store.with_last(flags, scripts), state._replace(results=results), approved, advice)


def _refuses(store: Objects, state: State, *, missing: bool, mandatory: bool) -> bool:
    """Whether the card refuses what the issuer and the terminal accept: it could not be sure of the issuer."""
    if missing:
        return mandatory and bool(store.actions & Ada.NO_RESPONSE_DECLINE)
    return state.issuer is Issuer.FAILED and bool(store.actions & Ada.ISSUER_FAILED_DECLINE)


def _reset(store: Objects, state: State) -> Objects:
    """Begin to count anew: this transaction was online."""
    return store.with_values(
        {
            objects.SPENT: _NOTHING,
            objects.SPENT_BOTH: _NOTHING,
            objects.ABROAD_CURRENCY: b"\x00",
            objects.ABROAD_COUNTRY: b"\x00",
            objects.LAST_ONLINE: state.atc.to_bytes(2),
        }
    )
