"""The issuing machine: what it builds over APDUs is what `cardfs.issuing.issue` makes, cell by cell.

Part 10, 5; that it works through a real reader is in `tests/pcsc/test_personalise.py`.
"""

import tomllib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import pytest

from cardfs.issuing.holder import load_holder
from cardfs.issuing.issue import blank, issue
from cardfs.issuing.options import IssueOptions
from cardfs.issuing.roots import load_roots
from cardfs.memory.image import Image
from cardfs.model.files import CardContents, DfKind, Phase, Structure
from cardfs.model.rules import make_rule
from cardfs.profile.loader import DEMO, load_profile, shipped_profiles
from emulator.cards import Card
from emulator.personaliser import PersonaliseError, Personaliser
from emulator.terminal import TerminalError
from keys.generate import SeededRandom
from keys.records import Key, KeyRef, Usage
from tests.kit.card import MF, PIN, REGION, SERIAL, SSSE
from tests.kit.places import DATA

MANUFACTURER_KEY: Final = bytes.fromhex("404142434445464748494A4B4C4D4E4F")


def made(source: str, overrides: str = "") -> tuple[CardContents, CardContents]:
    """The blank card of a profile and the finished one."""
    profile = load_profile(DATA / source if source.endswith(".toml") else source, tomllib.loads(overrides))
    holder = load_holder(DEMO / ("holder.toml" if "DF05" in profile.ids else "holder-1.0.toml"))
    # A regional variant may have no place for some elements of the invented holder.
    if "DF06" not in profile.ids:
        holder.data.pop("relief", None)
        for name in [each for each in holder.data if each not in _elements(profile.dictionary)]:
            holder.data.pop(name)
    finished = issue(
        profile,
        holder,
        load_roots(DEMO / "roots.toml"),
        IssueOptions(region=REGION, serial=SERIAL, pin=PIN, seed="tests"),
    )
    return blank(profile), finished


def _elements(dictionary: Any) -> set[str]:
    return {element.name for elements in dictionary.values() for element in elements}


def personalise(start: CardContents, finished: CardContents, **more: Any) -> tuple[Card, int]:
    """Build a card in process; the card and the number of commands."""
    card = Card(Image.in_memory(start), SeededRandom("card"))
    count = Personaliser(card.transmit, finished, more.pop("manufacturer_key", MANUFACTURER_KEY), **more).run()
    assert card.bug is None
    return card, count


def assert_equal(card: Card, finished: CardContents) -> None:
    """Assert that every cell is the issued card's, and that the image opens as that card."""
    expected, got = Image.in_memory(finished).store.load(), card.image.store.load()
    assert {at for at in expected.keys() | got.keys() if expected.get(at) != got.get(at)} == set()
    assert card.atr == finished.info.atr


FINANCIAL: Final = "[settings.financial]\n"
SECURED: Final = '[settings.sm]\nupdate_commands = "per-file"\nread_commands = "per-file"\n'


ENCIPHERED: Final = '{ update = "mac+cipher", read = "mac" }'


def secured(*files: str, how: str = "true") -> str:
    """A profile where these files take updates with a MAC only, or are secured in another way."""
    return SECURED + "".join(f'[[ef]]\nid = "{each}"\nsecured = {how}\n' for each in files)


