"""Nothing is lost when something goes wrong: the cells of both cards, and what the terminal says."""

from collections.abc import Callable
from functools import partial

import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.model.files import CardContents
from cardfs.profile.loader import DEMO, load_profile
from emulator.terminal import HsmCard, InProcess, Result, TerminalError, TerminalSettings
from emulator.terminal.card import UserCard
from emulator.terminal.settings import Settings
from tests.kit.card import PIN, contents
from tests.kit.terminal import (
    CARD,
    IDENTIFICATION,
    INFO,
    PAYMENT,
    TIME,
    TerminalBench,
    demo_roots,
    other_roots,
    psam_contents,
    roots_without,
    settings,
    with_money,
)

PROFILES = ("ssc-2.0", "ssc-3.0")
ACCOUNT = settings(debit_amounts="account")
MONEY = 500000
"""Fen on the cards here."""


def rich(profile: str = "ssc-2.0") -> CardContents:
    return with_money(contents(profile), MONEY)


def pay(bench: TerminalBench) -> TerminalError:
    return bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT))


# Refusals before anything is booked -----------------------------------------------------------------

REFUSED: dict[str, tuple[Callable[[], TerminalBench], int, str]] = {
    "a PSAM of another city": (
        lambda: TerminalBench(user=rich(), psam=psam_contents(region="519800"), settings=ACCOUNT),
        -24,
        "the PSAM of region 519800 has DPK, but of a level that does not reach cards of region 519900",
    ),
    "a PSAM without DPK": (
        lambda: TerminalBench(user=rich(), psam=psam_contents(roots=roots_without("DPK")), settings=ACCOUNT),
        -27272,
        "the PSAM has no key DPK of version 01",
    ),
    "no PSAM": (
        lambda: TerminalBench(user=rich(), psam=None, settings=ACCOUNT),
        -2201,
        "the terminal has no PSAM, and this function needs one",
    ),
    "a balance too small": (
        lambda: TerminalBench(user=with_money(contents(), 999), settings=ACCOUNT),
        -0x9401,
        "INITIALIZE FOR PURCHASE: the card answered 9401, balance too small; the account holds less than 10.00 yuan "
        "(table A.1 has no text for this answer)",
    ),
    "a locked PIN": (
        lambda: no_tries(TerminalBench(user=rich(), settings=ACCOUNT)),
        -52,
        "VERIFY: the PIN is locked, no tries are left",
    ),
    "no such purchase key": (
        lambda: TerminalBench(user=rich(), settings=settings(debit_amounts="account", key_index=7)),
        -0x9403,
        "INITIALIZE FOR PURCHASE: the card answered 9403, key index not supported; the card has no purchase key of "
        "index 07",
    ),
}


def no_tries(bench: TerminalBench) -> TerminalBench:
    image = bench.user.card.image
    at = next(at for at in image.tries if at[0].name == "PIN")
    while image.left(at):
        image.charge(at)
    return bench


@pytest.mark.parametrize(("make", "code", "sentence"), REFUSED.values(), ids=REFUSED)
def test_a_refused_purchase_leaves_both_cards_as_they_were(
    make: Callable[[], TerminalBench], code: int, sentence: str
) -> None:
    bench = make()
    before = bench.cells()
    error = pay(bench)
    assert (error.code, str(error)) == (code, sentence)
    assert bench.cells() == before


def test_a_wrong_pin_costs_one_try_and_nothing_else() -> None:
    bench = TerminalBench(user=rich(), fingers="000000")
    before = bench.cells()
    assert str(pay(bench)) == "VERIFY: the PIN is wrong, 2 tries are left"
    assert bench.tries("PIN") == 2
    bench.fingers = PIN
    bench.terminal.verify_pin()
    assert bench.cells() == before


def test_a_purchase_that_the_card_refuses_costs_the_psam_its_number_and_the_card_nothing() -> None:
    """Another DPK: the card refuses MAC1. The terminal sequence is never given out twice (Part 9, 9.9)."""
    bench = TerminalBench(user=rich(), psam=psam_contents(roots=other_roots("DPK")), settings=ACCOUNT)
    card, module = bench.cells()
    error = pay(bench)
    assert (error.code, error.text) == (-0x9302, "MAC 无效")
    assert str(error).startswith("DEBIT FOR PURCHASE: the card answered 9302, MAC invalid; MAC1 was made with another")
    after, stepped = bench.cells()
    assert after == card
    assert {at for at in module if module[at] != stepped[at]} == {
        at for at in module if "0019" in str(at) and module[at] != stepped[at]
    }
    assert bench.balance() == MONEY


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("region", ["519800", "330100"])
def test_no_try_of_a_key_is_lost_on_a_psam_of_another_region(profile: str, region: str) -> None:
    bench = TerminalBench(profile, psam=psam_contents(region=region))
    before = bench.cells()
    for work in (
        lambda: bench.terminal.write(INFO, "DF01EF07|29|$", "DF01EF07|1|$"),
        lambda: bench.terminal.reload_pin(INFO),
        lambda: bench.terminal.unblock_pin(INFO),
    ):
        error = bench.fails(work)
        assert error.code == -24
        assert f"does not reach cards of region {CARD.region}" in str(error)
    assert bench.cells() == before


