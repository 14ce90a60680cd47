"""Every code of the national functions (terminal interface, appendix A): a scenario for each that can happen."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cardfs.model.files import CardContents
from emulator.terminal import FUNCTIONS, HSM_CODES, Result, Terminal, TerminalError, call
from emulator.terminal.errors import TEXTS, refused
from tests.kit.card import SSSE, contents
from tests.kit.terminal import (
    CARD,
    IDENTIFICATION,
    INFO,
    PAYMENT,
    TIME,
    TerminalBench,
    Wire,
    other_roots,
    psam_contents,
    roots_without,
    settings,
    with_money,
)

TABLE_A1 = """
-1 卡类型不对
-2 无卡
-3 有卡未上电
-4 卡无应答
-5 加载动态库错
-11 读卡器连接错
-12 未建立连接
-13 （动态库）不支持该命令
-14 （发给动态库的）命令参数错
-15 信息校验和出错
-20 卡识别码格式错
-21 内部认证失败（用户卡不合法）
-22 传入数据与卡内不符
-23 传入数据不合法
-24 PSAM 卡密钥级别不够
-31 用户取消密码输入
-32 密码输入操作超时
-33 输入密码长度错
-34 两次输入密码不一致
-35 初始密码不能交易
-36 不能改为初始密码
-41 运算数据含非法字符
-42 运算数据长度错
-51 PIN 校验失败，剩余次数 N 次
-52 PIN 锁定
-2201 无 PSAM 卡
-2202 PSAM 卡算法不支持（即 PSAM 卡内没有 SSF33 算法或 SM4 算法）
-2203 PSAM 卡内没有 RKSSSE 密钥（3.0 卡读个人基本信息需要 RKSSSE 密钥外部认证）
-2204 不需要加密机认证
-25536 外部认证失败，剩余可尝试次数 N 次
-25537 外部认证失败，剩余可尝试次数 N 次
-25538 外部认证失败，剩余可尝试次数 N 次
-26368 Lc/Le 不正确
-26881 命令不接受（无效状态）
-27009 命令与文件结构不相符、当前文件非所需文件
-27010 不满足安全条件
-27011 密钥锁定（算法锁定）鉴别方法锁定
-27012 引用数据无效、随机数无效
-27013 不满足使用条件、应用被锁定、应用未选择、余额上溢
-27016 安全报文数据项不正确、MAC 不正确
-27264 数据域参数不正确
-27265 不支持该功能、卡中无 MF、卡被锁定、应用锁定
-27266 未找到文件、文件标识相重、SFI 不正确
-27267 未找到记录
-27272 未找到引用数据、未找到密钥
-37634 MAC 无效
-37635 应用已被永久锁定、卡片锁定
-37891 PSAM 卡不支持消费交易
-37894 所需 MAC（或/和 TAC）不可用
"""
"""Table A.1, copied from the standard; N stands for what the card says."""

NEVER = {
    -35: "reserved there (预留)",
    -36: "reserved there (预留)",
    -3: "of a reader; see PCSC_CODES",
    -5: "of a reader; see PCSC_CODES",
    -11: "of a reader; see PCSC_CODES",
    -15: "of a reader; see PCSC_CODES",
}
"""Codes that no scenario of this file gives, and why; those of readers have theirs in test_terminal_readers."""


Outcome = tuple[int, str]


def table() -> dict[int, str]:
    """The table by code."""
    return {int(line.split(" ", 1)[0]): line.split(" ", 1)[1] for line in TABLE_A1.strip().splitlines()}


# Cards and PSAMs of their own kind ------------------------------------------------------------------


def with_record(number: int, record: bytes) -> CardContents:
    """A card with another record in the issuer's file."""
    made = contents()
    records = made.contents[f"{SSSE}/EF05"]
    assert isinstance(records, tuple)
    changed = (*records[: number - 1], record, *records[number:])
    return replace(made, contents={**made.contents, f"{SSSE}/EF05": changed})


