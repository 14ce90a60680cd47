"""The elementary files of a profile: elements, sizes, access rules, and the directory file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from ..model.elements import decides_itself
from ..model.fci import LABEL, PRIORITY
from ..model.files import MAX_RECORDS, CommandSet, Df, DfKind, Ef, Element, Protection, Records, Structure, child
from ..model.rules import FREE_RULE, NEVER_RULE
from ..model.tlv import RECORD_TEMPLATE, encode
from .inputs import ProfileError
from .rows import EfEntry, EfRow, ElementRow, Located
from .source import Where
from .tree import Tree

_LINEAR: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)
FINANCIAL_SFI: Final = 1
"""Where the directory of the financial environment stands, in EF 0001 (JR/T 0025)."""
_TEMPLATE_HEAD: Final = 3
_NO_PRIORITY: Final = 16
"""Behind every priority that there is."""
_LONGEST_RECORD: Final = 255
"""What one command writes: Lc is one byte."""
_TLV_HEAD: Final = 2
"""Bytes of tag and length, one each (Part 3, 5.3.1)."""


@dataclass(frozen=True, slots=True)
class EfPlan:
    """An EF of the card type.

    Attributes:
        id: ``DF01/EF05``. ``name``, ``zh``: what people call the file.
        elements: its data elements; of a linear file one for each record in order, of a cyclic file
            the fields of a record, of a transparent file at most one.
        records: fixed contents, of the directory file.
        objects: of a file of data objects which record holds which elements, by name; else None.
        defaults: of data objects their default values, by name.
    """

    id: str
    ef: Ef
    name: str
    zh: str
    elements: tuple[Element, ...]
    records: Records | None = None
    objects: tuple[tuple[str, ...], ...] | None = None
    defaults: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DirectoryPlan:
    """A DF that holds a directory file, and where the profile has it."""

    df: str
    place: str


def build_efs(
    entries: Sequence[EfEntry],
    tree: Tree,
    directories: Sequence[DirectoryPlan],
    labels: dict[str, str],
    priorities: dict[str, int],
) -> dict[str, EfPlan]:
    """Build and check every EF.

    Args:
        entries: the rows. ``tree``: finished DFs and keys.
        directories: DFs that get a directory file.
        labels, priorities: application label and priority by path of the DF.

    Raises:
        ProfileError: with file, place and reason.
    """
    plans: dict[str, EfPlan] = {}
    for entry in entries:
        row, where = entry.row, entry.where
        if tree.keeps(row.when, where) and row.id.partition("/")[0] not in tree.left_out:
            plan = _ef(entry, tree)
            _check_free(plan, where.at("id"), where.at("sfi"), tree, plans)
            plans[plan.ef.path] = plan
    for directory in directories:
        plan = _directory(directory, tree, labels, priorities)
        place = f"{directory.place}.directory"
        _check_free(plan, place, place, tree, plans)
        plans[plan.ef.path] = plan
    return plans


def _ef(entry: EfEntry, tree: Tree) -> EfPlan:
    row, where = entry.row, entry.where
    df, _, hexa = row.id.partition("/")
    if df not in tree.paths:
        raise ProfileError(where.at("id"), f"there is no DF {df!r}")
    path, fid = child(tree.paths[df], int(hexa, 16)), int(hexa, 16)
    tlv = row.tlv if row.tlv is not None else row.structure in _LINEAR
    if row.objects:
        tlv = False
    elements = tuple(_elements(entry, tree, tlv, objects=row.objects))
    _check_later(elements, where, tlv)
    low = fid & 0xFF if row.sfi is None else row.sfi
    sfi = low if 1 <= low <= 30 and row.structure is not Structure.INTERNAL else None
    layout = _layout(entry, elements) if row.objects else None
    if layout is None:
        social = tree.dfs[tree.paths[df]].command_set is CommandSet.SOCIAL
        size, record_length, max_records = _sizes(row, where, elements, tlv, one=social)
    else:
        size, record_length, max_records = _object_sizes(row, where, elements, len(layout))
    read = tree.rule(row.read, tree.paths[df], where.at("read"))
    update = tree.rule(row.update, tree.paths[df], where.at("update"))
    secured = _secured(row, where, tree.dfs[tree.paths[df]].command_set)
    ef = Ef(path, fid, sfi, row.structure, read, update, size, record_length, max_records, tlv, *secured)
    defaults = {each.row.name: bytes.fromhex(each.row.value) for each in entry.elements if each.row.value}
    return EfPlan(row.id, ef, row.name, row.zh, elements, None, layout, defaults)


def _secured(row: EfRow, where: Where, command_set: CommandSet) -> tuple[Protection, Protection]:
    """Return how updates and reading of a file are secured; ``true`` is updates with a MAC."""
    if isinstance(row.secured, bool):
        return Protection.MAC if row.secured else Protection.NONE, Protection.NONE
    if command_set is not CommandSet.SOCIAL:
        raise ProfileError(where.at("secured"), "a table is for files of the MF and the social-security environment")
    return row.secured.update, Protection(row.secured.read)


def _check_free(plan: EfPlan, at_id: str, at_sfi: str, tree: Tree, plans: dict[str, EfPlan]) -> None:
    """Refuse a FID or SFI that is taken: both are unique in a DF (Part 3, 5.2)."""
    ef = plan.ef
    if ef.fid in (0x3F00, 0x3FFF, 0xFFFF) or ef.path in tree.dfs or ef.path in plans:
        raise ProfileError(at_id, f"FID {ef.fid:04X} is taken in {tree.path_name(ef.parent)}")
    for other in plans.values():
        if ef.sfi is not None and other.ef.parent == ef.parent and other.ef.sfi == ef.sfi:
            raise ProfileError(at_sfi, f"SFI {ef.sfi:02X} is taken by {other.id}")


# -- elements -----------------------------------------------------------------------------------


def _elements(entry: EfEntry, tree: Tree, tlv: bool, *, objects: bool) -> list[Element]:
    inner: dict[int, Element] = {}
    for each in entry.inner:
        row = each.row
        if row.tag is None or row.holds:
            raise ProfileError(each.where.place, "an inner element needs a tag and holds no others")
        inner[row.tag] = _element(row, ())
    result = []
    for each in entry.elements:
        row = each.row
        if not tree.keeps(row.when, each.where):
            continue
        if (tlv or objects) and row.tag is None:
            raise ProfileError(each.where.place, "'tag' is missing")
        if not (tlv or objects) and row.tag is not None:
            raise ProfileError(each.where.at("tag"), "records of this file have no tags")
        if tlv and (row.tag or 0) > 0xFE:
            raise ProfileError(each.where.at("tag"), "expected `int` <= 254")
        if tlv and row.length > _LONGEST_RECORD - _TLV_HEAD:
            raise ProfileError(each.where.at("length"), "a value has at most 253 bytes in a TLV record")
        result.append(_element(row, _inner_elements(each, inner)))
    return result


def _inner_elements(element: Located[ElementRow], inner: dict[int, Element]) -> tuple[Element, ...]:
    row, where = element.row, element.where
    if row.type != "B-TLV":
        if row.holds:
            raise ProfileError(where.at("holds"), "only a B-TLV holds elements")
        return ()
    for tag in row.holds:
        if tag not in inner:
            raise ProfileError(where.at("holds"), f"no inner element with tag {tag:02X}")
    fields = tuple(inner[tag] for tag in row.holds)
    length = sum(len(encode(field.tag or 0, bytes(field.length))) for field in fields)
    if length != row.length:
        raise ProfileError(where.at("length"), f"the inner elements take {length:02X} bytes, not {row.length:02X}")
    return fields


def _element(row: ElementRow, fields: tuple[Element, ...]) -> Element:
    element = Element(row.name, row.zh, row.type, row.length, row.tag, row.format, fields)
    if row.later is None:
        return element
    new = row.later
    later = Element(new.name, new.zh, new.type, new.length, row.tag, new.format)
    return replace(element, later=later, together=new.with_tag)


def _check_later(elements: Sequence[Element], where: Where, tlv: bool) -> None:
    """Refuse a later meaning that cannot be distinguished from the one before (V2.0 notice, annex C)."""
    deciding = {each.tag for each in elements if decides_itself(each)}
    for each in elements:
        if each.later is None:
            continue
        place = f"{where.at('elements')}: {each.name}"
        if not tlv or each.fields:
            raise ProfileError(place, "only an element in a record of its own has a later meaning")
        if each.together is None and not decides_itself(each):
            raise ProfileError(place, "a later meaning as long as the one before needs 'with_tag'")
        if each.together is not None and each.together not in deciding:
            raise ProfileError(
                place, f"with_tag {each.together:02X} is not the tag of an element whose end decides its meaning"
            )


# -- sizes --------------------------------------------------------------------------------------


def _layout(entry: EfEntry, elements: tuple[Element, ...]) -> tuple[tuple[str, ...], ...]:
    """Return the names of the data objects in each record, record 1 first."""
    names = {each.name for each in elements}
    places: dict[int, list[str]] = {}
    for each in entry.elements:
        if each.row.name in names:
            places.setdefault(each.row.record, []).append(each.row.name)
    if sorted(places) != list(range(1, len(places) + 1)):
        raise ProfileError(
            entry.where.at("elements"), f"the records are numbered from 1 without a gap, not {sorted(places)}"
        )
    return tuple(tuple(places[number]) for number in sorted(places))


def _object_sizes(row: EfRow, where: Where, elements: tuple[Element, ...], records: int) -> tuple[int, int, int]:
    """Return size, record length and number of records of a file of data objects at their full length."""
    needed = sum(len(encode(each.tag or 0, bytes(each.length))) for each in elements)
    if row.structure is Structure.INTERNAL:
        return _checked(row.size, needed, where, "size"), 0, 0
    if row.structure is not Structure.LINEAR_VARIABLE:
        raise ProfileError(where.at("structure"), "a file of data objects is internal or linear variable")
    return _checked(row.size, needed + _TEMPLATE_HEAD * records, where, "size"), 0, _count(row, where, records, records)


def _sizes(row: EfRow, where: Where, elements: tuple[Element, ...], tlv: bool, *, one: bool) -> tuple[int, int, int]:
    """Return size, record length and number of records; what the row leaves out follows from the elements."""
    head = _TLV_HEAD if tlv else 0
    total = sum(head + each.length for each in elements)
    if row.structure is Structure.LINEAR_VARIABLE:
        return _checked(row.size, total, where, "size"), 0, _count(row, where, len(elements))
    if row.structure is Structure.LINEAR_FIXED:
        length = _record_length(row, where, {head + each.length for each in elements})
        return 0, length, _count(row, where, len(elements), or_else=len(elements))
    if row.structure is Structure.CYCLIC:
        return 0, _record_length(row, where, {total} if elements else set()), _count(row, where, 1, or_else=0)
    if row.structure is Structure.TRANSPARENT and len(elements) > 1 and one:
        raise ProfileError(where.at("elements"), "a transparent file has one element")
    return _checked(row.size, total, where, "size"), 0, 0


def _checked(written: int | None, needed: int, where: Where, key: str) -> int:
    value = needed if written is None else written
    if value < needed:
        raise ProfileError(where.at(key), f"{value} bytes, but its elements take {needed}")
    if value == 0:
        raise ProfileError(where.place, f"{key!r} is missing, and there are no elements to take it from")
    return value


def _record_length(row: EfRow, where: Where, lengths: set[int]) -> int:
    written = row.record_length
    if len(lengths) > 1:
        raise ProfileError(where.at("elements"), f"records of a fixed file have one length, not {sorted(lengths)}")
    needed = lengths.pop() if lengths else written
    if needed is None:
        raise ProfileError(where.place, "'record_length' is missing, and there are no elements to take it from")
    if written is not None and written != needed:
        raise ProfileError(where.at("record_length"), f"{written:02X}, but its elements take {needed:02X}")
    if needed > _LONGEST_RECORD:
        raise ProfileError(where.at("elements"), f"a record has at most 255 bytes, this one has {needed}")
    return needed


def _count(row: EfRow, where: Where, needed: int, or_else: int = MAX_RECORDS) -> int:
    count = or_else if row.max_records is None else row.max_records
    if needed > MAX_RECORDS:
        raise ProfileError(where.at("elements"), f"a file has at most {MAX_RECORDS} records, this one has {needed}")
    if count == 0:
        raise ProfileError(where.place, "'max_records' is missing")
    if count < needed:
        raise ProfileError(where.at("max_records"), f"{count}, but there are {needed} elements")
    return count


# -- the directory file -------------------------------------------------------------------------


def _directory(plan: DirectoryPlan, tree: Tree, labels: dict[str, str], priorities: dict[str, int]) -> EfPlan:
    """Return the directory file of an environment: one record for each ADF below it.

    ``61 L {4F L name, 50 L label}``, with ``directory.wrap_70`` in a template of tag 70 (Part 3, 6.3,
    tables 2 and 3).
    """
    settings = tree.settings.directory
    owner = tree.paths[plan.df]
    financial = tree.dfs[owner].command_set is CommandSet.FINANCIAL
    elements, records = [], []
    for df in listed(tree, owner, priorities):
        record, element = _template(tree, df, labels, priorities)
        if settings.wrap_70 or financial:
            record = encode(RECORD_TEMPLATE, record)
            element = Element(f"entry_{element.name}", "目录项", "B-TLV", len(record) - 2, 0x70, "", (element,))
        elements.append(element)
        records.append(record)
    sfi, fid = (FINANCIAL_SFI, FINANCIAL_SFI) if financial else (settings.sfi, 0xEF00 | settings.sfi)
    ef = Ef(
        child(owner, fid),
        fid,
        sfi,
        Structure.LINEAR_VARIABLE,
        FREE_RULE,
        NEVER_RULE,
        size=sum(map(len, records)),
    )
    name = f"{plan.df}/{fid:04X}"
    return EfPlan(name, ef, "directory", "目录文件", tuple(elements), tuple(records))


def financial_listing(tree: Tree, owner: str, labels: dict[str, str], priorities: dict[str, int]) -> bytes:
    """Return the listing in the FCI of the contactless environment (PPSE): ``BF0C`` with a template 61 each."""
    entries = (_template(tree, df, labels, priorities)[0] for df in listed(tree, owner, priorities))
    return encode(0xBF0C, b"".join(entries))


def listed(tree: Tree, owner: str, priorities: dict[str, int]) -> list[Df]:
    """Return the applications that an environment's directory lists, in order.

    Those with a priority come first, 1 before 2 (EMV Book 1, 12.2.3); the others follow as the profile has them.
    ``financial.listed`` can leave passbook and purse out where there is debit/credit.
    """
    world = (
        {CommandSet.PURSE, CommandSet.DEBIT}
        if tree.dfs[owner].command_set is CommandSet.FINANCIAL
        else {tree.dfs[owner].command_set}
    )
    below = [
        df
        for df in tree.dfs.values()
        if df.kind is DfKind.ADF and df.command_set in world and df.name and df.path.startswith(f"{owner}/")
    ]
    debit = [df for df in below if df.command_set is CommandSet.DEBIT]
    if debit and tree.settings.financial.listed == "debit_credit":
        below = debit
    return sorted(below, key=lambda df: priorities[df.path] or _NO_PRIORITY)


def _template(tree: Tree, df: Df, labels: dict[str, str], priorities: dict[str, int]) -> tuple[bytes, Element]:
    name, aid, label = tree.id_of(df.path), df.name, labels[df.path].encode("gb18030")
    fields = [
        Element("aid", "应用标识符", "b", len(aid), 0x4F),
        Element("label", "应用标签", "an", len(label), LABEL, "text"),
    ]
    value = encode(0x4F, aid) + encode(LABEL, label)
    if priorities[df.path]:
        fields.append(Element("priority", "应用优先指示符", "b", 1, PRIORITY))
        value += encode(PRIORITY, bytes((priorities[df.path],)))
    element = Element(f"application_{name.lower()}", "应用模板", "B-TLV", len(value), 0x61, "", tuple(fields))
    return encode(0x61, value), element
