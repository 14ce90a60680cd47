"""Power cuts in trades (防拔), enumerated: before and after every write, and what the proof says afterwards.

Balance, totals, counter, record and proof change together or not at all, and GET TRANSACTION PROOF of the
card that is inserted again tells which it was (Part 7, 11.8, 12.6 and 14).
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import MemoryStore, Store
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from emulator.commands.medical.rows import TRADE_ROWS
from tests.kit.medical import LOAD, PURCHASE, TERMINAL, TIME, MedicalBench, Purse, b2, b4, card_with
from tests.kit.places import DATA

GOLDEN: Final = DATA / "golden" / "schema-1"


@dataclass(frozen=True)
class Expected:
    """What the terminal knows before it sends the command that is cut.

    Attributes:
        purse, records: of the card afterwards, if the command takes place.
        kind, sequence: of the trade; empty for what is none.
        proof: MAC || TAC in hex.
    """

    command: bytes
    purse: Purse
    records: tuple[bytes, ...]
    kind: str = ""
    sequence: int = 0
    proof: str = ""


Prepare = Callable[[MedicalBench, str], Expected]


def credit(b: MedicalBench, mode: str) -> Expected:
    """A load of 500 (Part 7, 11)."""
    old = b.purse
    begun = b.begin_load(500)
    record = b2(old.loads + 1) + b"1" + TERMINAL + TIME + b4(500) + (b"" if mode == "account" else bytes(8))
    return Expected(
        b.credit(begun),
        old._replace(loads=old.loads + 1, balance=old.balance + 500),
        (record, *b.records),
        LOAD,
        old.loads,
        (bytes(4) + b.load_tac(begun, old.balance + 500)).hex().upper(),
    )


def debit(b: MedicalBench, mode: str) -> Expected:
    """A purchase in the payment year (Part 7, 12)."""
    return _purchase(b, mode, TIME, lambda old: old._replace(self_paid=old.self_paid + 10, fund=old.fund + 20))


def new_year(b: MedicalBench, mode: str) -> Expected:
    """A purchase with which a payment year begins."""
    time = bytes.fromhex("20250101000000")
    return _purchase(b, mode, time, lambda old: old._replace(self_paid=10, fund=20, year="2025"))


def _purchase(b: MedicalBench, mode: str, time: bytes, settle: Callable[[Purse], Purse]) -> Expected:
    old = b.purse
    begun = b.begin_purchase((100, 10, 20))
    record = b2(old.purchases + 1) + b"2" + TERMINAL + time + b4(100) + (b"" if mode == "account" else b4(10) + b4(20))
    new = old if mode == "account" else settle(old)
    return Expected(
        b.debit(begun, 7, time),
        new._replace(purchases=old.purchases + 1, balance=old.balance - 100),
        (record, *b.records),
        PURCHASE,
        old.purchases,
        (b.mac2(begun) + b.purchase_tac(begun, 7, time)).hex().upper(),
    )


def starting_day(b: MedicalBench, _mode: str) -> Expected:
    """UPDATE STARTING DAY, which leaves the proof of the last trade."""
    b.prove(("DSK",))
    return Expected(bytes.fromhex("B0560000020701"), b.purse._replace(day="0701"), b.records)


SCENES: Final[dict[str, tuple[Prepare, str]]] = {
    "CREDIT FOR LOAD": (credit, "three account"),
    "DEBIT FOR PURCHASE": (debit, "three account"),
    "DEBIT FOR PURCHASE, new year": (new_year, "three account"),
    "UPDATE STARTING DAY": (starting_day, "three"),
}


def cases() -> Iterator[tuple[str, str, str]]:
    """Scene, suite and mode."""
    for name, (_, modes) in SCENES.items():
        for suite in ("3DES", "SM4"):
            for mode in modes.split():
                yield name, suite, mode


CASES: Final = list(cases())


def card(suite: str, mode: str) -> MemoryStore:
    """A card that has made a load and a purchase, so that there are records and a proof already."""
    b = MedicalBench(card_with(suite=suite, mode=mode), store=None)
    b.load(7)
    b.purchase((5, 0, 0))
    return MemoryStore(b.store.load())


def insert(store: Store) -> MedicalBench:
    """A card made of what the memory holds, ready."""
    return MedicalBench(read_cells(dict(store.load())), store=store)


def tell(b: MedicalBench, expected: Expected, before: tuple[Purse, tuple[bytes, ...], str], *, happened: bool) -> None:
    """The card that is inserted again is the old one or the new one, and its proof says which."""
    old_purse, old_records, old_proof = before
    assert b.purse == (expected.purse if happened else old_purse)
    assert b.records == (expected.records if happened else old_records)
    if expected.kind:
        assert b.proof(expected.kind, expected.sequence) == (expected.proof + "9000" if happened else "9406")
        assert (b.proof(PURCHASE, 1) == old_proof) is not happened
    else:
        assert b.proof(PURCHASE, 1) == old_proof
    # The terminal goes on as the proof told it (Part 7, 14): the next trade counts from there.
    assert b.trade is None
    assert b.begin_load(1).answer[:6] == b4(b.purse.balance) + b2(b.purse.loads)
    assert b.begin_purchase((1, 0, 0)).sequence == b2(b.purse.purchases)


def writes_of(name: str, suite: str, mode: str) -> int:
    """How many writes the command does; uncut, it succeeds."""
    tearing = TearingStore(card(suite, mode))
    b = insert(tearing)
    expected = SCENES[name][0](b, mode)
    start = tearing.writes
    assert b.word(expected.command) == "9000"
    assert (b.purse, b.records) == (expected.purse, expected.records)
    return tearing.writes - start


def cut_off(b: MedicalBench, tearing: TearingStore, name: str, mode: str, write: int, moment: Moment) -> Expected:
    """Cut power at a write of the command."""
    expected = SCENES[name][0](b, mode)
    tearing.cut(write, moment)
    with pytest.raises(PowerCut):
        b.card.transmit(expected.command)
    return expected


@pytest.mark.parametrize(("name", "suite", "mode"), CASES)
@pytest.mark.clause("Part 7, 14", "power may go at any moment")
def test_a_trade_that_is_cut_has_happened_or_not_and_the_proof_says_which(name: str, suite: str, mode: str) -> None:
    writes = writes_of(name, suite, mode)
    assert writes == 1
    for write in range(1, writes + 1):
        for moment in Moment:
            survivor = card(suite, mode)
            tearing = TearingStore(survivor)
            b = insert(tearing)
            before = (b.purse, b.records, b.proof(PURCHASE, 1))
            assert before[2][-4:] == "9000"
            expected = cut_off(b, tearing, name, mode, write, moment)
            happened = write == writes and moment is Moment.AFTER
            tell(insert(survivor), expected, before, happened=happened)


@pytest.mark.parametrize(("name", "suite", "mode"), CASES)
def test_the_same_with_an_image_file(name: str, suite: str, mode: str, tmp_path: Path) -> None:
    """The process is gone: the file and its log lie there as they were, and nobody has closed them."""
    work, torn = tmp_path / "work.sscard", tmp_path / "torn.sscard"
    SqliteStore.create(work, card(suite, mode).load().items())
    for moment in Moment:
        with closing(SqliteStore(work)) as store:
            tearing = TearingStore(store)
            b = insert(tearing)
            before = (b.purse, b.records, b.proof(PURCHASE, 1))
            expected = cut_off(b, tearing, name, mode, 1, moment)
            for suffix in ("", "-wal"):
                if Path(f"{work}{suffix}").exists():
                    shutil.copy(f"{work}{suffix}", f"{torn}{suffix}")
        with closing(SqliteStore(torn)) as survivor:
            tell(insert(survivor), expected, before, happened=moment is Moment.AFTER)
        for left in tmp_path.glob("torn*"):
            left.unlink()


def test_every_trade_command_that_writes_has_a_scene() -> None:
    assert {name.partition(",")[0] for name in SCENES} == {row.name for row in TRADE_ROWS if row.writes}


@pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0"])
def test_an_image_of_an_earlier_version_keeps_the_proof_through_a_cut(profile: str, tmp_path: Path) -> None:
    """Its money file was made with 20 bytes: with the first trade the proof finds room."""
    path = tmp_path / "old.sscard"
    shutil.copy(GOLDEN / f"{profile}.sscard", path)
    path.chmod(0o600)
    with closing(SqliteStore(path)) as store:
        tearing = TearingStore(store)
        b = insert(tearing)
        assert b.proof(LOAD, 0) == "9406"
        begun = b.begin_load(500)
        tearing.cut(1, Moment.AFTER)
        with pytest.raises(PowerCut):
            b.card.transmit(b.credit(begun))
    image = Image.open(path)
    assert dict(write_cells(read_cells(image.store.load()))) == image.store.load()
    image.close()
    with closing(SqliteStore(path)) as store:
        b = insert(store)
        assert b.proof(LOAD, 0) == (bytes(4) + b.load_tac(begun, 500)).hex().upper() + "9000"
        assert (b.purse.balance, b.purse.loads, len(b.records)) == (500, 1, 1)
        b.purchase((500, 0, 0))
        assert b.proof(PURCHASE, 0)[-4:] == "9000"
