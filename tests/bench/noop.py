"""A card that does nothing, alone on a plain socket: what the driver, pcscd and the client cost by themselves.

``noop.py PORT ATR [COMMAND=ANSWER...] [HEADER+WRITES...] [FILE]``, all but port, number of writes and file in hex. It
shares no line with the product: no import of it, no retry, no check. A frame is a length of two bytes and a payload;
of control frames only GET ATR is answered.

Before it answers a command with a header that is named with a number of writes, it writes a page so often to FILE,
durably: what a card of the same commands cannot do without.
"""

import os
import socket
import sys

PAGE = bytes(4096)
PAGES = 256


def main(port: str, atr: str, *told: str) -> None:
    """Serve until the reader closes the connection."""
    answers, writes, kept, page = {b"\x04": bytes.fromhex(atr)}, {}, -1, 0
    for each in told:
        if "=" in each:
            command, _, answer = each.partition("=")
            answers[bytes.fromhex(command)] = bytes.fromhex(answer)
        elif "+" in each:
            header, _, count = each.partition("+")
            writes[bytes.fromhex(header)] = int(count)
        else:
            # Space that is there already: the same luck as the card's own log has.
            kept = os.open(each, os.O_RDWR | os.O_CREAT, 0o600)
            os.write(kept, PAGE * PAGES)
            os.fsync(kept)
    link = socket.create_connection(("127.0.0.1", int(port)))
    link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        payload = link.recv(int.from_bytes(link.recv(2, socket.MSG_WAITALL)), socket.MSG_WAITALL)
        if not payload:
            return
        for _ in range(writes.get(payload[:4], 0)):
            os.pwrite(kept, PAGE, page % PAGES * len(PAGE))
            os.fdatasync(kept)
            page += 1
        if len(payload) > 1 or payload == b"\x04":
            reply = answers.get(payload, b"\x6d\x00")
            link.sendall(len(reply).to_bytes(2) + reply)


if __name__ == "__main__":
    main(*sys.argv[1:])
