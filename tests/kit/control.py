"""A served rig in tests: raw requests, and the events as they come."""

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import sscard
from emulator.control.client import Client
from emulator.control.server import Server

LIMIT = 20.0


class Answer(NamedTuple):
    """What a request got: status, headers in lower case, and the body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def error(self) -> str:
        """The sentence of a refusal: one line, and nothing else is in the answer."""
        assert 400 <= self.status < 600, self
        assert self.headers["content-type"] == "application/json", self
        table = self.json
        assert list(table) == ["error"], table
        sentence: str = table["error"]
        assert sentence, self
        assert "\n" not in sentence, sentence
        assert "Traceback" not in sentence, sentence
        return sentence


class ControlBench:
    """A rig in this process and the server that it is controlled through."""

    def __init__(self, rig: sscard.Rig, server: Server) -> None:
        """Take both."""
        self.rig = rig
        self.server = server
        self.client = Client(server.address)

    @property
    def port(self) -> int:
        """The TCP port of the server."""
        return int(self.server.address.rpartition(":")[2])

    def connect(self) -> socket.socket:
        """Return a connection to the server."""
        link = socket.create_connection(("127.0.0.1", self.port))
        link.settimeout(LIMIT)
        return link

    def raw(self, request: bytes) -> Answer:
        """Send bytes as they are, and read the answer to its end."""
        with self.connect() as link:
            link.sendall(request)
            got = b""
            while part := link.recv(65536):
                got += part
        head, _, body = got.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        return Answer(int(first.split()[1]), headers, body)

    def ask(self, method: str, path: str, body: bytes | object = None, **headers: str) -> Answer:
        """Send a request; a body that is not bytes is sent as JSON. ``headers``: with _ for -, None leaves one out."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        given = {"Host": f"127.0.0.1:{self.port}", "Connection": "close"}
        if content:
            given["Content-Length"] = str(len(content))
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        return self.raw(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode("latin-1") + content)

    @contextmanager
    def stream(self, path: str = "/events", **headers: str) -> Iterator[Iterator[tuple[str, str, dict[str, Any]]]]:
        """Follow the events; yield an iterator of (id, event, data)."""
        lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
        with self.connect() as link:
            link.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
            file = link.makefile("rb")
            assert b"200" in file.readline()
            yield _events(line.decode().rstrip("\n") for line in file)


def _events(lines: Iterator[str]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield id, event and data of each event in the lines of a stream."""
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(": ")
        if colon and name in ("id", "event", "data"):
            fields[name] = value
        if line == "" and fields:
            yield fields["id"], fields["event"], json.loads(fields["data"])
            fields = {}


@contextmanager
def control_bench(*readers: str, **options: Any) -> Iterator[ControlBench]:
    """Serve a rig of this process: with a demo card, a PSAM and an empty reader, if none are named."""
    sources = readers or ("demo", "psam", "empty")
    with sscard.Rig(sources, seed="1", clock="2026-03-01T09:30") as rig, Server(rig, **options) as server:
        yield ControlBench(rig, server)
