"""The pages stay true: their tables name everything there is, their links lead somewhere, their examples run.

`tests.kit.book` says how a block of a page is marked, and runs it.
"""

import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import click
import msgspec
import pytest

import sscard
from cardfs.model.settings import Settings
from cardfs.profile.loader import load_profile, shipped_profiles
from emulator.card.table import Row
from emulator.cli import main
from emulator.commands.financial.debit.rows import DEBIT_ROWS
from emulator.commands.financial.purse.rows import PURSE_ROWS
from emulator.commands.fmcos import create as fmcos
from emulator.commands.medical.rows import TRADE_ROWS
from emulator.commands.personalise import t514
from emulator.commands.psam.rows import PSAM_ROWS
from emulator.commands.sets import SETS
from emulator.commands.social.rows import ROWS, SECURED_READING_ROWS
from emulator.control.operations import OPERATIONS, OTHER_EVENTS, SIGNALS
from emulator.rig import scenario
from emulator.status import MEANINGS, STATUS_WORDS, error_name
from emulator.trace.event import Event
from tests.kit import catalogue_page, picture
from tests.kit.book import (
    KINDS,
    PAGES,
    Block,
    Story,
    anchors,
    assert_shown,
    blocks,
    commands_of,
    is_chinese,
    links,
    original,
    prose,
    sessions,
    text_of,
)
from tests.kit.places import ROOT
from tests.kit.tables import HEADS, Language, forms, operations, streams, tables, wishes

BOOK: Final = "\n".join(text_of(page) for page in PAGES if not is_chinese(page))
COMMON: Final = frozenset((0x6700, 0x6A81, 0x6A86, 0x6E00, 0x9303))
FAMILIES: Final = {0x63C0: "63Cx", 0x6100: "61xx", 0x6C00: "6Cxx"}
RUN: Final = [
    page
    for page in PAGES
    if not is_chinese(page) and any(block.marker[:1] == ("run",) for block in blocks(text_of(page)))
]
"""Pages with sessions. The Chinese ones have the same blocks, outputs too, as a test says; so they run once."""


def section(title: str) -> str:
    """What stands below a heading, up to the next one."""
    match = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#+ |\Z)", BOOK, re.MULTILINE | re.DOTALL)
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
    table = {row[0].strip("`"): (row[1], row[2].strip("`")) for row in rows("Settings of a card")}
    assert table.keys() == settings().keys()
    for name, (kind, default) in settings().items():
        values, written = table[name]
        assert values == values_text(kind), name
        if isinstance(default, str):  # long ones are shortened: a column would be as wide as they are
            begin, shortened, end = written.strip('"').partition("…")
            assert default.startswith(begin), name
            assert default.endswith(end) if shortened else default == begin, name
        else:
            assert {"true": True, "false": False}.get(written, written) in (
                default,
                str(default),
                f"0x{default:02X}",
            ), name


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
    table = {row[0].strip("`"): row[1] for row in rows("Shipped profiles") if row[0].startswith("`")}
    assert table == {name: load_profile(name).suite for name in shipped_profiles()}


def test_every_file_of_the_main_profile_stands_in_its_table_with_its_rules() -> None:
    table = {row[0]: row[1:] for row in rows("Shipped profiles") if "/EF" in row[0]}
    files = load_profile("ssc-2.0").files.values()
    assert table == {
        plan.id: [plan.zh, str(plan.ef.structure), plan.ef.read.text, plan.ef.update.text] for plan in files
    }


@pytest.mark.parametrize(
    ("page", "language"), [("docs/reference/faults.md", "en"), ("docs/zh/reference/faults.md", "zh")]
)
@pytest.mark.parametrize("name", HEADS)
def test_the_tables_of_faults_and_timings_are_those_of_the_code(page: str, language: Language, name: str) -> None:
    assert f"\n\n{tables(language)[name]}\n\n" in text_of(page)


@pytest.mark.parametrize(("page", "language"), [("docs/how-to/pytest.md", "en"), ("docs/zh/how-to/pytest.md", "zh")])
def test_the_table_of_the_marker_is_that_of_the_code(page: str, language: Language) -> None:
    assert f"\n\n{wishes(language)}\n\n" in text_of(page)


@pytest.mark.parametrize("language", catalogue_page.PAGES)
def test_the_page_of_the_catalogue_is_that_of_the_data(language: Language) -> None:
    """If it fails: python -m tests.kit.catalogue_page."""
    text = catalogue_page.PAGES[language].read_text(encoding="utf-8")
    assert text == catalogue_page.filled(text, language)


