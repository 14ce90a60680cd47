"""Speed of the card in process: commands a second, and an authentication against its bare cipher calls.

Where the environment names a checkout of upstream's card, ``VICC=.../virtualsmartcard/src/vpicc``, it
is measured in the same run; it is loaded from there, and nothing of it is needed otherwise.
"""

import logging
import os
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from Crypto.Cipher import DES, DES3
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from cardfs.memory.image import Image
from emulator.cards import Card
from keys.generate import system_random
from tests.bench.measure import Row, leave, pairs
from tests.kit.card import ORIGINAL, SSSE_NAME, contents, reference_key
from tests.kit.reference import Reference

SELECT = b"\x00\xa4\x04\x00\x0f" + SSSE_NAME
CHALLENGE = bytes(range(8))
VICC = "VICC"
TIMES_VICC = 3.0


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


@pytest.mark.parametrize("name", ["SELECT by name", "READ RECORD"])
def bench_commands_a_second(benchmark: Any, name: str) -> None:
    of = card()
    command = {"SELECT by name": SELECT, "READ RECORD": read_record(of)}[name]
    assert of.transmit(command)[-2] in (0x61, 0x90)
    benchmark.pedantic(of.transmit, (command,), rounds=200, iterations=500, warmup_rounds=5)
    leave(benchmark, Row(f"{name}, in process", 1 / benchmark.stats.stats.median, "/s"))


@pytest.mark.parametrize(("name", "command"), [("SELECT MF", "00A40000023F00"), ("GET CHALLENGE", "0084000008")])
def bench_against_vicc(benchmark: Any, name: str, command: str) -> None:
    """What both cards can do; the card draws its random numbers from the operating system, as vicc does."""
    raw = bytes.fromhex(command)
    of = Card(Image.in_memory(contents()))
    assert of.transmit(raw)[-2] in (0x61, 0x90)
    benchmark.pedantic(of.transmit, (raw,), rounds=200, iterations=500, warmup_rounds=5)
    theirs = vicc()
    if theirs is None:
        row = Row(
            f"{name}, in process", 1 / benchmark.stats.stats.median, "/s", note=f"{VICC} names no vicc to compare"
        )
    else:
        assert theirs(raw)[-2] in (0x61, 0x90)
        measured = pairs(lambda: of.transmit(raw), lambda: theirs(raw))
        rates = (1 / measured.one, 1 / measured.other)
        note = "against vicc in the same run"
        row = Row(f"{name}, in process", rates[0], "/s", rates[1], 1 / measured.ratio, TIMES_VICC, True, note)
    leave(benchmark, row)


def vicc() -> Callable[[bytes], bytes] | None:
    """Upstream's ISO 7816 card from the checkout that the environment names, None for none; as quiet as it is alone."""
    checkout = os.environ.get(VICC)
    if not checkout:
        return None
    logging.getLogger().setLevel(logging.CRITICAL)
    sys.path.append(checkout)
    try:
        master_file, access = import_module("virtualsmartcard.CardGenerator").CardGenerator("iso7816").getCard()
        execute: Callable[[bytes], bytes] = (
            import_module("virtualsmartcard.VirtualSmartcard").Iso7816OS(master_file, access).execute
        )
    finally:
        sys.path.remove(checkout)
    return execute


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
