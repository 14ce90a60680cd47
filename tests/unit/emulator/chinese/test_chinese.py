"""The table of sentences in Chinese is whole, and what comes out of it is Chinese."""

import re
from collections.abc import Iterable, Iterator

import pytest

import sscard
from cardfs.life import Authority, Operation
from cardfs.model.files import CommandSet, DfKind, Phase, Structure
from cardfs.model.records import Mode
from emulator.chinese.chinese import SENTENCES, chinese
from emulator.chinese.parts import LISTS, PARTS
from emulator.commands.financial.debit import objects
from emulator.commands.financial.debit.state import Stage
from emulator.rig.foreign import Foreign, structure
from emulator.rig.kinds import KINDS
from keys.records import KeyState, Usage
from tests.kit.sentences import FINDINGS, REASONS, UNKNOWN, english_in, sentences

CHOSEN = {
    f"data object {UNKNOWN} {UNKNOWN}",
    f"data object {UNKNOWN} ",
    f"no {UNKNOWN} record has identifier {UNKNOWN}; the file has {UNKNOWN} records",
    f"{UNKNOWN} has {UNKNOWN}",
    f"{UNKNOWN} have {UNKNOWN}",
    f"in {UNKNOWN} {UNKNOWN} has {UNKNOWN}",
    f"in {UNKNOWN} {UNKNOWN} have {UNKNOWN}",
    f"the card was pulled out {UNKNOWN} the command",
}
"""Sentences of which the sources show too little; `chosen` has them whole."""


def bad(sentences: Iterable[str]) -> dict[str, str]:
    """Return the sentences without a form, and those of which English words stay, with what comes out."""
    return {each: made for each in sentences if (made := chinese(each)) == each or english_in(made)}


@pytest.mark.parametrize(
    ("places", "table"), [(REASONS, "reasons.py"), (FINDINGS, "findings.py")], ids=["reasons", "findings"]
)
def test_every_sentence_of_the_sources_has_a_form(places: tuple[str, ...], table: str) -> None:
    found = sentences(places)
    missing = bad(found.keys() - CHOSEN)
    told = "".join(f"\n  {found[each]}: {each!r} gives {made!r}" for each, made in sorted(missing.items()))
    assert not missing, (
        f"these have no Chinese; add the sentence to emulator/chinese/{table}, with {{name}} for each {UNKNOWN}, and "
        f"words that stay English in a place to emulator/chinese/parts.py:{told}"
    )


def test_a_sentence_without_a_form_is_noticed_and_stays_as_it_is() -> None:
    assert bad(["the moon has risen", "the PIN is wrong"]) == {"the moon has risen": "the moon has risen"}
    assert bad(["UK1DF01 is locked", "the moon is locked"]) == {"the moon is locked": "moon 已锁定"}


def test_no_form_is_written_twice_or_without_use() -> None:
    shapes = [re.sub(r"\{\w+(\*?)\}", r"{\1}", each) for each in SENTENCES]
    assert sorted(shapes) == sorted(set(shapes))
    made = [*sentences(REASONS), *sentences(FINDINGS), *chosen(), *(kind.text for kind in KINDS.values()), *BY_HAND]
    patterns = {each: re.sub(r"\\\{\w+(\\\*)?\\\}", ".+", re.escape(each)) for each in SENTENCES}
    unused = {each for each, pattern in patterns.items() if not any(re.fullmatch(pattern, text) for text in made)}
    assert unused == set()


def test_the_chinese_form_has_the_places_of_the_english_one() -> None:
    for english, zh in (*SENTENCES.items(), *PARTS.items(), *LISTS.items()):
        assert set(re.findall(r"\{(\w+)\}", zh)) <= set(re.findall(r"\{(\w+)\*?\}", english)), english


