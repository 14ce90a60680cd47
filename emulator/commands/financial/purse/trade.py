"""The trades of passbook and purse: INITIALIZE prepares one, the very next command completes it."""

from typing import Final, NamedTuple

from cardfs.model.accounts import PASSBOOK, PURSE
from cardfs.model.errors import ConditionsUnmet, NoSpace, RecordLengthWrong, RecordUnknown, StructureMismatch
from cardfs.model.files import Ef, Records, Structure
from cardfs.model.records import Mode
from keys import purse as crypto
from keys.ciphers import ExpandedKey
from keys.records import KeyId, Usage
from keys.suites import Suite

from ....card.context import DONE, Answer, Context
from ....card.session import Prepared
from ....card.tries import compare_once
from ....status import BalanceShort, CounterExhausted, ProofMissing, TradeMacWrong, TradeStateWrong
from .account import MAX_BALANCE, MAX_COUNTER, Account, account, log, settle
from .keyring import require_pin, the_key, trade_key

TIME: Final = slice(0, 7)
NO_CODE: Final = bytes(4)
"""In a proof: the MAC or TAC of a trade that does not have one."""


class Kind(NamedTuple):
    """A kind of trade (交易类型).

    Attributes:
        code: its identifier, one byte.
        which: its account: 01 the passbook, 02 the purse.
        usage: usage of its key.
        online: whether the host takes part; the online counter counts such trades.
        spends: whether the amount leaves the account.
    """

    code: int
    which: int
    usage: Usage
    online: bool
    spends: bool

    @property
    def needs_pin(self) -> bool:
        """Return whether it needs the PIN: every trade of the passbook and every load does."""
        return self.which == PASSBOOK or self.online


LOAD_ED = Kind(0x01, PASSBOOK, Usage.LOAD, online=True, spends=False)
LOAD_EP = Kind(0x02, PURSE, Usage.LOAD, online=True, spends=False)
UNLOAD = Kind(0x03, PASSBOOK, Usage.UNLOAD, online=True, spends=True)
CASH = Kind(0x04, PASSBOOK, Usage.PURCHASE, online=False, spends=True)
PURCHASE_ED = Kind(0x05, PASSBOOK, Usage.PURCHASE, online=False, spends=True)
PURCHASE_EP = Kind(0x06, PURSE, Usage.PURCHASE, online=False, spends=True)
OVERDRAFT = Kind(0x07, PASSBOOK, Usage.OVERDRAFT, online=True, spends=False)
CAPP = Kind(0x09, PURSE, Usage.PURCHASE, online=False, spends=True)

KINDS: Final[dict[tuple[int, int], Kind]] = {
    (0x00, PASSBOOK): LOAD_ED,
    (0x00, PURSE): LOAD_EP,
    (0x01, PASSBOOK): PURCHASE_ED,
    (0x01, PURSE): PURCHASE_EP,
    (0x02, PASSBOOK): CASH,
    (0x03, PURSE): CAPP,
    (0x04, PASSBOOK): OVERDRAFT,
    (0x05, PASSBOOK): UNLOAD,
}
"""By P1 and P2 of INITIALIZE."""
WHICH: Final = {kind.code: kind.which for kind in KINDS.values()}


class _Trade(NamedTuple):
    """The fields of a `Trade`."""

    kind: Kind
    key: KeyId
    tac_key: KeyId | None
    counter: int
    random: bytes
    amount: bytes
    terminal: bytes
    money: Account
    log: Ef
    cache: tuple[tuple[str, Records], ...] = ()


class Trade(_Trade, Prepared):
    """A trade that an INITIALIZE command prepared. It holds no secret: the session key is derived when it is needed.

    Attributes:
        kind: the kind of trade.
        key, tac_key: the trade key, and the TAC key, which an unload does not have.
        counter: the counter before the trade.
        random: the card's random number, 4 bytes.
        amount, terminal: as in the command, 4 and 6 bytes; an overdraft has no amount.
        money, log: the account and its log; nothing changes them before the trade is completed.
        cache: contents of the files that UPDATE CAPP DATA CACHE has changed, by path.
    """

    __slots__ = ()

    @property
    def code(self) -> bytes:
        """Return the identifier of the kind as one byte."""
        return bytes((self.kind.code,))

    @property
    def sequence(self) -> bytes:
        """Return the counter before the trade as 2 bytes."""
        return self.counter.to_bytes(2)


# -- INITIALIZE ---------------------------------------------------------------------------------------


def parameters(p1: int, p2: int) -> bool:
    """Return whether P1, the trade, and P2, the account, are those of a kind of trade."""
    return (p1, p2) in KINDS


