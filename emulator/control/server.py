"""The server that a rig is controlled through, in a thread of its own."""

import contextlib
import ipaddress
import json
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from ..reader.vpcd import take_no_signals
from ..rig.rig import Rig
from .app import LOCAL, UNREAD, build
from .controller import Controller
from .errors import ControlError
from .hub import Hub
from .panel import routes as panel_routes

START: Final = 10.0
"""Seconds that the server may take to start."""

END: Final = 2
"""Seconds that requests under way may take when the server ends."""


class Server:
    """Serves the control of a rig until `close`; it does not close the rig.

    Args:
        rig: the rig.
        host, port: where it listens; port 0 for a free one.
        path: a Unix socket, instead of host and port.
        panel: whether it serves the live panel, too.

    Attributes:
        address: where it is reached: ``http://127.0.0.1:8000``, or ``unix:/path``.
        is_local: whether only this machine reaches it.

    Raises:
        ControlError: it cannot listen there; the sentence says why.
    """

    def __init__(
        self,
        rig: Rig,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        path: Path | None = None,
        panel: bool = False,
    ) -> None:
        self._path = path
        self._socket = _bind_unix(path) if path is not None else _bind(host, port)
        hosts: frozenset[str] | None = None  # no browser reaches a Unix socket
        self.is_local = True
        if path is not None:
            self.address = f"unix:{path.absolute()}"
        else:
            bound, number = self._socket.getsockname()[:2]
            self.address = f"http://[{bound}]:{number}" if ":" in bound else f"http://{bound}:{number}"
            # Other machines know this one under names that nobody knows here.
            self.is_local = ipaddress.ip_address(bound.partition("%")[0]).is_loopback
            hosts = LOCAL | {bound, host.lower()} if self.is_local else None
        self.controller: Final = Controller(rig)
        self.hub: Final = Hub(rig.trace)
        config = uvicorn.Config(
            build(self.controller, self.hub, hosts=hosts, more=panel_routes() if panel else None),
            log_level="critical",
            access_log=False,
            lifespan="off",
            timeout_graceful_shutdown=END,
            loop="asyncio",
            http=_Protocol,
            ws="none",
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()
        end = time.monotonic() + START
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                self.close()
                raise ControlError(f"the control server did not start at {self.address}", 500)
            time.sleep(0.002)

    def _run(self) -> None:
        take_no_signals()
        self._server.run(sockets=[self._socket])

    def close(self) -> None:
        """End all streams and the server."""
        self.hub.close()
        self._server.should_exit = True
        self._thread.join(START)
        self._socket.close()
        if self._path is not None:
            with contextlib.suppress(OSError):
                self._path.unlink()

    def __enter__(self) -> Self:
        """Return the server itself, to be closed at the end of the block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the server."""
        self.close()


class _Protocol(H11Protocol):
    """HTTP/1.1, whose own refusals have the form of all others."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP request, and close the connection."""
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        body = json.dumps({"error": f"this is no request in HTTP/1.1: {msg}"}).encode()
        for event in (h11.Response(status_code=400, headers=headers), h11.Data(data=body), h11.EndOfMessage()):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()


def _bind(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        bound = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise ControlError(f"--listen: {host} is no address: {why}") from None
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # so that the rest of a dropped stream goes, too
            bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD * 1000))
        bound.bind(address)
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise ControlError(f"--listen: {host}:{port} cannot be used: {error.strerror or error}") from None
    return bound


def _bind_unix(path: Path) -> socket.socket:
    bound = socket.socket(socket.AF_UNIX)
    try:
        _remove_dead(path)
        bound.bind(str(path))
        path.chmod(0o600)
        bound.listen(128)
    except OSError as error:
        bound.close()
        raise ControlError(f"--socket: {path} cannot be used: {error.strerror or error}") from None
    return bound


def _remove_dead(path: Path) -> None:
    """Remove a socket at which nobody listens any more; a file of any other kind stays."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX) as probe, contextlib.suppress(ConnectionRefusedError):
        probe.settimeout(1)
        probe.connect(str(path))
        return
    path.unlink(missing_ok=True)
