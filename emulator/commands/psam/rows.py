"""The rows of the security module (Part 9, 9)."""

from dataclasses import replace
from typing import Final

from ...card.row import ANY_LE, GATED, Row
from ...card.secret import OPEN, all_but_mac
from ..social import rows as social
from . import authenticate, cipher, describe, files, load, purchase
from .state import without_delivered, without_purchase, without_region

_UPDATE_STATUS: Final = (0x9000, 0x6581, 0x6981, 0x6982, 0x6986, 0x6A82, *GATED)
# Over tables 20 and 22: nothing. Left out of them: 6A83, since 6A88 says the same; 6D00 is for other instructions.
_KEY_STATUS: Final = (0x9000, 0x6581, 0x6982, 0x6983, 0x6984, 0x6985, 0x6988, 0x6A80, 0x6A82, *GATED)

PSAM_ROWS: Final[tuple[Row, ...]] = (
    replace(
        social.SELECT,
        clause="Part 9, 9.1",
        handler=files.select,
        # Over table 12: 61xx, case 4 under T=0 (Part 2, 9.3.1.4).
        status_words=(0x9000, 0x6100, 0x6A82, *GATED),
        parameters=lambda p1, p2: p1 in (0x00, 0x02, 0x04) and not p2,
    ),
    # The standard lists no command for its files that are read free (clause 5); these are the user card's.
    replace(
        social.READ_RECORD,
        clause="Part 9, 5; Part 5, 6.10",
        status_words=(0x9000, 0x6100, 0x6981, 0x6986, 0x6A82, 0x6A83, 0x6C00, *GATED),
    ),
    replace(
        social.READ_BINARY,
        clause="Part 9, 5; Part 5, 6.9",
        status_words=(0x9000, 0x6981, 0x6986, 0x6A82, 0x6B00, 0x6C00, *GATED),
    ),
    replace(
        social.UPDATE_RECORD,
        clause="Part 9, 5; Part 5, 6.13",
        status_words=(*_UPDATE_STATUS, 0x6A83, 0x6A84, 0x6A85),
    ),
    replace(
        social.UPDATE_BINARY,
        clause="Part 9, 5; Part 5, 6.12",
        status_words=(*_UPDATE_STATUS, 0x6B00),
    ),
    replace(
        social.GET_CHALLENGE,
        clause="Part 9, 9.2",
        handler=files.get_challenge,
    ),
    Row(
        "INITIALIZE ENVIRONMENT",
        "环境初始化",
        0xBF,
        0xEC,
        "Part 9, 9.3",
        files.initialize_environment,
        # Table 16 also lists 6985 and names no case for it.
        (0x9000, 0x6A80, *GATED),
        lc=frozenset((1,)),
        refused=without_region,
        secret=OPEN,
        describe=describe.INITIALIZE_ENVIRONMENT,
    ),
    replace(
        social.EXTERNAL_AUTHENTICATION,
        zh="外部认证",
        clause="Part 9, 9.4",
        handler=authenticate.external_authentication,
        # Over table 18: 63Cx and 6581, the try counter is non-volatile.
        status_words=(0x9000, 0x63C0, 0x6581, 0x6982, 0x6983, 0x6984, 0x6985, 0x6A88, *GATED),
        describe=describe.EXTERNAL_AUTHENTICATION,
    ),
    Row(
        "CREATE KEY",
        "建立密钥",
        0x84,
        0xD4,
        "Part 9, 9.5",
        load.create_key,
        (*_KEY_STATUS, 0x6A84),
        parameters=lambda p1, _p2: p1 == load.CREATE,
        lc=load.ALL_LENGTHS[load.CREATE],
        writes=True,
        p1=load.CREATE,
        secret=all_but_mac,
        describe=describe.CREATE_KEY,
    ),
    Row(
        "CHANGE KEY",
        "更新密钥",
        0x84,
        0xD4,
        "Part 9, 9.6",
        load.change_key,
        (*_KEY_STATUS, 0x6A88),
        parameters=lambda p1, _p2: p1 == load.CHANGE,
        lc=load.ALL_LENGTHS[load.CHANGE],
        writes=True,
        p1=load.CHANGE,
        secret=all_but_mac,
        describe=describe.CHANGE_KEY,
    ),
    Row(
        "DELIVERY SESSION KEY",
        "产生过程密钥",
        0xBF,
        0xDE,
        "Part 9, 9.7",
        cipher.delivery_session_key,
        # Table 24 also lists 6982 and 6983; the use of these keys is free (clause 5) and has no counter.
        (0x9000, 0x6985, 0x6A80, 0x6A88, *GATED),
        parameters=cipher.parameters_delivery,
        lc=frozenset(range(8, 41, 8)),
        refused=without_delivered,
        secret=OPEN,
        describe=describe.DELIVERY_SESSION_KEY,
    ),
    Row(
        "CIPHER DATA",
        "数据加密和MAC计算",
        0x80,
        0xFA,
        "Part 9, 9.8",
        cipher.cipher_data,
        (0x9000, 0x6100, 0x6901, 0x6985, *GATED),
        parameters=lambda p1, p2: p1 in cipher.FUNCTIONS and not p2,
        lc=frozenset(range(8, 0x81, 8)),
        le=ANY_LE,
        secret=describe.CIPHER_SECRET,
        describe=describe.CIPHER_DATA,
    ),
    Row(
        "INIT SAM FOR PURCHASE",
        "MAC1计算",
        0x80,
        0x70,
        "Part 9, 9.9",
        purchase.init_sam,
        # Over table 29: 61xx, case 4 under T=0; 6581, the sequence is non-volatile; 6A80, psam.level_error_init_sam.
        (0x9000, 0x6100, 0x6581, 0x6985, 0x6A80, 0x6A88, *GATED),
        parameters=lambda p1, p2: p1 == 0x01 and not p2,
        lc=purchase.LENGTHS,
        le=ANY_LE,
        writes=True,
        refused=without_purchase,
        secret=OPEN,
        describe=describe.INIT_SAM,
    ),
    Row(
        "CREDIT SAM FOR PURCHASE",
        "校验MAC2",
        0x80,
        0x72,
        "Part 9, 9.10",
        purchase.credit_sam,
        # Over table 31: 6581 and 63CF (psam.sequence_step, psam.mac2_error). Its 6985 is what INIT SAM answers.
        (0x9000, 0x63C0, 0x6581, 0x6901, 0x9302, *GATED),
        lc=frozenset((4,)),
        writes=True,
        refused=without_purchase,
        secret=OPEN,
        describe=describe.CREDIT_SAM,
    ),
    social.GET_RESPONSE,
)
