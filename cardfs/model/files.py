"""Files: what is specified of a DF or an EF, and what an EF contains (Part 3, 5).

Specification and contents are different objects. Values are frozen; change is replacement.

A path names a file by the FIDs from the MF down, four hex digits each: ``3F00/DDF1/DF04/EF06``.
"""

from dataclasses import dataclass, field
from typing import Final

from keys.records import Key, KeyId, Word

from .rules import Rule
from .settings import Settings

MF_FID: Final = 0x3F00
MF_PATH: Final = "3F00"
SSSE_NAME: Final = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
NAMES: Final = {SSSE_NAME: "SSSE", b"1PAY.SYS.DDF01": "PSE", b"2PAY.SYS.DDF01": "PPSE"}
"""What people call environments, by their names."""
MAX_RECORDS: Final = 254


class Phase(Word):
    """Where the MF or an environment is in its life (Part 4, 5; Part 10, 5); `cardfs.life` has the edges.

    The MF is blank, activated, mastered, operational; an environment created, personalising, operational.
    """

    BLANK = "blank"
    ACTIVATED = "activated"
    MASTERED = "mastered"
    CREATED = "created"
    PERSONALISING = "personalising"
    OPERATIONAL = "operational"


class DfKind(Word):
    """Kinds of directory (Part 3, 5.1)."""

    MF = "mf"
    DDF = "ddf"
    ADF = "adf"


class CommandSet(Word):
    """Which commands work in a DF; each command set has rows of its own in the command table.

    SOCIAL: the social-security environment and the MF above it (Part 5). PSAM: a security module (Part 9).
    FINANCIAL: the financial environment itself; PURSE: passbook and purse; DEBIT: debit/credit (JR/T 0025).
    """

    SOCIAL = "social"
    PSAM = "psam"
    FINANCIAL = "payment"  # as profiles and image files have it
    PURSE = "purse"
    DEBIT = "debit"


FINANCIAL_SETS: Final = frozenset((CommandSet.FINANCIAL, CommandSet.PURSE, CommandSet.DEBIT))
"""Command sets of the financial environment; their key identifiers are indices, counted anew for each function."""


LABELS: Final = {CommandSet.PURSE: "EDEP", CommandSet.DEBIT: "DEBIT"}


class Structure(Word):
    """Structures of an EF (Part 3, 5.1.2)."""

    TRANSPARENT = "transparent"
    LINEAR_FIXED = "linear-fixed"
    LINEAR_VARIABLE = "linear-variable"
    CYCLIC = "cyclic"
    INTERNAL = "internal"


class Protection(Word):
    """What secure messaging puts on the commands that read or update a file (Part 4, 8.1).

    NONE: nothing. MAC: they end in a MAC. CIPHER: their data are enciphered as well, and then come under the MAC.
    """

    NONE = "none"
    MAC = "mac"
    CIPHER = "mac+cipher"


@dataclass(frozen=True, slots=True)
class Df:
    """A directory file.

    Attributes:
        path: where it is; see the module.
        fid: file identifier.
        name: DF name, 0 to 16 bytes; empty if it is selected by FID only (Part 3, 5.2).
        directory_sfi: SFI of its directory file, tag 88 of the FCI; None if it announces none.
        issuer_data: value of tag 9F0C in the FCI (发卡方自定义FCI数据); empty if it has none.
        lock_kid: identifier of the key that gives the right to lock it; None if it cannot be locked.
        phase: of the MF and of environments; an application lives in the phase of its environment.
        blocked: permanently locked by APPLICATION BLOCK (Part 5, 6.1).
        command_set: which commands work in it.
        proprietary: what tag A5 of the FCI holds besides, as TLVs, where the command set's FCI has such.
        suspended: locked by a temporary APPLICATION BLOCK of JR/T 0025.
    """

    path: str
    fid: int
    kind: DfKind
    name: bytes = b""
    directory_sfi: int | None = None
    issuer_data: bytes = b""
    lock_kid: int | None = None
    phase: Phase = Phase.OPERATIONAL
    blocked: bool = False
    command_set: CommandSet = CommandSet.SOCIAL
    proprietary: bytes = b""
    suspended: bool = False

    @property
    def label(self) -> str:
        """Return its name for people: MF, SSSE, DF04, EDEP."""
        # The name that a user card's environment has is in a security module the MF's (Part 9, clause 5).
        return LABELS.get(self.command_set) or label(
            self.path, b"" if self.command_set is CommandSet.PSAM else self.name
        )


