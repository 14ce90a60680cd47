"""Secure messaging on files through a real pcscd, under T=0 and T=1 (Part 4, 8.5)."""

import pytest
from smartcard import scard

from cardfs.model.settings import Settings, SmSettings
from tests.kit.card import RECORDS, HandmadeBench
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc

ON = Settings(sm=SmSettings(update_commands="per-file", read_commands="per-file"))


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize("t1", [False, True])
@pytest.mark.clause("Part 4, 8.5", "cases 2 and 3 through a reader, under T=0 and T=1")
def test_a_secured_file_is_read_and_updated_in_a_real_reader(
    stack: PcscStack, monkeypatch: pytest.MonkeyPatch, suite: str, t1: bool
) -> None:
    bench = HandmadeBench(ON, suite=suite, t1=t1)
    protocol = scard.SCARD_PROTOCOL_T1 if t1 else scard.SCARD_PROTOCOL_T0
    with stack.card(bench.card), stack.terminal(protocol=protocol) as terminal:

        def send(apdu: str | bytes) -> str:
            return terminal.transmit(bytes.fromhex(apdu) if isinstance(apdu, str) else apdu).hex().upper()

        monkeypatch.setattr(bench, "send", send)
        bench.select_ssse()
        assert bench.word("00B201B400") == "6987"
        assert bench.ask(bench.secured("04B201B4") + b"\x00") == RECORDS[0].hex().upper() + "9000"
        assert bench.word(bench.secured("04DC01B4", bytes.fromhex("0102F1F2"), enciphered=True)) == "9000"
        command = bench.secured("04B201B4") + b"\x00"
        assert bench.ask(command) == "0102F1F29000"
        assert bench.word(command) == "6984"
        bench.challenge()
        assert bench.word(command) == "6988"
