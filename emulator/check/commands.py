"""Checks of commands: what each does (命令功能), and what it refuses of parameters (命令参数)."""

from collections.abc import Callable
from typing import Final

from cardfs.model import tlv
from cardfs.model.atr import HISTORICAL_LENGTH, historical_bytes, protocols
from cardfs.model.codecs import pin_to_cn
from cardfs.model.fci import ALGORITHM, ISSUER_DATA, NAME, PROPRIETARY, TEMPLATE
from cardfs.profile.files import EfPlan
from cardfs.profile.loader import KeyPlan

from .bench import OK, SELECT_SSSE, Bench, find_object, is_binary, is_free, proven_by_nothing, select_fid, select_name
from .check import BOTH, Check, Failed, Need, NotTested

WRITES: Final = frozenset[Need](("writes",))
PIN: Final = frozenset[Need](("writes", "pin"))
Try = Callable[[Bench], None]
ROOTS: Final = frozenset[Need](("writes", "roots"))
ISSUER: Final = 0xEF05
SUSPENDED: Final = 0x9303
"""SELECT of an application that is locked (Part 5, 6.1)."""
_ABSENT: Final = 0xE0E0
"""A file identifier that no card of the standard has (Part 6, 6.7)."""
_RANDOM: Final = bytes(range(16))


# -- what commands do -----------------------------------------------------------------------------


def _atr(b: Bench) -> None:
    atr = b.connection.atr
    b.command, b.answer = "", atr.hex().upper()
    if atr[:1] != b"\x3b":
        raise Failed(f"the answer to reset begins with {atr[:1].hex().upper()}, not with 3B")
    if len(historical_bytes(atr)) != HISTORICAL_LENGTH:
        raise Failed(f"the answer to reset has {len(historical_bytes(atr))} historical bytes, not 13")


def require_name(fci: bytes, wanted: bytes, what: str) -> None:
    """Raise `Failed` unless an FCI has a DF name."""
    if find_object(fci, f"the FCI of {what}", TEMPLATE, NAME) != wanted:
        raise Failed(f"tag 84 in the FCI of {what} is not its name")


def _environment(b: Bench) -> None:
    name = b.df("SSSE").name
    require_name(b.expect(SELECT_SSSE, "SELECT of the environment by name").data, name, "the environment")


def _algorithm(b: Bench) -> None:
    fci = b.need(SELECT_SSSE, "SELECT of the environment")
    try:
        found = tlv.find(fci, TEMPLATE, PROPRIETARY, ISSUER_DATA, ALGORITHM)
    except tlv.TlvError:
        found = b""
    if found is None:
        raise NotTested("the FCI announces no algorithm, which the standard allows")
    if found == b"\x02":
        raise NotTested("the card has SSF33, which is not public and of which there is no card type")
    if found.hex() != b.algorithm:
        raise Failed(f"tag 86 in the FCI is {found.hex().upper()}, but {b.profile.name} has {b.profile.suite}")


def _by_name(b: Bench) -> None:
    b.enter("SSSE")
    for each in b.applications:
        name = b.df(each).name
        if name:
            answer = b.expect(select_name(name), f"SELECT of {each} by name", OK, SUSPENDED)
            if answer.word == OK:
                require_name(answer.data, name, each)


def _by_fid(b: Bench) -> None:
    for each in b.applications:
        b.enter("SSSE")
        b.expect(select_fid(0x00, b.df(each).fid), f"SELECT of {each} by identifier", OK, SUSPENDED)


def _files(b: Bench) -> None:
    for df in ("SSSE", *b.applications):
        b.enter(df)
        for plan in b.files(df):
            answer = b.expect(select_fid(0x02, plan.ef.fid), f"SELECT of {plan.id}")
            if answer.data:
                raise Failed(f"SELECT of {plan.id} answered data, and an EF has no FCI")


def _absent(b: Bench) -> None:
    b.enter("SSSE")
    b.expect(select_fid(0x02, _ABSENT), "SELECT of an EF that is not there", 0x6A82)
    b.expect(select_name(b"D156.none"), "SELECT of a name that is not there", 0x6A82)


def _challenge(b: Bench) -> None:
    seen = set()
    for length in (4, 8, 16, 16):
        data = b.expect(bytes((0x00, 0x84, 0x00, 0x00, length)), f"GET CHALLENGE with Le {length:02X}").data
        if len(data) != length:
            raise Failed(f"GET CHALLENGE with Le {length:02X} answered {len(data)} bytes")
        seen.add(data)
    if len(seen) != 4:
        raise Failed("GET CHALLENGE answered the same bytes twice")


