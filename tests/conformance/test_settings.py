"""Every named setting, with each of its values, on a card that behaves accordingly.

The settings are the points where public sources disagree or are silent; each has its default.
"""

import json
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, get_args, get_origin, get_type_hints

import msgspec
import pytest

import emulator
from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import blank, issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.image import Image
from cardfs.model.settings import Settings
from cardfs.profile.inputs import ProfileError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from tests.kit.card import (
    AIDS,
    HISTORICAL,
    ORIGINAL,
    PIN_CN,
    REGION,
    SERIAL,
    SSSE_NAME,
    CardBench,
    HandmadeBench,
    roots,
)
from tests.kit.debit import DebitBench
from tests.kit.fmcos import MASTER, FmcosBench, create, directory, write_key
from tests.kit.fmcos import key as fmcos_key
from tests.kit.fmcos import made as fmcos_made
from tests.kit.medical import MedicalBench, card_with
from tests.kit.psam import PsamBench
from tests.kit.purse import AID, TERMINAL, TIME, line_mac, tac
from tests.kit.purse import ready as purse
from tests.kit.reference import Reference, card_key

Exercise = Callable[[Any], None]
EXERCISES: Final[dict[str, tuple[tuple[Any, ...], Exercise]]] = {}


def exercise(name: str, *values: Any) -> Callable[[Exercise], Exercise]:
    """Note how a setting shows with each of these values."""

    def note(function: Exercise) -> Exercise:
        assert name not in EXERCISES
        EXERCISES[name] = (values, function)
        return function

    return note


def settings(name: str, value: Any) -> Settings:
    """All defaults but one."""
    section, _, field = name.partition(".")
    return msgspec.convert({section: {field: value}} if field else {section: value}, Settings)


def issued(name: str, value: Any, profile: str = "ssc-2.0") -> CardBench:
    """An issued card with one setting written as a profile writes it."""
    section, _, field = name.partition(".")
    return CardBench(profile, f"[settings.{section}]\n{field} = {json.dumps(value)}\n")


def files(bench: CardBench, path: str) -> Any:
    """Contents of a file, looked up by the end of its path."""
    return next(contents for key, contents in bench.card.image.contents.items() if key.endswith(path))


# -- where things are ------------------------------------------------------------------------------


@exercise("structure.ssse_location", "ddf", "mf")
def _(value: str) -> None:
    """Part 3, 6.2: the SSSE is a DDF below the MF, or the MF itself."""
    bench = issued("structure.ssse_location", value)
    answer = bench.ask("00A40000023F00")
    assert (SSSE_NAME.hex().upper() in answer) is (value == "mf")
    assert bench.word("00A4000002DDF1") == ("9000" if value == "ddf" else "6A82")
    bench.select_df("DF04")
    assert bench.word("0020000003739154") == "9000"
    assert bench.word("00B2012C00") == "9000"


@exercise("structure.medical_mode", "offline", "online", "both")
def _(value: str) -> None:
    """Part 6, 6.6 and table 8: EF06 is there online, EF08 and the money file offline; EF05 and EF09 always."""
    bench = CardBench("ssc-1.0", f'[settings.structure]\nmedical_mode = "{value}"')
    bench.select_df("DF04")
    found = {fid for fid in ("05", "06", "08", "09") if bench.word(f"00A4020002EF{fid}") == "9000"}
    assert found == {"05", "09"} | {"offline": {"08"}, "online": {"06"}, "both": {"06", "08"}}[value]
    assert bench.verify() == "9000"
    assert bench.ask("B0260001" + "04")[-4:] == ("6985" if value == "online" else "9000")


@exercise("directory.sfi", 0x1E, 0x0F)
def _(value: int) -> None:
    """Part 3, 6.3 against real cards: tag 88 of the FCI, and where the directory is read."""
    bench = issued("directory.sfi", value)
    answer = bench.ask(b"\x00\xa4\x04\x00\x0f" + SSSE_NAME)
    assert f"8801{value:02X}" in answer
    assert bench.ask(f"00B201{value << 3 | 4:02X}00")[:2] == "61"
    assert bench.send(f"00B201{(0x2D - value) << 3 | 4:02X}00") == "6A82"


@exercise("directory.wrap_70", False, True)
def _(value: bool) -> None:
    """Part 3, tables 2 and 3: templates 61; some cards put tag 70 around them."""
    bench = issued("directory.wrap_70", value)
    bench.select_ssse()
    record = bench.ask("00B201F400")
    assert record[:2] == ("70" if value else "61")
    assert "4F06D15600000500" in record


# -- SELECT and READ RECORD ------------------------------------------------------------------------


@exercise("select.names", "card", "environment")
def _(value: str) -> None:
    """Part 3, 5.2.1."""
    bench = issued("select.names", value)
    assert bench.word("00A4040006D15600000503") == {"card": "9000", "environment": "6A82"}[value]
    bench.select_ssse()
    assert bench.word("00A4040006D15600000503") == "9000"


@exercise("select.fids", "card", "near")
def _(value: str) -> None:
    """Part 3, 5.2.2."""
    bench = issued("select.fids", value)
    assert bench.word("00A4000002DF04") == {"card": "9000", "near": "6A82"}[value]
    bench.select_ssse()
    assert bench.word("00A4000002DF04") == "9000"


