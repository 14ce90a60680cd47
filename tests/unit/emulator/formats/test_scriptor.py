"""Scripts for scriptor: commands in hex, the rest as comments; `tests/pcsc/test_traces.py` runs one."""

import pytest

from emulator.formats import scriptor
from emulator.trace.errors import TraceError
from emulator.trace.event import Event


def lines(*events: Event) -> list[str]:
    return b"".join(scriptor.write(events)).decode().splitlines()


def test_commands_resets_and_comments() -> None:
    challenge = Event(1.0, "command", "GET CHALLENGE", "MF", "2 random bytes", "0084000002", "ABCD", "9000")
    refused = Event(1.0, "command", "VERIFY", "MF", "PIN masked", "0020000001**", sw="6A88", reason="MF has no PIN")
    found = lines(
        Event(0.0, "inserted", fields="ssc-2.0"),
        Event(0.0, "power on"),
        challenge,
        Event(0.0, "reset"),
        Event(0.0, "power off"),
        Event(0.0, "power on"),
        refused,
    )
    assert found == [
        "# commands for scriptor (pcsc-tools): scriptor THIS-FILE",
        "# inserted ssc-2.0",
        "# GET CHALLENGE MF 2 random bytes",
        "00 84 00 00 02",
        "# < ABCD 9000",
        "reset",
        "# power off",
        "reset",
        "# VERIFY MF PIN masked",
        "# masked, so it is not sent: 0020000001**",
        "# < 6A88  why: MF has no PIN",
    ]


def test_no_comment_ends_the_script() -> None:
    """Scriptor ends at a line with this word, whatever it begins with; and a comment is one line."""
    assert lines(Event(0.0, "note", fields="Exit\nreset"))[1:] == ["# note e-x-i-t\\u000areset"]


def test_two_cards_are_refused() -> None:
    one, two = (Event(0.0, "command", apdu="00840000", sw="9000", reader=name) for name in "ab")
    with pytest.raises(TraceError, match="one card is wanted"):
        lines(one, two)
