"""Card risk management (卡片风险管理): the checks before the card decides about a transaction.

The functions depend on data objects, transaction and the terminal's data only, and change nothing. A limit that
the card does not have is not checked.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from . import objects
from .objects import Ada, Last, Objects
from .reading import affordable, amount
from .state import Cash, Cvr, State

SDA: Final = 0x4000
DDA: Final = 0x2000
ISSUER: Final = 0x0400
CDA: Final = 0x0100

CURRENCY: Final = 0x5F2A
COUNTRY: Final = 0x9F1A
TERMINAL_TYPE: Final = 0x9F35
QUALIFIERS: Final = 0x9F66
VOLATILE: Final = frozenset((0x95, 0x9B, 0x9F37))
"""Tags whose values may differ between PDOL and CDOL: results of the terminal, its status, its random number."""


class Findings(NamedTuple):
    """The findings of risk management.

    Attributes:
        results: bits for the card verification results.
        online, decline: whether the card wants to go online, and to decline; declining wins.
        block: whether the application is to be blocked.
    """

    results: int = 0
    online: bool = False
    decline: bool = False
    block: bool = False

    def add(self, results: int, *, online: bool = False, decline: bool = False, block: bool = False) -> "Findings":
        """Return these findings together with those of one check."""
        return Findings(self.results | results, self.online or online, self.decline or decline, self.block or block)


_NOTHING: Final = Findings()


def supports(state: State, bit: int) -> bool:
    """Return whether the AIP has a bit."""
    return bool(int.from_bytes(state.profile) & bit)


def only_offline(terminal: Mapping[int, bytes]) -> bool | None:
    """Return whether the terminal cannot go online; None if it does not report it (EMV Book 4, table 24)."""
    kind, qualifiers = terminal.get(TERMINAL_TYPE), terminal.get(QUALIFIERS)
    if kind:
        return kind[0] & 0x0F in (3, 6)
    return bool(qualifiers[0] & 0x08) if qualifiers else None


def first_checks(store: Objects, state: State, terminal: Mapping[int, bytes], *, tc: bool, pin_dead: bool) -> Findings:
    """Return the findings before the first cryptogram.

    Args:
        state: the transaction after GET PROCESSING OPTIONS, with the values of the PDOL.
        terminal: the values of PDOL and CDOL1 by tag; CDOL1 counts where both have one.
        tc: whether the terminal asks for a TC.
        pin_dead: whether the PIN has no tries left, and VERIFY did not come in this transaction.

    Raises:
        DataWrong: the authorised amount is not in digits.
        ConditionsUnmet, IssuerDataWrong: a data object is missing or wrong.
    """
    found = _failed_authentication(store, state)
    if state.cash is Cash.PAYS:
        return _cash(found, store, state, terminal, tc=tc)
    found = _last_transaction(found, store, state)
    found = _velocity(found, store, state, terminal)
    if state.cash is Cash.SHORT:
        stuck = only_offline(terminal) is True
        found = found.add(Cvr.VELOCITY, online=not stuck, decline=stuck)
    if not store.number(objects.LAST_ONLINE):
        found = found.add(Cvr.NEW, online=bool(store.actions & Ada.NEW_ONLINE))
    if pin_dead:
        actions = store.actions
        found = found.add(
            Cvr.PIN_EXCEEDED,
            online=bool(actions & Ada.PIN_LAST_ONLINE),
            decline=bool(actions & (Ada.PIN_LAST_DECLINE | Ada.PIN_LAST_BLOCK)),
            block=bool(actions & Ada.PIN_LAST_BLOCK),
        )
    return found


def offline_checks(store: Objects, state: State, terminal: Mapping[int, bytes], *, pin_dead: bool) -> Findings:
    """Return the findings before the second cryptogram if the terminal could not go online; see `first_checks`."""
    found = Findings().add(Cvr.NOT_ONLINE)
    upper = store.get(objects.UPPER_LIMIT)
    if upper is not None and state.atc - store.number(objects.LAST_ONLINE) > upper[0]:
        found = found.add(Cvr.VELOCITY, decline=True)
    if not store.number(objects.LAST_ONLINE):
        found = found.add(Cvr.NEW, decline=bool(store.actions & Ada.NEW_DECLINE))
    if pin_dead and store.actions & Ada.PIN_LAST_NOT_ONLINE_DECLINE:
        found = found.add(Cvr.PIN_EXCEEDED, decline=True)
    limit = store.amount(objects.AMOUNT_UPPER_LIMIT)
    if limit is not None:
        own, both = spendings(store, terminal)
        spent, spent_both = store.amount(objects.SPENT) or 0, store.amount(objects.SPENT_BOTH) or 0
        if (own and spent + own > limit) or (both and spent_both + both > limit):
            found = found.add(Cvr.VELOCITY, decline=True)
    return found


def spendings(store: Objects, terminal: Mapping[int, bytes]) -> tuple[int, int]:
    """Return what a transaction adds to the amount spent in the card's currency, and to that in both currencies."""
    wanted = amount(terminal)
    if not abroad(store, terminal, objects.CURRENCY, CURRENCY):
        return wanted, wanted
    if store.get(objects.SECOND_CURRENCY) == terminal.get(CURRENCY):
        return 0, _converted(store, wanted)
    return 0, 0


