"""Replays: a day on cards as they were, one byte that differs, masks, and cards that draw other random numbers."""

from collections.abc import Iterator
from typing import Any

import pytest

import sscard
from emulator.rig.replay import Step, replay
from keys.errors import SscardError
from tests.kit.traces import Day, recorded_day

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
EXTERNAL = "0082008410" + "22" * 16


@pytest.fixture(scope="module")
def day() -> Day:
    return recorded_day()


def traced(card: sscard.Card, *commands: str) -> sscard.Trace:
    """Record commands of a fork of a card, without masks."""
    fork, trace = card.fork(), sscard.Trace(unmasked=True)
    fork.trace = trace
    for command in commands:
        fork.transmit(bytes.fromhex(command)) if command else fork.reset()
    return trace


def test_a_day_on_the_cards_as_they_were_shows_no_difference(day: Day) -> None:
    user, module = day.readers
    before = (day.card.snapshot(), day.psam.snapshot())
    assert day.trace.replay(day.card, user) == []
    assert day.trace.replay(day.psam, module) == []
    assert (day.card.snapshot(), day.psam.snapshot()) == before, "a fork was used"
    names = {event.name for event in day.trace.commands}
    assert names >= {"EXTERNAL AUTHENTICATION", "INTERNAL AUTHENTICATION", "CREDIT FOR LOAD", "DEBIT FOR PURCHASE"}


def test_one_byte_of_one_record_is_the_one_difference(day: Day) -> None:
    """The name of the holder, which the day reads and nothing is computed from."""
    card = day.card.fork()
    image = card._core.image
    (path,) = [path for path in image.efs if image.label(path) == "SSSE/EF06"]
    records = image.contents[path]
    assert isinstance(records, tuple)
    (place,) = [at for at, record in enumerate(records) if record[:1] == b"\x09"]
    changed = bytearray(records[place])
    changed[5] ^= 1
    transaction = image.begin()
    transaction.put_contents(path, (*records[:place], bytes(changed), *records[place + 1 :]))
    transaction.commit()
    (step,) = day.trace.replay(card, day.readers[0])
    assert (step.event.name, step.event.file, step.sent) == ("READ RECORD", "SSSE/EF06", True)
    assert step.text == "byte 6 of 34"
    recorded, answered = bytes.fromhex(step.recorded), bytes.fromhex(step.event.answer + step.event.sw)
    assert [at for at, (a, b) in enumerate(zip(recorded, answered, strict=True)) if a != b] == [5]
    assert "differs   byte 6 of 34" in str(step)


def test_a_status_word_and_a_length_that_differ() -> None:
    card = sscard.Card.issue(pin="123456")
    other = sscard.Card.issue(pin="654321")
    trace = traced(card, SELECT, "00A4000002DF04", "0020000003123456", "00B2012C00")
    steps = trace.replay(other)
    assert [(each.number, each.event.name, each.text) for each in steps] == [
        (3, "VERIFY", "63C2, recorded 9000"),
        (4, "READ RECORD", f"6982, recorded {trace.events[-1].sw}"),
    ]
    assert "123456" not in "".join(map(str, steps))
    assert steps[1].event.reason in str(steps[1])


def test_resets_are_replayed() -> None:
    card = sscard.Card.issue()
    trace = traced(card, SELECT, "00A4000002DF04", "0020000003123456", "", "00B2012C00")
    assert trace.events[-1].sw == "6A82"
    assert trace.replay(card) == []


def test_another_answer_to_reset_is_a_difference() -> None:
    card = sscard.Card.issue(serial="00000001")
    other = sscard.Card.issue(serial="00000002")
    trace = traced(card, "", "0084000008")
    steps = trace.replay(other)
    assert [(each.event.kind, each.text) for each in steps] == [("reset", "byte 17 of 17")] or steps[0].text
    assert steps[0].recorded == card.atr.hex().upper()


def test_a_masked_trace_cannot_be_replayed() -> None:
    card = sscard.Card.issue()
    card.trace = sscard.Trace()
    card.transmit(bytes.fromhex("0084000008"))
    card.transmit(bytes.fromhex("0020000003123456"))
    with pytest.raises(SscardError) as refused:
        card.trace.replay(card)
    assert str(refused.value) == (
        "command 2 of the trace, VERIFY, is masked, so it cannot be replayed: record with --unmasked (Python: "
        "Trace(unmasked=True))"
    )
    with pytest.raises(SscardError, match="the trace has no command"):
        sscard.Trace().replay(card)


