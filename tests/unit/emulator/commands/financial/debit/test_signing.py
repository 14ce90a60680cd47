"""Offline data authentication: certificates and signatures of the card recovered as a terminal does it, with pow."""

import hashlib
from typing import Any

import pytest

from keys.certificates import RsaPrivateKey, generate_rsa
from keys.generate import SeededRandom
from tests.kit.debit import CASH, Answered, DebitBench, mac8, session_key, tlv, walk

KEYS = [generate_rsa(1024, SeededRandom("card")), generate_rsa(768, SeededRandom("small"), exponent=65537)]
BOTH = pytest.mark.parametrize("signer", KEYS, ids=["1024 bit, 3", "768 bit, 65537"])
NUMBER = "11223344"


def recovered(signature: bytes, key: RsaPrivateKey, beside: bytes) -> bytes:
    """EMV Book 2, 6.5.2: recover, check the frame and the hash, and return the ICC dynamic data."""
    modulus = int.from_bytes(key.public.modulus)
    assert len(signature) == len(key.public.modulus)
    block = pow(int.from_bytes(signature), key.exponent, modulus).to_bytes(len(signature))
    assert block[:3].hex().upper() == "6A0501"
    assert block[-1:].hex().upper() == "BC"
    fields, digest = block[1:-21], block[-21:-1]
    assert hashlib.sha1(fields + beside, usedforsecurity=False).digest() == digest
    length = block[3]
    assert set(block[4 + length : -21]) <= {0xBB}
    return block[4 : 4 + length]


def bench_with(signer: RsaPrivateKey, objects: dict[str, str] | None = None, **changes: Any) -> DebitBench:
    return DebitBench(objects, signer=signer, **changes)


@BOTH
@pytest.mark.parametrize("ddol", [("9F3704", NUMBER), ("9F02069F3704", "000000001000" + NUMBER)])
def test_internal_authenticate_signs_what_the_terminal_sends(signer: RsaPrivateKey, ddol: tuple[str, str]) -> None:
    bench = bench_with(signer, {"9F36": "0ABB", "9F13": "0ABB"}, ddol=ddol[0])
    bench.start()
    values = bytes.fromhex(ddol[1])
    answer = bench.ask(bytes((0, 0x88, 0, 0, len(values))) + values)
    assert answer[-4:] == "9000"
    signature = bytes.fromhex(walk(answer[:-4])["80"])
    assert recovered(signature, signer, values).hex().upper() == "020ABC"
    assert bench.ac("TC").cvr == "900002"


@pytest.mark.parametrize(
    ("command", "word"),
    [("0088000005" + "11" * 5, "6700"), ("0088000003" + "11" * 3, "6700"), ("0088000104" + NUMBER, "6A86")],
)
def test_a_ddol_of_a_wrong_length_signs_nothing(command: str, word: str) -> None:
    bench = bench_with(KEYS[0])
    bench.start()
    before = bench.cells()
    assert bench.word(command) == word
    assert bench.cells() == before
    assert bench.ac("TC").cvr == "900000"


def test_a_card_without_a_ddol_signs_whatever_the_terminal_has_by_default() -> None:
    bench = bench_with(KEYS[0], ddol="")
    bench.start()
    answer = bench.ask("0088000004" + NUMBER)
    assert recovered(bytes.fromhex(walk(answer[:-4])["80"]), KEYS[0], bytes.fromhex(NUMBER)).hex() == "020001"


def test_dynamic_signatures_need_their_bit_their_key_and_their_turn() -> None:
    bench = bench_with(KEYS[0], {"82": "5D00"})
    bench.start()
    assert bench.word("0088000004" + NUMBER) == "6985"
    keyless = DebitBench()
    keyless.start()
    assert keyless.word("0088000004" + NUMBER) == "6A88"
    late = bench_with(KEYS[0])
    late.online()
    assert late.word("0088000004" + NUMBER) == "6985"


# -- CDA -----------------------------------------------------------------------------------------


