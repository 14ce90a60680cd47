"""Power cuts in the commands of the financial environment itself: the one that writes is EXTERNAL AUTHENTICATION.

Its applications have theirs in tests of their own.
"""

from collections.abc import Iterator
from functools import cache
from typing import Final

import pytest

from cardfs.memory.cells import read_cells
from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from emulator.cards import Card
from emulator.commands.financial.rows import FINANCIAL_ROWS
from keys.generate import SeededRandom
from tests.kit.card import CardBench
from tests.kit.financial import FMK, SELECT_PSE, FinancialBench, half_built

TRIES: Final = ("tries", f"{FMK.owner}#{FMK.name}.1")


class Torn(FinancialBench):
    """The card that is being built, on a memory that loses power."""

    def __init__(self, inside: MemoryStore) -> None:
        self.torn = TearingStore(inside)
        CardBench.__init__(self, card=Card(Image(read_cells(dict(inside.load())), self.torn), SeededRandom("torn")))

    def send(self, apdu: str | bytes) -> str:
        return CardBench.send(self, apdu)


@cache
def used_once() -> MemoryStore:
    """The environment's master key has one failure behind it, so that success gives a try back."""
    store = MemoryStore(dict(half_built()))
    bench = Torn(store)
    bench.send(SELECT_PSE)
    assert bench.send(bench.proof(wrong=True)) == "63C2"
    return store


def cuts() -> Iterator[tuple[bool, int, Moment]]:
    for wrong, writes in ((False, 2), (True, 1)):
        for write in range(1, writes + 1):
            for moment in Moment:
                yield wrong, write, moment


def tries(store: MemoryStore) -> int:
    return int(store.load()[TRIES].meta)


@pytest.mark.parametrize(("wrong", "write", "moment"), [*cuts()])
def test_a_proof_that_is_cut_costs_a_try_at_most_and_gives_none(wrong: bool, write: int, moment: Moment) -> None:
    before = used_once().load()
    survivor = MemoryStore(before)
    bench = Torn(survivor)
    bench.send(SELECT_PSE)
    command = bench.proof(wrong=wrong)
    bench.torn.cut(write, moment)
    with pytest.raises(PowerCut):
        bench.card.transmit(bytes.fromhex(command))
    after = survivor.load()
    assert {at for at in before | after if before.get(at) != after.get(at)} <= {TRIES}
    # Charged at the first write, given back with the second, each before or after the power is gone.
    done = write if moment is Moment.AFTER else write - 1
    assert tries(survivor) == (2, 1, 3)[done]
    again = Torn(survivor)
    again.send(SELECT_PSE)
    assert again.send(again.proof()) == "9000"
    assert tries(survivor) == 3


def test_there_is_no_other_row_that_writes() -> None:
    assert [row.name for row in FINANCIAL_ROWS if row.writes] == ["EXTERNAL AUTHENTICATION"]
    for wrong, writes in ((False, 2), (True, 1)):
        bench = Torn(MemoryStore(used_once().load()))
        bench.send(SELECT_PSE)
        command = bench.proof(wrong=wrong)
        bench.torn.cut(writes + 1, Moment.BEFORE)
        assert bench.send(command) == ("63C1" if wrong else "9000")
