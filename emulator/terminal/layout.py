"""The files of each card version as a terminal knows them: access rules, places, values as text.

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
    """One set of proofs that opens a file: the PIN, keys, or both; without either the file is free."""

    pin: bool
    keys: tuple[KeyPlan, ...]


class Item(NamedTuple):
    """A data item of an address: record number from 1, and data element."""

    number: int
    element: Element


@dataclass(frozen=True, slots=True)
class FilePlan:
    """A file as the terminal knows it.

    Attributes:
        name: as addresses have it, ``DF01EF05``.
        df: ``SSSE`` or ``DF01``.
        elements: of a record file by record number, of a cyclic one the fields of a record.
        read, update: the sets of proofs, each of which allows it; empty if nobody may.
    """

    name: str
    df: str
    ef: Ef
    elements: tuple[Element, ...]
    read: tuple[Need, ...]
    update: tuple[Need, ...]

    @property
    def cyclic(self) -> bool:
        """Return whether it is addressed by record and not by tag."""
        return self.ef.structure is Structure.CYCLIC

    @property
    def transparent(self) -> bool:
        """Return whether it has no records."""
        return self.ef.structure is Structure.TRANSPARENT

    def item(self, text: str) -> Item:
        """Return the item ``tag`` or ``tag:n``, the n-th of that tag, in hex and decimal.

        Raises:
            TerminalError: bad text (-23), or the file has no such item (-27267).
        """
        match = _ITEM.fullmatch(text)
        if match is None:
            raise TerminalError(f"{self.name}: {text!r} is not an item: write a tag, or tag:n", INPUT_WRONG)
        tag, which = int(match[1], 16), int(match[2] or 1)
        places = [at for at, each in enumerate(self.elements) if each.tag == tag]
        if not 0 < which <= len(places):
            raise TerminalError(f"{self.name} has no data item {text} on cards of this version", -0x6A83)
        return Item(places[which - 1] + 1, self.elements[places[which - 1]])

    def label(self, text: str) -> str:
        """Return the Chinese name of an item; for a cyclic file the names of its fields, with ``^`` between them."""
        if self.cyclic:
            return "^".join(element.zh for element in self.elements)
        return self.elements[0].zh if self.transparent else self.item(text).element.zh

    def record_number(self, text: str) -> int:
        """Return the record number in a text, 1 (the newest) to 254; raise `TerminalError` (-23) if it is none."""
        if not _NUMBER.fullmatch(text) or not 0 < int(text) < 255:
            raise TerminalError(f"{self.name} is a cyclic file: {text!r} is not a record number, 1 to 254", INPUT_WRONG)
        return int(text)


class FileRequest(NamedTuple):
    """One file of an address, with its items as they were written."""

    plan: FilePlan
    items: tuple[str, ...]


class Layout:
    """The files of one card version.

    Args:
        profile: a card type of that version.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._plans = {plan.ref: plan for plan in profile.keys}
        self.title = profile.title

    def file(self, name: str) -> FilePlan:
        """Return the file of a name in an address, ``DF01EF05``.

        Raises:
            TerminalError: not such a name (-23), or this version has no such file (-27266).
        """
        match = _FILE.fullmatch(name)
        if match is None:
            raise TerminalError(f"{name!r} is not a file: write it as DF01EF05", INPUT_WRONG)
        df, ef = match[1], match[2]
        try:
            plan = self._profile.files[self._profile.path(f"{df}/{ef}")]
        except (KeyError, ValueError):
            raise TerminalError(f"cards of this version ({self.title}) have no file {name}", -0x6A82) from None
        return FilePlan(name, df, plan.ef, plan.elements, self._needs(plan.ef.read), self._needs(plan.ef.update))

    def key(self, df: str, usage: Usage) -> KeyPlan:
        """Return the key of a DF, as ``DF01``, with a usage; raise `TerminalError` (-27272) if there is none."""
        owner = self._profile.path(df)
        for plan in self._profile.keys:
            if plan.ref.owner == owner and plan.usage is usage:
                return plan
        raise TerminalError(f"cards of this version ({self.title}) have no {usage} key in {df}", -0x6A88)

    def owner(self, plan: KeyPlan) -> str:
        """Return the name of the DF that a key stands in, ``SSSE`` or ``DF01``."""
        return next(name for name, path in self._profile.ids.items() if path == plan.ref.owner)

    def parse(self, address: str) -> list[FileRequest]:
        """Return the files and items of an address (terminal interface, 2.1.2): ``DF01EF0A|37|$DF01EF15|2A|40:2|$``.

        Raises:
            TerminalError: another form (-23), or no such file (-27266).
        """
        return [FileRequest(self.file(name), items) for name, items in split(address)]

    def _needs(self, rule: Rule) -> tuple[Need, ...]:
        needs = []
        for alternative in rule.alternatives:
            plans = [self._plans[ref] for ref in sorted(alternative)]
            keys = tuple(plan for plan in plans if plan.usage is not Usage.PIN)
            needs.append(Need(len(keys) < len(plans), keys))
        return tuple(needs)


