"""APPLICATION BLOCK and CARD BLOCK (Part 5, 6.1 and 6.2; Part 7, 13.1 and 13.2). Nothing undoes them."""

from dataclasses import replace

from keys.records import Usage

from ...card.context import DONE, Answer, Context
from ...card.tries import unwrap


def application_block(ctx: Context) -> Answer:
    """Lock the current application for good, and retire its keys (应用锁定; Part 5, 6.1; Part 4, 7.5).

    An environment is locked with all its applications.

    Raises:
        KeyUnknown, ChallengeUnusable, AccessDenied, MacWrong
    """
    here = ctx.session.df
    _verify(ctx, Usage.APP_BLOCK, here, "APPLICATION BLOCK")
    locked = [here, *(path for path in ctx.image.files_below(here) if path in ctx.image.dfs)]
    change = ctx.change()
    for path in locked:
        change.put_df(replace(ctx.image.dfs[path], blocked=True))
    change.kill_keys(locked)
    return DONE


def card_block(ctx: Context) -> Answer:
    """Lock the card for good, and retire all keys (卡片锁定; Part 5, 6.2).

    Raises:
        KeyUnknown, ChallengeUnusable, AccessDenied, MacWrong
    """
    _verify(ctx, Usage.CARD_BLOCK, ctx.environment, "CARD BLOCK")
    change = ctx.change()
    change.put_info(replace(ctx.image.info, blocked=True))
    change.kill_keys(ctx.image.dfs)
    return DONE


def _verify(ctx: Context, usage: Usage, owner: str, what: str) -> None:
    """Require the proof of the locking key, then verify the MAC under the maintenance key; failures cost no try."""
    lock_ref, _ = ctx.key_for(usage, owner)
    _, maintenance = ctx.key_for(Usage.MAC_ENC, owner)
    session_key = ctx.session_key(maintenance)
    ctx.require_proof(lock_ref, what)
    unwrap(ctx, maintenance, session_key)
