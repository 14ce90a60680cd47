"""Speed of the financial environment in process: whole transactions against their bare cryptography.

The card is put back before each transaction, so that the same commands are right every time.
"""

from collections.abc import Callable
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from emulator.cards import Card
from emulator.commands.financial.debit.objects import Objects
from keys.certificates import RsaPrivateKey
from keys.generate import system_random
from tests.bench.measure import Row, leave, pairs
from tests.kit.card import contents, roots
from tests.kit.debit import IssuedDebitBench
from tests.kit.purse import AID, EP, TERMINAL, TIME, mac, session_key
from tests.kit.reference import Reference, xor

RANDOM = bytes(range(8))
SEQUENCE = bytes.fromhex("00000001")
AMOUNT = (100).to_bytes(4)
CARDS = {"3DES": "ssc-2.0", "SM4": "ssc-2.0-sm4"}
PURSE = "3F00/DDF2/3F01/0002"
OBJECTS = "3F00/DDF2/3F02/0001"
FINANCIAL = '[settings.financial]\nkind = "both"\n'


def known(length: int) -> bytes:
    """The draw costs what it costs; a known number lets the MACs be computed beforehand."""
    return system_random(length) and RANDOM[:length]


def replayed(card: Card, commands: list[bytes]) -> Callable[[], bytes]:
    """Send these commands to a card that has forgotten, each time, what they did to its files.

    What it knows of its data objects it still knows, as after any other transaction.
    """
    image, transmit, before = card.image, card.transmit, dict(card.image.contents)

    def whole() -> bytes:
        image.contents.update(changed)
        if known is not None:
            image.parsed(OBJECTS, known.contents, lambda _: known)
        for command in commands:
            answer = transmit(command)
        return answer

    changed, known = before, None
    whole()
    changed = {path: held for path, held in before.items() if image.contents[path] is not held}
    data = changed.get(OBJECTS)
    known = Objects.read(data) if isinstance(data, bytes) else None
    return whole


def blocks_des(key: bytes, data: bytes) -> bytes:
    return bytes(DES3.new(key, DES3.MODE_ECB).encrypt(data))


def cbc_des(key: bytes, data: bytes) -> bytes:
    return bytes(DES.new(key, DES.MODE_CBC, iv=bytes(8)).encrypt(data))  # noqa: S304


def cbc_sm4(key: bytes, data: bytes) -> bytes:
    return Cipher(algorithms.SM4(key), modes.CBC(bytes(16))).encryptor().update(data)


def bare_purchase(suite: str, dpk: bytes, dtk: bytes) -> Callable[[], bytes]:
    """Session key, MAC1, MAC2 and TAC of a purchase, as whole padded blocks."""
    seed = RANDOM[:4] + bytes(2) + SEQUENCE[-2:]
    if suite == "SM4":

        def sm4() -> bytes:
            session = Cipher(algorithms.SM4(dpk), modes.ECB()).encryptor().update(seed + seed)  # noqa: S305
            return cbc_sm4(session, bytes(32)) + cbc_sm4(session, bytes(16)) + cbc_sm4(dtk, bytes(32))

        return sm4
    single = xor(dtk[:8], dtk[8:])

    def des() -> bytes:
        session = blocks_des(dpk, seed)
        return cbc_des(session, bytes(24)) + cbc_des(session, bytes(8)) + cbc_des(single, bytes(24))

    return des


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def bench_a_purse_purchase(benchmark: Any, suite: str) -> None:
    card = Card(Image.in_memory(contents(CARDS[suite], FINANCIAL)), known)
    purse = card.image.contents[PURSE]
    assert isinstance(purse, bytes)
    card.image.contents[PURSE] = (10000).to_bytes(4) + purse[4:]
    said = card.transmit(b"\x00\xa4\x04\x00\x09" + AID)
    said = card.transmit(b"\x00\xc0\x00\x00" + said[-1:])
    serial = said[said.index(bytes.fromhex("9F0C1E")) + 3 :][10:20][-8:]
    dpk, dtk = (Reference(suite).child(roots()[name], serial) for name in ("FDPK", "FDTK"))
    code = mac(suite, session_key(suite, dpk, RANDOM[:4] + bytes(2) + SEQUENCE[-2:]), AMOUNT, b"\x06", TERMINAL, TIME)
    commands = [
        b"\x80\x50\x01\x02\x0b\x01" + AMOUNT + TERMINAL + b"\x0f",
        b"\x80\x54\x01\x00\x0f" + SEQUENCE + TIME + code + b"\x08",
    ]
    assert AID in said
    assert commands[0][3] == EP
    whole = replayed(card, commands)
    assert whole()[-2] in (0x61, 0x90)
    measured = pairs(whole, bare_purchase(suite, dpk, dtk))
    benchmark.pedantic(whole, rounds=50, iterations=50)
    what = f"purchase of the purse, {suite}, in process"
    note = "against its bare cipher calls"
    leave(benchmark, Row(what, measured.one * 1e6, "us", measured.other * 1e6, measured.ratio, 2.0, note=note))


