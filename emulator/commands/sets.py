"""The one list of command sets: which commands there are, for whose DFs, and how those are selected."""

from typing import Final

from cardfs.model.files import Regime

from ..card.table import CommandSets
from .financial import selection as environment
from .financial.debit import application
from .financial.debit.rows import DEBIT_ROWS
from .financial.purse import selection as purse
from .financial.purse.rows import PURSE_ROWS
from .financial.rows import PAYMENT_ROWS
from .fmcos.rows import FMCOS_ROWS
from .medical.rows import TRADE_ROWS
from .personalise.t514_rows import T514_ROWS
from .psam import files as psam
from .psam.rows import PSAM_ROWS
from .social.rows import ROWS, SECURED_READING_ROWS

SETS: Final = CommandSets(
    regimes={
        Regime.SOCIAL: (*ROWS, *TRADE_ROWS, *SECURED_READING_ROWS),
        Regime.PSAM: PSAM_ROWS,
        Regime.PAYMENT: PAYMENT_ROWS,
        Regime.PURSE: PURSE_ROWS,
        Regime.DEBIT: DEBIT_ROWS,
    },
    codings={"t514": T514_ROWS, "fmcos": FMCOS_ROWS, "none": ()},
    selections={
        Regime.PSAM: psam.ENTRY,
        Regime.PAYMENT: environment.ENTRY,
        Regime.PURSE: purse.ENTRY,
        Regime.DEBIT: application.ENTRY,
    },
    # A PSAM has key commands of its own (Part 9, 9.5 and 9.6).
    uncoded=frozenset((Regime.PSAM,)),
)
