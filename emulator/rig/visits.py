"""The cards that were in the readers of a rig, as they were when they came and when they left: for its report."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from cardfs.memory import cells
from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore

from ..report.content import States
from .any_card import AnyCard
from .card import Card, Snapshot
from .state import card_table

MOST: Final = 256
"""Cards that are remembered; of more the first ones are forgotten."""


@dataclass(slots=True)
class _Visit:
    reader: str
    card: Card
    before: Snapshot
    after: Snapshot | None = None


class Visits:
    """Keeps the memory of each card at its coming and its leaving; that takes microseconds, and nothing is read."""

    def __init__(self) -> None:
        self._visits: deque[_Visit] = deque(maxlen=MOST)

    def came(self, reader: str, card: AnyCard) -> None:
        """Remember a card as it is now; do nothing for one whose memory nobody sees."""
        if isinstance(card, Card):
            self._visits.append(_Visit(reader, card, card.snapshot()))

    def left(self, reader: str, card: AnyCard) -> None:
        """Remember the same card as it is now."""
        for visit in reversed(self._visits):
            if visit.card is card and visit.reader == reader and visit.after is None:
                visit.after = visit.card.snapshot()
                return

    def states(self) -> Iterator[States]:
        """Yield what there is to see of each card, before and after."""
        for visit in tuple(self._visits):
            yield States(visit.reader, _table(visit.before), _table(visit.after or visit.card.snapshot()))


def _table(snapshot: Snapshot) -> dict[str, Any]:
    return card_table(Image(cells.read_cells(snapshot.cells), MemoryStore(snapshot.cells)))
