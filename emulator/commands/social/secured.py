"""Updates under secure messaging (CLA 04; Part 4, 8.5, case 3; Part 7, 7.3 and 7.4)."""

from cardfs.memory.securing import of_update
from cardfs.model.files import Ef, Protection
from keys.errors import CipherDataWrong, KeyUnknown, MacMissing, SecuredDataWrong
from keys.records import Key, Usage
from keys.suites import MAC_LENGTH

from ...card.context import Context
from ...card.tries import unwrap
from ...status import SecuringUnsupported


def update_data(ctx: Context, ef: Ef) -> bytes:
    """Return the data that an update writes; of a secured one its MAC is verified, and a cipher deciphered.

    Raises:
        SecuringUnsupported: the file does not support secured updates.
        MacMissing: the file demands a MAC and the command has none.
        ChallengeUnusable, MacWrong
        SecuredDataWrong: the MAC is right, but the deciphered data are not ``LD || data || padding``.
    """
    command = ctx.command
    if not command.secured:
        if ef.secured_update is not Protection.NONE and of_update(ef, ctx.settings) is not Protection.NONE:
            raise MacMissing(f"{ctx.image.label(ef.path)} takes updates with a MAC only")
        return command.data
    protection = of_update(ef, ctx.settings)
    if protection is Protection.NONE:
        raise SecuringUnsupported(f"{ctx.image.label(ef.path)} takes updates without secure messaging")
    maintenance, session_key, data = verified(ctx, ef, least=1)
    return _deciphered(maintenance, session_key, data) if protection is Protection.CIPHER else data


def verified(ctx: Context, ef: Ef, *, least: int = 0) -> tuple[Key, bytes, bytes]:
    """Verify the MAC of a command on a file; return its key, the session key and the data before the MAC.

    The maintenance key of the DF that holds the file protects it: STK of the environment, STKDFnn in an
    application (Part 6, table 3). MAC and cipher have one session key, since the DF has one such key (Part 4, 8.4).

    Args:
        least: smallest number of bytes before the MAC.

    Raises:
        SecuringUnsupported: the DF has no such key; tables 30, 33, 42 and 45 have no 6A88.
        ChallengeUnusable, MacWrong
        MacMissing: the data field is too short.
    """
    try:
        _, maintenance = ctx.key_for(Usage.MAC_ENC, ef.parent)
    except KeyUnknown as error:
        raise SecuringUnsupported(error.reason) from error
    session_key = ctx.session_key(maintenance)
    if len(ctx.command.data) < MAC_LENGTH + least:
        raise MacMissing("the data field is too short to end in a MAC")
    return maintenance, session_key, unwrap(ctx, maintenance, session_key)


def _deciphered(maintenance: Key, session_key: bytes, data: bytes) -> bytes:
    """Decipher the data of an update, of which there is at least one byte (Part 4, 8.3.3.2 and 8.3.4)."""
    try:
        plain = maintenance.suite.decrypt_data(session_key, data)
    except CipherDataWrong as error:
        raise SecuredDataWrong(error.reason) from None
    if not plain:
        raise SecuredDataWrong("LD is 00, but an update needs data")
    return plain
