"""Key records and key generation (Part 4, 7)."""

import dataclasses
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.errors import KeyUnknown
from keys.generate import WEAK_DES_KEYS, SeededRandom, generate_key, is_short, is_weak, odd_parity, system_random
from keys.records import Key, KeyRef, KeyState, Usage, same
from keys.suites import DES, SM4, TRIPLE_DES, Suite

SECRET = bytes.fromhex("C0FFEE5A17D00D4B1DBADC0DEFACADE5")


def key(usage: Usage = Usage.EXTERNAL_AUTH, state: KeyState = KeyState.ACTIVE) -> Key:
    return Key("UK1", usage, "3DES", SECRET, 0x83, 2, 3, state)


# -- records -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("usage", "asked"), list(product(Usage, Usage)))
@pytest.mark.clause("Part 4, 7.1", "a key record refuses every function but its own")
def test_a_key_does_its_one_function_and_no_other(usage: Usage, asked: Usage) -> None:
    """Part 4, 7.1: one key, one function (一密钥一功能)."""
    if usage is asked:
        assert key(usage).require(asked) == key(usage)
    else:
        with pytest.raises(KeyUnknown) as refusal:
            key(usage).require(asked)
        assert "UK1" in refusal.value.reason
        assert SECRET.hex() not in refusal.value.reason.lower()


@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.DEAD])
def test_a_key_that_is_not_alive_does_nothing(state: KeyState) -> None:
    """Part 4, 7.5."""
    with pytest.raises(KeyUnknown, match=state):
        key(state=state).require(Usage.EXTERNAL_AUTH)


def test_one_of_several_functions_may_be_asked_for() -> None:
    assert key(Usage.CARD_BLOCK).require(Usage.APP_BLOCK, Usage.CARD_BLOCK).usage is Usage.CARD_BLOCK


def test_the_keys_of_external_authentication_are_those_with_a_right_to_prove() -> None:
    """Part 6, table 3: update, read, unblock, lock and starting-day keys."""
    assert {usage for usage in Usage if usage.proves} == {
        Usage.EXTERNAL_AUTH,
        Usage.PIN_UNBLOCK,
        Usage.CARD_BLOCK,
        Usage.APP_BLOCK,
        Usage.START_DAY,
    }


def test_only_the_lock_keys_are_never_locked() -> None:
    """Part 7, 13.1 and 13.2."""
    assert {usage for usage in Usage if not usage.can_lock} == {Usage.CARD_BLOCK, Usage.APP_BLOCK}


@pytest.mark.clause("Part 4, 7.4", "a key record never shows its value")
def test_a_key_shows_everything_but_its_value() -> None:
    shown = f"{key()!r} {key()}"
    assert "UK1" in shown
    assert repr(SECRET) not in shown
    assert SECRET.hex() not in shown.lower()
    assert not any(SECRET[at : at + 3].hex() in shown.lower() for at in range(len(SECRET) - 2))


def test_a_key_cannot_be_changed_in_place() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        key().value = bytes(16)  # type: ignore[misc]


def test_a_key_knows_its_suite_and_the_pin_has_none() -> None:
    assert key().suite is TRIPLE_DES
    with pytest.raises(KeyError):
        _ = Key("PIN", Usage.PIN, "", b"").suite


def test_two_keys_with_one_name_in_two_applications_are_two_things() -> None:
    """Part 4, 6.1."""
    assert KeyRef("3F00/DDF1/DF01", "UK1") != KeyRef("3F00/DDF1/DF02", "UK1")


@given(st.binary(max_size=16), st.binary(max_size=16))
def test_secrets_compare_as_bytes_do(left: bytes, right: bytes) -> None:
    assert same(left, right) is (left == right)
    assert same(left, left)


# -- generation (Part 4, 7.2) ----------------------------------------------------------------------


@given(st.binary(min_size=8, max_size=16))
def test_odd_parity_changes_lowest_bits_only_and_makes_every_count_odd(value: bytes) -> None:
    made = odd_parity(value)
    assert len(made) == len(value)
    for before, after in zip(value, made, strict=True):
        assert after & 0xFE == before & 0xFE
        assert after.bit_count() % 2 == 1


