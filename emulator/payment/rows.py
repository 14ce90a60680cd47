"""The rows of the financial environment itself, and of all its applications until personalisation ends.

What it has in common with the social-security environment is the same code: selecting, reading, challenges,
and the proof of its master key. The applications bring commands of their own.
"""

from typing import Final

from ..commands import authenticate, binary, record, response, select
from ..row import ANY_LE, COMMON, Row
from . import entry

__all__ = ["PAYMENT_ROWS", "entry"]

_GATED: Final = (*COMMON, 0x6700, 0x6A86)
"""No 9303: where the environment itself is locked nobody can be, and no application locks itself here."""

PAYMENT_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "SELECT",
        "选择文件",
        0x00,
        0xA4,
        "Part 5, 6.11",
        select.select,
        # 6283 and 9303: an application, or an environment of the other world, is locked.
        (0x9000, 0x6100, 0x6283, 0x6A82, 0x9303, *_GATED),
        parameters=lambda p1, p2: p1 in (0x00, 0x02, 0x04) and p2 in (0x00, 0x02),
        lc=range(0x11),
        le=ANY_LE,
        data_or_not=True,
    ),
    Row(
        "READ RECORD",
        "读取记录内容",
        0x00,
        0xB2,
        "Part 5, 6.10",
        record.read_record,
        (0x9000, 0x6981, 0x6982, 0x6986, 0x6A82, 0x6A83, 0x6C00, *_GATED),
        parameters=record.read_parameters,
        le=ANY_LE,
        reads=True,
    ),
    Row(
        "READ BINARY",
        "读取二进制数据",
        0x00,
        0xB0,
        "Part 5, 6.9",
        binary.read_binary,
        (0x9000, 0x6981, 0x6982, 0x6986, 0x6A82, 0x6B00, 0x6C00, *_GATED),
        parameters=binary.parameters,
        le=ANY_LE,
        reads=True,
    ),
    Row(
        "GET CHALLENGE",
        "获取随机数",
        0x00,
        0x84,
        "Part 5, 6.5",
        authenticate.get_challenge,
        (0x9000, *_GATED),
        le=frozenset((4, 8, 16)),
    ),
    Row(
        "EXTERNAL AUTHENTICATION",
        "外部鉴别",
        0x00,
        0x82,
        "Part 5, 6.4",
        authenticate.external_authentication,
        (0x9000, 0x63C0, 0x6581, 0x6983, 0x6984, 0x6A88, *_GATED),
        parameters=lambda p1, p2: not p1 and not p2,
        lc=frozenset((0x10,)),
        takes_challenge=True,
        writes=True,
    ),
    Row(
        "GET RESPONSE",
        "获取响应",
        0x00,
        0xC0,
        "Part 5, 6.6",
        response.get_response,
        (0x9000, 0x6100, 0x6C00, 0x6F00, *_GATED),
        le=ANY_LE,
        keeps_trade=True,
    ),
)
"""EXTERNAL AUTHENTICATION knows the key in control only (P2 00): the environment opens no file to any other."""
