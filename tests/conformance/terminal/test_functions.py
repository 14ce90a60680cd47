"""The national functions with PSAM and with HSM: their texts, field by field (terminal interface, 1 to 9)."""

import re
from dataclasses import replace

import pytest

from emulator.terminal import FUNCTIONS
from tests.kit.card import PIN
from tests.kit.terminal import (
    CARD,
    CARD_NUMBER,
    IDENTIFICATION,
    INFO,
    NEW_PIN,
    PAYMENT,
    PROFILES,
    TERMINAL_NUMBER,
    TIME,
    TerminalBench,
    expected_tac,
    settings,
    tac,
)

ALGORITHM = {"ssc-1.0": "01", "ssc-2.0": "01", "ssc-2.0-sm4": "03", "ssc-3.0": "03"}
SUITE = {"01": "3DES", "03": "SM4"}
VERSION = {"ssc-1.0": "1.00", "ssc-2.0": "2.00", "ssc-2.0-sm4": "2.00", "ssc-3.0": "3.00"}
HISTORICAL = "00814A444686605199000001AC"
EIGHT = "[0-9A-F]{16}"


def basic(profile: str, terminal_number: str) -> str:
    """The basic data of the demo card, from its holder's file and the arguments of issuing."""
    return (
        f"519900|999999199001010000|{CARD_NUMBER}|{IDENTIFICATION}|测试甲|{HISTORICAL}|{VERSION[profile]}|"
        f"20240101|20340101|{terminal_number}||"
    )


# Basic data -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_the_basic_data_with_a_psam(profile: str) -> None:
    """Terminal interface, 1.1.2: eleven fields, each with | behind it."""
    bench = TerminalBench(profile)
    assert bench.ok("iReadCardBas", 3) == basic(profile, TERMINAL_NUMBER)
    authentications = [sent for sent in bench.user.sent if sent[2:4] in ("82", "88")]
    assert [sent[:8] for sent in authentications] == ["00880000"] + ["0082000A"] * (profile == "ssc-3.0")


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("with_psam", [False, True])
def test_the_basic_data_with_an_hsm(profile: str, with_psam: bool) -> None:
    """Terminal interface, 1.2 and 1.3: without a PSAM the terminal number is twelve zeros."""
    bench = TerminalBench(profile, psam=with_psam)
    step1 = bench.ok("iReadCardBas_HSM_Step1", 3)
    external = f"{EIGHT}\\|{EIGHT}" if profile == "ssc-3.0" else "\\|"
    assert re.fullmatch(
        f"519900\\|{HISTORICAL}\\|{ALGORITHM[profile]}\\|{IDENTIFICATION}\\|{EIGHT}\\|{EIGHT}\\|{external}\\|", step1
    )
    key = bench.hsm.basic(step1)
    assert re.fullmatch(f"{EIGHT * 2}\\|({EIGHT * 2})?\\|", key)
    assert bench.ok("iReadCardBas_HSM_Step2", key) == basic(profile, TERMINAL_NUMBER if with_psam else "0" * 12)


def test_the_randoms_of_the_first_step_are_the_cards_and_the_latest_is_the_factor() -> None:
    """Terminal interface, 1.2.3: two from the card, which works with its latest challenge."""
    bench = TerminalBench("ssc-3.0", psam=False)
    fields = bench.ok("iReadCardBas_HSM_Step1", 3).split("|")
    challenges = [
        answer[:16] for sent, answer in zip(bench.user.sent, bench.user.answers, strict=True) if sent == "0084000008"
    ]
    assert challenges == [fields[5], fields[4], fields[7], fields[6]]
    assert f"0088000010{fields[4]}{fields[5]}" in bench.user.sent


def test_a_long_name_is_joined_and_the_number_has_nine_characters() -> None:
    """Terminal interface, 10.2 and 10.4."""
    long = '[[ef]]\nid = "SSSE/EF05"\nelements = [{ name = "card_number", length = 12 }]'
    bench = TerminalBench("ssc-2.0", long)
    bench.ok("iReadCardBas", 3)
    memory = bench.user.card.image
    holder, issuer = (memory.contents[f"3F00/DDF1/{file}"] for file in ("EF06", "EF05"))
    assert isinstance(holder, tuple)
    assert isinstance(issuer, tuple)
    records = list(holder)
    records[1] = b"\x09\x1e" + ("长" * 15).encode("gb18030")
    records[2] = b"\x4e\x14" + "续名".encode("gb18030").ljust(20, b"\0")
    change = memory.begin()
    change.put_contents("3F00/DDF1/EF06", tuple(records))
    number = list(issuer)
    number[6] = b"\x07\x0c" + b"A00004282XYZ"
    change.put_contents("3F00/DDF1/EF05", tuple(number))
    change.commit()
    fields = bench.ok("iReadCardBas", 3).split("|")
    assert (fields[2], fields[4]) == (CARD_NUMBER, "长" * 15 + "续名")


