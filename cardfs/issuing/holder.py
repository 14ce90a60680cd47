"""The holder's file: finding the element that each written value means.

Names stand flat where only one file has them, else in a table of their file, ``[DF01.EF05]``. Records
of a cyclic file are an array of tables, newest first: ``[[DF02.EF07]]`` or ``[[employment_record]]``.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..model.codecs import CodecError, card_number, encode
from ..model.elements import decides_itself, filled
from ..model.errors import nearest
from ..model.files import Element, Structure
from ..profile.files import EfPlan
from ..profile.inputs import Document, IssueError, NoSuchElement, read_document
from ..profile.loader import Profile

ALIASES: Final = {
    "name": "holder_name",
    "name_extension": "holder_name_extension",
    "id_number": "social_security_number",
    "ethnicity": "ethnic_group",
    "phone": "phone_number",
    "address": "residence_address",
    "photo": "digital_photo",
}
"""Short names of elements that people write most."""

CONTINUED: Final = {"holder_name": "holder_name_extension"}
"""Where a text that is too long goes on (V2.0 notice, table 9, note to tag 4E)."""

CARD_NUMBER: Final = "card_number"

FACTS: Final = frozenset(("holder_name", "social_security_number"))
"""What issuing asks for even if no file has an element of that name: a financial environment takes it over."""

_BYTES: Final = ({"hex"}, {"file"})


@dataclass(slots=True)
class Placed:
    """The values that a holder's file gives for one EF.

    Attributes:
        values: encoded value by element name, of linear, transparent and internal files.
        records: encoded records of a cyclic file, newest first.
    """

    values: dict[str, bytes] = field(default_factory=dict)
    records: list[bytes] = field(default_factory=list)


def load_holder(path: Path) -> Document:
    """Read a holder's file; what is wrong is an `IssueError`."""
    return read_document(path, IssueError)


def place(holder: Document, profile: Profile) -> dict[str, Placed]:
    """Find and encode every value of a holder's file, by path of the EF.

    Raises:
        IssueError: an unknown or ambiguous name, or a value that does not fit.
    """
    return _Placer(holder, profile).run()


def lay_over(placed: dict[str, Placed], top: dict[str, Placed]) -> None:
    """Replace values in ``placed`` by those of ``top``; records are replaced as a whole."""
    for path, given in top.items():
        below = placed.setdefault(path, Placed())
        below.values.update(given.values)
        if given.records:
            below.records[:] = given.records


