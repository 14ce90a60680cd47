"""Codes of the national functions (terminal interface, appendix A): every failure has one, with its text.

A negative number up to 2204 is the terminal's own; a status word of a card becomes minus the word.
"""

from typing import Any, Final

from keys.errors import SscardError

from ..status import explain

WRONG_CARD, NO_CARD, NO_POWER, NO_ANSWER, NO_LIBRARY = -1, -2, -3, -4, -5
NO_READER, NOT_OPEN, NO_FUNCTION, BAD_PARAMETER, BAD_CHECKSUM = -11, -12, -13, -14, -15
IDENTIFICATION_WRONG, NOT_GENUINE, OTHER_CARD, INPUT_WRONG, LEVEL_TOO_LOW = -20, -21, -22, -23, -24
CANCELLED, TIMED_OUT, PIN_LENGTH, PIN_DIFFERS = -31, -32, -33, -34
CHARACTERS_WRONG, LENGTH_WRONG = -41, -42
PIN_WRONG, PIN_LOCKED = -51, -52
NO_PSAM, NO_ALGORITHM, NO_RKSSSE, NO_HSM_NEEDED = -2201, -2202, -2203, -2204
CONDITIONS_UNMET: Final = -0x6985
KEY_MISSING: Final = -0x6A88

TEXTS: Final[dict[int, str]] = {
    WRONG_CARD: "卡类型不对",
    NO_CARD: "无卡",
    NO_POWER: "有卡未上电",
    NO_ANSWER: "卡无应答",
    NO_LIBRARY: "加载动态库错",
    NO_READER: "读卡器连接错",
    NOT_OPEN: "未建立连接",
    NO_FUNCTION: "（动态库）不支持该命令",
    BAD_PARAMETER: "（发给动态库的）命令参数错",
    BAD_CHECKSUM: "信息校验和出错",
    IDENTIFICATION_WRONG: "卡识别码格式错",
    NOT_GENUINE: "内部认证失败（用户卡不合法）",
    OTHER_CARD: "传入数据与卡内不符",
    INPUT_WRONG: "传入数据不合法",
    LEVEL_TOO_LOW: "PSAM 卡密钥级别不够",
    CANCELLED: "用户取消密码输入",
    TIMED_OUT: "密码输入操作超时",
    PIN_LENGTH: "输入密码长度错",
    PIN_DIFFERS: "两次输入密码不一致",
    -35: "初始密码不能交易",
    -36: "不能改为初始密码",
    CHARACTERS_WRONG: "运算数据含非法字符",
    LENGTH_WRONG: "运算数据长度错",
    PIN_WRONG: "PIN 校验失败，剩余次数 {} 次",
    PIN_LOCKED: "PIN 锁定",
    NO_PSAM: "无 PSAM 卡",
    NO_ALGORITHM: "PSAM 卡算法不支持（即 PSAM 卡内没有 SSF33 算法或 SM4 算法）",
    NO_RKSSSE: "PSAM 卡内没有 RKSSSE 密钥（3.0 卡读个人基本信息需要 RKSSSE 密钥外部认证）",
    NO_HSM_NEEDED: "不需要加密机认证",
    -0x63C0: "外部认证失败，剩余可尝试次数 {} 次",
    -0x63C1: "外部认证失败，剩余可尝试次数 {} 次",
    -0x63C2: "外部认证失败，剩余可尝试次数 {} 次",
    -0x6700: "Lc/Le 不正确",
    -0x6901: "命令不接受（无效状态）",
    -0x6981: "命令与文件结构不相符、当前文件非所需文件",
    -0x6982: "不满足安全条件",
    -0x6983: "密钥锁定（算法锁定）鉴别方法锁定",
    -0x6984: "引用数据无效、随机数无效",
    CONDITIONS_UNMET: "不满足使用条件、应用被锁定、应用未选择、余额上溢",
    -0x6988: "安全报文数据项不正确、MAC 不正确",
    -0x6A80: "数据域参数不正确",
    -0x6A81: "不支持该功能、卡中无 MF、卡被锁定、应用锁定",
    -0x6A82: "未找到文件、文件标识相重、SFI 不正确",
    -0x6A83: "未找到记录",
    KEY_MISSING: "未找到引用数据、未找到密钥",
    -0x9302: "MAC 无效",
    -0x9303: "应用已被永久锁定、卡片锁定",
    -0x9403: "PSAM 卡不支持消费交易",
    -0x9406: "所需 MAC（或/和 TAC）不可用",
}
"""Table A.1; -35 and -36 are reserved there, and nothing here gives them."""

UNKNOWN_TEXT: Final = "未知错误"

HSM_CODES: Final = frozenset((NO_PSAM, NO_ALGORITHM, NO_RKSSSE, KEY_MISSING, LEVEL_TOO_LOW))
"""After these five a caller goes on with the HSM's functions (terminal interface, 10.5)."""

_AUTHENTICATION_FAILED: Final = 0x63C0
_TABLE_SUM: Final = 2 * 0x63C0 + 2
"""Table A.1 prints the tries of -25536 to -25538 in the opposite order of the status words."""


class TerminalError(SscardError):
    """A function of the terminal failed; the text is one sentence on what happened and why.

    Attributes:
        code: negative, as the national functions return it (terminal interface, table A.1).
        text: meaning of the code in Chinese (terminal interface, table A.1).
        trade: an `Uncertain`, the parameters of `Terminal.proof`, if the card may have booked a trade; else None.

    Example:
        >>> import sscard
        >>> terminal = sscard.Terminal(None)
        >>> try:
        ...     terminal.read_basic()
        ... except sscard.TerminalError as error:
        ...     print(error.code, error.text)
        -2 无卡
    """

    def __init__(self, sentence: str, code: int = NO_ANSWER, *, tries: int | None = None, trade: Any = None) -> None:
        super().__init__(sentence)
        self.code = code
        self.text = TEXTS.get(code, UNKNOWN_TEXT).format(tries)
        self.trade = trade


def word_text(word: int) -> str:
    """Return a status word in hex with its meaning: ``6982, security status not satisfied``."""
    return f"{word:04X}, {explain(word).text}"


def refused(what: str, word: int, *, who: str = "the card", why: str = "", rule: str = "minus-sw") -> TerminalError:
    """Make the error of a command that a card answered with an error word.

    Args:
        what: the command, for people.
        word: the status word, not 9000.
        who: which card, for people.
        why: what the terminal knows beyond the word; empty for nothing.
        rule: setting ``terminal.sw_code_rule``: ``minus-sw`` gives minus the word, ``table`` the order of table A.1.
    """
    tries = word & 0x0F if word & 0xFFF0 == _AUTHENTICATION_FAILED else None
    code = -word
    if rule == "table" and tries is not None and tries <= 2:
        code = word - _TABLE_SUM
    sentence = f"{what}: {who} answered {word_text(word)}" + (f"; {why}" if why else "")
    return TerminalError(sentence, code, tries=tries)
