"""The entries of the catalogue: complete, in both languages, with codes of the standard; errors by place; finding."""

import re
from pathlib import Path
from typing import Any, Final, get_args

import pytest

from cardfs.profile.loader import load_profile
from emulator.rig.catalogue.entries import CatalogueError, catalogue, find, groups, matching, read_groups
from emulator.rig.catalogue.steps import Step
from keys.records import Usage
from tests.kit.catalogue import matches

TABLE_A1: Final = {
    *(-1, -2, -3, -4, -5, -11, -12, -13, -14, -15, -20, -21, -22, -23, -24),
    *(-31, -32, -33, -34, -35, -36, -41, -42, -51, -52, -2201, -2202, -2203, -2204),
    *(-25536, -25537, -25538, -26368, -26881, -27009, -27010, -27011, -27012, -27013, -27016),
    *(-27264, -27265, -27266, -27267, -27272, -37634, -37635, -37891, -37894),
}
"""LD/T 33, table A.1, as printed."""
UNKNOWN: Final = "未知错误"
"""Its last row: 其他."""

ENTRIES: Final = catalogue()
CARD: Final = """
order = 1
title = "Group"
zh = "组"
[[card]]
id = "one"
title = "One"
zh = "一"
purpose = "p"
purpose_zh = "用"
right = "r"
right_zh = "对"
clause = "Part 7, 5.4"
"""


# -- what there is -------------------------------------------------------------------------------------


def test_there_are_enough_cards_in_groups_that_differ() -> None:
    assert len(ENTRIES) > 200
    assert len({re.sub(r"^key-\w+-", "key-", each) for each in ENTRIES}) >= 120
    assert [group.id for group in groups()][:3] == ["generations", "regions", "pin"]
    assert sum(len(group.entries) for group in groups()) == len(ENTRIES)


def test_every_entry_is_whole_in_both_languages() -> None:
    for entry in ENTRIES.values():
        english, chinese = (entry.purpose, entry.right), (entry.purpose_zh, entry.right_zh)
        assert entry.title, entry.id
        assert entry.clause, entry.id
        assert all(text.endswith(".") for text in english), entry.id
        assert all(text.endswith("。") and re.search("[\u4e00-\u9fff]", text) for text in chinese), entry.id
        assert re.search("[\u4e00-\u9fff]", entry.zh), entry.id
        assert not re.search(r"[{}]", " ".join((entry.title, entry.zh, *english, *chinese))), entry.id
        assert entry.calls or entry.answers, entry.id


def test_a_code_is_one_of_the_table_or_a_status_word_that_it_lacks() -> None:
    for entry in ENTRIES.values():
        for call in entry.calls:
            if call.code == 0:
                assert call.message == "", entry.id
            elif call.code in TABLE_A1:
                assert call.message != UNKNOWN, entry.id
            else:
                assert call.message in (UNKNOWN, ""), entry.id
                assert f"{-call.code:04X}" in ("6581", "9401", "9402"), entry.id


def both(key: str) -> set[str]:
    return {f"key-{key}-last-try", f"key-{key}-locked"}


def test_every_key_that_is_counted_has_its_last_try_and_its_lock() -> None:
    counted = [plan for plan in load_profile("ssc-2.0").keys if plan.tries and plan.kid is not None]
    assert len(counted) > 40
    for plan in counted:
        if plan.usage is not Usage.PIN_UNBLOCK:
            assert both(plan.ref.name.lower()) <= ENTRIES.keys(), plan.ref.name
    assert {"puk-last-try", "puk-locked", "pin-last-try", "pin-locked"} <= ENTRIES.keys()


def test_every_application_has_its_lock() -> None:
    applications = [name for name in load_profile("ssc-2.0").ids if name.startswith("DF")]
    assert {f"{name.lower()}-locked" for name in applications} <= ENTRIES.keys()


