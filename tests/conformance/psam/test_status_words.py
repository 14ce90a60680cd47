"""Every status word of every command of a security module (Part 9, tables 12 to 31), and of no other."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from emulator.card.row import COMMON, Row
from emulator.commands.psam.rows import PSAM_ROWS
from tests.kit.card import contents, long_answer, roots
from tests.kit.psam import (
    APPLICATION,
    CHANGE_PLAIN,
    ENVIRONMENT,
    NEW_PLAIN,
    PsamBench,
    mac2,
    psam_key,
    spoil_mac,
    with_sequence,
)
from tests.kit.reference import Reference

Scenario = Callable[[PsamBench], str]
SCENARIOS: Final[dict[tuple[str, int], Scenario]] = {}
SETTINGS: Final[dict[tuple[str, int], str]] = {}
SELECT, READ_RECORD, READ_BINARY = "SELECT", "READ RECORD", "READ BINARY"
UPDATE_RECORD, UPDATE_BINARY, CHALLENGE = "UPDATE RECORD", "UPDATE BINARY", "GET CHALLENGE"
ENVIRONMENT_INIT, EXTERNAL = "INITIALIZE ENVIRONMENT", "EXTERNAL AUTHENTICATION"
CREATE, CHANGE, DELIVERY = "CREATE KEY", "CHANGE KEY", "DELIVERY SESSION KEY"
CIPHER, INIT, CREDIT, RESPONSE = "CIPHER DATA", "INIT SAM FOR PURCHASE", "CREDIT SAM FOR PURCHASE", "GET RESPONSE"


def scenario(name: str, word: int, overrides: str = "") -> Callable[[Scenario], Scenario]:
    def note(function: Scenario) -> Scenario:
        assert (name, word) not in SCENARIOS
        SCENARIOS[name, word] = function
        SETTINGS[name, word] = overrides
        return function

    return note


def say(name: str, word: int, *apdus: str, overrides: str = "") -> None:
    """A scenario of fixed commands in DF01; the last one answers the word."""

    def run(bench: PsamBench) -> str:
        return [bench.send(apdu) for apdu in apdus][-1]

    scenario(name, word, overrides)(run)


FACTOR16: Final = "86605199000001AC1122334455667788"
ALWAYS: Final = {
    # A right command; a wrong P1 P2; a wrong length.
    SELECT: ("00A4000002DF01", "00A4010002DF01", "00A4000003DF0100"),
    READ_RECORD: ("00B2010C00", "00B201FF00", "00B2010C02AAAA"),
    READ_BINARY: ("00B0990000", "00B0800000", "00B099000100"),
    UPDATE_RECORD: ("00DC010C020100", "00DCFF0C020100", "00DC010C"),
    UPDATE_BINARY: ("00D69A000101", "00D680000101", "00D69A00"),
    CHALLENGE: ("0084000004", "0084010004", "0084000005"),
    ENVIRONMENT_INIT: ("BFEC00000151", "BFEC01000151", "BFEC0000025199"),
    EXTERNAL: ("0082000110" + "00" * 16, "0082010110" + "00" * 16, "008200010F" + "00" * 15),
    CREATE: ("84D4001124" + "00" * 36, "84D4021124" + "00" * 36, "84D4001114" + "00" * 20),
    CHANGE: ("84D401111C" + "00" * 28, "84D4021124" + "00" * 36, "84D4011118" + "00" * 24),
    DELIVERY: ("BFDE272410" + FACTOR16, "BFDE852410" + FACTOR16, "BFDE27240F" + FACTOR16[2:]),
    CIPHER: ("80FA000008" + "00" * 8, "80FA040008" + "00" * 8, "80FA000007" + "00" * 7),
    INIT: ("8070010024" + "00" * 36, "8070000024" + "00" * 36, "8070010023" + "00" * 35),
    CREDIT: ("807200000400000000", "807201000400000000", "8072000003000000"),
    RESPONSE: ("00C0000001", "00C0010001", "00C000000101"),
}

# -- files --------------------------------------------------------------------------------------------


@scenario(SELECT, 0x9000)
def _(bench: PsamBench) -> str:
    return bench.send("00A40200020019")


say(SELECT, 0x6100, "00A40000023F00")
say(SELECT, 0x6A82, "00A4000002DDF1")
say(READ_RECORD, 0x6981, "00B201CC00")
say(READ_RECORD, 0x6986, "00A4000002DF01", "00B2010400")
say(READ_RECORD, 0x6A82, "00B2011400")
say(READ_BINARY, 0x9000, "00B0990004")
say(READ_BINARY, 0x6986, "00A4000002DF01", "00B0000000")
say(READ_BINARY, 0x6A82, "00B0820000")
say(READ_BINARY, 0x6B00, "00B0990401")
say(READ_BINARY, 0x6C00, "00B0990000")


def in_environment(name: str, word: int, *apdus: str) -> None:
    say(name, word, "00A40000023F00", *apdus)


in_environment(READ_RECORD, 0x9000, "00B2010C18")


@scenario(READ_RECORD, 0x6100)
def _(bench: PsamBench) -> str:
    bench.select_environment()
    return long_answer(bench, "00B2010D00")


in_environment(READ_RECORD, 0x6A83, "00B2020C00")
in_environment(READ_RECORD, 0x6C00, "00B2010C00")
in_environment(READ_BINARY, 0x6981, "00B0810000")
in_environment(UPDATE_RECORD, 0x6982, "00DC010C186116" + "00" * 22)
in_environment(UPDATE_BINARY, 0x6981, "00D6810001AA")
say(UPDATE_RECORD, 0x6981, "00DC01CC0400000001")
say(UPDATE_RECORD, 0x6986, "00A4000002DF01", "00DC0104020100")
say(UPDATE_RECORD, 0x6A82, "00DC0114020100")
say(UPDATE_BINARY, 0x6982, "00D69900" + "0400000001")
say(UPDATE_BINARY, 0x6986, "00A4000002DF01", "00D6000001AA")
say(UPDATE_BINARY, 0x6A82, "00D6820001AA")


def with_master(bench: PsamBench) -> None:
    bench.select_environment()
    bench.prove_kid(0, "PSAMDDFMK")


def directory(apdu: str) -> Scenario:
    def run(bench: PsamBench) -> str:
        with_master(bench)
        return bench.send(apdu)

    return run


scenario(UPDATE_RECORD, 0x9000)(directory("00DC010C18" + "6116" + "AA" * 22))
scenario(UPDATE_RECORD, 0x6A83)(directory("00DC050C0461020000"))
scenario(UPDATE_RECORD, 0x6A84)(directory("00DC010C82" + "6180" + "00" * 128))
scenario(UPDATE_RECORD, 0x6A85)(directory("00DC010C0461030000"))
scenario(UPDATE_BINARY, 0x9000)(directory("00D69600" + "06519900000002"))
scenario(UPDATE_BINARY, 0x6B00)(directory("00D69601" + "06519900000002"))


@scenario(UPDATE_RECORD, 0x6581)
def _(bench: PsamBench) -> str:
    with_master(bench)
    bench.failing.writes_left = 0
    return bench.send("00DC010C18" + "6116" + "AA" * 22)


@scenario(UPDATE_BINARY, 0x6581)
def _(bench: PsamBench) -> str:
    with_master(bench)
    bench.failing.writes_left = 0
    return bench.send("00D69600" + "06519900000002")


# -- environment and authentication ---------------------------------------------------------------------

say(ENVIRONMENT_INIT, 0x9000, "BFEC00000151")
say(ENVIRONMENT_INIT, 0x6A80, "BFEC0000015A")


@scenario(CHALLENGE, 0x9000)
def _(bench: PsamBench) -> str:
    return bench.send("0084000010" if bench.suite == "SM4" else "0084000008")


@scenario(EXTERNAL, 0x9000)
def _(bench: PsamBench) -> str:
    return bench.send(bench.authentication(1))


@scenario(EXTERNAL, 0x63C0)
def _(bench: PsamBench) -> str:
    assert [bench.send(bench.authentication(1, wrong=True)) for _ in range(2)] == ["63C2", "63C1"]
    return bench.send(bench.authentication(1, wrong=True))


@scenario(EXTERNAL, 0x6982, '[settings.psam]\nauth_error = "6982"')
def _(bench: PsamBench) -> str:
    return bench.send(bench.authentication(1, wrong=True))


@scenario(EXTERNAL, 0x6983)
def _(bench: PsamBench) -> str:
    for _ in range(3):
        bench.send(bench.authentication(1, wrong=True))
    return bench.send(bench.authentication(1))


@scenario(EXTERNAL, 0x6985)
def _(bench: PsamBench) -> str:
    bench.select_environment()
    return bench.send(bench.authentication(1))


@scenario(EXTERNAL, 0x6581)
def _(bench: PsamBench) -> str:
    command = bench.authentication(1)
    bench.failing.writes_left = 0
    return bench.send(command)


say(EXTERNAL, 0x6984, "0082000110" + "00" * 16)
say(EXTERNAL, 0x6A88, "0084000008", "0082000410" + "00" * 16)

# -- keys -----------------------------------------------------------------------------------------------


def loading(
    change: bool,
    plain: str = "",
    *,
    before: Callable[[PsamBench], Any] = lambda _bench: None,
    prove: bool = True,
    spoil: Callable[[bytearray], None] | None = None,
    file: int = 0x11,
) -> Scenario:
    def run(bench: PsamBench) -> str:
        if prove:
            bench.prove_kid(file - 0x10)
        text = plain or (CHANGE_PLAIN if change else NEW_PLAIN[bench.suite])
        command = bench.load(text, change=change, spoil=spoil, file=file)
        before(bench)
        return bench.send(command)

    return run


def wear_out(bench: PsamBench) -> None:
    bench.failing.writes_left = 0


def lock_master(bench: PsamBench) -> None:
    for _ in range(3):
        assert bench.send(bench.load(NEW_PLAIN[bench.suite], spoil=spoil_mac)) == "6988"
    bench.challenge(4)


def no_challenge(bench: PsamBench) -> None:
    assert bench.send("0082000110" + "00" * 16)[:3] == "63C"


def leave(bench: PsamBench) -> None:
    bench.select_environment()
    bench.challenge(4)


def other_file(raw: bytearray) -> None:
    raw[3] = 0x14


for _change, _name in ((False, CREATE), (True, CHANGE)):
    scenario(_name, 0x9000)(loading(_change))
    scenario(_name, 0x6581)(loading(_change, before=wear_out))
    scenario(_name, 0x6982)(loading(_change, prove=False))
    scenario(_name, 0x6983)(loading(_change, before=lock_master))
    scenario(_name, 0x6984)(loading(_change, before=no_challenge))
    scenario(_name, 0x6985)(loading(_change, before=leave))
    scenario(_name, 0x6988)(loading(_change, spoil=spoil_mac))
    scenario(_name, 0x6A82)(loading(_change, spoil=other_file))
scenario(CREATE, 0x6A80)(loading(False, "2724000000000000" + "C0" * 16))
scenario(CHANGE, 0x6A80)(loading(True, "272401" + "C0" * 16))
scenario(CHANGE, 0x6A88)(loading(True, "273000" + "C0" * 16))


@scenario(CREATE, 0x6A84)
def _(bench: PsamBench) -> str:
    image = bench.card.image
    path = f"{APPLICATION[bench.suite]}/0013"
    image.efs[path] = replace(image.efs[path], size=100)
    return loading(False, NEW_PLAIN[bench.suite], file=0x13)(bench)


# -- computations ---------------------------------------------------------------------------------------


@scenario(DELIVERY, 0x9000)
def _(bench: PsamBench) -> str:
    return bench.deliver(0x27, 0x24, b"12345678")


@scenario(DELIVERY, 0x6985)
def _(bench: PsamBench) -> str:
    return bench.deliver(0x22, 0x01, b"12345678")


@scenario(DELIVERY, 0x6A80)
def _(bench: PsamBench) -> str:
    return bench.deliver(0x27, 0x24, b"12345678", levels=2)


@scenario(DELIVERY, 0x6A88)
def _(bench: PsamBench) -> str:
    return bench.deliver(0x47, 0x24, b"12345678")


def cipher(usage: int, identifier: int, p1: int) -> Scenario:
    def run(bench: PsamBench) -> str:
        assert bench.deliver(usage, identifier, b"12345678") == "9000"
        data = bytes(32)
        return bench.send(bytes((0x80, 0xFA, p1, 0, len(data))) + data)

    return run


scenario(CIPHER, 0x9000)(cipher(0x28, 0x12, 0x07))
scenario(CIPHER, 0x6100)(cipher(0x28, 0x12, 0x00))
scenario(CIPHER, 0x6985)(cipher(0x27, 0x24, 0x05))
say(CIPHER, 0x6901, "80FA000008" + "00" * 8)


@scenario(INIT, 0x6100)
def _(bench: PsamBench) -> str:
    return bench.send(bench.init_sam())


@scenario(INIT, 0x9000, '[settings.transport]\nlevel = "apdu"')
def _(bench: PsamBench) -> str:
    return bench.send(bench.init_sam())


@scenario(INIT, 0x6581)
def _(bench: PsamBench) -> str:
    bench.failing.writes_left = 0
    return bench.send(bench.init_sam())


@scenario(INIT, 0x6985)
def _(bench: PsamBench) -> str:
    made = with_sequence(contents("psam"), bench.suite, 0xFFFFFFFF)
    return PsamBench(bench.suite, card_contents=made).send(bench.init_sam())


@scenario(INIT, 0x6A80, '[settings.psam]\nlevel_error_init_sam = "6A80"')
def _(bench: PsamBench) -> str:
    return bench.send(bench.init_sam(levels=2))


@scenario(INIT, 0x6A88)
def _(bench: PsamBench) -> str:
    return bench.send(bench.init_sam(version=4))


def crediting(*, wrong: bool = False, broken: bool = False) -> Scenario:
    def run(bench: PsamBench) -> str:
        assert bench.ask(bench.init_sam())[:8] == "00000001"
        if broken:
            bench.failing.writes_left = 0
        return bench.send("8072000004" + ("00000000" if wrong else mac2(bench)))

    return run


scenario(CREDIT, 0x9000)(crediting())
scenario(CREDIT, 0x9302)(crediting(wrong=True))
scenario(CREDIT, 0x63C0, '[settings.psam]\nmac2_error = "63CF"')(crediting(wrong=True))
scenario(CREDIT, 0x6581, '[settings.psam]\nsequence_step = "credit"')(crediting(broken=True))
say(CREDIT, 0x6901, "807200000400000000")

say(RESPONSE, 0x9000, "00A40000023F00", "00C000001D")
say(RESPONSE, 0x6100, "00A40000023F00", "00C0000001")
say(RESPONSE, 0x6C00, "00A40000023F00", "00C0000000")
say(RESPONSE, 0x6F00, "00C0000001")

# -- what every command answers ---------------------------------------------------------------------------


def block_card(bench: PsamBench) -> None:
    bench.card.image.info = replace(bench.card.image.info, blocked=True)


def block_application(bench: PsamBench) -> None:
    image, path = bench.card.image, APPLICATION[bench.suite]
    image.dfs[path] = replace(image.dfs[path], blocked=True)


def other_class(apdu: str) -> str:
    return f"{'80' if apdu[:2] != '80' else '00'}{apdu[2:]}"


def common(right: str, parameters: str, lengths: str) -> dict[int, Scenario]:
    def after(first: Callable[[PsamBench], None], apdu: str) -> Scenario:
        def run(bench: PsamBench) -> str:
            first(bench)
            return bench.send(apdu)

        return run

    return {
        0x6A81: after(block_card, right),
        0x9303: after(block_application, right),
        0x6E00: after(lambda _bench: None, other_class(right)),
        0x6A86: after(lambda _bench: None, parameters),
        0x6700: after(lambda _bench: None, lengths),
    }


for _name, _apdus in ALWAYS.items():
    for _word, _scenario in common(*_apdus).items():
        SCENARIOS[_name, _word] = _scenario


@pytest.mark.parametrize("suite", ["3DES", "SM4"])
@pytest.mark.parametrize(
    ("name", "word"), list(SCENARIOS), ids=lambda value: value if isinstance(value, str) else f"{value:04X}"
)
def test_every_word_is_answered(name: str, word: int, suite: str) -> None:
    bench = PsamBench(suite, SETTINGS.get((name, word), ""))
    if suite == "SM4":
        # Where the fixed commands above say MF or send lengths of the DES world, SM4 has its own.
        bench.__dict__["send"] = _translated(bench)
    answer = SCENARIOS[name, word](bench)
    found = int(answer[-4:], 16)
    family = found & 0xFF00 if found >> 8 in (0x61, 0x6C) else 0x63C0 if found & 0xFFF0 == 0x63C0 else found
    assert f"{family:04X}" == f"{word:04X}", bench.reason
    last = bench.card.last
    if found != 0x6E00 and last is not None and last.row is not None and (name, word) != (INIT, 0x6985):
        assert last.row.name in (name, CHANGE if word == 0x6A86 else name)


def _translated(bench: PsamBench) -> Callable[[str | bytes], str]:
    plain = PsamBench.send

    def send(apdu: str | bytes) -> str:
        text = apdu if isinstance(apdu, str) else apdu.hex().upper()
        if text == "00A40000023F00":
            text = "00A4000002DDF2"
        if text.startswith("84D401111C") and len(text) == 66:
            text = "84D4011124" + "00" * 36
        return plain(bench, text)

    return send


def test_every_row_and_word_has_a_scenario_and_no_scenario_a_word_that_its_row_does_not_list() -> None:
    assert set(SCENARIOS) == {(row.name, word) for row in PSAM_ROWS for word in row.status_words}


LISTED: Final = {
    # Part 9: the words of the command's own table.
    SELECT: "6700 6985 6A81 6A82 6A86",  # table 12
    CHALLENGE: "6A86 6700",  # table 14
    ENVIRONMENT_INIT: "6700 6985 6A80 6A86",  # table 16
    EXTERNAL: "6A86 6985 6700 6984 6A88 6982 6983",  # table 18
    CREATE: "6581 6700 6982 6983 6984 6985 6988 6A80 6A81 6A82 6A83 6A84 6A86 6A88 6D00 6E00",  # table 20
    CHANGE: "6581 6700 6982 6983 6984 6985 6988 6A80 6A81 6A82 6A83 6A84 6A86 6A88 6D00 6E00",  # table 22
    DELIVERY: "6700 6982 6983 6985 6A80 6A81 6A86 6A88 6D00 6E00",  # table 24
    CIPHER: "6100 6700 6901 6985 6A81 6A86 6D00 6E00",  # table 26
    INIT: "6700 6985 6A81 6A86 6A88 6D00 6E00",  # table 29
    CREDIT: "6700 6901 6985 6A81 6A86 6D00 6E00 9302",  # table 31
}
MORE: Final = {SELECT: {0x6100}, EXTERNAL: {0x63C0, 0x6581}, INIT: {0x6100, 0x6581, 0x6A80}, CREDIT: {0x63C0, 0x6581}}
FEWER: Final = {
    SELECT: {0x6985},  # no case is named
    ENVIRONMENT_INIT: {0x6985},
    CREATE: {0x6A83, 0x6A88},  # a key that is not there is no fault of CREATE KEY
    CHANGE: {0x6A83, 0x6A84},  # 6A88 says it; a key that is replaced takes no space
    DELIVERY: {0x6982, 0x6983},  # the use of keys is free (clause 5)
    CREDIT: {0x6985},  # INIT SAM answers it before
}


@pytest.mark.parametrize("row", [row for row in PSAM_ROWS if row.name in LISTED], ids=lambda row: str(row.name))
def test_a_row_lists_the_words_of_the_standard_apart_from_explained_ones(row: Row) -> None:
    everywhere = {0x9000, 0x6D00, *COMMON, 0x9303}
    listed = {int(word, 16) for word in LISTED[row.name].split()} - everywhere
    words = set(row.status_words) - everywhere
    assert len(row.status_words) == len(set(row.status_words))
    assert words - listed == MORE.get(row.name, set())
    assert listed - words == FEWER.get(row.name, set())


def test_an_instruction_of_the_user_card_is_not_there() -> None:
    bench = PsamBench()
    for apdu in ("0020000003123456", "00880000100000000000000000" + "0000000000000000", "8050000002"):
        assert bench.send(apdu) == "6D00", apdu
    assert bench.send("84160000" + "0400000000") == "6D00"


def test_the_helpers_of_these_tests_know_the_keys() -> None:
    """What the tests compute with is what the image holds."""
    bench = PsamBench()
    for suite, path in ENVIRONMENT.items():
        keys = {
            ref.name: key.value
            for (ref, _), key in bench.card.image.keys.items()
            if ref.owner in (path, f"{path}/DF01")
        }
        assert keys["22/01"] == psam_key("DPK", suite, 1)
        assert keys["67/08"] == roots()["IRK"] == psam_key("IRK", suite, 3)
        assert Reference(suite).block == {"3DES": 8, "SM4": 16}[suite]
