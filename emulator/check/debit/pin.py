"""The PIN that the card compares."""

from typing import Final

from ..bench import OK, Bench
from ..check import Failed, NotTested
from ..commands import another
from .payment import PIN_TRIES, Payment, begin, enter, generate, object_of
from .results import AAC, PIN_DONE, PIN_FAILED, told
from .rows import CUT_PIN, OWN, PIN, aside, before, debit_check


def _pin_block(pin: str) -> bytes:
    """Return VERIFY with a plain PIN block (EMV Book 3, table 24)."""
    return bytes.fromhex("0020008008") + bytes.fromhex(f"2{len(pin):X}{pin}".ljust(16, "F"))


def _tries(b: Bench) -> int:
    """Return how many tries the PIN has; raise `NotTested` if there are fewer than two, or the card does not say."""
    value = object_of(b, PIN_TRIES)
    if not value:
        raise NotTested("the card does not show how many tries the PIN has, tag 9F17")
    if not value[0]:
        raise NotTested("the PIN is locked")
    if value[0] == 1:
        raise NotTested("the PIN has one try left, which no check spends")
    return value[0]


def _verified(b: Bench) -> Payment:
    """Begin a transaction and verify the PIN; raise `NotTested` if it is refused."""
    block = _pin_block(b.financial_pin)
    payment = begin(b)
    _tries(b)
    answer = b.send(block)
    if answer.word != OK:
        raise NotTested(f"VERIFY was refused with {answer.hex}: is this the PIN of debit/credit?")
    return payment


def require_pin(b: Bench) -> None:
    """Verify the PIN once; raise `NotTested` if it is of no use."""
    _verified(b)


def _spare_tries(b: Bench) -> int:
    """Verify the PIN and return its tries; raise `NotTested` if a wrong one would leave the last."""
    _verified(b)
    most = _tries(b)
    if most < 3:
        raise NotTested(f"the PIN has {most} tries: a wrong one would leave the last")
    return most


def _wrong_pin(b: Bench) -> tuple[Payment, int, int]:
    """Verify the right PIN, and a wrong one in a new transaction; return it, the tries before, and the word."""
    most = _spare_tries(b)
    payment = begin(b)
    answer = b.send(_pin_block(another(b.means.financial_pin)))
    return payment, most, answer.word


def _pin_tries(b: Bench) -> None:
    _, most, word = _wrong_pin(b)
    with aside(b):
        left = object_of(b, PIN_TRIES)
        _verified(b)
        after = object_of(b, PIN_TRIES)
    if word != 0x63C0 | most - 1:
        raise Failed(f"VERIFY with a wrong PIN: the card answered {word:04X}, not {0x63C0 | most - 1:04X}")
    if left != bytes((most - 1,)):
        raise Failed("after a wrong PIN tag 9F17 is not one less")
    if after != bytes((most,)):
        raise Failed("after the right PIN tag 9F17 is not back at its most")


def _pin_told(b: Bench) -> None:
    payment = _verified(b)
    with before():
        found = generate(b, payment, AAC)
    told(found, PIN_DONE, "the card has compared the PIN")
    if int.from_bytes(found.results) & PIN_FAILED:
        raise Failed("the verification results in 9F10 tell of a wrong PIN, but it was right")


def _pin_wrong_told(b: Bench) -> None:
    payment, _, _ = _wrong_pin(b)
    with before():
        found = generate(b, payment, AAC)
    with aside(b):
        _verified(b)
    told(found, PIN_FAILED, "the PIN was wrong")


def _cut_pin(b: Bench) -> None:
    _spare_tries(b)
    wrong = _pin_block(another(b.means.financial_pin))

    def look(bench: Bench) -> object:
        enter(bench)
        return object_of(bench, PIN_TRIES)

    b.cut(begin, lambda bench: bench.send(wrong), look)


PIN_CHECKS: Final = (
    debit_check(
        "pin-tries",
        "VERIFY counts wrong PINs, and a right one puts the counter back",
        "个人密码错误计数，正确后恢复",
        "EMV Book 3, 6.5.12 and 10.5",
        _pin_tries,
        PIN,
    ),
    debit_check("pin-told", "The card tells that the PIN was right", "CVR 反映个人密码已验证", OWN, _pin_told, PIN),
    debit_check(
        "pin-wrong-told", "The card tells that the PIN was wrong", "CVR 反映个人密码错误", OWN, _pin_wrong_told, PIN
    ),
    debit_check(
        "cut-pin",
        "A power cut leaves the tries before or after",
        "掉电后个人密码尝试次数为旧值或新值",
        OWN,
        _cut_pin,
        CUT_PIN,
    ),
)
