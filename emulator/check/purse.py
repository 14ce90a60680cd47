"""Checks of passbook and purse (电子存折/电子钱包) of the financial environment, which follow JR/T 0025.

The text of JR/T 0025 was not at hand: clauses are those of the FMCOS 2.0 manual, which describes these commands.
"""

import datetime
from collections.abc import Callable
from typing import Final, NamedTuple

from cardfs.model.codecs import pin_to_cn
from cardfs.model.fci import ISSUER_DATA, PROPRIETARY, TEMPLATE
from keys.diversify import diversify
from keys.purse import line_mac, offline_key, online_key, tac, trade_mac
from keys.suites import FACTOR_LENGTH, Suite

from .bench import DENIED, LOCKED, OK, PURSE_NAME, Bench, find_object, select_name
from .check import Check, Failed, Need, NotTested, Part
from .commands import another_pin, require_name

PURSE: Final[tuple[Part, ...]] = ("purse",)
WRITES: Final = frozenset[Need](("writes",))
PIN: Final = frozenset[Need](("writes", "financial-pin"))
PAYING: Final = frozenset[Need](("writes", "roots", "financial-pin"))
ON_OURS: Final = frozenset[Need](("ours", "writes", "roots", "financial-pin"))
TERMINAL: Final = bytes.fromhex("629999000001")
SEQUENCE: Final = bytes.fromhex("00000001")
FEN: Final = (1).to_bytes(4)
MOST: Final = 0xFFFFFFFF
INDEX: Final = b"\x01"
BASIC_LENGTH, HOLDER_LENGTH = 30, 39


class Account(NamedTuple):
    """Passbook or purse: its P2, and the identifiers of its trades (交易类型标识)."""

    name: str
    p2: int
    load: int
    purchase: int


ACCOUNTS: Final = (Account("passbook", 0x01, 0x01, 0x05), Account("purse", 0x02, 0x02, 0x06))
UNLOAD, CASH, OVERDRAFT, COMPOSITE = 0x03, 0x04, 0x07, 0x09


class Begun(NamedTuple):
    """A trade that is begun: what INITIALIZE answered in parts, key, time.

    Attributes:
        limit: overdraft limit, 3 bytes; empty for load and unload.
        mac1: of the card, 4 bytes; empty for trades of a terminal.
    """

    suite: Suite
    key: bytes
    balance: bytes
    counter: bytes
    limit: bytes
    random: bytes
    mac1: bytes
    time: bytes


# -- the application ------------------------------------------------------------------------------


def enter(b: Bench, *, verified: bool = False) -> bytes:
    """Select passbook and purse, verify the PIN if wanted, and return the FCI; raise `NotTested` if that is refused."""
    fci = b.need(select_name(PURSE_NAME), "SELECT of passbook and purse")
    if verified:
        verify(b)
    return fci


def verify(b: Bench) -> None:
    """Verify the PIN; raise `NotTested` if it is refused."""
    answer = b.send(_verify(pin(b)))
    if answer.word != OK:
        raise NotTested(f"VERIFY was refused with {answer.hex}: is this the PIN of the financial applications?")


def pin(b: Bench) -> bytes:
    """Return the PIN as the purse takes it; raise `NotTested` if it is too long for it."""
    return pin_to_cn(b.financial_pin)


def _verify(value: bytes) -> bytes:
    return bytes((0x00, 0x20, 0x00, 0x00, len(value))) + value


def key(b: Bench, root: str) -> tuple[Suite, bytes]:
    """Derive a key of the purse from the application serial number; raise `NotTested` if there is no such root."""

    def derive(suite: Suite, value: bytes) -> bytes:
        serial = b.need(bytes.fromhex("00B0950C08"), "READ BINARY of the application serial number")
        if len(serial) != FACTOR_LENGTH:
            raise NotTested(
                f"READ BINARY answered {len(serial)} bytes of the application serial number, not {FACTOR_LENGTH}"
            )
        return diversify(suite, value, (serial,))

    return b.financial_key(root, derive)


