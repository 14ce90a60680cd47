"""A card in vsmartcard's own emulator, `vicc`: its link to the reader in place of ours (`emulator.reader.vpcd`).

vsmartcard's `VirtualICC` talks to the driver, and asks a card object with five methods: getATR, powerUp, powerDown,
reset and execute. `VpiccCard` is such an object around one of our cards, so that whoever runs vsmartcard's link, its
reversed mode for example, can use our card. Debian has it as python3-virtualsmartcard.

What its link cannot do, ours can: it ends when the reader goes away, it leaves a command of one byte without an
answer, and it does not notice a reader that takes this card for the one before it.
"""

import socket
import sys
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from keys.errors import SscardError

from ..ports import CardRemoved, Insertable
from .events import Connected, Disconnected, Removed, Unreachable, Watcher
from .frames import GET_ATR, POWER_OFF, POWER_ON, RESET
from .vpcd import RETURN_AFTER, answer

FOLDERS: Final = (
    "/usr/lib/python3/dist-packages",
    # Debian 12 lays the package one folder too deep; its program `vicc` finds it all the same.
    "/usr/lib/python3/site-packages/virtualsmartcard",
    "/usr/lib/python3/dist-packages/virtualsmartcard",
    "/usr/local/lib/python3/site-packages",
)
"""Folders of vsmartcard's modules, beside Python's own path."""


POLL: Final = 0.2
"""Seconds within which a signal is answered."""


class VpiccError(SscardError):
    """vsmartcard's emulator is not installed, or cannot be loaded or connected; the text is one sentence."""


class VpiccCard:
    """One of our cards as vsmartcard's link sees it (its class `SmartcardOS`).

    Args:
        card: the card.
        watch: gets `Failed` when the card raises where it should have answered.
    """

    def __init__(self, card: Insertable, watch: Watcher = lambda _: None) -> None:
        self._card = card
        self._watch = watch

    def getATR(self) -> bytes:  # noqa: N802 - vsmartcard's name
        """Return the answer to reset."""
        return answer(self._card, GET_ATR, self._watch) or b""

    def powerUp(self) -> None:  # noqa: N802 - vsmartcard's name
        """Reset the card cold."""
        answer(self._card, POWER_ON, self._watch)

    def powerDown(self) -> None:  # noqa: N802 - vsmartcard's name
        """Take the power from the card."""
        answer(self._card, POWER_OFF, self._watch)

    def reset(self) -> None:
        """Reset the card warm."""
        answer(self._card, RESET, self._watch)

    def execute(self, msg: bytes) -> bytes:
        """Return the answer to one command APDU, status word last; raise `CardRemoved` if a fault takes it out."""
        return answer(self._card, bytes(msg), self._watch) or b""


