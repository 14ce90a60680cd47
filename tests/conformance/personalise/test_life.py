"""The life of a card over APDUs: every edge once, every other operation in every phase refused.

What is allowed where, and whose authority it takes, is typed here from Part 4, 5.2 to 5.4 and Part 10, 5.
"""

from typing import Final

import pytest

from cardfs.life import LIFE, Operation
from cardfs.model.files import DfKind, Phase
from tests.kit.card import MF, PSE_NAME, SSSE
from tests.kit.issuer import (
    ADF,
    AIDS,
    BODY,
    INSTALL,
    INTERNAL,
    MANUFACTURER_KEY,
    NEVER,
    NEW_HISTORICAL,
    RETIRE,
    SECOND_ADF,
    TRANSPARENT,
    UPDATE,
    IssuerBench,
    Secret,
    master,
    pin,
    retagged,
    rule,
    secret,
    stage,
)

SUITES: Final = ("3DES", "SM4")

# -- the standard's table --------------------------------------------------------------------------

# Places: kind of the current DF and phase; a stage of the bench that is there, and the DF to select.
PLACES: Final[dict[tuple[str, str], tuple[str, str]]] = {
    ("mf", "blank"): ("blank", MF),
    ("mf", "activated"): ("activated", MF),
    ("mf", "mastered"): ("mastered", MF),
    ("mf", "operational"): ("in use", MF),
    ("ddf", "created"): ("created", SSSE),
    ("ddf", "personalising"): ("personalising", SSSE),
    ("ddf", "operational"): ("in use", SSSE),
    ("adf", "personalising"): ("personalising", ADF),
    ("adf", "operational"): ("in use", ADF),
}
NOBODY, TRANSPORT, CARD, ENVIRONMENT = "nobody", "transport", "card master", "environment master"

