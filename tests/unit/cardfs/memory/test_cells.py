"""Cells: readable, always written in the same way, and read back to the same values."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cardfs.memory import cells
from cardfs.memory.cells import contents_cell, df_cell, ef_cell, key_cell, key_id, key_path, read_cells, write_cells
from cardfs.memory.store import Cell
from cardfs.model.files import CardContents, Df, DfKind, Ef, Protection, Structure
from cardfs.model.rules import parse_rule
from cardfs.profile.loader import shipped_profiles
from keys.records import Key, KeyRef, KeyState, Usage
from tests.kit.card import MF, SSSE, contents, handmade, ref

profiles = pytest.mark.parametrize("profile", shipped_profiles())


def with_tries(card: CardContents) -> CardContents:
    """The same card with every counter written out."""
    return replace(card, tries={at: key.tries_max for at, key in card.keys.items() if key.tries_max} | card.tries)


@profiles
def test_a_card_comes_back_from_its_cells(profile: str) -> None:
    assert read_cells(dict(write_cells(contents(profile)))) == with_tries(contents(profile))


@profiles
def test_the_same_card_gives_the_same_cells_whatever_the_order_of_its_parts(profile: str) -> None:
    card = contents(profile)
    turned = replace(
        card,
        dfs=dict(reversed(card.dfs.items())),
        efs=dict(reversed(card.efs.items())),
        contents=dict(reversed(card.contents.items())),
        keys=dict(reversed(card.keys.items())),
    )
    assert dict(write_cells(turned)) == dict(write_cells(card))
    assert dict(write_cells(read_cells(dict(write_cells(card))))) == dict(write_cells(card))


@profiles
def test_no_two_parts_share_a_cell_and_every_meta_is_json(profile: str) -> None:
    written = list(write_cells(contents(profile)))
    assert len({key for key, _ in written}) == len(written)
    for (kind, path), cell in written:
        json.loads(cell.meta)
        assert isinstance(cell.data, bytes)
        assert kind in ("card", "df", "ef", "contents", "key", "tries", "dictionary", "names")
        assert (path == "") is (kind == "card")
        if kind not in ("key", "contents"):
            assert cell.data == b"", "only files and keys hold bytes"


@profiles
def test_no_secret_stands_in_the_readable_text(profile: str) -> None:
    secrets = {key.value.hex() for key in contents(profile).keys.values()}
    text = "".join(cell.meta for _, cell in write_cells(contents(profile))).lower()
    assert not any(secret in text for secret in secrets if len(secret) > 8)
    for (kind, _), cell in write_cells(contents(profile)):
        if kind in ("key", "tries"):
            assert not any(secret in cell.meta.lower() for secret in secrets)


def test_the_text_of_cells_is_this_and_stays_this() -> None:
    """What released images hold: an image of every schema must load for ever."""
    card = handmade()
    key = card.keys[ref("SSSE", "PUK"), 1]
    assert key_cell(key) == Cell(
        '{"kid":6,"state":"active","suite":"3DES","tries_max":3,"usage":"pin-unblock"}', key.value
    )
    assert df_cell(card.dfs[SSSE]) == Cell(
        '{"blocked":false,"directory_sfi":30,"issuer_data":"860101","kind":"ddf",'
        '"lock_kid":null,"name":"7378312e73682ec9e7bbe1b1a3d5cf","phase":"operational"}',
        b"",
    )
    assert ef_cell(card.efs[f"{SSSE}/EF09"]) == Cell(
        '{"max_records":3,"read":{"any":[[]],"text":"free"},"record_length":4,"secured":false,"sfi":9,"size":0,'
        '"structure":"linear-fixed","tlv":false,"update":{"any":[[]],"text":"free"}}',
        b"",
    )
    assert contents_cell((b"AAAA", b"", b"B")) == Cell("[4,0,1]", b"AAAAB")
    assert contents_cell(b"\x00\x01") == Cell("null", b"\x00\x01")
    assert cells.TRIES_CELLS[15] == Cell("15", b"")


def test_a_key_path_says_owner_name_and_version() -> None:
    at = (KeyRef(f"{SSSE}/DF04", "RK1DF04"), 2)
    assert key_path(*at) == "3F00/DDF1/DF04#RK1DF04.2"
    assert key_id(key_path(*at)) == at


@pytest.mark.parametrize("path", ["#IRK.1", "3F00#.1", "3F00#IRK.", "3F00#IRK.x", "3F00#IRK.1000", "3F00.1", "IRK", ""])
def test_what_lacks_owner_name_or_version_is_no_key_path(path: str) -> None:
    """A version is one byte, so three digits are enough."""
    with pytest.raises(ValueError, match=r"^a key's path is its DF, its name and its version$"):
        key_id(path)


records = st.lists(st.binary(max_size=255), max_size=20).map(tuple)


@settings(deadline=None, derandomize=True)
@given(records | st.binary(max_size=300))
def test_any_contents_come_back(made: bytes | tuple[bytes, ...]) -> None:
    """No records, empty records, bytes that are no records: all different things."""
    card = handmade()
    card = replace(card, contents={**card.contents, f"{SSSE}/EF05": made})
    assert read_cells(dict(write_cells(card))).contents[f"{SSSE}/EF05"] == made


names = st.from_regex(r"[A-Z][A-Za-z0-9]{0,8}", fullmatch=True)
keys = st.builds(
    Key,
    name=names,
    usage=st.sampled_from(Usage),
    suite_name=st.sampled_from(["", "DES", "3DES", "SM4"]),
    value=st.binary(max_size=16),
    kid=st.none() | st.integers(0, 255),
    version=st.integers(1, 3),
    tries_max=st.integers(0, 15),
    state=st.sampled_from(KeyState),
)


@settings(deadline=None, derandomize=True)
@given(keys, st.integers(0, 15))
def test_any_key_comes_back_with_its_tries(key: Key, left: int) -> None:
    at = (KeyRef(SSSE, key.name), key.version)
    card = replace(handmade(), keys={at: key}, tries={at: left} if key.tries_max else {})
    found = read_cells(dict(write_cells(card)))
    assert found.keys == {at: key}
    assert found.tries == card.tries


PROTECTIONS = st.sampled_from(Protection)
READ_PROTECTIONS = st.sampled_from((Protection.NONE, Protection.MAC))


@settings(deadline=None, derandomize=True)
@given(
    st.sampled_from(["free", "never", "A", "A | B", "A & B", "(A & B) | C", "A & (B | C)"]),
    st.booleans(),
    READ_PROTECTIONS,
    READ_PROTECTIONS,
)
def test_any_rule_comes_back(text: str, tlv: bool, update: Protection, read: Protection) -> None:
    rule = parse_rule(text, lambda name: KeyRef(MF, name))
    ef = Ef(f"{MF}/EF01", 0xEF01, None, Structure.CYCLIC, rule, rule, 1, 2, 3, tlv, update, read)
    df = Df(f"{MF}/DF01", 0xDF01, DfKind.ADF, b"\x00\xffname", 5, b"\x01", blocked=True)
    card = replace(handmade(), efs={ef.path: ef}, dfs={**handmade().dfs, df.path: df})
    found = read_cells(dict(write_cells(card)))
    assert found.efs == {ef.path: ef}
    assert found.dfs[df.path] == df


@pytest.mark.parametrize(
    ("key", "cell"),
    [
        (("contents", f"{SSSE}/EF05"), Cell("[3]", b"12")),
        (("contents", f"{SSSE}/EF05"), Cell("[1]", b"12")),
        (("df", SSSE), Cell('{"kind":"ddf"}', b"")),
        (("df", SSSE), Cell("{", b"")),
        (("key", f"{SSSE}#K.x"), Cell("{}", b"")),
        (("ef", f"{SSSE}/EFxx"), Cell("{}", b"")),
        (("dictionary", f"{SSSE}/EF05"), Cell('[{"name":1}]', b"")),
        (("card", ""), Cell("{}", b"")),
        (("card", ""), Cell("[]", b"")),
    ],
)
def test_cells_that_make_no_card_are_refused(key: tuple[str, str], cell: Cell) -> None:
    with pytest.raises((ValueError, LookupError, TypeError)):
        read_cells({**dict(write_cells(handmade())), key: cell})