@exercise("select.ef_with_p1_00", True, False)
def _(value: bool) -> None:
    bench = HandmadeBench(settings("select.ef_with_p1_00", value))
    assert bench.send("00A4000002EF05") == ("9000" if value else "6A82")


@exercise("select.partial_names", True, False)
def _(value: bool) -> None:
    """Part 5, 6.11.5."""
    bench = HandmadeBench(settings("select.partial_names", value))
    assert bench.word(b"\x00\xa4\x04\x00\x05" + AIDS["DF01"][:5]) == ("9000" if value else "6A82")


@exercise("select.mf_fci", "empty", "fid")
def _(value: str) -> None:
    bench = HandmadeBench(settings("select.mf_fci", value))
    assert bench.ask("00A40000023F00") == {"empty": "6F02A5009000", "fid": "6F0684023F00A5009000"}[value]


@exercise("read.le_mismatch", "6Cxx", "shorter")
def _(value: str) -> None:
    """Part 2, 9.3.2.1 against Part 5, 6.10.1."""
    bench = HandmadeBench(settings("read.le_mismatch", value))
    assert bench.send("00B2012C02") == {"6Cxx": "6C04", "shorter": "01029000"}[value]


# -- data ------------------------------------------------------------------------------------------


@exercise("data.an_fill", "00", "30")
def _(value: str) -> None:
    """V2.0 notice, 7: 「hex 0」, a byte or a character."""
    name = next(record for record in files(issued("data.an_fill", value), "DDF1/EF06") if record[0] == 0x09)
    assert len(name) == 2 + 0x1E
    assert name[-10:] == bytes.fromhex(value) * 10


@exercise("data.tag60_home", "DF02/EF06", "DF03/EF05")
def _(value: str) -> None:
    """V2.0 notice, note to table 9: in one of the two files, never in both."""
    bench = issued("data.tag60_home", value)
    homes = [home for home in ("DF02/EF06", "DF03/EF05") if 0x60 in {record[0] for record in files(bench, home)}]
    assert homes == [value]


@exercise("data.unwritten_byte", 0x00, 0xFF, 0x5A)
def _(value: int) -> None:
    bench = issued("data.unwritten_byte", value)
    bench.select_df("DF01")
    assert bench.send("00B0960010") == f"{value:02X}" * 16 + "9000"


# -- access ----------------------------------------------------------------------------------------


@exercise("access.df05_read", "free", "PIN")
def _(value: str) -> None:
    """V2.0 notice, table B3, against a reader."""
    bench = issued("access.df05_read", value)
    bench.select_df("DF05")
    assert bench.word("00B2012C00") == ("9000" if value == "free" else "6982")
    bench.verify()
    assert bench.word("00B2012C00") == "9000"


@exercise("access.ef06_ssse", "by-version", "free", "RKSSSE")
def _(value: str) -> None:
    """Terminal interface, 10.2: RKSSSE from version 3.0 on."""
    for profile, by_version in (("ssc-2.0", "free"), ("ssc-3.0", "RKSSSE")):
        bench = issued("access.ef06_ssse", value, profile)
        bench.select_ssse()
        free = (by_version if value == "by-version" else value) == "free"
        assert bench.word("00B2013400") == ("9000" if free else "6982")
        bench.prove(("RKSSSE",))
        assert bench.word("00B2013400") == "9000"


# -- PIN and keys ----------------------------------------------------------------------------------


@exercise("pin.tries", 3, 1, 15)
def _(value: int) -> None:
    """Part 7, 5.8."""
    bench = issued("pin.tries", value)
    bench.select_ssse()
    assert bench.send("0020000000") == f"63C{value:X}"
    assert [bench.verify(b"\x11\x11") for _ in range(value)][-1] == "63C0"
    assert bench.verify() == "6983"


@exercise("pin.empty_satisfies", True, False)
def _(value: bool) -> None:
    """Part 7, 5.6."""
    for pin in (b"", bytes.fromhex("1234")):
        bench = HandmadeBench(settings("pin.empty_satisfies", value), pin=pin)
        opens = value and not pin
        assert bench.word("00B2017C04") == ("9000" if opens else "6982")
        assert bench.word("00DC018403010101") == ("9000" if opens else "6982")
        assert bench.word("00B2018404") == "6982"  # never stays never
        assert bench.word("00B2013404") == "6982"  # and a key stays a key


@exercise("pin.empty_form", "both", "lc04", "ld00")
def _(value: str) -> None:
    """Part 5, 6.8.3."""
    bench = HandmadeBench(settings("pin.empty_form", value))
    bench.prove(("PUK",))
    assert bench.send(bench.secured("84240001")) == ("6700" if value == "ld00" else "9000")
    bench = HandmadeBench(settings("pin.empty_form", value))
    bench.prove(("PUK",))
    challenge = bench.challenge()
    rules = Reference("DES")
    empty = rules.encrypt(rules.session_key(bench.key_value("STK", "DES"), challenge), b"")
    assert bench.send(bench.secured("84240001", empty, challenge=challenge)) == ("6A80" if value == "lc04" else "9000")