VARIANTS: Final[dict[str, tuple[str, str]]] = {
    # A security module is not personalised over the manufacturer's commands.
    **{name: (name, "") for name in shipped_profiles() if name != "psam"},
    "two environments": ("two-environments.toml", ""),
    "a region of 2.0": ("ssc-2.0-region.toml", ""),
    "a city of 1.0": ("ssc-1.0-city.toml", ""),
    "secured files": ("ssc-2.0", secured("SSSE/EF06", "DF01/EF05", "DF04/EF08")),
    "secured files of SM4": ("ssc-2.0-sm4", secured("SSSE/EF06", "DF01/EF05", "DF04/EF08")),
    "secured files of 3.0": ("ssc-3.0", secured("SSSE/EF06", "DF01/EF05")),
    "secured files in two environments": ("two-environments.toml", secured("PAY/EF05", "PAY/EF07", "SSSE/EF06")),
    "enciphered files": ("ssc-2.0", secured("SSSE/EF06", "DF01/EF05", "DF01/EF16", "DF04/EF15", how=ENCIPHERED)),
    "enciphered files of SM4": ("ssc-2.0-sm4", secured("SSSE/EF06", "DF01/EF05", "DF04/EF15", how=ENCIPHERED)),
    "files read with a MAC": ("ssc-3.0", secured("SSSE/EF06", "DF01/EF05", how='{ read = "mac" }')),
    "secured files that are off": ("ssc-2.0", secured("SSSE/EF06").removeprefix(SECURED)),
    "strict rights": ("ssc-2.0", '[settings.state]\nglobal_rights = "strict"'),
    "strict rights in two environments": (
        "two-environments.toml",
        '[settings.state]\nglobal_rights = "strict"\npin_scope = "df-change"',
    ),
    "any command ends the challenge": ("ssc-2.0", '[settings.challenge]\nsurvives = "nothing"'),
    "unwritten bytes FF": ("ssc-2.0", "[settings.data]\nunwritten_byte = 255"),
    "whole APDUs": ("ssc-2.0", '[settings.transport]\nlevel = "apdu"\nextended = true'),
    "newest version": ("ssc-2.0", '[settings.key]\nversion_absent = "current"\ntries = 15'),
    "a named MF": ("ssc-2.0", '[[df]]\nid = "MF"\nname = "OWNER OF ALL"'),
    "no key in clear": ("ssc-2.0", "[settings.personalisation]\nplain_keys = false"),
    "no key in clear, SM4": ("ssc-2.0-sm4", "[settings.personalisation]\nplain_keys = false"),
    "with a financial environment": ("ssc-2.0", f'{FINANCIAL}kind = "both"\ncontactless = true'),
    "with passbook and purse": ("ssc-2.0-sm4", f'{FINANCIAL}kind = "edep"'),
    "with debit/credit of SM4": ("ssc-3.0", f'{FINANCIAL}kind = "debit_credit"'),
    "a bank card with strict rights": ("pboc", '[settings.state]\nglobal_rights = "strict"\npin_scope = "df-change"'),
    "other words": ("ssc-2.0", '[settings.status]\naccess_denied = "6985"'),
}


@pytest.mark.clause("Part 4, 5.2", "a whole card is built over APDUs by the owners of its keys")
@pytest.mark.clause("Part 4, 5.3", "a whole card is built over APDUs by the owners of its keys")
@pytest.mark.parametrize("variant", VARIANTS)
def test_a_personalised_card_is_the_issued_one_cell_by_cell(variant: str) -> None:
    start, finished = made(*VARIANTS[variant])
    card, count = personalise(start, finished)
    assert_equal(card, finished)
    assert {df.phase for df in card.image.dfs.values()} == {Phase.OPERATIONAL}
    files_and_keys = len(finished.efs) + len(finished.keys) + len(finished.dfs)
    assert count > files_and_keys


def test_a_card_without_pin_is_built_too() -> None:
    start, finished = made("ssc-2.0")
    pin = next(at for at, key in finished.keys.items() if key.usage is Usage.PIN)
    finished = replace(finished, keys={**finished.keys, pin: replace(finished.keys[pin], value=b"")})
    card, _ = personalise(start, finished)
    assert_equal(card, finished)


def test_an_internal_file_may_start_with_anything() -> None:
    start, finished = made("ssc-2.0")
    path = next(path for path, ef in finished.efs.items() if ef.structure is Structure.INTERNAL)
    written = bytes(range(1, finished.efs[path].size + 1))
    finished = replace(finished, contents={**finished.contents, path: written})
    card, _ = personalise(start, finished)
    assert_equal(card, finished)
    assert card.image.contents[path] == written


@pytest.mark.clause("Part 4, 7.2", "transport and temporary keys are drawn for each card")
@pytest.mark.clause("Part 4, 7.5", "transport and temporary keys are on no finished card")
@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4"])
def test_temporary_keys_are_drawn_and_on_no_finished_card(profile: str) -> None:
    start, finished = made(profile)
    drawn: list[bytes] = []
    stream = SeededRandom("machine")

    def random(length: int, /) -> bytes:
        drawn.append(stream(length))
        return drawn[-1]

    card, _ = personalise(start, finished, random=random)
    assert_equal(card, finished)
    held = b"\x00".join(cell.data for cell in card.image.store.load().values())
    temporary = [each for each in drawn if len(each) == 16]
    assert len(temporary) == 2  # transport key, master key of the one environment
    for value in temporary:
        assert value not in held
        assert bytes(byte & 0xFE for byte in value) not in bytes(byte & 0xFE for byte in held)


@pytest.mark.clause("Part 4, 7.3", "no key travels in clear but the transport key of a blank card")
@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-2.0-sm4"])
def test_no_key_of_the_card_travels_in_clear(profile: str) -> None:
    start, finished = made(profile)
    card = Card(Image.in_memory(start), SeededRandom("card"))
    sent: list[bytes] = []

    def channel(command: bytes) -> bytes:
        sent.append(command)
        return card.transmit(command)

    Personaliser(channel, finished, MANUFACTURER_KEY).run()
    traffic = b"\x00".join(sent)
    for key in finished.keys.values():
        assert key.value not in traffic
    assert [command[:2].hex() for command in sent].count("84d4") == len(finished.keys) + 1
    assert not any(command[:2] == b"\x80\xd4" for command in sent)


