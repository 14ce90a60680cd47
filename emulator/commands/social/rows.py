"""The rows of the social-security environment and of the MF above it (Part 5, 6)."""

from dataclasses import replace
from typing import Final

from cardfs.model.settings import Settings
from keys.suites import MAC_LENGTH

from ...card.row import ANY_LE, GATED, NO_DATA, Drawn, Row
from ...card.secret import ANSWER, DATA, OPEN, all_but_mac, first
from ...card.session import without_challenge
from . import authenticate, binary, block, describe, pin, record, response, secured_reading, select


def _secured_reading(settings: Settings) -> bool:
    return settings.sm.read_commands == "per-file"


_UPDATE_STATUS: Final = (0x9000, 0x6581, 0x6981, 0x6982, 0x6986, 0x6A82, *GATED)
# Over tables 42 and 45: 6987, no MAC where one is needed (Part 7, 7.4). 6A81 also: the DF has no key for it.
# The rows of CLA 00 leave 6984 and 6988 to those of CLA 04.
_SECURED_STATUS: Final = (0x6984, 0x6987, 0x6988)
# The MAC of a secured command covers an Lc of one byte (Part 4, 8.2.4), so an extended one is not longer either.
_COUNTED: Final = range(1, 256)
_BINARY_STATUS: Final = (*_UPDATE_STATUS, 0x6B00)
_RECORD_STATUS: Final = (*_UPDATE_STATUS, 0x6A83, 0x6A84, 0x6A85)
# Tables 7 and 9 also list 6985 and name no case for it. Table 9 has no 9303; Part 7, 13.2 has it for every command.
_BLOCK_STATUS: Final = (0x9000, 0x6581, 0x6982, 0x6984, 0x6988, 0x6A88, *GATED)

# Other command sets have these rows too, and replace the fields that differ.
SELECT: Final = Row(
    "SELECT",
    "选择文件",
    0x00,
    0xA4,
    "Part 5, 6.11",
    select.select,
    # Over table 39: 61xx, case 4 under T=0 (Part 2, 9.3.1.4); 6283, an application of JR/T 0025 is locked.
    (0x9000, 0x6100, 0x6283, 0x6A82, *GATED),
    parameters=lambda p1, p2: p1 in (0x00, 0x02, 0x04) and p2 in (0x00, 0x02),
    lc=range(0x11),
    le=ANY_LE,
    data_or_not=True,
    selects=True,
    secret=OPEN,
    describe=describe.SELECT,
)
READ_RECORD: Final = Row(
    "READ RECORD",
    "读取记录内容",
    0x00,
    0xB2,
    "Part 5, 6.10",
    record.read_record,
    # Over table 33 by table 5: 6700, the command comes with data; 61xx, records of more than 256 bytes together.
    (0x9000, 0x6100, 0x6981, 0x6982, 0x6986, 0x6A82, 0x6A83, 0x6C00, *GATED),
    parameters=record.read_parameters,
    le=ANY_LE,
    reads=True,
    secret=OPEN,
    describe=describe.READ_RECORD,
)
READ_BINARY: Final = Row(
    "READ BINARY",
    "读取二进制数据",
    0x00,
    0xB0,
    "Part 5, 6.9",
    binary.read_binary,
    # Over table 30: 6700, the command comes with data (table 5).
    (0x9000, 0x6981, 0x6982, 0x6986, 0x6A82, 0x6B00, 0x6C00, *GATED),
    parameters=binary.parameters,
    le=ANY_LE,
    reads=True,
    secret=OPEN,
    describe=describe.READ_BINARY,
)
UPDATE_RECORD: Final = Row(
    "UPDATE RECORD",
    "更新记录内容",
    0x00,
    0xDC,
    "Part 5, 6.13",
    record.update_record,
    (*_RECORD_STATUS, 0x6987),
    parameters=record.update_parameters,
    lc=range(1, 65536),
    writes=True,
    secret=OPEN,
    describe=describe.UPDATE_RECORD,
)
UPDATE_BINARY: Final = Row(
    "UPDATE BINARY",
    "更新二进制数据",
    0x00,
    0xD6,
    "Part 5, 6.12",
    binary.update_binary,
    (*_BINARY_STATUS, 0x6987),
    parameters=binary.parameters,
    lc=range(1, 65536),
    writes=True,
    secret=OPEN,
    describe=describe.UPDATE_BINARY,
)
GET_CHALLENGE: Final = Row(
    "GET CHALLENGE",
    "获取随机数",
    0x00,
    0x84,
    "Part 5, 6.5",
    authenticate.get_challenge,
    (0x9000, *GATED),
    le=frozenset((4, 8, 16)),
    draws=Drawn(),
    refused=without_challenge,
    secret=OPEN,
    describe=describe.GET_CHALLENGE,
)
EXTERNAL_AUTHENTICATION: Final = Row(
    "EXTERNAL AUTHENTICATION",
    "外部鉴别",
    0x00,
    0x82,
    "Part 5, 6.4",
    authenticate.external_authentication,
    (0x9000, 0x63C0, 0x6581, 0x6983, 0x6984, 0x6A88, *GATED),
    parameters=lambda p1, _p2: not p1,
    lc=range(0x10, 0x12),
    takes_challenge=True,
    writes=True,
    secret=first(authenticate.ORIGINAL_AT),
    describe=describe.EXTERNAL_AUTHENTICATION,
)
GET_RESPONSE: Final = Row(
    "GET RESPONSE",
    "获取响应",
    0x00,
    0xC0,
    "Part 5, 6.6",
    response.get_response,
    (0x9000, 0x6100, 0x6C00, 0x6F00, *GATED),
    le=ANY_LE,
    keeps_trade=True,
    fetches=True,
    secret=OPEN,
    describe=describe.GET_RESPONSE,
)

