"""Where an image can be named: the card of a file, or a test card, ``catalogue:pin-locked``."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..naming import resolve

if TYPE_CHECKING:
    from cardfs.memory.image import Image
    from keys.generate import RandomSource

    from ..rig.card import Card


DEMO_PSAM: Final = Path("demo")
"""The value of `--psam` that stands for a PSAM made for the run."""


def is_demo_psam(psam: Path) -> bool:
    """Return whether a PSAM is to be made for the run; a file of that name comes first."""
    return psam == DEMO_PSAM and not psam.exists()


def card_of(image: Path, random: "RandomSource") -> "Card":
    """Return the card of a file, or a test card; raise `ImageError` or `InputError` if there is none."""
    from ..rig.card import Card

    return resolve(image, made=lambda name: _made(name, random), file=lambda path: Card.open(path, random=random))


def source_of(image: Path) -> "Path | Card":
    """Return the path of a file, whatever folder is current later, or a test card."""
    from keys.generate import system_random

    def made(name: str) -> "Path | Card":
        return _made(name, system_random)

    return resolve(image, made=made, file=lambda path: path.absolute())


def memory_of(image: Path) -> "Image":
    """Return the memory of a card to look at: of a file, or of a test card."""
    from cardfs.memory.image import Image

    return resolve(image, made=_memory, file=lambda path: Image.open(path, writable=False))


def _made(name: str, random: "RandomSource") -> "Card":
    from ..rig.catalogue.making import make

    return make(name, random=random)


def _memory(name: str) -> "Image":
    from cardfs.memory.image import Image

    from ..rig.catalogue.entries import find
    from ..rig.catalogue.making import contents_of

    return Image.in_memory(contents_of(find(name)))
