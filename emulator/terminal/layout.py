"""What a terminal knows of the files of each card version: access rules, places, values as text.

The knowledge is the profiles': which proofs a file asks for, which key has which identifier, in which
record an element stands (terminal interface, 10.2). The texts are those of terminal interface, 2.1.2.
"""

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import Final, NamedTuple

from cardfs.model.files import Ef, Element, Structure
from cardfs.model.rules import Rule
from cardfs.model.tlv import TlvError, encode, objects
from cardfs.profile.loader import KeyPlan, Profile, load_profile
from keys.records import Usage

from .errors import CHARACTERS_WRONG, INPUT_WRONG, LENGTH_WRONG, TerminalError
from .settings import TerminalSettings

FILE_END, ITEM_END, FIELD_END = "$", "|", "^"
IDENTIFICATION: Final = "card_identification_code"
_FILE: Final = re.compile(r"(SSSE|[0-9A-F]{4})(EF[0-9A-F]{2})")
_ITEM: Final = re.compile(r"([0-9A-F]{1,2})(?::([0-9]{1,3}))?")
_NUMBER: Final = re.compile(r"[0-9]{1,3}")


class Need(NamedTuple):
    """One way to open a file: the PIN, keys, or both; none of either is free."""

    pin: bool
    keys: tuple[KeyPlan, ...]


class Item(NamedTuple):
    """A data item that is asked for: a record by its number, and what its element is."""

    number: int
    element: Element


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file as the terminal knows it.

    Attributes:
        name: as addresses have it, ``DF01EF05``; ``df`` is ``SSSE`` or ``DF01``.
        read, update: ways to get at it; none at all means never.
    """

    name: str
    df: str
    ef: Ef
    elements: tuple[Element, ...]
    read: tuple[Need, ...]
    update: tuple[Need, ...]

    @property
    def cyclic(self) -> bool:
        """Whether it is addressed by record and not by tag."""
        return self.ef.structure is Structure.CYCLIC

    @property
    def transparent(self) -> bool:
        """Whether it has no records."""
        return self.ef.structure is Structure.TRANSPARENT

    def item(self, text: str) -> Item:
        """Find ``tag`` or ``tag:n``: `TerminalError` for what is none, or not in this file."""
        match = _ITEM.fullmatch(text)
        if match is None:
            raise TerminalError(f"{self.name}: {text!r} is no tag and no tag:n", INPUT_WRONG)
        tag, which = int(match[1], 16), int(match[2] or 1)
        places = [at for at, each in enumerate(self.elements) if each.tag == tag]
        if not 0 < which <= len(places):
            raise TerminalError(f"{self.name} has no data item {text} on cards of this version", -0x6A83)
        return Item(places[which - 1] + 1, self.elements[places[which - 1]])

    def label(self, text: str) -> str:
        """What an item is called: the element's Chinese name, of a cyclic file the names of its fields."""
        if self.cyclic:
            return "^".join(element.zh for element in self.elements)
        return self.elements[0].zh if self.transparent else self.item(text).element.zh

    def record_number(self, text: str) -> int:
        """Read the number of a record of a cyclic file, 1 for the newest."""
        if not _NUMBER.fullmatch(text) or not 0 < int(text) < 255:
            raise TerminalError(f"{self.name} is a cyclic file: {text!r} is no record number", INPUT_WRONG)
        return int(text)


class FileRequest(NamedTuple):
    """One file of an address, with the items asked for as they were written."""

    plan: FilePlan
    items: tuple[str, ...]


class Layout:
    """The files of one card version."""

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._plans = {plan.ref: plan for plan in profile.keys}
        self.title = profile.title

    def file(self, name: str) -> FilePlan:
        """Find a file by its name in an address; one that this version lacks is not found (-27266)."""
        match = _FILE.fullmatch(name)
        if match is None:
            raise TerminalError(f"{name!r} is no file address such as DF01EF05", INPUT_WRONG)
        df, ef = match[1], match[2]
        try:
            plan = self._profile.files[self._profile.path(f"{df}/{ef}")]
        except (KeyError, ValueError):
            raise TerminalError(f"cards of this version ({self.title}) have no file {name}", -0x6A82) from None
        return FilePlan(name, df, plan.ef, plan.elements, self._needs(plan.ef.read), self._needs(plan.ef.update))

    def key(self, df: str, usage: Usage) -> KeyPlan:
        """Find the one key of a DF that has a function, as PUK; without one the function is refused (-27272)."""
        owner = self._profile.path(df)
        for plan in self._profile.keys:
            if plan.ref.owner == owner and plan.usage is usage:
                return plan
        raise TerminalError(f"cards of this version ({self.title}) have no {usage} key in {df}", -0x6A88)

    def owner(self, plan: KeyPlan) -> str:
        """Id of the DF that a key stands in."""
        return next(name for name, path in self._profile.ids.items() if path == plan.ref.owner)

    def parse(self, address: str) -> list[FileRequest]:
        """Read a file address (terminal interface, 2.1.2): ``DF01EF0A|37|$DF01EF15|2A|40:2|$``."""
        return [FileRequest(self.file(name), items) for name, items in split(address)]

    def _needs(self, rule: Rule) -> tuple[Need, ...]:
        needs = []
        for alternative in rule.alternatives:
            plans = [self._plans[ref] for ref in sorted(alternative)]
            keys = tuple(plan for plan in plans if plan.usage is not Usage.PIN)
            needs.append(Need(len(keys) < len(plans), keys))
        return tuple(needs)


