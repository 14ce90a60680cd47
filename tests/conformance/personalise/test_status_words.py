"""Every status word of every personalisation command, and every key in every command that uses keys.

The matrix of words is total over the rows of the coding `t514`, as that of the standard's commands is in
`conformance/social/test_status_words.py`; the one of keys has WRITE KEY and EXTERNAL AUTHENTICATION with P2 00 in it
(Part 4, 7.1).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest

from emulator.card.table import Row
from emulator.commands.personalise.t514_rows import T514_ROWS
from tests.kit.card import MF, ORIGINAL, PIN_CN, SSSE, family
from tests.kit.issuer import (
    ADF,
    ENVIRONMENT_KEYS,
    INSTALL,
    NAMES,
    RETIRE,
    UPDATE,
    IssuerBench,
    Secret,
    master,
    secret,
    stage,
)
from tests.kit.reference import Reference

Where = tuple[str, int]
Scenario = Callable[[], tuple[IssuerBench, str]]
BY_CODE: Final = {(row.cla, row.ins): row for row in T514_ROWS}
NEW: Final = secret("a new key")
KEY: Final = Secret(0x0D, NEW, kid=0x1B)

CREATE: Final = ("CREATE FILE", 0x80)
DELETE: Final = ("DELETE FILE", 0x80)
WRITE: Final = ("WRITE KEY", 0x84)
PLAIN: Final = ("WRITE KEY", 0x80)


def ready(name: str = "personalising", at: str = SSSE, *, proven: bool = True) -> IssuerBench:
    """A card of a stage, with the key in control proven."""
    bench = stage(name, at=at)
    if proven:
        assert bench.prove() == "9000"
    return bench


def sent(command: str | bytes | Callable[[IssuerBench], bytes], *where: str, proven: bool = True) -> Scenario:
    """Send a command; ``where`` is stage and DF."""

    def scenario() -> tuple[IssuerBench, str]:
        bench = ready(*where, proven=proven)
        return bench, bench.send(command(bench) if callable(command) else command)

    return scenario


def worn_out(command: Callable[[IssuerBench], bytes], writes: int = 0) -> Scenario:
    """Send it to a card whose memory takes ``writes`` more changes: nothing is stored, nothing proven or lost."""

    def scenario() -> tuple[IssuerBench, str]:
        bench = ready()
        raw = command(bench)
        image = bench.card.image
        before = (dict(image.dfs), dict(image.efs), dict(image.contents), dict(image.keys), bench.card.session.proofs)
        bench.store.writes_left = writes
        answer = bench.send(raw)
        assert before == (image.dfs, image.efs, image.contents, image.keys, bench.card.session.proofs)
        return bench, answer

    return scenario


SAMPLES: Final[dict[Where, str]] = {
    CREATE: "80E0010010EF19C41900001000FE010000".ljust(10 + 32, "0"),
    DELETE: "80E1000102DF02",
    WRITE: "84D4000024" + "00" * 36,
    PLAIN: "80D4000018" + KEY.plain.hex(),
}
NEW_EF: Final = "80E001000C EF19 C4 19 00 0010 00 FE 0100 00"
DELETE_ADF: Final = "80E1000102DF02"


def load(p1: int = INSTALL, key: Secret = KEY) -> Callable[[IssuerBench], bytes]:
    """A right key load."""
    return lambda bench: bench.key_load(key, p1)


def flipped(command: Callable[[IssuerBench], bytes]) -> Callable[[IssuerBench], bytes]:
    """The same with the last bit of the MAC the other way round."""

    def make(bench: IssuerBench) -> bytes:
        raw = command(bench)
        return raw[:-1] + bytes((raw[-1] ^ 1,))

    return make


def _locked_card() -> IssuerBench:
    bench = ready()
    assert bench.prove(bench.value(SSSE, "BK"), 0x05) == "9000"
    assert bench.word(bench.secured("84160000")) == "9000"
    return bench


def _locked_application() -> IssuerBench:
    bench = stage("personalising", at=ADF)
    assert bench.prove(bench.value(ADF, "LK"), 0x81) == "9000"
    assert bench.word(bench.secured("841E0001")) == "9000"
    return bench


def _locked_master() -> IssuerBench:
    bench = stage("personalising", at=SSSE)
    while bench.tries_left(SSSE):
        assert bench.prove(NEW).startswith("63C")
    return bench


def on(make: Callable[[], IssuerBench], command: str | Callable[[IssuerBench], bytes]) -> Scenario:
    """Send a command to a card that somebody has prepared."""

    def scenario() -> tuple[IssuerBench, str]:
        bench = make()
        return bench, bench.send(command if isinstance(command, str) else command(bench))

    return scenario


OTHER_CLASS: Final = {CREATE: "84", DELETE: "84", WRITE: "00", PLAIN: "00"}
WRONG_PARAMETERS: Final = {
    CREATE: ("0400", "0101", "0000", "0700"),
    DELETE: ("0102", "0000", "0004"),
    WRITE: ("0300", "0001", "FF00"),
    PLAIN: ("0300", "0001"),
}
WRONG_LENGTHS: Final = {
    CREATE: ("80E002000100", "80E0020002DF01", "80E0010005DF09", "80E00100FFDF09"),
    DELETE: ("80E1000101DF", "80E1000103DF0200", "80E1000302DF02", "80E10001", "80E1000200"),
    WRITE: ("84D4000025" + "00" * 37, "84D4000004" + "00" * 4, "84D400001C" + "00" * 28, "84D40000"),
    PLAIN: ("80D40000", "80D4000000"),
}

SINGLE: Final[dict[tuple[Where, int], Scenario]] = {
    (CREATE, 0x9000): sent(NEW_EF),
    (CREATE, 0x6581): worn_out(lambda _: bytes.fromhex(NEW_EF)),
    (CREATE, 0x6982): sent(NEW_EF, proven=False),
    (CREATE, 0x6985): sent(NEW_EF, "created", SSSE),
    (CREATE, 0x6987): on(
        lambda: stage("blank", overrides="[settings.personalisation]\nplain_keys = false"), "80E0030010" + NEW.hex()
    ),
    (CREATE, 0x6A80): sent("80E001000C EF05 C4 19 00 0010 00 FE 0100 00"),
    (DELETE, 0x9000): sent(DELETE_ADF),
    (DELETE, 0x6581): worn_out(lambda _: bytes.fromhex(DELETE_ADF)),
    (DELETE, 0x6982): sent(DELETE_ADF, proven=False),
    (DELETE, 0x6985): sent(DELETE_ADF, "in use", SSSE, proven=False),
    (DELETE, 0x6A82): sent("80E1000102DF09"),
    (WRITE, 0x9000): sent(load()),
    (WRITE, 0x6581): worn_out(load()),
    (WRITE, 0x6983): on(_locked_master, load()),
    (WRITE, 0x6984): sent(lambda bench: bench.key_load(KEY, challenge=bytes(8))),
    (WRITE, 0x6985): sent(load(), "in use", SSSE, proven=False),
    (WRITE, 0x6987): sent(lambda bench: (raw := load()(bench))[:4] + b"\x20" + raw[5:-4]),
    (WRITE, 0x6988): sent(flipped(load())),
    (WRITE, 0x6A80): sent(load(key=Secret(0x0D, NEW, kid=0x04))),
    (WRITE, 0x6A88): sent(load(UPDATE)),
    (PLAIN, 0x6987): sent(SAMPLES[PLAIN]),
}


def _common(where: Where) -> dict[int, Scenario]:
    sample = SAMPLES[where]
    command = load() if where == WRITE else sample
    locked = bytes.fromhex(SAMPLES[WRITE]).hex() if where == WRITE else sample
    return {
        0x6A81: on(_locked_card, sample),
        0x9303: on(_locked_application, locked),
        0x6E00: sent(OTHER_CLASS[where] + sample[2:]),
        0x6A86: sent(sample[:4] + WRONG_PARAMETERS[where][0] + sample[8:]),
        0x6700: sent(WRONG_LENGTHS[where][0]),
        **({} if where == PLAIN else {0x9000: SINGLE.get((where, 0x9000), sent(command))}),
    }


SCENARIOS: Final[dict[tuple[Where, int], Scenario]] = {
    **{(where, word): scenario for where in SAMPLES for word, scenario in _common(where).items()},
    **SINGLE,
}


@pytest.mark.parametrize(
    ("where", "word"), list(SCENARIOS), ids=[f"{name}/{cla:02X}/{word:04X}" for (name, cla), word in SCENARIOS]
)
@pytest.mark.clause("Part 4, 7.3", "each status word of the personalisation commands")
def test_a_personalisation_command_answers_each_of_its_words(where: Where, word: int) -> None:
    bench, answer = SCENARIOS[where, word]()
    assert family(answer[-4:]) == word, bench.reason
    assert len(answer) == 4
    last = bench.card.last
    assert last is not None
    if word != 0x6E00:
        assert BY_CODE[last.raw[0], last.raw[1]].name == where[0]


def test_every_row_and_word_has_a_scenario_and_no_scenario_a_word_that_its_row_does_not_list() -> None:
    listed = {((row.name, row.cla), word) for row in T514_ROWS for word in row.status_words}
    assert set(SCENARIOS) == listed


@pytest.mark.parametrize("row", T514_ROWS, ids=lambda row: f"{row.name}/{row.cla:02X}")
def test_wrong_parameters_and_lengths_are_refused_before_anything_else(row: Row) -> None:
    """Also without any right, and on every kind of card that is not locked."""
    where = (row.name, row.cla)
    sample = SAMPLES[where]
    for name, df in (("blank", MF), ("mastered", MF), ("personalising", ADF), ("in use", SSSE)):
        for parameters in WRONG_PARAMETERS[where]:
            bench = stage(name, at=df)
            before = bench.cells()
            assert bench.send(sample[:4] + parameters + sample[8:]) == "6A86", parameters
            assert bench.cells() == before
    for command in WRONG_LENGTHS[where]:
        bench = ready()
        before = bench.cells()
        assert bench.send(command) == "6700", command
        assert bench.cells() == before


def _worn(writes: int, command: Callable[[IssuerBench], bytes]) -> Scenario:
    def scenario() -> tuple[IssuerBench, str]:
        bench = ready()
        raw = command(bench)
        bench.store.writes_left = writes
        return bench, bench.send(raw)

    return scenario


ORDER: Final[dict[str, tuple[str, Scenario]]] = {
    "phase before right": ("6985", sent(NEW_EF, "created", SSSE, proven=False)),
    "phase before data": ("6985", sent("80E0010003DF0902", "in use", SSSE, proven=False)),
    "right before data": ("6982", sent("80E001000C EF05 C4 19 00 0010 00 FE 0100 00", proven=False)),
    "right before the end of the data": ("6982", sent("80E0010003EF19C4", proven=False)),
    "right before the type": ("6982", sent("80E0010003EF19CF", proven=False)),
    "right before the file": ("6982", sent("80E1000102DF09", proven=False)),
    "phase before the MAC": ("6985", sent(flipped(load()), "in use", SSSE, proven=False)),
    "lock before challenge": ("6983", on(_locked_master, lambda b: b.key_load(KEY, challenge=bytes(8)))),
    "challenge before MAC": ("6984", sent(flipped(lambda b: b.key_load(KEY, challenge=bytes(8))))),
    "MAC before data": ("6988", sent(flipped(load(key=Secret(0x0D, NEW, kid=0x04))))),
    "MAC before the phase of the deciphered key": ("6988", sent(flipped(load(key=master(NEW, version=2))))),
    "what is there before what it is worth": ("6A88", sent(load(UPDATE, Secret(0x0D, bytes(16), kid=0x1B)))),
    "data before memory": ("6A80", _worn(0, lambda _: bytes.fromhex("80E001000CEF05C41900001000FE010000"))),
    "the charge before everything": ("6581", _worn(0, flipped(load()))),
}


@pytest.mark.parametrize(("word", "scenario"), list(ORDER.values()), ids=list(ORDER))
def test_of_two_faults_the_earlier_check_gives_the_word(word: str, scenario: Scenario) -> None:
    """Table, phase, right, lock, challenge, MAC, data, memory."""
    bench, answer = scenario()
    assert answer == word, bench.reason


@pytest.mark.clause("Part 4, 7.3", "a load that cannot be stored leaves the old key; the try stays spent")
@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("p1", [INSTALL, UPDATE, RETIRE])
def test_a_load_that_cannot_be_stored_changes_no_key(p1: int, writes: int) -> None:
    bench = ready()
    command = bench.key_load(KEY if p1 == INSTALL else Secret(0x0D, NEW, kid=0x04), p1)
    keys = dict(bench.card.image.keys)
    bench.store.writes_left = writes
    assert bench.send(command) == "6581"
    assert bench.card.image.keys == keys
    assert bench.tries_left(SSSE) == 3 - writes


@pytest.mark.clause("Part 4, 7.3", "with the memory worn out the refund fails too, and the try stays spent")
def test_a_refund_that_cannot_be_stored_leaves_the_try_spent() -> None:
    bench = ready()
    command = bench.key_load(Secret(0x0D, NEW, kid=0x04))  # 6A80, it is there
    bench.store.writes_left = 1
    assert bench.send(command) == "6581"
    assert bench.tries_left(SSSE) == 2


# -- one key, one function ------------------------------------------------------------------------------------

Name = tuple[str, str, int]
"""A key: DF, name, version."""


@dataclass(frozen=True)
class Held:
    """A key of the card as one knows it who has its value."""

    suite: str
    value: bytes
    kid: int
    kind: int
    level: int


def held(bench: IssuerBench) -> dict[Name, Held]:
    """Every key of the card, of the MF, of the environment and of an application."""
    suite = bench.suite
    found: dict[Name, Held] = {
        (MF, "CMK", 1): Held(suite, bench.cmk, 0xFF, 0, 0),
        (SSSE, "EMK", 1): Held(suite, bench.masters[SSSE], 0xFF, 0, 0),
        (MF, "TRANSPORT", 1): Held(suite, bench.transport, 0xFF, 0x0F, 0),
    }
    for df in (SSSE, ADF):
        for name, key in bench.secrets(df):
            if name != "PIN":
                found[df, name, key.version] = Held(key.suite, key.value, key.kid, key.kind, key.level)
    return found


def _kids() -> list[int]:
    return sorted({0x00, 0x0B, 0x81, 0x82, 0x83, 0x88, 0x8F, 0xFF, *(kid for *_, kid, _ in ENVIRONMENT_KEYS)})


@pytest.mark.clause("Part 4, 7.1", "EXTERNAL AUTHENTICATION: a key for its own identifier, P2 00 the one in control")
@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("name", ["personalising", "in use"])
@pytest.mark.parametrize("here", [SSSE, ADF])
def test_every_value_proves_its_own_key_and_no_other(here: str, name: str, suite: str) -> None:
    """Every value under every identifier."""
    first = stage(name, suite, at=here)
    for (df, key_name, version), key in held(first).items():
        bench = IssuerBench.of(first)
        for kid in _kids():
            if kid % 3 == 0:  # before a counter is at zero
                bench = IssuerBench.of(first)
            bench.select(here)
            is_it = kid == key.kid and key.kind == 0x0D and df in (here, SSSE) and (df == here or kid < 0x80)
            if kid == 0:
                is_it = key_name == "EMK" and name == "personalising"
            word = bench.prove(key.value, kid, suite=key.suite, version=version)
            assert (word == "9000") is is_it, (key_name, f"{kid:02X}", word)
            assert bool(bench.card.session.proofs) is is_it
            if is_it:
                assert {ref.owner for ref in bench.card.session.proofs} == {df}


@pytest.mark.clause("Part 4, 7.1", "WRITE KEY takes the key in control and no other")
@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize(("name", "p1"), [("personalising", INSTALL), ("personalising", UPDATE), ("in use", UPDATE)])
@pytest.mark.parametrize("here", [SSSE, ADF])
def test_no_key_but_the_one_in_control_loads_keys(here: str, name: str, p1: int, suite: str) -> None:
    first = stage(name, suite, at=here)
    kid = 0x04 if here == SSSE else 0x83
    key_to_load = Secret(0x0D, secret("new", suite), suite, kid + (0x10 if p1 == INSTALL else 0))
    for (_, key_name, _), key in held(first).items():
        bench = IssuerBench.of(first)
        bench.select(here)
        word = bench.load(key_to_load, p1, under=key.value, suite=key.suite)
        assert word == ("9000" if key_name == "EMK" else "6988"), key_name


@pytest.mark.clause("Part 4, 7.1", "MAC and right of each block and unblock command come from their own two keys")
@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("here", [SSSE, ADF])
@pytest.mark.parametrize(
    ("header", "right", "local"),
    [("84160000", "BK", False), ("841E0001", "LK", True), ("84240000", "PUK", False)],
    ids=["CARD BLOCK", "APPLICATION BLOCK", "PIN UNBLOCK"],
)
def test_each_secured_command_takes_its_two_keys_and_no_others(
    header: str, right: str, local: bool, here: str, suite: str
) -> None:
    """The right by each key that proves anything, the MAC by each key of the card."""
    first = stage("personalising", suite, at=here)
    owner = here if local else SSSE
    keys = held(first)

    def attempt(rights: Name, maced: Held) -> str:
        bench = IssuerBench.of(first)
        bench.select(here)
        proving = keys[rights]
        p2 = 0 if proving.kind == 0 else proving.kid
        assert bench.prove(proving.value, p2, suite=proving.suite, version=rights[2]) == "9000"
        rules = Reference(maced.suite)
        session = rules.session_key(maced.value, bench.challenge())
        covered = bytes.fromhex(header) + b"\x04"
        return bench.word(covered + rules.mac(session, covered))

    for name, key in keys.items():
        word = attempt((owner, right, 1), key)
        assert (word == "9000") is (name == (owner, "STK", 1)), (name, word)
        proves = (key.kind == 0x0D and name[0] in (here, SSSE)) or name == (SSSE, "EMK", 1)
        if proves:
            word = attempt(name, keys[owner, "STK", 1])
            assert word == ("9000" if name[:2] == (owner, right) else "6982"), name


@pytest.mark.clause("Part 4, 7.1", "the card proves itself with the key made for it")
@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("here", [SSSE, ADF])
def test_internal_authentication_uses_its_own_key(here: str, suite: str) -> None:
    bench = stage("personalising", suite, at=here)
    random = bytes(range(8))
    answer = bytes.fromhex(bench.ask(b"\x00\x88\x00\x00\x10" + random + ORIGINAL)[:-4])
    made = {name: Reference(key.suite).auth(key.value, random, ORIGINAL) for name, key in held(bench).items()}
    assert [name for name, data in made.items() if data == answer] == [(SSSE, "IRK", 1)]


@pytest.mark.clause("Part 4, 7.1", "the MAC of a secured update is made with the maintenance key of the DF")
@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("here", [SSSE, ADF])
def test_a_secured_update_takes_the_maintenance_key_of_its_own_df(here: str, suite: str) -> None:
    first = stage("personalising", suite, '[settings.sm]\nupdate_commands = "per-file"', at=here)
    assert first.prove() == "9000"
    assert first.create_ef(0xEF19, sfi=0x19, flags=0x02, update=b"\x01\x00") == "9000"
    for name, key in held(first).items():
        bench = IssuerBench.of(first)
        bench.select(here)
        rules = Reference(key.suite)
        session = rules.session_key(key.value, bench.challenge())
        covered = bytes.fromhex("04D6990006") + PIN_CN[:2]
        word = bench.word(covered + rules.mac(session, covered))
        assert word == ("9000" if name == (here, "STK", 1) else "6988"), name


@pytest.mark.clause("Part 4, 7.1", "the PIN is compared and does nothing else, and no key is a PIN")
def test_no_key_is_a_pin() -> None:
    bench = stage("personalising", at=SSSE)
    for (_, name, _), key in held(bench).items():
        assert bench.verify(key.value[:8]) in ("63C2", "6984"), name
        assert bench.verify() == "9000"
    assert NAMES
