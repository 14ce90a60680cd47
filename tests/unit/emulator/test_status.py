"""The one table from refusals to status words, and what each word means (Part 5, 5.4)."""

import importlib
import pkgutil
import re
from collections.abc import Iterator
from typing import get_args

import pytest

import cardfs
import emulator
import keys
from cardfs.model.errors import AccessDenied
from cardfs.model.settings import Refusal, Settings
from cardfs.profile.loader import ProfileError, load_profile
from emulator.cards import Card
from emulator.commands.social.rows import ROWS
from emulator.status import MEANINGS, STATUS_WORDS, error_name, explain, status_words
from keys.errors import CardError
from tests.kit.card import CardBench, HandmadeBench


def refusals() -> Iterator[type[CardError]]:
    """Every refusal that any module of the three packages defines."""
    for package in (keys, cardfs, emulator):
        for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
            if "__main__" not in module.name:
                importlib.import_module(module.name)

    def below(error: type[CardError]) -> Iterator[type[CardError]]:
        for each in error.__subclasses__():
            yield each
            yield from below(each)

    yield from (each for each in below(CardError) if each.__module__.split(".")[0] in ("keys", "cardfs", "emulator"))


def test_every_refusal_has_exactly_one_word_and_the_table_nothing_else() -> None:
    found = list(refusals())
    assert len(found) == len(set(found)) > 20
    assert set(found) == set(STATUS_WORDS)


def test_no_refusal_is_a_kind_of_another_one() -> None:
    """The table looks up the type itself, so a subclass would have no word."""
    assert all(error.__bases__ == (CardError,) for error in STATUS_WORDS)


def test_names_of_refusals_are_their_own() -> None:
    names = [error_name(error) for error in STATUS_WORDS]
    assert len(set(names)) == len(names)
    assert error_name(AccessDenied) == "access_denied"


def test_every_word_of_a_refusal_and_of_a_row_has_a_meaning_with_a_clause() -> None:
    words = set(STATUS_WORDS.values()) | {word for row in ROWS for word in row.status_words} | {0x9000, 0x6901}
    assert words <= set(MEANINGS)
    for word in MEANINGS:
        meaning = explain(word)
        assert meaning.text
        assert meaning.clause.startswith(("Part ", "V2.0 notice", "JR/T 0025")), hex(word)


@pytest.mark.parametrize(
    ("word", "text"),
    [
        (0x9000, "success"),
        (0x611C, "28 bytes wait for GET RESPONSE"),
        (0x6100, "256 bytes wait for GET RESPONSE"),
        (0x6C06, "wrong Le, 6 is right"),
        (0x6C00, "wrong Le, 256 is right"),
        (0x63C2, "verification failed, tries left: 2"),
        (0x63C0, "verification failed, tries left: 0"),
        (0x63CF, "verification failed, tries left: 15"),
        (0x9303, "application permanently locked"),
    ],
)
def test_a_word_is_explained_with_its_number(word: int, text: str) -> None:
    assert explain(word).text == text


@pytest.mark.parametrize("word", [0x0000, 0x6301, 0x63D0, 0x6C0, 0x9001, 0x6A99, 0xFFFF])
def test_a_word_that_the_standard_does_not_know_is_said_to_be_so(word: int) -> None:
    assert explain(word).text == "not a status word of the standard"


def test_a_profile_replaces_a_word_by_the_name_of_the_refusal() -> None:
    words = status_words({"access_denied": "6985"})
    assert words[AccessDenied] == 0x6985
    assert {error for error in STATUS_WORDS if words[error] != STATUS_WORDS[error]} == {AccessDenied}
    assert status_words({}) == STATUS_WORDS


def test_a_card_answers_the_words_of_its_profile() -> None:
    bench = HandmadeBench(Settings(status={"access_denied": "6985", "file_unknown": "6A83"}))
    assert bench.send("00B2013404") == "6985"
    assert bench.send("00A4000002DF09") == "6A83"
    issued = CardBench(overrides='[settings.status]\naccess_denied = "6985"\n')
    issued.select_df("DF01")
    assert issued.send("00B2012C00") == "6985"


def test_a_replaced_6cxx_keeps_its_count() -> None:
    bench = HandmadeBench(Settings(status={"expected_length_wrong": "6C00"}))
    assert bench.send("00B2012C00") == "6C04"


def test_a_defect_of_the_program_is_6f00_and_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any bytes get an answer."""
    bench = HandmadeBench()

    def broken(_length: int, /) -> bytes:
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(bench.card, "random", broken)
    card: Card = bench.card
    assert card.transmit(bytes.fromhex("0084000008")) == bytes.fromhex("6F00")
    assert isinstance(card.bug, ZeroDivisionError)
    assert card.last is not None
    assert card.last.reason == "a defect of this program: ZeroDivisionError"


def test_a_profile_can_name_every_refusal_and_nothing_else() -> None:
    assert set(get_args(Refusal)) == {error_name(error) for error in STATUS_WORDS}
    with pytest.raises(ProfileError, match=r"settings\.status: there is no refusal nonsense"):
        load_profile("ssc-2.0", {"settings": {"status": {"nonsense": "6985"}}})


@pytest.mark.parametrize("word", ["9000", "61FF", "6C00", "63C0", "6F", "zz"])
def test_no_refusal_can_be_renamed_to_what_means_something_else(word: str) -> None:
    with pytest.raises(ProfileError, match=r"settings\.status"):
        load_profile("ssc-2.0", {"settings": {"status": {"access_denied": word}}})


def test_a_renamed_wrong_length_is_that_word_without_a_length() -> None:
    bench = CardBench(overrides='[settings.status]\nexpected_length_wrong = "6700"')
    bench.select_ssse()
    assert bench.send("00B2013400") == "6700"


def test_every_meaning_is_there_in_chinese_with_its_number() -> None:
    for word, meaning in MEANINGS.items():
        assert re.search("[\u4e00-\u9fff]", meaning.zh), f"{word:04X}"
        assert ("{}" in meaning.zh) == ("{}" in meaning.text), f"{word:04X}"
    assert explain(0x63C2).zh == "校验失败，剩余次数 2"
    assert explain(0x6C00).zh == "Le 错误，正确值为 256"
