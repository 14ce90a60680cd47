"""SELECT, GET CHALLENGE and INITIALIZE ENVIRONMENT of a security module (Part 9, 9.1 to 9.3)."""

from typing import Final

from cardfs.model.errors import ApplicationBlocked, FileUnknown
from cardfs.model.fci import directory, issuer_data
from cardfs.model.fci import fci as template
from cardfs.model.files import Df, DfKind, child
from cardfs.model.psam_keys import DIRECTORY_FILE, FCI_DATA_LENGTH, PUBLIC_FILE

from ...card.apdu import BY_NAME
from ...card.context import DONE, Answer, Context, Selection
from ...status import DataWrong, LengthWrong
from ..social import select as user_card
from .state import block_length, remember, state_of

SSF33_NAME: Final = bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF")
SSF33_FID: Final = 0xDDF1
CHALLENGES: Final = {8: (4, 8), 16: (4, 8, 16)}
"""Lengths of a challenge by block length (Part 9, 9.2.3)."""


def select(ctx: Context) -> Answer:
    """Select an environment, its application or an EF (选择文件; Part 9, 9.1), by the rules of a user card.

    P1 02 also selects a DF, since some terminals select DF01 with it.

    Raises:
        LengthWrong, FileUnknown, ApplicationBlocked
    """
    command = ctx.command
    try:
        try:
            return user_card.select(ctx)
        except FileUnknown:
            if command.p1 != user_card.BY_EF_FID:
                raise
            ctx.command = command._replace(p1=user_card.BY_DF_FID)
            return user_card.select(ctx)
    except FileUnknown as refusal:
        by_name = command.p1 == BY_NAME
        if command.data == (SSF33_NAME if by_name else SSF33_FID.to_bytes(2)):
            raise FileUnknown(
                "this is the environment of SSF33, which is not public: the card has those of 3DES and SM4 only"
            ) from refusal
        raise


def fci(ctx: Context, df: Df) -> bytes:
    """Return the FCI of a DF: its name; for an environment also its directory and the end of file 0015 (Part 9, 5.2).

    The standard gives no layout; this is that of the user card (Part 5, 6.11.4).
    """
    if df.kind is DfKind.ADF:
        return template(df.name, None)
    listed = DIRECTORY_FILE if child(df.path, DIRECTORY_FILE) in ctx.image.efs else None
    public = ctx.image.contents.get(child(df.path, PUBLIC_FILE))
    data = public[-FCI_DATA_LENGTH:] if isinstance(public, bytes) else b""
    return template(df.name, directory(listed) + issuer_data(data))


def _locked(_ctx: Context, df: Df) -> Answer:
    raise ApplicationBlocked(f"{df.label} is locked")


SELECTION: Final = Selection(fci, lambda _ctx, _df: None, _locked)


def get_challenge(ctx: Context) -> Answer:
    """Answer 4 or 8 random bytes, in an environment with a 16-byte cipher also 16 (获取随机数; Part 9, 9.2).

    Raises:
        LengthWrong: Le is none of these.
    """
    length = ctx.command.le or 0
    block = block_length(ctx)
    if length not in CHALLENGES[block]:
        raise LengthWrong(f"with blocks of {block} bytes a challenge cannot have {length} bytes")
    challenge = ctx.random(length)
    ctx.session.challenge = challenge
    return Answer(challenge)


def initialize_environment(ctx: Context) -> Answer:
    """Store the first byte of the user card's identification code (环境初始化; Part 9, 9.3), a province in cn.

    The standard does not say what it is for, so nothing depends on it.

    Raises:
        DataWrong: the byte is not two digits.
    """
    if ctx.settings.psam.init_environment == "remember":
        if not ctx.command.data.hex().isdecimal():
            raise DataWrong("the data are not two digits of a region code")
        remember(ctx, state_of(ctx)._replace(region=ctx.command.data[0]))
    return DONE
