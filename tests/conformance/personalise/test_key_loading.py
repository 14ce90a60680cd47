"""Keys from birth to death: how they come into the card, what is refused, and where they never are.

Part 4, 7.2 to 7.5; the MAC and the encryption of a load from Part 9, 7.1.2, 7.1.3, 7.2.2 and 7.2.3.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from cardfs.issuing.issue import blank
from cardfs.memory.cells import read_cells
from cardfs.memory.image import Image
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from keys.generate import SeededRandom, generate_key
from keys.records import KeyRef, KeyState
from keys.suites import SUITES as RULES
from tests.kit.card import MF, SSSE, scripted
from tests.kit.issuer import (
    ADF,
    INSTALL,
    MANUFACTURER_KEY,
    NONE,
    RETIRE,
    STAGES,
    UPDATE,
    IssuerBench,
    Secret,
    master,
    pin,
    rule,
    secret,
    stage,
)
from tests.kit.reference import Reference

SUITES: Final = ("3DES", "SM4")
ANY: Final = secret("any key")


def new_key(suite: str, kid: int = 0x1B, **more: Any) -> Secret:
    """A key that the environment does not have."""
    return Secret(0x0D, secret("a new key", suite), suite, kid, **more)


def changed(bench: IssuerBench, before: dict[Any, Any]) -> set[tuple[str, str]]:
    """The cells that are other ones than before."""
    after = bench.cells()
    return {at for at in before.keys() | after.keys() if before.get(at) != after.get(at)}


EMK_TRIES: Final = ("tries", f"{SSSE}#EMK.1")


# -- the MAC and the cipher ----------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 7.3", "a key comes enciphered and with a MAC, and is what was sent")
@pytest.mark.clause("Part 4, 8.3.2", "LD stands before the key")
@pytest.mark.parametrize("length", [4, 8, 16])
@pytest.mark.parametrize("suite", ["3DES", "SM4", "DES"])
@pytest.mark.parametrize("loaded", ["3DES", "DES", "SM4"])
def test_a_load_by_the_rules_of_the_controlling_key_is_taken(suite: str, loaded: str, length: int) -> None:
    """The cipher and the MAC have the suite of the master key, whatever key they carry."""
    card = "SM4" if suite == "SM4" else "3DES"
    bench = stage("created", card)
    bench.select(SSSE)
    bench.masters[SSSE] = secret("master", suite)
    assert bench.load(master(bench.masters[SSSE], suite)) == "9000"
    key = Secret(0x0D, secret("application key", loaded), loaded, 0x1C)
    challenge = bench.challenge(length)
    if length == 16 and suite != "SM4":
        # A challenge longer than a block is of no use (Part 4, 8.4).
        assert bench.load(key, suite=suite, challenge=challenge[:8]) == "6984"
        return
    assert bench.load(key, suite=suite, challenge=challenge) == "9000"
    assert bench.prove(key.value, 0x1C, suite=loaded) == "9000"
    stored = next(each for (ref, _), each in bench.card.image.keys.items() if each.kid == 0x1C)
    assert (stored.value, stored.suite_name, stored.tries_max) == (key.value, loaded, 3)


@pytest.mark.clause("Part 4, 7.3", "a wrong MAC changes nothing and costs the key in control a try")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("bit", [0, 7, 8, 16, 39, 40, 41, 100, 295, 296, 300, 327])
def test_one_wrong_bit_is_6988_and_changes_nothing_but_the_counter(bit: int, suite: str) -> None:
    """Header, Lc, cipher and MAC; a changed header or Lc is another command, or none."""
    bench = stage("personalising", suite, at=SSSE)
    command = bytearray(bench.key_load(new_key(suite)))
    command[bit // 8] ^= 0x80 >> bit % 8
    before = bench.cells()
    word = bench.send(bytes(command))
    if bit >= 40:
        assert word == "6988"
        assert changed(bench, before) == {EMK_TRIES}
        assert bench.tries_left(SSSE) == 2
    else:
        assert word in ("6E00", "6D00", "6A86", "6700", "6988"), bit
        assert changed(bench, before) <= {EMK_TRIES}
    # The challenge is used up, if the command was one that takes it.
    assert bench.load(new_key(suite)) == "9000"
    assert bench.tries_left(SSSE) == 3


@pytest.mark.clause("Part 4, 7.3", "the MAC covers the header: a load is not turned into another one")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize(("made", "sent"), [(INSTALL, UPDATE), (UPDATE, RETIRE), (RETIRE, UPDATE)])
def test_a_mac_for_one_kind_of_load_is_none_for_another(made: int, sent: int, suite: str) -> None:
    bench = stage("personalising", suite, at=SSSE)
    key = Secret(0x0D, ANY, suite, 0x04)
    command = bytearray(bench.key_load(key, made))
    command[2] = sent
    before = bench.cells()
    assert bench.send(bytes(command)) == "6988"
    assert changed(bench, before) == {EMK_TRIES}


@pytest.mark.clause("Part 4, 7.3", "wrong MACs in a row lock the key in control")
@pytest.mark.parametrize("suite", SUITES)
def test_at_zero_the_controlling_key_is_locked(suite: str) -> None:
    bench = stage("personalising", suite, at=SSSE)
    for left in (2, 1, 0):
        command = bench.key_load(new_key(suite))
        assert bench.send(command[:-1] + bytes((command[-1] ^ 1,))) == "6988"
        assert bench.tries_left(SSSE) == left
    before = bench.cells()
    assert bench.load(new_key(suite)) == "6983"
    assert bench.prove() == "6983"
    assert bench.cells() == before
    # For ever: a loss of power gives nothing back.
    again = IssuerBench.of(bench)
    again.select(SSSE)
    assert again.load(new_key(suite)) == "6983"


@pytest.mark.clause("Part 4, 7.3", "a wrong authentication and a wrong MAC share the counter of the key")
def test_authentications_and_loads_count_together() -> None:
    bench = stage("personalising", at=SSSE)
    assert bench.prove(ANY) == "63C2"
    assert bench.load(new_key("3DES"), under=ANY) == "6988"
    assert bench.tries_left(SSSE) == 1
    assert bench.prove() == "9000"
    assert bench.tries_left(SSSE) == 3


@pytest.mark.clause("Part 4, 7.3", "a load without MAC is refused")
@pytest.mark.parametrize("p1", [INSTALL, UPDATE, RETIRE])
@pytest.mark.parametrize("name", ["blank", "activated", "mastered", "created", "personalising", "in use"])
def test_a_load_without_mac_is_6987(name: str, p1: int) -> None:
    """In clear, and enciphered but without secure messaging; also where no load is allowed."""
    bench = stage(name, at=SSSE if name in ("created", "personalising", "in use") else MF)
    key = new_key("3DES")
    cipher = Reference("3DES").encrypt(bench.controlling(), key.plain)
    before = bench.cells()
    for data in (key.plain, cipher, cipher + bytes(4), b"\x00"):
        bench.challenge()
        assert bench.send(bytes((0x80, 0xD4, p1, 0x00, len(data))) + data) == "6987"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.3", "a load without MAC is refused")
@pytest.mark.parametrize("suite", SUITES)
def test_secure_messaging_that_ends_before_the_mac_is_6987(suite: str) -> None:
    bench = stage("personalising", suite, at=SSSE)
    command = bytearray(bench.key_load(new_key(suite))[:-4])
    command[4] -= 4
    assert bench.send(bytes(command)) == "6987"


@pytest.mark.clause("Part 4, 7.3", "a load without challenge is refused")
@pytest.mark.parametrize("suite", SUITES)
def test_a_load_without_a_fresh_challenge_is_6984(suite: str) -> None:
    bench = stage("personalising", suite, at=SSSE)
    before = bench.cells()
    assert bench.load(new_key(suite), challenge=bytes(8)) == "6984"
    command = bench.key_load(new_key(suite))
    bench.select(SSSE)  # the challenge ends with the DF (Part 5, 6.5.1)
    assert bench.send(command) == "6984"
    assert bench.cells() == before
    assert bench.tries_left(SSSE) == 3


@pytest.mark.clause("Part 4, 7.3", "a recorded load cannot be replayed")
@pytest.mark.clause("Part 4, 8.4.1", "a challenge serves one command")
@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("p1", [INSTALL, UPDATE])
def test_a_recorded_load_is_refused(p1: int, suite: str) -> None:
    """At once, under the next challenge, on the card after a loss of power, and on another card."""
    bench = stage("personalising", suite, at=SSSE)
    key = new_key(suite) if p1 == INSTALL else Secret(0x0D, ANY, suite, 0x04)
    recorded = bench.key_load(key, p1)
    assert bench.send(recorded) == "9000"
    before = bench.cells()
    assert bench.send(recorded) == "6984"
    assert bench.cells() == before
    bench.challenge()
    assert bench.send(recorded) == "6988"
    assert changed(bench, before) == {EMK_TRIES}
    again = IssuerBench.of(stage("personalising", suite))
    again.card.random = SeededRandom("another stream")
    again.select(SSSE)
    again.challenge()
    assert again.send(recorded) == "6988"
    assert changed(again, stage("personalising", suite).cells()) == {EMK_TRIES}


# -- what comes, and what cannot come ------------------------------------------------------------------


@pytest.mark.clause("Part 4, 7.3", "a key that is there is not loaded again, one that is not there not updated")
@pytest.mark.parametrize("df", [SSSE, ADF])
@pytest.mark.parametrize("suite", SUITES)
def test_install_is_for_new_keys_and_update_for_those_that_are_there(df: str, suite: str) -> None:
    bench = stage("personalising", suite, at=df)
    before = bench.cells()
    for name, key in bench.secrets(df):
        assert bench.load(key) == "6A80", name
    absent = [
        new_key(suite, kid=0x1B),
        new_key(suite, kid=0x9B),
        # A version that is not there; the same identifier as another function.
        Secret(0x07, secret("STK", bench.kind_of("STK")), bench.kind_of("STK"), 0x82 if df == ADF else 0x02, 2),
        Secret(0x07, ANY, suite, 0x83 if df == ADF else 0x04),
        Secret(0x08, ANY, suite, 0x83 if df == ADF else 0x04),
        Secret(0x0D, ANY, suite, 0x83 if df == ADF else 0x04, level=1),
    ]
    for key in absent:
        assert bench.load(key, UPDATE) == "6A88", key
        assert bench.load(key, RETIRE) == "6A88", key
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.1", "an identifier keeps its one function")
@pytest.mark.parametrize("suite", SUITES)
def test_an_identifier_that_has_a_function_gets_no_other(suite: str) -> None:
    """Also not as another version."""
    bench = stage("personalising", suite, at=SSSE)
    before = bench.cells()
    for kind, level in ((0x07, 0), (0x08, 0), (0x0D, 1), (0x0D, 2), (0x0D, 3), (0x0D, 4), (0x0E, 0), (0x0A, 0)):
        for version in (1, 2, 3):
            assert bench.load(Secret(kind, ANY, suite, 0x0A, version, level)) == "6A80"
    assert bench.cells() == before
    assert bench.load(Secret(0x0D, ANY, suite, 0x0A, 2)) == "9000"


MALFORMED: Final = {
    "another type": b"\x02\x1b\x01\x00\x33\x00\x00\x10",
    "another level": b"\x0d\x1b\x01\x00\x33\x00\x05\x10",
    "a level of another type": b"\x07\x1b\x01\x00\x33\x00\x01\x10",
    "version 0": b"\x0d\x1b\x00\x00\x33\x00\x00\x10",
    "version 4": b"\x0d\x1b\x04\x00\x33\x00\x00\x10",
    "the reserved byte": b"\x0d\x1b\x01\x01\x33\x00\x00\x10",
    "another algorithm": b"\x0d\x1b\x01\x00\x33\x02\x00\x10",
    "no algorithm": b"\x0d\x1b\x01\x00\x33\xff\x00\x10",
    "length 17": b"\x0d\x1b\x01\x00\x33\x00\x00\x11",
    "length 8 of 3DES, with more behind it": b"\x0d\x1b\x01\x00\x33\x00\x00\x08",
    "DES, not filled with FF": b"\x0d\x1b\x01\x00\x33\x01\x00\x08",
    "DES of 16 bytes": b"\x0d\x1b\x01\x00\x33\x01\x00\x10",
    "length 0": b"\x0d\x1b\x01\x00\x33\x00\x00\x00",
    "the identifier that stands for the PIN": b"\x0d\xfe\x01\x00\x33\x00\x00\x10",
    "the identifier that stands for a PIN of this DF": b"\x0d\xfd\x01\x00\x33\x00\x00\x10",
    "a PIN of letters": b"\x01\xff\x01\x00\x33\xff\x00\x03",
    "a PIN with an identifier": b"\x01\x1b\x01\x00\x33\xff\x00\x03",
    "a PIN with an algorithm": b"\x01\xff\x01\x00\x33\x00\x00\x03",
}


@pytest.mark.clause("Part 4, 7.3", "what is no key of this card is refused, and costs no try")
@pytest.mark.parametrize("what", MALFORMED)
def test_a_head_that_is_none_is_6a80_under_a_right_mac_and_costs_nothing(what: str) -> None:
    bench = stage("handed over", at=SSSE)
    head = MALFORMED[what]
    digits = b"\xab\xcd\xef" if "letters" in what else b"\x12\x34\x56"
    value = digits.ljust(16, b"\xff") if head[0] == 1 else ANY
    before = bench.cells()
    for _ in range(4):  # more than the tries of the master key
        assert bench.load(head + value) == "6A80"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.3", "the limit of the counter comes with the key")
@pytest.mark.parametrize(("tries", "limit"), [(0x30, 3), (0x13, 1), (0xF0, 15)])
def test_the_high_nibble_is_the_limit_of_the_counter(tries: int, limit: int) -> None:
    """A new key has all its tries, whatever the low nibble says."""
    bench = stage("handed over", at=SSSE)
    head = bytearray(new_key("3DES").plain)
    head[4] = tries
    assert bench.load(bytes(head)) == "9000"
    assert bench.tries_left(SSSE, 0x1B) == limit
    assert bench.prove(ANY, 0x1B) == f"63C{limit - 1:X}"


def test_without_a_limit_a_key_has_no_counter_and_never_locks() -> None:
    bench = stage("handed over", at=SSSE)
    head = bytearray(new_key("3DES").plain)
    head[4] = 0x0F
    assert bench.load(bytes(head)) == "9000"
    for _ in range(20):
        assert bench.prove(ANY, 0x1B) == "63CF"
    assert bench.prove(secret("a new key"), 0x1B) == "9000"


@pytest.mark.clause("Part 4, 7.3", "cipher data of another form are refused")
def test_cipher_data_of_another_form_are_6a80_under_a_right_mac() -> None:
    """LD that does not fit, data that are too long or too short."""
    bench = stage("handed over", at=SSSE)
    before = bench.cells()
    for block in (b"\x20" + bytes(31), b"\xff" + bytes(31), b"\x18" + bytes(31), b"\x00\x80" + bytes(30)):
        covered = bytes.fromhex("84D4000024") + Reference("3DES").blocks(bench.controlling(), block)
        mac = Reference("3DES").key_load_mac(bench.controlling(), bench.challenge(), covered)
        assert bench.send(covered + mac) == "6A80"
    for plain in (ANY + bytes(9), ANY + bytes(15)):
        assert bench.load(plain) == "6A80"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.1", "a master key has no identifier by which another command could ask for it")
@pytest.mark.parametrize("name", ["activated", "created"])
def test_a_master_key_has_no_identifier(name: str) -> None:
    bench = stage(name, at=SSSE if name == "created" else MF)
    before = bench.cells()
    for kid in (0x00, 0x05, 0x85):
        assert bench.load(master(ANY, kid=kid)) == "6A80"
    assert bench.cells() == before
    assert bench.load(master(ANY)) == "9000"


# -- weak keys, parity, key space --------------------------------------------------------------------------

WEAK: Final = "0101010101010101 FEFEFEFEFEFEFEFE E0E0E0E0F1F1F1F1 1F1F1F1F0E0E0E0E"
SEMI_WEAK: Final = (
    "011F011F010E010E 1F011F010E010E01 01E001E001F101F1 E001E001F101F101 01FE01FE01FE01FE FE01FE01FE01FE01 "
    "1FE01FE00EF10EF1 E01FE01FF10EF10E 1FFE1FFE0EFE0EFE FE1FFE1FFE0EFE0E E0FEE0FEF1FEF1FE FEE0FEE0FEF1FEF1"
)
GOOD: Final = secret("good", "DES")
EVEN: Final = bytes(byte ^ 1 for byte in GOOD)


def values() -> dict[str, tuple[str, bytes, str]]:
    """Keys by what is the matter with them: suite, value, kind of defect."""
    found: dict[str, tuple[str, bytes, str]] = {}
    for text in f"{WEAK} {SEMI_WEAK}".split():
        value = bytes.fromhex(text)
        found[f"{text}"] = ("DES", value, "weak")
        found[f"{text}, other parity"] = ("DES", bytes(byte ^ 1 for byte in value), "weak even")
        found[f"{text} on the left"] = ("3DES", value + GOOD, "weak")
        found[f"{text} on the right"] = ("3DES", GOOD + value, "weak")
    found["good"] = ("3DES", secret("good"), "")
    found["good DES"] = ("DES", GOOD, "")
    found["equal halves"] = ("3DES", GOOD + GOOD, "short")
    found["halves that differ in parity only"] = ("3DES", GOOD + EVEN, "short even")
    found["even parity in one byte"] = ("3DES", GOOD + bytes((GOOD[0] ^ 2, *GOOD[1:])), "even")
    found["SM4 of any parity"] = ("SM4", EVEN + EVEN, "")
    return found


@pytest.mark.clause("Part 4, 7.2", "weak keys, shortened key space and parity, under every setting")
@pytest.mark.parametrize("weak", ["accept", "refuse-weak", "refuse-short"])
@pytest.mark.parametrize("parity", ["ignore", "check"])
def test_weak_keys_and_parity_are_dealt_with_as_the_profile_says(weak: str, parity: str) -> None:
    overrides = f'[settings.personalisation]\nweak_keys = "{weak}"\nparity = "{parity}"'
    bench = stage("handed over", overrides=overrides, at=SSSE)
    refused = {"weak": weak != "accept", "short": weak == "refuse-short", "even": parity == "check"}
    for what, (suite, value, defects) in values().items():
        before = bench.cells()
        key = Secret(0x0D, value, suite, 0x1B)
        if any(refused[defect] for defect in defects.split()):
            assert bench.load(key) == "6A80", what
            # An update is held to the same.
            there = Secret(0x0D, ANY, "3DES", 0x1B)
            assert bench.cells() == before
            assert bench.load(there) == "9000"
            assert bench.load(key, UPDATE) == "6A80", what
        else:
            assert bench.load(key) == "9000", what
            assert bench.load(key, UPDATE) == "9000", what
        bench = stage("handed over", overrides=overrides, at=SSSE)


@pytest.mark.clause("Part 4, 7.2", "master and transport keys are held to the same")
@pytest.mark.parametrize("weak", ["accept", "refuse-weak", "refuse-short"])
def test_master_and_transport_keys_are_held_to_the_same(weak: str) -> None:
    overrides = f'[settings.personalisation]\nweak_keys = "{weak}"'
    half = bytes.fromhex(WEAK.split(maxsplit=1)[0])
    for value, bad in ((half + GOOD, weak != "accept"), (GOOD + GOOD, weak == "refuse-short")):
        word = "6A80" if bad else "9000"
        assert stage("blank", overrides=overrides).send("80E0030010" + value.hex()) == word
        assert stage("blank", overrides=overrides).load(Secret(0x0F, value), UPDATE) == word
        assert stage("activated", overrides=overrides).load(master(value)) == word
        assert stage("mastered", overrides=overrides).load(master(value), UPDATE) == word
        assert stage("created", overrides=overrides, at=SSSE).load(master(value)) == word
        assert stage("handed over", overrides=overrides, at=SSSE).load(master(value), UPDATE) == word


@pytest.mark.clause("Part 4, 7.2", "generated keys have odd parity and are none of the weak ones")
def test_generated_keys_are_drawn_again_until_they_are_good() -> None:
    """The random source gives weak and short keys first; each is rejected, whatever its parity."""
    weak, even = WEAK.split()[0], EVEN.hex()
    drawn = generate_key(RULES["3DES"], scripted(weak + GOOD.hex(), GOOD.hex() + weak, even + GOOD.hex(), ANY.hex()))
    assert drawn == ANY
    assert generate_key(RULES["DES"], scripted(weak, even)) == GOOD
    assert generate_key(RULES["SM4"], scripted(EVEN.hex() * 2)) == EVEN * 2


# -- versions and the end of a key -----------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 7.5", "versions live and end one by one; what is out of use is refused")
@pytest.mark.parametrize("unknown", ["6A88", "6983"])
@pytest.mark.parametrize("suite", SUITES)
def test_versions_of_a_key_come_and_go_one_by_one(suite: str, unknown: str) -> None:
    bench = stage("personalising", suite, f'[settings.key]\nversion_unknown = "{unknown}"', at=SSSE)
    values = {version: bench.value(SSSE, "UK", version) for version in (1, 2, 3)}
    for version, value in values.items():
        assert bench.prove(value, 0x04, version=version) == "9000"
        assert bench.prove(values[version % 3 + 1], 0x04, version=version) == "63C2"
        assert bench.prove(value, 0x04, version=version) == "9000"
    assert bench.prove(values[1], 0x04, version=4) == unknown
    assert bench.card.session.proofs
    assert bench.load(Secret(0x0D, ANY, suite, 0x04, 2), RETIRE) == "9000"
    # What the key proved ends with the version.
    assert not bench.card.session.proofs
    before = bench.cells()
    assert bench.prove(values[2], 0x04, version=2) == "6A88"
    # It does not come back: not by installing, updating, or retiring once more.
    for p1, word in ((INSTALL, "6A80"), (UPDATE, "6A88"), (RETIRE, "6A88")):
        assert bench.load(Secret(0x0D, values[2], suite, 0x04, 2), p1) == word
    assert bench.cells() == before
    for version in (1, 3):
        assert bench.prove(values[version], 0x04, version=version) == "9000"
    again = IssuerBench.of(bench)
    again.select(SSSE)
    assert again.prove(values[2], 0x04, version=2) == "6A88"


@pytest.mark.clause("Part 4, 7.5", "a key out of use does nothing in any command")
@pytest.mark.parametrize("name", ["personalising", "in use"])
@pytest.mark.parametrize("suite", SUITES)
def test_a_retired_key_does_nothing(name: str, suite: str) -> None:
    bench = stage(name, suite, at=SSSE)
    stk, kind = bench.value(SSSE, "STK"), bench.kind_of("STK")
    for key in (
        Secret(0x07, stk, kind, 0x02),
        Secret(0x0E, ANY, suite, 0x00),
        Secret(0x0D, ANY, suite, 0x06, level=1),
        pin(),
    ):
        assert bench.load(key, RETIRE) == "9000"
    assert bench.send("0088000010" + "00" * 16) == "6A88"
    assert bench.prove(bench.value(SSSE, "PUK"), 0x06) == "6A88"
    assert bench.verify() == "6A88"
    assert bench.prove(bench.value(SSSE, "BK"), 0x05) == "9000"
    assert bench.word(bench.secured("84160000")) == "6A88"
    assert bench.word("805E0100077391 54FF739154") == "6A81"


@pytest.mark.clause("Part 4, 7.5", "the value of a key out of use is erased, from memory and from the file")
@pytest.mark.parametrize("name", ["personalising", "in use"])
@pytest.mark.parametrize("suite", SUITES)
def test_the_value_of_a_retired_key_is_erased(name: str, suite: str, tmp_path: Path) -> None:
    # In use there is a PIN, and the second of three versions goes.
    values = {version: secret(f"SSSE.UK.{version}", suite) for version in (1, 2, 3)}
    path = tmp_path / "card.sscard"
    Image.create(path, read_cells(stage(name, suite).cells()))
    bench = IssuerBench.of(stage(name, suite))
    bench.card = Card(Image.open(path), SeededRandom("retire"))
    bench.select(SSSE)
    assert bench.prove(values[2], 0x04, version=2) == "9000"
    assert values[2] in b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert bench.load(Secret(0x0D, ANY, suite, 0x04, 2), RETIRE) == "9000"
    assert bench.load(pin(), RETIRE) == "9000"
    ref = KeyRef(SSSE, bench.card.image.key_name(SSSE, 0x04))
    assert bench.card.image.keys[ref, 2].state is KeyState.RETIRED
    assert bench.card.image.keys[ref, 2].value == b""
    assert bench.card.image.keys[KeyRef(SSSE, "PIN"), 1].value == b""
    stored = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert values[2] not in stored
    assert values[1] in stored
    # An erased PIN is no empty one (Part 7, 5.6), also after the next start.
    for _ in range(2):
        assert bench.send("00B0860004") == "6982"
        assert bench.verify() == "6A88"
        assert bench.prove(values[2], 0x04, version=2) == "6A88"
        assert bench.prove(values[3], 0x04, version=3) == "9000"
        bench.card.close()
        bench.card = Card(Image.open(path), SeededRandom("again"))
        bench.select(SSSE)
    bench.card.close()


@pytest.mark.parametrize("version", [0, 2, 3, 4])
@pytest.mark.parametrize("p1", [INSTALL, UPDATE, RETIRE])
@pytest.mark.parametrize("df", [SSSE, ADF])
def test_a_pin_has_no_version_but_1(df: str, p1: int, version: int) -> None:
    """No text has versions of a PIN; one of version 2 would not be found by the rules that ask for it."""
    bench = stage("personalising", at=df)
    assert bench.prove() == "9000"
    before = bench.cells()
    assert bench.load(replace(pin(), version=version), p1) == ("6A88" if p1 and 1 <= version <= 3 else "6A80")
    assert bench.cells() == before
    bench.select(SSSE)
    assert bench.send("00B0860004") == "6982"
    assert bench.verify() == "9000"
    assert bench.send("00B0860004")[-4:] == "9000"


@pytest.mark.clause("Part 4, 7.5", "a master key is replaced, never retired")
@pytest.mark.parametrize(
    ("name", "df"), [("blank", MF), ("activated", MF), ("mastered", MF), ("created", SSSE), ("personalising", SSSE)]
)
def test_no_master_key_is_retired(name: str, df: str) -> None:
    bench = stage(name, at=df)
    before = bench.cells()
    for kind in (0x00, 0x0F):
        assert bench.load(Secret(kind, ANY), RETIRE) == "6985"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.5", "what the old value of a key proved ends with its update")
def test_an_update_ends_what_the_old_value_proved() -> None:
    bench = stage("personalising", at=SSSE)
    assert bench.prove(bench.value(SSSE, "UK"), 0x04) == "9000"
    assert bench.word("00D6860004AABBCCDD") == "9000"
    assert bench.load(Secret(0x0D, ANY, "3DES", 0x04), UPDATE) == "9000"
    assert bench.word("00D6860004AABBCCDD") == "6982"
    assert bench.prove(bench.value(SSSE, "UK"), 0x04) == "63C2"
    assert bench.prove(ANY, 0x04) == "9000"
    assert bench.word("00D6860004AABBCCDD") == "9000"


@pytest.mark.clause("Part 4, 7.3", "an update opens a locked key again")
def test_an_update_restores_the_counter() -> None:
    bench = stage("in use", at=SSSE)
    for left in (2, 1, 0):
        assert bench.prove(ANY, 0x04) == f"63C{left}"
    assert bench.prove(bench.value(SSSE, "UK"), 0x04) == "6983"
    assert bench.load(Secret(0x0D, ANY, "3DES", 0x04), UPDATE) == "9000"
    assert bench.prove(ANY, 0x04) == "9000"


@pytest.mark.clause("Part 4, 7.5", "the keys of a locked application are dead and stay so")
@pytest.mark.parametrize("name", ["personalising", "in use"])
@pytest.mark.parametrize("suite", SUITES)
def test_dead_keys_are_not_revived(name: str, suite: str) -> None:
    bench = stage(name, suite, at=ADF)
    assert bench.prove(bench.value(ADF, "LK"), 0x81) == "9000"
    assert bench.word(bench.secured("841E0001")) == "9000"
    before = bench.cells()
    for key_name, key in bench.secrets(ADF):
        for p1 in (INSTALL, UPDATE, RETIRE):
            assert bench.load(key, p1, challenge=bytes(8)) == "9303", key_name
    bench.select(SSSE)
    for _, key in bench.secrets(ADF):
        # From the environment the identifier of an application is another key.
        assert bench.load(key, UPDATE) == "6A88"
    assert bench.word("00A4000002DF01") == "9303"
    assert bench.cells() == before


# -- the transport key -------------------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 7.3", "a key comes in clear on a blank card only, and only where the profile allows it")
@pytest.mark.parametrize("name", list(STAGES))
@pytest.mark.parametrize("plain", [True, False])
def test_a_plain_transport_key_is_for_blank_cards_whose_profile_allows_it(plain: bool, name: str) -> None:
    # Only the shipped way to a later stage needs the plain key; then the setting does not matter any more.
    overrides = "" if plain or name != "blank" else "[settings.personalisation]\nplain_keys = false"
    for df in (MF, SSSE, ADF):
        bench = stage(name, overrides=overrides)
        if df not in bench.card.image.dfs:
            continue
        bench.select(df)
        before = bench.cells()
        expected = "6985" if name != "blank" else "9000" if plain else "6987"
        assert bench.send("80E0030010" + ANY.hex()) == expected
        assert (bench.cells() == before) is (expected != "9000")


@pytest.mark.clause("Part 4, 7.3", "without plain keys the transport key is replaced under the maker's")
def test_a_card_without_plain_keys_is_activated_under_the_makers_key() -> None:
    bench = stage("blank", overrides="[settings.personalisation]\nplain_keys = false")
    assert bench.load(Secret(0x0F, ANY), UPDATE) == "9000"
    bench.transport = ANY
    assert bench.prove(MANUFACTURER_KEY) == "63C2"
    assert bench.prove() == "9000"
    assert bench.end() == "9000"
    bench.load_card_master()


def test_setting_the_transport_key_restores_its_counter() -> None:
    bench = stage("blank")
    assert bench.prove(ANY) == "63C2"
    assert bench.send("80E0030010" + ANY.hex()) == "9000"
    assert bench.tries_left(MF, usage="transport") == 3


@pytest.mark.parametrize("length", [0, 8, 15, 17, 24])
def test_a_transport_key_of_another_length_is_6a80(length: int) -> None:
    bench = stage("blank")
    before = bench.cells()
    assert bench.send(bytes((0x80, 0xE0, 0x03, 0x00, length)) + bytes(length)) == "6A80"
    assert bench.cells() == before


@pytest.mark.clause("Part 4, 7.5", "the transport key is hidden, valid again, and at last erased")
@pytest.mark.parametrize("suite", SUITES)
def test_the_transport_key_is_hidden_then_valid_again_then_erased(suite: str) -> None:
    """Part 10, 5.1.1."""

    def state() -> str | None:
        found = [key for key in bench.card.image.keys.values() if str(key.usage) == "transport"]
        assert all(key.value == bench.transport for key in found)
        return str(found[0].state) if found else None

    bench = stage("activated", suite)
    assert state() == "active"
    bench.load_card_master()
    assert state() == "retired"
    for kid in range(256):
        assert bench.prove(bench.transport, kid) in (("63C2", "63C1", "63C0", "6983") if not kid else ("6A88",))
    assert bench.load(Secret(0x0F, ANY, suite), UPDATE) == "6985"
    assert bench.prove() == "9000"
    assert bench.delete_all() == "9000"
    assert state() == "active"
    assert bench.prove() == "9000"
    bench.load_card_master().create_environment().hand_over().finish(SSSE)
    assert state() == "retired"
    bench.finish(MF)
    assert state() is None
    assert bench.transport not in b"".join(cell.data for cell in bench.cells().values())
    assert bench.load(Secret(0x0F, ANY, suite), UPDATE) == "6985"
    assert bench.delete_all() == "6985"


# -- secrets that only pass through ---------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 7.5", "session and temporary keys are never in the non-volatile memory")
@pytest.mark.clause("Part 4, 7.4", "a value that was replaced is in no cell")
@pytest.mark.parametrize("suite", SUITES)
def test_no_session_key_is_ever_in_a_cell(suite: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Session keys of every authentication and MAC on the way of a card, computed aside, after every step."""
    made: set[bytes] = set()
    derive = Reference.session_key

    def noting(self: Reference, key: bytes, challenge: bytes) -> bytes:
        made.add(derive(self, key, challenge))
        return derive(self, key, challenge)

    monkeypatch.setattr(Reference, "session_key", noting)
    bench = IssuerBench(suite)
    steps = 0
    original_transmit = bench.card.transmit

    def transmit(raw: bytes) -> bytes:
        nonlocal steps
        answer = original_transmit(raw)
        if raw[1] == 0x84:
            made.add(answer[:-2])
        steps += 1
        held = b"\x00".join(cell.data + cell.meta.encode() for cell in bench.cells().values())
        for value in made:
            assert value not in held
            assert value.hex().encode() not in held.lower()
        return answer

    monkeypatch.setattr(bench.card, "transmit", transmit)
    old = secret("temporary master", suite)
    bench.masters[SSSE] = old
    bench.activate().load_card_master().create_environment().hand_over().fill(SSSE)
    bench.create_application(ADF)
    assert bench.prove(bench.value(ADF, "LK"), 0x81) == "9000"
    bench.select(SSSE)
    new = secret("final master", suite)
    assert bench.load(master(new, suite), UPDATE) == "9000"
    bench.masters[SSSE] = new
    assert old not in b"\x00".join(cell.data for cell in bench.cells().values())
    bench.finish(SSSE).finish(MF)
    assert bench.transport not in b"\x00".join(cell.data for cell in bench.cells().values())
    bench.select(SSSE)
    assert bench.prove(bench.value(SSSE, "BK"), 0x05) == "9000"
    assert bench.word(bench.secured("84160000")) == "9000"
    assert steps > 60
    assert len(made) > 35


