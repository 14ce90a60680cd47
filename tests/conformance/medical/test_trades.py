"""Medical trades: the published computations, and whole trades with both sides' MACs (Part 5, 7; Part 7, 10 to 15)."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore
from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import CardContents, Ef, Element
from emulator.commands.medical.money import open_account
from keys import suites, trades
from keys.records import KeyRef, KeyState, Usage
from tests.kit.card import contents, reference_key, scripted
from tests.kit.cuts import built
from tests.kit.medical import DF04, LOG, MONEY, TERMINAL, TIME, MedicalBench, Purse, b2, b4, card_with
from tests.kit.places import DATA

Vector = Mapping[str, Any]
VECTORS: Final[list[Vector]] = json.loads((DATA / "vectors-social-security.json").read_text())
SUITES: Final = ("3DES", "SM4")
MODES: Final = ("three", "account")
PROFILES: Final = ("ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0")


def raw(text: str) -> bytes:
    """Hex to bytes."""
    return bytes.fromhex(text)


# -- the computations --------------------------------------------------------------------------------


def cut(data: bytes, *lengths: int) -> list[bytes]:
    """Cut data into parts."""
    parts, at = [], 0
    for length in lengths:
        parts.append(data[at : at + length])
        at += length
    assert at == len(data)
    return parts


def session_key(v: Vector) -> bytes:
    """Part 7, 11.2 and 12.2."""
    suite, key, random = suites.suite(v["suite"]), raw(v["key"]), raw(v["random"])
    if "load_sequence" in v:
        return trades.load_session_key(suite, key, random, raw(v["load_sequence"]))
    return trades.purchase_session_key(suite, key, random, raw(v["purchase_sequence"]), raw(v["terminal_sequence"]))


def mac(v: Vector) -> bytes:
    """Part 7, 11.2, 11.5, 12.3 and 12.6."""
    suite, key, data = suites.suite(v["suite"]), raw(v["key"]), raw(v["data"])
    trade, _, which, *_ = v["id"].split(".")
    if (trade, which) == ("load", "mac1"):
        return trades.load_mac1(suite, key, *cut(data, 4, 4, 1, 6))
    if (trade, which) == ("load", "mac2"):
        return trades.load_mac2(suite, key, *cut(data, 4, 1, 6, 7))
    if (trade, which) == ("purchase", "mac1"):
        return trades.purchase_mac1(suite, key, *cut(data, 12, 1, 6, 7))
    assert (trade, which) == ("purchase", "mac2")
    return trades.purchase_mac2(suite, key, data)


def tac(v: Vector) -> bytes:
    """Part 7, 11.8, 12.6 and 15."""
    suite, key, data = suites.suite(v["suite"]), raw(v["key"]), raw(v["data"])
    if len(data) == 24:
        return trades.load_tac(suite, key, *cut(data, 4, 2, 4, 1, 6, 7))
    return trades.purchase_tac(suite, key, *cut(data, 12, 1, 6, 4, 7))


def tac_key(v: Vector) -> bytes:
    """Part 7, 15."""
    return suites.suite(v["suite"]).tac_key(raw(v["key"]))[1]


HANDLERS: Final[dict[str, Callable[[Vector], bytes]]] = {
    "mac-trade": mac,
    "session-key-trade": session_key,
    "tac": tac,
    "tac-key": tac_key,
}
MINE: Final = [each for each in VECTORS if each["kind"] in HANDLERS]


@pytest.mark.parametrize("vector", MINE, ids=[each["id"] for each in MINE])
def test_a_worked_vector_is_reproduced_by_the_functions_of_trades(vector: Vector) -> None:
    assert HANDLERS[vector["kind"]](vector) == raw(vector["expect"])


def test_all_24_vectors_of_trades_are_there() -> None:
    assert len(MINE) == 10 + 4 + 3 + 7
    assert {each["kind"] for each in MINE} == set(HANDLERS)


def test_a_part_of_another_length_is_refused_and_not_computed_with() -> None:
    suite, key = suites.TRIPLE_DES, bytes(16)
    with pytest.raises(ValueError, match="3 for 4"):
        trades.load_session_key(suite, key, bytes(3), bytes(2))
    with pytest.raises(ValueError, match="5 for 4"):
        trades.purchase_session_key(suite, key, bytes(4), bytes(2), bytes(5))
    with pytest.raises(ValueError, match="11 for 12"):
        trades.purchase_mac2(suite, bytes(8), bytes(11))
    with pytest.raises(ValueError, match="other lengths"):
        # Together they are as long as they should be.
        trades.load_mac1(suite, bytes(8), bytes(5), bytes(3), b"1", bytes(6))


# -- whole trades ------------------------------------------------------------------------------------


def bench(purse: Purse | None = None, **options: Any) -> MedicalBench:
    """A card with money and its terminal."""
    return MedicalBench(card_with(purse, **options))


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("index", [1, 2, 3])
@pytest.mark.clause("Part 7, 11.2", "session key SESLK and MAC1")
@pytest.mark.clause("Part 7, 11.8", "balance, counter, record and TAC of a load")
def test_a_load_from_its_beginning_to_its_record(suite: str, mode: str, index: int) -> None:
    """Part 5, tables 52 and 67; Part 7, 11."""
    b = bench(suite=suite, mode=mode)
    begun = b.begin_load(500, index)
    assert begun.answer[:8] == b4(1000) + b2(1) + bytes((index, {"3DES": 0, "SM4": 3}[suite]))
    rules, session = b.seslk(begun)
    assert begun.answer[12:] == rules.mac(session, b4(1000) + b4(500) + b"1" + TERMINAL)
    assert b.purse == Purse()
    assert b.data(b.credit(begun)) == b.load_tac(begun, 1500)
    assert b.purse == Purse(loads=2, balance=1500)
    amounts = b4(500) if mode == "account" else b4(500) + bytes(8)
    assert b.records == (b2(2) + b"1" + TERMINAL + TIME + amounts,)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("index", [1, 2, 3])
@pytest.mark.clause("Part 7, 12.2", "session key SESPK")
@pytest.mark.clause("Part 7, 12.6", "balance, totals, counter, record, MAC2 and TAC of a purchase")
def test_a_purchase_from_its_beginning_to_its_record(suite: str, index: int) -> None:
    """Part 5, tables 56 and 71; Part 7, 12."""
    b = bench(Purse(purchases=0x1234), suite=suite)
    begun = b.begin_purchase((100, 10, 20), index)
    head = b4(1000) + b4(300) + b4(400) + raw("2024") + raw("1234")
    assert begun.answer[:18] == head + bytes((index, {"3DES": 0, "SM4": 3}[suite]))
    assert b.purse == Purse(purchases=0x1234)
    assert b.data(b.debit(begun, 0xA1B2C3D4)) == b.purchase_tac(begun, 0xA1B2C3D4) + b.mac2(begun, 0xA1B2C3D4)
    assert b.purse == Purse(purchases=0x1235, balance=900, self_paid=310, fund=420)
    assert b.records == (raw("1235") + b"2" + TERMINAL + TIME + b4(100) + b4(10) + b4(20),)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.clause("Part 7, 12", "account-only mode: self-paid, fund, year and starting day mean nothing")
def test_in_the_account_only_mode_the_other_amounts_mean_nothing_and_answers_are_filled_with_zero(suite: str) -> None:
    """Part 7, 12: a trade file of 20-byte records."""
    b = bench(suite=suite, mode="account")
    assert b.card.image.efs[LOG].record_length == 20
    begun = b.begin_purchase((100, 10, 20))
    assert begun.answer[:16] == b4(1000) + bytes(8) + bytes(2) + b2(1)
    # The MACs cover what the terminal sent; whatever the date, no year begins.
    time = raw("20990131121500")
    answer = b.data(b.debit(begun, time=time))
    assert answer == b.purchase_tac(begun, 7, time) + b.mac2(begun)
    assert b.purse == Purse(purchases=2, balance=900)
    assert b.records == (b2(2) + b"2" + TERMINAL + time + b4(100),)
    assert b.data("B026000104") == b4(900)
    assert b.data("B026000206") == b.data("B026000306") == bytes(6)
    assert b.data("B056010002") == bytes(2)
    b.prove(("DSK",))
    assert b.word("B0560000020201") == "6985"


def test_in_the_account_only_mode_not_even_the_time_is_read() -> None:
    b = bench(mode="account")
    assert b.word(b.debit(b.begin_purchase((1, 0xFFFFFFFF, 0xFFFFFFFF)), time=raw("FFFFFFFFFFFFFF"))) == "9000"
    assert b.purse == Purse(purchases=2, balance=999)


@pytest.mark.parametrize("profile", PROFILES)
def test_every_shipped_card_trades(profile: str) -> None:
    """DF04 of each edition has a money file, beside it the trade records."""
    made = contents(profile)
    made = replace(made, contents={**made.contents, MONEY: Purse().contents})
    b = MedicalBench(made)
    b.load(500)
    b.purchase((1500, 0, 0))
    assert b.purse == Purse(loads=2, purchases=2, balance=0)
    # The holder reads the records with the PIN; the newest is number 1 (Part 6, table 8).
    assert b.data("00B201441C")[:3] == b2(2) + b"2"
    assert b.data("00B202441C")[:3] == b2(2) + b"1"
    assert b.word("00B203441C") == "6A83"


def test_a_card_that_was_personalised_over_commands_trades_like_an_issued_one() -> None:
    """Part 10, 5: its files were created and its keys loaded one by one."""
    b = MedicalBench(read_cells(built().cells[-1]))
    b.load(500, index=3)
    b.purchase((500, 10, 20), index=2)
    # As created, the file has no payment year: one begins.
    assert b.purse == Purse(1, 1, 0, 10, 20, "2024", "0000")


def test_trades_of_a_card_with_the_money_file_at_another_place_and_no_names_of_elements() -> None:
    """Part 6, 6.6 gives the file no identifier: an internal file beside the trade keys is it."""
    made = card_with()
    moved = f"{DF04}/EF1C"
    log = f"{DF04}/EF1D"
    efs = dict(made.efs)
    for old, new in ((MONEY, moved), (LOG, log)):
        ef = efs.pop(old)
        sfi = None if ef.sfi is None else 0x1D
        efs[new] = replace(ef, path=new, fid=int(new[-4:], 16), sfi=sfi)
    held = {moved if at == MONEY else log if at == LOG else at: each for at, each in made.contents.items()}
    b = MedicalBench(replace(made, efs=efs, contents=held, dictionary={}))
    b.load(5)
    assert Purse.of(b.card.image.contents[moved]) == Purse(loads=2, balance=1005)  # type: ignore[arg-type]
    assert len(b.card.image.contents[log]) == 1


def test_trade_keys_may_be_single_length_ones() -> None:
    """Part 4, 8.4.1, figure 7; Part 9, 6.2: algorithm 01. A TAC is then one under DTK as it is."""
    made = card_with()
    keys = dict(made.keys)
    for at, key in made.keys.items():
        if key.usage in (Usage.LOAD, Usage.PURCHASE, Usage.TAC):
            value = reference_key(key.name, "DES", key.version)
            keys[at] = replace(key, suite_name="DES", value=value)
    b = MedicalBench(replace(made, keys=keys))
    begun = b.begin_load(500, 3)
    assert begun.answer[6:8] == raw("0301")
    assert b.data(b.credit(begun)) == b.load_tac(begun, 1500)
    bought = b.begin_purchase()
    assert bought.answer[16:18] == raw("0101")
    assert b.data(b.debit(bought)) == b.purchase_tac(bought, 7) + b.mac2(bought)


def _changed_ef(made: CardContents, path: str, **changes: Any) -> CardContents:
    return replace(made, efs={**made.efs, path: replace(made.efs[path], **changes)})


def _without(made: CardContents, path: str) -> CardContents:
    efs: dict[str, Ef] = {at: ef for at, ef in made.efs.items() if at != path}
    return replace(made, efs=efs, contents={at: each for at, each in made.contents.items() if at != path})


def _without_trade_keys(made: CardContents) -> CardContents:
    keys = {at: key for at, key in made.keys.items() if key.usage not in (Usage.LOAD, Usage.PURCHASE)}
    return replace(made, dictionary={}, keys=keys)


def _fmcos(made: CardContents) -> CardContents:
    settings = made.info.settings
    maker = type(settings.personalisation)(cos="fmcos")
    changed = type(settings)(personalisation=maker)
    return replace(made, dictionary={}, info=replace(made.info, settings=changed))


@pytest.mark.parametrize(
    "made",
    [
        _without(card_with(), MONEY),
        _without_trade_keys(card_with()),
        _changed_ef(replace(card_with(), dictionary={}), MONEY, size=19),
        replace(card_with(), contents={**card_with().contents, MONEY: bytes(19)}),
    ],
    ids=["no internal file", "neither names nor trade keys", "a file of 19 bytes", "contents of 19 bytes"],
)
def test_without_a_money_file_there_are_no_trades(made: CardContents) -> None:
    """Part 6, 6.6: of a card in offline mode only; tables 60 to 78, 6985."""
    b = MedicalBench(made)
    for apdu in (b.begin_load_command(), b.begin_purchase_command(), "B026000104", "B02E0001020001", "B056010002"):
        assert b.word(apdu) == "6985"
        assert "has no money file" in b.reason


def test_a_file_of_fmcos_that_holds_keys_is_no_money_file() -> None:
    """FMCOS has its key file as an internal one, beside keys for trades."""
    made = _fmcos(card_with())
    image = Image(made, MemoryStore(dict(write_cells(made))))
    with pytest.raises(ConditionsUnmet):
        open_account(image, DF04)
    other = replace(made, info=card_with().info)
    assert open_account(Image(other, MemoryStore(dict(write_cells(other)))), DF04).money.balance == 1000


@pytest.mark.parametrize("where", ["MF", "SSSE", "DF01", "DF02", "DF03"])
def test_in_another_application_there_are_no_trades(where: str) -> None:
    b = bench()
    assert b.word("00A40000023F00") == "9000"
    if where != "MF":
        b.select_df(where)
    assert b.word(b.begin_load_command()) == "6985"
    assert b.word(b.begin_purchase_command()) == "6985"
    for apdu in ("B026000104", "B02E0001020001", "B0560000020101", "B056010002"):
        assert b.word(apdu) == "6985"
    # Whether a command is allowed in this state is asked first (Part 5, 7).
    assert b.word(raw("B02A00000B") + bytes(11)) == b.word(raw("B02C01000F") + bytes(15)) == "6901"
    assert b.purse == Purse()


@pytest.mark.parametrize(
    "made",
    [
        _without(card_with(), LOG),
        _changed_ef(card_with(), LOG, record_length=27),
        _changed_ef(card_with(), LOG, record_length=19),
        _changed_ef(card_with(), LOG, tlv=True),
    ],
    ids=["no file", "27 bytes", "19 bytes", "TLV"],
)
def test_without_a_file_for_records_there_is_a_balance_and_no_trade(made: CardContents) -> None:
    """Part 7, 11.8 and 12.6: no trade without its record."""
    b = MedicalBench(made)
    assert b.data("B026000104") == b4(1000)
    assert b.data("B026000206") == b4(300) + raw("2024")
    assert b.word(b.begin_load_command()) == b.word(b.begin_purchase_command()) == "6985"
    assert "no file for trade records" in b.reason


@pytest.mark.parametrize("first", ["transaction_sequence", "something"])
def test_another_cyclic_file_with_records_as_long_takes_no_trades(first: str) -> None:
    """What its data elements say it is, it is; here it stands before the trade file."""
    made = card_with()
    decoy = f"{DF04}/EF02"
    efs = {decoy: replace(made.efs[LOG], path=decoy, fid=0xEF02, sfi=2), **made.efs}
    elements = (Element(first, "", "b", 2), Element("whatever", "", "b", 26))
    made = replace(
        made,
        efs=efs,
        contents={**made.contents, decoy: ()},
        dictionary={**made.dictionary, decoy: elements},
    )
    b = MedicalBench(made)
    b.load(5)
    assert (len(b.records), b.card.image.contents[decoy]) == (1, ())
    alone = MedicalBench(_without(made, LOG))
    assert alone.word(alone.begin_load_command()) == "6985"


@pytest.mark.parametrize("length", [28, 29, 40])
def test_longer_records_are_filled_and_mean_three_amounts(length: int) -> None:
    """Part 7, 12: any length but 20."""
    b = MedicalBench(_changed_ef(card_with(), LOG, record_length=length))
    b.purchase((100, 10, 20))
    record = b2(2) + b"2" + TERMINAL + TIME + b4(100) + b4(10) + b4(20)
    assert b.records == (record + bytes(length - 28),)
    assert b.purse == Purse(purchases=2, balance=900, self_paid=310, fund=420)


def test_the_thirty_first_trade_takes_the_place_of_the_oldest_record() -> None:
    """V2.0 notice, 8.5.3: the last 30 trades."""
    b = bench(Purse(balance=0))
    for amount in range(1, 32):
        b.load(amount)
    assert [int.from_bytes(record[16:20]) for record in b.records] == list(range(31, 1, -1))
    assert b.purse == Purse(loads=32, balance=sum(range(1, 32)))


def test_each_kind_of_trade_counts_for_itself() -> None:
    b = bench(Purse(loads=5, purchases=9))
    b.load(1)
    b.purchase((1, 0, 0))
    b.load(1)
    assert [record[:3] for record in b.records] == [b2(7) + b"1", b2(10) + b"2", b2(6) + b"1"]
    assert (b.purse.loads, b.purse.purchases) == (7, 10)


def test_each_beginning_draws_four_bytes_anew() -> None:
    b = MedicalBench(card_with(), random=scripted("01020304", "A1A2A3A4"))
    assert b.begin_load().random == raw("01020304")
    assert b.begin_purchase().random == raw("A1A2A3A4")


# -- what limits a trade -----------------------------------------------------------------------------


@pytest.mark.parametrize(("amount", "word"), [(0xFFFFFFFF - 1000, "9000"), (0xFFFFFFFF - 999, "6985")])
def test_the_balance_may_reach_but_not_pass_what_its_four_bytes_hold(amount: int, word: str) -> None:
    b = bench()
    assert b.word(b.begin_load_command(amount)) == word
    assert (b.trade is not None) is (word == "9000")


@pytest.mark.parametrize(("amount", "word"), [(1000, "9000"), (1001, "9401")])
@pytest.mark.parametrize("mode", MODES)
def test_the_balance_must_cover_the_amount_of_the_account_only(amount: int, word: str, mode: str) -> None:
    """Part 7, 12.2: greater or equal."""
    b = bench(mode=mode)
    assert b.word(b.begin_purchase_command((amount, 2000, 3000))) == word
    assert (b.trade is not None) is (word == "9000")


@pytest.mark.parametrize(("counter", "word"), [(0xFFFE, "9000"), (0xFFFF, "9402")])
def test_a_counter_counts_up_to_ffff_and_no_trade_begins_there(counter: int, word: str) -> None:
    """Part 5, tables 68 and 72, 9402: of each kind by itself."""
    b = bench(Purse(loads=counter, purchases=counter))
    assert b.word(b.begin_load_command()) == b.word(b.begin_purchase_command()) == word
    other = bench(Purse(loads=counter, purchases=3))
    assert other.word(other.begin_purchase_command()) == "9000"
    if word == "9000":
        b.load(1)
        b.purchase((1, 1, 1))
        assert (b.purse.loads, b.purse.purchases) == (0xFFFF, 0xFFFF)
        assert b.word(b.begin_load_command()) == b.word(b.begin_purchase_command()) == "9402"


@pytest.mark.parametrize("index", [0, 4, 255])
def test_an_unknown_key_index_is_refused(index: int) -> None:
    """Part 7, 11.2 and 12.2."""
    b = bench()
    assert b.word(b.begin_load_command(index=index)) == b.word(b.begin_purchase_command(index=index)) == "9403"


@pytest.mark.parametrize("name", ["DLK", "DPK", "DTK"])
@pytest.mark.parametrize("how", ["missing", "retired", "no version"])
def test_a_trade_needs_its_key_and_the_tac_key_of_one_version(name: str, how: str) -> None:
    made = card_with()
    at = (KeyRef(DF04, name), 2)
    keys = dict(made.keys)
    if how == "missing":
        keys = {each: key for each, key in keys.items() if each[0] != at[0]}
    elif how == "retired":
        keys[at] = replace(keys[at], state=KeyState.RETIRED)
    else:
        del keys[at]
    b = MedicalBench(replace(made, keys=keys))
    words = b.word(b.begin_load_command(index=2)), b.word(b.begin_purchase_command(index=2))
    assert words == ("9000" if name == "DPK" else "9403", "9000" if name == "DLK" else "9403")


def test_the_tac_is_one_of_the_named_version_of_its_key() -> None:
    b = bench()
    begun = b.begin_load(5, index=3)
    answer = b.data(b.credit(begun))
    assert answer == b.load_tac(begun, 1005)
    assert answer != b.load_tac(replace(begun, index=1), 1005)
