"""What each command changes in what the judge knows: one table, by the command's name."""

from collections.abc import Callable, Mapping
from typing import Final

from cardfs.model import tlv
from cardfs.model.fci import ALGORITHM, ISSUER_DATA, NAME, PROPRIETARY, TEMPLATE
from cardfs.model.files import SSSE_NAME

from ..trace.event import Event
from .exchange import Exchange
from .side import FINANCIAL, MOST, SOCIAL, Challenge, Delivery, Desk, PsamTrade, Session, Side, Trade, remember

SELECT: Final = 0xA4
MEDICAL: Final = 0xB0
"""Class of the medical trades (Part 5, 7)."""

ENVIRONMENT_NAME: Final = SSSE_NAME.hex().upper()
PSAM_NAMES: Final = {
    "7378312E73682EC9E7BBE1B1A3D5CF": "01",
    "7378322E73682EC9E7BBE1B1A3D5CF": "02",
    "7378332E73682EC9E7BBE1B1A3D5CF": "03",
}
"""Algorithms by the names of the environments of a PSAM (Part 9, 5)."""

PSAM_APPLICATION: Final = "D15600000590"
SOCIAL_AID: Final = "D156000005"
FINANCIAL_NAMES: Final = ("315041592E", "325041592E", "A000000")
"""How the names of PSE, PPSE and financial applications begin (JR/T 0025)."""

MOST_DIGITS: Final = 4096
"""Hex digits of an answer that are looked at."""

PSAM_COMMANDS: Final = frozenset(
    (
        "INITIALIZE ENVIRONMENT",
        "CREATE KEY",
        "CHANGE KEY",
        "DELIVERY SESSION KEY",
        "CIPHER DATA",
        "INIT SAM FOR PURCHASE",
        "CREDIT SAM FOR PURCHASE",
    )
)
"""Commands that only a PSAM has (Part 9, 9)."""

TRIED: Final = frozenset(("DELIVERY SESSION KEY", "INIT SAM FOR PURCHASE"))
"""Commands with which a terminal tries how many levels a key has, so that refusals are no failures (Part 9, 8)."""

ISSUER_FILE, HOLDER_FILE, TERMINAL_NUMBER = "SSSE/EF05", "SSSE/EF06", "/EF16"
TRADE_RECORDS: Final = "DF04/EF08"
DENIED: Final = 0x6982
MODE, BY_NUMBER = 0x07, 0x04
"""Bits of P2 of READ RECORD and UPDATE RECORD; what they are where P1 is a record's number (Part 5, tables 32, 44)."""

EXTENSION: Final = (0x03, 0x4E)
"""Number and identifier of the record of the name extension (V2.0 notice, table 9)."""

ISSUING: Final = frozenset((0xE0, 0xE1, 0xD4))
"""Instructions of issuing machines: create, delete, write a key."""

NO_COMMAND: Final = (0x6D00, 0x6E00)
"""Status words that say that a card has no such command."""

Update = Callable[[Exchange, str, Side, Desk], None]
"""Takes a command that was carried out, all of its response data in hex, and what is known."""

PIN_DIRECTORIES: Final = ("DF01/", "DF02/", "DF03/", "DF04/", "DF05/")
"""Where the files lie that some card of the standard opens with the PIN (Part 6, tables 5 to 8; V2.0 notice, tables 4
to 8 and B3); those of the environment, of DF06 and of DF07 are free or have a read key."""

PULLING: Final = frozenset(("pull", "power-cut", "partial-batch", "lost-answer", "truncate", "one-byte"))
"""Faults after which the terminal has no answer."""


def is_psam(event: Event) -> bool:
    """Return whether an event shows that the card is a PSAM."""
    return (
        event.name in PSAM_COMMANDS
        or event.clause.startswith("Part 9, ")
        or (event.name == "SELECT" and event.apdu[10:] == PSAM_APPLICATION and not event.refused)
    )


def begin(side: Side, desk: Desk, *, whole: bool) -> Session:
    """Begin a session of a reader."""
    side.session = Session(desk.line, whole)
    if whole:
        side.inserted = 0
    return side.session


