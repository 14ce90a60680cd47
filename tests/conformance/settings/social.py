"""Settings of the card itself and of the social-security commands."""

import tomllib

import msgspec
import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.image import Image
from cardfs.profile.inputs import ProfileError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from tests.conformance.settings.registry import exercise, files, issued, settings
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
from tests.kit.reference import Reference, card_key

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
    """The algorithm is not public: no card can be issued with it."""
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
