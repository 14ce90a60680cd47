"""The rows of a profile: the fields of a DF, an EF, a key and a data element, strictly typed.

A value may depend on a named setting: ``kid = { setting = "kid.rk1df01" }`` takes the setting's
value, ``values`` translates it, and ``when = { "data.tag60_home" = "DF02/EF06" }`` keeps an entry
only if the setting has that value, or one of a list.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

from keys.records import Usage

from ..model.files import MAX_RECORDS, CommandSet, Protection, Structure
from ..model.settings import Settings, near_setting
from .inputs import Misfit, ProfileError, convert
from .source import Entry, Source, Where

Scalar = str | int | bool
Conditions = dict[str, Scalar | list[Scalar]]
Fid = Annotated[int, Meta(ge=0, le=0xFFFF)]
Tag = Annotated[int, Meta(ge=1, le=0xFFFF)]
Hex = Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2} ?)*$")]
Name = Annotated[str, Meta(pattern="^[A-Za-z][A-Za-z0-9_]*$")]


class _Row(Struct, frozen=True, forbid_unknown_fields=True):
    """A table whose unknown keys are refused."""


class Switch(_Row, frozen=True, forbid_unknown_fields=True):
    """A value that a named setting decides; ``values`` translates that of the setting."""

    setting: str
    values: dict[str, Scalar] = {}


class HeadRow(_Row, frozen=True, forbid_unknown_fields=True):
    """The head of a profile.

    Attributes:
        specification: content of tag 03, ``2.00`` (V2.0 notice, 8.1.1.3).
        suite: of all keys but the maintenance keys.
        maintenance_suite: of the mac-enc keys (Part 9, appendix B, note ***).
    """

    name: Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9.-]*$")]
    specification: Annotated[str, Meta(pattern=r"^[0-9]\.[0-9]{2}$")]
    suite: str
    maintenance_suite: str = ""
    title: str = ""


class AtrRow(_Row, frozen=True, forbid_unknown_fields=True):
    """The answer to reset (Part 2, 8): historical bytes T1 to T7 in hex, and what comes before them."""

    chip_maker: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{4}$")]
    cos: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{6}$")]
    card_maker: Annotated[str, Meta(pattern="^[0-9A-Fa-f]{4}$")]
    protocol: Literal["T=0", "T=1"] = "T=0"
    head: str = ""


class KeyRow(_Row, frozen=True, forbid_unknown_fields=True):
    """A key of a DF; ``root`` names its root if that is not its own name.

    ``algorithm`` is the identifier that purse commands answer, by the suite of the key. In a security module
    ``levels`` is how far the key is above the card's (by default ``psam.root_level``), and ``short`` means that it
    has 8 bytes under DES (Part 9, appendix B, note ***).
    """

    name: Name
    usage: Usage | Switch
    kid: Annotated[int, Meta(ge=0, le=255)] | Switch | None = None
    versions: Annotated[int, Meta(ge=1, le=3)] = 1
    tries: Annotated[int, Meta(ge=0, le=15)] | None = None
    suite: str = ""
    root: str = ""
    algorithm: dict[str, Annotated[int, Meta(ge=0, le=255)]] = {}
    levels: Annotated[int, Meta(ge=0, le=3)] | None = None
    short: bool = False
    zh: str = ""


class DfRow(_Row, frozen=True, forbid_unknown_fields=True):
    """A directory file.

    Attributes:
        id: how other entries call it; four hex digits are its FID as well.
        aid: DF name in hex; ``name``: the same as text in GB code; neither: the label is the name
            (V2.0 notice, 5.1), and without a label it has none.
        label: application label (应用标签), tag 50 of the directory.
        directory: whether it holds a directory file and announces it.
        algorithm: whether tag 9F0C of its FCI holds the algorithm.
        joins_parent: under these settings the DF is its parent itself (Part 3, 6.2).
        regime: which commands work in it; by default those of its parent.
        proprietary: more TLVs for tag A5 of the FCI, in hex; that of debit/credit begins with label and priority.
        priority: tag 87 of the directory, which also orders it; 0 for none.
        lists: whether its FCI lists the applications beside it instead (PPSE).
        suite: of its keys, where that is not the card's. ``keys_of``: id of a DF whose keys it has, too.
    """

    id: Annotated[str, Meta(pattern="^[A-Z0-9]+$")]
    kind: Literal["mf", "ddf", "adf"] = "adf"
    parent: str = ""
    fid: Fid | Switch | None = None
    aid: Annotated[str, Meta(pattern="^([0-9A-Fa-f]{2})*$")] = ""
    name: str = ""
    label: str = ""
    zh: str = ""
    directory: bool = False
    algorithm: bool = False
    joins_parent: Conditions = {}
    regime: CommandSet | None = None
    proprietary: Hex | Switch = ""
    priority: Annotated[int, Meta(ge=0, le=15)] = 0
    lists: bool = False
    suite: str = ""
    keys_of: str = ""
    when: Conditions = {}


class SecuredRow(Struct, frozen=True, forbid_unknown_fields=True):
    """How the commands of a file are secured, by direction; an answer is always plain (Part 4, 8.1 and 8.5)."""

    update: Protection = Protection.NONE
    read: Literal["none", "mac"] = "none"


class EfRow(_Row, frozen=True, forbid_unknown_fields=True):
    """An elementary file.

    Attributes:
        id: ``DF01/EF05``, the DF's id and the FID.
        sfi: short identifier, by default the low byte of the FID; 0 for none.
        size: bytes, where they do not follow from the elements.
        objects: whether its elements are data objects with tags of one or two bytes: in an internal file
            one behind the other, in a record file in templates 70, each element in the ``record`` that it names.
        secured: ``true`` for updates with a MAC, or a table with each direction.
    """

    id: Annotated[str, Meta(pattern="^[A-Z0-9]+/[0-9A-F]{4}$")]
    structure: Structure
    read: str | Switch
    update: str | Switch
    zh: str = ""
    name: str = ""
    sfi: Annotated[int, Meta(ge=0, le=30)] | None = None
    size: Annotated[int, Meta(ge=1, le=0x7FFF)] | None = None
    record_length: Annotated[int, Meta(ge=1, le=255)] | None = None
    max_records: Annotated[int, Meta(ge=1, le=MAX_RECORDS)] | None = None
    tlv: bool | None = None
    secured: bool | SecuredRow = False
    objects: bool = False
    when: Conditions = {}


class LaterRow(_Row, frozen=True, forbid_unknown_fields=True):
    """What an element of an old card means since V2.0 (V2.0 notice, annex C).

    ``with_tag`` is the tag of the element with which it changes; one as long as before has to name it.
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    type: Literal["an", "cn"]
    length: Annotated[int, Meta(ge=1, le=252)]
    zh: str = ""
    format: Literal["", "date", "region", "amount", "text"] = ""
    with_tag: Tag | None = None


