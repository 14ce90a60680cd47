"""The trace of a card: events, refusals, text, file, watchers, its limit."""

import json
import stat
from pathlib import Path

import pytest

import sscard

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
CHALLENGE = bytes.fromhex("0084000008")
VERIFY = bytes.fromhex("0020000003123456")


def traced(limit: int = 100) -> sscard.Card:
    card = sscard.Card.issue()
    card.trace = sscard.Trace(limit)
    return card


def test_events_commands_and_refusals() -> None:
    card = traced()
    card.power_on()
    card.transmit(SELECT)
    card.reset()
    card.transmit(VERIFY)
    card.power_off()
    trace = card.trace
    assert trace is not None
    assert [event.kind for event in trace] == ["power on", "command", "reset", "command", "power off"]
    assert [event.name for event in trace.commands] == ["SELECT", "VERIFY"]
    assert [(event.sw, event.reason) for event in trace.refusals] == [("6A88", "MF has no PIN; SSSE has one")]
    trace.clear()
    assert (len(trace), trace.events) == (0, ())


def test_text_has_the_reason_and_no_secret(tmp_path: Path) -> None:
    card = traced()
    card.transmit(VERIFY)
    card.transmit(SELECT)
    trace = card.trace
    assert trace is not None
    lines = str(trace).splitlines()
    assert lines[2] == "              why: MF has no PIN; SSSE has one"
    assert lines[4].endswith("< 611E 30 bytes wait for GET RESPONSE (Part 2, 9.3.2)")
    assert trace.text(last=1).splitlines() == lines[3:]
    trace.save(tmp_path / "trace.jsonl")
    text = (tmp_path / "trace.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line)["name"] for line in text.splitlines()] == ["VERIFY", "SELECT"]
    assert "123456" not in text + str(trace)


def test_only_the_newest_are_kept_and_a_watcher_sees_all() -> None:
    card = traced(limit=2)
    seen: list[str] = []
    assert card.trace is not None
    end = card.trace.watch(lambda event: seen.append(event.kind))
    for _ in range(3):
        card.power_on()
    end()
    card.power_off()
    assert seen == ["power on"] * 3
    assert [event.kind for event in card.trace] == ["power on", "power off"]


def test_a_restored_card_is_still_traced_and_one_without_a_trace_is_not() -> None:
    card = traced()
    trace = card.trace
    assert trace is not None
    card.restore(card.snapshot())
    card.transmit(SELECT)
    assert len(trace.commands) == 1
    card.trace = None
    card.transmit(SELECT)
    assert len(trace.commands) == 1


def test_what_belongs_to_one_reader() -> None:
    with sscard.Rig(["demo", "psam"]) as rig:
        part = rig.trace.of(rig.readers[1].name)
        seen: list[str] = []
        end = part.watch(lambda event: seen.append(event.name))
        rig.readers[0].transmit(CHALLENGE)
        rig.readers[1].transmit(CHALLENGE)
        end()
        assert (len(rig.trace.commands), len(part.commands), seen) == (2, 1, ["", "GET CHALLENGE"])
        assert [line for line in str(rig.trace).splitlines() if line.endswith("[sscard 1]")] == [
            line for line in str(part).splitlines() if "[" in line
        ]
        part.record(part.events[-1])
        assert len(part.commands) == 2
        part.clear()
        assert (len(part), len(rig.trace.commands)) == (0, 1)


def test_the_last_commands_and_what_lies_between() -> None:
    with sscard.Rig(["demo"]) as rig:
        for _ in range(3):
            rig.readers[0].transmit(CHALLENGE)
            rig.readers[0].reset()
        text = rig.trace.text(2)
        assert (text.count("GET CHALLENGE"), text.count("reset"), text.count("power on")) == (2, 2, 0)
        assert rig.trace.text(9) == rig.trace.text()


def test_an_unmasked_trace_shows_nothing_and_saves_everything(tmp_path: Path) -> None:
    card = sscard.Card.issue()
    card.trace = sscard.Trace(unmasked=True)
    card.transmit(VERIFY)
    (event,) = card.trace.events
    assert event.apdu == "0020000003******"
    assert "123456" not in f"{event!r}{event.plain!r}{event.json()}{card.trace}"
    path = tmp_path / "trace.jsonl"
    card.trace.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert json.loads(path.read_text(encoding="utf-8"))["apdu"] == VERIFY.hex().upper()
    with pytest.raises(sscard.SscardError, match="the file exists already, and an unmasked trace replaces none"):
        card.trace.save(path)
    path.chmod(0o644)
    card.trace.save(path, replace=True)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_every_form_is_saved_and_those_with_answers_are_read(tmp_path: Path) -> None:
    card = traced()
    trace = card.trace
    assert trace is not None
    card.power_on()
    card.transmit(SELECT)
    card.transmit(VERIFY)
    for form in ("jsonl", "apdu4j", "pcapng"):
        path = tmp_path / form
        trace.save(path, form=form)
        again = sscard.Trace.read(path, profile="ssc-2.0")
        assert [(each.name, each.apdu, each.sw) for each in again.commands] == [
            (each.name, each.apdu, each.sw) for each in trace.commands
        ], form
        assert [each.answer for each in again if each.kind == "power on"] == [card.atr.hex().upper()]
    bare = sscard.Trace.read(tmp_path / "pcapng")
    assert {each.name for each in bare.commands} == {""}
    for form in ("text", "scriptor"):
        trace.save(tmp_path / form, form=form)
        with pytest.raises(sscard.SscardError, match="no trace"):
            sscard.Trace.read(tmp_path / form)
    with pytest.raises(sscard.SscardError, match="there is no form 'xml'"):
        trace.save(tmp_path / "xml", form="xml")


def test_a_part_of_an_unmasked_trace_is_one(tmp_path: Path) -> None:
    with sscard.Rig(["demo", "psam"], unmasked=True) as rig:
        rig.card.transmit(VERIFY)
        rig.psam.transmit(CHALLENGE)
        part = rig.trace.of(rig.readers[0].name)
        assert part.unmasked
        part.save(tmp_path / "part.jsonl")
        assert part.replay(rig.card) == rig.trace.replay(rig.psam, rig.readers[1].name) == []
    assert "123456" in (tmp_path / "part.jsonl").read_text(encoding="utf-8")
