"""How SELECT enters a purse application: its FCI, a new security state, and what a lock answers."""

from typing import Final

from cardfs.model.fci import LONGEST, PURSE_DATA, issuer_data
from cardfs.model.fci import fci as template
from cardfs.model.files import Df, child

from ....card.context import Answer, Context, Selection
from ....status import ApplicationSuspended
from ...social import select

LOCKED: Final = 0x6283


def fci(ctx: Context, df: Df) -> bytes:
    """``6F {84 name, A5 {proprietary TLVs, 9F0C EF 0015}}``; a file that fits no answer is not shown."""
    if ctx.settings.personalisation.cos == "fmcos":
        # That coding names the file that its FCI shows, and puts it there.
        return select.fci(df)
    shown = ctx.image.contents.get(child(df.path, PURSE_DATA))
    data = issuer_data(shown) if isinstance(shown, bytes) else b""
    whole = template(df.name, df.proprietary + data or None)
    return whole if len(whole) <= LONGEST else template(df.name, df.proprietary or None)


def entered(ctx: Context, df: Df) -> None:
    """Every selection starts with nothing proven in this application."""
    remaining = frozenset(ref for ref in ctx.session.proofs if ref.owner != df.path)
    ctx.session.proofs = remaining


def locked(ctx: Context, df: Df) -> Answer:
    """SELECT of a locked application; it becomes current, so that it can be unblocked."""
    select.make_current(ctx, df)
    entered(ctx, df)
    kind = "until it is unblocked" if df.suspended else "for ever"
    reason = f"{df.label} is locked {kind}"
    settings = ctx.settings
    by_coding = "6A81" if settings.personalisation.cos == "fmcos" else f"{LOCKED:04X}"
    if (by_coding if settings.edep.blocked_select == "coding" else settings.edep.blocked_select) == "6A81":
        # The FMCOS manual has it, 8.3.1 and its example.
        return ctx.refuse(ApplicationSuspended(reason))
    return Answer(fci(ctx, df), LOCKED, reason)


SELECTION: Final = Selection(fci, entered, locked)
