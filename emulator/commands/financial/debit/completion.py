"""The decision on the second cryptogram after the issuer was asked (联机处理后的交易结束), and what is reset then."""

from typing import Final, NamedTuple

from . import objects, risk
from .objects import Ada, Last, Objects
from .state import Cvr, Issuer, State

APPROVING: Final = frozenset((b"00", b"10", b"11", b"01", b"02", b"Y1"))
"""Authorisation response codes that approve, or refer the holder to the bank; all others decline."""
MANDATORY: Final = 0x80
_NOTHING: Final = objects.digits(0)


class Outcome(NamedTuple):
    """How a transaction ends.

    Attributes:
        store, state: data objects and transaction afterwards.
        approved: whether the cryptogram is a TC, else an AAC.
        advice: whether the CID asks the terminal to report the refusal to the issuer.
    """

    store: Objects
    state: State
    approved: bool
    advice: bool = False


def complete(store: Objects, state: State, code: bytes, *, wanted: bool) -> Outcome:
    """Return how a transaction ends after the issuer was asked.

    Args:
        store, state: data objects and transaction before.
        code: authorisation response code of the terminal, 2 characters.
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
        # The issuer has answered, as far as this card can verify: nothing of earlier transactions stays open.
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
    """Return whether the card declines what issuer and terminal accept, since it could not authenticate the issuer."""
    if missing:
        return mandatory and bool(store.actions & Ada.NO_RESPONSE_DECLINE)
    return state.issuer is Issuer.FAILED and bool(store.actions & Ada.ISSUER_FAILED_DECLINE)


def _reset(store: Objects, state: State) -> Objects:
    """Return the data objects with the offline counters at zero and this transaction as the last online one."""
    return store.with_values(
        {
            objects.SPENT: _NOTHING,
            objects.SPENT_BOTH: _NOTHING,
            objects.ABROAD_CURRENCY: b"\x00",
            objects.ABROAD_COUNTRY: b"\x00",
            objects.LAST_ONLINE: state.atc.to_bytes(2),
        }
    )
