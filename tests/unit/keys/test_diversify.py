"""Diversification over three levels (Part 9, 7.1 to 7.3)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.diversify import card_factor, city_factor, diversify, province_factor
from keys.suites import DES, SM4, TRIPLE_DES, Suite
from tests.kit.card import HISTORICAL
from tests.kit.reference import Reference, card_key

EVERY = (DES, TRIPLE_DES, SM4)
regions = st.from_regex(r"[0-9]{6}", fullmatch=True)


def test_the_province_factor_is_two_digits_and_0000sh() -> None:
    """Part 9, 7.3.1."""
    assert province_factor("519900") == b"510000sh"


def test_the_city_factor_is_six_digits_and_sx() -> None:
    """Part 9, 7.3.2."""
    assert city_factor("519900") == b"519900sx"


def test_zhejiang_takes_four_digits_unless_the_rule_is_off() -> None:
    """Terminal interface, 10.3."""
    assert city_factor("330283") == b"330200sx"
    assert city_factor("330283", zhejiang_rule=False) == b"330283sx"
    assert city_factor("320283") == b"320283sx"
    assert province_factor("330283") == b"330000sh"


def test_the_card_factor_is_t6_to_td() -> None:
    """Part 9, 7.3.3."""
    assert card_factor(HISTORICAL) == bytes.fromhex("86605199000001AC")


def test_the_other_card_factor_is_t8_to_td_and_two_zero_bytes() -> None:
    """One public text; Part 9, 7.3.3 does not say so."""
    assert card_factor(HISTORICAL, from_t8=True) == bytes.fromhex("5199000001AC0000")


@pytest.mark.parametrize("region", ["", "51990", "5199000", "51990A", "５１９９００", " 51990"])
def test_a_region_code_has_six_ascii_digits(region: str) -> None:
    with pytest.raises(ValueError, match="six digits"):
        province_factor(region)
    with pytest.raises(ValueError, match="six digits"):
        city_factor(region)


@pytest.mark.parametrize("length", [0, 8, 12, 14])
def test_a_card_has_thirteen_historical_bytes(length: int) -> None:
    """Part 2, table 16."""
    with pytest.raises(ValueError, match="13 historical bytes"):
        card_factor(bytes(length))


@pytest.mark.parametrize("which", EVERY, ids=lambda each: each.name)
@pytest.mark.parametrize("length", [0, 7, 9, 16])
def test_a_factor_has_eight_bytes(which: Suite, length: int) -> None:
    with pytest.raises(ValueError, match="8 bytes"):
        which.diversify(bytes(which.key_length), bytes(length))


@given(st.sampled_from(EVERY), st.data())
def test_one_level_agrees_with_the_reference(which: Suite, data: st.DataObject) -> None:
    """Part 9, 7.1.1 (figures 2 and 3) and 7.2.1: the child is as long as its parent."""
    key = data.draw(st.binary(min_size=which.key_length, max_size=which.key_length))
    factor = data.draw(st.binary(min_size=8, max_size=8))
    child = which.diversify(key, factor)
    assert child == Reference(which.name).child(key, factor)
    assert len(child) == which.key_length


@given(st.sampled_from(EVERY), regions.filter(lambda region: region[:2] != "33"), st.data())
@pytest.mark.clause("Part 4, 6.3", "diversification")
def test_three_levels_agree_with_the_reference(which: Suite, region: str, data: st.DataObject) -> None:
    """Part 9, 7.3, figure 12: nation, province, city, card."""
    root = data.draw(st.binary(min_size=which.key_length, max_size=which.key_length))
    historical = data.draw(st.binary(min_size=13, max_size=13))
    factors = (province_factor(region), city_factor(region), card_factor(historical))
    assert diversify(which, root, factors) == card_key(which.name, root, region, historical)


@pytest.mark.parametrize("which", EVERY, ids=lambda each: each.name)
def test_no_factor_at_all_gives_the_key_itself(which: Suite) -> None:
    """Part 9, 9.7 with no level left."""
    key = bytes(range(which.key_length))
    assert diversify(which, key, ()) == key
