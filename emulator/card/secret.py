"""What of a command and of its answer is secret: the values of the column `Row.secret`.

The card itself does not use it. Code that shows commands to people, as the trace does, masks what it names.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from keys.suites import MAC_LENGTH

from .apdu import Command

NONE: Final = slice(0, 0)
WHOLE: Final = slice(None)
BLOCK: Final = 8
"""Length of a cipher block in bytes; 16-byte blocks are whole multiples of it (Part 4, 8.3)."""


class Secret(NamedTuple):
    """What is secret of one command.

    Attributes:
        data: the secret part of the data field. It counts for the lengths of the row only: in a data field of another
            length the secret may be anywhere, so all of it is secret.
        answer: whether the response data are secret, also those that GET RESPONSE fetches.
        any_length: whether nothing of the command is secret, even if its lengths are wrong.
    """

    data: slice = NONE
    answer: bool = False
    any_length: bool = False


Policy = Callable[[Command], Secret]
"""Returns what is secret of a command; it may look at header and length, not at the data."""


def always(secret: Secret) -> Policy:
    """Return the policy of a command that has the same secret in all its forms."""
    return lambda _command: secret


def first(length: int) -> Policy:
    """Return the policy of a command whose data field begins with a secret of ``length`` bytes."""
    return always(Secret(slice(length)))


def by_p1(policies: Mapping[int, Policy], otherwise: Policy) -> Policy:
    """Return the policy of a command whose P1 chooses what it does."""
    return lambda command: policies.get(command.p1, otherwise)(command)


def all_but_mac(command: Command) -> Secret:
    """Return that an enciphered PIN or key is secret and the MAC behind it is not (Part 4, 8.2 and 8.3).

    All data are secret if they are not whole blocks and a MAC, or if the command has no secure messaging.
    """
    blocks, rest = divmod(len(command.data), BLOCK)
    return Secret(slice(-MAC_LENGTH) if command.secured and blocks and rest == MAC_LENGTH else WHOLE)


UNKNOWN: Final = Secret(WHOLE, answer=True)
"""What is secret of a command that the card does not have: everything after the header."""

OPEN: Final = always(Secret(any_length=True))
"""Nothing is secret, whatever the length."""

OPEN_IF_IT_FITS: Final = always(Secret())
"""Nothing is secret in a data field of the right length."""

DATA: Final = always(Secret(WHOLE))
"""The data field is secret: a PIN, a key, or data that may be one."""

ANSWER: Final = always(Secret(answer=True, any_length=True))
"""The response data are secret, the command is not."""

DATA_AND_ANSWER: Final = always(UNKNOWN)
"""Both are secret."""
