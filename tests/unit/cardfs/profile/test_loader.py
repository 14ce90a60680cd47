"""Profiles: every row of the standard's tables is there, and every mistake is named with its place."""

import csv
import sys
from pathlib import Path
from typing import Any

import pytest

from cardfs.model.files import DfKind, Element, Structure
from cardfs.profile.loader import Profile, load_profile, shipped_profiles
from keys.records import KeyRef, Usage
from tests.kit import child
from tests.kit.places import DATA

SHIPPED = ("ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0")


def rows(name: str) -> list[dict[str, str]]:
    """The rows of one of the tables below tests/data."""
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


ELEMENTS = rows("data-elements.csv")
KEYS = rows("keys.csv")


@pytest.fixture(scope="module")
def v2() -> Profile:
    return load_profile("ssc-2.0")


def names(row: dict[str, str]) -> str:
    """What to call a row in a test report."""
    return f"{row['df']}-{row.get('ef', '')}-{row.get('name_en') or row.get('name')}"


def file_of(row: dict[str, str]) -> str:
    """Id of a row's EF; the money file has no identifier in the standard and stands at EF01 here."""
    return f"{row['df']}/{'EF01' if row['ef'] == 'internal' else row['ef']}"


class TestElements:
    """V2.0 notice, table 9 and annex B."""

    @pytest.mark.parametrize("row", [r for r in ELEMENTS if r["kind"] == "record"], ids=names)
    def test_record(self, v2: Profile, row: dict[str, str]) -> None:
        element = v2.dictionary[v2.path(file_of(row))][int(row["record"]) - 1]
        assert (element.name, element.zh, element.type) == (row["name_en"], row["name_zh"], row["type"])
        assert (element.tag, element.length) == (int(row["tag"], 16), int(row["length_hex"], 16))
        assert v2.efs[v2.path(file_of(row))].tlv

    @pytest.mark.parametrize("row", [r for r in ELEMENTS if r["kind"] == "inner"], ids=names)
    def test_inner(self, v2: Profile, row: dict[str, str]) -> None:
        wanted = Element("", "", row["type"], int(row["length_hex"], 16), int(row["tag"], 16))
        holders = [each for each in v2.dictionary[v2.path(file_of(row))] if each.type == "B-TLV"]
        found = {field for each in holders for field in each.fields if field.tag == wanted.tag}
        assert len(found) == 1
        field = found.pop()
        assert (field.name, field.zh) == (row["name_en"], row["name_zh"])
        assert (field.type, field.length) == (wanted.type, wanted.length)

    @pytest.mark.parametrize("file", sorted({file_of(r) for r in ELEMENTS}))
    def test_nothing_more(self, v2: Profile, file: str) -> None:
        kinds = ("record", "field", "binary", "internal")
        expected = [r["name_en"] for r in ELEMENTS if file_of(r) == file and r["kind"] in kinds]
        assert [each.name for each in v2.dictionary[v2.path(file)]] == expected

    @pytest.mark.parametrize("file", sorted({file_of(r) for r in ELEMENTS if r["kind"] == "inner"}))
    def test_inner_order(self, v2: Profile, file: str) -> None:
        """The inner elements follow the B-TLV rows that hold them, in the table's order."""
        groups: dict[str, list[str]] = {}
        tags: list[str] = []
        for row in (r for r in ELEMENTS if file_of(r) == file):
            if row["type"] == "B-TLV":
                tags = tags if tags and not any(groups[tag] for tag in tags) else []
                tags.append(row["tag"])
                groups.setdefault(row["tag"], [])
            elif row["kind"] == "inner":
                for tag in dict.fromkeys(tags):
                    groups[tag].append(row["tag"])
        for element in v2.dictionary[v2.path(file)]:
            if element.type == "B-TLV":
                assert [f"{field.tag:02X}" for field in element.fields] == groups[f"{element.tag:02X}"]
                assert sum(2 + field.length for field in element.fields) == element.length

    @pytest.mark.parametrize("row", [r for r in ELEMENTS if r["kind"] == "cyclic-record"], ids=names)
    def test_cyclic(self, v2: Profile, row: dict[str, str]) -> None:
        path = v2.path(file_of(row))
        ef = v2.efs[path]
        assert (ef.structure, ef.record_length, ef.tlv) == (Structure.CYCLIC, int(row["length_hex"], 16), False)
        assert v2.files[path].name == row["name_en"]
        fields = [r for r in ELEMENTS if file_of(r) == file_of(row) and r["kind"] == "field"]
        assert [(f.name, f.zh, f.type, f.length, f.tag) for f in v2.dictionary[path]] == [
            (r["name_en"], r["name_zh"], r["type"], int(r["length_hex"], 16), None) for r in fields
        ]

    @pytest.mark.parametrize("row", [r for r in ELEMENTS if r["kind"] == "binary"], ids=names)
    def test_binary(self, v2: Profile, row: dict[str, str]) -> None:
        ef = v2.efs[v2.path(file_of(row))]
        assert (ef.structure, ef.size) == (Structure.TRANSPARENT, int(row["length_hex"], 16))

    def test_money_file(self, v2: Profile) -> None:
        path = v2.path("DF04/EF01")
        fields = [r for r in ELEMENTS if r["kind"] == "internal"]
        assert [(f.name, f.length) for f in v2.dictionary[path]] == [
            (r["name_en"], int(r["length_hex"], 16)) for r in fields
        ]
        ef = v2.efs[path]
        assert (ef.structure, ef.size, ef.sfi) == (Structure.INTERNAL, 20, None)  # V2.0 notice, after table 9

    @pytest.mark.parametrize("row", ELEMENTS, ids=names)
    def test_rules(self, v2: Profile, row: dict[str, str]) -> None:
        ef = v2.efs[v2.path(file_of(row))]
        assert (ef.read.text, ef.update.text) == (row["read_rule"], row["write_rule"])

    def test_alternative_home_of_tag_60(self) -> None:
        moved = load_profile("ssc-2.0", {"settings": {"data": {"tag60_home": "DF03/EF05"}}})
        assert [each.tag for each in moved.dictionary[moved.path("DF03/EF05")]][:3] == [0x61, 0x60, 0x98]
        assert 0x60 not in [each.tag for each in moved.dictionary[moved.path("DF02/EF06")]]

    def test_capacity_is_that_of_the_elements(self, v2: Profile) -> None:
        # V2.0 notice, table 9: EF06 of the SSSE has values of 12+1E+14+01+01+03+04 bytes in seven records.
        assert v2.efs[v2.path("SSSE/EF06")].size == 0x12 + 0x1E + 0x14 + 1 + 1 + 3 + 4 + 7 * 2

    @pytest.mark.parametrize(
        ("file", "count"), [("DF02/EF07", 4), ("DF02/EF16", 4), ("DF04/EF08", 30), ("DF04/EF15", 8)]
    )
    def test_least_number_of_cyclic_records(self, v2: Profile, file: str, count: int) -> None:
        assert v2.efs[v2.path(file)].max_records == count  # V2.0 notice, table 9, remarks

    def test_vouchers_are_fixed(self, v2: Profile) -> None:
        ef = v2.efs[v2.path("DF03/EF19")]  # V2.0 notice, table 6: 定长记录
        assert (ef.structure, ef.record_length, ef.max_records) == (Structure.LINEAR_FIXED, 0x29, 4)