class VpiccLink:
    """A card in vsmartcard's `VirtualICC`, from `run` until `close`.

    Args:
        card: the card.
        host: where the driver listens; empty for its reversed mode, in which the driver calls us.
        port: TCP port of the slot, or the one that the driver calls.
        watch: gets `Connected`, `Disconnected`, `Unreachable` and `Failed`.

    Raises:
        VpiccError: vsmartcard's emulator is not installed, or cannot be loaded.
    """

    def __init__(self, card: Insertable, host: str, port: int, *, watch: Watcher = lambda _: None) -> None:
        self._link: Any = _link_class()(VpiccCard(card, watch), host, port)
        self._card = card
        self._watch = watch
        self._closing = False

    def run(self) -> None:
        """Serve until the driver ends the connection, or until `close`; in reversed mode until `close`.

        A fault that takes the card out ends the connection; the card dials again if it comes back by itself.

        Raises:
            VpiccError: nothing listens there, or in reversed mode the port cannot be opened.
        """
        refused: list[VpiccError] = []
        # In a thread: a signal that comes just before a call that blocks would be answered when the call returns.
        thread = threading.Thread(target=self._serve, args=(refused,), name=f"vpicc-{self._link.port}", daemon=True)
        thread.start()
        while thread.is_alive():
            thread.join(POLL)
            if self._closing:
                self._link.hang_up()
        if refused:
            raise refused[0]

    def _serve(self, refused: list["VpiccError"]) -> None:
        """Serve, again and again if a fault takes the card out and it comes back by itself."""
        while (back := self._serve_once(refused)) is not None:
            end = time.monotonic() + max(RETURN_AFTER, back)
            while not self._closing and time.monotonic() < end:
                time.sleep(POLL)
            if self._closing:
                return

    def _serve_once(self, refused: list["VpiccError"]) -> float | None:
        """Serve until the link ends; return after how many seconds the card comes back, None for never."""
        link = self._link
        removed: CardRemoved | None = None
        try:
            link.open()
        except OSError as error:
            link.stop()
            self._watch(Unreachable(link.host, link.port, error.strerror or str(error)))
            reason = error.strerror or str(error)
            no_reader, no_port = f"no reader listens at {link.host}:{link.port}", f"port {link.port} cannot be opened"
            refused.append(VpiccError(f"{no_reader if link.host else no_port}: {reason}"))
            return None
        self._watch(Connected(link.host, link.port))
        try:
            link.run()
        except (OSError, SystemExit):  # how vsmartcard ends when the driver is gone
            pass
        except CardRemoved as error:
            removed = error
        finally:
            link.stop()
            # Out of the reader a card has no power.
            answer(self._card, POWER_OFF, self._watch)
        if removed is None:
            self._watch(Disconnected("the reader closed the connection", 0))
            return None
        if removed.back is None:
            self._watch(Removed(str(removed)))
        else:
            self._watch(Disconnected(str(removed), max(RETURN_AFTER, removed.back)))
        return removed.back

    def close(self) -> None:
        """Pull the card out, from any thread or a signal handler's."""
        self._closing = True
        self._link.hang_up()


def _link_class() -> Any:
    """Return a subclass of vsmartcard's `VirtualICC` that takes a card of ours.

    Raises:
        VpiccError: vsmartcard is not installed, or cannot be loaded.
    """
    try:
        base = _virtualsmartcard().VirtualICC
    except ImportError as error:
        raise VpiccError(
            f"vsmartcard's own emulator cannot be loaded ({error}); on Debian and Ubuntu: "
            "apt install python3-virtualsmartcard"
        ) from None

    class Link(base):  # type: ignore[misc, valid-type]
        """vsmartcard's link. Its own constructor makes a card, and ends the program where nothing listens."""

        def __init__(self, card: VpiccCard, host: str, port: int) -> None:
            self.os, self.type = card, "sscard"
            self.host, self.port = host, port
            self.sock: socket.socket | None = None
            self.server_sock: socket.socket | None = None

        def open(self) -> None:
            """Connect to the driver, or in reversed mode wait for its call; raise `OSError` if that fails."""
            if self.host:
                self.sock = self.connectToPort(self.host, self.port)
                self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                return
            self.server_sock = socket.create_server(("", self.port), backlog=1)
            self.sock, _ = self.server_sock.accept()

        def hang_up(self) -> None:
            """Wake the thread that waits for the driver."""
            for each in (self.server_sock, self.sock):
                if each is not None:
                    try:
                        each.shutdown(socket.SHUT_RDWR)
                    except OSError:
                        each.close()

        def stop(self) -> None:
            """Close the sockets."""
            for each in (self.server_sock, self.sock):
                if each is not None:
                    each.close()

    return Link


def _virtualsmartcard() -> Any:
    """Import vsmartcard's module, also from the folders of packages; raise `ImportError` if there is none."""
    name = "virtualsmartcard.VirtualSmartcard"
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != "virtualsmartcard":
            raise
    for folder in FOLDERS:
        if (Path(folder) / "virtualsmartcard" / "VirtualSmartcard.py").is_file():
            sys.path.append(folder)
            try:
                return import_module(name)
            finally:
                sys.path.remove(folder)
    raise ModuleNotFoundError("it is not installed")
