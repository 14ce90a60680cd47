"""Captures for Wireshark (pcapng): exchanges as Wireshark Upper PDU, which it shows without any option or plug-in.

Link type 252 (LINKTYPE_WIRESHARK_UPPER_PDU). A packet is a list of tags, each with its length, in network order: 12 the
name of the dissector, ``iso7816.atr`` or ``iso7816``, 35 the direction, 0 from the terminal and 1 from the card, and 0
the end; then the bytes. A reader is an interface. What is known of a packet stands in its comment.
"""

import struct
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from ..trace.errors import TraceError
from ..trace.event import LATEST, Event
from ..trace.visible import one_line, quoted
from . import masks
from .source import exchange, unanswered

LINK_TYPE: Final = 252
LINK_TYPES: Final = {
    1: "Ethernet",
    101: "raw IP",
    113: "Linux cooked",
    189: "USB",
    220: "USB",
    249: "USB",
    251: "Bluetooth",
}
"""Names of some link types, for errors."""

_SECTION, _INTERFACE, _PACKET = 0x0A0D0D0A, 1, 6
_OTHER_PACKETS: Final = (2, 3)
_MAGIC: Final = 0x1A2B3C4D
_END, _COMMENT, _NAME, _APPLICATION, _FLAGS, _RESOLUTION = 0, 1, 2, 4, 2, 9
_DISSECTOR, _DIRECTION = 12, 35
_SENT, _RECEIVED = 0, 1
_ATR, _APDU = "iso7816.atr", "iso7816"
_LONGEST: Final = 1 << 24
"""Bytes of the longest block that is read."""
_LONGEST_VALUE: Final = 0xFFFF
"""Bytes of the longest value of an option."""
_MOST_NOTES: Final = 16
"""Notes that wait for the next packet."""


def begins(head: bytes) -> bool:
    """Return whether a file that begins so may be one."""
    return head.startswith(_SECTION.to_bytes(4))


# -- writing ------------------------------------------------------------------------------------------


def write(events: Iterable[Event]) -> Iterator[bytes]:
    """Yield the blocks of a capture."""
    yield _block(_SECTION, struct.pack("<IHHq", _MAGIC, 1, 0, -1), [(_APPLICATION, b"sscard")])
    interfaces: dict[str, int] = {}
    notes: list[str] = []
    for event in events:
        packets = list(_packets(event, notes))
        if packets and event.reader not in interfaces:
            interfaces[event.reader] = len(interfaces)
            name = [(_NAME, _text(event.reader))] if event.reader else []
            yield _block(_INTERFACE, struct.pack("<HHI", LINK_TYPE, 0, 0), [*name, (_RESOLUTION, b"\x06")])
        for packet in packets:
            yield packet.block(interfaces[event.reader])


def _tags(dissector: str, direction: int) -> bytes:
    """Return the tags that come before the bytes of a packet."""
    name = dissector.encode() + bytes(-len(dissector) % 4)
    head = struct.pack(">HH", _DISSECTOR, len(name)) + name
    return head + struct.pack(">HHI", _DIRECTION, 4, direction) + bytes(4)


_HEADS: Final = {_tags(_APDU, direction): direction for direction in (_SENT, _RECEIVED)}
_HEAD: Final = len(next(iter(_HEADS)))
"""Bytes of the tags of a packet of ours."""


@dataclass(frozen=True, slots=True)
class _Packet:
    """A packet to be written: when, what dissects it, which way it went, its bytes, comments."""

    time: float
    dissector: str
    direction: int
    data: bytes
    comments: list[str]

    def block(self, interface: int) -> bytes:
        """Return its block."""
        data = _tags(self.dissector, self.direction) + self.data
        moment = max(0, round(self.time * 1e6))
        body = struct.pack("<IIIII", interface, moment >> 32, moment & 0xFFFFFFFF, len(data), len(data))
        flags = struct.pack("<I", 1 if self.direction == _RECEIVED else 2)
        comments = [(_COMMENT, _text(one_line(each))) for each in self.comments if each]
        return _block(_PACKET, body + data + bytes(-len(data) % 4), [(_FLAGS, flags), *comments])


