"""Power cuts (防拔), enumerated: before and after every write of every command that writes.

Whatever the moment, the card that is inserted again is the one before the command or the one after it,
never a mixture; only a try that was charged for stays spent (Part 7, 5.8, 6.6 and 14; Part 4, 5 to 7).
"""

import hmac
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from cardfs.life import EDGES, Act, phase_of
from cardfs.memory.cells import TRIES, read_cells, write_cells
from cardfs.memory.image import Image
from cardfs.memory.sqlite import SqliteStore
from cardfs.memory.store import Cell, CellKey, MemoryStore, Store
from cardfs.memory.tearing import Moment, PowerCut, TearingStore
from cardfs.model.files import DfKind, Ef, Phase, Structure
from cardfs.model.rules import FREE_RULE
from cardfs.model.settings import Settings, SmSettings
from emulator.card import tries
from emulator.card.table import Row
from emulator.commands.fmcos.rows import FMCOS_ROWS
from emulator.commands.personalise import t514
from emulator.commands.sets import SETS
from emulator.commands.social.rows import ROWS
from emulator.reader.vpcd import answer
from keys.records import Key, KeyRef, Usage
from tests.kit.card import MF, PIN_CN, SSSE, CardBench, handmade
from tests.kit.cuts import Built, Cells, TornBench, built
from tests.kit.fmcos import SAMPLES as FMCOS_SAMPLES
from tests.kit.fmcos import FmcosBench
from tests.kit.fmcos import ready as fmcos_ready
from tests.kit.reference import Reference

WRONG_PIN: Final = bytes.fromhex("000000")
NEW_PIN: Final = bytes.fromhex("4321")


# -- a card in use --------------------------------------------------------------------------------


@dataclass(frozen=True)
class Scenario:
    """A command to be cut.

    Attributes:
        cells: the card that it comes to.
        prepare: brings that card to the point, and returns the command.
        word: what it answers when nothing is cut.
        edge: the row of the life-cycle table that it goes along.
    """

    name: str
    cells: Callable[[], Cells]
    prepare: Callable[[TornBench], bytes]
    word: str = "9000"
    edge: tuple[Act, DfKind, Phase] | None = None

    def __str__(self) -> str:
        return self.name


@cache
def _handmade(suite: str) -> Cells:
    settings = Settings(sm=SmSettings(update_commands="per-file", read_commands="per-file"))
    return dict(write_cells(handmade(settings, suite=suite, maintenance=suite)))


def _plain(apdu: str, *proofs: str) -> Callable[[TornBench], bytes]:
    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        bench.prove(proofs)
        return bytes.fromhex(apdu)

    return prepare


def _secured(
    header: str, data: str = "", *proofs: str, df: str = "SSSE", key: str = "STK", enciphered: bool = False
) -> Callable[[TornBench], bytes]:
    def prepare(bench: TornBench) -> bytes:
        bench.select_df(df)
        bench.prove(proofs)
        return bench.secured(header, bytes.fromhex(data), key, enciphered=enciphered)

    return prepare


def _authentication(name: str, *, wrong: bool = False, failures: int = 0) -> Callable[[TornBench], bytes]:
    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        for _ in range(failures):
            bench.authenticate(name, wrong=True)
        return bench.authentication(name, bench.kid(name), wrong=wrong)

    return prepare


def _verification(pin: bytes, failures: int = 0) -> Callable[[TornBench], bytes]:
    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        for _ in range(failures):
            bench.verify(WRONG_PIN)
        return bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin

    return prepare


def _change(current: bytes) -> Callable[[TornBench], bytes]:
    data = current + b"\xff" + NEW_PIN
    return _plain(bytes((0x80, 0x5E, 0x01, 0x00, len(data))).hex() + data.hex())


def _new_pin(new: bytes) -> Callable[[TornBench], bytes]:
    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        bench.verify(WRONG_PIN)
        bench.prove(("PUK",))
        suite, challenge = bench.key_suite("STK"), bench.challenge()
        rules = Reference(suite)
        session = rules.session_key(bench.key_value("STK", suite), challenge)
        return bench.secured("84240001", rules.encrypt(session, new), challenge=challenge)

    return prepare