def test_commands_of_two_readers_are_not_sent_to_one(day: Day) -> None:
    with pytest.raises(SscardError, match="one card is wanted"):
        day.trace.replay(day.card)
    with pytest.raises(SscardError, match="no reader that begins with 'x'"):
        day.trace.replay(day.card, "x")


# -- a card that draws its own random numbers ------------------------------------------------------------


@pytest.fixture
def rig() -> Iterator[sscard.Rig]:
    with sscard.Rig(["demo"], seed="replay") as made:
        yield made


def test_a_reader_with_the_same_card_draws_other_numbers(day: Day) -> None:
    """Challenges are not compared; what proves one is not sent; what does not depend on them is the same."""
    with sscard.Rig([day.card.fork()]) as rig:
        steps = day.trace.replay(rig.readers[0], day.readers[0])
    unsent = [each for each in steps if not each.sent]
    assert {each.event.name for each in unsent} >= {"EXTERNAL AUTHENTICATION", "CREDIT FOR LOAD", "DEBIT FOR PURCHASE"}
    assert {each.event.name for each in steps} & {"GET CHALLENGE", "SELECT", "INTERNAL AUTHENTICATION"} == set()
    assert "6F00" not in "".join(each.text for each in steps)
    first = next(each for each in steps)
    assert not first.sent
    assert "a wrong proof may cost a try" in str(first)


def test_no_try_is_spent_on_a_proof_that_cannot_be_right(rig: sscard.Rig) -> None:
    trace = traced(rig.card, SELECT, "00A4000002DF04", "0084000008", EXTERNAL)
    keys = rig.card.state()["directories"]
    steps = trace.replay(rig.readers[0])
    assert [(each.event.name, each.sent) for each in steps] == [("EXTERNAL AUTHENTICATION", False)]
    assert steps[0].event.apdu == "0082008410" + "**" * 16
    assert rig.card.state()["directories"] == keys


def test_a_reader_whose_card_draws_the_same_is_sent_everything(rig: sscard.Rig) -> None:
    trace = traced(rig.card, SELECT, "00A4000002DF04", "0084000008", EXTERNAL)
    challenge = trace.events[2].answer
    rig.card.random = lambda _length: bytes.fromhex(challenge)
    assert trace.replay(rig.readers[0]) == []


def test_a_trade_of_another_random_number_is_not_completed(rig: sscard.Rig) -> None:
    commands = [SELECT, "00A4000002DF04", "0020000003123456", "B02801011301" + "00" * 12 + "519900000001"]
    begun = rig.card.fork()
    for command in commands:
        answer = begun.transmit(bytes.fromhex(command))
    trace = traced(rig.card, *commands, f"00C00000{answer[1]:02X}", "B02C01000F" + "00" * 15)
    names = [(each.event.name, each.sent) for each in trace.replay(rig.readers[0])]
    assert names == [("DEBIT FOR PURCHASE", False)]


def test_what_fetches_the_answer_of_an_unsent_command_is_unsent(rig: sscard.Rig) -> None:
    """GET RESPONSE has nothing to fetch there, and its refusal says nothing of the card; what comes later is sent."""
    fetch = "00C0000004"
    commands = [SELECT, "00A4000002DF04", "0084000008", EXTERNAL, fetch, fetch, "0084000004", fetch]
    trace = traced(rig.card, *commands, "0084000008", EXTERNAL, "", fetch)
    steps = trace.replay(rig.readers[0])
    assert [(each.number, each.event.name) for each in steps] == [
        (4, "EXTERNAL AUTHENTICATION"),
        (5, "GET RESPONSE"),
        (6, "GET RESPONSE"),
        (10, "EXTERNAL AUTHENTICATION"),
    ]
    assert not any(each.sent for each in steps)
    assert steps[1].text == "it fetches the answer of a command that was not sent"


def test_resets_in_a_reader(rig: sscard.Rig) -> None:
    fork, trace = rig.card.fork(), sscard.Trace(unmasked=True)
    fork.trace = trace
    for act in (fork.power_on, fork.reset, fork.power_off, fork.power_on):
        act()
        fork.transmit(bytes.fromhex(SELECT))
    fork.power_off()
    assert trace.replay(rig.readers[0]) == []


def test_each_command_is_yielded_as_it_is_sent(day: Day) -> None:
    read = 0

    def events() -> Iterator[Any]:
        nonlocal read
        for event in day.trace:
            read += 1
            yield event.bare()

    steps = replay(events, day.card, reader=day.readers[0])
    first = next(steps)
    assert isinstance(first, Step)
    assert (first.number, first.same, first.event.name) == (1, True, "SELECT")
    assert read < len(day.trace) + 20, "no more than a look ahead, after the check of the whole"
