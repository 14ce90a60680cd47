"""Dumps of apdu4j. Texts marked so are those of apdu4j's own tests (DumpFormatTest, DumpingBIBO)."""

import io
from pathlib import Path

import pytest

from emulator.formats import apdu4j
from emulator.formats.forms import read_events
from emulator.trace.errors import TraceError
from emulator.trace.event import Event
from tests.kit.traces import ATR, bytes_of

# apdu4j's own
COMMENTED = "# ATR: 3BF91300008131FE454A434F503234325232A3\n# PROTOCOL: T=1\n#\n00A40400\n# 42ms\n9000\n"


def read(text: str) -> list[Event]:
    return list(apdu4j.read(io.BytesIO(text.encode()), "a.dump"))


def write(*events: Event) -> str:
    return b"".join(apdu4j.write(events)).decode()


def test_a_dump_of_apdu4j() -> None:
    on, command = read(COMMENTED)
    assert (on.kind, on.answer) == ("power on", "3BF91300008131FE454A434F503234325232A3")
    assert (command.apdu, command.answer, command.sw, command.seconds) == ("00A40400", "", "9000", 0.042)
    assert apdu4j.begins(COMMENTED.encode())


@pytest.mark.parametrize("text", ["00A40400\n9000\n00CA0000\n6A88\n", "\n00a40400\r\n\n9000\n\n  00CA0000 \n6A88"])
def test_commands_and_answers_by_turns(text: str) -> None:
    assert bytes_of(read(text)) == [("", "00A40400", "", "9000"), ("", "00CA0000", "", "6A88")]
    assert apdu4j.begins(text.encode())


def test_an_answer_that_never_came() -> None:
    events = read("00A40400\n# 42ms card was removed\n00CA0000\n# 1ms\n6A88\n")
    assert [each.kind for each in events] == ["note", "command"]
    assert bytes_of(events) == [("", "00CA0000", "", "6A88")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("00A40400\n", "a.dump, line 1: the file ends after a command without its answer: it is cut off"),
        ("00A40400\n9000\n00A", "a.dump, line 3: this is not a line of an apdu4j dump (hex digits are expected"),
        ("00A40400\n90\n", "a.dump, line 2: this is not a line of an apdu4j dump (an answer has a status word"),
        ("# ATR: 3Z\n", "a.dump, line 1: this is not a line of an apdu4j dump (hex digits are expected"),
    ],
)
def test_what_is_no_dump_is_refused_with_its_line(text: str, sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(text)
    assert str(refused.value).startswith(sentence)


def test_what_is_written() -> None:
    challenge = Event(1.0, "command", "GET CHALLENGE", "MF", "", "0084000002", "ABCD", "9000", seconds=0.0421)
    verify = Event(1.0, "command", "VERIFY", "MF", "", "0020000001**", sw="6A88")
    text = write(Event(1.0, "power on", answer=ATR), challenge, Event(1.0, "reset", answer=ATR), verify)
    assert text == (
        f"# ATR: {ATR}\n# PROTOCOL: T=0\n#\n0084000002\n# 42ms\nABCD9000\n# reset\n"
        "# masked: bytes 6-6 stand as FF\n0020000001FF\n# 0ms\n6A88\n"
    )
    again = read(text)
    assert [each.kind for each in again] == ["power on", "command", "reset", "command"]
    assert bytes_of(again) == bytes_of([challenge, verify])


def test_a_card_of_t1_says_so() -> None:
    text = write(Event(1.0, "power on", answer="3BED00008131FE4500000081"), Event(1.0, "power off"))
    assert text == "# ATR: 3BED00008131FE4500000081\n# PROTOCOL: T=1\n#\n# power off\n"


def test_an_answer_to_reset_that_is_none_has_no_protocol() -> None:
    assert write(Event(1.0, "power on", answer="3B")) == "# ATR: 3B\n#\n"


def test_two_cards_are_refused() -> None:
    one, two = (Event(0.0, "command", apdu="00840000", sw="9000", reader=name) for name in "ab")
    with pytest.raises(TraceError, match="one card is wanted"):
        write(one, two)


def test_a_command_of_fewer_than_four_bytes(tmp_path: Path) -> None:
    """What a terminal sent was sent: it is written, recognised and read again; a command of no bytes has no line."""
    short = Event(1.0, "command", apdu="00A4", sw="6700")
    path = tmp_path / "a.dump"
    path.write_text(write(short, Event(1.0, "command", sw="6700"), Event(1.0, "command", apdu="84", sw="6700")))
    assert bytes_of(read_events(path)) == [("", "00A4", "", "6700"), ("", "84", "", "6700")]
    assert "# a command without bytes, answered 6700\n" in path.read_text()


@pytest.mark.parametrize(
    ("took", "seconds"), [("40ms", 0.04), ("Received in 40ms", 0.04), ("Received in 2s7ms", 2.007), ("9" * 400, 0.0)]
)
def test_times_of_dumps_old_and_new(took: str, seconds: float) -> None:
    # "# Sent" and "# Received in" are of apdu4j before 2026
    (event,) = read(f"# Sent\n00A4040000\n# {took}\n9000\n")
    assert (event.apdu, event.sw, event.seconds) == ("00A4040000", "9000", seconds)


def test_a_masked_answer_to_reset_stays_masked() -> None:
    (event,) = read(write(Event(1.0, "power on", answer="3B**00")))
    assert event.answer == "3B**00"


@pytest.mark.parametrize("text", ["", "{}", "# just a comment\n", "hello\n", "00A4\n", "#\n" * 50_000])
def test_what_does_not_begin_as_a_dump(text: str) -> None:
    assert not apdu4j.begins(text.encode())