@exercise("pin.query_when_locked", "63C0", "6983")
def _(value: str) -> None:
    """Part 5, 6.14.5, second paragraph, against Part 7, 5.8."""
    bench = HandmadeBench(settings("pin.query_when_locked", value), tries=1)
    assert bench.send("0020000000") == "63C1"
    assert bench.verify(b"\x11\x11") == "63C0"
    assert bench.send("0020000000") == value
    assert bench.verify() == "6983"


@exercise("pin.ill_formed", "compare", "refuse")
def _(value: str) -> None:
    """Part 7, 5.8: equal and different only; Part 5, table 48 has 6984, too."""
    bench = HandmadeBench(settings("pin.ill_formed", value))
    padded = PIN_CN.ljust(8, b"\xff")
    assert bench.verify(padded) == {"compare": "63C2", "refuse": "6984"}[value]
    assert bench.send("805E01000500FF123456") == {"compare": "63C1", "refuse": "6A80"}[value]


@exercise("key.tries", 3, 1, 15)
def _(value: int) -> None:
    """Part 7, 6.6; the lock keys have none (Part 7, 13.1)."""
    bench = issued("key.tries", value)
    bench.select_ssse()
    words = [bench.authenticate("UKSSSE", wrong=True) for _ in range(value + 1)]
    assert words == [f"63C{left:X}" for left in range(value - 1, -1, -1)] + ["6983"]
    assert bench.send("0020000000") == "63C3"
    for _ in range(value + 1):
        assert bench.authenticate("BK", wrong=True) == "63CF"


@exercise("key.version_absent", "1", "current")
def _(value: str) -> None:
    """Part 5, 6.4.3: the version byte may be left out."""
    bench = HandmadeBench(settings("key.version_absent", value))
    for version in (1, 3):
        command = bench.authentication("UK", 4, version)
        taken = version == (1 if value == "1" else 3)
        assert bench.send(command[:4] + b"\x10" + command[5:-1]) == ("9000" if taken else "63C2")


@exercise("key.version_unknown", "6A88", "6983")
def _(value: str) -> None:
    bench = HandmadeBench(settings("key.version_unknown", value))
    assert bench.authenticate("UK", version=9) == value
    assert bench.send("0088000011" + "00" * 16 + "09") == value
    assert bench.send("0082000E10" + "00" * 16) == "6A88"


# -- challenge and state ---------------------------------------------------------------------------


@exercise("challenge.survives", "reading", "nothing")
def _(value: str) -> None:
    """Part 5, 6.5.1."""
    bench = HandmadeBench(settings("challenge.survives", value))
    command = bench.authentication("UK", 4)
    bench.ask("00B2012C00")
    assert bench.send(command) == ("9000" if value == "reading" else "6984")


@exercise("challenge.failure_consumes", True, False)
def _(value: bool) -> None:
    bench = HandmadeBench(settings("challenge.failure_consumes", value))
    command = bench.authentication("UK", 4)
    assert bench.send(command[:-1] + b"\x00") == "63C2"
    assert bench.send(command) == ("6984" if value else "9000")
    bench.prove(("PUK",))
    secured = bench.secured("84240000")
    assert bench.send(secured[:-1] + bytes((secured[-1] ^ 1,))) == "6988"
    assert bench.send(secured) == ("6984" if value else "9000")


@exercise("state.global_rights", "within_environment", "strict")
def _(value: str) -> None:
    """Part 7, 6.6."""
    bench = HandmadeBench(settings("state.global_rights", value))
    bench.prove(("UK",))
    bench.word("00A4000002DF01")
    assert {ref.name for ref in bench.session.proofs} == ({"UK"} if value == "within_environment" else set())


@exercise("state.pin_scope", "power-off", "df-change")
def _(value: str) -> None:
    """Part 7, 5.8."""
    bench = HandmadeBench(settings("state.pin_scope", value))
    bench.verify()
    bench.word("00A4000002DF01")
    assert bench.word("00B2012C04") == ("9000" if value == "power-off" else "6982")


# -- locking and secured updates -------------------------------------------------------------------


@exercise("block.repeat_sw", "9000", "9303")
def _(value: str) -> None:
    """Part 5, 6.1.5 against Part 7, 13.2."""
    bench = HandmadeBench(settings("block.repeat_sw", value))
    bench.lock_application()
    assert bench.send("841E00010400000000") == value


@exercise("block.ef_readable", False, True)
def _(value: bool) -> None:
    """Part 7, 13.2 against Part 5, 6.1.1."""
    bench = HandmadeBench(settings("block.ef_readable", value))
    bench.verify()
    bench.lock_application()
    assert bench.word("00B2012C04") == ("9000" if value else "9303")
    assert bench.word("00DC012C040102FFFF") == "9303"


@exercise("sm.update_commands", "off", "per-file")
def _(value: str) -> None:
    """Part 7, 7.3 and 7.4."""
    bench = HandmadeBench(settings("sm.update_commands", value))
    assert bench.send("00DC0164040102FFFF") == ("9000" if value == "off" else "6987")
    secured = bench.secured("04DC0164", bytes.fromhex("0102EEEE"))
    assert bench.send(secured) == ("6A81" if value == "off" else "9000")


