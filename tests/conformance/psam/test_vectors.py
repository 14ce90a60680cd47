"""The worked examples of Part 9 through a security module: every vector, over commands."""

import json
from dataclasses import replace
from typing import Any, Final

import pytest

from keys.generate import RandomSource
from tests.kit.card import contents, scripted
from tests.kit.places import DATA
from tests.kit.psam import APPLICATION, PsamBench, with_sequence, with_value, without_application_keys
from tests.kit.reference import Reference, xor

VECTORS: Final[list[dict[str, Any]]] = json.loads((DATA / "vectors-social-security.json").read_text())


def of(kind: str, prefix: str = "") -> pytest.MarkDecorator:
    found = [each for each in VECTORS if each["kind"] == kind and each["id"].startswith(prefix)]
    assert found
    return pytest.mark.parametrize("vector", found, ids=lambda each: str(each["id"]))


def environment(vector: dict[str, Any]) -> str:
    return "SM4" if vector["suite"] == "SM4" else "3DES"


def module(vector: dict[str, Any], random: RandomSource | None = None) -> PsamBench:
    """A module without application keys, whose ADF master key is the vector's; the rights are proven."""
    made = without_application_keys(contents("psam"))
    suite = environment(vector)
    made = with_value(made, suite, "ADFMK", bytes.fromhex(vector["key"]), vector["suite"])
    return PsamBench(suite, card_contents=made, random=random)


def loaded(bench: PsamBench, name: str) -> bytes | None:
    return next(
        (key.value for (ref, _), key in bench.card.image.keys.items() if ref == (APPLICATION[bench.suite], name)), None
    )


def proven(vector: dict[str, Any]) -> PsamBench:
    """A module that will answer the vector's challenge after KID 01 has been proven."""
    bench = module(vector, scripted("00" * 8, vector["challenge"]))
    bench.prove_kid(1)
    return bench


