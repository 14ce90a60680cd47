"""The coding `t514`: one clean set, modelled on public descriptions of T514-type cards.

All integers are big-endian. ``80 E0`` creates and sets, ``80 E1`` deletes, ``84 D4`` loads keys.

    80 E0 01 00 Lc  CREATE FILE, a DF:  FID 2 | kind 1 | lock KID 1 | DIR SFI 1 | n 1 | 9F0C data n | name
                    a financial one:    FID 2 | kind 1 | lock KID 1 | DIR SFI 1 | n 1 | 9F0C data n |
                                        m 1 | other TLVs of tag A5 m | name
                    an EF:              FID 2 | type 1 | SFI 1 | flags 1 | size 2 | record length 1 |
                                        max records 1 | read rule | update rule
    80 E0 02 00     END OF PERSONALISATION of the current phase
    80 E0 03 00 10  SET TRANSPORT KEY:  key 16, in clear, on a blank card only
    80 E0 05 00 0D  SET HISTORICAL BYTES: 13 bytes, on a blank card only
    80 E0 06 00 Lc  WRITE DATA: FID 2 | offset, or number of the record 2 | data; also into an internal EF
    80 E1 00 01 02  DELETE FILE: FID of an EF or DF below the current DF
    80 E1 00 03     DELETE STRUCTURE below the current environment or card
    84 D4 P1 00 Lc  WRITE KEY: P1 00 install, 01 update, 02 retire; cipher | MAC 4
                    plain: type 1 | KID 1 | version 1 | 00 | tries 1 | algorithm 1 | level 1 | length 1 | key 16
                    financial: identifier of the algorithm that the card answers, FF none, in the place of 00

kind: 00 MF, 01 DDF, 02 ADF; 11 the financial environment, 12 an ADF of its own, 22 passbook and purse, 32
debit/credit; lock KID FF none; DIR SFI 00 none. type of an EF: C3 internal, C4
transparent, C5 fixed, C6 variable, C7 cyclic; flags: 01 records are TLV, 02 updates carry a MAC. A rule
is n and n alternatives, each m and m references: KID of a key, FE the PIN of the environment, FD one of
this DF. No alternative means never, one empty alternative means free. Type of a key: 00 master, 01 PIN,
07 maintenance, 08 load, 09 purchase, 0A TAC, 0D external authentication (level 00 general, 01 PIN
unblock, 02 card lock, 03 application lock, 04 starting day), 0E internal authentication, 0F transport;
in the financial environment also 10 unload, 11 overdraft limit, 12 PIN reload, 13 application cryptogram, 14 MAC,
15 encryption, 16 data authentication (an RSA key: exponent 3 bytes, two primes of one length, no filling); KID FF
none; tries: maximum in the high nibble; algorithm 00 3DES, 01 DES, 03 SM4, FF none. The key is filled with FF to 16
bytes.
"""

from collections.abc import Iterable
from typing import Final

from cardfs.life import Operation, edge_for
from cardfs.model.files import FINANCIAL_SETS, CommandSet, DfKind, Ef, Protection, Structure, child
from cardfs.model.rules import Rule
from keys.errors import MacMissing
from keys.records import Key, KeyRef, Usage

from ...card.context import DONE, Answer, Context
from ...card.reasons import numbers
from ...status import DataWrong, LengthWrong
from . import authority
from . import files as file_operations
from . import keys as key_operations
from . import phases as phase_operations

CREATE_FILE: Final = 0x01
END: Final = 0x02
SET_TRANSPORT_KEY: Final = 0x03
SET_HISTORICAL: Final = 0x05
WRITE_DATA: Final = 0x06
DELETE_FILE: Final = (0x01, 0x02)
DELETE_STRUCTURE: Final = 0x03
INSTALL, UPDATE, RETIRE = 0x00, 0x01, 0x02
NONE: Final = 0xFF
KEY_FIELD: Final = 16
CIPHER_LENGTH: Final = 0x20  # LD, head and key in whole blocks of either length
CIPHER_LENGTHS: Final = frozenset((CIPHER_LENGTH, *range(0x48, 0xF9, 8)))  # an RSA key has 512 bits and more
TLV_FLAG, MAC_FLAG, CIPHER_FLAG, READ_FLAG = 0x01, 0x02, 0x04, 0x08

