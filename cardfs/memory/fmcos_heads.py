"""What FMCOS keeps of files beyond the standard: security states, permission bytes, heads of files and keys.

Clauses are those of the FMCOS 2.0 user manual (FMCOS2.0用户手册).

A directory has a security state (安全状态寄存器; 5.1), 0 to F. Here it is a proof whose name is the state,
``state A``, so that rules and the firewall serve it as they serve keys. A permission byte XY (5.2) asks
with X 0 for the MF's state Y to F, else for a state Y to X of the current directory; X below Y is never.

An empty directory is open until it is left (4.3): the proof ``open``.

The heads of files (4.2) stand in one internal file FFFF of each directory, a record each, the directory's
own first; each is the FID and what CREATE FILE gave:

    FID 2 | type 1 | size 2 | first 1 | second 1 | third 1 | access 1
    type       b8 MAC, b7 cipher (11.2); b6 to b1: 38 DF, 3F keys, 28 binary, 2A fixed, 2C variable, 2E cyclic,
               2F passbook or purse
    DF         first create, second erase, third the SFI of the file that its FCI shows
    keys       first SFI, second the right to add keys
    purse      first the right to use it, access the SFI of its log
    other EFs  first read, second update; access: b8 0 reading takes a MAC, b4 b3 and b2 b1 the identifier of
               the line-protection key for reading and for updating, 11 for 00 down to 00 for 03 (7.13.3)

The key file has the heads of its keys, without their values:

    type 1 | identifier 1 | use 1 | change 1 | next state or version 1 | tries or algorithm 1 | length 1 | 01
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from keys.records import Key, KeyRef, Usage

from ..model.files import CardContents, CardInfo, Df, DfKind, Ef, Phase, Protection, Structure, child
from ..model.rules import FREE_RULE, NEVER_RULE, Rule
from .contents import LoadedContents

MF_NAME: Final = b"1PAY.SYS.DDF01"
"""The MF's name unless another is given (4.1.1)."""

MF_SIZE: Final = 0x2000
"""8 KByte, the memory of an FM1208."""

MF_RIGHT: Final = 0xF0
"""Creating and erasing in the MF of a blank card: free, since an MF without keys could reach no state."""

KEY_RIGHT: Final = 0xF1
"""Adding keys to a blank card and changing its master key: any state but 0."""

DEFAULT_KEY: Final = b"\xff" * 16
"""Master key that a blank card comes with; under DES the same as eight bytes FF."""

HEADS_FID: Final = 0xFFFF
HEAD_LENGTH: Final = 9
"""Bytes of a head as it is stored."""
HEAD_SPACE: Final = 11
KEY_SPACE: Final = 8
"""What the head of a file, and of a key, takes of the memory (4.2 and 4.3)."""

DIRECTORY: Final = 0x38
KEY_FILE: Final = 0x3F
STRUCTURES: Final = {
    0x28: Structure.TRANSPARENT,
    0x2A: Structure.LINEAR_FIXED,
    0x2C: Structure.LINEAR_VARIABLE,
    0x2E: Structure.CYCLIC,
    KEY_FILE: Structure.INTERNAL,
}
COUNTED: Final = frozenset((0x2A, 0x2E))
"""Types whose size is a number of records and their length."""

PURSE: Final = 0x2F
"""Passbook (EF 0001) or purse (EF 0002); its size is 0208, always."""

KIND: Final = 0x3F
MAC_BIT, CIPHER_BIT = 0x80, 0x40

INTERNAL, DECIPHERING, AUTHENTICATING = 0x30, 0x31, 0x32
LINE, UNBLOCK, RELOAD, AUTHENTICATION, PIN = 0x36, 0x37, 0x38, 0x39, 0x3A
USAGES: Final = {
    INTERNAL: Usage.INTERNAL_AUTH,
    DECIPHERING: Usage.ENCRYPTION,
    AUTHENTICATING: Usage.MAC,
    0x34: Usage.TAC,
    LINE: Usage.MAC_ENC,
    UNBLOCK: Usage.PIN_UNBLOCK,
    RELOAD: Usage.PIN_RELOAD,
    AUTHENTICATION: Usage.EXTERNAL_AUTH,
    PIN: Usage.PIN,
    0x3C: Usage.OVERDRAFT,
    0x3D: Usage.UNLOAD,
    0x3E: Usage.PURCHASE,
    0x3F: Usage.LOAD,
}
"""Function of a key by its type (7.12.3)."""

