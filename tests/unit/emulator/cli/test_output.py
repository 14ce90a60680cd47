"""Output that nobody reads any more, or that cannot be written: no command fails or says a wrong word for it."""

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from cardfs.memory.image import Image
from tests.kit import child
from tests.kit.card import contents
from tests.kit.cli import SELECT_SSSE, SSCARD, Reader

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
    assert done.stderr == "sscard: /dev/full: the trace ends here: No space left on device\n"


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
    assert done.stderr == f"sscard: {tmp_path / 'pipe'}: the trace ends here: Broken pipe\n"


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


# A reader that does not go away, and does not read ---------------------------------------------------


class Stalled(Reader):
    """A card in a reader whose trace nobody reads: the pipe is full."""

    def __init__(self, image: Path, *options: str) -> None:
        super().__init__(image, *options)
        self.many(600)

    def many(self, commands: int) -> None:
        """Send SELECT and GET RESPONSE so often, many at a time."""
        command = bytes.fromhex(SELECT_SSSE)
        frame = len(command).to_bytes(2) + command
        for _ in range(commands // 100):
            self.send_raw(frame * 100)
            left = 400
            while left:
                left -= len(self.receive(left))

    def closed(self) -> bool:
        """Wait for the card to leave the reader."""
        return self.receive(1) == b""

    def resident(self) -> int:
        """How many KiB of memory the process has."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="a file of Linux")
def test_a_trace_that_nobody_reads_does_not_grow_and_says_what_is_missing(image: Path) -> None:
    reader = Stalled(image)
    reader.many(20_000)
    before = reader.resident()
    reader.many(30_000)
    assert reader.resident() - before < 6_000, "30,000 commands take 30 MiB"
    assert reader.process.stdout is not None
    for line in reader.process.stdout:
        if "lines are missing here: nobody read them in time" in line:
            break
    else:
        pytest.fail("nothing is said of what is missing")
    reader.process.stdout.close()
    reader.process.stdout = None
    assert reader.end(signal.SIGTERM)[0] == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_card_whose_trace_nobody_reads_ends_within_two_seconds(image: Path, number: signal.Signals) -> None:
    reader = Stalled(image)
    started = time.monotonic()
    reader.process.send_signal(number)
    assert reader.process.wait(20) == 0
    assert time.monotonic() - started < 2
    output, errors = reader.end(number)[1:]
    assert "SELECT" in output
    lost = re.fullmatch(r"sscard: the last (\d+) lines of the trace are lost: nobody read them in time\n", errors)
    assert lost is not None
    assert 0 < int(lost[1]) < 601


def test_a_second_signal_ends_at_once(image: Path) -> None:
    reader = Stalled(image)
    reader.process.send_signal(signal.SIGTERM)
    # The card is out of the reader: the first signal has been heard.
    assert reader.closed()
    reader.process.send_signal(signal.SIGTERM)
    assert reader.process.wait(20) == -signal.SIGTERM
    reader.end(signal.SIGTERM)


def test_a_trace_file_is_whole_when_nobody_reads_the_terminal(image: Path, tmp_path: Path) -> None:
    reader = Stalled(image, "--trace", str(tmp_path / "trace"))
    reader.process.send_signal(signal.SIGTERM)
    assert reader.process.wait(20) == 0
    reader.end(signal.SIGTERM)
    events = [json.loads(line) for line in (tmp_path / "trace").read_text(encoding="utf-8").splitlines()]
    assert sum(event["kind"] == "command" for event in events) == 600


def test_a_named_pipe_that_nobody_reads_holds_nobody_up(image: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    reader = Stalled(image, "--quiet", "--trace", str(pipe))
    started = time.monotonic()
    status, _, errors = reader.end(signal.SIGTERM)
    assert time.monotonic() - started < 2
    os.close(reading)
    assert status == 0
    assert "lines of the trace are lost" in errors
