"""Every status word of every trade command, got from the card by sending APDUs (Part 5, tables 53 to 78).

As in `conformance/social/test_status_words.py`: the table is total over rows and words, and no
scenario may see a word that its row does not list.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

import pytest

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.model.errors import StoreFailed
from cardfs.model.settings import Settings
from emulator.card.row import Row
from emulator.commands.medical.rows import TRADE_ROWS
from emulator.commands.sets import SETS
from emulator.status import MEANINGS
from keys.records import KeyRef
from tests.kit.card import FailingStore, family
from tests.kit.medical import DF04, MedicalBench, Purse, card_with

TABLE: Final = SETS.table(Settings())
BY_NAME: Final = {row.name: row for row in TRADE_ROWS}


class Watched(MedicalBench):
    """A card with money of which no command may answer a word beyond its row's."""

    last_row: Row | None = None
    last_word = 0

    def send(self, apdu: str | bytes) -> str:
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = super().send(raw)
        row = TABLE.find(raw[0], raw[1], raw[2])
        if row is not None and row.cla == 0xB0:
            self.last_row, self.last_word = row, family(answer[-4:])
            assert family(answer[-4:]) in row.status_words, f"{row.name} answers {answer[-4:]}"
        return answer


Scenario = Callable[[], Watched]
"""Plays a scene; its last trade command counts."""
Maker = Callable[[Watched], bytes]


def scene(
    maker: Maker,
    purse: Purse | None = None,
    *,
    ready: bool = True,
    df: str = "DF04",
    overrides: str = "",
) -> Scenario:
    """A card with money, and then a command."""

    def play() -> Watched:
        b = Watched(card_with(purse, overrides=overrides), ready=ready)
        if not ready:
            b.select_df(df)
        b.send(maker(b))
        return b

    return play


def apdu(text: str) -> Maker:
    """A fixed command."""
    return lambda _: bytes.fromhex(text)


def after(name: str, maker: Maker) -> Maker:
    """A command after an authentication."""

    def make(b: Watched) -> bytes:
        b.prove((name,))
        return maker(b)

    return make


def after_credit(b: Watched) -> None:
    """Load number 1, so that there is a proof."""
    assert b.load(5)


def credit(b: Watched) -> bytes:
    """CREDIT FOR LOAD in its turn, with the right MAC."""
    return b.credit(b.begin_load())


def debit(b: Watched) -> bytes:
    """DEBIT FOR PURCHASE in its turn, with the right MAC."""
    return b.debit(b.begin_purchase())


def flipped(maker: Maker) -> Maker:
    """The same with a wrong MAC."""

    def make(b: Watched) -> bytes:
        command = maker(b)
        return command[:-1] + bytes((command[-1] ^ 1,))

    return make


def proof(b: Watched) -> bytes:
    """GET TRANSACTION PROOF of a load that took place."""
    after_credit(b)
    return bytes.fromhex("B02E0001020001")


BALANCE: Final = apdu("B026000104")
NO_PROOF: Final = apdu("B02E0001020001")
READ_DAY: Final = apdu("B056010002")
WRITE_DAY: Final = apdu("B0560000020701")
LOADS: Final = Watched.begin_load_command
PURCHASES: Final = Watched.begin_purchase_command
AFTER_DSK: Final = after("DSK", WRITE_DAY)


def at_apdu_level(maker: Maker) -> Scenario:
    """Where the card answers data at once, 9000 comes with them."""
    return scene(maker, overrides="[settings.transport]\nlevel = 'apdu'\n")


def worn_out(maker: Maker) -> Scenario:
    """The memory takes no change any more; what is refused is not changed."""

    def play() -> Watched:
        b = Watched()
        command = maker(b)
        before = b.cells()
        assert isinstance(b.store, FailingStore)
        b.store.writes_left = 0
        assert b.send(command) == "6581"
        assert b.cells() == before
        return b

    return play


