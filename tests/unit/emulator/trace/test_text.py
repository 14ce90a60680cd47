"""Plain lines of events."""

import json
import random
import time
from datetime import datetime

import pytest

from emulator.trace.event import Event, _iso
from emulator.trace.text import _clock, event_lines, time_text


def test_a_command_that_is_refused_says_why() -> None:
    event = Event(
        0.0, "command", "VERIFY", "DF04", "PIN masked", "0020", "", "6983", "locked", "Part 5, 6.14", "no tries"
    )
    first, second, third = event_lines(event)
    assert first.endswith(f"{'VERIFY':<24}{'DF04':<10} PIN masked")
    assert second == f"{'':14}> 0020  < 6983 locked (Part 5, 6.14)"
    assert third == f"{'':14}why: no tries"


def test_an_answer_stands_before_its_status_word_and_a_note_is_one_line() -> None:
    good = Event(
        0.0, "command", "READ RECORD", apdu="00B2", answer="3132", sw="9000", meaning="success", reason="kept back"
    )
    assert list(event_lines(good))[1:] == [f"{'':14}> 00B2  < 3132 9000 success"]
    (line,) = event_lines(Event(0.0, "note", fields="in the reader"))
    assert line.endswith("  note in the reader")


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai", "America/St_Johns"])
def test_times_are_those_of_datetime(zone: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounded half to even, in the zone of the machine, summer time too."""
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    drawn = random.Random(15)  # noqa: S311
    shared = (_clock, _iso)
    for each in shared:
        each.cache_clear()
    try:
        moments = [drawn.uniform(4e7, 3e9) for _ in range(200)] + [1.8e9 - 1e-7, 1.8e9 + 0.9999996, 1.8e9 + 0.0005]
        for moment in moments:
            local = datetime.fromtimestamp(moment).astimezone()
            assert time_text(moment) == local.strftime("%H:%M:%S.%f")[:12]
            written = json.loads(Event(moment, "reset").json())["time"]
            assert written == local.isoformat(timespec="microseconds")
    finally:
        monkeypatch.undo()
        time.tzset()
        for each in shared:
            each.cache_clear()


def test_in_chinese_all_but_the_fields_of_a_command_is_chinese() -> None:
    event = Event(
        *(0.0, "command", "VERIFY", "DF04", "PIN masked", "0020", "", "6983", "locked", "Part 5, 6.14"),
        reason="the PIN is locked: no tries left",
        zh="校验",
    )
    assert list(event_lines(event, "zh")) == [
        f"{'':14}校验{'':20}{'DF04':<10} PIN masked",
        f"{'':14}> 0020  < 6983 认证方法锁定 (Part 5, 6.14)",
        f"{'':14}原因：个人密码已锁定，剩余次数为 0",
    ]
    fault = Event(0.0, "fault", "pull", "DF04", "pull nth=2", "00B2", reason="An answer of one byte.")
    assert [line.strip() for line in event_lines(fault, "zh")] == [
        "故障 pull nth=2（DF04）",
        "> 00B2  应答只有一个字节。",
    ]
    (note,) = event_lines(Event(0.0, "note", fields="an answer without its command"), "zh")
    assert note.endswith("  说明 有应答而没有相应的命令")


def test_a_sentence_that_has_no_chinese_form_stays() -> None:
    event = Event(0.0, "command", "VERIFY", apdu="0020", sw="6983", reason="written by another program")
    assert list(event_lines(event, "zh"))[2].endswith("原因：written by another program")
