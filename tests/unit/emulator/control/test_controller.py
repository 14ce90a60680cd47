"""What can be done with a rig, without HTTP: every operation on readers of this process."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import sscard
from emulator.control import controller as module
from emulator.control.controller import Controller
from emulator.control.errors import ControlError

CHALLENGE = "0084000008"
SELECT = "00A404000F7378312E73682EC9E7BBE1B1A3D5CF"
WRONG = "0020000003999999"


@pytest.fixture
def rig() -> Iterator[sscard.Rig]:
    with sscard.Rig(["demo", "psam", "empty"], seed="1", clock="2026-03-01") as made:
        yield made


@pytest.fixture
def control(rig: sscard.Rig, tmp_path: Path) -> Controller:
    rig.issue("ssc-3.0").save(tmp_path / "mine.sscard")
    return Controller(rig, tmp_path)


def refused(call: Callable[..., object], *arguments: Any, **options: Any) -> tuple[int, str]:
    """Status and sentence of a refusal."""
    with pytest.raises(ControlError) as caught:
        call(*arguments, **options)
    return caught.value.status, str(caught.value)


def tries(control: Controller, place: int = 0) -> int:
    """Tries that the PIN has left."""
    tables = control.card(place)["directories"]
    (found,) = [key["tries"] for df in tables for key in df["keys"] if key["name"] == "PIN"]
    return int(found)


def test_readers_show_what_is_in_them(control: Controller, rig: sscard.Rig) -> None:
    first, second, third = control.readers()
    assert first == control.reader(0)
    assert first["name"] == "sscard 0"
    assert first["card"] == {"profile": "ssc-2.0", "atr": rig.card.atr.hex().upper(), "psam": False, "timing": "none"}
    assert second["card"]["psam"] is True
    assert (third["card"], third["faults"]) == (None, [])
    assert refused(control.reader, 3) == (404, "there is no reader 3; there are 0 to 2")


def test_a_card_that_was_pulled_out_is_put_back(control: Controller, rig: sscard.Rig) -> None:
    control.transmit(0, SELECT)
    control.transmit(0, WRONG)
    card = rig.card
    assert control.remove(0)["card"] is None
    assert refused(control.remove, 0) == (409, "reader 0 is empty")
    assert refused(control.card, 0) == (409, "reader 0 is empty")
    assert control.insert(0)["card"]["atr"] == card.atr.hex().upper()
    assert rig.card is card
    assert tries(control) == 2
    assert refused(control.insert, 0) == (409, "reader 0 holds a card already: remove it first, or swap")


def test_an_empty_reader_gets_a_new_card(control: Controller, rig: sscard.Rig) -> None:
    assert control.insert(2)["card"]["profile"] == "ssc-2.0"
    control.remove(2)
    assert control.insert(2, profile="ssc-1.0", pin="4711")["card"]["profile"] == "ssc-1.0"
    assert control.swap(2, "psam")["card"]["psam"] is True
    assert control.swap(2)["card"]["profile"] == "ssc-2.0"
    shown = control.swap(2, values={"name": "测试丙"}, region="440300", settings={"pin": {"tries": 6}})
    assert shown["card"] is not None
    assert tries(control, 2) == 6
    with pytest.raises(sscard.SscardError, match="nosuch"):
        control.swap(2, profile="nosuch")
    assert tries(control, 2) == 6, "the card stays where another one is refused"


def test_an_image_is_found_in_the_folder_and_can_come_again(
    control: Controller, rig: sscard.Rig, tmp_path: Path
) -> None:
    assert control.insert(2, "mine.sscard")["card"]["profile"] == "ssc-3.0"
    control.remove(2)
    assert control.insert(2, "mine.sscard")["card"]["profile"] == "ssc-3.0"
    control.remove(2)
    control.swap(0, str(tmp_path / "mine.sscard"))
    assert rig.readers[0].card is not None
    with pytest.raises(sscard.SscardError, match="in 'sscard 0' already"):
        control.swap(2, "mine.sscard")
    control.swap(0)
    sscard.Card.open(tmp_path / "mine.sscard").close()  # nobody uses it any more


def test_an_image_that_is_refused_is_in_use_by_nobody(control: Controller, tmp_path: Path) -> None:
    assert refused(control.insert, 0, "mine.sscard")[0] == 409
    sscard.Card.open(tmp_path / "mine.sscard").close()


def test_what_is_no_image_is_refused_with_the_nearest_name(control: Controller) -> None:
    assert refused(control.insert, 2, "mein.sscard") == (
        404,
        "mein.sscard: there is no such image file; did you mean 'mine.sscard'?",
    )
    hint = "; a new card is 'demo', a new PSAM 'psam', a test card 'catalogue:ID'"
    assert refused(control.insert, 2, "nix") == (404, f"nix: there is no such image file{hint}")
    assert refused(control.insert, 2, "a\0b")[0] == 404
    assert refused(control.insert, 2, "a" * 5000)[0] == 404
    assert refused(control.insert, 2, ".")[0] == 404
    assert refused(control.insert, 2, "mine.sscard", pin="1") == (
        400,
        "pin: only a new card takes this, and mine.sscard is an image file",
    )


def test_a_card_is_asked_and_reset(control: Controller) -> None:
    assert control.transmit(0, SELECT)["sw"].startswith("61")
    assert control.transmit(0, "00 20 00 00 03 12 34 56") == {"answer": "", "sw": "9000"}
    assert control.card(0)["session"]["proven"]
    assert control.reset_card(0)["card"]
    assert control.card(0)["session"]["proven"] == []
    assert refused(control.reset_card, 2) == (409, "reader 2 is empty")
    for apdu in ("xy", "008"):
        assert refused(control.transmit, 0, apdu) == (400, "apdu: it must be hexadecimal")
    for apdu, length in (("", 0), ("01", 1), ("0084", 2), ("00" * 65536, 65536)):
        assert refused(control.transmit, 0, apdu) == (400, f"apdu: a command has 4 to 65535 bytes, not {length}")
    assert refused(control.transmit, 2, CHALLENGE) == (409, "reader 2 is empty")


def test_timings(control: Controller) -> None:
    names = [each["name"] for each in control.timings()]
    assert "contact-9600" in names
    assert names[-1] == "none"
    assert control.timing(0, "contact-9600")["card"]["timing"] == "contact-9600"
    with pytest.raises(sscard.SscardError, match="contactless-106"):
        control.timing(0, "slow")
    assert refused(control.timing, 2, "none") == (409, "reader 2 is empty")


def test_snapshots_are_of_one_card(control: Controller) -> None:
    number = control.snapshot(0)["snapshot"]
    assert control.snapshots(0) == [number]
    control.transmit(0, SELECT)
    control.transmit(0, WRONG)
    assert tries(control) == 2
    control.restore(0, number)
    assert tries(control) == 3
    missing = f"reader 0 has no snapshot 99; there are: {number}"
    assert refused(control.restore, 0, 99) == (404, missing)
    control.remove(0)
    control.insert(0)
    assert control.snapshots(0) == [number]
    control.swap(0)
    assert control.snapshots(0) == []
    assert refused(control.restore, 0, number) == (404, f"reader 0 has no snapshot {number}")
    assert refused(control.snapshot, 2) == (409, "reader 2 is empty")


def test_faults_are_armed_counted_and_taken_away(control: Controller) -> None:
    first = control.arm(0, "status", on="GET CHALLENGE", sw="6581", times=2)
    assert first | {"text": ""} == {"fault": first["fault"], "name": "status", "text": "", "fired": 0}
    assert control.transmit(0, CHALLENGE)["sw"] == "6581"
    second = control.arm(0, "truncate")
    assert [each["fired"] for each in control.faults(0)] == [1, 0]
    assert refused(control.disarm, 0, 77) == (
        404,
        f"reader 0 has no fault 77; there are: {first['fault']}, {second['fault']}",
    )
    assert [each["fault"] for each in control.disarm(0, first["fault"])] == [second["fault"]]
    assert control.disarm_all(0) == control.faults(0) == control.faults(2) == control.disarm_all(2) == []
    assert control.transmit(0, CHALLENGE)["sw"] == "9000"
    assert refused(control.arm, 2, "pull") == (409, "reader 2 is empty")
    assert refused(control.disarm, 2, 1) == (404, "reader 2 has no fault 1")


@pytest.mark.parametrize(
    ("name", "chosen", "sentence"),
    [
        ("pul", {}, "did you mean 'pull'"),
        ("status", {}, "needs sw="),
        ("pull", {"self": 1}, "no parameter 'self'"),
        ("pull", {"place": 1}, "no parameter 'place'"),
        ("pull", {"on": 5}, "on is '5'"),
        ("pull", {"file": ["DF04"]}, "file is"),
        ("pull", {"file": ""}, "file is"),
        ("pull", {"nth": "many"}, "nth is 'many'"),
        ("pull", {"nth": True}, "nth is 'True'"),
        ("pull", {"nth": 1.5}, "nth is '1.5'"),
        ("pull", {"moment": {}}, "moment is"),
        ("delay", {"seconds": None}, "seconds is"),
        ("delay", {"seconds": 1e9}, "seconds is"),
        ("one-byte", {"value": [1, 2]}, "value is"),
        ("key-expired", {"key": "nosuch"}, "no key 'nosuch'"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    control: Controller, name: str, chosen: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(sscard.SscardError) as caught:
        control.arm(0, name, **chosen)
    assert sentence in str(caught.value)
    assert control.faults(0) == []


def test_faults_of_others_are_seen_too(rig: sscard.Rig) -> None:
    early = rig.card.fault("truncate")
    control = Controller(rig)
    late = rig.card.fault("delay", seconds=0)
    shown = control.faults(0)
    assert [each["name"] for each in shown] == ["truncate", "delay"]
    assert control.faults(0) == shown, "a fault keeps its number"
    control.disarm(0, shown[0]["fault"])
    assert rig.card.faults == (late,)
    assert early not in rig.card.faults


def test_kinds_name_parameters_and_selector(control: Controller) -> None:
    kinds = {each["name"]: each for each in control.kinds()}
    assert kinds["pull"]["selector"] == ["on", "file", "nth", "times"]
    assert kinds["garbage-atr"]["selector"] == []
    assert [each["name"] for each in kinds["pull"]["parameters"]] == ["moment", "back"]


def test_a_card_that_a_fault_has_pulled_out_is_out(control: Controller) -> None:
    control.arm(0, "pull", on="GET CHALLENGE")
    with pytest.raises(sscard.TerminalError):
        control.transmit(0, CHALLENGE)
    shown = control.reader(0)
    assert (shown["card"], [each["fired"] for each in shown["faults"]]) == (None, [1])
    assert refused(control.remove, 0) == (409, "reader 0 is empty")
    assert control.insert(0)["card"] is not None
    assert control.transmit(0, CHALLENGE)["sw"] == "9000"
    kinds = [event.kind for event in control.rig.trace if event.kind in ("removed", "inserted", "fault")]
    assert kinds == ["inserted", "inserted", "fault", "removed", "inserted"]


def test_a_card_that_comes_back_by_itself_is_said_to_be_ready(control: Controller) -> None:
    control.arm(0, "pull", on="GET CHALLENGE", back=0.05)
    with pytest.raises(sscard.TerminalError):
        control.transmit(0, CHALLENGE)
    assert control.reader(0)["card"] is None
    time.sleep(0.06)
    assert control.transmit(0, CHALLENGE)["sw"] == "9000"
    kinds = [event.kind for event in control.rig.trace if event.kind in ("removed", "inserted", "fault")]
    assert kinds[2:] == ["fault", "removed", "inserted"]


def test_reset_puts_everything_back(control: Controller, rig: sscard.Rig, tmp_path: Path) -> None:
    first, module_card = rig.card, rig.psam
    control.transmit(0, SELECT)
    control.transmit(0, WRONG)
    control.arm(0, "truncate")
    control.timing(0, "contact-115200")
    control.swap(0, "mine.sscard")
    control.remove(1)
    control.insert(2)
    shown = control.reset()
    assert shown == control.readers()
    assert [reader.card for reader in rig.readers] == [first, module_card, None]
    assert (control.faults(0), first.faults, first.timing, tries(control)) == ([], (), "none", 3)
    assert control.transmit(0, CHALLENGE)["sw"] == "9000"
    sscard.Card.open(tmp_path / "mine.sscard").close()
    assert control.reset() == shown


def test_reset_finds_cards_that_have_changed_their_readers(tmp_path: Path) -> None:
    for name in ("a", "b"):
        sscard.Card.issue().save(tmp_path / f"{name}.sscard")
    with sscard.Rig([tmp_path / "a.sscard", tmp_path / "b.sscard"]) as rig:
        control = Controller(rig, tmp_path)
        before = [reader.card for reader in rig.readers]
        control.remove(0)
        control.remove(1)
        control.insert(1, "a.sscard")
        control.insert(0, "b.sscard")
        assert [reader.card for reader in rig.readers] == before[::-1]
        control.reset()
        assert [reader.card for reader in rig.readers] == before


def insertions(rig: sscard.Rig) -> int:
    """How often clients have seen a card come."""
    return [event.kind for event in rig.trace].count("inserted")


@pytest.mark.parametrize("way", ["reset", "disarm", "disarm_all"])
def test_a_spoiled_answer_to_reset_goes_with_its_fault(control: Controller, rig: sscard.Rig, way: str) -> None:
    fault = control.arm(0, "garbage-atr")["fault"]
    control.reset_card(0)
    before = insertions(rig)
    arguments = {"reset": (), "disarm": (0, fault), "disarm_all": (0,)}[way]
    getattr(control, way)(*arguments)
    assert insertions(rig) == before + 1, "clients keep what they were told until the card goes"
    control.reset()
    assert insertions(rig) == before + 1, "nothing is wrong any more"


def test_a_memory_with_another_answer_to_reset_is_seen(control: Controller, rig: sscard.Rig) -> None:
    number = control.snapshot(0)["snapshot"]
    rig.card.restore(sscard.Card.issue(seed="other").snapshot())
    control.reset_card(0)
    control.timing(0, "contact-115200")
    before = insertions(rig)
    assert control.restore(0, number)["card"]["timing"] == "contact-115200"
    assert insertions(rig) == before + 1
    control.restore(0, number)
    assert insertions(rig) == before + 1


# -- several at once -------------------------------------------------------------------------------------


def test_a_card_can_be_pulled_out_while_its_answer_is_late(control: Controller) -> None:
    control.arm(0, "delay", seconds=60, on="GET CHALLENGE")
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(control.transmit, 0, CHALLENGE)
        while not control.rig.card.faults[0].seen:
            time.sleep(0.005)
        time.sleep(0.05)
        began = time.monotonic()
        assert control.remove(0)["card"] is None
        assert time.monotonic() - began < 5
        with pytest.raises(sscard.TerminalError):
            sent.result(10)


def test_a_late_answer_comes_at_once_when_its_fault_is_disarmed(control: Controller) -> None:
    control.arm(0, "delay", seconds=60, on="GET CHALLENGE")
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(control.transmit, 0, CHALLENGE)
        while not control.rig.card.faults[0].seen:
            time.sleep(0.005)
        time.sleep(0.05)
        control.disarm_all(0)
        assert sent.result(10)["sw"] == "9000"


def test_what_would_wait_too_long_is_refused(control: Controller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    monkeypatch.setattr(module, "STILL", 0.1)
    control.arm(0, "delay", seconds=60, on="GET CHALLENGE")
    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(control.transmit, 0, CHALLENGE)
        while not control.rig.card.faults[0].seen:
            time.sleep(0.005)
        assert refused(control.transmit, 0, CHALLENGE) == (409, "reader 0 is busy with another command")
        with pytest.raises(sscard.SscardError, match=r"'sscard 0' is busy: its card has worked on a command for 0.1 s"):
            control.snapshot(0)
        assert control.readers()[0]["card"], "who looks only does not wait"
        control.disarm_all(0)
        assert sent.result(10)["sw"] == "9000"
    with control._changing(0):
        assert refused(control.remove, 0) == (409, "reader 0 is busy with another request")


def test_requests_at_the_same_time_do_not_disturb_each_other(control: Controller) -> None:
    """Commands, looks, snapshots, faults and removals in eight threads: all refusals are sentences."""
    stop, errors = threading.Event(), []
    number = control.snapshot(0)["snapshot"]

    def again(call: Callable[[], object]) -> None:
        while not stop.is_set():
            try:
                call()
            except sscard.SscardError:
                pass
            except Exception as error:  # what the test is for
                errors.append(error)
                return

    def arm_and_disarm() -> None:
        control.disarm(0, control.arm(0, "delay", seconds=0)["fault"])

    def out_and_in() -> None:
        control.remove(0)
        control.insert(0)

    calls: list[Callable[[], object]] = [
        lambda: control.transmit(0, SELECT),
        lambda: control.transmit(0, WRONG),
        lambda: control.card(0),
        lambda: control.snapshot(0),
        lambda: control.restore(0, number),
        control.readers,
        arm_and_disarm,
        out_and_in,
    ]
    threads = [threading.Thread(target=again, args=(call,), daemon=True) for call in calls]
    for each in threads:
        each.start()
    time.sleep(2)
    stop.set()
    for each in threads:
        each.join(20)
        assert not each.is_alive()
    assert errors == []
    control.reset()
    assert tries(control) == 3
    assert control.transmit(0, CHALLENGE)["sw"] == "9000"


def test_a_test_card_of_the_catalogue_is_put_in_and_comes_back_with_its_faults(control: Controller) -> None:
    control.remove(0)
    control.insert(0, "catalogue:pin-locked")
    assert tries(control) == 0
    with pytest.raises(sscard.InputError, match="did you mean catalogue:pin-locked"):
        control.insert(2, "catalogue:pin-lockd")
    assert refused(control.insert, 2, "catalogue:pin-none", pin="4711") == (
        400,
        "pin: only a new card takes this, and catalogue:pin-none is a test card",
    )
    with sscard.Rig(["catalogue:pulled-while-reading", "psam"]) as rig:
        other = Controller(rig)
        (fault,) = other.faults(0)
        assert fault["text"] == "pull on='READ RECORD' nth=5 back=0"
        other.disarm(0, fault["fault"])
        assert other.faults(0) == []
        other.reset()
        assert [each["text"] for each in other.faults(0)] == [fault["text"]]


def test_the_catalogue_is_listed(control: Controller) -> None:
    found = {each["id"]: each for each in control.cards()}
    assert len(found) > 200
    assert (found["pin-locked"]["zh"], found["pin-locked"]["codes"], found["psam"]["psam"]) == (
        "PIN 已锁定",
        [-52, 0],
        True,
    )
