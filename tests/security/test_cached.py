"""What a card keeps so as not to compute it anew: expanded keys, contents once read. None of it outlives its origin."""

from dataclasses import replace
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cardfs.memory.image import Image
from cardfs.model.errors import IssuerDataWrong, StoreFailed
from emulator.commands.financial.debit.objects import Objects
from keys.certificates import RsaPrivateKey, generate_rsa
from keys.ciphers import ExpandedKey
from keys.generate import SeededRandom
from keys.records import Key, KeyId, KeyRef, KeyState, Usage
from keys.suites import DES, SM4, TRIPLE_DES, Suite
from tests.kit.card import SSSE, FailingStore, contents, ref
from tests.kit.debit import DEBIT, DebitBench, mac8
from tests.kit.debit import contents as debit_contents
from tests.kit.debit import session_key as debit_session_key
from tests.kit.purse import ADF, EP, TERMINAL, TIME, PurseBench, ready, tac
from tests.kit.purse import contents as purse_contents
from tests.kit.reference import Reference, xor
from tests.kit.terminal import psam_contents

EVERY: Final = (DES, TRIPLE_DES, SM4)
OTHER: Final = bytes.fromhex("A1B2C3D4E5F60718293A4B5C6D7E8F90")


# -- one context for many messages --------------------------------------------------------------------------


def chained(rules: Reference, key: bytes, initial: bytes, data: bytes) -> bytes:
    """CBC block by block."""
    state, whole = initial.ljust(rules.block, b"\x00"), b""
    for at in range(0, len(data), rules.block):
        state = rules.blocks(key, xor(state, data[at : at + rules.block]))
        whole += state
    return whole


@given(st.sampled_from(EVERY), st.data())
def test_messages_under_one_expanded_key_know_nothing_of_each_other(which: Suite, data: st.DataObject) -> None:
    key = data.draw(st.binary(min_size=which.key_length, max_size=which.key_length))
    block, rules = which.block, Reference(which.name)
    expanded = which.expand(key)
    for _ in range(data.draw(st.integers(1, 6))):
        size = block * data.draw(st.integers(1, 4))
        message = data.draw(st.binary(min_size=size, max_size=size))
        initial = data.draw(st.sampled_from((b"", bytes(range(1, block + 1)))))
        match data.draw(st.sampled_from(("cbc", "mac", "encrypt", "decrypt"))):
            case "cbc":
                assert expanded.cbc(initial, message) == chained(rules, key, initial, message)
            case "mac":
                assert expanded.mac_block(initial, message) == last_block(which, key, initial, message)
            case "encrypt":
                assert expanded.encrypt(message) == rules.blocks(key, message)
            case _:
                assert expanded.decrypt(message) == rules.blocks(key, message, decrypt=True)


def last_block(which: Suite, key: bytes, initial: bytes, message: bytes) -> bytes:
    """Part 4, figure 5B: the left half chains, both enter the last block; of other keys CBC."""
    if which is not TRIPLE_DES:
        return chained(Reference(which.name), key, initial, message)[-which.block :]
    single = Reference("DES")
    last = chained(single, key[:8], initial, message)[-8:]
    return single.blocks(key[:8], single.blocks(key[8:], last, decrypt=True))


@pytest.mark.parametrize("which", EVERY, ids=[each.name for each in EVERY])
def test_a_chain_takes_whole_blocks_and_goes_on_after_a_refusal(which: Suite) -> None:
    key, block = bytes(range(which.key_length)), which.block
    expanded = which.expand(key)
    message = bytes(range(2 * block))
    wanted = chained(Reference(which.name), key, b"", message)
    assert expanded.cbc(b"", message) == wanted
    for initial, wrong in ((b"", b""), (b"", message[:-1]), (b"", message + b"\x00"), (b"\x01", message)):
        with pytest.raises(ValueError, match="whole number"):
            expanded.cbc(initial, wrong)
    assert expanded.cbc(b"", message) == wanted


def test_expanded_keys_do_not_tell_their_value() -> None:
    for which in EVERY:
        expanded = which.expand(OTHER[: which.key_length])
        expanded.cbc(b"", bytes(which.block))
        expanded.encrypt(bytes(which.block))
        assert OTHER[:4].hex() not in repr(expanded)
        assert repr(OTHER[:4])[2:-1] not in repr(expanded)


# -- the index of functions ---------------------------------------------------------------------------------


def scanned(image: Image, owner: str, usage: Usage) -> tuple[KeyId, ...]:
    return tuple(sorted(at for at, key in image.keys.items() if at[0].owner == owner and key.usage is usage))


def assert_indexed(image: Image) -> None:
    for owner in image.dfs:
        for usage in Usage:
            assert image.keys_for(owner, usage) == scanned(image, owner, usage), (owner, usage)


