"""Personalisation of files: create, write and delete them, and build their rules (Part 4, 5; Part 10, 5)."""

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Final

from cardfs.life import Operation, controlling_key
from cardfs.model import fci
from cardfs.model.errors import ApplicationBlocked, ConditionsUnmet, FileUnknown
from cardfs.model.files import (
    FINANCIAL_SETS,
    MAX_RECORDS,
    MF_FID,
    CommandSet,
    Contents,
    Df,
    DfKind,
    Ef,
    Phase,
    Structure,
    child,
)
from cardfs.model.records import Mode, written
from cardfs.model.rules import FREE_RULE, NEVER_RULE, Rule, make_rule
from keys.errors import CardError
from keys.records import KeyRef, KeyState, Usage

from ...card.context import Context
from ...status import DataWrong
from .authority import MASTER_USAGES, allow

PIN_REFERENCE: Final = 0xFE
"""Stands for the PIN of the environment where rules name keys by their identifiers."""
LOCAL_PIN_REFERENCE: Final = 0xFD
"""Stands for a PIN of the current DF's own."""
RESERVED_KIDS: Final = frozenset((PIN_REFERENCE, LOCAL_PIN_REFERENCE))

LOCAL_KEY: Final = 0x80
SFIS: Final = range(1, 31)
CREATES: Final = {DfKind.MF: Operation.CREATE_MF, DfKind.DDF: Operation.CREATE_DDF, DfKind.ADF: Operation.CREATE_ADF}


def create_df(
    ctx: Context,
    fid: int,
    kind: DfKind,
    name: bytes,
    *,
    lock_kid: int | None = None,
    directory_sfi: int | None = None,
    issuer_data: bytes = b"",
    command_set: CommandSet = CommandSet.SOCIAL,
    proprietary: bytes = b"",
) -> None:
    """Create an environment or an application below the current DF, or set the attributes of the MF.

    Args:
        fid: file identifier; ignored for the MF.
        name: DF name of 5 to 16 bytes, or empty.
        lock_kid: identifier of the key that locks the application, None for none.
        directory_sfi: SFI of the directory file, 1 to 30, None for none.
        issuer_data: value of tag 9F0C in the FCI.
        proprietary: further TLV objects of tag A5 in the FCI.

    Raises:
        LifeForbids, AccessDenied
        DataWrong: the FID or the name is taken, or an attribute is not valid.
    """
    allow(ctx, CREATES[kind])
    image = ctx.image
    path = image.root if kind is DfKind.MF else child(ctx.session.df, fid)
    if kind is not DfKind.MF:
        _check_fid(ctx, fid, path)
    if name and any(df.name == name and df.path != path for df in image.dfs.values()):
        raise DataWrong("a DF with this name exists (Part 3, 5.2.1)")
    if len(name) > 16 or 0 < len(name) < 5:
        raise DataWrong(f"a DF name has 5 to 16 bytes, not {len(name)}")
    if directory_sfi is not None and directory_sfi not in SFIS:
        raise DataWrong(f"a directory file has SFI 1 to 30, not {directory_sfi:02X}")
    if command_set not in allowed_sets(ctx, kind):
        raise DataWrong(f"no {kind} here can have the commands of {command_set}")
    if not fci.fits(name, fci.directory(directory_sfi), fci.issuer_data(issuer_data), proprietary):
        raise DataWrong(f"the FCI of this DF would have more than {fci.LONGEST} bytes, too long for one answer")
    phase = {DfKind.DDF: Phase.CREATED, DfKind.MF: image.dfs[image.root].phase}.get(kind, Phase.OPERATIONAL)
    df = Df(
        path,
        image.dfs[path].fid if kind is DfKind.MF else fid,
        kind,
        name,
        directory_sfi=directory_sfi,
        issuer_data=issuer_data,
        lock_kid=lock_kid,
        phase=phase,
        command_set=command_set,
        proprietary=proprietary,
    )
    ctx.change().put_df(df)


def allowed_sets(ctx: Context, kind: DfKind) -> frozenset[CommandSet]:
    """Return the command sets that a new DF of a kind below the current one can have."""
    if kind is DfKind.DDF:
        return frozenset((CommandSet.SOCIAL, CommandSet.FINANCIAL))
    here = ctx.image.dfs[ctx.session.df].command_set
    return FINANCIAL_SETS if here is CommandSet.FINANCIAL and kind is DfKind.ADF else frozenset((here,))


