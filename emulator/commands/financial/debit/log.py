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
    """Append an approved transaction to the log that 9F4D of the FCI names, in the format of 9F4F; if there is one.

    Args:
        terminal: values of PDOL and CDOL by tag.

    Raises:
        IssuerDataWrong: the file is not cyclic, or its record length is not that of the format.
    """
    _append(ctx, store, LOG_ENTRY, objects.LOG_FORMAT, terminal)


def log_load(ctx: Context, store: Objects, terminal: Mapping[int, bytes], change: bytes) -> None:
    """Append a change of the balance by a script to the load log that DF4D of the FCI names; if there is one.

    Args:
        change: tag, old and new value; the fields of DF4F follow it.

    Raises:
        IssuerDataWrong: the file is not cyclic, or its record length is not that of the format.
    """
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
    """Return a value in the length that a list asks for: cut or filled with 00 on the left (EMV Book 3, 5.4)."""
    if len(value) == length:
        return value
    return value.rjust(length, b"\x00")[max(len(value) - length, 0) :]
