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
    PurseBench,
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
    bench = PurseBench(suite=suite, t1=t1)
    assert bench.pin() == "9000"
    dtk = bench.key_of("DTK")[1]
    amount, about = (5000).to_bytes(4), TERMINAL + TIME
    assert bench.do(bench.load(ED, 5000)) == tac(suite, dtk, amount, b"\0\0", amount, b"\x01", about)
    assert bench.do(bench.load(EP, 5000)) == tac(suite, dtk, amount, b"\0\0", amount, b"\x02", about)
    limit = (1000).to_bytes(3)
    assert bench.do(bench.limit(1000)) == tac(suite, dtk, (6000).to_bytes(4), b"\0\x01", limit, b"\x07", about)
    for p1, which, kind in ((1, ED, 5), (1, EP, 6), (2, ED, 4), (3, EP, 9)):
        before = bench.balance(which)
        command = bench.spend(p1, which, 100, kind)
        terminal_sequence = command[5:9]
        answer = bench.do(command)
        about_it = (100).to_bytes(4), bytes((kind,)), TERMINAL, terminal_sequence, TIME
        assert answer[:4] == tac(suite, dtk, *about_it)
        assert bench.balance(which) == before - 100
    session, about_it2, said = bench.online(5, ED, 1, 300, 3, "DULK")
    answer = bench.do(b"\x80\x54\x03\x00\x0b" + TIME + mac(suite, session, about_it2))
    assert answer == mac(suite, session, (5500).to_bytes(4), said[4:6], about_it2)
    assert (bench.balance(ED), bench.balance(EP)) == (5500, 4800)
    log = bench.file(0x18)
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
    assert {record[10:] for record in bench.file(0x18)} == {TERMINAL + TIME}


@pytest.mark.parametrize("suite", SUITE_NAMES)
@pytest.mark.parametrize("p1", [1, 3])
def test_mac2_of_a_purchase_proves_the_card_to_the_terminal(suite: str, p1: int) -> None:
    bench = ready(suite=suite)
    said, _ = bench.initialize(p1, EP, 1, 77)
    assert said[6:11] == b"\0\0\0" + bytes((6, {"3DES": 0, "DES": 1, "SM4": 4}[suite]))
    command = bench.debit(said, 77, {1: 6, 3: 9}[p1], index=1)
    session = session_key(suite, bench.key_of("DPK1")[1], said[11:] + said[4:6] + command[7:9])
    assert bench.do(command)[4:] == mac(suite, session, (77).to_bytes(4))


