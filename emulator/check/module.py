"""Checks of PSAMs (Part 9)."""

from typing import Final

from .bench import DENIED, OK, SELECT_SSSE, Bench, select_fid, select_name
from .check import PSAM, Check, Failed, Need, NotTested
from .commands import require_name

WRITES: Final = frozenset[Need](("writes",))
APPLICATION: Final = bytes.fromhex("D15600000590")


def _environment(b: Bench) -> None:
    fci = b.expect(SELECT_SSSE, "SELECT of the DES environment by name").data
    require_name(fci, b.df("MF").name, "the environment")


def _application(b: Bench) -> None:
    b.need(SELECT_SSSE, "SELECT of the environment")
    require_name(b.expect(select_name(APPLICATION), "SELECT of DF01 by name").data, APPLICATION, "DF01")


def _enter(b: Bench, *, application: bool) -> None:
    b.need(SELECT_SSSE, "SELECT of the environment")
    if application:
        b.need(select_fid(0x00, 0xDF01), "SELECT of DF01")


def _size(b: Bench, fid: int, size: int) -> bytes:
    """Read a transparent file of the current DF, which must have a size; return it."""
    b.need(select_fid(0x02, fid), f"SELECT of {fid:04X}")
    data = b.expect(bytes.fromhex("00B0000000"), f"READ BINARY of {fid:04X}").data
    if len(data) != size:
        raise Failed(f"{fid:04X} has {len(data)} bytes, not {size}")
    return data


def _public(b: Bench) -> None:
    _enter(b, application=False)
    _size(b, 0x0015, 15)


def _number(b: Bench) -> None:
    _enter(b, application=False)
    number = _size(b, 0x0016, 6)
    if not number.hex().isdecimal():
        raise Failed("the terminal number in 0016 is not of digits")


def _sequence(b: Bench) -> None:
    _enter(b, application=True)
    _size(b, 0x0019, 4)


def _information(b: Bench) -> None:
    _enter(b, application=True)
    for fid in (0x001A, 0x001B, 0x001C):
        _size(b, fid, 10)


def _hidden(b: Bench) -> None:
    _enter(b, application=True)
    for fid in (0x0011, 0x0012, 0x0013):
        if b.send(select_fid(0x02, fid)).word != OK:
            continue
        for command in ("00B0000008", "00B2010400"):
            if b.send(bytes.fromhex(command)).word == OK:
                raise Failed(f"the key file {fid:04X} can be read")


def _cipher(b: Bench) -> None:
    _enter(b, application=True)
    b.expect(bytes.fromhex("80FA000008") + bytes(8) + b"\0", "CIPHER DATA without DELIVERY SESSION KEY", 0x6901)


def _factors(b: Bench) -> None:
    _enter(b, application=True)
    answer = b.send(bytes.fromhex("BFDE670810") + bytes(16))
    if answer.word == 0x6A88:
        raise NotTested("the PSAM has no IRK")
    b.require(answer, "DELIVERY SESSION KEY with one factor for three levels", 0x6A80)


def _credit(b: Bench) -> None:
    _enter(b, application=True)
    b.expect(bytes.fromhex("8072000004") + bytes(4), "CREDIT SAM FOR PURCHASE without INIT SAM", 0x6901)


def _protected(b: Bench) -> None:
    _enter(b, application=True)
    b.need(select_fid(0x02, 0x0019), "SELECT of 0019")
    b.expect(bytes.fromhex("00D600000400000001"), "UPDATE BINARY of 0019", DENIED)


def _rules(b: Bench) -> None:
    _enter(b, application=False)
    for fid in (0x0015, 0x0016):
        b.need(select_fid(0x02, fid), f"SELECT of {fid:04X}")
        held = b.need(bytes.fromhex("00B0000001"), f"READ BINARY of {fid:04X}")
        b.expect(bytes.fromhex("00D6000001") + held, f"UPDATE BINARY of {fid:04X} with nothing proven", DENIED)


MODULE: Final = (
    Check(
        "psam-environment",
        "SELECT finds the environment of the PSAM",
        "选择 PSAM 环境",
        "Part 9, 9.1",
        _environment,
        parts=PSAM,
    ),
    Check(
        "psam-application",
        "SELECT finds the application of the PSAM",
        "选择 PSAM 应用",
        "Part 9, 5 and 9.1",
        _application,
        parts=PSAM,
    ),
    Check(
        "psam-public-information",
        "0015 has 15 bytes and is read free",
        "卡片公共信息文件",
        "Part 9, 5.2",
        _public,
        parts=PSAM,
    ),
    Check(
        "psam-terminal-number",
        "0016 has a terminal number of 12 digits",
        "终端信息文件",
        "Part 9, 5.3",
        _number,
        parts=PSAM,
    ),
    Check(
        "psam-sequence",
        "0019 has the terminal trade sequence",
        "终端交易序号文件",
        "Part 9, 5.4",
        _sequence,
        parts=PSAM,
    ),
    Check(
        "psam-information",
        "001A to 001C have 10 bytes and are read free",
        "应用信息文件",
        "Part 9, 5.5, 5.6 and 5.7",
        _information,
        parts=PSAM,
    ),
    Check(
        "psam-keys-hidden",
        "Key files cannot be read",
        "密钥文件不可读",
        "Part 9, 5.8, 5.9 and 5.10",
        _hidden,
        parts=PSAM,
    ),
    Check(
        "psam-cipher-order",
        "CIPHER DATA needs DELIVERY SESSION KEY",
        "未产生过程密钥时加密被拒绝",
        "Part 9, 9.8",
        _cipher,
        parts=PSAM,
    ),
    Check(
        "psam-factors",
        "DELIVERY SESSION KEY refuses a wrong number of factors",
        "分散因子个数错误被拒绝",
        "Part 9, 9.7",
        _factors,
        parts=PSAM,
    ),
    Check(
        "psam-credit-order",
        "CREDIT SAM needs INIT SAM",
        "未计算 MAC1 时校验 MAC2 被拒绝",
        "Part 9, 9.10",
        _credit,
        WRITES,
        parts=PSAM,
    ),
    Check(
        "psam-sequence-protected",
        "Nobody writes the terminal trade sequence",
        "终端交易序号不可更新",
        "Part 9, 5.4",
        _protected,
        WRITES,
        parts=PSAM,
    ),
    Check(
        "psam-update-rules",
        "0015 and 0016 are written under the master key only",
        "公共信息和终端信息的更新权限",
        "Part 9, 5.2 and 5.3",
        _rules,
        WRITES,
        parts=PSAM,
    ),
)
