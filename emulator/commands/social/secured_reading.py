"""Reading under secure messaging (CLA 04; Part 4, 8.5, case 2, which T=0 carries as case 4: Part 2, 9.4).

    04 B0, B2   P1 P2 04 MAC [Le]   answers the data, plain

The MAC covers CLA to Lc. Le is not under it: Part 4, 8.2.4 does not list it, and under T=0 the command comes without
it. Part 4, 8 secures what is sent to the card; for answers it has neither a MAC nor a cipher.
"""

from collections.abc import Callable

from cardfs.memory.securing import of_read
from cardfs.model.files import Protection
from keys.errors import MacMissing

from ...card.context import Answer, Context
from ...status import SecuringUnsupported
from . import binary, record
from .secured import verified


def read_binary(ctx: Context) -> Answer:
    """Run READ BINARY on a card that has secured files; raise as `binary.read_binary` and the check of the MAC do."""
    p1 = ctx.command.p1
    return _read(ctx, p1 & 0x1F if p1 & binary.BY_SFI else 0, binary.read_binary, transparent=True)


def read_record(ctx: Context) -> Answer:
    """Run READ RECORD on a card that has secured files; raise as `record.read_record` and the check of the MAC do."""
    return _read(ctx, ctx.command.p2 >> 3, record.read_record, transparent=False)


def _read(ctx: Context, sfi: int, plain: Callable[[Context], Answer], *, transparent: bool) -> Answer:
    """Run the plain handler after the checks that a secured file asks for, in the order of an update.

    Raises:
        MacMissing: the file demands a MAC and the command has none.
        SecuringUnsupported: the file is read without one.
        ChallengeUnusable, MacWrong; FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied
    """
    ef = ctx.target(sfi)
    ctx.require_structure(ef, transparent=transparent)
    ctx.require_access(ef, ef.read, "read")
    demanded = of_read(ef, ctx.settings) is not Protection.NONE
    if ctx.command.secured:
        if not demanded:
            raise SecuringUnsupported(f"{ctx.image.label(ef.path)} is read without secure messaging")
        verified(ctx, ef)
    elif demanded:
        raise MacMissing(f"{ctx.image.label(ef.path)} is read with a MAC only")
    return plain(ctx)
