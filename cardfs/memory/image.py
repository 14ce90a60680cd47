"""The image: a card's non-volatile memory, loaded, and changed only through transactions.

The card works on the loaded objects, so reading costs no query. A change is first written to the
store, durably and all or nothing, and only then seen in memory.
"""

from os import PathLike
from pathlib import Path
from typing import Final, Self

from keys.records import KeyId

from ..model.errors import DamagedImage
from ..model.files import CardContents
from . import cells
from .contents import UNLIMITED, LoadedContents
from .store import MemoryStore, Store
from .transaction import Transaction
from .whole import require_whole

_NOWHERE: Final = MemoryStore()
"""Store of snapshots, which are never written."""


class Image(LoadedContents):
    """A card's memory: its contents, and the store that keeps them.

    Attributes:
        store: what changes are written to first.
    """

    def __init__(self, card: CardContents, store: Store) -> None:
        """Load a card whose cells ``store`` holds."""
        self.store = store
        super().__init__(card)

    @classmethod
    def in_memory(cls, card: CardContents) -> "Image":
        """Return an image that keeps its cells in memory only."""
        return cls(card, MemoryStore(dict(cells.write_cells(card))))

    @classmethod
    def create(cls, path: str | PathLike[str], card: CardContents, *, replace: bool = False) -> None:
        """Write a new image file.

        Raises:
            ImageError: the file exists and ``replace`` is false, or it cannot be written.
        """
        from .sqlite import SqliteStore  # noqa: PLC0415 - a card in memory needs no database

        SqliteStore.create(Path(path), cells.write_cells(card), replace=replace)

    @classmethod
    def open(cls, path: str | PathLike[str], *, writable: bool = True) -> "Image":
        """Open an image file.

        Raises:
            ImageError: one sentence that names the file.
        """
        from .sqlite import SqliteStore  # noqa: PLC0415 - a card in memory needs no database

        store = SqliteStore(Path(path), writable=writable)
        try:
            return cls(require_whole(cells.read_cells(store.load())), store)
        except cells.Damaged as error:
            store.close()
            raise DamagedImage(path, error.reason, error.place) from None
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Close the store, and drop what was computed of keys and contents."""
        self.clear_caches()
        self.store.close()

    def snapshot(self) -> Self:
        """Return the files and names as they are now, without the store; see `LoadedContents.snapshot`."""
        snapshot = self._snapshot
        if snapshot is None:
            snapshot = super().snapshot()
            snapshot.store = _NOWHERE
        return snapshot

    # -- changing -----------------------------------------------------------------------------

    def begin(self) -> Transaction:
        """Return a new transaction, to collect the changes of one command."""
        return Transaction(self, self.store)

    def charge(self, at: KeyId) -> int:
        """Take one try from a key, durably, before anything is compared; a power cut never gives it back.

        Returns:
            how many tries are left; `UNLIMITED` for a key without a counter.

        Raises:
            StoreFailed: nothing was charged, and nothing may be compared.
        """
        if at not in self.tries:
            return UNLIMITED
        return self._count(at, self.tries[at] - 1)

    def refund(self, at: KeyId) -> None:
        """Give back the try that `charge` took: the secret was right, and the command failed later.

        Raises:
            StoreFailed: the try stays spent.
        """
        if at in self.tries:
            self._count(at, self.tries[at] + 1)

    def restore(self, at: KeyId) -> None:
        """Put a try counter back to its maximum, durably (Part 7, 5.8 and 6.6), where nothing else changes with it.

        Raises:
            StoreFailed: the try stays spent.
        """
        limit = self.keys[at].tries_max
        if limit:
            self._count(at, limit)

    def _count(self, at: KeyId, left: int) -> int:
        self.store.write({cells.tries_key(at): cells.TRIES_CELLS[left]})
        self.tries[at] = left
        return left
