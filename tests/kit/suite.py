"""Test suites of other people: written into a folder, run by pytest in a process of its own, with our plug-in."""

import re
import sys
import time
from pathlib import Path
from typing import Final, NamedTuple
from xml.etree import ElementTree as Xml

from . import child

HEAD: Final = """
import pytest
import sscard

SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")
CHALLENGE = bytes.fromhex("0084000008")
WRONG = bytes.fromhex("0020000003999999")
"""
"""What every file of tests begins with."""

PARALLEL: Final = """
@pytest.mark.parametrize("number", range({count}))
def test_card(pcsc_card, number):
    connection = pcsc_card.connect()
    assert connection.transmit(list(SELECT))[1] == 0x61
    assert connection.transmit(list(WRONG))[1:] == (0x63, 0xC2)
"""
"""So many tests over PC/SC."""


class Result(NamedTuple):
    """What a run of pytest printed, and how it ended."""

    status: int
    output: str

    @property
    def outcomes(self) -> dict[str, int]:
        """Return how many tests passed, failed and so on, from the last line."""
        return {word: int(number) for number, word in re.findall(r"(\d+) ([a-z]+)", self.output.splitlines()[-1])}


class Suite:
    """A folder with tests.

    Args:
        folder: where they are; empty.
    """

    def __init__(self, folder: Path) -> None:
        """Work in a folder."""
        self.folder = folder

    def write(self, tests: str, name: str = "test_it.py") -> None:
        """Write a file of tests."""
        (self.folder / name).write_text(HEAD + tests, encoding="utf-8")

    def command(self, *options: object) -> list[str]:
        """Return the command that runs all tests, warnings as errors."""
        command = [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider", *options]
        return [*map(str, command), str(self.folder)]

    def run(self, *options: object, env: dict[str, str] | None = None, limit: float = 120) -> Result:
        """Run all tests; return what pytest says."""
        done = child.run(self.command(*options), cwd=self.folder, env=env, limit=limit)
        return Result(done.returncode, done.stdout + done.stderr)

    def junit(self) -> dict[str, str]:
        """Return what stands in ``junit.xml`` below each test, by its name."""
        cases = Xml.parse(self.folder / "junit.xml").getroot().iter("testcase")  # noqa: S314 - pytest wrote it
        return {case.get("name", ""): "".join(case.itertext()) for case in cases}


MARK: Final = "SSCARD_MARK"
"""Variable by which processes of a suite are known, whatever becomes of their parents."""


class Cage:
    """An environment for a suite, and what is left in it afterwards.

    Args:
        folder: for temporary files; empty.
    """

    def __init__(self, folder: Path) -> None:
        """Take a folder."""
        self.folder = folder
        self.env = child.environment(**{"TMPDIR": str(folder), MARK: str(folder)})

    def left(self, limit: float = 5) -> list[str]:
        """Return the files and processes that are still there, after so many seconds at most."""
        deadline = time.monotonic() + limit
        while (found := [*self._files(), *self._processes()]) and time.monotonic() < deadline:
            time.sleep(0.05)
        return found

    def _files(self) -> list[str]:
        """Return what lies in the folder, but what pytest keeps."""
        return [each.name for each in self.folder.iterdir() if not each.name.startswith("pytest-of-")]

    def _processes(self) -> list[str]:
        """Return the numbers of processes with the mark."""
        return [each.name for each in Path("/proc").glob("[0-9]*") if self._is_marked(each)]

    def _is_marked(self, process: Path) -> bool:
        """Return whether a process has the mark."""
        try:
            return f"{MARK}={self.folder}".encode() in (process / "environ").read_bytes()
        except OSError:
            return False
