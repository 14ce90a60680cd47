"""A debit/credit transaction from selection to its end, and the published examples on a card."""

import pytest

from emulator.commands.financial.debit.state import State
from tests.kit.card import MF, PSE, SSSE
from tests.kit.debit import (
    AID,
    CASH,
    DEBIT,
    PIN_BLOCK,
    PURSE,
    STORE,
    WRONG_BLOCK,
    Answered,
    DebitBench,
    contents,
    emv,
    mac8,
    session_key,
    tlv,
)
from tests.kit.reference import Reference

SUITES = pytest.mark.parametrize("suite", ["3DES", "SM4"])


def cryptogram(bench: DebitBench, found: Answered, values: str, profile: str = "7D00", name: str = "UDKAC") -> bytes:
    """Version 01: amount, other, country, TVR, currency, date, type, number; AIP, ATC, CVR with its length."""
    data = bytes.fromhex(values + profile + f"{found.atc:04X}" + "03" + found.cvr)
    return mac8(bench.cipher, session_key(bench.cipher, bench.values[name + bench.set], found.atc), data)


# -- selection -----------------------------------------------------------------------------------


def test_select_answers_name_and_what_the_profile_has_for_the_application() -> None:
    answer = DebitBench().select()
    body = tlv("84", AID.hex().upper())
    expected = "500444454254870101" + tlv("9F38", "9F7A019F02065F2A02") + "5F2D027A689F110101BF0C0A9F4D020B03DF4D020C02"
    assert answer == tlv("6F", body + tlv("A5", expected)) + "9000"


@pytest.mark.parametrize("p2", ["00", "02"])
def test_a_part_of_the_name_selects_too(p2: str) -> None:
    bench = DebitBench()
    assert AID.hex().upper() in bench.ask(f"00A404{p2}07A0000003330101")
    assert bench.card.session.df == DEBIT


def test_a_blocked_application_answers_6283_with_its_fci() -> None:
    bench = DebitBench(suspended=True)
    raw = bytes((0, 0xA4, 4, 0, len(AID))) + AID
    assert bench.send(raw) == "6283"
    assert bench.ask("00C0000000").startswith("6F")
    assert bench.card.session.df == DEBIT
    whole = DebitBench(suspended=True, t1=True)
    assert whole.send(raw).startswith("6F")
    assert whole.send(raw).endswith("6283")


def test_an_application_whose_counter_has_ended_answers_6283_and_then_nothing_else() -> None:
    bench = DebitBench(blocked=True)
    assert bench.select() == "6283"
    assert bench.ask("00C0000000").startswith("6F")
    assert bench.options() == "9303"
    assert bench.data("9F36") == "9303"


def test_a_blocked_financial_environment_is_a_blocked_card_and_social_security_goes_on() -> None:
    bench = DebitBench()
    bench.online()
    assert bench.send(bench.script("84160000")) == "9000"
    assert bench.send("80CA9F3600") == "6A81"
    assert bench.select() == "6A81"
    assert bench.word("00A404000E" + b"1PAY.SYS.DDF01".hex()) == "6A81"
    assert bench.word("00A4040009A00000000386980701") == "6A81"
    assert all(bench.card.image.dfs[path].blocked for path in (PSE, DEBIT, PURSE))
    bench.power()
    assert bench.select() == "6A81"
    bench.select_ssse()
    assert bench.verify() == "9000"
    assert not bench.card.image.dfs[SSSE].blocked
    assert not bench.card.image.dfs[MF].blocked
    assert not bench.card.image.info.blocked


# -- beginning and reading -----------------------------------------------------------------------


def test_the_options_are_aip_and_afl_and_the_counter_moves_with_them() -> None:
    bench = DebitBench()
    assert bench.start() == "800A7D0008010100100103009000"
    assert bench.data("9F36") == "0001"
    bench.start()
    assert bench.data("9F36") == "0002"


def test_the_options_may_come_as_objects() -> None:
    assert DebitBench({"C9": "77"}).start() == "770E82027D009408" + "08010100100103009000"


