"""Golden images: cards of every state, made once with each schema; every later version must load and use them.

What is known of them is written out here: where they came from may change, they may not.
"""

import hashlib
import shutil
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple

import pytest

from cardfs.issuing.issue import blank
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SCHEMA_VERSION, SqliteStore
from cardfs.model.files import Phase
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from keys.generate import SeededRandom
from keys.records import KeyRef, KeyState
from tests.kit.bank import IssuedPurseBench
from tests.kit.card import MF, ORIGINAL, PIN_CN, SSSE, CardBench, HandmadeBench, contents
from tests.kit.cuts import built
from tests.kit.debit import IssuedDebitBench
from tests.kit.fmcos import ready as fmcos_ready
from tests.kit.medical import TERMINAL, TIME, MedicalBench, Purse, b2, b4
from tests.kit.places import DATA
from tests.kit.psam import PsamBench, walked
from tests.kit.purse import EP
from tests.kit.reference import Reference

GOLDEN: Final = DATA / "golden"
HALF: Final = "load RK1DF04 version 2"
"""The step of personalisation before which the card in the middle of it stands."""


class Operational(NamedTuple):
    """What is known of an operational card of schema 1: the version in SSSE/EF05, and key 04 of the SSSE."""

    version: str
    suite: str
    key: str


OPERATIONAL: Final = {
    "ssc-1.0": Operational("0304312E3030", "3DES", "B94B8D65086FEE676E0DFC6140F0BF34"),
    "ssc-2.0": Operational("0304322E3030", "3DES", "B94B8D65086FEE676E0DFC6140F0BF34"),
    "ssc-2.0-sm4": Operational("0304322E3030", "SM4", "664D626FE71898746D7A0A3685E32673"),
    "ssc-3.0": Operational("0304332E3030", "SM4", "664D626FE71898746D7A0A3685E32673"),
}
TWO_WORLDS: Final = '[settings.financial]\nkind = "both"\n'
PSAM_KEY: Final = "A1B2C3D4E5F60718293A4B5C6D7E8F90"
ATR: Final = "3B6D000000814A444686605199000001AC"
HALF_MASTER: Final = bytes.fromhex("3B4AEAB9D9522352911AD5B3F740F75B")
HANDMADE_UK: Final = bytes.fromhex("FA5D37677A5E542AD790D88C7C840E0A")
FMCOS_MASTER: Final = bytes.fromhex("3939393939393939A1A2A3A4A5A6A7A8")
SHA_256: Final = {
    "schema-1/blank.sscard": "edef02a16ddadd4d1c476c2f78c0f1445c096ca60b6690309cb12d3a0125acf3",
    "schema-1/fmcos.sscard": "5a833d709c5dde75a8152b278af268e21de489a070a98e4281428fcbe2efe2e7",
    "schema-1/half-personalised.sscard": "aa69df1f5a46eea923c4458938904f271181194164a247f3750f686467a12332",
    "schema-1/locked-application.sscard": "77d9d765a5b00cdb263076cb18312e1ab0a80a994a39c17a125779c44b443bfb",
    "schema-1/psam.sscard": "7a6884da462b64e253f0c4c1f20f5d382475f9b656b5597d1751281363cbaff7",
    "schema-1/ssc-1.0.sscard": "edf4c5fabba4c391c3a8ade11925a99117d2ae5b454dbb8bcc8ff4daf9bf68df",
    "schema-1/ssc-2.0-sm4.sscard": "d42924010cc015915a7dd6ad482069b3e88e1fcb9885641bad95495483ded838",
    "schema-1/ssc-2.0.sscard": "074fda89acd41dd0dc940044a0790d34a48db63d0828037f6d58879e036a44be",
    "schema-1/ssc-3.0.sscard": "204f2c510982a97ab63e6e4a796d83fd32b0241236d7ee6197f9d26582be8bc1",
    "schema-1/two-worlds.sscard": "fd76c16a1a41aa2c6e3e8a2d14d118604195226f9a9517e461417ca4e5b2e17d",
}


# -- how they were made ---------------------------------------------------------------------------


def make_golden(folder: Path) -> None:
    """Make the golden images of the present schema in an empty folder; never again for an old one."""
    for profile in OPERATIONAL:
        Image.create(folder / f"{profile}.sscard", contents(profile))
    Image.create(folder / "blank.sscard", blank(load_profile("ssc-2.0")))
    whole = built()
    SqliteStore.create(folder / "half-personalised.sscard", whole.cells[whole.at(HALF)].items())
    bench = HandmadeBench()
    assert bench.verify(bytes.fromhex("000000")) == "63C2"
    assert bench.authenticate("UK", version=2, wrong=True) == "63C2"
    assert bench.send("00DC0053036E6F77") == "9000"
    bench.lock_application()
    SqliteStore.create(folder / "locked-application.sscard", bench.cells().items())
    SqliteStore.create(folder / "fmcos.sscard", fmcos_ready().cells().items())
    make_golden_of_trades(folder)


