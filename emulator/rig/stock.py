"""`Stock`: cards that are issued once and handed out as often as wanted, each a fresh one."""

from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from cardfs.memory import cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.model.files import CardContents
from keys.generate import RandomSource, system_random

from .card import Card


class _Sample(NamedTuple):
    contents: CardContents
    cells: Mapping[CellKey, Cell]

    def card(self, random: RandomSource) -> Card:
        return Card(Image(self.contents, MemoryStore(self.cells)), random=random)


class Stock:
    """Cards by what they are made from; to issue one takes a hundred times as long as to hand out another.

    Cards that are made from the same are the same, keys and answer to reset included. What one of them keeps, the
    others do not see.
    """

    def __init__(self) -> None:
        self._samples: dict[str, _Sample] = {}

    def issue(self, profile: Any, options: Mapping[str, Any]) -> Card:
        """Return a card as `Card.issue` makes it; raise `InputError` as it does."""
        inputs = dict(options)
        random = inputs.pop("random", system_random)
        name = repr(("issue", profile, sorted(inputs.items())))
        return self._sample(name, lambda: _of_card(Card.issue(profile, **inputs))).card(random)

    def copy(self, path: str | PathLike[str], random: RandomSource = system_random) -> Card:
        """Return a card with the contents of an image file; the file stays as it is, and may be in use.

        Raises:
            ImageError: there is no such file, or it is damaged.
        """
        return self._sample(repr(("image", str(path))), lambda: _of_image(Path(path))).card(random)

    def _sample(self, name: str, make: Callable[[], _Sample]) -> _Sample:
        if name not in self._samples:
            self._samples[name] = make()
        return self._samples[name]


def _of_card(card: Card) -> _Sample:
    held = card.snapshot().cells
    return _Sample(cells.read_cells(held), held)


def _of_image(path: Path) -> _Sample:
    image = Image.open(path, writable=False)
    try:
        held = image.store.load()
    finally:
        image.close()
    return _Sample(cells.read_cells(held), held)