def _packets(event: Event, notes: list[str]) -> Iterator[_Packet]:
    """Yield the packets of an event; what has none waits in ``notes`` for the next one."""
    if event.kind == "command":
        before = [*notes, masks.note(event.apdu), _what(event)]
        notes.clear()
        sent, response = bytes.fromhex(masks.filled(event.apdu)), event.answer + event.sw
        yield _Packet(event.time - event.seconds, _APDU, _SENT, sent, before)
        received = bytes.fromhex(masks.filled(response))
        yield _Packet(event.time, _APDU, _RECEIVED, received, [_why(event), masks.note(response)])
    elif event.kind in ("power on", "reset") and event.answer:
        atr = bytes.fromhex(masks.filled(event.answer))
        yield _Packet(event.time, _ATR, _RECEIVED, atr, [*notes, event.kind, masks.note(event.answer)])
        notes.clear()
    elif len(notes) < _MOST_NOTES:
        where = f" [{event.reader}]" if event.reader else ""
        notes.append(f"{event.kind} {event.fields}".rstrip() + where)


def _text(text: str) -> bytes:
    """Return a text as the value of an option, cut to what one holds."""
    return text.encode()[:_LONGEST_VALUE].decode(errors="ignore").encode()


def _what(event: Event) -> str:
    return "  ".join(part for part in (event.name, event.file, event.fields) if part)


def _why(event: Event) -> str:
    meaning = f"{event.meaning} ({event.clause})" if event.meaning and event.clause else event.meaning
    if not (event.refused and event.reason):
        return meaning
    return f"why: {event.reason} [{meaning}]" if meaning else f"why: {event.reason}"


def _block(kind: int, body: bytes, options: list[tuple[int, bytes]]) -> bytes:
    tail = b"".join(struct.pack("<HH", code, len(value)) + value + bytes(-len(value) % 4) for code, value in options)
    tail += bytes(4) if options else b""
    length = 12 + len(body) + len(tail)
    return struct.pack("<II", kind, length) + body + tail + struct.pack("<I", length)


# -- reading ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Interface:
    """A reader, its clock, and the command in it whose answer has not come yet."""

    name: str
    second: float
    pending: str | None = None
    since: float = 0.0


_BLOCK_HEADS: Final = {order: struct.Struct(f"{order}II").unpack for order in "<>"}
_PACKET_HEADS: Final = {order: struct.Struct(f"{order}IIIII").unpack_from for order in "<>"}


