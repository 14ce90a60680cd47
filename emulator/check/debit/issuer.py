"""Cryptograms, issuer authentication and scripts."""

from typing import Final

from keys.cryptograms import discretionary_mac

from ..bench import Bench
from ..check import Failed, NotTested
from .payment import (
    APPROVED,
    CASH_LIMIT,
    DECLINED,
    ISSUER,
    LAST_ONLINE,
    Payment,
    answer_of_issuer,
    authenticate,
    close,
    complete,
    declined,
    enter,
    expected,
    finish,
    first_of,
    generate,
    generate_command,
    object_of,
    online,
    put_data,
    require_right,
    second,
    session,
)
from .results import (
    AAC,
    ISSUER_FAILED,
    LAST_INCOMPLETE,
    LAST_ISSUER_FAILED,
    MAC_LENGTH,
    SCRIPT_FAILED,
    TC,
    Cryptogram,
    require_issuer_data,
    require_results,
    told,
)
from .rows import OWN, ROOTS, aside, before, debit_check

KEPT: Final = (0x9F58, 0x9F59, 0x9F54, 0x9F5C, 0x9F72, CASH_LIMIT)
"""What a script writes back, the first of them that the card has: limits."""


def require_roots(b: Bench) -> None:
    """Raise `NotTested` unless an AAC of the card, or the MAC in 9F10, comes from the root keys; no try is spent."""
    payment, found = declined(b)
    if expected(b, payment, found) == found.value:
        return
    mac = _issuer_mac(b, payment, found)
    if mac and mac[0] == mac[1]:
        return
    raise NotTested("the root keys are not those of this card: no cryptogram of debit/credit comes from them")


# -- cryptograms ----------------------------------------------------------------------------------


def _aac(b: Bench) -> None:
    payment, found = declined(b)
    require_right(b, payment, found, "the AAC")


def _arqc(b: Bench) -> None:
    payment = online(b)
    first = first_of(payment)
    right = expected(b, payment, first) == first.value
    with aside(b):
        close(b, payment)
    if not right:
        raise Failed("the ARQC is not what the root keys give")


def _issuer_mac(b: Bench, payment: Payment, found: Cryptogram) -> tuple[bytes, bytes] | None:
    """Return the MAC in 9F10, and what the root keys give; None if there is none."""
    with before():
        part = require_issuer_data(found)
    if len(part) <= 1 + MAC_LENGTH:
        return None
    suite, value = session(b, payment, "MDKMAC", found.counter)
    mac = discretionary_mac(suite, value, int.from_bytes(found.counter), part[1:-MAC_LENGTH])
    return part[-MAC_LENGTH:], mac


def _issuer_data_mac(b: Bench) -> None:
    payment, found = declined(b)
    mac = _issuer_mac(b, payment, found)
    if mac is None:
        raise NotTested("9F10 has no part of the issuer")
    if mac[0] != mac[1]:
        raise Failed("the MAC in 9F10 is not what the root keys give")


def _issuer_right(b: Bench) -> None:
    payment = online(b, issuer=True)
    answer = b.send(answer_of_issuer(b, payment))
    if answer.word == 0x6985:
        raise NotTested("the card takes no answer of the issuer any more: too many before were wrong")
    b.require(answer, "EXTERNAL AUTHENTICATE with the right cryptogram")
    finish(b, payment)


def _issuer_wrong(b: Bench) -> None:
    payment = online(b, issuer=True)
    answer = b.send(answer_of_issuer(b, payment, wrong=True))
    with aside(b):
        with before():
            generate(b, payment, AAC, code=DECLINED)
        complete(b)  # the card counts wrong answers in a row
    if answer.word != 0x6300 and answer.word & 0xFFF0 != 0x63C0:
        raise Failed(f"EXTERNAL AUTHENTICATE with a wrong cryptogram: the card answered {answer.hex}, not 6300 or 63Cx")


def _issuer_twice(b: Bench) -> None:
    payment = online(b, issuer=True)
    command = answer_of_issuer(b, payment)
    b.need(command, "EXTERNAL AUTHENTICATE")
    again = b.send(command)
    with aside(b):
        finish(b, payment)
        complete(b)
    b.require(again, "a second EXTERNAL AUTHENTICATE", 0x6985)


