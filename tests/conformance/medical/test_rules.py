"""What else holds of medical trades: payment year, starting day, PIN, proof, secrets (Part 5, 7; Part 7, 12 to 14)."""

from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.store import MemoryStore
from keys.records import KeyRef, KeyState
from tests.kit.card import SSSE
from tests.kit.medical import LOAD, MONEY, PURCHASE, MedicalBench, Purse, b4, card_with

SUITES: Final = ("3DES", "SM4")
MODES: Final = ("three", "account")


def raw(text: str) -> bytes:
    """Hex to bytes."""
    return bytes.fromhex(text)


def bench(purse: Purse | None = None, **options: Any) -> MedicalBench:
    """A card with money and its terminal."""
    return MedicalBench(card_with(purse, **options))


# -- the payment year --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("year", "day", "date", "settled", "adds"),
    [
        ("2024", "0101", "20240101", "2024", True),
        ("2024", "0101", "20241231", "2024", True),
        ("2024", "0101", "20250101", "2025", False),
        ("2024", "0101", "20231231", "2024", True),  # n is negative, so below 10000
        ("2023", "0701", "20230701", "2023", True),
        ("2023", "0701", "20240630", "2023", True),  # n = 9929
        ("2023", "0701", "20240701", "2024", False),  # n = 10000
        ("2023", "0701", "20250630", "2024", False),  # before the starting day: the year before
        ("2023", "0701", "20250701", "2025", False),
        ("2020", "0701", "20240630", "2023", False),
        ("2020", "1231", "20241230", "2023", False),
        ("2020", "1231", "20241231", "2024", False),
        ("0000", "0000", "20240131", "2024", False),  # as issued: the first purchase begins a year
        ("FFFF", "FFFF", "20240131", "2024", False),  # empty elements, type cn
        ("2024", "FFFF", "20240131", "2024", True),
    ],
)
@pytest.mark.clause("Part 7, 12.6", "the payment year begins on the starting day")
def test_the_totals_begin_anew_with_the_payment_year(year: str, day: str, date: str, settled: str, adds: bool) -> None:
    """Part 7, 12.6: n = yyyymmdd - (payment year x 10000 + starting day), against 10000."""
    b = bench(Purse(year=year.lower(), day=day.lower()))
    b.purchase((100, 10, 20), time=raw(date + "235959"))
    totals = (310, 420) if adds else (10, 20)
    assert (b.purse.self_paid, b.purse.fund) == totals
    assert (b.purse.year, b.purse.day) == (settled, day.lower())
    assert b.purse.balance == 900
    assert b.data("B026000206") == b4(totals[0]) + raw(settled)
    assert b.data("B026000306") == b4(totals[1]) + raw(settled)


@pytest.mark.parametrize(
    ("amounts", "date", "word"),
    [
        ((0, 0xFFFFFFFF - 300, 0), "20240131", "9000"),
        ((0, 0xFFFFFFFF - 299, 0), "20240131", "6985"),
        ((0, 0, 0xFFFFFFFF - 400), "20240131", "9000"),
        ((0, 0, 0xFFFFFFFF - 399), "20240131", "6985"),
        ((0, 0xFFFFFFFF, 0xFFFFFFFF), "20250131", "9000"),  # a new year begins with this trade
        ((1, 1, 1), "2024013A", "6985"),
    ],
)
def test_a_total_that_does_not_fit_and_a_date_of_no_digits_are_refused_with_the_right_mac(
    amounts: tuple[int, int, int], date: str, word: str
) -> None:
    """Part 5, table 57, 6985: nothing changes, and the trade has ended."""
    b = bench()
    begun = b.begin_purchase(amounts)
    before = b.cells()
    command = b.debit(begun, time=raw(date + "000000"))
    assert b.word(command) == word
    assert (b.cells() == before) is (word == "6985")
    assert b.trade is None
    if word == "6985":
        assert b.word(command) == "6901"


# -- the starting day --------------------------------------------------------------------------------


