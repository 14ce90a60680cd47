"""A financial environment is issued: files, data objects, keys, certificates (Part 4, 5.4; JR/T 0025; EMV).

Names and answers to SELECT are those of the digest of real cards. Certificates are opened here as a terminal opens
them, with nothing but the authority's public key and SHA-1.
"""

import datetime
import json
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha1
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner

from cardfs.issuing.certificates import authority
from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots, parse_roots
from cardfs.memory.image import Image
from cardfs.model.files import CardContents, CommandSet
from cardfs.profile.inputs import Document, IssueError, ProfileError
from cardfs.profile.loader import DEMO, load_profile
from emulator.cards import Card
from emulator.cli import main
from keys.records import KeyRef, Usage
from tests.kit.card import CardBench
from tests.kit.places import DATA
from tests.kit.reference import Reference, xor

ROOTS: Final = tomllib.loads((DEMO / "roots.toml").read_text(encoding="utf-8"))["roots"]
VECTORS: Final = DATA / "financial.json"
PSE, EDEP, DEBIT = "3F00/DDF2", "3F00/DDF2/3F01", "3F00/DDF2/3F02"
PSE_NAME, PPSE_NAME = b"1PAY.SYS.DDF01", b"2PAY.SYS.DDF01"
EDEP_AID, DEBIT_AID = "A00000000386980701", "A000000333010101"
SERIAL: Final = "000001AC"
REGION: Final = "519900"
PAN: Final = "629999519900000428"  # 000001AC is 428; without its check digit
KINDS: Final = ("none", "edep", "debit_credit", "both")


def made(
    profile: str = "pboc", kind: str = "both", values: dict[str, Any] | None = None, /, **more: Any
) -> CardContents:
    settings = {"financial": {"kind": kind, "contactless": more.pop("contactless", False)}}
    return issue(
        load_profile(profile, {"settings": settings}),
        more.pop("holder", None) or replace(load_holder(DEMO / "holder.toml"), lenient=True),
        more.pop("roots", None) or load_roots(DEMO / "roots.toml"),
        IssueOptions(
            **{"region": REGION, "serial": SERIAL, "pin": "739154", "seed": "financial", **more},
            values=Document("--value", values or {}),
        ),
    )


def bench(*args: Any, **more: Any) -> CardBench:
    return CardBench(card=Card(Image.in_memory(made(*args, **more))))


def by_name(name: bytes | str, p2: int = 0) -> bytes:
    raw = name if isinstance(name, bytes) else bytes.fromhex(name)
    return bytes((0x00, 0xA4, 0x04, p2, len(raw))) + raw


def objects(data: bytes) -> Iterator[tuple[str, bytes]]:
    """Data objects one after the other, tags in hex; templates 70 are opened, zeros behind are left."""
    at = 0
    while at < len(data) and data[at]:
        end = at + (2 if data[at] & 0x1F == 0x1F else 1)
        tag, length = data[at:end].hex().upper(), data[end]
        at = end + 1
        if length == 0x81:
            length, at = data[at], at + 1
        value, at = data[at : at + length], at + length
        assert len(value) == length
        if tag == "70":
            yield from objects(value)
        else:
            yield tag, value


def records(card: CardContents) -> dict[tuple[int, int], bytes]:
    """What the AFL lists, by SFI and record number, and only that."""
    afl = dict(objects(flat(card, f"{DEBIT}/0001")))["94"]
    found = {}
    for at in range(0, len(afl), 4):
        sfi, first, last, _ = afl[at : at + 4]
        for number in range(first, last + 1):
            found[sfi >> 3, number] = rows(card, f"{DEBIT}/EF{sfi >> 3:02X}")[number - 1]
    return found


def told(card: CardContents) -> dict[str, bytes]:
    """Every data object that a terminal reads."""
    pairs = [pair for record in records(card).values() for pair in objects(record)]
    assert len({tag for tag, _ in pairs}) == len(pairs), "a tag stands in two records"
    return dict(pairs)


def flat(card: CardContents, path: str) -> bytes:
    found = card.contents[path]
    assert isinstance(found, bytes)
    return found


def rows(card: CardContents, path: str) -> tuple[bytes, ...]:
    found = card.contents[path]
    assert isinstance(found, tuple)
    return found


def key(card: CardContents, owner: str, name: str) -> bytes:
    return card.keys[KeyRef(owner, name), 1].value


