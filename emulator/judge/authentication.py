"""Rules about random numbers, keys and proofs (Part 5, 6.4 to 6.8; Part 7, 5.4, 6, 7 and 13; Part 4, 8.4)."""

from collections.abc import Iterator
from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Challenge, Desk, Session, Side
from .transport import hexadecimal
from .update import (
    DENIED,
    FILES,
    KEYED,
    READING,
    UPDATING,
    access,
    key_place,
    needs_key,
    needs_pin,
    takes_challenge,
    writes,
)

EXTERNAL: Final = frozenset(("EXTERNAL AUTHENTICATION",))
INTERNAL: Final = frozenset(("INTERNAL AUTHENTICATION",))
MAINTENANCE: Final = frozenset(("PIN CHANGE/UNBLOCK", "CARD BLOCK", "APPLICATION BLOCK"))
SHORT: Final = 8
"""Hex digits of a random number of four bytes."""

NATIONAL: Final = 2
"""Random numbers that may wait: one is the original, the other the factor (terminal interface, 1.2.3)."""


# -- random numbers -------------------------------------------------------------------------------------


def _unused(challenge: Challenge) -> Seen:
    return Seen(
        "this random number was fetched, and no command has used it", "取了这个随机数，但没有命令使用它", challenge.line
    )


def _too_many(_x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    waiting = [each for each in session.challenges if not each.used]
    if len(waiting) < NATIONAL:
        return None
    waiting[0].used = True
    return _unused(waiting[0])


def _unused_at_the_end(_side: Side, session: Session, desk: Desk) -> Iterator[Seen]:
    if session.pulled:
        return
    for each in session.challenges:
        # What was fetched for a function that failed afterwards is no mistake; nor what the PSAM was asked about, for
        # the terminal may end there (Part 7, 6.4).
        asked = any(made.line > each.line and not made.used for made in desk.deliveries)
        if not each.used and not asked and not desk.failed_since(each.line):
            yield _unused(each)


def _reused(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    challenge = session.challenge
    if not takes_challenge(x) or challenge is None or not challenge.used or session.spent is None:
        return None
    if x.done and session.spent.tries is not None:
        # No clause says that a failed proof uses it up, and this card has kept it.
        return None
    return Seen(
        f"{session.spent.name} on line {session.spent.line} has used the random number of line {challenge.line}, and "
        f"{x.name} needs a new one",
        f"第 {session.spent.line} 行的 {session.spent.name} 已用掉第 {challenge.line} 行的随机数，"
        f"{x.name} 需要新的随机数",
    )


def _late(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    challenge = session.challenge
    if not takes_challenge(x) or challenge is None or not challenge.lost or challenge.used:
        return None
    return Seen(
        f"the random number of line {challenge.line} ended with SELECT on line {challenge.lost}: another directory was "
        f"selected before {x.name}",
        f"第 {challenge.line} 行的随机数因第 {challenge.lost} 行选择其他目录而失效，{x.name} 使用得太晚",
    )


def _missing(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if not takes_challenge(x) or session.challenge is not None or not session.whole:
        return None
    return Seen(f"{x.name} comes without GET CHALLENGE before it", f"{x.name} 之前没有 GET CHALLENGE")


def _short(_x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    challenge = session.challenge
    if challenge is None or challenge.used or len(challenge.value) > SHORT:
        return None
    return Seen(
        f"the random number of line {challenge.line} has {len(challenge.value) // 2} bytes",
        f"第 {challenge.line} 行的随机数只有 {len(challenge.value) // 2} 字节",
    )


def _other_factor(x: Exchange, _side: Side, session: Session, desk: Desk) -> Seen | None:
    challenge = session.challenge
    if not takes_challenge(x) or challenge is None or challenge.used or x.done:
        return None
    waiting = [each for each in desk.deliveries if not each.used and each.line > session.line]
    asked = session.internal.data[:16] if session.internal is not None else challenge.value
    if not waiting or any(each.factor.startswith((challenge.value, asked)) for each in waiting):
        return None
    made = waiting[-1]
    return Seen(
        f"the PSAM made the session key on line {made.line} from another value than the card's latest random number "
        f"(line {challenge.line})",
        f"PSAM 在第 {made.line} 行产生过程密钥所用的数据不是卡片最近的随机数（第 {challenge.line} 行）",
    )


def _same_randoms(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if not x.data or x.data[:32] != side.randoms:
        return None
    return Seen(
        "the same random numbers as at the last INTERNAL AUTHENTICATION: an old answer would do",
        "随机数与上一次 INTERNAL AUTHENTICATION 相同：旧的应答也能通过",
    )


def _constant(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    first = x.data[:16]
    if len(first) < 16 or first != first[:2] * 8:
        return None
    return Seen(f"random 1 is {first[:2]} eight times", f"随机数 1 是 8 个 {first[:2]}")


# -- proofs -----------------------------------------------------------------------------------------------


def _not_compared(_side: Side, session: Session, desk: Desk) -> Iterator[Seen]:
    asked = session.internal
    if asked is None or session.pulled or not any(each.line > session.line for each in desk.deliveries):
        return
    if any(each.factor.startswith(asked.data[:16]) for each in desk.deliveries):
        return
    if desk.failed_since(asked.line):
        return
    yield Seen(
        "the PSAM has computed in this session, but nothing to compare the card's answer with",
        "本次会话中 PSAM 进行过计算，但没有计算用于比对卡片应答的鉴别数据",
        asked.line,
    )


def _failure_ignored(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    failed = session.failed
    if failed is None or not needs_key(x):
        return None
    return Seen(
        f"EXTERNAL AUTHENTICATION with {failed.event.fields or 'a key'} failed on line {failed.line} "
        f"({hexadecimal(failed.word)}), and {x.name} follows",
        f"第 {failed.line} 行的 EXTERNAL AUTHENTICATION（{failed.event.fields or '密钥'}）失败"
        f"（{hexadecimal(failed.word)}），随后又发送 {x.name}",
    )


def _tried_again(x: Exchange, side: Side, session: Session, _desk: Desk) -> Seen | None:
    place = key_place(x, session)
    if place not in session.failed_keys or place in side.locked_keys:
        return None
    return Seen(
        f"key {x.p2:02X} has failed in this session, and is tried again: each failure costs a try",
        f"密钥 {x.p2:02X} 在本次会话中已失败，又再次尝试：每次失败都消耗一次机会",
    )


def _locked_key(x: Exchange, side: Side, session: Session, _desk: Desk) -> Seen | None:
    line = side.locked_keys.get(key_place(x, session))
    if line is None or x.done:
        return None
    return Seen(
        f"the card has answered on line {line} that key {x.p2:02X} has no tries left",
        f"卡片在第 {line} 行已表明密钥 {x.p2:02X} 没有剩余次数",
    )


def _unproven_maintenance(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if session.proven or not session.whole:
        return None
    return Seen(
        f"{x.name} comes without a successful EXTERNAL AUTHENTICATION in this session",
        f"本次会话中没有成功的 EXTERNAL AUTHENTICATION，就发送 {x.name}",
    )


def _unproven_update(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if x.word != DENIED or session.proven:
        return None
    return Seen(
        f"{x.name} of {x.file} was refused (6982): no update key was proven before",
        f"更新 {x.file} 被拒绝（6982）：此前没有鉴别更新密钥",
    )


def _unproven_read(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if x.word != DENIED or access(x) in session.denied:
        return None
    if session.pin_failed is not None and needs_pin(x):
        # It knows that the PIN opens the file; its mistake is another one, wrong-pin-ignored.
        return None
    return Seen(f"{x.file} was read without what its rule asks for: 6982", f"没有满足读取条件就读取 {x.file}：6982")


def _denied_again(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    line = session.denied.get(access(x))
    if line is None or x.word != DENIED or session.pin_verified > line:
        return None
    return Seen(
        f"{x.file} was refused on line {line} (6982), nothing was proven since, and {x.name} comes again",
        f"{x.file} 在第 {line} 行被拒绝（6982），此后没有任何鉴别，又发送 {x.name}",
    )


def _bad_mac(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    bad = session.bad_mac
    if bad is None or not writes(x):
        return None
    return Seen(
        f"{bad.name} on line {bad.line} got {hexadecimal(bad.word)}: its MAC is wrong or missing. {x.name} follows",
        f"第 {bad.line} 行的 {bad.name} 收到 {hexadecimal(bad.word)}：MAC 错误或缺失；随后又发送 {x.name}",
    )


AUTHENTICATION: Final = (
    Rule(
        "challenge-unused",
        "warning",
        "A random number is fetched and not used",
        "取了随机数却没有使用",
        "Part 7, 6.2; Part 5, 6.5.1",
        "It costs an exchange; and where an authentication was meant, it was left out.",
        "多余的交互；若本应进行鉴别，则鉴别被遗漏。",
        "Fetch a random number directly before the command that needs it.",
        "在需要随机数的命令之前才取随机数。",
        _too_many,
        frozenset(("GET CHALLENGE",)),
        _unused_at_the_end,
    ),
    Rule(
        "challenge-reused",
        "error",
        "A random number is used twice",
        "重复使用随机数",
        "Part 5, 6.5.1; Part 7, 13",
        "A random number serves one command. Maintenance needs a new one after EXTERNAL AUTHENTICATION.",
        "一个随机数只能使用一次；外部认证之后的维护命令需要新的随机数。",
        "Send GET CHALLENGE again before each command that needs one.",
        "每个需要随机数的命令之前都重新发送 GET CHALLENGE。",
        _reused,
        psam=None,
    ),
    Rule(
        "challenge-late",
        "error",
        "A random number is used after another directory was selected",
        "选择其他目录后才使用随机数",
        "Part 5, 6.5.1",
        "A random number serves the current application only.",
        "随机数只在当前应用下有效。",
        "Select the directory first, then fetch the random number.",
        "先选择目录，再取随机数。",
        _late,
    ),
    Rule(
        "challenge-missing",
        "error",
        "A command that needs a random number comes without one",
        "没有取随机数",
        "Part 7, 6.2 and 13; Part 5, 6.4",
        "The card refuses it (6984): there is nothing that the cryptogram or MAC could be made from.",
        "卡片返回 6984：没有可用于计算鉴别数据或 MAC 的随机数。",
        "Send GET CHALLENGE before it.",
        "先发送 GET CHALLENGE。",
        _missing,
        psam=None,
    ),
    Rule(
        "challenge-short",
        "warning",
        "A random number of four bytes",
        "随机数只有 4 字节",
        "Part 4, 8.4.1",
        "Eight bytes are recommended; four can be tried out.",
        "建议使用 8 字节随机数，4 字节可能被穷举。",
        "Send GET CHALLENGE with Le 08.",
        "发送 Le 为 08 的 GET CHALLENGE。",
        _short,
        EXTERNAL,
    ),
    Rule(
        "psam-other-random",
        "error",
        "The PSAM computes with another value than the card's latest random number",
        "PSAM 使用的不是卡片最近的随机数",
        "Part 7, 6.4 and 6.6; Part 9, 9.7",
        "The card works with its latest random number, so the proof cannot be right and costs a try.",
        "卡片使用最近的随机数，鉴别必然失败并消耗一次机会。",
        "Give the PSAM the answer of the last GET CHALLENGE as factor of the session key.",
        "将最近一次 GET CHALLENGE 的应答作为过程密钥产生因子送入 PSAM。",
        _other_factor,
    ),
    Rule(
        "randoms-repeated",
        "error",
        "INTERNAL AUTHENTICATION with the same random numbers again",
        "内部认证重复使用相同的随机数",
        "Part 7, 5.4",
        "A forged card that has recorded one answer passes.",
        "录下一次应答的伪卡即可通过。",
        "Draw two new random numbers for each card and each session.",
        "每张卡、每次会话都产生两个新的随机数。",
        _same_randoms,
        INTERNAL,
    ),
    Rule(
        "random-constant",
        "error",
        "INTERNAL AUTHENTICATION with a constant instead of a random number",
        "内部认证使用常数代替随机数",
        "Part 7, 5.4",
        "Every terminal of this kind asks the same: one recorded answer serves everywhere.",
        "同类终端的询问都相同，一次录下的应答处处可用。",
        "Take eight random bytes from the PSAM, the card or the system.",
        "从 PSAM、卡片或系统取 8 字节随机数。",
        _constant,
        INTERNAL,
    ),
    Rule(
        "card-proof-not-compared",
        "warning",
        "The card's answer to INTERNAL AUTHENTICATION is not compared",
        "没有比对内部认证结果",
        "Part 7, 5.4; terminal interface, 1.1.3",
        "The PSAM never computed what the card should answer, so any card passes.",
        "PSAM 没有计算卡片应返回的鉴别数据，任何卡都能通过。",
        "Let the PSAM compute with IRK and random 1, and compare before reading.",
        "用 PSAM 以 IRK 和随机数 1 计算鉴别数据，比对一致后再读卡。",
        end=_not_compared,
    ),
    Rule(
        "failed-authentication-ignored",
        "error",
        "The terminal goes on after a failed authentication",
        "外部认证失败后继续执行",
        "Part 7, 6.6",
        "A failed EXTERNAL AUTHENTICATION ends the transaction. The terminal asks for what a key opens, and gets 6982.",
        "外部认证失败应终止交易；终端仍访问受该密钥控制的数据，被卡片拒绝。",
        "Take the power from the card and report the code of the status word.",
        "卡片下电，返回状态字对应的错误代码。",
        _failure_ignored,
        KEYED,
    ),
    Rule(
        "failed-key-tried-again",
        "warning",
        "A key that has failed is tried again",
        "失败的密钥再次尝试",
        "Part 7, 6.6; terminal interface, appendix A",
        "Each failure costs a try, and at none the key is locked for good.",
        "每次失败都消耗一次机会，次数用完后密钥永久锁定。",
        "End the transaction; find out which root and factors the card's key is made from.",
        "终止交易，查明该卡密钥所用的根密钥和分散因子。",
        _tried_again,
        EXTERNAL,
    ),
    Rule(
        "locked-key-tried",
        "error",
        "A locked key is tried",
        "对已锁定的密钥继续尝试",
        "Part 7, 6.6",
        "63C0 and 6983 say that the key is locked: it never works again.",
        "63C0 和 6983 表示密钥已锁定，不能再使用。",
        "Tell the holder that the card must go to its issuer.",
        "提示持卡人到发卡机构处理。",
        _locked_key,
        EXTERNAL,
    ),
    Rule(
        "maintenance-without-proof",
        "error",
        "Maintenance without a proven key",
        "没有外部认证就发送维护命令",
        "Part 7, 13; terminal interface, 6.1 and 7.1",
        "PIN CHANGE/UNBLOCK and the locking commands need PUK, BK or LK first.",
        "PIN 修改/解锁和锁定命令之前须以 PUK、BK 或 LK 外部认证。",
        "EXTERNAL AUTHENTICATION, then a new GET CHALLENGE, then the command with its MAC.",
        "先外部认证，再取新的随机数，然后发送带 MAC 的命令。",
        _unproven_maintenance,
        MAINTENANCE,
    ),
    Rule(
        "update-without-proof",
        "error",
        "An update without a proven key",
        "没有外部认证就更新数据",
        "Part 7, 7.1 and 7.2",
        "The terminal must know that the file's update is controlled.",
        "终端应明确知道更新操作受控。",
        "EXTERNAL AUTHENTICATION with the update key of the file, then UPDATE.",
        "先以该文件的更新密钥进行外部认证，再更新。",
        _unproven_update,
        UPDATING,
    ),
    Rule(
        "read-without-proof",
        "warning",
        "A protected file is read without proof",
        "没有满足条件就读取受控文件",
        "Part 7, 6.1; terminal interface, 2.1.3",
        "The terminal must know whether reading is controlled, and fulfil the rule first.",
        "终端应明确知道读取操作是否受控，并先满足条件。",
        "Verify the PIN or prove the read key, as the rule of the file has it.",
        "按文件的读取条件校验 PIN 或鉴别读密钥。",
        _unproven_read,
        READING,
    ),
    Rule(
        "security-status-ignored",
        "error",
        "6982 is ignored",
        "忽略 6982",
        "Part 7, 6.7; Part 5, table 5",
        "The card has refused access to this file, and the terminal goes on asking for it.",
        "卡片已拒绝访问该文件，终端仍继续访问。",
        "Fulfil the rule of the file, or end the function.",
        "满足文件的访问条件，或结束。",
        _denied_again,
        FILES,
    ),
    Rule(
        "wrong-mac-ignored",
        "error",
        "A refused MAC is ignored (6988, 6987)",
        "忽略 MAC 错误（6988、6987）",
        "Part 7, 7.4 and 13; Part 5, table 5",
        "The command was not carried out, and its random number is used up. The terminal writes on without a new one.",
        "命令未执行，随机数也已用掉；终端没有取新的随机数就继续写入。",
        "End the transaction, or begin again with GET CHALLENGE.",
        "终止交易，或从 GET CHALLENGE 重新开始。",
        _bad_mac,
        psam=None,
    ),
)
