"""The project's own terminal before the judge: none of its functions breaks a rule.

Each run begins with `read_basic`, the first call of every session (terminal interface, 1.1.1).
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import pytest

import sscard
from emulator.judge.judge import judge
from emulator.terminal import HsmCard
from tests.kit.terminal import PROFILES, TIME

Function = Callable[["Run"], object]
DAY: Final = "2026-03-01"


class Run:
    """A terminal at a rig, after the first call of its session."""

    def __init__(self, rig: sscard.Rig, *, psam: bool = True, basic: bool = True) -> None:
        """Make the terminal, and read the basic data with PSAM or HSM."""
        self.rig = rig
        self.hsm = rig.hsm()
        self.fingers = ["123456"]
        self.terminal = rig.terminal(psam=psam)
        self.terminal.pad = self.pad
        first = self.terminal.identify()
        self.info = first.info
        self.card = HsmCard(first.region, first.historical)
        self.psam = psam
        if basic:
            self.basic()

    def pad(self, _prompt: str) -> str:
        """Return what the holder types next; the last one for ever."""
        return self.fingers.pop(0) if len(self.fingers) > 1 else self.fingers[0]

    def basic(self) -> None:
        """Read the basic data."""
        if self.psam:
            self.terminal.read_basic()
        else:
            self.terminal.read_basic_hsm_step2(self.hsm.basic(self.terminal.read_basic_hsm_step1().text))

    def proven(self, text: str) -> str:
        """Return what the HSM answers to a first step."""
        return self.hsm.authentication(text, self.card)

    def load(self, amount: str = "100.00") -> None:
        """Load the account."""
        self.terminal.load(self.info, amount, lambda text: self.hsm.load(text, self.card, TIME))


def _pay_with_hsm(run: Run) -> None:
    run.load()
    first = run.terminal.debit_hsm_step1(run.info, f"12.50|10.00|{TIME}|").text
    assert run.hsm.check_mac2(run.terminal.debit_hsm_step2(run.hsm.purchase(first, run.card)).text)


def _reload_with_hsm(run: Run) -> None:
    run.fingers = ["471100"]
    first = run.terminal.reload_pin_hsm_step1(run.info).text
    second = run.terminal.reload_pin_hsm_step2(run.proven(first)).text
    run.terminal.reload_pin_hsm_step3(run.hsm.secured(second, run.card))


def _unblock_with_hsm(run: Run) -> None:
    first = run.terminal.unblock_pin_hsm_step1(run.info).text
    second = run.terminal.unblock_pin_hsm_step2(run.proven(first)).text
    run.terminal.unblock_pin_hsm_step3(run.hsm.secured(second, run.card))


def _change(run: Run) -> None:
    run.fingers = ["123456", "471100", "471100"]
    run.terminal.change_pin()


def _pay_twice(run: Run) -> None:
    run.load()
    for _ in range(2):
        run.terminal.debit(run.info, f"12.50|10.00|{TIME}|")
    run.terminal.read_debit_records()


def _write(run: Run) -> None:
    run.terminal.write(run.info, "DF01EF05|20|$DF01EF08|2B|$", "DF01EF05|11|$DF01EF08|1|$")


def _pay_pulled(moment: str) -> Function:
    def pulled(run: Run) -> None:
        run.load()
        run.rig.card.fault("pull", on="DEBIT FOR PURCHASE", moment=moment, back=0.0)
        codes = []
        try:
            run.terminal.debit(run.info, f"12.50|10.00|{TIME}|", reinsert=lambda _prompt: True)
        except sscard.TerminalError as error:
            codes.append(error.code)
        assert codes == ([-0x9406] if moment == "before" else [])
        if codes:
            run.terminal.debit(run.info, f"12.50|10.00|{TIME}|")

    return pulled


def _fails(function: Function, *codes: int) -> Function:
    def failing(run: Run) -> None:
        with pytest.raises(sscard.TerminalError) as raised:
            function(run)
        assert raised.value.code in codes

    return failing


def _wrong_pin(run: Run) -> None:
    run.fingers = ["999999"]
    run.terminal.balance()


def _locked_pin(run: Run) -> None:
    run.rig.card.fault("tries-left", on="VERIFY", tries=0)
    run.terminal.read(run.info, "DF01EF05|$")


PLAIN: Final[dict[str, Function]] = {
    "read by PIN": lambda run: run.terminal.read(run.info, "DF01EF05|$DF01EF07|29|$DF04EF08|$"),
    "verify": lambda run: run.terminal.verify_pin(),
    "change PIN": _change,
    "balance": lambda run: run.terminal.balance(),
    "no records": lambda run: run.terminal.read_debit_records(),
    "wrong PIN": _fails(_wrong_pin, -51),
    "locked PIN": _fails(_locked_pin, -52),
    "no such file": _fails(lambda run: run.terminal.read(run.info, "DF01EF7F|$"), -27266),
}
"""Functions without key."""

WITH_PSAM: Final[dict[str, Function]] = PLAIN | {
    "read by key": lambda run: run.terminal.read(run.info, "DF01EF05|$DF01EF07|29|$", 2),
    "read by both": lambda run: run.terminal.read(run.info, "DF04EF06|$"),
    "write": _write,
    "reload PIN": lambda run: run.terminal.reload_pin(run.info),
    "unblock PIN": lambda run: run.terminal.unblock_pin(run.info),
    "pay": _pay_twice,
    "pulled before": _pay_pulled("before"),
    "pulled after": _pay_pulled("after"),
    "too little": _fails(lambda run: run.terminal.write(run.info, "DF04EF08|$", "DF04EF08|1|$"), -27010),
}
WITH_HSM: Final[dict[str, Function]] = PLAIN | {
    "read by key": lambda run: run.terminal.read_hsm_step2(
        run.proven(run.terminal.read_hsm_step1(run.info, "DF01EF05|$").text)
    ),
    "read by both": lambda run: run.terminal.read_hsm_step2(
        run.proven(run.terminal.read_hsm_step1(run.info, "DF04EF06|$").text)
    ),
    "write": lambda run: run.terminal.write_hsm_step2(
        run.proven(run.terminal.write_hsm_step1(run.info, "DF01EF05|20|$").text), "DF01EF05|11|$"
    ),
    "reload PIN": _reload_with_hsm,
    "unblock PIN": _unblock_with_hsm,
    "pay": _pay_with_hsm,
}
OLD: Final = ("read by key", "read by both")
"""Not to be had of a 1.0 card: other files ask for keys."""


@contextmanager
def _rig(profile: str, **options: object) -> Iterator[sscard.Rig]:
    with sscard.Rig(["empty", "psam"], seed="judged") as rig:
        rig.readers[0].insert(rig.issue(profile, **options))
        yield rig


def _nothing_found(rig: sscard.Rig) -> None:
    found = [f"{each.line} {each.rule}: {each.text}" for each in judge(rig.trace)]
    assert found == []


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", WITH_PSAM)
def test_a_function_with_the_psam_breaks_no_rule(profile: str, name: str) -> None:
    if profile == "ssc-1.0" and name in OLD:
        pytest.skip("a 1.0 card has no such file")
    with _rig(profile) as rig:
        WITH_PSAM[name](Run(rig))
        _nothing_found(rig)


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", WITH_HSM)
def test_a_function_with_the_hsm_breaks_no_rule(profile: str, name: str) -> None:
    if profile == "ssc-1.0" and name in OLD:
        pytest.skip("a 1.0 card has no such file")
    with _rig(profile) as rig:
        WITH_HSM[name](Run(rig, psam=False))
        _nothing_found(rig)


@pytest.mark.parametrize("psam", [True, False])
def test_a_card_without_pin_is_asked_for_none(psam: bool) -> None:
    with _rig("ssc-2.0", pin="") as rig:
        run = Run(rig, psam=psam)
        run.load()
        run.terminal.balance()
        _nothing_found(rig)


def test_several_cards_one_after_the_other() -> None:
    with _rig("ssc-2.0") as rig:
        Run(rig)
        for profile in ("ssc-3.0", "ssc-1.0"):
            rig.readers[0].swap(rig.issue(profile))
            run = Run(rig)
            run.load()
            run.terminal.debit(run.info, f"12.50|10.00|{TIME}|")
        _nothing_found(rig)


def test_a_judge_that_finds_nothing_here_finds_the_terminal_that_leaves_out_the_first_call() -> None:
    with _rig("ssc-2.0") as rig:
        run = Run(rig, basic=False)
        run.terminal.read(run.info, "DF01EF05|$")
        assert {each.rule for each in judge(rig.trace)} == {"personal-data-unauthenticated"}
