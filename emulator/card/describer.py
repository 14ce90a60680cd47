"""What a command means, for people: the values of the column `Row.describe`.

The card itself does not use it. A describer sees one command with its answer, and the files as they were directly
after it. It must not show what `Row.secret` hides.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from cardfs.memory.image import Image

from .apdu import Command


class Exchange(NamedTuple):
    """One command and its answer.

    Attributes:
        command: as parsed; without data if its length bytes contradict its length.
        data: the response data, without the status word.
        word: the status word.
        df, ef: paths of the DF and the EF that were current afterwards; None without a current EF.
        image: the files as they were afterwards.
        fits: whether the data field has a length that the command may have.
    """

    command: Command
    data: bytes
    word: int
    df: str
    ef: str | None
    image: Image
    fits: bool


Fields = Callable[[Exchange], str]
"""Returns the fields of a command, decoded, on one line; empty if there are none."""


def nothing(_value: object) -> str:
    """Return the empty text."""
    return ""


def no_file(_exchange: Exchange) -> str | None:
    """Return None: the command means the current DF and no other file."""
    return None


@dataclass(frozen=True, slots=True)
class Describer:
    """How one command is described.

    Attributes:
        fields: returns the fields of the command, decoded.
        file: returns the path of the file that the command means, also if it was refused; None for the current DF.
        answer: returns the fields of the whole response data, also if GET RESPONSE fetches them; empty if they have
            another form.
    """

    fields: Fields = nothing
    file: Callable[[Exchange], str | None] = no_file
    answer: Callable[[bytes], str] = nothing


SILENT = Describer()
"""The describer of a command of which nothing but its name is shown."""
