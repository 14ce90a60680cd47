"""Cells: how the parts of a card are written down, in readable form and always the same.

The same card gives the same cells, byte for byte; images of every released schema must load for
ever, so a field that is added later needs a default here.
"""

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from keys.records import Key, KeyId, KeyRef, KeyState, Usage

from ..model.files import (
    CardContents,
    CardInfo,
    CommandSet,
    Contents,
    Df,
    DfKind,
    Ef,
    Element,
    Phase,
    Protection,
    Structure,
)
from ..model.rules import Rule
from ..model.settings import Byte, Settings
from .store import Cell, CellKey

CARD: Final = "card"
DF: Final = "df"
EF: Final = "ef"
CONTENTS: Final = "contents"
KEY: Final = "key"
TRIES: Final = "tries"
DICTIONARY: Final = "dictionary"
NAMES: Final = "names"

Sfi = Annotated[int, Meta(ge=1, le=30)]
Size = Annotated[int, Meta(ge=0, le=0xFFFF)]
Tries = Annotated[int, Meta(ge=0, le=15)]
_PATH: Final = re.compile(r"[0-9A-F]{4}(/[0-9A-F]{4}){0,15}")

_encode = msgspec.json.Encoder(order="deterministic").encode


def _cell(meta: object, data: bytes = b"") -> Cell:
    return Cell(_encode(meta).decode(), data)


def key_path(ref: KeyRef, version: int) -> str:
    """Return the path of a key's cell: ``3F00/DDF1#IRK.1``."""
    return f"{ref.owner}#{ref.name}.{version}"


def key_id(path: str) -> KeyId:
    """Return the key that a path names; undoes `key_path`.

    Raises:
        ValueError: the text is not the path of a key.
    """
    owner, _, rest = path.partition("#")
    name, _, version = rest.rpartition(".")
    if not (owner and name and version.isdecimal() and len(version) < 4):
        raise ValueError("a key's path is its DF, its name and its version")
    return KeyRef(owner, name), int(version)


@lru_cache(maxsize=1024)
def tries_key(at: KeyId) -> CellKey:
    """Return the key of the cell that holds a try counter; cached, since every authentication asks twice."""
    return (TRIES, key_path(*at))


def card_cell(info: CardInfo) -> Cell:
    """Write down what belongs to the card as a whole."""
    return _cell(
        {
            "profile": info.profile,
            "suite": info.suite,
            "atr": info.atr.hex(),
            "historical": info.historical.hex(),
            "settings": info.settings,
            "blocked": info.blocked,
        }
    )


def df_cell(df: Df) -> Cell:
    """Write down a DF."""
    meta: dict[str, object] = {
        "kind": df.kind,
        "name": df.name.hex(),
        "directory_sfi": df.directory_sfi,
        "issuer_data": df.issuer_data.hex(),
        "lock_kid": df.lock_kid,
        "phase": df.phase,
        "blocked": df.blocked,
    }
    if df.command_set is not CommandSet.SOCIAL:
        meta["regime"] = df.command_set
    if df.proprietary:
        meta["proprietary"] = df.proprietary.hex()
    if df.suspended:
        meta["suspended"] = True
    return _cell(meta)


def _rule_meta(rule: Rule) -> dict[str, object]:
    return {"text": rule.text, "any": [sorted(each) for each in rule.alternatives]}


def _secured_meta(ef: Ef) -> bool | dict[str, object]:
    """Write down how a file is secured: true for updates with a MAC, a table for more than that."""
    if ef.secured_update is Protection.CIPHER or ef.secured_read is not Protection.NONE:
        return {"update": ef.secured_update, "read": ef.secured_read}
    return ef.secured_update is Protection.MAC


def ef_cell(ef: Ef) -> Cell:
    """Write down the specification of an EF."""
    return _cell(
        {
            "sfi": ef.sfi,
            "structure": ef.structure,
            "read": _rule_meta(ef.read),
            "update": _rule_meta(ef.update),
            "size": ef.size,
            "record_length": ef.record_length,
            "max_records": ef.max_records,
            "tlv": ef.tlv,
            "secured": _secured_meta(ef),
        }
    )


