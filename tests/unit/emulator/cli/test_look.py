"""`sscard show` and `sscard keys`: a whole card, one directory, JSON, and the only place where key values stand."""

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from cardfs.issuing.origins import Origins
from cardfs.issuing.roots import load_roots
from cardfs.memory.image import Image
from cardfs.profile.loader import DEMO
from emulator.cards import Card
from keys.records import Usage
from tests.kit.card import CardBench, reference_key, roots
from tests.kit.cli import SAME, refused, sscard


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A demo card with a financial environment."""
    path = tmp_path_factory.mktemp("look") / "card.sscard"
    assert sscard("issue", path, *SAME, "--with-financial").exit_code == 0
    return path


def rows(image: Path, *arguments: object) -> list[dict[str, Any]]:
    """What `sscard keys --json` prints."""
    made = json.loads(sscard("keys", image, "--json", *arguments).stdout)
    assert isinstance(made, list)
    return made


# -- show ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["DF04", "df04", "SSSE/DF04", "3F00/DDF1/DF04"])
def test_show_of_one_directory_shows_it_alone(image: Path, name: str) -> None:
    shown = sscard("show", image, name).stdout
    assert "RK1DF04" in shown
    assert "medical_insurance_region_code" in shown
    assert "DF05" not in shown
    assert "holder_name" not in shown


def test_show_of_an_environment_names_the_directories_below_it(image: Path) -> None:
    shown = sscard("show", image, "SSSE").stdout
    assert "holder_name" in shown
    assert "DF04  DF04 adf" in shown
    assert "RK1DF04  " not in shown


def test_show_of_a_directory_that_is_not_there_names_those_that_are(image: Path) -> None:
    said = refused(sscard("show", image, "DF99"))
    assert said.startswith(f"{image}: there is no directory DF99; there are MF, SSSE, DF01, ")


def test_a_name_that_several_directories_have_is_asked_for_in_full(tmp_path: Path) -> None:
    path = tmp_path / "psam.sscard"
    assert sscard("issue", path, "--profile", "psam").exit_code == 0
    said = refused(sscard("show", path, "DF01"))
    assert said.startswith(f"{path}: several directories are named DF01; name one of them in full: ")
    inside = said.rpartition(", ")[2]
    assert sscard("show", path, inside).exit_code == 0


def test_show_as_json_has_the_whole_card_and_no_key_value(image: Path) -> None:
    text = sscard("show", image, "--json").stdout
    table = json.loads(text)
    with closing(Image.open(image, writable=False)) as card:
        assert [df["path"] for df in table["directories"]] == list(card.dfs)
        assert sum(len(df["files"]) for df in table["directories"]) == len(card.efs)
        assert sum(len(df["keys"]) for df in table["directories"]) == len(card.keys)
        for key in card.keys.values():
            if key.usage is not Usage.PIN:
                assert key.value.hex().upper() not in text.upper(), key.name
    ssse = next(df for df in table["directories"] if df["label"] == "SSSE")
    pin = next(key for key in ssse["keys"] if key["name"] == "PIN")
    assert (pin["tries"], pin["tries_max"], pin["state"]) == (3, 3, "active")
    holder = next(ef for ef in ssse["files"] if ef["label"] == "SSSE/EF06")
    assert (holder["read"], holder["update"], holder["sfi"]) == ("free", "UKSSSE", "06")
    # EF06 of the V2.0 notice, 8.1.2: tag 09 is the name, in GB 18030.
    assert holder["records"][1]["hex"].startswith("091E" + "测试甲".encode("gb18030").hex().upper())
    assert holder["records"][1]["elements"] == {"holder_name": "测试甲"}


def test_show_as_json_of_one_directory_has_it_alone(image: Path) -> None:
    table = json.loads(sscard("show", image, "DF04", "--json").stdout)
    assert [df["label"] for df in table["directories"]] == ["DF04"]


# -- keys ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [1, 2, 3])
def test_keys_prints_the_value_that_the_root_makes(image: Path, version: int) -> None:
    """Against an independent diversification."""
    (row,) = [row for row in rows(image, "UKSSSE") if row["version"] == version]
    name = "UKSSSE" if version == 1 else f"UKSSSE.{version}"
    assert row["value"] == reference_key("UKSSSE", "3DES", version).hex().upper()
    assert (row["root"], row["root_value"]) == (name, roots()[name].hex().upper())


def test_keys_of_a_directory_are_a_table(image: Path) -> None:
    shown = sscard("keys", image, "DF04").stdout.splitlines()
    assert shown[0].split() == "key KID version cipher state value root value of the root".split()
    line = next(line.split() for line in shown if line.startswith("DF04/STKDF04"))
    assert line == [
        *("DF04/STKDF04", "82", "1", "DES", "active", reference_key("STKDF04", "DES").hex().upper()),
        *("STKDF04", roots()["STKDF04"].hex().upper()),
    ]


def test_every_key_of_every_shipped_type_has_its_root(tmp_path: Path, image: Path) -> None:
    for profile in ("ssc-1.0", "ssc-2.0-sm4", "ssc-3.0", "psam", "pboc"):
        path = tmp_path / f"{profile}.sscard"
        assert sscard("issue", path, "--profile", profile, "--region", "330100").exit_code == 0
        assert [row["key"] for row in rows(path) if not row["root"] and row["cipher"]] == [], profile
    assert [row["key"] for row in rows(image) if not row["root"] and row["cipher"]] == []


def test_a_pin_is_printed_as_its_digits(image: Path) -> None:
    assert {row["value"] for row in rows(image, "PIN")} == {"123456"}


def test_with_other_roots_no_root_is_named(image: Path, tmp_path: Path) -> None:
    other = tmp_path / "roots.toml"
    other.write_text('[roots]\nUKSSSE = "00112233445566778899AABBCCDDEEFF"\n')
    result = sscard("keys", image, "UKSSSE", "--roots", other)
    assert roots()["UKSSSE"].hex().upper() not in result.stdout
    assert "no root of roots.toml derives the key" in result.stderr


def test_a_killed_key_has_no_value(image: Path, tmp_path: Path) -> None:
    path = tmp_path / "locked.sscard"
    assert sscard("issue", path, *SAME).exit_code == 0
    bench = CardBench(card=Card(Image.open(path)))
    bench.select_df("DF04")
    bench.prove(["LKDF04"])
    assert bench.send(bench.secured("841E0001", key="STKDF04")) == "9000"
    bench.card.close()
    assert {(row["state"], row["value"], row["root"]) for row in rows(path, "DF04")} == {("dead", "", "")}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("NOKEY",), "no key, and no directory with keys, is named 'NOKEY'; its keys: "),
        (("--region", "12"), "--region: a region code has six digits: '12'"),
        (("--roots", "nowhere.toml"), "nowhere.toml: No such file or directory"),
    ],
)
def test_what_keys_cannot_do_is_one_sentence(image: Path, arguments: tuple[str, ...], says: str) -> None:
    assert says in refused(sscard("keys", image, *arguments))


def test_an_origin_shows_no_value(image: Path) -> None:
    with closing(Image.open(image, writable=False)) as card:
        origins = Origins(card, load_roots(DEMO / "roots.toml"))
        key = next(key for key in card.keys.values() if key.name == "UKSSSE" and key.version == 1)
        assert repr(origins.of(key)) == "Origin(UKSSSE)"
