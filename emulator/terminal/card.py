"""The user card as a terminal uses it: select, authenticate, verify, read and write, from power-up to power-down."""

import secrets
from collections.abc import Callable
from typing import Final, NamedTuple

from cardfs.model import tlv
from cardfs.model.atr import historical_bytes
from cardfs.model.codecs import PIN_MAX_DIGITS, PIN_MIN_DIGITS, pin_to_cn
from cardfs.model.fci import ALGORITHM, ISSUER_DATA, PROPRIETARY, TEMPLATE
from cardfs.model.files import SSSE_NAME
from keys.suites import SM4, SUITES, Suite

from .errors import (
    CHARACTERS_WRONG,
    IDENTIFICATION_WRONG,
    INPUT_WRONG,
    OTHER_CARD,
    PIN_DIFFERS,
    PIN_LENGTH,
    PIN_LOCKED,
    PIN_WRONG,
    WRONG_CARD,
    TerminalError,
    refused,
)
from .layout import FilePlan, Layout, layout
from .link import Connection, exchange
from .settings import Settings

OK: Final = 0x9000
HISTORICAL_LENGTH: Final = 13
CARD_NUMBER_LENGTH: Final = 9
ALGORITHMS: Final = {"01": "3DES", "02": "SSF33", "03": "SM4"}
"""Suites by the value of tag 86 of the FCI (terminal interface, 10.1)."""

SSF33_REGION: Final = "11"
"""Where cards that announce no algorithm have SSF33; anywhere else they have DES (terminal interface, 10.1)."""

ISSUER_FILE: Final = 0xEF05
"""File identifier of the issuer's file in the environment."""

RKSSSE_KID: Final = 0x0A
"""Key identifier of RKSSSE on cards of version 3.0, which show their holder after it only (10.2)."""

Pad = Callable[[str], str]
"""A PIN pad: shows a prompt and returns the digits; raises `TerminalError` -31 or -32 if nobody types any."""

ENTER: Final = "请输入密码"
ENTER_OLD: Final = "请输入原密码"
ENTER_NEW: Final = "请输入新密码"
ENTER_AGAIN: Final = "请再次输入新密码"


class CardData(NamedTuple):
    """What every function needs to know of the card (terminal interface, 10).

    Attributes:
        algorithm: ``01`` (DES and 3DES), ``02`` (SSF33) or ``03`` (SM4).
        identification: card identification code (卡识别码), 32 hex digits.
        number: card number, at most nine characters.
        version: of the specification, as ``2.0``; empty for 1.0.
        historical: the 13 historical bytes of the answer to reset.
        region: application city code, six digits.
    """

    algorithm: str
    identification: str
    number: str
    version: str
    historical: bytes
    region: str

    @property
    def suite(self) -> Suite:
        """Return the suite, for its block length; for SSF33, which is not public, that of another 16-byte cipher."""
        return SUITES.get(ALGORITHMS[self.algorithm], SM4)

    @property
    def info(self) -> str:
        """Return the text pCardInfo: ``identification code|card number|``."""
        return f"{self.identification}|{self.number}|"


class Randoms(NamedTuple):
    """Eight bytes each: the factor of the session key, and the original that is enciphered (原始信息)."""

    factor: bytes
    original: bytes


