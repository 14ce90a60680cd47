"""Rules about what is read and written, of whom, and in which order (Part 7, 5.4; terminal interface, 1 to 3, 10)."""

from collections.abc import Iterator
from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Desk, Session, Side
from .transport import hexadecimal
from .update import (
    BY_NUMBER,
    DENIED,
    HOLDER_FILE,
    MODE,
    READING,
    TRADE_RECORDS,
    UPDATING,
    record_of,
    shows_another_card,
)

STARTING: Final = frozenset(("INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE"))
OF_THE_CARD: Final = frozenset((*UPDATING, *STARTING, "PIN CHANGE/UNBLOCK", "GET TRANSACTION PROOF", *READING))
"""Commands before which the terminal has to know whose card it is (terminal interface, 2.1.3 and others)."""

HOLDER_FILES: Final = frozenset((HOLDER_FILE, "SSSE/EF07", "SSSE/EF08", "SSSE/EF0D"))
"""Files of the environment that are about the holder: basic data, fingerprint, photo, personnel number."""

NEIGHBOURS: Final = (0x02, 0x03)
"""Modes that read the next or previous record of an identifier: another one each time (Part 5, table 32)."""

WITH_EXTENSION: Final = ("2.0", "3.0")
RKSSSE: Final = 0x0A
ISSUE_DATE, EXPIRY_DATE = "05", "06"


def is_personal(file: str) -> bool:
    """Return whether a file of the social-security environment is about its holder (V2.0 notice, tables 3 to 8)."""
    return file in HOLDER_FILES or (file.startswith("DF") and "/EF" in file)


