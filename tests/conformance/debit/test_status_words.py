"""Every status word of every debit/credit command, got from the card by sending APDUs."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from emulator.card.row import Row
from emulator.commands.financial.debit.rows import DEBIT_ROWS
from emulator.status import MEANINGS
from keys.certificates import generate_rsa
from keys.generate import SeededRandom
from tests.kit.card import MF, SSSE, SSSE_NAME, family
from tests.kit.debit import AID, CASH, PIN_BLOCK, WRONG_BLOCK, DebitBench, contents, emv

Scenario = Callable[[], str]
BY_CODE: Final = {(row.cla, row.ins): row for row in DEBIT_ROWS}
SELECT_AID: Final = "00A4040008" + AID.hex()
OPTIONS: Final = "80A800000B83090000000000100001 56".replace(" ", "")
FIRST: Final = "80AE80001D" + DebitBench.cdol()


class Watched(DebitBench):
    """A card of which no debit/credit command may answer a word beyond its row's."""

    def send(self, apdu: str | bytes) -> str:
        here = self.card.session.df
        raw = bytes.fromhex(apdu) if isinstance(apdu, str) else apdu
        answer = super().send(raw)
        row = BY_CODE.get((raw[0], raw[1])) if len(raw) > 1 else None
        if row is not None and here.endswith("3F02"):
            assert family(answer[-4:]) in row.status_words, f"{row.name} answers {answer[-4:]}"
        return answer


# One well-formed command of each row.
SAMPLES: Final[dict[str, str]] = {
    "SELECT": SELECT_AID,
    "GET PROCESSING OPTIONS": OPTIONS,
    "READ RECORD": "00B2010C0C",
    "GET DATA": "80CA9F3605",
    "GET CHALLENGE": "0084000008",
    "VERIFY": "0020008008" + PIN_BLOCK,
    "INTERNAL AUTHENTICATE": "008800000411223344",
    "GENERATE AC": FIRST,
    "EXTERNAL AUTHENTICATE": "008200000A" + "00" * 10,
    "CARD BLOCK": "8416000004" + "00" * 4,
    "APPLICATION UNBLOCK": "8418000004" + "00" * 4,
    "APPLICATION BLOCK": "841E000004" + "00" * 4,
    "PIN CHANGE/UNBLOCK": "8424000004" + "00" * 4,
    "PUT DATA": "04DA9F5805" + "00" * 5,
    "UPDATE RECORD": "04DC010C06" + "00" * 6,
    "GET RESPONSE": "00C0000000",
}
WRONG_PARAMETERS: Final[dict[str, str]] = {
    "SELECT": "0100",
    "GET PROCESSING OPTIONS": "0001",
    "READ RECORD": "010D",
    "GET DATA": "0000",
    "GET CHALLENGE": "0001",
    "VERIFY": "0000",
    "INTERNAL AUTHENTICATE": "0001",
    "GENERATE AC": "C000",
    "EXTERNAL AUTHENTICATE": "0001",
    "CARD BLOCK": "0001",
    "APPLICATION UNBLOCK": "0001",
    "APPLICATION BLOCK": "0001",
    "PIN CHANGE/UNBLOCK": "0003",
    "PUT DATA": "0000",
    "UPDATE RECORD": "010D",
    "GET RESPONSE": "0100",
}
WRONG_LENGTHS: Final[dict[str, str]] = {
    "SELECT": "00A404000431323334",
    "GET PROCESSING OPTIONS": "80A800000183",
    "READ RECORD": "00B2010C0100",
    "GET DATA": "80CA9F360100",
    "GET CHALLENGE": "0084000005",
    "VERIFY": "0020008007" + "00" * 7,
    "INTERNAL AUTHENTICATE": "00880000",
    "GENERATE AC": "80AE8000",
    "EXTERNAL AUTHENTICATE": "0082000008" + "00" * 8,
    "CARD BLOCK": "8416000003" + "00" * 3,
    "APPLICATION UNBLOCK": "8418000005" + "00" * 5,
    "APPLICATION BLOCK": "841E000008" + "00" * 8,
    "PIN CHANGE/UNBLOCK": "8424000008" + "00" * 8,
    "PUT DATA": "04DA9F5804" + "00" * 4,
    "UPDATE RECORD": "04DC010C04" + "00" * 4,
    "GET RESPONSE": "00C000000100",
}
SCRIPTS: Final[dict[str, tuple[str, str]]] = {
    "CARD BLOCK": ("84160000", ""),
    "APPLICATION UNBLOCK": ("84180000", ""),
    "APPLICATION BLOCK": ("841E0000", ""),
    "PIN CHANGE/UNBLOCK": ("84240000", ""),
    "PUT DATA": ("04DA9F58", "05"),
    "UPDATE RECORD": ("04DC010C", "7003500141"),
}