def locked_card(maker: Maker) -> Scenario:
    """After CARD BLOCK (Part 5, 6.2.1)."""

    def play() -> Watched:
        b = Watched()
        command = maker(b)
        b.prove(("BK",))
        assert b.send(b.secured("84160000")) == "9000"
        b.send(command)
        return b

    return play


def locked_application(maker: Maker) -> Scenario:
    """After APPLICATION BLOCK (Part 7, 13.2)."""

    def play() -> Watched:
        b = Watched()
        command = maker(b)
        b.prove(("LKDF04",))
        assert b.send(b.secured("841E0001", key="STKDF04")) == "9000"
        b.send(command)
        return b

    return play


def changed(maker: Maker, change: Callable[[bytes], bytes]) -> Maker:
    """The same command, changed."""
    return lambda b: change(maker(b))


def other_class(maker: Maker) -> Scenario:
    """The instruction with a class that the card has for other commands."""

    def play() -> Watched:
        b = Watched()
        command = maker(b)
        assert b.send(b"\x80" + command[1:]) == "6E00"
        b.last_row, b.last_word = TABLE.find(*command[:3]), 0x6E00
        return b

    return play


IN_TURN: Final[dict[str, Maker]] = {
    # One well-formed command of each row, in its turn.
    "CREDIT FOR LOAD": credit,
    "DEBIT FOR PURCHASE": debit,
    "GET BALANCE": BALANCE,
    "GET TRANSACTION PROOF": proof,
    "INITIALIZE FOR LOAD": LOADS,
    "INITIALIZE FOR PURCHASE": PURCHASES,
    "UPDATE STARTING DAY": AFTER_DSK,
    "GET STARTING DAY": READ_DAY,
}
WRONG_PARAMETERS: Final[dict[str, str]] = {
    # P1 P2 that the command does not have; its table.
    "CREDIT FOR LOAD": "0001",  # table 50
    "DEBIT FOR PURCHASE": "0000",  # table 54
    "GET BALANCE": "0004",  # table 58: other values are reserved
    "GET TRANSACTION PROOF": "0003",  # table 61
    "INITIALIZE FOR LOAD": "0002",  # table 65: other values are reserved
    "INITIALIZE FOR PURCHASE": "0100",  # table 69
    "UPDATE STARTING DAY": "0001",  # table 73
    "GET STARTING DAY": "0101",  # table 76
}
LENGTH_CHANGES: Final[dict[str, Callable[[bytes], bytes]]] = {
    "CREDIT FOR LOAD": lambda raw: raw[:4] + b"\x0c" + raw[5:] + b"\x00",
    "DEBIT FOR PURCHASE": lambda raw: raw[:4] + b"\x0e" + raw[5:-1],
    "GET BALANCE": lambda raw: raw[:4] + b"\x05",  # table 60: Le
    "GET TRANSACTION PROOF": lambda raw: raw[:4] + b"\x03" + raw[5:] + b"\x00",
    "INITIALIZE FOR LOAD": lambda raw: raw[:4] + b"\x0a" + raw[5:-1],
    "INITIALIZE FOR PURCHASE": lambda raw: raw[:4] + b"\x14" + raw[5:] + b"\x00",
    "UPDATE STARTING DAY": lambda raw: raw[:4] + b"\x03" + raw[5:] + b"\x00",
    "GET STARTING DAY": lambda raw: raw[:4] + b"\x01\x00",
}

COMMON: Final[dict[int, Callable[[str], Scenario]]] = {
    0x6A81: lambda name: locked_card(IN_TURN[name]),
    0x9303: lambda name: locked_application(IN_TURN[name]),
    0x6E00: lambda name: other_class(IN_TURN[name]),
    0x6A86: lambda name: scene(
        changed(IN_TURN[name], lambda raw: raw[:2] + bytes.fromhex(WRONG_PARAMETERS[name]) + raw[4:])
    ),
    0x6700: lambda name: scene(changed(IN_TURN[name], LENGTH_CHANGES[name])),
}

