"""The trades: what an INITIALIZE command prepares, and the one command that completes it."""

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
"""What GET TRANSACTION PROVE answers in place of a MAC or TAC that the trade does not have."""


class Kind(NamedTuple):
    """A kind of trade (交易类型).

    Attributes:
        code: its identifier. ``which``: 01 passbook, 02 purse.
        usage: function of its key.
        online: whether the host takes part, so that the online counter counts it.
        spends: whether the amount leaves the account.
    """

    code: int
    which: int
    usage: Usage
    online: bool
    spends: bool

    @property
    def needs_pin(self) -> bool:
        """Every trade of the passbook and every load; purchases from the purse do not."""
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
    """What an INITIALIZE command prepared; no secret, the session key is derived when it is needed.

    Attributes:
        key: of the trade key. ``tac_key``: of the TAC key, None for an unload. ``counter``: before the trade.
        random: the card's. ``amount``, ``terminal``: as the command had them; an overdraft has no amount.
        money, log: the account and its log; nothing changes them before the command that completes the trade.
        cache: records of files that UPDATE CAPP DATA CACHE has changed, by path.
    """

    __slots__ = ()

    @property
    def code(self) -> bytes:
        """The identifier of the kind as a byte."""
        return bytes((self.kind.code,))

    @property
    def sequence(self) -> bytes:
        """The counter before the trade as bytes."""
        return self.counter.to_bytes(2)


# -- INITIALIZE ---------------------------------------------------------------------------------------


def parameters(p1: int, p2: int) -> bool:
    """P1 is the trade, P2 the account, where there is such a trade."""
    return (p1, p2) in KINDS


def initialize(ctx: Context) -> Answer:
    """Begin a trade (初始化); nothing is written, and the next command has to complete it."""
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
    """Refuse a balance that cannot be: `BalanceShort`, or as ``edep.balance_error`` says `ConditionsUnmet`."""
    if new < 0:
        reason = f"the balance is {-new} fen short"
        raise ConditionsUnmet(reason) if ctx.settings.edep.balance_error == "6985" else BalanceShort(reason)
    if new > MAX_BALANCE:
        raise ConditionsUnmet("the balance would not fit into 4 bytes")


# -- the commands that complete a trade -----------------------------------------------------------------


def credit_for_load(ctx: Context) -> Answer:
    """CREDIT FOR LOAD (圈存): the host's MAC2 moves the money in; answers the TAC."""
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
    """DEBIT FOR UNLOAD (圈提): the host's MAC2 moves the money out; answers MAC3."""
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
    """DEBIT FOR PURCHASE, CASH WITHDRAW or CAPP PURCHASE (消费, 取现, 复合消费): answers TAC and MAC2.

    With a CAPP purchase the records in the cache are written.
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
    """UPDATE OVERDRAW LIMIT (修改透支限额): limit and balance move by the same difference; answers the TAC."""
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
    """The trade that the command before has begun.

    Raises:
        TradeStateWrong: none of these kinds, or as ``edep.second_command_error`` says `ConditionsUnmet`.
    """
    trade = ctx.trade
    if isinstance(trade, Trade) and trade.kind in kinds:
        return trade
    reason = "its INITIALIZE command did not come directly before it"
    raise ConditionsUnmet(reason) if ctx.settings.edep.second_command_error == "6985" else TradeStateWrong(reason)


def _online(ctx: Context, trade: Trade) -> tuple[Suite, ExpandedKey]:
    """Suite and session key of an online trade."""
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
    """Settle a trade: money, log and proof. The counter in log and proof is that after the trade.

    Args:
        balance, limit: the new ones; no limit leaves the one that the account has.
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
    """P1 is an identifier (mode 000 of P2) or a record number (100); P2 has an SFI 1 to 30, or none."""
    return bool(p1) and p2 >> 3 != 0x1F and p2 & 7 in _CACHE_MODES


def update_capp_data_cache(ctx: Context) -> Answer:
    """Keep a new record for a CAPP purchase (更新复合应用数据缓存); the purchase writes it, or nothing does.

    The identifier of a record (复合应用类型标识符) is its first byte. A file whose updates take a MAC may
    be written without one: the purchase's MAC1 stands for it.
    """
    trade, command = _prepared(ctx, CAPP), ctx.command
    ef = ctx.target(command.p2 >> 3)
    if ef.structure not in _LINEAR:
        raise StructureMismatch(f"{ctx.image.label(ef.path)} is {ef.structure}, no file of fixed or variable records")
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
        raise RecordUnknown(f"there is no record {p1:02X} to replace, {len(records)} in the file")
    if ef.record_length and len(record) != ef.record_length:
        raise RecordLengthWrong(f"a record of {len(record)} bytes, every record here has {ef.record_length}")
    new = (*records[:place], record, *records[place + 1 :])
    if ef.structure is Structure.LINEAR_VARIABLE and sum(map(len, new)) > ef.size:
        raise NoSpace(f"the records would need {sum(map(len, new))} bytes, the file has {ef.size}")
    return new


# -- asking -------------------------------------------------------------------------------------------


def get_balance(ctx: Context) -> Answer:
    """GET BALANCE (读余额); that of the passbook takes the PIN."""
    which = ctx.command.p2
    if which == PASSBOOK:
        require_pin(ctx)
    return Answer(account(ctx, which).balance.to_bytes(4))


def get_transaction_prove(ctx: Context) -> Answer:
    """GET TRANSACTION PROVE (取交易认证): MAC and TAC of the last trade of an account.

    The counter asked for is that after the trade, which the next INITIALIZE answers and the log has:
    a terminal that lost the answer sees it there and asks with it.
    """
    code = ctx.command.p2
    which = WHICH.get(code)
    proof = b"" if which is None else account(ctx, which).proof
    if proof[:3] != bytes((code,)) + ctx.command.data:
        raise ProofMissing(f"the last trade of this account was no trade {code:02X} with this counter")
    return Answer(proof[3:])
