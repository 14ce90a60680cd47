"""A cheap check of whether a pcscd is awake.

A pcscd that is stopped, starved or hung answers no client. To ask it needs no PC/SC library: the first message
of every client names its version, and gets one back.
"""

import os
import socket
import struct
from typing import Final

DEFAULT: Final = "/run/pcscd/pcscd.comm"
"""Path of pcscd's socket, unless PCSCLITE_CSOCK_NAME names another."""

_HELLO: Final = struct.pack("=IIiiI", 12, 0x11, 4, 4, 0)
"""Size and number of the command CMD_VERSION, then version 4.4 of the protocol; a pcscd of another one answers, too."""


def socket_name() -> str:
    """Return the path of the socket that PC/SC clients of this process use."""
    return os.environ.get("PCSCLITE_CSOCK_NAME") or DEFAULT


def is_unresponsive(path: str, patience: float) -> bool:
    """Return whether a pcscd listens at a socket and sends nothing for ``patience`` seconds; False if none listens."""
    family = getattr(socket, "AF_UNIX", None)
    if family is None:  # Windows: its PC/SC service has no such socket
        return False
    try:
        with socket.socket(family) as asked:
            asked.settimeout(patience)
            asked.connect(path)
            asked.sendall(_HELLO)
            asked.recv(12)  # or the end, from one that talks to chosen clients only
    except (TimeoutError, BlockingIOError):
        return True
    except OSError:
        return False
    return False