def without_sm4() -> CardContents:
    """A PSAM without its environment for SM4."""
    made = psam_contents()
    path = next(path for path, df in made.dfs.items() if df.name == bytes.fromhex("7378332E73682EC9E7BBE1B1A3D5CF"))
    gone = {each for each in made.dfs if each.startswith(path)}
    return replace(
        made,
        dfs={each: df for each, df in made.dfs.items() if each not in gone},
        efs={each: ef for each, ef in made.efs.items() if ef.parent not in gone},
        contents={each: held for each, held in made.contents.items() if made.efs[each].parent not in gone},
        keys={at: key for at, key in made.keys.items() if at[0].owner not in gone},
        tries={at: left for at, left in made.tries.items() if at[0].owner not in gone},
        names={each: names for each, names in made.names.items() if each not in gone},
    )


def psam_without(*names: str) -> CardContents:
    """A PSAM that lacks keys."""
    return psam_contents(roots=roots_without(*names))


def psam_with_other(*names: str) -> CardContents:
    """A PSAM of another scheme: some of its roots are others."""
    return psam_contents(roots=other_roots(*names))


def spent(bench: TerminalBench, name: str) -> TerminalBench:
    """Take all tries of a key or of the PIN."""
    image = bench.user.card.image
    at = next(at for at in image.tries if at[0].name == name)
    while image.left(at):
        image.charge(at)
    return bench


def locked(bench: TerminalBench, df: str = "") -> TerminalBench:
    """Lock an application, or the card."""
    image = bench.user.card.image
    change = image.begin()
    if df:
        change.put_df(replace(image.dfs[f"{SSSE}/{df}"], blocked=True))
    else:
        change.put_info(replace(image.info, blocked=True))
    change.commit()
    return bench


def before(bench: TerminalBench, head: str, *commands: str) -> TerminalBench:
    """Let another program send commands to the user card just before the first one that begins so."""
    left = list(commands)

    def cut(command: bytes) -> bool:
        if command.hex().upper().startswith(head):
            while left:
                bench.user.card.transmit(bytes.fromhex(left.pop(0)))
        return False

    bench.user.cut = cut
    return bench


def answering(wire: Wire | None, head: str, change: Callable[[bytes], bytes]) -> None:
    """Let a card answer commands that begin so in another way."""
    assert wire is not None
    real = wire.card.transmit

    def transmit(command: bytes) -> bytes:
        answer = real(command)
        return change(answer) if command.hex().upper().startswith(head) else answer

    wire.card.transmit = transmit  # type: ignore[method-assign, assignment]


# What happens ---------------------------------------------------------------------------------------

Work = Callable[[TerminalBench], Outcome]


def of(name: str, *parameters: Any) -> Work:
    """A function as it is."""
    return lambda bench: bench.call(name, *parameters)


def as_call(work: Callable[[], Result]) -> Outcome:
    try:
        return 0, work().text
    except TerminalError as error:
        return error.code, error.text


def with_pad(code: int) -> Work:
    """A pad on which nobody gives a PIN."""

    def pad(prompt: str) -> str:
        raise TerminalError(f"{prompt}: no", code)

    def work(bench: TerminalBench) -> Outcome:
        bench.terminal.pad = pad
        return bench.call("iVerifyPIN", 3)

    return work


def basic_steps(key: Callable[[str], str], other: str = "") -> Work:
    """The HSM steps of basic data, with another answer or other roots of the HSM."""

    def work(bench: TerminalBench) -> Outcome:
        if other:
            bench.hsm.roots = other_roots(other)
        return bench.call("iReadCardBas_HSM_Step2", key(bench.hsm.basic(bench.ok("iReadCardBas_HSM_Step1", 3))))

    return work


def debit_steps(key: Callable[[str], str], other: str = "") -> Work:
    """The HSM steps of a purchase likewise."""

    def work(bench: TerminalBench) -> Outcome:
        if other:
            bench.hsm.roots = other_roots(other)
        step1 = bench.ok("iDoDebit_HSM_Step1", 3, INFO, PAYMENT)
        return bench.call("iDoDebit_HSM_Step2", key(bench.hsm.purchase(step1, CARD)))

    return work


def pin_steps(key: Callable[[TerminalBench, str], str], name: str = "iUnblockPIN") -> Work:
    """The HSM steps of PIN functions: ``key`` makes the third step's input of the second's output."""

    def work(bench: TerminalBench) -> Outcome:
        step1 = bench.ok(f"{name}_HSM_Step1", 3, INFO)
        step2 = bench.ok(f"{name}_HSM_Step2", bench.hsm.authentication(step1, CARD))
        return bench.call(f"{name}_HSM_Step3", key(bench, step2))

    return work


