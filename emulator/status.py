"""Status words: what each means, and the one table from refusals to status words (Part 5, 5.4, table 5)."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final, NamedTuple

from cardfs.model import errors as fs
from keys import errors as ks
from keys.errors import CardError

MOST_BYTES: Final = 256
"""Most data bytes of one answer under T=0, and what 00 means in Le, in 61xx and in 6Cxx (Part 5, 5.1)."""


def waiting_word(length: int) -> int:
    """Return 61xx for ``length`` bytes that wait for GET RESPONSE (Part 2, 9.3.2); 256 and more are 6100."""
    return 0x6100 | min(length, MOST_BYTES) & 0xFF


class UnknownClass(CardError):
    """The card knows no command with this CLA, or not this INS with it (CLA 错)."""


class SecuringUnsupported(CardError):
    """The file does not take this command under secure messaging (功能不被支持; Part 5, tables 42 and 45)."""


class UnknownInstruction(CardError):
    """The card has no such command (命令不存在)."""


class ParametersWrong(CardError):
    """P1 and P2 are not among those of the command (P1、P2 错)."""


class LengthWrong(CardError):
    """Lc or Le is not among those of the command (LC 错)."""


class DataWrong(CardError):
    """The data field does not have the form that the command needs (数据域参数不正确)."""


class FunctionMissing(CardError):
    """The current DF lacks what the command works on (功能不支持)."""


class PinFormWrong(CardError):
    """The data are not a PIN: not digits throughout, or not 4 to 16 of them."""


class ResponseMissing(CardError):
    """GET RESPONSE came, and no data wait for it (数据无效)."""


class TradeStateWrong(CardError):
    """The command is out of sequence: no INITIALIZE command came directly before it (命令不接受)."""


class TradeMacWrong(CardError):
    """The MAC of a trade does not verify (MAC 无效)."""


class ApplicationSuspended(CardError):
    """The application is locked until APPLICATION UNBLOCK (应用临时锁定)."""


class BalanceShort(CardError):
    """The balance is smaller than the amount (金额不足)."""


class CounterExhausted(CardError):
    """The trade counter has reached its limit (交易计数器达到最大值)."""


class KeyIndexUnknown(CardError):
    """The card has no trade key with this index (密钥索引不支持)."""


class ProofMissing(CardError):
    """The card holds no MAC or TAC of this trade (所需 MAC 或 TAC 不可用)."""


class ExpectedLengthWrong(CardError):
    """Le is not the length of the answer (Le 错误); the command changed nothing.

    Args:
        available: length of the answer in bytes. The attribute of this name is at most 256.
    """

    def __init__(self, available: int) -> None:
        super().__init__(f"the answer has {available} bytes")
        self.available = min(available, MOST_BYTES)


class Meaning(NamedTuple):
    """What a status word means, the clause that says so, and the meaning in Chinese."""

    text: str
    clause: str
    zh: str


BUG: Final = 0x6F00

MEANINGS: Final[dict[int, Meaning]] = {
    0x9000: Meaning("success", "Part 5, 5.4", "成功"),
    0x6100: Meaning("{} bytes wait for GET RESPONSE", "Part 2, 9.3.2", "还有 {} 字节，用取响应命令读取"),
    0x6283: Meaning("the application is locked", "JR/T 0025", "应用已锁定"),
    0x6300: Meaning("issuer authentication failed", "JR/T 0025", "发卡行认证失败"),
    0x63C0: Meaning("verification failed, tries left: {}", "Part 5, table 5", "校验失败，剩余次数 {}"),
    0x6581: Meaning("memory failure", "Part 5, table 5", "存储器故障"),
    0x6700: Meaning("wrong length", "Part 5, table 5", "长度错误"),
    0x6901: Meaning("command not accepted in this state", "Part 5, table 5", "当前状态下命令不被接受"),
    0x6981: Meaning("command does not fit the file structure", "Part 5, table 5", "命令与文件结构不相容"),
    0x6982: Meaning("security status not satisfied", "Part 5, table 5", "不满足安全状态"),
    0x6983: Meaning("verification method locked", "Part 5, table 5", "认证方法锁定"),
    0x6984: Meaning("referenced data invalid", "Part 5, table 5", "引用数据无效"),
    0x6985: Meaning("conditions of use not satisfied", "Part 5, table 5", "不满足使用条件"),
    0x6986: Meaning("no current EF", "Part 5, table 5", "没有当前 EF"),
    0x6987: Meaning("MAC missing", "Part 7, 7.4", "缺少安全报文数据项（MAC）"),
    0x6988: Meaning("secure messaging data wrong", "Part 5, table 5", "安全报文数据项不正确"),
    0x6A80: Meaning("wrong data field", "Part 5, table 5", "数据域参数不正确"),
    0x6A81: Meaning("function not supported here, or the card is locked", "Part 5, table 5", "功能不支持或卡片锁定"),
    0x6A82: Meaning("file not found", "Part 5, table 5", "文件未找到"),
    0x6A83: Meaning("record not found", "Part 5, table 5", "记录未找到"),
    0x6A84: Meaning("no space in the file", "Part 5, table 45", "文件空间不足"),
    0x6A85: Meaning("Lc does not match the TLV structure", "Part 5, table 45", "Lc 与 TLV 结构不一致"),
    0x6A86: Meaning("wrong P1 P2", "Part 5, table 5", "P1、P2 错误"),
    0x6A88: Meaning("referenced data not found", "Part 5, table 5", "引用数据未找到"),
    0x6B00: Meaning("offset outside the EF", "Part 5, table 5", "偏移超出 EF 范围"),
    0x6C00: Meaning("wrong Le, {} is right", "Part 2, 9.3.2", "Le 错误，正确值为 {}"),
    0x6D00: Meaning("no such command", "Part 5, table 5", "命令不存在"),
    0x6E00: Meaning("wrong CLA", "Part 5, table 5", "CLA 错误"),
    0x6F00: Meaning("no data", "Part 5, 6.6.4", "数据无效"),
    0x9302: Meaning("MAC invalid", "Part 5, table 5", "MAC 无效"),
    0x9303: Meaning("application permanently locked", "Part 5, table 5", "应用永久锁定"),
    0x9401: Meaning("balance too small", "Part 5, table 5", "金额不足"),
    0x9402: Meaning("trade counter at its limit", "Part 5, table 5", "交易计数器达到最大值"),
    0x9403: Meaning("key index not supported", "Part 5, table 5", "密钥索引不支持"),
    0x9406: Meaning("MAC or TAC not available", "Part 5, table 5", "所需 MAC 或 TAC 不可用"),
}

STATUS_WORDS: Final[dict[type[CardError], int]] = {
    ks.KeyUnknown: 0x6A88,
    ks.MethodBlocked: 0x6983,
    ks.ChallengeUnusable: 0x6984,
    ks.MacWrong: 0x6988,
    ks.MacMissing: 0x6987,
    ks.CipherDataWrong: 0x6A80,
    ks.SecuredDataWrong: 0x6988,
    fs.FileUnknown: 0x6A82,
    fs.NoCurrentEf: 0x6986,
    fs.StructureMismatch: 0x6981,
    fs.AccessDenied: 0x6982,
    fs.ConditionsUnmet: 0x6985,
    fs.IssuerDataWrong: 0x6985,
    fs.LifeForbids: 0x6985,
    fs.RecordUnknown: 0x6A83,
    fs.RecordLengthWrong: 0x6700,
    fs.TlvWrong: 0x6A85,
    fs.NoSpace: 0x6A84,
    fs.OffsetOutside: 0x6B00,
    fs.ApplicationBlocked: 0x9303,
    fs.CardBlocked: 0x6A81,
    fs.StoreFailed: 0x6581,
    UnknownClass: 0x6E00,
    SecuringUnsupported: 0x6A81,
    UnknownInstruction: 0x6D00,
    ParametersWrong: 0x6A86,
    LengthWrong: 0x6700,
    DataWrong: 0x6A80,
    FunctionMissing: 0x6A81,
    PinFormWrong: 0x6984,
    ResponseMissing: 0x6F00,
    TradeStateWrong: 0x6901,
    ApplicationSuspended: 0x6A81,
    TradeMacWrong: 0x9302,
    BalanceShort: 0x9401,
    CounterExhausted: 0x9402,
    KeyIndexUnknown: 0x9403,
    ProofMissing: 0x9406,
    ExpectedLengthWrong: 0x6C00,
}
"""The status word of each refusal; ``[settings.status]`` of a profile may replace it, by `error_name`."""


def error_name(error: type[CardError]) -> str:
    """Return the name of a refusal in a profile: ``access_denied`` for `AccessDenied`."""
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in error.__name__).lstrip("_")


def status_words(overrides: Mapping[Any, str]) -> dict[type[CardError], int]:
    """Return the status word of each refusal on one card.

    Args:
        overrides: what the profile replaces: four hex digits by `error_name`.
    """
    return {error: int(overrides.get(error_name(error), f"{word:04X}"), 16) for error, word in STATUS_WORDS.items()}


@lru_cache(1024)
def explain(word: int) -> Meaning:
    """Return what a status word means, and its clause; an empty clause if the standard does not have the word."""
    for mask, base in ((0xFFFF, word), (0xFF00, 0x6100), (0xFF00, 0x6C00), (0xFFF0, 0x63C0)):
        if word & mask == base and base in MEANINGS:
            meaning = MEANINGS[base]
            count = word & (0xFFFF ^ mask)
            if base in (0x6100, 0x6C00):
                count = count or 256
            return Meaning(meaning.text.format(count), meaning.clause, meaning.zh.format(count))
    return Meaning("not a status word of the standard", "", "标准中没有的状态字")
