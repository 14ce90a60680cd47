"""APPLICATION BLOCK and CARD BLOCK (Part 5, 6.1 and 6.2; Part 7, 13.1 and 13.2; Part 4, 7.5)."""

import pytest

from cardfs.model.settings import BlockSettings, Settings
from emulator.commands.social.rows import ROWS
from keys.records import KeyState
from tests.kit.card import MF, SSSE, HandmadeBench

DF01 = f"{SSSE}/DF01"


def repower(bench: HandmadeBench) -> None:
    bench.card.power_off()
    bench.card.power_on()


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_a_locked_application_stays_locked_over_power(suite: str) -> None:
    """Part 5, 6.1.1: for good."""
    bench = HandmadeBench(suite=suite)
    bench.lock_application()
    assert bench.session.df == DF01
    repower(bench)
    bench.select_ssse()
    assert bench.word("00A4000002DF01") == "9303"
    assert bench.word("00A4000002DF02") == "9000"


def test_in_a_locked_application_every_command_but_select_answers_9303() -> None:
    """Part 7, 13.2."""
    for row in ROWS:
        bench = HandmadeBench()
        if row.name == "SELECT" or not row.enabled(bench.card.image.info.settings):
            continue
        bench.lock_application()
        assert bench.send(bytes((row.cla, row.ins, 0, 0))) == "9303", row.name


@pytest.mark.clause("Part 4, 7.5", "all keys of a locked application are dead")
def test_all_keys_of_a_locked_application_are_dead_and_erased_and_no_others() -> None:
    """Part 4, 7.5."""
    bench = HandmadeBench()
    bench.lock_application()
    for (ref, _), key in bench.card.image.keys.items():
        assert (key.state is KeyState.DEAD) is (ref.owner == DF01)
        assert (key.value == b"") is (ref.owner == DF01)
    stored = {path: cell for (kind, path), cell in bench.cells().items() if kind == "key" and path.startswith(DF01)}
    assert stored
    assert all(not cell.data for cell in stored.values())


def test_the_files_of_a_locked_application_are_kept() -> None:
    """Locking is no erasing (Part 5, 6.1)."""
    bench = HandmadeBench()
    before = dict(bench.card.image.contents)
    bench.lock_application()
    assert bench.card.image.contents == before


def test_a_repeated_block_answers_what_the_profile_says() -> None:
    """Part 5, 6.1.5, 「无论应用是否已经失效」, against Part 7, 13.2."""
    bench = HandmadeBench()
    bench.lock_application()
    before = bench.cells()
    assert bench.send("841E00010400000000") == "9000"
    for no_block in (
        "841E00000400000000",
        "841E000103000000",
        "841E0001050000000000",
        "841E0001",
        "041E00010400000000",
    ):
        assert bench.send(no_block) == "9303", no_block
    bench.card.reset()
    bench.select_ssse()
    assert bench.send("00A4000002DF01") == "9303"
    assert bench.send("841E00010400000000") == "9000"
    assert bench.cells() == before
    assert bench.send("00B2012C04") == "9303"
    bench = HandmadeBench(Settings(block=BlockSettings(repeat_sw="9303")))
    bench.lock_application()
    assert bench.send("841E00010400000000") == "9303"


def test_what_a_locked_application_does_not_know_answers_9303_too() -> None:
    """Part 7, 13.2: 「IC 卡对其他命令只回送 9303」, whatever class and instruction."""
    bench = HandmadeBench()
    bench.lock_application()
    for cla in (0x00, 0x04, 0x80, 0x84, 0xB0, 0x7F, 0xFF):
        for ins in range(0, 256, 2):
            if ins != 0xA4 and (cla, ins) != (0x84, 0x1E):
                assert bench.send(bytes((cla, ins, 0, 0, 0))) == "9303", (cla, ins)
    bench.card.reset()
    bench.select_ssse()
    assert bench.send("0033000000") == "6D00"


