"""A debit/credit card made by hand, and a terminal with its issuer: crypto from `reference` and plain arithmetic.

The terminal side is written after the digest of the standard and knows nothing of the code under test.
"""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Any, Final

from cardfs.memory.cells import write_cells
from cardfs.memory.image import Image
from cardfs.model.files import CardContents, CardInfo, CommandSet, Contents, Df, DfKind, Ef, Structure
from cardfs.model.rules import FREE_RULE, Rule
from cardfs.model.settings import EmvSettings, Settings
from emulator.cards import Card
from keys.certificates import RsaPrivateKey
from keys.generate import SeededRandom
from keys.records import Key, KeyId, KeyRef, Usage
from tests.kit.card import (
    ATR_T0,
    ATR_T1,
    HISTORICAL,
    MF,
    PIN,
    PIN_CN,
    PSE,
    PSE_NAME,
    SSSE,
    SSSE_NAME,
    CardBench,
    FailingStore,
)
from tests.kit.reference import Reference, xor

DEBIT: Final = f"{PSE}/3F02"
PURSE: Final = f"{PSE}/3F01"
STORE: Final = f"{DEBIT}/0001"
LOG: Final = f"{DEBIT}/EF0B"
AID: Final = bytes.fromhex("A000000333010101")
PDOL: Final = "9F7A019F02065F2A02"
CDOL1: Final = "9F02069F03069F1A0295055F2A029A039C019F3704"
CDOL2: Final = "8A02" + CDOL1
LOG_FORMAT: Final = "9A039F21039F02069F03069F1A025F2A029F4E149C019F3602"
LOAD_FORMAT: Final = "9A039F02069F3602"
UNPREDICTABLE: Final = "11223344"

OBJECTS: Final[dict[str, str]] = {
    "82": "7D00",
    "94": "0801010010010300",
    "9F36": "0000",
    "9F13": "0001",
    "9F4F": LOG_FORMAT,
    "9F51": "0156",
    "9F52": "0000",
    "9F56": "80",
    "9F57": "0156",
    "9F58": "14",
    "9F59": "20",
    "C1": "010101",
    "C2": "0000",
    "C3": "000000000000",
    "C4": "00",
    "C5": "00",
    "C6": "000000000000",
    "C7": "0000",
}
"""A card that has been online and asks for nothing of its own accord."""

CASH: Final[dict[str, str]] = {
    "9F77": "000000100000",
    "9F78": "000000050000",
    "9F79": "000000010000",
    "9F6D": "000000002000",
    "C8": "7D00080101001001030018010100",
    "9F74": "454343303031",
}
"""Electronic cash: 100.00 of at most 1000.00, at most 500.00 at a time; its AFL names the record with 9F74."""


def tlv(tag: str, value: str) -> str:
    """One object in hex."""
    length = len(value) // 2
    return tag + (f"81{length:02X}" if length > 127 else f"{length:02X}") + value


def key_bytes(name: str) -> bytes:
    """Return a key of the card: any bytes, the same every time."""
    return sha256(name.encode()).digest()[:16]


