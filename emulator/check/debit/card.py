"""What a card does before anybody knows its keys: selection, data, records, the first cryptogram, the order of it."""

from typing import Final

from cardfs.model import tlv
from cardfs.model.fci import PROPRIETARY, TEMPLATE

from ..bench import DEBIT_NAME, LOCKED, OK, Bench, find_object, select_name
from ..check import Failed, NotTested
from ..commands import require_name
from .cash import log_place
from .payment import (
    CASH,
    CDA,
    CDOL1,
    CDOL2,
    LAST_ONLINE,
    PAN,
    PIN_TRIES,
    Payment,
    begin,
    begin_bare,
    declined,
    enter,
    generate,
    generate_command,
    object_of,
    options_command,
    pdol_of,
    read,
    read_list,
)
from .results import AAC, COUNTER, MAC_LENGTH, require_issuer_data, require_results
from .rows import CUT, OWN, WRITES, before, debit_check
from .signatures import DDOL, UNPREDICTABLE

LABEL, EXPIRY, TRACK_2, METHODS = 0x50, 0x5F24, 0x57, 0x8E
MANDATORY: Final = (PAN, EXPIRY, CDOL1, CDOL2)
AMOUNTS: Final = {0x01: (CASH, 0, 5), 0x03: (CASH, 0, 10), 0x04: (0x9F54, 5, 10), 0x05: (0x9F5D, 0, 5)}
"""Amounts in the issuer's part of 9F10 that GET DATA has too: by identifier the tag, where it begins, length of all."""
AMOUNT_LENGTH: Final = 5


# -- what needs nothing ---------------------------------------------------------------------------


def _select(b: Bench) -> None:
    answer = b.send(select_name(DEBIT_NAME))
    if answer.word == LOCKED:
        raise NotTested("debit/credit is locked")
    b.require(answer, "SELECT of debit/credit by name")
    require_name(answer.data, DEBIT_NAME, "debit/credit")
    if not find_object(answer.data, "the FCI", TEMPLATE, PROPRIETARY, LABEL):
        raise Failed("the FCI of debit/credit has no label, tag 50")
    pdol_of(answer.data)


def _partial(b: Bench) -> None:
    """Walk through the applications whose names begin like that of debit/credit."""
    enter(b)
    start, seen = DEBIT_NAME[:7], set()
    answer = b.send(select_name(start))
    if answer.word == 0x6A82:
        raise NotTested("the card finds no application by the beginning of its name")
    for _ in range(16):
        b.require(answer, "SELECT by the beginning of a name", OK, LOCKED)
        name = find_object(answer.data, "the FCI", TEMPLATE, 0x84) or b""
        if not name.startswith(start) or name in seen:
            raise Failed(
                f"SELECT by the beginning of a name finds {name.hex().upper() or 'nothing'}, another or the same again"
            )
        seen.add(name)
        answer = b.send(b"\x00\xa4\x04\x02" + bytes((len(start),)) + start)
        if answer.word == 0x6A82:
            return
    raise Failed("SELECT of the next application finds one after the other without an end")


def _log(b: Bench) -> None:
    p2, layout = log_place(b, enter(b))
    record = b.expect(bytes((0x00, 0xB2, 0x01, p2, 0x00)), "READ RECORD 1 of the log", OK, 0x6A83)
    if record.word == OK and len(record.data) != tlv.total(layout):
        raise Failed(f"a record of the log has {len(record.data)} bytes, its format says {tlv.total(layout)}")


def _data(b: Bench) -> None:
    enter(b)
    for tag, length in ((COUNTER, 2), (LAST_ONLINE, 2), (PIN_TRIES, 1)):
        words = (OK,) if tag == COUNTER else (OK, 0x6A88)
        answer = b.expect(bytes((0x80, 0xCA)) + tag.to_bytes(2) + b"\x00", f"GET DATA of {tag:04X}", *words)
        value = find_object(answer.data, f"the answer to GET DATA of {tag:04X}", tag)
        if answer.word == OK and (value is None or len(value) != length):
            raise Failed(f"GET DATA of {tag:04X} does not answer this object with {length} bytes")


def _data_unknown(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("80CADF7E00"), "GET DATA of DF7E, which no card has", 0x6A88)


def _unknown(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("8074000000"), "a command with instruction 74", 0x6D00)
    b.expect(bytes.fromhex("E0CA9F3600"), "a command with class E0", 0x6E00)


def _parameters(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("80A80100028300"), "GET PROCESSING OPTIONS with P1 01", 0x6A86)
    b.expect(bytes.fromhex("80AEC00001") + bytes(1), "GENERATE AC with P1 C0", 0x6A86)
    b.expect(bytes.fromhex("80AE000101") + bytes(1), "GENERATE AC with P2 01", 0x6A86)


