"""The card's end of the virtual reader: what each frame is answered, and a link that comes back.

`answer` asks a card what a frame deserves and knows no socket. `Slot` is the thin shell around it: a TCP
client of the vpcd driver, one thread, one slot.

The rules of the link, all of them learned the hard way:

* The driver reads an answer to GET ATR and to an APDU, to nothing else: answering power off, power on
  or reset shifts every later answer by one frame, for good.
* The driver blocks until it has its answer. A frame of length zero leaves it waiting for one byte more.
* The driver sends length and payload in two segments. Unless the card's side acknowledges the first at
  once, Nagle's algorithm and the delayed acknowledgement cost 40 ms on every exchange.
* pcscd gives power to a card that it sees come, and asks for the ATR of one that it believes to know. A card
  that is put in between two of its polls is taken for the one before it, and never gets power (`Entry`).
* The driver cannot tell a command of one byte, 00, 01 or 02, from its own signals: it waits for an answer where
  the card sees a signal. pcscd polls every 0.4 s, and its silence gives this away (`SILENCE`).
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from emulator.frames import MAX_PAYLOAD, Apdu, Decoder, Frame, GetAtr, PowerOff, PowerOn, Reset, encode
from emulator.ports import Insertable
from emulator.service import is_held_up, socket_name

HOST: Final = "127.0.0.1"
"""The driver listens on IPv4 only, so not ``localhost``."""

PORT: Final = 35963
"""TCP port of slot 0 (0x8C7B); slot n listens on the n-th port after it."""

WRONG_LENGTH: Final = b"\x67\x00"
NO_DIAGNOSIS: Final = b"\x6f\x00"
BARE_ATR: Final = b"\x3b\x00"
"""Sent for a card that cannot say its ATR: silence would block the reader."""

FIRST_RETRY: Final = 0.05
"""Seconds before the second attempt to connect; every further wait doubles."""

LONGEST_RETRY: Final = 1.0
RETURN_AFTER: Final = 1.2
"""Seconds to stay away after a lost link: a card back within 0.4 s is taken for the one before it."""

SILENCE: Final = 2.0
"""Seconds without a frame after a signal, after which the driver waits for an answer: pcscd polls every 0.4 s."""

POLL: Final = 0.4
FEWEST_POLLS: Final = 2
"""How often pcscd asks for the ATR of a card that it has seen come, before it gives it power."""

MOST_POLLS: Final = 24
UNREAD_AFTER: Final = 1.0
"""Seconds that `Slot.close` leaves to a driver that does not read an answer."""

CONNECT_TIMEOUT: Final = 5.0
UNNOTICED_AFTER: Final = 3.0
"""Seconds without a frame after which nobody seems to look at the slot."""


# What happened ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Connected:
    """The card sits in the slot that listens at ``host:port``."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Disconnected:
    """An established link was lost; the card tries to return after ``retry_in`` seconds."""

    reason: str
    retry_in: float


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Nothing listens there; reported once, at the first failure of a series of attempts."""

    host: str
    port: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unnoticed:
    """Connected, but no frame came: another card holds the slot, or no reader looks at it."""

    port: int


@dataclass(frozen=True, slots=True)
class Failed:
    """The card raised where it should have answered. The link goes on; the card has a bug."""

    error: Exception
    frame: Frame


Event = Connected | Disconnected | Unreachable | Unnoticed | Failed
Watcher = Callable[[Event], None]


# Answers ------------------------------------------------------------------------------------------


def answer(card: Insertable, frame: Frame, watch: Watcher) -> bytes | None:
    """Return the payload that the driver waits for, 1 to 65,535 bytes, or None where it waits for none.

    An exception out of the card is reported as `Failed` and answered 6F00, never passed on: a dead link
    would show the client success with no data.
    """
    try:
        match frame:
            case Apdu(command):
                # One byte cannot be told from a control byte, and no bytes are no command.
                return _checked(card.transmit(command), 2) if len(command) > 1 else WRONG_LENGTH
            case GetAtr():
                return _checked(card.atr, 2)
            case PowerOff():
                card.power_off()
            case PowerOn():
                card.power_on()
            case Reset():
                card.reset()
    except Exception as error:  # whatever a card's bug raises
        watch(Failed(error, frame))
        return {Apdu: NO_DIAGNOSIS, GetAtr: BARE_ATR}.get(type(frame))
    return None


def _checked(payload: bytes, least: int) -> bytes:
    if not least <= len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"the card answered with {len(payload)} bytes, not with {least} to {MAX_PAYLOAD}")
    return payload


# The link -----------------------------------------------------------------------------------------


class Entry:
    """Finds out whether the reader has seen the card come: it then gives it power after a poll or two.

    A reader that did not see the card before it go takes this one for that one. It polls it and gives no
    power, sends it what is meant for the other, and may show an empty slot for ever. Signals prove nothing:
    pcscd may still reset, or turn off, what it has already missed. Only for drivers that begin by a poll,
    as pcscd's does.

    Attributes:
        seen: whether the card has its power, and the reader nothing more to prove.
    """

    def __init__(self) -> None:
        self.seen = False
        self._allowed = FEWEST_POLLS
        self.begin()

    def begin(self) -> None:
        """Expect everything anew: the card was put into the slot."""
        self.seen, self._polled, self._polls = False, False, 0

    def refuses(self, frame: Frame) -> bool:
        """Take the next frame of a card that is not yet ``seen``; tell whether it is for another card."""
        match frame:
            case PowerOn():
                self.seen, self._allowed = True, FEWEST_POLLS
            case GetAtr() if self._polls == self._allowed:
                # Some readers give power only to a card that somebody uses: leave those more and more time.
                self._allowed = min(2 * self._allowed, MOST_POLLS)
                return True
            case GetAtr():
                self._polled, self._polls = True, self._polls + 1
            case PowerOff() | Reset():
                self._polls = 0
            case Apdu():
                self.seen = not self._polled
        return isinstance(frame, Apdu) and self._polled


def dial(host: str, port: int) -> socket.socket:
    """Connect to a listening driver; OSError when nobody listens."""
    return socket.create_connection((host, port), CONNECT_TIMEOUT)


class Slot:
    """A card in a slot of the virtual reader, until `close` pulls it out.

    `run` serves in the calling thread, `start` in one of its own. As a context manager: started on
    entry, closed on exit. A lost link is dialled again for ever. ``port`` is the port of slot 0;
    ``watch`` hears what happens, in the serving thread; ``service`` is the socket of the reader's pcscd, by
    default the one that PC/SC clients of this process use.
    """

    def __init__(
        self,
        card: Insertable,
        slot: int = 0,
        *,
        host: str = HOST,
        port: int = PORT,
        watch: Watcher = lambda _: None,
        connect: Callable[[str, int], socket.socket] = dial,
        service: str | None = None,
    ) -> None:
        self._card = card
        self._host = host
        self._port = port + slot
        self._watch = watch
        self._connect = connect
        self._service = service or (socket_name() if host == HOST else "")
        self._entry = Entry()
        self._stopping = False
        self._up = threading.Event()
        self._socket: socket.socket | None = None
        self._thread: threading.Thread | None = None

    def run(self) -> None:
        """Serve until `close` is called; returns then, and raises nothing."""
        while not self._asked_to_stop():
            connection = self._dial()
            if connection is None:
                return
            with connection:
                reason = self._serve(connection)
            self._socket = None
            self._up.clear()
            # Out of the reader a card has no power.
            answer(self._card, PowerOff(), self._watch)
            if not self._asked_to_stop():
                self._watch(Disconnected(reason, RETURN_AFTER))
                self._pause(RETURN_AFTER)

    def start(self) -> "Slot":
        """Serve in a thread of its own; returns at once. Starting twice is starting once."""
        if self._thread is not None:
            return self
        self._thread = threading.Thread(target=self.run, name=f"vpcd-{self._port}", daemon=True)
        self._thread.start()
        return self

    def wait(self, timeout: float | None = None) -> bool:
        """Wait, at most ``timeout`` seconds, for the connection; tell whether there is one.

        The PC/SC side sees the card a little later: clients wait for the reader's state to change.
        """
        return self._up.wait(timeout)

    def close(self) -> None:
        """Pull the card out, from any thread or a signal handler's; an answer under way is still sent."""
        self._stopping = True
        connection = self._socket
        if connection is not None:
            _hang_up(connection)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(UNREAD_AFTER)
            if connection is not None and self._thread.is_alive():
                _cut(connection)
            self._thread.join()

    def __enter__(self) -> "Slot":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _dial(self) -> socket.socket | None:
        """Return a connection, or None when asked to stop before there was one."""
        pause, told = FIRST_RETRY, False
        while not self._asked_to_stop():
            try:
                connection = self._connect(self._host, self._port)
                _refuse_itself(connection)
            except OSError as error:
                if not told:
                    self._watch(Unreachable(self._host, self._port, _why(error)))
                    told = True
                self._pause(pause)
                pause = min(pause * 2, LONGEST_RETRY)
            else:
                return connection
        return None

    def _asked_to_stop(self) -> bool:
        return self._stopping

    def _pause(self, seconds: float) -> None:
        """Wait, or less when asked to stop. No lock: `close` may be called by a handler of this very thread."""
        end = time.monotonic() + seconds
        while not self._asked_to_stop() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def _serve(self, connection: socket.socket) -> str:
        """Answer frames until the link ends; return why it ended."""
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(UNNOTICED_AFTER)
        self._socket = connection
        if self._asked_to_stop():  # closed before there was a socket to hang up
            return "closed"
        self._watch(Connected(self._host, self._port))
        self._up.set()
        decoder, entry = Decoder(), self._entry
        entry.begin()
        try:
            for data in self._receive(connection):
                for frame in decoder.feed(data):
                    if not entry.seen and entry.refuses(frame):
                        return "the reader takes it for the card before it"
                    payload = answer(self._card, frame, self._watch)
                    if payload is not None:
                        connection.sendall(encode(payload))
                    else:
                        connection.settimeout(SILENCE)
                    if self._asked_to_stop():
                        return "closed"
        except _Stuck:
            return "the reader waits for an answer to a command of one byte"
        except OSError as error:
            return _why(error)
        return "the reader closed the connection"

    def _receive(self, connection: socket.socket) -> Iterator[bytes]:
        """Yield what arrives, until the other side closes."""
        seen = False
        while True:
            # Not sticky: the kernel falls back to delaying acknowledgements after every exchange.
            if hasattr(socket, "TCP_QUICKACK"):
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            try:
                data = connection.recv(MAX_PAYLOAD + 2)
            except TimeoutError:
                if not seen:
                    self._watch(Unnoticed(self._port))
                    seen = True
                    connection.settimeout(None)
                elif self._waits_for_an_answer(connection):
                    connection.sendall(encode(WRONG_LENGTH))
                    raise _Stuck from None
                continue
            if not data:
                return
            if connection.timeout:  # the first frame, or the one after a signal
                seen = True
                connection.settimeout(None)
            yield data

    def _waits_for_an_answer(self, connection: socket.socket) -> bool:
        """Tell a driver that waits from one that is held up: its pcscd is awake, and still nothing comes."""
        if self._service and is_held_up(self._service, SILENCE):
            return False
        connection.settimeout(POLL)
        try:
            connection.recv(1, socket.MSG_PEEK)
        except TimeoutError:
            return True
        finally:
            connection.settimeout(SILENCE)
        return False


def insert(
    card: Insertable,
    slot: int = 0,
    *,
    host: str = HOST,
    port: int = PORT,
    watch: Watcher = lambda _: None,
) -> Slot:
    """Put a card into a slot, in a thread of its own; close the returned `Slot` to pull it out."""
    return Slot(card, slot, host=host, port=port, watch=watch).start()


def _refuse_itself(connection: socket.socket) -> None:
    """Drop a connection that reached itself; ConnectionRefusedError then.

    The driver's ports lie in the range from which the kernel draws source ports. While nothing listens,
    a connection can therefore meet itself, and would keep the driver off its own port.
    """
    if connection.getsockname() == connection.getpeername():
        connection.close()
        raise ConnectionRefusedError("nothing listens there")


class _Stuck(Exception):
    """The driver has taken a command for a signal, and its client waits."""


def _hang_up(connection: socket.socket) -> None:
    """Wake the thread that receives; what it is sending still leaves, if the driver reads it."""
    with contextlib.suppress(OSError):
        # For a send that a signal interrupts; one in another thread hears nothing of it.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", int(UNREAD_AFTER), 0))
        connection.shutdown(socket.SHUT_RD)


def _cut(connection: socket.socket) -> None:
    """Give up what is being sent."""
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _why(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
