"""Where faults act: around the memory, around the engine, and between card and reader.

Of the three shells a card has only those that an armed fault needs; without one a command goes straight to the engine.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, Store
from cardfs.memory.tearing import PowerCut

from ..card.engine import Card, Outcome
from ..ports import CardRemoved
from .fault import Fault
from .kinds import Call, Layer, Send, View

Fired = Callable[[Fault, Call], None]
"""Hears of a fault that struck, with the command it struck."""


class Armed:
    """The faults of one card.

    Args:
        fired: hears of each fault that strikes.
    """

    def __init__(self, fired: Fired) -> None:
        self.faults: tuple[Fault, ...] = ()
        self.call: Call | None = None
        self._fired = fired

    def of(self, layer: Layer) -> tuple[Fault, ...]:
        """Return the faults of a layer, in the order in which they were armed."""
        return tuple(each for each in self.faults if each.kind.layer == layer)

    @property
    def atr(self) -> bytes | None:
        """Return the answer to reset that a fault gives in the card's place; None without such a fault."""
        fault = self.of_atr
        return None if fault is None else fault["atr"]

    @property
    def of_atr(self) -> Fault | None:
        """Return the fault that spoils the answer to reset."""
        return next((each for each in self.faults if each.kind.spoils_atr), None)

    def strike(self, fault: Fault, call: Call) -> None:
        """Note that a fault strikes."""
        fault.fired += 1
        self._fired(fault, call)

    def through(self, layer: Layer, call: Call, send: Send) -> bytes:
        """Send a command through all faults of a layer that it meets, to whatever lies behind them."""
        for fault in reversed(self.of(layer)):
            if fault.kind.on_command is not None and fault.means(call) and fault.strikes():
                send = partial(self._act, fault, call, send)
        return send(call.raw)

    def _act(self, fault: Fault, call: Call, send: Send, _raw: bytes) -> bytes:
        assert fault.kind.on_command is not None  # noqa: S101 - `through` has looked
        call.missed = False
        struck = True
        try:
            response = fault.kind.on_command(fault, call, send)
            struck = not call.missed
            return response
        finally:
            call.missed = False
            if struck:
                self.strike(fault, call)
            else:
                fault.uncount()


class FaultyStore:
    """A memory whose writes faults strike.

    Args:
        store: the memory itself.
        armed: the faults, and the command that writes.
        image: names the files that are written.
    """

    def __init__(self, store: Store, armed: Armed, image: Image) -> None:
        self.store: Final = store
        self._armed = armed
        self._image = image

    def load(self) -> dict[CellKey, Cell]:
        return self.store.load()

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        call = self._armed.call
        if call is not None:
            files = [self._label(path) for kind, path in changes if kind in ("contents", "df", "ef")]
            for fault in self._armed.of("memory"):
                if fault.kind.on_write is not None and fault.means(call, files) and fault.strikes():
                    self._armed.strike(fault, call)
                    fault.kind.on_write(fault, self.store, changes, erases, call)
                    return
        self.store.write(changes, erases=erases)

    def _label(self, path: str) -> str:
        try:
            return self._image.label(path)
        except KeyError:  # a file that this write makes
            return path

    def close(self) -> None:
        self.store.close()


class FaultyCard:
    """The engine with the faults of memory and card; the trace takes it for the engine."""

    def __init__(self, engine: Card, armed: Armed, power_lost: Callable[[], None]) -> None:
        self._engine = engine
        self._armed = armed
        self._power_lost = power_lost
        self._outcome: Outcome | None = None

    @property
    def image(self) -> Image:
        """The card's memory."""
        return self._engine.image

    @property
    def last(self) -> Outcome | None:
        """What happened to the last command; what a fault answered in the card's place, too."""
        return self._outcome or self._engine.last

    @property
    def atr(self) -> bytes:
        """The answer to reset."""
        return self._armed.atr or self._engine.atr

    def power_on(self) -> None:
        """Cold reset."""
        self._engine.power_on()

    def power_off(self) -> None:
        """Loss of power."""
        self._engine.power_off()

    def reset(self) -> None:
        """Warm reset."""
        self._engine.reset()

    def transmit(self, command: bytes) -> bytes:
        """Answer one command.

        Raises:
            CardRemoved: a fault took the power away.
        """
        call = self._armed.call = Call(self._engine, command)
        try:
            response = self._armed.through("card", call, self._engine.transmit)
        except PowerCut as cut:
            back = _back(self._armed.of("memory"))
            self._power_lost()
            raise CardRemoved(str(cut), back=back) from None
        finally:
            self._armed.call = None
            self._outcome = call.outcome
        return response


def _back(faults: tuple[Fault, ...]) -> float | None:
    """Return when the card is back that just lost its power; the first fault that has struck decides."""
    for fault in faults:
        if fault.fired and fault.kind.name != "memory-failure":
            back: float | None = fault["back"]
            return back
    return None


class FaultyWire:
    """The way between card and reader, with the faults on it."""

    def __init__(self, view: View, armed: Armed, send: Send, power_lost: Callable[[], None]) -> None:
        self._view = view
        self._armed = armed
        self._send = send
        self._power_lost = power_lost

    def transmit(self, raw: bytes) -> bytes:
        """Pass one command on; raise `CardRemoved` if a fault takes the card away."""
        call = Call(self._view, raw)
        try:
            return self._armed.through("wire", call, self._send)
        except CardRemoved:
            self._power_lost()
            raise
