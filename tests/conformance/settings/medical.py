"""Settings of medical trades."""

import json

from tests.conformance.settings.registry import exercise
from tests.kit.medical import MedicalBench, card_with


def trading(name: str, value: str, suite: str = "3DES", *, binary: bool = False) -> MedicalBench:
    """A card with money and one setting."""
    section, _, field = name.partition(".")
    overrides = f"[settings.{section}]\n{field} = {json.dumps(value)}\n"
    return MedicalBench(card_with(suite=suite, overrides=overrides), binary=binary)


@exercise("trade.type_byte", "ascii", "binary")
def _(value: str) -> None:
    """V2.0 notice, 8.5.3.2: a character; Part 7 does not say how MACs have it. Records keep the character."""
    bench = trading("trade.type_byte", value, binary=value == "binary")
    begun = bench.begin_load(500)
    assert bench.data(bench.credit(begun)) == bench.load_tac(begun, 1500)
    bought = bench.begin_purchase()
    assert bench.data(bench.debit(bought)) == bench.purchase_tac(bought, 7) + bench.mac2(bought)
    assert [record[2:3] for record in bench.records] == [b"2", b"1"]
    other = trading("trade.type_byte", value, binary=value != "binary")
    assert other.word(other.credit(other.begin_load())) == "9302"
    assert other.word(other.debit(other.begin_purchase())) == "9302"


@exercise("trade.load_tac_balance", "new", "old")
def _(value: str) -> None:
    """Part 7, 11.8 names the balance between the addition and the TAC."""
    bench = trading("trade.load_tac_balance", value)
    begun = bench.begin_load(500)
    assert bench.data(bench.credit(begun)) == bench.load_tac(begun, {"new": 1500, "old": 1000}[value])
    assert bench.purse.balance == 1500


@exercise("trade.algorithm_byte", "psam", "fci")
def _(value: str) -> None:
    """Part 9, 6.2, or the values of 9F0C."""
    for suite, byte in (("3DES", {"psam": 0x00, "fci": 0x01}[value]), ("SM4", 0x03)):
        bench = trading("trade.algorithm_byte", value, suite)
        assert bench.begin_load().answer[7] == bench.begin_purchase().answer[17] == byte


@exercise("trade.init_lifetime", "keeps", "ends")
def _(value: str) -> None:
    """Part 5, table 49 against 7.5.1 and 7.6.1; every cell is in the tests of the states."""
    bench = trading("trade.init_lifetime", value)
    begun = bench.begin_load()
    assert bench.word("B026000104") == "9000"
    assert bench.word(bench.credit(begun)) == {"keeps": "9000", "ends": "6901"}[value]


@exercise("trade.proof_type_byte", "both", "binary", "ascii")
def _(value: str) -> None:
    """Part 5, table 61: 交易类型标识, without a value."""
    for at in (1, 2):
        bench = trading("trade.proof_type_byte", value)
        assert bench.load() if at == 1 else bench.purchase()
        assert bench.word(f"B02E000{at}020001") == ("6A86" if value == "ascii" else "9000")
        assert bench.word(f"B02E003{at}020001") == ("6A86" if value == "binary" else "9000")
        assert bench.word(f"B02E003{3 - at}020001") == ("6A86" if value == "binary" else "9406")


@exercise("trade.record_sequence", "after", "before")
def _(value: str) -> None:
    """Part 7, 11.8 and 12.6: the counter is increased, then the record is written."""
    bench = trading("trade.record_sequence", value)
    assert bench.load()
    assert bench.purchase()
    assert [record[:2] for record in bench.records] == [{"after": b"\0\2", "before": b"\0\1"}[value]] * 2


@exercise("trade.proof_sequence", "before", "after")
def _(value: str) -> None:
    """Part 5, table 62: the sequence number of the trade, counted before or after it; never both."""
    bench = trading("trade.proof_sequence", value)
    first = bench.purse.purchases
    assert bench.purchase()
    words = [bench.word(f"B02E000202{first + more:04X}") for more in (-1, 0, 1, 2)]
    assert words == ["9406", *{"before": ("9000", "9406"), "after": ("9406", "9000")}[value], "9406"]
