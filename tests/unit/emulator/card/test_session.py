"""What power, reset and selections do to everything that a card remembers for a while.

Part 3, 5.3; Part 4, 7.5; Part 5, 6.5.1 and 6.11; Part 7, 5.8 and 6.6.
"""

from collections.abc import Callable
from typing import Final

import pytest

from cardfs.model.settings import ChallengeSettings, Settings, StateSettings
from emulator.card.apdu import Command
from emulator.card.session import Prepared, Session, TransactionState
from emulator.cards import Card
from emulator.commands.financial.debit.state import State as DebitState
from emulator.commands.psam.state import RunningMac
from emulator.commands.psam.state import State as PsamState
from keys.records import KeyRef
from tests.kit.card import AIDS, MF, PSE, SSSE, HandmadeBench

PIN = KeyRef(SSSE, "PIN")
UK = KeyRef(SSSE, "UK")
UK01 = KeyRef(f"{SSSE}/DF01", "UK01")

Event = Callable[[HandmadeBench], object]


def full() -> HandmadeBench:
    """A card in DF01 with everything set that a session holds."""
    bench = HandmadeBench()
    bench.verify()
    bench.prove(("UK",))
    assert bench.send(b"\x00\xa4\x04\x00\x06" + AIDS["DF01"]) == "610A"
    bench.prove(("UK01",))
    assert bench.ask("00A4020002EF05") == "9000"
    assert bench.ask("00B2020000")[-4:] == "9000"
    bench.challenge()
    assert bench.session == Session(
        f"{SSSE}/DF01", f"{SSSE}/DF01/EF05", 1, frozenset((PIN, UK, UK01)), bench.session.challenge
    )
    assert bench.session.challenge is not None
    return bench


@pytest.mark.parametrize("event", [Card.power_off, Card.power_on, Card.reset], ids=lambda each: each.__name__)
@pytest.mark.clause("Part 4, 7.5", "what is volatile ends with power")
def test_power_and_reset_leave_nothing_but_the_mf(event: Callable[[Card], None]) -> None:
    """Part 3, 5.3; Part 4, 7.5; Part 7, 5.8 and 6.6."""
    bench = full()
    cells = bench.cells()
    event(bench.card)
    assert bench.session == Session(MF)
    assert bench.cells() == cells


@pytest.mark.parametrize("event", [Card.power_off, Card.power_on, Card.reset], ids=lambda each: each.__name__)
def test_waiting_data_and_a_walk_end_with_power_and_reset(event: Callable[[Card], None]) -> None:
    bench = HandmadeBench()
    for p2 in (b"\x00", b"\x02"):
        assert bench.send(b"\x00\xa4\x04" + p2 + b"\x05" + AIDS["DF01"][:5]) == "610A"
    assert bench.session.pending
    assert bench.session.scan is not None
    event(bench.card)
    assert bench.session == Session(MF)
    assert bench.send("00C000000A") == "6F00"


# What survives: DF, EF, pointer, PIN, environment key, application key, challenge.
AFTER: Final[dict[str, tuple[str, str, str, bool, str]]] = {
    # command: DF afterwards, EF afterwards, proofs, challenge kept, clause
    "00A4000002DF01": (f"{SSSE}/DF01", "", "PIN UK UK01", True, "Part 5, 6.11.1: the same DF"),
    "00A4040006D15600000500": (f"{SSSE}/DF01", "", "PIN UK UK01", True, "Part 5, 6.11.1: the same DF"),
    "00A4020002EF05": (f"{SSSE}/DF01", "EF05", "PIN UK UK01", True, "an EF is no application"),
    "00A4020002EF06": (f"{SSSE}/DF01", "EF06", "PIN UK UK01", True, "an EF is no application"),
    "00A4000002DF02": (f"{SSSE}/DF02", "", "PIN UK", False, "Part 7, 6.6: another application"),
    "00A4040006D15600000501": (f"{SSSE}/DF02", "", "PIN UK", False, "Part 7, 6.6: another application"),
    "00A4000002DDF1": (SSSE, "", "PIN UK", False, "Part 7, 6.6: back to the environment"),
    "00A40000023F00": (MF, "", "PIN", False, "Part 4, 5.5: out of the environment"),
    "00A404000E315041592E5359532E4444463031": (PSE, "", "PIN", False, "Part 4, 5.5: another environment"),
    "00A4000002DF09": (f"{SSSE}/DF01", "EF05", "PIN UK UK01", True, "nothing is selected"),
    "00A4040006D15600000599": (f"{SSSE}/DF01", "EF05", "PIN UK UK01", True, "nothing is selected"),
}


