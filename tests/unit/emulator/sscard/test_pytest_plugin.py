"""The plug-in, in suites of other people: fixtures, marker, override points, reports; PC/SC is in `tests/pcsc`."""

import json
import sys
from pathlib import Path

import pytest

import sscard
from emulator.rig.rig import TRANSPORTS
from sscard import pytest_plugin
from tests.kit import child
from tests.kit.suite import Suite


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return Suite(tmp_path)


def test_the_fixtures_in_process(suite: Suite) -> None:
    suite.write(
        """
def test_each_test_has_a_fresh_card(card):
    assert card.transmit(SELECT)[0] == 0x61
    assert card.transmit(WRONG).hex() == "63c2"
    assert (card.last.reason, card.trace.refusals[-1].sw) == ("the PIN is wrong", "63C2")


def test_the_next_one_too(card):
    card.transmit(SELECT)
    assert card.transmit(WRONG).hex() == "63c2"
    assert len(card.trace.commands) == 2


def test_a_snapshot(card):
    before = card.snapshot()
    card.transmit(SELECT)
    card.transmit(WRONG)
    assert card.snapshot() != before
    card.restore(before)
    assert card.snapshot() == before


def test_a_fault(card):
    fault = card.fault("pull", on="GET CHALLENGE")
    with pytest.raises(sscard.TerminalError):
        card.transmit(CHALLENGE)
    assert (card.card, fault.fired) == (None, 1)
    card.insert()
    assert len(card.transmit(CHALLENGE)) == 10


def test_a_connection_of_pyscard(card):
    data, sw1, sw2 = card.connect().transmit(list(CHALLENGE))
    assert (len(data), sw1) == (8, 0x90)


def test_card_and_psam_are_in_one_rig(card, psam, rig):
    assert rig.readers == (card, psam)
    psam.transmit(CHALLENGE)
    assert (len(card.trace.commands), psam.trace.commands[-1].name, rig.trace.commands[-1].reader) == (
        0, "GET CHALLENGE", psam.name)


def test_a_card_alone_has_one_reader(card, request):
    assert len(request.getfixturevalue("rig").readers) == 1


def test_a_psam_that_comes_late(card, request):
    request.getfixturevalue("psam")


def test_the_terminal(terminal):
    assert terminal.read_basic().fields["name"] == "测试甲"
"""
    )
    result = suite.run()
    assert result.outcomes == {"failed": 1, "passed": 8}, result.output
    assert "no reader of the rig holds a PSAM" in result.output


def test_the_marker_and_its_errors(suite: Suite) -> None:
    sscard.Card.issue("ssc-3.0").save(suite.folder / "three.sscard")
    (suite.folder / "holder.toml").write_text('name = "测试乙"\n', encoding="utf-8")
    suite.write(
        """
pytestmark = pytest.mark.sscard(pin="4711", seed=1)
ATRS = set()


@pytest.mark.sscard(values={"name": "测试丙"}, region="330100", profile="ssc-2.0-sm4", clock="2026-03-01T09:30")
def test_what_the_card_is_like(terminal, rig):
    assert terminal.read_basic().fields["name"] == "测试丙"
    assert (rig.card.profile, rig.clock.today().isoformat(), rig.seed) == ("ssc-2.0-sm4", "2026-03-01", "1")


@pytest.mark.parametrize("again", [0, 1])
def test_a_seed(card, again):
    ATRS.add((card.atr, card.transmit(CHALLENGE)))
    assert len(ATRS) == 1
    assert card.transmit(SELECT)[0] == 0x61
    assert card.transmit(bytes.fromhex("00200000024711")).hex() == "9000"


@pytest.mark.sscard(readers=["demo", "empty", "three.sscard", "psam"], timing="contact-115200")
def test_readers(rig, card):
    assert [reader.card and reader.card.profile for reader in rig.readers] == ["ssc-2.0", None, "ssc-3.0", "psam"]
    assert card is rig.readers[0] and card.card.timing == "contact-115200"


@pytest.mark.sscard(card="three.sscard")
def test_an_image(card):
    assert card.card.profile == "ssc-3.0"


@pytest.mark.sscard(readers=3)
def test_empty_readers(rig):
    assert [reader.card for reader in rig.readers] == [None] * 3


@pytest.mark.sscard(holder={"name": "测试丁"}, financial="edep", settings={"pin": {"tries": 6}})
def test_a_holder(card):
    card.transmit(SELECT)
    assert card.transmit(WRONG).hex() == "63c5"


@pytest.mark.sscard(readers=["psam"])
def test_no_card(card):
    pass


@pytest.mark.sscard(pni="1")
def test_name(card):
    pass


@pytest.mark.sscard("4711")
def test_place(card):
    pass


@pytest.mark.sscard(transport="pc/sc")
def test_transport(card):
    pass


@pytest.mark.sscard(card="none.sscard")
def test_no_image(card):
    pass


@pytest.mark.sscard(readers=[7])
def test_no_source(rig):
    pass


@pytest.mark.sscard(region="33")
def test_region(card):
    pass
"""
    )
    before = (suite.folder / "three.sscard").read_bytes()
    result = suite.run()
    assert result.outcomes == {"passed": 7, "errors": 7}, result.output
    for sentence in (
        "no reader of the rig holds a user card",
        "the marker sscard has no 'pni'; did you mean 'pin'?",
        'the marker sscard takes names and values: sscard(pin="4711")',
        "there is no transport 'pc/sc'; there are: process, pcsc",
        "none.sscard: there is no such image file",
        "a reader holds 'demo', 'psam', 'empty', 'catalogue:ID' or an image file, not 7",
        "region",
    ):
        assert f"\n{sentence}" in result.output, sentence
    assert "Traceback" not in result.output
    assert ".py:" not in result.output.partition("short test summary")[0]
    assert (suite.folder / "three.sscard").read_bytes() == before


