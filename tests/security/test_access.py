"""Access rules: every EF of every shipped profile, against every proof that the card knows.

Expected are the tables of Part 6 and of the V2.0 notice, typed here or read from
``data/data-elements.csv`` and ``data/keys.csv``; nothing is taken from the profiles under test.
"""

import itertools
from collections.abc import Iterator

import pytest

from cardfs.model.files import Structure
from cardfs.profile.loader import shipped_profiles
from tests.kit.access import ALL_FILES, PROFILES, PROVING, Row, check, csv_rows, names, proving_keys, table
from tests.kit.card import MF, PIN_CN, SSSE, CardBench, contents

DIRECTORY = "EF1E"
"""The directory file, SFI 1E (Part 3, 6.3): free to read, written by nobody."""


def dfs_of(profile: str) -> list[str]:
    """The DFs of a profile that hold files."""
    return list(dict.fromkeys(row.df for row in table(profile)))


BY_DF = [(profile, df) for profile in PROFILES for df in dfs_of(profile)]


OTHER_KIDS = {"UKMF": 0x04, "RK1DF01": 0x88, "RK1DF02": 0x88, "DSK": 0x8F}
"""KIDs that the key table leaves out: the older name of UKSSSE, and what the project chose."""

KIDS_1 = {"UK4DF03": 0x8C, "UK5DF03": 0x89, "UK6DF03": 0x8A}
"""A 1.0 reader's key header has another order than the later editions."""


# -- the tests ------------------------------------------------------------------------------------


def test_every_shipped_profile_is_tested_here() -> None:
    assert sorted(name for name in shipped_profiles() if name.startswith("ssc-")) == sorted(PROFILES)


@pytest.mark.parametrize("profile", PROFILES)
def test_a_profile_has_the_files_of_its_table_with_their_kinds_and_no_others(profile: str) -> None:
    card = contents(profile, ALL_FILES)
    found = {
        (card.dfs[ef.parent].label, path.rpartition("/")[2]): str(ef.structure)
        for path, ef in card.efs.items()
        if path.rpartition("/")[2] != DIRECTORY
    }
    assert found == {(row.df, row.ef): row.structure for row in table(profile)}
    directory = card.efs[f"{SSSE}/{DIRECTORY}"]
    assert (directory.read.text, directory.update.text) == ("free", "never")
    assert directory.structure is Structure.LINEAR_VARIABLE


@pytest.mark.parametrize("profile", PROFILES)
def test_keys_have_the_identifiers_of_the_key_table(profile: str) -> None:
    published = {(row["df"], row["name"]): row for row in csv_rows("keys.csv")}
    bench = CardBench(profile, ALL_FILES)
    for df, name in proving_keys(profile):
        row = published.get((df, "UKSSSE" if name == "UKMF" else name))
        assert row is not None, f"{df} {name} is in no key table"
        assert row["usage"] in PROVING
        expected = int(row["kid_hex"], 16) if row["kid_hex"] else OTHER_KIDS.get(name)
        if profile == "ssc-1.0" and name in KIDS_1:
            expected = KIDS_1[name]
        if expected is not None:
            assert bench.kid(name) == expected, name


@pytest.mark.parametrize("profile", PROFILES)
def test_every_key_that_a_rule_of_the_table_names_is_on_the_card(profile: str) -> None:
    owned = {name for _, name in proving_keys(profile)}
    needed = {name for row in table(profile) for rule in (row.read, row.update) for name in names(rule)}
    assert needed - {"PIN"} <= owned


@pytest.mark.parametrize("with_pin", [False, True], ids=["key alone", "key and PIN"])
@pytest.mark.parametrize(("profile", "df"), BY_DF)
@pytest.mark.clause("Part 4, 6.1", "the keys of an application open its own files")
@pytest.mark.clause("Part 4, 7.1", "a key opens the files whose rules name it, and no others")
def test_each_key_of_the_card_opens_in_each_df_what_the_tables_say_and_nothing_else(
    profile: str, df: str, with_pin: bool
) -> None:
    """Each EF with the right key, with each wrong one of all DFs, with PIN alone and with nothing."""
    rows = [row for row in table(profile) if row.df == df]
    for owner, name in [("", ""), *proving_keys(profile)]:
        bench = CardBench(profile, ALL_FILES)
        proofs = frozenset[str]()
        if owner:
            bench.select_df(owner)
            bench.prove([name])
            # Rights of an application end with it, those of the environment last inside it (Part 7, 6.6; digest, 9.2).
            if owner in ("SSSE", df):
                proofs |= {name}
        if owner != df:
            assert bench.word(f"00A4000002{'DDF1' if df == 'SSSE' else df}" if owner else "00A40000023F00") == "9000"
            if not owner:
                bench.select_df(df)
        if with_pin:
            bench.prove(["PIN"])
            proofs |= {"PIN"}
        for row in rows:
            check(bench, row, proofs)


