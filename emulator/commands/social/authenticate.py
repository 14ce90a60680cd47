"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATION (Part 5, 6.4, 6.5 and 6.7; Part 4, 9)."""

from typing import Final

from cardfs.life import master_of
from keys.records import KeyRef, Usage

from ...card.context import DONE, FAILED_TRY, Answer, Context
from ...card.reasons import no_key, of
from ...card.tries import compare, require_tries

LOCAL_KEY: Final = 0x80
ORIGINAL_AT: Final = 8
VERSION_AT: Final = 16
_PROVING: Final = (*(usage for usage in Usage if usage.proves), Usage.MASTER, Usage.TRANSPORT)


def get_challenge(ctx: Context) -> Answer:
    """Answer 4, 8 or 16 random bytes (获取随机数; Part 5, 6.5); they replace an older challenge."""
    challenge = ctx.random(ctx.command.le or 0)
    ctx.session.challenge = challenge
    return Answer(challenge)


def external_authentication(ctx: Context) -> Answer:
    """Let the terminal prove that it knows a key (外部鉴别; Part 7, 6.5 and 6.6).

    The key is one of the environment or, with b7 of P2, of the current ADF (Part 5, table 14).

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyUnknown, MethodBlocked: there is no such key or version, or it has no tries left.
        ChallengeUnusable
    """
    data = ctx.command.data
    image = ctx.image
    ref = _named_key(ctx, ctx.command.p2)
    key = ctx.version_of(ref, _version(data)).require(*_PROVING)
    at = (ref, key.version)
    require_tries(ctx, at, key.name)
    expected = key.suite.authentication_data(image.expanded(at), ctx.require_challenge(), data[ORIGINAL_AT:VERSION_AT])
    counts = bool(key.tries_max) and key.usage.can_lock
    left = compare(ctx, at, expected, data[:ORIGINAL_AT], counts=counts)
    if left is not None:
        return Answer(word=FAILED_TRY | left, reason=f"authentication with {key.name} failed")
    ctx.session.proofs |= {ref}
    return DONE


def _named_key(ctx: Context, kid: int) -> KeyRef:
    """Return the key of EXTERNAL AUTHENTICATION.

    The standard reserves P2 00; until personalisation ends it means the master key in control.

    Raises:
        KeyUnknown: there is none with this identifier.
    """
    if not kid:
        master = master_of(ctx.image, ctx.session.df)
        if master is not None:
            return master
    here = ctx.session.df
    owner = here if kid & LOCAL_KEY else ctx.image.environment(here)
    ref = ctx.image.ref_by_kid(owner, kid)
    if ref is None:
        raise no_key(ctx.image, owner, f"key {kid:02X}", lambda _, key: key.kid == kid)
    return ref


def internal_authentication(ctx: Context) -> Answer:
    """Prove the card, or the application, to the terminal (内部鉴别; Part 7, 5.4).

    The session key is derived from random 1, the first 8 bytes of the data; the answer is random 2 enciphered, 8 bytes.

    Raises:
        KeyUnknown: neither the DF nor its environment has a key for it.
    """
    data = ctx.command.data
    for owner in (ctx.session.df, ctx.environment):
        ref = ctx.image.ref_by_usage(owner, Usage.INTERNAL_AUTH)
        if ref is not None:
            key = ctx.version_of(ref, _version(data)).require(Usage.INTERNAL_AUTH)
            expanded = ctx.image.expanded((ref, key.version))
            return Answer(key.suite.authentication_data(expanded, data[:ORIGINAL_AT], data[ORIGINAL_AT:VERSION_AT]))
    raise no_key(ctx.image, ctx.session.df, "key for internal authentication", of(Usage.INTERNAL_AUTH))


def _version(data: bytes) -> int | None:
    return data[VERSION_AT] if len(data) > VERSION_AT else None
