"""Profiles: a card type as data, read from TOML into typed rows, then built and checked.

`load_profile` gives a `Profile` whose DFs, EFs, rules and keys are final but for what belongs to one
card: its region, its serial, its holder and its key values. Every mistake is a `ProfileError` with
file, place and reason.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from ..model import fci, tlv
from ..model.atr import HEADS, AtrPlan, check_head
from ..model.files import FINANCIAL_SETS, MF_PATH, CommandSet, Df, Ef, Element, child, parent
from ..model.settings import Settings
from .files import FINANCIAL_SFI, DirectoryPlan, EfPlan, build_efs, financial_listing, listed
from .inputs import Document, ProfileError
from .rows import AtrRow, DfEntry, Located, ProfileRows, has_financial, read_rows
from .source import SHIPPED, read_source, shipped_profiles
from .tree import KeyPlan, Tree, build_dfs, build_keys, suites_of

__all__ = ["DEMO", "KeyPlan", "Profile", "ProfileError", "load_profile", "shipped_profiles"]

DEMO: Final = SHIPPED / "demo"
"""Folder of the demo inputs: ``holder.toml`` and ``roots.toml``."""

KIND: Final = "settings.financial.kind"


@dataclass(frozen=True, slots=True)
class Profile:
    """A card type.

    Attributes:
        name: as CardInfo keeps it; ``source`` is the file that was loaded, for errors.
        specification: content of tag 03 (V2.0 notice, 8.1.1.3).
        suite: suite of the card; the maintenance keys may have the single-length one of its family.
        dfs, efs: by path. ``ids``: path of each DF by its id in the profile, ``SSSE``.
        files: by path, what people call each EF and how it is filled.
        keys: every key and the PIN, without values.
    """

    name: str
    source: str
    title: str
    specification: str
    suite: str
    settings: Settings
    atr: AtrPlan
    dfs: dict[str, Df]
    ids: dict[str, str]
    files: dict[str, EfPlan]
    keys: tuple[KeyPlan, ...]

    @property
    def efs(self) -> dict[str, Ef]:
        """Return the EFs by path."""
        return {path: plan.ef for path, plan in self.files.items()}

    @property
    def dictionary(self) -> dict[str, tuple[Element, ...]]:
        """Return the data elements of each EF by path."""
        return {path: plan.elements for path, plan in self.files.items()}

    @property
    def is_psam(self) -> bool:
        """Return whether it is a security module, else a holder's card."""
        return self.dfs[MF_PATH].command_set is CommandSet.PSAM

    @property
    def has_financial(self) -> bool:
        """Return whether cards of this type have a financial environment (JR/T 0025)."""
        return any(df.command_set is CommandSet.FINANCIAL for df in self.dfs.values())

    def is_financial(self, df: str) -> bool:
        """Return whether a DF, by path, is the financial environment or belongs to it."""
        return self.dfs[df].command_set in FINANCIAL_SETS

    @property
    def names(self) -> dict[str, dict[str, str]]:
        """Return the names of the keys of each DF, by its path; see `CardContents`."""
        names: dict[str, dict[str, str]] = {}
        for plan in self.keys:
            which = str(plan.usage) if plan.kid is None else f"{plan.kid:02X}"
            if plan.kid is not None and self.is_financial(plan.ref.owner):
                which = f"{plan.usage}.{which}"
            names.setdefault(plan.ref.owner, {}).setdefault(which, plan.ref.name)
        return names

    def path(self, name: str) -> str:
        """Return the path of a DF or EF by its id, ``SSSE`` or ``DF01/EF05``.

        Raises:
            KeyError: there is no such DF.
        """
        df, _, ef = name.partition("/")
        path = self.ids[df]
        return child(path, int(ef, 16)) if ef else path


def load_profile(name: str | Path, *overrides: Mapping[str, Any] | Document) -> Profile:
    """Load a card type by shipped name or by path.

    Args:
        name: ``ssc-2.0``, or the path of a TOML file.
        overrides: the contents of a profile file, laid over it last; errors call a document by its name, a plain
            mapping ``overrides``.

    Raises:
        ProfileError: the profile is wrong; it names file, place and reason.

    Example:
        >>> import sscard
        >>> profile = sscard.load_profile("ssc-2.0", {"settings": {"pin": {"tries": 6}}})
        >>> profile.title, profile.suite
        ('Social-security card 2.0, DES/3DES', '3DES')
    """
    rows = read_rows(read_source(str(name), *overrides))
    head, tree = rows.head.row, Tree(rows.settings)
    suites = suites_of(rows.head)
    dfs = build_dfs(rows, tree)
    _check_financial(rows, tree)
    keys = build_keys(dfs, tree, suites)
    files = _build_files(rows, dfs, tree)
    return Profile(
        head.name,
        rows.file,
        head.title,
        head.specification,
        head.suite,
        rows.settings,
        _atr(rows.atr),
        tree.dfs,
        tree.paths,
        files,
        keys,
    )