def require_pin(b: Bench) -> None:
    """Verify the PIN once; raise `NotTested` if it is of no use."""
    enter(b, verified=True)


def require_roots(b: Bench) -> None:
    """Raise `NotTested` unless one of the card's MAC1s comes from the root keys; nothing is written by that."""
    enter(b, verified=True)
    for account in ACCOUNTS:
        trade = begin_load(b, account)
        if load_mac1(trade, account) == trade.mac1:
            return
    change = begin_overdraft(b)
    if overdraft_mac1(change) == change.mac1:
        return
    raise NotTested("the root keys are not those of this card: no MAC1 of the purse comes from them")


def _after_trade(b: Bench) -> None:
    """Verify the PIN again where a trade ends its effect."""
    if b.profile.settings.edep.pin_cleared_after_trade:
        verify(b)


def balance(b: Bench, account: Account) -> int:
    """Return the balance of an account in fen."""
    data = b.need(bytes((0x80, 0x5C, 0x00, account.p2, 0x04)), f"GET BALANCE of the {account.name}")
    return int.from_bytes(data[:4])


def _now() -> bytes:
    return bytes.fromhex(datetime.datetime.now().strftime("%Y%m%d%H%M%S"))


# -- trades ---------------------------------------------------------------------------------------


def _begin(b: Bench, root: str, p1: int, p2: int, data: bytes, *, limit: bool, online: bool) -> Begun:
    suite, value = key(b, root)
    answer = b.need(bytes((0x80, 0x50, p1, p2, len(data))) + data, "INITIALIZE")
    length = 12 + 3 * limit + 4 * online
    if len(answer) != length:
        raise NotTested(f"INITIALIZE answered {len(answer)} bytes, not {length}")
    at = 6 + 3 * limit
    parts = (answer[:4], answer[4:6], answer[6:at], answer[at + 2 : at + 6], answer[at + 6 :])
    return Begun(suite, value, *parts, _now())


def begin_load(b: Bench, account: Account) -> Begun:
    """Begin the load of one fen."""
    return _begin(b, "FDLK", 0x00, account.p2, INDEX + FEN + TERMINAL, limit=False, online=True)


def begin_unload(b: Bench) -> Begun:
    """Begin the unload of one fen from the passbook."""
    return _begin(b, "FDULK", 0x05, 0x01, INDEX + FEN + TERMINAL, limit=False, online=True)


def begin_overdraft(b: Bench) -> Begun:
    """Begin a change of the overdraft limit."""
    return _begin(b, "FDUK", 0x04, 0x01, INDEX + TERMINAL, limit=True, online=True)


def begin_spending(b: Bench, p1: int, account: Account) -> Begun:
    """Begin a purchase (P1 01), a cash withdrawal (02) or a composite purchase (03) of one fen."""
    return _begin(b, "FDPK", p1, account.p2, INDEX + FEN + TERMINAL, limit=True, online=False)


def _online(trade: Begun) -> bytes:
    return online_key(trade.suite, trade.key, trade.random, trade.counter)


def _offline(trade: Begun) -> bytes:
    return offline_key(trade.suite, trade.key, trade.random, trade.counter, SEQUENCE)


def load_mac1(trade: Begun, account: Account) -> bytes:
    """Return the MAC1 that the root keys give for the load of one fen."""
    return trade_mac(trade.suite, _online(trade), trade.balance, FEN, bytes((account.load,)), TERMINAL)


def overdraft_mac1(trade: Begun) -> bytes:
    """Return the MAC1 that the root keys give for a change of the overdraft limit."""
    return trade_mac(trade.suite, _online(trade), trade.balance, trade.limit, bytes((OVERDRAFT,)), TERMINAL)


def _spoiled(mac: bytes, *, wrong: bool) -> bytes:
    return bytes(byte ^ 0xFF for byte in mac) if wrong else mac


