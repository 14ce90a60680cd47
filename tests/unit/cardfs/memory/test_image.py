"""The image: a card that is written down, read back, and changed by whole transactions."""

import shutil
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from cardfs.memory import cells
from cardfs.memory.contents import UNLIMITED
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SCHEMA_VERSION
from cardfs.memory.store import Cell, MemoryStore
from cardfs.model.errors import ImageError, StoreFailed
from cardfs.model.files import CardContents, DfKind, Structure
from cardfs.profile.loader import shipped_profiles
from emulator.cards import Card
from keys.errors import KeyUnknown
from keys.generate import SeededRandom
from keys.records import Key, KeyRef, KeyState, Usage
from tests.kit.card import HISTORICAL, MF, ORIGINAL, PIN_CN, PSE, SSSE, CardBench, FailingStore, contents, handmade, ref
from tests.kit.places import DATA
from tests.kit.reference import Reference

PIN_AT = (ref("SSSE", "PIN"), 1)
GOLDEN = DATA / "golden"


def whole(image: Image) -> CardContents:
    """An image as the value that it was made from."""
    return CardContents(
        image.info, image.dfs, image.efs, image.contents, image.keys, image.dictionary, image.names, image.tries
    )


def with_tries(card: CardContents) -> CardContents:
    """The same card with every counter written out."""
    return replace(card, tries={at: key.tries_max for at, key in card.keys.items() if key.tries_max})


@pytest.mark.parametrize("profile", shipped_profiles())
def test_every_shipped_profile_comes_back_from_a_file_as_it_was(profile: str, tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents(profile))
    with closing(Image.open(path)) as image:
        assert whole(image) == with_tries(contents(profile))
        assert image.root == MF
    with closing(Image.open(path, writable=False)) as image:
        assert whole(image) == with_tries(contents(profile))


def test_a_card_made_by_hand_comes_back_too(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, handmade())
    with closing(Image.open(path)) as image:
        assert whole(image) == with_tries(handmade())


def test_an_image_in_memory_is_like_one_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    with closing(Image.open(path)) as image:
        assert image.store.load() == Image.in_memory(contents()).store.load()


def test_spent_tries_are_part_of_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, replace(contents(), tries={PIN_AT: 1}))
    with closing(Image.open(path)) as image:
        assert image.tries[PIN_AT] == 1
        assert image.tries[ref("SSSE", "PUK"), 1] == 3


def test_the_state_after_changes_is_the_state_after_reopening(tmp_path: Path) -> None:
    """Every kind of change, one transaction."""
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    with closing(Image.open(path)) as image:
        image.charge((ref("SSSE", "UKSSSE"), 2))
        change = image.begin()
        change.put_contents(f"{SSSE}/EF05", (b"\x01\x00", b"\x02\x01\x41"))
        change.put_contents(f"{SSSE}/EF07", b"\xab" * 0x300)
        change.put_key(PIN_AT[0], replace(image.keys[PIN_AT], value=b"\x99\x99"))
        change.put_df(replace(image.dfs[f"{SSSE}/DF03"], blocked=True))
        change.put_info(replace(image.info, blocked=True))
        change.kill_keys([f"{SSSE}/DF03"])
        change.restore((ref("SSSE", "UKSSSE"), 2))
        change.commit()
        seen = whole(image)
    with closing(Image.open(path)) as image:
        assert whole(image) == seen
        assert image.info.blocked
        assert image.dfs[f"{SSSE}/DF03"].blocked
        assert image.contents[f"{SSSE}/EF05"] == (b"\x01\x00", b"\x02\x01\x41")
        assert image.keys[PIN_AT].value == b"\x99\x99"
        assert image.tries[ref("SSSE", "UKSSSE"), 2] == 3


# -- transactions ---------------------------------------------------------------------------------


def test_nothing_is_seen_before_the_commit() -> None:
    image = Image.in_memory(contents())
    before, stored = whole(image), image.store.load()
    change = image.begin()
    change.put_contents(f"{SSSE}/EF05", ())
    change.put_info(replace(image.info, blocked=True))
    change.kill_keys(image.dfs)
    assert whole(image) == before == with_tries(contents())
    assert image.store.load() == stored
    del change
    assert image.store.load() == stored


