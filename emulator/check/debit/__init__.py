"""Checks of debit/credit (借贷记) with electronic cash (电子现金) of the financial environment, which follow JR/T 0025.

The text of JR/T 0025 was not at hand: clauses are those of EMV Books 1 to 3, which it is made after. What is PBOC's own
names JR/T 0025 alone.
"""

from typing import Final

from .card import CARD_CHECKS
from .cash import CASH_CHECKS
from .issuer import ISSUER_CHECKS, require_roots
from .pin import PIN_CHECKS, require_pin
from .signatures import SIGNATURE_CHECKS

__all__ = ["DEBIT_CHECKS", "require_pin", "require_roots"]

DEBIT_CHECKS: Final = (*CARD_CHECKS, *PIN_CHECKS, *ISSUER_CHECKS, *SIGNATURE_CHECKS, *CASH_CHECKS)
