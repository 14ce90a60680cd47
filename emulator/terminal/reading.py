"""The terminal's read: what a terminal does first with every card (交易预处理; Part 7, 5; terminal interface, 10).

SELECT SSSE, take the algorithm from the FCI, authenticate the card, read issuer and holder data. Root
keys, if it has any, are with the software HSM. Works over any channel that carries APDUs, with whatever
answers; the national functions are in `emulator.terminal.terminal`.
"""

import secrets
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from cardfs.issuing.roots import Roots
from cardfs.model.atr import historical_bytes
from cardfs.model.codecs import decode_record
from cardfs.model.elements import find_element, value_text
from cardfs.model.files import MAX_RECORDS, SSSE_NAME, Element
from cardfs.model.settings import CryptoSettings
from cardfs.profile.loader import load_profile
from keys.suites import MAC_LENGTH, Suite

from .card import ALGORITHMS, RKSSSE_KID, unannounced
from .card import algorithm_of as identifier_of
from .errors import WRONG_CARD, TerminalError, word_text
from .hsm import Hsm, HsmCard
from .link import Channel, exchange
from .psam import answers_as_psam
from .settings import Settings

ISSUER_FILE: Final = 0x05
HOLDER_FILE: Final = 0x06
NO_SUCH_COMMAND: Final = 0x6D00
ACCESS_DENIED: Final = 0x6982
MAC_MISSING: Final = 0x6987
GET_CHALLENGE: Final = bytes.fromhex("0084000008")


@dataclass(frozen=True, slots=True)
class Item:
    """One data element as read: Chinese and English name, value for people, the record's bytes."""

    file: str
    name: str
    zh: str
    value: str
    raw: bytes


@dataclass(slots=True)
class Reading:
    """What was read.

    Attributes:
        atr: answer to reset.
        version: of the specification, as ``2.0``; empty if the card names none.
        region: application city code, six digits; empty if the card names none.
        items: the data elements, in the order of files and records.
        algorithm: from the FCI, or the default.
        genuine: whether INTERNAL AUTHENTICATION proves the card under the roots; None without roots.
        proof: one sentence on why.
        notes: one sentence for each thing that could not be read.
    """

    atr: bytes
    algorithm: str = ""
    version: str = ""
    region: str = ""
    genuine: bool | None = None
    proof: str = ""
    items: list[Item] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def read_card(channel: Channel, atr: bytes, roots: Roots | None = None, rules: CryptoSettings | None = None) -> Reading:
    """Read a card as a terminal does (Part 7, 5; terminal interface, 10).

    Args:
        channel: sends one command APDU and returns the answer.
        atr: the card's answer to reset.
        roots: root keys of the terminal's security module; without them the card is read unproven.
        rules: how the region diversifies keys; None for Part 9, 7.3.

    Returns:
        what could be read, with a note for each thing that could not.

    Raises:
        TerminalError: not a social-security card, or a PSAM (-1).
    """
    reading = Reading(atr)
    fci, word = exchange(channel, b"\x00\xa4\x04\x00" + bytes((len(SSSE_NAME),)) + SSSE_NAME)
    if word != 0x9000:
        _refuse_psam(channel)
        raise TerminalError(f"the card has no social-security environment: {word_text(word)}", -word)
    announced = algorithm_of(fci)
    first, second = secrets.token_bytes(8), secrets.token_bytes(8)
    proof, proof_word = exchange(channel, b"\x00\x88\x00\x00\x10" + first + second)
    if proof_word == NO_SUCH_COMMAND:
        _refuse_psam(channel)
    _read_file(channel, reading, ISSUER_FILE, "EF05")
    by_name = {item.name: item for item in reading.items}
    reading.version = by_name["specification_version"].value if "specification_version" in by_name else ""
    identification = by_name.get("card_identification_code")
    reading.region = identification.raw[2:5].hex() if identification else ""
    reading.algorithm = announced or ALGORITHMS[unannounced(reading.region)]
    module = Hsm(roots, Settings(crypto=rules or CryptoSettings())) if roots is not None else None
    if module is not None:
        _check_genuine(reading, module, (first, second), (proof, proof_word))
    _read_holder(channel, reading, module)
    return reading


def _refuse_psam(channel: Channel) -> None:
    """Raise `TerminalError` for a PSAM: it has an environment of the same name (Part 9, 5 and 9)."""
    if answers_as_psam(lambda command: exchange(channel, command), Settings()):
        raise TerminalError("this is a security module (PSAM), not a user card", WRONG_CARD)


