"""Traces through PC/SC: scripts that scriptor runs, and replays in a reader."""

import itertools
import shutil
import sys
from pathlib import Path

import pytest

import sscard
from tests.kit import child
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

SSCARD = Path(sys.executable).with_name("sscard")
COMMANDS = ("00A404000F7378312E73682EC9E7BBE1B1A3D5CF", "00A4000002DF04", "0020000003123456", "00B2012C00")


@pytest.fixture
def card() -> sscard.Card:
    """A card that is the same each time."""
    return sscard.Card.issue(pin="123456", seed="traces")


@pytest.fixture
def trace(card: sscard.Card) -> sscard.Trace:
    """Commands of a fork of it, with a reset among them, without masks."""
    fork, recorded = card.fork(), sscard.Trace(unmasked=True)
    fork.trace = recorded
    for _ in range(2):
        fork.power_on()
        for command in COMMANDS:
            fork.transmit(bytes.fromhex(command))
    return recorded


def test_scriptor_runs_a_converted_trace(card: sscard.Card, trace: sscard.Trace, tmp_path: Path) -> None:
    assert shutil.which("scriptor")
    card.save(tmp_path / "c.sscard")
    trace.save(tmp_path / "script", form="scriptor")
    done = child.run([SSCARD, "exec", "--card", tmp_path / "c.sscard", "--", "scriptor", tmp_path / "script"])
    assert done.returncode == 0, done.stderr
    answers = [line for line in done.stdout.splitlines() if line.startswith("< ")]
    assert "< OK: 3B " in answers.pop(len(COMMANDS))[:9]
    words = ["".join(line.split(" : ")[0].split()[-2:]) for line in answers]
    assert words == [event.sw for event in trace.commands]


def test_a_replay_in_a_reader(card: sscard.Card, trace: sscard.Trace, stack: PcscStack) -> None:
    reader = sscard.PcscReader(stack.readers[0])
    with stack.card(card):
        assert trace.replay(reader) == []
    with stack.card(sscard.Card.issue(pin="654321", seed="traces")):
        steps = trace.replay(reader)
    assert [(each.number, each.event.sw) for each in steps if each.event.name == "VERIFY"] == [(3, "63C2"), (7, "63C1")]


def test_resets_in_a_reader(card: sscard.Card, stack: PcscStack) -> None:
    fork, recorded = card.fork(), sscard.Trace(unmasked=True)
    fork.trace = recorded
    for act in (fork.power_on, fork.reset, fork.power_off, fork.power_on):
        act()
        fork.transmit(bytes.fromhex(COMMANDS[0]))
    card.trace = sscard.Trace()
    with stack.card(card):
        assert recorded.replay(sscard.PcscReader(stack.readers[0])) == []
    kinds = [event.kind for event in card.trace]
    commands = [at for at, kind in enumerate(kinds) if kind == "command"]
    between = ["reset" in kinds[one:two] for one, two in itertools.pairwise(commands)]
    assert between == [True, False, False]


def test_the_command_line_replays_in_a_reader(card: sscard.Card, trace: sscard.Trace, tmp_path: Path) -> None:
    card.save(tmp_path / "c.sscard")
    trace.save(tmp_path / "t.jsonl")
    command = [SSCARD, "exec", "--card", tmp_path / "c.sscard", "--", "sscard", "replay", tmp_path / "t.jsonl"]
    done = child.run([*command, "--reader", "Virtual PCD 00 00"])
    assert (done.returncode, done.stdout) == (0, "8 commands: 8 answered as recorded, 0 otherwise\n"), done.stderr
    done = child.run([*command, "--reader", "nothing"])
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("sscard: PC/SC shows no reader that begins with 'nothing'")


@pytest.mark.parametrize("masked", [True, False])
def test_a_rig_writes_its_trace(card: sscard.Card, tmp_path: Path, masked: bool) -> None:
    """With cards in two readers; it replays on the card if nothing is masked in it."""
    image, written = tmp_path / "c.sscard", tmp_path / "t.jsonl"
    card.save(image)
    options = ["--trace", written] if masked else ["--trace", written, "--unmasked"]
    client = ["--", "sscard", "terminal", "verify-pin", "--pin", "123456"]
    done = child.run([SSCARD, "rig", "--reader", image, "--reader", "psam", *options, *client])
    assert done.returncode == 0, done.stderr
    assert ("WARNING" in done.stderr) is not masked
    text = written.read_text(encoding="utf-8")
    assert ("0020000003123456" in text) is not masked
    readers = {event.reader for event in sscard.Trace.read(written)}
    assert len(readers) == 2
    replayed = child.run([SSCARD, "replay", written, "--card", image, "--of", min(readers)])
    assert replayed.returncode == (2 if masked else 0), replayed.stdout + replayed.stderr
    again = child.run([SSCARD, "rig", "--reader", image, *options, "--", "true"])
    assert again.returncode == (0 if masked else 2), "an unmasked trace is never appended to"
