"""Who may personalise: the check of the life-cycle table, and the proof of an authority (Part 4, 5 and 7.3).

Each operation checks the life-cycle table first: the phase, then the authority. An authority is proven in one of
two ways: by a MAC under the controlling key (loading keys), or by an authentication with it before
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
"""Authorities without a key. The coding checks the permission bytes of a directory itself."""


def allow(ctx: Context, operation: Operation) -> Edge:
    """Return the edge of the life-cycle table that allows an operation in the current DF.

    Raises:
        LifeForbids: no edge allows it in this phase.
        AccessDenied: its authority has not authenticated in this DF.
    """
    edge = edge_for(ctx.image, ctx.session.df, operation)
    ref = controlling_key(ctx.image, ctx.session.df, edge.authority)
    if edge.authority not in KEYLESS and (ref is None or ref not in ctx.session.proofs):
        raise AccessDenied(f"to {operation}, authenticate with {edge.authority} in this DF")
    return edge


def unwrap_load(ctx: Context, edge: Edge) -> bytes:
    """Verify the MAC of a key load under the controlling key, and return its deciphered data (Part 4, 7.3).

    A wrong MAC costs the controlling key a try. The initial value is the challenge, so a recorded load cannot be
    replayed (Part 9, 7.1.3 and 7.2.3).

    Raises:
        KeyUnknown: the card lacks the controlling key.
        MacMissing, MethodBlocked, ChallengeUnusable, MacWrong, CipherDataWrong
    """
    ref = controlling_key(ctx.image, ctx.session.df, edge.authority)
    if ref is None:
        raise KeyUnknown(f"the card has no key for {edge.authority}")
    key = ctx.image.key(ref, ctx.image.versions(ref)[-1]).require(*MASTER_USAGES)
    data = verified(ctx, ref, key)
    return key.suite.decrypt_data(ctx.image.expanded((ref, key.version)), data)


def verified(ctx: Context, ref: KeyRef, key: Key, *, least: int = 1) -> bytes:
    """Verify the MAC of a command under a long-term key, its initial value the challenge; return the data before it.

    A wrong MAC costs the key a try; a refusal after a right one costs none (Part 7, 13.3).

    Args:
        least: smallest number of bytes before the MAC.

    Raises:
        MacMissing: the command has no secure messaging, or its data are too short.
        MethodBlocked: no tries are left.
        ChallengeUnusable, MacWrong
    """
    command = ctx.command
    if not command.secured or len(command.data) < MAC_LENGTH + least:
        raise MacMissing(f"the command does not end in a MAC under {key.name}")
    at = (ref, key.version)
    require_tries(ctx, at, ref.name)
    challenge = key.suite.check_challenge(ctx.require_challenge())
    data, mac, covered = split(ctx)
    expected = key.suite.key_load_mac(ctx.image.expanded(at), challenge, covered)
    if compare(ctx, at, expected, mac, counts=bool(key.tries_max)) is not None:
        raise wrong_mac(key)
    return data


def controller(ctx: Context, edge: Edge) -> KeyRef | None:
    """Return the key behind the authority of an edge, seen from the current DF; None if there is none."""
    return controlling_key(ctx.image, ctx.session.df, edge.authority)


def without(session: Session, *refs: KeyRef | None) -> Session:
    """Return the session without the proofs of these keys."""
    gone = session.proofs.intersection(refs)
    return session._replace(proofs=session.proofs - gone) if gone else session
