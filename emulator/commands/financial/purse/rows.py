"""The rows of passbook and purse (JR/T 0025; FMCOS 2.0 user manual, 7 and 8)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from ....card.row import ANY_LE, GATED, Drawn, Row
from ....card.secret import ANSWER, DATA, OPEN, OPEN_IF_IT_FITS, all_but_mac
from ...social import describe as social_describe
from ...social import rows as social
from . import access, describe, manage, pins, trade

MANUAL: Final = "JR/T 0025; FMCOS 2.0 manual"

# 6982: an FMCOS key or account whose right of use does not hold (manual, 7.12.3 and 7.13.3).
_UNUSABLE: Final = (0x6982,)
# 6984: GET CHALLENGE has not gone before. 6A88: there is no DAMK.
_LINE: Final = (*_UNUSABLE, 0x6984, 0x6988, 0x6A88)
_READ: Final = (0x9000, 0x6981, 0x6982, 0x6986, 0x6A82, *GATED)
_WRITE: Final = (0x9000, 0x6581, 0x6981, 0x6982, 0x6986, 0x6987, 0x6A82, *GATED)
_RECORD: Final = (0x6A83, 0x6A84, 0x6A85)
# 6100: case 4 under T=0 (Part 2, 9.3.1.4). 6982 also: the PIN is not verified. 6A82: there is no such account or no
# log. 6985: its file is too short for one; the balance would not fit, or is too small and the profile answers so.
_BEGIN: Final = (0x9000, 0x6100, *_UNUSABLE, 0x6985, 0x6A82, 0x9402, 0x9403, *GATED)
_NO_DTK: Final = (0x6A88,)
_SPENDS: Final = (0x9401,)
# 6985: balance or sequence is wrong, where the profile answers so.
_END: Final = (0x9000, 0x6100, 0x6581, 0x6901, 0x6985, 0x9302, *GATED)
_PIN: Final = (0x9000, 0x6581, 0x9403, *GATED)
_DATA: Final = range(1, 256)
_SECURED: Final = frozenset((4,))


def _exactly(p1: int, *p2: int) -> Callable[[int, int], bool]:
    return lambda here, there: here == p1 and there in p2


def _key(p1: int) -> Callable[[int, int], bool]:
    """Return a check of P1, and of P2 as the identifier of a key or PIN, which is never FF."""
    return lambda here, there: here == p1 and there != 0xFF


_ONLINE: Final = (0x00, 0x04, 0x05)
"""P1 of the trades in which the host takes part: load, overdraft limit, unload."""


def _initialize(name: str, zh: str, p1: int, status_words: tuple[int, ...], clause: str, lc: int = 0x0B) -> Row:
    return Row(
        f"INITIALIZE FOR {name}",
        zh,
        0x80,
        0x50,
        f"{MANUAL}, {clause}",
        trade.initialize,
        status_words,
        parameters=lambda here, there: here == p1 and trade.parameters(here, there),
        lc=frozenset((lc,)),
        le=ANY_LE,
        p1=p1,
        # An online trade has MAC1 behind the random number (manual, 8.7 to 8.12).
        draws=Drawn(4, computed=4) if p1 in _ONLINE else Drawn(4),
        secret=OPEN_IF_IT_FITS,
        describe=describe.INITIALIZE,
    )


_WRITING: Final = (
    replace(
        social.UPDATE_BINARY,
        zh="写二进制文件",
        clause=f"{MANUAL}, 7.7",
        handler=access.update_binary,
        status_words=(*_WRITE, 0x6B00),
        lc=_DATA,
    ),
    replace(
        social.UPDATE_RECORD,
        zh="写记录文件",
        clause=f"{MANUAL}, 7.8",
        handler=access.update_record,
        status_words=(*_WRITE, *_RECORD),
        lc=_DATA,
    ),
    Row(
        "APPEND RECORD",
        "添加记录文件",
        0x00,
        0xE2,
        f"{MANUAL}, 7.9",
        access.append_record,
        (*_WRITE, *_RECORD[1:]),
        parameters=access.append_parameters,
        lc=_DATA,
        writes=True,
        secret=DATA,
        describe=social_describe.APPEND_RECORD,
    ),
)
"""Without secure messaging; each command has a row with it, too."""

PURSE_ROWS: Final[tuple[Row, ...]] = (
    replace(
        social.SELECT,
        zh="选择文件",
        clause=f"{MANUAL}, 7.4",
        # 6283: the application is locked. 6A81 also: it is, and the profile answers so.
        status_words=(0x9000, 0x6100, 0x6283, 0x6A82, *GATED),
        while_suspended=True,
    ),
    replace(
        social.READ_BINARY,
        zh="读二进制文件",
        clause=f"{MANUAL}, 7.5",
        status_words=(*_READ, 0x6B00, 0x6C00),
    ),
    replace(
        social.READ_BINARY,
        zh="读二进制文件",
        cla=0x04,
        clause=f"{MANUAL}, 7.5",
        handler=access.read_binary,
        status_words=(*_READ, *_LINE, 0x6100, 0x6B00),
        lc=_SECURED,
        reads=False,
        describe=social_describe.READ_BINARY_WITH_MAC,
    ),
    replace(
        social.READ_RECORD,
        zh="读记录文件",
        clause=f"{MANUAL}, 7.6",
        status_words=(*_READ, 0x6100, 0x6A83, 0x6C00),
    ),
    replace(
        social.READ_RECORD,
        zh="读记录文件",
        cla=0x04,
        clause=f"{MANUAL}, 7.6",
        handler=access.read_record,
        status_words=(*_READ, *_LINE, 0x6100, 0x6A83),
        lc=_SECURED,
        reads=False,
        describe=social_describe.READ_RECORD_WITH_MAC,
    ),
    *(
        row
        for plain in _WRITING
        for row in (plain, replace(plain, cla=0x04, status_words=(*plain.status_words, *_LINE)))
    ),
    replace(
        social.GET_CHALLENGE,
        zh="取随机数",
        clause=f"{MANUAL}, 7.2",
        le=frozenset((4, 8)),
        while_suspended=True,
    ),
    replace(
        social.GET_RESPONSE,
        zh="取响应",
        clause="Part 2, 9.3.3",
        while_suspended=True,
    ),
    replace(
        social.EXTERNAL_AUTHENTICATION,
        zh="外部认证",
        clause=f"{MANUAL}, 7.1",
        handler=manage.external_authentication,
        status_words=(0x9000, 0x63C0, 0x6581, 0x6983, 0x6984, 0x6A88, *GATED),
        parameters=_key(0x00),
        lc=manage.AUTHENTICATION_LENGTHS,
        secret=DATA,
        describe=describe.AUTHENTICATION,
    ),
    Row(
        "INTERNAL AUTHENTICATION",
        "内部认证",
        0x00,
        0x88,
        f"{MANUAL}, 7.3",
        manage.internal_authentication,
        (0x9000, 0x6100, 0x6A88, *GATED),
        parameters=_key(0x00),
        lc=manage.AUTHENTICATION_LENGTHS,
        le=ANY_LE,
        secret=ANSWER,
        describe=describe.AUTHENTICATION,
    ),
    Row(
        "VERIFY",
        "校验个人密码",
        0x00,
        0x20,
        f"{MANUAL}, 7.10",
        pins.verify,
        (*_PIN, 0x63C0, 0x6983),
        parameters=_key(0x00),
        lc=pins.LENGTHS,
        writes=True,
        secret=DATA,
        describe=describe.PIN,
    ),
    Row(
        "RELOAD PIN",
        "重装个人密码",
        0x80,
        0x5E,
        f"{MANUAL}, 8.5",
        pins.reload_pin,
        (*_PIN, *_UNUSABLE, 0x6A88, 0x9302),
        parameters=_key(0x00),
        lc=range(0x06, 0x0B),
        writes=True,
        p1=0x00,
        secret=DATA,
        describe=describe.PIN,
    ),
    Row(
        "CHANGE PIN",
        "修改个人密码",
        0x80,
        0x5E,
        f"{MANUAL}, 8.6",
        pins.change_pin,
        (*_PIN, *_UNUSABLE, 0x63C0, 0x6983, 0x6A80),
        parameters=_key(0x01),
        lc=range(0x05, 0x0E),
        writes=True,
        p1=0x01,
        secret=DATA,
        describe=describe.PIN,
    ),
    Row(
        "PIN UNBLOCK",
        "个人密码解锁",
        0x84,
        0x24,
        f"{MANUAL}, 8.4",
        pins.pin_unblock,
        (*_PIN, *_LINE, 0x6A80),
        # The manual has P1 for the PIN and P2 00; its example has 00 01.
        parameters=lambda p1, p2: (not p2 and p1 != 0xFF) or (p1, p2) == (0x00, 0x01),
        lc=frozenset((0x0C, 0x14)),
        writes=True,
        secret=all_but_mac,
        describe=describe.PIN_UNBLOCK,
    ),
    Row(
        "APPLICATION BLOCK",
        "应用锁定",
        0x84,
        0x1E,
        f"{MANUAL}, 8.3",
        manage.application_block,
        (0x9000, 0x6581, *_LINE, *GATED),
        parameters=_exactly(0x00, manage.TEMPORARY, manage.PERMANENT),
        lc=_SECURED,
        writes=True,
        while_suspended=True,
        secret=OPEN,
        describe=describe.APPLICATION_BLOCK,
    ),
    Row(
        "APPLICATION UNBLOCK",
        "应用解锁",
        0x84,
        0x18,
        f"{MANUAL}, 8.2",
        manage.application_unblock,
        (0x9000, 0x6581, *_LINE, *GATED),
        lc=_SECURED,
        writes=True,
        while_suspended=True,
        secret=OPEN_IF_IT_FITS,
        describe=describe.APPLICATION_UNBLOCK,
    ),
    Row(
        "CARD BLOCK",
        "卡片锁定",
        0x84,
        0x16,
        f"{MANUAL}, 8.1",
        manage.card_block,
        (0x9000, 0x6581, *_LINE, *GATED),
        lc=_SECURED,
        writes=True,
        while_suspended=True,
        secret=OPEN,
        describe=describe.CARD_BLOCK,
    ),
    Row(
        "GET BALANCE",
        "读余额",
        0x80,
        0x5C,
        f"{MANUAL}, 8.14",
        trade.get_balance,
        (0x9000, 0x6982, 0x6985, 0x6A82, 0x6C00, *GATED),
        parameters=_exactly(0x00, 0x01, 0x02),
        le=ANY_LE,
        secret=OPEN_IF_IT_FITS,
        describe=describe.GET_BALANCE,
    ),
    _initialize("LOAD", "圈存初始化", 0x00, (*_BEGIN, *_NO_DTK), "8.7.1"),
    _initialize("PURCHASE", "消费初始化", 0x01, (*_BEGIN, *_NO_DTK, *_SPENDS), "8.8.1"),
    _initialize("CASH WITHDRAW", "取现初始化", 0x02, (*_BEGIN, *_NO_DTK, *_SPENDS), "8.11.1"),
    _initialize("CAPP PURCHASE", "复合应用消费初始化", 0x03, (*_BEGIN, *_NO_DTK, *_SPENDS), "8.9.1"),
    _initialize("UPDATE", "修改透支限额初始化", 0x04, (*_BEGIN, *_NO_DTK), "8.12.1", 0x07),
    _initialize("UNLOAD", "圈提初始化", 0x05, (*_BEGIN, *_SPENDS), "8.10.1"),
    Row(
        "CREDIT FOR LOAD",
        "圈存",
        0x80,
        0x52,
        f"{MANUAL}, 8.7.2",
        trade.credit_for_load,
        _END,
        lc=frozenset((0x0B,)),
        le=ANY_LE,
        writes=True,
        completes_trade=True,
        secret=OPEN_IF_IT_FITS,
        describe=describe.CREDIT_FOR_LOAD,
    ),
    Row(
        "DEBIT FOR PURCHASE",
        "消费、取现、复合消费",
        0x80,
        0x54,
        f"{MANUAL}, 8.8.2, 8.9.3, 8.11.2",
        trade.debit,
        _END,
        parameters=_exactly(0x01, 0x00),
        lc=frozenset((0x0F,)),
        le=ANY_LE,
        writes=True,
        p1=0x01,
        completes_trade=True,
        secret=OPEN_IF_IT_FITS,
        describe=describe.DEBIT_FOR_PURCHASE,
    ),
    Row(
        "DEBIT FOR UNLOAD",
        "圈提",
        0x80,
        0x54,
        f"{MANUAL}, 8.10.2",
        trade.debit_for_unload,
        _END,
        parameters=_exactly(0x03, 0x00),
        lc=frozenset((0x0B,)),
        le=ANY_LE,
        writes=True,
        p1=0x03,
        completes_trade=True,
        secret=OPEN_IF_IT_FITS,
        describe=describe.DEBIT_FOR_UNLOAD,
    ),
    Row(
        "UPDATE OVERDRAW LIMIT",
        "修改透支限额",
        0x80,
        0x58,
        f"{MANUAL}, 8.12.2",
        trade.update_overdraw_limit,
        (*_END, 0x9401),
        lc=frozenset((0x0E,)),
        le=ANY_LE,
        writes=True,
        completes_trade=True,
        secret=OPEN_IF_IT_FITS,
        describe=describe.UPDATE_OVERDRAW_LIMIT,
    ),
    Row(
        "UPDATE CAPP DATA CACHE",
        "更新复合应用数据缓存",
        0x80,
        0xDC,
        f"{MANUAL}, 8.9.2",
        trade.update_capp_data_cache,
        (0x9000, 0x6901, 0x6981, 0x6982, 0x6985, 0x6986, 0x6A82, 0x6A83, 0x6A84, *GATED),
        parameters=trade.cache_parameters,
        lc=_DATA,
        secret=OPEN,
        describe=describe.UPDATE_CAPP_DATA_CACHE,
    ),
    Row(
        "GET TRANSACTION PROVE",
        "取交易认证",
        0x80,
        0x5A,
        f"{MANUAL}, 8.13",
        trade.get_transaction_prove,
        (0x9000, 0x6100, *_UNUSABLE, 0x6985, 0x6A82, 0x9406, *GATED),
        parameters=lambda p1, p2: not p1 and 0x01 <= p2 <= 0x09,
        lc=frozenset((0x02,)),
        le=ANY_LE,
        secret=OPEN_IF_IT_FITS,
        describe=describe.GET_TRANSACTION_PROVE,
    ),
)
