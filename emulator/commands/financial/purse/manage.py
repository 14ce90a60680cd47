"""APPLICATION BLOCK, APPLICATION UNBLOCK, CARD BLOCK, and the authentications of passbook and purse."""

from dataclasses import replace
from typing import Final

from keys.errors import KeyUnknown
from keys.records import Usage

from ....card.context import DONE, FAILED_TRY, Answer, Context
from ....card.tries import compare, require_tries
from ....status import LengthWrong
from ..block import block_environment
from .keyring import FoundKey, counted_mac, find, lock_for_good, missing, the_key, unwrap

TEMPORARY, PERMANENT = 0x00, 0x01
AUTHENTICATION_LENGTHS: Final = frozenset((8, 16))


def application_block(ctx: Context) -> Answer:
    """Lock the application (应用锁定; manual, 8.3): with P2 00 until it is unblocked, with 01 for good.

    Raises:
        KeyUnknown, AccessDenied, ChallengeUnusable, MacWrong
    """
    unwrap(ctx, the_key(ctx, Usage.MAC_ENC))
    here = ctx.session.df
    if ctx.command.p2 == PERMANENT:
        lock_for_good(ctx)
    else:
        ctx.change().put_df(replace(ctx.image.dfs[here], suspended=True))
    return DONE


def application_unblock(ctx: Context) -> Answer:
    """End a temporary lock, if there is one (应用解锁; manual, 8.2); three failures in a row lock for good.

    Raises:
        KeyUnknown, AccessDenied, ChallengeUnusable, MacWrong
    """
    found = the_key(ctx, Usage.MAC_ENC)
    failed = counted_mac(ctx, found)
    if failed is not None:
        return failed
    ctx.change().put_df(replace(ctx.image.dfs[ctx.session.df], suspended=False))
    return DONE


def card_block(ctx: Context) -> Answer:
    """Lock the financial environment with all its applications for good (卡片锁定; manual, 8.1).

    Raises:
        KeyUnknown, AccessDenied, ChallengeUnusable, MacWrong
    """
    unwrap(ctx, the_key(ctx, Usage.MAC_ENC))
    block_environment(ctx)
    return DONE


def external_authentication(ctx: Context) -> Answer:
    """Let the terminal prove a key (外部认证; manual, 7.1): the challenge, padded with 00, enciphered under it.

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyUnknown, AccessDenied, MethodBlocked, ChallengeUnusable
        LengthWrong: the data are not one block of the key's cipher.
    """
    found = _named(ctx, Usage.EXTERNAL_AUTH)
    require_tries(ctx, found.at, found.key.name)
    suite, data = found.key.suite, ctx.command.data
    if len(data) != suite.block:
        raise LengthWrong(f"{found.key.name} proves itself with {suite.block} bytes")
    challenge = suite.check_challenge(ctx.require_challenge())
    expected = ctx.image.expanded(found.at).encrypt(challenge.ljust(suite.block, b"\x00"))
    left = compare(ctx, found.at, expected, data)
    if left is not None:
        return Answer(word=FAILED_TRY | left, reason=f"authentication with {found.key.name} failed")
    ctx.session.proofs = ctx.session.proofs | {found.at[0]}
    return DONE


def internal_authentication(ctx: Context) -> Answer:
    """Prove the card to the terminal (内部认证; manual, 7.3): answer its block enciphered.

    Raises:
        KeyUnknown, AccessDenied
        LengthWrong: the data are not one block of the key's cipher.
    """
    found = _named(ctx, Usage.INTERNAL_AUTH)
    suite, data = found.key.suite, ctx.command.data
    if len(data) != suite.block:
        raise LengthWrong(f"{found.key.name} enciphers {suite.block} bytes")
    return Answer(ctx.image.expanded(found.at).encrypt(data))


def _named(ctx: Context, usage: Usage) -> FoundKey:
    identifier = ctx.command.p2
    found = find(ctx, usage, identifier)
    if found is None:
        raise KeyUnknown(missing(ctx, usage, f"{usage} key {identifier:02X}"))
    return found