def credit(trade: Begun, account: Account, *, wrong: bool = False) -> bytes:
    """Return CREDIT FOR LOAD, with a right MAC2 or a wrong one."""
    mac2 = trade_mac(trade.suite, _online(trade), FEN, bytes((account.load,)), TERMINAL, trade.time)
    return bytes.fromhex("805200000B") + trade.time + _spoiled(mac2, wrong=wrong)


def debit(trade: Begun, kind: int, *, wrong: bool = False) -> bytes:
    """Return DEBIT FOR PURCHASE, with a right MAC1 or a wrong one."""
    mac1 = trade_mac(trade.suite, _offline(trade), FEN, bytes((kind,)), TERMINAL, trade.time)
    return bytes.fromhex("805401000F") + SEQUENCE + trade.time + _spoiled(mac1, wrong=wrong)


def loaded(b: Bench, account: Account) -> None:
    """Load one fen."""
    b.need(credit(begin_load(b, account), account), "CREDIT FOR LOAD")
    _after_trade(b)


def _spend(b: Bench, p1: int, kind: int, account: Account) -> tuple[Begun, bytes]:
    """Load one fen and spend it; return trade and answer: TAC, MAC2."""
    loaded(b, account)
    trade = begin_spending(b, p1, account)
    answer = b.need(debit(trade, kind), "DEBIT FOR PURCHASE")
    if len(answer) != 8:
        raise Failed(f"DEBIT FOR PURCHASE answers {len(answer)} bytes, not 8")
    return trade, answer


def _require_tac(b: Bench, given: bytes, what: str, *parts: bytes) -> None:
    suite, value = key(b, "FDTK")
    if tac(suite, value, *parts) != given:
        raise Failed(f"the TAC of {what} is not what the root keys give")


def _require_balance(b: Bench, account: Account, expected: int, what: str) -> None:
    _after_trade(b)
    now = balance(b, account)
    if now != expected:
        raise Failed(f"after {what} the balance of the {account.name} is {now}, not {expected}")


def _of_each(check: Callable[[Bench, Account], None]) -> Callable[[Bench], None]:
    """Return a check that does the same with passbook and purse, each freshly selected, the PIN verified."""

    def run(b: Bench) -> None:
        for account in ACCOUNTS:
            enter(b, verified=True)
            check(b, account)

    return run


# -- what needs nothing ---------------------------------------------------------------------------


def _select(b: Bench) -> None:
    answer = b.send(select_name(PURSE_NAME))
    if answer.word == LOCKED:
        raise NotTested("passbook and purse are locked")
    b.require(answer, "SELECT of passbook and purse by name")
    require_name(answer.data, PURSE_NAME, "passbook and purse")


def _basic(b: Bench) -> None:
    fci = enter(b)
    data = b.expect(bytes.fromhex("00B0950000"), "READ BINARY of 0015").data
    if len(data) != BASIC_LENGTH:
        raise Failed(f"0015 has {len(data)} bytes, not {BASIC_LENGTH}")
    if find_object(fci, "the FCI", TEMPLATE, PROPRIETARY, ISSUER_DATA) != data:
        raise Failed("tag 9F0C in the FCI is not the file 0015")
    if data[8] not in (1, 2, 3):
        raise Failed(f"the application type in 0015 is {data[8]:02X}, not 01, 02 or 03")


def _holder(b: Bench) -> None:
    enter(b)
    data = b.expect(bytes.fromhex("00B0960000"), "READ BINARY of 0016").data
    if len(data) != HOLDER_LENGTH:
        raise Failed(f"0016 has {len(data)} bytes, not {HOLDER_LENGTH}")


def _log_protected(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("00B201C400"), "READ RECORD of the log without the PIN", DENIED)


def _purse_free(b: Bench) -> None:
    enter(b)
    data = b.expect(bytes.fromhex("805C000204"), "GET BALANCE of the purse without the PIN").data
    if len(data) != 4:
        raise Failed(f"GET BALANCE answers {len(data)} bytes, not 4")