class ElementRow(_Row, frozen=True, forbid_unknown_fields=True):
    """A data element; ``holds`` lists the tags of the EF's ``inner`` elements inside a B-TLV.

    ``value`` is its default value in hex; ``record`` is the number of its record, if the EF has data objects.
    """

    name: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]*$")]
    type: Literal["an", "cn", "b", "B-TLV"]
    length: Annotated[int, Meta(ge=1, le=0x7FFF)]
    tag: Tag | None = None
    zh: str = ""
    format: Literal["", "date", "region", "amount", "text"] = ""
    holds: list[Tag] = []
    value: Hex = ""
    record: Annotated[int, Meta(ge=1, le=MAX_RECORDS)] = 1
    later: LaterRow | None = None
    when: Conditions = {}


# -- reading -------------------------------------------------------------------------------------

R = TypeVar("R", bound=_Row)


@dataclass(frozen=True, slots=True)
class Located(Generic[R]):
    """A row, and where it was written."""

    row: R
    where: Where


@dataclass(frozen=True, slots=True)
class DfEntry:
    """A DF and its keys."""

    row: DfRow
    where: Where
    keys: tuple[Located[KeyRow], ...]


@dataclass(frozen=True, slots=True)
class EfEntry:
    """An EF, its data elements, and the inner elements that these may hold."""

    row: EfRow
    where: Where
    elements: tuple[Located[ElementRow], ...]
    inner: tuple[Located[ElementRow], ...]


