"""A terminal that is not ours: emv-tool of emv-utils, through a real reader, with an issued debit/credit card.

It selects the application, authenticates the card's data and asks for the first cryptogram. It always refuses the
transaction, and its exit status says nothing: what counts is what it prints.
"""

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cardfs.issuing.certificates import authority
from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore
from cardfs.model.files import CardContents
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from tests.kit import child
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

TOOL: Final = shutil.which("emv-tool")
"""Where emv-tool is; without it there is no such test."""

SDA, DDA, CDA = 0x80, 0x40, 0x08
"""What the terminal can, byte 3 of tag 9F33."""

CONFIGURATION: Final = """<?xml version='1.0' encoding='UTF-8'?>
<emv>
  <data>
    <tlv id='9F01'>000123456789</tlv>
    <tlv id='9F15'>5999</tlv>
    <tlv id='9F16'>"0987654321     "</tlv>
    <tlv id='9F1A'>0156</tlv>
    <tlv id='9F1B'>00002710</tlv>
    <tlv id='9F1C'>"TID12345"</tlv>
    <tlv id='9F1E'>"12345678"</tlv>
    <tlv id='9F4E'>"TEST"</tlv>
    <tlv id='9F33'>20F8{abilities:02X}</tlv>
    <tlv id='9F35'>22</tlv>
    <tlv id='9F40'>FA00F0A3FF</tlv>
    <tlv id='9F49'>9F3704</tlv>
  </data>
  <app aid='A000000333' match='partial'><data><tlv id='9F09'>0030</tlv></data></app>
  <capk rid='{rid}' index='{index}' hash_id='01'>
    <modulus>{modulus}</modulus><exponent>{exponent}</exponent><hash>{check}</hash>
  </capk>
</emv>
"""


def configuration(folder: Path, abilities: int) -> Path:
    """A terminal with our certification authority in it."""
    top = authority(load_roots(DEMO / "roots.toml"), 0xF1)
    text = CONFIGURATION.format(
        abilities=abilities,
        rid=top.rid.hex(),
        index=f"{top.index:02X}",
        modulus=top.public.modulus.hex(),
        exponent=top.public.exponent_bytes.hex(),
        check=top.check_value.hex(),
    )
    path = folder / "terminal.xml"
    path.write_text(text)
    return path


def issued(more: str = "") -> CardContents:
    """A bank card; ``more`` are data objects over those of its profile."""
    made = issue(
        load_profile("pboc"),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region="519900", serial="000001AC", pin="739154", seed="tests"),
    )
    path = next(path for path in made.contents if path.endswith("/3F02/0001"))
    held = made.contents[path]
    assert isinstance(held, bytes)
    return replace(made, contents={**made.contents, path: held + bytes.fromhex(more)})


def command(terminal: Path) -> list[str]:
    """A purchase of 10.00 on a day on which the card is valid."""
    purchase = ["--txn-amount", "1000", "--txn-date", "2026-06-15", "--config-no-static-capk-data"]
    return [str(TOOL), "--config-xml", str(terminal), *purchase]


def _sscard(*arguments: str) -> "subprocess.CompletedProcess[str]":
    line = [sys.executable, "-m", "emulator.cli", *arguments]
    return child.run(line, check=True)


if TOOL:

    @pytest.mark.parametrize(
        ("abilities", "more", "succeeded"),
        [
            (SDA, "", "Static Data Authentication (SDA) succeeded"),
            (SDA | DDA, "", "Dynamic Data Authentication (DDA) succeeded"),
            # It asks for a signed refusal, which only a card with the object CA gives.
            (SDA | DDA | CDA, "CA0101", "Combined DDA/Application Cryptogram Generation (CDA) succeeded"),
        ],
        ids=["SDA", "DDA", "CDA"],
    )
    def test_it_authenticates_the_card_and_gets_a_cryptogram(
        stack: PcscStack, tmp_path: Path, abilities: int, more: str, succeeded: str
    ) -> None:
        made = issued(more)
        card = Card(Image(made, MemoryStore(dict(write_cells(made)))))
        done = stack.run(command(configuration(tmp_path, abilities)), cards=[card])
        assert card.bug is None
        assert succeeded in done.stdout, done.stdout
        assert "Card deactivated" in done.stdout
        assert "OUTCOME" not in done.stdout
        results = done.stdout.split("Terminal Verification Results (TVR)")[-1].splitlines()[0]
        # New card; and of SDA that it was the one chosen.
        assert results == f" : [5] {'02' if abilities == SDA else '00'} 08 00 00 00"
        assert "Application Cryptogram (AC) type: Application Authentication Cryptogram (AAC)" in done.stdout
        counter = next(held for path, held in card.image.contents.items() if path.endswith("/3F02/0001"))
        assert bytes.fromhex("9F36020001") in counter

    def test_it_meets_the_card_that_the_command_line_made(tmp_path: Path) -> None:
        image, terminal = tmp_path / "pboc.sscard", configuration(tmp_path, SDA | DDA)
        _sscard("issue", "--profile", "pboc", str(image))
        done = _sscard("exec", "--card", str(image), "--", *command(terminal))
        assert "Dynamic Data Authentication (DDA) succeeded" in done.stdout, done.stdout + done.stderr
        assert "Card deactivated" in done.stdout
