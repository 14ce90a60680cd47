"""What the commands of the coding `emulator.commands.personalise.t514` mean, in words."""

from typing import Final

from ...card.describer import Describer, Exchange, Fields
from ...card.secret import DATA, OPEN, by_p1
from . import t514


def _by_p1(*texts: str) -> Fields:
    """Say what the function in P1 does."""

    def fields(exchange: Exchange) -> str:
        p1 = exchange.command.p1
        return texts[p1] if p1 < len(texts) else ""

    return fields


CREATE_FILE: Final = Describer(
    _by_p1("", "a file", "end of this phase", "transport key, which is masked", "", "ATR history", "data of a file")
)
DELETE_FILE: Final = Describer(_by_p1("files below here"))
WRITE_KEY: Final = Describer(_by_p1("install a key, which is masked", "replace a key, which is masked", "retire a key"))

CREATE_SECRET: Final = by_p1(dict.fromkeys((t514.CREATE_FILE, t514.SET_HISTORICAL), OPEN), DATA)
"""The transport key is secret, and so is what is written into files, which may be internal ones."""
