"""The judge itself: readers are told apart, gaps and losses are nobody's fault, memory stays flat."""

import json
import tracemalloc
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path

import pytest

import sscard
from emulator.formats.forms import read_events
from emulator.judge.judge import Judge, judge
from emulator.judge.rules import chosen
from emulator.trace.event import Event
from tests.kit.cli import process, refused
from tests.kit.cli import sscard as run
from tests.kit.judged import SSSE, TRIES, VERIFY, JudgeBench, select


def small(bench: JudgeBench) -> list[Event]:
    """One session without a fault: who the card is, and its PIN."""
    bench.open()
    bench.verify()
    bench.end()
    return list(bench.rig.trace)


def test_readers_are_told_apart() -> None:
    """Two cards that speak in turn are two sessions, whatever the order of their commands."""
    with JudgeBench() as bench:
        one = [event for event in small(bench) if event.reader == "sscard 0"]
    two = [replace(event, reader="another") for event in one]
    assert list(judge(chain(*zip(one, two, strict=True)))) == []
    merged = [replace(event, reader="") for event in chain(*zip(one, two, strict=True))]
    assert list(judge(merged)) != []


def test_a_trace_of_one_reader_needs_no_name_for_it() -> None:
    card = sscard.Card.issue()
    card.trace = sscard.Trace()
    card.power_on()
    card.transmit(bytes.fromhex(SSSE))
    card.transmit(bytes.fromhex("00C000001E"))
    card.transmit(bytes.fromhex(VERIFY))
    card.power_off()
    (found,) = card.trace.judge()
    assert (found.rule, found.reader, found.line) == ("pin-tries-not-asked", "", 4)


def test_only_chosen_rules_are_looked_for() -> None:
    with JudgeBench() as bench:
        bench.power()
        bench.u(VERIFY)
        bench.end()
        assert [each.rule for each in bench.rig.trace.judge(["environment-not-selected"])] == [
            "environment-not-selected"
        ]
        with pytest.raises(sscard.SscardError, match="there is no rule 'nothing'"):
            bench.rig.trace.judge(["nothing"])


def test_what_came_before_the_trace_is_nobodys_fault() -> None:
    """A trace that begins in the middle of a session: whatever may have been done before is taken for done."""
    with JudgeBench() as bench:
        bench.genuine()
        bench.use("DF01")
        bench.verify()
        start = len(bench.rig.trace)
        bench.u(select("EF05"))
        bench.u(TRIES)
        bench.u("0082008410" + "00" * 16)
        bench.end()
        assert list(judge(bench.rig.trace.events[start:])) == []


def test_a_gap_ends_what_is_known() -> None:
    with JudgeBench() as bench:
        bench.open()
        assert bench.raw("00B2010400") == "6C12"
        gap = Event(0.0, "note", fields="3 commands are missing here: they came faster than they could be shown")
        bench.rig.trace.record(gap)
        bench.u(TRIES)
        bench.end()
        assert bench.rules() == []


def test_a_card_that_is_pulled_out_is_not_left_by_the_terminal() -> None:
    with JudgeBench() as bench:
        bench.genuine()
        bench.u("0084000008")
        assert bench.raw("00B2010400") == "6C12"
        bench.rig.readers[0].remove()
        assert bench.rules() == []


def test_personalising_is_no_terminal() -> None:
    """An issuing machine works in another order than a terminal, and breaks no rule by it."""
    finished = sscard.Card.issue()
    with sscard.Rig(["empty"]) as rig:
        rig.readers[0].insert(sscard.Card.blank())
        connection = rig.readers[0].open()
        sscard.personalise(finished, connection.transmit)
        for apdu in (SSSE, select("EF06"), "00B2010414"):  # it reads what it has written
            assert sscard.exchange(connection.transmit, bytes.fromhex(apdu))[1] == 0x9000
        connection.close()
        assert [f"{each.line} {each.rule} {each.text}" for each in rig.trace.judge()] == []


def test_a_terminal_that_ends_where_the_psam_does_not_reach_the_card_has_wasted_nothing() -> None:
    """It has to fetch the random number before it can ask the PSAM (Part 7, 6.2 to 6.4)."""
    with JudgeBench(region="330100") as bench:
        bench.open()
        bench.open_psam()
        with pytest.raises(sscard.TerminalError):
            bench.prove("PUK", 0x06)
        bench.end()
        assert bench.rules() == []


def test_a_card_without_name_extension_is_asked_for_it_all_the_same() -> None:
    with sscard.Rig(["catalogue:no-name-extension", "catalogue:psam"], clock="2026-03-01") as rig:
        rig.terminal().read_basic()
        assert rig.trace.judge() == []


