"""Lines within a limit, and events that have bytes only."""

import io

import pytest

from emulator.formats.source import LONGEST, exchange, lines, unanswered
from emulator.trace.errors import TraceError


def test_a_line_that_is_longer_than_any_exchange_is_refused() -> None:
    assert list(lines(io.BytesIO(b"a\nb"), "file")) == [b"a\n", b"b"]
    with pytest.raises(TraceError, match=r"^file, line 2: longer than 1048576 bytes: this is not a trace$"):
        list(lines(io.BytesIO(b"a\n" + b"b" * LONGEST), "file"))


def test_an_answer_ends_with_the_status_word() -> None:
    event = exchange("0084000002", "ABCD9000", 7.5, 0.5, "one")
    assert (event.kind, event.apdu, event.answer, event.sw) == ("command", "0084000002", "ABCD", "9000")
    assert (event.time, event.seconds, event.reader, event.name) == (7.5, 0.5, "one", "")


def test_the_data_of_a_command_without_an_answer_are_not_shown() -> None:
    assert unanswered("0020000003123456").fields == "no answer to 00200000…: was the card pulled out?"
    assert unanswered("00200000").fields == "no answer to 00200000: was the card pulled out?"
