"""Electronic cash (电子现金) and the transaction log."""

from contextlib import suppress
from typing import Final

from cardfs.model import tlv
from cardfs.model.fci import PROPRIETARY, TEMPLATE

from ..bench import Bench, find_object
from ..check import Failed, NotTested
from .payment import (
    CASH,
    CASH_LIMIT,
    CASH_SINGLE,
    LOG_FORMAT,
    Payment,
    amount_of,
    authenticate,
    begin,
    cash_of,
    close,
    digits,
    enter,
    finish,
    generate,
    load,
    object_of,
    online,
    pay,
    put_data,
    read_list,
    require_right,
    second,
    stock,
    with_cash,
)
from .results import ARQC, COUNTER, TC, Cryptogram
from .rows import CUT_ROOTS, OWN, ROOTS, aside, before, debit_check

LOG_ENTRY, ISSUER_DATA = 0x9F4D, 0xBF0C
LOGGED: Final = (0x9A, 0x9F21, 0x9F02, 0x9F03, 0x9F1A, 0x5F2A, 0x9F4E, 0x9C, COUNTER)
"""What a record of the log is compared in, where its format has it."""


def log_place(b: Bench, fci: bytes) -> tuple[int, tuple[tlv.Field, ...]]:
    """Return P2 of READ RECORD for the log, and the format of its records; raise `NotTested` if there is none."""
    place = find_object(fci, "the FCI", TEMPLATE, PROPRIETARY, ISSUER_DATA, LOG_ENTRY)
    if place is None:
        raise NotTested("the FCI names no log, tag 9F4D")
    if len(place) != 2 or not 11 <= place[0] <= 30:
        raise Failed(f"tag 9F4D is {place.hex().upper()}: no file from 11 to 30 and its number of records")
    layout = object_of(b, LOG_FORMAT)
    if layout is None:
        raise Failed("the card has a log, but GET DATA answers no format of it, tag 9F4F")
    return place[0] << 3 | 0x04, read_list(layout, "the log format, tag 9F4F,")


def _cash_load(b: Bench) -> None:
    enter(b)
    held, limit = cash_of(b), amount_of(b, CASH_LIMIT)
    if limit == held == 0:
        raise NotTested("the limit of electronic cash is 0")
    wanted = held + 1 if limit is None or held < limit else held - 1
    payment = online(b)
    authenticate(b, payment)
    answer = b.send(put_data(b, payment, CASH, digits(wanted)))
    with aside(b):
        finish(b, payment)
        now = cash_of(b)
        if now != held:
            with suppress(NotTested):
                load(b, held)
    b.require(answer, "PUT DATA of the balance")
    if now != wanted:
        raise Failed(f"after a script that writes a balance of {wanted}, the balance is {now}")


def _paid(b: Bench) -> tuple[Payment, Cryptogram]:
    """Pay one fen; raise `NotTested` if the card does not."""
    payment = pay(b, 1)
    with before():
        found = generate(b, payment, TC)
    if found.kind != TC:
        raise NotTested(f"a payment of 1 fen came before, and the card answered {found.name}")
    return payment, found


def _cash_approved(b: Bench) -> None:
    with with_cash(b, 1):
        found = generate(b, pay(b, 1), TC)
        if found.kind != TC:
            raise Failed(f"the card answers {found.name} to a payment of 1 fen, not a TC")


def _cash_balance(b: Bench) -> None:
    with with_cash(b, 1) as balance:
        _paid(b)
        now = cash_of(b)
        if now != balance - 1:
            raise Failed(f"after a payment of 1 fen the balance is {now}, not {balance - 1}")


def _cash_cryptogram(b: Bench) -> None:
    with with_cash(b, 1):
        payment, found = _paid(b)
        require_right(b, payment, found, "the TC of a payment with electronic cash")


def _cash_too_much(b: Bench) -> None:
    with with_cash(b, 1) as balance:
        _not_paid(b, balance + 1, "beyond the balance")


def _cash_single(b: Bench) -> None:
    enter(b)
    single, limit = amount_of(b, CASH_SINGLE), amount_of(b, CASH_LIMIT)
    if single is None or (limit is not None and limit <= single):
        raise NotTested("the card has no limit of one payment that is below that of the balance")
    with with_cash(b, single + 1):
        _not_paid(b, single + 1, "above the limit of one payment")


