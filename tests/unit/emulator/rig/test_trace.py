"""The trace of a card: events, refusals, text, file, watchers, its limit."""

import json
from pathlib import Path

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
