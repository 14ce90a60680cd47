"""What a card holds reaches no terminal as more than characters; and the trace is readable on white and on black."""

import json
import os
import pty
import re
import subprocess
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.memory.image import Image
from emulator.cli.console import console, reading_table
from emulator.cli.terminal_results import print_table
from emulator.terminal import Reading, Result
from emulator.terminal.reading import Item
from emulator.trace.visible import one_line, visible
from tests.kit import child
from tests.kit.card import SSSE, contents
from tests.kit.cli import NAME, SELECT_SSSE, SSCARD, harmless, sscard

EVIL = "a\x1b]0;title\x07\x1b[31m\x9b31m\x85\u202eb\u2066\u200f\r\x7f\u2028\U000e0041c"
"""Escape sequences, with C1 characters too, bidirectional overrides, a carriage return, what has no width."""


def width(line: str) -> int:
    """How many columns a line has."""
    return len(line) + sum(unicodedata.east_asian_width(each) == "W" for each in line)


@given(st.text())
def test_nothing_is_left_that_a_terminal_obeys(text: str) -> None:
    assert harmless(visible(text).replace("\t", ""))
    assert harmless(one_line(text))
    assert "\n" not in one_line(text)
    assert json.loads(visible(json.dumps(text, ensure_ascii=False))) == text
    if harmless(text):
        assert visible(text) == text


def test_it_is_shown_by_its_number() -> None:
    assert visible("\x1b[2J\x9b\u202e\U000e0041\t\n测") == "\\u001b[2J\\u009b\\u202e\\udb40\\udc41\t\n测"


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card whose holder's name moves the cursor."""
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    name = NAME.encode("gb18030").ljust(30)
    with closing(Image.open(path)) as image:
        records = list(image.contents[f"{SSSE}/EF06"])
        assert all(isinstance(record, bytes) for record in records)
        change = image.begin()
        evil = bytes((0x09, len(name))) + name
        change.put_contents(f"{SSSE}/EF06", (records[0], evil))  # type: ignore[arg-type]
        change.commit()
    return path


@pytest.mark.parametrize("options", [(), ("--json",)])
def test_a_card_is_shown_as_characters(card: Path, options: tuple[str, ...]) -> None:
    shown = child.run([*SSCARD, "show", card, *options])
    assert shown.returncode == 0
    assert NAME.encode("gb18030").hex().upper() in shown.stdout, "what is no text is shown as bytes"
    assert harmless(shown.stdout)


def test_a_trace_is_shown_and_written_as_characters(card: Path, tmp_path: Path) -> None:
    script = f"{SELECT_SSSE}\n00B2023420\n"
    shown = child.run([*SSCARD, "apdu", card, "--trace", tmp_path / "trace"], input=script).stdout
    written = (tmp_path / "trace").read_text(encoding="utf-8")
    for text in (shown, written):
        assert NAME.encode("gb18030").hex().upper() in text
        assert harmless(text)
    assert len(shown.splitlines()) == 4


def test_tables_of_a_terminal_are_characters_and_straight(capsys: pytest.CaptureFixture[str]) -> None:
    out = console()
    item = Item("EF06", "holder_name", "姓名", EVIL, b"")
    for part in reading_table(Reading(b"\x3b\x00", "3DES", EVIL, EVIL, None, EVIL, [item], [EVIL])):
        out.print(part)
    print_table(Result("", {"name": EVIL, "card_number": "1"}), EVIL)
    print_table(Result("", {"records": [{"name": EVIL}]}), "t")
    print_table(Result("", {"DF01EF05": {"20": EVIL}}, {"DF01EF05/20": EVIL}), "t")
    shown = capsys.readouterr().out
    assert harmless(shown)
    assert shown.count("]0;title") == 10
    for table in re.findall(r"┏[^┘]*┘", shown):
        assert (
            len({len(line) + sum(unicodedata.east_asian_width(c) == "W" for c in line) for line in table.split("\n")})
            == 1
        )


@pytest.mark.parametrize("error", [True, False])
def test_a_plain_line_is_characters(error: bool) -> None:
    script = "from emulator.cli.output import prepare, print_message; import click; prepare(); "
    script += f"click.echo({EVIL!r}, err={error}); print_message({EVIL!r})"
    done = child.run([sys.executable, "-c", script])
    assert harmless(done.stdout + done.stderr)
    assert (done.stdout + done.stderr).count("]0;title") == 2


# Colours --------------------------------------------------------------------------------------------


def luminance(number: int) -> float:
    """The relative luminance of one of the 256 colours (WCAG 2)."""
    levels = (0, 95, 135, 175, 215, 255)
    at = number - 16
    rgb = (8 + 10 * (number - 232),) * 3 if number >= 232 else (levels[at // 36], levels[at // 6 % 6], levels[at % 6])
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in (each / 255 for each in rgb)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def styles(text: str) -> Iterator[list[str]]:
    """The escape sequences that style a text."""
    for sequence in re.findall(r"\x1b\[([0-9;]*)m", text):
        yield sequence.split(";")


@pytest.mark.parametrize("command", [("apdu",), ("show",)])
def test_every_colour_can_be_read_on_white_and_on_black(card: Path, command: tuple[str, ...]) -> None:
    script = f"{SELECT_SSSE}\n00B2013400\n00CA000000\nreset\n"
    coloured = child.environment(TERM="xterm-256color", FORCE_COLOR="1")
    shown = child.run([*SSCARD, *command, card], input=script, env=coloured).stdout
    seen = set()
    for codes in styles(shown):
        if "38" in codes:
            at = codes.index("38")
            assert codes[at + 1] == "5"
            bright = luminance(int(codes[at + 2]))
            seen.add(codes[at + 2])
            assert (bright + 0.05) / 0.05 >= 4, f"{codes} on black"
            assert 1.05 / (bright + 0.05) >= 4, f"{codes} on white"
            codes[at : at + 3] = []
        assert set(codes) <= {"", "0", "1", "3"}, "dim, or one of the colours that a theme chooses"
    assert len(seen) > 1


# Waiting --------------------------------------------------------------------------------------------


def test_apdu_on_a_terminal_says_that_it_waits(card: Path) -> None:
    ours, theirs = pty.openpty()
    try:
        with child.start(
            [*SSCARD, "apdu", card, "--raw"], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stderr is not None
            waits = "Waiting for APDUs in hex, one a line; Ctrl-D ends the script and runs it.\n"
            assert process.stderr.readline() == waits
            os.write(ours, b"0084000004\n\x04")
            output, _ = process.communicate(timeout=child.LIMIT)
    finally:
        os.close(ours)
        os.close(theirs)
    assert re.fullmatch("0084000004 > [0-9A-F]{8}9000\n", output)
    assert "Waiting" not in sscard("apdu", card, stdin="reset").stderr
