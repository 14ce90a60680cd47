"""The one list of command sets: the commands of each, and how its DFs are selected."""

from typing import Final

from cardfs.model.files import CommandSet

from ..card.table import CommandSets
from .financial import selection as environment
from .financial.debit import application
from .financial.debit.rows import DEBIT_ROWS
from .financial.purse import selection as purse
from .financial.purse.rows import PURSE_ROWS
from .financial.rows import FINANCIAL_ROWS
from .fmcos.rows import FMCOS_ROWS
from .medical.rows import TRADE_ROWS
from .personalise.t514_rows import T514_ROWS
from .psam import files as psam
from .psam.rows import PSAM_ROWS
from .social.rows import ROWS, SECURED_READING_ROWS

SETS: Final = CommandSets(
    rows={
        CommandSet.SOCIAL: (*ROWS, *TRADE_ROWS, *SECURED_READING_ROWS),
        CommandSet.PSAM: PSAM_ROWS,
        CommandSet.FINANCIAL: FINANCIAL_ROWS,
        CommandSet.PURSE: PURSE_ROWS,
        CommandSet.DEBIT: DEBIT_ROWS,
    },
    codings={"t514": T514_ROWS, "fmcos": FMCOS_ROWS, "none": ()},
    selections={
        CommandSet.PSAM: psam.SELECTION,
        CommandSet.FINANCIAL: environment.SELECTION,
        CommandSet.PURSE: purse.SELECTION,
        CommandSet.DEBIT: application.SELECTION,
    },
    # A PSAM has key commands of its own (Part 9, 9.5 and 9.6).
    uncoded=frozenset((CommandSet.PSAM,)),
)