def _not_paid(b: Bench, amount: int, what: str) -> None:
    """Raise `Failed` if the card approves a payment offline, `NotTested` if it approves none at all."""
    pay(b, 1)
    payment = begin(b, amount, cash=True)
    with before():
        found = generate(b, payment, TC)
    if found.kind == ARQC:
        close(b, payment)
    if found.kind == TC:
        raise Failed(f"a payment {what} was approved offline")


def _newest(b: Bench) -> dict[int, bytes]:
    """Return the fields of the newest record of the log by tag; raise `NotTested` if there is no log or no record."""
    with before():
        p2, layout = log_place(b, enter(b))
    record = b.need(bytes((0x00, 0xB2, 0x01, p2, 0x00)), "READ RECORD 1 of the log")
    if len(record) != tlv.total(layout):
        raise NotTested("a record of the log has another length than its format says")
    return tlv.split(layout, record)


def _require_logged(b: Bench, payment: Payment, found: Cryptogram) -> None:
    record = _newest(b)
    sent = {**payment.sent, COUNTER: found.counter}
    for tag in LOGGED:
        if tag in record and tag in sent and record[tag] != sent[tag]:
            raise Failed(f"the newest record of the log does not hold tag {tag:X} of the transaction")


def _logged(b: Bench) -> None:
    _require_logged(b, *second(b))


def _cash_logged(b: Bench) -> None:
    with with_cash(b, 1):
        _require_logged(b, *_paid(b))


# -- power ----------------------------------------------------------------------------------------


def _money(b: Bench) -> tuple[object, ...]:
    """Return the balance of electronic cash, and what the newest record of the log says of amount and counter."""
    enter(b)
    record: dict[int, bytes] = {}
    balance = cash_of(b)
    with suppress(NotTested):
        record = _newest(b)
    return balance, record.get(0x9F02), record.get(COUNTER)


def _cut_payment(b: Bench) -> None:
    begun: dict[int, Payment] = {}

    def prepare(bench: Bench) -> None:
        stock(bench, 1)
        begun[id(bench)] = pay(bench, 1)

    def start(bench: Bench) -> object:
        prepare(bench)
        bench.reset()
        return _money(bench)

    def operation(bench: Bench) -> None:
        with before():
            generate(bench, begun[id(bench)], TC)

    b.cut(prepare, operation, _money, start=start)


def _cut_load(b: Bench) -> None:
    enter(b)
    held = cash_of(b)
    wanted = held + 1 if held < (amount_of(b, CASH_LIMIT) or 0) else held - 1
    if wanted < 0:
        raise NotTested("the limit of electronic cash is 0")
    begun: dict[int, bytes] = {}

    def prepare(bench: Bench) -> None:
        payment = online(bench)
        authenticate(bench, payment)
        begun[id(bench)] = put_data(bench, payment, CASH, digits(wanted))

    b.cut(prepare, lambda bench: bench.need(begun[id(bench)], "PUT DATA of the balance"), _money)


CASH_CHECKS: Final = (
    debit_check(
        "logged",
        "An approved transaction leaves its record",
        "批准的交易留下日志记录",
        "EMV Book 3, annex D",
        _logged,
        ROOTS,
    ),
    debit_check("cash-load", "A script loads electronic cash", "脚本圈存电子现金", OWN, _cash_load, ROOTS),
    debit_check("cash-approved", "Electronic cash pays offline", "电子现金脱机支付", OWN, _cash_approved, ROOTS),
    debit_check(
        "cash-balance", "A payment takes from the balance", "支付后电子现金余额减少", OWN, _cash_balance, ROOTS
    ),
    debit_check("cash-tc", "The TC of a payment is right", "电子现金支付的 TC 正确", OWN, _cash_cryptogram, ROOTS),
    debit_check(
        "cash-too-much",
        "A payment beyond the balance is not approved offline",
        "超出余额的支付不脱机批准",
        OWN,
        _cash_too_much,
        ROOTS,
    ),
    debit_check(
        "cash-single",
        "A payment above the limit of one is not approved offline",
        "超出单笔限额的支付不脱机批准",
        OWN,
        _cash_single,
        ROOTS,
    ),
    debit_check("cash-logged", "A payment leaves its record", "电子现金支付留下日志记录", OWN, _cash_logged, ROOTS),
    debit_check(
        "cut-payment",
        "A payment is whole or not at all",
        "电子现金支付要么完整要么不发生",
        OWN,
        _cut_payment,
        CUT_ROOTS,
    ),
    debit_check(
        "cut-load", "A load is whole or not at all", "电子现金圈存要么完整要么不发生", OWN, _cut_load, CUT_ROOTS
    ),
)
