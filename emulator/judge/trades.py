"""Rules about load and purchase on the user card (帐户划入、医疗消费; Part 5, 7; Part 7, 11 to 14)."""

from collections.abc import Iterator
from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Desk, Session, Side
from .transport import hexadecimal
from .update import BOOKING, MEDICAL

STARTING: Final = frozenset(("INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE"))
ACCOUNT: Final = 0x01
"""P2 of GET BALANCE for the account, which INITIALIZE answers, too."""


def _no_pin(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word != 0x6982 or x.cla != MEDICAL:
        return None
    return Seen(
        f"{x.name} was refused (6982): the PIN was not verified in this session",
        f"{x.name} 被拒绝（6982）：本次会话没有校验 PIN",
    )


def _interrupted(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    trade = session.trade
    ended = trade.interrupted if trade is not None else None
    if x.cla != MEDICAL or trade is None or ended is None or x.done:
        return None
    return Seen(
        f"{x.name} comes for the trade of line {trade.line}, and {ended.name} on line {ended.line} has ended it "
        f"({hexadecimal(x.word)})",
        f"{x.name} 针对第 {trade.line} 行初始化的交易，而该交易已被第 {ended.line} 行的 {ended.name} 中断"
        f"（{hexadecimal(x.word)}）",
    )


def _left(_side: Side, session: Session, desk: Desk) -> Iterator[Seen]:
    trade = session.trade
    if trade is None or trade.sent or session.pulled or desk.failed_since(trade.line) or desk.over:
        return
    if trade.load or not any(side.psam for side in desk.sides.values()):
        # The host, or the HSM, may have refused it (Part 7, 11.4), which no trace shows.
        return
    yield Seen(
        "a purchase was initialised, and DEBIT FOR PURCHASE never came",
        "消费已初始化，但没有发送 DEBIT FOR PURCHASE",
        trade.line,
    )


def _not_begun(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    trade = session.trade
    if x.cla != MEDICAL or not session.whole or x.done:
        return None
    if trade is not None and not trade.sent and trade.load is (x.name == "CREDIT FOR LOAD"):
        return None
    return Seen(
        f"{x.name} comes without an INITIALIZE that the card has accepted directly before it ({hexadecimal(x.word)})",
        f"{x.name} 之前没有被卡片接受的初始化命令（{hexadecimal(x.word)}）",
    )


def _no_tac(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    asked = session.waiting
    if asked is None or asked.name not in BOOKING or asked.cla != MEDICAL or x.name == "GET RESPONSE":
        return None
    return Seen(
        f"{asked.name} on line {asked.line} has booked, and {x.name} follows: TAC and MAC2 were never fetched",
        f"第 {asked.line} 行的 {asked.name} 已记账，随后发送 {x.name}：没有取回 TAC 和 MAC2",
    )


def _no_initial_answer(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    asked = session.waiting
    if asked is None or asked.name not in STARTING or asked.cla != MEDICAL or x.name == "GET RESPONSE":
        return None
    return Seen(
        f"what {asked.name} on line {asked.line} answers was not fetched: random number and sequence are missing",
        f"没有取回第 {asked.line} 行 {asked.name} 的应答：缺少随机数和交易序号",
    )


def _no_proof(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    trade = side.uncertain
    if trade is None or x.cla != MEDICAL or not side.identification:
        return None
    side.uncertain = None
    return Seen(
        f"the answer to the trade of line {trade.sent} never came, and {x.name} follows without GET TRANSACTION PROOF: "
        "it may be booked twice",
        f"第 {trade.sent} 行的交易没有收到应答，没有取交易认证码就发送 {x.name}：可能重复记账",
    )


def _uncertain(side: Side, _session: Session, desk: Desk) -> Iterator[Seen]:
    trade = side.uncertain
    if desk.over and trade is not None:
        yield Seen(
            f"no answer to this trade came, and nobody asked for its proof (trade {trade.sequence or 'unknown'})",
            f"该交易没有收到应答，也没有取交易认证码（交易序号 {trade.sequence or '未知'}）",
            trade.sent,
        )


def _other_proof(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    trade = side.uncertain
    if trade is None or not trade.sequence or not x.data or x.data == trade.sequence or x.done:
        return None
    return Seen(
        f"the proof of trade {x.data} is asked for, and the one without answer is {trade.sequence}",
        f"取的是交易 {x.data} 的认证码，而没有应答的是交易 {trade.sequence}",
    )


def _needless_balance(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    line = session.balances.get(x.p2)
    if x.cla != MEDICAL or not x.done:
        return None
    if line is not None:
        return Seen(f"line {line} has answered the same balance", f"第 {line} 行已读取同一余额")
    if session.trade is not None and not session.trade.booked and x.p2 == ACCOUNT:
        return Seen(
            f"INITIALIZE on line {session.trade.line} has answered the balance",
            f"第 {session.trade.line} 行的初始化命令已返回余额",
        )
    return None


def _balance_before(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    line = session.balances.get(ACCOUNT)
    if line is None or x.cla != MEDICAL or not x.done:
        return None
    return Seen(
        f"the balance was read for it on line {line}, and {x.name} answers it",
        f"第 {line} 行为此读取了余额，而 {x.name} 会返回余额",
        line,
    )


def _same_sequence(x: Exchange, _side: Side, session: Session, desk: Desk) -> Seen | None:
    trade = session.trade
    if x.cla != MEDICAL or trade is None or not x.data:
        return None
    sequence, before = desk.sequences.get(trade.terminal + trade.algorithm, ("", None))
    if before is None or before is trade or sequence != x.data[:8]:
        return None
    return Seen(
        f"terminal {trade.terminal} has given the sequence {sequence} to the trade of line {before.sent} already",
        f"终端 {trade.terminal} 的交易序号 {sequence} 已用于第 {before.sent} 行的交易",
    )


TRADES: Final = (
    Rule(
        "trade-without-pin",
        "error",
        "A trade without the PIN",
        "没有校验 PIN 就交易",
        "Part 5, 7.3.1 and 7.6; terminal interface, 8.1.3",
        "The card asks for the PIN of its holder before a trade, and refuses (6982).",
        "交易前须校验持卡人的 PIN，否则卡片拒绝（6982）。",
        "Identify the card, verify the PIN, then INITIALIZE.",
        "先核对卡片、校验 PIN，再初始化交易。",
        _no_pin,
        frozenset((*STARTING, "GET BALANCE")),
    ),
    Rule(
        "trade-interrupted",
        "error",
        "Another command between INITIALIZE and the trade",
        "初始化与交易之间插入其他命令",
        "Part 5, 7 (table 49), 7.5.1 and 7.6.1",
        "INITIALIZE holds for the next command only. The trade has ended, and DEBIT or CREDIT gets 6901.",
        "初始化只对下一条命令有效；交易被终止，其后的交易命令返回 6901。",
        "Read and select before INITIALIZE; then only the PSAM is asked.",
        "读取和选择在初始化之前完成，之后只与 PSAM 交互。",
        _interrupted,
        BOOKING,
    ),
    Rule(
        "trade-abandoned",
        "warning",
        "A trade is begun and not done",
        "交易已初始化但没有完成",
        "Part 7, 11 and 12",
        "Nothing was booked. The exchanges were for nothing, or the trade was lost on the way.",
        "没有记账；交互是多余的，或交易中途丢失。",
        "INITIALIZE only what is paid at once.",
        "只在立即交易时才初始化。",
        end=_left,
    ),
    Rule(
        "trade-not-initialised",
        "error",
        "DEBIT or CREDIT without INITIALIZE",
        "没有初始化就发送交易命令",
        "Part 5, 7 (table 49), 7.1 and 7.2",
        "The card books only what was initialised directly before. A refusal was ignored, or a trade is sent twice.",
        "卡片只对刚初始化的交易记账；终端忽略了初始化失败，或重复发送交易。",
        "Look at the status word of INITIALIZE (9401, 9402, 9403, 6982, 6985), and begin a new trade for each payment.",
        "检查初始化的状态字（9401、9402、9403、6982、6985），每笔交易都重新初始化。",
        _not_begun,
        BOOKING,
    ),
    Rule(
        "tac-not-fetched",
        "error",
        "MAC2 and TAC of a booked trade are not fetched",
        "没有取回 MAC2 和 TAC",
        "Part 7, 12.6 and 12.7; Part 5, 7.1 and 7.2",
        "The card has booked. Without MAC2 the card is not checked, without TAC the back office cannot settle.",
        "卡片已记账；没有 MAC2 无法验证卡片，没有 TAC 后台无法清算。",
        "GET RESPONSE directly after 61xx; MAC2 to the PSAM, TAC into the record of the terminal.",
        "收到 61xx 后立即取回；MAC2 送 PSAM 验证，TAC 写入终端交易明细。",
        _no_tac,
    ),
    Rule(
        "initialise-not-fetched",
        "error",
        "The answer of INITIALIZE is not fetched",
        "没有取回初始化的应答",
        "Part 7, 11.2 and 12.2",
        "Random number and sequence are needed for the MACs. What the terminal sends was not made for this trade.",
        "MAC 的计算需要随机数和交易序号；终端发送的数据不是为这笔交易计算的。",
        "GET RESPONSE directly after INITIALIZE.",
        "初始化后立即发送 GET RESPONSE。",
        _no_initial_answer,
    ),
    Rule(
        "trade-without-proof",
        "error",
        "A new trade after a pulled card, without asking for the proof",
        "拔卡后没有取交易认证码就重新交易",
        "Part 7, 14; Part 5, 7.4",
        "The card may have booked before it was pulled out. The holder pays twice.",
        "卡片可能在拔出前已记账，持卡人会重复付款。",
        "Let the holder put the card back, compare its identification code, and send GET TRANSACTION PROOF: "
        "MAC and TAC say that it was booked, 9406 that it was not.",
        "请持卡人重新插卡，核对识别码后发送 GET TRANSACTION PROOF：返回 MAC 和 TAC 表示已记账，9406 表示没有。",
        _no_proof,
        STARTING,
    ),
    Rule(
        "trade-left-uncertain",
        "warning",
        "Nobody knows whether a trade was booked",
        "交易结果未知",
        "Part 7, 14",
        "The answer was lost, and the trace ends without the proof.",
        "应答丢失，直到记录结束也没有取交易认证码。",
        "Keep the trade as uncertain, and ask for the proof when the card comes back.",
        "将交易记为未知，卡片再次插入时取交易认证码。",
        end=_uncertain,
    ),
    Rule(
        "proof-of-another-trade",
        "error",
        "The proof of another trade is asked for",
        "取了另一笔交易的认证码",
        "Part 5, 7.4; Part 7, 14",
        "The card answers 9406, and the terminal takes a booked trade for one that was not.",
        "卡片返回 9406，终端会把已记账的交易当作没有记账。",
        "Send the sequence that INITIALIZE answered.",
        "使用初始化应答中的交易序号。",
        _other_proof,
        frozenset(("GET TRANSACTION PROOF",)),
    ),
    Rule(
        "balance-not-needed",
        "note",
        "The balance is read without need",
        "不必要地读取余额",
        "Part 5, 7.3, 7.5.4 and 7.6.4",
        "INITIALIZE answers it, and the card itself refuses what is too much (9401).",
        "初始化命令会返回余额，余额不足时卡片自行拒绝（9401）。",
        "Take the balance from the answer of INITIALIZE.",
        "从初始化的应答中取余额。",
        _needless_balance,
        frozenset(("GET BALANCE",)),
    ),
    Rule(
        "balance-before-trade",
        "note",
        "The balance is read before a load, which answers it",
        "帐户划入前先读取余额",
        "Part 5, 7.5.4",
        "An exchange more than the load needs. A purchase may need it: INITIALIZE takes the amount from the account.",
        "比帐户划入所需多一次交互。消费之前可能需要余额，以确定个人帐户支付金额。",
        "INITIALIZE at once: its answer has the balance.",
        "直接初始化，其应答中有余额。",
        _balance_before,
        frozenset(("INITIALIZE FOR LOAD",)),
    ),
    Rule(
        "terminal-sequence-repeated",
        "error",
        "A terminal trade sequence is used twice",
        "终端交易序号重复",
        "Part 9, 5.4; Part 7, 12.6",
        "The back office cannot tell two trades of one terminal apart, and takes one for a copy.",
        "后台无法区分同一终端的两笔交易，会将其中一笔当作重复。",
        "Take the sequence from the PSAM, or let the HSM count for each terminal number.",
        "使用 PSAM 给出的序号，或由加密机按终端机编号计数。",
        _same_sequence,
        frozenset(("DEBIT FOR PURCHASE",)),
    ),
)