def test_every_step_is_used() -> None:
    used = {type(step) for entry in ENTRIES.values() for step in entry.steps}
    assert used == set(get_args(Step))


def test_an_entry_as_json_leaves_out_what_is_usual() -> None:
    table = find("pin-locked").table()
    assert (table["id"], table["group"], table["psam"], table["codes"]) == ("pin-locked", "pin", False, [-52, 0])
    assert table["steps"] == ({"step": "wrong-pin", "left": 0},)
    assert "profile" not in table


# -- finding -------------------------------------------------------------------------------------------


def test_a_card_is_found_by_its_id_with_and_without_prefix() -> None:
    assert find("pin-locked") is find("catalogue:pin-locked") is ENTRIES["pin-locked"]


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("pin-lockt", "catalogue:pin-lockt: the catalogue has no such card; did you mean catalogue:pin-locked?"),
        ("qqq", "catalogue:qqq: the catalogue has no such card; `sscard cards` lists them"),
        ("catalogue:", "catalogue:: the catalogue has no such card; `sscard cards` lists them"),
    ],
)
def test_an_unknown_card_is_one_sentence_with_the_nearest(name: str, sentence: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        find(name)
    assert str(caught.value) == sentence


def test_words_filter_in_both_languages_and_by_code() -> None:
    assert [entry.id for entry in matching(("PUK-", "LAST"))] == ["puk-last-try"]
    assert find("pin-locked") in matching(("锁定", "-52"))
    assert len(matching(())) == len(ENTRIES)
    assert matching(("pin", "no such word")) == []


# -- reading -------------------------------------------------------------------------------------------


def read(folder: Path, text: str) -> Any:
    (folder / "one.toml").write_text(text, encoding="utf-8")
    return read_groups(folder)


def test_a_pattern_gives_an_entry_for_each_row(tmp_path: Path) -> None:
    text = CARD.replace('id = "one"', 'each = "keys"\nid = "{id}-locked"').replace('"One"', '"{id}, {nothing}"')
    text += 'steps = [{ step = "tries", key = "{key}", left = "{left}" }]\n'
    text += '[rows]\nkeys = [{ id = "a", key = "PIN", left = 0 }, { id = "b", key = "PUK", left = 1 }]\n'
    (group,) = read(tmp_path, text)
    assert [(each.id, each.title, each.steps[0].left) for each in group.entries] == [
        ("a-locked", "a, {nothing}", 0),
        ("b-locked", "b, {nothing}", 1),
    ]


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("colour = 1", "one.toml: card[0]: object contains unknown field `colour`"),
        ("pin = 4711", "one.toml: card[0].pin: expected `str`, got `int`"),
        ('each = "keys"', "one.toml: card[0].each: the file has no rows 'keys'"),
        ('steps = [{ step = "wrong-pim", left = 1 }]', "one.toml: card[0].steps[0].step: invalid value 'wrong-pim'"),
        (
            'steps = [{ step = "wrong-pin", left = 16 }]',
            "one.toml: card[0].steps[0].left: expected `int` <= 15",
        ),
        ('faults = ["pul"]', "one.toml: card[0].faults: there is no fault 'pul'; did you mean 'pull'?"),
        ('timing = "slow"', "one.toml: card[0].timing: there is no timing 'slow'; there are: contact-9600,*"),
        ('calls = [{ function = "x", kind = 3 }]', "one.toml: card[0].calls[0].kind: invalid enum value 3"),
        ("[[card]]\n" + CARD.partition("[[card]]")[2], "one.toml: there are two cards 'one'"),
        ("[rows]\nkeys = 1", "one.toml: rows[...]: expected `array`, got `int`"),
        ("x =", "one.toml: Invalid value*"),
    ],
)
def test_what_is_wrong_is_one_sentence_with_its_place(tmp_path: Path, more: str, sentence: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        read(tmp_path, f"{CARD}{more}\n")
    assert matches(str(caught.value), sentence), str(caught.value)
