"""Every named setting, with each of its values, on a card that behaves accordingly.

The settings are the points where public sources disagree or are silent; each has its default.
"""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

import emulator
from cardfs.model.settings import Settings
from cardfs.profile.inputs import ProfileError
from cardfs.profile.loader import load_profile
from tests.conformance.settings import financial, medical, personalisation, psam, social
from tests.conformance.settings.registry import EXERCISES

MODULES: Final = (financial, medical, personalisation, psam, social)
"""Each notes its exercises when it is imported."""

NOT_READ: Final[dict[str, str]] = {}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, (values, _) in EXERCISES.items() for value in values],
    ids=str,
)
def test_a_setting_shows_in_what_the_card_does(name: str, value: Any) -> None:
    EXERCISES[name][1](value)


def fields() -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of every setting."""
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            hints = get_type_hints(field.type)
            for inner in msgspec.structs.fields(field.type):
                yield f"{field.name}.{inner.name}", hints[inner.name], inner.default
        else:
            yield field.name, field.type, field.default


def test_every_setting_is_exercised_with_all_its_values_or_said_not_to_be_read() -> None:
    known = {name for name, _, _ in fields()}
    assert set(EXERCISES) | set(NOT_READ) == known
    assert not set(EXERCISES) & set(NOT_READ)
    for name, kind, default in fields():
        if name in NOT_READ or name == "status":
            continue
        values = EXERCISES[name][0]
        if get_origin(kind) is Literal:
            assert set(values) == set(get_args(kind)), name
        elif kind is bool:
            assert set(values) == {True, False}, name
        else:
            assert len(set(values)) > 1, name
        assert default in values, name


def test_what_is_not_read_yet_is_read_nowhere() -> None:
    """The day a command reads one, it has to move to the exercised ones."""
    sources = [path.read_text() for root in emulator.__path__ for path in Path(root).rglob("*.py")]
    for name in NOT_READ:
        assert not any(f".{name}" in source for source in sources), name


@pytest.mark.parametrize(
    "written",
    [
        "[settings.read]\nle_mismatch = '6CXX'\n",
        "[settings.reading]\nle_mismatch = '6Cxx'\n",
        "[settings.pin]\ntries = 16\n",
    ],
)
def test_an_unknown_setting_and_a_wrong_value_are_refused(written: str) -> None:
    with pytest.raises(ProfileError):
        load_profile("ssc-2.0", tomllib.loads(written))
