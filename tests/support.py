"""Cards for tests, and a terminal that knows their keys."""

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

from cardfs.files import CardContents
from cardfs.holder import load_holder
from cardfs.image import Image
from cardfs.issuing import issue
from cardfs.profile import DEMO, load_profile
from cardfs.roots import load_roots
from emulator.card import Card
from keys.generate import SeededRandom
from keys.records import KeyRef

from .reference import Reference, card_key

REGION = "519900"
SERIAL = "000001AC"
PIN = "739154"
PIN_CN = bytes.fromhex(PIN)
HISTORICAL = bytes.fromhex("00814A444686605199000001AC")
SSSE_NAME = bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF")
ORIGINAL = bytes.fromhex("A0A1A2A3A4A5A6A7")
MF = "3F00"
SSSE = "3F00/DDF1"


@cache
def _contents(profile: str, overrides: str) -> CardContents:
    return issue(
        load_profile(profile, tomllib.loads(overrides)),
        load_holder(DEMO / "holder.toml"),
        load_roots(DEMO / "roots.toml"),
        region=REGION,
        serial=SERIAL,
        pin=PIN,
        seed="tests",
    )


def contents(profile: str = "ssc-2.0", overrides: str = "") -> CardContents:
    """Every cell of a demo card; ``overrides`` are TOML settings, ``[settings.pin]`` and so on."""
    return _contents(profile, overrides)


@cache
def roots() -> Mapping[str, bytes]:
    """The demo root keys by name, read straight from the file."""
    table = tomllib.loads((DEMO / "roots.toml").read_text())["roots"]
    return {name: bytes.fromhex(value) for name, value in table.items()}


def reference_key(name: str, suite: str, version: int = 1) -> bytes:
    """The card's key as an independent computation gives it."""
    root = roots()[name if version == 1 else f"{name}.{version}"]
    return card_key(suite, root[:8] if suite == "DES" else root, REGION, HISTORICAL)


class Bench:
    """A card on the bench: hex in, hex out, and the terminal's side of the protocols.

    At the transport level of T=0 `send` is raw; `ask` fetches what waits (61xx) and repeats with the
    right Le (6Cxx) as a terminal does.
    """

    def __init__(self, profile: str = "ssc-2.0", overrides: str = "", *, card: Card | None = None) -> None:
        self.card = card or Card(Image.in_memory(contents(profile, overrides)), SeededRandom("bench"))
        self.suite = self.card.image.info.suite

    # -- bytes --------------------------------------------------------------------------------

    def send(self, apdu: str | bytes) -> str:
        """Send one APDU, raw; the answer in upper-case hex."""
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = self.card.transmit(raw)
        assert self.card.bug is None, self.card.bug
        return answer.hex().upper()

    def ask(self, apdu: str | bytes) -> str:
        """Send one APDU and resolve 61xx and 6Cxx."""
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = self.send(raw)
        if answer[-4:-2] == "6C":
            answer = self.send(raw[:4] + bytes.fromhex(answer[-2:]))
        if answer[-4:-2] == "61":
            answer = answer[:-4] + self.send("00C00000" + answer[-2:])
        return answer

    def word(self, apdu: str | bytes) -> str:
        """The final status word of `ask`."""
        return self.ask(apdu)[-4:]

    @property
    def reason(self) -> str:
        """Why the card answered so."""
        assert self.card.last is not None
        return self.card.last.reason

    def cells(self) -> dict[Any, Any]:
        """A snapshot of the non-volatile memory."""
        return self.card.image.store.load()

    # -- what terminals do --------------------------------------------------------------------

    def select_ssse(self) -> None:
        """SELECT the social-security environment by name."""
        assert self.word(b"\x00\xa4\x04\x00\x0f" + SSSE_NAME) == "9000"

    def select_df(self, name: str) -> None:
        """SELECT the SSSE and then, by FID, the application DF01 to DF07."""
        self.select_ssse()
        if name != "SSSE":
            assert self.word(f"00A4000002{name}") == "9000"

    def challenge(self, length: int = 8) -> bytes:
        """GET CHALLENGE."""
        answer = self.send(f"00840000{length:02X}")
        assert answer[-4:] == "9000", answer
        return bytes.fromhex(answer[:-4])

    def verify(self, pin: bytes = PIN_CN) -> str:
        """VERIFY; the status word."""
        return self.send(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin)

    def key_suite(self, name: str) -> str:
        """The suite of a key of the card, by its name."""
        return next(key.suite_name for (ref, _), key in self.card.image.keys.items() if ref.name == name)

    def authentication(self, name: str, kid: int, version: int | None = None, *, wrong: bool = False) -> bytes:
        """GET CHALLENGE, and the EXTERNAL AUTHENTICATION that follows from it."""
        suite = self.key_suite(name)
        data = Reference(suite).auth(reference_key(name, suite, version or 1), self.challenge(), ORIGINAL)
        if wrong:
            data = bytes((data[0] ^ 1,)) + data[1:]
        data += ORIGINAL + (b"" if version is None else bytes((version,)))
        return bytes((0x00, 0x82, 0x00, kid, len(data))) + data

    def authenticate(
        self, name: str, kid: int | None = None, version: int | None = None, *, wrong: bool = False
    ) -> str:
        """GET CHALLENGE and EXTERNAL AUTHENTICATION with a key; the status word."""
        return self.send(self.authentication(name, self.kid(name) if kid is None else kid, version, wrong=wrong))

    def kid(self, name: str) -> int:
        """The identifier of a key of the card."""
        return next(
            key.kid for (ref, _), key in self.card.image.keys.items() if ref.name == name and key.kid is not None
        )

    def secured(self, header: str, data: bytes = b"", key: str = "STK", *, challenge: bytes | None = None) -> bytes:
        """A command with a MAC under the maintenance key: header CLA INS P1 P2 in hex, data without MAC."""
        suite = self.key_suite(key)
        rules = Reference(suite)
        session = rules.session_key(reference_key(key, suite), self.challenge() if challenge is None else challenge)
        covered = bytes.fromhex(header) + bytes((len(data) + 4,)) + data
        return covered + rules.mac(session, covered)

    def prove(self, names: Iterable[str]) -> None:
        """Verify the PIN and authenticate keys: ``PIN``, ``RK1DF04``."""
        for name in names:
            assert (self.verify() if name == "PIN" else self.authenticate(name)) == "9000", name


def ref(df: str, name: str) -> KeyRef:
    """What points at a key: DF label (SSSE, DF04) and name."""
    return KeyRef(SSSE if df == "SSSE" else f"{SSSE}/{df}", name)