def test_without_a_pdol_the_terminal_sends_an_empty_template() -> None:
    bench = DebitBench(pdol="")
    bench.select()
    assert bench.options(values="").startswith("800A")


@pytest.mark.parametrize(
    ("data", "word"),
    [
        ("0A8308" + "00" * 8, "6700"),
        ("0C830A" + "00" * 10, "6700"),
        ("0B8509" + "00" * 9, "6A80"),
        ("0B8308" + "00" * 9, "6A80"),
        ("0B830A" + "00" * 9, "6A80"),
        ("0B8109" + "00" * 9, "6A80"),
        ("0C8309" + "00" * 10, "6A80"),
        ("0D830900" + "00" * 8 + "8300", "6A80"),
    ],
)
def test_a_pdol_of_a_wrong_length_or_form_begins_nothing(data: str, word: str) -> None:
    bench = DebitBench()
    bench.select()
    before = bench.cells()
    assert bench.word(f"80A80000{data}") == word
    assert bench.cells() == before
    assert bench.options()[-4:] == "9000"


def test_options_are_asked_for_once_in_a_selection() -> None:
    bench = DebitBench()
    bench.start()
    before = bench.cells()
    assert bench.options() == "6985"
    assert bench.cells() == before


def test_the_counter_ends_before_ffff_and_the_application_with_it() -> None:
    bench = DebitBench({"9F36": "FFFD"})
    bench.start()
    assert bench.ac("AAC").atc == 0xFFFE
    bench.select()
    assert bench.options() == "6985"
    assert bench.object("9F36") == "FFFF"
    assert bench.card.image.dfs[DEBIT].blocked
    assert bench.options() == "9303"
    assert bench.select() == "6283"
    assert bench.options() == "9303"


def test_the_records_of_the_afl_can_be_read_and_others_cannot() -> None:
    bench = DebitBench()
    bench.start()
    assert bench.ask("00B2010C00") == "700A5A0862170000000000019000"
    assert bench.ask("00B2021400").startswith("70198D178A02")
    assert bench.word("00B2022C00") == "6981"
    assert bench.word("00B2090C00") == "6A83"
    assert bench.word("00B2018C00") == "6A82"
    for p1p2 in ("000C", "010D", "010B", "0104", "01FC", "FF0C"):
        assert bench.word(f"00B2{p1p2}00") == "6A86", p1p2


@pytest.mark.parametrize(
    ("tag", "value"),
    [
        ("9F36", "0000"),
        ("9F13", "0001"),
        ("9F17", "03"),
        ("9F4F", "9A039F21039F02069F03069F1A025F2A029F4E149C019F3602"),
        ("9F51", "0156"),
        ("9F52", "0000"),
        ("9F58", "14"),
        ("9F79", "000000010000"),
        ("9F77", "000000100000"),
        ("9F78", "000000050000"),
        ("9F6D", "000000002000"),
        ("9F74", "454343303031"),
        ("9F5D", "000000010000"),
    ],
)
def test_get_data_answers_the_object_with_its_tag(tag: str, value: str) -> None:
    bench = DebitBench(CASH)
    bench.select()
    assert bench.send(f"80CA{tag}00") == f"6C{len(value) // 2 + 3:02X}"
    assert bench.ask(f"80CA{tag}00") == tlv(tag, value) + "9000"


@pytest.mark.parametrize("tag", ["0082", "0094", "00C1", "00C2", "00C7", "005A", "9F26", "9F53", "DF4F", "9F99"])
def test_get_data_reaches_nothing_else(tag: str) -> None:
    bench = DebitBench(CASH)
    bench.select()
    before = bench.cells()
    assert bench.word(f"80CA{tag}00") == "6A88"
    assert bench.cells() == before