def split(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """Return name and items of each file in an address or its data; raise `TerminalError` (-23) for another form."""
    if not text.endswith(ITEM_END + FILE_END):
        raise TerminalError("an address, and data to write, end with |$", INPUT_WRONG)
    files = []
    for part in text[:-1].split(FILE_END):
        if not part.endswith(ITEM_END):
            raise TerminalError(f"{part!r} does not end with |", INPUT_WRONG)
        name, *items = part[:-1].split(ITEM_END)
        files.append((name, tuple(items)))
    return files


def layout(version: str, settings: TerminalSettings) -> Layout:
    """Return the files of a card by the first three characters of tag 03, empty for 1.0 (terminal interface, 10.2).

    Raises:
        TerminalError: an unknown version (-1).
    """
    known = {"1.0": settings.v1, "2.0": settings.v2, "3.0": settings.v3}
    name = known.get(version[:3] or "1.0")
    if name is None:
        raise TerminalError(f"the card names version {version!r}; known are 1.0, 2.0 and 3.0", -1)
    return _load(name)


@cache
def _load(name: str) -> Layout:
    # A terminal meets cards of either mode (Part 6, 6.6).
    return Layout(load_profile(name, {"settings": {"structure": {"medical_mode": "both"}}}))


# -- values -------------------------------------------------------------------------------------


def shown(element: Element, data: bytes) -> str:
    """Return a value as the national functions write it (terminal interface, 2.1.2).

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
    """Return a record of a cyclic file as text: every field ends with ``^``."""
    text, at = "", 0
    for element in elements:
        text += shown(element, record[at : at + element.length]) + FIELD_END
        at += element.length
    return text


def _inner(element: Element, data: bytes) -> list[tuple[Element, bytes]]:
    """Return the inner elements of a B-TLV in their order, with empty values for those that are missing."""
    found: dict[int, bytes] = {}
    with suppress(TlvError):
        # What stands before a cut is shown.
        found.update(objects(data))
    return [(inner, found.get(inner.tag or 0, b"")) for inner in element.fields]


def coded(element: Element, text: str) -> bytes:
    """Return the bytes of a value that the caller wrote, in the element's full length.

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
            raise TerminalError(f"{element.zh}: write digits only", CHARACTERS_WRONG)
        if element.format == "amount":
            text = text.rjust(2 * element.length, "0")
        data = bytes.fromhex(text + "F" * (len(text) % 2))
        return _fitting(element, data) + b"\xff" * (element.length - len(data))
    if not re.fullmatch("[0-9A-Fa-f]*", text):
        raise TerminalError(f"{element.zh}: write hexadecimal digits only", CHARACTERS_WRONG)
    if len(text) != 2 * element.length:
        raise TerminalError(
            f"{element.zh}: write {2 * element.length} hexadecimal digits, not {len(text)}", LENGTH_WRONG
        )
    return bytes.fromhex(text)


def coded_record(elements: tuple[Element, ...], text: str, name: str) -> bytes:
    """Return the bytes of a record of a cyclic file from a text whose fields each end with ``^``.

    Raises:
        TerminalError: another number of fields (-23), or as `coded`.
    """
    whole = Element(name, name, "b", sum(element.length for element in elements), fields=elements)
    values = _fields(whole, text, len(elements))
    return b"".join(coded(element, value) for element, value in zip(elements, values, strict=True))


def _fields(element: Element, text: str, count: int) -> list[str]:
    values = text.split(FIELD_END)
    if values.pop() or len(values) != count:
        raise TerminalError(f"{element.zh}: write {count} fields, each with ^ behind it", INPUT_WRONG)
    return values


def _fitting(element: Element, data: bytes) -> bytes:
    if len(data) > element.length:
        raise TerminalError(f"{element.zh}: {len(data)} bytes, but only {element.length} fit", LENGTH_WRONG)
    return data
