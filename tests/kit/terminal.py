"""A terminal for tests: a user card and a PSAM in process, a pad with prepared fingers, a log of the wire."""

import datetime
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Any, Final

from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import Roots, load_roots
from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from cardfs.profile.inputs import Document
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from emulator.terminal import Hsm, HsmCard, InProcess, Result, Settings, Terminal, TerminalError, TerminalSettings, call
from keys.generate import SeededRandom
from tests.kit.card import HISTORICAL, PIN, REGION, SSSE, contents, reference_key
from tests.kit.reference import Reference, xor

PROFILES: Final = ("ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0")
CARD_NUMBER: Final = "A00004282"
IDENTIFICATION: Final = "519900D156000005000001ACFFFFFFFF"
INFO: Final = f"{IDENTIFICATION}|{CARD_NUMBER}|"
CARD: Final = HsmCard(REGION, HISTORICAL)
TERMINAL_NUMBER: Final = "519900000007"
TODAY: Final = datetime.date(2026, 11, 27)
NEW_PIN: Final = "4711"
TIME: Final = "20240131121500"
PAYMENT: Final = f"12.50|10.00|{TIME}|"
MONEY: Final = f"{SSSE}/DF04/EF01"


@cache
def demo_roots() -> Roots:
    """Return the demo root keys."""
    return load_roots(DEMO / "roots.toml")


def roots_without(*names: str) -> Roots:
    """Return the demo root keys, but some names have no root."""
    return replace(demo_roots(), values={at: key for at, key in demo_roots().values.items() if at[0] not in names})


def other_roots(*names: str) -> Roots:
    """Return the demo root keys, but those of some names are other ones."""
    values = {at: bytes.fromhex("0123456789ABCDEFFEDCBA9876543210") for at in demo_roots().values if at[0] in names}
    return replace(demo_roots(), values={**demo_roots().values, **values})


def psam_contents(overrides: str = "", region: str = REGION, roots: Roots | None = None) -> CardContents:
    """Return a PSAM of a region with the terminal number 519900000007, or that of the region."""
    number = Document("values", {"terminal_number": region + TERMINAL_NUMBER[6:]})
    kind = load_profile("psam", tomllib.loads(overrides))
    nobody = Document("nobody", {}, lenient=True)
    return issue(
        kind, nobody, roots or demo_roots(), IssueOptions(region=region, serial="00000007", seed="psam", values=number)
    )


@cache
def _psam() -> CardContents:
    """Return the demo PSAM; always the same object."""
    return psam_contents()


def with_money(card_contents: CardContents, balance: int) -> CardContents:
    """Return the same card with a balance in fen; the counters are 0."""
    money = bytes(4) + balance.to_bytes(4) + bytes(12)
    return replace(card_contents, contents={**card_contents.contents, MONEY: money})


def settings(**changes: Any) -> Settings:
    """Settings of a terminal that differ from the defaults."""
    return Settings(terminal=TerminalSettings(**changes))


@dataclass
class Wire:
    """A card whose commands are written down, and which can be pulled out.

    Attributes:
        sent, answers: hex of each command and answer.
        cut: called before a command; True pulls the card out before it, "after" once it is done.
        lost: the error of a terminal without its card.
        power, powered: whether it has power now, and how often it was given any.
    """

    card: Card
    sent: list[str] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    cut: Callable[[bytes], bool | str] = lambda _: False
    lost: Callable[[], TerminalError] = lambda: TerminalError("the reader lost the card: removed", -2)
    power: int = 0
    powered: int = 0

    @property
    def atr(self) -> bytes:
        """Return the card's ATR."""
        return self.card.atr

    def power_on(self) -> None:
        """Count it, and power the card."""
        self.power += 1
        self.powered += 1
        self.card.power_on()

    def power_off(self) -> None:
        """Count it, and cut the card's power."""
        self.power -= 1
        self.card.power_off()

    def reset(self) -> None:
        """Reset the card."""
        self.card.reset()

    def transmit(self, command: bytes) -> bytes:
        """Pass a command on and log it; lose the card before or after it if ``cut`` says so."""
        how = self.cut(command)
        if how is True:
            raise self.lost()
        answer = self.card.transmit(command)
        assert self.card.bug is None, self.card.bug
        if how == "after":
            raise self.lost()
        self.sent.append(command.hex().upper())
        self.answers.append(answer.hex().upper())
        return answer