def _order(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("80AE000001") + bytes(1), "GENERATE AC before GET PROCESSING OPTIONS", 0x6985)
    command = bytes.fromhex("0088000004") + bytes(4)
    b.expect(command, "INTERNAL AUTHENTICATE before GET PROCESSING OPTIONS", 0x6985)


def _challenge(b: Bench) -> None:
    enter(b)
    seen = set()
    for _ in range(2):
        answer = b.send(bytes.fromhex("0084000008"))
        if answer.word == 0x6D00:
            raise NotTested("the card has no GET CHALLENGE, which EMV allows")
        b.require(answer, "GET CHALLENGE")
        if len(answer.data) != 8:
            raise Failed(f"GET CHALLENGE answers {len(answer.data)} bytes, not 8")
        seen.add(answer.data)
    if len(seen) == 1:
        raise Failed("GET CHALLENGE answers the same 8 bytes twice")


# -- the begin of a transaction -------------------------------------------------------------------


def _options(b: Bench) -> None:
    begin_bare(b)


def _options_wrong(b: Bench) -> None:
    wanted = tlv.total(pdol_of(enter(b)))
    another = bytes(wanted + 1 if wanted < 100 else wanted - 1)
    b.expect(options_command(another), "GET PROCESSING OPTIONS with values of another length", 0x6700, 0x6A80)
    command = bytearray(options_command(bytes(wanted)))
    command[5] = 0x84
    b.expect(bytes(command), "GET PROCESSING OPTIONS with template 84 instead of 83", 0x6A80)


def _options_twice(b: Bench) -> None:
    with before():
        payment = begin_bare(b)
    b.expect(options_command(payment.pdol), "a second GET PROCESSING OPTIONS", 0x6985)


def _counter(b: Bench) -> None:
    seen = []
    for _ in range(2):
        begin(b)
        value = object_of(b, COUNTER)
        if value is None:
            raise NotTested("the card does not show its transaction counter, tag 9F36")
        seen.append(int.from_bytes(value))
    if seen[1] != seen[0] + 1:
        raise Failed(f"the transaction counter is {seen[0]}, and in the next transaction {seen[1]}")


def _counter_answered(b: Bench) -> None:
    payment = begin(b)
    value = object_of(b, COUNTER)
    with before():
        found = generate(b, payment, AAC)
    if found.counter != value:
        raise Failed("GENERATE AC answers another transaction counter than GET DATA")


def _read(b: Bench) -> tuple[Payment, list[tuple[int, bytes]]]:
    with before():
        payment = begin_bare(b)
    return payment, read(b, payment)


def _records(b: Bench) -> None:
    _read(b)


def _mandatory(b: Bench) -> None:
    payment = begin(b)
    for tag in MANDATORY:
        if tag not in payment.objects:
            raise Failed(f"no record of the AFL has tag {tag:X}")


def _once(b: Bench) -> None:
    with before():
        _, found = _read(b)
    tags = [tag for tag, _ in found]
    for tag in tags:
        if tags.count(tag) > 1:
            raise Failed(f"tag {tag:X} is in the records {tags.count(tag)} times")


def _lists(b: Bench) -> None:
    payment = begin(b)
    for tag, name in ((CDOL1, "CDOL1, tag 8C,"), (CDOL2, "CDOL2, tag 8D,")):
        wanted = dict(read_list(payment.objects.get(tag, b""), name))
        if tag in payment.objects and payment.supports(CDA) and wanted.get(UNPREDICTABLE) != 4:
            raise Failed(f"{name} lacks the random number of the terminal, tag 9F37, which CDA needs")
    if DDOL in payment.objects and UNPREDICTABLE not in dict(read_list(payment.objects[DDOL], "the DDOL, tag 9F49,")):
        raise Failed("the DDOL, tag 9F49, lacks the random number of the terminal, tag 9F37")
    methods = payment.objects.get(METHODS, bytes(10))
    if len(methods) < 10 or len(methods) % 2:
        raise Failed(f"the list of verification methods, tag 8E, has {len(methods)} bytes, not two amounts and pairs")


def _track_2(b: Bench) -> None:
    payment = begin(b)
    track, number = payment.objects.get(TRACK_2), payment.objects.get(PAN)
    if track is None or number is None:
        raise NotTested("the records have no track 2, tag 57")
    if track.hex().split("d")[0] != number.hex().rstrip("f"):
        raise Failed("track 2, tag 57, has another account number than tag 5A")