def _issuer(b: Bench) -> tuple[EfPlan, bytes]:
    """Select SSSE/EF05; return its plan and its record of tag 03."""
    b.enter("SSSE")
    plan = next(each for each in b.files("SSSE") if each.ef.fid == ISSUER)
    b.open(plan)
    return plan, b.need(bytes.fromhex("00B2030400"), "READ RECORD of SSSE/EF05 by number")


def _number(b: Bench) -> None:
    plan, _ = _issuer(b)
    for number, element in enumerate(plan.elements, 1):
        record = b.expect(bytes((0x00, 0xB2, number, 0x04, 0x00)), f"READ RECORD {number} of SSSE/EF05").data
        if record[:1] != bytes((element.tag or 0,)):
            begins = record[:1].hex().upper() or "nothing"
            raise Failed(f"record {number} of SSSE/EF05 begins with {begins}, not {element.tag:02X}")


def _same(b: Bench, wanted: bytes, command: str, what: str) -> None:
    if b.expect(bytes.fromhex(command), what).data != wanted:
        raise Failed(f"{what} answered another record than READ RECORD by number")


def _identifier(b: Bench) -> None:
    _, wanted = _issuer(b)
    _same(b, wanted, "00B2030000", "READ RECORD by identifier")


def _short(b: Bench) -> None:
    _, wanted = _issuer(b)
    b.enter("SSSE")
    _same(b, wanted, "00B2032C00", "READ RECORD by short identifier")


def _next(b: Bench) -> None:
    plan, _ = _issuer(b)
    b.open(plan)
    for element in plan.elements:
        record = b.expect(bytes.fromhex("00B2000200"), f"READ RECORD next, tag {element.tag:02X}").data
        if record[:1] != bytes((element.tag or 0,)):
            raise Failed(
                f"READ RECORD next answered tag {record[:1].hex().upper() or 'nothing'}, not {element.tag:02X}"
            )
    b.expect(bytes.fromhex("00B2000200"), "READ RECORD next after the last", 0x6A83)


def _past(b: Bench) -> None:
    plan, _ = _issuer(b)
    number = len(plan.elements) + 1
    b.expect(bytes((0x00, 0xB2, number, 0x04, 0x00)), f"READ RECORD {number}, behind the last", 0x6A83)


def _le(b: Bench) -> None:
    _, record = _issuer(b)
    answer = b.raw(bytes.fromhex("00B2030401"))
    if answer.word == OK and answer.data == record:
        return  # the reader has put it right
    if answer.word == OK and answer.data == record[:1] and b.profile.settings.read.le_mismatch == "shorter":
        return
    if answer.word != 0x6C00 | len(record):
        if 1 in protocols(b.connection.atr):
            raise NotTested(f"the card offers T=1, and answered {answer.hex}; 6Cxx is of T=0")
        raise Failed(f"READ RECORD with Le 01 answered {answer.hex}, not 6C{len(record):02X}")


def _all_records(b: Bench) -> None:
    plan, _ = _issuer(b)
    whole = b.expect(bytes.fromhex("00B2010500"), "READ RECORD from 1 to the last").data
    wanted = b"".join(bytes((element.tag or 0, element.length)) for element in plan.elements)
    heads, at = b"", 0
    while at + 1 < len(whole):
        heads += whole[at : at + 2]
        at += 2 + whole[at + 1]
    if heads != wanted or at != len(whole):
        raise Failed("READ RECORD from 1 to the last does not answer every record, one after the other")


def _free_binary(b: Bench) -> EfPlan:
    """Select a transparent file that is read free; return its plan."""
    df, plan = b.file(lambda each: is_binary(each) and is_free(each.ef.read), "transparent file that is read free")
    b.enter(df)
    b.open(plan)
    return plan


def _binary(b: Bench) -> None:
    plan = _free_binary(b)
    whole = b.expect(bytes.fromhex("00B0000010"), f"READ BINARY of {plan.id}").data
    tail = b.expect(bytes.fromhex("00B0000808"), f"READ BINARY of {plan.id} at 8").data
    if len(whole) != 16 or tail != whole[8:]:
        raise Failed(f"READ BINARY of {plan.id} at 8 answered other bytes than at 0")


