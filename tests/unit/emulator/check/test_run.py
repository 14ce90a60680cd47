"""The run: harmless by default, recognised types, reports."""

import json
import random
from dataclasses import replace
from xml.etree import ElementTree

import pytest

import sscard
from cardfs.profile.loader import load_profile
from emulator.check.check import NEEDS, CheckError, Outcome
from emulator.check.checks import CHECKS
from emulator.check.run import run
from emulator.rig.catalogue.making import make
from emulator.terminal import TerminalError
from emulator.terminal.errors import NO_CARD
from tests.kit.mutant import PIN, ROOTS, Plan, Seen, card, checked
from tests.kit.mutants import MUTANTS

HARMLESS = {0xA4, 0xB0, 0xB2, 0x84, 0x88, 0xC0, 0x20, 0x82, 0x26, 0x28, 0x74, 0x50, 0x5A, 0x5C, 0xCA, 0xA8, 0xAE}
OTHER = replace(ROOTS, values={name: bytes(byte ^ 0x5A for byte in value) for name, value in ROOTS.values.items()})
OURS_AND_PIN = (NEEDS["financial-pin"][0], NEEDS["ours"][0])


def test_without_leave_nothing_is_written_and_no_try_is_spent() -> None:
    for profile in ("ssc-1.0", "ssc-2.0", "ssc-3.0", "psam", "pboc"):
        one = card(profile).fork()
        before = one.snapshot()
        sent: list[bytes] = []

        class Watched(sscard.InProcess):
            def transmit(self, command: bytes) -> bytes:
                sent.append(command)  # noqa: B023 - used within the round
                return super().transmit(command)

        report = run(Watched(one), roots=ROOTS, pin=PIN, psam=sscard.InProcess(card("psam").fork()))
        assert report.ok
        assert one.snapshot() == before
        for command in sent:
            if profile != "psam":
                assert command[1] in HARMLESS, command.hex()
            assert not (command[1] == 0x20 and len(command) > 5), "VERIFY with data"
            assert not (command[1] == 0xA8 and not any(command[2:4])), "GET PROCESSING OPTIONS, which counts"
            assert not (command[1] == 0x82 and command[3] != 0x7F), "EXTERNAL AUTHENTICATION with a key that is there"
        for outcome in report.outcomes:
            if "writes" in CHECKS[outcome.id].needs:
                assert outcome.result == "not tested"
                assert "--allow-writes" in outcome.why


def test_with_leave_a_card_is_as_before_but_for_its_account() -> None:
    one = card("ssc-2.0").fork()
    before = one.contents
    report = run(sscard.InProcess(one), roots=ROOTS, pin=PIN, allow_writes=True)
    assert report.ok
    after = one.contents
    changed = {path for path in before.contents if before.contents[path] != after.contents[path]}
    assert all("/DF04/" in path for path in changed), changed
    assert (after.tries, after.keys) == (before.tries, before.keys)
    assert {outcome.id for outcome in report.outcomes if "ours" in CHECKS[outcome.id].needs} == {
        outcome.id for outcome in report.outcomes if "virtual cards only" in outcome.why
    }


def test_other_root_keys_spend_no_try() -> None:
    one = card("ssc-2.0").fork()
    before = one.snapshot()
    report = run(sscard.InProcess(one), roots=OTHER, allow_writes=True, groups=["keys"])
    assert report.ok
    assert "the root keys are not those of this card: its IRK is another" in {each.why for each in report.outcomes}
    assert one.snapshot() == before


def test_another_pin_spends_one_try() -> None:
    one = card("ssc-2.0").fork()
    report = run(sscard.InProcess(one), roots=ROOTS, pin="999999", allow_writes=True)
    assert report.ok
    assert {tries for (ref, _), tries in one.contents.tries.items() if ref.name == "PIN"} == {2}
    reason = "VERIFY was refused with 63C2: is this the PIN of the card?"
    assert {each.why for each in report.outcomes if CHECKS[each.id].needs == {"writes", "pin"}} == {reason}