def initialize(ctx: Context) -> Answer:
    """Begin a trade (初始化; manual, 8.7 to 8.12). Nothing is written; the very next command must complete it.

    Data: key index 1, amount 4 (not for an overdraft), terminal 6. Answer: balance 4, counter 2, limit 3 (not for load
    and unload), key version 1, algorithm 1, random 4, and MAC1 4 of an online trade.

    Raises:
        AccessDenied: the PIN is not verified, or an FMCOS right does not hold.
        FileUnknown, IssuerDataWrong, KeyIndexUnknown, KeyUnknown, CounterExhausted
        BalanceShort, ConditionsUnmet: the new balance would be below zero, or too large.
    """
    command = ctx.command
    kind = KINDS[command.p1, command.p2]
    index, amount, terminal = command.data[0], command.data[1:-6], command.data[-6:]
    if kind.needs_pin:
        require_pin(ctx)
    money = account(ctx, kind.which)
    records = log(ctx, money)
    found = trade_key(ctx, kind.usage, index)
    tac_key = the_key(ctx, Usage.TAC).at if kind is not UNLOAD else None
    counter = money.online if kind.online else money.offline
    if counter == MAX_COUNTER:
        raise CounterExhausted(f"the {'online' if kind.online else 'offline'} counter is at its limit")
    _require_balance(ctx, money.balance + _moved(kind, amount))
    trade = Trade(kind, found.at, tac_key, counter, ctx.random(4), amount, terminal, money, records)
    ctx.session.trade = trade
    limit = b"" if kind.online and kind is not OVERDRAFT else money.limit.to_bytes(3)
    head = money.balance.to_bytes(4) + trade.sequence + limit + bytes((found.version, found.algorithm)) + trade.random
    if not kind.online:
        return Answer(head)
    suite, session = _online(ctx, trade)
    about = limit if kind is OVERDRAFT else amount
    return Answer(head + crypto.trade_mac(suite, session, money.balance.to_bytes(4), about, trade.code, terminal))


def _moved(kind: Kind, amount: bytes) -> int:
    value = int.from_bytes(amount)
    return -value if kind.spends else value


def _require_balance(ctx: Context, new: int) -> None:
    """Refuse a balance below zero, or too large for its 4 bytes.

    Raises:
        BalanceShort: it is below zero.
        ConditionsUnmet: it is too large; or below zero, and ``edep.balance_error`` answers 6985.
    """
    if new < 0:
        reason = f"the balance is {-new} fen short"
        raise ConditionsUnmet(reason) if ctx.settings.edep.balance_error == "6985" else BalanceShort(reason)
    if new > MAX_BALANCE:
        raise ConditionsUnmet("the balance would not fit into 4 bytes")


# -- the commands that complete a trade -----------------------------------------------------------------


def credit_for_load(ctx: Context) -> Answer:
    """Complete a load (圈存; manual, 8.7.2). Data: time 7, MAC2 4 of the host. Answer: TAC 4.

    Raises:
        TradeStateWrong, ConditionsUnmet: no load was prepared (``edep.second_command_error``).
        TradeMacWrong: MAC2 does not verify.
    """
    trade = _prepared(ctx, LOAD_ED, LOAD_EP)
    time = ctx.command.data[TIME]
    suite, session = _online(ctx, trade)
    about = (trade.amount, trade.code, trade.terminal, time)
    _require_mac(ctx, "MAC2", crypto.trade_mac(suite, session, *about))
    money = trade.money
    balance = money.balance + _moved(trade.kind, trade.amount)
    tac = _tac(ctx, trade, balance.to_bytes(4), trade.sequence, *about)
    _complete(ctx, trade, balance, time, NO_CODE, tac)
    return Answer(tac)


def debit_for_unload(ctx: Context) -> Answer:
    """Complete an unload (圈提; manual, 8.10.2). Data: time 7, MAC2 4 of the host. Answer: MAC3 4.

    Raises:
        TradeStateWrong, ConditionsUnmet: no unload was prepared (``edep.second_command_error``).
        TradeMacWrong: MAC2 does not verify.
    """
    trade = _prepared(ctx, UNLOAD)
    time = ctx.command.data[TIME]
    suite, session = _online(ctx, trade)
    about = (trade.amount, trade.code, trade.terminal, time)
    _require_mac(ctx, "MAC2", crypto.trade_mac(suite, session, *about))
    money = trade.money
    balance = money.balance + _moved(UNLOAD, trade.amount)
    mac3 = crypto.trade_mac(suite, session, balance.to_bytes(4), trade.sequence, *about)
    _complete(ctx, trade, balance, time, mac3, NO_CODE)
    return Answer(mac3)


