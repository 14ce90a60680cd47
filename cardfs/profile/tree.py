"""The tree of a profile while it is built: DFs, key plans, and what a rule's names point at."""

from dataclasses import dataclass, field
from typing import Final

from keys.records import Key, KeyRef, Usage

from ..model.files import MF_PATH, CommandSet, Df, DfKind, parent
from ..model.rules import Rule, RuleSyntax, parse_rule
from ..model.settings import Settings
from .inputs import ProfileError
from .rows import Conditions, Scalar, Switch
from .source import Entry

_ADDRESSED: Final = frozenset(usage for usage in Usage if usage.proves)


@dataclass(frozen=True, slots=True)
class KeyPlan:
    """A key of the card type, without a value.

    Attributes:
        versions: how many groups (组数) a card may hold.
        tries: maximum of its try counter, 0 for none.
        root: name of its root key in the roots file.
        zh: the standard's Chinese purpose.
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
    entry: Entry = field(repr=False, compare=False)
    algorithm: int | None = None
    levels: int = 0

    def key(self, value: bytes, version: int) -> Key:
        """Make the key that a card holds."""
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

    def add(self, name: str, df: Df, entry: Entry) -> None:
        """Put a DF into the tree."""
        if df.path in self.dfs:
            raise ProfileError(entry.at("fid"), f"{df.fid:04X} is taken by {self.id_of(df.path)}")
        self._check_name(df, entry)
        self.dfs[df.path] = df
        self.paths[name] = df.path

    def join(self, name: str, df: Df, entry: Entry) -> None:
        """Let a DF and its parent be one."""
        self._check_name(df, entry)
        self.dfs[df.path] = df
        self.paths[name] = df.path

    def id_of(self, path: str) -> str:
        """Id of a DF; of one that joined its parent the inner id."""
        return [name for name, at in self.paths.items() if at == path][-1]

    def path_name(self, path: str) -> str:
        """The ids from the environment down: ``SSSE/DF01``."""
        below = path
        names = [self.id_of(below)]
        while not self._is_environment(below):
            below = parent(below)
            names.insert(0, self.id_of(below))
        return "/".join(names)

    def keeps(self, conditions: Conditions, entry: Entry) -> bool:
        """Whether every setting has the value that an entry asks for."""
        for name, value in conditions.items():
            allowed = value if isinstance(value, list) else [value]
            if read_setting(self.settings, name, f"{entry.place}: {name}") not in allowed:
                return False
        return True

    def rule(self, text: str | Switch, df: str, place: str) -> Rule:
        """Resolve an access rule of an EF in ``df``."""
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
        """What opens files: the PIN and keys of EXTERNAL AUTHENTICATION, in a security module master keys, too."""
        psam = self.dfs[path].command_set is CommandSet.PSAM
        return (Usage.EXTERNAL_AUTH, Usage.MASTER) if psam else (Usage.PIN, Usage.EXTERNAL_AUTH)

    def _is_environment(self, path: str) -> bool:
        return path == MF_PATH or self.dfs[path].kind is DfKind.DDF

    def _check_name(self, df: Df, entry: Entry) -> None:
        for other in self.dfs.values():
            # In a security module both environments have the application (Part 9, clause 5).
            apart = (
                df.command_set is CommandSet.PSAM and df.kind is DfKind.ADF and parent(df.path) != parent(other.path)
            )
            if df.name and other.name == df.name and other.path != df.path and not apart:
                raise ProfileError(entry.place, f"{self.id_of(other.path)} has the same name")


def check_keys(tree: Tree) -> None:
    """Refuse KIDs that are taken, missing or of the wrong level (Part 5, table 14)."""
    taken: dict[tuple[str, int], KeyPlan] = {}
    roots: dict[str, KeyPlan] = {}
    for plan in tree.keys.values():
        place = plan.entry.at("kid")
        roots.setdefault(plan.root, plan)
        if plan.usage is Usage.PIN:
            if plan.kid is not None or plan.versions != 1:
                raise ProfileError(plan.entry.place, "a PIN has neither a KID nor versions")
            continue
        if plan.kid is None:
            if plan.usage in _ADDRESSED:
                raise ProfileError(
                    plan.entry.place, f"keys of usage {plan.usage} are addressed by KID; 'kid' is missing"
                )
            continue
        if tree.dfs[plan.ref.owner].command_set is not CommandSet.SOCIAL:
            # Numbering of their own: a PSAM's identifiers (Part 9, appendix A), indices of JR/T 0025.
            continue
        local = tree.dfs[plan.ref.owner].kind is DfKind.ADF
        if bool(plan.kid & 0x80) is not local:
            where = "an application has its highest bit set" if local else "an environment has its highest bit clear"
            raise ProfileError(place, f"the KID of a key of {where}, {plan.kid:02X} does not fit")
        if plan.kid & 0x70:
            raise ProfileError(place, f"bits b6 to b4 of a KID are not used, {plan.kid:02X} does not fit")
        other = taken.setdefault((plan.ref.owner, plan.kid), plan)
        if other is not plan:
            raise ProfileError(place, f"KID {plan.kid:02X} is taken by {other.ref.name}")


def resolve(value: Scalar | Switch, settings: Settings, place: str) -> Scalar:
    """Give a value that may depend on a setting."""
    if not isinstance(value, Switch):
        return value
    chosen = read_setting(settings, value.setting, place)
    return value.values.get(str(chosen), chosen)


def read_setting(settings: Settings, dotted: str, place: str) -> Scalar:
    """Read a setting by its dotted name."""
    at: object = settings
    for name in dotted.split("."):
        at = getattr(at, name, None) if name.isidentifier() else None
    if not isinstance(at, (str, int)):
        raise ProfileError(place, f"no setting {dotted!r}")
    return at
