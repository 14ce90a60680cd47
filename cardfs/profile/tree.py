"""The tree of a profile: its DFs and keys, built from rows, and what the names in access rules point at."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Final

from keys.records import Key, KeyRef, Usage
from keys.suites import SUITES

from ..model import fci, tlv
from ..model.files import MF_FID, MF_PATH, CommandSet, Df, DfKind, child, parent
from ..model.psam_keys import ROOT_LEVELS, TYPES
from ..model.rules import Rule, RuleSyntax, parse_rule
from ..model.settings import Settings
from .inputs import ProfileError
from .rows import Conditions, DfEntry, DfRow, HeadRow, KeyRow, Located, ProfileRows, Scalar, Switch
from .source import Where

ALGORITHM_BYTES: Final = {"DES": 0x01, "3DES": 0x01, "SM4": 0x03}
"""Value of tag 86 in the FCI (terminal interface, 10.1)."""
_ADDRESSED: Final = frozenset(usage for usage in Usage if usage.proves)


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key of the card type, without a value.

    Attributes:
        versions: how many groups (组数) a card may hold.
        tries: maximum of its try counter, 0 for none.
        root: name of its root key in the roots file.
        zh: the standard's Chinese purpose.
        where: where the profile has it.
        algorithm, levels: see `Key`.
    """

    ref: KeyRef
    usage: Usage
    suite_name: str
    kid: int | None
    versions: int
    tries: int
    root: str
    zh: str
    where: Where = field(repr=False, compare=False)
    algorithm: int | None = None
    levels: int = 0

    def key(self, value: bytes, version: int) -> Key:
        """Return the key that a card holds, with its value."""
        return Key(
            name=self.ref.name,
            usage=self.usage,
            suite_name=self.suite_name,
            value=value,
            kid=self.kid,
            version=version,
            tries_max=self.tries,
            algorithm=self.algorithm,
        )


@dataclass(slots=True)
class Tree:
    """DFs by path and by id, and keys by reference; ``left_out``: ids of DFs that the settings leave out."""

    settings: Settings
    dfs: dict[str, Df] = field(default_factory=dict)
    paths: dict[str, str] = field(default_factory=dict)
    keys: dict[KeyRef, KeyPlan] = field(default_factory=dict)
    left_out: set[str] = field(default_factory=set)

    def add(self, name: str, df: Df, where: Where) -> None:
        """Add a DF.

        Raises:
            ProfileError: its FID or its name is taken.
        """
        if df.path in self.dfs:
            raise ProfileError(where.at("fid"), f"FID {df.fid:04X} is taken by {self.id_of(df.path)}")
        self._check_name(df, where)
        self.dfs[df.path] = df
        self.paths[name] = df.path

    def join(self, name: str, df: Df, where: Where) -> None:
        """Add a DF that is its parent itself (Part 3, 6.2)."""
        self._check_name(df, where)
        self.dfs[df.path] = df
        self.paths[name] = df.path

    def id_of(self, path: str) -> str:
        """Return the id of a DF; of one that joined its parent the inner id."""
        return [name for name, at in self.paths.items() if at == path][-1]

    def path_name(self, path: str) -> str:
        """Return the ids of a DF and those above it, from the environment down: ``SSSE/DF01``."""
        below = path
        names = [self.id_of(below)]
        while not self._is_environment(below):
            below = parent(below)
            names.insert(0, self.id_of(below))
        return "/".join(names)

    def keeps(self, conditions: Conditions, where: Where) -> bool:
        """Return whether every setting has the value that an entry asks for."""
        for name, value in conditions.items():
            allowed = value if isinstance(value, list) else [value]
            if read_setting(self.settings, name, f"{where.place}: {name}") not in allowed:
                return False
        return True

    def rule(self, text: str | Switch, df: str, place: str) -> Rule:
        """Resolve an access rule of an EF in ``df``.

        Raises:
            ProfileError: it cannot be read, or names a key that is not there or opens no file.
        """
        written = resolve(text, self.settings, place)
        try:
            return parse_rule(str(written), lambda name: self._resolve(name, df, place))
        except RuleSyntax as error:
            raise ProfileError(place, str(error)) from None

    def _resolve(self, name: str, df: str, place: str) -> KeyRef:
        """Find what a name means: at or above the EF's DF, up to its environment, never beyond."""
        at = df
        while True:
            plan = self.keys.get(KeyRef(at, name))
            if plan is not None:
                if plan.usage not in self._opening(at):
                    raise ProfileError(place, f"{name} is a {plan.usage} key and opens no file")
                return plan.ref
            if self._is_environment(at):
                break
            at = parent(at)
        raise ProfileError(place, f"no key {name!r} at or above {self.path_name(df)}")

    def _opening(self, path: str) -> tuple[Usage, ...]:
        """Return the usages that open files: PIN and external authentication; a PSAM has master keys, not a PIN."""
        psam = self.dfs[path].command_set is CommandSet.PSAM
        return (Usage.EXTERNAL_AUTH, Usage.MASTER) if psam else (Usage.PIN, Usage.EXTERNAL_AUTH)

    def _is_environment(self, path: str) -> bool:
        return path == MF_PATH or self.dfs[path].kind is DfKind.DDF

    def _check_name(self, df: Df, where: Where) -> None:
        for other in self.dfs.values():
            # In a security module both environments have the application (Part 9, clause 5).
            apart = (
                df.command_set is CommandSet.PSAM and df.kind is DfKind.ADF and parent(df.path) != parent(other.path)
            )
            if df.name and other.name == df.name and other.path != df.path and not apart:
                raise ProfileError(where.place, f"{self.id_of(other.path)} has the same name")