def make_golden_of_trades(folder: Path) -> None:
    """Those that came later: a card of two worlds and a security module, both used."""
    trades = MedicalBench(contents("ssc-2.0", TWO_WORLDS))
    assert trades.load(500)
    assert trades.purchase((100, 10, 20))
    bank = IssuedPurseBench("3DES", "")
    bank.card = Card(Image.in_memory(read_cells(trades.store.load())), SeededRandom("golden"))
    bank.select()
    assert bank.pin(PIN_CN) == "9000"
    assert bank.do(bank.load(EP, 5000))
    said, _ = bank.initialize(1, EP, 1, 1200)
    assert bank.do(bank.debit(said, 1200, 6, index=1))
    terminal = IssuedDebitBench(card_contents=read_cells(bank.card.image.store.load()))
    assert terminal.online().kind == "ARQC"
    assert terminal.arpc() == "9000"
    assert terminal.ac("TC", code="00").kind == "TC"
    SqliteStore.create(folder / "two-worlds.sscard", terminal.store.load().items())
    module = PsamBench("SM4")
    assert module.word(module.init_sam()) == "9000"
    module.prove_kid(3)
    assert module.word(module.load("27C00003" + "00" * 4 + PSAM_KEY, file=0x13)) == "9000"
    SqliteStore.create(folder / "psam.sscard", module.store.load().items())


# -- they load ------------------------------------------------------------------------------------


