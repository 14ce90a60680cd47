"""What changed on a card: the differences of two tables of its state."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

State = Mapping[str, Any]
"""A card as `emulator.rig.state.card_table` has it: nested tables without the value of any key or PIN."""


class Change(NamedTuple):
    """One thing that is not as it was.

    Attributes:
        place: file and record, key, or directory.
        before, after: as text; empty where there was or is nothing.
    """

    place: str
    before: str
    after: str


def changes(before: State, after: State) -> list[Change]:
    """Return what differs between two states of a card, in the order of its directories."""
    found = []
    if before["blocked"] != after["blocked"]:
        found.append(Change(str(after["profile"]), _flags(before), _flags(after)))
    old = {df["path"]: df for df in before["directories"]}
    new = {df["path"]: df for df in after["directories"]}
    for path in dict.fromkeys((*old, *new)):
        one, other = old.get(path), new.get(path)
        if one is None or other is None:
            label = (one or other or {})["label"]
            found.append(Change(label, label if one else "", label if other else ""))
        else:
            found += _df(one, other)
    return found


def _df(one: State, other: State) -> Iterator[Change]:
    if _flags(one) != _flags(other):
        yield Change(other["label"], _flags(one), _flags(other))
    old, new = _keys(one), _keys(other)
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield Change(f"{other['label']}/{key}", old.get(key, ""), new.get(key, ""))
    before, after = _files(one), _files(other)
    for file in dict.fromkeys((*before, *after)):
        if before.get(file) != after.get(file):
            yield Change(file, *_contents(before.get(file), after.get(file)))


def _flags(table: State) -> str:
    """Return how free a card or directory is to use."""
    flags = [name for name in ("blocked", "suspended") if table.get(name)]
    phase = str(table.get("phase", ""))
    return ", ".join(filter(None, (phase, *flags))) or "free"


def _keys(df: State) -> dict[str, str]:
    return {f"{key['name']}" + (f" v{key['version']}" if key["version"] != 1 else ""): _key(key) for key in df["keys"]}


def _key(key: State) -> str:
    tries = "" if key["tries"] is None else f", {key['tries']} of {key['tries_max']} tries"
    return f"{key['state']}{tries}"


def _files(df: State) -> dict[str, State]:
    """Return what each file, or each record of it, holds."""
    found: dict[str, State] = {}
    for file in df["files"]:
        if "records" in file:
            found |= {f"{file['label']} #{number}": each for number, each in enumerate(file["records"], 1)}
        else:
            found[file["label"]] = {"hex": file["hex"], "elements": file["elements"]}
    return found


def _contents(before: State | None, after: State | None) -> tuple[str, str]:
    """Return what differs of a record: elements by name, or the bytes where they have no meaning."""
    one, other = _elements(before), _elements(after)
    if before is not None and after is not None and one.keys() == other.keys():
        names = [name for name in one if one[name] != other[name]]
        one, other = ({name: each[name] for name in names} for each in (one, other))
    return _text(one), _text(other)


def _elements(record: State | None) -> dict[str, object]:
    if record is None:
        return {}
    return dict(record["elements"] or {"": record["hex"]})


def _text(elements: Mapping[str, object]) -> str:
    return ", ".join(f"{name} {_value(value)}".strip() for name, value in elements.items())


def _value(value: object) -> str:
    if isinstance(value, Mapping):
        return " ".join(f"{name} {_value(each)}" for name, each in value.items())
    return str(value)