# Reading and writing --------------------------------------------------------------------------------

READS = {
    "a free file": ("SSSEEF06|08|0C|$", "SSSEEF06|999999199001010000|999999|$"),
    "the identification code, whole": ("SSSEEF05|01|$", f"SSSEEF05|{IDENTIFICATION}|$"),
    "by PIN": ("DF01EF05|20|21|$", "DF01EF05|11|测试省测试市虚构区样例路1号|$"),
    "two files, a repeated record": ("DF01EF07|29|$DF01EF15|2A|40:2|$", "DF01EF07|1|$DF01EF15|21|^^^|$"),
    "a repeated record, the first": ("DF01EF15|40|$", "DF01EF15|408^080605^虚构大学^|$"),
    "a date": ("DF02EF06|4C|$", "DF02EF06|20180701|$"),
    "key and PIN": ("DF04EF06|90|92|93|$", "DF04EF06|1|00012345|02|$"),
    "a whole cyclic file": (
        "DF02EF07|$",
        "DF02EF07|2021301^20150301^20180630^虚构样例软件有限公司^|2021303^20120801^20150228^虚构示范研究所^|$",
    ),
    "a record of a cyclic file": ("DF02EF07|2|$", "DF02EF07|2021303^20120801^20150228^虚构示范研究所^|$"),
    "an empty cyclic file": ("DF04EF15|$", "DF04EF15|$"),
    "a transparent file": ("DF01EF16|$", f"DF01EF16|{'00' * 0x128}|$"),
    "a long transparent file": ("SSSEEF08|$", f"SSSEEF08|{'00' * 0x1000}|$"),
    "applications in any order": ("DF04EF05|84|$DF01EF08|2B|$", "DF04EF05|999999|$DF01EF08|2|$"),
    "a whole file of records": ("DF01EF05|$", "DF01EF05|11|测试省测试市虚构区样例路1号|999999|$"),
}


def test_a_card_that_finds_its_applications_from_the_environment_only_is_read_and_pays() -> None:
    """A terminal selects the environment first (Part 3, 6.4), so that it needs no more."""
    bench = TerminalBench(overrides='[settings.select]\nnames = "environment"\nfids = "near"\n')
    address, text = READS["applications in any order"]
    assert bench.ok("iReadCard", 3, 1, INFO, address) == text
    assert bench.ok("iReadCardBas", 3) == basic("ssc-2.0", TERMINAL_NUMBER)
    assert bench.terminal.balance().fields


@pytest.mark.parametrize("auth", [1, 2])
@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])
@pytest.mark.parametrize(("address", "text"), READS.values(), ids=READS)
def test_files_are_read_by_pin_or_key(address: str, text: str, profile: str, auth: int) -> None:
    """Terminal interface, 2.1.2: the answer has the address's shape."""
    bench = TerminalBench(profile)
    assert bench.ok("iReadCard", 3, auth, INFO, address) == text


READS_1_0 = {
    "PIN": ("DF01EF05|20|$", 1, "DF01EF05|11|$"),
    "PIN or key of writing": ("DF01EF07|29|$", 2, "DF01EF07|1|$"),
    "PIN and key": ("DF03EF05|63|$", 1, "DF03EF05|066|$"),
    "fingerprint": ("SSSEEF07|$", 1, f"SSSEEF07|{'00' * 0x300}|$"),
}


@pytest.mark.parametrize(("address", "auth", "text"), READS_1_0.values(), ids=READS_1_0)
def test_files_of_a_1_0_card_are_read_by_their_own_rules(address: str, auth: int, text: str) -> None:
    assert TerminalBench("ssc-1.0").ok("iReadCard", 3, auth, INFO, address) == text


