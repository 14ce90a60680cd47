"""A small software HSM (加密机): the only place on the host's side that has keys.

It stands for the back office with its HSM (terminal interface, appendix C): it takes the texts of the terminal's
steps and returns those that the next steps need, with keys by their logical addresses (appendix B).
"""

import re
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from cardfs.issuing.roots import Roots, card_factors, card_value
from keys.suites import DES, FACTOR_LENGTH, SUITES, Suite
from keys.trades import (
    LOAD_TYPE,
    load_mac1,
    load_mac2,
    load_session_key,
    load_tac,
    purchase_mac1,
    purchase_mac2,
    purchase_session_key,
    purchase_tac,
)

from .amounts import kind_byte
from .card import ALGORITHMS, HISTORICAL_LENGTH
from .errors import CHARACTERS_WRONG, INPUT_WRONG, KEY_MISSING, LENGTH_WRONG, NO_ALGORITHM, TerminalError
from .keytable import ADDRESSES
from .settings import Settings

INTERNAL: Final = ("IRK", 1)
EXTERNAL: Final = ("RKSSSE", 1)


class HsmCard(NamedTuple):
    """What keys of a card are derived from: application city code and historical bytes.

    Args:
        region: application city code (应用城市代码), six digits.
        historical: the 13 historical bytes of the ATR, T1 to TD; T6 to TD are the card's factor (Part 9, 7.3.3).

    Example:
        >>> import sscard
        >>> sscard.HsmCard("519900", bytes.fromhex("00814A44468660519900000042")).region
        '519900'
    """

    region: str
    historical: bytes

    @classmethod
    def of(cls, basic: str) -> "HsmCard":
        """Return both from the text of `Terminal.read_basic` or of its first HSM step."""
        fields = basic.split("|")
        historical = fields[5] if len(fields) > 10 else fields[1]
        return cls(fields[0], bytes.fromhex(historical))


