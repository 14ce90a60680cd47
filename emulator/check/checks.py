"""`CHECKS`: the table of all checks; `sscard check`, reports and the reference are made from it."""

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from cardfs.model.errors import hint

from .check import Check, CheckError
from .commands import FUNCTIONS, PARAMETERS
from .debit import DEBIT_CHECKS
from .files import FIREWALL, STRUCTURE
from .financial import FINANCIAL_CHECKS
from .keys import KEYS
from .module import MODULE
from .power import POWER
from .purse import PURSE_CHECKS
from .trades import TRADES


class Group(NamedTuple):
    """Checks of one topic.

    Attributes:
        id: as ``--group`` takes it.
        title, zh: its name in English and in Chinese.
    """

    id: str
    title: str
    zh: str
    checks: tuple[Check, ...]


GROUPS: Final[tuple[Group, ...]] = (
    Group("commands", "Command function", "命令功能", FUNCTIONS),
    Group("parameters", "Command parameters", "命令参数", PARAMETERS),
    Group("firewall", "Firewall", "防火墙", FIREWALL),
    Group("power", "Tear protection", "防拔", POWER),
    Group("trades", "Trades", "交易", TRADES),
    Group("structure", "Record layout and security of each DF", "各应用的记录格式和安全", STRUCTURE),
    Group("keys", "Key versions", "密钥版本", KEYS),
    Group("psam", "PSAM", "PSAM", MODULE),
    Group("financial", "Financial environment", "金融环境", FINANCIAL_CHECKS),
    Group("purse", "Passbook and purse", "电子存折/电子钱包", PURSE_CHECKS),
    Group("debit", "Debit/credit with electronic cash", "借贷记与电子现金", DEBIT_CHECKS),
)
"""The checks by topic."""

CHECKS: Final[Mapping[str, Check]] = {check.id: check for group in GROUPS for check in group.checks}
"""Every check by its name."""


def chosen(names: Iterable[str]) -> tuple[Group, ...]:
    """Return the groups of these names; all if there are none.

    Raises:
        CheckError: there is no such group.
    """
    wanted, known = set(names), {group.id for group in GROUPS}
    unknown = sorted(wanted - known)
    if unknown:
        raise CheckError(f"there is no group {unknown[0]!r}{hint(unknown[0], (group.id for group in GROUPS))}")
    return tuple(group for group in GROUPS if not wanted or group.id in wanted)
