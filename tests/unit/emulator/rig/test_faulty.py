"""Each kind of fault on a card of this process: what the client sees, and what is left in the card."""

import time

import pytest

import sscard
from emulator.ports import AsIs

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
CHALLENGE = bytes.fromhex("0084000008")
RIGHT = bytes.fromhex("0020000003123456")
WRONG = bytes.fromhex("0020000003999999")


@pytest.fixture
def card() -> sscard.Card:
    made = sscard.Card.issue()
    made.trace = sscard.Trace()
    sscard.exchange(made.transmit, SELECT)
    return made


def word(card: sscard.Card, command: bytes) -> str:
    return f"{sscard.exchange(card.transmit, command)[1]:04X}"


@pytest.mark.parametrize(("moment", "left"), [("before", "63C2"), ("after", "63C1")])
def test_power_cut_keeps_the_write_whole_or_nothing(card: sscard.Card, moment: str, left: str) -> None:
    fault = card.fault("power-cut", on="VERIFY", moment=moment)
    with pytest.raises(sscard.CardRemoved, match=f"power was cut {moment} a write"):
        card.transmit(WRONG)
    assert fault.fired == 1
    # It has lost its session, too.
    assert card.transmit(WRONG).hex() == "6a88"
    assert word(card, SELECT) == "9000"
    assert word(card, WRONG) == left


def test_power_cut_counts_writes_not_commands(card: sscard.Card) -> None:
    fault = card.fault("power-cut", on="VERIFY", nth=2)  # the right PIN takes a try and gives it back
    with pytest.raises(sscard.CardRemoved):
        card.transmit(RIGHT)
    assert (fault.seen, fault.fired) == (2, 1)
    assert word(card, SELECT) == "9000"
    assert word(card, WRONG) == "63C1"


def test_memory_failure_is_6581(card: sscard.Card) -> None:
    before = card.snapshot()
    card.fault("memory-failure", on="VERIFY")
    assert word(card, RIGHT) == "6581"
    assert card.snapshot() == before
    assert word(card, RIGHT) == "9000"


def test_partial_batch_leaves_half_a_record() -> None:
    card = sscard.Card.issue()
    record = next(key for key in card.snapshot().cells if key[0] == "contents")
    now = card.snapshot().cells[record]
    card.fault("partial-batch")
    new = type(now)(now.meta, bytes(byte ^ 0xFF for byte in now.data))
    card._armed.call = object()  # type: ignore[assignment]  # a command is on its way
    card._armed.faults[0].means = lambda *_: True  # type: ignore[method-assign]
    store = card._core.image.store
    with pytest.raises(BaseException, match="power was cut within a write"):
        store.write({record: new})
    left = card.snapshot().cells[record].data
    half = len(now.data) // 2
    assert left == new.data[:half] + now.data[half:]


def test_status_is_answered_in_the_cards_place(card: sscard.Card) -> None:
    before = card.snapshot()
    fault = card.fault("status", on="VERIFY", sw="6400", times=2)
    assert word(card, WRONG) == "6400"
    assert card.last.reason == "fault status: 6400 instead of an answer of the card"  # type: ignore[union-attr]
    assert word(card, WRONG) == "6400"
    assert card.snapshot() == before
    assert word(card, WRONG) == "63C2"
    assert fault.fired == 2


def test_tries_left(card: sscard.Card) -> None:
    card.fault("tries-left", on="VERIFY", tries=1)
    assert word(card, WRONG) == "63C0"
    assert word(card, RIGHT) == "6983"


def test_key_expired_is_for_the_command_alone(card: sscard.Card) -> None:
    plain = word(card, bytes.fromhex("00200000024711"))
    assert plain == "63C2"
    card.fault("key-expired", on="VERIFY")
    expired = word(card, RIGHT)
    assert expired not in ("9000", "63C1", "63C2")
    assert word(card, RIGHT) == "9000"


def test_a_fault_of_a_key_names_one_of_the_card(card: sscard.Card) -> None:
    with pytest.raises(sscard.SscardError, match="the card has no key 'PINN'; did you mean 'PIN'"):
        card.fault("tries-left", key="PINN")
    assert card.faults == ()


