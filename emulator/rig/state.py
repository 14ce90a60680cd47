"""A card as JSON: what there is to see of its memory and its session; never the value of a key or a PIN."""

from collections.abc import Iterable, Iterator
from typing import Any

from cardfs.memory.image import Image
from cardfs.model.codecs import decode_fields
from cardfs.model.elements import find_element, read_record
from cardfs.model.files import Contents, Ef, Element

from ..card.session import Session


def card_table(card: Image, only: str = "") -> dict[str, Any]:
    """Return a card as nested tables that JSON can write: its directories, files and keys, without key values.

    Args:
        card: the card.
        only: path of the one DF that is asked for; empty for all.
    """
    info = card.info
    return {
        "profile": info.profile,
        "algorithm": info.suite,
        "atr": info.atr.hex().upper(),
        "blocked": info.blocked,
        "directories": [_df(card, path) for path in card.dfs if only in ("", path)],
    }


def session_table(card: Image, session: Session) -> dict[str, Any]:
    """Return what a card knows until it loses its power: current files, and what is proven, by name."""
    return {
        "df": card.label(session.df),
        "ef": None if session.ef is None else card.label(session.ef),
        "proven": sorted(f"{card.label(ref.owner)}/{ref.name}" for ref in session.proofs),
        "challenge": session.challenge is not None,
        "waiting": len(session.pending),
    }


def _df(card: Image, path: str) -> dict[str, Any]:
    df = card.dfs[path]
    return {
        "label": df.label,
        "path": path,
        "fid": f"{df.fid:04X}",
        "kind": str(df.kind),
        "name": df.name.hex().upper(),
        "phase": str(df.phase),
        "blocked": df.blocked,
        "suspended": df.suspended,
        "keys": [
            {
                "name": ref.name,
                "kid": None if key.kid is None else f"{key.kid:02X}",
                "function": str(key.usage),
                "cipher": key.suite_name,
                "version": version,
                "state": str(key.state),
                "tries": card.tries.get((ref, version)),
                "tries_max": key.tries_max or None,
            }
            for (ref, version), key in sorted(card.keys.items())
            if ref.owner == path
        ],
        "files": [_ef(card, ef) for at, ef in sorted(card.efs.items()) if ef.parent == path],
    }


def _ef(card: Image, ef: Ef) -> dict[str, Any]:
    elements = card.dictionary.get(ef.path, ())
    contents = card.contents[ef.path]
    return {
        "label": card.label(ef.path),
        "fid": f"{ef.fid:04X}",
        "sfi": None if ef.sfi is None else f"{ef.sfi:02X}",
        "structure": str(ef.structure),
        "read": ef.read.text,
        "update": ef.update.text,
        **_contents(ef, elements, contents),
    }


def _contents(ef: Ef, elements: tuple[Element, ...], contents: Contents) -> dict[str, Any]:
    """Return the bytes in hex, and their meaning if a data element is known for them, with the Chinese names."""
    if isinstance(contents, bytes):
        values = decode_fields(elements, contents) if elements else {}
        return {"hex": contents.hex().upper(), "elements": values, "names": dict(_names(elements))}
    records = []
    names = {} if ef.tlv else dict(_names(elements))
    for number, record in enumerate(contents, 1):
        element = find_element(elements, record, number) if ef.tlv else None
        if element is not None:
            meaning, value = read_record(element, record, contents)
            values = {meaning.name: value}
            names |= _names((meaning,))
        else:
            values = decode_fields(elements, record) if elements and not ef.tlv else {}
        records.append({"hex": record.hex().upper(), "elements": values})
    return {"records": records, "names": names}


def _names(elements: Iterable[Element]) -> Iterator[tuple[str, str]]:
    """Yield the names of data elements, and of those within them, in English and in Chinese."""
    for element in elements:
        yield element.name, element.zh
        yield from _names(element.fields)