def test_memory_stays_flat() -> None:
    """A trace without end, with a mistake in every session, is judged in the memory of one session."""
    with JudgeBench() as bench:
        bench.genuine()
        bench.u(select("EF06"))
        bench.u("00B2020400")
        bench.end()
        events = tuple(bench.rig.trace)
    one = Judge()
    for event in chain.from_iterable(repeat(events, 20)):
        one.take(event)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        found = 0
        for event in chain.from_iterable(repeat(events, 200)):
            found += len(one.take(event))
        assert found >= 200
        assert tracemalloc.get_traced_memory()[0] - before < 64 << 10
    finally:
        tracemalloc.stop()


# -- the command ----------------------------------------------------------------------------------------


def saved(tmp_path: Path, bench: JudgeBench) -> Path:
    path = tmp_path / "trace.jsonl"
    bench.rig.trace.save(path)
    return path


def test_the_command_prints_findings_and_ends_with_1(tmp_path: Path) -> None:
    with JudgeBench() as bench:
        bench.power()
        bench.u(VERIFY)
        bench.end()
        path = saved(tmp_path, bench)
        found = bench.findings()
    done = run("judge", path)
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert lines[0] == "line 4  error  environment-not-selected  [sscard 0]"
    assert lines[1] == f"    {found[0].text} ({found[0].clause})"
    assert lines[2] == f"    better: {found[0].better}"
    assert lines[-1] == "1 error, 1 warning"
    chinese = run("judge", path, "--language", "zh")
    assert chinese.output.splitlines()[0] == "第 4 行  错误  environment-not-selected  [sscard 0]"
    assert chinese.output.splitlines()[-1] == "错误 1 处，警告 1 处"
    as_json = run("judge", path, "--json")
    assert [json.loads(line) for line in as_json.output.splitlines()] == [each.table() for each in found]


def test_warnings_alone_and_nothing_end_with_0(tmp_path: Path) -> None:
    with JudgeBench() as bench:
        small(bench)
        path = saved(tmp_path, bench)
        assert (run("judge", path).exit_code, run("judge", path).output) == (0, "nothing found\n")
        assert run("judge", path, "--language", "zh").output == "没有发现问题\n"
        bench.open()
        bench.u(VERIFY)
        bench.end()
        done = run("judge", saved(tmp_path, bench))
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "1 warning")
    assert run("judge", path, "--rule", "tac-not-fetched").output == "nothing found\n"


def test_standard_input_is_a_trace(tmp_path: Path) -> None:
    with JudgeBench() as bench:
        small(bench)
        text = saved(tmp_path, bench).read_text(encoding="utf-8")
    assert process("judge", "-", input=text).stdout == "nothing found\n"


def test_bad_input_is_one_sentence_with_its_place(tmp_path: Path) -> None:
    with JudgeBench() as bench:
        small(bench)
        path = saved(tmp_path, bench)
    whole = path.read_bytes()
    path.write_bytes(whole[:-40])
    last = whole.count(b"\n")
    assert refused(run("judge", path)).startswith(f"{path}, line {last}: the file ends in the middle of a line: ")
    assert refused(run("judge", tmp_path / "none.jsonl")) == f"{tmp_path}/none.jsonl: No such file or directory"
    path.write_text("")
    assert refused(run("judge", path)) == f"{path}: the file is empty"
    path.write_text('{"name": "sscard", "version": 1}\n')
    assert refused(run("judge", path)).startswith(f"{path}, line 1: this is not an event of a trace (")
    assert "there is no rule 'x'" in refused(run("judge", path, "--rule", "x"))


def test_a_log_of_another_tool_is_judged_by_its_bytes(tmp_path: Path) -> None:
    """A terminal of another maker with a physical card: a wrong PIN, and what the PIN opens is read nevertheless."""
    path = tmp_path / "dump.txt"
    path.write_text(
        "# ATR: 3B6D000000814A44468660519984214605\n# PROTOCOL: T=0\n"
        "00A404000F7378312E73682EC9E7BBE1B1A3D5CF\n9000\n0020000000\n63C3\n"
        "0020000003999999\n63C2\n00A4000002DF01\n9000\n00A4020002EF05\n9000\n00B2010404\n6982\n"
    )
    done = run("judge", path)
    assert done.exit_code == 1
    assert "wrong-pin-ignored" in done.output
    assert refused(run("judge", path, "--profile", "ssc-9")).startswith("ssc-9")


def test_what_is_saved_is_judged_as_what_was_seen(tmp_path: Path) -> None:
    with JudgeBench() as bench:
        bench.power()
        bench.u(VERIFY)
        bench.end()
        assert list(judge(read_events(saved(tmp_path, bench)))) == bench.findings()
        assert list(judge(bench.rig.trace, chosen(["pin-tries-not-asked"]))) == bench.findings()[1:]
