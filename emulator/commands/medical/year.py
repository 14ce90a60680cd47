"""The payment year (支付年度; Part 7, 12.6): which year a purchase belongs to, and what that does to the totals."""

from dataclasses import replace
from typing import Final

from cardfs.model.errors import ConditionsUnmet

from .money import AMOUNT_MAX, Money

YEAR: Final = 10000
"""What one year is in a date written as the number yyyymmdd."""


def is_day(data: bytes) -> bool:
    """Tell whether two bytes are a day mmdd of some year, in BCD."""
    digits = data.hex()
    if len(digits) != 4 or not digits.isdecimal():
        return False
    month, day = int(digits[:2]), int(digits[2:])
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def settle(money: Money, self_paid: int, fund: int, date: bytes) -> Money:
    """Add a purchase to the totals of its payment year.

    With ``n = yyyymmdd - (payment year x 10000 + starting day)``: below 10000 the totals grow; else the year
    becomes the one in which the purchase falls, and the totals begin with it (Part 7, 12.6). That is the
    year of the date, before the starting day the one before. A year or day that is no number counts as 0.

    Args:
        date: yyyymmdd, cn 4.

    Raises:
        ConditionsUnmet: the date is no number, or a total does not fit into its 4 bytes.
    """
    if not date.hex().isdecimal():
        raise ConditionsUnmet("the time of the trade has no date in digits")
    today, first_day = int(date.hex()), _number(money.starting_day)
    if today - (_number(money.year) * YEAR + first_day) < YEAR:
        self_paid, fund = money.self_paid + self_paid, money.fund + fund
        if max(self_paid, fund) > AMOUNT_MAX:
            raise ConditionsUnmet("a total of the payment year would not fit into its 4 bytes")
        return replace(money, self_paid=self_paid, fund=fund)
    year = today // YEAR - (today % YEAR < first_day)
    return replace(money, self_paid=self_paid, fund=fund, year=bytes.fromhex(f"{year:04d}"))


def _number(digits: bytes) -> int:
    return int(digits.hex()) if digits.hex().isdecimal() else 0
