"""Elements of 1.0 cards whose meaning the V2.0 notice changed (annex C): read, shown and written in both meanings."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest
from click.testing import CliRunner

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.memory.cells import read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from cardfs.profile.inputs import Document, IssueError, ProfileError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cli import main
from emulator.commands.social.describe import record_text
from tests.kit.card import PIN, REGION, SERIAL, SSSE
from tests.kit.places import DATA
from tests.kit.terminal import CARD, INFO, TerminalBench, demo_roots, settings

CITY: Final = DATA / "ssc-1.0-city.toml"

# What the annex says, typed in from it: of each file the items, as iWriteCard takes them, and what an old card then
# holds. E fills on the right to the old length; what has no room for it changes with the item named behind it.
ANNEX: Final = {
    # 单位经济类型 an 03 -> 人员身份类别 an 02
    "DF01EF09|32|$": ("13", ["3133EE"]),
    # 缴费基数 cn 04 -> 国籍 an 03; 上年工资总额 cn 04 -> 政治面貌 an 02; 工资信息更新日期 -> 参加党派日期, with 38
    "DF01EF0A|37|38|39|$": ("DEU|01|20100701", ["444555EE", "3031EEEE", "20100701"]),
    # 首次参加工作日期 cn 04 -> 就业登记类型及形式 an 05, and so on; five and six characters do not fit into four bytes
    "DF02EF06|4B|4D|4F|50|$": (
        "11234|330100|123456|330200",
        ["3131323334EE", "330100EE", "313233343536EE", "330200EE"],
    ),
    # 外来人员就业证编号 cn 0A -> 就业失业登记证编号 cn 08; 56 and 96 with 55; 就业证有效期 cn 04 -> 行政区划代码 cn 03
    "DF02EF09|55|56|96|97|$": (
        "3301002010123456|Hangzhou|20101231|330100",
        ["3301002010123456EEEE", "48616E677A686F75" + "00" * 62, "20101231", "330100EE"],
    ),
    # 月失业保险金支付标准 cn 04 -> 失业保险参保地所属行政区划代码 cn 03
    "DF03EF05|61|$": ("330100", ["330100EE"]),
    # 70 and 6F with 71: 个人账户…本息储存额 cn 04 -> 养老保险参保地所属行政区划代码 cn 03
    "DF03EF07|70|71|6F|$": ("110|330100|20350101", ["313130", "330100EE", "20350101"]),
    # 定点医疗机构名称 an 46 -> 医疗保险险种类型及标识 an 08; 参保地 cn 03; 健康档案编号 an 11, which is 17 characters
    "DF04EF05|81|84|87|$": (
        "31001000|330100|33010000000000017",
        ["3331303031303030" + "EE" * 62, "330100" + "EE" * 67, "3333303130303030303030303030303137" + "EE" * 53],
    ),
    # 个人账户余额 cn 04 -> 准许脱网医保结算标识 an 01; 92 with 90; 统筹基金支付累计金额 cn 04 -> 累计次数 an 02
    "DF04EF06|90|92|93|$": ("1|12345|02", ["31EEEEEE", "00012345", "3032EEEE"]),
}


@cache
def old_card() -> CardContents:
    """A 1.0 card of a city, with every file that the annex names."""
    holder = replace(load_holder(DEMO / "holder-1.0.toml"), lenient=True)
    every_file = load_profile(CITY, {"settings": {"structure": {"medical_mode": "both"}}})
    return issue(every_file, holder, demo_roots(), IssueOptions(region=REGION, serial=SERIAL, pin=PIN, seed="tests"))


def a_terminal(**changes: str) -> TerminalBench:
    return TerminalBench(user=old_card(), settings=settings(v1=str(CITY), **changes))


def with_values(address: str, values: str) -> str:
    return f"{address.partition('|')[0]}|{values}|$"


def held(bench: TerminalBench, address: str) -> list[str]:
    """What the card's records of these items hold, in hex, after tag and length."""
    file, *tags = address.removesuffix("|$").split("|")
    records = bench.user.card.image.contents[f"{SSSE}/{file[:4]}/{file[4:]}"]
    assert isinstance(records, tuple)
    found = {record[:1].hex().upper(): record for record in records if isinstance(record, bytes)}
    assert all(found[tag][1] == len(found[tag]) - 2 for tag in tags)
    return [found[tag][2:].hex().upper() for tag in tags]


@pytest.mark.parametrize("address", ANNEX)
def test_the_new_meaning_is_written_with_e_behind_it_and_read_by_its_end(address: str) -> None:
    values, written = ANNEX[address]
    bench = a_terminal()
    bench.ok("iWriteCard", 3, INFO, address, with_values(address, values))
    assert held(bench, address) == written
    read = bench.terminal.read(INFO, address)
    assert read.text == with_values(address, values.replace("12345|02", "00012345|02"))