def _flipped(prepare: Callable[[TornBench], bytes]) -> Callable[[TornBench], bytes]:
    """The same command with a wrong MAC."""

    def flip(bench: TornBench) -> bytes:
        command = prepare(bench)
        return command[:-1] + bytes((command[-1] ^ 1,))

    return flip


_IN_USE: Final[tuple[tuple[str, Callable[[TornBench], bytes], str], ...]] = (
    ("UPDATE RECORD of a TLV file", _plain("00DC012C04 0102F1F2"), "9000"),
    ("UPDATE RECORD of a fixed file", _plain("00DC014C04 43434343"), "9000"),
    ("UPDATE RECORD appends to a fixed file", _plain("00DC004A04 43434343"), "9000"),
    ("UPDATE RECORD turns a cyclic file on", _plain("00DC005303 6E6577"), "9000"),
    ("UPDATE RECORD with a right", _plain("00DC013404 0802F1F2", "UK"), "9000"),
    ("UPDATE RECORD, secured", _secured("04DC0164", "0102F1F2"), "9000"),
    ("UPDATE BINARY of two bytes", _plain("00D6870002 FFFF"), "9000"),
    ("UPDATE BINARY of 255 bytes", _plain("00D68700FF" + "A5" * 255), "9000"),
    ("UPDATE BINARY, secured", _secured("04D68D00", "FFFF"), "9000"),
    ("UPDATE RECORD, enciphered", _secured("04DC01B4", "0102F1F2", enciphered=True), "9000"),
    ("UPDATE BINARY, enciphered", _secured("04D69700", "FFFF", enciphered=True), "9000"),
    ("EXTERNAL AUTHENTICATION, right", _authentication("UK"), "9000"),
    ("EXTERNAL AUTHENTICATION, right at the last try", _authentication("UK", failures=2), "9000"),
    ("EXTERNAL AUTHENTICATION, wrong", _authentication("UK", wrong=True), "63C2"),
    ("EXTERNAL AUTHENTICATION, wrong at the last try", _authentication("UK", wrong=True, failures=2), "63C0"),
    ("VERIFY, right", _verification(PIN_CN), "9000"),
    ("VERIFY, right at the last try", _verification(PIN_CN, failures=2), "9000"),
    ("VERIFY, wrong", _verification(WRONG_PIN), "63C2"),
    ("VERIFY, wrong at the last try", _verification(WRONG_PIN, failures=2), "63C0"),
    ("CHANGE PIN, right", _change(PIN_CN), "9000"),
    ("CHANGE PIN, wrong", _change(WRONG_PIN), "63C2"),
    ("PIN UNBLOCK", _secured("84240000", "", "PUK"), "9000"),
    ("PIN UNBLOCK, wrong MAC", _flipped(_secured("84240000", "", "PUK")), "6988"),
    ("PIN CHANGE", _new_pin(NEW_PIN), "9000"),
    ("PIN CHANGE to what is no PIN", _new_pin(b"\xaa\xaa"), "6A80"),
    ("APPLICATION BLOCK", _secured("841E0001", "", "LK01", df="DF01", key="STK01"), "9000"),
    ("CARD BLOCK", _secured("84160000", "", "BK"), "9000"),
)


def _in_use() -> Iterator[Scenario]:
    for suite in ("3DES", "SM4"):
        for name, prepare, word in _IN_USE:
            yield Scenario(f"{suite}: {name}", lambda suite=suite: _handmade(suite), prepare, word)  # type: ignore[misc]


# -- a card being built ---------------------------------------------------------------------------

TRANSPORT_KEY, CARD_KEY, ENVIRONMENT_KEY = KeyRef(MF, "TRANSPORT"), KeyRef(MF, "CMK"), KeyRef(SSSE, "EMK")
NEW_VALUE: Final = bytes(range(0x10, 0x20))
Way = tuple[str | KeyRef, ...]
"""How a terminal gets to where it gives the command: FIDs to select, keys in control to authenticate with."""