SINGLE: Final[dict[tuple[str, int], Scenario]] = {
    # table 53; 61xx is the success of case 4 under T=0 (Part 2, 9.3.1.4)
    ("CREDIT FOR LOAD", 0x9000): at_apdu_level(credit),
    ("CREDIT FOR LOAD", 0x6100): scene(credit),
    ("CREDIT FOR LOAD", 0x6581): worn_out(credit),
    ("CREDIT FOR LOAD", 0x6901): scene(apdu("B02A00000B" + "00" * 11)),
    ("CREDIT FOR LOAD", 0x9302): scene(flipped(credit)),
    # table 57
    ("DEBIT FOR PURCHASE", 0x9000): at_apdu_level(debit),
    ("DEBIT FOR PURCHASE", 0x6100): scene(debit),
    ("DEBIT FOR PURCHASE", 0x6581): worn_out(debit),
    ("DEBIT FOR PURCHASE", 0x6901): scene(apdu("B02C01000F" + "00" * 15)),
    ("DEBIT FOR PURCHASE", 0x6985): scene(debit, Purse(fund=0xFFFFFFFF)),
    ("DEBIT FOR PURCHASE", 0x9302): scene(flipped(debit)),
    # table 60
    ("GET BALANCE", 0x9000): scene(BALANCE),
    ("GET BALANCE", 0x6982): scene(BALANCE, ready=False),
    ("GET BALANCE", 0x6985): scene(BALANCE, ready=False, df="DF03"),
    # table 64
    ("GET TRANSACTION PROOF", 0x9000): at_apdu_level(proof),
    ("GET TRANSACTION PROOF", 0x6100): scene(proof),
    ("GET TRANSACTION PROOF", 0x6985): scene(NO_PROOF, ready=False, df="SSSE"),
    ("GET TRANSACTION PROOF", 0x9406): scene(NO_PROOF),
    # table 68
    ("INITIALIZE FOR LOAD", 0x9000): at_apdu_level(LOADS),
    ("INITIALIZE FOR LOAD", 0x6100): scene(LOADS),
    ("INITIALIZE FOR LOAD", 0x6982): scene(LOADS, ready=False),
    ("INITIALIZE FOR LOAD", 0x6985): scene(LOADS, Purse(balance=0xFFFFFFFF)),
    ("INITIALIZE FOR LOAD", 0x9402): scene(LOADS, Purse(loads=0xFFFF)),
    ("INITIALIZE FOR LOAD", 0x9403): scene(lambda b: b.begin_load_command(index=4)),
    # table 72
    ("INITIALIZE FOR PURCHASE", 0x9000): at_apdu_level(PURCHASES),
    ("INITIALIZE FOR PURCHASE", 0x6100): scene(PURCHASES),
    ("INITIALIZE FOR PURCHASE", 0x6982): scene(PURCHASES, ready=False),
    ("INITIALIZE FOR PURCHASE", 0x6985): scene(PURCHASES, ready=False, df="DF01"),
    ("INITIALIZE FOR PURCHASE", 0x9401): scene(PURCHASES, Purse(balance=99)),
    ("INITIALIZE FOR PURCHASE", 0x9402): scene(PURCHASES, Purse(purchases=0xFFFF)),
    ("INITIALIZE FOR PURCHASE", 0x9403): scene(lambda b: b.begin_purchase_command(index=0)),
    # table 75
    ("UPDATE STARTING DAY", 0x9000): scene(AFTER_DSK),
    ("UPDATE STARTING DAY", 0x6581): worn_out(AFTER_DSK),
    ("UPDATE STARTING DAY", 0x6982): scene(WRITE_DAY),
    ("UPDATE STARTING DAY", 0x6985): scene(WRITE_DAY, ready=False, df="DF02"),
    # table 78
    ("GET STARTING DAY", 0x9000): scene(READ_DAY, ready=False),
    ("GET STARTING DAY", 0x6985): scene(READ_DAY, ready=False, df="DF07"),
    ("GET STARTING DAY", 0x6C00): scene(apdu("B056010000")),
}
SCENARIOS: Final[dict[tuple[str, int], Scenario]] = {
    **SINGLE,
    **{(name, word): make(name) for name in IN_TURN for word, make in COMMON.items()},
}