@pytest.mark.parametrize(
    ("processes", "expected"),
    [("80000000", 10000), ("40000000", 170000), ("20000000", 180000), ("00000000", 0)],
)
def test_what_can_be_spent_offline_is_worked_out_as_the_card_has_it(processes: str, expected: int) -> None:
    bench = DebitBench(
        {**CASH, "9F68": processes, "9F54": "000000100000", "9F5C": "000000200000", "C3": "000000030000"}
    )
    bench.select()
    assert bench.data("9F5D") == f"{expected:012d}"


def test_without_an_upper_limit_the_lower_one_counts_and_nothing_is_below_zero() -> None:
    bench = DebitBench({"9F68": "40000000", "9F54": "000000100000", "C3": "000000030000"})
    bench.select()
    assert bench.data("9F5D") == "000000070000"
    spent = DebitBench({"9F68": "40000000", "9F54": "000000100000", "C3": "000000100001"})
    spent.select()
    assert spent.data("9F5D") == "000000000000"


def test_a_challenge_has_eight_bytes_or_four() -> None:
    bench = DebitBench()
    bench.select()
    assert bench.send("0084000000") == "6C08"
    first, second = bench.ask("0084000000"), bench.ask("0084000008")
    assert len(first) == len(second) == 20
    assert first != second
    assert len(bench.send("0084000004")) == 12
    assert bench.send("0084000010") == "6700"
    other = DebitBench(t1=True)
    other.select()
    assert len(other.send("0084000000")) == 20


# -- the holder ----------------------------------------------------------------------------------


def test_a_right_pin_is_told_in_the_results_and_gives_all_tries_back() -> None:
    bench = DebitBench()
    bench.start()
    assert bench.send("0020008008" + WRONG_BLOCK) == "63C2"
    assert bench.send("0020008008" + PIN_BLOCK) == "9000"
    assert bench.tries == 3
    assert bench.ac("TC").cvr == "940000"


def test_a_wrong_pin_is_told_in_the_results_and_costs_a_try() -> None:
    bench = DebitBench()
    bench.start()
    assert bench.send("0020008008" + WRONG_BLOCK) == "63C2"
    assert bench.tries == 2
    assert bench.data("9F17") == "02"
    assert bench.ac("TC").cvr == "960000"


@pytest.mark.parametrize(
    "block",
    ["36" + PIN_BLOCK[2:], "27" + PIN_BLOCK[2:], PIN_BLOCK[:14] + "00", "2473915FFFFFFFFF", "FFFFFFFFFFFFFFFF"],
)
def test_a_block_of_another_form_is_a_wrong_pin(block: str) -> None:
    bench = DebitBench()
    bench.start()
    assert bench.send("0020008008" + block) == "63C2"


def test_a_pin_used_up_now_is_6983_and_one_used_up_before_6984() -> None:
    bench = DebitBench()
    bench.start()
    assert [bench.send("0020008008" + WRONG_BLOCK) for _ in range(4)] == ["63C2", "63C1", "63C0", "6983"]
    assert bench.send("0020008008" + PIN_BLOCK) == "6983"
    assert bench.ac("TC").cvr == "964000"
    bench.start()
    assert bench.send("0020008008" + PIN_BLOCK) == "6984"
    assert bench.send("0020008008" + PIN_BLOCK) == "6983"
    assert bench.ac("TC").cvr == "964000"


def test_the_last_wrong_pin_blocks_the_application_if_the_default_action_says_so() -> None:
    bench = DebitBench({"9F52": "0080"})
    bench.start()
    for _ in range(2):
        bench.send("0020008008" + WRONG_BLOCK)
    assert not bench.card.image.dfs[DEBIT].suspended
    assert bench.send("0020008008" + WRONG_BLOCK) == "63C0"
    assert bench.card.image.dfs[DEBIT].suspended
    found = bench.ac("TC")
    assert (found.kind, found.cvr) == ("AAC", "864200")


def test_a_pin_that_comes_before_the_transaction_begins_belongs_to_it() -> None:
    bench = DebitBench()
    bench.select()
    assert bench.send("0020008008" + WRONG_BLOCK) == "63C2"
    assert bench.send("0020008008" + PIN_BLOCK) == "9000"
    bench.options()
    assert bench.ac("TC").cvr == "940000"
    bench.start()
    assert bench.ac("TC").cvr == "900000"


