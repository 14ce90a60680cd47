"""Passbook and purse of issued cards: keys as the bank derives them from its roots, the trace, the client."""

import pytest

from emulator.trace.event import Event
from emulator.trace.traced import Traced
from tests.kit.bank import CARDS, DIRECT, IssuedPurseBench
from tests.kit.card import PIN_CN
from tests.kit.purse import ED, EP, TERMINAL, TIME, mac, session_key, tac


@pytest.mark.parametrize("name", CARDS)
def test_all_trades_on_an_issued_card(name: str) -> None:
    bank = IssuedPurseBench(name)
    suite, dtk = bank.key_of("DTK")
    assert bank.pin(PIN_CN) == "9000"
    moved = (5000).to_bytes(4)
    assert bank.do(bank.load(EP, 5000)) == tac(suite, dtk, moved, b"\0\0", moved, b"\x02", TERMINAL, TIME)
    bank.do(bank.load(ED, 5000))
    bank.do(bank.limit(1000))
    for p1, which, kind in ((1, ED, 5), (1, EP, 6), (2, ED, 4), (3, EP, 9)):
        said, word = bank.initialize(p1, which, 1, 100)
        assert word == "9000"
        assert said[9:11] == bytes((1, {"3DES": 0, "SM4": 4}[suite]))
        bank.do(bank.debit(said, 100, kind, index=1))
    bank.do(bank.unload(300))
    assert (bank.balance(ED), bank.balance(EP)) == (5500, 4800)
    assert [record[9] for record in bank.file(0x18)] == [3, 9, 4, 6, 5, 7, 1, 2]
    assert bank.ask("00B201C417")[:46] == bank.file(0x18)[0].hex().upper()


@pytest.mark.parametrize("name", CARDS)
def test_the_log_of_an_issued_card_takes_the_pin_and_its_public_data_a_mac(name: str) -> None:
    bank = IssuedPurseBench(name)
    assert bank.word("00B201C417") == "6982"
    assert bank.pin(PIN_CN) == "9000"
    assert bank.word("00B201C417") == "6A83"
    assert bank.word("00D6951C025566") == "6987"
    assert bank.word(bank.protected("04D6951C", b"\x55\x66")) == "9000"
    assert bank.select().endswith("55669000")


@pytest.mark.parametrize("name", CARDS)
def test_what_locks_an_issued_application(name: str) -> None:
    bank = IssuedPurseBench(name)
    assert bank.word(bank.protected("841E0000")) == "9000"
    assert bank.select()[-4:] == "6283"
    words = [bank.word(bank.protected("84180000")[:-1] + b"\xff") for _ in range(2)]
    assert bank.word(bank.protected("84180000")) == "9000"
    assert words == ["6988", "6988"]
    assert [bank.word("805E000007123456" + "00" * 4) for _ in range(3)] == ["9302", "9302", "9303"]
    assert bank.select()[-4:] == "6283"
    assert bank.word("805C000204") == "9303"


def test_a_purse_in_trouble_leaves_the_social_security_environment_alone() -> None:
    bank = IssuedPurseBench("3DES")
    before = {at: cell for at, cell in bank.cells().items() if "DDF1" in at[1]}
    assert bank.word(bank.protected("84160000")) == "9000"
    assert bank.select() == "6A81"
    assert {at: cell for at, cell in bank.cells().items() if "DDF1" in at[1]} == before
    bank.select_df("DF04")
    assert bank.verify() == "9000"


def test_the_bank_card_is_locked_whole() -> None:
    bank = IssuedPurseBench("pboc")
    assert bank.word(bank.protected("84160000")) == "9000"
    assert bank.word("00A40000023F00") == "6A81"


# -- the trace --------------------------------------------------------------------------------------------


def told(bank: IssuedPurseBench, *apdus: bytes | str) -> list[Event]:
    """What the trace says of these commands."""
    events: list[Event] = []
    traced = Traced(bank.card, events.append)
    for apdu in apdus:
        traced.transmit(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu)
    return events


def test_the_trace_tells_trades_in_fen_and_masks_every_pin() -> None:
    bank = IssuedPurseBench("pboc", DIRECT)
    bank.pin(PIN_CN)
    load = bank.load(EP, 5000)
    events = told(
        bank,
        "805000020B010000138800112233445510",
        load,
        "805C000204",
        "805C000304",
        "80500401070100112233445513",
        "805A000202000108",
        "80DCA1C802A1FF",
        "80DC01CC02A1FF",
        "00E200CC01FF",
        "805401000F" + "00000007" + TIME.hex() + "00000000" + "08",
        "805403000B" + TIME.hex() + "00000000" + "04",
        "805800000E" + "0003E8" + TIME.hex() + "00000000" + "04",
        "805C",
        "80500002",
        "841800000400000000",
        "841E00000400000000",
        "841E00010400000000",
        "841600000400000000",
        "0082000108" + "00" * 8,
        "0088000208" + "00" * 8,
        bank.reload(PIN_CN),
        bank.unblock(PIN_CN),
        b"\x80\x5e\x01\x00\x07" + PIN_CN + b"\xff" + PIN_CN,
        b"\x00\x20\x00\x00\x03" + PIN_CN,
    )
    fields = [event.fields for event in events]
    moment = "time 20161216105800"
    assert fields == [
        "load of the purse, key 01, 5000 fen, terminal 001122334455",
        moment,
        "purse 0 fen",
        "",
        "overdraft limit, key 01, terminal 001122334455",
        "load of the purse, counter 1",
        "identifier A1, 2 bytes",
        "record 1, 2 bytes",
        "1 bytes",
        f"terminal sequence 7, {moment}",
        moment,
        f"new limit 1000 fen, {moment}",
        "",
        "",
        "EDEP",
        "EDEP until it is unblocked",
        "EDEP for ever",
        "PSE for ever",
        "key 01",
        "key 02",
        "PIN 00 masked",
        "PIN 00 masked",
        "PIN 00 masked",
        "PIN 00 masked",
    ]
    shown = "".join(event.json() for event in events)
    assert PIN_CN.hex() not in shown.lower()
    assert load.hex().upper() in shown
    assert events[0].apdu == "805000020B010000138800112233445510"


def test_the_trace_opens_a_trade_only_where_it_is_one() -> None:
    """With another command set, or with another length, the data may be anything."""
    bank = IssuedPurseBench("pboc", DIRECT)
    secret = "1A2B3C4D5E6F7A8B9C0D1E"
    assert secret[:20] not in told(bank, "805000020A" + secret[:20])[0].apdu
    assert secret in told(bank, "805000020B" + secret)[0].apdu
    bank.ask("00A40000023F00")
    assert secret not in told(bank, "805000020B" + secret)[0].apdu


def test_mac2_of_the_bank_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A card of another serial number has other keys."""
    bank = IssuedPurseBench("pboc")
    bank.pin(PIN_CN)
    monkeypatch.setattr(bank, "factor", bytes(8))
    said, _ = bank.initialize(0, EP, 1, 5)
    suite, key = bank.key_of("DLK")
    session = session_key(suite, key, said[8:12] + said[4:6] + b"\x80\x00")
    assert said[12:] != mac(suite, session, said[:4], (5).to_bytes(4), b"\x02", TERMINAL)