def test_the_weak_keys_are_sixteen_and_written_with_odd_parity() -> None:
    """FIPS 74; NIST SP 800-67, 3.3.2: four weak, twelve semi-weak."""
    assert len(WEAK_DES_KEYS) == 16
    assert all(odd_parity(each) == each and len(each) == 8 for each in WEAK_DES_KEYS)


@pytest.mark.parametrize("weak", sorted(WEAK_DES_KEYS), ids=lambda each: each.hex())
def test_weak_keys_are_the_ones_that_a_partner_undoes(weak: bytes) -> None:
    """E(K2, E(K1, x)) = x for a weak key with itself or a semi-weak pair."""
    plain = bytes.fromhex("0123456789ABCDEF")
    once = DES.cipher.encrypt(weak, plain)
    assert any(DES.cipher.encrypt(other, once) == plain for other in WEAK_DES_KEYS)


@pytest.mark.parametrize("weak", sorted(WEAK_DES_KEYS), ids=lambda each: each.hex())
def test_a_weak_half_makes_a_key_weak_whatever_its_parity_bits(weak: bytes) -> None:
    fine = bytes.fromhex("0123456789ABCDEF")
    for half in (weak, bytes(byte ^ 1 for byte in weak)):
        assert is_weak(DES, half)
        assert is_weak(TRIPLE_DES, half + fine)
        assert is_weak(TRIPLE_DES, fine + half)
        assert not is_weak(SM4, half + fine)


def test_equal_halves_are_short_and_different_ones_are_not() -> None:
    half, other = bytes.fromhex("0123456789ABCDEF"), bytes.fromhex("FEDCBA9876543210")
    assert is_short(TRIPLE_DES, half * 2)
    assert is_short(TRIPLE_DES, half + bytes(byte ^ 1 for byte in half))
    assert not is_short(TRIPLE_DES, half + other)
    assert not is_short(DES, half)
    assert not is_short(SM4, half * 2)
    assert not is_weak(TRIPLE_DES, half * 2)


@pytest.mark.parametrize("which", [DES, TRIPLE_DES, SM4], ids=lambda each: each.name)
@pytest.mark.clause("Part 4, 7.2", "generated keys are not weak")
def test_generated_keys_have_their_length_and_are_not_weak(which: Suite) -> None:
    made = [generate_key(which, SeededRandom("many")) for _ in range(5)] + [generate_key(which)]
    for each in made:
        assert len(each) == which.key_length
        assert not is_weak(which, each)
        assert which is SM4 or odd_parity(each) == each


@pytest.mark.parametrize(
    ("which", "bad"),
    [
        (DES, "0101010101010101"),
        (DES, "0000000000000000"),  # weak once its parity is set
        (TRIPLE_DES, "0123456789ABCDEF0123456789ABCDEF"),
        (TRIPLE_DES, "0123456789ABCDEF0022456688AACCEE0000000000000000"[:32]),
        (TRIPLE_DES, "0123456789ABCDEFFEFEFEFEFEFEFEFE"),
    ],
)
@pytest.mark.clause("Part 4, 7.2", "a weak draw is drawn again")
def test_a_weak_draw_is_drawn_again(which: Suite, bad: str) -> None:
    draws = [bytes.fromhex(bad), bytes.fromhex("B0B1B2B3B4B5B6B7C8C9CACBCCCDCECF")[: which.key_length]]
    wanted = odd_parity(draws[1])
    assert generate_key(which, lambda _length: draws.pop(0)) == wanted
    assert not draws


def test_an_sm4_key_is_taken_as_it_is_drawn() -> None:
    assert generate_key(SM4, lambda length: b"\x01" * length) == b"\x01" * 16


def test_a_seeded_source_gives_the_same_stream_however_it_is_cut() -> None:
    whole = SeededRandom("seed")(100)
    source = SeededRandom("seed")
    assert b"".join(source(length) for length in (1, 0, 31, 32, 33, 3)) == whole
    assert SeededRandom("other")(100) != whole
    assert len({whole[at : at + 8] for at in range(0, 96, 8)}) == 12


@pytest.mark.clause("Part 4, 7.2", "randomness comes from the system")
def test_the_system_source_gives_what_is_asked_for_and_never_the_same() -> None:
    assert len(system_random(16)) == 16
    assert system_random(16) != system_random(16)