def contents(
    objects: Mapping[str, str] | None = None,
    *,
    suite: str = "3DES",
    settings: Settings | None = None,
    values: Mapping[str, bytes] | None = None,
    signer: RsaPrivateKey | None = None,
    national: bool = False,
    pdol: str = PDOL,
    cdol1: str = CDOL1,
    cdol2: str = CDOL2,
    ddol: str = "9F3704",
    pin: bytes = PIN_CN,
    log: bool = True,
    t1: bool = False,
    without: tuple[str, ...] = (),
    suspended: bool = False,
    blocked: bool = False,
) -> CardContents:
    """Return every cell of the card.

    Args:
        objects: data objects over `OBJECTS`, hex by tag; an empty value takes one away.
        values: keys with a value of their own, by name.
        national: whether there is a second set of keys, for SM4.
        without: names of keys that are not there.
        suspended, blocked: whether the application is locked, for a time or for good.
    """
    chosen = {tag: value for tag, value in {**OBJECTS, **(objects or {})}.items() if value}
    store = bytes.fromhex("".join(tlv(tag, value) for tag, value in chosen.items())) + bytes(16)
    usages = (("UDKAC", Usage.CRYPTOGRAM), ("UDKMAC", Usage.MAC), ("UDKENC", Usage.ENCRYPTION))
    keys: dict[KeyId, Key] = {}
    for end, cipher in (("", suite), *((("SM", "SM4"),) if national else ())):
        for name, usage in usages:
            value = (values or {}).get(name + end, key_bytes(name + end))
            keys[KeyRef(DEBIT, name + end), 1] = Key(name + end, usage, cipher, value)
    if signer is not None:
        value = signer.exponent.to_bytes(3) + signer.p + signer.q
        keys[KeyRef(DEBIT, "ICCKEY"), 1] = Key("ICCKEY", Usage.DATA_AUTH, suite, value)
    keys[KeyRef(DEBIT, "PIN"), 1] = Key("PIN", Usage.PIN, "", pin, tries_max=3)
    never = Rule("never", ())
    files: list[tuple[Ef, Contents]] = [
        (Ef(STORE, 1, None, Structure.INTERNAL, never, never, size=len(store)), store),
        (_records(0x01), (bytes.fromhex(tlv("70", tlv("5A", "6217000000000001"))),)),
        (
            _records(0x02),
            tuple(
                bytes.fromhex(tlv("70", tlv(tag, dol)) if dol else "7000")
                for tag, dol in (("8C", cdol1), ("8D", cdol2), ("9F49", ddol))
            ),
        ),
        (_records(0x03), (bytes.fromhex(tlv("70", tlv("9F74", "454343303031"))),)),
        (replace(_records(0x04), read=never), (b"\x70\x00",)),
        (Ef(f"{DEBIT}/EF05", 0xEF05, 5, Structure.TRANSPARENT, FREE_RULE, never, size=4), b"free"),
        (replace(_records(0x06), size=40, max_records=2, tlv=True), (bytes.fromhex("7003500141"),)),
    ]
    for fid, length, most in ((0xEF0B, 45, 3), (0xEF0C, 25, 2)):
        if log:
            ef = Ef(
                f"{DEBIT}/{fid:04X}", fid, fid & 0x1F, Structure.CYCLIC, FREE_RULE, never, 0, length, most, tlv=False
            )
            files.append((ef, ()))
    entries = "5F2D027A689F110101BF0C0A9F4D020B03DF4D020C02"
    proprietary = bytes.fromhex("500444454254870101" + (tlv("9F38", pdol) if pdol else "") + entries)
    debit = Df(DEBIT, 0x3F02, DfKind.ADF, AID, command_set=CommandSet.DEBIT, proprietary=proprietary)
    keys[KeyRef(SSSE, "PIN"), 1] = Key("PIN", Usage.PIN, "", PIN_CN, tries_max=3)
    keys = {at: key for at, key in keys.items() if at[0].name not in without}
    return CardContents(
        info=CardInfo("handmade", suite, ATR_T1 if t1 else ATR_T0, HISTORICAL, settings or Settings()),
        dfs={
            MF: Df(MF, 0x3F00, DfKind.MF),
            SSSE: Df(SSSE, 0xDDF1, DfKind.DDF, SSSE_NAME, 0x1E, bytes.fromhex("860101")),
            PSE: Df(PSE, 0xDDF2, DfKind.DDF, PSE_NAME, 0x01, command_set=CommandSet.FINANCIAL),
            DEBIT: replace(debit, suspended=suspended, blocked=blocked),
            PURSE: Df(PURSE, 0x3F01, DfKind.ADF, bytes.fromhex("A00000000386980701"), command_set=CommandSet.PURSE),
        },
        efs={ef.path: ef for ef, _ in files},
        contents={ef.path: content for ef, content in files},
        keys=keys,
        dictionary={},
    )


def _records(sfi: int) -> Ef:
    """Return a file of records of the application, free to read."""
    fid = 0xEF00 | sfi
    never = Rule("never", ())
    return Ef(f"{DEBIT}/{fid:04X}", fid, sfi, Structure.LINEAR_VARIABLE, FREE_RULE, never, size=400, tlv=False)


def emv(**values: Any) -> Settings:
    """Return the default settings but for these of debit/credit."""
    return Settings(emv=EmvSettings(**values))


# -- the issuer's computations -----------------------------------------------------------------------


def session_key(suite: str, key: bytes, atc: int) -> bytes:
    """Digest, 7: ``E(UDK, 0^6 ATC) || E(UDK, 0^6 ~ATC)``; SM4 has both in one block."""
    left, right = bytes(6) + atc.to_bytes(2), bytes(6) + (atc ^ 0xFFFF).to_bytes(2)
    return Reference(suite).blocks(key, left + right)


