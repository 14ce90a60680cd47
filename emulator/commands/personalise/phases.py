"""Personalisation of the card as a whole: its ATR, and the end of a phase (Part 10, 5)."""

from dataclasses import replace

from cardfs.life import Operation
from cardfs.model.atr import with_historical
from cardfs.model.files import Phase
from keys.records import Usage

from ...card.context import Context
from ...status import DataWrong
from .authority import allow, controller, without


def set_historical(ctx: Context, historical: bytes) -> None:
    """Set the 13 historical bytes of the ATR (Part 10, 5.1.2), from the next reset on.

    Raises:
        LifeForbids, AccessDenied
        DataWrong: there are more or fewer bytes.
    """
    allow(ctx, Operation.SET_HISTORICAL)
    info = ctx.image.info
    if len(historical) != len(info.historical):
        raise DataWrong(f"a card has {len(info.historical)} historical bytes")
    ctx.change().put_info(replace(info, atr=with_historical(info.atr, historical), historical=historical))


def end_phase(ctx: Context) -> None:
    """End the current phase of the card or of an environment: activation, or personalisation (Part 10, 5).

    When the card becomes operational the retired transport key is deleted, since nothing can revive it any more.

    Raises:
        LifeForbids, AccessDenied
    """
    edge = allow(ctx, Operation.END)
    here = ctx.session.df
    change = ctx.change()
    change.put_df(replace(ctx.image.dfs[here], phase=edge.following))
    if edge.following is Phase.OPERATIONAL:
        hidden = [at for at, key in ctx.image.keys.items() if key.usage is Usage.TRANSPORT and at[0].owner == here]
        if hidden:
            change.delete_keys(hidden)
        ctx.session = without(ctx.session, controller(ctx, edge))
