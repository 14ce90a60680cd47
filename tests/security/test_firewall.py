"""The application firewall over every pair of DFs, with a second environment beside the first.

Part 4, 5.5: the environments cannot influence each other; 6.1: no access across applications. Part 7,
5.8 and 6.6: a PIN holds until power-off, an authenticated key until another application is selected.
"""

import itertools
from typing import NamedTuple

import pytest

from cardfs.firewall import surviving
from cardfs.model.files import parent
from cardfs.model.settings import StateSettings
from keys.records import KeyRef, KeyState, Usage
from tests.kit.access import Row, check, holds, proving_keys, read, version_2
from tests.kit.card import MF, ORIGINAL, PIN_CN, SSSE, CardBench, reference_key
from tests.kit.places import DATA
from tests.kit.reference import Reference

TWO = str(DATA / "two-environments.toml")
PSE = "3F00/DDF2"
PAY = f"{PSE}/DF01"
APPLICATIONS = [f"{SSSE}/DF0{number}" for number in range(1, 8)]
DFS = [MF, SSSE, *APPLICATIONS, PSE, PAY]
PAIRS = list(itertools.product(DFS, DFS))
RIGHTS = pytest.mark.parametrize("rights", ["within_environment", "strict"])

PIN = KeyRef(SSSE, "PIN")
PSE_PIN = KeyRef(PSE, "PIN")
PAY_PIN = KeyRef(PAY, "PIN")
PINS = frozenset({PIN, PSE_PIN, PAY_PIN})

SECOND = {
    f"{PSE}/EF05": Row(PSE, "EF05", "linear-variable", "PIN | RKSSSE", "UKSSSE"),
    f"{PAY}/EF05": Row(PAY, "EF05", "linear-variable", "PIN", "UK1DF01"),
    f"{PAY}/EF06": Row(PAY, "EF06", "linear-variable", "PIN & RK1DF01", "UKSSSE"),
    f"{PAY}/EF07": Row(PAY, "EF07", "transparent", "RKSSSE", "UK1DF01 & UKSSSE"),
}
"""The files of the second environment, as ``data/two-environments.toml`` has them."""


class Key(NamedTuple):
    """A key as the terminal addresses it."""

    ref: KeyRef
    kid: int


def environment(df: str) -> str:
    """The environment that a DF of this card belongs to."""
    return next((each for each in (SSSE, PSE) if df.startswith(each)), MF)


def two(rights: str = "within_environment", more: str = "") -> CardBench:
    """A card with two environments."""
    return CardBench(TWO, f'[settings.state]\nglobal_rights = "{rights}"\n{more}')


def go(bench: CardBench, df: str) -> list[str]:
    """Select a DF by FIDs, as directly as the card allows; the DFs that were entered on the way."""
    here = bench.card.session.df
    if df in (here, MF) or here in (MF, parent(df)) or parent(here) in (df, parent(df)):
        if parent(df) != MF and here == MF != df:
            return go(bench, parent(df)) + go(bench, df)
        assert bench.word(f"00A4000002{df[-4:]}") == "9000", (here, df)
        assert bench.card.session.df == df
        return [df]
    detour = MF if parent(df) == MF else parent(df)
    return go(bench, detour) + go(bench, df)


def keys_in(bench: CardBench, df: str) -> list[Key]:
    """Every key that EXTERNAL AUTHENTICATION takes while ``df`` is current: its own and its environment's."""
    return [
        Key(ref, key.kid)
        for (ref, version), key in bench.card.image.keys.items()
        if ref.owner in (df, environment(df)) and key.usage.proves and version == 1 and key.kid is not None
    ]


def prove_all(bench: CardBench, df: str) -> frozenset[KeyRef]:
    """Verify all PINs of the card, then in ``df`` authenticate every key that works there."""
    for owner in (SSSE, PSE, PAY):
        go(bench, owner)
        assert bench.verify() == "9000"
    go(bench, df)
    found = keys_in(bench, df)
    for key in found:
        assert bench.authenticate(key.ref.name, key.kid) == "9000", key
    return PINS | {key.ref for key in found}


