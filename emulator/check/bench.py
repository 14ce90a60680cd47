"""`Bench`: the card under check, as checks use it: commands, resets, the structure to expect, keys and PIN."""

import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from cardfs.model import tlv
from cardfs.model.atr import historical_bytes
from cardfs.model.codecs import pin_to_cn
from cardfs.model.files import SSSE_NAME, Structure, parent
from cardfs.model.rules import Rule
from cardfs.profile.files import EfPlan
from cardfs.profile.loader import KeyPlan, Profile
from keys.cryptograms import PIN_DIGITS
from keys.errors import SscardError
from keys.records import KeyRef, Usage
from keys.suites import SUITES, Suite

from ..ports import Insertable
from ..terminal import Hsm, HsmCard, InProcess, TerminalError, exchange
from ..terminal.link import Connection, Reader
from .check import Failed, NotTested

OK: Final = 0x9000
DENIED: Final = 0x6982
ALGORITHMS: Final = {"3DES": "01", "SM4": "03"}
"""Tag 86 of the FCI by the suite of a card (terminal interface, 10.1)."""
LOCKED: Final = 0x6283
"""SELECT of a financial application that is locked (EMV Book 1, 12.3)."""
PURSE_NAME: Final = bytes.fromhex("A00000000386980701")
DEBIT_NAME: Final = bytes.fromhex("A000000333010101")
SELECT_SSSE: Final = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
PIN: Final = "PIN"
_SECRET: Final = (0x20, 0x5E)
"""Instructions whose data are PINs in clear: VERIFY and CHANGE PIN."""


class Ours(Insertable, Protocol):
    """A virtual card: faults can be armed."""

    def fault(self, name: str, /, **chosen: Any) -> Any:
        """Arm a fault."""

    def disarm(self) -> None:
        """Take all faults away."""


class Answer(NamedTuple):
    """What the card answered: data, and status word as an integer."""

    data: bytes
    word: int

    @property
    def hex(self) -> str:
        """Return the word as four hex digits."""
        return f"{self.word:04X}"


@dataclass(frozen=True, slots=True)
class Means:
    """What there is besides the card.

    Attributes:
        hsm: holds the root keys; None without.
        psam: the reader of a PSAM; None without.
        pin: the PIN, 4 to 16 digits; empty if it is not known.
        financial_pin: the PIN of the financial applications, 4 to 12 digits; empty if it is not known.
        fork: returns a new virtual card with the same memory; None for a card that is not ours.
        identity: what keys of the card are derived from; None if it is not known.
        refused: keys with their versions, 0 for none, that the card has refused: they are not tried again.
    """

    hsm: Hsm | None = None
    psam: Reader | None = None
    pin: str = field(default="", repr=False)
    financial_pin: str = field(default="", repr=False)
    fork: Callable[[], Ours] | None = None
    identity: HsmCard | None = None
    refused: set[tuple[KeyRef, int]] = field(default_factory=set)