ROWS: Final[tuple[Row, ...]] = (
    SELECT,
    READ_RECORD,
    READ_BINARY,
    UPDATE_RECORD,
    replace(UPDATE_RECORD, cla=0x04, status_words=(*_RECORD_STATUS, *_SECURED_STATUS), lc=_COUNTED),
    UPDATE_BINARY,
    replace(UPDATE_BINARY, cla=0x04, status_words=(*_BINARY_STATUS, *_SECURED_STATUS), lc=_COUNTED),
    GET_CHALLENGE,
    EXTERNAL_AUTHENTICATION,
    Row(
        "INTERNAL AUTHENTICATION",
        "内部鉴别",
        0x00,
        0x88,
        "Part 5, 6.7",
        authenticate.internal_authentication,
        # Over table 23: 61xx, case 4 under T=0 (Part 2, 9.3.1.4).
        (0x9000, 0x6100, 0x6A88, *GATED),
        lc=range(0x10, 0x12),
        le=ANY_LE,
        secret=ANSWER,
        describe=describe.INTERNAL_AUTHENTICATION,
    ),
    Row(
        "VERIFY",
        "校验个人密码",
        0x00,
        0x20,
        "Part 5, 6.14",
        pin.verify,
        # Over table 48: 6581, the try counter is non-volatile (Part 7, 5.8).
        (0x9000, 0x63C0, 0x6581, 0x6983, 0x6984, 0x6A88, *GATED),
        lc=frozenset((0, *range(2, 9))),
        data_or_not=True,
        writes=True,
        secret=DATA,
        describe=describe.VERIFY,
    ),
    Row(
        "CHANGE PIN",
        "修改个人密码",
        0x80,
        0x5E,
        "Part 5, 6.3",
        pin.change_pin,
        # 6A81 also: there is no PIN here.
        (0x9000, 0x63C0, 0x6581, 0x6983, 0x6A80, *GATED),
        parameters=lambda p1, p2: p1 == 0x01 and not p2,
        lc=range(0x03, 0x12),
        writes=True,
        secret=DATA,
        describe=describe.CHANGE_PIN,
    ),
    Row(
        "PIN CHANGE/UNBLOCK",
        "个人密码修改/解锁",
        0x84,
        0x24,
        "Part 5, 6.8",
        pin.pin_change_unblock,
        (0x9000, 0x6581, 0x6982, 0x6984, 0x6985, 0x6988, 0x6A80, 0x6A88, *GATED),
        parameters=lambda p1, p2: not p1 and p2 in (pin.UNBLOCK, pin.CHANGE),
        lc=frozenset((0x04, 0x0C, 0x14)),
        writes=True,
        secret=all_but_mac,
        describe=describe.PIN_CHANGE_UNBLOCK,
    ),
    Row(
        "APPLICATION BLOCK",
        "应用锁定",
        0x84,
        0x1E,
        "Part 5, 6.1",
        block.application_block,
        _BLOCK_STATUS,
        parameters=lambda p1, p2: not p1 and p2 == 0x01,
        lc=frozenset((0x04,)),
        writes=True,
        ends_an_application=True,
        secret=OPEN,
        describe=describe.APPLICATION_BLOCK,
    ),
    Row(
        "CARD BLOCK",
        "卡片锁定",
        0x84,
        0x16,
        "Part 5, 6.2",
        block.card_block,
        _BLOCK_STATUS,
        lc=frozenset((0x04,)),
        writes=True,
        secret=OPEN,
        describe=describe.CARD_BLOCK,
    ),
    GET_RESPONSE,
)

# 6987: no MAC where one is needed, as of an update (Part 7, 7.4).
_READS: Final = (0x9000, 0x6981, 0x6982, 0x6986, 0x6987, 0x6A82, *GATED)
_RECORDS_READ: Final = (*_READS, 0x6A83)
_BINARY_READ: Final = (*_READS, 0x6B00)
# With a MAC; 6100: it is data, so that T=0 has case 4 (Part 2, 9.4).
_MAC_STATUS: Final = (0x6100, 0x6984, 0x6988)
_PLAIN_STATUS: Final = {0xB2: (0x6100, 0x6C00), 0xB0: (0x6C00,)}
_MAC: Final = range(MAC_LENGTH + 1)

SECURED_READING_ROWS: Final[tuple[Row, ...]] = tuple(
    replace(
        row,
        cla=cla,
        clause=f"Part 4, 8.5; {row.clause}",
        handler=handler,
        status_words=(*status_words, *(_MAC_STATUS if cla else _PLAIN_STATUS[row.ins])),
        lc=_MAC if cla else NO_DATA,
        enabled=_secured_reading,
    )
    for row, handler, status_words in (
        (READ_RECORD, secured_reading.read_record, _RECORDS_READ),
        (READ_BINARY, secured_reading.read_binary, _BINARY_READ),
    )
    for cla in (0x00, 0x04)
)
"""Reading on a card that has files which are read with a MAC; these rows lie over the plain ones."""