def abroad(store: Objects, terminal: Mapping[int, bytes], mine: int, theirs: int) -> bool:
    """Return whether currency or country of the terminal differ from the card's; not if one of them is not known.

    Args:
        mine, theirs: tags of the card's and of the terminal's value.
    """
    own, other = store.get(mine), terminal.get(theirs)
    return own is not None and other is not None and own != other


def _converted(store: Objects, wanted: int) -> int:
    """Return an amount of the second currency in the first, by the conversion factor 9F73."""
    factor = store.get(objects.CONVERSION)
    if factor is None:
        return wanted
    scale: int = 10 ** (factor[0] >> 4)
    return wanted * int(factor.hex()[1:]) // scale


def _failed_authentication(store: Objects, state: State) -> Findings:
    found, last = _NOTHING, store.last
    if last & Last.SDA_FAILED and supports(state, SDA):
        found = found.add(Cvr.LAST_SDA_FAILED)
    if last & Last.DDA_FAILED and supports(state, DDA):
        found = found.add(Cvr.LAST_DDA_FAILED)
    return found


def _cash(found: Findings, store: Objects, state: State, terminal: Mapping[int, bytes], *, tc: bool) -> Findings:
    """Add the findings on a payment with electronic cash; the checks of debit/credit do not apply to it."""
    if not tc:
        return found
    if any(terminal[tag] != value for tag, value in state.terminal.items() if tag not in VOLATILE):
        return found.add(0, decline=True)
    wanted, offline = amount(terminal), only_offline(terminal)
    if not affordable(store, wanted):
        return found.add(Cvr.VELOCITY, online=not offline, decline=offline is True)
    threshold = store.amount(objects.CASH_THRESHOLD) or 0
    # If the terminal does not report its type, assume that it has already compared the balance with the threshold.
    if offline is False and (store.amount(objects.CASH) or 0) - wanted < threshold:
        return found.add(Cvr.VELOCITY, online=True)
    return found


def _last_transaction(found: Findings, store: Objects, state: State) -> Findings:
    last, actions = store.last, store.actions
    if last & Last.ONLINE_PENDING:
        found = found.add(Cvr.LAST_INCOMPLETE, online=True)
    if supports(state, ISSUER) and last & Last.ISSUER_FAILED:
        found = found.add(Cvr.LAST_ISSUER_FAILED, online=bool(actions & Ada.ISSUER_FAILED_ONLINE))
    if scripts := store.scripts:
        found = found.add(scripts << 4)
    if last & Last.SCRIPT_FAILED:
        found = found.add(Cvr.SCRIPT_FAILED, online=bool(actions & Ada.SCRIPT_FAILED_ONLINE))
    return found


def _velocity(found: Findings, store: Objects, state: State, terminal: Mapping[int, bytes]) -> Findings:
    """Add the findings of the velocity checks (频度检查): count and amount since the last online transaction."""
    lower = store.get(objects.LOWER_LIMIT)
    exceeded = lower is not None and state.atc - store.number(objects.LAST_ONLINE) > lower[0]
    for mine, theirs, counter, limit in ABROAD:
        allowed = store.get(limit)
        if allowed is not None and abroad(store, terminal, mine, theirs):
            exceeded = exceeded or store.number(counter) + 1 > allowed[0]
    own, both = spendings(store, terminal)
    for added, spent, limit in (
        (own, objects.SPENT, objects.AMOUNT_LIMIT),
        (both, objects.SPENT_BOTH, objects.BOTH_LIMIT),
    ):
        most = store.amount(limit)
        if most is not None and added:
            exceeded = exceeded or (store.amount(spent) or 0) + added > most
    return found.add(Cvr.VELOCITY, online=True) if exceeded else found


ABROAD: Final = (
    (objects.CURRENCY, CURRENCY, objects.ABROAD_CURRENCY, objects.CURRENCY_LIMIT),
    (objects.COUNTRY, COUNTRY, objects.ABROAD_COUNTRY, objects.COUNTRY_LIMIT),
)
"""Tags: the card's value, the terminal's, the counter of transactions in which they differ, and its limit."""
