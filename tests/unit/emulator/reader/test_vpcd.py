"""The reader link: frames however they are split, answers only where the driver reads one, and a return."""

import contextlib
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from queue import Queue
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.ports import AsIs, CardRemoved
from emulator.reader import vpcd
from emulator.reader.frames import GET_ATR, MAX_PAYLOAD, POWER_OFF, POWER_ON, RESET, encode, read_frame
from emulator.reader.vpcd import Connected, Disconnected, Event, Failed, Removed, Slot, Unnoticed, Unreachable, answer
from tests.kit import child
from tests.kit.places import ROOT
from tests.kit.reader import ATR, OK, FakeCard

SELECT = bytes.fromhex("00a4000002ef05")
PATIENCE = 5.0
T = TypeVar("T")


class BrokenCard:
    """Raises at every touch."""

    @property
    def atr(self) -> bytes:
        raise RuntimeError("no ATR")

    def power_on(self) -> None:
        raise RuntimeError("no power")

    def power_off(self) -> None:
        raise RuntimeError("no end")

    def reset(self) -> None:
        raise RuntimeError("no reset")

    def transmit(self, command: bytes) -> bytes:
        raise RuntimeError(f"no answer to {len(command)} bytes")


class Driver:
    """The driver's side of the link: a TCP server that sends frames as vpcd does."""

    def __init__(self, port: int = 0) -> None:
        self.listener = socket.create_server(("127.0.0.1", port))
        self.listener.settimeout(PATIENCE)
        self.port: int = self.listener.getsockname()[1]
        self.client: socket.socket | None = None

    def accept(self) -> None:
        if self.client is not None:
            self.client.close()
        self.client, _ = self.listener.accept()
        self.client.settimeout(PATIENCE)

    @property
    def link(self) -> socket.socket:
        assert self.client is not None
        return self.client

    def send(self, payload: bytes) -> None:
        # Two calls, and Nagle's algorithm on, as in the packaged driver.
        self.link.send(len(payload).to_bytes(2, "big"))
        self.link.send(payload)

    def receive(self) -> bytes:
        length = int.from_bytes(self._exactly(2), "big")
        return self._exactly(length)

    def ask(self, payload: bytes) -> bytes:
        self.send(payload)
        return self.receive()

    def silent(self) -> bool:
        """Tell whether nothing was sent: what follows is the answer to a question asked now."""
        return self.ask(b"\x04") == ATR

    def drop(self) -> None:
        self.link.close()
        self.client = None

    def close(self) -> None:
        if self.client is not None:
            self.client.close()
        self.listener.close()

    def _exactly(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            more = self.link.recv(count - len(data))
            assert more, "the card closed the link"
            data += more
        return data


class Heard(Queue[Event]):
    """The events of a link, in order."""

    def expect(self, kind: type[T], timeout: float = PATIENCE) -> T:
        event = self.get(timeout=timeout)
        assert isinstance(event, kind), event
        return event


@pytest.fixture
def driver() -> Iterator[Driver]:
    server = Driver()
    yield server
    server.close()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def card() -> FakeCard:
    return FakeCard()


@pytest.fixture
def slot(driver: Driver, card: FakeCard, heard: Heard) -> Iterator[Slot]:
    with Slot(card, port=driver.port, watch=heard.put) as link:
        driver.accept()
        heard.expect(Connected)
        yield link


# Frames -------------------------------------------------------------------------------------------


FRAMES = [GET_ATR, POWER_ON, SELECT, RESET, b"", b"\x05", b"\x00\x00", POWER_OFF]
RAW = b"".join(len(payload).to_bytes(2, "big") + payload for payload in FRAMES)


class Pieces:
    """A stream that arrives in pieces: like a socket it gives what there is, at most so much as was asked for."""

    def __init__(self, *pieces: bytes) -> None:
        self.left = [piece for piece in pieces if piece]

    def __call__(self, count: int) -> bytes:
        assert count > 0
        if not self.left:
            return b""
        given, rest = self.left[0][:count], self.left[0][count:]
        self.left[:1] = [rest] if rest else []
        return given


def decode(*pieces: bytes) -> list[bytes]:
    stream = Pieces(*pieces)
    return list(iter(lambda: read_frame(stream), None))


def test_joined_frames_decode() -> None:
    assert decode(RAW) == FRAMES


def test_single_bytes_decode() -> None:
    assert decode(*(RAW[i : i + 1] for i in range(len(RAW)))) == FRAMES


def test_every_split_in_three_decodes_the_same() -> None:
    for i in range(len(RAW) + 1):
        for j in range(i, len(RAW) + 1):
            assert decode(RAW[:i], RAW[i:j], RAW[j:]) == FRAMES, (i, j)


@given(payloads=st.lists(st.binary(max_size=300), max_size=8), data=st.data())
def test_any_split_decodes_the_same(payloads: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(len(payload).to_bytes(2, "big") + payload for payload in payloads)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(raw)), max_size=12)))
    pieces = [raw[i:j] for i, j in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    assert decode(*pieces) == payloads


def test_no_byte_is_read_beyond_a_frame() -> None:
    stream = Pieces(encode(SELECT) + encode(GET_ATR))
    assert read_frame(stream) == SELECT
    assert stream.left == [encode(GET_ATR)]


def test_a_stream_that_ends_within_a_frame_gives_none() -> None:
    raw = encode(SELECT)
    assert [read_frame(Pieces(raw[:end])) for end in range(len(raw))] == [None] * len(raw)


def test_the_longest_frame_decodes() -> None:
    payload = bytes(MAX_PAYLOAD)
    raw = encode(payload)
    assert decode(raw[:40000], raw[40000:]) == [payload]


@pytest.mark.parametrize("size", [0, MAX_PAYLOAD + 1])
def test_no_frame_is_empty_or_too_long(size: int) -> None:
    with pytest.raises(ValueError, match="1 to 65535 bytes"):
        encode(bytes(size))


def test_a_command_stays_out_of_repr() -> None:
    assert "123" not in repr(Failed(ValueError(), b"\x00\x20\x00\x00\x03123"))


# Answers ------------------------------------------------------------------------------------------


def ignore(_: Event) -> None:
    pass


@pytest.mark.parametrize(
    ("frame", "expected", "calls"),
    [
        (GET_ATR, ATR, []),
        (POWER_ON, None, ["on"]),
        (POWER_OFF, None, ["off"]),
        (RESET, None, ["reset"]),
        (SELECT, SELECT + OK, [SELECT.hex()]),
        (b"\x05", b"\x67\x00", []),
        (b"", b"\x67\x00", []),
    ],
)
def test_each_frame_gets_what_the_driver_reads(frame: bytes, expected: bytes | None, calls: list[str]) -> None:
    card = FakeCard()
    assert answer(card, frame, ignore) == expected
    assert card.calls == calls


@pytest.mark.parametrize(
    ("frame", "expected"),
    [
        (GET_ATR, b"\x3b\x00"),
        (POWER_ON, None),
        (POWER_OFF, None),
        (RESET, None),
        (SELECT, b"\x6f\x00"),
    ],
)
def test_a_card_that_raises_is_reported_and_covered(frame: bytes, expected: bytes | None) -> None:
    heard: list[Event] = []
    assert answer(BrokenCard(), frame, heard.append) == expected
    (event,) = heard
    assert isinstance(event, Failed)
    assert event.frame == frame
    assert isinstance(event.error, RuntimeError)


@pytest.mark.parametrize("reply", [b"", b"\x90", bytes(MAX_PAYLOAD + 1)])
def test_an_impossible_answer_is_reported_and_covered(reply: bytes) -> None:
    heard: list[Event] = []
    assert answer(FakeCard(replies={SELECT: reply}), SELECT, heard.append) == b"\x6f\x00"
    assert isinstance(heard[0], Failed)


@pytest.mark.parametrize("reply", [AsIs(b"\x90"), AsIs(bytes(300))])
def test_what_no_card_answers_is_sent_as_it_is(reply: bytes) -> None:
    assert answer(FakeCard(replies={SELECT: reply}), SELECT, ignore) == reply


@pytest.mark.parametrize("reply", [AsIs(), AsIs(bytes(MAX_PAYLOAD + 1))])
def test_what_no_frame_holds_is_covered_all_the_same(reply: bytes) -> None:
    heard: list[Event] = []
    assert answer(FakeCard(replies={SELECT: reply}), SELECT, heard.append) == b"\x6f\x00"
    assert isinstance(heard[0], Failed)


def test_the_longest_answer_is_sent() -> None:
    reply = bytes(MAX_PAYLOAD)
    assert answer(FakeCard(replies={SELECT: reply}), SELECT, ignore) == reply


# The link -----------------------------------------------------------------------------------------


def test_a_session(driver: Driver, slot: Slot, card: FakeCard) -> None:
    assert slot.wait(0)
    assert driver.ask(b"\x04") == ATR
    driver.send(b"\x01")
    assert driver.ask(SELECT) == SELECT + OK
    driver.send(b"\x02")
    driver.send(b"\x00")
    assert driver.silent()
    assert card.calls == ["on", SELECT.hex(), "reset", "off"]


def test_starting_twice_is_starting_once(driver: Driver, heard: Heard) -> None:
    with vpcd.insert(FakeCard(), port=driver.port, watch=heard.put) as link:
        driver.accept()
        assert link.start() is link
        heard.expect(Connected)
        assert driver.silent()
        driver.listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            driver.listener.accept()
    assert heard.empty()


def test_an_unknown_control_byte_is_answered(driver: Driver, slot: Slot) -> None:
    for byte in (b"\x03", b"\x05", b"\xff"):
        assert driver.ask(byte) == b"\x67\x00"
    assert driver.silent()


def test_frames_sent_together_are_answered_one_by_one(driver: Driver, slot: Slot) -> None:
    driver.link.sendall(encode(b"\x04") + encode(b"\x01") + encode(SELECT) + encode(b"\x02") + encode(b"\x04"))
    assert [driver.receive() for _ in range(3)] == [ATR, SELECT + OK, ATR]
    assert driver.silent()


def test_a_frame_sent_byte_by_byte_is_answered(driver: Driver, slot: Slot) -> None:
    for byte in encode(SELECT):
        driver.link.send(bytes([byte]))
        time.sleep(0.002)
    assert driver.receive() == SELECT + OK


def test_a_bug_in_the_card_does_not_end_the_link(driver: Driver, slot: Slot, card: FakeCard, heard: Heard) -> None:
    card.replies[SELECT] = ZeroDivisionError("a bug")
    assert driver.ask(SELECT) == b"\x6f\x00"
    assert isinstance(heard.expect(Failed).error, ZeroDivisionError)
    assert driver.silent()


def test_close_pulls_the_card_and_takes_its_power(driver: Driver, slot: Slot, card: FakeCard, heard: Heard) -> None:
    slot.close()
    assert driver.link.recv(1) == b""
    assert card.calls == ["off"]
    assert heard.empty()
    assert not slot.wait(0)


def test_close_lets_an_answer_leave(driver: Driver, heard: Heard) -> None:
    asked, go = threading.Event(), threading.Event()

    class Slow(FakeCard):
        def transmit(self, command: bytes) -> bytes:
            asked.set()
            assert go.wait(PATIENCE)
            return command[:0] + OK

    slot = Slot(Slow(), port=driver.port).start()
    driver.accept()
    driver.send(SELECT)
    assert asked.wait(PATIENCE)
    closing = threading.Thread(target=slot.close)
    closing.start()
    time.sleep(0.05)
    go.set()
    assert driver.receive() == OK
    assert driver.link.recv(1) == b""
    closing.join(PATIENCE)


def test_a_lost_link_comes_back_but_not_too_soon(driver: Driver, slot: Slot, card: FakeCard, heard: Heard) -> None:
    dropped = time.monotonic()
    driver.drop()
    assert heard.expect(Disconnected).retry_in == vpcd.RETURN_AFTER
    driver.accept()
    # A card that is back at once leaves the slot at "no card".
    assert time.monotonic() - dropped >= 1.2
    heard.expect(Connected)
    assert driver.ask(SELECT) == SELECT + OK
    assert card.calls == ["off", SELECT.hex()]


def test_a_card_that_is_pulled_in_a_command_stays_out(driver: Driver, heard: Heard) -> None:
    card = FakeCard(replies={SELECT: CardRemoved("it was pulled")})
    with Slot(card, port=driver.port, watch=heard.put):
        driver.accept()
        heard.expect(Connected)
        driver.send(SELECT)
        assert driver.link.recv(1) == b"", "no answer, and not one of no bytes"
        assert heard.expect(Removed).reason == "it was pulled"
        driver.listener.settimeout(1.5)
        with pytest.raises(TimeoutError):
            driver.listener.accept()
    assert card.calls == [SELECT.hex(), "off"]
    assert heard.empty()


@pytest.mark.parametrize(("back", "away"), [(0.0, 1.2), (1.4, 1.4)])
def test_a_card_that_is_pulled_comes_back_by_itself(driver: Driver, heard: Heard, back: float, away: float) -> None:
    card = FakeCard(replies={SELECT: CardRemoved("it was pulled", back=back)})
    with Slot(card, port=driver.port, watch=heard.put):
        driver.accept()
        heard.expect(Connected)
        left = time.monotonic()
        driver.send(SELECT)
        assert driver.link.recv(1) == b""
        gone = heard.expect(Disconnected)
        assert (gone.reason, gone.retry_in) == ("it was pulled", away)
        driver.accept()
        assert time.monotonic() - left >= away
        heard.expect(Connected)
        assert driver.silent()


# Is it this card that the reader means? ------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the link wait a twentieth of its times."""
    for name in ("RETURN_AFTER", "SILENCE", "POLL"):
        monkeypatch.setattr(vpcd, name, getattr(vpcd, name) / 20)


def test_a_card_that_is_polled_and_gets_no_power_starts_over(
    driver: Driver, slot: Slot, card: FakeCard, heard: Heard, quick: None
) -> None:
    """pcscd did not see the card before it go: it would poll this one for ever, and show no card."""
    assert [driver.ask(b"\x04") for _ in range(2)] == [ATR, ATR]
    driver.send(b"\x04")
    assert driver.link.recv(1) == b""
    assert heard.expect(Disconnected).reason == "the reader takes it for the card before it"
    driver.accept()
    assert [driver.ask(b"\x04") for _ in range(2)] == [ATR, ATR]
    driver.send(b"\x01")
    assert [driver.ask(b"\x04") for _ in range(50)] == [ATR] * 50
    assert card.calls == ["off", "on"]


def test_a_reader_that_gives_power_late_gets_more_and_more_time(driver: Driver, slot: Slot, quick: None) -> None:
    for polls in (2, 4, 8, 16, 24, 24):
        assert [driver.ask(b"\x04") for _ in range(polls)] == [ATR] * polls
        driver.send(b"\x04")
        assert driver.link.recv(1) == b""
        driver.accept()


def test_a_command_for_the_card_before_does_not_reach_the_next(
    driver: Driver, slot: Slot, card: FakeCard, heard: Heard, quick: None
) -> None:
    assert driver.ask(b"\x04") == ATR
    driver.send(SELECT)
    assert driver.link.recv(1) == b""
    heard.expect(Disconnected)
    assert card.calls == ["off"]


@pytest.mark.parametrize("signal", [b"\x00", b"\x02"])
def test_a_signal_for_the_card_before_may_come_before_power(
    driver: Driver, slot: Slot, card: FakeCard, heard: Heard, signal: bytes
) -> None:
    """pcscd 1.9.9 turns off, or resets for a client that ends, what it has seen go: ATR OFF ATR ATR ON ATR."""
    assert driver.ask(b"\x04") == ATR
    driver.send(signal)
    assert [driver.ask(b"\x04") for _ in range(2)] == [ATR, ATR]
    driver.send(b"\x01")
    assert driver.ask(b"\x04") == ATR
    assert driver.ask(SELECT) == SELECT + OK
    assert heard.empty()


@pytest.mark.parametrize("byte", [b"\x00", b"\x01", b"\x02"])
def test_a_command_of_one_byte_is_told_by_the_silence_after_it(
    driver: Driver, slot: Slot, heard: Heard, quick: None, byte: bytes
) -> None:
    assert driver.ask(b"\x04") == ATR
    driver.send(b"\x01")
    assert driver.ask(SELECT) == SELECT + OK
    assert driver.ask(byte) == b"\x67\x00"
    assert driver.link.recv(1) == b"", "the reader believes the card to be as it was"
    assert heard.expect(Disconnected).reason == "the reader waits for an answer to a command of one byte"
    driver.accept()
    assert driver.ask(b"\x04") == ATR
    driver.send(b"\x01")
    assert driver.ask(SELECT) == SELECT + OK


def test_silence_after_an_answer_means_nothing(driver: Driver, slot: Slot, heard: Heard, quick: None) -> None:
    assert driver.ask(b"\x04") == ATR
    driver.send(b"\x01")
    assert driver.ask(b"\x04") == ATR
    time.sleep(10 * vpcd.SILENCE)
    assert driver.ask(SELECT) == SELECT + OK
    assert heard.empty()


def test_silence_of_a_pcscd_that_is_held_up_means_nothing(
    driver: Driver, heard: Heard, quick: None, tmp_path: Path
) -> None:
    """It says nothing to its clients either; once it does, a card that it still leaves alone is pulled."""
    with socket.socket(socket.AF_UNIX) as service:
        service.bind(str(tmp_path / "comm"))
        service.listen()
        with Slot(FakeCard(), port=driver.port, watch=heard.put, service=str(tmp_path / "comm")):
            driver.accept()
            heard.expect(Connected)
            driver.send(b"\x01")
            driver.send(b"\x00")
            time.sleep(10 * vpcd.SILENCE)
            assert heard.empty()
            service.settimeout(0.05)
            deadline = time.monotonic() + PATIENCE
            while heard.empty() and time.monotonic() < deadline:
                with contextlib.suppress(TimeoutError):
                    service.accept()[0].close()
            assert driver.receive() == b"\x67\x00"
            heard.expect(Disconnected)


def test_half_a_frame_does_not_reach_the_next_link(
    driver: Driver, slot: Slot, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vpcd, "RETURN_AFTER", 0.01)
    driver.link.sendall(encode(SELECT)[:4])
    driver.drop()
    heard.expect(Disconnected)
    driver.accept()
    assert driver.ask(SELECT) == SELECT + OK


def test_it_waits_for_a_driver_that_starts_late(card: FakeCard, heard: Heard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with Slot(card, port=port, watch=heard.put) as link:
        event = heard.expect(Unreachable)
        assert (event.port, event.reason) == (port, "Connection refused")
        time.sleep(0.3)
        driver = Driver(port)
        driver.accept()
        heard.expect(Connected)
        assert link.wait(0)
        assert driver.ask(b"\x04") == ATR
        assert heard.empty(), "told once, not at every attempt"
    driver.close()


def test_close_ends_the_wait_for_a_driver(card: FakeCard, heard: Heard) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    link = Slot(card, port=port, watch=heard.put).start()
    heard.expect(Unreachable)
    began = time.monotonic()
    link.close()
    assert time.monotonic() - began < 0.5
    assert card.calls == [], "it never had power"


def flood(driver: Driver) -> None:
    """Ask for long answers and read none, until the link takes no more."""
    driver.link.settimeout(0.3)
    with contextlib.suppress(TimeoutError):
        while True:
            driver.link.sendall(encode(SELECT))


def test_close_ends_against_a_driver_that_reads_no_answers(driver: Driver, slot: Slot, card: FakeCard) -> None:
    card.replies[SELECT] = bytes(MAX_PAYLOAD)
    flood(driver)
    began = time.monotonic()
    slot.close()
    assert time.monotonic() - began < 3


@pytest.mark.parametrize("reads", [True, False])
def test_a_signal_handler_may_close(driver: Driver, *, reads: bool) -> None:
    script = (
        "import signal, sys\n"
        "from emulator.reader.vpcd import Slot\n"
        "from tests.kit.reader import FakeCard\n"
        "card = FakeCard(replies={bytes.fromhex('00a4000002ef05'): bytes(int(sys.argv[2]))})\n"
        "link = Slot(card, port=int(sys.argv[1]))\n"
        "signal.signal(signal.SIGTERM, lambda *_: link.close())\n"
        "link.run()\n"
        "print('ended')\n"
    )
    command = [sys.executable, "-c", script, str(driver.port), str(2 if reads else MAX_PAYLOAD)]
    with child.start(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        driver.listener.settimeout(20)
        driver.accept()
        if reads:
            assert driver.ask(SELECT) == bytes(2)
        else:
            flood(driver)
        process.terminate()
        assert process.communicate(timeout=20)[0] == "ended\n"


def test_the_second_slot_listens_one_port_higher(card: FakeCard, driver: Driver, heard: Heard) -> None:
    with Slot(card, 1, port=driver.port - 1, watch=heard.put):
        driver.accept()
        assert heard.expect(Connected).port == driver.port


def test_a_connection_to_itself_is_no_reader(card: FakeCard, driver: Driver, heard: Heard) -> None:
    attempts: list[socket.socket] = []

    def connect(host: str, port: int) -> socket.socket:
        if attempts:
            return vpcd.dial(host, port)
        attempts.append(socket.socket())
        attempts[0].bind((host, 0))
        attempts[0].connect(attempts[0].getsockname())
        return attempts[0]

    with Slot(card, port=driver.port, watch=heard.put, connect=connect):
        driver.accept()
        assert heard.expect(Unreachable).reason == "nothing listens there"
        heard.expect(Connected)
    assert attempts[0].fileno() == -1, "it would hold the driver's own port"


def test_a_slot_nobody_looks_at_is_told(driver: Driver, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vpcd, "UNNOTICED_AFTER", 0.05)
    with Slot(FakeCard(), port=driver.port, watch=heard.put):
        driver.accept()
        heard.expect(Connected)
        assert heard.expect(Unnoticed).port == driver.port
        time.sleep(0.1)
        assert driver.ask(b"\x04") == ATR
        assert heard.empty()


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux acknowledges at once when asked")
def test_an_exchange_does_not_wait_for_a_delayed_acknowledgement(driver: Driver, slot: Slot) -> None:
    times = []
    for _ in range(60):
        began = time.perf_counter()
        driver.ask(SELECT)
        times.append(time.perf_counter() - began)
    # 40 ms and more in the trap, a tenth of one outside.
    assert sorted(times)[len(times) // 2] < 0.01


def test_the_link_imports_nothing_heavy() -> None:
    heavy = "{'click', 'rich', 'cryptography', 'Crypto', 'sqlite3'}"
    script = f"import sys, emulator.reader.vpcd; print({heavy} & set(sys.modules))"
    done = child.run([sys.executable, "-c", script], env=child.unmeasured(), check=True)
    assert done.stdout == "set()\n"
