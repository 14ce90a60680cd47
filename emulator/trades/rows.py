"""The rows of the medical trades (Part 5, 7.1 to 7.8)."""

from typing import Final

from ..row import Row

TRADE_ROWS: Final[tuple[Row, ...]] = ()