def test_a_pin_that_is_not_set_is_never_right_and_costs_nothing() -> None:
    bench = DebitBench(pin=b"")
    bench.start()
    assert bench.send("0020008008" + "20" + "F" * 14) == "63C3"
    assert bench.tries == 3


# -- the cryptogram ------------------------------------------------------------------------------


@SUITES
@pytest.mark.parametrize("wanted", ["AAC", "TC", "ARQC"])
def test_the_first_cryptogram_is_what_the_issuer_computes(suite: str, wanted: str) -> None:
    bench = DebitBench(suite=suite)
    bench.start(123456)
    found = bench.ac(wanted, 123456, tvr="0102030405", date="250102", kind="09", number="A1B2C3D4")
    assert found.kind == wanted
    values = bench.cdol(123456, tvr="0102030405", date="250102", kind="09", number="A1B2C3D4")
    assert found.ac == cryptogram(bench, found, values)
    assert found.cvr == {"AAC": "80", "TC": "90", "ARQC": "A0"}[wanted] + "0000"


@SUITES
def test_cryptogram_version_17_covers_amount_number_counter_and_one_byte_of_results(suite: str) -> None:
    bench = DebitBench({"C1": "021701"}, suite=suite)
    bench.start()
    found = bench.ac("ARQC")
    assert found.iad[:3].hex() == "070217"
    data = bytes.fromhex("000000001000" + "11223344" + "0001" + "A0")
    assert found.ac == mac8(suite, session_key(suite, bench.values["UDKAC"], 1), data)


@SUITES
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("01", "0000010000"),
        ("02", "0000030000"),
        ("03", "00000100000000030000"),
        ("04", "00000300000000080000"),
        ("05", "0000010000"),
    ],
)
def test_the_issuers_part_has_its_identifier_its_amounts_and_a_mac(suite: str, kind: str, value: str) -> None:
    """``L id data MAC4``; the MAC over ATC and data, filled to whole blocks before it is padded."""
    bench = DebitBench({**CASH, "C1": "0501" + kind, "C3": "000000030000", "9F54": "000000080000"}, suite=suite)
    bench.start()
    iad = bench.ac("ARQC").iad.hex().upper()
    algorithm = {"3DES": "01", "SM4": "04"}[suite]
    block = Reference(suite).block
    covered = bytes.fromhex("0001" + value)
    covered += bytes(-len(covered) % block)
    mac = mac8(suite, session_key(suite, bench.values["UDKMAC"], 1), covered)[:4].hex().upper()
    head = f"07050103A00000{algorithm}"
    assert iad == head + f"{len(value) // 2 + 5:02X}" + kind + value + mac


def test_without_an_identifier_the_issuer_gets_no_part_of_his_own() -> None:
    bench = DebitBench({"C1": "030100"})
    bench.start()
    assert bench.ac("ARQC").iad.hex().upper() == "07030103A0000001"


def test_an_online_transaction_ends_with_a_tc_and_the_card_counts_anew() -> None:
    bench = DebitBench({"C3": "000000030000", "C4": "02", "C5": "03", "C6": "000000040000", "9F36": "0009"})
    first = bench.online()
    assert bench.object("C2") == "8000"
    assert bench.arpc() == "9000"
    second = bench.ac("TC", code="00")
    assert (second.kind, second.cvr, second.atc) == ("TC", "600000", first.atc)
    assert second.ac == cryptogram(bench, second, bench.cdol())
    assert second.ac != first.ac
    assert [bench.object(tag) for tag in ("C2", "C3", "C4", "C5", "C6", "9F13")] == [
        "0000",
        "000000000000",
        "00",
        "00",
        "000000000000",
        "000A",
    ]


