"""After the handover: whose environment it is, and that nobody else can do anything to it.

Part 4, 5.2 to 5.5: the card master key loses an environment with its first master key, the environment
master key has no power outside it, and two environments do not touch each other.
"""

from collections.abc import Callable
from typing import Any, Final

import pytest

from keys.records import KeyRef
from tests.kit.card import MF, PSE, SSSE
from tests.kit.issuer import (
    ADF,
    BODY,
    INSTALL,
    NAMES,
    PSE_ADF,
    RETIRE,
    SECOND_ADF,
    UPDATE,
    IssuerBench,
    Secret,
    master,
    secret,
    stage,
)

SUITES: Final = ("3DES", "SM4")
NEW: Final = secret("a key of somebody else")


def _all_commands(bench: IssuerBench) -> dict[str, Callable[[], str]]:
    """Everything that changes files, keys or phases below the current DF, but for key loads."""
    return {
        "create an environment": lambda: bench.create_df(0xDDF9, 0x01, b"NINTH"),
        "create an application": lambda: bench.create_df(0xDF09, 0x02, b"NINTH"),
        "create an EF": lambda: bench.create_ef(0xEF19),
        "delete an application": lambda: bench.delete(0xDF01),
        "delete an EF": lambda: bench.delete(0xEF05),
        "delete everything": bench.delete_all,
        "end": bench.end,
        "write what only the master key writes": lambda: bench.word("00D6850004AABBCCDD"),
        "write what an update key writes": lambda: bench.word("00D6860004AABBCCDD"),
        "append a record": lambda: bench.word("00DC0044040102AABB"),
        "read": lambda: bench.word("00B0850010"),
        "read with the PIN": lambda: bench.word("00B0860010"),
    }


LOADS: Final = {
    "a new key": (Secret(0x0D, NEW, kid=0x1B), INSTALL),
    "a new application key": (Secret(0x0D, NEW, kid=0x9B), INSTALL),
    "a key that is there": (Secret(0x0D, NEW, kid=0x04), UPDATE),
    "retiring": (Secret(0x0D, NEW, kid=0x04), RETIRE),
    "the master key": (master(NEW), UPDATE),
    "a second master key": (master(NEW, version=2), INSTALL),
    "a transport key": (Secret(0x0F, NEW), UPDATE),
}


def _parts(bench: IssuerBench, root: str) -> dict[Any, Any]:
    """The cells of one environment."""
    return {at: cell for at, cell in bench.cells().items() if at[1].startswith(root)}


# -- the card master key ------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 5.2", "the card master key creates the environment and loads its master key")
@pytest.mark.parametrize("suite", SUITES)
def test_the_card_master_key_creates_and_hands_over(suite: str) -> None:
    bench = stage("mastered", suite)
    assert bench.prove() == "9000"
    assert bench.create_df(0xDDF1, 0x01, NAMES[SSSE]) == "9000"
    bench.select(SSSE)
    # Until the master key is there the card master key is in control, of loading just that.
    assert bench.prove(bench.cmk) == "9000"
    assert bench.create_ef(0xEF05) == "6985"
    assert bench.load(Secret(0x0D, NEW, suite, 0x04), under=bench.cmk) == "6985"
    assert bench.load(master(bench.masters[SSSE], suite), under=bench.cmk) == "9000"
    # With the load the right of the card master key is gone at once.
    assert not bench.card.session.proofs
    assert bench.prove(bench.cmk) == "63C2"
    assert bench.prove(bench.masters[SSSE]) == "9000"


@pytest.mark.clause("Part 4, 5.2", "after the handover the card master key can do nothing to the environment")
@pytest.mark.parametrize("df", [SSSE, ADF])
@pytest.mark.parametrize("name", ["personalising", "in use"])
@pytest.mark.parametrize("how", ["proven at the MF", "tried in the environment", "nothing"])
def test_after_the_handover_the_card_master_key_creates_deletes_writes_reads_and_ends_nothing(
    name: str, df: str, how: str
) -> None:
    for what in _all_commands(stage(name)):
        bench = stage(name)
        if how == "proven at the MF" and name == "personalising":
            assert bench.prove(bench.cmk) == "9000"
        bench.select(df)
        if how == "tried in the environment":
            assert bench.prove(bench.cmk)[:2] in ("63", "6A"), bench.reason
        before = bench.cells()
        expected = {"6985"} if name == "in use" else {"6982"}
        if "environment" in what or (df == ADF and what in ("create an application", "delete everything", "end")):
            expected = {"6985", "6982"}
        elif what.startswith(("write", "append", "read")):
            expected = {"6982"}
        assert _all_commands(bench)[what]() in expected, (what, bench.reason)
        assert bench.cells() == before, what