def _create_df(kind: DfKind, fid: int, name: bytes) -> Callable[[TornBench], bytes]:
    data = t514.df_data(fid, kind, name, None, 0x1E, b"")
    return lambda _: bytes((0x80, 0xE0, 0x01, 0x00, len(data))) + data


def _create_ef(df: str) -> Callable[[TornBench], bytes]:
    ef = Ef(f"{df}/EF1D", 0xEF1D, 0x1D, Structure.LINEAR_FIXED, FREE_RULE, FREE_RULE, 0, 4, 3)
    data = t514.ef_data(ef, {})
    return lambda _: bytes((0x80, 0xE0, 0x01, 0x00, len(data))) + data


def _load(mode: int, key: Key, controlling: KeyRef) -> Callable[[TornBench], bytes]:
    """WRITE KEY under the key that controls, computed by the reference (Part 9, 7.1.3 and 7.2.3)."""

    def prepare(bench: TornBench) -> bytes:
        control = bench.card.image.keys[controlling, 1]
        rules = Reference(control.suite_name)
        cipher = rules.encrypt(control.value, t514.key_data(key))
        covered = bytes((0x84, 0xD4, mode, 0x00, len(cipher) + 4)) + cipher
        return covered + rules.key_load_mac(control.value, bench.challenge(), covered)

    return prepare


def _existing(mode: int, at: KeyRef) -> Callable[[TornBench], bytes]:
    """WRITE KEY for a key that is there, with another value."""

    def prepare(bench: TornBench) -> bytes:
        key = replace(bench.card.image.keys[at, 1], value=NEW_VALUE)
        return _load(mode, key, ENVIRONMENT_KEY)(bench)

    return prepare


def _apdu(text: str) -> Callable[[TornBench], bytes]:
    return lambda _: bytes.fromhex(text)


def _new(usage: Usage, kid: int | None = None) -> Key:
    return Key("new", usage, "3DES", NEW_VALUE, kid, 1, 3)