def _approved(b: Bench) -> None:
    payment = online(b)
    authenticate(b, payment)
    found = finish(b, payment)
    if found.kind != TC:
        raise Failed(f"the card answers {found.name} when the issuer has approved, not a TC")


def _refused(b: Bench) -> None:
    payment = online(b)
    if payment.supports(ISSUER):
        b.need(answer_of_issuer(b, payment, DECLINED), "EXTERNAL AUTHENTICATE with a refusal")
    found = finish(b, payment, DECLINED)
    if found.kind != AAC:
        raise Failed(f"the card answers {found.name} when the issuer has refused, not an AAC")


def _tc(b: Bench) -> None:
    payment, found = second(b)
    require_right(b, payment, found, "the TC")


def _second_results(b: Bench) -> None:
    _, approved = second(b)
    payment = online(b)
    authenticate(b, payment)
    refused = finish(b, payment, DECLINED)
    require_results(approved, 0x600000)
    if refused.kind == AAC:
        require_results(refused, 0x200000)


def _third(b: Bench) -> None:
    payment = complete(b)
    b.expect(generate_command(payment, TC, code=APPROVED), "a third GENERATE AC", 0x6985)


def _last_online(b: Bench) -> None:
    _, found = second(b)
    value = object_of(b, LAST_ONLINE)
    if value is None:
        raise NotTested("the card does not show the counter of the last online transaction, tag 9F13")
    if value != found.counter:
        raise Failed("tag 9F13 is not the counter of the online transaction that just ended")


def _incomplete_told(b: Bench) -> None:
    online(b)
    told(_next(b), LAST_INCOMPLETE, "the last online transaction did not end")


def _next(b: Bench) -> Cryptogram:
    """Make another transaction that the issuer approves, and return its ARQC, which tells of the one before."""
    payment = online(b)
    with aside(b):
        close(b, payment)
    return first_of(payment)


def _issuer_told(b: Bench) -> None:
    payment = online(b, issuer=True)
    b.send(answer_of_issuer(b, payment, wrong=True))
    with before():
        found = generate(b, payment, AAC, code=DECLINED)
    with aside(b):
        complete(b)
    told(found, ISSUER_FAILED, "the issuer has failed to authenticate himself")


def _issuer_told_next(b: Bench) -> None:
    payment = online(b, issuer=True)
    b.send(answer_of_issuer(b, payment, wrong=True))
    with before():
        generate(b, payment, AAC, code=DECLINED)
    told(_next(b), LAST_ISSUER_FAILED, "the issuer failed to authenticate himself the last time")


# -- scripts --------------------------------------------------------------------------------------


def _kept(b: Bench) -> tuple[int, bytes]:
    """Return a data object that scripts may write, with its value."""
    enter(b)
    for tag in KEPT:
        value = object_of(b, tag)
        if value:
            return tag, value
    raise NotTested("GET DATA answers no limit that a script could write back")


def _script(b: Bench) -> None:
    tag, value = _kept(b)
    payment = online(b)
    authenticate(b, payment)
    answer = b.send(put_data(b, payment, tag, value))
    with aside(b):
        finish(b, payment)
    if answer.word == 0x6985:
        raise NotTested("the card takes no script any more: too many before were wrong")
    b.require(answer, f"PUT DATA of {tag:04X} with its MAC")


def _script_right(b: Bench) -> None:
    """Make a transaction with a script that is right, so that the card counts no wrong ones any more."""
    tag, value = _kept(b)
    payment = online(b)
    authenticate(b, payment)
    b.need(put_data(b, payment, tag, value), "PUT DATA")
    finish(b, payment)


def _script_wrong(b: Bench) -> None:
    tag, value = _kept(b)
    payment = online(b)
    authenticate(b, payment)
    answer = b.send(put_data(b, payment, tag, value, wrong=True))
    with aside(b):
        finish(b, payment)
        _script_right(b)
    b.require(answer, f"PUT DATA of {tag:04X} with a wrong MAC", 0x6988)


def _script_after_wrong(b: Bench) -> None:
    tag, value = _kept(b)
    payment = online(b)
    authenticate(b, payment)
    b.send(put_data(b, payment, tag, value, wrong=True))
    answer = b.send(put_data(b, payment, tag, value))
    with aside(b):
        finish(b, payment)
        _script_right(b)
    b.require(answer, "PUT DATA after one with a wrong MAC", 0x6985)


