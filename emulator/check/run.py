"""`run`: goes through the checks with a card, and returns a report."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from os import PathLike
from typing import Any, Final, NamedTuple
from xml.etree import ElementTree

from cardfs.issuing.roots import Roots
from cardfs.model.codecs import PIN_MAX_DIGITS, PIN_MIN_DIGITS
from cardfs.profile.loader import Profile
from keys.cryptograms import PIN_DIGITS

from ..chinese.chinese import chinese
from ..terminal import Hsm, InProcess, TerminalError
from ..terminal.errors import NO_CARD, NO_READER, NOT_OPEN
from ..terminal.link import Reader
from . import debit, keys, purse
from .bench import Bench, Means, Ours
from .check import NEEDS, RESULTS, Check, CheckError, Failed, Need, NotTested, Outcome, Part
from .checks import Group, chosen
from .recognise import card_type, parts

GONE: Final = (NO_CARD, NO_READER, NOT_OPEN)


class Trial(NamedTuple):
    """What is tried once before the checks, so that a wrong PIN or wrong root keys cost one try at most.

    Attributes:
        part: of the card. ``need``: what is tried.
        needs: what must be there for it; if one was found of no use, it is not tried.
        run: raises `NotTested` or `Failed` if it is of no use with this card.
    """

    part: Part
    need: Need
    needs: frozenset[Any]
    run: Callable[[Bench], None]


TRIALS: Final = (
    Trial("social", "roots", frozenset(("roots",)), keys.require_roots),
    Trial("social", "pin", frozenset(("pin", "writes")), keys.require_pin),
    Trial("purse", "financial-pin", frozenset(("financial-pin", "writes")), purse.require_pin),
    Trial("purse", "roots", frozenset(("financial-pin", "writes", "roots")), purse.require_roots),
    Trial("debit", "financial-pin", frozenset(("financial-pin", "writes")), debit.require_pin),
    Trial("debit", "roots", frozenset(("writes", "roots")), debit.require_roots),
)
"""In this order."""


@dataclass(frozen=True, slots=True)
class Report:
    """What came out of the checks of a card.

    Attributes:
        card: reader or name of the card.
        profile: card type that it was taken for.
        outcomes: in the order of the table.
    """

    card: str
    profile: str
    outcomes: tuple[Outcome, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many passed, failed and were not tested."""
        counter = Counter(outcome.result for outcome in self.outcomes)
        return {result: counter[result] for result in RESULTS}

    @property
    def failed(self) -> tuple[Outcome, ...]:
        """The checks that failed."""
        return tuple(outcome for outcome in self.outcomes if outcome.result == "failed")

    @property
    def ok(self) -> bool:
        """Return whether nothing failed."""
        return not self.failed

    def json(self) -> str:
        """Return it as JSON: ``card``, ``profile``, ``counts``, ``checks``."""
        checks = [outcome.table() for outcome in self.outcomes]
        table = {"card": self.card, "profile": self.profile, "counts": self.counts, "checks": checks}
        return json.dumps(table, ensure_ascii=False, indent=2) + "\n"

    def junit(self) -> str:
        """Return it as JUnit XML, which CI systems read: one case for each check."""
        counts = self.counts
        suite = ElementTree.Element(
            "testsuite",
            name=f"sscard check {self.card}",
            tests=str(len(self.outcomes)),
            failures=str(counts["failed"]),
            skipped=str(counts["not tested"]),
            errors="0",
        )
        for outcome in self.outcomes:
            case = ElementTree.SubElement(suite, "testcase", classname=outcome.group, name=outcome.id)
            if outcome.result == "failed":
                made = ElementTree.SubElement(case, "failure", message=outcome.why)
                made.text = f"{outcome.clause}\n{outcome.command} -> {outcome.answer}"
            elif outcome.result == "not tested":
                ElementTree.SubElement(case, "skipped", message=outcome.why)
        return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def run(
    reader: Reader | None = None,
    *,
    fork: Callable[[], Ours] | None = None,
    name: str = "",
    psam: Reader | None = None,
    profile: str | PathLike[str] | Profile | None = None,
    roots: Roots | None = None,
    pin: str = "",
    financial_pin: str | None = None,
    allow_writes: bool = False,
    groups: Iterable[str] = (),
    progress: Callable[[Outcome], None] = lambda _: None,
) -> Report:
    """Check a card.

    Args:
        reader: where it is; any reader of `Terminal` will do.
        fork: for a virtual card in its place: returns a new one with the same memory. Every check gets one, the power
            can be cut, and writing is allowed.
        name: of the card, for the report.
        psam: the reader of a PSAM, for purchases.
        profile: type of card, a shipped name or a TOML file; recognised if left out.
        roots: root keys, from `load_roots`.
        pin: the PIN, 4 to 16 digits.
        financial_pin: the PIN of the financial applications, 4 to 12 digits. Left out it is ``pin``, unless the card is
            a physical one with a social-security environment, whose PIN is likely another one.
        allow_writes: whether checks that write, or may cost a try, are run on a card that is not virtual.
        groups: names of `GROUPS`; all if left out.
        progress: gets each outcome.

    Raises:
        CheckError: there is no such group, a PIN is none, the groups have no check for this card, it is of no known
            type, or it went away.
        InputError: there is no such profile.
        TerminalError: there is no card.
    """
    wanted = chosen(groups)
    _require_digits("PIN", pin, PIN_MAX_DIGITS)
    _require_digits("PIN of the financial applications", financial_pin or "", PIN_DIGITS[-1])
    if reader is None and fork is None:
        raise CheckError("there is no card to be checked")

    def place() -> Reader:
        return InProcess(fork(), name or "this process") if fork else reader  # type: ignore[return-value]

    kind = card_type(place(), profile)
    there = parts(kind)
    if not any(there & set(check.parts) for group in wanted for check in group.checks):
        raise CheckError(f"no check of {' or '.join(group.id for group in wanted)} is about a card of type {kind.name}")
    if financial_pin is None:
        financial_pin = pin if fork or "social" not in there else ""
    hsm = Hsm(roots) if roots is not None and "psam" not in there else None
    means = Means(hsm, psam, pin, financial_pin, fork)
    unmet = {
        need
        for need, met in (
            ("roots", hsm),
            ("psam", psam),
            ("pin", pin),
            ("financial-pin", financial_pin),
            ("writes", fork or allow_writes),
            ("ours", fork),
        )
        if not met
    }
    if hsm is not None and "social" in there:
        means = _identified(place(), kind, means)
    unfit: dict[tuple[Part, Need], str] = {}
    for trial in TRIALS:
        known = not trial.needs & unmet and not any((trial.part, need) in unfit for need in trial.needs)
        used = any(trial.part in each.parts and trial.need in each.needs for group in wanted for each in group.checks)
        if trial.part in there and used and known and (why := _of_no_use(trial, Bench(place(), kind, means))):
            unfit[trial.part, trial.need] = why
    outcomes = []
    for group in wanted:
        for check in group.checks:
            if there & set(check.parts):
                outcomes.append(_one(check, group, unmet, unfit, lambda: Bench(place(), kind, means)))
                progress(outcomes[-1])
    return Report(name or place().name, kind.name, tuple(outcomes))