# -- building ------------------------------------------------------------------------------------


def suites_of(head: Located[HeadRow]) -> dict[Usage, str]:
    """Return the suite by usage: the maintenance keys have their own, of the same block length.

    Raises:
        ProfileError: there is no such suite, or it cannot be had.
    """
    row, where = head.row, head.where
    maintenance = row.maintenance_suite or row.suite
    for key, name in (("suite", row.suite), ("maintenance_suite", maintenance)):
        if name == "SSF33":
            raise ProfileError(where.at(key), "SSF33 is not public, so no card can be issued with it")
        if name not in SUITES:
            raise ProfileError(where.at(key), f"no suite {name!r}; there are {', '.join(SUITES)}")
    if SUITES[maintenance].block != SUITES[row.suite].block:
        raise ProfileError(
            where.at("maintenance_suite"), f"a card holds one algorithm, but {maintenance} and {row.suite} are two"
        )
    return {usage: maintenance if usage is Usage.MAC_ENC else row.suite for usage in Usage}


def build_dfs(rows: ProfileRows, tree: Tree) -> list[DfEntry]:
    """Build every DF that the settings keep, into the tree.

    Returns:
        their entries, in the order of the profile.

    Raises:
        ProfileError: a DF is wrong, or does not fit the others; or there is no MF.
    """
    built = []
    for entry in rows.dfs:
        row = entry.row
        if not tree.keeps(row.when, entry.where) or row.parent in tree.left_out:
            tree.left_out.add(row.id)
        else:
            built.append(entry)
            _df(tree, row, entry.where, rows.head.row.suite)
    if MF_PATH not in tree.dfs:
        raise ProfileError(f"{rows.file}: df", "there is no MF")
    return built


def build_keys(dfs: Sequence[DfEntry], tree: Tree, suites: Mapping[Usage, str]) -> tuple[KeyPlan, ...]:
    """Build and check the keys of every DF, and give the DFs that can be locked the identifier of their lock key.

    Args:
        dfs: from `build_dfs`.
        tree: with the DFs; it gets the keys.
        suites: by usage.

    Raises:
        ProfileError: a key is wrong, or does not fit the others.
    """
    plans = tuple(_key(tree, df.row, key, suites) for df in dfs for key in _keys_of(df, dfs))
    tree.keys = {plan.ref: plan for plan in plans}
    _check_keys(tree)
    for plan in plans:
        if plan.usage is Usage.APP_BLOCK:
            tree.dfs[plan.ref.owner] = replace(tree.dfs[plan.ref.owner], lock_kid=plan.kid)
    return plans


