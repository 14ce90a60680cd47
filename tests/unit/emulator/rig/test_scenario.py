"""Scenarios: the same faults, timings and seeds from options and from a file, and what is refused."""

from pathlib import Path

import pytest

import sscard
from emulator.rig.scenario import Scenario, ScenarioError, read_options, read_scenario

CHALLENGE = bytes.fromhex("0084000008")
FILE = """
seed = 7

[[timing]]
name = "contact-9600"

[[timing]]
name = "none"
reader = 1

[[fault]]
name = "power-cut"
on = "UPDATE RECORD"
nth = 2
moment = "after"

[[fault]]
name = "status"
sw = "6A88"
reader = 1
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "cut.toml"
    path.write_text(FILE)
    return path


def texts(scenario: Scenario, reader: int) -> list[str]:
    return [str(fault) for fault in scenario.faults_of(reader)]


def test_a_file_says_what_options_say(path: Path) -> None:
    of_options = read_options(
        ['power-cut on="UPDATE RECORD" nth=2 moment=after', "status sw=6A88 reader=1"],
        ["contact-9600", "none reader=1"],
        "7",
    )
    for scenario in (read_scenario(path), of_options):
        assert texts(scenario, 0) == ["power-cut on='UPDATE RECORD' nth=2 moment=after"]
        assert texts(scenario, 1) == ["status sw=6A88"]
        assert texts(scenario, 2) == []
        assert [scenario.timing_of(reader) for reader in range(3)] == ["contact-9600", "none", "contact-9600"]
        assert scenario.seed == "7"


def test_options_lie_over_a_file(path: Path) -> None:
    both = read_scenario(path) + read_options(["pull"], ["contactless-106"], "8")
    assert texts(both, 0) == ["power-cut on='UPDATE RECORD' nth=2 moment=after", "pull"]
    assert [both.timing_of(reader) for reader in range(2)] == ["contactless-106", "none"]
    assert both.seed == "8"
    assert (read_scenario(path) + Scenario()).seed == "7"


def test_it_prepares_a_card_and_reports_what_never_struck() -> None:
    scenario = read_options(['status on="GET CHALLENGE" sw=6581', "pull nth=9"], ["contact-115200"], None)
    card = sscard.Card.issue()
    scenario.prepare(card, 0)
    assert card.transmit(CHALLENGE).hex() == "6581"
    assert card.timing == "contact-115200"
    assert list(scenario.unfired(0)) == ["this fault never struck: pull nth=9"]
    assert list(scenario.unfired(1)) == []
    second = read_options(["pull reader=1"], [], None)
    assert list(second.unfired(1)) == list(second.unfired()) == ["this fault never struck: pull reader=1"]


def test_a_seed_draws_what_a_rig_with_this_seed_draws() -> None:
    scenario = read_options([], [], "x")
    with sscard.Rig(["demo", "psam"], seed="x") as rig:
        for place, reader in enumerate(rig.readers):
            assert reader.transmit(CHALLENGE)[:-2] == scenario.random_of(place)(8)
    assert Scenario().random_of(0)(8) != Scenario().random_of(0)(8)


def test_a_rig_takes_a_file(path: Path) -> None:
    with sscard.Rig(["demo", "psam"], scenario=path) as rig:
        assert rig.seed == "7"
        assert [str(fault) for fault in rig.card.faults] == ["power-cut on='UPDATE RECORD' nth=2 moment=after"]
        assert rig.psam.transmit(CHALLENGE).hex() == "6a88"
        assert [each.card.timing for each in rig.readers if each.card] == ["contact-9600", "none"]
    with sscard.Rig(["demo", "psam"], scenario=path, seed="8", timing="contactless-106") as rig:
        assert (rig.seed, rig.card.timing, rig.psam.timing) == ("8", "contactless-106", "contactless-106")
    with sscard.Rig(["demo", "psam"], scenario=read_options(["pull"], [], None)) as rig:
        assert [str(fault) for fault in rig.card.faults] == ["pull"]
    with pytest.raises(ScenarioError, match=r"^cut.toml: fault\[1\]: no card in reader 1; readers with a card: 0$"):
        sscard.Rig(["demo", "empty"], scenario=path)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('tming = "none"', "cut.toml: there is no 'tming' in a scenario; did you mean 'timing'?"),
        ('timing = "fast"', "cut.toml: timing: there is no timing 'fast'; there are: contact-9600, "),
        ("timing = 5", "cut.toml: timing: write [[timing]] above each"),
        ("[[timing]]\nreader = 1", 'cut.toml: timing[0]: the name is missing: name = "…"'),
        ('[[timing]]\nname = "none"\nreadr = 1', "cut.toml: timing[0]: a timing has no 'readr'; it may have: reader"),
        ("seed = 1.5", "cut.toml: seed: write a text or a number"),
        ("seed = true", "cut.toml: seed: write a text or a number"),
        ('[fault]\nname = "pull"', "cut.toml: fault: write [[fault]] above each"),
        ('fault = ["pull"]', "cut.toml: fault[0]: write [[fault]] above it"),
        ('[[fault]]\nname = "pul"', "cut.toml: fault[0]: there is no fault 'pul'; did you mean 'pull'?"),
        (
            '[[fault]]\nname = "pull"\n[[fault]]\nname = "pull"\nmomnt = "after"',
            "cut.toml: fault[1]: fault pull has no parameter 'momnt'; did you mean 'moment'?",
        ),
        (
            '[[fault]]\nname = "pull"\non = 5',
            "cut.toml: fault[0]: fault pull: on is '5', but can be: name or bytes of a command",
        ),
        (
            '[[fault]]\nname = "pull"\nfile = ""',
            "cut.toml: fault[0]: fault pull: file is '', but can be: label of a file",
        ),
        ('[[fault]]\nname = "pull"\nreader = "x"', "cut.toml: fault[0]: reader is 'x', but is a number from 0"),
        ('[[fault]]\nname = "pull"\nreader = -1', "cut.toml: fault[0]: reader is -1, but is a number from 0"),
        ("seed = ", "cut.toml: "),
    ],
)
def test_what_is_wrong_in_a_file_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    (tmp_path / "cut.toml").write_text(text)
    with pytest.raises(ScenarioError) as caught:
        read_scenario(tmp_path / "cut.toml")
    assert str(caught.value).startswith(sentence)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("faults", "timings", "sentence"),
    [
        (['pull on="READ'], [], "--fault: 'pull on=\"READ': a quotation mark is missing"),
        (["pull after"], [], "--fault: pull: 'after' is not of the form parameter=value"),
        ([""], [], "--fault: there is no fault ''; there are: power-cut, "),
        (["pull name=x"], [], "--fault: fault pull has no parameter 'name'; there are: on, "),
        (["pull self=x"], [], "--fault: fault pull has no parameter 'self'; there are: on, "),
        ([], ["fast"], "--timing: there is no timing 'fast'; there are: contact-9600, "),
    ],
)
def test_what_is_wrong_in_an_option_is_one_sentence(faults: list[str], timings: list[str], sentence: str) -> None:
    with pytest.raises(ScenarioError) as caught:
        read_options(faults, timings, None)
    assert str(caught.value).startswith(sentence)


def test_a_key_that_the_card_lacks_is_refused_with_the_place() -> None:
    scenario = read_options(["tries-left key=PINN"], [], None)
    with pytest.raises(ScenarioError, match=r"^--fault: fault tries-left: the card has no key 'PINN'; did you mean"):
        scenario.prepare(sscard.Card.issue(), 0)


def test_a_card_that_is_not_there_is_refused() -> None:
    read_options(["pull reader=1"], [], None).require_cards(range(2))
    with pytest.raises(ScenarioError, match=r"^--timing: no card in reader 2; readers with a card: 0, 1$"):
        read_options([], ["none reader=2"], None).require_cards(range(2))