def selected(objects: dict[str, str] | None = None, **changes: Any) -> Watched:
    bench = Watched(objects, **changes)
    bench.select()
    return bench


def begun(objects: dict[str, str] | None = None, **changes: Any) -> Watched:
    bench = selected(objects, **changes)
    assert bench.word(OPTIONS) == "9000"
    return bench


def asked(objects: dict[str, str] | None = None, **changes: Any) -> Watched:
    bench = Watched(objects, **changes)
    bench.online()
    return bench


def worn(bench: Watched, command: str | bytes, writes: int = 0) -> str:
    """Send a command to a card whose memory takes no more changes: what is refused is not changed."""
    before = bench.card.image.contents | {}
    bench.store.writes_left = writes
    word = bench.send(command)
    assert bench.card.image.contents == before or writes
    return word


# -- what every command has in common ----------------------------------------------------------------


def locked_card(name: str) -> Scenario:
    made = contents()
    made = replace(made, info=replace(made.info, blocked=True))

    def scenario() -> str:
        bench = Watched(card_contents=made)
        bench.card._session = bench.card.session._replace(df="3F00/DDF2/3F02")
        return bench.send(SAMPLES[name])

    return scenario


def locked_application(name: str) -> Scenario:
    """The counter at its end; of SELECT, the way to a locked environment of social security."""

    def scenario() -> str:
        if name == "SELECT":
            made = contents()
            made.dfs[SSSE] = replace(made.dfs[SSSE], blocked=True)
            bench = Watched(card_contents=made)
            bench.select()
            return bench.send(bytes((0, 0xA4, 4, 0, len(SSSE_NAME))) + SSSE_NAME)
        bench = Watched(blocked=True, t1=True)
        bench.select()
        return bench.send(SAMPLES[name])

    return scenario


def other_class(name: str) -> Scenario:
    sample = bytes.fromhex(SAMPLES[name])
    other = next(cla for cla in (0x84, 0x80, 0x00) if (cla, sample[1]) not in BY_CODE)
    return lambda: selected().send(bytes((other,)) + sample[1:])


def wrong_parameters(name: str) -> Scenario:
    return lambda: selected().send(SAMPLES[name][:4] + WRONG_PARAMETERS[name] + SAMPLES[name][8:])


def wrong_length(name: str) -> Scenario:
    return lambda: selected().send(WRONG_LENGTHS[name])


COMMON: Final[dict[int, Callable[[str], Scenario]]] = {
    0x6A81: locked_card,
    0x9303: locked_application,
    0x6E00: other_class,
    0x6A86: wrong_parameters,
    0x6700: wrong_length,
}


# -- what scripts have in common ---------------------------------------------------------------------


def script(name: str, *, wrong: bool = False) -> Scenario:
    def scenario() -> str:
        bench = asked()
        return bench.send(bench.script(*SCRIPTS[name], wrong=wrong))

    return scenario


def script_worn(name: str) -> Scenario:
    def scenario() -> str:
        bench = asked()
        return worn(bench, bench.script(*SCRIPTS[name]))

    return scenario


def script_keyless(name: str) -> Scenario:
    def scenario() -> str:
        """The MAC key goes after the cryptogram was made with it."""
        bench = asked()
        del bench.card.image.keys[next(at for at in bench.card.image.keys if at[0].name == "UDKMAC")]
        bench.card.image.reindex()
        return bench.send(bench.script(*SCRIPTS[name]))

    return scenario


SCRIPT: Final[dict[int, Callable[[str], Scenario]]] = {
    0x9000: script,
    0x6581: script_worn,
    0x6985: lambda name: lambda: selected().send(SAMPLES[name]),
    0x6988: lambda name: script(name, wrong=True),
    0x6A88: script_keyless,
}


def refused(header: str, data: str) -> Scenario:
    def scenario() -> str:
        bench = asked(CASH)
        return bench.send(bench.script(header, data))

    return scenario


def full() -> str:
    bench = asked()
    assert bench.send(bench.script("04DC0234", "7003500142")) == "9000"
    return bench.send(bench.script("04DC0334", "7003500143"))


