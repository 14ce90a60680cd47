"""Passbook and purse: whole trades, the PIN, the overdraft limit, the proof, composite purchases, settings."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from cardfs.memory.cells import read_cells
from cardfs.model.files import Structure
from cardfs.model.settings import EdepSettings, PinSettings, Settings
from tests.kit.purse import (
    ADF,
    CAPP_RECORDS,
    ED,
    EP,
    TERMINAL,
    TIME,
    Desk,
    contents,
    flipped,
    mac,
    money,
    ready,
    session_key,
    tac,
    with_ef,
)
from tests.kit.reference import Reference

SUITE_NAMES: Final = ("3DES", "DES", "SM4")


# -- whole trades -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITE_NAMES)
@pytest.mark.parametrize("t1", [True, False])
def test_one_of_each_trade(suite: str, t1: bool) -> None:
    desk = Desk(suite=suite, t1=t1)
    assert desk.pin() == "9000"
    dtk = desk.key_of("DTK")[1]
    amount, about = (5000).to_bytes(4), TERMINAL + TIME
    assert desk.do(desk.load(ED, 5000)) == tac(suite, dtk, amount, b"\0\0", amount, b"\x01", about)
    assert desk.do(desk.load(EP, 5000)) == tac(suite, dtk, amount, b"\0\0", amount, b"\x02", about)
    limit = (1000).to_bytes(3)
    assert desk.do(desk.limit(1000)) == tac(suite, dtk, (6000).to_bytes(4), b"\0\x01", limit, b"\x07", about)
    for p1, which, kind in ((1, ED, 5), (1, EP, 6), (2, ED, 4), (3, EP, 9)):
        before = desk.balance(which)
        command = desk.spend(p1, which, 100, kind)
        terminal_sequence = command[5:9]
        answer = desk.do(command)
        about_it = (100).to_bytes(4), bytes((kind,)), TERMINAL, terminal_sequence, TIME
        assert answer[:4] == tac(suite, dtk, *about_it)
        assert desk.balance(which) == before - 100
    session, about_it2, said = desk.online(5, ED, 1, 300, 3, "DULK")
    answer = desk.do(b"\x80\x54\x03\x00\x0b" + TIME + mac(suite, session, about_it2))
    assert answer == mac(suite, session, (5500).to_bytes(4), said[4:6], about_it2)
    assert (desk.balance(ED), desk.balance(EP)) == (5500, 4800)
    log = desk.file(0x18)
    assert [(each[:2].hex(), each[2:5].hex(), int.from_bytes(each[5:9]), each[9]) for each in log] == [
        ("0003", "0003e8", 300, 3),
        ("0002", "000000", 100, 9),
        ("0002", "0003e8", 100, 4),
        ("0001", "000000", 100, 6),
        ("0001", "0003e8", 100, 5),
        ("0002", "0003e8", 0, 7),
        ("0001", "000000", 5000, 2),
        ("0001", "000000", 5000, 1),
    ]  # fmt: skip
    assert {record[10:] for record in desk.file(0x18)} == {TERMINAL + TIME}


@pytest.mark.parametrize("suite", SUITE_NAMES)
@pytest.mark.parametrize("p1", [1, 3])
def test_mac2_of_a_purchase_proves_the_card_to_the_terminal(suite: str, p1: int) -> None:
    desk = ready(suite=suite)
    said, _ = desk.initialize(p1, EP, 1, 77)
    assert said[6:11] == b"\0\0\0" + bytes((6, {"3DES": 0, "DES": 1, "SM4": 4}[suite]))
    command = desk.debit(said, 77, {1: 6, 3: 9}[p1], index=1)
    session = session_key(suite, desk.key_of("DPK1")[1], said[11:] + said[4:6] + command[7:9])
    assert desk.do(command)[4:] == mac(suite, session, (77).to_bytes(4))


def test_initialize_answers_version_and_algorithm_of_the_key_it_names() -> None:
    desk = ready()
    answers = {
        "load": desk.initialize(0, ED, 2, 1)[0],
        "unload": desk.initialize(5, ED, 1, 1)[0],
        "purchase": desk.initialize(1, ED, 1, 1)[0],
        "limit": desk.initialize(4, ED, 1, None)[0],
    }
    assert {name: len(said) for name, said in answers.items()} == {
        "load": 16,
        "unload": 16,
        "purchase": 15,
        "limit": 19,
    }
    assert answers["load"][4:8].hex() == "00010800"
    assert answers["unload"][4:8].hex() == "00010900"
    assert answers["purchase"][4:11].hex() == "00020000000600"
    assert answers["limit"][4:11].hex() == "00010000000a00"


def test_nothing_is_written_before_the_second_command() -> None:
    desk = ready()
    before = desk.cells()
    for p1, which, amount in ((0, ED, 5), (1, EP, 5), (2, ED, 5), (3, EP, 5), (5, ED, 5), (4, ED, None)):
        assert desk.initialize(p1, which, 1, amount)[1] == "9000"
    assert desk.cells() == before


def test_a_wrong_mac_changes_nothing_and_ends_the_trade() -> None:
    desk = ready()
    before = desk.cells()
    commands: tuple[Callable[[], bytes], ...] = (
        lambda: desk.load(ED, 5, flip=True),
        lambda: desk.unload(5, flip=True),
        lambda: desk.limit(5, flip=True),
        lambda: desk.spend(1, EP, 5, 6, flip=True),
        lambda: desk.spend(2, ED, 5, 4, flip=True),
    )
    for command in commands:
        wrong = command()
        assert desk.word(wrong) == "9302"
        assert desk.word(flipped(wrong)) == "6901"
        assert desk.cells() == before


def test_the_log_keeps_the_newest_ten() -> None:
    desk = ready()
    for amount in range(1, 13):
        desk.do(desk.spend(1, EP, amount, 6))
    assert [int.from_bytes(record[5:9]) for record in desk.file(0x18)] == list(range(12, 2, -1))
    assert [int.from_bytes(record[:2]) for record in desk.file(0x18)] == list(range(16, 6, -1))
    assert desk.ask("00B201C417")[:46] == desk.file(0x18)[0].hex().upper()


def test_a_file_with_the_amounts_alone_gets_its_proof_with_the_first_trade() -> None:
    desk = Desk(passbook=money(500, 0, 0, 7, b""), purse=money(500, 0, 0, proof=b""))
    desk.pin()
    desk.do(desk.spend(1, EP, 1, 6))
    desk.do(desk.spend(1, ED, 1, 5))
    assert (len(desk.file(1)), len(desk.file(2))) == (22, 19)
    assert (desk.balance(ED), desk.balance(EP), desk.file(1)[8:11].hex()) == (499, 499, "000007")


@pytest.mark.parametrize("changes", [{"record_length": 0x18}, {"structure": Structure.LINEAR_FIXED}])
def test_a_log_that_cannot_take_the_record_is_none(changes: dict[str, Any]) -> None:
    desk = Desk(made=with_ef(contents(purse=money(100)), 0x18, **changes))
    assert desk.initialize(1, EP, 0, 5)[1] == "6A82"


# -- the PIN ------------------------------------------------------------------------------------------------


def test_what_needs_the_pin_and_what_does_not() -> None:
    desk = Desk(passbook=money(100, limit=0), purse=money(100))
    for p1, which, amount in ((0, ED, 5), (0, EP, 5), (1, ED, 5), (2, ED, 5), (5, ED, 5), (4, ED, None)):
        assert desk.initialize(p1, which, 1, amount) == (b"", "6982")
    for p1 in (1, 3):
        assert desk.initialize(p1, EP, 1, 5)[1] == "9000"
    assert desk.ask("805C000204") == "000000649000"
    assert desk.ask("805C000104") == "6982"
    desk.pin()
    assert desk.ask("805C000104") == "000000649000"


def test_every_selection_starts_without_the_pin() -> None:
    desk = ready()
    assert desk.word("805C000104") == "9000"
    desk.select()
    assert desk.word("805C000104") == "6982"
    desk.pin()
    assert desk.word("00A40000023F00") == "9000"
    desk.select()
    assert desk.word("805C000104") == "6982"


def test_a_pin_of_the_social_security_environment_is_worth_nothing_here() -> None:
    desk = Desk()
    assert desk.word(b"\x00\xa4\x04\x00\x0f" + bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")) == "9000"
    assert desk.send("00200000027391") == "9000"
    desk.select()
    assert desk.word("805C000104") == "6982"


@pytest.mark.parametrize(("changes", "free"), [({"without": ("PIN",)}, True), ({"pin": b""}, True), ({}, False)])
def test_an_application_without_a_pin_asks_for_none(changes: dict[str, Any], free: bool) -> None:
    desk = Desk(**changes)
    assert desk.word("805C000104") == ("9000" if free else "6982")


def test_an_empty_pin_cannot_be_verified() -> None:
    assert Desk(pin=b"").pin() == "63C2"
    assert Desk(Settings(pin=PinSettings(empty_satisfies=True)), pin=b"").word("805C000104") == "9000"


# -- limits -------------------------------------------------------------------------------------------------


def test_the_overdraft_limit_is_part_of_what_can_be_spent() -> None:
    desk = ready(ed=100)
    assert desk.initialize(1, ED, 0, 101)[1] == "9401"
    desk.do(desk.limit(50))
    assert desk.balance(ED) == 150
    desk.do(desk.spend(1, ED, 130, 5))
    # 30 of the limit are spent, so it cannot fall below 30.
    assert desk.balance(ED) == 20
    assert desk.word(desk.limit(29)) == "9401"
    assert desk.file(1)[:11] == money(20, 2, 3, 50)[:11]
    desk.do(desk.limit(30))
    assert desk.file(1)[:11] == money(0, 3, 3, 30)[:11]
    assert desk.initialize(2, ED, 0, 1)[1] == "9401"
    assert desk.initialize(5, ED, 1, 1)[1] == "9401"
    desk.do(desk.load(ED, 45))
    assert desk.balance(ED) == 45
    desk.do(desk.limit(0))
    assert desk.file(1)[:11] == money(15, 5, 3, 0)[:11]


def test_all_and_nothing_can_be_spent() -> None:
    desk = ready(ep=7, ed=7)
    desk.do(desk.spend(1, EP, 7, 6))
    assert desk.initialize(3, EP, 0, 1)[1] == "9401"
    desk.do(desk.spend(3, EP, 0, 9))
    desk.do(desk.unload(7))
    assert desk.balance(ED) == desk.balance(EP) == 0


def test_a_balance_has_four_bytes() -> None:
    desk = Desk(passbook=money(0xFFFFFFF0, limit=0), purse=money(0xFFFFFFFF))
    desk.pin()
    assert desk.initialize(0, EP, 1, 1)[1] == "6985"
    assert desk.initialize(0, ED, 1, 0x10)[1] == "6985"
    desk.do(desk.load(ED, 0x0F))
    assert desk.balance(ED) == 0xFFFFFFFF
    assert desk.word(desk.limit(1)) == "6985"


@pytest.mark.parametrize(
    ("p1", "which", "online"),
    [(p1, which, online) for (p1, which), online in {
        (0, ED): True, (0, EP): True, (4, ED): True, (5, ED): True,
        (1, ED): False, (1, EP): False, (2, ED): False, (3, EP): False,
    }.items()],
)  # fmt: skip
def test_a_counter_that_is_used_up_ends_its_trades(p1: int, which: int, online: bool) -> None:
    counters = (0xFFFF, 5) if online else (5, 0xFFFF)
    desk = Desk(passbook=money(9, *counters, 0), purse=money(9, *counters))
    desk.pin()
    amount = None if p1 == 4 else 1
    assert desk.initialize(p1, which, 1, amount)[1] == "9402"
    counters = (0xFFFE, 0xFFFF) if online else (0xFFFF, 0xFFFE)
    desk = Desk(passbook=money(9, *counters, 0), purse=money(9, *counters))
    desk.pin()
    assert desk.initialize(p1, which, 1, amount)[1] == "9000"


# -- the proof ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_the_proof_is_that_of_the_last_trade_with_the_counter_after_it(suite: str) -> None:
    desk = ready(suite=suite)
    assert desk.word("805A0006020000") == "9406"
    purchase = desk.do(desk.spend(1, EP, 5, 6))
    assert desk.ask("805A000602000508") == (purchase[4:] + purchase[:4]).hex().upper() + "9000"
    for wrong in ("805A000602000408", "805A000602000608", "805A000902000508", "805A000202000508"):
        assert desk.ask(wrong) == "9406"
    load = desk.do(desk.load(EP, 5))
    assert desk.ask("805A000202000408") == "00000000" + load.hex().upper() + "9000"
    assert desk.ask("805A000602000508") == "9406"
    # The passbook remembers its own.
    unload = desk.do(desk.unload(5))
    assert desk.ask("805A000302000208") == unload.hex().upper() + "000000009000"
    assert desk.ask("805A000202000408")[-4:] == "9000"
    limit = desk.do(desk.limit(5))
    assert desk.ask("805A000702000308") == "00000000" + limit.hex().upper() + "9000"
    assert desk.ask("805A000802000308") == "9406"
    assert Desk(without=("0001", "0002")).ask("805A000802000008") == "9406"


def test_the_proof_outlives_power_and_needs_no_pin() -> None:
    desk = ready()
    answer = desk.do(desk.spend(2, ED, 5, 4))
    desk.card.power_on()
    desk.select()
    assert desk.ask("805A000402000308") == (answer[4:] + answer[:4]).hex().upper() + "9000"
    # The counter of the proof is the one that the next trade begins with, and that the log has.
    desk.pin()
    assert desk.initialize(2, ED, 0, 1)[0][4:6].hex() == "0003" == desk.file(0x18)[0][:2].hex()


# -- composite purchases ------------------------------------------------------------------------------------


def test_records_of_a_composite_purchase_are_written_with_it() -> None:
    desk = ready()
    said, _ = desk.initialize(3, EP, 0, 5)
    assert desk.word("80DCA1C806A1FFFFFFFFFF") == "9000"
    assert desk.word("80DC03CC03A3AABB") == "9000"
    assert desk.word("80DC01BC0443434343") == "9000"
    assert desk.file(0x19) == CAPP_RECORDS
    assert desk.word("80DCA2C806A2EEEEEEEEEE") == "9000"
    command = desk.debit(said, 5, 9)
    before = desk.cells()
    desk.do(command)
    assert desk.file(0x19) == tuple(bytes.fromhex(each) for each in ("A1FFFFFFFFFF", "A2EEEEEEEEEE", "A3AABB"))
    assert desk.file(0x17) == (b"CCCC", b"BBBB")
    assert desk.balance(EP) == 9995
    assert {path for kind, path in before if desk.cells()[kind, path] != before[kind, path]} == {
        f"{ADF}/{fid}" for fid in ("0002", "0017", "0018", "0019")
    }


def test_of_two_records_for_one_place_the_later_is_written() -> None:
    desk = ready()
    said, _ = desk.initialize(3, EP, 0, 5)
    assert desk.word("80DCA1C802A111") == desk.word("80DC01CC02A122") == "9000"
    desk.do(desk.debit(said, 5, 9))
    assert desk.file(0x19)[0].hex() == "a122"


@pytest.mark.parametrize("end", ["a wrong MAC", "another command", "a reset", "a refused record"])
def test_records_of_a_purchase_that_fails_are_not_written(end: str) -> None:
    desk = ready()
    before = desk.cells()
    said, _ = desk.initialize(3, EP, 0, 5)
    assert desk.word("80DCA1C802A111") == "9000"
    command = desk.debit(said, 5, 9, flip=end == "a wrong MAC")
    if end == "another command":
        desk.ask("805C000204")
    elif end == "a reset":
        desk.card.power_on()
        desk.select()
    elif end == "a refused record":
        assert desk.word("80DCA9C802A911") == "6A83"
    assert desk.word(command) == ("9302" if end == "a wrong MAC" else "6901")
    # A later composite purchase knows nothing of it.
    said, _ = desk.initialize(3, EP, 0, 0)
    assert desk.file(0x19) == CAPP_RECORDS
    assert desk.cells() == before
    desk.do(desk.debit(said, 0, 9))
    assert desk.file(0x19) == CAPP_RECORDS


def test_records_come_with_a_composite_purchase_only() -> None:
    desk = ready()
    for p1, which in ((1, EP), (2, ED), (0, EP)):
        assert desk.initialize(p1, which, 1, 5)[1] == "9000"
        assert desk.word("80DCA1C802A111") == "6901"


@pytest.mark.parametrize("p2", ["A8", "C0", "D8"])
def test_only_files_of_fixed_or_variable_records_take_composite_data(p2: str) -> None:
    """FMCOS manual, 8.9.2.5: neither a transparent file nor a cyclic one, the log least of all."""
    desk = ready()
    assert desk.initialize(3, EP, 0, 5)[1] == "9000"
    assert desk.word(f"80DC01{int(p2, 16) + 4:02X}04FFFFFFFF") == "6981"


@pytest.mark.parametrize(("length", "word"), [(9, "9000"), (10, "6A84")])
def test_composite_records_fit_into_their_file(length: int, word: str) -> None:
    """Of its 20 bytes the other two records take 11."""
    desk = ready()
    assert desk.initialize(3, EP, 0, 5)[1] == "9000"
    assert desk.word(f"80DCA3C8{length:02X}A3" + "FF" * (length - 1)) == word


def test_a_composite_purchase_needs_no_record() -> None:
    desk = ready()
    desk.do(desk.spend(3, EP, 5, 9))
    assert desk.balance(EP) == 9995
    assert desk.file(0x19) == CAPP_RECORDS


# -- settings that whole trades show ------------------------------------------------------------------------


def edep(**changes: Any) -> Settings:
    """Settings of passbook and purse."""
    return Settings(edep=EdepSettings(**changes))


def test_by_setting_the_second_command_out_of_turn_answers_6985() -> None:
    desk = ready(settings=edep(second_command_error="6985"))
    for header, length in (("805200000B", 11), ("805401000F", 15), ("805403000B", 11), ("805800000E", 14)):
        assert desk.word(header + "00" * length) == "6985"
    assert desk.word("80DCA1C806A10000000000") == "6985"


def test_by_setting_too_little_money_answers_6985() -> None:
    desk = ready(settings=edep(balance_error="6985"))
    for p1, which in ((1, ED), (1, EP), (2, ED), (3, EP), (5, ED)):
        assert desk.initialize(p1, which, 1, 10001)[1] == "6985"
    desk.do(desk.limit(5))
    desk.do(desk.spend(2, ED, 10005, 4))
    assert desk.word(desk.limit(4)) == "6985"


def test_by_setting_a_trade_ends_what_the_pin_proved() -> None:
    desk = ready(settings=edep(pin_cleared_after_trade=True))
    assert desk.word(desk.spend(1, EP, 1, 6, flip=True)) == "9302"
    assert desk.word("805C000104") == "9000"
    desk.do(desk.spend(1, EP, 1, 6))
    assert desk.word("805C000104") == "6982"
    desk.pin()
    assert desk.authenticated() == "9000"
    desk.do(desk.load(ED, 1))
    assert desk.word("805C000104") == "6982"
    # What keys proved stays.
    assert desk.word("00D6960001FF") == "9000"


def test_by_setting_the_tac_of_a_new_limit_is_under_the_whole_key() -> None:
    desk = ready(settings=edep(overdraft_tac_key="direct"))
    data = (10500).to_bytes(4) + b"\0\x01" + (500).to_bytes(3) + b"\x07" + TERMINAL + TIME
    assert desk.do(desk.limit(500)) == Reference("3DES").key_load_mac(desk.key_of("DTK")[1], b"", data)
    # Others are as ever.
    assert desk.do(desk.load(EP, 5)) == tac(
        "3DES", desk.key_of("DTK")[1], (10005).to_bytes(4), b"\0\x03", (5).to_bytes(4), b"\x02", TERMINAL, TIME
    )


# -- what a trade says of itself ----------------------------------------------------------------------------


def test_a_trade_that_waits_tells_no_key() -> None:
    desk = ready()
    desk.load(EP, 5)
    told = repr(desk.card.session)
    assert "Trade(" in told
    for _, key in desk.made.keys.items():
        assert key.value.hex() not in told
        assert repr(key.value) not in told


def test_a_new_card_made_of_the_memory_goes_on() -> None:
    desk = ready()
    desk.do(desk.load(EP, 5))
    again = Desk(made=read_cells(desk.cells()))
    again.pin()
    assert again.balance(EP) == 10005
    again.do(again.load(EP, 5))
    assert again.balance(EP) == 10010