@pytest.fixture(name="copy")
def _copy(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy of an image of schema 1 that a test may change."""
    return Path(shutil.copy(GOLDEN / "schema-1" / f"{request.param}.sscard", tmp_path))


def inserted(path: Path) -> CardBench:
    """The card in this image."""
    return CardBench(card=Card(Image.open(path), SeededRandom("golden")))


def proof(bench: CardBench, suite: str, key: bytes, kid: int) -> str:
    """EXTERNAL AUTHENTICATION with a key that is known here; the status word."""
    data = Reference(suite).auth(key, bench.challenge(), ORIGINAL) + ORIGINAL
    return bench.send(bytes((0x00, 0x82, 0x00, kid, len(data))) + data)


def test_the_golden_images_are_those_that_were_made() -> None:
    found = {str(path.relative_to(GOLDEN)): path for path in GOLDEN.rglob("*.sscard")}
    for name, digest in SHA_256.items():
        assert hashlib.sha256(found[name].read_bytes()).hexdigest() == digest, name


def test_the_present_schema_has_golden_images() -> None:
    assert any(name.startswith(f"schema-{SCHEMA_VERSION}/") for name in SHA_256)


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob("*.sscard")), ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_every_golden_image_is_read_and_loads_whole(path: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copy(path, tmp_path))
    with closing(Image.open(copy, writable=False)) as image:
        assert image.info.profile
    assert copy.read_bytes() == path.read_bytes()
    with closing(SqliteStore(copy)) as store:
        cells = store.load()
        # What is written down today of what was read is a card again, and the same.
        assert read_cells(dict(write_cells(read_cells(cells)))) == read_cells(cells)


@pytest.mark.parametrize("copy", OPERATIONAL, indirect=True)
def test_an_operational_card_of_every_profile_works(copy: Path) -> None:
    known = OPERATIONAL[copy.stem]
    bench = inserted(copy)
    assert bench.card.atr.hex().upper() == ATR
    bench.select_ssse()
    assert bench.ask("00B2032C00") == known.version + "9000"
    assert bench.ask("00B2012C00") == "0110519900D156000005000001ACFFFFFFFF9000"
    assert bench.verify(b"") == "63C3"
    assert bench.verify(PIN_CN) == "9000"
    assert proof(bench, known.suite, bytes.fromhex(known.key), 0x04) == "9000"
    assert bench.send("805E010006" + PIN_CN.hex() + "FF4321") == "9000"
    bench.card.close()
    bench = inserted(copy)
    bench.select_ssse()
    assert bench.verify(PIN_CN) == "63C2"
    assert bench.verify(bytes.fromhex("4321")) == "9000"
    bench.card.close()


@pytest.mark.parametrize("copy", ["ssc-3.0"], indirect=True)
def test_a_card_that_was_made_with_the_longer_personnel_number_keeps_it(copy: Path) -> None:
    """Element EA had 18 bytes; programs write 12, and an old card takes them, too."""
    bench = inserted(copy)
    bench.select_ssse()
    assert bench.word("00A4020002EF0D") == "9000"
    assert bench.ask("00B2010400") == "EA12" + "00" * 18 + "9000"
    assert bench.authenticate("UKEF0D") == "9000"
    assert bench.send("00DC01040EEA0C" + "31" * 12) == "9000"
    assert bench.ask("00B2010400") == "EA0C" + "31" * 12 + "9000"
    bench.card.close()


@pytest.mark.parametrize("copy", ["blank"], indirect=True)
def test_a_blank_card_can_be_activated(copy: Path) -> None:
    bench = inserted(copy)
    assert bench.card.image.dfs[MF].phase is Phase.BLANK
    assert bench.send("80E005000D" + ATR[8:]) == "9000"
    assert bench.send("80E0030010" + "404142434445464748494A4B4C4D4E4F") == "9000"
    assert bench.send("80E0020000") == "9000"
    bench.card.close()
    bench = inserted(copy)
    assert bench.card.atr.hex().upper() == ATR
    assert bench.card.image.dfs[MF].phase is Phase.ACTIVATED
    assert proof(bench, "3DES", bytes.fromhex("404142434445464748494A4B4C4D4E4F"), 0x00) == "9000"
    bench.card.close()


@pytest.mark.parametrize("copy", ["half-personalised"], indirect=True)
def test_a_card_in_the_middle_of_personalisation_goes_on(copy: Path) -> None:
    bench = inserted(copy)
    assert bench.card.image.dfs[SSSE].phase is Phase.PERSONALISING
    bench.select_ssse()
    assert proof(bench, "3DES", HALF_MASTER, 0x00) == "9000"
    assert bench.word("00A4000002DF04") == "9000"
    plain = bytes.fromhex("0D 84 02 00 33 00 00 10 505152535455565758595A5B5C5D5E5F")
    rules = Reference("3DES")
    cipher = rules.encrypt(HALF_MASTER, plain)
    covered = bytes((0x84, 0xD4, 0x00, 0x00, len(cipher) + 4)) + cipher
    assert bench.send(covered + rules.key_load_mac(HALF_MASTER, bench.challenge(), covered)) == "9000"
    bench.select_ssse()
    assert proof(bench, "3DES", HALF_MASTER, 0x00) == "9000"
    assert bench.send("80E0020000") == "9000"
    assert bench.card.image.keys[KeyRef(f"{SSSE}/DF04", "RK1DF04"), 2].value == plain[8:]
    bench.card.close()


@pytest.mark.parametrize("copy", ["locked-application"], indirect=True)
def test_a_locked_application_stays_locked_and_its_neighbours_work(copy: Path) -> None:
    bench = inserted(copy)
    image = bench.card.image
    bench.select_ssse()
    assert bench.word("00A4000002DF01") == "9303"
    dead = {at.name for (at, _), key in image.keys.items() if key.state is KeyState.DEAD}
    assert dead == {"LK01", "STK01", "UK01", "RK01", "IRK01"}
    bench.select_ssse()
    assert bench.ask("00B2015403") == "6E6F779000"
    assert bench.ask("00B2025403") == "6E65779000"
    assert bench.verify(b"") == "63C2"
    assert image.tries[KeyRef(SSSE, "UK"), 2] == 2
    assert proof(bench, "3DES", HANDMADE_UK, 0x04) == "9000"
    assert bench.word("00DC0134040802A5A5") == "9000"
    assert bench.word("00A4000002DF02") == "9000"
    bench.card.close()


@pytest.mark.parametrize("copy", ["fmcos"], indirect=True)
def test_a_card_of_the_coding_fmcos_works(copy: Path) -> None:
    bench = inserted(copy)
    assert bench.word("00A40000023F01") == "9000"
    challenge = bench.challenge()
    command = bytes.fromhex("0082000008") + Reference("3DES").blocks(FMCOS_MASTER, challenge)
    assert bench.send(command) == "9000"
    assert bench.ask("00B2012C00") == bytes(range(0x11, 0x21)).hex().upper() + "9000"
    assert bench.word("00D6820002BEEF") == "9000"
    bench.card.close()


@pytest.mark.parametrize("copy", ["two-worlds"], indirect=True)
def test_a_card_of_two_worlds_goes_on_where_it_was(copy: Path) -> None:
    with closing(Image.open(copy)) as image:
        held = read_cells(image.store.load())
    trades = MedicalBench(held)
    assert trades.purse == Purse(1, 1, 400, 10, 20, "2024", trades.purse.day)
    data = b"".join(map(b4, (100, 10, 20))) + b"2" + TERMINAL + b4(7) + TIME
    assert trades.proof("2", 0)[8:] == trades.tac(1, data).hex().upper() + "9000"
    assert trades.begin_purchase().sequence == b2(1)
    bank = IssuedPurseBench("3DES", "")
    bank.card = Card(Image.in_memory(held), SeededRandom("golden"))
    bank.select()
    assert bank.balance(EP) == 3800
    said, word = bank.initialize(1, EP, 1, 800)
    assert (said[:6], word) == (b4(3800) + b2(1), "9000")
    assert bank.do(bank.debit(said, 800, 6, index=1))
    assert bank.balance(EP) == 3000
    terminal = IssuedDebitBench(card_contents=held)
    assert terminal.online().atc == 2
    assert terminal.arpc() == "9000"


@pytest.mark.parametrize("copy", ["psam"], indirect=True)
def test_a_used_security_module_goes_on_counting(copy: Path) -> None:
    with closing(Image.open(copy)) as image:
        module = PsamBench("SM4", card_contents=read_cells(image.store.load()))
    assert module.ask(module.init_sam())[:8] == "00000002"
    factor = bytes(range(16))
    assert module.deliver(0x27, 0xC0, factor) == "9000"
    rules = Reference("SM4")
    session = rules.blocks(walked("SM4", bytes.fromhex(PSAM_KEY), 1), factor)
    assert module.cipher(0x00, bytes(16)) == rules.blocks(session, bytes(16)).hex().upper() + "9000"
