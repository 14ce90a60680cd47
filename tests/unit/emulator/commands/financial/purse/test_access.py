"""Passbook and purse: line protection, authentication, the PIN and what reloads it, and the locks."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.model.files import DfKind
from cardfs.model.settings import EdepSettings, PinSettings, Settings, StateSettings
from keys.records import KeyState
from tests.kit.card import MF, PSE, SSSE
from tests.kit.purse import (
    ADF,
    AID,
    CAPP_RECORDS,
    ED,
    EP,
    PIN,
    PUBLIC,
    PurseBench,
    contents,
    flipped,
    line_mac,
    money,
    ready,
)
from tests.kit.reference import Reference

SUITE_NAMES: Final = ("3DES", "DES", "SM4")
BLOCKED_SELECT: Final = f"6F2E8409{AID.hex()}A5219F0C1E{PUBLIC.hex()}".upper()
MIXED: Final = [("3DES", "DES"), ("3DES", "3DES"), ("DES", "DES"), ("SM4", "SM4")]
"""Suites of the trade keys and of DAMK and DPUK: single-length, double-length, SM4."""


# -- line protection ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("suite", "maintenance"), MIXED)
@pytest.mark.parametrize("length", [4, 8])
def test_updates_with_a_mac(suite: str, maintenance: str, length: int) -> None:
    bench = PurseBench(suite=suite, maintenance=maintenance)
    assert bench.word(bench.protected("04D69504", b"\xaa\xbb", challenge=bench.challenge(length))) == "9000"
    assert bench.file(0x15) == PUBLIC[:4] + b"\xaa\xbb" + PUBLIC[6:]
    assert bench.word(bench.protected("04DC02CC", b"\xa2\xff", challenge=bench.challenge(length))) == "9000"
    assert bench.word(bench.protected("04E200CC", b"\xa4", challenge=bench.challenge(length))) == "9000"
    assert bench.file(0x19) == (CAPP_RECORDS[0], b"\xa2\xff", CAPP_RECORDS[2], b"\xa4")


@pytest.mark.parametrize(("suite", "maintenance"), MIXED)
def test_readings_with_a_mac(suite: str, maintenance: str) -> None:
    bench = PurseBench(suite=suite, maintenance=maintenance)
    key = bench.key_of("DAMK")
    for header, le, data in (
        ("04B09502", "06", PUBLIC[2:8]),
        ("04B09502", "00", PUBLIC[2:]),
        ("04B201CC", "00", CAPP_RECORDS[0]),
    ):
        challenge = bench.challenge(4)
        answer = bytes.fromhex(bench.ask(bench.protected(header, challenge=challenge) + bytes.fromhex(le)))
        assert answer == data + line_mac(*key, challenge, data) + b"\x90\x00"


def test_a_reading_with_a_mac_asks_for_the_right_to_read() -> None:
    bench = PurseBench()
    assert bench.word(bench.protected("04B09C00") + b"\x04") == "6982"
    assert bench.authenticated() == "9000"
    assert bench.ask(bench.protected("04B09C00") + b"\x04")[:8] == "00000000"


@pytest.mark.parametrize("flip", ["header", "data", "mac"])
def test_what_the_mac_covers(flip: str) -> None:
    bench = PurseBench()
    command = bytearray(bench.protected("04D69500", b"\xaa\xbb"))
    command[{"header": 3, "data": 6, "mac": -1}[flip]] ^= 1
    assert bench.word(bytes(command)) == "6988"
    assert bench.file(0x15) == PUBLIC


def test_a_challenge_serves_once() -> None:
    bench = PurseBench()
    challenge = bench.challenge(4)
    command = bench.protected("04D69500", b"\xaa", challenge=challenge)
    assert bench.word(command) == "9000"
    assert bench.word(command) == "6984"
    command = bench.protected("04D69500", b"\xbb")
    assert bench.word(flipped(command)) == "6988"
    assert bench.word(command) == "6984"


def test_selecting_ends_a_challenge() -> None:
    bench = PurseBench()
    command = bench.protected("04D69500", b"\xaa")
    bench.ask("00A40000023F00")
    bench.select()
    assert bench.word(command) == "6984"


def test_by_setting_commands_start_at_zero_and_need_no_challenge() -> None:
    bench = PurseBench(Settings(edep=EdepSettings(command_iv="zero")))
    command = bench.protected("04D69500", b"\xaa", zero=True)
    assert bench.word(command) == bench.word(command) == "9000"
    assert bench.word(bench.protected("04D69500", b"\xbb")) == "6988"
    assert bench.word(bench.protected("841E0000", zero=True)) == "9000"
    assert bench.word(bench.protected("84180000", zero=True)) == "9000"
    suite, value = bench.key_of("DPUK")
    unblock = bench.protected("84240000", Reference(suite).encrypt(value, PIN), "DPUK", zero=True)
    assert bench.word(unblock) == "9000"


def test_where_the_mac_is_missing_and_where_it_is_not_wanted() -> None:
    bench = PurseBench()
    assert bench.word("00D6950001AA") == bench.word("00DC01CC01AA") == bench.word("00E200CC01AA") == "6987"
    assert bench.word("04D6950004AABBCCDD") == bench.word("04DC01CC04AABBCCDD") == "6987"
    for header in ("04D69600", "04DC01BC", "04E200BC"):
        assert bench.authenticated() == "9000"
        assert bench.word(bench.protected(header, b"AAAA")) == "6E00"
    for header in ("04B09600", "04B201BC"):
        assert bench.word(bench.protected(header) + b"\x00") == "6E00"


def test_plain_files() -> None:
    bench = PurseBench()
    assert bench.word("00D6960001FF") == "6982"
    assert bench.authenticated() == "9000"
    assert bench.word("00D6960102FFFF") == "9000"
    assert bench.ask("00B0960004") == "00FFFF039000"
    assert bench.word("00DC01BC0444444444") == "9000"
    assert bench.word("00E200BC0445454545") == "9000"
    assert bench.file(0x17) == (b"DDDD", b"BBBB", b"EEEE")
    assert bench.word("00E200BC0445454545") == "6A84"
    assert bench.word("00E200DC046E657765") == "9000"
    assert bench.file(0x1B) == (b"newe", b"new!", b"old!")


def test_appending_moves_the_record_pointer_in_a_cyclic_file() -> None:
    bench = PurseBench()
    assert bench.word("00E200DC046E657765") == "9000"
    assert bench.ask("00B2000400") == b"newe".hex().upper() + "9000"


@pytest.mark.parametrize("apdu", ["00DC01C417" + "00" * 23, "00E200C417" + "00" * 23, "00DC00C317" + "00" * 23])
def test_nobody_writes_the_log(apdu: str) -> None:
    bench = ready()
    bench.authenticated()
    assert bench.word(apdu) == "6982"


@pytest.mark.parametrize("fid", ["0001", "0002"])
def test_no_command_reaches_the_money(fid: str) -> None:
    bench = ready()
    assert bench.word(f"00A4000002{fid}") == "6A82"
    sfi = int(fid)
    for apdu in (f"00B0{0x80 | sfi:02X}0004", f"00D6{0x80 | sfi:02X}0004FFFFFFFF", f"00B201{sfi << 3 | 4:02X}00"):
        assert bench.word(apdu) == "6A82"


# -- authentication -------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITE_NAMES)
@pytest.mark.parametrize("length", [4, 8])
def test_external_authentication(suite: str, length: int) -> None:
    bench = PurseBench(suite=suite)
    assert bench.word("00D6960001FF") == "6982"
    assert bench.authenticated(length) == "9000"
    assert bench.word("00D6960001FF") == "9000"
    bench.select()
    assert bench.word("00D6960001FF") == "6982"


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_failed_authentications_lock_the_key(suite: str) -> None:
    bench = PurseBench(suite=suite)
    assert [bench.send(flipped(bench.external())) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert bench.send(bench.external()) == "6983"
    bench = PurseBench(suite=suite)
    assert bench.send(flipped(bench.external())) == "63C2"
    assert bench.authenticated() == "9000"
    assert bench.tries("UK") == 3


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_internal_authentication(suite: str) -> None:
    bench = PurseBench(suite=suite)
    data = bytes(range(Reference(suite).block))
    answer = bench.ask(bytes((0x00, 0x88, 0x00, 0x02, len(data))) + data + b"\x00")
    assert answer == Reference(suite).blocks(bench.key_of("IK")[1], data).hex().upper() + "9000"


def test_a_key_has_one_function() -> None:
    bench = PurseBench()
    assert bench.word("0082000208" + "00" * 8) == "6A88"
    assert bench.word("0088000108" + "00" * 8) == "6A88"
    assert bench.word("0020000103123456") == "9403"


# -- the PIN --------------------------------------------------------------------------------------------


def test_failed_verifications_lock_the_pin() -> None:
    bench = PurseBench()
    wrong = bytes.fromhex("654321")
    assert [bench.pin(each) for each in (wrong, wrong, PIN)] == ["63C2", "63C1", "9000"]
    assert bench.tries("PIN") == 3
    assert [bench.pin(wrong) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert bench.pin() == "6983"
    assert bench.word("805E010007123456FF111111") == "6983"


def test_bytes_ff_at_the_end_of_a_pin_do_not_count() -> None:
    bench = PurseBench(pin=bytes.fromhex("1234FF"))
    assert bench.pin(bytes.fromhex("1234")) == bench.pin(bytes.fromhex("1234FFFFFF")) == "9000"
    assert bench.pin(bytes.fromhex("12FF")) == "63C2"


@pytest.mark.parametrize("new", ["4321", "432156", "112233445566"])
def test_the_holder_changes_the_pin(new: str) -> None:
    bench = PurseBench()
    value = bytes.fromhex(new)
    bench.pin(b"\x99\x99")
    assert bench.word(bytes((0x80, 0x5E, 0x01, 0x00, 4 + len(value))) + PIN + b"\xff" + value) == "9000"
    assert bench.tries("PIN") == 3
    assert bench.pin() == "63C2"
    assert bench.pin(value) == "9000"


def test_changing_takes_the_old_pin() -> None:
    bench = PurseBench()
    assert bench.word("805E010007654321FF111111") == "63C2"
    assert bench.pin() == "9000"


@pytest.mark.parametrize("data", ["12FF123456", "FF12345678", "1122334455667788FF1234"])
def test_an_old_pin_that_is_none_is_a_wrong_one(data: str) -> None:
    """As in the social-security environment: what is given is the PIN or it is not (Part 7, 9.5)."""
    bench = PurseBench()
    assert [bench.word(f"805E0100{len(data) // 2:02X}{data}") for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    bench = PurseBench(Settings(pin=PinSettings(ill_formed="refuse")))
    assert bench.word(f"805E0100{len(data) // 2:02X}{data}") == "6A80"
    assert bench.tries("PIN") == 3


@pytest.mark.parametrize("data", ["123456123456", "123456FF12", "123456FF11223344556677"])
def test_what_is_no_change_of_a_pin(data: str) -> None:
    bench = PurseBench()
    bench.pin(b"\x99\x99")
    assert bench.word(f"805E0100{len(data) // 2:02X}{data}") == "6A80"
    assert bench.tries("PIN") == 2


@pytest.mark.parametrize("data", ["FFFF", "123FFF", "ABCD", "12FF"])
def test_what_is_no_pin_takes_a_try_as_any_other(data: str) -> None:
    bench = PurseBench()
    assert [bench.pin(bytes.fromhex(data)) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]


@pytest.mark.parametrize("suite", SUITE_NAMES)
def test_the_issuer_reloads_the_pin(suite: str) -> None:
    bench = PurseBench(suite=suite)
    for _ in range(3):
        bench.pin(b"\x99\x99")
    assert bench.pin() == "6983"
    new = bytes.fromhex("223344556677")
    assert bench.word(bench.reload(new)) == "9000"
    assert bench.pin(new) == "9000"


def test_the_third_failed_reload_locks_the_application_for_good() -> None:
    bench = ready()
    new = bytes.fromhex("2233")
    assert [bench.word(bench.reload(new, flip=True)) for _ in range(2)] == ["9302", "9302"]
    assert bench.word(bench.reload(new)) == "9000"
    assert bench.tries("DRPK") == 3
    assert [bench.word(bench.reload(new, flip=True)) for _ in range(3)] == ["9302", "9302", "9303"]
    assert_gone(bench)


@pytest.mark.parametrize(("suite", "maintenance"), MIXED)
@pytest.mark.parametrize("p2", [0, 1])
@pytest.mark.parametrize("pin", ["123456", "9876", "22334455667700"[:12]])
def test_the_issuer_unblocks_the_pin(suite: str, maintenance: str, p2: int, pin: str) -> None:
    bench = PurseBench(suite=suite, maintenance=maintenance)
    for _ in range(3):
        bench.pin(b"\x99\x99")
    value = bytes.fromhex(pin)
    assert bench.word(bench.unblock(value, p2=p2)) == "9000"
    assert (bench.tries("PIN"), bench.tries("DPUK")) == (3, 3)
    assert bench.pin(value) == "9000"


def test_the_third_failed_unblock_locks_the_application_for_good() -> None:
    bench = ready()
    assert [bench.word(flipped(bench.unblock(PIN))) for _ in range(2)] == ["6988", "6988"]
    # What fails for another reason than the MAC costs nothing.
    assert bench.word(bench.unblock(b"\x12")) == "6A80"
    assert bench.word(bench.unblock(PIN, challenge=b"")[:-1] + b"\x00") == "6984"
    assert bench.tries("DPUK") == 1
    assert bench.word(flipped(bench.unblock(PIN))) == "9303"
    assert_gone(bench)


def test_a_pin_is_unblocked_by_index() -> None:
    made = contents()
    second = {
        (ref._replace(name="PIN2"), version): replace(key, name="PIN2", kid=1, value=b"\x77\x77")
        for (ref, version), key in made.keys.items()
        if ref.owner == ADF and ref.name == "PIN"
    }
    bench = PurseBench(card_contents=replace(made, keys={**made.keys, **second}))
    assert bench.send("0020000103123456") == "63C2"
    assert bench.send("00200001027777") == "9000"
    assert bench.word("805C000104") == "9000"
    command = bench.protected("84240100", Reference("3DES").encrypt(bench.key_of("DPUK")[1], b"\x88\x88"), "DPUK")
    assert bench.word(command) == "9000"
    assert bench.send("00200001028888") == bench.pin() == "9000"
    assert bench.word("805E01010577 77FF 6666".replace(" ", "")) == "63C2"
    assert bench.word("805E0101058888FF6666") == "9000"
    assert bench.send("00200001026666") == "9000"


# -- locks ----------------------------------------------------------------------------------------------


def assert_gone(bench: PurseBench) -> None:
    """The application is locked for good and its keys are dead."""
    assert bench.df.blocked
    assert not bench.df.suspended
    keys = [key for (ref, _), key in bench.card.image.keys.items() if ref.owner == ADF]
    assert {(key.value, key.state) for key in keys} == {(b"", KeyState.DEAD)}
    assert bench.word("805C000204") == bench.word("0084000004") == bench.word("00B0950004") == "9303"
    assert bench.select() == f"{BLOCKED_SELECT}6283"
    assert bench.word("841800000400000000") == bench.word("805C000204") == "9303"


@pytest.mark.parametrize(("suite", "maintenance"), MIXED)
def test_a_temporary_lock_and_its_end(suite: str, maintenance: str) -> None:
    bench = ready(suite=suite, maintenance=maintenance)
    before = bench.cells()
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert bench.word("805C000204") == "6A81"
    assert bench.select() == f"{BLOCKED_SELECT}6283"
    assert bench.word("805C000204") == bench.pin() == "6A81"
    assert bench.word(bench.protected("84180000")) == "9000"
    assert bench.word("805C000204") == "9000"
    assert bench.select() == f"{BLOCKED_SELECT}9000"
    assert bench.cells() == before


def test_a_temporary_lock_outlives_power() -> None:
    bench = ready()
    assert bench.word(bench.protected("841E0000")) == "9000"
    bench.card.power_on()
    assert bench.select()[-4:] == "6283"
    assert bench.word(bench.protected("84180000")) == "9000"


def test_by_setting_select_of_a_locked_application_answers_6a81_and_makes_it_current() -> None:
    bench = ready(settings=Settings(edep=EdepSettings(blocked_select="6A81")))
    assert bench.word(bench.protected("841E0000")) == "9000"
    bench.card.power_on()
    assert bench.select() == "6A81"
    assert bench.word(bench.protected("84180000")) == "9000"
    assert bench.select()[-4:] == "9000"
    assert bench.word(bench.protected("841E0001")) == "9000"
    assert bench.select() == "6A81"


def test_under_t0_the_warning_comes_before_the_fci() -> None:
    bench = PurseBench(t1=False)
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert bench.send(b"\x00\xa4\x04\x00\x09" + AID) == "6283"
    assert bench.send("00C0000000") == "6C30"
    assert bench.send("00C0000030") == f"{BLOCKED_SELECT}9000"


def test_what_works_in_a_locked_application() -> None:
    bench = ready()
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert bench.word("0084000004") == "9000"
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert bench.word(bench.protected("841E0001")) == "9000"
    assert_gone(bench)


def test_unblocking_what_is_not_locked_does_nothing() -> None:
    bench = ready()
    before = bench.cells()
    assert bench.word(bench.protected("84180000")) == "9000"
    assert bench.cells() == before


def test_the_third_failed_unblock_of_an_application_locks_it_for_good() -> None:
    bench = ready()
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert [bench.word(flipped(bench.protected("84180000"))) for _ in range(2)] == ["6988", "6988"]
    # Other failures under the same key do not count, nor does what has no challenge.
    assert bench.word(flipped(bench.protected("841E0000"))) == "6988"
    assert bench.word("841800000400000000") == "6984"
    assert bench.tries("DAMK") == 1
    assert bench.word(bench.protected("84180000")) == "9000"
    assert bench.tries("DAMK") == 3
    assert bench.word(bench.protected("841E0000")) == "9000"
    words = [bench.word(flipped(bench.protected("84180000"))) for _ in range(3)]
    assert words == ["6988", "6988", "9303"]
    assert_gone(bench)


def test_failed_updates_lock_nothing() -> None:
    bench = ready()
    for _ in range(5):
        assert bench.word(flipped(bench.protected("04D69500", b"\xaa"))) == "6988"
    assert bench.word(bench.protected("04D69500", b"\xaa")) == "9000"


def test_a_permanent_lock() -> None:
    bench = ready()
    assert bench.word(flipped(bench.protected("841E0001"))) == "6988"
    assert bench.word(bench.protected("841E0001")) == "9000"
    assert_gone(bench)
    assert bench.word("00A40000023F00") == "9000"
    assert not bench.card.image.dfs[PSE].blocked


def test_card_block_locks_the_financial_environment_only() -> None:
    bench = ready()
    assert bench.word(flipped(bench.protected("84160000"))) == "6988"
    assert bench.word(bench.protected("84160000")) == "9000"
    assert bench.word("805C000204") == "6A81"
    assert bench.select() == "6A81"
    assert bench.word("00A40000023F00") == "9000"
    assert bench.word("00A4000002DDF2") == "6A81"
    assert bench.word(b"\x00\xa4\x04\x00\x0e" + b"1PAY.SYS.DDF01") == "6A81"
    assert bench.word("00A4000002DDF1") == "9000"
    assert bench.send("00200000027391") == "9000"
    states = {(ref.owner, key.state) for (ref, _), key in bench.card.image.keys.items()}
    assert states == {(SSSE, KeyState.ACTIVE), (ADF, KeyState.DEAD)}


def test_card_block_of_a_card_that_is_nothing_else_locks_it_whole() -> None:
    bench = ready(alone=True)
    assert bench.word(bench.protected("84160000")) == "9000"
    for apdu in ("00A40000023F00", "805C000204", "0084000004", ""):
        assert bench.send(apdu) == "6A81"
    bench.card.power_on()
    assert bench.select() == "6A81"
    assert bench.card.image.info.blocked
    assert {key.state for key in bench.card.image.keys.values()} == {KeyState.DEAD}
    assert MF in bench.card.image.dfs


def test_a_lock_does_not_move_money_or_counters() -> None:
    """The FMCOS 2.0 manual, 8.2 and 8.3."""
    bench = PurseBench(passbook=money(100, 7, 8, 9), purse=money(200, 5, 6))
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert bench.word(bench.protected("84180000")) == "9000"
    assert bench.initialize(1, EP, 0, 1)[0][:6].hex() == "000000c80006"
    assert bench.file(ED) == money(100, 7, 8, 9)


# -- what a lock word may be called ---------------------------------------------------------------------


Reach = Callable[[PurseBench], str]
RENAMED: Final[dict[str, tuple[str, Reach]]] = {
    "application_blocked": (
        "6F88",
        lambda bench: [bench.word(flipped(bench.protected("84180000"))) for _ in range(3)][-1],
    ),
    "application_suspended": (
        "6F81",
        lambda bench: (bench.word(bench.protected("841E0000")), bench.word("805C000204"))[-1],
    ),
}


@pytest.mark.parametrize("name", RENAMED)
def test_the_words_of_locks_may_be_renamed(name: str) -> None:
    word, reach = RENAMED[name]
    overrides: Any = {name: word}
    assert reach(PurseBench(Settings(status=overrides))) == word


def test_the_pin_of_a_purse_is_strictly_its_own() -> None:
    bench = ready(settings=Settings(state=StateSettings(pin_scope="df-change")))
    assert bench.word("805C000104") == "9000"


# -- which key ------------------------------------------------------------------------------------------


def with_keys(**changes: dict[str, Any]) -> PurseBench:
    """A card with a further key for each name: the one of that name with other fields, and before it in order."""
    made = contents(purse=money(100))
    further = {}
    for (ref, version), key in made.keys.items():
        if ref.owner == ADF and ref.name in changes:
            fields = changes[ref.name]
            name = fields.get("name", ref.name)
            further[ref._replace(name=name), fields.get("version", version)] = replace(key, **fields)
    return PurseBench(card_contents=replace(made, keys={**further, **made.keys}))


@pytest.mark.parametrize("version", [4, 9])
def test_of_several_versions_of_a_trade_key_the_highest_is_used(version: int) -> None:
    bench = with_keys(DPK0={"version": version, "value": bytes(range(16))})
    said, word = bench.initialize(1, EP, 0, 5)
    assert (word, said[9]) == ("9000", max(version, 5))


def test_of_several_maintenance_keys_the_lowest_index_is_used() -> None:
    bench = with_keys(DAMK={"name": "DAMK9", "kid": 9, "value": bytes(range(16))})
    assert bench.word(bench.protected("04D69500", b"\xaa")) == "9000"


def test_a_pin_that_is_not_set_is_not_met_by_filling() -> None:
    bench = PurseBench(pin=b"")
    assert bench.pin(b"\xff\xff") == "63C2"


def test_selecting_a_locked_application_starts_anew_too() -> None:
    bench = ready()
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert bench.select()[-4:] == "6283"
    assert bench.word(bench.protected("84180000")) == "9000"
    assert bench.word("805C000104") == "6982"


def test_card_block_of_a_purse_that_is_in_no_environment_of_its_own_locks_the_card() -> None:
    made = contents()
    bench = PurseBench(
        card_contents=replace(made, dfs={**made.dfs, PSE: replace(made.dfs[PSE], kind=DfKind.ADF)}), select=False
    )
    assert bench.word("00A4000002DDF2") == bench.word("00A40000023F01") == "9000"
    assert bench.word(bench.protected("84160000")) == "9000"
    assert bench.word("00A40000023F00") == "6A81"
