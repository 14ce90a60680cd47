"""The state of a transaction (交易) between the commands of one selection."""

from collections.abc import Mapping
from enum import Enum, IntEnum
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from cardfs.model.errors import ConditionsUnmet
from keys.ciphers import ExpandedKey
from keys.records import Key, KeyId, Usage

from ....card.context import Context
from ....card.session import TransactionState


class Stage(IntEnum):
    """Stage of a transaction."""

    SELECTED = 0
    INITIATED = 1
    FIRST = 2
    """The first GENERATE AC asked for the issuer."""
    DONE = 3


class Cash(Enum):
    """Whether the terminal pays with electronic cash."""

    NO = "no"
    PAYS = "pays"
    SHORT = "short"
    """It wants to, but balance or limit of one payment do not suffice."""


class Issuer(Enum):
    """Result of issuer authentication."""

    MISSING = "missing"
    GOOD = "good"
    FAILED = "failed"


class Cvr(IntEnum):
    """Bits of the card verification results (卡片验证结果, CVR), 3 bytes; the length byte is apart."""

    SECOND_TC = 0x400000
    SECOND_NONE = 0x800000
    SECOND = 0xC00000
    FIRST_TC = 0x100000
    FIRST_ARQC = 0x200000
    FIRST = 0x300000
    ISSUER_FAILED = 0x080000
    PIN_DONE = 0x040000
    PIN_FAILED = 0x020000
    NOT_ONLINE = 0x010000
    LAST_INCOMPLETE = 0x008000
    PIN_EXCEEDED = 0x004000
    VELOCITY = 0x002000
    NEW = 0x001000
    LAST_ISSUER_FAILED = 0x000800
    ISSUER_MISSING = 0x000400
    PIN_BLOCKED = 0x000200
    LAST_SDA_FAILED = 0x000100
    SCRIPTS = 0x0000F0
    SCRIPT_FAILED = 0x000008
    LAST_DDA_FAILED = 0x000004
    DDA_DONE = 0x000002


_NO_DATA: Final[Mapping[int, bytes]] = MappingProxyType({})


class SessionKey(NamedTuple):
    """A session key.

    Attributes:
        at, key: the card's key that it comes from.
        expanded: the session key, expanded; secret.
    """

    at: KeyId
    key: Key
    expanded: ExpandedKey


class _State(NamedTuple):
    """The fields of a transaction.

    Attributes:
        sessions: its session keys by usage, derived when they are needed.
        stage: how far it is.
        atc: its counter.
        profile, files: AIP and AFL that the terminal got.
        pdol, cdol1: values of PDOL and CDOL1, as GET PROCESSING OPTIONS and the first GENERATE AC had them.
        terminal: the values of PDOL and CDOLs by tag.
        cash: whether it pays with electronic cash.
        national: whether the national cipher serves it.
        results: card verification results so far, bits of `Cvr`.
        verified: whether VERIFY came.
        first: the first cryptogram, 8 bytes; empty before.
        online: whether the first cryptogram was an ARQC.
        issuer: result of issuer authentication.
        code: authorisation response code of issuer authentication, 2 characters.
        dead: whether a script command failed, so that no further one works.
        chain: what the MAC of the next script command covers in the place of the cryptogram.
    """

    sessions: dict[Usage, SessionKey]
    stage: Stage = Stage.SELECTED
    atc: int = 0
    profile: bytes = b""
    files: bytes = b""
    pdol: bytes = b""
    cdol1: bytes = b""
    terminal: Mapping[int, bytes] = _NO_DATA
    cash: Cash = Cash.NO
    national: bool = False
    results: int = 0
    verified: bool = False
    first: bytes = b""
    online: bool = False
    issuer: Issuer = Issuer.MISSING
    code: bytes = b""
    dead: bool = False
    chain: bytes = b""


class State(_State, TransactionState):
    """One transaction. A value: commands replace it."""

    __slots__ = ()

    if not TYPE_CHECKING:  # the method of a named tuple is typed, and slower

        def _replace(self, /, **changes):
            """Return a copy with other values in these fields; every command of a transaction needs one."""
            fields = list(self)
            for name, value in changes.items():
                fields[_PLACES[name]] = value
            return _new(State, fields)

    def __repr__(self) -> str:
        """Show stage, counter and results, without cryptograms and MACs."""
        return f"State({self.stage.name}, atc={self.atc}, results={self.results:06X})"


_PLACES: Final = {name: at for at, name in enumerate(_State._fields)}
_new: Final = tuple.__new__


def state_of(ctx: Context, *stages: Stage) -> State:
    """Return the transaction.

    Args:
        stages: those in which the command works.

    Raises:
        ConditionsUnmet: the transaction is at another stage.
    """
    state = ctx.session.state
    now = state if isinstance(state, State) else State({})
    if now.stage not in stages:
        raise ConditionsUnmet(
            f"the transaction is at stage {now.stage.name.lower()}; this command needs {_names(stages)}"
        )
    return now


def remember(ctx: Context, state: State) -> None:
    """Replace the transaction; it counts if the command succeeds."""
    ctx.session.state = state


def _names(stages: tuple[Stage, ...]) -> str:
    return " or ".join(stage.name.lower() for stage in stages)