def algorithm_of(fci: bytes) -> str:
    """Return the algorithm in tag 9F0C of an FCI: ``3DES``, ``SSF33`` or ``SM4``; empty if there is none."""
    return ALGORITHMS.get(identifier_of(fci), "")


def _card_key(module: Hsm, reading: Reading, name: str) -> tuple[Suite, bytes] | None:
    """Return a key of the card; None without its root, or if the card names no region or serial."""
    algorithm = next((each for each, suite in ALGORITHMS.items() if suite == reading.algorithm), "")
    try:
        return module.key(algorithm, name, 1, HsmCard(reading.region, historical_bytes(reading.atr)))
    except TerminalError:
        return None


def _check_genuine(reading: Reading, module: Hsm, randoms: tuple[bytes, bytes], answer: tuple[bytes, int]) -> None:
    proof, word = answer
    if word != 0x9000:
        reading.genuine, reading.proof = False, f"the card does not authenticate itself: {word_text(word)}"
        return
    key = _card_key(module, reading, "IRK")
    if key is None:
        reading.proof = (
            "not checked: the roots have no IRK, the card names no region or serial, "
            f"or {reading.algorithm} is not public"
        )
        return
    suite, value = key
    reading.genuine = suite.authentication_data(value, *randoms) == proof
    reading.proof = (
        "the card knows the issuer's key"
        if reading.genuine
        else "the card does not know the issuer's key of these roots"
    )


def _read_holder(channel: Channel, reading: Reading, module: Hsm | None) -> None:
    """Read EF06; from version 3.0 it takes RKSSSE first (terminal interface, 10.2), and in some regions a MAC."""
    before = len(reading.notes)
    word = _read_file(channel, reading, HOLDER_FILE, "EF06")
    if word == ACCESS_DENIED and module is not None and _authenticate(channel, reading, module):
        del reading.notes[before:]
        word = _read_file(channel, reading, HOLDER_FILE, "EF06")
    if word == MAC_MISSING and module is not None:
        key = _card_key(module, reading, "STK")
        if key is not None:
            del reading.notes[before:]
            _read_file(channel, reading, HOLDER_FILE, "EF06", key)


def _authenticate(channel: Channel, reading: Reading, module: Hsm) -> bool:
    """Authenticate with RKSSSE; return whether that succeeded."""
    key = _card_key(module, reading, "RKSSSE")
    if key is None:
        return False
    suite, value = key
    challenge, _ = exchange(channel, GET_CHALLENGE)
    original = secrets.token_bytes(8)
    data = suite.authentication_data(value, challenge, original) + original
    _, word = exchange(channel, bytes((0x00, 0x82, 0x00, RKSSSE_KID, len(data))) + data)
    if word != 0x9000:
        reading.notes.append(f"EF06 needs RKSSSE, and authentication with it failed: {word_text(word)}")
    return word == 0x9000


def _with_mac(channel: Channel, header: bytes, key: tuple[Suite, bytes]) -> bytes:
    """Return a reading command with its MAC under the maintenance key and a challenge (Part 4, 8.5, case 2)."""
    suite, value = key
    challenge, _ = exchange(channel, GET_CHALLENGE)
    covered = bytes((header[0] | 0x04, *header[1:], MAC_LENGTH))
    return covered + suite.mac(suite.session_key(value, challenge), covered) + b"\x00"


def _read_file(channel: Channel, reading: Reading, sfi: int, file: str, key: tuple[Suite, bytes] | None = None) -> int:
    """Read every record of a file, by number until there is none; return the status word that ended it.

    Args:
        key: maintenance key of a file that is read with a MAC.
    """
    elements = _elements()[file]
    word = 0x9000
    for number in range(1, MAX_RECORDS + 1):
        header = bytes((0x00, 0xB2, number, sfi << 3 | 0x04))
        record, word = exchange(channel, header + b"\x00" if key is None else _with_mac(channel, header, key))
        if word != 0x9000:
            break
        if not record:
            reading.notes.append(f"{file} record {number} came without data")
            continue
        element = find_element(elements, record, number)
        value = value_text(decode_record(element, record)) if element else record.hex().upper()
        name, zh = (element.name, element.zh) if element else (f"tag_{record[0]:02X}", "")
        reading.items.append(Item(file, name, zh, value, record))
    if word not in (0x6A83, 0x9000):
        reading.notes.append(f"{file} could not be read: {word_text(word)}")
    return word


@cache
def _elements() -> dict[str, tuple[Element, ...]]:
    """Return the elements of EF05 and EF06 that a terminal knows, whatever the card."""
    profile = load_profile("ssc-2.0")
    return {file: profile.files[profile.path(f"SSSE/{file}")].elements for file in ("EF05", "EF06")}
