"""Rules about the PSAM, and about what it and the user card must agree on (Part 9; Part 7, 12)."""

from collections.abc import Iterator
from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Desk, PsamTrade, Session, Side
from .update import MEDICAL

INIT: Final = frozenset(("INIT SAM FOR PURCHASE",))
DEBIT: Final = frozenset(("DEBIT FOR PURCHASE",))
ZHEJIANG: Final = "33"
CITY: Final = 1
"""Place of the city's factor among those of DELIVERY SESSION KEY: the card's is first (Part 9, 9.7)."""


def _differs(x: Exchange, _side: Side, _session: Session, desk: Desk) -> Seen | None:
    if desk.user is None or len(x.data) < 56:
        return None
    _, trade = desk.purchase(x.data[:8]) or (None, None)
    if trade is None:
        return Seen(
            "the PSAM begins a purchase, and no purchase is open on the user card",
            "PSAM 开始消费，但用户卡上没有已初始化的消费",
        )
    given = (x.data[:8], x.data[8:12], x.data[12:36], x.data[52:54], x.data[54:56])
    right = (trade.random, trade.sequence, trade.amounts, trade.version, trade.algorithm)
    names = ("random number", "purchase sequence", "amounts", "key version", "algorithm")
    zh = ("随机数", "交易序号", "金额", "密钥版本", "算法标识")
    wrong = [at for at, (one, other) in enumerate(zip(given, right, strict=True)) if one != other]
    if not wrong:
        return None
    return Seen(
        f"{', '.join(names[at] for at in wrong)} of INIT SAM: not as the card's purchase on line {trade.line} has it",
        f"INIT SAM 的{'、'.join(zh[at] for at in wrong)}与用户卡第 {trade.line} 行的消费不一致",
    )


def _debit_differs(x: Exchange, _side: Side, session: Session, desk: Desk) -> Seen | None:
    made, trade = desk.psam_trade, session.trade
    if x.cla != MEDICAL or made is None or trade is None or made.trade is not trade or len(x.data) != 30 or x.done:
        return None
    if len(made.answer) != 16:
        return Seen(
            f"the PSAM's answer to INIT SAM (line {made.line}) was not fetched: MAC1 is not its own",
            f"没有取回 PSAM 对 INIT SAM（第 {made.line} 行）的应答：MAC1 不是它产生的",
        )
    given, right = (x.data[:8], x.data[8:22], x.data[22:]), (made.answer[:8], made.data[38:52], made.answer[8:])
    names, zh = ("terminal sequence", "time", "MAC1"), ("终端交易序号", "交易时间", "MAC1")
    wrong = [at for at, (one, other) in enumerate(zip(given, right, strict=True)) if one != other]
    if not wrong:
        return None
    return Seen(
        f"{', '.join(names[at] for at in wrong)} of DEBIT differ from those of the PSAM (line {made.line})",
        f"DEBIT 的{'、'.join(zh[at] for at in wrong)}与 PSAM（第 {made.line} 行）不一致",
    )


def _must_credit(made: PsamTrade | None) -> bool:
    """Return whether a purchase was booked by the card and not checked by the PSAM."""
    return made is not None and not made.credited and made.trade is not None and len(made.trade.answer) == 16


def _uncredited(made: PsamTrade) -> Seen:
    made.credited = True
    line = made.trade.sent if made.trade is not None else made.line
    return Seen(
        f"the card has booked (line {line}), and its MAC2 was never given to the PSAM (CREDIT SAM FOR PURCHASE)",
        f"卡片已记账（第 {line} 行），但 MAC2 没有送 PSAM 验证（CREDIT SAM FOR PURCHASE）",
        made.line,
    )


def _not_credited(_x: Exchange, _side: Side, _session: Session, desk: Desk) -> Seen | None:
    made = desk.psam_trade
    return _uncredited(made) if made is not None and _must_credit(made) else None


