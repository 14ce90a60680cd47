"""How the commands of a file are secured on a card: it follows from the file, the settings and the coding."""

from typing import NamedTuple

from ..model.files import CommandSet, Ef, Protection
from ..model.settings import Settings
from .contents import LoadedContents
from .fmcos_heads import find_head


class Securing(NamedTuple):
    """What the commands that update a file carry, and those that read it."""

    update: Protection
    read: Protection


def of_update(ef: Ef, settings: Settings) -> Protection:
    """Return what an update of a file of the social-security environment carries (Part 7, 7.3)."""
    return ef.secured_update if settings.sm.update_commands == "per-file" else Protection.NONE


def of_read(ef: Ef, settings: Settings) -> Protection:
    """Return what a command that reads a file of the social-security environment carries (Part 4, 8.5)."""
    return ef.secured_read if settings.sm.read_commands == "per-file" else Protection.NONE


def securing(card: LoadedContents, ef: Ef) -> Securing:
    """Return how the commands of any file are secured; JR/T 0025 and FMCOS call it line protection."""
    settings = card.info.settings
    if settings.personalisation.cos == "fmcos":
        head = find_head(card, ef)
        return Securing(Protection.NONE, Protection.NONE) if head is None else Securing(head.updates, head.reads)
    if card.dfs[ef.parent].command_set is CommandSet.SOCIAL:
        return Securing(of_update(ef, settings), of_read(ef, settings))
    return Securing(ef.secured_update, ef.secured_read)