def test_there_is_no_third_cryptogram() -> None:
    bench = DebitBench()
    bench.online()
    bench.arpc()
    bench.ac("TC", code="00")
    before = bench.cells()
    for values in (bench.cdol(code="00"), bench.cdol(), "00"):
        assert bench.generate("00", values) == "6985"
    assert bench.cells() == before


@pytest.mark.parametrize("wanted", ["AAC", "TC"])
def test_a_transaction_that_ended_with_its_first_cryptogram_has_no_second(wanted: str) -> None:
    bench = DebitBench()
    bench.start()
    assert bench.ac(wanted).kind == wanted
    before = bench.cells()
    assert bench.generate("00", bench.cdol(code="00")) == "6985"
    assert bench.arpc() == "6985"
    assert bench.cells() == before


def test_the_second_cryptogram_is_no_request() -> None:
    bench = DebitBench()
    bench.online()
    before = bench.cells()
    assert bench.generate("80", bench.cdol(code="00")) == "6985"
    assert bench.cells() == before
    assert bench.ac("TC", code="00").kind == "TC"


@pytest.mark.parametrize(("p1", "word"), [("C0", "6A86"), ("41", "6A86"), ("20", "6A86"), ("50", "6985")])
def test_p1_asks_for_one_of_three_and_for_a_signature_only_where_the_aip_has_it(p1: str, word: str) -> None:
    bench = DebitBench({"82": "7C00"})
    bench.start()
    before = bench.cells()
    assert bench.generate(p1, bench.cdol()) == word
    assert bench.cells() == before


@pytest.mark.parametrize("change", [-1, 1])
def test_a_cdol_of_a_wrong_length_changes_nothing(change: int) -> None:
    bench = DebitBench()
    bench.start()
    before = bench.cells()
    assert bench.generate("80", (bench.cdol() + "00")[: 2 * (29 + change)]) == "6700"
    assert bench.cells() == before
    bench.ac("ARQC")
    before = bench.cells()
    assert bench.generate("40", (bench.cdol(code="00") + "00")[: 2 * (31 + change)]) == "6700"
    assert bench.cells() == before
    assert bench.ac("TC", code="00").kind == "TC"


@pytest.mark.parametrize(
    "command", ["80AE40001D" + DebitBench.cdol(), "0082000000A0", "008200000A" + "00" * 10, "0088000004" + "11" * 4]
)
def test_nothing_of_a_transaction_works_before_it_begins(command: str) -> None:
    bench = DebitBench()
    bench.select()
    before = bench.cells()
    assert bench.word(command) in ("6985", "6700")
    assert bench.cells() == before


def test_selecting_again_ends_a_transaction() -> None:
    bench = DebitBench()
    bench.online()
    bench.select()
    assert bench.arpc() == "6985"
    assert bench.generate("40", bench.cdol(code="00")) == "6985"
    assert bench.object("C2") == "8000"


def test_an_amount_that_is_no_number_is_refused() -> None:
    bench = DebitBench()
    bench.start()
    before = bench.cells()
    assert bench.generate("40", "00000000100A" + bench.cdol()[12:]) == "6A80"
    assert bench.cells() == before


def test_a_blocked_application_answers_refusals_and_can_be_unblocked_by_its_issuer() -> None:
    bench = DebitBench(suspended=True)
    bench.start()
    assert bench.ac("TC").kind == "AAC"
    assert bench.generate("00", bench.cdol(code="00")) == "6985"
    assert bench.arpc() == "9000"
    assert bench.send(bench.script("84180000")) == "9000"
    assert not bench.card.image.dfs[DEBIT].suspended
    bench.start()
    assert bench.ac("TC").kind == "TC"


@pytest.mark.parametrize("missing", ["cdol1", "cdol2"])
def test_a_card_without_its_list_makes_no_cryptogram(missing: str) -> None:
    bench = DebitBench(cdol1="") if missing == "cdol1" else DebitBench(cdol2="")
    bench.start()
    if missing == "cdol2":
        bench.ac("ARQC")
    assert bench.generate("00", bench.cdol(code="00" if missing == "cdol2" else "")) == "6985"