def secured(bench: TerminalBench, text: str) -> str:
    return bench.hsm.secured(text, CARD)


def secured_by_another(bench: TerminalBench, text: str) -> str:
    bench.hsm.roots = other_roots("STK")
    return secured(bench, text)


def another_command(_bench: TerminalBench, _text: str) -> str:
    return "842400010400000000"


def no_pin(bench: TerminalBench, text: str) -> str:
    """A command whose enciphered data are no PIN, MAC and all."""
    return secured(bench, "|".join((*text.split("|")[:4], "AB", "")))


def load(bench: TerminalBench) -> Outcome:
    return as_call(lambda: bench.terminal.load(INFO, "1.00", lambda text: bench.hsm.load(text, CARD, TIME)))


def another_mac1(bench: TerminalBench) -> Outcome:
    bench.hsm.roots = other_roots("DLK")
    return load(bench)


def another_mac2(bench: TerminalBench) -> Outcome:
    key = f"{TIME}|00000000|"
    return as_call(lambda: bench.terminal.load(INFO, "1.00", lambda _: key))


def changed_mac2(bench: TerminalBench) -> Outcome:
    answering(bench.user, "00C0000008", lambda answer: answer[:4] + bytes((answer[4] ^ 1,)) + answer[5:])
    return bench.call("iDoDebit", 3, INFO, PAYMENT)


def twice(work: Work, times: int) -> Work:
    """The last of several."""

    def repeated(bench: TerminalBench) -> Outcome:
        for _ in range(times - 1):
            work(bench)
        return work(bench)

    return repeated


def stale(bench: TerminalBench) -> Outcome:
    """A second step after another function has used the reader."""
    step1 = bench.ok("iReadCard_HSM_Step1", 3, INFO, "DF01EF05|20|$")
    bench.ok("iVerifyPIN", 3)
    return bench.call("iReadCard_HSM_Step2", bench.hsm.authentication(step1, CARD))


def crossed(bench: TerminalBench) -> Outcome:
    """A second step of another function than the first."""
    step1 = bench.ok("iReadCard_HSM_Step1", 3, INFO, "DF01EF05|20|$")
    return bench.call("iWriteCard_HSM_Step2", bench.hsm.authentication(step1, CARD), "DF01EF05|20|$")


def proof(bench: TerminalBench, kind: str = "2", sequence: str = "0000") -> Outcome:
    return as_call(lambda: bench.terminal.proof(INFO, kind, sequence))


def mute(bench: TerminalBench) -> Outcome:
    answering(bench.user, "", lambda _: b"")
    return bench.call("iReadCardBas", 3)


def wrong_length(bench: TerminalBench) -> Outcome:
    answering(bench.user, "0020000003", lambda _: bytes.fromhex("6700"))
    return bench.call("iVerifyPIN", 3)


def a_user_card_as_psam() -> TerminalBench:
    return TerminalBench(psam=contents("ssc-3.0"))


ATR = '[atr]\nhead = "3B0D"'
READ = of("iReadCard", 3, 2, INFO, "DF01EF05|20|$")
WRITE = of("iWriteCard", 3, INFO, "DF01EF07|29|$", "DF01EF07|1|$")
BASIC = of("iReadCardBas", 3)
DEBIT = of("iDoDebit", 3, INFO, PAYMENT)
VERIFY = of("iVerifyPIN", 3)


def read(address: str, auth: int = 1) -> Work:
    return of("iReadCard", 3, auth, INFO, address)


def write(address: str, data: str) -> Work:
    return of("iWriteCard", 3, INFO, address, data)


def pay(payment: str) -> Work:
    return of("iDoDebit", 3, INFO, payment)


def wrong_card() -> TerminalBench:
    bench = TerminalBench()
    image = bench.user.card.image
    change = image.begin()
    change.put_info(replace(image.info, atr=bytes.fromhex("3B6500002063CB6800")))
    change.commit()
    return bench


def empty() -> TerminalBench:
    bench = TerminalBench()
    bench.terminal = Terminal(None)
    return bench