def _element_meta(element: Element) -> dict[str, object]:
    """Write down a data element; most have no later meaning, and are written as they were before there was any."""
    meta = {each.name: getattr(element, each.name) for each in dataclasses.fields(element)}
    meta["fields"] = [_element_meta(each) for each in element.fields]
    later = meta.pop("later")
    together = meta.pop("together")
    if later is not None:
        meta |= {"later": _element_meta(later), "together": together}
    return meta


def contents_cell(contents: Contents) -> Cell:
    """Write down what an EF contains; of records the JSON text has the lengths."""
    if isinstance(contents, bytes):
        return Cell("null", contents)
    return _cell([len(record) for record in contents], b"".join(contents))


def key_cell(key: Key) -> Cell:
    """Write down a key or the PIN; only the byte string holds the secret."""
    meta: dict[str, object] = {
        "usage": key.usage,
        "suite": key.suite_name,
        "kid": key.kid,
        "tries_max": key.tries_max,
        "state": key.state,
    }
    if key.levels:
        meta["levels"] = key.levels
    if key.algorithm is not None:
        meta["algorithm"] = key.algorithm
    return _cell(meta, key.value)


TRIES_CELLS: Final = tuple(Cell(str(left), b"") for left in range(16))
"""Cells of the try counters by tries left, built once: every authentication writes two."""


def write_cells(card: CardContents) -> Iterator[tuple[CellKey, Cell]]:
    """Write down a whole card."""
    yield (CARD, ""), card_cell(card.info)
    for path, df in card.dfs.items():
        yield (DF, path), df_cell(df)
    for path, ef in card.efs.items():
        yield (EF, path), ef_cell(ef)
    for path, contents in card.contents.items():
        yield (CONTENTS, path), contents_cell(contents)
    for (ref, version), key in card.keys.items():
        path = key_path(ref, version)
        yield (KEY, path), key_cell(key)
        if key.tries_max:
            yield (TRIES, path), TRIES_CELLS[card.tries.get((ref, version), key.tries_max)]
    for path, elements in card.dictionary.items():
        # In the order of its fields, as released images have it.
        meta = msgspec.json.encode([_element_meta(each) for each in elements])
        yield (DICTIONARY, path), Cell(meta.decode(), b"")
    for path, names in card.names.items():
        yield (NAMES, path), _cell(names)


class Damaged(ValueError):
    """A cell does not hold what it should.

    Attributes:
        place: kind and path of the cell: ``tries 3F00/DDF1#PIN.1``.
        reason: what is wrong; never a value of a key.
    """

    def __init__(self, place: str, reason: str) -> None:
        self.place, self.reason = place, reason
        super().__init__(f"{place}: {reason}")


def read_cells(cells: Mapping[CellKey, Cell]) -> CardContents:
    """Read a whole card back.

    Raises:
        Damaged: a cell cannot be read; `cardfs.memory.whole` looks whether they fit together.
    """
    read: dict[str, dict[str, Any]] = {kind: {} for kind in _READERS}
    for (kind, path), cell in sorted(cells.items()):
        reader = _READERS.get(kind)
        if reader is None:
            continue
        try:
            read[kind][path] = reader(path, cell)
        except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
            raise Damaged(f"{kind} {path}".strip(), _reason(error)) from None
    if not read[CARD]:
        raise Damaged(CARD, "it is missing")
    keys = {key_id(path): key for path, key in read[KEY].items()}
    return CardContents(
        info=read[CARD][""],
        dfs=read[DF],
        efs=read[EF],
        contents=read[CONTENTS],
        keys=keys,
        names=read[NAMES],
        tries={key_id(path): left for path, left in read[TRIES].items()},
        dictionary=read[DICTIONARY],
    )


def _reason(error: Exception) -> str:
    """Return what is wrong with a cell on one line; a reader's error never has the value of a key."""
    return "it is nested too deep" if isinstance(error, RecursionError) else " ".join(str(error).split())


class _Card(Struct):
    profile: str
    suite: Literal["3DES", "SM4"]
    atr: str
    historical: str
    settings: Settings
    blocked: bool


class _Df(Struct):
    kind: DfKind
    name: str
    directory_sfi: Sfi | None
    issuer_data: str
    blocked: bool
    lock_kid: Byte | None = None
    phase: Phase = Phase.OPERATIONAL
    regime: CommandSet = CommandSet.SOCIAL
    proprietary: str = ""
    suspended: bool = False