def _passbook_protected(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("805C000104"), "GET BALANCE of the passbook without the PIN", DENIED)
    for what, header in (("LOAD", "8050000"), ("PURCHASE", "8050010"), ("CASH WITHDRAW", "8050020")):
        command = bytes.fromhex(header + "10B") + INDEX + FEN + TERMINAL
        b.expect(command, f"INITIALIZE FOR {what} of the passbook without the PIN", DENIED)
    b.expect(bytes.fromhex("805000020B") + INDEX + FEN + TERMINAL, "INITIALIZE FOR LOAD without the PIN", DENIED)


def _index(b: Bench) -> None:
    enter(b)
    command = bytes.fromhex("805001020B") + b"\x77" + FEN + TERMINAL
    b.expect(command, "INITIALIZE FOR PURCHASE with key index 77", 0x9403)


def _too_much(b: Bench) -> None:
    enter(b)
    held = balance(b, ACCOUNTS[1])
    if held == MOST:
        raise NotTested("the purse is full: no amount is beyond its balance")
    answer = b.send(bytes.fromhex("805001020B") + INDEX + (held + 1).to_bytes(4) + TERMINAL)
    if answer.word == 0x9403:
        raise NotTested("the purse has no purchase key with index 01")
    word = 0x6985 if b.profile.settings.edep.balance_error == "6985" else 0x9401
    b.require(answer, "INITIALIZE FOR PURCHASE beyond the balance", word)


def _parameters(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("805006020B") + INDEX + FEN + TERMINAL, "INITIALIZE with P1 06", 0x6A86)
    b.expect(bytes.fromhex("805001030B") + INDEX + FEN + TERMINAL, "INITIALIZE FOR PURCHASE with P2 03", 0x6A86)


def _lengths(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("805001020A") + INDEX + FEN + TERMINAL[1:], "INITIALIZE FOR PURCHASE with Lc 0A", 0x6700)


def _no_proof(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("805A000602FFFF08"), "GET TRANSACTION PROVE of a trade that was not the last", 0x9406)


def _order(b: Bench) -> None:
    enter(b)
    word = 0x6985 if b.profile.settings.edep.second_command_error == "6985" else 0x6901
    b.expect(bytes.fromhex("805200000B") + bytes(11), "CREDIT FOR LOAD without INITIALIZE", word)
    b.expect(bytes.fromhex("805401000F") + bytes(15), "DEBIT FOR PURCHASE without INITIALIZE", word)


# -- files and PIN --------------------------------------------------------------------------------


def _update(b: Bench, *, challenge: bool = True, wrong: bool = False) -> bytes:
    """Return UPDATE BINARY of 0016 with what it holds, and a MAC under DAMK (FMCOS 2.0 manual, 7.7)."""
    suite, value = key(b, "FDAMK")
    held = b.need(bytes.fromhex("00B0960000"), "READ BINARY of 0016")
    random = b.need(bytes.fromhex("0084000004"), "GET CHALLENGE") if challenge else bytes(4)
    if len(random) != 4:
        raise NotTested(f"GET CHALLENGE came before and answered {len(random)} bytes, not 4")
    head = bytes((0x04, 0xD6, 0x96, 0x00, len(held) + 4))
    zero = b.profile.settings.edep.command_iv == "zero"
    return head + held + _spoiled(line_mac(suite, value, bytes(4) if zero else random, head + held), wrong=wrong)


def _update_plain(b: Bench) -> None:
    enter(b)
    held = b.need(bytes.fromhex("00B0960000"), "READ BINARY of 0016")
    command = bytes((0x00, 0xD6, 0x96, 0x00, len(held))) + held
    b.expect(command, "UPDATE BINARY of 0016 without a MAC", 0x6987, DENIED)


def _update_right(b: Bench) -> None:
    enter(b)
    b.expect(_update(b), "UPDATE BINARY of 0016 with a MAC")