def _keys_of(df: DfEntry, dfs: Sequence[DfEntry]) -> tuple[Located[KeyRow], ...]:
    """Return the keys of a DF, those of another one first if it names one."""
    if not df.row.keys_of:
        return df.keys
    other = next((each for each in dfs if each.row.id == df.row.keys_of), None)
    if other is None:
        raise ProfileError(df.where.at("keys_of"), f"there is no DF {df.row.keys_of!r}")
    return (*other.keys, *df.keys)


def _df(tree: Tree, row: DfRow, where: Where, suite: str) -> None:
    name = _df_name(row, where)
    issuer_data = tlv.encode(fci.ALGORITHM, bytes((ALGORITHM_BYTES[suite],))) if row.algorithm else b""
    if row.kind == "mf":
        if row.parent or row.fid not in (None, MF_FID):
            raise ProfileError(where.place, "the MF has FID 3F00 and no parent")
        command_set = row.regime or CommandSet.SOCIAL
        tree.add(row.id, Df(MF_PATH, MF_FID, DfKind.MF, name, issuer_data=issuer_data, command_set=command_set), where)
        return
    above = tree.paths.get(row.parent)
    if above is None:
        raise ProfileError(where.at("parent"), f"there is no DF {row.parent!r} before this one")
    if row.kind == "ddf" and tree.dfs[above].kind is DfKind.ADF:
        raise ProfileError(where.at("parent"), f"a DDF cannot stand in the ADF {row.parent}")
    if row.joins_parent and tree.keeps(row.joins_parent, where):
        joined = replace(tree.dfs[above], name=name, issuer_data=issuer_data)
        tree.join(row.id, joined, where)
        return
    fid = _df_fid(row, where, tree.settings)
    command_set = row.regime or tree.dfs[above].command_set
    written = resolve(row.proprietary, tree.settings, where.at("proprietary"))
    try:
        proprietary = bytes.fromhex(str(written))
    except ValueError:
        raise ProfileError(where.at("proprietary"), "write hexadecimal digits") from None
    if command_set is CommandSet.DEBIT:
        proprietary = _debit_head(row, proprietary) + proprietary
    path = child(above, fid)
    df = Df(
        path, fid, DfKind(row.kind), name, issuer_data=issuer_data, command_set=command_set, proprietary=proprietary
    )
    tree.add(row.id, df, where)


def _debit_head(row: DfRow, proprietary: bytes) -> bytes:
    """Return label and priority, with which the FCI of debit/credit begins (EMV Book 1, table 45), unless given."""
    head = tlv.encode(fci.LABEL, row.label.encode("gb18030")) if row.label else b""
    head += tlv.encode(fci.PRIORITY, bytes((row.priority,))) if row.priority else b""
    with suppress(tlv.TlvError):
        # What is no TLV is refused by place later.
        given = {tag for tag, _ in tlv.objects(proprietary)}
        return b"".join(tlv.encode(tag, value) for tag, value in tlv.objects(head) if tag not in given)
    return head


def _df_fid(row: DfRow, where: Where, settings: Settings) -> int:
    if row.fid is not None:
        fid = resolve(row.fid, settings, where.at("fid"))
        if not isinstance(fid, int):
            raise ProfileError(where.at("fid"), "write the FID as a number")
        return fid
    try:
        if len(row.id) == 4:
            return int(row.id, 16)
    except ValueError:
        pass
    raise ProfileError(where.place, "'fid' is missing")


def _df_name(row: DfRow, where: Where) -> bytes:
    """Return the DF name, 5 to 16 bytes (Part 3, 5.2); that of an application without AID is its label."""
    key = "aid" if row.aid else "name" if row.name else "label"
    try:
        name = bytes.fromhex(row.aid) if row.aid else (row.name or row.label).encode("gb18030")
    except UnicodeEncodeError:
        raise ProfileError(where.at(key), "GB 18030 cannot write this text") from None
    if len(row.label.encode("gb18030", "replace")) > 16:
        raise ProfileError(where.at("label"), "an application label has 1 to 16 bytes (Part 3, 6.3, table 3)")
    if name and not 5 <= len(name) <= 16:
        raise ProfileError(where.at(key), f"a DF name has 5 to 16 bytes, this one has {len(name)}")
    return name