def test_a_commit_writes_all_its_cells_in_one_go() -> None:
    class Counting(MemoryStore):
        writes = 0

        def write(self, changes: object, *, erases: bool = False) -> None:
            self.writes += 1
            super().write(changes, erases=erases)  # type: ignore[arg-type]

    store = Counting(dict(cells.write_cells(contents())))
    image = Image(contents(), store)
    change = image.begin()
    change.kill_keys(image.dfs)
    change.put_info(replace(image.info, blocked=True))
    change.put_contents(f"{SSSE}/EF05", ())
    change.commit()
    assert store.writes == 1
    image.begin().commit()
    assert store.writes == 1, "nothing to write is no write"


def test_a_commit_that_fails_changes_neither_memory_nor_store() -> None:
    store = FailingStore(dict(cells.write_cells(contents())))
    image = Image(contents(), store)
    before, stored = whole(image), store.load()
    before = replace(before, dfs=dict(before.dfs), contents=dict(before.contents), keys=dict(before.keys))
    before = replace(before, tries=dict(before.tries))
    store.writes_left = 0
    change = image.begin()
    change.kill_keys(image.dfs)
    change.put_info(replace(image.info, blocked=True))
    change.put_df(replace(image.dfs[SSSE], blocked=True))
    change.put_contents(f"{SSSE}/EF05", ())
    change.restore(PIN_AT)
    with pytest.raises(StoreFailed):
        change.commit()
    assert whole(image) == before
    assert store.load() == stored
    with pytest.raises(StoreFailed):
        image.charge(PIN_AT)
    with pytest.raises(StoreFailed):
        image.refund(PIN_AT)
    assert image.tries[PIN_AT] == 3


def test_a_charge_is_in_store_and_memory_at_once() -> None:
    image = Image.in_memory(contents())
    assert [image.charge(PIN_AT) for _ in range(3)] == [2, 1, 0]
    assert image.locked(PIN_AT)
    assert image.left(PIN_AT) == 0
    assert image.store.load()["tries", f"{SSSE}#PIN.1"].meta == "0"
    image.refund(PIN_AT)
    assert image.left(PIN_AT) == 1
    assert not image.locked(PIN_AT)
    assert image.store.load()["tries", f"{SSSE}#PIN.1"].meta == "1"


def test_a_key_without_a_counter_is_never_charged_and_never_locked() -> None:
    image = Image.in_memory(contents())
    before = image.store.load()
    at = (ref("SSSE", "BK"), 1)
    assert [image.charge(at) for _ in range(20)] == [UNLIMITED] * 20
    image.refund(at)
    change = image.begin()
    change.restore(at)
    change.commit()
    assert not image.locked(at)
    assert image.left(at) == 0xF
    assert image.store.load() == before


def test_killed_keys_are_dead_and_their_values_erased_and_others_live() -> None:
    """Part 4, 7.5."""
    image = Image.in_memory(contents())
    change = image.begin()
    change.kill_keys([f"{SSSE}/DF04"])
    change.commit()
    for (owner, version), key in image.keys.items():
        dead = owner.owner == f"{SSSE}/DF04"
        assert (key.state is KeyState.DEAD) is dead
        assert (key.value == b"") is dead
        with pytest.raises(KeyUnknown) if dead else closing(MemoryStore()):
            image.key(owner, version).require(*Usage)


# -- finding --------------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 5.1", "every DF belongs to one environment")
def test_environments_are_the_nearest_ddf() -> None:
    image = Image.in_memory(handmade())
    assert image.environment(MF) == MF
    assert image.environment(SSSE) == SSSE
    assert image.environment(f"{SSSE}/DF02") == SSSE
    assert image.environment(f"{PSE}/DF01") == PSE
    assert {path for path, df in image.dfs.items() if df.kind is not DfKind.ADF} == {MF, SSSE, PSE}


def test_children_come_in_the_order_of_their_fids() -> None:
    image = Image.in_memory(handmade())
    assert image.children(MF) == (SSSE, PSE)
    assert image.children(SSSE) == tuple(f"{SSSE}/DF0{number}" for number in (1, 2, 3))
    assert image.children(f"{SSSE}/DF01") == ()


