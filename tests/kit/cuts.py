"""Cards whose power can be cut, and cards at each step of personalisation."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

from cardfs.issuing.issue import blank
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore, Store
from cardfs.memory.tearing import TearingStore
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from emulator.personaliser import Personaliser, Step
from keys.generate import SeededRandom
from keys.records import KeyRef
from tests.kit.card import ORIGINAL, CardBench, contents
from tests.kit.reference import Reference

Cells = dict[CellKey, Cell]
MANUFACTURER_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")


class TornBench(CardBench):
    """A card whose power can be cut, and a terminal that knows whatever keys it has."""

    def __init__(self, store: Store) -> None:
        """Insert the card that the memory holds."""
        self.store = TearingStore(store)
        super().__init__(card=Card(Image(read_cells(dict(store.load())), self.store), SeededRandom("torn")))

    def select(self, fid: str) -> None:
        """SELECT by FID."""
        assert self.word(f"00A4000002{fid}") == "9000"

    def master(self, ref: KeyRef) -> None:
        """Authenticate with the key in control, P2 00."""
        key = self.card.image.keys[ref, 1]
        data = Reference(key.suite_name).auth(key.value, self.challenge(), ORIGINAL) + ORIGINAL
        assert self.send(bytes((0x00, 0x82, 0x00, 0x00, len(data))) + data) == "9000"

    def key_value(self, name: str, suite: str, version: int = 1) -> bytes:
        """Return a key as the card holds it."""
        return next(
            key.value
            for (ref, each), key in self.card.image.keys.items()
            if (ref.name, key.suite_name, each) == (name, suite, version)
        )


@dataclass(frozen=True)
class Built:
    """A whole personalisation that nothing disturbed: its steps, and the card before each and at the end."""

    machine: Personaliser
    steps: tuple[Step, ...]
    cells: tuple[Cells, ...]

    def at(self, title: str) -> int:
        """Number of the first step with this title."""
        return next(at for at, step in enumerate(self.steps) if step.title == title)

    def on(self, bench: TornBench) -> Personaliser:
        """Return the machine at this card."""
        return replace(self.machine, channel=bench.card.transmit)

    def way_to(self, at: int) -> list[Step]:
        """Return the steps to repeat after a power cut before a step: selections, and the proof last shown."""
        start = max((each for each in range(at + 1) if self.steps[each].title == "select the MF"), default=at)
        way = self.steps[start:at]
        proofs = [] if _authenticates(self.steps[at]) else list(filter(_authenticates, way))
        return [step for step in way if step.title.startswith("select ") or step in proofs[-1:]]

    def do(self, bench: TornBench, steps: Iterable[Step]) -> None:
        """Do steps that all succeed."""
        machine = self.on(bench)
        for step in steps:
            assert bench.word(step.build(machine)) == "9000", (step.title, bench.reason)


def _authenticates(step: Step) -> bool:
    """Return whether a step only proves a key, so that the next one depends on it."""
    return step.title.startswith("authenticate ")


@cache
def built(profile: str = "ssc-2.0") -> Built:
    """Build a card of a profile from a blank one, in memory."""
    bench = TornBench(MemoryStore(dict(write_cells(blank(load_profile(profile))))))
    machine = Personaliser(lambda _: b"", contents(profile), MANUFACTURER_KEY, SeededRandom("machine"))
    whole = Built(machine, tuple(machine._steps()), ())
    cells = [bench.cells()]
    for step in whole.steps:
        whole.do(bench, [step])
        cells.append(bench.cells())
    return replace(whole, cells=tuple(cells))