def diversified(root: bytes, factor: bytes, suite: str = "3DES") -> bytes:
    """Of the last 8 bytes of the serial number, or of account number and sequence: E(F) || E(not F)."""
    return Reference(suite).blocks(root, factor + xor(factor, b"\xff" * 8))


# -- what is there ---------------------------------------------------------------------------------------------


@pytest.mark.clause("Part 4, 5.4", "the financial environment is a DDF of its own with a master key of its own")
@pytest.mark.parametrize(
    ("profile", "kind"),
    [
        (profile, kind)
        for profile in ("pboc", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0")
        for kind in KINDS
        if (profile, kind) != ("pboc", "none")  # which would be no card at all, and is refused
    ],
)
def test_a_setting_says_which_applications_there_are(profile: str, kind: str) -> None:
    card = made(profile, kind)
    command_sets = {path: df.command_set for path, df in card.dfs.items() if df.command_set is not CommandSet.SOCIAL}
    expected = {} if kind == "none" else {PSE: CommandSet.FINANCIAL}
    if kind in ("edep", "both"):
        expected[EDEP] = CommandSet.PURSE
    if kind in ("debit_credit", "both"):
        expected[DEBIT] = CommandSet.DEBIT
    assert command_sets == expected
    assert ("3F00/DDF1" in card.dfs) is (profile != "pboc")
    masters = {at[0] for at, each in card.keys.items() if each.usage is Usage.MASTER}
    assert (KeyRef(PSE, "FMK") in masters) is (kind != "none")
    assert {each.suite_name for at, each in card.keys.items() if at[0].owner.startswith(PSE) and each.suite_name} <= {
        card.info.suite
    }


def test_without_the_environment_there_is_no_proximity_environment_either() -> None:
    assert all(df.command_set is CommandSet.SOCIAL for df in made("ssc-2.0", "none", contactless=True).dfs.values())


def test_without_the_setting_nothing_is_there_and_pboc_has_both() -> None:
    assert not any(df.command_set is not CommandSet.SOCIAL for df in load_profile("ssc-2.0").dfs.values())
    assert {"PSE", "EDEP", "DEBIT"} < load_profile("pboc").ids.keys()


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        ("edep", "6F15840E315041592E5359532E4444463031A503880101"),
        ("debit_credit", "6F1E840E315041592E5359532E4444463031A50C8801015F2D027A689F110101"),
        ("both", "6F1E840E315041592E5359532E4444463031A50C8801015F2D027A689F110101"),
    ],
)
def test_selecting_the_environment_answers_as_real_cards_do(kind: str, answer: str) -> None:
    assert bench("pboc", kind).ask(by_name(PSE_NAME)) == answer + "9000"


def test_the_directory_has_a_record_for_each_application_and_ends() -> None:
    card = bench()
    card.ask(by_name(PSE_NAME))
    assert card.ask("00B2010C00") == "701B6119" + "4F08A000000333010101" + "500A50424F43204445424954" + "8701019000"
    assert card.ask("00B2020C00") == "70136111" + "4F09A00000000386980701" + "500450424F43" + "9000"
    assert card.ask("00B2030C00") == "6A83"
    only = bench("pboc", "debit_credit")
    only.ask(by_name(PSE_NAME))
    assert only.ask("00B2010C00")[:8] == "701B6119"
    assert only.ask("00B2020C00") == "6A83"


def test_the_directory_may_have_debit_credit_alone_and_a_purse_without_it_is_listed() -> None:
    settings = {"settings": {"financial": {"kind": "both", "contactless": True, "listed": "debit_credit"}}}
    profile = load_profile("pboc", settings)
    directory = profile.files[f"{PSE}/0001"].records
    assert directory is not None
    assert [record.hex().upper()[:28] for record in directory] == ["701B61194F08A000000333010101"]
    proximity = next(df for df in profile.dfs.values() if df.name == PPSE_NAME).proprietary.hex().upper()
    assert EDEP_AID not in proximity
    assert DEBIT_AID in proximity
    alone = load_profile("pboc", settings, {"settings": {"financial": {"kind": "edep"}}})
    directory = alone.files[f"{PSE}/0001"].records
    assert directory is not None
    assert [EDEP_AID in record.hex().upper() for record in directory] == [True]


