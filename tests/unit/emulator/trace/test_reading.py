"""Reading traces: what is written is read again, and what is none is refused with file and line."""

from pathlib import Path

import pytest

import sscard
from emulator.formats.forms import read_events
from emulator.trace.errors import TraceError
from emulator.trace.reading import read_lines

MOMENT = b'{"time": "2026-11-27T13:26:37.807139+00:00", '


def test_what_a_trace_saves_is_read_again(tmp_path: Path) -> None:
    with sscard.Rig(["demo", "psam"]) as rig:
        rig.card.fault("status", on="GET CHALLENGE", sw="6D00")
        rig.readers[0].transmit(bytes.fromhex("0084000008"))
        rig.terminal().identify()
        rig.readers[0].remove()
        rig.trace.save(tmp_path / "trace.jsonl")
        read = list(read_events(tmp_path / "trace.jsonl"))
        assert {event.kind for event in read} >= {"command", "fault", "inserted", "removed", "power on"}
        for one, other in zip(read, rig.trace, strict=True):
            assert abs(one.time - other.time) < 1e-5
            assert abs(one.seconds - other.seconds) < 1e-6
            assert [
                getattr(one, name) for name in ("kind", "name", "zh", "file", "fields", "apdu", "answer", "sw")
            ] == [getattr(other, name) for name in ("kind", "name", "zh", "file", "fields", "apdu", "answer", "sw")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"hello\n", "this is not JSON"),
        (b"\xff\xfe\n", "this is not JSON"),
        (b"\n", "the line is empty"),
        (b"[1]\n", "this is not an event of a trace"),
        (b'{"a": 1}\n', "required field `time`"),
        (b'{"time": "now", "kind": "note"}\n', "RFC3339"),
        (MOMENT + b'"kind": "Pod"}\n', "'Pod' is no kind of event"),
        (MOMENT + b'"kind": "command", "apdu": "0G", "sw": "9000"}\n', "hexadecimal"),
        (MOMENT + b'"kind": "command", "apdu": "00**0000", "sw": "9000"}\n', "hexadecimal"),
        (MOMENT + b'"kind": "command", "apdu": "00840000"}\n', "status word sw"),
        (MOMENT + b'"kind": "command", "apdu": 5, "sw": "9000"}\n', "Expected `str`"),
        (MOMENT + b'"kind": "not', "the file ends in the middle of a line: this is not JSON"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_place(line: bytes, reason: str) -> None:
    good = MOMENT + b'"kind": "note"}\n'
    with pytest.raises(TraceError) as refused:
        list(read_lines([good, line], "trace.jsonl"))
    assert str(refused.value).startswith("trace.jsonl, line 2: ")
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_line_is_not_repeated_in_its_refusal() -> None:
    with pytest.raises(TraceError) as refused:
        list(read_lines([b'{"pin": "739154", }\n'], "trace.jsonl"))
    assert "739154" not in str(refused.value)