@pytest.mark.clause("Part 4, 5.2", "after the handover the card master key loads no key into the environment")
@pytest.mark.parametrize("df", [SSSE, ADF])
@pytest.mark.parametrize("name", ["personalising", "in use"])
@pytest.mark.parametrize("what", LOADS)
def test_a_load_under_the_card_master_key_is_6988_after_the_handover(what: str, name: str, df: str) -> None:
    bench = stage(name, at=df)
    load, p1 = LOADS[what]
    before = bench.cells()
    word = bench.load(load, p1, under=bench.cmk)
    # Of what the phase does not take at all the MAC is not even looked at.
    assert word in ("6988", "6985") if name == "in use" and p1 == INSTALL else word == "6988", bench.reason
    changed = {at for at in before if before[at] != bench.cells().get(at)}
    assert changed == ({("tries", f"{SSSE}#EMK.1")} if word == "6988" else set())
    assert bench.cells().keys() == before.keys()
    # The same load under the environment master key is the one that counts.
    if what in ("a new key", "a key that is there", "the master key") and name == "personalising" and df == SSSE:
        assert bench.load(load, p1) == "9000"


@pytest.mark.clause("Part 4, 5.2", "tries of the environment master key are not those of the card master key")
def test_wrong_loads_in_an_environment_cost_the_card_master_key_nothing() -> None:
    bench = stage("handed over", at=SSSE)
    for left in (2, 1, 0):
        assert bench.load(master(NEW), UPDATE, under=bench.cmk) == "6988"
        assert bench.tries_left(SSSE) == left
    assert bench.load(master(NEW), UPDATE) == "6983"
    assert bench.tries_left(MF) == 3
    bench.select(MF)
    assert bench.prove() == "9000"


# -- the environment master key ----------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 5.3", "the environment master key has no power at the MF")
@pytest.mark.parametrize("name", ["personalising", "in use"])
def test_the_environment_master_key_can_do_nothing_at_the_mf(name: str) -> None:
    for what in _all_commands(stage(name)):
        bench = stage(name, at=SSSE)
        if name == "personalising":
            assert bench.prove() == "9000"
        bench.select(MF)
        assert not bench.card.session.proofs
        before = bench.cells()
        word = _all_commands(bench)[what]()
        nothing_there = what.startswith(("write", "append", "read"))
        assert word in ({"6A82"} if nothing_there else {"6982", "6985"}), what
        assert bench.cells() == before
    bench = stage(name)
    for what, (load, p1) in LOADS.items():
        before = bench.cells()
        assert bench.load(load, p1, under=bench.masters[SSSE]) in ("6988", "6985", "6983"), what
        changed = {at for at in before if before[at] != bench.cells().get(at)}
        assert changed <= {("tries", f"{MF}#CMK.1")}, what
    assert bench.prove(bench.masters[SSSE])[:2] in ("63", "69", "6A")


