"""The transaction (交易) on its way: what the card remembers between the commands of one selection."""

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
    """How far a transaction is."""

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
    """It wanted to, and the balance or the limit of one payment did not allow it."""


class Issuer(Enum):
    """What became of issuer authentication."""

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
    """A session key, expanded, and the card's key that it comes from."""

    at: KeyId
    key: Key
    expanded: ExpandedKey


class _State(NamedTuple):
    """The fields of a transaction.

    Attributes:
        sessions: its session keys by function, derived as they are needed.
        atc: its counter.
        profile, files: AIP and AFL that the terminal got.
        pdol, cdol1: values that GET PROCESSING OPTIONS and the first GENERATE AC brought, in order.
        terminal: the same by tag.
        national: whether the keys with the national cipher serve it.
        results: what is known of the card verification results, bits of `Cvr`.
        verified: whether VERIFY came.
        first: the first cryptogram, empty before.
        online: whether that was a request to go online.
        code: authorisation response code of issuer authentication.
        dead: whether a script command failed, so that no other one is taken.
        chain: what the MAC of the next script command covers as the cryptogram.
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
    """One transaction; a command makes another one of it."""

    __slots__ = ()

    if not TYPE_CHECKING:  # what a named tuple has is typed, and slower

        def _replace(self, /, **changes):
            """Return the same but for these fields; every command of a transaction does it."""
            fields = list(self)
            for name, value in changes.items():
                fields[_PLACES[name]] = value
            return _new(State, fields)

    def __repr__(self) -> str:
        """Tell how far it is, without cryptograms and MACs."""
        return f"State({self.stage.name}, atc={self.atc}, results={self.results:06X})"


_PLACES: Final = {name: at for at, name in enumerate(_State._fields)}
_new: Final = tuple.__new__


def state_of(ctx: Context, *stages: Stage) -> State:
    """The transaction, which is at one of these stages.

    Raises:
        ConditionsUnmet: it is not.
    """
    state = ctx.session.state
    now = state if isinstance(state, State) else State({})
    if now.stage not in stages:
        raise ConditionsUnmet(f"the transaction is {now.stage.name.lower()}; wanted: {_names(stages)}")
    return now


def remember(ctx: Context, state: State) -> None:
    """Remember the transaction, if the command succeeds."""
    ctx.session.state = state


def _names(stages: tuple[Stage, ...]) -> str:
    return " or ".join(stage.name.lower() for stage in stages)
