"""The transaction log (交易日志) and the load log of electronic cash (圈存日志): cyclic files, newest record first."""

from collections.abc import Mapping
from typing import Final

from cardfs.model.errors import IssuerDataWrong
from cardfs.model.files import Structure
from cardfs.model.tlv import fields as dol_of

from ....card.context import Context
from . import objects
from .application import ISSUER_DATA, fci_object
from .objects import Objects

LOG_ENTRY: Final = 0x9F4D
LOAD_LOG_ENTRY: Final = 0xDF4D


def log_transaction(ctx: Context, store: Objects, terminal: Mapping[int, bytes]) -> None:
    """Note an approved transaction, as 9F4F says, where 9F4D of the FCI says."""
    _append(ctx, store, LOG_ENTRY, objects.LOG_FORMAT, terminal)


def log_load(ctx: Context, store: Objects, terminal: Mapping[int, bytes], change: bytes) -> None:
    """Note that a script has changed the balance: its tag, before and after, then what DF4F says."""
    _append(ctx, store, LOAD_LOG_ENTRY, objects.LOAD_FORMAT, terminal, change)


def _append(
    ctx: Context, store: Objects, log_tag: int, layout: int, terminal: Mapping[int, bytes], head: bytes = b""
) -> None:
    where, dol = fci_object(ctx, ISSUER_DATA, log_tag), store.get(layout)
    if not where or dol is None:
        return
    ef = ctx.image.ef_by_sfi(ctx.session.df, where[0])
    if ef is None:
        return
    record = head + b"".join(_field(terminal.get(tag) or store.raw(tag) or b"", length) for tag, length in dol_of(dol))
    records = ctx.image.contents[ef.path]
    if ef.structure is not Structure.CYCLIC or isinstance(records, bytes):
        raise IssuerDataWrong(f"data object {log_tag:X} names {ctx.image.label(ef.path)}, which is {ef.structure}")
    if len(record) != ef.record_length:
        raise IssuerDataWrong(
            f"data object {layout:X} makes records of {len(record)} bytes, those of {ctx.image.label(ef.path)} "
            f"have {ef.record_length}"
        )
    ctx.change().put_contents(ef.path, (record, *records)[: ef.max_records])


def _field(value: bytes, length: int) -> bytes:
    """A value in the length that the list asks for; what nobody knows is filled with 00 (EMV Book 3, 5.4)."""
    if len(value) == length:
        return value
    return value.rjust(length, b"\x00")[max(len(value) - length, 0) :]
