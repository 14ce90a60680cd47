"""Speed of the card in process: commands a second, and an authentication against its bare cipher calls."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cardfs.image import Image
from emulator.card import Card
from keys.generate import system_random

from ..reference import Reference
from ..support import ORIGINAL, SSSE_NAME, contents, reference_key
from .measure import Row, leave, pairs

SELECT = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
CHALLENGE = bytes(range(8))
BOUND = 40_000
NOTE = "where upstream vicc does 21,000-26,000/s"


def card(profile: str = "ssc-2.0") -> Card:
    """A demo card in memory, with its SSSE selected, that draws random numbers and answers the same ones."""

    def random(length: int) -> bytes:
        # The draw costs what it costs; a known challenge lets the cryptogram be computed beforehand.
        return system_random(length) and CHALLENGE[:length]

    made = Card(Image.in_memory(contents(profile)), random)
    assert made.transmit(SELECT)[-2] in (0x61, 0x90)
    return made


def read_record(of: Card, sfi: int = 5, number: int = 7) -> bytes:
    """READ RECORD with the right Le."""
    header = bytes((0x00, 0xB2, number, sfi << 3 | 0x04))
    answer = of.transmit(header + b"\x00")
    return header + (answer[-1:] if answer[-2] == 0x6C else b"\x00")


@pytest.mark.parametrize("name", ["SELECT by name", "READ RECORD", "GET CHALLENGE"])
def bench_commands_a_second(benchmark: Any, name: str) -> None:
    of = card()
    command = {"SELECT by name": SELECT, "READ RECORD": read_record(of), "GET CHALLENGE": b"\x00\x84\x00\x00\x08"}[name]
    assert of.transmit(command)[-2] in (0x61, 0x90)
    benchmark.pedantic(of.transmit, (command,), rounds=200, iterations=500, warmup_rounds=5)
    rate = 1 / benchmark.stats.stats.median
    bound = None if name == "GET CHALLENGE" else BOUND
    leave(benchmark, Row(f"{name}, in process", rate, "/s", bound=bound, at_least=True, note=NOTE if bound else ""))


def bare_3des(key: bytes) -> bytes:
    session = DES3.new(key, DES3.MODE_ECB).encrypt(CHALLENGE)
    return bytes(DES.new(session, DES.MODE_ECB).encrypt(ORIGINAL))  # noqa: S304


def bare_sm4(key: bytes) -> bytes:
    session = Cipher(algorithms.SM4(key), modes.ECB()).encryptor().update(CHALLENGE + bytes(8))  # noqa: S305
    return Cipher(algorithms.SM4(session), modes.ECB()).encryptor().update(ORIGINAL + bytes(8))  # noqa: S305


@pytest.mark.parametrize(("profile", "suite", "bare"), [("ssc-2.0", "3DES", bare_3des), ("ssc-3.0", "SM4", bare_sm4)])
def bench_an_authentication(benchmark: Any, profile: str, suite: str, bare: Callable[[bytes], bytes]) -> None:
    of = card(profile)
    key = reference_key("RKSSSE", suite)
    external = b"\x00\x82\x00\x0a\x10" + Reference(suite).auth(key, CHALLENGE, ORIGINAL) + ORIGINAL
    transmit = of.transmit

    def whole() -> bytes:
        transmit(b"\x00\x84\x00\x00\x08")
        return transmit(external)

    assert whole() == b"\x90\x00"
    measured = pairs(whole, lambda: bare(key))
    benchmark.pedantic(whole, rounds=50, iterations=100)
    what = f"challenge + authentication, {suite}, in process"
    note = "against the bare cipher calls"
    leave(benchmark, Row(what, measured.one * 1e6, "us", measured.other * 1e6, measured.ratio, 2.0, note=note))


def bench_an_authentication_with_a_durable_image(benchmark: Any, tmp_path: Path) -> None:
    """The same on an image file: two durable transactions."""
    path = tmp_path / "card.sscard"
    Image.create(path, contents())
    image = Image.open(path)
    of = Card(image, lambda length: CHALLENGE[:length])
    of.transmit(SELECT)
    external = (
        b"\x00\x82\x00\x0a\x10"
        + Reference("3DES").auth(reference_key("RKSSSE", "3DES"), CHALLENGE, ORIGINAL)
        + ORIGINAL
    )

    def whole() -> bytes:
        of.transmit(b"\x00\x84\x00\x00\x08")
        return of.transmit(external)

    assert whole() == b"\x90\x00"
    benchmark.pedantic(whole, rounds=20, iterations=5)
    image.close()
    measured = benchmark.stats.stats.median
    leave(benchmark, Row("the same with 3DES on an image file", measured * 1e6, "us", note="two durable writes"))
