"""The card issuer's bench: builds cards over raw APDUs, with crypto of its own.

Commands are typed here from the layouts in the README; nothing of the code under test makes them. A
card can be taken out at any point (`IssuerBench.cells`) and put on the bench again (`IssuerBench.of`), as after a
loss of power.
"""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from hashlib import sha256
from typing import Any, Final, Self

from cardfs.issuing.issue import blank
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from keys.generate import SeededRandom
from tests.kit.card import MF, ORIGINAL, PSE, PSE_NAME, SSSE, SSSE_NAME, CardBench, FailingStore
from tests.kit.reference import Reference

MANUFACTURER_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
NEW_HISTORICAL: Final = bytes.fromhex("00814A444686605199000001AC")
PROFILES: Final = {"3DES": "ssc-2.0", "SM4": "ssc-2.0-sm4"}
ALGORITHM: Final = {"3DES": 0x00, "DES": 0x01, "SM4": 0x03, "": 0xFF}
ADF: Final = f"{SSSE}/DF01"
SECOND_ADF: Final = f"{SSSE}/DF02"
PSE_ADF: Final = f"{PSE}/DF01"
NONE: Final = 0xFF
INSTALL, UPDATE, RETIRE = 0, 1, 2
FREE, NEVER = b"\x01\x00", b"\x00"
TRANSPARENT, FIXED, VARIABLE, CYCLIC, INTERNAL = 0xC4, 0xC5, 0xC6, 0xC7, 0xC3
TLV: Final = 0x01
BODY: Final = bytes(range(0x30, 0x40))


def rule(*alternatives: bytes) -> bytes:
    """Return a rule of CREATE FILE: alternatives of key identifiers."""
    return bytes((len(alternatives),)) + b"".join(bytes((len(each),)) + each for each in alternatives)


def secret(name: str, suite: str = "3DES") -> bytes:
    """Return a key of this bench: any bytes with odd parity, the same every time."""
    value = sha256(name.encode()).digest()[: 8 if suite == "DES" else 16]
    return bytes(byte & 0xFE | (0 if (byte >> 1).bit_count() % 2 else 1) for byte in value)


@dataclass(frozen=True)
class Secret:
    """A key as WRITE KEY carries it."""

    kind: int
    value: bytes
    suite: str = "3DES"
    kid: int = NONE
    version: int = 1
    level: int = 0
    tries: int = 3

    @property
    def plain(self) -> bytes:
        """type | KID | version | 00 | tries | algorithm | level | length | key filled with FF."""
        head = (self.kind, self.kid, self.version, 0, self.tries * 0x11, ALGORITHM[self.suite], self.level)
        return bytes((*head, len(self.value))) + self.value.ljust(16, b"\xff")


def master(value: bytes, suite: str = "3DES", **more: Any) -> Secret:
    """Return a master key."""
    return Secret(0x00, value, suite, **more)


def pin(value: bytes = b"\x73\x91\x54") -> Secret:
    """Return the PIN."""
    return Secret(0x01, value, "")


# Of an environment: what it is, type, level, KID, versions, length class. The same in every one of them.
ENVIRONMENT_KEYS: Final = (
    ("IRK", 0x0E, 0, 0x00, 1),
    ("STK", 0x07, 0, 0x02, 1),
    ("UK", 0x0D, 0, 0x04, 3),
    ("BK", 0x0D, 2, 0x05, 1),
    ("PUK", 0x0D, 1, 0x06, 1),
    ("LK", 0x0D, 3, 0x07, 1),
    ("RK", 0x0D, 0, 0x0A, 1),
)
APPLICATION_KEYS: Final = (
    ("LK", 0x0D, 3, 0x81, 1),
    ("STK", 0x07, 0, 0x82, 1),
    ("UK", 0x0D, 0, 0x83, 1),
    ("RK", 0x0D, 0, 0x88, 1),
    ("DSK", 0x0D, 4, 0x8F, 1),
    ("DLK", 0x08, 0, NONE, 1),
    ("DPK", 0x09, 0, NONE, 1),
    ("DTK", 0x0A, 0, NONE, 1),
)
LABELS: Final = {SSSE: "SSSE", PSE: "PSE", ADF: "DF01", SECOND_ADF: "DF02", PSE_ADF: "PAY"}
NAMES: Final = {SSSE: SSSE_NAME, PSE: PSE_NAME}
AIDS: Final = {
    ADF: bytes.fromhex("D15600000500"),
    SECOND_ADF: bytes.fromhex("D15600000501"),
    PSE_ADF: bytes.fromhex("A00000033301"),
}


