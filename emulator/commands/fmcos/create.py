"""The coding `fmcos`: FMCOS 2.0, as in its manuals and in the public client fmcos.py.

All integers are big-endian; clauses are those of the FMCOS 2.0 user manual (FMCOS2.0用户手册).
`cardfs.memory.fmcos_heads` explains the bytes of a head.

    80 E0 FID Lc    CREATE FILE (7.13), a DF:  38 | size 2 | create 1 | erase 1 | SFI 1 | FFFF | name 5 to 16
                    the key file:              3F | size 2 | SFI 1 | add 1 | FFFF
                    another EF:                type 1 | size 2 | read 1 | update 1 | FF | access 1
                    passbook 0001, purse 0002: 2F | 0208 | use 1 | 00 | FF | SFI of its log 1
    80 D4 P1 ID Lc  WRITE KEY (7.12), in clear: type 1 | use 1 | change 1 | next 1 | tries 1 | value
    84 D4 P1 ID Lc  the same, cipher | MAC 4:  enciphered LD | type to value, under the master key
    80 0E 00 00 00  ERASE DF (7.11): everything below the current directory

Of a record file the size is a number of records and their length. P1 of WRITE KEY is 01 to add, else
the type of the key to update. The master key of a directory (主控密钥) is its key 39 with identifier 00,
and until it has one that of the directory above. A key whose type has b8 b7 set is updated enciphered
only, and only so can it be added; a plain one may become such a key in clear (``settings.personalisation.protect``).

CREATE FILE for 3F00 in an erased MF sets its attributes anew. The size of a directory does not limit its files unless
``settings.personalisation.space`` says so: a directory takes the space of its files (4.2).

The life-cycle table allows these operations in every phase and asks for no key; FMCOS' own permission
bytes are stricter: the create and erase bytes of the directory, the add byte of its key file, the change
byte of the key. FMCOS has no rule on weak keys, and its cards come with one.

A directory with a passbook or purse (2F) has the commands of `emulator.commands.financial.purse`. The other commands in
use, which replace the standard's, are in `emulator.commands.fmcos.use`.
"""

from dataclasses import replace
from typing import Final

from cardfs.life import Operation, edge_for
from cardfs.memory.fmcos_heads import (
    AUTHENTICATION,
    CIPHER_BIT,
    COUNTED,
    DIRECTORY,
    HEAD_SPACE,
    HEADS_FID,
    KEY_SPACE,
    KIND,
    LIMITED,
    MAC_BIT,
    MF_NAME,
    MF_SIZE,
    PIN,
    PURSE,
    STRUCTURES,
    USAGES,
    FileHead,
    KeyHead,
    file_heads,
    heads_ef,
    heads_path,
    key_file,
    key_heads,
    pack_keys,
    right,
)
from cardfs.model import accounts, fci
from cardfs.model.errors import ConditionsUnmet, FileUnknown, NoSpace
from cardfs.model.files import MAX_RECORDS, MF_FID, CommandSet, DfKind, Ef, Structure, child, parent
from cardfs.model.rules import NEVER_RULE
from keys.errors import KeyUnknown, MacMissing
from keys.purse import decipher
from keys.records import Key, KeyRef

from ...card.context import DONE, Answer, Context
from ...card.reasons import numbers
from ...status import DataWrong, LengthWrong, ParametersWrong
from ..fmcos_state import prepare, require
from ..personalise import authority
from ..personalise import files as file_operations
from ..personalise import keys as key_operations

ADD: Final = 0x01
EF_LENGTH: Final = 7
DF_LENGTHS: Final = range(8 + 5, 8 + 17)
MAX_RECORD: Final = 248
MAX_LEVEL: Final = 2
PIN_LENGTHS: Final = range(2, 9)
KEY_LENGTHS: Final = (8, 16)
ACCOUNT_SIZE: Final = 0x0208


# -- CREATE FILE ------------------------------------------------------------------------------------


