"""Rules about resets, environments, directories and names (Part 3, 5 and 6; Part 5, 6.11; Part 7, 5 and 13)."""

from collections.abc import Iterator
from typing import Final

from .exchange import Exchange
from .rule import Rule, Seen
from .side import Desk, Session, Side
from .transport import hexadecimal
from .update import FILES, MODE, TRADING, USING, selects_ef, shows_another_card

CRYPTOGRAPHIC: Final = frozenset(("INTERNAL AUTHENTICATION", "EXTERNAL AUTHENTICATION", "PIN CHANGE/UNBLOCK", *TRADING))
"""Commands whose data depend on the card's algorithm."""

OF_ENVIRONMENT: Final = frozenset(
    ("VERIFY", "CHANGE PIN", "INTERNAL AUTHENTICATION", "EXTERNAL AUTHENTICATION", *USING)
)
"""Commands that work in the social-security environment and below."""

SELECT: Final = frozenset(("SELECT",))
OF_DIRECTORY: Final = frozenset(("SELECT", *USING)) - {"PIN CHANGE/UNBLOCK", "CARD BLOCK"}
"""Commands that work in the current directory, or on what lies in it."""

NOT_THERE: Final = (0x6A82, 0x6A88, 0x6985, 0x6986, 0x6D00, 0x6E00)
"""Status words of a directory that has not the file, the key or the command."""


def _no_reset(x: Exchange, side: Side, _session: Session, desk: Desk) -> Seen | None:
    if not side.inserted or side.inserted == desk.line:
        return None
    line, side.inserted = side.inserted, 0
    return Seen(
        f"a card was put in on line {line}, and {x.name} comes without a reset before it",
        f"第 {line} 行插入卡片，{x.name} 之前没有复位",
    )


def _other_card(x: Exchange, side: Side, _session: Session, _desk: Desk) -> Seen | None:
    if not shows_another_card(x, side):
        return None
    return Seen(
        "the identification code is another one than before, within one session: the card was changed without a reset",
        "同一会话中卡的识别码发生变化：换卡后没有复位",
    )


