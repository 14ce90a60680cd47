"""Events on the link between a card and the virtual reader, which a watcher gets."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Connected:
    """The card sits in the slot that listens at ``host:port``."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """An established link was lost; the card tries to return after ``retry_in`` seconds."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Removed:
    """The card left the reader in the middle of a command, and stays out."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing listens there; reported once, at the first failure of a series of attempts."""

    host: str
    port: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unnoticed:
    """Connected, but no frame came: another card holds the slot, or no reader looks at it."""

    port: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The card raised an exception where it should have answered. The link goes on; the card has a bug.

    The frame stays out of ``repr``: a PIN may be in it.
    """

    error: Exception
    frame: bytes = field(repr=False)


Event = Connected | Disconnected | Removed | Unreachable | Unnoticed | Failed
Watcher = Callable[[Event], None]
"""Called with each event, in the thread that serves the card; it must return soon."""