LABELS: Final = {
    "DF01EF09|32|$": (["单位经济类型"], ["人员身份类别"]),
    "DF01EF0A|37|38|39|$": (["缴费基数", "上年工资总额", "工资信息更新日期"], ["国籍", "政治面貌", "参加党派日期"]),
    "DF03EF07|70|6F|$": (
        ["养老保险费累计缴纳月数", "基本养老保险个人账户变更日期"],
        ["养老保险险种类型", "待遇享受开始日期"],
    ),
}


@pytest.mark.parametrize("address", LABELS)
def test_an_item_is_called_by_the_meaning_that_it_has(address: str) -> None:
    old, new = LABELS[address]
    bench = a_terminal()
    assert list(bench.terminal.read(INFO, address).labels.values()) == old
    whole = next(each for each in ANNEX if each.startswith(address[:8]))
    bench.ok("iWriteCard", 3, INFO, whole, with_values(whole, ANNEX[whole][0]))
    assert list(bench.terminal.read(INFO, address).labels.values()) == new


def test_the_example_of_the_annex_is_read_from_a_card_that_somebody_else_wrote() -> None:
    """``31 33 EE`` in DF01/EF09, item 32, is 13."""
    bench = a_terminal()
    assert bench.ok("iReadCard", 3, 1, INFO, "DF01EF09|32|$") == "DF01EF09|173|$"
    made = old_card()
    file = f"{SSSE}/DF01/EF09"
    records = made.contents[file]
    assert isinstance(records, tuple)
    other = tuple(bytes.fromhex("32033133EE") if record[0] == 0x32 else record for record in records)
    bench = TerminalBench(user=replace(made, contents={**made.contents, file: other}), settings=settings(v1=str(CITY)))
    assert bench.ok("iReadCard", 3, 1, INFO, "DF01EF09|32|$") == "DF01EF09|13|$"


def test_the_old_meaning_can_be_written_by_setting() -> None:
    bench = a_terminal(changed_elements="old")
    bench.ok("iWriteCard", 3, INFO, "DF01EF09|32|$", "DF01EF09|110|$")
    assert held(bench, "DF01EF09|32|$") == ["313130"]
    bench.ok("iWriteCard", 3, INFO, "DF01EF0A|39|$", "DF01EF0A|20240101|$")
    assert bench.ok("iReadCard", 3, 1, INFO, "DF01EF0A|39|$") == "DF01EF0A|20240101|$"
    assert a_terminal().call("iWriteCard", 3, INFO, "DF01EF09|32|$", "DF01EF09|110|$")[0] == -42


@pytest.mark.parametrize(
    ("address", "values"),
    [("DF01EF0A|39|$", "20100701"), ("DF01EF0A|38|$", "01"), ("DF03EF07|71|6F|$", "330100|20350101")],
)
def test_what_changes_together_is_written_together(address: str, values: str) -> None:
    bench = a_terminal()
    before = bench.cells()[0]
    error = bench.fails(lambda: bench.terminal.write(INFO, address, with_values(address, values)))
    assert error.code == -23
    assert "change their meaning together on a card of this version" in str(error)
    after = bench.cells()[0]
    assert {at for at in after if after[at] != before[at]} <= {at for at in after if at[0] == "tries"}


def test_once_a_card_shows_the_new_meaning_each_can_be_written_alone() -> None:
    """DF03/EF05 is not asked: what decides by itself is always written alone. DF02/EF09 is read with its own key."""
    bench = a_terminal()
    whole = "DF02EF09|55|56|96|97|$"
    bench.ok("iWriteCard", 3, INFO, whole, with_values(whole, ANNEX[whole][0]))
    bench.ok("iWriteCard", 3, INFO, "DF02EF09|96|$", "DF02EF09|20111231|$")
    assert held(bench, "DF02EF09|96|$") == ["20111231"]
    # The count of offline settlements has an end of its own.
    bench.ok("iWriteCard", 3, INFO, "DF04EF06|93|$", "DF04EF06|03|$")
    assert held(bench, "DF04EF06|93|$") == ["3033EEEE"]


def test_an_hsm_writes_it_too() -> None:
    bench = a_terminal()
    step1 = bench.ok("iWriteCard_HSM_Step1", 3, INFO, "DF01EF09|32|$")
    bench.ok("iWriteCard_HSM_Step2", bench.hsm.authentication(step1, CARD), "DF01EF09|13|$")
    assert held(bench, "DF01EF09|32|$") == ["3133EE"]


# People ---------------------------------------------------------------------------------------------

NEW_HOLDER: Final[dict[str, object]] = {
    "personnel_category": "13",
    "nationality": "DEU",
    "political_affiliation": "01",
    "party_joining_date": "2010-07-01",
    "medical_insurance_region_code": "330100",
}


