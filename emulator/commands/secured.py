"""Updates under secure messaging (CLA 04; Part 4, 8.5; Part 7, 7.3 and 7.4)."""

from cardfs.files import Ef
from keys.errors import MacMissing
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ..context import Context
from ..status import UnknownClass


def update_data(ctx: Context, ef: Ef) -> bytes:
    """Return the data to write: of a secured command without its verified MAC.

    The maintenance key of the DF that holds the file protects it: STK of the environment, STKDFnn in
    an application (Part 6, table 3).

    Raises:
        UnknownClass: the file does not support secured updates.
        MacMissing: the file demands a MAC and the command has none.
        KeyUnknown, ChallengeUnusable, MacWrong
    """
    command = ctx.command
    label = ctx.image.label(ef.path)
    demanded = ef.secured and ctx.settings.sm.update_commands == "per-file"
    if not command.secured:
        if demanded:
            raise MacMissing(f"{label} takes updates with a MAC only")
        return command.data
    if not demanded:
        raise UnknownClass(f"{label} takes updates without secure messaging")
    _, maintenance = ctx.key_for(Usage.MAC_ENC, ef.parent)
    session_key = ctx.session_key(maintenance)
    if len(command.data) <= MAC_LENGTH:
        raise MacMissing("the data field is too short to end in a MAC")
    return ctx.unwrap(maintenance, session_key)
