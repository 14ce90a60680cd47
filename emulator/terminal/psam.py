"""The PSAM as a terminal uses it (Part 9): it holds root keys and computes; no key comes out of it.

A terminal has to work with PSAMs of every level (Part 9, 8): the terminal tries how many
levels a key is above the card's, and remembers it.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from cardfs.issuing.roots import LEVELS as ROOT_LEVELS
from cardfs.issuing.roots import card_factors
from keys.diversify import ZHEJIANG
from keys.suites import FACTOR_LENGTH, pad

from .card import OK, CardData, Randoms
from .errors import KEY_MISSING, LEVEL_TOO_LOW, NO_ALGORITHM, NO_PSAM, TerminalError, refused
from .keytable import MAC, PURCHASE, TABLE, TableKey
from .link import Connection, exchange
from .settings import Settings

APPLICATION: Final = bytes.fromhex("D15600000590")
ENVIRONMENTS: Final = {
    "01": bytes.fromhex("7378312E73682EC9E7BBE1B1A3D5CF"),
    "02": bytes.fromhex("7378322E73682EC9E7BBE1B1A3D5CF"),
}
"""Names of the environments by algorithm (Part 9, 5); that of SM4 is a setting."""

LEVELS: Final = (3, 2, 1)
TERMINAL_NUMBER: Final = 0x0016
SEQUENCE: Final = 0x0019
NATIONAL_INFORMATION: Final = 0x001A
NO_SUCH_KEY: Final = (0x6A80, 0x6A88, 0x6700)
"""Answers of a PSAM that does not have a key, or not with so many levels (Part 9, 9.7.4 and 9.9.2)."""


class Index(dict[tuple[str, str], tuple[int, int]]):
    """What is known of a PSAM: usage type and number of levels, by algorithm and name of a key."""


class Trade(NamedTuple):
    """What MAC1 of a purchase is computed from (Part 9, 9.9.3).

    Attributes:
        head: random (four bytes) and purchase sequence (two bytes) of the card.
        amounts: account, self-paid and fund amount in fen, four bytes each.
        kind: trade type, one byte.
        time: ``YYYYMMDDHHMMSS`` as cn, seven bytes.
        version, algorithm: of DPK, as the card names them.
    """

    head: bytes
    amounts: bytes
    kind: int
    time: bytes
    version: int
    algorithm: int


class Psam:
    """A PSAM with power, its application of one algorithm selected.

    Args:
        connection: to the PSAM, freshly reset.
        settings: of the terminal.
        index: what is known of this PSAM; completed here.
        reader: name of its reader, for errors.

    Every method that sends a command raises `TerminalError`: -2201 if the PSAM does not answer, minus the status word
    if it refuses.

    Attributes:
        terminal_number: twelve digits; empty before `begin`.
    """

    def __init__(self, connection: Connection, settings: Settings, index: Index, reader: str = "its reader") -> None:
        self._connection = connection
        self._reader = reader
        self._settings = settings
        self._index = index
        self._algorithm = ""
        self.terminal_number = ""

    def ask(self, command: bytes) -> tuple[bytes, int]:
        """Send a command; return data and status word; raise `TerminalError` (-2201) if the PSAM does not answer."""
        try:
            return exchange(self._connection.transmit, command)
        except TerminalError as error:
            raise TerminalError(f"the PSAM in {self._reader!r} does not answer any more: {error}", NO_PSAM) from None

    def must(self, command: bytes, what: str) -> bytes:
        """Send a command and return its data; raise `TerminalError` with the word unless that is 9000."""
        data, word = self.ask(command)
        if word != OK:
            raise self._refused(what, word)
        return data

    def _refused(self, what: str, word: int, why: str = "") -> TerminalError:
        return refused(what, word, who="the PSAM", why=why, rule=self._settings.terminal.sw_code_rule)

    def close(self) -> None:
        """Take the power from the PSAM."""
        self._connection.close()

    def is_psam(self) -> bool:
        """Return whether this is a PSAM: one of its environments and the application can be selected."""
        return answers_as_psam(self.ask, self._settings)

    def begin(self, algorithm: str) -> None:
        """Select the environment and application of an algorithm, and read the terminal number.

        Raises:
            TerminalError: not a PSAM (-2201), or one without this algorithm (-2202).
        """
        word = self._select_name(_names(self._settings)[algorithm])
        if word != OK:
            which = {"01": "DES/3DES", "02": "SSF33", "03": "SM4"}[algorithm]
            self._require_psam()
            raise TerminalError(
                f"the card's algorithm is {which}, and this PSAM has no environment for it", NO_ALGORITHM
            )
        self._algorithm = algorithm
        _, word = self.ask(b"\x00\xa4\x02\x00\x02" + TERMINAL_NUMBER.to_bytes(2))
        if word != OK:
            # A user card has an environment of this name, too (Part 9, clause 5).
            self._require_psam()
            raise self._refused("SELECT of the terminal number", word)
        self.terminal_number = self.must(b"\x00\xb0\x00\x00\x06", "READ BINARY of the terminal number").hex().upper()
        self._select_application()

    def _require_psam(self) -> None:
        if not self.is_psam():
            raise TerminalError(f"the card in {self._reader!r} is not a PSAM", NO_PSAM)

    def _select_name(self, name: bytes) -> int:
        return self.ask(_select(name))[1]

    def _select_application(self) -> None:
        """Select DF01; terminals differ in P1, and so may PSAMs (setting ``terminal.psam_select``)."""
        how = self._settings.terminal.psam_select
        by_name = b"\x04\x00" + bytes((len(APPLICATION),)) + APPLICATION
        ways = {"00": b"\x00\x00\x02\xdf\x01", "02": b"\x02\x00\x02\xdf\x01", "name": by_name}
        word = OK
        for way in ways if how == "any" else (how,):
            word = self.ask(b"\x00\xa4" + ways[way])[1]
            if word == OK:
                return
        raise self._refused("SELECT of DF01", word)

    # -- levels -------------------------------------------------------------------------------

    def _factors(self, card: CardData, levels: int) -> bytes:
        """Return the factors of the last ``levels`` levels, eight bytes each, the card's first (Part 9, 9.9.3)."""
        factors = card_factors(card.region, card.historical, ROOT_LEVELS[0], self._settings.crypto)
        return b"".join(reversed(factors[-levels:]))

    def _serves(self, card: CardData, levels: int) -> bool:
        """Return whether a root with so many levels left is one of this card: a city's root serves that city only."""
        own = self.terminal_number[:6]
        if levels == len(LEVELS) or self._settings.terminal.psam_region == "ignore" or not own.isdigit():
            return True
        four = card.region.startswith(ZHEJIANG) and self._settings.crypto.zhejiang_rule
        length = 2 if levels == 2 else 4 if four else 6
        return own[:length] == card.region[:length]

    def _too_low(self, name: str, card: CardData) -> TerminalError:
        return TerminalError(
            f"the PSAM of region {self.terminal_number[:6]} has {name}, but of a level that does not reach cards of "
            f"region {card.region}",
            LEVEL_TOO_LOW,
        )

    def _deliver(self, key: TableKey, card: CardData, factor: bytes) -> None:
        """Make the session key in the PSAM, by DELIVERY SESSION KEY with the factors that its key needs (Part 9, 9.7).

        Raises:
            TerminalError: no such key (-27272), or of a level too low for this card (-24).
        """
        factor = factor.ljust(card.suite.block, b"\0")
        known = self._index.get((self._algorithm, key.name))
        tries = [(kind, levels) for levels in LEVELS for kind in key.kinds]
        tries.sort(key=lambda each: each != known)
        level_wrong = False
        for kind, levels in tries:
            data = self._factors(card, levels) + factor
            _, word = self.ask(bytes((0xBF, 0xDE, levels << 5 | kind, key.identifier, len(data))) + data)
            if word == OK:
                if not self._serves(card, levels):
                    raise self._too_low(key.name, card)
                self._index[self._algorithm, key.name] = (kind, levels)
                return
            if word not in NO_SUCH_KEY:
                raise self._refused(f"DELIVERY SESSION KEY for {key.name}", word)
            level_wrong = level_wrong or word != KEY_MISSING * -1
        if level_wrong:
            raise self._too_low(key.name, card)
        raise TerminalError(f"the PSAM has no key {key.name} (identifier {key.identifier:02X})", KEY_MISSING)

    def has(self, name: str, card: CardData) -> bool:
        """Return whether the PSAM has a key; raise `TerminalError` (-24) if its level is too low for the card."""
        try:
            self._deliver(table_key(name), card, bytes(FACTOR_LENGTH))
        except TerminalError as error:
            if error.code == KEY_MISSING:
                return False
            raise
        return True

    # -- computing ----------------------------------------------------------------------------

    def authentication_data(self, name: str, card: CardData, randoms: Randoms) -> bytes:
        """Return the eight bytes of an internal or external authentication (Part 9, 9.8; Part 4, 9.3).

        Args:
            name: of the key, as ``IRK``.
            card: what the key is diversified for.
            randoms: factor of the session key, and original.

        Raises:
            TerminalError: no such key (-27272), or of a level too low for this card (-24).
        """
        self._deliver(table_key(name), card, randoms.factor)
        block = card.suite.block
        data = self._cipher(randoms.original.ljust(block, b"\0"), name)
        # 16-byte suite: both halves XORed, which is the terminal's part (Part 4, 9.3.2).
        return data if block == 8 else bytes(a ^ b for a, b in zip(data[:8], data[8:], strict=True))

    def secured(self, name: str, card: CardData, challenge: bytes, header: bytes, plain: bytes) -> bytes:
        """Return a command with enciphered data and MAC under a maintenance key (Part 4, 8.2 and 8.3; Part 7, 13).

        Args:
            name: of the maintenance key.
            challenge: of the card, eight bytes.
            header: CLA INS P1 P2.
            plain: data to encipher; empty for a command without data.

        Returns:
            the whole command, MAC included.

        Raises:
            TerminalError: no such key (-27272), of a level too low (-24), or a key that cannot encipher.
        """
        key = table_key(name)
        cipher = b""
        if plain:
            self._deliver(key, card, challenge)
            cipher = self._cipher(card.suite.data_block(plain), name)
        # Delivered again, since a session key may serve one computation only.
        self._deliver(key, card, challenge)
        covered = header + bytes((len(cipher) + 4,)) + cipher
        block = card.suite.block
        data = bytes(block) + pad(covered, block)
        answer = self.must(b"\x80\xfa\x05\x00" + bytes((len(data),)) + data, f"CIPHER DATA (MAC) with {name}")
        return covered + (answer if len(answer) == 4 else card.suite.truncate(answer))

    def _cipher(self, data: bytes, name: str) -> bytes:
        answer, word = self.ask(b"\x80\xfa\x00\x00" + bytes((len(data),)) + data)
        if word != OK:
            kind, _ = self._index.get((self._algorithm, name), (0, 0))
            why = (
                f"its {name} is a key for MACs (type {MAC:02X}) and cannot encipher: use an HSM" if kind == MAC else ""
            )
            raise self._refused(f"CIPHER DATA with {name}", word, why)
        if len(answer) != len(data):
            raise self._refused(f"CIPHER DATA with {name}: {len(answer)} bytes", 0x6700)
        return answer

    # -- purchase -----------------------------------------------------------------------------

    def key_index(self) -> int:
        """Return the purchase key index (消费密钥索引号), 1 to 3, or that of the settings (Part 9, 5.5)."""
        chosen = self._settings.terminal.key_index
        if chosen:
            return chosen
        _, word = self.ask(b"\x00\xa4\x02\x00\x02" + NATIONAL_INFORMATION.to_bytes(2))
        data, read = self.ask(b"\x00\xb0\x00\x00\x01") if word == OK else (b"", word)
        return data[0] if read == OK and data and data[0] in (1, 2, 3) else 1

    def purchase(self, card: CardData, trade: Trade) -> tuple[bytes, bytes]:
        """Begin a purchase by INIT SAM FOR PURCHASE (Part 9, 9.9).

        Only levels that reach the card are tried, so that no failing trade steps the sequence.

        Returns:
            terminal trade sequence and MAC1, four bytes each.

        Raises:
            TerminalError: no such key (-27272), or of a level too low (-24), or the sequence is exhausted (-27013).
        """
        known = self._index.get((self._algorithm, PURCHASE))
        tries = sorted((each for each in LEVELS if self._serves(card, each)), key=lambda each: (0, each) != known)
        for levels in tries:
            data = trade.head + trade.amounts + bytes((trade.kind,)) + trade.time
            data += bytes((trade.version, trade.algorithm)) + self._factors(card, levels)
            answer, word = self.ask(b"\x80\x70\x01\x00" + bytes((len(data),)) + data)
            if word == OK:
                if len(answer) != 8:
                    raise self._refused(f"INIT SAM FOR PURCHASE: {len(answer)} bytes", 0x6700)
                self._index[self._algorithm, PURCHASE] = (0, levels)
                return answer[:4], answer[4:]
            if word == KEY_MISSING * -1:
                raise TerminalError(f"the PSAM has no key DPK of version {trade.version:02X}", KEY_MISSING)
            if word not in NO_SUCH_KEY:
                raise self._refused("INIT SAM FOR PURCHASE", word, self._exhausted() if word == 0x6985 else "")
        raise self._too_low(PURCHASE, card)

    def _exhausted(self) -> str:
        """Return the reason if the PSAM has given out every terminal trade sequence, else nothing."""
        _, word = self.ask(b"\x00\xa4\x02\x00\x02" + SEQUENCE.to_bytes(2))
        data, word = self.ask(b"\x00\xb0\x00\x00\x04") if word == OK else (b"", word)
        spent = word == OK and data == b"\xff" * 4
        return "its terminal trade sequence is exhausted: use another PSAM" if spent else ""

    def credit(self, mac2: bytes) -> None:
        """Let the PSAM check the card's MAC2, four bytes, by CREDIT SAM FOR PURCHASE (Part 9, 9.10).

        Raises:
            TerminalError: MAC2 is wrong (-37634), or the PSAM refuses.
        """
        _, word = self.ask(b"\x80\x72\x00\x00\x04" + mac2)
        if word in (0x9302, 0x63CF):
            # The standard names two status words for this (Part 9, 9.10.1 and table 31).
            raise self._refused("CREDIT SAM FOR PURCHASE, the card's MAC2", 0x9302)
        if word != OK:
            raise self._refused("CREDIT SAM FOR PURCHASE", word)