@pytest.mark.clause("Part 4, 7.4", "replaced, deleted and hidden values are gone from the image file too")
def test_replaced_and_deleted_keys_are_gone_from_the_file(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    Image.create(path, blank(load_profile("ssc-2.0")))
    bench = IssuerBench()
    bench.card = Card(Image.open(path), SeededRandom("file"))
    bench.masters[SSSE] = secret("temporary master")
    bench.activate().load_card_master().create_environment().hand_over().fill(SSSE)
    bench.create_application(ADF)
    gone = [MANUFACTURER_KEY, bench.transport, bench.masters[SSSE]]
    gone += [value for _, key in bench.secrets(ADF) if (value := key.value)]
    bench.select(SSSE)
    assert bench.prove() == "9000"
    assert bench.delete(0xDF01) == "9000"
    new = secret("final master")
    assert bench.load(master(new), UPDATE) == "9000"
    bench.masters[SSSE] = new
    bench.finish(SSSE).finish(MF)
    bench.card.close()
    held = b"".join(each.read_bytes() for each in tmp_path.iterdir())
    assert new in held
    assert [value for value in gone if value in held] == []


@pytest.mark.clause("Part 4, 7.5", "what a session holds ends with power")
def test_a_proof_of_the_key_in_control_ends_with_power() -> None:
    for reset in ("power_off", "power_on", "reset"):
        bench = stage("personalising", at=SSSE)
        assert bench.prove() == "9000"
        command = bench.key_load(new_key("3DES"))
        getattr(bench.card, reset)()
        bench.select(SSSE)
        assert bench.create_ef(0xEF19) == "6982"
        assert bench.send(command) == "6984"


@pytest.mark.clause("Part 4, 7.4", "no answer of a personalisation command carries data")
def test_personalisation_commands_answer_a_status_word_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = IssuerBench()
    original = bench.card.transmit
    seen = set()

    def transmit(raw: bytes) -> bytes:
        answer = original(raw)
        if raw[1] in (0xE0, 0xE1, 0xD4):
            seen.add(raw[1])
            assert len(answer) == 2
        return answer

    monkeypatch.setattr(bench.card, "transmit", transmit)
    bench.activate().load_card_master().create_environment().hand_over().fill(SSSE).create_application(ADF)
    bench.select(SSSE)
    assert bench.prove() == "9000"
    assert bench.delete(0xDF01) == "9000"
    assert seen == {0xE0, 0xE1, 0xD4}


@pytest.mark.clause("Part 4, 7.1", "a master key names nothing in an access rule")
def test_no_rule_is_satisfied_by_a_master_key() -> None:
    """Reference 00 is the key with identifier 00, which proves nothing; FF is none."""
    bench = stage("handed over", at=SSSE)
    assert bench.prove() == "9000"
    assert bench.create_ef(0xEF19, read=rule(b"\x00"), update=rule(bytes((NONE,)))) == "9000"
    assert bench.word("00A4020002EF19") == "6A82"  # without SFI it is internal
    assert bench.create_ef(0xEF1A, sfi=0x1A, read=rule(b"\x00"), update=rule(bytes((NONE,)))) == "9000"
    assert bench.word("00B09A0004") == "6982"
