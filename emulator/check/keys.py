"""Checks of keys: versions of the authentication keys, and what a wrong one costs."""

from collections.abc import Callable
from contextlib import suppress
from typing import Final

from cardfs.profile.loader import KeyPlan
from keys.records import Usage

from .bench import OK, Bench
from .check import Check, Failed, Need, NotTested

HARMLESS: Final = frozenset[Need](("roots",))
ROOTS: Final = frozenset[Need](("writes", "roots"))
_RANDOM: Final = bytes(range(1, 17))


def _plan(b: Bench, usage: Usage) -> KeyPlan:
    """Return the first key of the environment with a usage; raise `NotTested` if there is none."""
    owner = b.profile.ids["SSSE"]
    for plan in b.profile.keys:
        if plan.ref.owner == owner and plan.usage is usage:
            return plan
    raise NotTested(f"{b.profile.name} has no {usage} key")


def internal(b: Bench, version: int) -> bool:
    """Return whether INTERNAL AUTHENTICATION with a version of IRK answers what the roots give; 0 names no version."""
    plan = _plan(b, Usage.INTERNAL_AUTH)
    suite, value = b.key(plan.root, version or 1)
    b.enter("SSSE")
    data = _RANDOM + bytes((version,) if version else ())
    answer = b.send(bytes((0x00, 0x88, 0x00, 0x00, len(data))) + data)
    if answer.word == 0x6A88:
        raise NotTested(f"the card has no version {version or 1} of IRK: it is retired")
    b.require(answer, "INTERNAL AUTHENTICATION")
    return answer.data == suite.authentication_data(value, _RANDOM[:8], _RANDOM[8:])


def require_roots(b: Bench) -> None:
    """Raise `NotTested` unless the root keys derive some version of the card's IRK; costs no try."""
    if b.means.identity is None:
        b.identify()  # says what is missing
    for version in (1, 2, 3):
        with suppress(Failed, NotTested):
            if internal(b, version):
                return
    raise NotTested("the root keys are not those of this card: its IRK is another")


def require_pin(b: Bench) -> None:
    """Verify the PIN; raise `NotTested` if it is of no use."""
    b.enter("SSSE")
    b.verify()


def _internal(b: Bench, version: int) -> None:
    if version > _plan(b, Usage.INTERNAL_AUTH).versions:
        raise NotTested(f"{b.profile.name} has no version {version} of IRK")
    if not internal(b, version):
        raise Failed(f"INTERNAL AUTHENTICATION with version {version or 'left out'} is not what the root keys give")


def _internal_default(b: Bench) -> None:
    if b.profile.settings.key.version_absent != "1":
        raise NotTested(f"with {b.profile.name} a version that is left out means the current one")
    _internal(b, 0)


def _internal_unknown(b: Bench) -> None:
    b.enter("SSSE")
    words = (0x6A88, 0x6983)
    b.expect(bytes.fromhex("0088000011") + _RANDOM + b"\x09", "INTERNAL AUTHENTICATION with version 09", *words)


def _external(b: Bench, version: int) -> None:
    plan = _plan(b, Usage.EXTERNAL_AUTH)
    if version > plan.versions:
        raise NotTested(f"{b.profile.name} has no version {version} of {plan.ref.name}")
    b.key(plan.root, version)
    b.enter("SSSE")
    b.require(b.authenticate(plan, version), f"EXTERNAL AUTHENTICATION with version {version} of {plan.ref.name}")


def _external_wrong(b: Bench) -> None:
    plan = _plan(b, Usage.EXTERNAL_AUTH)
    b.key(plan.root)
    b.enter("SSSE")
    b.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
    answer = b.send(bytes((0x00, 0x82, 0x00, plan.kid or 0, 0x10)) + _RANDOM)
    if answer.word == 0x6983:
        raise NotTested(f"{plan.ref.name} is locked")
    if answer.word & 0xFFF0 != 0x63C0:
        raise Failed(f"EXTERNAL AUTHENTICATION with wrong data answered {answer.hex}, not 63Cx")
    if b.authenticate(plan).word != OK:
        raise NotTested("EXTERNAL AUTHENTICATION with right data was refused after it")
    b.need(bytes.fromhex("0084000008"), "GET CHALLENGE")
    again = b.send(bytes((0x00, 0x82, 0x00, plan.kid or 0, 0x10)) + _RANDOM)
    b.authenticate(plan)
    if again.word != answer.word:
        raise Failed(f"after a right authentication a wrong one answered {again.hex}, not {answer.hex} as before")


def _application(b: Bench) -> None:
    """Authenticate with the first key of every application, all versions."""
    for df in b.applications:
        owner = b.profile.ids[df]
        for plan in b.profile.keys:
            if plan.ref.owner != owner or plan.usage is not Usage.EXTERNAL_AUTH:
                continue
            b.key(plan.root)
            b.enter(df)
            b.require(b.authenticate(plan), f"EXTERNAL AUTHENTICATION with {plan.ref.name}")
            break


def _of(run: Callable[[Bench, int], None], which: int) -> Callable[[Bench], None]:
    return lambda b: run(b, which)


def _versions(
    name: str, title: str, zh: str, clause: str, run: Callable[[Bench, int], None], needs: frozenset[Need]
) -> tuple[Check, ...]:
    """Return a check for each version of a key."""
    return tuple(
        Check(f"{name}-{number}", title.format(number), zh.format(number), clause, _of(run, number), needs)
        for number in (1, 2, 3)
    )


KEYS: Final = (
    *_versions(
        "internal-version",
        "INTERNAL AUTHENTICATION uses version {} of IRK",
        "内部鉴别使用第 {} 组 IRK",
        "Part 5, 6.7; Part 10, 6.4.1",
        _internal,
        HARMLESS,
    ),
    Check(
        "internal-version-absent",
        "INTERNAL AUTHENTICATION without a version uses the first",
        "不带版本号时用第 1 组密钥",
        "Part 5, 6.7",
        _internal_default,
        HARMLESS,
    ),
    Check(
        "internal-version-unknown",
        "INTERNAL AUTHENTICATION refuses an unknown version",
        "密钥版本不存在时被拒绝",
        "Part 5, 6.7",
        _internal_unknown,
    ),
    *_versions(
        "external-version",
        "EXTERNAL AUTHENTICATION takes version {} of the update key",
        "外部鉴别接受第 {} 组更新密钥",
        "Part 5, 6.4; Part 10, 6.4.1",
        _external,
        ROOTS,
    ),
    Check(
        "external-wrong",
        "Wrong authentication costs a try, and right one puts the counter back",
        "鉴别错误消耗次数，正确后恢复",
        "Part 7, 6.6",
        _external_wrong,
        ROOTS,
    ),
    Check(
        "application-keys",
        "Every application takes its first key",
        "每个应用接受其第一个密钥",
        "Part 7, 6.5",
        _application,
        ROOTS,
    ),
)
