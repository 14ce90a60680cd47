"""Sources of random numbers that a test chooses."""

import pytest

from keys.generate import ScriptedRandom


def test_scripted_random_gives_the_chosen_values_then_those_of_another_source() -> None:
    source = ScriptedRandom(["0102", b"\x03"], then=lambda length: b"\xee" * length)
    assert [source(2), source(1), source(3)] == [b"\x01\x02", b"\x03", b"\xee\xee\xee"]
    with pytest.raises(ValueError, match="2 random bytes were asked for, and the next value has 1"):
        ScriptedRandom([b"\x01"])(2)
