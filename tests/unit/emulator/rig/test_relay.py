"""The way to a physical card where PC/SC fails as no virtual reader lets it; the rest is in `pcsc/test_spy.py`."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from smartcard import scard as real

import sscard
from emulator.ports import AsIs
from emulator.rig import relay as module
from emulator.rig.relay import Relay, Watch
from emulator.terminal.errors import NO_CARD

READER = "A reader 00 00"
ATR = bytes.fromhex("3b6500002063cb6800")
NO_SERVICE = 0x8010001D
NO_READER = 0x80100009
SHARING = 0x8010000B
REMOVED = 0x80100069
RESET = 0x80100068
CANCELLED = 0x80100002


class Library:
    """A PC/SC library with one reader, whose results a test sets."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.connects = self.transmits = self.looks = self.establishes = 0
        self.answer = [0x90, 0x00]
        self.present, self.count = True, 1
        self._changed = threading.Condition()

    def __getattr__(self, name: str) -> Any:
        return getattr(real, name)

    def SCardEstablishContext(self, _scope: int) -> tuple[int, int]:  # noqa: N802
        return self.establishes, 1

    def close(self) -> None:
        """End nothing: it is no process."""

    def SCardReleaseContext(self, _context: int) -> int:  # noqa: N802
        return 0

    def SCardListReaders(self, _context: int, _groups: list[str]) -> tuple[int, list[str]]:  # noqa: N802
        return 0, [READER]

    def SCardConnect(self, _context: int, _name: str, mode: int, _protocols: int) -> tuple[int, int, int]:  # noqa: N802
        self.calls.append("connect" if mode == real.SCARD_SHARE_EXCLUSIVE else "connect shared")
        return self.connects, 7, 1

    def SCardReconnect(self, _card: int, _mode: int, _protocols: int, how: int) -> tuple[int, int]:  # noqa: N802
        self.calls.append({real.SCARD_UNPOWER_CARD: "cold", real.SCARD_RESET_CARD: "warm"}[how])
        return 0, 1

    def SCardStatus(self, _card: int) -> tuple[int, str, int, int, list[int]]:  # noqa: N802
        return 0, READER, 0, 1, list(ATR)

    def SCardDisconnect(self, _card: int, how: int) -> int:  # noqa: N802
        self.calls.append("off" if how == real.SCARD_UNPOWER_CARD else "disconnect")
        return 0

    def SCardTransmit(self, _card: int, _protocol: int, command: list[int]) -> tuple[int, list[int]]:  # noqa: N802
        self.calls.append(bytes(command).hex())
        return self.transmits, self.answer

    def SCardGetStatusChange(  # noqa: N802
        self, _context: int, limit: int, states: list[tuple[str, int]]
    ) -> tuple[int, list[tuple[str, int, list[int]]]]:
        (name, known) = states[0]
        with self._changed:
            end = time.monotonic() + limit / 1000
            while not self.looks and self._state() == known and time.monotonic() < end:
                self._changed.wait(0.01)
            if self.looks:
                return self.looks, []
            if self._state() == known:
                return 0x8010000A, []
            atr = list(ATR) if self.present else []
            return 0, [(name, self._state() | real.SCARD_STATE_CHANGED, atr)]

    def SCardCancel(self, _context: int) -> int:  # noqa: N802
        return 0

    def _state(self) -> int:
        return self.count << 16 | int(real.SCARD_STATE_PRESENT if self.present else real.SCARD_STATE_EMPTY)

    def put(self, present: bool, count: int | None = None) -> None:
        """Let the card go or come; ``count`` is what the reader has counted."""
        with self._changed:
            self.present, self.count = present, self.count + 1 if count is None else count
            self._changed.notify_all()


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Library:
    fake = Library()
    monkeypatch.setattr(module, "Outside", lambda _scard, _environment: fake)
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    return fake


@pytest.fixture
def relay(library: Library) -> Iterator[Relay]:
    made = Relay("A reader")
    yield made
    made.close()


def told(watch: Watch) -> tuple[list[bool], Callable[[int], None]]:
    """What a watch has told, and how to wait until it is so much."""
    got: list[bool] = []
    watch.start(got.append)

    def wait(count: int) -> None:
        end = time.monotonic() + 5
        while len(got) < count:
            assert time.monotonic() < end
            time.sleep(0.005)

    return got, wait


