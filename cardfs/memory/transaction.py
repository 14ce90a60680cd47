"""Transactions: the only way to change an image, all or nothing."""

from collections.abc import Iterable
from dataclasses import replace

from keys.records import Key, KeyId, KeyRef, KeyState

from ..model.files import CardInfo, Contents, Df, Ef
from . import cells
from .contents import LoadedContents
from .store import Cell, CellKey, Store


class Transaction:
    """The changes of one command: all of them at `commit`, or none."""

    __slots__ = (
        *("_card", "_cells", "_contents", "_dfs", "_efs", "_gone", "_gone_keys"),
        *("_info", "_keys", "_store", "_structural", "_tries"),
    )

    def __init__(self, card: LoadedContents, store: Store) -> None:
        """Collect changes of ``card``, which `commit` writes to ``store`` first."""
        self._card = card
        self._store = store
        self._cells: dict[CellKey, Cell | None] = {}
        self._contents: dict[str, Contents] = {}
        self._tries: dict[KeyId, int] = {}
        self._keys: dict[KeyId, Key] = {}
        self._dfs: dict[str, Df] = {}
        self._efs: dict[str, Ef] = {}
        self._gone: list[str] = []
        self._gone_keys: list[KeyId] = []
        self._info: CardInfo | None = None
        self._structural = False

    def put_contents(self, path: str, contents: Contents) -> None:
        """Replace what an EF contains."""
        self._contents[path] = contents
        self._cells[cells.CONTENTS, path] = cells.contents_cell(contents)

    def put_key(self, ref: KeyRef, key: Key) -> None:
        """Replace one version of a key, or add one."""
        self._keys[ref, key.version] = key
        self._cells[cells.KEY, cells.key_path(ref, key.version)] = cells.key_cell(key)

    def restore(self, at: KeyId) -> None:
        """Put a try counter back to its maximum (Part 7, 5.8 and 6.6)."""
        limit = (self._keys.get(at) or self._card.keys[at]).tries_max
        if limit:
            self._tries[at] = limit
            self._cells[cells.tries_key(at)] = cells.TRIES_CELLS[limit]

    def put_tries(self, at: KeyId, left: int) -> None:
        """Set a try counter, 0 to 15."""
        self._tries[at] = left
        self._cells[cells.tries_key(at)] = cells.TRIES_CELLS[left]

    def put_df(self, df: Df) -> None:
        """Replace a DF, or add one."""
        self._structural = self._structural or df.path not in self._card.dfs
        self._dfs[df.path] = df
        self._cells[cells.DF, df.path] = cells.df_cell(df)

    def put_ef(self, ef: Ef, contents: Contents) -> None:
        """Add an EF with its first contents."""
        self._efs[ef.path] = ef
        self._cells[cells.EF, ef.path] = cells.ef_cell(ef)
        self.put_contents(ef.path, contents)

    def delete(self, path: str) -> None:
        """Remove a file, everything below it, and the keys of what is removed."""
        card = self._card
        self._structural = True
        for gone in (path, *card.files_below(path)):
            self._gone.append(gone)
            if gone in card.dfs:
                self._cells[cells.DF, gone] = None
                self.delete_keys(at for at in card.keys if at[0].owner == gone)
            else:
                self._cells[cells.EF, gone] = None
                self._cells[cells.CONTENTS, gone] = None

    def delete_keys(self, gone: Iterable[KeyId]) -> None:
        """Remove keys and their counters."""
        self._structural = True
        for at in gone:
            self._gone_keys.append(at)
            self._cells[cells.KEY, cells.key_path(*at)] = None
            self._cells[cells.TRIES, cells.key_path(*at)] = None

    def put_info(self, info: CardInfo) -> None:
        """Replace what belongs to the card as a whole."""
        self._info = info
        self._cells[cells.CARD, ""] = cells.card_cell(info)

    def kill_keys(self, owners: Iterable[str]) -> None:
        """Mark every key of these DFs as dead and erase its value (Part 4, 7.5)."""
        dead = set(owners)
        for (ref, _), key in self._card.keys.items():
            if ref.owner in dead:
                self.put_key(ref, replace(key, value=b"", state=KeyState.DEAD))

    def commit(self) -> None:
        """Write all changes to the store, durably, then show them in memory.

        Raises:
            StoreFailed: nothing was written and nothing has changed in memory.
        """
        if not self._cells:
            return
        card = self._card
        erases = bool(self._gone_keys) or not card.keys.keys().isdisjoint(self._keys)
        self._store.write(self._cells, erases=erases)
        if self._contents:
            card.contents.update(self._contents)
        if self._tries:
            card.tries.update(self._tries)
        if self._keys or self._gone_keys:
            self._show_keys()
            card.forget_snapshot()
        if self._dfs or self._efs or self._gone:
            self._show_files()
            card.forget_snapshot()
        if self._structural:
            card.reindex()
        if self._info is not None:
            card.info = self._info
            card.forget_snapshot()

    def _show_keys(self) -> None:
        card = self._card
        added = [(at[0], key) for at, key in self._keys.items() if at not in card.keys]
        card.keys.update(self._keys)
        for at in self._gone_keys:
            card.keys.pop(at, None)
            card.tries.pop(at, None)
        card.forget_cached((*self._keys, *self._gone_keys))
        if not self._structural:
            for ref, key in added:
                card.index_key(ref, key)

    def _show_files(self) -> None:
        card = self._card
        card.dfs.update(self._dfs)
        card.efs.update(self._efs)
        for path in self._gone:
            for table in (card.dfs, card.efs, card.contents):
                table.pop(path, None)
        if not self._structural:
            for ef in self._efs.values():
                card.index_ef(ef)
