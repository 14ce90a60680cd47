"""The card's end of the virtual reader: the answer to each frame, and a link that comes back.

`answer` asks a card for the answer to a frame and knows no socket. `Slot` is the thin shell around it: a TCP
client of the vpcd driver, one thread, one slot. What happens on the link is in `emulator.reader.events`.

The rules of the link, all of them observed:

* The driver reads an answer to GET ATR and to an APDU, to nothing else: answering power off, power on
  or reset shifts every later answer by one frame, for good.
* The driver blocks until it has its answer. A frame of length zero leaves it waiting for one byte more.
* The driver sends length and payload in two segments. Unless the card's side acknowledges the first at
  once, Nagle's algorithm and the delayed acknowledgement cost 40 ms on every exchange.
* pcscd gives power to a card that it sees come, and asks for the ATR of one that it takes for an old one. A card
  that is put in between two of its polls is taken for the one before it, and never gets power (`Insertion`).
* The driver cannot distinguish a command of one byte, 00, 01 or 02, from its own signals: it waits for an answer where
  the card sees a signal. pcscd polls every 0.4 s, and its silence gives this away (`SILENCE`).
"""

import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

from ..ports import AsIs, CardRemoved, Insertable
from .events import Connected, Disconnected, Event, Failed, Removed, Unnoticed, Unreachable, Watcher
from .frames import GET_ATR, MAX_PAYLOAD, POWER_OFF, POWER_ON, RESET, encode, read_frame
from .insertion import Insertion
from .service import is_unresponsive, socket_name
from .sockets import acknowledge_at_once, arrives, cut, dial, hang_up, reason_of, refuse_itself

HOST: Final = "127.0.0.1"
"""The driver listens on IPv4 only, so not ``localhost``."""

PORT: Final = 35963
"""TCP port of slot 0 (0x8C7B); slot n listens on the n-th port after it."""

WRONG_LENGTH: Final = b"\x67\x00"
NO_DIAGNOSIS: Final = b"\x6f\x00"
BARE_ATR: Final = b"\x3b\x00"
"""Sent for a card that fails to give its ATR: silence would block the reader."""

FIRST_RETRY: Final = 0.05
"""Seconds before the second attempt to connect; every further wait doubles."""

LONGEST_RETRY: Final = 1.0
RETURN_AFTER: Final = 1.2
"""Seconds to stay away after a lost link: a card back within 0.4 s is taken for the one before it."""

SILENCE: Final = 2.0
"""Seconds without a frame after a signal, after which the driver waits for an answer: pcscd polls every 0.4 s."""

POLL: Final = 0.4
UNREAD_AFTER: Final = 1.0
"""Seconds that `Slot.close` leaves to a driver that does not read an answer."""

UNNOTICED_AFTER: Final = 3.0
"""Seconds without a frame after which the slot seems to have no reader."""

__all__ = [
    "HOST",
    "PORT",
    "Connected",
    "Disconnected",
    "Event",
    "Failed",
    "Removed",
    "Slot",
    "Unnoticed",
    "Unreachable",
    "Watcher",
    "answer",
    "dial",
    "insert",
]

# Answers ------------------------------------------------------------------------------------------