HOME = {
    "RKMFEF0C": "ssc-1.0-city",
    "UK4DF04": "ssc-1.0-city",
    "UK6DF04": "ssc-1.0-city",
    "UKEF0D": "ssc-3.0",
    **dict.fromkeys(("RK3DF03", "RK4DF03", "RK5DF03", "UK3DF04"), "ssc-1.0"),
}
"""Keys that a 2.0 card does not have, and where they are."""


class TestKeys:
    """Part 6, table 3; Part 9, appendix B; V2.0 notice, table B2."""

    @pytest.mark.parametrize("row", KEYS, ids=names)
    def test_key(self, row: dict[str, str]) -> None:
        name = HOME.get(row["name"], "ssc-2.0")
        profile = load_profile(DATA / f"{name}.toml" if name.endswith("city") else name)
        plan = next(each for each in profile.keys if each.ref.name == row["name"])
        assert plan.ref.owner == profile.path(row["df"])
        assert plan.usage == row["usage"]
        if row["kid_hex"]:
            assert plan.kid == int(row["kid_hex"], 16)
        if row["versions"]:
            assert plan.versions == int(row["versions"])
        lengths = {"DES": "8 (3DES suite) or 16", "3DES": "16", "SM4": "16", "": "2-8"}
        assert row["length_bytes"] in ("", lengths[plan.suite_name])

    @pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4"])
    def test_nothing_more(self, profile: str) -> None:
        expected = {row["name"] for row in KEYS} - HOME.keys()
        assert {plan.ref.name for plan in load_profile(profile).keys} == expected

    @pytest.mark.parametrize(
        ("name", "kid"),
        [("RK1DF01", 0x88), ("RK1DF02", 0x88), ("DSK", 0x8F), ("STKDF05", 0x82), ("STKDF06", 0x82), ("STKDF07", 0x82)],
    )
    def test_kids_that_nobody_published(self, v2: Profile, name: str, kid: int) -> None:
        assert next(each for each in v2.keys if each.ref.name == name).kid == kid

    @pytest.mark.parametrize("profile", SHIPPED)
    def test_kids_are_unique(self, profile: str) -> None:
        used = [(plan.ref.owner, plan.kid) for plan in load_profile(profile).keys if plan.kid is not None]
        assert len(used) == len(set(used))

    def test_maintenance_keys_are_single_length_under_3des_only(self) -> None:
        for name, suites in (("ssc-2.0", ("DES", "3DES")), ("ssc-2.0-sm4", ("SM4", "SM4"))):
            for plan in load_profile(name).keys:
                if plan.usage is not Usage.PIN:
                    assert plan.suite_name == suites[plan.usage is not Usage.MAC_ENC]

    def test_counters(self, v2: Profile) -> None:
        tries = {plan.ref.name: plan.tries for plan in v2.keys}
        # Part 7, 13.1 and 13.2: BK and LK never lock. The others: settings pin.tries and key.tries.
        assert {name: tries[name] for name in ("PIN", "UKSSSE", "PUK", "DSK", "BK", "LKDF03", "IRK", "STK")} == {
            "PIN": 3, "UKSSSE": 3, "PUK": 3, "DSK": 3, "BK": 0, "LKDF03": 0, "IRK": 0, "STK": 0,
        }  # fmt: skip