def debit(ctx: Context) -> Answer:
    """Complete a purchase, a cash withdrawal or a CAPP purchase (消费, 取现, 复合消费; manual, 8.8.2, 8.9.3, 8.11.2).

    Data: terminal sequence 4, time 7, MAC1 4 of the terminal. Answer: TAC 4, MAC2 4. A CAPP purchase also writes the
    records in the cache.

    Raises:
        TradeStateWrong, ConditionsUnmet: none of them was prepared (``edep.second_command_error``).
        TradeMacWrong: MAC1 does not verify.
    """
    trade = _prepared(ctx, PURCHASE_ED, PURCHASE_EP, CASH, CAPP)
    data = ctx.command.data
    terminal_sequence, time = data[:4], data[4:11]
    suite = ctx.image.keys[trade.key].suite
    expanded = ctx.image.expanded(trade.key)
    # Two MACs under one session key.
    session = suite.expand(crypto.offline_key(suite, expanded, trade.random, trade.sequence, terminal_sequence))
    about = (trade.amount, trade.code, trade.terminal)
    _require_mac(ctx, "MAC1", crypto.trade_mac(suite, session, *about, time))
    money = trade.money
    tac = _tac(ctx, trade, *about, terminal_sequence, time)
    mac2 = crypto.trade_mac(suite, session, trade.amount)
    for path, records in trade.cache:
        ctx.change().put_contents(path, records)
    _complete(ctx, trade, money.balance + _moved(trade.kind, trade.amount), time, mac2, tac)
    return Answer(tac + mac2)


def update_overdraw_limit(ctx: Context) -> Answer:
    """Replace the overdraft limit, and change the balance by the difference (修改透支限额; manual, 8.12.2).

    Data: new limit 3, time 7, MAC2 4 of the host. Answer: TAC 4.

    Raises:
        TradeStateWrong, ConditionsUnmet: it was not prepared (``edep.second_command_error``).
        TradeMacWrong: MAC2 does not verify.
        BalanceShort, ConditionsUnmet: the new balance would be below zero, or too large.
    """
    trade = _prepared(ctx, OVERDRAFT)
    data = ctx.command.data
    limit, time = data[:3], data[3:10]
    suite, session = _online(ctx, trade)
    about = (limit, trade.code, trade.terminal, time)
    _require_mac(ctx, "MAC2", crypto.trade_mac(suite, session, *about))
    money = trade.money
    balance = money.balance + int.from_bytes(limit) - money.limit
    _require_balance(ctx, balance)
    whole = ctx.settings.edep.overdraft_tac_key == "direct"
    tac = _tac(ctx, trade, balance.to_bytes(4), trade.sequence, *about, whole=whole)
    _complete(ctx, trade, balance, time, NO_CODE, tac, int.from_bytes(limit))
    return Answer(tac)


def _prepared(ctx: Context, *kinds: Kind) -> Trade:
    """Return the trade that the command directly before prepared.

    Raises:
        TradeStateWrong: it prepared none of these kinds.
        ConditionsUnmet: the same, if ``edep.second_command_error`` answers 6985.
    """
    trade = ctx.trade
    if isinstance(trade, Trade) and trade.kind in kinds:
        return trade
    reason = "its INITIALIZE command did not come directly before it"
    raise ConditionsUnmet(reason) if ctx.settings.edep.second_command_error == "6985" else TradeStateWrong(reason)


def _online(ctx: Context, trade: Trade) -> tuple[Suite, ExpandedKey]:
    """Return cipher suite and session key of an online trade."""
    suite = ctx.image.keys[trade.key].suite
    expanded = ctx.image.expanded(trade.key)
    return suite, suite.expand(crypto.online_key(suite, expanded, trade.random, trade.sequence))


def _require_mac(ctx: Context, name: str, expected: bytes) -> None:
    if not compare_once(expected, ctx.command.data[-4:]):
        raise TradeMacWrong(f"{name} does not verify")


def _tac(ctx: Context, trade: Trade, *parts: bytes, whole: bool = False) -> bytes:
    at = trade.tac_key
    assert at is not None  # noqa: S101 - an unload has no TAC
    suite = ctx.image.keys[at].suite
    if whole:
        return crypto.line_mac(suite, ctx.image.expanded(at), b"", b"".join(parts))
    return crypto.tac(suite, ctx.image.tac_expanded(at), *parts)


