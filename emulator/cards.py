"""The card with all command sets of this project."""

from cardfs.memory.image import Image
from keys.generate import RandomSource, system_random

from .card import engine as card
from .commands.sets import SETS


class Card(card.Card):
    """A card with every command set: social security, trades, security module, financial environment.

    Args:
        image: the card's non-volatile memory; `close` closes it.
        random: source of challenges and of the random numbers of trades.
    """

    def __init__(self, image: Image, random: RandomSource = system_random) -> None:
        super().__init__(image, SETS, random)
