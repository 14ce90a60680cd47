"""Which root each key of a card comes from, found by deriving them anew (Part 9, 7.3; JR/T 0025)."""

from collections.abc import Iterator
from contextlib import suppress
from typing import NamedTuple

from keys.cryptograms import key_factor
from keys.records import Key, Usage
from keys.suites import SUITES

from ..memory.contents import LoadedContents
from ..model import tlv
from ..model.codecs import from_cn
from ..model.files import Element
from .certificates import private_key
from .roots import Roots, card_factors

IDENTIFICATION = "card_identification_code"
RSA = "RSA"
"""How the names of roots begin out of which RSA keys grow."""
PAN, SEQUENCE, SERIAL = "pan", "pan_sequence", "application_serial"


class Origin(NamedTuple):
    """The root that a key comes from.

    Attributes:
        name: of the root, with a version but the first: ``UKSSSE.2``.
        value: the root itself; a secret.
    """

    name: str
    value: bytes

    def __repr__(self) -> str:
        """Name the root without its value."""
        return f"Origin({self.name})"


def region_of(card: LoadedContents) -> str:
    """Return the application city code of a card, six digits.

    They are digits 1 to 6 of its identification code; without one four digits of the historical bytes and ``00``.
    """
    code = _element(card, IDENTIFICATION)
    return code.hex()[:6] if code else card.info.historical[7:9].hex() + "00"


class Origins:
    """Every key that comes of these roots for one card."""

    def __init__(self, card: LoadedContents, roots: Roots, region: str = "") -> None:
        """Derive them.

        Args:
            region: application city code, six digits; if empty, that of the card.

        Raises:
            ValueError: not a region code.
        """
        walk = card_factors(region or region_of(card), card.info.historical, roots.level, card.info.settings.crypto)
        self._found: dict[tuple[str, bytes], Origin] = {}
        for (name, version), root in roots.values.items():
            origin = Origin(name if version == 1 else f"{name}.{version}", root)
            for suite in SUITES.values():
                value = root[: suite.key_length]
                if len(value) != suite.key_length:
                    continue
                # The card's own factor last; a security module has keys that are some levels above.
                derived = [value, *(suite.diversify(value, factor) for factor in _financial_factors(card))]
                for factor in walk:
                    value = suite.diversify(value, factor)
                    derived.append(value)
                for each in derived:
                    self._found.setdefault((suite.name, each), origin)

    def of(self, key: Key) -> Origin | None:
        """Return the root of a key, or None if none of these roots gives it."""
        if key.usage is Usage.DATA_AUTH:
            seeds = ((seed, each) for (suite, seed), each in self._found.items() if suite == key.suite_name)
            return next(
                (each for seed, each in seeds if each.name.startswith(RSA) and private_key(seed) == key.value), None
            )
        return self._found.get((key.suite_name, key.value))


def _financial_factors(card: LoadedContents) -> Iterator[bytes]:
    """Yield the factors with which keys of purse and debit/credit are diversified."""
    serial, pan = _element(card, SERIAL), _element(card, PAN)
    yield serial[-8:] if len(serial) >= 8 else bytes(4) + card.info.historical[-4:]
    if pan:
        # A card that is being personalised may hold anything there.
        with suppress(ValueError):
            yield key_factor(from_cn(pan), (_element(card, SEQUENCE) or b"\x00").hex())


def _element(card: LoadedContents, name: str) -> bytes:
    """Return the bytes of a data element, in whichever file the card has it; empty if in none."""
    for path, elements in card.dictionary.items():
        if path not in card.contents or all(each.name != name for each in elements):
            continue
        contents = card.contents[path]
        for part in (contents,) if isinstance(contents, bytes) else contents:
            found = _in_part(elements, part, name)
            if found:
                return found
    return b""


def _in_part(elements: tuple[Element, ...], part: bytes, name: str) -> bytes:
    """Return the bytes of a data element in one record, or in a file that is its fields one after the other."""
    at = 0
    for element in elements:
        if element.name == name:
            if element.tag is None:
                return part[at : at + element.length]
            try:
                return next((value for tag, value in tlv.walk(part) if tag == element.tag), b"")
            except tlv.TlvError:
                return b""
        at += element.length
    return b""
