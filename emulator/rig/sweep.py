"""Power cuts at every write of a scenario (防拔): what is left in the card after each."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from cardfs.memory.store import Cell, CellKey, Store
from keys.errors import SscardError
from keys.generate import SeededRandom

from .card import Card, Snapshot
from .errors import RigError
from .fault import Fault
from .kinds import Call, Chosen, Kind
from .reader import Reader

Scenario = Callable[[], object]
Look = Callable[[Card], Any]
Moment = Literal["before", "after", "within"]
MOMENTS: Final[tuple[Moment, ...]] = ("before", "after", "within")
Outcome = Literal["old", "new", "neither"]


@dataclass(frozen=True, slots=True)
class Cut:
    """One cut of the power, and what it left.

    Attributes:
        write: which durable write of the scenario, from 1.
        command: name of the command that wrote.
        moment: ``before`` or ``after`` the write, or ``within`` it.
        outcome: ``old`` if the card is as before the write, ``new`` if as after it, ``neither`` if it is damaged.
        error: what the scenario raised, in words; empty if it noticed nothing.
    """

    write: int
    command: str
    moment: Moment
    outcome: Outcome
    error: str

    def __str__(self) -> str:
        """Return it as one line."""
        return f"write {self.write} ({self.command}), cut {self.moment}: {self.outcome}"


class _Watch(Fault):
    """No fault: notes each write with what there is to see of the card before and after it."""

    def __init__(self, card: Card, look: Look) -> None:
        super().__init__("memory-failure", times="all")
        self.kind = Kind("watch", "memory", (), "", on_write=self._write, silent=True)
        self.writes: list[tuple[str, Any, Any]] = []
        self._card = card
        self._look = look

    def _write(
        self, _fault: Chosen, store: Store, changes: Mapping[CellKey, Cell | None], erases: bool, call: Call
    ) -> None:
        old = self._look(self._card.fork())
        store.write(changes, erases=erases)
        self.writes.append((call.name, old, self._look(self._card.fork())))


def sweep(readers: Sequence[Reader], scenario: Scenario, of: Reader, look: Look | None, *, torn: bool) -> list[Cut]:
    """Run a scenario once whole and once for each write and moment; see `Rig.sweep`."""
    look = look or Card.snapshot
    starts = {reader: (reader.card, reader.card.snapshot()) for reader in readers if reader.card is not None}
    card = starts[of][0]
    if card.faults:
        raise RigError("the card has faults of its own: disarm them before a sweep")
    watch = _Watch(card, look)
    card.fault(watch)
    _start(starts)
    scenario()
    card.disarm()
    cuts = []
    for number, (command, old, new) in enumerate(watch.writes, 1):
        for moment in MOMENTS if torn else MOMENTS[:2]:
            _start(starts)
            fault = card.fault(
                Fault("partial-batch", nth=number)
                if moment == "within"
                else Fault("power-cut", nth=number, moment=moment)
            )
            error = _tried(scenario)
            card.disarm()
            if not fault.fired:
                raise RigError(
                    f"the scenario does not do the same each time: it made {len(watch.writes)} writes at first, "
                    f"and then no write {number}"
                )
            left = look(card.fork())
            outcome: Outcome = "old" if left == old else "new" if left == new else "neither"
            cuts.append(Cut(number, command, moment, outcome, error))
    _start(starts)
    return cuts


def _tried(scenario: Scenario) -> str:
    try:
        scenario()
    except SscardError as error:
        return str(error)
    return ""


def _start(starts: dict[Reader, tuple[Card, Snapshot]]) -> None:
    """Put every card back as it was, into its reader, with the same random numbers each time."""
    for reader, (card, snapshot) in starts.items():
        if reader.card is not card:
            reader.swap(card)
        card.restore(snapshot)
        card.random = SeededRandom(f"sweep/{reader.place}")