def test_keys_are_found_by_kid_and_usage_in_their_own_df_only() -> None:
    image = Image.in_memory(handmade())
    assert image.ref_by_kid(SSSE, 0x04) == KeyRef(SSSE, "UK")
    assert image.ref_by_kid(PSE, 0x04) == KeyRef(PSE, "UKP")
    assert image.ref_by_kid(f"{SSSE}/DF01", 0x04) is None
    assert image.ref_by_usage(f"{SSSE}/DF01", Usage.MAC_ENC) == KeyRef(f"{SSSE}/DF01", "STK01")
    assert image.ref_by_usage(PSE, Usage.MAC_ENC) is None
    assert image.versions(KeyRef(SSSE, "UK")) == (1, 2, 3)
    assert image.versions(KeyRef(SSSE, "none")) == ()
    with pytest.raises(KeyUnknown, match="UK has no version 4"):
        image.key(KeyRef(SSSE, "UK"), 4)


@pytest.mark.parametrize("order", [("AA", "MM", "ZZ"), ("ZZ", "MM", "AA"), ("MM", "AA", "ZZ"), ("MM", "ZZ", "AA")])
def test_of_several_keys_for_one_purpose_the_first_by_name_counts(order: tuple[str, ...]) -> None:
    """However they came: in one image, one after the other, or with a new index."""
    made, free = handmade(), f"{SSSE}/DF03"
    keys = {(KeyRef(free, name), 1): Key(name, Usage.MAC_ENC, "DES", bytes(8), 0x82) for name in order}
    for image in (
        Image.in_memory(replace(made, keys={**made.keys, **keys})),
        Image.in_memory(replace(made, keys={**keys, **made.keys})),
        Image.in_memory(made),
    ):
        if image.ref_by_usage(free, Usage.MAC_ENC) is None:
            for ref_at, key in ((at[0], key) for at, key in keys.items()):
                change = image.begin()
                change.put_key(ref_at, key)
                change.commit()
        for _ in range(2):
            assert image.ref_by_usage(free, Usage.MAC_ENC) == KeyRef(free, "AA")
            assert image.ref_by_kid(free, 0x82) == KeyRef(free, "AA")
            assert [at[0].name for at in image.keys_for(free, Usage.MAC_ENC)] == ["AA", "MM", "ZZ"]
            image.reindex()


def test_a_short_identifier_is_looked_up_in_one_df() -> None:
    image = Image.in_memory(handmade())
    found = image.ef_by_sfi(SSSE, 0x06)
    assert found is not None
    assert found.path == f"{SSSE}/EF06"
    assert image.ef_by_sfi(MF, 0x06) is None
    assert image.ef_by_sfi(SSSE, 0x0B) is None, "the internal file has none"


def test_labels_are_what_people_say() -> None:
    image = Image.in_memory(handmade())
    assert [image.label(path) for path in (MF, SSSE, f"{SSSE}/DF01", f"{SSSE}/EF05", f"{SSSE}/DF01/EF06")] == [
        "MF",
        "SSSE",
        "DF01",
        "SSSE/EF05",
        "DF01/EF06",
    ]


def test_an_image_without_a_part_says_so_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    with closing(Image.open(path)) as image:
        image.store.write({("card", ""): None})
    with pytest.raises(ImageError) as error:
        Image.open(path)
    assert str(error.value) == f"{path}: the image is damaged: card: it is missing"
    with pytest.raises(ImageError, match="damaged"):
        Image.open(path)


def test_an_older_image_may_give_a_file_of_bytes_255_records(tmp_path: Path) -> None:
    """CREATE FILE once did so; it means nothing there."""
    card = contents()
    path, flat = next((path, ef) for path, ef in card.efs.items() if ef.structure is Structure.TRANSPARENT)
    Image.create(tmp_path / "card.sscard", replace(card, efs={**card.efs, path: replace(flat, max_records=255)}))
    with closing(Image.open(tmp_path / "card.sscard")) as image:
        assert image.efs[path].max_records == 255


