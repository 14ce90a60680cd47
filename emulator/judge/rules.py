"""`RULES`: the table of all rules; `sscard judge`, the report and the reference are made from it."""

from collections.abc import Iterable, Mapping
from typing import Final

from keys.errors import SscardError

from .authentication import AUTHENTICATION
from .pin import PIN
from .psam import PSAM
from .reading import READING_RULES
from .rule import Rule
from .selection import SELECTION
from .trades import TRADES
from .transport import TRANSPORT

GROUPS: Final[tuple[tuple[str, str, tuple[Rule, ...]], ...]] = (
    ("Commands and status words", "命令和状态字", TRANSPORT),
    ("Resets and directories", "复位和目录", SELECTION),
    ("The PIN", "个人密码", PIN),
    ("Random numbers and keys", "随机数和密钥", AUTHENTICATION),
    ("Reading and writing", "读写", READING_RULES),
    ("Trades", "交易", TRADES),
    ("The PSAM", "PSAM", PSAM),
)
"""The rules by topic: title, its Chinese, rules."""

RULES: Final[Mapping[str, Rule]] = {rule.id: rule for _, _, rules in GROUPS for rule in rules}
"""Every rule by its name."""


class RuleError(SscardError):
    """There is no rule of this name; the text is one sentence with the names that there are."""


def chosen(names: Iterable[str]) -> tuple[Rule, ...]:
    """Return the rules of these names; all if there are none.

    Raises:
        RuleError: there is no such rule.
    """
    wanted = tuple(names)
    for name in wanted:
        if name not in RULES:
            raise RuleError(f"there is no rule {name!r}; there are: {', '.join(RULES)}")
    return tuple(RULES[name] for name in dict.fromkeys(wanted)) or tuple(RULES.values())
