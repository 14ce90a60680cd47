"""CREATE KEY and CHANGE KEY (Part 9, 9.5 and 9.6): keys come enciphered and with a MAC under the ADF master key.

The own key of the level must be proven first (Part 9, 5). Plain data of CREATE KEY:
``usage || identifier or version || 00 || algorithm || 00000000 || key``, of CHANGE KEY ``usage || identifier or
version || 00 || key``.
"""

from dataclasses import replace
from typing import Final

from cardfs.model.errors import AccessDenied, FileUnknown, NoSpace
from cardfs.model.files import MAX_RECORDS, Ef, child
from cardfs.model.psam_keys import (
    ALGORITHMS,
    FILE_KEYS,
    HEAD_LENGTH,
    LEVELS_MAX,
    USAGES,
    Head,
    heads,
    psam_ref,
    room_taken,
)
from keys.errors import CipherDataWrong, MacWrong
from keys.records import Key, Usage
from keys.suites import MAC_LENGTH, SUITES

from ...card.context import DONE, Answer, Context
from ...card.reasons import numbers
from ...status import DataWrong, LengthWrong
from ..personalise.authority import verified
from .authenticate import own_key
from .state import application, block_length, not_there

CREATE: Final = 0x00
CHANGE: Final = 0x01
CHANGE_HEAD: Final = 3
LENGTHS: Final = {
    (CREATE, 8): frozenset((0x1C, 0x24)),
    (CREATE, 16): frozenset((0x24,)),
    (CHANGE, 8): frozenset((0x14, 0x1C)),
    (CHANGE, 16): frozenset((0x24,)),
}
"""Lc by P1 and block length (Part 9, tables 19 and 21)."""


def create_key(ctx: Context) -> Answer:
    """Load a new key (建立密钥; Part 9, 9.5).

    Raises:
        LengthWrong, ConditionsUnmet, FileUnknown, AccessDenied, MacMissing, MethodBlocked, ChallengeUnusable, MacWrong
        DataWrong: the plain data are not a key of this environment, or the key exists.
        NoSpace: the key file is full.
    """
    ef, plain = _unwrapped(ctx)
    head, value = _created(plain, ctx)
    ref = psam_ref(ef.parent, head.usage, head.identifier)
    if (ref, 1) in ctx.image.keys:
        raise DataWrong(f"{ref.name} exists already: CHANGE KEY replaces it")
    listed = ctx.image.contents[ef.path]
    assert isinstance(listed, bytes)  # noqa: S101 - key files are internal
    new = listed + head.encode()
    if room_taken(new) > ef.size or len(new) > MAX_RECORDS * HEAD_LENGTH:
        raise NoSpace(f"{ctx.image.label(ef.path)} is full")
    change = ctx.change()
    change.put_contents(ef.path, new)
    change.put_key(ref, _key(head, value))
    return DONE


def change_key(ctx: Context) -> Answer:
    """Replace the value of a key (更新密钥; Part 9, 9.6); its algorithm and its place in the file stay.

    Raises:
        LengthWrong, ConditionsUnmet, FileUnknown, AccessDenied, MacMissing, MethodBlocked, ChallengeUnusable, MacWrong
        DataWrong: the plain data do not have their form.
        KeyUnknown: the key file has no such key.
    """
    ef, plain = _unwrapped(ctx)
    if len(plain) < CHANGE_HEAD or plain[2]:
        raise DataWrong("the deciphered data are not usage || identifier || 00 || key")
    ref = psam_ref(ef.parent, plain[0], plain[1])
    key, listed = ctx.image.keys.get((ref, 1)), ctx.image.contents[ef.path]
    assert isinstance(listed, bytes)  # noqa: S101 - key files are internal
    if key is None or all((each.usage, each.identifier) != (plain[0], plain[1]) for each in heads(listed)):
        raise not_there(ctx, f"{ref.name} in {ctx.image.label(ef.path)}")
    value = plain[CHANGE_HEAD:]
    if len(value) != len(key.value):
        raise DataWrong(f"{ref.name} is a key of {len(key.value)} bytes, not {len(value)}")
    ctx.change().put_key(ref, replace(key, value=value))
    return DONE


def _unwrapped(ctx: Context) -> tuple[Ef, bytes]:
    """Require the proof of the own key, verify the MAC and decipher the data.

    Returns:
        The key file, and the plain data.
    """
    command = ctx.command
    allowed = LENGTHS[command.p1, block_length(ctx)]
    if len(command.data) not in allowed:
        raise LengthWrong(f"under the cipher of this environment Lc is {numbers(allowed)}")
    here = application(ctx)
    ef = ctx.image.efs.get(child(here, command.p2))
    if ef is None or command.p2 not in FILE_KEYS:
        raise FileUnknown(
            f"P2 names no key file of {ctx.image.label(here)}; its key files are {numbers(_key_files(ctx, here))}"
        )
    right = own_key(ctx, FILE_KEYS[command.p2])
    if right not in ctx.session.proofs:
        raise AccessDenied(f"writing {ctx.image.label(ef.path)} needs {right.name}, authenticated in this DF")
    ref, master = ctx.key_for(Usage.MASTER, here)
    data = verified(ctx, ref, master)
    try:
        return ef, master.suite.decrypt_data(ctx.image.expanded((ref, master.version)), data)
    except CipherDataWrong as error:
        # Table 20 has one word for MAC and cipher (安全信息（MAC 和密文）数据错误).
        raise MacWrong(error.reason) from error


def _key_files(ctx: Context, here: str) -> list[int]:
    return [fid for fid in FILE_KEYS if child(here, fid) in ctx.image.efs]


def _algorithms(block: int) -> list[int]:
    return [code for code, name in ALGORITHMS.items() if SUITES[name].block == block]


def _created(plain: bytes, ctx: Context) -> tuple[Head, bytes]:
    """Return the head and the value of a new key from its plain data; raise `DataWrong` if they are not valid."""
    if len(plain) <= HEAD_LENGTH:
        raise DataWrong("the deciphered data are not a head of 8 bytes and a key")
    head, value = Head(plain[0], plain[1], plain[3]), plain[HEAD_LENGTH:]
    if head.encode() != plain[:HEAD_LENGTH]:
        raise DataWrong("reserved bytes, or the permission, are not 00")
    if head.kind is None or head.levels > LEVELS_MAX:
        raise DataWrong(
            f"no key has this usage: the low five bits are {numbers(USAGES)}, the levels at most {LEVELS_MAX}"
        )
    suite = SUITES.get(ALGORITHMS.get(head.algorithm, ""))
    if suite is None or suite.block != block_length(ctx):
        raise DataWrong(f"the ciphers of this environment are {numbers(_algorithms(block_length(ctx)))}")
    if len(value) != suite.key_length:
        raise DataWrong(f"a {suite.name} key has {suite.key_length} bytes, not {len(value)}")
    return head, value


def _key(head: Head, value: bytes) -> Key:
    assert head.kind is not None  # noqa: S101 - checked when it was read
    ref = psam_ref("", head.usage, head.identifier)
    return Key(
        name=ref.name,
        usage=head.kind,
        suite_name=ALGORITHMS[head.algorithm],
        value=value,
        kid=head.identifier,
        levels=head.levels,
        algorithm=head.algorithm,
    )


ALL_LENGTHS: Final = {p1: frozenset().union(*(LENGTHS[p1, block] for block in (8, 16))) for p1 in (CREATE, CHANGE)}
assert all(length > MAC_LENGTH for lengths in ALL_LENGTHS.values() for length in lengths)  # noqa: S101