class IssuerBench(CardBench):
    """A card on the bench, and everything that its makers know of it."""

    def __init__(self, suite: str = "3DES", overrides: str = "", cells: Mapping[CellKey, Cell] | None = None) -> None:
        """Put a blank card on the bench, or the one of these cells."""
        if cells is None:
            profile = load_profile(PROFILES[suite], tomllib.loads(overrides))
            cells = dict(write_cells(blank(profile)))
        self.store = FailingStore(dict(cells))
        super().__init__(card=Card(Image(read_cells(dict(cells)), self.store), SeededRandom("maker")))
        self.transport = MANUFACTURER_KEY
        self.cmk = secret("CMK")
        self.masters: dict[str, bytes] = {SSSE: secret("EMK"), PSE: secret("FMK")}

    @classmethod
    def of(cls, other: "IssuerBench") -> Self:
        """Return the same card, powered anew, on a bench that knows the same keys."""
        bench = cls(other.suite, cells=other.cells())
        bench.transport, bench.cmk, bench.masters = other.transport, other.cmk, dict(other.masters)
        return bench

    # -- where -------------------------------------------------------------------------------------

    @property
    def here(self) -> str:
        """Return the current DF."""
        return self.card.session.df

    @property
    def environment(self) -> str:
        """Return the environment of the current DF."""
        return self.here[:9]

    def select(self, path: str) -> None:
        """SELECT the MF, then each DF down to ``path``."""
        for fid in path.split("/"):
            assert self.word(f"00A4000002{fid}") == "9000", path

    def phase(self, df: str) -> str:
        """Return the phase that the image holds for a DF."""
        return str(self.card.image.dfs[df].phase)

    # -- keys --------------------------------------------------------------------------------------

    def controlling(self) -> bytes:
        """Return the value of the key that is in control of the current DF, as the issuer knows it."""
        phase = self.phase(self.environment)
        if self.here == MF:
            return self.transport if phase in ("blank", "activated") else self.cmk
        return self.cmk if phase == "created" else self.masters[self.environment]

    def prove(self, value: bytes | None = None, p2: int = 0, *, suite: str = "", version: int | None = None) -> str:  # type: ignore[override]
        """EXTERNAL AUTHENTICATION with a value, P2 00 unless said otherwise; return the status word."""
        value = self.controlling() if value is None else value
        suite = suite or self.suite
        data = Reference(suite).auth(value, self.challenge(), ORIGINAL) + ORIGINAL
        data += b"" if version is None else bytes((version,))
        return self.send(bytes((0x00, 0x82, 0x00, p2, len(data))) + data)

    def key_load(
        self,
        what: Secret | bytes,
        p1: int = INSTALL,
        *,
        under: bytes | None = None,
        suite: str = "",
        challenge: bytes | None = None,
    ) -> bytes:
        """WRITE KEY, enciphered and with a MAC under the key in control or another one."""
        under = self.controlling() if under is None else under
        rules = Reference(suite or self.suite)
        cipher = rules.encrypt(under, what.plain if isinstance(what, Secret) else what)
        covered = bytes((0x84, 0xD4, p1, 0x00, len(cipher) + 4)) + cipher
        return covered + rules.key_load_mac(under, self.challenge() if challenge is None else challenge, covered)

    def load(self, what: Secret | bytes, p1: int = INSTALL, **more: Any) -> str:
        """Send WRITE KEY; return the status word."""
        return self.send(self.key_load(what, p1, **more))

    def tries_left(self, df: str, kid: int | None = None, usage: str = "master", version: int = 1) -> int:
        """Return the try counter of a key, looked up in the cells by what the key is."""
        for (ref, its), key in self.card.image.keys.items():
            named = key.kid == kid if kid is not None else str(key.usage) == usage
            if ref.owner == df and its == version and named:
                return self.card.image.tries[ref, its]
        raise LookupError(df)

    def value(self, df: str, name: str, version: int = 1) -> bytes:
        """Return an application's or environment's key as this bench loads it."""
        return secret(f"{LABELS[df]}.{name}.{version}", self.kind_of(name))

    def kind_of(self, name: str) -> str:
        """Maintenance keys have 8 bytes in the DES world (Part 9, appendix B)."""
        return "DES" if name == "STK" and self.suite == "3DES" else self.suite

    def key_suite(self, name: str) -> str:
        """Return the suite of a key as this bench loads it."""
        return self.kind_of(name)

    def key_value(self, name: str, suite: str, version: int = 1) -> bytes:  # noqa: ARG002 - this bench knows its suites
        """Return a key of the current DF as this bench loads it."""
        return self.value(self.here, name, version)

    def secrets(self, df: str) -> list[tuple[str, Secret]]:
        """Return every key that this bench loads into a DF, by name."""
        rows = ENVIRONMENT_KEYS if df in NAMES else APPLICATION_KEYS
        found = [
            (name, Secret(kind, self.value(df, name, version), self.kind_of(name), kid, version, level))
            for name, kind, level, kid, versions in rows
            for version in range(1, versions + 1)
        ]
        return [*found, ("PIN", pin())] if df in NAMES else found

    # -- files -------------------------------------------------------------------------------------

    def create_df(
        self, fid: int, kind: int, name: bytes = b"", *, lock: int = NONE, directory: int = 0, data: bytes = b""
    ) -> str:
        """CREATE FILE for an MF (00), DDF (01) or ADF (02); return the status word."""
        body = fid.to_bytes(2) + bytes((kind, lock, directory, len(data))) + data + name
        return self.send(bytes((0x80, 0xE0, 0x01, 0x00, len(body))) + body)

    def create_ef(
        self,
        fid: int,
        kind: int = TRANSPARENT,
        sfi: int = 0,
        *,
        flags: int = 0,
        size: int = 16,
        record: int = 0,
        most: int = 0xFE,
        read: bytes = FREE,
        update: bytes = NEVER,
    ) -> str:
        """CREATE FILE for an EF; return the status word."""
        head = fid.to_bytes(2) + bytes((kind, sfi, flags)) + size.to_bytes(2) + bytes((record, most))
        body = head + read + update
        return self.send(bytes((0x80, 0xE0, 0x01, 0x00, len(body))) + body)

    def delete(self, fid: int) -> str:
        """DELETE FILE; return the status word."""
        return self.send(f"80E1000102{fid:04X}")

    def delete_all(self) -> str:
        """DELETE STRUCTURE; return the status word."""
        return self.send("80E1000300")

    def end(self) -> str:
        """END OF PERSONALISATION; return the status word."""
        return self.send("80E0020000")

    # -- the way of a card --------------------------------------------------------------------------

    def activate(self) -> Self:
        """Set transport key and historical bytes, and end activation (Part 10, 5.1)."""
        self.transport = secret("TRANSPORT")
        assert self.send("80E0030010" + self.transport.hex()) == "9000"
        assert self.send("80E005000D" + NEW_HISTORICAL.hex()) == "9000"
        assert self.end() == "9000"
        return self

    def load_card_master(self) -> Self:
        """Replace the transport key by the card master key (Part 10, 5.1.1)."""
        self.select(MF)
        assert self.load(master(self.cmk, self.suite), under=self.transport) == "9000"
        return self

    def create_environment(self, path: str = SSSE) -> Self:
        """Create an environment under the card master key and select it (Part 10, 5.2.2)."""
        self.select(MF)
        assert self.prove() == "9000"
        assert self.create_df(int(path[-4:], 16), 0x01, NAMES[path], lock=0x07, directory=0x1E) == "9000"
        self.select(path)
        return self

    def hand_over(self) -> Self:
        """Load the first master key of the current environment, and prove it (Part 10, 5.2.3)."""
        assert self.load(master(self.masters[self.here], self.suite)) == "9000"
        assert self.prove() == "9000"
        return self

    def fill(self, path: str) -> Self:
        """Create files and load keys in an environment or application, under the environment master key."""
        self.select(path)
        assert self.prove() == "9000"
        # What the environment master key alone writes; what the read key of here reads; PIN; free.
        reading = rule(b"\x88") if path in AIDS else rule(b"\x0a")
        for fid, read, update in (
            (0xEF05, reading, NEVER),
            (0xEF06, rule(b"\xfe"), rule(b"\x04")),
            (0xEF07, FREE, FREE),
        ):
            assert self.create_ef(fid, TRANSPARENT, fid & 0x1F, read=read, update=update) == "9000"
        assert self.create_ef(0xEF08, VARIABLE, 0x08, flags=TLV, size=40, most=4, update=rule(b"\x04")) == "9000"
        assert self.send("00D6850010" + BODY.hex()) == "9000"
        for name, each in self.secrets(path):
            assert self.load(each) == "9000", name
        return self

    def create_application(self, path: str = ADF) -> Self:
        """Create an application under the environment master key, and fill it (Part 10, 5.2.4 and 5.2.5)."""
        self.select(path[:9])
        assert self.prove() == "9000"
        assert self.create_df(int(path[-4:], 16), 0x02, AIDS[path], lock=0x81) == "9000"
        return self.fill(path)

    def finish(self, path: str) -> Self:
        """END in an environment or in the MF."""
        self.select(path)
        assert self.prove() == "9000"
        assert self.end() == "9000"
        return self

    def write_key(self, df: str, name: str) -> Secret:
        """One key of a DF as this bench loads it, version 1."""
        return next(each for its, each in self.secrets(df) if its == name)