def _beyond(b: Bench) -> None:
    plan = _free_binary(b)
    b.expect(b"\x00\xb0" + plan.ef.size.to_bytes(2) + b"\x01", f"READ BINARY behind the end of {plan.id}", 0x6B00)


def _misfit(b: Bench) -> None:
    _issuer(b)
    b.expect(bytes.fromhex("00B0000001"), "READ BINARY of a record file", 0x6981)
    _free_binary(b)
    b.expect(bytes.fromhex("00B2010400"), "READ RECORD of a transparent file", 0x6981)


def _no_file(b: Bench) -> None:
    b.enter("SSSE")
    b.expect(bytes.fromhex("00B2010400"), "READ RECORD with no file selected", 0x6986)


def _internal(b: Bench) -> None:
    b.enter("SSSE")
    answers = []
    for data in (_RANDOM, _RANDOM, _RANDOM[::-1]):
        answer = b.send(bytes.fromhex("0088000010") + data)
        if answer.word == 0x6A88 and _has_later_key(b):
            raise NotTested("the first version of IRK is retired")
        b.require(answer, "INTERNAL AUTHENTICATION")
        answers.append(answer.data)
        if len(answers[-1]) != 8:
            raise Failed(f"INTERNAL AUTHENTICATION answered {len(answers[-1])} bytes, not 8")
    if answers[0] != answers[1] or answers[0] == answers[2]:
        raise Failed("INTERNAL AUTHENTICATION does not depend on the random numbers alone")


def _has_later_key(b: Bench) -> bool:
    """Return whether INTERNAL AUTHENTICATION takes the second or the third version of IRK."""
    commands = (bytes.fromhex("0088000011") + _RANDOM + bytes((version,)) for version in (2, 3))
    return any(b.send(command).word == OK for command in commands)


def _no_response(b: Bench) -> None:
    b.enter("SSSE")
    b.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
    answer = b.raw(bytes.fromhex("00C0000000"))
    b.require(answer, "GET RESPONSE with nothing waiting", 0x6F00)


def _no_key(b: Bench) -> None:
    b.enter("SSSE")
    b.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
    b.expect(bytes.fromhex("0082007F10") + _RANDOM, "EXTERNAL AUTHENTICATION with a key that is not there", 0x6A88)


def _query(b: Bench) -> None:
    b.enter("SSSE")
    words = [b.send(bytes.fromhex("0020000000")).word for _ in range(2)]
    if words[0] not in (OK, 0x6983) and words[0] & 0xFFF0 != 0x63C0:
        raise Failed(f"VERIFY without data answered {words[0]:04X}, not 9000 or 63Cx")
    if words[0] != words[1]:
        raise Failed("VERIFY without data cost a try")


def _verify(b: Bench) -> None:
    b.enter("SSSE")
    b.verify()
    tries = b.tries()
    wrong = another_pin(b.means.pin)
    answer = b.send(bytes((0x00, 0x20, 0x00, 0x00, len(wrong))) + wrong)
    if answer.word != 0x63C0 | (tries - 1):
        raise Failed(f"VERIFY with a wrong PIN answered {answer.hex}, not {0x63C0 | (tries - 1):04X}")
    pin = pin_to_cn(b.means.pin)
    b.expect(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin, "VERIFY with the right PIN")
    if b.tries() < tries:
        raise Failed("VERIFY with the right PIN did not put the try counter back")


def another_pin(pin: str) -> bytes:
    """Return another PIN of the same length, in cn."""
    return pin_to_cn(another(pin))


def another(pin: str) -> str:
    """Return another PIN of the same length, as digits."""
    return pin[:-1] + str((int(pin[-1]) + 1) % 10)


def _change(b: Bench) -> None:
    b.enter("SSSE")
    b.verify()
    b.tries()
    old, new = pin_to_cn(b.means.pin), another_pin(b.means.pin)
    for before, after in ((old, new), (new, old)):
        data = before + b"\xff" + after
        b.expect(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data, "CHANGE PIN")
        b.reset()
        b.enter("SSSE")
        b.expect(bytes((0x00, 0x20, 0x00, 0x00, len(after))) + after, "VERIFY with the PIN that CHANGE PIN has set")


