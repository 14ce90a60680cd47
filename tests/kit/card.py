"""Cards for tests, and a terminal that knows their keys."""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cache
from hashlib import sha256
from typing import Any, Final

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.memory.store import Cell, CellKey, MemoryStore
from cardfs.model.errors import StoreFailed
from cardfs.model.files import CardContents, CardInfo, Contents, Df, DfKind, Ef, Protection, Structure
from cardfs.model.rules import Rule, parse_rule
from cardfs.model.settings import Settings
from cardfs.profile.loader import DEMO, load_profile
from emulator.card.apdu import parse
from emulator.card.table import Table
from emulator.cards import Card
from emulator.trace.mask import masked_command
from keys.generate import RandomSource, SeededRandom
from keys.records import Key, KeyId, KeyRef, Usage
from tests.kit.reference import Reference, card_key

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
    """Issue a demo card; the same arguments give the same object."""
    holder = load_holder(DEMO / ("holder-1.0.toml" if profile == "ssc-1.0" else "holder.toml"))
    return issue(
        load_profile(profile, tomllib.loads(overrides)),
        # The demo holder has what a social-security card holds.
        holder if profile.startswith("ssc-") else replace(holder, lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(
            region=REGION,
            # The number of a security module has decimal digits only.
            serial="1" if profile == "psam" else SERIAL,
            pin=PIN,
            seed="tests",
        ),
    )


def contents(profile: str = "ssc-2.0", overrides: str = "") -> CardContents:
    """Return every cell of a demo card; ``overrides`` are TOML settings, ``[settings.pin]`` and so on."""
    return _contents(profile, overrides)


@cache
def roots() -> Mapping[str, bytes]:
    """Return the demo root keys by name, read straight from the file."""
    table = tomllib.loads((DEMO / "roots.toml").read_text())["roots"]
    return {name: bytes.fromhex(value) for name, value in table.items()}


ROOT_NAMES = {"UKMF": "UKSSSE"}
"""Keys that derive from a root of another name: UKMF is what 1.0 calls UKSSSE (Part 6, table 3)."""


def reference_key(name: str, suite: str, version: int = 1) -> bytes:
    """Return the card's key as an independent computation gives it."""
    name = ROOT_NAMES.get(name, name)
    root = roots()[name if version == 1 else f"{name}.{version}"]
    return card_key(suite, root[:8] if suite == "DES" else root, REGION, HISTORICAL)


class CardBench:
    """A card on the bench: hex in, hex out, and the terminal's side of the protocols.

    At the transport level of T=0 `send` is raw; `ask` fetches what waits (61xx) and repeats with the
    right Le (6Cxx) as a terminal does.
    """

    def __init__(self, profile: str = "ssc-2.0", overrides: str = "", *, card: Card | None = None) -> None:
        """Put a demo card on the bench, or ``card``."""
        self.card = card or Card(Image.in_memory(contents(profile, overrides)), SeededRandom("bench"))
        self.suite = self.card.image.info.suite

    # -- bytes --------------------------------------------------------------------------------

    def send(self, apdu: str | bytes) -> str:
        """Send one APDU, raw; return the answer in upper-case hex."""
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
        """Return the final status word of `ask`."""
        return self.ask(apdu)[-4:]

    @property
    def reason(self) -> str:
        """Return why the card answered so."""
        assert self.card.last is not None
        return self.card.last.reason

    def cells(self) -> dict[Any, Any]:
        """Return a snapshot of the non-volatile memory."""
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
        """VERIFY; return the status word."""
        return self.send(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin)

    def key_suite(self, name: str) -> str:
        """Return the suite of a key of the card, by its name."""
        return next(key.suite_name for (ref, _), key in self.card.image.keys.items() if ref.name == name)

    def key_value(self, name: str, suite: str, version: int = 1) -> bytes:
        """Return a key of the card as the terminal knows it."""
        return reference_key(name, suite, version)

    def authentication(self, name: str, kid: int, version: int | None = None, *, wrong: bool = False) -> bytes:
        """GET CHALLENGE, and the EXTERNAL AUTHENTICATION that follows from it."""
        suite = self.key_suite(name)
        data = Reference(suite).auth(self.key_value(name, suite, version or 1), self.challenge(), ORIGINAL)
        if wrong:
            data = bytes((data[0] ^ 1,)) + data[1:]
        data += ORIGINAL + (b"" if version is None else bytes((version,)))
        return bytes((0x00, 0x82, 0x00, kid, len(data))) + data

    def authenticate(
        self, name: str, kid: int | None = None, version: int | None = None, *, wrong: bool = False
    ) -> str:
        """GET CHALLENGE and EXTERNAL AUTHENTICATION with a key; return the status word."""
        return self.send(self.authentication(name, self.kid(name) if kid is None else kid, version, wrong=wrong))

    def kid(self, name: str) -> int:
        """Return the identifier of a key of the card."""
        return next(
            key.kid for (ref, _), key in self.card.image.keys.items() if ref.name == name and key.kid is not None
        )

    def secured(
        self,
        header: str,
        data: bytes = b"",
        key: str = "STK",
        *,
        challenge: bytes | None = None,
        enciphered: bool = False,
    ) -> bytes:
        """Return a command with a MAC under the maintenance key.

        Args:
            header: CLA INS P1 P2 in hex.
            data: plain, without MAC.
        """
        suite = self.key_suite(key)
        rules = Reference(suite)
        session = rules.session_key(self.key_value(key, suite), self.challenge() if challenge is None else challenge)
        if enciphered:
            data = rules.encrypt(session, data)
        covered = bytes.fromhex(header) + bytes((len(data) + 4,)) + data
        return covered + rules.mac(session, covered)

    def prove(self, names: Iterable[str]) -> None:
        """Verify the PIN and authenticate keys: ``PIN``, ``RK1DF04``."""
        for name in names:
            assert (self.verify() if name == "PIN" else self.authenticate(name)) == "9000", name


def long_answer(bench: CardBench, apdu: str) -> str:
    """Give each record file of the current DF three records of 100 bytes, read them all; return the status word."""
    image = bench.card.image
    for ef in image.efs.values():
        if ef.sfi and ef.parent == bench.card.session.df and isinstance(image.contents[ef.path], tuple):
            image.contents[ef.path] = (bytes(100),) * 3
    return bench.send(apdu)[-4:]


def ref(df: str, name: str) -> KeyRef:
    """Return what points at a key: DF label (SSSE, DF04) and name."""
    return KeyRef(SSSE if df == "SSSE" else f"{SSSE}/{df}", name)


# -- a card made by hand: small, every structure and every kind of key, no profile ----------------

PSE = "3F00/DDF2"
PSE_NAME = b"1PAY.SYS.DDF01"
ATR_T0 = bytes.fromhex("3B6D0000") + HISTORICAL
ATR_T1 = bytes.fromhex("3BED00008131FE45") + HISTORICAL + b"\xac"  # TD1 offers T=1; TCK
AIDS = {name: bytes.fromhex(f"D156000005{at:02X}") for at, name in enumerate(("DF01", "DF02", "DF03"))}


def handmade_value(name: str, suite: str, version: int = 1) -> bytes:
    """Return a key of the card made by hand: any bytes, the same every time."""
    return sha256(f"{name}.{version}".encode()).digest()[: 8 if suite == "DES" else 16]


_KEYS: Final[tuple[tuple[str, str, Usage, int | None, int], ...]] = (
    # owner, name, usage, KID, versions
    (SSSE, "EMK", Usage.MASTER, None, 1),
    (SSSE, "PIN", Usage.PIN, None, 1),
    (SSSE, "IRK", Usage.INTERNAL_AUTH, 0x00, 2),
    (SSSE, "STK", Usage.MAC_ENC, 0x02, 1),
    (SSSE, "UK", Usage.EXTERNAL_AUTH, 0x04, 3),
    (SSSE, "BK", Usage.CARD_BLOCK, 0x05, 1),
    (SSSE, "PUK", Usage.PIN_UNBLOCK, 0x06, 1),
    (SSSE, "RK", Usage.EXTERNAL_AUTH, 0x0A, 1),
    (f"{SSSE}/DF01", "LK01", Usage.APP_BLOCK, 0x81, 1),
    (f"{SSSE}/DF01", "STK01", Usage.MAC_ENC, 0x82, 1),
    (f"{SSSE}/DF01", "UK01", Usage.EXTERNAL_AUTH, 0x83, 1),
    (f"{SSSE}/DF01", "RK01", Usage.EXTERNAL_AUTH, 0x88, 1),
    (f"{SSSE}/DF01", "IRK01", Usage.INTERNAL_AUTH, 0x80, 1),
    (f"{SSSE}/DF02", "LK02", Usage.APP_BLOCK, 0x81, 1),
    (PSE, "UKP", Usage.EXTERNAL_AUTH, 0x04, 1),
)

LONG_FILE: Final = bytes(at & 0xFF for at in range(300))
RECORDS: Final = tuple(bytes.fromhex(record) for record in ("0102A1A2", "0203B1B2B3", "0101C1", "0304D1D2D3D4"))

_MACED: Final[dict[str, Any]] = {"secured_update": Protection.MAC}
_BOTH_WAYS: Final[dict[str, Any]] = {"secured_update": Protection.CIPHER, "secured_read": Protection.MAC}
_FREE_FILES: Final[tuple[tuple[int, Structure, dict[str, Any], Contents], ...]] = (
    # SFI in the SSSE, structure, more of the specification, contents
    (0x05, Structure.LINEAR_VARIABLE, {"size": 40, "max_records": 6}, RECORDS),
    (0x06, Structure.LINEAR_VARIABLE, {"size": 40, "read": "RK", "update": "UK"}, (bytes.fromhex("0802E1E2"),)),
    (0x07, Structure.TRANSPARENT, {"size": 300}, LONG_FILE),
    (0x08, Structure.TRANSPARENT, {"size": 16, "read": "RK", "update": "UK"}, LONG_FILE[:16]),
    (0x09, Structure.LINEAR_FIXED, {"record_length": 4, "max_records": 3, "tlv": False}, (b"AAAA", b"BBBB")),
    (0x0A, Structure.CYCLIC, {"record_length": 3, "max_records": 3, "tlv": False}, (b"new", b"old")),
    (0x0B, Structure.INTERNAL, {"size": 20}, bytes(20)),
    (0x0C, Structure.LINEAR_VARIABLE, {"size": 40, **_MACED}, RECORDS),
    (0x0D, Structure.TRANSPARENT, {"size": 16, **_MACED}, LONG_FILE[:16]),
    (0x0E, Structure.LINEAR_VARIABLE, {"size": 40, **_MACED, "update": "UK"}, RECORDS),
    (0x0F, Structure.LINEAR_VARIABLE, {"size": 40, "read": "PIN", "update": "never"}, RECORDS),
    (0x10, Structure.LINEAR_VARIABLE, {"size": 40, "read": "never", "update": "PIN"}, RECORDS),
    (0x11, Structure.LINEAR_VARIABLE, {"size": 40}, ()),
    (0x12, Structure.LINEAR_VARIABLE, {"size": 400}, tuple(bytes((at, 58)) + bytes(58) for at in range(1, 7))),
    (0x13, Structure.TRANSPARENT, {"size": 256}, LONG_FILE[:256]),
    (0x14, Structure.TRANSPARENT, {"size": 16, **_MACED, "update": "UK"}, LONG_FILE[:16]),
    (0x15, Structure.CYCLIC, {"record_length": 4, "max_records": 3}, (bytes.fromhex("0102EEEE"),)),
    (0x16, Structure.LINEAR_VARIABLE, {"size": 40, **_BOTH_WAYS}, RECORDS),
    (0x17, Structure.TRANSPARENT, {"size": 16, **_BOTH_WAYS}, LONG_FILE[:16]),
    (0x18, Structure.LINEAR_VARIABLE, {"size": 40, "read": "RK", "update": "UK", **_BOTH_WAYS}, RECORDS),
    (0x19, Structure.TRANSPARENT, {"size": 256, "read": "RK", "update": "UK", **_BOTH_WAYS}, LONG_FILE[:256]),
)


def _rule(text: str) -> Rule:
    """Parse a rule whose key names are those of `_KEYS`."""

    def resolve(name: str) -> KeyRef:
        return next((KeyRef(owner, each) for owner, each, *_ in _KEYS if each == name), KeyRef(SSSE, "PIN"))

    return parse_rule(text, resolve)


def _ef(df: str, sfi: int, structure: Structure, more: Mapping[str, Any]) -> Ef:
    """Return a file of the card made by hand; ``more`` replaces the free rules and adds sizes."""
    fields: dict[str, Any] = {"read": "free", "update": "free", **more}
    fields.update(read=_rule(fields["read"]), update=_rule(fields["update"]))
    fid = 0xEF00 | sfi
    return Ef(f"{df}/{fid:04X}", fid, None if structure is Structure.INTERNAL else sfi, structure, **fields)


def handmade(
    settings: Settings | None = None,
    *,
    suite: str = "3DES",
    maintenance: str = "",
    pin: bytes = PIN_CN,
    tries: int = 3,
    t1: bool = False,
    values: Mapping[str, bytes] | None = None,
) -> CardContents:
    """Return a small card: an environment with a file of every structure, three applications, a second environment.

    Args:
        maintenance: suite of STK and STK01; that of the card if empty (8 bytes in the DES world).
        values: keys with a value of their own, by name.
    """
    maintenance = maintenance or {"3DES": "DES"}.get(suite, suite)
    values = values or {}
    keys: dict[KeyId, Key] = {}
    for owner, name, usage, kid, versions in _KEYS:
        kind = "" if usage is Usage.PIN else maintenance if usage is Usage.MAC_ENC else suite
        limited = usage.proves or usage is Usage.PIN
        for version in range(1, versions + 1):
            value = pin if usage is Usage.PIN else values.get(name, handmade_value(name, kind, version))
            key = Key(name, usage, kind, value, kid, version, tries if limited and usage.can_lock else 0)
            keys[KeyRef(owner, name), version] = key
    plans = [(_ef(SSSE, sfi, structure, more), contents) for sfi, structure, more, contents in _FREE_FILES]
    for df, sfi, structure, more in (
        ("DF01", 0x05, Structure.LINEAR_VARIABLE, {"size": 40, "read": "PIN | RK01", "update": "UK01"}),
        ("DF01", 0x06, Structure.LINEAR_VARIABLE, {"size": 40, **_MACED}),
        ("DF01", 0x07, Structure.LINEAR_VARIABLE, {"size": 40, **_BOTH_WAYS}),
        ("DF02", 0x05, Structure.LINEAR_VARIABLE, {"size": 40, **_MACED}),
        ("DF02", 0x08, Structure.LINEAR_VARIABLE, {"size": 40, **_BOTH_WAYS}),
        ("DF03", 0x05, Structure.LINEAR_VARIABLE, {"size": 40}),
    ):
        plans.append((_ef(f"{SSSE}/{df}", sfi, structure, more), RECORDS))
    plans.append(
        (
            _ef(f"{SSSE}/DF02", 0x07, Structure.TRANSPARENT, {"size": 16, **_BOTH_WAYS}),
            LONG_FILE[:16],
        )
    )
    plans.append((_ef(PSE, 0x05, Structure.LINEAR_VARIABLE, {"size": 40, "read": "UKP"}), RECORDS))
    dfs = {
        MF: Df(MF, 0x3F00, DfKind.MF),
        SSSE: Df(SSSE, 0xDDF1, DfKind.DDF, SSSE_NAME, 0x1E, bytes.fromhex("860101")),
        PSE: Df(PSE, 0xDDF2, DfKind.DDF, PSE_NAME, 0x01),
        f"{PSE}/DF01": Df(f"{PSE}/DF01", 0xDF01, DfKind.ADF, bytes.fromhex("A000000333")),
    }
    for name, aid in AIDS.items():
        dfs[f"{SSSE}/{name}"] = Df(f"{SSSE}/{name}", int(name, 16), DfKind.ADF, aid)
    return CardContents(
        info=CardInfo("handmade", suite, ATR_T1 if t1 else ATR_T0, HISTORICAL, settings or Settings()),
        dfs=dfs,
        efs={ef.path: ef for ef, _ in plans},
        contents={ef.path: contents for ef, contents in plans},
        keys=keys,
        dictionary={},
    )


class FailingStore(MemoryStore):
    """Non-volatile memory that can be made to fail, at once or after some more writes."""

    writes_left: int | None = None

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        """Write, or raise `StoreFailed` when no writes are left."""
        if self.writes_left is not None:
            if not self.writes_left:
                raise StoreFailed("the memory is worn out")
            self.writes_left -= 1
        super().write(changes, erases=erases)


class HandmadeBench(CardBench):
    """The card made by hand, on the bench, with its SSSE selected; see `handmade`."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        random: RandomSource | None = None,
        contents: CardContents | None = None,
        **changes: Any,
    ) -> None:
        """Put a card made by hand on the bench; ``changes`` are arguments of `handmade`."""
        card_contents = contents or handmade(settings, **changes)
        self.store = FailingStore(dict(write_cells(card_contents)))
        super().__init__(card=Card(Image(card_contents, self.store), random or SeededRandom("handmade")))
        self.values: Mapping[str, bytes] = changes.get("values") or {}
        self.select_ssse()

    def key_value(self, name: str, suite: str, version: int = 1) -> bytes:
        """Return a key of the card made by hand."""
        return self.values.get(name, handmade_value(name, suite, version))

    def lock_application(self) -> None:
        """Select DF01 and lock it for good; it stays selected."""
        self.select_df("DF01")
        self.prove(("LK01",))
        assert self.word(self.secured("841E0001", key="STK01")) == "9000"

    def lock_card(self) -> None:
        """Lock the card for ever."""
        self.prove(("BK",))
        assert self.word(self.secured("84160000")) == "9000"

    def tries(self, name: str, version: int = 1) -> int:
        """Return how many tries a key of the SSSE has left."""
        return self.card.image.tries[KeyRef(SSSE, name), version]

    @property
    def session(self) -> Any:
        """Return the volatile state of the card."""
        return self.card.session


def scripted(*answers: str) -> RandomSource:
    """Return a random source that answers these hex values in turn."""
    waiting = [bytes.fromhex(answer) for answer in answers]

    def draw(length: int, /) -> bytes:
        answer = waiting.pop(0)
        assert len(answer) == length
        return answer

    return draw


def without_key(card_contents: CardContents, name: str) -> CardContents:
    """Return the same card, but one key is not on it."""
    return replace(card_contents, keys={at: key for at, key in card_contents.keys.items() if at[0].name != name})


def family(word: str) -> int:
    """Return a status word as rows list it: 63C2 is 63C0, 611C is 6100, 6C05 is 6C00."""
    value = int(word, 16)
    if value >> 8 in (0x61, 0x6C):
        return value & 0xFF00
    return value & 0xFFF0 if value & 0xFFF0 == 0x63C0 else value


def masked_by(table: Table, raw: bytes) -> str:
    """A command as the trace shows it, by the rows of a table."""
    command = parse(raw)
    row = None if command is None else table.find(command.cla, command.ins, command.p1)
    return masked_command(raw, row, command)
