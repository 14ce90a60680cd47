"""One key, one function (一密钥一功能; Part 4, 7.1): every key of the card in every command that uses keys.

Who may do what is typed here from the digest (10) and the purposes of Part 6, table 3.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from cardfs.memory.image import Image
from emulator.cards import Card
from keys.errors import KeyUnknown
from keys.generate import SeededRandom
from keys.records import Key, KeyRef, KeyState, Usage
from tests.kit.access import PROFILES, PROVING, csv_rows, names, table
from tests.kit.card import MF, ORIGINAL, PIN_CN, SSSE, CardBench, HandmadeBench, contents, handmade, reference_key
from tests.kit.reference import Reference

profiles = pytest.mark.parametrize("profile", PROFILES)

LOCKS = {"DF03": ("LKDF03", "STKDF03"), "DF04": ("LKDF04", "STKDF04"), "DF06": ("LKDF06", "STKDF06")}
RANDOM_1 = bytes.fromhex("5152535455565758")


def usages(profile: str) -> dict[tuple[str, str], str]:
    """Usage of every key of the card by owner and name, from the key table."""
    card = contents(profile)
    rows = {(row["df"], row["name"]): row["usage"] for row in csv_rows("keys.csv")}
    owned = {(card.dfs[ref.owner].label, ref.name) for ref, _ in card.keys}
    return {(df, name): rows[df, "UKSSSE" if name == "UKMF" else name] for df, name in owned}


def lockable(profile: str) -> dict[str, tuple[str, str]]:
    """The applications of a profile that have a lock key."""
    owned = {name for _, name in usages(profile)}
    return {df: pair for df, pair in LOCKS.items() if pair[0] in owned}


def bench_in(profile: str, df: str) -> CardBench:
    """A fresh card with ``df`` selected."""
    bench = CardBench(profile)
    if df != "MF":
        bench.select_df(df)
    return bench


def candidates(profile: str) -> Iterator[tuple[str, str, bytes]]:
    """Every secret of the card as a terminal may know it: name, suite, value; the halves of long ones too."""
    suite = contents(profile).info.suite
    for _, name in sorted(usages(profile)):
        if name == "PIN":
            continue
        value = reference_key(name, suite)
        yield name, suite, value
        if suite == "3DES":
            yield name, "DES", reference_key(name, "DES")
            yield name, "DES", value[:8]
            yield name, "DES", value[8:]


def secured(bench: CardBench, header: str, suite: str, value: bytes) -> bytes:
    """A command with a MAC under any value."""
    rules = Reference(suite)
    covered = bytes.fromhex(header) + b"\x04"
    return covered + rules.mac(rules.session_key(value, bench.challenge()), covered)


# -- EXTERNAL AUTHENTICATION ----------------------------------------------------------------------


@profiles
@pytest.mark.clause("Part 4, 7.1", "external authentication takes the keys made for it")
def test_external_authentication_takes_the_keys_made_for_it_and_refuses_all_others(profile: str) -> None:
    """6A88 for a key of another function, with its own right value and its own KID."""
    known = usages(profile)
    for (df, name), usage in sorted(known.items()):
        bench = bench_in(profile, df)
        keys = [key for (ref, _), key in bench.card.image.keys.items() if ref.name == name]
        if keys[0].kid is None:
            assert usage not in PROVING, f"{name} cannot be addressed"
            continue
        before = bench.cells()
        assert bench.authenticate(name) == ("9000" if usage in PROVING else "6A88"), name
        assert bool(bench.card.session.proofs) is (usage in PROVING)
        assert bench.cells() == before


@profiles
def test_no_kid_reaches_a_key_without_one(profile: str) -> None:
    """Master, PIN and trade keys are not addressed by P2 (digest, 10)."""
    for df in ("MF", *dict.fromkeys(owner for owner, _ in usages(profile))):
        bench = bench_in(profile, df)
        image = bench.card.image
        own = bench.card.session.df
        addressed = {
            key.kid
            for (ref, _), key in image.keys.items()
            if (ref.owner == own or ref.owner == image.environment(own)) and str(key.usage) in PROVING
        }
        for kid in range(256):
            bench.challenge()
            word = bench.send(bytes((0x00, 0x82, 0x00, kid, 0x10)) + bytes(16))
            assert (word == "6A88") is (kid not in addressed), f"{df} {kid:02X}"


@pytest.mark.parametrize("profile", ["ssc-2.0", "ssc-3.0"])
@pytest.mark.clause("Part 4, 7.1", "the value of every other key proves nothing")
def test_the_value_of_every_other_key_proves_nothing(profile: str) -> None:
    """Each authentication key of DF04 against the values of all keys of the card."""
    suite = contents(profile).info.suite
    for df in ("DF04",):
        for (owner, name), usage in sorted(usages(profile).items()):
            if owner != df or usage not in PROVING:
                continue
            bench = bench_in(profile, df)
            kid = bench.kid(name)
            for other, kind, value in candidates(profile):
                if other == name and kind == suite and value == reference_key(name, suite):
                    continue
                bench.card = Card(Image.in_memory(contents(profile)), SeededRandom(other))
                bench.select_df(df)
                data = Reference(kind).auth(value, bench.challenge(), ORIGINAL) + ORIGINAL
                word = bench.send(bytes((0x00, 0x82, 0x00, kid, 0x10)) + data)
                assert word.startswith("63C"), f"{name} took {other}"
                assert bench.card.session.proofs == frozenset()


# -- INTERNAL AUTHENTICATION ----------------------------------------------------------------------


@profiles
@pytest.mark.clause("Part 4, 7.1", "internal authentication computes with the issuer's key")
def test_internal_authentication_computes_with_the_issuer_key_only(profile: str) -> None:
    """Part 5, 6.7; there is a key of this function in the SSSE only, so an MF command finds none."""
    suite = contents(profile).info.suite
    rows = usages(profile)
    assert [key for key, usage in rows.items() if usage == "internal-auth"] == [("SSSE", "IRK")]
    for df in ("SSSE", *(df for df in dict.fromkeys(owner for owner, _ in rows) if df not in ("MF", "SSSE"))):
        bench = bench_in(profile, df)
        answer = bench.ask(bytes.fromhex("0088000010") + RANDOM_1 + ORIGINAL)
        assert answer == Reference(suite).auth(reference_key("IRK", suite), RANDOM_1, ORIGINAL).hex().upper() + "9000"
    bench = bench_in(profile, "MF")
    assert bench.card.session.df == MF
    assert bench.ask(bytes.fromhex("0088000010") + RANDOM_1 + ORIGINAL) == "6A88"


# -- commands under secure messaging --------------------------------------------------------------


@profiles
def test_card_block_takes_the_mac_of_the_maintenance_key_only(profile: str) -> None:
    """Part 5, 6.2: STK of the environment."""
    right = contents(profile).keys
    maintenance = "DES" if contents(profile).info.suite == "3DES" else "SM4"
    for name, suite, value in candidates(profile):
        bench = bench_in(profile, "SSSE")
        bench.prove(["BK"])
        word = bench.send(secured(bench, "84160000", suite, value))
        fits = name == "STK" and suite == maintenance and value == reference_key("STK", maintenance)
        assert word == ("9000" if fits else "6988"), name
        assert bench.card.image.info.blocked is fits
    assert right == contents(profile).keys


@profiles
def test_application_block_takes_the_mac_of_the_applications_own_maintenance_key_only(profile: str) -> None:
    """Part 5, 6.1: STKDFnn, not the environment's STK."""
    maintenance = "DES" if contents(profile).info.suite == "3DES" else "SM4"
    for df, (lock, own) in lockable(profile).items():
        for name, suite, value in candidates(profile):
            bench = bench_in(profile, df)
            bench.prove([lock])
            word = bench.send(secured(bench, "841E0001", suite, value))
            fits = name == own and suite == maintenance and value == reference_key(own, maintenance)
            assert word == ("9000" if fits else "6988"), f"{df} {name}"