@pytest.mark.clause("Part 4, 5.3", "the environment master key creates nothing in another environment")
@pytest.mark.clause("Part 4, 5.4", "the financial environment has a master key of its own")
@pytest.mark.parametrize("name", ["two environments", "both in use"])
@pytest.mark.parametrize(("owner", "other"), [(SSSE, PSE), (PSE, SSSE)])
def test_the_master_key_of_one_environment_can_do_nothing_in_the_other(owner: str, other: str, name: str) -> None:
    for df in (other, PSE_ADF if other == PSE else ADF):
        for what in _all_commands(stage(name)):
            bench = stage(name, at=owner)
            if name == "two environments":
                assert bench.prove() == "9000"
            # Straight from one environment to the other, by name.
            assert bench.word(b"\x00\xa4\x04\x00" + bytes((len(NAMES[other]),)) + NAMES[other]) == "9000"
            if df != other:
                assert bench.word(f"00A4000002{df[-4:]}") == "9000"
            before = bench.cells()
            assert _all_commands(bench)[what]() in ("6982", "6985"), (df, what)
            assert bench.cells() == before
        bench = stage(name, at=df)
        mine = bench.masters[owner]
        for load, p1 in LOADS.values():
            before = _parts(bench, owner)
            assert bench.load(load, p1, under=mine) in ("6988", "6985", "6983")
            assert _parts(bench, owner) == before
        assert bench.prove(mine)[:2] in ("63", "69", "6A")
        assert bench.card.session.proofs == frozenset()


@pytest.mark.clause("Part 4, 5.4", "the financial environment is controlled by its own master key alone")
@pytest.mark.parametrize("suite", SUITES)
def test_the_financial_environment_updates_its_master_key_and_creates_its_files(suite: str) -> None:
    bench = stage("two environments", suite, at=PSE)
    ssse = _parts(bench, SSSE)
    new = secret("the final FMK", suite)
    assert bench.load(master(new, suite), UPDATE) == "9000"
    assert bench.prove(bench.masters[PSE]) == "63C2"
    assert bench.prove(new) == "9000"
    assert bench.create_ef(0xEF19) == "9000"
    assert bench.create_df(0xDF02, 0x02, bytes.fromhex("A00000033302")) == "9000"
    assert bench.delete(0xDF02) == "9000"
    assert bench.end() == "9000"
    assert _parts(bench, SSSE) == ssse
    # The other one is still being made.
    bench.select(SSSE)
    assert bench.prove() == "9000"
    assert bench.create_ef(0xEF19) == "9000"


# -- side by side --------------------------------------------------------------------------------------------


def _block(bench: IssuerBench, df: str) -> None:
    """APPLICATION BLOCK of a DF under its own lock and maintenance key."""
    bench.select(df)
    kid = 0x07 if df in NAMES else 0x81
    assert bench.prove(bench.value(df, "LK"), kid) == "9000"
    assert bench.word(bench.secured("841E0001")) == "9000"


def _use(bench: IssuerBench, environment: str, application: str) -> None:
    """Read with a key and with the PIN, write with a key, in an environment and an application of it."""
    bench.select(environment)
    assert bench.verify() == "9000"
    assert bench.prove(bench.value(environment, "UK", 2), 0x04, version=2) == "9000"
    assert bench.ask("00B0860010").endswith("9000")
    assert bench.word("00D6860004AABBCCDD") == "9000"
    assert bench.prove(bench.value(environment, "RK"), 0x0A) == "9000"
    assert bench.ask("00B0850010") == BODY.hex().upper() + "9000"
    bench.select(application)
    assert bench.prove(bench.value(application, "RK"), 0x88) == "9000"
    assert bench.ask("00B0850010") == BODY.hex().upper() + "9000"


@pytest.mark.clause("Part 4, 5.5", "locking one environment leaves the other whole")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", ["two environments", "both in use"])
@pytest.mark.parametrize(
    ("locked", "other", "application"), [(SSSE, PSE, PSE_ADF), (PSE, SSSE, ADF)], ids=["SSSE", "PSE"]
)
def test_locking_an_environment_touches_nothing_of_the_other(
    locked: str, other: str, application: str, name: str, suite: str
) -> None:
    bench = stage(name, suite)
    # A counter of the other one that is not at its maximum stays so.
    bench.select(other)
    assert bench.prove(bytes(16), 0x04) == "63C2"
    assert bench.verify(b"\x11\x11") == "63C2"
    before, top = _parts(bench, other), {at: cell for at, cell in bench.cells().items() if at[1] == MF}
    _block(bench, locked)
    assert _parts(bench, other) == before
    assert {at: cell for at, cell in bench.cells().items() if at[1] == MF} == top
    dead = {ref.owner for (ref, _), key in bench.card.image.keys.items() if str(key.state) == "dead"}
    assert dead == {df for df in bench.card.image.dfs if df.startswith(locked)}
    for again in (bench, IssuerBench.of(bench)):
        again.select(MF)
        assert again.word(f"00A4000002{locked[-4:]}") == "9303"
        assert again.word(b"\x00\xa4\x04\x00" + bytes((len(NAMES[locked]),)) + NAMES[locked]) == "9303"
        again.select(other)
        assert (again.tries_left(other, 0x04), again.tries_left(other, usage="pin")) == (2, 2)
        assert again.prove(bench.value(other, "UK"), 0x04) == "9000"
        _use(again, other, application)
        assert again.prove(bytes(16), 0x04) == "63C2"
        assert again.verify(b"\x11\x11") == "63C2"
    if name == "two environments":
        bench.select(other)
        assert bench.prove() == "9000"
        assert bench.create_ef(0xEF19) == "9000"


