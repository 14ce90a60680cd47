"""Passbook and purse through a real pcscd, under T=0 and T=1: whole trades, a lock, and a card that is pulled out."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from smartcard import scard

from tests.kit.card import ATR_T1
from tests.kit.purse import ED, EP, PurseBench, money
from tests.pcsc.harness import PcscStack

pytestmark = pytest.mark.pcsc


@contextmanager
def inserted(stack: PcscStack, bench: PurseBench, monkeypatch: pytest.MonkeyPatch) -> Iterator[PurseBench]:
    """The bench with the card in a real reader."""
    protocol = scard.SCARD_PROTOCOL_T1 if bench.card.atr == ATR_T1 else scard.SCARD_PROTOCOL_T0
    with stack.card(bench.card), stack.terminal(protocol=protocol) as terminal:

        def send(apdu: str | bytes) -> str:
            raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
            return terminal.transmit(raw).hex().upper()

        monkeypatch.setattr(bench, "send", send)
        bench.select()
        yield bench
        monkeypatch.undo()


@pytest.mark.parametrize("t1", [True, False])
def test_trades_in_a_real_reader(stack: PcscStack, monkeypatch: pytest.MonkeyPatch, t1: bool) -> None:
    card = PurseBench(passbook=money(1000, limit=0), purse=money(1000), t1=t1)
    with inserted(stack, card, monkeypatch) as bench:
        assert bench.pin() == "9000"
        bench.do(bench.load(EP, 500))
        bench.do(bench.spend(1, EP, 30, 6))
        bench.do(bench.spend(2, ED, 20, 4))
        bench.do(bench.limit(100))
        bench.do(bench.unload(10))
        assert bench.ask("805C000204") == f"{1470:08X}9000"
        assert bench.ask("805C000104") == f"{1070:08X}9000"
        assert bench.ask("00B205C417")[:20] == "0001000000000001F402"
        assert bench.word(bench.protected("841E0000")) == "9000"
        assert bench.ask("805C000204") == "6A81"
        assert bench.word(bench.protected("84180000")) == "9000"
        assert bench.ask("805C000204") == f"{1470:08X}9000"


def test_a_lost_answer_is_asked_for_in_the_next_reader(stack: PcscStack, monkeypatch: pytest.MonkeyPatch) -> None:
    card = PurseBench(purse=money(1000))
    with inserted(stack, card, monkeypatch) as bench:
        bench.ask(bench.spend(1, EP, 30, 6))
        lost = bench.card.last
    assert lost is not None
    with inserted(stack, card, monkeypatch) as bench:
        proof = bytes.fromhex(bench.ask("805A000602000108"))
        assert proof == lost.response[4:8] + lost.response[:4] + b"\x90\x00"