@pytest.mark.parametrize(
    ("page", "language"), [("docs/reference/control.md", "en"), ("docs/zh/reference/control.md", "zh")]
)
def test_the_tables_of_control_are_those_of_the_code(page: str, language: Language) -> None:
    text = text_of(page)
    assert f"\n\n{operations(language)}\n\n" in text
    assert f"\n\n{streams(language)}\n\n" in text
    for signal in SIGNALS.values():
        assert f"| `{signal}` | " in text
    comma = {"en": ", ", "zh": "、"}[language]
    assert comma.join(f"`{kind}`" for kind in OTHER_EVENTS) in text
    fields = {field.name for each in OPERATIONS.values() for field in each.body}
    written = dict(re.findall(r"^\| `(\w+)` \| `[^|]*` \| (?:string|object) \| (.*) \|$", text, re.MULTILINE))
    assert written.keys() == fields
    for field in (field for each in OPERATIONS.values() for field in each.body):
        values = set(re.findall("`([^/`]+)`", field.text)) - {
            "none",
            "contact-9600",
        }  # these two stand in a table of their own
        assert values <= set(re.findall("`([^`]+)`", written[field.name])), "it takes what the page says"


@pytest.mark.parametrize(("page", "language"), [("docs/how-to/traces.md", "en"), ("docs/zh/how-to/traces.md", "zh")])
def test_the_table_of_forms_is_that_of_the_code(page: str, language: Language) -> None:
    assert f"\n\n{forms(language)}\n\n" in text_of(page)


def test_every_option_on_faults_stands_in_its_table() -> None:
    assert isinstance(main, click.Group)
    table = {row[0].strip("`").split()[0] for row in rows("On the command line")}
    for command in ("exec", "insert", "apdu", "rig"):
        options = {name for each in main.commands[command].params for name in each.opts}
        assert table <= options
    assert table == {"--fault", "--timing", "--scenario", "--seed"}


def test_the_keys_of_a_scenario_stand_in_their_table() -> None:
    assert tuple(row[0].strip("`[]") for row in rows("A scenario file")) == scenario.KEYS


def test_every_subcommand_stands_in_its_table() -> None:
    assert isinstance(main, click.Group)
    table = {row[0].strip("`").split()[1] for row in rows("Command line")}
    assert table == set(main.commands)


def test_every_name_of_the_face_stands_in_its_table_with_its_first_line() -> None:
    text = text_of("docs/reference/python.md")
    table = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert table.pop("__version__")
    assert table == {
        name: str(getattr(sscard, name).__doc__).partition("\n")[0] for name in sscard.__all__ if name != "__version__"
    }


def test_every_option_of_issue_stands_in_its_page() -> None:
    assert isinstance(main, click.Group)
    options = {name for each in main.commands["issue"].params for name in each.opts if name.startswith("--")}
    page = text_of("docs/how-to/own-card-type.md")
    assert {name for name in options if name not in page} == set()


def test_every_field_of_the_trace_stands_in_its_table() -> None:
    named = {name for row in rows("The trace") for name in re.findall(r"`(\w+)`", row[0])}
    assert named == set(Event.__dataclass_fields__) - {"plain"}, "which is written nowhere"


@pytest.mark.parametrize("coding", [t514, fmcos], ids=["t514", "fmcos"])
def test_the_layouts_of_the_personalisation_commands_are_those_of_the_code(coding: ModuleType) -> None:
    layouts = [line.strip() for line in (coding.__doc__ or "").splitlines() if line.startswith("    ")]
    book = [line.strip() for line in BOOK.splitlines()]
    assert len(layouts) > 5
    assert [line for line in layouts if line not in book] == []


# -- pages -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_link_leads_to_a_file_and_a_heading(page: str) -> None:
    text = text_of(page)
    for file, anchor in links(text):
        target = (ROOT / page).parent.joinpath(file) if file else ROOT / page
        assert target.exists(), f"{page}: {file}"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{page}: {file}#{anchor}"


@pytest.mark.parametrize("start", ["README.md", "docs/index.md"])
def test_every_page_is_reached_from_the_start(start: str) -> None:
    reached, left = set(), [start]
    while left:
        page = left.pop()
        if page in reached or page not in PAGES:
            continue
        reached.add(page)
        targets = [(ROOT / page).parent.joinpath(file).resolve() for file, _ in links(text_of(page)) if file]
        left += [each.relative_to(ROOT).as_posix() for each in targets if each.is_relative_to(ROOT)]
    assert reached == set(PAGES)


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 200


# -- languages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", [page for page in PAGES if not is_chinese(page)])
def test_a_page_in_two_languages_has_the_same_commands_in_both(page: str) -> None:
    for other in [each for each in PAGES if is_chinese(each) and original(each) == page]:
        assert commands_of(text_of(other)) == commands_of(text_of(page)), other