@dataclass(frozen=True, slots=True)
class Ef:
    """An elementary file.

    Attributes:
        path: where it is; see the module.
        fid: file identifier.
        sfi: short identifier 1 to 30, unique in its DF; None if it has none (Part 3, 5.2).
        size: bytes for contents: of a transparent or internal file its length, of a linear variable
            file the space for all records together; 0 for fixed and cyclic files.
        record_length: length of each record of a fixed or cyclic file, else 0.
        max_records: how many records fit, at most 254 (Part 3, 5.3).
        tlv: whether records are tag || length || value; their identifier is the tag (Part 3, 5.3.1).
        secured_update: what an update carries; passbook and purse call it line protection.
        secured_read: what a command that reads carries, NONE or MAC; the answer is plain (Part 4, 8.5).
    """

    path: str
    fid: int
    sfi: int | None
    structure: Structure
    read: Rule
    update: Rule
    size: int = 0
    record_length: int = 0
    max_records: int = MAX_RECORDS
    tlv: bool = True
    secured_update: Protection = Protection.NONE
    secured_read: Protection = Protection.NONE

    @property
    def parent(self) -> str:
        """Path of the DF that holds it."""
        return parent(self.path)


Records = tuple[bytes, ...]
Contents = bytes | Records
"""Of a transparent or internal file its bytes; of a record file its records, first place first.

Linear: the first record is number 1. Cyclic: the first is number 1 and the newest (Part 3, 5.3.1).
"""


@dataclass(frozen=True, slots=True)
class CardInfo:
    """What belongs to the card as a whole.

    Attributes:
        profile: name of the profile that it was issued from.
        suite: ``3DES`` or ``SM4``.
        atr: answer to reset, whole.
        blocked: whether CARD BLOCK has permanently locked it (Part 5, 6.2).
    """

    profile: str
    suite: str
    atr: bytes
    historical: bytes
    settings: Settings
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class CardContents:
    """Every cell of a card, as issuing makes them and an image holds them.

    Attributes:
        dictionary: data elements by path of the EF.
        names: what people call the keys of a DF, by its path: ``{"84": "RK1DF04", "load": "DLK"}``; a key
            with an identifier stands under that, one without under its function. Keys that are loaded
            over commands get their names from here.
        tries: how many tries each key with a counter has left; a key that is missing here has all.
    """

    info: CardInfo
    dfs: dict[str, Df]
    efs: dict[str, Ef]
    contents: dict[str, Contents]
    keys: dict[KeyId, Key]
    dictionary: dict[str, tuple["Element", ...]]
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    tries: dict[KeyId, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Element:
    """A data element (数据项) of an EF: how people read and write what the bytes mean.

    Attributes:
        name: English key, unique in its EF.
        zh: the standard's Chinese name.
        type: ``an``, ``cn``, ``b`` or ``B-TLV`` (V2.0 notice, 7).
        length: bytes of the value.
        tag: of a record or of an inner element; None for fields of cyclic records and binaries.
        format: what the value means: ``date``, ``region``, ``amount``, ``text`` or empty.
        fields: inner elements of a B-TLV.
        later: what it means since V2.0, on a card of an earlier version (annex C; `cardfs.model.elements`).
        together: tag of the element with which it changes its meaning.
    """

    name: str
    zh: str
    type: str
    length: int
    tag: int | None = None
    format: str = ""
    fields: tuple["Element", ...] = ()
    later: "Element | None" = None
    together: int | None = None


def parent(path: str) -> str:
    """Return the path of the DF above; of the MF the empty text."""
    return path.rpartition("/")[0]


def child(df: str, fid: int) -> str:
    """Return the path of a file in ``df``; ``df`` is empty for the MF itself."""
    return f"{df}/{fid:04X}" if df else f"{fid:04X}"


def label(path: str, name: bytes = b"") -> str:
    """Return the name of a DF or EF for people: MF, SSSE, PSE, DF04, EF06, else the FID."""
    if name in NAMES:
        return NAMES[name]
    fid = path.rpartition("/")[2]
    if path == MF_PATH:
        return "MF"
    return f"EF{fid[2:]}" if fid.startswith(("EF", "00")) else fid
