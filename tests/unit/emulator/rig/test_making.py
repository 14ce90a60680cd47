"""What a new card of a test holds: the same as a card of the command line; opening one loads nothing of that."""

import sys
from pathlib import Path

import pytest

import sscard
from cardfs.memory.image import Image
from emulator.rig.making import blank, issued
from tests.kit import child
from tests.kit.cli import sscard as command_line

NOTHING = {"settings": None, "financial": None, "values": None}


def test_it_is_what_the_command_line_issues(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    command_line("issue", path, "--seed", "a", "--pin", "4711")
    with sscard.Card.open(path) as card:
        made = issued("ssc-2.0", None, None, **NOTHING, region="519900", pin="4711", seed="a")
        assert Image.in_memory(made).store.load() == card.snapshot().cells


def test_a_blank_card_has_its_type() -> None:
    assert blank("ssc-3.0", None, None).info.profile == "ssc-3.0"
    with pytest.raises(sscard.InputError, match="a security module has no blank state"):
        blank("psam", None, None)


def test_whoever_opens_a_card_loads_nothing_of_issuing() -> None:
    script = "import sys, emulator.rig.card; print(*sys.modules)"
    loaded = child.run([sys.executable, "-c", script], env=child.unmeasured(), check=True).stdout.split()
    assert not {each for each in loaded if each.startswith(("cardfs.issuing", "emulator.terminal"))}