def test_a_test_card_of_the_catalogue(suite: Suite) -> None:
    suite.write(
        """
@pytest.mark.sscard(card="catalogue:pin-locked")
def test_a_state(terminal, card):
    with pytest.raises(sscard.TerminalError) as caught:
        terminal.verify_pin()
    assert (caught.value.code, card.card.profile) == (-52, "ssc-2.0")


@pytest.mark.sscard(card="catalogue:pin-longest")
def test_the_holder_types_its_pin(terminal):
    terminal.verify_pin()


@pytest.mark.sscard(readers=["catalogue:card-3.0", "catalogue:psam-no-rkssse"])
def test_two(rig):
    with pytest.raises(sscard.TerminalError) as caught:
        rig.terminal().read_basic()
    assert caught.value.code == -2203


@pytest.mark.sscard(card="catalogue:pulled-after-booking")
def test_a_fault_of_the_card_need_not_strike(card):
    assert len(card.card.faults) == 1
    card.transmit(CHALLENGE)


@pytest.mark.sscard(card="catalogue:pin-lockd")
def test_none(card):
    pass
"""
    )
    result = suite.run()
    assert result.outcomes == {"passed": 4, "error": 1}, result.output
    assert "did you mean catalogue:pin-locked?" in result.output


def test_what_a_suite_says_for_all_of_its_tests(suite: Suite) -> None:
    (suite.folder / "conftest.py").write_text(
        """
import pytest


@pytest.fixture(scope="session")
def sscard_profile():
    return "ssc-3.0"


@pytest.fixture(scope="session")
def sscard_holder():
    return {"name": "测试乙"}


@pytest.fixture(scope="session")
def sscard_settings():
    return {"pin": {"tries": 6}}


@pytest.fixture(scope="session")
def sscard_roots():
    import sscard
    return sscard.load_roots()
""",
        encoding="utf-8",
    )
    (suite.folder / "pytest.ini").write_text("[pytest]\nsscard_transport = process\n")
    suite.write(
        """
def test_card(card):
    assert card.card.profile == "ssc-3.0"
    card.transmit(SELECT)
    assert card.transmit(WRONG).hex() == "63c5"


@pytest.mark.sscard(profile="ssc-2.0")
def test_the_marker_counts_more(card):
    assert card.card.profile == "ssc-2.0"


def test_terminal(terminal):
    assert terminal.read_basic().fields["name"] == "测试乙"
"""
    )
    assert suite.run().outcomes == {"passed": 3}
    (suite.folder / "pytest.ini").write_text("[pytest]\nsscard_transport = pcs\n")
    result = suite.run()
    assert result.output == "ERROR: there is no transport 'pcs'; there are: process, pcsc\n\n"
    assert pytest_plugin.TRANSPORTS == TRANSPORTS


