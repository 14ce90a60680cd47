"""Checks of files: record layout and access rules of each DF, and the firewall between applications (防火墙)."""

from collections.abc import Callable
from typing import Final

from cardfs.model.files import Structure
from cardfs.profile.files import EfPlan
from keys.records import KeyRef

from .bench import DENIED, OK, PIN, Bench, is_binary, is_free, names, proven_by_nothing, select_fid, select_name
from .check import Check, Failed, Need, NotTested

WRITES: Final = frozenset[Need](("writes",))
ROOTS: Final = frozenset[Need](("writes", "roots"))
ROOTS_AND_PIN: Final = frozenset[Need](("writes", "roots", "pin"))
VERIFIED: Final = frozenset[Need](("writes", "pin"))
PSE: Final = b"1PAY.SYS.DDF01"
_MISSING: Final = 0x6A83
DIRECTORIES: Final = ("SSSE", *(f"DF0{number}" for number in range(1, 8)))
_CLAUSES: Final = {
    "SSSE": "V2.0 notice, table 3",
    "DF01": "V2.0 notice, table 4",
    "DF02": "V2.0 notice, table 5",
    "DF03": "V2.0 notice, table 6",
    "DF04": "V2.0 notice, table 7",
    "DF05": "V2.0 notice, B2",
    "DF06": "V2.0 notice, B2",
    "DF07": "V2.0 notice, table 8",
}


# -- record layout --------------------------------------------------------------------------------


def _layout(b: Bench, df: str) -> None:
    """Read every file of a DF that needs proofs, after them; its records are those of the card type."""
    guarded = [plan for plan in _require(b, df) if plan.ef.read.alternatives and not is_free(plan.ef.read)]
    if not guarded:
        raise NotTested(f"all files of {df} are free: free-files reads them")
    for plan in guarded:
        b.enter(df)
        b.satisfy(plan.ef.read)
        b.open(plan)
        _read(b, plan)


def _free(b: Bench) -> None:
    """Read every file that is read free, but SSSE/EF05, which checks of commands read."""
    for df in ("SSSE", *b.applications):
        for plan in b.files(df):
            if is_free(plan.ef.read) and plan.id != "SSSE/EF05":
                b.enter(df)
                b.open(plan)
                _read(b, plan)


def _require(b: Bench, df: str) -> list[EfPlan]:
    """Return the files of a DF; raise `NotTested` if the card type has no such DF."""
    if df not in b.profile.ids:
        raise NotTested(f"{b.profile.name} has no {df}")
    return b.files(df)


def _read(b: Bench, plan: EfPlan) -> None:
    """Read the current file whole; raise `Failed` where it is not as the plan has it."""
    if is_binary(plan):
        _read_binary(b, plan)
    elif plan.ef.structure is Structure.CYCLIC or not plan.ef.tlv:
        _read_fixed(b, plan)
    else:
        _read_records(b, plan)


def _read_binary(b: Bench, plan: EfPlan) -> None:
    last = plan.ef.size - 1
    b.expect(b"\x00\xb0" + last.to_bytes(2) + b"\x01", f"READ BINARY of the last byte of {plan.id}")
    b.expect(b"\x00\xb0" + plan.ef.size.to_bytes(2) + b"\x00", f"READ BINARY behind the end of {plan.id}", 0x6B00)


def _read_fixed(b: Bench, plan: EfPlan) -> None:
    length = plan.ef.record_length
    answer = b.expect(bytes.fromhex("00B2010400"), f"READ RECORD 1 of {plan.id}", OK, _MISSING)
    if answer.word == OK and len(answer.data) != length:
        raise Failed(f"a record of {plan.id} has {len(answer.data)} bytes, not {length}")


def _read_records(b: Bench, plan: EfPlan) -> None:
    for number, element in enumerate(plan.elements, 1):
        record = b.expect(bytes((0x00, 0xB2, number, 0x04, 0x00)), f"READ RECORD {number} of {plan.id}").data
        head = bytes((element.tag or 0, element.length))
        if record[:2] != head or len(record) != element.length + 2:
            begins = record[:2].hex().upper() or "nothing"
            raise Failed(
                f"record {number} of {plan.id} is {begins} with {len(record)} bytes, "
                f"not {head.hex().upper()} with {element.length + 2} ({element.zh})"
            )