def _record_absent(b: Bench) -> None:
    with before():
        payment = begin_bare(b)
    p2 = payment.locator[0] | 0x04
    b.expect(bytes((0x00, 0xB2, 0xFE, p2, 0x00)), "READ RECORD 254 of the first file of the AFL", 0x6A83)


# -- GENERATE AC ----------------------------------------------------------------------------------


def _generate(b: Bench) -> None:
    generate(b, begin(b), AAC)


def _not_more(b: Bench) -> None:
    """Ask for an AAC: a card gives what it is asked for, or less, in the order TC, ARQC, AAC."""
    payment = begin(b)
    with before():
        found = generate(b, payment, AAC)
    if found.kind != AAC:
        raise Failed(f"the card answers {found.name} when it is asked for AAC")


def _generate_length(b: Bench) -> None:
    payment = begin(b)
    command = generate_command(payment, AAC)
    longer = command[:4] + bytes((command[4] + 1,)) + command[5:] + bytes(1)
    b.expect(longer, "GENERATE AC with a byte too many", 0x6700, 0x6A80)


def _issuer_data(b: Bench) -> None:
    _, found = declined(b)
    part = require_issuer_data(found)
    if not part or part[0] not in AMOUNTS:
        return
    tag, at, length = AMOUNTS[part[0]]
    if len(part) != 1 + length + MAC_LENGTH:
        raise Failed(f"the issuer's part of 9F10 with identifier {part[0]:02X} has {len(part)} bytes")
    value = object_of(b, tag)
    if value is not None and part[1 + at : 1 + at + AMOUNT_LENGTH] != value[-AMOUNT_LENGTH:]:
        raise Failed(f"9F10 holds another amount than tag {tag:04X}")


def _results(b: Bench) -> None:
    _, found = declined(b)
    require_results(found, 0x800000)


def _ended(b: Bench) -> None:
    payment, _ = declined(b)
    b.expect(generate_command(payment, AAC), "GENERATE AC after an AAC", 0x6985)


# -- what comes too early -------------------------------------------------------------------------


def _issuer_early(b: Bench) -> None:
    begin(b)
    b.expect(bytes.fromhex("008200000A") + bytes(10), "EXTERNAL AUTHENTICATE before GENERATE AC", 0x6985)


def _script_early(b: Bench) -> None:
    begin(b)
    b.expect(bytes.fromhex("04DA9F58050100000000"), "PUT DATA before GENERATE AC", 0x6985)


def _internal_late(b: Bench) -> None:
    declined(b)
    b.expect(bytes.fromhex("0088000004") + bytes(4), "INTERNAL AUTHENTICATE after GENERATE AC", 0x6985)


def _cut_counter(b: Bench) -> None:
    with before():
        command = options_command(bytes(tlv.total(pdol_of(enter(b)))))

    def look(bench: Bench) -> object:
        enter(bench)
        return object_of(bench, COUNTER)

    b.cut(enter, lambda bench: bench.need(command, "GET PROCESSING OPTIONS"), look)


