"""CARD BLOCK of the financial environment: it locks that environment and nothing else.

JR/T 0025 has one environment on a card, so its CARD BLOCK locks everything. With a social-security environment on the
card it must not: neither may influence the other (Part 4, 5.5). So the environment stands for the card of JR/T 0025.
Without another environment CARD BLOCK locks the card.
"""

from dataclasses import replace

from cardfs.model.files import DfKind

from ...card.context import Context


def block_environment(ctx: Context) -> None:
    """Lock the financial environment with all its applications for good, and retire their keys.

    SELECT of any of them answers 6A81 from now on; a card without another environment answers 6A81 to everything.
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
