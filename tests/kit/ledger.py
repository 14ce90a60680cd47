"""A ledger of medical trades, written from the clauses, and days on which card and ledger see the same commands.

The ledger knows nothing of the program: numbers and bytes as Part 5, 7 and Part 7, 11 to 14 have them. Its MACs
and TACs come from `tests.kit.medical`, which computes with `tests.kit.reference`.
"""

from dataclasses import dataclass, field
from typing import Final

from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.store import MemoryStore
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from keys.generate import RandomSource
from tests.kit.card import PIN_CN
from tests.kit.medical import LOAD, PURCHASE, TERMINAL, Begun, MedicalBench, Purse, b2, b4, card_with

MOST: Final = 0xFFFFFFFF
LAST: Final = 0xFFFF
LOG_RECORDS: Final = 30
"""Records of the trade file (V2.0 notice, 8.5.3)."""


@dataclass
class Ledger:
    """What the standard says of an account.

    Attributes:
        account_only: mode of the application (Part 7, 12).
        state: ``idle``, ``load`` or ``purchase`` (Part 5, 7).
        amounts: of the trade that was begun: one, or account, self-paid and fund.
        here: whether DF04 is selected. ``pin``: whether the PIN was verified. ``day_key``: whether DSK was.
        proof: type, number, MAC and TAC of the last trade.
        done: how many trades took place.
    """

    account_only: bool
    loads: int
    purchases: int
    balance: int
    self_paid: int
    fund: int
    year: int
    day: int
    state: str = "idle"
    amounts: tuple[int, ...] = ()
    here: bool = False
    pin: bool = False
    day_key: bool = False
    records: list[bytes] = field(default_factory=list)
    proof: tuple[str, int, bytes, bytes] | None = None
    done: int = 0

    def power(self) -> None:
        """Reset or loss of power (Part 4, 7.5)."""
        self.state, self.here, self.pin, self.day_key = "idle", False, False, False

    # Each command: the word that it answers; what it does to the state.

    def begin(self, state: str, amounts: tuple[int, ...], index: int) -> str:
        """INITIALIZE FOR LOAD or FOR PURCHASE (Part 7, 11.2 and 12.2)."""
        self.state = "idle"
        counter = self.loads if state == "load" else self.purchases
        refusals = (
            (not self.here, "6985"),
            (not self.pin, "6982"),
            (index not in (1, 2, 3), "9403"),
            (state == "purchase" and self.balance < amounts[0], "9401"),
            (counter == LAST, "9402"),
            (state == "load" and self.balance + amounts[0] > MOST, "6985"),
        )
        word = next((word for refused, word in refusals if refused), "9000")
        if word == "9000":
            self.state, self.amounts = state, amounts
        return word

    def finish(self, state: str, time: str, *, mac_right: bool) -> str:
        """CREDIT FOR LOAD or DEBIT FOR PURCHASE: what it will answer; `book` does it (Part 7, 11.7 and 12.5)."""
        before, self.state = self.state, "idle"
        if before != state:
            return "6901"
        if not mac_right:
            return "9302"
        if state == "purchase" and not self.account_only:
            if not time[:8].isdecimal():
                return "6985"
            _, self_paid, fund = self._settled(int(time[:8]))
            if self_paid > MOST or fund > MOST:
                return "6985"
        return "9000"

    def _settled(self, date: int) -> tuple[int, int, int]:
        """Payment year and totals after the purchase (Part 7, 12.6)."""
        _, self_paid, fund = self.amounts
        if date - (self.year * 10000 + self.day) < 10000:
            return self.year, self.self_paid + self_paid, self.fund + fund
        return date // 10000 if date % 10000 >= self.day else date // 10000 - 1, self_paid, fund

    def book(self, state: str, time: str, mac: bytes, tac: bytes) -> None:
        """The trade takes place, all of it (Part 7, 11.8 and 12.6)."""
        self.done += 1
        if state == "load":
            number, kind, amounts = self.loads, LOAD, (*self.amounts, 0, 0)
            self.balance += self.amounts[0]
            self.loads += 1
        else:
            number, kind, amounts = self.purchases, PURCHASE, self.amounts
            self.balance -= self.amounts[0]
            self.purchases += 1
            if not self.account_only:
                self.year, self.self_paid, self.fund = self._settled(int(time[:8]))
        written = amounts[:1] if self.account_only else amounts
        record = b2(number + 1) + kind.encode() + TERMINAL + bytes.fromhex(time) + b"".join(map(b4, written))
        self.records = [record, *self.records][:LOG_RECORDS]
        self.proof = (kind, number, mac, tac)

    def ask_balance(self, which: int) -> str:
        """GET BALANCE: data and word; the state stays after success (Part 5, 7.3 and table 49)."""
        if not (self.here and self.pin):
            self.state = "idle"
            return "6982" if self.here else "6985"
        if which == 1:
            return f"{self.balance:08X}9000"
        amount, year = {2: self.self_paid, 3: self.fund}[which], self.year
        if self.account_only:
            amount = year = 0
        return f"{amount:08X}{year:04d}9000"

    def ask_proof(self, kind: str, number: int) -> str:
        """GET TRANSACTION PROOF: data and word (Part 5, 7.4; Part 7, 14)."""
        if self.here and self.proof is not None and self.proof[:2] == (kind, number):
            return (self.proof[2] + self.proof[3]).hex().upper() + "9000"
        self.state = "idle"
        return "9406" if self.here else "6985"

    def change_day(self, day: int) -> str:
        """UPDATE STARTING DAY with a day that is one (Part 5, 7.7)."""
        self.state = "idle"
        if not self.here or self.account_only:
            return "6985"
        if not self.day_key:
            return "6982"
        self.day = day
        return "9000"