_BUILDING: Final[tuple[tuple[str, str, Way, Callable[[TornBench], bytes], Act, DfKind, Phase], ...]] = (
    # name, step before which the card is taken, way there, command; act, kind of the current DF, phase
    *(
        (name, before, way, command, act, DfKind.MF, phase)
        for name, before, way, command, act, phase in (
            (
                "set the historical bytes",
                "set the historical bytes",
                (),
                _apdu("80E005000D" + "00814A444686605199000001AC"),
                Act.SET_HISTORICAL,
                Phase.BLANK,
            ),
            (
                "set the transport key",
                "set the transport key",
                (),
                _apdu("80E0030010" + NEW_VALUE.hex()),
                Act.SET_TRANSPORT,
                Phase.BLANK,
            ),
            (
                "update the transport key of a blank card",
                "end of activation",
                (),
                _load(t514.UPDATE, _new(Usage.TRANSPORT), TRANSPORT_KEY),
                Act.UPDATE_TRANSPORT,
                Phase.BLANK,
            ),
            ("end of activation", "end of activation", (), _apdu("80E0020000"), Act.END, Phase.BLANK),
            (
                "update the transport key",
                "load CMK",
                (),
                _load(t514.UPDATE, _new(Usage.TRANSPORT), TRANSPORT_KEY),
                Act.UPDATE_TRANSPORT,
                Phase.ACTIVATED,
            ),
            (
                "give the MF its attributes",
                "load CMK",
                (TRANSPORT_KEY,),
                _create_df(DfKind.MF, 0x3F00, b"MASTER FILE"),
                Act.CREATE_MF,
                Phase.ACTIVATED,
            ),
            (
                "load the card master key",
                "load CMK",
                (),
                _load(t514.INSTALL, _new(Usage.MASTER), TRANSPORT_KEY),
                Act.INSTALL_MASTER,
                Phase.ACTIVATED,
            ),
            (
                "update the card master key",
                "create SSSE",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), CARD_KEY),
                Act.UPDATE_MASTER,
                Phase.MASTERED,
            ),
            (
                "create an environment",
                "create SSSE",
                (CARD_KEY,),
                _create_df(DfKind.DDF, 0xDDF1, b"ENVIRONMENT"),
                Act.CREATE_DDF,
                Phase.MASTERED,
            ),
            (
                "delete an environment",
                "load a temporary EMK",
                (CARD_KEY,),
                _apdu("80E1000202DDF1"),
                Act.DELETE_FILE,
                Phase.MASTERED,
            ),
            (
                "delete the card's structure",
                "load a temporary EMK",
                (CARD_KEY,),
                _apdu("80E1000300"),
                Act.DELETE_ALL,
                Phase.MASTERED,
            ),
            (
                "end of personalisation of the card",
                "end of personalisation of the card",
                (CARD_KEY,),
                _apdu("80E0020000"),
                Act.END,
                Phase.MASTERED,
            ),
            (
                "update the card master key in use",
                "",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), CARD_KEY),
                Act.UPDATE_MASTER,
                Phase.OPERATIONAL,
            ),
        )
    ),
    (
        "load the environment master key",
        "load a temporary EMK",
        ("DDF1",),
        _load(t514.INSTALL, _new(Usage.MASTER), CARD_KEY),
        Act.INSTALL_MASTER,
        DfKind.DDF,
        Phase.CREATED,
    ),
    *(
        (name, before, ("DDF1", *way), command, act, DfKind.DDF, phase)
        for name, before, way, command, act, phase in (
            (
                "update the environment master key",
                "replace EMK",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), ENVIRONMENT_KEY),
                Act.UPDATE_MASTER,
                Phase.PERSONALISING,
            ),
            (
                "create an application",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _create_df(DfKind.ADF, 0xDF11, b"APPLICATION"),
                Act.CREATE_ADF,
                Phase.PERSONALISING,
            ),
            (
                "delete an application",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _apdu("80E1000202DF04"),
                Act.DELETE_FILE,
                Phase.PERSONALISING,
            ),
            (
                "delete the environment's structure",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _apdu("80E1000300"),
                Act.DELETE_ALL,
                Phase.PERSONALISING,
            ),
            (
                "end of personalisation of the environment",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _apdu("80E0020000"),
                Act.END,
                Phase.PERSONALISING,
            ),
            (
                "update the environment master key in use",
                "",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), ENVIRONMENT_KEY),
                Act.UPDATE_MASTER,
                Phase.OPERATIONAL,
            ),
        )
    ),
    *(
        (f"{name} of {df[-4:]}", before, ("DDF1", *way, *below), command, act, kind, phase)
        for df, below, kind, key, sfi in (
            (SSSE, (), DfKind.DDF, "UKSSSE", 0x08),
            (f"{SSSE}/DF01", ("DF01",), DfKind.ADF, "UK1DF01", 0x16),
        )
        for name, before, way, command, act, phase in (
            ("create a file", "replace EMK", (ENVIRONMENT_KEY,), _create_ef(df), Act.CREATE_EF, Phase.PERSONALISING),
            (
                "load a key",
                "replace EMK",
                (),
                _load(t514.INSTALL, _new(Usage.EXTERNAL_AUTH, 0x9E), ENVIRONMENT_KEY),
                Act.INSTALL_KEY,
                Phase.PERSONALISING,
            ),
            (
                "update a key",
                "replace EMK",
                (),
                _existing(t514.UPDATE, KeyRef(df, key)),
                Act.UPDATE_KEY,
                Phase.PERSONALISING,
            ),
            (
                "retire a key",
                "replace EMK",
                (),
                _existing(t514.RETIRE, KeyRef(df, key)),
                Act.RETIRE_KEY,
                Phase.PERSONALISING,
            ),
            (
                "write a file",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _apdu(f"00D6{0x80 | sfi:02X}0002A5A5"),
                Act.WRITE_DATA,
                Phase.PERSONALISING,
            ),
            (
                "delete a file",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _apdu(f"80E1000102EF{sfi:02X}"),
                Act.DELETE_FILE,
                Phase.PERSONALISING,
            ),
            (
                "update a key in use",
                "",
                (),
                _existing(t514.UPDATE, KeyRef(df, key)),
                Act.UPDATE_KEY,
                Phase.OPERATIONAL,
            ),
            (
                "retire a key in use",
                "",
                (),
                _existing(t514.RETIRE, KeyRef(df, key)),
                Act.RETIRE_KEY,
                Phase.OPERATIONAL,
            ),
        )
    ),
)