BY_HAND = (
    "K7 commands are missing here: they came faster than they could be shown",
    "K7 lines are missing here: nobody read them in time",
    "a defect of this program: a line of the trace is lost (K7)",
    "no rule for cryptogram version 11",
    "tag 9F03 has 6 bytes, not 0",
    "an interchange profile has 2 bytes, verification results 4",
    "a key of 0 bytes signs -22 bytes, not 6",
    "a block of 96 bytes below the modulus is wanted, not 12 bytes",
    "base is not invertible for the given modulus",
    "the reader lost the card: the answer was lost",
    "the card gave no answer: was it pulled out?",
    "this HSM does not have the algorithm '02'; SSF33 is not public",
    "roots.toml has no root DPK of version 3",
    "no key can be derived: the card names no region, or no historical bytes",
    "VERIFY: the card answered 6983, verification method locked",
    "VERIFY: the card answered BA89, not a status word of the standard",
    "SELECT of DF01: the PSAM answered 6A82, file not found",
    "the PSAM has no key DPK (identifier 26)",
    "the card in K7 is not a PSAM",
)
"""Sentences that reach a reason or a finding as the text of an error, so that the sources do not show them."""


def chosen() -> Iterator[str]:
    """Yield sentences with words that the sources choose from tables."""
    yield from (f"DF04 has no {usage} key" for usage in Usage)
    yield from (f"K7 is a {one} key, and the command needs a load or {one} key" for one in Usage)
    yield from (f"K7 is {each}, not a file of fixed or variable records" for each in Structure)
    yield from (f"a {each} file cannot have this size" for each in Structure)
    yield from (f"K7 version 1 is {each}" for each in KeyState)
    yield from (f"no {kind} here can have the commands of {each}" for kind in DfKind for each in CommandSet)
    yield from (f"MF is {phase}: nobody may {each} there now" for phase in Phase for each in Operation)
    keys = [each for each in Authority if each not in (Authority.NOBODY, Authority.DIRECTORY)]
    yield from (f"to {each}, authenticate with {key} in this DF" for each in Operation for key in keys)
    yield from (f"the card has no key for {key}" for key in keys)
    yield from (f"{what} needs never; proven: state 0" for what in ("EF01 read", "EF01 update", "creating files"))
    yield from ("VERIFY has P1 00 with P2 00", "CREATE KEY and CHANGE KEY have P1 00, 01 with P2 of any value")
    yield "power was cut within a write"
    for moment in ("before", "after"):
        yield from (f"power was cut {moment} a write", f"the card was pulled out {moment} the command")
    stages = [each.name.lower() for each in Stage]
    yield from (f"the transaction is at stage {each}; this command needs {each} or done" for each in stages)
    modes = [each.name.lower() for each in Mode if each.by_identifier]
    yield from (f"no {each} record has identifier 0A; the file has 3 records" for each in modes)
    for tag in objects.FORMS:
        values = [b"", b"\xff", *(b"\xff" * length for length in range(2, 8)), b"\x9f"]
        yield from (f"data object {tag:X} {fault}" for each in values if (fault := objects.wrong(tag, each)))


def test_every_word_that_is_chosen_from_a_table_is_chinese() -> None:
    assert bad((*chosen(), *BY_HAND)) == {}


def test_every_kind_of_fault_says_in_chinese_what_the_client_sees() -> None:
    assert {kind.name: kind.zh for kind in KINDS.values() if kind.zh == kind.text} == {}


