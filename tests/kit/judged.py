"""A terminal that can make every mistake: a user card and a PSAM in a rig, their trace, and what the judge finds."""

from types import TracebackType
from typing import Any, Final, Self

import sscard
from emulator.judge.judge import judge
from emulator.judge.rule import Finding
from emulator.rig.stock import Stock
from emulator.terminal import Settings
from emulator.terminal.basic import ISSUER_KEY
from emulator.terminal.card import UserCard
from emulator.terminal.psam import Index, Psam, Trade

SSSE: Final = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
PIN: Final = "123456"
VERIFY: Final = "0020000003123456"
TRIES: Final = "0020000000"
CHALLENGE: Final = "0084000008"
TIME: Final = "20260301121500"
PURCHASE: Final = "000000000000010000000100"
"""Amounts of a purchase in hex: nothing from the account, 2.56 yuan each paid by holder and fund."""

STOCK: Final = Stock()
"""Cards of all benches: each kind is issued once."""


def select(fid: str, p1: str = "02") -> str:
    """Return SELECT by file identifier; P1 02 for an EF, 00 for a DF."""
    return f"00A4{p1}0002{fid}"


class JudgeBench:
    """A rig with a user card and a PSAM, driven command by command.

    Attributes:
        rig: the rig; its clock is the machine's.
        card, psam: both with power; `open` and `open_psam` set them.
    """

    def __init__(self, profile: str = "ssc-2.0", **options: Any) -> None:
        """Make card and PSAM."""
        self.rig = sscard.Rig(["empty", "psam"], seed="judge", stock=STOCK)
        self.rig.readers[0].insert(self.rig.issue(profile, **options))
        self.card: UserCard
        self.psam: Psam
        self._opened: list[Any] = []

    def __enter__(self) -> Self:
        """Return the bench itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the rig."""
        self.rig.close()

    # -- sessions -----------------------------------------------------------------------------

    def power(self) -> None:
        """Reset the user card cold, and do nothing more."""
        self.card = UserCard(self.rig.readers[0].open(), Settings())
        self._opened.append(self.card)

    def open(self) -> UserCard:
        """Reset the user card, select SSSE, read who it is."""
        self.power()
        self.card.begin()
        return self.card

    def open_psam(self, algorithm: str = "01") -> Psam:
        """Reset the PSAM and select the environment of an algorithm."""
        self.psam = Psam(self.rig.readers[1].open(), Settings(), Index(), "psam")
        self._opened.append(self.psam)
        self.psam.begin(algorithm)
        return self.psam

    def end(self) -> None:
        """Take the power from both."""
        while self._opened:
            self._opened.pop(0).close()

    # -- commands -----------------------------------------------------------------------------

    def u(self, apdu: str) -> tuple[str, str]:
        """Send a command to the user card as T=0 asks; return data and status word in hex."""
        data, word = self.card.ask(bytes.fromhex(apdu))
        return data.hex().upper(), f"{word:04X}"

    def p(self, apdu: str) -> tuple[str, str]:
        """Send a command to the PSAM as T=0 asks; return data and status word in hex."""
        data, word = self.psam.ask(bytes.fromhex(apdu))
        return data.hex().upper(), f"{word:04X}"

    def raw(self, apdu: str, reader: int = 0) -> str:
        """Send one command and nothing after it; return the answer in hex."""
        card = self.rig.readers[reader].card
        assert card is not None
        return card.transmit(bytes.fromhex(apdu)).hex().upper()

    def use(self, fid: str) -> None:
        """Select an application from the environment."""
        self.card.select(fid)

    # -- proofs -------------------------------------------------------------------------------

    def authenticate(self) -> None:
        """Let the card prove itself with IRK, and compare."""
        randoms = self.card.randoms()
        proof = self.psam.authentication_data(ISSUER_KEY, self.card.data, randoms)
        assert self.card.internal_authentication(randoms) == proof

    def prove(self, key: str, kid: int) -> None:
        """Prove a key to the card."""
        randoms = self.card.randoms()
        data = self.psam.authentication_data(key, self.card.data, randoms) + randoms.original
        self.card.external_authentication(kid, data, key)

    def fail(self, kid: int) -> str:
        """Try a key with a wrong proof; return the status word."""
        randoms = self.card.randoms()
        return self.u(f"008200{kid:02X}10" + "00" * 8 + randoms.original.hex())[1]

    def verify(self) -> None:
        """Ask for the tries, and verify the PIN."""
        self.u(TRIES)
        assert self.u(VERIFY)[1] == "9000"

    def genuine(self) -> None:
        """Open both cards and let the user card prove itself: how every session begins."""
        self.open()
        self.open_psam()
        self.card.issuer(5)
        self.card.issuer(6)
        self.authenticate()

    # -- purchase -----------------------------------------------------------------------------

    def initialise(self, terminal: str = "", amounts: str = PURCHASE) -> str:
        """Initialise a purchase in DF04; return the card's answer in hex."""
        self.use("DF04")
        data, word = self.u("B028010113" + "01" + amounts + (terminal or self.psam.terminal_number))
        assert word == "9000", word
        return data

    def mac1(self, begun: str, amounts: str = PURCHASE) -> str:
        """Let the PSAM begin the purchase; return terminal sequence and MAC1 in hex."""
        head = bytes.fromhex(begun[36:44] + begun[28:32])
        version, algorithm = int(begun[32:34], 16), int(begun[34:36], 16)
        trade = Trade(head, bytes.fromhex(amounts), ord("2"), bytes.fromhex(TIME), version, algorithm)
        sequence, mac = self.psam.purchase(self.card.data, trade)
        return (sequence + mac).hex().upper()

    @staticmethod
    def debit(made: str, time: str = TIME) -> str:
        """Return DEBIT FOR PURCHASE with what the PSAM answered."""
        return f"B02C01000F{made[:8]}{time}{made[8:]}"

    def pay(self) -> str:
        """Pay as a right terminal does; return TAC and MAC2 in hex."""
        data, word = self.u(self.debit(self.mac1(self.initialise())))
        assert word == "9000"
        self.psam.credit(bytes.fromhex(data[8:]))
        return data

    # -- findings -----------------------------------------------------------------------------

    def findings(self) -> list[Finding]:
        """Return what the judge finds in the trace."""
        return list(judge(self.rig.trace))

    def rules(self) -> list[str]:
        """Return the names of the rules that were broken, each as often as it was, in order."""
        return [finding.rule for finding in self.findings()]
