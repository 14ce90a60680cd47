"""What a command means, in words for people: the values of the column `Row.describe`.

The card itself never asks it. A describer sees one command with its answer, and the files as they were directly after
it. It must not repeat what `Row.secret` hides.
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
        df, ef: paths of what was current afterwards; no EF may be.
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
"""Returns what a command says, decoded, on one line; empty if there is nothing to say."""


def nothing(_value: object) -> str:
    """Return the empty text."""
    return ""


def no_file(_exchange: Exchange) -> str | None:
    """Return None: the command means no file but the current DF."""
    return None


@dataclass(frozen=True, slots=True)
class Describer:
    """How one command is described.

    Attributes:
        fields: what the command says.
        file: path of the file that it means, also if it was refused; None for the current DF.
        answer: what the response data say, from the whole of them, also if GET RESPONSE fetches them; empty for
            anything else.
    """

    fields: Fields = nothing
    file: Callable[[Exchange], str | None] = no_file
    answer: Callable[[bytes], str] = nothing


SILENT = Describer()
"""A command whose name says it all."""
