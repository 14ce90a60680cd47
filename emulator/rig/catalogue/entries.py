"""The entries of the catalogue: TOML files beside this module, read once into typed rows.

A file is a group. Its head has ``order``, ``title`` and ``zh``; each ``[[card]]`` is an entry, or with ``each`` a
pattern: an entry for each row of that list in ``[rows]``, with the row's values in the places of their names in braces.
"""

import datetime
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from msgspec import Meta, Struct, to_builtins

from cardfs.model.errors import nearest
from cardfs.profile.inputs import Document, InputError, Misfit, convert, read_document

from ...naming import PREFIX
from ..fault import Fault, FaultError
from ..timing import NONE, TimingError, wire
from .steps import Step

SHIPPED: Final = Path(__file__).parent / "shipped"
DATE: Final = datetime.date(2026, 3, 1)
"""The day on which a card is tried if its entry names no other."""

SERIAL: Final = "00000042"
PIN: Final = "123456"

Id = Annotated[str, Meta(pattern="^[a-z0-9]+([.-][a-z0-9]+)*$")]
Hex = Annotated[str, Meta(pattern="^([0-9A-F]{2}| )+$")]


class CatalogueError(InputError):
    """The catalogue has no such card, or its data are wrong: ``pin.toml: card[3].code: …``."""