def table_key(name: str) -> TableKey:
    """Return the place of a key in PSAMs; raise `TerminalError` (-27272) if no table has it."""
    key = TABLE.get(name)
    if key is None:
        raise TerminalError(f"the tables name no place for {name} in a PSAM", KEY_MISSING)
    return key


def answers_as_psam(ask: Callable[[bytes], tuple[bytes, int]], settings: Settings) -> bool:
    """Return whether a card is a PSAM: one of its environments and the application can be selected."""
    return any(ask(_select(name))[1] == OK and ask(_select(APPLICATION))[1] == OK for name in _names(settings).values())


def _names(settings: Settings) -> dict[str, bytes]:
    return {**ENVIRONMENTS, "03": bytes.fromhex(settings.terminal.psam_sm4_name)}


def _select(name: bytes) -> bytes:
    return b"\x00\xa4\x04\x00" + bytes((len(name),)) + name


def recognise(connection: Connection, settings: Settings) -> str:
    """Return the sort of a card, by SELECT: ``psam``, ``user``, or empty for another card."""
    psam = Psam(connection, settings, Index())
    if psam.is_psam():
        return "psam"
    return "user" if psam.ask(b"\x00\xa4\x04\x00\x0f" + ENVIRONMENTS["01"])[1] == OK else ""