@pytest.mark.parametrize(
    "name",
    [
        "card-t1",
        "no-account",
        "balance-full",
        "irk-2",
        "df01-locked",
        "trade-key-2",
        "key-ukssse-locked",
        "region-33",
        "card-ssf33",
        "pin-none",
        "pin-shortest",
        "pin-locked",
        "card-3.0-3des",
        "key-rk1df01-locked",
        "financial",
        "purse-suspended",
        "purse-blocked",
        "financial-locked",
    ],
)
def test_what_a_card_may_be_is_no_failure(name: str) -> None:
    psam = sscard.InProcess(card("psam").fork())
    report = run(fork=make(name).fork, roots=ROOTS, pin=PIN, psam=psam)
    assert [(each.id, each.why) for each in report.failed] == []


def test_a_failure_stands_in_json_and_junit() -> None:
    report = checked(MUTANTS["no-current-file"])
    table = json.loads(report.json())
    assert table["counts"] == report.counts
    (failed,) = [each for each in table["checks"] if each["result"] == "failed"]
    assert (failed["id"], failed["command"], failed["answer"]) == ("no-current-file", "00B2010400", "6A82")
    suite = ElementTree.fromstring(report.junit())  # noqa: S314 - made here
    assert (suite.get("failures"), suite.get("tests")) == ("1", str(len(report.outcomes)))
    (failure,) = suite.iter("failure")
    assert failure.get("message") == failed["why"]
    assert len(list(suite.iter("skipped"))) == report.counts["not tested"]