OTHER_CITY = psam_contents(region="519800")
SCENARIOS: dict[str, tuple[int, Callable[[], TerminalBench], Work]] = {
    "a card with another answer to reset": (-1, wrong_card, BASIC),
    "a card of an unknown version": (-1, lambda: TerminalBench(user=with_record(3, b"\x03\x049.99")), BASIC),
    "no card": (-2, empty, BASIC),
    "no contactless reader": (-2, TerminalBench, of("iReadCardBas", 2)),
    "a card that says nothing": (-4, TerminalBench, mute),
    "a second step without a first": (-12, TerminalBench, of("iReadCardBas_HSM_Step2", "|")),
    "a second step too late": (-12, TerminalBench, stale),
    "a second step of another function": (-12, TerminalBench, crossed),
    "a function that there is not": (-13, TerminalBench, of("iFoo")),
    "too few parameters": (-14, TerminalBench, of("iReadCard", 3)),
    "an identification code that is none": (
        -20,
        lambda: TerminalBench(user=with_record(1, b"\x01\x10" + b"\xab" * 16)),
        BASIC,
    ),
    "no identification code": (-20, lambda: TerminalBench(user=with_record(1, b"\x02\x01A")), BASIC),
    "an expected code that is none": (-20, TerminalBench, of("iReloadPIN", 3, "12|A00004282|")),
    "a PSAM of another issuer": (-21, lambda: TerminalBench(psam=psam_with_other("IRK")), BASIC),
    "an HSM of another issuer": (-21, lambda: TerminalBench("ssc-3.0"), basic_steps(lambda key: key, "IRK")),
    "an HSM's answer to another question": (-21, TerminalBench, basic_steps(lambda key: "0" * 32 + key[32:])),
    "an HSM's answer of another original": (
        -21,
        TerminalBench,
        basic_steps(lambda key: key[:16] + "0" * 16 + key[32:]),
    ),
    "another card": (-22, TerminalBench, of("iReloadPIN", 3, INFO.replace("519900", "519901"))),
    "another card number": (-22, TerminalBench, of("iUnblockPIN", 3, INFO.replace("A0", "B0"))),
    "a kind of card that there is not": (-23, TerminalBench, of("iReadCardBas", 5)),
    "a kind of authentication that there is not": (-23, TerminalBench, of("iReadCard", 3, 3, INFO, "DF01EF05|20|$")),
    "card information without its end": (-23, TerminalBench, of("iReloadPIN", 3, INFO[:-1])),
    "an address without its end": (-23, TerminalBench, read("DF01EF05|20|")),
    "an address without |": (-23, TerminalBench, read("DF01EF05|20$")),
    "a file without |": (-23, TerminalBench, read("DF01EF05|20|$DF01EF06$DF01EF07|$")),
    "a file name that is none": (-23, TerminalBench, read("EF05|20|$")),
    "a tag that is none": (-23, TerminalBench, read("DF01EF05|XY|$")),
    "a record number that is none": (-23, TerminalBench, read("DF02EF07|0|$")),
    "items of a transparent file": (-23, TerminalBench, read("DF01EF16|20|$")),
    "data for another file": (-23, TerminalBench, write("DF01EF07|29|$", "DF01EF08|1|$")),
    "too few values": (-23, TerminalBench, write("DF01EF05|20|21|$", "DF01EF05|22|$")),
    "too few fields": (-23, TerminalBench, write("DF02EF07|$", "DF02EF07|1^2^|$")),
    "a field without its end": (-23, TerminalBench, write("DF02EF07|$", "DF02EF07|1^2^3^4|$")),
    "writing one record of a cyclic file": (-23, TerminalBench, write("DF02EF07|1|$", "DF02EF07|1^2^3^4^|$")),
    "an amount without decimals": (-23, TerminalBench, pay(f"12|10.00|{TIME}|")),
    "an amount too large": (-23, TerminalBench, pay(f"42949672.95|10.00|{TIME}|")),
    "more covered than paid": (-23, TerminalBench, pay(f"1.00|1.01|{TIME}|")),
    "a time that is none": (-23, TerminalBench, pay("12.50|10.00|20240231121500|")),
    "a time too short": (-23, TerminalBench, pay("12.50|10.00|2024013112150|")),
    "a payment without its end": (-23, TerminalBench, pay(PAYMENT[:-1])),
    "a proof of no trade": (-23, TerminalBench, lambda bench: proof(bench, "3")),
    "an HSM's answer for another time": (-23, TerminalBench, debit_steps(lambda key: key.replace("2024", "2025"))),
    "another command than asked for": (-23, TerminalBench, pin_steps(another_command)),
    "a PSAM of another city": (-24, lambda: TerminalBench(psam=OTHER_CITY), WRITE),
    "a purchase with a PSAM of another city": (-24, lambda: TerminalBench(psam=OTHER_CITY), DEBIT),
    "a PSAM of another province": (
        -24,
        lambda: TerminalBench("ssc-3.0", psam=psam_contents(region="330100")),
        BASIC,
    ),
    "the holder cancels": (-31, TerminalBench, with_pad(-31)),
    "no PIN pad": (-31, TerminalBench, lambda bench: call(Terminal(bench.terminal._readers[1]), "iVerifyPIN", 3)),
    "the holder is slow": (-32, TerminalBench, with_pad(-32)),
    "three digits": (-33, lambda: TerminalBench(fingers="123"), VERIFY),
    "seventeen digits": (-33, lambda: TerminalBench(fingers="1" * 17), of("iReloadPIN", 3, INFO)),
    "letters": (-41, lambda: TerminalBench(fingers="12AB"), of("iChangePIN", 3)),
    "a new PIN in two ways": (
        -34,
        lambda: TerminalBench(fingers={"请输入新密码": "1111", "请再次输入新密码": "1112"}),
        of("iReloadPIN", 3, INFO),
    ),
    "an HSM's answer that is not hex": (-41, TerminalBench, basic_steps(lambda key: "G" + key[1:])),
    "letters for digits": (-41, TerminalBench, write("DF01EF05|0E|$", "DF01EF05|51990A|$")),
    "letters for hex": (-41, TerminalBench, write("DF01EF16|$", f"DF01EF16|{'XX' * 0x128}|$")),
    "no character of GB 18030": (-41, TerminalBench, write("DF01EF05|21|$", "DF01EF05|\ud800|$")),
    "an HSM's answer too short": (-42, TerminalBench, basic_steps(lambda key: key[2:])),
    "an HSM's answer with too many fields": (-42, TerminalBench, debit_steps(lambda key: key + "|")),
    "a command too short": (-42, TerminalBench, pin_steps(lambda bench, text: secured(bench, text)[:-2])),
    "a value too long": (-42, TerminalBench, write("DF01EF07|29|$", "DF01EF07|12|$")),
    "bytes too few": (-42, TerminalBench, write("DF01EF16|$", "DF01EF16|00|$")),
    "a wrong PIN": (-51, lambda: TerminalBench(fingers="000000"), VERIFY),
    "a wrong PIN for a change": (-51, lambda: TerminalBench(fingers="000000"), of("iChangePIN", 3)),
    "a wrong PIN for a purchase": (-51, lambda: TerminalBench(fingers="000000"), DEBIT),
    "a locked PIN": (-52, lambda: spent(TerminalBench(), "PIN"), VERIFY),
    "a locked PIN for a change": (-52, lambda: spent(TerminalBench(), "PIN"), of("iChangePIN", 3)),
    "a locked PIN, not asked about": (
        -52,
        lambda: spent(TerminalBench(settings=settings(pin_query=False)), "PIN"),
        VERIFY,
    ),
    "a locked PIN for a change, not asked about": (
        -52,
        lambda: spent(TerminalBench(settings=settings(pin_query=False)), "PIN"),
        of("iChangePIN", 3),
    ),
    "no PSAM": (-2201, lambda: TerminalBench(psam=None), BASIC),
    "no PSAM for writing": (-2201, lambda: TerminalBench(psam=None), WRITE),
    "a user card in the PSAM's reader": (-2201, lambda: TerminalBench("ssc-3.0", psam=contents("ssc-1.0")), BASIC),
    "a PSAM without SM4": (-2202, lambda: TerminalBench("ssc-3.0", psam=without_sm4()), BASIC),
    "a PSAM without SSF33": (-2202, lambda: TerminalBench(user=ssf33()), BASIC),
    "a card of Beijing that announces no algorithm": (-2202, lambda: TerminalBench(user=silent("110000")), BASIC),
    "a PSAM without RKSSSE": (-2203, lambda: TerminalBench("ssc-3.0", psam=psam_without("RKSSSE")), BASIC),
    "a free file needs no HSM": (-2204, TerminalBench, of("iReadCard_HSM_Step1", 3, INFO, "DF01EF16|$")),
    "a file by PIN needs no HSM": (-2204, TerminalBench, of("iReadCard_HSM_Step1", 3, INFO, "DF04EF08|$")),
    "authentication fails": (-25538, lambda: TerminalBench(psam=psam_with_other("UK2DF01")), WRITE),
    "and again": (-25537, lambda: TerminalBench(psam=psam_with_other("UK2DF01")), twice(WRITE, 2)),
    "and a third time": (-25536, lambda: TerminalBench(psam=psam_with_other("UK2DF01")), twice(WRITE, 3)),
    "a word about the length": (-26368, TerminalBench, wrong_length),
    "a stale trade": (-26881, lambda: before(TerminalBench(), "B02C", "0084000008"), DEBIT),
    "another program selects a file": (
        -27009,
        lambda: before(TerminalBench(), "00B20404", "00A4020002EF07"),
        read("SSSEEF06|0A|$"),
    ),
    "a file that nobody writes": (-27010, TerminalBench, write("DF04EF08|$", "DF04EF08|1^2^3^4^5^6^7^|$")),
    "a 3.0 card without its key": (-27010, lambda: TerminalBench("ssc-3.0"), basic_steps(lambda key: f"{key[:32]}||")),
    "a locked key": (-27011, lambda: spent(TerminalBench(), "UK2DF01"), WRITE),
    "a challenge that is gone": (
        -27012,
        lambda: before(TerminalBench(), "0082", "00A4000002DDF1", "00A4000002DF01"),
        WRITE,
    ),
    "a balance too large": (-27013, lambda: TerminalBench(user=with_money(contents(), 0xFFFFFFFF - 99)), load),
    "another maintenance key": (-27016, lambda: TerminalBench(psam=psam_with_other("STK")), of("iUnblockPIN", 3, INFO)),
    "another maintenance key of the HSM": (-27016, TerminalBench, pin_steps(secured_by_another)),
    "enciphered data that are no PIN": (-27264, TerminalBench, pin_steps(no_pin, "iReloadPIN")),
    "a locked card": (-27265, lambda: locked(TerminalBench()), BASIC),
    "a file of another version": (-27266, lambda: TerminalBench("ssc-1.0"), read("DF01EF15|2A|$")),
    "a file that the terminal knows and the card lacks": (
        -27266,
        lambda: TerminalBench("ssc-2.0", '[[ef]]\nid = "DF01/EF1A"\nremove = true'),
        read("DF01EF1A|$"),
    ),
    "an item that the file has not": (-27267, TerminalBench, read("DF01EF05|99|$")),
    "a repetition that the file has not": (-27267, TerminalBench, read("DF01EF15|40:4|$")),
    "a record that is not there": (-27267, TerminalBench, read("DF02EF07|3|$")),
    "a record that the card's version has not": (
        -27267,
        lambda: TerminalBench("ssc-1.0", settings=settings(v1="ssc-2.0")),
        read("DF01EF05|0E|$"),
    ),
    "another record than the terminal knows": (
        -27267,
        lambda: TerminalBench("ssc-1.0", settings=settings(v1="ssc-2.0")),
        read("DF01EF06|23|$"),
    ),
    "a PSAM without the key": (-27272, lambda: TerminalBench(psam=psam_without("UK2DF01")), WRITE),
    "a PSAM without the purchase key": (-27272, lambda: TerminalBench(psam=psam_without("DPK")), DEBIT),
    "an address that no HSM has": (-27272, TerminalBench, of("iReadCard_HSM_Step1", 3, INFO, "DF06EF05|$")),
    "another purchase key of the HSM": (-37634, TerminalBench, debit_steps(lambda key: key, "DPK")),
    "another purchase key of the PSAM": (-37634, lambda: TerminalBench(psam=psam_with_other("DPK")), DEBIT),
    "another MAC2 of the card": (-37634, TerminalBench, changed_mac2),
    "another MAC2, and a PSAM with the other word": (
        -37634,
        lambda: TerminalBench(psam=psam_contents('[settings.psam]\nmac2_error = "63CF"')),
        changed_mac2,
    ),
    "another load key of the HSM": (-37634, TerminalBench, another_mac1),
    "another load key for the card": (-37634, TerminalBench, another_mac2),
    "a locked application": (-37635, lambda: locked(TerminalBench(), "DF04"), DEBIT),
    "a purchase key index that the card has not": (
        -37891,
        lambda: TerminalBench(settings=settings(key_index=9)),
        DEBIT,
    ),
    "a trade that was never made": (-37894, TerminalBench, proof),
}
"""What happens, by a name: the code, the cards, and the function."""