def expected(proofs: frozenset[KeyRef], route: list[str], here: str, rights: str) -> frozenset[KeyRef]:
    """What the digest (9.1 and 9.2) leaves of the proofs on a way through DFs."""
    for df in route:
        if df == here:
            continue  # Part 5, 6.11.1: the current DF does not change, its security state stays
        lasting = {ref for ref in proofs if ref.name == "PIN"}
        if rights == "within_environment":
            lasting |= {ref for ref in proofs if ref.owner == environment(df)}
        proofs, here = frozenset(lasting), df
    return proofs


def rows_of(df: str) -> list[Row]:
    """The files of a DF by the tables."""
    if environment(df) == PSE:
        return [row for path, row in SECOND.items() if parent(path) == df]
    label = "SSSE" if df == SSSE else df[-4:]
    return [row for row in version_2() if row.df == label] if df != MF else []


def seen_from(df: str, proofs: frozenset[KeyRef]) -> frozenset[str]:
    """What rules of files in ``df`` see of the proofs: those of the nearest owner of each name."""
    return frozenset(
        ref.name
        for ref in proofs
        if ref.owner == df or (ref.owner == environment(df) and KeyRef(df, ref.name) not in PINS)
    )


def check_files(bench: CardBench, df: str, proofs: frozenset[KeyRef]) -> None:
    """Every file of the current DF opens for these proofs as its rule says, and for no others."""
    seen = seen_from(df, proofs)
    for row in rows_of(df):
        if environment(df) == PSE:
            assert read(bench, row) == ("9000" if holds(row.read, seen) else "6982"), (row, seen)
        else:
            check(bench, row, seen)


# -- every pair -----------------------------------------------------------------------------------


@RIGHTS
@pytest.mark.parametrize("source", DFS)
def test_entering_another_df_keeps_pins_and_at_most_the_rights_of_its_own_environment(source: str, rights: str) -> None:
    """From this DF to each other one, with everything proven that can be proven (Part 7, 6.6)."""
    for target in DFS:
        bench = two(rights)
        proofs = prove_all(bench, source)
        assert bench.card.session.proofs == proofs
        route = go(bench, target)
        left = expected(proofs, route, source, rights)
        assert bench.card.session.proofs == left, (source, target)
        check_files(bench, target, left)


@RIGHTS
@pytest.mark.parametrize("df", DFS)
def test_selecting_the_current_df_again_keeps_its_security_state(df: str, rights: str) -> None:
    """Part 5, 6.11.1."""
    bench = two(rights)
    proofs = prove_all(bench, df)
    assert bench.word(f"00A4000002{df[-4:]}") == "9000"
    assert bench.card.session.df == df
    assert bench.card.session.proofs == proofs
    check_files(bench, df, proofs)


@pytest.mark.parametrize("df", DFS)
def test_with_the_narrow_scope_no_pin_survives_a_change_of_df(df: str) -> None:
    """``state.pin_scope = "df-change"``."""
    for target in DFS:
        bench = two(more='pin_scope = "df-change"\n')
        prove_all(bench, df)
        go(bench, target)
        if target != df:
            assert not bench.card.session.proofs & PINS, (df, target)


@pytest.mark.parametrize("df", DFS)
@pytest.mark.clause("Part 4, 6.1", "rights of an application end with leaving it")
def test_leaving_and_coming_back_gives_no_application_right_back(df: str) -> None:
    """Part 7, 6.6: the right ended when another application was selected."""
    for other in DFS:
        if other == df:
            continue
        bench = two()
        proofs = prove_all(bench, df)
        way = go(bench, other) + go(bench, df)
        left = expected(proofs, way, df, "within_environment")
        assert bench.card.session.proofs == left
        assert not any(ref.owner == df != environment(df) for ref in left - PINS)
        check_files(bench, df, left)


