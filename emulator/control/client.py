"""A client of the control of a rig: standard library only, TCP or a Unix socket."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import ControlError

TIMEOUT: Final = 60.0
"""Seconds that a request may take; an insertion waits for PC/SC."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float | None) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class Client:
    """Asks the control of a rig.

    Args:
        address: ``http://127.0.0.1:8000`` or ``unix:/path``, what SSCARD_CONTROL holds.

    Raises:
        ControlError: nobody answers there, or the request is refused; one sentence.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        if not address.startswith(("http://", "unix:")):
            raise ControlError(f"{address!r} is no address of a rig: http://127.0.0.1:PORT or unix:/path")

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        """Send a request and return what it answers: JSON, or text where that is asked for."""
        connection = self._connect(TIMEOUT)
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from None
        finally:
            connection.close()
        is_json = response.headers.get_content_type() == "application/json"
        answer: Any = json.loads(text) if is_json else text
        if response.status >= 400:
            refusal = answer["error"] if isinstance(answer, dict) else f"status {response.status}"
            raise ControlError(refusal, response.status)
        return answer

    def events(self, after: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield events as they happen, until the rig ends."""
        connection = self._connect(None)
        try:
            connection.request("GET", "/events" if after is None else f"/events?after={after}")
            response = connection.getresponse()
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from None
        finally:
            connection.close()

    def _connect(self, timeout: float | None) -> http.client.HTTPConnection:
        if self.address.startswith("unix:"):
            return _UnixConnection(self.address.removeprefix("unix:"), timeout)
        parts = urlsplit(self.address)
        try:
            return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
        except ValueError:
            raise ControlError(f"{self.address!r} is no address of a rig: the port is no number") from None

    def _silent(self, error: Exception) -> ControlError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        return ControlError(f"no rig answers at {self.address} ({why}): start one with `sscard rig`", 503)