def test_every_entry_of_every_directory_has_a_label_and_its_own_worlds_applications() -> None:
    """Part 3, 6.3, table 3; EMV Book 1, 12.2.3. The environments may share the MF, and list nothing of each other."""
    for name in ("pboc", "ssc-1.0", "ssc-2.0", "ssc-2.0-sm4", "ssc-3.0"):
        for where in ("ddf", "mf"):
            kinds = {"financial": {"kind": "both" if name != "ssc-1.0" else "none"}}
            profile = load_profile(name, {"settings": {**kinds, "structure": {"ssse_location": where}}})
            for plan in profile.files.values():
                for record in plan.records or ():
                    inner = dict(objects(dict(objects(record)).get("61", record[2:])))
                    assert list(inner)[:2] == ["4F", "50"], (name, plan.id)
                    assert inner["50"]
                    assert (inner["4F"][:5].hex() in ("a000000003", "a000000333")) is (plan.ef.parent == PSE)


def test_an_application_without_a_label_is_refused_where_a_directory_lists_it() -> None:
    with pytest.raises(ProfileError) as error:
        load_profile("pboc", {"df": [{"id": "EDEP", "label": ""}]})
    assert str(error.value) == "overrides: df[0].label: the directory lists EDEP, so it needs an application label"


def test_the_fci_of_debit_credit_begins_with_label_and_priority_and_that_of_the_purse_has_none() -> None:
    """EMV Book 1, table 45; 3 logs of real cards for the purse."""
    card = bench()
    debit = card.ask(by_name(DEBIT_AID))
    assert debit[4:24] == "8408" + DEBIT_AID
    assert debit[28:].startswith("500A50424F43204445424954" + "870101" + "9F3809")
    purse = card.ask(by_name(EDEP_AID))
    assert purse[:44] == "6F328409" + EDEP_AID + "A525" + "9F080102" + "9F0C1E"
    other = made_with({"df": [{"id": "DEBIT", "label": "BANK", "priority": 2}]})
    other.ask(by_name(PSE_NAME))
    assert other.ask("00B2010C00") == "70156113" + "4F08" + DEBIT_AID + "500442414E4B" + "8701029000"
    assert "500442414E4B" + "870102" + "9F3809" in other.ask(by_name(DEBIT_AID))
    own = made_with({"df": [{"id": "DEBIT", "proprietary": "5004574F5244 9F380101"}]})
    assert own.ask(by_name(DEBIT_AID)) == f"6F198408{DEBIT_AID}A50D8701015004574F52449F3801019000"


def test_programs_find_the_public_data_of_the_purse_at_bytes_23_to_52() -> None:
    """As writing programs count them in the answer of a card in the field."""
    card = bench()
    answer = bytes.fromhex(card.ask(by_name(EDEP_AID)))
    assert answer[22:52] == flat(made(), f"{EDEP}/0015")
    assert answer[52:] == b"\x90\x00"


def made_with(*changes: dict[str, Any]) -> CardBench:
    holder = replace(load_holder(DEMO / "holder.toml"), lenient=True)
    card = issue(
        load_profile("pboc", *changes),
        holder,
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region=REGION, serial=SERIAL),
    )
    return CardBench(card=Card(Image.in_memory(card)))


@pytest.mark.parametrize("kind", ["edep", "debit_credit", "both"])
def test_the_proximity_environment_lists_the_applications_where_the_profile_has_it(kind: str) -> None:
    assert bench("ssc-2.0", kind).ask(by_name(PPSE_NAME)) == "6A82"
    purse = "61114F09A00000000386980701500450424F43" if kind != "debit_credit" else ""
    debit = "61194F08A000000333010101500A50424F43204445424954870101" if kind != "edep" else ""
    listed = debit + purse
    body = f"840E{PPSE_NAME.hex().upper()}A5{len(listed) // 2 + 3:02X}BF0C{len(listed) // 2:02X}{listed}"
    expected = f"6F{len(body) // 2:02X}{body}9000"
    card = bench("ssc-2.0", kind, contactless=True)
    assert card.ask(by_name(PPSE_NAME)) == expected
    card.ask(by_name(PSE_NAME))
    assert card.ask(by_name(PPSE_NAME)) == expected
    assert card.ask("00B2010C00") == "6A82"
    card.ask(by_name(PSE_NAME))
    listed_there = 2 if kind == "both" else 1
    assert [card.ask(f"00B2{n:02X}0C00")[-4:] for n in (listed_there, listed_there + 1)] == ["9000", "6A83"]


# -- the data of the holder and of the card ---------------------------------------------------------------------


