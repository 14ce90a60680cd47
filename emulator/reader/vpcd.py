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
  that is put in between two of its polls is taken for the one before it, and never gets power (`Insertion`).
* The driver cannot tell a command of one byte, 00, 01 or 02, from its own signals: it waits for an answer where
  the card sees a signal. pcscd polls every 0.4 s, and its silence gives this away (`SILENCE`).
"""

import contextlib
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ..ports import Insertable
from .frames import GET_ATR, MAX_PAYLOAD, POWER_OFF, POWER_ON, RESET, encode, read_frame
from .service import is_held_up, socket_name

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

_QUICKACK: Final[int | None] = getattr(socket, "TCP_QUICKACK", None)
"""Linux alone has it."""


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
    """The card raised where it should have answered. The link goes on; the card has a bug.

    The frame stays out of ``repr``: a PIN may be in it.
    """

    error: Exception
    frame: bytes = field(repr=False)


Event = Connected | Disconnected | Unreachable | Unnoticed | Failed
Watcher = Callable[[Event], None]


# Answers ------------------------------------------------------------------------------------------


def answer(card: Insertable, frame: bytes, watch: Watcher) -> bytes | None:
    """Take a frame, and return what the driver waits for, 1 to 65,535 bytes, or None where it waits for nothing.

    Both without their lengths.

    An exception out of the card is reported as `Failed` and answered 6F00, never passed on: a dead link
    would show the client success with no data.
    """
    try:
        if len(frame) > 1:
            return _checked(card.transmit(frame))
        if frame == GET_ATR:
            return _checked(card.atr)
        if frame == POWER_OFF:
            card.power_off()
        elif frame == POWER_ON:
            card.power_on()
        elif frame == RESET:
            card.reset()
        else:
            # Any other byte looks like a control byte, and no bytes are no command.
            return WRONG_LENGTH
    except Exception as error:  # whatever a card's bug raises
        watch(Failed(error, frame))
        if len(frame) > 1:
            return NO_DIAGNOSIS
        return BARE_ATR if frame == GET_ATR else None
    return None


def _checked(payload: bytes) -> bytes:
    if not 2 <= len(payload) <= MAX_PAYLOAD:
        raise ValueError(f"the card answered with {len(payload)} bytes, not with 2 to {MAX_PAYLOAD}")
    return payload


# The link -----------------------------------------------------------------------------------------


class Insertion:
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

    def refuses(self, frame: bytes) -> bool:
        """Take the next frame of a card that is not yet ``seen``; tell whether it is for another card."""
        if frame == POWER_ON:
            self.seen, self._allowed = True, FEWEST_POLLS
        elif frame == GET_ATR:
            if self._polls == self._allowed:
                # Some readers give power only to a card that somebody uses: leave those more and more time.
                self._allowed = min(2 * self._allowed, MOST_POLLS)
                return True
            self._polled, self._polls = True, self._polls + 1
        elif frame in (POWER_OFF, RESET):
            self._polls = 0
        else:
            self.seen = not self._polled
            return self._polled
        return False


def dial(host: str, port: int) -> socket.socket:
    """Connect to a listening driver; OSError when nobody listens."""
    return socket.create_connection((host, port), CONNECT_TIMEOUT)


class Slot:
    """A card in a slot of the virtual reader of a running pcscd, until `close` pulls it out.

    `run` serves in the calling thread, `start` in one of its own. As a context manager: started on entry, closed on
    exit. A lost link is dialled again for ever, so nothing is raised when no reader listens yet.

    Args:
        card: a card, or anything else with the five methods of `Insertable`.
        slot: number of the slot, 0 to 15.
        host, port: where the reader listens; ``port`` is that of slot 0.
        watch: gets what happens, `Connected` and others, in the serving thread.
        connect: dials; gets host and port, returns a socket or raises OSError.
        service: socket of the reader's pcscd; by default the one that PC/SC clients of this process use.

    Example:
        >>> import sscard
        >>> with sscard.Slot(sscard.Card.issue(), port=9) as slot:
        ...     slot.wait(0.1)  # does a reader listen there?
        False
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
        self._insertion = Insertion()
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
            answer(self._card, POWER_OFF, self._watch)
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
        pause, reported = FIRST_RETRY, False
        while not self._asked_to_stop():
            try:
                connection = self._connect(self._host, self._port)
                _refuse_itself(connection)
            except OSError as error:
                if not reported:
                    self._watch(Unreachable(self._host, self._port, _why(error)))
                    reported = True
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
        self._socket = connection
        if self._asked_to_stop():  # closed before there was a socket to hang up
            return "closed"
        self._watch(Connected(self._host, self._port))
        self._up.set()
        self._insertion.begin()
        try:
            self._await_first(connection)
            return self._answer_all(connection)
        except _Stuck:
            return "the reader waits for an answer to a command of one byte"
        except OSError as error:
            return _why(error)

    def _answer_all(self, connection: socket.socket) -> str:
        """Answer frame after frame; every command passes here, so the least that will do."""
        card, watch, entry = self._card, self._watch, self._insertion
        receive, send = connection.recv, connection.sendall
        _acknowledge_at_once(connection)
        while (frame := read_frame(receive)) is not None:
            if not entry.seen and entry.refuses(frame):
                return "the reader takes it for the card before it"
            payload = answer(card, frame, watch)
            if payload is None:
                self._await_next(connection)
            else:
                send(encode(payload))
                _acknowledge_at_once(connection)
            if self._stopping:
                return "closed"
        return "the reader closed the connection"

    def _await_first(self, connection: socket.socket) -> None:
        """Wait until something arrives, and say so once if that takes long."""
        if not _arrives(connection, UNNOTICED_AFTER):
            self._watch(Unnoticed(self._port))

    def _await_next(self, connection: socket.socket) -> None:
        """Wait for what follows a signal.

        Raises:
            _Stuck: nothing does, for the driver waits for an answer, which was sent now.
        """
        while not _arrives(connection, SILENCE):
            if self._waits_for_an_answer(connection):
                connection.sendall(encode(WRONG_LENGTH))
                raise _Stuck

    def _waits_for_an_answer(self, connection: socket.socket) -> bool:
        """Tell a driver that waits from one that is held up: its pcscd is awake, and still nothing comes."""
        if self._service and is_held_up(self._service, SILENCE):
            return False
        return not _arrives(connection, POLL)


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


def _acknowledge_at_once(connection: socket.socket) -> None:
    """Let the kernel acknowledge the next segment without delay; after every answer it falls back to delaying."""
    if _QUICKACK is not None:
        connection.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)


def _arrives(connection: socket.socket, seconds: float) -> bool:
    """Wait for the next byte, or for the end, and leave it there; tell whether it came within so many seconds."""
    connection.settimeout(seconds)
    try:
        connection.recv(1, socket.MSG_PEEK)
    except TimeoutError:
        return False
    finally:
        # Without a limit: with one, every receive would ask the kernel twice.
        connection.settimeout(None)
    return True


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
