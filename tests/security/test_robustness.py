"""Bad input on the wire: any bytes, mutated commands, flipped bits, replays, and the known failures of others.

Every byte string gets at least two bytes back and changes nothing unless the answer says so.
"""

import itertools
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from cardfs.memory.image import Image
from cardfs.model.settings import Settings, SmSettings
from emulator.cards import Card
from keys.generate import SeededRandom
from tests.kit.card import MF, ORIGINAL, PIN_CN, SSSE, CardBench, HandmadeBench, contents, reference_key
from tests.kit.reference import Reference


def examples(count: int, **more: Any) -> settings:
    """How hypothesis runs here: without deadlines, and the same every time."""
    return settings(
        max_examples=count,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        derandomize=True,
        database=None,
        **more,
    )


SECURED = Settings(sm=SmSettings(update_commands="per-file", read_commands="per-file"))
Cells = Mapping[Any, Any]


def differences(before: Cells, after: Cells) -> set[tuple[str, str]]:
    """Keys of the cells that are not the same."""
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}


def allowed(raw: bytes, word: int, changed: set[tuple[str, str]]) -> bool:
    """Whether an answer says that these cells changed (digest, 8 and 9.3)."""
    kinds = {kind for kind, _ in changed}
    if not changed:
        return True
    if word == 0x9000 or word >> 8 == 0x61:
        return raw[1] in (0xD6, 0xDC, 0x82, 0x20, 0x5E, 0x24, 0x1E, 0x16, 0xE0, 0xE1, 0xD4)
    if word & 0xFFF0 == 0x63C0:
        return kinds == {"tries"} and len(changed) == 1
    # A wrong MAC costs the unblock key a try (Part 7, 13.3).
    return (
        word == 0x6988 and raw[:2] == b"\x84\x24" and kinds == {"tries"} and all("#PUK" in path for _, path in changed)
    )


def exchange(card: Card, raw: bytes) -> int:
    """Send anything at all; the status word. Checks what holds for every byte string."""
    before = card.image.store.load()
    waiting = card.session.pending
    answer = card.transmit(raw)
    assert isinstance(answer, bytes)
    assert card.bug is None, card.bug
    assert len(answer) >= 2
    word = int.from_bytes(answer[-2:])
    if word == 0x6F00:
        # The standard's own word for GET RESPONSE with nothing waiting (Part 5, 6.6.4).
        assert raw[:2] == b"\x00\xc0"
        assert not waiting
    assert word >> 12 in (6, 9)
    changed = differences(before, card.image.store.load())
    assert allowed(raw, word, changed), (raw.hex(), f"{word:04X}", changed)
    assert card.last is not None
    assert card.last.raw == raw
    assert card.last.word == word
    return word


def fresh(profile: str = "ssc-2.0", overrides: str = "") -> Card:
    """A demo card in memory."""
    return Card(Image.in_memory(contents(profile, overrides)), SeededRandom("robust"))


# -- any byte string ------------------------------------------------------------------------------

INSTRUCTIONS = [0xA4, 0xB0, 0xB2, 0xC0, 0xD6, 0xDC, 0x82, 0x84, 0x88, 0x20, 0x5E, 0x24, 0x1E, 0x16, 0xE0, 0xE1, 0xD4]
headers = st.tuples(
    st.sampled_from([0x00, 0x04, 0x80, 0x84, 0xB0, 0xFF]),
    st.sampled_from([*INSTRUCTIONS, 0x26, 0x6A, 0x90]),
    st.integers(0, 255) | st.sampled_from([0, 1, 2, 4]),
    st.integers(0, 255) | st.sampled_from([0, 1, 2, 4, 0x2C, 0x83]),
).map(bytes)
bodies = st.binary(max_size=24) | st.sampled_from([PIN_CN, b"\xdd\xf1", b"\xdf\x01", b"\xef\x05", b"\x3f\x00"])
near = st.builds(
    lambda header, data, le: header + (bytes((len(data),)) + data if data else b"") + le,
    headers,
    bodies,
    st.sampled_from([b"", b"\x00", b"\x08", b"\x10", b"\xff"]),
)
anything = st.binary(max_size=300) | st.builds(bytes.__add__, headers, st.binary(max_size=40)) | near
EXTENDED = "[settings.transport]\nextended = true\n"


