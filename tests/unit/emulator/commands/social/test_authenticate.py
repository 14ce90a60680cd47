"""GET CHALLENGE, EXTERNAL and INTERNAL AUTHENTICATION (Part 5, 6.4, 6.5 and 6.7; Part 7, 5.4 and 6)."""

from dataclasses import replace

import pytest

from cardfs.model.settings import ChallengeSettings, KeySettings, Settings
from keys.records import KeyRef, KeyState
from tests.kit.card import ORIGINAL, SSSE, HandmadeBench, handmade, scripted
from tests.kit.reference import Reference

SUITES = ("3DES", "SM4")
RANDOM_1 = bytes.fromhex("1122334455667788")


# -- GET CHALLENGE ---------------------------------------------------------------------------------


@pytest.mark.parametrize("length", [4, 8, 16])
def test_a_challenge_is_what_the_random_source_gives(length: int) -> None:
    """Part 5, table 17."""
    bench = HandmadeBench(random=scripted("5A" * length))
    assert bench.send(f"00840000{length:02X}") == "5A" * length + "9000"


@pytest.mark.parametrize("le", ["00", "01", "03", "05", "07", "09", "0F", "11", "20", "FF"])
def test_a_challenge_has_no_other_length(le: str) -> None:
    """Part 5, table 18."""
    assert HandmadeBench().send(f"00840000{le}") == "6700"


def test_a_challenge_without_le_or_with_data_is_refused() -> None:
    assert HandmadeBench().send("00840000") == "6700"
    assert HandmadeBench().send("008400000800000000000000000008") == "6700"


def test_two_challenges_differ_and_the_latest_counts() -> None:
    """Part 7, 6.5: the random number is the latest one of the card."""
    bench = HandmadeBench()
    first = bench.challenge()
    assert bench.challenge() != first
    data = Reference("3DES").auth(bench.key_value("UK", "3DES"), first, ORIGINAL) + ORIGINAL
    assert bench.send(b"\x00\x82\x00\x04\x10" + data) == "63C2"


# -- EXTERNAL AUTHENTICATION -----------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.parametrize("length", [4, 8])
@pytest.mark.clause("Part 4, 6.3", "external authentication")
def test_the_right_data_prove_the_key(suite: str, length: int) -> None:
    """Part 4, 9.3; Part 7, 6.6."""
    bench = HandmadeBench(suite=suite)
    challenge = bench.challenge(length)
    data = Reference(suite).auth(bench.key_value("UK", suite), challenge, ORIGINAL) + ORIGINAL
    assert bench.send(b"\x00\x82\x00\x04\x10" + data) == "9000"
    assert bench.session.proofs == {KeyRef(SSSE, "UK")}


def test_a_challenge_of_16_bytes_serves_the_16_byte_suite_only() -> None:
    """Part 4, 8.4.1: 8 bytes at most in the 8-byte suite; nothing is charged."""
    bench = HandmadeBench(suite="SM4")
    challenge = bench.challenge(16)
    data = Reference("SM4").auth(bench.key_value("UK", "SM4"), challenge, ORIGINAL) + ORIGINAL
    assert bench.send(b"\x00\x82\x00\x04\x10" + data) == "9000"
    bench = HandmadeBench(suite="3DES")
    bench.challenge(16)
    assert bench.send("0082000410" + "00" * 16) == "6984"
    assert bench.tries("UK") == 3
    assert bench.session.challenge is None


