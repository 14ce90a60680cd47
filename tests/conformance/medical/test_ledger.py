"""Days of random trades against a ledger written from the clauses: every answer, balance, total, record and TAC.

Loads, purchases, wrong MACs, commands out of turn, power cuts, resets and ends of the year, in any order
(Part 5, 7; Part 7, 11 to 15).
"""

from random import Random
from typing import Final

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from cardfs.memory.tearing import Moment
from keys.generate import SeededRandom
from tests.kit.ledger import LAST, MOST, Day
from tests.kit.medical import LOAD, PURCHASE, Purse

SUITES: Final = ("3DES", "SM4")
MODES: Final = ("three", "account")
DAYS: Final = ("0101", "0229", "0701", "1231")
OTHERS: Final = (
    "00A4020002EF08",
    "00B2014400",
    "0084000008",
    "0033000000",
    "7F00000000",
    "B0",
    "",
    "00C0000010",
    "B033000000",
    "B028020100",
    "B02A00000A",
    "B026000100",
)
"""Commands of all kinds, known and unknown; each ends a trade."""

BETWEEN: Final = ("", "", "balance", "proof", "reset", "the other", *OTHERS)

amounts = st.one_of(
    st.integers(0, 2000),
    st.sampled_from((0, 1, 1000, MOST - 1000, MOST - 999, MOST - 1, MOST)),
    st.integers(0, MOST),
)
purses = st.builds(
    Purse,
    loads=st.sampled_from((0, 1, 0x7FFF, 0xFE, 0x1234, LAST - 3, LAST - 1)),
    purchases=st.sampled_from((0, 1, 0x00FF, 0x7E, 0x4321, LAST - 3, LAST - 1)),
    balance=amounts,
    self_paid=amounts,
    fund=amounts,
    year=st.sampled_from(("0000", "2023", "2024", "2025")),
    day=st.sampled_from(("0000", *DAYS)),
)
years = st.sampled_from((2022, 2023, 2024, 2024, 2025, 2026))
dates = st.builds(
    lambda year, day: f"{year}{day}",
    years,
    st.sampled_from(("0101", "0228", "0229", "0630", "0701", "1230", "1231")),
)
times = st.builds(lambda date, time: f"{date}{time:06d}", dates, st.integers(0, 235959))
broken_times = st.one_of(times, times, times, st.just("2024FFFF000000"))
indices = st.sampled_from((1, 1, 1, 2, 3, 0, 4))
states = st.sampled_from(("load", "purchase"))
terminal_sequences = st.integers(0, MOST)


