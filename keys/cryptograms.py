"""Application cryptograms, script MACs and PIN blocks of a debit/credit application (借记/贷记应用; JR/T 0025).

The text of JR/T 0025 was not at hand, so no clauses are cited. Every rule names the kind of its source: worked
examples, which were published with all inputs and recomputed; notes of a test laboratory; implementations; or one
source alone. "Inferred" means that the rule of 3DES was carried over with the longer block. A suite brings the block
cipher: 3DES, or SM4 for the national algorithms of part 17.
"""

from collections.abc import Mapping
from typing import Final

from .ciphers import ExpandedKey
from .errors import CipherDataWrong
from .suites import Suite, complement, pad

CRYPTOGRAM_LENGTH: Final = 8
SCRIPT_MAC_LENGTH: Final = 4
DISCRETIONARY_MAC_LENGTH: Final = 4
PIN_BLOCK_LENGTH: Final = 8
PIN_DIGITS: Final = range(4, 13)
"""How many digits a PIN block carries: 4 to 12, though two more would fit (EMV Book 3, table 24; ISO 9564-1)."""

AMOUNT, AMOUNT_OTHER, COUNTRY, TVR = 0x9F02, 0x9F03, 0x9F1A, 0x95
CURRENCY, DATE, TYPE, UNPREDICTABLE = 0x5F2A, 0x9A, 0x9C, 0x9F37

TERMINAL_DATA: Final[dict[int, tuple[tuple[int, int], ...]]] = {
    0x01: (
        (AMOUNT, 6),
        (AMOUNT_OTHER, 6),
        (COUNTRY, 2),
        (TVR, 5),
        (CURRENCY, 2),
        (DATE, 3),
        (TYPE, 1),
        (UNPREDICTABLE, 4),
    ),
    0x17: ((AMOUNT, 6), (UNPREDICTABLE, 4)),
}
"""The terminal's part of the cryptogram's input: tag and length in bytes, by cryptogram version number."""
_LENGTHS: Final = {version: [length for _, length in asked] for version, asked in TERMINAL_DATA.items()}


def _xor(left: bytes, right: bytes) -> bytes:
    if len(left) != len(right):
        raise ValueError("both sides have one length")
    return (int.from_bytes(left) ^ int.from_bytes(right)).to_bytes(len(left))


def _atc(atc: int) -> bytes:
    return atc.to_bytes(2)


# -- keys ----------------------------------------------------------------------------------------


def key_factor(pan: str, sequence: str = "00") -> bytes:
    """Return the diversification factor of a card: the last 16 digits of PAN and sequence number (worked examples).

    Args:
        pan: application PAN, digits only.
        sequence: PAN sequence number, two digits.

    Raises:
        ValueError: something else than digits.
    """
    digits = pan + sequence
    if len(sequence) != 2 or not pan or not (digits.isascii() and digits.isdigit()):
        raise ValueError("a PAN is made of digits, and its sequence number of two")
    return bytes.fromhex(digits[-16:].zfill(16))


def card_key(suite: Suite, master: bytes, pan: str, sequence: str = "00") -> bytes:
    """Derive a card's key (子密钥, UDK), 16 bytes, from the issuer's master key (worked examples).

    Parity is left as it comes, unlike EMV Book 2, A1.4.

    Raises:
        ValueError: a PAN or sequence number that is not digits.
    """
    return suite.diversify(master, key_factor(pan, sequence))


def session_key(suite: Suite, key: bytes | ExpandedKey, atc: int) -> bytes:
    """Derive the session key (过程密钥), 16 bytes, of any of a card's three keys (worked examples).

    Not the common session key of EMV Book 2, A1.3: the counter stands on the right and is complemented alone.
    """
    counter = _atc(atc)
    return suite.expanded(key).encrypt(bytes(6) + counter + bytes(6) + complement(counter))


# -- MACs ----------------------------------------------------------------------------------------


def _mac(suite: Suite, session: bytes | ExpandedKey, data: bytes) -> bytes:
    """Return the leftmost 8 bytes of the MAC over padded data, from a zero initial value.

    Block of 8: ISO/IEC 9797-1, algorithm 3, so only the last block meets the whole key. Block of 16: CBC.
    """
    return suite.expanded(session).mac_block(b"", pad(data, suite.block))[:8]


def cryptogram_data(version: int, terminal: Mapping[int, bytes], profile: bytes, atc: int, results: bytes) -> bytes:
    """Put together the input of an application cryptogram (worked examples; version 17: one source).

    Args:
        version: cryptogram version number, 01 or 17 (hexadecimal).
        terminal: values by tag, from the CDOL; more than needed does no harm.
        profile: application interchange profile, 2 bytes.
        atc: application transaction counter.
        results: card verification results with their length byte 03, 4 bytes.

    Raises:
        ValueError: another version, a tag that is missing, or a field of another length.
    """
    if version not in TERMINAL_DATA:
        raise ValueError(f"no rule for cryptogram version {version:02X}")
    if len(profile) != 2 or len(results) != 4:
        raise ValueError("an interchange profile has 2 bytes, verification results 4")
    asked = TERMINAL_DATA[version]
    parts = [terminal.get(tag, b"") for tag, _ in asked]
    if [*map(len, parts)] != _LENGTHS[version]:
        tag, length, value = next((*of, part) for of, part in zip(asked, parts, strict=True) if len(part) != of[1])
        raise ValueError(f"tag {tag:02X} has {length} bytes, not {len(value)}")
    # Version 17 signs one byte of the results, the first after their length.
    tail = profile + _atc(atc) + results if version == 0x01 else _atc(atc) + results[1:2]
    return b"".join(parts) + tail


