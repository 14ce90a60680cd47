"""The bench: commands, secrets that are not shown, what counts as failed and what as not tested."""

from dataclasses import replace

import pytest

import sscard
from cardfs.profile.loader import load_profile
from emulator.check.bench import Bench, Means
from emulator.check.check import Failed, NotTested
from tests.kit.mutant import ROOTS, card


def _bench(pin: str = "") -> Bench:
    return Bench(sscard.InProcess(card("ssc-2.0").fork()), load_profile("ssc-2.0"), Means(pin=pin))


def test_the_pin_is_not_shown() -> None:
    bench = _bench("123456")
    bench.enter("SSSE")
    bench.verify()
    assert bench.command == "0020000003******"
    assert "123456" not in repr(bench.means)


def test_a_wrong_word_has_failed_and_a_refusal_before_is_not_tested() -> None:
    bench = _bench()
    with pytest.raises(Failed, match=r"^reading: the card answered 6986, not 9000$"):
        bench.expect(bytes.fromhex("00B2010400"), "reading")
    assert (bench.command, bench.answer) == ("00B2010400", "6986")
    with pytest.raises(NotTested, match=r"^reading came before and was refused with 6986$"):
        bench.need(bytes.fromhex("00B2010400"), "reading")


def test_another_pin_is_no_failure_of_the_card() -> None:
    bench = _bench("999999")
    bench.enter("SSSE")
    with pytest.raises(NotTested, match=r"VERIFY was refused with 63C2: is this the PIN of the card?"):
        bench.verify()
    with pytest.raises(NotTested, match=r"ssc-2.0 has no DF09"):
        bench.enter("DF09")


def test_a_key_that_a_card_refuses_is_not_tried_again() -> None:
    other = replace(ROOTS, values={name: bytes(byte ^ 0x5A for byte in value) for name, value in ROOTS.values.items()})
    one = card("ssc-2.0").fork()
    profile = load_profile("ssc-2.0")
    means = Means(hsm=sscard.Hsm(other), identity=sscard.HsmCard("519900", one.atr[-13:]))
    plan = next(each for each in profile.keys if each.ref.name == "UKSSSE")
    for reason in ("was refused with 63C2", "was refused before, and no second try is spent"):
        bench = Bench(sscard.InProcess(one), profile, means)
        bench.enter("SSSE")
        with pytest.raises(NotTested, match=reason):
            bench.prove(plan.ref)
    assert {tries for (ref, version), tries in one.contents.tries.items() if (ref, version) == (plan.ref, 1)} == {2}


def test_a_file_is_found_by_what_it_is() -> None:
    bench = _bench()
    assert bench.file(lambda plan: plan.ef.fid == 0xEF07, "x")[0] == "SSSE"
    with pytest.raises(NotTested, match=r"^ssc-2.0 has no magic file$"):
        bench.file(lambda _: False, "magic file")