def test_all_of_a_city_in_zhejiang_has_one_root() -> None:
    """Terminal interface, 10.3: the factor has four digits, so a PSAM of another district of the city does."""
    kind, nobody = load_profile("ssc-2.0"), load_holder(DEMO / "holder.toml")
    user = issue(kind, nobody, demo_roots(), IssueOptions(region="330102", serial="00000042", pin=PIN, seed="tests"))
    bench = TerminalBench(user=user, psam=psam_contents(region="330100"))
    info = bench.terminal.identify().info
    bench.terminal.write(info, "DF01EF07|29|$", "DF01EF07|1|$")
    other = TerminalBench(user=user, psam=psam_contents(region="330200"))
    assert other.fails(lambda: other.terminal.write(info, "DF01EF07|29|$", "DF01EF07|1|$")).code == -24


def test_without_the_check_the_card_says_it_and_counts() -> None:
    """Setting terminal.psam_region."""
    bench = TerminalBench(psam=psam_contents(region="519800"), settings=settings(psam_region="ignore"))
    error = bench.fails(lambda: bench.terminal.write(INFO, "DF01EF07|29|$", "DF01EF07|1|$"))
    assert error.code == -25538
    assert str(error) == (
        "EXTERNAL AUTHENTICATION with UK2DF01 (key 84): the card answered 63C2, verification failed, tries left: 2; "
        "does the terminal know this card's UK2DF01?"
    )
    assert bench.tries("UK2DF01") == 2


def test_data_that_cannot_be_written_are_refused_before_the_first_item_is() -> None:
    bench = TerminalBench()
    before = bench.cells()
    address, data = "DF01EF07|29|$DF01EF05|20|$", "DF01EF07|3|$DF01EF05|too long|$"
    error = bench.fails(lambda: bench.terminal.write(INFO, address, data))
    assert (error.code, str(error)) == (-42, "户口类别: 8 bytes, but only 2 fit")
    assert bench.cells() == before


def test_another_card_is_refused_before_any_proof() -> None:
    bench = TerminalBench()
    before = bench.cells()
    error = bench.fails(lambda: bench.terminal.debit(INFO.replace("A0000", "B0000"), PAYMENT))
    assert str(error) == "another card is in the reader: its card number differs from the one given"
    assert bench.prompts == []
    assert bench.cells() == before
    assert not any(sent[2:4] in ("82", "88", "20") for sent in bench.user.sent)
    error = bench.fails(lambda: bench.terminal.debit(INFO.replace(IDENTIFICATION, "0" * 32), PAYMENT))
    assert str(error) == "another card is in the reader: its identification code differs from the one given"


# A card that is pulled out --------------------------------------------------------------------------


def exchanges(profile: str) -> int:
    """How many commands the user card gets in a purchase."""
    bench = TerminalBench(user=rich(profile), settings=ACCOUNT)
    bench.terminal.debit(INFO, PAYMENT)
    return len(bench.user.sent)


def cut_at(bench: TerminalBench, number: int, how: bool | str) -> None:
    """Pull the user card out at one of its commands; it is back for the ones after that."""
    count = [0]

    def cut(_: bytes) -> bool | str:
        count[0] += 1
        return how if count[0] == number else False

    bench.user.cut = cut


