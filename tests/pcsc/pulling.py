"""A terminal at one slot whose card is pulled out again and again, and a model of what the card must know.

Started as ``python -m tests.pcsc.pulling IMAGE SLOT READER PULLS`` inside a PC/SC stack. Each card is a
process of its own, ended with SIGKILL at a random moment under random traffic. An assertion that fails is
the end of it; the last line of the output says what was seen, as JSON.
"""

import json
import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from smartcard import scard

from cardfs.memory.image import Image
from emulator.cards import Card
from emulator.reader.vpcd import Slot
from keys.ciphers import warm_up
from keys.records import KeyRef
from tests.kit import child
from tests.kit.card import LONG_FILE, ORIGINAL, PIN_CN, SSSE, SSSE_NAME, handmade, handmade_value
from tests.kit.reference import Reference
from tests.pcsc.harness import PcscError, Terminal, checked

TRIES: Final = 15
"""The most a counter can have: also a right secret costs a try when the card is pulled before it is put back."""
LEAST: Final = 5
"""Below this only right secrets are given, so that nothing ever locks."""
LONGEST: Final = 0.15
"""Seconds of traffic at most."""
PATIENCE: Final = 20.0
BINARY, FIXED, CYCLIC = 0x07, 0x09, 0x0A
BLOB: Final = 250
KIDS: Final = {"UK": 0x04, "RK": 0x0A}
WRONG_PIN: Final = bytes.fromhex("999999")

State = bytes | tuple[bytes, ...]


class Pulled(Exception):
    """No answer came: the card is gone."""


@dataclass
class Known:
    """What the card must know: one possibility for everything that was answered, two for what was not.

    Attributes:
        tries: how many tries each counter may have left.
        files: what each file may contain.
    """

    tries: dict[str, set[int]] = field(default_factory=lambda: {name: {TRIES} for name in ("PIN", *KIDS)})
    files: dict[int, set[State]] = field(
        default_factory=lambda: {
            BINARY: {LONG_FILE[:BLOB]},
            FIXED: {(b"AAAA", b"BBBB")},
            CYCLIC: {(b"new", b"old")},
        }
    )

    @property
    def open(self) -> bool:
        """Whether a command was cut off that could have changed something."""
        return any(len(each) > 1 for each in self.tries.values()) or any(len(each) > 1 for each in self.files.values())

    def now(self, sfi: int) -> State:
        """What a file contains, when nothing is open about it."""
        (state,) = self.files[sfi]
        return state


