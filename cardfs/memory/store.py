"""Stores: where an image keeps its cells, one durable transaction at a time.

A cell is a key ``(kind, path)`` with a readable JSON text and a byte string. The SQLite store
(`cardfs.memory.sqlite`) is the image file that people have; the memory store serves tests.
"""

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Cell(NamedTuple):
    """What one cell holds: JSON text and bytes."""

    meta: str
    data: bytes

    def __repr__(self) -> str:
        """Show the text but not the bytes, which may be a key."""
        return f"Cell({self.meta!r}, {len(self.data)} bytes)"


CellKey = tuple[str, str]


class Store(Protocol):
    """The non-volatile memory of one card."""

    def load(self) -> dict[CellKey, Cell]:
        """Read every cell."""
        ...

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        """Write cells, None to remove one: all of them, durably, or none.

        Args:
            erases: whether a secret is replaced or removed, of which no copy may stay behind.

        Raises:
            StoreFailed: nothing was written.
        """
        ...

    def close(self) -> None:
        """Release the memory; closing twice is allowed."""
        ...


class MemoryStore:
    """Cells in a dictionary, gone with the process."""

    def __init__(self, cells: Mapping[CellKey, Cell] | None = None) -> None:
        self.cells: dict[CellKey, Cell] = dict(cells or {})

    def load(self) -> dict[CellKey, Cell]:
        return dict(self.cells)

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:  # noqa: ARG002
        for key, cell in changes.items():
            if cell is None:
                self.cells.pop(key, None)
            else:
                self.cells[key] = cell

    def close(self) -> None:
        pass