def _taken(before: str) -> Callable[[], Cells]:
    """The card before a step, or with no title the finished one."""
    return lambda: built().cells[built().at(before) if before else -1]


def _going(way: Way, command: Callable[[TornBench], bytes]) -> Callable[[TornBench], bytes]:
    def prepare(bench: TornBench) -> bytes:
        for step in way:
            if isinstance(step, KeyRef):
                bench.master(step)
            else:
                bench.select(step)
        return command(bench)

    return prepare


def _building() -> Iterator[Scenario]:
    for name, before, way, command, act, kind, phase in _BUILDING:
        yield Scenario(name, _taken(before), _going(way, command), edge=(act, kind, phase))
    wrong = _flipped(_load(t514.UPDATE, _new(Usage.MASTER), ENVIRONMENT_KEY))
    yield Scenario("a key load with a wrong MAC", _taken(""), _going(("DDF1",), wrong), "6988")
    unfit = _load(t514.UPDATE, replace(_new(Usage.MASTER), value=NEW_VALUE[:8]), ENVIRONMENT_KEY)
    yield Scenario("a key that does not fit its cipher", _taken(""), _going(("DDF1",), unfit), "6A80")


# -- a card of the coding fmcos -------------------------------------------------------------------


@cache
def _fmcos() -> Cells:
    return dict(fmcos_ready().cells())


def _by_issuer(make: Callable[[FmcosBench], bytes], *, wrong: bool = False) -> Callable[[TornBench], bytes]:
    """Select the application, reach state A, and let its issuer make the command."""

    def prepare(bench: TornBench) -> bytes:
        issuer = FmcosBench.__new__(FmcosBench)
        CardBench.__init__(issuer, card=bench.card)
        issuer.seen = set()
        issuer.ok("00A40000023F01")
        issuer.ok(FMCOS_SAMPLES[0x00, 0x20](issuer))
        command = make(issuer)
        return command[:-1] + bytes((command[-1] ^ 1,)) if wrong else command

    return prepare


_FMCOS_OTHERS: Final[dict[tuple[int, int], Callable[[FmcosBench], bytes]]] = {
    (0x00, 0xDC): lambda _: bytes.fromhex("00DC012C10") + bytes(range(0x31, 0x41)),
}
"""Where the sample writes what is there already."""


def _fmcos_scenarios() -> Iterator[Scenario]:
    """Of each row that writes one command that succeeds, and with a wrong secret those that have one."""
    for row in FMCOS_ROWS:
        make = _FMCOS_OTHERS.get((row.cla, row.ins), FMCOS_SAMPLES[row.cla, row.ins])
        if row.writes:
            yield Scenario(f"fmcos: {row.name} {row.cla:02X}", _fmcos, _by_issuer(make))
        if row.writes and (0x63C0 in row.status_words or 0x6988 in row.status_words) and row.le is None:
            word = "63C2" if 0x63C0 in row.status_words else "6988"
            yield Scenario(f"fmcos: {row.name} {row.cla:02X}, wrong", _fmcos, _by_issuer(make, wrong=True), word)


SCENARIOS: Final = (*_in_use(), *_building(), *_fmcos_scenarios())

# -- what a cut may leave -------------------------------------------------------------------------


class Recording(MemoryStore):
    """Keeps what was on the card after each write."""

    def __init__(self, cells: Mapping[CellKey, Cell]) -> None:
        super().__init__(cells)
        self.states = [self.load()]

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        super().write(changes, erases=erases)
        self.states.append(self.load())


def spent(old: Cells, found: Cells) -> bool:
    """Whether a card differs from an old one in one try less of one counter, and in nothing else."""
    changed = [key for key in old.keys() | found.keys() if old.get(key) != found.get(key)]
    return (
        len(changed) == 1
        and changed[0][0] == TRIES
        and changed[0] in old
        and int(found[changed[0]].meta) == int(old[changed[0]].meta) - 1
    )


