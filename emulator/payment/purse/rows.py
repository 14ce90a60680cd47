"""The rows of passbook and purse."""

from typing import Final

from ...row import Row

PURSE_ROWS: Final[tuple[Row, ...]] = ()
