"""Issuer scripts: what the issuer changes, and what happens to a command that is not his."""

from typing import Any

import pytest

from cardfs.model.settings import EdepSettings, EmvSettings, Settings
from tests.kit.card import PIN
from tests.kit.debit import CASH, DEBIT, LOAD_FORMAT, PIN_BLOCK, STORE, WRONG_BLOCK, DebitBench, emv

SUITES = pytest.mark.parametrize("suite", ["3DES", "SM4"])
LOAD_LOG = f"{DEBIT}/EF0C"


def asked(objects: dict[str, str] | None = None, **changes: Any) -> DebitBench:
    """A card whose ARQC the issuer has answered."""
    bench = DebitBench(objects, **changes)
    bench.online()
    assert bench.arpc() == "9000"
    return bench


def finished(objects: dict[str, str] | None = None, **changes: Any) -> DebitBench:
    """The same after the second cryptogram."""
    bench = asked(objects, **changes)
    assert bench.ac("TC", code="00").kind == "TC"
    return bench


# -- what they do --------------------------------------------------------------------------------


@SUITES
@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("9F58", "07"),
        ("9F59", "09"),
        ("9F54", "000000070000"),
        ("9F5C", "000000080000"),
        ("9F53", "02"),
        ("9F72", "03"),
        ("9F73", "10000072"),
        ("9F73", "F0000072"),
        ("9F75", "000000001234"),
        ("9F6B", "000000004321"),
        ("9F6D", "000000000100"),
        ("9F77", "000000200000"),
        ("9F78", "000000030000"),
        ("9F79", "000000100000"),
    ],
)
def test_put_data_replaces_an_object(suite: str, tag: str, value: str) -> None:
    more = {"9F54": "0" * 12, "9F5C": "0" * 12, "9F53": "00", "9F72": "00", "9F73": "00" * 4, "9F75": "0" * 12}
    bench = asked({**CASH, **more, "9F6B": "0" * 12}, suite=suite)
    before = {each: bench.object(each) for each in ("9F36", "C3", "82", "94")}
    assert bench.send(bench.script(f"04DA{tag}", value)) == "9000"
    assert bench.data(tag) == value
    assert {each: bench.object(each) for each in before} == before


@pytest.mark.parametrize(
    ("tag", "value", "word"),
    [
        ("9F36", "0000", "6A88"),
        ("9F13", "0000", "6A88"),
        ("00C7", "0000", "6A88"),
        ("0082", "0000", "6A88"),
        ("9F51", "0840", "6A88"),
        ("9F99", "00", "6A88"),
        ("9F53", "00", "6A88"),
        ("9F58", "0000", "6700"),
        ("9F79", "0000000010", "6700"),
        ("9F79", "00000000000A", "6A80"),
        ("9F78", "F00000000000", "6A80"),
        ("9F73", "20A00000", "6A80"),
        ("9F79", "000000100001", "6A80"),
    ],
)
def test_what_put_data_cannot_do_is_told_to_the_issuer_next_time(tag: str, value: str, word: str) -> None:
    bench = finished({**CASH, "9F73": "00000001"})
    before = bench.card.image.contents[STORE]
    assert bench.send(bench.script(f"04DA{tag}", value)) == word
    assert bench.object("C2") == "0801"
    assert isinstance(before, bytes)
    now = bench.card.image.contents[STORE]
    assert isinstance(now, bytes)
    assert now.replace(bytes.fromhex("C2020801"), bytes.fromhex("C2020000")) == before
    # The MAC was right, so the next command is taken.
    assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    bench.start()
    assert bench.ac("ARQC").cvr == "A00028"


@SUITES
def test_update_record_replaces_a_record(suite: str) -> None:
    bench = asked(suite=suite)
    record = "700A5A086217999999999999"
    assert bench.send(bench.script("04DC010C", record)) == "9000"
    assert bench.ask("00B2010C00") == record + "9000"