def _script_told(b: Bench) -> None:
    tag, value = _kept(b)
    payment = complete(b)
    b.send(put_data(b, payment, tag, value, wrong=True))
    first = _next(b)
    with aside(b):
        _script_right(b)
    told(first, SCRIPT_FAILED, "a script of the last transaction failed")


ISSUER_CHECKS: Final = (
    debit_check("aac", "The AAC is right", "AAC 正确", "JR/T 0025; EMV Book 2, 8.1", _aac, ROOTS),
    debit_check("arqc", "The ARQC is right", "ARQC 正确", "JR/T 0025; EMV Book 2, 8.1", _arqc, ROOTS),
    debit_check("issuer-mac", "The MAC in 9F10 is right", "9F10 中的 MAC 正确", OWN, _issuer_data_mac, ROOTS),
    debit_check(
        "issuer-right",
        "The right answer of the issuer is accepted",
        "卡认证发卡行成功",
        "JR/T 0025; EMV Book 2, 8.2",
        _issuer_right,
        ROOTS,
    ),
    debit_check(
        "issuer-wrong",
        "A wrong answer of the issuer is refused",
        "错误的发卡行密文被拒绝",
        "EMV Book 3, 6.5.4; EMV Book 2, 8.2",
        _issuer_wrong,
        ROOTS,
    ),
    debit_check(
        "issuer-twice",
        "A second answer of the issuer is refused",
        "重复的外部认证被拒绝",
        "EMV Book 3, 6.5.4 and 10.9",
        _issuer_twice,
        ROOTS,
    ),
    debit_check("approved", "What the issuer approves is approved", "发卡行批准则交易批准", OWN, _approved, ROOTS),
    debit_check(
        "refused",
        "What the issuer refuses is declined",
        "发卡行拒绝则交易拒绝",
        "JR/T 0025; EMV Book 3, 10.11",
        _refused,
        ROOTS,
    ),
    debit_check("tc", "The TC is right", "TC 正确", "JR/T 0025; EMV Book 2, 8.1", _tc, ROOTS),
    debit_check(
        "second-results",
        "The verification results tell of both cryptograms",
        "CVR 反映两个密文",
        OWN,
        _second_results,
        ROOTS,
    ),
    debit_check("third", "There is no third GENERATE AC", "第三次生成应用密文被拒绝", "EMV Book 3, 9.3", _third, ROOTS),
    debit_check(
        "last-online",
        "9F13 is the counter of the last online transaction",
        "9F13 为上次联机交易的计数器",
        "JR/T 0025; EMV Book 3, annex A",
        _last_online,
        ROOTS,
    ),
    debit_check(
        "incomplete-told",
        "The card tells that the last online transaction did not end",
        "CVR 反映上次联机交易未完成",
        OWN,
        _incomplete_told,
        ROOTS,
    ),
    debit_check(
        "issuer-told",
        "The card tells that the issuer failed",
        "CVR 反映发卡行认证失败",
        OWN,
        _issuer_told,
        ROOTS,
    ),
    debit_check(
        "issuer-told-next",
        "The card tells in the next transaction that the issuer failed",
        "下次交易的 CVR 反映发卡行认证失败",
        OWN,
        _issuer_told_next,
        ROOTS,
    ),
    debit_check(
        "script",
        "A script with its MAC is done",
        "MAC 正确的脚本命令成功",
        "JR/T 0025; EMV Book 2, 9.2",
        _script,
        ROOTS,
    ),
    debit_check(
        "script-wrong",
        "A script with a wrong MAC is refused",
        "MAC 错误的脚本命令被拒绝",
        "JR/T 0025; EMV Book 2, 9.2",
        _script_wrong,
        ROOTS,
    ),
    debit_check(
        "script-after-wrong",
        "After a wrong MAC there is no further script",
        "MAC 错误后不再执行脚本命令",
        OWN,
        _script_after_wrong,
        ROOTS,
    ),
    debit_check(
        "script-told",
        "The card tells that a script failed",
        "CVR 反映上次脚本失败",
        OWN,
        _script_told,
        ROOTS,
    ),
)
