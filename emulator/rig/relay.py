"""`Relay`: a physical card in a reader of a rig. Every exchange passes through here on its way, seen and described.

The physical card stays in its PC/SC reader, where nobody else uses it meanwhile. Power and resets are passed on. If the
card is taken out of its reader it leaves the reader of the rig, too, and comes back with it.

PC/SC is asked through a process of its own (`emulator.reader.outside`): the library of this one may lead to the
private stack of a rig.
"""

import threading
import time
from collections.abc import Callable
from os import PathLike
from typing import Any, Final

from cardfs.memory.image import Image
from cardfs.profile.loader import Profile
from keys.errors import SscardError

from ..card.apdu import Command
from ..card.engine import Outcome
from ..card.row import Row
from ..card.session import Session
from ..ports import AsIs, CardRemoved
from ..reader.outside import Outside
from ..terminal import TerminalError
from ..terminal.pcsc import checked, error_of, library, reader_named
from ..trace.event import Event
from .any_card import AnyCard, Place
from .fault import Fault, FaultError
from .foreign import DEFAULT_PROFILE, Foreign, structure
from .kinds import KINDS, RETURN_AFTER
from .route import ROUTE

PATIENCE: Final = 1.0
"""Seconds that PC/SC is asked at once whether a card has come or gone."""
BREATH: Final = 0.05
LONGEST_END: Final = 3.0
_GONE: Final = (0x80100009, 0x8010000C, 0x80100017, 0x8010001D, 0x8010001E, 0x8010002E, 0x80100069)
"""Results of PC/SC where the card is out of its reader, or there is no such reader any more."""
_TIMEOUT: Final = 0x8010000A


class Physical:
    """A physical card in a PC/SC reader, with what its answers have shown of it.

    Args:
        name: the whole name of the reader.
        scard: the PC/SC library.
        foreign: follows the card.
        report: gets a sentence when the card is lost.

    Raises:
        TerminalError: there is no PC/SC service.
    """

    def __init__(self, name: str, scard: Any, foreign: Foreign, report: Callable[[str], None]) -> None:
        self.name: Final = name
        self._report = report
        self._foreign = foreign
        self._scard = scard
        self._context = checked(self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER))
        self._handle: Any = None
        self._protocol = 0
        self._last: Outcome | None = None
        self._lock = threading.RLock()
        self.atr = b""

    # -- what faults and trace see ------------------------------------------------------------

    @property
    def image(self) -> Image:
        """The files of a card of its profile."""
        return self._foreign.image

    @property
    def session(self) -> Session:
        """What is known of its volatile state."""
        return self._foreign.session

    @property
    def last(self) -> Outcome | None:
        """What happened to the last command."""
        return self._last

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command has on a card of its profile, and the command as parsed."""
        return self._foreign.find_row(raw)

    # -- what is passed on --------------------------------------------------------------------

    def power_on(self) -> None:
        """Reset the card cold; raise `CardRemoved` if that is not possible."""
        with self._lock:
            self._foreign.restart()
            scard = self._scard
            if self._handle is None:
                protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
                code, handle, self._protocol = scard.SCardConnect(
                    self._context, self.name, scard.SCARD_SHARE_EXCLUSIVE, protocols
                )
                if code:
                    raise self._lost(code)
                self._handle = handle
            self._reconnect(scard.SCARD_UNPOWER_CARD)

    def power_off(self) -> None:
        """Take the power away, and let go of the card."""
        with self._lock:
            self._foreign.restart()
            handle, self._handle = self._handle, None
            if handle is not None:
                self._scard.SCardDisconnect(handle, self._scard.SCARD_UNPOWER_CARD)

    def reset(self) -> None:
        """Reset the card warm; raise `CardRemoved` if that is not possible."""
        with self._lock:
            if self._handle is None:
                self.power_on()
                return
            self._foreign.restart()
            self._reconnect(self._scard.SCARD_RESET_CARD)

    def _reconnect(self, how: int) -> None:
        scard = self._scard
        protocols = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
        code, self._protocol = scard.SCardReconnect(self._handle, scard.SCARD_SHARE_EXCLUSIVE, protocols, how)
        if code:
            raise self._lost(code)
        code, _, _, _, atr = scard.SCardStatus(self._handle)
        if code:
            raise self._lost(code)
        self.atr = bytes(atr)

    def transmit(self, command: bytes) -> bytes:
        """Pass one command on and return the answer; raise `CardRemoved` if there is none."""
        with self._lock:
            if self._handle is None:
                self.power_on()
            code, answer = self._scard.SCardTransmit(self._handle, self._protocol, list(command))
            if code or not answer:
                # PC/SC tells of success where a card was pulled out in the middle of a command.
                raise self._lost(code)
            response = bytes(answer)
            self._last = self._foreign.take(command, response)
            return response if len(response) > 1 else AsIs(response)

    def _lost(self, code: int) -> CardRemoved:
        """Let go of the card; return what ends the exchange. Only a card that is still there returns by itself."""
        self.power_off()
        back = None if code & 0xFFFFFFFF in _GONE else RETURN_AFTER
        why = error_of(code) if code else "it gave no answer"
        lost = CardRemoved(f"the physical card in {self.name!r} is lost: {why}", back=back)
        self._report(str(lost))
        return lost

    def close(self) -> None:
        """Let go of card and reader."""
        self.power_off()
        self._scard.SCardReleaseContext(self._context)


class Watch:
    """Looks at a PC/SC reader for a card that comes or goes.

    Args:
        name: the whole name of the reader.
        scard: the PC/SC library.

    Attributes:
        present: whether a card is in it.
        atr: its answer to reset, empty without a card.

    Raises:
        TerminalError: there is no PC/SC service.
    """

    def __init__(self, name: str, scard: Any) -> None:
        self._name = name
        self._scard = scard
        self._context: Any = None
        self._state = 0
        self._count = 0
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None
        self.present = False
        self.atr = b""
        self._open()
        self._look(0)

    def start(self, changed: Callable[[bool], None]) -> None:
        """Call a function whenever a card has gone (False) or come (True), in a thread of its own, until `close`."""
        self._thread = threading.Thread(target=self._run, args=(changed,), name=f"watch {self._name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Look no more; may be called from the function that is told."""
        self._stopped.set()
        thread, end = self._thread, time.monotonic() + LONGEST_END
        if thread is None:
            self._release()
            return
        while thread.is_alive() and thread is not threading.current_thread() and time.monotonic() < end:
            context = self._context
            if context is not None:
                # In vain, if the thread is about to ask PC/SC just now: then once more.
                self._scard.SCardCancel(context)
            thread.join(BREATH)

    def _open(self) -> None:
        self._context = checked(self._scard.SCardEstablishContext(self._scard.SCARD_SCOPE_USER))

    def _release(self) -> None:
        context, self._context = self._context, None
        if context is not None:
            self._scard.SCardReleaseContext(context)

    def _run(self, changed: Callable[[bool], None]) -> None:
        while not self._stopped.is_set():
            was, count = self.present, self._count
            known = self._look(PATIENCE)
            if was and (not self.present or self._count != count):
                self._tell(changed, False)
            if self.present and (not was or self._count != count):
                self._tell(changed, True)
            if not known:
                # No service or no such reader: it may come back.
                self._stopped.wait(PATIENCE)
        self._release()

    def _tell(self, changed: Callable[[bool], None], present: bool) -> None:
        if not self._stopped.is_set():
            changed(present)

    def _look(self, patience: float) -> bool:
        """Wait until something changes; return whether PC/SC knows the reader."""
        if self._context is None:
            try:
                self._open()
            except TerminalError:
                return False
        scard = self._scard
        code, states = scard.SCardGetStatusChange(self._context, int(patience * 1000), [(self._name, self._state)])
        code &= 0xFFFFFFFF
        if code == _TIMEOUT or self._stopped.is_set():
            return True
        event = states[0][1] if not code else scard.SCARD_STATE_UNKNOWN
        if event & (scard.SCARD_STATE_UNKNOWN | scard.SCARD_STATE_UNAVAILABLE):
            self._state, event = 0, scard.SCARD_STATE_EMPTY
            self._release()
        else:
            self._state = event & ~scard.SCARD_STATE_CHANGED
        self.present = bool(event & scard.SCARD_STATE_PRESENT)
        self._count = event >> 16
        self.atr = bytes(states[0][2]) if self.present else b""
        return not code