@pytest.mark.clause("Part 4, 5.5", "what survives a change of DF, for every pair and every proof")
@pytest.mark.clause("Part 4, 6.1", "what survives a change of DF, for every pair and every proof")
def test_the_function_itself_over_every_pair_and_every_single_proof() -> None:
    bench = two()
    every = {ref for ref, _ in bench.card.image.keys}
    for (_, target), proof in itertools.product(PAIRS, every):
        kept = surviving(frozenset({proof}), environment(target), PINS, StateSettings())
        assert bool(kept) is (proof in PINS or proof.owner == environment(target))
        kept = surviving(frozenset({proof}), environment(target), PINS, StateSettings(global_rights="strict"))
        assert bool(kept) is (proof in PINS)


def test_a_failed_select_changes_no_proof_and_no_selection() -> None:
    bench = two()
    proofs = prove_all(bench, APPLICATIONS[3])
    for apdu in ("00A4000002DFFF", "00A404000DD1560000051111111111111111", "00A4040005A000000334", "00A4000003DF0100"):
        assert bench.word(apdu) in ("6A82", "6700")
        assert bench.card.session.proofs == proofs
        assert bench.card.session.df == APPLICATIONS[3]


@pytest.mark.parametrize("way", ["power_off", "power_on", "reset"])
@pytest.mark.parametrize("df", DFS)
def test_nothing_survives_a_reset(df: str, way: str) -> None:
    """Part 7, 5.8 and 6.6: until power-off."""
    bench = two()
    prove_all(bench, df)
    bench.challenge()
    getattr(bench.card, way)()
    assert bench.card.session.proofs == frozenset()
    assert bench.card.session.challenge is None
    assert bench.card.session.df == MF
    if df != MF:
        go(bench, df)
        check_files(bench, df, frozenset())


# -- keys of one name or number -------------------------------------------------------------------


@pytest.mark.parametrize("owner", APPLICATIONS)
@pytest.mark.clause("Part 4, 6.1", "one identifier in two applications is two keys")
def test_one_kid_in_two_applications_is_two_rights_and_two_keys(owner: str) -> None:
    """A KID is unique only inside its DF (digest, 10)."""
    for other in APPLICATIONS:
        bench = two()
        go(bench, owner)
        mine = {key.kid: key for key in keys_in(bench, owner) if key.ref.owner == owner}
        go(bench, other)
        theirs = {key.kid: key for key in keys_in(bench, other) if key.ref.owner == other}
        for kid in mine.keys() & theirs.keys():
            if owner == other:
                continue
            go(bench, owner)
            assert bench.authenticate(mine[kid].ref.name, kid) == "9000"
            go(bench, other)
            assert theirs[kid].ref not in bench.card.session.proofs
            assert mine[kid].ref not in bench.card.session.proofs
            # The value of the one is wrong for the other.
            before = bench.card.image.tries.get((theirs[kid].ref, 1))
            word = bench.authenticate(mine[kid].ref.name, kid)
            assert word.startswith("63C"), (owner, other, hex(kid))
            after = bench.card.image.tries.get((theirs[kid].ref, 1))
            assert (before is None and after is None) or (before == 3 and after == 2)
            bench.authenticate(theirs[kid].ref.name, kid)
        check_files(bench, other, bench.card.session.proofs)


def test_two_keys_of_one_name_one_kid_and_one_value_are_two_rights() -> None:
    """UKSSSE and RKSSSE of the second environment derive from the same roots as those of the first."""
    bench = two()
    values = bench.card.image.keys
    assert values[KeyRef(SSSE, "UKSSSE"), 1].value == values[KeyRef(PSE, "UKSSSE"), 1].value
    go(bench, PSE)
    bench.prove(["UKSSSE", "RKSSSE", "PIN"])
    go(bench, SSSE)
    check_files(bench, SSSE, frozenset())
    bench.prove(["UKSSSE", "RKSSSE", "PIN"])
    go(bench, PSE)
    assert bench.card.session.proofs == {PIN, PSE_PIN}
    bench.card.power_on()
    go(bench, SSSE)
    bench.prove(["UKSSSE", "RKSSSE", "PIN"])
    go(bench, PAY)
    check_files(bench, PAY, frozenset())


