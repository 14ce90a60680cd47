"""The contents of a card in use: where every file and key is, and what was computed of them and stays valid.

The objects are those of a `CardContents`. Around them stand indexes, so that a command finds what it needs in one
look-up, and two caches: expanded keys, and parsed files. Only a transaction changes any of it.
"""

from bisect import bisect
from collections.abc import Callable, Iterable
from copy import copy
from typing import Any, Final, Self, TypeVar

from keys.ciphers import ExpandedKey
from keys.errors import KeyUnknown
from keys.records import Key, KeyId, KeyRef, Usage

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

Cached = TypeVar("Cached")
Source = TypeVar("Source", bytes, Df)

UNLIMITED: Final = 0xF
"""The x of 63Cx for a key that failures do not lock (Part 7, 13.1 and 13.2)."""


class LoadedContents:
    """The contents of a card, indexed.

    Attributes:
        info: what belongs to the card as a whole.
        dfs, efs: specifications by path.
        contents: of each EF by path.
        keys: keys and PINs by `KeyId`.
        tries: how many tries each key with a counter has left.
        dictionary: data elements by path of the EF.
        names: what people call the keys of each DF; see `CardContents`.
        root: path of the MF.
    """

    def __init__(self, card: CardContents) -> None:
        """Copy the tables of a card and index them; a counter that ``card.tries`` lacks starts at its maximum."""
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
        self._cached: dict[KeyId, tuple[Key, dict[Callable[[Key], object], Any]]] = {}
        self._parsed: dict[str, tuple[object, Any]] = {}
        self._snapshot: Self | None = None
        self.reindex()

    # -- finding ------------------------------------------------------------------------------

    def environment(self, df: str) -> str:
        """Return the path of the environment that a DF belongs to: the nearest DDF at or above it, else the MF."""
        return self._environments[df]

    def children(self, df: str) -> tuple[str, ...]:
        """Return the paths of the DFs directly below ``df``, in order of their FIDs."""
        return self._children.get(df, ())

    def reachable(self, environment: str) -> tuple[str, ...]:
        """Return the paths of the DFs whose names work in an environment, in the order in which names are looked up.

        The environment and its applications, then the card's environments, the applications of the financial
        one, and by ``select.names`` every other DF (Part 3, 5.2.1).
        """
        return self._reachable[environment]

    def df_by_name(self, environment: str, name: bytes) -> Df | None:
        """Return the first DF with exactly this name among those that `reachable` lists, or None."""
        path = self._by_name.get((environment, name))
        return None if path is None else self.dfs[path]

    def df_by_fid(self, fid: int) -> str | None:
        """Return the path of the first DF with this FID anywhere, or None; None with ``select.fids = "near"``."""
        return self._by_fid.get(fid)

    def ef_by_sfi(self, df: str, sfi: int) -> Ef | None:
        """Return the EF with this short identifier in ``df``, or None."""
        return self._by_sfi.get((df, sfi))

    def efs_in(self, df: str) -> tuple[Ef, ...]:
        """Return the EFs directly below ``df``."""
        return self._in_df.get(df, ())

    def key(self, ref: KeyRef, version: int) -> Key:
        """Return one version of a key.

        Raises:
            KeyUnknown: the card does not have it.
        """
        key = self.keys.get((ref, version))
        if key is None:
            raise KeyUnknown(f"{ref.name} has no version {version}")
        return key

    def ref_by_kid(self, df: str, kid: int) -> KeyRef | None:
        """Return the key with this identifier in ``df``, or None."""
        return self._by_kid.get((df, kid))

    def ref_by_usage(self, df: str, usage: Usage) -> KeyRef | None:
        """Return the key of ``df`` with this usage whose name sorts first, or None."""
        return self._by_usage.get((df, usage))

    def keys_for(self, owner: str, usage: Usage) -> tuple[KeyId, ...]:
        """Return every version of every key of ``owner`` with this usage, in order of names and versions."""
        return self._for.get((owner, usage), ())

    def versions(self, ref: KeyRef) -> tuple[int, ...]:
        """Return the versions of a key that the card holds, ascending."""
        return self._versions.get(ref, ())

    def key_name(self, owner: str, kid: int | None, usage: Usage | None = None) -> str:
        """Return the name of the key of a DF with this identifier, or if that is None with this usage."""
        names = self.names.get(owner, {})
        if kid is not None and usage is not None and self.dfs[owner].command_set in FINANCIAL_SETS:
            return names.get(f"{usage}.{kid:02X}", f"{usage}{kid:02X}".upper().replace("-", ""))
        if kid is None:
            return names.get(str(usage), f"{usage}".upper().replace("-", ""))
        return names.get(f"{kid:02X}", f"K{kid:02X}")

    def files_below(self, df: str) -> list[str]:
        """Return the paths of all DFs and EFs below a DF, at any depth."""
        return [path for path in (*self.dfs, *self.efs) if path.startswith(f"{df}/")]

    def label(self, path: str) -> str:
        """Return the name of a file for people: ``SSSE/EF06``, ``DF04/EF08``, ``MF``."""
        if path in self.dfs:
            return self.dfs[path].label
        return f"{self.dfs[parent(path)].label}/{label(path)}"

    @property
    def pins(self) -> frozenset[KeyRef]:
        """Return every PIN on the card."""
        return self._pins

    # -- counters ---------------------------------------------------------------------------------

    def locked(self, at: KeyId) -> bool:
        """Return whether the try counter of a key is at zero; a key without a counter is never locked."""
        return self.tries.get(at, 1) == 0

    def left(self, at: KeyId) -> int:
        """Return how many tries a key has left, the x of 63Cx; `UNLIMITED` for a key without a counter."""
        return self.tries.get(at, UNLIMITED)

    # -- caches -----------------------------------------------------------------------------------

    def expanded(self, at: KeyId) -> ExpandedKey:
        """Return the expanded form of a key, cached as by `cached`."""
        return self.cached(at, _expanded)

    def tac_expanded(self, at: KeyId) -> ExpandedKey:
        """Return the expanded form of what a key computes TACs with (Part 7, 15), cached as by `cached`."""
        return self.cached(at, _tac_expanded)

    def cached(self, at: KeyId, compute: Callable[[Key], Cached]) -> Cached:
        """Return ``compute(key)``, computed once for as long as the card holds this very key.

        Long-term keys only: a session key belongs to its transaction.

        Raises:
            KeyError: the card has no such key.
        """
        key, found = self.keys[at], self._cached.get(at)
        if found is None or found[0] is not key:
            found = self._cached[at] = (key, {})
        value: Cached | None = found[1].get(compute)
        if value is None:
            value = found[1][compute] = compute(key)
        return value

    def parsed(self, path: str, source: Source, parse: Callable[[Source], Cached]) -> Cached:
        """Return ``parse(source)``, parsed once for as long as this very source is asked for at this path.

        Args:
            path: of the EF or DF.
            source: contents of the EF, or the DF.
        """
        found = self._parsed.get(path)
        if found is None or found[0] is not source:
            found = self._parsed[path] = (source, parse(source))
        value: Cached = found[1]
        return value

    def forget_cached(self, changed: Iterable[KeyId]) -> None:
        """Drop what was computed of keys that have changed or are gone."""
        for at in changed:
            self._cached.pop(at, None)

    def clear_caches(self) -> None:
        """Drop all that was computed of keys and contents, which may be secret."""
        self._cached.clear()
        self._parsed.clear()

    def snapshot(self) -> Self:
        """Return the files, names and indexes as they are now, for whoever describes a command later.

        A snapshot never changes, and has no contents, no keys and no counters. It is taken once for each change of
        the files, keys or the card's data.
        """
        if self._snapshot is None:
            snapshot = copy(self)
            snapshot.dfs, snapshot.efs = dict(self.dfs), dict(self.efs)
            snapshot.contents, snapshot.keys, snapshot.tries = {}, {}, {}
            snapshot._cached, snapshot._parsed = {}, {}
            snapshot._by_sfi, snapshot._by_kid = dict(self._by_sfi), dict(self._by_kid)
            snapshot._by_usage = dict(self._by_usage)
            self._snapshot = snapshot
        return self._snapshot

    def forget_snapshot(self) -> None:
        """Let the next `snapshot` show what has changed."""
        self._snapshot = None

    # -- indexes ----------------------------------------------------------------------------------

    def reindex(self) -> None:
        """Build every index anew, after a DF was added or anything was removed."""
        self._environments = {path: self._find_environment(path) for path in self.dfs}
        children: dict[str, list[str]] = {}
        for path in sorted(self.dfs):
            if path != self.root:
                children.setdefault(parent(path), []).append(path)
        self._children = {df: tuple(paths) for df, paths in children.items()}
        self._reachable: dict[str, tuple[str, ...]] = {}
        self._by_name: dict[tuple[str, bytes], str] = {}
        # Terminals of JR/T 0025 select an application straight after the reset, by its name.
        applications = [
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
            self._reachable[environment] = tuple(dict.fromkeys((*paths_in_order, *applications, *far)))
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
        """Index a new EF."""
        df = ef.parent
        self._in_df[df] = (*self._in_df.get(df, ()), ef)
        if ef.sfi is not None:
            self._by_sfi[df, ef.sfi] = ef

    def index_key(self, ref: KeyRef, key: Key) -> None:
        """Index a new key version.

        If several keys share a usage or KID, lookups return the one whose name sorts first.
        """
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
