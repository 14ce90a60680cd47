"""The commands of an FMCOS card in use, where they are not the standard's (FMCOS 2.0 user manual, 7.1 to 7.10).

    00 82 00 ID 08       EXTERNAL AUTHENTICATE: E(key 39, challenge || 00...), 8 bytes
    00 88 P1 ID Lc       INTERNAL AUTHENTICATE: whole blocks; P1 00 enciphered under the key 30, 01 deciphered
                         under the key 31, 02 a MAC of 4 bytes under the key 32, its initial value zero
    00 20 00 ID 02-08    VERIFY PIN
    00 E2 00 P2 Lc       APPEND RECORD
    04 B0, B2            reading under line protection: MAC 4; answers data | MAC 4, or cipher | MAC 4
    04 D6, DC, E2        writing under line protection: data | MAC 4, or cipher | MAC 4

Line protection is that of the file (type b8 MAC, b7 cipher as well), under the line-protection key 36 that its
access byte names. The MAC covers CLA to Lc and the data, that of an answer its data; its initial value is the
challenge, 00 on the right (11.3). Cipher is of LD || data || padding (11.4). Le counts the data alone; of a file
with a cipher it may also stand enciphered before the MAC, Le || 80 00 to a whole block (7.5, example 3).
"""

from collections.abc import Callable
from typing import Final

from cardfs.memory.fmcos_heads import (
    AUTHENTICATING,
    AUTHENTICATION,
    CIPHER_BIT,
    DECIPHERING,
    HEADS_FID,
    INTERNAL,
    LINE,
    MAC_BIT,
    PIN,
    USAGES,
    FileHead,
    KeyHead,
    head_of,
    key_heads,
    right,
)
from cardfs.model.errors import RecordLengthWrong
from cardfs.model.fci import fci as template
from cardfs.model.fci import fits, issuer_data
from cardfs.model.files import CommandSet, Ef, Records, Structure, child
from cardfs.model.records import Mode, find
from keys.errors import ChallengeUnusable, CipherDataWrong, KeyUnknown, MacMissing
from keys.purse import decipher
from keys.records import Key, KeyRef

from ...card.context import DONE, FAILED_TRY, Answer, Context
from ...card.tries import compare, require_tries
from ...status import LengthWrong, UnknownClass
from ..fmcos_state import leave, prepare, reach, require
from ..personalise import authority
from ..social import binary, record
from ..social import select as standard

Handler = Callable[[Context], Answer]
BLOCK: Final = 8
ENCIPHER, DECIPHER, MAC = 0, 1, 2
OPERATIONS: Final = {ENCIPHER: INTERNAL, DECIPHER: DECIPHERING, MAC: AUTHENTICATING}
"""P1 of INTERNAL AUTHENTICATE, and the type of key that does it."""
LD_MAX: Final = 0xFF
"""Greatest number of bytes that LD, the length byte of enciphered data, can hold (Part 4, 8.3.2)."""


def find_key(ctx: Context, kind: int, identifier: int, owner: str) -> tuple[KeyHead, KeyRef, Key]:
    """Return a key with its head, by type and identifier, after its right of use is checked (7.12.3).

    Args:
        owner: path of its directory.

    Raises:
        KeyUnknown: there is none, or it is dead.
        AccessDenied: the right of use does not hold.
    """
    for head in key_heads(ctx.image, owner):
        if (head.kind, head.identifier) == (kind, identifier):
            ref = KeyRef(owner, head.name)
            require(ctx, right(head.use, owner, ctx.image.root), f"the use of {head.name}")
            return head, ref, ctx.image.key(ref, 1).require(USAGES[kind])
    raise KeyUnknown(f"{ctx.image.label(owner)} has no key {kind:02X} {identifier:02X}")


# -- states -----------------------------------------------------------------------------------------


def select(ctx: Context) -> Answer:
    """Select as the standard does; but an EF needs no short identifier, and the FCI shows a file of the ADF (7.4).

    Raises:
        LengthWrong, FileUnknown, ApplicationBlocked, CardBlocked
    """
    before = ctx.session.df
    command = ctx.command
    ef = ctx.image.efs.get(child(before, int.from_bytes(command.data))) if len(command.data) == 2 else None
    if ef is not None and command.p1 == standard.BY_DF_FID and ef.fid != HEADS_FID:
        ctx.session = ctx.session._replace(ef=ef.path, pointer=None)
        return DONE
    answer = standard.select(ctx)
    if ctx.session.ef is None:
        leave(ctx, before)
        return Answer(_fci(ctx, answer.data) if answer.data else b"", answer.word, answer.reason)
    return answer


def _fci(ctx: Context, standard_fci: bytes) -> bytes:
    """Return the FCI with the contents of the ADF's own file under tag 9F0C, if one answer can carry it (table 7.2)."""
    df = ctx.image.dfs[ctx.session.df]
    ef = ctx.image.ef_by_sfi(df.path, df.directory_sfi or 0)
    if df.path == ctx.image.root or ef is None or ef.structure is not Structure.TRANSPARENT:
        return standard_fci
    contents = ctx.image.contents[ef.path]
    assert isinstance(contents, bytes)  # noqa: S101 - its structure is transparent
    shown = df.proprietary + issuer_data(contents)
    return template(df.name, shown) if fits(df.name, shown) else standard_fci


