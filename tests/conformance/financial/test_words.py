"""Every status word of the commands of the financial environment itself, got by sending APDUs.

As in `conformance/social/test_words.py`: the table is total over rows and words. The environment's rows also serve its
applications until personalisation ends, so half of the scenes play on a card that is being built.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import Final

import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import blank, issue
from cardfs.issuing.roots import load_roots
from cardfs.life import command_set_of
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey
from cardfs.model.files import CardContents, CommandSet, Phase
from cardfs.profile.loader import DEMO, load_profile
from emulator.card.row import Row
from emulator.cards import Card
from emulator.commands.financial.rows import PAYMENT_ROWS
from emulator.commands.sets import SETS
from emulator.personaliser import Personaliser
from emulator.status import MEANINGS
from keys.generate import SeededRandom
from keys.records import KeyRef
from tests.conformance.social.test_words import family
from tests.kit.card import ORIGINAL, Bench, FailingStore, long_answer
from tests.kit.reference import Reference

PSE, EDEP = "3F00/DDF2", "3F00/DDF2/3F01"
PSE_NAME: Final = b"1PAY.SYS.DDF01".hex()
EDEP_AID: Final = "A00000000386980701"
FMK: Final = KeyRef(PSE, "FMK")
SELECT_PSE, SELECT_EDEP = f"00A404000E{PSE_NAME}", f"00A4040009{EDEP_AID}"
MAKER_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
HIDDEN: Final = {"ef": [{"id": "EDEP/0015", "read": "PIN"}]}
"""A variant with something to be refused: its public file is not."""
BY_NAME: Final = {row.name: row for row in PAYMENT_ROWS}

Cells = dict[CellKey, Cell]


@cache
def finished() -> CardContents:
    return issue(
        load_profile("pboc", HIDDEN),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        region="519900",
        serial="000001AC",
        seed="words",
    )


@cache
def half_built() -> tuple[tuple[CellKey, Cell], ...]:
    """The card before its environment's final master key: everything is there, and personalisation goes on."""
    image = Image.in_memory(blank(load_profile("pboc", HIDDEN)))
    card = Card(image, SeededRandom("card"))
    machine = Personaliser(card.transmit, finished(), MAKER_KEY, SeededRandom("machine"))
    for step in machine._steps():
        if step.title == "replace FMK":
            return tuple(image.store.load().items())
        assert card.transmit(step.build(machine))[-2] in (0x90, 0x61), step.title
    raise AssertionError("there is no such step")


class Watched(Bench):
    """A bank card of which no command of the environment may answer a word beyond its row's."""

    def __init__(self, *, building: bool = False) -> None:
        cells = dict(half_built()) if building else dict(write_cells(finished()))
        self.store = FailingStore(cells)
        super().__init__(card=Card(Image(read_cells(cells), self.store), SeededRandom("bench")))
        self.table = SETS.table(self.card.image.info.settings, CommandSet.FINANCIAL)
        self.last_row: Row | None = None

    def send(self, apdu: str | bytes) -> str:
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


Scenario = tuple[bool, Callable[[Watched], str]]
"""Whether the card is being built, and the scene, which answers the word."""


def sent(*commands: str, building: bool = False) -> Scenario:
    """Select the environment, then send; the last answer counts."""

    def play(bench: Watched) -> str:
        answers = [bench.send(command) for command in (SELECT_PSE, *commands)]
        return answers[-1][-4:]

    return building, play


def locked_card(command: str) -> Scenario:
    def play(bench: Watched) -> str:
        bench.send(SELECT_PSE)
        image = bench.card.image
        image.info = replace(image.info, blocked=True)
        return bench.send(command)

    return False, play


def locked_application(command: str) -> Scenario:
    def play(bench: Watched) -> str:
        image = bench.card.image
        image.dfs[EDEP] = replace(image.dfs[EDEP], suspended=True)
        bench.send(SELECT_PSE)
        return bench.send(command)

    return False, play


def locked_social(command: str) -> Scenario:
    """An environment of the other world that is locked as a whole."""

    def play(bench: Watched) -> str:
        image = bench.card.image
        other = replace(
            image.dfs[PSE], path="3F00/DDF1", fid=0xDDF1, name=b"OTHER", command_set=CommandSet.SOCIAL, blocked=True
        )
        image.dfs[other.path] = other
        image.reindex()
        bench.send(SELECT_PSE)
        return bench.send(command)

    return False, play


def proven(*, wrong: int = 0, writes: int | None = None, again: bool = False) -> Scenario:
    def play(bench: Watched) -> str:
        bench.send(SELECT_PSE)
        for _ in range(wrong):
            last = bench.send(bench.proof(wrong=True))
        if wrong and not again:
            return last
        command = bench.proof()
        bench.store.writes_left = writes
        return bench.send(command)

    return True, play


SAMPLES: Final = {
    "SELECT": SELECT_PSE,
    "READ RECORD": "00B2010C1D",
    "READ BINARY": "00B0950000",
    "GET CHALLENGE": "0084000008",
    "EXTERNAL AUTHENTICATION": "0082000010" + "00" * 16,
    "GET RESPONSE": "00C0000010",
}
WRONG_PARAMETERS: Final = {
    "SELECT": "00A4080002DDF2",
    "READ RECORD": "00B2FF0C00",
    "READ BINARY": "00B0800000",
    "GET CHALLENGE": "0084010008",
    "EXTERNAL AUTHENTICATION": "0082000110" + "00" * 16,
    "GET RESPONSE": "00C0010010",
}
WRONG_LENGTHS: Final = {
    "SELECT": "00A404000441414141",
    "READ RECORD": "00B2010C0101",
    "READ BINARY": "00B095000101",
    "GET CHALLENGE": "0084000007",
    "EXTERNAL AUTHENTICATION": "0082000011" + "00" * 17,
    "GET RESPONSE": "00C000000101",
}


