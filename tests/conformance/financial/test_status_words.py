"""Every status word of the commands of the financial environment itself, got by sending APDUs.

As in `conformance/social/test_status_words.py`: the table is total over rows and words. The environment's rows
also serve its applications until personalisation ends, so half of the scenes play on a card that is being built.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

import pytest

from cardfs.life import command_set_of
from cardfs.memory.store import Cell, CellKey
from cardfs.model.files import CommandSet, Phase
from emulator.commands.financial.rows import FINANCIAL_ROWS
from emulator.status import MEANINGS
from tests.kit.card import family, long_answer
from tests.kit.financial import BY_NAME, EDEP, PSE, SELECT_EDEP, SELECT_PSE, FinancialBench

Cells = dict[CellKey, Cell]


Scenario = tuple[bool, Callable[[FinancialBench], str]]
"""Whether the card is being built, and the scene, which answers the word."""


def sent(*commands: str, building: bool = False) -> Scenario:
    """Select the environment, then send; the last answer counts."""

    def play(bench: FinancialBench) -> str:
        answers = [bench.send(command) for command in (SELECT_PSE, *commands)]
        return answers[-1][-4:]

    return building, play


def locked_card(command: str) -> Scenario:
    def play(bench: FinancialBench) -> str:
        bench.send(SELECT_PSE)
        image = bench.card.image
        image.info = replace(image.info, blocked=True)
        return bench.send(command)

    return False, play


def locked_application(command: str) -> Scenario:
    def play(bench: FinancialBench) -> str:
        image = bench.card.image
        image.dfs[EDEP] = replace(image.dfs[EDEP], suspended=True)
        bench.send(SELECT_PSE)
        return bench.send(command)

    return False, play


def locked_social(command: str) -> Scenario:
    """An environment of the other world that is locked as a whole."""

    def play(bench: FinancialBench) -> str:
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
    def play(bench: FinancialBench) -> str:
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
    bench = FinancialBench(building=building)
    name, word = where
    assert family(play(bench)[-4:]) == word, bench.reason
    if word != 0x6E00:
        assert bench.last_row is BY_NAME[name]


def test_every_row_and_word_has_a_scenario_and_every_word_a_meaning() -> None:
    assert set(SCENARIOS) == {(row.name, word) for row in FINANCIAL_ROWS for word in row.status_words}
    assert {word for row in FINANCIAL_ROWS for word in row.status_words} <= set(MEANINGS)


@pytest.mark.parametrize("name", SAMPLES)
def test_gates_come_before_everything_else_and_change_nothing(name: str) -> None:
    for command, word in ((WRONG_PARAMETERS[name], "6A86"), (WRONG_LENGTHS[name], "6700")):
        for building in (False, True):
            bench = FinancialBench(building=building)
            bench.send(SELECT_PSE)
            before = bench.cells()
            assert bench.send(command) == word
            assert bench.cells() == before


def test_the_applications_begin_to_live_when_personalisation_ends() -> None:
    """Until then they have the commands of the environment, and select as it does."""
    bench = FinancialBench(building=True)
    assert bench.ask(SELECT_EDEP) == "6F118409A00000000386980701A5049F0801029000"
    assert bench.send("805C000204") == "6D00"
    assert command_set_of(bench.card.image, EDEP) is CommandSet.FINANCIAL
    whole = FinancialBench()
    assert whole.ask(SELECT_EDEP).startswith("6F328409A00000000386980701A5259F0801029F0C1E")
    assert whole.send("805C000204") == "000000009000"
    assert command_set_of(whole.card.image, EDEP) is CommandSet.PURSE
    assert whole.card.image.dfs[PSE].phase is Phase.OPERATIONAL


def test_after_the_handover_the_master_key_opens_nothing() -> None:
    bench = FinancialBench()
    bench.send(SELECT_PSE)
    assert bench.send(bench.proof()) == "6A88"
