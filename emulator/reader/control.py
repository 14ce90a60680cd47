"""The owner's end of a stack's control socket: JSON objects, a packet each way, a request at a time.

The other end is `emulator.reader.stack_init`. It ends the stack when this end closes.
"""

import json
import os
import socket
import threading
from collections.abc import Mapping
from typing import Any

from .errors import StackError


class Control:
    """Requests to the first process of a stack.

    Args:
        connection: a connected SOCK_SEQPACKET socket; this object closes it.
        limit: seconds that an answer may take.
    """

    def __init__(self, connection: socket.socket, limit: float) -> None:
        self.limit = limit
        self._socket: socket.socket | None = connection
        self._lock = threading.Lock()

    def first_packet(self, limit: float) -> bytes:
        """Wait for what the process sends by itself, empty at its end; raise `TimeoutError` after ``limit`` seconds."""
        assert self._socket is not None  # noqa: S101 - nothing was asked before
        self._socket.settimeout(limit)
        return self._socket.recv(65536)

    def ask(self, request: Mapping[str, Any]) -> tuple[dict[str, Any], list[int]]:
        """Send a request and return its answer, with the file descriptors that came along.

        Raises:
            StackError: the stack is closed or gone, or the request failed there; the text says which.
        """
        with self._lock:
            if self._socket is None:
                raise StackError("the PC/SC stack is closed")
            self._socket.settimeout(self.limit)
            try:
                self._socket.send(json.dumps(request).encode())
                packet, files, _, _ = socket.recv_fds(self._socket, 65536, 1)
            except TimeoutError:
                # Its answer would be taken for that to the next request: this is the stack's end.
                self.close()
                raise StackError("the PC/SC stack is gone (it does not answer)") from None
            except OSError as error:
                raise StackError(f"the PC/SC stack is gone ({error.strerror})") from None
        if not packet:
            raise StackError("the PC/SC stack is gone")
        answer: dict[str, Any] = json.loads(packet)
        if "failed" in answer:
            raise StackError(answer["failed"])
        return answer, files

    def dial(self, _host: str, port: int) -> socket.socket:
        """Return a connection to a port of the stack, made by its first process; raise `OSError` if nobody listens."""
        try:
            answer, files = self.ask({"connect": port})
        except StackError as error:
            raise ConnectionRefusedError(str(error)) from None
        if not files:
            raise OSError(answer["errno"], os.strerror(answer["errno"]))
        return socket.socket(fileno=files[0])

    def close(self) -> None:
        """Close the socket, which ends the stack; do nothing if it is closed."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