def _key(tree: Tree, df: DfRow, key: Located[KeyRow], suites: Mapping[Usage, str]) -> KeyPlan:
    row, where, settings = key.row, key.where, tree.settings
    usage = _usage(row, where, settings)
    kid = resolve(row.kid, settings, where.at("kid")) if row.kid is not None else None
    if kid is not None and not (isinstance(kid, int) and 0 <= kid <= 255):
        raise ProfileError(where.at("kid"), "write the KID as a number from 0 to 255")
    pin = usage is Usage.PIN
    command_set = tree.dfs[tree.paths[df.id]].command_set
    # Only the social-security card has maintenance keys of another length.
    own = suites[usage if command_set is CommandSet.SOCIAL else Usage.MASTER]
    suite = "" if pin else row.suite or df.suite or own
    if row.short and suite == "3DES":
        suite = "DES"
    if suite and suite not in SUITES:
        raise ProfileError(where.at("suite"), f"no suite {suite!r}; there are {', '.join(SUITES)}")
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
    return KeyPlan(ref, usage, suite, kid, row.versions, tries, root, row.zh, where, algorithm, levels)


def _usage(row: KeyRow, where: Where, settings: Settings) -> Usage:
    usage = resolve(row.usage, settings, where.at("usage"))
    if usage not in list(Usage):
        raise ProfileError(where.at("usage"), f"there is no usage {usage!r}")
    return Usage(usage)


def _check_keys(tree: Tree) -> None:
    """Refuse KIDs that are taken, missing or of the wrong level (Part 5, table 14)."""
    taken: dict[tuple[str, int], KeyPlan] = {}
    roots: dict[str, KeyPlan] = {}
    for plan in tree.keys.values():
        place = plan.where.at("kid")
        roots.setdefault(plan.root, plan)
        if plan.usage is Usage.PIN:
            if plan.kid is not None or plan.versions != 1:
                raise ProfileError(plan.where.place, "a PIN has neither a KID nor versions")
            continue
        if plan.kid is None:
            if plan.usage in _ADDRESSED:
                raise ProfileError(
                    plan.where.place, f"keys of usage {plan.usage} are addressed by KID; 'kid' is missing"
                )
            continue
        if tree.dfs[plan.ref.owner].command_set is not CommandSet.SOCIAL:
            # Numbering of their own: a PSAM's identifiers (Part 9, appendix A), indices of JR/T 0025.
            continue
        local = tree.dfs[plan.ref.owner].kind is DfKind.ADF
        if bool(plan.kid & 0x80) is not local:
            where = "an application has its highest bit set" if local else "an environment has its highest bit clear"
            raise ProfileError(place, f"the KID of a key of {where}, not as in {plan.kid:02X}")
        if plan.kid & 0x70:
            raise ProfileError(place, f"bits b6 to b4 of a KID are zero, not as in {plan.kid:02X}")
        other = taken.setdefault((plan.ref.owner, plan.kid), plan)
        if other is not plan:
            raise ProfileError(place, f"KID {plan.kid:02X} is taken by {other.ref.name}")


# -- settings ------------------------------------------------------------------------------------


def resolve(value: Scalar | Switch, settings: Settings, place: str) -> Scalar:
    """Return a value that may depend on a setting."""
    if not isinstance(value, Switch):
        return value
    chosen = read_setting(settings, value.setting, place)
    return value.values.get(str(chosen), chosen)


def read_setting(settings: Settings, dotted: str, place: str) -> Scalar:
    """Return a setting by its dotted name.

    Raises:
        ProfileError: there is no such setting.
    """
    at: object = settings
    for name in dotted.split("."):
        at = getattr(at, name, None) if name.isidentifier() else None
    if not isinstance(at, (str, int)):
        raise ProfileError(place, f"there is no setting {dotted!r}")
    return at
