"""The server: where it listens, what it refuses to take, and that nothing of it stays."""

import socket
import threading
import time
from pathlib import Path

import pytest

import sscard
from emulator.control.client import Client
from emulator.control.errors import ControlError
from emulator.control.server import Server
from tests.kit.control import control_bench


@pytest.fixture
def rig() -> sscard.Rig:
    return sscard.Rig(["demo"])


def test_it_listens_on_the_loopback_unless_it_is_told_otherwise(rig: sscard.Rig) -> None:
    with Server(rig) as server:
        assert server.address.startswith("http://127.0.0.1:")
        assert server.is_local
    with Server(rig, "0.0.0.0") as server:  # noqa: S104
        assert not server.is_local
        port = server.address.rpartition(":")[2]
        answer = _raw(int(port), b"GET /readers/0 HTTP/1.0\r\nHost: test-machine:80\r\n\r\n")
        assert b" 200 " in answer
        answer = _raw(int(port), b"GET /readers/0 HTTP/1.0\r\nHost: test-machine\r\nOrigin: http://evil\r\n\r\n")
        assert b" 403 " in answer


@pytest.mark.parametrize("host", ["localhost", "127.0.0.2", "::1"])
def test_other_loopback_addresses_refuse_foreign_hosts(rig: sscard.Rig, host: str) -> None:
    with Server(rig, host) as server:
        assert server.is_local
        assert Client(server.address).ask("GET", "/readers/0")["reader"] == 0
        with pytest.raises(ControlError, match="is not this machine"):
            Foreign(server.address).ask("GET", "/readers/0")


class Foreign(Client):
    """Asks under another name, as a page does whose name leads to this machine."""

    def _connect(self):  # type: ignore[no-untyped-def]
        connection = super()._connect()
        plain = connection.request
        connection.request = lambda method, path, body, headers: plain(  # type: ignore[method-assign, misc, assignment]
            method, path, body, {**headers, "Host": "evil.example"}
        )
        return connection


def test_a_unix_socket_is_for_its_owner_and_goes(rig: sscard.Rig, tmp_path: Path) -> None:
    path = tmp_path / "rig.sock"
    with Server(rig, path=path) as server:
        assert server.address == f"unix:{path}"
        assert path.stat().st_mode & 0o777 == 0o600
        assert Client(server.address).ask("GET", "/readers/0")["reader"] == 0
        with pytest.raises(ControlError, match=r"^--socket: .* cannot be used: Address already in use$"):
            Server(rig, path=path)
        assert Client(server.address).ask("GET", "/readers/0")["reader"] == 0
    assert not path.exists()


def test_a_dead_socket_is_taken_over_and_a_file_is_not(rig: sscard.Rig, tmp_path: Path) -> None:
    path = tmp_path / "rig.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with Server(rig, path=path) as server:
        assert Client(server.address).ask("GET", "/readers/0")["reader"] == 0
    path.write_text("mine")
    with pytest.raises(ControlError, match="Address already in use"):
        Server(rig, path=path)
    assert path.read_text() == "mine"


def test_where_it_cannot_listen_it_says_why_and_leaves_nothing(rig: sscard.Rig, tmp_path: Path) -> None:
    before = threading.active_count()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ControlError, match=f"^--listen: 127.0.0.1:{port} cannot be used: Address already in use$"):
            Server(rig, port=port)
    for host in ("no.such.host.invalid", "a" * 300, "127.0.0.1.x"):
        with pytest.raises(ControlError, match=r"^--listen: .* is no address: "):
            Server(rig, host)
    with pytest.raises(ControlError, match=r"^--listen: 192.0.2.1:0 cannot be used: "):
        Server(rig, "192.0.2.1")
    for path in (tmp_path / "none" / "rig.sock", tmp_path / ("a" * 200), tmp_path):
        with pytest.raises(ControlError, match=r"^--socket: .* cannot be used: "):
            Server(rig, path=path)
    assert threading.active_count() == before
    assert rig.trace._watchers == []


def test_nothing_stays_after_the_end() -> None:
    before = set(threading.enumerate())
    with control_bench() as bench, bench.stream() as events:
        bench.ask("POST", "/readers/0/remove")
        assert next(events)[1] == "card removed"
        began = time.monotonic()
        bench.server.close()
        assert time.monotonic() - began < 5
        assert list(events) == [], "the stream has ended"
        with pytest.raises(ControlError, match="no rig answers"):
            bench.client.ask("GET", "/readers")
        assert bench.rig.trace._watchers == []
        bench.rig.readers[0].insert(bench.rig.issue())
    left = [each for each in set(threading.enumerate()) - before if each.is_alive() and not each.daemon]
    assert left == []


def _raw(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port)) as link:
        link.settimeout(10)
        link.sendall(request)
        return link.recv(4096)