def not_a_pin() -> str:
    bench = asked()
    return bench.send(bench.script("84240002", bench.sealed_pin("1234", "123456")))


def pins(count: int, *, again: bool = False) -> str:
    """Wrong PINs, then in the same transaction or the next one a right one."""
    bench = begun()
    word = ""
    for _ in range(count):
        word = bench.send("0020008008" + WRONG_BLOCK)
    if again:
        bench.start()
    return bench.send("0020008008" + PIN_BLOCK) if count > 2 else word


def proof(bench: Watched, *, wrong: bool = False) -> str:
    return bench.arpc(wrong=wrong)


def blocked_selection() -> str:
    return selected(suspended=True).send(SELECT_AID)


def no_pin() -> str:
    made = contents(without=("PIN",))
    bench = Watched(card_contents=made)
    bench.select()
    return bench.send(SAMPLES["VERIFY"])


def remaining() -> str:
    bench = selected()
    bench.send(SELECT_AID)
    return bench.send("00C0000010")[-4:]


def _response() -> str:
    bench = selected()
    bench.send(SELECT_AID)
    return bench.send("00C00000FF")


SINGLE: Final[dict[tuple[str, int], Scenario]] = {
    ("SELECT", 0x9000): lambda: selected(t1=True).send(SELECT_AID)[-4:],
    ("SELECT", 0x6100): lambda: selected().send(SELECT_AID),
    ("SELECT", 0x6283): blocked_selection,
    ("SELECT", 0x6A82): lambda: selected().send("00A4040005A000000334"),
    ("GET PROCESSING OPTIONS", 0x9000): lambda: selected(t1=True).send(OPTIONS)[-4:],
    ("GET PROCESSING OPTIONS", 0x6100): lambda: selected().send(OPTIONS),
    ("GET PROCESSING OPTIONS", 0x6581): lambda: worn(selected(), OPTIONS),
    ("GET PROCESSING OPTIONS", 0x6985): lambda: begun().send(OPTIONS),
    ("GET PROCESSING OPTIONS", 0x6A80): lambda: selected().send(OPTIONS.replace("8309", "8409")),
    ("READ RECORD", 0x9000): lambda: selected().send("00B2010C0C")[-4:],
    ("READ RECORD", 0x6981): lambda: selected().send("00B2012C00"),
    ("READ RECORD", 0x6982): lambda: selected().send("00B2012400"),
    ("READ RECORD", 0x6A82): lambda: selected().send("00B2018C00"),
    ("READ RECORD", 0x6A83): lambda: selected().send("00B2050C00"),
    ("READ RECORD", 0x6C00): lambda: selected().send("00B2010C00"),
    ("GET DATA", 0x9000): lambda: selected().send("80CA9F3605")[-4:],
    ("GET DATA", 0x6985): lambda: _empty().send("80CA9F3605"),
    ("GET DATA", 0x6A88): lambda: selected().send("80CA9F9900"),
    ("GET DATA", 0x6C00): lambda: selected().send("80CA9F3600"),
    ("GET CHALLENGE", 0x9000): lambda: selected().send("0084000008")[-4:],
    ("GET CHALLENGE", 0x6C00): lambda: selected().send("0084000000"),
    ("VERIFY", 0x9000): lambda: begun().send(SAMPLES["VERIFY"]),
    ("VERIFY", 0x63C0): lambda: pins(1),
    ("VERIFY", 0x6581): lambda: worn(begun(), SAMPLES["VERIFY"]),
    ("VERIFY", 0x6983): lambda: pins(3),
    ("VERIFY", 0x6984): lambda: pins(3, again=True),
    ("VERIFY", 0x6985): lambda: asked().send(SAMPLES["VERIFY"]),
    ("VERIFY", 0x6A88): no_pin,
    ("GENERATE AC", 0x9000): lambda: begun(t1=True).send(FIRST)[-4:],
    ("GENERATE AC", 0x6100): lambda: begun().send(FIRST),
    ("GENERATE AC", 0x6581): lambda: worn(begun(), FIRST),
    ("GENERATE AC", 0x6985): lambda: selected().send(FIRST),
    ("GENERATE AC", 0x6A80): lambda: begun().send("80AE80001D" + "0A" + FIRST[12:]),
    ("GENERATE AC", 0x6A88): lambda: begun(without=("UDKAC",)).send(FIRST),
    ("EXTERNAL AUTHENTICATE", 0x9000): lambda: proof(asked()),
    ("EXTERNAL AUTHENTICATE", 0x6300): lambda: proof(asked(), wrong=True),
    ("EXTERNAL AUTHENTICATE", 0x63C0): lambda: proof(asked(settings=emv(arpc_error="63Cx")), wrong=True),
    ("EXTERNAL AUTHENTICATE", 0x6581): lambda: worn(asked(), SAMPLES["EXTERNAL AUTHENTICATE"]),
    ("EXTERNAL AUTHENTICATE", 0x6985): lambda: begun().send(SAMPLES["EXTERNAL AUTHENTICATE"]),
    ("EXTERNAL AUTHENTICATE", 0x6A88): lambda: _lost("UDKAC").send(SAMPLES["EXTERNAL AUTHENTICATE"]),
    ("PIN CHANGE/UNBLOCK", 0x6A80): not_a_pin,
    ("PUT DATA", 0x6A80): refused("04DA9F79", "00000000000F"),
    ("UPDATE RECORD", 0x6981): refused("04DC015C", "00" * 45),
    ("UPDATE RECORD", 0x6A82): refused("04DC018C", "7000"),
    ("UPDATE RECORD", 0x6A83): refused("04DC090C", "7000"),
    ("UPDATE RECORD", 0x6A84): full,
    ("UPDATE RECORD", 0x6A85): refused("04DC0134", "7004500142"),
    ("GET RESPONSE", 0x6100): remaining,
    ("GET RESPONSE", 0x9000): lambda: selected().ask(SELECT_AID)[-4:],
    ("GET RESPONSE", 0x6C00): _response,
    ("GET RESPONSE", 0x6F00): lambda: selected().send("00C0000000"),
}


