"""Internal files of a passbook (电子存折, EF 0001) and a purse (电子钱包, EF 0002): their numbers and lengths.

ED    balance 4 | online counter 2 | offline counter 2 | overdraft limit 3 | proof 11
EP    balance 4 | online counter 2 | offline counter 2 | proof 11
proof kind 1 | counter 2 | MAC 4 | TAC 4, all zero before the first trade
"""

from typing import Final

PASSBOOK, PURSE = 0x01, 0x02
PROOF_LENGTH: Final = 11
LENGTHS: Final = {PASSBOOK: 11 + PROOF_LENGTH, PURSE: 8 + PROOF_LENGTH}
"""Length of each internal file in bytes."""
