"""A security module: what it is issued with, who may write what, and how it works with a user card (Part 9)."""

import csv
import tomllib
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import blank, issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import Roots, load_roots
from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from cardfs.profile.inputs import IssueError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cli import main
from keys.records import KeyRef
from tests.kit.card import HISTORICAL, ORIGINAL, REGION, CardBench, contents, roots
from tests.kit.places import DATA
from tests.kit.psam import (
    ALGORITHM,
    APPLICATION,
    BLOCK,
    ENVIRONMENT,
    NAMES,
    SUITES,
    PsamBench,
    mac2,
    psam_key,
    walked,
    with_sequence,
    without_application_keys,
)
from tests.kit.reference import Reference, card_key, xor

suites = pytest.mark.parametrize("suite", SUITES)
CONTENTS: Final = DATA
with (CONTENTS / "keys.csv").open(encoding="utf-8", newline="") as _file:
    LISTED: Final = [row for row in csv.DictReader(_file) if row["psam_usage_id"]]
OWN: Final = {"DDFMK", "ADFMK", "KID01", "KID02", "KID03"}
NATIONAL: Final = {"RK1DF01": 3, "RK1DF02": 3}
"""Levels of keys to which the terminal interface, appendix B, gives none: national roots, as every other key of Part 9,
table B1, that reads an application's files (67/2B to 67/2D); terminals ask for 67/2E and 67/35."""


def application_keys(made: CardContents, suite: str) -> dict[str, Any]:
    return {
        ref.name: key for (ref, _), key in made.keys.items() if ref.owner == APPLICATION[suite] and ref.name not in OWN
    }


# -- issuing --------------------------------------------------------------------------------------------


def expected(suite: str, level: int, stk: int) -> dict[str, tuple[str, bytes]]:
    """Suite and value by usage and identifier, from the list of keys and the roots, independently."""
    found = {}
    for row in LISTED:
        variants = [(int(text[:2], 16), int(text[3:], 16)) for text in row["psam_usage_id"].split(";")]
        if row["name"] == "DPK":
            chosen = [(level << 5 | 2, 1, "DPK"), (level << 5 | 2, 2, "DPK.2"), (level << 5 | 2, 3, "DPK.3")]
        else:
            usage, identifier = next((each for each in variants if each[0] >> 5 == level), variants[0])
            levels = NATIONAL.get(row["name"]) or usage >> 5 or level
            if levels == 1 and row["kid_hex"] not in ("87", "88"):
                # With roots of the second level a province's modules serve all its cards (appendix B, note **).
                levels = level
            kind = stk if row["name"].startswith("STK") else usage & 0x1F
            chosen = [(levels << 5 | kind, identifier, row["name"])]
        for usage, identifier, root in chosen:
            its = "DES" if root.startswith("STK") and suite == "3DES" else suite
            found[f"{usage:02X}/{identifier:02X}"] = (its, psam_key(root, its, usage >> 5))
    return found


@suites
@pytest.mark.parametrize(("level", "overrides"), [(1, ""), (2, 'root_level = "second"')])
@pytest.mark.parametrize(("stk", "more"), [(8, ""), (6, 'stk_type = "06"')])
def test_every_listed_key_is_there_at_its_level(suite: str, level: int, overrides: str, stk: int, more: str) -> None:
    """Part 9, appendix B, with its notes ** and ***."""
    made = contents("psam", f"[settings.psam]\n{overrides}\n{more}\n")
    keys = application_keys(made, suite)
    assert {name: (key.suite_name, key.value) for name, key in keys.items()} == expected(suite, level, stk)
    for name, key in keys.items():
        assert (key.name, f"{key.levels << 5 | int(name[:2], 16) & 0x1F:02X}/{key.kid:02X}") == (name, name)
        assert f"{key.algorithm:02X}" == ALGORITHM[key.suite_name]


@suites
@pytest.mark.parametrize("level", ["third", "second"])
@pytest.mark.parametrize(("identifier", "name"), [(0x2B, "RK1DF03"), (0x2E, "RK1DF01"), (0x35, "RK1DF02")])
def test_what_reads_an_application_is_a_national_root_whatever_the_others_are(
    suite: str, level: str, identifier: int, name: str
) -> None:
    """Part 9, table B1: first-level roots (一级根密钥); the note on second-level roots is one on the others."""
    bench = PsamBench(suite, f'[settings.psam]\nroot_level = "{level}"')
    assert bench.deliver(0x67, identifier, bytes(BLOCK[suite])) == "9000"
    assert bench.deliver(0x47, identifier, bytes(BLOCK[suite])) == bench.deliver(0x27, identifier, bytes(BLOCK[suite]))
    assert bench.deliver(0x47, identifier, bytes(BLOCK[suite])) == "6A88", name


