"""Checks of medical trades: load, purchase and proof (帐户划入、医疗消费、取交易认证码; Part 7, 11 to 15)."""

import datetime
from typing import Final, NamedTuple

from cardfs.model.files import Structure
from keys.suites import Suite
from keys.trades import (
    load_mac1,
    load_mac2,
    load_session_key,
    load_tac,
    purchase_mac1,
    purchase_mac2,
    purchase_session_key,
    purchase_tac,
)

from ..terminal import Terminal, TerminalError
from ..terminal.errors import HSM_CODES
from .bench import DENIED, Bench
from .check import Check, Failed, Need, NotTested

PAYING: Final = frozenset[Need](("writes", "roots", "pin"))
WRITES: Final = frozenset[Need](("writes",))
WITH_PSAM: Final = frozenset[Need](("writes", "psam", "pin"))
INDEX: Final = b"\x01"
TERMINAL: Final = bytes.fromhex("519900000001")
SEQUENCE: Final = bytes.fromhex("00000001")
FEN: Final = (1).to_bytes(4)
MOST: Final = 0xFFFFFFFF
_UNFIT: Final = (*HSM_CODES, -0x9402, -0x9403)
"""Codes of the terminal where PSAM and card do not fit: algorithm, region, level, key index; or a counter is spent."""
AMOUNTS: Final = FEN + bytes(8)
"""Account, self-paid and fund amount of a purchase of one fen."""


class Load(NamedTuple):
    """A load that is begun: answer of INITIALIZE FOR LOAD in parts, session key, time."""

    suite: Suite
    session: bytes
    balance: bytes
    sequence: bytes
    mac1: bytes
    time: bytes


class Purchase(NamedTuple):
    """A purchase that is begun."""

    suite: Suite
    session: bytes
    sequence: bytes
    time: bytes


def _now() -> bytes:
    return bytes.fromhex(datetime.datetime.now().strftime("%Y%m%d%H%M%S"))


def _kind(b: Bench, digit: bytes) -> bytes:
    return digit if b.profile.settings.trade.type_byte == "ascii" else bytes((int(digit),))


def enter(b: Bench, *, verified: bool = True) -> None:
    """Select DF04 and verify the PIN; raise `NotTested` if the card type has no account."""
    path = b.profile.ids.get("DF04")
    if not any(plan.ef.parent == path and plan.ef.structure is Structure.INTERNAL for plan in b.profile.files.values()):
        raise NotTested(f"{b.profile.name} has no account (offline mode)")
    b.enter("DF04")
    if verified:
        b.verify()


def balance(b: Bench) -> int:
    """Return the balance of the account in fen."""
    data = b.need(bytes.fromhex("B026000104"), "GET BALANCE")
    return int.from_bytes(data[:4])


def begin_load(b: Bench) -> Load:
    """Begin the load of one fen."""
    suite, key = b.key("DLK")
    enter(b)
    data = b.need(bytes.fromhex("B02800010B") + INDEX + FEN + TERMINAL, "INITIALIZE FOR LOAD")
    if len(data) != 16:
        raise NotTested(f"INITIALIZE FOR LOAD answered {len(data)} bytes, not 16")
    session = load_session_key(suite, key, data[8:12], data[4:6])
    return Load(suite, session, data[:4], data[4:6], data[12:], _now())


def credit(b: Bench, load: Load, *, wrong: bool = False) -> bytes:
    """Return CREDIT FOR LOAD, with a right MAC2 or a wrong one."""
    mac2 = load_mac2(load.suite, load.session, FEN, _kind(b, b"1"), TERMINAL, load.time)
    return bytes.fromhex("B02A00000B") + load.time + (bytes(byte ^ 0xFF for byte in mac2) if wrong else mac2)


def _load_mac1(b: Bench) -> None:
    load = begin_load(b)
    if load_mac1(load.suite, load.session, load.balance, FEN, _kind(b, b"1"), TERMINAL) != load.mac1:
        raise Failed("MAC1 of INITIALIZE FOR LOAD is not what the root keys give")


def _load(b: Bench) -> None:
    load = begin_load(b)
    b.expect(credit(b, load), "CREDIT FOR LOAD")
    now = balance(b)
    if now != int.from_bytes(load.balance) + 1:
        raise Failed(f"after a load of 1 fen on {int.from_bytes(load.balance)} the balance is {now}")


def _load_tac(b: Bench) -> None:
    load = begin_load(b)
    tac = b.need(credit(b, load), "CREDIT FOR LOAD")
    old = int.from_bytes(load.balance)
    shown = (old + (b.profile.settings.trade.load_tac_balance == "new")).to_bytes(4)
    suite, key = b.key("DTK")
    if load_tac(suite, key, shown, load.sequence, FEN, _kind(b, b"1"), TERMINAL, load.time) != tac:
        raise Failed("the TAC of a load is not what the root keys give")


