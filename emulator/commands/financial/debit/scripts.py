"""Issuer script commands (发卡行脚本): changes by the issuer, each command with a MAC of its own.

They work after the first cryptogram, unless issuer authentication has failed. Failures of the MAC in a row are
counted durably before the comparison; after one, no script command works in this transaction.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from cardfs.model.errors import ConditionsUnmet
from cardfs.model.files import Structure
from cardfs.model.records import Mode, written
from keys import cryptograms
from keys.errors import CardError, KeyUnknown, MacWrong
from keys.records import Usage
from keys.suites import MAC_LENGTH

from ....card.context import DONE, Answer, Context
from ....card.reasons import misfit, no_file
from ....card.tries import compare_counted
from ....status import DataWrong, LengthWrong
from ..block import block_environment
from . import objects
from .application import here, secret, session
from .log import log_load
from .objects import Last, Objects
from .state import Issuer, Stage, State, remember, state_of

UNBLOCK: Final = 0x00
CHANGE: Final = 0x01
REPLACE: Final = 0x02
SEALED_LENGTH: Final = 0x10
HALF: Final = 8
NUMBER: Final = 0x04
"""b3 to b1 of P2: a record by its number."""

ScriptOperation = Callable[[Context, State, Objects, bytes], Objects]
"""Does the work of a script command: takes the verified data, returns the changed data objects."""


def _script(operation: ScriptOperation) -> Callable[[Context], Answer]:
    """Return the handler of a script command from its operation.

    If the operation fails after a right MAC, its changes are dropped and a flag is stored, which reports the failure
    to the issuer in the next transaction. The handler raises `ConditionsUnmet` and what `_unwrap` raises.
    """

    def handler(ctx: Context) -> Answer:
        state = state_of(ctx, Stage.FIRST, Stage.DONE)
        if state.dead:
            raise ConditionsUnmet("a script command of this transaction has failed")
        if state.issuer is Issuer.FAILED:
            raise ConditionsUnmet("issuer authentication has failed in this transaction")
        store = objects.load(ctx)
        failures, limit = store.need(objects.FAILURES)[1], ctx.settings.emv.failure_limit
        if failures >= limit:
            raise ConditionsUnmet(f"script MACs have failed {failures} times in a row")
        scripts = store.scripts + (1 if state.online and state.stage is Stage.DONE else 0)
        failed = store.with_last(store.last | Last.SCRIPT_FAILED, scripts)
        counted = {objects.FAILURES: bytes((store.need(objects.FAILURES)[0], failures + 1))}
        data, mac, whole = _unwrap(ctx, state)
        expected = whole[:MAC_LENGTH]
        if not compare_counted(expected, mac, lambda: objects.save_at_once(ctx, store.with_values(counted))):
            objects.save(ctx, failed.with_values(counted))
            remember(ctx, state._replace(dead=True))
            return ctx.refuse(MacWrong("the MAC of the script command does not verify"))
        remember(ctx, state._replace(chain=whole if ctx.settings.emv.script_chaining else state.chain))
        good = {objects.FAILURES: bytes((store.need(objects.FAILURES)[0], 0))}
        try:
            done = operation(ctx, state, store, data)
        except CardError as error:
            ctx.transaction = None
            objects.save(ctx, failed.with_values(good))
            return ctx.refuse(error)
        objects.save(ctx, done.with_last(done.last, scripts).with_values(good))
        return DONE

    return handler


def _unwrap(ctx: Context, state: State) -> tuple[bytes, bytes, bytes]:
    """Return data, MAC and expected MAC of a script command, the latter uncut, 8 bytes.

    With ``emv.script_chaining`` the uncut MAC of the command before replaces the cryptogram (EMV Book 2, 9.2.3).

    Raises:
        KeyUnknown: there is no MAC key.
    """
    command = ctx.command
    data, mac = command.data[:-MAC_LENGTH], command.data[-MAC_LENGTH:]
    header = command.header + bytes((len(command.data),))
    whole = cryptograms.script_mac_uncut(*session(ctx, Usage.MAC, state), header, state.atc, state.chain, data)
    return data, mac, whole


def _card_block(ctx: Context, _state: State, store: Objects, _data: bytes) -> Objects:
    block_environment(ctx)
    return store


def _application_block(ctx: Context, _state: State, store: Objects, _data: bytes) -> Objects:
    ctx.change().put_df(replace(here(ctx), suspended=True))
    return store


def _application_unblock(ctx: Context, _state: State, store: Objects, _data: bytes) -> Objects:
    ctx.change().put_df(replace(here(ctx), suspended=False))
    return store


def _pin(ctx: Context, state: State, store: Objects, data: bytes) -> Objects:
    ref, pin = ctx.pin()
    changes = ctx.command.p2 != UNBLOCK
    if changes:
        masking = Usage.CRYPTOGRAM if ctx.settings.emv.pin_block_key == "ac" else Usage.ENCRYPTION
        mask = secret(ctx, masking, state.national)
        current = pin.value.hex().removesuffix("f") if ctx.command.p2 == CHANGE else ""
        number = cryptograms.open_pin(*session(ctx, Usage.ENCRYPTION, state), mask.value[:HALF], data, current)
        ctx.change().put_key(ref, replace(pin, value=bytes.fromhex(number + "f" * (len(number) % 2))))
    ctx.change().restore((ref, 1))
    return store


def _put_data(ctx: Context, state: State, store: Objects, data: bytes) -> Objects:
    tag = ctx.command.p1 << 8 | ctx.command.p2
    before = store.get(tag) if tag in objects.WRITABLE else None
    if before is None:
        there = "; the card has it, but PUT DATA does not change it" if store.get(tag) is not None else ""
        raise KeyUnknown(f"PUT DATA writes no data object {tag:04X} here{there}")
    if len(data) != len(before):
        raise LengthWrong(f"data object {tag:04X} has {len(before)} bytes, {len(data)} came")
    fault = objects.wrong(tag, data)
    if fault:
        raise DataWrong(f"data object {tag:04X} {fault}")
    new = store.with_values({tag: data})
    if tag == objects.CASH:
        limit = new.amount(objects.CASH_LIMIT)
        if limit is not None and int(data.hex()) > limit:
            raise DataWrong("the balance would be above its limit")
        log_load(ctx, new, state.terminal, tag.to_bytes(2) + before + data)
    return new


def _update_record(ctx: Context, _state: State, store: Objects, data: bytes) -> Objects:
    p1, sfi = ctx.command.p1, ctx.command.p2 >> 3
    ef = ctx.image.ef_by_sfi(ctx.session.df, sfi)
    if ef is None:
        raise no_file(ctx.image, ctx.session.df, sfi)
    records = ctx.image.contents[ef.path]
    if ef.structure not in (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE) or isinstance(records, bytes):
        raise misfit(ctx.image, ef)
    new, _ = written(ef, records, Mode.NUMBER, p1, None, data)
    ctx.change().put_contents(ef.path, new)
    return store


def pin_parameters(p1: int, p2: int) -> bool:
    """Return whether P1 is 00 and P2 unblocks the PIN, or changes it with or without the current one."""
    return not p1 and p2 in (UNBLOCK, CHANGE, REPLACE)


def record_parameters(p1: int, p2: int) -> bool:
    """Return whether P1 is a record number, and P2 an SFI of 1 to 30 with mode 100 (EMV Book 3, table 15)."""
    return bool(p1) and p1 != 0xFF and p2 & 0x07 == NUMBER and 0 < p2 >> 3 < 0x1F


def _pin_change_unblock(ctx: Context) -> Answer:
    wanted = MAC_LENGTH + (SEALED_LENGTH if ctx.command.p2 != UNBLOCK else 0)
    if len(ctx.command.data) != wanted:
        raise LengthWrong(f"with P2 {ctx.command.p2:02X} Lc is {wanted:02X}")
    return _pin_script(ctx)


_pin_script: Final = _script(_pin)
card_block: Final = _script(_card_block)
application_block: Final = _script(_application_block)
application_unblock: Final = _script(_application_unblock)
pin_change_unblock: Final = _pin_change_unblock
put_data: Final = _script(_put_data)
update_record: Final = _script(_update_record)