@suites
def test_own_and_master_keys_are_the_roots_themselves(suite: str) -> None:
    made = contents("psam")
    for owner, name, root in (
        (ENVIRONMENT[suite], "DDFMK", "PSAMDDFMK"),
        (APPLICATION[suite], "ADFMK", "PSAMADFMK"),
        *((APPLICATION[suite], f"KID0{at}", f"PSAMKID0{at}") for at in (1, 2, 3)),
    ):
        key = made.keys[KeyRef(owner, name), 1]
        assert (key.value, key.suite_name) == (roots()[root], suite)


@suites
def test_a_key_file_lists_its_records_by_the_identifiers_of_appendix_a(suite: str) -> None:
    made = contents("psam")
    names = set()
    for fid, ranges in (
        ("0011", ((0x08, 0x0F), (0x20, 0x3F))),
        ("0012", ((0x10, 0x17), (0x40, 0x7F))),
        ("0013", ((0x18, 0x1F), (0x80, 0xBF))),
    ):
        listed = made.contents[f"{APPLICATION[suite]}/{fid}"]
        assert isinstance(listed, bytes)
        for at in range(0, len(listed), 8):
            usage, identifier, zero, algorithm, *rest = listed[at : at + 8]
            assert (zero, rest) == (0, [0, 0, 0, 0])
            assert usage & 0x1F == 2 or any(low <= identifier <= high for low, high in ranges)
            names.add((f"{usage:02X}/{identifier:02X}", algorithm))
    assert names == {(name, key.algorithm) for name, key in application_keys(made, suite).items()}


def made(document_roots: Roots | None = None, overrides: dict[str, Any] | None = None, **more: Any) -> CardContents:
    profile = load_profile("psam", overrides or {})
    more.setdefault("region", REGION)
    return issue(
        profile,
        load_holder(DEMO / "holder.toml"),
        document_roots or load_roots(DEMO / "roots.toml"),
        IssueOptions(**more),
    )


@pytest.mark.parametrize(
    ("level", "walk", "names"),
    [("province", 1, {"47/08", "27/24", "47/0A"}), ("city", 2, {"27/08", "27/24", "27/0A"})],
)
def test_roots_that_are_already_diversified_make_keys_that_are_nearer_to_the_card(
    level: str, walk: int, names: set[str]
) -> None:
    factors = [REGION[:2].encode() + b"0000sh", REGION.encode() + b"sx"][:walk]
    values = {}
    for (name, version), root in load_roots(DEMO / "roots.toml").values.items():
        value = root
        if not name.startswith("PSAM"):
            for factor in factors:
                value = Reference("SM4").child(value, factor)
        values[name, version] = value
    there = application_keys(made(Roots("mine", level, values)), "SM4")
    assert names <= there.keys()
    (irk,) = names & {"47/08", "27/08"}
    assert there["27/24"].value == psam_key("UK3DF01", "SM4", 1)
    assert there[irk].value == psam_key("IRK", "SM4", 3 - walk)


def test_a_module_without_roots_is_issued_with_empty_key_files() -> None:
    """Such a one is what CREATE KEY fills."""
    own = {name: value for name, value in load_roots(DEMO / "roots.toml").values.items() if name[0].startswith("PSAM")}
    empty, usual = made(Roots("mine", "nation", own), serial="1", seed="x"), contents("psam")
    assert empty == without_application_keys(usual)
    with pytest.raises(IssueError, match=r"^mine: no root for PSAMADFMK$"):
        made(Roots("mine", "nation", {name: value for name, value in own.items() if name[0] != "PSAMADFMK"}))


def with_key(**row: object) -> dict[str, object]:
    """Another key in the profile, or another place for one."""
    return {"overrides": {"df": [{"id": "DF01", "keys": [row]}]}}


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ({"serial": "12AB"}, "serial: write at most 20 digits for a security module, not '12AB'"),
        ({"serial": "1" * 21}, "serial: write at most 20 digits for a security module"),
        ({"region": "5199"}, "region: write six digits, not '5199'"),
        (
            {"overrides": {"df": [{"id": "DF01", "keys": [{"name": "X", "usage": "mac", "kid": 0xC0}]}]}},
            "this is no identifier of a key in a security module",
        ),
        (
            {"overrides": {"df": [{"id": "DF01", "keys": [{"name": "STK", "kid": 0x12}]}]}},
            "two keys have the place 28/12",
        ),
    ],
)
def test_a_wrong_input_is_refused(more: dict[str, Any], reason: str) -> None:
    more = dict(more)
    values = dict(load_roots(DEMO / "roots.toml").values)
    values["X", 1] = bytes(range(16))
    with pytest.raises(IssueError, match=reason):
        made(Roots("mine", "nation", values), **more)


