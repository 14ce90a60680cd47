"""The command table: every command of each regime, and those of each coding (Part 5, 5.3).

The current DF's regime says which rows are there (`REGIME_ROWS`). Over them lie those of the card
maker's coding: a row with the same CLA and INS replaces the other, any other stands beside them.
"""

from typing import Final

from cardfs.files import Regime
from cardfs.settings import Settings

from .commands.rows import ROWS, SECURED_READING_ROWS
from .cos.fmcos_rows import FMCOS_ROWS
from .cos.t514_rows import T514_ROWS
from .payment.debit.rows import DEBIT_ROWS
from .payment.purse.rows import PURSE_ROWS
from .payment.rows import PAYMENT_ROWS
from .psam.rows import PSAM_ROWS
from .row import ANY_LE, COMMON, GATED, NO_DATA, Row
from .trades.rows import TRADE_ROWS

__all__ = ["ANY_LE", "COMMON", "COS_ROWS", "GATED", "NO_DATA", "REGIME_ROWS", "ROWS", "T514_ROWS", "Row", "Table"]

REGIME_ROWS: Final[dict[Regime, tuple[Row, ...]]] = {
    Regime.SOCIAL: (*ROWS, *TRADE_ROWS, *SECURED_READING_ROWS),
    Regime.PSAM: PSAM_ROWS,
    Regime.PAYMENT: PAYMENT_ROWS,
    Regime.PURSE: PURSE_ROWS,
    Regime.DEBIT: DEBIT_ROWS,
}
"""The commands that work in a DF, by the regime of that DF."""

COS_ROWS: Final[dict[str, tuple[Row, ...]]] = {"t514": T514_ROWS, "fmcos": FMCOS_ROWS, "none": ()}
"""Commands by card maker, laid over the standard's; ``settings.personalisation.cos`` chooses."""


class Table:
    """The rows that one card has in DFs of one regime, ready to be looked up."""

    def __init__(self, settings: Settings, regime: Regime = Regime.SOCIAL) -> None:
        # A PSAM has key commands of its own (Part 9, 9.5 and 9.6).
        maker = () if regime is Regime.PSAM else COS_ROWS[settings.personalisation.cos]
        rows = (*REGIME_ROWS[regime], *maker)
        enabled = [row for row in rows if row.enabled(settings)]
        # Of rows with the same class and instruction the last one stands: the card maker's. Of those that
        # P1 tells apart each stands, and the last one answers for a P1 that none of them has.
        self.rows: Final = {row.cla << 8 | row.ins: row for row in enabled}
        self._by_p1: Final = {(row.cla << 8 | row.ins, row.p1): row for row in enabled if row.p1 is not None}
        self.classes: Final = frozenset(row.cla for row in enabled)
        self.instructions: Final = frozenset(row.ins for row in enabled)

    def find(self, cla: int, ins: int, p1: int) -> Row | None:
        """The row of a command, or None; of rows that share class and instruction the one with this P1."""
        code = cla << 8 | ins
        row = self.rows.get(code)
        if row is None or row.p1 is None:
            return row
        return self._by_p1.get((code, p1), row)

    def beside(self, row: Row) -> tuple[Row, ...]:
        """A row, with those that P1 tells apart from it."""
        if row.p1 is None:
            return (row,)
        return tuple(each for (code, _), each in self._by_p1.items() if code == row.cla << 8 | row.ins)
