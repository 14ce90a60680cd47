"""Logs of pcscd with APDUs (``pcscd --foreground --debug --apdu``): lines ``APDU: …`` and ``SW: …``.

The log has no date, only microseconds since the line before: times count from its beginning. Which reader a command
went to follows from the client that sent it.
"""

import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, Final

from ..trace.errors import TraceError
from ..trace.event import LATEST, Event
from .source import exchange, lines, unanswered

_COLOUR: Final = re.compile(rb"\x1b\[[\d;]*m")
_BEGINS: Final = re.compile(rb"pcscdaemon\.c:|winscard(?:_svc)?\.c:|(?:^|\s)APDU: [0-9A-F]{2}(?:\s|$)", re.MULTILINE)
_SINCE: Final = re.compile(r"(?:^|\s)(\d{8,12}) ")
"""Microseconds since the line before; pcscd writes none to the system's log."""
_PLACE: Final = re.compile(r"(?:^|\s)\S+?:\d+:(?P<place>\w+)\(\) (?P<rest>.*)")
_BYTES: Final = re.compile(r"(?:.*\s)?(?P<what>APDU|SW|Card ATR):(?: (?P<bytes>[0-9A-F ]*))?")
_CLIENT: Final = re.compile(r"Received command: (\w+) from client (\d+)")
_READER: Final = re.compile(r"Authorized client for '(.*)'")
_DONE: Final = re.compile(r"TRANSMIT (?:rv=(?P<before>\w+) )?for client (?P<client>\d+)(?:, rv=(?P<behind>\w+))?")
"""The end of an exchange: pcscd up to 1.9.8 writes the result before the client, and none to the system's log."""
_SUCCESS: Final = frozenset((None, "0x0", "SCARD_S_SUCCESS"))
_INSERTED: Final = re.compile(r"Card inserted into (.*)")
_REMOVED: Final = re.compile(r"Card [Rr]emoved [Ff]rom (.*)")
_RESETS: Final = {"SCardConnect": "power on", "SCardReconnect": "reset", "SCardDisconnect": "reset"}
_MOST_CLIENTS: Final = 256
"""Clients that are remembered; pcscd serves fewer at once."""


def begins(head: bytes) -> bool:
    """Return whether a file that begins so may be one."""
    return bool(_BEGINS.search(_COLOUR.sub(b"", head)))


class _Log:
    """The log, line by line.

    Attributes:
        time: seconds since its beginning.
        pending: commands without an answer, by the client that sent them, in order.
    """

    def __init__(self) -> None:
        self.time = 0.0
        self.pending: dict[str, tuple[str, float]] = {}
        self._client = ""
        self._readers: dict[str, str] = {}
        self._inserted = ""
        self._kind = ""
        self._sending: deque[str] = deque(maxlen=_MOST_CLIENTS)
        self._answers: deque[str] = deque(maxlen=_MOST_CLIENTS)

    def take(self, line: str) -> Iterator[Event]:
        """Take a line; yield what is complete with it. Raise ValueError if its bytes are cut off."""
        said = _PLACE.search(line)
        since = _SINCE.search(line, 0, said.start() + 1 if said else len(line))
        if since is not None:
            self.time = min(self.time + int(since[1]) / 1e6, LATEST - 1)
        bytes_of = _BYTES.fullmatch(line)
        if bytes_of is not None:
            yield from self._bytes(bytes_of["what"], bytes_of["bytes"] or "")
        elif said is not None:
            yield from self._said(said["place"], said["rest"])

    # -- bytes --------------------------------------------------------------------------------

    def _bytes(self, what: str, text: str) -> Iterator[Event]:
        digits = "".join(text.split())
        if len(digits) % 2:
            raise ValueError("a byte has two hex digits")
        if what == "Card ATR":
            yield from self._atr(digits)
        elif what == "APDU":
            client = self._sending.popleft() if self._sending else self._client
            before = self.pending.pop(client, None)
            if before is not None:
                yield unanswered(before[0], self.time, self._reader(client))
            self.pending[client] = (digits, self.time)
        elif len(self.pending) > 1:
            self._answers.append(digits)  # the line "TRANSMIT for client" says whose it is
        else:
            yield from self._answered(next(iter(self.pending), ""), digits)

    def _answered(self, client: str, digits: str) -> Iterator[Event]:
        command = self.pending.pop(client, None)
        reader = self._reader(client)
        if command is None:
            yield Event(self.time, "note", fields="an answer without its command", reader=reader)
        elif len(digits) < 4:
            yield unanswered(command[0], self.time, reader)
        else:
            yield exchange(command[0], digits, self.time, self.time - command[1], reader)

    def _atr(self, digits: str) -> Iterator[Event]:
        reader, self._inserted = self._inserted or self._reader(self._client), ""
        kind, self._kind = self._kind or "power on", ""
        if digits:
            yield Event(self.time, kind, answer=digits, reader=reader)

    def _reader(self, client: str) -> str:
        return self._readers.get(client, "")

    # -- words --------------------------------------------------------------------------------

    def _said(self, place: str, text: str) -> Iterator[Event]:
        if place in _RESETS:
            yield from self._of_card(place, text)
        elif place == "ContextThread":
            yield from self._of_client(text)
        elif place == "EHStatusHandlerThread":
            yield from self._of_reader(text)

    def _of_client(self, text: str) -> Iterator[Event]:
        received, done, reader = _CLIENT.fullmatch(text), _DONE.match(text), _READER.fullmatch(text)
        if received is not None:
            self._client = received[2]
            if received[1] == "TRANSMIT":
                self._sending.append(self._client)
        elif reader is not None:
            if len(self._readers) >= _MOST_CLIENTS:
                self._readers.pop(next(iter(self._readers)))
            self._readers[self._client] = reader[1]
        elif done is not None:
            yield from self._done(done["client"], good={done["before"], done["behind"]} <= _SUCCESS)

    def _done(self, client: str, *, good: bool) -> Iterator[Event]:
        if client in self._sending:  # refused before anything was sent
            self._sending.remove(client)
        elif client in self.pending:
            # Without an answer by now it never comes. Of several the first one: who answers first says so first.
            yield from self._answered(client, self._answers.popleft() if good and self._answers else "")

    def _of_card(self, place: str, text: str) -> Iterator[Event]:
        if text.endswith("complete."):
            self._kind = _RESETS[place]
        elif place == "SCardDisconnect" and text.endswith("POWER_STATE_UNPOWERED"):
            yield Event(self.time, "power off", reader=self._reader(self._client))

    def _of_reader(self, text: str) -> Iterator[Event]:
        inserted, removed = _INSERTED.fullmatch(text), _REMOVED.fullmatch(text)
        if inserted is not None:
            self._inserted, self._kind = inserted[1], "power on"
            yield Event(self.time, "inserted", reader=inserted[1])
        elif removed is not None:
            yield Event(self.time, "removed", reader=removed[1])


def read(stream: BinaryIO, name: str) -> Iterator[Event]:
    """Yield the events; raise `TraceError` where the bytes of a line are cut off."""
    log, found = _Log(), False
    for number, raw in enumerate(lines(stream, name), 1):
        try:
            for event in log.take(_COLOUR.sub(b"", raw).decode("utf-8", "replace").strip()):
                found = True
                yield event
        except ValueError as error:
            raise TraceError(f"{name}, line {number}: the bytes are cut off ({error})") from None
    for command, _ in log.pending.values():
        found = True
        yield unanswered(command, log.time)
    if not found:
        raise TraceError(f"{name}: this log of pcscd has no APDUs: start pcscd with --apdu")