@pytest.mark.parametrize("record", ["7003", "70038C05", "70038C019F", "8C", "7004FFFFFFFF", "00"])
def test_a_record_that_is_none_takes_its_list_away(record: str) -> None:
    bench = asked()
    assert bench.send(bench.script("04DC0114", record)) == "9000"
    bench.start()
    assert bench.generate("80", bench.cdol()) == "6985"


@pytest.mark.parametrize(
    ("p1p2", "record", "word"),
    [
        ("055C", "00" * 45, "6981"),  # the log
        ("012C", "00", "6981"),  # a transparent file
        ("018C", "7000", "6A82"),
        ("090C", "7000", "6A83"),
        ("0334", "7003500142", "6A84"),  # two records are all it holds
        ("0134", "7004500142", "6A85"),
    ],
)
def test_what_update_record_cannot_do(p1p2: str, record: str, word: str) -> None:
    bench = asked()
    assert bench.send(bench.script("04DC0234", "7003500142")) == "9000"
    before = dict(bench.card.image.contents)
    assert bench.send(bench.script("04DC" + p1p2, record)) == word
    after = dict(bench.card.image.contents)
    before.pop(STORE)
    after.pop(STORE)
    assert after == before
    assert bench.object("C2")[:2] == "88"


@SUITES
def test_application_block_and_unblock(suite: str) -> None:
    bench = finished(suite=suite)
    assert bench.send(bench.script("841E0000")) == "9000"
    assert bench.card.image.dfs[DEBIT].suspended
    bench.power()
    assert bench.select() == "6283"
    bench.options()
    assert bench.ac("TC").kind == "AAC"
    assert bench.send(bench.script("84180000")) == "9000"
    assert bench.select()[-4:] == "9000"


@SUITES
def test_unblocking_the_pin_gives_its_tries_back(suite: str) -> None:
    bench = DebitBench(suite=suite)
    bench.start()
    for _ in range(3):
        bench.send("0020008008" + WRONG_BLOCK)
    bench.online()
    assert bench.send(bench.script("84240000")) == "9000"
    bench.start()
    assert bench.send("0020008008" + PIN_BLOCK) == "9000"


@SUITES
@pytest.mark.parametrize(("p2", "current"), [("01", PIN), ("02", "")])
@pytest.mark.parametrize("new", ["1234", "12345", "123456789012"])
def test_a_new_pin(suite: str, p2: str, current: str, new: str) -> None:
    bench = DebitBench(suite=suite)
    bench.start()
    bench.send("0020008008" + WRONG_BLOCK)
    bench.ac("ARQC")
    assert bench.send(bench.script(f"842400{p2}", bench.sealed_pin(new, current))) == "9000"
    bench.start()
    assert bench.tries == 3
    assert bench.send("0020008008" + PIN_BLOCK) == "63C2"
    assert bench.send("0020008008" + f"2{len(new):X}{new}".ljust(16, "F")) == "9000"


@pytest.mark.parametrize(("p2", "current"), [("01", "839154"), ("01", ""), ("02", PIN)])
def test_a_new_pin_that_is_none_changes_nothing(p2: str, current: str) -> None:
    bench = DebitBench()
    bench.start()
    bench.send("0020008008" + WRONG_BLOCK)
    bench.ac("ARQC")
    assert bench.send(bench.script(f"842400{p2}", bench.sealed_pin("1234", current))) == "6A80"
    assert bench.tries == 2
    bench.start()
    assert bench.send("0020008008" + PIN_BLOCK) == "9000"


@pytest.mark.parametrize(
    ("command", "word"),
    [
        ("8424000004" + "00" * 4, "6988"),
        ("8424000104" + "00" * 4, "6700"),
        ("8424000204" + "00" * 4, "6700"),
        ("8424000114" + "00" * 20, "6988"),
        ("8424000214" + "00" * 20, "6988"),
    ],
)
def test_lengths_of_pin_commands_belong_to_their_p2(command: str, word: str) -> None:
    """A right length gets as far as the MAC."""
    assert asked().send(command) == word


