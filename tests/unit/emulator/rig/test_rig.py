"""A rig in process: readers, cards, one trace, one clock, one seed; sweeps and pyscard."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from smartcard.CardRequest import CardRequest
from smartcard.Exceptions import CardConnectionException, NoCardException
from smartcard.System import readers

import sscard

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
CHALLENGE = bytes.fromhex("0084000008")
WRONG = bytes.fromhex("0020000003999999")


@pytest.fixture
def rig() -> Iterator[sscard.Rig]:
    with sscard.Rig(["demo", "psam", "empty"], seed="1", clock="2026-03-01T09:30") as made:
        yield made


def test_what_is_in_the_readers(rig: sscard.Rig) -> None:
    assert [reader.card and reader.card.profile for reader in rig.readers] == ["ssc-2.0", "psam", None]
    assert rig.card is rig.readers[0].card
    assert rig.psam is rig.readers[1].card
    assert [reader.name for reader in rig.readers] == ["sscard 0", "sscard 1", "sscard 2"]
    assert len(sscard.Rig(3).readers) == 3


def test_a_terminal_and_an_hsm_know_the_roots_of_the_cards(rig: sscard.Rig, tmp_path: Path) -> None:
    assert rig.terminal().read_basic().fields["name"] == "测试甲"
    alone = rig.terminal(psam=False)
    first = alone.read_basic_hsm_step1(1).text
    assert alone.read_basic_hsm_step2(rig.hsm().basic(first)).fields["name"] == "测试甲"
    assert {event.reader for event in rig.trace} == {"sscard 0", "sscard 1"}


def test_the_same_script_gives_the_same_transcript(tmp_path: Path) -> None:
    texts = []
    for number in range(2):
        with sscard.Rig(["demo", "psam"], seed="7", clock="2026-03-01") as rig:
            rig.terminal().read_basic()
            rig.trace.save(tmp_path / f"{number}")
            texts.append((tmp_path / f"{number}").read_text())
    assert texts[0] == texts[1]
    assert texts[0].count("GET CHALLENGE") > 0
    with sscard.Rig(["demo", "psam"], seed="8", clock="2026-03-01") as rig:
        rig.terminal().read_basic()
        rig.trace.save(tmp_path / "other")
    assert (tmp_path / "other").read_text() != texts[0]


def test_insert_remove_swap_replace_reset(rig: sscard.Rig) -> None:
    first, second, third = rig.readers
    card = first.remove()
    assert first.card is None
    with pytest.raises(sscard.TerminalError, match="no card in 'sscard 0'"):
        first.transmit(CHALLENGE)
    assert third.insert(card) is card
    with pytest.raises(sscard.SscardError, match="'sscard 2' holds a card already: remove it first, or swap"):
        third.insert(rig.issue())
    with pytest.raises(
        sscard.SscardError, match="this card is in 'sscard 2' already: a card can be in one reader only"
    ):
        first.insert(card)
    with pytest.raises(sscard.SscardError, match="'sscard 0' is empty"):
        first.remove()
    other = rig.issue("ssc-3.0")
    assert third.swap(other) is other
    assert third.replace(card) is card
    assert third.transmit(SELECT)[0] == 0x61
    card.transmit(WRONG)
    third.reset()
    assert third.transmit(WRONG).hex() == "6a88"
    assert second.card is rig.psam


def test_a_connection_ends_with_its_card(rig: sscard.Rig) -> None:
    connection = rig.readers[0].open()
    assert connection.atr == rig.card.atr
    card = rig.readers[0].remove()
    rig.readers[0].insert(card)
    with pytest.raises(sscard.TerminalError, match="the reader lost the card"):
        connection.transmit(CHALLENGE)


def test_a_pulled_card_is_out_until_somebody_inserts_it(rig: sscard.Rig) -> None:
    card: sscard.Card | None = rig.card
    assert card is not None
    card.fault("pull", on="GET CHALLENGE")
    with pytest.raises(
        sscard.TerminalError, match="the reader lost the card: the card was pulled out before the command"
    ):
        rig.readers[0].transmit(CHALLENGE)
    assert rig.readers[0].card is None
    rig.readers[0].insert(card)
    assert len(rig.readers[0].transmit(CHALLENGE)) == 10


def test_a_card_that_comes_back(rig: sscard.Rig) -> None:
    card = rig.card
    card.fault("pull", on="GET CHALLENGE", back=0.05)
    with pytest.raises(sscard.TerminalError):
        rig.readers[0].transmit(CHALLENGE)
    with pytest.raises(sscard.TerminalError, match="no card"):
        rig.readers[0].transmit(CHALLENGE)
    time.sleep(0.06)
    assert rig.readers[0].card is card
    assert len(rig.readers[0].transmit(CHALLENGE)) == 10


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"readers": 0}, "a rig has 1 to 16 readers, not 0"),
        ({"readers": 17}, "a rig has 1 to 16 readers, not 17"),
        ({"transport": "pc/sc"}, "there is no transport 'pc/sc'; there are: process, pcsc"),
        ({"timing": "slow"}, "there is no timing 'slow'"),
        ({"clock": "tomorrow"}, "clock: 'tomorrow' is neither a date"),
        ({"readers": ["none.sscard"]}, "none.sscard: there is no such image file"),
    ],
)
def test_what_is_no_rig_is_one_sentence(arguments: dict[str, object], sentence: str) -> None:
    with pytest.raises(sscard.SscardError) as caught:
        sscard.Rig(**arguments)  # type: ignore[arg-type]
    assert sentence in str(caught.value)


def test_an_image_of_the_rig_is_closed_with_it(tmp_path: Path) -> None:
    sscard.Card.issue().save(tmp_path / "a.sscard")
    with sscard.Rig([tmp_path / "a.sscard"]) as rig:
        rig.card.transmit(CHALLENGE)
        with pytest.raises(sscard.ImageError, match="in use"):
            sscard.Rig([tmp_path / "a.sscard"])
    sscard.Card.open(tmp_path / "a.sscard").close()


def test_a_card_gets_its_own_trace_back(rig: sscard.Rig) -> None:
    card = rig.issue()
    own = card.trace = sscard.Trace()
    rig.readers[2].insert(card)
    assert card.trace is rig.trace
    rig.readers[2].remove()
    assert card.trace is own


# -- sweeps -------------------------------------------------------------------------------------------


def wrong_pin(rig: sscard.Rig) -> None:
    sscard.exchange(rig.readers[0].transmit, SELECT)
    sscard.exchange(rig.readers[0].transmit, WRONG)


def test_a_sweep_visits_each_write_before_and_after(rig: sscard.Rig) -> None:
    before = rig.card.snapshot()
    cuts = rig.sweep(wrong_pin)
    assert [str(cut) for cut in cuts] == [
        "write 1 (VERIFY), cut before: old",
        "write 1 (VERIFY), cut after: new",
    ]
    assert cuts[0].error == "the reader lost the card: power was cut before a write"
    assert rig.card.snapshot() == before
    assert rig.card.faults == ()


def test_a_purchase_is_booked_or_not_and_torn_without_protection(rig: sscard.Rig) -> None:
    basic = rig.terminal().read_basic().fields
    info = f"{basic['identification_code']}|{basic['card_number']}|"
    cuts = rig.sweep(lambda each: each.terminal().debit(info, "12.50|10.00|20260301093000|"), torn=True)
    last = [cut for cut in cuts if cut.command == "DEBIT FOR PURCHASE"]
    assert [(cut.moment, cut.outcome) for cut in last] == [("before", "old"), ("after", "new"), ("within", "neither")]
    assert {cut.outcome for cut in cuts if cut.moment != "within"} == {"old", "new"}


def test_a_sweep_looks_at_what_counts(rig: sscard.Rig) -> None:
    cuts = rig.sweep(wrong_pin, look=lambda card: card.atr)
    assert [cut.outcome for cut in cuts] == ["old", "old"]


def test_a_sweep_needs_a_scenario_that_repeats(rig: sscard.Rig) -> None:
    calls = []

    def once(each: sscard.Rig) -> None:
        calls.append(1)
        if len(calls) == 1:
            wrong_pin(each)

    with pytest.raises(sscard.SscardError, match="it made 1 writes at first, and then no write 1"):
        rig.sweep(once)
    rig.card.fault("pull")
    with pytest.raises(sscard.SscardError, match="disarm them before a sweep"):
        rig.sweep(wrong_pin)


# -- pyscard ------------------------------------------------------------------------------------------


def test_pyscard_finds_the_readers_and_no_others(rig: sscard.Rig) -> None:
    with rig.pyscard():
        found = readers()
        assert [str(each) for each in found] == ["sscard 0", "sscard 1", "sscard 2"]
        connection = found[0].createConnection()
        with pytest.raises(CardConnectionException, match="not connected"):
            connection.transmit(list(CHALLENGE))
        connection.connect()
        assert bytes(connection.getATR()) == rig.card.atr
        data, sw1, sw2 = connection.transmit(list(CHALLENGE))
        assert (len(data), sw1, sw2) == (8, 0x90, 0x00)
        connection.reconnect()
        rig.card.fault("one-byte")
        with pytest.raises(CardConnectionException, match="the card answered 1 bytes"):
            connection.transmit(list(CHALLENGE))
        rig.readers[0].remove()
        with pytest.raises(CardConnectionException, match="the reader lost the card"):
            connection.transmit(list(CHALLENGE))
        connection.disconnect()
        with pytest.raises(NoCardException):
            found[2].createConnection().connect()
        with pytest.raises(sscard.SscardError, match='make the rig with transport="pcsc"'):
            CardRequest(timeout=1)


def test_a_reader_connects_in_the_manner_of_pyscard(rig: sscard.Rig) -> None:
    data, sw1, _ = rig.readers[0].connect().transmit(list(CHALLENGE))
    assert (len(data), sw1) == (8, 0x90)
