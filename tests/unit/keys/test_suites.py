"""The crypto rules of Part 4, 8 and 9, against published values and an independent computation."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keys.ciphers import DES_CIPHER, SM4_CIPHER, halves_equal
from keys.errors import ChallengeUnusable, CipherDataWrong
from keys.suites import DES, SM4, SUITES, TRIPLE_DES, Suite, pad, suite
from tests.kit.reference import Reference, xor

EVERY = (DES, TRIPLE_DES, SM4)
NAMES = [each.name for each in EVERY]
suites = st.sampled_from(EVERY)
blocks8 = st.binary(min_size=8, max_size=8)


def long_keys(of: Suite) -> st.SearchStrategy[bytes]:
    """Keys as stored."""
    return st.binary(min_size=of.key_length, max_size=of.key_length)


def session_keys(of: Suite) -> st.SearchStrategy[bytes]:
    """Keys as `Suite.session_key` makes them."""
    return st.binary(min_size=of.session_length, max_size=of.session_length)


# -- ciphers -------------------------------------------------------------------------------------


def test_des_gives_the_published_example() -> None:
    """FIPS 46, the well-known walk-through."""
    key, plain, enciphered = map(bytes.fromhex, ("133457799BBCDFF1", "0123456789ABCDEF", "85E813540F0AB405"))
    assert DES_CIPHER.encrypt(key, plain) == enciphered
    assert DES_CIPHER.decrypt(key, enciphered) == plain


def test_the_reference_gives_the_published_examples_too() -> None:
    """FIPS 46 walk-through; GB/T 32907, appendix A."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    enciphered = bytes.fromhex("681EDF34D206965E86B3E94F536E4246")
    assert Reference("SM4").blocks(key, key) == enciphered
    assert Reference("SM4").blocks(key, enciphered, decrypt=True) == key
    des, plain = bytes.fromhex("133457799BBCDFF1"), bytes.fromhex("0123456789ABCDEF")
    assert Reference("DES").blocks(des, plain) == bytes.fromhex("85E813540F0AB405")


def test_sm4_gives_the_published_example() -> None:
    """GB/T 32907, appendix A."""
    key = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210")
    enciphered = bytes.fromhex("681EDF34D206965E86B3E94F536E4246")
    assert SM4_CIPHER.encrypt(key, key) == enciphered
    assert SM4_CIPHER.decrypt(key, enciphered) == key


@given(suites, st.data())
def test_block_ciphers_agree_with_the_reference_block_by_block(which: Suite, data: st.DataObject) -> None:
    key = data.draw(long_keys(which))
    count = data.draw(st.integers(1, 5))
    plain = data.draw(st.binary(min_size=count * which.block, max_size=count * which.block))
    reference = Reference(which.name)
    assert which.cipher.encrypt(key, plain) == reference.blocks(key, plain)
    assert which.cipher.decrypt(key, plain) == reference.blocks(key, plain, decrypt=True)
    start = data.draw(st.binary(min_size=which.block, max_size=which.block))
    state, chained = start, b""
    for at in range(0, len(plain), which.block):
        state = reference.blocks(key, xor(state, plain[at : at + which.block]))
        chained += state
    assert which.cipher.cbc(key, start, plain) == chained


@pytest.mark.parametrize("which", EVERY, ids=NAMES)
def test_ciphers_refuse_partial_blocks_instead_of_answering_short(which: Suite) -> None:
    key = bytes(range(which.key_length))
    for length in (1, which.block - 1, which.block + 1):
        with pytest.raises(ValueError, match=r"(?i)multiple|boundary|whole number"):
            which.cipher.encrypt(key, bytes(length))
        with pytest.raises(ValueError, match=r"(?i)multiple|boundary|whole number"):
            which.cipher.decrypt(key, bytes(length))
        with pytest.raises(ValueError, match=r"(?i)multiple|boundary|whole number"):
            which.cipher.cbc(key, bytes(which.block), bytes(length))


@given(blocks8, blocks8, st.booleans())
def test_a_double_length_key_with_equal_halves_works_and_is_des(half: bytes, plain: bytes, parity: bool) -> None:
    """E(K, D(K, E(K, x))) = E(K, x); the standard refuses no such key."""
    twin = bytes(byte ^ parity for byte in half)  # the lowest bit of each byte is parity and counts for nothing
    key = half + twin
    assert halves_equal(key)
    assert TRIPLE_DES.cipher.encrypt(key, plain) == DES.cipher.encrypt(half, plain)
    assert TRIPLE_DES.cipher.decrypt(key, plain) == DES.cipher.decrypt(half, plain)
    assert TRIPLE_DES.cipher.cbc(key, bytes(8), plain * 2) == DES.cipher.cbc(half, bytes(8), plain * 2)
    assert TRIPLE_DES.session_key(key, plain) == DES.session_key(half, plain)


