"""What the trace says of a security module's commands, and what it keeps to itself."""

from typing import Final

import pytest

from cardfs.model.files import CommandSet
from cardfs.model.settings import Settings
from emulator.commands.sets import SETS
from emulator.trace.event import Event
from emulator.trace.traced import Traced
from tests.kit.card import contents, masked_by, roots
from tests.kit.psam import APPLICATION, NEW_PLAIN, PsamBench, mac2, psam_key, walked

PSAM: Final = SETS.table(Settings(), CommandSet.PSAM)


class Told(PsamBench):
    """A module whose every command is told."""

    def __init__(self, suite: str) -> None:
        super().__init__(suite)
        self.events: list[Event] = []
        traced = Traced(self.card, self.events.append)
        self.__dict__["send"] = lambda apdu: traced.transmit(_raw(apdu)).hex().upper()


def _raw(apdu: str | bytes) -> bytes:
    return bytes.fromhex(apdu) if isinstance(apdu, str) else apdu


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
def test_a_session_is_told_without_secrets(suite: str) -> None:
    bench = Told(suite)
    bench.prove_kid(1)
    bench.send(bench.load(NEW_PLAIN[suite]))
    bench.deliver(0x28, 0x12, b"12345678")
    secret = b"12345612345678" + b"\x80" + bytes(17)
    enciphered = bench.cipher(0x00, secret)[:-4]
    bench.cipher(0x07, bytes(16))
    number = int(bench.ask(bench.init_sam())[:8], 16)
    bench.send(f"8072000004{mac2(bench, number)}")
    bench.send("BFEC00000151")
    text = "\n".join(event.json() for event in bench.events)
    told = {(event.name, event.fields) for event in bench.events}
    for each in (
        ("EXTERNAL AUTHENTICATION", "own key 01"),
        ("CREATE KEY", "a new key in file 0011, which is masked"),
        ("DELIVERY SESSION KEY", "28/12 UKSSSE, 1 level"),
        ("CIPHER DATA", "encipher, the end"),
        ("CIPHER DATA", "MAC, the beginning"),
        ("INIT SAM FOR PURCHASE", "account 1.00, self-paid 0.10, fund 0.20, key version 1"),
        ("CREDIT SAM FOR PURCHASE", f"MAC2 {mac2(bench, number).upper()}"),
        ("INITIALIZE ENVIRONMENT", "card of province 51"),
    ):
        assert each in told
    session = bench.rules.session_key(walked(suite, psam_key("UKSSSE", suite, 1), 1), b"12345678")
    shown = text.upper()
    for hidden in (
        secret.hex().upper(),
        enciphered,
        session.hex().upper(),
        "C0" * 16,
        roots()["PSAMADFMK"].hex().upper(),
    ):
        assert hidden not in shown
    for ref, key in contents("psam").keys.items():
        assert ref[0].owner not in APPLICATION.values() or key.value.hex().upper() not in shown


OPEN: Final = (
    "BFEC00000151",
    "BFDE2724081122334455667788",
    "8070010004AABBCCDD",
    "807200000411223344",
    "80FA0500081122334455667788",
)


@pytest.mark.parametrize("apdu", OPEN)
def test_factors_amounts_and_macs_are_shown(apdu: str) -> None:
    assert masked_by(PSAM, bytes.fromhex(apdu)) == apdu


@pytest.mark.parametrize("p1", ["00", "02", "04", "09", "FF"])
def test_what_is_enciphered_may_be_a_pin_and_is_not_shown(p1: str) -> None:
    assert masked_by(PSAM, bytes.fromhex(f"80FA{p1}00081122334455667788")) == f"80FA{p1}0008" + "**" * 8


@pytest.mark.parametrize("apdu", ["00DE2724081122334455667788", "84FA0500081122334455667788", "BF7000000411223344"])
def test_another_class_is_another_command(apdu: str) -> None:
    assert "1122" not in masked_by(PSAM, bytes.fromhex(apdu))
