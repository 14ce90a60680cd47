"""Reading the basic data, the first call of every session (读基本信息; terminal interface, 1)."""

from .base import CONTACT_FIRST, Base, Result, Session, Step, result
from .card import RKSSSE_KID, CardData, UserCard
from .errors import NO_RKSSSE, NOT_GENUINE, TerminalError
from .hsm import fields, hexadecimal
from .layout import FilePlan, shown

ISSUER_FILE, HOLDER_FILE = "SSSEEF05", "SSSEEF06"
ISSUER_KEY, HOLDER_KEY = "IRK", "RKSSSE"
ISSUE_DATE, EXPIRY_DATE = "05", "06"
NUMBER, NAME, EXTENSION = "08", "09", "4E"


class BasicFunctions(Base):
    """The functions of terminal interface, 1.

    Of every function ``card_info`` is ``identification code|card number|`` of the card that is expected, and ``kind``
    the type of card, 1 to 4 (terminal interface, 1.1.2). Every function returns a `Result` and raises `TerminalError`
    with a code of table A.1; a refused command has minus its status word.
    """

    def read_basic(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> Result:
        """Authenticate the card with the PSAM and read its basic data (iReadCardBas; terminal interface, 1.1).

        Args:
            kind: type of card, 1 to 4 (terminal interface, 1.1.2).
            card_info: the card that is expected; None takes any, as the standard's function does.

        Raises:
            TerminalError: no card, no PSAM, or the card is not genuine (-21).

        Text: ``region|social security number|card number|identification code|name|historical bytes|version|
        issue date|expiry date|terminal number|device number|``.
        """
        with self._session(kind) as session:
            card = session.card
            data = self._begin(card, card_info)
            psam = self._open_psam(session)
            external = _is_3_0(card)
            if external and not psam.has(HOLDER_KEY, data):
                raise TerminalError(
                    "the card is of version 3.0, and the PSAM lacks the key RKSSSE that shows its holder", NO_RKSSSE
                )
            randoms = card.randoms()
            proof = psam.authentication_data(ISSUER_KEY, data, randoms)
            if card.internal_authentication(randoms) != proof:
                raise TerminalError("the card does not prove that it knows the issuer's key IRK", NOT_GENUINE)
            if external:
                randoms = card.randoms()
                answer = psam.authentication_data(HOLDER_KEY, data, randoms) + randoms.original
                card.external_authentication(RKSSSE_KID, answer, HOLDER_KEY)
            return self._read(session, psam.terminal_number)

    def read_basic_hsm_step1(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> Result:
        """Return what the HSM needs for mutual authentication (iReadCardBas_HSM_Step1; terminal interface, 1.2).

        Text: ``region|historical bytes|algorithm|identification code|internal factor|internal original|
        external factor|external original|``, algorithm ``01`` to ``03``, randoms in hex; the last two are
        empty on cards before 3.0.
        """
        with self._session(kind, keep=True) as session:
            card = session.card
            data = self._begin(card, card_info)
            internal = card.randoms()
            answer = card.internal_authentication(internal)
            external = card.randoms() if _is_3_0(card) else None
            step = Step("read_basic", 1, session, {"answer": answer, "internal": internal, "external": external})
            self._keep(step)
            return result(
                region=data.region,
                historical_bytes=_hex(data.historical),
                algorithm=data.algorithm,
                identification_code=data.identification,
                internal_factor=_hex(internal.factor),
                internal_original=_hex(internal.original),
                external_factor=_hex(external.factor) if external else "",
                external_original=_hex(external.original) if external else "",
            )

    def read_basic_hsm_step2(self, key: str) -> Result:
        """Check the card with what the HSM computed, and read it (iReadCardBas_HSM_Step2; terminal interface, 1.3).

        Args:
            key: ``internal data 16 + original 16|external data 16 + original 16|``, the second part empty
                where it is not used.

        Returns:
            the result of `read_basic`.

        Raises:
            TerminalError: no first step (-12), bad data (-41, -42), or the card is not genuine (-21).
        """
        with self._continue("read_basic", 2, last=True) as step:
            card = step.session.card
            internal, external = fields(key, 2)
            if hexadecimal(internal, 16) != step.data["answer"] + step.data["internal"].original:
                raise TerminalError("the card does not prove that it knows the HSM's key IRK", NOT_GENUINE)
            if external:
                card.external_authentication(RKSSSE_KID, hexadecimal(external, 16), HOLDER_KEY)
            return self._read(step.session, self._terminal_number(step.session))

    def _read(self, session: Session, terminal_number: str) -> Result:
        card, data = session.card, session.card.data
        issuer, holder = card.layout.file(ISSUER_FILE), card.layout.file(HOLDER_FILE)
        dates = [shown(issuer.item(tag).element, card.issuer(int(tag, 16))) for tag in (ISSUE_DATE, EXPIRY_DATE)]
        card.open_file(holder)
        number, name = (_value(card, holder, tag) for tag in (NUMBER, NAME))
        if data.version[:3] in ("2.0", "3.0"):
            name += _value(card, holder, EXTENSION)
        return result(
            region=data.region,
            social_security_number=number,
            card_number=data.number,
            identification_code=data.identification,
            name=name,
            historical_bytes=_hex(data.historical),
            version=data.version,
            issue_date=dates[0],
            expiry_date=dates[1],
            terminal_number=terminal_number,
            device_number=self.settings.terminal.device_number,
        )

    def identify(self, kind: int = CONTACT_FIRST, *, card_info: str | None = None) -> CardData:
        """Read who the card in the reader is, without proof; no national function.

        Returns:
            the card's data; its ``info`` is the ``card_info`` of the other functions.

        Raises:
            TerminalError: no user card (-1, -2), no usable identification code (-20), or another card (-22).
        """
        with self._session(kind) as session:
            return self._begin(session.card, card_info)


def _is_3_0(card: UserCard) -> bool:
    return card.data.version[:3] == "3.0"


def _hex(data: bytes) -> str:
    return data.hex().upper()


def _value(card: UserCard, plan: FilePlan, tag: str) -> str:
    """Return a data item as text, empty if the card does not have it."""
    item = plan.item(tag)
    record = card.read_record(plan, item.number)
    return shown(item.element, record[2:]) if record and record[0] == item.element.tag else ""
