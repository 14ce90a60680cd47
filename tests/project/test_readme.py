"""The README and its two reference pages stay true: its tables name everything there is, and its marked examples run.

An example is marked by a comment on the line before its block: ``<!-- test: file NAME -->`` writes it,
``shell`` runs its ``sscard`` lines, ``scriptor`` and ``python NAME`` send to a card in this process, and
``output NAME`` is what the Python example prints. ``sqlite`` asks the image of that card. A line ``…``
stands for lines left out.
"""

import contextlib
import io
import re
import shlex
import sqlite3
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import click
import msgspec
import pytest
from click.testing import CliRunner

from cardfs.memory.image import Image
from cardfs.model.settings import Settings
from cardfs.profile.loader import load_profile, shipped_profiles
from emulator.card.table import Row
from emulator.cards import Card
from emulator.cli import main
from emulator.commands.financial.debit.rows import DEBIT_ROWS
from emulator.commands.financial.purse.rows import PURSE_ROWS
from emulator.commands.fmcos import create as fmcos
from emulator.commands.medical.rows import TRADE_ROWS
from emulator.commands.personalise import t514
from emulator.commands.psam.rows import PSAM_ROWS
from emulator.commands.sets import SETS
from emulator.commands.social.rows import ROWS, SECURED_READING_ROWS
from emulator.status import MEANINGS, STATUS_WORDS, error_name
from emulator.trace.event import Event
from tests.kit.places import ROOT

PAGES: Final = ("README.md", "emulator/README.md", "cardfs/README.md")
README: Final = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
COMMON: Final = frozenset((0x6700, 0x6A81, 0x6A86, 0x6E00, 0x9303))
ENTRIES: Final[list[tuple[str, str, str]]] = re.findall(
    r"^<!-- test: (\w+) ?(\S*) -->\n```\w+\n(.*?)^```$", README, re.MULTILINE | re.DOTALL
)
FAMILIES: Final = {0x63C0: "63Cx", 0x6100: "61xx", 0x6C00: "6Cxx"}


