"""A card that does nothing, alone on a plain socket: what the driver, pcscd and the client cost by themselves.

``noop.py PORT ATR [COMMAND=ANSWER...]``, all but the port in hex. It shares no line with the product: no import of
it, no retry, no check. A frame is a length of two bytes and a payload; of control frames only GET ATR is answered.
"""

import socket
import sys


def main(port: str, atr: str, *told: str) -> None:
    """Serve until the reader closes the connection."""
    answers = {b"\x04": bytes.fromhex(atr)}
    for each in told:
        command, _, answer = each.partition("=")
        answers[bytes.fromhex(command)] = bytes.fromhex(answer)
    link = socket.create_connection(("127.0.0.1", int(port)))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        payload = link.recv(int.from_bytes(link.recv(2, socket.MSG_WAITALL)), socket.MSG_WAITALL)
        if not payload:
            return
        if len(payload) > 1 or payload == b"\x04":
            reply = answers.get(payload, b"\x6d\x00")
            link.sendall(len(reply).to_bytes(2) + reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