def test_the_public_files_of_the_purse_hold_issuer_serial_number_dates_and_holder() -> None:
    card = made("ssc-2.0", issue_date=datetime.date(2025, 3, 1), expiry_date=datetime.date(2031, 2, 28))
    public, holder = flat(card, f"{EDEP}/0015"), flat(card, f"{EDEP}/0016")
    assert (
        public.hex().upper() == "6299995199000000" + "0301" + "000000519900000001AC" + "20250301" + "20310228" + "5555"
    )
    name = "测试甲".encode("gb18030")
    assert holder == bytes(2) + name.ljust(20, b"\x00") + b"999999900101000".ljust(16, b"\x00") + b"\x00"
    assert (len(public), len(holder)) == (0x1E, 0x27)


def test_the_holder_of_a_bank_card_is_named_in_the_same_file() -> None:
    person = Document("holder.toml", {"name": "测试乙", "id_number": "999999198512319999"})
    card = made(holder=person)
    assert "测试乙".encode("gb18030") in flat(card, f"{EDEP}/0016")
    assert b"999999851231999" in flat(card, f"{EDEP}/0016")
    assert told(card)["5F20"] == "测试乙".encode("gb18030")
    assert told(card)["9F61"] == b"999999198512319999"
    other = made("pboc", "both", {"name": "测试丙"}, holder=person)
    assert told(other)["5F20"] == "测试丙".encode("gb18030")


def test_a_name_that_no_file_has_is_still_a_mistake() -> None:
    with pytest.raises(IssueError, match="nonsense: no such data element"):
        made(holder=Document("holder.toml", {"name": "测试乙", "nonsense": "x"}))


def test_a_long_name_is_cut_between_two_characters() -> None:
    card = made(holder=Document("holder.toml", {"name": "A" + "长" * 20}))
    assert flat(card, f"{EDEP}/0016")[2:22] == b"A" + "长".encode("gb18030") * 9 + b"\x00"
    assert told(card)["5F20"] == b"A" + "长".encode("gb18030") * 12


def test_nobody_can_have_a_card_too() -> None:
    card = made(holder=Document("holder.toml", {}))
    assert flat(card, f"{EDEP}/0016") == bytes(0x27)
    assert told(card)["5F20"] == b" /"  # EMV Book 4, 12.2.4: at least two characters
    assert "9F61" not in told(card)