def _update(b: Bench) -> None:
    b.enter("SSSE")
    plan = next(each for each in b.files("SSSE") if each.ef.fid == 0xEF06)
    b.satisfy(plan.ef.read)
    b.satisfy(plan.ef.update)
    b.open(plan)
    number = len(plan.elements)
    read = bytes((0x00, 0xB2, number, 0x04, 0x00))
    old = b.need(read, f"READ RECORD of {plan.id}")
    if len(old) != plan.elements[-1].length + 2:
        raise NotTested(f"the last record of {plan.id} has {len(old)} bytes: records-ssse and free-files say more")
    new = old[:2] + bytes(len(old) - 2)
    for record in (new if new != old else old[:2] + b"\x11" * (len(old) - 2), old):
        b.expect(bytes((0x00, 0xDC, number, 0x04, len(record))) + record, f"UPDATE RECORD of {plan.id}")
        if b.expect(read, f"READ RECORD of {plan.id}").data != record:
            raise Failed(f"READ RECORD of {plan.id} does not answer what UPDATE RECORD has written")


def _no_challenge(b: Bench) -> None:
    plan = _first_key(b)
    answer = b.send(bytes((0x00, 0x82, 0x00, plan.kid or 0, 0x10)) + _RANDOM)
    if answer.word == 0x6983:
        raise NotTested(f"{plan.ref.name} is locked")
    b.require(answer, "EXTERNAL AUTHENTICATION without a challenge", 0x6984)


def _first_key(b: Bench) -> KeyPlan:
    """Select the environment; return the key that updates SSSE/EF05."""
    b.enter("SSSE")
    issuer = next(each for each in b.files("SSSE") if each.ef.fid == ISSUER)
    return b.plan(min(issuer.ef.update.refs))


def _once(b: Bench) -> None:
    plan = _first_key(b)
    b.key(plan.root)
    b.enter("SSSE")
    challenge = b.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
    if b.authenticate(plan, challenge=challenge).word != OK:
        raise NotTested("EXTERNAL AUTHENTICATION came before and was refused")
    b.require(b.authenticate(plan, challenge=challenge), "EXTERNAL AUTHENTICATION with a used challenge", 0x6984)


def _reset_ends(b: Bench) -> None:
    df, plan = b.file(
        lambda each: not is_free(each.ef.read) and all(len(way) == 1 for way in each.ef.read.alternatives),
        "file that one proof opens",
    )
    b.enter(df)
    if plan.ef.read.holds(proven_by_nothing(b)):
        raise NotTested("the card has no PIN")
    b.satisfy(plan.ef.read)
    b.open(plan)
    if b.first(plan).word != OK:
        raise NotTested(f"{plan.id} cannot be read after its proof")
    b.reset()
    b.enter(df)
    b.open(plan)
    b.require(b.first(plan), f"reading {plan.id} after a reset", 0x6982)


