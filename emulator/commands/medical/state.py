"""Shared by the trade commands: the state of a trade, the holder's PIN, the trade keys."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cardfs.model.errors import AccessDenied
from keys.errors import CardError
from keys.records import Key, KeyId, Usage
from keys.suites import Suite
from keys.trades import LOAD_TYPE, PURCHASE_TYPE

from ...card.context import Context
from ...card.reasons import no_key, of
from ...card.session import Prepared
from ...status import KeyIndexUnknown

BINARY_TYPES: Final = {LOAD_TYPE: b"\x01", PURCHASE_TYPE: b"\x02"}
"""Trade types as binary numbers, as other cards have them in MACs (setting ``trade.type_byte``)."""

_ALGORITHMS: Final = {
    # Algorithm identifiers of key records (Part 9, 6.2) and of the FCI (9F0C).
    "psam": {"3DES": 0x00, "DES": 0x01, "SM4": 0x03},
    "fci": {"3DES": 0x01, "DES": 0x01, "SM4": 0x03},
}


@dataclass(frozen=True, slots=True)
class Load(Prepared):
    """The state "load" (帐户划入状态; Part 5, 7): what INITIALIZE FOR LOAD prepared.

    Attributes:
        suite: the cipher suite of DLK.
        session: the session key SESLK; secret.
        tac_key: DTK of the same version.
        amount, terminal: as in the command, 4 and 6 bytes.
    """

    suite: Suite
    session: bytes = field(repr=False)
    tac_key: KeyId
    amount: bytes
    terminal: bytes


@dataclass(frozen=True, slots=True)
class Purchase(Prepared):
    """The state "purchase" (医疗消费状态; Part 5, 7): what INITIALIZE FOR PURCHASE prepared.

    SESPK is derived later, since it takes the terminal's sequence number (Part 7, 12.2).

    Attributes:
        key, tac_key: DPK and DTK of the version that the command named.
        random: the card's pseudo-random number, 4 bytes.
        amounts: account, self-paid and fund, 4 bytes each.
        terminal: number of the terminal, 6 bytes.
    """

    key: KeyId
    tac_key: KeyId
    random: bytes
    amounts: bytes
    terminal: bytes


class TradeKey(NamedTuple):
    """A trade key of the version that a command names.

    Attributes:
        at, key: DLK or DPK.
        tac_key: DTK of the same version.
    """

    at: KeyId
    key: Key
    tac_key: KeyId


def require_pin(ctx: Context) -> None:
    """Refuse a command that needs the holder's PIN, if one is set (Part 5, 7.3.1; Part 7, 11 and 12).

    Raises:
        AccessDenied: it is set and not verified, or out of use.
    """
    try:
        ref, pin = ctx.pin()
    except CardError:
        # There is no PIN, or it is dead and cannot be verified any more.
        if any(ref.owner in (ctx.session.df, ctx.environment) for ref in ctx.image.pins):
            raise AccessDenied("the PIN here is out of use") from None
        return
    if pin.value and ref not in ctx.session.proofs:
        raise AccessDenied("a trade needs the PIN, and it is not verified")


def trade_key(ctx: Context, usage: Usage, index: int) -> TradeKey:
    """Return DLK or DPK with its DTK, by key index, which is the version (Part 5, 7.5.3; Part 10, 6.4.1).

    Raises:
        KeyIndexUnknown: one of both has no such version, or it is dead.
    """
    found = []
    for each in (usage, Usage.TAC):
        ref = ctx.image.ref_by_usage(ctx.session.df, each)
        try:
            key = ctx.image.key(ref, index).require(each) if ref is not None else None
        except CardError as error:
            raise KeyIndexUnknown(error.reason) from None
        if ref is None or key is None:
            raise KeyIndexUnknown(no_key(ctx.image, ctx.session.df, f"{each} key", of(each)).reason)
        found.append(((ref, index), key))
    (at, key), (tac_key, _) = found
    return TradeKey(at, key, tac_key)


def algorithm_byte(ctx: Context, key: Key) -> bytes:
    """Return the algorithm identifier that INITIALIZE answers, one byte (setting ``trade.algorithm_byte``)."""
    return bytes((_ALGORITHMS[ctx.settings.trade.algorithm_byte][key.suite_name],))


def record_sequence(ctx: Context, counter: int) -> int:
    """Return the number in the record of a trade, from the counter that INITIALIZE answered.

    By Part 7, 11.8 and 12.6 the record is written after "the counter is increased", and only the TAC takes it "before
    adding 1"; a purse does the same (setting ``trade.record_sequence``).
    """
    return counter + (ctx.settings.trade.record_sequence == "after")


def mac_type(ctx: Context, kind: bytes) -> bytes:
    """Return the trade type as MACs and TACs have it, one byte (setting ``trade.type_byte``)."""
    return kind if ctx.settings.trade.type_byte == "ascii" else BINARY_TYPES[kind]