@cache
def uncut(scenario: Scenario) -> tuple[tuple[Cells, ...], str, Row]:
    """The card before the command and after each of its writes, the answer, and the row of the table."""
    recording = Recording(scenario.cells())
    bench = TornBench(recording)
    command = scenario.prepare(bench)
    start = len(recording.states) - 1
    word = bench.send(command)[-4:]
    outcome = bench.card.last
    assert outcome is not None
    assert outcome.row is not None
    return tuple(recording.states[start:]), word, outcome.row


def cut_off(scenario: Scenario, store: Store, write: int, moment: Moment) -> Cells:
    """Cut power at a write of the command; what the store then holds before anybody closes it."""
    bench = TornBench(store)
    command = scenario.prepare(bench)
    last = bench.card.last
    bench.store.cut(write, moment)
    with pytest.raises(PowerCut, match=f"{moment.value} write"):
        bench.card.transmit(command)
    # The card has ended: it made no word of it, and its memory answers nothing more.
    assert bench.card.bug is None
    assert bench.card.last is last
    with pytest.raises(PowerCut):
        bench.card.image.store.load()
    return store.load()


# -- the store that loses power -------------------------------------------------------------------


def test_without_a_cut_the_store_is_the_one_inside() -> None:
    inside = MemoryStore(_handmade("3DES"))
    store = TearingStore(inside)
    assert store.load() == inside.load()
    store.write({("card", ""): None})
    assert ("card", "") not in inside.load()
    assert store.writes == 1
    store.close()


def test_writes_are_counted_from_when_the_cut_is_set() -> None:
    store = TearingStore(MemoryStore())
    store.write({})
    store.cut(2, Moment.AFTER)
    store.write({})
    with pytest.raises(PowerCut, match="after write 3"):
        store.write({("x", ""): Cell("", b"")})
    assert ("x", "") in store.store.load()
    with pytest.raises(PowerCut, match="no power"):
        store.write({})
    with pytest.raises(ValueError, match="from 1"):
        store.cut(0, Moment.BEFORE)


@pytest.mark.parametrize("moment", Moment)
def test_a_power_cut_is_no_status_word_neither_on_the_card_nor_on_the_link(moment: Moment) -> None:
    bench = TornBench(MemoryStore(_handmade("3DES")))
    bench.select_ssse()
    bench.store.cut(1, moment)
    events: list[object] = []
    with pytest.raises(PowerCut):
        answer(bench.card, bytes((0x00, 0x20, 0x00, 0x00, len(PIN_CN))) + PIN_CN, events.append)
    assert not events
    assert not issubclass(PowerCut, Exception)


# -- every row has its scenarios ------------------------------------------------------------------

WRITING: Final = [
    (coding, row) for coding, rows in (("standard", ROWS), *SETS.codings.items()) for row in rows if row.writes
]


@pytest.mark.parametrize(
    "row",
    [row for _, row in WRITING],
    ids=[f"{coding} {row.cla:02X}{row.ins:02X} {row.name}" for coding, row in WRITING],
)
def test_every_row_that_writes_has_a_scenario_that_really_does(row: Row) -> None:
    reached = [scenario for scenario in SCENARIOS if uncut(scenario)[2] is row]
    if 0x9000 not in row.status_words:
        # It stands in the table only to be refused.
        assert not reached
        return
    # A reading under line protection writes nothing but the counter of its key, twice.
    assert any(scenario.word == "9000" and len(_different(uncut(scenario)[0])) > 1 for scenario in reached)


def _different(states: Iterable[Cells]) -> list[Cells]:
    result: list[Cells] = []
    for state in states:
        if state not in result:
            result.append(state)
    return result


def test_every_edge_of_the_life_of_a_card_has_a_scenario() -> None:
    assert {scenario.edge for scenario in SCENARIOS if scenario.edge} == set(EDGES)


@pytest.mark.parametrize("scenario", [each for each in SCENARIOS if each.edge], ids=str)
def test_a_scenario_is_where_it_says(scenario: Scenario) -> None:
    bench = TornBench(MemoryStore(scenario.cells()))
    scenario.prepare(bench)
    image, here = bench.card.image, bench.card.session.df
    assert scenario.edge is not None
    assert (image.dfs[here].kind, phase_of(image, here)) == scenario.edge[1:]