@of("apdu", "keyload.")
def test_a_key_is_loaded_by_the_bytes_of_the_vector(vector: dict[str, Any]) -> None:
    """Part 9, 9.5 and 9.6: keyload-encrypt and keyload-mac together make these commands."""
    bench = proven(vector)
    plain = bytes.fromhex(vector["plaintext"])
    name = f"{plain[0]:02X}/{plain[1]:02X}"
    if vector["expect"][4:6] == "01":
        # CHANGE KEY needs the key; it is made with another value first.
        algorithm = {"DES": 1, "3DES": 1 if len(plain) == 11 else 0, "SM4": 3}[vector["suite"]]
        bench.card.random = scripted("00000000", vector["challenge"])
        key = bytes.fromhex(vector["key"])
        first = plain[:3] + bytes((algorithm,)) + bytes(4) + bytes(range(len(plain) - 3))
        assert bench.send(bench.load(first, key=key)) == "9000"
    bench.challenge(len(vector["challenge"]) // 2)
    assert bench.send(vector["expect"]) == "9000", bench.reason
    value = plain[3:] if vector["expect"][4:6] == "01" else plain[8:]
    assert loaded(bench, name) == value
    # The very command again: the challenge is gone.
    assert bench.send(vector["expect"]) == "6984"


@of("keyload-encrypt")
def test_the_cipher_is_the_one_of_the_apdu(vector: dict[str, Any]) -> None:
    """Part 9, 7.1.2 and 7.2.2: what the card deciphers in the test above is what the vector enciphers."""
    apdus = [each for each in VECTORS if each["id"] == vector["id"].replace(".cipher", ".apdu")]
    assert [each["expect"][10:-8] for each in apdus] == [vector["expect"]]
    rules = Reference(vector["suite"])
    assert (
        rules.encrypt(bytes.fromhex(vector["key"]), bytes.fromhex(vector["plaintext"])).hex().upper()
        == vector["expect"]
    )


@of("keyload-mac")
def test_the_mac_of_a_key_load(vector: dict[str, Any]) -> None:
    """Part 9, 7.1.3 and 7.2.3: a right MAC gets past 6988, a wrong one does not."""
    header, data, mac = (bytes.fromhex(vector[name]) for name in ("header", "data", "expect"))
    if header[4] == 0x0F:
        pytest.fail("no length of this command") if proven(vector).send(header + data + mac) != "6700" else None
        return
    for right in (True, False):
        bench = proven(vector)
        bench.challenge(len(vector["challenge"]) // 2)
        answer = bench.send(header + data + (mac if right else xor(mac, b"\x00\x00\x00\x01")))
        # CHANGE KEY finds no key in an empty file.
        assert answer == ("6988" if not right else "9000" if header[2] == 0 else "6A88")


@of("deliver-session-key")
def test_a_session_key(vector: dict[str, Any]) -> None:
    """Part 9, 9.7, seen through CIPHER DATA, since the key stays inside."""
    usage, identifier = int(vector["usage"], 16), int(vector["key_id"], 16)
    bench = PsamBench(environment(vector), card_contents=without_application_keys(contents("psam")))
    bench.prove_kid(1)
    algorithm = {"3DES": "00", "DES": "01", "SM4": "03"}[vector["suite"]]
    plain = f"{usage:02X}{identifier:02X}00{algorithm}00000000{vector['key']}"
    assert bench.send(bench.load(plain)) == "9000"
    assert bench.send(vector["apdu"]) == "9000"
    block = 16 if vector["suite"] == "SM4" else 8
    data, session = bytes(range(1, block + 1)), bytes.fromhex(vector["expect"])
    kind = usage & 0x1F
    answer = bench.cipher(0x05, bytes(block) + data) if kind == 6 else bench.cipher(0x00, data)
    assert answer == Reference(vector["suite"]).blocks(session, data).hex().upper() + "9000"


def delivered(vector: dict[str, Any]) -> PsamBench:
    """A module whose temporary key is the vector's: the factor is what the root deciphers it to."""
    suite = environment(vector)
    key = bytes(range(0x30, 0x40))
    plain = f"080F00{'03' if suite == 'SM4' else '00'}00000000{key.hex()}"
    bench = PsamBench(suite, card_contents=without_application_keys(contents("psam")))
    bench.prove_kid(1)
    assert bench.send(bench.load(plain)) == "9000"
    factor = Reference(suite).blocks(key, bytes.fromhex(vector["key"]), decrypt=True)
    assert bench.deliver(0x08, 0x0F, factor) == "9000"
    return bench


@of("cipher-data")
def test_cipher_data(vector: dict[str, Any]) -> None:
    """Part 9, 9.8."""
    assert delivered(vector).ask(vector["apdu"]) == vector["expect"] + "9000"


@of("cipher-data-chain")
def test_cipher_data_in_steps(vector: dict[str, Any]) -> None:
    """Part 9, 9.8: 07, 03 and 01 give what one 05 gives."""
    bench = delivered(vector)
    answers = [bench.cipher(int(step["p1"], 16), bytes.fromhex(step["data"])) for step in vector["steps"]]
    assert answers == ["9000"] * (len(answers) - 1) + [vector["expect"] + "9000"]


@pytest.mark.parametrize("made_by", ["steps", "05"])
@of("cipher-data-chain")
def test_the_answer_may_be_the_mac_itself(vector: dict[str, Any], made_by: str) -> None:
    """psam.mac_answer = mac4."""
    bench = delivered(vector)
    image = bench.card.image
    mac4 = contents("psam", '[settings.psam]\nmac_answer = "mac4"').info.settings
    image.info = replace(image.info, settings=mac4)
    if made_by == "05":
        data = bytes.fromhex(vector["padded_message"])
        data = bytes(16 if vector["suite"] == "SM4" else 8) + data
        assert len(data) <= 0x80
        assert bench.cipher(0x05, data) == vector["expect_mac4"] + "9000"
        return
    *first, last = vector["steps"]
    for step in first:
        assert bench.cipher(int(step["p1"], 16), bytes.fromhex(step["data"])) == "9000"
    assert bench.cipher(0x01, bytes.fromhex(last["data"])) == vector["expect_mac4"] + "9000"


@of("init-sam-for-purchase")
def test_a_purchase(vector: dict[str, Any]) -> None:
    """Part 9, 9.9 and 9.10: MAC1, and MAC2 that the module takes once."""
    suite = environment(vector)
    made = with_sequence(without_application_keys(contents("psam")), suite, int(vector["terminal_sequence"], 16))
    bench = PsamBench(suite, card_contents=made)
    assert made.contents["3F00/0016"].hex() == vector["terminal_number"]  # type: ignore[union-attr]
    bench.prove_kid(1)
    usage = f"{vector['levels'] << 5 | 2:02X}"
    assert bench.send(bench.load(f"{usage}0100{'03' if suite == 'SM4' else '00'}00000000{vector['key']}")) == "9000"
    assert bench.ask(vector["apdu"]) == vector["expect"] + "9000"
    assert bench.send("8072000004" + vector["expect_mac2"]) == "9000"
    assert bench.send("8072000004" + vector["expect_mac2"]) == "6901"
    assert int(bench.sequence(), 16) == int(vector["terminal_sequence"], 16) + 1


@of("auth-data", "psam.")
def test_external_authentication(vector: dict[str, Any]) -> None:
    """Part 9, 9.4: with the ADF master key, P2 00."""
    bench = module(vector, scripted(vector["challenge"]))
    bench.challenge(len(vector["challenge"]) // 2)
    assert bench.send(f"0082000010{vector['expect']}{vector['original']}") == "9000"
    assert bench.send(f"0082000010{vector['expect']}{vector['original']}") == "6984"