def _not_credited_at_the_end(_side: Side, _session: Session, desk: Desk) -> Iterator[Seen]:
    made = desk.psam_trade
    if made is not None and _must_credit(made):
        yield _uncredited(made)


def _unused(_side: Side, session: Session, desk: Desk) -> Iterator[Seen]:
    made = desk.psam_trade
    if (
        made is None
        or made.trade is None
        or made.trade.sent
        or made.line < session.line
        or desk.failed_since(made.line)
    ):
        return
    pulled = made.card is not None and made.card.session is not None and made.card.session.pulled
    if not pulled:
        yield Seen(
            "MAC1 was made, a terminal sequence was spent, and DEBIT FOR PURCHASE never came",
            "已产生 MAC1 并消耗终端交易序号，但没有发送 DEBIT FOR PURCHASE",
            made.line,
        )


def _other_mac2(x: Exchange, _side: Side, _session: Session, desk: Desk) -> Seen | None:
    made = desk.psam_trade
    if made is None or made.trade is None or len(made.trade.answer) != 16 or x.data == made.trade.answer[8:]:
        return None
    return Seen(
        f"CREDIT SAM gets {x.data or 'nothing'}, and the card's MAC2 is {made.trade.answer[8:]}"
        + (": that is its TAC" if x.data == made.trade.answer[:8] else ""),
        f"CREDIT SAM 的数据为 {x.data or '空'}，而卡片的 MAC2 是 {made.trade.answer[8:]}"
        + ("：这是 TAC" if x.data == made.trade.answer[:8] else ""),
    )


