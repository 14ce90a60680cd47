"""JSON lines: what is written is read again; what is no trace is refused with its line."""

import io

import pytest

import sscard
from emulator.formats import jsonl
from emulator.trace.errors import TraceError
from emulator.trace.event import Event


def read(data: bytes) -> list[Event]:
    return list(jsonl.read(io.BytesIO(data), "a.jsonl"))


def test_what_is_written_is_read_again() -> None:
    card = sscard.Card.issue()
    card.trace = sscard.Trace()
    card.power_on()
    for command in ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "0020000003123456", "0084000008"):
        card.transmit(bytes.fromhex(command))
    events = card.trace.events
    data = b"".join(jsonl.write(events))
    again = read(data)
    assert b"".join(jsonl.write(again)) == data
    assert [each.apdu for each in again] == [each.apdu for each in events]
    assert again[0].answer == card.atr.hex().upper()
    assert jsonl.begins(data)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b'{"a": 1}\n', "line 1: this is not an event of a trace"),
        (
            b'{"time": "2026-01-01T00:00:00Z", "kind": "reset"}\n{"time"',
            "line 2: the file ends in the middle of a line",
        ),
        (b'{"time": "2026-01-01T00:00:00Z", "kind": "other"}\n', "'other' is no kind of event"),
        (b'{"time": "2026-01-01T00:00:00Z", "kind": "command", "apdu": "0x00"}\n', "must be hexadecimal"),
        (b'{"time": "2026-01-01T00:00:00Z", "kind": "command", "apdu": "00840000"}\n', "has a status word"),
        (b'{"time": "2026-01-01T00:00:00Z", "kind": "reset", "answer": "3Z"}\n', "answer must be hexadecimal"),
        (b'{"time": "9999-06-01T00:00:00Z", "kind": "reset"}\n', "the time lies before 1970 or after 9998"),
        (b'{"time": "0001-01-01T00:00:00Z", "kind": "reset"}\n', "the time lies before 1970 or after 9998"),
        (b'[]\n{"time"', "line 1: this is not an event of a trace"),
        (b"\xff\xfe\n", "line 1: this is not JSON"),
        (b'{"a":' * 100_000 + b"\n", "line 1: this is not an event of a trace (its values are nested too deep)"),
        (b'{"time": "2026-01-01T00:00:00Z", "kind": "note", "seconds": -1e300}\n', "seconds must lie between 0 and"),
        (b'{"time": "2026-01-01T00:00:00Z", "kind": "note", "seconds": 1e300}\n', "seconds must lie between 0 and"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(data: bytes, sentence: str) -> None:
    with pytest.raises(TraceError) as refused:
        read(data)
    assert str(refused.value).startswith("a.jsonl, line ")
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)