@examples(400)
@given(st.lists(anything, max_size=12), st.sampled_from(["ssc-2.0", "ssc-3.0"]), st.sampled_from(["", EXTENDED]))
@pytest.mark.clause("Part 4, 6.3", "no byte string reaches more than the commands of the table")
def test_any_byte_string_is_answered_and_changes_nothing_that_the_answer_does_not_say(
    commands: list[bytes], profile: str, overrides: str
) -> None:
    card = fresh(profile, overrides)
    assert exchange(card, bytes.fromhex("00A4000002DDF1")) == 0x611E
    for raw in commands:
        exchange(card, raw)


@examples(300)
@given(st.lists(near, max_size=12), st.sampled_from(["DF01", "DF03", "DF04"]))
def test_the_same_with_every_right_of_an_application_proven(commands: list[bytes], df: str) -> None:
    bench = CardBench(card=fresh())
    bench.select_df(df)
    own = [
        ref.name
        for (ref, version), key in bench.card.image.keys.items()
        if key.usage.proves and version == 1 and ref.owner in (SSSE, f"{SSSE}/{df}")
    ]
    bench.prove(["PIN", *own])
    bench.challenge()
    for raw in commands:
        exchange(bench.card, raw)


def test_every_header_with_every_short_form_is_answered() -> None:
    """All CLA with the known INS and all INS with the known CLA, cases 1 to 4, and wrong lengths."""
    card = fresh()
    exchange(card, bytes.fromhex("00A4000002DDF1"))
    known = {(0x00, ins) for ins in range(256)} | {(0x84, ins) for ins in range(256)}
    known |= {(0x80, ins) for ins in range(256)}
    known |= {(cla, ins) for cla in range(256) for ins in INSTRUCTIONS}
    for cla, ins in sorted(known):
        for body in ("", "00", "01", "0100", "010000", "04AABBCC", "000001AA", "FF"):
            exchange(card, bytes((cla, ins, 0, 0)) + bytes.fromhex(body))
    assert not card.image.info.blocked


@pytest.mark.parametrize("length", range(4))
def test_a_command_of_less_than_four_bytes_gets_6700(length: int) -> None:
    for raw in (bytes(length), b"\xff" * length, bytes.fromhex("00A404")[:length]):
        assert exchange(fresh(), raw) == 0x6700


# -- known failures of others ---------------------------------------------------------------------


@pytest.mark.clause("Part 4, 8.1", "no command takes a class that is not its own")
def test_cla_is_checked_for_every_instruction() -> None:
    """CLA not checked: only the classes of the command table pass (Part 5, 5.3), whatever the channel."""
    table = {0xA4: 0x00, 0xB0: 0x00, 0xB2: 0x00, 0xC0: 0x00, 0xD6: 0x00, 0xDC: 0x00, 0x82: 0x00, 0x84: 0x00}
    table |= {0x88: 0x00, 0x20: 0x00, 0x5E: 0x80, 0x24: 0x84, 0x1E: 0x84, 0x16: 0x84}
    # Part 5, tables 40 and 43.
    also = {0xD6: 0x04, 0xDC: 0x04}
    card = fresh()
    for ins, right in table.items():
        for cla in range(256):
            word = exchange(card, bytes((cla, ins, 0x00, 0x00)))
            assert (word == 0x6E00) is (cla not in (right, also.get(ins))), f"{cla:02X} {ins:02X}"


def test_a_truncated_command_is_never_executed() -> None:
    """Short reads executed: every proper prefix of a command that would change the card changes nothing."""
    bench = CardBench()
    bench.select_df("DF01")
    bench.prove(["PIN", "UK1DF01", "UKSSSE"])
    value = bytes.fromhex("200241 42".replace(" ", ""))
    commands = [
        bytes((0x00, 0xDC, 0x01, 0x2C, len(value))) + value,
        bytes((0x80, 0x5E, 0x01, 0x00, 0x06)) + PIN_CN + b"\xff\x12\x34",
    ]
    before = bench.cells()
    for raw in commands:
        for length in range(len(raw)):
            if length in (4, 5):
                continue
            assert exchange(bench.card, raw[:length]) == 0x6700
            assert bench.cells() == before
        for length in (4, 5):
            assert exchange(bench.card, raw[:length]) == 0x6700
        assert exchange(bench.card, raw + b"\x00\x00") == 0x6700
    assert bench.cells() == before
    for raw in commands:
        assert exchange(bench.card, raw) == 0x9000