def split(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Take an address or its data apart: name and items of each file; `TerminalError` (-23) if it is none."""
    if not text.endswith(ITEM_END + FILE_END):
        raise TerminalError("the text does not end with |$", INPUT_WRONG)
    files = []
    for part in text[:-1].split(FILE_END):
        if not part.endswith(ITEM_END):
            raise TerminalError(f"{part!r} does not end with |", INPUT_WRONG)
        name, *items = part[:-1].split(ITEM_END)
        files.append((name, tuple(items)))
    return files


def layout(version: str, settings: TerminalSettings) -> Layout:
    """The files of a card by the first three characters of tag 03, empty for 1.0 (terminal interface, 10.2)."""
    known = {"1.0": settings.v1, "2.0": settings.v2, "3.0": settings.v3}
    name = known.get(version[:3] or "1.0")
    if name is None:
        raise TerminalError(f"the card says it is of version {version!r}; there are 1.0, 2.0 and 3.0", -1)
    return _load(name)


@cache
def _load(name: str) -> Layout:
    # A terminal meets cards of either mode (Part 6, 6.6).
    return Layout(load_profile(name, {"settings": {"structure": {"medical_mode": "both"}}}))


# -- values -------------------------------------------------------------------------------------


def shown(element: Element, data: bytes) -> str:
    """A value as the national functions write it.

    Characters as they are, digits without fillers, other bytes in hex; the inner elements of a B-TLV
    each end with ``^`` as the fields of a cyclic record do.
    """
    if element.fields:
        return "".join(shown(inner, value) + FIELD_END for inner, value in _inner(element, data))
    if element.type == "an":
        try:
            return data.rstrip(b"\0").decode("gb18030")
        except UnicodeDecodeError:
            return data.hex().upper()
    text = data.hex().upper()
    return text.rstrip("F") if element.type == "cn" and element.name != IDENTIFICATION else text


def shown_record(elements: tuple[Element, ...], record: bytes) -> str:
    """A record of a cyclic file: every field ends with ``^``."""
    text, at = "", 0
    for element in elements:
        text += shown(element, record[at : at + element.length]) + FIELD_END
        at += element.length
    return text


def _inner(element: Element, data: bytes) -> list[tuple[Element, bytes]]:
    """The inner elements that stand in a B-TLV, by their order; what is missing is empty."""
    found: dict[int, bytes] = {}
    with suppress(TlvError):
        # What stands before a cut is shown.
        found.update(objects(data))
    return [(inner, found.get(inner.tag or 0, b"")) for inner in element.fields]


def coded(element: Element, text: str) -> bytes:
    """The bytes of a value that the caller wrote, in the element's full length.

    Raises:
        TerminalError: characters that the element cannot hold (-41), or too many (-42).
    """
    if element.fields:
        values = _fields(element, text, len(element.fields))
        pairs = zip(element.fields, values, strict=True)
        return b"".join(encode(inner.tag or 0, coded(inner, value)) for inner, value in pairs)
    if element.type == "an":
        try:
            data = text.encode("gb18030")
        except UnicodeEncodeError:
            raise TerminalError(f"{element.zh}: GB 18030 cannot write this value", CHARACTERS_WRONG) from None
        return _fitting(element, data) + bytes(element.length - len(data))
    if element.type == "cn":
        if not re.fullmatch("[0-9]*", text):
            raise TerminalError(f"{element.zh}: digits only", CHARACTERS_WRONG)
        if element.format == "amount":
            text = text.rjust(2 * element.length, "0")
        data = bytes.fromhex(text + "F" * (len(text) % 2))
        return _fitting(element, data) + b"\xff" * (element.length - len(data))
    if not re.fullmatch("[0-9A-Fa-f]*", text):
        raise TerminalError(f"{element.zh}: hexadecimal digits only", CHARACTERS_WRONG)
    if len(text) != 2 * element.length:
        raise TerminalError(f"{element.zh}: {2 * element.length} hexadecimal digits, not {len(text)}", LENGTH_WRONG)
    return bytes.fromhex(text)


def coded_record(elements: tuple[Element, ...], text: str, name: str) -> bytes:
    """The bytes of a record of a cyclic file, whose fields each end with ``^``."""
    whole = Element(name, name, "b", sum(element.length for element in elements), fields=elements)
    values = _fields(whole, text, len(elements))
    return b"".join(coded(element, value) for element, value in zip(elements, values, strict=True))


def _fields(element: Element, text: str, count: int) -> list[str]:
    values = text.split(FIELD_END)
    if values.pop() or len(values) != count:
        raise TerminalError(f"{element.zh}: {count} fields were expected, each with ^ behind it", INPUT_WRONG)
    return values


def _fitting(element: Element, data: bytes) -> bytes:
    if len(data) > element.length:
        raise TerminalError(f"{element.zh}: {len(data)} bytes, {element.length} fit", LENGTH_WRONG)
    return data