def _luhn(digits: str) -> int:
    """Sum of the digits, every second one from the right doubled (ISO/IEC 7812-1, annex B)."""
    total = 0
    for at, digit in enumerate(digits[::-1]):
        value = int(digit) * (2 if at % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10


@pytest.mark.parametrize("serial", ["000001AC", "00000000", "FFFFFFFF", "00000043"])
def test_account_number_and_track_2_agree(serial: str) -> None:
    data = told(made("ssc-2.0", "both", serial=serial))
    pan = data["5A"].hex().rstrip("f")
    assert len(pan) == 19
    assert _luhn(pan) == 0
    assert pan[:12] == "629999" + REGION
    assert data["57"].hex().upper() == f"{pan}D3401220".ljust(37, "0") + "F"
    assert (data["5F24"].hex(), data["5F25"].hex(), data["5F34"].hex()) == ("340101", "240101", "01")
    if serial == SERIAL:
        assert pan[:18] == PAN


def test_an_account_number_that_is_given_stands_in_track_2_and_makes_the_keys() -> None:
    data = told(made("pboc", "both", {"pan": "6220110002707355", "pan_sequence": "03"}))
    assert data["5A"] == bytes.fromhex("6220110002707355")
    assert data["57"].hex().upper() == "6220110002707355D3401220".ljust(37, "0") + "F"
    assert data["5F34"] == b"\x03"


@pytest.mark.parametrize("pan", ["62999951990", "6299995199000004281A"])
def test_an_account_number_that_is_none_is_refused(pan: str) -> None:
    with pytest.raises(IssueError, match=r"12 to 19 digits, not 11$|does not consist of digits"):
        made("pboc", "both", {"pan": pan})


def test_balances_to_start_with_are_values_of_the_holder() -> None:
    card = made(
        "ssc-2.0",
        "both",
        {"passbook_balance": 123456, "purse_balance": 5000, "electronic_cash_balance": 9999, "overdraft_limit": 100},
    )
    assert flat(card, f"{EDEP}/0001").hex() == "0001e240" + "0000" * 2 + "000064" + "00" * 11
    assert flat(card, f"{EDEP}/0002").hex() == "00001388" + "0000" * 2 + "00" * 11
    assert dict(objects(flat(card, f"{DEBIT}/0001")))["9F79"].hex() == "000000009999"


# -- keys ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["pboc", "ssc-2.0", "ssc-3.0"])
def test_keys_come_from_their_own_roots_by_serial_number_and_by_account_number(profile: str) -> None:
    card = made(profile)
    factor = bytes.fromhex("00519900000001AC")
    pan = told(card)["5A"].hex().rstrip("f")
    account = bytes.fromhex((pan + "01")[-16:])
    names = dict.fromkeys(("DPK", "DLK", "DULK", "DUK", "DTK", "DAMK", "DPUK", "DRPK"), factor)
    for name in names:
        assert key(card, EDEP, name) == diversified(bytes.fromhex(ROOTS[f"F{name}"]), factor, card.info.suite)
    assert key(card, PSE, "FMK") == diversified(bytes.fromhex(ROOTS["FMK"]), factor, card.info.suite)
    for name in ("AC", "MAC", "ENC"):
        expected = diversified(bytes.fromhex(ROOTS[f"MDK{name}"]), account, card.info.suite)
        assert key(card, DEBIT, f"UDK{name}") == expected
    values = [each.value for each in card.keys.values() if each.usage is not Usage.PIN]
    assert len(set(values)) == len(values), "no key serves two functions"


def test_published_keys_come_out_of_published_roots() -> None:
    vectors = {each["id"]: each for each in json.loads(VECTORS.read_text(encoding="utf-8"))}
    purse, debit = vectors["T5.DPK"], vectors["A.UDK"]
    roots = parse_roots(Document("r", {"roots": {**ROOTS, "FDPK": purse["key"], "MDKAC": debit["key"]}}))
    serial = {"hex": "0000" + purse["factor"]}
    card = made("pboc", "both", {"application_serial": serial, "pan": "6220110002707355"}, roots=roots)
    assert key(card, EDEP, "DPK").hex().upper() == purse["expect"]
    assert key(card, DEBIT, "UDKAC").hex().upper() == debit["expect"]


def test_keys_that_are_the_cards_already_are_taken_as_they_are() -> None:
    roots = parse_roots(Document("r", {"level": "card", "roots": ROOTS}))
    card = made("ssc-2.0", roots=roots)
    assert key(card, EDEP, "DPK").hex().upper() == ROOTS["FDPK"]
    assert key(card, DEBIT, "UDKENC").hex().upper() == ROOTS["MDKENC"]
    _open_chain(card, roots=roots)


def test_two_cards_have_two_keys_of_everything() -> None:
    one, two = made(), made(serial="00000043")
    for at, each in one.keys.items():
        if each.usage is not Usage.PIN:
            assert two.keys[at].value != each.value, at


@pytest.mark.parametrize("name", ["FMK", "FDPK", "MDKAC", "RSACA", "RSAISSUER", "RSACARD"])
def test_a_root_that_is_missing_or_too_short_is_named(name: str) -> None:
    without = {each: value for each, value in ROOTS.items() if each != name}
    with pytest.raises(IssueError, match=rf"^r: no root for {name}$"):
        made(roots=parse_roots(Document("r", {"roots": without})))
    short = {**ROOTS, name: ROOTS[name][:16]}
    with pytest.raises(IssueError, match=rf"^r: roots\.{name}: write 32 hexadecimal digits$"):
        made(roots=parse_roots(Document("r", {"roots": short})))


def test_purse_keys_have_an_index_a_version_and_an_algorithm() -> None:
    for profile, algorithm in (("pboc", 0x00), ("ssc-3.0", 0x04)):
        card = made(profile)
        for name in ("DPK", "DLK", "DULK", "DUK"):
            held = card.keys[KeyRef(EDEP, name), 1]
            assert (held.kid, held.version, held.algorithm) == (1, 1, algorithm)


def test_the_number_of_pin_reloads_is_a_setting() -> None:
    profile = load_profile("pboc", {"settings": {"edep": {"reload_pin_tries": 7}}})
    tries = {plan.ref.name: plan.tries for plan in profile.keys}
    assert tries["DRPK"] == 7
    assert tries["PIN"] == 3


# -- certificates ----------------------------------------------------------------------------------------------


def _recovered(certificate: bytes, modulus: int, exponent: int) -> bytes:
    plain = pow(int.from_bytes(certificate), exponent, modulus).to_bytes(len(certificate))
    assert plain[0] == 0x6A
    assert plain[-1] == 0xBC
    return plain[1:-1]


def _opened(certificate: bytes, modulus: int, exponent: int, after: bytes) -> bytes:
    """Recover what was signed, its hash over that and ``after`` checked (EMV Book 2, 5.3 to 6.4)."""
    inner = _recovered(certificate, modulus, exponent)
    body, digest = inner[:-20], inner[-20:]
    assert sha1(body + after).digest() == digest  # noqa: S324
    return body


def _key_in(body: bytes, head: int, remainder: bytes) -> bytes:
    length = body[head - 2]
    left = body[head:]
    return (left + remainder)[:length] if remainder else left[:length]


def _open_chain(card: CardContents, *, roots: Any = None) -> tuple[int, int]:
    """Follow the chain from the authority to the card's key; its modulus and exponent."""
    data = told(card)
    top = authority(roots or load_roots(DEMO / "roots.toml"), data["8F"][0])
    public = int.from_bytes(top.public.modulus)
    digits = data["5A"].hex().rstrip("f")
    month = data["5F24"].hex()[2:4] + data["5F24"].hex()[:2]
    body = _opened(data["90"], public, top.public.exponent, data.get("92", b"") + data["9F32"])
    assert body[0] == 0x02
    assert digits.startswith(body[1:5].hex().rstrip("f"))
    assert body[5:7].hex() == month
    assert (body[10:12].hex(), body[13]) == ("0101", len(data["9F32"]))
    issuer = int.from_bytes(_key_in(body, 14, data.get("92", b"")))
    exponent = int.from_bytes(data["9F32"])
    signed = b"".join(_template(record) for record in _authenticated(card))
    static = signed + dict(objects(flat(card, f"{DEBIT}/0001")))["82"]
    assert _opened(data["93"], issuer, exponent, static)[0] == 0x03
    more = data.get("9F48", b"") + data["9F47"] + static
    body = _opened(data["9F46"], issuer, exponent, more)
    assert body[0] == 0x04
    assert body[1:11].hex().rstrip("f") == digits
    return int.from_bytes(_key_in(body, 20, data.get("9F48", b""))), int.from_bytes(data["9F47"])


def _authenticated(card: CardContents) -> list[bytes]:
    afl = dict(objects(flat(card, f"{DEBIT}/0001")))["94"]
    found = []
    for at in range(0, len(afl), 4):
        sfi, first, _, count = afl[at : at + 4]
        found += [rows(card, f"{DEBIT}/EF{sfi >> 3:02X}")[first - 1 + each] for each in range(count)]
    return found


def _template(record: bytes) -> bytes:
    assert record[0] == 0x70
    return record[3:] if record[1] == 0x81 else record[2:]


@pytest.mark.parametrize("profile", ["pboc", "ssc-2.0", "ssc-3.0"])
def test_the_card_key_is_certified_and_is_the_one_that_the_card_holds(profile: str) -> None:
    card = made(profile)
    modulus, exponent = _open_chain(card)
    held = key(card, DEBIT, "ICCKEY")
    half = (len(held) - 3) // 2
    p, q = int.from_bytes(held[3 : 3 + half]), int.from_bytes(held[3 + half :])
    assert (p * q, int.from_bytes(held[:3])) == (modulus, exponent)
    assert modulus.bit_length() == 1024


def test_what_is_signed_holds_number_dates_limits_and_the_profile_of_the_card() -> None:
    card = made()
    signed = b"".join(_authenticated(card))
    assert {tag for tag, _ in objects(signed)} >= {"5A", "5F24", "5F34", "8E", "9F07", "9F0D", "9F0E", "9F0F"}
    assert told(card)["9F4A"] == b"\x82"


def test_another_date_is_another_signature() -> None:
    one, two = made(), made(expiry_date=datetime.date(2033, 12, 31))
    assert told(one)["93"] != told(two)["93"]
    _open_chain(two)


def test_the_authority_is_always_the_same_and_other_roots_make_another() -> None:
    roots = load_roots(DEMO / "roots.toml")
    assert authority(roots, 0xF1) == authority(roots, 0xF1)
    other = authority(parse_roots(Document("r", {"roots": {**ROOTS, "RSACA": ROOTS["FMK"]}})), 0xF1)
    assert other.public.modulus != authority(roots, 0xF1).public.modulus
    assert len(other.public.modulus) == 176


def test_everything_that_a_terminal_must_have_is_in_the_records() -> None:
    """EMV Book 3, table 33, and what the data objects of the card ask the terminal for."""
    data = told(made())
    assert {"5A", "5F24", "8C", "8D"} <= data.keys()
    assert {"57", "5F20", "5F25", "5F28", "5F34", "8E", "9F07", "9F08", "9F0D", "9F0E", "9F0F"} <= data.keys()
    assert all(len(record) <= 255 for record in records(made()).values())
    assert "9F74" not in data, "electronic cash has an AFL of its own"
    own = dict(objects(flat(made(), f"{DEBIT}/0001")))
    assert own["C8"][:2] == own["82"]
    assert own["C8"][2:6] == bytes.fromhex("08010200")
    assert dict(objects(rows(made(), f"{DEBIT}/EF01")[1])) == {"9F74": b"ECC001"}


# -- mistakes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"file_locator": {"hex": "10010309" + "18010500"}}, "lists record 3 of SFI 2, which is not there"),
        ({"debit_expiry": "341301"}, "debit_expiry: 341301 is not a date YYMMDD"),
        ({"interchange_profile": {"hex": "7D0000"}}, "3 bytes, but only 2 fit"),
    ],
)
def test_records_that_cannot_be_signed_are_refused(values: dict[str, Any], reason: str) -> None:
    with pytest.raises(IssueError, match=reason):
        made("pboc", "both", values)


