"""The image: a card's non-volatile memory, loaded, changed only through transactions.

The card works on the loaded objects, so reading costs no query. A change is first written to the
store, durably and all or nothing, and only then seen in memory.
"""

from bisect import bisect
from collections.abc import Callable, Iterable
from copy import copy
from os import PathLike
from pathlib import Path
from typing import Any, Final, TypeVar

from keys.ciphers import ExpandedKey
from keys.errors import KeyUnknown
from keys.records import Key, KeyId, KeyRef, Usage

from ..model.errors import ImageError
from ..model.files import (
    FINANCIAL_SETS,
    CardContents,
    CardInfo,
    CommandSet,
    Contents,
    Df,
    DfKind,
    Ef,
    Element,
    label,
    parent,
)
from . import cells
from .store import CellKey, MemoryStore, Store
from .transaction import Transaction
from .whole import require_whole

Made = TypeVar("Made")
Held = TypeVar("Held", bytes, Df)

UNLIMITED: Final = 0xF
"""The x of 63Cx for a key that failures do not lock (Part 7, 13.1 and 13.2)."""


class Image:
    """A card's memory.

    Attributes:
        info: what belongs to the card as a whole.
        dfs, efs: specifications by path.
        contents: of each EF by path.
        keys: by what points at them, and version.
        tries: how many tries each key with a counter has left.
        dictionary: data elements by path of the EF.
        names: what people call the keys of each DF; see `CardContents`.
    """

    def __init__(self, card: CardContents, store: Store) -> None:
        self.store = store
        self.info: CardInfo = card.info
        self.dfs: dict[str, Df] = dict(card.dfs)
        self.efs: dict[str, Ef] = dict(card.efs)
        self.contents: dict[str, Contents] = dict(card.contents)
        self.keys: dict[KeyId, Key] = dict(card.keys)
        self.tries: dict[KeyId, int] = {
            at: card.tries.get(at, key.tries_max) for at, key in card.keys.items() if key.tries_max
        }
        self.dictionary: dict[str, tuple[Element, ...]] = dict(card.dictionary)
        self.names: dict[str, dict[str, str]] = dict(card.names)
        self.root = min(self.dfs, key=len)
        self._tries_keys: dict[KeyId, CellKey] = {}
        self._made: dict[KeyId, tuple[Key, dict[Callable[[Key], object], Any]]] = {}
        self._parsed: dict[str, tuple[object, Any]] = {}
        self._still: Image | None = None
        self.reindex()

    @classmethod
    def in_memory(cls, card: CardContents) -> "Image":
        """Make an image that lives with the process, for tests."""
        return cls(card, MemoryStore(dict(cells.write_cells(card))))

    @classmethod
    def create(cls, path: str | PathLike[str], card: CardContents, *, replace: bool = False) -> None:
        """Write a new image file; `ImageError` if it exists and is not to be replaced, or cannot be written."""
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
            raise ImageError(f"{path}: the image is damaged: {error}") from None
        except BaseException:
            store.close()
            raise

    def close(self) -> None:
        """Give the store back, and forget what was made of keys and contents."""
        self._made.clear()
        self._parsed.clear()
        self.store.close()

    # -- finding ------------------------------------------------------------------------------

    def environment(self, df: str) -> str:
        """Path of the environment that a DF belongs to: the nearest DDF at or above it, else the MF."""
        return self._environments[df]

    def children(self, df: str) -> tuple[str, ...]:
        """Paths of the DFs directly below ``df``, in order of their FIDs."""
        return self._children.get(df, ())

    def reachable(self, environment: str) -> tuple[str, ...]:
        """Paths of the DFs whose names work in an environment, in the order in which names are looked up.

        The environment and its applications, then the card's environments, the applications of the financial
        one, and by ``select.names`` every other DF (Part 3, 5.2.1).
        """
        return self._reachable[environment]

    def df_by_name(self, environment: str, name: bytes) -> Df | None:
        """The first DF with exactly this name among those that can be reached from an environment, or None."""
        path = self._by_name.get((environment, name))
        return None if path is None else self.dfs[path]

    def df_by_fid(self, fid: int) -> str | None:
        """Path of the first DF with this FID wherever it stands, or None; by ``select.fids`` always None."""
        return self._by_fid.get(fid)

    def ef_by_sfi(self, df: str, sfi: int) -> Ef | None:
        """The EF with this short identifier in ``df``, or None."""
        return self._by_sfi.get((df, sfi))

    def efs_in(self, df: str) -> tuple[Ef, ...]:
        """The EFs directly below ``df``."""
        return self._in_df.get(df, ())

    def key(self, ref: KeyRef, version: int) -> Key:
        """One version of a key.

        Raises:
            KeyUnknown: not there.
        """
        key = self.keys.get((ref, version))
        if key is None:
            raise KeyUnknown(f"{ref.name} has no version {version}")
        return key

    def expanded(self, at: KeyId) -> ExpandedKey:
        """The expanded form of a key, kept as `made` does."""
        return self.made(at, _expanded)

    def tac_expanded(self, at: KeyId) -> ExpandedKey:
        """The expanded form of what a key computes TACs with (Part 7, 15), kept as `made` does."""
        return self.made(at, _tac_expanded)

    def made(self, at: KeyId, make: Callable[[Key], Made]) -> Made:
        """What ``make`` makes of a key, kept as long as the card holds that very key; no session key."""
        key, found = self.keys[at], self._made.get(at)
        if found is None or found[0] is not key:
            found = self._made[at] = (key, {})
        made: Made | None = found[1].get(make)
        if made is None:
            made = found[1][make] = make(key)
        return made

    def forget_made(self, changed: Iterable[KeyId]) -> None:
        """Drop what was made of keys that have changed or gone."""
        for at in changed:
            self._made.pop(at, None)

    def parsed(self, path: str, held: Held, parse: Callable[[Held], Made]) -> Made:
        """What ``parse`` makes of an EF's contents, or of a DF, kept until it is asked for other ones."""
        found = self._parsed.get(path)
        if found is None or found[0] is not held:
            found = self._parsed[path] = (held, parse(held))
        made: Made = found[1]
        return made

    def ref_by_kid(self, df: str, kid: int) -> KeyRef | None:
        """The key with this identifier in ``df``, or None."""
        return self._by_kid.get((df, kid))

    def ref_by_usage(self, df: str, usage: Usage) -> KeyRef | None:
        """The first key of ``df`` with this function, or None."""
        return self._by_usage.get((df, usage))

    def keys_for(self, owner: str, usage: Usage) -> tuple[KeyId, ...]:
        """Every version of every key of ``owner`` with this function, in order of names and versions."""
        return self._for.get((owner, usage), ())

    def versions(self, ref: KeyRef) -> tuple[int, ...]:
        """The versions of a key that the card holds, ascending."""
        return self._versions.get(ref, ())

    def key_name(self, owner: str, kid: int | None, usage: Usage | None = None) -> str:
        """Name the key of a DF with this identifier, or without one the key with this function."""
        names = self.names.get(owner, {})
        if kid is not None and usage is not None and self.dfs[owner].command_set in FINANCIAL_SETS:
            return names.get(f"{usage}.{kid:02X}", f"{usage}{kid:02X}".upper().replace("-", ""))
        if kid is None:
            return names.get(str(usage), f"{usage}".upper().replace("-", ""))
        return names.get(f"{kid:02X}", f"K{kid:02X}")

    def files_below(self, df: str) -> list[str]:
        """Paths of all DFs and EFs below a DF, at any depth."""
        return [path for path in (*self.dfs, *self.efs) if path.startswith(f"{df}/")]

    def label(self, path: str) -> str:
        """Name a file for people: ``SSSE/EF06``, ``DF04/EF08``, ``MF``."""
        if path in self.dfs:
            return self.dfs[path].label
        return f"{self.dfs[parent(path)].label}/{label(path)}"

    @property
    def pins(self) -> frozenset[KeyRef]:
        """Every PIN on the card."""
        return self._pins

    def still(self) -> "Image":
        """The files and what people call them as they are now, for who speaks of a command later.

        It never changes, and holds no contents, no key and no counter. Made once for every change of the files.
        """
        if self._still is None:
            still = copy(self)
            still.dfs, still.efs = dict(self.dfs), dict(self.efs)
            still.contents, still.keys, still.tries, still.store = {}, {}, {}, MemoryStore({})
            still._made, still._parsed, still._tries_keys = {}, {}, {}
            still._by_sfi, still._by_kid, still._by_usage = dict(self._by_sfi), dict(self._by_kid), dict(self._by_usage)
            self._still = still
        return self._still

    def forget_still(self) -> None:
        """Let the next `still` show what has changed."""
        self._still = None

    # -- changing -----------------------------------------------------------------------------

    def begin(self) -> Transaction:
        """Start collecting changes."""
        return Transaction(self)

    def locked(self, at: KeyId) -> bool:
        """Whether the try counter of a key is at zero; without a counter it never is."""
        return self.tries.get(at, 1) == 0

    def left(self, at: KeyId) -> int:
        """How many tries a key has left: the x of 63Cx; `UNLIMITED` for a key without a counter."""
        return self.tries.get(at, UNLIMITED)

    def charge(self, at: KeyId) -> int:
        """Take one try from a key, durably, before anything is compared; a power cut never gives it back.

        Returns:
            how many are left.

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

    def tries_key(self, at: KeyId) -> CellKey:
        """The cell that holds the try counter of a key with a counter."""
        key = self._tries_keys.get(at)
        if key is None:
            key = self._tries_keys[at] = (cells.TRIES, cells.key_path(*at))
        return key

    def _count(self, at: KeyId, left: int) -> int:
        self.store.write({self.tries_key(at): cells.TRIES_CELLS[left]})
        self.tries[at] = left
        return left

    def reindex(self) -> None:
        """Find anew where everything is, after DFs have come or anything has gone."""
        self._environments = {path: self._find_environment(path) for path in self.dfs}
        children: dict[str, list[str]] = {}
        for path in sorted(self.dfs):
            if path != self.root:
                children.setdefault(parent(path), []).append(path)
        self._children = {df: tuple(paths) for df, paths in children.items()}
        self._reachable: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[tuple[str, bytes], str] = {}
        # Terminals of JR/T 0025 select an application straight after the reset, by its name.
        payment = [
            path
            for df in self.children(self.root)
            if self.dfs[df].command_set is CommandSet.FINANCIAL
            for path in self.children(df)
        ]
        # The FMCOS manual has rules of its own (7.4): what is near.
        near = self.info.settings.personalisation.cos == "fmcos"
        far = [] if near or self.info.settings.select.names == "environment" else sorted(self.dfs)
        for environment in set(self._environments.values()):
            paths_in_order = (environment, *self.children(environment), self.root, *self.children(self.root))
            self._reachable[environment] = tuple(dict.fromkeys((*paths_in_order, *payment, *far)))
            for path in self._reachable[environment]:
                self._by_name.setdefault((environment, self.dfs[path].name), path)
        near = near or self.info.settings.select.fids == "near"
        self._by_fid = {} if near else {self.dfs[path].fid: path for path in sorted(self.dfs, reverse=True)}
        self._by_sfi: dict[tuple[str, int], Ef] = {}
        self._in_df: dict[str, tuple[Ef, ...]] = {}
        for ef in self.efs.values():
            self.index_ef(ef)
        self._by_kid: dict[tuple[str, int], KeyRef] = {}
        self._by_usage: dict[tuple[str, Usage], KeyRef] = {}
        self._for: dict[tuple[str, Usage], tuple[KeyId, ...]] = {}
        self._versions: dict[KeyRef, tuple[int, ...]] = {}
        self._pins: frozenset[KeyRef] = frozenset()
        for (ref, _), key in self.keys.items():
            self.index_key(ref, key)

    def index_ef(self, ef: Ef) -> None:
        """Let a new EF be found."""
        df = ef.parent
        self._in_df[df] = (*self._in_df.get(df, ()), ef)
        if ef.sfi is not None:
            self._by_sfi[df, ef.sfi] = ef

    def index_key(self, ref: KeyRef, key: Key) -> None:
        """Let a new version of a key be found; of several for one purpose the first by name counts."""
        owner = ref.owner
        if key.kid is not None:
            self._by_kid[owner, key.kid] = min(ref, self._by_kid.get((owner, key.kid), ref))
        self._by_usage[owner, key.usage] = min(ref, self._by_usage.get((owner, key.usage), ref))
        found = self.keys_for(owner, key.usage)
        place = bisect(found, (ref, key.version))
        self._for[owner, key.usage] = (*found[:place], (ref, key.version), *found[place:])
        self._versions[ref] = tuple(sorted((*self._versions.get(ref, ()), key.version)))
        if key.usage is Usage.PIN:
            self._pins |= {ref}

    def _find_environment(self, path: str) -> str:
        at = path
        while at != self.root and self.dfs[at].kind is not DfKind.DDF:
            at = parent(at)
        return at


def _expanded(key: Key) -> ExpandedKey:
    return key.suite.expand(key.value)


def _tac_expanded(key: Key) -> ExpandedKey:
    return key.suite.expand_tac(key.value)