def _build_files(rows: ProfileRows, dfs: list[DfEntry], tree: Tree) -> dict[str, EfPlan]:
    """Build every EF, and the parts of DFs that depend on EFs and other DFs: directories, listings, FCIs."""
    directories = [DirectoryPlan(df.row.id, df.where.place) for df in dfs if df.row.directory]
    labels = {tree.paths[df.row.id]: df.row.label for df in dfs}
    priorities = {tree.paths[df.row.id]: df.row.priority for df in dfs}
    _check_labels(dfs, tree, priorities)
    files = build_efs(rows.efs, tree, directories, labels, priorities)
    for directory in directories:
        path = tree.paths[directory.df]
        financial = tree.dfs[path].command_set is CommandSet.FINANCIAL
        sfi = FINANCIAL_SFI if financial else rows.settings.directory.sfi
        tree.dfs[path] = replace(tree.dfs[path], directory_sfi=sfi)
    for df in dfs:
        if df.row.lists:
            path = tree.paths[df.row.id]
            listing = financial_listing(tree, parent(path), labels, priorities)
            tree.dfs[path] = replace(tree.dfs[path], proprietary=listing)
    for df in dfs:
        _check_fci(tree.dfs[tree.paths[df.row.id]], df.where.at("lists" if df.row.lists else "proprietary"), files)
    return files


def _check_financial(rows: ProfileRows, tree: Tree) -> None:
    """Refuse a financial environment that the card type has no files for, and a card without any application."""
    name, has_files = rows.head.row.name, has_financial(rows)
    place = rows.written.get(KIND, f"{rows.file}: {KIND}")
    if rows.settings.financial.kind != "none" and not has_files:
        others = ", ".join(each for each in shipped_profiles() if has_financial(read_rows(read_source(each))))
        raise ProfileError(place, f"{name} has no financial environment; {others} have one")
    if has_files and KIND in rows.written and set(tree.dfs) == {MF_PATH}:
        raise ProfileError(place, f"{name} has nothing but the financial environment")


def _check_labels(dfs: list[DfEntry], tree: Tree, priorities: dict[str, int]) -> None:
    """Refuse an application that a directory lists and that has no label (Part 3, 6.3, table 3)."""
    owners = [tree.paths[df.row.id] for df in dfs if df.row.directory]
    named = {df.path for owner in owners for df in listed(tree, owner, priorities)}
    for df in dfs:
        if tree.paths[df.row.id] in named and not df.row.label:
            raise ProfileError(
                df.where.at("label"), f"the directory lists {df.row.id}, so it needs an application label"
            )


def _check_fci(df: Df, place: str, files: Mapping[str, EfPlan]) -> None:
    """Refuse an FCI that one answer does not carry, or out of whose tag A5 debit/credit could not read its lists."""
    if df.command_set is CommandSet.DEBIT:
        try:
            list(tlv.objects(df.proprietary))
        except tlv.TlvError as error:
            raise ProfileError(place, f"these are not whole data objects: {error}") from None
    shown = files.get(child(df.path, fci.PURSE_DATA)) if df.command_set is CommandSet.PURSE else None
    data = df.issuer_data if shown is None else bytes(shown.ef.size)
    length = len(fci.fci(df.name, fci.directory(df.directory_sfi) + df.proprietary + fci.issuer_data(data)))
    if length > fci.LONGEST:
        whole = "the FCI" if shown is None else f"the FCI, which shows {shown.id},"
        raise ProfileError(place, f"{whole} would have {length} bytes, but an answer carries {fci.LONGEST}")


def _atr(atr: Located[AtrRow]) -> AtrPlan:
    row = atr.row
    try:
        head = bytes.fromhex(row.head) if row.head else HEADS[row.protocol]
        check_head(head)
    except ValueError as error:
        raise ProfileError(atr.where.at("head"), str(error)) from None
    return AtrPlan(head, bytes.fromhex(row.chip_maker + row.cos + row.card_maker))