LIMITED: Final = frozenset((LINE, UNBLOCK, RELOAD, AUTHENTICATION, PIN))
"""Types with a try counter."""

_NAMES: Final = {
    INTERNAL: "DES",
    DECIPHERING: "DESDEC",
    AUTHENTICATING: "DESMAC",
    0x34: "DTK",
    LINE: "LINE",
    UNBLOCK: "PUK",
    RELOAD: "DRPK",
    AUTHENTICATION: "AUTH",
    PIN: "PIN",
    0x3C: "DUK",
    0x3D: "DULK",
    0x3E: "DPK",
    0x3F: "DLK",
}
_STATE: Final = "state "
_FREE: Final = 0xF0


# -- security states --------------------------------------------------------------------------------


def state(df: str, value: int) -> KeyRef:
    """Return the proof that a directory is in a security state, 0 to 15 (5.1)."""
    return KeyRef(df, f"{_STATE}{value:X}")


def opened(df: str) -> KeyRef:
    """Return the proof that a directory was empty and has not been left since (4.3)."""
    return KeyRef(df, "open")


def is_state(ref: KeyRef, df: str) -> bool:
    """Return whether a proof is a security state of a directory."""
    return ref.owner == df and ref.name.startswith(_STATE)


def right(byte: int, df: str, root: str, *, when_open: bool = False) -> Rule:
    """Return the access rule that a permission byte means in a directory (5.2).

    Args:
        when_open: whether the directory being open is enough, as for creating, reading and writing (4.3).
    """
    upper, lower = byte >> 4, byte & 0x0F
    if byte in (_FREE, 0x00):
        return FREE_RULE
    owner, upper = (df, upper) if upper else (root, 0x0F)
    alternatives = [frozenset((state(owner, value),)) for value in range(lower, upper + 1)]
    if when_open:
        alternatives.append(frozenset((opened(df),)))
    if not alternatives:
        return NEVER_RULE
    whose = "" if owner == df else " of the MF"
    text = f"state {lower:X} to {upper:X}{whose}" if lower <= upper else NEVER_RULE.text
    return Rule(text, tuple(alternatives))


def settled(proofs: frozenset[KeyRef], *dfs: str) -> frozenset[KeyRef]:
    """Return the proofs, with state 0 added for each directory that has no state yet (5.1)."""
    return proofs | {state(df, 0) for df in dfs if not any(is_state(ref, df) for ref in proofs)}


# -- heads ------------------------------------------------------------------------------------------


class FileHead(NamedTuple):
    """What CREATE FILE gave for a file; see the module."""

    fid: int
    type: int
    size: int
    first: int
    second: int
    third: int
    access: int

    @property
    def kind(self) -> int:
        """Return the type without protection."""
        return self.type & KIND

    @property
    def space(self) -> int:
        """Return how many bytes of memory the file takes, its head included (4.2)."""
        if self.kind in COUNTED or self.kind == PURSE:
            return HEAD_SPACE + (self.size >> 8) * ((self.size & 0xFF) + 1)
        return HEAD_SPACE + self.size

    @property
    def updates(self) -> Protection:
        """Return how updates are protected (11.2)."""
        if not self.type & MAC_BIT:
            return Protection.NONE
        return Protection.CIPHER if self.type & CIPHER_BIT else Protection.MAC

    @property
    def reads_secured(self) -> bool:
        """Return whether reading takes a MAC."""
        return not self.access & MAC_BIT

    @property
    def reads(self) -> Protection:
        """Return how readings are protected: a MAC in the command, and with a cipher an enciphered answer."""
        return self.updates if self.reads_secured else Protection.NONE

    def line_key(self, *, read: bool) -> int:
        """Return the identifier of the line-protection key, 0 to 3 (7.13.3)."""
        return 3 - (self.access >> (2 if read else 0) & 0b11)

    def pack(self) -> bytes:
        """Return the record of the head, 9 bytes."""
        return self.fid.to_bytes(2) + bytes((self.type,)) + self.size.to_bytes(2) + bytes(self[3:])

    @classmethod
    def unpack(cls, record: bytes) -> "FileHead":
        """Undo `pack`."""
        return cls(int.from_bytes(record[:2]), record[2], int.from_bytes(record[3:5]), *record[5:])