def _unauthenticated(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if side.authenticated or not x.done or not is_personal(x.file):
        return None
    return Seen(
        f"{x.file} was read, and the card has not proven that it is genuine (INTERNAL AUTHENTICATION with IRK)",
        f"读取了 {x.file}，而卡片尚未通过内部认证（IRK）证明其真实性",
    )


def _not_identified(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if session.identified or not session.whole or not x.done:
        return None
    if x.name in READING and (not is_personal(x.file) or x.file == TRADE_RECORDS):
        # iReadDebitRecord is not told whose card it should be (terminal interface, 9.1).
        return None
    session.identified = True
    return Seen(
        f"{x.name} of this card, and neither its identification code nor its number was read since the reset",
        f"执行 {x.name} 之前，复位后没有读取卡的识别码和卡号",
    )


def _holder_unproven(x: Exchange, side: Side, session: Session, _desk: Desk) -> Seen | None:
    if x.file != HOLDER_FILE or side.version != "3.0" or RKSSSE in session.proven or x.word != DENIED:
        return None
    return Seen(
        "the card is of version 3.0, and its holder's file is read without proof of RKSSSE",
        "卡片为 3.0 版，未鉴别 RKSSSE 就读取持卡人基本信息文件",
    )


def _no_version(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.file != HOLDER_FILE or side.version or not x.done or "03" in side.tags:
        return None
    side.tags.add("03")
    return Seen(
        "the holder's file is read before the version of the specification (SSSE/EF05, tag 03)",
        "没有读取规范版本（SSSE/EF05，标签 03）就读取持卡人基本信息文件",
    )


def _no_extension(side: Side, session: Session, _desk: Desk) -> Iterator[Seen]:
    if session.name_read and not session.extension_read and side.version in WITH_EXTENSION and not session.pulled:
        yield Seen(
            f"the name was read of a card of version {side.version}, and its extension (tag 4E) was not",
            f"读取了 {side.version} 版卡的姓名，没有读取姓名扩展（标签 4E）",
            session.name_read,
        )


def _not_valid(_x: Exchange, side: Side, session: Session, _desk: Desk) -> Seen | None:
    if EXPIRY_DATE in side.tags or not session.whole:
        return None
    return Seen(
        "a trade begins, and nobody has read until when the card is valid (SSSE/EF05, tag 06)",
        "交易开始，但没有读取卡有效期（SSSE/EF05，标签 06）",
    )


def _twice(x: Exchange, side: Side, session: Session, _desk: Desk) -> Seen | None:
    line = session.read.get(record_of(x, session))
    if line is None or not x.done or x.p1 == 0 or side.psam or shows_another_card(x, side):
        return None
    if x.name == "READ RECORD" and x.p2 & MODE in NEIGHBOURS:
        return None
    return Seen(f"the same was read on line {line} of this session", f"本次会话第 {line} 行已读取过相同内容")


def _past_the_end(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    end = session.ended.get(x.file)
    if end is None or x.p2 & MODE != BY_NUMBER or x.p1 <= end or x.word != 0x6A83:
        return None
    return Seen(
        f"{x.file} has no record {end} (6A83), and record {x.p1} is asked for",
        f"{x.file} 没有第 {end} 条记录（6A83），又读取第 {x.p1} 条",
    )


def _trade_records(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.file != TRADE_RECORDS:
        return None
    return Seen(
        f"{x.name} of the trade records, which only trades write ({hexadecimal(x.word)})",
        f"{x.name} 更新交易明细文件，该文件只能由交易写入（{hexadecimal(x.word)}）",
    )


def _form(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word not in (0x6A80, 0x6A85):
        return None
    return Seen(
        f"{x.name} of {x.file} was refused ({hexadecimal(x.word)}): the data do not have the form of the record",
        f"更新 {x.file} 被拒绝（{hexadecimal(x.word)}）：数据不符合记录格式",
    )


def _repeated_success(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    last = session.last
    if last is None or last.name != x.name or last.apdu != x.apdu or x.masked or not last.done:
        return None
    return Seen(
        f"line {last.line} has written the same ({hexadecimal(last.word)} is a success of an update)",
        f"第 {last.line} 行已写入相同内容（更新命令返回 {hexadecimal(last.word)} 即为成功）",
    )


READING_RULES: Final = (
    Rule(
        "personal-data-unauthenticated",
        "error",
        "Personal data of a card that is not authenticated",
        "读取未经内部认证的卡的个人数据",
        "Part 7, 5.4; terminal interface, 1.1.1 and 1.1.3",
        "Anybody can copy what is free to read onto another card. The terminal shows, or trusts, a forged one.",
        "可自由读取的数据可以复制到其他卡上；终端会显示或信任伪卡。",
        "Begin with iReadCardBas: INTERNAL AUTHENTICATION, compare, then read.",
        "首先调用 iReadCardBas：内部认证、比对一致后再读取。",
        _unauthenticated,
        READING,
    ),
    Rule(
        "card-not-identified",
        "error",
        "Nobody has looked whose card it is",
        "没有核对是哪张卡",
        "terminal interface, 2.1.3, 3.1.3, 6.1.3 and 8.1.3; Part 7, 14",
        "Between two functions the holder may change the card. Data or money go to somebody else.",
        "两次调用之间卡片可能被更换，数据或资金会记到他人卡上。",
        "After every reset read identification code and card number, and compare them with pCardInfo.",
        "每次复位后读取卡的识别码和卡号，与 pCardInfo 核对。",
        _not_identified,
        OF_THE_CARD,
    ),
    Rule(
        "holder-file-without-rkssse",
        "error",
        "The holder of a 3.0 card is read without RKSSSE",
        "未鉴别 RKSSSE 就读取 3.0 卡持卡人信息",
        "terminal interface, 10.2 and 1.1.3",
        "From version 3.0 on the holder's file asks for the key RKSSSE. The card refuses (6982).",
        "3.0 卡的 SSSE/EF06 增加了读控制密钥 RKSSSE，卡片会拒绝（6982）。",
        "EXTERNAL AUTHENTICATION with key 0A before SSSE/EF06 of a card of version 3.0.",
        "对 3.0 卡，读取 SSSE/EF06 前以密钥 0A 进行外部认证。",
        _holder_unproven,
        READING,
    ),
    Rule(
        "version-not-read",
        "warning",
        "The version of the card is not read",
        "没有读取规范版本",
        "terminal interface, 10.2; Part 7, 5.4",
        "Files and rules differ from version to version.",
        "不同版本的文件和访问条件不同。",
        "Read tag 03 of SSSE/EF05 first; its first three characters count.",
        "先读取 SSSE/EF05 标签 03，按前 3 位判断版本。",
        _no_version,
        READING,
    ),
    Rule(
        "name-extension-not-read",
        "warning",
        "The name is read without its extension",
        "没有读取姓名扩展",
        "terminal interface, 10.2 and 1.1.3",
        "A name that is longer than 30 bytes is cut.",
        "超过 30 字节的姓名会被截断。",
        "Of 2.0 and 3.0 cards read tag 4E, too, and join it to the name.",
        "对 2.0 和 3.0 卡同时读取标签 4E，并与姓名拼接。",
        end=_no_extension,
    ),
    Rule(
        "validity-not-read",
        "warning",
        "The card's validity is not checked before a trade",
        "交易前没有检查卡有效期",
        "Part 7, 5.4",
        "An expired card is served. The card itself does not know what day it is.",
        "过期的卡也会被受理；卡片本身不知道日期。",
        "Read tags 05 and 06 of SSSE/EF05 and compare them with today.",
        "读取 SSSE/EF05 标签 05、06，与当天日期比较。",
        _not_valid,
        STARTING,
    ),
    Rule(
        "record-read-twice",
        "note",
        "The same is read twice in a session",
        "同一会话中重复读取",
        "Part 7, 6.11",
        "It costs time: on a card with contacts each exchange takes tens of milliseconds.",
        "浪费时间：接触式卡每次交互需要数十毫秒。",
        "Remember what was read until the card loses its power.",
        "在卡片下电前保留已读内容。",
        _twice,
        READING,
    ),
    Rule(
        "read-past-the-end",
        "warning",
        "Reading goes on behind the last record",
        "超出最后一条记录继续读取",
        "Part 5, 6.10; Part 3, 6.5.2",
        "6A83 says that there are no more records.",
        "6A83 表示没有更多记录。",
        "End at the first 6A83.",
        "遇到第一个 6A83 即结束。",
        _past_the_end,
        frozenset(("READ RECORD",)),
    ),
    Rule(
        "trade-records-written",
        "error",
        "The records of trades are written",
        "更新交易明细文件",
        "V2.0 notice, table 6; terminal interface, 3.1.3",
        "Nobody may write DF04/EF08: the card does it itself with each trade.",
        "DF04/EF08 不允许更新，由卡片在交易时自行写入。",
        "End iWriteCard with an error before the card is asked.",
        "iWriteCard 在访问卡片之前即报错。",
        _trade_records,
        UPDATING,
    ),
    Rule(
        "record-form-wrong",
        "error",
        "A record of the wrong form",
        "写入的记录格式错误",
        "Part 5, 6.13.5; V2.0 notice, 7",
        "A record is tag, length and the full value. The card refuses another form.",
        "记录由标签、长度和完整的值组成，其他格式会被拒绝。",
        "Fill the value to its length, and check it before the card is asked.",
        "将值补足规定长度，写卡前检查。",
        _form,
        UPDATING,
    ),
    Rule(
        "update-repeated",
        "warning",
        "A successful update is repeated",
        "重复已成功的更新",
        "Part 7, 7.5",
        "9000 and, of an update, 63Cx are successes. In a cyclic file the second one drops the oldest record.",
        "9000 和更新命令的 63Cx 均为成功；重复追加会使循环文件丢失最早的记录。",
        "Take 9000 and 63Cx as done.",
        "9000 和 63Cx 均视为完成。",
        _repeated_success,
        UPDATING,
    ),
)