class UserCard:
    """A user card with power.

    Attributes:
        df: the selected directory, ``SSSE`` or ``DF01``; empty before the first SELECT.
        data: who the card is; complete after `begin`.

    Args:
        connection: to the card, freshly reset.
        settings: of the terminal.

    Every method that sends a command raises `TerminalError` if the card is gone, all but `ask` also if it refuses,
    with minus the status word. The argument ``what`` names the command in that error, ``why`` adds a reason.
    """

    def __init__(self, connection: Connection, settings: Settings) -> None:
        self._connection = connection
        self.settings = settings
        self.df = ""
        self.data = CardData("", "", "", "", historical_bytes(connection.atr), "")
        self._layout: Layout | None = None
        self._file = 0
        self._issuer: dict[int, bytes] = {}

    # -- commands -----------------------------------------------------------------------------

    def ask(self, command: bytes) -> tuple[bytes, int]:
        """Send a command and return data and status word, whatever the word is."""
        return exchange(self._connection.transmit, command)

    def must(self, command: bytes, what: str, why: str = "") -> bytes:
        """Send a command and return its data; raise `TerminalError` with the word unless that is 9000."""
        data, word = self.ask(command)
        if word != OK:
            raise self.refused(what, word, why)
        return data

    def refused(self, what: str, word: int, why: str = "") -> TerminalError:
        """Return the error of a command that the card refused."""
        return refused(what, word, why=why, rule=self.settings.terminal.sw_code_rule)

    @property
    def layout(self) -> Layout:
        """Return the files of this card's version."""
        if self._layout is None:
            self._layout = layout(self.data.version, self.settings.terminal)
        return self._layout

    # -- who it is ----------------------------------------------------------------------------

    def begin(self, card_info: str | None = None) -> CardData:
        """Select the environment, read who the card is, compare it with what the caller expects.

        Args:
            card_info: ``identification code|card number|``; None takes the card as it is.

        Returns:
            who the card is, also in `data`.

        Raises:
            TerminalError: not a user card (-1), no usable identification code (-20), or another card (-22).
        """
        expected = parse_card_info(card_info) if card_info is not None else None
        if len(self.data.historical) != HISTORICAL_LENGTH:
            raise TerminalError(
                "this is not a user card: its answer to reset does not have 13 historical bytes", WRONG_CARD
            )
        algorithm = algorithm_of(self.select_environment())
        identification = self.issuer(0x01)
        version = self.issuer(0x03).decode("ascii", "replace").rstrip("\0 ")
        number = self.issuer(0x07).decode("ascii", "replace")[:CARD_NUMBER_LENGTH].rstrip("\0 ")
        code = identification.hex().upper()
        region = code[:6]
        if len(identification) != 16 or not region.isdigit():
            raise TerminalError(
                f"the card's identification code is {code or 'empty'}, not 16 bytes that begin with a region",
                IDENTIFICATION_WRONG,
            )
        algorithm = algorithm or unannounced(region)
        self.data = CardData(algorithm, code, number, version, self.data.historical, region)
        if expected is not None and expected != (code, number):
            which = "identification code" if expected[0] != code else "card number"
            raise TerminalError(f"another card is in the reader: its {which} differs from the one given", OTHER_CARD)
        return self.data

    def select_environment(self) -> bytes:
        """Select the social-security environment (SSSE) and return its FCI (Part 3, 6.4)."""
        command = b"\x00\xa4\x04\x00" + bytes((len(SSSE_NAME),)) + SSSE_NAME
        fci = self.must(command, "SELECT of the social-security environment")
        self.df, self._file = "SSSE", 0
        return fci

    def select(self, df: str) -> None:
        """Select an application by its FID, from the environment, where every card finds it (Part 3, 6.4 and 6.5)."""
        if df == self.df:
            return
        if self.df != "SSSE":
            self.select_environment()
        if df != "SSSE":
            self.must(b"\x00\xa4\x00\x00\x02" + bytes.fromhex(df), f"SELECT of {df}")
            self.df, self._file = df, 0

    def _select_file(self, fid: int) -> None:
        self.must(b"\x00\xa4\x02\x00\x02" + fid.to_bytes(2), f"SELECT of EF{fid & 0xFF:02X} in {self.df}")
        self._file = fid

    def issuer(self, tag: int) -> bytes:
        """Return an element of SSSE/EF05, whose records are in the order of their tags; empty if the card has none.

        Each is read once in a session.
        """
        if tag not in self._issuer:
            if (self.df, self._file) != ("SSSE", ISSUER_FILE):
                self.select("SSSE")
                self._select_file(ISSUER_FILE)
            record, word = self.ask(bytes((0x00, 0xB2, tag, 0x04, 0x00)))
            self._issuer[tag] = record[2:] if word == OK and len(record) >= 2 and record[0] == tag else b""
        return self._issuer[tag]

    # -- authentication -----------------------------------------------------------------------

    def challenge(self) -> bytes:
        """Return eight random bytes of the card, by GET CHALLENGE."""
        data = self.must(b"\x00\x84\x00\x00\x08", "GET CHALLENGE")
        if len(data) != 8:
            raise TerminalError(f"GET CHALLENGE: the card answered {len(data)} bytes, not 8", -0x6700)
        return data

    def randoms(self) -> Randoms:
        """Return factor and original; the factor is the card's latest challenge (terminal interface, 1.2.3)."""
        own = self.settings.terminal.original_source == "terminal"
        original = secrets.token_bytes(8) if own else self.challenge()
        return Randoms(self.challenge(), original)

    def internal_authentication(self, randoms: Randoms) -> bytes:
        """Return what the card computes from the randoms, by INTERNAL AUTHENTICATION (Part 7, 5.4)."""
        command = b"\x00\x88\x00\x00\x10" + randoms.factor + randoms.original
        return self.must(command, "INTERNAL AUTHENTICATION")

    def external_authentication(self, kid: int, data: bytes, name: str) -> None:
        """Prove to the card by EXTERNAL AUTHENTICATION that a key is known.

        Args:
            kid: key identifier.
            data: authentication data and original, eight bytes each.
            name: of the key, for the error.
        """
        what = f"EXTERNAL AUTHENTICATION with {name} (key {kid:02X})"
        self.must(bytes((0x00, 0x82, 0x00, kid, len(data))) + data, what, f"does the terminal know this card's {name}?")

    def verify(self, pad: Pad) -> None:
        """Verify the PIN from the pad, after asking the card whether one is set and not locked (Part 7, 5.6 to 5.8).

        Raises:
            TerminalError: wrong PIN (-51), locked PIN (-52), or what the pad raises.
        """
        if self.settings.terminal.pin_query:
            _, word = self.ask(b"\x00\x20\x00\x00\x00")
            if word == OK:
                return
            if word in (0x63C0, 0x6983):
                raise TerminalError("VERIFY: the PIN is locked, no tries are left", PIN_LOCKED)
        pin = read_pin(pad, ENTER)
        _, word = self.ask(bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin)
        self.check_pin(word, "VERIFY")

    def check_pin(self, word: int, what: str) -> None:
        """Raise `TerminalError` for a bad answer to a command with a PIN: -51, -52, or minus the word."""
        if word & 0xFFF0 == 0x63C0:
            tries = word & 0x0F
            some = "1 try is left" if tries == 1 else f"{tries} tries are left"
            left = some if tries else "no tries are left, it is locked now"
            raise TerminalError(f"{what}: the PIN is wrong, {left}", PIN_WRONG, tries=tries)
        if word == 0x6983:
            raise TerminalError(f"{what}: the PIN is locked, no tries are left", PIN_LOCKED)
        if word != OK:
            raise self.refused(what, word)

    # -- files --------------------------------------------------------------------------------

    def open_file(self, plan: FilePlan) -> None:
        """Select a file in its DF."""
        self.select(plan.df)
        self._select_file(plan.ef.fid)

    def read_record(self, plan: FilePlan, number: int) -> bytes | None:
        """Return record ``number``, from 1, of the selected file, by READ RECORD; None if there is no such record."""
        record, word = self.ask(bytes((0x00, 0xB2, number, 0x04, 0x00)))
        if word == 0x6A83:
            return None
        if word != OK:
            raise self.refused(f"READ RECORD {number} of {plan.name}", word)
        return record

    def read_binary(self, plan: FilePlan) -> bytes:
        """Return all bytes of the selected file, by READ BINARY; fewer if the card's file is shorter."""
        data = b""
        while len(data) < plan.ef.size:
            part, word = self.ask(
                b"\x00\xb0" + len(data).to_bytes(2) + bytes((min(256, plan.ef.size - len(data)) & 0xFF,))
            )
            if word == 0x6B00 and data:
                break
            if word != OK or not part:
                raise self.refused(f"READ BINARY of {plan.name} at {len(data)}", word)
            data += part
        return data

    def update_record(self, plan: FilePlan, number: int, record: bytes) -> None:
        """Write a record of the selected file, by UPDATE RECORD (Part 5, 6.13); number 0 appends to a cyclic file."""
        header = bytes((0x00, 0xDC, number, 0x04 if number else 0x03, len(record)))
        self.must(header + record, f"UPDATE RECORD of {plan.name}")

    def update_binary(self, plan: FilePlan, data: bytes) -> None:
        """Write all bytes of the selected file, by UPDATE BINARY, 128 at a time."""
        for at in range(0, len(data), 128):
            part = data[at : at + 128]
            self.must(
                b"\x00\xd6" + at.to_bytes(2) + bytes((len(part),)) + part, f"UPDATE BINARY of {plan.name} at {at}"
            )

    def close(self) -> None:
        """Take the power from the card."""
        self._connection.close()