def test_a_short_root_is_refused() -> None:
    values = {**load_roots(DEMO / "roots.toml").values, ("IRK", 1): bytes(8)}
    with pytest.raises(IssueError, match=r"^mine: roots\.IRK: a 3DES key needs a root of 16 bytes$"):
        made(Roots("mine", "nation", values))


def test_the_terminal_number_begins_with_the_region_and_ends_with_the_serial() -> None:
    """Part 9, 7.3.3; files 0015 and 0016 (tables 2 and 3)."""
    card = made(serial="9876543210", region="330100")
    for path in ENVIRONMENT.values():
        assert card.contents[f"{path}/0016"] == bytes.fromhex("330100543210")
        assert card.contents[f"{path}/0015"] == bytes.fromhex("00" + "00000000009876543210" + "01" + "00" + "0000")
    assert card.info.historical[5:] == bytes.fromhex("8660330176543210")


# -- the command line -----------------------------------------------------------------------------------


def sscard(*arguments: object) -> Any:
    return CliRunner().invoke(main, [str(each) for each in arguments])


@pytest.mark.parametrize("option", ["--holder", "--pin", "--card-number", "--with-financial"])
def test_options_of_a_holder_are_refused_in_a_sentence(tmp_path: Path, option: str) -> None:
    result = sscard("issue", tmp_path / "p.sscard", "--profile", "psam", option, "edep")
    assert result.exit_code == 2
    assert result.stderr == f"sscard: {option}: a security module (PSAM) has no holder and takes no such option\n"
    assert not list(tmp_path.iterdir())


def test_values_dates_and_what_is_missing(tmp_path: Path) -> None:
    path, mine = tmp_path / "p.sscard", tmp_path / "roots.toml"
    text = (DEMO / "roots.toml").read_text()
    mine.write_text("\n".join(line for line in text.splitlines() if not line.startswith(("DSK", '"DPK.3', "STKDF05"))))
    result = sscard(
        "issue", path, "--profile", "psam", "--roots", mine, "--value", 'terminal_number="330100009999"',
        "--issue-date", "2025-05-06", "--expiry-date", "2026-07-08",
    )  # fmt: skip
    assert result.exit_code == 0
    assert result.stderr == "note: psam was issued without DPK.3, DSK, STKDF05: the root keys lack them\n"
    card = Image.open(path)
    for suite in SUITES:
        assert card.contents[f"{ENVIRONMENT[suite]}/0016"] == bytes.fromhex("330100009999")
        for fid in ("001A", "001B", "001C"):
            assert card.contents[f"{APPLICATION[suite]}/{fid}"] == bytes.fromhex("01012025050620260708")
    card.close()
    result = sscard("issue", path, "--force", "--profile", "psam", "--value", "terminal_nummer='1'")
    assert (result.exit_code, result.stderr) == (
        2, "sscard: --value: terminal_nummer: no such data element; did you mean 'terminal_number'?\n",
    )  # fmt: skip


def test_show_has_the_keys_by_usage_and_identifier_and_their_names(tmp_path: Path) -> None:
    path = tmp_path / "p.sscard"
    assert sscard("issue", path, "--profile", "psam").exit_code == 0
    shown = sscard("show", path).stdout
    for suite in SUITES:
        for name in application_keys(contents("psam"), suite):
            assert shown.count(f" {name} ") == 2, name
    for each in ("28/12 UKSSSE", "22/02 DPK", "67/08 IRK", "28/09 STK", "终端机编号", "KID03"):
        assert each in shown


def test_a_module_has_no_blank_state(tmp_path: Path) -> None:
    with pytest.raises(IssueError, match="a security module has no blank state"):
        blank(load_profile("psam"))
    result = sscard("blank", tmp_path / "b.sscard", "--profile", "psam")
    assert (result.exit_code, result.stderr.count("\n")) == (2, 1)


# -- files and environments -----------------------------------------------------------------------------


