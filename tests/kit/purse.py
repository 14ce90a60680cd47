"""A card with passbook and purse, made by hand, and the terminal and host that trade with it.

Everything that has a MAC or TAC is computed by `tests.kit.reference`, from the tables of the FMCOS 2.0 manual (8)
and the worked examples beside it.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from cardfs.memory.image import Image
from cardfs.memory.store import MemoryStore, Store
from cardfs.model.files import CardContents, CardInfo, CommandSet, Contents, Df, DfKind, Ef, Protection, Structure
from cardfs.model.rules import FREE_RULE, NEVER_RULE, Rule
from cardfs.model.settings import Settings
from emulator.cards import Card
from keys.generate import RandomSource, SeededRandom
from keys.records import Key, KeyId, KeyRef, Usage
from tests.kit.card import ATR_T0, ATR_T1, HISTORICAL, MF, PSE, PSE_NAME, SSSE, SSSE_NAME, CardBench
from tests.kit.reference import Reference, xor

ADF: Final = f"{PSE}/3F01"
AID: Final = bytes.fromhex("A00000000386980701")
SERIAL_NUMBER: Final = bytes.fromhex("00061998081700000030")
PUBLIC: Final = (
    bytes.fromhex("111122223333")
    + bytes.fromhex("0006")
    + b"\x03\x01"
    + SERIAL_NUMBER
    + bytes.fromhex("19980815" + "19991231" + "5566")
)
PIN: Final = bytes.fromhex("123456")
TERMINAL: Final = bytes.fromhex("001122334455")
TIME: Final = bytes.fromhex("20161216105800")
CAPP_RECORDS: Final = (bytes.fromhex("A10102030405"), bytes.fromhex("A211121314"), bytes.fromhex("A3"))
ED, EP = 1, 2
ALGORITHMS: Final = {"3DES": 0x00, "DES": 0x01, "SM4": 0x04}

KEYS: Final[tuple[tuple[str, Usage, int, int, int], ...]] = (
    # name, usage, index, version, tries
    ("PIN", Usage.PIN, 0, 1, 3),
    ("DPK0", Usage.PURCHASE, 0, 5, 0),
    ("DPK1", Usage.PURCHASE, 1, 6, 0),
    ("DLK1", Usage.LOAD, 1, 7, 0),
    ("DLK2", Usage.LOAD, 2, 8, 0),
    ("DULK", Usage.UNLOAD, 1, 9, 0),
    ("DUK", Usage.OVERDRAFT, 1, 10, 0),
    ("DTK", Usage.TAC, 0, 1, 0),
    ("DAMK", Usage.MAC_ENC, 0, 1, 3),
    ("DPUK", Usage.PIN_UNBLOCK, 0, 1, 3),
    ("DRPK", Usage.PIN_RELOAD, 0, 1, 3),
    ("UK", Usage.EXTERNAL_AUTH, 1, 1, 3),
    ("IK", Usage.INTERNAL_AUTH, 2, 1, 0),
)


def value_of(name: str, suite: str) -> bytes:
    """Return a key: any bytes, the same every time."""
    return sha256(name.encode()).digest()[: 8 if suite == "DES" else 16]


def _ef(fid: int, structure: Structure, read: Rule = FREE_RULE, update: Rule = FREE_RULE, **more: Any) -> Ef:
    """Return a file of the application; the internal ones have no SFI."""
    sfi = None if structure is Structure.INTERNAL else fid
    return Ef(f"{ADF}/{fid:04X}", fid, sfi, structure, read, update, tlv=False, **more)


def money(
    balance: int = 0, online: int = 0, offline: int = 0, limit: int | None = None, proof: bytes = bytes(11)
) -> bytes:
    """Return what the internal file of a passbook (with a limit) or purse contains."""
    head = balance.to_bytes(4) + online.to_bytes(2) + offline.to_bytes(2)
    return head + (b"" if limit is None else limit.to_bytes(3)) + proof


def contents(
    settings: Settings | None = None,
    *,
    suite: str = "3DES",
    maintenance: str = "",
    alone: bool = False,
    passbook: bytes | None = None,
    purse: bytes | None = None,
    pin: bytes = PIN,
    t1: bool = True,
    values: Mapping[str, bytes] | None = None,
    without: tuple[str, ...] = (),
) -> CardContents:
    """Return a card with a financial environment.

    Args:
        maintenance: suite of DAMK and DPUK; that of the card if empty.
        alone: without a social-security environment beside it.
        without: names of keys and FIDs of files that are left out.
        values: keys with a value of their own, by name.
    """
    keys: dict[KeyId, Key] = {}
    for name, usage, index, version, tries in KEYS:
        if name in without:
            continue
        kind = maintenance or suite if usage in (Usage.MAC_ENC, Usage.PIN_UNBLOCK) else suite
        value = pin if usage is Usage.PIN else (values or {}).get(name, value_of(name, kind))
        algorithm = ALGORITHMS[suite] if usage in _TRADE_USAGES else None
        kind = "" if usage is Usage.PIN else kind
        at = KeyRef(ADF, name), version
        keys[at] = Key(name, usage, kind, value, index, version, tries, algorithm=algorithm)
    uk, line = Rule("UK", (frozenset((KeyRef(ADF, "UK"),)),)), Protection.MAC
    plans: list[tuple[Ef, Contents]] = [
        (_ef(0x0001, Structure.INTERNAL, NEVER_RULE, NEVER_RULE, size=22), passbook or money(limit=0)),
        (_ef(0x0002, Structure.INTERNAL, NEVER_RULE, NEVER_RULE, size=19), purse or money()),
        (_ef(0x0015, Structure.TRANSPARENT, size=30, secured_update=line), PUBLIC),
        (_ef(0x0016, Structure.TRANSPARENT, update=uk, size=39), bytes(range(39))),
        (_ef(0x0017, Structure.LINEAR_FIXED, record_length=4, max_records=3), (b"AAAA", b"BBBB")),
        (_ef(0x0018, Structure.CYCLIC, update=NEVER_RULE, record_length=0x17, max_records=10), ()),
        (_ef(0x0019, Structure.LINEAR_VARIABLE, size=20, secured_update=line), CAPP_RECORDS),
        (
            _ef(0x001A, Structure.LINEAR_VARIABLE, read=uk, update=uk, size=20, secured_update=line),
            CAPP_RECORDS,
        ),
        (_ef(0x001B, Structure.CYCLIC, record_length=4, max_records=3), (b"new!", b"old!")),
        (_ef(0x001C, Structure.TRANSPARENT, read=uk, update=uk, size=8, secured_update=line), bytes(8)),
    ]
    dfs = [
        Df(MF, 0x3F00, DfKind.MF),
        Df(PSE, 0xDDF2, DfKind.DDF, PSE_NAME, 1, command_set=CommandSet.FINANCIAL),
        Df(ADF, 0x3F01, DfKind.ADF, AID, command_set=CommandSet.PURSE),
    ]
    if not alone:
        dfs.append(Df(SSSE, 0xDDF1, DfKind.DDF, SSSE_NAME, 0x1E))
        keys[KeyRef(SSSE, "PIN"), 1] = Key("PIN", Usage.PIN, "", bytes.fromhex("7391"), None, 1, 3)
    chosen = [(ef, each) for ef, each in plans if f"{ef.fid:04X}" not in without]
    return CardContents(
        info=CardInfo("purse", suite, ATR_T1 if t1 else ATR_T0, HISTORICAL, settings or Settings()),
        dfs={df.path: df for df in dfs},
        efs={ef.path: ef for ef, _ in chosen},
        contents={ef.path: each for ef, each in chosen},
        keys=keys,
        dictionary={},
    )


_TRADE_USAGES: Final = (Usage.PURCHASE, Usage.LOAD, Usage.UNLOAD, Usage.OVERDRAFT)


# -- the other side's computations ----------------------------------------------------------------------


def cbc(suite: str, key: bytes, data: bytes, initial: bytes = b"") -> bytes:
    """Return the last block of CBC over padded data, block by block; ``key`` is single-length DES or SM4."""
    rules = Reference("SM4" if suite == "SM4" else "DES")
    data += b"\x80"
    data += bytes(-len(data) % rules.block)
    state = initial.ljust(rules.block, b"\x00")
    for at in range(0, len(data), rules.block):
        state = rules.blocks(key, xor(state, data[at : at + rules.block]))
    return state


def session_key(suite: str, key: bytes, block: bytes) -> bytes:
    """Return a session key: the block enciphered, under SM4 with its complement."""
    assert len(block) == 8
    whole = block + bytes(255 - byte for byte in block) if suite == "SM4" else block
    return Reference(suite).blocks(key, whole)


def mac(suite: str, session: bytes, *parts: bytes) -> bytes:
    """Return a MAC under a session key."""
    return cbc(suite, session, b"".join(parts))[:4]


def folded(key: bytes, suite: str) -> bytes:
    """Return what computes TACs and the MAC of RELOAD PIN."""
    return xor(key[:8], key[8:]) if suite == "3DES" else key


def tac(suite: str, key: bytes, *parts: bytes) -> bytes:
    """Return a TAC."""
    return mac(suite, folded(key, suite), *parts)


def line_mac(suite: str, key: bytes, challenge: bytes, data: bytes) -> bytes:
    """Return the MAC of a command under the key itself, from the challenge."""
    if suite == "SM4":
        return cbc(suite, key, data, challenge)[:4]
    return Reference(suite).key_load_mac(key, challenge, data)


class PurseBench(CardBench):
    """The card on the bench, its purse application selected, and a terminal that knows all keys."""

    def __init__(
        self,
        settings: Settings | None = None,
        *,
        card_contents: CardContents | None = None,
        store: Store | None = None,
        random: RandomSource | None = None,
        select: bool = True,
        **changes: Any,
    ) -> None:
        """Put a card with passbook and purse on the bench, and select its application unless ``select`` is false."""
        self.card_contents = card_contents or contents(settings, **changes)
        image = Image.in_memory(self.card_contents) if store is None else Image(self.card_contents, store)
        super().__init__(card=Card(image, random or SeededRandom("purse")))
        self.sequence = 0
        if select:
            self.select()

    # -- plain commands -------------------------------------------------------------------------------

    def select(self) -> str:
        """SELECT the application; the whole answer."""
        return self.ask(b"\x00\xa4\x04\x00\x09" + AID)

    def pin(self, pin: bytes = PIN) -> str:
        """VERIFY."""
        return self.send(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin)

    def key_of(self, name: str) -> tuple[str, bytes]:
        """Suite and value of a key of the application, as the card was made."""
        key = next(key for (ref, _), key in self.card_contents.keys.items() if ref == KeyRef(ADF, name))
        return key.suite_name, key.value

    def balance(self, which: int) -> int:
        """Return the balance as the card holds it."""
        return int.from_bytes(self.file(which)[:4])

    def file(self, fid: int) -> Any:
        """Contents of a file of the application."""
        return self.card.image.contents[f"{ADF}/{fid:04X}"]

    @property
    def df(self) -> Df:
        """Return the application as the card holds it."""
        return self.card.image.dfs[ADF]

    def tries(self, name: str) -> int:
        """Return how many tries a key has left."""
        return next(left for (ref, _), left in self.card.image.tries.items() if ref == KeyRef(ADF, name))

    def external(self, length: int = 8, name: str = "UK", index: int = 1) -> bytes:
        """GET CHALLENGE, and the EXTERNAL AUTHENTICATION that answers it."""
        suite, value = self.key_of(name)
        rules = Reference(suite)
        data = rules.blocks(value, self.challenge(length).ljust(rules.block, b"\x00"))
        return bytes((0x00, 0x82, 0x00, index, len(data))) + data

    def authenticated(self, length: int = 8) -> str:
        """Authenticate the key UK; return the status word."""
        return self.send(self.external(length))

    # -- line protection --------------------------------------------------------------------------------

    def protected(
        self, header: str, data: bytes = b"", key: str = "DAMK", *, challenge: bytes | None = None, zero: bool = False
    ) -> bytes:
        """Return a command with a MAC: header CLA INS P1 P2 in hex, data without MAC."""
        initial = b"" if zero else self.challenge(4) if challenge is None else challenge
        covered = bytes.fromhex(header) + bytes((len(data) + 4,)) + data
        return covered + line_mac(*self.key_of(key), initial, covered)

    # -- trades -----------------------------------------------------------------------------------------

    def initialize(
        self, p1: int, which: int, index: int, amount: int | None, terminal: bytes = TERMINAL
    ) -> tuple[bytes, str]:
        """INITIALIZE; data and status word of the answer."""
        data = bytes((index,)) + (b"" if amount is None else amount.to_bytes(4)) + terminal
        answer = bytes.fromhex(self.ask(bytes((0x80, 0x50, p1, which, len(data))) + data + b"\x00"))
        return answer[:-2], answer[-2:].hex().upper()

    def online(self, p1: int, which: int, index: int, amount: int, kind: int, key: str) -> tuple[bytes, bytes, bytes]:
        """INITIALIZE of a load or unload, its MAC1 checked: session key, what MAC2 covers, answer."""
        begun, word = self.initialize(p1, which, index, amount)
        assert word == "9000", self.reason
        suite, value = self.key_of(key)
        session = session_key(suite, value, begun[8:12] + begun[4:6] + b"\x80\x00")
        about = amount.to_bytes(4) + bytes((kind,)) + TERMINAL
        assert begun[12:] == mac(suite, session, begun[:4], about)
        return session, about + TIME, begun

    def load(self, which: int, amount: int, *, flip: bool = False) -> bytes:
        """Return the command CREDIT FOR LOAD, after its INITIALIZE."""
        session, about, _ = self.online(0, which, 1, amount, which, "DLK1")
        return b"\x80\x52\x00\x00\x0b" + TIME + self._flipped(mac(self.key_of("DLK1")[0], session, about), flip)

    def unload(self, amount: int, *, flip: bool = False) -> bytes:
        """Return the command DEBIT FOR UNLOAD, after its INITIALIZE."""
        session, about, _ = self.online(5, ED, 1, amount, 3, "DULK")
        return b"\x80\x54\x03\x00\x0b" + TIME + self._flipped(mac(self.key_of("DULK")[0], session, about), flip)

    def spend(self, p1: int, which: int, amount: int, kind: int, *, flip: bool = False, index: int = 0) -> bytes:
        """Return the command DEBIT FOR PURCHASE (also for cash and CAPP), after its INITIALIZE."""
        begun, word = self.initialize(p1, which, index, amount)
        assert word == "9000", self.reason
        return self.debit(begun, amount, kind, flip=flip, index=index)

    def debit(self, begun: bytes, amount: int, kind: int, *, flip: bool = False, index: int = 0) -> bytes:
        """Return the command DEBIT FOR PURCHASE that goes with what INITIALIZE answered."""
        suite, value = self.key_of(f"DPK{index}")
        self.sequence += 1
        terminal_sequence = self.sequence.to_bytes(4)
        session = session_key(suite, value, begun[11:15] + begun[4:6] + terminal_sequence[2:])
        code = mac(suite, session, amount.to_bytes(4), bytes((kind,)), TERMINAL, TIME)
        return b"\x80\x54\x01\x00\x0f" + terminal_sequence + TIME + self._flipped(code, flip)

    def limit(self, limit: int, *, flip: bool = False) -> bytes:
        """Return the command UPDATE OVERDRAW LIMIT, after its INITIALIZE, whose MAC1 is checked."""
        begun, word = self.initialize(4, ED, 1, None)
        assert word == "9000", self.reason
        suite, value = self.key_of("DUK")
        session = session_key(suite, value, begun[11:15] + begun[4:6] + b"\x80\x00")
        assert begun[15:] == mac(suite, session, begun[:4], begun[6:9], b"\x07", TERMINAL)
        code = mac(suite, session, limit.to_bytes(3), b"\x07", TERMINAL, TIME)
        return b"\x80\x58\x00\x00\x0e" + limit.to_bytes(3) + TIME + self._flipped(code, flip)

    def do(self, command: bytes) -> bytes:
        """Send a command that must succeed; the data of its answer."""
        answer = self.ask(command)
        assert answer[-4:] == "9000", (answer, self.reason)
        return bytes.fromhex(answer[:-4])

    def reload(self, pin: bytes, *, flip: bool = False) -> bytes:
        """Return the command RELOAD PIN."""
        suite, value = self.key_of("DRPK")
        code = self._flipped(mac(suite, folded(value, suite), pin), flip)
        return bytes((0x80, 0x5E, 0x00, 0x00, len(pin) + 4)) + pin + code

    def unblock(self, pin: bytes, *, p2: int = 0, challenge: bytes | None = None) -> bytes:
        """Return the command PIN UNBLOCK."""
        suite, value = self.key_of("DPUK")
        return self.protected(f"842400{p2:02X}", Reference(suite).encrypt(value, pin), "DPUK", challenge=challenge)

    @staticmethod
    def _flipped(code: bytes, flip: bool) -> bytes:
        """Return the code, with its last bit wrong if ``flip``."""
        return code[:-1] + bytes((code[-1] ^ flip,))


def flipped(command: bytes) -> bytes:
    """Return the same command with the last bit the other way round."""
    return command[:-1] + bytes((command[-1] ^ 1,))


def on(store: MemoryStore, card_contents: CardContents) -> PurseBench:
    """Return a bench over a memory of its own."""
    return PurseBench(card_contents=card_contents, store=store)


def with_ef(card_contents: CardContents, fid: int, **changes: Any) -> CardContents:
    """Return the same card, but a file has another specification."""
    path = f"{ADF}/{fid:04X}"
    return replace(card_contents, efs={**card_contents.efs, path: replace(card_contents.efs[path], **changes)})


def ready(*, ed: int = 10000, ep: int = 10000, settings: Settings | None = None, **changes: Any) -> PurseBench:
    """Return the application with money in it and the PIN verified."""
    bench = PurseBench(settings, **{"passbook": money(ed, 1, 2, 0), "purse": money(ep, 3, 4), **changes})
    assert bench.pin() == "9000"
    return bench