class Bench:
    """The card under check; every check begins with one, freshly reset.

    Args:
        reader: where the card is.
        profile: card type: the structure to expect.
        means: what there is besides the card.

    Attributes:
        command: the last command, in hex; without PIN.
        answer: the last answer, in hex.
    """

    def __init__(self, reader: Reader, profile: Profile, means: Means) -> None:
        self.reader = reader
        self.profile = profile
        self.means = means
        self.command = self.answer = ""
        self._connection: Connection | None = None

    # -- the card -----------------------------------------------------------------------------

    def reset(self) -> None:
        """Take the power from the card and give it back."""
        self.close()
        self._connection = self.reader.open()

    def close(self) -> None:
        """Take the power from the card."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    @property
    def connection(self) -> Connection:
        """The connection to the card, freshly reset if there was none."""
        if self._connection is None:
            self.reset()
        assert self._connection is not None  # noqa: S101 - `reset` has made it
        return self._connection

    def raw(self, command: bytes) -> Answer:
        """Send a command and return the answer as it is, also 61xx and 6Cxx."""
        self._note(command)
        answer = self.connection.transmit(command)
        if len(answer) < 2:
            raise Failed("the card gave no answer")
        self.answer = answer.hex().upper()
        return Answer(answer[:-2], int.from_bytes(answer[-2:]))

    def send(self, command: bytes) -> Answer:
        """Send a command, fetch what waits and put Le right (Part 2, 9.3); return the whole answer."""
        self._note(command)
        data, word = exchange(self.connection.transmit, command)
        self.answer = (data + word.to_bytes(2)).hex().upper()
        return Answer(data, word)

    def _note(self, command: bytes) -> None:
        hidden = len(command) > 5 and command[1] in _SECRET
        self.command = command[:5].hex().upper() + "**" * len(command[5:]) if hidden else command.hex().upper()
        self.answer = ""

    def expect(self, command: bytes, what: str, *words: int) -> Answer:
        """Send a command; raise `Failed` unless the word is one of these, 9000 if none is given."""
        answer = self.send(command)
        self.require(answer, what, *words)
        return answer

    def require(self, answer: Answer, what: str, *words: int) -> None:
        """Raise `Failed` unless the word of an answer is one of these, 9000 if none is given."""
        wanted = words or (OK,)
        if answer.word not in wanted:
            expected = " or ".join(f"{word:04X}" for word in wanted)
            raise Failed(f"{what}: the card answered {answer.hex}, not {expected}")

    def need(self, command: bytes, what: str) -> bytes:
        """Send a command that comes before what is checked; return its data; raise `NotTested` unless it is done."""
        answer = self.send(command)
        if answer.word != OK:
            raise NotTested(f"{what} came before and was refused with {answer.hex}")
        return answer.data

    # -- selecting and reading ----------------------------------------------------------------

    def enter(self, df: str) -> None:
        """Select the environment, and an application in it by its FID; raise `NotTested` if that is refused."""
        if df not in self.profile.ids:
            raise NotTested(f"{self.profile.name} has no {df}")
        self.need(SELECT_SSSE, "SELECT of the environment")
        if df != "SSSE":
            self.need(select_fid(0x00, self.df(df).fid), f"SELECT of {df}")

    def df(self, name: str) -> Any:
        """Return a DF of the profile by its id."""
        return self.profile.dfs[self.profile.ids[name]]

    @property
    def applications(self) -> list[str]:
        """Ids of the applications of the environment, ``DF01`` and others."""
        environment = self.profile.ids["SSSE"]
        return [name for name, path in self.profile.ids.items() if parent(path) == environment and name != "SSSE"]

    def files(self, df: str) -> list[EfPlan]:
        """Return the files of a DF that commands reach, in the order of the profile; not the directory file."""
        path = self.profile.ids[df]
        return [
            plan
            for plan in self.profile.files.values()
            if plan.ef.parent == path and plan.ef.structure is not Structure.INTERNAL and plan.records is None
        ]

    def file(self, fits: Callable[[EfPlan], bool], what: str) -> tuple[str, EfPlan]:
        """Return DF and plan of the first file that fits; raise `NotTested` if the card type has none."""
        for df in ("SSSE", *self.applications):
            for plan in self.files(df):
                if fits(plan):
                    return df, plan
        raise NotTested(f"{self.profile.name} has no {what}")

    def open(self, plan: EfPlan) -> None:
        """Select a file of the current DF; raise `NotTested` if that is refused."""
        self.need(select_fid(0x02, plan.ef.fid), f"SELECT of {plan.id}")

    def first(self, plan: EfPlan) -> Answer:
        """Read the first record, or the first byte, of the current file."""
        return self.send(read_first(plan))

    # -- proofs -------------------------------------------------------------------------------

    @property
    def algorithm(self) -> str:
        """Identifier of the card's algorithm, ``01`` or ``03``."""
        return ALGORITHMS[self.profile.suite]

    def identify(self) -> HsmCard:
        """Read what keys of this card are derived from; raise `NotTested` if the card does not show it."""
        self.need(SELECT_SSSE, "SELECT of the environment")
        self.need(select_fid(0x02, 0xEF05), "SELECT of SSSE/EF05")
        record = self.need(bytes.fromhex("00B2010400"), "reading the card identification code")
        return HsmCard(record[2:5].hex(), historical_bytes(self.connection.atr))

    def key(self, root: str, version: int = 1) -> tuple[Suite, bytes]:
        """Derive a key of this card; raise `NotTested` if there is no such root."""
        hsm, identity = self.means.hsm, self.means.identity
        if hsm is None or identity is None:
            raise NotTested("there are no root keys")
        try:
            return hsm.key(self.algorithm, root, version, identity)
        except TerminalError as error:
            raise NotTested(str(error)) from None

    def financial_key(self, root: str, derive: Callable[[Suite, bytes], bytes]) -> tuple[Suite, bytes]:
        """Return a key of a financial application, and its suite; raise `NotTested` if there is no such root.

        Args:
            derive: makes it out of the root, if that is none of a single card.
        """
        hsm = self.means.hsm
        if hsm is None:
            raise NotTested("there are no root keys")
        value = hsm.roots.values.get((root, 1))
        if value is None:
            raise NotTested(f"{hsm.roots.source} has no root {root}")
        name = next((plan.suite_name for plan in self.profile.keys if plan.root == root), None)
        if name is None:
            raise NotTested(f"{self.profile.name} has no key of the root {root}")
        suite = SUITES[name]
        return suite, value if hsm.roots.level == "card" else derive(suite, value)

    @property
    def financial_pin(self) -> str:
        """The PIN of the financial applications; raise `NotTested` if it is too long for them."""
        if len(self.means.financial_pin) not in PIN_DIGITS:
            raise NotTested(f"a PIN of the financial applications has {PIN_DIGITS[0]} to {PIN_DIGITS[-1]} digits")
        return self.means.financial_pin

    def plan(self, ref: KeyRef) -> KeyPlan:
        """Return the key of the profile that a rule names."""
        return next(plan for plan in self.profile.keys if plan.ref == ref)

    def authenticate(self, plan: KeyPlan, version: int = 0, *, challenge: bytes = b"") -> Answer:
        """Send EXTERNAL AUTHENTICATION with a key (Part 7, 6.5); version 0 leaves the version out."""
        suite, value = self.key(plan.root, version or 1)
        random = challenge or self.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
        if len(random) != 8:
            raise NotTested(f"GET CHALLENGE came before and answered {len(random)} bytes, not 8")
        original = secrets.token_bytes(8)
        data = suite.authentication_data(value, random, original) + original + bytes((version,) if version else ())
        if (plan.ref, version) in self.means.refused:
            raise NotTested(f"{plan.ref.name} was refused before, and no second try is spent")
        answer = self.send(bytes((0x00, 0x82, 0x00, plan.kid or 0, len(data))) + data)
        if answer.word == 0x6983:
            raise NotTested(f"{plan.ref.name} is locked")
        if answer.word & 0xFFF0 == 0x63C0 and self.means.fork is None:  # copies have all their tries each time
            self.means.refused.add((plan.ref, version))
        return answer

    def prove(self, ref: KeyRef) -> None:
        """Prove a key, or the PIN, in the current DF; raise `NotTested` if the card refuses."""
        plan = self.plan(ref)
        if plan.usage is Usage.PIN:
            self.verify()
            return
        self.key(plan.root)
        answer = self.authenticate(plan)
        if answer.word != OK:
            raise NotTested(f"EXTERNAL AUTHENTICATION with {ref.name} came before and was refused with {answer.hex}")

    def satisfy(self, rule: Rule) -> None:
        """Prove what a rule asks for in its first way, PIN first; raise `NotTested` if that fails."""
        if not rule.alternatives:
            raise NotTested("nobody may do it")
        known = bool(self.means.pin)
        # A way that the PIN is part of comes last where nobody knows it.
        way = min(rule.alternatives, key=lambda refs: (not known and PIN in names(refs), len(refs)))
        for ref in sorted(way, key=lambda ref: ref.name != PIN):
            self.prove(ref)

    def verify(self) -> None:
        """Verify the PIN, if the card has one; raise `NotTested` if it is locked or another one."""
        query = self.send(bytes.fromhex("0020000000"))
        if query.word == OK:
            return
        if query.word in (0x63C0, 0x6983):
            raise NotTested("the PIN is locked")
        if query.word == 0x63C1:
            raise NotTested("the PIN has one try left, which no check spends")
        if not self.means.pin:
            raise NotTested("the PIN is not known")
        pin = pin_to_cn(self.means.pin)
        answer = self.send(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin)
        if answer.word != OK:
            raise NotTested(f"VERIFY was refused with {answer.hex}: is this the PIN of the card?")

    def tries(self) -> int:
        """Return how many tries the PIN has left, by VERIFY without data; raise `NotTested` if none is set."""
        query = self.send(bytes.fromhex("0020000000"))
        if query.word & 0xFFF0 != 0x63C0:
            raise NotTested(f"the card answers {query.hex} to VERIFY without data: no PIN is set, or it is locked")
        return query.word & 0x0F

    # -- power --------------------------------------------------------------------------------

    def fork(self) -> "tuple[Bench, Ours]":
        """Return a bench for another card with the same memory, and that card."""
        assert self.means.fork is not None  # noqa: S101 - checks that cut the power need it
        card = self.means.fork()
        return Bench(InProcess(card), self.profile, self.means), card

    def send_lost(self, command: bytes) -> None:
        """Send a command whose answer may never come, since the power goes."""
        with suppress(SscardError):
            self.send(command)

    def cut(
        self, prepare: "Step", operation: "Step", look: "Step", *, start: "Step | None" = None, most: int = 8
    ) -> None:
        """Cut the power before and after every write of an operation, each time on a card of its own.

        Args:
            prepare, operation: what comes before, and what is cut.
            look: returns what the card shows after a reset, as a value that can be compared.
            start: returns what it shows before the operation; ``look`` if left out.
            most: writes that the operation makes at most.

        Raises:
            Failed: a card is neither as before nor as after the operation.
        """
        before, _ = self.fork()
        old = (start or look)(before)
        whole, _ = self.fork()
        prepare(whole)
        operation(whole)
        whole.reset()
        new = look(whole)
        if old == new:
            raise NotTested("the operation changed nothing that is seen")
        for number in range(1, most + 1):
            for moment in ("before", "after"):
                bench, card = self.fork()
                prepare(bench)
                fault = card.fault("power-cut", nth=number, moment=moment)
                with suppress(SscardError):  # the card has no power: its answer is missing
                    operation(bench)
                if not fault.fired:
                    return
                card.disarm()
                bench.reset()
                left = look(bench)
                if left not in (old, new):
                    raise Failed(f"power cut {moment} write {number}: the card shows neither the old nor the new state")