def take(x: Exchange, side: Side, session: Session, desk: Desk) -> None:
    """Put a command into what is known."""
    if not side.psam:
        desk.user = side
    if x.name == "GET RESPONSE":
        _fetched(x, side, session, desk)
        return
    session.waiting = x if x.word >> 8 == 0x61 else None
    session.wrong_le = x if x.corrected else None
    session.parts, session.left = "", x.word & 0xFF
    _forget(x, session)
    session.last = x
    session.commands += 1
    if x.ins in ISSUING and x.cla & 0x80 and not side.psam and x.word not in NO_COMMAND:
        session.issuing = True
    if x.refused:
        _refused(x, side, session, desk)
    if elsewhere(x, session):
        return
    if x.name == "READ RECORD" and x.file == HOLDER_FILE and x.p1 in EXTENSION and not x.corrected:
        # Asked for: an older card has none.
        session.extension_read = x.line
    _challenge(x, session, desk)
    _sent(x, session, desk)
    if x.done:
        update = _CARRIED_OUT.get(x.name)
        if update is not None:
            update(x, "", side, desk)
        if session.waiting is None:
            _answered(x, x.answer, side, desk)


def elsewhere(x: Exchange, session: Session) -> bool:
    """Return whether a command is of another application, which has its own PIN, keys and random numbers."""
    return session.environment == FINANCIAL and x.name != "SELECT"


def _forget(x: Exchange, session: Session) -> None:
    """Forget a failure once the terminal has gone on after it: it is found once."""
    _interrupt(x, session)
    if x.name == "GET CHALLENGE" or writes(x):
        session.bad_mac = None
    if x.name == "SELECT":
        return
    if x.name in USING or x.corrected:
        session.missed = session.partial = None
    session.no_memory = None
    if elsewhere(x, session):
        return
    if needs_pin(x):
        session.pin_failed = None
    if needs_key(x):
        session.failed = None


def _interrupt(x: Exchange, session: Session) -> None:
    """Take what ends a trade before it is done (Part 5, 7.5.1, 7.6.1 and table 49)."""
    trade = session.trade
    if trade is not None and not trade.sent and x.name not in KEEPING:
        trade.interrupted = trade.interrupted or x


def needs_pin(x: Exchange) -> bool:
    """Return whether a command shows that its file or trade asks for the PIN.

    A trade does, if the holder has set one (Part 5, 7.3.1; Part 7, 11 and 12). Of a file the card's refusal shows it.
    """
    if x.cla == MEDICAL:
        return x.name == "GET BALANCE" or x.name in TRADING
    return x.name in READING and x.word == DENIED and x.file.startswith(PIN_DIRECTORIES)


def needs_key(x: Exchange) -> bool:
    """Return whether the card has refused what a proven key opens."""
    return x.word == DENIED and x.name in KEYED


def writes(x: Exchange) -> bool:
    """Return whether a command changes the card, or tries to."""
    return x.name.startswith(("UPDATE ", "APPEND ", "CREDIT ", "DEBIT ")) or (x.cla & 0x0F == 0x04 and bool(x.data))


def _fetched(x: Exchange, side: Side, session: Session, desk: Desk) -> None:
    """Take a part of an answer; the last one completes the command."""
    asked = session.waiting
    if asked is None or x.corrected:
        return
    if x.done and len(session.parts) < MOST_DIGITS:
        session.parts += x.answer
    session.left = x.word & 0xFF
    if x.word >> 8 != 0x61:
        session.waiting = None
        if x.done:
            _answered(asked, session.parts, side, desk)


def _answered(x: Exchange, data: str, side: Side, desk: Desk) -> None:
    update = _ANSWERED.get(x.name)
    if update is not None:
        update(x, data, side, desk)


# -- refusals -----------------------------------------------------------------------------------------


def _refused(x: Exchange, side: Side, session: Session, desk: Desk) -> None:
    if x.name in TRIED:
        desk.no_key = x.line
    else:
        desk.refusal = x.line
    by_word = _BY_WORD.get(x.word)
    if by_word is not None:
        by_word(x, session)
    by_name = _REFUSED.get(x.name)
    if by_name is not None and not elsewhere(x, session):
        by_name(x, "", side, desk)


