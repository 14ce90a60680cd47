"""What a report is made of: sessions, cards that come and go, findings at their lines."""

import sscard
from emulator.report.content import content
from tests.kit.judged import JudgeBench, select


def test_a_session_is_what_passes_while_a_card_has_power() -> None:
    with JudgeBench() as bench:
        for _ in range(2):
            bench.genuine()
            bench.end()
        made = content(bench.rig.trace)
    sessions = [section for section in made.sections if section.session]
    assert [section.readers for section in sessions] == [("sscard 0", "sscard 1")] * 2
    assert sum(len(section.rows) for section in made.sections) == len(made.events)
    assert [row.line for section in made.sections for row in section.rows] == list(range(1, len(made.events) + 1))


def test_each_card_is_one_visit_and_a_pulled_one_that_comes_back_is_the_same() -> None:
    with JudgeBench() as bench:
        bench.genuine()
        bench.rig.card.fault("pull", on="SELECT", back=0.0)
        try:
            bench.u(select("EF06"))
        except sscard.TerminalError:
            bench.end()
        bench.genuine()
        bench.end()
        bench.rig.readers[0].swap(bench.rig.issue("ssc-3.0"))
        bench.open()
        bench.end()
        made = content(bench.rig.trace)
    cards = [(visit.reader, visit.kind, visit.version) for visit in made.visits]
    assert cards == [("sscard 1", "psam", ""), ("sscard 0", "ssc-2.0", "2.00"), ("sscard 0", "ssc-3.0", "3.00")]
    assert made.faults == 1


def test_cards_of_a_trace_without_insertions_are_told_apart_by_their_identification_code() -> None:
    with JudgeBench() as bench:
        bench.open()
        bench.end()
        bench.rig.readers[0].swap(bench.rig.issue())
        bench.open()
        bench.end()
        events = [event for event in bench.rig.trace if event.kind not in ("inserted", "removed")]
    first, second = content(events).visits
    assert first.identification != second.identification
    assert {first.reader, second.reader} == {"sscard 0"}


def test_a_finding_of_a_card_is_counted_there() -> None:
    with JudgeBench() as bench:
        bench.power()
        bench.raw("0020000000")
        bench.end()
        made = content(bench.rig.trace)
    (visit,) = [visit for visit in made.visits if not visit.psam and visit.commands]
    assert dict(visit.found) == {"error": 1}
    assert [(row.line, len(row.findings)) for section in made.sections for row in section.rows if row.findings] == [
        (4, 1)
    ]