@pytest.mark.clause("Part 4, 5.5", "counters of one environment are not those of the other")
def test_a_counter_of_one_environment_is_not_that_of_the_other() -> None:
    bench = two()
    go(bench, PSE)
    for _ in range(3):
        bench.verify(bytes.fromhex("000000"))
        bench.authenticate("UKSSSE", wrong=True)
    assert bench.verify() == "6983"
    assert bench.authenticate("UKSSSE") == "6983"
    go(bench, PAY)
    assert bench.verify() == "9000"
    go(bench, SSSE)
    assert bench.verify() == "9000"
    assert bench.authenticate("UKSSSE") == "9000"


@pytest.mark.parametrize("df", [SSSE, *APPLICATIONS])
@pytest.mark.clause("Part 4, 5.5", "nothing proven in one environment opens anything in the other")
def test_nothing_proven_in_one_environment_opens_anything_in_the_other(df: str) -> None:
    """Part 4, 5.5, in both directions; only the other environment's PINs are verified here."""
    bench = two()
    prove_all(bench, df)
    for target in (PSE, PAY):
        go(bench, target)
        # All that is left there are its own PINs, verified there.
        assert bench.card.session.proofs == PINS
    bench = two()
    go(bench, PAY)
    for key in keys_in(bench, PAY):
        assert bench.authenticate(key.ref.name, key.kid) == "9000"
    assert bench.verify() == "9000"
    go(bench, df)
    assert bench.card.session.proofs == {PAY_PIN}
    check_files(bench, df, frozenset())


def test_a_pin_of_an_application_is_the_one_that_its_rules_mean() -> None:
    """A name in a rule is found at or above the file; VERIFY finds the same one."""
    bench = two()
    go(bench, PSE)
    assert bench.verify() == "9000"
    go(bench, PAY)
    assert read(bench, SECOND[f"{PAY}/EF05"]) == "6982"
    assert bench.verify() == "9000"
    assert read(bench, SECOND[f"{PAY}/EF05"]) == "9000"
    assert bench.card.session.proofs == {PSE_PIN, PAY_PIN}
    assert bench.send(bytes((0x80, 0x5E, 0x01, 0x00, 0x06)) + PIN_CN + b"\xff\x12\x34") == "9000"
    assert bench.card.image.keys[PAY_PIN, 1].value == bytes.fromhex("1234")
    assert bench.card.image.keys[PSE_PIN, 1].value == PIN_CN
    assert bench.card.image.keys[PIN, 1].value == PIN_CN


@RIGHTS
@pytest.mark.parametrize("source", DFS)
@pytest.mark.clause("Part 4, 5.5", "what survives does not depend on how one gets there")
def test_a_df_reached_in_one_step_from_anywhere_has_the_rights_of_the_one_reached_step_by_step(
    source: str, rights: str
) -> None:
    """Part 3, 5.2.1 and 5.2.2: every DF by its name and by its FID; Part 4, 5.5 and 6.1: and no right with it."""
    bench = two(rights)
    names = {path: df.name for path, df in bench.card.image.dfs.items()}
    once = [fid for fid in (df[-4:] for df in DFS) if sum(other.endswith(fid) for other in DFS) == 1]
    for target in DFS:
        ways = [f"00A4000002{target[-4:]}"] * (target[-4:] in once)
        ways += [f"00A40400{len(names[target]):02X}{names[target].hex()}"] * bool(names[target])
        for way in ways:
            proofs = prove_all(bench, source)
            assert bench.word(way) == "9000", (source, target, way)
            assert bench.card.session.df == target
            left = expected(proofs, [target], source, rights)
            assert bench.card.session.proofs == left, (source, target, way)
            check_files(bench, target, left)
            bench.card.power_on()


