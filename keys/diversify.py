"""Diversification over three levels: nation to province, to city, to card (Part 9, 7.3, figure 12)."""

from collections.abc import Iterable
from typing import Final

from .ciphers import ExpandedKey
from .suites import FACTOR_LENGTH, Suite

PROVINCE_TAIL: Final = b"0000sh"
CITY_TAIL: Final = b"sx"
ZHEJIANG: Final = "33"
ZHEJIANG_TAIL: Final = b"00sx"
HISTORICAL_LENGTH: Final = 13


def province_factor(region: str) -> bytes:
    """Return the factor of level 1, 8 bytes: two digits of the six-digit region code, then ``0000sh`` (Part 9, 7.3.1).

    Raises:
        ValueError: the region code is not six digits.
    """
    return _digits(region)[:2] + PROVINCE_TAIL


def city_factor(region: str, *, zhejiang_rule: bool = True) -> bytes:
    """Return the factor of level 2, 8 bytes: the six digits of the region code, then ``sx`` (Part 9, 7.3.2).

    With ``zhejiang_rule``, province 33 takes four digits and ``00sx`` (terminal interface, 10.3).

    Raises:
        ValueError: the region code is not six digits.
    """
    digits = _digits(region)
    if zhejiang_rule and region.startswith(ZHEJIANG):
        return digits[:4] + ZHEJIANG_TAIL
    return digits + CITY_TAIL


def card_factor(historical: bytes, *, from_t8: bool = False) -> bytes:
    """Return the factor of level 3, 8 bytes: the historical bytes T6 to TD of the ATR (Part 9, 7.3.3).

    With ``from_t8``: T8 to TD and two zero bytes, as one public text has it.

    Raises:
        ValueError: there are not 13 historical bytes.
    """
    if len(historical) != HISTORICAL_LENGTH:
        raise ValueError(f"a card has 13 historical bytes, not {len(historical)}")
    return historical[7:] + bytes(2) if from_t8 else historical[5:]


def diversify(suite: Suite, root: bytes, factors: Iterable[bytes], expanded: ExpandedKey | None = None) -> bytes:
    """Return the key below ``root`` that the factors lead to; each of 8 bytes derives the child of the key before it.

    Args:
        expanded: the root in its expanded form, if that is at hand.
    """
    key = root
    for factor in factors:
        key = suite.diversify(key if expanded is None else expanded, factor)
        expanded = None
    return key


def _digits(region: str) -> bytes:
    if len(region) != 6 or not (region.isascii() and region.isdigit()):
        raise ValueError(f"a region code has six digits: {region!r}")
    assert len(PROVINCE_TAIL) + 2 == FACTOR_LENGTH  # noqa: S101 - the levels must stay one length
    return region.encode()
