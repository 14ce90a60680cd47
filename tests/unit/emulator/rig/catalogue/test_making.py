"""Every card of the catalogue is what its entry says, and the project's own terminal does right with it."""

import re
from dataclasses import replace

import pytest

from cardfs.issuing.certificates import authority
from cardfs.issuing.roots import load_roots
from emulator.rig.catalogue.entries import Entry, catalogue, find
from emulator.rig.catalogue.making import contents_of, make
from emulator.rig.timing import TIMINGS
from emulator.terminal import exchange
from keys.generate import SeededRandom
from tests.kit.catalogue import CatalogueBench, matches

SELECT_DEBIT = bytes.fromhex("00A4040008A000000333010101")


@pytest.mark.parametrize("entry", catalogue().values(), ids=lambda entry: entry.id)
def test_the_terminal_returns_what_the_entry_says(entry: Entry) -> None:
    bench = CatalogueBench(entry)
    for number, call in enumerate(entry.calls):
        place = f"call {number}, {call.function}"
        done = bench.run(call)
        assert done.code == call.code, (place, done)
        if call.message:
            assert done.text == call.message, place
        if call.gives:
            assert matches(done.text, call.gives), (place, done.text)
        if not call.code:
            assert done.warns == call.warns, place


@pytest.mark.parametrize("entry", [each for each in catalogue().values() if each.answers], ids=lambda entry: entry.id)
def test_the_card_answers_what_the_entry_says(entry: Entry) -> None:
    card = make(entry.id, random=SeededRandom("answers"))
    card.power_on()
    for command, expected in entry.answers:
        data, word = exchange(card.transmit, bytes.fromhex(command))
        answer = f"{data.hex().upper()}{word:04X}"
        assert matches(answer, expected.replace(" ", "")), (command, answer, card.last and card.last.reason)
    assert card.bug is None


@pytest.mark.parametrize(
    "entry", [each for each in catalogue().values() if each.id.endswith("-last-try")], ids=lambda each: each.id
)
def test_a_right_authentication_gives_all_tries_back(entry: Entry) -> None:
    bench = CatalogueBench(entry)
    name = re.sub(r"^(?:key|card-3\.0)-(\w+)-last-try$", r"\1", entry.id).upper()
    name = {"PIN-LAST-TRY": "PIN", "PUK-LAST-TRY": "PUK"}.get(name, name)

    def left() -> int:
        return {at[0].name: count for at, count in bench.tried.contents.tries.items() if at[1] == 1}[name]

    assert left() == 1
    if name != "DSK":  # no function of the terminal uses it
        assert bench.run(entry.calls[0]).code == 0
        assert left() == 3


def test_a_card_is_the_same_each_time_and_always_new() -> None:
    first, second = make("pin-last-try"), make("catalogue:pin-last-try")
    assert first.snapshot() == second.snapshot()
    first.transmit(bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    assert first.transmit(bytes.fromhex("0020000003999999")).hex() == "63c0"
    assert second.snapshot() == make("pin-last-try").snapshot() != first.snapshot()


def test_other_roots_make_other_keys_and_the_same_state() -> None:
    roots = load_roots()
    other = replace(roots, values={at: bytes(byte ^ 0x0F for byte in key) for at, key in roots.values.items()})
    ours, theirs = contents_of(find("pin-locked")), contents_of(find("pin-locked"), other)
    assert ours.tries == theirs.tries
    assert {at for at, key in ours.keys.items() if key != theirs.keys[at]} == {
        at for at, key in ours.keys.items() if key.suite_name
    }
    assert make("pin-locked", roots=other).atr == make("pin-locked").atr


def test_faults_of_a_card_are_its_own_and_come_back() -> None:
    card = make("pulled-after-booking")
    (own,) = card.own_faults
    assert (card.faults, own.name, own["moment"]) == ((own,), "pull", "after")
    card.fault("delay", seconds=0)
    own.seen = own.fired = 1
    card.rearm()
    (again,) = card.faults
    assert (str(again), again.fired, card.own_faults) == (str(own), 0, (again,))
    card.disarm()
    assert card.faults == ()


@pytest.mark.parametrize("name", ["slow-9600", "slow-115200", "contactless"])
def test_a_slow_card_is_slow(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    card = make(name)
    assert card.timing == find(name).timing
    way = TIMINGS[card.timing]
    answer = card.transmit(bytes.fromhex("0084000008"))
    assert sum(waited) > way.seconds(bytes(5), answer) / 2


@pytest.mark.parametrize(
    ("name", "genuine"), [("financial", True), ("certificate-wrong", False), ("signature-wrong", True)]
)
def test_the_certificate_of_the_issuer_is_recovered_unless_it_is_wrong(name: str, genuine: bool) -> None:
    """Plain arithmetic: recovery with the authority's key (EMV Book 2, 5.3)."""
    card = make(name)
    exchange(card.transmit, SELECT_DEBIT)
    record, _ = exchange(card.transmit, bytes.fromhex("00B2021C00"))
    key = authority(load_roots(), 0xF1).public
    modulus, exponent = int.from_bytes(key.modulus), int.from_bytes(key.exponent_bytes)
    block = pow(int.from_bytes(record[-len(key.modulus) :]), exponent, modulus).to_bytes(len(key.modulus))
    assert (block[:2] == b"\x6a\x02" and block[-1] == 0xBC) is genuine


@pytest.mark.parametrize(("name", "right"), [("financial", True), ("signature-wrong", False)])
def test_the_signature_over_the_static_data_is_recovered_unless_it_is_wrong(name: str, right: bool) -> None:
    """Plain arithmetic: recovery with the issuer's key out of its certificate and remainder (EMV Book 2, 5.4)."""
    card = make(name)
    exchange(card.transmit, SELECT_DEBIT)
    certificate, signed = (exchange(card.transmit, bytes.fromhex(f"00B20{at}1C00"))[0] for at in (2, 3))
    first, _ = exchange(card.transmit, bytes.fromhex("00B2011C00"))
    key = authority(load_roots(), 0xF1).public
    modulus, exponent = int.from_bytes(key.modulus), int.from_bytes(key.exponent_bytes)
    block = pow(int.from_bytes(certificate[-len(key.modulus) :]), exponent, modulus).to_bytes(len(key.modulus))
    length = block[13]
    remainder = first[first.index(b"\x92") + 2 :][: first[first.index(b"\x92") + 1]]
    issuer = block[15 : 15 + min(length, len(block) - 36)] + remainder
    assert len(issuer) == length
    static = pow(int.from_bytes(signed[-length:]), 3, int.from_bytes(issuer)).to_bytes(length)
    assert (static[:2] == b"\x6a\x03" and static[-1] == 0xBC) is right
