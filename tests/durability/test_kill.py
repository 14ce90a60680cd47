"""A real power cut: a process with a card under traffic is killed with SIGKILL, and the card inserted again.

Never a try back, the old or the new contents and never a mixture, and everything that was answered
9000 is there (Part 7, 14; digest, 9.3).
"""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from cardfs.memory.image import Image
from tests.kit import child
from tests.kit.card import PIN_CN, SSSE, contents, ref
from tests.kit.places import ROOT

ROUNDS = 30
TRIES = 15
"""Also a right PIN costs a try when power goes before the counter is put back, so there are many."""
PINS = (PIN_CN, bytes.fromhex("1234"))
RECORD = 0x50
"""Bytes of the record that is written: tag 21, the longest one of DF01/EF05."""
BLOB = 250
"""Bytes of the transparent file that one command writes."""

CHILD = """
import os, random, sys
from pathlib import Path
from cardfs.memory.image import Image
from emulator.cards import Card
from tests.kit.card import PIN_CN, CardBench

PINS = (PIN_CN, bytes.fromhex("1234"))

def say(text):
    os.write(1, text.encode() + b"\\n")

def traffic(path, seed):
    chance = random.Random(seed)
    bench = CardBench(card=Card(Image.open(path)))
    image = bench.card.image
    at = next(at for at in image.keys if at[0].name == "PIN")
    bench.select_df("DF01")
    bench.prove(["UK1DF01", "UK7DF01"])
    while True:
        pin = image.keys[at].value
        kind = chance.choice(["wrong", "right", "change", "record", "binary"])
        if kind == "wrong" and image.tries[at] < 5:
            kind = "right"
        value = chance.randrange(256)
        if kind == "record":
            raw = bytes((0x00, 0xDC, 0x02, 0x2C, 0x52, 0x21, 0x50)) + bytes((value,)) * 0x50
        elif kind == "binary":
            raw = bytes((0x00, 0xD6, 0x96, 0x00, 250)) + bytes((value,)) * 250
        elif kind == "change":
            value = 1 - PINS.index(pin)
            raw = bytes((0x80, 0x5E, 0x01, 0x00, len(pin) + 1 + len(PINS[value]))) + pin + b"\\xff" + PINS[value]
        else:
            given = pin if kind == "right" else bytes.fromhex("999999")
            raw = bytes((0x00, 0x20, 0x00, 0x00, len(given))) + given
        say(f"{kind} {value}")
        say("= " + bench.send(raw))

# One process that has loaded everything, and a copy of it for each round.
path = Path(sys.argv[1])
for line in sys.stdin:
    child = os.fork()
    if not child:
        try:
            traffic(path, line)
        finally:
            os._exit(1)
    say(f"pid {child}")
    _, status = os.waitpid(child, 0)
    say(f"ended {os.waitstatus_to_exitcode(status)}")
"""


def new_record(value: int) -> bytes:
    """The record that the traffic writes."""
    return bytes((0x21, RECORD)) + bytes((value,)) * RECORD


def new_blob(value: int) -> bytes:
    """The transparent file after the traffic has written to it."""
    return bytes((value,)) * BLOB + bytes(0x128 - BLOB)


def written(image: Image) -> tuple[bytes, bytes]:
    """What is on the card where the traffic writes."""
    record, blob = image.contents[f"{SSSE}/DF01/EF05"][1], image.contents[f"{SSSE}/DF01/EF16"]
    assert isinstance(record, bytes)
    assert isinstance(blob, bytes)
    return record, blob


@dataclass
class Known:
    """What must be on the card: what the last answers said, and what one unanswered command may have done."""

    tries: set[int] = field(default_factory=lambda: {TRIES})
    pin: set[int] = field(default_factory=lambda: {0})
    record: set[bytes] = field(default_factory=set)
    blob: set[bytes] = field(default_factory=set)
    changing: int | None = None

    def sent(self, kind: str, value: int) -> None:
        """A command is on its way: it may have happened, or not yet, or be charged for."""
        if kind in ("wrong", "right", "change"):
            (left,) = self.tries
            self.tries = {left, left - 1} if kind == "wrong" else {left, left - 1, TRIES}
        if kind == "change":
            self.pin |= {value}
            self.changing = value
        if kind == "record":
            self.record |= {new_record(value)}
        if kind == "binary":
            self.blob |= {new_blob(value)}

    def answered(self, kind: str, value: int, answer: str) -> None:
        """The answer settles it."""
        if kind == "wrong":
            self.tries = {min(self.tries)}
            assert answer == f"63C{min(self.tries):X}"
            return
        assert answer == "9000", (kind, answer)
        if kind in ("right", "change"):
            self.tries = {TRIES}
        if kind == "change":
            self.pin, self.changing = {value}, None
        if kind == "record":
            self.record = {new_record(value)}
        if kind == "binary":
            self.blob = {new_blob(value)}

    def check(self, path: Path) -> None:
        """Insert the card again and look; what is found is what is known from here on."""
        image = Image.open(path)
        try:
            at = (ref("SSSE", "PIN"), 1)
            tries = image.tries[at]
            assert tries in self.tries, "a try came back, or one too many is gone"
            pin = PINS.index(image.keys[at].value)
            assert pin in self.pin
            if pin == self.changing:
                assert tries == TRIES, "the new PIN and its full counter are one transaction"
            self.changing = None
            record, blob = written(image)
            assert record in self.record, "neither the old nor the new record"
            assert blob in self.blob, "neither the old nor the new bytes"
            self.record, self.blob = {record}, {blob}
            self.tries, self.pin = {tries}, {pin}
        finally:
            image.close()


@pytest.mark.parametrize("profile", ["ssc-2.0"])
def test_a_card_that_is_killed_at_any_moment_keeps_what_it_answered_and_gives_no_try_back(
    profile: str, tmp_path: Path
) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents(profile, f"[settings.pin]\ntries = {TRIES}\n"))
    chance = random.Random("power cuts")  # noqa: S311 - moments of a test
    record, blob = written(Image.in_memory(contents(profile)))
    known = Known(record={record}, blob={blob})
    answers = cut_in_flight = 0
    environment = child.environment(PYTHONPATH=str(ROOT))
    with child.start(
        [sys.executable, "-c", CHILD, path],
        limit=180,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        bufsize=0,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        lines = os.fdopen(os.dup(process.stdout.fileno()), "r")
        for at in range(ROUNDS):
            process.stdin.write(f"{at}\n".encode())
            pending: tuple[str, int] | None = None
            cut = None
            traffic = 0
            before = chance.randrange(1, 5)  # commands until the cut, however slow the machine is
            while True:
                line = lines.readline().split()
                assert line, "the traffic ended by itself"
                if line[0] == "pid":
                    traffic = int(line[1])
                elif line[0] == "ended":
                    assert int(line[1]) == -signal.SIGKILL
                    break
                elif line[0] == "=":
                    assert pending is not None
                    known.answered(*pending, line[1])
                    pending = None
                    answers += 1
                else:
                    pending = (line[0], int(line[1]))
                    known.sent(*pending)
                    before -= 1
                if traffic and cut is None and pending and before <= 0:
                    time.sleep(chance.uniform(0, 0.03))
                    os.kill(traffic, signal.SIGKILL)
                    cut = True
            cut_in_flight += pending is not None
            known.check(path)
        lines.close()
        process.stdin.close()
        assert process.wait(child.LIMIT) == 0
    assert answers > ROUNDS
    assert cut_in_flight, "no command was ever cut off, so nothing was tested"
