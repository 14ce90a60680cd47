"""The client: asks, follows, and says in one sentence what is wrong with an address or an answer."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from emulator.control.client import Client
from emulator.control.errors import ControlError
from tests.kit.control import control_bench


@contextmanager
def stranger(answer: bytes) -> Iterator[str]:
    """A server that gives one answer to whatever it is asked."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)

        def serve() -> None:
            link, _ = server.accept()
            with link:
                link.recv(65536)
                link.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
        thread.join(10)


@pytest.mark.parametrize("over", ["tcp", "unix"])
def test_it_asks_and_follows(over: str, tmp_path: Path) -> None:
    with control_bench(path=tmp_path / "s" if over == "unix" else None) as bench:
        client = Client(bench.server.address)
        assert client.ask("GET", "/readers/0")["name"] == "sscard 0"
        assert client.ask("POST", "/readers/0/remove", {})["card"] is None
        assert "removed" in client.ask("GET", "/trace?format=text")
        with pytest.raises(ControlError) as caught:
            client.ask("POST", "/readers/0/remove")
        assert (caught.value.status, str(caught.value)) == (409, "reader 0 is empty")
        events = client.events(0)
        assert [next(events)["signal"] for _ in range(3)] == ["card ready", "card ready", "card removed"]
        later = client.events()
        threading.Timer(0.3, bench.server.close).start()
        assert [each["signal"] for each in later] == [], "it ends with the rig"
    with control_bench() as bench, pytest.raises(ControlError, match="after: the number of an event was expected"):
        list(Client(bench.server.address).events(-1))


@pytest.mark.parametrize(
    "address",
    ["", "127.0.0.1:80", "https://127.0.0.1", "ftp://x", "http://127.0.0.1:x", "http://[::1", "http://a:99999"],
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ControlError, match=r"is no address of a rig: http://127.0.0.1:PORT"):
        Client(address).ask("GET", "/readers")


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:1", "unix:/nowhere/rig.sock", "unix:" + "a" * 200, "http://x.invalid"]
)
def test_where_nobody_answers_the_sentence_says_what_to_do(address: str) -> None:
    with pytest.raises(ControlError, match=r"^no rig answers at .*: start one with `sscard rig`$"):
        Client(address).ask("GET", "/readers")
    with pytest.raises(ControlError, match=r"^no rig answers at .*: start one with `sscard rig`$"):
        list(Client(address).events())


HEAD = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: "


@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"text/html\r\n\r\n<html>",
        HEAD + b"application/json\r\n\r\n{",
        HEAD + b"application/json\r\n\r\n\xff",
        HEAD + b"application/json\r\n\r\n" + b"[" * 100_000,
        HEAD.replace(b"200 OK", b"404 No") + b"application/json\r\n\r\n[]",
        HEAD.replace(b"200 OK", b"500 No") + b"text/plain\r\n\r\nInternal Server Error",
    ],
    ids=["a page", "half", "no text", "too deep", "other refusals", "an error"],
)
def test_what_is_no_rig_is_said(answer: bytes) -> None:
    with stranger(answer) as address, pytest.raises(ControlError, match=r"^what answers at .* is no rig"):
        Client(address).ask("GET", "/readers")
    with stranger(answer) as address, pytest.raises(ControlError, match=r"^what answers at .* is no rig"):
        list(Client(address).events())


@pytest.mark.parametrize("event", [b"{", b"\xff", b"[" * 100_000], ids=["half", "no text", "too deep"])
def test_an_event_that_no_rig_sends_is_said(event: bytes) -> None:
    answer = HEAD + b"text/event-stream\r\n\r\ndata: " + event + b"\n\n"
    with stranger(answer) as address, pytest.raises(ControlError, match=r"^what answers at .* is no rig"):
        list(Client(address).events())


@pytest.mark.parametrize("answer", [b"", b"\x00\x01\n", HEAD + b"application/json\r\nContent-Length: 99\r\n\r\n{}"])
def test_a_link_that_breaks_is_said(answer: bytes) -> None:
    with stranger(answer) as address, pytest.raises(ControlError, match=r"^no rig answers at "):
        Client(address).ask("GET", "/readers")
