"""Whatever an issuer has written into a purse application, no command ends in 6F00; see `test_issuer_data`.

Files are there in turn missing, empty, too short, too long, of another structure; keys of another cipher; PINs of any
length. The terminal goes through all commands each time, and what is refused changes nothing.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.model.files import CardContents, Contents, Structure
from keys.records import KeyRef
from keys.suites import SUITES
from tests.kit.purse import ADF, AID, ED, EP, KEYS, PIN, PurseBench, contents, money, with_ef

RICH: Final[dict[str, Any]] = {"passbook": money(10000, 1, 2, 0), "purse": money(10000, 3, 4)}
RECORDS: Final = (Structure.LINEAR_FIXED, Structure.LINEAR_VARIABLE, Structure.CYCLIC)

STEPS: Final[tuple[Callable[[PurseBench], object], ...]] = (
    lambda bench: bench.select(),
    lambda bench: bench.pin(),
    lambda bench: bench.ask(bench.load(ED, 5)),
    lambda bench: bench.ask(bench.load(EP, 5)),
    lambda bench: bench.ask(bench.unload(1)),
    lambda bench: bench.ask(bench.spend(1, ED, 1, 5)),
    lambda bench: bench.ask(bench.spend(1, EP, 1, 6)),
    lambda bench: bench.ask(bench.spend(2, ED, 1, 4)),
    lambda bench: (bench.initialize(3, EP, 0, 1), bench.ask("80DCA1C802A1FF")),
    lambda bench: bench.ask(bench.limit(100)),
    lambda bench: [bench.ask(f"805C00{which:02X}04") for which in (ED, EP)],
    lambda bench: [bench.ask(f"805A00{kind:02X}020002") for kind in range(1, 10)],
    lambda bench: [bench.ask(f"00B0{0x80 | sfi:02X}0000") for sfi in range(0x15, 0x1D)],
    lambda bench: [bench.ask(f"00B201{sfi << 3 | 4:02X}00") for sfi in range(0x15, 0x1D)],
    lambda bench: bench.ask(bench.protected("04D69500", b"abcd")),
    lambda bench: bench.ask(bench.protected("04DC01CC", b"\xa1\x02\x03")),
    lambda bench: bench.ask(bench.protected("04E200CC", b"\xa9")),
    lambda bench: bench.ask(bench.protected("04B09500") + b"\x1e"),
    lambda bench: bench.authenticated(),
    lambda bench: bench.ask("0088000208" + "11" * 8),
    lambda bench: bench.ask("805E010007123456FF123456"),
    lambda bench: bench.ask(bench.reload(PIN)),
    lambda bench: bench.ask(bench.unblock(PIN)),
    lambda bench: bench.ask(bench.protected("841E0000")),
    lambda bench: bench.select(),
    lambda bench: bench.ask(bench.protected("84180000")),
)


class Watched(PurseBench):
    """A card of which no command ends in 6F00, and none that is refused with 6985 changes a file."""

    def send(self, apdu: str | bytes) -> str:
        before = dict(self.card.image.contents)
        answer = super().send(apdu)
        assert self.card.bug is None, repr(self.card.bug)
        if answer[-4:] == "6985":
            assert self.card.image.contents == before
        return answer


def through(made: CardContents) -> Watched:
    """Go through all commands; a step that the terminal cannot take is left out."""
    bench = Watched(card_contents=made)
    for step in STEPS:
        # Without an INITIALIZE there is nothing to complete.
        with suppress(AssertionError, IndexError, ValueError, StopIteration):
            step(bench)
        assert bench.card.bug is None, repr(bench.card.bug)
    return bench


def put(fid: int, held: Contents, **changes: Any) -> CardContents:
    made = with_ef(contents(**RICH), fid, **changes)
    return replace(made, contents={**made.contents, f"{ADF}/{fid:04X}": held})


@pytest.mark.parametrize("fill", [b"\x00", b"\xff"])
@pytest.mark.parametrize("length", [1, 3, 7, 8, 10, 11, 18, 19, 21, 22, 23, 30, 300])
def test_an_account_of_any_length_is_used_or_refused_by_name(length: int, fill: bytes) -> None:
    for which, amounts in ((ED, 11), (EP, 8)):
        bench = through(put(which, fill * length, size=length))
        bench.card.power_on()
        bench.select()
        bench.pin()
        answer = bench.ask(f"805C00{which:02X}04")
        if length < amounts:
            assert answer == "6985"
            assert bench.reason == f"EF {which:04X} has {length} bytes, balance and counters take {amounts}"
        else:
            assert answer[-4:] == "9000"


@pytest.mark.parametrize("length", [22, 30, 64])
def test_an_account_made_larger_keeps_its_length_over_a_trade(length: int) -> None:
    bench = PurseBench(card_contents=put(ED, money(10000, 1, 2, 0) + b"\xa5" * (length - 22), size=length))
    bench.pin()
    bench.do(bench.spend(1, ED, 1, 5))
    assert bench.file(ED)[:8] == money(9999, 1, 3)[:8]
    assert (len(bench.file(ED)), bench.file(ED)[22:]) == (length, b"\xa5" * (length - 22))


@pytest.mark.parametrize("length", [1, 104, 105, 127, 128, 235, 236, 255, 256, 300, 3000])
def test_public_data_of_any_length_let_the_application_be_selected(length: int) -> None:
    """The FCI shows them while an answer has room: 256 bytes less 21."""
    bench = through(put(0x15, b"\xa5" * length, size=length))
    bench.card.power_on()
    answer = bytes.fromhex(bench.select())
    assert answer[-2:] in (b"\x90\x00", b"\x62\x83")
    assert len(answer) <= 256 + 2
    assert (bench.file(0x15) in answer[14:]) is (length <= 235)
    assert answer[:1] == b"\x6f"
    assert AID in answer


@pytest.mark.parametrize("structure", list(Structure))
@pytest.mark.parametrize("fid", [0x01, 0x02, 0x15, 0x16, 0x17, 0x18, 0x19])
def test_a_file_of_another_structure_is_refused_in_words(fid: int, structure: Structure) -> None:
    records = structure in RECORDS
    length = 4 if records and structure is not Structure.LINEAR_VARIABLE else 0
    through(put(fid, (b"aaaa", b"") if records else bytes(30), structure=structure, record_length=length, size=30))


@pytest.mark.parametrize("records", [(), (b"",), (b"a",) * 3, (bytes(23),) * 12, (b"\xff" * 255,)], ids=len)
@pytest.mark.parametrize("fid", [0x17, 0x18, 0x19, 0x1A, 0x1B])
def test_records_of_any_length_are_read_or_refused(fid: int, records: tuple[bytes, ...]) -> None:
    through(put(fid, records))


@pytest.mark.parametrize("pin", ["", "00", "FF", "FFFF", "12", "ABCD", "1234567890123456"])
def test_a_pin_of_any_length_is_compared(pin: str) -> None:
    through(contents(**RICH, pin=bytes.fromhex(pin)))


@pytest.mark.parametrize("name", [name for name, *_ in KEYS if name != "PIN"])
@pytest.mark.parametrize("suite", ["DES", "SM4"])
def test_a_key_of_another_cipher_is_used_or_refused(name: str, suite: str) -> None:
    made = contents(**RICH)
    keys = {
        at: replace(key, suite_name=suite, value=(key.value * 2)[: SUITES[suite].key_length])
        if at[0] == KeyRef(ADF, name)
        else key
        for at, key in made.keys.items()
    }
    through(replace(made, keys=keys))


@pytest.mark.parametrize(
    "gone", ["0001", "0002", "0015", "0016", "0017", "0018", "0019", "001A", "001B", *(name for name, *_ in KEYS)]
)
def test_what_is_missing_is_told_in_words(gone: str) -> None:
    through(contents(**RICH, without=(gone,)))
