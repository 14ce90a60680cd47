"""Cells: how the parts of a card are written down, readable and always in the same way.

The same card gives the same cells, byte for byte; images of every released schema must load for
ever, so a field that is added later needs a default here.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from keys.records import Key, KeyId, KeyRef, KeyState, Usage
from keys.suites import SUITES

from .files import CardContents, CardInfo, Contents, Df, DfKind, Ef, Element, Phase, Regime, Structure, parent
from .rules import Rule
from .settings import Settings
from .store import Cell, CellKey

CARD: Final = "card"
DF: Final = "df"
EF: Final = "ef"
CONTENTS: Final = "contents"
KEY: Final = "key"
TRIES: Final = "tries"
DICTIONARY: Final = "dictionary"
NAMES: Final = "names"

_encode = msgspec.json.Encoder(order="deterministic").encode
_decode = msgspec.json.decode


def _cell(meta: object, data: bytes = b"") -> Cell:
    return Cell(_encode(meta).decode(), data)


def key_path(ref: KeyRef, version: int) -> str:
    """Path of a key's cell: ``3F00/DDF1#IRK.1``."""
    return f"{ref.owner}#{ref.name}.{version}"


def key_id(path: str) -> KeyId:
    """Undo `key_path`."""
    owner, _, rest = path.partition("#")
    name, _, version = rest.rpartition(".")
    return KeyRef(owner, name), int(version)


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
    if df.regime is not Regime.SOCIAL:
        meta["regime"] = df.regime
    if df.proprietary:
        meta["proprietary"] = df.proprietary.hex()
    if df.suspended:
        meta["suspended"] = True
    return _cell(meta)


def _rule_meta(rule: Rule) -> dict[str, object]:
    return {"text": rule.text, "any": [sorted(each) for each in rule.alternatives]}


def _rule(meta: dict[str, Any]) -> Rule:
    return Rule(meta["text"], tuple(frozenset(KeyRef(*ref) for ref in each) for each in meta["any"]))


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
            "secured": ef.secured,
        }
    )


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
"""Cells of the try counters, made once: they are written twice in every authentication."""


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
        yield (DICTIONARY, path), _cell(elements)
    for path, names in card.names.items():
        yield (NAMES, path), _cell(names)


def read_cells(cells: dict[CellKey, Cell]) -> CardContents:
    """Read a whole card back.

    Raises:
        ValueError, KeyError, TypeError: the cells do not make a card (`Image.open` says it in a sentence).
    """
    metas = {key: _decode(cell.meta) for key, cell in cells.items()}
    paths = sorted(cells)
    card = metas[CARD, ""]
    info = CardInfo(
        profile=card["profile"],
        suite=card["suite"],
        atr=bytes.fromhex(card["atr"]),
        historical=bytes.fromhex(card["historical"]),
        settings=msgspec.convert(card["settings"], Settings),
        blocked=card["blocked"],
    )
    return CardContents(
        info=info,
        dfs={path: _df(path, metas[kind, path]) for kind, path in paths if kind == DF},
        efs={path: _ef(path, metas[kind, path]) for kind, path in paths if kind == EF},
        contents={
            path: _contents(metas[kind, path], cells[kind, path].data) for kind, path in paths if kind == CONTENTS
        },
        keys=dict(_key(path, metas[kind, path], cells[kind, path].data) for kind, path in paths if kind == KEY),
        names={path: metas[kind, path] for kind, path in paths if kind == NAMES},
        tries={key_id(path): metas[kind, path] for kind, path in paths if kind == TRIES},
        dictionary={
            path: msgspec.convert(metas[kind, path], tuple[Element, ...]) for kind, path in paths if kind == DICTIONARY
        },
    )


def require_whole(card: CardContents) -> CardContents:
    """Return a card of which no part is missing, also none that is not asked for today; else `ValueError`."""
    root = min(card.dfs, key=len)
    if any(parent(path) not in card.dfs for path in (*card.dfs, *card.efs) if path != root):
        raise ValueError("a file lies in no DF")
    if card.efs.keys() != card.contents.keys():
        raise ValueError("an EF has no contents, or contents have no EF")
    if any(ref.owner not in card.dfs for ref, _ in card.keys):
        raise ValueError("a key belongs to no DF")
    if any(key.suite_name not in SUITES for key in card.keys.values() if key.usage is not Usage.PIN):
        raise ValueError("a key has an unknown cipher")
    # Without its counter a key would have all its tries again.
    if {at for at, key in card.keys.items() if key.tries_max} != card.tries.keys():
        raise ValueError("a key has no try counter, or a counter no key")
    return card


def _df(path: str, meta: dict[str, Any]) -> Df:
    return Df(
        path=path,
        fid=int(path[-4:], 16),
        kind=DfKind(meta["kind"]),
        name=bytes.fromhex(meta["name"]),
        directory_sfi=meta["directory_sfi"],
        issuer_data=bytes.fromhex(meta["issuer_data"]),
        lock_kid=meta.get("lock_kid"),
        phase=Phase(meta.get("phase", Phase.OPERATIONAL)),
        blocked=meta["blocked"],
        regime=Regime(meta.get("regime", Regime.SOCIAL)),
        proprietary=bytes.fromhex(meta.get("proprietary", "")),
        suspended=meta.get("suspended", False),
    )


def _ef(path: str, meta: dict[str, Any]) -> Ef:
    return Ef(
        path=path,
        fid=int(path[-4:], 16),
        sfi=meta["sfi"],
        structure=Structure(meta["structure"]),
        read=_rule(meta["read"]),
        update=_rule(meta["update"]),
        size=meta["size"],
        record_length=meta["record_length"],
        max_records=meta["max_records"],
        tlv=meta["tlv"],
        secured=meta["secured"],
    )


def _contents(meta: list[int] | None, data: bytes) -> Contents:
    if meta is None:
        return data
    records, at = [], 0
    for length in meta:
        records.append(data[at : at + length])
        at += length
    if at != len(data):
        raise ValueError("record lengths do not add up")
    return tuple(records)


def _key(path: str, meta: dict[str, Any], value: bytes) -> tuple[KeyId, Key]:
    ref, version = key_id(path)
    key = Key(
        name=ref.name,
        usage=Usage(meta["usage"]),
        suite_name=meta["suite"],
        value=value,
        kid=meta["kid"],
        version=version,
        tries_max=meta["tries_max"],
        state=KeyState(meta["state"]),
        levels=meta.get("levels", 0),
        algorithm=meta.get("algorithm"),
    )
    return (ref, version), key