@pytest.mark.parametrize("how", [True, "after"], ids=["before", "after"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_card_pulled_out_anywhere_in_a_purchase_loses_nothing(profile: str, how: bool | str) -> None:
    """Part 7, 14: whatever the terminal then says, money and record agree, and the proof tells which it is."""
    count = exchanges(profile)
    assert count > 15
    for number in range(1, count + 1):
        bench = TerminalBench(user=rich(profile), settings=ACCOUNT)
        before = bench.cells()[0]
        cut_at(bench, number, how)
        error = pay(bench)
        assert error.code == -2, number
        bench.user.cut = lambda _: False
        booked = bench.balance() != MONEY
        if error.trade is None:
            assert not booked, number
            assert bench.cells()[0] == before
            continue
        assert "uncertain" in str(error)
        assert _proof(bench, error) == booked, number
        assert bench.balance() == (MONEY - 1000 if booked else MONEY)


def _proof(bench: TerminalBench, error: TerminalError) -> bool:
    """Whether the card has the proof of a trade."""
    code, text = as_call(lambda: bench.terminal.proof(*error.trade))
    assert code in (0, -0x9406)
    assert code or len(text) == 18
    return code == 0


def as_call(work: Callable[[], Result]) -> tuple[int, str]:
    """Code and text of a function."""
    try:
        return 0, work().text
    except TerminalError as error:
        return error.code, error.text


@pytest.mark.parametrize("how", [True, "after"], ids=["before", "after"])
@pytest.mark.parametrize("profile", PROFILES)
def test_a_card_that_comes_back_ends_its_purchase_by_the_proof(profile: str, how: bool | str) -> None:
    """Part 7, 14: the card is put back, found to be the same, and its proof ends the trade or begins it anew."""
    whole = TerminalBench(user=rich(profile), settings=ACCOUNT)
    expected = whole.terminal.debit(INFO, PAYMENT).text
    last = len(whole.user.sent)
    for number in (last - 1, last):
        bench = TerminalBench(user=rich(profile), settings=ACCOUNT)
        cut_at(bench, number, how)
        asked: list[str] = []

        def again(prompt: str, asked: list[str] = asked) -> bool:
            asked.append(prompt)
            return True

        if number == last - 1 and how is True:
            error = bench.fails(partial(bench.terminal.debit, INFO, PAYMENT, reinsert=again))
            assert error.code == -0x9406
            assert "the card booked nothing, so the trade can be made again" in str(error)
            assert bench.balance() == MONEY
        else:
            done = bench.terminal.debit(INFO, PAYMENT, reinsert=again)
            assert done.text == expected
            assert bench.balance() == MONEY - 1000
            assert bench.psam is not None
            # MAC2 of the proof satisfied the PSAM.
            assert bench.psam.sent[-1].startswith("8072000004")
            assert bench.psam.answers[-1] == "9000"
        assert asked == ["请重新插入卡片"]
        bench.no_power()


@pytest.mark.parametrize("how", [True, "after"], ids=["before", "after"])
def test_a_card_that_comes_back_ends_its_load_by_the_proof(how: bool | str) -> None:
    bench = TerminalBench(user=rich())
    whole = TerminalBench(user=rich())
    expected = whole.terminal.load(INFO, "1.00", lambda text: whole.hsm.load(text, CARD, TIME)).text
    cut_at(bench, len(whole.user.sent) - 1, how)

    def load() -> str:
        host = bench.terminal.load(INFO, "1.00", lambda text: bench.hsm.load(text, CARD, TIME), reinsert=lambda _: True)
        return host.text

    if how is True:
        with pytest.raises(TerminalError, match="booked nothing") as caught:
            load()
        assert (caught.value.code, bench.balance()) == (-0x9406, MONEY)
    else:
        assert load() == expected
        assert bench.balance() == MONEY + 100
    bench.no_power()


def test_another_card_put_in_for_the_one_that_was_pulled_out_is_noticed() -> None:
    """Part 7, 14: the terminal checks that it is the same card."""
    bench = TerminalBench(user=rich())
    other = TerminalBench(user=contents("ssc-2.0", '[atr]\nchip_maker = "1111"'))
    last = len(exchanged())
    cut_at(bench, last - 1, "after")

    def swap(_: str) -> bool:
        image = other.user.card.image
        change = image.begin()
        records = image.contents["3F00/DDF1/EF05"]
        assert isinstance(records, tuple)
        change.put_contents("3F00/DDF1/EF05", (*records[:6], b"\x07\x09B00004282"))
        change.commit()
        bench.user.card = other.user.card
        return True

    error = bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT, reinsert=swap))
    assert (error.code, error.text) == (-22, "传入数据与卡内不符")
    assert error.trade == (INFO, "2", "0000"), "the first card's trade is still uncertain"
    assert str(error).endswith("; it is uncertain whether the card booked trade 0000: ask for its proof")


@pytest.mark.parametrize("word", ["6A88", "6982"])
def test_a_card_that_refuses_its_proof_leaves_the_trade_uncertain(word: str) -> None:
    """And no caller goes on with the HSM, which would pay again."""
    bench = TerminalBench(user=rich(), settings=ACCOUNT)
    cut_at(bench, len(exchanged()) - 1, "after")
    real = bench.user.card.transmit
    bench.user.card.transmit = (  # type: ignore[method-assign]
        lambda raw: bytes.fromhex(word) if raw[:2] == b"\xb0\x2e" else real(raw)
    )
    error = bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT, reinsert=lambda _: True))
    assert error.code == {"6A88": -4, "6982": -0x6982}[word]
    assert error.trade == (INFO, "2", "0000")
    assert bench.balance() == MONEY - 1000


def exchanged() -> list[str]:
    bench = TerminalBench(user=rich())
    bench.terminal.debit(INFO, PAYMENT)
    return bench.user.sent


