"""A security module on the bench, and a terminal and issuers that know its keys from the roots, by themselves."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Store
from cardfs.model.files import CardContents
from emulator.cards import Card
from keys.generate import RandomSource, SeededRandom
from keys.records import KeyRef, Usage
from tests.kit.card import HISTORICAL, ORIGINAL, REGION, CardBench, FailingStore, contents, roots
from tests.kit.reference import Reference

SUITES: Final = ("3DES", "SM4")
NAMES: Final = {"3DES": "7378312E73682EC9E7BBE1B1A3D5CF", "SM4": "7378332E73682EC9E7BBE1B1A3D5CF"}
ENVIRONMENT: Final = {"3DES": "3F00", "SM4": "3F00/DDF2"}
APPLICATION: Final = {suite: f"{path}/DF01" for suite, path in ENVIRONMENT.items()}
BLOCK: Final = {"3DES": 8, "SM4": 16}
ALGORITHM: Final = {"3DES": "00", "DES": "01", "SM4": "03"}

CARD: Final = HISTORICAL[5:]
CITY: Final = REGION.encode() + b"sx"
PROVINCE: Final = REGION[:2].encode() + b"0000sh"
FACTORS: Final = (CARD, CITY, PROVINCE)
"""As a terminal sends them: third, second, first level (Part 9, 9.9.3)."""


def psam_key(name: str, suite: str, levels: int) -> bytes:
    """Return a module's key, computed from the national root with all factors but the last ``levels``."""
    key = roots()[name][: 8 if suite == "DES" else 16]
    for factor in (PROVINCE, CITY, CARD)[: 3 - levels]:
        key = Reference(suite).child(key, factor)
    return key


def walked(suite: str, key: bytes, levels: int) -> bytes:
    """Return the card's key from a module's key."""
    for factor in reversed(FACTORS[:levels]):
        key = Reference(suite).child(key, factor)
    return key


class PsamBench(CardBench):
    """A module with the application of one environment selected; answers are hex."""

    def __init__(
        self,
        suite: str = "3DES",
        overrides: str = "",
        *,
        card_contents: CardContents | None = None,
        store: Store | None = None,
        random: RandomSource | None = None,
        select: bool = True,
    ) -> None:
        """Put a security module on the bench, and select its application unless ``select`` is false."""
        card_contents = card_contents or contents("psam", overrides)
        self.store = store or FailingStore(dict(write_cells(card_contents)))
        super().__init__(card=Card(Image(card_contents, self.store), random or SeededRandom("psam")))
        self.suite = suite
        if select:
            self.select_application()

    @property
    def failing(self) -> FailingStore:
        """Return the memory that can be made to fail."""
        assert isinstance(self.store, FailingStore)
        return self.store

    @property
    def rules(self) -> Reference:
        """Return the independent computation of the module's suite."""
        return Reference(self.suite)

    def select_environment(self) -> None:
        """SELECT the environment by name."""
        assert self.word(f"00A404000F{NAMES[self.suite]}") == "9000"

    def select_application(self) -> None:
        """SELECT the environment, then the application."""
        self.select_environment()
        assert self.word("00A4000002DF01") == "9000"

    def authentication(  # type: ignore[override]
        self, kid: int, root: str = "", *, wrong: bool = False, version: str = ""
    ) -> str:
        """GET CHALLENGE, and the EXTERNAL AUTHENTICATION with an own or a master key that follows from it."""
        key = roots()[root or f"PSAMKID{kid:02d}"]
        data = self.rules.auth(key, self.challenge(), ORIGINAL)
        if wrong:
            data = bytes((data[0] ^ 1,)) + data[1:]
        body = data.hex() + ORIGINAL.hex() + version
        return f"008200{kid:02X}{len(body) // 2:02X}{body}"

    def prove_kid(self, kid: int, root: str = "") -> None:
        """Authenticate with the key of this identifier."""
        assert self.send(self.authentication(kid, root)) == "9000"

    def load(
        self,
        plain: str | bytes,
        *,
        change: bool = False,
        file: int = 0x11,
        challenge: int = 4,
        spoil: Callable[[bytearray], None] | None = None,
        key: bytes | None = None,
    ) -> str:
        """CREATE KEY, or CHANGE KEY, of plain data; the command."""
        plain = bytes.fromhex(plain) if isinstance(plain, str) else plain
        key = key or roots()["PSAMADFMK"]
        rules = Reference("DES") if len(key) == 8 else self.rules
        cipher = rules.encrypt(key, plain)
        head = bytes((0x84, 0xD4, change, file, len(cipher) + 4))
        mac = rules.key_load_mac(key, self.challenge(challenge), head + cipher)
        raw = bytearray(head + cipher + mac)
        if spoil:
            spoil(raw)
        return raw.hex()

    def deliver(self, usage: int, identifier: int, factor: bytes, levels: int | None = None) -> str:
        """DELIVERY SESSION KEY with the factors of a card of this region."""
        factors = b"".join(FACTORS[: usage >> 5 if levels is None else levels])
        data = factors + factor.ljust(BLOCK[self.suite], b"\x00")
        return self.send(bytes((0xBF, 0xDE, usage, identifier, len(data))) + data)

    def cipher(self, p1: int, data: bytes) -> str:
        """CIPHER DATA, with the answer fetched."""
        return self.ask(bytes((0x80, 0xFA, p1, 0, len(data))) + data)

    def init_sam(self, version: int = 1, levels: int = 1, algorithm: int | None = None, *, head: str = "") -> str:
        """INIT SAM FOR PURCHASE; the command."""
        byte = int(ALGORITHM[self.suite], 16) if algorithm is None else algorithm
        fixed = head or PURCHASE_HEAD
        data = bytes.fromhex(fixed) + bytes((version, byte)) + b"".join(FACTORS[:levels])
        return f"80700100{len(data):02X}{data.hex()}"

    def sequence(self) -> str:
        """Return what file 0019 holds."""
        contents_of = self.card.image.contents[f"{APPLICATION[self.suite]}/0019"]
        assert isinstance(contents_of, bytes)
        return contents_of.hex().upper()