@exercise("sm.read_commands", "off", "per-file")
def _(value: str) -> None:
    """Part 4, 8.5, case 2."""
    bench = HandmadeBench(settings("sm.read_commands", value))
    assert bench.send("00B201B404") == ("0102A1A29000" if value == "off" else "6987")
    assert bench.send(bench.secured("04B201B4")) == ("6E00" if value == "off" else "6104")


# -- diversification -------------------------------------------------------------------------------


def _proves(bench: CardBench, key: bytes) -> str:
    """EXTERNAL AUTHENTICATION with UKSSSE under a value of one's own."""
    bench.select_ssse()
    data = Reference("3DES").auth(key, bench.challenge(), ORIGINAL) + ORIGINAL
    return bench.send(b"\x00\x82\x00\x04\x10" + data)


@exercise("crypto.level3_factor", "T6..TD", "T8..TD+0000")
def _(value: str) -> None:
    """Part 9, 7.3.3, and one public text."""
    other = bytes(5) + HISTORICAL[7:] + bytes(2)
    historical = HISTORICAL if value == "T6..TD" else other
    bench = issued("crypto.level3_factor", value)
    assert _proves(bench, card_key("3DES", roots()["UKSSSE"], REGION, historical)) == "9000"


@exercise("crypto.zhejiang_rule", True, False)
def _(value: bool) -> None:
    """Terminal interface, 10.3."""
    written = tomllib.loads(f"[settings.crypto]\nzhejiang_rule = {str(value).lower()}\n")
    made = issue(
        load_profile("ssc-2.0", written),
        load_holder(DEMO / "holder.toml"),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region="330283", serial=SERIAL, pin="1234", seed="tests"),
    )
    key = card_key("3DES", roots()["UKSSSE"], "330200" if value else "330283", made.info.historical)
    assert _proves(CardBench(card=Card(Image.in_memory(made))), key) == "9000"


@exercise("crypto.ssf33", "refuse")
def _(_value: str) -> None:
    """The algorithm is not public: no card can be made with it."""
    with pytest.raises(ProfileError, match="SSF33"):
        load_profile("ssc-2.0", {"suite": "SSF33"})


def _read_key(name: str, df: str, value: int) -> None:
    """Part 5, table 14: P2; the number is not published."""
    bench = issued(f"kid.{name.lower()}", value)
    bench.select_df(df)
    assert bench.authenticate(name, value) == "9000"
    assert bench.authenticate(name, 0x81 if value == 0x88 else 0x88) == "6A88"


@exercise("kid.rk1df01", 0x88, 0x8F)
def _(value: int) -> None:
    _read_key("RK1DF01", "DF01", value)


@exercise("kid.rk1df02", 0x88, 0x8F)
def _(value: int) -> None:
    _read_key("RK1DF02", "DF02", value)


# -- personalisation -------------------------------------------------------------------------------

FINE: Final = "0123456789ABCDEFFEDCBA9876543210"


def blank_card(name: str, value: Any) -> CardBench:
    """A blank card, before its transport key is set (Part 10, 5.1)."""
    section, _, field = name.partition(".")
    profile = load_profile("ssc-2.0", {"settings": {section: {field: value}}})
    return CardBench(card=Card(Image.in_memory(blank(profile))))


def _transport_key(name: str, value: Any, key: str) -> str:
    return blank_card(name, value).send(f"80E0030010{key}")


@exercise("personalisation.cos", "t514", "fmcos", "none")
def _(value: str) -> None:
    """The standard leaves the commands to the card maker (Part 10, 5)."""
    word = _transport_key("personalisation.cos", value, FINE)
    assert word == {"t514": "9000", "fmcos": "6700", "none": "6D00"}[value]


@exercise("personalisation.plain_keys", True, False)
def _(value: bool) -> None:
    """Part 4, 7.3: keys are loaded in cipher; the first one of a blank card may be an exception."""
    assert _transport_key("personalisation.plain_keys", value, FINE) == ("9000" if value else "6987")


@exercise("personalisation.maker_key", "404142434445464748494A4B4C4D4E4F", FINE)
def _(value: str) -> None:
    """The key of the maker, until the transport key replaces it (Part 10, 5.1.1)."""
    for key in ("404142434445464748494A4B4C4D4E4F", FINE):
        bench = blank_card("personalisation.maker_key", value)
        data = Reference("3DES").auth(bytes.fromhex(key), bench.challenge(), ORIGINAL) + ORIGINAL
        assert bench.send(b"\x00\x82\x00\x00\x10" + data) == ("9000" if key == value else "63C2")


@exercise("personalisation.weak_keys", "accept", "refuse-weak", "refuse-short")
def _(value: str) -> None:
    """Part 4, 7.2."""
    name = "personalisation.weak_keys"
    assert _transport_key(name, value, FINE) == "9000"
    assert _transport_key(name, value, "01" * 8 + FINE[16:]) == ("9000" if value == "accept" else "6A80")
    assert _transport_key(name, value, FINE[:16] * 2) == ("6A80" if value == "refuse-short" else "9000")


