"""Cards with all commands of this project."""

from cardfs.memory.image import Image
from keys.generate import RandomSource, system_random

from .card import engine as card
from .commands.sets import SETS


class Card(card.Card):
    """A card with every command set: social security, trades, security module, financial environment."""

    def __init__(self, image: Image, random: RandomSource = system_random) -> None:
        super().__init__(image, SETS, random)
