"""The transaction log (交易日志) and the load log of electronic cash (圈存日志): cyclic files, newest record first."""

from collections.abc import Mapping
from typing import Final

from cardfs import tlv

from ...context import Context
from . import objects
from .application import ISSUER_DATA, here
from .objects import Objects

ENTRY: Final = 0x9F4D
LOAD_ENTRY: Final = 0xDF4D


def log_transaction(ctx: Context, store: Objects, terminal: Mapping[int, bytes]) -> None:
    """Note an approved transaction, as 9F4F says, where 9F4D of the FCI says."""
    _append(ctx, store, ENTRY, objects.LOG_FORMAT, terminal)


def log_load(ctx: Context, store: Objects, terminal: Mapping[int, bytes], change: bytes) -> None:
    """Note that a script has changed the balance: its tag, before and after, then what DF4F says."""
    _append(ctx, store, LOAD_ENTRY, objects.LOAD_FORMAT, terminal, change)


def _append(
    ctx: Context, store: Objects, entry: int, layout: int, terminal: Mapping[int, bytes], head: bytes = b""
) -> None:
    where, dol = tlv.find(here(ctx).proprietary, ISSUER_DATA, entry), store.get(layout)
    ef = ctx.image.ef_by_sfi(ctx.session.df, where[0]) if where else None
    if ef is None or dol is None:
        return
    record = head
    for tag, length in tlv.fields(dol):
        # What nobody knows is filled with 00 (EMV Book 3, 5.4).
        value = terminal.get(tag) or store.get(tag) or b""
        record += value[-length:].rjust(length, b"\x00")
    records = ctx.image.contents[ef.path]
    ctx.change().put_contents(
        ef.path, (record, *(each for each in records if isinstance(each, bytes)))[: ef.max_records]
    )