FUNCTIONS: Final = (
    Check("atr", "The answer to reset has its form", "复位应答的格式正确", "Part 2, 8.3.1 and 8.4", _atr, parts=BOTH),
    Check(
        "select-environment",
        "SELECT finds the environment by name",
        "按名称选择社保环境",
        "Part 5, 6.11.4",
        _environment,
    ),
    Check(
        "algorithm",
        "The FCI announces the algorithm of the card",
        "FCI 给出卡片的算法",
        "terminal interface, 10.1",
        _algorithm,
    ),
    Check(
        "select-by-name",
        "SELECT finds every application by name",
        "按名称选择每个应用",
        "Part 6, table 2; Part 5, 6.11",
        _by_name,
    ),
    Check(
        "select-by-identifier",
        "SELECT finds every application by identifier",
        "按标识符选择每个应用",
        "Part 5, 6.11.2",
        _by_fid,
    ),
    Check(
        "select-files",
        "SELECT finds every file, and answers no data",
        "选择每个基本文件，无应答数据",
        "Part 5, 6.11.1",
        _files,
    ),
    Check(
        "select-absent", "SELECT of what is not there is refused", "选择不存在的文件被拒绝", "Part 5, 6.11.5", _absent
    ),
    Check(
        "get-challenge",
        "GET CHALLENGE answers 4, 8 and 16 random bytes",
        "取 4、8、16 字节随机数",
        "Part 5, 6.5",
        _challenge,
    ),
    Check("read-by-number", "READ RECORD finds records by number", "按记录号读记录", "Part 5, 6.10", _number),
    Check("read-by-identifier", "READ RECORD finds records by tag", "按记录标识符读记录", "Part 3, 5.3.1", _identifier),
    Check(
        "read-by-short-identifier",
        "READ RECORD takes a short file identifier",
        "用短文件标识符读记录",
        "Part 3, 5.2",
        _short,
    ),
    Check("read-next", "READ RECORD walks through a file", "依次读下一条记录", "Part 3, 5.3.1", _next),
    Check(
        "read-past-the-end",
        "A record behind the last is not found",
        "读最后一条之后的记录被拒绝",
        "Part 5, 6.10",
        _past,
    ),
    Check(
        "read-length",
        "READ RECORD corrects a wrong Le",
        "Le 不符时给出正确长度",
        "Part 2, 9.3.2.1; Part 5, 6.10.4",
        _le,
    ),
    Check(
        "read-several", "READ RECORD answers several records at once", "一次读出多条记录", "Part 5, 6.10", _all_records
    ),
    Check("read-binary", "READ BINARY reads from an offset", "按偏移量读二进制文件", "Part 5, 6.9", _binary),
    Check(
        "read-binary-behind",
        "READ BINARY behind the end is refused",
        "超出文件末尾的偏移量被拒绝",
        "Part 5, 6.9",
        _beyond,
    ),
    Check(
        "structure",
        "Commands that do not fit the file are refused",
        "与文件结构不符的命令被拒绝",
        "Part 5, 6.9 and 6.10",
        _misfit,
    ),
    Check(
        "no-current-file",
        "Reading with no file selected is refused",
        "未选择文件时读取被拒绝",
        "Part 5, 6.10",
        _no_file,
    ),
    Check(
        "internal-authentication",
        "INTERNAL AUTHENTICATION answers 8 bytes",
        "内部鉴别返回 8 字节",
        "Part 5, 6.7; Part 4, 9.1",
        _internal,
    ),
    Check(
        "get-response",
        "GET RESPONSE with nothing waiting is refused",
        "无待取数据时取响应被拒绝",
        "Part 5, 6.6.4",
        _no_response,
    ),
    Check(
        "unknown-key",
        "EXTERNAL AUTHENTICATION with an unknown key is refused",
        "用不存在的密钥外部鉴别被拒绝",
        "Part 5, 6.4",
        _no_key,
    ),
    Check("pin-query", "VERIFY without data costs no try", "不带数据的校验不消耗次数", "Part 5, 6.14", _query),
    Check(
        "pin-tries",
        "VERIFY counts wrong PINs, and a right one puts the counter back",
        "校验计错误次数，正确后恢复",
        "Part 7, 5.8",
        _verify,
        PIN,
    ),
    Check("change-pin", "CHANGE PIN replaces the PIN", "修改个人密码", "Part 5, 6.3", _change, PIN),
    Check(
        "update-record",
        "UPDATE RECORD writes what is read then",
        "更新记录后读出新内容",
        "Part 5, 6.13",
        _update,
        ROOTS,
    ),
    Check(
        "challenge-missing",
        "EXTERNAL AUTHENTICATION without a challenge is refused",
        "未取随机数时外部鉴别被拒绝",
        "Part 5, 6.4",
        _no_challenge,
        WRITES,
    ),
    Check("challenge-once", "A challenge works once", "随机数只能用一次", "Part 5, 6.5.1", _once, ROOTS),
    Check(
        "reset-ends-proofs",
        "A reset ends what was proven",
        "复位后安全状态清除",
        "Part 7, 5.8 and 6.6",
        _reset_ends,
        ROOTS,
    ),
)


# -- what commands refuse -------------------------------------------------------------------------


def _refuses(what: str, word: int, *commands: str, df: str = "SSSE") -> Try:
    """Return a check that commands, in a DF, answer a word."""

    def run(b: Bench) -> None:
        if df:
            b.enter(df)
        for command in commands:
            b.expect(bytes.fromhex(command), what, word)

    return run