def test_an_unblock_with_a_pin_in_it_is_refused() -> None:
    bench = asked()
    before = bench.cells()
    assert bench.send("8424000014" + "00" * 20) == "6700"
    assert bench.cells() == before


# -- when they are taken -------------------------------------------------------------------------

COMMANDS = pytest.mark.parametrize(
    ("header", "data"),
    [
        ("84160000", ""),
        ("84180000", ""),
        ("841E0000", ""),
        ("84240000", ""),
        ("04DA9F58", "05"),
        ("04DC010C", "7003500141"),
    ],
)


@COMMANDS
def test_no_script_before_the_first_cryptogram(header: str, data: str) -> None:
    bench = DebitBench()
    bench.online()
    command = bench.script(header, data)
    bench.start()
    before = bench.cells()
    assert bench.send(command) == "6985"
    assert bench.cells() == before


@COMMANDS
def test_no_script_of_an_issuer_that_failed(header: str, data: str) -> None:
    bench = DebitBench()
    bench.online()
    assert bench.arpc(wrong=True) == "6300"
    before = bench.cells()
    assert bench.send(bench.script(header, data)) == "6985"
    assert bench.cells() == before


@COMMANDS
def test_scripts_work_without_issuer_authentication(header: str, data: str) -> None:
    bench = DebitBench()
    bench.online()
    assert bench.send(bench.script(header, data)) == "9000"


@COMMANDS
def test_a_wrong_mac_is_6988_and_ends_the_scripts_of_this_transaction(header: str, data: str) -> None:
    bench = finished()
    before = {key: value for key, value in bench.cells().items() if key != ("contents", STORE)}
    assert bench.send(bench.script(header, data, wrong=True)) == "6988"
    after = {key: value for key, value in bench.cells().items() if key != ("contents", STORE)}
    assert after == before
    assert (bench.object("C2"), bench.object("C7")) == ("0801", "0001")
    cells = bench.cells()
    assert bench.send(bench.script(header, data)) == "6985"
    assert bench.send(bench.script("04DA9F58", "05")) == "6985"
    assert bench.cells() == cells
    bench.start()
    found = bench.ac("ARQC")
    assert found.cvr == "A00018"
    assert bench.send(bench.script(header, data)) == "9000"
    if header != "84160000":
        assert bench.object("C7") == "0000"


def test_a_mac_of_another_transaction_is_wrong() -> None:
    bench = asked()
    command = bench.script("04DA9F58", "05")
    assert bench.send(command) == "9000"
    bench.online()
    assert bench.send(command) == "6988"


def test_the_mac_covers_header_counter_cryptogram_and_data() -> None:
    for change in range(9):
        bench = asked()
        command = bytearray(bench.script("04DA9F59", "05"))
        if change in (0, 1, 4):
            continue  # another class, instruction or length is another command
        command[change if change < 6 else 5 + change - 5] ^= 0x01
        assert bench.send(bytes(command)) == "6988", change


def test_only_commands_after_the_second_cryptogram_are_counted() -> None:
    bench = asked()
    for _ in range(2):
        assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    assert bench.object("C2") == "8000"
    assert bench.ac("TC", code="00").kind == "TC"
    for count in range(1, 18):
        assert bench.send(bench.script("04DA9F58", "05")) == "9000"
        assert bench.object("C2") == f"00{min(count, 15):02X}"
    bench.start()
    assert bench.ac("TC").cvr == "9000F0"


def test_scripts_after_an_offline_end_are_not_counted() -> None:
    bench = DebitBench()
    bench.start()
    bench.ac("TC")
    assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    assert bench.object("C2") == "0000"


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_after_too_many_wrong_macs_in_a_row_no_script_works_any_more(limit: int) -> None:
    bench = DebitBench({"C7": f"07{limit - 1:02X}"}, settings=emv(failure_limit=limit))
    bench.online()
    assert bench.send(bench.script("04DA9F58", "05", wrong=True)) == "6988"
    assert bench.object("C7") == f"07{limit:02X}"
    bench.online()
    before = bench.cells()
    assert bench.send(bench.script("04DA9F58", "05")) == "6985"
    assert bench.cells() == before