@pytest.mark.parametrize("command", list(AFTER))
def test_a_selection_keeps_and_ends_what_the_standard_says(command: str) -> None:
    df, ef, proofs, challenge, clause = AFTER[command]
    bench = full()
    before = bench.session
    failed = bench.word(command) != "9000"
    after = bench.session
    assert after.df == df, clause
    assert after.ef == (f"{df}/{ef}" if ef else None), clause
    assert after.pointer == (1 if failed else None), clause
    assert {ref.name for ref in after.proofs} == set(proofs.split()), clause
    assert after.challenge == (before.challenge if challenge else None), clause


def test_rights_that_ended_do_not_come_back_with_the_application() -> None:
    """Part 7, 6.6."""
    bench = full()
    for fid in ("DF02", "DF01"):
        assert bench.word(f"00A4000002{fid}") == "9000"
    assert bench.session.proofs == {PIN, UK}
    for fid in ("3F00", "DDF1"):
        assert bench.word(f"00A4000002{fid}") == "9000"
    assert bench.session.proofs == {PIN}


def test_with_strict_rights_every_change_of_df_ends_those_of_keys() -> None:
    """Part 7, 6.6, to the letter."""
    bench = HandmadeBench(Settings(state=StateSettings(global_rights="strict")))
    bench.prove(("PIN", "UK"))
    assert bench.word("00A4000002DDF1") == "9000"
    assert bench.session.proofs == {PIN, UK}
    assert bench.word("00A4000002DF01") == "9000"
    assert bench.session.proofs == {PIN}


def test_the_pin_may_end_with_a_change_of_df_too() -> None:
    """Against Part 7, 5.8, for cards that do so."""
    bench = HandmadeBench(Settings(state=StateSettings(pin_scope="df-change")))
    bench.prove(("PIN", "UK"))
    assert bench.word("00A4000002DDF1") == "9000"
    assert bench.session.proofs == {PIN, UK}
    assert bench.word("00A4000002DF01") == "9000"
    assert bench.session.proofs == {UK}


# -- the challenge ---------------------------------------------------------------------------------

HARMLESS = {
    "READ RECORD": "00B2012C04",
    "READ BINARY": "00B0870004",
    "UPDATE RECORD": "00DC012C040102FFFF",
    "VERIFY": "0020000003739154",
    "a wrong PIN": "0020000003111111",
    "SELECT EF": "00A4020002EF05",
    "SELECT of the same DF": "00A4000002DDF1",
    "GET RESPONSE": "00C0000000",
    "a wrong Le": "00B2012C05",
    "no right": "00B2013404",
    "INTERNAL AUTHENTICATION": "0088000010" + "00" * 16,
    "wrong parameters": "00A4010000",
    "an unknown instruction": "0033000000",
}


@pytest.mark.parametrize("between", list(HARMLESS.values()), ids=list(HARMLESS))
def test_a_challenge_survives_what_does_not_use_it(between: str) -> None:
    """Part 5, 6.5.1: usable in the current application; readers read in between."""
    bench = HandmadeBench()
    command = bench.authentication("UK", 4)
    bench.send(between)
    assert bench.send(command) == "9000"


