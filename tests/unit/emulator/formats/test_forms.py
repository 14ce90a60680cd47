"""The table of forms: what a file is shows from its contents; what is none is refused."""

import json
import tracemalloc
from pathlib import Path

import pytest

from emulator.cli.traces import _FORMS
from emulator.formats.forms import FORMS, WRITTEN, read_events, write_events
from emulator.formats.single import of_reader
from emulator.trace.errors import TraceError
from tests.kit.places import DATA
from tests.kit.traces import bytes_of

BESIDE = DATA / "pcscd-1.9.9.jsonl"
READ_AND_WRITTEN = [name for name, form in FORMS.items() if form.read and form.write]


@pytest.mark.parametrize("name", READ_AND_WRITTEN)
def test_a_file_is_recognised_by_what_is_in_it(name: str, tmp_path: Path) -> None:
    """Also under a wrong name, and in its own form only."""
    path = tmp_path / "trace.txt"
    events = [each for each in read_events(BESIDE) if each.reader.endswith("00 00")]
    path.write_bytes(b"".join(write_events(events, name)))
    again = [(apdu, answer, sw) for _, apdu, answer, sw in bytes_of(read_events(path))]
    assert again == [(apdu, answer, sw) for _, apdu, answer, sw in bytes_of(events)]
    assert [each.name for each in FORMS.values() if each.begins(path.read_bytes())] == [name]


def test_the_command_line_offers_what_can_be_written() -> None:
    assert set(_FORMS) == set(WRITTEN)
    with pytest.raises(
        TraceError, match="there is no form 'pcscd' to write; there are: jsonl, text, scriptor, apdu4j, p"
    ):
        write_events([], "pcscd")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "the file is empty"),
        (b" \n\n", "the file is empty"),
        (b"SQLite format 3\0", "this is no trace of a form that is read: jsonl, apdu4j, pcapng, pcscd"),
        (b"hello, world\n", "this is no trace of a form that is read: jsonl, apdu4j, pcapng, pcscd"),
        (b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "a capture in the old form; let Wireshark save it as pcapng"),
        (
            b"# commands for scriptor (pcsc-tools): scriptor THIS-FILE\n",
            "this is a script for `scriptor` of pcsc-tools, of one card: such a file has no answers",
        ),
        (b"# ATR: 3B00\n", ""),
        (b"# PROTOCOL: T=0\n", "nothing passed while this was recorded"),
    ],
)
def test_what_is_no_trace(data: bytes, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    if not sentence:
        assert len(list(read_events(path))) == 1
        return
    with pytest.raises(TraceError) as refused:
        list(read_events(path))
    assert str(refused.value).startswith(f"{path}: {sentence}")


@pytest.mark.parametrize(
    "lines",
    [
        [{"kind": "x" * 70_000}],
        [{"kind": "command", "apdu": "00840000", "sw": "9000", "reader": letter * 70_000} for letter in "xy"],
    ],
    ids=["kind", "readers"],
)
def test_a_sentence_is_short_whatever_the_file_holds(lines: list[dict[str, str]], tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("".join(json.dumps({"time": "2026-01-01T00:00:00Z"} | line) + "\n" for line in lines))
    with pytest.raises(TraceError) as refused:
        list(write_events(of_reader(read_events(path), "" if len(lines) > 1 else "x"), "apdu4j"))
    assert "x" * 80 + "…'" in str(refused.value)
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("name", ["jsonl", "apdu4j"])
def test_text_may_begin_with_a_byte_order_mark(name: str, tmp_path: Path) -> None:
    """As editors of Windows save it."""
    events = [each for each in read_events(BESIDE) if each.reader.endswith("00 00")]
    data = b"".join(write_events(events, name))
    for path, begins in ((tmp_path / "with", b"\xef\xbb\xbf"), (tmp_path / "without", b"")):
        path.write_bytes(begins + data)
    assert list(read_events(tmp_path / "with")) == list(read_events(tmp_path / "without"))


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path, reason in ((tmp_path / "none", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(TraceError, match=f"^{path}: {reason}$"):
            list(read_events(path))


@pytest.mark.parametrize("name", READ_AND_WRITTEN)
def test_memory_does_not_grow_with_the_file(name: str, tmp_path: Path) -> None:
    events = [each for each in read_events(BESIDE) if each.reader.endswith("00 00")]
    path = tmp_path / "a"
    with path.open("wb") as file:
        file.writelines(write_events(events * 1000, name))
    assert path.stat().st_size > 300_000
    tracemalloc.start()
    try:
        for _ in write_events(read_events(path), "pcapng"):
            pass
        assert tracemalloc.get_traced_memory()[1] < 150_000
    finally:
        tracemalloc.stop()