class Relay(AnyCard):
    """A physical card for a reader of a rig; `Rig.relay` makes it.

    Faults on the wire, timing and trace are those of `Card`. Nobody looks into a physical card: faults of its memory
    and of its commands are refused, and its trace follows a profile.

    Args:
        reader: name of the PC/SC reader with the physical card, or its beginning, as `reader_named` takes it; it may be
            empty at first.
        profile: what type of card it is taken for: a shipped name, a TOML file, or what `load_profile` returns.

    Attributes:
        name: the whole name of the reader.

    Raises:
        TerminalError: there is no such reader, or several, or no PC/SC service.
        InputError: there is no such profile.
    """

    def __init__(self, reader: str, profile: str | PathLike[str] | Profile = DEFAULT_PROFILE) -> None:
        foreign = Foreign(structure(profile))
        self._library = Outside(library(), ROUTE.outside())
        try:
            self.name: Final = reader_named(reader, self._library)
            self._physical = Physical(self.name, self._library, foreign, self.note)
            self._watch: Watch | None = None
            super().__init__(self._physical)
            self._look()
        except BaseException:
            self._library.close()
            raise

    def _look(self) -> Watch:
        """Look at the reader, now if nobody does."""
        if self._watch is None:
            self._watch = Watch(self.name, self._library)
            self._physical.atr = self._watch.atr
        return self._watch

    @property
    def present(self) -> bool:
        """Whether a card is in the reader."""
        return self._look().present

    def entered(self, place: Place) -> None:
        """Follow the physical card from now on: it comes and goes in the reader of the rig, too."""
        watch = self._look()
        watch.start(lambda present: self._moved(place, watch, present))

    def _moved(self, place: Place, watch: Watch, present: bool) -> None:
        if present:
            self._physical.atr = watch.atr
        try:
            place.follow(self, present=present)
        except SscardError as error:
            self.note(str(error))

    def left(self) -> None:
        """Follow the physical card no more, and take its power away."""
        watch, self._watch = self._watch, None
        if watch is not None:
            watch.close()
        self._physical.power_off()

    def note(self, text: str) -> None:
        """Put a sentence into the trace, if there is one."""
        if self._recorder is not None:
            self._recorder.record(Event(self._clock(), "note", fields=text, reader=self._reader))

    def close(self) -> None:
        """Let go of card and reader."""
        self.left()
        self._physical.close()
        self._library.close()

    def _require(self, fault: Fault) -> None:
        if fault.kind.layer != "wire":
            possible = ", ".join(kind.name for kind in KINDS.values() if kind.layer == "wire")
            raise FaultError(
                f"fault {fault.name}: nothing reaches into a physical card; faults on its way are {possible}"
            )

    def __repr__(self) -> str:
        """Name the reader."""
        return f"<Relay to {self.name!r}>"