OBJECTS: Final = '[[ef]]\nid = "DEBIT/0001"\n'


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        ('includes = ["bank"]', r"includes: no fragment 'bank'; there are .*financial"),
        ("includes = 1", "includes: expected a list of names"),
        (f'{OBJECTS}structure = "transparent"', "a file of data objects is internal or linear variable"),
        (
            f'{OBJECTS}elements = [{{ name = "failures", record = 4 }}]',
            r"the records are numbered from 1 without a gap, not \[",
        ),
        (f"{OBJECTS}size = 5", "5 bytes, but its elements take"),
        (f'{OBJECTS}elements = [{{ name = "more", type = "b", length = 1 }}]', "'tag' is missing"),
        ('[[df]]\nid = "DEBIT"\nproprietary = "9F"\npriority = 16', "expected `int` <= 15"),
        ('[[df]]\nid = "DEBIT"\nproprietary = "9F0"', "proprietary"),
        ('[[df]]\nid = "EDEP"\nkeys = [{ name = "DPK", algorithm = { 3DES = 256 } }]', "expected `int` <= 255"),
    ],
)
def test_a_mistake_in_a_profile_is_named(tmp_path: Path, written: str, reason: str) -> None:
    path = tmp_path / "x.toml"
    path.write_text(f'extends = "pboc"\nname = "x"\n{written}\n', encoding="utf-8")
    if written.startswith("includes"):
        path.write_text(f'name = "x"\n{written}\n', encoding="utf-8")
    with pytest.raises(ProfileError, match=reason):
        load_profile(path)