def section(title: str) -> str:
    """What stands below a heading, up to the next one."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", README, re.MULTILINE | re.DOTALL)
    assert match, f"no section {title!r}"
    return match[1]


def rows(title: str) -> list[list[str]]:
    """The rows of the table in a section, without its head."""
    lines = [line for line in section(title).splitlines() if line.startswith("|")]
    cells = [re.split(r"(?<!\\)\|", line.strip().strip("|")) for line in lines]
    return [[cell.strip().replace("\\|", "|") for cell in row] for row in cells][2:]


def word_text(word: int) -> str:
    return FAMILIES.get(word, f"{word:04X}")


# -- tables ------------------------------------------------------------------------------------------


def settings() -> dict[str, tuple[object, object]]:
    """Type and default of every named setting, by dotted name."""
    found: dict[str, tuple[object, object]] = {}
    for name, kind in get_type_hints(Settings, include_extras=True).items():
        default = getattr(Settings(), name)
        if isinstance(default, msgspec.Struct):
            hints = get_type_hints(type(default), include_extras=True)
            found |= {f"{name}.{each}": (hint, getattr(default, each)) for each, hint in hints.items()}
        elif name != "status":  # the words, which have a table of their own
            found[name] = (kind, default)
    return found


def values_text(kind: Any) -> str:
    if get_origin(kind) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(kind))
    if kind is bool:
        return "`true`, `false`"
    info = msgspec.inspect.type_info(kind)
    if isinstance(info, msgspec.inspect.StrType):
        return "32 hex digits"
    assert isinstance(info, msgspec.inspect.IntType)
    return f"{info.ge} to {info.le}"


def test_every_setting_stands_in_its_table_with_values_and_default() -> None:
    table = {row[0].strip("`"): (row[1], row[2].strip("`")) for row in rows("Settings")}
    assert table.keys() == settings().keys()
    for name, (kind, default) in settings().items():
        values, written = table[name]
        assert values == values_text(kind), name
        shown = int(written, 0) if written[0].isdigit() else {"true": True, "false": False}.get(written, written[1:-1])
        assert shown == default, name


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("Commands of the card", ROWS),
        ("Reading secured files", SECURED_READING_ROWS),
        ("Trade commands", TRADE_ROWS),
        ("Commands of passbook and purse", PURSE_ROWS),
        ("Commands of debit/credit", DEBIT_ROWS),
        ("Commands of the PSAM", PSAM_ROWS),
        ("Personalisation commands", SETS.codings["t514"]),
    ],
)
def test_every_command_of_the_card_stands_in_its_table_with_its_words(title: str, expected: tuple[Row, ...]) -> None:
    assert [[*row[:4], set(row[4].split())] for row in rows(title)] == [
        [
            row.name,
            row.zh,
            f"{row.cla:02X} {row.ins:02X}",
            row.clause,
            {word_text(word) for word in {*row.status_words} - COMMON},
        ]
        for row in expected
    ]
    assert all(set(row.status_words) >= COMMON for row in expected)


def test_every_status_word_stands_in_its_table_with_its_refusals() -> None:
    table = {row[0]: (row[1], row[2], set(re.findall(r"`(\w+)`", row[3]))) for row in rows("Status words")}
    expected = {
        word_text(word): (
            meaning.text.format("x" if word == 0x63C0 else "xx"),
            meaning.clause,
            {error_name(error) for error, its in STATUS_WORDS.items() if its == word},
        )
        for word, meaning in MEANINGS.items()
    }
    assert table == expected


def test_every_profile_stands_in_its_table_with_its_cipher() -> None:
    table = {row[0].strip("`"): row[1] for row in rows("Profiles") if row[0].startswith("`")}
    assert table == {name: load_profile(name).suite for name in shipped_profiles()}


def test_every_file_of_the_main_profile_stands_in_its_table_with_its_rules() -> None:
    table = {row[0]: row[1:] for row in rows("Profiles") if "/EF" in row[0]}
    files = load_profile("ssc-2.0").files.values()
    assert table == {
        plan.id: [plan.zh, str(plan.ef.structure), plan.ef.read.text, plan.ef.update.text] for plan in files
    }


def test_every_subcommand_stands_in_its_table() -> None:
    assert isinstance(main, click.Group)
    table = {row[0].strip("`").split()[1] for row in rows("Command line")}
    assert table == set(main.commands)


def test_every_option_of_issue_stands_in_the_readme() -> None:
    assert isinstance(main, click.Group)
    options = {name for each in main.commands["issue"].params for name in each.opts if name.startswith("--")}
    assert {name for name in options if name not in section_tree("Make your own card")} == set()


def section_tree(title: str) -> str:
    """A section with those below it."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_every_field_of_the_trace_stands_in_its_table() -> None:
    named = {name for row in rows("The trace") for name in re.findall(r"`(\w+)`", row[0])}
    assert named == set(Event.__dataclass_fields__)


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_is_linked_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    links = [each for each in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text) if "://" not in each]
    assert links
    assert [each for each in links if not (ROOT / page).parent.joinpath(each).exists()] == []