@suites
@pytest.mark.parametrize("here", SUITES)
@pytest.mark.parametrize("deep", [True, False])
def test_both_environments_are_reached_from_anywhere(suite: str, here: str, deep: bool) -> None:
    """Part 9, clause 5."""
    for apdu in (f"00A404000F{NAMES[suite]}", f"00A4000002{ENVIRONMENT[suite][-4:]}"):
        bench = PsamBench(here)
        if not deep:
            bench.select_environment()
        assert bench.ask(apdu) == f"6F1B840F{NAMES[suite]}A5088801019F0C0200009000"
        assert bench.ask("00A4040006D15600000590") == "6F088406D156000005909000"
        assert bench.card.session.df == APPLICATION[suite]


@suites
def test_p1_02_selects_the_application_too(suite: str) -> None:
    """Terminals differ in P1 for DF01; an EF of that identifier would come first."""
    bench = PsamBench(suite)
    bench.select_environment()
    assert bench.ask("00A4020002DF01") == "6F088406D156000005909000"
    assert bench.card.session.df == APPLICATION[suite]
    assert bench.send("00A4020002001A") == "9000"
    assert bench.card.session.ef == f"{APPLICATION[suite]}/001A"
    assert bench.send("00A4020002DF02") == "6A82"
    assert bench.card.session.ef == f"{APPLICATION[suite]}/001A"


@suites
@pytest.mark.parametrize("apdu", ["00A404000F7378322E73682EC9E7BBE1B1A3D5CF", "00A4000002DDF1"])
def test_the_environment_of_ssf33_is_refused_with_the_reason(suite: str, apdu: str) -> None:
    bench = PsamBench(suite)
    assert bench.send(apdu) == "6A82"
    assert (
        bench.reason == "this is the environment of SSF33, which is not public: the card has those of 3DES and SM4 only"
    )
    assert bench.card.session.df == APPLICATION[suite]
    assert bench.send("00A4000002DDF9") == "6A82"
    assert "SSF33" not in bench.reason


def test_the_fci_has_the_bytes_of_file_0015() -> None:
    """Part 9, table 2: 发卡方自定义FCI数据."""
    bench = PsamBench()
    bench.select_environment()
    bench.prove_kid(0, "PSAMDDFMK")
    assert bench.send("00D6950D02ABCD") == "9000"
    assert bench.ask("00A40000023F00").endswith("9F0C02ABCD9000")


FILES: Final = {
    # file: where, what opens it
    "95": ("environment", 0),
    "96": ("environment", 0),
    "9A": ("application", 1),
    "9B": ("application", 2),
    "9C": ("application", 3),
}


@suites
@pytest.mark.parametrize("p1", list(FILES))
def test_a_file_is_read_free_and_written_with_its_key_only(suite: str, p1: str) -> None:
    """Part 9, tables 1 to 7."""
    level, kid = FILES[p1]
    for key in (0, 1, 2, 3):
        bench = PsamBench(suite)
        if level == "environment":
            bench.select_environment()
            if key:
                continue
            root = "PSAMDDFMK"
        else:
            root = "" if key else "PSAMADFMK"
        assert bench.word(f"00B0{p1}0000") == "9000"
        assert bench.send(f"00D6{p1}0001AA") == "6982"
        bench.prove_kid(key, root)
        assert bench.send(f"00D6{p1}0001AA") == ("9000" if key == kid else "6982")
        assert bench.ask(f"00B0{p1}0001") == ("AA9000" if key == kid else bench.ask(f"00B0{p1}0001"))
        # The right ends with the DF, and was never one of the other environment.
        other = SUITES[1 - SUITES.index(suite)]
        bench.suite = other
        bench.select_application() if level == "application" else bench.select_environment()
        assert bench.send(f"00D6{p1}0001AA") == "6982"
        bench.suite = suite
        bench.select_application() if level == "application" else bench.select_environment()
        assert bench.send(f"00D6{p1}0001AA") == "6982"


@suites
def test_the_terminal_sequence_is_never_written_from_outside(suite: str) -> None:
    """Part 9, table 4: 改写=不允许."""
    bench = PsamBench(suite)
    bench.select_environment()
    bench.prove_kid(0, "PSAMDDFMK")
    assert bench.word("00A4000002DF01") == "9000"
    bench.prove_kid(0, "PSAMADFMK")
    for kid in (1, 2, 3):
        bench.prove_kid(kid)
    assert bench.send("00D699000400000009") == "6982"
    assert bench.sequence() == "00000001"