def test_a_challenge_works_once() -> None:
    """Challenge never invalidated: the right answer to a used one is refused with 6984 (Part 5, 6.5.1)."""
    bench = CardBench()
    bench.select_ssse()
    apdu = bench.authentication("UKSSSE", 0x04)
    assert bench.send(apdu) == "9000"
    assert bench.send(apdu) == "6984"
    wrong = bench.authentication("UKSSSE", 0x04, wrong=True)
    assert bench.send(wrong) == "63C2"
    assert bench.send(wrong[:5] + bytes((wrong[5] ^ 1,)) + wrong[6:]) == "6984"


def test_a_recorded_authentication_does_not_fit_the_next_challenge() -> None:
    bench = CardBench()
    bench.select_ssse()
    apdu = bench.authentication("UKSSSE", 0x04)
    assert bench.send(apdu) == "9000"
    for left in (2, 1, 0):
        bench.challenge()
        assert bench.send(apdu) == f"63C{left}"


def test_without_a_challenge_nothing_can_be_proven() -> None:
    for way in ("never asked", "used", "replaced", "reset", "other DF"):
        bench = CardBench()
        bench.select_ssse()
        apdu = bench.authentication("UKSSSE", 0x04)
        if way == "never asked":
            bench = CardBench()
            bench.select_ssse()
        if way == "used":
            bench.send(bench.authentication("RKSSSE", 0x0A))
        if way == "reset":
            bench.card.power_on()
            bench.select_ssse()
        if way == "other DF":
            bench.word("00A4000002DF01")
        if way == "replaced":
            bench.challenge()
        assert bench.send(apdu) == ("63C2" if way == "replaced" else "6984"), way


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])
@pytest.mark.clause("Part 4, 8.1", "the class announces a MAC, and without one nothing happens")
def test_secure_messaging_without_a_mac_does_nothing(profile: str) -> None:
    """Accepted without a MAC: no data, four zero bytes, and the plain class are all refused."""
    bench = CardBench(profile)
    bench.select_ssse()
    bench.prove(["PUK", "BK"])
    for header in ("84240000", "84240001", "84160000"):
        before = {key: cell for key, cell in bench.cells().items() if "#PUK" not in key[1]}
        for tail, word in (("", "6700"), ("00", "6700"), ("0400000000", "6988")):
            bench.challenge()
            assert bench.send(header + tail) == word, header + tail
        assert bench.send("00" + header[2:]) in ("6E00", "6D00")
        assert {key: cell for key, cell in bench.cells().items() if "#PUK" not in key[1]} == before


def test_a_file_with_secured_updates_takes_no_plain_one() -> None:
    """Part 7, 7.4: 6987 without a MAC; with the plain class nothing is written."""
    card = HandmadeBench(SECURED)
    before = card.cells()
    assert card.send("00DC016403010100"[:16]) in ("6987",)
    assert card.send("00D68D000101") == "6987"
    assert card.cells() == before


def test_the_pin_of_a_card_is_not_changed_without_a_right() -> None:
    """Change of PIN without a right: the current PIN, or PUK and a MAC, and nothing else."""
    bench = CardBench()
    bench.select_ssse()
    key = bench.card.image.keys[next(at for at in bench.card.image.keys if at[0].name == "PIN")]
    assert bench.send("805E010003FF1234") == "63C2"
    assert bench.send("805E010006000000FF1234") == "63C1"
    assert bench.verify() == "9000"
    assert bench.send("805E010003FF1234") == "63C2", "not even with the PIN verified"
    assert bench.send(bench.secured("84240001", bytes(8))) == "6982"
    assert bench.card.image.keys[next(at for at in bench.card.image.keys if at[0].name == "PIN")] == key
    assert bench.verify() == "9000"


def test_the_verified_state_of_the_old_application_ends_with_it() -> None:
    """Kept after SELECT: see the firewall tests; here the plain case."""
    bench = CardBench()
    bench.select_df("DF01")
    bench.prove(["UK1DF01"])
    assert bench.word("00A4000002DF02") == "9000"
    assert bench.word("00A4000002DF01") == "9000"
    before = bench.cells()
    assert bench.send("00DC012C04200241 42".replace(" ", "")) == "6982"
    assert bench.cells() == before