CARD_CHECKS: Final = (
    debit_check("select", "SELECT finds debit/credit by name", "按名称选择借贷记应用", "EMV Book 1, 11.3.4", _select),
    debit_check(
        "partial",
        "The beginning of a name finds one application after the other",
        "按部分名称依次选择应用",
        "EMV Book 1, 11.3.2 and 12.3.3",
        _partial,
    ),
    debit_check(
        "log", "The log has the format that 9F4F says", "交易日志符合 9F4F 的格式", "EMV Book 3, annex D", _log
    ),
    debit_check(
        "data",
        "GET DATA answers the counters",
        "取数据命令返回各计数器",
        "EMV Book 3, 6.5.7 and 7.3",
        _data,
    ),
    debit_check(
        "data-unknown",
        "GET DATA of an unknown tag is refused",
        "取未知数据对象被拒绝",
        "EMV Book 3, 6.5.7",
        _data_unknown,
    ),
    debit_check(
        "unknown",
        "An unknown instruction and an unknown class are refused",
        "未知的 INS、CLA 被拒绝",
        "EMV Book 3, 6.3.5",
        _unknown,
    ),
    debit_check(
        "parameters",
        "GET PROCESSING OPTIONS and GENERATE AC refuse wrong P1 and P2",
        "取处理选项、生成应用密文拒绝错误的 P1、P2",
        "EMV Book 3, 6.5.5 and 6.5.8",
        _parameters,
    ),
    debit_check(
        "order",
        "A transaction begins with GET PROCESSING OPTIONS",
        "交易从取处理选项开始",
        "EMV Book 3, 6.5.5, 6.5.9 and 10.1",
        _order,
    ),
    debit_check(
        "challenge", "GET CHALLENGE answers 8 random bytes", "取随机数返回 8 字节", "EMV Book 3, 6.5.6", _challenge
    ),
    debit_check(
        "options",
        "GET PROCESSING OPTIONS answers AIP and AFL",
        "取处理选项返回 AIP 和 AFL",
        "EMV Book 3, 6.5.8 and 10.2",
        _options,
        WRITES,
    ),
    debit_check(
        "options-wrong",
        "GET PROCESSING OPTIONS refuses other data than the PDOL asks for",
        "取处理选项拒绝与 PDOL 不符的数据",
        "EMV Book 3, 5.4 and 6.5.8",
        _options_wrong,
        WRITES,
    ),
    debit_check(
        "options-twice",
        "A second GET PROCESSING OPTIONS is refused",
        "重复的取处理选项被拒绝",
        "EMV Book 3, 10.1; JR/T 0025",
        _options_twice,
        WRITES,
    ),
    debit_check(
        "counter",
        "The transaction counter goes up by one",
        "应用交易计数器每次加一",
        "EMV Book 3, annex A",
        _counter,
        WRITES,
    ),
    debit_check(
        "counter-answered",
        "GENERATE AC answers the transaction counter",
        "生成应用密文返回交易计数器",
        "EMV Book 3, 6.5.5",
        _counter_answered,
        WRITES,
    ),
    debit_check(
        "records",
        "Every record of the AFL is one template 70",
        "AFL 所列记录都是一个 70 模板",
        "EMV Book 3, 6.5.11 and 7.1",
        _records,
        WRITES,
    ),
    debit_check(
        "mandatory", "The records have what they must have", "记录含必备数据对象", "EMV Book 3, 7.2", _mandatory, WRITES
    ),
    debit_check("once", "No data object is there twice", "数据对象不重复", "EMV Book 3, 10.2", _once, WRITES),
    debit_check(
        "lists",
        "The lists in the records are whole",
        "记录中的数据对象列表完整",
        "EMV Book 3, 5.4 and 10.5; EMV Book 2, 6.5.1 and 6.6",
        _lists,
        WRITES,
    ),
    debit_check(
        "track-2",
        "Track 2 has the account number",
        "磁条2等效数据中的主账号一致",
        "EMV Book 3, annex A",
        _track_2,
        WRITES,
    ),
    debit_check(
        "record-absent",
        "A record that is not there is refused",
        "读不存在的记录被拒绝",
        "EMV Book 3, 6.5.11",
        _record_absent,
        WRITES,
    ),
    debit_check(
        "generate", "GENERATE AC answers a cryptogram", "生成应用密文返回密文", "EMV Book 3, 6.5.5", _generate, WRITES
    ),
    debit_check(
        "not-more",
        "The card declines when the terminal does",
        "终端要求 AAC 时卡返回 AAC",
        "EMV Book 3, 6.5.5 and 9.3",
        _not_more,
        WRITES,
    ),
    debit_check(
        "generate-length",
        "GENERATE AC refuses more than the CDOL asks for",
        "生成应用密文拒绝与 CDOL 长度不符的数据",
        "EMV Book 3, 5.4 and 9.2",
        _generate_length,
        WRITES,
    ),
    debit_check(
        "issuer-data",
        "9F10 has its form and the right amount",
        "发卡行应用数据 9F10 的格式和金额正确",
        "JR/T 0025; EMV Book 3, 6.5.5",
        _issuer_data,
        WRITES,
    ),
    debit_check(
        "results",
        "The verification results tell of the first cryptogram",
        "CVR 反映首个密文",
        OWN,
        _results,
        WRITES,
    ),
    debit_check("ended", "An AAC ends the transaction", "AAC 后交易结束", "EMV Book 3, 9.3", _ended, WRITES),
    debit_check(
        "issuer-early",
        "EXTERNAL AUTHENTICATE before GENERATE AC is refused",
        "生成应用密文之前的外部认证被拒绝",
        "EMV Book 3, 6.5.4 and 10.9",
        _issuer_early,
        WRITES,
    ),
    debit_check(
        "script-early",
        "A script before GENERATE AC is refused",
        "生成应用密文之前的脚本命令被拒绝",
        "JR/T 0025; EMV Book 3, 10.10",
        _script_early,
        WRITES,
    ),
    debit_check(
        "internal-late",
        "INTERNAL AUTHENTICATE after GENERATE AC is refused",
        "生成应用密文之后的内部认证被拒绝",
        "EMV Book 3, 6.5.9 and 10.3",
        _internal_late,
        WRITES,
    ),
    debit_check(
        "cut-counter",
        "The transaction counter is the old or the new one",
        "掉电后交易计数器为旧值或新值",
        OWN,
        _cut_counter,
        CUT,
    ),
)
