"""Typed rows: every table of a profile is read once, whether or not the settings keep it."""

from typing import Any

import pytest

from cardfs.profile import rows
from cardfs.profile.inputs import ProfileError, convert
from cardfs.profile.loader import load_profile
from cardfs.profile.source import Entry, read_source


def tables(entry: Entry) -> int:
    return 1 + sum(tables(each) for name in entry.lists for each in entry.entries(name))


@pytest.mark.parametrize("name", ["ssc-2.0", "ssc-1.0", "pboc", "psam"])
def test_every_table_is_read_once(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[object] = []

    def counted(data: object, kind: type[Any]) -> Any:
        seen.append(data)
        return convert(data, kind)

    monkeypatch.setattr(rows, "convert", counted)
    load_profile(name)
    assert len(seen) == tables(read_source(name).head) + len(("atr", "settings"))
    assert len(set(map(id, seen))) == len(seen)


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        ({"keys": [{"name": "K", "usage": 3}]}, "overrides: df[0].keys[0].usage"),
        ({"priority": 16}, "overrides: df[0].priority"),
    ],
)
def test_a_mistake_in_what_the_settings_leave_out_is_named(wrong: dict[str, Any], place: str) -> None:
    df = {"id": "DF0B", "parent": "SSSE", "label": "left out", "when": {"pin.tries": 7}, **wrong}
    with pytest.raises(ProfileError) as error:
        load_profile("ssc-2.0", {"df": [df]})
    assert error.value.place == place
    good = {name: value for name, value in df.items() if name not in wrong}
    assert "DF0B" not in load_profile("ssc-2.0", {"df": [good]}).ids
