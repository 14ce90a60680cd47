"""An FMCOS card for tests, and an issuer that sends what its clients send (FMCOS 2.0 user manual, 7).

MACs and ciphers come from `tests.kit.reference`.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, Final

from cardfs.issuing.issue import blank
from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from emulator.commands.fmcos.rows import FMCOS_ROWS
from keys.generate import RandomSource, SeededRandom
from tests.kit.card import MF, CardBench, FailingStore
from tests.kit.reference import Reference

MASTER: Final = bytes.fromhex("3939393939393939A1A2A3A4A5A6A7A8")
LINE: Final = bytes.fromhex("36363636363636360123456789ABCDEF")
SINGLE: Final = bytes.fromhex("0102030405060708")
PIN: Final = bytes.fromhex("123456")
DATA: Final = bytes(range(0x11, 0x21))
APP: Final = f"{MF}/3F01"
TRIPLE: Final = Reference("3DES")
BY_CODE: Final = {(row.cla, row.ins): row for row in FMCOS_ROWS}


@cache
def fmcos_contents(overrides: str = "") -> CardContents:
    """Return a blank FMCOS card."""
    settings: dict[str, Any] = {"personalisation": {"cos": "fmcos"}}
    if overrides:
        section, name, value = overrides.split()
        settings.setdefault(section, {})[name] = {"True": True, "False": False}.get(value, value)
    return blank(load_profile("ssc-2.0", {"settings": settings}))


def family(word: str) -> int:
    """Return a status word as rows list it."""
    value = int(word, 16)
    if value >> 8 in (0x61, 0x6C):
        return value & 0xFF00
    return value & 0xFFF0 if value & 0xFFF0 == 0x63C0 else value


class FmcosBench(CardBench):
    """An FMCOS card and its issuer, none of whose commands may answer a word beyond its row's."""

    def __init__(self, card: CardContents | None = None, random: RandomSource | None = None) -> None:
        """Put a card on the bench, a blank one if none is given."""
        card = card or fmcos_contents()
        self.store = FailingStore(dict(write_cells(card)))
        super().__init__(card=Card(Image(card, self.store), random or SeededRandom("desk")))
        self.seen: set[tuple[int, int, int]] = set()

    def send(self, apdu: str | bytes) -> str:
        """Send one APDU, check its status word against its row, and note both in ``seen``."""
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = super().send(raw)
        row = BY_CODE.get((raw[0], raw[1])) if len(raw) > 1 else None
        if row is not None:
            word = family(answer[-4:])
            self.seen.add((raw[0], raw[1], word))
            assert word in row.status_words, f"{raw[:2].hex()} {row.name} answers {answer[-4:]}: {self.reason}"
        return answer

    def ok(self, apdu: str | bytes) -> bytes:
        """Send a command that must succeed; its data."""
        answer = self.ask(apdu)
        assert answer[-4:] == "9000", (answer, self.reason)
        return bytes.fromhex(answer[:-4])

    def authenticated(self, identifier: int, key: bytes, length: int = 8) -> bytes:
        """GET CHALLENGE, and EXTERNAL AUTHENTICATE that answers it (7.1)."""
        cryptogram = TRIPLE.blocks(key, self.challenge(length).ljust(8, b"\x00"))
        return b"\x00\x82\x00" + bytes((identifier, 8)) + cryptogram

    def mac(self, header: str, data: bytes = b"", key: bytes = LINE, *, length: int = 8, le: bytes = b"") -> bytes:
        """Return a command with a MAC, its initial value a challenge (11.3)."""
        covered = bytes.fromhex(header) + bytes((len(data) + 4,)) + data
        return covered + TRIPLE.key_load_mac(key, self.challenge(length), covered) + le

    def load(self, header: str, plain: bytes, key: bytes = MASTER) -> bytes:
        """WRITE KEY, enciphered and with a MAC (7.12 and 11.2)."""
        return self.mac(header, TRIPLE.encrypt(key, plain), key)

    def protected(self, header: str, data: bytes, *, cipher: bool) -> str:
        """Send an update under line protection; return the status word."""
        return self.send(self.mac(header, TRIPLE.encrypt(LINE, data) if cipher else data))

    def read(self, header: str, le: str, *, cipher: bool) -> bytes:
        """Read under line protection, verify the MAC of the answer, and return it."""
        challenge_before = self.mac(header, le=bytes.fromhex(le))
        # The MAC of the answer has the same initial value as that of the command.
        challenge = self.card.session.challenge
        assert challenge is not None
        answer = self.ok(challenge_before)
        data, mac = answer[:-4], answer[-4:]
        assert mac == TRIPLE.key_load_mac(LINE, challenge, data)
        return TRIPLE.decrypt(LINE, data) if cipher else data


def key(kind: int, use: int, change: int, following: int, tries: int, value: bytes) -> bytes:
    """Data of WRITE KEY in clear (7.12.3)."""
    return bytes((kind, use, change, following, tries)) + value