def _is_blocked(x: Exchange, session: Session) -> None:
    session.blocked = x


def _is_denied(x: Exchange, session: Session) -> None:
    remember(session.denied, access(x), x.line)


def access(x: Exchange) -> str:
    """Return what a command wants to do with a file: reading and updating have rules of their own."""
    return f"{x.name.split()[0]} {x.file}"


def _is_locked(x: Exchange, session: Session) -> None:
    # A locked card knows no command any more, so the trace has no name for it.
    if x.ins == SELECT:
        session.card_blocked = x


def _has_bad_mac(x: Exchange, session: Session) -> None:
    session.bad_mac = x


def _has_no_memory(x: Exchange, session: Session) -> None:
    session.no_memory = x


def _is_past_the_end(x: Exchange, session: Session) -> None:
    if x.name == "READ RECORD" and x.p2 & MODE == BY_NUMBER:
        remember(session.ended, x.file, x.p1)


def _not_selected(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    session.missed = x


def _not_proven(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    session.failed = x
    if x.tries is not None:
        session.failed_keys.add(key_place(x, session))
    if x.word in (0x6983, 0x63C0):
        remember(side.locked_keys, key_place(x, session), x.line)


def key_place(x: Exchange, session: Session) -> str:
    """Return which key an EXTERNAL AUTHENTICATION means: the DF if it is an application's, identifier and version."""
    version = x.data[32:]
    return f"{session.df if x.p2 & 0x80 else ''}/{x.p2:02X}/{version}"


def _pin_refused(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    if not x.data:
        session.pin_asked = True
    elif x.tries is not None:
        session.pin_failed, session.pin_failures = x, session.pin_failures + 1
    _tries_left(x, side)


def _tries_left(x: Exchange, side: Side) -> None:
    if x.word in (0x6983, 0x63C0):
        side.locked_pin = x.line
    elif x.tries:
        side.locked_pin = 0


def _trade_refused(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    if x.cla == MEDICAL:
        session_of(side).trade = None


def _not_credited(x: Exchange, _data: str, _side: Side, desk: Desk) -> None:
    made = desk.psam_trade
    if made is None:
        return
    made.credited = True
    if made.card is not None and (x.word == 0x9302 or x.tries is not None):
        # The text of Part 9, 9.10.1 has 63CF, table 31 has 9302.
        made.card.mistrusted = x.line


# -- random numbers -------------------------------------------------------------------------------------


CONSUMING: Final = (0x6983, 0x6984, 0x6988)
"""Refusals that come after the card has looked at the random number."""


def takes_challenge(x: Exchange) -> bool:
    """Return whether a command uses the latest random number of the card (Part 5, 6.5.1).

    These are EXTERNAL AUTHENTICATION and every command with secure messaging (CLA x4).
    """
    return x.name == "EXTERNAL AUTHENTICATION" or (x.cla & 0x0F == 0x04 and bool(x.data))


def original(x: Exchange) -> str:
    """Return the original in the data of EXTERNAL AUTHENTICATION, in hex."""
    return x.data[16:32] if x.name == "EXTERNAL AUTHENTICATION" else ""


def _challenge(x: Exchange, session: Session, desk: Desk) -> None:
    if x.corrected:
        return
    if takes_challenge(x):
        if not (x.done or x.tries is not None or x.word in CONSUMING):
            return
        for each in session.challenges:
            if each is session.challenge or original(x).startswith(each.value):
                each.used = True
        session.spent = x
        for delivery in desk.deliveries:
            delivery.used = True
    elif x.name == "INTERNAL AUTHENTICATION":
        for each in session.challenges:
            if x.data[:16].startswith(each.value) or x.data[16:32].startswith(each.value):
                each.used = True
        for delivery in desk.deliveries:
            delivery.used = True


def _got_challenge(x: Exchange, data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    session.challenges.append(Challenge(x.line, data))
    session.spent = None


# -- selecting ------------------------------------------------------------------------------------------


def session_of(side: Side) -> Session:
    """Return the session of a reader in which a command is under way."""
    assert side.session is not None  # noqa: S101 - it begins with the first command
    return side.session


def selects_ef(x: Exchange) -> bool:
    """Return whether a SELECT means an EF: by P1, or by an identifier that only EFs have."""
    return x.p1 == 0x02 or (x.p1 == 0x00 and x.data[:2] in ("EF", "00"))


def _selected(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    session.missed = session.partial = session.blocked = None
    df, _, session.ef = x.file.partition("/")
    if df != (session.df or ("MF" if session.whole else df)):
        for each in session.challenges:
            each.lost = each.lost or x.line
        session.proven = {key for key in session.proven if not key & 0x80}
    session.df = df
    # Whether it is a PSAM may turn out later only.
    session.algorithm = PSAM_NAMES.get(x.data, session.algorithm)
    if not selects_ef(x):
        session.environment = _environment(x, session)


def _environment(x: Exchange, session: Session) -> str:
    """Return the environment that is current after a SELECT of a DF."""
    if session.df == "SSSE" or x.data.startswith(SOCIAL_AID):
        return SOCIAL
    if session.df == "MF":
        return ""
    return FINANCIAL if x.p1 == 0x04 and x.data.startswith(FINANCIAL_NAMES) else session.environment


def _got_fci(x: Exchange, data: str, side: Side, _desk: Desk) -> None:
    """Take what an FCI tells: the whole name, and the algorithm."""
    session = session_of(side)
    fci = _bytes(data)
    if x.p1 == 0x04 and len(_part(fci, TEMPLATE, NAME)) > x.length:
        session.partial = x
    if session.df == "SSSE" and not session.ef and fci:
        session.fci = True
        side.algorithm = _part(fci, TEMPLATE, PROPRIETARY, ISSUER_DATA, ALGORITHM).hex()


def _part(fci: bytes, *tags: int) -> bytes:
    try:
        return tlv.find(fci, *tags) or b""
    except tlv.TlvError:
        return b""


def _bytes(digits: str) -> bytes:
    """Return hex digits as bytes; nothing if some are masked."""
    return b"" if "*" in digits else bytes.fromhex(digits)


# -- PIN and keys ---------------------------------------------------------------------------------------


def _verified(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    if x.data:
        session.pin_verified, session.pin_failed = x.line, None
        side.locked_pin = 0
        return
    session.pin_asked = True
    _tries_left(x, side)
    if x.word == 0x9000 and not session.pin_verified:
        session.pin_none, session.pin_failed = True, None


def _pin_changed(_x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    session.pin_asked, session.pin_none = True, False
    session.pin_failed, session.pin_verified = None, 0
    side.locked_pin = 0


def _proven(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    session.proven.add(x.p2)
    session.failed = None
    session.failed_keys.discard(key_place(x, session))
    side.locked_keys.pop(key_place(x, session), None)
    session.denied.clear()


def _answers_internal(x: Exchange, data: str, side: Side, _desk: Desk) -> None:
    if data:
        side.authenticated = True
    side.randoms = x.data[:32]
    session_of(side).internal = x


# -- reading --------------------------------------------------------------------------------------------


def _got_data(x: Exchange, data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    remember(session.read, record_of(x, session), x.line)
    if x.file == ISSUER_FILE:
        _got_issuer(data, side, session)
    elif x.file == HOLDER_FILE:
        session.name_read = session.name_read or (x.line if data.startswith("09") else 0)
    elif side.psam and x.file.endswith(TERMINAL_NUMBER) and len(data) == 12:
        side.terminal = data


def record_of(x: Exchange, session: Session) -> str:
    """Return a text that is the same for every reading of the same record or bytes."""
    return f"{x.file or session.ef}/{x.name[5]}{x.apdu[4:]}"


def _written(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    """Forget what was known of a file: it has other contents now, and perhaps a record more."""
    session = session_of(side)
    _forget_file(x.file, session)
    session.ended.pop(x.file, None)


def _forget_file(file: str, session: Session) -> None:
    for record in [each for each in session.read if each.startswith(f"{file}/")]:
        del session.read[record]


def shows_another_card(x: Exchange, side: Side) -> bool:
    """Return whether a record is the identification code of another card than before."""
    if x.file != ISSUER_FILE or not x.answer.startswith("0110"):
        return False
    return side.identification not in ("", x.answer[4:])


def _got_issuer(data: str, side: Side, session: Session) -> None:
    """Take an element of the issuer's file: tag, length, value."""
    tag, value = data[:2], data[4:]
    if tag == "01":
        if side.identification not in ("", value):
            side.another_card()
            session.read.clear()
        side.identification = value
    if tag in ("01", "07"):
        session.identified = True
    if tag == "03":
        side.version = _bytes(value)[:3].decode("ascii", "replace")
    side.tags.add(tag)


# -- trades ---------------------------------------------------------------------------------------------


def _initialised(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    if x.cla == MEDICAL:
        load = x.name == "INITIALIZE FOR LOAD"
        amounts = x.data[2:10] if load else x.data[2:26]
        session_of(side).trade = Trade(x.line, load, amounts, x.data[-12:])


def _got_initialised(x: Exchange, data: str, side: Side, _desk: Desk) -> None:
    trade = session_of(side).trade
    if x.cla != MEDICAL or trade is None:
        return
    if trade.load:
        trade.sequence, trade.version, trade.algorithm, trade.random = data[8:12], data[12:14], data[14:16], data[16:24]
    else:
        trade.sequence, trade.version, trade.algorithm = data[28:32], data[32:34], data[34:36]
        trade.random = data[36:44]


def _sent(x: Exchange, session: Session, desk: Desk) -> None:
    """Take that DEBIT FOR PURCHASE or CREDIT FOR LOAD was sent: its answer may get lost."""
    trade = session.trade
    if x.cla != MEDICAL or x.name not in BOOKING or trade is None or x.corrected:
        return
    trade.sent = x.line
    if x.name == "DEBIT FOR PURCHASE":
        if len(desk.sequences) >= MOST:
            desk.sequences.clear()
        # A PSAM counts in each of its environments.
        desk.sequences[trade.terminal + trade.algorithm] = (x.data[:8], trade)


def _booked(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session = session_of(side)
    if x.cla == MEDICAL and session.trade is not None:
        session.trade.booked = True
        side.uncertain = session.trade
        session.balances.clear()
        _forget_file(TRADE_RECORDS, session)


def _got_booked(x: Exchange, data: str, side: Side, _desk: Desk) -> None:
    trade = session_of(side).trade
    if x.cla == MEDICAL and trade is not None and data:
        trade.answer, side.uncertain = data, None


def _proof(_x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    side.uncertain = None


def _no_proof(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    # 9406 is an answer, too: the card has not booked this trade.
    if x.word == 0x9406 and side.uncertain is not None and side.uncertain.sequence in ("", x.data):
        side.uncertain = None


def _balance(x: Exchange, _data: str, side: Side, _desk: Desk) -> None:
    session_of(side).balances.setdefault(x.p2, x.line)


# -- PSAM -----------------------------------------------------------------------------------------------


def _delivered(x: Exchange, _data: str, _side: Side, desk: Desk) -> None:
    desk.no_key = 0
    levels = min(x.p1 >> 5, x.length // 8)
    factors = tuple(x.data[at : at + 16] for at in range(0, 16 * levels, 16))
    desk.deliveries.append(Delivery(x.line, x.event.fields, factors, x.data[16 * levels :]))


def _psam_begun(x: Exchange, _data: str, _side: Side, desk: Desk) -> None:
    desk.no_key = 0
    card, trade = desk.purchase(x.data[:8]) or (None, None)
    desk.psam_trade = PsamTrade(x.line, x.data, card=card, trade=trade)


def _got_psam_begun(_x: Exchange, data: str, _side: Side, desk: Desk) -> None:
    if desk.psam_trade is not None:
        desk.psam_trade.answer = data


def _credited(_x: Exchange, _data: str, _side: Side, desk: Desk) -> None:
    if desk.psam_trade is not None:
        desk.psam_trade.credited = True


TRADING: Final = frozenset(("INITIALIZE FOR LOAD", "INITIALIZE FOR PURCHASE", "CREDIT FOR LOAD", "DEBIT FOR PURCHASE"))
BOOKING: Final = frozenset(("CREDIT FOR LOAD", "DEBIT FOR PURCHASE"))
BOOKING_INSTRUCTIONS: Final = ("2A", "2C")
"""The instruction bytes of the same, in hex."""

USING: Final = frozenset(
    (
        "READ RECORD",
        "READ BINARY",
        "UPDATE RECORD",
        "UPDATE BINARY",
        "PIN CHANGE/UNBLOCK",
        "APPLICATION BLOCK",
        "CARD BLOCK",
        "GET BALANCE",
        "GET TRANSACTION PROOF",
        "UPDATE STARTING DAY",
        "GET STARTING DAY",
        *TRADING,
    )
)
"""Commands that use what was selected and proven before."""

READING: Final = frozenset(("READ RECORD", "READ BINARY"))
UPDATING: Final = frozenset(("UPDATE RECORD", "UPDATE BINARY"))
FILES: Final = READING | UPDATING
KEYED: Final = frozenset(
    (
        *FILES,
        "PIN CHANGE/UNBLOCK",
        "APPLICATION BLOCK",
        "CARD BLOCK",
        "UPDATE STARTING DAY",
    )
)
"""Commands for which a key may have to be proven."""

KEEPING: Final = frozenset(("GET RESPONSE", "GET BALANCE", "GET TRANSACTION PROOF", *TRADING))
"""Commands that leave a trade open (Part 5, 7, table 49)."""

_BY_WORD: Final[Mapping[int, Callable[[Exchange, Session], None]]] = {
    0x9303: _is_blocked,
    0x6982: _is_denied,
    0x6A81: _is_locked,
    0x6987: _has_bad_mac,
    0x6988: _has_bad_mac,
    0x6581: _has_no_memory,
    0x6A83: _is_past_the_end,
}
"""What a status word changes, whatever the command."""

_REFUSED: Final[Mapping[str, Update]] = {
    "SELECT": _not_selected,
    "EXTERNAL AUTHENTICATION": _not_proven,
    "VERIFY": _pin_refused,
    "CHANGE PIN": _pin_refused,
    "CREDIT SAM FOR PURCHASE": _not_credited,
    "GET TRANSACTION PROOF": _no_proof,
    **dict.fromkeys(TRADING, _trade_refused),
}
"""What a command changes that the card has refused."""

_CARRIED_OUT: Final[Mapping[str, Update]] = {
    "SELECT": _selected,
    "VERIFY": _verified,
    "UPDATE RECORD": _written,
    "UPDATE BINARY": _written,
    "CHANGE PIN": _pin_changed,
    "PIN CHANGE/UNBLOCK": _pin_changed,
    "EXTERNAL AUTHENTICATION": _proven,
    "INITIALIZE FOR LOAD": _initialised,
    "INITIALIZE FOR PURCHASE": _initialised,
    "CREDIT FOR LOAD": _booked,
    "DEBIT FOR PURCHASE": _booked,
    "GET TRANSACTION PROOF": _proof,
    "GET BALANCE": _balance,
    "DELIVERY SESSION KEY": _delivered,
    "INIT SAM FOR PURCHASE": _psam_begun,
    "CREDIT SAM FOR PURCHASE": _credited,
}
"""What a command changes as soon as the card has carried it out."""

_ANSWERED: Final[Mapping[str, Update]] = {
    "SELECT": _got_fci,
    "GET CHALLENGE": _got_challenge,
    "INTERNAL AUTHENTICATION": _answers_internal,
    "READ RECORD": _got_data,
    "READ BINARY": _got_data,
    "INITIALIZE FOR LOAD": _got_initialised,
    "INITIALIZE FOR PURCHASE": _got_initialised,
    "CREDIT FOR LOAD": _got_booked,
    "DEBIT FOR PURCHASE": _got_booked,
    "INIT SAM FOR PURCHASE": _got_psam_begun,
}
"""What changes when all of its response data are there, also if GET RESPONSE has fetched them."""