# -- every moment of every command ----------------------------------------------------------------


WRONG: Final = tuple(each for each in SCENARIOS if each.word[:3] == "63C" or each.word == "6988")
"""Commands with a wrong secret."""


@pytest.mark.parametrize("scenario", WRONG, ids=str)
def test_a_try_is_spent_durably_when_a_wrong_secret_is_compared(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one comparison, in one place; where a failure costs a try, the store has it by then."""
    states, _, _ = uncut(scenario)
    recording = Recording(scenario.cells())
    bench = TornBench(recording)
    command = scenario.prepare(bench)
    before, seen = recording.load(), []

    def compare(expected: bytes, given: bytes) -> bool:
        seen.append(recording.load())
        return hmac.compare_digest(expected, given)

    monkeypatch.setattr(tries, "same", compare)
    assert bench.send(command)[-4:] == scenario.word
    assert len(seen) == 1
    counted = spent(states[0], states[-1])
    assert spent(before, seen[0]) if counted else seen[0] == before
    assert recording.load() == seen[0]


@pytest.mark.parametrize("scenario", WRONG, ids=str)
def test_a_command_with_a_wrong_secret_succeeds_where_everything_is_the_same(
    scenario: Scenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No other comparison stands behind that one: a handler that compared for itself would refuse here."""
    bench = TornBench(Recording(scenario.cells()))
    command = scenario.prepare(bench)
    monkeypatch.setattr(tries, "same", lambda _expected, _given: True)
    assert bench.send(command)[-4:] == "9000"


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_uncut_the_command_is_one_transaction_after_at_most_one_charge(scenario: Scenario) -> None:
    (old, *rest), word, _ = uncut(scenario)
    assert word == scenario.word
    assert 1 <= len(rest) <= 2
    assert all(spent(old, state) for state in rest[:-1])
    if word != "9000":
        assert rest[-1] == old or spent(old, rest[-1])


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_a_card_cut_at_any_write_is_the_old_or_the_new_one(scenario: Scenario) -> None:
    states, _, _ = uncut(scenario)
    for write in range(1, len(states)):
        for moment in Moment:
            survivor = MemoryStore(scenario.cells())
            found = cut_off(scenario, survivor, write, moment)
            before = states[0]
            expected = states[write - (moment is Moment.BEFORE)]
            assert found == expected, (write, moment)
            assert found in (before, states[-1]) or spent(before, found)
            inserted_again(survivor)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=str)
def test_the_same_with_an_image_file(scenario: Scenario, tmp_path: Path) -> None:
    """The process is gone: the file and its log lie there as they were, and nobody has closed them."""
    states, _, _ = uncut(scenario)
    whole, torn = tmp_path / "whole.sscard", tmp_path / "torn.sscard"
    SqliteStore.create(whole, scenario.cells().items())
    for write in range(1, len(states)):
        for moment in Moment:
            work = Path(shutil.copy(whole, tmp_path / "work.sscard"))
            with closing(SqliteStore(work)) as store:
                cut_off(scenario, store, write, moment)
                for suffix in ("", "-wal"):
                    if Path(f"{work}{suffix}").exists():
                        shutil.copy(f"{work}{suffix}", f"{torn}{suffix}")
            with closing(SqliteStore(torn)) as survivor:
                assert survivor.load() == states[write - (moment is Moment.BEFORE)], (write, moment)
                inserted_again(survivor)


def inserted_again(store: Store) -> None:
    """A new card is made of what survived: it is whole, and it remembers nothing volatile (Part 4, 7.5)."""
    bench = TornBench(store)
    assert dict(write_cells(read_cells(store.load()))) == store.load()
    assert not bench.card.session.proofs
    assert bench.word("00A40000023F00") in ("9000", "6A81")


# -- a whole personalisation ----------------------------------------------------------------------


