"""Rules about T=0, lengths and status words of any card (Part 2, 9; Part 5, 5 and 6)."""

from collections.abc import Iterator
from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Desk, Session, Side
from .update import TRADING, TRIED, writes

PINS: Final = frozenset(("VERIFY", "CHANGE PIN"))
LIMIT: Final = 0x100


def hexadecimal(word: int) -> str:
    """Write a status word."""
    return f"{word:04X}"


def _wrong_le(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    asked = session.wrong_le
    if asked is None or _corrects(x, asked):
        return None
    right = asked.word & 0xFF
    return Seen(
        f"{asked.name} on line {asked.line} got {hexadecimal(asked.word)}: nothing was carried out. "
        f"{x.name} follows instead of the same command with Le {right:02X}",
        f"第 {asked.line} 行的 {asked.name} 收到 {hexadecimal(asked.word)}，命令并未执行；"
        f"随后发出的是 {x.name}，而不是 Le 为 {right:02X} 的同一命令",
    )


def _corrects(x: Exchange, asked: Exchange) -> bool:
    right = asked.word & 0xFF
    return x.apdu[:8] == asked.apdu[:8] and x.le is not None and x.le % LIMIT == right % LIMIT


def _wrong_le_at_the_end(_side: Side, session: Session, _desk: Desk) -> Iterator[Seen]:
    asked = session.wrong_le
    if asked is not None and not session.pulled:
        yield Seen(
            f"{asked.name} got {hexadecimal(asked.word)} and was never sent again: nothing was carried out",
            f"{asked.name} 收到 {hexadecimal(asked.word)} 后没有重发，命令并未执行",
            asked.line,
        )


def _not_fetched(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    asked = session.waiting
    if asked is None or x.name == "GET RESPONSE" or asked.name in ("SELECT", *TRADING) or session.parts:
        # Whoever needs less may fetch less (Part 2, 9.3.1.4).
        return None
    return Seen(
        f"{asked.word & 0xFF} bytes of {asked.name} (line {asked.line}) waited, and {x.name} dropped them",
        f"{asked.name}（第 {asked.line} 行）有 {asked.word & 0xFF} 字节待取，{x.name} 使其丢失",
    )


def _nothing_waits(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if session.waiting is not None or x.word == 0x9000:
        return None
    return Seen(
        f"GET RESPONSE got {hexadecimal(x.word)}: no command before it was answered with 61xx",
        f"GET RESPONSE 收到 {hexadecimal(x.word)}：此前没有命令返回 61xx",
    )


def _other_length(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    waits, wanted = session.left or LIMIT, x.le or LIMIT
    if session.waiting is None or wanted <= waits:
        return None
    return Seen(
        f"{waits} bytes wait, and GET RESPONSE asks for {wanted}",
        f"待取 {waits} 字节，GET RESPONSE 却要求 {wanted} 字节",
    )


def _unknown(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word not in (0x6D00, 0x6E00):
        return None
    return Seen(
        f"the card has no command {x.apdu[:4]}: {hexadecimal(x.word)}",
        f"卡片没有命令 {x.apdu[:4]}：{hexadecimal(x.word)}",
    )


def _length(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word != 0x6700 or x.name in TRIED or x.name in PINS:
        return None
    return Seen(
        f"{x.name} has a length that the command does not take: 6700", f"{x.name} 的长度不符合该命令的规定：6700"
    )


def _parameters(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word != 0x6A86:
        return None
    return Seen(
        f"{x.name} has P1 P2 {x.apdu[4:8]}, which the command does not take: 6A86",
        f"{x.name} 的 P1 P2 为 {x.apdu[4:8]}，不符合该命令的规定：6A86",
    )


def _repeated(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    last = session.last
    if last is None or not last.refused or x.apdu != last.apdu or x.masked or x.word != last.word:
        return None
    return Seen(
        f"{x.name} was refused on line {last.line} ({hexadecimal(last.word)}) and is sent again unchanged",
        f"{x.name} 在第 {last.line} 行被拒绝（{hexadecimal(last.word)}），又原样重发",
    )


def _gap(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    last = session.no_memory
    if last is None or not writes(x) or (x.apdu[:8] == last.apdu[:8] and x.file == last.file):
        # The same may be tried again: no clause says what a terminal does then (Part 7, 6.7; Part 10, 5.4.3).
        return None
    return Seen(
        f"{last.name} on line {last.line} got 6581: the memory failed. {x.name} writes on",
        f"第 {last.line} 行的 {last.name} 收到 6581：存储器故障；{x.name} 仍继续写入",
    )


TRANSPORT: Final = (
    Rule(
        "wrong-le-left",
        "error",
        "6Cxx is not answered",
        "未按 6Cxx 更正 Le",
        "Part 2, 9.3.2.1; Part 5, 6.10.4",
        "The card asked for another Le and did nothing else. The terminal goes on as if the command had been done.",
        "卡片要求改正 Le，命令未执行，而终端当作已执行继续处理。",
        "Send the same command again with Le xx of 6Cxx.",
        "以 6Cxx 中的 xx 作为 Le 重发同一命令。",
        _wrong_le,
        end=_wrong_le_at_the_end,
        psam=None,
        social=False,
    ),
    Rule(
        "answer-not-fetched",
        "error",
        "Data that wait are not fetched",
        "未取回待取的数据",
        "Part 2, 9.3.1.4; Part 5, 6.6",
        "61xx says that xx bytes wait. Any other command than GET RESPONSE drops them.",
        "61xx 表示有 xx 字节待取，除 GET RESPONSE 外的任何命令都会使其丢失。",
        "Send GET RESPONSE with Le xx directly after 61xx.",
        "收到 61xx 后立即发送 Le 为 xx 的 GET RESPONSE。",
        _not_fetched,
        psam=None,
        social=False,
    ),
    Rule(
        "get-response-without-data",
        "error",
        "GET RESPONSE while nothing waits",
        "没有待取数据时发送 GET RESPONSE",
        "Part 5, 6.6.4",
        "The terminal asks for data that no command has left: it does not look at the status word before.",
        "终端索取并不存在的数据，说明它没有检查此前的状态字。",
        "Send GET RESPONSE after 61xx only.",
        "仅在收到 61xx 后发送 GET RESPONSE。",
        _nothing_waits,
        frozenset(("GET RESPONSE",)),
        psam=None,
        social=False,
    ),
    Rule(
        "get-response-other-length",
        "warning",
        "GET RESPONSE asks for another length than waits",
        "GET RESPONSE 的长度与待取长度不符",
        "Part 2, 9.3.3; Part 5, 6.6",
        "A part of the data stays in the card, or the card asks for another Le.",
        "部分数据留在卡中，或卡片再次要求改正 Le。",
        "Take xx of 61xx as Le.",
        "以 61xx 中的 xx 作为 Le。",
        _other_length,
        frozenset(("GET RESPONSE",)),
        psam=None,
        social=False,
    ),
    Rule(
        "unknown-command",
        "warning",
        "A command that the card does not have",
        "卡片没有的命令",
        "Part 5, 5.3; Part 5, table 5",
        "CLA or INS is not one of this card (6D00, 6E00): the terminal is for other cards, or computes CLA wrong.",
        "CLA 或 INS 不属于此卡（6D00、6E00）：终端针对其他卡编写，或 CLA 计算有误。",
        "Send the commands of the standard only, each with its own CLA.",
        "只发送规范规定的命令，并使用各命令规定的 CLA。",
        _unknown,
        psam=None,
        social=False,
    ),
    Rule(
        "wrong-length",
        "error",
        "A length that the command does not take",
        "命令长度错误",
        "Part 5, table 5",
        "Lc or Le is wrong (6700). The card has done nothing.",
        "Lc 或 Le 错误（6700），卡片未执行命令。",
        "Send the length that the command's table has.",
        "按命令表中的长度发送。",
        _length,
        psam=None,
        social=False,
    ),
    Rule(
        "wrong-parameters",
        "warning",
        "P1 or P2 that the command does not take",
        "P1、P2 错误",
        "Part 5, table 5",
        "P1 or P2 is wrong (6A86). The card has done nothing.",
        "P1 或 P2 错误（6A86），卡片未执行命令。",
        "Send the parameters that the command's table has.",
        "按命令表中的参数发送。",
        _parameters,
        psam=None,
        social=False,
    ),
    Rule(
        "refusal-repeated",
        "warning",
        "A refused command is sent again unchanged",
        "原样重发被拒绝的命令",
        "Part 5, table 5; Part 7, 6.7",
        "The card refuses it again: the terminal ignores the status word.",
        "卡片会再次拒绝：终端忽略了状态字。",
        "Look at the status word; end the transaction, or do first what the card asks for.",
        "检查状态字，结束交易，或先完成卡片所要求的操作。",
        _repeated,
        psam=None,
        social=False,
    ),
    Rule(
        "memory-failure-ignored",
        "error",
        "Writing goes on after a memory failure",
        "存储器故障后继续写卡",
        "Part 5, table 5; Part 7, 7.5",
        "6581 says that the card could not write. What is written after it does not fit what is missing.",
        "6581 表示卡片写入失败，之后写入的内容与缺失的内容不一致。",
        "End the transaction, read the data, and find out what is there.",
        "结束交易，读出数据，确认卡中实际内容。",
        _gap,
        psam=None,
        social=False,
    ),
)
