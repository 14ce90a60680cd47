"""Output that nobody reads any more, or that cannot be written: no command fails or says a wrong word for it."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cardfs.image import Image

from . import child
from .support import contents
from .test_cli import SELECT_SSSE, SSCARD, Reader

SCRIPT = f"{SELECT_SSSE}\n0084000008\n"


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A card image."""
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    return path


@contextmanager
def unread() -> Iterator[int]:
    """A pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        yield writing
    finally:
        os.close(writing)


def run(*arguments: object, stdin: str = "", **streams: Any) -> "subprocess.CompletedProcess[str]":
    """Run a subcommand as a process, with streams of one's own."""
    return child.run([*SSCARD, *arguments], input=stdin, **streams)


@pytest.mark.parametrize(
    "command",
    [
        *("--help", "--version", "show --help", "issue --list-profiles", "terminal addresses"),
        *("show IMAGE", "apdu IMAGE", "apdu --raw IMAGE", "issue NEW", "blank NEW"),
    ],
)
def test_a_command_whose_output_nobody_reads_does_its_work_and_ends_well(command: str, image: Path) -> None:
    new = image.with_name("new.sscard")
    words = [{"IMAGE": image, "NEW": new}.get(word, word) for word in command.split()]
    with unread() as pipe:
        done = run(*words, stdin=SCRIPT, stdout=pipe)
        assert done.returncode == 0, done
        assert done.stderr in ("", "note: the demo root keys are public test keys\n")
        assert run(*words, "--force", stdin=SCRIPT, stdout=pipe, stderr=pipe).returncode in (0, 2)
    assert new.exists() == ("NEW" in command)


def test_a_refusal_that_nobody_reads_keeps_its_status(tmp_path: Path) -> None:
    with unread() as pipe:
        assert run("show", tmp_path / "missing", stdout=pipe, stderr=pipe).returncode == 2
        assert run("--nonsense", stderr=pipe).returncode == 2
        assert run(stderr=pipe).returncode == 2


def test_closed_streams_are_no_streams_to_write_to(image: Path) -> None:
    command = [*SSCARD, "apdu", str(image)]
    closed = child.run(["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *command])
    assert closed.returncode == 0
    Image.open(image).close()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_output_on_a_full_disk_is_one_sentence(image: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = run("show", image, stdout=full.fileno())
    assert (done.returncode, done.stderr) == (2, "sscard: the output cannot be written: No space left on device\n")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_script_goes_on_when_its_trace_file_is_full(image: Path) -> None:
    done = run("apdu", "--raw", "--trace", "/dev/full", image, stdin=SCRIPT)
    assert (done.returncode, done.stdout.count(" > ")) == (0, 2)
    assert done.stderr == "sscard: the trace ends here: No space left on device\n"


@contextmanager
def short_reader(path: Path) -> Iterator[None]:
    """A reader of a named pipe that goes away after one line, as `head -1` does."""
    os.mkfifo(path)
    with child.start(["/usr/bin/head", "-1", path], stdout=subprocess.PIPE, text=True) as head:
        yield
        assert json.loads(head.communicate(timeout=20)[0])["kind"]
    assert head.returncode == 0


def test_a_script_goes_on_when_nobody_reads_its_trace(image: Path, tmp_path: Path) -> None:
    with short_reader(tmp_path / "pipe"):
        done = run("apdu", "--raw", "--trace", tmp_path / "pipe", image, stdin=SCRIPT * 200)
    assert (done.returncode, done.stdout.count(" > ")) == (0, 400)
    assert done.stderr == "sscard: the trace ends here: Broken pipe\n"


@pytest.mark.parametrize("quiet", [True, False])
def test_a_card_stays_in_the_reader_when_nobody_reads_anything(quiet: bool, image: Path, tmp_path: Path) -> None:
    with short_reader(tmp_path / "pipe"):
        reader = Reader(image, "--trace", str(tmp_path / "pipe"), *(["--quiet"] if quiet else []))
        assert reader.process.stdout is not None
        assert reader.process.stderr is not None
        reader.process.stdout.close()
        reader.process.stderr.close()
        for _ in range(100):
            assert reader.ask(bytes.fromhex(SELECT_SSSE))[0] == 0x61
    reader.process.stdout = reader.process.stderr = None
    assert reader.ask(bytes.fromhex(SELECT_SSSE))[0] == 0x61
    assert reader.end(signal.SIGTERM)[0] == 0