def test_failures_are_written_before_the_comparison() -> None:
    """With a memory that fails nothing is compared: a right MAC and a right proof answer 6581."""
    bench = DebitBench()
    bench.online()
    before = bench.cells()
    for command in (bench.script("04DA9F58", "05"), bench.script("04DA9F58", "05", wrong=True)):
        bench.store.writes_left = 0
        assert bench.send(command) == "6581"
        assert bench.cells() == before
    for wrong in (False, True):
        assert bench.arpc(wrong=wrong) == "6581"
        assert bench.cells() == before
    # After the count the memory fails: the failure stays counted, and nothing else has happened.
    bench.store.writes_left = 1
    assert bench.send(bench.script("04DA9F58", "05")) == "6581"
    assert (bench.object("C7"), bench.object("9F58")) == ("0001", "14")
    bench.store.writes_left = 1
    assert bench.arpc() == "6581"
    assert bench.object("C7") == "0101"


# -- settings ------------------------------------------------------------------------------------


@SUITES
@pytest.mark.parametrize("chaining", [False, True])
def test_chained_macs_cover_the_mac_before(suite: str, chaining: bool) -> None:
    """EMV Book 2, 9.2.3: the uncut MAC of the command before instead of the cryptogram."""
    bench = asked(suite=suite, settings=emv(script_chaining=chaining))
    assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    second = bench.script("04DA9F59", "06", chain=bench.last_mac if chaining else None)
    assert bench.send(second) == "9000"
    third = bench.script("04DA9F59", "07", chain=None if chaining else bench.last_mac)
    assert bench.send(third) == "6988"


@pytest.mark.parametrize(("chosen", "half"), [("ac", "UDKAC"), ("enc", "UDKENC")])
def test_the_key_in_the_pin_block(chosen: str, half: str) -> None:
    settings = Settings(emv=EmvSettings(pin_block_key="ac" if chosen == "ac" else "enc"), edep=EdepSettings())
    bench = asked(settings=settings)
    other = "UDKENC" if half == "UDKAC" else "UDKAC"
    assert bench.send(bench.script("84240002", bench.sealed_pin("2468", half=other))) == "6A80"
    assert bench.send(bench.script("84240002", bench.sealed_pin("2468", half=half))) == "9000"


def test_a_wrong_proof_may_tell_how_many_are_left() -> None:
    bench = DebitBench(settings=emv(arpc_error="63Cx", failure_limit=3))
    for word in ("63C2", "63C1", "63C0", "6985"):
        bench.online()
        assert bench.arpc(wrong=True) == word
    bench.online()
    assert bench.arpc() == "6985"
    many = DebitBench(settings=emv(arpc_error="63Cx"))
    many.online()
    assert many.arpc(wrong=True) == "63CF"


# -- loading electronic cash ---------------------------------------------------------------------


def test_loading_is_logged_where_the_card_has_a_log_for_it() -> None:
    """Tag, balance before and after, then what DF4F names."""
    bench = asked({**CASH, "DF4F": LOAD_FORMAT})
    assert bench.send(bench.script("04DA9F79", "000000050000")) == "9000"
    assert bench.send(bench.script("04DA9F79", "000000020000")) == "9000"
    tail = "261123" + "000000001000" + "0001"
    first = "9F79" + "000000010000" + "000000050000" + tail
    second = "9F79" + "000000050000" + "000000020000" + tail
    assert [each.hex().upper() for each in bench.log(LOAD_LOG)] == [second, first]
    assert bench.data("DF4F") == LOAD_FORMAT


def test_other_objects_are_not_logged() -> None:
    bench = asked({**CASH, "DF4F": LOAD_FORMAT})
    assert bench.send(bench.script("04DA9F78", "000000050000")) == "9000"
    assert bench.log(LOAD_LOG) == ()
    plain = asked(CASH)
    assert plain.send(plain.script("04DA9F79", "000000050000")) == "9000"
    assert plain.log(LOAD_LOG) == ()