class _Rule(Struct):
    text: str
    any: tuple[tuple[tuple[str, str], ...], ...]

    def rule(self) -> Rule:
        return Rule(self.text, tuple(frozenset(KeyRef(*ref) for ref in each) for each in self.any))


class _Secured(Struct):
    update: Protection
    read: Literal["none", "mac"]


class _Ef(Struct):
    sfi: Sfi | None
    structure: Structure
    read: _Rule
    update: _Rule
    size: Size
    record_length: Size
    max_records: Byte
    tlv: bool
    secured: bool | _Secured

    def protections(self) -> tuple[Protection, Protection]:
        """Return the protection of updates and of reading."""
        if isinstance(self.secured, bool):
            return Protection.MAC if self.secured else Protection.NONE, Protection.NONE
        return self.secured.update, Protection(self.secured.read)


class _Key(Struct):
    usage: Usage
    suite: str
    kid: Byte | None
    tries_max: Tries
    state: KeyState
    levels: Annotated[int, Meta(ge=0, le=3)] = 0
    algorithm: Byte | None = None


def _read_card(path: str, cell: Cell) -> CardInfo:
    if path:
        raise ValueError("there is one card in an image")
    meta = _typed(cell, _Card)
    return CardInfo(
        profile=meta.profile,
        suite=meta.suite,
        atr=bytes.fromhex(meta.atr),
        historical=bytes.fromhex(meta.historical),
        settings=meta.settings,
        blocked=meta.blocked,
    )


def _read_df(path: str, cell: Cell) -> Df:
    meta = _typed(cell, _Df)
    return Df(
        path=path,
        fid=_fid(path),
        kind=meta.kind,
        name=bytes.fromhex(meta.name),
        directory_sfi=meta.directory_sfi,
        issuer_data=bytes.fromhex(meta.issuer_data),
        lock_kid=meta.lock_kid,
        phase=meta.phase,
        blocked=meta.blocked,
        command_set=meta.regime,
        proprietary=bytes.fromhex(meta.proprietary),
        suspended=meta.suspended,
    )


def _read_ef(path: str, cell: Cell) -> Ef:
    meta = _typed(cell, _Ef)
    secured_update, secured_read = meta.protections()
    return Ef(
        path=path,
        fid=_fid(path),
        sfi=meta.sfi,
        structure=meta.structure,
        read=meta.read.rule(),
        update=meta.update.rule(),
        size=meta.size,
        record_length=meta.record_length,
        max_records=meta.max_records,
        tlv=meta.tlv,
        secured_update=secured_update,
        secured_read=secured_read,
    )


def _fid(path: str) -> int:
    if not _PATH.fullmatch(path):
        raise ValueError("a path is made of file identifiers, four hex digits each")
    return int(path[-4:], 16)


def _read_contents(_path: str, cell: Cell) -> Contents:
    lengths = _typed(cell, tuple[Size, ...] | None)
    if lengths is None:
        return cell.data
    records, at = [], 0
    for length in lengths:
        records.append(cell.data[at : at + length])
        at += length
    if at != len(cell.data):
        raise ValueError("record lengths do not add up")
    return tuple(records)


def _read_key(path: str, cell: Cell) -> Key:
    (ref, version), meta = key_id(path), _typed(cell, _Key)
    return Key(
        name=ref.name,
        usage=meta.usage,
        suite_name=meta.suite,
        value=cell.data,
        kid=meta.kid,
        version=version,
        tries_max=meta.tries_max,
        state=meta.state,
        levels=meta.levels,
        algorithm=meta.algorithm,
    )


def _read_tries(path: str, cell: Cell) -> int:
    key_id(path)
    left: int = _typed(cell, Tries)
    return left


def _typed(cell: Cell, kind: Any) -> Any:
    """Read the JSON text of a cell as what it must be; an error names the field, but no value."""
    return msgspec.json.decode(cell.meta, type=kind)


_READERS: Final[dict[str, Callable[[str, Cell], Any]]] = {
    CARD: _read_card,
    DF: _read_df,
    EF: _read_ef,
    CONTENTS: _read_contents,
    KEY: _read_key,
    TRIES: _read_tries,
    DICTIONARY: lambda _path, cell: _typed(cell, tuple[Element, ...]),
    NAMES: lambda _path, cell: _typed(cell, dict[str, str]),
}
"""How each kind of cell is read; cells of other kinds are passed over."""
