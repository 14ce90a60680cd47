"""The security states of an FMCOS card (安全状态寄存器; FMCOS 2.0 user manual, 5.1 to 5.3) in the session.

With every change of directory the firewall drops all states but that of the MF, as FMCOS does.
"""

from cardfs.memory.fmcos_heads import file_heads, is_state, opened, settled, state
from cardfs.model.errors import AccessDenied
from cardfs.model.rules import Rule

from ..card.context import Context


def prepare(ctx: Context) -> None:
    """Add to the proofs the states that permission bytes ask for: 0 if none is set, open if it is empty (4.3)."""
    here = ctx.session.df
    proofs = settled(ctx.session.proofs, here, ctx.image.root)
    if len(file_heads(ctx.image, here)) == 1 and not ctx.image.children(here):
        proofs |= {opened(here)}
    ctx.session.proofs = proofs


def require(ctx: Context, rule: Rule, what: str) -> None:
    """Refuse an operation that a permission byte does not allow.

    Args:
        what: the operation, for the reason.

    Raises:
        AccessDenied
    """
    if not rule.holds(ctx.session.proofs):
        proven = ", ".join(sorted(ctx.name(ref) for ref in ctx.session.proofs))
        raise AccessDenied(f"{what} needs {rule.text}; proven: {proven}")


def reach(ctx: Context, value: int) -> None:
    """Put the current directory into a security state, 0 to 15: the low nibble of ``value`` (5.1)."""
    here = ctx.session.df
    others = frozenset(ref for ref in ctx.session.proofs if not is_state(ref, here))
    ctx.session.proofs = others | {state(here, value & 0x0F)}


def leave(ctx: Context, before: str) -> None:
    """Reset the states after a SELECT: no directory is open, and that of any directory but the MF is 0 (5.1).

    Args:
        before: path of the directory that was current before.
    """
    here = ctx.session.df
    gone = {opened(before), opened(here)}
    remaining = frozenset(
        ref for ref in ctx.session.proofs if ref not in gone and (here == ctx.image.root or not is_state(ref, here))
    )
    ctx.session.proofs = remaining