@pytest.mark.clause("Part 4, 6.1", "locking one application leaves its neighbours and the environments whole")
@pytest.mark.clause("Part 4, 7.5", "with an application its own keys are dead, and no others")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", ["two environments", "both in use"])
def test_locking_an_application_touches_nothing_else(name: str, suite: str) -> None:
    bench = stage(name, suite, at=SECOND_ADF)
    assert bench.prove(bytes(16), 0x83) == "63C2"
    before = {at: cell for at, cell in bench.cells().items() if not at[1].startswith(ADF)}
    _block(bench, ADF)
    assert {at: cell for at, cell in bench.cells().items() if not at[1].startswith(ADF)} == before
    dead = {ref.owner for (ref, _), key in bench.card.image.keys.items() if str(key.state) == "dead"}
    assert dead == {ADF}
    for again in (bench, IssuerBench.of(bench)):
        again.select(SSSE)
        assert again.word("00A4000002DF01") == "9303"
        again.select(SECOND_ADF)
        assert again.tries_left(SECOND_ADF, 0x83) == 2
        _use(again, SSSE, SECOND_ADF)
        _use(again, PSE, PSE_ADF)


@pytest.mark.clause("Part 4, 5.5", "proofs of the other environment are not touched by a lock")
def test_a_proof_survives_the_lock_of_a_neighbour_as_the_profile_says() -> None:
    """The PIN lasts until power-off; what an environment's key proved lasts inside that environment."""
    bench = stage("both in use", at=PSE)
    assert bench.verify() == "9000"
    pin = next(iter(bench.card.session.proofs))
    _block(bench, SSSE)
    bench.select(PSE)
    assert bench.card.session.proofs == {pin} == {KeyRef(PSE, "PIN")}
    assert bench.ask("00B0860010").endswith("9000")


@pytest.mark.clause("Part 4, 5.5", "a lock takes the keys of its own environment")
def test_an_environment_is_not_locked_with_the_keys_of_the_other() -> None:
    bench = stage("both in use", at=PSE)
    assert bench.prove(bench.value(SSSE, "LK"), 0x07).startswith("63C")
    assert bench.prove(bench.value(PSE, "LK"), 0x07) == "9000"
    before = bench.cells()
    command = bench.secured("841E0001")
    assert bench.send(command[:-1] + bytes((command[-1] ^ 1,))) == "6988"
    assert bench.cells() == before
    # Its own right does not lock the neighbour.
    bench.select(SSSE)
    assert bench.word(bench.secured("841E0001")) == "6982"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 5.2", "the card master key updates itself, at every time of its control")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("name", ["mastered", "created", "two environments", "in use"])
def test_the_card_master_key_updates_itself_and_the_environments_do_not_notice(name: str, suite: str) -> None:
    bench = stage(name, suite)
    before = {at: cell for at, cell in bench.cells().items() if at[1].startswith(f"{MF}/")}
    old, bench.cmk = bench.cmk, secret("the next CMK", suite)
    assert bench.load(master(bench.cmk, suite), UPDATE, under=old) == "9000"
    assert bench.load(master(old, suite), UPDATE, under=old) == "6988"
    assert bench.load(master(bench.cmk, suite), UPDATE) == "9000"
    assert {at: cell for at, cell in bench.cells().items() if at[1].startswith(f"{MF}/")} == before