def _update_wrong(b: Bench) -> None:
    enter(b)
    b.expect(_update(b, wrong=True), "UPDATE BINARY of 0016 with a wrong MAC", 0x6988)
    b.need(_update(b), "UPDATE BINARY of 0016 with a MAC")  # the card counts wrong MACs in a row


def _update_without_challenge(b: Bench) -> None:
    enter(b)
    b.expect(_update(b, challenge=False), "UPDATE BINARY of 0016 without GET CHALLENGE", 0x6984)


def _tries(b: Bench) -> None:
    enter(b, verified=True)  # the counter is at its most now
    wrong = another_pin(b.means.financial_pin)
    left = []
    for _ in range(2):
        b.reset()
        enter(b)
        answer = b.send(_verify(wrong))
        if answer.word & 0xFFF0 != 0x63C0:
            raise Failed(f"VERIFY with a wrong PIN: the card answered {answer.hex}, not 63Cx")
        left.append(answer.word & 0x0F)
        b.expect(bytes.fromhex("805C000104"), "GET BALANCE of the passbook after a wrong PIN", DENIED)
        b.need(_verify(pin(b)), "VERIFY with the PIN")
    if left[0] != left[1]:
        raise Failed(f"a wrong PIN left {left[0]} tries, and after the right one a wrong one left {left[1]}")


def _change_pin(b: Bench) -> None:
    old, new = pin(b), another_pin(b.means.financial_pin)

    def change(before: bytes, after: bytes) -> bytes:
        data = before + b"\xff" + after
        return bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data

    enter(b)
    b.expect(change(old, new), "CHANGE PIN")
    b.expect(change(new, old), "CHANGE PIN back")


# -- trades ---------------------------------------------------------------------------------------


def _mac1(b: Bench, account: Account) -> None:
    trade = begin_load(b, account)
    if load_mac1(trade, account) != trade.mac1:
        raise Failed(f"MAC1 of INITIALIZE FOR LOAD of the {account.name} is not what the root keys give")


def _load(b: Bench, account: Account) -> None:
    trade = begin_load(b, account)
    b.expect(credit(trade, account), "CREDIT FOR LOAD")
    _require_balance(b, account, int.from_bytes(trade.balance) + 1, "a load of 1 fen")


def _load_tac(b: Bench, account: Account) -> None:
    trade = begin_load(b, account)
    given = b.need(credit(trade, account), "CREDIT FOR LOAD")
    new = (int.from_bytes(trade.balance) + 1).to_bytes(4)
    parts = (new, trade.counter, FEN, bytes((account.load,)), TERMINAL, trade.time)
    _require_tac(b, given, f"a load of the {account.name}", *parts)


def _load_wrong(b: Bench, account: Account) -> None:
    trade = begin_load(b, account)
    b.expect(credit(trade, account, wrong=True), "CREDIT FOR LOAD with a wrong MAC2", 0x9302)


def _purchase(b: Bench, account: Account) -> None:
    loaded(b, account)
    trade = begin_spending(b, 0x01, account)
    b.expect(debit(trade, account.purchase), "DEBIT FOR PURCHASE")
    _require_balance(b, account, int.from_bytes(trade.balance) - 1, "a purchase of 1 fen")


def _purchase_mac2(b: Bench, account: Account) -> None:
    trade, answer = _spend(b, 0x01, account.purchase, account)
    if answer[4:] != trade_mac(trade.suite, _offline(trade), FEN):
        raise Failed(f"MAC2 of a purchase with the {account.name} is not what the root keys give")


def _spending_tac(b: Bench, trade: Begun, given: bytes, kind: int, what: str) -> None:
    _require_tac(b, given, what, FEN, bytes((kind,)), TERMINAL, SEQUENCE, trade.time)


def _purchase_tac(b: Bench, account: Account) -> None:
    trade, answer = _spend(b, 0x01, account.purchase, account)
    _spending_tac(b, trade, answer[:4], account.purchase, f"a purchase with the {account.name}")