@dataclass(slots=True)
class _Capture:
    """A capture, block by block; ``order`` is that of its numbers, ``<`` or ``>``."""

    order: str = "<"
    packets: int = 0
    interfaces: list[_Interface] = field(default_factory=list)

    def take(self, kind: int, body: bytes) -> Iterable[Event]:
        """Take a block; return what is complete with it. Raise ValueError, or `struct.error` if the block is cut."""
        if kind == _PACKET:
            self.packets += 1
            return self._packet(body)
        if kind == _INTERFACE:
            self._interface(body)
        elif kind in _OTHER_PACKETS:
            raise ValueError(f"a packet in a block of type {kind}, which has no time or no interface")
        return ()

    def _interface(self, body: bytes) -> None:
        link = struct.unpack_from(f"{self.order}H", body)[0]
        number = len(self.interfaces)
        if link != LINK_TYPE:
            what = LINK_TYPES.get(link)
            raise ValueError(
                f"interface {number} has link type {link}{f' ({what})' if what else ''}, and exchanges with cards are "
                f"read from link type {LINK_TYPE} (Wireshark Upper PDU) only"
            )
        options = self._options(body[8:])
        resolutions = options.get(_RESOLUTION, b"\x06")
        if len(resolutions) != 1:
            raise ValueError(
                f"interface {number} says with {len(resolutions)} bytes how exact its times are (if_tsresol), and it "
                "takes one: the file is damaged"
            )
        resolution = resolutions[0]
        second = 2.0 ** (resolution & 0x7F) if resolution & 0x80 else 10.0**resolution
        self.interfaces.append(_Interface(options.get(_NAME, b"").decode("utf-8", "replace"), second))

    def _packet(self, body: bytes) -> Iterable[Event]:
        number, high, low, length, whole = _PACKET_HEADS[self.order](body)
        if number >= len(self.interfaces):
            raise ValueError(f"packet {self.packets} is of interface {number}, which is not described")
        if length != whole or len(body) < 20 + length:
            raise ValueError(f"packet {self.packets} is cut off")
        interface = self.interfaces[number]
        dissector, direction, data = self._tags(body[20 : 20 + length])
        tail = body[20 + length + -length % 4 :]
        # Only these comments say what is not in the packet.
        wanted = dissector == _ATR or b"masked: " in tail
        comment = self._options(tail).get(_COMMENT, b"").decode("utf-8", "replace") if wanted else ""
        time = (high << 32 | low) / interface.second
        if time >= LATEST:
            raise ValueError(f"packet {self.packets} has a time after 9998")
        if dissector == _ATR:
            kind, answer = "reset" if "reset" in comment.split() else "power on", masks.masked(data, comment)
            return (Event(time, kind, answer=answer, reader=interface.name),)
        if direction == _SENT:
            return self._sent(interface, masks.masked_command(data, comment) if comment else data, time)
        return self._received(interface, masks.masked_answer(data, comment) if comment else data, time)

    def _tags(self, data: bytes) -> tuple[str, int, str]:
        """Return dissector, direction and bytes in hex of a packet."""
        ours = _HEADS.get(data[:_HEAD])
        if ours is not None:
            return _APDU, ours, data[_HEAD:].hex().upper()
        dissector, direction, at = "", -1, 0
        while True:
            tag, length = struct.unpack_from(">HH", data, at)
            value = data[at + 4 : at + 4 + length]
            at += 4 + length
            if tag == _END:
                break
            if tag == _DISSECTOR:
                dissector = value.rstrip(b"\x00").decode("ascii", "replace")
            elif tag == _DIRECTION:
                direction = int.from_bytes(value)
        if dissector not in (_ATR, _APDU):
            what = quoted(dissector or "nothing that has a name")
            raise ValueError(f"packet {self.packets} is of {what}, not of a card")
        if dissector == _APDU and direction not in (_SENT, _RECEIVED):
            raise ValueError(f"packet {self.packets} does not say which way it went")
        return dissector, direction, data[at:].hex().upper()

    @staticmethod
    def _sent(interface: _Interface, data: str, time: float) -> Iterable[Event]:
        before, interface.pending, interface.since = interface.pending, data, time
        return () if before is None else (unanswered(before, time, interface.name),)

    @staticmethod
    def _received(interface: _Interface, data: str, time: float) -> Iterable[Event]:
        command, interface.pending = interface.pending, None
        if command is None:
            return (Event(time, "note", fields="an answer without its command", reader=interface.name),)
        if len(data) < 4:
            return (unanswered(command, time, interface.name),)
        return (exchange(command, data, time, max(0.0, time - interface.since), interface.name),)

    def _options(self, data: bytes) -> dict[int, bytes]:
        """Return the options of a block; comments, of which there may be several, as one."""
        found: dict[int, bytes] = {}
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(f"{self.order}HH", data, at)
            value = data[at + 4 : at + 4 + length]
            if code == _END:
                break
            found[code] = found[code] + b"\n" + value if code == _COMMENT and code in found else value
            at += 4 + length + -length % 4
        return found


def read(stream: BinaryIO, name: str) -> Iterator[Event]:
    """Yield the events; raise `TraceError` where the capture is not one of cards, or is cut off."""
    capture, number = _Capture(), 0
    while head := stream.read(8):
        number += 1
        try:
            kind, body = _read_block(head, stream.read, capture)
            yield from capture.take(kind, body)
        except struct.error:
            raise TraceError(f"{name}: cut off in block {number} of the capture") from None
        except ValueError as error:
            raise TraceError(f"{name}: {error}") from None
    for interface in capture.interfaces:
        if interface.pending is not None:
            yield unanswered(interface.pending, interface.since, interface.name)


def _read_block(head: bytes, take: Callable[[int], bytes], capture: _Capture) -> tuple[int, bytes]:
    """Return type and body of the next block; a section's sets the order of bytes.

    Raises:
        struct.error: it is cut off.
        ValueError: this is no block.
    """
    if len(head) < 8:
        raise struct.error
    extra = b""
    if head[:4] == _SECTION.to_bytes(4):
        extra = take(4)
        if len(extra) < 4:
            raise struct.error
        orders = [order for order in "<>" if extra == struct.pack(f"{order}I", _MAGIC)]
        if not orders:
            raise ValueError("a section of the capture has no order of bytes: the file is damaged")
        capture.order, capture.interfaces = orders[0], []
    kind, length = _BLOCK_HEADS[capture.order](head)
    if length % 4 or not 12 <= length <= _LONGEST:
        raise ValueError(f"a block of the capture has {length} bytes: the file is damaged")
    rest = extra + take(length - 8 - len(extra))
    if len(rest) != length - 8:
        raise struct.error
    if rest[-4:] != head[4:]:
        raise ValueError("a block of the capture begins and ends with other lengths: the file is damaged")
    return kind, rest[:-4]
