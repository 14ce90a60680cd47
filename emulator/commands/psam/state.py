"""What a security module remembers between commands for the selected DF (Part 9, 9.7 to 9.10)."""

from dataclasses import dataclass, field
from typing import NamedTuple

from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import DfKind
from keys.errors import KeyUnknown
from keys.records import Usage
from keys.suites import SUITES, Suite

from ...card.context import Context
from ...card.session import Prepared, Session, TransactionState


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


@dataclass(frozen=True, slots=True)
class RunningMac(Prepared):
    """A MAC over several commands; it ends with any other command, as a trade does.

    Attributes:
        state: the last block of the CBC so far.
    """

    state: bytes = field(repr=False)


class _State(NamedTuple):
    """The fields of a `State`."""

    region: int | None = None
    delivered: Delivered | None = None
    purchase: Purchase | None = None


class State(_State, TransactionState):
    """What a security module remembers.

    Attributes:
        region: what INITIALIZE ENVIRONMENT gave, the first byte of the user card's identification code.
        delivered: what DELIVERY SESSION KEY left.
        purchase: what INIT SAM FOR PURCHASE began.
    """

    __slots__ = ()


def state_of(ctx: Context) -> State:
    """What is remembered in the current DF."""
    state = ctx.session.state
    return state if isinstance(state, State) else State()


def remember(ctx: Context, state: State) -> None:
    """Remember it from now on, if the command succeeds."""
    ctx.session.state = state


def without_region(session: Session) -> Session:
    """Return the session after a refused INITIALIZE ENVIRONMENT: no region (`Row.refused`)."""
    state = session.state
    return session._replace(state=state._replace(region=None)) if isinstance(state, State) else session


def without_delivered(session: Session) -> Session:
    """Return the session after a refused DELIVERY SESSION KEY: no temporary key (`Row.refused`)."""
    state = session.state
    return session._replace(state=state._replace(delivered=None)) if isinstance(state, State) else session


def without_purchase(session: Session) -> Session:
    """Return the session after a refused command of a purchase: no purchase (`Row.refused`)."""
    state = session.state
    return session._replace(state=state._replace(purchase=None)) if isinstance(state, State) else session


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
