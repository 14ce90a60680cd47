"""What the link to the virtual reader needs of a TCP socket, beside sending and receiving."""

import contextlib
import socket
import struct
from typing import Final

CONNECT_TIMEOUT: Final = 5.0

_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Linux alone has it."""


def dial(host: str, port: int) -> socket.socket:
    """Return a connection to a listening driver, made within 5 seconds; raise `OSError` if nobody listens."""
    return socket.create_connection((host, port), CONNECT_TIMEOUT)


def refuse_itself(connection: socket.socket) -> None:
    """Close a connection that reached itself and raise `ConnectionRefusedError`; leave any other alone.

    The driver's ports lie in the range from which the kernel draws source ports. While nothing listens,
    a connection can therefore meet itself, and would keep the driver off its own port.
    """
    if connection.getsockname() == connection.getpeername():
        connection.close()
        raise ConnectionRefusedError("nothing listens there")


def acknowledge_at_once(connection: socket.socket) -> None:
    """Let the kernel acknowledge the next segment without delay; after every answer it falls back to delaying."""
    if _QUICKACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def arrives(connection: socket.socket, seconds: float) -> bool:
    """Wait for the next byte, or for the end, and leave it there; return whether it came within ``seconds``."""
    connection.settimeout(seconds)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    finally:
        # Without a limit: with one, every receive would ask the kernel twice.
        connection.settimeout(None)
    return True


def hang_up(connection: socket.socket, patience: float) -> None:
    """Wake the thread that receives; what it is sending still leaves if the driver reads it within ``patience`` s."""
    with contextlib.suppress(OSError):
        # For a send that a signal interrupts; one in another thread hears nothing of it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(patience), 0))
        connection.shutdown(socket.SHUT_RD)


def cut(connection: socket.socket) -> None:
    """Give up what is being sent."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def reason_of(error: OSError) -> str:
    """Return why a connection failed, in a few words."""
    return error.strerror or str(error) or type(error).__name__