def _complete(
    ctx: Context,
    trade: Trade,
    balance: int,
    time: bytes,
    mac: bytes,
    tac: bytes,
    limit: int | None = None,
) -> None:
    """Write account, log and proof of a trade. The counter in log and proof is the one after the trade.

    Args:
        balance, limit: the new values; None leaves the limit of the account.
        time: time of the trade, 7 bytes.
        mac, tac: the codes of the proof, 4 bytes each.
    """
    money, count, code = trade.money, trade.counter + 1, trade.code
    online, offline = (count, money.offline) if trade.kind.online else (money.online, count)
    limit, after = money.limit if limit is None else limit, count.to_bytes(2)
    record = after + limit.to_bytes(3) + trade.amount.rjust(4, b"\x00") + code + trade.terminal + time
    proof = code + after + mac + tac
    settle(ctx, Account(money.path, money.passbook, balance, online, offline, limit, proof), trade.log, record)
    if ctx.session.proofs and ctx.settings.edep.pin_cleared_after_trade:
        here = ctx.session.df
        remaining = frozenset(ref for ref in ctx.session.proofs if ref not in ctx.image.pins or ref.owner != here)
        ctx.session.proofs = remaining


# -- composite applications -----------------------------------------------------------------------------

_CACHE_MODES: Final = (Mode.FIRST, Mode.NUMBER)
_LINEAR: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE)


def cache_parameters(p1: int, p2: int) -> bool:
    """Return whether P1 is an identifier (mode 000 of P2) or a number (100), and P2 has an SFI of 1 to 30 or none."""
    return bool(p1) and p2 >> 3 != 0x1F and p2 & 7 in _CACHE_MODES


def update_capp_data_cache(ctx: Context) -> Answer:
    """Store a new record for a CAPP purchase (更新复合应用数据缓存; manual, 8.9.2); only the purchase writes it.

    The identifier of a record (复合应用类型标识符) is its first byte. A file whose updates take a MAC is written
    without one: MAC1 of the purchase replaces it.

    Raises:
        TradeStateWrong, ConditionsUnmet: no CAPP purchase was prepared (``edep.second_command_error``).
        FileUnknown, NoCurrentEf, StructureMismatch, AccessDenied, RecordUnknown, RecordLengthWrong, NoSpace
    """
    trade, command = _prepared(ctx, CAPP), ctx.command
    ef = ctx.target(command.p2 >> 3)
    if ef.structure not in _LINEAR:
        raise StructureMismatch(
            f"{ctx.image.label(ef.path)} is {ef.structure}, not a file of fixed or variable records"
        )
    ctx.require_access(ef, ef.update, "update")
    cached = dict(trade.cache)
    records = cached.get(ef.path, ctx.image.contents[ef.path])
    assert isinstance(records, tuple)  # noqa: S101 - its structure is one of records
    cached[ef.path] = _with_record(ef, records, command.p1, Mode(command.p2 & 7), command.data)
    ctx.session.trade = trade._replace(cache=tuple(cached.items()))
    return DONE


def _with_record(ef: Ef, records: Records, p1: int, mode: Mode, record: bytes) -> Records:
    if mode is Mode.NUMBER:
        place = p1 - 1 if p1 <= len(records) else None
    else:
        place = next((at for at, each in enumerate(records) if each[:1] == bytes((p1,))), None)
    if place is None:
        raise RecordUnknown(f"there is no record {p1:02X} to replace; the file has {len(records)}")
    if ef.record_length and len(record) != ef.record_length:
        raise RecordLengthWrong(f"the record has {len(record)} bytes, every record of this file has {ef.record_length}")
    new = (*records[:place], record, *records[place + 1 :])
    if ef.structure is Structure.LINEAR_VARIABLE and sum(map(len, new)) > ef.size:
        raise NoSpace(f"the records would need {sum(map(len, new))} bytes, the file has {ef.size}")
    return new


# -- inquiries ----------------------------------------------------------------------------------------


def get_balance(ctx: Context) -> Answer:
    """Answer a balance, 4 bytes in fen (读余额; manual, 8.14).

    Raises:
        AccessDenied: the passbook needs the PIN, or an FMCOS right does not hold.
        FileUnknown, IssuerDataWrong
    """
    which = ctx.command.p2
    if which == PASSBOOK:
        require_pin(ctx)
    return Answer(account(ctx, which).balance.to_bytes(4))


def get_transaction_prove(ctx: Context) -> Answer:
    """Answer MAC and TAC of the last trade of an account, 8 bytes (取交易认证; manual, 8.13).

    The command has the counter after the trade. A terminal that lost the answer finds it in the next INITIALIZE or in
    the log.

    Raises:
        ProofMissing: the last trade had another kind or counter.
        AccessDenied, FileUnknown, IssuerDataWrong
    """
    code = ctx.command.p2
    which = WHICH.get(code)
    proof = b"" if which is None else account(ctx, which).proof
    if proof[:3] != bytes((code,)) + ctx.command.data:
        raise ProofMissing(f"the last trade of this account was not trade {code:02X} with this counter")
    return Answer(proof[3:])
