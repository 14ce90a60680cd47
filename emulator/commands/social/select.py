"""SELECT (选择文件; Part 5, 6.11) and the FCI that it answers."""

from dataclasses import replace
from typing import Final

from cardfs.firewall import surviving
from cardfs.life import command_set_of
from cardfs.model.errors import ApplicationBlocked, CardBlocked, FileUnknown
from cardfs.model.fci import directory, issuer_data
from cardfs.model.fci import fci as template
from cardfs.model.files import MF_FID, SSSE_NAME, Df, DfKind, child, parent

from ...card.apdu import BY_NAME
from ...card.context import DONE, Answer, Context
from ...card.reasons import no_df, no_ef, no_name
from ...card.session import Scan
from ...status import LengthWrong

NEXT: Final = 0x02
BY_DF_FID: Final = 0x00
BY_EF_FID: Final = 0x02
NAME_LENGTHS: Final = range(0x05, 0x11)


def select(ctx: Context) -> Answer:
    """Select the MF, a DF or an EF (选择文件; Part 5, 6.11). A refusal leaves the old selection.

    Raises:
        LengthWrong: the length of the data is not that of an identifier or a name.
        FileUnknown: there is no such file, or it is internal.
        ApplicationBlocked, CardBlocked: the application or its environment is locked.
    """
    command = ctx.command
    data = command.data
    if command.p1 == BY_NAME:
        if len(data) not in NAME_LENGTHS:
            raise LengthWrong(f"a DF name has 5 to 16 bytes, not {len(data)}")
        return _select_by_name(ctx, data, following=command.p2 == NEXT)
    if len(data) != 2 and (data or command.p1 == BY_EF_FID):
        raise LengthWrong(f"a file identifier has 2 bytes, not {len(data)}")
    fid = int.from_bytes(data) if data else MF_FID
    if command.p2 == NEXT:
        raise FileUnknown("there is no next file: an identifier belongs to one file only")
    if command.p1 == BY_DF_FID:
        path = _find_df(ctx, fid)
        if path is None and not (ctx.settings.select.ef_with_p1_00 and child(ctx.session.df, fid) in ctx.image.efs):
            path = ctx.image.df_by_fid(fid)
        if path is not None:
            return _enter(ctx, ctx.image.dfs[path])
        if not ctx.settings.select.ef_with_p1_00:
            raise no_df(ctx.image, ctx.session.df, fid)
    return _select_ef(ctx, fid)


def _find_df(ctx: Context, fid: int) -> str | None:
    """Return the path of the DF with a FID: the MF, the current DF, or one below, beside or above it; or None."""
    image, here = ctx.image, ctx.session.df
    if fid == MF_FID:
        return image.root
    dfs = image.dfs
    above = parent(here)
    for path in (here if dfs[here].fid == fid else "", child(here, fid), child(above, fid), above):
        if path in dfs and dfs[path].fid == fid:
            return path
    return None


def _select_ef(ctx: Context, fid: int) -> Answer:
    here = ctx.session.df
    path = child(here, fid)
    ef = ctx.image.efs.get(path)
    if ctx.image.dfs[here].blocked and (ef is not None or ctx.command.p1 == BY_EF_FID):
        raise ApplicationBlocked(f"{ctx.image.label(here)} is permanently locked")
    if ef is None:
        raise no_ef(ctx.image, here, fid)
    if ef.sfi is None:
        # A file without SFI is internal: reachable by the trade commands only (Part 6, 6.6).
        raise FileUnknown(f"{ctx.image.label(path)} is internal: no command selects it")
    ctx.session.ef, ctx.session.pointer = path, None
    return DONE


def _select_by_name(ctx: Context, name: bytes, *, following: bool) -> Answer:
    """Select a DF by name or, where the profile allows it, by the beginning of its name (Part 5, 6.11.5)."""
    seen: frozenset[str] = frozenset()
    if following:
        scan = ctx.session.scan
        seen = scan.seen if scan and scan.name == name else frozenset((ctx.session.df,))
    environment = ctx.image.environment(ctx.session.df)
    found = ctx.image.df_by_name(environment, name)
    if found is None or found.path in seen:
        candidates = [ctx.image.dfs[path] for path in ctx.image.reachable(environment) if path not in seen]
        found = next((df for df in candidates if df.name == name), None)
        if found is None and ctx.settings.select.partial_names:
            found = next((df for df in candidates if df.name.startswith(name)), None)
    if found is None:
        raise no_name(ctx.image, ctx.session.df, name, following=following)
    answer = _enter(ctx, found)
    # A walk begins with its second step: until then all that was seen is the current DF.
    ctx.session.scan = Scan(name, seen | {found.path}) if following else None
    return answer


def _enter(ctx: Context, df: Df) -> Answer:
    """Select a DF as its command set does, and answer its FCI."""
    image = ctx.image
    selection = ctx.selections.get(command_set_of(image, df.path))
    if selection is not None and image.dfs[image.environment(df.path)].blocked:
        raise CardBlocked(f"{image.label(image.environment(df.path))} is permanently locked")
    if selection is not None and (df.blocked or df.suspended):
        return selection.locked(ctx, df)
    make_current(ctx, df)
    if df.blocked:
        # It becomes current all the same, so that later commands get 9303 and reach no other DF (Part 7, 13.2).
        return ctx.refuse(ApplicationBlocked(f"{df.label} is permanently locked"))
    if selection is not None:
        selection.entered(ctx, df)
        return Answer(selection.fci(ctx, df))
    return Answer(image.parsed(df.path, df, fci_by_fid if image.info.settings.select.mf_fci == "fid" else fci))


def make_current(ctx: Context, df: Df) -> None:
    """Make a DF current, and keep the proofs that the firewall lets survive (Part 5, 6.11.1)."""
    session, image = ctx.session, ctx.image
    session.ef = session.pointer = None
    # In the same DF the security state stays (Part 5, 6.11.1).
    if df.path != session.df:
        session.df = df.path
        session.challenge = session.state = None
        session.proofs = surviving(session.proofs, image.environment(df.path), image.pins, image.info.settings.state)


def fci_by_fid(df: Df) -> bytes:
    """Return the FCI of a DF; an MF without a name has its identifier in the place of the name."""
    return fci(replace(df, name=MF_FID.to_bytes(2)) if not df.name and df.kind is DfKind.MF else df)


def fci(df: Df) -> bytes:
    """Return the FCI of a DF (Part 5, 6.11.4, tables 36 to 38)."""
    if df.kind is DfKind.ADF:
        return template(df.name, None)
    data = df.issuer_data if df.name == SSSE_NAME or df.kind is DfKind.DDF else b""
    return template(df.name or None, directory(df.directory_sfi) + issuer_data(data))
