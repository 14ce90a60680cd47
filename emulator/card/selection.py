"""What SELECT does on the way into a DF, where its command set has ways of its own.

SELECT runs by the rules of the DF that was current before; the FCI and what a selection starts are a
matter of the DF that is entered.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple

from cardfs.model.files import CommandSet, Df

if TYPE_CHECKING:
    from .context import Answer, Context


class Entry(NamedTuple):
    """How a command set lets its DFs be selected.

    Attributes:
        fci: builds the FCI, whole with tag 6F.
        entered: called after the DF has become current, also when it was so before.
        locked: what SELECT of a locked or suspended DF answers; it may make the DF current or refuse.
    """

    fci: Callable[["Context", Df], bytes]
    entered: Callable[["Context", Df], None]
    locked: Callable[["Context", Df], "Answer"]


Selections = Mapping[CommandSet, Entry]
"""Command sets without an entry follow Part 5, 6.11."""