KINDS: Final = (DfKind.MF, DfKind.DDF, DfKind.ADF)
COMMAND_SETS: Final = (CommandSet.SOCIAL, CommandSet.FINANCIAL, CommandSet.PURSE, CommandSet.DEBIT)
STRUCTURES: Final = {
    0xC3: Structure.INTERNAL,
    0xC4: Structure.TRANSPARENT,
    0xC5: Structure.LINEAR_FIXED,
    0xC6: Structure.LINEAR_VARIABLE,
    0xC7: Structure.CYCLIC,
}
TYPES: Final = {
    (0x00, 0): Usage.MASTER,
    (0x01, 0): Usage.PIN,
    (0x07, 0): Usage.MAC_ENC,
    (0x08, 0): Usage.LOAD,
    (0x09, 0): Usage.PURCHASE,
    (0x0A, 0): Usage.TAC,
    (0x0D, 0): Usage.EXTERNAL_AUTH,
    (0x0D, 1): Usage.PIN_UNBLOCK,
    (0x0D, 2): Usage.CARD_BLOCK,
    (0x0D, 3): Usage.APP_BLOCK,
    (0x0D, 4): Usage.START_DAY,
    (0x0E, 0): Usage.INTERNAL_AUTH,
    (0x0F, 0): Usage.TRANSPORT,
    (0x10, 0): Usage.UNLOAD,
    (0x11, 0): Usage.OVERDRAFT,
    (0x12, 0): Usage.PIN_RELOAD,
    (0x13, 0): Usage.CRYPTOGRAM,
    (0x14, 0): Usage.MAC,
    (0x15, 0): Usage.ENCRYPTION,
    (0x16, 0): Usage.DATA_AUTH,
}
FINANCIAL_USAGES: Final = frozenset(usage for (kind, _), usage in TYPES.items() if kind >= 0x10)
TYPE_OF: Final = {usage: coding for coding, usage in TYPES.items()}
ALGORITHMS: Final = {0x00: "3DES", 0x01: "DES", 0x03: "SM4", NONE: ""}
ALGORITHM_OF: Final = {name: byte for byte, name in ALGORITHMS.items()}
_STRUCTURE_OF: Final = {structure: byte for byte, structure in STRUCTURES.items()}