def issued(values: dict[str, object]) -> CardContents:
    return issue(
        load_profile("ssc-1.0"), Document("old.toml", values), demo_roots(), IssueOptions(region=REGION, seed="x")
    )


def test_a_card_is_issued_and_shown_in_the_new_meaning(tmp_path: Path) -> None:
    made = issued(NEW_HOLDER)
    assert made.contents[f"{SSSE}/DF01/EF0A"] == tuple(
        bytes.fromhex(each) for each in ("3704444555EE", "38043031EEEE", "390420100701")
    )
    Image.create(tmp_path / "old.sscard", made)
    shown = CliRunner().invoke(main, ["show", str(tmp_path / "old.sscard")]).stdout
    for words in (
        ["人员身份类别", "personnel_category", "13"],
        ["国籍", "nationality", "DEU"],
        ["参加党派日期", "party_joining_date", "2010-07-01"],
        ["医疗保险参保地所属行政区划代码", "medical_insurance_region_code", "330100"],
    ):
        assert any(line.split()[-3:] == words for line in shown.splitlines()), words
    assert "wages_update_date" not in shown
    document = CliRunner().invoke(main, ["show", str(tmp_path / "old.sscard"), "DF01", "--json"]).stdout
    assert '"party_joining_date": "2010-07-01"' in document
    assert "wages_update_date" not in document


def test_the_same_files_are_shown_in_the_old_meaning(tmp_path: Path) -> None:
    Image.create(tmp_path / "old.sscard", old_card())
    shown = CliRunner().invoke(main, ["show", str(tmp_path / "old.sscard")]).stdout
    assert any(line.split()[-2:] == ["wages_update_date", "2023-12-31"] for line in shown.splitlines())
    assert any(line.split()[-2:] == ["employer_economic_type", "173"] for line in shown.splitlines())


@pytest.mark.parametrize(
    ("file", "record", "text"),
    [
        ("DF01/EF09", "32033133EE", "personnel_category 13"),
        ("DF01/EF09", "3203313733", "employer_economic_type 173"),
        ("DF04/EF06", "900431EEEEEE", "offline_settlement_allowed 1"),
        # One record alone does not tell.
        ("DF01/EF0A", "390420100701", "wages_update_date|party_joining_date 2010-07-01"),
    ],
)
def test_a_trace_tells_a_record_in_its_meaning(file: str, record: str, text: str) -> None:
    image = Image.in_memory(old_card())
    assert record_text(image, f"{SSSE}/{file}", bytes.fromhex(record)) == text


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        (
            {"party_joining_date": "2010-07-01"},
            "old.toml: DF01/EF0A party_joining_date: "
            "a card shows it together with political_affiliation only; write both",
        ),
        (
            {"political_affiliation": "01", "wages_update_date": "2023-12-31"},
            "old.toml: DF01/EF0A wages_update_date: write it as party_joining_date beside political_affiliation",
        ),
        (
            {"nationality": "DEU", "contribution_base": 1},
            "old.toml: DF01/EF0A contribution_base: this value is given twice",
        ),
        ({"nationality": "GERMANY"}, "old.toml: DF01/EF0A nationality: 7 bytes in GB 18030, but only 3 fit"),
    ],
)
def test_meanings_that_do_not_go_together_are_one_sentence(values: dict[str, object], sentence: str) -> None:
    with pytest.raises(IssueError) as caught:
        issued(values)
    assert str(caught.value) == sentence


def test_the_meanings_are_part_of_the_image() -> None:
    made = old_card()
    again = read_cells(dict(write_cells(made)))
    assert again.dictionary == made.dictionary
    assert any(each.later for each in again.dictionary[f"{SSSE}/DF04/EF06"])


@pytest.mark.parametrize(
    ("later", "sentence"),
    [
        ('{ name = "b", type = "an", length = 4 }', "a: a later meaning as long as the one before needs 'with_tag'"),
        (
            '{ name = "b", type = "an", length = 4, with_tag = 0x21 }',
            "a: with_tag 21 is not the tag of an element whose end decides its meaning",
        ),
    ],
)
def test_a_meaning_that_nobody_could_tell_is_refused(tmp_path: Path, later: str, sentence: str) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        'extends = "ssc-1.0"\nname = "own"\n[[ef]]\nid = "DF01/EF0C"\nstructure = "linear-variable"\nread = "PIN"\n'
        f'update = "UK1DF01"\nelements = [{{ tag = 0x20, type = "cn", length = 4, name = "a", later = {later} }}]\n'
    )
    with pytest.raises(ProfileError, match=r"^own\.toml: ef\[\d+\]\.elements: ") as caught:
        load_profile(path)
    assert str(caught.value).endswith(sentence)
