"""The steps that bring a card into a state: what a card cannot come to is one sentence with its place."""

from typing import Any

import pytest
from msgspec import convert, structs

from cardfs.issuing.roots import load_roots
from cardfs.model.files import CardContents
from emulator.rig.catalogue.entries import CatalogueError, Entry, find
from emulator.rig.catalogue.making import contents_of
from emulator.rig.catalogue.steps import Step
from keys.records import KeyState


def brought(*steps: dict[str, Any], **changes: Any) -> CardContents:
    """Bring the demo card, with some changes, through steps."""
    entry: Entry = structs.replace(
        find("card-2.0"), id="tried", steps=tuple(convert(step, Step) for step in steps), **changes
    )
    return contents_of(entry, load_roots())


def tries(contents: CardContents, name: str) -> int:
    return next(left for (ref, _), left in contents.tries.items() if ref.name == name)


@pytest.mark.parametrize("left", [2, 1, 0])
def test_wrong_secrets_take_tries_by_commands(left: int) -> None:
    made = brought({"step": "wrong-pin", "left": left}, {"step": "wrong-key", "key": "UK1DF04", "left": left})
    assert (tries(made, "PIN"), tries(made, "UK1DF04"), tries(made, "UK2DF04")) == (left, left, 3)


def test_a_wrong_key_of_another_version() -> None:
    made = brought({"step": "wrong-key", "key": "RKSSSE", "version": 2, "left": 0})
    assert {version: left for (ref, version), left in made.tries.items() if ref.name == "RKSSSE"} == {1: 3, 2: 0, 3: 3}


@pytest.mark.parametrize("name", ["DF03", "DF04", "DF06"])
def test_an_application_with_a_lock_key_is_locked_by_commands(name: str) -> None:
    made = brought({"step": "block-application", "df": name})
    blocked = {df.label for df in made.dfs.values() if df.blocked}
    dead = {ref.owner for (ref, _), key in made.keys.items() if key.state is KeyState.DEAD}
    assert blocked == {name}
    assert dead == {path for path, df in made.dfs.items() if df.label == name}


def test_a_locked_card_has_no_key_that_lives() -> None:
    made = brought({"step": "block-card"})
    assert made.info.blocked
    assert {key.state for key in made.keys.values()} == {KeyState.DEAD}


def test_trades_book_on_the_card() -> None:
    made = brought(
        {"step": "load", "amount": "10.00", "time": "20260228090000", "times": 2},
        {"step": "purchase", "total": "3.00", "covered": "3.00", "amounts": "account", "time": "20260228100000"},
    )
    money = next(made.contents[path] for path in made.contents if path.endswith("DF04/EF01"))
    assert isinstance(money, bytes)
    assert money[:8].hex() == "00020001000006a4"  # two loads, one purchase, 17.00 yuan


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        ({"step": "wrong-key", "key": "UK9DF09", "left": 1}, "the card has no key UK9DF09 of version 1"),
        ({"step": "wrong-key", "key": "BK", "left": 1}, "BK has no counter"),
        ({"step": "tries", "key": "BK", "left": 1}, "the card has no key BK with a counter"),
        ({"step": "block-application", "df": "DF09"}, "the card has no DF09"),
        ({"step": "record", "file": "SSSE/EF09", "record": 1, "hex": "00"}, "the card has no file SSSE/EF09"),
        ({"step": "record", "file": "SSSE/EF05", "record": 9, "hex": "00"}, "SSSE/EF05 has 7 records"),
        ({"step": "record", "file": "DF01/EF16", "record": 1, "hex": "00"}, "DF01/EF16 has no records"),
        (
            {"step": "purchase", "total": "1.00", "covered": "1.00", "amounts": "account", "time": "20260228100000"},
            "INITIALIZE FOR PURCHASE: the card answered 9401*",
        ),
    ],
)
def test_what_cannot_be_done_names_entry_and_step(step: dict[str, Any], reason: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        brought({"step": "tries", "key": "PIN", "left": 2}, step)
    assert str(caught.value).startswith(f"tried: steps[1]: {reason.rstrip('*')}")


def test_a_state_that_was_left_is_not_entered_again() -> None:
    with pytest.raises(CatalogueError, match="SELECT: 6A81"):
        brought({"step": "block-card"}, {"step": "wrong-pin", "left": 1})
    with pytest.raises(CatalogueError, match="SELECT: 9303"):
        brought(*[{"step": "block-application", "df": "DF04"}] * 2)
    with pytest.raises(CatalogueError, match="LKDF03 is retired"):
        brought({"step": "retire-key", "key": "LKDF03"}, {"step": "block-application", "df": "DF03"})
    with pytest.raises(CatalogueError, match="the card has no PIN"):
        brought({"step": "wrong-pin", "left": 1}, pin="")


def test_money_needs_a_money_file_and_a_flip_an_object() -> None:
    with pytest.raises(CatalogueError, match="the card has no money file"):
        brought({"step": "money", "balance": 1}, profile="ssc-1.0", settings={"structure": {"medical_mode": "online"}})
    with pytest.raises(CatalogueError, match="record 1 of DEBIT/EF02 has no object 93"):
        brought({"step": "flip", "file": "DEBIT/EF02", "record": 1, "tag": "93"}, financial="both")


def test_a_card_that_cannot_be_issued_names_its_entry() -> None:
    with pytest.raises(CatalogueError, match=r"^tried: pin: a PIN has 4 to 16 digits$"):
        brought(pin="12")