@dataclass(frozen=True, slots=True)
class ProfileRows:
    """A whole profile as typed rows, not yet built: nothing here has been compared with anything else.

    Attributes:
        file: name of the file that was loaded.
        head, atr: the tables that stand once.
        settings: of the cards; ``written``: where each setting that the profile writes stands, by dotted name.
        dfs, efs: in the order of the profile.
    """

    file: str
    head: Located[HeadRow]
    settings: Settings
    written: Mapping[str, str]
    atr: Located[AtrRow]
    dfs: tuple[DfEntry, ...]
    efs: tuple[EfEntry, ...]


def read_rows(source: Source) -> ProfileRows:
    """Read every row of a merged profile, also of entries that the settings will leave out.

    Raises:
        ProfileError: a key is unknown or missing, or a value does not fit.
    """
    _check_head_keys(source)
    return ProfileRows(
        source.file,
        _located(source.head, HeadRow),
        _settings(source),
        source.table_places,
        _atr(source),
        tuple(
            DfEntry(_row(entry, DfRow), entry.where, _all(entry.entries("keys"), KeyRow))
            for entry in source.head.entries("df")
        ),
        tuple(
            EfEntry(
                _row(entry, EfRow),
                entry.where,
                _all(entry.entries("elements"), ElementRow),
                _all(entry.entries("inner"), ElementRow),
            )
            for entry in source.head.entries("ef")
        ),
    )


def has_financial(rows: ProfileRows) -> bool:
    """Return whether a profile has files for a financial environment, whatever its settings are."""
    return any(df.row.regime is CommandSet.FINANCIAL for df in rows.dfs)


def _check_head_keys(source: Source) -> None:
    for name, entries in source.head.lists.items():
        if name not in ("df", "ef"):
            place = next(iter(entries.values())).place if entries else source.file
            raise ProfileError(place, f"{name!r} belongs in a [[df]] or [[ef]]")
    for name, value in source.head.values.items():
        if name not in HeadRow.__struct_fields__:
            inner = next(iter(value), "") if isinstance(value, Mapping) else ""
            near = near_setting(f"{name}.{inner}" if inner else name)
            raise ProfileError(source.head.where.at(name), f"unknown key{near}")


def _settings(source: Source) -> Settings:
    try:
        return convert(source.tables["settings"], Settings)
    except Misfit as error:
        dotted = f"settings{error.path}" + (f".{error.unknown}" if error.unknown else "")
        if error.unknown:
            reason = f"no such setting{near_setting(dotted)}"
        else:
            reason = f"there is no refusal {error.bad_key}" if error.bad_key else error.reason
        raise ProfileError(source.table_places.get(dotted, f"{source.file}: {dotted}"), reason) from None


def _atr(source: Source) -> Located[AtrRow]:
    if not source.tables["atr"]:
        raise ProfileError(f"{source.file}: atr", "the table [atr] is missing")
    places = {key.partition(".")[2]: place for key, place in source.table_places.items() if key.startswith("atr.")}
    return _located(Entry(f"{source.file}: atr", source.tables["atr"], places), AtrRow)


def _all(entries: Iterable[Entry], kind: type[R]) -> tuple[Located[R], ...]:
    return tuple(_located(entry, kind) for entry in entries)


def _located(entry: Entry, kind: type[R]) -> Located[R]:
    return Located(_row(entry, kind), entry.where)


def _row(entry: Entry, kind: type[R]) -> R:
    """Convert a merged entry to its row."""
    try:
        return convert(entry.values, kind)
    except Misfit as error:
        key, where = error.key, entry.where
        if key:
            raise ProfileError(where.at(key) + error.path.lstrip(".")[len(key) :], error.reason) from None
        if error.unknown:
            raise ProfileError(where.at(error.unknown), "unknown key") from None
        raise ProfileError(where.place, f"{error.missing!r} is missing" if error.missing else error.reason) from None