def test_initialize_answers_version_and_algorithm_of_the_key_it_names() -> None:
    bench = ready()
    answers = {
        "load": bench.initialize(0, ED, 2, 1)[0],
        "unload": bench.initialize(5, ED, 1, 1)[0],
        "purchase": bench.initialize(1, ED, 1, 1)[0],
        "limit": bench.initialize(4, ED, 1, None)[0],
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
    bench = ready()
    before = bench.cells()
    for p1, which, amount in ((0, ED, 5), (1, EP, 5), (2, ED, 5), (3, EP, 5), (5, ED, 5), (4, ED, None)):
        assert bench.initialize(p1, which, 1, amount)[1] == "9000"
    assert bench.cells() == before


def test_a_wrong_mac_changes_nothing_and_ends_the_trade() -> None:
    bench = ready()
    before = bench.cells()
    commands: tuple[Callable[[], bytes], ...] = (
        lambda: bench.load(ED, 5, flip=True),
        lambda: bench.unload(5, flip=True),
        lambda: bench.limit(5, flip=True),
        lambda: bench.spend(1, EP, 5, 6, flip=True),
        lambda: bench.spend(2, ED, 5, 4, flip=True),
    )
    for command in commands:
        wrong = command()
        assert bench.word(wrong) == "9302"
        assert bench.word(flipped(wrong)) == "6901"
        assert bench.cells() == before


def test_the_log_keeps_the_newest_ten() -> None:
    bench = ready()
    for amount in range(1, 13):
        bench.do(bench.spend(1, EP, amount, 6))
    assert [int.from_bytes(record[5:9]) for record in bench.file(0x18)] == list(range(12, 2, -1))
    assert [int.from_bytes(record[:2]) for record in bench.file(0x18)] == list(range(16, 6, -1))
    assert bench.ask("00B201C417")[:46] == bench.file(0x18)[0].hex().upper()


def test_a_file_with_the_amounts_alone_gets_its_proof_with_the_first_trade() -> None:
    bench = PurseBench(passbook=money(500, 0, 0, 7, b""), purse=money(500, 0, 0, proof=b""))
    bench.pin()
    bench.do(bench.spend(1, EP, 1, 6))
    bench.do(bench.spend(1, ED, 1, 5))
    assert (len(bench.file(1)), len(bench.file(2))) == (22, 19)
    assert (bench.balance(ED), bench.balance(EP), bench.file(1)[8:11].hex()) == (499, 499, "000007")


@pytest.mark.parametrize("changes", [{"record_length": 0x18}, {"structure": Structure.LINEAR_FIXED}])
def test_a_log_that_cannot_take_the_record_is_none(changes: dict[str, Any]) -> None:
    bench = PurseBench(card_contents=with_ef(contents(purse=money(100)), 0x18, **changes))
    assert bench.initialize(1, EP, 0, 5)[1] == "6A82"


# -- the PIN ------------------------------------------------------------------------------------------------


def test_what_needs_the_pin_and_what_does_not() -> None:
    bench = PurseBench(passbook=money(100, limit=0), purse=money(100))
    for p1, which, amount in ((0, ED, 5), (0, EP, 5), (1, ED, 5), (2, ED, 5), (5, ED, 5), (4, ED, None)):
        assert bench.initialize(p1, which, 1, amount) == (b"", "6982")
    for p1 in (1, 3):
        assert bench.initialize(p1, EP, 1, 5)[1] == "9000"
    assert bench.ask("805C000204") == "000000649000"
    assert bench.ask("805C000104") == "6982"
    bench.pin()
    assert bench.ask("805C000104") == "000000649000"


def test_every_selection_starts_without_the_pin() -> None:
    bench = ready()
    assert bench.word("805C000104") == "9000"
    bench.select()
    assert bench.word("805C000104") == "6982"
    bench.pin()
    assert bench.word("00A40000023F00") == "9000"
    bench.select()
    assert bench.word("805C000104") == "6982"


def test_a_pin_of_the_social_security_environment_is_worth_nothing_here() -> None:
    bench = PurseBench()
    assert bench.word(b"\x00\xa4\x04\x00\x0f" + bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")) == "9000"
    assert bench.send("00200000027391") == "9000"
    bench.select()
    assert bench.word("805C000104") == "6982"


@pytest.mark.parametrize(("changes", "free"), [({"without": ("PIN",)}, True), ({"pin": b""}, True), ({}, False)])
def test_an_application_without_a_pin_asks_for_none(changes: dict[str, Any], free: bool) -> None:
    bench = PurseBench(**changes)
    assert bench.word("805C000104") == ("9000" if free else "6982")


def test_an_empty_pin_cannot_be_verified() -> None:
    assert PurseBench(pin=b"").pin() == "63C2"
    assert PurseBench(Settings(pin=PinSettings(empty_satisfies=True)), pin=b"").word("805C000104") == "9000"


# -- limits -------------------------------------------------------------------------------------------------


def test_the_overdraft_limit_is_part_of_what_can_be_spent() -> None:
    bench = ready(ed=100)
    assert bench.initialize(1, ED, 0, 101)[1] == "9401"
    bench.do(bench.limit(50))
    assert bench.balance(ED) == 150
    bench.do(bench.spend(1, ED, 130, 5))
    # 30 of the limit are spent, so it cannot fall below 30.
    assert bench.balance(ED) == 20
    assert bench.word(bench.limit(29)) == "9401"
    assert bench.file(1)[:11] == money(20, 2, 3, 50)[:11]
    bench.do(bench.limit(30))
    assert bench.file(1)[:11] == money(0, 3, 3, 30)[:11]
    assert bench.initialize(2, ED, 0, 1)[1] == "9401"
    assert bench.initialize(5, ED, 1, 1)[1] == "9401"
    bench.do(bench.load(ED, 45))
    assert bench.balance(ED) == 45
    bench.do(bench.limit(0))
    assert bench.file(1)[:11] == money(15, 5, 3, 0)[:11]


def test_all_and_nothing_can_be_spent() -> None:
    bench = ready(ep=7, ed=7)
    bench.do(bench.spend(1, EP, 7, 6))
    assert bench.initialize(3, EP, 0, 1)[1] == "9401"
    bench.do(bench.spend(3, EP, 0, 9))
    bench.do(bench.unload(7))
    assert bench.balance(ED) == bench.balance(EP) == 0


def test_a_balance_has_four_bytes() -> None:
    bench = PurseBench(passbook=money(0xFFFFFFF0, limit=0), purse=money(0xFFFFFFFF))
    bench.pin()
    assert bench.initialize(0, EP, 1, 1)[1] == "6985"
    assert bench.initialize(0, ED, 1, 0x10)[1] == "6985"
    bench.do(bench.load(ED, 0x0F))
    assert bench.balance(ED) == 0xFFFFFFFF
    assert bench.word(bench.limit(1)) == "6985"


@pytest.mark.parametrize(
    ("p1", "which", "online"),
    [(p1, which, online) for (p1, which), online in {
        (0, ED): True, (0, EP): True, (4, ED): True, (5, ED): True,
        (1, ED): False, (1, EP): False, (2, ED): False, (3, EP): False,
    }.items()],
)  # fmt: skip
def test_a_counter_that_is_used_up_ends_its_trades(p1: int, which: int, online: bool) -> None:
    counters = (0xFFFF, 5) if online else (5, 0xFFFF)
    bench = PurseBench(passbook=money(9, *counters, 0), purse=money(9, *counters))
    bench.pin()
    amount = None if p1 == 4 else 1
    assert bench.initialize(p1, which, 1, amount)[1] == "9402"
    counters = (0xFFFE, 0xFFFF) if online else (0xFFFF, 0xFFFE)
    bench = PurseBench(passbook=money(9, *counters, 0), purse=money(9, *counters))
    bench.pin()
    assert bench.initialize(p1, which, 1, amount)[1] == "9000"


# -- the proof ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_the_proof_is_that_of_the_last_trade_with_the_counter_after_it(suite: str) -> None:
    bench = ready(suite=suite)
    assert bench.word("805A0006020000") == "9406"
    purchase = bench.do(bench.spend(1, EP, 5, 6))
    assert bench.ask("805A000602000508") == (purchase[4:] + purchase[:4]).hex().upper() + "9000"
    for wrong in ("805A000602000408", "805A000602000608", "805A000902000508", "805A000202000508"):
        assert bench.ask(wrong) == "9406"
    load = bench.do(bench.load(EP, 5))
    assert bench.ask("805A000202000408") == "00000000" + load.hex().upper() + "9000"
    assert bench.ask("805A000602000508") == "9406"
    # The passbook remembers its own.
    unload = bench.do(bench.unload(5))
    assert bench.ask("805A000302000208") == unload.hex().upper() + "000000009000"
    assert bench.ask("805A000202000408")[-4:] == "9000"
    limit = bench.do(bench.limit(5))
    assert bench.ask("805A000702000308") == "00000000" + limit.hex().upper() + "9000"
    assert bench.ask("805A000802000308") == "9406"
    assert PurseBench(without=("0001", "0002")).ask("805A000802000008") == "9406"


def test_the_proof_outlives_power_and_needs_no_pin() -> None:
    bench = ready()
    answer = bench.do(bench.spend(2, ED, 5, 4))
    bench.card.power_on()
    bench.select()
    assert bench.ask("805A000402000308") == (answer[4:] + answer[:4]).hex().upper() + "9000"
    # The counter of the proof is the one that the next trade begins with, and that the log has.
    bench.pin()
    assert bench.initialize(2, ED, 0, 1)[0][4:6].hex() == "0003" == bench.file(0x18)[0][:2].hex()


# -- composite purchases ------------------------------------------------------------------------------------


def test_records_of_a_composite_purchase_are_written_with_it() -> None:
    bench = ready()
    said, _ = bench.initialize(3, EP, 0, 5)
    assert bench.word("80DCA1C806A1FFFFFFFFFF") == "9000"
    assert bench.word("80DC03CC03A3AABB") == "9000"
    assert bench.word("80DC01BC0443434343") == "9000"
    assert bench.file(0x19) == CAPP_RECORDS
    assert bench.word("80DCA2C806A2EEEEEEEEEE") == "9000"
    command = bench.debit(said, 5, 9)
    before = bench.cells()
    bench.do(command)
    assert bench.file(0x19) == tuple(bytes.fromhex(each) for each in ("A1FFFFFFFFFF", "A2EEEEEEEEEE", "A3AABB"))
    assert bench.file(0x17) == (b"CCCC", b"BBBB")
    assert bench.balance(EP) == 9995
    assert {path for kind, path in before if bench.cells()[kind, path] != before[kind, path]} == {
        f"{ADF}/{fid}" for fid in ("0002", "0017", "0018", "0019")
    }


def test_of_two_records_for_one_place_the_later_is_written() -> None:
    bench = ready()
    said, _ = bench.initialize(3, EP, 0, 5)
    assert bench.word("80DCA1C802A111") == bench.word("80DC01CC02A122") == "9000"
    bench.do(bench.debit(said, 5, 9))
    assert bench.file(0x19)[0].hex() == "a122"


@pytest.mark.parametrize("end", ["a wrong MAC", "another command", "a reset", "a refused record"])
def test_records_of_a_purchase_that_fails_are_not_written(end: str) -> None:
    bench = ready()
    before = bench.cells()
    said, _ = bench.initialize(3, EP, 0, 5)
    assert bench.word("80DCA1C802A111") == "9000"
    command = bench.debit(said, 5, 9, flip=end == "a wrong MAC")
    if end == "another command":
        bench.ask("805C000204")
    elif end == "a reset":
        bench.card.power_on()
        bench.select()
    elif end == "a refused record":
        assert bench.word("80DCA9C802A911") == "6A83"
    assert bench.word(command) == ("9302" if end == "a wrong MAC" else "6901")
    # A later composite purchase knows nothing of it.
    said, _ = bench.initialize(3, EP, 0, 0)
    assert bench.file(0x19) == CAPP_RECORDS
    assert bench.cells() == before
    bench.do(bench.debit(said, 0, 9))
    assert bench.file(0x19) == CAPP_RECORDS


def test_records_come_with_a_composite_purchase_only() -> None:
    bench = ready()
    for p1, which in ((1, EP), (2, ED), (0, EP)):
        assert bench.initialize(p1, which, 1, 5)[1] == "9000"
        assert bench.word("80DCA1C802A111") == "6901"


@pytest.mark.parametrize("p2", ["A8", "C0", "D8"])
def test_only_files_of_fixed_or_variable_records_take_composite_data(p2: str) -> None:
    """FMCOS manual, 8.9.2.5: neither a transparent file nor a cyclic one, the log least of all."""
    bench = ready()
    assert bench.initialize(3, EP, 0, 5)[1] == "9000"
    assert bench.word(f"80DC01{int(p2, 16) + 4:02X}04FFFFFFFF") == "6981"


@pytest.mark.parametrize(("length", "word"), [(9, "9000"), (10, "6A84")])
def test_composite_records_fit_into_their_file(length: int, word: str) -> None:
    """Of its 20 bytes the other two records take 11."""
    bench = ready()
    assert bench.initialize(3, EP, 0, 5)[1] == "9000"
    assert bench.word(f"80DCA3C8{length:02X}A3" + "FF" * (length - 1)) == word


def test_a_composite_purchase_needs_no_record() -> None:
    bench = ready()
    bench.do(bench.spend(3, EP, 5, 9))
    assert bench.balance(EP) == 9995
    assert bench.file(0x19) == CAPP_RECORDS


# -- settings that whole trades show ------------------------------------------------------------------------


def edep(**changes: Any) -> Settings:
    """Settings of passbook and purse."""
    return Settings(edep=EdepSettings(**changes))


def test_by_setting_the_second_command_out_of_turn_answers_6985() -> None:
    bench = ready(settings=edep(second_command_error="6985"))
    for header, length in (("805200000B", 11), ("805401000F", 15), ("805403000B", 11), ("805800000E", 14)):
        assert bench.word(header + "00" * length) == "6985"
    assert bench.word("80DCA1C806A10000000000") == "6985"


def test_by_setting_too_little_money_answers_6985() -> None:
    bench = ready(settings=edep(balance_error="6985"))
    for p1, which in ((1, ED), (1, EP), (2, ED), (3, EP), (5, ED)):
        assert bench.initialize(p1, which, 1, 10001)[1] == "6985"
    bench.do(bench.limit(5))
    bench.do(bench.spend(2, ED, 10005, 4))
    assert bench.word(bench.limit(4)) == "6985"


def test_by_setting_a_trade_ends_what_the_pin_proved() -> None:
    bench = ready(settings=edep(pin_cleared_after_trade=True))
    assert bench.word(bench.spend(1, EP, 1, 6, flip=True)) == "9302"
    assert bench.word("805C000104") == "9000"
    bench.do(bench.spend(1, EP, 1, 6))
    assert bench.word("805C000104") == "6982"
    bench.pin()
    assert bench.authenticated() == "9000"
    bench.do(bench.load(ED, 1))
    assert bench.word("805C000104") == "6982"
    # What keys proved stays.
    assert bench.word("00D6960001FF") == "9000"


def test_by_setting_the_tac_of_a_new_limit_is_under_the_whole_key() -> None:
    bench = ready(settings=edep(overdraft_tac_key="direct"))
    data = (10500).to_bytes(4) + b"\0\x01" + (500).to_bytes(3) + b"\x07" + TERMINAL + TIME
    assert bench.do(bench.limit(500)) == Reference("3DES").key_load_mac(bench.key_of("DTK")[1], b"", data)
    # Others are as ever.
    assert bench.do(bench.load(EP, 5)) == tac(
        "3DES", bench.key_of("DTK")[1], (10005).to_bytes(4), b"\0\x03", (5).to_bytes(4), b"\x02", TERMINAL, TIME
    )


# -- what a trade says of itself ----------------------------------------------------------------------------


def test_a_trade_that_waits_tells_no_key() -> None:
    bench = ready()
    bench.load(EP, 5)
    told = repr(bench.card.session)
    assert "Trade(" in told
    for _, key in bench.card_contents.keys.items():
        assert key.value.hex() not in told
        assert repr(key.value) not in told


def test_a_new_card_made_of_the_memory_goes_on() -> None:
    bench = ready()
    bench.do(bench.load(EP, 5))
    again = PurseBench(card_contents=read_cells(bench.cells()))
    again.pin()
    assert again.balance(EP) == 10005
    again.do(again.load(EP, 5))
    assert again.balance(EP) == 10010