class KeyHead(NamedTuple):
    """What WRITE KEY gave for a key, but for its value; see the module.

    Attributes:
        next: security state that it leads to, or version.
        tries: maximum and left, a nibble each, or algorithm.
    """

    type: int
    identifier: int
    use: int
    change: int
    next: int
    tries: int
    length: int

    @property
    def kind(self) -> int:
        """Return the type without protection."""
        return self.type & KIND

    @property
    def name(self) -> str:
        """Name of the key in its directory: ``AUTH00``."""
        return f"{_NAMES[self.kind]}{self.identifier:02X}"

    def key(self, value: bytes) -> Key:
        """Return the key with its value; only keys of EXTERNAL AUTHENTICATION have a KID."""
        suite = "" if self.kind == PIN else "DES" if self.length == 8 else "3DES"
        kid = self.identifier if self.kind == AUTHENTICATION else None
        tries = self.tries >> 4 if self.kind in LIMITED else 0
        return Key(self.name, USAGES[self.kind], suite, value, kid, 1, tries)


def heads_path(df: str) -> str:
    """Return the path of the file with the heads of a directory."""
    return child(df, HEADS_FID)


def file_heads(card: LoadedContents, df: str) -> tuple[FileHead, ...]:
    """Return the heads of a directory, its own first."""
    records = card.contents[heads_path(df)]
    assert isinstance(records, tuple)  # noqa: S101 - it is a file of records
    return tuple(map(FileHead.unpack, records))


def head_of(card: LoadedContents, ef: Ef) -> FileHead:
    """Return the head of an EF.

    Raises:
        StopIteration: no CREATE FILE of this coding created it; see `find_head`.
    """
    return next(head for head in file_heads(card, ef.parent)[1:] if head.fid == ef.fid)


def find_head(card: LoadedContents, ef: Ef) -> FileHead | None:
    """Return the head of an EF, or None if no CREATE FILE of this coding created it."""
    if heads_path(ef.parent) not in card.contents:
        return None
    return next((head for head in file_heads(card, ef.parent)[1:] if head.fid == ef.fid), None)


def key_file(card: LoadedContents, df: str) -> FileHead | None:
    """Return the head of a directory's key file, or None."""
    return next((head for head in file_heads(card, df)[1:] if head.kind == KEY_FILE), None)


def key_heads(card: LoadedContents, df: str) -> tuple[KeyHead, ...]:
    """Return the heads of the keys of a directory, in the order in which they came."""
    file = key_file(card, df)
    if file is None:
        return ()
    contents = card.contents[child(df, file.fid)]
    assert isinstance(contents, bytes)  # noqa: S101 - it is an internal file
    return tuple(_key_heads(contents))


def pack_keys(heads: tuple[KeyHead, ...], size: int) -> bytes:
    """Return the contents of a key file of ``size`` bytes, filled with zeros."""
    return b"".join(bytes((*head, 1)) for head in heads).ljust(size, b"\x00")


def _key_heads(contents: bytes) -> Iterator[KeyHead]:
    for at in range(0, len(contents) - 7, 8):
        if not contents[at + 7]:
            return
        yield KeyHead(*contents[at : at + 7])


def heads_ef(df: str) -> Ef:
    """Return the file with the heads of a directory, which no command reads or writes."""
    structure = Structure.LINEAR_VARIABLE
    return Ef(heads_path(df), HEADS_FID, None, structure, NEVER_RULE, NEVER_RULE, size=0x1000, tlv=False)


# -- a blank card -----------------------------------------------------------------------------------


def blank(info: CardInfo, root: str, fid: int) -> CardContents:
    """Return a card as it is delivered: an MF with a key file, and in it the master key with its public value."""
    key = KeyHead(AUTHENTICATION, 0, _FREE, KEY_RIGHT, 0x0F, 0xFF, len(DEFAULT_KEY))
    keys = FileHead(0x0000, KEY_FILE, 0x40, 0x01, KEY_RIGHT, 0xFF, 0xFF)
    own = FileHead(fid, DIRECTORY, MF_SIZE, MF_RIGHT, MF_RIGHT, 0x01, 0xFF)
    heads = heads_ef(root)
    file = Ef(child(root, keys.fid), keys.fid, None, Structure.INTERNAL, NEVER_RULE, NEVER_RULE, size=keys.size)
    return CardContents(
        info,
        {root: Df(root, fid, DfKind.MF, MF_NAME, directory_sfi=own.third, phase=Phase.PERSONALISING)},
        {each.path: each for each in (heads, file)},
        {heads.path: (own.pack(), keys.pack()), file.path: pack_keys((key,), keys.size)},
        {(KeyRef(root, key.name), 1): key.key(DEFAULT_KEY)},
        {},
    )