@pytest.mark.parametrize("between", list(HARMLESS.values()), ids=list(HARMLESS))
def test_any_command_ends_the_challenge_where_the_profile_says_so(between: str) -> None:
    bench = HandmadeBench(Settings(challenge=ChallengeSettings(survives="nothing")))
    command = bench.authentication("UK", 4)
    assert bench.send(command) == "9000"
    command = bench.authentication("UK", 4)
    bench.send(between)
    assert bench.send(command) == "6984"


@pytest.mark.parametrize("fid", ["3F00", "DF01", "DDF2"])
def test_a_challenge_ends_with_the_application(fid: str) -> None:
    """Part 5, 6.5.1."""
    bench = HandmadeBench()
    bench.challenge()
    assert bench.word(f"00A4000002{fid}") == "9000"
    assert bench.session.challenge is None


@pytest.mark.parametrize(("refused", "word"), [("0084000005", "6700"), ("0084010008", "6A86"), ("0084000100", "6A86")])
@pytest.mark.parametrize("keep", [False, True])
def test_a_challenge_that_is_refused_leaves_no_older_one(refused: str, word: str, keep: bool) -> None:
    """Part 5, table 15, 6984: what was asked for last did not come (setting `challenge.failure_consumes`)."""
    bench = HandmadeBench(Settings(challenge=ChallengeSettings(failure_consumes=not keep)))
    command = bench.authentication("UK", 4)
    assert bench.send(refused) == word
    assert bench.send(command) == ("9000" if keep else "6984")


@pytest.mark.parametrize(
    ("use", "word"),
    [
        ("0082000410" + "00" * 16, "63C2"),
        ("0082000E10" + "00" * 16, "6A88"),
        ("842400000400000000", "6982"),
        ("841600000400000000", "6982"),
        ("841E00010400000000", "6A88"),
    ],
)
def test_a_command_that_needs_a_challenge_uses_it_up_also_when_it_fails(use: str, word: str) -> None:
    """Part 5, 6.5.1: once."""
    bench = HandmadeBench()
    bench.challenge()
    assert bench.send(use) == word
    assert bench.session.challenge is None


def test_a_command_that_fails_leaves_the_session_but_for_the_challenge() -> None:
    """All or nothing."""
    bench = full()
    before = bench.session
    for apdu in ("00B2093400", "00DC093404" + "0102FFFF", "00B0870001", "00B2012400", "0088000110" + "00" * 16):
        assert bench.send(apdu)[:2] in ("6A", "69", "6C")
        assert bench.session == before, apdu
    assert bench.send("0082000E10" + "00" * 16) == "6A88"
    assert bench.session == before._replace(challenge=None)


def test_two_cards_share_nothing() -> None:
    one, other = full(), HandmadeBench()
    assert other.session._replace(scan=None) == Session(SSSE)
    other.lock_card()
    assert one.send("0084000008")[-4:] == "9000"


def test_a_misspelt_field_is_found_before_it_runs() -> None:
    """mypy, which also reports an ignored error that is none, refuses each of these lines; so does the session."""
    session = Session(SSSE)
    with pytest.raises(AttributeError):
        session._replace(chalenge=None)  # type: ignore[call-arg]
    with pytest.raises(AttributeError):
        session.chalenge = None  # type: ignore[attr-defined]
    with pytest.raises(AttributeError):
        Command(0, 0, 0, 0)._replace(lc=1)  # type: ignore[call-arg]
    with pytest.raises((ValueError, TypeError), match="regoin"):
        PsamState()._replace(regoin=1)  # type: ignore[call-arg]
    with pytest.raises(KeyError):
        DebitState({})._replace(natoinal=True)  # type: ignore[call-arg]


def test_a_state_of_no_command_set_is_refused_before_it_runs() -> None:
    """A session remembers states that say so: `Prepared` and `TransactionState`."""
    session = Session(SSSE)
    session._replace(trade=b"anything")  # type: ignore[arg-type]
    session._replace(state=DebitState({}), trade=None)
    session.trade = PsamState()  # type: ignore[assignment]
    assert isinstance(DebitState({}), TransactionState)
    assert isinstance(RunningMac(b""), Prepared)