def test_a_file_keeps_its_size_when_it_is_written() -> None:
    """A size that changes on erase: a transparent file keeps its length, and nothing is written beyond it."""
    bench = CardBench()
    bench.select_ssse()
    bench.prove(["UKSSSE"])
    path = f"{SSSE}/EF07"
    size = len(bench.card.image.contents[path])
    assert size == 0x300
    for offset, count in ((0, 1), (size - 1, 1), (size - 200, 200), (0, 255)):
        head = "00A4020002EF07"
        assert bench.word(head) == "9000"
        raw = bytes((0x00, 0xD6, offset >> 8, offset & 0xFF, count)) + bytes(count)
        assert exchange(bench.card, raw) == 0x9000
        assert len(bench.card.image.contents[path]) == size
    before = bench.cells()
    for offset, count in ((size, 1), (size - 1, 2), (0x7FFF, 1), (size - 200, 201)):
        raw = bytes((0x00, 0xD6, offset >> 8, offset & 0xFF, count)) + bytes(count)
        assert exchange(bench.card, raw) == 0x6B00
        assert bench.cells() == before


def test_under_t0_data_are_announced_and_fetched() -> None:
    """61xx and 6Cxx missing for T=0 (Part 2, 9.3)."""
    bench = CardBench()
    assert bench.send("00A4000002DDF1") == "611E"
    assert bench.send("00C0000000") == "6C1E"
    assert bench.send("00C000001E").endswith("9000")
    assert bench.send("00C0000000") == "6F00"
    assert bench.send("00B2032C00") == "6C06"
    assert bench.send("00B2032C06") == "0304322E30309000"


def test_a_defect_is_kept_and_answered_with_6f00_not_turned_into_a_refusal() -> None:
    """Bare `except` turned into a status word: what is no refusal stays visible."""
    card = fresh()

    def broken(length: int, /) -> bytes:
        raise ZeroDivisionError(length)

    card.random = broken
    before = card.image.store.load()
    assert card.transmit(bytes.fromhex("0084000008")) == b"\x6f\x00"
    assert isinstance(card.bug, ZeroDivisionError)
    assert card.image.store.load() == before


def test_a_transaction_that_fails_leaves_card_and_session_as_they_were() -> None:
    """Transactions that do not roll back."""
    card = HandmadeBench()
    card.prove(["UK", "PUK", "BK", "PIN"])
    for apdu in ("00DC012C0401020202", "00D687000101", "84160000", "84240000"):
        raw = bytes.fromhex(apdu) if apdu[0] == "0" else card.secured(apdu)
        session = card.card.session
        before = card.cells()
        memory = (dict(card.card.image.contents), dict(card.card.image.keys), card.card.image.info)
        # The unblock command writes its charge first; only its second write fails.
        charged = raw[1] == 0x24
        card.store.writes_left = 1 if charged else 0
        assert card.send(raw) == "6581"
        card.store.writes_left = None
        assert {key for key in differences(before, card.cells()) if "#PUK" not in key[1]} == set()
        assert (dict(card.card.image.contents), dict(card.card.image.keys), card.card.image.info) == memory
        assert card.card.session == session._replace(challenge=None)
    assert card.send(bytes.fromhex("00DC012C0401020202")) == "9000"


# -- MACs -----------------------------------------------------------------------------------------


class Maced:
    """A card in which one secured command is ready to be sent, again and again."""

    def __init__(self, name: str, suite: str) -> None:
        self.name = name
        maintenance = "3DES" if suite == "3DES" else ""
        kind = {"DES": "3DES"}.get(suite, suite)
        self.template = HandmadeBench(SECURED, suite=kind, maintenance=maintenance)
        self.kind = kind
        self.maintenance = maintenance

    def prepare(self) -> tuple[HandmadeBench, bytes]:
        """A card with the right proven and a challenge drawn, and the command that fits it."""
        bench = HandmadeBench(SECURED, suite=self.kind, maintenance=self.maintenance)
        name = self.name
        if name == "PIN CHANGE":
            bench.prove(["PUK"])
            rules = Reference(bench.key_suite("STK"))
            challenge = bench.challenge()
            session = rules.session_key(bench.key_value("STK", bench.key_suite("STK")), challenge)
            return bench, bench.secured("84240001", rules.encrypt(session, b"\x12\x34\x56"), challenge=challenge)
        if name == "PIN UNBLOCK":
            bench.prove(["PUK"])
            return bench, bench.secured("84240000")
        if name == "CARD BLOCK":
            bench.prove(["BK"])
            return bench, bench.secured("84160000")
        if name == "APPLICATION BLOCK":
            bench.select_df("DF01")
            bench.prove(["LK01"])
            return bench, bench.secured("841E0001", key="STK01")
        if name == "UPDATE RECORD":
            return bench, bench.secured("04DC0164", bytes.fromhex("0102DEAD"))
        if name == "UPDATE BINARY":
            return bench, bench.secured("04D68D02", bytes.fromhex("DEAD"))
        if name == "UPDATE RECORD, enciphered":
            return bench, bench.secured("04DC01B4", bytes.fromhex("0102DEAD"), enciphered=True)
        if name == "UPDATE BINARY, enciphered":
            return bench, bench.secured("04D69702", bytes.fromhex("DEAD"), enciphered=True)
        if name == "READ RECORD":
            return bench, bench.secured("04B201B4")
        if name == "READ BINARY":
            return bench, bench.secured("04B09702")
        raise AssertionError(name)


