"""The rows of the coding `fmcos`: its personalisation, and what replaces the standard's commands in use.

Clauses and status words are those of the FMCOS 2.0 user manual (FMCOS2.0用户手册); 6.2 has the status words that
every command may answer. Where a clause has another one for a refusal than the standard, as 9302 for a wrong MAC
and 9403 for an unknown key, the card answers the one of 6.2 that both have; a profile may replace it.
"""

from dataclasses import replace
from typing import Final

from ...card.apdu import BY_NAME
from ...card.describer import SILENT
from ...card.row import ANY_LE, GATED, Row
from ...card.secret import ANSWER, DATA, OPEN_IF_IT_FITS, all_but_mac
from ..social import describe, select
from ..social import rows as social
from . import create as fmcos
from . import use as fmcos_use

MANUAL: Final = "FMCOS 2.0 user manual"

# 6984: GET CHALLENGE has not gone before. 6988: the MAC is wrong, and that is counted.
_LINE: Final = (0x6581, 0x6983, 0x6984, 0x6988, 0x6A88)
_READ: Final = (0x9000, 0x6981, 0x6982, 0x6986, 0x6A82, *GATED)
# 6987: the file is read with a MAC only. 6C00, 6100: under T=0 (Part 2, 9.3).
_PLAIN_READ: Final = (*_READ, 0x6987, 0x6C00)
_SECURED_READ: Final = (*_READ, *_LINE, 0x6100, 0x6A80)
_WRITE: Final = (0x9000, 0x6581, 0x6981, 0x6982, 0x6986, 0x6987, 0x6A82, *GATED)
_BINARY: Final = (0x6B00,)
_RECORD: Final = (0x6A84, 0x6A85)
_KEY: Final = (0x9000, 0x6581, 0x6982, 0x6987, 0x6A80, 0x6A82, 0x6A84, 0x6A88, *GATED)

_DATA: Final = range(1, 256)
_MAC: Final = frozenset((4, 12))

_WRITING: Final = (
    replace(
        social.UPDATE_BINARY,
        zh="写二进制文件",
        clause=f"{MANUAL}, 7.7",
        handler=fmcos_use.update_binary,
        status_words=(*_WRITE, *_BINARY),
        lc=_DATA,
    ),
    replace(
        social.UPDATE_RECORD,
        zh="写记录文件",
        clause=f"{MANUAL}, 7.8",
        handler=fmcos_use.update_record,
        status_words=(*_WRITE, *_RECORD, 0x6A83),
        lc=_DATA,
    ),
    Row(
        "APPEND RECORD",
        "添加记录文件",
        0x00,
        0xE2,
        f"{MANUAL}, 7.9",
        fmcos_use.append_record,
        (*_WRITE, *_RECORD),
        parameters=fmcos_use.parameters_append,
        lc=_DATA,
        writes=True,
        secret=DATA,
        describe=describe.APPEND_RECORD,
    ),
)
"""Without line protection; each command has a row with it, too."""

