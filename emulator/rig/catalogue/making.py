"""The card of an entry: issued, brought into its state, with its faults and its timing."""

from functools import cache
from typing import Any, Final

from cardfs.issuing.roots import Roots, load_roots
from cardfs.memory.cells import read_cells
from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from cardfs.profile.inputs import Document
from cardfs.profile.loader import load_profile
from keys.errors import SscardError
from keys.generate import RandomSource, SeededRandom, system_random

from ... import cards
from ...terminal import Hsm
from ..card import Card
from ..making import issued
from .entries import CatalogueError, Entry, find
from .steps import StepError, Work

SEED: Final = "catalogue"
"""What is drawn in issuing comes from it: the same entry is the same card each time."""

_INPUTS: Final = (
    *("profile", "changes", "region", "serial", "pin", "financial", "settings", "values"),
    *("issue_date", "expiry_date", "card_number"),
)
"""What a card is issued from."""

_made: Final[dict[str, CardContents]] = {}
"""Cards issued from test keys, by their inputs."""


def make(name: str, *, roots: Roots | None = None, random: RandomSource = system_random) -> Card:
    """Make a test card.

    Args:
        name: its id, with or without ``catalogue:`` before it.
        roots: root keys of its issuer; public test keys if left out.
        random: where the card's challenges come from.

    Returns:
        the card, in the state that its entry has, with its faults armed; the same each time but for challenges.

    Raises:
        CatalogueError: there is no such card.

    Example:
        >>> from emulator.rig.catalogue.making import make
        >>> make("pin-locked").state()["profile"]
        'ssc-2.0'
    """
    entry = find(name)
    card = Card(Image.in_memory(contents_of(entry, roots)), random=random)
    card.arm_own(entry.faults)
    card.timing = entry.timing
    return card


def contents_of(entry: Entry, roots: Roots | None = None) -> CardContents:
    """Return what the card of an entry holds.

    Raises:
        CatalogueError: its data do not make a card; names the entry and the place.
    """
    return _public(entry.id) if roots is None else _brought(entry, roots)


@cache
def _public(name: str) -> CardContents:
    return _brought(find(name), _test_keys())


@cache
def _test_keys() -> Roots:
    return load_roots()


def _brought(entry: Entry, roots: Roots) -> CardContents:
    try:
        contents = _issued(entry, roots)
    except SscardError as error:
        raise CatalogueError(entry.id, str(error)) from None
    if not entry.steps:
        return contents
    image = Image.in_memory(contents)
    work = Work(image, entry.id, entry.pin, lambda: _psam(entry.region, roots), Hsm(roots), entry.date)
    for at, step in enumerate(entry.steps):
        try:
            step.do(work)
        except (StepError, SscardError) as error:
            raise CatalogueError(f"{entry.id}: steps[{at}]", str(error)) from None
    return read_cells(image.store.load())


def _issued(entry: Entry, roots: Roots) -> CardContents:
    """Issue the card of an entry; from test keys only once for all entries that differ in what comes later."""
    if roots is not _test_keys():
        return _issue(entry, roots)
    key = repr([getattr(entry, name) for name in _INPUTS])
    if key not in _made:
        _made[key] = _issue(entry, roots)
    return _made[key]


def _issue(entry: Entry, roots: Roots) -> CardContents:
    layers = [Document(f"{entry.id}: changes", entry.changes)] if entry.changes else []
    settings: dict[str, Any] = {**entry.settings}
    if entry.financial:
        settings["financial"] = {**settings.get("financial", {}), "kind": entry.financial}
    if settings:
        layers.append(Document(f"{entry.id}: settings", {"settings": settings}))
    return issued(
        load_profile(entry.profile, *layers),
        None,
        roots,
        settings=None,
        financial=None,
        values=entry.values,
        region=entry.region,
        serial=entry.serial,
        pin=entry.pin,
        seed=SEED,
        issue_date=entry.issue_date,
        expiry_date=entry.expiry_date,
        card_number=entry.card_number,
    )


def _psam(region: str, roots: Roots) -> cards.Card:
    contents = issued(
        "psam", None, roots, settings=None, financial=None, values=None, region=region, serial="7", seed=SEED
    )
    return cards.Card(Image.in_memory(contents), SeededRandom(SEED))