def test_a_variant_changes_single_objects_of_the_fragment(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text(
        'extends = "ssc-2.0"\nname = "x"\n[settings.financial]\nkind = "debit_credit"\n'
        f'{OBJECTS}elements = [\n{{ name = "default_action", value = "2000" }},\n'
        '{ name = "failures", remove = true },\n]\n',
        encoding="utf-8",
    )
    card = issue(
        load_profile(path),
        replace(load_holder(DEMO / "holder.toml"), lenient=True),
        load_roots(DEMO / "roots.toml"),
        IssueOptions(seed="x"),
    )
    own = dict(objects(flat(card, f"{DEBIT}/0001")))
    assert own["9F52"] == bytes.fromhex("2000")
    assert "C7" not in own
    assert own["9F56"] == b"\x80"


def test_a_variant_says_what_would_be_computed(tmp_path: Path) -> None:
    """Its account number, and track 2 and the keys with it; ``--value`` still comes before it."""
    path = tmp_path / "x.toml"

    def told_of(written: str, **values: Any) -> dict[str, bytes]:
        path.write_text(
            'extends = "pboc"\nname = "x"\n[[ef]]\nid = "DEBIT/EF02"\n'
            f'elements = [{{ record = 1, name = "pan", value = "{written}" }}]\n',
            encoding="utf-8",
        )
        card = issue(
            load_profile(path),
            replace(load_holder(DEMO / "holder.toml"), lenient=True),
            load_roots(DEMO / "roots.toml"),
            IssueOptions(seed="x", values=Document("--value", values)),
        )
        return {
            tag: value
            for each in ("EF01", "EF02")
            for row in rows(card, f"{DEBIT}/{each}")
            for tag, value in objects(row)
        }

    found = told_of("6220110002707355")
    assert found["5A"].hex() == "6220110002707355"
    assert found["57"].hex().startswith("6220110002707355d")
    assert told_of("6220110002707355", pan="6299990000000010")["5A"].hex() == "6299990000000010"
    with pytest.raises(IssueError, match="an account number has 12 to 19 digits"):
        told_of("622011000270735A")


# -- on the command line -------------------------------------------------------------------------------------------


def sscard(*args: object) -> Any:
    return CliRunner().invoke(main, [str(arg) for arg in args])


def test_one_option_puts_it_on_a_social_security_card(tmp_path: Path) -> None:
    for option, command_sets in (
        ("--with-financial=edep", {CommandSet.PURSE}),
        ("--with-financial=debit_credit", {CommandSet.DEBIT}),
        ("--with-financial=both", {CommandSet.PURSE, CommandSet.DEBIT}),
        ("--with-financial", {CommandSet.PURSE, CommandSet.DEBIT}),
    ):
        path = tmp_path / f"{option}.sscard"
        assert sscard("issue", path, option).exit_code == 0
        image = Image.open(path, writable=False)
        assert {df.command_set for df in image.dfs.values()} == command_sets | {CommandSet.SOCIAL, CommandSet.FINANCIAL}
        image.close()
    assert sscard("issue", tmp_path / "x.sscard", "--with-financial=cash").exit_code == 2


def test_what_is_set_in_detail_goes_over_the_option(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    more = ("--set", "settings.financial.contactless=true", "--set", 'settings.financial.kind="edep"')
    assert sscard("issue", path, "--with-financial", *more).exit_code == 0
    shown = sscard("show", path).stdout
    assert "PPSE" in shown
    assert "EDEP" in shown
    assert "DEBIT" not in shown


def test_a_blank_card_of_that_kind_is_made_too(tmp_path: Path) -> None:
    path = tmp_path / "blank.sscard"
    assert sscard("blank", path, "--with-financial=edep").exit_code == 0
    image = Image.open(path, writable=False)
    assert image.names[EDEP]["purchase.01"] == "DPK"
    image.close()


def test_the_authoritys_key_is_written_for_terminals(tmp_path: Path) -> None:
    path, out = tmp_path / "card.sscard", tmp_path / "ca.json"
    result = sscard("issue", path, "--profile", "pboc", "--ca-out", out)
    assert result.exit_code == 0
    assert f"{out}: " in result.stdout
    written = {name: bytes.fromhex(text) for name, text in json.loads(out.read_text(encoding="utf-8")).items()}
    assert written["rid"].hex() == "a000000333"
    assert written["index"] == b"\xf1"
    body = written["rid"] + written["index"] + written["modulus"] + written["exponent"]
    assert written["hash"] == sha1(body).digest()  # noqa: S324
    image = Image.open(path, writable=False)
    data = dict(pair for number in (0, 1) for pair in objects(image.contents[f"{DEBIT}/EF03"][number]))  # type: ignore[arg-type]
    image.close()
    _recovered(data["90"], int.from_bytes(written["modulus"]), int.from_bytes(written["exponent"]))


def test_a_card_without_debit_credit_has_no_authority(tmp_path: Path) -> None:
    out = tmp_path / "ca.json"
    result = sscard("issue", tmp_path / "card.sscard", "--with-financial=edep", "--ca-out", out)
    assert result.exit_code == 2
    assert "no debit/credit application" in result.stderr
    assert not out.exists()
    assert not (tmp_path / "card.sscard").exists()


def test_show_tells_data_objects_by_name_and_no_key(tmp_path: Path) -> None:
    path = tmp_path / "card.sscard"
    assert sscard("issue", path, "--profile", "pboc", "--serial", SERIAL, "--region", REGION).exit_code == 0
    shown = " ".join(sscard("show", path).stdout.split())
    for text in (
        "transaction_counter 0000",
        "electronic_cash_balance 0 ",
        "purse_balance 0,",
        "track_2 62999951990000042",
        "application_serial 000000519900000001",
        "electronic_cash_code ECC001",
    ):
        assert text in shown, text
    image = Image.open(path, writable=False)
    for each in image.keys.values():
        assert each.usage is Usage.PIN or each.value.hex().upper() not in shown
        assert each.usage is not Usage.DATA_AUTH or each.value[3:67].hex().upper() not in shown
    image.close()
