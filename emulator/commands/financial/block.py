"""CARD BLOCK inside the financial environment: it locks that environment and nothing else.

JR/T 0025 knows one world on a card, so its CARD BLOCK ends everything. Beside a social-security environment that
cannot be: neither may influence the other (Part 4, 5.5). The card that JR/T 0025 means is the environment. Where
there is no other environment it is the card.
"""

from dataclasses import replace

from cardfs.model.files import DfKind

from ...card.context import Context


def block_environment(ctx: Context) -> None:
    """Lock the financial environment with all its applications for good; their keys are dead with it.

    SELECT of any of them answers 6A81 from now on; a card that is nothing else answers so to everything.
    """
    image = ctx.image
    environment = image.environment(ctx.session.df)
    others = any(df.kind is DfKind.DDF and df.path != environment for df in image.dfs.values())
    if environment == image.root or not others:
        ctx.change().put_info(replace(image.info, blocked=True))
        ctx.change().kill_keys(image.dfs)
        return
    locked = [environment, *(path for path in image.files_below(environment) if path in image.dfs)]
    change = ctx.change()
    for path in locked:
        change.put_df(replace(image.dfs[path], blocked=True))
    change.kill_keys(locked)