def _mistrusted(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if not side.mistrusted or x.cla != MEDICAL:
        return None
    return Seen(
        f"the PSAM has refused the card's MAC2 on line {side.mistrusted}, and {x.name} follows with the same card",
        f"PSAM 在第 {side.mistrusted} 行拒绝了卡片的 MAC2，又对同一张卡发送 {x.name}",
    )


def _other_terminal(x: Exchange, side: Side, _session: Session, desk: Desk) -> Seen | None:
    _, trade = desk.purchase(x.data[:8]) or (None, None)
    if trade is None or trade.terminal in (side.terminal, "") or not side.terminal:
        return None
    return Seen(
        f"the card got the terminal number {trade.terminal} on line {trade.line}, and the PSAM has {side.terminal}",
        f"第 {trade.line} 行发给卡片的终端机编号是 {trade.terminal}，而 PSAM 中是 {side.terminal}",
    )


def _no_key(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word != 0x6901:
        return None
    return Seen(
        "CIPHER DATA comes without a session key: DELIVERY SESSION KEY was refused, left out or used up (6901)",
        "没有过程密钥就发送 CIPHER DATA：DELIVERY SESSION KEY 失败、遗漏或已用完（6901）",
    )


def _no_purchase(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word != 0x6901:
        return None
    return Seen(
        "MAC2 is given to a PSAM in which no purchase is open (6901)", "PSAM 中没有进行中的消费，却送入 MAC2（6901）"
    )


def _other_city(x: Exchange, _side: Side, _session: Session, desk: Desk) -> Seen | None:
    codes = [code for card in desk.cards if (code := card.identification[:6]).isdigit()]
    levels = x.p1 >> 5
    if not x.done or not codes or levels <= CITY or len(x.data) < 32:
        return None
    given = x.data[16:32]
    if any(given in _city_factors(code) for code in codes):
        return None
    return Seen(
        f"the city's factor is {given}, and the card is of {codes[0]}: the session key is that of another city",
        f"二级分散因子为 {given}，而卡片属于 {codes[0]}：产生的是其他城市的过程密钥",
    )


def _city_factors(code: str) -> tuple[str, ...]:
    """Return the factors of the city of an identification code that begins with these six digits."""
    digits = code.encode().hex().upper()
    short = (digits[:8] + "30307378",) if code.startswith(ZHEJIANG) else ()
    return (digits + "7378", *short)


def _other_algorithm(x: Exchange, _side: Side, session: Session, desk: Desk) -> Seen | None:
    cards = [card.algorithm for card in desk.cards if card.algorithm]
    if not cards or not session.algorithm or session.algorithm in cards:
        return None
    session.algorithm = ""
    return Seen(
        f"the card's algorithm is {cards[0]} (9F0C/86), and {x.name} works in the PSAM's other environment",
        f"卡片的算法标识是 {cards[0]}（9F0C/86），而 {x.name} 在 PSAM 的另一算法环境中执行",
    )


PSAM: Final = (
    Rule(
        "psam-purchase-differs",
        "error",
        "The PSAM computes for another purchase than the card's",
        "PSAM 计算的不是卡片上的消费",
        "Part 9, 9.9.3; Part 7, 12.3",
        "MAC1 cannot be right: the card refuses (9302), and a terminal sequence is spent.",
        "MAC1 必然错误：卡片返回 9302，并消耗终端交易序号。",
        "Give the PSAM random number, sequence, version, algorithm and amounts as the card has them.",
        "将卡片的随机数、交易序号、密钥版本、算法标识和金额原样送入 PSAM。",
        _differs,
        INIT,
        psam=True,
    ),
    Rule(
        "debit-differs-from-psam",
        "error",
        "DEBIT differs from what the PSAM computed",
        "DEBIT 与 PSAM 的计算结果不一致",
        "Part 7, 12.3 and 12.4; Part 9, 9.9",
        "The card refuses MAC1 (9302), or books another time than the terminal's record has.",
        "卡片拒绝 MAC1（9302），或记账时间与终端明细不一致。",
        "Send terminal sequence and MAC1 as the PSAM answered them, and the time that it got.",
        "原样发送 PSAM 返回的终端交易序号和 MAC1，以及送入 PSAM 的时间。",
        _debit_differs,
        DEBIT,
    ),
    Rule(
        "mac2-not-checked",
        "error",
        "The card's MAC2 is not checked",
        "没有验证 MAC2",
        "Part 7, 12.7; Part 9, 9.10; terminal interface, 8.1.3",
        "The terminal hands out the goods without knowing that the card is genuine and has booked.",
        "终端在不知道卡片是否真实、是否已记账的情况下完成交易。",
        "Give MAC2 to the PSAM with CREDIT SAM FOR PURCHASE directly after DEBIT.",
        "DEBIT 后立即用 CREDIT SAM FOR PURCHASE 将 MAC2 送入 PSAM。",
        _not_credited,
        INIT,
        _not_credited_at_the_end,
        psam=True,
    ),
    Rule(
        "mac1-not-used",
        "warning",
        "MAC1 is computed and not used",
        "产生 MAC1 却没有使用",
        "Part 9, 5.4 and 9.9.1",
        "A terminal trade sequence is spent; the back office looks for the trade.",
        "消耗终端交易序号，后台会查找缺失的交易。",
        "INIT SAM only when the card has accepted INITIALIZE and DEBIT follows at once.",
        "卡片接受初始化并立即交易时才发送 INIT SAM。",
        end=_unused,
        psam=True,
    ),
    Rule(
        "mac2-differs",
        "error",
        "The PSAM gets another value than the card's MAC2",
        "送入 PSAM 的不是卡片的 MAC2",
        "Part 9, 9.10; Part 5, 7.2",
        "The PSAM refuses, and a good card is taken for a forged one. DEBIT answers TAC first, then MAC2; the proof "
        "the other way round.",
        "PSAM 会拒绝，真卡被当作伪卡。DEBIT 的应答是 TAC 在前、MAC2 在后，交易认证码则相反。",
        "Take the last four bytes of DEBIT's answer, the first four of GET TRANSACTION PROOF.",
        "取 DEBIT 应答的后 4 字节，或 GET TRANSACTION PROOF 应答的前 4 字节。",
        _other_mac2,
        frozenset(("CREDIT SAM FOR PURCHASE",)),
        psam=True,
    ),
    Rule(
        "refused-mac2-ignored",
        "error",
        "A card whose MAC2 was refused is used on",
        "MAC2 验证失败后继续使用该卡",
        "Part 7, 12.7; Part 9, 9.10",
        "The PSAM says that the card is not genuine or did not book.",
        "PSAM 表明卡片不真实或没有记账。",
        "End the transaction, keep the record, and take the card for suspicious.",
        "终止交易，保留记录，将该卡视为可疑。",
        _mistrusted,
        frozenset(("INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE")),
    ),
    Rule(
        "terminal-number-differs",
        "error",
        "The card gets another terminal number than the PSAM has",
        "终端机编号与 PSAM 不一致",
        "Part 9, 5.3 and 9.9; Part 7, 12.3",
        "MAC1 covers the PSAM's own number: the card refuses (9302).",
        "MAC1 使用 PSAM 中的终端机编号：卡片返回 9302。",
        "Read file 0016 of the PSAM and send it with INITIALIZE.",
        "读取 PSAM 的 0016 文件，用于初始化命令。",
        _other_terminal,
        INIT,
        psam=True,
    ),
    Rule(
        "cipher-without-session-key",
        "error",
        "CIPHER DATA without a session key",
        "没有过程密钥就发送 CIPHER DATA",
        "Part 9, 7.4 and 9.8.2",
        "The terminal did not look at the status word of DELIVERY SESSION KEY, or wants more than one key gives.",
        "终端没有检查 DELIVERY SESSION KEY 的状态字，或超出一次过程密钥的用途。",
        "DELIVERY SESSION KEY before each computation; end if it is refused.",
        "每次计算前发送 DELIVERY SESSION KEY，失败则终止。",
        _no_key,
        frozenset(("CIPHER DATA",)),
        psam=True,
    ),
    Rule(
        "credit-without-purchase",
        "error",
        "CREDIT SAM without a purchase",
        "没有消费就发送 CREDIT SAM",
        "Part 9, 9.10.2",
        "INIT SAM failed, or MAC2 is given a second time.",
        "INIT SAM 失败，或重复送入 MAC2。",
        "CREDIT SAM once after each successful DEBIT.",
        "每次 DEBIT 成功后发送一次 CREDIT SAM。",
        _no_purchase,
        frozenset(("CREDIT SAM FOR PURCHASE",)),
        psam=True,
    ),
    Rule(
        "factor-of-another-city",
        "error",
        "A diversification factor of another city",
        "使用其他城市的分散因子",
        "Part 9, 7.3.2; terminal interface, 10.3",
        "The key is not the card's: every proof fails, and costs a try.",
        "密钥与卡片不符：鉴别失败并消耗次数。",
        "Take the first three bytes of this card's identification code; of province 33 the first two.",
        "取本卡识别码的前 3 个字节；33 开头的取前 2 个字节。",
        _other_city,
        frozenset(("DELIVERY SESSION KEY",)),
        psam=True,
    ),
    Rule(
        "psam-other-algorithm",
        "error",
        "The PSAM's environment is not that of the card's algorithm",
        "PSAM 的算法环境与卡片不符",
        "Part 7, 5.3; terminal interface, 10.1",
        "What the PSAM computes is of another cipher: every proof fails, and costs a try.",
        "PSAM 以另一种算法计算：鉴别失败并消耗次数。",
        "Select sx1, sx2 or sx3 by tag 9F0C/86 of the card's FCI.",
        "按卡片 FCI 中 9F0C/86 选择 sx1、sx2 或 sx3。",
        _other_algorithm,
        frozenset(("DELIVERY SESSION KEY", "INIT SAM FOR PURCHASE")),
        psam=True,
    ),
)