class TestTree:
    def test_directories(self, v2: Profile) -> None:
        ssse = v2.dfs["3F00/DDF1"]
        assert (ssse.kind, ssse.name.hex().upper()) == (DfKind.DDF, "7378312E73682EC9E7BBE1B1A3D5CF")
        assert v2.dfs["3F00"].kind is DfKind.MF
        assert v2.dfs["3F00"].name == b""
        aids = {name: v2.dfs[v2.path(name)].name.hex().upper() for name in v2.ids if name.startswith("DF")}
        assert aids == {  # V2.0 notice, table 2; without RID the label (5.1 and B2), here in GB code
            "DF01": "D15600000500",
            "DF02": "D15600000501",
            "DF03": "D15600000502",
            "DF04": "D15600000503",
            "DF05": "生命与健康信息区".encode("gb18030").hex().upper(),
            "DF06": "救助与优抚信息区".encode("gb18030").hex().upper(),
            "DF07": "D15600000504",
        }

    def test_sfi_is_the_low_byte_of_the_fid(self, v2: Profile) -> None:
        for plan in v2.files.values():
            if plan.ef.structure is not Structure.INTERNAL:
                assert plan.ef.sfi == plan.ef.fid & 0xFF

    @pytest.mark.parametrize(("profile", "value"), [("ssc-2.0", "860101"), ("ssc-2.0-sm4", "860103")])
    def test_algorithm_in_the_fci(self, profile: str, value: str) -> None:
        loaded = load_profile(profile)  # terminal interface, 10.1
        assert loaded.dfs["3F00/DDF1"].issuer_data.hex().upper() == value

    @pytest.mark.parametrize("name", SHIPPED)
    def test_every_shipped_profile_loads(self, name: str) -> None:
        profile = load_profile(name)
        assert profile.name == name
        assert name in shipped_profiles()

    def test_nothing_is_shipped_unseen(self) -> None:
        assert [name for name in shipped_profiles() if name.startswith("ssc-")] == list(SHIPPED)

    def test_same_files_under_sm4(self, v2: Profile) -> None:
        assert load_profile("ssc-2.0-sm4").files == v2.files

    def test_rules_point_at_keys_of_the_own_df_or_the_environment(self, v2: Profile) -> None:
        rule = v2.efs[v2.path("DF04/EF06")].read
        assert rule.alternatives == (frozenset((KeyRef("3F00/DDF1", "PIN"), KeyRef("3F00/DDF1/DF04", "RK1DF04"))),)

    def test_loading_is_fast(self) -> None:
        """A fresh process loads the profile well within a second; usually it takes a fiftieth."""
        code = (
            "import time; from cardfs.profile.loader import load_profile; t = time.perf_counter(); "
            "load_profile('ssc-2.0'); print(time.perf_counter() - t)"
        )
        done = child.run([sys.executable, "-c", code], check=True)
        assert float(done.stdout) < 0.5