@profiles
def test_pin_unblock_takes_the_mac_of_the_maintenance_key_only(profile: str) -> None:
    """Part 5, 6.8; the same key in every application (digest, 12)."""
    maintenance = "DES" if contents(profile).info.suite == "3DES" else "SM4"
    for name, suite, value in candidates(profile):
        bench = bench_in(profile, "DF04")
        bench.prove(["PUK"])
        word = bench.send(secured(bench, "84240000", suite, value))
        fits = name == "STK" and suite == maintenance and value == reference_key("STK", maintenance)
        assert word == ("9000" if fits else "6988"), name


@profiles
@pytest.mark.clause("Part 4, 7.1", "each maintenance command needs its one right")
def test_each_maintenance_command_needs_the_one_key_that_gives_its_right(profile: str) -> None:
    """BK for the card, LKDFnn for its application, PUK for the PIN (digest, 8.1, 8.2 and 8.8)."""
    for (owner, name), usage in sorted(usages(profile).items()):
        if usage not in PROVING:
            continue
        where = owner if owner in lockable(profile) or owner != "SSSE" else "DF03"
        for header, right, key in (
            ("84160000", "BK", "STK"),
            ("84240000", "PUK", "STK"),
            ("841E0001", LOCKS.get(where, ("", ""))[0], LOCKS.get(where, ("", ""))[1]),
        ):
            if not key:
                continue
            bench = bench_in(profile, where)
            bench.prove(["PIN", name])
            before = bench.cells()
            word = bench.send(bench.secured(header, key=key))
            assert word == ("9000" if name == right else "6982"), f"{header} with {name}"
            if name not in (right, "PUK"):
                assert bench.cells() == before


