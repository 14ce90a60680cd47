"""Whether what an image holds is a whole card, every part of it as this program would have written it.

An image may have been damaged, or changed by hand. Whatever does not fit is refused when the image is opened, with
its place, so that no command meets it.
"""

from collections.abc import Iterator
from typing import Final

from keys.records import Key, KeyId, KeyState, Usage
from keys.suites import SUITES

from ..model.atr import historical_bytes
from ..model.files import MF_PATH, CardContents, Df, DfKind, Ef, Structure, parent
from . import cells
from .cells import Damaged
from .fmcos_heads import DIRECTORY, HEAD_LENGTH, FileHead, heads_path

LONGEST_RECORD: Final = 255
PIN_LENGTHS: Final = (0, *range(2, 9))
SHORTEST_RSA: Final = 3 + 512 // 8
"""Bytes of the shortest RSA key: its exponent and its primes (EMV Book 2, D1)."""
_RECORDS: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE, Structure.CYCLIC)


def require_whole(card: CardContents) -> CardContents:
    """Return a card of which no part is missing or out of its range, also none that is not asked for today.

    Raises:
        Damaged: it names the first part that is wrong.
    """
    for place, reason in _mistakes(card):
        raise Damaged(place, reason)
    return card


def _mistakes(card: CardContents) -> Iterator[tuple[str, str]]:
    yield from _in_card(card)
    for df in card.dfs.values():
        yield from ((f"{cells.DF} {df.path}", reason) for reason in _in_df(card, df))
        if card.info.settings.personalisation.cos == "fmcos" and heads_path(MF_PATH) in card.efs:
            yield from _in_heads(card, df)
    for ef in card.efs.values():
        yield from ((f"{cells.EF} {ef.path}", reason) for reason in _in_ef(card, ef))
    for path in card.contents:
        if path not in card.efs:
            yield f"{cells.CONTENTS} {path}", "there is no such EF"
    for at, key in card.keys.items():
        yield from ((f"{cells.KEY} {cells.key_path(*at)}", reason) for reason in _in_key(card, at, key))
    for at, left in card.tries.items():
        yield from ((f"{cells.TRIES} {cells.key_path(*at)}", reason) for reason in _in_tries(card, at, left))


def _in_card(card: CardContents) -> Iterator[tuple[str, str]]:
    if len(card.info.atr) < 2 or historical_bytes(card.info.atr) != card.info.historical:
        yield cells.CARD, "the ATR does not hold the historical bytes"
    if not any(df.kind is DfKind.MF for df in card.dfs.values()):
        yield cells.DF, "there is no MF"


def _in_df(card: CardContents, df: Df) -> Iterator[str]:
    above = parent(df.path)
    if bool(above) is (df.kind is DfKind.MF):
        yield "the MF, and nothing else, lies at the top"
    elif above and above not in card.dfs:
        yield f"it lies in {above}, and there is no such DF"
    if len(df.name) > 16:
        yield f"its name has {len(df.name)} bytes, but at most 16 are allowed"


def _in_ef(card: CardContents, ef: Ef) -> Iterator[str]:
    if ef.parent not in card.dfs:
        yield f"it lies in {ef.parent}, and there is no such DF"
    contents = card.contents.get(ef.path)
    if contents is None:
        yield "it has no contents"
    elif isinstance(contents, bytes) is (ef.structure in _RECORDS):
        yield f"it is {ef.structure}, but its contents are not"
    elif isinstance(contents, bytes):
        if len(contents) != ef.size and ef.structure is Structure.TRANSPARENT:
            # An internal file is filled as its owner needs it.
            yield f"it has {len(contents)} bytes, not {ef.size}"
    else:
        yield from _in_records(ef, contents)
    for ref in ef.read.refs | ef.update.refs:
        if ref.owner not in card.dfs:
            yield f"its rules name a key of {ref.owner}, and there is no such DF"


def _in_heads(card: CardContents, df: Df) -> Iterator[tuple[str, str]]:
    """Yield place and reason of each fault in the file heads of an FMCOS directory: its own, then one for each EF."""
    path = heads_path(df.path)
    records = card.contents.get(path)
    place = f"{cells.CONTENTS} {path}"
    if not isinstance(records, tuple) or not records or any(len(record) != HEAD_LENGTH for record in records):
        yield place, "it does not hold the heads of its directory's files"
        return
    heads = [FileHead.unpack(record) for record in records]
    files = {ef.fid for ef in card.efs.values() if ef.parent == df.path and ef.path != path}
    if heads[0].kind != DIRECTORY or sorted(head.fid for head in heads[1:]) != sorted(files):
        yield place, "its heads are not those of the files of its directory"


def _in_records(ef: Ef, records: tuple[bytes, ...]) -> Iterator[str]:
    if len(records) > ef.max_records:
        yield f"it has {len(records)} records, but at most {ef.max_records} are allowed"
    for number, record in enumerate(records, 1):
        if ef.record_length and len(record) != ef.record_length:
            yield f"record {number} has {len(record)} bytes, not {ef.record_length}"
        if len(record) > LONGEST_RECORD:
            yield f"record {number} has {len(record)} bytes, but at most {LONGEST_RECORD} are allowed"
    used = sum(map(len, records))
    if ef.structure is Structure.LINEAR_VARIABLE and used > ef.size:
        yield f"its records need {used} bytes, but it has {ef.size}"


def _in_key(card: CardContents, at: KeyId, key: Key) -> Iterator[str]:
    if at[0].owner not in card.dfs:
        yield f"it belongs to {at[0].owner}, and there is no such DF"
    if key.usage is not Usage.PIN and key.suite_name not in SUITES:
        yield "its cipher is unknown"
    elif key.state is not KeyState.ACTIVE and not key.value:
        return  # erased
    elif key.usage is Usage.PIN:
        if key.version != 1:
            yield f"it has version {key.version}, but a PIN has version 1 only"
        if len(key.value) not in PIN_LENGTHS:
            yield f"it has {len(key.value)} bytes, but a PIN has 2 to {PIN_LENGTHS[-1]}"
    elif key.usage is Usage.DATA_AUTH:
        if len(key.value) < SHORTEST_RSA or len(key.value) % 2 == 0:
            yield f"it has {len(key.value)} bytes, but an RSA key has an exponent of 3 and two primes of one length"
    elif len(key.value) != key.suite.key_length:
        yield f"it has {len(key.value)} bytes, but a {key.suite_name} key has {key.suite.key_length}"
    if key.tries_max and at not in card.tries:
        # Without its counter a key would have all its tries again.
        yield "its try counter is missing"


def _in_tries(card: CardContents, at: KeyId, left: int) -> Iterator[str]:
    key = card.keys.get(at)
    if key is None or not key.tries_max:
        yield "there is no key with a try counter for it"
    elif left > key.tries_max:
        yield f"{left} tries are left of {key.tries_max}"