# -- access rules ---------------------------------------------------------------------------------


def _read_rules(b: Bench, df: str) -> None:
    """Read every file of a DF with nothing proven: what is free opens, all else does not."""
    for plan in _require(b, df):
        b.enter(df)
        proven = proven_by_nothing(b)
        b.open(plan)
        if plan.ef.read.holds(proven):
            b.require(b.first(plan), f"reading {plan.id}, which is free", OK, _MISSING)
        else:
            b.require(b.first(plan), f"reading {plan.id} with nothing proven", DENIED)


def _update_rules(b: Bench, df: str) -> None:
    """Try to write every file of a DF with nothing proven."""
    for plan in _require(b, df):
        b.enter(df)
        if plan.ef.update.holds(proven_by_nothing(b)):
            continue
        b.open(plan)
        b.expect(_writing(b, plan), f"writing {plan.id} with nothing proven", DENIED)


def _writing(b: Bench, plan: EfPlan) -> bytes:
    """Return a command that would write the current file, with what it holds where that is readable."""
    if is_binary(plan):
        return bytes.fromhex("00D600000100")
    if plan.ef.structure is Structure.CYCLIC:
        record = bytes(plan.ef.record_length)
        return bytes((0x00, 0xDC, 0x00, 0x03, len(record))) + record
    held = b.send(bytes.fromhex("00B2010400"))
    record = held.data if held.word == OK else _empty(plan)
    return bytes((0x00, 0xDC, 0x01, 0x04, len(record))) + record


def _empty(plan: EfPlan) -> bytes:
    if not plan.ef.tlv:
        return bytes(plan.ef.record_length)
    if not plan.elements:  # the elements of some files are not published
        return b"\x01\x01\x00"
    first = plan.elements[0]
    return bytes((first.tag or 0, first.length)) + bytes(first.length)


# -- the firewall ---------------------------------------------------------------------------------


def _foreign_files(b: Bench) -> None:
    own = {df: {plan.ef.fid for plan in b.files(df)} for df in b.applications}
    for df in b.applications:
        others = sorted(set().union(*own.values()) - own[df])
        if others:
            b.enter(df)
            b.expect(select_fid(0x02, others[0]), f"SELECT in {df} of a file of another application", 0x6A82)


def _financial(b: Bench) -> None:
    answer = b.send(select_name(PSE))
    if answer.word != OK:
        raise NotTested("the card has no financial environment")
    answer = b.expect(select_fid(0x02, 0xEF05), "SELECT of SSSE/EF05 in the financial environment", 0x6A82)


def _key_file(b: Bench) -> tuple[str, EfPlan, KeyRef]:
    """Return an application, a file in it and a key of the application that opens it alone."""
    for df in b.applications:
        path = b.profile.ids[df]
        for plan in b.files(df):
            for way in plan.ef.read.alternatives:
                ref = next(iter(way), None)
                if len(way) == 1 and ref is not None and ref.owner == path and ref.name != PIN:
                    return df, plan, ref
    raise NotTested(f"{b.profile.name} has no file that a key of its application opens")


def _opened(b: Bench) -> tuple[str, EfPlan]:
    """Prove a key of an application; return application and file, which it has opened."""
    df, plan, ref = _key_file(b)
    b.enter(df)
    if plan.ef.read.holds(proven_by_nothing(b)):
        raise NotTested(f"the card has no PIN, so that {plan.id} is open without a key")
    b.prove(ref)
    b.open(plan)
    if b.first(plan).word not in (OK, _MISSING):
        raise NotTested(f"{plan.id} cannot be read after its proof")
    return df, plan


def _right_ends(b: Bench) -> None:
    df, plan = _opened(b)
    other = next(each for each in b.applications if each != df)
    b.enter(other)
    b.enter(df)
    b.open(plan)
    b.require(b.first(plan), f"reading {plan.id} after {other} was selected", DENIED)


def _right_elsewhere(b: Bench) -> None:
    df, _ = _opened(b)
    for other in b.applications:
        for plan in b.files(other):
            if other != df and plan.ef.read.alternatives and not is_free(plan.ef.read):
                b.need(select_fid(0x00, b.df(other).fid), f"SELECT of {other}")
                b.open(plan)
                b.require(b.first(plan), f"reading {plan.id} with a key of {df} proven", DENIED)
                return
    raise NotTested("no other application has a file that needs a proof")


