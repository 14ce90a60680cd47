"""Settings of personalisation."""

from typing import Any, Final

from cardfs.issuing.issue import blank
from cardfs.memory.image import Image
from cardfs.profile.loader import load_profile
from emulator.cards import Card
from tests.conformance.settings.registry import exercise
from tests.kit.card import (
    ORIGINAL,
    CardBench,
)
from tests.kit.fmcos import MASTER, FmcosBench, create, directory, fmcos_contents, write_key
from tests.kit.fmcos import key as fmcos_key
from tests.kit.reference import Reference

FINE: Final = "0123456789ABCDEFFEDCBA9876543210"


def blank_card(name: str, value: Any) -> CardBench:
    """A blank card, before its transport key is set (Part 10, 5.1)."""
    section, _, field = name.partition(".")
    profile = load_profile("ssc-2.0", {"settings": {section: {field: value}}})
    return CardBench(card=Card(Image.in_memory(blank(profile))))


def _transport_key(name: str, value: Any, key: str) -> str:
    return blank_card(name, value).send(f"80E0030010{key}")


@exercise("personalisation.cos", "t514", "fmcos", "none")
def _(value: str) -> None:
    """The standard leaves the commands to the card maker (Part 10, 5)."""
    word = _transport_key("personalisation.cos", value, FINE)
    assert word == {"t514": "9000", "fmcos": "6700", "none": "6D00"}[value]


@exercise("personalisation.plain_keys", True, False)
def _(value: bool) -> None:
    """Part 4, 7.3: keys are loaded in cipher; the first one of a blank card may be an exception."""
    assert _transport_key("personalisation.plain_keys", value, FINE) == ("9000" if value else "6987")


@exercise("personalisation.maker_key", "404142434445464748494A4B4C4D4E4F", FINE)
def _(value: str) -> None:
    """The key of the maker, until the transport key replaces it (Part 10, 5.1.1)."""
    for key in ("404142434445464748494A4B4C4D4E4F", FINE):
        bench = blank_card("personalisation.maker_key", value)
        data = Reference("3DES").auth(bytes.fromhex(key), bench.challenge(), ORIGINAL) + ORIGINAL
        assert bench.send(b"\x00\x82\x00\x00\x10" + data) == ("9000" if key == value else "63C2")


@exercise("personalisation.weak_keys", "accept", "refuse-weak", "refuse-short")
def _(value: str) -> None:
    """Part 4, 7.2."""
    name = "personalisation.weak_keys"
    assert _transport_key(name, value, FINE) == "9000"
    assert _transport_key(name, value, "01" * 8 + FINE[16:]) == ("9000" if value == "accept" else "6A80")
    assert _transport_key(name, value, FINE[:16] * 2) == ("6A80" if value == "refuse-short" else "9000")


@exercise("personalisation.parity", "ignore", "check")
def _(value: str) -> None:
    """FIPS 46: the lowest bit of each byte makes its parity odd."""
    assert _transport_key("personalisation.parity", value, FINE) == "9000"
    even = "0023456789ABCDEF" + FINE[16:]
    assert _transport_key("personalisation.parity", value, even) == ("9000" if value == "ignore" else "6A80")


@exercise("personalisation.space", "card", "directory")
def _(value: str) -> None:
    """FMCOS manual, 4.2 and the issuing sample, against the size in CREATE FILE."""
    bench = FmcosBench(fmcos_contents(f"personalisation space {value}"))
    bench.ok(directory(0x3F01, size=100))
    bench.ok("00A40000023F01")
    assert bench.word(create(0x0002, "280100F0F0FFFF")) == ("9000" if value == "card" else "6A84")


@exercise("personalisation.protect", "plain", "enciphered")
def _(value: str) -> None:
    """FMCOS manual, 7.12, example 3, against a public account of the same card."""
    bench = FmcosBench(fmcos_contents(f"personalisation protect {value}"))
    bench.ok("800E000000")
    bench.ok(create(0x0001, "3F004000F0FFFF"))
    bench.ok(write_key(0x39, MASTER))
    update = b"\x80\xd4\x39\x00\x15" + fmcos_key(0xF9, 0xF0, 0xF0, 0x0A, 0x33, MASTER)
    assert bench.word(update) == ("9000" if value == "plain" else "6987")
    # Once it is so it is updated enciphered only.
    assert bench.word(update) == "6987"