def test_every_chinese_page_has_an_english_one() -> None:
    assert [page for page in PAGES if is_chinese(page) and original(page) not in PAGES] == []
    assert original("README.zh-CN.md") == "README.md"
    assert original("docs/zh/how-to/blank-card.md") == "docs/how-to/blank-card.md"


@pytest.mark.parametrize("page", [page for page in PAGES if is_chinese(page)])
def test_a_chinese_line_breaks_where_a_space_stands(page: str) -> None:
    """A page shows the end of a line as a space, and between Chinese characters there is none."""
    for line, following in pairwise(prose(text_of(page)).splitlines()):
        paragraph = following and not re.match(r"\s*([*#|<!]|\d+\.)", following)
        if line and paragraph and not line.startswith(("#", "|", "<")):
            assert line[-1].isascii() or following.lstrip()[0].isascii(), f"{line[-20:]}⏎{following[:20]}"
            assert not {line[-1], following.lstrip()[0]} & set("，。；：、？！（）《》"), (
                f"{line[-20:]}⏎{following[:20]}"
            )


def test_what_two_languages_have_in_common_is_all_but_text_and_comments() -> None:
    english = "Text.\n\n<!-- test: run -->\n```console\n$ sscard show my.sscard  # look\n# all of it\nMF\n```\n"
    chinese = "文字。\n\n<!-- test: run -->\n```console\n$ sscard show my.sscard # 查看\nMF\n```\n"
    assert commands_of(english) == commands_of(chinese)
    for changed in (
        chinese.replace("my.", "your."),
        chinese.replace("run", "run fails"),
        chinese.replace("MF", "DF01"),
    ):
        assert commands_of(english) != commands_of(changed)


# -- examples ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES)
def test_every_block_says_how_it_is_proven(page: str) -> None:
    found = blocks(text_of(page))
    assert text_of(page).count("\n```") == 2 * len(found), "a block that is not seen"
    assert [str(block) for block in found if not block.marker or block.marker[0] not in KINDS] == []
    assert [str(block) for block in found if block.marker[0] == "layout" and "$ " in block.text] == []
    for block in found:
        assert block.language != "mermaid" or ";" not in block.text, f"{block}: a semicolon ends a line of a diagram"
        if block.marker[0] in ("elsewhere", "excerpt"):
            assert (ROOT / block.marker[1]).is_file(), block
        if block.marker[0] == "excerpt":
            there = [line.strip() for line in (ROOT / block.marker[1]).read_text(encoding="utf-8").splitlines()]
            wanted = [line.partition(" #")[0].strip() for line in block.text.splitlines() if line.strip(" …")]
            assert [line for line in wanted if line not in there] == [], block


@pytest.mark.pcsc
@pytest.mark.parametrize("page", RUN)
def test_the_examples_of_a_page_print_what_is_shown(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    story = Story(tmp_path)
    for block in blocks(text_of(page)):
        if block.marker[0] in ("file", "run"):
            story.play(block)
    if story.lacking:
        pytest.skip(f"all but what needs {', '.join(sorted(story.lacking))}, which this machine lacks")


def test_what_a_machine_lacks_is_left_out_and_what_the_page_should_have_made_is_not(tmp_path: Path) -> None:
    story = Story(tmp_path)

    def play(*commands: str) -> None:
        story.play(Block("page", 1, ("run",), "console", "".join(f"$ {each}\n" for each in commands)))

    (tmp_path / "made").mkdir()
    play("true -cp made:.")
    for never_made in ("./made/program", "false -cp classes:."):
        with pytest.raises(AssertionError, match="status"):
            play(never_made)
    assert story.lacking == set()
    play("no-such-compiler x.java", f"false -cp classes:{tmp_path}/no.jar", "./made/program")
    assert story.lacking == {"no-such-compiler", "classes", f"{tmp_path}/no.jar", "./made/program"}


def test_what_a_page_shows_must_be_printed_and_nothing_else() -> None:
    assert_shown("a  1\n…\nd\n10:00:00.000 took …\n", "a 1\nb\nc\nd\n23:59:59.999 took 3 s\n")
    for shown in ("a\nc\n", "a\n", "b\n", "a\nb\nc\n", ""):
        with pytest.raises(AssertionError):
            assert_shown(shown, "a\nb\n")
    assert sessions("$ a \\\n  b\nx\ny\n$ c\n") == [("a \\\n  b", "x\ny\n"), ("c", "")]


def test_the_picture_shows_what_is_printed() -> None:
    assert picture.shown(picture.picture()) == picture.shown(picture.PICTURE.read_text(encoding="utf-8"))