@pytest.mark.clause("Part 4, 5.5", "applications behind the firewall are not seen")
def test_names_of_applications_behind_the_firewall_are_not_seen_where_the_profile_says_so() -> None:
    """``select.names = "environment"``; an environment's own name works from everywhere (Part 5, 6.11.3)."""
    bench = two(more='[settings.select]\nnames = "environment"\n')
    for here, aid in ((SSSE, "A00000033301"), (APPLICATIONS[0], "A00000033301"), (PAY, "D15600000500")):
        go(bench, here)
        assert bench.word(f"00A40400{len(aid) // 2:02X}{aid}") == "6A82"
        assert bench.card.session.df == here


# -- locking one application ----------------------------------------------------------------------

LOCKABLE = [(f"{SSSE}/DF03", "LKDF03", "STKDF03"), (f"{SSSE}/DF04", "LKDF04", "STKDF04")]
LOCKABLE += [(f"{SSSE}/DF06", "LKDF06", "STKDF06"), (PAY, "LKDF03", "STKDF01")]


def _lock(bench: CardBench, df: str, lock: str, maintenance: str) -> None:
    go(bench, df)
    kid = next(key.kid for key in keys_in(bench, df) if key.ref == KeyRef(df, lock))
    assert bench.authenticate(lock, kid) == "9000"
    assert bench.send(bench.secured("841E0001", key=maintenance)) == "9000"


@pytest.mark.parametrize(("df", "lock", "maintenance"), LOCKABLE)
@pytest.mark.clause("Part 4, 6.1", "locking an application changes its own cells only")
def test_locking_an_application_changes_its_own_cells_only(df: str, lock: str, maintenance: str) -> None:
    """Part 5, 6.1: its directory is marked and all its keys are dead (Part 4, 7.5); nothing else moves."""
    bench = two()
    go(bench, SSSE)
    bench.verify(bytes.fromhex("000000"))
    bench.authenticate("UKSSSE", wrong=True)
    go(bench, APPLICATIONS[0])
    bench.authenticate("UK1DF01", wrong=True)
    before = bench.cells()
    _lock(bench, df, lock, maintenance)
    after = bench.cells()
    changed = {key for key in after if after[key] != before.get(key)}
    keys = {key for key in before if key[0] == "key" and key[1].startswith(f"{df}#")}
    assert changed == keys | {("df", df)}
    assert set(after) == set(before)
    for key in keys:
        assert after[key].data == b""
        assert '"dead"' in after[key].meta
    dead = {ref.owner for (ref, _), key in bench.card.image.keys.items() if key.state is not KeyState.ACTIVE}
    assert dead == {df}


@pytest.mark.parametrize(("df", "lock", "maintenance"), LOCKABLE)
def test_a_locked_application_leaves_the_proofs_and_keys_of_all_others(df: str, lock: str, maintenance: str) -> None:
    bench = two()
    prove_all(bench, df)
    proofs = bench.card.session.proofs
    _lock(bench, df, lock, maintenance)
    left = expected(proofs, go(bench, environment(df)), df, "within_environment")
    assert bench.card.session.proofs == left
    check_files(bench, environment(df), left)
    for other in DFS:
        if other == df:
            continue
        go(bench, other)
        check_files(bench, other, bench.card.session.proofs)
        for key in keys_in(bench, other):
            assert bench.authenticate(key.ref.name, key.kid) == "9000", key
        check_files(bench, other, bench.card.session.proofs)