def test_halves_that_differ_in_more_than_parity_are_not_equal() -> None:
    assert not halves_equal(bytes(8) + bytes(7) + b"\x02")
    assert halves_equal(bytes(8) + bytes(7) + b"\x01")


# -- the rules -----------------------------------------------------------------------------------


def test_the_suites_have_the_lengths_of_the_standard() -> None:
    """Part 4, 8.4 (figures 7 to 9): an 8-byte session key in the DES world, 16 bytes else."""
    lengths = {each.name: (each.block, each.key_length, each.session_length) for each in EVERY}
    assert lengths == {"DES": (8, 8, 8), "3DES": (8, 16, 8), "SM4": (16, 16, 16)}
    assert set(SUITES) == set(lengths)


@pytest.mark.parametrize("which", EVERY, ids=NAMES)
def test_a_suite_is_found_by_its_name_and_pickles_as_itself(which: Suite) -> None:
    assert suite(which.name) is which
    assert pickle.loads(pickle.dumps(which)) is which  # noqa: S301 - our own bytes


def test_an_unknown_suite_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        suite("SSF33")


@given(suites, st.data())
@pytest.mark.clause("Part 4, 8.4.1", "session keys of single and double length keys, challenges of 4 and 8")
@pytest.mark.clause("Part 4, 8.4.2", "session keys of the 16-byte suite, challenges of 4, 8 and 16")
@pytest.mark.clause("Part 4, 8.2.3", "the MAC key is made from the stored key and the challenge")
@pytest.mark.clause("Part 4, 8.3.1", "the encryption key is made from the stored key and the challenge")
def test_session_keys_agree_with_the_reference_for_every_challenge_length(which: Suite, data: st.DataObject) -> None:
    """Part 4, 8.4: a shorter challenge is filled with 00 on the right."""
    key = data.draw(long_keys(which))
    challenge = data.draw(st.binary(min_size=1, max_size=which.block))
    made = which.session_key(key, challenge)
    assert made == Reference(which.name).session_key(key, challenge)
    assert len(made) == which.session_length


@pytest.mark.parametrize("which", EVERY, ids=NAMES)
def test_a_challenge_longer_than_a_block_and_none_at_all_cannot_be_used(which: Suite) -> None:
    """Part 4, 8.4.1 knows 4 and 8 bytes in the 8-byte suite; 16 bytes fit the 16-byte suite only."""
    key = bytes(range(which.key_length))
    for length in (0, which.block + 1, 2 * which.block):
        with pytest.raises(ChallengeUnusable):
            which.session_key(key, bytes(length))