def external_authenticate(ctx: Context) -> Answer:
    """Compare the enciphered challenge; if it is right, the directory enters the state that follows (7.1).

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyUnknown, AccessDenied, MethodBlocked, ChallengeUnusable
    """
    prepare(ctx)
    head, ref, key = find_key(ctx, AUTHENTICATION, ctx.command.p2, ctx.session.df)
    require_tries(ctx, (ref, 1), key.name)
    challenge = ctx.require_challenge()
    if len(challenge) > BLOCK:
        raise ChallengeUnusable("the challenge is longer than a block")
    expected = key.suite.cipher.encrypt(key.value, challenge.ljust(BLOCK, b"\x00"))
    return _compare(ctx, head, ref, ctx.command.data, expected)


def verify_pin(ctx: Context) -> Answer:
    """Compare a PIN without FF at its end; if it is right, the directory enters the state that follows (7.10).

    Returns:
        9000, or 63Cx with the tries that are left.

    Raises:
        KeyUnknown, AccessDenied, MethodBlocked
    """
    prepare(ctx)
    head, ref, key = find_key(ctx, PIN, ctx.command.p2, ctx.session.df)
    require_tries(ctx, (ref, 1), key.name)
    return _compare(ctx, head, ref, ctx.command.data.rstrip(b"\xff"), key.value.rstrip(b"\xff"))


def _compare(ctx: Context, head: KeyHead, ref: KeyRef, given: bytes, expected: bytes) -> Answer:
    """Compare the value that proves a key or a PIN; if it is right, enter the state that follows."""
    left = compare(ctx, (ref, 1), expected, given)
    if left is not None:
        return Answer(word=FAILED_TRY | left, reason=f"the value for {head.name} is wrong")
    reach(ctx, head.next)
    if head.kind == PIN and ctx.image.dfs[ref.owner].command_set is CommandSet.PURSE:
        # Passbook and purse ask for the PIN itself, whatever state follows it (8.7, 8.8).
        ctx.session.proofs = ctx.session.proofs | {ref}
    return DONE


def internal_authenticate(ctx: Context) -> Answer:
    """Encipher the data, decipher them or compute their MAC, each with a key of its own type (7.3).

    Raises:
        KeyUnknown, AccessDenied
    """
    prepare(ctx)
    operation, data = ctx.command.p1, ctx.command.data
    _, _, key = find_key(ctx, OPERATIONS[operation], ctx.command.p2, ctx.session.df)
    if operation == MAC:
        return Answer(key.suite.key_load_mac(key.value, bytes(BLOCK), data))
    cipher = key.suite.cipher
    return Answer((cipher.decrypt if operation == DECIPHER else cipher.encrypt)(key.value, data))


# -- line protection --------------------------------------------------------------------------------


def read_binary(ctx: Context) -> Answer:
    """Run READ BINARY (7.5), with line protection if the file has it and the class announces it."""
    return _read(ctx, binary.place(ctx.command)[0], binary.read_binary, transparent=True)


def read_record(ctx: Context) -> Answer:
    """Run READ RECORD (7.6), with line protection if the file has it and the class announces it."""
    return _read(ctx, ctx.command.p2 >> 3, record.read_record, transparent=False)


def update_binary(ctx: Context) -> Answer:
    """Run UPDATE BINARY (7.7), with line protection if the file has it."""
    return _write(ctx, binary.place(ctx.command)[0], binary.update_binary, transparent=True)


def update_record(ctx: Context) -> Answer:
    """Run UPDATE RECORD (7.8), with line protection if the file has it; a record keeps its length (4.3)."""
    return _write(ctx, ctx.command.p2 >> 3, _update_record, transparent=False)


def append_record(ctx: Context) -> Answer:
    """Append a record (7.9), in a cyclic file as the newest; with line protection if the file has it."""
    return _write(ctx, ctx.command.p2 >> 3, _append_record, transparent=False)


def parameters_append(p1: int, p2: int) -> bool:
    """Return whether P1 is 00 and P2 an SFI, or none, with mode 100 (table 7.6) or 000 (the issuing sample)."""
    return not p1 and p2 & 7 in (Mode.NUMBER, Mode.FIRST) and p2 >> 3 != record.NO_SFI


