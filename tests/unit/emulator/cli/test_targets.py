"""What a command writes: no option writes over a card image or over another file, unless --force says so."""

import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from cardfs.memory.image import Image
from emulator.cli import main
from emulator.cli.errors import UsageFault
from emulator.cli.targets import Target, require_trace
from tests.kit import child
from tests.kit.card import contents
from tests.kit.cli import SSCARD, process, refused, sscard

WRITES = {("issue", "image"), ("issue", "ca_out"), ("blank", "image"), ("demo", "image")}
WRITES |= {(command, "trace") for command in ("apdu", "insert", "exec", "demo", "rig", "spy")}
WRITES |= {("trace convert", "out")}
READS = {"record", "image", "script", "holder", "roots", "scenario", "settings", "cards", "psams", "trace"}
WRITES |= {("report", "out"), ("report", "junit"), ("report", "json_file")}  # in `report/test_page.py`
WRITES |= {("check", "json_file"), ("check", "junit_file")}  # in `test_checking.py`
SOCKETS = {"path"}
DEBIT = ("--profile", "pboc", "--ca-out")


def files_of(group: click.Group, name: str = "") -> Iterator[tuple[str, click.Parameter]]:
    """Every option and argument that names a file, with its command."""
    for each, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from files_of(command, f"{name}{each} ")
        else:
            for parameter in command.params:
                if isinstance(parameter.type, click.Path | click.File):
                    yield f"{name}{each}", parameter


def test_every_file_that_a_command_writes_is_known_here() -> None:
    """A new one needs `Target`, a place in `WRITES` and a test."""
    found = {(command, parameter.name): parameter.type for command, parameter in files_of(main)}
    assert {at for at, kind in found.items() if isinstance(kind, Target)} == WRITES
    assert {name for (_, name), kind in found.items() if not isinstance(kind, Target)} <= READS | SOCKETS


@pytest.fixture
def card(tmp_path: Path) -> Path:
    """A card that nothing may change."""
    path = tmp_path / "c.sscard"
    Image.create(path, contents())
    return path


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    """A file of somebody's own."""
    path = tmp_path / "notes.json"
    path.write_text('{"mine": true}\n')
    return path


@pytest.mark.parametrize("command", ["apdu", "insert", "exec", "demo"])
@pytest.mark.parametrize("kind", ["itself", "another card", "notes"])
def test_a_trace_is_appended_to_a_trace_only(command: str, kind: str, card: Path, notes: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.sscard"
    Image.create(other, contents())
    target = {"itself": card, "another card": other, "notes": notes}[kind]
    before = target.read_bytes()
    words = ["exec", "--card", card, "--trace", target, "--", "true"]
    sentence = refused(process(*(words if command == "exec" else [command, card, "--trace", target])))
    if kind == "notes":
        assert sentence == f"{target}: this file is not a trace, and --trace appends only to one; name another file"
    else:
        assert sentence == f"{target}: a card image, to which --trace never writes; name another file"
    assert target.read_bytes() == before


@pytest.mark.parametrize("line", [b"{", b'{"a":' * 10_000, b"1" * 10_000, b"\xff", b"null"])
def test_what_is_appended_to_begins_as_a_trace_does(line: bytes, tmp_path: Path) -> None:
    target = tmp_path / "notes.json"
    target.write_bytes(line + b"\n")
    with pytest.raises(UsageFault, match="this file is not a trace, and --trace appends only to one"):
        require_trace(target)


def test_a_trace_goes_on_in_an_empty_file_and_in_its_own(card: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    trace.touch()
    for commands in (1, 2):
        assert sscard("apdu", card, "--trace", trace, stdin="0084000008").exit_code == 0
        lines = trace.read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["name"] for line in lines] == ["GET CHALLENGE"] * commands


@pytest.mark.parametrize("force", [(), ("--force",)])
def test_an_authority_replaces_no_card(force: tuple[str, ...], card: Path, tmp_path: Path) -> None:
    before = card.read_bytes()
    new = tmp_path / "new.sscard"
    sentence = "a card image, which --ca-out never replaces; name another file"
    assert refused(sscard("issue", new, *DEBIT, card, *force)) == f"{card}: {sentence}"
    assert card.read_bytes() == before
    sentence = "the card itself, which --ca-out never replaces; name another file"
    assert refused(sscard("issue", new, *DEBIT, new, *force)) == f"{new}: {sentence}"
    link = tmp_path / "link"
    link.symlink_to(new)
    assert refused(sscard("issue", new, *DEBIT, link, *force)) == f"{link}: {sentence}"
    assert not new.exists()


def test_an_authority_replaces_a_file_with_force_only(notes: Path, tmp_path: Path) -> None:
    before = notes.read_bytes()
    new = tmp_path / "new.sscard"
    sentence = f"{notes}: the file exists already; --force replaces it"
    assert refused(sscard("issue", new, *DEBIT, notes)) == sentence
    assert (notes.read_bytes(), new.exists()) == (before, False)
    assert sscard("issue", new, *DEBIT, notes, "--force").exit_code == 0
    assert set(json.loads(notes.read_text())) == {"rid", "index", "modulus", "exponent", "hash"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new.sscard", "notes.json"]


def test_an_authority_without_a_folder_is_refused_before_the_card_is_made(tmp_path: Path) -> None:
    new, out = tmp_path / "new.sscard", tmp_path / "nope" / "ca.json"
    assert refused(sscard("issue", new, *DEBIT, out)) == f"{out}: there is no folder {out.parent}; make it first"
    assert not new.exists()


@pytest.mark.parametrize("command", ["issue", "blank"])
@pytest.mark.parametrize("force", [(), ("--force",)])
def test_a_new_card_replaces_a_card_with_force_and_nothing_else(
    command: str, force: tuple[str, ...], card: Path, notes: Path
) -> None:
    before = card.read_bytes()
    result = sscard(command, card, *force)
    assert (result.exit_code == 0) == (card.read_bytes() != before) == bool(force)
    assert refused(sscard(command, notes, *force)).startswith(f"{notes}: ")
    assert notes.read_text() == '{"mine": true}\n'


def test_a_demo_replaces_nothing(notes: Path) -> None:
    done = child.run([*SSCARD, "demo", notes, "--once"])
    assert done.returncode == 2
    assert notes.read_text() == '{"mine": true}\n'
