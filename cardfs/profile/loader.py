"""Profiles: a card type as data, read from TOML, checked, and resolved (design: profiles are data).

`load_profile` gives a `Profile` whose DFs, EFs, rules and keys are final but for what belongs to one
card: its region, its serial, its holder and its key values. Every mistake is a `ProfileError` with
file, place and reason.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from keys.records import KeyRef, Usage
from keys.suites import SUITES

from ..model import fci, tlv
from ..model.atr import HEADS, AtrPlan, check_head
from ..model.files import FINANCIAL_SETS, MF_FID, MF_PATH, CommandSet, Df, DfKind, Ef, Element, child, parent
from ..model.psam_keys import ROOT_LEVELS, TYPES
from ..model.settings import Settings, near_setting
from .files import PAYMENT_SFI, DirectoryPlan, EfPlan, build_efs, listed, payment_listing
from .inputs import Document, Misfit, ProfileError, convert
from .rows import AtrRow, DfRow, HeadRow, KeyRow, read_row
from .source import SHIPPED, Entry, Source, read_source, shipped_profiles
from .tree import KeyPlan, Tree, check_keys, resolve

__all__ = ["DEMO", "KeyPlan", "Profile", "ProfileError", "load_profile", "shipped_profiles"]

DEMO: Final = SHIPPED / "demo"
"""Folder of the demo inputs: ``holder.toml`` and ``roots.toml``."""

KIND: Final = "settings.financial.kind"

ALGORITHM_BYTES: Final = {"DES": 0x01, "3DES": 0x01, "SM4": 0x03}
"""Value of tag 86 in the FCI (terminal interface, 10.1)."""


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
        """The EFs by path."""
        return {path: plan.ef for path, plan in self.files.items()}

    @property
    def dictionary(self) -> dict[str, tuple[Element, ...]]:
        """The data elements of each EF by path."""
        return {path: plan.elements for path, plan in self.files.items()}

    @property
    def is_psam(self) -> bool:
        """Whether it is a security module and no card of a holder."""
        return self.dfs[MF_PATH].command_set is CommandSet.PSAM

    @property
    def has_financial(self) -> bool:
        """Whether cards of this type have a financial environment (JR/T 0025)."""
        return any(df.command_set is CommandSet.FINANCIAL for df in self.dfs.values())

    def is_financial(self, df: str) -> bool:
        """Return whether a DF, by path, is the financial environment or belongs to it."""
        return self.dfs[df].command_set in FINANCIAL_SETS

    @property
    def names(self) -> dict[str, dict[str, str]]:
        """What people call the keys of each DF, by its path; see `CardContents`."""
        names: dict[str, dict[str, str]] = {}
        for plan in self.keys:
            which = str(plan.usage) if plan.kid is None else f"{plan.kid:02X}"
            if plan.kid is not None and self.is_financial(plan.ref.owner):
                which = f"{plan.usage}.{which}"
            names.setdefault(plan.ref.owner, {}).setdefault(which, plan.ref.name)
        return names

    def path(self, name: str) -> str:
        """Path of a DF or EF from its id, ``SSSE`` or ``DF01/EF05``; an unknown one is a ``KeyError``."""
        df, _, ef = name.partition("/")
        path = self.ids[df]
        return child(path, int(ef, 16)) if ef else path


def load_profile(name: str | Path, *overrides: Mapping[str, Any] | Document) -> Profile:
    """Load a card type by shipped name or by path.

    Args:
        name: ``ssc-2.0``, or the path of a TOML file.
        overrides: what profile files would say, laid over it last; errors call a document by its name, a plain
            mapping ``overrides``.

    Raises:
        ProfileError: wrong; says file, place and reason.

    Example:
        >>> import sscard
        >>> profile = sscard.load_profile("ssc-2.0", {"settings": {"pin": {"tries": 6}}})
        >>> profile.title, profile.suite
        ('Social-security card 2.0, DES/3DES', '3DES')
    """
    source = read_source(str(name), *overrides)
    _check_head_keys(source)
    head = read_row(source.head, HeadRow)
    settings = _settings(source)
    suites = _suites(source, head)
    tree = Tree(settings)
    rows = _dfs(source, tree, head.suite)
    _check_financial(source, tree, head.name)
    keys = tuple(
        _key(tree, row, key, settings, suites)
        for row, entry in rows
        if row.id in tree.paths
        for key in _key_entries(row, entry, rows)
    )
    tree.keys = {plan.ref: plan for plan in keys}
    check_keys(tree)
    for plan in keys:
        if plan.usage is Usage.APP_BLOCK:
            tree.dfs[plan.ref.owner] = replace(tree.dfs[plan.ref.owner], lock_kid=plan.kid)
    directories = [DirectoryPlan(row.id, entry.place) for row, entry in rows if row.directory]
    labels = {tree.paths[row.id]: row.label for row, _ in rows}
    priorities = {tree.paths[row.id]: row.priority for row, _ in rows}
    _check_labels(rows, tree, priorities)
    files = build_efs(source.head.entries("ef"), tree, directories, labels, priorities)
    for directory in directories:
        path = tree.paths[directory.df]
        sfi = PAYMENT_SFI if tree.dfs[path].command_set is CommandSet.FINANCIAL else settings.directory.sfi
        tree.dfs[path] = replace(tree.dfs[path], directory_sfi=sfi)
    for row, _ in rows:
        if row.lists:
            path = tree.paths[row.id]
            listing = payment_listing(tree, parent(path), labels, priorities)
            tree.dfs[path] = replace(tree.dfs[path], proprietary=listing)
    for row, entry in rows:
        _check_fci(tree.dfs[tree.paths[row.id]], entry.at("lists" if row.lists else "proprietary"), files)
    return Profile(
        head.name,
        source.file,
        head.title,
        head.specification,
        head.suite,
        settings,
        _atr(source),
        tree.dfs,
        tree.paths,
        files,
        keys,
    )


def _check_head_keys(source: Source) -> None:
    for name, entries in source.head.lists.items():
        if name not in ("df", "ef"):
            place = next(iter(entries.values())).place if entries else source.file
            raise ProfileError(place, f"{name!r} belongs into a [[df]] or [[ef]]")
    for name, value in source.head.values.items():
        if name not in HeadRow.__struct_fields__:
            inner = next(iter(value), "") if isinstance(value, Mapping) else ""
            near = near_setting(f"{name}.{inner}" if inner else name)
            raise ProfileError(source.head.at(name), f"unknown key{near}")


def _settings(source: Source) -> Settings:
    try:
        return convert(source.tables["settings"], Settings)
    except Misfit as error:
        dotted = f"settings{error.path}" + (f".{error.unknown}" if error.unknown else "")
        if error.unknown:
            reason = f"no such setting{near_setting(dotted)}"
        else:
            reason = f"no such refusal: {error.bad_key}" if error.bad_key else error.reason
        raise ProfileError(source.table_places.get(dotted, f"{source.file}: {dotted}"), reason) from None


def _check_financial(source: Source, tree: Tree, name: str) -> None:
    """Refuse a financial environment that the card type has no files for, and a card without any application."""
    place = source.table_places.get(KIND, f"{source.file}: {KIND}")
    has_files = _has_financial(source)
    if tree.settings.financial.kind != "none" and not has_files:
        others = ", ".join(each for each in shipped_profiles() if _has_financial(read_source(each)))
        raise ProfileError(place, f"{name} has no financial environment; {others} have one")
    if has_files and KIND in source.table_places and set(tree.dfs) == {MF_PATH}:
        raise ProfileError(place, f"{name} has nothing but the financial environment")


def _has_financial(source: Source) -> bool:
    return any(entry.values.get("regime") == CommandSet.FINANCIAL for entry in source.head.entries("df"))


def _suites(source: Source, head: HeadRow) -> dict[Usage, str]:
    """Suite by usage: the maintenance keys have their own, of the same block length."""
    maintenance = head.maintenance_suite or head.suite
    for key, name in (("suite", head.suite), ("maintenance_suite", maintenance)):
        if name == "SSF33":
            raise ProfileError(source.head.at(key), "SSF33 is not public, so no card can be made with it")
        if name not in SUITES:
            raise ProfileError(source.head.at(key), f"no suite {name!r}; there are {', '.join(SUITES)}")
    if SUITES[maintenance].block != SUITES[head.suite].block:
        raise ProfileError(
            source.head.at("maintenance_suite"), f"a card holds one algorithm; {maintenance} and {head.suite} are two"
        )
    return {usage: maintenance if usage is Usage.MAC_ENC else head.suite for usage in Usage}


def _dfs(source: Source, tree: Tree, suite: str) -> list[tuple[DfRow, Entry]]:
    rows = []
    for entry in source.head.entries("df"):
        row = read_row(entry, DfRow)
        if not tree.keeps(row.when, entry) or row.parent in tree.left_out:
            tree.left_out.add(row.id)
        else:
            rows.append((row, entry))
            _df(tree, row, entry, suite)
    if MF_PATH not in tree.dfs:
        raise ProfileError(f"{source.file}: df", "there is no MF")
    return rows


def _key_entries(row: DfRow, entry: Entry, rows: list[tuple[DfRow, Entry]]) -> list[Entry]:
    """The keys of a DF, those of another one first if it says so."""
    if not row.keys_of:
        return entry.entries("keys")
    other = next((each for its_row, each in rows if its_row.id == row.keys_of), None)
    if other is None:
        raise ProfileError(entry.at("keys_of"), f"no DF {row.keys_of!r}")
    return [*other.entries("keys"), *entry.entries("keys")]


def _df(tree: Tree, row: DfRow, entry: Entry, suite: str) -> None:
    name = _df_name(row, entry)
    issuer_data = tlv.encode(fci.ALGORITHM, bytes((ALGORITHM_BYTES[suite],))) if row.algorithm else b""
    if row.kind == "mf":
        if row.parent or row.fid not in (None, MF_FID):
            raise ProfileError(entry.place, "the MF has FID 3F00 and no parent")
        command_set = row.regime or CommandSet.SOCIAL
        tree.add(row.id, Df(MF_PATH, MF_FID, DfKind.MF, name, issuer_data=issuer_data, command_set=command_set), entry)
        return
    above = tree.paths.get(row.parent)
    if above is None:
        raise ProfileError(entry.at("parent"), f"no DF {row.parent!r} before this one")
    if row.kind == "ddf" and tree.dfs[above].kind is DfKind.ADF:
        raise ProfileError(entry.at("parent"), f"a DDF cannot stand in the ADF {row.parent}")
    if row.joins_parent and tree.keeps(row.joins_parent, entry):
        joined = replace(tree.dfs[above], name=name, issuer_data=issuer_data)
        tree.join(row.id, joined, entry)
        return
    fid = _df_fid(row, entry, tree.settings)
    command_set = row.regime or tree.dfs[above].command_set
    written = resolve(row.proprietary, tree.settings, entry.at("proprietary"))
    try:
        proprietary = bytes.fromhex(str(written))
    except ValueError:
        raise ProfileError(entry.at("proprietary"), "not hexadecimal") from None
    if command_set is CommandSet.DEBIT:
        proprietary = _debit_head(row, proprietary) + proprietary
    path = child(above, fid)
    df = Df(
        path, fid, DfKind(row.kind), name, issuer_data=issuer_data, command_set=command_set, proprietary=proprietary
    )
    tree.add(row.id, df, entry)


def _check_labels(rows: list[tuple[DfRow, Entry]], tree: Tree, priorities: dict[str, int]) -> None:
    """Refuse an application that a directory lists and that has no label (Part 3, 6.3, table 3)."""
    owners = [tree.paths[row.id] for row, _ in rows if row.directory]
    named = {df.path for owner in owners for df in listed(tree, owner, priorities)}
    for row, entry in rows:
        if tree.paths[row.id] in named and not row.label:
            raise ProfileError(entry.at("label"), f"the directory lists {row.id}, so it has an application label")


def _check_fci(df: Df, place: str, files: Mapping[str, EfPlan]) -> None:
    """Refuse an FCI that one answer does not carry, or out of whose tag A5 debit/credit could not read its lists."""
    if df.command_set is CommandSet.DEBIT:
        try:
            list(tlv.objects(df.proprietary))
        except tlv.TlvError as error:
            raise ProfileError(place, f"not whole data objects: {error}") from None
    shown = files.get(child(df.path, fci.PURSE_DATA)) if df.command_set is CommandSet.PURSE else None
    told = df.issuer_data if shown is None else bytes(shown.ef.size)
    length = len(fci.fci(df.name, fci.directory(df.directory_sfi) + df.proprietary + fci.issuer_data(told)))
    if length > fci.LONGEST:
        whole = "the FCI" if shown is None else f"the FCI, which shows {shown.id},"
        raise ProfileError(place, f"{whole} would have {length} bytes, an answer carries {fci.LONGEST}")


def _debit_head(row: DfRow, proprietary: bytes) -> bytes:
    """Label and priority, with which the FCI of debit/credit begins (EMV Book 1, table 45), unless they are given."""
    head = tlv.encode(fci.LABEL, row.label.encode("gb18030")) if row.label else b""
    head += tlv.encode(fci.PRIORITY, bytes((row.priority,))) if row.priority else b""
    with suppress(tlv.TlvError):
        # What is no TLV is refused by place later.
        given = {tag for tag, _ in tlv.objects(proprietary)}
        return b"".join(tlv.encode(tag, value) for tag, value in tlv.objects(head) if tag not in given)
    return head


def _df_fid(row: DfRow, entry: Entry, settings: Settings) -> int:
    if row.fid is not None:
        fid = resolve(row.fid, settings, entry.at("fid"))
        if not isinstance(fid, int):
            raise ProfileError(entry.at("fid"), "a FID is a number")
        return fid
    try:
        if len(row.id) == 4:
            return int(row.id, 16)
    except ValueError:
        pass
    raise ProfileError(entry.place, "'fid' is missing")


def _df_name(row: DfRow, entry: Entry) -> bytes:
    """The DF name, 5 to 16 bytes (Part 3, 5.2); an application without AID is known by its label."""
    key = "aid" if row.aid else "name" if row.name else "label"
    try:
        name = bytes.fromhex(row.aid) if row.aid else (row.name or row.label).encode("gb18030")
    except UnicodeEncodeError:
        raise ProfileError(entry.at(key), "not text that GB 18030 can write") from None
    if len(row.label.encode("gb18030", "replace")) > 16:
        raise ProfileError(entry.at("label"), "an application label has 1 to 16 bytes (Part 3, 6.3, table 3)")
    if name and not 5 <= len(name) <= 16:
        raise ProfileError(entry.at(key), f"a DF name has 5 to 16 bytes, this one {len(name)}")
    return name


def _key(tree: Tree, df: DfRow, entry: Entry, settings: Settings, suites: dict[Usage, str]) -> KeyPlan:
    row = read_row(entry, KeyRow)
    usage = _usage(row, entry, settings)
    kid = resolve(row.kid, settings, entry.at("kid")) if row.kid is not None else None
    if kid is not None and not (isinstance(kid, int) and 0 <= kid <= 255):
        raise ProfileError(entry.at("kid"), "a KID is one byte")
    pin = usage is Usage.PIN
    command_set = tree.dfs[tree.paths[df.id]].command_set
    # Only the social-security card has maintenance keys of another length.
    own = suites[usage if command_set is CommandSet.SOCIAL else Usage.MASTER]
    suite = "" if pin else row.suite or df.suite or own
    if row.short and suite == "3DES":
        suite = "DES"
    if suite and suite not in SUITES:
        raise ProfileError(entry.at("suite"), f"no suite {suite!r}; there are {', '.join(SUITES)}")
    tries = row.tries
    if tries is None:
        counted = (usage.proves and usage.can_lock) or usage is Usage.MASTER
        tries = settings.pin.tries if pin else settings.key.tries if counted else 0
        tries = settings.edep.reload_pin_tries if usage is Usage.PIN_RELOAD else tries
    ref = KeyRef(tree.paths[df.id], row.name)
    algorithm, levels = row.algorithm.get(suite), row.levels
    if levels is None:
        above = command_set is CommandSet.PSAM and usage in TYPES
        levels = ROOT_LEVELS[settings.psam.root_level] if above else 0
    root = row.root or row.name
    return KeyPlan(ref, usage, suite, kid, row.versions, tries, root, row.zh, entry, algorithm, levels)


def _usage(row: KeyRow, entry: Entry, settings: Settings) -> Usage:
    usage = resolve(row.usage, settings, entry.at("usage"))
    if usage not in list(Usage):
        raise ProfileError(entry.at("usage"), f"there is no usage {usage!r}")
    return Usage(usage)


def _atr(source: Source) -> AtrPlan:
    if not source.tables["atr"]:
        raise ProfileError(f"{source.file}: atr", "the table is missing")
    places = {key.partition(".")[2]: place for key, place in source.table_places.items() if key.startswith("atr.")}
    entry = Entry(f"{source.file}: atr", source.tables["atr"], places)
    row = read_row(entry, AtrRow)
    try:
        head = bytes.fromhex(row.head) if row.head else HEADS[row.protocol]
        check_head(head)
    except ValueError as error:
        raise ProfileError(entry.at("head"), str(error)) from None
    return AtrPlan(head, bytes.fromhex(row.chip_maker + row.cos + row.card_maker))
