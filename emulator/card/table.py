"""The command table of a card: the rows of each command set, and over them those of a coding (Part 5, 5.3).

The command set of the current DF gives the rows. The rows of the card manufacturer's coding are laid over them: a row
with the same CLA and INS replaces the other, any other is added. `emulator.commands.sets` lists all commands.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from cardfs.model.files import CommandSet
from cardfs.model.settings import Settings

from .context import Selections
from .row import ANY_LE, COMMON, GATED, NO_DATA, Row

__all__ = ["ANY_LE", "COMMON", "GATED", "NO_DATA", "CommandSets", "Row", "Table"]


@dataclass(frozen=True, slots=True)
class CommandSets:
    """All commands of a family of cards; the settings of a card choose among them.

    Attributes:
        rows: the commands that work in a DF, by the command set of that DF.
        codings: commands by card manufacturer, laid over the standard's; ``settings.personalisation.cos`` chooses.
        selections: how DFs are selected, by command set, where that differs from Part 5, 6.11.
        uncoded: command sets over which no manufacturer's commands are laid.
    """

    rows: Mapping[CommandSet, tuple[Row, ...]]
    codings: Mapping[str, tuple[Row, ...]]
    selections: Selections
    uncoded: frozenset[CommandSet] = frozenset()

    def table(self, settings: Settings, command_set: CommandSet = CommandSet.SOCIAL) -> "Table":
        """Return the command table of a card with these settings in DFs of one command set."""
        coding = () if command_set in self.uncoded else self.codings[settings.personalisation.cos]
        return Table((*self.rows[command_set], *coding), settings)


class Table:
    """The rows that one card has in DFs of one command set, indexed by CLA and INS.

    Attributes:
        rows: the last row of each class and instruction, by ``CLA << 8 | INS``.
        classes, instructions: the bytes that occur in it.
    """

    def __init__(self, rows: Iterable[Row], settings: Settings) -> None:
        enabled = [row for row in rows if row.enabled(settings)]
        # Of rows with the same class and instruction the last one stands: the card manufacturer's. Of those that
        # P1 tells apart each stands, and the last one answers for a P1 that none of them has.
        self.rows: Final = {row.cla << 8 | row.ins: row for row in enabled}
        self._by_p1: Final = {(row.cla << 8 | row.ins, row.p1): row for row in enabled if row.p1 is not None}
        self.classes: Final = frozenset(row.cla for row in enabled)
        self.instructions: Final = frozenset(row.ins for row in enabled)

    def find(self, cla: int, ins: int, p1: int) -> Row | None:
        """Return the row of a command, or None. P1 chooses among rows that share class and instruction."""
        code = cla << 8 | ins
        row = self.rows.get(code)
        if row is None or row.p1 is None:
            return row
        return self._by_p1.get((code, p1), row)

    def beside(self, row: Row) -> tuple[Row, ...]:
        """Return a row together with those that differ from it in P1 only."""
        if row.p1 is None:
            return (row,)
        return tuple(each for (code, _), each in self._by_p1.items() if code == row.cla << 8 | row.ins)