def answer(card: Insertable, frame: bytes, watch: Watcher) -> bytes | None:
    """Pass a frame to the card and return the payload that the driver waits for.

    An exception out of the card is reported as `Failed` and answered 6F00, never passed on: a dead link
    would show the client success with no data.

    Args:
        frame: payload of a frame, without its length: one byte is a control frame, more are a command APDU.
        watch: gets `Failed` for an exception.

    Returns:
        2 to 65,535 bytes, without a length, or one byte that is `AsIs`; None if the driver waits for nothing.

    Raises:
        CardRemoved: the card was pulled out in the middle of a command.
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
    except CardRemoved:
        raise
    except Exception as error:  # whatever a card's bug raises
        watch(Failed(error, frame))
        if len(frame) > 1:
            return NO_DIAGNOSIS
        return BARE_ATR if frame == GET_ATR else None
    return None


def _checked(payload: bytes) -> bytes:
    # What is sent as it is may be too short for a card, but not for a frame.
    if 2 <= len(payload) <= MAX_PAYLOAD or (isinstance(payload, AsIs) and len(payload) == 1):
        return payload
    raise ValueError(f"the card answered with {len(payload)} bytes, not with 2 to {MAX_PAYLOAD}")


# The link -----------------------------------------------------------------------------------------


class Slot:
    """A card in a slot of the virtual reader of a running pcscd, until `close` pulls it out.

    `run` serves in the calling thread, `start` in one of its own. As a context manager: started on
    entry, closed on exit. A lost link is dialled again for ever, so nothing is raised if no reader listens yet.

    Args:
        card: a card, or anything else with the five methods of `Insertable`.
        slot: number of the slot, 0 to 15.
        host: where the driver listens, an IPv4 address.
        port: TCP port of slot 0.
        watch: gets what happens, `Connected` and others, in the serving thread.
        connect: opens a TCP connection to host and port; raises `OSError` if nobody listens.
        service: path of the socket of the reader's pcscd; by default the one that PC/SC clients of this process use.

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
        """Serve until `close` is called, or a fault takes the card out for good; then return. Raise nothing."""
        while not self._asked_to_stop():
            connection = self._dial()
            if connection is None:
                return
            removed: CardRemoved | None = None
            with connection:
                try:
                    reason = self._serve(connection)
                except CardRemoved as error:
                    removed, reason = error, str(error)
            self._socket = None
            self._up.clear()
            # Out of the reader a card has no power.
            answer(self._card, POWER_OFF, self._watch)
            if removed is not None and removed.back is None:
                self._stopping = True
                self._watch(Removed(reason))
            elif not self._asked_to_stop():
                away = max(RETURN_AFTER, removed.back if removed and removed.back else 0)
                self._watch(Disconnected(reason, away))
                self._pause(away)

    def _run_apart(self) -> None:
        take_no_signals()
        self.run()

    def start(self) -> "Slot":
        """Serve in a thread of its own and return at once; do nothing if it is started already."""
        if self._thread is not None:
            return self
        self._thread = threading.Thread(target=self._run_apart, name=f"vpcd-{self._port}", daemon=True)
        self._thread.start()
        return self

    def wait(self, timeout: float | None = None) -> bool:
        """Wait at most ``timeout`` seconds for the connection, or without a limit; return whether there is one.

        The PC/SC side sees the card a little later: clients wait for the reader's state to change.
        """
        return self._up.wait(timeout)

    def close(self) -> None:
        """Pull the card out; an answer under way is still sent. May be called from any thread or signal handler."""
        self._stopping = True
        connection = self._socket
        if connection is not None:
            hang_up(connection, UNREAD_AFTER)
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(UNREAD_AFTER)
            if connection is not None and self._thread.is_alive():
                cut(connection)
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
                refuse_itself(connection)
            except OSError as error:
                if not reported:
                    self._watch(Unreachable(self._host, self._port, reason_of(error)))
                    reported = True
                self._pause(pause)
                pause = min(pause * 2, LONGEST_RETRY)
            else:
                return connection
        return None

    def _asked_to_stop(self) -> bool:
        return self._stopping

    def _pause(self, seconds: float) -> None:
        """Wait so many seconds, or less if asked to stop; no lock, since a handler of this thread may call `close`."""
        end = time.monotonic() + seconds
        while not self._asked_to_stop() and (left := end - time.monotonic()) > 0:
            time.sleep(min(left, 0.05))

    def _serve(self, connection: socket.socket) -> str:
        """Answer frames until the link ends; return why it ended.

        Raises:
            CardRemoved: the card was pulled out in the middle of a command.
        """
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
            return reason_of(error)

    def _answer_all(self, connection: socket.socket) -> str:
        """Answer frame after frame; every command passes here, so do as little as possible."""
        card, watch, insertion = self._card, self._watch, self._insertion
        receive, send = connection.recv, connection.sendall
        acknowledge_at_once(connection)
        while (frame := read_frame(receive)) is not None:
            if not insertion.seen and insertion.refuses(frame):
                return "the reader takes it for the card before it"
            payload = answer(card, frame, watch)
            if payload is None:
                self._await_next(connection)
            else:
                send(encode(payload))
                acknowledge_at_once(connection)
            if self._stopping:
                return "closed"
        return "the reader closed the connection"

    def _await_first(self, connection: socket.socket) -> None:
        """Wait until something arrives; report once if that takes long."""
        if not arrives(connection, UNNOTICED_AFTER):
            self._watch(Unnoticed(self._port))

    def _await_next(self, connection: socket.socket) -> None:
        """Wait for what follows a signal.

        Raises:
            _Stuck: nothing does, for the driver waits for an answer, which was sent now.
        """
        while not arrives(connection, SILENCE):
            if self._waits_for_an_answer(connection):
                connection.sendall(encode(WRONG_LENGTH))
                raise _Stuck

    def _waits_for_an_answer(self, connection: socket.socket) -> bool:
        """Return whether the driver waits for an answer: its pcscd is awake, and still nothing comes."""
        if self._service and is_unresponsive(self._service, SILENCE):
            return False
        return not arrives(connection, POLL)


def insert(
    card: Insertable,
    slot: int = 0,
    *,
    host: str = HOST,
    port: int = PORT,
    watch: Watcher = lambda _: None,
) -> Slot:
    """Put a card into a slot and serve it in a thread of its own.

    Args: as for `Slot`.

    Returns:
        the started `Slot`; close it to pull the card out.
    """
    return Slot(card, slot, host=host, port=port, watch=watch).start()


def take_no_signals() -> None:
    """Leave the signals of this process to its other threads: who waits for one does so in the main thread."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


class _Stuck(Exception):
    """The driver has taken a command for a signal, and its client waits."""