def _purchase_wrong(b: Bench, account: Account) -> None:
    loaded(b, account)
    trade = begin_spending(b, 0x01, account)
    b.expect(debit(trade, account.purchase, wrong=True), "DEBIT FOR PURCHASE with a wrong MAC1", 0x9302)


def _record(b: Bench, account: Account) -> None:
    trade, _ = _spend(b, 0x01, account.purchase, account)
    counter = (int.from_bytes(trade.counter) + 1).to_bytes(2)
    _after_trade(b)
    record = b.expect(bytes.fromhex("00B201C400"), "READ RECORD 1 of the log").data
    if record != counter + trade.limit + FEN + bytes((account.purchase,)) + TERMINAL + trade.time:
        raise Failed("the newest record of the log is not counter, limit, amount, type, terminal and time of the trade")


def _proof(b: Bench, account: Account) -> None:
    trade, answer = _spend(b, 0x01, account.purchase, account)
    counter = (int.from_bytes(trade.counter) + 1).to_bytes(2)
    command = bytes((0x80, 0x5A, 0x00, account.purchase, 0x02)) + counter + b"\x08"
    if b.expect(command, "GET TRANSACTION PROVE").data != answer[4:] + answer[:4]:
        raise Failed("GET TRANSACTION PROVE does not answer MAC and TAC of the last trade")


def _cash(b: Bench) -> None:
    enter(b, verified=True)
    before = balance(b, ACCOUNTS[0])
    trade, answer = _spend(b, 0x02, CASH, ACCOUNTS[0])
    _spending_tac(b, trade, answer[:4], CASH, "a cash withdrawal")
    _require_balance(b, ACCOUNTS[0], before, "a load and a cash withdrawal of 1 fen")


def _composite(b: Bench) -> None:
    enter(b, verified=True)
    before = balance(b, ACCOUNTS[1])
    trade, answer = _spend(b, 0x03, COMPOSITE, ACCOUNTS[1])
    _spending_tac(b, trade, answer[:4], COMPOSITE, "a composite purchase")
    _require_balance(b, ACCOUNTS[1], before, "a load and a composite purchase of 1 fen")


def _unload(b: Bench) -> None:
    enter(b, verified=True)
    loaded(b, ACCOUNTS[0])
    trade = begin_unload(b)
    kind = bytes((UNLOAD,))
    session = _online(trade)
    if trade_mac(trade.suite, session, trade.balance, FEN, kind, TERMINAL) != trade.mac1:
        raise Failed("MAC1 of INITIALIZE FOR UNLOAD is not what the root keys give")
    mac2 = trade_mac(trade.suite, session, FEN, kind, TERMINAL, trade.time)
    mac3 = b.expect(bytes.fromhex("805403000B") + trade.time + mac2, "DEBIT FOR UNLOAD").data
    new = int.from_bytes(trade.balance) - 1
    if mac3 != trade_mac(trade.suite, session, new.to_bytes(4), trade.counter, FEN, kind, TERMINAL, trade.time):
        raise Failed("MAC3 of DEBIT FOR UNLOAD is not what the root keys give")
    _require_balance(b, ACCOUNTS[0], new, "an unload of 1 fen")


def _overdraft(b: Bench) -> None:
    """Raise the limit by one fen, and take it back."""
    for step in (1, -1):
        enter(b, verified=True)
        trade = begin_overdraft(b)
        if overdraft_mac1(trade) != trade.mac1:
            raise Failed("MAC1 of INITIALIZE FOR UPDATE is not what the root keys give")
        limit = (int.from_bytes(trade.limit) + step).to_bytes(3)
        about = (limit, bytes((OVERDRAFT,)), TERMINAL, trade.time)
        mac2 = trade_mac(trade.suite, _online(trade), *about)
        given = b.expect(bytes.fromhex("805800000E") + limit + trade.time + mac2, "UPDATE OVERDRAW LIMIT").data
        new = int.from_bytes(trade.balance) + step
        _require_overdraft_tac(b, given, new.to_bytes(4), trade.counter, *about)
        _require_balance(b, ACCOUNTS[0], new, "a new overdraft limit")