@pytest.mark.clause("Part 5, 7.7", "the starting day changes with DSK only")
def test_the_starting_day_changes_after_authentication_with_its_key() -> None:
    b = bench()
    assert b.data("B056010002") == raw("0101")
    assert b.word("B0560000020701") == "6982"
    assert "needs DSK" in b.reason
    b.prove(("UK1DF04",))
    assert b.word("B0560000020701") == "6982"
    b.prove(("DSK",))
    assert b.word("B0560000020701") == "9000"
    assert b.data("B056010002") == raw("0701")
    assert b.purse == Purse(day="0701")


@pytest.mark.parametrize("day", ["0131", "0229", "0331", "0430", "1130", "1231", "0101", "0910"])
def test_every_day_of_a_year_can_be_the_first(day: str) -> None:
    b = bench()
    b.prove(("DSK",))
    assert b.word(f"B056000002{day}") == "9000"
    assert b.purse == Purse(day=day)


@pytest.mark.parametrize(
    "day", ["0000", "0100", "0001", "0132", "0230", "0431", "0631", "0931", "1131", "1301", "010A", "0A01", "FFFF"]
)
def test_what_is_no_day_is_refused(day: str) -> None:
    """Part 5, table 75, which has no 6A80."""
    b = bench()
    b.prove(("DSK",))
    assert b.word(f"B056000002{day}") == "6985"
    assert b.purse == Purse()


def test_without_its_key_the_starting_day_stays() -> None:
    made = card_with()
    b = MedicalBench(replace(made, keys={at: key for at, key in made.keys.items() if at[0].name != "DSK"}))
    assert b.word("B0560000020701") == "6982"


def test_the_starting_day_is_read_without_any_right_and_with_the_right_length() -> None:
    """Part 5, 7.8 names no right; Part 2, 9.3.2.1: the right Le is named."""
    b = MedicalBench(card_with(), ready=False)
    b.select_df("DF04")
    assert b.send("B056010002") == "01019000"
    assert b.send("B056010000") == b.send("B056010003") == b.send("B0560100") == "6C02"


# -- the PIN -----------------------------------------------------------------------------------------

PIN_COMMANDS: Final = ("B026000104", "B026000206", "B026000306", "load", "purchase")


@pytest.mark.parametrize("which", PIN_COMMANDS)
@pytest.mark.clause("Part 5, 7.3.1", "the balance needs the PIN, if one is set")
def test_a_trade_and_the_balance_need_the_pin_if_one_is_set(which: str) -> None:
    """Part 5, 7.3.1; Part 7, 11 and 12 (如果持卡人设置)."""

    def send(b: MedicalBench) -> str:
        command = {"load": b.begin_load_command(), "purchase": b.begin_purchase_command()}.get(which, which)
        return b.word(command)

    b = MedicalBench(card_with(), ready=False)
    b.select_df("DF04")
    assert send(b) == "6982"
    assert b.verify(raw("111111")) == "63C2"
    assert send(b) == "6982"
    b.verify()
    assert send(b) == "9000"
    for overrides in ("", "[settings.pin]\nempty_satisfies = false\n"):
        free = MedicalBench(card_with(pin=False, overrides=overrides), ready=False)
        free.select_df("DF04")
        assert send(free) == "9000"
    made = card_with()
    ref = KeyRef(SSSE, "PIN")
    none = MedicalBench(replace(made, keys={at: key for at, key in made.keys.items() if at[0] != ref}), ready=False)
    none.select_df("DF04")
    assert send(none) == "9000"
    retired = replace(made.keys[ref, 1], state=KeyState.RETIRED)
    dead = MedicalBench(replace(made, keys={**made.keys, (ref, 1): retired}), ready=False)
    dead.select_df("DF04")
    assert send(dead) == "6982"


# -- the proof ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.clause("Part 7, 14", "the proof of the last trade outlives the power")
def test_the_proof_of_the_last_trade_is_there_also_after_a_reset(suite: str, mode: str) -> None:
    """Part 7, 14: MAC || TAC of the trade with this type and number, until the next trade."""
    b = bench(suite=suite, mode=mode)
    assert b.proof(LOAD, 0) == b.proof(LOAD, 1) == b.proof(PURCHASE, 1) == "9406"
    begun = b.begin_load()
    assert b.proof(LOAD, 1) == "9406"
    tac = b.data(b.credit(b.begin_load()))
    for again in (False, True):
        if again:
            b.card.power_on()
        b.select_df("DF04")
        # No PIN: table 64 has no 6982.
        assert b.proof(LOAD, 1) == (bytes(4) + tac).hex().upper() + "9000"
        assert b.proof(LOAD, 0) == b.proof(LOAD, 2) == b.proof(PURCHASE, 1) == "9406"
    b.verify()
    begun = b.begin_purchase()
    assert b.proof(LOAD, 1)[-4:] == "9000"
    answer = b.data(b.debit(begun))
    assert answer == b.purchase_tac(begun, 7) + b.mac2(begun)
    assert b.proof(LOAD, 1) == "9406"
    assert b.proof(PURCHASE, 1) == (answer[4:] + answer[:4]).hex().upper() + "9000"


