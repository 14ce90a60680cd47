"""Transactions: the only way to change an image, all or nothing."""

from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from keys.records import Key, KeyId, KeyRef, KeyState

from ..model.files import CardInfo, Contents, Df, Ef
from . import cells
from .store import Cell, CellKey

if TYPE_CHECKING:
    from .image import Image


class Transaction:
    """Changes of one command: all of them at `commit`, or none."""

    __slots__ = (
        *("_cells", "_contents", "_dfs", "_efs", "_gone", "_gone_keys"),
        *("_image", "_info", "_keys", "_structural", "_tries"),
    )

    def __init__(self, image: "Image") -> None:
        self._image = image
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
        limit = (self._keys.get(at) or self._image.keys[at]).tries_max
        if limit:
            self._tries[at] = limit
            self._cells[self._image.tries_key(at)] = cells.TRIES_CELLS[limit]

    def put_df(self, df: Df) -> None:
        """Replace a DF, or add one."""
        self._structural = self._structural or df.path not in self._image.dfs
        self._dfs[df.path] = df
        self._cells[cells.DF, df.path] = cells.df_cell(df)

    def put_ef(self, ef: Ef, contents: Contents) -> None:
        """Add an EF with its first contents."""
        self._efs[ef.path] = ef
        self._cells[cells.EF, ef.path] = cells.ef_cell(ef)
        self.put_contents(ef.path, contents)

    def delete(self, path: str) -> None:
        """Remove a file, everything below it, and the keys of what is removed."""
        image = self._image
        self._structural = True
        for gone in (path, *image.files_below(path)):
            self._gone.append(gone)
            if gone in image.dfs:
                self._cells[cells.DF, gone] = None
                self.delete_keys(at for at in image.keys if at[0].owner == gone)
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
        """End every key of these DFs for good: dead, and its value erased (Part 4, 7.5)."""
        dead = set(owners)
        for (ref, _), key in self._image.keys.items():
            if ref.owner in dead:
                self.put_key(ref, replace(key, value=b"", state=KeyState.DEAD))

    def commit(self) -> None:
        """Write everything, durably, then let it be seen.

        Raises:
            StoreFailed: nothing was written and nothing is seen.
        """
        if not self._cells:
            return
        image = self._image
        erases = bool(self._gone_keys) or not image.keys.keys().isdisjoint(self._keys)
        image.store.write(self._cells, erases=erases)
        if self._contents:
            image.contents.update(self._contents)
        if self._tries:
            image.tries.update(self._tries)
        if self._keys or self._gone_keys:
            self._show_keys()
            image.forget_still()
        if self._dfs or self._efs or self._gone:
            self._show_files()
            image.forget_still()
        if self._structural:
            image.reindex()
        if self._info is not None:
            image.info = self._info
            image.forget_still()

    def _show_keys(self) -> None:
        image = self._image
        added = [(at[0], key) for at, key in self._keys.items() if at not in image.keys]
        image.keys.update(self._keys)
        for at in self._gone_keys:
            image.keys.pop(at, None)
            image.tries.pop(at, None)
        image.forget_made((*self._keys, *self._gone_keys))
        if not self._structural:
            for ref, key in added:
                image.index_key(ref, key)

    def _show_files(self) -> None:
        image = self._image
        image.dfs.update(self._dfs)
        image.efs.update(self._efs)
        for path in self._gone:
            for table in (image.dfs, image.efs, image.contents):
                table.pop(path, None)
        if not self._structural:
            for ef in self._efs.values():
                image.index_ef(ef)
