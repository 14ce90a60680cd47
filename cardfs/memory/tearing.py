"""Tearing (防拔): a store that loses power before or after a chosen write.

A card that is pulled out of the reader stops between two writes of its memory. With this decorator
around a store every such moment of every command can be visited, one after the other.
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

from .store import Cell, CellKey, Store


class PowerCut(BaseException):
    """Power is gone: the card answers nothing more, and only what was durable is left.

    No `Exception`, so that no handler that turns errors into answers takes it for one.
    """


class Moment(Enum):
    """When power is cut."""

    BEFORE = "before"
    AFTER = "after"


class TearingStore:
    """A store around another one, with a power supply that can be cut.

    After the cut every method raises `PowerCut`, until another card is built from the inner store.

    Attributes:
        store: the inner store, which survives.
        writes: how many writes were finished.
    """

    def __init__(self, store: Store) -> None:
        self.store: Final = store
        self.writes = 0
        self._cut: tuple[int, Moment] | None = None
        self._dead = False

    def cut(self, write: int, moment: Moment) -> None:
        """Cut power at a write from now on, 1 for the next one."""
        if write < 1:
            raise ValueError(f"writes are counted from 1, so there is none with number {write}")
        self._cut = (self.writes + write, moment)

    def load(self) -> dict[CellKey, Cell]:
        self._need_power()
        return self.store.load()

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        self._need_power()
        number = self.writes + 1
        if self._cut == (number, Moment.BEFORE):
            self._fail(f"before write {number}")
        self.store.write(changes, erases=erases)
        self.writes = number
        if self._cut == (number, Moment.AFTER):
            self._fail(f"after write {number}")

    def close(self) -> None:
        self.store.close()

    def _fail(self, when: str) -> None:
        self._dead = True
        raise PowerCut(f"power was cut {when}")

    def _need_power(self) -> None:
        if self._dead:
            raise PowerCut("there is no power any more")
