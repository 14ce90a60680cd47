"""The choices for one card."""

import datetime

import pytest

from cardfs.issuing.options import IssueOptions, years_later
from cardfs.profile.inputs import IssueError


def test_a_pin_is_not_printed() -> None:
    assert "2580" not in repr(IssueOptions(pin="2580", region="330100", serial="00000001"))


@pytest.mark.parametrize(
    ("first", "last"),
    [("2024-01-31", "2034-01-31"), ("2024-02-29", "2034-02-28"), ("9995-06-01", "9999-06-01")],
)
def test_a_card_is_valid_for_ten_years(first: str, last: str) -> None:
    assert years_later(datetime.date.fromisoformat(first)) == datetime.date.fromisoformat(last)


@pytest.mark.parametrize("region", ["", "33010", "3301000", "33010a", "３３０１００"])
def test_a_region_has_six_digits(region: str) -> None:
    with pytest.raises(IssueError) as error:
        IssueOptions(region=region).require_region()
    assert (error.value.place, error.value.reason) == ("region", f"write six digits, not {region!r}")


def test_one_seed_draws_the_same_for_each_who_asks() -> None:
    options = IssueOptions(seed="demo")
    assert options.random()(8) == options.random()(8)
    assert IssueOptions(seed="other").random()(8) != options.random()(8)