@given(suites, st.data())
def test_authentication_data_agree_with_the_reference(which: Suite, data: st.DataObject) -> None:
    """Part 4, 9.3: always 8 bytes."""
    key = data.draw(long_keys(which))
    challenge = data.draw(st.sampled_from((4, 8)).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
    original = data.draw(blocks8)
    made = which.authentication_data(key, challenge, original)
    assert made == Reference(which.name).auth(key, challenge, original)
    assert len(made) == 8


@given(suites, st.data(), st.binary(max_size=300))
@pytest.mark.clause("Part 4, 6.3", "MAC computation")
@pytest.mark.clause("Part 4, 8.2.4.1", "the MAC with an 8-byte block, every length")
@pytest.mark.clause("Part 4, 8.2.4.2", "the MAC with a 16-byte block, every length")
def test_macs_agree_with_the_reference_for_every_length(which: Suite, data: st.DataObject, message: bytes) -> None:
    """Part 4, 8.2.3 and 8.2.4."""
    key = data.draw(session_keys(which))
    made = which.mac(key, message)
    assert made == Reference("DES" if which.block == 8 else "SM4").mac(key, message)
    assert made == which.mac(key, message, bytes(which.block))
    assert len(made) == 4


@pytest.mark.clause("Part 4, 8.2.4.1", "aligned data get a block of padding")
@pytest.mark.clause("Part 4, 8.2.4.2", "aligned data get a block of padding")
def test_padding_adds_a_whole_block_to_aligned_data() -> None:
    """Part 4, 8.2.3."""
    assert pad(b"", 8) == bytes.fromhex("8000000000000000")
    assert pad(b"1234567", 8) == b"1234567\x80"
    assert pad(b"12345678", 8) == b"12345678" + bytes.fromhex("8000000000000000")
    assert len(pad(bytes(16), 16)) == 32


@pytest.mark.clause("Part 4, 8.2.2", "4 bytes")
@pytest.mark.clause("Part 4, 8.2.4.1", "the left 4 bytes")
@pytest.mark.clause("Part 4, 8.2.4.2", "the four words XORed")
def test_a_mac_is_the_left_of_8_bytes_and_the_fold_of_16() -> None:
    """Part 4, 8.2.4.1 and 8.2.4.2 (figure 2)."""
    assert DES.truncate(bytes.fromhex("0102030405060708")) == bytes.fromhex("01020304")
    assert SM4.truncate(bytes.fromhex("00000001000000100000010000001000")) == bytes.fromhex("00001111")
    assert SM4.truncate(bytes.fromhex("010203041020304001020304FFFFFFFF")) == bytes.fromhex("EFDFCFBF")


@given(suites, st.data(), st.binary(max_size=255))
@pytest.mark.clause("Part 4, 6.3", "encryption and decryption")
@pytest.mark.clause("Part 4, 8.3.2", "LD, data and padding")
@pytest.mark.clause("Part 4, 8.3.3.1", "encryption with an 8-byte block")
@pytest.mark.clause("Part 4, 8.3.3.2", "encryption with a 16-byte block")
@pytest.mark.clause("Part 4, 8.3.4.1", "decryption with an 8-byte block")
@pytest.mark.clause("Part 4, 8.3.4.2", "decryption with a 16-byte block")
def test_enciphered_data_agree_with_the_reference_and_decipher(which: Suite, data: st.DataObject, plain: bytes) -> None:
    """Part 4, 8.3: LD, the data, padding only when not aligned."""
    key = data.draw(session_keys(which))
    reference = Reference("DES" if which.block == 8 else "SM4")
    enciphered = which.encrypt_data(key, plain)
    assert enciphered == reference.encrypt(key, plain)
    assert which.decrypt_data(key, enciphered) == plain == reference.decrypt(key, enciphered)
    assert len(enciphered) == (len(plain) + which.block) // which.block * which.block


@pytest.mark.parametrize("which", EVERY, ids=NAMES)
@pytest.mark.parametrize(
    "plain",
    ["", "00", "LD beyond", "wrong padding", "no 80", "a block too much", "padding with a hole"],
)
@pytest.mark.clause("Part 4, 8.3.4.1", "LD that does not fit is refused")
@pytest.mark.clause("Part 4, 8.3.4.2", "LD that does not fit is refused")
def test_deciphered_data_of_another_form_are_refused(which: Suite, plain: str) -> None:
    """Part 4, 8.3.4."""
    key, block = bytes(range(which.session_length)), which.block
    forms = {
        "": b"",
        "00": b"\x00",
        "LD beyond": bytes((block,)) + bytes(block - 1),
        "wrong padding": b"\x01A" + b"\x81" + bytes(block - 3),
        "no 80": b"\x01A" + bytes(block - 2),
        "a block too much": b"\x01A\x80" + bytes(block - 3) + bytes(block),
        "padding with a hole": b"\x01A\x80" + bytes(block - 4) + b"\x01",
    }
    data = forms[plain]
    sent = which.cipher.encrypt(key, data) if data and not len(data) % block else data
    with pytest.raises(CipherDataWrong):
        which.decrypt_data(key, sent)


@given(suites, st.data(), st.binary(max_size=64))
def test_any_cipher_data_decipher_to_their_form_or_are_refused(which: Suite, data: st.DataObject, sent: bytes) -> None:
    key = data.draw(session_keys(which))
    try:
        plain = which.decrypt_data(key, sent)
    except CipherDataWrong:
        return
    assert which.encrypt_data(key, plain) == sent


@given(suites, st.data(), st.binary(max_size=80))
def test_key_load_macs_agree_with_the_reference(which: Suite, data: st.DataObject, message: bytes) -> None:
    """Part 9, 7.1.3 (figure 5B) and 7.2.3."""
    key = data.draw(long_keys(which))
    lengths = (4,) if which.block == 8 else (4, 8, 16)
    challenge = data.draw(st.sampled_from(lengths).flatmap(lambda n: st.binary(min_size=n, max_size=n)))
    assert which.key_load_mac(key, challenge, message) == Reference(which.name).key_load_mac(key, challenge, message)


@given(blocks8, st.binary(min_size=4, max_size=4), st.binary(max_size=40))
def test_the_key_load_mac_of_equal_halves_is_that_of_single_des(half: bytes, challenge: bytes, message: bytes) -> None:
    """Part 9, figure 5B with KL = KR."""
    assert TRIPLE_DES.key_load_mac(half * 2, challenge, message) == DES.key_load_mac(half, challenge, message)


@given(suites, st.data(), st.binary(max_size=40))
def test_tac_keys_agree_with_the_reference(which: Suite, data: st.DataObject, message: bytes) -> None:
    """Part 7, 15: left XOR right of a double-length key, else the key itself."""
    key = data.draw(long_keys(which))
    rule, made = which.tac_key(key)
    other, expected = Reference(which.name).tac_key(key)
    assert made == expected
    assert rule.mac(made, message) == other.mac(expected, message)


@given(suites, st.data())
def test_check_values_are_the_beginning_of_an_enciphered_zero_block(which: Suite, data: st.DataObject) -> None:
    key = data.draw(long_keys(which))
    assert which.check_value(key) == Reference(which.name).blocks(key, bytes(which.block))[:3]