def torn_states(whole: Built) -> Iterator[tuple[int, Cells]]:
    """Every different card that a cut in a whole personalisation can leave, and the step that was cut.

    That after a cut at a write the card is as the writes before left it is what the tests above show.
    """
    for at, step in enumerate(whole.steps):
        recording = Recording(whole.cells[at])
        bench = TornBench(recording)
        whole.do(bench, whole.way_to(at))
        start = len(recording.states)
        whole.do(bench, [step])
        for state in recording.states[start:]:
            yield at, state


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0", "pboc"])
def test_a_personalisation_cut_at_any_write_goes_on_where_it_was(profile: str) -> None:
    """The machine finds the step done or not done, and the card it gets is the one that nothing disturbed."""
    whole = built(profile)
    seen = 0
    for at, state in torn_states(whole):
        seen += 1
        done = state == whole.cells[at + 1] != whole.cells[at]
        assert done or state == whole.cells[at] or spent(whole.cells[at], state), whole.steps[at].title
        following = min(at + done, len(whole.steps) - 1)
        if done and following == at:
            continue
        bench = TornBench(MemoryStore(state))
        whole.do(bench, [*whole.way_to(following), whole.steps[following]])
        assert bench.cells() == whole.cells[following + 1], whole.steps[at].title
    assert seen > len(whole.steps)


@pytest.mark.parametrize("moment", Moment)
def test_a_personalisation_cut_again_and_again_ends_with_the_same_card(moment: Moment, tmp_path: Path) -> None:
    """On an image file, power is cut at the 1st, 2nd, 3rd... write after each insertion, and the machine goes on."""
    whole = built()
    path = tmp_path / "card.sscard"
    SqliteStore.create(path, whole.cells[0].items())
    at = cuts = 0
    while at < len(whole.steps):
        with closing(SqliteStore(path)) as store:
            bench = TornBench(store)
            whole.do(bench, whole.way_to(at))
            cuts += 1
            bench.store.cut(cuts, moment)
            try:
                while at < len(whole.steps):
                    whole.do(bench, whole.steps[at : at + 1])
                    at += 1
            except PowerCut:
                at += store.load() == whole.cells[at + 1] != whole.cells[at]
    assert cuts > 20
    with closing(SqliteStore(path)) as store:
        assert store.load() == whole.cells[-1]


@pytest.mark.parametrize(
    ("before", "way", "again"),
    [
        ("load a temporary EMK", (CARD_KEY,), "load CMK"),
        ("replace EMK", ("DDF1", ENVIRONMENT_KEY), "create DF01"),
        ("create DF04/EF05", ("DDF1", ENVIRONMENT_KEY), "create DF01"),
    ],
)
def test_a_personalisation_that_was_cut_can_start_again(before: str, way: Way, again: str) -> None:
    """DELETE STRUCTURE, itself cut at every write, then everything from there on (Part 10, 5.1.1 and 5.2.3)."""
    whole = built()
    scenario = Scenario("start again", _taken(before), _going(way, _apdu("80E1000300")))
    for write in range(1, len(uncut(scenario)[0])):
        for moment in Moment:
            survivor = MemoryStore(scenario.cells())
            cut_off(scenario, survivor, write, moment)
            bench = TornBench(survivor)
            if survivor.load() == scenario.cells():
                assert bench.send(scenario.prepare(bench)) == "9000"
            bench.card.power_on()
            at = whole.at(again)
            whole.do(bench, whole.way_to(at))
            whole.do(bench, whole.steps[at:])
            assert bench.cells() == whole.cells[-1]


@pytest.mark.parametrize("profile", ["ssc-2.0", "pboc"])
def test_a_card_being_built_finds_the_same_files_and_keys_as_one_inserted_again(profile: str) -> None:
    """What is found through identifiers and names is kept up to date with each command, and made anew on insertion."""
    whole = built(profile)
    bench = TornBench(MemoryStore(whole.cells[0]))
    for step in whole.steps:
        whole.do(bench, [step])
        image, anew = bench.card.image, Image(read_cells(bench.cells()), MemoryStore())
        for name in vars(anew):
            if name not in ("store", "_cached", "_parsed"):
                assert getattr(image, name) == getattr(anew, name), (step.title, name)
