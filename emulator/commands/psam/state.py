"""What a security module remembers between commands for the selected DF (Part 9, 9.7 to 9.10)."""

from collections.abc import Callable
from typing import NamedTuple

from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import DfKind
from keys.errors import KeyUnknown
from keys.records import Usage
from keys.suites import SUITES, Suite

from ...card.context import Context
from ...card.session import Session


class Delivered(NamedTuple):
    """The temporary key (临时密钥) that DELIVERY SESSION KEY left.

    Attributes:
        name: of the key that it comes from, ``28/12``.
        usage: what that key may do.
        session: the secret.
        encrypts, macs: which kinds of computation it may still do.
    """

    name: str
    usage: Usage
    suite_name: str
    session: bytes
    encrypts: bool
    macs: bool

    def __repr__(self) -> str:
        return f"Delivered({self.name}, encrypts={self.encrypts}, macs={self.macs})"

    @property
    def suite(self) -> Suite:
        """The rules of the key."""
        return SUITES[self.suite_name]


class Purchase(NamedTuple):
    """A purchase whose MAC2 has not come yet: SESPK, the three amounts, the sequence number that it got."""

    suite_name: str
    session: bytes
    amounts: bytes
    sequence: int

    def __repr__(self) -> str:
        return f"Purchase(sequence={self.sequence})"


class RunningMac(NamedTuple):
    """A MAC over several commands; it ends with any other command, so the session keeps it as a trade."""

    state: bytes

    def __repr__(self) -> str:
        return "RunningMac()"


class Work(NamedTuple):
    """All of it.

    Attributes:
        region: what INITIALIZE ENVIRONMENT gave, the first byte of the user card's identification code.
    """

    region: int | None = None
    delivered: Delivered | None = None
    purchase: Purchase | None = None


def work_of(ctx: Context) -> Work:
    """What is remembered in the current DF."""
    work = ctx.session.work
    return work if isinstance(work, Work) else Work()


def remember(ctx: Context, work: Work) -> None:
    """Remember it from now on, if the command succeeds."""
    ctx.session = ctx.session._replace(work=work)


def without(field: str) -> Callable[[Session], Session]:
    """What a refused command leaves of the session: nothing in this field of what is remembered (`Row.refused`)."""

    def ended(session: Session) -> Session:
        work = session.work
        return session._replace(work=work._replace(**{field: None})) if isinstance(work, Work) else session

    return ended


def block_length(ctx: Context) -> int:
    """Block length of the current environment's algorithm, which is that of its master key.

    Raises:
        KeyUnknown: the environment has no master key.
    """
    _, key = ctx.key_for(Usage.MASTER, ctx.environment)
    return key.suite.block


def application(ctx: Context) -> str:
    """Path of the current application.

    Raises:
        ConditionsUnmet: an environment is current, and no application (当前应用不存在; Part 9, table 18).
    """
    df = ctx.session.df
    if ctx.image.dfs[df].kind is not DfKind.ADF:
        raise ConditionsUnmet(f"no application is selected, only {ctx.image.label(df)}: SELECT DF01 first")
    return df


def not_there(ctx: Context, name: str) -> KeyUnknown:
    """The refusal of a key that the current application does not have."""
    return KeyUnknown(f"{ctx.image.label(ctx.session.df)} has no key {name}")