@pytest.mark.parametrize(("df", "lock", "maintenance"), LOCKABLE)
def test_in_a_locked_application_every_command_is_refused_and_a_selection_reaches_nothing_else(
    df: str, lock: str, maintenance: str
) -> None:
    """Part 7, 13.2: 9303 for all but SELECT of another application."""
    bench = two()
    prove_all(bench, df)
    own = [key for key in keys_in(bench, df) if key.ref.owner == df]
    _lock(bench, df, lock, maintenance)
    before = bench.cells()
    commands = ["00B2012C00", "00B0850004", "00DC012C03020111", "0084000008", "0020000000", "00200000037391 54"]
    commands += ["0088000010" + "11" * 16, "841E000004AABBCCDD", "8416000004AABBCCDD", "8424000004AABBCCDD"]
    commands += [f"008200{key.kid:02X}10" + "22" * 16 for key in own]
    commands += ["805E010004739154FF", "00A4020002EF05", "00A4000002EF05", f"00A4000002{df[-4:]}", "00C0000004"]
    for apdu in commands:
        assert bench.send(apdu) == "9303", apdu
    assert bench.cells() == before
    assert bench.card.session.df == df
    name = bench.card.image.dfs[df].name
    for again in (f"00A4000002{df[-4:]}", (bytes((0x00, 0xA4, 0x04, 0x00, len(name))) + name).hex()):
        bench.card.power_on()
        go(bench, environment(df))
        assert bench.send(again) == "9303"
        for apdu in commands:
            assert bench.send(apdu) == "9303", apdu
        assert bench.card.session.df == df
    go(bench, environment(df))
    assert bench.cells() == before


def test_where_files_of_a_locked_application_stay_readable_a_dead_pin_opens_nothing() -> None:
    """``block.ef_readable``: a PIN that died with its application is not an empty one (Part 7, 5.6)."""
    bench = two(more="[settings.block]\nef_readable = true\n")
    go(bench, PAY)
    _lock(bench, PAY, "LKDF03", "STKDF01")
    assert read(bench, SECOND[f"{PAY}/EF05"]) == "6982"
    assert read(bench, SECOND[f"{PAY}/EF06"]) == "6982"


def test_locking_one_application_needs_its_own_lock_key() -> None:
    """One key of the same name and KID elsewhere is no right here."""
    bench = two()
    go(bench, f"{SSSE}/DF03")
    assert bench.authenticate("LKDF03", 0x83) == "9000"
    go(bench, f"{SSSE}/DF04")
    before = bench.cells()
    assert bench.send(bench.secured("841E0001", key="STKDF04")) == "6982"
    go(bench, PAY)
    assert bench.send(bench.secured("841E0001", key="STKDF01")) == "6982"
    assert bench.cells() == before


def test_the_card_key_of_the_second_environment_speaks_for_the_whole_card_but_needs_its_own_right() -> None:
    """CARD BLOCK takes BK and STK of the current environment (digest, 8.2)."""
    bench = two()
    go(bench, SSSE)
    assert bench.authenticate("BK", 0x05) == "9000"
    go(bench, PSE)
    assert bench.send(bench.secured("84160000")) == "6982"
    assert not bench.card.image.info.blocked


@pytest.mark.clause("Part 4, 6.1", "a key of another application computes nothing here")
def test_a_key_of_another_application_computes_nothing_here() -> None:
    """EXTERNAL AUTHENTICATION looks a local KID up in the current DF only (Part 5, table 14)."""
    bench = two()
    for df, name in proving_keys("ssc-2.0"):
        if df == "SSSE":
            continue
        kid = next(key.kid for (ref, _), key in bench.card.image.keys.items() if ref == KeyRef(f"{SSSE}/{df}", name))
        assert kid is not None
        for here in (MF, SSSE, PSE):
            go(bench, here)
            suite = "3DES"
            data = Reference(suite).auth(reference_key(name, suite), bench.challenge(), ORIGINAL) + ORIGINAL
            assert bench.send(bytes((0x00, 0x82, 0x00, kid, 0x10)) + data) == "6A88"


def test_usages_that_prove_are_those_that_the_firewall_knows() -> None:
    """Whatever EXTERNAL AUTHENTICATION may prove is a key of a DF; the PIN alone is none."""
    assert {usage for usage in Usage if usage.proves} == {
        Usage.EXTERNAL_AUTH,
        Usage.PIN_UNBLOCK,
        Usage.CARD_BLOCK,
        Usage.APP_BLOCK,
        Usage.START_DAY,
    }
