"""What a terminal says when something is refused, and whose card it was: sentences that name cause and place."""

import tomllib

import pytest

from cardfs.profile.loader import load_profile
from emulator.terminal import HSM_CODES, Result, TerminalError
from emulator.terminal.amounts import recorded
from emulator.terminal.keytable import TABLE
from emulator.terminal.link import exchange
from tests.kit.card import PIN, contents
from tests.kit.terminal import (
    CARD,
    IDENTIFICATION,
    INFO,
    NEW_PIN,
    PAYMENT,
    TIME,
    TerminalBench,
    psam_contents,
    settings,
    with_money,
)

OTHER_NUMBER = f"{IDENTIFICATION}|B00004282|"
OTHER_CARD = f"{'0' * 32}|A00004282|"

# The card that is expected --------------------------------------------------------------------------

ANY_CARD = {
    "read_basic": lambda bench, info: bench.terminal.read_basic(card_info=info),
    "read_basic_hsm_step1": lambda bench, info: bench.terminal.read_basic_hsm_step1(card_info=info),
    "verify_pin": lambda bench, info: bench.terminal.verify_pin(card_info=info),
    "change_pin": lambda bench, info: bench.terminal.change_pin(card_info=info),
    "read_debit_records": lambda bench, info: bench.terminal.read_debit_records(card_info=info),
    "balance": lambda bench, info: bench.terminal.balance(card_info=info),
    "identify": lambda bench, info: bench.terminal.identify(card_info=info),
}


@pytest.mark.parametrize("name", ANY_CARD)
@pytest.mark.parametrize(("info", "code"), [(OTHER_NUMBER, -22), (OTHER_CARD, -22), ("A|B|", -20), ("A", -23)])
def test_functions_that_take_any_card_take_no_other_than_the_one_named(name: str, info: str, code: int) -> None:
    bench = TerminalBench()
    before = bench.cells()
    error = bench.fails(lambda: ANY_CARD[name](bench, info))
    assert error.code == code
    assert bench.prompts == []
    assert bench.cells() == before
    assert not any(sent[2:4] in ("82", "88", "20", "5E") for sent in bench.user.sent)


@pytest.mark.parametrize("name", ANY_CARD)
def test_the_card_named_is_taken(name: str) -> None:
    bench = TerminalBench()
    ANY_CARD[name](bench, INFO)
    bench.terminal.close()
    bench.no_power()


# Amounts --------------------------------------------------------------------------------------------

AMOUNTS = {
    # account, self-paid, fund in fen: total and account plus fund, by the rule last-two and by the sum
    "total and covered in the last two": ((0, 1250, 1000), (1250, 1000), (2250, 1000)),
    "only a total in the last two": ((0, 1250, 0), (1250, 0), (1250, 0)),
    "all from the account": ((1250, 0, 0), (1250, 1250), (1250, 1250)),
    "a part from the account": ((1000, 250, 0), (1250, 1000), (1250, 1000)),
    "from account and fund": ((700, 250, 300), (1250, 1000), (1250, 1000)),
    "more from the fund than from the holder": ((0, 250, 1000), (1250, 1000), (1250, 1000)),
}


@pytest.mark.parametrize(("three", "last_two", "summed"), AMOUNTS.values(), ids=AMOUNTS)
def test_a_record_tells_total_and_account_plus_fund(
    three: tuple[int, ...], last_two: tuple[int, int], summed: tuple[int, int]
) -> None:
    """Terminal interface, 9.1.2; records of 20 bytes have the account amount only (Part 7, 12)."""
    record = bytes(16) + b"".join(amount.to_bytes(4) for amount in three)
    assert recorded(record, settings(debit_amounts="last-two").terminal) == last_two
    for rule in ("account", "fund"):
        assert recorded(record, settings(debit_amounts=rule).terminal) == summed
    short = recorded(record[:20], settings().terminal)
    assert short == (three[0], three[0])


def test_a_purchase_from_the_account_is_read_by_a_terminal_with_the_default_rule() -> None:
    bench = TerminalBench(user=with_money(contents(), 5000), settings=settings(debit_amounts="account"))
    bench.terminal.debit(INFO, f"12.50|12.50|{TIME}|")
    bench.terminal.settings = settings()
    assert bench.terminal.read_debit_records().text.endswith(f"^{TIME}^12.50^12.50^|")


@pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0", "ssc-3.0"])
def test_the_balance_is_what_account_holder_and_fund_have(profile: str) -> None:
    """Part 5, 7.3."""
    bench = TerminalBench(user=with_money(contents(profile), 5005), settings=settings(debit_amounts="account"))
    assert bench.terminal.balance().text == "50.05|0.00|0.00|"
    bench.terminal.debit(INFO, PAYMENT)
    done = bench.terminal.balance()
    assert done.text == "40.05|2.50|0.00|"
    assert done.fields == {"account": "40.05", "self_paid": "2.50", "fund": "0.00"}
    bench.terminal.settings = settings(debit_amounts="fund")
    bench.terminal.debit(INFO, PAYMENT)
    assert bench.terminal.balance().text == "40.05|5.00|10.00|"


# Reasons --------------------------------------------------------------------------------------------


def test_a_psam_that_is_gone_is_named_with_its_reader() -> None:
    """The user card is still there, and has booked; no code may lead a caller to pay again with the HSM."""
    bench = TerminalBench(user=with_money(contents(), 5000), settings=settings(debit_amounts="account"))
    assert bench.psam is not None
    bench.psam.cut = lambda command: command[:2] == b"\x80\x72"
    bench.psam.lost = lambda: TerminalError("the reader lost the card: Card was removed", -2)
    error = bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT))
    assert str(error) == (
        "the card has booked the trade, but the PSAM in 'this process' does not answer any more: "
        "the reader lost the card: Card was removed"
    )
    assert error.code == -4
    assert error.code not in HSM_CODES
    assert error.trade == (INFO, "2", "0000")
    assert bench.balance() == 4000
    bench.psam.cut = lambda command: command[:2] == b"\x80\x70"
    error = bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT))
    assert (error.code, error.text) == (-2201, "无 PSAM 卡")
    assert str(error).startswith("the PSAM in 'this process' does not answer any more: ")
    assert bench.balance() == 4000


def test_a_maintenance_key_that_makes_macs_only_cannot_bring_a_pin() -> None:
    """Part 9, 6.3: type 06 against type 08 of the terminal interface."""
    bench = TerminalBench(psam=psam_contents('[settings.psam]\nstk_type = "06"'), fingers=NEW_PIN)
    error = bench.fails(lambda: bench.terminal.reload_pin(INFO))
    assert error.code == -0x6985
    assert str(error).endswith("; its STK is a key for MACs (type 06) and cannot encipher: use an HSM")
    assert bench.pin == PIN
    bench.terminal.unblock_pin(INFO)


def test_a_key_that_enciphers_is_not_said_to_make_macs_only() -> None:
    bench = TerminalBench(fingers=NEW_PIN)
    assert bench.psam is not None
    real = bench.psam.card.transmit
    bench.psam.card.transmit = (  # type: ignore[method-assign]
        lambda raw: b"\x69\x85" if raw[:4] == b"\x80\xfa\x00\x00" else real(raw)
    )
    error = bench.fails(lambda: bench.terminal.reload_pin(INFO))
    assert "for MACs" not in str(error)


@pytest.mark.parametrize("spent", [True, False])
def test_an_exhausted_terminal_sequence_is_said(spent: bool) -> None:
    """Part 9, 9.9: a number is never given out twice, so at last there is none."""
    bench = TerminalBench()
    assert bench.psam is not None
    image = bench.psam.card.image
    change = image.begin()
    path = next(path for path in image.contents if path.endswith("0019") and "DF01" in path)
    change.put_contents(path, b"\xff" * 4)
    change.commit()
    if not spent:
        real = bench.psam.card.transmit
        bench.psam.card.transmit = (  # type: ignore[method-assign]
            lambda raw: bytes(4) + b"\x90\x00" if raw == b"\x00\xb0\x00\x00\x04" else real(raw)
        )
    error = bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT))
    assert error.code == -0x6985
    why = "; its terminal trade sequence is exhausted: use another PSAM"
    assert str(error).endswith(why) is spent


