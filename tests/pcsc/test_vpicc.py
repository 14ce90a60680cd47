"""Our card in vsmartcard's own emulator (python3-virtualsmartcard), in a real reader and in its reversed mode."""

import contextlib
import signal
import socket
import struct
import sys
import threading
import time
from pathlib import Path

import pytest

from cardfs.memory.image import Image
from emulator.ports import AsIs, CardRemoved
from emulator.reader import vpicc
from emulator.reader.vpicc import VpiccCard, VpiccError, VpiccLink
from tests.kit import child
from tests.pcsc.harness import EchoCard, PcscStack

INSERT = [sys.executable, "-m", "emulator.cli", "insert", "--link", "vpicc"]
SELECT = bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "card.sscard"
    child.run([sys.executable, "-m", "emulator.cli", "issue", path], check=True)
    return path


def test_a_card_image_in_a_real_reader(stack: PcscStack, image: Path) -> None:
    holder = stack.hold([*INSERT, str(image), "--slot", "0"])
    stack.wait_for_cards([0])
    with contextlib.closing(Image.open(image, writable=False)) as memory:
        atr = memory.info.atr
    done = stack.run(["opensc-tool", "-r", "0", "-a"])
    assert done.stdout.strip() == atr.hex(":")
    with stack.terminal(0) as terminal:
        assert terminal.transmit(SELECT) == b"\x61\x1e"
        assert terminal.transmit(bytes.fromhex("00C000001E"))[-2:] == b"\x90\x00"
        assert terminal.transmit(bytes.fromhex("0020000003123456")) == b"\x90\x00"
    stack.release(holder)
    stack.wait_until_empty([0])


def test_the_vpcd_of_reversed_mode_calls(image: Path) -> None:
    """Stand for the driver in reversed mode: it dials, powers the card, asks its ATR, and sends a command."""
    port = _free_port()
    with child.start([*INSERT, "--reversed", "--port", str(port), "--quiet", image]) as process:
        with _dialled(port) as driver:
            driver.settimeout(10)
            _send(driver, b"\x01")
            _send(driver, b"\x04")
            assert _receive(driver)[:1] == b"\x3b"
            _send(driver, SELECT)
            assert _receive(driver) == b"\x61\x1e"
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_the_five_methods_are_those_of_vsmartcard() -> None:
    card = EchoCard()
    ours = VpiccCard(card)
    theirs = vpicc._virtualsmartcard().SmartcardOS
    wanted = {name for name, value in vars(theirs).items() if callable(value)}
    assert wanted == {"getATR", "powerUp", "powerDown", "reset", "execute"}
    assert ours.getATR() == card.atr
    ours.powerUp()
    assert ours.execute(SELECT) == SELECT + b"\x90\x00"
    ours.reset()
    ours.powerDown()
    assert card.calls == ["on", SELECT.hex(), "reset", "off"]


def test_a_card_that_raises_is_told_and_answers() -> None:
    class Broken(EchoCard):
        def transmit(self, _command: bytes) -> bytes:
            raise ZeroDivisionError

    seen: list[object] = []
    assert VpiccCard(Broken(), seen.append).execute(SELECT) == b"\x6f\x00"
    assert len(seen) == 1


class Leaving(EchoCard):
    """A card that leaves the reader at 0001, and comes back by itself or not; 0002 gets an answer no card gives."""

    def __init__(self, back: float | None) -> None:
        super().__init__()
        self.back = back

    def transmit(self, command: bytes) -> bytes:
        if command == b"\x00\x01":
            raise CardRemoved("it left", back=self.back)
        return AsIs(b"\x90") if command == b"\x00\x02" else super().transmit(command)


