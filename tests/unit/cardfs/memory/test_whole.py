"""What is no whole card is refused with the cell that is wrong: every mistake, made in a card that is whole."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from cardfs.memory.cells import Damaged, read_cells
from cardfs.memory.fmcos_heads import heads_path
from cardfs.memory.whole import require_whole
from cardfs.model.files import CardContents
from cardfs.model.rules import Rule
from keys.records import Key, KeyRef, KeyState, Usage
from tests.kit.card import SSSE, handmade
from tests.kit.fmcos import APP, ready

UK = KeyRef(SSSE, "UK"), 1
PIN = KeyRef(SSSE, "PIN"), 1
IRK = KeyRef(SSSE, "IRK"), 1
LINEAR, BINARY, FIXED, CYCLIC = (f"{SSSE}/EF{sfi}" for sfi in ("05", "07", "09", "0A"))
NOWHERE = "3F00/DDF9"
Break = Callable[[CardContents], CardContents]


def df(path: str, **changes: Any) -> Break:
    return lambda card: replace(card, dfs={**card.dfs, path: replace(card.dfs[path], **changes)})


def ef(path: str, **changes: Any) -> Break:
    return lambda card: replace(card, efs={**card.efs, path: replace(card.efs[path], **changes)})


def holds(path: str, data: Any) -> Break:
    return lambda card: replace(card, contents={**card.contents, path: data})


def key(at: Any, **changes: Any) -> Break:
    return lambda card: replace(card, keys={**card.keys, at: replace(card.keys[at], **changes)})


def tries(at: Any, left: int) -> Break:
    return lambda card: replace(card, tries={**card.tries, at: left})


def without(cells: str, at: Any) -> Break:
    def remove(card: CardContents) -> CardContents:
        rest: dict[str, Any] = {cells: {its: each for its, each in getattr(card, cells).items() if its != at}}
        return replace(card, **rest)

    return remove


def new_key(owner: str, **changes: Any) -> Break:
    def add(card: CardContents) -> CardContents:
        added: dict[str, Any] = {"name": "X", "usage": Usage.EXTERNAL_AUTH, "suite_name": "3DES", "value": bytes(16)}
        record = Key(**(added | {"kid": 0x70, "version": 1, "tries_max": 0} | changes))
        return replace(card, keys={**card.keys, (KeyRef(owner, "X"), record.version): record})

    return add


MISTAKES: dict[str, tuple[Break, str, str]] = {
    "ATR": (
        lambda card: replace(card, info=replace(card.info, historical=bytes(13))),
        "card",
        "the ATR does not hold the historical bytes",
    ),
    "no ATR": (
        lambda card: replace(card, info=replace(card.info, atr=b"\x3b")),
        "card",
        "the ATR does not hold the historical bytes",
    ),
    "no MF": (lambda card: replace(card, dfs={}), "df", "there is no MF"),
    "a second top": (
        lambda card: replace(card, dfs={**card.dfs, "3F01": replace(card.dfs[SSSE], path="3F01")}),
        "df 3F01",
        "the MF, and nothing else, lies at the top",
    ),
    "a DF in nothing": (
        lambda card: replace(
            card, dfs={**card.dfs, f"{NOWHERE}/DF01": replace(card.dfs[f"{SSSE}/DF01"], path=f"{NOWHERE}/DF01")}
        ),
        f"df {NOWHERE}/DF01",
        f"it lies in {NOWHERE}, and there is no such DF",
    ),
    "a long name": (df(SSSE, name=bytes(17)), f"df {SSSE}", "its name has 17 bytes, but at most 16 are allowed"),
    "an EF in nothing": (
        lambda card: replace(
            card,
            efs={**card.efs, f"{NOWHERE}/EF05": replace(card.efs[LINEAR], path=f"{NOWHERE}/EF05")},
            contents={**card.contents, f"{NOWHERE}/EF05": ()},
        ),
        f"ef {NOWHERE}/EF05",
        f"it lies in {NOWHERE}, and there is no such DF",
    ),
    "no contents": (without("contents", LINEAR), f"ef {LINEAR}", "it has no contents"),
    "contents of no EF": (without("efs", LINEAR), f"contents {LINEAR}", "there is no such EF"),
    "bytes for records": (
        holds(LINEAR, b"\x01\x01\x00"),
        f"ef {LINEAR}",
        "it is linear-variable, but its contents are not",
    ),
    "records for bytes": (holds(BINARY, (b"\x00",)), f"ef {BINARY}", "it is transparent, but its contents are not"),
    "a short file": (holds(BINARY, bytes(299)), f"ef {BINARY}", "it has 299 bytes, not 300"),
    "many records": (holds(FIXED, (b"AAAA",) * 4), f"ef {FIXED}", "it has 4 records, but at most 3 are allowed"),
    "a short record": (holds(CYCLIC, (b"new", b"ol")), f"ef {CYCLIC}", "record 2 has 2 bytes, not 3"),
    "a long record": (
        lambda card: ef(LINEAR, size=600)(holds(LINEAR, (b"\x01\x01\x00", bytes(256)))(card)),
        f"ef {LINEAR}",
        "record 2 has 256 bytes, but at most 255 are allowed",
    ),
    "full": (ef(LINEAR, size=10), f"ef {LINEAR}", "its records need 18 bytes, but it has 10"),
    "a rule of nobody": (
        ef(LINEAR, read=Rule("RK", (frozenset({KeyRef(NOWHERE, "RK")}),))),
        f"ef {LINEAR}",
        f"its rules name a key of {NOWHERE}, and there is no such DF",
    ),
    "a key in nothing": (new_key(NOWHERE), f"key {NOWHERE}#X.1", f"it belongs to {NOWHERE}, and there is no such DF"),
    "no cipher": (key(UK, suite_name="AES"), f"key {SSSE}#UK.1", "its cipher is unknown"),
    "a PIN's version": (
        new_key(SSSE, usage=Usage.PIN, suite_name="", version=2, value=bytes(2)),
        f"key {SSSE}#X.2",
        "it has version 2, but a PIN has version 1 only",
    ),
    "a long PIN": (key(PIN, value=bytes(9)), f"key {SSSE}#PIN.1", "it has 9 bytes, but a PIN has 2 to 8"),
    "a short RSA key": (
        new_key(SSSE, usage=Usage.DATA_AUTH, value=bytes(65)),
        f"key {SSSE}#X.1",
        "it has 65 bytes, but an RSA key has an exponent of 3 and two primes of one length",
    ),
    "RSA primes of two lengths": (
        new_key(SSSE, usage=Usage.DATA_AUTH, value=bytes(132)),
        f"key {SSSE}#X.1",
        "it has 132 bytes, but an RSA key has an exponent of 3 and two primes of one length",
    ),
    "a short key": (key(UK, value=bytes(8)), f"key {SSSE}#UK.1", "it has 8 bytes, but a 3DES key has 16"),
    "no counter": (without("tries", UK), f"key {SSSE}#UK.1", "its try counter is missing"),
    "a counter of nothing": (tries(IRK, 1), f"tries {SSSE}#IRK.1", "there is no key with a try counter for it"),
    "many tries": (tries(UK, 4), f"tries {SSSE}#UK.1", "4 tries are left of 3"),
}


def whole() -> CardContents:
    """The card made by hand, with the counters that an image gives it."""
    card = handmade()
    return replace(card, tries={at: each.tries_max for at, each in card.keys.items() if each.tries_max})


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_named_with_its_cell(name: str) -> None:
    damage, place, reason = MISTAKES[name]
    assert require_whole(whole())
    with pytest.raises(Damaged) as refused:
        require_whole(damage(whole()))
    assert (refused.value.place, refused.value.reason) == (place, reason)


def test_an_erased_key_needs_no_value() -> None:
    card = key(UK, value=b"", state=KeyState.RETIRED)(whole())
    assert require_whole(card) is card


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda _: (), "it does not hold the heads of its directory's files"),
        (lambda _: b"", "it does not hold the heads of its directory's files"),
        (lambda heads: (*heads[:-1], heads[-1][:-1]), "it does not hold the heads of its directory's files"),
        (lambda heads: heads[:-1], "its heads are not those of the files of its directory"),
        (lambda heads: heads[1:], "its heads are not those of the files of its directory"),
        (lambda heads: (*heads, heads[-1]), "its heads are not those of the files of its directory"),
    ],
)
def test_the_heads_of_an_fmcos_directory_are_those_of_its_files(damage: Callable[[Any], Any], reason: str) -> None:
    card = read_cells(ready().cells())
    path = heads_path(APP)
    with pytest.raises(Damaged) as refused:
        require_whole(holds(path, damage(card.contents[path]))(card))
    assert (refused.value.place, refused.value.reason) == (f"contents {path}", reason)