def ssf33() -> CardContents:
    """A card that says its algorithm is SSF33."""
    made = contents()
    df = made.dfs[SSSE]
    return replace(made, dfs={**made.dfs, SSSE: replace(df, issuer_data=bytes.fromhex("860102"))})


def silent(region: str) -> CardContents:
    """A card of a region without an algorithm in its FCI (terminal interface, 10.1)."""
    made = with_record(1, b"\x01\x10" + bytes.fromhex(region + IDENTIFICATION[6:]))
    return replace(made, dfs={**made.dfs, SSSE: replace(made.dfs[SSSE], issuer_data=b"")})


@pytest.mark.parametrize(("code", "make", "work"), SCENARIOS.values(), ids=SCENARIOS)
def test_what_happens_has_its_code_and_text(code: int, make: Callable[[], TerminalBench], work: Work) -> None:
    bench = make()
    returned, text = work(bench)
    assert returned == code
    wanted = table()[code]
    tries = {-25536: "0", -25537: "1", -25538: "2", -51: "2"}.get(code, "")
    assert text == wanted.replace(" N ", f" {tries} ")
    bench.terminal.close()
    bench.no_power()


def test_a_card_that_announces_no_algorithm_is_des_elsewhere() -> None:
    """Terminal interface, 10.1."""
    assert TerminalBench(user=silent("519900")).call("iReadCardBas", 3)[0] == 0