def write_key(kind: int, value: bytes, *, identifier: int = 0, use: int = 0xF0, change: int = 0xF0) -> bytes:
    """WRITE KEY that adds in clear: next state A, three tries."""
    data = key(kind, use, change, 0x0A, 0x33, value)
    return bytes((0x80, 0xD4, 0x01, identifier, len(data))) + data


def create(fid: int, data: str) -> bytes:
    """CREATE FILE (7.13)."""
    raw = bytes.fromhex(data)
    return b"\x80\xe0" + fid.to_bytes(2) + bytes((len(raw),)) + raw


def directory(fid: int, name: bytes = b"\xd1appl", *, size: int = 0x0800, create_erase: str = "F0FA") -> bytes:
    """CREATE FILE of a directory whose FCI shows file 0015."""
    return create(fid, f"38{size:04X}{create_erase}95FFFF{name.hex()}")


def application(bench: FmcosBench, create_erase: str = "F0FA") -> FmcosBench:
    """Build an application 3F01 with keys and files, and select it: state 0, not open."""
    bench.ok(directory(0x3F01, create_erase=create_erase))
    bench.ok("00A40000023F01")
    bench.ok(create(0x0001, "3F020095F0FFFF"))
    bench.ok(write_key(0x39, MASTER))
    bench.ok(write_key(0x39, SINGLE, identifier=1, use=0x11, change=0xFA))
    bench.ok(write_key(0x36, LINE))
    bench.ok(write_key(0x3A, PIN))
    bench.ok(write_key(0x30, SINGLE, identifier=2))
    for at, protection in enumerate((0x00, 0x80, 0xC0)):
        access = "7F" if protection else "FF"
        for first, kind, size in ((2, 0x28, "0020"), (5, 0x2A, "0310"), (8, 0x2C, "0040"), (11, 0x2E, "0210")):
            bench.ok(create(first + at, f"{kind | protection:02X}{size}F0F0FF{access}"))
    bench.ok(create(0x0015, "280004F0F0FFFF"))
    bench.ok(create(0x0016, "280008F5F5FFFF"))
    bench.ok(create(0x0017, "2C0040F5F5FFFF"))
    bench.ok(create(0x0018, "A80008F0F0FF7C"))  # written under the key 36 with identifier 03, which is not there
    bench.ok(create(0x0019, "A80008F0F0FF73"))  # read under that one
    bench.ok(create(0x001A, "AC0040F0F0FF70"))
    bench.ok(create(0x0100, "280008F0F0FFFF"))
    bench.ok("00A40000023F00")
    bench.ok("00A40000023F01")
    return bench


def raw(apdu: str | bytes) -> Callable[[FmcosBench], bytes]:
    """Return a command that needs no terminal."""
    data = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
    return lambda _bench: data


ADDED: Final = key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, SINGLE)


SAMPLES: Final[dict[tuple[int, int], Callable[[FmcosBench], bytes]]] = {
    (0x80, 0xE0): raw(create(0x0200, "280008F0F0FFFF")),
    (0x80, 0xD4): raw(write_key(0x39, SINGLE, identifier=3)),
    (0x84, 0xD4): lambda bench: bench.load("84D40103", ADDED),
    (0x80, 0x0E): raw("800E000000"),
    (0x00, 0xA4): raw("00A40000023F01"),
    (0x00, 0x84): raw("0084000008"),
    (0x00, 0x82): lambda bench: bench.authenticated(0, MASTER),
    (0x00, 0x88): raw("00880002080102030405060708"),
    (0x00, 0x20): raw(b"\x00\x20\x00\x00\x03" + PIN),
    (0x00, 0xB0): raw("00B0820020"),
    (0x04, 0xB0): lambda bench: bench.mac("04B08300", le=b"\x10"),
    (0x00, 0xB2): raw("00B2012C00"),
    (0x04, 0xB2): lambda bench: bench.mac("04B20134", le=b"\x00"),
    (0x00, 0xD6): raw("00D6820002BEEF"),
    (0x04, 0xD6): lambda bench: bench.mac("04D68300", DATA),
    (0x00, 0xDC): raw(b"\x00\xdc\x01\x2c\x10" + DATA),
    (0x04, 0xDC): lambda bench: bench.mac("04DC0134", DATA),
    (0x00, 0xE2): raw(b"\x00\xe2\x00\x2c\x10" + DATA),
    (0x04, 0xE2): lambda bench: bench.mac("04E20034", DATA),
}
"""One command of each row that succeeds in the application, a record being in 05 and 06 and its state A."""


def ready() -> FmcosBench:
    """Return the application with a record in 05 and 06, in state A."""
    bench = application(FmcosBench())
    bench.ok(b"\x00\xe2\x00\x2c\x10" + DATA)
    bench.ok(bench.mac("04E20034", DATA))
    bench.ok(bench.authenticated(0, MASTER))
    return bench
