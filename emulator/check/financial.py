"""Checks of the financial environment (金融应用环境): its directory, and the environment of contactless terminals."""

from typing import Final

from cardfs.model import tlv
from cardfs.model.fci import DIRECTORY_SFI, PROPRIETARY, TEMPLATE

from .bench import DEBIT_NAME, LOCKED, OK, PURSE_NAME, Bench, all_objects, find_object, select_name
from .check import Check, Failed, NotTested, Part
from .commands import require_name
from .files import PSE

FINANCIAL: Final[tuple[Part, ...]] = ("financial",)
PPSE: Final = b"2PAY.SYS.DDF01"
_ENTRY: Final = 0x61
_NAME: Final = 0x4F
_ISSUER: Final = 0xBF0C
_MOST: Final = 30
_NAMES: Final = {"EDEP": PURSE_NAME, "DEBIT": DEBIT_NAME}


def _select(b: Bench) -> None:
    fci = b.expect(select_name(PSE), "SELECT of the financial environment by name").data
    require_name(fci, PSE, "the financial environment")


def _listed(b: Bench) -> list[bytes]:
    """Return the names in the directory (EMV Book 1, 12.2.3)."""
    fci = b.need(select_name(PSE), "SELECT of the financial environment")
    sfi = find_object(fci, "the FCI", TEMPLATE, PROPRIETARY, DIRECTORY_SFI)
    if sfi is None or len(sfi) != 1 or not 1 <= sfi[0] <= 10:
        raise Failed("tag 88 in the FCI is no short file identifier from 1 to 10")
    found = []
    for number in range(1, _MOST + 1):
        record = b.send(bytes((0x00, 0xB2, number, sfi[0] << 3 | 4, 0x00)))
        if record.word == 0x6A83:
            break
        b.require(record, f"READ RECORD {number} of the directory")
        entries = find_object(record.data, f"record {number} of the directory", tlv.RECORD_TEMPLATE)
        if entries is None:
            raise Failed(f"record {number} of the directory is no template 70")
        for tag, entry in all_objects(entries, f"record {number} of the directory"):
            if tag == _ENTRY:
                found.append(find_object(entry, f"record {number} of the directory", _NAME) or b"")
    return found


def _directory(b: Bench) -> None:
    names = _listed(b)
    expected = {_NAMES[df] for df in _NAMES if df in b.profile.ids}
    if b.profile.settings.financial.listed == "debit_credit" and DEBIT_NAME in expected:
        expected = {DEBIT_NAME}
    missing = sorted(name.hex().upper() for name in expected - set(names))
    if missing:
        raise Failed(f"the directory does not list {missing[0]}")


def _entries(b: Bench) -> None:
    for name in _listed(b):
        b.expect(select_name(name), "SELECT of an application that the directory lists", OK, LOCKED)


def _contactless(b: Bench) -> None:
    if "PPSE" not in b.profile.ids:
        raise NotTested(f"{b.profile.name} has no environment for contactless terminals")
    fci = b.expect(select_name(PPSE), "SELECT of 2PAY.SYS.DDF01").data
    require_name(fci, PPSE, "2PAY.SYS.DDF01")
    entries = find_object(fci, "the FCI", TEMPLATE, PROPRIETARY, _ISSUER)
    if entries is None or not any(tag == _ENTRY for tag, _ in all_objects(entries, "tag BF0C")):
        raise Failed("tag BF0C in the FCI of 2PAY.SYS.DDF01 lists no application")


def _challenge(b: Bench) -> None:
    for length in (4, 8):
        seen = set()
        for _ in range(2):
            b.need(select_name(PSE), "SELECT of the financial environment")
            data = b.expect(bytes((0x00, 0x84, 0x00, 0x00, length)), "GET CHALLENGE").data
            if len(data) != length:
                raise Failed(f"GET CHALLENGE answers {len(data)} bytes, not {length}")
            seen.add(data)
        if len(seen) == 1:
            raise Failed(f"GET CHALLENGE answers the same {length} bytes twice")


def _absent(b: Bench) -> None:
    b.need(select_name(PSE), "SELECT of the financial environment")
    b.expect(select_name(PURSE_NAME[:-1] + b"\x7f"), "SELECT of a name that the card does not have", 0x6A82)


FINANCIAL_CHECKS: Final = (
    Check(
        "financial-select",
        "SELECT finds the financial environment by name",
        "按名称选择金融环境",
        "Part 4, 5.4; EMV Book 1, 12.2.2",
        _select,
        parts=FINANCIAL,
    ),
    Check(
        "financial-directory",
        "The directory lists the applications",
        "目录列出各应用",
        "EMV Book 1, 12.2.3",
        _directory,
        parts=FINANCIAL,
    ),
    Check(
        "financial-entries",
        "SELECT finds every application that the directory lists",
        "目录所列的应用都可选择",
        "EMV Book 1, 12.2.3 and 12.3.2",
        _entries,
        parts=FINANCIAL,
    ),
    Check(
        "financial-contactless",
        "Contactless terminals find their environment",
        "选择近距离支付系统环境",
        "JR/T 0025",
        _contactless,
        parts=FINANCIAL,
    ),
    Check(
        "financial-challenge",
        "GET CHALLENGE answers 4 and 8 random bytes",
        "取随机数返回 4、8 字节",
        "JR/T 0025; FMCOS 2.0 manual, 7.2",
        _challenge,
        parts=FINANCIAL,
    ),
    Check(
        "financial-absent",
        "SELECT of an application that is not there is refused",
        "选择不存在的应用被拒绝",
        "EMV Book 1, 11.3.5",
        _absent,
        parts=FINANCIAL,
    ),
)