def algorithm_of(fci: bytes) -> str:
    """Return the algorithm identifier in tag 9F0C/86 of an FCI, empty if there is none (terminal interface, 10.1)."""
    try:
        found = tlv.find(fci, TEMPLATE, PROPRIETARY, ISSUER_DATA, ALGORITHM)
    except tlv.TlvError:
        return ""
    text = (found or b"").hex().upper()
    return text if text in ALGORITHMS else ""


def unannounced(region: str) -> str:
    """Return the algorithm identifier of a card whose FCI announces none (terminal interface, 10.1)."""
    return "02" if region.startswith(SSF33_REGION) else "01"


def parse_card_info(text: str) -> tuple[str, str]:
    """Read pCardInfo and return identification code, 32 hex digits, and card number, of which nine characters count.

    Raises:
        TerminalError: the text has another form (-23), or the code is not one (-20).
    """
    code, *rest = text.split("|")
    if len(rest) != 2 or rest[1]:
        raise TerminalError("the card information is not of the form 'identification code|card number|'", INPUT_WRONG)
    if len(code) != 32 or not all(char in "0123456789ABCDEFabcdef" for char in code):
        raise TerminalError(
            "the identification code in the card information does not have 32 hexadecimal digits", IDENTIFICATION_WRONG
        )
    return code.upper(), rest[0][:CARD_NUMBER_LENGTH]


def read_pin(pad: Pad, prompt: str) -> bytes:
    """Take a PIN from the pad and return it as cn: 4 to 16 digits (terminal interface, 4.1.3).

    Raises:
        TerminalError: not digits (-41), too few or too many (-33), or what the pad raises.
    """
    digits = pad(prompt)
    if digits and not (digits.isascii() and digits.isdigit()):
        raise TerminalError("a PIN consists of digits only", CHARACTERS_WRONG)
    if not PIN_MIN_DIGITS <= len(digits) <= PIN_MAX_DIGITS:
        raise TerminalError(f"a PIN has {PIN_MIN_DIGITS} to {PIN_MAX_DIGITS} digits", PIN_LENGTH)
    return pin_to_cn(digits)


def read_new_pin(pad: Pad) -> bytes:
    """Take a new PIN from the pad, twice, and return it as cn; raise `TerminalError` (-34) if the two differ."""
    first = read_pin(pad, ENTER_NEW)
    if read_pin(pad, ENTER_AGAIN) != first:
        raise TerminalError("the two new PINs differ", PIN_DIFFERS)
    return first
