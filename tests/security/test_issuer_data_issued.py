"""Strange data of the issuer by the ways in which they come: issuing, and personalisation commands.

What a debit/credit application answers then, command by command, is in `test_issuer_data`.
"""

from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.issuing.financial import authority_index
from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import blank, issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.cells import read_cells
from cardfs.memory.image import Image
from cardfs.model.files import CardContents
from cardfs.profile.inputs import Document, IssueError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from emulator.personaliser import Personaliser
from keys.generate import SeededRandom
from tests.kit.debit import STORE, IssuedDebitBench, tlv, walk
from tests.kit.issuer_data import FLOWS, IssuerDataBench

MAKER_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")
OBJECTS: Final = [each.name for each in load_profile("pboc").files[STORE].elements]


class Issued(IssuerDataBench):
    """A terminal at an issued card, whose lists ask for more."""

    cdol = staticmethod(IssuedDebitBench.cdol)


def made(values: dict[str, Any] | None = None, *changes: dict[str, Any]) -> CardContents:
    return issue(
        load_profile("pboc", *changes),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(
            region="519900", serial="00000001", pin="739154", seed="strange", values=Document("--value", values or {})
        ),
    )


def answered(card: CardContents) -> list[str]:
    """Words of all commands; that none is 6F00 and none that is refused changes the card is asserted on the way."""
    words = []
    for flow in FLOWS:
        bench = Issued(card)
        flow(bench)
        words += [word for _, word, _ in bench.steps]
    return words


@pytest.mark.parametrize("name", [name for name in OBJECTS if name != "file_locator"])
def test_whatever_value_is_issued_is_answered_in_words(name: str) -> None:
    length = next(each.length for each in load_profile("pboc").files[STORE].elements if each.name == name)
    assert "9000" in answered(made({name: {"hex": "FF" * length}}))


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pan_sequence": {"hex": "AB"}}, "pan_sequence: the sequence number of an account has two digits"),
        ({"pan_sequence": {"hex": ""}}, "pan_sequence: the sequence number of an account has two digits"),
        ({"debit_expiry": {"hex": "000000"}}, "debit_expiry: 000000 is not a date YYMMDD"),
        ({"debit_expiry": {"hex": "ABABAB"}}, "debit_expiry: ABABAB is not a date YYMMDD"),
        (
            {"file_locator": {"hex": "FF" * 12}},
            "DEBIT: the records cannot be certified: the file locator lists record 255 of SFI 31, which is not there",
        ),
    ],
)
def test_what_keys_and_certificates_cannot_be_made_from_is_named(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(IssueError) as error:
        made(values)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("df", "element", "length", "sentence"),
    [
        ("DEBIT/0001", "file_locator", 11, "the file locator has 11 bytes, not four for each file"),
        ("EDEP/0015", "application_serial", 6, "application_serial: the keys of the purse need its last 8 bytes"),
    ],
)
def test_an_element_of_another_length_is_named(df: str, element: str, length: int, sentence: str) -> None:
    change = {"ef": [{"id": df, "elements": [{"name": element, "length": length, "value": "11" * length}]}]}
    with pytest.raises(IssueError) as error:
        made({element: {"hex": "08010100100102"}} if df == "DEBIT/0001" else {}, change)
    assert sentence in str(error.value)


def _store(card: CardContents, **changes: str) -> bytes:
    held = card.contents[STORE]
    assert isinstance(held, bytes)
    objects = {**walk(held.hex().upper()), **{tag[1:]: value for tag, value in changes.items()}}
    return bytes.fromhex("".join(tlv(tag, value) for tag, value in objects.items()))


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("cut", "EF 0001 holds no whole data objects: object C9 has 1 bytes, but only 0 are there"),
        ("9F36", "data object 9F36 has 3 bytes, not 2"),
        ("94", "data object 94 has 5 bytes, not four for each file"),
    ],
)
def test_whatever_is_written_with_personalisation_commands_is_answered_in_words(how: str, reason: str) -> None:
    """WRITE DATA takes any bytes into the internal EF; from END on they are the application's."""
    finished = made()
    store = {
        "cut": lambda: _store(finished)[:-1],
        "9F36": lambda: _store(finished, _9F36="000001", _9F13="00"),
        "94": lambda: _store(finished, _94="0801010000"),
    }[how]()
    efs = {**finished.efs, STORE: replace(finished.efs[STORE], size=len(store))}
    strange = replace(finished, contents={**finished.contents, STORE: store}, efs=efs)
    card = Card(Image.in_memory(blank(load_profile("pboc"))), SeededRandom("strange"))
    Personaliser(card.transmit, strange, MAKER_KEY, SeededRandom("machine")).run()
    personalised = read_cells(card.image.store.load())
    assert personalised.contents[STORE] == store
    assert "9000" in answered(personalised)
    bench = Issued(personalised)
    bench.options_()
    assert bench.steps[-1][1:] == ("6985", reason)


@pytest.mark.parametrize(
    ("record", "index"),
    [("70038F01F1", 0xF1), ("8F01F1", 0xF1), ("70048F01F19F", 0xF1), ("70028F00", None), ("7003", None), ("FF", None)],
)
def test_the_index_of_the_authority_is_read_of_any_record(record: str, index: int | None) -> None:
    card = made()
    path = STORE.replace("0001", "EF03")
    assert authority_index(card) == 0xF1
    assert authority_index(replace(card, contents={**card.contents, path: (bytes.fromhex(record),)})) == index