def mac8(suite: str, session: bytes, data: bytes) -> bytes:
    """Digest, 7 and 10: algorithm 3 under 3DES, CBC under SM4; 80 00.. always; the left 8 bytes."""
    block = Reference(suite).block
    data += b"\x80"
    data += bytes(-len(data) % block)
    blocks = [data[at : at + block] for at in range(0, len(data), block)]
    state = bytes(block)
    if suite == "SM4":
        for each in blocks:
            state = Reference(suite).blocks(session, xor(state, each))
        return state[:8]
    single = Reference("DES")
    for each in blocks:
        state = single.blocks(session[:8], xor(state, each))
    return single.blocks(session[:8], single.blocks(session[8:], state, decrypt=True))


class Answered:
    """What GENERATE AC answered, taken apart."""

    def __init__(self, answer: str) -> None:
        """Take an answer of GENERATE AC in format 1 apart (EMV Book 3, 6.5.5.4)."""
        self.word = answer[-4:]
        raw = bytes.fromhex(answer[:-4])
        assert raw[:1] == b"\x80", answer
        assert raw[1] == len(raw) - 2
        self.cid, self.atc, self.ac, self.iad = raw[2], int.from_bytes(raw[3:5]), raw[5:13], raw[13:]

    @property
    def kind(self) -> str:
        """AAC, TC or ARQC."""
        return {0: "AAC", 1: "TC", 2: "ARQC"}[self.cid >> 6]

    @property
    def cvr(self) -> str:
        """Return the card verification results, 3 bytes in hex."""
        assert self.iad[:1] == b"\x07"
        assert self.iad[3] == 0x03
        return self.iad[4:7].hex().upper()