@exercise("personalisation.parity", "ignore", "check")
def _(value: str) -> None:
    """FIPS 46: the lowest bit of each byte makes its parity odd."""
    assert _transport_key("personalisation.parity", value, FINE) == "9000"
    even = "0023456789ABCDEF" + FINE[16:]
    assert _transport_key("personalisation.parity", value, even) == ("9000" if value == "ignore" else "6A80")


@exercise("personalisation.space", "card", "directory")
def _(value: str) -> None:
    """FMCOS manual, 4.2 and the issuing sample, against the size in CREATE FILE."""
    bench = FmcosBench(fmcos_made(f"personalisation space {value}"))
    bench.ok(directory(0x3F01, size=100))
    bench.ok("00A40000023F01")
    assert bench.word(create(0x0002, "280100F0F0FFFF")) == ("9000" if value == "card" else "6A84")


@exercise("personalisation.protect", "plain", "enciphered")
def _(value: str) -> None:
    """FMCOS manual, 7.12, example 3, against a public account of the same card."""
    bench = FmcosBench(fmcos_made(f"personalisation protect {value}"))
    bench.ok("800E000000")
    bench.ok(create(0x0001, "3F004000F0FFFF"))
    bench.ok(write_key(0x39, MASTER))
    update = b"\x80\xd4\x39\x00\x15" + fmcos_key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, MASTER)
    assert bench.word(update) == ("9000" if value == "plain" else "6987")
    # Once it is so it is updated enciphered only.
    assert bench.word(update) == "6987"


# -- trades ----------------------------------------------------------------------------------------


def trading(name: str, value: str, suite: str = "3DES", *, binary: bool = False) -> MedicalBench:
    """A card with money and one setting."""
    section, _, field = name.partition(".")
    overrides = f"[settings.{section}]\n{field} = {json.dumps(value)}\n"
    return MedicalBench(card_with(suite=suite, overrides=overrides), binary=binary)


@exercise("trade.type_byte", "ascii", "binary")
def _(value: str) -> None:
    """V2.0 notice, 8.5.3.2: a character; Part 7 does not say how MACs have it. Records keep the character."""
    bench = trading("trade.type_byte", value, binary=value == "binary")
    begun = bench.begin_load(500)
    assert bench.data(bench.credit(begun)) == bench.load_tac(begun, 1500)
    bought = bench.begin_purchase()
    assert bench.data(bench.debit(bought)) == bench.purchase_tac(bought, 7) + bench.mac2(bought)
    assert [record[2:3] for record in bench.records] == [b"2", b"1"]
    other = trading("trade.type_byte", value, binary=value != "binary")
    assert other.word(other.credit(other.begin_load())) == "9302"
    assert other.word(other.debit(other.begin_purchase())) == "9302"


@exercise("trade.load_tac_balance", "new", "old")
def _(value: str) -> None:
    """Part 7, 11.8 names the balance between the addition and the TAC."""
    bench = trading("trade.load_tac_balance", value)
    begun = bench.begin_load(500)
    assert bench.data(bench.credit(begun)) == bench.load_tac(begun, {"new": 1500, "old": 1000}[value])
    assert bench.purse.balance == 1500


@exercise("trade.algorithm_byte", "psam", "fci")
def _(value: str) -> None:
    """Part 9, 6.2, or the values of 9F0C."""
    for suite, byte in (("3DES", {"psam": 0x00, "fci": 0x01}[value]), ("SM4", 0x03)):
        bench = trading("trade.algorithm_byte", value, suite)
        assert bench.begin_load().answer[7] == bench.begin_purchase().answer[17] == byte


@exercise("trade.init_lifetime", "keeps", "ends")
def _(value: str) -> None:
    """Part 5, table 49 against 7.5.1 and 7.6.1; every cell is in the tests of the states."""
    bench = trading("trade.init_lifetime", value)
    begun = bench.begin_load()
    assert bench.word("B026000104") == "9000"
    assert bench.word(bench.credit(begun)) == {"keeps": "9000", "ends": "6901"}[value]


@exercise("trade.proof_type_byte", "both", "binary", "ascii")
def _(value: str) -> None:
    """Part 5, table 61: 交易类型标识, without a value."""
    for at in (1, 2):
        bench = trading("trade.proof_type_byte", value)
        assert bench.load() if at == 1 else bench.purchase()
        assert bench.word(f"B02E000{at}020001") == ("6A86" if value == "ascii" else "9000")
        assert bench.word(f"B02E003{at}020001") == ("6A86" if value == "binary" else "9000")
        assert bench.word(f"B02E003{3 - at}020001") == ("6A86" if value == "binary" else "9406")


@exercise("trade.record_sequence", "after", "before")
def _(value: str) -> None:
    """Part 7, 11.8 and 12.6: the counter is increased, then the record is written."""
    bench = trading("trade.record_sequence", value)
    assert bench.load()
    assert bench.purchase()
    assert [record[:2] for record in bench.records] == [{"after": b"\0\2", "before": b"\0\1"}[value]] * 2