def test_progress_names_every_command_and_ends_with_all() -> None:
    start, finished = made("ssc-1.0")
    card = Card(Image.in_memory(start))
    seen: list[tuple[str, int, int]] = []
    count = Personaliser(card.transmit, finished, MANUFACTURER_KEY).run(lambda *each: seen.append(each))
    assert [done for _, done, _ in seen] == list(range(count + 1))
    assert {total for _, _, total in seen} == {count}
    assert seen[-1] == ("done", count, count)
    titles = [title for title, _, _ in seen]
    assert all(title and title.isascii() for title in titles)
    for needed in ("set the transport key", "load CMK", "create SSSE", "load a temporary EMK", "replace EMK"):
        assert titles.count(needed) == 1


@pytest.mark.parametrize("word", ["6985", "6A80", "63C2", "1234"])
@pytest.mark.parametrize("at", [0, 1, 3, 4, 7, 40, 111, 150])
def test_a_refusal_is_one_sentence_with_its_step(at: int, word: str) -> None:
    """Whatever the command and the word."""
    start, finished = made("ssc-1.0")
    card = Card(Image.in_memory(start))
    seen: list[str] = []
    commands = 0

    def channel(command: bytes) -> bytes:
        nonlocal commands
        if command[1] == 0x84 or command[1] == 0xC0:
            return card.transmit(command)
        commands += 1
        return bytes.fromhex(word) if commands == at + 1 else card.transmit(command)

    with pytest.raises(PersonaliseError) as raised:
        Personaliser(channel, finished, MANUFACTURER_KEY).run(lambda title, *_: seen.append(title))
    text = str(raised.value)
    assert text.startswith(f"{seen[-1]}: the card answered {word}, ")
    assert "\n" not in text
    assert not any(key.value and key.value.hex() in text.lower() for key in finished.keys.values())
    assert commands == at + 1


def test_a_refused_challenge_and_a_silent_card_are_one_sentence() -> None:
    start, finished = made("ssc-1.0")
    card = Card(Image.in_memory(start))

    def no_challenge(command: bytes) -> bytes:
        return b"\x6e\x00" if command[1] == 0x84 else card.transmit(command)

    with pytest.raises(PersonaliseError, match=r"^GET CHALLENGE: the card answered 6E00, wrong CLA$"):
        Personaliser(no_challenge, finished, MANUFACTURER_KEY).run()
    with pytest.raises(TerminalError, match="no answer"):
        Personaliser(lambda _: b"", finished, MANUFACTURER_KEY).run()


@pytest.mark.parametrize(
    ("name", "overrides", "step"),
    [
        ("another coding", '[settings.personalisation]\ncos = "none"', "set the transport key"),
        (
            "a foreign manufacturer's key",
            "[settings.personalisation]\nplain_keys = false",
            "authenticate the manufacturer's transport key",
        ),
        ("keys of odd parity only", '[settings.personalisation]\nparity = "check"', "load "),
    ],
)
def test_a_card_that_cannot_take_it_says_where_it_stopped(name: str, overrides: str, step: str) -> None:
    start, finished = made("ssc-2.0", overrides)
    foreign = bytes(16) if "foreign" in name else MANUFACTURER_KEY
    with pytest.raises(PersonaliseError, match=f"^{step}.*: the card answered 6"):
        personalise(start, finished, manufacturer_key=foreign)


def test_a_card_that_is_not_blank_is_refused_at_the_first_command_and_stays_as_it_is() -> None:
    start, finished = made("ssc-2.0")
    card, _ = personalise(start, finished)
    before = card.image.store.load()
    with pytest.raises(
        PersonaliseError,
        match=r"^authenticate the manufacturer's .*: the card answered 6A88, .*; is it a blank card of this profile\?$",
    ):
        Personaliser(card.transmit, finished, MANUFACTURER_KEY).run()
    assert card.image.store.load() == before


# -- what no command builds -----------------------------------------------------------------------------------


def _with_key(card: CardContents, owner: str, usage: Usage, kid: int | None) -> CardContents:
    key = Key("X1", usage, "3DES", bytes(range(16)), kid)
    return replace(card, keys={**card.keys, (KeyRef(owner, "X1"), 1): key})


def _without(card: CardContents, usage: Usage, owner: str) -> CardContents:
    kept = {at: key for at, key in card.keys.items() if key.usage is not usage or at[0].owner != owner}
    return replace(card, keys=kept)


