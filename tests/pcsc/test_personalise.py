"""The life of a card through a real pcscd: a blank image, `sscard personalise`, and the card that comes out."""

import sys
from pathlib import Path

import pytest

from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell, CellKey
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

SSCARD = [sys.executable, "-m", "emulator.cli"]
INPUTS = ["--seed", "x", "--serial", "000001AC"]


def cells(path: Path) -> dict[CellKey, Cell]:
    """Every cell of an image file."""
    store = SqliteStore(path, writable=False)
    try:
        return store.load()
    finally:
        store.close()


@pytest.fixture(name="blank")
def _blank(stack: PcscStack, tmp_path: Path) -> Path:
    path = tmp_path / "blank.sscard"
    made = stack.run([*SSCARD, "blank", str(path), "--profile", "ssc-1.0"])
    assert made.returncode == 0, made.stdout
    return path


@pytest.mark.clause("Part 4, 5.2", "a blank card is taken through its whole life over PC/SC")
def test_a_blank_card_becomes_the_issued_one_over_pcsc(stack: PcscStack, blank: Path, tmp_path: Path) -> None:
    done = stack.run([*SSCARD, "personalise", "ssc-1.0", *INPUTS], cards=[blank])
    assert done.returncode == 0, done.stdout
    last = done.stdout.strip().splitlines()[-1]
    count = int(last.partition(": ")[2].split()[0])
    assert last == f"Virtual PCD 00 00: {count} commands, all answered as expected"
    assert f"{count}/{count}" in done.stdout
    assert "done" in done.stdout
    issued = tmp_path / "issued.sscard"
    made = stack.run([*SSCARD, "issue", str(issued), "--profile", "ssc-1.0", *INPUTS])
    assert made.returncode == 0, made.stdout
    assert cells(blank) == cells(issued)
    # Once more it is no blank card any longer: one sentence, and nothing changed.
    again = stack.run([*SSCARD, "personalise", "ssc-1.0", *INPUTS], cards=[blank])
    assert again.returncode == 2
    assert "the card answered 6A88, referenced data not found; is it a blank card of this profile?" in again.stdout
    assert "Traceback" not in again.stdout
    assert cells(blank) == cells(issued)


@pytest.mark.parametrize("kind", [("pboc",), ("ssc-2.0", "--with-financial")], ids=" ".join)
def test_the_financial_environment_too_is_built_over_pcsc(
    stack: PcscStack, tmp_path: Path, kind: tuple[str, ...]
) -> None:
    profile, *more = kind
    blank, issued = tmp_path / "blank.sscard", tmp_path / "issued.sscard"
    more = [*more, "--set", "settings.financial.contactless=true"]
    for command in (
        [*SSCARD, "blank", str(blank), "--profile", profile, *more],
        [*SSCARD, "issue", str(issued), "--profile", profile, *more, *INPUTS],
    ):
        made = stack.run(command)
        assert made.returncode == 0, made.stdout
    done = stack.run([*SSCARD, "personalise", profile, *more, *INPUTS], cards=[blank])
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip().endswith("all answered as expected")
    assert cells(blank) == cells(issued)


def test_a_script_activates_a_card_and_a_wrong_line_is_named(stack: PcscStack, blank: Path, tmp_path: Path) -> None:
    script = tmp_path / "activate.apdu"
    script.write_text(
        "# activation (Part 10, 5.1)\n"
        "80E0030010 40C14243C4454647C8494A4BCC4D4E4F\n"
        "\n"
        "80E005000D 00814A444686605199000001AC -> 9000   # historical bytes\n"
        "80E0010007 DDF1 01 FF 1E 00 41 -> 6985\n"
        "80E0020000 -> 9000\n"
        "80E0020000 -> 6985\n"
    )
    done = stack.run([*SSCARD, "personalise", str(script), "--reader", "Virtual PCD 00 00"], cards=[blank])
    assert done.returncode == 0, done.stdout
    assert done.stdout.strip() == "Virtual PCD 00 00: 5 commands, all answered as expected"
    script.write_text("00A4000000 -> 9000\n\n80E0020000 -> 9000\n80E0020000\n")
    wrong = stack.run([*SSCARD, "personalise", str(script)], cards=[blank])
    assert wrong.returncode == 2
    assert wrong.stdout.strip() == f"sscard: {script}: line 3: the card answered 6985, not 9000"
    for text, line in (("0084000008 ->\n8g -> 9000", 2), ("0084 -> OK", 1)):
        script.write_text(text)
        bad = stack.run([*SSCARD, "personalise", str(script)], cards=[blank])
        assert bad.returncode == 2
        assert bad.stdout.strip() == (
            f"sscard: {script}: line {line}: "
            "write a command in hex and, after an arrow, its status word: 80E00200 -> 9000"
        )


def test_without_a_card_or_with_an_unknown_source_it_is_one_sentence(stack: PcscStack, tmp_path: Path) -> None:
    empty = stack.run([*SSCARD, "personalise", "ssc-1.0"])
    assert (empty.returncode, empty.stdout.count("\n")) == (2, 1)
    assert "no card in" in empty.stdout
    unknown = stack.run([*SSCARD, "personalise", str(tmp_path / "nothing.apdu")])
    assert (unknown.returncode, unknown.stdout.count("\n")) == (2, 1)
    binary = tmp_path / "binary.apdu"
    binary.write_bytes(b"\xff\xfe\x00")
    unreadable = stack.run([*SSCARD, "personalise", str(binary)])
    assert (unreadable.returncode, unreadable.stdout.count("\n")) == (2, 1)
