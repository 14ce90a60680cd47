"""The rows of the financial environment itself, outside its applications."""

from typing import Final

from ..row import Row

PAYMENT_ROWS: Final[tuple[Row, ...]] = ()