@pytest.mark.parametrize("profile", ["ssc-1.0", "ssc-2.0", "ssc-3.0", "psam", "pboc"])
@pytest.mark.parametrize("seed", range(3))
def test_a_card_that_answers_nonsense_fails_and_ends_no_run(profile: str, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - the same each time

    def spoil(seen: Seen) -> bytes | None:
        drawn = chance.random()
        if drawn < 0.05:
            return chance.randbytes(chance.randrange(2, 40))
        return b"\x90\x00" if drawn < 0.1 else seen.answer[-3:] if drawn < 0.15 else None

    report = checked(Plan(spoil, profile=profile))
    assert not report.ok
    assert all(outcome.why for outcome in report.outcomes if outcome.result != "passed")


def test_what_cannot_be_checked_is_one_sentence() -> None:
    with pytest.raises(CheckError, match="there is no card to be checked"):
        run()
    with pytest.raises(CheckError, match=r"^no check of trades or psam is about a card of type pboc$"):
        run(fork=card("pboc").fork, groups=["psam", "trades"])
    blank = sscard.Card.blank()
    with pytest.raises(CheckError, match="not a social-security card"):
        run(fork=blank.fork)


def test_a_rig_checks_copies() -> None:
    seen: list[Outcome] = []
    with sscard.Rig(["demo", "psam"], seed="1") as rig:
        before = rig.card.snapshot()
        report = rig.check(progress=seen.append)
        assert rig.card.snapshot() == before
        assert tuple(seen) == report.outcomes
        assert report.ok
        module = rig.check(rig.readers[1])
        assert (module.profile, module.counts["failed"]) == ("psam", 0)


@pytest.mark.parametrize(
    ("kind", "there"), [("edep", {"purse"}), ("debit_credit", {"debit"}), ("both", {"purse", "debit"})]
)
def test_financial_applications_are_recognised(kind: str, there: set[str]) -> None:
    for whole in (card("pboc", settings={"financial": {"kind": kind}}), card("ssc-2.0", financial=kind)):
        report = run(sscard.InProcess(whole.fork()), groups=["financial", "purse", "debit"])
        assert report.ok
        assert {each.group for each in report.outcomes} == {"financial"} | there


def test_the_financial_applications_of_a_physical_card_have_a_pin_of_their_own() -> None:
    one = card("ssc-2.0", financial="both").fork()
    before = one.snapshot()
    report = run(sscard.InProcess(one), roots=ROOTS, pin=PIN, allow_writes=True, groups=["purse"])
    why = {each.why for each in report.outcomes if "financial-pin" in CHECKS[each.id].needs}
    assert why == {"needs the PIN of the financial applications: --financial-pin", "; ".join(OURS_AND_PIN)}
    assert one.snapshot() == before
    wrong = run(
        sscard.InProcess(one), roots=ROOTS, pin=PIN, financial_pin="999999", allow_writes=True, groups=["purse"]
    )
    assert wrong.ok
    assert {
        tries for (ref, _), tries in one.contents.tries.items() if ref.name == "PIN" and "DDF2/3F01" in ref.owner
    } == {2}


def test_other_root_keys_leave_a_purse_as_it_is() -> None:
    one = card("pboc").fork()
    before = one.snapshot()
    report = run(sscard.InProcess(one), roots=OTHER, pin=PIN, allow_writes=True, groups=["purse"])
    assert report.ok
    reason = "the root keys are not those of this card: no MAC1 of the purse comes from them"
    assert {each.why for each in report.outcomes if "roots" in CHECKS[each.id].needs} >= {reason}
    assert one.snapshot() == before


def test_a_purse_is_as_before_but_for_counters_and_log() -> None:
    one = card("pboc").fork()
    before = one.contents
    assert run(sscard.InProcess(one), roots=ROOTS, pin=PIN, allow_writes=True, groups=["purse"]).ok
    after = one.contents
    changed = {path for path in before.contents if before.contents[path] != after.contents[path]}
    assert changed == {"3F00/DDF2/3F01/0001", "3F00/DDF2/3F01/0002", "3F00/DDF2/3F01/0018"}
    assert (after.tries, after.keys) == (before.tries, before.keys)


def test_a_type_that_no_check_knows_is_refused() -> None:
    kind = replace(load_profile("pboc"), ids={"MF": "3F00"})
    with pytest.raises(CheckError, match="pboc has neither a social-security nor a financial environment"):
        run(fork=card("pboc").fork, profile=kind)


def test_a_purse_that_is_expected_and_not_there_fails() -> None:
    report = run(fork=card("ssc-2.0").fork, profile=load_profile("pboc"), groups=["financial", "purse"])
    assert [each.id for each in report.failed] == ["financial-select", "purse-select"]


def test_a_locked_card_is_named_with_its_answer() -> None:
    with pytest.raises(CheckError, match=r"or it is locked: SELECT of the environment answers 6A81; name --profile$"):
        run(fork=make("card-locked").fork)


@pytest.mark.parametrize("pins", [{"pin": "12"}, {"pin": "abcdef"}, {"pin": "1" * 17}, {"financial_pin": "1" * 13}])
def test_what_is_no_pin_is_refused_before_anything_is_sent(pins: dict[str, str]) -> None:
    with pytest.raises(CheckError, match=r"^the PIN.* has 4 to 1[26] digits$") as error:
        run(fork=lambda: pytest.fail("the card was asked"), **pins)  # type: ignore[arg-type]
    assert not any(value in str(error.value) for value in pins.values())


def test_a_card_that_goes_away_ends_the_checks_with_one_sentence() -> None:
    one = card("ssc-2.0").fork()
    left = iter(range(200))

    class Pulled(sscard.InProcess):
        def transmit(self, command: bytes) -> bytes:
            if next(left, None) is None:
                raise TerminalError("the reader lost the card: No smart card inserted", NO_CARD)
            return super().transmit(command)

    seen: list[Outcome] = []
    with pytest.raises(
        CheckError, match=r"^the card went away during the checks \(the reader lost the card: .*\): put it"
    ):
        run(Pulled(one), progress=seen.append)
    assert seen
    assert all(outcome.result != "failed" for outcome in seen)
