"""Selection of a purse application: its FCI, its first security state, and the answer of a locked one."""

from typing import Final

from cardfs.model.fci import LONGEST, PURSE_DATA, issuer_data
from cardfs.model.fci import fci as template
from cardfs.model.files import Df, child

from ....card.context import Answer, Context, Selection
from ....status import ApplicationSuspended
from ...social import select

LOCKED: Final = 0x6283


def fci(ctx: Context, df: Df) -> bytes:
    """Return the FCI: ``6F {84 name, A5 {proprietary TLVs, 9F0C EF 0015}}``, without EF 0015 if it is too long."""
    if ctx.settings.personalisation.cos == "fmcos":
        # SELECT of that coding adds the file that the FCI shows.
        return select.fci(df)
    shown = ctx.image.contents.get(child(df.path, PURSE_DATA))
    data = issuer_data(shown) if isinstance(shown, bytes) else b""
    whole = template(df.name, df.proprietary + data or None)
    return whole if len(whole) <= LONGEST else template(df.name, df.proprietary or None)


def entered(ctx: Context, df: Df) -> None:
    """Drop the proofs of this application: every selection starts without any."""
    remaining = frozenset(ref for ref in ctx.session.proofs if ref.owner != df.path)
    ctx.session.proofs = remaining


def locked(ctx: Context, df: Df) -> Answer:
    """Answer the SELECT of a locked application: 6283 and the FCI, or 6A81; it becomes current and can be unblocked."""
    select.make_current(ctx, df)
    entered(ctx, df)
    reason = f"{df.label} is locked until APPLICATION UNBLOCK" if df.suspended else f"{df.label} is permanently locked"
    settings = ctx.settings
    by_coding = "6A81" if settings.personalisation.cos == "fmcos" else f"{LOCKED:04X}"
    if (by_coding if settings.edep.blocked_select == "coding" else settings.edep.blocked_select) == "6A81":
        # The FMCOS manual has it, 8.3.1 and its example.
        return ctx.refuse(ApplicationSuspended(reason))
    return Answer(fci(ctx, df), LOCKED, reason)


SELECTION: Final = Selection(fci, entered, locked)
