"""Events for followers: numbered, in order, in their own time; who does not read costs nothing and is dropped."""

import asyncio
import json
import threading

import pytest

import sscard
from emulator.control.hub import BATCH, Hub, numbered
from emulator.control.operations import SIGNALS
from emulator.trace.event import Event

PATIENCE = 0.05


def event(kind: str = "note", text: str = "") -> Event:
    return Event(1.5, kind, fields=text, reader="here")


def filled(count: int, limit: int = 100) -> tuple[sscard.Trace, Hub]:
    trace = sscard.Trace()
    hub = Hub(trace, limit)
    for number in range(count):
        trace.record(event(text=str(number + 1)))
    return trace, hub


def ids(text: str | None) -> list[int]:
    assert text is not None
    return [int(line[4:]) for line in text.splitlines() if line.startswith("id: ")]


def test_events_before_the_hub_have_numbers_too() -> None:
    trace = sscard.Trace()
    trace.record(event(text="early"))
    hub = Hub(trace)
    trace.record(event(text="late"))
    assert [(number, each.fields) for number, each in hub.after()] == [(1, "early"), (2, "late")]
    assert [number for number, _ in hub.after(1)] == [2]
    assert hub.after(2) == hub.after(99) == []


def test_only_the_newest_are_kept() -> None:
    _, hub = filled(30, 10)
    assert [number for number, _ in hub.after()] == list(range(21, 31))


@pytest.mark.parametrize(("kind", "signal"), [*SIGNALS.items(), ("command", "command"), ("reset", "reset")])
def test_a_follower_gets_the_signal_the_number_and_the_data(kind: str, signal: str) -> None:
    async def follow() -> str | None:
        trace = sscard.Trace()
        hub = Hub(trace)
        follower = hub.follow()
        trace.record(event(kind, "a\nb \x1b <script>"))
        return await follower.next(1)

    text = asyncio.run(follow())
    assert text is not None
    first, second, third, *end = text.split("\n")
    assert (first, second, end) == ("id: 1", f"event: {signal}", ["", ""])
    data = json.loads(third.removeprefix("data: "))
    expected = {"number": 1, "signal": signal, "time": 1.5, "kind": kind, "reader": "here"}
    assert data == expected | {"fields": "a\nb \x1b <script>"}
    assert "\x1b" not in text


@pytest.mark.parametrize(
    ("after", "expected"),
    [(None, []), (0, list(range(21, 31))), (25, [26, 27, 28, 29, 30]), (30, []), (31, list(range(21, 31)))],
    ids=["from now", "all that is kept", "the rest", "nothing new", "numbers of another rig"],
)
def test_a_follower_says_where_it_begins(after: int | None, expected: list[int]) -> None:
    async def follow() -> str | None:
        _, hub = filled(30, 10)
        return await hub.follow(after).next(PATIENCE)

    text = asyncio.run(follow())
    assert ids(text) == expected
    if not expected:
        assert text == ": still here\n\n"


def test_many_events_come_in_order_in_several_pieces() -> None:
    async def follow() -> list[int]:
        _, hub = filled(3 * BATCH + 1, 10_000)
        follower = hub.follow(0)
        found: list[int] = []
        while len(found) < 3 * BATCH + 1:
            piece = ids(await follower.next(1))
            assert len(piece) <= BATCH
            found += piece
        return found

    assert asyncio.run(follow()) == list(range(1, 3 * BATCH + 2))


def test_events_of_other_threads_arrive_once_and_in_order() -> None:
    async def follow() -> list[int]:
        trace, hub = filled(0, 10_000)
        follower = hub.follow()

        def record() -> None:
            for _ in range(500):
                trace.record(event())

        threads = [threading.Thread(target=record, daemon=True) for _ in range(4)]
        for each in threads:
            each.start()
        found: list[int] = []
        while len(found) < 2000:
            found += ids(await follower.next(5))
        return found

    assert asyncio.run(follow()) == list(range(1, 2001))


def test_a_follower_that_has_fallen_behind_is_dropped() -> None:
    async def follow() -> str | None:
        trace, hub = filled(5, 10)
        follower = hub.follow()
        for _ in range(11):
            trace.record(event())
        return await follower.next(1)

    assert asyncio.run(follow()) is None


def test_the_end_of_the_hub_ends_followers_also_later_ones() -> None:
    async def follow() -> list[str | None]:
        trace, hub = filled(1)
        early = hub.follow()
        hub.close()
        trace.record(event())
        assert [number for number, _ in hub.after()] == [1]
        return [await early.next(1), await hub.follow().next(1), await hub.follow(0).next(1)]

    assert asyncio.run(follow()) == [None, None, None]


def test_a_card_goes_on_when_the_loop_of_a_follower_is_gone() -> None:
    trace, hub = filled(0)

    async def follow() -> None:
        hub.follow()

    asyncio.run(follow())
    trace.record(event())
    trace.record(event())
    assert len(hub.after()) == 2


def test_a_follower_that_left_is_woken_no_more() -> None:
    async def follow() -> str | None:
        trace, hub = filled(0)
        follower = hub.follow()
        hub.leave(follower)
        hub.leave(follower)
        trace.record(event())
        return await follower.next(PATIENCE)

    assert asyncio.run(follow()) == ": still here\n\n"


def test_a_reason_comes_in_chinese_too_and_an_event_without_one_has_none() -> None:
    refused = numbered(1, Event(1.5, "command", "VERIFY", sw="6983", reason="the PIN is locked: no tries left"))
    assert refused["reason"] == "the PIN is locked: no tries left"
    assert refused["reason_zh"] == "个人密码已锁定，剩余次数为 0"
    assert "reason_zh" not in numbered(2, event())
