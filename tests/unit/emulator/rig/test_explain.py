"""Traces of other tools and single commands, described: as the engine describes the same bytes, where it knows them."""

from pathlib import Path

import pytest

import sscard
from emulator.formats.forms import read_events, write_events
from emulator.rig.explain import Explainer
from emulator.trace.event import Event
from tests.kit.places import DATA
from tests.kit.traces import recorded_day

TABLE_5 = "Part 5, table 5"
SHOWN = ("name", "zh", "file", "fields", "apdu", "answer", "sw", "meaning", "clause")


def shown(events: list[Event]) -> list[tuple[str, ...]]:
    return [tuple(getattr(each, name) for name in SHOWN) for each in events if each.kind == "command"]


def bare(path: Path, trace: sscard.Trace) -> Path:
    """Write a trace as a capture: the bytes, without names and reasons."""
    trace.save(path, form="pcapng", replace=True)
    return path


def test_a_day_of_which_only_bytes_are_left_is_described_as_it_was(tmp_path: Path) -> None:
    day = recorded_day()
    path = bare(tmp_path / "day.pcapng", day.trace)
    found = list(Explainer(psam=day.readers[1]).events(read_events(path)))
    assert shown(found) == shown(list(day.trace))
    assert {each.name for each in read_events(path)} == {""}
    assert "123456" not in "".join(each.json() for each in found)
    assert {each.reader for each in found} == set(day.readers)


def test_a_real_log_of_pcscd_tells_why() -> None:
    found = list(Explainer().events(read_events(DATA / "pcscd-1.9.9.log")))
    whys = [(each.name, each.file, each.sw, each.reason) for each in found if each.refused]
    assert whys == [
        ("READ RECORD", "DF04/EF05", "6982", "in ssc-2.0 DF04/EF05 read needs PIN | RK1DF04; proven: nothing"),
        ("GET CHALLENGE", "DF04", "6A86", "in ssc-2.0 GET CHALLENGE has P1 00 with P2 00"),
    ]
    after_reset = found[[each.kind for each in found].index("reset") + 1]
    assert (after_reset.name, after_reset.file) == ("GET CHALLENGE", "MF")
    assert found[1].fields == "ATR 3B6D000000814A44468660519947187938"


def test_what_was_described_stays_as_it_is() -> None:
    events = list(read_events(DATA / "pcscd-1.9.9.jsonl"))
    found = list(Explainer("ssc-3.0").events(events))
    assert shown(found) == shown(events)


def test_masked_bytes_stay_masked(tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    path.write_bytes(b"".join(write_events(read_events(DATA / "pcscd-1.9.9.jsonl"), "pcapng")))
    found = list(Explainer().events(read_events(path)))
    assert [each.apdu for each in found if each.name == "VERIFY"] == ["0020000003******"]


@pytest.mark.parametrize(
    ("command", "answer", "name", "sw", "clause", "reason"),
    [
        ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", None, "SELECT", "", "Part 5, 6.11", ""),
        ("B028010113" + "00" * 19, None, "INITIALIZE FOR PURCHASE", "", "Part 5, 7.6", ""),
        ("805000020B" + "00" * 11, None, "INITIALIZE FOR LOAD", "", "JR/T 0025; FMCOS 2.0 manual, 8.7.1", ""),
        ("0084010008", "6A86", "GET CHALLENGE", "6A86", TABLE_5, "in ssc-2.0 GET CHALLENGE has P1 00 with P2 00"),
        ("0084000003", "6700", "GET CHALLENGE", "6700", TABLE_5, "in ssc-2.0 GET CHALLENGE has Le 04, 08, 10"),
        ("0084000008", "6985", "GET CHALLENGE", "6985", "", "GET CHALLENGE has no status word 6985 (Part 5, 6.5)"),
        # What was selected and proven before is not known.
        ("00B2012C00", "6982", "READ RECORD", "6982", TABLE_5, ""),
        ("00F1000000", None, "INS F1", "", "", "no directory of ssc-2.0 has such a command"),
        ("00F1000000", "6D00", "INS F1", "6D00", TABLE_5, None),
    ],
)
def test_a_command_alone(command: str, answer: str | None, name: str, sw: str, clause: str, reason: str | None) -> None:
    event = Explainer().alone(bytes.fromhex(command), None if answer is None else bytes.fromhex(answer))
    assert (event.name, event.sw) == (name, sw)
    if clause:
        assert event.clause == clause
    if reason is None:
        assert event.reason.startswith("in ssc-2.0 ")
    else:
        assert event.reason == reason


def test_a_pin_of_a_command_alone_is_masked() -> None:
    event = Explainer().alone(bytes.fromhex("0020000003123456"))
    assert (event.apdu, event.fields) == ("0020000003******", "PIN masked")