Step = Callable[[Bench], Any]


def names(refs: frozenset[KeyRef]) -> set[str]:
    """Return the names of keys."""
    return {ref.name for ref in refs}


def select_fid(p1: int, fid: int) -> bytes:
    """Return SELECT by file identifier: P1 00 a DF, 02 an EF of the current DF (Part 5, 6.11)."""
    return bytes((0x00, 0xA4, p1, 0x00, 0x02)) + fid.to_bytes(2)


def select_name(name: bytes) -> bytes:
    """Return SELECT by DF name (Part 5, 6.11)."""
    return bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name


def is_binary(plan: EfPlan) -> bool:
    """Return whether a file is transparent."""
    return plan.ef.structure is Structure.TRANSPARENT


def is_free(rule: Rule) -> bool:
    """Return whether a rule asks for nothing."""
    return frozenset() in rule.alternatives


def find_object(data: bytes, what: str, *path: int) -> bytes | None:
    """Return a data object by the tags on the way to it, or None; raise `Failed` if there are no whole data objects."""
    try:
        return tlv.find(data, *path)
    except tlv.TlvError as error:
        raise Failed(f"{what} holds no whole data objects: {error}") from None


def all_objects(data: bytes, what: str) -> list[tuple[int, bytes]]:
    """Return the data objects of a template, tag and value; raise `Failed` if they are not whole."""
    try:
        return list(tlv.objects(data))
    except tlv.TlvError as error:
        raise Failed(f"{what} holds no whole data objects: {error}") from None


def read_first(plan: EfPlan) -> bytes:
    """Return the command that reads the first record, or the first byte, of the current file."""
    return bytes.fromhex("00B0000001" if is_binary(plan) else "00B2010400")


def proven_by_nothing(b: Bench) -> frozenset[KeyRef]:
    """Return the PIN where the card has none: then it counts as proven (Part 7, 5.6)."""
    if b.send(bytes.fromhex("0020000000")).word != OK:
        return frozenset()
    return frozenset(plan.ref for plan in b.profile.keys if plan.usage is Usage.PIN)
