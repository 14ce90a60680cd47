"""The rows of debit/credit."""

from typing import Final

from ...row import Row

DEBIT_ROWS: Final[tuple[Row, ...]] = ()
