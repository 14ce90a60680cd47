"""The payment year (支付年度; Part 7, 12.6): the year that a purchase belongs to, and its totals."""

from dataclasses import replace
from typing import Final

from cardfs.model.errors import ConditionsUnmet

from .money import AMOUNT_MAX, Money

YEAR: Final = 10000
"""One year, in a date that is the number yyyymmdd."""


def is_day(data: bytes) -> bool:
    """Return whether two bytes are a day mmdd of some year, in BCD."""
    digits = data.hex()
    if len(digits) != 4 or not digits.isdecimal():
        return False
    month, day = int(digits[:2]), int(digits[2:])
    return 1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]


_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def settle(money: Money, self_paid: int, fund: int, date: bytes) -> Money:
    """Return the money with a purchase added to the totals of its payment year.

    With ``n = yyyymmdd - (payment year x 10000 + starting day)``: below 10000 the totals grow; else the year
    becomes that of the purchase, and the totals begin with it (Part 7, 12.6): the year of the date, or before the
    starting day the year before. A stored year or day that is not a number counts as 0.

    Args:
        self_paid, fund: amounts of the purchase, in fen.
        date: yyyymmdd, cn, 4 bytes.

    Raises:
        ConditionsUnmet: the date is not in digits, or a total does not fit into its 4 bytes.
    """
    if not date.hex().isdecimal():
        raise ConditionsUnmet("the date of the trade is not in digits")
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