def test_files_of_a_locked_application_are_readable_where_the_profile_says_so() -> None:
    """Part 5, 6.1.1: 「对其他命令的影响根据不同应用而定」; reading still needs its right."""
    bench = HandmadeBench(Settings(block=BlockSettings(ef_readable=True)))
    bench.select_df("DF01")
    bench.verify()
    bench.prove(("LK01",))
    assert bench.send(bench.secured("841E0001", key="STK01")) == "9000"
    assert bench.word("00B2012C04") == "9000"
    assert bench.word("00DC012C040102FFFF") == "9303"
    assert bench.word("0084000008") == "9303"


@pytest.mark.parametrize("names", ["", "PIN UK RK PUK BK"])
def test_an_application_is_locked_with_its_own_lock_key_only(names: str) -> None:
    """Part 7, 13.2."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    bench.prove([*names.split(), "UK01"])
    assert bench.send(bench.secured("841E0001", key="STK01")) == "6982"
    assert not bench.card.image.dfs[DF01].blocked


def test_an_application_is_not_locked_under_the_maintenance_key_of_the_environment() -> None:
    """Part 6, table 3."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    bench.prove(("LK01",))
    assert bench.send(bench.secured("841E0001", key="STK")) == "6988"


@pytest.mark.parametrize(
    ("header", "right", "key", "df"), [("841E0001", "LK01", "STK01", "DF01"), ("84160000", "BK", "STK", "SSSE")]
)
@pytest.mark.clause("Part 4, 8.5", "a command without data")
def test_wrong_macs_lock_no_key_and_change_nothing(header: str, right: str, key: str, df: str) -> None:
    """Part 7, 13.1 and 13.2."""
    bench = HandmadeBench()
    bench.select_df(df)
    bench.prove((right,))
    before = bench.cells()
    for bit in range(32):
        command = bytearray(bench.secured(header, key=key))
        command[5 + bit // 8] ^= 1 << bit % 8
        assert bench.send(bytes(command)) == "6988"
    assert bench.cells() == before
    assert bench.send(bench.secured(header, key=key)) == "9000"


def test_a_locked_card_answers_6a81_to_everything_for_ever() -> None:
    """Part 5, 6.2.1: every command, known or not."""
    bench = HandmadeBench()
    bench.lock_card()
    for _ in range(2):
        for apdu in ("00A40000023F00", "0084000008", "FF00000000", "0033000000", "00", "", "84160000", "00C0000000"):
            assert bench.send(apdu) == "6A81"
        for row in ROWS:
            assert bench.send(bytes((row.cla, row.ins, 0, 0))) == "6A81"
        repower(bench)


@pytest.mark.clause("Part 4, 7.5", "all keys of a locked card are dead")
def test_all_keys_of_a_locked_card_are_dead() -> None:
    """Part 4, 7.5: every application is invalid."""
    bench = HandmadeBench()
    bench.lock_card()
    assert all(key.state is KeyState.DEAD and not key.value for key in bench.card.image.keys.values())
    assert not any(cell.data for (kind, _), cell in bench.cells().items() if kind == "key")


def test_the_card_is_locked_with_an_application_selected_too() -> None:
    """BK and STK are of the environment (Part 6, table 3)."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    bench.lock_card()
    assert bench.send("0084000008") == "6A81"


def test_the_card_is_not_locked_by_a_lock_key_of_an_application() -> None:
    bench = HandmadeBench()
    bench.select_df("DF01")
    bench.prove(("LK01", "PUK", "UK"))
    assert bench.send(bench.secured("84160000")) == "6982"


def test_there_is_nothing_to_lock_above_the_environment() -> None:
    bench = HandmadeBench()
    assert bench.word("00A40000023F00") == "9000"
    bench.challenge()
    assert bench.session.df == MF
    assert bench.send("841600000400000000") == "6A88"
    assert bench.send("841E00010400000000") == "6A88"