def write_data(ctx: Context, fid: int, at: int, data: bytes) -> None:
    """Write data into a file of the current DF, also into an internal one that no other command reaches.

    Args:
        at: offset in a transparent or internal file; number of the record in a linear file. In a cyclic file it is
            ignored: the data become the newest record.

    Raises:
        LifeForbids, AccessDenied
        DataWrong: there is no such file or place, or the data do not fit.
    """
    allow(ctx, Operation.WRITE_DATA)
    path = child(ctx.session.df, fid)
    ef, contents = ctx.image.efs.get(path), ctx.image.contents.get(path)
    if ef is None or contents is None:
        raise DataWrong(f"{ctx.image.label(ctx.session.df)} has no EF {fid:04X}")
    if isinstance(contents, bytes):
        end = at + len(data)
        if end > len(contents):
            raise DataWrong(f"bytes {at} to {end} in a file of {len(contents)} bytes")
        ctx.change().put_contents(path, contents[:at] + data + contents[end:])
        return
    cyclic = ef.structure is Structure.CYCLIC
    try:
        new, _ = written(ef, contents, Mode.PREVIOUS if cyclic else Mode.NUMBER, 0 if cyclic else at, None, data)
    except CardError as error:
        raise DataWrong(error.reason) from None
    ctx.change().put_contents(path, new)


def create_ef(ctx: Context, ef: Ef) -> None:
    """Create an empty EF below the current DF.

    Raises:
        LifeForbids, AccessDenied
        DataWrong: FID or SFI is taken, or an attribute is not valid.
    """
    allow(ctx, Operation.CREATE_EF)
    image = ctx.image
    _check_fid(ctx, ef.fid, ef.path)
    if ef.sfi is not None and (ef.sfi not in SFIS or image.ef_by_sfi(ef.parent, ef.sfi)):
        raise DataWrong(f"SFI {ef.sfi:02X} is taken or not one of 1 to 30 (Part 3, 5.2)")
    above = image.dfs[ef.parent]
    if above.command_set is CommandSet.PURSE and ef.fid == fci.PURSE_DATA:
        _check_shown(above, ef)
    flat = ef.structure in (Structure.TRANSPARENT, Structure.INTERNAL)
    sized = flat or ef.structure is Structure.LINEAR_VARIABLE
    if not (ef.size if sized else ef.record_length) or not (flat or 1 <= ef.max_records <= MAX_RECORDS):
        raise DataWrong(f"a {ef.structure} file cannot have this size")
    if flat:
        # It has no records, so ignore what the coding says of them.
        ef = replace(ef, record_length=0, max_records=min(ef.max_records, MAX_RECORDS))
    unwritten = 0 if ef.structure is Structure.INTERNAL else ctx.settings.data.unwritten_byte
    contents: Contents = bytes((unwritten,)) * ef.size if flat else ()
    ctx.change().put_ef(ef, contents)


def _check_shown(df: Df, ef: Ef) -> None:
    """Refuse a file that the FCI of a purse shows whole, if that FCI would be too long for one answer: `DataWrong`."""
    if ef.structure is Structure.TRANSPARENT and not fci.fits(df.name, df.proprietary, fci.issuer_data(bytes(ef.size))):
        raise DataWrong(f"the FCI of {df.label} shows this file, and would have more than {fci.LONGEST} bytes")


def _check_fid(ctx: Context, fid: int, path: str) -> None:
    if fid == MF_FID:
        raise DataWrong("3F00 is the MF (Part 3, 5.2)")
    if path in ctx.image.dfs or path in ctx.image.efs:
        raise DataWrong(f"file {fid:04X} exists already")