@pytest.mark.parametrize(
    ("order", "hsm", "first"),
    [
        ("by-function", False, "82"),
        ("key-first", False, "82"),
        ("pin-first", False, "20"),
        ("by-function", True, "20"),
        ("pin-first", True, "20"),
        ("key-first", True, "82"),
    ],
)
def test_pin_and_key_come_in_the_order_of_the_function(order: str, hsm: bool, first: str) -> None:
    """Terminal interface, 2.1.3: with a PSAM the key first; 2.2.3: with an HSM the PIN."""
    bench = TerminalBench(settings=settings(pin_and_rk_order=order))
    if hsm:
        bench.ok(
            "iReadCard_HSM_Step2",
            bench.hsm.authentication(bench.ok("iReadCard_HSM_Step1", 3, INFO, "DF04EF06|90|$"), CARD),
        )
    else:
        bench.ok("iReadCard", 3, 1, INFO, "DF04EF06|90|$")
    proofs = [sent[2:4] for sent in bench.user.sent if sent[2:4] in ("20", "82") and sent != "0020000000"]
    assert proofs == [first, {"82": "20", "20": "82"}[first]]


@pytest.mark.parametrize("profile", PROFILES)
def test_a_file_is_read_with_an_hsm(profile: str) -> None:
    """Terminal interface, 2.2 and 2.3: one file only, algorithm, address, factor, original."""
    bench = TerminalBench(profile, psam=False)
    address, key, text = ("DF01EF07|29|$", "009A", "DF01EF07|1|$")
    if profile != "ssc-1.0":
        address, key, text = ("DF01EF05|20|$DF02EF07|$", "004F", "DF01EF05|11|$")
    step1 = bench.ok("iReadCard_HSM_Step1", 3, INFO, address)
    assert re.fullmatch(f"{ALGORITHM[profile]}\\|{key}\\|{EIGHT}\\|{EIGHT}\\|", step1)
    answer = bench.hsm.authentication(step1, CARD)
    assert (len(answer), answer[16:]) == (32, step1.split("|")[3])
    assert bench.ok("iReadCard_HSM_Step2", answer) == text


WRITES = {
    "a record": ("DF01EF07|29|$", "DF01EF07|3|$"),
    "several": ("DF01EF05|20|21|0E|$", "DF01EF05|22|新地址|330100|$"),
    "a repeated one": ("DF01EF15|40:2|$", "DF01EF15|303^010203^新大学^|$"),
    "of the environment": ("SSSEEF06|09|$", "SSSEEF06|测试乙|$"),
    "an amount": ("DF04EF06|92|$", "DF04EF06|00000777|$"),
    "a transparent file": ("DF01EF16|$", f"DF01EF16|{'5A' * 0x128}|$"),
    "two files": ("DF01EF07|29|$DF04EF05|84|$", "DF01EF07|2|$DF04EF05|110000|$"),
}


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])
@pytest.mark.parametrize(("address", "data"), WRITES.values(), ids=WRITES)
def test_what_was_written_is_read(address: str, data: str, profile: str) -> None:
    """Terminal interface, 3.1: the data have the address's shape; the output is empty."""
    bench = TerminalBench(profile)
    before = bench.cells()
    assert bench.ok("iWriteCard", 3, INFO, address, data) == ""
    assert bench.cells() != before
    # Only RKSSSE and the PIN open what was written here.
    assert bench.ok("iReadCard", 3, 1, INFO, address) == data


def test_fillers_are_those_of_the_type() -> None:
    """V2.0 notice, 7: cn is filled with F, an with 00, amounts have leading zeros."""
    bench = TerminalBench()
    bench.ok("iWriteCard", 3, INFO, "DF01EF05|21|0E|$DF04EF06|92|$", "DF01EF05|短||$DF04EF06|7|$")
    image = bench.user.card.image
    household, money = (image.contents[f"3F00/DDF1/{file}"] for file in ("DF01/EF05", "DF04/EF06"))
    assert household[1] == b"\x21\x50" + "短".encode("gb18030") + bytes(78)
    assert household[2] == bytes.fromhex("0E03FFFFFF")
    assert money[1] == bytes.fromhex("920400000007")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_cyclic_file_gets_a_new_record(profile: str) -> None:
    bench = TerminalBench(profile)
    old = bench.ok("iReadCard", 3, 1, INFO, "DF02EF07|$")
    new = "2020000^20240101^20240131^新单位^"
    assert bench.ok("iWriteCard", 3, INFO, "DF02EF07|$", f"DF02EF07|{new}|$") == ""
    assert bench.ok("iReadCard", 3, 1, INFO, "DF02EF07|$") == old.replace("DF02EF07|", f"DF02EF07|{new}|")