def test_power_and_resets_are_passed_on_to_a_card_that_nobody_else_has(relay: Relay, library: Library) -> None:
    assert relay.name == READER
    assert relay.atr == ATR
    relay.power_on()
    relay.reset()
    relay.transmit(bytes(4))
    relay.power_off()
    relay.transmit(bytes(4))  # a reader gives power before; a card without it gets it
    assert library.calls == ["connect", "cold", "warm", "00000000", "off", "connect", "cold", "00000000"]


@pytest.mark.parametrize(
    ("code", "back", "why"),
    [
        (REMOVED, None, "Card was removed"),
        (NO_READER, None, "Unknown reader specified"),
        (NO_SERVICE, None, "no PC/SC service answers: start pcscd, or use `sscard exec`"),
        (RESET, 1.2, "Card was reset"),
        (0, 1.2, "it gave no answer"),
    ],
)
def test_a_card_that_is_lost_in_a_command_is_gone_from_the_reader(
    relay: Relay, library: Library, code: int, back: float | None, why: str
) -> None:
    trace = sscard.Trace()
    relay.trace = trace
    relay.power_on()
    library.transmits, library.answer = code, []
    with pytest.raises(sscard.CardRemoved) as raised:
        relay.transmit(bytes(4))
    assert raised.value.back == back
    assert str(raised.value) == f"the physical card in {READER!r} is lost: {why}"
    assert library.calls[-1] == "off"
    assert [each.fields for each in trace if each.kind == "note"] == [str(raised.value)]


def test_a_card_that_another_program_has_is_tried_again(relay: Relay, library: Library) -> None:
    library.connects = SHARING
    with sscard.Rig([relay]) as rig:
        with pytest.raises(sscard.TerminalError, match="Sharing violation") as raised:
            rig.readers[0].transmit(bytes(4))
        assert raised.value.code == NO_CARD
        assert rig.readers[0].inserted is None
        library.connects = 0
        time.sleep(1.3)
        assert rig.readers[0].transmit(bytes(4)) == b"\x90\x00"


def test_an_answer_without_a_status_word_stays_as_it_is(relay: Relay, library: Library) -> None:
    library.answer = [0x90]
    answer = relay.transmit(bytes(4))
    assert answer == b"\x90"
    assert isinstance(answer, AsIs)
    assert relay.last is not None
    assert relay.last.reason == "the answer has 1 bytes, and a status word has 2"


def test_a_watch_tells_what_comes_and_goes(library: Library) -> None:
    watch = Watch(READER, library)
    assert (watch.present, watch.atr) == (True, ATR)
    got, wait = told(watch)
    library.put(False)
    wait(1)
    assert watch.atr == b""
    library.put(True)
    wait(2)
    library.put(True, library.count + 2)  # gone and back between two looks
    wait(4)
    watch.close()
    assert got == [False, True, False, True]
    library.put(False)
    time.sleep(0.1)
    assert len(got) == 4


@pytest.mark.parametrize("code", [NO_SERVICE, NO_READER])
def test_a_reader_that_goes_takes_its_card_with_it_and_may_come_back(library: Library, code: int) -> None:
    watch = Watch(READER, library)
    got, wait = told(watch)
    library.looks = library.establishes = code
    wait(1)
    time.sleep(0.2)
    assert got == [False]
    library.looks = library.establishes = 0
    wait(2)
    watch.close()
    assert got == [False, True]


def test_without_a_service_there_is_no_relay(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(library, "SCardListReaders", lambda *_: (NO_SERVICE, []))
    with pytest.raises(sscard.TerminalError, match="no PC/SC service answers"):
        Relay("A reader")


def test_faults_of_memory_and_card_are_refused(relay: Relay) -> None:
    for name, more in (("power-cut", {}), ("memory-failure", {}), ("status", {"sw": "6A82"}), ("wrong-mac", {})):
        with pytest.raises(sscard.SscardError, match=f"fault {name}: nothing reaches into a physical card"):
            relay.fault(name, **more)
    assert relay.faults == ()
    assert relay.fault("delay", seconds=0).spent is False