READING = {"READ RECORD": "6104", "READ BINARY": "610E"}
"""What answers data, and its word under T=0."""
SECURED_COMMANDS = [
    "PIN CHANGE",
    "PIN UNBLOCK",
    "APPLICATION BLOCK",
    "CARD BLOCK",
    "UPDATE RECORD",
    "UPDATE BINARY",
    "UPDATE RECORD, enciphered",
    "UPDATE BINARY, enciphered",
    *READING,
]
secured_commands = pytest.mark.parametrize("name", SECURED_COMMANDS)
suites = pytest.mark.parametrize("suite", ["DES", "3DES", "SM4"])


@suites
@secured_commands
@pytest.mark.clause("Part 4, 8.5", "Lc counts the MAC, with and without other data")
@pytest.mark.clause("Part 4, 8.4.1", "a recorded command is refused")
def test_the_untouched_command_is_accepted_once_and_its_replay_refused(name: str, suite: str) -> None:
    """A session key is used once (Part 4, 8.4.1): 6984 without a new challenge, 6988 with one."""
    bench, raw = Maced(name, suite).prepare()
    assert bench.send(raw) == READING.get(name, "9000")
    after = bench.cells()
    if name == "CARD BLOCK":
        assert bench.send(raw) == "6A81"
    elif name == "APPLICATION BLOCK":
        # It is done already (Part 5, 6.1.5).
        assert bench.send(raw) == "9000"
        assert bench.cells() == after
    else:
        assert bench.send(raw) == "6984"
        assert bench.cells() == after
        bench.challenge()
        assert bench.send(raw) == "6988"
        assert {path for _, path in differences(after, bench.cells())} <= {f"{SSSE}#PUK.1"}
    bench, raw = Maced(name, suite).prepare()
    bench.challenge()
    assert bench.send(raw) == "6988", "for a challenge that another one has replaced"


@suites
@secured_commands
@pytest.mark.clause("Part 4, 8.2", "every bit of a command is under its MAC, header and Lc too")
def test_every_single_flipped_bit_of_a_maced_command_is_refused_and_changes_nothing(name: str, suite: str) -> None:
    """6988 whenever it is still the same command; only the unblock key pays for it (Part 7, 13.3)."""
    maced = Maced(name, suite)
    bench, raw = maced.prepare()
    snapshot, session = bench.cells(), bench.card.session
    refused = 0
    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        word = bench.send(bytes(flipped))
        # Header and Lc: another command, which this one may be by chance only if it is known at all.
        same_command = bit >= 5 * 8
        changed = differences(snapshot, bench.cells())
        if same_command:
            assert word == "6988", (bit, word)
            refused += 1
        else:
            # Flips in CLA to Lc make another command: unknown, with wrong parameters or lengths, or with a
            # MAC that does not fit its header. None is carried out.
            assert word[:2] not in ("90", "61"), (bit, bytes(flipped).hex())
        charged = {("tries", f"{SSSE}#PUK.1")} if raw[1] == 0x24 and word == "6988" else set()
        assert changed == charged, (bit, word)
        # The same card again, before the command.
        if changed or bench.card.session != session:
            bench, _ = maced.prepare()
            assert bench.cells() == snapshot
            assert bench.card.session == session
    assert refused == (len(raw) - 5) * 8
    assert bench.send(raw) == READING.get(name, "9000")