class TerminalBench:
    """A terminal with its cards.

    Attributes:
        user, psam: the cards on their wires. ``hsm``: with the demo roots.
        prompts: what the pad asked. ``fingers``: what it gives, by prompt or one for all.
    """

    def __init__(
        self,
        profile: str = "ssc-2.0",
        overrides: str = "",
        *,
        user: CardContents | None = None,
        psam: CardContents | bool | None = True,
        settings: Settings | None = None,
        fingers: Mapping[str, str] | str = PIN,
        today: datetime.date = TODAY,
    ) -> None:
        """Set up a terminal with a user card and, unless ``psam`` is None or false, a PSAM."""
        self.user = Wire(Card(Image.in_memory(user or contents(profile, overrides)), SeededRandom("user")))
        module = (_psam() if psam else None) if isinstance(psam, bool) else psam
        self.psam = Wire(Card(Image.in_memory(module), SeededRandom("psam"))) if module else None
        self.hsm = Hsm(demo_roots(), settings or Settings())
        self.prompts: list[str] = []
        self.fingers = fingers
        reader = InProcess(self.psam) if self.psam else None
        self.terminal = Terminal(InProcess(self.user), reader, pad=self.pad, settings=settings, clock=lambda: today)

    def pad(self, prompt: str) -> str:
        """Return what the holder types at this prompt."""
        self.prompts.append(prompt)
        return self.fingers if isinstance(self.fingers, str) else self.fingers[prompt]

    def call(self, name: str, *parameters: Any) -> tuple[int, str]:
        """Call a national function by its name; afterwards no card has power, unless it was a first step."""
        answer = call(self.terminal, name, *parameters)
        if "Step1" not in name and "PIN_HSM_Step2" not in name:
            self.no_power()
        return answer

    def ok(self, name: str, *parameters: Any) -> str:
        """Call a function that succeeds; return its text."""
        code, text = self.call(name, *parameters)
        assert code == 0, (code, text)
        return text

    def fails(self, function: Callable[[], Result]) -> TerminalError:
        """Call a function that fails; return its error. No card has power afterwards."""
        try:
            done = function()
        except TerminalError as error:
            self.no_power()
            return error
        raise AssertionError(done)

    def no_power(self) -> None:
        """Check that the terminal has left both cards without power."""
        assert self.user.power == 0
        assert self.psam is None or self.psam.power == 0

    def cells(self) -> list[Any]:
        """Return every cell of both cards."""
        return [each.card.image.store.load() for each in (self.user, self.psam) if each is not None]

    def tries(self, name: str) -> int:
        """Return how many tries a key or the PIN of the user card has left."""
        return next(left for (ref, _), left in self.user.card.image.tries.items() if ref.name == name)

    @property
    def pin(self) -> str:
        """Return what the card compares a PIN with, in hex."""
        keys = self.user.card.image.keys
        return next(key.value.hex().upper() for (ref, _), key in keys.items() if ref.name == "PIN")

    def balance(self) -> int:
        """Return the account's balance on the card, in fen."""
        money = self.user.card.image.contents[MONEY]
        assert isinstance(money, bytes)
        return int.from_bytes(money[4:8])


def expected_tac(suite: str, text: str) -> str:
    """Return the TAC of a text ``algorithm|address|amounts|type|terminal|sequence|time|TAC|`` (Part 7, 12.6 and 15)."""
    _, _, amounts, kind, terminal, sequence, time, _, _ = text.split("|")
    data = bytes.fromhex(amounts).rjust(12, b"\0") + kind.encode() + bytes.fromhex(terminal + sequence + time)
    return tac(suite, data)


def tac(suite: str, data: bytes) -> str:
    """MAC under DTK itself; of a double-length key under its halves XORed (Part 7, 15)."""
    key = reference_key("DTK", suite)
    if suite == "SM4":
        return Reference("SM4").mac(key, data).hex().upper()
    return Reference("DES").mac(xor(key[:8], key[8:]), data).hex().upper()