@pytest.mark.parametrize("profile", PROFILES)
def test_a_file_is_written_with_an_hsm(profile: str) -> None:
    """Terminal interface, 3.2 and 3.3."""
    bench = TerminalBench(profile, psam=False)
    step1 = bench.ok("iWriteCard_HSM_Step1", 3, INFO, "DF01EF07|29|$")
    assert re.fullmatch(f"{ALGORITHM[profile]}\\|009A\\|{EIGHT}\\|{EIGHT}\\|", step1)
    assert bench.ok("iWriteCard_HSM_Step2", bench.hsm.authentication(step1, CARD), "DF01EF07|4|$") == ""
    assert bench.ok("iReadCard", 3, 1, INFO, "DF01EF07|29|$") == "DF01EF07|4|$"


# The PIN --------------------------------------------------------------------------------------------


def test_the_pin_is_checked_with_one_prompt() -> None:
    """Terminal interface, 4.1.3."""
    bench = TerminalBench(psam=False)
    assert bench.ok("iVerifyPIN", 3) == ""
    assert bench.prompts == ["请输入密码"]
    assert bench.user.sent[-1] == f"0020000003{PIN}"


def test_a_card_without_a_pin_asks_for_none() -> None:
    """Part 7, 5.6."""
    bench = TerminalBench(psam=False)
    bench.fingers = {"请输入原密码": PIN, "请输入新密码": "", "请再次输入新密码": ""}
    change = bench.user.card.image.begin()
    ref = next(ref for ref, _ in bench.user.card.image.keys if ref.name == "PIN")
    change.put_key(ref, replace(bench.user.card.image.keys[ref, 1], value=b""))
    change.commit()
    assert bench.ok("iVerifyPIN", 3) == ""
    assert bench.prompts == []
    bench.fingers = NEW_PIN
    assert bench.ok("iChangePIN", 3) == ""
    assert bench.prompts == ["请输入新密码", "请再次输入新密码"]
    assert bench.pin == NEW_PIN


def test_the_pin_is_changed_with_three_prompts() -> None:
    """Terminal interface, 5.1.3."""
    bench = TerminalBench(
        psam=False, fingers={"请输入原密码": PIN, "请输入新密码": "1357924680", "请再次输入新密码": "1357924680"}
    )
    assert bench.ok("iChangePIN", 3) == ""
    assert bench.prompts == ["请输入原密码", "请输入新密码", "请再次输入新密码"]
    assert bench.pin == "1357924680"