def _pin_alone(b: Bench) -> None:
    def fits(plan: EfPlan) -> bool:
        return bool(plan.ef.read.alternatives) and all(names(way) - {PIN} for way in plan.ef.read.alternatives)

    df, plan = b.file(fits, "file that needs a key")
    b.enter(df)
    b.tries()
    b.verify()
    b.open(plan)
    b.require(b.first(plan), f"reading {plan.id} with the PIN alone", DENIED)


def _pin_everywhere(b: Bench) -> None:
    def fits(plan: EfPlan) -> bool:
        return any(names(way) == {PIN} for way in plan.ef.read.alternatives)

    if b.profile.settings.state.pin_scope != "power-off":
        raise NotTested(f"with {b.profile.name} the PIN counts in one DF")
    df, plan = b.file(fits, "file that the PIN opens")
    b.enter("SSSE")
    b.verify()
    b.enter(df)
    b.open(plan)
    b.require(b.first(plan), f"reading {plan.id} after VERIFY in the environment", OK, _MISSING)


def _challenge_ends(b: Bench) -> None:
    df, _, ref = _key_file(b)
    plan = b.plan(ref)
    b.key(plan.root)
    b.enter("SSSE")
    challenge = b.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
    b.need(select_fid(0x00, b.df(df).fid), f"SELECT of {df}")
    b.require(
        b.authenticate(plan, challenge=challenge), f"EXTERNAL AUTHENTICATION in {df} with a challenge from SSSE", 0x6984
    )


FIREWALL: Final = (
    Check(
        "files-apart",
        "An application reaches no file of another one",
        "应用之间不能访问文件",
        "Part 4, 6.1",
        _foreign_files,
    ),
    Check(
        "environments-apart",
        "The financial environment reaches no file of the social one",
        "金融环境不能访问社保文件",
        "Part 4, 5.5",
        _financial,
    ),
    Check(
        "right-ends",
        "The right of an application's key ends with the application",
        "应用密钥的权限随应用结束",
        "Part 7, 6.6",
        _right_ends,
        ROOTS,
    ),
    Check(
        "right-elsewhere",
        "The key of one application opens no file of another",
        "一个应用的密钥不能打开另一应用的文件",
        "Part 4, 6.1; Part 7, 6.6",
        _right_elsewhere,
        ROOTS,
    ),
    Check(
        "pin-alone",
        "The PIN opens no file that needs a key",
        "个人密码不能打开需要密钥的文件",
        "Part 6, table 3",
        _pin_alone,
        VERIFIED,
    ),
    Check(
        "pin-everywhere",
        "The PIN counts in every application",
        "个人密码在各应用中有效",
        "Part 7, 5.8",
        _pin_everywhere,
        VERIFIED,
    ),
    Check(
        "challenge-ends",
        "A challenge ends with the application",
        "随机数随应用结束",
        "Part 5, 6.5.1",
        _challenge_ends,
        ROOTS,
    ),
)


def _of(run: Callable[[Bench, str], None], which: str) -> Callable[[Bench], None]:
    return lambda b: run(b, which)


def _each(
    name: str, title: str, zh: str, run: Callable[[Bench, str], None], needs: frozenset[Need] = frozenset()
) -> tuple[Check, ...]:
    """Return a check for each DF."""
    return tuple(
        Check(f"{name}-{df.lower()}", title.format(df), zh.format(df), _CLAUSES[df], _of(run, df), needs)
        for df in DIRECTORIES
    )


STRUCTURE: Final = (
    Check(
        "free-files",
        "Files that are read free have the records of the card type",
        "可自由读取的文件记录正确",
        "V2.0 notice, tables 3 to 8",
        _free,
    ),
    *_each("read-rules", "{} opens its files only after the proofs", "{} 文件的读权限", _read_rules),
    *_each("update-rules", "{} lets nobody write without the proofs", "{} 文件的更新权限", _update_rules, WRITES),
    *_each("records", "{} has the records of the card type", "{} 文件的记录格式", _layout, ROOTS_AND_PIN),
)