def _tampered(raw: bytes) -> Iterator[bytes]:
    rng = random.Random(raw)  # noqa: S311 - which tampering is tried, nothing secret
    yield raw[:-4] + bytes(4)
    yield raw[:-4] + b"\xff\xff\xff\xff"
    yield raw[:-4] + raw[-4:][::-1]
    for first, second in itertools.combinations(range(5, len(raw)), 2):
        if raw[first] != raw[second]:
            swapped = bytearray(raw)
            swapped[first], swapped[second] = swapped[second], swapped[first]
            yield bytes(swapped)
            break
    for _ in range(5):
        yield raw[:5] + rng.randbytes(len(raw) - 5)


@suites
@secured_commands
def test_coarser_tampering_is_refused_too(name: str, suite: str) -> None:
    maced = Maced(name, suite)
    _, raw = maced.prepare()
    for tampered in _tampered(raw):
        if tampered == raw:
            continue
        bench, again = maced.prepare()
        assert again == raw
        before = bench.cells()
        assert bench.send(tampered) == "6988"
        assert {path for _, path in differences(before, bench.cells())} <= {f"{SSSE}#PUK.1"}


@pytest.mark.clause("Part 4, 8.2", "a MAC for one command is none for another")
def test_a_mac_for_one_command_is_none_for_another() -> None:
    """The header is covered (Part 4, 8.2.1): UNBLOCK is not CHANGE, CARD BLOCK is not UNBLOCK."""
    for one, other in (("84240000", "84160000"), ("84160000", "84240000"), ("84240000", "84240001")):
        bench = CardBench()
        bench.select_ssse()
        bench.prove(["PUK", "BK"])
        raw = bench.secured(one)
        assert bench.send(bytes.fromhex(other) + raw[4:]) == "6988"


# -- a card against a small model -----------------------------------------------------------------

EF = 0x05
UPDATED = bytes.fromhex("20023141")