# Operation, place, whose authority, phase that follows.
EXPECTED: Final[dict[tuple[str, str, str], tuple[str, str]]] = {
    # Part 10, 5.1: COS activation; the transport key is set in it and needs none before.
    ("set the historical bytes", "mf", "blank"): (NOBODY, "blank"),  # 5.1.2
    ("set the transport key", "mf", "blank"): (NOBODY, "blank"),  # 5.1.1
    ("update the transport key", "mf", "blank"): (TRANSPORT, "blank"),
    ("end this phase", "mf", "blank"): (NOBODY, "activated"),
    # Part 10, 5.2.1: the transport key gives the right to build, until 5.1.1: the card master key replaces it.
    ("update the transport key", "mf", "activated"): (TRANSPORT, "activated"),
    ("give the MF its attributes", "mf", "activated"): (TRANSPORT, "activated"),
    ("load the first master key", "mf", "activated"): (TRANSPORT, "mastered"),
    # Part 4, 5.2: its own update, creation of an environment, loading of that one's master key.
    ("update the master key", "mf", "mastered"): (CARD, "mastered"),
    ("create an environment", "mf", "mastered"): (CARD, "mastered"),
    ("load the first master key", "ddf", "created"): (CARD, "personalising"),
    ("update the master key", "mf", "operational"): (CARD, "operational"),
    # Part 10, 5.1.1 and 5.2.3: what failed is deleted and made again; 5.2.6: until the last step.
    ("delete a file", "mf", "mastered"): (CARD, "mastered"),
    ("delete the structure", "mf", "mastered"): (CARD, "activated"),
    ("end this phase", "mf", "mastered"): (CARD, "operational"),
    # Part 4, 5.3: its own update, creation of what is in its environment; 7.3 and Part 10, 5.2.5: keys.
    ("update the master key", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("create an application", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("create an EF", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("create an EF", "adf", "personalising"): (ENVIRONMENT, "personalising"),
    ("load a key", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("load a key", "adf", "personalising"): (ENVIRONMENT, "personalising"),
    ("update a key", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("update a key", "adf", "personalising"): (ENVIRONMENT, "personalising"),
    ("retire a key", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("retire a key", "adf", "personalising"): (ENVIRONMENT, "personalising"),
    ("write any file", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("write any file", "adf", "personalising"): (ENVIRONMENT, "personalising"),
    ("delete a file", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("delete a file", "adf", "personalising"): (ENVIRONMENT, "personalising"),
    ("delete the structure", "ddf", "personalising"): (ENVIRONMENT, "personalising"),
    ("end this phase", "ddf", "personalising"): (ENVIRONMENT, "operational"),
    # Part 4, 7.3 and 7.5: in use, keys are replaced and retired.
    ("update the master key", "ddf", "operational"): (ENVIRONMENT, "operational"),
    ("update a key", "ddf", "operational"): (ENVIRONMENT, "operational"),
    ("update a key", "adf", "operational"): (ENVIRONMENT, "operational"),
    ("retire a key", "ddf", "operational"): (ENVIRONMENT, "operational"),
    ("retire a key", "adf", "operational"): (ENVIRONMENT, "operational"),
}
OPERATIONS: Final = (
    "set the historical bytes",
    "set the transport key",
    "update the transport key",
    "load the first master key",
    "update the master key",
    "give the MF its attributes",
    "create an environment",
    "create an application",
    "create an EF",
    "load a key",
    "update a key",
    "retire a key",
    "write any file",
    "delete a file",
    "delete the structure",
    "end this phase",
)
LOADS: Final = frozenset(
    operation for operation in OPERATIONS if "key" in operation and operation != "set the transport key"
)
"""Operations that WRITE KEY does; their authority is shown by its MAC."""


@pytest.mark.clause("Part 4, 5.2", "the life cycle has these edges and no others")
def test_the_table_of_the_card_is_this_one() -> None:
    """Every edge with its authority and what follows; the enumerations have no member that is not here."""
    names = {NOBODY: "nobody", **{name: f"the {name} key" for name in (TRANSPORT, CARD, ENVIRONMENT)}}
    listed = {(str(e.operation), str(e.kind), str(e.phase)): (str(e.authority), str(e.following)) for e in LIFE}
    assert len(listed) == len(LIFE)
    assert listed == {at: (names[who], following) for at, (who, following) in EXPECTED.items()}
    assert {str(operation) for operation in Operation} == set(OPERATIONS)
    places = {(str(kind), str(phase)) for kind in DfKind for phase in Phase}
    # An MF is never created or personalising, an environment never blank, activated or mastered, and an
    # application exists from the handover of its environment on.
    assert places - PLACES.keys() == {
        ("mf", "created"),
        ("mf", "personalising"),
        *(("ddf", phase) for phase in ("blank", "activated", "mastered")),
        *(("adf", phase) for phase in ("blank", "activated", "mastered", "created")),
    }


# -- operations as commands ------------------------------------------------------------------------------


def _key_of(bench: IssuerBench) -> Secret:
    """A key that the current DF has, or could have: its update key."""
    return Secret(0x0D, secret("another UK", bench.suite), bench.suite, 0x83 if bench.here in AIDS else 0x04)


def operation(  # noqa: C901 - a table: each operation and its command
    bench: IssuerBench, name: str, *, under: bytes | None = None, cipher: str = ""
) -> str:
    """Try an operation in the current DF, with valid data; the status word.

    Args:
        under: key of the MAC of a key load; the one in control if not given.
        cipher: suite of that key; the card's if empty.
    """
    new = secret("a new value", bench.suite)
    key, top = _key_of(bench), master(new, bench.suite)
    has_master = bench.here != MF or bench.phase(MF) in ("mastered", "operational")
    match name:
        case "set the historical bytes":
            return bench.send("80E005000D" + NEW_HISTORICAL.hex())
        case "set the transport key":
            return bench.send("80E0030010" + new.hex())
        case "update the transport key":
            return bench.load(Secret(0x0F, new, bench.suite), UPDATE, under=under, suite=cipher)
        case "load the first master key":
            # Where there is one, a second one: another version of it.
            version = 2 if has_master and bench.phase(bench.environment) != "created" else 1
            return bench.load(retagged(top, version=version), INSTALL, under=under, suite=cipher)
        case "update the master key":
            return bench.load(top, UPDATE, under=under, suite=cipher)
        case "give the MF its attributes":
            return bench.create_df(0x3F00, 0x00, b"MFNAME")
        case "create an environment":
            return bench.create_df(0xDDF7, 0x01, b"ANOTHER")
        case "create an application":
            return bench.create_df(0xDF07, 0x02, b"\xd1\x56\x00\x00\x05\x07")
        case "create an EF":
            return bench.create_ef(0xEF1A)
        case "load a key":
            return bench.load(retagged(key, kid=key.kid + 0x10), INSTALL, under=under, suite=cipher)
        case "update a key":
            return bench.load(key, UPDATE, under=under, suite=cipher)
        case "retire a key":
            return bench.load(key, RETIRE, under=under, suite=cipher)
        case "write any file":
            return bench.word("00D6850004AABBCCDD")
        case "delete a file":
            fid = {MF: 0xDDF1, SSSE: 0xDF02, ADF: 0xEF06}[bench.here]
            return bench.delete(fid)
        case "delete the structure":
            return bench.delete_all()
        case _:
            return bench.end()


def at(place: tuple[str, str], suite: str = "3DES", act_name: str = "") -> IssuerBench:
    """A card at a place; for deleting a file at the MF with an environment that can be deleted."""
    name, df = PLACES[place]
    if act_name == "delete a file" and name == "mastered":
        name = "created"
    return stage(name, suite, at=df)


def _ids(value: object) -> str:
    return "-".join(value).replace(" ", "_") if isinstance(value, tuple) else str(value)


@pytest.mark.clause("Part 4, 5.2", "every edge of the life cycle, with its authority")
@pytest.mark.clause("Part 4, 5.3", "what the environment master key controls works")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("edge", EXPECTED, ids=_ids)
def test_every_edge_is_gone_once(edge: tuple[str, str, str], suite: str) -> None:
    name, *place = edge
    who, following = EXPECTED[edge]
    bench = at((place[0], place[1]), suite, name)
    before = bench.cells()
    if who != NOBODY and name not in LOADS:
        assert bench.prove() == "9000", bench.reason
    assert operation(bench, name) == "9000", bench.reason
    assert bench.cells() != before
    assert bench.phase(bench.environment if place[0] != "mf" else MF) == following
    # And it is so after a loss of power.
    assert IssuerBench.of(bench).cells() == bench.cells()


NOT_COMMANDS: Final = {
    # UPDATE BINARY is refused by the rule of the file, and where there is none by its absence.
    ("write any file", "mf"): "6A82",
    ("write any file", "ddf", "created"): "6A82",
    ("write any file", "ddf", "operational"): "6982",
    ("write any file", "adf", "operational"): "6982",
}
FORBIDDEN: Final = [(name, *place) for name in OPERATIONS for place in PLACES if (name, *place) not in EXPECTED]


@pytest.mark.clause("Part 4, 5.2", "what no edge allows is refused, whoever asks")
@pytest.mark.clause("Part 4, 5.3", "what no edge allows is refused, whoever asks")
@pytest.mark.parametrize("edge", FORBIDDEN, ids=_ids)
def test_every_forbidden_edge_is_6985_and_changes_nothing(edge: tuple[str, str, str]) -> None:
    """With the key in control proven where it can be, and with a right MAC under it."""
    name, kind, phase = edge
    bench = at((kind, phase), act_name=name)
    if phase != "operational":
        assert bench.prove() == "9000"
    before, proofs = bench.cells(), bench.card.session.proofs
    expected = NOT_COMMANDS.get(edge) or NOT_COMMANDS.get((name, kind)) or "6985"
    assert operation(bench, name) == expected, bench.reason
    assert bench.cells() == before
    assert bench.card.session.proofs == proofs


BY_RIGHT: Final = [edge for edge, (who, _) in EXPECTED.items() if who != NOBODY and edge[0] not in LOADS]
BY_MAC: Final = [edge for edge in EXPECTED if edge[0] in LOADS]


@pytest.mark.clause("Part 4, 5.2", "without the authority nothing happens")
@pytest.mark.clause("Part 4, 5.3", "without the authority nothing happens")
@pytest.mark.parametrize("edge", BY_RIGHT, ids=_ids)
def test_without_its_authority_an_edge_is_6982_and_changes_nothing(edge: tuple[str, str, str]) -> None:
    """Nothing proven; and a key of the environment proven that is not its master key."""
    name, kind, phase = edge
    for kid, its in ((None, b""), (0x04, b"UK"), (0x0A, b"RK")):
        bench = at((kind, phase), act_name=name)
        if kid is not None:
            if bench.here not in (SSSE, ADF) or phase == "created":
                continue
            assert bench.prove(bench.value(SSSE, its.decode()), kid) == "9000"
        before = bench.cells()
        assert operation(bench, name) == "6982", bench.reason
        assert bench.cells() == before


@pytest.mark.clause("Part 4, 5.2", "a key load under another key than the one in control is refused")
@pytest.mark.clause("Part 4, 7.3", "a key load under another key than the one in control is refused")
@pytest.mark.parametrize("edge", BY_MAC, ids=_ids)
def test_a_load_under_another_key_is_6988_and_changes_nothing_but_a_counter(edge: tuple[str, str, str]) -> None:
    """Every other key of the card's life, also while the key in control is proven."""
    name, kind, phase = edge
    reference = at((kind, phase))
    keys = {
        MANUFACTURER_KEY,
        reference.transport,
        reference.cmk,
        secret("EMK"),
        secret("FMK"),
        reference.value(SSSE, "STK"),
    }
    for under in keys - {reference.controlling()}:
        bench = at((kind, phase))
        if phase != "operational":
            assert bench.prove() == "9000"
        before, proofs = bench.cells(), bench.card.session.proofs
        cipher = "DES" if len(under) == 8 else ""
        assert operation(bench, name, under=under, cipher=cipher) == "6988", bench.reason
        after = bench.cells()
        changed = {at[0] for at in before.keys() | after.keys() if before.get(at) != after.get(at)}
        assert changed == {"tries"}
        assert bench.card.session.proofs == proofs


# -- one story -------------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 5.1", "MF, environments and applications are built one after the other")
@pytest.mark.clause("Part 4, 5.2", "from the transport key to the card master key and on")
@pytest.mark.clause("Part 4, 5.3", "from the temporary environment master key to the final one")
@pytest.mark.clause("Part 4, 7.5", "a locked application's keys are dead, a locked card answers nothing")
@pytest.mark.parametrize("suite", SUITES)
def test_a_card_lives_from_blank_to_locked(suite: str) -> None:
    bench = IssuerBench(suite)
    assert bench.phase(MF) == "blank"
    assert bench.card.atr[4:17] == bytes(13)
    bench.activate()
    assert bench.card.atr[4:17] == NEW_HISTORICAL
    assert bench.phase(MF) == "activated"
    # The maker's default transport key is no more; the new one is.
    assert bench.prove(MANUFACTURER_KEY) == "63C2"
    assert bench.prove() == "9000"
    # The card master key replaces the transport key.
    bench.load_card_master()
    assert bench.prove(bench.transport) == "63C2"
    assert bench.prove() == "9000"
    first, bench.cmk = bench.cmk, secret("the card master key of this card", suite)
    assert bench.load(master(bench.cmk, suite), UPDATE, under=first) == "9000"
    assert bench.prove(first) == "63C2"
    # The environment: created, handed over, filled.
    bench.create_environment().hand_over().fill(SSSE)
    assert bench.prove(bench.cmk) == "63C2"
    bench.create_application(ADF).create_application(SECOND_ADF)
    # Its temporary master key is replaced by the final one, which ends what the old one proved.
    bench.select(SSSE)
    assert bench.prove() == "9000"
    temporary, bench.masters[SSSE] = bench.masters[SSSE], secret("the master key of this environment", suite)
    assert bench.load(master(bench.masters[SSSE], suite), UPDATE, under=temporary) == "9000"
    assert bench.create_ef(0xEF1B) == "6982"
    assert bench.prove(temporary) == "63C2"
    bench.finish(SSSE).finish(MF)
    assert {bench.phase(MF), bench.phase(SSSE)} == {"operational"}
    # In use: the holder and the offices read, nobody builds.
    assert bench.verify() == "6A88"  # there is no PIN at the MF
    bench.select(ADF)
    assert bench.prove(bench.value(ADF, "RK"), 0x88) == "9000"
    assert bench.ask("00B0850010") == BODY.hex().upper() + "9000"
    assert bench.create_ef(0xEF1B) == "6985"
    # One application is locked for good: its keys are dead, its neighbour lives.
    assert bench.prove(bench.value(ADF, "LK"), 0x81) == "9000"
    assert bench.word(bench.secured("841E0001")) == "9000"
    assert bench.send("0084000008") == "9303"
    assert {(str(key.state), key.value) for (ref, _), key in bench.card.image.keys.items() if ref.owner == ADF} == {
        ("dead", b"")
    }
    bench.select(SSSE)
    assert bench.word("00A4000002DF01") == "9303"
    bench.select(SECOND_ADF)
    assert bench.prove(bench.value(SECOND_ADF, "RK"), 0x88) == "9000"
    assert bench.ask("00B0850010") == BODY.hex().upper() + "9000"
    # And then the card.
    bench.select(SSSE)
    assert bench.prove(bench.value(SSSE, "BK"), 0x05) == "9000"
    assert bench.word(bench.secured("84160000")) == "9000"
    for command in ("00A40000023F00", "0084000008", "80E0020000", "80E1000300", "84D4000024" + "00" * 36):
        assert bench.send(command) == "6A81"
        assert IssuerBench.of(bench).send(command) == "6A81"
    assert {str(key.state) for key in bench.card.image.keys.values()} == {"dead"}


@pytest.mark.clause("Part 4, 5.2", "deleting the structure gives control back to the transport key")
def test_a_failed_card_is_wiped_and_made_again() -> None:
    """Part 10, 5.1.1 and 5.2.3: the card master key goes with the structure, the transport key is valid again."""
    bench = stage("created")
    assert bench.prove() == "9000"
    assert bench.delete_all() == "9000"
    assert bench.phase(MF) == "activated"
    assert not bench.card.session.proofs
    assert bench.word("00A4000002DDF1") == "6A82"
    assert bench.create_df(0x3F00, 0x00) == "6982"  # nothing is proven any more
    assert bench.prove(bench.cmk) == "63C2"
    assert bench.prove(bench.transport) == "9000"
    bench.load_card_master().create_environment().hand_over().fill(SSSE)
    assert bench.cells().keys() >= stage("handed over").cells().keys()


@pytest.mark.clause("Part 4, 5.2", "an environment that has its master key is not deleted by the card master key")
def test_what_is_handed_over_is_not_deleted_from_above() -> None:
    bench = stage("handed over", at=MF)
    assert bench.prove() == "9000"
    before = bench.cells()
    assert (bench.delete(0xDDF1), bench.delete_all()) == ("6985", "6985")
    assert bench.delete(0xDDF2) == "6A82"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 5.3", "a failed application is deleted and made again, its neighbour stays")
def test_an_application_is_deleted_with_its_files_and_keys() -> None:
    bench = stage("personalising", at=SSSE)
    assert bench.prove() == "9000"
    before = bench.cells()
    assert bench.delete(0xDF01) == "9000"
    gone = before.keys() - bench.cells().keys()
    assert gone == {each for each in before if each[1].startswith(ADF) and each[0] not in ("dictionary", "names")}
    assert {at: cell for at, cell in before.items() if at not in gone} == bench.cells()
    bench.create_application(ADF)
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 5.3", "deleting the structure of an environment leaves its master key and the rest")
def test_the_structure_of_an_environment_is_deleted_down_to_its_master_key() -> None:
    bench = stage("two environments", at=SSSE)
    assert bench.prove() == "9000"
    before = bench.cells()
    assert bench.delete_all() == "9000"
    left = {at: cell for at, cell in bench.cells().items() if at[1].startswith(SSSE)}
    kinds = {(kind, path) for kind, path in left if kind not in ("dictionary", "names")}
    assert kinds == {("df", SSSE), ("key", f"{SSSE}#EMK.1"), ("tries", f"{SSSE}#EMK.1")}
    assert {at: cell for at, cell in before.items() if not at[1].startswith(SSSE)} == {
        at: cell for at, cell in bench.cells().items() if not at[1].startswith(SSSE)
    }
    bench.fill(SSSE).create_application(ADF).create_application(SECOND_ADF)
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.5", "what was locked for good cannot be deleted and made again")
def test_a_locked_application_is_not_deleted() -> None:
    bench = stage("personalising", at=ADF)
    assert bench.prove(bench.value(ADF, "LK"), 0x81) == "9000"
    assert bench.word(bench.secured("841E0001")) == "9000"
    bench.select(SSSE)
    assert bench.prove() == "9000"
    before = bench.cells()
    assert (bench.delete(0xDF01), bench.delete_all()) == ("9303", "9303")
    assert bench.cells() == before
    assert bench.delete(0xDF02) == "9000"


@pytest.mark.clause("Part 4, 7.5", "what an old key proved ends with it")
def test_setting_the_transport_key_ends_what_the_old_one_proved() -> None:
    bench = stage("blank")
    assert bench.prove() == "9000"
    bench.activate()
    assert not bench.card.session.proofs
    assert bench.create_df(0x3F00, 0x00) == "6982"


@pytest.mark.clause("Part 4, 7.5", "what a deleted key proved ends with it")
def test_deleting_ends_what_deleted_keys_proved() -> None:
    bench = stage("personalising", at=SSSE)
    assert bench.prove() == "9000"
    assert bench.verify() == "9000"
    assert bench.prove(bench.value(SSSE, "UK"), 0x04) == "9000"
    assert bench.delete_all() == "9000"
    assert {ref.name for ref in bench.card.session.proofs} == {"EMK"}
    bench.fill(SSSE)
    assert bench.ask("00B0860010") == "6982"


@pytest.mark.clause("Part 4, 7.5", "what a deleted application's PIN proved ends with it")
@pytest.mark.parametrize("everything", [True, False])
def test_a_pin_of_a_deleted_application_and_a_deleted_file_leave_nothing_in_the_session(everything: bool) -> None:
    """A PIN lasts until power-off, but not longer than what it belongs to."""
    bench = stage("personalising", at=ADF)
    assert bench.prove() == "9000"
    assert bench.load(pin()) == "9000"
    assert bench.verify() == "9000"
    assert bench.create_ef(0xEF1C, sfi=0x1C, read=rule(b"\xfd")) == "9000"
    assert bench.word("00B09C0004") == "9000"
    bench.select(SSSE)
    assert bench.prove() == "9000"
    assert bench.word("00A4020002EF07") == "9000"
    assert (bench.delete_all() if everything else bench.delete(0xDF01)) == "9000"
    assert {ref.name for ref in bench.card.session.proofs} == {"EMK"}
    assert bench.word("00B0000004") == "6986"
    assert bench.create_df(0xDF01, 0x02, AIDS[ADF]) == "9000"
    bench.select(ADF)
    assert bench.load(pin()) == "9000"
    assert bench.prove() == "9000"
    assert bench.create_ef(0xEF1C, sfi=0x1C, read=rule(b"\xfd")) == "9000"
    assert bench.word("00B09C0004") == "6982"


def test_the_current_file_ends_with_its_deletion() -> None:
    bench = stage("personalising", at=SSSE)
    assert bench.prove() == "9000"
    assert bench.word("00A4020002EF07") == "9000"
    assert bench.word("00B0000004") == "9000"
    assert bench.delete(0xEF07) == "9000"
    assert bench.word("00B0000004") == "6986"


@pytest.mark.parametrize("length", [0, 12, 14])
def test_historical_bytes_of_another_number_are_6a80(length: int) -> None:
    bench = stage("blank")
    before = bench.cells()
    assert bench.send(bytes((0x80, 0xE0, 0x05, 0x00, length)) + bytes(length)) == "6A80"
    assert bench.cells() == before


# -- files that cannot be --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "create"),
    {
        "the FID of the MF": lambda b: b.create_df(0x3F00, 2, b"ABCDE"),
        "a FID that is taken": lambda b: b.create_df(0xDF01, 2, b"ABCDE"),
        "the FID of an EF": lambda b: b.create_df(0xEF05, 2, b"ABCDE"),
        "a name that is taken": lambda b: b.create_df(0xDF09, 2, AIDS[ADF]),
        "the name of an environment": lambda b: b.create_df(0xDF09, 2, b"sx1.sh.\xc9\xe7\xbb\xe1\xb1\xa3\xd5\xcf"),
        "a name of 4 bytes": lambda b: b.create_df(0xDF09, 2, b"ABCD"),
        "a name of 17 bytes": lambda b: b.create_df(0xDF09, 2, b"A" * 17),
        "no such kind": lambda b: b.create_df(0xDF09, 3, b"ABCDE"),
        "an SFI of a directory beyond 30": lambda b: b.create_df(0xDF09, 2, b"ABCDE", directory=0x1F),
        "an FCI of more than 256 bytes": lambda b: b.create_df(0xDF09, 2, b"A" * 16, data=bytes(230)),
        "an EF with a FID that is taken": lambda b: b.create_ef(0xEF05),
        "an EF with the FID of a DF": lambda b: b.create_ef(0xDF01),
        "an EF with the FID of the MF": lambda b: b.create_ef(0x3F00),
        "an SFI that is taken": lambda b: b.create_ef(0xEF0C, sfi=0x05),
        "an SFI of 31": lambda b: b.create_ef(0xEF0C, sfi=0x1F),
        "a binary file of no bytes": lambda b: b.create_ef(0xEF0C, size=0),
        "a fixed file of no record length": lambda b: b.create_ef(0xEF0C, 0xC5, size=0, record=0, most=4),
        "a cyclic file of no records": lambda b: b.create_ef(0xEF0C, 0xC7, size=0, record=8, most=0),
        "a variable file of 255 records": lambda b: b.create_ef(0xEF0C, 0xC6, size=99, most=255),
        "a type that is none": lambda b: b.create_ef(0xEF0C, 0xC8),
        "flags that are none": lambda b: b.create_ef(0xEF0C, flags=0x04),
        "data that are too short": lambda b: b.send("80E0010004EF0CC400"),
        "half a rule": lambda b: b.create_ef(0xEF0C, read=b"\x01\x02\x04", update=b""),
        "data behind the rules": lambda b: b.create_ef(0xEF0C, update=NEVER + b"\x00"),
        "no data at all": lambda b: b.send("80E0010000"),
    }.items(),
)
@pytest.mark.clause("Part 4, 5.3", "a file that cannot be is refused whole")
def test_a_file_that_cannot_be_is_6a80_and_changes_nothing(what: str, create: object) -> None:
    """Part 3, 5.2 and 5.3: identifiers, names, sizes."""
    bench = stage("personalising", at=SSSE)
    assert bench.prove() == "9000"
    before = bench.cells()
    assert callable(create)
    assert create(bench) == "6A80", what
    assert bench.cells() == before
    assert bench.card.session.df == SSSE


@pytest.mark.parametrize("kind", [TRANSPARENT, INTERNAL])
def test_what_is_said_of_the_records_of_a_file_without_records_means_nothing(kind: int) -> None:
    """An image with such a file can be opened again."""
    bench = stage("personalising", at=SSSE)
    assert bench.prove() == "9000"
    assert bench.create_ef(0xEF0C, kind, record=0xFF, most=0xFF) == "9000"
    again = IssuerBench.of(bench)
    ef = again.card.image.efs[f"{SSSE}/EF0C"]
    assert (ef.size, ef.record_length, ef.max_records) == (16, 0, 254)


@pytest.mark.parametrize("name", [b"", b"ABCDE", b"A" * 16])
def test_the_mf_gets_its_attributes_and_answers_them(name: bytes) -> None:
    """Part 3, 5.1: before the card master key comes."""
    bench = stage("activated")
    assert bench.prove() == "9000"
    assert bench.create_df(0x3F00, 0x00, PSE_NAME) == "9000"
    assert bench.create_df(0x3F00, 0x00, name, directory=0x01, data=b"\x86\x01\x01") == "9000"
    assert bench.create_df(0x3F00, 0x00, name, directory=0x01, data=b"\x86\x01\x01") == "9000"
    bench.load_card_master()
    body = (b"\x84" + bytes((len(name),)) + name if name else b"") + bytes.fromhex("A503880101")
    assert bench.ask("00A40000023F00") == (b"\x6f" + bytes((len(body),)) + body + b"\x90\x00").hex().upper()
    if name:
        assert bench.word(b"\x00\xa4\x04\x00" + bytes((len(name),)) + name) == "9000"
    assert bench.word(b"\x00\xa4\x04\x00" + bytes((len(PSE_NAME),)) + PSE_NAME) == "6A82"
    assert IssuerBench.of(bench).card.image.dfs == bench.card.image.dfs


@pytest.mark.parametrize("length", [1, 100, 101, 102, 110, 120, 130, 225, 226])
def test_the_largest_fci_is_answered(length: int) -> None:
    """Part 5, 6.11.4: name of 16 bytes, directory and issuer's data; ISO/IEC 8825-1, 8.1.3: lengths."""
    bench = stage("mastered")
    assert bench.prove() == "9000"
    data = bytes(range(length))
    word = bench.create_df(0xDDF5, 0x01, b"N" * 16, directory=1, data=data)
    proprietary = b"\x88\x01\x01\x9f\x0c" + coded(length) + data
    body = b"\x84\x10" + b"N" * 16 + b"\xa5" + coded(len(proprietary)) + proprietary
    whole = b"\x6f" + coded(len(body)) + body
    if length == 226:
        assert len(whole) == 257
        assert word == "6A80"
        return
    assert word == "9000"
    assert bench.ask("00A4000002DDF5") == (whole + b"\x90\x00").hex().upper()


def coded(length: int) -> bytes:
    return bytes((length,)) if length < 128 else bytes((0x81, length))
