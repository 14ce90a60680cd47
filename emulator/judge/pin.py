"""Rules about the PIN (个人密码; Part 5, 6.3 and 6.14; Part 7, 5.6 to 5.8; terminal interface, 4)."""

from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Desk, Session, Side
from .transport import hexadecimal
from .update import READING, TRADING, needs_pin

VERIFY: Final = frozenset(("VERIFY",))
WITH_PIN: Final = frozenset(("VERIFY", "CHANGE PIN"))
AFTER_PIN: Final = frozenset((*READING, "GET BALANCE", *TRADING))
CLASSES: Final = (0x00, 0x80)
"""Classes of the commands that carry a PIN in clear."""

PIN_INSTRUCTIONS: Final = (0x20, 0x24, 0x2C, 0x5E)
"""Instructions that carry a PIN in clear, here or in other standards."""

TYPING: Final = 1.0
"""Seconds within which nobody types a PIN of four digits after being told that the last one was wrong."""


def _none_set(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if not x.data or not session.pin_none:
        return None
    return Seen(
        "the card has answered that it has no PIN (VERIFY with Lc 00: 9000), and a PIN is sent to it",
        "卡片已表明没有设置 PIN（Lc 为 00 的 VERIFY 返回 9000），终端仍发送 PIN",
    )


def _not_asked(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if not x.data or session.pin_asked or session.pin_failures or session.pin_verified or not session.whole:
        return None
    return Seen(
        "a PIN is sent without asking the card first whether one is set and how many tries are left",
        "没有先询问卡片是否设置了 PIN、剩余几次，就发送 PIN",
    )


def _ignored(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    failed = session.pin_failed
    if failed is None or not needs_pin(x):
        return None
    if failed.name == "CHANGE PIN" and session.pin_verified:
        # The PIN was not changed, and stays verified (Part 7, 5.8 and 9.7).
        return None
    return Seen(
        f"{failed.name} on line {failed.line} got {hexadecimal(failed.word)}: the PIN is wrong. {x.name} follows "
        "as if it were right",
        f"第 {failed.line} 行的 {failed.name} 收到 {hexadecimal(failed.word)}：PIN 错误；{x.name} 却当作正确继续执行",
    )


def _locked(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if not x.data or not side.locked_pin:
        return None
    return Seen(
        f"the card has answered on line {side.locked_pin} that the PIN is locked, and another one is sent",
        f"卡片在第 {side.locked_pin} 行已表明 PIN 被锁定，终端仍发送 PIN",
    )


def _guessed(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    failed = session.pin_failed
    if failed is None or not x.data:
        return None
    seconds = x.event.time - failed.event.time
    if not 0 < seconds < TYPING:
        return None
    return Seen(
        f"the PIN was wrong on line {failed.line}, and the next one comes after {seconds:.3f} s: nobody types so fast",
        f"第 {failed.line} 行 PIN 错误，{seconds:.3f} 秒后又发送 PIN：不是持卡人输入的",
    )


def _again(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    verified = session.pin_verified
    if not x.data or not verified or any(line > verified for line in session.denied.values()):
        return None
    return Seen(
        f"the PIN was verified on line {session.pin_verified}, and is sent again in the same session",
        f"第 {session.pin_verified} 行已校验 PIN，同一会话中再次发送",
    )


def _wrong_command(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.ins not in PIN_INSTRUCTIONS or x.cla not in CLASSES or len(x.apdu) <= 10:
        return None
    if not side.psam and x.word not in (0x6D00, 0x6E00, 0x6A86):
        return None
    which = "a PSAM" if side.psam else "the card"
    zh = "PSAM" if side.psam else "卡片"
    return Seen(
        f"{x.apdu[:8]} carries what looks like a PIN in clear, and {which} has no such command ({hexadecimal(x.word)})",
        f"{x.apdu[:8]} 以明文携带疑似 PIN 的数据，而{zh}没有此命令（{hexadecimal(x.word)}）",
    )


def _length(x: Exchange, _side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if x.word not in (0x6700, 0x6A80, 0x6984) or len(x.apdu) <= 10:
        return None
    return Seen(
        f"{x.name} has a PIN of {(len(x.apdu) >> 1) - 5} bytes or of another form than cn: {hexadecimal(x.word)}",
        f"{x.name} 中 PIN 的长度（{(len(x.apdu) >> 1) - 5} 字节）或格式不符合 cn 规定：{hexadecimal(x.word)}",
    )


PIN: Final = (
    Rule(
        "pin-to-card-without-pin",
        "error",
        "A PIN is sent to a card that asks for none",
        "向没有设置 PIN 的卡发送 PIN",
        "Part 7, 5.6",
        "The holder is asked for a secret that the card does not have, and the card refuses it.",
        "要求持卡人输入卡中不存在的密码，卡片会拒绝。",
        "After VERIFY with Lc 00 got 9000 go on without the PIN pad.",
        "Lc 为 00 的 VERIFY 返回 9000 时，不再要求输入密码。",
        _none_set,
        VERIFY,
    ),
    Rule(
        "pin-tries-not-asked",
        "warning",
        "A PIN is sent before the card was asked",
        "没有询问就发送 PIN",
        "Part 7, 5.6 and 5.7",
        "A card without PIN refuses it, and the last try may be burnt without anybody knowing that it is the last.",
        "没有 PIN 的卡会拒绝；也可能在不知情时用掉最后一次机会。",
        "Send VERIFY with Lc 00 first: 9000 means no PIN, 63Cx that x tries are left.",
        "先发送 Lc 为 00 的 VERIFY：9000 表示没有 PIN，63Cx 表示剩余 x 次。",
        _not_asked,
        VERIFY,
    ),
    Rule(
        "wrong-pin-ignored",
        "error",
        "The terminal goes on after a wrong PIN",
        "PIN 错误后继续执行",
        "Part 7, 5.8; Part 5, 6.14.5",
        "63Cx says that the PIN is wrong. The terminal trades, or asks for what the PIN opens: it does not look, or "
        "serves somebody who is not the holder. What is free to read may be read all the same.",
        "63Cx 表示 PIN 错误；终端仍进行交易或读取受 PIN 保护的数据：没有检查，或在为非持卡人服务。自由读取不受此限。",
        "Ask the holder again while x is not 0; end the transaction at 63C0.",
        "x 不为 0 时请持卡人重新输入；63C0 时终止交易。",
        _ignored,
        AFTER_PIN,
    ),
    Rule(
        "locked-pin-tried",
        "error",
        "A locked PIN is tried",
        "对已锁定的 PIN 继续尝试",
        "Part 7, 5.8; Part 5, 6.14.5",
        "63C0 and 6983 say that no tries are left. Only unblocking helps.",
        "63C0 和 6983 表示没有剩余次数，只能解锁。",
        "Tell the holder that the PIN is locked, and end the transaction.",
        "提示持卡人密码已锁定，终止交易。",
        _locked,
        WITH_PIN,
    ),
    Rule(
        "pin-tries-burnt",
        "error",
        "Tries are burnt without the holder",
        "未经持卡人输入就消耗次数",
        "Part 7, 5.8; terminal interface, 4.1.3",
        "The terminal sends a PIN again faster than anybody can type: it guesses, or repeats the wrong one.",
        "终端再次发送 PIN 的速度超过人工输入：在猜测，或重发错误的 PIN。",
        "Show how many tries are left, and let the holder type each PIN.",
        "显示剩余次数，每次都由持卡人输入。",
        _guessed,
        VERIFY,
    ),
    Rule(
        "pin-verified-again",
        "note",
        "The PIN is verified twice in a session",
        "同一会话中重复校验 PIN",
        "Part 7, 5.8",
        "The card remembers the result until it loses its power. The second time costs time and exposes the PIN again.",
        "校验结果在断电前有效；重复校验浪费时间，并再次暴露密码。",
        "Verify the PIN once in a session.",
        "一次会话只校验一次 PIN。",
        _again,
        VERIFY,
    ),
    Rule(
        "pin-in-wrong-command",
        "error",
        "A PIN in a command that does not take it",
        "在错误的命令中发送 PIN",
        "Part 5, 6.3 and 6.14; Part 8, 6.4.4.4",
        "The PIN goes out in clear to a card that has no such command, where it may be logged.",
        "PIN 以明文发给没有该命令的卡，可能被记录。",
        "Send a PIN with VERIFY (00 20 00 00) or CHANGE PIN (80 5E 01 00) only, and only to the user card.",
        "只用 VERIFY（00 20 00 00）或 CHANGE PIN（80 5E 01 00）发送 PIN，且只发给用户卡。",
        _wrong_command,
        psam=None,
    ),
    Rule(
        "pin-form-wrong",
        "error",
        "A PIN of the wrong length or form",
        "PIN 长度或格式错误",
        "Part 5, 6.14 and 6.3; terminal interface, 4.1.3",
        "A PIN is cn, two digits a byte, 2 to 8 bytes. Characters or other lengths are refused.",
        "PIN 为 cn 格式，每字节两位数字，2 到 8 字节；ASCII 字符或其他长度会被拒绝。",
        "Check 4 to 16 digits at the PIN pad, and send them as cn with F behind an odd one.",
        "在密码键盘上检查 4 到 16 位数字，以 cn 发送，奇数位时后补 F。",
        _length,
        WITH_PIN,
    ),
)