class _Reader:
    """Reads the fields of a data field from its front; raises `DataWrong` if one is missing."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, length: int) -> bytes:
        taken, self._data = self._data[:length], self._data[length:]
        if len(taken) != length:
            raise DataWrong("the data field is too short")
        return taken

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self) -> int:
        return int.from_bytes(self.take(2))

    def rule(self) -> list[list[int]]:
        return [list(self.take(self.byte())) for _ in range(self.byte())]

    def rest(self) -> bytes:
        return self.take(len(self._data))

    def end(self) -> None:
        if self._data:
            raise DataWrong("the data field is too long")


# -- handlers ---------------------------------------------------------------------------------------


def create(ctx: Context) -> Answer:
    """Run CREATE FILE, END OF PERSONALISATION, SET TRANSPORT KEY, SET HISTORICAL BYTES or WRITE DATA, by P1.

    Raises:
        LifeForbids, AccessDenied, DataWrong, LengthWrong, MacMissing: see the operations in `files`, `keys`, `phases`.
    """
    data = ctx.command.data
    match ctx.command.p1:
        case 0x01:
            _create_file(ctx, data)
        case 0x02:
            if data:
                raise LengthWrong("END OF PERSONALISATION has no data")
            phase_operations.end_phase(ctx)
        case 0x03:
            key_operations.set_transport_key(ctx, data)
        case 0x05:
            phase_operations.set_historical(ctx, data)
        case _:
            _write_data(ctx, data)
    return DONE


def parameters_create(p1: int, p2: int) -> bool:
    """Return whether P1 is one of the five functions and P2 is 00."""
    return p1 in (CREATE_FILE, END, SET_TRANSPORT_KEY, SET_HISTORICAL, WRITE_DATA) and not p2


def delete(ctx: Context) -> Answer:
    """Run DELETE FILE or DELETE STRUCTURE, by P2.

    Raises:
        LengthWrong: Lc does not fit P2.
        LifeForbids, AccessDenied, FileUnknown, ConditionsUnmet, ApplicationBlocked: see `files`.
    """
    data = ctx.command.data
    if ctx.command.p2 == DELETE_STRUCTURE:
        if data:
            raise LengthWrong("DELETE STRUCTURE has no data")
        file_operations.delete_all(ctx)
        return DONE
    if len(data) != 2:
        raise LengthWrong("DELETE FILE has one FID of 2 bytes as data")
    file_operations.delete_file(ctx, int.from_bytes(data))
    return DONE


def parameters_delete(p1: int, p2: int) -> bool:
    """Return whether P1 is 00 and P2 is 01 for an EF, 02 for a DF or 03 for everything."""
    return not p1 and p2 in (*DELETE_FILE, DELETE_STRUCTURE)


def write_key(ctx: Context) -> Answer:
    """Install, update or retire a key that comes enciphered and with a MAC under the controlling key (Part 4, 7.3).

    Raises:
        LifeForbids, KeyUnknown, MacMissing, MethodBlocked, ChallengeUnusable, MacWrong, CipherDataWrong, DataWrong
        ConditionsUnmet: a master key cannot be retired.
    """
    update, retire = ctx.command.p1 != INSTALL, ctx.command.p1 == RETIRE
    # Which key controls depends on whether a master key or another one is loaded, and that is
    # enciphered. The DF and its phase decide, since each phase takes either the one or the other.
    edge = key_operations.loading_edge(ctx, update=update, retire=retire)
    if len(ctx.command.data) in CIPHER_LENGTHS:
        raise MacMissing("the data field has no MAC after its cipher")
    plain = authority.unwrap_load(ctx, edge)
    load = read_key(plain, financial=ctx.image.dfs[ctx.session.df].command_set in FINANCIAL_SETS)
    if retire:
        key_operations.retire_key(ctx, load)
    else:
        operation = key_operations.operation_for(load.usage, update=update)
        if operation is not edge.operation:
            edge = edge_for(ctx.image, ctx.session.df, operation)
        key_operations.load_key(ctx, load, edge, update=update)
    return DONE


def refuse_plain_key(_ctx: Context) -> Answer:
    """Refuse WRITE KEY without secure messaging, as keys come enciphered and with a MAC (Part 4, 7.3): `MacMissing`."""
    raise MacMissing("a key must come enciphered and with a MAC")


def parameters_write(p1: int, p2: int) -> bool:
    """Return whether P1 is 00 to install, 01 to update or 02 to retire, and P2 is 00."""
    return p1 in (INSTALL, UPDATE, RETIRE) and not p2


def _create_file(ctx: Context, data: bytes) -> None:
    reader = _Reader(data)
    fid, kind = reader.number(), reader.byte()
    which = kind >> 4 if kind >> 4 < len(COMMAND_SETS) else 0
    kind -= which << 4
    # The authority is checked before the rest of the data.
    authority.allow(ctx, file_operations.CREATES[KINDS[kind]] if kind < len(KINDS) else Operation.CREATE_EF)
    if kind < len(KINDS):
        lock, directory = reader.byte(), reader.byte()
        issuer_data = reader.take(reader.byte())
        proprietary = reader.take(reader.byte()) if which else b""
        file_operations.create_df(
            ctx,
            fid,
            KINDS[kind],
            reader.rest(),
            lock_kid=None if lock == NONE else lock,
            directory_sfi=directory or None,
            issuer_data=issuer_data,
            command_set=COMMAND_SETS[which],
            proprietary=proprietary,
        )
        return
    if kind not in STRUCTURES:
        raise DataWrong(f"the types of elementary files are {numbers(STRUCTURES)}")
    sfi, flags, size = reader.byte(), reader.byte(), reader.number()
    secured_update, secured_read = _secured(
        flags, social=ctx.image.dfs[ctx.session.df].command_set is CommandSet.SOCIAL
    )
    record_length, max_records = reader.byte(), reader.byte()
    here = ctx.session.df
    read = file_operations.rule_from(ctx, reader.rule(), here)
    update = file_operations.rule_from(ctx, reader.rule(), here)
    reader.end()
    file_operations.create_ef(
        ctx,
        Ef(
            child(here, fid),
            fid,
            sfi or None,
            STRUCTURES[kind],
            read,
            update,
            size,
            record_length,
            max_records,
            tlv=bool(flags & TLV_FLAG),
            secured_update=secured_update,
            secured_read=secured_read,
        ),
    )


def _secured(flags: int, *, social: bool) -> tuple[Protection, Protection]:
    """Return how updates and readings of a new file are secured, from its flags; a cipher always has a MAC.

    Args:
        social: whether the file is one of a social-security environment; any other has a MAC for updates at most.

    Raises:
        DataWrong: the flags are not valid.
    """
    known = TLV_FLAG | MAC_FLAG | (CIPHER_FLAG | READ_FLAG) * social
    if flags & ~known or flags & (MAC_FLAG | CIPHER_FLAG) == CIPHER_FLAG:
        raise DataWrong(
            f"the flags here are {numbers(1 << bit for bit in range(8) if known >> bit & 1)} and sums of them"
        )
    update = Protection.CIPHER if flags & CIPHER_FLAG else Protection.MAC if flags & MAC_FLAG else Protection.NONE
    return update, Protection.MAC if flags & READ_FLAG else Protection.NONE


def _secured_flags(ef: Ef) -> int:
    """Return the flags of a file: undo `_secured`."""
    update = {Protection.NONE: 0, Protection.MAC: MAC_FLAG, Protection.CIPHER: MAC_FLAG | CIPHER_FLAG}
    return update[ef.secured_update] | READ_FLAG * (ef.secured_read is not Protection.NONE)


def _write_data(ctx: Context, data: bytes) -> None:
    reader = _Reader(data)
    # The authority is checked before the data.
    authority.allow(ctx, Operation.WRITE_DATA)
    fid, at = reader.number(), reader.number()
    file_operations.write_data(ctx, fid, at, reader.rest())


def read_key(plain: bytes, *, financial: bool = False) -> key_operations.KeyLoad:
    """Return the key in the plain data of WRITE KEY.

    Args:
        financial: whether it is a key of a financial application.

    Raises:
        DataWrong: the data do not have their form.
    """
    reader = _Reader(plain)
    kind, kid, version, identifier, tries, algorithm, level, length = reader.take(8)
    usage = TYPES.get((kind, level))
    field = max(KEY_FIELD, length) if usage is Usage.DATA_AUTH else KEY_FIELD
    value = reader.take(field)
    reader.end()
    wrong = usage in FINANCIAL_USAGES or identifier if not financial else False
    if usage is None or wrong or algorithm not in ALGORITHMS or length > field or not 1 <= version <= 3:
        raise DataWrong("the head of the key is not valid in this coding")
    if value[length:].strip(b"\xff"):
        raise DataWrong("the key is not padded with FF")
    return key_operations.KeyLoad(
        usage,
        None if kid == NONE else kid,
        version,
        ALGORITHMS[algorithm],
        tries >> 4,
        value[:length],
        algorithm=identifier if financial and identifier != NONE else None,
    )


# -- the host's side ----------------------------------------------------------------------------------


def df_data(
    fid: int,
    kind: DfKind,
    name: bytes,
    lock: int | None,
    directory: int | None,
    issuer_data: bytes,
    command_set: CommandSet = CommandSet.SOCIAL,
    proprietary: bytes = b"",
) -> bytes:
    """Return the data of CREATE FILE for a DF; see `create_df` in `files` for the fields."""
    which = COMMAND_SETS.index(command_set) << 4 | KINDS.index(kind)
    head = fid.to_bytes(2) + bytes((which, NONE if lock is None else lock, directory or 0))
    more = bytes((len(proprietary),)) + proprietary if command_set is not CommandSet.SOCIAL else b""
    return head + bytes((len(issuer_data),)) + issuer_data + more + name


def ef_data(ef: Ef, kid_of: dict[KeyRef, int]) -> bytes:
    """Return the data of CREATE FILE for an EF.

    Args:
        kid_of: the identifier that stands for each key and PIN of the file's rules.
    """
    flags = TLV_FLAG * ef.tlv | _secured_flags(ef)
    head = ef.fid.to_bytes(2) + bytes((_STRUCTURE_OF[ef.structure], ef.sfi or 0, flags)) + ef.size.to_bytes(2)
    sizes = bytes((ef.record_length, ef.max_records))
    return head + sizes + _rule_data(ef.read, kid_of) + _rule_data(ef.update, kid_of)


def _rule_data(rule: Rule, kid_of: dict[KeyRef, int]) -> bytes:
    def alternative(refs: Iterable[KeyRef]) -> bytes:
        kids = sorted(kid_of[ref] for ref in refs)
        return bytes((len(kids), *kids))

    return bytes((len(rule.alternatives),)) + b"".join(alternative(each) for each in rule.alternatives)


def key_data(key: Key, *, financial: bool = False) -> bytes:
    """Return the plain data of WRITE KEY; ``financial`` for a key of the financial environment."""
    kind, level = TYPE_OF[key.usage]
    head = (
        kind,
        NONE if key.kid is None else key.kid,
        key.version,
        (NONE if key.algorithm is None else key.algorithm) if financial else 0,
        key.tries_max << 4 | key.tries_max,
        ALGORITHM_OF[key.suite_name],
        level,
        len(key.value),
    )
    return bytes(head) + key.value.ljust(KEY_FIELD, b"\xff")
