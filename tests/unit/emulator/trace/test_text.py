"""Plain lines of events."""

from emulator.trace.event import Event
from emulator.trace.text import event_lines


def test_a_command_that_is_refused_says_why() -> None:
    event = Event(
        0.0, "command", "VERIFY", "DF04", "PIN masked", "0020", "", "6983", "locked", "Part 5, 6.14", "no tries"
    )
    first, second, third = event_lines(event)
    assert first.endswith(f"{'VERIFY':<24}{'DF04':<10} PIN masked")
    assert second == f"{'':14}> 0020  < 6983 locked (Part 5, 6.14)"
    assert third == f"{'':14}why: no tries"


def test_an_answer_stands_before_its_status_word_and_a_note_is_one_line() -> None:
    good = Event(
        0.0, "command", "READ RECORD", apdu="00B2", answer="3132", sw="9000", meaning="success", reason="kept back"
    )
    assert list(event_lines(good))[1:] == [f"{'':14}> 00B2  < 3132 9000 success"]
    (line,) = event_lines(Event(0.0, "note", fields="in the reader"))
    assert line.endswith("  note in the reader")
