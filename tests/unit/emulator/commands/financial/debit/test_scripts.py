"""Issuer scripts: what the issuer changes, and what happens to a command that is not his."""

from typing import Any

import pytest

from cardfs.model.settings import EdepSettings, EmvSettings, Settings
from tests.kit.card import PIN
from tests.kit.debit import CASH, DEBIT, LOAD_FORMAT, PIN_BLOCK, STORE, WRONG_BLOCK, Desk, emv

SUITES = pytest.mark.parametrize("suite", ["3DES", "SM4"])
LOAD_LOG = f"{DEBIT}/EF0C"


def asked(objects: dict[str, str] | None = None, **changes: Any) -> Desk:
    """A card whose ARQC the issuer has answered."""
    desk = Desk(objects, **changes)
    desk.online()
    assert desk.arpc() == "9000"
    return desk


def finished(objects: dict[str, str] | None = None, **changes: Any) -> Desk:
    """The same after the second cryptogram."""
    desk = asked(objects, **changes)
    assert desk.ac("TC", code="00").kind == "TC"
    return desk


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
    desk = asked({**CASH, **more, "9F6B": "0" * 12}, suite=suite)
    before = {each: desk.object(each) for each in ("9F36", "C3", "82", "94")}
    assert desk.send(desk.script(f"04DA{tag}", value)) == "9000"
    assert desk.data(tag) == value
    assert {each: desk.object(each) for each in before} == before


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
    desk = finished({**CASH, "9F73": "00000001"})
    before = desk.card.image.contents[STORE]
    assert desk.send(desk.script(f"04DA{tag}", value)) == word
    assert desk.object("C2") == "0801"
    assert isinstance(before, bytes)
    now = desk.card.image.contents[STORE]
    assert isinstance(now, bytes)
    assert now.replace(bytes.fromhex("C2020801"), bytes.fromhex("C2020000")) == before
    # The MAC was right, so the next command is taken.
    assert desk.send(desk.script("04DA9F58", "05")) == "9000"
    desk.start()
    assert desk.ac("ARQC").cvr == "A00028"


@SUITES
def test_update_record_replaces_a_record(suite: str) -> None:
    desk = asked(suite=suite)
    record = "700A5A086217999999999999"
    assert desk.send(desk.script("04DC010C", record)) == "9000"
    assert desk.ask("00B2010C00") == record + "9000"


@pytest.mark.parametrize("record", ["7003", "70038C05", "70038C019F", "8C", "7004FFFFFFFF", "00"])
def test_a_record_that_is_none_takes_its_list_away(record: str) -> None:
    desk = asked()
    assert desk.send(desk.script("04DC0114", record)) == "9000"
    desk.start()
    assert desk.generate("80", desk.cdol()) == "6985"


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
    desk = asked()
    assert desk.send(desk.script("04DC0234", "7003500142")) == "9000"
    before = dict(desk.card.image.contents)
    assert desk.send(desk.script("04DC" + p1p2, record)) == word
    after = dict(desk.card.image.contents)
    before.pop(STORE)
    after.pop(STORE)
    assert after == before
    assert desk.object("C2")[:2] == "88"


@SUITES
def test_application_block_and_unblock(suite: str) -> None:
    desk = finished(suite=suite)
    assert desk.send(desk.script("841E0000")) == "9000"
    assert desk.card.image.dfs[DEBIT].suspended
    desk.power()
    assert desk.select() == "6283"
    desk.options()
    assert desk.ac("TC").kind == "AAC"
    assert desk.send(desk.script("84180000")) == "9000"
    assert desk.select()[-4:] == "9000"


@SUITES
def test_unblocking_the_pin_gives_its_tries_back(suite: str) -> None:
    desk = Desk(suite=suite)
    desk.start()
    for _ in range(3):
        desk.send("0020008008" + WRONG_BLOCK)
    desk.online()
    assert desk.send(desk.script("84240000")) == "9000"
    desk.start()
    assert desk.send("0020008008" + PIN_BLOCK) == "9000"


@SUITES
@pytest.mark.parametrize(("p2", "current"), [("01", PIN), ("02", "")])
@pytest.mark.parametrize("new", ["1234", "12345", "123456789012"])
def test_a_new_pin(suite: str, p2: str, current: str, new: str) -> None:
    desk = Desk(suite=suite)
    desk.start()
    desk.send("0020008008" + WRONG_BLOCK)
    desk.ac("ARQC")
    assert desk.send(desk.script(f"842400{p2}", desk.sealed_pin(new, current))) == "9000"
    desk.start()
    assert desk.tries == 3
    assert desk.send("0020008008" + PIN_BLOCK) == "63C2"
    assert desk.send("0020008008" + f"2{len(new):X}{new}".ljust(16, "F")) == "9000"


