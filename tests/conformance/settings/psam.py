"""Settings of a security module (Part 9)."""

import json
from typing import Any

from tests.conformance.settings.registry import exercise
from tests.kit.psam import PsamBench


def module(name: str, value: Any, suite: str = "3DES") -> PsamBench:
    """A security module with one setting."""
    return PsamBench(suite, f"[settings.psam]\n{name} = {json.dumps(value)}\n")


@exercise("psam.sm4_fid", 0xDDF2, 0xDDF1, 0x3F02)
def _(value: int) -> None:
    """The FID is not published; as DDF1 it takes the place of the SSF33 environment."""
    bench = module("sm4_fid", value)
    for fid in (0xDDF2, 0xDDF1, 0x3F02):
        bench.select_environment()
        assert bench.word(f"00A4000002{fid:04X}") == ("9000" if fid == value else "6A82")
    bench.suite = "SM4"
    bench.select_environment()
    assert bench.card.session.df == f"3F00/{value:04X}"


@exercise("psam.mac_answer", "block", "mac4")
def _(value: str) -> None:
    for suite in ("3DES", "SM4"):
        bench = module("mac_answer", value, suite)
        assert bench.deliver(0x28, 0x12, b"12345678") == "9000"
        block = 8 if suite == "3DES" else 16
        assert len(bench.cipher(0x05, bytes(2 * block))) == 2 * (block if value == "block" else 4) + 4


@exercise("psam.session_key_lifetime", "per_kind", "single", "until_next_delivery")
def _(value: str) -> None:
    """Part 9, 9.8.2; any order of commands is in the tests of the states."""
    bench = module("session_key_lifetime", value)
    assert bench.deliver(0x28, 0x12, b"12345678") == "9000"
    answers = [bench.cipher(p1, bytes(16))[-4:] for p1 in (0x00, 0x05, 0x00)]
    ends = {"per_kind": "9000 9000 6901", "single": "9000 6901 6901", "until_next_delivery": "9000 9000 9000"}
    assert " ".join(answers) == ends[value]


@exercise("psam.sequence_step", "init", "credit")
def _(value: str) -> None:
    """Losses of power are in the tests of power cuts."""
    bench = module("sequence_step", value)
    assert [bench.ask(bench.init_sam())[:8] for _ in range(2)] == [
        "00000001",
        "00000002" if value == "init" else "00000001",
    ]


@exercise("psam.mac2_error", "9302", "63CF")
def _(value: str) -> None:
    """Part 9, table 31 against 9.10.1."""
    bench = module("mac2_error", value)
    assert bench.word(bench.init_sam()) == "9000"
    assert bench.send("807200000400000000") == value
    assert bench.send("807200000400000000") == "6901"


@exercise("psam.level_error_init_sam", "6700", "6A80")
def _(value: str) -> None:
    bench = module("level_error_init_sam", value)
    assert bench.send(bench.init_sam(levels=3)) == value


@exercise("psam.check_algorithm_byte", False, True)
def _(value: bool) -> None:
    for suite in ("3DES", "SM4"):
        bench = module("check_algorithm_byte", value, suite)
        assert bench.word(bench.init_sam(algorithm=0x01)) == ("6A88" if value else "9000")
        assert bench.word(bench.init_sam()) == "9000"


@exercise("psam.auth_error", "63Cx", "6982")
def _(value: str) -> None:
    bench = module("auth_error", value)
    words = [bench.send(bench.authentication(1, wrong=True)) for _ in range(3)]
    assert words == (["63C2", "63C1", "63C0"] if value == "63Cx" else ["6982"] * 3)
    assert bench.send(bench.authentication(1)) == "6983"


@exercise("psam.init_environment", "remember", "ignore")
def _(value: str) -> None:
    bench = module("init_environment", value)
    assert bench.send("BFEC00000151") == "9000"
    assert getattr(bench.card.session.state, "region", None) == (0x51 if value == "remember" else None)
    assert bench.send("BFEC0000015A") == ("6A80" if value == "remember" else "9000")


@exercise("psam.root_level", "third", "second")
def _(value: str) -> None:
    """Part 9, appendix B, note **; every key is in the tests of the module."""
    bench = module("root_level", value)
    assert bench.deliver(0x28, 0x12, b"12345678") == ("9000" if value == "third" else "6A88")
    assert bench.deliver(0x48, 0x12, b"12345678") == ("9000" if value == "second" else "6A88")


@exercise("psam.stk_type", "08", "06")
def _(value: str) -> None:
    bench = module("stk_type", value)
    assert bench.deliver(0x28, 0x09, b"12345678") == ("9000" if value == "08" else "6A88")
    assert bench.deliver(0x26, 0x09, b"12345678") == ("9000" if value == "06" else "6A88")
    assert bench.deliver(int(f"2{value[1]}", 16), 0x09, b"12345678") == "9000"
    assert bench.cipher(0x00, bytes(8))[-4:] == ("9000" if value == "08" else "6985")
