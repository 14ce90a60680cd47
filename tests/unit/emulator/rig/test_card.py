"""A card as tests drive it: making, keeping, snapshots, forks."""

from pathlib import Path

import pytest

import sscard
from cardfs.memory.image import Image
from emulator.rig.card import Snapshot
from emulator.terminal import exchange

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
VERIFY = bytes.fromhex("0020000003123456")
WRONG = bytes.fromhex("0020000003999999")


def word(card: sscard.Card, command: bytes) -> int:
    return exchange(card.transmit, command)[1]


def test_a_card_is_issued_as_it_is_asked_for() -> None:
    card = sscard.Card.issue(
        "ssc-2.0-sm4",
        holder={"name": "测试乙", "social_security_number": "999999199001010000"},
        region="330100",
        serial="00000042",
        pin="4711",
        settings={"pin": {"tries": 6}},
        values={"sex": "2"},
    )
    assert card.atr.hex().upper().endswith("3301" + "00000042")
    assert card.contents.info.settings.pin.tries == 6
    assert word(card, SELECT) == 0x9000
    assert word(card, bytes.fromhex("00200000024712")) == 0x63C5
    assert word(card, bytes.fromhex("00200000024711")) == 0x9000
    name, found = exchange(card.transmit, bytes.fromhex("00B2023420"))
    assert found == 0x9000
    assert "测试乙".encode("gb18030") in name
    sex, _ = exchange(card.transmit, bytes.fromhex("00B2043400"))
    assert sex.endswith(b"2")
    assert repr(card) == f"<Card ssc-2.0-sm4 ATR {card.atr.hex().upper()}>"
    assert card.bug is None


def test_a_financial_environment_and_a_psam() -> None:
    assert word(sscard.Card.issue(financial="edep"), bytes.fromhex("00A404000E315041592E5359532E4444463031")) == 0x9000
    assert sscard.Card.issue("psam").profile == "psam"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"profile": "ssc-9"}, "ssc-9"),
        ({"pin": "12"}, "pin: a PIN has 4 to 16 digits"),
        ({"region": "33"}, "region: write six digits, not '33'"),
        ({"settings": {"pin": {"trys": 3}}}, "settings"),
        ({"financial": "gold"}, "gold"),
        ({"holder": {"nmae": "x"}}, "nmae"),
        ({"roots": "none.toml"}, "none.toml"),
    ],
)
def test_a_wrong_input_is_one_sentence(options: dict[str, object], sentence: str) -> None:
    with pytest.raises(sscard.InputError, match=sentence) as caught:
        sscard.Card.issue(**options)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_a_card_in_a_file_keeps_what_it_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    sscard.Card.issue().save(path)
    with pytest.raises(sscard.ImageError):
        sscard.Card.issue().save(path)
    with sscard.Card.open(path) as card:
        word(card, SELECT)
        assert word(card, WRONG) == 0x63C2
        with pytest.raises(sscard.ImageError, match="in use"):
            sscard.Card.open(path)
    with sscard.Card.open(path) as card:
        word(card, SELECT)
        assert word(card, WRONG) == 0x63C1


@pytest.mark.parametrize("kept", ["in memory", "in a file"])
def test_a_snapshot_brings_back_every_byte_and_ends_the_session(kept: str, tmp_path: Path) -> None:
    card = sscard.Card.issue()
    if kept == "in a file":
        card.save(tmp_path / "card.sscard")
        card = sscard.Card.open(tmp_path / "card.sscard")
    before = card.snapshot()
    word(card, SELECT)
    assert word(card, VERIFY) == 0x9000
    while word(card, WRONG) != 0x6983:
        pass
    assert card.snapshot() != before
    card.restore(before)
    assert card.snapshot() == before
    assert word(card, WRONG) == 0x6A88, "the MF is current again"
    word(card, SELECT)
    assert word(card, VERIFY) == 0x9000
    card.restore(before)
    card.close()
    if kept == "in a file":
        again = Image.open(tmp_path / "card.sscard", writable=False)
        assert dict(again.store.load()) == dict(before.cells)
        again.close()


def test_a_snapshot_of_a_card_with_more_and_with_less() -> None:
    """A blank card becomes a finished one and back: cells come and go."""
    blank, finished = sscard.Card.blank(), sscard.Card.issue()
    empty = blank.snapshot()
    blank.restore(finished.snapshot())
    assert blank.snapshot() == finished.snapshot()
    assert word(blank, SELECT) == 0x9000
    blank.restore(empty)
    assert blank.snapshot() == empty
    assert word(blank, SELECT) == 0x6A82


def test_a_fork_goes_its_own_way(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    sscard.Card.issue().save(path)
    with sscard.Card.open(path) as card:
        fork = card.fork()
        word(fork, SELECT)
        assert word(fork, WRONG) == 0x63C2
        word(card, SELECT)
        assert word(card, WRONG) == 0x63C2
        assert word(fork, WRONG) == 0x63C1


def test_a_fork_is_the_card_as_it_is_now() -> None:
    card = sscard.Card.issue()
    for left in (0x63C2, 0x63C1):
        word(card, SELECT)
        assert word(card, WRONG) == left
        first, second = card.fork(), card.fork()
        assert first.snapshot() == second.snapshot() == card.snapshot()
        for fork in (first, second):
            word(fork, SELECT)
            assert word(fork, WRONG) == left - 1
            fork.restore(card.snapshot())
            word(fork, SELECT)
            assert word(fork, bytes.fromhex("0020000000")) == left


def test_a_snapshot_shows_no_secret() -> None:
    snapshot = sscard.Card.issue().snapshot()
    assert repr(snapshot) == "Snapshot()"
    assert snapshot == Snapshot(snapshot.cells)


def test_personalise_says_where_it_is_and_what_was_refused() -> None:
    titles: list[str] = []
    count = sscard.personalise(
        sscard.Card.issue(), sscard.Card.blank().transmit, progress=lambda title, _done, _total: titles.append(title)
    )
    assert len(titles) == count + 1
    with pytest.raises(sscard.SscardError, match="is it a blank card of this profile"):
        sscard.personalise(sscard.Card.issue("ssc-2.0-sm4"), sscard.Card.blank().transmit)


def test_a_state_has_the_chinese_names_of_the_data_elements() -> None:
    directories = sscard.Card.issue().state()["directories"]
    files = {each["label"]: each for df in directories for each in df["files"]}
    assert files["SSSE/EF06"]["names"]["holder_name"] == "姓名"
    assert files["DF04/EF01"]["names"]["account_balance"] == "基本医疗保险个人账户余额"
    for each in files.values():
        shown = [each] if "hex" in each else each["records"]
        assert {name for table in shown for name in table["elements"]} <= {*each["names"]}, each["label"]
