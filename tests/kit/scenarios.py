"""Every command that writes, as a scenario that can be cut: on a card in use, being built, and of the coding fmcos."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Final

import pytest

from cardfs.life import Operation
from cardfs.memory.cells import TRIES, write_cells
from cardfs.memory.store import Cell, CellKey, MemoryStore, Store
from cardfs.memory.tearing import Moment, PowerCut
from cardfs.model.files import DfKind, Ef, Phase, Structure
from cardfs.model.rules import FREE_RULE
from cardfs.model.settings import Settings, SmSettings
from emulator.card.table import Row
from emulator.commands.fmcos.rows import FMCOS_ROWS
from emulator.commands.personalise import t514
from keys.records import Key, KeyRef, Usage
from tests.kit.card import MF, PIN_CN, SSSE, CardBench, handmade
from tests.kit.cuts import Cells, TornBench, built
from tests.kit.fmcos import SAMPLES as FMCOS_SAMPLES
from tests.kit.fmcos import FmcosBench
from tests.kit.fmcos import ready as fmcos_ready
from tests.kit.reference import Reference

WRONG_PIN: Final = bytes.fromhex("000000")


NEW_PIN: Final = bytes.fromhex("4321")


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
    edge: tuple[Operation, DfKind, Phase] | None = None

    def __str__(self) -> str:
        """Name it, as the id of a test."""
        return self.name


@cache
def handmade_cells(suite: str) -> Cells:
    """Return the card made by hand, its updates and readings secured file by file."""
    settings = Settings(sm=SmSettings(update_commands="per-file", read_commands="per-file"))
    return dict(write_cells(handmade(settings, suite=suite, maintenance=suite)))


def _plain(apdu: str, *proofs: str) -> Callable[[TornBench], bytes]:
    """Prepare a command that stands there, after these proofs in the SSSE."""

    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        bench.prove(proofs)
        return bytes.fromhex(apdu)

    return prepare


def _secured(
    header: str, data: str = "", *proofs: str, df: str = "SSSE", key: str = "STK", enciphered: bool = False
) -> Callable[[TornBench], bytes]:
    """Prepare a command with a MAC, after these proofs in a DF."""

    def prepare(bench: TornBench) -> bytes:
        bench.select_df(df)
        bench.prove(proofs)
        return bench.secured(header, bytes.fromhex(data), key, enciphered=enciphered)

    return prepare


def _authentication(name: str, *, wrong: bool = False, failures: int = 0) -> Callable[[TornBench], bytes]:
    """Prepare an EXTERNAL AUTHENTICATION, right or wrong, after some failures."""

    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        for _ in range(failures):
            bench.authenticate(name, wrong=True)
        return bench.authentication(name, bench.kid(name), wrong=wrong)

    return prepare


def _verification(pin: bytes, failures: int = 0) -> Callable[[TornBench], bytes]:
    """Prepare a VERIFY with this PIN, after some failures."""

    def prepare(bench: TornBench) -> bytes:
        bench.select_ssse()
        for _ in range(failures):
            bench.verify(WRONG_PIN)
        return bytes((0x00, 0x20, 0x00, 0x00, len(pin))) + pin

    return prepare


def _change(current: bytes) -> Callable[[TornBench], bytes]:
    """Prepare a CHANGE PIN from this PIN."""
    data = current + b"\xff" + NEW_PIN
    return _plain(bytes((0x80, 0x5E, 0x01, 0x00, len(data))).hex() + data.hex())


def _new_pin(new: bytes) -> Callable[[TornBench], bytes]:
    """Prepare a PIN CHANGE by the issuer to this PIN."""

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
    """Yield the scenarios of a card in use, for both suites."""
    for suite in ("3DES", "SM4"):
        for name, prepare, word in _IN_USE:
            yield Scenario(f"{suite}: {name}", lambda suite=suite: handmade_cells(suite), prepare, word)  # type: ignore[misc]


TRANSPORT_KEY, CARD_KEY, ENVIRONMENT_KEY = KeyRef(MF, "TRANSPORT"), KeyRef(MF, "CMK"), KeyRef(SSSE, "EMK")


NEW_VALUE: Final = bytes(range(0x10, 0x20))


Way = tuple[str | KeyRef, ...]
"""How a terminal gets to where it gives the command: FIDs to select, keys in control to authenticate with."""


def _create_df(kind: DfKind, fid: int, name: bytes) -> Callable[[TornBench], bytes]:
    """Prepare a CREATE FILE of a directory."""
    data = t514.df_data(fid, kind, name, None, 0x1E, b"")
    return lambda _: bytes((0x80, 0xE0, 0x01, 0x00, len(data))) + data


def _create_ef(df: str) -> Callable[[TornBench], bytes]:
    """Prepare a CREATE FILE of a file of records."""
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


def fixed(text: str) -> Callable[[TornBench], bytes]:
    """Prepare a command that stands there."""
    return lambda _: bytes.fromhex(text)


def _new(usage: Usage, kid: int | None = None) -> Key:
    """Return a key that no card has yet."""
    return Key("new", usage, "3DES", NEW_VALUE, kid, 1, 3)


_BUILDING: Final[tuple[tuple[str, str, Way, Callable[[TornBench], bytes], Operation, DfKind, Phase], ...]] = (
    # name, step before which the card is taken, way there, command; operation, kind of the current DF, phase
    *(
        (name, before, way, command, operation, DfKind.MF, phase)
        for name, before, way, command, operation, phase in (
            (
                "set the historical bytes",
                "set the historical bytes",
                (),
                fixed("80E005000D" + "00814A444686605199000001AC"),
                Operation.SET_HISTORICAL,
                Phase.BLANK,
            ),
            (
                "set the transport key",
                "set the transport key",
                (),
                fixed("80E0030010" + NEW_VALUE.hex()),
                Operation.SET_TRANSPORT,
                Phase.BLANK,
            ),
            (
                "update the transport key of a blank card",
                "end of activation",
                (),
                _load(t514.UPDATE, _new(Usage.TRANSPORT), TRANSPORT_KEY),
                Operation.UPDATE_TRANSPORT,
                Phase.BLANK,
            ),
            ("end of activation", "end of activation", (), fixed("80E0020000"), Operation.END, Phase.BLANK),
            (
                "update the transport key",
                "load CMK",
                (),
                _load(t514.UPDATE, _new(Usage.TRANSPORT), TRANSPORT_KEY),
                Operation.UPDATE_TRANSPORT,
                Phase.ACTIVATED,
            ),
            (
                "give the MF its attributes",
                "load CMK",
                (TRANSPORT_KEY,),
                _create_df(DfKind.MF, 0x3F00, b"MASTER FILE"),
                Operation.CREATE_MF,
                Phase.ACTIVATED,
            ),
            (
                "load the card master key",
                "load CMK",
                (),
                _load(t514.INSTALL, _new(Usage.MASTER), TRANSPORT_KEY),
                Operation.INSTALL_MASTER,
                Phase.ACTIVATED,
            ),
            (
                "update the card master key",
                "create SSSE",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), CARD_KEY),
                Operation.UPDATE_MASTER,
                Phase.MASTERED,
            ),
            (
                "create an environment",
                "create SSSE",
                (CARD_KEY,),
                _create_df(DfKind.DDF, 0xDDF1, b"ENVIRONMENT"),
                Operation.CREATE_DDF,
                Phase.MASTERED,
            ),
            (
                "delete an environment",
                "load a temporary EMK",
                (CARD_KEY,),
                fixed("80E1000202DDF1"),
                Operation.DELETE_FILE,
                Phase.MASTERED,
            ),
            (
                "delete the card's structure",
                "load a temporary EMK",
                (CARD_KEY,),
                fixed("80E1000300"),
                Operation.DELETE_ALL,
                Phase.MASTERED,
            ),
            (
                "end of personalisation of the card",
                "end of personalisation of the card",
                (CARD_KEY,),
                fixed("80E0020000"),
                Operation.END,
                Phase.MASTERED,
            ),
            (
                "update the card master key in use",
                "",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), CARD_KEY),
                Operation.UPDATE_MASTER,
                Phase.OPERATIONAL,
            ),
        )
    ),
    (
        "load the environment master key",
        "load a temporary EMK",
        ("DDF1",),
        _load(t514.INSTALL, _new(Usage.MASTER), CARD_KEY),
        Operation.INSTALL_MASTER,
        DfKind.DDF,
        Phase.CREATED,
    ),
    *(
        (name, before, ("DDF1", *way), command, operation, DfKind.DDF, phase)
        for name, before, way, command, operation, phase in (
            (
                "update the environment master key",
                "replace EMK",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), ENVIRONMENT_KEY),
                Operation.UPDATE_MASTER,
                Phase.PERSONALISING,
            ),
            (
                "create an application",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _create_df(DfKind.ADF, 0xDF11, b"APPLICATION"),
                Operation.CREATE_ADF,
                Phase.PERSONALISING,
            ),
            (
                "delete an application",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                fixed("80E1000202DF04"),
                Operation.DELETE_FILE,
                Phase.PERSONALISING,
            ),
            (
                "delete the environment's structure",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                fixed("80E1000300"),
                Operation.DELETE_ALL,
                Phase.PERSONALISING,
            ),
            (
                "end of personalisation of the environment",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                fixed("80E0020000"),
                Operation.END,
                Phase.PERSONALISING,
            ),
            (
                "update the environment master key in use",
                "",
                (),
                _load(t514.UPDATE, _new(Usage.MASTER), ENVIRONMENT_KEY),
                Operation.UPDATE_MASTER,
                Phase.OPERATIONAL,
            ),
        )
    ),
    *(
        (f"{name} of {df[-4:]}", before, ("DDF1", *way, *below), command, operation, kind, phase)
        for df, below, kind, key, sfi in (
            (SSSE, (), DfKind.DDF, "UKSSSE", 0x08),
            (f"{SSSE}/DF01", ("DF01",), DfKind.ADF, "UK1DF01", 0x16),
        )
        for name, before, way, command, operation, phase in (
            (
                "create a file",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                _create_ef(df),
                Operation.CREATE_EF,
                Phase.PERSONALISING,
            ),
            (
                "load a key",
                "replace EMK",
                (),
                _load(t514.INSTALL, _new(Usage.EXTERNAL_AUTH, 0x9E), ENVIRONMENT_KEY),
                Operation.INSTALL_KEY,
                Phase.PERSONALISING,
            ),
            (
                "update a key",
                "replace EMK",
                (),
                _existing(t514.UPDATE, KeyRef(df, key)),
                Operation.UPDATE_KEY,
                Phase.PERSONALISING,
            ),
            (
                "retire a key",
                "replace EMK",
                (),
                _existing(t514.RETIRE, KeyRef(df, key)),
                Operation.RETIRE_KEY,
                Phase.PERSONALISING,
            ),
            (
                "write a file",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                fixed(f"00D6{0x80 | sfi:02X}0002A5A5"),
                Operation.WRITE_DATA,
                Phase.PERSONALISING,
            ),
            (
                "delete a file",
                "replace EMK",
                (ENVIRONMENT_KEY,),
                fixed(f"80E1000102EF{sfi:02X}"),
                Operation.DELETE_FILE,
                Phase.PERSONALISING,
            ),
            (
                "update a key in use",
                "",
                (),
                _existing(t514.UPDATE, KeyRef(df, key)),
                Operation.UPDATE_KEY,
                Phase.OPERATIONAL,
            ),
            (
                "retire a key in use",
                "",
                (),
                _existing(t514.RETIRE, KeyRef(df, key)),
                Operation.RETIRE_KEY,
                Phase.OPERATIONAL,
            ),
        )
    ),
)


def taken(before: str) -> Callable[[], Cells]:
    """The card before a step, or with no title the finished one."""
    return lambda: built().cells[built().at(before) if before else -1]


def going(way: Way, command: Callable[[TornBench], bytes]) -> Callable[[TornBench], bytes]:
    """Prepare a command at the end of a way."""

    def prepare(bench: TornBench) -> bytes:
        for step in way:
            if isinstance(step, KeyRef):
                bench.master(step)
            else:
                bench.select(step)
        return command(bench)

    return prepare


def _building() -> Iterator[Scenario]:
    """Yield the scenarios of a card being built."""
    for name, before, way, command, operation, kind, phase in _BUILDING:
        yield Scenario(name, taken(before), going(way, command), edge=(operation, kind, phase))
    wrong = _flipped(_load(t514.UPDATE, _new(Usage.MASTER), ENVIRONMENT_KEY))
    yield Scenario("a key load with a wrong MAC", taken(""), going(("DDF1",), wrong), "6988")
    unfit = _load(t514.UPDATE, replace(_new(Usage.MASTER), value=NEW_VALUE[:8]), ENVIRONMENT_KEY)
    yield Scenario("a key that does not fit its cipher", taken(""), going(("DDF1",), unfit), "6A80")


@cache
def _fmcos() -> Cells:
    """Return the FMCOS application in state A."""
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


class Recording(MemoryStore):
    """Keeps what was on the card after each write."""

    def __init__(self, cells: Mapping[CellKey, Cell]) -> None:
        """Start with the cells as they are."""
        super().__init__(cells)
        self.states = [self.load()]

    def write(self, changes: Mapping[CellKey, Cell | None], *, erases: bool = False) -> None:
        """Write, and keep what is on the card then."""
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
