"""Where the checkout and the data of the tests are."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
"""The checkout."""

TESTS: Final = ROOT / "tests"
DATA: Final = TESTS / "data"
"""Vectors, tables of the standard, profiles and golden images; `tests/data/README.md` lists them."""
