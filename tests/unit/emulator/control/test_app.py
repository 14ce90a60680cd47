"""The HTTP side: every operation as its document says, who may ask, and one sentence for every mistake."""

import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from emulator.control import app
from emulator.control.operations import OPERATIONS, STREAMS
from emulator.formats import pcapng
from emulator.trace.event import Event
from tests.kit.control import ControlBench, control_bench
from tests.kit.schema import mistakes

SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
PIN = "0020000003123456"


@pytest.fixture(scope="module")
def shared() -> Iterator[ControlBench]:
    """One server for requests that change nothing."""
    with control_bench() as bench:
        yield bench


@pytest.fixture
def bench() -> Iterator[ControlBench]:
    with control_bench() as made:
        yield made


# -- what the document says ------------------------------------------------------------------------------

DONE: dict[str, tuple[dict[str, int], Any]] = {
    "readers": ({}, None),
    "reader": ({"reader": 0}, None),
    "remove": ({"reader": 1}, None),
    "insert": ({"reader": 1}, {"image": "psam"}),
    "swap": ({"reader": 0}, {"image": "demo", "pin": "4711"}),
    "reset-card": ({"reader": 0}, None),
    "transmit": ({"reader": 0}, {"apdu": "0084000008"}),
    "card": ({"reader": 0}, None),
    "timing": ({"reader": 0}, {"timing": "contact-115200"}),
    "arm": ({"reader": 0}, {"name": "status", "sw": "6581", "on": "GET CHALLENGE"}),
    "faults": ({"reader": 0}, None),
    "disarm": ({"reader": 0, "fault": 1}, None),
    "disarm-all": ({"reader": 0}, None),
    "snapshot": ({"reader": 0}, None),
    "snapshots": ({"reader": 0}, None),
    "restore": ({"reader": 0, "snapshot": 2}, None),
    "kinds": ({}, None),
    "timings": ({}, None),
    "profiles": ({}, None),
    "cards": ({}, None),
    "images": ({}, None),
    "commands": ({}, None),
    "status-words": ({}, None),
    "reset": ({}, None),
}
"""A request for each operation, in an order in which each of them works."""


def test_every_operation_answers_as_the_document_says(bench: ControlBench) -> None:
    document = bench.ask("GET", "/openapi.json").json
    assert DONE.keys() == OPERATIONS.keys()
    for name, (numbers, body) in DONE.items():
        operation = OPERATIONS[name]
        described = document["paths"][operation.path][operation.method.lower()]
        assert described["operationId"] == name
        assert {each["name"] for each in described["parameters"]} == numbers.keys()
        if body is not None:
            schema = described["requestBody"]["content"]["application/json"]["schema"]
            assert mistakes(body, schema, document, name) == []
        answer = bench.ask(operation.method, operation.path.format(**numbers), body)
        assert (answer.status, answer.headers["content-type"]) == (200, "application/json"), (name, answer)
        schema = described["responses"]["200"]["content"]["application/json"]["schema"]
        assert mistakes(answer.json, schema, document, name) == []


def test_the_routes_are_those_of_the_document(shared: ControlBench) -> None:
    """What is described is there under its methods, and under no others."""
    paths = shared.ask("GET", "/openapi.json").json["paths"]
    for path, methods in paths.items():
        asked = re.sub(r"\{\w+\}", "99", path)
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            if (path == "/reset" and method == "POST") or (path == "/events" and method == "GET"):
                continue
            answer = shared.ask(method, asked, {"no such field": 1} if method in ("POST", "PUT") else None)
            if method.lower() in methods:
                assert answer.status in (200, 400, 404), (method, path)
                assert "there is no /" not in answer.body.decode()
            else:
                allowed = sorted(each.upper() for each in methods)
                assert (answer.status, sorted(answer.headers["allow"].split(", "))) == (405, allowed), (method, path)
                assert answer.error.endswith(f", not {method}")


@pytest.mark.parametrize("form", ["jsonl", "text", "json", ""])
def test_the_trace_in_its_forms(shared: ControlBench, form: str) -> None:
    shared.rig.readers[0].transmit(bytes.fromhex(SELECT))
    shared.rig.readers[0].transmit(bytes.fromhex(PIN))
    answer = shared.ask("GET", f"/trace?format={form}" if form else "/trace")
    kinds = {"jsonl": "application/jsonl", "text": "text/plain", "json": "application/json", "": "application/jsonl"}
    assert answer.headers["content-type"].partition(";")[0] == kinds[form]
    assert kinds[form] in STREAMS["trace"].kinds
    assert b"123456" not in answer.body, "a PIN in clear"
    assert b"0020000003******" in answer.body
    if form == "json":
        document = shared.ask("GET", "/openapi.json").json
        events = answer.json
        assert mistakes(events, {"type": "array", "items": {"$ref": "#/components/schemas/Event"}}, document) == []
        assert [each["number"] for each in events] == list(range(1, len(events) + 1))
        later = shared.ask("GET", f"/trace?format=json&after={len(events) - 1}").json
        assert [each["number"] for each in later] == [len(events)]
    elif form != "text":
        lines = [json.loads(line) for line in answer.body.decode().splitlines()]
        assert lines[0]["kind"] == "inserted"
        assert lines[-1]["name"] == "VERIFY"