@exercise("trade.proof_sequence", "before", "after")
def _(value: str) -> None:
    """Part 5, table 62: the sequence number of the trade, counted before or after it; never both."""
    bench = trading("trade.proof_sequence", value)
    first = bench.purse.purchases
    assert bench.purchase()
    words = [bench.word(f"B02E000202{first + more:04X}") for more in (-1, 0, 1, 2)]
    assert words == ["9406", *{"before": ("9000", "9406"), "after": ("9406", "9000")}[value], "9406"]


# -- the security module (Part 9) ------------------------------------------------------------------


def module(name: str, value: Any, suite: str = "3DES") -> PsamBench:
    """A security module with one setting."""
    return PsamBench(suite, f"[settings.psam]\n{name} = {json.dumps(value)}\n")


@exercise("psam.sm4_fid", 0xDDF2, 0xDDF1, 0x3F02)
def _(value: int) -> None:
    """The FID is not published; as DDF1 it takes the place of the SSF33 environment."""
    bench = module("sm4_fid", value)
    for fid in (0xDDF2, 0xDDF1, 0x3F02):
        bench.select_environment()
        assert bench.word(f"00A4000002{fid:04X}") == ("9000" if fid == value else "6A82")
    bench.suite = "SM4"
    bench.select_environment()
    assert bench.card.session.df == f"3F00/{value:04X}"


@exercise("psam.mac_answer", "block", "mac4")
def _(value: str) -> None:
    for suite in ("3DES", "SM4"):
        bench = module("mac_answer", value, suite)
        assert bench.deliver(0x28, 0x12, b"12345678") == "9000"
        block = 8 if suite == "3DES" else 16
        assert len(bench.cipher(0x05, bytes(2 * block))) == 2 * (block if value == "block" else 4) + 4


@exercise("psam.session_key_lifetime", "per_kind", "single", "until_next_delivery")
def _(value: str) -> None:
    """Part 9, 9.8.2; any order of commands is in the tests of the states."""
    bench = module("session_key_lifetime", value)
    assert bench.deliver(0x28, 0x12, b"12345678") == "9000"
    answers = [bench.cipher(p1, bytes(16))[-4:] for p1 in (0x00, 0x05, 0x00)]
    ends = {"per_kind": "9000 9000 6901", "single": "9000 6901 6901", "until_next_delivery": "9000 9000 9000"}
    assert " ".join(answers) == ends[value]


@exercise("psam.sequence_step", "init", "credit")
def _(value: str) -> None:
    """Losses of power are in the tests of power cuts."""
    bench = module("sequence_step", value)
    assert [bench.ask(bench.init_sam())[:8] for _ in range(2)] == [
        "00000001",
        "00000002" if value == "init" else "00000001",
    ]


@exercise("psam.mac2_error", "9302", "63CF")
def _(value: str) -> None:
    """Part 9, table 31 against 9.10.1."""
    bench = module("mac2_error", value)
    assert bench.word(bench.init_sam()) == "9000"
    assert bench.send("807200000400000000") == value
    assert bench.send("807200000400000000") == "6901"


@exercise("psam.level_error_init_sam", "6700", "6A80")
def _(value: str) -> None:
    bench = module("level_error_init_sam", value)
    assert bench.send(bench.init_sam(levels=3)) == value


@exercise("psam.check_algorithm_byte", False, True)
def _(value: bool) -> None:
    for suite in ("3DES", "SM4"):
        bench = module("check_algorithm_byte", value, suite)
        assert bench.word(bench.init_sam(algorithm=0x01)) == ("6A88" if value else "9000")
        assert bench.word(bench.init_sam()) == "9000"


@exercise("psam.auth_error", "63Cx", "6982")
def _(value: str) -> None:
    bench = module("auth_error", value)
    words = [bench.send(bench.authentication(1, wrong=True)) for _ in range(3)]
    assert words == (["63C2", "63C1", "63C0"] if value == "63Cx" else ["6982"] * 3)
    assert bench.send(bench.authentication(1)) == "6983"


@exercise("psam.init_environment", "remember", "ignore")
def _(value: str) -> None:
    bench = module("init_environment", value)
    assert bench.send("BFEC00000151") == "9000"
    assert getattr(bench.card.session.state, "region", None) == (0x51 if value == "remember" else None)
    assert bench.send("BFEC0000015A") == ("6A80" if value == "remember" else "9000")


@exercise("psam.root_level", "third", "second")
def _(value: str) -> None:
    """Part 9, appendix B, note **; every key is in the tests of the module."""
    bench = module("root_level", value)
    assert bench.deliver(0x28, 0x12, b"12345678") == ("9000" if value == "third" else "6A88")
    assert bench.deliver(0x48, 0x12, b"12345678") == ("9000" if value == "second" else "6A88")


@exercise("psam.stk_type", "08", "06")
def _(value: str) -> None:
    bench = module("stk_type", value)
    assert bench.deliver(0x28, 0x09, b"12345678") == ("9000" if value == "08" else "6A88")
    assert bench.deliver(0x26, 0x09, b"12345678") == ("9000" if value == "06" else "6A88")
    assert bench.deliver(int(f"2{value[1]}", 16), 0x09, b"12345678") == "9000"
    assert bench.cipher(0x00, bytes(8))[-4:] == ("9000" if value == "08" else "6985")


