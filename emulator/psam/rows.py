"""The rows of the security module (Part 9, 9)."""

from typing import Final

from ..row import Row

PSAM_ROWS: Final[tuple[Row, ...]] = ()