@pytest.mark.parametrize(
    ("sentence", "zh"),
    [
        ("the PIN is locked: no tries left", "个人密码已锁定，剩余次数为 0"),
        ("UK1DF01 is locked: no tries left", "UK1DF01 已锁定，剩余次数为 0"),
        ("SSSE/EF07 read needs RKSSSE; proven: nothing", "读取 SSSE/EF07 需要 RKSSSE；已验证：无"),
        (
            "DF03/EF08 read needs (PIN & RK3DF03) | UK4DF03; proven: BK, SSSE/PIN",
            "读取 DF03/EF08 需要（个人密码和 RK3DF03）或 UK4DF03；已验证：BK、SSSE 的个人密码",
        ),
        (
            "in ssc-2.0 DF01/EF05 update needs PIN | UK1DF01; proven: nothing",
            "按卡型 ssc-2.0：更新 DF01/EF05 需要个人密码或 UK1DF01；已验证：无",
        ),
        ("MF has no PIN; SSSE has one", "MF 没有个人密码；SSSE 有"),
        (
            "DF05 has no EF with SFI 06; SSSE, DF01, DF02, DF03 and 3 more have one",
            "DF05 中没有 SFI 为 06 的 EF；SSSE、DF01、DF02、DF03 和另外 3 个有",
        ),
        ("DF04 has no EF with this identifier; DF01 has one", "DF04 中没有此标识符的 EF；DF01 有"),
        ("VERIFY has Lc 00, 02 to 08", "VERIFY 的 Lc 应为 00、02 至 08"),
        ("CIPHER DATA has Lc 08 to 80 in steps of 8", "CIPHER DATA 的 Lc 应为 08 至 80，步长 8"),
        (
            "PIN UNBLOCK has P1 00 with P2 00, 01; P1 01 to FE with P2 of any value",
            "PIN UNBLOCK 的参数应为 P1 00（P2 00、01）；P1 01 至 FE（P2 任意）",
        ),
        (
            "READ RECORD has P1 of any value with P2 8 x SFI + 00, 04, SFI 00 to 1E",
            "READ RECORD 的参数应为 P1 任意（P2 8 × SFI + 00、04，SFI 00 至 1E）",
        ),
        (
            "the MAC does not verify under DRPK, and no tries are left: the application is permanently locked",
            "MAC 校验不通过（DRPK），剩余次数为 0：应用已永久锁定",
        ),
        (
            "IRK is a internal-auth key, and the command needs a master or load key",
            "IRK 是内部认证密钥，而此命令需要主控或圈存（划入）密钥",
        ),
        (
            "SELECT of DF01 by name: the card answered 6A82, not 9000 or 6A83",
            "SELECT（DF01，按名称）：卡片返回 6A82，应为 9000 或 6A83",
        ),
        (
            "EXTERNAL AUTHENTICATION with a used challenge: the card answered 9000, not 6984",
            "EXTERNAL AUTHENTICATION（已用过的随机数）：卡片返回 9000，应为 6984",
        ),
    ],
)
def test_lists_rules_and_names_come_out_right(sentence: str, zh: str) -> None:
    assert chinese(sentence) == zh


# -- real cards ---------------------------------------------------------------------------------------


def commands() -> Iterator[bytes]:
    """Yield commands that cards refuse, of every class and instruction with some parameters and lengths."""
    for cla in (0x00, 0x04, 0x80, 0x84, 0xB0):
        for ins in range(0x10, 0x100, 2):
            for p1, p2 in ((0, 0), (1, 0x80)):
                yield bytes((cla, ins, p1, p2))
                yield bytes((cla, ins, p1, p2, 0x08, *range(8)))


def reasons(card: sscard.Card) -> Iterator[str]:
    """Yield why a card refuses these commands, in each of its directories."""
    for df in ("3F00", "DF01", "EF05"):
        for command in commands():
            card.transmit(bytes.fromhex(f"00A4000002{df}"))
            card.transmit(command)
            assert card.last is not None
            yield card.last.reason


@pytest.mark.parametrize(
    ("profile", "financial"), [("ssc-2.0", "both"), ("ssc-3.0", None), ("psam", None), ("pboc", "both")]
)
def test_what_real_cards_say_is_chinese(profile: str, financial: str | None) -> None:
    found = set(reasons(sscard.Card.issue(profile, financial=financial, seed="chinese"))) - {""}
    assert len(found) > 40
    assert bad(found) == {}


def test_what_is_said_of_cards_that_are_not_ours_is_chinese() -> None:
    foreign = Foreign(structure("ssc-2.0"))
    found = set()
    for answer in ("6982", "6985", "6A82", "6700"):
        foreign.restart()
        for command in commands():
            found.add(foreign.describe(command, bytes.fromhex(answer)).reason)
    assert len(found) > 40
    assert bad(found - {""}) == {}