def _require_overdraft_tac(b: Bench, given: bytes, *parts: bytes) -> None:
    suite, value = key(b, "FDTK")
    whole = b.profile.settings.edep.overdraft_tac_key == "direct"
    expected = line_mac(suite, value, b"", b"".join(parts)) if whole else tac(suite, value, *parts)
    if expected != given:
        raise Failed("the TAC of UPDATE OVERDRAW LIMIT is not what the root keys give")


# -- power ----------------------------------------------------------------------------------------


def _money(b: Bench) -> tuple[object, ...]:
    """Return balances, and the newest record of the log without its time, which differs from copy to copy."""
    enter(b, verified=True)
    record = b.send(bytes.fromhex("00B201C400"))
    return (*(balance(b, account) for account in ACCOUNTS), record.data[:-7])


def _cut_load(b: Bench) -> None:
    begun: dict[int, bytes] = {}

    def prepare(bench: Bench) -> None:
        enter(bench, verified=True)
        begun[id(bench)] = credit(begin_load(bench, ACCOUNTS[1]), ACCOUNTS[1])

    b.cut(prepare, lambda bench: bench.need(begun[id(bench)], "CREDIT FOR LOAD"), _money)


def _cut_purchase(b: Bench) -> None:
    begun: dict[int, bytes] = {}

    def before(bench: Bench) -> object:
        enter(bench, verified=True)
        loaded(bench, ACCOUNTS[1])
        return _money(bench)

    def prepare(bench: Bench) -> None:
        before(bench)
        begun[id(bench)] = debit(begin_spending(bench, 0x01, ACCOUNTS[1]), ACCOUNTS[1].purchase)

    b.cut(prepare, lambda bench: bench.need(begun[id(bench)], "DEBIT FOR PURCHASE"), _money, start=before)


def _check(
    name: str, title: str, zh: str, clause: str, run: Callable[[Bench], None], needs: frozenset[Need] = frozenset()
) -> Check:
    return Check(name, title, zh, f"JR/T 0025; FMCOS 2.0 manual, {clause}", run, needs, PURSE)