BOTH_MODES = {"settings": {"structure": {"medical_mode": "both"}}}


class TestVersions:
    def test_three(self) -> None:
        v3 = load_profile("ssc-3.0")
        assert v3.specification == "3.00"
        assert v3.efs[v3.path("SSSE/EF06")].read.text == "RKSSSE"  # terminal interface, 10.2
        added = v3.dictionary[v3.path("SSSE/EF0D")]
        assert [(each.tag, each.type, each.length) for each in added] == [
            (0xEA, "an", 0x0C), (0xEB, "cn", 3), (0xEC, "an", 1), (0xED, "an", 1),
        ]  # fmt: skip
        assert v3.efs[v3.path("SSSE/EF0D")].update.text == "UKEF0D"

    # Part 6, tables 4 to 8.
    ONE = """
        SSSE/EF05 variable free UKMF | SSSE/EF06 variable free UKMF | SSSE/EF07 transparent free UKMF
        DF01/EF05 variable PIN UK1DF01 | DF01/EF06 variable PIN UK4DF01 | DF01/EF07 fixed PIN/UK2DF01 UK2DF01
        DF01/EF08 variable PIN UK3DF01 | DF01/EF09 variable PIN/UK2DF01 UK2DF01 | DF01/EF0A fixed PIN UK5DF01
        DF02/EF05 variable PIN/UK1DF02 UK1DF02 | DF02/EF06 variable PIN/UK2DF02 UK2DF02
        DF02/EF07 cyclic PIN/UK3DF02 UK3DF02 | DF03/EF05 variable PIN&RK2DF03 UK1DF03
        DF03/EF06 variable PIN UK2DF03 | DF03/EF07 variable PIN&RK1DF03 UK3DF03
        DF03/EF08 variable PIN&RK3DF03/UK4DF03 UK4DF03 | DF03/EF09 variable PIN&RK4DF03/UK5DF03 UK5DF03
        DF03/EF0A variable PIN&RK5DF03/UK6DF03 UK6DF03 | DF04/EF05 variable PIN UK1DF04
        DF04/EF06 fixed PIN&RK1DF04 UK2DF04 | DF04/EF08 cyclic PIN never | DF04/EF09 variable PIN UK3DF04
    """.replace("|", "\n").split("\n")

    @pytest.mark.parametrize("row", [row.split() for row in ONE if row.strip()], ids=lambda row: row[0])
    def test_one(self, row: list[str]) -> None:
        file, structure, read, update = row
        v1 = load_profile("ssc-1.0", BOTH_MODES)
        ef = v1.efs[v1.path(file)]
        assert ef.structure.removeprefix("linear-") == structure
        assert ef.read.text.translate(str.maketrans("|", "/", "() ")) == read
        assert ef.update.text == update

    def test_one_has_no_other_files(self) -> None:
        v1 = load_profile("ssc-1.0", BOTH_MODES)
        listed = {row.split()[0] for row in self.ONE if row.strip()}
        assert {plan.id for plan in v1.files.values()} - listed == {"DF04/EF01", "SSSE/EF1E"}

    @pytest.mark.parametrize(
        ("mode", "files"),
        [("offline", "EF05 EF08 EF09 EF01"), ("online", "EF05 EF06 EF09"), ("both", "EF05 EF06 EF08 EF09 EF01")],
    )
    def test_one_has_the_files_of_one_medical_mode(self, mode: str, files: str) -> None:
        """Part 6, 6.6 and table 8; the money file is internal."""
        v1 = load_profile("ssc-1.0", {"settings": {"structure": {"medical_mode": mode}}})
        assert [plan.id for plan in v1.files.values() if plan.id.startswith("DF04")] == [
            f"DF04/{each}" for each in files.split()
        ]

    def test_the_old_meaning_of_tags(self) -> None:
        """V2.0 notice, annex C."""
        v1 = load_profile("ssc-1.0", BOTH_MODES)
        found = {
            (plan.id, each.tag): (each.type, each.length, each.zh)
            for plan in v1.files.values()
            for each in plan.elements
        }
        assert found["DF01/EF09", 0x32] == ("an", 3, "单位经济类型")
        assert found["DF01/EF0A", 0x37] == ("cn", 4, "缴费基数")
        assert found["DF02/EF06", 0x4B] == ("cn", 4, "首次参加工作日期")
        assert found["DF03/EF05", 0x61] == ("cn", 4, "月失业保险金支付标准")
        assert found["DF04/EF05", 0x84] == ("an", 0x46, "定点医疗机构名称2")
        assert found["DF04/EF06", 0x93] == ("cn", 4, "年度统筹基金支付累计金额")


