"""The settings of a terminal: each does what its table says, and the table has each."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.profile.inputs import InputError
from cardfs.profile.loader import DEMO, load_profile
from emulator.terminal import Settings, TerminalSettings, load_settings
from tests.kit.card import PIN, REGION, SERIAL, contents
from tests.kit.places import DATA, ROOT
from tests.kit.terminal import CARD, INFO, PAYMENT, TIME, TerminalBench, demo_roots, psam_contents, settings, with_money

PAGE = (ROOT / "docs/reference/settings.md").read_text(encoding="utf-8")
REGION_PROFILE = DATA / "ssc-2.0-region.toml"


def test_every_setting_stands_in_its_table_with_values_and_default() -> None:
    rows = re.findall(r"^\| `terminal\.(\w+)` \| (.*?) \| `(.*?)` \| .+ \|$", PAGE, re.MULTILINE)
    hints = get_type_hints(TerminalSettings)
    assert [name for name, _, _ in rows] == list(hints)
    for name, values, default in rows:
        kind, actual = hints[name], getattr(TerminalSettings(), name)
        written = {"true": True, "false": False}.get(default, default.strip('"') if '"' in default else default)
        shown = str(actual) if isinstance(actual, int) and not isinstance(actual, bool) else actual
        if "…" in default:
            # Shortened for the page: its beginning and its end.
            head, _, tail = written.partition("…")
            shown = f"{head}…{tail}" if actual.startswith(head) and actual.endswith(tail) else actual
            assert len(head) >= 8, name
        assert written == shown, name
        if get_origin(kind) is Literal:
            assert values == ", ".join(f'`"{value}"`' for value in get_args(kind)), name


def test_settings_come_from_a_file_and_from_the_command_line(tmp_path: Path) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text('[terminal]\ndebit_amounts = "fund"\ndevice_number = "D1"\n[crypto]\nzhejiang_rule = false\n')
    made = load_settings(path, {"terminal": {"debit_amounts": "account"}})
    assert (made.terminal.debit_amounts, made.terminal.device_number) == ("account", "D1")
    assert made.crypto.zhejiang_rule is False
    assert load_settings() == Settings()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("terminal.nope=1", "terminal.nope: no such setting"),
        ("nope.nothing=1", "nope.nothing: no such setting"),
        ("terminal.debit_amount=1", "terminal.debit_amount: no such setting; did you mean terminal.debit_amounts?"),
        ('debit_amounts="account"', "debit_amounts: no such setting; did you mean terminal.debit_amounts?"),
        ("terminl.pin_query=true", "terminl.pin_query: no such setting; did you mean terminal.pin_query?"),
        ("terminal.zhejiang_rule=true", "terminal.zhejiang_rule: no such setting; did you mean crypto.zhejiang_rule?"),
        ("terminal=3", "terminal: expected `object`, got `int`"),
        ('terminal.debit_amounts="half"', "terminal.debit_amounts: invalid enum value 'half'"),
        ("terminal.key_index=256", "terminal.key_index: expected `int` <= 255"),
        ('terminal.device_number="a|b"', "terminal.device_number: expected `str` matching regex"),
    ],
)
def test_what_is_no_setting_is_one_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "terminal.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=f"^{re.escape(f'{path.name}: {sentence}')}"):
        load_settings(path)


AMOUNTS = {
    "last-two": ("00000000000004E2000003E8", "000004E2000003E8", 0, "12.50^10.00^"),
    "account": ("000003E8000000FA00000000", "000003E8000000FA00000000", 1000, "12.50^10.00^"),
    "fund": ("00000000000000FA000003E8", "000000FA000003E8", 0, "12.50^10.00^"),
}


@pytest.mark.parametrize("hsm", [False, True])
@pytest.mark.parametrize(("rule", "expected"), AMOUNTS.items())
def test_the_amounts_follow_the_rule(rule: str, expected: tuple[str, str, int, str], hsm: bool) -> None:
    sent, shown, taken, record = expected
    bench = TerminalBench(user=with_money(contents(), 5000), settings=settings(debit_amounts=rule))
    if hsm:
        step1 = bench.ok("iDoDebit_HSM_Step1", 3, INFO, PAYMENT)
        text = bench.ok("iDoDebit_HSM_Step2", bench.hsm.purchase(step1, CARD))
        assert bench.hsm.check_mac2(text)
        assert step1.split("|")[4] == shown
    else:
        text = bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert bench.hsm.check_tac(text, CARD)
    assert text.split("|")[2 + hsm] == shown
    assert any(each.startswith(f"B02801011301{sent}") for each in bench.user.sent)
    assert bench.balance() == 5000 - taken
    assert bench.ok("iReadDebitRecord", 3).endswith(f"^{TIME}^{record}|")


@pytest.mark.parametrize("byte", ["ascii", "binary"])
@pytest.mark.parametrize("proof", ["ascii", "binary"])
def test_the_type_is_that_of_the_card(byte: str, proof: str) -> None:
    overrides = f'[settings.trade]\ntype_byte = "{byte}"\nproof_type_byte = "{proof}"'
    bench = TerminalBench("ssc-2.0", overrides, settings=settings(type_byte=byte, proof_type_byte=proof))
    text = bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert text.split("|")[3] == "2"
    assert bench.hsm.check_tac(text, CARD)
    assert bench.terminal.proof(INFO, "2", "0000").text.endswith(f"|{text.split('|')[7]}|")
    other = {"ascii": "binary", "binary": "ascii"}[byte]
    wrong = TerminalBench("ssc-2.0", overrides, settings=settings(type_byte=other))
    assert wrong.call("iDoDebit", 3, INFO, PAYMENT)[0] == -0x9302


def test_the_original_may_be_the_terminals_own() -> None:
    """Part 7, 6.5: one challenge less for each authentication."""
    texts = {}
    for source in ("card", "terminal"):
        bench = TerminalBench("ssc-3.0", settings=settings(original_source=source))
        texts[source] = bench.ok("iReadCardBas", 3)
        assert bench.user.sent.count("0084000008") == {"card": 4, "terminal": 2}[source]
    assert texts["card"] == texts["terminal"]


@pytest.mark.parametrize(("query", "count"), [(True, 1), (False, 0)])
def test_asking_whether_there_is_a_pin_is_a_setting(query: bool, count: int) -> None:
    bench = TerminalBench(settings=settings(pin_query=query))
    bench.ok("iVerifyPIN", 3)
    assert bench.user.sent.count("0020000000") == count


def test_the_device_number_is_the_terminals() -> None:
    bench = TerminalBench(settings=settings(device_number="DCZ91201015033"))
    assert bench.ok("iReadCardBas", 3).endswith("|519900000007|DCZ91201015033|")


@pytest.mark.parametrize(("index", "expected"), [(0, "01"), (2, "02"), (3, "03")])
def test_the_key_index_is_the_psams_or_a_setting(index: int, expected: str) -> None:
    bench = TerminalBench(settings=settings(key_index=index))
    text = bench.ok("iDoDebit", 3, INFO, PAYMENT)
    assert any(each.startswith(f"B028010113{expected}") for each in bench.user.sent)
    assert text.split("|")[1] == {"01": "00B5", "02": "00B6", "03": "00B7"}[expected]
    assert bench.hsm.check_tac(text, CARD)
    step1 = bench.ok("iDoDebit_HSM_Step1", 3, INFO, PAYMENT)
    assert step1.split("|")[1] == {"01": "017F", "02": "0199", "03": "019C"}[expected]
    assert bench.hsm.check_mac2(bench.ok("iDoDebit_HSM_Step2", bench.hsm.purchase(step1, CARD)))


def test_the_name_of_the_sm4_environment_is_a_setting() -> None:
    made = psam_contents()
    bench = TerminalBench("ssc-3.0", psam=made, settings=settings(psam_sm4_name="7378342E73682EC9E7BBE1B1A3D5CF"))
    assert bench.call("iReadCardBas", 3)[0] == -2202


def test_a_regions_own_files_are_known_by_its_profile() -> None:
    holder = replace(load_holder(DEMO / "holder.toml"), lenient=True)
    profile = load_profile(REGION_PROFILE)
    user = issue(profile, holder, demo_roots(), IssueOptions(region=REGION, serial=SERIAL, pin=PIN, seed="tests"))
    bench = TerminalBench(user=user, settings=settings(v2=str(REGION_PROFILE)))
    info = bench.terminal.identify().info
    assert bench.ok("iReadCard", 3, 1, info, "DF04EF0D|E8|$") == "DF04EF0D||$"
    plain = TerminalBench(user=user)
    assert plain.call("iReadCard", 3, 1, info, "DF04EF0D|E8|$") == (-27266, "未找到文件、文件标识相重、SFI 不正确")
