"""State of a security module between commands in the current DF (Part 9, 9.7 to 9.10)."""

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
    """The temporary key (临时密钥) that DELIVERY SESSION KEY derived.

    Attributes:
        name: name of the key that it comes from, ``28/12``.
        usage: usage of that key.
        suite_name: cipher suite of that key.
        session: the session key; secret.
        encrypts, macs: whether it may still encipher, and make a MAC.
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
        """Return the cipher suite of the key."""
        return SUITES[self.suite_name]


class Purchase(NamedTuple):
    """A purchase whose MAC2 has not come yet.

    Attributes:
        suite_name: cipher suite of the purchase key.
        session: the session key SESPK; secret.
        amounts: account, self-paid and fund, 4 bytes each.
        sequence: the terminal trade sequence number that it got.
    """

    suite_name: str
    session: bytes
    amounts: bytes
    sequence: int

    def __repr__(self) -> str:
        return f"Purchase(sequence={self.sequence})"


@dataclass(frozen=True, slots=True)
class RunningMac(Prepared):
    """A MAC over several CIPHER DATA commands; any other command ends it.

    Attributes:
        state: last block of the CBC so far; secret.
    """

    state: bytes = field(repr=False)


class _State(NamedTuple):
    """The fields of a `State`."""

    region: int | None = None
    delivered: Delivered | None = None
    purchase: Purchase | None = None


class State(_State, TransactionState):
    """State of a security module in the current DF.

    Attributes:
        region: from INITIALIZE ENVIRONMENT: the first byte of the user card's identification code, or None.
        delivered: the temporary key of DELIVERY SESSION KEY, or None.
        purchase: the purchase that INIT SAM FOR PURCHASE began, or None.
    """

    __slots__ = ()


def state_of(ctx: Context) -> State:
    """Return the state in the current DF; an empty one if there is none."""
    state = ctx.session.state
    return state if isinstance(state, State) else State()


def remember(ctx: Context, state: State) -> None:
    """Replace the state; it counts if the command succeeds."""
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
    """Return the block length, 8 or 16, of the current environment's cipher, which is that of its master key.

    Raises:
        KeyUnknown: the environment has no master key.
    """
    _, key = ctx.key_for(Usage.MASTER, ctx.environment)
    return key.suite.block


def application(ctx: Context) -> str:
    """Return the path of the current application.

    Raises:
        ConditionsUnmet: an environment is current, and no application (当前应用不存在; Part 9, table 18).
    """
    df = ctx.session.df
    if ctx.image.dfs[df].kind is not DfKind.ADF:
        raise ConditionsUnmet(f"no application is selected, only {ctx.image.label(df)}: SELECT DF01 first")
    return df


def not_there(ctx: Context, name: str) -> KeyUnknown:
    """Return the refusal of a key that the current application does not have."""
    return KeyUnknown(f"{ctx.image.label(ctx.session.df)} has no key {name}")
