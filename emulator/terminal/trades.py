"""Purchase, load, proof (消费交易、帐户划入、取交易认证码; terminal interface, 8; Part 7, 11 to 14)."""

from collections.abc import Callable
from typing import Final

from .amounts import APPLICATION, LOAD, PURCHASE, PendingPurchase, Uncertain, kind_byte, moment, pay_info, yuan
from .base import CONTACT_FIRST, NO_TERMINAL_NUMBER, Base, Result, Session, Step, result
from .card import OK, UserCard
from .errors import HSM_CODES, INPUT_WRONG, NO_ANSWER, NO_CARD, NO_POWER, TerminalError, word_text
from .hsm import fields, hexadecimal
from .keytable import address_of
from .psam import Trade
from .settings import TerminalSettings

_LOST: Final = (NO_CARD, NO_POWER, NO_ANSWER)
_INITIALIZE: Final = "INITIALIZE FOR PURCHASE"
_OTHER_RULE: Final = "or by another rule for the trade type (terminal.type_byte)"

Reinsert = Callable[[str], bool]
"""Asks the holder to put the card back; gets the standard's prompt, returns whether that was done."""

Host = Callable[[str], str]
"""The back office with its HSM: takes the text of a first step, returns the parameter of the next one."""


class TradeFunctions(Base):
    """The functions of terminal interface, 8, and those of Part 7 beside them.

    Of every function ``card_info`` is ``identification code|card number|`` of the card that is expected, and ``kind``
    the type of card, 1 to 4 (terminal interface, 1.1.2). Every function returns a `Result` and raises `TerminalError`
    with a code of table A.1; a refused command has minus its status word.
    """

    # -- purchase -----------------------------------------------------------------------------

    def debit(
        self, card_info: str, payment: str, kind: int = CONTACT_FIRST, *, reinsert: Reinsert | None = None
    ) -> Result:
        """Pay with the PSAM (iDoDebit; terminal interface, 8.1).

        Args:
            card_info: ``identification code|card number|`` of the card that is expected.
            payment: ``total amount|account plus fund amount|YYYYMMDDHHMMSS|``, amounts in yuan with two decimals.
            kind: type of card, 1 to 4.
            reinsert: asks for a card that was pulled out before its answer came; the proof then decides.

        Raises:
            TerminalError: nothing was booked; or, if its ``trade`` is not None, that is uncertain.

        Text: ``algorithm|DTK address|amounts|type|terminal number|terminal sequence|time|TAC|``.
        """
        amounts, time = pay_info(payment, self.settings.terminal)
        with self._session(kind) as session:
            card = session.card
            self._begin(card, card_info)
            psam = self._open_psam(session)
            card.verify(self.pad)
            paid = self._initialize(session, amounts, time, psam.terminal_number, psam.key_index())
            data = card.data
            trade_type = kind_byte(PURCHASE, self.settings.terminal)[0]
            trade = Trade(paid.head, amounts, trade_type, bytes.fromhex(time), paid.version, paid.algorithm)
            sequence, mac1 = psam.purchase(data, trade)
            answer = self._book(session, kind, paid, sequence, mac1, reinsert)
            try:
                psam.credit(answer[4:])
            except TerminalError as error:
                uncertain = Uncertain(data.info, PURCHASE, paid.sequence)
                raise _left(f"the card has booked the trade, but {error}", error.code, uncertain) from None
            return self._paid(paid, data.algorithm, sequence, answer[:4])

    def debit_hsm_step1(self, card_info: str, payment: str, kind: int = CONTACT_FIRST) -> Result:
        """Begin a purchase that the HSM secures (iDoDebit_HSM_Step1; terminal interface, 8.2).

        Args:
            card_info: ``identification code|card number|`` of the card that is expected.
            payment: as for `debit`.
            kind: type of card, 1 to 4.

        Text: ``algorithm|DPK address|random|purchase sequence|amounts|type|terminal number|time|``.
        """
        amounts, time = pay_info(payment, self.settings.terminal)
        with self._session(kind, keep=True) as session:
            card = session.card
            self._begin(card, card_info)
            terminal = self._terminal_number(session)
            card.verify(self.pad)
            paid = self._initialize(session, amounts, time, terminal, self.settings.terminal.key_index or 1)
            self._keep(Step("debit", 1, session, {"paid": paid, "kind": kind}))
            return result(
                algorithm=card.data.algorithm,
                key_address=address_of("DPK", paid.version),
                random=paid.head[:4].hex().upper(),
                purchase_sequence=paid.sequence,
                amounts=self._shown_amounts(amounts),
                type=PURCHASE,
                terminal_number=terminal,
                time=time,
            )

    def debit_hsm_step2(self, key: str, *, reinsert: Reinsert | None = None) -> Result:
        """Finish a purchase with the HSM's answer (iDoDebit_HSM_Step2; terminal interface, 8.3).

        Args:
            key: ``terminal sequence|time|MAC1|``; the time is that of the first step.
            reinsert: as for `debit`.

        Raises:
            TerminalError: no first step (-12), an answer for another time (-23), or as `debit`.

        Text: that of `debit` with MAC2 before it.
        """
        with self._continue("debit", 2, last=True) as step:
            sequence, time, mac1 = fields(key, 3)
            paid: PendingPurchase = step.data["paid"]
            if time != paid.time:
                raise TerminalError("the HSM's answer is for a purchase of another time", INPUT_WRONG)
            terminal_sequence = hexadecimal(sequence, 4)
            card = step.session.card
            mac = hexadecimal(mac1, 4)
            answer = self._book(step.session, step.data["kind"], paid, terminal_sequence, mac, reinsert)
            done = self._paid(paid, card.data.algorithm, terminal_sequence, answer[:4])
            mac2 = answer[4:].hex().upper()
            return Result(f"{mac2}|{done.text}", {"mac2": mac2, **done.fields})

    def _initialize(self, session: Session, amounts: bytes, time: str, terminal: str, index: int) -> PendingPurchase:
        card = session.card
        card.select(APPLICATION)
        number = bytes.fromhex(terminal if len(terminal) == 12 else NO_TERMINAL_NUMBER)
        command = b"\xb0\x28\x01\x01\x13" + bytes((index,)) + amounts + number
        yuan = int.from_bytes(amounts[:4]) / 100
        data, word = card.ask(command)
        if word == 0x9401:
            less = f"the account holds less than {yuan:.2f} yuan (table A.1 has no text for this answer)"
            raise card.refused(_INITIALIZE, word, less)
        if word == 0x9403:
            raise card.refused(_INITIALIZE, word, f"the card has no purchase key of index {index:02X}")
        if word != OK or len(data) != 22:
            raise card.refused(_INITIALIZE, word if word != OK else 0x6700)
        return PendingPurchase(amounts, time, terminal, data[18:22] + data[14:16], data[16], data[17])

    def _book(
        self,
        session: Session,
        kind: int,
        paid: PendingPurchase,
        sequence: bytes,
        mac1: bytes,
        reinsert: Reinsert | None,
    ) -> bytes:
        """Send DEBIT FOR PURCHASE; return TAC and MAC2. After a pulled card the proof decides (Part 7, 14)."""
        card = session.card
        command = b"\xb0\x2c\x01\x00\x0f" + sequence + bytes.fromhex(paid.time) + mac1
        try:
            data, word = card.ask(command)
        except TerminalError as lost:
            proof = self._recover(session, kind, lost, Uncertain(card.data.info, PURCHASE, paid.sequence), reinsert)
            return proof[4:] + proof[:4]
        if word != OK or len(data) != 8:
            why = f"MAC1 was made with another key than the card's DPK, {_OTHER_RULE}" if word == 0x9302 else ""
            raise card.refused("DEBIT FOR PURCHASE", word if word != OK else 0x6700, why)
        return data

    def _paid(self, paid: PendingPurchase, algorithm: str, sequence: bytes, tac: bytes) -> Result:
        return result(
            algorithm=algorithm,
            key_address=address_of("DTK", paid.version),
            amounts=self._shown_amounts(paid.amounts),
            type=PURCHASE,
            terminal_number=paid.terminal,
            terminal_sequence=sequence.hex().upper(),
            time=paid.time,
            tac=tac.hex().upper(),
        )

    def _shown_amounts(self, amounts: bytes) -> str:
        """Return the last two amounts in hex, joined; all three if the account may pay."""
        used = amounts if self.settings.terminal.debit_amounts == "account" else amounts[4:]
        return used.hex().upper()

    # -- load ---------------------------------------------------------------------------------

    def load(
        self,
        card_info: str,
        amount: str,
        host: Host,
        kind: int = CONTACT_FIRST,
        *,
        reinsert: Reinsert | None = None,
    ) -> Result:
        """Load the account (帐户划入; Part 7, 11), online: the host has DLK.

        Args:
            card_info: ``identification code|card number|`` of the card that is expected.
            amount: in yuan with two decimals.
            host: takes the text of `load_step1`, returns the parameter of `load_step2`; it books on its side.
            kind: type of card, 1 to 4.
            reinsert: as for `debit`.

        Returns:
            the result of `load_step2`.

        Raises:
            TerminalError: nothing was booked; or, if its ``trade`` is not None, that is uncertain.
        """
        key = host(self.load_step1(card_info, amount, kind).text)
        return self.load_step2(key, reinsert=reinsert)

    def load_step1(self, card_info: str, amount: str, kind: int = CONTACT_FIRST) -> Result:
        """Verify the PIN and begin a load of ``amount`` yuan: INITIALIZE FOR LOAD (Part 7, 11).

        No national function loads; the text follows those of debit:
        ``algorithm|DLK address|random|load sequence|balance|amount|type|terminal number|MAC1|``.

        Raises:
            TerminalError: another card (-22), a bad amount (-23), a PIN failed (-51, -52), or the card refuses.
        """
        fen = yuan(amount).to_bytes(4)
        with self._session(kind, keep=True) as session:
            card = session.card
            self._begin(card, card_info)
            terminal = self._terminal_number(session)
            card.verify(self.pad)
            card.select(APPLICATION)
            index = self.settings.terminal.key_index or 1
            command = b"\xb0\x28\x00\x01\x0b" + bytes((index,)) + fen + bytes.fromhex(terminal)
            data = card.must(command, "INITIALIZE FOR LOAD")
            if len(data) != 16:
                raise card.refused("INITIALIZE FOR LOAD", 0x6700)
            balance, sequence, version, random, mac1 = data[:4], data[4:6], data[6], data[8:12], data[12:]
            facts = {"balance": int.from_bytes(balance), "sequence": sequence.hex().upper(), "amount": fen}
            self._keep(Step("load", 1, session, {**facts, "version": version, "terminal": terminal, "kind": kind}))
            return result(
                algorithm=card.data.algorithm,
                key_address=address_of("DLK", version),
                random=random.hex().upper(),
                load_sequence=sequence.hex().upper(),
                balance=balance.hex().upper(),
                amount=fen.hex().upper(),
                type=LOAD,
                terminal_number=terminal,
                mac1=mac1.hex().upper(),
            )

    def load_step2(self, key: str, *, reinsert: Reinsert | None = None) -> Result:
        """Finish a load with the host's answer: CREDIT FOR LOAD (Part 7, 11).

        Args:
            key: ``time|MAC2|``.
            reinsert: as for `debit`.

        Raises:
            TerminalError: no first step (-12), a wrong MAC2 (-37634); the booking is uncertain if ``trade`` is not
                None.

        Text: ``algorithm|DTK address|new balance|load sequence|amount|type|terminal number|time|TAC|``.
        """
        with self._continue("load", 2, last=True) as step:
            time, mac2 = fields(key, 2)
            moment(time)
            card, facts = step.session.card, step.data
            command = b"\xb0\x2a\x00\x00\x0b" + hexadecimal(time, 7) + hexadecimal(mac2, 4)
            try:
                tac, word = card.ask(command)
            except TerminalError as lost:
                uncertain = Uncertain(card.data.info, LOAD, facts["sequence"])
                tac = self._recover(step.session, facts["kind"], lost, uncertain, reinsert)[4:]
            else:
                if word != OK or len(tac) != 4:
                    why = f"MAC2 was made with another key than the card's DLK, {_OTHER_RULE}" if word == 0x9302 else ""
                    raise card.refused("CREDIT FOR LOAD", word if word != OK else 0x6700, why)
            return result(
                algorithm=step.session.card.data.algorithm,
                key_address=address_of("DTK", facts["version"]),
                balance=f"{facts['balance'] + int.from_bytes(facts['amount']):08X}",
                load_sequence=facts["sequence"],
                amount=facts["amount"].hex().upper(),
                type=LOAD,
                terminal_number=facts["terminal"],
                time=time,
                tac=tac.hex().upper(),
            )

    # -- after a pulled card ------------------------------------------------------------------

    def _recover(
        self, session: Session, kind: int, lost: TerminalError, trade: Uncertain, reinsert: Reinsert | None
    ) -> bytes:
        """Return MAC and TAC, four bytes each, of a card that is back; raise `TerminalError` if it booked nothing."""
        if lost.code not in _LOST:
            raise lost
        if reinsert is None or not reinsert("请重新插入卡片"):
            raise _left(f"{lost}; {_uncertain(trade)}", lost.code, trade)
        session.card.close()
        try:
            session.card = self._power_up(kind)
            session.card.begin(trade.card_info)
            proof = _proof(session.card, trade.trade, trade.sequence, self.settings.terminal)
        except TerminalError as error:
            raise _left(f"{error}; {_uncertain(trade)}", error.code, trade) from None
        if proof is None:
            raise TerminalError(
                f"{lost}; the card booked nothing, so the trade can be made again: "
                f"GET TRANSACTION PROOF: the card answered {word_text(0x9406)}",
                -0x9406,
            )
        return proof

    def proof(self, card_info: str, trade: str, sequence: str, kind: int = CONTACT_FIRST) -> Result:
        """Ask whether a trade whose answer was lost was booked (取交易认证码; Part 7, 14).

        Args:
            card_info: ``identification code|card number|`` of the card.
            trade: ``1`` load, ``2`` purchase.
            sequence: the card's, as INITIALIZE answered it, four hex digits.
            kind: type of card, 1 to 4.

        Text: ``MAC|TAC|``; the MAC of a load is zero.

        Raises:
            TerminalError: the card did not book this trade, or another came after it (-37894).
        """
        if trade not in (LOAD, PURCHASE):
            raise TerminalError(f"the trade is 1 (load) or 2 (purchase), not {trade!r}", INPUT_WRONG)
        hexadecimal(sequence, 2)
        with self._session(kind) as session:
            # The trade is done, whatever the card is now.
            session.card.begin(card_info)
            data = _proof(session.card, trade, sequence, self.settings.terminal)
            if data is None:
                why = "the card did not book this trade, or another one came after it"
                raise session.card.refused("GET TRANSACTION PROOF", 0x9406, why)
            return result(mac=data[:4].hex().upper(), tac=data[4:].hex().upper())


def _uncertain(trade: Uncertain) -> str:
    return f"it is uncertain whether the card booked trade {trade.sequence}: ask for its proof"


def _left(sentence: str, code: int, trade: Uncertain) -> TerminalError:
    """Return the error of a trade that may be booked, with no code after which a caller pays again with the HSM."""
    return TerminalError(sentence, NO_ANSWER if code in HSM_CODES else code, trade=trade)


def _proof(card: UserCard, trade: str, sequence: str, settings: TerminalSettings) -> bytes | None:
    """Return the proof of a trade, MAC and TAC, by GET TRANSACTION PROOF; None if the card has none."""
    card.select(APPLICATION)
    kind = trade.encode()[0] if settings.proof_type_byte == "ascii" else int(trade)
    data, word = card.ask(bytes((0xB0, 0x2E, 0x00, kind, 0x02)) + bytes.fromhex(sequence))
    if word == 0x9406:
        return None
    if word != OK or len(data) != 8:
        raise card.refused("GET TRANSACTION PROOF", word if word != OK else 0x6700)
    return data
