"""`run`: goes through the checks with a card, and returns a report."""

import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from os import PathLike
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

from cardfs.issuing.roots import Roots
from cardfs.profile.loader import Profile, load_profile, shipped_profiles

from ..terminal import Hsm, InProcess, Settings, TerminalError
from ..terminal.card import UserCard
from ..terminal.link import Reader
from ..terminal.psam import recognise
from .bench import ALGORITHMS, Bench, Means, Ours
from .check import NEEDS, RESULTS, Check, CheckError, Failed, Need, NotTested, Outcome
from .checks import Group, chosen
from .keys import roots_fit

_UNFIT: Final = "the root keys are not those of this card: its IRK is another"


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
        allow_writes: whether checks that write, or may cost a try, are run on a card that is not virtual.
        groups: names of `GROUPS`; all if left out.
        progress: gets each outcome.

    Raises:
        CheckError: there is no such group, or the card is of no known type.
        InputError: there is no such profile.
        TerminalError: there is no card.
    """
    wanted = chosen(groups)
    if reader is None and fork is None:
        raise CheckError("there is no card to be checked")

    def place() -> Reader:
        return InProcess(fork(), name or "this process") if fork else reader  # type: ignore[return-value]

    kind = _profile(place(), profile)
    if not kind.is_psam and "SSSE" not in kind.ids:
        raise CheckError(
            f"{kind.name} has no social-security environment: the checks are for social-security cards and PSAMs"
        )
    hsm = Hsm(roots) if roots is not None and not kind.is_psam else None
    means = Means(hsm, psam, pin, fork)
    unmet = {
        need
        for need, there in (
            ("roots", hsm),
            ("psam", psam),
            ("pin", pin),
            ("writes", fork or allow_writes),
            ("ours", fork),
        )
        if not there
    }
    unfit: dict[Need, str] = {}
    if hsm is not None:
        means, unfit["roots"] = _identified(place(), kind, means)
    if not kind.is_psam and not unmet & {"pin", "writes"}:
        unfit["pin"] = _pin_refused(Bench(place(), kind, means))
    outcomes = []
    for group in wanted:
        for check in group.checks:
            if check.psam in (None, kind.is_psam):
                outcomes.append(_one(check, group, unmet, unfit, lambda: Bench(place(), kind, means)))
                progress(outcomes[-1])
    return Report(name or place().name, kind.name, tuple(outcomes))


def _identified(reader: Reader, kind: Profile, means: Means) -> tuple[Means, str]:
    """Return the means with what keys are derived from, and why root keys are of no use here, empty if they are."""
    bench = Bench(reader, kind, means)
    try:
        known = replace(means, identity=bench.identify())
    except NotTested as reason:
        return means, str(reason)
    finally:
        bench.close()
    bench = Bench(reader, kind, known)
    try:
        return known, "" if roots_fit(bench) else _UNFIT
    finally:
        bench.close()


def _pin_refused(bench: Bench) -> str:
    """Verify the PIN once, so that a wrong one costs one try and no more; return why it is of no use, or nothing."""
    try:
        bench.enter("SSSE")
        bench.verify()
    except NotTested as reason:
        return str(reason)
    finally:
        bench.close()
    return ""


def _one(check: Check, group: Group, unmet: set[Any], unfit: dict[Need, str], make: Callable[[], Bench]) -> Outcome:
    """Run one check."""

    def outcome(result: Any, why: str = "", command: str = "", answer: str = "") -> Outcome:
        return Outcome(check.id, group.id, check.title, check.zh, check.clause, result, why, command, answer)

    missing = [each for each in NEEDS if each in check.needs & unmet]
    if missing:
        return outcome("not tested", "; ".join(NEEDS[each][0] for each in missing))
    for need, why in unfit.items():
        if why and need in check.needs:
            return outcome("not tested", why)
    bench = make()
    try:
        check.run(bench)
    except Failed as failure:
        return outcome("failed", str(failure), bench.command, bench.answer)
    except NotTested as reason:
        return outcome("not tested", str(reason))
    except TerminalError as error:
        return outcome("failed", f"the card gave no answer: {error}", bench.command, bench.answer)
    finally:
        bench.close()
    return outcome("passed")


def _profile(reader: Reader, given: str | PathLike[str] | Profile | None) -> Profile:
    """Return the card type that is given, else that which the card shows (terminal interface, 10)."""
    if isinstance(given, Profile):
        return given
    if given is not None:
        return load_profile(given if isinstance(given, str) else Path(given))
    connection = reader.open()
    try:
        kind = recognise(connection, Settings())
        if kind == "psam":
            return load_profile("psam")
        if kind != "user":
            raise CheckError("this is not a social-security card: it has no environment of that name; name --profile")
        return _of_user_card(UserCard(connection, Settings()))
    finally:
        connection.close()


def _of_user_card(card: UserCard) -> Profile:
    """Return the shipped card type of a user card, by its version and its algorithm."""
    try:
        data = card.begin()
    except TerminalError as error:
        raise CheckError(f"the type of this card is not recognised ({error}); name --profile") from None
    version = data.version[:3] or "1.0"
    fitting = [
        kind
        for kind in map(load_profile, shipped_profiles())
        if not kind.is_psam and "SSSE" in kind.ids and kind.specification[:3] == version
    ]
    exact = [kind for kind in fitting if ALGORITHMS[kind.suite] == data.algorithm]
    if not fitting:
        raise CheckError(f"no shipped card type has version {version}; name --profile")
    if exact:
        return exact[0]
    suites = {identifier: suite for suite, identifier in ALGORITHMS.items()}
    return replace(fitting[0], suite=suites.get(data.algorithm, fitting[0].suite))
