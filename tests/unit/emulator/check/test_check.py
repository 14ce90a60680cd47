"""What comes out of a check, as a table."""

from emulator.check.check import Outcome


def test_an_outcome_is_a_table_that_json_can_write() -> None:
    outcome = Outcome("a", "commands", "A", "甲", "Part 5, 5.3", "failed", "why", "原因", "00A4", "6A82")
    assert outcome.table() == {
        "id": "a",
        "group": "commands",
        "title": "A",
        "zh": "甲",
        "clause": "Part 5, 5.3",
        "result": "failed",
        "why": "why",
        "why_zh": "原因",
        "command": "00A4",
        "answer": "6A82",
    }
