"""`AnyCard`: what sits in a reader of a rig, a virtual card or the way to a physical one, with its faults and trace."""

import time
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from cardfs.model.files import CommandSet

from ..card.apdu import Command
from ..card.engine import Outcome
from ..card.row import Row
from ..trace.event import Event
from ..trace.mask import masked_command
from ..trace.traced import Answering, Traced
from .fault import Fault
from .faulty import Armed, FaultyWire
from .kinds import Call, View
from .timing import NONE, TIMINGS, Wire, wait, wire
from .trace import Recorder, Trace

if TYPE_CHECKING:
    from ..terminal import Channel


class Core(View, Answering, Protocol):
    """What answers behind faults and trace: an engine, or a physical card with what is known of it."""


class Place(Protocol):
    """The reader that a card is in, as a card sees it that can come and go by itself."""

    def follow(self, card: "AnyCard", *, present: bool) -> None:
        """Let the card leave or come back, if it is in this reader still; return when clients see it."""


class AnyCard:
    """What sits in a reader of a rig. `Card` is a virtual card, `Relay` the way to a physical one."""

    def __init__(self, core: Core) -> None:
        self._core: Core = core
        self._answering: Answering = core
        self._armed = Armed(self._note_fault)
        self._own: tuple[Fault, ...] = ()
        self._trace: Trace | None = None
        self._recorder: Recorder | None = None
        self._traced: Traced | None = None
        self._reader = ""
        self._clock: Callable[[], float] = time.time
        self._way: Wire | None = None
        self._send: Channel = core.transmit

    @property
    def present(self) -> bool:
        """Whether there is a card: a physical one may be out of its reader."""
        return True

    def entered(self, place: Place) -> None:
        """Take note of the reader that it was put into; called when clients see it."""

    def left(self) -> None:
        """Take note that it is in no reader any more."""

    # -- as a reader sees it ------------------------------------------------------------------

    @property
    def atr(self) -> bytes:
        """The answer to reset (复位应答; Part 2, 8), 2 to 33 bytes."""
        return self._armed.atr or self._core.atr

    def power_on(self) -> None:
        """Reset the card cold: the MF is current and nothing is proven."""
        self._core.power_on()
        self._report("power on")
        self._spoil_atr()

    def power_off(self) -> None:
        """Take the power away: everything volatile is gone (Part 4, 7.5)."""
        self._core.power_off()
        self._report("power off")

    def reset(self) -> None:
        """Reset the card warm: everything volatile is gone."""
        self._core.reset()
        self._report("reset")
        self._spoil_atr()

    def transmit(self, command: bytes) -> bytes:
        """Return the answer to one command APDU: response data, then SW1 and SW2; any bytes get an answer.

        Under T=0 data that wait (61xx) are fetched by another command, as on a real card; `exchange` does that.

        Raises:
            CardRemoved: an armed fault took the card out of the reader.
        """
        return self._send(command)

    def find_row(self, raw: bytes) -> tuple[Row | None, Command | None]:
        """Return the row that a command would have now, and the command as parsed; None for what the card knows not."""
        return self._core.find_row(raw)

    # -- what goes wrong, and how slowly ------------------------------------------------------

    def fault(self, name: str | Fault, /, **chosen: Any) -> Fault:
        """Arm a fault: something goes wrong on purpose at a chosen moment.

        Args:
            name: a kind of fault, or a `Fault`.
            chosen: selector and parameters, as `Fault` takes them: ``on="UPDATE RECORD", moment="after"``.

        Returns:
            the fault, which counts how often it has fired.

        Raises:
            FaultError: there is no such fault, parameter or value; an `SscardError`.

        Example:
            >>> import sscard
            >>> card = sscard.Card.issue()
            >>> fault = card.fault("truncate", on="GET CHALLENGE", bytes=9)
            >>> card.transmit(bytes.fromhex("0084000008")).hex() != "", fault.fired
            (True, 1)
        """
        fault = name if isinstance(name, Fault) else Fault(name, **chosen)
        if isinstance(name, Fault) and chosen:
            fault = Fault.of(name.name, chosen)
        self._require(fault)
        self._armed.faults = (*self._armed.faults, fault)
        self._connect()
        return fault

    def _require(self, fault: Fault) -> None:
        """Refuse a fault that this card cannot have; raise `FaultError`."""

    def _spoiled(self) -> Answering:
        """Return what answers behind the trace: the core, within the faults that act there."""
        return self._core

    def interrupt(self) -> None:
        """End a `delay` that is under way: the card is pulled out, and its answer never comes."""
        for fault in self._armed.faults:
            fault.end_delay(pulled=True)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that are armed, also those that have fired."""
        return self._armed.faults

    def disarm(self, fault: Fault | None = None) -> None:
        """Take a fault away, or all of them; do nothing if it is not armed."""
        for each in self._armed.faults:
            if fault is None or each is fault:
                each.end_delay()
        self._armed.faults = () if fault is None else tuple(each for each in self._armed.faults if each is not fault)
        self._connect()

    def arm_own(self, texts: Iterable[str]) -> None:
        """Arm faults that belong to what the card is, as `Fault.parse` reads them; `rearm` arms them anew."""
        self._own = tuple(self.fault(Fault.parse(text)) for text in texts)

    @property
    def own_faults(self) -> tuple[Fault, ...]:
        """The faults that belong to what the card is, as a test card of the catalogue has them."""
        return self._own

    def rearm(self) -> None:
        """Disarm all faults, and arm those that belong to what the card is as if they had never struck."""
        self.disarm()
        self.arm_own([str(each) for each in self._own])

    @property
    def timing(self) -> str:
        """How slowly the card answers, ``none`` or ``contact-9600`` for example (`emulator.rig.timing`). Assign one.

        Raises:
            TimingError: on assignment, if there is no such timing; an `SscardError`.
        """
        return next((name for name, way in TIMINGS.items() if way is self._way), NONE)

    @timing.setter
    def timing(self, name: str) -> None:
        self._way = wire(name)
        self._connect()

    # -- what happened ------------------------------------------------------------------------

    @property
    def trace(self) -> Trace | None:
        """Where the card's commands are recorded; None, as at first, for nowhere. Assign a `Trace`."""
        return self._trace

    @trace.setter
    def trace(self, trace: Trace | None) -> None:
        self.record_to(trace)

    def record_to(
        self,
        trace: Recorder | None,
        reader: str = "",
        clock: Callable[[], float] = time.time,
        timer: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Record commands in a trace from now on, None for nowhere.

        Args:
            trace: a `Trace`, or whatever else takes events.
            reader: which reader the card is in, for events of several readers.
            clock: returns seconds since 1970.
            timer: returns seconds, of which the difference is how long a command took.
        """
        self._trace = trace if isinstance(trace, Trace) else None
        self._recorder, self._reader, self._clock = trace, reader, clock
        self._traced = None
        if trace is not None:
            self._traced = Traced(
                self._core,
                trace.keep,
                clock,
                later=trace.later,
                reader=reader,
                timer=timer,
                unmasked=trace.unmasked,
            )
        self._connect()

    def _connect(self) -> None:
        """Choose the way of a command: straight to the engine where nobody records and nothing is to go wrong."""
        core, armed = self._core, self._armed
        self._answering = card = self._spoiled()
        send: Channel = card.transmit
        if self._traced is not None:
            self._traced.attach(card)
            send = self._traced.transmit
        if armed.of("wire"):
            send = FaultyWire(core, armed, send, core.power_off).transmit
        self._send = send if self._way is None else partial(self._slowly, self._way, core, send)

    @staticmethod
    def _slowly(way: Wire, core: Core, send: "Channel", command: bytes) -> bytes:
        """Answer as late as a real card would."""
        started = time.perf_counter()
        row, _ = core.find_row(command)
        answer = send(command)
        wait(way, row, command, answer, started)
        return answer

    def _report(self, kind: str) -> None:
        if self._traced is not None:
            self._traced.report(kind, self.atr)

    def _spoil_atr(self) -> None:
        """Note the fault that spoils the answer to this reset, if there is one."""
        fault = self._armed.of_atr
        if fault is not None:
            fault.fired += 1
            self._note_fault(fault)

    def _note_fault(self, fault: Fault, call: Call | None = None) -> None:
        if self._recorder is not None and not fault.kind.silent:
            event = Event(
                self._clock(),
                "fault",
                fault.name,
                call.file if call else "",
                str(fault),
                masked_command(call.raw, call.row, call.command) if call else "",
                reason=fault.kind.text,
                reader=self._reader,
            )
            self._recorder.record(event)

    # -- as people see it ----------------------------------------------------------------------

    @property
    def last(self) -> Outcome | None:
        """What happened to the last command, with the reason for a refusal; None before the first."""
        return self._answering.last

    @property
    def profile(self) -> str:
        """Name of the card type."""
        return self._core.image.info.profile

    @property
    def is_psam(self) -> bool:
        """Whether it is a security module of terminals (PSAM) and no user card."""
        image = self._core.image
        return image.dfs[image.root].command_set is CommandSet.PSAM
