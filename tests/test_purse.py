"""Passbook and purse: whole trades, published traces, states, line protection, PINs and locks."""

from typing import Final

import pytest

from .purse_desk import ED, EP, TERMINAL, TIME, Desk, mac, tac

SUITE_NAMES: Final = ("3DES", "DES", "SM4")


# -- whole trades ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("suite", SUITE_NAMES)
@pytest.mark.parametrize("t1", [True, False])
def test_one_of_each_trade(suite: str, t1: bool) -> None:
    desk = Desk(suite=suite, t1=t1)
    assert desk.pin() == "9000"
    dtk = desk.key_of("DTK")[1]
    amount, about = (5000).to_bytes(4), TERMINAL + TIME
    # load: TAC over the new balance and the counter before
    assert desk.do(desk.load(ED, 5000)) == tac(suite, dtk, amount, b"\0\0", amount, b"\x01", about)
    assert desk.do(desk.load(EP, 5000)) == tac(suite, dtk, amount, b"\0\0", amount, b"\x02", about)
    # overdraft
    limit = (1000).to_bytes(3)
    assert desk.do(desk.limit(1000)) == tac(suite, dtk, (6000).to_bytes(4), b"\0\x01", limit, b"\x07", about)
    for p1, which, kind in ((1, ED, 5), (1, EP, 6), (2, ED, 4), (3, EP, 9)):
        before = desk.balance(which)
        answer = desk.do(desk.spend(p1, which, 100, kind))
        terminal_sequence = desk.sequence.to_bytes(4)
        about_it = (100).to_bytes(4), bytes((kind,)), TERMINAL, terminal_sequence, TIME
        assert answer[:4] == tac(suite, dtk, *about_it)
        assert desk.balance(which) == before - 100
    # unload
    session, about2, said = desk.online(5, ED, 1, 300, 3, "DULK")
    answer = desk.do(b"\x80\x54\x03\x00\x0b" + TIME + mac(suite, session, about2))
    assert answer == mac(suite, session, (5500).to_bytes(4), said[4:6], about2)
    assert (desk.balance(ED), desk.balance(EP)) == (5500, 4800)
    log = desk.file(0x18)
    assert [(record[:2].hex(), record[9]) for record in log] == [
        ("0003", 3), ("0002", 9), ("0002", 4), ("0001", 6), ("0001", 5), ("0002", 7), ("0001", 2), ("0001", 1),
    ]  # fmt: skip
