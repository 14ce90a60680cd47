"""Who may do it: passing the life-cycle table, and showing an authority (Part 4, 5 and 7.3).

Each operation checks the life-cycle table first: the phase, then the authority. An authority is shown in one of
two ways: by a MAC under the controlling key (loading keys), or by having authenticated with it before
(everything else).
"""

from typing import Final

from cardfs.life import Authority, Edge, Operation, controlling_key, edge_for
from cardfs.model.errors import AccessDenied
from keys.errors import KeyUnknown, MacMissing
from keys.records import Key, KeyRef, Usage
from keys.suites import MAC_LENGTH

from ...card.context import Context
from ...card.session import Session
from ...card.tries import compare, require_tries, split, wrong_mac

MASTER_USAGES: Final = frozenset((Usage.MASTER, Usage.TRANSPORT))
KEYLESS: Final = frozenset((Authority.NOBODY, Authority.DIRECTORY))
"""Authorities that no one key stands for; the permission bytes of a directory its coding has checked."""


def allow(ctx: Context, operation: Operation) -> Edge:
    """Pass the life-cycle table with an authority that has authenticated itself.

    Raises:
        LifeForbids, AccessDenied
    """
    edge = edge_for(ctx.image, ctx.session.df, operation)
    ref = controlling_key(ctx.image, ctx.session.df, edge.authority)
    if edge.authority not in KEYLESS and (ref is None or ref not in ctx.session.proofs):
        raise AccessDenied(f"to {operation} takes {edge.authority}, authenticated in this DF")
    return edge


def unwrap_load(ctx: Context, edge: Edge) -> bytes:
    """Verify the MAC of a key load under the controlling key and decipher its data (Part 4, 7.3).

    A wrong MAC costs the controlling key a try. The initial value is the challenge, so a recorded load cannot be
    repeated (Part 9, 7.1.3 and 7.2.3).

    Raises:
        MacMissing, MethodBlocked, ChallengeUnusable, MacWrong, CipherDataWrong
    """
    ref = controlling_key(ctx.image, ctx.session.df, edge.authority)
    if ref is None:
        raise KeyUnknown(f"the card has no key for {edge.authority}")
    key = ctx.image.key(ref, ctx.image.versions(ref)[-1]).require(*MASTER_USAGES)
    data = verified(ctx, ref, key)
    return key.suite.decrypt_data(ctx.image.expanded((ref, key.version)), data)


def verified(ctx: Context, ref: KeyRef, key: Key, *, least: int = 1) -> bytes:
    """Return the data of a command without the MAC that a long-term key makes from the challenge.

    A wrong MAC costs the key a try; what is refused after a right one costs none (Part 7, 13.3).

    Args:
        least: how many bytes come before the MAC at least.

    Raises:
        MacMissing, MethodBlocked, ChallengeUnusable, MacWrong
    """
    command = ctx.command
    if not command.secured or len(command.data) < MAC_LENGTH + least:
        raise MacMissing(f"the command ends in no MAC under {key.name}")
    at = (ref, key.version)
    require_tries(ctx, at, ref.name)
    challenge = key.suite.check_challenge(ctx.require_challenge())
    data, mac, covered = split(ctx)
    expected = key.suite.key_load_mac(ctx.image.expanded(at), challenge, covered)
    if compare(ctx, at, expected, mac, counts=bool(key.tries_max)) is not None:
        raise wrong_mac(key)
    return data


def controller(ctx: Context, edge: Edge) -> KeyRef | None:
    return controlling_key(ctx.image, ctx.session.df, edge.authority)


def without(session: Session, *refs: KeyRef | None) -> Session:
    """The session without these proofs."""
    gone = session.proofs.intersection(refs)
    return session._replace(proofs=session.proofs - gone) if gone else session