def test_a_cdol_that_lacks_what_the_cryptogram_covers_makes_none() -> None:
    bench = DebitBench(cdol1="9F0206")
    bench.start()
    assert bench.generate("80", "000000001000") == "6985"
    assert bench.reason.startswith("the data object lists of the card lack what its cryptogram needs")


def test_an_application_that_was_never_filled_cannot_be_used() -> None:
    made = contents()
    del made.efs[STORE], made.contents[STORE]
    bench = DebitBench(card_contents=made)
    bench.select()
    assert bench.options() == "6985"
    assert bench.data("9F36") == "6985"


# -- which cipher --------------------------------------------------------------------------------


@pytest.mark.parametrize(("offered", "algorithm"), [("01", "04"), ("00", "01")])
def test_the_national_algorithms_win_where_both_sides_have_them(offered: str, algorithm: str) -> None:
    bench = DebitBench(national=True, pdol="DF6901")
    bench.select()
    bench.options(values=offered)
    bench.set = "SM" if algorithm == "04" else ""
    found = bench.ac("ARQC")
    assert found.iad[7:8].hex() == algorithm
    assert found.ac == cryptogram(bench, found, bench.cdol())
    assert bench.arpc() == "9000"
    assert bench.send(bench.script("04DA9F58", "05")) == "9000"
    assert bench.send(bench.script("84240002", bench.sealed_pin("2468"))) == "9000"


def test_a_card_with_one_cipher_uses_it_whatever_the_terminal_offers() -> None:
    bench = DebitBench(suite="SM4", pdol="DF6901")
    bench.select()
    bench.options(values="00")
    assert bench.ac("ARQC").iad[7:8].hex() == "04"


# -- published examples --------------------------------------------------------------------------


def test_the_worked_example_with_3des_on_a_card() -> None:
    """CSDN blog freudlv: cryptogram and ARPC; an AAC after an unfinished transaction that was too many."""
    udk = bytes.fromhex("B8A15DA5F7043C317D9FD8F8DFE2BD75")
    bench = DebitBench(
        {"82": "7C00", "9F36": "03D2", "C2": "C000", "9F58": "05"}, values={"UDKAC": udk}, suspended=True
    )
    bench.start(0)
    found = bench.ac("AAC", 0, date="000000", number="00000444")
    assert found.cvr == "80A800"
    assert found.ac.hex().upper() == "81A9DC9310F88856"
    assert bench.send("008200000A84DD63A221F915CA3030") == "9000"


def test_the_worked_example_with_sm4_on_a_card() -> None:
    """iteye.com blog: an ARQC of the first transaction."""
    udk = bytes.fromhex("016F6E76BD8E6FB4A17C28C4B05E03A8")
    bench = DebitBench(suite="SM4", values={"UDKAC": udk})
    bench.start(0)
    found = bench.ac("ARQC", 0, tvr="0000000800", date="160518", number="412AB4B6")
    assert found.ac.hex().upper() == "179E0D01A7D1791D"


def test_the_worked_arpc_of_the_test_laboratory_on_a_card() -> None:
    """Blog iplus: session key and ARPC are published; the cryptogram's inputs are not, so it is put there."""
    udk = bytes.fromhex("40BF52BFD9AD67456B078A19011A1391")
    bench = DebitBench(values={"UDKAC": udk})
    bench.online()
    session = bench.card.session
    assert isinstance(session.state, State)
    bench.card._session = session._replace(state=session.state._replace(first=bytes.fromhex("9576389A2C9E7534")))
    assert bench.send("008200000ACE4C356DB304CB743030") == "9000"


def test_no_secret_is_in_what_a_transaction_tells_of_itself() -> None:
    bench = DebitBench(settings=emv(script_chaining=True))
    found = bench.online()
    shown = repr(bench.card.session.state)
    assert shown == "State(FIRST, atc=1, results=A00000)"
    assert found.ac.hex().upper() not in shown.upper()