@pytest.mark.parametrize(("p2", "current"), [("01", "839154"), ("01", ""), ("02", PIN)])
def test_a_new_pin_that_is_none_changes_nothing(p2: str, current: str) -> None:
    desk = Desk()
    desk.start()
    desk.send("0020008008" + WRONG_BLOCK)
    desk.ac("ARQC")
    assert desk.send(desk.script(f"842400{p2}", desk.sealed_pin("1234", current))) == "6A80"
    assert desk.tries == 2
    desk.start()
    assert desk.send("0020008008" + PIN_BLOCK) == "9000"


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
    desk = asked()
    before = desk.cells()
    assert desk.send("8424000014" + "00" * 20) == "6700"
    assert desk.cells() == before


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
    desk = Desk()
    desk.online()
    command = desk.script(header, data)
    desk.start()
    before = desk.cells()
    assert desk.send(command) == "6985"
    assert desk.cells() == before


@COMMANDS
def test_no_script_of_an_issuer_that_failed(header: str, data: str) -> None:
    desk = Desk()
    desk.online()
    assert desk.arpc(wrong=True) == "6300"
    before = desk.cells()
    assert desk.send(desk.script(header, data)) == "6985"
    assert desk.cells() == before


@COMMANDS
def test_scripts_work_without_issuer_authentication(header: str, data: str) -> None:
    desk = Desk()
    desk.online()
    assert desk.send(desk.script(header, data)) == "9000"


@COMMANDS
def test_a_wrong_mac_is_6988_and_ends_the_scripts_of_this_transaction(header: str, data: str) -> None:
    desk = finished()
    before = {key: value for key, value in desk.cells().items() if key != ("contents", STORE)}
    assert desk.send(desk.script(header, data, wrong=True)) == "6988"
    after = {key: value for key, value in desk.cells().items() if key != ("contents", STORE)}
    assert after == before
    assert (desk.object("C2"), desk.object("C7")) == ("0801", "0001")
    cells = desk.cells()
    assert desk.send(desk.script(header, data)) == "6985"
    assert desk.send(desk.script("04DA9F58", "05")) == "6985"
    assert desk.cells() == cells
    desk.start()
    found = desk.ac("ARQC")
    assert found.cvr == "A00018"
    assert desk.send(desk.script(header, data)) == "9000"
    if header != "84160000":
        assert desk.object("C7") == "0000"


def test_a_mac_of_another_transaction_is_wrong() -> None:
    desk = asked()
    command = desk.script("04DA9F58", "05")
    assert desk.send(command) == "9000"
    desk.online()
    assert desk.send(command) == "6988"


def test_the_mac_covers_header_counter_cryptogram_and_data() -> None:
    for change in range(9):
        desk = asked()
        command = bytearray(desk.script("04DA9F59", "05"))
        if change in (0, 1, 4):
            continue  # another class, instruction or length is another command
        command[change if change < 6 else 5 + change - 5] ^= 0x01
        assert desk.send(bytes(command)) == "6988", change


def test_only_commands_after_the_second_cryptogram_are_counted() -> None:
    desk = asked()
    for _ in range(2):
        assert desk.send(desk.script("04DA9F58", "05")) == "9000"
    assert desk.object("C2") == "8000"
    assert desk.ac("TC", code="00").kind == "TC"
    for count in range(1, 18):
        assert desk.send(desk.script("04DA9F58", "05")) == "9000"
        assert desk.object("C2") == f"00{min(count, 15):02X}"
    desk.start()
    assert desk.ac("TC").cvr == "9000F0"


def test_scripts_after_an_offline_end_are_not_counted() -> None:
    desk = Desk()
    desk.start()
    desk.ac("TC")
    assert desk.send(desk.script("04DA9F58", "05")) == "9000"
    assert desk.object("C2") == "0000"