def test_keys_are_found_by_function_whatever_comes_and_goes() -> None:
    for made in (contents(), psam_contents(), purse_contents(), debit_contents(national=True)):
        assert_indexed(Image.in_memory(made))
    image = Image.in_memory(contents())
    owner = ref("SSSE", "IRK").owner
    first = image.keys_for(owner, Usage.INTERNAL_AUTH)
    assert first
    key = image.keys[first[0]]
    change = image.begin()
    change.put_key(KeyRef(owner, "AAA"), replace(key, name="AAA", version=2))
    change.put_key(KeyRef(owner, "AAA"), replace(key, name="AAA", version=1))
    change.put_key(first[0][0], replace(key, state=KeyState.RETIRED))
    assert image.keys_for(owner, Usage.INTERNAL_AUTH) == first
    change.commit()
    assert image.keys_for(owner, Usage.INTERNAL_AUTH)[:2] == ((KeyRef(owner, "AAA"), 1), (KeyRef(owner, "AAA"), 2))
    assert_indexed(image)
    change = image.begin()
    change.delete_keys([(KeyRef(owner, "AAA"), 1)])
    change.commit()
    assert_indexed(image)
    change = image.begin()
    change.delete(f"{SSSE}/DF04")
    change.commit()
    assert_indexed(image)
    assert image.keys_for("3F00/FFFF", Usage.PIN) == ()


# -- what is made of keys -----------------------------------------------------------------------------------


def kept_image() -> tuple[Image, KeyId]:
    image = Image.in_memory(purse_contents())
    return image, (KeyRef(ADF, "DTK"), 1)


def replaced(image: Image, at: KeyId, **fields: Any) -> None:
    change = image.begin()
    change.put_key(at[0], replace(image.keys[at], **fields))
    change.commit()


def test_what_is_made_of_a_key_is_made_once_and_each_thing_for_itself() -> None:
    image, at = kept_image()
    made: list[Key] = []

    def make(key: Key) -> str:
        made.append(key)
        return "made"

    assert image.cached(at, make) == image.cached(at, make) == "made"
    assert made == [image.keys[at]]
    assert image.expanded(at) is image.expanded(at)
    assert image.tac_expanded(at) is image.tac_expanded(at)
    value = image.keys[at].value
    assert image.expanded(at).encrypt(bytes(8)) == Reference("3DES").blocks(value, bytes(8))
    assert image.tac_expanded(at).encrypt(bytes(8)) == Reference("DES").blocks(xor(value[:8], value[8:]), bytes(8))


def test_a_changed_key_is_used_at_once_and_nothing_of_the_old_one_stays() -> None:
    image, at = kept_image()
    image.expanded(at), image.tac_expanded(at)
    replaced(image, at, value=OTHER)
    assert at not in image._cached
    assert image.expanded(at).encrypt(bytes(8)) == Reference("3DES").blocks(OTHER, bytes(8))
    assert image.tac_expanded(at).encrypt(bytes(8)) == Reference("DES").blocks(xor(OTHER[:8], OTHER[8:]), bytes(8))
    # Also where a transaction did not do it.
    image.keys[at] = replace(image.keys[at], value=OTHER[::-1])
    assert image.expanded(at).encrypt(bytes(8)) == Reference("3DES").blocks(OTHER[::-1], bytes(8))


def test_killed_and_deleted_keys_and_a_closed_card_leave_nothing() -> None:
    def kill(image: Image, _at: KeyId) -> None:
        change = image.begin()
        change.kill_keys([ADF])
        change.commit()

    def delete(image: Image, at: KeyId) -> None:
        change = image.begin()
        change.delete_keys([at])
        change.commit()

    def close(image: Image, _at: KeyId) -> None:
        image.close()

    for end in (kill, delete, close):
        image, at = kept_image()
        image.expanded(at), image.tac_expanded(at)
        assert at in image._cached
        end(image, at)
        assert at not in image._cached, end.__name__
    image, at = kept_image()
    delete(image, at)
    with pytest.raises(KeyError):
        image.expanded(at)


def test_a_change_that_fails_leaves_the_key_and_what_was_made_of_it() -> None:
    made = purse_contents()
    store = FailingStore({})
    image, at = Image(made, store), (KeyRef(ADF, "DTK"), 1)
    before = image.expanded(at)
    store.writes_left = 0
    with pytest.raises(StoreFailed):
        replaced(image, at, value=OTHER)
    assert image.expanded(at) is before


# -- the same over commands ---------------------------------------------------------------------------------


