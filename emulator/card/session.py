"""The session: the volatile state, which a reset clears (Part 4, 7.5; Part 5, 6.11; Part 7, 5.8 and 6.6)."""

from typing import Final, NamedTuple, TypedDict, Unpack

from keys.records import KeyRef


class Scan(NamedTuple):
    """A SELECT-next walk through the DFs that match a partial name (Part 5, 6.11.5).

    Attributes:
        name: the partial name.
        seen: paths of the DFs that the walk has passed.
    """

    name: bytes
    seen: frozenset[str]


class Prepared:
    """State that a command leaves for the very next one: a trade, or a MAC over several commands (Part 5, 7, table 49).

    Each command set derives its own immutable states from it.
    """

    __slots__ = ()


class TransactionState:
    """State of a command set between the commands of one selection.

    Each command set derives its own immutable state from it; a command replaces it.
    """

    __slots__ = ()


class _Changes(TypedDict, total=False):
    """Fields of `Session._replace`, so that the type checker finds a misspelt one."""

    df: str
    ef: str | None
    pointer: int | None
    proofs: frozenset[KeyRef]
    challenge: bytes | None
    pending: bytes
    scan: Scan | None
    trade: Prepared | None
    state: TransactionState | None


class Session:
    """Volatile state. A command works on a copy, which becomes the session if the command succeeds.

    Attributes:
        df: path of the current DF.
        ef: path of the current EF, None if there is none.
        pointer: place of the current record, None if there is none (Part 3, 5.3).
        proofs: keys authenticated and PINs verified.
        challenge: the latest answer of GET CHALLENGE, until it is used.
        pending: data that wait for GET RESPONSE.
        scan: a SELECT walk that goes on with P2 02.
        trade: what an INITIALIZE command prepared, for the very next command (Part 5, 7, table 49).
        state: what the command set of the current DF remembers between commands; gone when the DF changes.
    """

    __slots__ = ("challenge", "df", "ef", "pending", "pointer", "proofs", "scan", "state", "trade")

    def __init__(
        self,
        df: str,
        ef: str | None = None,
        pointer: int | None = None,
        proofs: frozenset[KeyRef] = frozenset(),
        challenge: bytes | None = None,
        pending: bytes = b"",
        scan: Scan | None = None,
        trade: Prepared | None = None,
        state: TransactionState | None = None,
    ) -> None:
        self.df = df
        self.ef = ef
        self.pointer = pointer
        self.proofs = proofs
        self.challenge = challenge
        self.pending = pending
        self.scan = scan
        self.trade = trade
        self.state = state

    def copy(self) -> "Session":
        """Return a copy to change; every command works on one."""
        new = _new(Session)
        new.df = self.df
        new.ef = self.ef
        new.pointer = self.pointer
        new.proofs = self.proofs
        new.challenge = self.challenge
        new.pending = self.pending
        new.scan = self.scan
        new.trade = self.trade
        new.state = self.state
        return new

    def _replace(self, **changes: Unpack[_Changes]) -> "Session":
        """Return a copy with other values in these fields."""
        new = self.copy()
        for name, value in changes.items():
            setattr(new, name, value)
        return new

    def __eq__(self, other: object) -> bool:
        """Compare all fields."""
        return isinstance(other, Session) and all(
            getattr(self, each) == getattr(other, each) for each in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        """Show all fields; none of them shows a secret in its own `repr`."""
        return f"Session({', '.join(f'{each}={getattr(self, each)!r}' for each in self.__slots__)})"


def without_challenge(session: Session) -> Session:
    """Return the session without a challenge: after a refused GET CHALLENGE an older challenge must not serve."""
    return session._replace(challenge=None)


_new: Final = object.__new__