@dataclass
class Puller:
    """One slot: its card, its terminal, its model."""

    image: Path
    slot: int
    reader: str
    chance: random.Random
    known: Known = field(default_factory=Known)
    seen: Counter[str] = field(default_factory=Counter)
    terminal: Terminal | None = None

    # -- the card ---------------------------------------------------------------------------------

    def insert(self, *, by_command_line: bool) -> int:
        """Start a process with the card in the slot; return its number."""
        if by_command_line:
            command = [sys.executable, "-m", "emulator.cli", "insert", str(self.image), "--slot", str(self.slot)]
            return child.spawn(command)
        pid = os.fork()
        if not pid:
            os.closerange(3, 1024)  # the parent's connection to pcscd is not the card's
            try:
                Slot(Card(Image.open(self.image)), self.slot).run()
            finally:
                os._exit(1)
        return pid

    def pull(self, card: int) -> None:
        """End the process of the card, whatever it does just then."""
        os.kill(card, signal.SIGKILL)
        assert child.reap([card])[1] == -signal.SIGKILL, "the card ended by itself"

    def wait_for(self, state: int) -> None:
        """Wait until PC/SC sees the slot so."""
        context = checked(scard.SCardEstablishContext(scard.SCARD_SCOPE_USER))
        deadline, now = time.monotonic() + PATIENCE, scard.SCARD_STATE_UNAWARE
        while not now & state:
            assert time.monotonic() < deadline, f"{self.reader} does not change"
            _, changes = scard.SCardGetStatusChange(context, 500, [(self.reader, now)])
            now = changes[0][1] & ~scard.SCARD_STATE_CHANGED
        scard.SCardReleaseContext(context)

    # -- the terminal -----------------------------------------------------------------------------

    def send(self, command: bytes) -> tuple[bytes, int]:
        """Send a command; `Pulled` when the card is gone."""
        assert self.terminal is not None
        try:
            answer = self.terminal.transmit(command)
        except PcscError:
            raise Pulled from None
        if len(answer) < 2:
            raise Pulled
        return answer[:-2], int.from_bytes(answer[-2:])

    def ask(self, command: bytes) -> bytes:
        """Send a command that reads."""
        data, word = self.send(command)
        assert word == 0x9000, (command.hex(), f"{word:04X}")
        return data

    def look(self) -> None:
        """Read everything that can be read; what is found is what is known from here on."""
        known = self.known
        select = b"\x00\xa4\x04\x00" + bytes((len(SSSE_NAME),)) + SSSE_NAME
        assert self.send(select)[1] >> 8 in (0x61, 0x90)
        _, word = self.send(b"\x00\x20\x00\x00\x00")
        assert word & 0xFFF0 == 0x63C0, f"{word:04X}"
        found: dict[int, State] = {BINARY: self.ask(bytes((0x00, 0xB0, 0x80 | BINARY, 0x00, BLOB)))}
        for sfi, length in ((FIXED, 4), (CYCLIC, 3)):
            count = len(next(iter(known.files[sfi])))
            commands = (bytes((0x00, 0xB2, number, sfi << 3 | 4, length)) for number in range(1, count + 1))
            found[sfi] = tuple(self.ask(command) for command in commands)
        assert word & 0xF in known.tries["PIN"], f"a try came back, or one too many is gone: {word:04X}"
        known.tries["PIN"] = {word & 0xF}
        for sfi, state in found.items():
            assert state in known.files[sfi], f"EF{sfi:02X} is neither the old nor the new one"
            known.files[sfi] = {state}

    # -- traffic ----------------------------------------------------------------------------------

    def traffic(self) -> None:
        """Give one random command after the other; ends with `Pulled`."""
        while True:
            kind = self.chance.choice(("binary", "fixed", "cyclic", "PIN", "UK", "RK"))
            if kind in self.known.tries:
                self.prove(kind)
            else:
                self.update(kind)
            self.seen[kind] += 1

    def update(self, kind: str) -> None:
        """Write; until the answer comes both the old and the new contents are possible."""
        fresh = self.chance.randbytes(4)
        new: State
        if kind == "binary":
            sfi, data = BINARY, fresh[:1] * BLOB
            header, new = bytes((0x00, 0xD6, 0x80 | BINARY, 0x00)), data
        elif kind == "fixed":
            sfi, data = FIXED, fresh
            header, new = bytes((0x00, 0xDC, 0x01, FIXED << 3 | 4)), (fresh, b"BBBB")
        else:
            sfi, data = CYCLIC, fresh[:3]
            old = self.known.now(CYCLIC)
            assert isinstance(old, tuple)
            # A full file: the newest record comes, the oldest goes.
            header, new = bytes((0x00, 0xDC, 0x00, CYCLIC << 3 | 3)), (data, *old)[: max(len(old), 2)]
        self.known.files[sfi] |= {new}
        _, word = self.send(header + bytes((len(data),)) + data)
        assert word == 0x9000, (kind, f"{word:04X}")
        self.known.files[sfi] = {new}

    def prove(self, name: str) -> None:
        """Give a secret, right or wrong; until the answer comes a try may be spent or all may be there again."""
        tries = self.known.tries
        wrong = min(tries[name]) > LEAST and self.chance.random() < 0.6
        if name == "PIN":
            pin = WRONG_PIN if wrong else PIN_CN
            command = bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin
        else:
            challenge = self.ask(b"\x00\x84\x00\x00\x08")
            data = Reference("3DES").auth(handmade_value(name, "3DES"), challenge, ORIGINAL)
            data = bytes((data[0] ^ wrong,)) + data[1:] + ORIGINAL
            command = bytes((0x00, 0x82, 0x00, KIDS[name], len(data))) + data
        charged = {left - 1 for left in tries[name]}
        tries[name] |= charged if wrong else charged | {TRIES}
        _, word = self.send(command)
        if wrong:
            assert word & 0xFFF0 == 0x63C0, (name, f"{word:04X}")
            assert word & 0xF in charged, (name, f"{word:04X}", "a try came back, or one too many is gone")
            tries[name] = {word & 0xF}
        else:
            assert word == 0x9000, (name, f"{word:04X}")
            tries[name] = {TRIES}

    # -- everything -------------------------------------------------------------------------------

    def run(self, pulls: int) -> None:
        """Insert, talk, pull; the first card is held by the command line, the others by a fork of this process."""
        for at in range(pulls):
            card = self.insert(by_command_line=not at)
            try:
                self.wait_for(scard.SCARD_STATE_PRESENT)
                self.terminal = Terminal(self.reader)
                self.look()
            except BaseException:
                os.kill(card, signal.SIGKILL)
                raise
            timer = threading.Timer(self.chance.uniform(0, LONGEST), self.pull, (card,))
            timer.start()
            try:
                self.traffic()
            except Pulled:
                timer.join(PATIENCE)
            self.seen["pulls"] += 1
            self.seen["open"] += self.known.open
            self.terminal.close()
            self.wait_for(scard.SCARD_STATE_EMPTY)
        self.look_at_the_image()

    def look_at_the_image(self) -> None:
        """At the end also the counters that no command tells."""
        image = Image.open(self.image)
        try:
            for name, possible in self.known.tries.items():
                assert image.tries[KeyRef(SSSE, name), 1] in possible, name
        finally:
            image.close()


def main(image: str, slot: str, reader: str, pulls: str) -> None:
    """Make the card, pull it so many times, tell what was seen."""
    warm_up()
    Image.create(Path(image), handmade(tries=TRIES))
    puller = Puller(Path(image), int(slot), reader, random.Random(f"slot {slot}"))  # noqa: S311 - moments of a test
    puller.run(int(pulls))
    print(json.dumps(puller.seen))


if __name__ == "__main__":
    main(*sys.argv[1:])