class Terminal(RuleBasedStateMachine):
    """Valid and mutated commands in any order; the model knows what must come out, from the digest alone."""

    DFS = ("DF01", "DF02", "DF03", "DF04")
    READERS: Mapping[str, tuple[str, int]] = {
        "DF01": ("RK1DF01", 0x88),
        "DF02": ("RK1DF02", 0x88),
        "DF03": ("RK2DF03", 0x85),
        "DF04": ("RK1DF04", 0x84),
    }
    WRITERS: Mapping[str, tuple[str, int]] = {
        "DF01": ("UK1DF01", 0x83),
        "DF02": ("UK1DF02", 0x83),
        "DF03": ("UK1DF03", 0x86),
        "DF04": ("UK1DF04", 0x85),
    }

    def __init__(self) -> None:
        super().__init__()
        self.bench = CardBench("ssc-2.0")

    @initialize(profile=st.sampled_from(["ssc-2.0", "ssc-2.0-sm4"]))
    def insert(self, profile: str) -> None:
        self.bench = CardBench(profile)
        self.suite = self.bench.suite
        self.df = "MF"
        self.pin = PIN_CN
        self.tries = {"PIN": 3}
        self.proofs: set[tuple[str, str]] = set()
        self.challenge: bytes | None = None
        self.select("SSSE")
        self.first = {df: self.record(df) for df in self.DFS}

    def record(self, df: str) -> bytes:
        records = self.bench.card.image.contents[f"{SSSE}/{df}/EF05"]
        assert isinstance(records, tuple)
        return records[0]

    # what the digest says (9.1 and 9.2)

    def enter(self, df: str) -> None:
        if df != self.df:
            environment = "" if df == "MF" else "SSSE"
            self.proofs = {proof for proof in self.proofs if proof[1] == "PIN" or proof[0] == environment}
            self.challenge = None
        self.df = df

    def proven(self, name: str) -> bool:
        return ("SSSE" if name in ("PIN", "UKSSSE") else self.df, name) in self.proofs

    @rule(df=st.sampled_from(["MF", "SSSE", *DFS]))
    def select(self, df: str) -> None:
        fid = {"MF": "3F00", "SSSE": "DDF1"}.get(df, df)
        assert self.bench.word(f"00A4000002{fid}") == "9000"
        self.enter(df)

    @rule(way=st.sampled_from(["power_on", "power_off", "reset"]))
    def power(self, way: str) -> None:
        getattr(self.bench.card, way)()
        self.df, self.proofs, self.challenge = "MF", set(), None

    @rule(right=st.booleans())
    def verify(self, right: bool) -> None:
        pin = self.pin if right else bytes.fromhex("9876")
        word = self.bench.verify(pin)
        assert word == self.after_pin(right)
        if word == "9000":
            self.proofs.add(("SSSE", "PIN"))

    def after_pin(self, right: bool) -> str:
        if self.df == "MF":
            return "6A88"
        if not self.tries["PIN"]:
            return "6983"
        self.tries["PIN"] = 3 if right else self.tries["PIN"] - 1
        return "9000" if right else f"63C{self.tries['PIN']}"

    @rule()
    def ask_for_the_pin(self) -> None:
        assert self.bench.verify(b"") == ("6A88" if self.df == "MF" else f"63C{self.tries['PIN']}")

    @rule(right=st.booleans(), new=st.sampled_from([PIN_CN, bytes.fromhex("1234"), bytes.fromhex("55555F")]))
    def change_pin(self, right: bool, new: bytes) -> None:
        data = (self.pin if right else bytes.fromhex("9876")) + b"\xff" + new
        word = self.bench.send(bytes((0x80, 0x5E, 0x01, 0x00, len(data))) + data)
        assert word == ("6A81" if self.df == "MF" else self.after_pin(right))
        if word == "9000":
            self.pin = new

    @rule(length=st.sampled_from([4, 8, 16, 5, 0]))
    def get_challenge(self, length: int) -> None:
        answer = self.bench.send(f"00840000{length:02X}")
        if length in (4, 8, 16):
            self.challenge = bytes.fromhex(answer[:-4])
            assert len(self.challenge) == length
        else:
            # What was refused leaves no older challenge.
            assert answer == "6700"
            self.challenge = None

    @rule(kind=st.sampled_from(["reader", "writer", "UKSSSE"]), right=st.booleans())
    def authenticate(self, kind: str, right: bool) -> None:
        if self.df in ("MF", "SSSE"):
            name, kid = "UKSSSE", 0x04
        else:
            pair = {"reader": self.READERS, "writer": self.WRITERS}.get(kind)
            name, kid = pair[self.df] if pair else ("UKSSSE", 0x04)
        rules = Reference(self.suite)
        challenge, self.challenge = self.challenge, None
        known = challenge if challenge is not None and len(challenge) <= rules.block else bytes(8)
        data = rules.auth(reference_key(name, self.suite), known, ORIGINAL)
        if not right:
            data = bytes((data[0] ^ 0x40,)) + data[1:]
        word = self.bench.send(bytes((0x00, 0x82, 0x00, kid, 0x10)) + data + ORIGINAL)
        tries = self.tries.setdefault(name, 3)
        if self.df == "MF":
            assert word == "6A88"
        elif not tries:
            assert word == "6983"
        elif challenge is None or len(challenge) > rules.block:
            assert word == "6984"
        elif right:
            assert word == "9000"
            self.tries[name] = 3
            self.proofs.add(("SSSE" if name == "UKSSSE" else self.df, name))
        else:
            self.tries[name] = tries - 1
            assert word == f"63C{self.tries[name]}"

    @precondition(lambda self: self.df in self.DFS)
    @rule()
    def read_record(self) -> None:
        reader = self.READERS[self.df][0]
        answer = self.bench.ask(f"00B201{EF << 3 | 4:02X}00")
        if self.proven("PIN") or self.proven(reader):
            assert answer == self.first[self.df].hex().upper() + "9000"
        else:
            assert answer == "6982"

    @precondition(lambda self: self.df in self.DFS)
    @rule(fill=st.integers(0, 255))
    def update_record(self, fill: int) -> None:
        old = self.first[self.df]
        new = old[:2] + bytes((fill,)) * (len(old) - 2)
        word = self.bench.send(bytes((0x00, 0xDC, 0x01, EF << 3 | 4, len(new))) + new)
        if self.proven(self.WRITERS[self.df][0]):
            assert word == "9000"
            self.first[self.df] = new
        else:
            assert word == "6982"

    @rule(header=headers, data=st.binary(min_size=1, max_size=30))
    def malformed(self, header: bytes, data: bytes) -> None:
        """Shorter than its Lc says: refused, and nothing is forgotten but the challenge of a GET CHALLENGE."""
        assert self.bench.word(header + b"\x20" + data) in ("6700", "6A86", "6E00", "6D00")
        if header[:2] == b"\x00\x84":
            self.challenge = None

    @rule(ins=st.sampled_from(INSTRUCTIONS), cla=st.integers(1, 255))
    def foreign_class(self, ins: int, cla: int) -> None:
        """A class that does not belong to the instruction (Part 5, 5.4)."""
        maker = ins in (0xE0, 0xE1, 0xD4)
        own = ((0x80, 0x5E), (0x84, 0x24), (0x84, 0x1E), (0x84, 0x16), (0x04, 0xD6), (0x04, 0xDC))
        if not maker and (cla, ins) not in own:
            assert self.bench.word(bytes((cla, ins, 0x00, 0x00, 0x00))) == "6E00"

    @invariant()
    def nothing_else_is_true(self) -> None:
        if not hasattr(self, "df"):
            return
        session, image = self.bench.card.session, self.bench.card.image
        assert session.df == {"MF": MF, "SSSE": SSSE}.get(self.df, f"{SSSE}/{self.df}")
        assert session.challenge == self.challenge
        found = {(image.dfs[ref.owner].label, ref.name) for ref in session.proofs}
        assert found == self.proofs
        for (at, version), left in image.tries.items():
            assert left == (self.tries.get(at.name, 3) if version == 1 else 3)
        assert {df: self.record(df) for df in self.DFS} == self.first


