"""The pages of the project: which there are, the blocks in them, and how their examples are run.

Every block of a page has a marker on the line before it, which says how it is proven:

``<!-- test: file NAME -->``
    The block is a file. It is written into the folder of the page.
``<!-- test: run -->``
    A session: each ``$`` line is run in that folder, in the order of the page, and prints what stands below it.
    After ``sscard exec … -- bash`` the lines of the block run inside. ``run fails``: each command ends with
    a status other than 0.
``<!-- test: excerpt FILE -->``
    Lines of a file of the project, in their order.
``<!-- test: elsewhere FILE -->``
    It is run by that test or script.
``<!-- test: layout -->``
    Checked by a test of its own; a diagram or a table of bytes.

In what is shown ``…`` stands for anything on a line, and alone on a line for any lines. Times of day and
durations may differ, and so may the widths of columns. Of a session that needs a program which the machine
lacks, the rest is run; a file on a class path (``-cp``) is a program, too.
"""

import contextlib
import os
import re
import shlex
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Final

from click.testing import CliRunner

from emulator.cli import main

from . import child
from .places import ROOT

PAGES: Final = tuple(
    path.relative_to(ROOT).as_posix()
    for path in (*sorted(ROOT.glob("README*.md")), ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md")))
)
KINDS: Final = ("file", "run", "excerpt", "elsewhere", "layout")
_BLOCK: Final = re.compile(r"^(?:<!-- test: (.*?) -->\n)?```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_READERS: Final = ("exec", "rig", "insert", "demo", "doctor", "read", "terminal", "personalise", "spy")
"""Commands of `sscard` that want a reader, so they run in a process of their own."""
_LIMIT: Final = 120.0
_JAVA_NOISE: Final = re.compile(r"^\[[\d.]+s\]\[warning\]\[perf,memops\].*\n", re.MULTILINE)
"""Printed by a JVM while one in another stack has the same number of a process, which names a file in /tmp."""


@dataclass(frozen=True, slots=True)
class Block:
    """A block of a page: the words of its marker (none if it has no marker), its language, its text and line."""

    page: str
    line: int
    marker: tuple[str, ...]
    language: str
    text: str

    def __str__(self) -> str:
        """Name page and line."""
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    """Return the text of a page."""
    return (ROOT / page).read_text(encoding="utf-8")


def blocks(text: str, page: str = "") -> list[Block]:
    """Return the blocks of a page in their order."""
    return [
        Block(page, text.count("\n", 0, match.start()) + 1, tuple((match[1] or "").split()), match[2], match[3])
        for match in _BLOCK.finditer(text)
    ]


def prose(text: str) -> str:
    """Return a page without its blocks: what looks like a heading or a link there is none."""
    return _BLOCK.sub("", text)


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    titles = re.findall(r"^#+ (.*)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title).strip().lower().replace(" ", "-") for title in titles}


def links(text: str) -> list[tuple[str, str]]:
    """Return the links of a page that lead into the project, as file (empty: this page) and anchor."""
    found = re.findall(r"\]\(([^)\s]+)\)|(?:href|src)=\"([^\"]+)\"", prose(text))
    parts = ["".join(each).partition("#") for each in found if "://" not in "".join(each)]
    return [(file, anchor) for file, _, anchor in parts]


# -- languages -----------------------------------------------------------------------------------------


def original(page: str) -> str:
    """Return the English page of a Chinese one: README.zh-CN.md has README.md, docs/zh/x.md has docs/x.md."""
    return page.replace(".zh-CN.md", ".md").replace("docs/zh/", "docs/")


def is_chinese(page: str) -> bool:
    """Return whether a page is one of the Chinese ones."""
    return original(page) != page


def commands_of(text: str) -> list[tuple[tuple[str, ...], str, str]]:
    """Return what both languages of a page must have in common: its blocks, without the comments in them."""
    return [(block.marker, block.language, _uncommented(block.text)) for block in blocks(text)]


def _uncommented(text: str) -> str:
    """Return commands and output without comments and empty lines."""
    lines = [re.sub(r"(^|\s+)(#|//|/\*)\s.*$", "", line) for line in text.splitlines()]
    return "\n".join(line for line in lines if line)


# -- examples ------------------------------------------------------------------------------------------


def sessions(text: str) -> list[tuple[str, str]]:
    """Return the ``$`` lines of a session, each with the output shown below it."""
    parts = re.split(r"^\$ ((?:.*\\\n)*.*)\n", text, flags=re.MULTILINE)
    assert not parts[0], f"output of no command: {parts[0]}"
    return list(zip(parts[1::2], parts[2::2], strict=True))


def plain(text: str) -> list[str]:
    """Return lines without what may differ: times of day, durations, how wide a column is."""
    text = re.sub(r"\d\d:\d\d:\d\d\.\d{3}", "TIME", text)
    text = re.sub(r"\d+\.\d\d ms", "MS", text)
    return [re.sub(r"(?<=\S) +", " ", line).rstrip() for line in text.splitlines()]


def assert_shown(shown: str, output: str, where: object = "") -> None:
    """Assert that an output is the one shown; each ``…`` line may stand for any lines."""
    there = plain(output)
    gap = False
    for line in plain(shown):
        if line.strip("│ ") == "…":
            gap = True
            continue
        form = re.compile(".*".join(re.escape(part) for part in line.split("…")))
        found = next((at for at, each in enumerate(there) if form.fullmatch(each)), None)
        assert found is not None, f"{where}: not printed: {line}\n{output}"
        assert gap or not found, f"{where}: printed and not shown: {there[:found]}"
        there = there[found + 1 :]
        gap = False
    assert gap or not there, f"{where}: printed and not shown: {there}"


@dataclass
class Story:
    """The examples of one page, run one after the other in one folder.

    Attributes:
        folder: where files are written and commands are run.
        lacking: programs that this machine does not have, so that commands were left out.
    """

    folder: Path
    lacking: set[str] = field(default_factory=set)

    def play(self, block: Block) -> None:
        """Write the file of a block, or run its session; AssertionError if something else is printed."""
        if block.marker[0] == "file":
            (self.folder / block.marker[1]).parent.mkdir(parents=True, exist_ok=True)
            (self.folder / block.marker[1]).write_text(block.text, encoding="utf-8")
            return
        fails = block.marker[1:] == ("fails",)
        for group in _groups(sessions(block.text)):
            if lacks := self._lacks(shlex.split(group[0][0])):
                self.lacking |= lacks
                continue
            for (command, shown), (status, output) in zip(group, self._run(group), strict=True):
                refused = fails or shown.startswith("sscard: ")
                assert (status != 0) == refused, f"{block}: {command}: status {status}\n{output}"
                assert_shown(shown, output, f"{block}: {command}")

    def _lacks(self, words: list[str]) -> set[str]:
        """Name what a command needs and the machine lacks; what the page makes lacks if a command was left out."""
        path = [file for option, files in pairwise(words) if option == "-cp" for file in files.split(":")]
        missing = {each for each in _programs(words) if not shutil.which(each, path=_path())}
        missing |= {file for file in path if not (self.folder / file).exists()}
        made = {each for each in missing if each.startswith("./") or (each in path and not each.startswith("/"))}
        return missing if self.lacking else missing - made

    def _run(self, group: list[tuple[str, str]]) -> Iterator[tuple[int, str]]:
        """Run a group of commands; yield status and output of each."""
        command = group[0][0]
        arguments = shlex.split(command)
        if arguments[0] == "sscard" and arguments[1] not in _READERS and not set(command) & set("|><$;&"):
            result = CliRunner().invoke(main, arguments[1:])
            yield result.exit_code, result.output
        elif arguments[0] == "sqlite3":
            yield 0, self._ask(arguments[1], arguments[2])
        elif len(group) == 1:
            yield self._shell(command)
        else:
            yield from self._run_in_shell(command, [line for line, _ in group[1:]])

    def _shell(self, command: str) -> tuple[int, str]:
        """Run a line in bash; return its status and all that it prints."""
        done = child.run(["bash", "-c", f"exec 2>&1\n{command}"], cwd=self.folder, env=_environment(), limit=_LIMIT)
        return done.returncode, _JAVA_NOISE.sub("", done.stdout)

    def _run_in_shell(self, command: str, lines: list[str]) -> Iterator[tuple[int, str]]:
        """Run lines in the shell that a command starts, as if they were typed there."""
        end = "--- status of an example: "
        script = "exec 2>&1\n" + "".join(f'{line}\necho "{end}$?"\n' for line in lines if line != "exit")
        (self.folder / ".inside").write_text(script, encoding="utf-8")
        status, output = self._shell(f"{command} .inside")
        (self.folder / ".inside").unlink()
        parts = re.split(rf"{end}(\d+)\n", output)
        assert len(parts) == 2 * script.count(end) + 1, output
        yield status, parts[-1]
        for shown, its in zip(parts[:-1:2], parts[1::2], strict=True):
            yield int(its), shown
        if "exit" in lines:
            yield 0, ""

    def _ask(self, name: str, question: str) -> str:
        """Ask a database in the folder, as the program `sqlite3` prints it."""
        with contextlib.closing(sqlite3.connect(self.folder / name)) as image:
            answer = "".join("|".join(map(str, row)) + "\n" for row in image.execute(question))
            image.commit()
        return answer


def _groups(session: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """Part a session: commands by themselves, and those that are typed in the shell that one starts."""
    groups: list[list[tuple[str, str]]] = []
    in_shell = False
    for command, shown in session:
        if in_shell:
            groups[-1].append((command, shown))
        else:
            groups.append([(command, shown)])
        in_shell = (in_shell and command != "exit") or command.endswith("-- bash")
    return groups


def _programs(arguments: list[str]) -> list[str]:
    """Name the programs that a command starts, also inside of `sscard exec … --`."""
    return [arguments[0], *(arguments[at + 1] for at, word in enumerate(arguments[:-1]) if word == "--")]


def _path() -> str:
    """Return the search path, with the programs of the environment first."""
    return f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def _environment() -> dict[str, str]:
    """Return the environment of an example."""
    return child.environment(PATH=_path(), PYTHONDONTWRITEBYTECODE="1", COLUMNS="100")
