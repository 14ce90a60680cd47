"""A directory with passbook and purse that FMCOS commands have built."""

from dataclasses import dataclass, field
from typing import Final

from tests.kit.fmcos import FmcosBench, create, directory, fmcos_contents
from tests.kit.purse import TERMINAL, TIME, line_mac, mac, session_key, tac

TRIPLE: Final = "3DES"


PIN: Final = bytes.fromhex("123456")
VALUES: Final = {kind: bytes((kind,)) * 8 + bytes(range(0x70, 0x78)) for kind in range(0x30, 0x40)}


@dataclass
class Wallet:
    """A directory with passbook, purse and all keys, each account with a log of its own, and a terminal."""

    use: int = 0xF0
    pin_next: int = 0x01
    pin_use: int = 0xF0
    key_use: int = 0xF0
    bench: FmcosBench = field(init=False)

    def __post_init__(self) -> None:
        """Build the directory by commands and load its keys."""
        bench = self.bench = FmcosBench(fmcos_contents())
        for apdu in (directory(0x3F02, b"walletTest", size=0x1500, create_erase="F0F0"), "00A40000023F02"):
            bench.ok(apdu)
        bench.ok(create(0, "3F020095F0FFFF"))
        for kind in (0x30, 0x31, 0x32, 0x34, 0x36, 0x37, 0x38, 0x39, 0x3C, 0x3D, 0x3E, 0x3F):
            counted = kind in (0x36, 0x37, 0x38, 0x39)
            head = bytes((kind, self.key_use, 0xF0, 0xFF if counted else 0x05))
            bench.ok(b"\x80\xd4\x01\x00\x15" + head + (b"\x33" if counted else b"\x98") + VALUES[kind])
        bench.ok(b"\x80\xd4\x01\x00\x08\x3a" + bytes((self.pin_use, 0xEF, self.pin_next, 0x33)) + PIN)
        for fid in (0x18, 0x19):
            bench.ok(create(fid, "2E0517F0EFFFFF"))
        bench.ok(create(2, f"2F0208{self.use:02X}00FF18"))
        bench.ok(create(1, f"2F0208{self.use:02X}00FF19"))
        self.select()

    def select(self) -> str:
        """SELECT the directory anew; its answer."""
        return self.bench.ask(b"\x00\xa4\x04\x00\x0a" + b"walletTest")

    def verify(self, pin: bytes = PIN) -> str:
        """VERIFY PIN."""
        return self.bench.word(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin)

    def load(self, which: int, amount: int) -> str:
        """Do a whole load and check its codes; return the status word of the first command that fails."""
        bench, moved = self.bench, amount.to_bytes(4)
        begun = bench.ask(bytes((0x80, 0x50, 0x00, which, 0x0B, 0x00)) + moved + TERMINAL + b"\x10")
        if begun[-4:] != "9000":
            return begun
        data = bytes.fromhex(begun[:-4])
        assert data[6:8] == b"\x05\x98"
        session = session_key(TRIPLE, VALUES[0x3F], data[8:12] + data[4:6] + b"\x80\x00")
        about = moved + bytes((which,)) + TERMINAL
        assert data[12:] == mac(TRIPLE, session, data[:4], about)
        new = (int.from_bytes(data[:4]) + amount).to_bytes(4)
        expected = tac(TRIPLE, VALUES[0x34], new, data[4:6], about, TIME)
        answer = bench.ask(b"\x80\x52\x00\x00\x0b" + TIME + mac(TRIPLE, session, about, TIME) + b"\x04")
        assert answer in (expected.hex().upper() + "9000", answer[-4:])
        return answer[-4:]

    def protected(self, header: str, data: bytes = b"", kind: int = 0x36) -> bytes:
        """Return a command with a MAC under the key of a type."""
        challenge = self.bench.challenge(4)
        covered = bytes.fromhex(header) + bytes((len(data) + 4,)) + data
        return covered + line_mac(TRIPLE, VALUES[kind], challenge, covered)
