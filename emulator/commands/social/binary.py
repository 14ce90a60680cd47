"""READ BINARY and UPDATE BINARY (Part 5, 6.9 and 6.12)."""

from typing import Final

from cardfs.model.errors import OffsetOutside
from cardfs.model.files import Ef

from ...card.apdu import Command
from ...card.context import DONE, Answer, Context
from .secured import update_data

BY_SFI: Final = 0x80


def parameters(p1: int, _p2: int) -> bool:
    """Return whether P1 is 100sssss with an SFI of 1 to 30, or the upper 7 bits of an offset (Part 5, table 29)."""
    return p1 < BY_SFI or 0x80 < p1 < 0x9F


def place(command: Command) -> tuple[int, int]:
    """Return the SFI, 0 for the current EF, and the offset."""
    if command.p1 & BY_SFI:
        return command.p1 & 0x1F, command.p2
    return 0, command.p1 << 8 | command.p2


def read_binary(ctx: Context) -> Answer:
    """Read bytes of a transparent EF (读取二进制数据; Part 5, 6.9): Le of them, with Le 00 up to 256 or to the end.

    Raises:
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied
        OffsetOutside: the offset is not below the length of the file.
    """
    sfi, offset = place(ctx.command)
    ef = ctx.target(sfi)
    ctx.require_structure(ef, transparent=True)
    ctx.require_access(ef, ef.read, "read")
    contents = ctx.image.contents[ef.path]
    if offset >= len(contents):
        raise OffsetOutside(f"offset {offset} is outside the file of {len(contents)} bytes")
    assert isinstance(contents, bytes)  # noqa: S101 - its structure is transparent
    return Answer(contents[offset : offset + (ctx.command.le or 256)])


def update_binary(ctx: Context) -> Answer:
    """Write bytes of a transparent EF (更新二进制数据; Part 5, 6.12); the file keeps its length.

    Raises:
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied
        OffsetOutside: the data would end behind the end of the file.
        SecuringUnsupported, MacMissing, ChallengeUnusable, MacWrong, SecuredDataWrong: see `update_data`.
    """
    sfi, offset = place(ctx.command)
    ef = ctx.target(sfi)
    ctx.require_structure(ef, transparent=True)
    ctx.require_update(ef)
    return overwrite(ctx, ef, offset, update_data(ctx, ef))


def overwrite(ctx: Context, ef: Ef, offset: int, data: bytes) -> Answer:
    """Write bytes of a transparent EF; the file keeps its length.

    Raises:
        OffsetOutside: the data would end behind the end of the file.
    """
    contents = ctx.image.contents[ef.path]
    assert isinstance(contents, bytes)  # noqa: S101 - its structure is transparent
    end = offset + len(data)
    if end > len(contents):
        raise OffsetOutside(f"bytes {offset} to {end} in a file of {len(contents)} bytes")
    ctx.change().put_contents(ef.path, contents[:offset] + data + contents[end:])
    return DONE
