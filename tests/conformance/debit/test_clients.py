"""An issuer that is not ours: pyemv agrees with the card on cryptograms, answers, script MACs and PIN blocks.

The library knows the cryptograms of EMV; the session keys of PBOC are none of its own and are made by hand.
"""

import pytest
from pyemv import ac, kd, mac, sm, tools

from keys.cryptograms import card_key
from keys.suites import TRIPLE_DES
from tests.kit.card import PIN
from tests.kit.debit import PIN_BLOCK, WRONG_BLOCK, DebitBench, session_key

# The library asks OpenSSL for 3DES in a way that is about to change.
pytestmark = pytest.mark.filterwarnings("ignore:.*TripleDES")

MASTER = {
    name: bytes.fromhex(f"{at}123456789ABCDEFFEDCBA987654321{at}") for at, name in enumerate(("AC", "MAC", "ENC"), 1)
}
PAN, SEQUENCE = "6217000000000001", "01"


def issuer_keys() -> dict[str, bytes]:
    """The card's keys as the library derives them (EMV Book 2, A1.4.1: with odd parity)."""
    return {f"UDK{name}": kd.derive_icc_mk_a(key, PAN, SEQUENCE) for name, key in MASTER.items()}


class Issuer:
    """The host of the bank, on pyemv."""

    def __init__(self, atc: int) -> None:
        self.keys = {name: session_key("3DES", key, atc) for name, key in issuer_keys().items()}
        self.atc = atc.to_bytes(2)

    def cryptogram(self, terminal: str, profile: str, cvr: str) -> bytes:
        data = bytes.fromhex(terminal + profile) + self.atc + b"\x03" + bytes.fromhex(cvr)
        return ac.generate_ac(self.keys["UDKAC"], data, ac.PaddingType.EMV)

    def response(self, arqc: bytes, code: str) -> bytes:
        return ac.generate_arpc_1(self.keys["UDKAC"], arqc, code.encode()) + code.encode()

    def command(self, header: str, arqc: bytes, data: bytes = b"") -> bytes:
        head = bytes.fromhex(header) + bytes((len(data) + 4,))
        covered = head + self.atc + arqc + data
        return head + data + sm.generate_command_mac(self.keys["UDKMAC"], covered, 4)

    def pin(self, new: str, current: str | None = None) -> bytes:
        block = sm.format_vis_pin_block(issuer_keys()["UDKAC"], new, current)
        return sm.encrypt_command_data(self.keys["UDKENC"], block, sm.EncryptionType.VISA)


def desk_of(**changes: str) -> DebitBench:
    return DebitBench({"C1": "010100", **changes}, values=issuer_keys())


@pytest.mark.parametrize("atc", [0, 0x00FE, 0x0100, 0xABCD])
def test_a_whole_transaction_with_another_ones_issuer(atc: int) -> None:
    bench = desk_of(**{"9F36": f"{atc:04X}", "9F13": f"{max(atc, 1):04X}"})
    bench.start()
    first = bench.ac("ARQC", 98765, tvr="0000048000", number="CAFEBABE")
    issuer = Issuer(atc + 1)
    terminal = bench.cdol(98765, tvr="0000048000", number="CAFEBABE")
    assert first.ac == issuer.cryptogram(terminal, "7D00", first.cvr)
    assert bench.send(b"\x00\x82\x00\x00\x0a" + issuer.response(first.ac, "00")) == "9000"
    assert bench.send(issuer.command("04DA9F58", first.ac, b"\x09")) == "9000"
    second = bench.ac("TC", 98765, code="00", tvr="0000048000", number="CAFEBABE")
    assert second.ac == issuer.cryptogram(terminal, "7D00", second.cvr)
    assert bench.send(issuer.command("84240000", first.ac)) == "9000"
    assert bench.send(issuer.command("841E0000", first.ac)) == "9000"
    assert bench.send(issuer.command("84180000", first.ac)) == "9000"
    assert bench.data("9F58") == "09"


@pytest.mark.parametrize("current", [None, PIN])
@pytest.mark.parametrize("new", ["1234", "98765", "123456789012"])
def test_a_new_pin_from_another_ones_issuer(new: str, current: str | None) -> None:
    bench = desk_of()
    first = bench.online()
    p2 = "02" if current is None else "01"
    assert bench.send(Issuer(1).command(f"842400{p2}", first.ac, Issuer(1).pin(new, current))) == "9000"
    bench.start()
    assert bench.send("0020008008" + PIN_BLOCK) == "63C2"
    assert bench.send("0020008008" + f"2{len(new):X}{new}".ljust(16, "F")) == "9000"
    assert bench.send("0020008008" + WRONG_BLOCK) == "63C2"


def test_a_wrong_answer_of_another_ones_issuer() -> None:
    bench = desk_of()
    first = bench.online()
    assert bench.send(b"\x00\x82\x00\x00\x0a" + Issuer(2).response(first.ac, "00")) == "6300"


def test_the_issuers_part_of_the_data_has_the_librarys_mac() -> None:
    bench = DebitBench({"C1": "010102", "C3": "000000012345"}, values=issuer_keys())
    found = bench.online()
    value = bytes.fromhex("0000012345")
    assert found.iad[10:15] == value
    key = Issuer(1).keys["UDKMAC"]
    expected = mac.mac_iso9797_3(key[:8], key[8:], b"\x00\x01" + value + b"\x00", 2, 4)
    assert found.iad[15:] == expected


def test_the_keys_are_those_of_the_national_rule_but_for_parity() -> None:
    """The card's rule leaves parity alone; the library adjusts it, and DES does not look at it."""
    for name, key in MASTER.items():
        assert tools.adjust_key_parity(card_key(TRIPLE_DES, key, PAN, SEQUENCE)) == issuer_keys()[f"UDK{name}"]