def create(ctx: Context) -> Answer:
    """Create a directory, its key file or another EF below the current directory (7.13).

    Raises:
        LengthWrong, ParametersWrong, DataWrong: Lc, FID or head is not valid, or the file exists.
        AccessDenied: the create byte of the directory does not hold.
        NoSpace
        ConditionsUnmet: the key file is not the first file of its directory.
    """
    prepare(ctx)
    here, data = ctx.session.df, ctx.command.data
    fid = ctx.command.p1 << 8 | ctx.command.p2
    head = FileHead(fid, data[0], int.from_bytes(data[1:3]), data[3], data[4], data[5], data[6])
    if (head.type == DIRECTORY and len(data) not in DF_LENGTHS) or (head.type != DIRECTORY and len(data) != EF_LENGTH):
        raise LengthWrong(f"a directory has Lc {numbers(DF_LENGTHS)}, any other file {EF_LENGTH:02X}")
    heads = file_heads(ctx.image, here)
    require(ctx, right(heads[0].first, here, ctx.image.root, when_open=True), "creating files")
    path = child(here, fid)
    if fid == MF_FID and head.type == DIRECTORY and len(heads) == 1 and here == ctx.image.root:
        _create_mf(ctx, head, data[8:])
        return DONE
    if fid in (MF_FID, HEADS_FID) or path in ctx.image.dfs or path in ctx.image.efs:
        raise ParametersWrong(f"file {fid:04X} exists already")
    if head.kind == PURSE and (head.type != PURSE or head.size != ACCOUNT_SIZE or fid not in accounts.LENGTHS):
        raise DataWrong("a passbook is EF 0001 and a purse EF 0002, both of type 2F and size 0208")
    _check_space(ctx, heads, head)
    if head.type == DIRECTORY:
        _create_directory(ctx, head, data[8:])
    elif head.type == PURSE:
        _create_account(ctx, heads, head)
    else:
        _create_ef(ctx, heads, head)
    return DONE


def _create_mf(ctx: Context, head: FileHead, name: bytes) -> None:
    """Set the attributes of an erased MF anew: space, rights, directory file, name; a name of FF is the default one.

    Listings of manufacturers and public ones do so after ERASE DF, and real cards answer 9000.
    """
    if ctx.image.children(ctx.image.root):
        raise ParametersWrong("the MF exists and is not empty")
    name = name if name.strip(b"\xff") else MF_NAME
    change = ctx.change()
    df = ctx.image.dfs[ctx.image.root]
    change.put_df(replace(df, name=name, directory_sfi=head.third & 0x1F or None))
    change.put_contents(heads_path(df.path), (head.pack(),))


def _check_space(ctx: Context, heads: tuple[FileHead, ...], head: FileHead) -> None:
    """Refuse a file for which there is not enough space (4.2): `NoSpace`."""
    if ctx.settings.personalisation.space == "directory":
        of, left = "directory", _left_in_directory(ctx, heads)
    else:
        of, left = "card", _left_on_card(ctx)
        if head.type == DIRECTORY:
            # A directory takes the space of its files, whatever size it was given.
            head = head._replace(size=len(ctx.command.data) - 8)
    if head.space > left or len(heads) == MAX_RECORDS:
        raise NoSpace(f"the file takes {head.space} bytes, the {of} has {left} left")


def _left_in_directory(ctx: Context, heads: tuple[FileHead, ...]) -> int:
    below = ctx.image.children(ctx.session.df)
    used = sum(each.space for each in heads[1:])
    used += sum(HEAD_SPACE + file_heads(ctx.image, path)[0].size for path in below)
    return heads[0].size - used


def _left_on_card(ctx: Context) -> int:
    """Return the free space of the MF, in bytes: files count with their heads, directories with their names."""
    image = ctx.image
    used = HEAD_SPACE
    for path, df in image.dfs.items():
        used += sum(each.space for each in file_heads(image, path)[1:])
        used += HEAD_SPACE + len(df.name) if path != image.root else 0
    return min(file_heads(image, image.root)[0].size, MF_SIZE) - used


def _create_directory(ctx: Context, head: FileHead, name: bytes) -> None:
    here = ctx.session.df
    if here.count("/") >= MAX_LEVEL:
        raise DataWrong("directories have three levels, the MF's included")
    file_operations.create_df(ctx, head.fid, DfKind.ADF, name, directory_sfi=head.third & 0x1F or None)
    ctx.change().put_ef(heads_ef(child(here, head.fid)), (head.pack(),))


