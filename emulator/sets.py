"""The one list of command sets: which commands there are, for whose DFs, and how those are selected."""

from typing import Final

from cardfs.files import Regime

from .commands.rows import ROWS, SECURED_READING_ROWS
from .cos.fmcos_rows import FMCOS_ROWS
from .cos.t514_rows import T514_ROWS
from .payment import entry as environment
from .payment.debit import application
from .payment.debit.rows import DEBIT_ROWS
from .payment.purse import entry as purse
from .payment.purse.rows import PURSE_ROWS
from .payment.rows import PAYMENT_ROWS
from .psam import files as psam
from .psam.rows import PSAM_ROWS
from .table import CommandSets
from .trades.rows import TRADE_ROWS

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