TestTerminal = Terminal.TestCase
TestTerminal.settings = examples(100, stateful_step_count=40)


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4"])
def test_the_model_holds_through_long_traffic_that_mostly_goes_well(  # noqa: C901 - a table: what each draw sends
    profile: str,
) -> None:
    """The same model, but with the odds of a terminal: into an application, a challenge, a key, its files."""
    chance = random.Random(profile)  # noqa: S311 - which command comes next
    terminal = Terminal()
    terminal.insert(profile)
    pick = chance.choice
    pins = [PIN_CN, bytes.fromhex("1234"), bytes.fromhex("55555F")]
    seen: set[tuple[str, int]] = set()
    for at in range(6000):
        # By turns somebody who knows the secrets, and somebody who guesses.
        right = chance.random() < (0.85 if at // 200 % 2 else 0.1)
        mostly = chance.random() < 0.85
        step = chance.choices(range(11), weights=[10, 1, 6, 2, 3, 12, 16, 8, 8, 1, 1])[0]
        match step:
            case 0:
                terminal.select(pick(["SSSE", *Terminal.DFS, *Terminal.DFS]) if mostly else "MF")
            case 1:
                terminal.power(pick(["power_on", "power_off", "reset"]))
            case 2:
                terminal.verify(right)
            case 3:
                terminal.ask_for_the_pin()
            case 4:
                terminal.change_pin(right, pick(pins))
            case 5:
                terminal.get_challenge(8 if mostly else pick([4, 16, 5, 0]))
            case 6:
                terminal.authenticate(pick(["reader", "writer", "UKSSSE"]), right)
            case 7 if terminal.df in Terminal.DFS:
                terminal.read_record()
            case 8 if terminal.df in Terminal.DFS:
                terminal.update_record(chance.randrange(256))
            case 9:
                terminal.malformed(bytes((0x00, pick(INSTRUCTIONS), 0x00, 0x00)), chance.randbytes(5))
            case 10:
                terminal.foreign_class(pick(INSTRUCTIONS), chance.randrange(1, 256))
            case _:
                continue
        last = terminal.bench.card.last
        assert last is not None
        seen.add((last.row.name if last.row else "", last.word))
        terminal.nothing_else_is_true()
        if not all(terminal.tries.values()) and chance.random() < 0.03:
            # A card on which something is locked is played with for a while, then replaced.
            terminal.insert(profile)
    words = {
        "VERIFY": (0x9000, 0x63C0, 0x63C2, 0x6983, 0x6A88),
        "CHANGE PIN": (0x9000, 0x63C2, 0x6983),
        "EXTERNAL AUTHENTICATION": (0x9000, 0x63C0, 0x63C2, 0x6983, 0x6984, 0x6A88),
        "READ RECORD": (0x9000, 0x6982),
        "UPDATE RECORD": (0x9000, 0x6982),
    }
    assert {(name, word) for name, found in words.items() for word in found} <= seen
