"""Faults as data: reading, refusing, writing down, and when they strike."""

import pytest

import sscard
from cardfs.memory.store import Cell
from emulator.rig.fault import Fault, FaultError
from emulator.rig.kinds import KINDS, Call, partial
from keys.errors import SscardError

LAYERS = {
    "memory": {"power-cut", "memory-failure", "partial-batch"},
    "card": {"status", "tries-left", "key-expired", "stuck-random", "wrong-mac"},
    "wire": {"delay", "truncate", "one-byte", "pad", "lost-answer", "pull", "garbage-atr"},
}


def test_the_table_has_every_kind_of_the_bench() -> None:
    assert {layer: {kind.name for kind in KINDS.values() if kind.layer == layer} for layer in LAYERS} == LAYERS
    for kind in KINDS.values():
        assert kind.text.endswith("."), kind.name
        assert kind.zh.endswith("。"), kind.name
        assert sum((kind.on_write is not None, kind.on_command is not None, kind.spoils_atr)) == 1


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('power-cut on="UPDATE RECORD" nth=1 moment=after', "power-cut on='UPDATE RECORD' moment=after"),
        ("pull on=00B2 nth=2 times=all back=1.5", "pull on=00B2 nth=2 times=all back=1.5"),
        ("pull back=never", "pull"),
        ("status sw=6581 file=DF04/EF05", "status file=DF04/EF05 sw=6581"),
        ("stuck-random times=2", "stuck-random times=2"),
        ("stuck-random times=all", "stuck-random"),
        ("garbage-atr atr=3B00", "garbage-atr atr=3B00"),
        ("delay seconds=0.25", "delay seconds=0.25"),
    ],
)
def test_a_fault_is_read_and_written_down(text: str, shown: str) -> None:
    fault = Fault.parse(text)
    assert str(fault) == shown
    assert str(Fault.parse(shown)) == shown


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("pwer-cut", "there is no fault 'pwer-cut'; did you mean 'power-cut'?"),
        ("", "there is no fault ''; there are: "),
        ("xyzzy", "there is no fault 'xyzzy'; there are: power-cut, memory-failure,"),
        ('power-cut on="UPDTE RECORD"', "no card has a command 'UPDTE RECORD'; did you mean 'UPDATE RECORD'?"),
        ("power-cut momnt=x", "fault power-cut has no parameter 'momnt'; did you mean 'moment'?"),
        ("power-cut moment=x", "fault power-cut: moment is 'x', but can be: before, after"),
        ("status", "fault status needs sw=…: 4 hex digits"),
        ("status sw=1", "fault status: sw is '1', but can be: 4 hex digits"),
        ("truncate bytes=0", "fault truncate: bytes is '0', but can be: 1 to 65536"),
        ("pull nth=0", "fault pull: nth is '0', but can be: 1 to 1000000"),
        ("pull times=never", "fault pull: times is 'never', but can be: 1 to 1000000, or all"),
        ("delay seconds=1e9", "fault delay: seconds is '1e9', but can be: 0 to 600"),
        ("delay 3", "delay: '3' is not of the form parameter=value"),
        ("delay seconds=1 seconds=2", "delay: seconds is given twice"),
        ('pull on="READ', "a quotation mark is missing"),
    ],
)
def test_what_is_no_fault_is_one_sentence(text: str, sentence: str) -> None:
    with pytest.raises(FaultError) as caught:
        Fault.parse(text)
    assert sentence in str(caught.value)
    assert isinstance(caught.value, SscardError)
    assert "\n" not in str(caught.value)


def call(command: str) -> Call:
    return Call(sscard.Card.issue()._core, bytes.fromhex(command))


@pytest.mark.parametrize(
    ("fault", "command", "means"),
    [
        ({}, "0084000008", True),
        ({"on": "get challenge"}, "0084000008", True),
        ({"on": "GET CHALLENGE"}, "00B2010400", False),
        ({"on": "0084"}, "0084000008", True),
        ({"on": "0084"}, "8084000008", False),
        ({"file": "MF"}, "0084000008", True),
        ({"file": "SSSE"}, "0084000008", False),
    ],
)
def test_a_selector_names_commands(fault: dict[str, str], command: str, means: bool) -> None:
    assert Fault("delay", **fault).means(call(command)) is means


def test_a_file_is_known_before_the_command_runs() -> None:
    card = sscard.Card.issue()
    sscard.exchange(card.transmit, bytes.fromhex("00A404000F7378312E73682EC9E7BBE1B1A3D5CF"))
    read = Call(card._core, bytes.fromhex("00B2012C12"))
    assert (read.name, read.file) == ("READ RECORD", "SSSE/EF05")
    assert Fault("delay", file="SSSE/EF05").means(read)
    assert Fault("delay", file="ssse").means(read)
    assert not Fault("delay", file="SSSE/EF06").means(read)
    assert Fault("delay", file="DF04").means(read, files=["DF04/EF08"])


def test_nth_and_times_count_from_the_first_that_is_meant() -> None:
    fault = Fault("delay", nth=2, times=2)
    assert [fault.strikes() for _ in range(5)] == [False, True, True, False, False]
    assert fault.seen == 5
    for_ever = Fault("delay", nth=3, times="all")
    assert [for_ever.strikes() for _ in range(5)] == [False, False, True, True, True]


def test_half_a_batch_is_half_of_its_cells_and_half_of_the_bytes_that_differ() -> None:
    now = {("contents", name): Cell("m", b"old " + name.encode()) for name in "abc"}
    new = {key: Cell("m", b"NEW!" + key[1].encode()) for key in now}
    one = partial(now, {("contents", "a"): new["contents", "a"]})
    assert one == {("contents", "a"): Cell("m", b"NEd a")}
    three = partial(now, dict(new))
    assert three == {("contents", "a"): new["contents", "a"], ("contents", "b"): Cell("m", b"NEd b")}
    two = partial(now, {key: new[key] for key in list(new)[:2]})
    assert two == {("contents", "a"): new["contents", "a"]}
    # What could not be read again by half stays old.
    assert partial(now, {("contents", "a"): Cell("other", b"NEW!a")}) == {}
    assert partial(now, {("contents", "x"): Cell("m", b"x")}) == {}
    assert partial(now, {("contents", "a"): None}) == {}