def _no_environment(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if session.environment or not session.whole or x.word not in NOT_THERE:
        return None
    return Seen(
        f"{x.name} was refused ({hexadecimal(x.word)}): the environment SSSE was not selected after the reset",
        f"{x.name} 被拒绝（{hexadecimal(x.word)}）：复位后没有选择社会保障系统环境 SSSE",
    )


def _cut_name(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    partial = session.partial
    if partial is None or x.name in ("SELECT", "GET RESPONSE"):
        return None
    return Seen(
        f"SELECT has {partial.length} bytes of a longer name, and {x.name} (line {x.line}) uses what was found",
        f"SELECT 只给出名称的前 {partial.length} 字节，{x.name}（第 {x.line} 行）直接使用所选中的目录",
        partial.line,
    )


def _old_file(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    missed = session.missed
    if missed is None or not _means_current_file(x):
        return None
    there = "/".join(filter(None, (session.df, session.ef))) or "MF"
    return Seen(
        f"SELECT on line {missed.line} failed ({hexadecimal(missed.word)}); {there} is still selected, and {x.name} "
        f"works on it",
        f"第 {missed.line} 行的 SELECT 失败（{hexadecimal(missed.word)}），当前仍是 {there}，{x.name} 对其执行",
    )


def _means_current_file(x: Exchange) -> bool:
    """Return whether a command reads or updates the current file, not one that it names by its SFI (Part 5, 6.9 on)."""
    if x.name.endswith("BINARY"):
        return not x.p1 & 0x80
    return x.name in FILES and not x.p2 & ~MODE


def _old_directory(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    missed = session.missed
    if missed is None or selects_ef(missed) or _means_current_file(x) or x.word == 0x9303:
        return None
    if x.name == "SELECT" and not selects_ef(x):
        return None
    there = session.df or "MF"
    return Seen(
        f"SELECT on line {missed.line} failed ({hexadecimal(missed.word)}); {there} is still selected, and {x.name} "
        f"works in it",
        f"第 {missed.line} 行的 SELECT 失败（{hexadecimal(missed.word)}），当前目录仍是 {there}，{x.name} 在其中执行",
    )


def _blocked(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    blocked = session.blocked
    if blocked is None or x.name == "SELECT" or x.word != blocked.word:
        return None
    return Seen(
        f"{blocked.name} on line {blocked.line} got 9303: the application is locked for good. {x.name} follows",
        f"第 {blocked.line} 行的 {blocked.name} 收到 9303：应用已永久锁定；随后又发送 {x.name}",
    )


def _card_blocked(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    blocked = session.card_blocked
    if blocked is None or blocked is not session.last or x.word != blocked.word:
        return None
    return Seen(
        f"SELECT on line {blocked.line} got 6A81: the card is locked. {x.name} follows",
        f"第 {blocked.line} 行的 SELECT 收到 6A81：卡片已锁定；随后又发送 {x.name}",
    )


def _algorithm(x: Exchange, _side: Side, session: Session, _desk: Desk) -> Seen | None:
    if session.fci or session.environment != "social" or not session.whole:
        return None
    session.fci = True
    return Seen(
        f"{x.name} needs the card's algorithm, and the FCI of SSSE that names it was not fetched",
        f"{x.name} 需要算法标识，但没有取回 SSSE 的 FCI",
    )


def _again(x: Exchange, side: Side, session: Session, _desk: Desk) -> Seen | None:
    last = session.last
    if last is None or last.name != "SELECT" or not last.done or last.apdu != x.apdu or x.p2 == 0x02 or side.psam:
        return None
    return Seen(f"line {last.line} has selected it already", f"第 {last.line} 行已经选择过")


def _left_powered(side: Side, session: Session, desk: Desk) -> Iterator[Seen]:
    if desk.over and session.whole and session.commands and not session.pulled:
        yield Seen(
            f"the card in {side.reader or 'the reader'} still has power at the end of the trace",
            f"记录结束时{side.reader or '读写器'}中的卡仍未下电",
        )


SELECTION: Final = (
    Rule(
        "no-reset-after-insertion",
        "error",
        "A new card is used without a reset",
        "插入卡片后没有复位",
        "Part 2, 6.1; Part 8, A1.3",
        "A card answers only after a cold reset. Without it a terminal also keeps what it knew of the last card.",
        "卡片须经冷复位才能应答；不复位的终端还会沿用上一张卡的信息。",
        "Reset every card cold when it is put in, and forget everything of the card before.",
        "每次插入卡片都进行冷复位，并清除上一张卡的全部信息。",
        _no_reset,
        psam=None,
        social=False,
    ),
    Rule(
        "no-reset-between-cards",
        "error",
        "Another card within one session",
        "换卡后没有复位",
        "Part 2, 6.1; Part 7, 5.1",
        "The card was changed, and the terminal goes on as with the first one.",
        "卡片已更换，终端却继续按原来的卡处理。",
        "Watch whether the card is there; reset the next one and begin with SELECT SSSE.",
        "检测卡片是否在位；对新卡复位，并从选择 SSSE 开始。",
        _other_card,
        frozenset(("READ RECORD",)),
    ),
    Rule(
        "environment-not-selected",
        "error",
        "The environment SSSE is not selected",
        "没有选择社会保障系统环境",
        "Part 7, 5.2; Part 3, 6.4",
        "After a reset the MF is selected. What belongs to the social-security environment is not found there.",
        "复位后当前目录是 MF，其中没有社会保障系统环境的文件和密钥。",
        "Begin every session with SELECT SSSE by its whole name.",
        "每次会话首先以完整名称选择 SSSE。",
        _no_environment,
        OF_ENVIRONMENT,
    ),
    Rule(
        "select-by-cut-name",
        "error",
        "SELECT by a name cut short",
        "SELECT 使用不完整的名称",
        "Part 3, 6.5.1; Part 5, 6.11.5",
        "The name in the FCI is longer than the one sent. Another card finds another directory by it, or none.",
        "FCI 中的名称比发送的名称长；换一张卡可能选中其他目录或选择失败。",
        "Send the whole name, and compare it with tag 84 of the FCI.",
        "发送完整名称，并与 FCI 中标签 84 的名称比较。",
        _cut_name,
        psam=None,
        social=False,
    ),
    Rule(
        "failed-select-ignored",
        "error",
        "The old file is used after a failed SELECT",
        "SELECT 失败后使用原文件",
        "Part 5, 6.11; Part 3, 6.5",
        "A failed SELECT changes nothing: data come from, or go to, the file that was selected before.",
        "SELECT 失败不改变当前文件，读写的是原来的文件。",
        "End the function if SELECT is refused, or select something else.",
        "SELECT 被拒绝时结束，或选择其他文件。",
        _old_file,
        FILES,
        psam=None,
        social=False,
    ),
    Rule(
        "old-directory-used",
        "warning",
        "The old directory is used after a failed SELECT",
        "SELECT 失败后使用原目录",
        "Part 5, 6.11; Part 3, 6.5",
        "A failed SELECT changes nothing: a file of the same identifier is taken for that of the missing directory. "
        "A terminal that wants the old directory is right.",
        "SELECT 失败不改变当前目录，标识相同的文件会被当作所缺目录中的文件。若终端本来就要使用原目录，则没有错误。",
        "Select the wanted directory again after a SELECT that was refused.",
        "SELECT 被拒绝后，重新选择要使用的目录。",
        _old_directory,
        OF_DIRECTORY,
        psam=None,
        social=False,
    ),
    Rule(
        "locked-application-used",
        "error",
        "A locked application is used (9303)",
        "使用已锁定的应用（9303）",
        "Part 7, 13.2",
        "9303 says that the application is locked for good. Every command but SELECT gets 9303 again.",
        "9303 表示应用已永久锁定，除 SELECT 外的命令均返回 9303。",
        "Tell the holder, and end the transaction or select another application.",
        "提示持卡人，结束交易或选择其他应用。",
        _blocked,
        psam=None,
        social=False,
    ),
    Rule(
        "locked-card-used",
        "error",
        "A locked card is used (6A81)",
        "使用已锁定的卡（6A81）",
        "Part 7, 13.1; Part 5, 6.2",
        "6A81 on SELECT says that the card is locked for good.",
        "SELECT 返回 6A81 表示卡片已锁定。",
        "Take the power from the card and give it back to the holder.",
        "卡片下电并退还持卡人。",
        _card_blocked,
        social=False,
    ),
    Rule(
        "algorithm-not-read",
        "warning",
        "The card's algorithm is not read",
        "没有读取算法标识",
        "Part 7, 5.3; terminal interface, 10.1",
        "The FCI of SSSE names the cipher (tag 9F0C/86). A terminal that takes one for granted fails with other cards.",
        "SSSE 的 FCI 给出算法标识（9F0C 中的 86）；终端若默认某种算法，遇到其他卡就会失败。",
        "Fetch the FCI after SELECT SSSE and choose the PSAM's environment by it.",
        "选择 SSSE 后取回 FCI，据此选择 PSAM 的算法环境。",
        _algorithm,
        CRYPTOGRAPHIC,
    ),
    Rule(
        "selected-twice",
        "note",
        "The same SELECT twice in a row",
        "连续两次相同的 SELECT",
        "Part 5, 6.11",
        "It costs time and changes nothing.",
        "浪费时间，没有作用。",
        "Remember what is selected.",
        "记住当前选中的文件。",
        _again,
        SELECT,
        psam=None,
        social=False,
    ),
    Rule(
        "card-left-powered",
        "note",
        "The card still has power at the end",
        "结束时卡片未下电",
        "terminal interface, 1.1.3; Part 7, 5.5",
        "The PIN stays verified and keys stay proven until the card loses its power: whoever comes next may use them.",
        "卡片下电前 PIN 和密钥的验证结果一直有效，后来者可以利用。",
        "Take the power from the card at the end of every function, also after an error.",
        "每个函数结束时，包括出错时，都对卡片下电。",
        end=_left_powered,
        social=False,
    ),
)
