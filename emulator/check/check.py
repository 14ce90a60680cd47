"""What a check is, and what comes out of it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal

from keys.errors import SscardError

Need = Literal["roots", "psam", "pin", "financial-pin", "writes", "ours"]
NEEDS: Final[dict[Need, tuple[str, str]]] = {
    "roots": ("needs root keys: --roots", "需要根密钥：--roots"),
    "psam": ("needs a PSAM: --psam", "需要 PSAM：--psam"),
    "pin": ("needs the PIN: --pin", "需要个人密码：--pin"),
    "financial-pin": (
        "needs the PIN of the financial applications: --financial-pin",
        "需要金融应用的个人密码：--financial-pin",
    ),
    "writes": ("writes or may cost a try: --allow-writes", "会写入或消耗尝试次数：--allow-writes"),
    "ours": ("cuts the power: possible with virtual cards only", "切断电源：只能用于虚拟卡"),
}
"""What a check may need, and what is said where it is not there."""

Part = Literal["social", "psam", "financial", "purse", "debit"]
"""A part of a card: its social-security environment, a PSAM, the financial environment and its two applications."""

PSAM: Final[tuple[Part, ...]] = ("psam",)
BOTH: Final[tuple[Part, ...]] = ("social", "psam")

Result = Literal["passed", "failed", "not tested"]
RESULTS: Final[tuple[Result, ...]] = ("passed", "failed", "not tested")


class CheckError(SscardError):
    """The checks cannot be run: no such group, no card that they know; one sentence."""


class Failed(SscardError):
    """The card did something else than the standard has it; one sentence."""


class NotTested(SscardError):
    """A check cannot be done with this card, or what comes before it was refused; one sentence."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a card of the standard does.

    Attributes:
        id: its name.
        title, zh: what the card does, in a few words, in English and in Chinese.
        clause: where the standard says so.
        run: tries it with a `Bench`; raises `Failed` or `NotTested`.
        needs: what it needs besides the card.
        parts: which parts of cards it is about; it is run if the card has one of them.
    """

    id: str
    title: str
    zh: str
    clause: str
    run: Callable[[Any], None]
    needs: frozenset[Need] = frozenset()
    parts: tuple[Part, ...] = ("social",)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came out of a check.

    Attributes:
        id, group, title, zh, clause: of the check.
        result: ``passed``, ``failed`` or ``not tested``.
        why, why_zh: one sentence, in English and in Chinese; empty if it passed.
        command, answer: the exchange that failed, in hex; a PIN is not shown. Empty unless it failed.
    """

    id: str
    group: str
    title: str
    zh: str
    clause: str
    result: Result
    why: str = ""
    why_zh: str = ""
    command: str = ""
    answer: str = ""

    def table(self) -> dict[str, Any]:
        """Return it as a table that JSON can write."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}