class Day:
    """A day of trades: each command goes to the card and to the ledger, which must agree.

    Args:
        suite: ``3DES`` or ``SM4``. ``mode``: ``three`` amounts or ``account`` only.
        purse: what is on the card in the morning.
    """

    def __init__(self, suite: str, mode: str, purse: Purse, random: RandomSource | None = None) -> None:
        """Begin a day with this money on card and ledger."""
        card_contents = card_with(purse, suite=suite, mode=mode)
        self.random = random
        self.memory = MemoryStore(dict(write_cells(card_contents)))
        numbers = (purse.loads, purse.purchases, purse.balance, purse.self_paid, purse.fund)
        self.ledger = Ledger(mode == "account", *numbers, int(purse.year), int(purse.day))
        self.begun: dict[str, Begun] = {}
        self.insert()

    def insert(self) -> None:
        """A new card of what the memory holds."""
        self.tearing = TearingStore(self.memory)
        self.bench = MedicalBench(read_cells(self.memory.load()), store=self.tearing, random=self.random, ready=False)
        self.ledger.power()

    # -- commands -----------------------------------------------------------------------------

    def select(self) -> None:
        """SELECT the SSSE, then DF04."""
        self.bench.select_df("DF04")
        self.ledger.state, self.ledger.here, self.ledger.day_key = "idle", True, False

    def verify(self, *, right: bool = True) -> None:
        """VERIFY in DF04; a wrong PIN is followed by the right one, so that it never locks."""
        if not self.ledger.here:
            self.select()
        self.ledger.state = "idle"
        if not right:
            assert self.bench.verify(b"\x00\x00") == "63C2"
        assert self.bench.verify(PIN_CN) == "9000"
        self.ledger.pin = True

    def begin(self, state: str, amounts: tuple[int, ...], index: int = 1) -> None:
        """INITIALIZE; its answer is checked to the last byte."""
        b, ledger = self.bench, self.ledger
        purse = (ledger.balance, 0, 0) if ledger.account_only else (ledger.balance, ledger.self_paid, ledger.fund)
        if state == "load":
            answer = b.ask(b.begin_load_command(amounts[0], index))
        else:
            assert len(amounts) == 3
            answer = b.ask(b.begin_purchase_command(amounts, index))
        word = ledger.begin(state, amounts, index)
        assert answer[-4:] == word, b.reason
        if word != "9000":
            return
        data = bytes.fromhex(answer[:-4])
        version = bytes((index, 0 if b.suite == "3DES" else 3))
        if state == "load":
            begun = Begun(data, index, amounts, TERMINAL, b2(ledger.loads), data[8:12])
            rules, session = b.seslk(begun)
            mac1 = rules.mac(session, b4(ledger.balance) + b4(amounts[0]) + b"1" + TERMINAL)
            assert data == b4(ledger.balance) + b2(ledger.loads) + version + begun.random + mac1
        else:
            begun = Begun(data, index, amounts, TERMINAL, b2(ledger.purchases), data[18:22])
            year = bytes(2) if ledger.account_only else bytes.fromhex(f"{ledger.year:04d}")
            totals = b"".join(map(b4, purse))
            assert data == totals + year + b2(ledger.purchases) + version + begun.random
        self.begun[state] = begun

    def finish(
        self, state: str, time: str, terminal_sequence: int = 7, *, right: bool = True, cut: Moment | None = None
    ) -> None:
        """The second command of a trade that was begun at some time; with a right or a wrong MAC, or cut.

        The MAC belongs to the last trade of this kind that was begun; there may have been none.
        """
        b, ledger = self.bench, self.ledger
        raw_time = bytes.fromhex(time)
        begun = self.begun.get(state) or Begun(b"", 1, (1,) if state == "load" else (1, 1, 1), TERMINAL, b2(0), b4(0))
        if state == "load":
            command = b.credit(begun, raw_time, wrong=not right)
            mac, tac = bytes(4), b.load_tac(begun, ledger.balance + begun.amounts[0] & MOST, raw_time)
            expected = tac
        else:
            command = b.debit(begun, terminal_sequence, raw_time, wrong=not right)
            mac, tac = b.mac2(begun, terminal_sequence), b.purchase_tac(begun, terminal_sequence, raw_time)
            expected = tac + mac
        word = ledger.finish(state, time, mac_right=right)
        if word == "9000" and cut is not None:
            self.cut_off(command, cut)
            if cut is Moment.AFTER:
                ledger.book(state, time, mac, tac)
            return
        answer = b.ask(command)
        assert answer[-4:] == word, b.reason
        if word == "9000":
            assert answer[:-4] == expected.hex().upper()
            ledger.book(state, time, mac, tac)

    def cut_off(self, command: bytes, moment: Moment) -> None:
        """Cut power at the write of a command; then the card is inserted again."""
        self.tearing.cut(1, moment)
        try:
            self.bench.card.transmit(command)
        except PowerCut:
            self.insert()
        else:
            raise AssertionError("the trade wrote nothing")

    def ask(self, which: int) -> None:
        """GET BALANCE."""
        expected = self.ledger.ask_balance(which)
        assert self.bench.ask(bytes((0xB0, 0x26, 0x00, which, 4 if which == 1 else 6))) == expected

    def ask_proof(self, kind: str, number: int) -> None:
        """GET TRANSACTION PROOF of any trade."""
        expected = self.ledger.ask_proof(kind, number)
        assert self.bench.proof(kind, number) == expected

    def ask_last_proof(self) -> None:
        """GET TRANSACTION PROOF of the last trade, or of one that never was."""
        kind, number, *_ = self.ledger.proof or (LOAD, 0xFFFF)
        self.ask_proof(kind, number)

    def change_day(self, day: int, *, authenticate: bool = True) -> None:
        """UPDATE STARTING DAY, after authentication with DSK or without."""
        if authenticate and self.ledger.here:
            self.bench.prove(("DSK",))
            self.ledger.state, self.ledger.day_key = "idle", True
        assert self.bench.word(f"B056000002{day:04d}") == self.ledger.change_day(day)

    def ask_day(self) -> None:
        """GET STARTING DAY, which ends a trade."""
        day = 0 if self.ledger.account_only else self.ledger.day
        self.ledger.state = "idle"
        assert self.bench.ask("B056010002") == (f"{day:04d}9000" if self.ledger.here else "6985")

    def send_other(self, apdu: str) -> None:
        """A command that has nothing to do with trades, or none at all."""
        self.bench.send(apdu)
        self.ledger.state = "idle"

    def reset(self) -> None:
        """A warm reset."""
        self.bench.card.reset()
        self.ledger.power()

    # -- in the evening -----------------------------------------------------------------------

    def check(self) -> None:
        """Card and ledger agree in all that is not volatile, and in the state."""
        ledger, b = self.ledger, self.bench
        assert b.purse == Purse(
            ledger.loads,
            ledger.purchases,
            ledger.balance,
            ledger.self_paid,
            ledger.fund,
            f"{ledger.year:04d}",
            f"{ledger.day:04d}",
        )
        assert list(b.records) == ledger.records
        assert type(b.trade).__name__.lower() == {"idle": "nonetype"}.get(ledger.state, ledger.state)

    def close(self) -> None:
        """The card is taken out and read: records with READ RECORD, and the proof of the last trade."""
        self.insert()
        self.select()
        self.verify()
        self.check()
        for number, record in enumerate(self.ledger.records, 1):
            answer = self.bench.ask(bytes((0x00, 0xB2, number, 0x44, len(record))))
            assert answer == record.hex().upper() + "9000"
        for which in (1, 2, 3):
            self.ask(which)
        self.ask_last_proof()
        self.ask_proof(PURCHASE, (self.ledger.purchases - 2) % 0x10000)
        self.ask_proof(LOAD, (self.ledger.loads - 2) % 0x10000)
        self.ask_day()
