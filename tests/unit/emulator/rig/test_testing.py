"""What a runner of tests asks of a rig; the plug-in's own tests have the rest, those in `tests/pcsc` PC/SC."""

from pathlib import Path

import pytest

from emulator.rig.testing import WISHES, Bench, Pool, TestingError, require_wishes


def test_wishes_are_known_by_their_names() -> None:
    require_wishes(WISHES)
    with pytest.raises(TestingError, match="the marker sscard has no 'reader'; did you mean 'readers'"):
        require_wishes(["pin", "reader"])


def test_a_bench_without_a_rig_has_nothing_to_say(tmp_path: Path) -> None:
    bench = Bench(Pool(print), {}, tmp_path)
    assert (bench.log(), bench.complaints(faults=True), bench.pin) == ("", [], "123456")
    bench.save(tmp_path / "trace")
    assert (tmp_path / "trace").read_text() == ""
    bench.close()


def test_a_rig_is_made_once(tmp_path: Path) -> None:
    bench = Bench(Pool(print), {"pin": 4711}, tmp_path)
    rig = bench.rig("process", ["card", "psam"])
    assert bench.rig("process", ["card"]) is rig
    assert [reader.card and reader.card.is_psam for reader in rig.readers] == [False, True]
    assert bench.kind(pcsc=True) == "pcsc"
    bench.close()
    assert [reader.card for reader in rig.readers] == [None, None]
