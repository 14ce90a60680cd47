"""Describers of the commands of the coding `emulator.commands.personalise.t514`."""

from typing import Final

from ...card.describer import Describer, Exchange, Fields
from ...card.secret import DATA, OPEN, by_p1
from . import t514


def _by_p1(*texts: str) -> Fields:
    """Return fields that are the text for the function in P1."""

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
"""Policy of CREATE FILE: the transport key is secret, and so are data of files, which may be internal."""