def setting(**sections: dict[str, Any]) -> dict[str, Any]:
    """Overrides that set settings."""
    return {"settings": sections}


class TestSettings:
    def test_ssse_as_mf(self) -> None:
        profile = load_profile("ssc-2.0", setting(structure={"ssse_location": "mf"}))
        mf = profile.dfs["3F00"]
        assert (mf.kind, mf.label, mf.directory_sfi) == (DfKind.MF, "SSSE", 0x1E)
        assert mf.issuer_data.hex() == "860101"
        assert profile.path("SSSE") == "3F00"
        assert profile.path("DF04") == "3F00/DF04"
        assert "3F00/EF05" in profile.efs
        assert profile.efs["3F00/DF04/EF06"].read.refs == {KeyRef("3F00", "PIN"), KeyRef("3F00/DF04", "RK1DF04")}

    def test_directory(self) -> None:
        records = directory(load_profile("ssc-2.0"))
        # Part 3, 6.3, tables 2 and 3: 61 L { 4F L name 50 L label }, 公共应用信息区 in GB code.
        assert records[0].hex().upper() == "61184F06D15600000500500EB9ABB9B2D3A6D3C3D0C5CFA2C7F8"
        assert len(records) == 7

    def test_directory_elsewhere_and_wrapped(self) -> None:
        profile = load_profile("ssc-2.0", setting(directory={"sfi": 0x0F, "wrap_70": True}))
        assert profile.dfs[profile.path("SSSE")].directory_sfi == 0x0F
        ef = profile.efs[profile.path("SSSE/EF0F")]
        assert (ef.sfi, ef.read.text, ef.update.text) == (0x0F, "free", "never")
        assert directory(profile)[0].hex().upper() == "701A61184F06D15600000500500EB9ABB9B2D3A6D3C3D0C5CFA2C7F8"

    @pytest.mark.parametrize(
        ("profile", "sections", "file", "rule"),
        [
            ("ssc-2.0", {"access": {"df05_read": "PIN"}}, "DF05/EF05", "PIN"),
            ("ssc-2.0", {"access": {"ef06_ssse": "RKSSSE"}}, "SSSE/EF06", "RKSSSE"),
            ("ssc-3.0", {"access": {"ef06_ssse": "free"}}, "SSSE/EF06", "free"),
        ],
    )
    def test_access(self, profile: str, sections: dict[str, Any], file: str, rule: str) -> None:
        loaded = load_profile(profile, setting(**sections))
        assert loaded.efs[loaded.path(file)].read.text == rule

    def test_tries_and_kids(self) -> None:
        profile = load_profile(
            "ssc-2.0", setting(pin={"tries": 6}, key={"tries": 15}, kid={"rk1df01": 0x8F, "rk1df02": 0x8A})
        )
        plans = {plan.ref.name: plan for plan in profile.keys}
        assert (plans["PIN"].tries, plans["UK1DF01"].tries, plans["BK"].tries) == (6, 15, 0)
        assert (plans["RK1DF01"].kid, plans["RK1DF02"].kid) == (0x8F, 0x8A)