@pytest.mark.parametrize(("name", "word"), list(SCENARIOS), ids=lambda each: each if str(each) == each else f"{each:X}")
def test_a_trade_command_answers_each_of_its_words(name: str, word: int) -> None:
    """Part 5, 7.1 to 7.8: the tables of the command; the table stands beside the group."""
    b = SCENARIOS[name, word]()
    assert b.last_row is BY_NAME[name]
    assert b.last_word == word, b.reason


def test_every_row_and_word_has_a_scenario_and_no_scenario_a_word_that_its_row_does_not_list() -> None:
    assert set(SCENARIOS) == {(row.name, word) for row in TRADE_ROWS for word in row.status_words}
    assert set(IN_TURN) == set(WRONG_PARAMETERS) == set(LENGTH_CHANGES) == set(BY_NAME)
    assert len(BY_NAME) == len(TRADE_ROWS) == 8


# -- the standard's tables ----------------------------------------------------------------------------

LISTED: Final[dict[str, str]] = {
    # Part 5: the words of the command's own table, 9000 left out.
    "CREDIT FOR LOAD": "6581 6700 6901 6985 6A81 6A86 6E00 9302 9303",  # table 53
    "DEBIT FOR PURCHASE": "6581 6700 6901 6985 6A81 6A86 6E00 9302 9303",  # table 57
    "GET BALANCE": "6700 6982 6985 6A81 6A86 6E00 9303",  # table 60
    "GET TRANSACTION PROOF": "6700 6985 6A81 6A86 6E00 9303 9406",  # table 64
    "INITIALIZE FOR LOAD": "6581 6700 6982 6985 6A81 6A86 6E00 9303 9402 9403",  # table 68
    "INITIALIZE FOR PURCHASE": "6581 6700 6982 6985 6A81 6A86 6E00 9303 9401 9402 9403",  # table 72
    "UPDATE STARTING DAY": "6982 6985 6A81 6A86 6E00 9303",  # table 75
    "GET STARTING DAY": "6982 6985 6A81 6A86 6E00 9303",  # table 78
}
CASE_4: Final = {0x6100: "Part 2, 9.3.1.4: case 4 under T=0"}
MORE: Final[Mapping[str, Mapping[int, str]]] = {
    "CREDIT FOR LOAD": CASE_4,
    "DEBIT FOR PURCHASE": CASE_4,
    "GET TRANSACTION PROOF": CASE_4,
    "INITIALIZE FOR LOAD": CASE_4,
    "INITIALIZE FOR PURCHASE": CASE_4,
    "UPDATE STARTING DAY": {
        0x6581: "Part 5, table 5: the day is non-volatile",
        0x6700: "Part 5, table 5: a day has two bytes",
    },
    "GET STARTING DAY": {
        0x6700: "Part 5, table 5: a data field that the command does not have",
        0x6C00: "Part 2, 9.3.2.1: case 2 with another Le",
    },
}
FEWER: Final[Mapping[str, Mapping[int, str]]] = {
    "CREDIT FOR LOAD": {0x6985: "what could be unsatisfied, INITIALIZE FOR LOAD has refused"},
    "INITIALIZE FOR LOAD": {0x6581: "it writes nothing"},
    "INITIALIZE FOR PURCHASE": {0x6581: "it writes nothing"},
    "GET STARTING DAY": {0x6982: "the standard names no right"},
}


