"""Balance and records of purchases (读取余额、读消费交易记录; Part 5, 7.3; terminal interface, 9)."""

from typing import Final

from .amounts import APPLICATION, PURCHASE, in_yuan, recorded
from .base import CONTACT_FIRST, Base, Result, result
from .card import UserCard
from .layout import FIELD_END, ITEM_END

RECORDS: Final = "DF04EF08"


class InquiryFunctions(Base):
    """The functions of terminal interface, 9, and the balance.

    Of every function ``card_info`` is ``identification code|card number|`` of the card that is expected, and ``kind``
    the type of card, 1 to 4 (terminal interface, 1.1.2). Every function returns a `Result` and raises `TerminalError`
    with a code of table A.1; a refused command has minus its status word.
    """

    # -- balance ------------------------------------------------------------------------------

    def balance(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> Result:
        """Read the balance of the account, and what holder and fund have paid this year (读取余额; Part 5, 7.3).

        No national function does this. Text: ``account|self-paid|fund|``, in yuan.

        Args:
            kind: type of card, 1 to 4.
            card_info: the card that is expected; None takes any.

        Raises:
            TerminalError: another card (-22), a PIN failed (-51, -52), or the card refused a command.
        """
        with self._session(kind) as session:
            card = session.card
            self._begin(card, card_info)
            card.verify(self.pad)
            card.select(APPLICATION)
            amounts = [self._amount(card, which, length) for which, length in ((1, 4), (2, 6), (3, 6))]
            return result(account=amounts[0], self_paid=amounts[1], fund=amounts[2])

    @staticmethod
    def _amount(card: UserCard, which: int, length: int) -> str:
        data = card.must(bytes((0xB0, 0x26, 0x00, which, length)), "GET BALANCE")
        if len(data) != length:
            raise card.refused("GET BALANCE", 0x6700)
        return in_yuan(int.from_bytes(data[:4]))

    # -- records ------------------------------------------------------------------------------

    def read_debit_records(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> Result:
        """Read the records of purchases, newest first (iReadDebitRecord; terminal interface, 9.1).

        A record is ``sequence^terminal number^time^total^account plus fund^`` and ends with ``|``; the
        sequence in hex as the card answers it, amounts in yuan. Loads stand in the same file and are left out.

        Args:
            kind: type of card, 1 to 4.
            card_info: the card that is expected; None takes any, as the standard's function does.

        Raises:
            TerminalError: another card (-22), a PIN failed (-51, -52), or the card refused a command.
        """
        with self._session(kind) as session:
            card = session.card
            self._begin(card, card_info)
            card.verify(self.pad)
            plan = card.layout.file(RECORDS)
            card.open_file(plan)
            found = []
            for number in range(1, 255):
                record = card.read_record(plan, number)
                if record is None:
                    break
                if len(record) >= 16 and record[2:3] in (PURCHASE.encode(), b"\x02"):
                    found.append(self._record(record))
        text = "".join("".join(value + FIELD_END for value in record.values()) + ITEM_END for record in found)
        return Result(text, {"records": found})

    def _record(self, record: bytes) -> dict[str, str]:
        total, covered = recorded(record, self.settings.terminal)
        return {
            "sequence": record[:2].hex().upper(),
            "terminal_number": record[3:9].hex().upper(),
            "time": record[9:16].hex().upper(),
            "total": in_yuan(total),
            "account_plus_fund": in_yuan(covered),
        }
