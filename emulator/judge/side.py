"""What the judge knows of a reader: the session, the card, and over all readers what user card and PSAM do together.

All of it is bounded, however long a trace is.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from .exchange import Exchange

SOCIAL: Final = "social"
FINANCIAL: Final = "financial"
MOST: Final = 256
"""Records, keys and the like that are remembered of a session; older ones are forgotten."""


@dataclass(slots=True)
class Challenge:
    """A random number of the card (GET CHALLENGE).

    Attributes:
        line: where it was fetched.
        value: its bytes in hex.
        used: whether a command has used it.
        lost: line of the SELECT that ended it; 0 if none did.
    """

    line: int
    value: str
    used: bool = False
    lost: int = 0


@dataclass(slots=True)
class Trade:
    """A load or a purchase on the card.

    Attributes:
        line: where it was initialised.
        load: whether it is a load.
        amounts: what it moves, in hex: one amount of a load, three of a purchase.
        terminal: number of the terminal, in hex.
        random, sequence, version, algorithm: from the card's answer, in hex; empty before it came.
        sent: line of DEBIT FOR PURCHASE or CREDIT FOR LOAD; 0 before.
        interrupted: the command that ended it before it was done; None if none did.
        booked: whether the card carried it out.
        answer: MAC2 and TAC or the TAC alone, in hex; empty before they came.
    """

    line: int
    load: bool
    amounts: str
    terminal: str
    random: str = ""
    sequence: str = ""
    version: str = ""
    algorithm: str = ""
    sent: int = 0
    interrupted: Exchange | None = None
    booked: bool = False
    answer: str = ""


@dataclass(slots=True)
class PsamTrade:
    """A purchase in a PSAM.

    Attributes:
        line: line of INIT SAM FOR PURCHASE.
        data: its data field, in hex.
        answer: terminal trade sequence and MAC1, in hex; empty before they came.
        card, trade: the user card and its trade; None if it is in no reader of this trace.
        credited: whether the PSAM got MAC2.
    """

    line: int
    data: str
    answer: str = ""
    card: "Side | None" = None
    trade: Trade | None = None
    credited: bool = False


@dataclass(slots=True)
class Delivery:
    """A session key in a PSAM (DELIVERY SESSION KEY).

    Attributes:
        line: where it was made.
        key: the key's name, as the trace has it: ``67/08 IRK, 3 levels``.
        factors: diversification factors of card, city and province in hex, as many as there are.
        factor: what the session key is made from, in hex.
        used: whether the user card has had a command since that it was made for.
    """

    line: int
    key: str
    factors: tuple[str, ...]
    factor: str
    used: bool = False


@dataclass(slots=True)
class Session:
    """What happened since the last reset.

    Attributes:
        line: line of the reset, or of the first command.
        whole: whether the trace has the reset, so that nothing before is unknown.
        last: the last command but GET RESPONSE; None before.
        commands: how many there were.
        pulled: whether the card was pulled out, or a fault ended the session: then nothing is the terminal's fault.
        environment: ``social`` or ``financial``; empty before one is selected.
        df, ef: labels of the current DF and EF; empty if not known.
        fci: whether the terminal has the FCI of the social-security environment.
        waiting: a command whose data wait (61xx); parts: what was fetched of them, in hex; left: how many wait.
        wrong_le: a command that the card answered with 6Cxx.
        missed: a SELECT that failed and was not made good.
        partial: a SELECT by the beginning of a name; None if there is none.
        blocked: a command answered with 9303; card_blocked: a SELECT answered with 6A81.
        proven: key identifiers that were proven, by EXTERNAL AUTHENTICATION.
        failed: an EXTERNAL AUTHENTICATION that failed, until one succeeds; failed_keys: keys of which that cost a try.
        denied: accesses that the card has refused (6982), since the last proof, with their lines.
        challenges: fetched random numbers, the latest last.
        spent: the command that used the latest challenge.
        bad_mac: a command whose MAC was refused.
        no_memory: a command answered with 6581.
        pin_asked: whether the terminal has asked whether a PIN is set.
        pin_none: whether the card has answered that none is.
        pin_failed: a VERIFY or CHANGE PIN that failed, until one succeeds; pin_failures: how many failed.
        pin_verified: line of the VERIFY that succeeded; 0 if none did.
        internal: the last INTERNAL AUTHENTICATION.
        identified: whether identification code or card number were read.
        read: records that were read, with their lines.
        ended: files whose end the terminal has seen (6A83, 6B00), with the number or offset.
        name_read, extension_read: lines of the reading of name and name extension; 0 if not read.
        trade: the trade that is open or was done last.
        balances: lines of GET BALANCE by which amount.
        issuing: whether an issuing machine is at work.
        algorithm: of a PSAM's environment: ``01`` to ``03``; empty if not known.
    """

    line: int
    whole: bool = False
    last: Exchange | None = None
    commands: int = 0
    pulled: bool = False
    environment: str = ""
    df: str = ""
    ef: str = ""
    fci: bool = False
    waiting: Exchange | None = None
    parts: str = ""
    left: int = 0
    wrong_le: Exchange | None = None
    missed: Exchange | None = None
    partial: Exchange | None = None
    blocked: Exchange | None = None
    card_blocked: Exchange | None = None
    proven: set[int] = field(default_factory=set)
    failed: Exchange | None = None
    failed_keys: set[str] = field(default_factory=set)
    denied: dict[str, int] = field(default_factory=dict)
    challenges: deque[Challenge] = field(default_factory=lambda: deque(maxlen=8))
    spent: Exchange | None = None
    bad_mac: Exchange | None = None
    no_memory: Exchange | None = None
    pin_asked: bool = False
    pin_none: bool = False
    pin_failed: Exchange | None = None
    pin_failures: int = 0
    pin_verified: int = 0
    internal: Exchange | None = None
    identified: bool = False
    read: dict[str, int] = field(default_factory=dict)
    ended: dict[str, int] = field(default_factory=dict)
    name_read: int = 0
    extension_read: int = 0
    trade: Trade | None = None
    balances: dict[int, int] = field(default_factory=dict)
    issuing: bool = False
    algorithm: str = ""

    @property
    def fresh(self) -> bool:
        """Return whether the card was reset, and has had no command since."""
        return self.whole and not self.commands and self.last is None

    @property
    def foreign(self) -> bool:
        """Return whether the rules of the social-security environment do not hold: elsewhere, or while it is issued."""
        return self.environment == FINANCIAL or self.issuing

    @property
    def challenge(self) -> Challenge | None:
        """Return the latest random number of the card; None before there is one."""
        return self.challenges[-1] if self.challenges else None


@dataclass(slots=True)
class Side:
    """A reader, and what is known of the card in it.

    Attributes:
        reader: its name; empty where there is only one.
        session: since the last reset; None while the card has no power.
        psam: whether the card is a PSAM.
        inserted: line at which a card was put in and has had no reset since; 0 if it has.
        identification: identification code of the card, in hex; empty if not known.
        version: of the specification, as ``2.0``; empty if not known.
        tags: tags of the issuer's file that were read of this card.
        authenticated: whether the card has answered INTERNAL AUTHENTICATION.
        randoms: data of its last INTERNAL AUTHENTICATION, in hex.
        locked_pin, locked_keys: what the card has answered to be locked: lines.
        uncertain: a trade whose answer never came, until its proof is asked for.
        algorithm: the card's, ``01`` to ``03``; empty if not known.
        mistrusted: line at which the PSAM refused the card's MAC2; 0 if it did not.
        terminal: terminal number that was read from a PSAM; empty if none was.
    """

    reader: str
    session: Session | None = None
    psam: bool = False
    inserted: int = 0
    identification: str = ""
    version: str = ""
    tags: set[str] = field(default_factory=set)
    authenticated: bool = False
    randoms: str = ""
    locked_pin: int = 0
    locked_keys: dict[str, int] = field(default_factory=dict)
    uncertain: Trade | None = None
    algorithm: str = ""
    mistrusted: int = 0
    terminal: str = ""

    def another_card(self, line: int = 0) -> None:
        """Forget the card: another one is in the reader now."""
        self.inserted = line
        self.psam = False
        self.identification = self.version = self.randoms = self.algorithm = self.terminal = ""
        self.tags.clear()
        self.locked_keys.clear()
        self.authenticated = False
        self.locked_pin = self.mistrusted = 0
        self.uncertain = None


@dataclass(slots=True)
class Desk:
    """All readers of a trace, and what user card and PSAM do together.

    Attributes:
        line: number of the event that is looked at.
        sides: the readers, by name.
        user: the reader whose user card had the last command.
        psam_trade: the last purchase of a PSAM.
        deliveries: the last session keys of a PSAM.
        sequences: last terminal trade sequence that each terminal number has used with each algorithm, with its trade.
        refusal: line of the last refusal of any card.
        no_key: line of the last try for a key that the PSAM does not have; 0 once one is found.
        over: whether the trace is at its end.
    """

    line: int = 0
    sides: dict[str, Side] = field(default_factory=dict)
    user: Side | None = None
    psam_trade: PsamTrade | None = None
    deliveries: deque[Delivery] = field(default_factory=lambda: deque(maxlen=16))
    sequences: dict[str, tuple[str, Trade]] = field(default_factory=dict)
    refusal: int = 0
    no_key: int = 0
    over: bool = False

    def failed_since(self, line: int) -> bool:
        """Return whether a card has refused something since a line, so that the function ended."""
        return max(self.refusal, self.no_key) > line

    @property
    def cards(self) -> tuple[Side, ...]:
        """Return the readers with a user card, the one that had the last command first."""
        return tuple(
            sorted((side for side in self.sides.values() if not side.psam), key=lambda side: side is not self.user)
        )

    def purchase(self, random: str) -> tuple[Side, Trade] | None:
        """Return the purchase that is open on a user card: the one with this random number, else the latest."""
        found = [
            (side, trade)
            for side in self.cards
            if side.session is not None
            and (trade := side.session.trade) is not None
            and not (trade.load or trade.sent or trade.interrupted)
        ]
        return next((each for each in found if each[1].random == random), found[0] if found else None)

    def side(self, reader: str) -> Side:
        """Return what is known of a reader."""
        side = self.sides.get(reader)
        if side is None:
            side = self.sides[reader] = Side(reader)
        return side


def remember(table: dict[str, int], key: str, line: int) -> None:
    """Put a line into a table of bounded size."""
    if len(table) >= MOST:
        del table[next(iter(table))]
    table.setdefault(key, line)