# -- places in the life of a card ------------------------------------------------------------------------

Recipe = Callable[[IssuerBench], IssuerBench]


def _card(issuer: IssuerBench, *environments: str) -> IssuerBench:
    """Build environments with their applications, up to the loading of keys."""
    issuer.activate().load_card_master()
    for path in environments:
        issuer.create_environment(path).hand_over().fill(path)
        issuer.create_application(PSE_ADF if path == PSE else ADF)
        if path == SSSE:
            issuer.create_application(SECOND_ADF)
    return issuer


STAGES: Final[dict[str, Recipe]] = {
    "blank": lambda issuer: issuer,
    "activated": lambda issuer: issuer.activate(),
    "mastered": lambda issuer: issuer.activate().load_card_master(),
    "created": lambda issuer: issuer.activate().load_card_master().create_environment(),
    "handed over": lambda issuer: issuer.activate().load_card_master().create_environment().hand_over(),
    "personalising": lambda issuer: _card(issuer, SSSE),
    "two environments": lambda issuer: _card(issuer, SSSE, PSE),
    "in use": lambda issuer: _card(issuer, SSSE).finish(SSSE).finish(MF),
    "both in use": lambda issuer: _card(issuer, SSSE, PSE).finish(SSSE).finish(PSE).finish(MF),
}
"""How far a card has come; each name stands for a card of its own."""


@cache
def _stage(name: str, suite: str, overrides: str) -> IssuerBench:
    """Build a card up to a stage; the same arguments give the same object."""
    return STAGES[name](IssuerBench(suite, overrides))


def stage(name: str, suite: str = "3DES", overrides: str = "", *, at: str = MF) -> IssuerBench:
    """Return a fresh card of a stage, with a DF selected and nothing proven."""
    bench = IssuerBench.of(_stage(name, suite, overrides))
    bench.select(at)
    return bench


def retagged(what: Secret, **changes: Any) -> Secret:
    """Return the same key with other attributes."""
    return replace(what, **changes)
