"""Plain lines: as the trace shows them; times that have no date, and none at all."""

from emulator.formats import text
from emulator.trace.event import Event


def test_lines_of_a_command_that_was_refused() -> None:
    event = Event(
        2.5,
        "command",
        "READ RECORD",
        "DF04/EF05",
        "record 1",
        "00B2012C00",
        sw="6982",
        meaning="not satisfied",
        clause="Part 5, table 5",
        reason="because",
        reader="one",
    )
    assert b"".join(text.write([event])).decode() == (
        "00:00:02.500  READ RECORD             DF04/EF05  record 1  [one]\n"
        "              > 00B2012C00  < 6982 not satisfied (Part 5, table 5)\n"
        "              why: because\n"
    )


def test_no_time_and_no_status_word() -> None:
    event = Event(0.0, "command", "GET CHALLENGE", apdu="0084000008", clause="Part 5, 6.5")
    assert b"".join(text.write([event])).decode() == (
        "              GET CHALLENGE\n              > 0084000008  (Part 5, 6.5)\n"
    )


def test_what_would_move_a_cursor_stands_by_its_number() -> None:
    assert b"".join(text.write([Event(0.0, "note", fields="a\x1b[2Jb")])) == b"              note a\\u001b[2Jb\n"