class DebitBench(CardBench):
    """The card on the bench with its debit/credit application selected, and its issuer."""

    def __init__(
        self, objects: Mapping[str, str] | None = None, *, card_contents: CardContents | None = None, **changes: Any
    ) -> None:
        """Put a card with these data objects on the bench; ``changes`` are arguments of `contents`."""
        card_contents = card_contents or contents(objects, **changes)
        self.store = FailingStore(dict(write_cells(card_contents)))
        super().__init__(card=Card(Image(card_contents, self.store), SeededRandom("debit")))
        self.values: dict[str, bytes] = {
            ref.name: key.value for (ref, _), key in card_contents.keys.items() if ref.owner == DEBIT
        }
        self.set = ""
        self.first: Answered | None = None

    @property
    def cipher(self) -> str:
        """Suite of the keys that serve the transaction."""
        return "SM4" if self.set else self.suite

    def select(self) -> str:
        """SELECT the application; what it answers in the end."""
        return self.ask(bytes((0, 0xA4, 4, 0, len(AID))) + AID)

    def power(self) -> None:
        """Take the power away and give it back."""
        self.card.power_off()
        self.card.power_on()

    # -- a terminal -------------------------------------------------------------------------------

    def options(self, amount: int = 1000, *, cash: bool = False, currency: str = "0156", **more: str) -> str:
        """GET PROCESSING OPTIONS for the PDOL of `contents`, or for values as they come (``values``)."""
        values = more.get("values", f"{'01' if cash else '00'}{amount:012d}{currency}")
        return self.ask(bytes.fromhex(f"80A80000{len(values) // 2 + 2:02X}83{len(values) // 2:02X}{values}"))

    def start(self, amount: int = 1000, **more: Any) -> str:
        """SELECT and GET PROCESSING OPTIONS; its answer."""
        assert self.select()[-4:] in ("9000", "6283")
        answer = self.options(amount, **more)
        assert answer[-4:] == "9000", answer
        return answer

    @staticmethod
    def cdol(
        amount: int = 1000,
        *,
        other: int = 0,
        country: str = "0156",
        tvr: str = "0000000000",
        currency: str = "0156",
        date: str = "261123",
        kind: str = "00",
        number: str = UNPREDICTABLE,
        code: str = "",
    ) -> str:
        """Return the values of CDOL1, or with an authorisation response code of CDOL2."""
        return code.encode().hex() + f"{amount:012d}{other:012d}{country}{tvr}{currency}{date}{kind}{number}"

    def generate(self, p1: str, values: str) -> str:
        """GENERATE AC, raw; return the answer in the end."""
        return self.ask(bytes.fromhex(f"80AE{p1}00{len(values) // 2:02X}{values}"))

    def ac(self, wanted: str, amount: int = 1000, **more: Any) -> Answered:
        """GENERATE AC for AAC, TC or ARQC; the second one with ``code``."""
        answer = Answered(self.generate({"AAC": "00", "TC": "40", "ARQC": "80"}[wanted], self.cdol(amount, **more)))
        assert answer.word == "9000"
        if "code" not in more:
            self.first = answer
        return answer

    def online(self, amount: int = 1000, **more: Any) -> Answered:
        """Select, begin, and ask for the issuer; the ARQC."""
        self.start(amount, **more)
        found = self.ac("ARQC", amount)
        assert found.kind == "ARQC"
        return found

    # -- its issuer -------------------------------------------------------------------------------

    def key(self, name: str, atc: int) -> bytes:
        """Return a session key of the card."""
        return session_key(self.cipher, self.values[name + self.set], atc)

    def arpc(self, code: str = "00", *, wrong: bool = False) -> str:
        """EXTERNAL AUTHENTICATE; return the status word."""
        return self.send(self.proof(code, wrong=wrong))

    def proof(self, code: str = "00", *, wrong: bool = False) -> bytes:
        """EXTERNAL AUTHENTICATE with the issuer's answer to the first cryptogram."""
        assert self.first is not None
        block = xor(self.first.ac, code.encode() + bytes(6)).ljust(Reference(self.cipher).block, b"\x00")
        cryptogram = Reference(self.cipher).blocks(self.key("UDKAC", self.first.atc), block)[:8]
        if wrong:
            cryptogram = xor(cryptogram, b"\x01" + bytes(7))
        return bytes.fromhex("008200000A") + cryptogram + code.encode()

    def script(self, header: str, data: str = "", *, chain: bytes | None = None, wrong: bool = False) -> bytes:
        """Return an issuer script command with its MAC: header CLA INS P1 P2."""
        assert self.first is not None
        plain = bytes.fromhex(data)
        head = bytes.fromhex(header) + bytes((len(plain) + 4,))
        covered = head + self.first.atc.to_bytes(2) + (self.first.ac if chain is None else chain) + plain
        self.last_mac = mac8(self.cipher, self.key("UDKMAC", self.first.atc), covered)
        mac = self.last_mac[:4] if not wrong else xor(self.last_mac[:4], b"\x00\x00\x00\x01")
        return head + plain + mac

    last_mac = b""

    def sealed_pin(self, new: str, current: str = "", *, half: str = "UDKAC") -> str:
        """Digest, 8: the enciphered PIN data of PIN CHANGE/UNBLOCK."""
        assert self.first is not None
        block = bytes.fromhex(f"{len(new):02X}{new}".ljust(16, "F"))
        block = xor(block, bytes(4) + self.values[half + self.set][4:8])
        block = xor(block, bytes.fromhex(current.ljust(16, "0")))
        plain = b"\x08" + block + b"\x80"
        plain += bytes(16 - len(plain))
        return Reference(self.cipher).blocks(self.key("UDKENC", self.first.atc), plain).hex()

    # -- what is on the card ----------------------------------------------------------------------

    def data(self, tag: str) -> str:
        """GET DATA: the value, or the status word."""
        answer = self.ask(f"80CA{tag.rjust(4, '0')}00")
        return answer[len(tag) + 2 : -4] if answer[-4:] == "9000" else answer[-4:]

    def object(self, tag: str) -> str:
        """Return a data object as it stands in the internal file."""
        raw = self.card.image.contents[STORE]
        assert isinstance(raw, bytes)
        return walk(raw.hex().upper())[tag]

    @property
    def tries(self) -> int:
        """Tries that the PIN has left."""
        return self.card.image.tries[KeyRef(DEBIT, "PIN"), 1]

    def log(self, path: str = LOG) -> tuple[bytes, ...]:
        """Return the records of a log, newest first."""
        records = self.card.image.contents[path]
        assert isinstance(records, tuple)
        return records


def walk(raw: str) -> dict[str, str]:
    """Objects of a template by tag, in hex; 00 between them is filling."""
    found: dict[str, str] = {}
    while raw:
        if raw.startswith("00"):
            raw = raw[2:]
            continue
        wide = 4 if int(raw[:2], 16) & 0x1F == 0x1F else 2
        tag, raw = raw[:wide], raw[wide:]
        if raw.startswith("81"):
            raw = raw[2:]
        length = 2 * int(raw[:2], 16)
        found[tag], raw = raw[2 : 2 + length], raw[2 + length :]
    return found


PIN_BLOCK: Final = f"2{len(PIN):X}{PIN}".ljust(16, "F")
WRONG_BLOCK: Final = "26111111FFFFFFFF"


class IssuedDebitBench(DebitBench):
    """A terminal at an issued card, whose lists ask for time and merchant besides."""

    TIME: Final = "101112"
    MERCHANT: Final = "某市第一人民医院".encode("gb18030").ljust(20)

    @staticmethod
    def cdol(amount: int = 1000, **more: Any) -> str:
        """Return the values of CDOL1 or CDOL2."""
        return DebitBench.cdol(amount, **more) + IssuedDebitBench.TIME + IssuedDebitBench.MERCHANT.hex()
