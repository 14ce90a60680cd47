"""The session: everything that a reset forgets (Part 4, 7.5; Part 5, 6.11; Part 7, 5.8 and 6.6)."""

from typing import Any, Final, NamedTuple

from keys.records import KeyRef


class Scan(NamedTuple):
    """A walk through all DFs that match a partial name (Part 5, 6.11.5)."""

    name: bytes
    seen: frozenset[str]


class _State(NamedTuple):
    """The fields of a session.

    Attributes:
        df: path of the current DF.
        ef: path of the current EF, None if there is none.
        pointer: place of the current record, None if there is none (Part 3, 5.3).
        proofs: keys authenticated and PINs verified.
        challenge: the latest answer of GET CHALLENGE, until it is used.
        pending: data that wait for GET RESPONSE.
        scan: a SELECT walk that goes on with P2 02.
        trade: what an INITIALIZE command prepared, for the very next command (Part 5, 7, table 49).
        work: what the regime of the current DF remembers between commands; gone when the DF changes.
    """

    df: str
    ef: str | None = None
    pointer: int | None = None
    proofs: frozenset[KeyRef] = frozenset()
    challenge: bytes | None = None
    pending: bytes = b""
    scan: Scan | None = None
    trade: object = None
    work: object = None


class Session(_State):
    """Volatile state; a command replaces it, or leaves it alone."""

    __slots__ = ()

    def _replace(self, /, **changes: Any) -> "Session":
        """The same session but for these fields; every command does it, most of them more than once."""
        fields: list[Any] = list(self)
        for name, value in changes.items():
            fields[_PLACES[name]] = value
        return _make(Session, fields)


_PLACES: Final = {name: at for at, name in enumerate(_State._fields)}
_make: Final = tuple.__new__


def without_challenge(session: Session) -> Session:
    """The session after a GET CHALLENGE that was refused: an older challenge is not the one that was asked for."""
    return session._replace(challenge=None)