def _create_ef(ctx: Context, heads: tuple[FileHead, ...], head: FileHead) -> None:
    structure = STRUCTURES.get(head.kind)
    if structure is None or head.type & (MAC_BIT | CIPHER_BIT) == CIPHER_BIT:
        raise DataWrong(
            f"the types of files are {numbers((DIRECTORY, *STRUCTURES))}; b8 asks for a MAC, b7 with it for a cipher"
        )
    here, root = ctx.session.df, ctx.image.root
    keys = structure is Structure.INTERNAL
    if keys and key_file(ctx.image, here):
        raise ParametersWrong("the directory has a key file already")
    if keys and (len(heads) > 1 or ctx.image.children(here)):
        raise ConditionsUnmet("the key file is the first file of its directory (4.1.3)")
    counted = head.kind in COUNTED
    records, length = divmod(head.size, 0x100) if counted else (MAX_RECORDS, 0)
    if counted and (not 2 <= records <= MAX_RECORDS or not 1 <= length <= MAX_RECORD):
        raise DataWrong(f"a file of {records} records of {length} bytes is not possible")
    ef = Ef(
        child(here, head.fid),
        head.fid,
        head.fid if 1 <= head.fid <= 30 and not keys else None,
        structure,
        NEVER_RULE if keys else right(head.first, here, root, when_open=True),
        NEVER_RULE if keys else right(head.second, here, root, when_open=True),
        0 if counted else head.size,
        length,
        records,
        tlv=structure is Structure.LINEAR_VARIABLE,
    )
    file_operations.create_ef(ctx, ef)
    ctx.change().put_contents(heads_path(here), tuple(each.pack() for each in (*heads, head)))


def _create_account(ctx: Context, heads: tuple[FileHead, ...], head: FileHead) -> None:
    """Create a passbook or purse, which also gives the directory the commands of one (8)."""
    here = ctx.session.df
    size = accounts.LENGTHS[head.fid]
    ef = Ef(child(here, head.fid), head.fid, None, Structure.INTERNAL, NEVER_RULE, NEVER_RULE, size)
    file_operations.create_ef(ctx, ef)
    change = ctx.change()
    version = fci.version(ctx.settings.edep.fci_version)
    change.put_df(replace(ctx.image.dfs[here], command_set=CommandSet.PURSE, proprietary=version))
    change.put_contents(heads_path(here), tuple(each.pack() for each in (*heads, head)))


def parameters_create(_p1: int, _p2: int) -> bool:
    """Return True: P1 and P2 are the FID, which may be any."""
    return True


# -- WRITE KEY --------------------------------------------------------------------------------------


def write_key(ctx: Context) -> Answer:
    """Add or update a key, in clear or enciphered and with a MAC under the master key (7.12).

    Raises:
        FileUnknown: the directory has no key file.
        KeyUnknown: there is no such key to update, or no master key.
        AccessDenied: the add byte of the key file or the change byte of the key does not hold.
        MacMissing, MethodBlocked, ChallengeUnusable, MacWrong, CipherDataWrong
        LengthWrong, DataWrong, NoSpace: the key is not valid or does not fit.
    """
    prepare(ctx)
    here, image = ctx.session.df, ctx.image
    file = key_file(image, here)
    if file is None:
        raise FileUnknown(f"{image.label(here)} has no key file")
    heads = key_heads(image, here)
    old = _old_head(heads, ctx) if ctx.command.p1 != ADD else None
    rule = right(old.change, here, image.root) if old else right(file.second, here, image.root, when_open=True)
    require(ctx, rule, "updating this key" if old else "adding a key")
    if not ctx.command.secured:
        _store(ctx, file, heads, old, _plain(ctx, old))
        return DONE
    ref, key = master_key(ctx)
    data = authority.verified(ctx, ref, key)
    _store(ctx, file, heads, old, decipher(key.suite, key.value, data))
    return DONE