PURSE_CHECKS: Final = (
    _check("purse-select", "SELECT finds passbook and purse by name", "按名称选择电子存折/电子钱包", "7.4", _select),
    _check(
        "purse-basic-data", "0015 has 30 bytes and stands in the FCI", "公共应用基本数据文件与 FCI 一致", "7.4", _basic
    ),
    _check("purse-holder", "0016 has 39 bytes and is read free", "持卡人基本数据文件可自由读", "7.5", _holder),
    _check("purse-log-pin", "The log needs the PIN", "读交易明细需要个人密码", "7.6", _log_protected),
    _check(
        "purse-balance", "The balance of the purse needs no PIN", "读电子钱包余额不需要个人密码", "8.14", _purse_free
    ),
    _check(
        "purse-pin",
        "The passbook, and every load, need the PIN",
        "电子存折交易和圈存需要个人密码",
        "8.7 to 8.14",
        _passbook_protected,
    ),
    _check("purse-key-index", "An unknown key index is refused", "密钥索引不存在时被拒绝", "8.8.1", _index),
    _check("purse-too-much", "A purchase beyond the balance is refused", "超出余额的消费被拒绝", "8.8.1", _too_much),
    _check(
        "purse-parameters", "INITIALIZE refuses wrong P1 and P2", "初始化命令拒绝错误的 P1、P2", "8.8.1", _parameters
    ),
    _check("purse-lengths", "INITIALIZE refuses a wrong length", "初始化命令拒绝错误的长度", "8.8.1", _lengths),
    _check("purse-no-proof", "Only the last trade has a proof", "只有最近一笔交易有认证码", "8.13", _no_proof),
    _check(
        "purse-order",
        "CREDIT and DEBIT need their INITIALIZE",
        "未初始化时圈存和消费被拒绝",
        "8.7.2 and 8.8.2",
        _order,
        WRITES,
    ),
    _check(
        "purse-update-plain", "An update without a MAC is refused", "无 MAC 的更新被拒绝", "7.7", _update_plain, WRITES
    ),
    _check("purse-update", "An update with a MAC is done", "带 MAC 的更新成功", "7.7", _update_right, PAYING),
    _check(
        "purse-update-wrong-mac",
        "An update with a wrong MAC is refused",
        "MAC 错误的更新被拒绝",
        "7.7",
        _update_wrong,
        PAYING,
    ),
    _check(
        "purse-update-challenge",
        "An update with a MAC needs GET CHALLENGE",
        "未取随机数的更新被拒绝",
        "7.7",
        _update_without_challenge,
        PAYING,
    ),
    _check(
        "purse-pin-tries",
        "VERIFY counts wrong PINs, and a right one puts the counter back",
        "个人密码错误计数，正确后恢复",
        "7.10",
        _tries,
        PIN,
    ),
    _check("purse-change-pin", "CHANGE PIN changes the PIN", "修改个人密码", "8.6", _change_pin, PIN),
    _check(
        "purse-load-mac1",
        "INITIALIZE FOR LOAD answers the right MAC1",
        "圈存初始化的 MAC1 正确",
        "8.7.1",
        _of_each(_mac1),
        PAYING,
    ),
    _check("purse-load", "A load adds to the balance", "圈存后余额增加", "8.7.2", _of_each(_load), PAYING),
    _check("purse-load-tac", "A load answers the right TAC", "圈存的 TAC 正确", "8.7.2", _of_each(_load_tac), PAYING),
    _check(
        "purse-load-wrong-mac",
        "A load with a wrong MAC2 is refused",
        "MAC2 错误时圈存被拒绝",
        "8.7.2",
        _of_each(_load_wrong),
        PAYING,
    ),
    _check(
        "purse-purchase", "A purchase takes from the balance", "消费后余额减少", "8.8.2", _of_each(_purchase), PAYING
    ),
    _check(
        "purse-purchase-mac2",
        "A purchase answers the right MAC2",
        "消费的 MAC2 正确",
        "8.8.2",
        _of_each(_purchase_mac2),
        PAYING,
    ),
    _check(
        "purse-purchase-tac",
        "A purchase answers the right TAC",
        "消费的 TAC 正确",
        "8.8.2",
        _of_each(_purchase_tac),
        PAYING,
    ),
    _check(
        "purse-purchase-wrong-mac",
        "A purchase with a wrong MAC1 is refused",
        "MAC1 错误时消费被拒绝",
        "8.8.2",
        _of_each(_purchase_wrong),
        PAYING,
    ),
    _check("purse-record", "A purchase leaves its record", "消费留下交易明细", "8.8.2", _of_each(_record), PAYING),
    _check(
        "purse-proof",
        "The proof of the last trade can be fetched",
        "可取最近交易的认证码",
        "8.13",
        _of_each(_proof),
        PAYING,
    ),
    _check("purse-cash", "Cash is withdrawn from the passbook", "电子存折取现", "8.11", _cash, PAYING),
    _check(
        "purse-composite", "A composite purchase is paid by the purse", "电子钱包复合消费", "8.9", _composite, PAYING
    ),
    _check(
        "purse-unload", "An unload answers the right MAC1 and MAC3", "圈提的 MAC1、MAC3 正确", "8.10", _unload, PAYING
    ),
    _check("purse-overdraft", "The overdraft limit is changed", "修改透支限额", "8.12", _overdraft, PAYING),
    _check("purse-cut-load", "A load is whole or not at all", "圈存要么完整要么不发生", "8.7.2", _cut_load, ON_OURS),
    _check(
        "purse-cut-purchase",
        "A purchase is whole or not at all",
        "消费要么完整要么不发生",
        "8.8.2",
        _cut_purchase,
        ON_OURS,
    ),
)