@suites
def test_a_key_file_is_neither_selected_nor_read(suite: str) -> None:
    bench = PsamBench(suite)
    assert bench.send("00A40200020011") == "6A82"
    assert bench.send("00B0910000") == "6A82"


def test_a_challenge_of_16_bytes_is_for_16_byte_ciphers() -> None:
    """Part 9, table 13."""
    for suite, words in (("3DES", ["9000", "9000", "6700"]), ("SM4", ["9000", "9000", "9000"])):
        answers = [PsamBench(suite).send(f"00840000{length:02X}") for length in (4, 8, 16)]
        assert [answer[-4:] for answer in answers] == words
        lengths = [len(answer) // 2 - 2 for answer in answers if answer != "6700"]
        assert lengths == [4, 8, 16][: len(lengths)]


@suites
def test_a_version_byte_names_version_1(suite: str) -> None:
    bench = PsamBench(suite)
    assert bench.send(bench.authentication(1, version="02")) == "6A88"
    assert bench.send(bench.authentication(1, version="01")) == "9000"


def test_an_own_key_is_not_the_purchase_key_of_the_same_number() -> None:
    bench = PsamBench()
    for kid in (1, 2, 3):
        assert bench.send(bench.authentication(kid, root="DPK" if kid == 1 else f"DPK.{kid}"))[:3] == "63C"
        bench.prove_kid(kid)


# -- loading keys ---------------------------------------------------------------------------------------


@suites
def test_an_empty_module_is_filled_over_commands_and_works(suite: str) -> None:
    bench, full = PsamBench(suite, card_contents=without_application_keys(contents("psam"))), contents("psam")
    assert bench.deliver(0x28, 0x12, b"12345678") == "6A88"
    assert bench.send(bench.init_sam()) == "6A88"
    for file in (0x11, 0x12, 0x13):
        bench.prove_kid(file - 0x10)
    wanted = application_keys(full, suite)
    for name, key in wanted.items():
        file = next(f for f in (0x11, 0x12, 0x13) if bytes.fromhex(name.replace("/", "")) in _pairs(full, suite, f))
        plain = f"{name.replace('/', '')}00{ALGORITHM[key.suite_name]}00000000{key.value.hex()}"
        assert bench.send(bench.load(plain, file=file)) == "9000", bench.reason
    assert application_keys_of(bench) == {name: (key.value, key.levels, key.kid) for name, key in wanted.items()}
    here = [path for path in full.contents if path.startswith(f"{APPLICATION[suite]}/")]
    assert len(here) == 7
    assert all(bench.card.image.contents[path] == full.contents[path] for path in here)
    assert bench.ask(bench.init_sam())[:8] == "00000001"


def _pairs(card: CardContents, suite: str, file: int) -> set[bytes]:
    listed = card.contents[f"{APPLICATION[suite]}/00{file:02X}"]
    assert isinstance(listed, bytes)
    return {listed[at : at + 2] for at in range(0, len(listed), 8)}


def application_keys_of(bench: PsamBench) -> dict[str, Any]:
    return {
        ref.name: (key.value, key.levels, key.kid)
        for (ref, _), key in bench.card.image.keys.items()
        if ref.owner == APPLICATION[bench.suite] and ref.name not in OWN
    }


VALUE: Final = "C0C1C2C3C4C5C6C7C8C9CACBCCCDCECF"
WRONG_PLAIN: Final = {
    "type 5": "2530" + "00{a}00000000" + VALUE,
    "4 levels": "8730" + "00{a}00000000" + VALUE,
    "RFU": "2730" + "01{a}00000000" + VALUE,
    "permission": "2730" + "00{a}00010000" + VALUE,
    "RFU at the end": "2730" + "00{a}00000001" + VALUE,
    "SSF33": "2730" + "000200000000" + VALUE,
    "the other cipher": "2730" + "00{b}00000000" + VALUE,
    "8 bytes with the algorithm of 16": "2730" + "00{a}00000000" + VALUE[:16],
    "there already": "2724" + "00{a}00000000" + VALUE,
    "no key": "2730" + "00{a}00000000",
}


@suites
@pytest.mark.parametrize("name", list(WRONG_PLAIN))
def test_a_wrong_record_is_refused_and_costs_no_try(suite: str, name: str) -> None:
    """Part 9, 6.1, 6.2 and 9.5."""
    own, other = ("00", "03") if suite == "3DES" else ("03", "00")
    plain = WRONG_PLAIN[name].replace("{a}", own).replace("{b}", other)
    bench = PsamBench(suite)
    bench.prove_kid(1)
    before = bench.cells()
    command = bench.load(plain)
    answer = bench.send(command)
    # What has not the length of a record does not come past the gate.
    assert answer == (
        "6700" if len(command) // 2 - 5 not in (0x1C, 0x24) or (suite == "SM4" and len(command) != 82) else "6A80"
    )
    assert bench.cells() == before


@suites
def test_a_key_of_another_length_cannot_replace_one(suite: str) -> None:
    bench = PsamBench(suite)
    bench.prove_kid(1)
    assert bench.send(bench.load("272400" + VALUE[:16], change=True)) == ("6A80" if suite == "3DES" else "6700")
    assert bench.send(bench.load("272400" + VALUE, change=True, challenge=8)) == "9000"
    assert application_keys_of(bench)["27/24"] == (bytes.fromhex(VALUE), 1, 0x24)


@suites
def test_a_key_is_changed_in_its_own_file_only(suite: str) -> None:
    bench = PsamBench(suite)
    for kid in (1, 2):
        bench.prove_kid(kid)
    assert bench.send(bench.load("272400" + VALUE, change=True, file=0x12)) == "6A88"
    assert bench.send(bench.load("272400" + VALUE, change=True, file=0x11)) == "9000"


@suites
@pytest.mark.parametrize("file", [0x11, 0x12, 0x13])
def test_a_key_file_is_written_with_the_right_of_its_level_only(suite: str, file: int) -> None:
    """Part 9, clause 5: KID-01, KID-02, KID-03."""
    for kid in (1, 2, 3):
        bench = PsamBench(suite)
        bench.prove_kid(kid)
        bench.prove_kid(0, "PSAMADFMK")
        plain = (
            f"273900{ALGORITHM[suite]}00000000{VALUE}" if file != 0x12 else f"277900{ALGORITHM[suite]}00000000{VALUE}"
        )
        assert bench.send(bench.load(plain, file=file)) == ("9000" if kid == file - 0x10 else "6982")


@suites
def test_what_deciphers_to_no_record_is_wrong_cipher(suite: str) -> None:
    """Part 9, table 20: 6988 is for MAC and cipher."""
    bench = PsamBench(suite)
    bench.prove_kid(1)
    cipher = bytes(32)
    head = bytes.fromhex("84D4001124")
    mac = bench.rules.key_load_mac(roots()["PSAMADFMK"], bench.challenge(4), head + cipher)
    assert bench.send(head + cipher + mac) == "6988"
    assert "LD" in bench.reason


@suites
def test_keys_of_one_environment_are_none_of_the_other(suite: str) -> None:
    bench = PsamBench(suite)
    bench.prove_kid(1)
    assert bench.send(bench.load(f"273000{ALGORITHM[suite]}00000000{VALUE}")) == "9000"
    assert bench.deliver(0x27, 0x30, b"12345678") == "9000"
    bench.suite = SUITES[1 - SUITES.index(suite)]
    bench.select_application()
    assert bench.deliver(0x27, 0x30, b"12345678") == "6A88"
    assert bench.cipher(0x00, bytes(16)) == "6901"
    assert bench.send(bench.load(f"273000{ALGORITHM[bench.suite]}00000000{VALUE}")) == "6982"


# -- computations ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("usage", "algorithm"), [("0931", "00"), ("0631", "00"), ("0C31", "00"), ("0231", "00")])
def test_what_other_types_do(usage: str, algorithm: str) -> None:
    """Part 9, 6.3: MAC and load keys make MACs only; TAC and purchase keys give no session key."""
    bench = PsamBench()
    bench.prove_kid(1)
    assert bench.send(bench.load(f"{usage}00{algorithm}00000000{VALUE}")) == "9000"
    kind = int(usage[:2], 16)
    assert bench.deliver(kind, 0x31, b"12345678") == ("6985" if kind in (0x0C, 0x02) else "9000")
    if kind in (0x09, 0x06):
        assert bench.cipher(0x00, bytes(8)) == "6985"
        session = Reference("3DES").session_key(bytes.fromhex(VALUE), b"12345678")
        assert (
            bench.cipher(0x05, bytes(8) + b"ABCDEFGH")
            == bench.rules.blocks(session, b"ABCDEFGH").hex().upper() + "9000"
        )


@suites
def test_no_session_key_in_an_environment(suite: str) -> None:
    bench = PsamBench(suite)
    bench.select_environment()
    assert bench.deliver(0x27, 0x24, b"12345678") == "6985"
    assert bench.send(bench.init_sam()) == "6985"


@suites
@pytest.mark.parametrize("length", [0, 4, 12, 48])
def test_only_whole_factors_are_taken(suite: str, length: int) -> None:
    data = bytes(length)
    answer = PsamBench(suite).send(bytes((0xBF, 0xDE, 0x27, 0x24, length)) + data)
    assert answer == "6700"
    assert (
        PsamBench(suite).send(bytes((0xBF, 0xDE, 0x27, 0x24, BLOCK[suite] - 8 or 40)) + bytes(BLOCK[suite] - 8 or 40))
        == "6700"
    )


@suites
@pytest.mark.parametrize(("usage", "identifier"), [(0x27, 0x24), (0x47, 0x2F), (0x67, 0x08)])
@pytest.mark.parametrize("sent", [0, 1, 2, 3])
def test_the_number_of_factors_must_be_the_levels_of_the_usage(
    suite: str, usage: int, identifier: int, sent: int
) -> None:
    """Part 9, 9.7.4: a terminal finds out by trying (clause 8)."""
    bench = PsamBench(suite)
    assert bench.deliver(usage, identifier, b"12345678", levels=sent) == ("9000" if sent == usage >> 5 else "6A80")
    assert bench.cipher(0x00, bytes(16))[-4:] == ("9000" if sent == usage >> 5 else "6901")


@suites
@pytest.mark.parametrize(("usage", "levels"), [("22", 1), ("42", 2), ("62", 3), ("02", 0)])
@pytest.mark.parametrize("sent", [1, 2, 3])
def test_the_levels_of_a_purchase_key_and_lc_must_agree(suite: str, usage: str, levels: int, sent: int) -> None:
    bench = PsamBench(suite)
    bench.prove_kid(1)
    assert bench.send(bench.load(f"{usage}0700{ALGORITHM[suite]}00000000{VALUE}")) == "9000"
    assert bench.word(bench.init_sam(7, sent)) == ("9000" if sent == levels else "6700")
    assert bench.sequence() == ("00000002" if sent == levels else "00000001")


@suites
def test_two_purchase_keys_of_one_version_are_told_apart_by_lc(suite: str) -> None:
    bench = PsamBench(suite)
    bench.prove_kid(1)
    assert bench.send(bench.load(f"420100{ALGORITHM[suite]}00000000{VALUE}")) == "9000"
    macs = set()
    for levels, root in ((1, psam_key("DPK", suite, 1)), (2, bytes.fromhex(VALUE))):
        answer = bench.ask(bench.init_sam(1, levels))
        key = walked(suite, root, levels)
        session = bench.rules.session_key(key, bytes.fromhex("010203040001" + answer[4:8]))
        data = bytes.fromhex("000000640000000A00000014" + "32" + "519900000001" + "20240131121500")
        assert answer[8:16] == bench.rules.mac(session, data).hex().upper()
        macs.add(answer[8:16])
    assert len(macs) == 2


@suites
def test_the_last_number_is_given_once_and_then_none(suite: str) -> None:
    """A counter that ran over would give numbers out again."""
    bench = PsamBench(suite, card_contents=with_sequence(contents("psam"), suite, 0xFFFFFFFE))
    assert bench.ask(bench.init_sam())[:8] == "FFFFFFFE"
    assert bench.sequence() == "FFFFFFFF"
    for _ in range(2):
        assert bench.send(bench.init_sam()) == "6985"
        assert "are used" in bench.reason
    assert bench.sequence() == "FFFFFFFF"


@suites
@pytest.mark.parametrize("at", range(4))
def test_every_byte_of_mac2_counts(suite: str, at: int) -> None:
    bench = PsamBench(suite)
    for wrong in (True, False):
        number = int(bench.ask(bench.init_sam())[:8], 16)
        mac = bytearray.fromhex(mac2(bench, number))
        mac[at] ^= wrong
        assert bench.send(f"8072000004{mac.hex()}") == ("9302" if wrong else "9000")


@suites
def test_a_purchase_lives_until_another_df_is_selected(suite: str) -> None:
    bench = PsamBench(suite)
    assert bench.word(bench.init_sam()) == "9000"
    bench.challenge(4)
    assert bench.deliver(0x27, 0x24, b"12345678") == "9000"
    assert bench.word("00A4000002DF01") == "9000"
    bench.send("807200000400000000")
    assert bench.send("807200000400000000") == "6901"
    assert bench.word(bench.init_sam()) == "9000"
    bench.select_application()
    assert bench.send("807200000400000000") == "6901"


# -- with a user card -----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4", "ssc-3.0"])
@pytest.mark.parametrize(
    ("df", "kid", "usage", "identifier"),
    [
        ("SSSE", 0x04, 0x28, 0x12),  # UKSSSE, city root
        ("SSSE", 0x06, 0x28, 0x10),  # PUK
        ("DF01", 0x85, 0x27, 0x24),  # UK3DF01
        ("DF01", 0x89, 0x47, 0x2F),  # UK6DF01, province root
        ("DF03", 0x84, 0x67, 0x2B),  # RK1DF03, national root
    ],
)
def test_module_and_user_card_authenticate_over_1_2_and_3_levels(
    profile: str, df: str, kid: int, usage: int, identifier: int
) -> None:
    """Part 9, 7.4: DELIVERY SESSION KEY with the card's challenge, CIPHER DATA, EXTERNAL AUTHENTICATION."""
    card = CardBench(profile)
    card.select_df(df)
    bench = PsamBench("SM4" if card.suite == "SM4" else "3DES")
    assert bench.deliver(usage, identifier, card.challenge(8)) == "9000", bench.reason
    original = ORIGINAL.ljust(BLOCK[bench.suite], b"\x00")
    answer = bytes.fromhex(bench.cipher(0x00, original)[:-4])
    proof = answer if len(answer) == 8 else xor(answer[:8], answer[8:])
    assert card.send(bytes((0x00, 0x82, 0x00, kid, 0x10)) + proof + ORIGINAL) == "9000", card.reason
    # The temporary key of an encryption key is used up.
    assert bench.cipher(0x00, original)[-4:] == "6901"


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4"])
def test_module_makes_the_mac_and_the_cipher_of_a_pin_change(profile: str) -> None:
    """Part 5, 6.8 with the maintenance key STK, 28/09: one key does the encryption and the MAC."""
    card = CardBench(profile)
    card.select_ssse()
    bench = PsamBench("SM4" if card.suite == "SM4" else "3DES")
    block = BLOCK[bench.suite]
    assert bench.deliver(0x28, 0x10, card.challenge(8)) == "9000"
    answer = bytes.fromhex(bench.cipher(0x00, ORIGINAL.ljust(block, b"\x00"))[:-4])
    proof = answer if block == 8 else xor(answer[:8], answer[8:])
    assert card.send(bytes.fromhex("0082000610") + proof + ORIGINAL) == "9000"
    assert bench.deliver(0x28, 0x09, card.challenge(8)) == "9000"
    plain = bytes.fromhex("03654321" + "80").ljust(block, b"\x00")
    cipher = bytes.fromhex(bench.cipher(0x00, plain)[:-4])
    command = bytes((0x84, 0x24, 0x00, 0x01, len(cipher) + 4)) + cipher
    padded = command + b"\x80" + bytes(-(len(command) + 1) % block)
    last = bytes.fromhex(bench.cipher(0x05, bytes(block) + padded)[:-4])
    mac = (
        last[:4]
        if block == 8
        else bytes(a ^ b ^ c ^ d for a, b, c, d in zip(*(last[at : at + 4] for at in (0, 4, 8, 12)), strict=True))
    )
    assert card.send(command + mac) == "9000", card.reason
    assert card.verify(bytes.fromhex("654321")) == "9000"


@suites
def test_the_keys_of_module_and_card_meet(suite: str) -> None:
    """Part 9, figure 12."""
    for name, levels in (("IRK", 3), ("UK6DF01", 2), ("DPK", 1)):
        assert walked(suite, psam_key(name, suite, levels), levels) == card_key(
            suite, roots()[name], REGION, HISTORICAL
        )


def test_the_profile_is_toml_that_a_region_can_extend(tmp_path: Path) -> None:
    """A province that has its maintenance keys as MAC keys of the second level, and a local key."""
    text = """
    extends = "psam"
    name = "psam-local"
    [settings.psam]
    root_level = "second"
    [[df]]
    id = "DF01"
    keys = [{ name = "BK", levels = 2 }, { name = "UKEF0D", remove = true }]
    """
    path = tmp_path / "local.toml"
    path.write_text("\n".join(line.strip() for line in text.splitlines()))
    assert tomllib.loads(path.read_text())
    card = issue(
        load_profile(path),
        load_holder(DEMO / "holder.toml"),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region=REGION),
    )
    for suite in SUITES:
        keys = application_keys(card, suite)
        assert keys["48/11"].value == psam_key("BK", suite, 2)
        assert "48/13" not in keys
        assert "48/09" in keys