@pytest.mark.parametrize("row", TRADE_ROWS, ids=lambda row: row.name)
def test_a_row_lists_the_words_of_the_standard_apart_from_explained_ones(row: Row) -> None:
    """Part 5, tables 53 to 78."""
    listed = {0x9000} | {int(word, 16) for word in LISTED[row.name].split()}
    assert len(set(row.status_words)) == len(row.status_words)
    assert set(row.status_words) - listed == set(MORE.get(row.name, {}))
    assert listed - set(row.status_words) == set(FEWER.get(row.name, {}))
    assert set(row.status_words) <= set(MEANINGS)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("CREDIT FOR LOAD", "B02A00"),
        ("DEBIT FOR PURCHASE", "B02C01"),
        ("GET BALANCE", "B02600"),
        ("GET TRANSACTION PROOF", "B02E00"),
        ("INITIALIZE FOR LOAD", "B02800"),
        ("INITIALIZE FOR PURCHASE", "B02801"),
        ("UPDATE STARTING DAY", "B05600"),
        ("GET STARTING DAY", "B05601"),
    ],
)
def test_class_instruction_and_p1_lead_to_the_command(name: str, code: str) -> None:
    """Part 5, table 2."""
    assert TABLE.find(*bytes.fromhex(code)) is BY_NAME[name]


@pytest.mark.parametrize("p1", [0x02, 0x7F, 0xFF])
@pytest.mark.parametrize("ins", [0x28, 0x56])
def test_a_p1_that_none_of_the_commands_with_one_instruction_has_is_refused(ins: int, p1: int) -> None:
    assert Watched().send(bytes((0xB0, ins, p1, 0x01, 0x02, 0x01, 0x01))) == "6A86"


# -- order of checks ----------------------------------------------------------------------------------

ORDER: Final[dict[str, tuple[str, Maker, Purse]]] = {
    # Two faults at once: the earlier check gives the word.
    "the state before P1 P2": ("6901", apdu("B02A00010B" + "00" * 11), Purse()),
    "the state before P1 P2 of a purchase": ("6901", apdu("B02C00000F" + "00" * 15), Purse()),
    "the state before the length": ("6901", apdu("B02A00000A" + "00" * 10), Purse()),
    "P1 P2 before the length": ("6A86", apdu("B028000201" + "00"), Purse()),
    "P1 P2 before the length of the balance": ("6A86", apdu("B026000405"), Purse()),
    "the length before the MAC": ("6700", changed(flipped(credit), LENGTH_CHANGES["CREDIT FOR LOAD"]), Purse()),
    "the key index before the amount": (
        "9403",
        lambda b: b.begin_purchase_command((5000, 0, 0), index=7),
        Purse(),
    ),
    "the key index before the counter": ("9403", lambda b: b.begin_load_command(index=7), Purse(loads=0xFFFF)),
    "the amount before the counter": (
        "9401",
        lambda b: b.begin_purchase_command((5000, 0, 0)),
        Purse(purchases=0xFFFF),
    ),
    "the counter before the overflow": ("9402", LOADS, Purse(loads=0xFFFF, balance=0xFFFFFFFF)),
    "the MAC before the overflow of a total": ("9302", flipped(debit), Purse(fund=0xFFFFFFFF)),
    "the right before the day": ("6982", apdu("B0560000021301"), Purse()),
}


@pytest.mark.parametrize("name", list(ORDER))
def test_of_two_faults_the_earlier_check_gives_the_word(name: str) -> None:
    """State first: Part 5, 7. Key index before amount: Part 7, 12.2. The rest is this project's choice."""
    word, maker, purse = ORDER[name]
    b = Watched(card_with(purse))
    assert b.send(maker(b)) == word, b.reason


@pytest.mark.parametrize("maker", [LOADS, PURCHASES], ids=["load", "purchase"])
def test_the_pin_comes_before_the_key_index_and_the_file_before_the_pin(maker: Callable[..., bytes]) -> None:
    b = Watched(ready=False)
    b.select_df("DF04")
    assert b.send(maker(b, index=9)) == "6982"
    b.select_df("DF03")
    assert b.send(maker(b, index=9)) == "6985"
    assert b.send("B026000104") == "6985"
    assert b.send("B026000106") == "6700"


