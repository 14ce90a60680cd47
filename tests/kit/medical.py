"""Terminals, hosts and security modules for trades: cards with money, and both sides' computations.

Every MAC and TAC here is put together from the clauses with `tests.kit.reference`, never with the code under
test (Part 7, 11, 12 and 15).
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Store
from cardfs.model.files import CardContents
from emulator.cards import Card
from keys.generate import RandomSource, SeededRandom
from keys.records import Key, KeyRef
from tests.kit.card import SSSE, CardBench, FailingStore, contents
from tests.kit.reference import Reference

DF04: Final = f"{SSSE}/DF04"
MONEY: Final = f"{DF04}/EF01"
LOG: Final = f"{DF04}/EF08"
TERMINAL: Final = bytes.fromhex("519900000001")
TIME: Final = bytes.fromhex("20240131121500")
PROFILES: Final = {"3DES": "ssc-2.0", "SM4": "ssc-3.0"}
ACCOUNT_ONLY: Final = """
[[ef]]
id = "DF04/EF08"
elements = [{ name = "self_paid_amount", remove = true }, { name = "fund_amount", remove = true }]
"""
"""A variant in which only the account pays: its trade records have 20 bytes (Part 7, 12)."""
MODES: Final = {"three": "", "account": ACCOUNT_ONLY}
LOAD: Final = "1"
PURCHASE: Final = "2"


def b4(number: int) -> bytes:
    """Return an amount in its 4 bytes."""
    return number.to_bytes(4, "big")


def b2(number: int) -> bytes:
    """Return a sequence number in its 2 bytes."""
    return number.to_bytes(2, "big")


class Purse(NamedTuple):
    """The elements of the money file in the order of the V2.0 notice, after table 9."""

    loads: int = 1
    purchases: int = 1
    balance: int = 1000
    self_paid: int = 300
    fund: int = 400
    year: str = "2024"
    day: str = "0101"

    @property
    def contents(self) -> bytes:
        """Return the 20 bytes of the file."""
        return (
            b2(self.loads)
            + b2(self.purchases)
            + b4(self.balance)
            + b4(self.self_paid)
            + b4(self.fund)
            + bytes.fromhex(self.year + self.day)
        )

    @classmethod
    def of(cls, contents: bytes) -> "Purse":
        """Read the first 20 bytes of a money file."""
        loads, purchases, *amounts = (
            int.from_bytes(contents[at:end]) for at, end in ((0, 2), (2, 4), (4, 8), (8, 12), (12, 16))
        )
        balance, self_paid, fund = amounts
        return cls(loads, purchases, balance, self_paid, fund, contents[16:18].hex(), contents[18:20].hex())


def card_with(
    purse: Purse | None = None, *, suite: str = "3DES", mode: str = "three", overrides: str = "", pin: bool = True
) -> CardContents:
    """Return an issued card with money in DF04.

    Args:
        mode: ``three`` amounts or ``account`` only.
        overrides: more TOML of a profile. ``pin``: whether the holder has one.
    """
    card_contents = contents(PROFILES[suite], overrides + MODES[mode])
    keys: Mapping[Any, Key] = card_contents.keys
    if not pin:
        ref = KeyRef(SSSE, "PIN")
        keys = {**card_contents.keys, (ref, 1): replace(card_contents.keys[ref, 1], value=b"")}
    return replace(
        card_contents, keys=dict(keys), contents={**card_contents.contents, MONEY: (purse or Purse()).contents}
    )


@dataclass(frozen=True)
class Begun:
    """What INITIALIZE answered, and what the terminal had told it.

    Attributes:
        answer: the whole response data.
        sequence, random: from it.
    """

    answer: bytes
    index: int
    amounts: tuple[int, ...]
    terminal: bytes
    sequence: bytes
    random: bytes


class MedicalBench(CardBench):
    """A card with money on the bench, DF04 selected, with the terminal's and the host's computations.

    Args:
        store: the non-volatile memory; one that can fail by default.
        binary: whether MACs have the trade type as 01 and 02 (setting ``trade.type_byte``).
    """

    def __init__(
        self,
        card_contents: CardContents | None = None,
        *,
        store: Store | None = None,
        random: RandomSource | None = None,
        binary: bool = False,
        ready: bool = True,
    ) -> None:
        """Put a card with money on the bench; select DF04 and verify the PIN unless ``ready`` is false."""
        card_contents = card_contents or card_with()
        self.store = store or FailingStore(dict(write_cells(card_contents)))
        super().__init__(card=Card(Image(card_contents, self.store), random or SeededRandom("trades")))
        self.binary = binary
        self.card_contents = card_contents
        if ready:
            self.get_ready()

    def get_ready(self) -> None:
        """SELECT DF04 and give the PIN."""
        self.select_df("DF04")
        assert self.verify() == "9000"

    # -- what the terminal knows --------------------------------------------------------------

    def trade_key(self, name: str, index: int = 1) -> tuple[str, bytes]:
        """Suite and value of a trade key."""
        suite = self.key_suite(name)
        return suite, self.key_value(name, suite, index)

    def kind(self, which: str) -> bytes:
        """Return the trade type as MACs have it."""
        return bytes((int(which),)) if self.binary else which.encode()

    def seslk(self, begun: Begun) -> tuple[Reference, bytes]:
        """Part 7, 11.2: random, sequence, 8000."""
        suite, key = self.trade_key("DLK", begun.index)
        rules = Reference(suite)
        return rules, rules.session_key(key, begun.random + begun.sequence + b"\x80\x00")

    def sespk(self, begun: Begun, terminal_sequence: int) -> tuple[Reference, bytes]:
        """Part 7, 12.2: random, sequence, the last two bytes of the terminal's sequence."""
        suite, key = self.trade_key("DPK", begun.index)
        rules = Reference(suite)
        return rules, rules.session_key(key, begun.random + begun.sequence + b4(terminal_sequence)[2:])

    def tac(self, index: int, data: bytes) -> bytes:
        """Part 7, 15: under DTK itself."""
        suite, key = self.trade_key("DTK", index)
        rules, tac_key = Reference(suite).tac_key(key)
        return rules.mac(tac_key, data)

    def load_tac(self, begun: Begun, balance: int, time: bytes = TIME) -> bytes:
        """Part 7, 11.8."""
        (amount,) = begun.amounts
        data = b4(balance) + begun.sequence + b4(amount) + self.kind(LOAD) + begun.terminal + time
        return self.tac(begun.index, data)

    def purchase_tac(self, begun: Begun, terminal_sequence: int, time: bytes = TIME) -> bytes:
        """Part 7, 12.6."""
        amounts = b"".join(map(b4, begun.amounts))
        data = amounts + self.kind(PURCHASE) + begun.terminal + b4(terminal_sequence) + time
        return self.tac(begun.index, data)

    # -- commands -----------------------------------------------------------------------------

    def begin_load_command(self, amount: int = 500, index: int = 1, terminal: bytes = TERMINAL) -> bytes:
        """INITIALIZE FOR LOAD."""
        return bytes.fromhex("B02800010B") + bytes((index,)) + b4(amount) + terminal

    def begin_purchase_command(
        self, amounts: tuple[int, int, int] = (100, 10, 20), index: int = 1, terminal: bytes = TERMINAL
    ) -> bytes:
        """INITIALIZE FOR PURCHASE."""
        return bytes.fromhex("B028010113") + bytes((index,)) + b"".join(map(b4, amounts)) + terminal

    def begin_load(self, amount: int = 500, index: int = 1, terminal: bytes = TERMINAL) -> Begun:
        """INITIALIZE FOR LOAD, successful: 4 balance, 2 sequence, 2 version and algorithm, 4 random, 4 MAC1."""
        answer = self.data(self.begin_load_command(amount, index, terminal))
        assert len(answer) == 16
        return Begun(answer, index, (amount,), terminal, answer[4:6], answer[8:12])

    def begin_purchase(
        self, amounts: tuple[int, int, int] = (100, 10, 20), index: int = 1, terminal: bytes = TERMINAL
    ) -> Begun:
        """INITIALIZE FOR PURCHASE, successful: 12 amounts, 2 year, 2 sequence, 2 version and algorithm, 4 random."""
        answer = self.data(self.begin_purchase_command(amounts, index, terminal))
        assert len(answer) == 22
        return Begun(answer, index, amounts, terminal, answer[14:16], answer[18:22])

    def credit(self, begun: Begun, time: bytes = TIME, *, wrong: bool = False) -> bytes:
        """CREDIT FOR LOAD with the host's MAC2 (Part 7, 11.5)."""
        rules, session = self.seslk(begun)
        (amount,) = begun.amounts
        mac2 = rules.mac(session, b4(amount) + self.kind(LOAD) + begun.terminal + time)
        return bytes.fromhex("B02A00000B") + time + _flip(mac2, wrong)

    def debit(self, begun: Begun, terminal_sequence: int = 7, time: bytes = TIME, *, wrong: bool = False) -> bytes:
        """DEBIT FOR PURCHASE with the security module's MAC1 (Part 7, 12.3)."""
        rules, session = self.sespk(begun, terminal_sequence)
        amounts = b"".join(map(b4, begun.amounts))
        mac1 = rules.mac(session, amounts + self.kind(PURCHASE) + begun.terminal + time)
        return bytes.fromhex("B02C01000F") + b4(terminal_sequence) + time + _flip(mac1, wrong)

    def mac2(self, begun: Begun, terminal_sequence: int = 7) -> bytes:
        """Return the MAC2 of a purchase that the card must answer (Part 7, 12.6)."""
        rules, session = self.sespk(begun, terminal_sequence)
        return rules.mac(session, b"".join(map(b4, begun.amounts)))

    def load(self, amount: int = 500, **options: Any) -> bytes:
        """Do a whole load; return the TAC."""
        return self.data(self.credit(self.begin_load(amount, **options)))

    def purchase(self, amounts: tuple[int, int, int] = (100, 10, 20), time: bytes = TIME, **options: Any) -> bytes:
        """Do a whole purchase; return TAC and MAC2."""
        return self.data(self.debit(self.begin_purchase(amounts, **options), time=time))

    def proof(self, which: str, sequence: int) -> str:
        """GET TRANSACTION PROOF; response data and word."""
        return self.ask(bytes((0xB0, 0x2E, 0x00, int(which), 2)) + b2(sequence))

    def data(self, apdu: str | bytes) -> bytes:
        """Send a command that succeeds; its data."""
        answer = self.ask(apdu)
        assert answer[-4:] == "9000", (answer, self.reason)
        return bytes.fromhex(answer[:-4])

    # -- what is on the card ------------------------------------------------------------------

    @property
    def purse(self) -> Purse:
        """Return what the money file holds, read around the card."""
        found = self.card.image.contents[MONEY]
        assert isinstance(found, bytes)
        return Purse.of(found)

    @property
    def records(self) -> tuple[bytes, ...]:
        """Return the trade records, newest first, read around the card."""
        found = self.card.image.contents[LOG]
        assert isinstance(found, tuple)
        return found

    @property
    def trade(self) -> object:
        """Return what an INITIALIZE command prepared."""
        return self.card.session.trade


def _flip(mac: bytes, wrong: bool) -> bytes:
    """Return the MAC, with its last bit wrong if asked for."""
    return bytes((*mac[:-1], mac[-1] ^ 1)) if wrong else mac