class Trading(RuleBasedStateMachine):
    """One card, one day."""

    suite, mode = "3DES", "three"

    @initialize(purse=purses)
    def morning(self, purse: Purse) -> None:
        self.day = Day(self.suite, self.mode, purse)
        self.day.verify()

    @rule()
    def select(self) -> None:
        self.day.select()

    @rule(right=st.booleans())
    def verify(self, right: bool) -> None:
        self.day.verify(right=right)

    @rule(amount=amounts, index=indices)
    def begin_load(self, amount: int, index: int) -> None:
        self.day.begin("load", (amount,), index)

    @rule(each=st.tuples(amounts, amounts, amounts), index=indices)
    def begin_purchase(self, each: tuple[int, int, int], index: int) -> None:
        self.day.begin("purchase", each, index)

    @rule(state=states, time=broken_times, sequence=terminal_sequences)
    def finish(self, state: str, time: str, sequence: int) -> None:
        self.day.finish(state, time, sequence)

    @rule(state=states, time=times)
    def finish_with_a_wrong_mac(self, state: str, time: str) -> None:
        self.day.finish(state, time, right=False)

    @rule(amount=amounts, time=times)
    def load(self, amount: int, time: str) -> None:
        self.day.verify()
        self.day.begin("load", (amount,))
        self.day.finish("load", time)

    @rule(each=st.tuples(amounts, amounts, amounts), time=times, share=st.integers(0, 4))
    def buy(self, each: tuple[int, int, int], time: str, share: int) -> None:
        """Of what is there: all of it, or a part."""
        self.day.verify()
        paid = self.day.ledger.balance // share if share else each[0]
        self.day.begin("purchase", (paid, *each[1:]))
        self.day.finish("purchase", time)

    @rule(state=states, time=broken_times, between=st.sampled_from(BETWEEN), right=st.booleans())
    def trade_with_something_between(self, state: str, time: str, between: str, right: bool) -> None:
        """Commands after which a trade goes on, and others."""
        day = self.day
        if not (day.ledger.here and day.ledger.pin):
            day.verify()
        day.begin(state, (day.ledger.balance // 3, 5, 7)[: 1 if state == "load" else 3])
        if between == "balance":
            day.ask(1)
        elif between == "proof":
            day.ask_last_proof()
        elif between == "reset":
            day.reset()
        elif between == "the other":
            day.finish("purchase" if state == "load" else "load", time)
        elif between:
            day.send_other(between)
        day.finish(state, time, right=right)

    @rule(state=states, time=times, moment=st.sampled_from(Moment), amount=st.integers(0, 500))
    def pull_out(self, state: str, time: str, moment: Moment, amount: int) -> None:
        """A whole trade whose second command is cut; the proof tells the terminal how it was."""
        day = self.day
        day.verify()
        before = day.ledger.loads if state == "load" else day.ledger.purchases
        day.begin(state, (amount,) if state == "load" else (amount, 1, 2))
        day.finish(state, time, cut=moment)
        day.select()
        day.ask_proof(LOAD if state == "load" else PURCHASE, before)

    @rule(which=st.sampled_from((1, 2, 3)))
    def ask(self, which: int) -> None:
        self.day.ask(which)

    @rule()
    def ask_last_proof(self) -> None:
        self.day.ask_last_proof()

    @rule(kind=st.sampled_from((LOAD, PURCHASE)), number=st.sampled_from((0, 1, LAST - 1, LAST)))
    def ask_proof(self, kind: str, number: int) -> None:
        self.day.ask_proof(kind, number)

    @rule(each=st.sampled_from(DAYS), authenticate=st.booleans())
    def change_day(self, each: str, authenticate: bool) -> None:
        self.day.change_day(int(each), authenticate=authenticate)

    @rule()
    def ask_day(self) -> None:
        self.day.ask_day()

    @rule(apdu=st.sampled_from(OTHERS))
    def send_other(self, apdu: str) -> None:
        self.day.send_other(apdu)

    @rule()
    def reset(self) -> None:
        self.day.reset()

    @rule()
    def insert_again(self) -> None:
        self.day.insert()

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "day"):
            self.day.check()

    def teardown(self) -> None:
        if hasattr(self, "day"):
            self.day.close()


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.clause("Part 7, 12.6", "all or nothing, in any order of commands")
def test_card_and_ledger_agree_in_any_order_of_commands(suite: str, mode: str) -> None:
    machine = type("Trading", (Trading,), {"suite": suite, "mode": mode})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


TRADES: Final = 1000


def a_trade(day: Day, chance: Random, time: str) -> None:
    """One trade as terminals make them, most of them good."""
    state = chance.choice(("load", "purchase", "purchase"))
    balance = day.ledger.balance
    amount = chance.choice((chance.randrange(5000), chance.randrange(5000), balance, balance + 1, MOST))
    if chance.random() < 0.9:
        amount = min(amount, 5000, balance if state == "purchase" else 5000)
    amount = min(amount, MOST)
    each = (amount,) if state == "load" else (amount, chance.randrange(9000), chance.randrange(9000))
    day.begin(state, each, chance.choice((1, 1, 2, 3, 3, chance.randrange(256))))
    event = chance.randrange(40)
    if event == 0:
        day.reset()
    elif event == 1:
        day.send_other(chance.choice(OTHERS))
    elif event < 6:
        day.ask(chance.choice((1, 2, 3)))
    elif event == 6:
        day.begin(state, each)
    wrong, cut = chance.random() < 0.04, chance.random() < 0.06
    finished = chance.choice(("load", "purchase")) if event == 7 else state
    moment = chance.choice(list(Moment)) if cut else None
    day.finish(finished, time, chance.randrange(MOST), right=not wrong, cut=moment)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("mode", MODES)
def test_after_a_thousand_random_trades_card_and_ledger_agree(suite: str, mode: str) -> None:
    """Three years of trades; the same ones every time."""
    chance = Random(f"{suite} {mode}")  # noqa: S311 - it draws no secrets
    day = Day(suite, mode, Purse(0, 0, 5000, 0, 0, "2024", "0701"), SeededRandom(f"{suite} {mode}"))
    for number in range(TRADES):
        if not (day.ledger.here and day.ledger.pin):
            day.ask_last_proof()
            day.verify()
            day.ask_last_proof()
        year, of_year = 2024 + number // 334, number % 334
        a_trade(day, chance, f"{year}{1 + of_year // 28:02d}{1 + of_year % 28:02d}{chance.randrange(240000):06d}")
        day.check()
    assert day.ledger.done > TRADES * 2 // 3
    assert len(day.ledger.records) == 30
    assert day.ledger.year == (2024 if mode == "account" else 2026)
    day.close()