# -- transport, order, words -----------------------------------------------------------------------


@exercise("transport.level", "tpdu", "apdu")
def _(value: str) -> None:
    """Part 2, 9.3."""
    bench = HandmadeBench(settings("transport.level", value))
    assert bench.send("00A4000002DF01") == ("610A" if value == "tpdu" else "6F088406D156000005009000")


@exercise("transport.extended", False, True)
def _(value: bool) -> None:
    bench = HandmadeBench(settings("transport.extended", value))
    assert bench.send("00DC012C000004" + "0102FFFF") == ("9000" if value else "6700")


@exercise("transport.get_response_short", "61xx", "6Cxx")
def _(value: str) -> None:
    """Part 5, table 20, against Part 2, 9.3.2.1."""
    bench = HandmadeBench(settings("transport.get_response_short", value))
    assert bench.send("00A4000002DF01") == "610A"
    assert bench.send("00C0000004") == {"61xx": "6F0884066106", "6Cxx": "6C0A"}[value]


@exercise("check_order", "default")
def _(value: str) -> None:
    """The order itself is tested with the words of the commands; there is no other one yet."""
    assert HandmadeBench(settings("check_order", value)).send("0084000105") == "6A86"
    with pytest.raises(msgspec.ValidationError):
        settings("check_order", "reversed")


@exercise("status", {}, {"access_denied": "6985"})
def _(value: dict[str, str]) -> None:
    """Words of a card maker."""
    bench = HandmadeBench(settings("status", value))
    assert bench.send("00B2013404") == value.get("access_denied", "6982")


# -- debit/credit ----------------------------------------------------------------------------------


@exercise("emv.script_chaining", False, True)
def _(value: bool) -> None:
    """Issuer scripts: the second MAC covers the cryptogram, or the MAC before (EMV Book 2, 9.2.3)."""
    bench = DebitBench(settings=settings("emv.script_chaining", value))
    bench.online()
    assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    assert bench.send(bench.script("04DA9F59", "06", chain=bench.last_mac)) == ("9000" if value else "6988")


@exercise("emv.pin_block_key", "ac", "enc")
def _(value: str) -> None:
    bench = DebitBench(settings=settings("emv.pin_block_key", value))
    bench.online()
    sealed = bench.sealed_pin("2468", half="UDKAC")
    assert bench.send(bench.script("84240002", sealed)) == {"ac": "9000", "enc": "6A80"}[value]


@exercise("emv.arpc_error", "6300", "63Cx")
def _(value: str) -> None:
    bench = DebitBench(settings=settings("emv.arpc_error", value))
    bench.online()
    assert bench.arpc(wrong=True) == {"6300": "6300", "63Cx": "63CF"}[value]


@exercise("emv.failure_limit", 1, 100)
def _(value: int) -> None:
    bench = DebitBench(settings=settings("emv.failure_limit", value))
    for _ in range(2):
        bench.online()
        word = bench.arpc(wrong=True)
    assert word == {1: "6985", 100: "6300"}[value]


@exercise("emv.sm4_algorithm_id", 4, 9)
def _(value: int) -> None:
    """9F10: length, key index, version, results of 1 + 3 bytes, algorithm."""
    for suite, found in (("SM4", value), ("3DES", 1)):
        bench = DebitBench(suite=suite, settings=settings("emv.sm4_algorithm_id", value))
        assert bench.online().iad[7] == found


# -- passbook and purse ----------------------------------------------------------------------------


@exercise("edep.fci_version", "02", "none")
def _(value: str) -> None:
    """Logs of real cards against FMCOS manual, table 7.2."""
    bench = issued("edep.fci_version", value, "pboc")
    answer = bench.ask(b"\x00\xa4\x04\x00\x09" + AID)
    assert answer[26:34] == {"02": "A5259F08", "none": "A5219F0C"}[value]


@exercise("edep.blocked_select", "coding", "6283", "6A81")
def _(value: str) -> None:
    """FMCOS manual, 8.3, against what other cards are said to do; this card is no FMCOS card."""
    bench = purse(settings=settings("edep.blocked_select", value))
    word = "6283" if value == "coding" else value
    assert bench.word(bench.protected("841E0000")) == "9000"
    assert (bench.select()[-4:], bench.select()[:2] == "6F") == (word, word == "6283")
    assert bench.word(bench.protected("84180000")) == "9000"


@exercise("edep.balance_error", "9401", "6985")
def _(value: str) -> None:
    assert purse(settings=settings("edep.balance_error", value)).initialize(1, 2, 0, 10001) == (b"", value)


@exercise("edep.second_command_error", "6901", "6985")
def _(value: str) -> None:
    assert purse(settings=settings("edep.second_command_error", value)).word("805200000B" + "00" * 11) == value


@exercise("edep.pin_cleared_after_trade", False, True)
def _(value: bool) -> None:
    bench = purse(settings=settings("edep.pin_cleared_after_trade", value))
    bench.do(bench.spend(1, 2, 5, 6))
    assert bench.word("805C000104") == ("6982" if value else "9000")


