"""Profiles as text: reading, ``extends``, ``includes``, and the merge by identifier.

A profile is a chain of files; each may include shipped fragments, which stand in the chain right behind it.
Entries (DFs, EFs, keys, elements) are merged by identifier, settings deep; ``remove = true`` takes an
inherited entry away. Every value remembers the file and place that wrote it last, so that an error can
name the line of thought that led to it.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ..model.errors import nearest
from .inputs import Document, ProfileError, read_document

SHIPPED: Final = Path(__file__).parent / "shipped"
ENTRY_LISTS: Final = {"df": "id", "ef": "id", "keys": "name", "elements": "name", "inner": "name"}
"""Lists that are merged entry by entry, and what identifies an entry."""

PARTS: Final = SHIPPED / "parts"
"""Fragments that several profiles include."""

_TABLES: Final = ("atr", "settings")
_LINKS: Final = ("extends", "includes")


@dataclass(frozen=True, slots=True)
class Where:
    """Where the values of a row were written.

    Attributes:
        place: of the row as a whole, ``ssc-2.0.toml: ef[7]``.
        places: for each value where it was written last.
    """

    place: str
    places: Mapping[str, str] = field(default_factory=dict)

    def at(self, key: str) -> str:
        """Return where a value was written, or where it is missing."""
        return self.places.get(key) or f"{self.place}.{key}"


@dataclass(slots=True)
class Entry:
    """A table of a profile after the merge.

    Attributes:
        place: where it was first written: ``ssc-2.0.toml: ef[7]``.
        values: its plain values.
        places: for each value where it was written last.
        lists: its entry lists, each by identifier in order.
    """

    place: str
    values: dict[str, Any] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)
    lists: dict[str, dict[str, "Entry"]] = field(default_factory=dict)

    @property
    def where(self) -> Where:
        """Return where it was written."""
        return Where(self.place, self.places)

    def entries(self, name: str) -> list["Entry"]:
        """Return the entries of one of its lists, in order."""
        return list(self.lists.get(name, {}).values())


@dataclass(slots=True)
class Source:
    """A whole profile after the merge: the head's values, the DFs and EFs, and the two deep tables.

    ``tables`` holds ``atr`` and ``settings``; ``table_places`` where each dotted key was written.
    """

    file: str
    head: Entry
    tables: dict[str, dict[str, Any]] = field(default_factory=lambda: {name: {} for name in _TABLES})
    table_places: dict[str, str] = field(default_factory=dict)


def shipped_profiles() -> tuple[str, ...]:
    """Return the names of the profiles that come with the project, sorted."""
    return tuple(sorted(path.stem for path in SHIPPED.glob("*.toml")))


def find_profile(name: str, folder: Path | None = None) -> Path:
    """Return the path of a profile, found by shipped name or by path.

    Args:
        folder: what relative paths stand on.

    Raises:
        ProfileError: there is no such file.
    """
    if name in shipped_profiles():
        return SHIPPED / f"{name}.toml"
    path = (folder or Path()) / name
    if not os.path.isfile(path):  # noqa: PTH113 - unlike the method of a path it refuses no name
        known = ", ".join(shipped_profiles())
        near = nearest(name, shipped_profiles())
        meant = f"; did you mean {near!r}?" if near else ""
        raise ProfileError(name, f"neither a file nor a shipped profile ({known}){meant}")
    return path


def read_source(name: str, *overrides: Mapping[str, Any] | Document) -> Source:
    """Read a profile with all that it extends and includes, and merge it.

    Args:
        name: shipped name, or path of a TOML file.
        overrides: mappings or documents of a profile's form, laid over it last, in order.

    Raises:
        ProfileError: a file is missing or malformed, `extends` goes in a circle, or an entry cannot be merged.
    """
    path = find_profile(name)
    source = Source(path.name, Entry(path.name))
    for document in _chain(path):
        _merge_document(source, document)
    for each in overrides:
        _merge_document(source, each if isinstance(each, Document) else Document("overrides", dict(each)))
    return source


def _chain(path: Path) -> list[Document]:
    """Return the documents from the furthest base to the profile itself."""
    documents: list[Document] = []
    seen: list[Path] = []
    while True:
        seen.append(path.resolve())
        document = read_document(path, ProfileError)
        documents[:0] = [document, *_included(document)]
        base = document.data.get("extends")
        if base is None:
            return documents
        if not isinstance(base, str):
            raise ProfileError(f"{document.name}: extends", "expected the name or path of a profile")
        try:
            path = find_profile(base, document.folder)
        except ProfileError as reason:
            raise ProfileError(f"{document.name}: extends", str(reason)) from None
        if path.resolve() in seen:
            circle = " -> ".join(each.name for each in (*seen[seen.index(path.resolve()) :], path))
            raise ProfileError(f"{document.name}: extends", f"profiles extend each other in a circle: {circle}")


def _included(document: Document) -> list[Document]:
    """Return the fragments that a document names; each is laid over it, and under what extends it."""
    names = document.data.get("includes", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ProfileError(f"{document.name}: includes", "expected a list of names")
    parts = {path.stem: path for path in PARTS.glob("*.toml")}
    for name in names:
        if name not in parts:
            raise ProfileError(
                f"{document.name}: includes", f"no fragment {name!r}; there are {', '.join(sorted(parts))}"
            )
    return [read_document(parts[name], ProfileError) for name in names]


def _merge_document(source: Source, document: Document) -> None:
    where = f"{document.name}: "
    plain = {key: value for key, value in document.data.items() if key not in (*_TABLES, *_LINKS)}
    inherited = {name: list(source.head.lists.get(name, ())) for name in ("df", "ef")}
    _merge_entry(source.head, plain, where)
    _remove_below(source.head, inherited)
    for name in _TABLES:
        if name in document.data:
            table = document.data[name]
            if not isinstance(table, Mapping):
                raise ProfileError(f"{where}{name}", "expected a table")
            _merge_table(source, source.tables[name], table, name, where)


def _merge_table(source: Source, into: dict[str, Any], table: Mapping[str, Any], dotted: str, where: str) -> None:
    for key, value in table.items():
        name = f"{dotted}.{key}"
        if isinstance(value, Mapping):
            below = into.setdefault(key, {})
            if not isinstance(below, dict):
                below = into[key] = {}
            _merge_table(source, below, value, name, where)
        else:
            into[key] = value
        source.table_places[name] = where + name


def _merge_entry(entry: Entry, row: Mapping[str, Any], where: str) -> None:
    """Lay ``row`` over ``entry``; ``where`` ends so that a key can be appended."""
    for key, value in row.items():
        if key in ENTRY_LISTS:
            _merge_list(entry.lists.setdefault(key, {}), value, where + key, ENTRY_LISTS[key])
        else:
            entry.values[key] = value
            entry.places[key] = where + key


def _merge_list(entries: dict[str, Entry], rows: Any, where: str, id_key: str) -> None:
    if not isinstance(rows, list):
        raise ProfileError(where, "expected a list of tables")
    written: set[str] = set()
    for index, row in enumerate(rows):
        place = f"{where}[{index}]"
        if not isinstance(row, Mapping):
            raise ProfileError(place, "expected a table")
        name = row.get(id_key)
        if not isinstance(name, str) or not name:
            raise ProfileError(place, f"{id_key!r} is missing")
        if name in written:
            raise ProfileError(f"{place}.{id_key}", f"{name!r} is given twice")
        written.add(name)
        if "remove" in row:
            _remove(entries, row, name, place)
        else:
            _merge_entry(entries.setdefault(name, Entry(place)), row, f"{place}.")


def _remove_below(head: Entry, inherited: dict[str, list[str]]) -> None:
    """Take away what stood in DFs that this document removed."""
    dfs, efs = head.lists.get("df", {}), head.lists.get("ef", {})
    gone = [name for name in inherited["df"] if name not in dfs]
    for name in gone:
        for df in [df for df, entry in dfs.items() if df in inherited["df"] and entry.values.get("parent") == name]:
            del dfs[df]
            gone.append(df)
        for ef in [ef for ef in efs if ef in inherited["ef"] and ef.startswith(f"{name}/")]:
            del efs[ef]


def _remove(entries: dict[str, Entry], row: Mapping[str, Any], name: str, place: str) -> None:
    if row["remove"] is not True or len(row) != 2:
        raise ProfileError(f"{place}.remove", "write only 'remove = true' beside the identifier")
    if name not in entries:
        raise ProfileError(place, f"{name!r} is not inherited and cannot be removed")
    del entries[name]
