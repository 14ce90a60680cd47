"""The PIN: check, change, reload, unblock (PIN 校验、修改、重置、解锁; terminal interface, 4 to 7)."""

from typing import Final

from keys.records import Usage
from keys.suites import MAC_LENGTH

from .base import CONTACT_FIRST, Base, Result, Step, result
from .card import ENTER_OLD, OK, UserCard, read_new_pin, read_pin
from .errors import INPUT_WRONG, LENGTH_WRONG, PIN_LOCKED, TerminalError
from .files import authentication_request
from .hsm import hexadecimal
from .keytable import address_of

UNBLOCK: Final = bytes.fromhex("84240000")
RELOAD: Final = bytes.fromhex("84240001")
NAMES: Final = {"reload_pin": RELOAD, "unblock_pin": UNBLOCK}
SEPARATOR: Final = b"\xff"


class PinFunctions(Base):
    """The functions of terminal interface, 4 to 7.

    Of every function ``card_info`` is ``identification code|card number|`` of the card that is expected, and ``kind``
    the type of card, 1 to 4 (terminal interface, 1.1.2). Every function returns a `Result` and raises `TerminalError`
    with a code of table A.1; a refused command has minus its status word.
    """

    def verify_pin(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> Result:
        """Verify the PIN from the pad (iVerifyPIN; terminal interface, 4.1).

        Args:
            kind: type of card, 1 to 4.
            card_info: the card that is expected; None takes any, as the standard's function does.

        Raises:
            TerminalError: wrong PIN (-51), locked PIN (-52), or what the pad raises.
        """
        with self._session(kind) as session:
            self._begin(session.card, card_info)
            session.card.verify(self.pad)
        return Result()

    def change_pin(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> Result:
        """Replace the PIN: the old one, and the new one twice, come from the pad (iChangePIN; 5.1).

        Raises:
            TerminalError: wrong PIN (-51), locked PIN (-52), two new PINs that differ (-34), or what the pad raises.
        """
        with self._session(kind) as session:
            card = session.card
            self._begin(card, card_info)
            old = b"" if _has_no_pin(card) else read_pin(self.pad, ENTER_OLD)
            data = old + SEPARATOR + read_new_pin(self.pad)
            _, word = card.ask(b"\x80\x5e\x01\x00" + bytes((len(data),)) + data)
            card.check_pin(word, "CHANGE PIN")
        return Result()

    def reload_pin(self, card_info: str, kind: int = CONTACT_FIRST) -> Result:
        """Set a new PIN without the old one; the PSAM has PUK and STK (iReloadPIN; terminal interface, 6.1).

        Args:
            card_info: ``identification code|card number|`` of the card that is expected.
            kind: type of card, 1 to 4.

        Raises:
            TerminalError: another card (-22), no PSAM (-2201) or none with these keys, or the card refuses.
        """
        return self._maintain(card_info, kind, RELOAD)

    def unblock_pin(self, card_info: str, kind: int = CONTACT_FIRST) -> Result:
        """Give the PIN all its tries again; the PSAM has PUK and STK (iUnblockPIN; terminal interface, 7.1).

        Args:
            card_info: ``identification code|card number|`` of the card that is expected.
            kind: type of card, 1 to 4.

        Raises:
            TerminalError: another card (-22), no PSAM (-2201) or none with these keys, or the card refuses.
        """
        return self._maintain(card_info, kind, UNBLOCK)

    def reload_pin_hsm_step1(self, card_info: str, kind: int = CONTACT_FIRST) -> Result:
        """Return what the HSM needs for PUK (iReloadPIN_HSM_Step1; terminal interface, 6.2).

        Text: ``algorithm|key address|factor|original|``.
        """
        return self._pin_step1("reload_pin", card_info, kind)

    def reload_pin_hsm_step2(self, key: str) -> Result:
        """Authenticate, take the new PIN, return what the HSM has to secure (iReloadPIN_HSM_Step2; 6.3).

        Text: ``algorithm|key address|challenge|command header|new PIN as cn in hex|``.
        """
        return self._pin_step2("reload_pin", key)

    def reload_pin_hsm_step3(self, key: str) -> Result:
        """Send the command that the HSM computed, 34 or 50 hex digits (iReloadPIN_HSM_Step3; 6.4).

        Raises:
            TerminalError: another length (-42), or not the command of the step before (-23).
        """
        return self._pin_step3("reload_pin", key)

    def unblock_pin_hsm_step1(self, card_info: str, kind: int = CONTACT_FIRST) -> Result:
        """Return what the HSM needs for PUK (iUnblockPIN_HSM_Step1; terminal interface, 7.2).

        Text: that of `reload_pin_hsm_step1`.
        """
        return self._pin_step1("unblock_pin", card_info, kind)

    def unblock_pin_hsm_step2(self, key: str) -> Result:
        """Authenticate and return what the HSM has to secure, without a PIN (iUnblockPIN_HSM_Step2; 7.3)."""
        return self._pin_step2("unblock_pin", key)

    def unblock_pin_hsm_step3(self, key: str) -> Result:
        """Send the command that the HSM computed, 18 hex digits (iUnblockPIN_HSM_Step3; 7.4)."""
        return self._pin_step3("unblock_pin", key)

    # -- shared operations ---------------------------------------------------------------------------------

    def _maintain(self, card_info: str, kind: int, header: bytes) -> Result:
        """Authenticate with PUK, then send PIN CHANGE/UNBLOCK under the maintenance key (Part 7, 13)."""
        with self._session(kind) as session:
            card = session.card
            self._begin(card, card_info)
            psam = self._open_psam(session)
            pin = self._new_pin(header)
            puk, maintenance = card.layout.key("SSSE", Usage.PIN_UNBLOCK), card.layout.key("SSSE", Usage.MAC_ENC)
            randoms = card.randoms()
            data = psam.authentication_data(puk.root, card.data, randoms) + randoms.original
            card.external_authentication(puk.kid or 0, data, puk.ref.name)
            command = psam.secured(maintenance.root, card.data, card.challenge(), header, pin)
            card.must(command, "PIN CHANGE/UNBLOCK")
        return Result()

    def _new_pin(self, header: bytes) -> bytes:
        """Return the PIN that a command sets, from the pad; nothing if it sets none."""
        return read_new_pin(self.pad) if header == RELOAD else b""

    def _pin_step1(self, function: str, card_info: str, kind: int) -> Result:
        with self._session(kind, keep=True) as session:
            card = session.card
            self._begin(card, card_info)
            puk = card.layout.key("SSSE", Usage.PIN_UNBLOCK)
            randoms = card.randoms()
            self._keep(Step(function, 1, session, {"key": puk}))
            return authentication_request(card, address_of(puk.root), randoms.factor, randoms.original)

    def _pin_step2(self, function: str, key: str) -> Result:
        with self._continue(function, 2) as step:
            card, puk = step.session.card, step.data["key"]
            card.external_authentication(puk.kid or 0, hexadecimal(key, 16), puk.ref.name)
            header = NAMES[function]
            pin = self._new_pin(header)
            maintenance = card.layout.key("SSSE", Usage.MAC_ENC)
            suite = card.data.suite
            header += bytes((MAC_LENGTH + (len(suite.data_block(pin)) if pin else 0),))
            step.data["header"] = header
            return result(
                algorithm=card.data.algorithm,
                key_address=address_of(maintenance.root),
                factor=card.challenge().hex().upper(),
                header=header.hex().upper(),
                plain=pin.hex().upper(),
            )

    def _pin_step3(self, function: str, key: str) -> Result:
        with self._continue(function, 3, last=True) as step:
            command, header = hexadecimal(key), step.data["header"]
            if len(command) != len(header) + header[4]:
                raise TerminalError(f"the command has {len(key)} digits, not {2 * (5 + header[4])}", LENGTH_WRONG)
            if not command.startswith(header):
                raise TerminalError("the command differs from the one that the step before asked for", INPUT_WRONG)
            step.session.card.must(command, "PIN CHANGE/UNBLOCK")
        return Result()


def _has_no_pin(card: UserCard) -> bool:
    """Ask the card whether a PIN is set; a locked one is refused at once (Part 5, 6.14)."""
    if not card.settings.terminal.pin_query:
        return False
    _, word = card.ask(b"\x00\x20\x00\x00\x00")
    if word in (0x63C0, 0x6983):
        raise TerminalError("CHANGE PIN: the PIN is locked, no tries are left", PIN_LOCKED)
    return word == OK