def test_stuck_random_repeats(card: sscard.Card) -> None:
    card.fault("stuck-random", value="A5C3")
    assert card.transmit(CHALLENGE).hex() == "a5c3a5c3a5c3a5c39000"
    assert card.transmit(CHALLENGE).hex() == "a5c3a5c3a5c3a5c39000"
    card.disarm()
    assert card.transmit(CHALLENGE).hex() != "a5c3a5c3a5c3a5c39000"


def test_wrong_mac_spoils_data_also_those_that_wait(card: sscard.Card) -> None:
    right, _ = sscard.exchange(card.transmit, SELECT)
    fault = card.fault("wrong-mac", on="SELECT")
    wrong, sw = sscard.exchange(card.transmit, SELECT)
    assert sw == 0x9000
    assert (wrong[:-1], wrong[-1] ^ right[-1]) == (right[:-1], 1)
    none = card.fault("wrong-mac", on="VERIFY")
    word(card, RIGHT)
    assert (fault.fired, none.fired, none.seen) == (1, 0, 0), "without data there is nothing to spoil"


def test_a_delay_comes_late(card: sscard.Card) -> None:
    card.fault("delay", seconds=0.05)
    began = time.monotonic()
    card.transmit(CHALLENGE)
    assert time.monotonic() - began >= 0.05


@pytest.mark.parametrize(
    ("fault", "chosen", "length"),
    [
        ("truncate", {}, 9),
        ("truncate", {"bytes": 500}, 1),
        ("one-byte", {"value": "61"}, 1),
        ("pad", {"bytes": 300, "value": "EE"}, 310),
    ],
)
def test_the_wire_spoils_an_answer(card: sscard.Card, fault: str, chosen: dict[str, str], length: int) -> None:
    card.fault(fault, on="GET CHALLENGE", **chosen)
    answer = card.transmit(CHALLENGE)
    assert len(answer) == length
    assert isinstance(answer, AsIs), "so the link lets it pass"
    assert len(card.transmit(CHALLENGE)) == 10


@pytest.mark.parametrize(
    ("fault", "chosen", "left"),
    [
        ("pull", {}, "63C2"),
        ("pull", {"moment": "after"}, "63C1"),
        ("lost-answer", {}, "63C1"),
    ],
)
def test_a_card_that_goes_has_carried_out_the_command_or_not(
    card: sscard.Card, fault: str, chosen: dict[str, str], left: str
) -> None:
    card.fault(fault, on="VERIFY", **chosen)
    with pytest.raises(sscard.CardRemoved) as caught:
        card.transmit(WRONG)
    assert caught.value.back == (1.2 if fault == "lost-answer" else None)
    assert word(card, SELECT) == "9000", "what was proven and selected is gone"
    assert word(card, WRONG) == left


def test_garbage_atr(card: sscard.Card) -> None:
    right = card.atr
    fault = card.fault("garbage-atr", atr="FF")
    assert card.atr == b"\xff"
    assert fault.fired == 0, "looking is no reset"
    card.power_on()
    card.reset()
    assert fault.fired == 2
    card.disarm(fault)
    assert card.atr == right


def test_two_faults_meet_one_command(card: sscard.Card) -> None:
    card.fault("pad", on="GET CHALLENGE", value="EE")
    card.fault("status", on="GET CHALLENGE", sw="6F00")
    assert card.transmit(CHALLENGE).hex() == "6f00ee"


def test_the_trace_says_what_struck_and_hides_the_pin(card: sscard.Card) -> None:
    card.fault("power-cut", on="VERIFY")
    with pytest.raises(sscard.CardRemoved):
        card.transmit(RIGHT)
    assert card.trace is not None
    event = card.trace.events[-1]
    assert (event.kind, event.name, event.file, event.apdu) == ("fault", "power-cut", "SSSE", "0020000003******")
    assert event.fields == "power-cut on=VERIFY"
    assert "123456" not in str(card.trace)


def test_a_restored_card_keeps_its_faults(card: sscard.Card) -> None:
    fault = card.fault("status", on="GET CHALLENGE", nth=2, sw="6581")
    before = card.snapshot()
    card.transmit(CHALLENGE)
    card.restore(before)
    assert word(card, CHALLENGE) == "6581"
    assert fault.fired == 1
    assert card.fork().faults == ()


def test_without_a_fault_nothing_stands_between(card: sscard.Card) -> None:
    card.trace = None
    fault = card.fault("status", sw="6581")
    assert card._send != card._core.transmit
    card.disarm(fault)
    assert card._send == card._core.transmit
    assert card._core.image.store is card._store