@pytest.mark.parametrize("new", [NEW_PIN, "12345", "1234567890123456"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_pin_is_reloaded_with_a_psam(profile: str, new: str) -> None:
    """Terminal interface, 6.1; one challenge for PUK, another for the command (Part 7, 13)."""
    bench = TerminalBench(profile, fingers=new)
    assert bench.ok("iReloadPIN", 3, INFO) == ""
    assert bench.prompts == ["请输入新密码", "请再次输入新密码"]
    assert bench.pin == new + "F" * (len(new) % 2)


@pytest.mark.parametrize("new", [NEW_PIN, "1234567890123456"])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_pin_is_reloaded_with_an_hsm(profile: str, new: str) -> None:
    """Terminal interface, 6.2 to 6.4: header, enciphered data and MAC, 34 digits under DES and 50 under SM4."""
    bench = TerminalBench(profile, psam=False, fingers=new)
    step1 = bench.ok("iReloadPIN_HSM_Step1", 3, INFO)
    assert re.fullmatch(f"{ALGORITHM[profile]}\\|0090\\|{EIGHT}\\|{EIGHT}\\|", step1)
    step2 = bench.ok("iReloadPIN_HSM_Step2", bench.hsm.authentication(step1, CARD))
    long = ALGORITHM[profile] == "03" or len(new) == 16
    header = "8424000114" if long else "842400010C"
    assert re.fullmatch(f"{ALGORITHM[profile]}\\|0173\\|{EIGHT}\\|{header}\\|{new}\\|", step2)
    assert step2.split("|")[2] != step1.split("|")[2]
    command = bench.hsm.secured(step2, CARD)
    assert len(command) == (50 if long else 34)
    assert bench.ok("iReloadPIN_HSM_Step3", command) == ""
    assert bench.pin == new


@pytest.mark.parametrize("hsm", [False, True])
@pytest.mark.parametrize("profile", PROFILES)
def test_the_pin_is_unblocked(profile: str, hsm: bool) -> None:
    """Terminal interface, 7: the tries are back, the PIN is the old one; 18 digits."""
    bench = TerminalBench(profile, psam=not hsm, fingers="000000")
    for left in (2, 1, 0):
        assert bench.call("iVerifyPIN", 3) == (-51, f"PIN 校验失败，剩余次数 {left} 次")
    assert bench.tries("PIN") == 0
    if hsm:
        step1 = bench.ok("iUnblockPIN_HSM_Step1", 3, INFO)
        step2 = bench.ok("iUnblockPIN_HSM_Step2", bench.hsm.authentication(step1, CARD))
        assert re.fullmatch(f"{ALGORITHM[profile]}\\|0173\\|{EIGHT}\\|8424000004\\|\\|", step2)
        command = bench.hsm.secured(step2, CARD)
        assert len(command) == 18
        assert bench.ok("iUnblockPIN_HSM_Step3", command) == ""
    else:
        assert bench.ok("iUnblockPIN", 3, INFO) == ""
    assert bench.tries("PIN") == 3
    bench.fingers = PIN
    assert bench.ok("iVerifyPIN", 3) == ""


# Trades ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", PROFILES)
def test_a_purchase_with_a_psam(profile: str) -> None:
    """Terminal interface, 8.1: eight fields; the last two amounts sent to the card, in hex."""
    bench = TerminalBench(profile)
    text = bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert re.fullmatch(
        f"{ALGORITHM[profile]}\\|00B5\\|000004E2000003E8\\|2\\|{TERMINAL_NUMBER}\\|00000001\\|{TIME}\\|[0-9A-F]{{8}}\\|",
        text,
    )
    assert text.split("|")[7] == expected_tac(SUITE[ALGORITHM[profile]], text)
    assert bench.hsm.check_tac(text, CARD)
    assert f"B0280101130100000000000004E2000003E8{TERMINAL_NUMBER}" in bench.user.sent
    # MAC2 went to the PSAM, and the PSAM took it.
    assert bench.psam is not None
    assert bench.psam.sent[-1].startswith("8072000004")
    assert bench.psam.answers[-1] == "9000"
    second = bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert second.split("|")[5] == "00000002"


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("with_psam", [False, True])
def test_a_purchase_with_an_hsm(profile: str, with_psam: bool) -> None:
    """Terminal interface, 8.2 and 8.3: the same text with MAC2 before it."""
    bench = TerminalBench(profile, psam=with_psam)
    number = TERMINAL_NUMBER if with_psam else "0" * 12
    step1 = bench.ok("iDoDebit_HSM_Step1", 3, INFO, PAYMENT)
    assert re.fullmatch(
        f"{ALGORITHM[profile]}\\|017F\\|[0-9A-F]{{8}}\\|0000\\|000004E2000003E8\\|2\\|{number}\\|{TIME}\\|", step1
    )
    key = bench.hsm.purchase(step1, CARD)
    assert re.fullmatch(f"00000001\\|{TIME}\\|[0-9A-F]{{8}}\\|", key)
    text = bench.ok("iDoDebit_HSM_Step2", key)
    mac2, _, rest = text.partition("|")
    assert re.fullmatch("[0-9A-F]{8}", mac2)
    head = f"{ALGORITHM[profile]}|00B5|000004E2000003E8|2|{number}|00000001|{TIME}|"
    assert rest == f"{head}{expected_tac(SUITE[ALGORITHM[profile]], rest)}|"
    assert bench.hsm.check_mac2(text)
    assert bench.hsm.check_tac(text, CARD)


@pytest.mark.parametrize("profile", PROFILES)
def test_the_records_of_purchases_newest_first(profile: str) -> None:
    """Terminal interface, 9.1: sequence, terminal number, time, total, account and fund."""
    bench = TerminalBench(profile)
    assert bench.ok("iReadDebitRecord", 3) == ""
    bench.ok("iDoDebit", 3, INFO, PAYMENT)
    bench.ok("iDoDebit", 3, INFO, f"0.05|0.00|{TIME}|")
    bench.terminal.load(INFO, "1.00", lambda text: bench.hsm.load(text, CARD, TIME))
    assert bench.ok("iReadDebitRecord", 3) == (
        f"0002^{TERMINAL_NUMBER}^{TIME}^0.05^0.00^|0001^{TERMINAL_NUMBER}^{TIME}^12.50^10.00^|"
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_the_account_is_loaded_by_the_host(profile: str) -> None:
    """Part 7, 11: the HSM checks MAC1 and gives MAC2; the TAC covers the new balance."""
    bench = TerminalBench(profile)
    steps: list[str] = []

    def host(text: str) -> str:
        steps.append(text)
        return bench.hsm.load(text, CARD, TIME)

    done = bench.terminal.load(INFO, "100.00", host)
    bench.no_power()
    algorithm = ALGORITHM[profile]
    assert re.fullmatch(
        f"{algorithm}\\|00B2\\|[0-9A-F]{{8}}\\|0000\\|00000000\\|00002710\\|1\\|{TERMINAL_NUMBER}\\|[0-9A-F]{{8}}\\|",
        steps[0],
    )
    covered = bytes.fromhex("00002710" + "0000" + "00002710") + b"1" + bytes.fromhex(TERMINAL_NUMBER + TIME)
    expected = tac(SUITE[algorithm], covered)
    assert done.text == f"{algorithm}|00B5|00002710|0000|00002710|1|{TERMINAL_NUMBER}|{TIME}|{expected}|"
    assert bench.hsm.check_load_tac(done.text, CARD)
    assert bench.balance() == 10000


def test_the_proof_is_that_of_the_trade() -> None:
    """Part 7, 14: MAC and TAC, as the answers of the trades had them."""
    bench = TerminalBench(psam=False)
    step1 = bench.ok("iDoDebit_HSM_Step1", 3, INFO, PAYMENT)
    text = bench.ok("iDoDebit_HSM_Step2", bench.hsm.purchase(step1, CARD))
    mac2, last = text.split("|")[0], text.split("|")[-2]
    assert bench.terminal.proof(INFO, "2", "0000").text == f"{mac2}|{last}|"
    loaded = bench.terminal.load(INFO, "1.00", lambda each: bench.hsm.load(each, CARD, TIME)).text
    assert bench.terminal.proof(INFO, "1", "0000").text == f"00000000|{loaded.split('|')[-2]}|"


# All of them ----------------------------------------------------------------------------------------


def test_the_functions_are_those_of_the_standard() -> None:
    """Terminal interface, list of functions: nine with PSAM, six groups in steps."""
    two = ("iReadCardBas", "iReadCard", "iWriteCard", "iDoDebit")
    three = ("iReloadPIN", "iUnblockPIN")
    expected = {*two, *three, "iVerifyPIN", "iChangePIN", "iReadDebitRecord"}
    expected |= {f"{name}_HSM_Step{step}" for name in two for step in (1, 2)}
    expected |= {f"{name}_HSM_Step{step}" for name in three for step in (1, 2, 3)}
    assert set(FUNCTIONS) == expected
    assert len(FUNCTIONS) == 23


@pytest.mark.parametrize("profile", PROFILES)
def test_psam_and_hsm_give_the_same(profile: str) -> None:
    one, other = TerminalBench(profile), TerminalBench(profile)
    one.ok("iDoDebit", 3, INFO, PAYMENT)
    step1 = other.ok("iDoDebit_HSM_Step1", 3, INFO, PAYMENT)
    other.ok("iDoDebit_HSM_Step2", other.hsm.purchase(step1, CARD))
    assert one.ok("iReadDebitRecord", 3) == other.ok("iReadDebitRecord", 3)
    one.ok("iWriteCard", 3, INFO, "DF01EF07|29|$", "DF01EF07|5|$")
    step1 = other.ok("iWriteCard_HSM_Step1", 3, INFO, "DF01EF07|29|$")
    other.ok("iWriteCard_HSM_Step2", other.hsm.authentication(step1, CARD), "DF01EF07|5|$")
    contents = [bench.user.card.image.contents for bench in (one, other)]
    # MAC2 differs by the random number of each trade, so the proof that the money file keeps does.
    assert contents[0].keys() == contents[1].keys()
    different = [path for path in contents[0] if contents[0][path] != contents[1][path]]
    assert different in ([], ["3F00/DDF1/DF04/EF01"])


@pytest.mark.parametrize(
    "overrides", ['[settings.transport]\nlevel = "apdu"', '[atr]\nprotocol = "T=1"'], ids=["apdu", "T=1"]
)
def test_cards_that_answer_data_at_once_do_as_well(overrides: str) -> None:
    bench = TerminalBench("ssc-2.0", overrides)
    assert bench.ok("iReadCardBas", 3) == basic("ssc-2.0", TERMINAL_NUMBER)
    text = bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert text.split("|")[7] == expected_tac("3DES", text)
