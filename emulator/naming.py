"""What the name of a card means: ``demo``, ``psam``, ``catalogue:ID`` or an image file; the one place that knows."""

from collections.abc import Callable, Mapping
from os import PathLike, fspath
from pathlib import Path
from typing import Final, TypeVar

PREFIX: Final = "catalogue:"
"""How the name of a test card begins."""

NEW: Final[Mapping[str, str]] = {"demo": "ssc-2.0", "psam": "psam"}
"""Names of new cards, and their types."""

T = TypeVar("T")


def resolve(
    name: str | PathLike[str],
    *,
    made: Callable[[str], T],
    file: Callable[[Path], T],
    new: Callable[[str], T] | None = None,
) -> T:
    """Return what one of three functions makes of the name of a card.

    Args:
        name: ``demo``, ``psam``, ``catalogue:pin-locked``, or the path of an image file.
        made: gets the id of a test card, ``pin-locked``.
        file: gets a path.
        new: gets the type of a new card; without it ``demo`` and ``psam`` are files.
    """
    text = fspath(name)
    if new is not None and text in NEW:
        return new(NEW[text])
    if text.startswith(PREFIX):
        return made(text.removeprefix(PREFIX))
    return file(Path(text))