def test_the_trace_as_a_capture(shared: ControlBench) -> None:
    shared.rig.readers[0].transmit(bytes.fromhex(PIN))
    answer = shared.ask("GET", "/trace?format=pcapng")
    assert answer.headers["content-type"] == "application/octet-stream"
    assert answer.headers["content-type"] in STREAMS["trace"].kinds
    events = list(pcapng.read(io.BytesIO(answer.body), "answer"))
    assert (events[-1].apdu, events[-1].reader) == ("0020000003******", shared.rig.readers[0].name)
    assert bytes.fromhex("123456") not in answer.body


def test_no_secret_is_in_what_is_answered(shared: ControlBench) -> None:
    """Every key of card and PSAM, in hex, in every answer that shows the rig."""
    secrets = [
        key.value.hex().upper() for card in (shared.rig.card, shared.rig.psam) for key in card.contents.keys.values()
    ]
    assert len([each for each in secrets if len(each) >= 16]) > 20
    seen = [
        shared.ask("GET", path).body.decode().upper()
        for path in ("/readers/0/card", "/readers/1/card", "/readers", "/trace")
    ]
    assert [each for each in secrets if len(each) >= 16 and any(each in text for text in seen)] == []


# -- mistakes ----------------------------------------------------------------------------------------------

JSON = [
    (b"{", "the body is no JSON: "),
    (b"[1]", "the body must be a JSON object"),
    (b"null", "the body must be a JSON object"),
    (b"\xff\xfe", "the body is no JSON: "),
    (b"[" * 100_000, "the body is no JSON: "),
    (b'{"image":' * 100_000, "the body is no JSON: "),
    (b'{"image": NaN}', "the body is no JSON: NaN is no number"),
    (b'{"image": "\\ud800"}', "the body is no JSON: "),
    (b'{"imgae": "demo"}', "insert has no field 'imgae'; did you mean 'image'?"),
    (
        b'{"zzz": "demo"}',
        "insert has no field 'zzz'; there are: image, profile, pin, region, financial, settings, values",
    ),
    (b'{"image": 5}', "image: a JSON string was expected"),
    (b'{"image": null}', "image: a JSON string was expected"),
    (b'{"settings": []}', "settings: a JSON object was expected"),
    (b'{"image": "nix"}', "nix: there is no such image file; a new card is 'demo', a new PSAM 'psam'"),
    (b'{"profile": "ssc-2.1"}', "ssc-2.1"),
    (json.dumps({"profile": "a" * 300}).encode(), "neither a file nor a shipped profile"),
    (b'{"pin": "x"}', "pin"),
    (b'{"pin": "1"}', "pin"),
    (b'{"region": "1"}', "region"),
    (b'{"financial": "gold"}', "gold"),
    (b'{"settings": {"pin": 5}}', "settings"),
    (b'{"settings": {"pni": {}}}', "pni"),
    (b'{"settings": {"pin": {"tries": null}}}', "tries"),
    (b'{"values": {"name": 5}}', "name"),
    (b'{"values": {"name": {}}}', "name"),
    (b'{"values": {"name": []}}', "name"),
    (b'{"values": {"nmae": "x"}}', "nmae"),
    (b'{"image": "a.sscard", "pin": "1234"}', "a.sscard"),
    (b'{"image": "dem"}', "dem: there is no such image file; did you mean 'demo'?"),
    (b'{"image": "DEMO"}', "did you mean 'demo'?"),
    (b'{"profile": "ssc-2.O"}', "did you mean 'ssc-2.0'?"),
    (b'{"financial": "edpe"}', "financial.kind: invalid enum value 'edpe'; did you mean 'edep'?"),
    (b'{"image": "psam", "profile": "ssc-2.0"}', "image is 'psam', and profile 'ssc-2.0' is a user card: leave one"),
    (b'{"image": "demo", "profile": "psam"}', "image is 'demo', and profile 'psam' is a PSAM: leave one"),
    (b'{"image": "psam", "pin": "1234"}', "pin: a PSAM has no holder and no PIN: leave it out"),
    (b'{"profile": "psam", "pin": "1234"}', "pin: a PSAM has no holder and no PIN"),
    (b'{"image": "from:"}', "no name stands behind 'from:'"),
    (b'{"image": "psam", "image": "demo"}', "the body is no JSON: 'image' is given twice"),
    (json.dumps({"profile": "a" * 100_000}).encode(), "neither a file nor a shipped profile"),
    (json.dumps({"a" * 100_000: 1}).encode(), "; there are: image, profile"),
    (json.dumps({"settings": {"a" * 100_000: 1}}).encode(), "settings"),
]


