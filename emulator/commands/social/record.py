"""READ RECORD and UPDATE RECORD (Part 5, 6.10 and 6.13)."""

from typing import Final

from cardfs.model.files import Structure
from cardfs.model.records import CURRENT, Mode, span, written

from ...card.context import DONE, Answer, Context
from .secured import update_data

RESERVED: Final = 0xFF
NO_SFI: Final = 0x1F


def read_parameters(p1: int, p2: int) -> bool:
    """Return whether P1 is not FF, the SFI not 31 and the mode not 111 (Part 5, table 32)."""
    return p1 != RESERVED and p2 >> 3 != NO_SFI and p2 & 7 <= Mode.FROM_LAST


def update_parameters(p1: int, p2: int) -> bool:
    """Return whether P1 and P2 are those of reading, and mean one record only (Part 5, table 44)."""
    return p1 != RESERVED and p2 >> 3 != NO_SFI and p2 & 7 <= Mode.NUMBER


def read_record(ctx: Context) -> Answer:
    """Read one record, or several one after the other (读取记录内容; Part 5, 6.10).

    Raises:
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied, RecordUnknown
    """
    command = ctx.command
    ef = ctx.target(command.p2 >> 3)
    records = ctx.image.contents[ef.path]
    if isinstance(records, bytes):
        raise ctx.misfit(ef)
    if not ef.read.holds(ctx.session.proofs):
        ctx.require_access(ef, ef.read, "read")
    mode = _MODES[command.p2 & 7]
    data, place = span(ef, records, mode, command.p1, ctx.session.pointer)
    if mode < Mode.NUMBER:
        # A reference by identifier moves the pointer, one by number does not (Part 3, 5.3).
        ctx.session.pointer = place
    le = None if command.le_zero else command.le
    if le is not None and le < len(data) and ctx.settings.read.le_mismatch == "shorter":
        data = data[:le]
    return Answer(data)


def update_record(ctx: Context) -> Answer:
    """Replace a record, append one, or write the newest of a cyclic file (更新记录内容; Part 5, 6.13).

    Raises:
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied
        RecordUnknown, RecordLengthWrong, TlvWrong, NoSpace: the record does not fit.
        SecuringUnsupported, MacMissing, ChallengeUnusable, MacWrong, SecuredDataWrong: see `update_data`.
    """
    command = ctx.command
    ef = ctx.target(command.p2 >> 3)
    ctx.require_structure(ef, transparent=False)
    ctx.require_update(ef)
    record = update_data(ctx, ef)
    mode = _MODES[command.p2 & 7]
    records = ctx.image.contents[ef.path]
    assert isinstance(records, tuple)  # noqa: S101 - its structure is one of records
    new, place = written(ef, records, mode, command.p1, ctx.session.pointer, record)
    ctx.change().put_contents(ef.path, new)
    newest = ef.structure is Structure.CYCLIC and mode is Mode.PREVIOUS
    if mode.by_identifier or command.p1 == CURRENT or newest:
        ctx.session.pointer = place
    return DONE


_MODES: Final = tuple(Mode)