def _read(ctx: Context, sfi: int, handler: Handler, *, transparent: bool) -> Answer:
    prepare(ctx)
    ef = ctx.target(sfi)
    ctx.require_structure(ef, transparent=transparent)
    ctx.require_access(ef, ef.read, "read")
    head = head_of(ctx.image, ef)
    command = ctx.command
    if not command.secured:
        if head.reads_secured:
            raise MacMissing(f"{ctx.image.label(ef.path)} is read with a MAC only")
        return handler(ctx)
    key, data = _protected(ctx, ef, head, read=True)
    enciphered = bool(head.type & CIPHER_BIT)
    le = _enciphered_le(key, head, data) if data else command.le
    ctx.command = command._replace(le=min(le or LD_MAX, LD_MAX) if enciphered else le)
    data = _as_plain(ctx, b"", handler).data
    if enciphered and len(data) > LD_MAX:
        raise LengthWrong(f"the answer has {len(data)} bytes, and LD counts at most {LD_MAX}")
    if enciphered:
        data = key.suite.encrypt_data(key.value, data)
    # The answer is longer than Le, which counts the data alone.
    ctx.command = command._replace(le=None)
    return Answer(data + key.suite.key_load_mac(key.value, ctx.require_challenge(), data))


def _enciphered_le(key: Key, head: FileHead, data: bytes) -> int:
    """Return Le, which stands enciphered before the MAC: ``Le || 80 00`` to a whole block (7.5, example 3).

    Raises:
        CipherDataWrong: the data are something else, or the file has no cipher.
    """
    plain = key.suite.cipher.decrypt(key.value, data) if head.type & CIPHER_BIT else b""
    if plain[1:] != b"\x80".ljust(BLOCK - 1, b"\x00"):
        raise CipherDataWrong("the data before the MAC are not an enciphered length")
    return plain[0]


def _write(ctx: Context, sfi: int, handler: Handler, *, transparent: bool) -> Answer:
    prepare(ctx)
    ef = ctx.target(sfi)
    ctx.require_structure(ef, transparent=transparent)
    ctx.require_update(ef)
    head = head_of(ctx.image, ef)
    if not ctx.command.secured:
        if head.type & MAC_BIT:
            raise MacMissing(f"{ctx.image.label(ef.path)} takes updates with a MAC only")
        return handler(ctx)
    key, data = _protected(ctx, ef, head, read=False)
    plain = decipher(key.suite, key.value, data) if head.type & CIPHER_BIT else data
    return _as_plain(ctx, plain, handler)


def _protected(ctx: Context, ef: Ef, head: FileHead, *, read: bool) -> tuple[Key, bytes]:
    """Return the line-protection key of a file, and the data of the command after their MAC is verified.

    Raises:
        UnknownClass: the file has no line protection.
        KeyUnknown, AccessDenied, MacMissing, MethodBlocked, ChallengeUnusable, MacWrong
    """
    if not head.type & MAC_BIT:
        raise UnknownClass(f"{ctx.image.label(ef.path)} has no line protection")
    _, ref, key = find_key(ctx, LINE, head.line_key(read=read), ef.parent)
    return key, authority.verified(ctx, ref, key, least=0 if read else 1)


def _as_plain(ctx: Context, data: bytes, handler: Handler) -> Answer:
    """Run a handler on the command as it would be without line protection."""
    command = ctx.command
    ctx.command = command._replace(cla=command.cla & 0xF0, data=data)
    answer = handler(ctx)
    ctx.command = command
    return answer


def _records(ctx: Context) -> tuple[Ef, Records]:
    ef = ctx.target(ctx.command.p2 >> 3)
    records = ctx.image.contents[ef.path]
    assert isinstance(records, tuple)  # noqa: S101 - its structure is one of records
    return ef, records


def _update_record(ctx: Context) -> Answer:
    """Update as the standard does; but a record keeps its length (4.3) and may change its tag (7.8, example 4).

    Mode 010 writes the newest record of a cyclic file as 011 does (example 5; the note on table 7.5 has 011 alone).
    """
    ef, records = _records(ctx)
    command = ctx.command
    mode = Mode(command.p2 & 7)
    place = find(ef, records, mode, command.p1, ctx.session.pointer)
    variable = ef.structure is Structure.LINEAR_VARIABLE
    if variable and place is not None and len(records[place]) != len(command.data):
        raise RecordLengthWrong(f"this record has {len(records[place])} bytes, and its length cannot change")
    if ef.structure is Structure.CYCLIC and mode is Mode.NEXT:
        mode, place = Mode.PREVIOUS, None
    if variable and mode.by_identifier and place is not None:
        ctx.command = command._replace(p1=place + 1, p2=command.p2 & ~7 | Mode.NUMBER)
        answer = record.update_record(ctx)
        ctx.session.pointer = place
        return answer
    ctx.command = command._replace(p2=command.p2 & ~7 | mode)
    return record.update_record(ctx)


def _append_record(ctx: Context) -> Answer:
    ef, records = _records(ctx)
    command, cyclic = ctx.command, ef.structure is Structure.CYCLIC
    mode, number = (Mode.PREVIOUS, 0) if cyclic else (Mode.NUMBER, len(records) + 1)
    ctx.command = command._replace(p1=number, p2=command.p2 & ~7 | mode)
    answer = record.update_record(ctx)
    ctx.session.pointer = 0 if cyclic else len(records)
    return answer