@dataclass(slots=True)
class Hsm:
    """A small software HSM (加密机): root keys, and what a back office computes with them.

    Attributes:
        roots: root keys, from `load_roots`; no key is ever shown.
        settings: from `load_settings`: how the region diversifies keys and codes trade types.
        sequence: the terminal trade sequence (终端交易序号) of the next purchase, 0 to 2^32 - 1. If you make a new
            object for each purchase, choose it so that none comes twice.

    Methods that take the text of a step raise `TerminalError` for a text of another form (-41, -42), for an unknown
    address or a missing root (-27272), and for SSF33 (-2202).

    Example:
        >>> import sscard
        >>> hsm = sscard.Hsm(sscard.load_roots())
        >>> terminal = sscard.Terminal(sscard.InProcess(sscard.Card.issue()))
        >>> first = terminal.read_basic_hsm_step1(1).text
        >>> terminal.read_basic_hsm_step2(hsm.basic(first)).fields["name"]
        '测试甲'
    """

    roots: Roots
    settings: Settings = field(default_factory=Settings)
    sequence: int = 1
    _sessions: dict[bytes, tuple[Suite, bytes]] = field(default_factory=dict, repr=False)

    # -- keys ---------------------------------------------------------------------------------

    def key(self, algorithm: str, name: str, version: int, card: HsmCard) -> tuple[Suite, bytes]:
        """Derive a key of a card.

        Args:
            algorithm: ``01`` or ``03``.
            name: of the key, as ``IRK``.
            version: of the root, from 1.

        Returns:
            the suite, and the value, 8 or 16 bytes.

        Raises:
            TerminalError: SSF33 (-2202), no such root (-27272), or a card without region or historical bytes (-23).
        """
        suite = SUITES.get(ALGORITHMS.get(algorithm, ""))
        if suite is None:
            raise TerminalError(
                f"this HSM does not have the algorithm {algorithm!r}; SSF33 is not public", NO_ALGORITHM
            )
        if name.startswith("STK") and suite.block == DES.block:
            suite = DES  # eight bytes in the DES world (Part 9, appendix B, note ***)
        root = self.roots.values.get((name, version))
        if root is None:
            raise TerminalError(f"{self.roots.source} has no root {name} of version {version}", KEY_MISSING)
        if len(card.historical) != HISTORICAL_LENGTH or not re.fullmatch("[0-9]{6}", card.region):
            raise TerminalError("no key can be derived: the card names no region, or no historical bytes", INPUT_WRONG)
        factors = card_factors(card.region, card.historical, self.roots.level, self.settings.crypto)
        return suite, card_value(suite, root, factors)

    def _at(self, algorithm: str, address: str, card: HsmCard) -> tuple[Suite, bytes]:
        """Derive the key of a logical address; groups 2 and 3 of DPK have no roots of their own."""
        found = ADDRESSES.get(int(address, 16)) if re.fullmatch("[0-9A-F]{4}", address) else None
        if found is None or (found.name == "DPK" and found.group != 1):
            raise TerminalError(f"this HSM has no key at the address {address!r}", KEY_MISSING)
        return self.key(algorithm, found.name, found.version, card)

    # -- authentication -----------------------------------------------------------------------

    def basic(self, step1: str) -> str:
        """Return the answer to the first step of `read_basic`: authentication data and original of both sides (C.1).

        Text: ``internal data 16 + original 16|external data 16 + original 16|`` in hex; the second part is empty on
        cards before 3.0.
        """
        _, _, algorithm, _, factor, original, external, external_original = fields(step1, 8)
        card = HsmCard.of(step1)
        result = self._authentication(self.key(algorithm, *INTERNAL, card), factor, original) + "|"
        if external:
            result += self._authentication(self.key(algorithm, *EXTERNAL, card), external, external_original)
        return result + "|"

    def authentication(self, step1: str, card: HsmCard) -> str:
        """Return authentication data and original, 32 hex digits, for a step ``algorithm|address|factor|original|``."""
        algorithm, address, factor, original = fields(step1, 4)
        return self._authentication(self._at(algorithm, address, card), factor, original)

    def _authentication(self, key: tuple[Suite, bytes], factor: str, original: str) -> str:
        suite, value = key
        data = suite.authentication_data(value, hexadecimal(factor, 8), hexadecimal(original, 8))
        return (data + hexadecimal(original, 8)).hex().upper()

    # -- secure messaging ---------------------------------------------------------------------

    def secured(self, step2: str, card: HsmCard) -> str:
        """Return the finished command in hex for a second step ``algorithm|address|challenge|header|plain|``."""
        algorithm, address, challenge, header, plain = fields(step2, 5)
        suite, value = self._at(algorithm, address, card)
        session = suite.session_key(value, hexadecimal(challenge, FACTOR_LENGTH))
        cipher = suite.encrypt_data(session, hexadecimal(plain)) if plain else b""
        covered = hexadecimal(header, 5) + cipher
        if covered[4] != len(cipher) + 4:
            raise TerminalError("Lc in the command's header does not match its data", LENGTH_WRONG)
        return (covered + suite.mac(session, covered)).hex().upper()

    # -- trades -------------------------------------------------------------------------------

    def _kind(self, kind: str) -> bytes:
        return kind_byte(kind, self.settings.terminal)

    def purchase(self, step1: str, card: HsmCard) -> str:
        """Return ``terminal sequence|time|MAC1|`` for the first step of `debit` (Part 7, 12); count the sequence up."""
        algorithm, address, random, sequence, amounts, kind, terminal, time = fields(step1, 8)
        suite, key = self._at(algorithm, address, card)
        terminal_sequence = self.sequence.to_bytes(4)
        self.sequence = (self.sequence + 1) % 2**32
        session = purchase_session_key(suite, key, hexadecimal(random, 4), hexadecimal(sequence, 2), terminal_sequence)
        self._sessions[terminal_sequence] = suite, session
        data = (three(amounts), self._kind(kind), hexadecimal(terminal, 6), hexadecimal(time, 7))
        mac1 = purchase_mac1(suite, session, *data)
        return f"{terminal_sequence.hex().upper()}|{time}|{mac1.hex().upper()}|"

    def check_mac2(self, step2: str) -> bool:
        """Return whether the card's MAC2 in the text of `debit_hsm_step2` is right; True once for each purchase."""
        mac2, _, _, amounts, _, _, terminal_sequence, *_ = fields(step2, 9)
        known = self._sessions.pop(hexadecimal(terminal_sequence, 4), None)
        return known is not None and purchase_mac2(*known, three(amounts)).hex().upper() == mac2

    def check_tac(self, output: str, card: HsmCard) -> bool:
        """Return whether the TAC in the text of `debit` or `debit_hsm_step2` is right (terminal interface, C.7)."""
        parts = output.split("|")
        algorithm, address, amounts, kind, terminal, sequence, time, tac = fields("|".join(parts[-9:]), 8)
        suite, key = self._at(algorithm, address, card)
        data = (hexadecimal(terminal, 6), hexadecimal(sequence, 4), hexadecimal(time, 7))
        return purchase_tac(suite, key, three(amounts), self._kind(kind), *data).hex().upper() == tac

    def load(self, step1: str, card: HsmCard, time: str) -> str:
        """Check the card's MAC1 and return ``time|MAC2|`` for the first step of `load` (Part 7, 11.3 and 11.5).

        Args:
            step1: text of the first step.
            card: the card, from its basic data.
            time: of the host, ``YYYYMMDDHHMMSS``.

        Raises:
            TerminalError: MAC1 is wrong (-37634).
        """
        algorithm, address, random, sequence, balance, amount, _, terminal, mac1 = fields(step1, 9)
        suite, key = self._at(algorithm, address, card)
        session = load_session_key(suite, key, hexadecimal(random, 4), hexadecimal(sequence, 2))
        kind = self._kind(LOAD_TYPE.decode())
        rest = (hexadecimal(amount, 4), kind, hexadecimal(terminal, 6))
        if load_mac1(suite, session, hexadecimal(balance, 4), *rest).hex().upper() != mac1:
            raise TerminalError("the HSM refuses the load: the card's MAC1 is wrong", -0x9302)
        return f"{time}|{load_mac2(suite, session, *rest, hexadecimal(time, 7)).hex().upper()}|"

    def check_load_tac(self, output: str, card: HsmCard) -> bool:
        """Return whether the TAC in the text of `load` is right (Part 7, 11.7)."""
        algorithm, address, balance, sequence, amount, kind, terminal, time, tac = fields(output, 9)
        suite, key = self._at(algorithm, address, card)
        data = (hexadecimal(balance, 4), hexadecimal(sequence, 2), hexadecimal(amount, 4), self._kind(kind))
        return load_tac(suite, key, *data, hexadecimal(terminal, 6), hexadecimal(time, 7)).hex().upper() == tac


def fields(text: str, count: int) -> list[str]:
    """Return the fields of a text, each with ``|`` behind it; raise `TerminalError` (-42) if not ``count`` of them."""
    values = text.split("|")
    if values.pop() or len(values) != count:
        raise TerminalError(f"expected {count} fields, each with | behind it", LENGTH_WRONG)
    return values


def hexadecimal(text: str, length: int | None = None) -> bytes:
    """Return the bytes of hex digits, ``length`` of them if that is given.

    Raises:
        TerminalError: other characters (-41), or another number (-42).
    """
    if not re.fullmatch("[0-9A-Fa-f]*", text):
        raise TerminalError("expected hexadecimal digits only", CHARACTERS_WRONG)
    if len(text) % 2 or (length is not None and len(text) != 2 * length):
        wanted = "an even number of" if length is None else str(2 * length)
        raise TerminalError(f"expected {wanted} hexadecimal digits, not {len(text)}", LENGTH_WRONG)
    return bytes.fromhex(text)


def three(amounts: str) -> bytes:
    """Return the three amounts of a purchase, 12 bytes, from all three or from the last two, with account amount 0."""
    data = hexadecimal(amounts)
    return data.rjust(12, b"\0") if len(data) == 8 else hexadecimal(amounts, 12)