def directory(profile: Profile) -> tuple[bytes, ...]:
    """The records of a profile's directory file."""
    return next(plan.records for plan in profile.files.values() if plan.records is not None)


@pytest.fixture(scope="module")
def region() -> Profile:
    """The regional example."""
    return load_profile(DATA / "ssc-2.0-region.toml")


class TestVariant:
    def test_changes(self, region: Profile) -> None:
        assert region.name == "ssc-2.0-region"
        assert region.source == "ssc-2.0-region.toml"
        assert region.settings.pin.tries == 6
        assert region.atr.manufacturer.hex().upper() == "12344A44468660"
        assert region.efs[region.path("DF05/EF05")].read.text == "PIN"
        assert region.efs[region.path("DF04/EF08")].max_records == 60
        assert region.efs[region.path("DF04/EF0D")].update.text == "UK4DF04"
        marriage = region.path("DF01/EF08")
        assert [each.tag for each in region.dictionary[marriage]] == [0x2B, 0xE9]
        assert region.efs[marriage].size == 0x20

    def test_removals(self, region: Profile) -> None:
        ids = {plan.id for plan in region.files.values()}
        assert "DF06" not in region.ids
        assert not {"DF06/EF05", "DF06/EF06", "DF01/EF1A"} & ids
        assert not [plan for plan in region.keys if plan.ref.name.endswith("DF06")]
        assert b"".join(directory(region)).count("救助与优抚信息区".encode("gb18030")) == 0

    def test_the_rest_is_inherited(self, region: Profile, v2: Profile) -> None:
        changed = {"DF01/EF08", "DF04/EF08", "DF05/EF05", "SSSE/EF1E"}
        for plan in region.files.values():
            if plan.id not in changed and plan.ef.path in v2.files:
                assert plan == v2.files[plan.ef.path]

    def test_extends_by_path(self, tmp_path: Path) -> None:
        (tmp_path / "base.toml").write_text('extends = "ssc-2.0"\nname = "base"\n')
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub" / "top.toml").write_text('extends = "../base.toml"\nname = "top"\n')
        assert load_profile(tmp_path / "sub" / "top.toml").name == "top"

    def test_removing_a_df_takes_what_is_below(self, tmp_path: Path) -> None:
        profile = tmp_path / "bare.toml"
        profile.write_text('extends = "ssc-2.0"\nname = "bare"\n[[df]]\nid = "SSSE"\nremove = true\n')
        loaded = load_profile(profile)
        assert (list(loaded.dfs), loaded.efs) == (["3F00"], {})


class TestAtr:
    SERIAL = bytes.fromhex("000001AC")

    def test_of_the_published_trace(self, v2: Profile) -> None:
        # A test-region card: 3B6D0000 0081 4A4446 8660 5199 000001AC.
        historical = v2.atr.historical("519900", self.SERIAL)
        assert v2.atr.build(historical).hex().upper() == "3B6D000000814A444686605199000001AC"

    def test_under_t1(self) -> None:
        profile = load_profile("ssc-2.0", {"atr": {"protocol": "T=1"}})
        atr = profile.atr.build(profile.atr.historical("519900", self.SERIAL))
        # ISO/IEC 7816-3: TD1 81, TD2 31, TA3 FE, TB3 45, then TCK so that T0 to TCK XOR to zero.
        assert atr[:8].hex().upper() == "3BED00008131FE45"
        assert len(atr) == 8 + 13 + 1
        check = 0
        for byte in atr[1:]:
            check ^= byte
        assert check == 0

    def test_with_clock_stop(self) -> None:
        # Part 2, table 8: T0 9x, TD1 80, TD2 1F, TA3; TCK because of T=15.
        profile = load_profile("ssc-2.0", {"atr": {"head": "3B 9D 11 80 1F 43"}})
        atr = profile.atr.build(profile.atr.historical("110000", self.SERIAL))
        assert len(atr) == 6 + 13 + 1
