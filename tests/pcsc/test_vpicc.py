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
