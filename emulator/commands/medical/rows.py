"""The rows of the medical trades (Part 5, 7.1 to 7.8).

Every application of the social-security environment has them; one without a money file refuses them. In addition to
the tables of Part 5 the rows have 61xx, case 4 under T=0 (Part 2, 9.3.1.4).
"""

from collections.abc import Callable
from typing import Final

from ...card.row import ANY_LE, GATED, Drawn, Row
from ...card.secret import OPEN
from . import describe, inquiry, load, purchase

CLA: Final = 0xB0


def _exactly(p1: int, p2: int) -> Callable[[int, int], bool]:
    return lambda here, there: (here, there) == (p1, p2)


TRADE_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "CREDIT FOR LOAD",
        "帐户划入",
        CLA,
        0x2A,
        "Part 5, 7.1",
        load.credit_for_load,
        # Table 53 without 6985: what is not satisfied, INITIALIZE FOR LOAD has refused.
        (0x9000, 0x6100, 0x6581, 0x6901, 0x9302, *GATED),
        lc=frozenset((0x0B,)),
        le=ANY_LE,
        writes=True,
        in_sequence=load.is_prepared,
        completes_trade=True,
        failure_locks=True,
        secret=OPEN,
        describe=describe.CREDIT_FOR_LOAD,
    ),
    Row(
        "DEBIT FOR PURCHASE",
        "医疗消费",
        CLA,
        0x2C,
        "Part 5, 7.2",
        purchase.debit_for_purchase,
        (0x9000, 0x6100, 0x6581, 0x6901, 0x6985, 0x9302, *GATED),
        parameters=_exactly(0x01, 0x00),
        lc=frozenset((0x0F,)),
        le=ANY_LE,
        writes=True,
        in_sequence=purchase.is_prepared,
        completes_trade=True,
        failure_locks=True,
        secret=OPEN,
        describe=describe.DEBIT_FOR_PURCHASE,
    ),
    Row(
        "GET BALANCE",
        "读取余额",
        CLA,
        0x26,
        "Part 5, 7.3",
        inquiry.get_balance,
        (0x9000, 0x6982, 0x6985, *GATED),
        parameters=lambda p1, p2: not p1 and p2 in inquiry.BALANCES,
        le=frozenset((0x04, 0x06)),
        secret=OPEN,
        describe=describe.GET_BALANCE,
    ),
    Row(
        "GET TRANSACTION PROOF",
        "取交易认证码",
        CLA,
        0x2E,
        "Part 5, 7.4",
        inquiry.get_transaction_proof,
        (0x9000, 0x6100, 0x6985, 0x9406, *GATED),
        parameters=lambda p1, p2: not p1 and p2 in inquiry.PROOF_TYPES["both"],
        lc=frozenset((0x02,)),
        le=ANY_LE,
        secret=OPEN,
        describe=describe.GET_TRANSACTION_PROOF,
    ),
    Row(
        "INITIALIZE FOR LOAD",
        "帐户划入初始化",
        CLA,
        0x28,
        "Part 5, 7.5",
        load.initialize_for_load,
        # Tables 68 and 72 without 6581: nothing is written yet.
        (0x9000, 0x6100, 0x6982, 0x6985, 0x9402, 0x9403, *GATED),
        parameters=_exactly(0x00, 0x01),
        lc=frozenset((0x0B,)),
        le=ANY_LE,
        p1=0x00,
        draws=Drawn(4, computed=4),
        secret=OPEN,
        describe=describe.INITIALIZE_FOR_LOAD,
    ),
    Row(
        "INITIALIZE FOR PURCHASE",
        "医疗消费初始化",
        CLA,
        0x28,
        "Part 5, 7.6",
        purchase.initialize_for_purchase,
        (0x9000, 0x6100, 0x6982, 0x6985, 0x9401, 0x9402, 0x9403, *GATED),
        parameters=_exactly(0x01, 0x01),
        lc=frozenset((0x13,)),
        le=ANY_LE,
        p1=0x01,
        draws=Drawn(4),
        secret=OPEN,
        describe=describe.INITIALIZE_FOR_PURCHASE,
    ),
    Row(
        "UPDATE STARTING DAY",
        "修改年度起始日期",
        CLA,
        0x56,
        "Part 5, 7.7",
        inquiry.update_starting_day,
        # Over table 75: 6581 and 6700 as in table 5, for what it writes and for another length.
        (0x9000, 0x6581, 0x6982, 0x6985, *GATED),
        parameters=_exactly(0x00, 0x00),
        lc=frozenset((0x02,)),
        writes=True,
        p1=0x00,
        secret=OPEN,
        describe=describe.UPDATE_STARTING_DAY,
    ),
    Row(
        "GET STARTING DAY",
        "读取年度起始日期",
        CLA,
        0x56,
        "Part 5, 7.8",
        inquiry.get_starting_day,
        # Table 78 names no right, so 6982 has no case. Over it: 6Cxx (Part 2, 9.3.2.1).
        (0x9000, 0x6985, 0x6C00, *GATED),
        parameters=_exactly(0x01, 0x00),
        le=ANY_LE,
        p1=0x01,
        secret=OPEN,
        describe=describe.GET_STARTING_DAY,
    ),
)