PARAMETERS: Final = (
    Check(
        "class",
        "A class that the card does not have is refused",
        "CLA 不支持时被拒绝",
        "Part 5, table 5",
        _refuses("a command of class F0", 0x6E00, "F0B2010400", df=""),
        parts=BOTH,
    ),
    Check(
        "instruction",
        "An instruction that the card does not have is refused",
        "INS 不支持时被拒绝",
        "Part 5, table 5",
        _refuses("a command of instruction 74", 0x6D00, "0074000000", df=""),
        parts=BOTH,
    ),
    Check(
        "select-parameters",
        "SELECT refuses wrong P1 and P2",
        "选择命令拒绝错误的 P1、P2",
        "Part 5, 6.11",
        _refuses("SELECT with P1 05", 0x6A86, "00A4050002EF05"),
    ),
    Check(
        "select-lengths",
        "SELECT refuses an Lc that does not fit P1",
        "选择命令拒绝错误的 Lc",
        "Part 5, 6.11",
        _refuses("SELECT of an EF with Lc 01", 0x6700, "00A4020001EF"),
    ),
    Check(
        "read-record-parameters",
        "READ RECORD refuses record number FF",
        "读记录命令拒绝记录号 FF",
        "Part 3, 5.3; Part 5, 6.10",
        _refuses("READ RECORD with P1 FF", 0x6A86, "00B2FF2C00"),
    ),
    Check(
        "read-binary-parameters",
        "READ BINARY refuses a wrong P1",
        "读二进制命令拒绝错误的 P1",
        "Part 5, 6.9",
        _refuses("READ BINARY with P1 E5", 0x6A86, "00B0E50001"),
    ),
    Check(
        "challenge-parameters",
        "GET CHALLENGE refuses wrong P1 and P2",
        "取随机数命令拒绝错误的 P1、P2",
        "Part 5, 6.5",
        _refuses("GET CHALLENGE with P1 01 or P2 01", 0x6A86, "0084010008", "0084000108", df=""),
        parts=BOTH,
    ),
    Check(
        "challenge-lengths",
        "GET CHALLENGE refuses other lengths than 4, 8 and 16",
        "取随机数命令拒绝其他长度",
        "Part 5, 6.5",
        _refuses("GET CHALLENGE with Le 05", 0x6700, "0084000005", df=""),
        parts=BOTH,
    ),
    Check(
        "internal-parameters",
        "INTERNAL AUTHENTICATION refuses wrong P1 and P2",
        "内部鉴别命令拒绝错误的 P1、P2",
        "Part 5, 6.7",
        _refuses("INTERNAL AUTHENTICATION with P2 01", 0x6A86, "0088000110" + _RANDOM.hex()),
    ),
    Check(
        "internal-lengths",
        "INTERNAL AUTHENTICATION refuses a wrong Lc",
        "内部鉴别命令拒绝错误的 Lc",
        "Part 5, 6.7",
        _refuses("INTERNAL AUTHENTICATION with Lc 0F", 0x6700, "008800000F" + _RANDOM[:15].hex()),
    ),
    Check(
        "verify-parameters",
        "VERIFY refuses a wrong P1",
        "校验命令拒绝错误的 P1",
        "Part 5, 6.14",
        _refuses("VERIFY with P1 01", 0x6A86, "0020010000"),
    ),
    Check(
        "response-parameters",
        "GET RESPONSE refuses wrong P1 and P2",
        "取响应命令拒绝错误的 P1、P2",
        "Part 5, 6.6",
        _refuses("GET RESPONSE with P1 01", 0x6A86, "00C0010008", df=""),
    ),
    Check(
        "external-lengths",
        "EXTERNAL AUTHENTICATION refuses a wrong Lc",
        "外部鉴别命令拒绝错误的 Lc",
        "Part 5, 6.4",
        _refuses("EXTERNAL AUTHENTICATION with Lc 0F", 0x6700, "008200040F" + _RANDOM[:15].hex()),
        WRITES,
    ),
    Check(
        "verify-lengths",
        "VERIFY refuses a PIN of more than 8 bytes",
        "校验命令拒绝超过 8 字节的密码",
        "Part 5, 6.14",
        _refuses("VERIFY with Lc 09", 0x6700, "0020000009" + "12" * 9),
        WRITES,
    ),
    Check(
        "balance-parameters",
        "GET BALANCE refuses a wrong P2",
        "读取余额命令拒绝错误的 P2",
        "Part 5, 7.3",
        _refuses("GET BALANCE with P2 04", 0x6A86, "B026000404", df="DF04"),
    ),
    Check(
        "load-lengths",
        "INITIALIZE FOR LOAD refuses a wrong Lc",
        "帐户划入初始化命令拒绝错误的 Lc",
        "Part 5, 7.5",
        _refuses("INITIALIZE FOR LOAD with Lc 0A", 0x6700, "B02800010A" + "00" * 10, df="DF04"),
    ),
    Check(
        "purchase-parameters",
        "INITIALIZE FOR PURCHASE refuses a wrong P2",
        "医疗消费初始化命令拒绝错误的 P2",
        "Part 5, 7.6",
        _refuses("INITIALIZE FOR PURCHASE with P2 02", 0x6A86, "B028010213" + "00" * 19, df="DF04"),
    ),
)