def test_a_holder_who_does_not_put_the_card_back_leaves_the_trade_uncertain() -> None:
    bench = TerminalBench(user=rich(), settings=ACCOUNT)
    cut_at(bench, len(exchanged()) - 1, "after")
    error = bench.fails(lambda: bench.terminal.debit(INFO, PAYMENT, reinsert=lambda _: False))
    assert error.trade == (INFO, "2", "0000")
    assert _proof(bench, error)


@pytest.mark.parametrize("how", [True, "after"], ids=["before", "after"])
def test_a_psam_pulled_out_anywhere_never_costs_money_without_saying_so(how: bool | str) -> None:
    whole = TerminalBench(user=rich(), settings=ACCOUNT)
    whole.terminal.debit(INFO, PAYMENT)
    assert whole.psam is not None
    for number in range(1, len(whole.psam.sent) + 1):
        bench = TerminalBench(user=rich(), settings=ACCOUNT)
        assert bench.psam is not None
        count = [0]

        def cut(_: bytes, count: list[int] = count, number: int = number) -> bool | str:
            count[0] += 1
            return how if count[0] == number else False

        bench.psam.cut = cut
        error = pay(bench)
        booked = bench.balance() != MONEY
        assert booked == str(error).startswith("the card has booked the trade, but "), number
        assert (error.trade is not None) == booked


# PSAMs of every level -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("overrides", ["", '[settings.psam]\nroot_level = "second"'], ids=["third", "second"])
def test_the_levels_of_a_psam_are_found_and_remembered(profile: str, overrides: str) -> None:
    """Part 9, 8: a terminal copes with PSAMs of every level."""
    bench = TerminalBench(profile, psam=psam_contents(overrides))
    address, data = "DF01EF07|29|$", "DF01EF07|3|$"
    bench.terminal.write(INFO, address, data)
    assert bench.psam is not None
    tried = [sent for sent in bench.psam.sent if sent.startswith("BFDE")]
    usages = [sent[4:6] for sent in tried]
    assert usages[-1] == ("48" if overrides else "28")
    assert usages == sorted(usages, reverse=True)
    length = 8 if profile == "ssc-2.0" else 16
    assert all(len(sent) == 2 * (5 + 8 * (int(sent[4:6], 16) >> 5) + length) for sent in tried)
    bench.psam.sent.clear()
    bench.terminal.write(INFO, address, data)
    again = [sent[4:6] for sent in bench.psam.sent if sent.startswith("BFDE")]
    assert again == usages[-1:]


def test_the_factors_are_those_of_card_city_and_province_in_this_order() -> None:
    """Part 9, 9.9.3; psam computes from the highest level down."""
    bench = TerminalBench()
    bench.terminal.read_basic()
    assert bench.psam is not None
    sent = next(each for each in bench.psam.sent if each.startswith("BFDE6708"))
    assert sent[10:58] == "86605199000001AC" + b"519900sx".hex().upper() + b"510000sh".hex().upper()


@pytest.mark.parametrize("overrides", ["", '[settings.psam]\nsession_key_lifetime = "single"\nmac_answer = "mac4"'])
@pytest.mark.parametrize("profile", PROFILES)
def test_psams_that_keep_keys_or_cut_macs_do_as_well(profile: str, overrides: str) -> None:
    bench = TerminalBench(profile, psam=psam_contents(overrides), fingers="4711")
    bench.terminal.reload_pin(INFO)
    assert bench.pin == "4711"


@pytest.mark.parametrize("select", ["any", "00", "02", "name"])
def test_the_application_of_the_psam_is_selected_as_its_maker_wants(select: str) -> None:
    """Readers differ in P1: setting terminal.psam_select."""
    bench = TerminalBench(settings=settings(psam_select=select))
    bench.terminal.read_basic()
    assert bench.psam is not None
    head = {"name": "00A4040006D15600000590", "02": "00A4020002DF01"}.get(select, "00A4000002DF01")
    assert any(sent.startswith(head) for sent in bench.psam.sent)


# The rest of the card's manners ---------------------------------------------------------------------


def test_a_challenge_of_another_length_is_refused() -> None:
    bench = TerminalBench()
    connection = InProcess(bench.user).open()
    card = UserCard(connection, Settings(terminal=TerminalSettings()))
    connection.transmit = lambda _: bytes(4) + b"\x90\x00"  # type: ignore[method-assign, assignment]
    with pytest.raises(TerminalError, match="answered 4 bytes, not 8"):
        card.challenge()


def test_the_card_of_a_basic_text_is_found_again() -> None:
    bench = TerminalBench("ssc-3.0")
    assert HsmCard.of(bench.terminal.read_basic().text) == CARD
    assert HsmCard.of(bench.terminal.read_basic_hsm_step1().text) == CARD
    assert bench.terminal.identify().info == INFO