def test_a_locked_pin_is_not_asked_for() -> None:
    """Part 7, 5.7: 63C0 says so before anybody types."""
    bench = spent(TerminalBench(), "PIN")
    assert VERIFY(bench)[0] == -52
    assert bench.call("iChangePIN", 3)[0] == -52
    assert bench.prompts == []


def test_every_code_that_software_reaches_has_a_scenario() -> None:
    assert {code for code, _, _ in SCENARIOS.values()} | set(NEVER) == set(table())
    assert not {code for code, _, _ in SCENARIOS.values()} & set(NEVER)


def test_the_texts_are_the_tables() -> None:
    assert {code: text.replace("{}", "N") for code, text in TEXTS.items()} == table()


def test_five_codes_lead_to_the_hsm() -> None:
    """Terminal interface, 10.5."""
    assert {-2201, -2202, -2203, -27272, -24} == HSM_CODES


def test_other_words_are_unknown_errors() -> None:
    """Appendix A: 其他 未知错误; the code is still the word."""
    short = TerminalBench(user=with_money(contents(), 99), settings=settings(debit_amounts="account"))
    assert DEBIT(short) == (-0x9401, "未知错误")


@pytest.mark.parametrize("word", [0x63C0, 0x63C1, 0x63C2])
def test_the_table_prints_tries_in_the_other_order(word: int) -> None:
    """Setting terminal.sw_code_rule: -25536 is two tries left in table A.1, and 63C0 as a word."""
    left = word & 0x0F
    assert refused("x", word).code == -word
    assert refused("x", word, rule="table").code == {2: -25536, 1: -25537, 0: -25538}[left]
    for rule in ("minus-sw", "table"):
        assert refused("x", word, rule=rule).text == f"外部认证失败，剩余可尝试次数 {left} 次"


def test_the_rule_of_codes_is_a_setting() -> None:
    bench = TerminalBench(psam=psam_with_other("UK2DF01"), settings=settings(sw_code_rule="table"))
    assert WRITE(bench) == (-25536, "外部认证失败，剩余可尝试次数 2 次")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_names_its_counterpart_and_ends_without_power_when_there_is_no_card(name: str) -> None:
    bench = empty()
    parameters = FUNCTIONS[name].__code__.co_argcount - 1
    given: list[Any] = (
        [3, *(["x"] * (parameters - 1))] if "kind" in FUNCTIONS[name].__code__.co_varnames else ["x"] * parameters
    )
    if name == "iReadCard":
        given[1] = 1
    if "iDoDebit" in name and parameters > 1:
        given[2] = PAYMENT
    code, text = bench.call(name, *given)
    assert (code, text) == ((-2, "无卡") if given[0] == 3 else (-12, "未建立连接"))
    assert any(name in (getattr(Terminal, each).__doc__ or "") for each in dir(Terminal))