class _Placer:
    """Walks one document; the state is what has been placed so far."""

    def __init__(self, holder: Document, profile: Profile) -> None:
        self._holder = holder
        self._profile = profile
        self._placed: dict[str, Placed] = {}
        self._an_fill = int(profile.settings.data.an_fill, 16)
        self._unwritten = profile.settings.data.unwritten_byte
        self._flat: dict[str, list[tuple[EfPlan, Element | None]]] = {}
        self._old: dict[tuple[str, str], Element] = {}
        self._new: set[tuple[str, str]] = set()
        for plan in profile.files.values():
            if plan.records is None:
                self._index(plan)

    def _index(self, plan: EfPlan) -> None:
        if plan.ef.structure is Structure.CYCLIC:
            if plan.name:
                self._flat.setdefault(plan.name, []).append((plan, None))
            return
        for element in plan.elements:
            self._flat.setdefault(element.name, []).append((plan, element))
            if element.later is not None:
                self._flat.setdefault(element.later.name, []).append((plan, element.later))
                self._old[plan.ef.path, element.later.name] = element

    def run(self) -> dict[str, Placed]:
        for name, value in self._holder.data.items():
            if name in self._profile.ids:
                self._df(name, value)
            else:
                self._flat_name(name, value)
        for plan in self._profile.files.values():
            self._check_together(plan)
        return self._placed

    # -- finding ------------------------------------------------------------------------------

    def _flat_name(self, name: str, value: object) -> None:
        known = ALIASES.get(name, name)
        found = self._flat.get(known) or self._flat.get(name)
        if not found and known in FACTS and self._profile.has_financial:
            return
        if not found:
            if self._holder.lenient:
                return
            names = [*self._flat, *ALIASES, *self._profile.ids]
            raise NoSuchElement(f"{self._holder.name}: {name}", name, suggest(name, names))
        if len(found) > 1:
            ids = [plan.id for plan, _ in found]
            tables = " or ".join(f"[{each.replace('/', '.')}]" for each in ids)
            raise IssueError(
                f"{self._holder.name}: {name}",
                f"this element is in {' and in '.join(ids)}; write it in a table {tables}",
            )
        plan, element = found[0]
        if element is None:
            self._records(plan, value)
        else:
            self._element(plan, element, value)

    def _df(self, df: str, table: object) -> None:
        if not isinstance(table, Mapping):
            raise IssueError(f"{self._holder.name}: {df}", f"write a table [{df}.EF..]")
        here = {
            plan.id.partition("/")[2]: plan
            for plan in self._profile.files.values()
            if plan.id.partition("/")[0] == df and plan.records is None
        }
        for ef, value in table.items():
            plan = here.get(ef)
            if plan is None:
                if self._holder.lenient:
                    continue
                raise IssueError(f"{self._holder.name}: {df}.{ef}", f"no such file{suggest(ef, list(here))}")
            if plan.ef.structure is Structure.CYCLIC:
                self._records(plan, value)
            else:
                self._file(plan, value)

    def _file(self, plan: EfPlan, table: object) -> None:
        where = f"{self._holder.name}: {plan.id}"
        if not isinstance(table, Mapping):
            raise IssueError(where, f"write a table [{plan.id.replace('/', '.')}]")
        if plan.ef.structure is Structure.TRANSPARENT and set(table) in _BYTES and len(plan.elements) == 1:
            self._element(plan, plan.elements[0], table)
            return
        known = {element.name: element for element in plan.elements}
        known |= {element.later.name: element.later for element in plan.elements if element.later is not None}
        for name, value in table.items():
            element = known.get(name) or known.get(ALIASES.get(name, ""))
            if element is None:
                if self._holder.lenient:
                    continue
                raise NoSuchElement(f"{where} {name}", name, suggest(name, list(known)))
            self._element(plan, element, value)

    # -- encoding -----------------------------------------------------------------------------

    def _element(self, plan: EfPlan, element: Element, value: object) -> None:
        place = f"{self._holder.name}: {plan.id} {element.name}"
        values = self._placed.setdefault(plan.ef.path, Placed()).values
        old = self._old.get((plan.ef.path, element.name))
        if (old or element).name in values:
            raise IssueError(place, "this value is given twice")
        if old is not None:
            values[old.name] = filled(old, self._encode(element, value, place))
            self._new.add((plan.ef.path, old.name))
            return
        more = {each.name: each for each in plan.elements}.get(CONTINUED.get(element.name, ""))
        if more and isinstance(value, str):
            value, rest = _split(value, element.length)
            if rest:
                self._element(plan, more, rest)
        b_fill = self._unwritten if plan.ef.structure is Structure.TRANSPARENT else 0x00
        values[element.name] = self._encode(element, value, place, b_fill)

    def _check_together(self, plan: EfPlan) -> None:
        """Refuse meanings that a card cannot show together (V2.0 notice, annex C)."""
        written = self._placed[plan.ef.path].values if plan.ef.path in self._placed else {}
        by_tag = {element.tag: element for element in plan.elements}
        for element in plan.elements:
            other = by_tag.get(element.together)
            if element.together is None or other is None or element.name not in written:
                continue
            assert element.later is not None  # noqa: S101 - the profile was checked
            assert other.later is not None  # noqa: S101
            where, old, new = f"{self._holder.name}: {plan.id}", element.name, element.later.name
            theirs, mine = ((plan.ef.path, each.name) in self._new for each in (other, element))
            if mine and not theirs and not decides_itself(element):
                raise IssueError(f"{where} {new}", f"a card shows it together with {other.later.name} only; write both")
            if theirs and not mine:
                raise IssueError(f"{where} {old}", f"write it as {new} beside {other.later.name}")

    def _records(self, plan: EfPlan, rows: object) -> None:
        where = f"{self._holder.name}: {plan.id}"
        if not isinstance(rows, list):
            raise IssueError(where, f"write an array of tables [[{plan.id.replace('/', '.')}]]")
        records = self._placed.setdefault(plan.ef.path, Placed()).records
        if records:
            raise IssueError(where, "its records are given twice")
        if len(rows) > plan.ef.max_records:
            raise IssueError(where, f"{len(rows)} records, but only {plan.ef.max_records} fit")
        known = {element.name: element for element in plan.elements}
        for index, row in enumerate(rows):
            if not isinstance(row, Mapping):
                raise IssueError(f"{where}[{index}]", "write a table")
            for name in row:
                if name not in known:
                    raise NoSuchElement(f"{where}[{index}] {name}", name, suggest(name, list(known)))
            record = b"".join(
                self._encode(element, row.get(name, ""), f"{where}[{index}] {name}")
                if name in row or element.type != "b"
                else bytes(element.length)
                for name, element in known.items()
            )
            records.append(record)

    def _encode(self, element: Element, value: object, place: str, b_fill: int = 0x00) -> bytes:
        try:
            if element.name == CARD_NUMBER and isinstance(value, str):
                value = card_number(value)
            return encode(element, self._read_files(value), an_fill=self._an_fill, b_fill=b_fill)
        except CodecError as error:
            raise IssueError(place, str(error)) from None

    def _read_files(self, value: object) -> object:
        """Replace ``{file = "..."}`` by the bytes of that file; relative paths stand on the holder's folder."""
        if not isinstance(value, Mapping):
            return value
        if set(value) != {"file"}:
            return {name: self._read_files(each) for name, each in value.items()}
        name: Any = value["file"]
        if not isinstance(name, str):
            raise CodecError('write a file as { file = "photo.jpg" }')
        try:
            return {"hex": ((self._holder.folder or Path()) / name).read_bytes().hex()}
        except (OSError, ValueError) as error:  # ValueError: a zero byte in the name
            raise CodecError(f"{getattr(error, 'strerror', None) or error}: {name!r}") from None


def _split(text: str, length: int) -> tuple[str, str]:
    """Cut a text between two characters so that the first part has at most ``length`` bytes."""
    size = 0
    for at, char in enumerate(text):
        size += len(char.encode("gb18030", "replace"))
        if size > length:
            return text[:at], text[at:]
    return text, ""


def suggest(name: str, names: Iterable[str]) -> str:
    """Return the end of an error that names the most similar name; empty if none is similar."""
    near = nearest(name, names)
    return f"; did you mean {near!r}?" if near else ""