def test_a_card_that_leaves_ends_the_link(image: Path) -> None:
    command = [*INSERT, "--quiet", "--fault", "pull on=SELECT", image]
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        port = server.getsockname()[1]
        with child.start([*command, "--port", port], stdout=-1, stderr=-1, text=True) as process:
            driver, _ = server.accept()
            with driver:
                driver.settimeout(10)
                _send(driver, SELECT)
                assert driver.recv(1) == b"", "no answer"
            output, errors = process.communicate(timeout=20)
    assert (process.returncode, output, errors) == (0, "", "sscard: the card was pulled out before the command\n")


def test_a_card_that_comes_back_dials_again() -> None:
    card, seen = Leaving(0.1), list[object]()
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        link = VpiccLink(card, "127.0.0.1", server.getsockname()[1], watch=seen.append)
        thread = threading.Thread(target=_run, args=(link,))
        thread.start()
        driver, _ = server.accept()
        with driver:
            driver.settimeout(10)
            _send(driver, b"\x00\x02")
            assert _receive(driver) == b"\x90", "it passes as it is"
            _send(driver, b"\x00\x01")
            assert driver.recv(1) == b""
        left = time.monotonic()
        driver, _ = server.accept()
        with driver:
            driver.settimeout(10)
            assert time.monotonic() - left > 1, "sooner the reader may not notice"
            _send(driver, SELECT)
            assert _receive(driver) == SELECT + b"\x90\x00"
            link.close()
        thread.join(10)
    assert not thread.is_alive()
    assert [type(event).__name__ for event in seen] == ["Connected", "Disconnected", "Connected", "Disconnected"]
    assert card.calls.count("off") == 2, "out of the reader it has no power"


def test_a_card_that_is_away_can_be_closed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(20)
        link = VpiccLink(Leaving(600), "127.0.0.1", server.getsockname()[1])
        thread = threading.Thread(target=_run, args=(link,))
        thread.start()
        driver, _ = server.accept()
        with driver:
            _send(driver, b"\x00\x01")
        time.sleep(0.5)
        link.close()
        thread.join(5)
    assert not thread.is_alive()


def test_what_is_missing_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vpicc, "FOLDERS", ())
    monkeypatch.delitem(sys.modules, "virtualsmartcard.VirtualSmartcard", raising=False)
    monkeypatch.setitem(sys.modules, "virtualsmartcard", None)
    with pytest.raises(VpiccError, match=r"cannot be loaded .*apt install python3-virtualsmartcard$"):
        VpiccLink(EchoCard(), "127.0.0.1", 1)


def test_where_nothing_listens_and_an_option_too_many(image: Path) -> None:
    port = _free_port()
    done = child.run([*INSERT, "--port", str(port), image])
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        f"sscard: no reader listens at 127.0.0.1:{port}: Connection refused",
    )
    done = child.run([sys.executable, "-m", "emulator.cli", "insert", "--reversed", image])
    assert (done.returncode, done.stderr) == (
        2,
        "sscard: --reversed: only vsmartcard's own link has this mode; add --link vpicc\n",
    )


def test_close_ends_a_wait_for_the_reader() -> None:
    link = VpiccLink(EchoCard(), "", _free_port())
    thread = threading.Thread(target=_run, args=(link,))
    thread.start()
    time.sleep(0.2)
    link.close()
    thread.join(5)
    assert not thread.is_alive()


def _run(link: VpiccLink) -> None:
    with contextlib.suppress(VpiccError):
        link.run()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        number: int = server.getsockname()[1]
        return number


def _dialled(port: int) -> socket.socket:
    for _ in range(100):
        with contextlib.suppress(OSError):
            return socket.create_connection(("127.0.0.1", port), 1)
        time.sleep(0.1)
    raise AssertionError("nobody waits for the driver")


def _send(driver: socket.socket, data: bytes) -> None:
    driver.sendall(struct.pack("!H", len(data)) + data)


def _receive(driver: socket.socket) -> bytes:
    (length,) = struct.unpack("!H", driver.recv(2, socket.MSG_WAITALL))
    return driver.recv(length, socket.MSG_WAITALL)
