"""The rows of the coding `emulator.commands.personalise.t514`."""

from typing import Final

from keys.suites import MAC_LENGTH

from ...card.row import GATED, Row
from ...card.secret import DATA, OPEN, all_but_mac
from . import describe, t514

_LOAD_STATUS: Final = (0x9000, 0x6581, 0x6983, 0x6984, 0x6985, 0x6987, 0x6988, 0x6A80, 0x6A88, *GATED)

T514_ROWS: Final[tuple[Row, ...]] = (
    Row(
        "CREATE FILE",
        "创建文件",
        0x80,
        0xE0,
        "Part 10, 5.2",
        t514.create,
        (0x9000, 0x6581, 0x6982, 0x6985, 0x6987, 0x6A80, *GATED),
        parameters=t514.parameters_create,
        lc=range(256),
        writes=True,
        secret=describe.CREATE_SECRET,
        describe=describe.CREATE_FILE,
    ),
    Row(
        "DELETE FILE",
        "删除文件",
        0x80,
        0xE1,
        "Part 10, 5.2.3",
        t514.delete,
        (0x9000, 0x6581, 0x6982, 0x6985, 0x6A82, *GATED),
        parameters=t514.parameters_delete,
        lc=frozenset((0, 2)),
        writes=True,
        secret=OPEN,
        describe=describe.DELETE_FILE,
    ),
    Row(
        "WRITE KEY",
        "写密钥",
        0x84,
        0xD4,
        "Part 4, 7.3",
        t514.write_key,
        _LOAD_STATUS,
        parameters=t514.parameters_write,
        lc=t514.CIPHER_LENGTHS | {length + MAC_LENGTH for length in t514.CIPHER_LENGTHS},
        writes=True,
        secret=all_but_mac,
        describe=describe.WRITE_KEY,
    ),
    Row(
        "WRITE KEY",
        "写密钥",
        0x80,
        0xD4,
        "Part 4, 7.3",
        t514.refuse_plain_key,
        (0x6987, *GATED),
        parameters=t514.parameters_write,
        lc=range(1, 256),
        secret=DATA,
        describe=describe.WRITE_KEY,
    ),
)
"""The personalisation commands of the coding."""