def test_a_locked_application_comes_before_the_state() -> None:
    """Part 7, 13.2."""
    b = Watched()
    b.prove(("LKDF04",))
    assert b.send(b.secured("841E0001", key="STKDF04")) == "9000"
    assert b.send("B02A00000B" + "00" * 11) == "9303"


# -- a damaged memory ---------------------------------------------------------------------------------


class FailingOnce(MemoryStore):
    """A memory that fails at one write, counted from 1, and works again."""

    fails_at = 0
    writes = 0

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        self.writes += 1
        if self.writes == self.fails_at:
            raise StoreFailed("a bad page")
        super().write(changes, erases=erases)


@pytest.mark.parametrize("maker", [credit, debit], ids=["load", "purchase"])
@pytest.mark.clause("Part 5, 7.1.5", "6581: the memory is damaged, which locks the card")
def test_a_memory_that_fails_in_a_trade_locks_the_card(maker: Maker) -> None:
    """Part 5, tables 53 and 57: EEPROM 损坏，导致卡锁定."""
    made = card_with()
    b = Watched(made, store=FailingOnce(dict(write_cells(made))))
    command = maker(b)
    before = b.cells()
    assert isinstance(b.store, FailingOnce)
    b.store.fails_at = b.store.writes + 1
    assert b.send(command) == "6581"
    for each in (BALANCE(b), bytes.fromhex("00A4000002DF04"), bytes.fromhex("0084000008"), b"\x7f\x33\x00\x00"):
        assert b.send(each) == "6A81"
    after_it = b.cells()
    assert {at for at in before if before[at] != after_it[at]} == {("card", "")}
    # For ever: also after the next insertion.
    again = Watched(read_cells(after_it), ready=False)
    assert again.send("0084000008") == "6A81"
    assert again.purse == Purse()


@pytest.mark.parametrize("maker", [credit, debit], ids=["load", "purchase"])
def test_a_memory_that_takes_nothing_any_more_locks_the_card_as_long_as_it_has_power(maker: Maker) -> None:
    b = worn_out(maker)()
    assert b.send("0084000008") == "6A81"
    b.card.reset()
    assert b.send("00A40000023F00") == "6A81"
    assert isinstance(b.store, FailingStore)
    b.store.writes_left = None
    assert Watched(read_cells(b.cells()), ready=False).send("00A4000002DDF1")[:2] == "61"


def test_a_memory_that_fails_at_the_starting_day_locks_nothing() -> None:
    """Table 75 has no 6581; table 5 has a memory failure only."""
    b = worn_out(AFTER_DSK)()
    assert b.send("0084000008")[-4:] == "9000"


# -- other words of a profile -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("refusal", "maker"),
    [
        ("trade_state_wrong", apdu("B02A00000B" + "00" * 11)),
        ("trade_mac_wrong", flipped(credit)),
        ("balance_short", lambda b: b.begin_purchase_command((1001, 0, 0))),
        ("key_index_unknown", lambda b: b.begin_load_command(index=9)),
        ("proof_missing", NO_PROOF),
    ],
)
def test_a_profile_may_have_another_word_for_a_refusal_of_trades(refusal: str, maker: Maker) -> None:
    b = MedicalBench(card_with(overrides=f"[settings.status]\n{refusal} = '6A8F'\n"))
    assert b.send(maker(b)) == "6A8F"  # type: ignore[arg-type]


def test_the_counter_of_a_card_without_dlk_is_not_asked() -> None:
    made = card_with(Purse(loads=0xFFFF))
    b = Watched(replace(made, keys={at: key for at, key in made.keys.items() if at[0] != KeyRef(DF04, "DLK")}))
    assert b.send(b.begin_load_command()) == "9403"
