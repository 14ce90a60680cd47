"""Session keys, MACs and TACs of passbook and purse, and the line protection of their commands (JR/T 0025).

Bytes in, bytes out; card, host and terminal compute with the same functions. Every MAC has 4 bytes and
pads with 80 always; those of trades start from zero and cover no header:

    trade                MAC1                               MAC2                           TAC, or MAC3 of an unload
    load 01 02           balance amount kind terminal       amount kind terminal time      new balance, counter, MAC2's
    unload 03            balance amount kind terminal       amount kind terminal time      new balance, counter, MAC2's
    overdraft 07         balance limit kind terminal        new limit kind terminal time   new balance, counter, MAC2's
    purchase 05 06 09,   amount kind terminal time          amount                         amount kind terminal
    cash 04              (terminal to card)                 (card to terminal)             terminal-sequence time

Lengths: balance, amount, terminal sequence 4, limit 3, counter 2, kind 1, terminal 6, time 7 YYYYMMDDhhmmss.
The counter is the one before it is increased, as INITIALIZE answers it.

The 16-byte suite (JR/T 0025.17) takes a block and its complement where the 8-byte one takes a block, and
the leftmost 4 bytes of the last block for a MAC.
"""

from typing import Final

from .ciphers import ExpandedKey
from .errors import CipherDataWrong
from .suites import MAC_LENGTH, Suite, complement, pad

ONLINE_TAIL: Final = bytes.fromhex("8000")
"""What stands in the keys of online trades where those of offline trades have the terminal's sequence number."""


def online_key(suite: Suite, key: bytes | ExpandedKey, random: bytes, counter: bytes) -> bytes:
    """Derive SESLK, SESULK or SESUK: the key enciphers ``random 4 || online counter 2 || 8000``."""
    return _session(suite, key, random + counter + ONLINE_TAIL)


def offline_key(
    suite: Suite, key: bytes | ExpandedKey, random: bytes, counter: bytes, terminal_sequence: bytes
) -> bytes:
    """Derive SESPK: the key enciphers ``random 4 || offline counter 2 || last 2 of terminal sequence 4``."""
    return _session(suite, key, random + counter + terminal_sequence[-2:])


def _session(suite: Suite, key: bytes | ExpandedKey, block: bytes) -> bytes:
    if len(block) != 8:
        raise ValueError(f"a session key comes from 8 bytes, not {len(block)}")
    return suite.expanded(key).encrypt(block if suite.block == 8 else block + complement(block))


def trade_mac(suite: Suite, session: bytes | ExpandedKey, *parts: bytes) -> bytes:
    """Compute MAC1, MAC2 or MAC3 of a trade under its session key; ``suite`` is that of the trade key."""
    return _cbc_mac(suite, session, b"".join(parts))


def tac(suite: Suite, key: bytes | ExpandedKey, *parts: bytes) -> bytes:
    """Compute a TAC under DTK, of a double-length key its halves XORed; or under what `Suite.expand_tac` returns.

    One manual takes the double-length key as it is for the overdraft limit; that is `line_mac` without a challenge.
    """
    return _cbc_mac(suite, suite.expand_tac(key) if isinstance(key, bytes) else key, b"".join(parts))


def reload_mac(suite: Suite, key: bytes | ExpandedKey, pin: bytes) -> bytes:
    """Compute the MAC of RELOAD PIN over the PIN alone, under DRPK, whose form is that of DTK in `tac`."""
    return tac(suite, key, pin)


def line_mac(suite: Suite, key: bytes | ExpandedKey, challenge: bytes, data: bytes) -> bytes:
    """Compute the MAC of a command, or of what a protected reading answers, under the key itself.

    The initial value is the challenge, 00 on the right. A double-length key enters the last block with
    both halves (ISO 9797-1, algorithm 3).
    """
    if suite.block == 8:
        return suite.key_load_mac(key, challenge, data)
    return _cbc_mac(suite, key, data, challenge.ljust(suite.block, b"\x00"))


def _cbc_mac(suite: Suite, key: bytes | ExpandedKey, data: bytes, initial: bytes = b"") -> bytes:
    block = suite.block
    last = suite.expanded(key).cbc(initial, pad(data, block))[-block:]
    return last[:MAC_LENGTH]


def decipher(suite: Suite, key: bytes | ExpandedKey, data: bytes) -> bytes:
    """Decipher ``LD || data || padding``; of aligned data the padding may be a block or none.

    Raises:
        CipherDataWrong: no whole blocks, or what they hold has another form.
    """
    if not data or len(data) % suite.block:
        raise CipherDataWrong("the cipher data are not whole blocks")
    plain = suite.expanded(key).decrypt(data)
    end = 1 + plain[0]
    rest = plain[end:]
    if end > len(plain) or len(rest) > suite.block or (rest and rest != b"\x80" + bytes(len(rest) - 1)):
        raise CipherDataWrong("the deciphered data are not LD || data || padding")
    return plain[1:end]