def gated() -> Iterator[tuple[tuple[str, int], Scenario]]:
    for name, sample in SAMPLES.items():
        yield (name, 0x6A81), locked_card(sample)
        yield (name, 0x6E00), sent("F0" + sample[2:])
        yield (name, 0x6A86), sent(WRONG_PARAMETERS[name])
        yield (name, 0x6700), sent(WRONG_LENGTHS[name])


SCENARIOS: Final[dict[tuple[str, int], Scenario]] = {
    **dict(gated()),
    ("SELECT", 0x9000): sent("00A40200020001"),
    ("SELECT", 0x6100): sent(SELECT_EDEP),
    ("SELECT", 0x6283): locked_application(SELECT_EDEP),
    ("SELECT", 0x6A82): sent("00A404000541414141FF"),
    ("SELECT", 0x9303): locked_social("00A40000" + "02DDF1"),
    ("READ RECORD", 0x9000): sent(SAMPLES["READ RECORD"]),
    ("READ RECORD", 0x6100): (False, lambda bench: (bench.send(SELECT_PSE), long_answer(bench, "00B2010D00"))[-1]),
    ("READ RECORD", 0x6C00): sent("00B2010C10"),
    ("READ RECORD", 0x6981): sent(SELECT_EDEP, "00B201AC00", building=True),
    ("READ RECORD", 0x6982): sent(SELECT_EDEP, "00B201C400", building=True),
    ("READ RECORD", 0x6986): sent("00B2010400"),
    ("READ RECORD", 0x6A82): sent("00B2011400"),
    ("READ RECORD", 0x6A83): sent("00B2030C00"),
    ("READ BINARY", 0x9000): sent(SELECT_EDEP, "00B0960027", building=True),
    ("READ BINARY", 0x6C00): sent(SELECT_EDEP, "00B0960028", building=True),
    ("READ BINARY", 0x6981): sent("00B0810004"),
    ("READ BINARY", 0x6982): sent(SELECT_EDEP, "00B0950004", building=True),
    ("READ BINARY", 0x6986): sent("00B0000004"),
    ("READ BINARY", 0x6A82): sent("00B0950004"),
    ("READ BINARY", 0x6B00): sent(SELECT_EDEP, "00B0962804", building=True),
    ("GET CHALLENGE", 0x9000): sent(SAMPLES["GET CHALLENGE"]),
    ("EXTERNAL AUTHENTICATION", 0x9000): proven(),
    ("EXTERNAL AUTHENTICATION", 0x63C0): proven(wrong=1),
    ("EXTERNAL AUTHENTICATION", 0x6983): proven(wrong=3, again=True),
    ("EXTERNAL AUTHENTICATION", 0x6984): sent(SAMPLES["EXTERNAL AUTHENTICATION"], building=True),
    ("EXTERNAL AUTHENTICATION", 0x6A88): sent("0084000008", SAMPLES["EXTERNAL AUTHENTICATION"]),
    ("EXTERNAL AUTHENTICATION", 0x6581): proven(writes=0),
    ("GET RESPONSE", 0x9000): sent(SELECT_PSE, "00C0000020"),
    ("GET RESPONSE", 0x6100): sent(SELECT_PSE, "00C0000001"),
    ("GET RESPONSE", 0x6C00): sent(SELECT_PSE, "00C00000FF"),
    ("GET RESPONSE", 0x6F00): sent("0084000008", "00C0000010"),
}


@pytest.mark.parametrize(
    ("where", "scenario"), list(SCENARIOS.items()), ids=[f"{name}/{word:04X}" for name, word in SCENARIOS]
)
def test_a_word_is_provoked(where: tuple[str, int], scenario: Scenario) -> None:
    building, play = scenario
    bench = Watched(building=building)
    name, word = where
    assert family(play(bench)[-4:]) == word, bench.reason
    if word != 0x6E00:
        assert bench.last_row is BY_NAME[name]


def test_every_row_and_word_has_a_scenario_and_every_word_a_meaning() -> None:
    assert set(SCENARIOS) == {(row.name, word) for row in PAYMENT_ROWS for word in row.status_words}
    assert {word for row in PAYMENT_ROWS for word in row.status_words} <= set(MEANINGS)


@pytest.mark.parametrize("name", SAMPLES)
def test_gates_come_before_everything_else_and_change_nothing(name: str) -> None:
    for command, word in ((WRONG_PARAMETERS[name], "6A86"), (WRONG_LENGTHS[name], "6700")):
        for building in (False, True):
            bench = Watched(building=building)
            bench.send(SELECT_PSE)
            before = bench.cells()
            assert bench.send(command) == word
            assert bench.cells() == before


def test_the_applications_begin_to_live_when_personalisation_ends() -> None:
    """Until then they have the commands of the environment, and select as it does."""
    bench = Watched(building=True)
    assert bench.ask(SELECT_EDEP) == "6F118409A00000000386980701A5049F0801029000"
    assert bench.send("805C000204") == "6D00"
    assert command_set_of(bench.card.image, EDEP) is CommandSet.FINANCIAL
    whole = Watched()
    assert whole.ask(SELECT_EDEP).startswith("6F328409A00000000386980701A5259F0801029F0C1E")
    assert whole.send("805C000204") == "000000009000"
    assert command_set_of(whole.card.image, EDEP) is CommandSet.PURSE
    assert whole.card.image.dfs[PSE].phase is Phase.OPERATIONAL


def test_after_the_handover_the_master_key_opens_nothing() -> None:
    bench = Watched()
    bench.send(SELECT_PSE)
    assert bench.send(bench.proof()) == "6A88"