def application_cryptogram(suite: Suite, session: bytes | ExpandedKey, data: bytes) -> bytes:
    """Compute an application cryptogram (应用密文: AAC, TC or ARQC), 8 bytes (worked examples).

    Args:
        suite: 3DES or SM4.
        session: session key of the card's cryptogram key.
        data: from `cryptogram_data`.
    """
    return _mac(suite, session, data)


def response_cryptogram(suite: Suite, session: bytes | ExpandedKey, cryptogram: bytes, code: bytes) -> bytes:
    """Compute the issuer's answer to a cryptogram (授权响应密文, ARPC), 8 bytes.

    Worked examples for 3DES; one source for SM4.

    Args:
        suite: 3DES or SM4.
        session: session key of the card's cryptogram key.
        cryptogram: the card's first cryptogram, 8 bytes.
        code: authorisation response code, 2 bytes.

    Raises:
        ValueError: a cryptogram or a code of another length.
    """
    if len(cryptogram) != CRYPTOGRAM_LENGTH or len(code) != 2:
        raise ValueError("a cryptogram has 8 bytes, a response code 2")
    block = _xor(cryptogram, code + bytes(6))
    # Of one block the MAC is the block enciphered; what it takes of the key has been expanded for the cryptogram.
    return suite.expanded(session).mac_block(b"", block.ljust(suite.block, b"\x00"))[:CRYPTOGRAM_LENGTH]


def discretionary_mac(suite: Suite, session: bytes | ExpandedKey, atc: int, data: bytes) -> bytes:
    """Compute the MAC of the issuer discretionary data in tag 9F10, 4 bytes (laboratory notes; SM4: inferred).

    Args:
        suite: 3DES or SM4.
        session: session key of the card's MAC key.
        atc: application transaction counter.
        data: the value without its identifier, 5 or 10 bytes.
    """
    # The input is filled with 00 to whole blocks, and then padded with a block more.
    filled = _atc(atc) + data
    filled += bytes(-len(filled) % suite.block)
    return _mac(suite, session, filled)[:DISCRETIONARY_MAC_LENGTH]


def script_mac(
    suite: Suite, session: bytes | ExpandedKey, header: bytes, atc: int, cryptogram: bytes, data: bytes = b""
) -> bytes:
    """Compute the MAC of an issuer script command, 4 bytes; see `script_mac_uncut`."""
    return script_mac_uncut(suite, session, header, atc, cryptogram, data)[:SCRIPT_MAC_LENGTH]


def script_mac_uncut(
    suite: Suite, session: bytes | ExpandedKey, header: bytes, atc: int, cryptogram: bytes, data: bytes
) -> bytes:
    """Compute the MAC of an issuer script command, 8 bytes (implementations and published descriptions; SM4: inferred).

    A command carries the first 4. Where scripts are chained, all 8 take the place of the next command's cryptogram
    (EMV Book 2, 9.2.3).

    Args:
        suite: 3DES or SM4.
        session: session key of the card's MAC key.
        header: CLA INS P1 P2 Lc of the command; Lc counts the MAC.
        atc: application transaction counter.
        cryptogram: the first cryptogram of the transaction, 8 bytes; chained, the uncut MAC of the command before.
        data: the data of the command without the MAC.

    Raises:
        ValueError: a header or a cryptogram of another length.
    """
    if len(header) != 5 or len(cryptogram) != CRYPTOGRAM_LENGTH:
        raise ValueError("a header has 5 bytes, a cryptogram 8")
    return _mac(suite, session, header + _atc(atc) + cryptogram + data)


# -- PIN -----------------------------------------------------------------------------------------


def seal_pin(suite: Suite, session: bytes | ExpandedKey, half: bytes, pin: str, current: str = "") -> bytes:
    """Build the enciphered PIN data of PIN CHANGE/UNBLOCK (one source; SM4: inferred).

    Args:
        suite: 3DES or SM4.
        session: session key of the card's encryption key.
        half: left half of a card key, 8 bytes: of the cryptogram key or of the encryption key.
        pin: the new PIN, 4 to 12 digits.
        current: the PIN so far, if the command carries P2 = 01.

    Raises:
        ValueError: a PIN that is not 4 to 12 digits, or a half of another length.
    """
    block = bytes.fromhex(f"{len(_checked(pin)):02X}" + pin.ljust(14, "F"))
    return suite.encrypt_data(session, _xor(block, _mask(half, _checked(current) if current else "")))


def open_pin(suite: Suite, session: bytes | ExpandedKey, half: bytes, enciphered: bytes, current: str = "") -> str:
    """Undo `seal_pin` and return the new PIN.

    Raises:
        CipherDataWrong: the data are not a PIN block under these keys, or not over this current PIN.
        ValueError: a half of another length.
    """
    block = suite.decrypt_data(session, enciphered)
    if len(block) != PIN_BLOCK_LENGTH:
        raise CipherDataWrong("a PIN block has 8 bytes")
    text = _xor(block, _mask(half, current)).hex().upper()
    pin = text[2:].rstrip("F")
    if len(pin) not in PIN_DIGITS or not pin.isdigit() or int(text[:2], 16) != len(pin):
        raise CipherDataWrong("the deciphered data are not a PIN block")
    return pin


def _checked(pin: str) -> str:
    if len(pin) not in PIN_DIGITS or not (pin.isascii() and pin.isdigit()):
        raise ValueError("a PIN has 4 to 12 digits")
    return pin


def _mask(half: bytes, current: str) -> bytes:
    """Return what a plain PIN block is XORed with: the right end of the key half, and the current PIN from the left."""
    if len(half) != 8:
        raise ValueError(f"half a key has 8 bytes, not {len(half)}")
    return _xor(bytes(4) + half[4:], bytes.fromhex(current.ljust(16, "0")))