def test_a_path_may_be_a_text(tmp_path: Path) -> None:
    text = str(tmp_path / "card.sscard")
    Image.create(text, contents())
    with closing(Image.open(text)) as image:
        assert image.info.profile == "ssc-2.0"
    with pytest.raises(ImageError, match=r"missing\.sscard: there is no such image file"):
        Image.open(str(tmp_path / "missing.sscard"))


# -- an image of every released schema ------------------------------------------------------------


def make_golden(path: Path) -> None:
    """Make the golden image of the present schema: a card that has seen some life. Only for a new schema.

    ``from pathlib import Path; from tests.unit.cardfs.memory.test_image import make_golden; make_golden(Path("x"))``
    """
    Image.create(path, contents())
    bench = CardBench(card=Card(Image.open(path), SeededRandom("golden")))
    bench.select_df("DF03")
    bench.prove(["LKDF03"])
    assert bench.send(bench.secured("841E0001", key="STKDF03")) == "9000"
    bench.select_df("DF02")
    bench.prove(["UK3DF02"])
    for fill in (0x31, 0x32):
        assert bench.send(bytes((0x00, 0xDC, 0x00, 0x3B, 0x55)) + bytes((fill,)) * 0x55) == "9000"
    assert bench.authenticate("UKSSSE", version=2, wrong=True) == "63C2"
    assert bench.verify(bytes.fromhex("000000")) == "63C2"
    assert bench.verify(bytes.fromhex("000000")) == "63C1"
    bench.card.close()


GOLDEN_UKSSSE: Final = bytes.fromhex("B94B8D65086FEE676E0DFC6140F0BF34")
"""Version 1 of UKSSSE of the golden card; everything about it is fixed."""


@pytest.mark.parametrize("golden", sorted(GOLDEN.glob("*.sscard")), ids=lambda path: path.stem)
def test_an_image_of_every_released_schema_loads_and_works_for_ever(golden: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(golden, tmp_path))
    before = path.read_bytes()
    with closing(Image.open(path, writable=False)) as image:
        assert (image.info.profile, image.info.suite) == ("ssc-2.0", "3DES")
        assert image.info.atr == bytes.fromhex("3B6D0000") + HISTORICAL
        assert not image.info.blocked
        assert image.dictionary[f"{SSSE}/EF06"][1].zh == "姓名"
        assert image.keys[ref("SSSE", "UKSSSE"), 1].value == GOLDEN_UKSSSE
        assert image.tries[PIN_AT] == 1
        assert image.tries[ref("SSSE", "UKSSSE"), 2] == 2
        assert image.dfs[f"{SSSE}/DF03"].blocked
        assert all(key.state is KeyState.DEAD for (at, _), key in image.keys.items() if at.owner == f"{SSSE}/DF03")
    assert path.read_bytes() == before
    bench = CardBench(card=Card(Image.open(path), SeededRandom("golden")))
    bench.select_ssse()
    assert bench.ask("00B2032C06") == "0304322E30309000"
    assert bench.send("00A4000002DF03") == "9303"
    bench.select_ssse()
    assert bench.verify(b"") == "63C1"
    assert bench.verify(PIN_CN) == "9000"
    data = Reference("3DES").auth(GOLDEN_UKSSSE, bench.challenge(), ORIGINAL) + ORIGINAL
    assert bench.send(bytes.fromhex("0082000410") + data) == "9000"
    assert bench.word("00A4000002DF02") == "9000"
    assert bench.ask("00B2013C55") == "32" * 0x55 + "9000"
    assert bench.ask("00B2023C55") == "31" * 0x55 + "9000"
    bench.card.close()
    with closing(Image.open(path)) as image:
        assert image.tries[PIN_AT] == 3


def test_the_present_schema_has_its_golden_image() -> None:
    assert (GOLDEN / f"schema-{SCHEMA_VERSION}.sscard").is_file()


def test_an_unknown_setting_of_a_later_release_does_not_pass_silently() -> None:
    stored = Image.in_memory(contents()).store.load()
    meta = stored["card", ""].meta.replace('"settings":{}', '"settings":{"unheard":{}}', 1)
    assert meta != stored["card", ""].meta
    with pytest.raises(ValueError, match="unheard"):
        cells.read_cells({**stored, ("card", ""): Cell(meta, b"")})