class Call(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A function of the terminal on the card, and what a right terminal returns.

    Attributes:
        function: a national function by its name, ``iReadCardBas``, or with ``_HSM`` all its steps; ``load``,
            ``balance`` or ``proof``, which have no national name.
        arguments: its parameters, but iType, pCardInfo and pOutInfo.
        info: pCardInfo; that of the card in the reader if left out.
        kind: iType, 1 contact or 2 contactless.
        pin, new_pin: what the holder types; by default the PIN of the card.
        psam: the PSAM beside it, by its id in the catalogue, or ``none``; for an entry that is a PSAM itself: that one.
        card: the user card beside a PSAM.
        terminal: settings of the terminal, laid over its defaults.
        code: what the function returns, 0 or a code of LD/T 33, table A.1.
        message: the error's text that goes with it; not checked if empty.
        gives: pOutInfo of a success, with ``*`` for anything; not checked if empty.
        warns: checks that find something against the card (Part 7, 5.4).
    """

    function: str
    arguments: tuple[str, ...] = ()
    info: str | None = None
    kind: Literal[1, 2] = 1
    pin: str | None = None
    new_pin: str = ""
    psam: Id = "psam"
    card: Id = "card-2.0"
    terminal: dict[str, str | int | bool] = {}
    code: int = 0
    message: str = ""
    gives: str = ""
    warns: tuple[str, ...] = ()


class Entry(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A test card.

    Attributes:
        id: its name, ``pin-locked``.
        title, zh: what it is.
        purpose, purpose_zh: what it is for.
        right, right_zh: what a right terminal does with it.
        clause: where the standard says so.
        group: id of the file that it stands in.
        profile, changes: card type, and a profile's tables laid over it.
        region, serial, pin, financial, settings, values, issue_date, expiry_date, card_number: as for `Card.issue`.
        steps: what is done with the issued card.
        faults: armed in the finished card, as `Fault.parse` reads them.
        timing: how slowly it answers.
        date: the day on which it is tried: a terminal's clock must stand there.
        calls: functions of the terminal on this card, in order.
        answers: command and answer in hex, in order after a reset, that show what the card is like; ``*`` in an answer
            stands for anything.
    """

    id: Id
    title: str
    zh: str
    purpose: str
    purpose_zh: str
    right: str
    right_zh: str
    clause: str
    group: str = ""
    profile: str = "ssc-2.0"
    changes: dict[str, Any] = {}
    region: str = "519900"
    serial: str = SERIAL
    pin: str = PIN
    financial: Literal["", "edep", "debit_credit", "both"] = ""
    settings: dict[str, Any] = {}
    values: dict[str, Any] = {}
    issue_date: datetime.date | None = None
    expiry_date: datetime.date | None = None
    card_number: str = ""
    steps: tuple[Step, ...] = ()
    faults: tuple[str, ...] = ()
    timing: str = NONE
    date: datetime.date = DATE
    calls: tuple[Call, ...] = ()
    answers: tuple[tuple[str, str], ...] = ()

    @property
    def is_psam(self) -> bool:
        """Return whether it is a security module and no user card."""
        return self.profile == "psam"

    @property
    def codes(self) -> tuple[int, ...]:
        """Return the codes that its functions return, each once; 0 is success."""
        return tuple(dict.fromkeys(call.code for call in self.calls))

    def table(self) -> dict[str, Any]:
        """Return the entry as a table that JSON can write; what is as usual is left out."""
        shown: dict[str, Any] = to_builtins(self)
        return {"id": self.id, "group": self.group, **shown, "psam": self.is_psam, "codes": list(self.codes)}


class Group(Struct, frozen=True):
    """A group of test cards.

    Attributes:
        id: name of its file.
        title, zh: what its cards have in common.
        entries: its cards, in order.
    """

    id: str
    title: str
    zh: str
    entries: tuple[Entry, ...]


class _File(Struct, frozen=True, forbid_unknown_fields=True):
    """A file of the catalogue, as written."""

    order: int
    title: str
    zh: str
    card: list[dict[str, Any]]
    rows: dict[str, list[dict[str, str | int]]] = {}


# -- finding -----------------------------------------------------------------------------------------


@cache
def catalogue() -> Mapping[str, Entry]:
    """Return every test card by its id, in the order of the groups.

    Raises:
        CatalogueError: the data are wrong; names file and place.
    """
    return {entry.id: entry for group in groups() for entry in group.entries}


@cache
def groups() -> tuple[Group, ...]:
    """Return the groups in order; as `catalogue`."""
    return read_groups(SHIPPED)


def find(name: str) -> Entry:
    """Return a test card by its id, with or without ``catalogue:`` before it.

    Raises:
        CatalogueError: there is none; names the nearest.
    """
    wanted = name.removeprefix(PREFIX)
    entry = catalogue().get(wanted)
    if entry is None:
        near = nearest(wanted, catalogue())
        hint = f"did you mean {PREFIX}{near}?" if near else "`sscard cards` lists them"
        raise CatalogueError(f"{PREFIX}{wanted}", f"the catalogue has no such card; {hint}")
    return entry


def matching(words: tuple[str, ...]) -> list[Entry]:
    """Return the test cards that have every one of the words: in id, group, title, purpose, clause or code."""
    found = []
    for group in groups():
        for entry in group.entries:
            text = " ".join(
                (entry.id, group.id, group.title, group.zh, entry.title, entry.zh, entry.purpose, entry.purpose_zh)
            )
            text = f"{text} {entry.profile} {entry.clause} {' '.join(map(str, entry.codes))}".casefold()
            if all(word.casefold() in text for word in words):
                found.append(entry)
    return found


# -- reading -----------------------------------------------------------------------------------------


def read_groups(folder: Path) -> tuple[Group, ...]:
    """Read all files of a folder.

    Raises:
        CatalogueError: a file is wrong, or two cards have one id; names file and place.
    """
    files = []
    for path in sorted(folder.glob("*.toml")):
        document = read_document(path, CatalogueError)
        files.append((_convert(document.data, _File, document.name), document, path))
    files.sort(key=lambda each: each[0].order)
    found, seen = [], set()
    for file, document, path in files:
        entries = tuple(_entries(file, document, path))
        for entry in entries:
            if entry.id in seen:
                raise CatalogueError(document.name, f"there are two cards {entry.id!r}")
            seen.add(entry.id)
        found.append(Group(path.stem, file.title, file.zh, entries))
    return tuple(found)


def _entries(file: _File, document: Document, path: Path) -> Iterator[Entry]:
    for at, card in enumerate(file.card):
        place = f"{document.name}: card[{at}]"
        row = dict(card)
        each = row.pop("each", None)
        if each is not None and each not in file.rows:
            raise CatalogueError(f"{place}.each", f"the file has no rows {each!r}")
        for values in [{}] if each is None else file.rows[each]:
            yield _entry(_filled(row, values), place, path)


def _entry(row: dict[str, Any], place: str, path: Path) -> Entry:
    entry: Entry = _convert({**row, "group": path.stem}, Entry, place)
    for text in entry.faults:
        try:
            Fault.parse(text)
        except FaultError as error:
            raise CatalogueError(f"{place}.faults", str(error)) from None
    try:
        wire(entry.timing)
    except TimingError as error:
        raise CatalogueError(f"{place}.timing", str(error)) from None
    return entry


def _convert(data: object, kind: type[Any], place: str) -> Any:
    try:
        return convert(data, kind)
    except Misfit as error:
        # Within a file the path begins anew, within a card it goes on.
        path = error.path if "[" in place or not error.path else f": {error.path.lstrip('.')}"
        raise CatalogueError(f"{place}{path}", error.reason) from None


_NAME: Final = re.compile(r"\{(\w+)\}")


def _filled(value: Any, values: Mapping[str, str | int]) -> Any:
    """Return a value with those of a row in the places of their names in braces, however deep.

    A text that is nothing but a name becomes the row's value itself, which may be a number.
    """
    if isinstance(value, str):
        whole = _NAME.fullmatch(value)
        if whole and whole[1] in values:
            return values[whole[1]]
        return _NAME.sub(lambda match: str(values.get(match[1], match[0])), value)
    if isinstance(value, list):
        return [_filled(each, values) for each in value]
    if isinstance(value, dict):
        return {name: _filled(each, values) for name, each in value.items()}
    return value