FAILING = """
def test_wrong(card, psam):
    card.transmit(SELECT)
    psam.transmit(CHALLENGE)
    assert card.transmit(WRONG).hex() == "9000"


def test_long(card):
    for _ in range(50):
        card.transmit(CHALLENGE)
    raise ValueError("long")


def test_never(card):
    card.fault("power-cut", on="UPDATE RECORD")


def test_seldom(card):
    card.fault("status", on="GET CHALLENGE", nth=2, sw="6581")
    card.transmit(CHALLENGE)


def test_failed_anyhow(card):
    card.fault("power-cut", on="UPDATE RECORD")
    raise ValueError("anyhow")


@pytest.mark.parametrize("name", ["a" + "x" * 150 + "a", "b" + "x" * 150 + "b"])
def test_of_long_name(card, name):
    pass


@pytest.mark.parametrize("name", ["x" * 180 + "1" + "x" * 90, "x" * 180 + "2" + "x" * 90])
def test_of_longer_name(card, name):
    pass


def test_skipped(card):
    card.fault("power-cut", on="UPDATE RECORD")
    pytest.skip("not today")


def test_bug(rig, monkeypatch):
    import emulator.card.engine

    def broken(*_):
        raise KeyError("x")

    monkeypatch.setattr(emulator.card.engine.Card, "_run", broken)
    rig.readers[0].transmit(SELECT)
    monkeypatch.undo()
    rig.readers[0].remove().transmit(SELECT)


@pytest.fixture
def prepared(card):
    card.transmit(SELECT)
    card.transmit(WRONG)
    raise ValueError("prepared")


def test_setup(prepared):
    pass
"""


@pytest.mark.parametrize("options", [(), ("-n", "2")], ids=["one process", "xdist"])
def test_what_a_failure_shows(suite: Suite, options: tuple[str, ...]) -> None:
    suite.write(FAILING)
    result = suite.run("--junit-xml=junit.xml", "-o", "junit_logging=log", "--sscard-trace", "traces", *options)
    assert result.outcomes == {"failed": 3, "passed": 7, "skipped": 1, "errors": 4}, result.output
    wrong = suite.junit()["test_wrong"]
    for text in (wrong, result.output):
        assert "  [sscard 1]\n" in text
        assert "> 0020000003******  < 63C2 verification failed, tries left: 2 (Part 5, table 5)" in text
        assert "              why: the PIN is wrong\n" in text
    assert "Captured log of the card call" in result.output
    assert suite.junit()["test_long"].count("GET CHALLENGE") == 40
    assert "why: the PIN is wrong" in suite.junit()["test_setup"]
    for sentence in (
        "the fault power-cut on='UPDATE RECORD' never struck: it met no command that it means; "
        "disarm it, or let it strike",
        "the fault status on='GET CHALLENGE' nth=2 sw=6581 never struck: it met 1 that it means, "
        "none of them the right one; disarm it, or let it strike",
        "a defect of the emulator, please report it: SELECT was answered 6F00 because of KeyError: 'x'",
    ):
        assert result.output.count(f"\n{sentence}\n") == 1, sentence
    traces = {each.name: each.read_text(encoding="utf-8") for each in (suite.folder / "traces").iterdir()}
    assert len(traces) == 12
    events = [json.loads(line) for line in traces["test_it.py-test_wrong.jsonl"].splitlines()]
    assert events[-1]["name"] if events[-1]["kind"] == "command" else events[-1]["kind"] == "power off"
    assert "999999" not in "".join(traces.values())


def test_what_costs_others_nothing(suite: Suite) -> None:
    """The plug-in loads no card, no reader and no PC/SC, and a package of somebody else's is no concern of it."""
    for name in ("emulator", "keys", "cardfs"):
        (suite.folder / name).mkdir()
        (suite.folder / name / "__init__.py").write_text("own = True\n")
    (suite.folder / "test_own.py").write_text(
        """
import os
import sys

import emulator
import keys


def test_own():
    assert emulator.own and keys.own
    assert not {"smartcard", "msgspec", "Crypto", "cryptography", "sqlite3"} & set(sys.modules)
    assert "PCSCLITE_CSOCK_NAME" not in os.environ


def test_card(card):
    pass
"""
    )
    result = suite.run("-p", "no:hypothesispytest")
    assert result.outcomes == {"passed": 1, "error": 1}, result.output
    assert "sscard needs its own package" in result.output
    script = "import sys; import sscard.pytest_plugin; print(*sys.modules)"
    loaded = set(child.run([sys.executable, "-c", script], env=child.unmeasured(), check=True).stdout.split())
    assert not {"emulator", "keys", "cardfs"} & loaded