def _empty() -> Watched:
    made = contents()
    path = "3F00/DDF2/3F02/0001"
    del made.efs[path], made.contents[path]
    bench = Watched(card_contents=made)
    bench.select()
    return bench


def _lost(name: str) -> Watched:
    bench = asked()
    del bench.card.image.keys[next(at for at in bench.card.image.keys if at[0].name == name)]
    bench.card.image.reindex()
    return bench


def _internal() -> dict[tuple[str, int], Scenario]:
    key, command = generate_rsa(512, SeededRandom("words")), SAMPLES["INTERNAL AUTHENTICATE"]
    name = "INTERNAL AUTHENTICATE"
    return {
        (name, 0x9000): lambda: begun(signer=key, t1=True).send(command)[-4:],
        (name, 0x6100): lambda: begun(signer=key).send(command),
        (name, 0x6985): lambda: selected(signer=key).send(command),
        (name, 0x6A88): lambda: begun().send(command),
    }


def every() -> dict[tuple[str, int], Scenario]:
    found: dict[tuple[str, int], Scenario] = {}
    for row in DEBIT_ROWS:
        found |= {(row.name, word): make(row.name) for word, make in COMMON.items()}
        if row.name in SCRIPTS:
            found |= {(row.name, word): make(row.name) for word, make in SCRIPT.items()}
    return found | SINGLE | _internal()


EVERY: Final = every()


@pytest.mark.parametrize(("where", "scenario"), list(EVERY.items()), ids=[f"{name} {word:04X}" for name, word in EVERY])
def test_a_command_answers_each_of_its_words(where: tuple[str, int], scenario: Scenario) -> None:
    assert f"{family(scenario()[-4:]):04X}" == f"{where[1]:04X}"


def test_every_row_and_word_has_a_scenario_and_no_scenario_a_word_that_its_row_does_not_list() -> None:
    assert set(EVERY) == {(row.name, word) for row in DEBIT_ROWS for word in row.status_words}


@pytest.mark.parametrize("row", DEBIT_ROWS, ids=lambda row: str(row.name))
def test_every_row_has_its_samples_and_every_word_a_meaning(row: Row) -> None:
    assert row.name in SAMPLES
    assert row.name in WRONG_PARAMETERS
    assert row.name in WRONG_LENGTHS
    assert set(row.status_words) <= set(MEANINGS)
    assert row.while_suspended


def test_an_unknown_class_or_instruction_is_refused_as_everywhere() -> None:
    bench = selected()
    assert bench.send("80500000") == "6D00"
    assert bench.send("90CA9F3600") == "6E00"
    assert bench.send("00D6000001FF") == "6D00"
    assert MF in bench.card.image.dfs