@pytest.mark.parametrize("failing", ["wrong MAC", "out of turn", "starting day"])
def test_what_is_no_trade_leaves_the_proof(failing: str) -> None:
    b = bench()
    b.purchase()
    proof = b.proof(PURCHASE, 1)
    if failing == "wrong MAC":
        assert b.word(b.debit(b.begin_purchase(), wrong=True)) == "9302"
    elif failing == "out of turn":
        assert b.word(raw("B02C01000F") + bytes(15)) == "6901"
    else:
        b.prove(("DSK",))
        assert b.word("B0560000020701") == "9000"
    assert b.proof(PURCHASE, 1) == proof
    assert proof[-4:] == "9000"


def test_an_image_made_before_there_were_proofs_gets_room_for_one() -> None:
    """Its money file has the 20 bytes of the standard; what was there stays, and the cells load again."""
    made = card_with()
    store = MemoryStore(dict(write_cells(made)))
    assert len(made.contents[MONEY]) == 20
    b = MedicalBench(made, store=store)
    assert b.proof(LOAD, 1) == "9406"
    tac = b.load(500)
    assert len(b.card.image.contents[MONEY]) == 31
    again = MedicalBench(read_cells(store.load()), store=store)
    assert again.proof(LOAD, 1) == (bytes(4) + tac).hex().upper() + "9000"
    assert again.purse == Purse(loads=2, balance=1500)


@pytest.mark.parametrize("tail", [b"", bytes(5), bytes(11), bytes(11) + b"behind", bytes(40)])
def test_a_larger_money_file_keeps_what_stands_behind(tail: bytes) -> None:
    """One that was created with zeros has no proof; bytes behind it stay where they are."""
    made = card_with()
    b = MedicalBench(replace(made, contents={**made.contents, MONEY: Purse().contents + tail}))
    for kind in (LOAD, PURCHASE):
        assert b.proof(kind, 0) == "9406"
    b.prove(("DSK",))
    assert b.word("B0560000020701") == "9000"
    assert b.card.image.contents[MONEY] == Purse(day="0701").contents + tail
    b.load(500)
    found = b.card.image.contents[MONEY]
    assert found[:20] == Purse(loads=2, balance=1500, day="0701").contents
    assert found[31:] == tail[11:]
    assert b.proof(LOAD, 1)[-4:] == "9000"


# -- secrets -----------------------------------------------------------------------------------------


def test_a_prepared_trade_shows_no_session_key() -> None:
    b = bench()
    begun = b.begin_load()
    _, session = b.seslk(begun)
    assert session not in repr(b.trade).encode("latin-1", "replace")
    assert repr(session) not in repr(b.trade)
    assert session.hex() not in repr(b.trade).lower()
    assert "session=" not in repr(b.trade)


def test_mac2_of_one_load_is_no_mac2_of_another() -> None:
    """A recorded CREDIT FOR LOAD cannot be repeated: random and number go into the session key."""
    b = bench()
    first = b.credit(b.begin_load())
    assert b.word(first) == "9000"
    b.begin_load()
    assert b.word(first) == "9302"


@pytest.mark.parametrize("at", range(7))
def test_a_changed_time_is_noticed_by_either_mac(at: int) -> None:
    b = bench()
    for which, start in ((LOAD, 5), (PURCHASE, 9)):
        sent = bytearray(b.credit(b.begin_load()) if which == LOAD else b.debit(b.begin_purchase()))
        sent[start + at] ^= 1
        assert b.word(bytes(sent)) == "9302"
    assert b.purse == Purse()
