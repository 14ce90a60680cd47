"""Transactions in any order of commands, against a model of what a card must do and remember."""

from typing import Final

from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.strategies import booleans, integers, sampled_from

from tests.kit.debit import CASH, DEBIT, PIN_BLOCK, WRONG_BLOCK, Answered, DebitBench

SELECTED, BEGUN, ASKED, DONE = "selected", "begun", "asked", "done"
APPROVING: Final = ("00", "01", "02", "10", "11", "Y1")


class Transactions(RuleBasedStateMachine):
    """The model keeps a stage, counters and money; it never looks into the card before it compares."""

    @initialize(suite=sampled_from(["3DES", "SM4"]))
    def insert(self, suite: str) -> None:
        objects = {**CASH, "9F58": "", "9F59": "", "9F52": "4080", "9F54": "000000400000", "9F5C": "000000500000"}
        self.bench = DebitBench(objects, suite=suite)
        self.atc, self.balance, self.spent, self.tries, self.logged = 0, 10000, 0, 3, 0
        self.pending = self.failed_issuer = self.script_failed = self.suspended = False
        self.mac_failures = self.issuer_failures = 0
        self.select()

    # -- the terminal -------------------------------------------------------------------------

    @rule()
    def select(self) -> None:
        answer = self.bench.select()
        assert answer[-4:] == ("6283" if self.suspended else "9000")
        self.stage = SELECTED
        self.cash = self.online = self.dead = False
        self.proven: bool | None = None
        self.used_up_now = False
        self.amount = 0

    @rule(power=booleans())
    def leave(self, power: bool) -> None:
        if power:
            self.bench.power()
        self.select()

    @rule(amount=sampled_from([0, 700, 4000, 10001, 50001]), cash=booleans(), begin=booleans())
    def options(self, amount: int, cash: bool, begin: bool) -> None:
        if begin and self.stage != SELECTED:
            self.select()
        answer = self.bench.options(amount, cash=cash)
        if self.stage != SELECTED:
            assert answer == "6985"
            return
        self.atc += 1
        self.stage, self.amount = BEGUN, amount
        clean = not (self.failed_issuer or self.script_failed or not self.tries)
        self.cash = cash and clean and amount <= self.balance and amount <= 50000
        self.short = cash and clean and not self.cash
        assert answer == ("800E7D00080101001001030018010100" if self.cash else "800A7D000801010010010300") + "9000"

    @rule(right=booleans())
    def verify(self, right: bool) -> None:
        word = self.bench.send("0020008008" + (PIN_BLOCK if right else WRONG_BLOCK))
        if self.stage in (ASKED, DONE):
            assert word == "6985"
        elif not self.tries:
            assert word == ("6983" if self.used_up_now else "6984")
            self.used_up_now = True
        elif right:
            assert word == "9000"
            self.tries, self.used_up_now = 3, True
        else:
            self.tries -= 1
            self.used_up_now = True
            assert word == f"63C{self.tries}"
            self.suspended = self.suspended or not self.tries  # 9F52 has it so

    @precondition(lambda self: self.stage in (SELECTED, BEGUN))
    @rule(wanted=sampled_from(["AAC", "TC", "ARQC"]))
    def first(self, wanted: str) -> None:
        p1 = {"AAC": "00", "TC": "40", "ARQC": "80"}[wanted]
        answer = self.bench.generate(p1, self.bench.cdol(self.amount))
        if self.stage == SELECTED:
            assert answer == "6985"
            return
        found = Answered(answer)
        self.bench.first = found
        above = self.spent + self.amount > 400000
        online = not self.cash and (self.pending or self.short or above)
        kind = wanted
        if wanted == "TC" and online:
            kind = "ARQC"
        if self.suspended:
            kind = "AAC"
        assert (found.kind, found.atc) == (kind, self.atc)
        self.online = kind == "ARQC"
        self.stage = ASKED if self.online or self.suspended else DONE
        if kind == "ARQC":
            self.pending = True
        if kind == "TC":
            self.logged += 1
            if self.cash:
                self.balance -= self.amount
            else:
                self.spent += self.amount

    @precondition(lambda self: self.stage in (ASKED, DONE))
    @rule(wanted=sampled_from(["AAC", "TC", "ARQC"]), code=sampled_from(["00", "10", "05", "Y3", "Z3"]))
    def second(self, wanted: str, code: str) -> None:
        p1 = {"AAC": "00", "TC": "40", "ARQC": "80"}[wanted]
        answer = self.bench.generate(p1, self.bench.cdol(self.amount, code=code))
        if self.stage == DONE or not self.online or wanted == "ARQC":
            assert answer == "6985"
            return
        found = Answered(answer)
        if code in ("Y3", "Z3"):
            kind = "AAC" if self.spent + self.amount > 500000 else wanted
            if kind == "TC":
                self.spent += self.amount
        else:
            kind = wanted if code in APPROVING and self.proven is not False else "AAC"
            if self.proven is True:
                self.pending = self.script_failed = False
                if kind == "TC":
                    self.spent = 0
            elif self.proven is None:
                self.failed_issuer = True
        assert (found.kind, found.atc) == (kind, self.atc)
        self.logged += kind == "TC"
        self.stage = DONE

    # -- the issuer ---------------------------------------------------------------------------

    @precondition(lambda self: self.bench.first is not None)
    @rule(right=booleans())
    def prove(self, right: bool) -> None:
        assert self.bench.first is not None
        word = self.bench.arpc(wrong=not right)
        if self.stage != ASKED:
            assert word == "6985"
        elif self.proven is not None:
            assert word == "6985"
            self.proven, self.failed_issuer = False, True
        elif right:
            assert word == "9000"
            self.proven, self.failed_issuer, self.issuer_failures = True, False, 0
        else:
            assert word == "6300"
            self.proven, self.failed_issuer = False, True
            self.issuer_failures += 1

    @precondition(lambda self: self.bench.first is not None)
    @rule(
        header=sampled_from(["load", "841E0000", "84180000", "84240000", "04DA9F36"]),
        right=booleans(),
        amount=integers(0, 110000),
    )
    def script(self, header: str, right: bool, amount: int) -> None:
        load = header == "load"
        data = f"{amount:012d}" if load else "0001" if header == "04DA9F36" else ""
        word = self.bench.send(self.bench.script("04DA9F79" if load else header, data, wrong=not right))
        if self.stage not in (ASKED, DONE) or self.dead or self.proven is False:
            assert word == "6985"
        elif not right:
            assert word == "6988"
            self.dead = self.script_failed = True
            self.mac_failures += 1
        else:
            self.mac_failures = 0
            if header == "04DA9F36":
                assert word == "6A88"
                self.script_failed = True
            elif load and amount > 100000:
                assert word == "6A80"
                self.script_failed = True
            else:
                assert word == "9000"
                self.balance = amount if load else self.balance
                self.suspended = {"841E0000": True, "84180000": False}.get(header, self.suspended)
                self.tries = 3 if header == "84240000" else self.tries

    # -- what must hold after every command ----------------------------------------------------

    @invariant()
    def the_card_remembers_what_the_model_does(self) -> None:
        bench = self.bench
        assert int(bench.object("9F36"), 16) == self.atc
        assert int(bench.object("9F79")) == self.balance
        assert int(bench.object("C3")) == self.spent
        assert bench.tries == self.tries
        assert len(bench.log()) == min(self.logged, 3)
        assert bench.card.image.dfs[DEBIT].suspended is self.suspended
        flags = int(bench.object("C2")[:2], 16)
        assert flags == self.pending << 7 | self.failed_issuer << 6 | self.script_failed << 3
        assert bench.object("C7") == f"{self.issuer_failures:02X}{self.mac_failures:02X}"
        assert bench.card.session.df == DEBIT


Transactions.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None)
TestTransactions = Transactions.TestCase