@profiles
def test_special_rights_open_no_file(profile: str) -> None:
    """PUK, BK, LK and DSK stand in no access rule (digest, 6)."""
    special = {name for (_, name), usage in usages(profile).items() if usage != "external-auth"} - {"PIN"}
    assert not special & {name for row in table(profile) for rule in (row.read, row.update) for name in names(rule)}


@profiles
def test_a_key_that_is_asked_for_another_function_is_not_there(profile: str) -> None:
    """Turn the one key that a command needs into any other kind: 6A88, whatever was proven."""
    for name, header, df in (("STK", "84160000", "SSSE"), ("PUK", "84240000", "SSSE"), ("BK", "84160000", "SSSE")):
        for usage in Usage:
            bench = bench_in(profile, df)
            image = bench.card.image
            at = next(at for at in image.keys if at[0].name == name)
            if usage is image.keys[at].usage or (usage is Usage.PIN):
                continue
            bench.prove(["BK", "PUK"])
            apdu = bench.secured(header)
            key = image.keys[at]
            image.keys[at] = Key(key.name, usage, key.suite_name, key.value, key.kid, 1, key.tries_max)
            assert bench.send(apdu) == "6A88", f"{name} as {usage}"


def test_a_key_record_refuses_every_usage_but_its_own_and_tells_no_value() -> None:
    for usage in Usage:
        key = Key("K", usage, "SM4", bytes.fromhex("DEADBEEF" * 4))
        for other in Usage:
            if other is usage:
                assert key.require(other) is key
                continue
            with pytest.raises(KeyUnknown) as refusal:
                key.require(other)
            assert "deadbeef" not in str(refusal.value).lower()


@pytest.mark.parametrize("state", [KeyState.RETIRED, KeyState.DEAD])
def test_a_key_that_is_not_active_does_nothing_at_all(state: KeyState) -> None:
    """Part 4, 7.5."""
    for usage in Usage:
        with pytest.raises(KeyUnknown):
            Key("K", usage, "SM4", bytes(16), state=state).require(*Usage)


def test_the_pin_of_the_bench_is_a_secret_of_no_key() -> None:
    assert all(PIN_CN not in key.value for (ref, _), key in contents().keys.items() if ref.owner != SSSE)


def test_the_highest_bit_of_a_kid_alone_says_whose_key_is_meant() -> None:
    """Part 5, table 14: b7 = 0 is a key of the environment, also where an application has one of that number."""
    made = handmade()
    stray = Key("STRAY", Usage.EXTERNAL_AUTH, "3DES", bytes(range(16)), 0x04, 1, 3)
    local = KeyRef(f"{SSSE}/DF01", "STRAY")
    bench = HandmadeBench(contents=replace(made, keys={**made.keys, (local, 1): stray}))
    bench.select_df("DF01")
    assert bench.authenticate("UK", 0x04) == "9000"
    assert bench.card.session.proofs == {KeyRef(SSSE, "UK")}
    data = Reference("3DES").auth(stray.value, bench.challenge(), ORIGINAL) + ORIGINAL
    assert bench.send(bytes.fromhex("0082000410") + data) == "63C2"
    assert bench.card.session.proofs == {KeyRef(SSSE, "UK")}
