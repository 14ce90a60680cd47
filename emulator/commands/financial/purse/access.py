"""Read and write the files of passbook and purse, with or without line protection under DAMK.

A file with line protection takes updates with a MAC only. It may be read with or without one: ``04 B0 P1 P2 04 MAC``
answers data and MAC.
"""

from collections.abc import Callable

from cardfs.model.files import Ef, Protection, Structure
from cardfs.model.records import Mode, written
from keys.errors import MacMissing
from keys.purse import line_mac
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ....card.context import DONE, Answer, Context
from ....status import UnknownClass
from ...social import binary, record
from .keyring import initial_value, the_key, unwrap


def read_binary(ctx: Context) -> Answer:
    """Run READ BINARY with a MAC; answer the data and their MAC.

    Raises:
        UnknownClass: the file has no line protection.
        KeyUnknown, AccessDenied, ChallengeUnusable, MacWrong; see also `binary.read_binary`.
    """
    return _read(ctx, binary.place(ctx.command)[0], binary.read_binary)


def read_record(ctx: Context) -> Answer:
    """Run READ RECORD with a MAC; answer the data and their MAC.

    Raises:
        UnknownClass: the file has no line protection.
        KeyUnknown, AccessDenied, ChallengeUnusable, MacWrong; see also `record.read_record`.
    """
    return _read(ctx, ctx.command.p2 >> 3, record.read_record)


def _read(ctx: Context, sfi: int, handler: Callable[[Context], Answer]) -> Answer:
    ef = ctx.target(sfi)
    _require_protection(ctx, ef)
    found = the_key(ctx, Usage.MAC_ENC)
    unwrap(ctx, found)
    data = handler(ctx).data
    # Le counts the data alone.
    ctx.command = ctx.command._replace(le=None)
    return Answer(data + line_mac(found.key.suite, ctx.image.expanded(found.at), initial_value(ctx, found), data))


def update_binary(ctx: Context) -> Answer:
    """Write bytes of a transparent EF (更新二进制数据; manual, 7.7); the file keeps its length.

    Raises:
        OffsetOutside: the data would end behind the end of the file.
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied
        UnknownClass, MacMissing, KeyUnknown, ChallengeUnusable, MacWrong: line protection refuses the command.
    """
    sfi, offset = binary.place(ctx.command)
    ef, data = _data(ctx, sfi, transparent=True)
    return binary.overwrite(ctx, ef, offset, data)


def update_record(ctx: Context) -> Answer:
    """Replace a record, append one, or write the newest of a cyclic file (更新记录; manual, 7.8).

    Raises:
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied, RecordUnknown, RecordLengthWrong, TlvWrong, NoSpace
        UnknownClass, MacMissing, KeyUnknown, ChallengeUnusable, MacWrong: line protection refuses the command.
    """
    command = ctx.command
    return _write_record(ctx, Mode(command.p2 & 7), command.p1)


def append_record(ctx: Context) -> Answer:
    """Append a record, in a cyclic file as the newest (添加记录; manual, 7.9); raise as `update_record` does."""
    return _write_record(ctx, None, 0)


def append_parameters(p1: int, p2: int) -> bool:
    """Return whether P1 is 00, and P2 an SFI, or none, with mode 100."""
    return not p1 and p2 & 7 == Mode.NUMBER and p2 >> 3 != record.NO_SFI


def _write_record(ctx: Context, mode: Mode | None, p1: int) -> Answer:
    ef, data = _data(ctx, ctx.command.p2 >> 3, transparent=False)
    records = ctx.image.contents[ef.path]
    assert isinstance(records, tuple)  # noqa: S101 - its structure is one of records
    if mode is None:
        cyclic = ef.structure is Structure.CYCLIC
        mode, p1 = (Mode.PREVIOUS, 0) if cyclic else (Mode.NUMBER, len(records) + 1)
    new, place = written(ef, records, mode, p1, ctx.session.pointer, data)
    ctx.change().put_contents(ef.path, new)
    if mode.by_identifier or not p1:
        ctx.session.pointer = place
    return DONE


def _data(ctx: Context, sfi: int, *, transparent: bool) -> tuple[Ef, bytes]:
    """Return the file that an update means, and the data to write, after their MAC is verified.

    Raises:
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied, UnknownClass, MacMissing, KeyUnknown,
        ChallengeUnusable, MacWrong
    """
    ef = ctx.target(sfi)
    ctx.require_structure(ef, transparent=transparent)
    ctx.require_access(ef, ef.update, "update")
    command = ctx.command
    if not command.secured:
        if ef.secured_update is not Protection.NONE:
            raise MacMissing(f"{ctx.image.label(ef.path)} takes updates with a MAC only")
        return ef, command.data
    _require_protection(ctx, ef)
    found = the_key(ctx, Usage.MAC_ENC)
    if len(command.data) <= MAC_LENGTH:
        raise MacMissing("the data field is too short to end in a MAC")
    return ef, unwrap(ctx, found)


def _require_protection(ctx: Context, ef: Ef) -> None:
    if ef.secured_update is Protection.NONE:
        raise UnknownClass(f"{ctx.image.label(ef.path)} has no line protection")
