"""Cards that are issued once and handed out often: equal, fresh, and each by itself."""

from pathlib import Path

import pytest

import sscard
from cardfs.issuing import issue
from emulator.rig.stock import Stock
from keys.generate import SeededRandom

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
WRONG = bytes.fromhex("0020000003999999")


def test_cards_of_a_stock_are_issued_once_and_live_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    stock = Stock()
    first = stock.issue("ssc-2.0", {"pin": "4711"})
    monkeypatch.setattr(issue, "issue", None)  # whoever issues now fails
    second = stock.issue("ssc-2.0", {"pin": "4711"})
    assert first.snapshot() == second.snapshot()
    first.transmit(SELECT)
    first.transmit(WRONG)
    assert first.snapshot() != second.snapshot()
    assert stock.issue("ssc-2.0", {"pin": "4711"}).snapshot() == second.snapshot()


def test_other_inputs_give_other_cards() -> None:
    stock = Stock()
    cards = [
        stock.issue("ssc-2.0", options)
        for options in ({}, {"values": {"name": "测试乙"}}, {"values": {"name": "测试丙"}}, {"seed": "1"})
    ]
    assert len({repr(card.contents.contents) for card in cards}) == 4


def test_a_card_of_a_stock_is_the_one_that_is_issued() -> None:
    options = {"seed": "7", "region": "330100"}
    card = Stock().issue("ssc-2.0", options | {"random": SeededRandom("x")})
    assert card.snapshot() == sscard.Card.issue(**options).snapshot()  # type: ignore[arg-type]
    assert card.transmit(bytes.fromhex("0084000008"))[:8] == SeededRandom("x")(8)


def test_a_rig_takes_its_cards_from_a_stock() -> None:
    stock = Stock()
    with sscard.Rig(["demo", "psam"], seed="1", stock=stock) as rig, sscard.Rig(["demo", "psam"], seed="1") as other:
        assert rig.card.snapshot() == other.card.snapshot()
        assert rig.psam.snapshot() == other.psam.snapshot()
        assert rig.card.transmit(bytes.fromhex("0084000008")) == other.card.transmit(bytes.fromhex("0084000008"))


def test_a_copy_of_an_image_leaves_the_file_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.sscard"
    sscard.Card.issue().save(path)
    before = path.read_bytes()
    stock = Stock()
    with sscard.Card.open(path) as used, sscard.Rig(1, stock=stock) as rig:
        card = rig.readers[0].insert(rig.copy(path))
        assert card.snapshot() == used.snapshot()
        card.transmit(SELECT)
        card.transmit(WRONG)
        assert card.snapshot() != used.snapshot()
    assert path.read_bytes() == before
    with pytest.raises(sscard.ImageError, match=r"none\.sscard"):
        sscard.Rig(1).copy(tmp_path / "none.sscard")