class Recorder(IssuedDebitBench):
    """Notes what the terminal sends."""

    def __init__(self, made: CardContents) -> None:
        self.sent: list[bytes] = []
        super().__init__(card_contents=made)
        # A store that tells nobody: the write itself is part of what is measured.
        self.card = Card(Image.in_memory(made))

    def send(self, apdu: str | bytes) -> str:
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        self.sent.append(raw)
        return super().send(raw)


def transaction(made: CardContents, *, signed: bool) -> tuple[Card, list[bytes]]:
    """Carry a transaction to the issuer and back; the card as it was, and every command of the terminal."""
    bench = Recorder(made)
    began = bytes.fromhex(bench.start())
    files = began[4:-2]  # behind tag, length and AIP
    for at in range(0, len(files), 4):
        sfi, first, last, _ = files[at : at + 4]
        for number in range(first, last + 1):
            assert bench.word(bytes((0x00, 0xB2, number, sfi | 0x04, 0x00))) == "9000"
    if signed:
        assert bench.word("0088000004" + "CAFEBABE" + "00") == "9000"
    assert bench.ac("ARQC").kind == "ARQC"
    assert bench.arpc() == "9000"
    assert bench.ac("TC", code="00").kind == "TC"
    return Card(Image.in_memory(made)), bench.sent


def private_key(value: bytes) -> RsaPrivateKey:
    """The card's RSA key as its image has it: exponent in 3 bytes, then two primes of one length."""
    middle = (3 + len(value)) // 2
    return RsaPrivateKey(value[3:middle], value[middle:], int.from_bytes(value[:3]))


def bare_debit(keys: dict[str, bytes], private: RsaPrivateKey | None) -> Callable[[], bytes]:
    """Two session keys, two cryptograms, two MACs of the issuer's data, the ARPC, and with a key one signature."""

    def retail(session: bytes, blocks: int) -> bytes:
        chained = cbc_des(session[:8], bytes(8 * blocks - 8))[-8:]
        return blocks_des(session, chained)

    def bare() -> bytes:
        made = b""
        for name in ("UDKAC", "UDKMAC"):
            made += blocks_des(keys[name], bytes(range(16)))
        session, mac_key = made[:16], made[16:]
        for _ in range(2):
            made += retail(session, 5) + retail(mac_key, 2)
        made += blocks_des(session, bytes(8))
        if private is not None:
            # A whole block: of one that is all zero every power would be had for nothing.
            made += private.transform(b"\x6a" + b"\xbb" * (private.length - 1))
        return made

    return bare


@pytest.mark.parametrize("signed", [True, False], ids=["with DDA", "without DDA"])
def bench_a_debit_transaction(benchmark: Any, *, signed: bool) -> None:
    made = contents("pboc")
    card, commands = transaction(made, signed=signed)
    keys = {ref.name: key.value for (ref, _), key in made.keys.items() if ref.owner == "3F00/DDF2/3F02"}
    whole = replayed(card, commands)
    assert whole()[-2:] == b"\x90\x00" or whole()[-2] == 0x61
    measured = pairs(whole, bare_debit(keys, private_key(keys["ICCKEY"]) if signed else None), rounds=60, calls=10)
    benchmark.pedantic(whole, rounds=20, iterations=10)
    what = f"debit/credit with ARQC, {'with' if signed else 'without'} DDA, in process"
    note = f"{len(commands)} commands, against their bare cryptography"
    leave(benchmark, Row(what, measured.one * 1e6, "us", measured.other * 1e6, measured.ratio, 2.0, note=note))
