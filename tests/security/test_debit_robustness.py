"""Any bytes get an answer that the row of the command lists, whatever a terminal or an issuer sends, at any stage."""

from typing import Final

from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.commands.financial.debit.rows import DEBIT_ROWS
from tests.kit.card import family
from tests.kit.debit import CASH, CDOL1, PDOL, DebitBench

STAGES: Final = ("selected", "begun", "cash", "asked", "proven", "done", "blocked")
CODES: Final = [(row.cla, row.ins) for row in DEBIT_ROWS]
WORDS: Final = {(row.cla, row.ins): set(row.status_words) for row in DEBIT_ROWS}


def at(stage: str) -> DebitBench:
    bench = DebitBench(
        {**CASH, "9F76": "0840", "9F73": "20000725", "9F75": "000000100000"}, suspended=stage == "blocked"
    )
    bench.select()
    if stage in ("begun", "cash"):
        bench.start(cash=stage == "cash")
    if stage in ("asked", "proven", "done"):
        bench.online()
        if stage != "asked":
            bench.arpc()
        if stage == "done":
            bench.ac("TC", code="00")
    return bench


@settings(max_examples=400, deadline=None)
@given(
    stage=st.sampled_from(STAGES),
    code=st.sampled_from(CODES),
    parameters=st.one_of(
        st.binary(min_size=2, max_size=2), st.sampled_from([b"\x00\x00", b"\x40\x00", b"\x9f\x79", b"\x00\x80"])
    ),
    data=st.one_of(st.binary(max_size=40), st.sampled_from([8, 10, 11, 20, 29, 31]).map(bytes)),
    le=st.booleans(),
)
@example("selected", (0x80, 0xA8), b"\x00\x00", b"\x83\x09" + b"\x01" + b"\xff" * 8, False)
@example("begun", (0x80, 0xAE), b"\x40\x00", b"\xff" * 29, False)
def test_any_data_get_a_word_of_the_row(
    stage: str, code: tuple[int, int], parameters: bytes, data: bytes, le: bool
) -> None:
    bench = at(stage)
    raw = bytes(code) + parameters + (bytes((len(data),)) + data if data else b"") + b"\x00" * le
    assert family(bench.send(raw)[-4:]) in WORDS[code]


@settings(max_examples=150, deadline=None)
@given(
    tag=st.sampled_from(["9F79", "9F78", "9F77", "9F6D", "9F73", "9F75", "9F58", "9F54", "9F53"]),
    data=st.binary(min_size=6, max_size=6),
    short=st.integers(1, 6),
)
def test_whatever_the_issuer_writes_the_card_goes_on(tag: str, data: bytes, short: int) -> None:
    more = {"9F73": "20000725", "9F75": "000000100000", "9F54": "000000100000", "9F53": "00", "9F76": "0840"}
    bench = DebitBench({**CASH, **more}, pdol=PDOL, cdol1=CDOL1)
    bench.online()
    bench.send(bench.script(f"04DA{tag}", data[:short].hex()))
    for currency in ("0156", "0840"):
        bench.start(5000, cash=True, currency=currency)
        assert bench.ac("TC", 5000, currency=currency).word == "9000"
        assert bench.data("9F5D").isdecimal()