@pytest.mark.parametrize(("body", "sentence"), JSON, ids=[each[1][:24] + str(at) for at, each in enumerate(JSON)])
def test_a_wrong_body_is_refused_with_a_sentence(shared: ControlBench, body: bytes, sentence: str) -> None:
    answer = shared.ask("POST", "/readers/2/insert", body)
    assert answer.status in (400, 404)
    assert sentence in answer.error
    assert len(answer.error) < 700
    assert shared.ask("GET", "/readers/2").json["card"] is None


@pytest.mark.parametrize(
    ("method", "path", "status", "sentence"),
    [
        ("GET", "/reders", 404, "there is no /reders; did you mean /readers?"),
        ("GET", "/readers/", 404, "there is no /readers/; did you mean /readers?"),
        ("POST", "/readers/2/insrt", 404, "there is no /readers/2/insrt; did you mean /readers/2/insert?"),
        ("POST", "/readers/0/snapshots/7/resotre", 404, "did you mean /readers/0/snapshots/7/restore?"),
        ("GET", "/zzzzzz", 404, "there is no /zzzzzz; /openapi.json lists all"),
        ("GET", "/" + "a" * 10_000, 404, "; /openapi.json lists all"),
        ("GET", "/readers/" + "9" * 5000, 404, "there is no /readers/999"),
        ("GET", "/readers/-1", 404, "there is no /readers/-1"),
        ("GET", "/readers/x/card", 404, "there is no /readers/x/card"),
        ("GET", "/readers/%00", 404, "there is no /readers/\\u0000"),
        ("GET", "/readers/%ED%A0%80", 404, "there is no /readers/"),
        ("GET", "/../../etc/passwd", 404, "there is no /../../etc/passwd"),
        ("GET", "/readers/9", 404, "there is no reader 9; there are 0 to 2"),
        ("GET", "/readers/2/card", 409, "reader 2 is empty"),
        ("POST", "/readers/2/remove", 409, "reader 2 is empty"),
        ("POST", "/readers/0/insert", 409, "reader 0 holds a card already: remove it first, or swap"),
        ("POST", "/readers/0/transmit", 400, "transmit needs apdu: the command in hexadecimal"),
        ("DELETE", "/readers/0/faults/9", 404, "reader 0 has no fault 9"),
        ("PATCH", "/readers", 405, "/readers takes GET, not PATCH"),
        ("PUT", "/readers/0/faults", 405, "/readers/0/faults takes GET, POST, DELETE, not PUT"),
        ("POST", "/events", 405, "/events takes GET"),
        ("GET", "/trace?format=xml", 400, "there is no format 'xml'; there are: jsonl, text, json, pcapng"),
        ("GET", "/trace?fromat=text", 400, "/trace has no field 'fromat'; did you mean 'format'?"),
        ("GET", "/trace?after=x", 400, "after: the number of an event was expected"),
        ("GET", "/trace?after=-1", 400, "after: the number of an event was expected"),
        ("GET", "/trace?after=" + "9" * 5000, 400, "after: the number of an event was expected"),
        ("GET", "/events?after=1.5", 400, "after: the number of an event was expected"),
        ("GET", "/events?x=1", 400, "/events has no field 'x'; there are: after"),
        ("GET", "/trace?after=1&after=2", 400, "after is given twice"),
        ("GET", "/readers/0?x=1", 400, "reader has no field 'x'"),
        ("POST", "/reset?x", 400, "reset has no field 'x'"),
        ("POST", "/readers/2/insert?image=psam", 400, "image: insert takes its fields as JSON in the body, not in the"),
        ("POST", "/readers/0/faults?on=VERIFY", 400, "on: arm takes its fields as JSON in the body"),
        ("GET", "/readers/99999999999", 404, "there is no /readers/99999999999; did you mean /readers/0?"),
        ("GET", "/readers/%D9%A3", 404, "did you mean /readers/0?"),
        ("POST", "/readers/2/transmit", 400, "transmit needs apdu"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_wrong_request_is_refused_with_a_sentence(
    shared: ControlBench, method: str, path: str, status: int, sentence: str
) -> None:
    answer = shared.ask(method, path)
    assert (answer.status, sentence in answer.error) == (status, True), answer
    assert len(answer.error) < 500


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ({"name": "pul"}, "there is no fault 'pul'; did you mean 'pull'?"),
        ({"name": 5}, "name: a JSON string was expected"),
        ({}, "arm needs name: a kind of fault"),
        ({"name": "pull", "nht": 3}, "fault pull has no parameter 'nht'; did you mean 'nth'?"),
        ({"name": "pull", "nth": {"a": [1]}}, "fault pull: nth is "),
        ({"name": "pull", "on": "READ RECRD"}, "did you mean 'READ RECORD'?"),
        ({"name": "pull", "self": 1}, "no parameter 'self'"),
        ({"name": "pull", "place": 1}, "no parameter 'place'"),
        ({"name": "pull", "operation": 1}, "no parameter 'operation'"),
        ({"name": "garbage-atr", "on": "VERIFY"}, "fault garbage-atr has no selector: leave on, file, nth, times out"),
        ({"name": "garbage-atr", "times": 2}, "fault garbage-atr has no selector"),
        ({"name": "pull", "file": "XX"}, "fault pull: no file is called 'XX': write DF04/EF05, or DF04 for all in it"),
        ({"name": "pull", "file": "DF04/"}, "no file is called 'DF04/'"),
        ({"name": "a" * 100_000}, "there is no fault 'aaa"),
    ],
    ids=str,
)
def test_a_wrong_fault_is_refused_with_a_sentence(shared: ControlBench, body: dict[str, Any], sentence: str) -> None:
    answer = shared.ask("POST", "/readers/0/faults", body)
    assert (answer.status, sentence in answer.error) == (400, True), answer
    assert len(answer.error) < 700


def test_a_wrong_timing_is_refused_with_the_nearest(shared: ControlBench) -> None:
    answer = shared.ask("PUT", "/readers/0/timing", {"timing": "contact-960"})
    assert answer.error == "there is no timing 'contact-960'; did you mean 'contact-9600'?"


def test_a_command_for_an_empty_reader_names_it(shared: ControlBench) -> None:
    answer = shared.ask("POST", "/readers/2/transmit", {"apdu": "0084000008"})
    assert (answer.status, answer.error) == (409, "reader 2 is empty")


def test_a_long_body_is_refused_and_not_kept(shared: ControlBench) -> None:
    answer = shared.ask("POST", "/readers/2/insert", b" " * (app.LONGEST_BODY + 1))
    assert (answer.status, answer.error) == (413, "the body is longer than 1048576 bytes")
    chunk = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
    head = b"POST /readers/2/insert HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert shared.raw(head + chunk * 33).status == 413


def test_a_body_that_does_not_come_is_not_waited_for(shared: ControlBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "BODY", 0.2)
    answer = shared.raw(b"POST /readers/2/insert HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
    assert (answer.status, answer.error) == (408, "the body has not come within 0.2 s")


@pytest.mark.parametrize(
    "request_",
    [b"\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n", b"GET /readers HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"],
    ids=["nothing", "TLS", "half", "two hosts"],
)
def test_what_is_no_http_is_refused_by_the_server(shared: ControlBench, request_: bytes) -> None:
    with shared.connect() as link:
        link.settimeout(20)
        link.sendall(request_)
        link.shutdown(socket.SHUT_WR)
        got = link.makefile("rb").read()
    assert not got or b" 400 " in got.partition(b"\r\n")[0]
    assert not got or got.partition(b"\r\n\r\n")[2].startswith(b'{"error": "this is no request in HTTP/1.1: ')
    assert shared.ask("GET", "/readers").status == 200


def test_a_defect_is_said_and_its_text_is_not(shared: ControlBench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise KeyError("a secret")

    monkeypatch.setattr(shared.server.controller, "readers", fail)
    answer = shared.ask("GET", "/readers")
    assert (answer.status, answer.error) == (500, "a defect of this program (KeyError)")


# -- who may ask -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "LOCALHOST:99", "[::1]:8000", "127.0.0.1:{port}"])
def test_local_names_are_served(shared: ControlBench, host: str) -> None:
    assert shared.ask("GET", "/readers", Host=host.format(port=shared.port)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[::1", "localhost@evil.example", "10.0.0.1"]
)
def test_foreign_hosts_are_refused(shared: ControlBench, host: str) -> None:
    answer = shared.ask("POST", "/readers/0/remove", Host=host)
    assert (answer.status, answer.error.startswith(f"Host {host!r} is not this machine")) == (403, True)
    assert shared.ask("GET", "/readers/0").json["card"]


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "",
        "https://127.0.0.1:{port}",
        "http://127.0.0.1:1",
        "http://127.0.0.1",
        "file://",
    ],
)
@pytest.mark.parametrize(("method", "path"), [("POST", "/readers/0/remove"), ("GET", "/events"), ("GET", "/readers")])
def test_pages_of_others_are_refused(shared: ControlBench, origin: str, method: str, path: str) -> None:
    answer = shared.ask(method, path, Origin=origin.format(port=shared.port))
    assert (answer.status, "is another page" in answer.error) == (403, True)
    assert shared.ask("GET", "/readers/0").json["card"]


def test_a_page_of_this_server_may_ask(shared: ControlBench) -> None:
    assert shared.ask("GET", "/readers", Origin=f"http://127.0.0.1:{shared.port}").status == 200


def test_a_request_without_a_host_gets_no_further_with_a_page(shared: ControlBench) -> None:
    assert shared.raw(b"GET /readers HTTP/1.0\r\n\r\n").status == 200
    assert shared.raw(b"GET /readers HTTP/1.0\r\nOrigin: null\r\n\r\n").status == 403


# -- events ------------------------------------------------------------------------------------------------


def test_the_automation_of_a_terminal_sees_its_signals(bench: ControlBench) -> None:
    with bench.stream() as events:
        bench.ask("POST", "/readers/0/faults", {"name": "status", "on": "GET CHALLENGE", "sw": "6581"})
        bench.ask("POST", "/readers/0/transmit", {"apdu": SELECT})
        bench.ask("POST", "/readers/0/transmit", {"apdu": PIN})
        bench.ask("POST", "/readers/0/transmit", {"apdu": "0084000008"})
        bench.ask("POST", "/readers/0/remove")
        bench.ask("POST", "/readers/0/insert")
        seen = []
        for number, signal, data in events:
            assert (str(data["number"]), data["signal"], data["reader"]) == (number, signal, "sscard 0")
            assert "123456" not in json.dumps(data)
            seen.append(signal)
            if signal == "card ready":
                break
    assert [each for each in seen if each not in ("command", "power off")] == [
        "card powered",
        "fault fired",
        "card removed",
        "card ready",
    ]
    assert seen.count("command") == 3


def test_a_follower_goes_on_where_it_was(bench: ControlBench) -> None:
    for _ in range(5):
        bench.rig.trace.record(Event(1.0, "note", fields="x"))
    last = bench.ask("GET", "/trace?format=json").json[-1]["number"]
    for how in ({"path": f"/events?after={last - 2}"}, {"Last_Event_ID": str(last - 2)}):
        with bench.stream(**how) as events:
            assert [next(events)[0], next(events)[0]] == [str(last - 1), str(last)]
    with bench.stream(Last_Event_ID=str(last + 1000)) as events:
        assert next(events)[0] == "1", "numbers of a rig that was here before"
    assert bench.ask("GET", "/events", Last_Event_ID="x").error == "after: the number of an event was expected"


def test_a_follower_that_does_not_read_is_dropped_and_costs_nothing(
    bench: ControlBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "UNREAD", 0.5)
    followers = bench.server.hub._followers
    text = "x" * 4000
    with bench.connect() as silent, bench.stream() as events:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        silent.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        deadline = time.monotonic() + 10
        while len(followers) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        reader = threading.Thread(target=lambda: [None for _ in events], daemon=True)
        reader.start()
        while len(followers) > 1:
            assert time.monotonic() < deadline, "it is still there"
            for _ in range(100):
                bench.rig.trace.record(Event(1.0, "note", fields=text))
            time.sleep(0.01)
        assert bench.ask("GET", "/readers").status == 200
        assert reader.is_alive()
        (left,) = followers
        before = left.at
        bench.rig.trace.record(Event(1.0, "note"))
        while left.at <= before:
            assert time.monotonic() < deadline, "who reads gets no more"
            time.sleep(0.01)


def test_a_follower_that_is_gone_is_forgotten(bench: ControlBench) -> None:
    followers = bench.server.hub._followers
    with bench.stream(), bench.stream():
        deadline = time.monotonic() + 10
        while len(followers) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    while followers:
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_stream_without_events_shows_that_it_lives(bench: ControlBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app, "HEARTBEAT", 0.05)
    with bench.connect() as link:
        link.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        got = b""
        while got.count(b": still here\n\n") < 2:
            got += link.recv(4096)
    assert b"content-type: text/event-stream" in got