def rule_from(ctx: Context, alternatives: list[list[int]], df: str) -> Rule:
    """Return the rule for a file of a DF from key identifiers; b7 means a key of that DF, else one of its environment.

    The keys need not exist yet: a rule means whatever is loaded later under the identifier.

    Args:
        alternatives: the key identifiers of each alternative, or `PIN_REFERENCE` or `LOCAL_PIN_REFERENCE`. No
            alternative means never; an empty one means free.
        df: path of the DF.
    """
    if not alternatives:
        return NEVER_RULE
    if [] in alternatives:
        return FREE_RULE
    environment = ctx.image.environment(df)

    def resolve(kid: int) -> KeyRef:
        if kid == PIN_REFERENCE:
            return KeyRef(environment, ctx.image.key_name(environment, None, Usage.PIN))
        if kid == LOCAL_PIN_REFERENCE:
            return KeyRef(df, ctx.image.key_name(df, None, Usage.PIN))
        owner = df if kid & LOCAL_KEY else environment
        return KeyRef(owner, ctx.image.key_name(owner, kid))

    return make_rule(frozenset(resolve(kid) for kid in each) for each in alternatives)


def delete_file(ctx: Context, fid: int) -> None:
    """Delete a file below the current DF with all that is in it; not after the handover or END (Part 10, 5.2.3).

    Raises:
        LifeForbids, AccessDenied, FileUnknown
        ConditionsUnmet: it is an environment with a master key of its own.
        ApplicationBlocked: it is locked, which is for good.
    """
    allow(ctx, Operation.DELETE_FILE)
    path = child(ctx.session.df, fid)
    df = ctx.image.dfs.get(path)
    if df is None and path not in ctx.image.efs:
        raise FileUnknown(f"{ctx.image.label(ctx.session.df)} has no file {fid:04X}")
    if df is not None and df.kind is DfKind.DDF and df.phase is not Phase.CREATED:
        raise ConditionsUnmet(f"{df.label} has a master key of its own")
    _refuse_locked(ctx, (path,))
    ctx.change().delete(path)
    _forget(ctx, (path,))


def delete_all(ctx: Context, keep: Container[str] = ()) -> None:
    """Delete everything below the current environment, or the whole structure of the card.

    An environment keeps its master key. In the MF the card master key is deleted too, and the transport key becomes
    valid again (Part 10, 5.1.1).

    Args:
        keep: paths of EFs of the current DF that stay.

    Raises:
        LifeForbids, AccessDenied
        ConditionsUnmet: an environment below has a master key of its own.
        ApplicationBlocked: a DF below is locked, which is for good.
    """
    edge = allow(ctx, Operation.DELETE_ALL)
    image, here = ctx.image, ctx.session.df
    below = image.children(here)
    if any(image.dfs[path].kind is DfKind.DDF and image.dfs[path].phase is not Phase.CREATED for path in below):
        raise ConditionsUnmet("an environment has a master key of its own")
    _refuse_locked(ctx, below)
    change = ctx.change()
    for path in (*below, *(path for path, ef in image.efs.items() if ef.parent == here and path not in keep)):
        change.delete(path)
    change.delete_keys(at for at, key in image.keys.items() if at[0].owner == here and key.usage not in MASTER_USAGES)
    if edge.kind is DfKind.MF:
        for at, key in image.keys.items():
            if key.usage is Usage.MASTER and at[0].owner == here:
                change.delete_keys((at,))
            elif key.usage is Usage.TRANSPORT:
                change.put_key(at[0], replace(key, state=KeyState.ACTIVE))
        ctx.session.proofs = frozenset()
    change.put_df(replace(image.dfs[here], phase=edge.following))
    _forget(ctx, below)
    controlling = controlling_key(image, here, edge.authority)
    ctx.session = ctx.session._replace(
        proofs=frozenset(ref for ref in ctx.session.proofs if ref.owner != here or ref == controlling)
    )


def _refuse_locked(ctx: Context, paths: Iterable[str]) -> None:
    for path in paths:
        if path in ctx.image.dfs and ctx.image.dfs[path].blocked:
            raise ApplicationBlocked(f"{ctx.image.label(path)} is permanently locked")


def _forget(ctx: Context, gone: Iterable[str]) -> None:
    """Drop the current EF, and the proofs of DFs that are deleted."""
    owners = frozenset(gone)
    proofs = frozenset(ref for ref in ctx.session.proofs if ref.owner not in owners)
    ctx.session = ctx.session._replace(ef=None, pointer=None, proofs=proofs)
