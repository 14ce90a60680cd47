"""One card of several."""

import pytest

from emulator.formats.single import of_reader, one_card
from emulator.trace.errors import TraceError
from emulator.trace.event import Event

ONE = Event(0.0, "command", apdu="00840000", sw="9000", reader="Virtual 0")
TWO = Event(0.0, "command", apdu="00840000", sw="9000", reader="Virtual 1")
RESET = Event(0.0, "reset", reader="Virtual 1")


def test_commands_of_two_readers_are_refused() -> None:
    assert list(one_card([RESET, ONE, ONE])) == [RESET, ONE, ONE]
    with pytest.raises(TraceError, match="commands in 'Virtual 0' and in 'Virtual 1', and one card is wanted"):
        list(one_card([ONE, TWO]))


def test_a_reader_by_the_beginning_of_its_name() -> None:
    assert list(of_reader([ONE, TWO, RESET], "Virtual 1")) == [TWO, RESET]
    with pytest.raises(TraceError, match="no reader that begins with 'X'; there are 'Virtual 0', 'Virtual 1'"):
        list(of_reader([ONE, TWO], "X"))
