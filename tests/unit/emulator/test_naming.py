"""What the name of a card means, wherever one can be named."""

from pathlib import Path

import pytest

import sscard
from cardfs.profile.inputs import InputError
from emulator.naming import resolve


@pytest.mark.parametrize(
    ("name", "meaning"),
    [
        ("demo", ("new", "ssc-2.0")),
        ("psam", ("new", "psam")),
        ("catalogue:pin-locked", ("made", "pin-locked")),
        ("catalogue:", ("made", "")),
        ("my.sscard", ("file", "my.sscard")),
        ("./catalogue:x", ("made", "x")),
    ],
)
def test_a_name_means_one_of_three(name: str, meaning: tuple[str, str]) -> None:
    given = Path(name) if "/" in name else name
    assert (
        resolve(
            given,
            new=lambda kind: ("new", kind),
            made=lambda each: ("made", each),
            file=lambda path: ("file", str(path)),
        )
        == meaning
    )


def test_where_nothing_new_is_made_every_other_name_is_a_file() -> None:
    assert resolve("demo", made=lambda _: Path("made"), file=lambda path: path) == Path("demo")


def test_a_rig_takes_test_cards_with_its_roots() -> None:
    with sscard.Rig(["catalogue:pin-locked", "catalogue:psam"], seed="1", clock="2026-03-01") as rig:
        terminal = rig.terminal()
        assert terminal.read_basic().fields["name"] == "测试甲"
        with pytest.raises(sscard.TerminalError) as caught:
            terminal.verify_pin()
        assert caught.value.code == -52
        assert rig.test_card("catalogue:card-1.0").profile == "ssc-1.0"


def test_a_test_card_goes_with_the_roots_of_the_rig(tmp_path: Path) -> None:
    roots = tmp_path / "roots.toml"
    text = sscard.load_roots.__globals__["DEMO"].joinpath("roots.toml").read_text()
    roots.write_text(text.replace("7AC7FD7F8504FDF2D9F8E510A240EFF2", "0123456789ABCDEFFEDCBA9876543210"))
    with sscard.Rig(["catalogue:card-2.0", "psam"], roots=roots) as rig:
        assert rig.terminal().read_basic().fields["version"] == "2.00"
    with sscard.Rig(["catalogue:card-2.0", sscard.Card.issue("psam", roots=roots)]) as rig:
        with pytest.raises(sscard.TerminalError) as caught:
            rig.terminal().read_basic()
        assert caught.value.code == -21


def test_an_unknown_test_card_is_one_sentence() -> None:
    with pytest.raises(InputError, match="did you mean catalogue:expired"):
        sscard.Rig(["catalogue:expird"])
