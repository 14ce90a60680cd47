"""A client of the control of a rig: standard library only, TCP or a Unix socket."""

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import urlsplit

from .errors import ControlError

TIMEOUT: Final = 60.0
"""Seconds that a request may take; an insertion waits for PC/SC. A rig sends events or signs of life more often."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
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
        """Send a request and return what it answers: JSON, or text or bytes where that is asked for."""
        connection = self._connect()
        try:
            headers = {"Content-Type": "application/json"} if body is not None else {}
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            return self._read(connection.getresponse())
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from None
        finally:
            connection.close()

    def events(self, after: int | None = None) -> Iterator[dict[str, Any]]:
        """Yield events as they happen, until the rig ends.

        Args:
            after: begin after the event with this number; with the next one if left out.
        """
        connection = self._connect()
        try:
            connection.request("GET", "/events" if after is None else f"/events?after={after}")
            response = connection.getresponse()
            if response.headers.get_content_type() != "text/event-stream":
                self._read(response)
                raise self._stranger()
            for line in response:
                if line.startswith(b"data: "):
                    yield json.loads(line[6:])
        except (ValueError, RecursionError):
            raise self._stranger() from None
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(error) from None
        finally:
            connection.close()

    def _read(self, response: http.client.HTTPResponse) -> Any:
        """Return what an answer holds; raise `ControlError` for a refusal, and for what no rig answers."""
        kind = response.headers.get_content_type()
        try:
            content = response.read()
            if kind == "application/octet-stream" and response.status < 400:
                return content
            answer: Any = json.loads(content) if kind == "application/json" else content.decode()
        except (ValueError, RecursionError):
            raise self._stranger() from None
        if response.status >= 400:
            if not isinstance(answer, dict) or not isinstance(answer.get("error"), str):
                raise self._stranger()
            raise ControlError(answer["error"], response.status)
        if kind not in ("application/json", "application/jsonl", "text/plain"):
            raise self._stranger()
        return answer

    def _connect(self) -> http.client.HTTPConnection:
        if self.address.startswith("unix:"):
            return _UnixConnection(self.address.removeprefix("unix:"), TIMEOUT)
        try:
            parts = urlsplit(self.address)
            return http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        except ValueError:
            raise ControlError(f"{self.address!r} is no address of a rig: http://127.0.0.1:PORT") from None

    def _silent(self, error: Exception) -> ControlError:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error) or type(error).__name__
        return ControlError(f"no rig answers at {self.address} ({why}): start one with `sscard rig`", 503)

    def _stranger(self) -> ControlError:
        return ControlError(f"what answers at {self.address} is no rig: `sscard rig` prints the address of one", 503)