@exercise("edep.overdraft_tac_key", "xor", "direct")
def _(value: str) -> None:
    """FMCOS manual, 8.12.2.4, against its public client."""
    bench = purse(settings=settings("edep.overdraft_tac_key", value))
    suite, key = bench.key_of("DTK")
    data = (10500).to_bytes(4) + b"\0\x01" + (500).to_bytes(3) + b"\x07" + TERMINAL + TIME
    expected = {"xor": tac(suite, key, data), "direct": line_mac(suite, key, b"", data)}
    assert bench.do(bench.limit(500)) == expected[value]


@exercise("edep.command_iv", "challenge", "zero")
def _(value: str) -> None:
    bench = purse(settings=settings("edep.command_iv", value))
    assert bench.word(bench.protected("04D69500", b"\xaa")) == ("9000" if value == "challenge" else "6988")
    assert bench.word(bench.protected("04D69500", b"\xaa", zero=True)) == ("9000" if value == "zero" else "6984")


@exercise("edep.reload_pin_tries", 3, 1, 15)
def _(value: int) -> None:
    """FMCOS manual, 8.5: 9303 after failures on end, three with other cards."""
    bench = CardBench("pboc", f"[settings.edep]\nreload_pin_tries = {value}\n")
    bench.ask(b"\x00\xa4\x04\x00\x09" + AID)
    words = [bench.word("805E000007123456" + "00" * 4) for _ in range(value)]
    assert words == ["9302"] * (value - 1) + ["9303"]


LATER: Final = "read by commands that are not there yet"
# -- the financial environment ---------------------------------------------------------------------


@exercise("financial.kind", "none", "edep", "debit_credit", "both")
def _(value: str) -> None:
    """JR/T 0025 of 2013 has no passbook and purse any more; most social-security cards have a bank's application."""
    bench = issued("financial.kind", value)
    assert bench.word("00A404000E315041592E5359532E4444463031") == ("6A82" if value == "none" else "9000")
    assert (bench.word("00A4040009A00000000386980701") == "9000") is (value in ("edep", "both"))
    assert (bench.word("00A4040008A000000333010101") == "9000") is (value in ("debit_credit", "both"))


@exercise("financial.listed", "all", "debit_credit")
def _(value: str) -> None:
    """The published directory of a bank card has debit/credit alone."""
    bench = CardBench("pboc", f'[settings.financial]\nlisted = "{value}"\n')
    assert bench.word("00A404000E315041592E5359532E4444463031") == "9000"
    assert bench.ask("00B2010C00")[8:26] == "4F08A000000333010101"[:18]
    assert bench.ask("00B2020C00")[8:28] == ("4F09A000000003869807" if value == "all" else "")
    assert bench.word("00A4040009A00000000386980701") == "9000"


@exercise("financial.contactless", True, False)
def _(value: bool) -> None:
    """A second name, which contactless terminals select first."""
    settings = f'[settings.financial]\nkind = "both"\ncontactless = {json.dumps(value)}\n'
    assert CardBench("ssc-2.0", settings).word("00A404000E325041592E5359532E4444463031") == (
        "9000" if value else "6A82"
    )


NOT_READ: Final[dict[str, str]] = {}


@pytest.mark.parametrize(
    ("name", "value"),
    [(name, value) for name, (values, _) in EXERCISES.items() for value in values],
    ids=str,
)
def test_a_setting_shows_in_what_the_card_does(name: str, value: Any) -> None:
    EXERCISES[name][1](value)


def fields() -> Iterator[tuple[str, Any, Any]]:
    """Name, type and default of every setting."""
    for field in msgspec.structs.fields(Settings):
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            hints = get_type_hints(field.type)
            for inner in msgspec.structs.fields(field.type):
                yield f"{field.name}.{inner.name}", hints[inner.name], inner.default
        else:
            yield field.name, field.type, field.default


def test_every_setting_is_exercised_with_all_its_values_or_said_not_to_be_read() -> None:
    known = {name for name, _, _ in fields()}
    assert set(EXERCISES) | set(NOT_READ) == known
    assert not set(EXERCISES) & set(NOT_READ)
    for name, kind, default in fields():
        if name in NOT_READ or name == "status":
            continue
        values = EXERCISES[name][0]
        if get_origin(kind) is Literal:
            assert set(values) == set(get_args(kind)), name
        elif kind is bool:
            assert set(values) == {True, False}, name
        else:
            assert len(set(values)) > 1, name
        assert default in values, name


def test_what_is_not_read_yet_is_read_nowhere() -> None:
    """The day a command reads one, it has to move to the exercised ones."""
    sources = [path.read_text() for root in emulator.__path__ for path in Path(root).rglob("*.py")]
    for name in NOT_READ:
        assert not any(f".{name}" in source for source in sources), name


@pytest.mark.parametrize(
    "written",
    [
        "[settings.read]\nle_mismatch = '6CXX'\n",
        "[settings.reading]\nle_mismatch = '6Cxx'\n",
        "[settings.pin]\ntries = 16\n",
    ],
)
def test_an_unknown_setting_and_a_wrong_value_are_refused(written: str) -> None:
    with pytest.raises(ProfileError):
        load_profile("ssc-2.0", tomllib.loads(written))