def _moved_ef(card: CardContents) -> CardContents:
    path = f"{SSSE}/EF06"
    ef = replace(card.efs[path], path=f"{MF}/EF06")
    return replace(card, efs={**card.efs, ef.path: ef}, contents={**card.contents, ef.path: card.contents[path]})


def _moved_df(card: CardContents, path: str) -> CardContents:
    df = replace(card.dfs[f"{SSSE}/DF01"], path=path, name=b"MOVED")
    return replace(card, dfs={**card.dfs, path: df})


def _nested(card: CardContents) -> CardContents:
    path = f"{SSSE}/DDF3"
    return replace(card, dfs={**card.dfs, path: replace(card.dfs[SSSE], path=path, name=b"NESTED", fid=0xDDF3)})


def _foreign_rule(card: CardContents) -> CardContents:
    path = f"{SSSE}/DF01/EF05"
    other = next(at[0] for at, key in card.keys.items() if at[0].owner == f"{SSSE}/DF03" and key.kid)
    return replace(card, efs={**card.efs, path: replace(card.efs[path], read=make_rule([frozenset((other,))]))})


UNBUILDABLE: Final[dict[str, tuple[Callable[[CardContents], CardContents], str]]] = {
    "a key of the MF": (lambda card: _with_key(card, MF, Usage.EXTERNAL_AUTH, 0x04), "X1 is outside"),
    "a file of the MF": (_moved_ef, "3F00/EF06 is outside"),
    "an application of the MF": (lambda card: _moved_df(card, f"{MF}/DF01"), "3F00/DF01 is outside"),
    "an application in an application": (
        lambda card: _moved_df(card, f"{SSSE}/DF01/DF11"),
        "3F00/DDF1/DF01/DF11 is outside",
    ),
    "an environment in an environment": (_nested, "3F00/DDF1/DDF3 is outside"),
    "a card without card master key": (lambda card: _without(card, Usage.MASTER, MF), "MF has no master key"),
    "an environment without master key": (lambda card: _without(card, Usage.MASTER, SSSE), "SSSE has no master key"),
    "a rule that names a key of another application": (_foreign_rule, "cannot name STKDF03"),
}


@pytest.mark.parametrize("what", UNBUILDABLE)
def test_what_no_command_builds_is_said_before_the_first_one(what: str) -> None:
    start, finished = made("ssc-2.0")
    change, text = UNBUILDABLE[what]
    card = Card(Image.in_memory(start))
    before = card.image.store.load()
    with pytest.raises(PersonaliseError) as raised:
        Personaliser(card.transmit, change(finished), MANUFACTURER_KEY).run()
    assert text in str(raised.value)
    assert "\n" not in str(raised.value)
    assert card.image.store.load() == before
    assert card.last is None


def test_a_secured_file_without_a_key_for_its_mac_is_said_before_the_first_command() -> None:
    start, finished = made("ssc-2.0", secured("SSSE/EF06"))
    with pytest.raises(PersonaliseError, match=r"^write SSSE/EF06 record 1: the file takes updates with a MAC only"):
        personalise(start, _without(finished, Usage.MAC_ENC, SSSE))


def test_a_record_that_fits_into_no_secured_command_is_said_before_the_first_command() -> None:
    """LD, data, padding and MAC go into 255 bytes: 247 bytes of data under DES, 239 under SM4."""
    for profile, most in (("ssc-2.0", 247), ("ssc-2.0-sm4", 239)):
        start, finished = made(profile, secured("DF01/EF05", how=ENCIPHERED))
        path = f"{SSSE}/DF01/EF05"
        for length in (most, most + 1):
            record = bytes((0x20, length - 2)) + bytes(length - 2)
            ef = replace(finished.efs[path], size=600)
            card = replace(finished, contents={**finished.contents, path: (record,)}, efs={**finished.efs, path: ef})
            if length == most:
                personalise(start, card)
                continue
            with pytest.raises(
                PersonaliseError, match=f"record 1: its {length} bytes and their MAC do not fit into a command"
            ):
                personalise(start, card)


def test_a_card_whose_environment_is_the_mf_is_said_not_to_be_built() -> None:
    start, finished = made("ssc-2.0", '[settings.structure]\nssse_location = "mf"')
    assert not any(df.kind is DfKind.DDF for df in finished.dfs.values())
    with pytest.raises(PersonaliseError, match="the environment of this card is the MF itself"):
        personalise(start, finished)


def test_no_key_stands_in_the_repr_of_the_machine() -> None:
    _, finished = made("ssc-2.0")
    shown = repr(Personaliser(lambda _: b"\x90\x00", finished, MANUFACTURER_KEY)).lower()
    assert not any(repr(key.value).lower() in shown for key in finished.keys.values() if key.value)
