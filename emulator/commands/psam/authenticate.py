"""EXTERNAL AUTHENTICATION of a security module (Part 9, 9.4): the issuer that loads keys proves an own key first."""

from typing import Final

from cardfs.model.errors import AccessDenied
from keys.errors import KeyUnknown
from keys.records import KeyRef, Usage

from ...card.context import DONE, FAILED_TRY, Answer, Context
from ...card.tries import compare, require_tries
from ..social.authenticate import ORIGINAL_AT, VERSION_AT
from .state import application, not_there

MASTER: Final = 0x00


def external_authentication(ctx: Context) -> Answer:
    """Let an issuer prove a key (外部认证): P2 01 to 03 an own key (PSAM卡自用密钥), P2 00 the master key of the DF.

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyUnknown, ConditionsUnmet: see `own_key`.
        MethodBlocked: no tries are left.
        ChallengeUnusable
        AccessDenied: the value is wrong, and ``psam.auth_error`` answers 6982.
    """
    data = ctx.command.data
    ref = own_key(ctx, ctx.command.p2)
    key = ctx.version_of(ref, data[VERSION_AT] if len(data) > VERSION_AT else None)
    key.require(Usage.EXTERNAL_AUTH, Usage.MASTER)
    at = (ref, key.version)
    require_tries(ctx, at, key.name)
    expected = key.suite.authentication_data(
        ctx.image.expanded(at), ctx.require_challenge(), data[ORIGINAL_AT:VERSION_AT]
    )
    left = compare(ctx, at, expected, data[:ORIGINAL_AT], counts=bool(key.tries_max))
    if left is not None:
        reason = f"authentication with {key.name} failed"
        if ctx.settings.psam.auth_error == "6982":
            raise AccessDenied(reason)
        return Answer(word=FAILED_TRY | left, reason=reason)
    ctx.session.proofs = ctx.session.proofs | {ref}
    return DONE


def own_key(ctx: Context, kid: int) -> KeyRef:
    """Return the master key of the current DF (identifier 00) or an own key of the current application.

    Raises:
        KeyUnknown: there is none with this identifier.
        ConditionsUnmet: it is an own key, and no application is selected.
    """
    if kid == MASTER:
        ref = ctx.image.ref_by_usage(ctx.session.df, Usage.MASTER)
        if ref is None:
            raise KeyUnknown(f"{ctx.image.label(ctx.session.df)} has no master key")
        return ref
    here = application(ctx)
    # A purchase key may have the same identifier, so look among the authentication keys only.
    for at in ctx.image.keys_for(here, Usage.EXTERNAL_AUTH):
        if ctx.image.keys[at].kid == kid:
            return at[0]
    raise not_there(ctx, f"{kid:02X} of its own")
