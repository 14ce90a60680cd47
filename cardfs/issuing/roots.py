"""Root keys: reading the roots file, and deriving the keys of one card (Part 9, 7)."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Final

from keys.diversify import card_factor, city_factor, diversify, province_factor
from keys.records import Key, KeyRef, Usage
from keys.suites import SUITES, Suite

from ..model.settings import CryptoSettings
from ..profile.inputs import Document, IssueError, read_document
from ..profile.loader import DEMO
from ..profile.tree import KeyPlan

LEVELS: Final = ("nation", "province", "city", "card")
"""How far roots may already be diversified (Part 9, 7.3, figure 12)."""

_NAME: Final = re.compile(r"(?P<name>[A-Z][A-Za-z0-9]*)(?:\.(?P<version>[123]))?")
_SIZES: Final = (8, 16)


@dataclass(frozen=True, slots=True)
class Roots:
    """Root keys by name and version.

    Attributes:
        source: how errors call the file.
        level: one of `LEVELS`: what the keys are roots of.
        values: the secrets; never printed.
    """

    source: str
    level: str
    values: Mapping[tuple[str, int], bytes] = field(repr=False)


def load_roots(path: str | PathLike[str] | None = None) -> Roots:
    """Read root keys (根密钥) from a TOML file, or the public test keys if none is named.

    Raises:
        IssueError: the file cannot be read, or a key is wrong; no key is ever shown.

    Example:
        >>> import sscard
        >>> sscard.load_roots().level
        'nation'
    """
    return parse_roots(read_document(Path(path or DEMO / "roots.toml"), IssueError))


def parse_roots(document: Document) -> Roots:
    """Check a roots document: ``level`` and ``[roots]`` with names and hexadecimal keys."""
    where = document.name
    for key in document.data:
        if key not in ("level", "roots"):
            raise IssueError(f"{where}: {key}", "unknown key; a file of root keys has level and [roots]")
    level = document.data.get("level", "nation")
    if level not in LEVELS:
        raise IssueError(f"{where}: level", f"write one of {', '.join(LEVELS)}")
    table = document.data.get("roots")
    if not isinstance(table, dict):
        raise IssueError(where, "the table [roots] is missing")
    values: dict[tuple[str, int], bytes] = {}
    for name, text in table.items():
        match = _NAME.fullmatch(name)
        if match is None:
            hint = ' (write a version in quotes: "NAME.2")' if isinstance(text, dict) else ""
            raise IssueError(f"{where}: roots.{name}", f"this is no name of a key{hint}")
        ref = (match["name"], int(match["version"] or 1))
        if ref in values:
            raise IssueError(f"{where}: roots.{name}", f"version {ref[1]} is given twice")
        values[ref] = _value(text, f"{where}: roots.{name}")
    for name, version in values:
        if (name, 1) not in values:
            raise IssueError(f"{where}: roots.{name}.{version}", f"its first version {name} is missing")
    return Roots(where, level, values)


def _value(text: object, place: str) -> bytes:
    if isinstance(text, dict):
        raise IssueError(place, 'write 32 hexadecimal digits, and a version in quotes: "NAME.2"')
    try:
        value = bytes.fromhex(text) if isinstance(text, str) else b""
    except ValueError:
        value = b""
    if len(value) not in _SIZES:
        raise IssueError(place, "write 32 hexadecimal digits (16 for a key of 8 bytes)")
    return value


# -- the keys of one card -----------------------------------------------------------------------


def card_factors(region: str, historical: bytes, level: str, crypto: CryptoSettings) -> list[bytes]:
    """Return the factors from ``level`` down to the card, 8 bytes each (Part 9, 7.3).

    Args:
        region: application city code, six digits.
        historical: the historical bytes, 13 bytes.
        level: one of `LEVELS`, from which the roots are.

    Raises:
        ValueError: the region or the historical bytes have another form.
    """
    factors = [
        province_factor(region),
        city_factor(region, zhejiang_rule=crypto.zhejiang_rule),
        card_factor(historical, from_t8=crypto.level3_factor == "T8..TD+0000"),
    ]
    return factors[LEVELS.index(level) :]


def card_value(suite: Suite, root: bytes, factors: Iterable[bytes]) -> bytes:
    """Derive the value that a card holds from a root.

    A single-length key comes from a single-length root (Part 9, 7.1.1, figure 2), and the same name
    has 16 bytes in the 16-byte suites (appendix B, note ***). Of a root written with 16 bytes the
    left half is therefore the root of an 8-byte key, so that one roots file serves both suites.

    Raises:
        ValueError: the root is too short for the suite.
    """
    if len(root) < suite.key_length:
        raise ValueError(f"a {suite.name} key needs a root of {suite.key_length} bytes")
    return diversify(suite, root[: suite.key_length], factors)


def root_value(roots: Roots, name: str) -> bytes:
    """Return a root by name.

    Raises:
        IssueError: it is missing, or does not have 16 bytes.
    """
    root = roots.values.get((name, 1))
    if root is None:
        raise IssueError(roots.source, f"no root for {name}")
    if len(root) != max(_SIZES):
        raise IssueError(f"{roots.source}: roots.{name}", "write 32 hexadecimal digits")
    return root


def root_of(roots: Roots, plan: KeyPlan) -> bytes:
    """Return the root of a key of the financial environment; all of them have 16 bytes.

    Raises:
        IssueError: it is missing, or does not have 16 bytes.
    """
    return root_value(roots, plan.root)


def card_keys(plans: Iterable[KeyPlan], roots: Roots, factors: list[bytes]) -> dict[tuple[KeyRef, int], Key]:
    """Derive every key of a card, the PIN left out.

    Version 1 of each key must have a root; the card holds versions 2 and 3 only if they have roots
    of their own, for a version without one would be no other key.

    Raises:
        IssueError: roots are missing or too short, or a version that the card type does not have.
    """
    plans = [plan for plan in plans if plan.usage is not Usage.PIN]
    missing = [plan.root for plan in plans if (plan.root, 1) not in roots.values]
    if missing:
        raise IssueError(roots.source, f"no root for {', '.join(dict.fromkeys(missing))}")
    keys = {}
    for plan in plans:
        suite = SUITES[plan.suite_name]
        for version in (1, 2, 3):
            root = roots.values.get((plan.root, version))
            if root is None:
                continue
            name = plan.root if version == 1 else f"{plan.root}.{version}"
            if version > plan.versions:
                raise IssueError(
                    f"{roots.source}: roots.{name}",
                    f"this card type has {plan.versions} version(s) of {plan.ref.name} only",
                )
            try:
                value = card_value(suite, root, factors)
            except ValueError as error:
                raise IssueError(f"{roots.source}: roots.{name}", str(error)) from None
            keys[plan.ref, version] = plan.key(value, version)
    return keys
