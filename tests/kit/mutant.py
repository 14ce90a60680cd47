"""Mutant cards: for each check of cards one that fails it and no other.

A mutant is a card of this project whose answers something changes on their way, or one that another card type is
expected of.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import sscard
from cardfs.issuing.roots import load_roots
from cardfs.model.files import label
from cardfs.profile.loader import DEMO, load_profile
from emulator.check.run import Report, run
from tests.kit.sentences import english_in

PIN: Final = "123456"
ROOTS: Final = load_roots(DEMO / "roots.toml")
DENIED: Final = 0x6982
OK: Final = 0x9000
TRADES: Final = (b"\xb0\x2a", b"\xb0\x2c", b"\x80\x52", b"\x80\x54", b"\x80\xae", b"\x04\xda")
"""CLA and INS of what completes a trade: CREDIT and DEBIT, of the account and of the purse; GENERATE AC, PUT DATA."""


@dataclass
class Seen:
    """A command with its answer, and what was before it.

    Attributes:
        origin: the command that the answer belongs to: the one before GET RESPONSE.
        previous: the command before ``origin``.
        file: label of the current file after it, ``DF01/EF05``.
        session, card: notes until the next reset, and for the life of the card.
    """

    command: bytes = b""
    answer: bytes = b""
    origin: bytes = b""
    previous: bytes = b""
    df: str = ""
    file: str = ""
    session: dict[str, Any] = field(default_factory=dict)
    card: dict[str, Any] = field(default_factory=dict)

    @property
    def word(self) -> int:
        """Status word."""
        return int.from_bytes(self.answer[-2:])

    def starts(self, text: str) -> bool:
        """Return whether the origin begins with these bytes."""
        return self.origin.startswith(bytes.fromhex(text))


Spoil = Callable[[Seen], bytes | None]
"""Returns another answer; None leaves it."""


class Mutant:
    """A card whose answers are changed on their way."""

    def __init__(self, card: sscard.Card, spoil: Spoil, labels: dict[str, str], atr: bytes = b"") -> None:
        """Change the answers of a card; ``labels`` are those of its DFs by path."""
        self._card, self._spoil, self._labels, self._seen = card, spoil, labels, Seen()
        self.atr = atr or card.atr

    def power_on(self) -> None:
        """Power up; a new session begins."""
        self._seen.session.clear()
        self._card.power_on()

    def power_off(self) -> None:
        """Take the power; the session ends."""
        self._seen.session.clear()
        self._card.power_off()

    def reset(self) -> None:
        """Reset; a new session begins."""
        self._seen.session.clear()
        self._card.reset()

    def fault(self, name: str, /, **chosen: Any) -> Any:
        """Arm a fault of the card."""
        return self._card.fault(name, **chosen)

    def disarm(self) -> None:
        """Take faults away: the power was cut."""
        self._seen.card["cut"] = True
        self._card.disarm()

    def transmit(self, command: bytes) -> bytes:
        """Answer a command, changed if the mutation says so."""
        seen = self._seen
        if command[:2] in TRADES:
            seen.card["trade"] = command[:2].hex().upper()
        answer = self._card.transmit(command)
        if command[1:2] != b"\xc0":
            seen.origin, seen.previous = command, seen.origin
        last = self._card.last
        seen.df = self._labels[last.df] if last is not None else ""
        seen.file = f"{seen.df}/{label(last.ef)}" if last is not None and last.ef else seen.df
        seen.command, seen.answer = command, answer
        changed = self._spoil(seen)
        return answer if changed is None else changed


@dataclass(frozen=True)
class Plan:
    """How a mutant is made.

    Attributes:
        spoil: changes answers.
        profile: type of the card; ``issue``: options of issuing; ``expected``: settings of the type expected of it.
        psam, roots: whether the run has a PSAM, and root keys.
        atr: the answer to reset is changed.
    """

    spoil: Spoil = lambda _: None
    profile: str = "ssc-2.0"
    issue: dict[str, Any] = field(default_factory=dict)
    expected: dict[str, Any] = field(default_factory=dict)
    psam: bool = True
    roots: bool = True
    atr: bool = False


def word(new: int, *commands: str, of: int | None = None, df: str = "", file: str = "", only: Any = None) -> Spoil:
    """Return what answers another status word, without data, to commands that begin so."""

    def spoil(seen: Seen) -> bytes | None:
        there = (not df or seen.df == df) and (not file or seen.file == file)
        fits = there and any(seen.starts(each) for each in commands) and (of is None or seen.word == of)
        return new.to_bytes(2) if fits and (only is None or only(seen)) else None

    return spoil


def flip(at: int, *commands: str, df: str = "", file: str = "", only: Any = None) -> Spoil:
    """Return what changes one byte of the data that answer commands that begin so."""

    def spoil(seen: Seen) -> bytes | None:
        there = (not df or seen.df == df) and (not file or seen.file == file)
        if not there or not any(seen.starts(each) for each in commands) or len(seen.answer) <= 2:
            return None
        if only is not None and not only(seen):
            return None
        data = bytearray(seen.answer)
        data[at] ^= 0x01
        return bytes(data)

    return spoil


def cut_short(*commands: str) -> Spoil:
    """Return what leaves the first byte out of the data."""
    return lambda seen: seen.answer[1:] if len(seen.answer) > 2 and any(map(seen.starts, commands)) else None


def after(command: str) -> Callable[[Seen], bool]:
    """Return whether the command before begins so."""
    return lambda seen: seen.previous.startswith(bytes.fromhex(command))


def both(one: Spoil, other: Spoil) -> Spoil:
    """Return what changes one thing or the other."""
    return lambda seen: one(seen) or other(seen)


def has(part: bytes) -> Callable[[Seen], bool]:
    """Return whether the command has these bytes."""
    return lambda seen: part in seen.origin


def of_version(number: int) -> Callable[[Seen], bool]:
    """Return whether the command names a version of a key."""
    return lambda seen: len(seen.origin) >= 22 and seen.origin[21] == number


def after_cut(spoil: Spoil) -> Spoil:
    """Return what changes answers after a power cut only."""
    return lambda seen: spoil(seen) if seen.card.get("cut") else None


def cut_in(command: str, spoil: Spoil) -> Spoil:
    """Return what spoils answers after a power cut in a trade: CLA and INS of the last one before the reset."""

    def spoiled(seen: Seen) -> bytes | None:
        return spoil(seen) if seen.card.get("cut") and seen.card.get("trade") == command else None

    return spoiled


_CARDS: Final[dict[str, sscard.Card]] = {}


def card(profile: str, **options: Any) -> sscard.Card:
    """Return a card of a type; the same one each time, to be forked."""
    name = f"{profile} {options}"
    if name not in _CARDS:
        _CARDS[name] = sscard.Card.issue(profile, pin="" if profile == "psam" else PIN, **options)
    return _CARDS[name]


_OF_THE_TERMINAL: Final = ("a purchase with the PSAM failed: ", "no purchase is possible with this PSAM and card: ")
"""What stands behind these is any sentence of the terminal, and most of these are English only."""


def checked(plan: Plan) -> Report:
    """Run every check with a mutant; what they find is there in Chinese, too."""
    whole = card(plan.profile, **plan.issue)
    atr = b"\x3f" + whole.atr[1:] if plan.atr else b""
    labels = {path: df.label for path, df in whole.contents.dfs.items()}
    overrides = [{"settings": plan.expected}] if plan.expected else []
    report = run(
        fork=lambda: Mutant(whole.fork(), plan.spoil, labels, atr),
        psam=sscard.InProcess(card("psam").fork()) if plan.psam else None,
        profile=load_profile(plan.profile, *overrides),
        roots=ROOTS if plan.roots else None,
        pin=PIN,
    )
    for outcome in report.outcomes:
        if not outcome.why.startswith(_OF_THE_TERMINAL):
            assert not english_in(outcome.why_zh), f"emulator/chinese/findings.py: {outcome.why} gives {outcome.why_zh}"
    return report
