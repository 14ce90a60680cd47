"""A ledger of its own beside the card: after any trades, in any order, both say the same.

The ledger knows the manual's rules in words: what a trade does to balance, limit and counters, which log
record and which proof it leaves, who may do it. It computes with `tests.kit.reference` and never asks the card.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.kit.purse import ED, EP, PIN, TERMINAL, TIME, PurseBench, flipped, mac, money, session_key, tac

NAMES: Final = {1: "DLK1", 2: "DLK1", 3: "DULK", 4: "DPK0", 5: "DPK0", 6: "DPK0", 7: "DUK", 9: "DPK0"}
"""Key by kind of trade."""
INITIALIZE: Final = {1: (0, ED), 2: (0, EP), 3: (5, ED), 4: (2, ED), 5: (1, ED), 6: (1, EP), 7: (4, ED), 9: (3, EP)}
"""P1 and P2 by kind of trade."""
ONLINE: Final = (1, 2, 3, 7)
KINDS: Final = tuple(NAMES)


@dataclass
class Account:
    """What the ledger knows of a passbook or purse."""

    balance: int = 0
    limit: int = 0
    online: int = 0
    offline: int = 0
    proof: tuple[int, int, bytes, bytes] | None = None


@dataclass
class Ledger:
    """The model."""

    accounts: dict[int, Account] = field(default_factory=lambda: {ED: Account(), EP: Account()})
    log: list[bytes] = field(default_factory=list)
    verified: bool = False

    def refusal(self, kind: int, amount: int) -> str:
        """The word with which INITIALIZE refuses, or 9000."""
        account = self.accounts[INITIALIZE[kind][1]]
        if kind not in (6, 9) and not self.verified:
            return "6982"
        if (account.online if kind in ONLINE else account.offline) == 0xFFFF:
            return "9402"
        if kind in (3, 4, 5, 6, 9) and amount > account.balance:
            return "9401"
        if kind in (1, 2) and account.balance + amount > 0xFFFFFFFF:
            return "6985"
        return "9000"

    def done(self, kind: int, amount: int, code: bytes, mac_or_tac: tuple[bytes, bytes]) -> None:
        """Enter a trade; of a new limit the amount is the limit."""
        account = self.accounts[INITIALIZE[kind][1]]
        if kind == 7:
            account.balance += amount - account.limit
            account.limit = amount
        else:
            account.balance += amount if kind in (1, 2) else -amount
        if kind in ONLINE:
            account.online += 1
        else:
            account.offline += 1
        counter = account.online if kind in ONLINE else account.offline
        account.proof = (kind, counter, *mac_or_tac)
        moved = 0 if kind == 7 else amount
        record = counter.to_bytes(2) + account.limit.to_bytes(3) + moved.to_bytes(4) + code + TERMINAL + TIME
        self.log = [record, *self.log][:10]


class Trader:
    """A terminal and host that trade with a card, and enter everything into the ledger."""

    def __init__(self, bench: PurseBench, ledger: Ledger | None = None) -> None:
        self.bench = bench
        self.ledger = ledger or Ledger()
        self.sequence = 0

    def trade(self, kind: int, amount: int, *, spoil: bool = False, interrupt: bool = False) -> str:
        """One trade from INITIALIZE to the answer, every code checked; the last word."""
        bench, ledger = self.bench, self.ledger
        p1, which = INITIALIZE[kind]
        account = ledger.accounts[which]
        said, word = bench.initialize(p1, which, {4: 0, 5: 0, 6: 0, 9: 0}.get(kind, 1), None if kind == 7 else amount)
        assert word == ledger.refusal(kind, amount)
        if word != "9000":
            assert not said
            return word
        suite, key = bench.key_of(NAMES[kind])
        dtk = bench.key_of("DTK")[1]
        code, limit = bytes((kind,)), account.limit.to_bytes(3)
        counter = (account.online if kind in ONLINE else account.offline).to_bytes(2)
        assert said[:6] == account.balance.to_bytes(4) + counter
        if kind == 7:
            return self._limit(amount, said, spoil=spoil, interrupt=interrupt)
        money_moved = amount.to_bytes(4)
        if kind in ONLINE:
            session = session_key(suite, key, said[8:12] + counter + b"\x80\x00")
            assert said[12:] == mac(suite, session, said[:4], money_moved, code, TERMINAL)
            about = money_moved + code + TERMINAL + TIME
            ins, second_p1 = (0x54, 0x03) if kind == 3 else (0x52, 0x00)
            command = bytes((0x80, ins, second_p1, 0x00, 0x0B)) + TIME + mac(suite, session, about)
            new = account.balance + (amount if kind in (1, 2) else -amount)
            covered = new.to_bytes(4) + counter + about
            answer = mac(suite, session, covered) if kind == 3 else tac(suite, dtk, covered)
            proof = (answer, bytes(4)) if kind == 3 else (bytes(4), answer)
        else:
            assert said[6:9] == limit
            self.sequence += 1
            terminal_sequence = self.sequence.to_bytes(4)
            session = session_key(suite, key, said[11:15] + counter + terminal_sequence[2:])
            mac1 = mac(suite, session, money_moved, code, TERMINAL, TIME)
            command = b"\x80\x54\x01\x00\x0f" + terminal_sequence + TIME + mac1
            mac2 = mac(suite, session, money_moved)
            its_tac = tac(suite, dtk, money_moved, code, TERMINAL, terminal_sequence, TIME)
            answer, proof = its_tac + mac2, (mac2, its_tac)
        return self._second(command, answer, lambda: ledger.done(kind, amount, code, proof), spoil, interrupt)

    def _limit(self, limit: int, said: bytes, *, spoil: bool, interrupt: bool) -> str:
        bench, account = self.bench, self.ledger.accounts[ED]
        suite, key = bench.key_of("DUK")
        old = account.limit.to_bytes(3)
        assert said[6:9] == old
        session = session_key(suite, key, said[11:15] + said[4:6] + b"\x80\x00")
        assert said[15:] == mac(suite, session, said[:4], old, b"\x07", TERMINAL)
        about = limit.to_bytes(3) + b"\x07" + TERMINAL + TIME
        command = b"\x80\x58\x00\x00\x0e" + limit.to_bytes(3) + TIME + mac(suite, session, about)
        new = account.balance + limit - account.limit
        if (new < 0 or new > 0xFFFFFFFF) and not spoil and not interrupt:
            word = bench.word(command)
            assert word == ("9401" if new < 0 else "6985")
            return word
        answer = b""
        if 0 <= new <= 0xFFFFFFFF:
            answer = tac(suite, bench.key_of("DTK")[1], new.to_bytes(4), said[4:6], about)
        return self._second(
            command, answer, lambda: self.ledger.done(7, limit, b"\x07", (bytes(4), answer)), spoil, interrupt
        )

    def _second(self, command: bytes, answer: bytes, enter: Callable[[], None], spoil: bool, interrupt: bool) -> str:
        if interrupt:
            self.bench.ask("0084000004")
        if spoil:
            command = flipped(command)
        said = self.bench.ask(command)
        if spoil or interrupt:
            assert said == ("6901" if interrupt else "9302")
            return said
        assert said == answer.hex().upper() + "9000"
        enter()
        return "9000"

    def agree(self) -> None:
        """The card holds what the ledger says, and answers so."""
        bench, ledger = self.bench, self.ledger
        for which, account in ledger.accounts.items():
            limit = account.limit if which == ED else None
            assert bench.file(which)[: 11 if which == ED else 8] == money(
                account.balance, account.online, account.offline, limit, b""
            )
            if account.proof is not None:
                kind, counter, its_mac, its_tac = account.proof
                expected = (its_mac + its_tac).hex().upper() + "9000"
                assert bench.ask(f"805A00{kind:02X}02{counter:04X}08") == expected
                assert bench.ask(f"805A00{kind:02X}02{counter - 1:04X}08") == "9406"
        assert list(bench.file(0x18)) == ledger.log
        for number, record in enumerate(ledger.log, start=1):
            assert bench.ask(f"00B2{number:02X}C417") == record.hex().upper() + "9000"
        assert bench.ask("805C000204") == f"{ledger.accounts[EP].balance:08X}9000"
        balance = f"{ledger.accounts[ED].balance:08X}9000"
        assert bench.ask("805C000104") == (balance if ledger.verified else "6982")


@pytest.mark.parametrize(("suite", "t1", "seed"), [("3DES", True, 1), ("3DES", False, 2), ("SM4", True, 3)])
def test_many_trades_of_all_kinds_end_with_equal_books(suite: str, t1: bool, seed: int) -> None:
    random = Random(seed)  # noqa: S311 - it draws test cases
    trader = Trader(PurseBench(suite=suite, t1=t1))
    words: dict[str, int] = {}
    trades = 1000 if suite == "3DES" else 60
    while words.get("9000", 0) < trades:
        if random.random() < 0.05:
            trader.bench.card.reset()
            trader.bench.select()
            trader.ledger.verified = False
        if not trader.ledger.verified and random.random() < 0.7:
            assert trader.bench.pin() == "9000"
            trader.ledger.verified = True
        kind = random.choice(KINDS)
        amount = random.choice((0, 1, 50, random.randrange(3000)))
        spoil, interrupt = random.random() < 0.05, random.random() < 0.05
        word = trader.trade(kind, amount, spoil=spoil and not interrupt, interrupt=interrupt)
        words[word] = words.get(word, 0) + 1
        if suite == "SM4" or random.random() < 0.05:
            trader.agree()
    trader.agree()
    assert set(words) >= ({"9000", "9401", "6982", "9302", "6901"} if suite == "3DES" else {"9000"})
    done = sum(account.online + account.offline for account in trader.ledger.accounts.values())
    assert done == words["9000"] == trades


class Purses(RuleBasedStateMachine):
    """Trades, PINs, resets and locks in any order."""

    @initialize(
        suite=st.sampled_from(("3DES", "DES")),
        balances=st.tuples(st.sampled_from((0, 100, 0xFFFFFFF0)), st.sampled_from((0, 100, 0xFFFFFFF0))),
        counters=st.sampled_from((0, 0xFFFC)),
    )
    def begin(self, suite: str, balances: tuple[int, int], counters: int) -> None:
        ed, ep = balances
        passbook, purse = money(ed, counters, counters, 0), money(ep, counters, counters)
        ledger = Ledger({ED: Account(ed, 0, counters, counters), EP: Account(ep, 0, counters, counters)})
        self.trader = Trader(PurseBench(suite=suite, passbook=passbook, purse=purse), ledger)

    @rule(
        kind=st.sampled_from(KINDS),
        amount=st.one_of(st.integers(0, 30), st.sampled_from((100, 0xFFFFFF, 0xFFFFF0, 15))),
        fate=st.sampled_from(("done", "done", "done", "spoilt", "interrupted")),
    )
    def trade(self, kind: int, amount: int, fate: str) -> None:
        self.trader.trade(kind, amount, spoil=fate == "spoilt", interrupt=fate == "interrupted")

    @rule()
    def verify(self) -> None:
        assert self.trader.bench.pin() == "9000"
        self.trader.ledger.verified = True

    @rule(reset=st.booleans())
    def start_again(self, reset: bool) -> None:
        if reset:
            self.trader.bench.card.power_on()
        self.trader.bench.select()
        self.trader.ledger.verified = False

    @rule(kind=st.sampled_from(KINDS))
    def leave(self, kind: int) -> None:
        """A trade that is begun and left changes nothing."""
        p1, which = INITIALIZE[kind]
        self.trader.bench.initialize(p1, which, 0 if kind in (4, 5, 6, 9) else 1, None if kind == 7 else 1)

    @rule()
    def lock_and_unlock(self) -> None:
        bench = self.trader.bench
        assert bench.word(bench.protected("841E0000")) == "9000"
        assert bench.word("805C000204") == "6A81"
        assert bench.word(bench.protected("84180000")) == "9000"

    @precondition(lambda self: self.trader.ledger.verified)
    @rule(pin=st.sampled_from((PIN, b"\x11\x22", b"\x12\x34\x56\x78\x90\x12")))
    def change_the_pin_and_back(self, pin: bytes) -> None:
        for old, new in ((PIN, pin), (pin, PIN)):
            data = old + b"\xff" + new
            assert self.trader.bench.word(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data) == "9000"

    @invariant()
    def books_agree(self) -> None:
        self.trader.agree()


Purses.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestPurses = Purses.TestCase