def _require_digits(what: str, pin: str, most: int) -> None:
    if pin and not (pin.isascii() and pin.isdigit() and PIN_MIN_DIGITS <= len(pin) <= most):
        raise CheckError(f"the {what} has {PIN_MIN_DIGITS} to {most} digits")


def _identified(reader: Reader, kind: Profile, means: Means) -> Means:
    """Return the means with what keys of the social-security environment are derived from, if the card shows it."""
    bench = Bench(reader, kind, means)
    try:
        return replace(means, identity=bench.identify())
    except NotTested:
        return means
    finally:
        bench.close()


def _require_there(error: TerminalError, bench: Bench) -> None:
    """Raise `CheckError` if a card that is not virtual has gone away: that says nothing about it."""
    if error.code in GONE and bench.means.fork is None:
        raise CheckError(f"the card went away during the checks ({error}): put it back, and check it again")


def _of_no_use(trial: Trial, bench: Bench) -> str:
    """Return why what was given is of no use with this card, or nothing."""
    try:
        trial.run(bench)
    except (Failed, NotTested) as reason:
        return str(reason)
    except TerminalError as error:
        _require_there(error, bench)
        return str(error)
    finally:
        bench.close()
    return ""


def _one(
    check: Check,
    group: Group,
    unmet: set[Any],
    unfit: dict[tuple[Part, Need], str],
    make: Callable[[], Bench],
) -> Outcome:
    """Run one check."""

    def outcome(result: Any, why: str = "", command: str = "", answer: str = "", *, zh: str = "") -> Outcome:
        said = (result, why, zh or chinese(why), command, answer)
        return Outcome(check.id, group.id, check.title, check.zh, check.clause, *said)

    missing = [NEEDS[each] for each in NEEDS if each in check.needs & unmet]
    if missing:
        return outcome("not tested", "; ".join(why for why, _ in missing), zh="；".join(zh for _, zh in missing))
    for (part, need), why in unfit.items():
        if part in check.parts and need in check.needs:
            return outcome("not tested", why)
    bench = make()
    try:
        check.run(bench)
    except Failed as failure:
        return outcome("failed", str(failure), bench.command, bench.answer)
    except NotTested as reason:
        return outcome("not tested", str(reason))
    except TerminalError as error:
        _require_there(error, bench)
        return outcome("failed", str(error), bench.command, bench.answer)
    finally:
        bench.close()
    return outcome("passed")