def _load_wrong(b: Bench) -> None:
    load = begin_load(b)
    b.expect(credit(b, load, wrong=True), "CREDIT FOR LOAD with a wrong MAC2", 0x9302)


def begin_purchase(b: Bench, amounts: bytes = AMOUNTS) -> Purchase:
    """Load one fen, then begin a purchase."""
    b.need(credit(b, begin_load(b)), "CREDIT FOR LOAD")
    suite, key = b.key("DPK")
    data = b.need(bytes.fromhex("B028010113") + INDEX + amounts + TERMINAL, "INITIALIZE FOR PURCHASE")
    if len(data) != 22:
        raise NotTested(f"INITIALIZE FOR PURCHASE answered {len(data)} bytes, not 22")
    return Purchase(suite, purchase_session_key(suite, key, data[18:], data[14:16], SEQUENCE), data[14:16], _now())


def debit(b: Bench, purchase: Purchase, *, wrong: bool = False) -> bytes:
    """Return DEBIT FOR PURCHASE, with a right MAC1 or a wrong one."""
    mac1 = purchase_mac1(purchase.suite, purchase.session, AMOUNTS, _kind(b, b"2"), TERMINAL, purchase.time)
    mac1 = bytes(byte ^ 0xFF for byte in mac1) if wrong else mac1
    return bytes.fromhex("B02C01000F") + SEQUENCE + purchase.time + mac1


def _purchase(b: Bench) -> None:
    purchase = begin_purchase(b)
    before = balance(b)
    b.expect(debit(b, purchase), "DEBIT FOR PURCHASE")
    now = balance(b)
    if now != before - 1:
        raise Failed(f"after a purchase of 1 fen from {before} the balance is {now}")


def _purchase_mac2(b: Bench) -> None:
    purchase = begin_purchase(b)
    answer = b.need(debit(b, purchase), "DEBIT FOR PURCHASE")
    if answer[4:] != purchase_mac2(purchase.suite, purchase.session, AMOUNTS):
        raise Failed("MAC2 of DEBIT FOR PURCHASE is not what the root keys give")


def _purchase_tac(b: Bench) -> None:
    purchase = begin_purchase(b)
    answer = b.need(debit(b, purchase), "DEBIT FOR PURCHASE")
    suite, key = b.key("DTK")
    tac = purchase_tac(suite, key, AMOUNTS, _kind(b, b"2"), TERMINAL, SEQUENCE, purchase.time)
    if answer[:4] != tac:
        raise Failed("the TAC of DEBIT FOR PURCHASE is not what the root keys give")


def _purchase_wrong(b: Bench) -> None:
    b.expect(debit(b, begin_purchase(b), wrong=True), "DEBIT FOR PURCHASE with a wrong MAC1", 0x9302)


def _record(b: Bench) -> None:
    purchase = begin_purchase(b)
    b.need(debit(b, purchase), "DEBIT FOR PURCHASE")
    b.open(next(plan for plan in b.files("DF04") if plan.ef.fid == 0xEF08))
    record = b.expect(bytes.fromhex("00B2010400"), "READ RECORD 1 of DF04/EF08").data
    wanted = TERMINAL + purchase.time
    if record[3:16] != wanted or record[16:20] != FEN:
        raise Failed("the newest record of DF04/EF08 does not have terminal, time and amount of the purchase")


def _proof(b: Bench) -> None:
    purchase = begin_purchase(b)
    answer = b.need(debit(b, purchase), "DEBIT FOR PURCHASE")
    sequence = int.from_bytes(purchase.sequence) + (b.profile.settings.trade.proof_sequence == "after")
    proof = b.expect(bytes.fromhex("B02E000202") + sequence.to_bytes(2), "GET TRANSACTION PROOF").data
    if proof != answer[4:] + answer[:4]:
        raise Failed("GET TRANSACTION PROOF does not answer MAC and TAC of the last purchase")


def _too_much(b: Bench) -> None:
    enter(b)
    held = balance(b)
    if held == MOST:
        raise NotTested("the account is full: no amount is beyond its balance")
    amounts = (held + 1).to_bytes(4) + bytes(8)
    answer = b.send(bytes.fromhex("B028010113") + INDEX + amounts + TERMINAL)
    if answer.word == 0x9403:
        raise NotTested("the card has no trade key with index 01")
    b.require(answer, "INITIALIZE FOR PURCHASE beyond the balance", 0x9401)


def _order(b: Bench) -> None:
    enter(b, verified=False)
    b.expect(bytes.fromhex("B02A00000B") + bytes(11), "CREDIT FOR LOAD without INITIALIZE", 0x6901)
    b.expect(bytes.fromhex("B02C01000F") + bytes(15), "DEBIT FOR PURCHASE without INITIALIZE", 0x6901)