def purchase_tac(bench: PurseBench) -> tuple[bytes, tuple[bytes, ...]]:
    """Pay from the purse; the TAC, and what it covers."""
    command = bench.spend(1, EP, 100, 6)
    return bench.do(command)[:4], ((100).to_bytes(4), b"\x06", TERMINAL, command[5:9], TIME)


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_a_purse_computes_with_the_keys_that_it_has_now(suite: str) -> None:
    bench = ready(suite=suite)
    image, old = bench.card.image, bench.key_of("DTK")[1]
    answer, covered = purchase_tac(bench)
    assert answer == tac(suite, old, *covered)
    replaced(image, (KeyRef(ADF, "DTK"), 1), value=OTHER)
    answer, covered = purchase_tac(bench)
    assert answer == tac(suite, OTHER, *covered)
    purchase = next(at for at in image.keys if at[0] == KeyRef(ADF, "DPK0"))
    replaced(image, purchase, value=OTHER)
    assert bench.send(bench.spend(1, EP, 100, 6)) == "9302"
    bench.card_contents.keys[purchase] = image.keys[purchase]
    purchase_tac(bench)
    replaced(image, (KeyRef(ADF, "DTK"), 1), state=KeyState.DEAD, value=b"")
    assert bench.initialize(1, EP, 0, 100) == (b"", "6A88")


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_a_debit_card_computes_with_the_keys_that_it_has_now(suite: str) -> None:
    bench = DebitBench(suite=suite)
    image, at = bench.card.image, (KeyRef(DEBIT, "UDKMAC"), 1)
    for atc, value in ((1, bench.values["UDKMAC"]), (2, OTHER)):
        if atc == 2:
            replaced(image, at, value=OTHER)
        bench.start()
        iad = bench.ac("ARQC").iad
        filled = atc.to_bytes(2) + iad[-9:-4]
        filled += bytes(-len(filled) % Reference(suite).block)
        assert iad[-4:] == mac8(suite, debit_session_key(suite, value, atc), filled)[:4]
    replaced(image, at, state=KeyState.DEAD, value=b"")
    bench.start()
    assert bench.generate("80", bench.cdol()) == "6A88"


def test_a_signature_is_made_with_the_key_that_the_card_has_now() -> None:
    first, second = (generate_rsa(768, SeededRandom(name)) for name in ("first", "second"))
    bench = DebitBench({"82": "7C00"}, signer=first)
    for key in (first, second):
        replaced(bench.card.image, (KeyRef(DEBIT, "ICCKEY"), 1), value=key.exponent.to_bytes(3) + key.p + key.q)
        bench.start()
        answer = bytes.fromhex(bench.ask("0088000004CAFEBABE"))
        signature = answer[answer.index(b"\x80") + 2 : -2]
        modulus = int.from_bytes(key.p) * int.from_bytes(key.q)
        recovered = pow(int.from_bytes(signature), key.exponent, modulus).to_bytes(96)
        assert (recovered[0], recovered[-1]) == (0x6A, 0xBC)


def test_a_private_key_that_has_signed_tells_no_more_than_before() -> None:
    key = generate_rsa(512, SeededRandom("telling"))
    key.transform(b"\x01".rjust(key.length, b"\x00"))
    assert repr(key) == f"RsaPrivateKey(exponent={key.exponent})"
    assert key == RsaPrivateKey(key.p, key.q, key.exponent)


# -- contents once read -------------------------------------------------------------------------------------


def test_contents_are_read_once_and_others_anew() -> None:
    image, _ = kept_image()
    read: list[bytes] = []

    def parse(data: bytes) -> str:
        read.append(data)
        return data.decode()

    one, other = b"one", b"other"
    assert image.parsed("p", one, parse) == image.parsed("p", one, parse) == "one"
    assert image.parsed("q", other, parse) == "other"
    assert read == [one, other]
    assert image.parsed("p", other, parse) == "other"
    assert image.parsed("p", one, parse) == "one"
    assert read == [one, other, other, one]
    image.close()
    image.parsed("p", one, parse)
    assert len(read) == 5


def test_data_objects_are_patched_in_place_and_new_ones_come_behind() -> None:
    contents = bytes.fromhex("00 9F36020001 00 C202AABB C306000000000000 000000000000")
    store = Objects.read(contents)
    new = store.with_values({0xC2: b"\x01\x02", 0x9F36: b"\x00\x02"})
    assert new.contents.hex() == "009f3602000200c2020102c306000000000000000000000000"
    assert (store.contents, store.get(0xC2)) == (contents, b"\xaa\xbb")
    more = new.with_values({0xC4: b"\x07", 0xC3: b"\x00\x00\x00\x00\x00\x09"})
    assert more.contents.hex() == "009f3602000200c2020102c306000000000009c40107000000"
    assert (more.get(0xC4), new.get(0xC4)) == (b"\x07", None)
    assert more.get(0xC3) == b"\x00\x00\x00\x00\x00\x09"
    with pytest.raises(ValueError, match="C2 has 2 bytes, not 1"):
        store.with_values({0xC2: b"\x01"})
    with pytest.raises(IssuerDataWrong, match="no room for data object C5, C6"):
        more.with_values({0xC5: b"\x00", 0xC6: bytes(6)})


def test_a_transaction_that_could_not_be_written_is_not_remembered() -> None:
    bench = DebitBench()
    assert bench.select()[-4:] == "9000"
    bench.store.writes_left = 0
    assert bench.options()[-4:] == "6581"
    bench.store.writes_left = None
    bench.start()
    assert bench.ac("ARQC").atc == 1


def test_an_expanded_key_is_what_suites_take() -> None:
    for which in EVERY:
        key = OTHER[: which.key_length]
        expanded: ExpandedKey = which.expand(key)
        assert which.expanded(expanded) is expanded
        assert which.key_load_mac(expanded, b"\x01\x02", b"data") == Reference(which.name).key_load_mac(
            key, b"\x01\x02", b"data"
        )