PURCHASE_HEAD: Final = "01020304" + "0001" + "00000064" + "0000000A" + "00000014" + "32" + "20240131" + "121500"
AMOUNTS: Final = bytes.fromhex(PURCHASE_HEAD[12:36])


def with_value(card_contents: CardContents, suite: str, name: str, value: bytes, kind: str = "") -> CardContents:
    """Return the same module, one key of its application with another value."""
    at = KeyRef(APPLICATION[suite], name), 1
    key = card_contents.keys[at]
    changed = replace(key, value=value, suite_name=kind or key.suite_name)
    return replace(card_contents, keys={**card_contents.keys, at: changed})


def with_sequence(card_contents: CardContents, suite: str, number: int) -> CardContents:
    """Return the same module with another terminal trade sequence."""
    return replace(card_contents, contents={**card_contents.contents, f"{APPLICATION[suite]}/0019": number.to_bytes(4)})


def without_application_keys(card_contents: CardContents) -> CardContents:
    """Return the same module as one without application keys is issued."""
    own = (Usage.MASTER, Usage.EXTERNAL_AUTH)
    keys = {at: key for at, key in card_contents.keys.items() if key.usage in own}
    files = {f"{path}/{fid}": b"" for path in APPLICATION.values() for fid in ("0011", "0012", "0013")}
    return replace(card_contents, keys=keys, contents={**card_contents.contents, **files})


NEW_PLAIN: Final = {"3DES": "2730000000000000" + "C0" * 16, "SM4": "2730000300000000" + "C0" * 16}
CHANGE_PLAIN: Final = "272400" + "C1" * 16


def spoil_mac(raw: bytearray) -> None:
    """Make the MAC of a command wrong."""
    raw[-1] ^= 1


def mac2(bench: PsamBench, number: int = 1) -> str:
    """MAC2 as the user card computes it (Part 7, 12.2 and 12.6)."""
    key = walked(bench.suite, psam_key("DPK", bench.suite, 1), 1)
    session = bench.rules.session_key(key, bytes.fromhex("010203040001") + number.to_bytes(2))
    return bench.rules.mac(session, bytes.fromhex("000000640000000A00000014")).hex()