FMCOS_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "CREATE FILE",
        "建立文件",
        0x80,
        0xE0,
        f"{MANUAL}, 7.13",
        fmcos.create,
        (0x9000, 0x6581, 0x6982, 0x6985, 0x6A80, 0x6A84, *GATED),
        parameters=fmcos.parameters_create,
        lc=frozenset((fmcos.EF_LENGTH, *fmcos.DF_LENGTHS)),
        writes=True,
        secret=OPEN_IF_IT_FITS,
        describe=SILENT,
    ),
    Row(
        "WRITE KEY",
        "增加或修改密钥",
        0x80,
        0xD4,
        f"{MANUAL}, 7.12",
        fmcos.write_key,
        _KEY,
        parameters=fmcos.parameters_write,
        lc=range(7, 22),
        writes=True,
        secret=DATA,
        describe=SILENT,
    ),
    Row(
        "WRITE KEY",
        "增加或修改密钥",
        0x84,
        0xD4,
        f"{MANUAL}, 7.12",
        fmcos.write_key,
        (*_KEY, *_LINE),
        parameters=fmcos.parameters_write,
        lc=_DATA,
        writes=True,
        secret=all_but_mac,
        describe=SILENT,
    ),
    Row(
        "ERASE DF",
        "擦除目录文件",
        0x80,
        0x0E,
        f"{MANUAL}, 7.11",
        fmcos.erase,
        (0x9000, 0x6581, 0x6982, *GATED),
        writes=True,
        secret=DATA,
        describe=SILENT,
    ),
    replace(
        social.SELECT,
        clause=f"{MANUAL}, 7.4",
        handler=fmcos_use.select,
        status_words=(0x9000, 0x6100, 0x6283, 0x6A82, *GATED),
        parameters=lambda p1, p2: p1 in (select.BY_DF_FID, BY_NAME) and not p2,
        while_suspended=True,
    ),
    replace(
        social.GET_CHALLENGE,
        zh="取随机数",
        clause=f"{MANUAL}, 7.2",
        le=frozenset((4, 8)),
        while_suspended=True,
    ),
    Row(
        "EXTERNAL AUTHENTICATE",
        "外部认证",
        0x00,
        0x82,
        f"{MANUAL}, 7.1",
        fmcos_use.external_authenticate,
        (0x9000, 0x63C0, 0x6581, 0x6982, 0x6983, 0x6984, 0x6A88, *GATED),
        parameters=lambda p1, _p2: not p1,
        lc=frozenset((fmcos_use.BLOCK,)),
        takes_challenge=True,
        writes=True,
        secret=DATA,
        describe=SILENT,
    ),
    Row(
        "INTERNAL AUTHENTICATE",
        "内部认证",
        0x00,
        0x88,
        f"{MANUAL}, 7.3",
        fmcos_use.internal_authenticate,
        (0x9000, 0x6100, 0x6982, 0x6A88, *GATED),
        parameters=lambda p1, _p2: p1 in fmcos_use.OPERATIONS,
        lc=range(fmcos_use.BLOCK, 241, fmcos_use.BLOCK),
        le=ANY_LE,
        secret=ANSWER,
        describe=SILENT,
    ),
    Row(
        "VERIFY PIN",
        "验证口令",
        0x00,
        0x20,
        f"{MANUAL}, 7.10",
        fmcos_use.verify_pin,
        (0x9000, 0x63C0, 0x6581, 0x6982, 0x6983, 0x6A88, *GATED),
        parameters=lambda p1, _p2: not p1,
        lc=fmcos.PIN_LENGTHS,
        writes=True,
        secret=DATA,
        describe=SILENT,
    ),
    replace(
        social.READ_BINARY,
        zh="读二进制文件",
        clause=f"{MANUAL}, 7.5",
        handler=fmcos_use.read_binary,
        status_words=(*_PLAIN_READ, *_BINARY),
    ),
    replace(
        social.READ_BINARY,
        zh="读二进制文件",
        cla=0x04,
        clause=f"{MANUAL}, 7.5",
        handler=fmcos_use.read_binary,
        status_words=(*_SECURED_READ, *_BINARY),
        lc=_MAC,
        writes=True,
        reads=False,
        describe=describe.READ_BINARY_WITH_MAC,
    ),
    replace(
        social.READ_RECORD,
        zh="读记录文件",
        clause=f"{MANUAL}, 7.6",
        handler=fmcos_use.read_record,
        status_words=(*_PLAIN_READ, 0x6100, 0x6A83),
    ),
    replace(
        social.READ_RECORD,
        zh="读记录文件",
        cla=0x04,
        clause=f"{MANUAL}, 7.6",
        handler=fmcos_use.read_record,
        status_words=(*_SECURED_READ, 0x6A83),
        lc=_MAC,
        writes=True,
        reads=False,
        describe=describe.READ_RECORD_WITH_MAC,
    ),
    *(
        row
        for plain in _WRITING
        for row in (plain, replace(plain, cla=0x04, status_words=(*plain.status_words, *_LINE, 0x6A80)))
    ),
)
"""What an FMCOS card has over the standard's rows, or instead of them."""
