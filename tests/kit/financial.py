"""Bank cards, finished and half personalised, whose environment answers no status word beyond its row's."""

from dataclasses import replace
from functools import cache
from typing import Final

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import blank, issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.life import command_set_of
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey
from cardfs.model.files import CardContents, CommandSet
from cardfs.profile.loader import DEMO, load_profile
from emulator.card.row import Row
from emulator.cards import Card
from emulator.commands.financial.rows import FINANCIAL_ROWS
from emulator.commands.sets import SETS
from emulator.personaliser import Personaliser
from keys.generate import SeededRandom
from keys.records import KeyRef
from tests.kit.card import ORIGINAL, CardBench, FailingStore, family
from tests.kit.reference import Reference

PSE, EDEP = "3F00/DDF2", "3F00/DDF2/3F01"


PSE_NAME: Final = b"1PAY.SYS.DDF01".hex()
EDEP_AID: Final = "A00000000386980701"


FMK: Final = KeyRef(PSE, "FMK")


SELECT_PSE, SELECT_EDEP = f"00A404000E{PSE_NAME}", f"00A4040009{EDEP_AID}"


MANUFACTURER_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
HIDDEN: Final = {"ef": [{"id": "EDEP/0015", "read": "PIN"}]}
"""A variant with something to be refused: its public file is not."""
BY_NAME: Final = {row.name: row for row in FINANCIAL_ROWS}


@cache
def finished() -> CardContents:
    """Return a finished bank card whose public file takes a PIN."""
    return issue(
        load_profile("pboc", HIDDEN),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region="519900", serial="000001AC", seed="words"),
    )


@cache
def half_built() -> tuple[tuple[CellKey, Cell], ...]:
    """Return the card before its environment's final master key: everything is there, and personalisation goes on."""
    image = Image.in_memory(blank(load_profile("pboc", HIDDEN)))
    card = Card(image, SeededRandom("card"))
    machine = Personaliser(card.transmit, finished(), MANUFACTURER_KEY, SeededRandom("machine"))
    for step in machine._steps():
        if step.title == "replace FMK":
            return tuple(image.store.load().items())
        assert card.transmit(step.build(machine))[-2] in (0x90, 0x61), step.title
    raise AssertionError("there is no such step")


class FinancialBench(CardBench):
    """A bank card of which no command of the environment may answer a word beyond its row's."""

    def __init__(self, *, building: bool = False) -> None:
        """Put the finished card on the bench, or the one that is being built."""
        cells = dict(half_built()) if building else dict(write_cells(finished()))
        self.store = FailingStore(cells)
        super().__init__(card=Card(Image(read_cells(cells), self.store), SeededRandom("bench")))
        self.table = SETS.table(self.card.image.info.settings, CommandSet.FINANCIAL)
        self.last_row: Row | None = None

    def send(self, apdu: str | bytes) -> str:
        """Send one APDU and check its status word against the row of the environment's command."""
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        here = command_set_of(self.card.image, self.card.session.df)
        answer = super().send(raw)
        row = self.table.find(raw[0], raw[1], raw[2]) if here is CommandSet.FINANCIAL else None
        self.last_row = BY_NAME.get(row.name) if row is not None else None
        if self.last_row is not None:
            assert family(answer[-4:]) in self.last_row.status_words, f"{self.last_row.name} answers {answer[-4:]}"
        return answer

    def proof(self, *, wrong: bool = False) -> str:
        """EXTERNAL AUTHENTICATION with the environment's master key."""
        value = self.card.image.keys[FMK, 1].value
        data = Reference("3DES").auth(value, self.challenge(), ORIGINAL)
        data = bytes((data[0] ^ wrong,)) + data[1:]
        return "0082000010" + (data + ORIGINAL).hex()