def _without_pin(b: Bench) -> None:
    enter(b, verified=False)
    b.tries()
    b.expect(bytes.fromhex("B026000104"), "GET BALANCE without the PIN", DENIED)
    b.expect(bytes.fromhex("B02800010B") + INDEX + FEN + TERMINAL, "INITIALIZE FOR LOAD without the PIN", DENIED)


def _index(b: Bench) -> None:
    enter(b)
    b.expect(bytes.fromhex("B02800010B") + b"\x77" + FEN + TERMINAL, "INITIALIZE FOR LOAD with key index 77", 0x9403)


def _with_psam(b: Bench) -> None:
    enter(b)
    info = _info(b)
    terminal = Terminal(b.reader, b.means.psam, pad=lambda _prompt: b.means.pin)
    time = datetime.datetime.now().strftime("%Y%m%d%H%M%S")
    try:
        terminal.debit(info, f"0.01|0.01|{time}|")
    except TerminalError as error:
        if error.code in _UNFIT:
            raise NotTested(f"no purchase is possible with this PSAM and card: {error}") from None
        b.command = b.answer = ""
        raise Failed(f"a purchase with the PSAM failed: {error}") from None
    enter(b)
    b.open(next(plan for plan in b.files("DF04") if plan.ef.fid == 0xEF08))
    record = b.expect(bytes.fromhex("00B2010400"), "READ RECORD 1 of DF04/EF08").data
    if record[9:16].hex() != time:
        raise Failed("a purchase with the PSAM has left no record in DF04/EF08")


def _info(b: Bench) -> str:
    """Return the text pCardInfo of the card, and take its power."""
    b.need(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"), "SELECT of the environment")
    b.need(bytes.fromhex("00A4020002EF05"), "SELECT of SSSE/EF05")
    code = b.need(bytes.fromhex("00B2010400"), "READ RECORD 1")[2:]
    number = b.need(bytes.fromhex("00B2070400"), "READ RECORD 7")[2:]
    b.close()
    return f"{code.hex().upper()}|{number.decode('ascii', 'replace').rstrip(chr(0))}|"


TRADES: Final = (
    Check(
        "trade-order",
        "CREDIT and DEBIT need their INITIALIZE command",
        "未初始化时划入和消费被拒绝",
        "Part 5, 7, table 49",
        _order,
        WRITES,
    ),
    Check(
        "trade-pin", "Trades and balance need the PIN", "交易和余额需要个人密码", "Part 5, 7.3 and 7.5", _without_pin
    ),
    Check(
        "trade-key-index",
        "An unknown key index is refused",
        "密钥索引不存在时被拒绝",
        "Part 7, 11.2",
        _index,
        frozenset[Need](("writes", "pin")),
    ),
    Check(
        "load-mac1",
        "INITIALIZE FOR LOAD answers the right MAC1",
        "帐户划入初始化的 MAC1 正确",
        "Part 7, 11.2",
        _load_mac1,
        PAYING,
    ),
    Check("load", "A load adds to the balance", "划入后余额增加", "Part 7, 11.8", _load, PAYING),
    Check("load-tac", "A load answers the right TAC", "划入的 TAC 正确", "Part 7, 11.8 and 15", _load_tac, PAYING),
    Check(
        "load-wrong-mac",
        "A load with a wrong MAC2 is refused",
        "MAC2 错误时划入被拒绝",
        "Part 7, 11.7",
        _load_wrong,
        PAYING,
    ),
    Check("purchase", "A purchase takes from the balance", "消费后余额减少", "Part 7, 12.6", _purchase, PAYING),
    Check(
        "purchase-mac2", "A purchase answers the right MAC2", "消费的 MAC2 正确", "Part 7, 12.6", _purchase_mac2, PAYING
    ),
    Check(
        "purchase-tac",
        "A purchase answers the right TAC",
        "消费的 TAC 正确",
        "Part 7, 12.6 and 15",
        _purchase_tac,
        PAYING,
    ),
    Check(
        "purchase-wrong-mac",
        "A purchase with a wrong MAC1 is refused",
        "MAC1 错误时消费被拒绝",
        "Part 7, 12.4",
        _purchase_wrong,
        PAYING,
    ),
    Check("purchase-record", "A purchase leaves its record", "消费留下交易记录", "Part 7, 12.6", _record, PAYING),
    Check(
        "purchase-too-much",
        "A purchase beyond the balance is refused",
        "超出余额的消费被拒绝",
        "Part 7, 12.2",
        _too_much,
        frozenset[Need](("writes", "pin")),
    ),
    Check("proof", "The proof of the last trade can be fetched", "可取上一交易的认证码", "Part 7, 14", _proof, PAYING),
    Check("purchase-psam", "A purchase with a PSAM is booked", "用 PSAM 完成消费", "Part 7, 12", _with_psam, WITH_PSAM),
)