@pytest.mark.parametrize("trade", ["debit", "load"])
def test_a_wrong_mac_may_be_another_rule_for_the_type(trade: str) -> None:
    bench = TerminalBench("ssc-2.0", '[settings.trade]\ntype_byte = "binary"')

    def load(text: str) -> str:
        # An HSM that sees no fault in the card's MAC1.
        time, mac2, _ = f"{TIME}|00000000|".split("|")
        assert text
        return f"{time}|{mac2}|"

    work = {
        "debit": lambda: bench.terminal.debit(INFO, PAYMENT),
        "load": lambda: bench.terminal.load(INFO, "1.00", load),
    }
    error = bench.fails(work[trade])
    assert error.code == -0x9302
    assert "or by another rule for the trade type (terminal.type_byte)" in str(error)


@pytest.mark.parametrize("time", ["20261399990000", "20260230120000", "2026013112000"])
def test_a_load_at_no_time_is_refused_before_it_is_booked(time: str) -> None:
    bench = TerminalBench()
    before = bench.cells()[0]
    error = bench.fails(lambda: bench.terminal.load(INFO, "1.00", lambda _: f"{time}|00000000|"))
    assert (error.code, str(error)) == (-23, f"{time!r} is not a time YYYYMMDDHHMMSS")
    assert bench.cells()[0] == before


def test_a_file_that_nobody_writes_says_so() -> None:
    bench = TerminalBench()
    error = bench.fails(lambda: bench.terminal.write(INFO, "DF04EF08|$", "DF04EF08|$"))
    assert str(error) == "nobody may write DF04EF08: no PIN and no key allows it"


@pytest.mark.parametrize(
    ("fingers", "code", "sentence"),
    [
        ("12ab", -41, "a PIN consists of digits only"),
        ("12", -33, "a PIN has 4 to 16 digits"),
        ("", -33, "a PIN has 4 to 16 digits"),
        ("١٢٣٤", -41, "a PIN consists of digits only"),
    ],
)
def test_a_pin_of_other_characters_is_another_fault_than_its_length(fingers: str, code: int, sentence: str) -> None:
    bench = TerminalBench(fingers=fingers)
    error = bench.fails(bench.terminal.verify_pin)
    assert (error.code, str(error)) == (code, sentence)


def test_the_tries_are_counted_in_english() -> None:
    bench = TerminalBench(fingers="000000")
    said = [str(bench.fails(bench.terminal.verify_pin)).partition(", ")[2] for _ in range(3)]
    assert said == ["2 tries are left", "1 try is left", "no tries are left, it is locked now"]


# The wire and what is shown -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "again"),
    [
        ("00B2010400", "00B2010403"),
        ("00840000", "0084000003"),
        ("00880000020A0B00", "00880000020A0B03"),
        ("00880000020A0B", "00880000020A0B03"),
    ],
    ids=["case 2", "case 1", "case 4", "case 4 without Le"],
)
def test_the_right_length_is_asked_for_with_the_same_data(command: str, again: str) -> None:
    sent: list[str] = []

    def channel(raw: bytes) -> bytes:
        sent.append(raw.hex().upper())
        return b"\x6c\x03" if len(sent) == 1 else b"abc\x90\x00"

    assert exchange(channel, bytes.fromhex(command)) == (b"abc", 0x9000)
    assert sent == [command, again]


def test_no_result_shows_a_pin_by_accident() -> None:
    """The second step of a reload brings the new PIN to the HSM."""
    bench = TerminalBench(fingers=NEW_PIN)
    step1 = bench.terminal.reload_pin_hsm_step1(INFO).text
    step2: Result = bench.terminal.reload_pin_hsm_step2(bench.hsm.authentication(step1, CARD))
    assert step2.fields["plain"] == NEW_PIN
    assert NEW_PIN not in repr(step2)
    bench.terminal.close()


# One table ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stk_type", ["06", "08"])
def test_the_identifiers_are_those_of_the_module_that_is_shipped(stk_type: str) -> None:
    """Part 9, appendix B: what a terminal looks for is what the profile `psam` has."""
    made = load_profile("psam", tomllib.loads(f'[settings.psam]\nstk_type = "{stk_type}"'))
    kinds = {"mac": 6, "encryption": 7, "mac-enc": 8}
    held = {
        plan.ref.name: (plan.kid, kinds[str(plan.usage)])
        for plan in made.keys
        if plan.ref.owner.endswith("DF01") and str(plan.usage) in kinds
    }
    assert len(held) > 50
    assert set(held) == set(TABLE)
    for name, (kid, kind) in held.items():
        assert TABLE[name].identifier == kid, name
        assert kind in TABLE[name].kinds, name