def _combined() -> Iterator[tuple[str, Row]]:
    for profile in PROFILES:
        for row in table(profile):
            if len(names(row.read)) > 1:
                yield profile, row


@pytest.mark.parametrize(
    ("profile", "row"), list(_combined()), ids=lambda each: each if isinstance(each, str) else each.ef
)
def test_rules_with_and_or_hold_for_just_the_combinations_that_they_say(profile: str, row: Row) -> None:
    involved = names(row.read)
    for count in range(len(involved) + 1):
        for chosen in itertools.permutations(involved, count):
            bench = CardBench(profile, ALL_FILES)
            bench.select_df(row.df)
            bench.prove(chosen)
            check(bench, row, frozenset(chosen))


@pytest.mark.parametrize(("profile", "df"), BY_DF)
def test_with_an_empty_pin_rules_hold_as_if_it_were_verified(profile: str, df: str) -> None:
    """Part 7, 5.6: with no PIN the terminal asks for nothing; digest, 9.4."""
    bench = CardBench(profile, ALL_FILES)
    bench.select_df(df)
    assert bench.send(bytes((0x80, 0x5E, 0x01, 0x00, 0x04)) + PIN_CN + b"\xff") == "9000"
    for row in table(profile):
        if row.df == df:
            check(bench, row, frozenset({"PIN"}))


@pytest.mark.parametrize("profile", PROFILES)
def test_without_the_setting_an_empty_pin_opens_nothing(profile: str) -> None:
    bench = CardBench(profile, f"{ALL_FILES}[settings.pin]\nempty_satisfies = false\n")
    for df in dfs_of(profile):
        bench.select_df(df)
        if df == "SSSE":
            assert bench.send(bytes((0x80, 0x5E, 0x01, 0x00, 0x04)) + PIN_CN + b"\xff") == "9000"
        for row in table(profile):
            if row.df == df:
                check(bench, row, frozenset())


@pytest.mark.parametrize("profile", PROFILES)
def test_the_directory_is_free_to_read_and_nobody_writes_it(profile: str) -> None:
    """Part 3, 6.3: record 1 and on, until 6A83."""
    bench = CardBench(profile, ALL_FILES)
    bench.select_ssse()
    applications = [df for df in dfs_of(profile) if df != "SSSE"]
    for number in range(1, len(applications) + 1):
        assert bench.word(bytes((0x00, 0xB2, number, 0x1E << 3 | 0b100, 0x00))) == "9000"
    assert bench.word(bytes((0x00, 0xB2, len(applications) + 1, 0x1E << 3 | 0b100, 0x00))) == "6A83"
    bench.prove(name for df, name in proving_keys(profile) if df == "SSSE")
    before = bench.cells()
    assert bench.send(bytes((0x00, 0xDC, 0x01, 0x1E << 3 | 0b100, 0x03)) + b"\x61\x01\x00") == "6982"
    assert bench.cells() == before


@pytest.mark.parametrize("profile", PROFILES)
def test_the_mf_holds_no_file_that_anybody_reads(profile: str) -> None:
    bench = CardBench(profile, ALL_FILES)
    assert bench.card.session.df == MF
    for short in range(1, 31):
        assert bench.word(bytes((0x00, 0xB2, 0x01, short << 3 | 0b100, 0x00))) == "6A82"


def test_what_nobody_may_do_is_said_so() -> None:
    bench = CardBench()
    bench.select_df("DF04")
    assert bench.word("00DC014404" + "00000000") == "6982"
    assert bench.reason == "nobody may update DF04/EF08"