def _store(ctx: Context, file: FileHead, heads: tuple[KeyHead, ...], old: KeyHead | None, data: bytes) -> None:
    """Store a key and its head, which replaces the ``old`` one."""
    here = ctx.session.df
    head, value = _read(ctx, data)
    if old and (head.kind != old.kind or head.length != old.length):
        raise LengthWrong("the new key does not have type and length of the old one")
    new = tuple(head if each is old else each for each in heads) if old else (*heads, head)
    if sum(KEY_SPACE + each.length for each in new) > file.size:
        raise NoSpace(f"the key file has {file.size} bytes")
    key = head.key(value)
    load = key_operations.KeyLoad(key.usage, key.kid, key.version, key.suite_name, key.tries_max, value, key.name)
    edge = edge_for(ctx.image, here, Operation.UPDATE_KEY if old else Operation.INSTALL_KEY)
    key_operations.load_key(ctx, load, edge, update=old is not None, check=_accept)
    ctx.change().put_contents(child(here, file.fid), pack_keys(new, file.size))


def _old_head(heads: tuple[KeyHead, ...], ctx: Context) -> KeyHead:
    kind, identifier = ctx.command.p1 & KIND, ctx.command.p2
    for head in heads:
        if (head.kind, head.identifier) == (kind, identifier):
            return head
    raise KeyUnknown(f"{ctx.image.label(ctx.session.df)} has no key of this type and identifier to replace")


def _plain(ctx: Context, old: KeyHead | None) -> bytes:
    """Return the data of WRITE KEY in clear; raise `MacMissing` if this key must come enciphered."""
    data = ctx.command.data
    both = MAC_BIT | CIPHER_BIT
    may_become = old is not None and ctx.settings.personalisation.protect == "plain"
    protected = (data[0] & both and not may_become) or (old is not None and old.type & both)
    if protected or not ctx.settings.personalisation.plain_keys:
        raise MacMissing("this key must come enciphered and with a MAC")
    return data


def master_key(ctx: Context) -> tuple[KeyRef, Key]:
    """Return the master key of the current directory, or of the nearest one above that has one (7.12).

    Raises:
        KeyUnknown: none has one.
    """
    at = ctx.session.df
    while at:
        for head in key_heads(ctx.image, at):
            if (head.kind, head.identifier) == (AUTHENTICATION, 0):
                ref = KeyRef(at, head.name)
                return ref, ctx.image.key(ref, 1).require(USAGES[AUTHENTICATION])
        at = parent(at)
    raise KeyUnknown("there is no master key, which is key 39 with identifier 00")


def _read(ctx: Context, data: bytes) -> tuple[KeyHead, bytes]:
    """Return the head of a key and its value from the data of WRITE KEY.

    Raises:
        DataWrong, LengthWrong: the head is not valid, or the value does not have the length of such a key.
    """
    if len(data) <= 5:
        raise LengthWrong("the data of a key are its head of 5 bytes and its value")
    value = data[5:]
    head = KeyHead(data[0], ctx.command.p2, data[1], data[2], data[3], data[4], len(value))
    if head.kind not in USAGES:
        raise DataWrong(f"the types of keys are {numbers(USAGES)}")
    if len(value) not in (PIN_LENGTHS if head.kind == PIN else KEY_LENGTHS):
        raise LengthWrong("the value does not have the length of a key of this type")
    if head.kind in LIMITED and not head.tries >> 4:
        raise DataWrong("a key of this type has at least one try")
    return head, value


def _accept(_ctx: Context, _load: key_operations.KeyLoad) -> None:
    """Accept any value: FMCOS has no rule on the value of a key."""


def parameters_write(p1: int, p2: int) -> bool:
    """Return whether P1 is 01 or a type of key, and P2 an identifier, which is never FF."""
    return (p1 == ADD or p1 & KIND in USAGES) and p2 != 0xFF


# -- ERASE DF ---------------------------------------------------------------------------------------


def erase(ctx: Context) -> Answer:
    """Delete every file and key below the current directory, which is then open (7.11).

    Raises:
        AccessDenied: the erase byte of the directory does not hold.
        ApplicationBlocked, ConditionsUnmet: see `delete_all`.
    """
    prepare(ctx)
    here = ctx.session.df
    own = file_heads(ctx.image, here)[0]
    require(ctx, right(own.second, here, ctx.image.root), "erasing the directory")
    path = heads_path(here)
    file_operations.delete_all(ctx, keep=(path,))
    ctx.change().put_contents(path, (own.pack(),))
    df = ctx.image.dfs[here]
    if df.command_set is CommandSet.PURSE:
        # Without accounts it has no commands for them.
        ctx.change().put_df(replace(df, command_set=CommandSet.SOCIAL, proprietary=b""))
    return DONE