def combined(bench: DebitBench, answer: str, signer: RsaPrivateKey, *values: str) -> tuple[Answered, dict[str, str]]:
    """Verify a signed answer of GENERATE AC (EMV Book 2, 6.6.2), and make it look like an unsigned one."""
    assert answer[-4:] == "9000"
    body = walk(answer[:-4])["77"]
    objects = walk(body)
    assert list(objects) == ["9F27", "9F36", "9F4B", "9F10"]
    dynamic = recovered(bytes.fromhex(objects["9F4B"]), signer, bytes.fromhex(NUMBER))
    number, rest = dynamic[: 1 + dynamic[0]], dynamic[1 + dynamic[0] :]
    assert number.hex().upper() == "02" + objects["9F36"]
    assert f"{rest[0]:02X}" == objects["9F27"]
    unsigned = body.replace(tlv("9F4B", objects["9F4B"]), "")
    transaction = "".join(values) + unsigned
    assert rest[9:] == hashlib.sha1(bytes.fromhex(transaction), usedforsecurity=False).digest()
    plain = objects["9F27"] + objects["9F36"] + rest[1:9].hex() + objects["9F10"]
    return Answered(tlv("80", plain.upper()) + "9000"), objects


@BOTH
@pytest.mark.parametrize(("p1", "kind"), [("50", "TC"), ("90", "ARQC")])
def test_a_cryptogram_can_be_signed(signer: RsaPrivateKey, p1: str, kind: str) -> None:
    bench = bench_with(signer, CASH)
    bench.start(2500, cash=True)
    pdol = "01" + f"{2500:012d}" + "0156"
    found, _ = combined(bench, bench.generate(p1, bench.cdol(2500)), signer, pdol, bench.cdol(2500))
    assert found.kind == kind
    assert found.cvr == {"TC": "90", "ARQC": "A0"}[kind] + "0002"
    data = bytes.fromhex(bench.cdol(2500) + "7D00" + "0001" + "03" + found.cvr)
    assert found.ac == mac8("3DES", session_key("3DES", bench.values["UDKAC"], 1), data)


@BOTH
def test_the_second_one_too_over_both_lists(signer: RsaPrivateKey) -> None:
    bench = bench_with(signer)
    bench.start()
    pdol = "00" + f"{1000:012d}" + "0156"
    first, _ = combined(bench, bench.generate("90", bench.cdol()), signer, pdol, bench.cdol())
    bench.first = first
    assert bench.arpc() == "9000"
    values = bench.cdol(code="00")
    second, _ = combined(bench, bench.generate("50", values), signer, pdol, bench.cdol(), values)
    assert (second.kind, second.cvr) == ("TC", "600002")


def test_a_refusal_is_not_signed_unless_the_card_has_it_so() -> None:
    for objects, cvr in (({}, "800000"), ({"CA": "00"}, "800000")):
        bench = bench_with(KEYS[0], objects)
        bench.start()
        assert Answered(bench.generate("10", bench.cdol())).cvr == cvr
    bench = bench_with(KEYS[0], {"CA": "01"})
    bench.start()
    pdol = "00" + f"{1000:012d}" + "0156"
    found, _ = combined(bench, bench.generate("10", bench.cdol()), KEYS[0], pdol, bench.cdol())
    assert (found.kind, found.cvr) == ("AAC", "800002")


def test_what_is_not_asked_for_is_not_signed() -> None:
    bench = bench_with(KEYS[0], {"CA": "01"})
    bench.start()
    assert bench.ac("TC").cvr == "900000"


def test_no_signature_without_a_random_number_or_a_key_or_place_for_it() -> None:
    bench = bench_with(KEYS[0], {"C1": "011700"}, pdol="9F3704", cdol1="9F0206")
    bench.select()
    bench.options(values=NUMBER)
    before = bench.cells()
    assert bench.generate("50", "000000001000") == "6985"
    assert bench.cells() == before
    keyless = DebitBench()
    keyless.start()
    assert keyless.generate("50", keyless.cdol()) == "6A88"
    long = bench_with(generate_rsa(1984, SeededRandom("long")))
    long.start()
    before = long.cells()
    assert long.generate("50", long.cdol()) == "6985"
    assert long.cells() == before