@pytest.mark.parametrize("bit", range(0, 128, 9))
def test_one_flipped_bit_of_either_half_proves_nothing(bit: int) -> None:
    """Part 4, 9."""
    bench = HandmadeBench()
    command = bytearray(bench.authentication("UK", 4))
    command[5 + bit // 8] ^= 1 << bit % 8
    assert bench.send(bytes(command)) == "63C2"
    assert not bench.session.proofs


def test_failures_count_down_and_lock_and_a_success_restores() -> None:
    """Part 7, 6.6: 63Cx with the new value; x = 0 locks; at zero 6983."""
    bench = HandmadeBench()
    assert [bench.authenticate("UK", wrong=True) for _ in range(2)] == ["63C2", "63C1"]
    assert bench.authenticate("UK") == "9000"
    assert bench.tries("UK") == 3
    words = [bench.authenticate("UK", wrong=True) for _ in range(5)]
    assert words == ["63C2", "63C1", "63C0", "6983", "6983"]
    assert bench.authenticate("UK") == "6983"


def test_a_lock_outlives_power() -> None:
    """Part 7, 6.6."""
    bench = HandmadeBench()
    for _ in range(3):
        bench.authenticate("UK", wrong=True)
    bench.card.power_off()
    bench.card.power_on()
    bench.select_ssse()
    assert bench.authenticate("UK") == "6983"


def test_a_key_with_a_proof_may_be_locked_afterwards_and_the_proof_stays() -> None:
    """Rights last until power-off or another application (Part 7, 6.6)."""
    bench = HandmadeBench()
    bench.prove(("UK",))
    for _ in range(3):
        bench.authenticate("UK", wrong=True)
    assert bench.word("00DC013404080200FF") == "9000"


@pytest.mark.parametrize(("name", "df"), [("BK", "SSSE"), ("LK01", "DF01")])
def test_lock_keys_are_never_locked(name: str, df: str) -> None:
    """Part 7, 13.1 and 13.2."""
    bench = HandmadeBench()
    bench.select_df(df)
    before = bench.cells()
    assert {bench.authenticate(name, wrong=True) for _ in range(20)} == {"63CF"}
    assert bench.cells() == before
    assert bench.authenticate(name) == "9000"


def test_a_lock_key_is_never_locked_even_if_it_came_with_a_counter() -> None:
    """Part 7, 13.1: whatever the issuer wrote beside the key."""
    made = handmade()
    at = (KeyRef(SSSE, "BK"), 1)
    bench = HandmadeBench(contents=replace(made, keys={**made.keys, at: replace(made.keys[at], tries_max=2)}))
    before = bench.cells()
    for _ in range(5):
        assert bench.authenticate("BK", wrong=True) == "63C2"
    assert bench.cells() == before
    assert bench.authenticate("BK") == "9000"


@pytest.mark.parametrize("version", [None, 1, 2, 3])
def test_each_version_of_a_key_has_its_value_and_its_counter(version: int | None) -> None:
    """Part 5, 6.4.3; without a version byte it is version 1."""
    bench = HandmadeBench()
    assert bench.authenticate("UK", version=version, wrong=True) == "63C2"
    assert [bench.tries("UK", each) for each in (1, 2, 3)] == [3 - ((version or 1) == each) for each in (1, 2, 3)]
    assert bench.authenticate("UK", version=version) == "9000"
    assert bench.session.proofs == {KeyRef(SSSE, "UK")}


def test_the_value_of_another_version_proves_nothing() -> None:
    bench = HandmadeBench()
    command = bench.authentication("UK", 4, 2)
    assert bench.send(command[:-1] + b"\x03") == "63C2"


@pytest.mark.parametrize("version", [0, 4, 0xFF])
def test_an_unknown_version_is_6a88_or_what_the_profile_says(version: int) -> None:
    """The standard is silent."""
    assert HandmadeBench().authenticate("UK", version=version) == "6A88"
    bench = HandmadeBench(Settings(key=KeySettings(version_unknown="6983")))
    assert bench.authenticate("UK", version=version) == "6983"


def test_without_a_version_byte_the_profile_may_take_the_newest_living_one() -> None:
    bench = HandmadeBench(Settings(key=KeySettings(version_absent="current")))
    command = bench.authentication("UK", 4, 3)
    assert bench.send(command[:4] + b"\x10" + command[5:-1]) == "9000"
    made = handmade(Settings(key=KeySettings(version_absent="current")))
    last = (KeyRef(SSSE, "UK"), 3)
    keys = {**made.keys, last: replace(made.keys[last], state=KeyState.RETIRED)}
    bench = HandmadeBench(contents=replace(made, keys=keys))
    command = bench.authentication("UK", 4, 2)
    assert bench.send(command[:4] + b"\x10" + command[5:-1]) == "9000"


@pytest.mark.clause("Part 4, 7.5", "a retired version is refused")
def test_a_retired_version_is_not_found() -> None:
    made = handmade()
    at = (KeyRef(SSSE, "UK"), 1)
    bench = HandmadeBench(
        contents=replace(made, keys={**made.keys, at: replace(made.keys[at], state=KeyState.RETIRED)})
    )
    assert bench.authenticate("UK") == "6A88"
    assert bench.authenticate("UK", version=2) == "9000"


@pytest.mark.parametrize("kid", [0x00, 0x02, 0x0E, 0x70, 0x84, 0xFF])
def test_a_key_of_another_function_and_none_at_all_are_not_found(kid: int) -> None:
    """Part 4, 7.1; Part 5, table 14: 00 is reserved."""
    bench = HandmadeBench()
    bench.challenge()
    assert bench.send(f"008200{kid:02X}10" + "00" * 16) == "6A88"


def test_bit_7_of_p2_chooses_between_environment_and_application() -> None:
    """Part 5, table 14."""
    bench = HandmadeBench()
    assert bench.authenticate("UK01", 0x83) == "6A88"
    bench.select_df("DF01")
    assert bench.authenticate("UK01", 0x83) == "9000"
    assert bench.authenticate("UK", 0x04) == "9000"
    assert bench.session.proofs == {KeyRef(f"{SSSE}/DF01", "UK01"), KeyRef(SSSE, "UK")}
    assert bench.authenticate("UK01", 0x03) == "6A88"


@pytest.mark.parametrize("wrong", [False, True])
@pytest.mark.clause("Part 4, 8.4.1", "a session key serves one command")
def test_a_challenge_works_once(wrong: bool) -> None:
    """Part 5, 6.5.1; a failure uses it up as well."""
    bench = HandmadeBench()
    command = bench.authentication("UK", 4, wrong=wrong)
    bench.send(command)
    assert bench.session.challenge is None
    assert bench.send(command) == "6984"
    assert bench.tries("UK") == (2 if wrong else 3)


def test_a_failure_keeps_the_challenge_where_the_profile_says_so() -> None:
    """The standard is silent; a success uses it up in any case."""
    bench = HandmadeBench(Settings(challenge=ChallengeSettings(failure_consumes=False)))
    command = bench.authentication("UK", 4)
    assert bench.send(command[:-1] + b"\x00") == "63C2"
    assert bench.send(command) == "9000"
    assert bench.send(command) == "6984"


def test_a_command_that_the_gate_refuses_does_not_use_the_challenge() -> None:
    """It is used by a computation; wrong parameters and lengths come before."""
    bench = HandmadeBench()
    command = bench.authentication("UK", 4)
    assert bench.send(b"\x00\x82\x01" + command[3:]) == "6A86"
    assert bench.send(command[:4] + b"\x0f" + command[5:-1]) == "6700"
    assert bench.send(command) == "9000"


@pytest.mark.parametrize("length", [0, 8, 15, 18, 24])
def test_external_authentication_takes_16_or_17_bytes(length: int) -> None:
    """Part 5, table 13."""
    bench = HandmadeBench()
    bench.challenge()
    apdu = bytes((0, 0x82, 0, 4, length)) + bytes(length) if length else "00820004"
    assert bench.send(apdu) == "6700"


# -- INTERNAL AUTHENTICATION -----------------------------------------------------------------------


def internal(bench: HandmadeBench, tail: str = "") -> str:
    data = RANDOM_1 + ORIGINAL + bytes.fromhex(tail)
    return bench.ask(bytes((0, 0x88, 0, 0, len(data))) + data)


@pytest.mark.parametrize("suite", SUITES)
@pytest.mark.clause("Part 4, 6.3", "internal authentication")
def test_the_card_proves_that_it_knows_irk(suite: str) -> None:
    """Part 7, 5.4: random 1 makes the session key, random 2 is enciphered."""
    bench = HandmadeBench(suite=suite)
    expected = Reference(suite).auth(bench.key_value("IRK", suite), RANDOM_1, ORIGINAL)
    assert internal(bench) == expected.hex().upper() + "9000"
    assert internal(bench, "01") == expected.hex().upper() + "9000"


def test_a_version_of_irk_is_chosen_and_an_unknown_one_not_found() -> None:
    """Part 5, 6.7.3."""
    bench = HandmadeBench()
    expected = Reference("3DES").auth(bench.key_value("IRK", "3DES", 2), RANDOM_1, ORIGINAL)
    assert internal(bench, "02") == expected.hex().upper() + "9000"
    assert internal(bench, "03") == "6A88"


def test_an_application_with_a_key_of_its_own_proves_itself_else_its_environment() -> None:
    """Part 5, 6.7.1."""
    bench = HandmadeBench()
    bench.select_df("DF01")
    own = Reference("3DES").auth(bench.key_value("IRK01", "3DES"), RANDOM_1, ORIGINAL)
    assert internal(bench) == own.hex().upper() + "9000"
    bench.select_df("DF02")
    environment = Reference("3DES").auth(bench.key_value("IRK", "3DES"), RANDOM_1, ORIGINAL)
    assert internal(bench) == environment.hex().upper() + "9000"


def test_an_environment_without_such_a_key_has_none_to_offer() -> None:
    """Part 5, table 23; Part 4, 5.5: nothing of the other environment."""
    bench = HandmadeBench()
    assert bench.word("00A4000002DDF2") == "9000"
    assert internal(bench) == "6A88"


def test_internal_authentication_needs_no_right_and_leaves_the_challenge_alone() -> None:
    """Part 5, 6.7; its randoms come with the command."""
    bench = HandmadeBench()
    command = bench.authentication("UK", 4)
    assert internal(bench)[-4:] == "9000"
    assert bench.send(command) == "9000"