@pytest.mark.parametrize("limit", [1, 3, 100])
def test_after_too_many_wrong_macs_in_a_row_no_script_works_any_more(limit: int) -> None:
    desk = Desk({"C7": f"07{limit - 1:02X}"}, settings=emv(failure_limit=limit))
    desk.online()
    assert desk.send(desk.script("04DA9F58", "05", wrong=True)) == "6988"
    assert desk.object("C7") == f"07{limit:02X}"
    desk.online()
    before = desk.cells()
    assert desk.send(desk.script("04DA9F58", "05")) == "6985"
    assert desk.cells() == before


def test_failures_are_written_before_the_comparison() -> None:
    """With a memory that fails nothing is compared: a right MAC and a right proof answer 6581."""
    desk = Desk()
    desk.online()
    before = desk.cells()
    for command in (desk.script("04DA9F58", "05"), desk.script("04DA9F58", "05", wrong=True)):
        desk.store.writes_left = 0
        assert desk.send(command) == "6581"
        assert desk.cells() == before
    for wrong in (False, True):
        assert desk.arpc(wrong=wrong) == "6581"
        assert desk.cells() == before
    # After the count the memory fails: the failure stays counted, and nothing else has happened.
    desk.store.writes_left = 1
    assert desk.send(desk.script("04DA9F58", "05")) == "6581"
    assert (desk.object("C7"), desk.object("9F58")) == ("0001", "14")
    desk.store.writes_left = 1
    assert desk.arpc() == "6581"
    assert desk.object("C7") == "0101"


# -- settings ------------------------------------------------------------------------------------


@SUITES
@pytest.mark.parametrize("chaining", [False, True])
def test_chained_macs_cover_the_mac_before(suite: str, chaining: bool) -> None:
    """EMV Book 2, 9.2.3: the uncut MAC of the command before instead of the cryptogram."""
    desk = asked(suite=suite, settings=emv(script_chaining=chaining))
    assert desk.send(desk.script("04DA9F58", "05")) == "9000"
    second = desk.script("04DA9F59", "06", chain=desk.last_mac if chaining else None)
    assert desk.send(second) == "9000"
    third = desk.script("04DA9F59", "07", chain=None if chaining else desk.last_mac)
    assert desk.send(third) == "6988"


@pytest.mark.parametrize(("chosen", "half"), [("ac", "UDKAC"), ("enc", "UDKENC")])
def test_the_key_in_the_pin_block(chosen: str, half: str) -> None:
    settings = Settings(emv=EmvSettings(pin_block_key="ac" if chosen == "ac" else "enc"), edep=EdepSettings())
    desk = asked(settings=settings)
    other = "UDKENC" if half == "UDKAC" else "UDKAC"
    assert desk.send(desk.script("84240002", desk.sealed_pin("2468", half=other))) == "6A80"
    assert desk.send(desk.script("84240002", desk.sealed_pin("2468", half=half))) == "9000"


def test_a_wrong_proof_may_tell_how_many_are_left() -> None:
    desk = Desk(settings=emv(arpc_error="63Cx", failure_limit=3))
    for word in ("63C2", "63C1", "63C0", "6985"):
        desk.online()
        assert desk.arpc(wrong=True) == word
    desk.online()
    assert desk.arpc() == "6985"
    many = Desk(settings=emv(arpc_error="63Cx"))
    many.online()
    assert many.arpc(wrong=True) == "63CF"


# -- loading electronic cash ---------------------------------------------------------------------


def test_loading_is_logged_where_the_card_has_a_log_for_it() -> None:
    """Tag, balance before and after, then what DF4F names."""
    desk = asked({**CASH, "DF4F": LOAD_FORMAT})
    assert desk.send(desk.script("04DA9F79", "000000050000")) == "9000"
    assert desk.send(desk.script("04DA9F79", "000000020000")) == "9000"
    tail = "261123" + "000000001000" + "0001"
    first = "9F79" + "000000010000" + "000000050000" + tail
    second = "9F79" + "000000050000" + "000000020000" + tail
    assert [each.hex().upper() for each in desk.log(LOAD_LOG)] == [second, first]
    assert desk.data("DF4F") == LOAD_FORMAT


def test_other_objects_are_not_logged() -> None:
    desk = asked({**CASH, "DF4F": LOAD_FORMAT})
    assert desk.send(desk.script("04DA9F78", "000000050000")) == "9000"
    assert desk.log(LOAD_LOG) == ()
    plain = asked(CASH)
    assert plain.send(plain.script("04DA9F79", "000000050000")) == "9000"
    assert plain.log(LOAD_LOG) == ()
