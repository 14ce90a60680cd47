"""Session keys, MACs and TACs of medical-insurance trades (Part 7, 11, 12 and 15).

Bytes in, bytes out; card, security module, host and terminal compute with the same functions. Amounts
are ``b 4`` in fen, sequence numbers ``b 2``, terminal numbers ``cn 6``, times ``cn 7`` YYYYMMDDhhmmss.
No MAC covers a command header (Part 7 lists what it covers), else the rules are those of Part 4, 8.2:
padding with 80 always, CBC from zero, 4 bytes. ``suite`` is the suite of the trade key: under
double-length keys, too, a session key has 8 bytes and its MAC is the single-length one (Part 4, 8.4.1).
"""

from typing import Final

from .ciphers import ExpandedKey
from .suites import Suite

LOAD_TYPE: Final = b"1"
"""Trade type (交易类型) of a load into the account (V2.0 notice, 8.5.3.2)."""
PURCHASE_TYPE: Final = b"2"
"""Trade type of a medical purchase."""
LOAD_TAIL: Final = bytes.fromhex("8000")
"""What stands in SESLK where SESPK has the end of the terminal's sequence number (Part 7, 11.2)."""


def load_session_key(suite: Suite, key: bytes | ExpandedKey, random: bytes, sequence: bytes) -> bytes:
    """Derive SESLK (Part 7, 11.2; Part 4, 8.4): DLK enciphers ``random 4 || load sequence 2 || 8000``.

    The 16-byte suite fills the input on the right with 00. ``sequence`` is the one before it is
    increased, as INITIALIZE FOR LOAD answers it.

    Raises:
        ValueError: a part has another length.
    """
    return suite.session_key(key, _parts((random, 4), (sequence, 2)) + LOAD_TAIL)


def purchase_session_key(
    suite: Suite, key: bytes | ExpandedKey, random: bytes, sequence: bytes, terminal_sequence: bytes
) -> bytes:
    """Derive SESPK (Part 7, 12.2): DPK enciphers ``random 4 || purchase sequence 2 || last 2 of terminal sequence 4``.

    The 16-byte suite fills the input on the right with 00. ``sequence`` is the card's one before it is
    increased, as INITIALIZE FOR PURCHASE answers it.

    Raises:
        ValueError: a part has another length.
    """
    whole = _parts((random, 4), (sequence, 2), (terminal_sequence, 4))
    return suite.session_key(key, whole[:6] + whole[8:])


def load_mac1(
    suite: Suite, session: bytes | ExpandedKey, balance: bytes, amount: bytes, kind: bytes, terminal: bytes
) -> bytes:
    """Compute MAC1 of a load, card to host (Part 7, 11.2): ``balance 4 || amount 4 || type 1 || terminal 6``.

    ``session`` is SESLK. ``balance`` is the one before the load.

    Raises:
        ValueError: a part has another length.
    """
    return suite.mac(session, _parts((balance, 4), (amount, 4), (kind, 1), (terminal, 6)))


def load_mac2(
    suite: Suite, session: bytes | ExpandedKey, amount: bytes, kind: bytes, terminal: bytes, time: bytes
) -> bytes:
    """Compute MAC2 of a load, host to card (Part 7, 11.5): ``amount 4 || type 1 || terminal 6 || host time 7``.

    ``session`` is SESLK.

    Raises:
        ValueError: a part has another length.
    """
    return suite.mac(session, _parts((amount, 4), (kind, 1), (terminal, 6), (time, 7)))


def load_tac(
    suite: Suite,
    key: bytes | ExpandedKey,
    balance: bytes,
    sequence: bytes,
    amount: bytes,
    kind: bytes,
    terminal: bytes,
    time: bytes,
) -> bytes:
    """Compute the TAC of a load (Part 7, 11.8 and 15).

    ``balance 4 || load sequence 2 || amount 4 || type 1 || terminal 6 || host time 7``, under DTK itself:
    of a double-length DES key its halves XORed, of a 16-byte suite the whole; or under what
    `Suite.expand_tac` returns for it. ``sequence`` is the one
    before it is increased; whether ``balance`` is the new or the old one the standard leaves open.

    Raises:
        ValueError: a part has another length.
    """
    data = _parts((balance, 4), (sequence, 2), (amount, 4), (kind, 1), (terminal, 6), (time, 7))
    return _tac(suite, key, data)


def purchase_mac1(
    suite: Suite, session: bytes | ExpandedKey, amounts: bytes, kind: bytes, terminal: bytes, time: bytes
) -> bytes:
    """Compute MAC1 of a purchase, PSAM to card (Part 7, 12.3).

    ``account 4 || self-paid 4 || fund 4 || type 1 || terminal 6 || time 7``; the first three are
    ``amounts``. ``session`` is SESPK.

    Raises:
        ValueError: a part has another length.
    """
    return suite.mac(session, _parts((amounts, 12), (kind, 1), (terminal, 6), (time, 7)))


def purchase_mac2(suite: Suite, session: bytes | ExpandedKey, amounts: bytes) -> bytes:
    """Compute MAC2 of a purchase, card to PSAM (Part 7, 12.6): ``account 4 || self-paid 4 || fund 4``.

    ``session`` is SESPK.

    Raises:
        ValueError: ``amounts`` has not 12 bytes.
    """
    return suite.mac(session, _parts((amounts, 12)))


def purchase_tac(
    suite: Suite,
    key: bytes | ExpandedKey,
    amounts: bytes,
    kind: bytes,
    terminal: bytes,
    terminal_sequence: bytes,
    time: bytes,
) -> bytes:
    """Compute the TAC of a purchase (Part 7, 12.6 and 15).

    ``account 4 || self-paid 4 || fund 4 || type 1 || terminal 6 || terminal sequence 4 || time 7``, under
    DTK itself as in `load_tac`.

    Raises:
        ValueError: a part has another length.
    """
    return _tac(suite, key, _parts((amounts, 12), (kind, 1), (terminal, 6), (terminal_sequence, 4), (time, 7)))


def _tac(suite: Suite, key: bytes | ExpandedKey, data: bytes) -> bytes:
    return suite.mac(suite.expand_tac(key) if isinstance(key, bytes) else key, data)


def _parts(*parts: tuple[bytes, int]) -> bytes:
    """Join parts of known lengths; a shifted one would go unnoticed until a MAC does not verify."""
    if any(len(part) != length for part, length in parts):
        found = ", ".join(f"{len(part)} for {length}" for part, length in parts)
        raise ValueError(f"parts of a trade have other lengths (found {found})")
    return b"".join(part for part, _ in parts)