@pytest.mark.parametrize("page", PAGES)
def test_every_heading_that_is_linked_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for file, anchor in re.findall(r"\]\(([^)#:]*)#([^)]*)\)", text):
        target = (ROOT / page).parent.joinpath(file) if file else ROOT / page
        titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.MULTILINE)
        assert anchor in {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


# -- examples ----------------------------------------------------------------------------------------


def plain(text: str) -> list[str]:
    """Lines without what may differ: times of day, durations, how wide a column is."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "TIME", text)
    text = re.sub(r"\d+\.\d\d ms", "MS", text)
    return [re.sub(r"(?<=\S) +", " ", line).rstrip() for line in text.splitlines()]


def assert_shown(shown: str, output: str) -> None:
    """Assert that an output is the one shown; each ``…`` may stand for any lines."""
    there = plain(output)
    gap = False
    for line in plain(shown):
        if line.strip("│ ") == "…":
            gap = True
            continue
        assert line in there if gap else there[:1] == [line], f"not printed: {line}"
        there = there[there.index(line) + 1 :]
        gap = False
    assert gap or not there, f"printed but not shown: {there}"


def example(kind: str, name: str = "") -> str:
    return {(its_kind, its_name): text for its_kind, its_name, text in ENTRIES}[kind, name]


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A current directory with every file that the README shows."""
    for kind, name, text in ENTRIES:
        if kind == "file":
            (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def commands(block: str) -> list[tuple[list[str], str]]:
    """The ``$ sscard`` lines of a block as arguments, each with the output shown below it."""
    parts = re.split(r"^\$ sscard (.*)\n", block, flags=re.MULTILINE)[1:]
    return [(shlex.split(line), shown) for line, shown in zip(parts[::2], parts[1::2], strict=True)]


@pytest.mark.usefixtures("folder")
def test_the_shell_examples_print_what_is_shown() -> None:
    blocks = [text for kind, _, text in ENTRIES if kind == "shell"]
    ran = 0
    for block in blocks:
        for arguments, shown in commands(block):
            result = CliRunner().invoke(main, arguments)
            assert result.exit_code == (2 if shown.startswith("sscard: ") else 0), result.output
            assert_shown(shown, result.output)
            ran += 1
    assert ran >= 6


def new_card(folder: Path) -> Card:
    """The card that the README's first example makes."""
    arguments, _ = commands(next(text for kind, _, text in ENTRIES if kind == "shell"))[0]
    assert CliRunner().invoke(main, arguments).exit_code == 0
    return Card(Image.open(folder / arguments[1]))


def test_the_scriptor_example_shows_what_the_card_answers(folder: Path) -> None:
    card = new_card(folder)
    sent = [line for line in example("file", "first.txt").splitlines() if line]
    shown = example("scriptor")
    assert re.findall(r"^> (.*)$", shown, re.MULTILINE) == sent
    answers = re.findall(r"^< ((?:[0-9A-F]{2}\s+)+): ", shown, re.MULTILINE)
    assert [bytes.fromhex(each) for each in answers] == [card.transmit(bytes.fromhex(each)) for each in sent]
    card.close()


class _Reader:
    """A reader of pyscard, as far as the example needs one."""

    def __init__(self, card: Card) -> None:
        self._card = card

    def createConnection(self) -> "_Reader":  # noqa: N802 - pyscard's name
        return self

    def connect(self) -> None:
        self._card.power_on()

    def transmit(self, command: list[int]) -> tuple[list[int], int, int]:
        answer = self._card.transmit(bytes(command))
        return list(answer[:-2]), answer[-2], answer[-1]


def test_the_python_example_prints_what_is_shown(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    card = new_card(folder)
    monkeypatch.setattr("smartcard.System.readers", lambda: [_Reader(card)])
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(example("python", "pin.py"), "README.md", "exec"), {})  # noqa: S102 - it is ours
    assert_shown(example("output", "pin.py").partition("\n")[2], printed.getvalue())
    card.close()


def test_the_sqlite_example_shows_what_the_image_holds(folder: Path) -> None:
    new_card(folder).close()
    parts = re.split(r'^\$ sqlite3 (\S+) "(.*)"\n', example("sqlite"), flags=re.MULTILINE)[1:]
    assert parts
    for name, question, shown in zip(parts[::3], parts[1::3], parts[2::3], strict=True):
        with contextlib.closing(sqlite3.connect(folder / name)) as image:
            answer = "".join("|".join(map(str, row)) + "\n" for row in image.execute(question))
        assert shown == answer


@pytest.mark.parametrize("coding", [t514, fmcos], ids=["t514", "fmcos"])
def test_the_layouts_of_the_personalisation_commands_are_those_of_the_code(coding: ModuleType) -> None:
    layouts = [line.strip() for line in (coding.__doc__ or "").splitlines() if line.startswith("    ")]
    readme = [line.strip() for line in README.splitlines()]
    assert len(layouts) > 5
    assert [line for line in layouts if line not in readme] == []
